/* Loads a build of the library at run time and checks that it conforms to rbtoken_extension.h.
 *
 *     conformance LIBRARY
 *
 * It prints the library's name, a line for each check (`ok   NAME`, or `FAIL NAME: reason`) and a
 * summary, and exits with 0 only if every check passed. It is not linked with the library, and
 * looks up only the entry symbol.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rbtoken.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef rbtoken_status_t (*entry_fn)(uint32_t minor, const rbtoken_extension_v1_t **extension);

static entry_fn entry;
static const rbtoken_extension_v1_t *extension;
static const rbtoken_about_interface_v1_t *about;
static const rbtoken_error_interface_v1_t *errors;
static const rbtoken_buffer_interface_v1_t *buffers;
static const rbtoken_store_interface_v1_t *stores;
static const rbtoken_hooks_interface_v1_t *hooks;
static const rbtoken_generator_interface_v1_t *generators;
static const rbtoken_service_account_interface_v1_t *accounts;
static const rbtoken_token_interface_v1_t *tokens;
static const rbtoken_token_list_interface_v1_t *lists;
static const rbtoken_policy_interface_v1_t *policies;

/* ---- Checks: functions that return NULL, or the reason of a failure ---- */

static char why[1024];

static const char *because(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    return why;
}

static const char *name_of(rbtoken_status_t status)
{
    const char *name = about == NULL ? NULL : about->status_name(status);

    return name == NULL ? "a status without a name" : name;
}

