/* An allocator with an injected failure: the n-th allocation of its size class since it was
 * armed fails. Replaces glibc's functions in the program that includes this and in all its
 * libraries. */
#ifndef FAILING_H
#define FAILING_H

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LARGE = 4096 }; /* bytes; mappings count as large */

typedef struct failing {
    bool large; /* the counted class */
    long place; /* number of the failing allocation, from 1 */
    atomic_bool armed;
    atomic_long seen;
    atomic_size_t live, peak; /* allocated bytes now, and at most since it was armed */
    atomic_size_t failed; /* size of the failed allocation */
    atomic_bool covered; /* whether the failed allocation was covered */
} failing;

/* Points to memory shared between processes, when it exists. */
static failing unshared, *allocator = &unshared;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

static void arm(bool large, long place)
{
    allocator->large = large;
    allocator->place = place;
    atomic_store(&allocator->seen, 0);
    atomic_store(&allocator->failed, 0);
    atomic_store(&allocator->covered, false);
    atomic_store(&allocator->peak, atomic_load(&allocator->live));
    atomic_store(&allocator->armed, true);
}

static void disarm(void)
{
    atomic_store(&allocator->armed, false);
}

/* Returns whether an allocation fails. It is covered if at least as much was allocated and freed
 * since the allocator was armed: the library has checked then that there is enough memory. */
static bool fails(size_t size, bool mapping)
{
    if (!atomic_load(&allocator->armed) || (mapping || size >= LARGE) != allocator->large ||
        atomic_fetch_add(&allocator->seen, 1) + 1 != allocator->place)
        return false;
    if (!mapping && atomic_load(&allocator->live) + size <= atomic_load(&allocator->peak))
        atomic_store(&allocator->covered, true);
    atomic_store(&allocator->failed, size == 0 ? 1 : size);
    errno = ENOMEM;
    return true;
}

static void *counted(void *memory)
{
    size_t size = malloc_usable_size(memory);
    size_t live = atomic_fetch_add(&allocator->live, size) + size;
    size_t peak = atomic_load(&allocator->peak);

    while (live > peak && !atomic_compare_exchange_weak(&allocator->peak, &peak, live))
        ;
    return memory;
}

void *malloc(size_t size)
{
    return fails(size, false) ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t number, size_t size)
{
    return fails(number * size, false) ? NULL : counted(__libc_calloc(number, size));
}

void free(void *memory)
{
    atomic_fetch_sub(&allocator->live, malloc_usable_size(memory));
    __libc_free(memory);
}

void *realloc(void *old, size_t size)
{
    size_t freed = malloc_usable_size(old);
    void *memory;

    if (fails(size, false))
        return NULL;
    memory = __libc_realloc(old, size);
    if (memory != NULL || size == 0)
        atomic_fetch_sub(&allocator->live, freed);
    return memory == NULL ? NULL : counted(memory);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    if (fails(size, false))
        return ENOMEM;
    *memory = counted(__libc_memalign(alignment, size));
    return *memory == NULL ? ENOMEM : 0;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return fails(size, false) ? NULL : counted(__libc_memalign(alignment, size));
}

void *mmap(void *address, size_t size, int access, int flags, int file, off_t offset)
{
    if ((flags & MAP_ANONYMOUS) != 0 && fails(size, true))
        return MAP_FAILED;
    return (void *)syscall(SYS_mmap, address, size, access, flags, file, offset);
}

#endif
