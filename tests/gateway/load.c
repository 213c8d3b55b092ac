/* Sends load to the gateway, and checks every response:
 *
 *     load REQUESTS CONNECTIONS ROUTES COMMAND...
 *
 * COMMAND starts the gateway. This program is also its upstream server. Each connection stays
 * open for all its requests, which are a mix of the cases below. Some use sessions that are opened
 * before. At the end, the gateway is told to end while a request is in progress, which must still
 * be answered.
 */
#define _GNU_SOURCE /* strcasestr */

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_SIZE = 8192, MOST_SECONDS = 240 };

#define FORM "application/x-www-form-urlencoded"
#define PARTS "multipart/form-data; boundary=xyz"
#define PART(headers, value) \
    "--xyz\r\nContent-Disposition: form-data; " headers "\r\n\r\n" value "\r\n--xyz--\r\n"

static const char tokens[] =
    "alice\tgood\t-\t-\t-\t-\n"
    "alice\texpired\t-\t1751375100123456\t-\t-\n"
    "alice\trevoked\t-\t-\tThe \"laptop\" was stolen.\t-\n"
    "alice\tread\t-\t-\t-\t{\"resources\": {\"*\": {\"allow\": [\"GET\"], \"block\": [\"*\"]}}}\n"
    "alice\tonly42\t-\t-\t-\t{\"resources\": {\"*\": {\"block\": [\"*\"]}, \"review_request\": "
    "{\"42\": "
    "{\"allow\": [\"GET\"]}}}}\n"
    "alice\tnoput\t-\t-\t-\t{\"resources\": {\"*\": {\"allow\": [\"*\"], \"block\": [\"PUT\"]}}}\n"
    "alice\tnodraft\t-\t-\t-\t{\"resources\": {\"review_draft\": {\"*\": {\"block\": [\"*\"]}}, "
    "\"remote_repository\": {\"a/b\": {\"block\": [\"*\"]}}, \"root\": {\"*\": {\"block\": "
    "[\"*\"]}}}}\n"
    "bob\tnorth\tnorth\t-\t-\t-\n"
    "bob\t0123456789abcdef0123456789abcdef01234567\t-\t-\t-\t-\n";

/* Exactly as Review Board 8.1 responds. */
#define ERR(code, message, type)                                                         \
    "\r\n\r\n{\"err\": {\"code\": " code ", \"msg\": \"" message "\", \"type\": \"" type \
    "\"}, \"stat\": \"fail\"}"
#define UNKNOWN ERR("104", "The username or password was not correct", "auth-login-failed")
#define DENIED ERR("101", "You don't have permission for this", "resource-permission-denied")
#define NOBODY ERR("103", "You are not logged in", "auth-not-logged-in")
#define NOTHING ERR("100", "Object does not exist", "resource-does-not-exist")
#define EXPIRED \
    ERR("104", "This API token expired on July 1, 2025, 1:05 p.m..", "auth-login-failed")
#define REVOKED                                                                         \
    ERR("104", "This API token became invalid on None: The \\\"laptop\\\" was stolen.", \
        "auth-login-failed")
#define DOUBTFUL "The form cannot be read"
#define AMBIGUOUS "The headers are ambiguous"

/* Instead of a value of `Authorization`. */
#define COOKIE "Cookie: "

/* A form ends with the method that the policy was checked for. */
#define SEAL(method)                                                                             \
    "\r\n--xyz\r\nContent-Disposition: form-data; name=\"_method\"\r\n\r\n" method "\r\n--xyz--" \
    "\r\n"

