/* A Go function cannot be a C function pointer by itself: C takes its address here.
 *
 * SPDX-License-Identifier: MIT
 */
#include "hooks.h"
#include "_cgo_export.h"

/* cgo knows no `const`. */
rbtoken_status_t add_go_hooks(rbtoken_store_t *store, void *user_data, uint64_t *id,
                              rbtoken_error_t **error)
{
    rbtoken_hooks_t hooks;

    RBTOKEN_INIT(&hooks);
    hooks.user_data = user_data;
    hooks.created = (rbtoken_created_fn)goCreated;
    hooks.used = (rbtoken_event_fn)goUsed;
    hooks.invalidated = (rbtoken_event_fn)goInvalidated;
    hooks.destroy = goDestroy;
    return rbtoken_store_add_hooks(store, &hooks, id, error);
}
