/* Settings documents: errors with status and path, and the effective settings. */
#include "extension.h"

static const struct {
    rbtoken_status_t status;
    const char *path; /* NULL: none */
    const char *settings;
} BAD[] = {
    {RBTOKEN_E_INVALID_ARGUMENT, "$.client_token_expiration", "{\"client_token_expiration\": -1}"},
    {RBTOKEN_E_JSON_TYPE, "$.client_token_expiration", "{\"client_token_expiration\": 1.5}"},
    {RBTOKEN_E_JSON_TYPE, "$.client_token_expiration", "{\"client_token_expiration\": 1.0}"},
    {RBTOKEN_E_JSON_TYPE, "$.client_token_expiration", "{\"client_token_expiration\": \"x\"}"},
    {RBTOKEN_E_JSON_TYPE, "$.client_token_expiration", "{\"client_token_expiration\": null}"},
    {RBTOKEN_E_JSON_TYPE, "$.client_token_expiration", "{\"client_token_expiration\": true}"},
    {RBTOKEN_E_INVALID_ARGUMENT, "$.client_token_expiration",
     "{\"client_token_expiration\": 3652060}"},
    {RBTOKEN_E_INVALID_ARGUMENT, "$.client_token_expiration",
     "{\"client_token_expiration\": 18446744073709551615}"},
    {RBTOKEN_E_JSON_NUMBER, "$.client_token_expiration",
     "{\"client_token_expiration\": 18446744073709551616}"},
    {RBTOKEN_E_INVALID_ARGUMENT, "$.min_validity_secs", "{\"min_validity_secs\": -1}"},
    {RBTOKEN_E_INVALID_ARGUMENT, "$.min_validity_secs", "{\"min_validity_secs\": 315537897601}"},
    {RBTOKEN_E_JSON_TYPE, "$.min_validity_secs", "{\"min_validity_secs\": \"300\"}"},
    {RBTOKEN_E_JSON_TYPE, "$.min_validity_secs", "{\"min_validity_secs\": [300]}"},
    {RBTOKEN_E_INVALID_ARGUMENT, "$.token_type", "{\"token_type\": \"\"}"},
    {RBTOKEN_E_INVALID_ARGUMENT, "$.token_type", "{\"token_type\": \"a b\"}"},
    {RBTOKEN_E_INVALID_ARGUMENT, "$.token_type", "{\"token_type\": \"a_b\"}"},
    {RBTOKEN_E_INVALID_ARGUMENT, "$.token_type", "{\"token_type\": \"\\u00e9\"}"},
    {RBTOKEN_E_INVALID_ARGUMENT, "$.token_type", "{\"token_type\": \"a\\u0000\"}"},
    {RBTOKEN_E_JSON_TYPE, "$.token_type", "{\"token_type\": null}"},
    {RBTOKEN_E_GENERATION, "$.default_generator", "{\"default_generator\": \"unknown\"}"},
    {RBTOKEN_E_GENERATION, "$.default_generator", "{\"default_generator\": \"\"}"},
    {RBTOKEN_E_JSON_TYPE, "$.default_generator", "{\"default_generator\": 1}"},
    {RBTOKEN_E_JSON_TYPE, "$.deprecated_generators[1]", "{\"deprecated_generators\": [\"a\", 1]}"},
    {RBTOKEN_E_INVALID_ARGUMENT, "$.deprecated_generators[0]",
     "{\"deprecated_generators\": [\"\"]}"},
    {RBTOKEN_E_JSON_TYPE, "$.deprecated_generators", "{\"deprecated_generators\": \"a\"}"},
    {RBTOKEN_E_JSON_TYPE, "$.deprecated_generators", "{\"deprecated_generators\": null}"},
    {RBTOKEN_E_EXISTS, "$.local_sites[2]", "{\"local_sites\": [\"a\", \"b\", \"a\"]}"},
    {RBTOKEN_E_INVALID_ARGUMENT, "$.local_sites[1]", "{\"local_sites\": [\"a\", \"b c\"]}"},
    {RBTOKEN_E_INVALID_ARGUMENT, "$.local_sites[0]", "{\"local_sites\": [\"\"]}"},
    {RBTOKEN_E_TOO_LONG, "$.local_sites[0]",
     "{\"local_sites\": [\"123456789012345678901234567890123\"]}"},
    {RBTOKEN_E_JSON_TYPE, "$.local_sites[0]", "{\"local_sites\": [{}]}"},
    {RBTOKEN_E_JSON_TYPE, "$.local_sites", "{\"local_sites\": {}}"},
    {RBTOKEN_E_INVALID_ARGUMENT, "$.policy_ids[1]", "{\"policy_ids\": [\"user\", \"*\"]}"},
    {RBTOKEN_E_INVALID_ARGUMENT, "$.policy_ids[0]", "{\"policy_ids\": [\"\"]}"},
    {RBTOKEN_E_JSON_TYPE, "$.policy_ids[0]", "{\"policy_ids\": [null]}"},
    {RBTOKEN_E_JSON_TYPE, "$.policy_ids", "{\"policy_ids\": \"user\"}"},
    {RBTOKEN_E_INVALID_ARGUMENT, "$.location", "{\"location\": \"\"}"},
    {RBTOKEN_E_INVALID_ARGUMENT, "$.location", "{\"location\": \"ftp://x\"}"},
    {RBTOKEN_E_JSON_TYPE, "$.location", "{\"location\": 1}"},
    {RBTOKEN_E_INVALID_ARGUMENT, "$.pool_size", "{\"pool_size\": 0}"},
    {RBTOKEN_E_INVALID_ARGUMENT, "$.pool_size", "{\"pool_size\": 1025}"},
    {RBTOKEN_E_JSON_TYPE, "$.pool_size", "{\"pool_size\": null}"},
    {RBTOKEN_E_INVALID_ARGUMENT, "$.connect_timeout_secs", "{\"connect_timeout_secs\": 0}"},
    {RBTOKEN_E_INVALID_ARGUMENT, "$.statement_timeout_secs", "{\"statement_timeout_secs\": 3601}"},
    {RBTOKEN_E_INVALID_ARGUMENT, "$.last_used_interval_secs",
     "{\"last_used_interval_secs\": 31536001}"},
    {RBTOKEN_E_JSON_TYPE, "$.last_used_interval_secs", "{\"last_used_interval_secs\": \"1\"}"},
    {RBTOKEN_E_INVALID_ARGUMENT, "$.login_cache_secs", "{\"login_cache_secs\": 3601}"},
    {RBTOKEN_E_INVALID_ARGUMENT, "$.login_cache_entries", "{\"login_cache_entries\": 0}"},
    {RBTOKEN_E_JSON_TYPE, "$.trusted_owners", "{\"trusted_owners\": [1000]}"},
    {RBTOKEN_E_JSON_TYPE, "$.trusted_owners.users", "{\"trusted_owners\": {\"users\": 1000}}"},
    {RBTOKEN_E_JSON_TYPE, "$.trusted_owners.users[0]",
     "{\"trusted_owners\": {\"users\": [\"root\"]}}"},
    {RBTOKEN_E_INVALID_ARGUMENT, "$.trusted_owners.groups[1]",
     "{\"trusted_owners\": {\"groups\": [0, -1]}}"},
    {RBTOKEN_E_INVALID_ARGUMENT, "$.trusted_owners.users[0]",
     "{\"trusted_owners\": {\"users\": [4294967295]}}"},
    {RBTOKEN_E_NOT_FOUND, "$.trusted_owners.others", "{\"trusted_owners\": {\"others\": []}}"},
#ifdef WITHOUT_SQLITE
    {RBTOKEN_E_UNSUPPORTED, "$.location", "{\"location\": \"reviewboard+sqlite:///a/b\"}"},
#else
    {RBTOKEN_E_INVALID_ARGUMENT, "$.location", "{\"location\": \"reviewboard+sqlite://a/b\"}"},
#endif
    {RBTOKEN_E_NOT_FOUND, "$.unknown", "{\"unknown\": null}"},
    {RBTOKEN_E_NOT_FOUND, "$.Token_type", "{\"Token_type\": \"x\"}"},
    {RBTOKEN_E_NOT_FOUND, "$[\"\"]", "{\"\": 1}"},
    {RBTOKEN_E_NOT_FOUND, "$[\"a\\nb\"]", "{\"a\\nb\": 1}"},
    {RBTOKEN_E_JSON_TYPE, "$", "[]"},
    {RBTOKEN_E_JSON_TYPE, "$", "null"},
    {RBTOKEN_E_JSON_TYPE, "$", "\"{}\""},
};

