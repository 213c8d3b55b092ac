/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE /* explicit_bzero */

#include "decision.h"

#include "sessions.h"

#include <stdlib.h>
#include <string.h>

static const refusal *by_verdict(rbtoken_verdict_t verdict)
{
    if (verdict == RBTOKEN_VERDICT_OK)
        return NULL;
    if (verdict == RBTOKEN_VERDICT_WRONG_SITE)
        return &DENIED;
    return verdict == RBTOKEN_VERDICT_NOT_A_TOKEN ? &NOT_LOGGED_IN : &LOGIN_FAILED;
}

static void set_site(rbtoken_login_options_t *options, const target *t)
{
    RBTOKEN_INIT(options);
    if (t->site[0] != '\0') {
        options->site_mode = RBTOKEN_SITE_NAMED;
        RBTOKEN_SET_STR(options, site, t->site);
    }
}

/* Decodes Base64. Returns the number of bytes; 0 if the text is malformed or too long. */
static size_t decode(const char *text, unsigned char *bytes, size_t capacity)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length = strlen(text), used = strspn(text, digits), size = 0;
    unsigned bits = 0, held = 0;

    if (length % 4 != 0 || length - used > 2 || strspn(text + used, "=") != length - used ||
        used / 4 * 3 + 3 > capacity)
        return 0;
    for (size_t i = 0; i < used; i++) {
        bits = bits << 6 | (unsigned)(strchr(digits, text[i]) - digits);
        held += 6;
        if (held >= 8)
            bytes[size++] = (unsigned char)(bits >> (held -= 8) & 0xff);
    }
    return size;
}

/* Returns the number of bytes of the character at the start of a text; 0 if it is not UTF-8. */
static size_t character_size(const unsigned char *text, size_t size)
{
    unsigned first = text[0], low = 0x80, high = 0xbf;
    size_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

    if (length == 0 || length > size || first > 0xf4)
        return 0;
    if (first == 0xe0 || first == 0xf0)
        low = first == 0xe0 ? 0xa0 : 0x90; /* a shorter form exists */
    if (first == 0xed || first == 0xf4)
        high = first == 0xed ? 0x9f : 0x8f; /* a surrogate, or beyond Unicode */
    for (size_t i = 1; i < length; i++)
        if (text[i] < (i == 1 ? low : 0x80) || text[i] > (i == 1 ? high : 0xbf))
            return 0;
    return length;
}

/* Returns whether a text is that of `Basic`: Base64 of a name, a colon and a password in UTF-8.
 * Review Board takes a request with another text for one without credentials. */
static bool is_password(const char *text)
{
    unsigned char bytes[1024];
    size_t size = decode(text, bytes, sizeof bytes), length;
    bool colon = false, readable = true;

    for (size_t i = 0; readable && i < size; i += length) {
        length = character_size(bytes + i, size - i);
        readable = length > 0;
        colon = colon || bytes[i] == ':';
    }
    explicit_bzero(bytes, sizeof bytes);
    return readable && colon;
}

static void judge_authorization(decision *d, rbtoken_store_t *store, const char *header,
                                const target *t)
{
    static const char basic[] = "Basic ";
    const char *space = strchr(header, ' ');
    rbtoken_login_options_t options;
    rbtoken_verdict_t verdict;

    d->why = &NOT_LOGGED_IN;
    if (space == NULL || strchr(space + 1, ' ') != NULL)
        return;
    if (strncmp(header, basic, sizeof basic - 1) == 0) {
        if (is_password(header + sizeof basic - 1)) {
            d->by = PASSWORD;
            d->why = NULL;
        }
        return;
    }
    set_site(&options, t);
    if (rbtoken_store_authenticate_header(store, RBTOKEN_STR(header), &options, &verdict, &d->token,
                                          &d->refused, NULL) != RBTOKEN_OK) {
        d->why = &FAILED;
        return;
    }
    d->why = by_verdict(verdict);
    if (verdict != RBTOKEN_VERDICT_NOT_A_TOKEN)
        d->by = TOKEN;
}

