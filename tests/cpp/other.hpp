#ifndef OTHER_HPP
#define OTHER_HPP

#include <rbtoken.h>

/* The number of tokens after one more was made. The parts of a program that are compiled with and
 * without exceptions pass each other C handles. */
unsigned count_tokens_elsewhere(rbtoken_store_t *store);

#endif
