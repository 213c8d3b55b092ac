/* Helpers for the tests of the plugin interface. They are not linked with the library, and load
 * the one named on their command line. */
#ifndef EXTENSION_H
#define EXTENSION_H

#include "deadline.h"
#include "rbtoken.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const rbtoken_extension_v1_t *extension;
static const rbtoken_about_interface_v1_t *about;
static const rbtoken_error_interface_v1_t *errors;
static const rbtoken_buffer_interface_v1_t *buffers;
static const rbtoken_store_interface_v1_t *stores;
static const rbtoken_hooks_interface_v1_t *hooks;
static const rbtoken_generator_interface_v1_t *generators;
static const rbtoken_token_interface_v1_t *tokens;
static const rbtoken_token_list_interface_v1_t *lists;

/* Ends the program with a message if a condition is false. */
#define CHECK(condition)                                                            \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            exit(EXIT_FAILURE);                                                     \
        }                                                                           \
    } while (0)

/* Ends the program with a message if a call returns another status. */
#define CHECK_STATUS(expected, call)                                                             \
    do {                                                                                         \
        rbtoken_status_t status_ = (call);                                                       \
        if (status_ != (expected)) {                                                             \
            fprintf(stderr, "%s:%d: status %" PRId32 " instead of %s: %s\n", __FILE__, __LINE__, \
                    status_, #expected, #call);                                                  \
            exit(EXIT_FAILURE);                                                                  \
        }                                                                                        \
    } while (0)

#define CHECK_OK(call) CHECK_STATUS(RBTOKEN_OK, call)

/* Reports a proved rule. */
#define OK(rule) printf("ok %s\n", rule)

#define INTERFACE(name, type) (const type *)extension->get_interface("rbtoken." name "/1")

/* Loads the library and finds its tables. */
static inline void *load(int argc, char **argv)
{
    rbtoken_status_t (*entry)(uint32_t, const rbtoken_extension_v1_t **);
    void *handle, *symbol;

    CHECK(argc == 2);
    handle = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    CHECK(handle != NULL);
    symbol = dlsym(handle, "rbtoken_extension_entry_v1");
    CHECK(symbol != NULL);
    memcpy(&entry, &symbol, sizeof entry);
    CHECK_OK(entry(RBTOKEN_EXTENSION_MINOR, &extension));
    about = INTERFACE("about", rbtoken_about_interface_v1_t);
    errors = INTERFACE("error", rbtoken_error_interface_v1_t);
    buffers = INTERFACE("buffer", rbtoken_buffer_interface_v1_t);
    stores = INTERFACE("store", rbtoken_store_interface_v1_t);
    hooks = INTERFACE("hooks", rbtoken_hooks_interface_v1_t);
    generators = INTERFACE("generator", rbtoken_generator_interface_v1_t);
    tokens = INTERFACE("token", rbtoken_token_interface_v1_t);
    lists = INTERFACE("token_list", rbtoken_token_list_interface_v1_t);
    CHECK(about && errors && buffers && stores && hooks && generators && tokens && lists);
    return handle;
}

/* An instance that is initialized with default settings, and its store. */
static inline rbtoken_store_t *open_instance(const rbtoken_host_v1_t *host,
                                             rbtoken_instance_t **instance)
{
    rbtoken_store_t *store;

    CHECK_OK(extension->create(host, instance, NULL));
    CHECK_OK(extension->configure(*instance, NULL, 0, NULL));
    CHECK_OK(extension->initialize(*instance, NULL));
    CHECK_OK(extension->get_store(*instance, &store, NULL));
    return store;
}

static inline void close_instance(rbtoken_instance_t *instance, rbtoken_store_t *store)
{
    stores->release(store);
    extension->destroy(instance);
}

static inline rbtoken_status_t get_token(rbtoken_store_t *store, const char *client,
                                         rbtoken_token_t **token, bool *created)
{
    return stores->get_or_create_client_token(store, RBTOKEN_STR("alice"), RBTOKEN_STR(client),
                                              NULL, token, created, NULL);
}

static inline uint64_t count_of(rbtoken_store_t *store)
{
    uint64_t count;

    CHECK_OK(stores->token_count(store, &count, NULL));
    return count;
}

#endif
