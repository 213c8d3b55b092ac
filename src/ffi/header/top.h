/* Rendered from src/ffi by build.rs. Do not edit: change the source, then run
 *     RBTOKEN_UPDATE=1 cargo build
 * SPDX-License-Identifier: MIT
 */

/**
 * @file rbtoken.h
 * Review Board API tokens for native programs.
 *
 * Review Board is a web application for code review. Its users, and programs that act for them,
 * call its web API with API tokens: long random strings that belong to a user and can expire, be
 * revoked, or be restricted by a policy. This library creates, stores, finds, checks and revokes
 * such tokens by the rules of Review Board 8.1. It keeps them in memory, in a file, or in the
 * database of a Review Board server.
 *
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
 * Overview
 * --------
 * A *store* holds tokens. rbtoken_store_open() opens one in memory, or at a *location*: the path of
 * a file, or the URL of a database. A *token* handle is a *snapshot*: it shows the token's fields
 * as they were when a function returned it.
 *
 * | task | functions |
 * | --- | --- |
 * | get the token of a client program for a user | rbtoken_store_get_or_create_client_token() |
 * | create a token for any other purpose | rbtoken_store_generate_token() |
 * | add a token that exists elsewhere | rbtoken_store_import_token() |
 * | log a caller in with an `Authorization` header | rbtoken_store_authenticate_header() |
 * | log a caller in with a token's value | rbtoken_store_authenticate() |
 * | check what the caller may do | rbtoken_token_allows() |
 * | look a token up | rbtoken_store_find_token(), rbtoken_store_get_token() |
 * | list tokens | rbtoken_store_list_tokens() |
 * | read a token's fields | rbtoken_token_value(), rbtoken_token_user(), rbtoken_token_to_json(), … |
 * | change a token | rbtoken_store_update_token() |
 * | revoke a token | rbtoken_store_invalidate_token() |
 * | revoke the tokens of a user | rbtoken_store_invalidate_user_tokens() |
 * | delete tokens | rbtoken_store_delete_token(), rbtoken_store_purge_tokens() |
 * | change a setting | rbtoken_store_set_setting() |
 * | observe events | rbtoken_store_add_hooks() |
 * | copy a store | rbtoken_store_backup() |
 * | copy tokens to another store | rbtoken_store_export_file(), rbtoken_store_import_file() |
 *
 * A *client token* belongs to a client program of a user, such as RBTools. The `extra_data` of the
 * token is a JSON object, whose member `client_name` is the program's name. A *Local Site* is a
 * separate section of a Review Board server; a token of a Local Site is accepted only there, and a
 * token of the *global site* everywhere. A *policy* restricts the HTTP methods and resources that a
 * token can be used for. A *generator* creates token values; tokens of a *deprecated* generator
 * still work, but should be replaced. A *verdict* is the result of a login. A token is *usable* if
 * it was not invalidated and has not expired.
 *
 * Users, clients and Local Sites are identified by name. The *host* is the program that uses this
 * library. It must authenticate its callers itself: **whoever can call the functions that return
 * tokens can act as any user.**
 *
 * rbtoken_extension.h is for hosts that load the library at run time with dlopen(). This header
 * includes it unless RBTOKEN_NO_EXTENSION is defined. docs/terms.md explains all terms.
 *
 * Errors
 * ------
 * A function that can fail returns an rbtoken_status_t: RBTOKEN_OK (0), or the kind of failure. If
 * the function has a parameter `rbtoken_error_t **error`, it sets `*error` to NULL first, without
 * reading the old value. On failure it sets `*error` to an error object, which the host frees with
 * rbtoken_error_free(). The object has a message, the name of the argument at fault, and the JSON
 * path of the fault in a document. Pass NULL for `error` if you do not need it. There is no "last
 * error" of a thread or process.
 *
 * Every other output is set to NULL, 0 or false before anything is checked, and to a result only on
 * success. A failed call has changed nothing, unless its documentation says otherwise.
 *
 * The functions in the second column can return the statuses in the first. The documentation of a
 * function lists its other statuses, and repeats these only if they have a special meaning there:
 *
 * | status | returned by |
 * | --- | --- |
 * | RBTOKEN_E_NULL_ARGUMENT | functions with pointers: a required argument is NULL |
 * | RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL, RBTOKEN_E_TOO_LONG | functions with text |
 * | RBTOKEN_E_STRUCT_SIZE, RBTOKEN_E_UNSUPPORTED_OPTION | functions with structs |
 * | RBTOKEN_E_JSON_SYNTAX, RBTOKEN_E_JSON_TYPE | functions with JSON documents |
 * | RBTOKEN_E_JSON_TOO_DEEP, RBTOKEN_E_JSON_NUMBER | functions with JSON documents |
 * | RBTOKEN_E_CALLBACK | functions that call the host: a callback broke its contract |
 * | RBTOKEN_E_STATE | functions of a store whose extension instance was shut down |
 * | RBTOKEN_E_FORKED | functions of a store in a file or database, in a child of fork() |
 * | RBTOKEN_E_POISONED | functions of a store after RBTOKEN_E_INTERNAL left it inconsistent |
 * | RBTOKEN_E_LOCKED | functions that write a file |
 * | RBTOKEN_E_IO, RBTOKEN_E_CORRUPT | functions that read or write a file, or use a database |
 * | RBTOKEN_E_DATABASE | functions that write a file, or use a database |
 * | RBTOKEN_E_TIMEOUT | functions that use a database |
 * | RBTOKEN_E_NO_MEMORY, RBTOKEN_E_INTERNAL | any function |
 *
 * The next two chapters explain the statuses for text, JSON documents and structs.
 * RBTOKEN_E_INTERNAL is a bug in this library. If a callback returns a status other than
 * RBTOKEN_OK, the function returns that status unchanged.
 *
 * A function that does not return a status returns NULL, 0 or false for a NULL handle. Releasing or
 * freeing NULL does nothing.
 *
 * Text
 * ----
 * All text is UTF-8. Functions take text as a pointer and a length in bytes, so that you can pass a
 * part of a longer text. The length RBTOKEN_NUL_TERMINATED means a C string, and RBTOKEN_STR()
 * expands to both arguments. Text must not contain a NUL character or be longer than 1 MiB. An
 * optional text is absent if the pointer is NULL and the length is 0. NULL with another length is
 * an error. A pointer that is not NULL with the length 0 is an empty text.
 *
 * Functions return text as a pointer to a NUL-terminated string. It belongs to the handle that it
 * was read from, and is valid until that handle is released. If `len` is not NULL, it receives the
 * length.
 *
 * Parameters and fields named `…_us` are times: microseconds since the Unix epoch, UTC, in the
 * years 1 to 9999.
 *
 * JSON documents must be objects of at most 1 MiB and 128 levels. Integers must fit in 64 bits,
 * signed or unsigned, and floats must be finite, because other numbers could not be returned
 * unchanged. If an object has the same key twice, the last value wins. Documents are returned in
 * ASCII, with escapes for all other characters. They can be longer than the originals, so a
 * document close to the limit may be too long to pass in again.
 *
 * Options structs
 * ---------------
 * A struct that the host fills in starts with `struct_size`. RBTOKEN_INIT() sets it, and sets all
 * other fields to their defaults: 0 or NULL. Languages that cannot use C macros but can use inline
 * functions, such as Zig, call rbtoken_options_init() and rbtoken_text_set().
 *
 * A program that was compiled with an older or newer header has shorter or longer structs. Both
 * work. If `struct_size` is not a possible size of the struct, the status is RBTOKEN_E_STRUCT_SIZE.
 * If the program sets a field that this library does not know, the status is
 * RBTOKEN_E_UNSUPPORTED_OPTION. An output must not lie inside such a struct.
 *
 * Ownership
 * ---------
 * The host owns the objects that functions return through outputs:
 *
 * | type | function to free it |
 * | --- | --- |
 * | rbtoken_store_t | rbtoken_store_release(); rbtoken_store_retain() adds a reference |
 * | rbtoken_token_t | rbtoken_token_release(); rbtoken_token_retain() adds a reference |
 * | rbtoken_token_list_t | rbtoken_token_list_free() |
 * | rbtoken_policy_t | rbtoken_policy_free() |
 * | rbtoken_service_account_t | rbtoken_service_account_free() |
 * | rbtoken_buffer_t | rbtoken_buffer_free() |
 * | rbtoken_error_t | rbtoken_error_free() |
 *
 * Handles can be freed in any order: a token can outlive its store. The library copies the host's
 * texts and structs before a call returns. Never pass a pointer of the library to free(); the
 * library never frees a pointer of the host.
 *
 * Threads
 * -------
 * Each function has one of these tags:
 *
 * - `[thread-safe]`: can be called from any thread at any time.
 * - `[immutable]`: reads data that never changes; any number of calls can run at once.
 * - `[exclusive]`: other calls must not use the same object at the same time.
 *
 * The library starts one thread for each store in a file, and no others. All signals are blocked in
 * it. It writes the times of last use, and the changes of threads that call at the same time. While
 * only one thread changes the store, that thread writes to the file itself, with its signals blocked.
 * If the write exceeds a file size limit, the call returns RBTOKEN_E_IO, and the SIGXFSZ is
 * discarded. Threads that change a store in a file must have the rights to write the file.
 *
 * After fork(), the child can use a store in memory if no other thread was inside a call at the
 * time of the fork. Parent and child never generate the same value. Every call on a store in a file
 * or database returns RBTOKEN_E_FORKED in the child, and releasing the store there does nothing.
 * Hosts that fork should open their stores after the fork. The library's fork handlers wait until
 * no thread is opening a store or using SQLite. For that reason, do not call fork() in a signal
 * handler, and do not call the library in a pthread_atfork() handler.
 *
 * A thread that calls the library needs a stack of at least 64 KiB. With 32 KiB, a JSON document of
 * 128 levels ends the process.
 *
 * Callbacks run on the thread of the call that needs them, with no lock held, and can call the same
 * store. They must not throw: an exception ends the process with a message. pthread_cancel() of a
 * thread inside a call ends the process as well.
 *
 * Memory
 * ------
 * RBTOKEN_E_NO_MEMORY means that memory is exhausted. It is returned for every failed allocation of
 * 4 KiB or more, and for every failed memory mapping, except in the drivers of PostgreSQL and MySQL
 * (see "Review Board's database"). Before the library reads a document, makes a list or loads a
 * file, it checks that there is enough memory for all parts; another thread can still use up that
 * memory in between. Creating the error object of this status needs no memory. If the thread of a
 * store in a file cannot be started, the status is RBTOKEN_E_IO.
 *
 * If a smaller allocation fails, Rust's allocator prints a message to the standard error stream and
 * calls abort(). To make that unlikely, functions that create tokens fail while less than about
 * 1 MiB is free; logins, invalidations and deletions still work. A call that changes many tokens
 * needs memory for each of them, so it can fail where a call for one token succeeds. A login
 * succeeds even if there is no memory to record its time in a file; the time is then written when
 * the token is next used or changed.
 *
 * Stores in files
 * ---------------
 * If `location` is a path, the tokens are kept in that file and in memory. Reads use the memory.
 * When a call that changes something returns, the change is on the disk, and survives a crash or a
 * power failure. Concurrent calls share one write. Only the time of a login
 * (rbtoken_token_last_used()) is written later: after at most a second, by rbtoken_store_flush(),
 * or when the last handle is released.
 *
 * If a change cannot be written, the call fails and the store is unchanged. The store can still be
 * read, and accepts changes again as soon as the file can be written. There is one exception: to
 * undo the failed change, the library may have to write to the file. If it never can, the file may
 * contain that change when it is opened again.
 *
 * A file can be open in only one store at a time. Opening it a second time, in any process, fails
 * with RBTOKEN_E_LOCKED. The lock is released when the process of the store ends, even if children
 * of fork() still run. (A child that was made without fork handlers, by _Fork() or a bare system
 * call, keeps the lock until it ends or calls exec.) Symbolic links are followed when the file is
 * opened. A file that has a second hard link, or is itself a mount point, is refused, because a
 * program that opens it by the other name would not find its log.
 *
 * The file and its directory must belong to the effective user, to root, or to a user in the
 * setting `trusted_owners`. A group that can write to either must be in that setting too, as with a
 * Kubernetes `fsGroup` or under umask 002; the error message shows the entry to add. Others must
 * not be able to write, except to a directory with the sticky bit, such as /tmp. Trusted owners can
 * replace the file and read all token values in it.
 *
 * While a store has the file open, no other copy of SQLite can read or write it. On Linux this
 * includes copies in the same process, because the lock belongs to the open file description
 * (F_OFD_SETLK). On systems and file systems without such locks, SQLite's own locks are used, which
 * belong to the process. They are lost when anything in the process closes the file, and another
 * copy of SQLite in the process can then corrupt it. On such systems, do not open the file by other
 * means. Do not open it in a child of fork() if the parent has had it open.
 *
 * A host that becomes a daemon may close the store's file descriptors. Files that it opens later
 * can then get the same descriptor numbers. The library does not write to them: every change fails
 * with RBTOKEN_E_IO. Reads, rbtoken_store_export_file() and rbtoken_store_backup() still work; open
 * the file again to make changes. The same happens if another program changes the size of the file
 * or its log. In that case, export the store first, because the file has only what that program
 * left in it. A store keeps working after chroot().
 *
 * A host can run with its standard streams closed. The library never uses the descriptors 0, 1 and
 * 2 for a file or connection: it opens /dev/null on those that are closed, and leaves it open.
 *
 * The file is an SQLite database. While the store is open, and after a crash, its log is beside it,
 * in a second file named `…-wal`. If there is a log, copy or move both files, and only while no
 * store has them open. To copy a store that is in use, call rbtoken_store_backup(). The tables are
 * those of Review Board 8.1 (`webapi_webapitoken`, `auth_user`, `site_localsite`), so that other
 * programs can read them while the store is closed, and rows can be moved to a server. Token values
 * are stored in plain text. A new file is readable by its owner alone; an existing file keeps its
 * mode.
 *
 * Review Board's database
 * -----------------------
 * A store can use the database of a Review Board server, 5.0 or newer. The server accepts the
 * tokens of the store, and the store accepts those of the server. Any number of programs can use
 * the database at the same time. The location of such a store is one of these URLs:
 *
 *     reviewboard+sqlite:///path/of/reviewboard.db
 *     postgresql://user:password@host/database
 *     mysql://user:password@host/database        (or mariadb://)
 *
 * Percent-encode reserved characters and white space. `host` is the machine of the database server.
 * It can be a list, such as `host1:5432,host2`. Query parameters, each at most once:
 *
 * - `user`, `password`, `port`: the same as `user:password@` and `:port` in the URL.
 * - `host` (PostgreSQL): the directory of a Unix socket. `socket` (MySQL): the path of a Unix
 *   socket. Each replaces the host. The URL must still name the user: the user of the process is
 *   not used.
 * - `passfile`: a file with lines `host:port:database:user:password` and the mode 0600. If a
 *   PostgreSQL location has neither a password nor this file, `PGPASSWORD`, `PGPASSFILE` and
 *   `~/.pgpass` are used as in libpq, except in a set-user-ID process.
 * - `sslmode`: `verify-full` checks that the server's certificate is valid for the host name. It is
 *   the default, except for loopback addresses. `verify-ca` checks only that the certificate was
 *   issued by an authority in `sslrootcert`, which it requires. `require` checks nothing, so it
 *   does not prevent interception. `disable` is the default for loopback addresses and sockets.
 * - `sslrootcert`: a PEM file with the trusted authorities. It replaces Mozilla's list, which is
 *   built into the library. `sslcert` and `sslkey`: PEM files of a client certificate and its key.
 * - `target_session_attrs`: `read-write` skips read-only servers, and is the default if `host` is a
 *   list. `any` accepts them, and is the default otherwise.
 * - `pooler` (PostgreSQL): `transaction` is required behind PgBouncer in transaction mode.
 *
 * docs/databases.md has the details. The status is RBTOKEN_E_INVALID_ARGUMENT if a location is
 * malformed, contains white space or a fragment, or has a parameter twice. The message names the
 * part and never quotes the location. The library must have been built with the cargo feature for
 * the kind of URL: `sqlite`, which is on by default, `postgres` or `mysql`. `make install
 * FEATURES=postgres,mysql` adds the last two.
 *
 * If the character set of a column cannot hold a text, such as an emoji in utf8mb3, no row matches
 * the text, and writing it returns RBTOKEN_E_INVALID_ARGUMENT with the name of the argument.
 *
 * Users, Local Sites and the setting `client_token_expiration` are managed by the server. Creating,
 * listing or invalidating tokens for a user or Local Site that the server does not have returns
 * RBTOKEN_E_NOT_FOUND. Changing a user, a Local Site or the setting returns RBTOKEN_E_UNSUPPORTED.
 * For changes that the library makes, the server runs no event handlers (Django signals) and sends
 * no e-mails.
 *
 * An accepted login writes `last_used`, as on the server. With the setting
 * `last_used_interval_secs`, it writes only if the stored time is at least that old; with `null`,
 * it writes nothing, which suits a standby server or an account with read access only.
 *
 * Accepted logins are cached for `login_cache_secs` seconds. A login queries the database only if
 * it is not in the cache, or if it has to write `last_used`. While `last_used_interval_secs` is 0,
 * every login has to, so the cache has no effect. Rejected logins are not cached. Expiration and
 * site are checked at every login, and the hook `used` is called. WARNING: changes by others (the
 * server's pages, another program, SQL) take effect up to `login_cache_secs` later, and later still
 * on a standby. Until then, a token that they revoked, or whose user they deactivated, is accepted,
 * and its old policy and expiration apply. A token that is revoked through this store is rejected
 * at once, unless the outcome of the revocation is unknown. rbtoken_store_forget_logins() removes
 * entries.
 *
 * WARNING: SQLite's own locks protect a reviewboard+sqlite database, and they belong to a process.
 * A process that opens the database with this library must not open it with another copy of SQLite,
 * such as that of Python or PHP, and must not open and close the database file by other means: the
 * locks are lost, and writes corrupt the database within seconds. Use separate processes, or
 * PostgreSQL or MySQL. For the same reason, a child of fork() must not open such a database while
 * its parent has it open.
 *
 * Any call can return RBTOKEN_E_IO if the database cannot be reached, RBTOKEN_E_TIMEOUT if it does
 * not respond in time, and RBTOKEN_E_DATABASE if it reports an error. Nothing has changed then,
 * with two exceptions: rbtoken_store_purge_tokens() commits in steps, as described below; and if
 * the connection fails during a commit, the outcome is unknown, and the message says so.
 *
 * A call for one token ends within `call_timeout_secs`, which includes waiting for a connection,
 * connecting, all statements and all retries. Listing, exporting, purging, and invalidating the
 * tokens of a user or of all users end within `bulk_timeout_secs`. These limits do not include the
 * resolution of host names. The library also sets shorter limits on the server, so that no
 * statement still waits for a lock after its call has ended.
 *
 * Rows are read one at a time, and the library first checks that there is memory for each. On
 * SQLite, reading a row never ends the process, whatever the size of the row. The drivers of
 * PostgreSQL and MySQL cannot report a failed allocation: if memory is exhausted, a row of more
 * than 32 KiB can end the process. (The driver of PostgreSQL also reads later rows in advance.) If
 * there is no memory for a document or text of more than 1 MiB, its row counts as unreadable and
 * the call continues. If there is no memory for a shorter text, the call fails with
 * RBTOKEN_E_NO_MEMORY, so that a list is never incomplete. Without hooks, revoking or deleting a
 * token does not read its documents, and needs no memory for them. An exception is SQLite: it
 * rewrites the row, for which it needs up to four times the row's size.
 *
 * rbtoken_store_purge_tokens() commits up to 1,000 tokens at a time; those that were purged before
 * a failure stay purged. If hooks are registered, the library reads each token that it deletes or
 * invalidates, 16 at a time. It reads them before a deletion and after an invalidation. There is no
 * event for a token that cannot be read.
 *
 * Users of the server can store documents that are not JSON. Like the server, the library accepts
 * three kinds of text in `policy` and `extra_data`: JSON as Python's json module reads it (with
 * NaN, infinities and lone surrogates), a JSON string that contains JSON, and a Python literal. Any
 * other text of `extra_data` counts as `{}`. rbtoken_token_policy() and rbtoken_token_extra_data()
 * return the stored text. rbtoken_token_to_json() returns JSON in which NaN and infinities are
 * null, and U+FFFD replaces a lone surrogate. rbtoken_store_export_file() writes the same JSON, and
 * the stored text beside it. The library is stricter than the server in four cases:
 *
 * - A policy denies everything if its text is neither JSON nor a Python literal, if it is not an
 *   object, or if a part of its `resources` has the wrong type. rbtoken_token_allows() then returns
 *   RBTOKEN_E_CORRUPT, and the message names the token and the column. SQL NULL, an empty text,
 *   `{}` and a `resources` that is false in Python (null, false, 0 or empty) allow everything, as
 *   on the server.
 * - A row with an unreadable cell cannot be used for a login, which returns RBTOKEN_E_CORRUPT.
 *   Examples are `infinity` in PostgreSQL, a zero date in MySQL, bytes that are not UTF-8, a name
 *   that contains a NUL, and a document of more than 2 MiB. The same applies if the row's user does
 *   not exist. Such a token can be found, listed, invalidated, deleted and purged, and other tokens
 *   are not affected. If the cell is `expires`, a list shows the token as expired.
 * - A `client_name` that contains a NUL is ignored.
 * - A Python literal that contains a named character (`\N{...}`) is not accepted. Others are
 *   accepted as in Python 3.11, with at most 200 nested brackets and integers of at most 4,300
 *   digits.
 *
 * Secrets
 * -------
 * Whoever can ask a store for tokens can act as any user. A token's value is a secret. The library
 * erases it before it frees the memory, and no error contains it. Log rbtoken_token_redacted()
 * instead.
 *
 * After the last release of a store and of its tokens, none of their values is left in the memory
 * of the process. This holds for stores in memory, in files and on Review Board's SQLite databases,
 * and after exports, imports and backups. It does not hold for PostgreSQL and MySQL: their drivers
 * free what they send and receive without erasing it. In a measurement, a program created 20 tokens
 * and released the store. If it did so at once, all 20 values were still in memory. If it made
 * other calls first, 5 to 11 of them were. If that is not acceptable, disable core dumps and let
 * nobody else read the memory of the process.
 *
 * A store in a file, its backups and its exports have the values in plain text. The values of
 * deleted tokens are removed from the file and its log by rbtoken_store_purge_tokens(), by a call
 * that deletes 1,000 tokens or more, by rbtoken_store_flush(), and by the last release. Until then,
 * the log contains them. Removing them does not erase them from the disk: its free blocks, journal,
 * snapshots and copies may still contain them.
 *
 * ABI policy
 * ----------
 * The name of the shared library ends with the major version, RBTOKEN_VERSION_MAJOR. A minor
 * version can add functions, statuses, verdicts, enum values, flags, fields at the end of structs,
 * and members at the end of tables. Programs that were compiled with an older header of the same
 * major version keep working. A major version can change or remove things. The number of a status,
 * verdict, enum value or flag is never used for another one. Call rbtoken_abi_is_compatible() at
 * startup, and treat an unknown status or verdict as a failure.
 *
 * Unloading
 * ---------
 * The library cannot be unloaded. It stays in memory after dlclose(), because threads of the host
 * may still have to run destructors of the library when they end.
 */
