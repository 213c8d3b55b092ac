/* Must not compile with -Werror=unused-result if STATUS_IGNORED is defined. */
#include "rbtoken.h"

int main(void)
{
    rbtoken_store_t *store;

#ifdef STATUS_IGNORED
    rbtoken_store_open(NULL, &store, NULL);
#else
    if (rbtoken_store_open(NULL, &store, NULL) != RBTOKEN_OK)
        return 1;
#endif
    rbtoken_store_release(store);
    return 0;
}