/* Requests and expected responses: the status, and a part of the response including headers. */
static const struct {
    const char *authorization, *method, *path, *type, *body;
    int status;
    const char *answer;
} cases[] = {
    {"token good", "GET", "/api/review-requests/42/?a=%2Fb", NULL, NULL, 200,
     "GET /api/review-requests/42/?a=%2Fb of token good[]: "},
    {"token noput", "POST", "/api/review-requests/", FORM, "a=1", 200, "]: a=1&_method=POST"},
    {"token good", "POST", "/api/review-requests/", FORM, "a=1", 200,
     "POST /api/review-requests/ of token good[]: a=1"},
    {"token good", "PUT", "/api/review-requests/42/draft/", "application/json", "{}", 200,
     "PUT /api/review-requests/42/draft/ of token good[]: {}"},
    {"token good", "DELETE", "/api/review-requests/42/", NULL, NULL, 200, "DELETE /api/review"},
    {"token good", "GET", "/s/north/api/", NULL, NULL, 200, "GET /s/north/api/ of token good[]: "},
    {"token good", "GET", "/api/review-requests/42/reviews/draft/", NULL, NULL, 200, "draft/ of"},
    {"token good", "GET", "/api/info/?status=404", NULL, NULL, 404, "X-Upstream: here\r\n"},
    {"token 0123456789abcdef0123456789abcdef01234567", "GET", "/api/", NULL, NULL, 200,
     "GET /api/ of token 0123456789abcdef0123456789abcdef01234567[]: "},
    {NULL, "GET", "/api/review-requests/", NULL, NULL, 401, NOBODY},
    {"Basic YTpi", "GET", "/api/review-requests/", NULL, NULL, 200, " of Basic YTpi[]: "},
    {"Basic YTpi", "POST", "/api/review-requests/", FORM, "_method=PUT", 200, "[]: _method=PUT"},
    {"Basic YWI=", "GET", "/api/review-requests/", NULL, NULL, 401, NOBODY},
    {"Basic YTr/", "GET", "/api/review-requests/", NULL, NULL, 401, NOBODY},
    {"Basic OuCAgA==", "GET", "/api/review-requests/", NULL, NULL, 401, NOBODY},
    {"Basic YTpi!", "GET", "/api/review-requests/", NULL, NULL, 401, NOBODY},
    {"Basic", "GET", "/api/review-requests/", NULL, NULL, 401, NOBODY},
    {"Bearer YTpi", "GET", "/api/review-requests/", NULL, NULL, 401, NOBODY},
    {"token good\r\nAuthorization: token good", "GET", "/api/", NULL, NULL, 400, AMBIGUOUS},
    {"token good\r\nTransfer-Encoding : chunked", "GET", "/api/", NULL, NULL, 400, AMBIGUOUS},
    {"token good\r\nConnection: Authorization", "GET", "/api/", NULL, NULL, 400, AMBIGUOUS},
    {"token", "GET", "/api/review-requests/", NULL, NULL, 401, NOBODY},
    {"token a b", "GET", "/api/review-requests/", NULL, NULL, 401, NOBODY},
    {"token nobody", "GET", "/api/review-requests/", NULL, NULL, 401, UNKNOWN},
    {"token nobody", "POST", "/api/review-requests/", FORM, "a=1", 401, UNKNOWN},
    {"token nobody", "GET", "/api/", NULL, NULL, 401,
     "WWW-Authenticate: Basic realm=\"Web API\"\r\n"},
    {"token \xff", "GET", "/api/review-requests/", NULL, NULL, 401, UNKNOWN},
    {"token expired", "GET", "/api/review-requests/", NULL, NULL, 401, EXPIRED},
    {"token revoked", "GET", "/api/review-requests/", NULL, NULL, 401, REVOKED},
    {"token north", "GET", "/s/north/api/review-requests/", NULL, NULL, 200, " of token north[]: "},
    {"token north", "GET", "/s/south/api/review-requests/", NULL, NULL, 403, DENIED},
    {"token north", "GET", "/api/review-requests/", NULL, NULL, 403, DENIED},
    {"token read", "GET", "/api/review-requests/", NULL, NULL, 200, " of token read[]: "},
    {"token read", "DELETE", "/api/review-requests/42/", NULL, NULL, 403, DENIED},
    {"token read", "POST", "/api/review-requests/", FORM, "a=1", 403, DENIED},
    {"token read", "POST", "/api/review-requests/?_method=GET", FORM, "a=1", 403, DENIED},
    {"token read", "POST", "/api/review-requests/", FORM, "_method=GET", 200,
     "[]: _method=GET&_method=GET"},
    {"token read", "POST", "/api/review-requests/", FORM, "_method=GET&%5fmethod=PUT", 403, DENIED},
    {"token read", "POST", "/api/review-requests/", PARTS, PART("name=\"_method\"", "GET"), 200,
     SEAL("GET")},
    {"token read", "POST", "/api/review-requests/", PARTS, PART("name=\"_method\"", "PUT"), 403,
     DENIED},
    {"token only42", "GET", "/api/review-requests/42/", NULL, NULL, 200, " of token only42[]: "},
    {"token only42", "GET", "/api/review-requests%2F42", NULL, NULL, 200,
     "GET /api/review-requests/42 of"},
    {"token only42", "GET", "/api/review-requests/43/", NULL, NULL, 403, DENIED},
    {"token only42", "GET", "/api/review-requests/", NULL, NULL, 403, DENIED},
    {"token only42", "GET", "/api/review-requests/42/draft/", NULL, NULL, 403, DENIED},
    {"token nodraft", "GET", "/api/", NULL, NULL, 403, DENIED},
    {"token nodraft", "GET", "/api/review-requests/42/reviews/draft/", NULL, NULL, 403, DENIED},
    {"token nodraft", "GET", "/api/review-requests/42/reviews/7/", NULL, NULL, 200, "/7/ of token"},
    {"token nodraft", "GET", "/api/hosting-service-accounts/1/remote-repositories/a/b/", NULL, NULL,
     403, DENIED},
    {"token nodraft", "GET", "/api/hosting-service-accounts/1/remote-repositories/a/", NULL, NULL,
     200, "/a/ of token"},
    /* However the upstream would parse this, the checked method is the last one. */
    {"token noput", "POST", "/api/", PARTS, PART("name=_method", "PUT"), 200, SEAL("POST")},
    {"token noput", "POST", "/api/", PARTS, PART("name=\"a\"; name=\"_method\"", "PUT"), 200,
     SEAL("POST")},
    {"token noput", "POST", "/api/", PARTS, PART("name=\"a\"; name*=utf-8''_method", "PUT"), 200,
     SEAL("POST")},
    {"token noput", "POST", "/api/", PARTS, PART("name=\"a\"", "b") PART("name=\"_method\"", "PUT"),
     400, DOUBTFUL},
    {"token read", "POST", "/api/", PARTS,
     "--xyz\r\nContent-Type: multipart/mixed; boundary=abc\r\n\r\n--abc\r\n"
     "Content-Disposition: form-data; name=\"_method\"\r\n\r\nGET\r\n--abc--\r\n--xyz--\r\n",
     200, SEAL("GET")},
    {"token read", "POST", "/api/", FORM, "_method%00=GET", 200, "%00=GET&_method=GET"},
    {"token noput", "POST", "/api/", PARTS "; boundary=y", PART("name=\"a\"", "b"), 400, DOUBTFUL},
    {"token good", "POST", "/api/", FORM "; charset=utf-7", "+AF8-method=PUT", 200,
     "]: +AF8-method"},
    {"token noput", "POST", "/api/", "\x1f" FORM, "_method=PUT", 400, AMBIGUOUS},
    {"token noput", "POST", "/api/", "\xc2\xa0" FORM, "_method=PUT", 400, DOUBTFUL},
    {"token noput", "POST", "/api/", "text/plain\r\nContent-Type: " FORM, "_method=PUT", 200,
     " of token noput[]: _method=PUT"},
    {"token noput", "POST", "/api/", FORM "; charset=utf-7", "+AF8-method=PUT", 400, DOUBTFUL},
    {"token noput", "POST", "/api/", FORM,
     "_method=GETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGET", 405,
     "no such method"},
    {"token noput", "POST", "/api/", FORM, "_method=delete", 405,
     "Allow: GET, POST, PUT, DELETE\r\n"},
    {"token noput", "POST", "/api/", FORM, "_method=", 405, "no such method"},
    {"token good", "PATCH", "/api/", NULL, NULL, 405, "no such method"},
    {"token good", "GET", "/api/nothing/", NULL, NULL, 404, NOTHING},
    {"token good", "GET", "/api/../admin/", NULL, NULL, 404, NOTHING},
    {"token good", "GET", "/api/users/../watched/", NULL, NULL, 404, NOTHING},
    {"token good", "GET", "/api/%2e%2e/api/", NULL, NULL, 404, NOTHING},
    {"token good", "GET", "//api/", NULL, NULL, 404, NOTHING},
    {"token good", "GET", "/s/no@site/api/", NULL, NULL, 404, NOTHING},
    /* Sessions. */
    {COOKIE "rbsessionid=ofgood", "GET", "/api/", NULL, NULL, 200,
     "/api/ of [rbsessionid=ofgood]: "},
    {COOKIE "a=1;  rbsessionid=\"ofgood\" ;b=2", "GET", "/api/", NULL, NULL, 200,
     "of [a=1; b=2; rbsessionid=ofgood]: "},
    {COOKIE "rbsessionid=ofread", "GET", "/api/", NULL, NULL, 200, "of [rbsessionid=ofread]: "},
    {COOKIE "rbsessionid=ofread", "DELETE", "/api/review-requests/1/", NULL, NULL, 403, DENIED},
    {COOKIE "rbsessionid=ofpassword", "DELETE", "/api/review-requests/1/", NULL, NULL, 200,
     "of [rbsessionid=ofpassword]: "},
    {COOKIE "rbsessionid=ofnorth", "GET", "/s/north/api/", NULL, NULL, 200, "=ofnorth]: "},
    {COOKIE "rbsessionid=ofnorth", "GET", "/s/south/api/", NULL, NULL, 403, DENIED},
    {COOKIE "rbsessionid=stolen", "GET", "/api/", NULL, NULL, 401, NOBODY},
    {COOKIE "rbsessionid=ended", "GET", "/api/", NULL, NULL, 401, NOBODY},
    {COOKIE "RBSESSIONID=ofgood", "GET", "/api/", NULL, NULL, 401, NOBODY},
    {COOKIE "rbsessionid=ofgood; rbsessionid=stolen", "GET", "/api/", NULL, NULL, 401, NOBODY},
    {COOKIE "rbsessionid=stolen; rbsessionid=ofgood", "GET", "/api/", NULL, NULL, 200,
     "of [rbsessionid=ofgood]: "},
    {COOKIE "rbsessionid=ofgood\r\nCookie: \xc2\xa0rbsessionid=stolen; c=3", "GET", "/api/", NULL,
     NULL, 200, "of [c=3; rbsessionid=ofgood]: "},
    {COOKIE "rbsessionid=ofgood\r\nConnection: Cookie", "GET", "/api/", NULL, NULL, 400, AMBIGUOUS},
    {"token good\r\nCookie: rbsessionid=stolen", "GET", "/api/", NULL, NULL, 200,
     "of token good[]: "},
    {"token read\r\nCookie: rbsessionid=ofgood", "DELETE", "/api/review-requests/1/", NULL, NULL,
     403, DENIED},
    {"token good\r\nCookie: rbsessionid=ofread", "DELETE", "/api/review-requests/1/", NULL, NULL,
     200, "of token good[]: "},
    {"token good\r\nCookie: rbsessionid=ofgood", "GET", "/api/", NULL, NULL, 200,
     "of token good[rbsessionid=ofgood]: "},
    {"token revoked\r\nCookie: rbsessionid=ofgood", "GET", "/api/", NULL, NULL, 401, REVOKED},
    {"Basic YTpi\r\nCookie: rbsessionid=ofgood", "GET", "/api/", NULL, NULL, 200,
     "of Basic YTpi[]: "},
    /* Another scheme would leave the session to the upstream. */
    {"Digest a\r\nCookie: rbsessionid=ofgood", "GET", "/api/", NULL, NULL, 401, NOBODY},
    /* Other paths are for the server's pages. */
    {NULL, "GET", "/account/login/?next=%2Fr%2F", NULL, NULL, 302,
     "Location: https://reviews.example.com/account/login/?next=%2Fr%2F\r\n"},
    {NULL, "GET", "/s/north/r/1/", NULL, NULL, 302, "https://reviews.example.com/s/north/r/1/\r\n"},
    {NULL, "GET", "//evil.example/%0d%0aX-A:1", NULL, NULL, 302,
     "Location: https://reviews.example.com//evil.example/%0d%0aX-A:1\r\n"},
    {NULL, "POST", "/account/login/", FORM, "a=1", 404, NOTHING},
};
enum { CASES = sizeof cases / sizeof *cases };

