/* The hooks that are written in Go. SPDX-License-Identifier: MIT */
#include <rbtoken.h>
#include <stdlib.h>

rbtoken_status_t add_go_hooks(rbtoken_store_t *store, void *user_data, uint64_t *id,
                              rbtoken_error_t **error);
