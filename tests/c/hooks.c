/* Hooks: for which events they are called, in what order and on which thread; that they may use
 * the store in every way; and that their data is destroyed once, when it is no longer needed. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>

typedef enum event { CREATED, UPDATED, INVALIDATED, EXPIRED, USED, DELETED, EVENTS } event;

enum { LOG_SIZE = 64, RACERS = 4, RACES = 300 };

static const int64_t SECOND_US = 1000000;
static const int64_t START_US = 1767225600 * (int64_t)1000000;

/* ---------------------------------------------------------------- recording */

typedef struct recorder recorder;

/* What a recorder does in a call, besides recording. */
typedef void (*action_fn)(recorder *self, rbtoken_store_t *store, const rbtoken_token_t *token,
                          event what);

struct recorder {
    const char *name;
    action_fn action;
    uint64_t id;
    atomic_int calls;
    atomic_int in_calls;
    atomic_int destroyed;
    pthread_t destroyer;
    bool auto_generated;
    /* State of the last call; several threads may be in it. */
    pthread_mutex_t last;
    pthread_t caller;
    event last_event;
    /* For actions. */
    recorder *other;
    rbtoken_store_t *store;
    sem_t entered, go_on;
};

/* Calls of all recorders of a test, in order. Only single-threaded tests read this. */
typedef struct call {
    const recorder *who;
    event what;
    int64_t token_id;
} call;

static call calls[LOG_SIZE];
static atomic_int call_count;

static void forget_calls(void)
{
    atomic_store(&call_count, 0);
}

static void record(void *user_data, rbtoken_store_t *store, const rbtoken_token_t *token,
                   event what)
{
    recorder *self = (recorder *)user_data;
    int index = atomic_fetch_add(&call_count, 1);

    CHECK(atomic_load(&self->destroyed) == 0);
    CHECK(store != NULL && token != NULL && rbtoken_token_id(token) > 0);
    if (index < LOG_SIZE) {
        calls[index].who = self;
        calls[index].what = what;
        calls[index].token_id = rbtoken_token_id(token);
    }
    atomic_fetch_add(&self->in_calls, 1);
    atomic_fetch_add(&self->calls, 1);
    CHECK(pthread_mutex_lock(&self->last) == 0);
    self->caller = pthread_self();
    self->last_event = what;
    CHECK(pthread_mutex_unlock(&self->last) == 0);
    if (self->action != NULL)
        self->action(self, store, token, what);
    CHECK(atomic_load(&self->destroyed) == 0);
    atomic_fetch_sub(&self->in_calls, 1);
}

static void on_created(void *user_data, rbtoken_store_t *store, const rbtoken_token_t *token,
                       bool auto_generated)
{
    ((recorder *)user_data)->auto_generated = auto_generated;
    record(user_data, store, token, CREATED);
}

static void on_updated(void *user_data, rbtoken_store_t *store, const rbtoken_token_t *token)
{
    record(user_data, store, token, UPDATED);
}

static void on_invalidated(void *user_data, rbtoken_store_t *store, const rbtoken_token_t *token)
{
    CHECK(rbtoken_token_is_invalidated(token));
    record(user_data, store, token, INVALIDATED);
}

static void on_expired(void *user_data, rbtoken_store_t *store, const rbtoken_token_t *token)
{
    CHECK(rbtoken_token_expires(token, NULL));
    record(user_data, store, token, EXPIRED);
}

static void on_used(void *user_data, rbtoken_store_t *store, const rbtoken_token_t *token)
{
    CHECK(rbtoken_token_last_used(token, NULL));
    record(user_data, store, token, USED);
}

static void on_deleted(void *user_data, rbtoken_store_t *store, const rbtoken_token_t *token)
{
    record(user_data, store, token, DELETED);
}

static void on_destroy(void *user_data)
{
    recorder *self = (recorder *)user_data;

    CHECK(atomic_load(&self->in_calls) == 0);
    CHECK(atomic_fetch_add(&self->destroyed, 1) == 0);
    self->destroyer = pthread_self();
}

static void init_recorder(recorder *self, const char *name, action_fn action)
{
    memset(self, 0, sizeof *self);
    self->name = name;
    self->action = action;
    CHECK(pthread_mutex_init(&self->last, NULL) == 0);
    CHECK(sem_init(&self->entered, 0, 0) == 0);
    CHECK(sem_init(&self->go_on, 0, 0) == 0);
}

static void init_hooks(rbtoken_hooks_t *hooks, recorder *self)
{
    RBTOKEN_INIT(hooks);
    hooks->user_data = self;
    hooks->created = on_created;
    hooks->updated = on_updated;
    hooks->invalidated = on_invalidated;
    hooks->expired = on_expired;
    hooks->used = on_used;
    hooks->deleted = on_deleted;
    hooks->destroy = on_destroy;
}

/* Creates and registers a recorder. */
static void add(rbtoken_store_t *store, recorder *self, const char *name, action_fn action)
{
    rbtoken_hooks_t hooks;
    rbtoken_error_t *error;

    init_recorder(self, name, action);
    init_hooks(&hooks, self);
    CHECK_OK(rbtoken_store_add_hooks(store, &hooks, &self->id, &error));
    CHECK(self->id >= 1);
    /* The library has copied the struct. */
    memset(&hooks, 0, sizeof hooks);
}

/* ---------------------------------------------------------------- a store */

static int64_t now_us;

static rbtoken_status_t tell_time(void *user_data, int64_t *out_us)
{
    (void)user_data;
    *out_us = now_us;
    return RBTOKEN_OK;
}

