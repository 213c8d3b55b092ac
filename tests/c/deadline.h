/* Ends a hanging test program after RBTOKEN_TEST_DEADLINE seconds, by default 10 minutes. */
#ifndef DEADLINE_H
#define DEADLINE_H

#include <stdlib.h>
#include <unistd.h>

__attribute__((constructor)) static void start_the_deadline(void)
{
    const char *seconds = getenv("RBTOKEN_TEST_DEADLINE");

    alarm(seconds != NULL ? (unsigned)atoi(seconds) : 600);
}

#endif
