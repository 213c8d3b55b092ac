/* The second part of alone.cpp. */
#include "other.hpp"

#include <rbtoken.hpp>

unsigned count_tokens_elsewhere(rbtoken_store_t *lent)
{
    const auto store = rbtoken::Store::share(lent);
    if (!store.generate_token("alice")) return 0;
    return static_cast<unsigned>(store.token_count().value_or(0U));
}