static rbtoken_store_t *open_store(void)
{
    rbtoken_store_options_t options;
    rbtoken_clock_t clock;
    rbtoken_store_t *store;
    rbtoken_error_t *error;

    now_us = START_US;
    RBTOKEN_INIT(&clock);
    clock.now = tell_time;
    RBTOKEN_INIT(&options);
    options.clock = &clock;
    CHECK_OK(rbtoken_store_open(&options, &store, &error));
    CHECK_OK(rbtoken_store_add_local_site(store, RBTOKEN_STR("north"), &error));
    forget_calls();
    return store;
}

/* Creates a token that is valid for a day; on a Local Site, if one is given. */
static rbtoken_token_t *make(rbtoken_store_t *store, const char *user, const char *site)
{
    rbtoken_generate_options_t options;
    rbtoken_token_t *token;
    rbtoken_error_t *error;

    RBTOKEN_INIT(&options);
    options.expires_mode = RBTOKEN_EXPIRES_AT;
    options.expires_at_us = now_us + 86400 * SECOND_US;
    if (site != NULL)
        RBTOKEN_SET_STR(&options, local_site, site);
    CHECK_OK(rbtoken_store_generate_token(store, RBTOKEN_STR(user), &options, &token, &error));
    return token;
}

static int64_t make_id(rbtoken_store_t *store, const char *user, const char *site)
{
    rbtoken_token_t *token = make(store, user, site);
    int64_t id = rbtoken_token_id(token);

    rbtoken_token_release(token);
    return id;
}

static rbtoken_verdict_t log_in(rbtoken_store_t *store, const char *value)
{
    rbtoken_token_t *token;
    rbtoken_error_t *error;
    rbtoken_verdict_t verdict;

    CHECK_OK(rbtoken_store_authenticate(store, RBTOKEN_STR(value), NULL, &verdict, &token, NULL,
                                        &error));
    CHECK((token != NULL) == (verdict == RBTOKEN_VERDICT_OK));
    rbtoken_token_release(token);
    return verdict;
}

static void update(rbtoken_store_t *store, int64_t id)
{
    rbtoken_token_update_t change;
    rbtoken_error_t *error;

    RBTOKEN_INIT(&change);
    change.note_mode = RBTOKEN_FIELD_SET;
    RBTOKEN_SET_STR(&change, note, "changed");
    CHECK_OK(rbtoken_store_update_token(store, id, &change, NULL, &error));
}

/* Causes an event for a token of the store. */
static void cause(rbtoken_store_t *store, event what, const rbtoken_token_t *token)
{
    rbtoken_error_t *error;
    int64_t id = rbtoken_token_id(token);

    switch (what) {
    case CREATED: make_id(store, "somebody", NULL); break;
    case UPDATED: update(store, id); break;
    case INVALIDATED:
        CHECK_OK(rbtoken_store_invalidate_token_by_id(store, id, RBTOKEN_STR("lost"), &error));
        break;
    case EXPIRED:
        now_us += 2 * 86400 * SECOND_US;
        CHECK(log_in(store, rbtoken_token_value(token, NULL)) == RBTOKEN_VERDICT_EXPIRED);
        break;
    case USED: CHECK(log_in(store, rbtoken_token_value(token, NULL)) == RBTOKEN_VERDICT_OK); break;
    case DELETED: CHECK_OK(rbtoken_store_delete_token(store, id, &error)); break;
    default: CHECK(false);
    }
}

/* ---------------------------------------------------------------- the rules */

/* Calls the store in every way. The events of these calls are only recorded. */
static void use_store(recorder *self, rbtoken_store_t *store, const rbtoken_token_t *token,
                      event what)
{
    static int depth;
    rbtoken_token_t *found, *scratch;
    rbtoken_token_list_t *list;
    rbtoken_error_t *error;
    rbtoken_status_t status;
    recorder inner;
    uint64_t count;

    if (depth > 0)
        return;
    depth++;
    (void)self;

    /* The event has already happened. */
    status = rbtoken_store_find_token(store, RBTOKEN_STR(rbtoken_token_value(token, NULL)), &found,
                                      NULL);
    CHECK(status == (what == DELETED ? RBTOKEN_E_NOT_FOUND : RBTOKEN_OK));
    CHECK(found == NULL || rbtoken_token_id(found) == rbtoken_token_id(token));
    rbtoken_token_release(found);
    status = rbtoken_store_get_token(store, rbtoken_token_id(token), &found, NULL);
    CHECK(status == (what == DELETED ? RBTOKEN_E_NOT_FOUND : RBTOKEN_OK));
    rbtoken_token_release(found);
    CHECK_OK(rbtoken_store_list_tokens(store, NULL, &list, &error));
    CHECK_OK(rbtoken_store_token_count(store, &count, &error));
    CHECK(rbtoken_token_list_count(list) == count);
    rbtoken_token_list_free(list);

    /* Creates and deletes another token inside the call, with its own hooks. */
    add(store, &inner, "inner", NULL);
    scratch = make(store, "scratch", "north");
    CHECK(log_in(store, rbtoken_token_value(scratch, NULL)) == RBTOKEN_VERDICT_WRONG_SITE);
    update(store, rbtoken_token_id(scratch));
    CHECK_OK(rbtoken_store_invalidate_token(store, RBTOKEN_STR(rbtoken_token_value(scratch, NULL)),
                                            RBTOKEN_STR("done"), &error));
    CHECK_OK(rbtoken_store_delete_token(store, rbtoken_token_id(scratch), &error));
    CHECK(atomic_load(&inner.calls) == 5);
    CHECK(atomic_load(&inner.destroyed) == 0);
    CHECK_OK(rbtoken_store_remove_hooks(store, inner.id, &error));
    CHECK(atomic_load(&inner.destroyed) == 1);
    rbtoken_token_release(scratch);

    /* The token of the event can be changed and even deleted. */
    if (what != DELETED) {
        update(store, rbtoken_token_id(token));
        CHECK_OK(rbtoken_store_invalidate_token_by_id(store, rbtoken_token_id(token),
                                                      RBTOKEN_STR("from a hook"), &error));
        CHECK(log_in(store, rbtoken_token_value(token, NULL)) == RBTOKEN_VERDICT_INVALID);
        CHECK_OK(rbtoken_store_delete_token(store, rbtoken_token_id(token), &error));
        CHECK(log_in(store, rbtoken_token_value(token, NULL)) == RBTOKEN_VERDICT_UNKNOWN);
    }
    depth--;
}

