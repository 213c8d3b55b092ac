/* Log, clock and entropy of a host: errors are returned, and no lock is held during a callback. */
#define _POSIX_C_SOURCE 200809L
#include "extension.h"

#include <unistd.h>

typedef struct services {
    rbtoken_status_t now_status, fill_status;
    int64_t now_us;
    int fill_byte; /* -1: varying bytes */
    uint32_t seed;
    unsigned now_calls, fill_calls, messages;
    rbtoken_instance_t *instance; /* used by the log callback */
} services;

static rbtoken_status_t now(void *user_data, int64_t *now_us)
{
    services *self = (services *)user_data;

    self->now_calls++;
    *now_us = self->now_us;
    return self->now_status;
}

static rbtoken_status_t fill(void *user_data, uint8_t *bytes, size_t len)
{
    services *self = (services *)user_data;
    size_t i;

    self->fill_calls++;
    for (i = 0; i < len; i++) {
        self->seed = self->seed * 1664525u + 1013904223u;
        bytes[i] = self->fill_byte < 0 ? (uint8_t)(self->seed >> 24) : (uint8_t)self->fill_byte;
    }
    return self->fill_status;
}

/* Uses everything of the instance. If a lock were held, this would deadlock. */
static void log_message(void *user_data, int32_t level, const char *target, const char *message)
{
    services *self = (services *)user_data;
    rbtoken_buffer_t *settings;
    rbtoken_store_t *store;
    rbtoken_status_t status;

    (void)message;
    CHECK(level >= RBTOKEN_LOG_ERROR && strncmp(target, "rbtoken.", 8) == 0);
    self->messages++;
    if (self->instance == NULL)
        return;
    CHECK_OK(extension->get_settings(self->instance, &settings, NULL));
    buffers->free(settings);
    status = extension->get_store(self->instance, &store, NULL);
    CHECK(status == RBTOKEN_OK || status == RBTOKEN_E_STATE);
    if (store != NULL) {
        CHECK(count_of(store) <= 1);
        CHECK_OK(stores->set_setting(store, RBTOKEN_STR("min_validity_secs"), RBTOKEN_STR("9"),
                                     NULL));
    }
    stores->release(store);
}

static rbtoken_host_v1_t table_of(services *self)
{
    rbtoken_host_v1_t host;

    memset(self, 0, sizeof *self);
    self->now_us = 1700000000000000;
    self->fill_byte = -1;
    RBTOKEN_INIT(&host);
    host.user_data = self;
    host.log = log_message;
    host.now = now;
    host.fill = fill;
    return host;
}

static void failures(void)
{
    static const rbtoken_status_t statuses[] = {-1, 1, 82, 201, 4711, INT32_MIN, INT32_MAX};
    services self;
    rbtoken_host_v1_t host = table_of(&self);
    rbtoken_instance_t *instance;
    rbtoken_store_t *store = open_instance(&host, &instance);
    rbtoken_token_list_t *list;
    rbtoken_token_t *token;
    rbtoken_verdict_t verdict;
    bool created;
    size_t i;

    CHECK(self.now_calls == 0 && self.fill_calls == 0);
    for (i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        self.now_status = statuses[i];
        CHECK_STATUS(statuses[i], get_token(store, "c", &token, &created));
        CHECK(token == NULL && !created);
        CHECK_STATUS(statuses[i], stores->list_tokens(store, NULL, &list, NULL));
        verdict = RBTOKEN_VERDICT_OK;
        CHECK_STATUS(statuses[i], stores->authenticate(store, RBTOKEN_STR("x"), NULL, &verdict,
                                                       &token, NULL, NULL));
        CHECK(verdict == RBTOKEN_VERDICT_REFUSED);
        CHECK_STATUS(statuses[i],
                     stores->invalidate_token_by_id(store, 1, RBTOKEN_STR("why"), NULL));
        self.now_status = RBTOKEN_OK;
        self.fill_status = statuses[i];
        self.fill_calls = 0;
        CHECK_STATUS(statuses[i], get_token(store, "c", &token, &created));
        CHECK(token == NULL && !created && self.fill_calls == 1);
        self.fill_status = RBTOKEN_OK;
        CHECK(count_of(store) == 0);
    }
    OK("what a clock or an entropy source answers is passed on, and nothing is changed");

    self.now_us = INT64_MIN;
    CHECK_STATUS(RBTOKEN_E_CALLBACK, get_token(store, "c", &token, NULL));
    self.now_us = 253402300800000000; /* the year 10000 */
    CHECK_STATUS(RBTOKEN_E_CALLBACK, get_token(store, "c", &token, NULL));
    self.now_us = 1700000000000000;
    OK("a time outside the years 1 to 9999 is E_CALLBACK");

    self.fill_byte = 0xFF; /* always rejected, so that no character can be made */
    CHECK_STATUS(RBTOKEN_E_CALLBACK, get_token(store, "c", &token, NULL));
    self.fill_byte = 0;
    CHECK_OK(get_token(store, "c", &token, NULL));
    tokens->release(token);
    CHECK_STATUS(RBTOKEN_E_GENERATION, get_token(store, "d", &token, NULL));
    CHECK(count_of(store) == 1);
    close_instance(instance, store);
    OK("an entropy source that is stuck fails the call and does not keep it");
}

