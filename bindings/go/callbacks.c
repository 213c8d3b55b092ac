/* C functions that call those of Go, whose addresses C cannot take in a Go file.
 *
 * SPDX-License-Identifier: MIT
 */
#include "callbacks.h"
#include "_cgo_export.h"

__thread uintptr_t rbtoken_go_failure;

/* Keeps the first failure of a call, and drops the others. */
static rbtoken_status_t keep(uintptr_t failure)
{
    if (failure == 0) {
        return RBTOKEN_OK;
    }
    if (rbtoken_go_failure == 0) {
        rbtoken_go_failure = failure;
    } else {
        rbtokenGoDestroy(failure);
    }
    return RBTOKEN_E_CALLBACK;
}

static void destroy(void *data)
{
    rbtokenGoDestroy((uintptr_t)data);
}

static rbtoken_status_t tell_time(void *data, int64_t *now_us)
{
    return keep(rbtokenGoNow((uintptr_t)data, now_us));
}

static rbtoken_status_t fill(void *data, uint8_t *bytes, size_t len)
{
    return keep(rbtokenGoFill((uintptr_t)data, bytes, len));
}

static rbtoken_status_t report(void *data, uint64_t done, uint64_t total)
{
    return keep(rbtokenGoProgress((uintptr_t)data, done, total));
}

static rbtoken_status_t create(void *data, const char *token_type, uint32_t attempt, char *value,
                               size_t capacity, size_t *value_len)
{
    return keep(rbtokenGoCreate((uintptr_t)data, (char *)token_type, attempt, value, capacity,
                                value_len));
}

static rbtoken_status_t validate(void *data, const char *token_type, const char *value,
                                 size_t value_len, bool *valid)
{
    return keep(rbtokenGoValidate((uintptr_t)data, (char *)token_type, (char *)value, value_len,
                                  valid));
}

static void write_log(void *data, int32_t level, const char *target, const char *message)
{
    (void)keep(rbtokenGoLog((uintptr_t)data, level, (char *)target, (char *)message));
}

static void created(void *data, rbtoken_store_t *store, const rbtoken_token_t *token,
                    bool auto_generated)
{
    (void)keep(rbtokenGoEvent((uintptr_t)data, RBTOKEN_GO_CREATED, store, (rbtoken_token_t *)token,
                              auto_generated));
}

#define EVENT(name, number)                                                                   \
    static void name(void *data, rbtoken_store_t *store, const rbtoken_token_t *token)        \
    {                                                                                         \
        (void)keep(rbtokenGoEvent((uintptr_t)data, (number), store, (rbtoken_token_t *)token, \
                                  false));                                                    \
    }
EVENT(updated, RBTOKEN_GO_UPDATED)
EVENT(invalidated, RBTOKEN_GO_INVALIDATED)
EVENT(expired, RBTOKEN_GO_EXPIRED)
EVENT(used, RBTOKEN_GO_USED)
EVENT(deleted, RBTOKEN_GO_DELETED)

void rbtoken_go_clock(rbtoken_clock_t *clock, uintptr_t data, bool is_shared)
{
    RBTOKEN_INIT(clock);
    clock->user_data = (void *)data;
    clock->now = tell_time;
    clock->destroy = is_shared ? NULL : destroy;
}

void rbtoken_go_entropy(rbtoken_entropy_t *entropy, uintptr_t data, bool is_shared)
{
    RBTOKEN_INIT(entropy);
    entropy->user_data = (void *)data;
    entropy->fill = fill;
    entropy->destroy = is_shared ? NULL : destroy;
}

void rbtoken_go_progress(rbtoken_progress_t *progress, uintptr_t data)
{
    RBTOKEN_INIT(progress);
    progress->user_data = (void *)data;
    progress->progress = report;
    progress->destroy = destroy;
}

void rbtoken_go_generator(rbtoken_generator_t *generator, uintptr_t data)
{
    RBTOKEN_INIT(generator);
    generator->user_data = (void *)data;
    generator->create = create;
    generator->validate = validate;
    generator->destroy = destroy;
}

void rbtoken_go_host(rbtoken_host_v1_t *host, uintptr_t data, bool has_log, bool has_clock,
                     bool has_entropy)
{
    RBTOKEN_INIT(host);
    host->user_data = (void *)data;
    host->log = has_log ? write_log : NULL;
    host->now = has_clock ? tell_time : NULL;
    host->fill = has_entropy ? fill : NULL;
}

void rbtoken_go_hooks(rbtoken_hooks_t *hooks, uintptr_t data, unsigned events)
{
    RBTOKEN_INIT(hooks);
    hooks->user_data = (void *)data;
    hooks->created = events & RBTOKEN_GO_CREATED ? created : NULL;
    hooks->updated = events & RBTOKEN_GO_UPDATED ? updated : NULL;
    hooks->invalidated = events & RBTOKEN_GO_INVALIDATED ? invalidated : NULL;
    hooks->expired = events & RBTOKEN_GO_EXPIRED ? expired : NULL;
    hooks->used = events & RBTOKEN_GO_USED ? used : NULL;
    hooks->deleted = events & RBTOKEN_GO_DELETED ? deleted : NULL;
    hooks->destroy = destroy;
}