/* A log that counts its messages, and keeps the last one. */
typedef struct message_log {
    rbtoken_store_t *store; /* used by the next message, unless NULL */
    int messages, destroyed;
    char last[256];
} message_log;

static void write_message(void *user_data, int32_t level, const char *target, const char *message)
{
    message_log *log = user_data;
    rbtoken_store_t *used = log->store;
    rbtoken_error_t *error;
    uint64_t count;

    CHECK(level == RBTOKEN_LOG_DEBUG && strcmp(target, "rbtoken.store") == 0);
    log->messages++;
    snprintf(log->last, sizeof log->last, "%s", message);
    log->store = NULL;
    if (used != NULL)
        CHECK_OK(rbtoken_store_token_count(used, &count, &error));
}

static void destroy_log(void *user_data)
{
    ((message_log *)user_data)->destroyed++;
}

static void events_are_logged(void)
{
    static const char *const endings[EVENTS] = {[CREATED] = " of \"somebody\" was created",
                                                [UPDATED] = " of \"al\\nice\" was updated",
                                                [INVALIDATED] = " of \"al\\nice\" was invalidated",
                                                [EXPIRED] =
                                                    " of \"al\\nice\" is expired and was refused",
                                                [USED] = " of \"al\\nice\" was used",
                                                [DELETED] = " of \"al\\nice\" was deleted"};
    static const event order[] = {CREATED, UPDATED, USED, EXPIRED, INVALIDATED, DELETED};
    static message_log mine; /* the shared store keeps it */
    rbtoken_store_options_t options;
    rbtoken_clock_t clock;
    rbtoken_log_t log;
    rbtoken_store_t *store;
    rbtoken_token_t *token;
    rbtoken_error_t *error;
    size_t i;

    RBTOKEN_INIT(&options);
    RBTOKEN_INIT(&clock);
    RBTOKEN_INIT(&log);
    clock.now = tell_time;
    log.user_data = &mine;
    log.log = write_message;
    log.destroy = destroy_log;
    options.clock = &clock;
    options.log = &log;
    CHECK_OK(rbtoken_store_open(&options, &store, &error));
    token = make(store, "al\nice", NULL);
    CHECK(mine.messages == 1);
    for (i = 0; i < sizeof order / sizeof *order; i++) {
        mine.store = store;
        cause(store, order[i], token);
        CHECK(mine.messages == (int)i + 2);
        CHECK(strlen(mine.last) > strlen(endings[order[i]]));
        CHECK(strcmp(mine.last + strlen(mine.last) - strlen(endings[order[i]]),
                     endings[order[i]]) == 0);
        CHECK(strstr(mine.last, rbtoken_token_value(token, NULL)) == NULL);
    }
    rbtoken_token_release(token);
    CHECK(mine.destroyed == 0);
    rbtoken_store_release(store);
    CHECK(mine.destroyed == 1);

    /* If the store cannot be opened, the data is destroyed as well. */
    RBTOKEN_SET_STR(&options, settings, "{");
    CHECK(rbtoken_store_open(&options, &store, NULL) == RBTOKEN_E_JSON_SYNTAX);
    CHECK(mine.destroyed == 2);
    log.log = NULL;
    CHECK(rbtoken_store_open(&options, &store, NULL) == RBTOKEN_E_NULL_ARGUMENT);
    CHECK(mine.destroyed == 3);

    /* The shared store keeps its log; an equal one is not destroyed, and another one is. */
    options.settings = NULL;
    options.settings_len = 0;
    log.log = write_message;
    for (i = 0; i < 2; i++) {
        CHECK_OK(rbtoken_store_shared(&options, &store, &error));
        rbtoken_store_release(store);
    }
    CHECK(mine.destroyed == 3);
    log.user_data = &calls;
    log.destroy = NULL;
    CHECK(rbtoken_store_shared(&options, &store, NULL) == RBTOKEN_E_STATE);
    OK("events are logged, and the log is destroyed once");
}

static void hooks_may_use_the_store(void)
{
    int what;

    for (what = CREATED; what < EVENTS; what++) {
        rbtoken_store_t *store = open_store();
        rbtoken_token_t *token = make(store, "alice", NULL);
        recorder r;

        add(store, &r, "user of the store", use_store);
        cause(store, (event)what, token);
        CHECK(atomic_load(&call_count) > 0 && calls[0].what == (event)what);
        CHECK(atomic_load(&r.destroyed) == 0);
        rbtoken_token_release(token);
        rbtoken_store_release(store);
        CHECK(atomic_load(&r.destroyed) == 1);
    }
    OK("hooks of every event may use the store in every way");
}

