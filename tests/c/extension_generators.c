/* Generators of a host: allowed results, allowed calls, and when they are destroyed. */
#define _POSIX_C_SOURCE 200809L
#include "extension.h"

#include <unistd.h>

/* A generator with configurable results. */
typedef struct scripted {
    const char *bytes;       /* what it writes */
    size_t len;              /* number of bytes */
    size_t told_len;         /* the length that it reports; SIZE_MAX: none */
    rbtoken_status_t status; /* what it returns */
    unsigned calls, destroyed;
    uint32_t attempts[32];
    rbtoken_store_t *store; /* the store that it uses, if any */
} scripted;

static rbtoken_status_t create(void *user_data, const char *token_type, uint32_t attempt,
                               char *value, size_t capacity, size_t *value_len)
{
    scripted *self = (scripted *)user_data;

    CHECK(strcmp(token_type, "rbp") == 0 && capacity >= 4 * 255 && self->calls < 32);
    self->attempts[self->calls++] = attempt;
    if (self->bytes != NULL)
        memcpy(value, self->bytes, self->len);
    if (self->told_len != SIZE_MAX)
        *value_len = self->told_len;
    return self->status;
}

static rbtoken_status_t validate(void *user_data, const char *token_type, const char *value,
                                 size_t value_len, bool *valid)
{
    scripted *self = (scripted *)user_data;

    (void)token_type;
    *valid = value_len == self->len && memcmp(value, self->bytes, value_len) == 0;
    return self->status;
}

static void destroy(void *user_data)
{
    ((scripted *)user_data)->destroyed++;
}

static rbtoken_generator_t table_of(scripted *self)
{
    rbtoken_generator_t table;

    RBTOKEN_INIT(&table);
    table.user_data = self;
    table.create = create;
    table.validate = validate;
    table.destroy = destroy;
    return table;
}

static rbtoken_status_t add(rbtoken_store_t *store, const char *id, scripted *self)
{
    rbtoken_generator_t table = table_of(self);

    return generators->add_generator(store, RBTOKEN_STR(id), &table, NULL);
}

static scripted saying(const char *value)
{
    scripted self;

    memset(&self, 0, sizeof self);
    self.bytes = value;
    self.len = self.told_len = strlen(value);
    return self;
}

static rbtoken_status_t generate(rbtoken_store_t *store, const char *id, rbtoken_token_t **token)
{
    rbtoken_generate_options_t options;

    RBTOKEN_INIT(&options);
    RBTOKEN_SET_STR(&options, generator_id, id);
    return stores->generate_token(store, RBTOKEN_STR("alice"), &options, token, NULL);
}

static void garbage(void)
{
    static char long_ascii[4 * 255 + 1], long_wide[2 * 256], widest[4 * 255];
    static const struct {
        const char *bytes;
        size_t len, told_len;
    } cases[] = {
        {NULL, 0, 0},                     /* empty */
        {"value", 5, SIZE_MAX},           /* no length */
        {"value", 5, SIZE_MAX - 1},       /* a wild length */
        {"value", 5, 4 * 255 + 1},        /* more than fit */
        {long_ascii, 256, 256},           /* 256 characters */
        {long_ascii, 4 * 255, 4 * 255},   /* many more */
        {long_wide, 2 * 256, 2 * 256},    /* 256 characters of two bytes */
        {widest, 4 * 255, 4 * 255 + 1},   /* one byte more than fit */
        {"\xff\xfe", 2, 2},               /* not UTF-8 */
        {"caf\xc3", 4, 4},                /* cut in the middle of a character */
        {"a\0b", 3, 3},                   /* a NUL inside */
        {"ab", 3, 3},                     /* counts its own NUL */
    };
    rbtoken_instance_t *instance;
    rbtoken_store_t *store = open_instance(NULL, &instance);
    scripted self = saying("good");
    rbtoken_token_t *token;
    rbtoken_error_t *error;
    bool created;
    size_t i;

    memset(long_ascii, 'x', sizeof long_ascii);
    for (i = 0; i < sizeof long_wide; i += 2)
        memcpy(long_wide + i, "\xc3\xa9", 2);
    for (i = 0; i < sizeof widest; i += 4)
        memcpy(widest + i, "\xf0\x9f\x94\x91", 4);
    CHECK_OK(add(store, "host", &self));
    CHECK_OK(generators->set_default_generator(store, RBTOKEN_STR("host"), NULL));
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        self.bytes = cases[i].bytes;
        self.len = cases[i].len;
        self.told_len = cases[i].told_len;
        self.calls = 0;
        created = true;
        CHECK_STATUS(RBTOKEN_E_CALLBACK,
                     stores->get_or_create_client_token(store, RBTOKEN_STR("alice"),
                                                        RBTOKEN_STR("c"), NULL, &token, &created,
                                                        &error));
        CHECK(token == NULL && !created && self.calls == 1 && count_of(store) == 0);
        CHECK(strstr(errors->message(error), "contract") != NULL);
        CHECK(strstr(errors->message(error), "xxx") == NULL);
        errors->free(error);
    }
    /* The maximum: 255 characters, of any number of bytes. */
    self.bytes = widest;
    self.len = self.told_len = sizeof widest;
    CHECK_OK(get_token(store, "c", &token, &created));
    CHECK(created && strlen(tokens->value(token, NULL)) == 4 * 255);
    tokens->release(token);
    close_instance(instance, store);
    CHECK(self.destroyed == 1);
    OK("what breaks a generator's contract is E_CALLBACK and changes nothing");
}