#define EXPECT(condition)                                                 \
    do {                                                                  \
        if (!(condition))                                                 \
            return because("not so (line %d): %s", __LINE__, #condition); \
    } while (0)

#define EXPECT_STATUS(expected, call)                                                        \
    do {                                                                                     \
        rbtoken_status_t status_ = (call);                                                   \
        if (status_ != (expected))                                                           \
            return because("%s (%" PRId32 ") instead of %s (line %d): %s", name_of(status_), \
                           status_, #expected, __LINE__, #call);                             \
    } while (0)

#define EXPECT_OK(call) EXPECT_STATUS(RBTOKEN_OK, call)

#define PASS_ON(call)              \
    do {                           \
        const char *why_ = (call); \
        if (why_ != NULL)          \
            return why_;           \
    } while (0)

/* ---- Services of the host: log, clock and random bytes ---- */

typedef struct host {
    rbtoken_host_v1_t table;
    char log[16384];
    size_t logged;
    unsigned messages;
    unsigned bad_messages;
    int64_t now_us;
    uint64_t seed;
    unsigned now_calls, fill_calls;
    rbtoken_status_t now_status, fill_status;
} host;

static void host_log(void *user_data, int32_t level, const char *target, const char *message)
{
    host *self = (host *)user_data;
    size_t left = sizeof self->log - self->logged;
    int length = snprintf(self->log + self->logged, left, "%s: %s\n", target, message);

    self->messages++;
    if (level < RBTOKEN_LOG_ERROR || strncmp(target, "rbtoken.", 8) != 0 || message[0] == '\0' ||
        strchr(message, '\n') != NULL)
        self->bad_messages++;
    if (length > 0)
        self->logged += (size_t)length < left ? (size_t)length : left - 1;
}

static rbtoken_status_t host_now(void *user_data, int64_t *now_us)
{
    host *self = (host *)user_data;

    self->now_calls++;
    *now_us = self->now_us;
    return self->now_status;
}

static rbtoken_status_t host_fill(void *user_data, uint8_t *bytes, size_t len)
{
    host *self = (host *)user_data;
    size_t i;

    self->fill_calls++;
    for (i = 0; i < len; i++) {
        self->seed = self->seed * 6364136223846793005u + 1442695040888963407u;
        bytes[i] = (uint8_t)(self->seed >> 56);
    }
    return self->fill_status;
}

static void host_init(host *self)
{
    memset(self, 0, sizeof *self);
    RBTOKEN_INIT(&self->table);
    self->table.user_data = self;
    self->table.log = host_log;
    self->table.now = host_now;
    self->table.fill = host_fill;
    self->now_us = 1700000000000000;
    self->seed = 42;
}

/* ---- Shorthands ---- */

static rbtoken_status_t configure(rbtoken_instance_t *instance, const char *settings)
{
    return extension->configure(instance, RBTOKEN_STR(settings), NULL);
}

/* Creates and initializes an instance, and returns its store. */
static const char *open_instance(const rbtoken_host_v1_t *table, const char *settings,
                                 rbtoken_instance_t **instance, rbtoken_store_t **store)
{
    EXPECT_OK(extension->create(table, instance, NULL));
    EXPECT_OK(configure(*instance, settings));
    EXPECT_OK(extension->initialize(*instance, NULL));
    EXPECT_OK(extension->get_store(*instance, store, NULL));
    EXPECT(*store != NULL);
    return NULL;
}

static void close_instance(rbtoken_instance_t *instance, rbtoken_store_t *store)
{
    stores->release(store);
    extension->destroy(instance);
}

static rbtoken_status_t get_token(rbtoken_store_t *store, const char *user, rbtoken_token_t **token,
                                  bool *created)
{
    return stores->get_or_create_client_token(store, RBTOKEN_STR(user), RBTOKEN_STR("client"), NULL,
                                              token, created, NULL);
}

static rbtoken_status_t log_in(rbtoken_store_t *store, const rbtoken_token_t *token,
                               rbtoken_verdict_t *verdict)
{
    rbtoken_token_t *accepted;
    rbtoken_status_t status = stores->authenticate(store, RBTOKEN_STR(tokens->value(token, NULL)),
                                                   NULL, verdict, &accepted, NULL, NULL);

    tokens->release(accepted);
    return status;
}

/* Returns the effective settings, which the caller frees; NULL on failure. */
static char *settings_of(rbtoken_instance_t *instance)
{
    rbtoken_buffer_t *buffer = NULL;
    size_t len = 0;
    const char *data;
    char *copy = NULL;

    if (extension->get_settings(instance, &buffer, NULL) == RBTOKEN_OK &&
        (data = buffers->data(buffer, &len)) != NULL && (copy = (char *)malloc(len + 1)) != NULL)
        memcpy(copy, data, len + 1);
    buffers->free(buffer);
    return copy;
}

static const char *expect_settings(rbtoken_instance_t *instance, const char *part)
{
    char *settings = settings_of(instance);
    bool has = settings != NULL && strstr(settings, part) != NULL;
    const char *failure =
        has ? NULL : because("the settings %s lack %s", settings == NULL ? "-" : settings, part);

    free(settings);
    return failure;
}

/* Calls that an instance rejects in the wrong state. */
enum { CONFIGURE = 1, INITIALIZE = 2, SHUTDOWN = 4, GET_STORE = 8 };

static const char *refuses(rbtoken_instance_t *instance, int calls)
{
    rbtoken_store_t *store = NULL;
    rbtoken_error_t *error = NULL;
    char *before = settings_of(instance), *after;
    bool same;

    EXPECT(before != NULL);
    if (calls & CONFIGURE)
        EXPECT_STATUS(RBTOKEN_E_STATE, configure(instance, "{\"min_validity_secs\": 1}"));
    if (calls & INITIALIZE)
        EXPECT_STATUS(RBTOKEN_E_STATE, extension->initialize(instance, NULL));
    if (calls & SHUTDOWN)
        EXPECT_STATUS(RBTOKEN_E_STATE, extension->shutdown(instance, NULL));
    if (calls & GET_STORE) {
        EXPECT_STATUS(RBTOKEN_E_STATE, extension->get_store(instance, &store, &error));
        EXPECT(store == NULL && error != NULL);
        EXPECT(errors->status(error) == RBTOKEN_E_STATE && errors->message(error)[0] != '\0');
        errors->free(error);
    }
    after = settings_of(instance);
    same = after != NULL && strcmp(before, after) == 0;
    free(before);
    free(after);
    EXPECT(same);
    return NULL;
}

/* ---- A minimal JSON parser: checks the syntax and finds members ---- */

static const char *skip_space(const char *text)
{
    return text + strspn(text, " \t\r\n");
}

static const char *skip_string(const char *text)
{
    if (*text != '"')
        return NULL;
    for (text++; *text != '"'; text++)
        if (*text == '\0' || (*text == '\\' && *++text == '\0'))
            return NULL;
    return text + 1;
}

/* Returns the text after the value that `text` starts with; NULL if it is not JSON. */
static const char *skip_value(const char *text, int depth)
{
    static const char *const words[] = {"true", "false", "null"};
    char *end;
    size_t i;

    text = skip_space(text);
    if (depth > 32)
        return NULL;
    if (*text == '"')
        return skip_string(text);
    if (*text == '{' || *text == '[') {
        bool object = *text == '{';
        char close = object ? '}' : ']';

        text = skip_space(text + 1);
        if (*text == close)
            return text + 1;
        for (;;) {
            if (object) {
                text = skip_string(text);
                if (text == NULL || *(text = skip_space(text)) != ':')
                    return NULL;
                text++;
            }
            text = skip_value(text, depth + 1);
            if (text == NULL)
                return NULL;
            text = skip_space(text);
            if (*text == close)
                return text + 1;
            if (*text != ',')
                return NULL;
            text = skip_space(text + 1);
        }
    }
    for (i = 0; i < sizeof words / sizeof *words; i++)
        if (strncmp(text, words[i], strlen(words[i])) == 0)
            return text + strlen(words[i]);
    (void)strtod(text, &end);
    return end == text ? NULL : end;
}

static bool is_object(const char *text)
{
    const char *end = *skip_space(text) == '{' ? skip_value(text, 0) : NULL;

    return end != NULL && *skip_space(end) == '\0';
}

/* ---- The tables ---- */

static bool is_text(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static const char *check_metadata(void)
{
    EXPECT(is_text(extension->id));
    EXPECT(strcmp(extension->id, "rbtoken") == 0);
    EXPECT(is_text(extension->name));
    EXPECT(is_text(extension->version));
    EXPECT(is_text(extension->author));
    EXPECT(is_text(extension->license));
    EXPECT(is_text(extension->summary));
    EXPECT(is_text(extension->url));
    return NULL;
}

/* Checks that every member of a table, from an offset on, is set. */
static const char *check_members(const char *name, const void *table, size_t from, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)table;
    void (*member)(void);
    size_t at;

    for (at = from; at + sizeof member <= size; at += sizeof member) {
        memcpy(&member, bytes + at, sizeof member);
        if (member == NULL)
            return because("%s has NULL at byte %lu", name, (unsigned long)at);
    }
    return NULL;
}

static const char *check_extension_members(void)
{
    return check_members("the extension table", extension, offsetof(rbtoken_extension_v1_t, create),
                         sizeof *extension);
}

static const char *find_interface(const char *name, size_t size, const void **table)
{
    size_t struct_size;

    *table = extension->get_interface(name);
    if (*table == NULL)
        return because("there is no interface %s", name);
    memcpy(&struct_size, *table, sizeof struct_size);
    if (struct_size < size)
        return because("the table %s has %lu bytes, and this host needs %lu", name,
                       (unsigned long)struct_size, (unsigned long)size);
    return check_members(name, *table, sizeof struct_size, size);
}

#define FIND_INTERFACE(name, place)                              \
    do {                                                         \
        const void *table_;                                      \
        PASS_ON(find_interface(name, sizeof *(place), &table_)); \
        (place) = table_;                                        \
    } while (0)

static const char *check_interfaces(void)
{
    FIND_INTERFACE("rbtoken.about/1", about);
    FIND_INTERFACE("rbtoken.error/1", errors);
    FIND_INTERFACE("rbtoken.buffer/1", buffers);
    FIND_INTERFACE("rbtoken.store/1", stores);
    FIND_INTERFACE("rbtoken.hooks/1", hooks);
    FIND_INTERFACE("rbtoken.generator/1", generators);
    FIND_INTERFACE("rbtoken.service_account/1", accounts);
    FIND_INTERFACE("rbtoken.token/1", tokens);
    FIND_INTERFACE("rbtoken.token_list/1", lists);
    FIND_INTERFACE("rbtoken.policy/1", policies);
    return NULL;
}

static const char *check_version(void)
{
    EXPECT(strcmp(about->version(), extension->version) == 0);
    EXPECT(about->abi_is_compatible(RBTOKEN_ABI_VERSION));
    return NULL;
}

static const char *check_unknown_interfaces(void)
{
    static const char *const names[] = {"",
                                        "store",
                                        "rbtoken.store",
                                        "rbtoken.store/",
                                        "rbtoken.store/0",
                                        "rbtoken.store/2",
                                        "rbtoken.store/1 ",
                                        "rbtoken.stor/1",
                                        "RBTOKEN.STORE/1",
                                        "rbtoken.\xff/1"};
    size_t i;

    EXPECT(extension->get_interface(NULL) == NULL);
    for (i = 0; i < sizeof names / sizeof *names; i++)
        if (extension->get_interface(names[i]) != NULL)
            return because("there is an interface \"%s\"", names[i]);
    return NULL;
}

static const char *check_minor(void)
{
    const rbtoken_extension_v1_t *again = NULL;

    EXPECT_STATUS(RBTOKEN_E_UNSUPPORTED, entry(UINT32_MAX, &again));
    EXPECT(again == NULL);
    EXPECT_STATUS(RBTOKEN_E_NULL_ARGUMENT, entry(RBTOKEN_EXTENSION_MINOR, NULL));
    EXPECT_OK(entry(0, &again));
    EXPECT(again == extension);
    return NULL;
}

static const char *check_null(void)
{
    rbtoken_instance_t *instance;
    rbtoken_store_t *store;
    rbtoken_buffer_t *buffer;
    rbtoken_token_t *token;
    rbtoken_policy_t *policy;
    rbtoken_error_t *error = NULL;
    rbtoken_verdict_t verdict = RBTOKEN_VERDICT_OK;
    bool allowed = true;
    size_t len = 1;
    uint64_t id = 1;
    int64_t time_us = 1;

    EXPECT_STATUS(RBTOKEN_E_NULL_ARGUMENT, extension->create(NULL, NULL, &error));
    EXPECT(error != NULL && strcmp(errors->argument(error), "instance") == 0);
    errors->free(error);
    EXPECT_STATUS(RBTOKEN_E_NULL_ARGUMENT, configure(NULL, "{}"));
    EXPECT_STATUS(RBTOKEN_E_NULL_ARGUMENT, extension->initialize(NULL, NULL));
    EXPECT_STATUS(RBTOKEN_E_NULL_ARGUMENT, extension->shutdown(NULL, NULL));
    EXPECT_STATUS(RBTOKEN_E_NULL_ARGUMENT, extension->get_store(NULL, &store, NULL));
    EXPECT(store == NULL);
    EXPECT_STATUS(RBTOKEN_E_NULL_ARGUMENT, extension->get_settings(NULL, &buffer, NULL));
    EXPECT(buffer == NULL);
    extension->destroy(NULL);

    EXPECT_OK(extension->create(NULL, &instance, NULL));
    EXPECT_STATUS(RBTOKEN_E_NULL_ARGUMENT, extension->get_settings(instance, NULL, NULL));
    EXPECT_STATUS(RBTOKEN_E_NULL_ARGUMENT,
                  extension->configure(instance, NULL, RBTOKEN_NUL_TERMINATED, NULL));
    EXPECT_OK(extension->configure(instance, NULL, 0, NULL));
    EXPECT_OK(extension->initialize(instance, NULL));
    EXPECT_STATUS(RBTOKEN_E_NULL_ARGUMENT, extension->get_store(instance, NULL, NULL));
    extension->destroy(instance);

    EXPECT_STATUS(RBTOKEN_E_NULL_ARGUMENT, get_token(NULL, "alice", &token, NULL));
    EXPECT(token == NULL);
    EXPECT_STATUS(RBTOKEN_E_NULL_ARGUMENT, stores->authenticate(NULL, RBTOKEN_STR("value"), NULL,
                                                                &verdict, &token, NULL, NULL));
    EXPECT(verdict == RBTOKEN_VERDICT_REFUSED && token == NULL);
    EXPECT_STATUS(RBTOKEN_E_NULL_ARGUMENT, hooks->add_hooks(NULL, NULL, &id, NULL));
    EXPECT(id == 0);
    EXPECT_STATUS(RBTOKEN_E_NULL_ARGUMENT,
                  generators->add_generator(NULL, RBTOKEN_STR("host"), NULL, NULL));
    EXPECT_STATUS(RBTOKEN_E_NULL_ARGUMENT, policies->parse(NULL, NULL, 0, &policy, NULL));
    EXPECT(policy == NULL);
    EXPECT_STATUS(RBTOKEN_E_NULL_ARGUMENT,
                  tokens->allows(NULL, RBTOKEN_STR("user"), RBTOKEN_STR("GET"), NULL, 0, &allowed,
                                 NULL));
    EXPECT(!allowed);
    EXPECT(tokens->value(NULL, &len) == NULL && len == 0);
    EXPECT(!tokens->expires(NULL, &time_us) && time_us == 0);
    EXPECT(tokens->id(NULL) == 0 && tokens->retain(NULL) == NULL && stores->retain(NULL) == NULL);
    EXPECT(lists->count(NULL) == 0 && lists->get(NULL, 0) == NULL);
    EXPECT(errors->status(NULL) == RBTOKEN_OK && errors->json_path(NULL) == NULL);
    EXPECT(buffers->data(NULL, NULL) == NULL);
    errors->free(NULL);
    buffers->free(NULL);
    stores->release(NULL);
    tokens->release(NULL);
    lists->free(NULL);
    policies->free(NULL);
    accounts->free(NULL);
    return NULL;
}

/* ---- Life cycle of an instance ---- */

static const char *check_order(void)
{
    rbtoken_instance_t *instance;
    rbtoken_store_t *store;

    EXPECT_OK(extension->create(NULL, &instance, NULL));
    PASS_ON(refuses(instance, INITIALIZE | SHUTDOWN | GET_STORE));
    EXPECT_OK(configure(instance, "{\"min_validity_secs\": 7}"));
    PASS_ON(refuses(instance, SHUTDOWN | GET_STORE));
    EXPECT_OK(configure(instance, "{\"min_validity_secs\": 8}"));
    EXPECT_OK(extension->initialize(instance, NULL));
    PASS_ON(refuses(instance, CONFIGURE | INITIALIZE));
    PASS_ON(expect_settings(instance, "\"min_validity_secs\": 8"));
    /* Still initialized: it has a store. */
    EXPECT_OK(extension->get_store(instance, &store, NULL));
    stores->release(store);
    EXPECT_OK(extension->shutdown(instance, NULL));
    PASS_ON(refuses(instance, SHUTDOWN | GET_STORE));
    EXPECT_OK(extension->initialize(instance, NULL));
    EXPECT_OK(extension->shutdown(instance, NULL));
    EXPECT_OK(configure(instance, "{}"));
    PASS_ON(refuses(instance, SHUTDOWN | GET_STORE));
    extension->destroy(instance);
    return NULL;
}

static const char *check_side_by_side(void)
{
    enum { INSTANCES = 3 };
    static const char *const settings[INSTANCES] = {"{\"token_type\": \"one\"}",
                                                    "{\"token_type\": \"two\"}",
                                                    "{\"token_type\": \"three\"}"};
    static const char *const starts[INSTANCES] = {"one_", "two_", "three_"};
    rbtoken_instance_t *instances[INSTANCES];
    rbtoken_store_t *list[INSTANCES];
    rbtoken_token_t *made[INSTANCES];
    rbtoken_verdict_t verdict;
    uint64_t count;
    int i;

    for (i = 0; i < INSTANCES; i++) {
        PASS_ON(open_instance(NULL, settings[i], &instances[i], &list[i]));
        EXPECT_OK(get_token(list[i], "alice", &made[i], NULL));
        EXPECT(strncmp(tokens->value(made[i], NULL), starts[i], strlen(starts[i])) == 0);
    }
    for (i = 0; i < INSTANCES; i++) {
        EXPECT_OK(stores->token_count(list[i], &count, NULL));
        EXPECT(count == 1);
        EXPECT_OK(log_in(list[i], made[i], &verdict));
        EXPECT(verdict == RBTOKEN_VERDICT_OK);
        EXPECT_OK(log_in(list[i], made[(i + 1) % INSTANCES], &verdict));
        EXPECT(verdict == RBTOKEN_VERDICT_UNKNOWN);
    }
    EXPECT_OK(extension->shutdown(instances[0], NULL));
    EXPECT_STATUS(RBTOKEN_E_STATE, log_in(list[0], made[0], &verdict));
    EXPECT_OK(log_in(list[1], made[1], &verdict));
    EXPECT(verdict == RBTOKEN_VERDICT_OK);
    for (i = 0; i < INSTANCES; i++) {
        tokens->release(made[i]);
        close_instance(instances[i], list[i]);
    }
    return NULL;
}

static const char *check_repeated(void)
{
    rbtoken_instance_t *instance;
    rbtoken_store_t *store;
    rbtoken_token_t *token;
    bool created;
    int i;

    EXPECT_OK(extension->create(NULL, &instance, NULL));
    EXPECT_OK(configure(instance, "{\"local_sites\": [\"north\"]}"));
    for (i = 0; i < 20; i++) {
        EXPECT_OK(extension->initialize(instance, NULL));
        EXPECT_OK(extension->get_store(instance, &store, NULL));
        EXPECT_OK(get_token(store, "alice", &token, &created));
        EXPECT(created);
        EXPECT_STATUS(RBTOKEN_E_EXISTS, stores->add_local_site(store, RBTOKEN_STR("north"), NULL));
        tokens->release(token);
        stores->release(store);
        EXPECT_OK(extension->shutdown(instance, NULL));
    }
    extension->destroy(instance);
    return NULL;
}

static const char *check_after_shutdown(void)
{
    rbtoken_instance_t *instance;
    rbtoken_store_t *store, *again;
    rbtoken_token_t *token, *other;
    rbtoken_token_list_t *list;
    rbtoken_policy_t *policy;
    rbtoken_verdict_t verdict;
    rbtoken_buffer_t *buffer;
    bool created;
    uint64_t count;

    PASS_ON(open_instance(NULL, "{}", &instance, &store));
    EXPECT_OK(get_token(store, "alice", &token, NULL));
    EXPECT_OK(extension->shutdown(instance, NULL));
    EXPECT_OK(extension->initialize(instance, NULL));

    /* The old handle belongs to the closed store, even if the instance has a new one. */
    EXPECT_STATUS(RBTOKEN_E_STATE, get_token(store, "alice", &other, &created));
    EXPECT(other == NULL && !created);
    EXPECT_STATUS(RBTOKEN_E_STATE, log_in(store, token, &verdict));
    EXPECT(verdict == RBTOKEN_VERDICT_REFUSED);
    EXPECT_STATUS(RBTOKEN_E_STATE, stores->token_count(store, &count, NULL));
    EXPECT_STATUS(RBTOKEN_E_STATE, stores->list_tokens(store, NULL, &list, NULL));
    EXPECT_STATUS(RBTOKEN_E_STATE, stores->delete_token(store, tokens->id(token), NULL));
    EXPECT_STATUS(RBTOKEN_E_STATE,
                  stores->get_setting(store, RBTOKEN_STR("token_type"), &buffer, NULL));
    EXPECT_STATUS(RBTOKEN_E_STATE, stores->set_setting(store, RBTOKEN_STR("min_validity_secs"),
                                                       RBTOKEN_STR("1"), NULL));
    EXPECT_STATUS(RBTOKEN_E_STATE, policies->parse(store, RBTOKEN_STR("{}"), &policy, NULL));
    EXPECT_STATUS(RBTOKEN_E_STATE,
                  generators->set_default_generator(store, RBTOKEN_STR("vendor_checksum"), NULL));

    EXPECT(strcmp(tokens->user(token, NULL), "alice") == 0 && tokens->value(token, NULL) != NULL);
    EXPECT_OK(tokens->to_json(token, 0, 0, &buffer, NULL));
    EXPECT(is_object(buffers->data(buffer, NULL)));
    buffers->free(buffer);

    EXPECT_OK(extension->get_store(instance, &again, NULL));
    EXPECT(again != store);
    EXPECT_OK(stores->token_count(again, &count, NULL));
    EXPECT(count == 0);
    stores->release(again);
    stores->release(stores->retain(store));
    close_instance(instance, store);
    tokens->release(token);
    return NULL;
}

static const char *check_destroy(void)
{
    host self;
    rbtoken_instance_t *instance;
    rbtoken_store_t *store;
    uint64_t count;
    unsigned messages;

    host_init(&self);
    PASS_ON(open_instance(&self.table, "{}", &instance, &store));
    extension->destroy(instance);
    messages = self.messages;
    EXPECT_STATUS(RBTOKEN_E_STATE, stores->token_count(store, &count, NULL));
    stores->release(store);
    EXPECT(self.messages == messages);
    return NULL;
}

/* ---- Settings ---- */

static const char *check_settings_whole(void)
{
    rbtoken_instance_t *instance;

    EXPECT_OK(extension->create(NULL, &instance, NULL));
    PASS_ON(expect_settings(instance, "\"client_token_expiration\": 365"));
    EXPECT_STATUS(RBTOKEN_E_INVALID_ARGUMENT,
                  configure(instance,
                            "{\"client_token_expiration\": 5, \"min_validity_secs\": -1}"));
    PASS_ON(refuses(instance, INITIALIZE)); /* not even configured */
    EXPECT_OK(configure(instance, "{\"client_token_expiration\": 6}"));
    EXPECT_STATUS(RBTOKEN_E_NOT_FOUND,
                  configure(instance, "{\"client_token_expiration\": 5, \"zzz\": 1}"));
    PASS_ON(expect_settings(instance, "\"client_token_expiration\": 6"));
    EXPECT_OK(extension->initialize(instance, NULL));
    PASS_ON(expect_settings(instance, "\"client_token_expiration\": 6"));
    extension->destroy(instance);
    return NULL;
}

static const char *check_settings_paths(void)
{
    static const struct {
        const char *settings, *path;
        rbtoken_status_t status;
    } bad[] = {
        {"{\"token_type\": 1}", "$.token_type", RBTOKEN_E_JSON_TYPE},
        {"{\"no-such\": 1}", "$[\"no-such\"]", RBTOKEN_E_NOT_FOUND},
        {"{\"deprecated_generators\": [\"a\", 1]}", "$.deprecated_generators[1]",
         RBTOKEN_E_JSON_TYPE},
        {"{\"min_validity_secs\": 99999999999999999999}", "$.min_validity_secs",
         RBTOKEN_E_JSON_NUMBER},
        {"[]", "$", RBTOKEN_E_JSON_TYPE},
    };
    rbtoken_instance_t *instance;
    rbtoken_error_t *error;
    size_t i;

    EXPECT_OK(extension->create(NULL, &instance, NULL));
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *path, *argument;

        EXPECT_STATUS(bad[i].status,
                      extension->configure(instance, RBTOKEN_STR(bad[i].settings), &error));
        path = errors->json_path(error);
        argument = errors->argument(error);
        if (path == NULL || strcmp(path, bad[i].path) != 0)
            return because("%s: the path is %s", bad[i].settings, path == NULL ? "-" : path);
        EXPECT(argument != NULL && strcmp(argument, "settings") == 0);
        errors->free(error);
    }
    EXPECT_STATUS(RBTOKEN_E_JSON_SYNTAX, configure(instance, "{"));
    extension->destroy(instance);
    return NULL;
}

static const char *check_settings_effective(void)
{
    rbtoken_instance_t *instance;
    rbtoken_store_t *store;

    PASS_ON(open_instance(NULL, "{\"token_type\": \"x\", \"local_sites\": [\"n\"]}", &instance,
                          &store));
    PASS_ON(expect_settings(instance, "\"token_type\": \"x\""));
    PASS_ON(expect_settings(instance, "\"local_sites\": [\"n\"]"));
    EXPECT_OK(stores->set_setting(store, RBTOKEN_STR("token_type"), RBTOKEN_STR("\"y\""), NULL));
    PASS_ON(expect_settings(instance, "\"token_type\": \"y\""));
    EXPECT_OK(extension->shutdown(instance, NULL));
    PASS_ON(expect_settings(instance, "\"token_type\": \"x\""));
    close_instance(instance, store);
    return NULL;
}

static const char *check_settings_schema(void)
{
    const char *schema = extension->get_settings_schema();
    rbtoken_instance_t *instance;
    char *settings;
    const char *at;
    int names = 0;

    EXPECT(schema != NULL);
    EXPECT(is_object(schema));
    EXPECT(extension->get_settings_schema() == schema);
    EXPECT_OK(extension->create(NULL, &instance, NULL));
    settings = settings_of(instance);
    EXPECT(settings != NULL);
    EXPECT(is_object(settings));
    for (at = skip_space(settings + 1); *at == '"';) {
        const char *end = skip_string(at), *next;
        char name[128];

        snprintf(name, sizeof name, "%.*s: {", (int)(end - at), at);
        if (strstr(schema, name) == NULL) {
            because("the schema does not name the setting %.*s", (int)(end - at), at);
            return why;
        }
        names++;
        next = skip_space(skip_value(skip_space(end) + 1, 0));
        at = *next == ',' ? skip_space(next + 1) : next;
    }
    free(settings);
    extension->destroy(instance);
    EXPECT(names >= 8);
    return NULL;
}

/* ---- Use of the host's services ---- */

static const char *check_log(void)
{
    static host self;
    rbtoken_instance_t *instance;
    rbtoken_store_t *store;
    rbtoken_token_t *token, *found;
    rbtoken_verdict_t verdict;
    const char *value;
    size_t at;

    host_init(&self);
    PASS_ON(open_instance(&self.table, "{}", &instance, &store));
    EXPECT(self.messages >= 3);
    EXPECT_OK(get_token(store, "mal\nlory", &token, NULL));
    value = tokens->value(token, NULL);
    EXPECT_OK(log_in(store, token, &verdict));
    EXPECT_OK(stores->find_token(store, RBTOKEN_STR(value), &found, NULL));
    tokens->release(found);
    EXPECT_STATUS(RBTOKEN_E_STATE, extension->initialize(instance, NULL));
    EXPECT_OK(stores->invalidate_token(store, RBTOKEN_STR(value), RBTOKEN_STR("gone"), NULL));
    EXPECT_OK(log_in(store, token, &verdict));
    EXPECT_OK(stores->delete_token(store, tokens->id(token), NULL));
    EXPECT_OK(extension->shutdown(instance, NULL));
    (void)configure(instance, "{\"token_type\": 1}");
    close_instance(instance, store);

    EXPECT(strstr(self.log, "rbtoken.store: ") != NULL);
    EXPECT(strstr(self.log, "rbtoken.extension: ") != NULL);
    if (self.bad_messages != 0)
        return because("%u of %u messages have a bad level, target or text:\n%s", self.bad_messages,
                       self.messages, self.log);
    /* No 12 characters of the value, because a part of a secret is secret too. */
    for (at = 0; at + 12 <= strlen(value); at++) {
        char part[13];

        memcpy(part, value + at, 12);
        part[12] = '\0';
        if (strstr(self.log, part) != NULL)
            return because("the log has a token's value:\n%s", self.log);
    }
    tokens->release(token);
    return NULL;
}

static const char *check_clock(void)
{
    static host self;
    rbtoken_instance_t *instance;
    rbtoken_store_t *store;
    rbtoken_token_t *token;
    rbtoken_verdict_t verdict;
    int64_t time_us;

    host_init(&self);
    PASS_ON(open_instance(&self.table, "{\"client_token_expiration\": 1}", &instance, &store));
    EXPECT_OK(get_token(store, "alice", &token, NULL));
    EXPECT(self.now_calls > 0);
    EXPECT(tokens->time_added(token, &time_us) && time_us == self.now_us);
    EXPECT(tokens->expires(token, &time_us) && time_us == self.now_us + 86400 * (int64_t)1000000);
    self.now_us = time_us - 1;
    EXPECT_OK(log_in(store, token, &verdict));
    EXPECT(verdict == RBTOKEN_VERDICT_OK);
    self.now_us = time_us;
    EXPECT_OK(log_in(store, token, &verdict));
    EXPECT(verdict == RBTOKEN_VERDICT_EXPIRED);
    tokens->release(token);
    close_instance(instance, store);
    return NULL;
}

static const char *check_entropy(void)
{
    static host one, two;
    rbtoken_instance_t *instances[2];
    rbtoken_store_t *list[2];
    rbtoken_token_t *made[2];

    host_init(&one);
    host_init(&two);
    PASS_ON(open_instance(&one.table, "{}", &instances[0], &list[0]));
    PASS_ON(open_instance(&two.table, "{}", &instances[1], &list[1]));
    EXPECT_OK(get_token(list[0], "alice", &made[0], NULL));
    EXPECT_OK(get_token(list[1], "alice", &made[1], NULL));
    EXPECT(one.fill_calls > 0 && one.fill_calls == two.fill_calls);
    EXPECT(strcmp(tokens->value(made[0], NULL), tokens->value(made[1], NULL)) == 0);
    tokens->release(made[0]);
    tokens->release(made[1]);
    close_instance(instances[0], list[0]);
    close_instance(instances[1], list[1]);
    return NULL;
}

static const char *check_failing_services(void)
{
    static host self;
    rbtoken_instance_t *instance;
    rbtoken_store_t *store;
    rbtoken_token_t *token;
    rbtoken_verdict_t verdict;
    uint64_t count;

    host_init(&self);
    PASS_ON(open_instance(&self.table, "{}", &instance, &store));
    self.fill_status = -77;
    EXPECT_STATUS(-77, get_token(store, "alice", &token, NULL));
    EXPECT(token == NULL);
    self.fill_status = RBTOKEN_OK;
    self.now_status = 1234;
    EXPECT_STATUS(1234, get_token(store, "alice", &token, NULL));
    EXPECT_STATUS(1234, stores->authenticate(store, RBTOKEN_STR("x"), NULL, &verdict, &token, NULL,
                                             NULL));
    EXPECT(verdict == RBTOKEN_VERDICT_REFUSED);
    self.now_status = RBTOKEN_OK;
    self.now_us = INT64_MAX;
    EXPECT_STATUS(RBTOKEN_E_CALLBACK, get_token(store, "alice", &token, NULL));
    EXPECT_OK(stores->token_count(store, &count, NULL));
    EXPECT(count == 0);
    close_instance(instance, store);
    return NULL;
}

/* Makes a table of `size` bytes: first those of a valid table, then garbage. */
static const char *try_host_table(size_t size)
{
    static host self;
    rbtoken_host_v1_t table;
    unsigned char *bytes = (unsigned char *)malloc(size);
    rbtoken_instance_t *instance;
    rbtoken_store_t *store;
    rbtoken_token_t *token;

    EXPECT(bytes != NULL);
    host_init(&self);
    table = self.table;
    table.struct_size = size;
    memset(bytes, 0xA5, size);
    memcpy(bytes, &table, size < sizeof table ? size : sizeof table);
    PASS_ON(open_instance((const rbtoken_host_v1_t *)(const void *)bytes, "{}", &instance, &store));
    /* The table was copied, so the host can change its own. */
    memset(bytes, 0x5A, size);
    free(bytes);
    EXPECT_OK(get_token(store, "alice", &token, NULL));
    tokens->release(token);
    close_instance(instance, store);
#define IS_THERE(member) \
    (size >= offsetof(rbtoken_host_v1_t, member) + sizeof((rbtoken_host_v1_t *)0)->member)
    EXPECT((self.messages > 0) == IS_THERE(log));
    EXPECT((self.now_calls > 0) == IS_THERE(now));
    EXPECT((self.fill_calls > 0) == IS_THERE(fill));
    return NULL;
}

static const char *check_host_sizes(void)
{
    size_t size;

    for (size = sizeof(size_t); size <= sizeof(rbtoken_host_v1_t) + 64; size++) {
        const char *failure = try_host_table(size);

        if (failure != NULL) {
            char text[sizeof why];

            snprintf(text, sizeof text, "%s", failure);
            return because("with struct_size %lu: %.900s", (unsigned long)size, text);
        }
    }
    return NULL;
}

static const char *check_host_too_small(void)
{
    rbtoken_host_v1_t table;
    rbtoken_instance_t *instance;

    RBTOKEN_INIT(&table);
    for (table.struct_size = 0; table.struct_size < sizeof(size_t); table.struct_size++) {
        EXPECT_STATUS(RBTOKEN_E_STRUCT_SIZE, extension->create(&table, &instance, NULL));
        EXPECT(instance == NULL);
    }
    return NULL;
}

/* ---- Interfaces ---- */

static const char *check_get_or_create(void)
{
    rbtoken_instance_t *instance;
    rbtoken_store_t *store;
    rbtoken_token_t *first, *second;
    rbtoken_token_list_t *list;
    bool created;

    PASS_ON(open_instance(NULL, "{}", &instance, &store));
    EXPECT_OK(get_token(store, "alice", &first, &created));
    EXPECT(created && strlen(tokens->value(first, NULL)) == 255);
    EXPECT_OK(get_token(store, "alice", &second, &created));
    EXPECT(!created && tokens->id(first) == tokens->id(second));
    EXPECT_OK(stores->list_tokens(store, NULL, &list, NULL));
    EXPECT(lists->count(list) == 1 && tokens->id(lists->get(list, 0)) == tokens->id(first));
    lists->free(list);
    tokens->release(first);
    tokens->release(second);
    close_instance(instance, store);
    return NULL;
}

static const char *check_authenticate(void)
{
    rbtoken_instance_t *instance;
    rbtoken_store_t *store;
    rbtoken_token_t *token, *accepted, *refused;
    rbtoken_verdict_t verdict;
    char header[300];

    PASS_ON(open_instance(NULL, "{}", &instance, &store));
    EXPECT_OK(get_token(store, "alice", &token, NULL));
    EXPECT_OK(stores->authenticate(store, RBTOKEN_STR(tokens->value(token, NULL)), NULL, &verdict,
                                   &accepted, NULL, NULL));
    EXPECT(verdict == RBTOKEN_VERDICT_OK && strcmp(tokens->user(accepted, NULL), "alice") == 0);
    tokens->release(accepted);
    snprintf(header, sizeof header, "token %s", tokens->value(token, NULL));
    EXPECT_OK(stores->authenticate_header(store, RBTOKEN_STR(header), NULL, &verdict, &accepted,
                                          NULL, NULL));
    EXPECT(verdict == RBTOKEN_VERDICT_OK);
    tokens->release(accepted);
    EXPECT_OK(stores->authenticate(store, RBTOKEN_STR("nobody's"), NULL, &verdict, &accepted, NULL,
                                   NULL));
    EXPECT(verdict == RBTOKEN_VERDICT_UNKNOWN && accepted == NULL);
    EXPECT_OK(stores->invalidate_token_by_id(store, tokens->id(token), RBTOKEN_STR("lost"), NULL));
    EXPECT_OK(stores->authenticate(store, RBTOKEN_STR(tokens->value(token, NULL)), NULL, &verdict,
                                   &accepted, &refused, NULL));
    EXPECT(verdict == RBTOKEN_VERDICT_INVALID && accepted == NULL);
    EXPECT(strcmp(tokens->invalid_reason(refused, NULL), "lost") == 0);
    tokens->release(refused);
    tokens->release(token);
    close_instance(instance, store);
    return NULL;
}

static const char *check_policy(void)
{
    static const char document[] =
        "{\"resources\": {\"review\": {\"*\": {\"allow\": [\"GET\"], \"block\": [\"*\"]}}}}";
    rbtoken_policy_t *policy;
    rbtoken_error_t *error;
    bool allowed;

    EXPECT_OK(policies->parse(NULL, RBTOKEN_STR(document), &policy, NULL));
    EXPECT_OK(policies->allows(policy, RBTOKEN_STR("review"), RBTOKEN_STR("GET"), NULL, 0, &allowed,
                               NULL));
    EXPECT(allowed);
    EXPECT_OK(policies->allows(policy, RBTOKEN_STR("review"), RBTOKEN_STR("PUT"), NULL, 0, &allowed,
                               NULL));
    EXPECT(!allowed);
    policies->free(policy);
    EXPECT_STATUS(RBTOKEN_E_POLICY,
                  policies->parse(NULL, RBTOKEN_STR("{\"resources\": {}}"), &policy, &error));
    EXPECT(policy == NULL && strcmp(errors->json_path(error), "$.resources") == 0);
    errors->free(error);
    return NULL;
}

typedef struct seen {
    unsigned created, used, destroyed;
} seen;

static void on_created(void *user_data, rbtoken_store_t *store, const rbtoken_token_t *token,
                       bool auto_generated)
{
    rbtoken_token_t *same;

    /* A hook can use the store. */
    if (!auto_generated && stores->get_token(store, tokens->id(token), &same, NULL) == RBTOKEN_OK) {
        ((seen *)user_data)->created++;
        tokens->release(same);
    }
}

static void on_used(void *user_data, rbtoken_store_t *store, const rbtoken_token_t *token)
{
    (void)store;
    if (tokens->last_used(token, NULL))
        ((seen *)user_data)->used++;
}

static void on_destroyed(void *user_data)
{
    ((seen *)user_data)->destroyed++;
}

static const char *check_hooks(void)
{
    rbtoken_instance_t *instance;
    rbtoken_store_t *store;
    rbtoken_token_t *token;
    rbtoken_verdict_t verdict;
    rbtoken_hooks_t table;
    seen removed = {0, 0, 0}, left = {0, 0, 0};
    uint64_t id;

    PASS_ON(open_instance(NULL, "{}", &instance, &store));
    RBTOKEN_INIT(&table);
    table.created = on_created;
    table.used = on_used;
    table.destroy = on_destroyed;
    table.user_data = &left;
    EXPECT_OK(hooks->add_hooks(store, &table, &id, NULL));
    table.user_data = &removed;
    EXPECT_OK(hooks->add_hooks(store, &table, &id, NULL));
    EXPECT_OK(get_token(store, "alice", &token, NULL));
    EXPECT_OK(hooks->remove_hooks(store, id, NULL));
    EXPECT(removed.created == 1 && removed.destroyed == 1);
    EXPECT_STATUS(RBTOKEN_E_NOT_FOUND, hooks->remove_hooks(store, id, NULL));
    EXPECT_OK(log_in(store, token, &verdict));
    EXPECT(removed.used == 0 && left.created == 1 && left.used == 1 && left.destroyed == 0);
    EXPECT_OK(extension->shutdown(instance, NULL));
    EXPECT(left.destroyed == 1);
    EXPECT_STATUS(RBTOKEN_E_STATE, hooks->add_hooks(store, &table, &id, NULL));
    EXPECT(removed.destroyed == 2);
    tokens->release(token);
    close_instance(instance, store);
    EXPECT(left.destroyed == 1 && removed.destroyed == 2);
    return NULL;
}

typedef struct counter {
    unsigned created, destroyed;
} counter;

static rbtoken_status_t counter_create(void *user_data, const char *token_type, uint32_t attempt,
                                       char *value, size_t capacity, size_t *value_len)
{
    counter *self = (counter *)user_data;
    int len = snprintf(value, capacity, "%s-host-%u", token_type, self->created++);

    (void)attempt;
    *value_len = (size_t)len;
    return RBTOKEN_OK;
}

static rbtoken_status_t counter_validate(void *user_data, const char *token_type, const char *value,
                                         size_t value_len, bool *valid)
{
    (void)user_data;
    *valid = value_len > strlen(token_type) && strncmp(value, token_type, strlen(token_type)) == 0;
    return RBTOKEN_OK;
}

static void counter_destroy(void *user_data)
{
    ((counter *)user_data)->destroyed++;
}

static const char *check_generator(void)
{
    rbtoken_instance_t *instance;
    rbtoken_store_t *store;
    rbtoken_token_t *token;
    rbtoken_generator_t table;
    counter self = {0, 0};
    bool valid;

    PASS_ON(open_instance(NULL, "{}", &instance, &store));
    RBTOKEN_INIT(&table);
    table.user_data = &self;
    table.create = counter_create;
    table.validate = counter_validate;
    table.destroy = counter_destroy;
    EXPECT_STATUS(RBTOKEN_E_GENERATION,
                  generators->set_default_generator(store, RBTOKEN_STR("host"), NULL));
    EXPECT_OK(generators->add_generator(store, RBTOKEN_STR("host"), &table, NULL));
    EXPECT_OK(generators->set_default_generator(store, RBTOKEN_STR("host"), NULL));
    PASS_ON(expect_settings(instance, "\"default_generator\": \"host\""));
    EXPECT_OK(get_token(store, "alice", &token, NULL));
    EXPECT(strcmp(tokens->value(token, NULL), "rbp-host-0") == 0);
    EXPECT(strcmp(tokens->generator_id(token, NULL), "host") == 0);
    EXPECT_OK(stores->value_is_valid(store, RBTOKEN_STR("host"), RBTOKEN_STR("rbp"),
                                     RBTOKEN_STR("rbp-host-0"), &valid, NULL));
    EXPECT(valid && self.created == 1 && self.destroyed == 0);
    EXPECT_OK(extension->shutdown(instance, NULL));
    EXPECT(self.destroyed == 1);
    tokens->release(token);
    close_instance(instance, store);
    EXPECT(self.destroyed == 1);
    return NULL;
}

static const char *check_service_account(void)
{
    rbtoken_instance_t *instance;
    rbtoken_store_t *store;
    rbtoken_service_account_options_t options;
    rbtoken_service_account_t *account;
    rbtoken_token_t *token;
    bool created;

    PASS_ON(open_instance(NULL, "{}", &instance, &store));
    RBTOKEN_INIT(&options);
    RBTOKEN_SET_STR(&options, id, "bot");
    EXPECT_OK(accounts->create(&options, &account, NULL));
    EXPECT_OK(accounts->get_api_token(account, store, NULL, &token, &created, NULL));
    EXPECT(created && strcmp(tokens->client_name(token, NULL), "bot_v1") == 0);
    tokens->release(token);
    EXPECT_OK(extension->shutdown(instance, NULL));
    EXPECT_STATUS(RBTOKEN_E_STATE,
                  accounts->get_api_token(account, store, NULL, &token, &created, NULL));
    accounts->free(account);
    close_instance(instance, store);
    return NULL;
}

/* ---- Main program ---- */

typedef struct check {
    const char *name;
    const char *(*run)(void);
} check;

/* Checks that all others depend on. */
static const check BASIC[] = {
    {"the metadata is there", check_metadata},
    {"the extension table has every function", check_extension_members},
    {"every interface is there, and large enough", check_interfaces},
};

static const check CHECKS[] = {
    {"the versions agree", check_version},
    {"an interface that is not known is NULL", check_unknown_interfaces},
    {"a minor version that is too new is refused", check_minor},
    {"NULL is refused, and freed without effect", check_null},
    {"a wrong order is E_STATE and changes nothing", check_order},
    {"instances live side by side", check_side_by_side},
    {"an instance is initialized again and again", check_repeated},
    {"after a shutdown stores answer E_STATE, and tokens can be read", check_after_shutdown},
    {"destroying an instance shuts it down", check_destroy},
    {"settings are checked whole before any applies", check_settings_whole},
    {"an error in settings has its path", check_settings_paths},
    {"the settings told are those in force", check_settings_effective},
    {"the schema is JSON and names every setting", check_settings_schema},
    {"the log is the host's and has no value of a token", check_log},
    {"the clock is the host's", check_clock},
    {"the entropy is the host's", check_entropy},
    {"what a host's service answers is passed on", check_failing_services},
    {"a host table of any size works", check_host_sizes},
    {"a host table without its size is refused", check_host_too_small},
    {"rbtoken.store/1 gets or creates a token", check_get_or_create},
    {"rbtoken.store/1 authenticates", check_authenticate},
    {"rbtoken.policy/1 judges", check_policy},
    {"rbtoken.hooks/1 tells of events", check_hooks},
    {"rbtoken.generator/1 takes a host's generator", check_generator},
    {"rbtoken.service_account/1 gets a token", check_service_account},
};

static unsigned run(const check *checks, size_t count)
{
    unsigned failed = 0;
    size_t i;

    for (i = 0; i < count; i++) {
        const char *failure = checks[i].run();

        if (failure == NULL)
            printf("ok   %s\n", checks[i].name);
        else
            printf("FAIL %s: %s\n", checks[i].name, failure);
        fflush(stdout);
        failed += failure != NULL;
    }
    return failed;
}

/* Finds the extension table; prints the reason on failure. */
static const char *load(const char *path)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol;
    rbtoken_status_t status;

    if (handle == NULL)
        return because("%s", dlerror());
    symbol = dlsym(handle, "rbtoken_extension_entry_v1");
    if (symbol == NULL) {
        if (dlsym(handle, "rbtoken_extension_entry_v2") != NULL)
            return because("its major version is newer than this host's: it has "
                           "rbtoken_extension_entry_v2, and no rbtoken_extension_entry_v1");
        return because("it is no library of this kind: it has no rbtoken_extension_entry_v1");
    }
    memcpy(&entry, &symbol, sizeof entry);
    status = entry(RBTOKEN_EXTENSION_MINOR, &extension);
    if (status != RBTOKEN_OK)
        return because("its entry answers with status %" PRId32, status);
    if (extension == NULL)
        return because("its entry gives no extension table");
    if (extension->struct_size < sizeof *extension)
        return because("its extension table has %lu bytes, and this host needs %lu",
                       (unsigned long)extension->struct_size, (unsigned long)sizeof *extension);
    return NULL;
}