static void hooks_are_called_in_order(void)
{
    rbtoken_store_t *store = open_store();
    recorder first, second, third, fourth;
    recorder *all[3];
    rbtoken_token_t *token;
    rbtoken_error_t *error;
    int what, i;

    add(store, &first, "first", NULL);
    add(store, &second, "second", NULL);
    add(store, &third, "third", NULL);
    CHECK(first.id < second.id && second.id < third.id);
    all[0] = &first;
    all[1] = &second;
    all[2] = &third;
    for (what = CREATED; what < EVENTS; what++) {
        token = make(store, "alice", NULL);
        forget_calls();
        cause(store, (event)what, token);
        CHECK(atomic_load(&call_count) == 3);
        for (i = 0; i < 3; i++)
            CHECK(calls[i].who == all[i] && calls[i].what == (event)what &&
                  (what == CREATED || calls[i].token_id == rbtoken_token_id(token)));
        rbtoken_token_release(token);
    }

    /* Hooks are called in order of registration, also after a removal. */
    CHECK_OK(rbtoken_store_remove_hooks(store, first.id, &error));
    add(store, &fourth, "fourth", NULL);
    CHECK(fourth.id > third.id);
    forget_calls();
    make_id(store, "alice", NULL);
    CHECK(atomic_load(&call_count) == 3);
    CHECK(calls[0].who == &second && calls[1].who == &third && calls[2].who == &fourth);

    CHECK(rbtoken_store_remove_hooks(store, first.id, NULL) == RBTOKEN_E_NOT_FOUND);
    CHECK(rbtoken_store_remove_hooks(store, 0, NULL) == RBTOKEN_E_NOT_FOUND);
    CHECK(rbtoken_store_remove_hooks(NULL, second.id, NULL) == RBTOKEN_E_NULL_ARGUMENT);
    CHECK(atomic_load(&second.destroyed) == 0);
    rbtoken_store_release(store);
    CHECK(atomic_load(&first.destroyed) == 1 && atomic_load(&second.destroyed) == 1 &&
          atomic_load(&third.destroyed) == 1 && atomic_load(&fourth.destroyed) == 1);
    OK("hooks are called in the order in which they were added");
    OK("hooks are destroyed once, when they are removed or when the store closes");
}

static void remove_self(recorder *self, rbtoken_store_t *store, const rbtoken_token_t *token,
                        event what)
{
    rbtoken_error_t *error;

    (void)token;
    (void)what;
    CHECK_OK(rbtoken_store_remove_hooks(store, self->id, &error));
    CHECK(atomic_load(&self->destroyed) == 0);
    /* No second destruction, and no call for later events. */
    CHECK(rbtoken_store_remove_hooks(store, self->id, NULL) == RBTOKEN_E_NOT_FOUND);
    make_id(store, "mallory", NULL);
    CHECK(atomic_load(&self->destroyed) == 0);
}

static void hooks_may_remove_themselves(void)
{
    rbtoken_error_t *error;
    int what;

    for (what = CREATED; what < EVENTS; what++) {
        rbtoken_store_t *store = open_store();
        rbtoken_token_t *token = make(store, "alice", NULL);
        recorder r, behind;

        add(store, &r, "remover", remove_self);
        add(store, &behind, "behind", NULL);
        cause(store, (event)what, token);
        CHECK(atomic_load(&r.calls) == 1 && r.last_event == (event)what);
        CHECK(atomic_load(&r.destroyed) == 1);
        /* The event itself, and the one that the first hook caused. */
        CHECK(atomic_load(&behind.calls) == 2);
        rbtoken_token_release(token);
        rbtoken_store_release(store);
        CHECK(atomic_load(&r.destroyed) == 1);
    }

    /* During an operation on several tokens: it is not called for the others. */
    {
        rbtoken_store_t *store = open_store();
        recorder r;
        int i;

        for (i = 0; i < 5; i++)
            make_id(store, "alice", NULL);
        add(store, &r, "remover", remove_self);
        CHECK_OK(rbtoken_store_invalidate_all_tokens(store, NULL, 0, NULL, &error));
        CHECK(atomic_load(&r.calls) == 1 && atomic_load(&r.destroyed) == 1);
        rbtoken_store_release(store);
    }
    OK("hooks that remove themselves are not called again, and destroyed when their call ends");
}

static void remove_other(recorder *self, rbtoken_store_t *store, const rbtoken_token_t *token,
                         event what)
{
    rbtoken_error_t *error;

    (void)token;
    (void)what;
    if (atomic_load(&self->other->destroyed) > 0)
        return;
    CHECK_OK(rbtoken_store_remove_hooks(store, self->other->id, &error));
    CHECK(atomic_load(&self->other->destroyed) == 1);
}

static void hooks_may_remove_others(void)
{
    rbtoken_store_t *store = open_store();
    recorder before, remover, after;

    /* A hook that has not been called yet. */
    add(store, &remover, "remover", remove_other);
    add(store, &after, "after", NULL);
    remover.other = &after;
    make_id(store, "alice", NULL);
    CHECK(atomic_load(&remover.calls) == 1 && atomic_load(&after.calls) == 0);
    CHECK(atomic_load(&after.destroyed) == 1);
    rbtoken_store_release(store);
    CHECK(atomic_load(&remover.destroyed) == 1);

    /* A hook that has been called. */
    store = open_store();
    add(store, &before, "before", NULL);
    add(store, &remover, "remover", remove_other);
    remover.other = &before;
    make_id(store, "alice", NULL);
    make_id(store, "alice", NULL);
    CHECK(atomic_load(&before.calls) == 1 && atomic_load(&remover.calls) == 2);
    CHECK(atomic_load(&before.destroyed) == 1);
    rbtoken_store_release(store);
    OK("hooks may remove others during an event, which are then not called");
}

