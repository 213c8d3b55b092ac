/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE

#include "options.h"

#include "log.h"

#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* An installed gateway has a table beside it. */
#ifdef ROUTES_FILE
#  define ROUTES_DEFAULT " (default:\n                          " ROUTES_FILE ")"
#else
#  define ROUTES_FILE NULL
#  define ROUTES_DEFAULT
#endif

enum { BACKLOG = 256, MAX_TIMEOUT_S = 3600 };

static const char HELP[] =
    "usage: rbtoken-gateway --upstream URL [OPTION]...\n"
    "\n"
    "A gateway in front of Review Board. It forwards requests to the API that an API token and "
    "its\n"
    "policy allow, and refuses the others as Review Board does.\n"
    "\n"
    "  --upstream URL          Review Board, such as http://127.0.0.1:8000. With https, its\n"
    "                          certificate is verified.\n"
    "  --upstream-ca FILE      the authorities that may sign that certificate, in PEM format\n"
    "                          (default: those of the system)\n"
    "  --location LOCATION     the tokens: a file, or the URL of the server's database, such as\n"
    "                          postgresql://user@host/reviewboard?passfile=FILE (default: in\n"
    "                          memory)\n"
    "  --settings JSON         settings of the store, such as '{\"login_cache_secs\": 5,\n"
    "                          \"last_used_interval_secs\": 60}'\n"
    "  --tokens FILE           tokens to import at the start, one on a line\n"
    "  --sessions FILE         where the sessions that tokens and passwords opened are kept; "
    "needs\n"
    "                          --location (default: in memory, until the gateway ends)\n"
    "  --routes FILE           the paths of the API and their policy ids" ROUTES_DEFAULT "\n"
    "  --public-url URL        where a request for another path is redirected to: the address of\n"
    "                          Review Board's pages for browsers (default: the answer is 404)\n"
    "  --listen HOST:PORT      where to take requests (default: 127.0.0.1:8080; port 0: any)\n"
    "  --metrics-listen HOST:PORT\n"
    "                          where to serve /healthz and /metrics (default: nowhere)\n"
    "  --log FILE              where to append a line of JSON for each request (default: the\n"
    "                          standard error stream)\n"
    "  --verbose               also log the messages of librbtoken\n"
    "  --timeout SECONDS       after which a client or an upstream that sends nothing is given up\n"
    "                          (default: 30)\n"
    "  --help                  print this\n"
    "\n"
    "Signals: SIGHUP reads the routes and opens the log again. SIGTERM and SIGINT end the gateway\n"
    "when the requests in progress have been answered, after at most 30 s; sent again, at once.\n";

static bool wrong(const char *option, const char *what)
{
    complain("--%s: %s", option, what);
    return false;
}

/* Returns whether curl can use a URL: its port may be out of range. */
static bool is_url(const char *url)
{
    CURLU *parts = curl_url();
    bool valid = parts != NULL && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK;

    curl_url_cleanup(parts);
    return valid;
}

/* Checks an http or https URL, and removes the slash at its end. */
static bool check_url(const char *option, char *url)
{
    const char *host;

    if (url == NULL)
        return true;
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return wrong(option, "expected a URL that begins with http:// or https://");
    host = strstr(url, "//") + 2;
    if (*host == '\0' || *host == '/' || *host == ':')
        return wrong(option, "the URL has no host");
    for (const char *c = url; *c != '\0'; c++)
        if (*c <= ' ' || *c >= '\x7f' || strchr("?#\"<>\\^`{|}", *c) != NULL)
            return wrong(option, "a URL must not have white space, a query, a fragment or special "
                                 "characters");
    if (strchr(host, '@') != NULL)
        return wrong(option, "the URL must not have a user or a password");
    if (!is_url(url))
        return wrong(option, "the URL has a malformed host or port");
    if (url[strlen(url) - 1] == '/')
        url[strlen(url) - 1] = '\0';
    return true;
}

static bool check_file(const char *option, const char *file)
{
    if (file == NULL || access(file, R_OK) == 0)
        return true;
    complain("--%s: %s: %s", option, file, strerror(errno));
    return false;
}

static bool check(gateway_options *o, const char *timeout)
{
    char *end;
    unsigned long seconds;

    if (o->upstream == NULL)
        return wrong("upstream", "must be given; see --help");
    if (o->routes == NULL)
        return wrong("routes", "must be given; see --help");
    if (o->sessions != NULL && o->location == NULL)
        return wrong("sessions", "needs --location: ids of tokens in memory change at each start");
    if (timeout != NULL) {
        seconds = strtoul(timeout, &end, 10);
        if (*timeout < '0' || *timeout > '9' || *end != '\0' || seconds == 0 ||
            seconds > MAX_TIMEOUT_S)
            return wrong("timeout", "expected a number of seconds from 1 to 3600");
        o->timeout = (unsigned)seconds;
    }
    return check_url("upstream", o->upstream) && check_url("public-url", o->public_url) &&
           check_file("upstream-ca", o->upstream_authorities) && check_file("routes", o->routes) &&
           check_file("tokens", o->tokens);
}

