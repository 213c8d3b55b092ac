/* Counters, and the second address with `/healthz` and `/metrics`.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef METRICS_H
#define METRICS_H

#include <microhttpd.h>
#include <stdbool.h>

/* What became of a request. */
typedef enum outcome { FORWARDED, REFUSED, REDIRECTED, UPSTREAM_FAILED, OUTCOMES } outcome;

void count_begin(void);
void count_end(void);

/* Returns the number of requests that have begun and not ended. */
int requests_in_flight(void);

void count_response(outcome what, unsigned status, double seconds);

/* Counts a message of the library. */
void count_message(int level);

const char *outcome_name(outcome what);

/* Serves the counters on a socket that listens. Returns NULL on failure. */
struct MHD_Daemon *serve_metrics(int listener);

/* From now on `/healthz` responds that the gateway is not available. */
void report_draining(void);

#endif
