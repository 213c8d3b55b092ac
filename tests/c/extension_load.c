/* An instance that is repeatedly shut down and initialized while other threads use it. */
#define _POSIX_C_SOURCE 200809L
#include "extension.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 4, ROUNDS = 150 };

static rbtoken_instance_t *instance;
static atomic_bool finished;
static atomic_uint answered, refused, hooks_made, hooks_destroyed, generators_made,
    generators_destroyed, logged;

/* The state of a hook, and whether it may still be called. */
typedef struct witness {
    atomic_bool destroyed;
    atomic_uint in_flight;
} witness;

static void on_created(void *user_data, rbtoken_store_t *store, const rbtoken_token_t *token,
                       bool auto_generated)
{
    witness *self = (witness *)user_data;
    rbtoken_token_t *same;
    rbtoken_status_t status;

    (void)auto_generated;
    atomic_fetch_add(&self->in_flight, 1);
    CHECK(!atomic_load(&self->destroyed));
    status = stores->get_token(store, tokens->id(token), &same, NULL);
    CHECK(status == RBTOKEN_OK || status == RBTOKEN_E_STATE || status == RBTOKEN_E_NOT_FOUND);
    tokens->release(same);
    CHECK(!atomic_load(&self->destroyed));
    atomic_fetch_sub(&self->in_flight, 1);
}

static void on_destroyed(void *user_data)
{
    witness *self = (witness *)user_data;

    CHECK(atomic_load(&self->in_flight) == 0);
    CHECK(!atomic_exchange(&self->destroyed, true));
    atomic_fetch_add(&hooks_destroyed, 1);
    free(self);
}

static void add_hooks(rbtoken_store_t *store)
{
    witness *self = (witness *)malloc(sizeof *self);
    rbtoken_hooks_t table;
    rbtoken_status_t status;
    uint64_t id;

    CHECK(self != NULL);
    atomic_init(&self->destroyed, false);
    atomic_init(&self->in_flight, 0);
    RBTOKEN_INIT(&table);
    table.user_data = self;
    table.created = on_created;
    table.destroy = on_destroyed;
    atomic_fetch_add(&hooks_made, 1);
    status = hooks->add_hooks(store, &table, &id, NULL);
    CHECK(status == RBTOKEN_OK || status == RBTOKEN_E_STATE);
}

typedef struct maker {
    atomic_bool destroyed;
} maker;

static atomic_uint made;

static rbtoken_status_t make(void *user_data, const char *token_type, uint32_t attempt, char *value,
                             size_t capacity, size_t *value_len)
{
    maker *self = (maker *)user_data;

    (void)attempt;
    CHECK(!atomic_load(&self->destroyed));
    *value_len = (size_t)snprintf(value, capacity, "%s-%u", token_type, atomic_fetch_add(&made, 1));
    CHECK(!atomic_load(&self->destroyed));
    return RBTOKEN_OK;
}

static rbtoken_status_t validate(void *user_data, const char *token_type, const char *value,
                                 size_t value_len, bool *valid)
{
    (void)user_data;
    (void)token_type;
    (void)value;
    *valid = value_len > 0;
    return RBTOKEN_OK;
}

static void maker_destroyed(void *user_data)
{
    maker *self = (maker *)user_data;

    CHECK(!atomic_exchange(&self->destroyed, true));
    atomic_fetch_add(&generators_destroyed, 1);
    free(self);
}

/* Every second store creates its client tokens with a host's generator. */
static void add_generator(rbtoken_store_t *store)
{
    maker *self = (maker *)malloc(sizeof *self);
    rbtoken_generator_t table;

    CHECK(self != NULL);
    atomic_init(&self->destroyed, false);
    RBTOKEN_INIT(&table);
    table.user_data = self;
    table.create = make;
    table.validate = validate;
    table.destroy = maker_destroyed;
    atomic_fetch_add(&generators_made, 1);
    CHECK_OK(generators->add_generator(store, RBTOKEN_STR("host"), &table, NULL));
    CHECK_OK(generators->set_default_generator(store, RBTOKEN_STR("host"), NULL));
}

static void count_answer(rbtoken_status_t status)
{
    if (status != RBTOKEN_OK && status != RBTOKEN_E_STATE && status != RBTOKEN_E_NOT_FOUND) {
        fprintf(stderr, "a call answers %" PRId32 "\n", status);
        exit(EXIT_FAILURE);
    }
    atomic_fetch_add(status == RBTOKEN_E_STATE ? &refused : &answered, 1);
}