static void release_store(recorder *self, rbtoken_store_t *store, const rbtoken_token_t *token,
                          event what)
{
    rbtoken_error_t *error;
    uint64_t count;

    (void)what;
    rbtoken_store_release(self->store);
    /* The borrowed handle is valid until the call returns. */
    CHECK(atomic_load(&self->destroyed) == 0);
    CHECK_OK(rbtoken_store_token_count(store, &count, &error));
    CHECK(rbtoken_token_user(token, NULL) != NULL);
}

static void hooks_may_release_the_last_handle(void)
{
    int what;

    for (what = CREATED; what < EVENTS; what++) {
        rbtoken_store_t *store = open_store();
        rbtoken_token_t *token = make(store, "alice", NULL);
        recorder r, behind;

        add(store, &r, "releaser", release_store);
        add(store, &behind, "behind", NULL);
        r.store = store;
        cause(store, (event)what, token); /* checks its result */
        CHECK(atomic_load(&r.calls) == 1 && atomic_load(&r.destroyed) == 1);
        CHECK(atomic_load(&behind.calls) == 1 && atomic_load(&behind.destroyed) == 1);
        CHECK(strcmp(rbtoken_token_user(token, NULL), "alice") == 0);
        rbtoken_token_release(token);
    }
    OK("a store whose last handle goes in a hook closes once the call has ended");
}

static void failed_registrations_destroy_once(void)
{
    rbtoken_store_t *store = open_store();
    rbtoken_hooks_t hooks;
    recorder r;
    uint64_t id;
    struct {
        rbtoken_hooks_t hooks;
        void *newer;
    } longer;

    init_recorder(&r, "no store", NULL);
    init_hooks(&hooks, &r);
    id = 99;
    CHECK(rbtoken_store_add_hooks(NULL, &hooks, &id, NULL) == RBTOKEN_E_NULL_ARGUMENT);
    CHECK(id == 0 && atomic_load(&r.destroyed) == 1);

    init_recorder(&r, "no output", NULL);
    CHECK(rbtoken_store_add_hooks(store, &hooks, NULL, NULL) == RBTOKEN_E_NULL_ARGUMENT);
    CHECK(atomic_load(&r.destroyed) == 1);

    init_recorder(&r, "a newer field", NULL);
    memset(&longer, 0, sizeof longer);
    longer.hooks = hooks;
    longer.hooks.struct_size = sizeof longer;
    longer.newer = &r;
    id = 99;
    CHECK(rbtoken_store_add_hooks(store, &longer.hooks, &id, NULL) == RBTOKEN_E_UNSUPPORTED_OPTION);
    CHECK(id == 0 && atomic_load(&r.destroyed) == 1);

    /* A newer field that is not set has no effect. */
    init_recorder(&r, "an unset newer field", NULL);
    longer.newer = NULL;
    CHECK(rbtoken_store_add_hooks(store, &longer.hooks, &id, NULL) == RBTOKEN_OK);
    CHECK(id > 0 && atomic_load(&r.destroyed) == 0);
    CHECK(rbtoken_store_remove_hooks(store, id, NULL) == RBTOKEN_OK);
    CHECK(atomic_load(&r.destroyed) == 1);

    /* What cannot be read is not destroyed. */
    init_recorder(&r, "a wrong size", NULL);
    hooks.struct_size = 0;
    CHECK(rbtoken_store_add_hooks(store, &hooks, &id, NULL) == RBTOKEN_E_STRUCT_SIZE);
    hooks.struct_size = sizeof hooks - 1;
    CHECK(rbtoken_store_add_hooks(store, &hooks, &id, NULL) == RBTOKEN_E_STRUCT_SIZE);
    CHECK(id == 0 && atomic_load(&r.destroyed) == 0);
    CHECK(rbtoken_store_add_hooks(store, NULL, &id, NULL) == RBTOKEN_E_NULL_ARGUMENT);

    make_id(store, "alice", NULL);
    CHECK(atomic_load(&call_count) == 0);
    rbtoken_store_release(store);
    CHECK(atomic_load(&r.destroyed) == 0);
    OK("a registration that fails destroys once, and not at all if its struct cannot be read");
}

static void hooks_without_functions_do_nothing(void)
{
    rbtoken_store_t *store = open_store();
    rbtoken_token_t *token;
    rbtoken_hooks_t hooks;
    rbtoken_error_t *error;
    uint64_t id;
    int what;

    RBTOKEN_INIT(&hooks);
    CHECK_OK(rbtoken_store_add_hooks(store, &hooks, &id, &error));
    for (what = CREATED; what < EVENTS; what++) {
        token = make(store, "alice", NULL);
        cause(store, (event)what, token);
        rbtoken_token_release(token);
    }
    CHECK_OK(rbtoken_store_remove_hooks(store, id, &error));
    rbtoken_store_release(store);
    OK("each function of hooks may be NULL");
}

/* ---------------------------------------------------------------- events */

static void expect_calls(const recorder *who, event what, const int64_t *ids, int count)
{
    int i;

    CHECK(atomic_load(&call_count) == count);
    for (i = 0; i < count; i++)
        CHECK(calls[i].who == who && calls[i].what == what && calls[i].token_id == ids[i]);
    forget_calls();
}

