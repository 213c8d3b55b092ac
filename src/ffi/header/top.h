/* Rendered from src/ffi and src/extension by build.rs. Do not edit: change the source, then run
 *     RBTOKEN_UPDATE=1 cargo build
 * SPDX-License-Identifier: MIT
 */

/**
 * @file rbtoken.h
 * Review Board API tokens for native programs.
 *
 * A store issues API tokens, finds them, and tells their fields, by the rules of Review Board 8.1.
 * A first program:
 *
 *     rbtoken_store_t *store; rbtoken_token_t *token; bool created; rbtoken_error_t *error = NULL;
 *     if (rbtoken_store_open(NULL, &store, &error) != RBTOKEN_OK) return fail(error);
 *     if (rbtoken_store_get_or_create_client_token(store, RBTOKEN_STR("alice"),
 *                                                  RBTOKEN_STR("RBTools"), NULL, &token, &created,
 *                                                  &error) != RBTOKEN_OK) return fail(error);
 *     puts(rbtoken_token_value(token, NULL));
 *     rbtoken_token_release(token);
 *     rbtoken_store_release(store);
 *
 * Errors
 * ------
 * A function that can fail returns an rbtoken_status_t, which is RBTOKEN_OK (0) or tells what went
 * wrong. Where it takes an `rbtoken_error_t **error`, it sets `*error` to NULL first, without
 * looking at what was there, and on failure to an error that the host frees: it has a message, the
 * name of the argument at fault, and the place in a JSON document. With NULL for `error` no error
 * is created. No error is kept for the thread or the process.
 *
 * Every output is set to NULL, 0 or false before anything is checked, and to a result only on
 * success. A call that fails has changed nothing. RBTOKEN_E_INTERNAL is a defect of the library; a
 * store that it may have left half-changed answers RBTOKEN_E_POISONED from then on, and the store
 * of an extension that was shut down answers RBTOKEN_E_STATE. A store in a file answers
 * RBTOKEN_E_FORKED in a child of fork(), and where it cannot write RBTOKEN_E_IO (the disk is full,
 * or failed, or the file was taken away), RBTOKEN_E_LOCKED, RBTOKEN_E_CORRUPT or
 * RBTOKEN_E_DATABASE, with the path in the message. RBTOKEN_E_NO_MEMORY is explained under
 * "Memory". A NULL handle is RBTOKEN_E_NULL_ARGUMENT, or the answer NULL, 0 or false where there is
 * no status; to release or free NULL does nothing.
 *
 * Text
 * ----
 * All text is UTF-8. Text goes in as a pointer and a length in bytes, so that a part of a longer
 * text can be passed as it is; RBTOKEN_NUL_TERMINATED as the length stands for a C string, and
 * RBTOKEN_STR() writes both. A NUL inside a text, and bytes that are not UTF-8, are refused. A text
 * that may be absent is absent if it is NULL with the length 0; NULL with another length is an
 * error; a pointer that is not NULL with the length 0 is the empty text. No text is longer than
 * 1 MiB.
 *
 * Text comes out as a pointer to a NUL-terminated text that belongs to the handle it was asked of,
 * and is valid until that handle is released. Its length goes to `len`, if that is not NULL.
 *
 * Times are microseconds since the Unix epoch, UTC, within the years 1 to 9999, in parameters and
 * fields named `…_us`.
 *
 * JSON documents are objects of at most 1 MiB and 128 levels. An integer outside 64 bits, and a
 * float that is not finite, are refused: they could not be given back unchanged. Where an object
 * names a member twice, the last one counts. What is given back is written in ASCII, and may be
 * longer than what was given: a document that is near the limit may not be accepted again.
 *
 * Options structs
 * ---------------
 * A struct that a host fills in starts with `struct_size`, which RBTOKEN_INIT() sets together with
 * all defaults: every field 0 or NULL. Languages that cannot use C's macros call
 * rbtoken_options_init() and rbtoken_text_set(), which are inline functions. A program that was
 * compiled with an older or a newer header has shorter or longer structs; both work. A size that no
 * header ever had is RBTOKEN_E_STRUCT_SIZE, and a field that this library does not know and that is
 * not 0 is RBTOKEN_E_UNSUPPORTED_OPTION. An output must not lie inside such a struct.
 *
 * Ownership
 * ---------
 * What a function gives to the host through an output belongs to the host:
 *
 * | type | given back with |
 * | --- | --- |
 * | rbtoken_store_t | rbtoken_store_release(); more references with rbtoken_store_retain() |
 * | rbtoken_token_t | rbtoken_token_release(); more references with rbtoken_token_retain() |
 * | rbtoken_token_list_t | rbtoken_token_list_free() |
 * | rbtoken_policy_t | rbtoken_policy_free() |
 * | rbtoken_service_account_t | rbtoken_service_account_free() |
 * | rbtoken_instance_t | `destroy` of the extension table |
 * | rbtoken_buffer_t | rbtoken_buffer_free() |
 * | rbtoken_error_t | rbtoken_error_free() |
 *
 * Handles may be given back in any order: a token outlives its store. The library copies what it
 * needs of a host's texts and structs before a call returns. The host never calls free() on
 * something of the library's, nor the library on something of the host's.
 *
 * Threads
 * -------
 * Each function has one of these tags:
 *
 * - `[thread-safe]`: it may be called from any thread at any time;
 * - `[immutable]`: it reads what never changes: any number of calls at once;
 * - `[exclusive]`: no other call on the same object at the same time.
 *
 * The library starts no threads, save one for each store in a file, which writes it; all signals
 * are blocked there.
 *
 * After `fork()` the child may go on using a store in memory if no other thread was inside a call
 * at the time; parent and child never generate the same value. A store elsewhere stays the
 * parent's: in the child every call answers RBTOKEN_E_FORKED, and releasing it does nothing. Hosts
 * that fork open their stores after it, which works whatever other threads of the parent were
 * doing. The library's fork handlers wait until no thread is opening a store or inside SQLite:
 * fork() must not be called in a signal handler, and a host's own pthread_atfork() handlers must
 * not call the library.
 *
 * A thread that calls the library needs a stack of 64 KiB or more: with 32 KiB, a document of 128
 * levels ends the process.
 *
 * Callbacks are called on the thread whose call needs them, with no lock held, and may call back
 * into the same store. They must not throw: an exception ends the process with a message. So does
 * pthread_cancel() of a thread that is inside a call.
 *
 * Memory
 * ------
 * RBTOKEN_E_NO_MEMORY means that memory is exhausted and that nothing has changed. The functions
 * that list it answer it for every mapping, and for every allocation of 4 KiB or more; on Review
 * Board's database every function may. Before a document is read, a list made or a file loaded, the
 * library checks that there is memory for all of their parts; another thread may still take it in
 * between. The error itself needs no memory. (A writer's thread that the system cannot start is
 * RBTOKEN_E_IO.)
 *
 * A smaller allocation that fails ends the process, as Rust's allocator does: with a message on the
 * standard error stream, and abort(). New tokens leave about 1 MiB free to prevent that: they are
 * refused first, while logins, invalidations and deletions go on. A call that changes many tokens
 * needs memory for each of them, so it can be refused where a call for one token succeeds. A login
 * succeeds even if there is no memory to record its time in a file. The time is written the next
 * time the token is used or changed.
 *
 * Stores in files
 * ---------------
 * With a path as its `location` a store is in a file, and answers what it is asked from memory. A
 * change is on the disk when its call returns: neither a crash nor a power cut takes it back. Calls
 * that wait at the same time share one write. Only the time of a login (rbtoken_token_last_used())
 * is written later: a second later at most, with rbtoken_store_flush(), and with the last release.
 *
 * A change that cannot be written has not happened: its call fails, the store goes on answering
 * from memory, and it takes changes again once one can be written. (If the disk refuses everything
 * from then until the process ends, the last change that was refused may be found when the file is
 * opened again: nobody could take it back.)
 *
 * A file has one owner: a second store on it, in any process, is RBTOKEN_E_LOCKED. When the owner
 * ends or crashes, the lock is released, even while children of `fork()` live. (A child that was
 * made without fork handlers, by _Fork() or a bare system call, keeps the lock until it ends or
 * calls exec.) Symbolic links are followed when the file is opened. A file with a second name (a
 * hard link, or a mount of the file alone) is refused, since its log has only one.
 *
 * The file and its directory must belong to the user that the process acts for, to root, or to a
 * user of the setting `trusted_owners`. A group that may write to either must be listed there too,
 * as for a Kubernetes volume with an `fsGroup` or under umask 002; the error's message has the
 * entry to add. Others must not be able to write. A directory with the sticky bit, such as /tmp,
 * may be writable by anyone. Whoever is listed can replace the file, and read all values in it.
 *
 * While a store has the file open, no other program can read or write it, and no other SQLite in
 * the same process (Linux: a lock of the open file description, F_OFD_SETLK). Where the system or
 * the file system has no such lock, SQLite's own locks are used. Those belong to the process: they
 * end when anything in it closes the file, and do not keep out another SQLite in it, which can then
 * destroy the file. There, a host must not open the file by other means, nor a child of `fork()` a
 * file that its parent has had open.
 *
 * The host may close descriptors of the store, and reuse their numbers, for instance as a daemon
 * does: every change is then refused with RBTOKEN_E_IO, nothing is written to the host's files, and
 * rbtoken_store_export_file() and rbtoken_store_backup() still give everything, until the file is
 * opened again. So it is when another program changes the size of the file or its log: export first
 * then, since the file has only what that program left. After a chroot() the store goes on.
 *
 * A host may run with its standard streams closed: no file of a store, and no connection to a
 * database, gets a descriptor below 3. Those that are closed are filled with /dev/null first, which
 * stays open.
 *
 * The file is a database of SQLite, with a second one beside it, named `…-wal`, while the store is
 * open: both or none are to be copied or moved, and rbtoken_store_backup() makes copies. Its tables
 * are those of Review Board 8.1 (`webapi_webapitoken`, `auth_user`, `site_localsite`), for other
 * programs to read while no store has it open, and for rows to be moved there. It has the values of
 * the tokens in plain text. A new file can be read by its owner alone; one that exists keeps its
 * mode.
 *
 * Review Board's database
 * -----------------------
 * A store whose location is one of these works on the tables of a Review Board server, 5.0 or
 * newer. The server accepts its tokens, it knows the server's, and any number of hosts may do so at
 * once:
 *
 *     reviewboard+sqlite:///path/of/reviewboard.db
 *     postgresql://user:password@host/database
 *     mysql://user:password@host/database        (or mariadb://)
 *
 * Percent-encode reserved characters and white space. `host` may be several, as in
 * `host1:5432,host2`. Query parameters, each at most once:
 *
 * - `user`, `password`, `port`: the same as `user:password@` and `:port` in the URL.
 * - `host` (PostgreSQL): the folder of a Unix socket. `socket` (MySQL): the path of one. Both
 *   replace the host, and go with a user and a password.
 * - `passfile`: a file of lines `host:port:database:user:password`, with the mode 0600. For
 *   PostgreSQL, `PGPASSWORD`, `PGPASSFILE` and `~/.pgpass` are used as by libpq if the location has
 *   neither a password nor a file, except in a set-user-ID process.
 * - `sslmode`: `verify-full` checks that the server's certificate is good for the host's name. It
 *   is the default for every host but the loopback. `verify-ca` checks only who signed it.
 *   `require` checks nothing, and is open to interception. `disable` is the default for the
 *   loopback and for sockets.
 * - `sslrootcert`: a PEM file of the authorities that are trusted instead of the well-known ones.
 *   `sslcert` and `sslkey`: PEM files of a client certificate and its key.
 * - `target_session_attrs`: `read-write` skips hosts that are read-only, and is the default for
 *   several hosts. `any` accepts them, and is the default for one host.
 * - `pooler` (PostgreSQL): `transaction` is needed behind PgBouncer in its transaction mode.
 *
 * docs/databases.md has the details. A location that is malformed, has white space or a fragment,
 * or names a parameter twice, is RBTOKEN_E_INVALID_ARGUMENT. The message names the part, and no
 * message quotes the location. The library must have been built with the cargo feature `sqlite`,
 * `postgres` or `mysql`.
 *
 * Text that the character set of a column cannot hold, such as an emoji in utf8mb3, is the value or
 * name of nothing; written, it is RBTOKEN_E_INVALID_ARGUMENT and the error names the argument.
 *
 * Users, Local Sites and the setting `client_token_expiration` are the server's: a user or site
 * that it does not have is RBTOKEN_E_NOT_FOUND, and what would change them is
 * RBTOKEN_E_UNSUPPORTED. Its signals and e-mails are not sent for what the library changes.
 *
 * An accepted login writes `last_used`, as the server does. With the setting
 * `last_used_interval_secs`, it writes only when the time in the row is that old; with `null`, it
 * writes nothing, which suits a standby and an account that may only read.
 *
 * With the setting `login_cache_secs`, accepted logins are cached, and a login asks the server only
 * when its entry is that old, or when it has to write `last_used`. So the cache has no effect while
 * `last_used_interval_secs` is 0. Refused logins are not cached. Expiration and site are checked at
 * every login, and the hook `used` is called. WARNING: what others change (the server's pages,
 * another host, SQL) is seen up to `login_cache_secs` later, and on a standby later still. Until
 * then, a token that they revoke is accepted, as is one whose user they deactivate, and its old
 * policy and expiration count. What is revoked through this store is refused at once, unless the
 * outcome was not known. rbtoken_store_forget_logins() removes entries.
 *
 * WARNING: a reviewboard+sqlite database is shared by SQLite's own locks, which belong to a
 * process. A process that opens it with this library must not open it with another SQLite too (such
 * as Python's or PHP's), nor open and close the file itself: the locks vanish, and the database is
 * destroyed within seconds of writing. Use separate processes, or PostgreSQL or MySQL. For the same
 * reason, a child of `fork()` must not open such a database while the parent has it open.
 *
 * Any call may answer RBTOKEN_E_IO if the database cannot be reached, RBTOKEN_E_TIMEOUT if it does
 * not answer in time, and RBTOKEN_E_DATABASE if it refuses. A change has then not happened, with
 * one exception that the message names: if a commit was sent and not answered, the outcome is not
 * known.
 *
 * A call about one token ends within `call_timeout_secs`: waiting for a connection, connecting,
 * every statement and every retry included. Listing, exporting, purging and invalidating the tokens
 * of a user or of everyone end within `bulk_timeout_secs`. Resolving a host name is not covered by these
 * limits; the last address that worked is tried first. The timeouts of the session on the server
 * are shorter than the call's, so that no statement keeps waiting for a lock there.
 *
 * Rows are read one by one, and before each the library checks that there is memory for it: on
 * SQLite no row of whatever size ends the process. The drivers of PostgreSQL and MySQL allocate the
 * row that they receive (PostgreSQL's also the next ones, up to what its buffers hold) without
 * reporting a failure: a single row of more than 32 KiB can end the process if memory is exhausted.
 * If there is no memory for a document or text of more than 1 MiB, only its row cannot be read. A
 * shorter one is RBTOKEN_E_NO_MEMORY for the whole call, so that a list is never shorter than it
 * should be. Revocation does not need that memory. (SQLite writes the row anew, for which it needs
 * up to four times the row's size.)
 *
 * rbtoken_store_purge_tokens() commits up to 500 tokens at a time: those that were purged before a
 * failure are gone. Revocation reads no documents. If hooks are registered, tokens are read for their
 * events, 16 at a time: after they were invalidated, or before they are deleted. Tokens that cannot
 * be read then have no event. After `fork()` every call in the child that would ask the database
 * answers RBTOKEN_E_FORKED; the connections are the parent's.
 *
 * The server's users can store documents that are not JSON. `policy` and `extra_data` are read as
 * the server reads them: as Python's json (with NaN, infinities and lone surrogates), a string that
 * holds JSON once more, or a Python literal; any other text counts as `{}`. rbtoken_token_policy()
 * and rbtoken_token_extra_data() give the stored text. rbtoken_token_to_json() gives JSON: NaN and
 * infinities are null, and U+FFFD replaces a lone surrogate. rbtoken_store_export_file() gives the
 * same JSON, and the stored text beside it. Four differences make the library stricter than the
 * server:
 *
 * - A policy denies everything if its text is neither JSON nor a Python literal, if it is not an
 *   object, or if a part of its `resources` has the wrong type; rbtoken_token_allows() then answers
 *   RBTOKEN_E_CORRUPT, and the message names the token and the column. SQL NULL, an empty text, `{}`
 *   and a false `resources` allow everything, as on the server.
 * - A row with a cell that cannot be read, such as PostgreSQL's `infinity`, MySQL's zero date, bytes
 *   that are not UTF-8, a name that holds a NUL or a document of more than 2 MiB, logs nobody in: the
 *   login answers RBTOKEN_E_CORRUPT. The same holds for a row whose user is missing. Such a token can
 *   be found, listed, invalidated, deleted and purged, and other tokens are not affected. A list
 *   shows it as expired if the cell is `expires`.
 * - A `client_name` that holds a NUL is not a client's name.
 * - A Python literal with a character by its name (`\N{...}`) is not read. Literals are read as by
 *   Python 3.11: to 200 brackets inside one another, and integers to 4,300 digits.
 *
 * Secrets
 * -------
 * Whoever can ask a store for tokens can act as any user. A token's value is a secret: it is wiped
 * from memory when the last handle goes, and appears in no error. rbtoken_token_redacted() is what
 * may be logged.
 *
 * After the last release no value is left in the memory of the process, be the store in memory, in
 * a file or on Review Board's database on SQLite, and after exports, imports and backups. The
 * drivers of PostgreSQL and MySQL free what they send and receive without wiping it, where it stays
 * until the memory is used again: of 20 values, all 20 were found after the last release of a store
 * that had just created them, and 5 to 11 after that of one that had gone on with other calls. A
 * host that cannot accept this prevents core dumps, and lets nobody else read its memory.
 *
 * A store in a file, its backups and exports have the values in plain text. The values of deleted
 * tokens leave the file and its log with rbtoken_store_purge_tokens(), with a call that removes
 * 1,000 tokens or more, with rbtoken_store_flush() and with the last release; until then the log
 * has them. This erases nothing from the medium: free blocks of the disk, its journal, its
 * snapshots and copies may still have what was written.
 *
 * ABI policy
 * ----------
 * The shared library's name ends with the major version, as RBTOKEN_VERSION_MAJOR tells it. A minor
 * version adds: functions, statuses, verdicts, values of enums, flags, fields at the end of
 * structs, members at the end of tables; a program that was compiled with an older header of the
 * same major version goes on working. A major version may change or remove. Numbers are never given
 * a second meaning. Ask rbtoken_abi_is_compatible() at start; treat a status, verdict or event that
 * the program does not know as a failure.
 *
 * Unloading
 * ---------
 * The library cannot be unloaded: dlclose() leaves it in place, since a thread of the host may
 * still have to run its destructors.
 */
