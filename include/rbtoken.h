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

#ifndef RBTOKEN_H
#define RBTOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** Marks what the library exports. Define RBTOKEN_STATIC before including this header if you link
 * the static library. */
#ifndef RBTOKEN_API
#  if defined(RBTOKEN_STATIC)
#    define RBTOKEN_API
#  elif defined(_WIN32)
#    define RBTOKEN_API __declspec(dllimport)
#  elif defined(__GNUC__)
#    define RBTOKEN_API __attribute__((visibility("default")))
#  else
#    define RBTOKEN_API
#  endif
#endif

/** Marks functions whose status must not be ignored. */
#ifndef RBTOKEN_NODISCARD
#  if defined(__GNUC__)
#    define RBTOKEN_NODISCARD __attribute__((warn_unused_result))
#  elif defined(__cplusplus) && __cplusplus >= 201703L && !defined(_MSC_VER)
#    define RBTOKEN_NODISCARD [[nodiscard]]
#  else
#    define RBTOKEN_NODISCARD
#  endif
#endif

/** A length that stands for "up to the first NUL". */
#define RBTOKEN_NUL_TERMINATED SIZE_MAX

/** A C string as the two arguments that a text takes: `f(RBTOKEN_STR("alice"))`. It is no expression
 * of its own. NULL is an error; for a text that may be absent write `NULL, 0`. */
#define RBTOKEN_STR(s) (s), RBTOKEN_NUL_TERMINATED

/** Sets a text of an options struct to a C string:
 * `RBTOKEN_SET_STR(&options, local_site, "north")`. NULL is an error; a text that is to be absent
 * is left as RBTOKEN_INIT() left it. */
