/* Limits the address space of the process. */
#ifndef LIMITS_H
#define LIMITS_H

#include "../check.h"

#include <sys/resource.h>
#include <unistd.h>

/* Limits the memory that the process may map in addition to its current mappings. */
static inline void limit_memory(unsigned long bytes)
{
    unsigned long pages;
    FILE *file = fopen("/proc/self/statm", "r");
    struct rlimit limit;

    CHECK(file != NULL && fscanf(file, "%lu", &pages) == 1);
    fclose(file);
    limit.rlim_max = RLIM_INFINITY;
    limit.rlim_cur = pages * (unsigned long)sysconf(_SC_PAGESIZE) + bytes;
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
}

#endif