parsed parse_options(int argc, char **argv, gateway_options *o)
{
    static char any_port[] = "127.0.0.1:8080";
    char *timeout = NULL;
    char **const fields[] = {&o->location,   &o->settings,
                             &o->tokens,     &o->sessions,
                             &o->listen,     &o->metrics_listen,
                             &o->upstream,   &o->upstream_authorities,
                             &o->public_url, &o->routes,
                             &o->log,        &timeout};
    static const char *const names[] = {"location",   "settings",       "tokens",   "sessions",
                                        "listen",     "metrics-listen", "upstream", "upstream-ca",
                                        "public-url", "routes",         "log",      "timeout"};
    enum { FIELDS = sizeof names / sizeof *names, HELP_WANTED = FIELDS, VERBOSE };
    struct option known[FIELDS + 3];
    int which = 0;

    memset(o, 0, sizeof *o);
    memset(known, 0, sizeof known);
    o->listen = any_port;
    o->routes = ROUTES_FILE;
    o->timeout = 30;
    for (int i = 0; i < FIELDS; i++)
        known[i] = (struct option){names[i], required_argument, NULL, i};
    known[HELP_WANTED] = (struct option){"help", no_argument, NULL, HELP_WANTED};
    known[VERBOSE] = (struct option){"verbose", no_argument, NULL, VERBOSE};
    opterr = 0;
    while ((which = getopt_long(argc, argv, ":", known, NULL)) != -1) {
        if (which == HELP_WANTED) {
            fputs(HELP, stdout);
            return EXIT_DONE;
        }
        if (which == ':' || which == '?') {
            /* optind is still that of a group of short options, such as -xy. */
            if (which == '?' && optopt >= FIELDS + 2)
                complain("-%c: unknown option; see --help", optopt);
            else
                complain("%s: %s; see --help", argv[optind - 1],
                         which == ':' ? "needs a value" : "unknown option");
            return EXIT_WRONG;
        }
        if (which == VERBOSE)
            o->verbose = true;
        else
            *fields[which] = optarg;
    }
    if (optind < argc) {
        complain("%s: unexpected argument; see --help", argv[optind]);
        return EXIT_WRONG;
    }
    return check(o, timeout) ? RUN : EXIT_WRONG;
}

/* Splits `HOST:PORT` or `[HOST]:PORT`. */
static bool split_address(const char *address, char host[256], const char **port)
{
    const char *colon = strrchr(address, ':');
    size_t size = colon != NULL ? (size_t)(colon - address) : 0;

    if (size == 0 || size > 255 || colon[1] == '\0' ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1) || strlen(colon + 1) > 5 ||
        strtoul(colon + 1, NULL, 10) > 65535)
        return false;
    if (*address == '[' && address[size - 1] == ']') {
        address++;
        size -= 2;
    } else if (memchr(address, ':', size) != NULL) {
        return false;
    }
    snprintf(host, 256, "%.*s", (int)size, address);
    *port = colon + 1;
    return true;
}

static void print_address(int listener, const char *what)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    char host[256], port[16];

    if (getsockname(listener, (struct sockaddr *)&address, &size) == 0 &&
        getnameinfo((struct sockaddr *)&address, size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        printf(strchr(host, ':') != NULL ? "%s on [%s]:%s\n" : "%s on %s:%s\n", what, host, port);
    fflush(stdout);
}

int listen_on(const char *option, const char *address, const char *what)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    char host[256];
    const char *port;
    int fault, listener, on = 1;

    if (!split_address(address, host, &port)) {
        complain("--%s: %s: expected HOST:PORT", option, address);
        return -1;
    }
    fault = getaddrinfo(host, port, &hints, &found);
    if (fault != 0) {
        complain("--%s: %s: %s", option, address, gai_strerror(fault));
        return -1;
    }
    listener = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(listener, found->ai_addr, found->ai_addrlen) != 0 || listen(listener, BACKLOG) != 0) {
        complain("--%s: %s: %s", option, address, strerror(errno));
        if (listener >= 0)
            close(listener);
        listener = -1;
    }
    freeaddrinfo(found);
    if (listener >= 0)
        print_address(listener, what);
    return listener;
}