static unsigned long requests, connections;
static uint16_t gateway_port;
static pid_t gateway;
static atomic_ulong answered[CASES];

static void die(const char *what)
{
    fprintf(stderr, "load: %s\n", what);
    if (gateway > 0)
        kill(gateway, SIGKILL);
    exit(EXIT_FAILURE);
}

static void send_all(int peer, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(peer, text, size, MSG_NOSIGNAL);

        if (sent <= 0)
            die("a message cannot be sent");
        text += sent;
        size -= (size_t)sent;
    }
}

/* Reads a message with its body. Returns false if the peer closed the connection before it. */
static bool receive(int peer, char message[MESSAGE_SIZE])
{
    size_t size = 0, wanted = MESSAGE_SIZE;
    char *end, *length;

    while (size < wanted) {
        ssize_t got = recv(peer, message + size, MESSAGE_SIZE - 1 - size, 0);

        if (got == 0 && size == 0)
            return false;
        if (got <= 0)
            die("a message ends early, is too long, or does not come");
        size += (size_t)got;
        message[size] = '\0';
        end = strstr(message, "\r\n\r\n");
        if (end != NULL && wanted == MESSAGE_SIZE) {
            wanted = (size_t)(end + 4 - message);
            for (length = message; length < end; length = strstr(length, "\r\n") + 2)
                if (strncasecmp(length, "Content-Length:", 15) == 0)
                    wanted += strtoul(length + 15, NULL, 10);
        }
    }
    return true;
}

