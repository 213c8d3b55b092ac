/* A gateway in front of Review Board. It forwards requests to the API that an API token and its
 * policy allow, and refuses the others as Review Board 8.1 does. `--help` lists the options;
 * docs/gateway.md explains them.
 *
 * The credentials go on to the upstream, which shares the database of tokens. In response it opens a
 * session, whose cookie a client such as RBTools then sends instead. The gateway remembers which
 * token opened which session, and judges its requests by that token as it is now.
 *
 *     main.c          starts and ends
 *     options.c       the command line
 *     server.c        takes requests; forward.c forwards those that may pass
 *     headers.c       which headers are passed on
 *     routes.c        which policy id a path has
 *     decision.c      whether the credentials of a request are valid
 *     cookies.c       the cookies of a request and a response
 *     sessions.c      which token opened which session; session_file.c keeps them
 *     form.c          the method that a form asks for
 *     upstream.c      sends to the upstream, and receives from it
 *     answer.c        refusals
 *     store.c         opens the store of tokens
 *     log.c           the log
 *     metrics.c       counters
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L

#include "log.h"
#include "metrics.h"
#include "options.h"
#include "routes.h"
#include "server.h"
#include "sessions.h"
#include "store.h"
#include "upstream.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void log_event(const char *event, const char *name, const char *value)
{
    log_line line;

    begin_line(&line, event);
    if (name != NULL)
        add_text(&line, name, value);
    write_line(&line);
}

static void reload(const gateway_options *o)
{
    bool done = load_routes(o->routes);

    done = reopen_log() && done;
    log_event("reload", "outcome", done ? "done" : "failed: the old routes and log are kept");
}

/* Serves until a signal tells to end. */
static bool run(const gateway_options *o, const service *s, const sigset_t *signals)
{
    struct MHD_Daemon *daemon, *metrics = NULL;
    int listener = listen_on("listen", o->listen, "listening"), second = -1, received;

    if (listener < 0)
        return false;
    if (o->metrics_listen != NULL) {
        second = listen_on("metrics-listen", o->metrics_listen, "metrics");
        metrics = second >= 0 ? serve_metrics(second) : NULL;
        if (metrics == NULL) {
            if (second >= 0)
                complain("--metrics-listen: the server cannot be started");
            close(listener);
            return false;
        }
    }
    log_event("start", "upstream", o->upstream);
    daemon = serve(s, listener);
    if (daemon == NULL) {
        complain("--listen: the server cannot be started");
    } else {
        while (sigwait(signals, &received) == 0 && received == SIGHUP)
            reload(o);
        report_draining();
        drain(daemon);
        log_event("end", NULL, NULL);
    }
    if (metrics != NULL)
        MHD_stop_daemon(metrics);
    return daemon != NULL;
}

int main(int argc, char **argv)
{
    service s = {NULL, NULL, NULL, 0};
    sigset_t signals;
    gateway_options o;
    parsed what = parse_options(argc, argv, &o);
    bool done;

    if (what != RUN)
        return what == EXIT_DONE ? EXIT_SUCCESS : 2;
    /* The threads inherit the mask, so that only sigwait() gets the signals. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that is too long is reported, as a full disk is */
    curl_global_init(CURL_GLOBAL_DEFAULT);
    set_up_upstream(o.upstream_authorities, o.timeout);
    s.upstream = o.upstream;
    s.public_url = o.public_url;
    s.timeout = o.timeout;
    done = open_log(o.log) && load_routes(o.routes) &&
           (s.store = open_store(o.location, o.settings, o.tokens, o.verbose)) != NULL &&
           open_sessions(o.sessions) && run(&o, &s, &signals);
    close_sessions();
    rbtoken_store_release(s.store);
    free_routes();
    close_log();
    curl_global_cleanup();
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