static void log_calls_back(void)
{
    services self;
    rbtoken_host_v1_t host = table_of(&self);
    rbtoken_instance_t *instance;
    rbtoken_store_t *store;
    rbtoken_token_t *token;
    rbtoken_verdict_t verdict;
    unsigned messages;

    CHECK_OK(extension->create(&host, &instance, NULL));
    CHECK(self.messages == 1);
    self.instance = instance;
    CHECK_STATUS(RBTOKEN_E_STATE, extension->initialize(instance, NULL));
    CHECK_STATUS(RBTOKEN_E_JSON_SYNTAX, extension->configure(instance, RBTOKEN_STR("{"), NULL));
    CHECK_OK(extension->configure(instance, NULL, 0, NULL));
    CHECK_OK(extension->initialize(instance, NULL));
    CHECK_OK(extension->get_store(instance, &store, NULL));
    CHECK(self.messages == 5);
    CHECK_OK(get_token(store, "c", &token, NULL));
    CHECK_STATUS(RBTOKEN_E_NULL_ARGUMENT,
                 stores->authenticate(store, RBTOKEN_STR(tokens->value(token, NULL)), NULL,
                                      &verdict, NULL, NULL, NULL));
    CHECK_OK(stores->delete_token(store, tokens->id(token), NULL));
    tokens->release(token);
    CHECK_OK(extension->shutdown(instance, NULL));
    messages = self.messages;
    CHECK(messages == 8);
    CHECK_STATUS(RBTOKEN_E_STATE, get_token(store, "c", &token, NULL));
    CHECK(self.messages == messages);
    self.instance = NULL;
    extension->destroy(instance);
    CHECK(self.messages == messages + 1);
    stores->release(store);
    OK("the log may use the instance and its store");
}

/* A hook that shuts its own instance down, and another one after it. */
static unsigned told, destroyed;

static void shut_down(void *user_data, rbtoken_store_t *store, const rbtoken_token_t *token,
                      bool auto_generated)
{
    (void)token;
    (void)auto_generated;
    told++;
    CHECK_OK(extension->shutdown((rbtoken_instance_t *)user_data, NULL));
    CHECK_STATUS(RBTOKEN_E_STATE, stores->token_count(store, &(uint64_t){0}, NULL));
    CHECK(destroyed == 1); /* the other hook; this one's call is in progress */
}

static void never(void *user_data, rbtoken_store_t *store, const rbtoken_token_t *token,
                  bool auto_generated)
{
    (void)user_data;
    (void)store;
    (void)token;
    (void)auto_generated;
    CHECK(!"called after the shutdown");
}

static void on_destroyed(void *user_data)
{
    (void)user_data;
    destroyed++;
}

static void hook_shuts_down(void)
{
    rbtoken_instance_t *instance;
    rbtoken_store_t *store = open_instance(NULL, &instance);
    rbtoken_hooks_t table;
    rbtoken_token_t *token;
    uint64_t id;
    bool created;

    RBTOKEN_INIT(&table);
    table.user_data = instance;
    table.created = shut_down;
    table.destroy = on_destroyed;
    CHECK_OK(hooks->add_hooks(store, &table, &id, NULL));
    table.created = never;
    CHECK_OK(hooks->add_hooks(store, &table, &id, NULL));
    CHECK_OK(get_token(store, "c", &token, &created));
    CHECK(created && told == 1 && destroyed == 2);
    CHECK_STATUS(RBTOKEN_E_STATE, hooks->remove_hooks(store, id, NULL));
    tokens->release(token);
    close_instance(instance, store);
    CHECK(told == 1 && destroyed == 2);
    OK("a hook may shut its instance down; it is destroyed after its call, and no other is called");
}

int main(int argc, char **argv)
{
    load(argc, argv);
    failures();
    log_calls_back();
    hook_shuts_down();
    return 0;
}