static void collisions(void)
{
    rbtoken_instance_t *instance;
    rbtoken_store_t *store = open_instance(NULL, &instance);
    scripted self = saying("the same");
    rbtoken_token_t *token;
    uint32_t i;

    CHECK_OK(add(store, "host", &self));
    CHECK_OK(generate(store, "host", &token));
    tokens->release(token);
    CHECK(self.calls == 1 && self.attempts[0] == 0);
    self.calls = 0;
    CHECK_STATUS(RBTOKEN_E_GENERATION, generate(store, "host", &token));
    CHECK(token == NULL && self.calls == 20 && count_of(store) == 1);
    for (i = 0; i < 20; i++)
        CHECK(self.attempts[i] == i);
    self.calls = 0;
    CHECK_OK(generators->set_default_generator(store, RBTOKEN_STR("host"), NULL));
    CHECK_STATUS(RBTOKEN_E_GENERATION, get_token(store, "c", &token, NULL));
    CHECK(self.calls == 20 && self.attempts[19] == 19);
    close_instance(instance, store);
    OK("a generator is asked 20 times, attempt 0 to 19, and then no more");
}

static void own_status(void)
{
    static const rbtoken_status_t statuses[] = {-1, 1, 82, 201, 12345, INT32_MIN, INT32_MAX};
    rbtoken_instance_t *instance;
    rbtoken_store_t *store = open_instance(NULL, &instance);
    scripted self = saying("value");
    rbtoken_token_t *token;
    bool valid = true;
    size_t i;

    CHECK_OK(add(store, "host", &self));
    for (i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        self.status = statuses[i];
        self.calls = 0;
        CHECK_STATUS(statuses[i], generate(store, "host", &token));
        CHECK(token == NULL && self.calls == 1 && count_of(store) == 0);
        CHECK_STATUS(statuses[i],
                     stores->value_is_valid(store, RBTOKEN_STR("host"), RBTOKEN_STR("rbp"),
                                            RBTOKEN_STR("value"), &valid, NULL));
        CHECK(!valid);
    }
    close_instance(instance, store);
    OK("a generator's own status is passed on, and it is asked once");
}