/* Judges the session by the token that opened it, as it is now. */
static void judge_session_token(decision *d, rbtoken_store_t *store, session *s, const target *t)
{
    const char *cookie = d->cookies.session;
    rbtoken_login_options_t options;
    rbtoken_verdict_t verdict;
    rbtoken_status_t status;

    if (s->token == NULL) {
        status = rbtoken_store_get_token(store, s->token_id, &s->token, NULL);
        if (status != RBTOKEN_OK) {
            d->why = status == RBTOKEN_E_NOT_FOUND ? &LOGIN_FAILED : &FAILED;
            if (status == RBTOKEN_E_NOT_FOUND)
                remove_session(cookie);
            return;
        }
        set_session_token(cookie, s->token);
    }
    set_site(&options, t);
    if (rbtoken_store_authenticate(store, RBTOKEN_STR(rbtoken_token_value(s->token, NULL)),
                                   &options, &verdict, &d->token, &d->refused,
                                   NULL) != RBTOKEN_OK) {
        d->why = &FAILED;
        return;
    }
    d->why = by_verdict(verdict);
    /* A token of the same value that was created later did not open this session. */
    if (d->token != NULL && rbtoken_token_id(d->token) != s->token_id)
        d->why = &LOGIN_FAILED;
    if (verdict == RBTOKEN_VERDICT_UNKNOWN || (d->token != NULL && d->why != NULL))
        remove_session(cookie);
}

void judge(decision *d, rbtoken_store_t *store, struct MHD_Connection *connection,
           const request_headers *headers, const target *t)
{
    session s = {0, NULL};
    bool known;

    d->why = &FAILED;
    if (!read_cookies(connection, &d->cookies))
        return;
    known = d->cookies.session[0] != '\0' && find_session(d->cookies.session, &s);
    if (headers->authorization != NULL) {
        judge_authorization(d, store, headers->authorization, t);
        /* With a cookie, Review Board would not check the password. It would make the session of
         * another token one of this token, for everyone who has the cookie. */
        d->known_session = known && d->by == TOKEN && d->token != NULL &&
                           rbtoken_token_id(d->token) == s.token_id;
    } else if (!known) {
        d->why = &NOT_LOGGED_IN;
    } else {
        d->known_session = true;
        d->by = s.token_id == PASSWORD_SESSION ? PASSWORD_IN_SESSION : TOKEN_IN_SESSION;
        d->why = NULL;
        if (d->by == TOKEN_IN_SESSION)
            judge_session_token(d, store, &s, t);
    }
    rbtoken_token_release(s.token);
}

const refusal *check_policy(const decision *d, const target *t, const char *method)
{
    const char *id = *t->resource_id != '\0' ? t->resource_id : NULL;
    bool allowed;

    if (strcmp(method, "GET") != 0 && strcmp(method, "POST") != 0 && strcmp(method, "PUT") != 0 &&
        strcmp(method, "DELETE") != 0)
        return &BAD_METHOD;
    if (d->token == NULL)
        return NULL;
    if (rbtoken_token_allows(d->token, RBTOKEN_STR(t->policy_id), RBTOKEN_STR(method), id,
                             id != NULL ? strlen(id) : 0, &allowed, NULL) != RBTOKEN_OK)
        return &FAILED;
    return allowed ? NULL : &DENIED;
}

bool allows_all_methods(const decision *d, const target *t)
{
    return check_policy(d, t, "GET") == NULL && check_policy(d, t, "POST") == NULL &&
           check_policy(d, t, "PUT") == NULL && check_policy(d, t, "DELETE") == NULL;
}

void note_cookie(const decision *d, unsigned status, const char *cookie)
{
    char value[MAX_COOKIE + 1];

    if (!read_set_cookie(cookie, value))
        return;
    if (*value == '\0') {
        if (d->cookies.session[0] != '\0' && d->known_session)
            remove_session(d->cookies.session);
    } else if (status != 401) {
        add_session(value, d->token != NULL ? rbtoken_token_id(d->token) : PASSWORD_SESSION);
    }
}

const char *credentials_name(credentials by)
{
    static const char *const names[] = {"none", "token", "password", "session of a token",
                                        "session of a password"};

    return names[by];
}

void free_decision(decision *d)
{
    rbtoken_token_release(d->token);
    rbtoken_token_release(d->refused);
    free_cookies(&d->cookies);
}