static void use(rbtoken_store_t *store, unsigned number)
{
    char client[32];
    rbtoken_token_t *token, *other;
    rbtoken_token_list_t *list;
    rbtoken_verdict_t verdict;
    rbtoken_status_t status;
    bool created;
    uint64_t count;

    snprintf(client, sizeof client, "client %u", number % 16);
    status = get_token(store, client, &token, &created);
    count_answer(status);
    CHECK((status == RBTOKEN_OK) == (token != NULL));
    if (token != NULL) {
        status = stores->authenticate(store, RBTOKEN_STR(tokens->value(token, NULL)), NULL,
                                      &verdict, &other, NULL, NULL);
        count_answer(status);
        CHECK((verdict == RBTOKEN_VERDICT_OK) == (other != NULL));
        CHECK(status == RBTOKEN_OK || verdict == RBTOKEN_VERDICT_REFUSED);
        tokens->release(other);
        if (number % 8 == 0)
            count_answer(stores->delete_token(store, tokens->id(token), NULL));
        CHECK(strcmp(tokens->user(token, NULL), "alice") == 0);
    }
    count_answer(stores->list_tokens(store, NULL, &list, NULL));
    lists->free(list);
    count_answer(stores->token_count(store, &count, NULL));
    if (number % 16 == 0)
        add_hooks(store);
    tokens->release(token);
}

static void *work(void *data)
{
    unsigned number = *(const unsigned *)data;
    rbtoken_store_t *store;
    rbtoken_buffer_t *settings;
    rbtoken_status_t status;
    int i;

    while (!atomic_load(&finished)) {
        status = extension->get_store(instance, &store, NULL);
        count_answer(status);
        CHECK((status == RBTOKEN_OK) == (store != NULL));
        for (i = 0; store != NULL && i < 20; i++)
            use(store, number++);
        stores->release(store);
        CHECK_OK(extension->get_settings(instance, &settings, NULL));
        buffers->free(settings);
    }
    return NULL;
}

static void host_log(void *user_data, int32_t level, const char *target, const char *message)
{
    (void)user_data;
    (void)level;
    CHECK(target[0] != '\0' && message[0] != '\0');
    atomic_fetch_add(&logged, 1);
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    unsigned starts[THREADS];
    rbtoken_store_t *store;
    rbtoken_host_v1_t host;
    unsigned before, i;

    load(argc, argv);
    RBTOKEN_INIT(&host);
    host.log = host_log;
    CHECK_OK(extension->create(&host, &instance, NULL));
    CHECK_OK(extension->configure(instance, NULL, 0, NULL));
    for (i = 0; i < THREADS; i++) {
        starts[i] = i * 1000;
        CHECK(pthread_create(&threads[i], NULL, work, &starts[i]) == 0);
    }
    for (i = 0; i < ROUNDS; i++) {
        CHECK_OK(extension->initialize(instance, NULL));
        CHECK_OK(extension->get_store(instance, &store, NULL));
        if (i % 2 == 0)
            add_generator(store);
        add_hooks(store);
        /* Some calls complete before the next shutdown. */
        before = atomic_load(&answered);
        while (atomic_load(&answered) < before + 20)
            use(store, i);
        CHECK_OK(extension->shutdown(instance, NULL));
        CHECK_STATUS(RBTOKEN_E_STATE, stores->token_count(store, &(uint64_t){0}, NULL));
        stores->release(store);
    }
    atomic_store(&finished, true);
    for (i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    OK("every call answers while the instance is shut down and initialized");

    CHECK(atomic_load(&hooks_destroyed) == atomic_load(&hooks_made));
    CHECK(atomic_load(&generators_destroyed) == atomic_load(&generators_made));
    OK("hooks and generators are destroyed once, and after their last call");
    CHECK_OK(extension->initialize(instance, NULL));
    before = atomic_load(&hooks_destroyed);
    CHECK_OK(extension->get_store(instance, &store, NULL));
    add_hooks(store);
    extension->destroy(instance);
    CHECK(atomic_load(&hooks_destroyed) == before + 1);
    stores->release(store);
    OK("destroying an instance that is initialized shuts it down");
    return 0;
}