static void bulk_operations_tell_of_each_token(void)
{
    rbtoken_store_t *store = open_store();
    rbtoken_error_t *error;
    recorder r;
    int64_t all[6], alices[4], norths[2];
    uint64_t count;
    int i;

    for (i = 0; i < 6; i++)
        all[i] = make_id(store, i % 3 == 2 ? "bob" : "alice", i % 4 == 1 ? "north" : NULL);
    for (i = 0; i < 4; i++)
        alices[i] = all[i < 2 ? i : i + 1]; /* 0 1 3 4 */
    norths[0] = all[1];
    norths[1] = all[5];
    add(store, &r, "recorder", NULL);

    CHECK_OK(rbtoken_store_invalidate_user_tokens(store, RBTOKEN_STR("alice"), RBTOKEN_STR("left"),
                                                  &count, &error));
    CHECK(count == 4);
    expect_calls(&r, INVALIDATED, alices, 4);
    CHECK_OK(rbtoken_store_invalidate_user_tokens(store, RBTOKEN_STR("nobody"), NULL, 0, &count,
                                                  &error));
    expect_calls(&r, INVALIDATED, NULL, 0);
    now_us += SECOND_US;
    CHECK_OK(rbtoken_store_invalidate_all_tokens(store, RBTOKEN_STR("leak"), &count, &error));
    CHECK(count == 6);
    expect_calls(&r, INVALIDATED, all, 6); /* also for tokens that are already invalid */

    CHECK_OK(rbtoken_store_remove_local_site(store, RBTOKEN_STR("north"), &error));
    expect_calls(&r, DELETED, norths, 2);

    CHECK_OK(rbtoken_store_purge_tokens(store, now_us, &count, &error));
    CHECK(count == 0); /* not before they became unusable */
    expect_calls(&r, DELETED, NULL, 0);
    CHECK_OK(rbtoken_store_purge_tokens(store, now_us + 1, &count, &error));
    CHECK(count == 4);
    {
        int64_t rest[4];

        rest[0] = all[0];
        rest[1] = all[2];
        rest[2] = all[3];
        rest[3] = all[4];
        expect_calls(&r, DELETED, rest, 4);
    }
    rbtoken_store_release(store);
    OK("operations on several tokens tell of each once, in order of their ids");
}

static void created_tells_what_is_said(void)
{
    rbtoken_store_t *store = open_store();
    rbtoken_generate_options_t options;
    rbtoken_token_t *token;
    rbtoken_error_t *error;
    recorder r;
    bool created;

    add(store, &r, "recorder", NULL);
    RBTOKEN_INIT(&options);
    options.flags = RBTOKEN_GENERATE_AUTO_GENERATED;
    CHECK_OK(rbtoken_store_generate_token(store, RBTOKEN_STR("alice"), &options, &token, &error));
    CHECK(atomic_load(&r.calls) == 1 && r.auto_generated);
    rbtoken_token_release(token);
    make_id(store, "alice", NULL);
    CHECK(atomic_load(&r.calls) == 2 && !r.auto_generated);

    r.auto_generated = true;
    CHECK_OK(rbtoken_store_get_or_create_client_token(
        store, RBTOKEN_STR("alice"), RBTOKEN_STR("RBTools"), NULL, &token, &created, &error));
    CHECK(created && atomic_load(&r.calls) == 3 && !r.auto_generated);
    rbtoken_token_release(token);
    CHECK_OK(rbtoken_store_get_or_create_client_token(
        store, RBTOKEN_STR("alice"), RBTOKEN_STR("RBTools"), NULL, &token, &created, &error));
    CHECK(!created && atomic_load(&r.calls) == 3);
    rbtoken_token_release(token);
    rbtoken_store_release(store);
    OK("created tells whether a person asked, and is not fired for a token that was there");
}

