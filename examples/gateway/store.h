/* The store of tokens.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef STORE_H
#define STORE_H

#include <rbtoken.h>
#include <stdbool.h>

/* Opens the store, and imports the tokens of a file. Each text may be NULL. The library's messages
 * are counted and, if `verbose`, written to the log. On failure prints the reason and returns
 * NULL. */
rbtoken_store_t *open_store(const char *location, const char *settings, const char *tokens,
                            bool verbose);

#endif
