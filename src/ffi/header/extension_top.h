/* Rendered from src/extension by build.rs. Do not edit: change the source, then run
 *     RBTOKEN_UPDATE=1 cargo build
 * SPDX-License-Identifier: MIT
 */

/**
 * @file rbtoken_extension.h
 * Function tables for hosts that load the library at run time.
 *
 * A host that links the library calls the functions of rbtoken.h and does not need this header. A
 * host that loads the library with dlopen() looks up one symbol, rbtoken_extension_entry_v1(),
 * which returns the extension table:
 *
 * 1. `create` makes an instance. The host can pass a table of services: a log, a clock, and a
 *    source of random bytes.
 * 2. `configure` takes the settings as a JSON object; `initialize` opens the store.
 * 3. `get_store` returns the store, and `get_interface` returns tables of the functions of
 *    rbtoken.h, one for each kind of object: `get_interface("rbtoken.store/1")` returns an
 *    rbtoken_store_interface_v1_t.
 * 4. `shutdown` closes the store, and `destroy` frees the instance.
 *
 * examples/host/minimal.c is a whole program. Statuses, errors, text and ownership are as in
 * rbtoken.h. The library stays loaded after dlclose().
 */