static void nothing_happens_without_an_event(void)
{
    rbtoken_store_t *store = open_store();
    rbtoken_generate_options_t generate;
    rbtoken_token_update_t change;
    rbtoken_token_t *token, *imported;
    rbtoken_error_t *error;
    recorder r;
    char value[300];

    token = make(store, "alice", NULL);
    add(store, &r, "recorder", NULL);

    CHECK_OK(rbtoken_store_import_token(store, RBTOKEN_STR("bob"), RBTOKEN_STR("known elsewhere"),
                                        NULL, &imported, &error));
    rbtoken_token_release(imported);
    CHECK(atomic_load(&r.calls) == 0);
    OK("an import fires no event");

    CHECK(rbtoken_store_import_token(store, RBTOKEN_STR("bob"), RBTOKEN_STR("known elsewhere"),
                                     NULL, &imported, NULL) == RBTOKEN_E_EXISTS);
    RBTOKEN_INIT(&generate);
    RBTOKEN_SET_STR(&generate, local_site, "nowhere");
    CHECK(rbtoken_store_generate_token(store, RBTOKEN_STR("bob"), &generate, &imported, NULL) ==
          RBTOKEN_E_NOT_FOUND);
    CHECK(rbtoken_store_get_or_create_client_token(store, RBTOKEN_STR("bob"), RBTOKEN_STR(""), NULL,
                                                   &imported, NULL,
                                                   NULL) == RBTOKEN_E_INVALID_ARGUMENT);
    RBTOKEN_INIT(&change);
    CHECK(rbtoken_store_update_token(store, 99, &change, NULL, NULL) == RBTOKEN_E_NOT_FOUND);
    change.policy_mode = RBTOKEN_FIELD_SET;
    RBTOKEN_SET_STR(&change, policy, "{\"resources\": []}");
    CHECK(rbtoken_store_update_token(store, rbtoken_token_id(token), &change, NULL, NULL) ==
          RBTOKEN_E_POLICY);
    CHECK(rbtoken_store_invalidate_token(store, RBTOKEN_STR("unknown"), NULL, 0, NULL) ==
          RBTOKEN_E_NOT_FOUND);
    CHECK(rbtoken_store_invalidate_token_by_id(store, 99, NULL, 0, NULL) == RBTOKEN_E_NOT_FOUND);
    CHECK(rbtoken_store_invalidate_all_tokens(store, "a\0b", 3, NULL, NULL) ==
          RBTOKEN_E_EMBEDDED_NUL);
    CHECK(rbtoken_store_delete_token(store, 99, NULL) == RBTOKEN_E_NOT_FOUND);
    CHECK(rbtoken_store_purge_tokens(store, INT64_MIN, NULL, NULL) == RBTOKEN_E_TIME_RANGE);
    CHECK(rbtoken_store_remove_local_site(store, RBTOKEN_STR("nowhere"), NULL) ==
          RBTOKEN_E_NOT_FOUND);
    CHECK(atomic_load(&r.calls) == 0);
    OK("a call that fails fires no event");

    /* Logins: only accepted ones, and those with expired tokens. */
    CHECK(log_in(store, "unknown") == RBTOKEN_VERDICT_UNKNOWN);
    CHECK_OK(rbtoken_store_set_user_active(store, RBTOKEN_STR("alice"), 0, &error));
    CHECK(strlen(rbtoken_token_value(token, NULL)) < sizeof value);
    strcpy(value, rbtoken_token_value(token, NULL));
    CHECK(log_in(store, value) == RBTOKEN_VERDICT_INACTIVE_USER);
    CHECK(atomic_load(&r.calls) == 0);
    CHECK_OK(rbtoken_store_invalidate_token(store, RBTOKEN_STR(value), NULL, 0, &error));
    CHECK(atomic_load(&r.calls) == 1 && r.last_event == INVALIDATED);
    CHECK(log_in(store, value) == RBTOKEN_VERDICT_INVALID);
    now_us += 2 * 86400 * SECOND_US; /* no expired event for invalid tokens */
    CHECK(log_in(store, value) == RBTOKEN_VERDICT_INVALID);
    CHECK(atomic_load(&r.calls) == 1);
    rbtoken_token_release(token);

    token = make(store, "bob", "north");
    CHECK(log_in(store, rbtoken_token_value(token, NULL)) == RBTOKEN_VERDICT_WRONG_SITE);
    CHECK(atomic_load(&r.calls) == 3 && r.last_event == USED);
    now_us += 2 * 86400 * SECOND_US;
    CHECK(log_in(store, rbtoken_token_value(token, NULL)) == RBTOKEN_VERDICT_EXPIRED);
    CHECK(log_in(store, rbtoken_token_value(token, NULL)) == RBTOKEN_VERDICT_EXPIRED);
    CHECK(atomic_load(&r.calls) == 5 && r.last_event == EXPIRED);
    rbtoken_token_release(token);
    rbtoken_store_release(store);
    OK("a login that is refused fires no event, but for an expired token, each time");
}

/* ---------------------------------------------------------------- threads */

static void wait_inside(recorder *self, rbtoken_store_t *store, const rbtoken_token_t *token,
                        event what)
{
    (void)store;
    (void)token;
    (void)what;
    CHECK(sem_post(&self->entered) == 0);
    CHECK(sem_wait(&self->go_on) == 0);
}

static void *invalidate_all(void *data)
{
    rbtoken_error_t *error;

    CHECK_OK(rbtoken_store_invalidate_all_tokens((rbtoken_store_t *)data, NULL, 0, NULL, &error));
    return NULL;
}

static void a_removal_does_not_wait(void)
{
    rbtoken_store_t *store = open_store();
    rbtoken_error_t *error;
    recorder slow, behind;
    pthread_t one, two;

    make_id(store, "alice", NULL);
    make_id(store, "alice", NULL);
    make_id(store, "alice", NULL);
    add(store, &slow, "slow", wait_inside);
    add(store, &behind, "behind", NULL);

    /* Two threads are in a call of the hooks, each for the first of three tokens. */
    CHECK(pthread_create(&one, NULL, invalidate_all, store) == 0);
    CHECK(sem_wait(&slow.entered) == 0);
    CHECK(pthread_equal(slow.caller, one));
    CHECK(pthread_create(&two, NULL, invalidate_all, store) == 0);
    CHECK(sem_wait(&slow.entered) == 0);
    CHECK(pthread_equal(slow.caller, two));
    CHECK(atomic_load(&slow.calls) == 2 && atomic_load(&behind.calls) == 0);

    CHECK_OK(rbtoken_store_remove_hooks(store, slow.id, &error)); /* returns meanwhile */
    CHECK(atomic_load(&slow.destroyed) == 0);
    make_id(store, "alice", NULL);
    CHECK(atomic_load(&slow.calls) == 2 && atomic_load(&behind.calls) == 1);
    CHECK(pthread_equal(behind.caller, pthread_self()));
    OK("hooks are called on the thread that caused the event");

    CHECK(sem_post(&slow.go_on) == 0);
    CHECK(sem_post(&slow.go_on) == 0);
    CHECK(pthread_join(one, NULL) == 0);
    CHECK(pthread_join(two, NULL) == 0);
    CHECK(atomic_load(&slow.calls) == 2);
    CHECK(atomic_load(&behind.calls) == 1 + 2 * 3);
    CHECK(atomic_load(&slow.destroyed) == 1);
    CHECK(!pthread_equal(slow.destroyer, pthread_self()));
    rbtoken_store_release(store);
    CHECK(atomic_load(&slow.destroyed) == 1);
    OK("no call starts after a removal, and the data lives until the last call in flight ends");
}