/* No path in the document is known. */
static const char *const NO_JSON[] = {"",         " ",       "{",    "{}{}",
                                      "{\"a\":}", "{a: 1}",  "{} x", "{\"token_type\": \"x\",}",
                                      "nul",      "{'a': 1}"};

static char *settings_of(rbtoken_instance_t *instance)
{
    rbtoken_buffer_t *buffer;
    size_t len;
    const char *data;
    char *copy;

    CHECK_OK(extension->get_settings(instance, &buffer, NULL));
    data = buffers->data(buffer, &len);
    copy = (char *)malloc(len + 1);
    CHECK(copy != NULL);
    memcpy(copy, data, len + 1);
    buffers->free(buffer);
    return copy;
}

static void expect(rbtoken_instance_t *instance, const char *expected)
{
    char *settings = settings_of(instance);

    if (strcmp(settings, expected) != 0)
        fprintf(stderr, "%s\ninstead of\n%s\n", settings, expected);
    CHECK(strcmp(settings, expected) == 0);
    free(settings);
}

#define DEFAULTS                                                                     \
    "{\"bulk_timeout_secs\": 600, \"call_timeout_secs\": 30, "                       \
    "\"client_token_expiration\": 365, \"connect_timeout_secs\": 5, "                \
    "\"default_generator\": \"vendor_checksum\", "                                   \
    "\"deprecated_generators\": [\"legacy_sha1\"], \"last_used_interval_secs\": 0, " \
    "\"local_sites\": [], \"location\": null, \"login_cache_entries\": 10000, "      \
    "\"login_cache_secs\": 0, "                                                      \
    "\"min_validity_secs\": 300, \"policy_ids\": null, \"pool_size\": 8, "           \
    "\"statement_timeout_secs\": 30, \"token_type\": \"rbp\", "                      \
    "\"trusted_owners\": {\"groups\": [], \"users\": []}}"