/* Uses the store that requests a value, in every way that could deadlock. */
static rbtoken_status_t nested(void *user_data, const char *token_type, uint32_t attempt,
                               char *value, size_t capacity, size_t *value_len)
{
    scripted *self = (scripted *)user_data;
    rbtoken_token_list_t *list;
    rbtoken_token_t *token;
    bool valid;

    (void)attempt;
    if (self->calls++ == 0) {
        CHECK_OK(stores->list_tokens(self->store, NULL, &list, NULL));
        CHECK(lists->count(list) == 0);
        lists->free(list);
        CHECK_STATUS(RBTOKEN_E_NOT_FOUND,
                     stores->find_token(self->store, RBTOKEN_STR("none"), &token, NULL));
        CHECK_OK(stores->value_is_valid(self->store, RBTOKEN_STR("host"), RBTOKEN_STR(token_type),
                                        RBTOKEN_STR("x"), &valid, NULL));
        CHECK_OK(generators->set_deprecated_generators(self->store, NULL, 0, NULL));
        CHECK_OK(generators->set_default_generator(self->store, RBTOKEN_STR("host"), NULL));
        CHECK_OK(stores->set_setting(self->store, RBTOKEN_STR("min_validity_secs"),
                                     RBTOKEN_STR("5"), NULL));
        CHECK_OK(get_token(self->store, "inner", &token, NULL));
        tokens->release(token);
    }
    *value_len = (size_t)snprintf(value, capacity, "value %u", self->calls++);
    return RBTOKEN_OK;
}

static void calls_back(void)
{
    rbtoken_instance_t *instance;
    rbtoken_store_t *store = open_instance(NULL, &instance);
    scripted self = saying("x");
    rbtoken_generator_t table = table_of(&self);
    rbtoken_token_t *token;
    bool created;

    self.store = store;
    table.create = nested;
    CHECK_OK(generators->add_generator(store, RBTOKEN_STR("host"), &table, NULL));
    CHECK_OK(generators->set_default_generator(store, RBTOKEN_STR("host"), NULL));
    CHECK_OK(get_token(store, "outer", &token, &created));
    CHECK(created && count_of(store) == 2);
    tokens->release(token);
    close_instance(instance, store);
    CHECK(self.destroyed == 1);
    OK("a generator may use the store that it works for");
}

/* Creates the token that its caller requests while the caller waits for a value. */
static rbtoken_status_t forestalling(void *user_data, const char *token_type, uint32_t attempt,
                                     char *value, size_t capacity, size_t *value_len)
{
    scripted *self = (scripted *)user_data;
    rbtoken_token_t *token;
    unsigned call = self->calls++;

    (void)token_type;
    (void)attempt;
    if (call == 0) {
        CHECK_OK(get_token(self->store, "c", &token, NULL));
        tokens->release(token);
    }
    *value_len = (size_t)snprintf(value, capacity, "value %u", call);
    return RBTOKEN_OK;
}

static void forestalled(void)
{
    rbtoken_instance_t *instance;
    rbtoken_store_t *store = open_instance(NULL, &instance);
    scripted self = saying("x");
    rbtoken_generator_t table = table_of(&self);
    rbtoken_token_t *token;
    bool created = true;

    self.store = store;
    table.create = forestalling;
    CHECK_OK(generators->add_generator(store, RBTOKEN_STR("host"), &table, NULL));
    CHECK_OK(generators->set_default_generator(store, RBTOKEN_STR("host"), NULL));
    CHECK_OK(get_token(store, "c", &token, &created));
    CHECK(!created && count_of(store) == 1 && strcmp(tokens->value(token, NULL), "value 1") == 0);
    tokens->release(token);
    close_instance(instance, store);
    OK("a token that a generator made meanwhile is the one that is given");
}

/* A generator whose destruction uses the store: no lock may be held. */
static void destroy_and_use(void *user_data)
{
    scripted *self = (scripted *)user_data;
    const char *const ids[] = {"old"};
    rbtoken_status_t status = generators->set_deprecated_generators(self->store, ids, 1, NULL);

    CHECK(status == RBTOKEN_OK || status == RBTOKEN_E_STATE);
    self->destroyed++;
}