/* A single call in progress: when it ends, the data is destroyed before the thread continues. */
static void the_last_call_destroys(void)
{
    rbtoken_store_t *store = open_store();
    rbtoken_error_t *error;
    recorder slow;
    pthread_t one;

    make_id(store, "alice", NULL);
    add(store, &slow, "slow", wait_inside);
    CHECK(pthread_create(&one, NULL, invalidate_all, store) == 0);
    CHECK(sem_wait(&slow.entered) == 0);
    CHECK_OK(rbtoken_store_remove_hooks(store, slow.id, &error));
    rbtoken_store_release(store); /* the last handle: the call in progress keeps the store alive */
    CHECK(atomic_load(&slow.destroyed) == 0);
    CHECK(sem_post(&slow.go_on) == 0);
    CHECK(pthread_join(one, NULL) == 0);
    CHECK(atomic_load(&slow.destroyed) == 1);
    OK("a call in flight in another thread keeps its store");
}

/* A thread that is about to call hooks when they are removed does not call them any more, even
 * while another thread is in a call. */
static void who_comes_late_does_not_call(void)
{
    rbtoken_store_t *store = open_store();
    rbtoken_error_t *error;
    recorder gate, slow;
    pthread_t one, two;

    make_id(store, "alice", NULL);
    add(store, &gate, "gate", wait_inside);
    add(store, &slow, "slow", wait_inside);
    CHECK(pthread_create(&one, NULL, invalidate_all, store) == 0);
    CHECK(sem_wait(&gate.entered) == 0);
    CHECK(sem_post(&gate.go_on) == 0);
    CHECK(sem_wait(&slow.entered) == 0);
    CHECK(pthread_create(&two, NULL, invalidate_all, store) == 0);
    CHECK(sem_wait(&gate.entered) == 0);

    CHECK_OK(rbtoken_store_remove_hooks(store, slow.id, &error));
    slow.action = NULL; /* so that a second call would not wait */
    CHECK(sem_post(&gate.go_on) == 0);
    CHECK(pthread_join(two, NULL) == 0);
    CHECK(atomic_load(&slow.destroyed) == 0);
    CHECK(sem_post(&slow.go_on) == 0);
    CHECK(pthread_join(one, NULL) == 0);
    CHECK(atomic_load(&gate.calls) == 2 && atomic_load(&slow.calls) == 1);
    CHECK(atomic_load(&slow.destroyed) == 1);
    rbtoken_store_release(store);
    OK("a thread on its way to hooks that were removed does not call them");
}

/* Hooks are added and removed while other threads cause events. */
typedef struct guest {
    atomic_int alive;
    atomic_int inside;
} guest;

static atomic_int guests, gone, visits;
static atomic_bool races_over;

static void visit(void *user_data, rbtoken_store_t *store, const rbtoken_token_t *token)
{
    guest *self = (guest *)user_data;

    (void)store;
    (void)token;
    atomic_fetch_add(&self->inside, 1);
    CHECK(atomic_load(&self->alive) == 1);
    atomic_fetch_add(&visits, 1);
    CHECK(atomic_load(&self->alive) == 1);
    atomic_fetch_sub(&self->inside, 1);
}

static void leave(void *user_data)
{
    guest *self = (guest *)user_data;

    CHECK(atomic_load(&self->inside) == 0);
    CHECK(atomic_exchange(&self->alive, 0) == 1);
    atomic_fetch_add(&gone, 1);
    free(self);
}

typedef struct racer {
    rbtoken_store_t *store;
    rbtoken_token_t *token;
    pthread_t thread;
} racer;

static void *race(void *data)
{
    racer *self = (racer *)data;

    while (!atomic_load(&races_over))
        CHECK(log_in(self->store, rbtoken_token_value(self->token, NULL)) == RBTOKEN_VERDICT_OK);
    return NULL;
}

static void hooks_may_come_and_go_meanwhile(void)
{
    rbtoken_store_t *store = open_store();
    racer racers[RACERS];
    rbtoken_hooks_t hooks;
    rbtoken_error_t *error;
    uint64_t id;
    int i;

    for (i = 0; i < RACERS; i++) {
        racers[i].store = store;
        racers[i].token = make(store, "alice", NULL);
        CHECK(pthread_create(&racers[i].thread, NULL, race, &racers[i]) == 0);
    }
    for (i = 0; i < RACES; i++) {
        int before = atomic_load(&visits);
        guest *self = (guest *)malloc(sizeof *self);

        CHECK(self != NULL);
        atomic_init(&self->alive, 1);
        atomic_init(&self->inside, 0);
        atomic_fetch_add(&guests, 1);
        RBTOKEN_INIT(&hooks);
        hooks.user_data = self;
        hooks.used = visit;
        hooks.destroy = leave;
        CHECK_OK(rbtoken_store_add_hooks(store, &hooks, &id, &error));
        while (i % 2 == 0 && atomic_load(&visits) == before)
            sched_yield();
        CHECK_OK(rbtoken_store_remove_hooks(store, id, &error));
    }
    atomic_store(&races_over, true);
    for (i = 0; i < RACERS; i++) {
        CHECK(pthread_join(racers[i].thread, NULL) == 0);
        rbtoken_token_release(racers[i].token);
    }
    CHECK(atomic_load(&guests) == RACES && atomic_load(&gone) == RACES);
    rbtoken_store_release(store);
    OK("hooks that come and go while others log in are never called after they were destroyed");
}

int main(void)
{
    events_are_logged();
    hooks_may_use_the_store();
    hooks_are_called_in_order();
    hooks_may_remove_themselves();
    hooks_may_remove_others();
    hooks_may_release_the_last_handle();
    failed_registrations_destroy_once();
    hooks_without_functions_do_nothing();
    bulk_operations_tell_of_each_token();
    created_tells_what_is_said();
    nothing_happens_without_an_event();
    a_removal_does_not_wait();
    the_last_call_destroys();
    who_comes_late_does_not_call();
    hooks_may_come_and_go_meanwhile();
    return 0;
}
