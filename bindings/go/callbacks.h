/* The functions of Go that the library calls. SPDX-License-Identifier: MIT */
#ifndef RBTOKEN_GO_CALLBACKS_H
#define RBTOKEN_GO_CALLBACKS_H

#include <rbtoken.h>
#include <stdint.h>

/* The handle of what a callback of Go returned or panicked with during the call that this thread is
 * inside, for that call to report; 0 for none. */
extern __thread uintptr_t rbtoken_go_failure;

/* Each sets up a struct whose user_data is a handle of Go. Those for the shared store have no
 * destroy function, since later calls pass the same data. */
void rbtoken_go_clock(rbtoken_clock_t *clock, uintptr_t data, bool is_shared);
void rbtoken_go_entropy(rbtoken_entropy_t *entropy, uintptr_t data, bool is_shared);
void rbtoken_go_progress(rbtoken_progress_t *progress, uintptr_t data);
void rbtoken_go_generator(rbtoken_generator_t *generator, uintptr_t data);
void rbtoken_go_host(rbtoken_host_v1_t *host, uintptr_t data, bool has_log, bool has_clock,
                     bool has_entropy);

/* Which functions of hooks are set. */
enum {
    RBTOKEN_GO_CREATED = 1,
    RBTOKEN_GO_UPDATED = 2,
    RBTOKEN_GO_INVALIDATED = 4,
    RBTOKEN_GO_EXPIRED = 8,
    RBTOKEN_GO_USED = 16,
    RBTOKEN_GO_DELETED = 32
};
void rbtoken_go_hooks(rbtoken_hooks_t *hooks, uintptr_t data, unsigned events);

#endif