/* A document with a bad member is rejected, also with a good one, and nothing takes effect. */
static void refuse(rbtoken_instance_t *instance, rbtoken_status_t status, const char *path,
                   const char *settings)
{
    char *before = settings_of(instance), *after;
    rbtoken_error_t *error;
    const char *told;

    CHECK_STATUS(status, extension->configure(instance, RBTOKEN_STR(settings), &error));
    told = errors->json_path(error);
    if (path == NULL ? told != NULL : told == NULL || strcmp(told, path) != 0)
        fprintf(stderr, "%s: the path is %s, not %s\n", settings, told ? told : "-",
                path ? path : "-");
    CHECK(path == NULL ? told == NULL : told != NULL && strcmp(told, path) == 0);
    CHECK(errors->status(error) == status);
    CHECK(strcmp(errors->argument(error), "settings") == 0);
    CHECK(errors->message(error)[0] != '\0');
    errors->free(error);
    after = settings_of(instance);
    CHECK(strcmp(before, after) == 0);
    free(before);
    free(after);
}

static void bad_settings(rbtoken_instance_t *instance)
{
    size_t i;

    for (i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        const char *settings = BAD[i].settings;
        char both[256];

        refuse(instance, BAD[i].status, BAD[i].path, settings);
        if (settings[0] == '{') {
            /* A good member before it, and one after it. */
            snprintf(both, sizeof both, "{\"deprecated_generators\": [], %s", settings + 1);
            if (strstr(settings, "deprecated_generators") == NULL)
                refuse(instance, BAD[i].status, BAD[i].path, both);
            snprintf(both, sizeof both, "%.*s, \"token_type\": \"good\"}",
                     (int)strlen(settings) - 1, settings);
            if (strstr(settings, "oken_type") == NULL)
                refuse(instance, BAD[i].status, BAD[i].path, both);
        }
    }
    for (i = 0; i < sizeof NO_JSON / sizeof *NO_JSON; i++)
        refuse(instance, RBTOKEN_E_JSON_SYNTAX, "$", NO_JSON[i]);
}