static void registration(void)
{
    rbtoken_instance_t *instance, *other_instance;
    rbtoken_store_t *store = open_instance(NULL, &instance);
    rbtoken_store_t *other = open_instance(NULL, &other_instance);
    scripted first = saying("first"), legacy = saying("legacy"), refused = saying("refused");
    scripted last = saying("last");
    rbtoken_generator_t table = table_of(&refused), bad;
    rbtoken_token_t *token;
    char long_id[257];
    unsigned ends = 0;

    CHECK_OK(add(store, "host", &first));
    CHECK_STATUS(RBTOKEN_E_EXISTS, add(store, "host", &refused));
    CHECK(refused.destroyed == ++ends);
    CHECK_STATUS(RBTOKEN_E_EXISTS, add(store, "vendor_checksum", &refused));
    CHECK(refused.destroyed == ++ends);

    CHECK_STATUS(RBTOKEN_E_UNSUPPORTED, generate(store, "legacy_sha1", &token));
    CHECK_OK(add(store, "legacy_sha1", &legacy));
    CHECK_STATUS(RBTOKEN_E_EXISTS, add(store, "legacy_sha1", &refused));
    CHECK(refused.destroyed == ++ends);
    CHECK_OK(generate(store, "legacy_sha1", &token));
    CHECK(strcmp(tokens->value(token, NULL), "legacy") == 0 && tokens->is_deprecated(token));
    tokens->release(token);

    CHECK_STATUS(RBTOKEN_E_INVALID_ARGUMENT, add(store, "", &refused));
    CHECK(refused.destroyed == ++ends);
    memset(long_id, 'x', 256);
    long_id[256] = '\0';
    CHECK_STATUS(RBTOKEN_E_TOO_LONG, add(store, long_id, &refused));
    CHECK(refused.destroyed == ++ends);
    CHECK_STATUS(RBTOKEN_E_INVALID_UTF8, add(store, "\xff", &refused));
    CHECK(refused.destroyed == ++ends);
    CHECK_STATUS(RBTOKEN_E_NULL_ARGUMENT, generators->add_generator(store, NULL, 0, &table, NULL));
    CHECK(refused.destroyed == ++ends);
    CHECK_STATUS(RBTOKEN_E_NULL_ARGUMENT,
                 generators->add_generator(NULL, RBTOKEN_STR("new"), &table, NULL));
    CHECK(refused.destroyed == ++ends);
    bad = table;
    bad.create = NULL;
    CHECK_STATUS(RBTOKEN_E_NULL_ARGUMENT,
                 generators->add_generator(store, RBTOKEN_STR("new"), &bad, NULL));
    CHECK(refused.destroyed == ++ends);
    bad = table;
    bad.validate = NULL;
    CHECK_STATUS(RBTOKEN_E_NULL_ARGUMENT,
                 generators->add_generator(store, RBTOKEN_STR("new"), &bad, NULL));
    CHECK(refused.destroyed == ++ends);
    /* Unknown fields are not destroyed. */
    bad = table;
    bad.struct_size = 8;
    CHECK_STATUS(RBTOKEN_E_STRUCT_SIZE,
                 generators->add_generator(store, RBTOKEN_STR("new"), &bad, NULL));
    CHECK(refused.destroyed == ends);
    CHECK(refused.calls == 0);

    /* None of this affected the other store. */
    CHECK_STATUS(RBTOKEN_E_GENERATION, generate(other, "host", &token));
    CHECK_STATUS(RBTOKEN_E_UNSUPPORTED, generate(other, "legacy_sha1", &token));
    CHECK_STATUS(RBTOKEN_E_GENERATION,
                 generators->set_default_generator(other, RBTOKEN_STR("host"), NULL));
    OK("a generator's id is taken once, legacy_sha1 is replaced once, and for one store");

    /* A rejected generator may use the store while it is destroyed. */
    last.store = store;
    bad = table_of(&last);
    bad.destroy = destroy_and_use;
    CHECK_STATUS(RBTOKEN_E_EXISTS,
                 generators->add_generator(store, RBTOKEN_STR("host"), &bad, NULL));
    CHECK(last.destroyed == 1);
    CHECK_OK(generators->add_generator(store, RBTOKEN_STR("last"), &bad, NULL));
    CHECK(first.destroyed == 0 && legacy.destroyed == 0);
    CHECK_OK(extension->shutdown(instance, NULL));
    CHECK(first.destroyed == 1 && legacy.destroyed == 1 && last.destroyed == 2);
    CHECK_STATUS(RBTOKEN_E_STATE, add(store, "new", &refused));
    CHECK(refused.destroyed == ++ends);
    close_instance(instance, store);
    close_instance(other_instance, other);
    CHECK(first.destroyed == 1 && legacy.destroyed == 1 && last.destroyed == 2);
    CHECK(refused.destroyed == ends && refused.calls == 0);
    OK("a generator is destroyed once: with its store, or at once if it is refused");
}

