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

#ifndef RBTOKEN_H
#define RBTOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** Declares an exported function. Define RBTOKEN_STATIC before including this header if you link
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

/** Makes the compiler warn if a status is ignored. */
#ifndef RBTOKEN_NODISCARD
#  if defined(__GNUC__)
#    define RBTOKEN_NODISCARD __attribute__((warn_unused_result))
#  elif defined(__cplusplus) && __cplusplus >= 201703L && !defined(_MSC_VER)
#    define RBTOKEN_NODISCARD [[nodiscard]]
#  else
#    define RBTOKEN_NODISCARD
#  endif
#endif

/** Passed as the length of a C string: the text ends at its first NUL. */
#define RBTOKEN_NUL_TERMINATED SIZE_MAX

/** Expands to the pointer and the length of a C string: `f(RBTOKEN_STR("alice"))`. It can be used
 * only in an argument list. NULL is an error; pass `NULL, 0` for an absent text. */
#define RBTOKEN_STR(s) (s), RBTOKEN_NUL_TERMINATED

/** Sets a text field of an options struct to a C string, and sets its length:
 * `RBTOKEN_SET_STR(&options, local_site, "north")`. NULL is an error. For an absent text, leave the
 * field as RBTOKEN_INIT() set it. */
#define RBTOKEN_SET_STR(options, field, s) \
  ((void)((options)->field = (s)), (void)((options)->field##_len = RBTOKEN_NUL_TERMINATED))

/** Initializes an options struct with all defaults: `RBTOKEN_INIT(&options)`. */
#define RBTOKEN_INIT(options) \
  ((void)memset((options), 0, sizeof *(options)), \
   (void)((options)->struct_size = sizeof *(options)))

/** Does the same as RBTOKEN_INIT(), for languages that cannot use C macros, such as Zig:
 * `rbtoken_options_init(&options, sizeof options)`. */
static inline void rbtoken_options_init(void *options, size_t struct_size)
{
  memset(options, 0, struct_size);
  memcpy(options, &struct_size, sizeof struct_size);
}

/** Does the same as RBTOKEN_SET_STR(), for languages that cannot use C macros:
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
 * Flag of `rbtoken_client_token_options_t`: skips tokens of deprecated generators.
 *
 * @ingroup tokens
 */
#define RBTOKEN_CLIENT_TOKEN_IGNORE_DEPRECATED 1

/**
 * Flag of `rbtoken_generate_options_t`: creates a token that is invalid from the start.
 *
 * @ingroup tokens
 */
#define RBTOKEN_GENERATE_INVALID 1

/**
 * Flag of `rbtoken_generate_options_t`: tells the *created* callback that no person asked for the
 * token.
 *
 * @ingroup tokens
 */
#define RBTOKEN_GENERATE_AUTO_GENERATED 2

/**
 * Flag of `rbtoken_import_options_t`: the token was invalidated.
 *
 * @ingroup tokens
 */
#define RBTOKEN_IMPORT_INVALID 1

/**
 * Flag of `rbtoken_import_options_t`: `time_added_us` is set.
 *
 * @ingroup tokens
 */
#define RBTOKEN_IMPORT_TIME_ADDED_KNOWN 2

/**
 * Flag of `rbtoken_import_options_t`: `last_updated_us` is set.
 *
 * @ingroup tokens
 */
#define RBTOKEN_IMPORT_LAST_UPDATED_KNOWN 4

/**
 * Flag of `rbtoken_import_options_t`: `last_used_us` is set.
 *
 * @ingroup tokens
 */
#define RBTOKEN_IMPORT_LAST_USED_KNOWN 8

/**
 * Flag of `rbtoken_import_options_t`: `expires_at_us` is set.
 *
 * @ingroup tokens
 */
#define RBTOKEN_IMPORT_EXPIRES_KNOWN 16

/**
 * Flag of `rbtoken_import_options_t`: `invalid_date_us` is set.
 *
 * @ingroup tokens
 */
#define RBTOKEN_IMPORT_INVALID_DATE_KNOWN 32

/**
 * Flag of `rbtoken_token_filter_t`: lists only tokens that expire before `expires_before_us`.
 *
 * @ingroup tokens
 */
#define RBTOKEN_FILTER_EXPIRES_BEFORE 1

/**
 * Flag of `rbtoken_token_to_json()`: includes the token's value.
 *
 * @ingroup token
 */
#define RBTOKEN_JSON_WITH_VALUE 1

/**
 * Statuses. Later versions can add statuses, but never use a number for another one.
 *
 * @ingroup error
 */
typedef enum rbtoken_status_code {
  /**
   * The call succeeded.
   */
  RBTOKEN_OK = 0,
  /**
   * A required argument is NULL, or a text is NULL and its length is not 0.
   */
  RBTOKEN_E_NULL_ARGUMENT = 1,
  /**
   * An argument has a value that is not allowed.
   */
  RBTOKEN_E_INVALID_ARGUMENT = 2,
  /**
   * A text is not valid UTF-8.
   */
  RBTOKEN_E_INVALID_UTF8 = 3,
  /**
   * A text contains a NUL character.
   */
  RBTOKEN_E_EMBEDDED_NUL = 4,
  /**
   * A text or a list is longer than allowed.
   */
  RBTOKEN_E_TOO_LONG = 5,
  /**
   * `struct_size` is not a possible size of the struct, for example because it was not set with
   * `RBTOKEN_INIT`.
   */
  RBTOKEN_E_STRUCT_SIZE = 6,
  /**
   * A field of a newer header is set, which this library does not know.
   */
  RBTOKEN_E_UNSUPPORTED_OPTION = 7,
  /**
   * A time is outside the years 1 to 9999.
   */
  RBTOKEN_E_TIME_RANGE = 8,
  /**
   * A document is not valid JSON.
   */
  RBTOKEN_E_JSON_SYNTAX = 40,
  /**
   * A JSON value has the wrong type.
   */
  RBTOKEN_E_JSON_TYPE = 41,
  /**
   * A document is nested more than 128 levels deep.
   */
  RBTOKEN_E_JSON_TOO_DEEP = 42,
  /**
   * A number is neither a 64-bit integer nor a finite float.
   */
  RBTOKEN_E_JSON_NUMBER = 43,
  /**
   * A policy breaks a rule; the error's JSON path shows where.
   */
  RBTOKEN_E_POLICY = 44,
  /**
   * There is no such token, user, Local Site, setting or hooks.
   */
  RBTOKEN_E_NOT_FOUND = 80,
  /**
   * The object already exists.
   */
  RBTOKEN_E_EXISTS = 81,
  /**
   * The object is in a state that does not allow the call.
   */
  RBTOKEN_E_STATE = 82,
  /**
   * This build, or this kind of store, does not support the call.
   */
  RBTOKEN_E_UNSUPPORTED = 83,
  /**
   * The store was opened before fork(), and this process is the child.
   */
  RBTOKEN_E_FORKED = 84,
  /**
   * An earlier `RBTOKEN_E_INTERNAL` may have left the store inconsistent, so that it rejects all
   * calls.
   */
  RBTOKEN_E_POISONED = 85,
  /**
   * No token value could be generated: there is no such generator, no random bytes are
   * available, or 20 values in a row already exist.
   */
  RBTOKEN_E_GENERATION = 120,
  /**
   * A callback of the host broke its contract.
   */
  RBTOKEN_E_CALLBACK = 121,
  /**
   * Another store, in this process or another, has the file open.
   */
  RBTOKEN_E_LOCKED = 160,
  /**
   * The operating system reported an input or output error.
   */
  RBTOKEN_E_IO = 161,
  /**
   * Stored data is damaged.
   */
  RBTOKEN_E_CORRUPT = 162,
  /**
   * Stored data has an incompatible version.
   */
  RBTOKEN_E_VERSION = 163,
  /**
   * The database reported an error.
   */
  RBTOKEN_E_DATABASE = 164,
  /**
   * The operation exceeded its time limit.
   */
  RBTOKEN_E_TIMEOUT = 165,
  /**
   * Memory is exhausted.
   */
  RBTOKEN_E_NO_MEMORY = 200,
  /**
   * There is a bug in the library. Nothing was changed, or the store returns
   * `RBTOKEN_E_POISONED` from now on.
   */
  RBTOKEN_E_INTERNAL = 201,
} rbtoken_status_code;

/**
 * Severity of a log message.
 *
 * @ingroup store
 */
typedef enum rbtoken_log_level {
  /**
   * No message has this level yet.
   */
  RBTOKEN_LOG_ERROR = 1,
  /**
   * An instance could not be configured, initialized or shut down.
   */
  RBTOKEN_LOG_WARN = 2,
  /**
   * An instance changed its state.
   */
  RBTOKEN_LOG_INFO = 3,
  /**
   * An event of a token, as in `rbtoken_hooks_t`.
   */
  RBTOKEN_LOG_DEBUG = 4,
} rbtoken_log_level;

/**
 * Expiration of a new token: the values of `expires_mode` in `rbtoken_client_token_options_t` and
 * `rbtoken_generate_options_t`.
 *
 * @ingroup tokens
 */
typedef enum rbtoken_expires_mode {
  /**
   * `get_or_create_client_token`: after `client_token_expiration` days.
   * `generate_token`: never.
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
 * Minimum validity of an existing token: the values of `min_validity_mode`.
 *
 * @ingroup tokens
 */
typedef enum rbtoken_min_validity_mode {
  /**
   * The setting `min_validity_secs`; 2 hours for service accounts.
   */
  RBTOKEN_MIN_VALIDITY_DEFAULT = 0,
  /**
   * The number of seconds in `min_validity_secs`.
   */
  RBTOKEN_MIN_VALIDITY_SECS = 1,
} rbtoken_min_validity_mode;

/**
 * Sites whose tokens are listed: the values of `local_site_mode` in `rbtoken_token_filter_t`.
 *
 * @ingroup tokens
 */
typedef enum rbtoken_filter_site_mode {
  /**
   * The global site and all Local Sites.
   */
  RBTOKEN_FILTER_SITE_ALL = 0,
  /**
   * The global site.
   */
  RBTOKEN_FILTER_SITE_GLOBAL = 1,
  /**
   * The Local Site in `local_site`.
   */
  RBTOKEN_FILTER_SITE_NAMED = 2,
} rbtoken_filter_site_mode;

/**
 * Validity of the tokens that are listed: the values of `validity_mode` in
 * `rbtoken_token_filter_t`.
 *
 * @ingroup tokens
 */
typedef enum rbtoken_filter_validity_mode {
  /**
   * All tokens.
   */
  RBTOKEN_FILTER_VALIDITY_ANY = 0,
  /**
   * Usable tokens: those that are neither invalidated nor expired.
   */
  RBTOKEN_FILTER_VALIDITY_VALID = 1,
  /**
   * Tokens that are invalidated or expired.
   */
  RBTOKEN_FILTER_VALIDITY_DEAD = 2,
} rbtoken_filter_validity_mode;

/**
 * Verdicts: the results of a login.
 *
 * @ingroup login
 */
typedef enum rbtoken_verdict_code {
  /**
   * No verdict: the call failed.
   */
  RBTOKEN_VERDICT_REFUSED = 0,
  /**
   * The caller is the token's user.
   */
  RBTOKEN_VERDICT_OK = 1,
  /**
   * There is no such token, or the token's value in the header is missing or contains spaces.
   */
  RBTOKEN_VERDICT_UNKNOWN = 2,
  /**
   * The token was invalidated.
   */
  RBTOKEN_VERDICT_INVALID = 3,
  /**
   * The token has expired.
   */
  RBTOKEN_VERDICT_EXPIRED = 4,
  /**
   * The token's user is not active. Respond as for an unknown token.
   */
  RBTOKEN_VERDICT_INACTIVE_USER = 5,
  /**
   * The token belongs to a Local Site, and the request is for another site.
   */
  RBTOKEN_VERDICT_WRONG_SITE = 6,
  /**
   * The header is for another kind of login, which this library does not handle.
   */
  RBTOKEN_VERDICT_NOT_A_TOKEN = 7,
} rbtoken_verdict_code;

/**
 * Site of a request: the values of `site_mode` in `rbtoken_login_options_t`.
 *
 * @ingroup login
 */
typedef enum rbtoken_site_mode {
  /**
   * The global site: tokens of Local Sites are rejected.
   */
  RBTOKEN_SITE_GLOBAL = 0,
  /**
   * The Local Site in `site`: tokens of other Local Sites are rejected.
   */
  RBTOKEN_SITE_NAMED = 1,
  /**
   * Any site: the host checks `rbtoken_token_local_site()` itself.
   */
  RBTOKEN_SITE_ANY = 2,
} rbtoken_site_mode;

/**
 * Change of a field: the values of the fields `…_mode` in `rbtoken_token_update_t`.
 *
 * @ingroup tokens
 */
typedef enum rbtoken_field_mode {
  /**
   * Keeps the field.
   */
  RBTOKEN_FIELD_KEEP = 0,
  /**
   * Clears the field: the token never expires, has an empty note, a policy for full access, or
   * the extra data `{}`.
   */
  RBTOKEN_FIELD_NONE = 1,
  /**
   * Sets the field to the given value.
   */
  RBTOKEN_FIELD_SET = 2,
} rbtoken_field_mode;

/**
 * Lifetime of a service account's new tokens: the values of `expiration_mode` in
 * `rbtoken_service_account_options_t`.
 *
 * @ingroup service_account
 */
typedef enum rbtoken_expiration_mode {
  /**
   * 30 days.
   */
  RBTOKEN_EXPIRATION_DEFAULT = 0,
  /**
   * Unlimited: the tokens never expire.
   */
  RBTOKEN_EXPIRATION_NEVER = 1,
  /**
   * The number of seconds in `expiration_secs`.
   */
  RBTOKEN_EXPIRATION_SECS = 2,
} rbtoken_expiration_mode;

/**
 * Text that the library created for the host. Free it with `rbtoken_buffer_free()`, which also
 * erases it from memory, since it can contain a secret.
 *
 * @ingroup buffer
 */
typedef struct rbtoken_buffer_t rbtoken_buffer_t;

/**
 * Details of a failed call. A function with a parameter `rbtoken_error_t **error` creates it on
 * failure; free it with `rbtoken_error_free()`. It never contains a token's value.
 *
 * @ingroup error
 */
typedef struct rbtoken_error_t rbtoken_error_t;

/**
 * Policy that does not belong to a token. Free it with `rbtoken_policy_free()`.
 *
 * @ingroup policy
 */
typedef struct rbtoken_policy_t rbtoken_policy_t;

/**
 * Service account: a user that logs in only with API tokens of its own. It belongs to no store and
 * never changes. Free it with `rbtoken_service_account_free()`.
 *
 * @ingroup service_account
 */
typedef struct rbtoken_service_account_t rbtoken_service_account_t;

/**
 * Store of tokens. Its handles are reference-counted and can be used by any number of threads at
 * once. Tokens can outlive their store.
 *
 * @ingroup store
 */
typedef struct rbtoken_store_t rbtoken_store_t;

/**
 * List of tokens, as they were when it was created. Free it with `rbtoken_token_list_free()`.
 *
 * @ingroup token
 */
typedef struct rbtoken_token_list_t rbtoken_token_list_t;

/**
 * Snapshot of a token: its fields as they were when a function returned it. Later changes do not
 * affect it, and it can outlive its store. Its handles are reference-counted and can be used by
 * any thread.
 *
 * @ingroup token
 */
typedef struct rbtoken_token_t rbtoken_token_t;

/**
 * Result of a function: one of the values of `rbtoken_status_code`, or the status of a callback of
 * the host, unchanged. Functions and structs have 32-bit integers in place of enums; the C enums
 * only name the values.
 *
 * @ingroup error
 */
typedef int32_t rbtoken_status_t;

/**
 * Returns the time: sets `*now_us` to microseconds since the Unix epoch, UTC, and returns
 * `RBTOKEN_OK`. With any other status, the call that needed the time fails with that status. Must
 * not throw.
 *
 * @ingroup store
 */
typedef rbtoken_status_t (*rbtoken_clock_fn)(void *user_data, int64_t *now_us);

/**
 * Frees a callback's `user_data`. It is called exactly once, when the library no longer needs the
 * data, even if the registration fails. The only exception is `RBTOKEN_E_STRUCT_SIZE`, because the
 * fields of such a struct cannot be read. If the last release of a store calls this function, it
 * can no longer use that store: calls return `RBTOKEN_E_STATE`.
 *
 * @ingroup store
 */
typedef void (*rbtoken_destroy_fn)(void *user_data);

/**
 * Clock of the host, to be used instead of the system clock. Initialize it with `RBTOKEN_INIT()`;
 * it is copied when the store is opened. The callbacks can be called by several threads at once,
 * with no lock held.
 *
 * @ingroup store
 */
typedef struct rbtoken_clock_t {
  /**
   * Set by `RBTOKEN_INIT()`.
   */
  size_t struct_size;
  /**
   * Passed to the callbacks.
   */
  void *user_data;
  /**
   * Returns the time. Must be set.
   */
  rbtoken_clock_fn now;
  /**
   * Frees `user_data`. May be NULL.
   */
  rbtoken_destroy_fn destroy;
} rbtoken_clock_t;

/**
 * Fills `len` bytes of `bytes` with random data that nobody can predict, and returns `RBTOKEN_OK`.
 * With any other status, the call that needed the data fails with that status. If the end of the
 * buffer was not written, the call fails with `RBTOKEN_E_CALLBACK`. Must not throw.
 *
 * @ingroup store
 */
typedef rbtoken_status_t (*rbtoken_entropy_fn)(void *user_data, uint8_t *bytes, size_t len);

/**
 * Source of random bytes of the host, to be used instead of the library's own. Initialize it with
 * `RBTOKEN_INIT()`; it is copied when the store is opened. The callbacks can be called by several
 * threads at once, with no lock held.
 *
 * @ingroup store
 */
typedef struct rbtoken_entropy_t {
  /**
   * Set by `RBTOKEN_INIT()`.
   */
  size_t struct_size;
  /**
   * Passed to the callbacks.
   */
  void *user_data;
  /**
   * Fills a buffer. Must be set.
   */
  rbtoken_entropy_fn fill;
  /**
   * Frees `user_data`. May be NULL.
   */
  rbtoken_destroy_fn destroy;
} rbtoken_entropy_t;

/**
 * Writes a message to the host's log. `level` is `RBTOKEN_LOG_ERROR` to `_DEBUG`, or a higher
 * number in later versions. `target` is the part of the library: `"rbtoken.extension"` or
 * `"rbtoken.store"`. The texts are valid during the call, and never contain a token's value.
 * Several threads can call the function at once, with no lock held. Must not throw.
 *
 * @ingroup store
 */
typedef void (*rbtoken_log_fn)(void *user_data,
                               int32_t level,
                               const char *target,
                               const char *message);

/**
 * Log of the host. Initialize it with `RBTOKEN_INIT()`; it is copied when the store is opened. It
 * receives a message of the level `RBTOKEN_LOG_DEBUG` for each event that
 * `rbtoken_store_add_hooks()` reports. A store with a log reads tokens for their events, as one
 * with hooks does.
 *
 * @ingroup store
 */
typedef struct rbtoken_log_t {
  /**
   * Set by `RBTOKEN_INIT()`.
   */
  size_t struct_size;
  /**
   * Passed to the callbacks.
   */
  void *user_data;
  /**
   * Writes a message. Must be set.
   */
  rbtoken_log_fn log;
  /**
   * Frees `user_data`. May be NULL.
   */
  rbtoken_destroy_fn destroy;
} rbtoken_log_t;

/**
 * Options for opening a store. Initialize with `RBTOKEN_INIT()`.
 *
 * @ingroup store
 */
typedef struct rbtoken_store_options_t {
  /**
   * Set by `RBTOKEN_INIT()`.
   */
  size_t struct_size;
  /**
   * Where tokens are kept: the path of a file, which is created if it does not exist (see
   * "Stores in files"), or the URL of a Review Board server's database (see "Review Board's
   * database"). NULL: in memory.
   */
  const char *location;
  /**
   * Length of `location` in bytes, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t location_len;
  /**
   * Settings as a JSON object, with the names of `rbtoken_store_set_setting()`. NULL: none.
   */
  const char *settings;
  /**
   * Length of `settings` in bytes, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t settings_len;
  /**
   * The clock. NULL: the system clock.
   */
  const struct rbtoken_clock_t *clock;
  /**
   * The source of random bytes. NULL: a random number generator per thread, seeded by the
   * operating system, and again after fork().
   */
  const struct rbtoken_entropy_t *entropy;
  /**
   * The log. NULL: no log.
   */
  const struct rbtoken_log_t *log;
} rbtoken_store_options_t;

/**
 * Reports that `done` of `total` tokens were exported or imported. It is called at intervals, and
 * after the last token. Returns `RBTOKEN_OK` to continue. Any other status cancels the call, which
 * then returns that status and has changed nothing. Must not throw.
 *
 * @ingroup store
 */
typedef rbtoken_status_t (*rbtoken_progress_fn)(void *user_data, uint64_t done, uint64_t total);

/**
 * Progress callback of an export or import. Initialize it with `RBTOKEN_INIT()`. The callbacks run
 * on the thread of the call, with no lock held; they may be slow, and can use the store.
 *
 * @ingroup store
 */
typedef struct rbtoken_progress_t {
  /**
   * Set by `RBTOKEN_INIT()`.
   */
  size_t struct_size;
  /**
   * Passed to the callbacks.
   */
  void *user_data;
  /**
   * Reports the progress. Must be set.
   */
  rbtoken_progress_fn progress;
  /**
   * Frees `user_data`, before the call returns. May be NULL.
   */
  rbtoken_destroy_fn destroy;
} rbtoken_progress_t;

/**
 * Options for finding or creating a client token. Initialize with `RBTOKEN_INIT()`.
 *
 * @ingroup tokens
 */
typedef struct rbtoken_client_token_options_t {
  /**
   * Set by `RBTOKEN_INIT()`.
   */
  size_t struct_size;
  /**
   * When a new token expires: `RBTOKEN_EXPIRES_DEFAULT`, `_NEVER` or `_AT`. Not used for the
   * search.
   */
  int32_t expires_mode;
  /**
   * `RBTOKEN_MIN_VALIDITY_DEFAULT` (the setting `min_validity_secs`, 300 s by default) or
   * `_SECS`.
   */
  int32_t min_validity_mode;
  /**
   * With `RBTOKEN_EXPIRES_AT`: microseconds since the Unix epoch, UTC, in the future. Else 0.
   */
  int64_t expires_at_us;
  /**
   * With `RBTOKEN_MIN_VALIDITY_SECS`: seconds for which an existing token must still be valid. 0
   * or less: it must be valid now. With any other mode: must be 0.
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
   * The Local Site of the token. NULL: the global site.
   */
  const char *local_site;
  /**
   * Length of `local_site` in bytes, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t local_site_len;
  /**
   * The policy of a new token as JSON. NULL: full access.
   */
  const char *default_policy;
  /**
   * Length of `default_policy` in bytes, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t default_policy_len;
  /**
   * The extra data of a new token as a JSON object, to which `client_name` is added. NULL: none.
   */
  const char *default_extra_data;
  /**
   * Length of `default_extra_data` in bytes, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t default_extra_data_len;
} rbtoken_client_token_options_t;

/**
 * Options for creating a token. Initialize with `RBTOKEN_INIT()`.
 *
 * @ingroup tokens
 */
typedef struct rbtoken_generate_options_t {
  /**
   * Set by `RBTOKEN_INIT()`.
   */
  size_t struct_size;
  /**
   * When the token expires: `RBTOKEN_EXPIRES_AT`, or `_DEFAULT` or `_NEVER`, which both mean
   * never.
   */
  int32_t expires_mode;
  /**
   * `RBTOKEN_GENERATE_INVALID`, `RBTOKEN_GENERATE_AUTO_GENERATED`, both, or 0.
   */
  uint32_t flags;
  /**
   * With `RBTOKEN_EXPIRES_AT`: microseconds since the Unix epoch, UTC; can be in the past. Else
   * 0.
   */
  int64_t expires_at_us;
  /**
   * The id of the generator. NULL: the store's default generator.
   */
  const char *generator_id;
  /**
   * Length of `generator_id` in bytes, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t generator_id_len;
  /**
   * The token type, with which the value starts. NULL: the setting `token_type`.
   */
  const char *token_type;
  /**
   * Length of `token_type` in bytes, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t token_type_len;
  /**
   * The Local Site of the token. NULL: the global site.
   */
  const char *local_site;
  /**
   * Length of `local_site` in bytes, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t local_site_len;
  /**
   * A note for people, at most 1 MiB. NULL: the empty text.
   */
  const char *note;
  /**
   * Length of `note` in bytes, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t note_len;
  /**
   * The policy as JSON. NULL: full access.
   */
  const char *policy;
  /**
   * Length of `policy` in bytes, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t policy_len;
  /**
   * The extra data as a JSON object. If it has a string `client_name`, the token is a client
   * token. NULL: none.
   */
  const char *extra_data;
  /**
   * Length of `extra_data` in bytes, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t extra_data_len;
} rbtoken_generate_options_t;

/**
 * Fields of a token that exists elsewhere. Initialize with `RBTOKEN_INIT()`. A time is used only
 * if its flag is set, and must be 0 otherwise.
 *
 * @ingroup tokens
 */
typedef struct rbtoken_import_options_t {
  /**
   * Set by `RBTOKEN_INIT()`.
   */
  size_t struct_size;
  /**
   * `RBTOKEN_IMPORT_INVALID`, and a flag `RBTOKEN_IMPORT_…_KNOWN` for each time that is set.
   */
  uint32_t flags;
  /**
   * Must be 0.
   */
  uint32_t reserved;
  /**
   * When the token was created. Without its flag: now.
   */
  int64_t time_added_us;
  /**
   * When the token was last changed. Without its flag: when it was created.
   */
  int64_t last_updated_us;
  /**
   * When the token was last used. Without its flag: never.
   */
  int64_t last_used_us;
  /**
   * When the token expires. Without its flag: never.
   */
  int64_t expires_at_us;
  /**
   * When the token was invalidated. Requires `RBTOKEN_IMPORT_INVALID`.
   */
  int64_t invalid_date_us;
  /**
   * Why the token was invalidated. Requires `RBTOKEN_IMPORT_INVALID`, unless the text is empty.
   * NULL: the empty text.
   */
  const char *invalid_reason;
  /**
   * Length of `invalid_reason` in bytes, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t invalid_reason_len;
  /**
   * The id of the generator that created the value. The store need not have that generator.
   * NULL: the store's default generator.
   */
  const char *generator_id;
  /**
   * Length of `generator_id` in bytes, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t generator_id_len;
  /**
   * The Local Site of the token. NULL: the global site.
   */
  const char *local_site;
  /**
   * Length of `local_site` in bytes, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t local_site_len;
  /**
   * A note for people, at most 1 MiB. NULL: the empty text.
   */
  const char *note;
  /**
   * Length of `note` in bytes, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t note_len;
  /**
   * The policy as JSON. NULL: full access.
   */
  const char *policy;
  /**
   * Length of `policy` in bytes, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t policy_len;
  /**
   * The extra data as a JSON object. If it has a string `client_name`, the token is a client
   * token. NULL: none.
   */
  const char *extra_data;
  /**
   * Length of `extra_data` in bytes, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t extra_data_len;
} rbtoken_import_options_t;

/**
 * Filter for listing tokens. A token is listed if it matches all fields. After `RBTOKEN_INIT()`,
 * the filter matches all tokens.
 *
 * @ingroup tokens
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
   * Length of `local_site` in bytes, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t local_site_len;
  /**
   * Only tokens of this user. NULL: of all users.
   */
  const char *user;
  /**
   * Length of `user` in bytes, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t user_len;
  /**
   * Only tokens of this client. NULL: all tokens, with or without a client.
   */
  const char *client_name;
  /**
   * Length of `client_name` in bytes, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t client_name_len;
} rbtoken_token_filter_t;

/**
 * Result of a login: one of the values of `rbtoken_verdict_code`. Later versions can add verdicts.
 * Every verdict other than `RBTOKEN_VERDICT_OK` rejects the login.
 *
 * @ingroup login
 */
typedef int32_t rbtoken_verdict_t;

/**
 * Options for a login. Initialize with `RBTOKEN_INIT()`, which means the global site.
 *
 * @ingroup login
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
   * With `RBTOKEN_SITE_NAMED`: the name of the Local Site. Else NULL.
   */
  const char *site;
  /**
   * Length of `site` in bytes, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t site_len;
} rbtoken_login_options_t;

/**
 * Changes to a token. Initialize with `RBTOKEN_INIT()`, which changes nothing. A value whose mode
 * is not `RBTOKEN_FIELD_SET` must be 0 or NULL.
 *
 * @ingroup tokens
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
   * When the token expires: microseconds since the Unix epoch, UTC; can be in the past.
   */
  int64_t expires_at_us;
  /**
   * The note, at most 1 MiB.
   */
  const char *note;
  /**
   * Length of `note` in bytes, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t note_len;
  /**
   * The policy as JSON.
   */
  const char *policy;
  /**
   * Length of `policy` in bytes, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t policy_len;
  /**
   * The extra data as a JSON object. It replaces the old one completely, including
   * `client_name`.
   */
  const char *extra_data;
  /**
   * Length of `extra_data` in bytes, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t extra_data_len;
} rbtoken_token_update_t;

/**
 * Reports that a token was created. `auto_generated` is true if it was created with
 * `RBTOKEN_GENERATE_AUTO_GENERATED`. `store` and `token` are valid during the call; retain them to
 * keep them. Must not throw.
 *
 * @ingroup hooks
 */
typedef void (*rbtoken_created_fn)(void *user_data,
                                   struct rbtoken_store_t *store,
                                   const struct rbtoken_token_t *token,
                                   bool auto_generated);

/**
 * Reports an event. `store` and `token` are valid during the call; retain them to keep them. The
 * fields of the token are those after the event. Must not throw.
 *
 * @ingroup hooks
 */
typedef void (*rbtoken_event_fn)(void *user_data,
                                 struct rbtoken_store_t *store,
                                 const struct rbtoken_token_t *token);

/**
 * Event callbacks. Initialize with `RBTOKEN_INIT()`; they are copied when they are added. Each
 * callback may be NULL. They are called after the event, on the thread that caused it, with no
 * lock held, in the order in which hooks were added. They can use the store, and can remove hooks,
 * including themselves. They cannot prevent an event.
 *
 * @ingroup hooks
 */
typedef struct rbtoken_hooks_t {
  /**
   * Set by `RBTOKEN_INIT()`.
   */
  size_t struct_size;
  /**
   * Passed to the callbacks.
   */
  void *user_data;
  /**
   * A token was created. An import does not cause this event.
   */
  rbtoken_created_fn created;
  /**
   * The fields of a token were changed.
   */
  rbtoken_event_fn updated;
  /**
   * A token was invalidated, for the first time or again.
   */
  rbtoken_event_fn invalidated;
  /**
   * A login with an expired token was rejected.
   */
  rbtoken_event_fn expired;
  /**
   * A login was accepted, or rejected only because of its site.
   */
  rbtoken_event_fn used;
  /**
   * A token was deleted, purged, or removed with its Local Site.
   */
  rbtoken_event_fn deleted;
  /**
   * Frees `user_data`. May be NULL.
   */
  rbtoken_destroy_fn destroy;
} rbtoken_hooks_t;

/**
 * Creates a token value: writes at most `capacity` bytes of UTF-8 to `value`, without a NUL, sets
 * `*value_len` to their number, and returns `RBTOKEN_OK`. A value has 1 to 255 characters, for
 * which `capacity` is always enough. `token_type` is NUL-terminated. `attempt` starts at 0 and
 * grows by 1 with each value that already exists, up to 19. With any other status, the call that
 * needed the value fails with that status. Must not throw.
 *
 * @ingroup generator
 */
typedef rbtoken_status_t (*rbtoken_generator_create_fn)(void *user_data,
                                                        const char *token_type,
                                                        uint32_t attempt,
                                                        char *value,
                                                        size_t capacity,
                                                        size_t *value_len);

/**
 * Checks a token value: sets `*valid` to whether the `value_len` bytes have the generator's format
 * for a token type, which is NUL-terminated, and returns `RBTOKEN_OK`. With any other status, the
 * call that needed the check fails with that status. Must not throw.
 *
 * @ingroup generator
 */
typedef rbtoken_status_t (*rbtoken_generator_validate_fn)(void *user_data,
                                                          const char *token_type,
                                                          const char *value,
                                                          size_t value_len,
                                                          bool *valid);

/**
 * Token generator of the host. Initialize it with `RBTOKEN_INIT()`; it is copied when it is added.
 * The callbacks can be called by several threads at once, with no lock held, and can use the
 * store.
 *
 * @ingroup generator
 */
typedef struct rbtoken_generator_t {
  /**
   * Set by `RBTOKEN_INIT()`.
   */
  size_t struct_size;
  /**
   * Passed to the callbacks.
   */
  void *user_data;
  /**
   * Creates a value. Must be set.
   */
  rbtoken_generator_create_fn create;
  /**
   * Checks the format of a value. Must be set.
   */
  rbtoken_generator_validate_fn validate;
  /**
   * Frees `user_data`. May be NULL.
   */
  rbtoken_destroy_fn destroy;
} rbtoken_generator_t;

/**
 * Options for a service account. Initialize with `RBTOKEN_INIT()`, then set at least `id`.
 *
 * @ingroup service_account
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
   * The version of the tokens, from 1; 0 means 1. A higher version makes the account use a new
   * token, for example after a change of the policy.
   */
  uint32_t token_version;
  /**
   * With `RBTOKEN_EXPIRATION_SECS`: the lifetime in seconds, greater than 0. Else 0.
   */
  int64_t expiration_secs;
  /**
   * The id of the account: letters, digits, `_` and `-`. Must be set.
   */
  const char *id;
  /**
   * Length of `id` in bytes, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t id_len;
  /**
   * The user that owns the tokens. NULL: the user with the account's id as its name.
   */
  const char *user;
  /**
   * Length of `user` in bytes, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t user_len;
  /**
   * The policy of a new token as JSON. NULL: full access.
   */
  const char *policy;
  /**
   * Length of `policy` in bytes, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t policy_len;
} rbtoken_service_account_options_t;

/**
 * Options for the token of a service account. Initialize with `RBTOKEN_INIT()`.
 *
 * @ingroup service_account
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
   * With `RBTOKEN_MIN_VALIDITY_SECS`: seconds for which an existing token must still be valid. 0
   * or less: it must be valid now. With any other mode: must be 0.
   */
  int64_t min_validity_secs;
  /**
   * The Local Site of the token. NULL: the global site.
   */
  const char *local_site;
  /**
   * Length of `local_site` in bytes, or `RBTOKEN_NUL_TERMINATED`.
   */
  size_t local_site_len;
} rbtoken_service_token_options_t;

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Returns the version of the running library as text, such as `"0.1.0"`. Compare it with
 * `RBTOKEN_VERSION`, the version of the header that the program was compiled with.
 *
 * `[thread-safe]`
 *
 * @return the version; a constant that is never freed
 * @since 0.1.0
 * @ingroup library
 */
RBTOKEN_API const char *rbtoken_version(void);

/**
 * Returns the ABI version of the running library.
 *
 * `[thread-safe]`
 *
 * @return the major version times 65536, plus the minor version, as in `RBTOKEN_ABI_VERSION`
 * @since 0.1.0
 * @ingroup library
 */
RBTOKEN_API uint32_t rbtoken_abi_version(void);

/**
 * Returns whether a program can use the running library. The major versions of the library and of
 * the header that the program was compiled with must be equal, and the library's minor version
 * must not be lower.
 *
 * ```c
 * if (!rbtoken_abi_is_compatible(RBTOKEN_ABI_VERSION)) abort();
 * ```
 *
 * `[thread-safe]`
 *
 * @param abi_version `RBTOKEN_ABI_VERSION` of the header
 * @return true if the library supports that header
 * @since 0.1.0
 * @ingroup library
 */
RBTOKEN_API bool rbtoken_abi_is_compatible(uint32_t abi_version);

/**
 * Returns the name of a status, such as `"RBTOKEN_E_NOT_FOUND"`.
 *
 * `[thread-safe]`
 *
 * @param status a status that a function returned
 * @return the name; a constant that is never freed; `"unknown status"` for other numbers
 * @since 0.1.0
 * @ingroup library
 */
RBTOKEN_API const char *rbtoken_status_name(rbtoken_status_t status);

/**
 * Returns the status of an error: the one that the function returned with it.
 *
 * `[immutable]`
 *
 * @param error an error; NULL is allowed
 * @return the status; `RBTOKEN_OK` for NULL
 * @since 0.1.0
 * @ingroup error
 */
RBTOKEN_API rbtoken_status_t rbtoken_error_status(const struct rbtoken_error_t *error);

/**
 * Returns the message of an error: an English text for people, which programs should not parse. It
 * says what was wrong or expected, and in which argument, if one is at fault.
 *
 * `[immutable]`
 *
 * @param error an error; NULL is allowed
 * @return the message, never NULL for an error; valid until the error is freed; NULL for NULL
 * @since 0.1.0
 * @ingroup error
 */
RBTOKEN_API const char *rbtoken_error_message(const struct rbtoken_error_t *error);

/**
 * Returns the name of the parameter, or of the field of an options struct, that is at fault.
 *
 * `[immutable]`
 *
 * @param error an error; NULL is allowed
 * @return the name; valid until the error is freed; NULL if no argument is at fault
 * @since 0.1.0
 * @ingroup error
 */
RBTOKEN_API const char *rbtoken_error_argument(const struct rbtoken_error_t *error);

/**
 * Returns the place in a JSON document that is at fault, as a JSONPath (RFC 9535) such as
 * `$.resources["*"].allow[2]`.
 *
 * `[immutable]`
 *
 * @param error an error; NULL is allowed
 * @return the path; valid until the error is freed; NULL if no place in a document is at fault
 * @since 0.1.0
 * @ingroup error
 */
RBTOKEN_API const char *rbtoken_error_json_path(const struct rbtoken_error_t *error);

/**
 * Frees an error.
 *
 * `[exclusive]`
 *
 * @param error an error, which must not be used afterwards; NULL does nothing
 * @since 0.1.0
 * @ingroup error
 */
RBTOKEN_API void rbtoken_error_free(struct rbtoken_error_t *error);

/**
 * Returns the text of a buffer: UTF-8 that ends with a NUL.
 *
 * `[immutable]`
 *
 * @param buffer a buffer; NULL is allowed
 * @param len receives the length in bytes, without the NUL; may be NULL
 * @return the text; valid until the buffer is freed; NULL for NULL
 * @since 0.1.0
 * @ingroup buffer
 */
RBTOKEN_API const char *rbtoken_buffer_data(const struct rbtoken_buffer_t *buffer, size_t *len);

/**
 * Erases and frees a buffer.
 *
 * `[exclusive]`
 *
 * @param buffer a buffer, which must not be used afterwards; NULL does nothing
 * @since 0.1.0
 * @ingroup buffer
 */
RBTOKEN_API void rbtoken_buffer_free(struct rbtoken_buffer_t *buffer);

/**
 * Opens a store. Release it with `rbtoken_store_release()`.
 *
 * `[thread-safe]`
 *
 * @param options what to open; NULL: an empty store in memory with all defaults
 * @param store receives the store; NULL on failure
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the store is open
 * @retval RBTOKEN_E_INVALID_ARGUMENT `location` is malformed, is a directory, is not a file of
 *         this library, or can be replaced by others; or a setting has a value that is not allowed
 * @retval RBTOKEN_E_NOT_FOUND `settings` has an unknown setting
 * @retval RBTOKEN_E_EXISTS `settings` has a Local Site twice
 * @retval RBTOKEN_E_GENERATION `settings` has an unknown generator
 * @retval RBTOKEN_E_UNSUPPORTED the library was built without the cargo feature that `location`
 *         needs, or a setting is managed by the Review Board server
 * @retval RBTOKEN_E_LOCKED another store has the file open, in this process or another
 * @retval RBTOKEN_E_VERSION a later version of the library wrote the file, or the database is not
 *         that of Review Board 5.0 or newer
 * @retval RBTOKEN_E_CORRUPT the file is damaged
 * @retval RBTOKEN_E_IO the file cannot be opened, read or created, or the database cannot be
 *         reached
 * @retval RBTOKEN_E_DATABASE SQLite or the database reported an error
 * @retval RBTOKEN_E_TIMEOUT the database did not respond in time
 * @since 0.1.0
 * @ingroup store
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_open(const struct rbtoken_store_options_t *options,
                                    struct rbtoken_store_t **store,
                                    struct rbtoken_error_t **error);

/**
 * Returns the shared store of the process. The first successful call opens it. Later calls must
 * pass NULL or equal options: equal texts, and the same callback functions with the same
 * `user_data`. Such a later call does not destroy the data, because the store uses it. The process
 * keeps the store open until it ends, but each handle must still be released.
 *
 * `[thread-safe]`
 *
 * @param options what to open; NULL: the store that is already open, or else all defaults
 * @param store receives the store; NULL on failure
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the shared store was returned
 * @retval RBTOKEN_E_STATE the shared store was opened with other options
 * @retval RBTOKEN_E_INVALID_ARGUMENT, RBTOKEN_E_NOT_FOUND, RBTOKEN_E_EXISTS, RBTOKEN_E_GENERATION,
 *         RBTOKEN_E_UNSUPPORTED, RBTOKEN_E_VERSION as for `rbtoken_store_open()`
 * @since 0.1.0
 * @ingroup store
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_shared(const struct rbtoken_store_options_t *options,
                                      struct rbtoken_store_t **store,
                                      struct rbtoken_error_t **error);

/**
 * Adds a reference to a store. Release each reference with `rbtoken_store_release()`.
 *
 * `[thread-safe]`
 *
 * @param store a store; NULL is allowed
 * @return the same store; NULL for NULL
 * @since 0.1.0
 * @ingroup store
 */
RBTOKEN_API struct rbtoken_store_t *rbtoken_store_retain(struct rbtoken_store_t *store);

/**
 * Releases a reference to a store. The last release closes it: a store in a file writes the times
 * of the last logins and unlocks the file. Tokens and lists from the store stay readable.
 *
 * `[thread-safe]`
 *
 * @param store a store; after the call, use it only if you have another reference; NULL does
 *         nothing
 * @since 0.1.0
 * @ingroup store
 */
RBTOKEN_API void rbtoken_store_release(struct rbtoken_store_t *store);

/**
 * Writes everything to the disk, so that it survives a crash or a power failure. Only the times of
 * the last logins need this: see "Stores in files". It also empties the log of a store in a file,
 * which removes the values of deleted tokens (see "Secrets"); the next changes take longer while
 * the log grows again. It does nothing for a store that is not in a file.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK everything is on the disk
 * @since 0.1.0
 * @ingroup store
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_flush(struct rbtoken_store_t *store,
                                     struct rbtoken_error_t **error);

/**
 * Changes a setting of the store. Settings are not saved in a store's file: pass them each time
 * that you open it. These settings can be changed at any time:
 *
 * - `client_token_expiration`, default `365`: days until a new client token expires, 0 to 3652059.
 *   0 means never.
 * - `min_validity_secs`, default `300`: seconds for which an existing client token must still be
 *   valid, 0 to 315537897600.
 * - `token_type`, default `"rbp"`: the token type, with which new values start, 1 to 216 ASCII
 *   letters and digits.
 * - `default_generator`, default `"vendor_checksum"`: the id of a generator of the store.
 * - `deprecated_generators`, default `["legacy_sha1"]`: a list of generator ids, which need not be
 *   known to the store.
 * - `policy_ids`, default `null`: a list of policy ids, or `null` to allow any.
 *
 * These settings can be set only when the store is opened:
 *
 * - `location`, default `null`: where tokens are kept. `null` means in memory.
 * - `local_sites`, default `[]`: a list of Local Sites to add to those that a file already has.
 * - `trusted_owners`, default `{"users": [], "groups": []}`: the numeric ids of users that may own
 *   a store's file and directory, and of groups that may write to them, such as `{"users": [1000],
 *   "groups": [2000]}`. See "Stores in files".
 *
 * These settings are for Review Board's database, and can be set only when the store is opened:
 *
 * - `pool_size`, default `8`: the maximum number of connections, 1 to 1024.
 * - `connect_timeout_secs`, default `5`: the time limit for connecting, 1 to 3600.
 * - `statement_timeout_secs`, default `30`: the time limit of a statement, waiting for locks
 *   included, 1 to 3600.
 * - `call_timeout_secs`, default `30`: the time limit of a call for one token, 1 to 3600.
 * - `bulk_timeout_secs`, default `600`: the time limit of a call that lists, exports, purges or
 *   invalidates many tokens, 1 to 3600.
 * - `last_used_interval_secs`, default `0`: a login writes `last_used` if the stored time is at
 *   least this many seconds old, 0 to 31536000. 0 means that every login writes it, and `null`
 *   that none does.
 * - `login_cache_secs`, default `0`: how long accepted logins are cached, 0 to 3600. 0 disables
 *   the cache. It has no effect while `last_used_interval_secs` is 0.
 * - `login_cache_entries`, default `10000`: the maximum number of cached logins, 1 to 1000000.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param name the name of the setting
 * @param name_len length of `name` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param value the new value as JSON
 * @param value_len length of `value` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the setting was changed
 * @retval RBTOKEN_E_NOT_FOUND the setting is unknown
 * @retval RBTOKEN_E_INVALID_ARGUMENT the value is not allowed
 * @retval RBTOKEN_E_GENERATION the store has no such generator
 * @retval RBTOKEN_E_STATE the setting can be set only when the store is opened
 * @retval RBTOKEN_E_UNSUPPORTED the setting is managed by the Review Board server
 * @since 0.1.0
 * @ingroup store
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
 * Returns a setting of the store.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param name a name as for `rbtoken_store_set_setting()`
 * @param name_len length of `name` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param value receives the setting as JSON, to be freed with `rbtoken_buffer_free()`; NULL on
 *         failure
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the setting was returned
 * @retval RBTOKEN_E_NOT_FOUND the setting is unknown
 * @since 0.1.0
 * @ingroup store
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_get_setting(struct rbtoken_store_t *store,
                                           const char *name,
                                           size_t name_len,
                                           struct rbtoken_buffer_t **value,
                                           struct rbtoken_error_t **error);

/**
 * Returns the counters of a store as a JSON object. Later versions can add members:
 *
 * - `kind`: `"memory"`, `"file"`, or for Review Board's database `"postgresql"`, `"mysql"` or
 *   `"sqlite"`.
 * - `tokens`: the number of tokens, usable or not. Not for Review Board's database, which is not
 *   queried.
 * - `hooks`: the number of registered hooks.
 * - `memory`: `record_bytes` and `index_bytes`, the memory that is mapped for records and for
 *   indexes. Memory from the allocator, such as that of texts, is not counted. Not for Review
 *   Board's database.
 * - `file`: `bytes` and `log_bytes`, the sizes of the file and its log, and `commits`, the number
 *   of commits since it was opened. For files only.
 * - `pool`: for Review Board's database only. `open`: the number of connections. `idle`: the
 *   number of unused ones. `abandoned`: connections that the library closed, but that may still be
 *   open on the server. `waiting`: calls that wait for a connection. `lost`: connections that
 *   broke or were closed early. `timeouts`: calls that exceeded a time limit. `retries`: repeated
 *   queries and transactions.
 * - `login_cache`: only if logins are cached. `entries`: the number of cached logins. `hits`:
 *   logins that did not query the database.
 * - `handles`: the number of handles of each kind that the host holds, for the whole process:
 *   `buffer`, `error`, `instance`, `policy`, `service_account`, `store`, `token`, `token_list`. A
 *   number that keeps growing is a leak in the host.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param statistics receives the object, to be freed with `rbtoken_buffer_free()`; NULL on failure
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the counters were returned
 * @since 0.2.0
 * @ingroup store
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_statistics(struct rbtoken_store_t *store,
                                          struct rbtoken_buffer_t **statistics,
                                          struct rbtoken_error_t **error);

/**
 * Adds a Local Site. Tokens can then be created for it.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param local_site the name: 1 to 32 characters of `A-Z a-z 0-9 _ . -`
 * @param local_site_len length of `local_site` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the Local Site was added
 * @retval RBTOKEN_E_EXISTS the Local Site already exists
 * @retval RBTOKEN_E_INVALID_ARGUMENT the name is empty or malformed
 * @retval RBTOKEN_E_UNSUPPORTED the store is on Review Board's database
 * @since 0.1.0
 * @ingroup store
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_add_local_site(struct rbtoken_store_t *store,
                                              const char *local_site,
                                              size_t local_site_len,
                                              struct rbtoken_error_t **error);

/**
 * Removes a Local Site and its tokens, as Review Board does. The *deleted* event is fired for each
 * token.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param local_site the name of the Local Site
 * @param local_site_len length of `local_site` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the Local Site was removed
 * @retval RBTOKEN_E_NOT_FOUND there is no such Local Site
 * @retval RBTOKEN_E_INVALID_ARGUMENT the name is empty or malformed
 * @retval RBTOKEN_E_UNSUPPORTED the store is on Review Board's database
 * @since 0.1.0
 * @ingroup store
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_remove_local_site(struct rbtoken_store_t *store,
                                                 const char *local_site,
                                                 size_t local_site_len,
                                                 struct rbtoken_error_t **error);

/**
 * Enables or disables login for a user. Unknown users are enabled. Tokens of a disabled user are
 * kept, and new ones can still be created.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param user the user's name, 1 to 150 characters
 * @param user_len length of `user` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param active 1 to enable login, 0 to disable it
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the user was enabled or disabled
 * @retval RBTOKEN_E_INVALID_ARGUMENT the name is empty, or `active` is neither 0 nor 1
 * @retval RBTOKEN_E_UNSUPPORTED the store is on Review Board's database
 * @since 0.1.0
 * @ingroup store
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_set_user_active(struct rbtoken_store_t *store,
                                               const char *user,
                                               size_t user_len,
                                               int32_t active,
                                               struct rbtoken_error_t **error);

/**
 * Registers the policy ids of the host's resources, and replaces those that were registered
 * before. Afterwards, policies that contain other ids are rejected, and `rbtoken_token_allows()`
 * fails for other ids.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param ids `count` NUL-terminated ids, which must not be empty or `*`; NULL with a `count` of 0:
 *         any id is allowed, which is the default
 * @param count the number of ids, at most 65536; 0 with `ids` not NULL: no id is allowed
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the ids are registered
 * @retval RBTOKEN_E_INVALID_ARGUMENT an id is empty or `*`
 * @since 0.1.0
 * @ingroup store
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_set_policy_ids(struct rbtoken_store_t *store,
                                              const char *const *ids,
                                              size_t count,
                                              struct rbtoken_error_t **error);

/**
 * Copies a store into a new file, which can be opened as a store. The copy has the state at one
 * moment: the tokens with their ids, the Local Sites, and the disabled users. It does not have the
 * settings. The store, in memory or in a file, stays usable during the call.
 *
 * The file contains the values of all tokens, so keep it secret. Only its owner can read it. It is
 * on the disk when the call returns. An existing file is not overwritten, and a failed call leaves
 * no file.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param path the file to create, in a directory that is suitable for a store
 * @param path_len length of `path` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the copy was written
 * @retval RBTOKEN_E_EXISTS the file already exists
 * @retval RBTOKEN_E_INVALID_ARGUMENT `path` is empty, or its directory is not suitable
 * @retval RBTOKEN_E_UNSUPPORTED the library was built without the cargo feature `sqlite`, or the
 *         store is on Review Board's database
 * @since 0.1.0
 * @ingroup store
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_backup(struct rbtoken_store_t *store,
                                      const char *path,
                                      size_t path_len,
                                      struct rbtoken_error_t **error);

/**
 * Exports a store to a new file in JSON Lines format. Another store, in memory or in a file, can
 * read it with `rbtoken_store_import_file()`. The first line has the format, its version, and the
 * number of lines of each kind. Each of the other lines is a JSON object for a Local Site, a
 * disabled user, or a token with all its fields. The export has the state of the store at one
 * moment, except on Review Board's database.
 *
 * Each line is valid JSON, including `policy` and `extra_data`. If the stored text of a document
 * differs from this JSON, the line also has that text, as the string `stored_policy` or
 * `stored_extra_data`. An import uses the text, so that the document does not change, and a
 * malformed policy still denies everything. `policy` is null if the text is neither JSON nor a
 * Python literal.
 *
 * Review Board's database is read in pages of 500 tokens, without a transaction around them. Each
 * page has the state at the moment when it is read. All pages together take at most
 * `bulk_timeout_secs`. Rows with a cell that cannot be read, or with a name that this library does
 * not accept, are left out; such a token cannot be used for a login.
 *
 * The file contains the values of all tokens, so keep it secret. Only its owner can read it. It is
 * on the disk when the call returns. An existing file is not overwritten, and a failed call leaves
 * no file.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param path the file to create
 * @param path_len length of `path` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param progress a callback for progress; may be NULL
 * @param count receives the number of exported tokens; 0 on failure; may be NULL
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the file was written
 * @retval RBTOKEN_E_EXISTS the file already exists
 * @retval RBTOKEN_E_INVALID_ARGUMENT `path` is empty
 * @retval other the status of `progress`, unchanged
 * @since 0.1.0
 * @ingroup store
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
 * Imports a file that `rbtoken_store_export_file()` has written: all of it, or nothing. The tokens
 * get new ids, in the order of their lines, and no event is fired for them. Existing Local Sites
 * are kept, and settings do not change. The strings `stored_policy` and `stored_extra_data` need
 * not be valid JSON, and are stored unchanged. A malformed policy denies everything, as described
 * in "Review Board's database". A line can have at most 1 GiB.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param path the file to read
 * @param path_len length of `path` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param progress a callback for progress; may be NULL
 * @param count receives the number of imported tokens; 0 on failure; may be NULL
 * @param error receives the error on failure; may be NULL. The message has the number of the line,
 *         and the JSON path is relative to that line.
 * @retval RBTOKEN_OK everything was imported
 * @retval RBTOKEN_E_EXISTS a token's value is already in the store, or is in the file twice
 * @retval RBTOKEN_E_INVALID_ARGUMENT the file is not an export, or a name in it is not allowed
 * @retval RBTOKEN_E_VERSION a later version of the library wrote the file
 * @retval RBTOKEN_E_CORRUPT the file ends early
 * @retval RBTOKEN_E_NOT_FOUND a token's Local Site is neither in the file nor in the store
 * @retval RBTOKEN_E_POLICY a policy breaks a rule; the error's JSON path shows where
 * @retval RBTOKEN_E_LOCKED `path` is the file of a store that this process has open
 * @retval RBTOKEN_E_UNSUPPORTED the store is on Review Board's database
 * @retval other the status of `progress`, unchanged
 * @since 0.1.0
 * @ingroup store
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
 * Returns the API token of a client program for a user. It creates one only if there is no
 * suitable token.
 *
 * A token is suitable if it belongs to the user, to the client, and to the given Local Site
 * (without one, to the global site), has not been invalidated, and stays valid for longer than the
 * minimum validity. Among suitable tokens, one that never expires comes first, then the one that
 * expires last, then the lowest id. An existing token is returned unchanged: the options for new
 * tokens are not used.
 *
 * If several threads call this for the same user, Local Site and client at once, one token is
 * created and all of them get it.
 *
 * **Whoever can call this can act as any user, because it returns the secret. Authenticate the
 * caller first.**
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param user the owner's name, 1 to 150 characters; on Review Board's database it must exist
 * @param user_len length of `user` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param client_name the client's name, 1 to 255 characters, such as `RBTools`
 * @param client_name_len length of `client_name` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param options how to search and create; NULL: all defaults
 * @param token receives the token, to be released with `rbtoken_token_release()`; NULL on failure
 * @param created receives whether the token is new; false on failure; may be NULL
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the token was returned
 * @retval RBTOKEN_E_INVALID_ARGUMENT a name is empty or malformed, a mode or flag is unknown, a
 *         field is set that its mode does not use, or the expiration is not in the future
 * @retval RBTOKEN_E_TIME_RANGE the expiration, or the current time plus the minimum validity, is
 *         after the year 9999
 * @retval RBTOKEN_E_NOT_FOUND there is no such Local Site or, on Review Board's database, no such
 *         user
 * @retval RBTOKEN_E_POLICY the policy breaks a rule; the error's JSON path shows where
 * @retval RBTOKEN_E_UNSUPPORTED the store's default generator cannot create values
 * @retval RBTOKEN_E_GENERATION no unique value could be generated
 * @retval other the status of a callback of the host, unchanged
 * @since 0.1.0
 * @ingroup tokens
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
 * Creates a token, for a client program or any other purpose.
 *
 * **Whoever can call this can act as any user. Authenticate the caller first.**
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param user the owner's name, 1 to 150 characters; on Review Board's database it must exist
 * @param user_len length of `user` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param options how to create it; NULL: all defaults
 * @param token receives the token, to be released with `rbtoken_token_release()`; NULL on failure
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the token was created
 * @retval RBTOKEN_E_INVALID_ARGUMENT a name is empty or malformed, a mode or flag is unknown, or a
 *         field is set that its mode does not use
 * @retval RBTOKEN_E_TIME_RANGE the expiration is outside the years 1 to 9999
 * @retval RBTOKEN_E_NOT_FOUND there is no such Local Site or, on Review Board's database, no such
 *         user
 * @retval RBTOKEN_E_POLICY the policy breaks a rule; the error's JSON path shows where
 * @retval RBTOKEN_E_UNSUPPORTED the generator is `legacy_sha1`, which cannot create values
 * @retval RBTOKEN_E_GENERATION there is no such generator, or no unique value could be generated
 * @retval other the status of a callback of the host, unchanged
 * @since 0.1.0
 * @ingroup tokens
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
 * Stores a token that exists elsewhere, with its value and all its fields except the id, which is
 * new. No event is fired.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param user the owner's name, 1 to 150 characters; on Review Board's database it must exist
 * @param user_len length of `user` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param value the token's value, 1 to 255 characters; it need not have its generator's format
 * @param value_len length of `value` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param options the other fields; NULL: all defaults
 * @param token receives the token, to be released with `rbtoken_token_release()`; NULL on failure
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the token was stored
 * @retval RBTOKEN_E_EXISTS a token with this value already exists
 * @retval RBTOKEN_E_INVALID_ARGUMENT the value or a name is empty or malformed, a flag is unknown,
 *         or a field is set without its flag
 * @retval RBTOKEN_E_TIME_RANGE a time is outside the years 1 to 9999
 * @retval RBTOKEN_E_NOT_FOUND there is no such Local Site or, on Review Board's database, no such
 *         user
 * @retval RBTOKEN_E_POLICY the policy breaks a rule; the error's JSON path shows where
 * @retval other the status of the host's clock, unchanged
 * @since 0.1.0
 * @ingroup tokens
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
 * Finds a token by its value, whether it is usable or not. **This is not a login and checks
 * nothing:** never accept a login because it returns `RBTOKEN_OK`.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param value the token's value
 * @param value_len length of `value` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param token receives the token, to be released with `rbtoken_token_release()`; NULL on failure
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the token was found
 * @retval RBTOKEN_E_NOT_FOUND no token has this value
 * @retval RBTOKEN_E_INVALID_ARGUMENT the value is empty
 * @since 0.1.0
 * @ingroup tokens
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_find_token(struct rbtoken_store_t *store,
                                          const char *value,
                                          size_t value_len,
                                          struct rbtoken_token_t **token,
                                          struct rbtoken_error_t **error);

/**
 * Returns the token with an id, whether it is usable or not.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param id the id, as from `rbtoken_token_id()`
 * @param token receives the token, to be released with `rbtoken_token_release()`; NULL on failure
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the token was returned
 * @retval RBTOKEN_E_NOT_FOUND no token has this id, for example because it was deleted
 * @since 0.1.0
 * @ingroup tokens
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_get_token(struct rbtoken_store_t *store,
                                         int64_t id,
                                         struct rbtoken_token_t **token,
                                         struct rbtoken_error_t **error);

/**
 * Lists the tokens that match a filter, in the order of their ids. The call reads every token of
 * the user or, without a user, of the store.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param filter the tokens to list; NULL: all
 * @param list receives the list, to be freed with `rbtoken_token_list_free()`; NULL on failure
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the list was returned; it can be empty
 * @retval RBTOKEN_E_INVALID_ARGUMENT a name is empty or malformed, a mode or flag is unknown, or a
 *         field is set that its mode does not use
 * @retval RBTOKEN_E_TIME_RANGE a time is outside the years 1 to 9999
 * @retval RBTOKEN_E_NOT_FOUND there is no such Local Site or, on Review Board's database, no such
 *         user
 * @retval other the status of the host's clock, unchanged
 * @since 0.1.0
 * @ingroup tokens
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
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the tokens were counted
 * @since 0.1.0
 * @ingroup tokens
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_token_count(struct rbtoken_store_t *store,
                                           uint64_t *count,
                                           struct rbtoken_error_t **error);

/**
 * Checks whether a value has the format of a generator, including its checksum. **This is not a
 * login:** it does not check whether there is such a token.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param generator_id `vendor_checksum`, `legacy_sha1`, or another generator of the store
 * @param generator_id_len length of `generator_id` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param token_type the token type that the value must have, such as `rbp`
 * @param token_type_len length of `token_type` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param value the value
 * @param value_len length of `value` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param valid receives the result; false on failure
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the value was checked
 * @retval RBTOKEN_E_GENERATION there is no such generator
 * @retval other the status of a generator of the host, unchanged
 * @since 0.1.0
 * @ingroup tokens
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
 * Returns the name of a verdict, such as `"RBTOKEN_VERDICT_EXPIRED"`.
 *
 * `[thread-safe]`
 *
 * @param verdict a verdict
 * @return the name; a constant that is never freed; `"unknown verdict"` for other numbers
 * @since 0.1.0
 * @ingroup login
 */
RBTOKEN_API const char *rbtoken_verdict_name(rbtoken_verdict_t verdict);

/**
 * Logs a caller in with a token's value.
 *
 * **The status is not the verdict:** `RBTOKEN_OK` means that there is a verdict, not that the
 * caller is logged in. Check `*verdict`. The caller is the token's user only if the verdict is
 * `RBTOKEN_VERDICT_OK`. If the call fails, the verdict is `RBTOKEN_VERDICT_REFUSED`.
 *
 * The checks are, in this order: whether the value is known, whether the token was invalidated,
 * whether it has expired, whether its user is active, and whether it is for the request's site. An
 * accepted login sets `last_used`, and so does one that is rejected only because of its site.
 * Bytes that cannot be a value (not UTF-8, a NUL, too long, or empty) count as an unknown value,
 * not as an error. The time of a comparison does not reveal where two values differ.
 *
 * The host must check whether the user has access to the Local Site. If
 * `rbtoken_token_is_deprecated()` returns true, ask the user to replace the token.
 *
 * On Review Board's database, `last_used_interval_secs` and `login_cache_secs` determine when
 * `last_used` is written and whether the database is queried: see "Review Board's database".
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param value the token's value
 * @param value_len length of `value` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param options the site of the request; NULL: the global site
 * @param verdict receives the verdict; `RBTOKEN_VERDICT_REFUSED` on failure
 * @param token receives the token if the verdict is `RBTOKEN_VERDICT_OK`, else NULL; to be
 *         released with `rbtoken_token_release()`
 * @param refused receives the rejected token if the verdict is `RBTOKEN_VERDICT_INVALID`,
 *         `_EXPIRED` or `_WRONG_SITE`, else NULL; to be released in the same way; may be NULL
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK there is a verdict
 * @retval RBTOKEN_E_INVALID_ARGUMENT the site's name is malformed, the mode is unknown, or a field
 *         is set that its mode does not use
 * @retval other the status of the host's clock, unchanged
 * @since 0.1.0
 * @ingroup login
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
 * Removes the cached logins of a token, so that the next login with it queries the database. Call
 * it when another program has revoked the token, as soon as the database that the store uses has
 * that change. Revocation through this store does the same automatically. Without
 * `login_cache_secs` there is nothing to remove.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param value the value of the token; NULL with a length of 0: all cached logins are removed
 * @param value_len length of `value` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the cached logins were removed
 * @retval RBTOKEN_E_INVALID_ARGUMENT the value is empty
 * @since 0.2.0
 * @ingroup login
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_forget_logins(struct rbtoken_store_t *store,
                                             const char *value,
                                             size_t value_len,
                                             struct rbtoken_error_t **error);

/**
 * Logs a caller in with the value of an `Authorization` header: the word `token` in lower case,
 * one space, and the token's value, without spaces. If the first word is another one, the verdict
 * is `RBTOKEN_VERDICT_NOT_A_TOKEN`, and the host can try other kinds of login. If the value is
 * missing or contains spaces, the verdict is `RBTOKEN_VERDICT_UNKNOWN`.
 *
 * **The status is not the verdict:** `RBTOKEN_OK` means that there is a verdict, not that the
 * caller is logged in. Check `*verdict`. Everything else is the same as for
 * `rbtoken_store_authenticate()`.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param header the value of the header, as received
 * @param header_len length of `header` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param options the site of the request; NULL: the global site
 * @param verdict receives the verdict; `RBTOKEN_VERDICT_REFUSED` on failure
 * @param token receives the token if the verdict is `RBTOKEN_VERDICT_OK`, else NULL; to be
 *         released with `rbtoken_token_release()`
 * @param refused receives the rejected token if the verdict is `RBTOKEN_VERDICT_INVALID`,
 *         `_EXPIRED` or `_WRONG_SITE`, else NULL; to be released in the same way; may be NULL
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK there is a verdict
 * @retval RBTOKEN_E_INVALID_ARGUMENT the site's name is malformed, the mode is unknown, or a field
 *         is set that its mode does not use
 * @retval other the status of the host's clock, unchanged
 * @since 0.1.0
 * @ingroup login
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
 * Changes fields of a token, whether it is usable or not. `last_updated` is set to the current
 * time, and the *updated* event is fired. Existing handles do not change.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param id the token's id
 * @param update the changes
 * @param token receives the changed token, to be released with `rbtoken_token_release()`; NULL on
 *         failure; may be NULL
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the token was changed
 * @retval RBTOKEN_E_NOT_FOUND no token has this id
 * @retval RBTOKEN_E_INVALID_ARGUMENT a mode is unknown, or a field is set that its mode does not
 *         use
 * @retval RBTOKEN_E_TIME_RANGE the expiration is outside the years 1 to 9999
 * @retval RBTOKEN_E_POLICY the policy breaks a rule; the error's JSON path shows where
 * @retval other the status of the host's clock, unchanged
 * @since 0.1.0
 * @ingroup tokens
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_update_token(struct rbtoken_store_t *store,
                                            int64_t id,
                                            const struct rbtoken_token_update_t *update,
                                            struct rbtoken_token_t **token,
                                            struct rbtoken_error_t **error);

/**
 * Invalidates the token with a value. This is final: nothing makes the token valid again. If the
 * token is already invalid, the date and the reason are overwritten. The *invalidated* event is
 * fired.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param value the token's value
 * @param value_len length of `value` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param reason the reason, for people, at most 1 MiB; NULL with a length of 0: the empty text
 * @param reason_len length of `reason` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the token was invalidated
 * @retval RBTOKEN_E_NOT_FOUND no token has this value
 * @retval RBTOKEN_E_INVALID_ARGUMENT the value is empty
 * @retval other the status of the host's clock, unchanged
 * @since 0.1.0
 * @ingroup tokens
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
 * Invalidates the token with an id, as `rbtoken_store_invalidate_token()` does.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param id the token's id
 * @param reason the reason, for people, at most 1 MiB; NULL with a length of 0: the empty text
 * @param reason_len length of `reason` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the token was invalidated
 * @retval RBTOKEN_E_NOT_FOUND no token has this id
 * @retval other the status of the host's clock, unchanged
 * @since 0.1.0
 * @ingroup tokens
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_invalidate_token_by_id(struct rbtoken_store_t *store,
                                                      int64_t id,
                                                      const char *reason,
                                                      size_t reason_len,
                                                      struct rbtoken_error_t **error);

/**
 * Invalidates all tokens of a user, on every site. The *invalidated* event is fired for each.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param user the user's name
 * @param user_len length of `user` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param reason the reason, for people, at most 1 MiB; NULL with a length of 0: the empty text
 * @param reason_len length of `reason` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param count receives the number of the user's tokens; 0 on failure; may be NULL
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the user's tokens, if any, were invalidated
 * @retval RBTOKEN_E_NOT_FOUND on Review Board's database: there is no such user
 * @retval RBTOKEN_E_INVALID_ARGUMENT the name is empty
 * @retval other the status of the host's clock, unchanged
 * @since 0.1.0
 * @ingroup tokens
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
 * Invalidates all tokens of all users, on every site. The *invalidated* event is fired for each.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param reason the reason, for people, at most 1 MiB; NULL with a length of 0: the empty text
 * @param reason_len length of `reason` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param count receives the number of tokens; 0 on failure; may be NULL
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK all tokens were invalidated
 * @retval other the status of the host's clock, unchanged
 * @since 0.1.0
 * @ingroup tokens
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_invalidate_all_tokens(struct rbtoken_store_t *store,
                                                     const char *reason,
                                                     size_t reason_len,
                                                     uint64_t *count,
                                                     struct rbtoken_error_t **error);

/**
 * Deletes a token. The *deleted* event is fired. Existing handles stay readable.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param id the token's id
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the token was deleted
 * @retval RBTOKEN_E_NOT_FOUND no token has this id
 * @since 0.1.0
 * @ingroup tokens
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_delete_token(struct rbtoken_store_t *store,
                                            int64_t id,
                                            struct rbtoken_error_t **error);

/**
 * Deletes the tokens that were invalidated or expired before a time. If a token is invalid without
 * a date, the time of its creation counts. The *deleted* event is fired for each.
 *
 * On Review Board's database, up to 1,000 tokens are deleted at a time. If the call fails, those
 * that were deleted before stay deleted.
 *
 * An invalid or expired token stays in the store, and in its memory, until it is deleted or
 * purged, so that a login can report why it was rejected. A host that runs for a long time should
 * call this regularly, for example once a day with the time of a month ago. The store's memory
 * then grows only with the number of usable tokens.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param dead_before_us microseconds since the Unix epoch, UTC; a future time counts as the
 *         current time, so usable tokens are never deleted
 * @param count receives the number of deleted tokens; 0 on failure; may be NULL
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the tokens were deleted
 * @retval RBTOKEN_E_TIME_RANGE the time is outside the years 1 to 9999
 * @retval other the status of the host's clock, unchanged
 * @since 0.1.0
 * @ingroup tokens
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_purge_tokens(struct rbtoken_store_t *store,
                                            int64_t dead_before_us,
                                            uint64_t *count,
                                            struct rbtoken_error_t **error);

/**
 * Adds event callbacks to a store, after those that it already has.
 *
 * `destroy` is called exactly once: when the hooks are removed and their last running call has
 * ended, when the store closes, or before this function returns if it fails. Hooks that hold a
 * reference to their own store keep it open until they are removed.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param hooks the callbacks
 * @param hooks_id receives the id for `rbtoken_store_remove_hooks()`, 1 or more; 0 on failure
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the hooks are registered
 * @since 0.1.0
 * @ingroup hooks
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_add_hooks(struct rbtoken_store_t *store,
                                         const struct rbtoken_hooks_t *hooks,
                                         uint64_t *hooks_id,
                                         struct rbtoken_error_t **error);

/**
 * Removes event callbacks from a store. They are not called for events that happen after this
 * function has returned. It does not wait for running calls, so it can be called from a callback.
 * A thread may still call one for an event that happened before. `destroy` is called when the last
 * running call ends, or before this returns if there is none.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param hooks_id an id from `rbtoken_store_add_hooks()`
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the hooks were removed
 * @retval RBTOKEN_E_NOT_FOUND the store has no hooks with this id
 * @since 0.1.0
 * @ingroup hooks
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_remove_hooks(struct rbtoken_store_t *store,
                                            uint64_t hooks_id,
                                            struct rbtoken_error_t **error);

/**
 * Adds a token generator to a store. It is used when `rbtoken_generate_options_t` names its id, or
 * after it was made the default.
 *
 * `destroy` is called exactly once. If this function fails, `destroy` is called before the
 * function returns. Otherwise it is called after the store has closed or its instance has shut
 * down, as soon as no call of the generator is running.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param generator_id the id, 1 to 255 characters, which no other generator of the store may have.
 *         An exception is `legacy_sha1`: the library's own generator of that name cannot create
 *         values, and can be replaced once.
 * @param generator_id_len length of `generator_id` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param generator the callbacks
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the generator was added
 * @retval RBTOKEN_E_EXISTS a generator with this id already exists
 * @retval RBTOKEN_E_INVALID_ARGUMENT the id is empty
 * @since 0.1.0
 * @ingroup generator
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_add_generator(struct rbtoken_store_t *store,
                                             const char *generator_id,
                                             size_t generator_id_len,
                                             const struct rbtoken_generator_t *generator,
                                             struct rbtoken_error_t **error);

/**
 * Sets the default generator. It creates the values of client tokens, and of other tokens if their
 * options have no `generator_id`.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param generator_id the id of a generator that the store has
 * @param generator_id_len length of `generator_id` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the default was changed
 * @retval RBTOKEN_E_GENERATION the store has no such generator
 * @since 0.1.0
 * @ingroup generator
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_set_default_generator(struct rbtoken_store_t *store,
                                                     const char *generator_id,
                                                     size_t generator_id_len,
                                                     struct rbtoken_error_t **error);

/**
 * Sets the deprecated generators, and replaces those that were set before. The default is
 * `legacy_sha1`. Tokens of deprecated generators can still be used.
 *
 * `[thread-safe]`
 *
 * @param store the store
 * @param generator_ids `count` NUL-terminated ids, which need not be known; NULL with a `count` of
 *         0: none
 * @param count the number of ids, at most 65536
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the deprecated generators were changed
 * @retval RBTOKEN_E_INVALID_ARGUMENT an id is empty
 * @since 0.1.0
 * @ingroup generator
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_store_set_deprecated_generators(struct rbtoken_store_t *store,
                                                         const char *const *generator_ids,
                                                         size_t count,
                                                         struct rbtoken_error_t **error);

/**
 * Creates a service account. It is not stored anywhere.
 *
 * `[thread-safe]`
 *
 * @param options the account's properties
 * @param account receives the account, to be freed with `rbtoken_service_account_free()`; NULL on
 *         failure
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the account was created
 * @retval RBTOKEN_E_INVALID_ARGUMENT the id is malformed, the user's name is empty, the expiration
 *         is not positive, a mode is unknown, or a field is set that its mode does not use
 * @retval RBTOKEN_E_POLICY the policy breaks a rule; the error's JSON path shows where
 * @since 0.1.0
 * @ingroup service_account
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_service_account_new(const struct rbtoken_service_account_options_t *options,
                                             struct rbtoken_service_account_t **account,
                                             struct rbtoken_error_t **error);

/**
 * Returns the API token of a service account. It creates one only if there is no suitable token,
 * as `rbtoken_store_get_or_create_client_token()` does for a client named `ID_vVERSION`, such as
 * `bot_v1`. Tokens of deprecated generators are skipped. If the lifetime of new tokens is shorter
 * than the minimum validity, an existing token only has to be valid now.
 *
 * **Whoever can call this can act as the account's user, because it returns the secret.**
 *
 * `[thread-safe]`
 *
 * @param account the account
 * @param store the store
 * @param options the Local Site and the minimum validity; NULL: all defaults
 * @param token receives the token, to be released with `rbtoken_token_release()`; NULL on failure
 * @param created receives whether the token is new; false on failure; may be NULL
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the token was returned
 * @retval RBTOKEN_E_INVALID_ARGUMENT the site's name is malformed, a mode is unknown, or a field
 *         is set that its mode does not use
 * @retval RBTOKEN_E_TIME_RANGE the expiration, or the current time plus the minimum validity, is
 *         after the year 9999
 * @retval RBTOKEN_E_NOT_FOUND there is no such Local Site or, on Review Board's database, no such
 *         user
 * @retval RBTOKEN_E_POLICY the account's policy has an id that is not registered in the store
 * @retval RBTOKEN_E_UNSUPPORTED the store's default generator cannot create values
 * @retval RBTOKEN_E_GENERATION no unique value could be generated
 * @retval other the status of a callback of the host, unchanged
 * @since 0.1.0
 * @ingroup service_account
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
 * Frees a service account. Its tokens are kept.
 *
 * `[exclusive]`
 *
 * @param account an account, which must not be used afterwards; NULL does nothing
 * @since 0.1.0
 * @ingroup service_account
 */
RBTOKEN_API void rbtoken_service_account_free(struct rbtoken_service_account_t *account);

/**
 * Adds a reference to a token. Release each reference with `rbtoken_token_release()`. To keep a
 * token of a list, or one that a hook received, add a reference.
 *
 * `[thread-safe]`
 *
 * @param token a token; NULL is allowed
 * @return the same token; NULL for NULL
 * @since 0.1.0
 * @ingroup token
 */
RBTOKEN_API struct rbtoken_token_t *rbtoken_token_retain(const struct rbtoken_token_t *token);

/**
 * Releases a reference to a token. The last release frees the texts that were read from it.
 *
 * `[thread-safe]`
 *
 * @param token a token; after the call, use it only if you have another reference; NULL does
 *         nothing
 * @since 0.1.0
 * @ingroup token
 */
RBTOKEN_API void rbtoken_token_release(struct rbtoken_token_t *token);

/**
 * Returns the id of a token. The store never uses an id twice. It may skip some: a store in a file
 * skips up to 1,000 after its host was killed.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @return the id, 1 or more; 0 for NULL
 * @since 0.1.0
 * @ingroup token
 */
RBTOKEN_API int64_t rbtoken_token_id(const struct rbtoken_token_t *token);

/**
 * Returns the value of a token: the secret. Do not log it; log `rbtoken_token_redacted()`.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param len receives the length in bytes, without the NUL; may be NULL
 * @return the value; valid until the token is released; NULL for NULL
 * @since 0.1.0
 * @ingroup token
 */
RBTOKEN_API const char *rbtoken_token_value(const struct rbtoken_token_t *token, size_t *len);

/**
 * Returns a name for the token that can be logged: its token type and its id, such as
 * `rbp_***#17`. If the value does not have the format of `vendor_checksum`, the name is `***#17`.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param len receives the length in bytes, without the NUL; may be NULL
 * @return the name; valid until the token is released; NULL for NULL
 * @since 0.1.0
 * @ingroup token
 */
RBTOKEN_API const char *rbtoken_token_redacted(const struct rbtoken_token_t *token, size_t *len);

/**
 * Returns the name of the token's owner.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param len receives the length in bytes, without the NUL; may be NULL
 * @return the name; valid until the token is released; NULL for NULL
 * @since 0.1.0
 * @ingroup token
 */
RBTOKEN_API const char *rbtoken_token_user(const struct rbtoken_token_t *token, size_t *len);

/**
 * Returns the Local Site of a token.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param len receives the length in bytes, without the NUL; may be NULL
 * @return the name of the Local Site; valid until the token is released; NULL for the global site,
 *         or for NULL
 * @since 0.1.0
 * @ingroup token
 */
RBTOKEN_API const char *rbtoken_token_local_site(const struct rbtoken_token_t *token, size_t *len);

/**
 * Returns the client name of a token: the string `client_name` of its extra data.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param len receives the length in bytes, without the NUL; may be NULL
 * @return the client name; valid until the token is released; NULL if there is none, or for NULL
 * @since 0.1.0
 * @ingroup token
 */
RBTOKEN_API const char *rbtoken_token_client_name(const struct rbtoken_token_t *token, size_t *len);

/**
 * Returns the note of a token, for people.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param len receives the length in bytes, without the NUL; may be NULL
 * @return the note, which can be empty; valid until the token is released; NULL for NULL
 * @since 0.1.0
 * @ingroup token
 */
RBTOKEN_API const char *rbtoken_token_note(const struct rbtoken_token_t *token, size_t *len);

/**
 * Returns the id of the generator that created the value, such as `vendor_checksum`.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param len receives the length in bytes, without the NUL; may be NULL
 * @return the id; valid until the token is released; NULL for NULL
 * @since 0.1.0
 * @ingroup token
 */
RBTOKEN_API
const char *rbtoken_token_generator_id(const struct rbtoken_token_t *token,
                                       size_t *len);

/**
 * Returns the policy of a token as JSON, as Python's `json.dumps(…, sort_keys=True)` writes it.
 * For a token that is or was in Review Board's database, it returns the stored text, which need
 * not be JSON.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param len receives the length in bytes, without the NUL; may be NULL
 * @return the document, which is `{}` for full access; valid until the token is released; NULL for
 *         NULL
 * @since 0.1.0
 * @ingroup token
 */
RBTOKEN_API const char *rbtoken_token_policy(const struct rbtoken_token_t *token, size_t *len);

/**
 * Returns the extra data of a token as a JSON object, as Python's `json.dumps(…, sort_keys=True)`
 * writes it. For a token that is or was in Review Board's database, it returns the stored text,
 * which need not be JSON.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param len receives the length in bytes, without the NUL; may be NULL
 * @return the document; valid until the token is released; NULL for NULL
 * @since 0.1.0
 * @ingroup token
 */
RBTOKEN_API const char *rbtoken_token_extra_data(const struct rbtoken_token_t *token, size_t *len);

/**
 * Returns the reason why a token was invalidated.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param len receives the length in bytes, without the NUL; may be NULL
 * @return the reason, which can be empty; valid until the token is released; NULL for NULL
 * @since 0.1.0
 * @ingroup token
 */
RBTOKEN_API
const char *rbtoken_token_invalid_reason(const struct rbtoken_token_t *token,
                                         size_t *len);

/**
 * Returns when a token expires.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param time_us receives microseconds since the Unix epoch, UTC; 0 if the function returns false;
 *         may be NULL
 * @return true if the token expires; false if it never does, or for NULL
 * @since 0.1.0
 * @ingroup token
 */
RBTOKEN_API bool rbtoken_token_expires(const struct rbtoken_token_t *token, int64_t *time_us);

/**
 * Returns when a token was created.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param time_us receives microseconds since the Unix epoch, UTC; 0 if the function returns false;
 *         may be NULL
 * @return true; false for NULL
 * @since 0.1.0
 * @ingroup token
 */
RBTOKEN_API bool rbtoken_token_time_added(const struct rbtoken_token_t *token, int64_t *time_us);

/**
 * Returns when a token was last changed. Logins and invalidation do not count.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param time_us receives microseconds since the Unix epoch, UTC; 0 if the function returns false;
 *         may be NULL
 * @return true; false for NULL
 * @since 0.1.0
 * @ingroup token
 */
RBTOKEN_API bool rbtoken_token_last_updated(const struct rbtoken_token_t *token, int64_t *time_us);

/**
 * Returns when a token was last used for a login. The token that a login returns already has the
 * time of that login, if the login sets `last_used`.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param time_us receives microseconds since the Unix epoch, UTC; 0 if the function returns false;
 *         may be NULL
 * @return true if it was ever used; false for NULL
 * @since 0.1.0
 * @ingroup token
 */
RBTOKEN_API bool rbtoken_token_last_used(const struct rbtoken_token_t *token, int64_t *time_us);

/**
 * Returns when a token was invalidated.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param time_us receives microseconds since the Unix epoch, UTC; 0 if the function returns false;
 *         may be NULL
 * @return true if it was invalidated and the time is known; false for NULL
 * @since 0.1.0
 * @ingroup token
 */
RBTOKEN_API bool rbtoken_token_invalid_date(const struct rbtoken_token_t *token, int64_t *time_us);

/**
 * Returns whether a token was invalidated, which is final.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @return true if it was; false for NULL
 * @since 0.1.0
 * @ingroup token
 */
RBTOKEN_API bool rbtoken_token_is_invalidated(const struct rbtoken_token_t *token);

/**
 * Returns whether a token is expired at a time.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @param at_us microseconds since the Unix epoch, UTC
 * @return true if the token expires at or before this time; false for NULL
 * @since 0.1.0
 * @ingroup token
 */
RBTOKEN_API bool rbtoken_token_is_expired(const struct rbtoken_token_t *token, int64_t at_us);

/**
 * Returns whether the token's generator was deprecated at the time of the snapshot.
 *
 * `[immutable]`
 *
 * @param token a token; NULL is allowed
 * @return true if it was; false for NULL
 * @since 0.1.0
 * @ingroup token
 */
RBTOKEN_API bool rbtoken_token_is_deprecated(const struct rbtoken_token_t *token);

/**
 * Returns a token as a JSON object with the fields that Review Board's web API has for tokens:
 * `deprecated`, `expired`, `expires`, `extra_data`, `id`, `invalid_date`, `invalid_reason`,
 * `last_updated`, `last_used`, `note`, `policy`, `time_added`, `token` (only if requested),
 * `token_generator_id`, `valid`. Times are ISO 8601 with the offset `+00:00`, or null.
 *
 * Members of `extra_data` whose names start with `__` are private and left out, at every depth of
 * nested objects. Objects in a list are written whole, as in Review Board 8.1. Stored documents
 * that are not JSON are converted to JSON; `policy` is null if its text is neither JSON nor a
 * Python literal.
 *
 * `[immutable]`
 *
 * @param token the token
 * @param at_us the time for `expired`: microseconds since the Unix epoch, UTC
 * @param flags `RBTOKEN_JSON_WITH_VALUE`, or 0 to leave out `token`, so that the document is not
 *         secret
 * @param json receives the document, to be freed with `rbtoken_buffer_free()`; NULL on failure
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the document was returned
 * @retval RBTOKEN_E_INVALID_ARGUMENT a flag is unknown
 * @retval RBTOKEN_E_TIME_RANGE the time is outside the years 1 to 9999
 * @since 0.1.0
 * @ingroup token
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_token_to_json(const struct rbtoken_token_t *token,
                                       int64_t at_us,
                                       uint32_t flags,
                                       struct rbtoken_buffer_t **json,
                                       struct rbtoken_error_t **error);

/**
 * Returns the number of tokens in a list.
 *
 * `[immutable]`
 *
 * @param list a list; NULL is allowed
 * @return the number; 0 for NULL
 * @since 0.1.0
 * @ingroup token
 */
RBTOKEN_API size_t rbtoken_token_list_count(const struct rbtoken_token_list_t *list);

/**
 * Returns a token of a list. The list owns it: it is valid until the list is freed, or longer if
 * the host adds a reference with `rbtoken_token_retain()`.
 *
 * `[immutable]`
 *
 * @param list a list; NULL is allowed
 * @param index 0 for the first token
 * @return the token, which the host must not release; NULL after the last one, or for NULL
 * @since 0.1.0
 * @ingroup token
 */
RBTOKEN_API
const struct rbtoken_token_t *rbtoken_token_list_get(const struct rbtoken_token_list_t *list,
                                                     size_t index);

/**
 * Frees a list. Tokens that the host retained stay valid.
 *
 * `[exclusive]`
 *
 * @param list a list, which must not be used afterwards; NULL does nothing
 * @since 0.1.0
 * @ingroup token
 */
RBTOKEN_API void rbtoken_token_list_free(struct rbtoken_token_list_t *list);

/**
 * Checks whether a token's policy allows an HTTP method on a resource. It uses the policy of the
 * snapshot, and does not check whether the token is usable: `rbtoken_store_authenticate()` does
 * that.
 *
 * In this policy, the resource `42` has rules, `*` under the policy id `review_request` has rules,
 * and `*` at the top has rules:
 *
 * ```json
 * {"resources": {"review_request": {"42": {"block": ["DELETE"]}, "*": {"allow": ["GET"]}},
 *                "*": {"block": ["*"]}}}
 * ```
 *
 * The rules are checked in this order: those of the resource, those of `*` under the policy id,
 * those of `*` at the top. The first of them that mention the method or `*` decide. Their entries
 * are checked in this order: the method in `block`, the method in `allow`, `*` in `block`, `*` in
 * `allow`. If no rules mention the method or `*`, the method is allowed. The time of a check does
 * not depend on the size of the policy.
 *
 * A token that is or was in Review Board's database can have a malformed policy, or a row that
 * cannot be read. Such a token is allowed nothing: the status is `RBTOKEN_E_CORRUPT`, and the
 * message names the token and the column.
 *
 * `[immutable]`
 *
 * @param token the token
 * @param policy_id the policy id of the resource, such as `review_request`
 * @param policy_id_len length of `policy_id` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param method the HTTP method in upper-case letters, such as `GET`
 * @param method_len length of `method` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param resource_id the resource's id; NULL with a length of 0: none
 * @param resource_id_len length of `resource_id` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param allowed receives the result; false on failure
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the policy was checked
 * @retval RBTOKEN_E_INVALID_ARGUMENT the method has characters other than A to Z, or the policy id
 *         is empty, `*`, or not registered
 * @retval RBTOKEN_E_CORRUPT the stored policy is malformed, or the token's row cannot be read
 * @since 0.1.0
 * @ingroup policy
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
 * Parses and validates a policy document.
 *
 * `[thread-safe]`
 *
 * @param store the store whose registered policy ids are allowed, in the document and for
 *         `rbtoken_policy_allows()`; NULL: any id is allowed
 * @param document the policy as JSON; `{}` is full access
 * @param document_len length of `document` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param policy receives the policy, to be freed with `rbtoken_policy_free()`; NULL on failure
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the policy is valid
 * @retval RBTOKEN_E_POLICY the policy breaks a rule; the error's JSON path shows where
 * @since 0.1.0
 * @ingroup policy
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_policy_parse(struct rbtoken_store_t *store,
                                      const char *document,
                                      size_t document_len,
                                      struct rbtoken_policy_t **policy,
                                      struct rbtoken_error_t **error);

/**
 * Checks whether a policy allows an HTTP method on a resource, as `rbtoken_token_allows()` does.
 *
 * `[immutable]`
 *
 * @param policy the policy
 * @param policy_id the policy id of the resource, such as `review_request`
 * @param policy_id_len length of `policy_id` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param method the HTTP method in upper-case letters, such as `GET`
 * @param method_len length of `method` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param resource_id the resource's id; NULL with a length of 0: none
 * @param resource_id_len length of `resource_id` in bytes, or `RBTOKEN_NUL_TERMINATED`
 * @param allowed receives the result; false on failure
 * @param error receives the error on failure; may be NULL
 * @retval RBTOKEN_OK the policy was checked
 * @retval RBTOKEN_E_INVALID_ARGUMENT the method has characters other than A to Z, or the policy id
 *         is empty, `*`, or not registered
 * @since 0.1.0
 * @ingroup policy
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
 * @param policy a policy, which must not be used afterwards; NULL does nothing
 * @since 0.1.0
 * @ingroup policy
 */
RBTOKEN_API void rbtoken_policy_free(struct rbtoken_policy_t *policy);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* RBTOKEN_H */

/* The tables for hosts that load the library at run time. Define RBTOKEN_NO_EXTENSION before
 * including this header if you use a copy of it alone. */
#ifndef RBTOKEN_NO_EXTENSION
#  include "rbtoken_extension.h"
#endif