static const char *or_dash(const char *text)
{
    return text == NULL ? "-" : text;
}

int main(int argc, char **argv)
{
    const size_t basic = sizeof BASIC / sizeof *BASIC, others = sizeof CHECKS / sizeof *CHECKS;
    const char *failure;
    unsigned failed;

    if (argc != 2) {
        fprintf(stderr, "usage: %s LIBRARY\n", argv[0]);
        return 2;
    }
    failure = load(argv[1]);
    if (failure != NULL) {
        printf("FAIL the library can be loaded: %s\nnot conforming: %s\n", failure, argv[1]);
        return 1;
    }
    printf("ok   the library can be loaded\n");
    printf("     id       %s\n     name     %s\n     version  %s\n     author   %s\n",
           or_dash(extension->id), or_dash(extension->name), or_dash(extension->version),
           or_dash(extension->author));
    printf("     license  %s\n     summary  %s\n     url      %s\n", or_dash(extension->license),
           or_dash(extension->summary), or_dash(extension->url));
    failed = run(BASIC, basic);
    if (failed > 0) {
        printf("not conforming: %s (%lu checks were not tried)\n", argv[1], (unsigned long)others);
        return 1;
    }
    failed = run(CHECKS, others);
    if (failed > 0) {
        printf("not conforming: %s (%u of %lu checks failed)\n", argv[1], failed,
               (unsigned long)(others + basic + 1));
        return 1;
    }
    printf("conforming: %s (%lu checks)\n", argv[1], (unsigned long)(others + basic + 1));
    return 0;
}
