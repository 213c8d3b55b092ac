/* The options of the command line.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>

/* Texts are NULL if the option was not given and has no default. */
typedef struct gateway_options {
    char *location, *settings, *tokens, *sessions;
    char *listen, *metrics_listen;
    char *upstream, *upstream_authorities, *public_url; /* URLs without a slash at the end */
    char *routes, *log;
    unsigned timeout; /* in seconds */
    bool verbose;
} gateway_options;

typedef enum parsed { RUN, EXIT_DONE, EXIT_WRONG } parsed;

/* Parses the arguments, and prints help or what is wrong with them. */
parsed parse_options(int argc, char **argv, gateway_options *o);

/* Opens a socket that listens on `HOST:PORT`, and prints its address after `what` to the standard
 * output. Returns -1 after it printed the reason. */
int listen_on(const char *option, const char *address, const char *what);

#endif
