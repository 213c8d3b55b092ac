/* Helpers of the C tests. */
#ifndef CHECK_H
#define CHECK_H

#include "deadline.h"
#include "rbtoken.h"

#include <stdio.h>
#include <stdlib.h>

/* Ends the program with a message if a condition is false. */
#define CHECK(condition)                                                            \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            exit(EXIT_FAILURE);                                                     \
        }                                                                           \
    } while (0)

/* Ends the program with the error's message if a call fails. `error` must be in scope. */
#define CHECK_OK(call)                                                \
    do {                                                              \
        if ((call) != RBTOKEN_OK) {                                   \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__,    \
                    rbtoken_status_name(rbtoken_error_status(error)), \
                    rbtoken_error_message(error));                    \
            exit(EXIT_FAILURE);                                       \
        }                                                             \
    } while (0)

/* Reports a proved rule. */
#define OK(rule) printf("ok %s\n", rule)

#endif
