#ifndef OTHER_HPP
#define OTHER_HPP

#include <rbtoken.h>

/* Returns the number of tokens after creating one. Parts of the program that are compiled with
 * and without exceptions exchange C handles. */
unsigned count_tokens_elsewhere(rbtoken_store_t *store);

#endif
