#include <rbtoken.h>

#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    const char settings[] = "{\"client_token_expiration\": 30}";
    rbtoken_status_t (*entry)(uint32_t, const rbtoken_extension_v1_t **) = NULL;
    const rbtoken_extension_v1_t *rbtoken;
    const rbtoken_store_interface_v1_t *stores;
    const rbtoken_token_interface_v1_t *tokens;
    rbtoken_instance_t *instance;
    rbtoken_store_t *store = NULL;
    rbtoken_token_t *token = NULL;
    void *library = dlopen(argc > 1 ? argv[1] : "librbtoken.so.0", RTLD_NOW | RTLD_LOCAL);
    void *symbol = library == NULL ? NULL : dlsym(library, "rbtoken_extension_entry_v1");

    memcpy(&entry, &symbol, sizeof entry);
    if (entry == NULL || entry(RBTOKEN_EXTENSION_MINOR, &rbtoken) != RBTOKEN_OK)
        return fprintf(stderr, "%s\n", entry == NULL ? dlerror() : "the library is too old"), 1;
    stores = rbtoken->get_interface("rbtoken.store/1");
    tokens = rbtoken->get_interface("rbtoken.token/1");

    if (rbtoken->create(NULL, &instance, NULL) == RBTOKEN_OK &&
        rbtoken->configure(instance, RBTOKEN_STR(settings), NULL) == RBTOKEN_OK &&
        rbtoken->initialize(instance, NULL) == RBTOKEN_OK &&
        rbtoken->get_store(instance, &store, NULL) == RBTOKEN_OK &&
        stores->get_or_create_client_token(store, RBTOKEN_STR("alice"), RBTOKEN_STR("RBTools"),
                                           NULL, &token, NULL, NULL) == RBTOKEN_OK)
        printf("%s of %s\n", tokens->redacted(token, NULL), tokens->user(token, NULL));
    tokens->release(token);
    stores->release(store);
    if (rbtoken->shutdown(instance, NULL) != RBTOKEN_OK)
        fprintf(stderr, "the instance could not be shut down\n");
    rbtoken->destroy(instance);
    return token == NULL;
}
