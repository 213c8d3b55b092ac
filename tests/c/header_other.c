/* The second translation unit. */
#include "rbtoken.h"

const char *header_other(rbtoken_client_token_options_t *options);

const char *header_other(rbtoken_client_token_options_t *options)
{
    /* The macros are expressions. */
    return RBTOKEN_INIT(options), RBTOKEN_SET_STR(options, local_site, "north"),
           options->local_site;
}
