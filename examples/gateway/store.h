/* The store of tokens.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef STORE_H
#define STORE_H

#include <rbtoken.h>
#include <stdbool.h>

/* Opens the store, and imports the tokens of a file. Each argument may be NULL. On failure prints
 * the reason and returns NULL. */
rbtoken_store_t *open_store(const char *location, const char *settings, const char *tokens);

#endif