#define RBTOKEN_SET_STR(options, field, s) \
  ((void)((options)->field = (s)), (void)((options)->field##_len = RBTOKEN_NUL_TERMINATED))

/** Sets a struct that starts with `struct_size` to all defaults: `RBTOKEN_INIT(&options)`. */
#define RBTOKEN_INIT(options) \
  ((void)memset((options), 0, sizeof *(options)), \
   (void)((options)->struct_size = sizeof *(options)))

/** Does what RBTOKEN_INIT() does, for languages that import this header without its macros, such as
 * Zig: `rbtoken_options_init(&options, sizeof options)`. `struct_size` is the size of the caller's
 * struct. */
static inline void rbtoken_options_init(void *options, size_t struct_size)
{
  memset(options, 0, struct_size);
  memcpy(options, &struct_size, sizeof struct_size);
}

/** Does what RBTOKEN_SET_STR() does, for languages that import this header without its macros:
 * `rbtoken_text_set(&options.local_site, &options.local_site_len, "north")`. */
static inline void rbtoken_text_set(const char **text, size_t *text_len, const char *s)
{
  *text = s;
  *text_len = RBTOKEN_NUL_TERMINATED;
}

/** The version of this header, as text. */
#define RBTOKEN_VERSION "0.2.0"
/** The major version of this header. */
#define RBTOKEN_VERSION_MAJOR 0
/** The minor version of this header. */
#define RBTOKEN_VERSION_MINOR 2
/** The patch version of this header. */
#define RBTOKEN_VERSION_PATCH 0
/** The version of the ABI that this header describes: the major version times 65536,
 * plus the minor version. See rbtoken_abi_is_compatible(). */
#define RBTOKEN_ABI_VERSION (RBTOKEN_VERSION_MAJOR * 65536U + RBTOKEN_VERSION_MINOR)


/**
 * A flag of `rbtoken_client_token_options_t`: tokens of deprecated generators are passed over.
 */
#define RBTOKEN_CLIENT_TOKEN_IGNORE_DEPRECATED 1

/**
 * A flag of `rbtoken_generate_options_t`: the token is invalid from the start.
 */
#define RBTOKEN_GENERATE_INVALID 1

/**
 * A flag of `rbtoken_generate_options_t`: the *created* event says that no person asked for it.
 */
#define RBTOKEN_GENERATE_AUTO_GENERATED 2

/**
 * A flag of `rbtoken_import_options_t`: the token was invalidated.
 */
#define RBTOKEN_IMPORT_INVALID 1

/**
 * A flag of `rbtoken_import_options_t`: `time_added_us` is known.
 */
#define RBTOKEN_IMPORT_TIME_ADDED_KNOWN 2

/**
 * A flag of `rbtoken_import_options_t`: `last_updated_us` is known.
 */
#define RBTOKEN_IMPORT_LAST_UPDATED_KNOWN 4

/**
 * A flag of `rbtoken_import_options_t`: `last_used_us` is known.
 */
#define RBTOKEN_IMPORT_LAST_USED_KNOWN 8

/**
 * A flag of `rbtoken_import_options_t`: `expires_at_us` is known.
 */
#define RBTOKEN_IMPORT_EXPIRES_KNOWN 16

/**
 * A flag of `rbtoken_import_options_t`: `invalid_date_us` is known.
 */
#define RBTOKEN_IMPORT_INVALID_DATE_KNOWN 32

/**
 * A flag of `rbtoken_token_filter_t`: only tokens that expire before `expires_before_us`.
 */
#define RBTOKEN_FILTER_EXPIRES_BEFORE 1

/**
 * A flag of `rbtoken_token_to_json()`: the document has the token's value.
 */
#define RBTOKEN_JSON_WITH_VALUE 1

/**
 * The minor version of the tables that this header describes, for `rbtoken_extension_entry_v1()`.
 */
#define RBTOKEN_EXTENSION_MINOR 0

/**
 * The statuses. Values are never reused; later versions may add some.
 */
typedef enum rbtoken_status_code {
  /**
   * The call did what it says.
   */
  RBTOKEN_OK = 0,
  /**
   * A required argument is NULL, or a text is NULL though its length is not 0.
   */
  RBTOKEN_E_NULL_ARGUMENT = 1,
  /**
   * An argument has a value that is not allowed.
   */
  RBTOKEN_E_INVALID_ARGUMENT = 2,
  /**
   * A text is not UTF-8.
   */
  RBTOKEN_E_INVALID_UTF8 = 3,
  /**
   * A text contains a NUL character.
   */
  RBTOKEN_E_EMBEDDED_NUL = 4,
  /**
   * A text is longer than its field allows.
   */
  RBTOKEN_E_TOO_LONG = 5,
  /**
   * `struct_size` is no size that the struct ever had: `RBTOKEN_INIT` was forgotten.
   */
  RBTOKEN_E_STRUCT_SIZE = 6,
  /**
   * A newer header's field is set, which this library does not know.
   */
  RBTOKEN_E_UNSUPPORTED_OPTION = 7,
  /**
   * A time lies outside the years 1 to 9999, or leads there.
   */
  RBTOKEN_E_TIME_RANGE = 8,
  /**
   * A document is not JSON.
   */
  RBTOKEN_E_JSON_SYNTAX = 40,
  /**
   * A JSON value has another type than the one that belongs there.
   */
  RBTOKEN_E_JSON_TYPE = 41,
  /**
   * A document is nested more than 128 levels deep.
   */
  RBTOKEN_E_JSON_TOO_DEEP = 42,
  /**
   * A number is neither an integer of 64 bits nor a finite float.
   */
  RBTOKEN_E_JSON_NUMBER = 43,
  /**
   * A policy breaks a rule of policies; the error tells where.
   */
  RBTOKEN_E_POLICY = 44,
  /**
   * There is no such token, Local Site or setting.
   */
  RBTOKEN_E_NOT_FOUND = 80,
  /**
   * There is such an object already.
   */
  RBTOKEN_E_EXISTS = 81,
  /**
   * The object is in a state that does not allow the call.
   */
  RBTOKEN_E_STATE = 82,
  /**
   * This build, or this kind of store, cannot do that.
   */
  RBTOKEN_E_UNSUPPORTED = 83,
  /**
   * The process was forked after the store was opened.
   */
  RBTOKEN_E_FORKED = 84,
  /**
   * An earlier `RBTOKEN_E_INTERNAL` may have left the store half-changed; it refuses everything.
   */
  RBTOKEN_E_POISONED = 85,
  /**
   * No token value could be generated: no such generator, no entropy, or 20 values in a row that
   * exist already.
   */
  RBTOKEN_E_GENERATION = 120,
  /**
   * A callback of the host broke its contract.
   */
  RBTOKEN_E_CALLBACK = 121,
  /**
   * Another process, or another store of this one, owns the file.
   */
  RBTOKEN_E_LOCKED = 160,
  /**
   * The operating system refused an input or output operation.
   */
  RBTOKEN_E_IO = 161,
  /**
   * Stored data is damaged.
   */
  RBTOKEN_E_CORRUPT = 162,
  /**
   * Stored data was written by an incompatible version.
   */
  RBTOKEN_E_VERSION = 163,
  /**
   * The database refused or failed.
   */
  RBTOKEN_E_DATABASE = 164,
  /**
   * The operation did not end in its time.
   */
  RBTOKEN_E_TIMEOUT = 165,
  /**
   * The memory is exhausted.
   */
  RBTOKEN_E_NO_MEMORY = 200,
  /**
   * A defect of the library. Nothing was changed, or the store says `RBTOKEN_E_POISONED` from
   * now on.
   */
  RBTOKEN_E_INTERNAL = 201,
} rbtoken_status_code;

/**
 * When a new token expires: the values of a field `expires_mode`.
 */
typedef enum rbtoken_expires_mode {
  /**
   * As the store's `client_token_expiration` says for client tokens; never for others.
   */
  RBTOKEN_EXPIRES_DEFAULT = 0,
  /**
   * Never.
   */
  RBTOKEN_EXPIRES_NEVER = 1,
  /**
   * At the time in `expires_at_us`.
   */
  RBTOKEN_EXPIRES_AT = 2,
} rbtoken_expires_mode;

/**
 * For how long an existing token must still be valid: the values of a field
 * `min_validity_mode`.
 */
typedef enum rbtoken_min_validity_mode {
  /**
   * As long as the default says.
   */
  RBTOKEN_MIN_VALIDITY_DEFAULT = 0,
  /**
   * As many seconds as `min_validity_secs` says.
   */
  RBTOKEN_MIN_VALIDITY_SECS = 1,
} rbtoken_min_validity_mode;

/**
 * Whose tokens a list shows: the values of `local_site_mode` in `rbtoken_token_filter_t`.
 */
typedef enum rbtoken_filter_site_mode {
  /**
   * Those of the global site and of every Local Site.
   */
  RBTOKEN_FILTER_SITE_ALL = 0,
  /**
   * Those of the global site.
   */
  RBTOKEN_FILTER_SITE_GLOBAL = 1,
  /**
   * Those of the Local Site in `local_site`.
   */
  RBTOKEN_FILTER_SITE_NAMED = 2,
} rbtoken_filter_site_mode;

/**
 * Whether a list shows the tokens that can be used: the values of `validity_mode` in
 * `rbtoken_token_filter_t`.
 */
typedef enum rbtoken_filter_validity_mode {
  /**
   * All tokens.
   */
  RBTOKEN_FILTER_VALIDITY_ANY = 0,
  /**
   * Those that are neither invalidated nor expired.
   */
  RBTOKEN_FILTER_VALIDITY_VALID = 1,
  /**
   * Those that are invalidated or expired.
   */
  RBTOKEN_FILTER_VALIDITY_DEAD = 2,
} rbtoken_filter_validity_mode;

/**
 * The verdicts.
 */
typedef enum rbtoken_verdict_code {
  /**
   * Nobody was judged: the call failed, or is not over.
   */
  RBTOKEN_VERDICT_REFUSED = 0,
  /**
   * The caller is the token's user.
   */
  RBTOKEN_VERDICT_OK = 1,
  /**
   * There is no such token, or the header has no value.
   */
  RBTOKEN_VERDICT_UNKNOWN = 2,
  /**
   * The token was invalidated.
   */
  RBTOKEN_VERDICT_INVALID = 3,
  /**
   * The token is expired.
   */
  RBTOKEN_VERDICT_EXPIRED = 4,
  /**
   * The token's user is not active. Answer the caller as for an unknown token.
   */
  RBTOKEN_VERDICT_INACTIVE_USER = 5,
  /**
   * The token belongs to a Local Site, and the request is for another site.
   */
  RBTOKEN_VERDICT_WRONG_SITE = 6,
  /**
   * The header asks for another kind of login, which this library does not judge.
   */
  RBTOKEN_VERDICT_NOT_A_TOKEN = 7,
} rbtoken_verdict_code;

/**
 * The site that a request is for: the values of `site_mode` in `rbtoken_login_options_t`.
 */
typedef enum rbtoken_site_mode {
  /**
   * The root, outside every Local Site: tokens of Local Sites are refused.
   */
  RBTOKEN_SITE_GLOBAL = 0,
  /**
   * The Local Site in `site`: tokens of others are refused.
   */
  RBTOKEN_SITE_NAMED = 1,
  /**
   * Any: the host checks `rbtoken_token_local_site()` itself.
   */
  RBTOKEN_SITE_ANY = 2,
} rbtoken_site_mode;

/**
 * What an update does to a field: the values of the fields `…_mode` in `rbtoken_token_update_t`.
 */
typedef enum rbtoken_field_mode {
  /**
   * The field stays as it is.
   */
  RBTOKEN_FIELD_KEEP = 0,
  /**
   * The token never expires, the note is empty, the policy gives full access, the extra data is
   * `{}`.
   */
  RBTOKEN_FIELD_NONE = 1,
  /**
   * The field takes the given value.
   */
  RBTOKEN_FIELD_SET = 2,
} rbtoken_field_mode;

/**
 * For how long a service account's new tokens are valid: the values of `expiration_mode` in
 * `rbtoken_service_account_options_t`.
 */
typedef enum rbtoken_expiration_mode {
  /**
   * 30 days.
   */
  RBTOKEN_EXPIRATION_DEFAULT = 0,
  /**
   * For ever.
   */
  RBTOKEN_EXPIRATION_NEVER = 1,
  /**
   * As many seconds as `expiration_secs` says.
   */
  RBTOKEN_EXPIRATION_SECS = 2,
} rbtoken_expiration_mode;

/**
 * How important a message to the host's log is.
 */
typedef enum rbtoken_log_level {
  /**
   * Something failed.
   */
  RBTOKEN_LOG_ERROR = 1,
  /**
   * Something was refused.
   */
  RBTOKEN_LOG_WARN = 2,
  /**
   * The life of an instance.
   */
  RBTOKEN_LOG_INFO = 3,
  /**
   * The life of each token.
   */
  RBTOKEN_LOG_DEBUG = 4,
} rbtoken_log_level;

/**
 * A text that the library made for the host, which frees it with `rbtoken_buffer_free()`. It is
 * wiped from memory then, since it may hold a secret.
 */
typedef struct rbtoken_buffer_t rbtoken_buffer_t;

/**
 * What went wrong in a call, in detail. A function that fails gives one to a host that passes
 * `rbtoken_error_t **error`; the host frees it with `rbtoken_error_free()`.
 *
 * It never contains a token's value.
 */
typedef struct rbtoken_error_t rbtoken_error_t;

/**
 * One instance of the extension, with a store and settings of its own. The host gives it back with
 * `destroy` of the extension table.
 */
typedef struct rbtoken_instance_t rbtoken_instance_t;

/**
 * A policy of its own, for hosts that ask one without a token. The host frees it with
 * `rbtoken_policy_free()`.
 */
typedef struct rbtoken_policy_t rbtoken_policy_t;

/**
 * A service account: a user that only ever logs in with a token of its own. It belongs to no
 * store and never changes. The host frees it with `rbtoken_service_account_free()`.
 */
typedef struct rbtoken_service_account_t rbtoken_service_account_t;

/**
 * A store of tokens. Its handles count their references, and any of them may be used from any
 * number of threads at once. Tokens that came from it outlive it.
 */
typedef struct rbtoken_store_t rbtoken_store_t;

/**
 * A list of tokens as they were when it was made. The host frees it with
 * `rbtoken_token_list_free()`.
 */
typedef struct rbtoken_token_list_t rbtoken_token_list_t;

/**
 * A token as it was when a function gave it out. What becomes of the token afterwards does not
 * change it, and it may outlive its store. Its handles count their references, and any thread
 * may use them.
 */
typedef struct rbtoken_token_t rbtoken_token_t;

/**
 * What a function answers: one of the values of `rbtoken_status_code`, or the status of a
 * callback of the host, passed on unchanged. Like every value that an enum names here, it crosses
 * the boundary as an integer of 32 bits: the enums only give names.
 */
typedef int32_t rbtoken_status_t;

/**
 * Tells the time: sets `*now_us` to microseconds since the Unix epoch, UTC, and returns
 * `RBTOKEN_OK`. Any other status makes the call that asked fail with it. Must not throw.
 */
typedef rbtoken_status_t (*rbtoken_clock_fn)(void *user_data, int64_t *now_us);

/**
 * Called exactly once when the library needs a callback's `user_data` no more, also when it was
 * never registered because the call that was to do so failed. (Only where the struct itself was
 * refused with `RBTOKEN_E_STRUCT_SIZE` is it not called: its fields could not be read.) Where it
 * is the last release of a store that calls it, that store answers `RBTOKEN_E_STATE` to whatever
 * it asks.
 */
typedef void (*rbtoken_destroy_fn)(void *user_data);

/**
 * A clock of the host's, instead of the system's. Set up with `RBTOKEN_INIT()`; copied when the
 * store is opened. Its functions are called from any thread, several at a time, and never while
 * the library holds a lock.
 */
typedef struct rbtoken_clock_t {
  /**
   * Set by `RBTOKEN_INIT()`.
   */
  size_t struct_size;
  /**
   * Passed to the functions.
   */
  void *user_data;
  /**
   * Tells the time; must be set.
   */
  rbtoken_clock_fn now;
  /**
   * Called when `user_data` is needed no more; may be NULL.
   */
  rbtoken_destroy_fn destroy;
} rbtoken_clock_t;

/**
 * Fills `len` bytes of `bytes` with what nobody can predict, and returns `RBTOKEN_OK`. Any other
 * status makes the call that asked fail with it. That call fails with `RBTOKEN_E_CALLBACK` if the
 * last bytes were not written, although the answer is `RBTOKEN_OK`. Must not throw.
 */
typedef rbtoken_status_t (*rbtoken_entropy_fn)(void *user_data, uint8_t *bytes, size_t len);

/**
 * A source of unpredictable bytes of the host's, instead of the operating system's. Set up with
 * `RBTOKEN_INIT()`; copied when the store is opened. Its functions are called from any thread,
 * several at a time, and never while the library holds a lock.
 */
typedef struct rbtoken_entropy_t {
  /**
   * Set by `RBTOKEN_INIT()`.
   */
  size_t struct_size;
  /**
   * Passed to the functions.
   */
  void *user_data;
  /**
   * Fills a buffer; must be set.
   */
  rbtoken_entropy_fn fill;
  /**
   * Called when `user_data` is needed no more; may be NULL.
   */
  rbtoken_destroy_fn destroy;
} rbtoken_entropy_t;

/**
 * What a store is opened with. Set up with `RBTOKEN_INIT()`, which leaves all defaults.
 */
typedef struct rbtoken_store_options_t {
  /**
   * Set by `RBTOKEN_INIT()`.
   */
  size_t struct_size;
  /**
   * Where tokens are kept: the path of a file, which is made if there is none (see "Stores in
   * files"), or the address of a Review Board server's database (see "Review Board's database").
   * NULL: in memory.
   */
  const char *location;
  /**
   * Bytes of `location`, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t location_len;
  /**
   * Settings as a JSON object, by the names of `rbtoken_store_set_setting()`. NULL: none.
   */
  const char *settings;
  /**
   * Bytes of `settings`, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t settings_len;
  /**
   * The clock. NULL: the system's.
   */
  const struct rbtoken_clock_t *clock;
  /**
   * The source of unpredictable bytes. NULL: a generator for each thread that the operating
   * system seeds, and seeds anew after `fork()`.
   */
  const struct rbtoken_entropy_t *entropy;
} rbtoken_store_options_t;

/**
 * Told how many of how many tokens are done: every so often, and once when all are. Returns
 * `RBTOKEN_OK` to go on; any other status ends the call with it, and nothing has happened then.
 * Must not throw.
 */
typedef rbtoken_status_t (*rbtoken_progress_fn)(void *user_data, uint64_t done, uint64_t total);

/**
 * Whom to tell how far an export or an import is. Set up with `RBTOKEN_INIT()`. Its functions are
 * called on the thread of the call, which may take long, with no lock held; they may use the
 * store.
 */
typedef struct rbtoken_progress_t {
  /**
   * Set by `RBTOKEN_INIT()`.
   */
  size_t struct_size;
  /**
   * Passed to the functions.
   */
  void *user_data;
  /**
   * Told of the progress; must be set.
   */
  rbtoken_progress_fn progress;
  /**
   * Called once before the call returns; may be NULL.
   */
  rbtoken_destroy_fn destroy;
} rbtoken_progress_t;

/**
 * How to search for, or make, a client's token. Set up with `RBTOKEN_INIT()`, which leaves all
 * defaults.
 */
typedef struct rbtoken_client_token_options_t {
  /**
   * Set by `RBTOKEN_INIT()`.
   */
  size_t struct_size;
  /**
   * When a new token expires: one of `RBTOKEN_EXPIRES_DEFAULT`, `_NEVER`, `_AT`. Plays no part
   * in the search.
   */
  int32_t expires_mode;
  /**
   * `RBTOKEN_MIN_VALIDITY_DEFAULT` (the store's setting, 300 s at first) or `_SECS`.
   */
  int32_t min_validity_mode;
  /**
   * With `RBTOKEN_EXPIRES_AT`: microseconds since the Unix epoch, UTC, after now. Else 0.
   */
  int64_t expires_at_us;
  /**
   * With `RBTOKEN_MIN_VALIDITY_SECS`: seconds for which an existing token must still be valid;
   * 0 and less: it must be valid now. Else 0.
   */
  int64_t min_validity_secs;
  /**
   * `RBTOKEN_CLIENT_TOKEN_IGNORE_DEPRECATED` or 0.
   */
  uint32_t flags;
  /**
   * Must be 0.
   */
  uint32_t reserved;
  /**
   * The Local Site that the token belongs to. NULL: the global site.
   */
  const char *local_site;
  /**
   * Bytes of `local_site`, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t local_site_len;
  /**
   * A new token's policy as JSON. NULL: full access.
   */
  const char *default_policy;
  /**
   * Bytes of `default_policy`, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t default_policy_len;
  /**
   * A new token's extra data as a JSON object, to which `client_name` is added. NULL: none.
   */
  const char *default_extra_data;
  /**
   * Bytes of `default_extra_data`, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t default_extra_data_len;
} rbtoken_client_token_options_t;

/**
 * How to make a token that need not be a client's. Set up with `RBTOKEN_INIT()`, which leaves
 * all defaults.
 */
typedef struct rbtoken_generate_options_t {
  /**
   * Set by `RBTOKEN_INIT()`.
   */
  size_t struct_size;
  /**
   * When the token expires: `RBTOKEN_EXPIRES_DEFAULT` and `_NEVER` are never, or `_AT`.
   */
  int32_t expires_mode;
  /**
   * `RBTOKEN_GENERATE_INVALID`, `RBTOKEN_GENERATE_AUTO_GENERATED`, or 0.
   */
  uint32_t flags;
  /**
   * With `RBTOKEN_EXPIRES_AT`: microseconds since the Unix epoch, UTC; the past is accepted.
   * Else 0.
   */
  int64_t expires_at_us;
  /**
   * The generator's id. NULL: the store's default generator.
   */
  const char *generator_id;
  /**
   * Bytes of `generator_id`, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t generator_id_len;
  /**
   * What the value starts with. NULL: the store's `token_type`.
   */
  const char *token_type;
  /**
   * Bytes of `token_type`, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t token_type_len;
  /**
   * The Local Site that the token belongs to. NULL: the global site.
   */
  const char *local_site;
  /**
   * Bytes of `local_site`, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t local_site_len;
  /**
   * A note for people, at most 1 MiB. NULL: the empty text.
   */
  const char *note;
  /**
   * Bytes of `note`, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t note_len;
  /**
   * The policy as JSON. NULL: full access.
   */
  const char *policy;
  /**
   * Bytes of `policy`, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t policy_len;
  /**
   * The extra data as a JSON object; a string `client_name` in it makes this a client's token.
   * NULL: none.
   */
  const char *extra_data;
  /**
   * Bytes of `extra_data`, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t extra_data_len;
} rbtoken_generate_options_t;

/**
 * The fields of a token that exists elsewhere. Set up with `RBTOKEN_INIT()`, which leaves all
 * defaults. A time counts only if its flag is set; it is 0 otherwise.
 */
typedef struct rbtoken_import_options_t {
  /**
   * Set by `RBTOKEN_INIT()`.
   */
  size_t struct_size;
  /**
   * Which of the times are known, as `RBTOKEN_IMPORT_…_KNOWN`, and `RBTOKEN_IMPORT_INVALID`.
   */
  uint32_t flags;
  /**
   * Must be 0.
   */
  uint32_t reserved;
  /**
   * When the token was made. Unknown: now.
   */
  int64_t time_added_us;
  /**
   * When the token was changed last. Unknown: when it was made.
   */
  int64_t last_updated_us;
  /**
   * When the token was used last. Unknown: never.
   */
  int64_t last_used_us;
  /**
   * When the token expires. Unknown: never.
   */
  int64_t expires_at_us;
  /**
   * When the token was invalidated; needs `RBTOKEN_IMPORT_INVALID`.
   */
  int64_t invalid_date_us;
  /**
   * Why the token was invalidated; needs `RBTOKEN_IMPORT_INVALID` unless it is empty, as in a
   * server's row of a valid token. NULL: the empty text.
   */
  const char *invalid_reason;
  /**
   * Bytes of `invalid_reason`, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t invalid_reason_len;
  /**
   * The generator that made the value; it need not be known here. NULL: the store's default.
   */
  const char *generator_id;
  /**
   * Bytes of `generator_id`, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t generator_id_len;
  /**
   * The Local Site that the token belongs to. NULL: the global site.
   */
  const char *local_site;
  /**
   * Bytes of `local_site`, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t local_site_len;
  /**
   * A note for people, at most 1 MiB. NULL: the empty text.
   */
  const char *note;
  /**
   * Bytes of `note`, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t note_len;
  /**
   * The policy as JSON. NULL: full access.
   */
  const char *policy;
  /**
   * Bytes of `policy`, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t policy_len;
  /**
   * The extra data as a JSON object; a string `client_name` in it makes this a client's token.
   * NULL: none.
   */
  const char *extra_data;
  /**
   * Bytes of `extra_data`, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t extra_data_len;
} rbtoken_import_options_t;

/**
 * Which tokens a list shows: those that match every part. Set up with `RBTOKEN_INIT()`, which
 * leaves all tokens.
 */
typedef struct rbtoken_token_filter_t {
  /**
   * Set by `RBTOKEN_INIT()`.
   */
  size_t struct_size;
  /**
   * `RBTOKEN_FILTER_SITE_ALL`, `_GLOBAL` or `_NAMED`.
   */
  int32_t local_site_mode;
  /**
   * `RBTOKEN_FILTER_VALIDITY_ANY`, `_VALID` or `_DEAD`.
   */
  int32_t validity_mode;
  /**
   * `RBTOKEN_FILTER_EXPIRES_BEFORE` or 0.
   */
  uint32_t flags;
  /**
   * Must be 0.
   */
  uint32_t reserved;
  /**
   * With `RBTOKEN_FILTER_EXPIRES_BEFORE`: only tokens that expire before this time, in
   * microseconds since the Unix epoch, UTC. Else 0.
   */
  int64_t expires_before_us;
  /**
   * With `RBTOKEN_FILTER_SITE_NAMED`: the Local Site. Else NULL.
   */
  const char *local_site;
  /**
   * Bytes of `local_site`, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t local_site_len;
  /**
   * Only this user's tokens. NULL: those of all users.
   */
  const char *user;
  /**
   * Bytes of `user`, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t user_len;
  /**
   * Only this client's tokens. NULL: all, and those that are no client's.
   */
  const char *client_name;
  /**
   * Bytes of `client_name`, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t client_name_len;
} rbtoken_token_filter_t;

/**
 * What came of a login: one of the values of `rbtoken_verdict_code`. Later versions may add
 * some: whatever is not `RBTOKEN_VERDICT_OK` is a refusal.
 */
typedef int32_t rbtoken_verdict_t;

/**
 * What is known of a request that comes with a token. Set up with `RBTOKEN_INIT()`, which leaves
 * the global site.
 */
typedef struct rbtoken_login_options_t {
  /**
   * Set by `RBTOKEN_INIT()`.
   */
  size_t struct_size;
  /**
   * `RBTOKEN_SITE_GLOBAL`, `_NAMED` or `_ANY`.
   */
  int32_t site_mode;
  /**
   * Must be 0.
   */
  uint32_t reserved;
  /**
   * With `RBTOKEN_SITE_NAMED`: the Local Site's name. Else NULL.
   */
  const char *site;
  /**
   * Bytes of `site`, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t site_len;
} rbtoken_login_options_t;

/**
 * What an update changes. Set up with `RBTOKEN_INIT()`, which leaves everything as it is. A value
 * whose mode is not `RBTOKEN_FIELD_SET` must be 0 or NULL.
 */
typedef struct rbtoken_token_update_t {
  /**
   * Set by `RBTOKEN_INIT()`.
   */
  size_t struct_size;
  /**
   * `RBTOKEN_FIELD_KEEP`, `_NONE` (never) or `_SET`.
   */
  int32_t expires_mode;
  /**
   * `RBTOKEN_FIELD_KEEP`, `_NONE` or `_SET`.
   */
  int32_t note_mode;
  /**
   * `RBTOKEN_FIELD_KEEP`, `_NONE` (full access) or `_SET`.
   */
  int32_t policy_mode;
  /**
   * `RBTOKEN_FIELD_KEEP`, `_NONE` or `_SET`.
   */
  int32_t extra_data_mode;
  /**
   * When the token expires: microseconds since the Unix epoch, UTC; the past is accepted.
   */
  int64_t expires_at_us;
  /**
   * The note, at most 1 MiB.
   */
  const char *note;
  /**
   * Bytes of `note`, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t note_len;
  /**
   * The policy as JSON.
   */
  const char *policy;
  /**
   * Bytes of `policy`, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t policy_len;
  /**
   * The extra data as a JSON object, which replaces the old one whole, `client_name` included.
   */
  const char *extra_data;
  /**
   * Bytes of `extra_data`, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t extra_data_len;
} rbtoken_token_update_t;

/**
 * Told that a token was made. `auto_generated` is what the caller said: no person asked for it.
 * `store` and `token` are lent for the call; retain what is to be kept. Must not throw.
 */
typedef void (*rbtoken_created_fn)(void *user_data,
                                   struct rbtoken_store_t *store,
                                   const struct rbtoken_token_t *token,
                                   bool auto_generated);

/**
 * Told of an event. `store` and `token` are lent for the call; retain what is to be kept. The
 * token shows the fields as they are after the event. Must not throw.
 */
typedef void (*rbtoken_event_fn)(void *user_data,
                                 struct rbtoken_store_t *store,
                                 const struct rbtoken_token_t *token);

/**
 * Whom to tell of events. Set up with `RBTOKEN_INIT()`; copied when it is added. Each function may
 * be NULL. They are called after the event, on the thread that caused it, with no lock held, in
 * the order in which hooks were added; they may use the store, and remove hooks, these too. They
 * cannot prevent what has happened.
 */
typedef struct rbtoken_hooks_t {
  /**
   * Set by `RBTOKEN_INIT()`.
   */
  size_t struct_size;
  /**
   * Passed to the functions.
   */
  void *user_data;
  /**
   * A token was made (not: imported).
   */
  rbtoken_created_fn created;
  /**
   * A token's fields were changed.
   */
  rbtoken_event_fn updated;
  /**
   * A token was made invalid, for the first time or again.
   */
  rbtoken_event_fn invalidated;
  /**
   * Somebody tried to log in with a token that is expired.
   */
  rbtoken_event_fn expired;
  /**
   * Somebody logged in with a token.
   */
  rbtoken_event_fn used;
  /**
   * A token was deleted, purged, or removed with its Local Site.
   */
  rbtoken_event_fn deleted;
  /**
   * Called when `user_data` is needed no more; may be NULL.
   */
  rbtoken_destroy_fn destroy;
} rbtoken_hooks_t;

/**
 * Makes a new token value: writes at most `capacity` bytes of UTF-8 to `value`, without a NUL,
 * sets `*value_len` to how many, and returns `RBTOKEN_OK`. A value has 1 to 255 characters, for
 * which `capacity` is always enough. `attempt` is 0 at first; each collision with an existing
 * value adds 1, up to 19. Any other status makes the call that asked fail with it. Must not throw.
 */
typedef rbtoken_status_t (*rbtoken_generator_create_fn)(void *user_data,
                                                        const char *token_type,
                                                        uint32_t attempt,
                                                        char *value,
                                                        size_t capacity,
                                                        size_t *value_len);

/**
 * Sets `*valid` to whether a value of `value_len` bytes has the generator's format for a token
 * type, and returns `RBTOKEN_OK`. Any other status makes the call that asked fail with it. Must
 * not throw.
 */
typedef rbtoken_status_t (*rbtoken_generator_validate_fn)(void *user_data,
                                                          const char *token_type,
                                                          const char *value,
                                                          size_t value_len,
                                                          bool *valid);

/**
 * A token generator of the host's. Set up with `RBTOKEN_INIT()`; copied when it is added. Its
 * functions are called from any thread, several at a time, and never while the library holds a
 * lock; they may use the store.
 */
typedef struct rbtoken_generator_t {
  /**
   * Set by `RBTOKEN_INIT()`.
   */
  size_t struct_size;
  /**
   * Passed to the functions.
   */
  void *user_data;
  /**
   * Makes a value; must be set.
   */
  rbtoken_generator_create_fn create;
  /**
   * Recognises a value; must be set.
   */
  rbtoken_generator_validate_fn validate;
  /**
   * Called when `user_data` is needed no more; may be NULL.
   */
  rbtoken_destroy_fn destroy;
} rbtoken_generator_t;

/**
 * What a service account is made of. Set up with `RBTOKEN_INIT()`; then at least `id` is set.
 */
typedef struct rbtoken_service_account_options_t {
  /**
   * Set by `RBTOKEN_INIT()`.
   */
  size_t struct_size;
  /**
   * `RBTOKEN_EXPIRATION_DEFAULT`, `_NEVER` or `_SECS`.
   */
  int32_t expiration_mode;
  /**
   * Versions count from 1, and 0 is 1. A higher version makes a new token, for instance when
   * the policy has changed.
   */
  uint32_t token_version;
  /**
   * With `RBTOKEN_EXPIRATION_SECS`: seconds, more than 0. Else 0.
   */
  int64_t expiration_secs;
  /**
   * The account's id: letters, digits, `_` and `-`. Must be set.
   */
  const char *id;
  /**
   * Bytes of `id`, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t id_len;
  /**
   * The user that owns the tokens. NULL: the user whose name is the account's id.
   */
  const char *user;
  /**
   * Bytes of `user`, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t user_len;
  /**
   * A new token's policy as JSON. NULL: full access.
   */
  const char *policy;
  /**
   * Bytes of `policy`, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t policy_len;
} rbtoken_service_account_options_t;

/**
 * Which token of a service account is asked for. Set up with `RBTOKEN_INIT()`, which leaves all
 * defaults.
 */
typedef struct rbtoken_service_token_options_t {
  /**
   * Set by `RBTOKEN_INIT()`.
   */
  size_t struct_size;
  /**
   * `RBTOKEN_MIN_VALIDITY_DEFAULT` (2 hours) or `_SECS`.
   */
  int32_t min_validity_mode;
  /**
   * Must be 0.
   */
  uint32_t reserved;
  /**
   * With `RBTOKEN_MIN_VALIDITY_SECS`: seconds for which an existing token must still be valid;
   * 0 and less: it must be valid now. Else 0.
   */
  int64_t min_validity_secs;
  /**
   * The Local Site that the token belongs to. NULL: the global site.
   */
  const char *local_site;
  /**
   * Bytes of `local_site`, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t local_site_len;
} rbtoken_service_token_options_t;

/**
 * Writes a message to the host's log. `level` is one of `RBTOKEN_LOG_ERROR` to `_DEBUG`, or a
 * higher number in later versions; `target` names the part of the library, `"rbtoken.extension"`
 * or `"rbtoken.store"`. The texts are lent for the call. No message has a token's value. Called
 * from any thread, several at a time, with no lock held. Must not throw.
 */
typedef void (*rbtoken_log_fn)(void *user_data,
                               int32_t level,
                               const char *target,
                               const char *message);

/**
 * What a host offers to an extension instance. Set up with `RBTOKEN_INIT()`; copied when the
 * instance is created. Each function may be NULL, and `struct_size` may be that of an older or a
 * newer table: the library reads the members that it knows and that are there.
 *
 * `user_data` must stay good until `destroy` has returned and no call of a store that the instance
 * gave out is in flight.
 */
typedef struct rbtoken_host_v1_t {
  /**
   * Set by `RBTOKEN_INIT()`.
   */
  size_t struct_size;
  /**
   * Passed to the functions.
   */
  void *user_data;
  /**
   * Writes to the host's log. NULL: nothing is logged.
   */
  rbtoken_log_fn log;
  /**
   * Tells the time. NULL: the system's clock does.
   */
  rbtoken_clock_fn now;
  /**
   * Fills a buffer with unpredictable bytes. NULL: the operating system does.
   */
  rbtoken_entropy_fn fill;
} rbtoken_host_v1_t;

/**
 * The extension: who it is, and the life of its instances.
 *
 * An instance is created, configured, initialized, shut down, perhaps initialized again, and
 * destroyed; a call in a wrong order is `RBTOKEN_E_STATE` and changes nothing. Instances live side
 * by side and share nothing. The functions may be called from any thread, `destroy` when no other
 * call on the instance is in flight. Statuses, errors, texts and ownership are as everywhere in
 * this header.
 */
typedef struct rbtoken_extension_v1_t {
  /**
   * The bytes of this table. A member is there if it lies within them.
   */
  size_t struct_size;
  /**
   * `"rbtoken"`.
   */
  const char *id;
  /**
   * The extension's name, for people.
   */
  const char *name;
  /**
   * The library's version, as from `rbtoken_version()`.
   */
  const char *version;
  /**
   * Who wrote it.
   */
  const char *author;
  /**
   * The license, as an SPDX identifier.
   */
  const char *license;
  /**
   * What it is for, in a sentence.
   */
  const char *summary;
  /**
   * Where to read about the rules that it follows.
   */
  const char *url;
  /**
   * Creates an instance. `host` offers services, each of them optional; NULL: none.
   * `RBTOKEN_E_NULL_ARGUMENT`, `RBTOKEN_E_STRUCT_SIZE`.
   */
  rbtoken_status_t (*create)(const struct rbtoken_host_v1_t *host,
                             struct rbtoken_instance_t **instance,
                             struct rbtoken_error_t **error);
  /**
   * Takes a JSON object of settings, by the names of `rbtoken_store_set_setting()`, which
   * replaces an earlier one. The whole object is validated before any setting applies. On
   * failure the error has the JSON path and the instance is unchanged. NULL with a length of 0:
   * all defaults. Must not be called while the instance is initialized. `RBTOKEN_E_STATE`, and as
   * from `rbtoken_store_open()` for settings.
   */
  rbtoken_status_t (*configure)(struct rbtoken_instance_t *instance,
                                const char *settings,
                                size_t settings_len,
                                struct rbtoken_error_t **error);
  /**
   * Opens the instance's store. After a shutdown it is a new one; a store in memory is empty. A
   * file is given up with the last handle of its store: until then it is `RBTOKEN_E_LOCKED`.
   * `RBTOKEN_E_STATE`, `RBTOKEN_E_UNSUPPORTED`, and what `rbtoken_store_open()` answers.
   */
  rbtoken_status_t (*initialize)(struct rbtoken_instance_t *instance, struct rbtoken_error_t **error);
  /**
   * Closes the instance's store and removes its hooks and the host's generators, which are
   * destroyed when their last call in flight ends. It does not wait: calls in flight end as they
   * would have or answer `RBTOKEN_E_STATE`, as does every later one, on any handle of the store.
   * `RBTOKEN_E_STATE`.
   */
  rbtoken_status_t (*shutdown)(struct rbtoken_instance_t *instance, struct rbtoken_error_t **error);
  /**
   * Gives an instance back, shutting it down first if it is initialized. NULL does nothing.
   */
  void (*destroy)(struct rbtoken_instance_t *instance);
  /**
   * Gives a reference to the instance's store, to be released with `rbtoken_store_release()`;
   * only while the instance is initialized. `RBTOKEN_E_STATE`, `RBTOKEN_E_NULL_ARGUMENT`.
   */
  rbtoken_status_t (*get_store)(struct rbtoken_instance_t *instance,
                                struct rbtoken_store_t **store,
                                struct rbtoken_error_t **error);
  /**
   * Tells all settings in force as a JSON object, to be freed with `rbtoken_buffer_free()`: the
   * store's, or else those that it would be opened with.
   * `RBTOKEN_E_NULL_ARGUMENT`, `RBTOKEN_E_UNSUPPORTED`.
   */
  rbtoken_status_t (*get_settings)(struct rbtoken_instance_t *instance,
                                   struct rbtoken_buffer_t **settings,
                                   struct rbtoken_error_t **error);
  /**
   * A JSON Schema of the settings; a constant that is never freed.
   */
  const char *(*get_settings_schema)(void);
  /**
   * A table of functions by its name, such as `"rbtoken.store/1"`: an
   * `rbtoken_store_interface_v1_t`. A constant that is never freed. NULL if the library has none
   * of that name.
   */
  const void *(*get_interface)(const char *name);
} rbtoken_extension_v1_t;

/**
 * The interface `rbtoken.about/1`: the functions of the linked API for the library itself.
 */
typedef struct rbtoken_about_interface_v1_t {
  /**
   * The bytes of this table. A member is there if it lies within them.
   */
  size_t struct_size;
  /**
   * `rbtoken_version()`
   */
  const char *(*version)(void);
  /**
   * `rbtoken_abi_version()`
   */
  uint32_t (*abi_version)(void);
  /**
   * `rbtoken_abi_is_compatible()`
   */
  bool (*abi_is_compatible)(uint32_t abi_version);
  /**
   * `rbtoken_status_name()`
   */
  const char *(*status_name)(rbtoken_status_t status);
  /**
   * `rbtoken_verdict_name()`
   */
  const char *(*verdict_name)(rbtoken_verdict_t verdict);
} rbtoken_about_interface_v1_t;

/**
 * The interface `rbtoken.error/1`: the functions of the linked API for errors.
 */
typedef struct rbtoken_error_interface_v1_t {
  /**
   * The bytes of this table. A member is there if it lies within them.
   */
  size_t struct_size;
  /**
   * `rbtoken_error_status()`
   */
  rbtoken_status_t (*status)(const struct rbtoken_error_t *error);
  /**
   * `rbtoken_error_message()`
   */
  const char *(*message)(const struct rbtoken_error_t *error);
  /**
   * `rbtoken_error_argument()`
   */
  const char *(*argument)(const struct rbtoken_error_t *error);
  /**
   * `rbtoken_error_json_path()`
   */
  const char *(*json_path)(const struct rbtoken_error_t *error);
  /**
   * `rbtoken_error_free()`
   */
  void (*free)(struct rbtoken_error_t *error);
} rbtoken_error_interface_v1_t;

/**
 * The interface `rbtoken.buffer/1`: the functions of the linked API for buffers.
 */
typedef struct rbtoken_buffer_interface_v1_t {
  /**
   * The bytes of this table. A member is there if it lies within them.
   */
  size_t struct_size;
  /**
   * `rbtoken_buffer_data()`
   */
  const char *(*data)(const struct rbtoken_buffer_t *buffer, size_t *len);
  /**
   * `rbtoken_buffer_free()`
   */
  void (*free)(struct rbtoken_buffer_t *buffer);
} rbtoken_buffer_interface_v1_t;

/**
 * The interface `rbtoken.store/1`: the functions of the linked API for stores, their tokens and logins.
 */
typedef struct rbtoken_store_interface_v1_t {
  /**
   * The bytes of this table. A member is there if it lies within them.
   */
  size_t struct_size;
  /**
   * `rbtoken_store_open()`
   */
  rbtoken_status_t (*open)(const struct rbtoken_store_options_t *options,
                           struct rbtoken_store_t **store,
                           struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_shared()`
   */
  rbtoken_status_t (*shared)(const struct rbtoken_store_options_t *options,
                             struct rbtoken_store_t **store,
                             struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_retain()`
   */
  struct rbtoken_store_t *(*retain)(struct rbtoken_store_t *store);
  /**
   * `rbtoken_store_release()`
   */
  void (*release)(struct rbtoken_store_t *store);
  /**
   * `rbtoken_store_set_setting()`
   */
  rbtoken_status_t (*set_setting)(struct rbtoken_store_t *store,
                                  const char *name,
                                  size_t name_len,
                                  const char *value,
                                  size_t value_len,
                                  struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_get_setting()`
   */
  rbtoken_status_t (*get_setting)(struct rbtoken_store_t *store,
                                  const char *name,
                                  size_t name_len,
                                  struct rbtoken_buffer_t **value,
                                  struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_add_local_site()`
   */
  rbtoken_status_t (*add_local_site)(struct rbtoken_store_t *store,
                                     const char *local_site,
                                     size_t local_site_len,
                                     struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_remove_local_site()`
   */
  rbtoken_status_t (*remove_local_site)(struct rbtoken_store_t *store,
                                        const char *local_site,
                                        size_t local_site_len,
                                        struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_set_user_active()`
   */
  rbtoken_status_t (*set_user_active)(struct rbtoken_store_t *store,
                                      const char *user,
                                      size_t user_len,
                                      int32_t active,
                                      struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_set_policy_ids()`
   */
  rbtoken_status_t (*set_policy_ids)(struct rbtoken_store_t *store,
                                     const char *const *ids,
                                     size_t count,
                                     struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_get_or_create_client_token()`
   */
  rbtoken_status_t (*get_or_create_client_token)(struct rbtoken_store_t *store,
                                                 const char *user,
                                                 size_t user_len,
                                                 const char *client_name,
                                                 size_t client_name_len,
                                                 const struct rbtoken_client_token_options_t *options,
                                                 struct rbtoken_token_t **token,
                                                 bool *created,
                                                 struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_generate_token()`
   */
  rbtoken_status_t (*generate_token)(struct rbtoken_store_t *store,
                                     const char *user,
                                     size_t user_len,
                                     const struct rbtoken_generate_options_t *options,
                                     struct rbtoken_token_t **token,
                                     struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_import_token()`
   */
  rbtoken_status_t (*import_token)(struct rbtoken_store_t *store,
                                   const char *user,
                                   size_t user_len,
                                   const char *value,
                                   size_t value_len,
                                   const struct rbtoken_import_options_t *options,
                                   struct rbtoken_token_t **token,
                                   struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_find_token()`
   */
  rbtoken_status_t (*find_token)(struct rbtoken_store_t *store,
                                 const char *value,
                                 size_t value_len,
                                 struct rbtoken_token_t **token,
                                 struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_get_token()`
   */
  rbtoken_status_t (*get_token)(struct rbtoken_store_t *store,
                                int64_t id,
                                struct rbtoken_token_t **token,
                                struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_list_tokens()`
   */
  rbtoken_status_t (*list_tokens)(struct rbtoken_store_t *store,
                                  const struct rbtoken_token_filter_t *filter,
                                  struct rbtoken_token_list_t **list,
                                  struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_token_count()`
   */
  rbtoken_status_t (*token_count)(struct rbtoken_store_t *store,
                                  uint64_t *count,
                                  struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_value_is_valid()`
   */
  rbtoken_status_t (*value_is_valid)(struct rbtoken_store_t *store,
                                     const char *generator_id,
                                     size_t generator_id_len,
                                     const char *token_type,
                                     size_t token_type_len,
                                     const char *value,
                                     size_t value_len,
                                     bool *valid,
                                     struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_authenticate()`
   */
  rbtoken_status_t (*authenticate)(struct rbtoken_store_t *store,
                                   const char *value,
                                   size_t value_len,
                                   const struct rbtoken_login_options_t *options,
                                   rbtoken_verdict_t *verdict,
                                   struct rbtoken_token_t **token,
                                   struct rbtoken_token_t **refused,
                                   struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_authenticate_header()`
   */
  rbtoken_status_t (*authenticate_header)(struct rbtoken_store_t *store,
                                          const char *header,
                                          size_t header_len,
                                          const struct rbtoken_login_options_t *options,
                                          rbtoken_verdict_t *verdict,
                                          struct rbtoken_token_t **token,
                                          struct rbtoken_token_t **refused,
                                          struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_update_token()`
   */
  rbtoken_status_t (*update_token)(struct rbtoken_store_t *store,
                                   int64_t id,
                                   const struct rbtoken_token_update_t *update,
                                   struct rbtoken_token_t **token,
                                   struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_invalidate_token()`
   */
  rbtoken_status_t (*invalidate_token)(struct rbtoken_store_t *store,
                                       const char *value,
                                       size_t value_len,
                                       const char *reason,
                                       size_t reason_len,
                                       struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_invalidate_token_by_id()`
   */
  rbtoken_status_t (*invalidate_token_by_id)(struct rbtoken_store_t *store,
                                             int64_t id,
                                             const char *reason,
                                             size_t reason_len,
                                             struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_invalidate_user_tokens()`
   */
  rbtoken_status_t (*invalidate_user_tokens)(struct rbtoken_store_t *store,
                                             const char *user,
                                             size_t user_len,
                                             const char *reason,
                                             size_t reason_len,
                                             uint64_t *count,
                                             struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_invalidate_all_tokens()`
   */
  rbtoken_status_t (*invalidate_all_tokens)(struct rbtoken_store_t *store,
                                            const char *reason,
                                            size_t reason_len,
                                            uint64_t *count,
                                            struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_delete_token()`
   */
  rbtoken_status_t (*delete_token)(struct rbtoken_store_t *store,
                                   int64_t id,
                                   struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_purge_tokens()`
   */
  rbtoken_status_t (*purge_tokens)(struct rbtoken_store_t *store,
                                   int64_t dead_before_us,
                                   uint64_t *count,
                                   struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_flush()`
   */
  rbtoken_status_t (*flush)(struct rbtoken_store_t *store, struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_backup()`
   */
  rbtoken_status_t (*backup)(struct rbtoken_store_t *store,
                             const char *path,
                             size_t path_len,
                             struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_export_file()`
   */
  rbtoken_status_t (*export_file)(struct rbtoken_store_t *store,
                                  const char *path,
                                  size_t path_len,
                                  const struct rbtoken_progress_t *progress,
                                  uint64_t *count,
                                  struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_import_file()`
   */
  rbtoken_status_t (*import_file)(struct rbtoken_store_t *store,
                                  const char *path,
                                  size_t path_len,
                                  const struct rbtoken_progress_t *progress,
                                  uint64_t *count,
                                  struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_statistics()`
   */
  rbtoken_status_t (*statistics)(struct rbtoken_store_t *store,
                                 struct rbtoken_buffer_t **statistics,
                                 struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_forget_logins()`
   */
  rbtoken_status_t (*forget_logins)(struct rbtoken_store_t *store,
                                    const char *value,
                                    size_t value_len,
                                    struct rbtoken_error_t **error);
} rbtoken_store_interface_v1_t;

/**
 * The interface `rbtoken.hooks/1`: the functions of the linked API for events.
 */
typedef struct rbtoken_hooks_interface_v1_t {
  /**
   * The bytes of this table. A member is there if it lies within them.
   */
  size_t struct_size;
  /**
   * `rbtoken_store_add_hooks()`
   */
  rbtoken_status_t (*add_hooks)(struct rbtoken_store_t *store,
                                const struct rbtoken_hooks_t *hooks,
                                uint64_t *hooks_id,
                                struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_remove_hooks()`
   */
  rbtoken_status_t (*remove_hooks)(struct rbtoken_store_t *store,
                                   uint64_t hooks_id,
                                   struct rbtoken_error_t **error);
} rbtoken_hooks_interface_v1_t;

/**
 * The interface `rbtoken.generator/1`: the functions of the linked API for token generators.
 */
typedef struct rbtoken_generator_interface_v1_t {
  /**
   * The bytes of this table. A member is there if it lies within them.
   */
  size_t struct_size;
  /**
   * `rbtoken_store_add_generator()`
   */
  rbtoken_status_t (*add_generator)(struct rbtoken_store_t *store,
                                    const char *generator_id,
                                    size_t generator_id_len,
                                    const struct rbtoken_generator_t *generator,
                                    struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_set_default_generator()`
   */
  rbtoken_status_t (*set_default_generator)(struct rbtoken_store_t *store,
                                            const char *generator_id,
                                            size_t generator_id_len,
                                            struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_set_deprecated_generators()`
   */
  rbtoken_status_t (*set_deprecated_generators)(struct rbtoken_store_t *store,
                                                const char *const *generator_ids,
                                                size_t count,
                                                struct rbtoken_error_t **error);
} rbtoken_generator_interface_v1_t;

/**
 * The interface `rbtoken.service_account/1`: the functions of the linked API for service accounts.
 */
typedef struct rbtoken_service_account_interface_v1_t {
  /**
   * The bytes of this table. A member is there if it lies within them.
   */
  size_t struct_size;
  /**
   * `rbtoken_service_account_new()`
   */
  rbtoken_status_t (*create)(const struct rbtoken_service_account_options_t *options,
                             struct rbtoken_service_account_t **account,
                             struct rbtoken_error_t **error);
  /**
   * `rbtoken_service_account_get_api_token()`
   */
  rbtoken_status_t (*get_api_token)(const struct rbtoken_service_account_t *account,
                                    struct rbtoken_store_t *store,
                                    const struct rbtoken_service_token_options_t *options,
                                    struct rbtoken_token_t **token,
                                    bool *created,
                                    struct rbtoken_error_t **error);
  /**
   * `rbtoken_service_account_free()`
   */
  void (*free)(struct rbtoken_service_account_t *account);
} rbtoken_service_account_interface_v1_t;

/**
 * The interface `rbtoken.token/1`: the functions of the linked API for tokens.
 */
typedef struct rbtoken_token_interface_v1_t {
  /**
   * The bytes of this table. A member is there if it lies within them.
   */
  size_t struct_size;
  /**
   * `rbtoken_token_retain()`
   */
  struct rbtoken_token_t *(*retain)(const struct rbtoken_token_t *token);
  /**
   * `rbtoken_token_release()`
   */
  void (*release)(struct rbtoken_token_t *token);
  /**
   * `rbtoken_token_id()`
   */
  int64_t (*id)(const struct rbtoken_token_t *token);
  /**
   * `rbtoken_token_value()`
   */
  const char *(*value)(const struct rbtoken_token_t *token, size_t *len);
  /**
   * `rbtoken_token_redacted()`
   */
  const char *(*redacted)(const struct rbtoken_token_t *token, size_t *len);
  /**
   * `rbtoken_token_user()`
   */
  const char *(*user)(const struct rbtoken_token_t *token, size_t *len);
  /**
   * `rbtoken_token_local_site()`
   */
  const char *(*local_site)(const struct rbtoken_token_t *token, size_t *len);
  /**
   * `rbtoken_token_client_name()`
   */
  const char *(*client_name)(const struct rbtoken_token_t *token, size_t *len);
  /**
   * `rbtoken_token_note()`
   */
  const char *(*note)(const struct rbtoken_token_t *token, size_t *len);
  /**
   * `rbtoken_token_generator_id()`
   */
  const char *(*generator_id)(const struct rbtoken_token_t *token, size_t *len);
  /**
   * `rbtoken_token_policy()`
   */
  const char *(*policy)(const struct rbtoken_token_t *token, size_t *len);
  /**
   * `rbtoken_token_extra_data()`
   */
  const char *(*extra_data)(const struct rbtoken_token_t *token, size_t *len);
  /**
   * `rbtoken_token_invalid_reason()`
   */
  const char *(*invalid_reason)(const struct rbtoken_token_t *token, size_t *len);
  /**
   * `rbtoken_token_expires()`
   */
  bool (*expires)(const struct rbtoken_token_t *token, int64_t *time_us);
  /**
   * `rbtoken_token_time_added()`
   */
  bool (*time_added)(const struct rbtoken_token_t *token, int64_t *time_us);
  /**
   * `rbtoken_token_last_updated()`
   */
  bool (*last_updated)(const struct rbtoken_token_t *token, int64_t *time_us);
  /**
   * `rbtoken_token_last_used()`
   */
  bool (*last_used)(const struct rbtoken_token_t *token, int64_t *time_us);
  /**
   * `rbtoken_token_invalid_date()`
   */
  bool (*invalid_date)(const struct rbtoken_token_t *token, int64_t *time_us);
  /**
   * `rbtoken_token_is_invalidated()`
   */
  bool (*is_invalidated)(const struct rbtoken_token_t *token);
  /**
   * `rbtoken_token_is_expired()`
   */
  bool (*is_expired)(const struct rbtoken_token_t *token, int64_t at_us);
  /**
   * `rbtoken_token_is_deprecated()`
   */
  bool (*is_deprecated)(const struct rbtoken_token_t *token);
  /**
   * `rbtoken_token_to_json()`
   */
  rbtoken_status_t (*to_json)(const struct rbtoken_token_t *token,
                              int64_t at_us,
                              uint32_t flags,
                              struct rbtoken_buffer_t **json,
                              struct rbtoken_error_t **error);
  /**
   * `rbtoken_token_allows()`
   */
  rbtoken_status_t (*allows)(const struct rbtoken_token_t *token,
                             const char *policy_id,
                             size_t policy_id_len,
                             const char *method,
                             size_t method_len,
                             const char *resource_id,
                             size_t resource_id_len,
                             bool *allowed,
                             struct rbtoken_error_t **error);
} rbtoken_token_interface_v1_t;

/**
 * The interface `rbtoken.token_list/1`: the functions of the linked API for token lists.
 */
typedef struct rbtoken_token_list_interface_v1_t {
  /**
   * The bytes of this table. A member is there if it lies within them.
   */
  size_t struct_size;
  /**
   * `rbtoken_token_list_count()`
   */
  size_t (*count)(const struct rbtoken_token_list_t *list);
  /**
   * `rbtoken_token_list_get()`
   */
  const struct rbtoken_token_t *(*get)(const struct rbtoken_token_list_t *list, size_t index);
  /**
   * `rbtoken_token_list_free()`
   */
  void (*free)(struct rbtoken_token_list_t *list);
} rbtoken_token_list_interface_v1_t;

/**
 * The interface `rbtoken.policy/1`: the functions of the linked API for policies.
 */
typedef struct rbtoken_policy_interface_v1_t {
  /**
   * The bytes of this table. A member is there if it lies within them.
   */
  size_t struct_size;
  /**
   * `rbtoken_policy_parse()`
   */
  rbtoken_status_t (*parse)(struct rbtoken_store_t *store,
                            const char *document,
                            size_t document_len,
                            struct rbtoken_policy_t **policy,
                            struct rbtoken_error_t **error);
  /**
   * `rbtoken_policy_allows()`
   */
  rbtoken_status_t (*allows)(const struct rbtoken_policy_t *policy,
                             const char *policy_id,
                             size_t policy_id_len,
                             const char *method,
                             size_t method_len,
                             const char *resource_id,
                             size_t resource_id_len,
                             bool *allowed,
                             struct rbtoken_error_t **error);
  /**
   * `rbtoken_policy_free()`
   */
  void (*free)(struct rbtoken_policy_t *policy);
} rbtoken_policy_interface_v1_t;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The version of the library that runs, as text such as `"0.1.0"`; compare it with
 * `RBTOKEN_VERSION`, the version of the header that was compiled.
 *
 * `[thread-safe]`
 *
 * @return the version; a constant that is never freed
 * @since 0.1.0
 */
RBTOKEN_API const char *rbtoken_version(void);

/**
 * The version of the ABI that the running library has.
 *
 * `[thread-safe]`
 *
 * @return the major version times 65536, plus the minor version, as in `RBTOKEN_ABI_VERSION`
 * @since 0.1.0
 */
RBTOKEN_API uint32_t rbtoken_abi_version(void);

/**
 * Tells whether a program that was compiled with a header can use the running library: the
 * major versions are equal and the library's minor version is not lower.
 *
 * ```c
 * if (!rbtoken_abi_is_compatible(RBTOKEN_ABI_VERSION)) abort();
 * ```
 *
 * `[thread-safe]`
 *
 * @param abi_version `RBTOKEN_ABI_VERSION` of the header
 * @return whether the library serves that header
 * @since 0.1.0
 */
RBTOKEN_API bool rbtoken_abi_is_compatible(uint32_t abi_version);

/**
 * The name of a status, such as `"RBTOKEN_E_NOT_FOUND"`.
 *
 * `[thread-safe]`
 *
 * @param status a status that a function returned
 * @return the name; a constant that is never freed; `"unknown status"` for other numbers
 * @since 0.1.0
 */
RBTOKEN_API const char *rbtoken_status_name(rbtoken_status_t status);

/**
 * The status that the function returned together with this error.
 *
 * `[immutable]`
 *
 * @param error an error; NULL is allowed
 * @return the status; `RBTOKEN_OK` for NULL
 * @since 0.1.0
 */
RBTOKEN_API rbtoken_status_t rbtoken_error_status(const struct rbtoken_error_t *error);

/**
 * What went wrong, in English, for people: for a log or a message, not to be parsed.
 *
 * `[immutable]`
 *
 * @param error an error; NULL is allowed
 * @return the message, never NULL for an error; valid until the error is freed; NULL for NULL
 * @since 0.1.0
 */
RBTOKEN_API const char *rbtoken_error_message(const struct rbtoken_error_t *error);

/**
 * The name of the parameter, or of the field of an options struct, that is at fault.
 *
 * `[immutable]`
 *
 * @param error an error; NULL is allowed
 * @return the name; valid until the error is freed; NULL if no argument is at fault
 * @since 0.1.0
 */
RBTOKEN_API const char *rbtoken_error_argument(const struct rbtoken_error_t *error);

/**
 * The place inside a JSON document that is at fault, as a JSONPath (RFC 9535) such as
 * `$.resources["*"].allow[2]`.
 *
 * `[immutable]`
 *
 * @param error an error; NULL is allowed
 * @return the path; valid until the error is freed; NULL if no place in a document is at fault
 * @since 0.1.0
 */
RBTOKEN_API const char *rbtoken_error_json_path(const struct rbtoken_error_t *error);

/**
 * Frees an error.
 *
 * `[exclusive]`
 *
 * @param error an error, which is not used again; NULL does nothing
 * @since 0.1.0
 */
RBTOKEN_API void rbtoken_error_free(struct rbtoken_error_t *error);

/**
 * The text of a buffer: UTF-8 with a NUL behind it.
 *
 * `[immutable]`
 *
 * @param buffer a buffer; NULL is allowed
 * @param len receives the number of bytes without the NUL; may be NULL
 * @return the text; valid until the buffer is freed; NULL for NULL
 * @since 0.1.0
 */
RBTOKEN_API const char *rbtoken_buffer_data(const struct rbtoken_buffer_t *buffer, size_t *len);

/**
 * Wipes and frees a buffer.
 *
 * `[exclusive]`
 *
 * @param buffer a buffer, which is not used again; NULL does nothing
 * @since 0.1.0
 */
RBTOKEN_API void rbtoken_buffer_free(struct rbtoken_buffer_t *buffer);

/**
 * Opens a store of its own. The host releases it with `rbtoken_store_release()`.
 *
 * `[thread-safe]`
 *
 * @param options what to open; NULL: an empty store in memory with all defaults
 * @param store receives the store; NULL on failure
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK the store is open
 * @retval RBTOKEN_E_NULL_ARGUMENT `store` is NULL, or a callback struct lacks its function
 * @retval RBTOKEN_E_STRUCT_SIZE, RBTOKEN_E_UNSUPPORTED_OPTION see "Options structs"
 * @retval RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL, RBTOKEN_E_TOO_LONG a text is bad
 * @retval RBTOKEN_E_UNSUPPORTED the library was built without the feature that `location` needs,
 *         or `settings` has one that is the server's
 * @retval RBTOKEN_E_LOCKED another process, or another store of this one, has the file open
 * @retval RBTOKEN_E_VERSION a later version of the library wrote the file, or the database is none
 *         of Review Board 5.0 or newer
 * @retval RBTOKEN_E_CORRUPT the file is damaged
 * @retval RBTOKEN_E_IO, RBTOKEN_E_NO_MEMORY the file cannot be opened, read or made, or the
 *         database cannot be reached
 * @retval RBTOKEN_E_DATABASE SQLite or the database refuses
 * @retval RBTOKEN_E_TIMEOUT the database does not answer
 * @retval RBTOKEN_E_INVALID_ARGUMENT `location` is a directory, or a file of something else, or
 *         lies where others could replace it, or is no address; or `settings` is bad, and the
 *         error's path tells where
 * @retval RBTOKEN_E_JSON_SYNTAX, RBTOKEN_E_JSON_TYPE, RBTOKEN_E_JSON_TOO_DEEP,
 *         RBTOKEN_E_JSON_NUMBER, RBTOKEN_E_NOT_FOUND, RBTOKEN_E_EXISTS, RBTOKEN_E_GENERATION
 *         `settings` is bad; the error's path tells where
 * @retval RBTOKEN_E_INTERNAL see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_open(const struct rbtoken_store_options_t *options,
                                    struct rbtoken_store_t **store,
                                    struct rbtoken_error_t **error);

/**
 * Gives the one store that the parts of a process share, and opens it at the first call that
 * succeeds. Later calls pass NULL or equal options: equal texts, and the same functions and data
 * for callbacks, which are then not destroyed, being registered already. The process keeps the
 * store until it ends; the host releases each handle that it gets here nonetheless.
 *
 * `[thread-safe]`
 *
 * @param options what to open; NULL: what is open already, or else all defaults
 * @param store receives the store; NULL on failure
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK the shared store is there
 * @retval RBTOKEN_E_STATE the shared store was opened with other options
 * @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_STRUCT_SIZE, RBTOKEN_E_UNSUPPORTED_OPTION,
 *         RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL, RBTOKEN_E_TOO_LONG,
 *         RBTOKEN_E_UNSUPPORTED, RBTOKEN_E_LOCKED, RBTOKEN_E_VERSION, RBTOKEN_E_CORRUPT,
 *         RBTOKEN_E_IO, RBTOKEN_E_TIMEOUT, RBTOKEN_E_DATABASE, RBTOKEN_E_NO_MEMORY,
 *         RBTOKEN_E_JSON_SYNTAX, RBTOKEN_E_JSON_TYPE, RBTOKEN_E_JSON_TOO_DEEP,
 *         RBTOKEN_E_JSON_NUMBER, RBTOKEN_E_INVALID_ARGUMENT, RBTOKEN_E_NOT_FOUND,
 *         RBTOKEN_E_EXISTS, RBTOKEN_E_GENERATION as from `rbtoken_store_open()`
 * @retval RBTOKEN_E_INTERNAL see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_shared(const struct rbtoken_store_options_t *options,
                                      struct rbtoken_store_t **store,
                                      struct rbtoken_error_t **error);

/**
 * Adds a reference to a store, for another part of the host to release.
 *
 * `[thread-safe]`
 *
 * @param store a store; NULL is allowed
 * @return the same store; NULL for NULL
 * @since 0.1.0
 */
RBTOKEN_API struct rbtoken_store_t *rbtoken_store_retain(struct rbtoken_store_t *store);

/**
 * Releases a reference to a store; the last one closes it: a store in a file writes the times of
 * the last logins, and gives the file up. Tokens and lists that came from it stay readable.
 *
 * `[thread-safe]`
 *
 * @param store a store, which this part of the host does not use again; NULL does nothing
 * @since 0.1.0
 */
RBTOKEN_API void rbtoken_store_release(struct rbtoken_store_t *store);

/**
 * Waits until all that was done before this is on the disk, so that a crash or a power cut takes
 * nothing of it back. Only the times of the last logins need this: see "Stores in files". The log
 * of a store in a file is emptied as well, so that the values of deleted tokens leave it (see
 * "Secrets"); the next changes take longer while it grows again. A store in memory has nothing to
 * wait for.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK it is on the disk
 * @retval RBTOKEN_E_IO, RBTOKEN_E_CORRUPT, RBTOKEN_E_LOCKED, RBTOKEN_E_DATABASE,
 *         RBTOKEN_E_NO_MEMORY it could not be written, and will be tried again
 * @retval RBTOKEN_E_NULL_ARGUMENT `store` is NULL
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_flush(struct rbtoken_store_t *store,
                                     struct rbtoken_error_t **error);

/**
 * Changes a setting of the store.
 *
 * | name | value | at first |
 * | --- | --- | --- |
 * | `client_token_expiration` | days until a client token expires, 0 to 3652059; 0 is never | `365` |
 * | `min_validity_secs` | seconds that a client token must still be valid, 0 to 315537897600 | `300` |
 * | `token_type` | what values start with: 1 to 216 letters and digits | `"rbp"` |
 * | `default_generator` | the id of a generator that the store has | `"vendor_checksum"` |
 * | `deprecated_generators` | a list of generator ids, known here or not | `["legacy_sha1"]` |
 * | `policy_ids` | a list of policy ids, or `null`: any | `null` |
 * | `local_sites` | only when a store is opened: a list of the Local Sites that exist from the start; those that a file has are added to it | `[]` |
 * | `location` | only when a store is opened: where tokens are kept, or `null`: in memory | `null` |
 * | `pool_size` | only when a store is opened: connections to a database at most, 1 to 1024 | `8` |
 * | `connect_timeout_secs` | only when a store is opened: seconds for opening a connection, 1 to 3600 | `5` |
 * | `statement_timeout_secs` | only when a store is opened: seconds for one statement, locks included, 1 to 3600 | `30` |
 * | `trusted_owners` | only when a store is opened: the ids of users that may own the directory and the file of a store, and of groups that may write to them, as `{"users": [1000], "groups": [2000]}`; see "Stores in files" | `{"users": [], "groups": []}` |
 * | `call_timeout_secs` | only when a store is opened: seconds for a call about one token on a database, 1 to 3600 | `30` |
 * | `bulk_timeout_secs` | only when a store is opened: seconds for a call about any number of tokens on a database, 1 to 3600 | `600` |
 * | `last_used_interval_secs` | only when a store is opened: age in seconds that the `last_used` of a token on a database reaches before a login writes it, 0 to 31536000; 0: every login writes; `null`: none does | `0` |
 * | `login_cache_secs` | only when a store is opened: seconds for which an accepted login on a database is cached, 0 to 3600; 0: not at all. It has no effect while `last_used_interval_secs` is 0 | `0` |
 * | `login_cache_entries` | only when a store is opened: cached logins at most, 1 to 1000000 | `10000` |
 *
 * Settings are not kept in a store's file: who opens it gives them.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param name the setting's name
 * @param name_len bytes of `name`, or `RBTOKEN_NUL_TERMINATED`
 * @param value a JSON value
 * @param value_len bytes of `value`, or `RBTOKEN_NUL_TERMINATED`
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK the setting is changed
 * @retval RBTOKEN_E_NOT_FOUND there is no such setting
 * @retval RBTOKEN_E_JSON_SYNTAX, RBTOKEN_E_JSON_TOO_DEEP, RBTOKEN_E_JSON_NUMBER `value` is not
 *         JSON that is accepted
 * @retval RBTOKEN_E_JSON_TYPE the setting has another type
 * @retval RBTOKEN_E_INVALID_ARGUMENT the value is not allowed
 * @retval RBTOKEN_E_GENERATION the store has no such generator
 * @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
 *         RBTOKEN_E_TOO_LONG an argument is bad
 * @retval RBTOKEN_E_STATE the setting can be set only when a store is opened, or see "Errors"
 * @retval RBTOKEN_E_UNSUPPORTED the setting is the server's: see "Review Board's database"
 * @retval RBTOKEN_E_FORKED see "Errors"
 * @retval RBTOKEN_E_INTERNAL, RBTOKEN_E_NO_MEMORY see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_set_setting(struct rbtoken_store_t *store,
                                           const char *name,
                                           size_t name_len,
                                           const char *value,
                                           size_t value_len,
                                           struct rbtoken_error_t **error);

/**
 * Tells a setting of the store.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param name a name as for `rbtoken_store_set_setting()`
 * @param name_len bytes of `name`, or `RBTOKEN_NUL_TERMINATED`
 * @param value receives the setting as a JSON value, to be freed with `rbtoken_buffer_free()`;
 *        NULL on failure
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK the setting is told
 * @retval RBTOKEN_E_NOT_FOUND there is no such setting
 * @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
 *         RBTOKEN_E_TOO_LONG an argument is bad
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
 *         RBTOKEN_E_NO_MEMORY see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_get_setting(struct rbtoken_store_t *store,
                                           const char *name,
                                           size_t name_len,
                                           struct rbtoken_buffer_t **value,
                                           struct rbtoken_error_t **error);

/**
 * Returns the counters of a store as a JSON object. Later versions may add members:
 *
 * - `kind`: `"memory"`, `"file"`, `"postgresql"`, `"mysql"` or `"sqlite"`
 * - `tokens`: the number of tokens, usable or not; not for databases, which are not asked
 * - `hooks`: the number of hooks
 * - `memory`: `record_bytes`, the address space for records, and `index_bytes`, that for index
 *   tables of a middle size; the rest is in the allocator's memory, uncounted; not for databases
 * - `file`: `bytes` and `log_bytes`, the sizes of the file and its log, and `commits`, the number
 *   of commits since it was opened; for files only
 * - `pool`: for databases only. `open`, `idle`: the number of connections, and of those that no
 *   call uses; `abandoned`: the number of those that were given up while the server may have them
 *   still; `waiting`: the number of calls that wait for one; `lost`: connections that broke or
 *   were given up; `timeouts`: calls that a limit of time ended; `retries`: questions and
 *   transactions that were repeated
 * - `login_cache`: if logins are cached. `entries`: the number of cached logins; `hits`:
 *   logins that needed no answer of the server
 * - `handles`: the number of handles that the host holds, of each kind, for the whole process:
 *   `buffer`, `error`, `instance`, `policy`, `service_account`, `store`, `token`, `token_list`. A
 *   number that keeps growing is a leak in the host.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param statistics receives the object, to be freed with `rbtoken_buffer_free()`; NULL on failure
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK the counters were returned
 * @retval RBTOKEN_E_NULL_ARGUMENT `store` or `statistics` is NULL
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
 *         RBTOKEN_E_NO_MEMORY see "Errors"
 * @since 0.2.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_statistics(struct rbtoken_store_t *store,
                                          struct rbtoken_buffer_t **statistics,
                                          struct rbtoken_error_t **error);

/**
 * Adds a Local Site, to which tokens can belong from then on.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param local_site the site's name: 1 to 32 characters of `A-Z a-z 0-9 _ . -`
 * @param local_site_len bytes of `local_site`, or `RBTOKEN_NUL_TERMINATED`
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK the site is there now
 * @retval RBTOKEN_E_EXISTS it was there before
 * @retval RBTOKEN_E_UNSUPPORTED the store is on a server's database
 * @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_ARGUMENT, RBTOKEN_E_INVALID_UTF8,
 *         RBTOKEN_E_EMBEDDED_NUL, RBTOKEN_E_TOO_LONG an argument is bad
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
 *         RBTOKEN_E_LOCKED, RBTOKEN_E_IO, RBTOKEN_E_CORRUPT, RBTOKEN_E_DATABASE,
 *         RBTOKEN_E_NO_MEMORY see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_add_local_site(struct rbtoken_store_t *store,
                                              const char *local_site,
                                              size_t local_site_len,
                                              struct rbtoken_error_t **error);

/**
 * Removes a Local Site and, as Review Board does, the tokens that belong to it. The *deleted*
 * event is fired for each.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param local_site the site's name
 * @param local_site_len bytes of `local_site`, or `RBTOKEN_NUL_TERMINATED`
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK the site is removed
 * @retval RBTOKEN_E_NOT_FOUND there is no such Local Site
 * @retval RBTOKEN_E_UNSUPPORTED the store is on a server's database
 * @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_ARGUMENT, RBTOKEN_E_INVALID_UTF8,
 *         RBTOKEN_E_EMBEDDED_NUL, RBTOKEN_E_TOO_LONG an argument is bad
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
 *         RBTOKEN_E_LOCKED, RBTOKEN_E_IO, RBTOKEN_E_CORRUPT, RBTOKEN_E_DATABASE,
 *         RBTOKEN_E_NO_MEMORY see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_remove_local_site(struct rbtoken_store_t *store,
                                                 const char *local_site,
                                                 size_t local_site_len,
                                                 struct rbtoken_error_t **error);

/**
 * Says whether a user may log in. Any name is a user, and may until a host says otherwise. The
 * tokens of a user who may not stay as they are, and are still given out and made.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param user the user's name, 1 to 150 characters
 * @param user_len bytes of `user`, or `RBTOKEN_NUL_TERMINATED`
 * @param active 1: the user may log in; 0: the user may not
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK it is so from now on
 * @retval RBTOKEN_E_UNSUPPORTED the store is on a server's database
 * @retval RBTOKEN_E_INVALID_ARGUMENT the name is empty, or `active` is neither 0 nor 1
 * @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
 *         RBTOKEN_E_TOO_LONG an argument is bad
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
 *         RBTOKEN_E_LOCKED, RBTOKEN_E_IO, RBTOKEN_E_CORRUPT, RBTOKEN_E_DATABASE,
 *         RBTOKEN_E_NO_MEMORY see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_set_user_active(struct rbtoken_store_t *store,
                                               const char *user,
                                               size_t user_len,
                                               int32_t active,
                                               struct rbtoken_error_t **error);

/**
 * Registers the policy ids of the host's resources, in place of those registered before. From
 * then on a policy that names another id is refused, and so is a question about another id.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param ids `count` NUL-terminated ids, none of them empty or `*`; NULL with a `count` of 0: any
 *        id is known, as at first
 * @param count how many, at most 65536; 0 with `ids` not NULL: no id is known
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK the list is registered
 * @retval RBTOKEN_E_NULL_ARGUMENT `store`, or an id, or `ids` with a `count`, is NULL
 * @retval RBTOKEN_E_INVALID_ARGUMENT an id is empty or `*`
 * @retval RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_TOO_LONG an id, or the list, is bad
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_INTERNAL, RBTOKEN_E_NO_MEMORY see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_set_policy_ids(struct rbtoken_store_t *store,
                                              const char *const *ids,
                                              size_t count,
                                              struct rbtoken_error_t **error);

/**
 * Writes all that a store has, as of one moment, into a new file that opens as a store: its
 * tokens with their ids, Local Sites, and users that may not log in. Settings are not part of it.
 * The store, in memory or in a file, is in use meanwhile.
 *
 * The file has the values of all tokens: it is a secret. It is made readable by its owner alone,
 * and is on the disk when this returns; no file is overwritten, and none is left behind by a
 * failure.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param path the file to make, in a directory that is fit for a store's file
 * @param path_len bytes of `path`, or `RBTOKEN_NUL_TERMINATED`
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK the copy is there
 * @retval RBTOKEN_E_EXISTS there is a file already
 * @retval RBTOKEN_E_UNSUPPORTED the library was built without the feature `sqlite`, or the store
 *         is of a kind that cannot be copied
 * @retval RBTOKEN_E_IO, RBTOKEN_E_DATABASE the file cannot be written
 * @retval RBTOKEN_E_NO_MEMORY memory is exhausted
 * @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_ARGUMENT, RBTOKEN_E_INVALID_UTF8,
 *         RBTOKEN_E_EMBEDDED_NUL, RBTOKEN_E_TOO_LONG an argument is bad
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_backup(struct rbtoken_store_t *store,
                                      const char *path,
                                      size_t path_len,
                                      struct rbtoken_error_t **error);

/**
 * Writes all that a store has, as of one moment, into a new file of lines, to be read by
 * `rbtoken_store_import_file()` of another store, in memory or in a file. The first line tells the
 * format, its version and how many lines of each kind follow; then each line is a JSON object for
 * a Local Site, a user who may not log in, or a token with all its fields.
 *
 * Each line is valid JSON, and so are `policy` and `extra_data` in it. A document that others
 * wrote and this library would write otherwise has its text in a string before it, `stored_policy`
 * or `stored_extra_data`; this is what an import takes, so that it gives back the same text and
 * denies what it denied. `policy` is null then if the text is neither JSON nor a Python literal.
 *
 * Review Board's database is read in pages of 500, each as of its own moment, with no transaction
 * around them; together they take no longer than the setting `bulk_timeout_secs`. A row with a
 * cell that cannot be read, or with a name that this library does not accept, is left out: such a
 * token logs nobody in.
 *
 * The file has the values of all tokens: it is a secret. It is made readable by its owner alone,
 * and is on the disk when this returns; no file is overwritten, and none is left behind by a
 * failure.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param path the file to make
 * @param path_len bytes of `path`, or `RBTOKEN_NUL_TERMINATED`
 * @param progress told how far it is; may be NULL
 * @param count receives how many tokens were written; may be NULL; 0 on failure
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK the file is there
 * @retval RBTOKEN_E_EXISTS there is a file already
 * @retval RBTOKEN_E_IO the file cannot be written, or the database not be reached
 * @retval RBTOKEN_E_TIMEOUT, RBTOKEN_E_DATABASE the database did not answer in time, or refused
 * @retval RBTOKEN_E_STRUCT_SIZE, RBTOKEN_E_UNSUPPORTED_OPTION see "Options structs"
 * @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_ARGUMENT, RBTOKEN_E_INVALID_UTF8,
 *         RBTOKEN_E_EMBEDDED_NUL, RBTOKEN_E_TOO_LONG an argument is bad
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
 *         RBTOKEN_E_NO_MEMORY see "Errors"
 * @retval other the status of `progress`, passed on unchanged
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_export_file(struct rbtoken_store_t *store,
                                           const char *path,
                                           size_t path_len,
                                           const struct rbtoken_progress_t *progress,
                                           uint64_t *count,
                                           struct rbtoken_error_t **error);

/**
 * Adds all that `rbtoken_store_export_file()` has written into a file: the whole of it, or
 * nothing. The tokens get new ids, in the order of their lines, and no event is fired for them;
 * Local Sites that the store has stay, and settings are not touched. A document that others wrote
 * need keep no rule, and is given back as it stands: a policy that is malformed denies everything,
 * as described in "Review Board's database". A line has at most 1 GiB.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param path the file to read
 * @param path_len bytes of `path`, or `RBTOKEN_NUL_TERMINATED`
 * @param progress told how far it is; may be NULL
 * @param count receives how many tokens were added; may be NULL; 0 on failure
 * @param error receives the details of a failure; may be NULL. The message tells the line, and the
 *        path the place in it.
 * @retval RBTOKEN_OK all is there
 * @retval RBTOKEN_E_EXISTS a token has a value that the store, or another line, has already
 * @retval RBTOKEN_E_INVALID_ARGUMENT the file is no export, or an argument is bad
 * @retval RBTOKEN_E_VERSION the export is of a later version of the library
 * @retval RBTOKEN_E_CORRUPT the file ends early
 * @retval RBTOKEN_E_NOT_FOUND a token belongs to a Local Site that neither the file nor the store
 *         has
 * @retval RBTOKEN_E_JSON_SYNTAX, RBTOKEN_E_JSON_TYPE, RBTOKEN_E_JSON_TOO_DEEP,
 *         RBTOKEN_E_JSON_NUMBER, RBTOKEN_E_POLICY, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
 *         RBTOKEN_E_TOO_LONG a line is bad, or an argument is
 * @retval RBTOKEN_E_LOCKED the file belongs to a store that is open
 * @retval RBTOKEN_E_IO the file cannot be read, or the store's own not be written
 * @retval RBTOKEN_E_DATABASE the store's own file cannot be written
 * @retval RBTOKEN_E_NO_MEMORY memory is exhausted
 * @retval RBTOKEN_E_UNSUPPORTED the store is on Review Board's database, which takes no imports
 * @retval RBTOKEN_E_STRUCT_SIZE, RBTOKEN_E_UNSUPPORTED_OPTION see "Options structs"
 * @retval RBTOKEN_E_NULL_ARGUMENT an argument is NULL
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL see "Errors"
 * @retval other the status of `progress`, passed on unchanged
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_import_file(struct rbtoken_store_t *store,
                                           const char *path,
                                           size_t path_len,
                                           const struct rbtoken_progress_t *progress,
                                           uint64_t *count,
                                           struct rbtoken_error_t **error);

/**
 * Gives a client's API token for a user: the existing one that is valid for the longest, or a new
 * one if none will do.
 *
 * An existing token will do if it is the user's, belongs to the given Local Site (or to none),
 * names the client in its extra data, was not invalidated, and is valid for longer than the
 * minimum validity. One that never expires comes first, then the one that expires last, then the
 * lowest id. It is given back as it is: the options for new tokens play no part.
 *
 * However many threads ask for the same user, Local Site and client at once, one token is made
 * and all get it.
 *
 * **Whoever may call this may act as any user, for it gives out the secret: authenticate who asks
 * before you call it.**
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param user the owner's name, 1 to 150 characters; any name is a user
 * @param user_len bytes of `user`, or `RBTOKEN_NUL_TERMINATED`
 * @param client_name the client's name, 1 to 255 characters, such as `RBTools`
 * @param client_name_len bytes of `client_name`, or `RBTOKEN_NUL_TERMINATED`
 * @param options how to search and make; NULL: all defaults
 * @param token receives the token, to be released with `rbtoken_token_release()`; NULL on failure
 * @param created receives whether the token is new; false on failure; may be NULL
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK the token is there
 * @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
 *         RBTOKEN_E_TOO_LONG an argument is bad
 * @retval RBTOKEN_E_INVALID_ARGUMENT a name is empty or malformed, a mode or flag is unknown, a
 *         field is set that its mode ignores, or the expiration is not after now
 * @retval RBTOKEN_E_STRUCT_SIZE, RBTOKEN_E_UNSUPPORTED_OPTION see "Options structs"
 * @retval RBTOKEN_E_TIME_RANGE the expiration, or the minimum validity, leads beyond the year 9999
 * @retval RBTOKEN_E_NOT_FOUND there is no such Local Site, or on a server's database no such user
 * @retval RBTOKEN_E_JSON_SYNTAX, RBTOKEN_E_JSON_TYPE, RBTOKEN_E_JSON_TOO_DEEP,
 *         RBTOKEN_E_JSON_NUMBER, RBTOKEN_E_POLICY a document is bad; the error's path tells where
 * @retval RBTOKEN_E_UNSUPPORTED the store's default generator cannot generate
 * @retval RBTOKEN_E_GENERATION no value that is new could be generated
 * @retval RBTOKEN_E_CALLBACK a callback of the host broke its contract; its own failures are
 *         passed on unchanged
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
 *         RBTOKEN_E_LOCKED, RBTOKEN_E_IO, RBTOKEN_E_CORRUPT, RBTOKEN_E_DATABASE,
 *         RBTOKEN_E_NO_MEMORY see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_get_or_create_client_token(struct rbtoken_store_t *store,
                                                          const char *user,
                                                          size_t user_len,
                                                          const char *client_name,
                                                          size_t client_name_len,
                                                          const struct rbtoken_client_token_options_t *options,
                                                          struct rbtoken_token_t **token,
                                                          bool *created,
                                                          struct rbtoken_error_t **error);

/**
 * Makes a new token, a client's or any other.
 *
 * **Whoever may call this may act as any user: authenticate who asks before you call it.**
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param user the owner's name, 1 to 150 characters; any name is a user
 * @param user_len bytes of `user`, or `RBTOKEN_NUL_TERMINATED`
 * @param options how to make it; NULL: all defaults
 * @param token receives the token, to be released with `rbtoken_token_release()`; NULL on failure
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK the token is there
 * @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
 *         RBTOKEN_E_TOO_LONG an argument is bad
 * @retval RBTOKEN_E_INVALID_ARGUMENT a name is empty or malformed, a mode or flag is unknown, or a
 *         field is set that its mode ignores
 * @retval RBTOKEN_E_STRUCT_SIZE, RBTOKEN_E_UNSUPPORTED_OPTION see "Options structs"
 * @retval RBTOKEN_E_TIME_RANGE the expiration lies outside the years 1 to 9999
 * @retval RBTOKEN_E_NOT_FOUND there is no such Local Site, or on a server's database no such user
 * @retval RBTOKEN_E_JSON_SYNTAX, RBTOKEN_E_JSON_TYPE, RBTOKEN_E_JSON_TOO_DEEP,
 *         RBTOKEN_E_JSON_NUMBER, RBTOKEN_E_POLICY a document is bad; the error's path tells where
 * @retval RBTOKEN_E_UNSUPPORTED the generator is `legacy_sha1`, which cannot generate
 * @retval RBTOKEN_E_GENERATION there is no such generator, or no value that is new could be
 *         generated
 * @retval RBTOKEN_E_CALLBACK a callback of the host broke its contract; its own failures are
 *         passed on unchanged
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
 *         RBTOKEN_E_LOCKED, RBTOKEN_E_IO, RBTOKEN_E_CORRUPT, RBTOKEN_E_DATABASE,
 *         RBTOKEN_E_NO_MEMORY see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_generate_token(struct rbtoken_store_t *store,
                                              const char *user,
                                              size_t user_len,
                                              const struct rbtoken_generate_options_t *options,
                                              struct rbtoken_token_t **token,
                                              struct rbtoken_error_t **error);

/**
 * Stores a token that exists elsewhere, with its value and all its fields but the id, which is
 * new. No event is fired: the token is not a new one.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param user the owner's name, 1 to 150 characters; any name is a user
 * @param user_len bytes of `user`, or `RBTOKEN_NUL_TERMINATED`
 * @param value the token's value, 1 to 255 characters; it is not checked against its generator's
 *        format
 * @param value_len bytes of `value`, or `RBTOKEN_NUL_TERMINATED`
 * @param options the other fields; NULL: all defaults
 * @param token receives the token, to be released with `rbtoken_token_release()`; NULL on failure
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK the token is there
 * @retval RBTOKEN_E_EXISTS there is a token of this value already
 * @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
 *         RBTOKEN_E_TOO_LONG an argument is bad
 * @retval RBTOKEN_E_INVALID_ARGUMENT a name or the value is empty or malformed, a flag is unknown,
 *         or a field is set without its flag
 * @retval RBTOKEN_E_STRUCT_SIZE, RBTOKEN_E_UNSUPPORTED_OPTION see "Options structs"
 * @retval RBTOKEN_E_TIME_RANGE a time lies outside the years 1 to 9999
 * @retval RBTOKEN_E_NOT_FOUND there is no such Local Site, or on a server's database no such user
 * @retval RBTOKEN_E_JSON_SYNTAX, RBTOKEN_E_JSON_TYPE, RBTOKEN_E_JSON_TOO_DEEP,
 *         RBTOKEN_E_JSON_NUMBER, RBTOKEN_E_POLICY a document is bad; the error's path tells where
 * @retval RBTOKEN_E_CALLBACK the clock of the host broke its contract; its own failures are passed
 *         on unchanged
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
 *         RBTOKEN_E_LOCKED, RBTOKEN_E_IO, RBTOKEN_E_CORRUPT, RBTOKEN_E_DATABASE,
 *         RBTOKEN_E_NO_MEMORY see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_import_token(struct rbtoken_store_t *store,
                                            const char *user,
                                            size_t user_len,
                                            const char *value,
                                            size_t value_len,
                                            const struct rbtoken_import_options_t *options,
                                            struct rbtoken_token_t **token,
                                            struct rbtoken_error_t **error);

/**
 * Finds the token that has a value, usable or not. **This is no login: it checks nothing**, and
 * an answer of `RBTOKEN_OK` must not let anybody in.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param value a token's value
 * @param value_len bytes of `value`, or `RBTOKEN_NUL_TERMINATED`
 * @param token receives the token, to be released with `rbtoken_token_release()`; NULL on failure
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK the token is there
 * @retval RBTOKEN_E_NOT_FOUND there is none
 * @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_ARGUMENT, RBTOKEN_E_INVALID_UTF8,
 *         RBTOKEN_E_EMBEDDED_NUL, RBTOKEN_E_TOO_LONG an argument is bad
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_find_token(struct rbtoken_store_t *store,
                                          const char *value,
                                          size_t value_len,
                                          struct rbtoken_token_t **token,
                                          struct rbtoken_error_t **error);

/**
 * Gets the token that has an id, usable or not.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param id the id, as from `rbtoken_token_id()`
 * @param token receives the token, to be released with `rbtoken_token_release()`; NULL on failure
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK the token is there
 * @retval RBTOKEN_E_NOT_FOUND there is none, for instance because it was deleted
 * @retval RBTOKEN_E_NULL_ARGUMENT `store` or `token` is NULL
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_get_token(struct rbtoken_store_t *store,
                                         int64_t id,
                                         struct rbtoken_token_t **token,
                                         struct rbtoken_error_t **error);

/**
 * Lists the tokens that match a filter, in order of their ids, as they are now. It reads every
 * token of the user, or of the store if no user is given.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param filter which tokens; NULL: all
 * @param list receives the list, to be freed with `rbtoken_token_list_free()`; NULL on failure
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK the list is there; it may be empty
 * @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
 *         RBTOKEN_E_TOO_LONG an argument is bad
 * @retval RBTOKEN_E_INVALID_ARGUMENT a name is empty or malformed, a mode or flag is unknown, or a
 *         field is set that its mode ignores
 * @retval RBTOKEN_E_STRUCT_SIZE, RBTOKEN_E_UNSUPPORTED_OPTION see "Options structs"
 * @retval RBTOKEN_E_TIME_RANGE a time lies outside the years 1 to 9999
 * @retval RBTOKEN_E_NOT_FOUND there is no such Local Site, or on a server's database no such user
 * @retval RBTOKEN_E_CALLBACK the clock of the host broke its contract; its own failures are passed
 *         on unchanged
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
 *         RBTOKEN_E_NO_MEMORY see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_list_tokens(struct rbtoken_store_t *store,
                                           const struct rbtoken_token_filter_t *filter,
                                           struct rbtoken_token_list_t **list,
                                           struct rbtoken_error_t **error);

/**
 * Counts the tokens of the store, usable or not.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param count receives the number; 0 on failure
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK they are counted
 * @retval RBTOKEN_E_NULL_ARGUMENT `store` or `count` is NULL
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_token_count(struct rbtoken_store_t *store,
                                           uint64_t *count,
                                           struct rbtoken_error_t **error);

/**
 * Tells whether a value has a generator's format, its checksum included. **This is no login:** it
 * says nothing of whether there is such a token.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param generator_id `vendor_checksum`, `legacy_sha1`, or another generator of the store
 * @param generator_id_len bytes of `generator_id`, or `RBTOKEN_NUL_TERMINATED`
 * @param token_type the token type that the value must have, such as `rbp`
 * @param token_type_len bytes of `token_type`, or `RBTOKEN_NUL_TERMINATED`
 * @param value the value
 * @param value_len bytes of `value`, or `RBTOKEN_NUL_TERMINATED`
 * @param valid receives the answer; false on failure
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK the question is answered
 * @retval RBTOKEN_E_GENERATION there is no such generator
 * @retval RBTOKEN_E_CALLBACK a generator of the host broke its contract; its own failures are
 *         passed on unchanged
 * @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
 *         RBTOKEN_E_TOO_LONG an argument is bad
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_INTERNAL see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_value_is_valid(struct rbtoken_store_t *store,
                                              const char *generator_id,
                                              size_t generator_id_len,
                                              const char *token_type,
                                              size_t token_type_len,
                                              const char *value,
                                              size_t value_len,
                                              bool *valid,
                                              struct rbtoken_error_t **error);

/**
 * The name of a verdict, such as `"RBTOKEN_VERDICT_EXPIRED"`.
 *
 * `[thread-safe]`
 *
 * @param verdict a verdict
 * @return the name; a constant that is never freed; `"unknown verdict"` for other numbers
 * @since 0.1.0
 */
RBTOKEN_API const char *rbtoken_verdict_name(rbtoken_verdict_t verdict);

/**
 * Judges a login with a token's value.
 *
 * **`RBTOKEN_OK` means that there is a verdict, not that anybody is logged in: look at
 * `*verdict`.** It is `RBTOKEN_VERDICT_OK` for the caller that is the token's user, and a failure
 * leaves `RBTOKEN_VERDICT_REFUSED`.
 *
 * The value is judged in this order: unknown, invalidated, expired, of an inactive user, of
 * another site. A value that is accepted so far as its site sets `last_used`. Bytes that cannot
 * be a value (not UTF-8, a NUL, too long, none at all) are an unknown one, never an error. What a
 * comparison with a known value costs does not tell where the two differ.
 *
 * Whether the user may enter the site is for the host to check, and
 * `rbtoken_token_is_deprecated()` tells whether to ask the user for a new token.
 *
 * On Review Board's database, the settings `last_used_interval_secs` and `login_cache_secs` say
 * when `last_used` is written, and whether the server is asked: see "Review Board's database".
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param value the value
 * @param value_len bytes of `value`, or `RBTOKEN_NUL_TERMINATED`
 * @param options the request's site; NULL: the global site
 * @param verdict receives the verdict; `RBTOKEN_VERDICT_REFUSED` on failure
 * @param token receives the token with `RBTOKEN_VERDICT_OK`, else NULL; to be released with
 *        `rbtoken_token_release()`
 * @param refused receives the token that explains `RBTOKEN_VERDICT_INVALID`, `_EXPIRED` or
 *        `_WRONG_SITE`, else NULL; to be released likewise; may be NULL
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK there is a verdict
 * @retval RBTOKEN_E_NULL_ARGUMENT `store`, `value`, `verdict` or `token` is NULL
 * @retval RBTOKEN_E_INVALID_ARGUMENT the site's name is malformed, the mode is unknown, or a field
 *         is set that its mode ignores
 * @retval RBTOKEN_E_STRUCT_SIZE, RBTOKEN_E_UNSUPPORTED_OPTION see "Options structs"
 * @retval RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL, RBTOKEN_E_TOO_LONG the site's name is
 *         bad
 * @retval RBTOKEN_E_CALLBACK the clock of the host broke its contract; its own failures are passed
 *         on unchanged
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_authenticate(struct rbtoken_store_t *store,
                                            const char *value,
                                            size_t value_len,
                                            const struct rbtoken_login_options_t *options,
                                            rbtoken_verdict_t *verdict,
                                            struct rbtoken_token_t **token,
                                            struct rbtoken_token_t **refused,
                                            struct rbtoken_error_t **error);

/**
 * Removes cached logins, so that the next login with the value asks the server. Call it when a
 * host learns that others have revoked a token, after that change has reached the server that the
 * store reads. Revocations through this store do it by themselves. Without `login_cache_secs`,
 * there is nothing to remove.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param value the value of the token; NULL with a length of 0: all cached logins are removed
 * @param value_len bytes of `value`, or `RBTOKEN_NUL_TERMINATED`
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK no login that was cached before is used any more
 * @retval RBTOKEN_E_NULL_ARGUMENT `store` is NULL, or `value` with another length
 * @retval RBTOKEN_E_INVALID_ARGUMENT the value is empty
 * @retval RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL, RBTOKEN_E_TOO_LONG the value is bad
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL see "Errors"
 * @since 0.2.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_forget_logins(struct rbtoken_store_t *store,
                                             const char *value,
                                             size_t value_len,
                                             struct rbtoken_error_t **error);

/**
 * Judges a login with the value of an `Authorization` header: the word `token` in lower case, one
 * space, and the token's value, without spaces. Another word is `RBTOKEN_VERDICT_NOT_A_TOKEN`, and
 * the host tries its other logins; `token` without a value, or with spaces in it, is
 * `RBTOKEN_VERDICT_UNKNOWN`.
 *
 * **`RBTOKEN_OK` means that there is a verdict, not that anybody is logged in: look at
 * `*verdict`.** All else is as for `rbtoken_store_authenticate()`.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param header the header's value, as it came
 * @param header_len bytes of `header`, or `RBTOKEN_NUL_TERMINATED`
 * @param options the request's site; NULL: the global site
 * @param verdict receives the verdict; `RBTOKEN_VERDICT_REFUSED` on failure
 * @param token receives the token with `RBTOKEN_VERDICT_OK`, else NULL; to be released with
 *        `rbtoken_token_release()`
 * @param refused receives the token that explains `RBTOKEN_VERDICT_INVALID`, `_EXPIRED` or
 *        `_WRONG_SITE`, else NULL; to be released likewise; may be NULL
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK there is a verdict
 * @retval RBTOKEN_E_NULL_ARGUMENT `store`, `header`, `verdict` or `token` is NULL
 * @retval RBTOKEN_E_INVALID_ARGUMENT the site's name is malformed, the mode is unknown, or a field
 *         is set that its mode ignores
 * @retval RBTOKEN_E_STRUCT_SIZE, RBTOKEN_E_UNSUPPORTED_OPTION see "Options structs"
 * @retval RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL, RBTOKEN_E_TOO_LONG the site's name is
 *         bad
 * @retval RBTOKEN_E_CALLBACK the clock of the host broke its contract; its own failures are passed
 *         on unchanged
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_authenticate_header(struct rbtoken_store_t *store,
                                                   const char *header,
                                                   size_t header_len,
                                                   const struct rbtoken_login_options_t *options,
                                                   rbtoken_verdict_t *verdict,
                                                   struct rbtoken_token_t **token,
                                                   struct rbtoken_token_t **refused,
                                                   struct rbtoken_error_t **error);

/**
 * Changes fields of a token, be it valid or not. `last_updated` becomes now, and the *updated*
 * event is fired. Handles that the host holds already do not change.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param id the token's id
 * @param update what to change
 * @param token receives the changed token, to be released with `rbtoken_token_release()`; NULL on
 *        failure; may be NULL
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK the token is changed
 * @retval RBTOKEN_E_NOT_FOUND there is no token of this id
 * @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
 *         RBTOKEN_E_TOO_LONG an argument is bad
 * @retval RBTOKEN_E_INVALID_ARGUMENT a mode is unknown, or a field is set that its mode ignores
 * @retval RBTOKEN_E_STRUCT_SIZE, RBTOKEN_E_UNSUPPORTED_OPTION see "Options structs"
 * @retval RBTOKEN_E_TIME_RANGE the expiration lies outside the years 1 to 9999
 * @retval RBTOKEN_E_JSON_SYNTAX, RBTOKEN_E_JSON_TYPE, RBTOKEN_E_JSON_TOO_DEEP,
 *         RBTOKEN_E_JSON_NUMBER, RBTOKEN_E_POLICY a document is bad; the error's path tells where
 * @retval RBTOKEN_E_CALLBACK the clock of the host broke its contract; its own failures are passed
 *         on unchanged
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
 *         RBTOKEN_E_LOCKED, RBTOKEN_E_IO, RBTOKEN_E_CORRUPT, RBTOKEN_E_DATABASE,
 *         RBTOKEN_E_NO_MEMORY see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_update_token(struct rbtoken_store_t *store,
                                            int64_t id,
                                            const struct rbtoken_token_update_t *update,
                                            struct rbtoken_token_t **token,
                                            struct rbtoken_error_t **error);

/**
 * Makes the token that has a value invalid, for good: nothing makes it valid again. On a token
 * that is invalid already, the date and the reason are overwritten. The *invalidated* event is
 * fired.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param value the token's value
 * @param value_len bytes of `value`, or `RBTOKEN_NUL_TERMINATED`
 * @param reason why, for people, at most 1 MiB; NULL with a length of 0: the empty text
 * @param reason_len bytes of `reason`, or `RBTOKEN_NUL_TERMINATED`
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK the token is invalid
 * @retval RBTOKEN_E_NOT_FOUND there is no such token
 * @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_ARGUMENT, RBTOKEN_E_INVALID_UTF8,
 *         RBTOKEN_E_EMBEDDED_NUL, RBTOKEN_E_TOO_LONG an argument is bad
 * @retval RBTOKEN_E_CALLBACK the clock of the host broke its contract; its own failures are passed
 *         on unchanged
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
 *         RBTOKEN_E_LOCKED, RBTOKEN_E_IO, RBTOKEN_E_CORRUPT, RBTOKEN_E_DATABASE,
 *         RBTOKEN_E_NO_MEMORY see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_invalidate_token(struct rbtoken_store_t *store,
                                                const char *value,
                                                size_t value_len,
                                                const char *reason,
                                                size_t reason_len,
                                                struct rbtoken_error_t **error);

/**
 * As `rbtoken_store_invalidate_token()`, for a host that does not have the value.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param id the token's id
 * @param reason why, for people, at most 1 MiB; NULL with a length of 0: the empty text
 * @param reason_len bytes of `reason`, or `RBTOKEN_NUL_TERMINATED`
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK the token is invalid
 * @retval RBTOKEN_E_NOT_FOUND there is no such token
 * @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
 *         RBTOKEN_E_TOO_LONG an argument is bad
 * @retval RBTOKEN_E_CALLBACK the clock of the host broke its contract; its own failures are passed
 *         on unchanged
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
 *         RBTOKEN_E_LOCKED, RBTOKEN_E_IO, RBTOKEN_E_CORRUPT, RBTOKEN_E_DATABASE,
 *         RBTOKEN_E_NO_MEMORY see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_invalidate_token_by_id(struct rbtoken_store_t *store,
                                                      int64_t id,
                                                      const char *reason,
                                                      size_t reason_len,
                                                      struct rbtoken_error_t **error);

/**
 * Makes all tokens of a user invalid, on every site. The *invalidated* event is fired for each.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param user the user's name
 * @param user_len bytes of `user`, or `RBTOKEN_NUL_TERMINATED`
 * @param reason why, for people, at most 1 MiB; NULL with a length of 0: the empty text
 * @param reason_len bytes of `reason`, or `RBTOKEN_NUL_TERMINATED`
 * @param count receives how many tokens the user has; 0 on failure; may be NULL
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK they are invalid, if the user has any
 * @retval RBTOKEN_E_NOT_FOUND on a server's database: there is no such user
 * @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_ARGUMENT, RBTOKEN_E_INVALID_UTF8,
 *         RBTOKEN_E_EMBEDDED_NUL, RBTOKEN_E_TOO_LONG an argument is bad
 * @retval RBTOKEN_E_CALLBACK the clock of the host broke its contract; its own failures are passed
 *         on unchanged
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
 *         RBTOKEN_E_LOCKED, RBTOKEN_E_IO, RBTOKEN_E_CORRUPT, RBTOKEN_E_DATABASE,
 *         RBTOKEN_E_NO_MEMORY see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_invalidate_user_tokens(struct rbtoken_store_t *store,
                                                      const char *user,
                                                      size_t user_len,
                                                      const char *reason,
                                                      size_t reason_len,
                                                      uint64_t *count,
                                                      struct rbtoken_error_t **error);

/**
 * Makes all tokens of all users invalid, on every site. The *invalidated* event is fired for each.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param reason why, for people, at most 1 MiB; NULL with a length of 0: the empty text
 * @param reason_len bytes of `reason`, or `RBTOKEN_NUL_TERMINATED`
 * @param count receives how many tokens there are; 0 on failure; may be NULL
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK they are invalid
 * @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
 *         RBTOKEN_E_TOO_LONG an argument is bad
 * @retval RBTOKEN_E_CALLBACK the clock of the host broke its contract; its own failures are passed
 *         on unchanged
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
 *         RBTOKEN_E_LOCKED, RBTOKEN_E_IO, RBTOKEN_E_CORRUPT, RBTOKEN_E_DATABASE,
 *         RBTOKEN_E_NO_MEMORY see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_invalidate_all_tokens(struct rbtoken_store_t *store,
                                                     const char *reason,
                                                     size_t reason_len,
                                                     uint64_t *count,
                                                     struct rbtoken_error_t **error);

/**
 * Removes a token. The *deleted* event is fired. Handles that the host holds stay readable.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param id the token's id
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK the token is removed
 * @retval RBTOKEN_E_NOT_FOUND there is no token of this id
 * @retval RBTOKEN_E_NULL_ARGUMENT `store` is NULL
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
 *         RBTOKEN_E_LOCKED, RBTOKEN_E_IO, RBTOKEN_E_CORRUPT, RBTOKEN_E_DATABASE,
 *         RBTOKEN_E_NO_MEMORY see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_delete_token(struct rbtoken_store_t *store,
                                            int64_t id,
                                            struct rbtoken_error_t **error);

/**
 * Removes the tokens that have been invalidated or expired since before a time. A token that was
 * made invalid, or imported so, without a date counts from when it was made. The *deleted* event
 * is fired for each.
 *
 * A token that is dead stays in the store, and in its memory, until it is deleted or purged: a
 * caller that comes with it is told why it was refused. A host that runs for long calls this now
 * and then, for instance once a day with the time of a month ago; its memory then grows with the
 * tokens that are alive, where otherwise it grows with all that were ever made.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param dead_before_us microseconds since the Unix epoch, UTC; the future is as good as now: what
 *        is alive stays
 * @param count receives how many were removed; 0 on failure; may be NULL
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK they are removed
 * @retval RBTOKEN_E_TIME_RANGE the time lies outside the years 1 to 9999
 * @retval RBTOKEN_E_NULL_ARGUMENT `store` is NULL
 * @retval RBTOKEN_E_CALLBACK the clock of the host broke its contract; its own failures are passed
 *         on unchanged
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
 *         RBTOKEN_E_LOCKED, RBTOKEN_E_IO, RBTOKEN_E_CORRUPT, RBTOKEN_E_DATABASE,
 *         RBTOKEN_E_NO_MEMORY see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_purge_tokens(struct rbtoken_store_t *store,
                                            int64_t dead_before_us,
                                            uint64_t *count,
                                            struct rbtoken_error_t **error);

/**
 * Adds hooks to a store, behind those that it has.
 *
 * `destroy` is called exactly once: when the hooks are removed and their last call in flight has
 * ended, when the store closes, or before this function returns if it fails. Hooks that hold a
 * reference to their own store keep it open until they are removed.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param hooks the functions to call
 * @param hooks_id receives the id to remove them by, 1 or more; 0 on failure
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK they are called from now on
 * @retval RBTOKEN_E_NULL_ARGUMENT an argument is NULL
 * @retval RBTOKEN_E_STRUCT_SIZE, RBTOKEN_E_UNSUPPORTED_OPTION see "Options structs"
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_INTERNAL, RBTOKEN_E_NO_MEMORY see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_add_hooks(struct rbtoken_store_t *store,
                                         const struct rbtoken_hooks_t *hooks,
                                         uint64_t *hooks_id,
                                         struct rbtoken_error_t **error);

/**
 * Removes hooks from a store. What happens to tokens once this has returned is not told to them
 * any more. It does not wait for calls in flight, so it may be called from inside one; a thread
 * that was on its way into a hook may still reach it. `destroy` is called when the last of them
 * ends: before this returns, if there are none.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param hooks_id an id from `rbtoken_store_add_hooks()`
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK they are removed
 * @retval RBTOKEN_E_NOT_FOUND the store has no hooks of this id, or no more
 * @retval RBTOKEN_E_NULL_ARGUMENT `store` is NULL
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_INTERNAL see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_remove_hooks(struct rbtoken_store_t *store,
                                            uint64_t hooks_id,
                                            struct rbtoken_error_t **error);

/**
 * Adds a token generator to a store, under an id of its own. It makes values once
 * `rbtoken_generate_options_t` names it, or it is made the default.
 *
 * `destroy` is called exactly once: when the store closes, or is shut down with its instance, and
 * no call of the generator is in flight; or before this function returns if it fails.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param generator_id the id, 1 to 255 characters, that no generator of the store has; but
 *        `legacy_sha1`, which cannot generate by itself, may be replaced once
 * @param generator_id_len bytes of `generator_id`, or `RBTOKEN_NUL_TERMINATED`
 * @param generator its functions
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK the store has the generator
 * @retval RBTOKEN_E_EXISTS the store has a generator of this id already
 * @retval RBTOKEN_E_NULL_ARGUMENT an argument, or a function of `generator`, is NULL
 * @retval RBTOKEN_E_STRUCT_SIZE, RBTOKEN_E_UNSUPPORTED_OPTION see "Options structs"
 * @retval RBTOKEN_E_INVALID_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
 *         RBTOKEN_E_TOO_LONG the id is bad
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_INTERNAL see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_add_generator(struct rbtoken_store_t *store,
                                             const char *generator_id,
                                             size_t generator_id_len,
                                             const struct rbtoken_generator_t *generator,
                                             struct rbtoken_error_t **error);

/**
 * Makes a generator the one that makes client tokens, and others where none is named.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param generator_id the id of a generator that the store has
 * @param generator_id_len bytes of `generator_id`, or `RBTOKEN_NUL_TERMINATED`
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK it is the default from now on
 * @retval RBTOKEN_E_GENERATION the store has no such generator
 * @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
 *         RBTOKEN_E_TOO_LONG an argument is bad
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_INTERNAL see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_set_default_generator(struct rbtoken_store_t *store,
                                                     const char *generator_id,
                                                     size_t generator_id_len,
                                                     struct rbtoken_error_t **error);

/**
 * Says which generators are deprecated, in place of those that were: at first `legacy_sha1`. Their
 * tokens can still be used.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param generator_ids `count` NUL-terminated ids, known here or not; NULL with a `count` of 0:
 *        none
 * @param count how many, at most 65536
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK it is so from now on
 * @retval RBTOKEN_E_NULL_ARGUMENT `store`, or an id, or `generator_ids` with a `count`, is NULL
 * @retval RBTOKEN_E_INVALID_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_TOO_LONG an id, or the
 *         list, is bad
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_INTERNAL, RBTOKEN_E_NO_MEMORY see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_set_deprecated_generators(struct rbtoken_store_t *store,
                                                         const char *const *generator_ids,
                                                         size_t count,
                                                         struct rbtoken_error_t **error);

/**
 * Describes a service account.
 *
 * `[thread-safe]`
 *
 * @param options what it is made of
 * @param account receives the account, to be freed with `rbtoken_service_account_free()`; NULL on
 *        failure
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK the account is described
 * @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
 *         RBTOKEN_E_TOO_LONG an argument is bad
 * @retval RBTOKEN_E_INVALID_ARGUMENT the id is malformed, the user's name is empty, the expiration
 *         is not positive, a mode is unknown, or a field is set that its mode ignores
 * @retval RBTOKEN_E_STRUCT_SIZE, RBTOKEN_E_UNSUPPORTED_OPTION see "Options structs"
 * @retval RBTOKEN_E_JSON_SYNTAX, RBTOKEN_E_JSON_TYPE, RBTOKEN_E_JSON_TOO_DEEP,
 *         RBTOKEN_E_JSON_NUMBER, RBTOKEN_E_POLICY the policy is bad; the error's path tells where
 * @retval RBTOKEN_E_INTERNAL, RBTOKEN_E_NO_MEMORY see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_service_account_new(const struct rbtoken_service_account_options_t *options,
                                             struct rbtoken_service_account_t **account,
                                             struct rbtoken_error_t **error);

/**
 * Gives a service account's token: the existing one, or a new one if none will do. This is
 * `rbtoken_store_get_or_create_client_token()` for the client `ID_vVERSION`, passing over tokens
 * of deprecated generators. Where new tokens live for less than the minimum validity, an existing
 * one must only be valid now.
 *
 * **Whoever may call this may act as the account's user, for it gives out the secret.**
 *
 * `[thread-safe]`
 *
 * @param account the account
 * @param store the store
 * @param options which token; NULL: all defaults
 * @param token receives the token, to be released with `rbtoken_token_release()`; NULL on failure
 * @param created receives whether the token is new; false on failure; may be NULL
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK the token is there
 * @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
 *         RBTOKEN_E_TOO_LONG an argument is bad
 * @retval RBTOKEN_E_INVALID_ARGUMENT the site's name is malformed, a mode is unknown, or a field
 *         is set that its mode ignores
 * @retval RBTOKEN_E_STRUCT_SIZE, RBTOKEN_E_UNSUPPORTED_OPTION see "Options structs"
 * @retval RBTOKEN_E_TIME_RANGE the expiration, or the minimum validity, leads beyond the year 9999
 * @retval RBTOKEN_E_NOT_FOUND there is no such Local Site, or on a server's database no such user
 * @retval RBTOKEN_E_POLICY the account's policy names an id that the store does not know
 * @retval RBTOKEN_E_UNSUPPORTED the store's default generator cannot generate
 * @retval RBTOKEN_E_GENERATION no value that is new could be generated
 * @retval RBTOKEN_E_CALLBACK a callback of the host broke its contract; its own failures are
 *         passed on unchanged
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
 *         RBTOKEN_E_LOCKED, RBTOKEN_E_IO, RBTOKEN_E_CORRUPT, RBTOKEN_E_DATABASE,
 *         RBTOKEN_E_NO_MEMORY see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_service_account_get_api_token(const struct rbtoken_service_account_t *account,
                                                       struct rbtoken_store_t *store,
                                                       const struct rbtoken_service_token_options_t *options,
                                                       struct rbtoken_token_t **token,
                                                       bool *created,
                                                       struct rbtoken_error_t **error);

/**
 * Frees a service account. Its tokens stay.
 *
 * `[exclusive]`
 *
 * @param account an account, which is not used again; NULL does nothing
 * @since 0.1.0
 */
RBTOKEN_API void rbtoken_service_account_free(struct rbtoken_service_account_t *account);

/**
 * Adds a reference to a token, for another part of the host to release; or takes one of a token
 * that is only lent, by a list or to a hook.
 *
 * `[thread-safe]`
 *
 * @param token a token; NULL is allowed
 * @return the same token; NULL for NULL
 * @since 0.1.0
 */
RBTOKEN_API struct rbtoken_token_t *rbtoken_token_retain(const struct rbtoken_token_t *token);

/**
 * Releases a reference to a token. With the last one go the texts that were borrowed from it.
 *
 * `[thread-safe]`
 *
 * @param token a token, which this part of the host does not use again; NULL does nothing
 * @since 0.1.0
 */
RBTOKEN_API void rbtoken_token_release(struct rbtoken_token_t *token);

/**
 * The token's id, which the store never gives to another token.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @return the id, 1 or more; 0 for NULL
 * @since 0.1.0
 */
RBTOKEN_API int64_t rbtoken_token_id(const struct rbtoken_token_t *token);

/**
 * The token's value: the secret. Do not log it; `rbtoken_token_redacted()` is for that.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param len receives the number of bytes without the NUL; may be NULL
 * @return the value; valid until the token is released; NULL for NULL
 * @since 0.1.0
 */
RBTOKEN_API const char *rbtoken_token_value(const struct rbtoken_token_t *token, size_t *len);

/**
 * A name for the token that may be logged, such as `rbp_***#17`: its type, if it is a generated
 * one, and its id.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param len receives the number of bytes without the NUL; may be NULL
 * @return the name; valid until the token is released; NULL for NULL
 * @since 0.1.0
 */
RBTOKEN_API const char *rbtoken_token_redacted(const struct rbtoken_token_t *token, size_t *len);

/**
 * The owner's name.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param len receives the number of bytes without the NUL; may be NULL
 * @return the name; valid until the token is released; NULL for NULL
 * @since 0.1.0
 */
RBTOKEN_API const char *rbtoken_token_user(const struct rbtoken_token_t *token, size_t *len);

/**
 * The Local Site that the token belongs to.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param len receives the number of bytes without the NUL; may be NULL
 * @return the site's name; valid until the token is released; NULL for the global site, or for
 *         NULL
 * @since 0.1.0
 */
RBTOKEN_API const char *rbtoken_token_local_site(const struct rbtoken_token_t *token, size_t *len);

/**
 * The client whose token it is: the string `client_name` of its extra data.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param len receives the number of bytes without the NUL; may be NULL
 * @return the client's name; valid until the token is released; NULL if it is no client's, or for
 *         NULL
 * @since 0.1.0
 */
RBTOKEN_API const char *rbtoken_token_client_name(const struct rbtoken_token_t *token, size_t *len);

/**
 * The note for people.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param len receives the number of bytes without the NUL; may be NULL
 * @return the note, which may be empty; valid until the token is released; NULL for NULL
 * @since 0.1.0
 */
RBTOKEN_API const char *rbtoken_token_note(const struct rbtoken_token_t *token, size_t *len);

/**
 * The id of the generator that made the value, such as `vendor_checksum`.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param len receives the number of bytes without the NUL; may be NULL
 * @return the id; valid until the token is released; NULL for NULL
 * @since 0.1.0
 */
RBTOKEN_API
const char *rbtoken_token_generator_id(const struct rbtoken_token_t *token,
                                       size_t *len);

/**
 * The policy as JSON, in the text that Python's `json.dumps(…, sort_keys=True)` gives; on Review
 * Board's database the text that is stored, which need not be JSON.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param len receives the number of bytes without the NUL; may be NULL
 * @return the document; `{}` is full access; valid until the token is released; NULL for NULL
 * @since 0.1.0
 */
RBTOKEN_API const char *rbtoken_token_policy(const struct rbtoken_token_t *token, size_t *len);

/**
 * The extra data as a JSON object, in the text that Python's `json.dumps(…, sort_keys=True)`
 * gives; on Review Board's database the text that is stored, which need not be JSON.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param len receives the number of bytes without the NUL; may be NULL
 * @return the document; valid until the token is released; NULL for NULL
 * @since 0.1.0
 */
RBTOKEN_API const char *rbtoken_token_extra_data(const struct rbtoken_token_t *token, size_t *len);

/**
 * Why the token was invalidated.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param len receives the number of bytes without the NUL; may be NULL
 * @return the reason, which may be empty; valid until the token is released; NULL for NULL
 * @since 0.1.0
 */
RBTOKEN_API
const char *rbtoken_token_invalid_reason(const struct rbtoken_token_t *token,
                                         size_t *len);

/**
 * From when on the token is expired.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param time_us receives microseconds since the Unix epoch, UTC; 0 if there is none; may be NULL
 * @return whether the token expires at all; false for NULL
 * @since 0.1.0
 */
RBTOKEN_API bool rbtoken_token_expires(const struct rbtoken_token_t *token, int64_t *time_us);

/**
 * When the token was made.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param time_us receives microseconds since the Unix epoch, UTC; 0 if there is none; may be NULL
 * @return true; false for NULL
 * @since 0.1.0
 */
RBTOKEN_API bool rbtoken_token_time_added(const struct rbtoken_token_t *token, int64_t *time_us);

/**
 * When the token was changed last. Logins and invalidation are no changes.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param time_us receives microseconds since the Unix epoch, UTC; 0 if there is none; may be NULL
 * @return true; false for NULL
 * @since 0.1.0
 */
RBTOKEN_API bool rbtoken_token_last_updated(const struct rbtoken_token_t *token, int64_t *time_us);

/**
 * When the token was used last to log in, as of when this handle was given out.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param time_us receives microseconds since the Unix epoch, UTC; 0 if there is none; may be NULL
 * @return whether it was used at all; false for NULL
 * @since 0.1.0
 */
RBTOKEN_API bool rbtoken_token_last_used(const struct rbtoken_token_t *token, int64_t *time_us);

/**
 * When the token was invalidated.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param time_us receives microseconds since the Unix epoch, UTC; 0 if there is none; may be NULL
 * @return whether it was, and the time is known; false for NULL
 * @since 0.1.0
 */
RBTOKEN_API bool rbtoken_token_invalid_date(const struct rbtoken_token_t *token, int64_t *time_us);

/**
 * Whether the token was invalidated, which is final.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @return whether it was; false for NULL
 * @since 0.1.0
 */
RBTOKEN_API bool rbtoken_token_is_invalidated(const struct rbtoken_token_t *token);

/**
 * Whether the token is expired at a time.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param at_us microseconds since the Unix epoch, UTC
 * @return whether the token expires at this time or before; false for NULL
 * @since 0.1.0
 */
RBTOKEN_API bool rbtoken_token_is_expired(const struct rbtoken_token_t *token, int64_t at_us);

/**
 * Whether the token's generator was deprecated when this handle was given out.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @return whether it was; false for NULL
 * @since 0.1.0
 */
RBTOKEN_API bool rbtoken_token_is_deprecated(const struct rbtoken_token_t *token);

/**
 * Writes a token as a JSON object with the fields of Review Board's API token payload:
 * `deprecated`, `expired`, `expires`, `extra_data`, `id`, `invalid_date`, `invalid_reason`,
 * `last_updated`, `last_used`, `note`, `policy`, `time_added`, `token` (only if asked for),
 * `token_generator_id`, `valid`. Times are ISO 8601 with the offset `+00:00`, or null. Members of
 * `extra_data` whose names start with `__` are private and left out, also in objects that are
 * members of objects; an object inside a list is written whole, as Review Board 8.1 does. What
 * others stored on Review Board's database is written as JSON whatever it is; `policy` is null if
 * it is neither JSON nor a Python literal.
 *
 * `[immutable]`
 *
 * @param token the token
 * @param at_us the time for which `expired` is told: microseconds since the Unix epoch, UTC
 * @param flags `RBTOKEN_JSON_WITH_VALUE`, or 0: `token` is left out, and the document is no secret
 * @param json receives the document, to be freed with `rbtoken_buffer_free()`; NULL on failure
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK the document is there
 * @retval RBTOKEN_E_NULL_ARGUMENT `token` or `json` is NULL
 * @retval RBTOKEN_E_INVALID_ARGUMENT a flag is unknown
 * @retval RBTOKEN_E_TIME_RANGE the time lies outside the years 1 to 9999
 * @retval RBTOKEN_E_INTERNAL, RBTOKEN_E_NO_MEMORY see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_token_to_json(const struct rbtoken_token_t *token,
                                       int64_t at_us,
                                       uint32_t flags,
                                       struct rbtoken_buffer_t **json,
                                       struct rbtoken_error_t **error);

/**
 * How many tokens a list has.
 *
 * `[immutable]`
 *
 * @param list a list; NULL is allowed
 * @return the number; 0 for NULL
 * @since 0.1.0
 */
RBTOKEN_API size_t rbtoken_token_list_count(const struct rbtoken_token_list_t *list);

/**
 * A token of a list. The list owns it: it is valid until the list is freed, and longer if the
 * host takes a reference with `rbtoken_token_retain()`.
 *
 * `[immutable]`
 *
 * @param list a list; NULL is allowed
 * @param index 0 for the first token
 * @return the token, which the host must not release; NULL beyond the last one, or for NULL
 * @since 0.1.0
 */
RBTOKEN_API
const struct rbtoken_token_t *rbtoken_token_list_get(const struct rbtoken_token_list_t *list,
                                                     size_t index);

/**
 * Frees a list. Tokens of it that the host retained stay.
 *
 * `[exclusive]`
 *
 * @param list a list, which is not used again; NULL does nothing
 * @since 0.1.0
 */
RBTOKEN_API void rbtoken_token_list_free(struct rbtoken_token_list_t *list);

/**
 * Tells whether a token's policy allows an HTTP method on a resource, as the policy was when the
 * handle was given out. It says nothing of whether the token is valid:
 * `rbtoken_store_authenticate()` does.
 *
 * The rules of the resource are asked first, then those of any resource of the policy id, then
 * those of everything; the first that have an opinion decide, a block before an allow of the same
 * method, a named method before `*`. Without an opinion the method is allowed. How long the answer
 * takes does not depend on the size of the policy.
 *
 * A token of Review Board's database whose stored policy is malformed, or whose row cannot be
 * read, is allowed nothing: the answer is `RBTOKEN_E_CORRUPT`, and the message names the token and
 * the column.
 *
 * `[immutable]`
 *
 * @param token the token
 * @param policy_id the policy id of the resource, such as `review_request`
 * @param policy_id_len bytes of `policy_id`, or `RBTOKEN_NUL_TERMINATED`
 * @param method the HTTP method in letters A to Z, such as `GET`
 * @param method_len bytes of `method`, or `RBTOKEN_NUL_TERMINATED`
 * @param resource_id the resource's id; NULL with a length of 0: none
 * @param resource_id_len bytes of `resource_id`, or `RBTOKEN_NUL_TERMINATED`
 * @param allowed receives the answer; false on failure
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK the question is answered
 * @retval RBTOKEN_E_INVALID_ARGUMENT the method is not written in letters A to Z, or the policy id
 *         is empty, `*`, or not one that the host registered
 * @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
 *         RBTOKEN_E_TOO_LONG an argument is bad
 * @retval RBTOKEN_E_CORRUPT the stored policy is malformed, or the token's row cannot be read
 * @retval RBTOKEN_E_INTERNAL see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_token_allows(const struct rbtoken_token_t *token,
                                      const char *policy_id,
                                      size_t policy_id_len,
                                      const char *method,
                                      size_t method_len,
                                      const char *resource_id,
                                      size_t resource_id_len,
                                      bool *allowed,
                                      struct rbtoken_error_t **error);

/**
 * Reads and checks a policy document.
 *
 * `[thread-safe]`
 *
 * @param store the store whose registered policy ids the document, and later questions, are
 *        checked against; NULL: any id is known
 * @param document the policy as JSON; `{}` is full access
 * @param document_len bytes of `document`, or `RBTOKEN_NUL_TERMINATED`
 * @param policy receives the policy, to be freed with `rbtoken_policy_free()`; NULL on failure
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK the policy is valid
 * @retval RBTOKEN_E_POLICY it breaks a rule of policies; the error's path tells where
 * @retval RBTOKEN_E_JSON_SYNTAX, RBTOKEN_E_JSON_TYPE, RBTOKEN_E_JSON_TOO_DEEP,
 *         RBTOKEN_E_JSON_NUMBER it is no JSON object that is accepted
 * @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
 *         RBTOKEN_E_TOO_LONG an argument is bad
 * @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_INTERNAL, RBTOKEN_E_NO_MEMORY see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_policy_parse(struct rbtoken_store_t *store,
                                      const char *document,
                                      size_t document_len,
                                      struct rbtoken_policy_t **policy,
                                      struct rbtoken_error_t **error);

/**
 * Tells whether a policy allows an HTTP method on a resource, as `rbtoken_token_allows()` does.
 *
 * `[immutable]`
 *
 * @param policy the policy
 * @param policy_id the policy id of the resource, such as `review_request`
 * @param policy_id_len bytes of `policy_id`, or `RBTOKEN_NUL_TERMINATED`
 * @param method the HTTP method in letters A to Z, such as `GET`
 * @param method_len bytes of `method`, or `RBTOKEN_NUL_TERMINATED`
 * @param resource_id the resource's id; NULL with a length of 0: none
 * @param resource_id_len bytes of `resource_id`, or `RBTOKEN_NUL_TERMINATED`
 * @param allowed receives the answer; false on failure
 * @param error receives the details of a failure; may be NULL
 * @retval RBTOKEN_OK the question is answered
 * @retval RBTOKEN_E_INVALID_ARGUMENT the method is not written in letters A to Z, or the policy id
 *         is empty, `*`, or not one that the host registered
 * @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
 *         RBTOKEN_E_TOO_LONG an argument is bad
 * @retval RBTOKEN_E_INTERNAL see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_policy_allows(const struct rbtoken_policy_t *policy,
                                       const char *policy_id,
                                       size_t policy_id_len,
                                       const char *method,
                                       size_t method_len,
                                       const char *resource_id,
                                       size_t resource_id_len,
                                       bool *allowed,
                                       struct rbtoken_error_t **error);

/**
 * Frees a policy.
 *
 * `[exclusive]`
 *
 * @param policy a policy, which is not used again; NULL does nothing
 * @since 0.1.0
 */
RBTOKEN_API void rbtoken_policy_free(struct rbtoken_policy_t *policy);

/**
 * The one symbol that a host which loads the library at run time looks up; the major version of
 * the tables is in its name.
 *
 * `[thread-safe]`
 *
 * @param minor the minor version of the tables that the host cannot do without: mostly
 *        `RBTOKEN_EXTENSION_MINOR`
 * @param extension receives the extension table, a constant that is never freed; NULL on failure
 * @retval RBTOKEN_OK the table is there
 * @retval RBTOKEN_E_NULL_ARGUMENT `extension` is NULL
 * @retval RBTOKEN_E_UNSUPPORTED this library's tables are older
 * @retval RBTOKEN_E_INTERNAL see "Errors"
 * @since 0.1.0
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_extension_entry_v1(uint32_t minor,
                                            const struct rbtoken_extension_v1_t **extension);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* RBTOKEN_H */

