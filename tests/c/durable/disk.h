/* What a host may ask of the preloaded disk (disk.c). */
#ifndef DISK_H
#define DISK_H

#include <stdbool.h>

/* Weak, so that a host can be linked and run without the disk; its address is then NULL. */
#define DISK_CALL __attribute__((weak))

/* From now on the `call`-th call that opens, changes or syncs a watched file fails with `error`, and,
 * if so wanted, each one after it. */
DISK_CALL void disk_fail(long call, int error, bool from_then_on);

/* Nothing fails any more. True if something did since disk_fail(). */
DISK_CALL bool disk_heal(void);

#endif