static void ends_with_a_linked_store(void)
{
    rbtoken_store_t *store;
    scripted self = saying("x");

    CHECK_OK(stores->open(NULL, &store, NULL));
    CHECK_OK(add(store, "host", &self));
    stores->release(store);
    CHECK(self.destroyed == 1);
    OK("a generator ends with a store that was opened, too");
}

/* Shuts its own instance down while it generates a value. */
static rbtoken_instance_t *to_shut_down;

static rbtoken_status_t shutting_down(void *user_data, const char *token_type, uint32_t attempt,
                                      char *value, size_t capacity, size_t *value_len)
{
    scripted *self = (scripted *)user_data;

    (void)token_type;
    (void)attempt;
    CHECK_OK(extension->shutdown(to_shut_down, NULL));
    CHECK(self->destroyed == 0); /* its call is in progress */
    *value_len = (size_t)snprintf(value, capacity, "the last");
    return RBTOKEN_OK;
}

static void shut_down_in_flight(void)
{
    rbtoken_instance_t *instance;
    rbtoken_store_t *store = open_instance(NULL, &instance);
    scripted self = saying("x");
    rbtoken_generator_t table = table_of(&self);
    rbtoken_token_t *token;

    table.create = shutting_down;
    to_shut_down = instance;
    CHECK_OK(generators->add_generator(store, RBTOKEN_STR("host"), &table, NULL));
    CHECK_OK(generate(store, "host", &token));
    CHECK(self.destroyed == 1 && strcmp(tokens->value(token, NULL), "the last") == 0);
    CHECK(strcmp(tokens->generator_id(token, NULL), "host") == 0);
    tokens->release(token);
    CHECK_STATUS(RBTOKEN_E_STATE, generate(store, "host", &token));
    close_instance(instance, store);
    CHECK(self.destroyed == 1);
    OK("a generator's call in flight ends as it would have, and then it is destroyed");
}

static void deprecation(void)
{
    rbtoken_instance_t *instance;
    rbtoken_store_t *store = open_instance(NULL, &instance);
    scripted self = saying("old value");
    const char *const ids[] = {"host", "unknown"};
    rbtoken_client_token_options_t options;
    rbtoken_token_t *old, *again, *fresh;
    bool created;

    CHECK_OK(add(store, "host", &self));
    CHECK_OK(generators->set_default_generator(store, RBTOKEN_STR("host"), NULL));
    CHECK_OK(get_token(store, "c", &old, &created));
    CHECK(created && !tokens->is_deprecated(old));
    CHECK_OK(generators->set_deprecated_generators(store, ids, 2, NULL));
    CHECK_OK(generators->set_default_generator(store, RBTOKEN_STR("vendor_checksum"), NULL));
    CHECK_OK(get_token(store, "c", &again, &created));
    CHECK(!created && tokens->id(again) == tokens->id(old));
    CHECK(tokens->is_deprecated(again) && !tokens->is_deprecated(old)); /* snapshots */

    RBTOKEN_INIT(&options);
    options.flags = RBTOKEN_CLIENT_TOKEN_IGNORE_DEPRECATED;
    CHECK_OK(stores->get_or_create_client_token(store, RBTOKEN_STR("alice"), RBTOKEN_STR("c"),
                                                &options, &fresh, &created, NULL));
    CHECK(created && !tokens->is_deprecated(fresh) && tokens->id(fresh) != tokens->id(old));
    tokens->release(old);
    tokens->release(again);
    tokens->release(fresh);
    close_instance(instance, store);
    OK("a deprecated generator's tokens are deprecated, and passed over where that is asked");
}

int main(int argc, char **argv)
{
    load(argc, argv);
    garbage();
    collisions();
    own_status();
    calls_back();
    forestalled();
    registration();
    ends_with_a_linked_store();
    shut_down_in_flight();
    deprecation();
    return 0;
}
