// A callback that throws, called through the raw table: the process must end with a message. The
// second argument selects the callback.
#include "deadline.h"
#include "rbtoken.h"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

static rbtoken_status_t create(void *, const char *, uint32_t, char *, size_t, size_t *)
{
    throw std::runtime_error("a value cannot be had");
}

static rbtoken_status_t validate(void *, const char *, const char *, size_t, bool *)
{
    throw 1;
}

static void created(void *, rbtoken_store_t *, const rbtoken_token_t *, bool)
{
    throw std::runtime_error("a hook");
}

static void destroyed(void *)
{
    throw std::runtime_error("an end");
}

static rbtoken_status_t now(void *, int64_t *)
{
    throw std::runtime_error("no time");
}

static rbtoken_status_t fill(void *, uint8_t *, size_t)
{
    throw std::runtime_error("no entropy");
}

static void log_message(void *, int32_t, const char *, const char *)
{
    throw std::runtime_error("no log");
}

static void must(bool condition, const char *what)
{
    if (!condition) {
        std::fprintf(stderr, "not so: %s\n", what);
        std::exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv)
{
    must(argc == 3, "usage");
    void *handle = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    must(handle != nullptr, "the library is loaded");
    void *symbol = dlsym(handle, "rbtoken_extension_entry_v1");
    rbtoken_status_t (*entry)(uint32_t, const rbtoken_extension_v1_t **) = nullptr;
    std::memcpy(&entry, &symbol, sizeof entry);
    const rbtoken_extension_v1_t *extension = nullptr;
    must(entry != nullptr && entry(RBTOKEN_EXTENSION_MINOR, &extension) == RBTOKEN_OK, "the entry");
    const auto *stores = static_cast<const rbtoken_store_interface_v1_t *>(
        extension->get_interface("rbtoken.store/1"));
    const auto *generators = static_cast<const rbtoken_generator_interface_v1_t *>(
        extension->get_interface("rbtoken.generator/1"));
    const auto *hooks = static_cast<const rbtoken_hooks_interface_v1_t *>(
        extension->get_interface("rbtoken.hooks/1"));
    const char *which = argv[2];

    rbtoken_host_v1_t host;
    RBTOKEN_INIT(&host);
    if (std::strcmp(which, "clock") == 0) host.now = now;
    if (std::strcmp(which, "entropy") == 0) host.fill = fill;
    if (std::strcmp(which, "log") == 0) host.log = log_message;
    rbtoken_generator_t generator;
    RBTOKEN_INIT(&generator);
    generator.create = create;
    generator.validate = validate;
    rbtoken_hooks_t table;
    RBTOKEN_INIT(&table);
    if (std::strcmp(which, "hook") == 0) table.created = created;
    if (std::strcmp(which, "destroy") == 0) table.destroy = destroyed;

    // An exception that passed would be caught here, and end the process differently.
    try {
        rbtoken_instance_t *instance;
        rbtoken_store_t *store;
        rbtoken_token_t *token;
        uint64_t id;
        bool valid;
        must(extension->create(&host, &instance, nullptr) == RBTOKEN_OK, "created");
        must(extension->configure(instance, nullptr, 0, nullptr) == RBTOKEN_OK, "configured");
        must(extension->initialize(instance, nullptr) == RBTOKEN_OK, "initialized");
        must(extension->get_store(instance, &store, nullptr) == RBTOKEN_OK, "the store");
        must(generators->add_generator(store, RBTOKEN_STR("host"), &generator, nullptr) ==
                 RBTOKEN_OK,
             "the generator is added");
        must(hooks->add_hooks(store, &table, &id, nullptr) == RBTOKEN_OK, "the hooks are added");
        if (std::strcmp(which, "generator") == 0)
            must(generators->set_default_generator(store, RBTOKEN_STR("host"), nullptr) ==
                     RBTOKEN_OK,
                 "it is the default");
        rbtoken_status_t status;
        if (std::strcmp(which, "validate") == 0)
            status = stores->value_is_valid(store, RBTOKEN_STR("host"), RBTOKEN_STR("rbp"),
                                            RBTOKEN_STR("x"), &valid, nullptr);
        else if (std::strcmp(which, "destroy") == 0)
            status = extension->shutdown(instance, nullptr);
        else
            status = stores->get_or_create_client_token(store, RBTOKEN_STR("alice"),
                                                        RBTOKEN_STR("c"), nullptr, &token, nullptr,
                                                        nullptr);
        std::fprintf(stderr, "the call returned %d\n", static_cast<int>(status));
    } catch (...) {
        std::fprintf(stderr, "the exception passed through the library\n");
    }
    return EXIT_FAILURE;
}
