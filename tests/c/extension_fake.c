/* Invalid shared objects that a host must reject; FAKE selects the defect. */
#include "rbtoken.h"

#define NO_ENTRY 1        /* an unrelated library */
#define ENTRY_V2 2        /* has a newer major version */
#define FAILING 3         /* its entry function fails */
#define NO_TABLE 4        /* its entry function returns no table */
#define SHORT_EXTENSION 5 /* its extension table lacks the last member */
#define NO_NAME 6         /* its metadata is missing */
#define NO_FUNCTION 7     /* its extension table has a NULL member */
#define NO_INTERFACE 8    /* it has no interfaces */
#define SHORT_INTERFACE 9 /* its interfaces lack the last member */

#if FAKE == NO_ENTRY
int something_else(void);
int something_else(void)
{
    return 0;
}
#elif FAKE == ENTRY_V2
rbtoken_status_t rbtoken_extension_entry_v2(uint32_t minor, const void **extension);
rbtoken_status_t rbtoken_extension_entry_v2(uint32_t minor, const void **extension)
{
    (void)minor;
    *extension = NULL;
    return RBTOKEN_OK;
}
#else

static rbtoken_status_t create(const rbtoken_host_v1_t *host, rbtoken_instance_t **instance,
                               rbtoken_error_t **error)
{
    (void)host;
    (void)error;
    *instance = NULL;
    return RBTOKEN_E_INTERNAL;
}

static rbtoken_status_t configure(rbtoken_instance_t *instance, const char *settings, size_t len,
                                  rbtoken_error_t **error)
{
    (void)instance;
    (void)settings;
    (void)len;
    (void)error;
    return RBTOKEN_E_INTERNAL;
}

static rbtoken_status_t step(rbtoken_instance_t *instance, rbtoken_error_t **error)
{
    (void)instance;
    (void)error;
    return RBTOKEN_E_INTERNAL;
}

static void destroy(rbtoken_instance_t *instance)
{
    (void)instance;
}

static rbtoken_status_t get_store(rbtoken_instance_t *instance, rbtoken_store_t **store,
                                  rbtoken_error_t **error)
{
    (void)instance;
    (void)error;
    *store = NULL;
    return RBTOKEN_E_INTERNAL;
}

static rbtoken_status_t get_settings(rbtoken_instance_t *instance, rbtoken_buffer_t **settings,
                                     rbtoken_error_t **error)
{
    (void)instance;
    (void)error;
    *settings = NULL;
    return RBTOKEN_E_INTERNAL;
}

static const char *get_settings_schema(void)
{
    return "{}";
}

static const void *get_interface(const char *name)
{
    /* The right type for the first interface, but too short. */
    static const struct {
        size_t struct_size;
        void (*members[4])(void);
    } table = {sizeof table, {0}};

    (void)name;
    return FAKE == NO_INTERFACE ? NULL : &table;
}

static const rbtoken_extension_v1_t EXTENSION = {
    FAKE == SHORT_EXTENSION ? sizeof EXTENSION - sizeof(void *) : sizeof EXTENSION,
    "rbtoken",
    FAKE == NO_NAME ? NULL : "A fake",
    "0.1.0",
    "nobody",
    "MIT",
    "To be seen through",
    "https://example.com/",
    create,
    configure,
    FAKE == NO_FUNCTION ? NULL : step,
    step,
    destroy,
    get_store,
    get_settings,
    get_settings_schema,
    get_interface,
};

rbtoken_status_t rbtoken_extension_entry_v1(uint32_t minor,
                                            const rbtoken_extension_v1_t **extension)
{
    (void)minor;
    *extension = FAKE == NO_TABLE ? NULL : &EXTENSION;
    return FAKE == FAILING ? RBTOKEN_E_UNSUPPORTED : RBTOKEN_OK;
}
#endif