/* Returns the value of a header, and its length; an empty text if there is none. */
static const char *header(const char *message, const char *name, int *length)
{
    const char *line = message, *end = strstr(message, "\r\n\r\n");

    for (line = strstr(line, "\r\n"); line != NULL && line < end; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, strlen(name)) == 0) {
            line += strlen(name);
            *length = (int)strcspn(line, "\r");
            return line;
        }
    }
    *length = 0;
    return "";
}

static int count_headers(const char *message, const char *name)
{
    int length, n = 0;

    while (*(message = header(message, name, &length)) != '\0')
        n++;
    return n;
}

/* The upstream: responds with the request that it received. `?session=NAME` opens a session, and
 * `?session=` ends one. */
static void *serve(void *connection)
{
    int peer = (int)(intptr_t)connection;
    char message[MESSAGE_SIZE], answer[2 * MESSAGE_SIZE], body[MESSAGE_SIZE + 64], cookie[256];
    const struct timespec slowly = {0, 500000000};

    while (receive(peer, message)) {
        int user_size, cookie_size;
        const char *user = header(message, "Authorization: ", &user_size),
                   *cookies = header(message, "Cookie: ", &cookie_size),
                   *status = strstr(message, "?status=404"),
                   *session = strstr(message, "?session=");
        const char *sent = strstr(message, "\r\n\r\n") + 4;

        if (count_headers(message, "Authorization:") + count_headers(message, "Cookie:") == 0 ||
            count_headers(message, "Authorization:") > 1 || count_headers(message, "Cookie:") > 1 ||
            count_headers(message, "Content-Type:") > 1 ||
            count_headers(message, "X-Forwarded-For: 127.0.0.1\r") != 1 ||
            strcasestr(message, "X-Forwarded-User") != NULL || strstr(message, "X_For") != NULL ||
            strstr(message, "X-Mine") != NULL || strstr(message, "stolen") != NULL)
            die("the upstream got headers that it should not get");
        if (strstr(message, "?slow") != NULL)
            nanosleep(&slowly, NULL);
        cookie[0] = '\0';
        if (session != NULL)
            snprintf(cookie, sizeof cookie, "Set-Cookie: rbsessionid=%.*s; HttpOnly; Path=/\r\n",
                     (int)strcspn(session + 9, " "), session + 9);
        snprintf(body, sizeof body, "%.*s of %.*s[%.*s]: %s",
                 (int)(strstr(message, " HTTP/1.1") - message), message, user_size, user,
                 cookie_size, cookies, sent);
        snprintf(answer, sizeof answer,
                 "HTTP/1.1 %s\r\n%sX-Upstream: here\r\nConnection: keep-alive, X-Own\r\nX-Own: "
                 "1\r\nContent-Length: %zu\r\n\r\n%s",
                 status != NULL ? "404 Not Found" : "200 OK", cookie, strlen(body), body);
        send_all(peer, answer, strlen(answer));
    }
    close(peer);
    return NULL;
}

