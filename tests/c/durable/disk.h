/* Interface of the simulated disk (disk.c) for hosts. */
#ifndef DISK_H
#define DISK_H

#include <stdbool.h>

/* Weak symbols, which are NULL in a host that runs without the disk. */
#define DISK_CALL __attribute__((weak))

/* From now on, the `call`-th call that opens, changes or syncs a watched file fails with
 * `error`, and, if requested, all later ones. */
DISK_CALL void disk_fail(long call, int error, bool from_then_on);

/* Ends the faults. Returns whether a call has failed since disk_fail(). */
DISK_CALL bool disk_heal(void);

#endif