static void bad_texts(rbtoken_instance_t *instance)
{
    char type[300];

    CHECK_STATUS(RBTOKEN_E_INVALID_UTF8,
                 extension->configure(instance, RBTOKEN_STR("{\"\xff\": 1}"), NULL));
    CHECK_STATUS(RBTOKEN_E_EMBEDDED_NUL, extension->configure(instance, "{}\0", 3, NULL));
    CHECK_STATUS(RBTOKEN_E_JSON_SYNTAX, extension->configure(instance, "{}", 0, NULL));
    CHECK_STATUS(RBTOKEN_E_NULL_ARGUMENT, extension->configure(instance, NULL, 2, NULL));
    CHECK_STATUS(RBTOKEN_E_TOO_LONG, extension->configure(instance, "{}", (1 << 20) + 1, NULL));
    snprintf(type, sizeof type, "{\"token_type\": \"%0216d\"}", 0);
    CHECK_OK(extension->configure(instance, RBTOKEN_STR(type), NULL));
    snprintf(type, sizeof type, "{\"token_type\": \"%0217d\"}", 0);
    refuse(instance, RBTOKEN_E_INVALID_ARGUMENT, "$.token_type", type);
}

static void expect_argument(const char *argument, rbtoken_error_t *error)
{
    CHECK(strcmp(errors->argument(error), argument) == 0);
    errors->free(error);
}

static void wrong_state(rbtoken_instance_t *instance)
{
    rbtoken_error_t *error;

    CHECK_OK(extension->initialize(instance, NULL));
    /* Valid or not, it cannot be set now. */
    CHECK_STATUS(RBTOKEN_E_STATE, extension->configure(instance, RBTOKEN_STR("{}"), &error));
    expect_argument("instance", error);
    CHECK_STATUS(RBTOKEN_E_STATE, extension->configure(instance, RBTOKEN_STR("{"), &error));
    expect_argument("instance", error);
    CHECK_OK(extension->shutdown(instance, NULL));
    CHECK_OK(extension->configure(instance, RBTOKEN_STR("{}"), NULL));
}

int main(int argc, char **argv)
{
    static const char all[] =
        "{\"bulk_timeout_secs\": 1, \"call_timeout_secs\": 3600, "
        "\"client_token_expiration\": 0, \"connect_timeout_secs\": 3600, "
        "\"default_generator\": \"legacy_sha1\", "
        "\"deprecated_generators\": [\"a\", \"b\"], \"last_used_interval_secs\": null, "
        "\"local_sites\": [\"x\", \"y\"], "
        "\"location\": null, \"login_cache_entries\": 1000000, \"login_cache_secs\": 3600, "
        "\"min_validity_secs\": 315537897600, \"policy_ids\": [\"p\", \"q\"], "
        "\"pool_size\": 1024, \"statement_timeout_secs\": 1, "
        "\"token_type\": \"z\", "
        "\"trusted_owners\": {\"groups\": [0, 4294967294], \"users\": [1]}}";
    static const char limits[] = "{\"client_token_expiration\": 3652059, \"min_validity_secs\": 0}";
    rbtoken_instance_t *instance;
    rbtoken_store_t *store;

    load(argc, argv);
    CHECK_OK(extension->create(NULL, &instance, NULL));
    expect(instance, DEFAULTS);
    bad_settings(instance);
    OK("bad settings are refused with their status and path, and none applies");
    CHECK_OK(extension->configure(instance, RBTOKEN_STR(all), NULL));
    bad_settings(instance);
    expect(instance, all);
    OK("nor do they touch what was configured before");
    bad_texts(instance);
    OK("a text that is no text, or too long, is refused");
    CHECK_OK(extension->configure(instance, RBTOKEN_STR(limits), NULL));
    CHECK_OK(extension->configure(instance, RBTOKEN_STR(all), NULL));
    CHECK_OK(extension->initialize(instance, NULL));
    expect(instance, all);
    CHECK_OK(extension->get_store(instance, &store, NULL));
    /* These can only be set when a store is opened. */
    CHECK_STATUS(RBTOKEN_E_STATE,
                 stores->set_setting(store, RBTOKEN_STR("location"), RBTOKEN_STR("\"/x\""), NULL));
    CHECK_STATUS(RBTOKEN_E_STATE,
                 stores->set_setting(store, RBTOKEN_STR("local_sites"), RBTOKEN_STR("[]"), NULL));
    stores->release(store);
    CHECK_OK(extension->shutdown(instance, NULL));
    OK("what is configured is in force once it is initialized");
    wrong_state(instance);
    expect(instance, DEFAULTS);
    OK("a new document replaces the whole earlier one, while it is not initialized");
    CHECK_OK(extension->configure(instance, NULL, 0, NULL));
    expect(instance, DEFAULTS);
    extension->destroy(instance);
    return 0;
}