static void *accept_all(void *listener)
{
    for (;;) {
        int peer = accept((int)(intptr_t)listener, NULL, NULL), on = 1;
        pthread_t thread;

        if (peer < 0 || setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
            pthread_create(&thread, NULL, serve, (void *)(intptr_t)peer) != 0)
            die("the upstream cannot take a connection");
        pthread_detach(thread);
    }
    return NULL;
}

static uint16_t start_upstream(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    pthread_t thread;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, 256) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) != 0 ||
        pthread_create(&thread, NULL, accept_all, (void *)(intptr_t)listener) != 0)
        die("the upstream cannot be started");
    pthread_detach(thread);
    return ntohs(address.sin_port);
}

static int connect_to_gateway(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(gateway_port)};
    const struct timeval timeout = {MOST_SECONDS / 2, 0};
    int peer = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (peer < 0 || setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) != 0 ||
        setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        connect(peer, (struct sockaddr *)&address, sizeof address) != 0)
        die("the gateway takes no connection");
    return peer;
}

static void ask(int peer, size_t which)
{
    char message[MESSAGE_SIZE];
    const char *body = cases[which].body != NULL ? cases[which].body : "";
    int n = snprintf(message, sizeof message, "%s %s HTTP/1.1\r\nHost: localhost\r\n",
                     cases[which].method, cases[which].path);

    if (cases[which].authorization != NULL)
        n += snprintf(message + n, sizeof message - (size_t)n, "%s%s\r\n",
                      strncmp(cases[which].authorization, COOKIE, strlen(COOKIE)) != 0
                          ? "Authorization: "
                          : "",
                      cases[which].authorization);
    if (cases[which].type != NULL)
        n += snprintf(message + n, sizeof message - (size_t)n, "Content-Type: %s\r\n",
                      cases[which].type);
    snprintf(message + n, sizeof message - (size_t)n,
             "X-Forwarded-User: root\r\nX_Forwarded_User: root\r\nConnection: keep-alive, "
             "X-Mine\r\nX-Mine: 1\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    send_all(peer, message, strlen(message));
}

static void *run_connection(void *number)
{
    char message[MESSAGE_SIZE];
    int peer = connect_to_gateway();

    for (unsigned long i = (unsigned long)(uintptr_t)number; i < requests; i += connections) {
        size_t which = i % CASES;

        ask(peer, which);
        if (!receive(peer, message))
            die("the gateway closed a connection");
        if (strtol(message + strlen("HTTP/1.1 "), NULL, 10) != cases[which].status ||
            strstr(message, cases[which].answer) == NULL || strstr(message, "X-Own") != NULL) {
            fprintf(stderr, "%s %s, %s: expected %d, %s, but got:\n%s\n", cases[which].method,
                    cases[which].path, cases[which].authorization, cases[which].status,
                    cases[which].answer, message);
            die("an answer is not as expected");
        }
        atomic_fetch_add(&answered[which], 1);
        if (strstr(message, "\r\nConnection: close\r\n") != NULL) {
            close(peer);
            peer = connect_to_gateway();
        }
    }
    close(peer);
    return NULL;
}

/* Opens sessions, each with a request of its own. */
static void open_sessions(void)
{
    static const char *const requests_of_sessions[] = {
        "/api/?session=ofgood HTTP/1.1\r\nAuthorization: token good",
        "/api/?session=ofread HTTP/1.1\r\nAuthorization: token read",
        "/s/north/api/?session=ofnorth HTTP/1.1\r\nAuthorization: token north",
        "/api/?session=ofpassword HTTP/1.1\r\nAuthorization: Basic YTpi",
        "/api/?session=ended HTTP/1.1\r\nAuthorization: token good",
        "/api/?session= HTTP/1.1\r\nCookie: rbsessionid=ended"};
    char message[MESSAGE_SIZE];
    int peer = connect_to_gateway();

    for (size_t i = 0; i < sizeof requests_of_sessions / sizeof *requests_of_sessions; i++) {
        snprintf(message, sizeof message, "GET %s\r\nHost: localhost\r\n\r\n",
                 requests_of_sessions[i]);
        send_all(peer, message, strlen(message));
        if (!receive(peer, message) || strncmp(message, "HTTP/1.1 200", 12) != 0)
            die("a session cannot be opened");
    }
    close(peer);
}

/* Tells the gateway to end while it waits for the upstream. */
static void *end_gracefully(void *nothing)
{
    static const char request[] =
        "GET /api/info/?slow HTTP/1.1\r\nHost: localhost\r\nAuthorization: token good\r\n\r\n";
    const struct timespec moment = {0, 200000000};
    char message[MESSAGE_SIZE];
    int peer = connect_to_gateway();

    send_all(peer, request, strlen(request));
    nanosleep(&moment, NULL);
    kill(gateway, SIGTERM);
    if (!receive(peer, message) || strstr(message, "?slow of token good") == NULL)
        die("what was under way at the end was not answered");
    close(peer);
    return nothing;
}

/* Starts the gateway, which prints its port. */
static void start_gateway(char **command, int words, const char *routes, char *token_file)
{
    char *arguments[48], url[64], line[64] = "";
    const char *options[] = {"--listen",
                             "127.0.0.1:0",
                             "--upstream",
                             url,
                             "--routes",
                             routes,
                             "--tokens",
                             token_file,
                             "--public-url",
                             "https://reviews.example.com/",
                             "--log",
                             "/dev/null",
                             NULL};
    int out[2];
    FILE *in;

    if (words > 24 || pipe(out) != 0)
        die("no command can be run");
    snprintf(url, sizeof url, "http://127.0.0.1:%u", (unsigned)start_upstream());
    memcpy(arguments, command, (size_t)words * sizeof *command);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        arguments[(size_t)words + i] = (char *)options[i];
    gateway = fork();
    if (gateway == 0) {
        dup2(out[1], STDOUT_FILENO);
        close(out[0]);
        close(out[1]);
        execvp(arguments[0], arguments);
        _exit(127);
    }
    close(out[1]);
    in = fdopen(out[0], "r");
    if (gateway < 0 || in == NULL || fgets(line, sizeof line, in) == NULL ||
        strncmp(line, "listening on 127.0.0.1:", 23) != 0)
        die("the gateway does not start");
    gateway_port = (uint16_t)atoi(line + 23);
}

int main(int argc, char **argv)
{
    char token_file[] = "/tmp/rbtoken-gateway-XXXXXX";
    int file = mkstemp(token_file), status;
    unsigned long total = 0;
    pthread_t threads[256], last;

    if (argc < 5)
        die("usage: load REQUESTS CONNECTIONS ROUTES COMMAND...");
    alarm(MOST_SECONDS);
    requests = strtoul(argv[1], NULL, 10);
    connections = strtoul(argv[2], NULL, 10);
    if (connections == 0 || connections > 256 || requests < CASES)
        die("too few or too many requests or connections");
    if (file < 0 || write(file, tokens, sizeof tokens - 1) != (ssize_t)sizeof tokens - 1 ||
        close(file) != 0)
        die("the tokens cannot be written");
    start_gateway(argv + 4, argc - 4, argv[3], token_file);
    unlink(token_file);
    open_sessions();
    for (unsigned long i = 0; i < connections; i++)
        if (pthread_create(&threads[i], NULL, run_connection, (void *)(uintptr_t)i) != 0)
            die("a thread cannot be made");
    for (unsigned long i = 0; i < connections; i++)
        pthread_join(threads[i], NULL);
    if (pthread_create(&last, NULL, end_gracefully, NULL) != 0)
        die("a thread cannot be made");
    pthread_join(last, NULL);
    if (waitpid(gateway, &status, 0) != gateway || status != 0)
        die("the gateway ended badly");
    for (size_t i = 0; i < CASES; i++) {
        if (atomic_load(&answered[i]) == 0)
            die("a case was never asked");
        total += atomic_load(&answered[i]);
    }
    printf("ok %lu requests of %d kinds from %lu connections were answered as expected\n", total,
           (int)CASES, connections);
    return total == requests ? EXIT_SUCCESS : EXIT_FAILURE;
}
