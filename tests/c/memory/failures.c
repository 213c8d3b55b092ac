/* Lets every allocation of each operation fail once. The call must return RBTOKEN_E_NO_MEMORY
 * without any effect, or succeed without the memory. Only small allocations may abort the
 * process; these are counted.
 *
 *     failures FOLDER all|some
 *
 * Each case runs in another process. `all` lets every allocation fail, `some` only a sample,
 * which is sparser for later ones. Prints a line for each operation and size class:
 *
 *     create memory small positions 31 no_memory 0 ok 2 aborts 29
 *
 * A large allocation may abort the process only if at least as much was allocated and freed
 * before by the same call: this is how the library checks that there is memory for a document.
 */
#define _GNU_SOURCE
#include "failing.h"
#include "../check.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { TOKENS = 2048, VALUE = 256, MEMBERS = 600, FILLED = 700, IDS = 600, CASE_SECONDS = 60 };

/* How the process of a case ends. */
enum { NO_MEMORY = 10, DONE, NOT_REACHED, ABORTED };

/* Shared between the processes. */
typedef struct shared {
    failing allocator;
    size_t count; /* acknowledged tokens by their values */
    char values[TOKENS][VALUE];
    size_t started; /* tokens that may exist without acknowledgment */
} shared;

static shared *all;
static rbtoken_store_t *store;
static char location[600], copy_file[600];
static char large_policy[1 << 16], large_data[1 << 15], large_note[20001];

/* Arguments of the cases of a size class. */
typedef struct texts {
    const char *policy, *extra_data, *note;
    char template_file[600], export_file[600];
    int exported, tokens; /* in these files */
    size_t count; /* number of values in the template */
    char values[TOKENS][VALUE];
    rbtoken_token_t *token;
} texts;

static texts small_texts = {
    .policy = "{\"resources\": {\"*\": {\"allow\": [\"GET\"]}}}",
    .extra_data = "{\"list\": [1, 2.5], \"__private\": {\"text\": \"x\"}}",
    .note = "note",
    .exported = 4,
    .tokens = 4,
};
static texts large_texts = {
    .policy = large_policy,
    .extra_data = large_data,
    .note = large_note,
    .exported = 40,
    .tokens = 200,
};
static texts *with = &small_texts;
static struct {
    size_t count;
    char values[TOKENS][VALUE];
} in_memory; /* the parent's store */
static const char *ids[IDS];
static rbtoken_error_t *error;

/* Returns the status of a call, and frees its error. */
static rbtoken_status_t answer(rbtoken_status_t status)
{
    disarm();
    /* The system gives no reason for failing to start a thread. */
    if (status == RBTOKEN_E_IO && strstr(rbtoken_error_message(error), "thread") != NULL) {
        rbtoken_error_free(error);
        return RBTOKEN_E_NO_MEMORY;
    }
    if (status != RBTOKEN_OK && status != RBTOKEN_E_NO_MEMORY) {
        fprintf(stderr, "%s: %s\n", rbtoken_status_name(status), rbtoken_error_message(error));
        CHECK(status == RBTOKEN_E_NO_MEMORY);
    }
    CHECK(status == RBTOKEN_OK || rbtoken_error_status(error) == status);
    rbtoken_error_free(error);
    return status;
}

/* Records an acknowledged token. */
static void acknowledge(const rbtoken_token_t *token)
{
    size_t i;
    const char *value = rbtoken_token_value(token, NULL);

    for (i = 0; i < all->count; i++)
        if (strcmp(all->values[i], value) == 0)
            return;
    CHECK(all->count < TOKENS);
    strcpy(all->values[all->count++], value);
}

static rbtoken_status_t create_as(const char *user, const char *client, bool large)
{
    rbtoken_client_token_options_t options;
    rbtoken_token_t *token;
    rbtoken_status_t status;

    RBTOKEN_INIT(&options);
    if (large) {
        RBTOKEN_SET_STR(&options, default_policy, with->policy);
        RBTOKEN_SET_STR(&options, default_extra_data, with->extra_data);
    }
    status = rbtoken_store_get_or_create_client_token(store, RBTOKEN_STR(user), RBTOKEN_STR(client),
                                                      &options, &token, NULL, &error);
    if (status == RBTOKEN_OK) {
        acknowledge(token);
        rbtoken_token_release(token);
    }
    return status;
}

static rbtoken_status_t create(void)
{
    return create_as("ann", "created", true);
}

static rbtoken_status_t generate(void)
{
    rbtoken_generate_options_t options;
    rbtoken_token_t *token;
    rbtoken_status_t status;

    RBTOKEN_INIT(&options);
    RBTOKEN_SET_STR(&options, note, with->note);
    RBTOKEN_SET_STR(&options, policy, with->policy);
    status = rbtoken_store_generate_token(store, RBTOKEN_STR("ann"), &options, &token, &error);
    if (status == RBTOKEN_OK) {
        acknowledge(token);
        rbtoken_token_release(token);
    }
    return status;
}

/* Enough tokens to make every index grow. */
static rbtoken_status_t fill(void)
{
    rbtoken_status_t status, worst = RBTOKEN_OK;
    rbtoken_error_t *failure = NULL;
    char name[32];
    int i;

    for (i = 0; i < FILLED; i++) {
        snprintf(name, sizeof name, "filled %d", i);
        status = create_as(name, name, false);
        if (status != RBTOKEN_OK) {
            CHECK(worst == RBTOKEN_OK);
            worst = status;
            failure = error;
        }
    }
    error = failure;
    return worst;
}

static rbtoken_status_t log_in_as(const char *value)
{
    rbtoken_verdict_t verdict;
    rbtoken_token_t *token;
    rbtoken_status_t status = rbtoken_store_authenticate(store, RBTOKEN_STR(value), NULL, &verdict,
                                                         &token, NULL, &error);

    if (status == RBTOKEN_OK) {
        CHECK(verdict == RBTOKEN_VERDICT_OK);
        rbtoken_token_release(token);
    }
    return status;
}

static rbtoken_status_t login(void)
{
    return log_in_as(all->values[0]);
}

static rbtoken_status_t list(void)
{
    rbtoken_token_list_t *tokens;
    rbtoken_status_t status = rbtoken_store_list_tokens(store, NULL, &tokens, &error);

    if (status == RBTOKEN_OK)
        CHECK(rbtoken_token_list_count(tokens) == all->count);
    rbtoken_token_list_free(tokens);
    return status;
}

static rbtoken_status_t to_json(void)
{
    rbtoken_buffer_t *json;
    rbtoken_status_t status = rbtoken_token_to_json(with->token, 0, RBTOKEN_JSON_WITH_VALUE, &json,
                                                    &error);

    rbtoken_buffer_free(json);
    return status;
}

static rbtoken_status_t policy_parse(void)
{
    rbtoken_policy_t *parsed;
    rbtoken_status_t status = rbtoken_policy_parse(store, RBTOKEN_STR(with->policy), &parsed,
                                                   &error);

    rbtoken_policy_free(parsed);
    return status;
}

static rbtoken_status_t set_policy_ids(void)
{
    return rbtoken_store_set_policy_ids(store, ids, IDS, &error);
}

static rbtoken_status_t export(void)
{
    (void)unlink(copy_file);
    return rbtoken_store_export_file(store, RBTOKEN_STR(copy_file), NULL, NULL, &error);
}

static rbtoken_status_t backup(void)
{
    (void)unlink(copy_file);
    return rbtoken_store_backup(store, RBTOKEN_STR(copy_file), &error);
}

static rbtoken_status_t import(void)
{
    uint64_t before, after, imported;
    rbtoken_error_t *other;
    rbtoken_status_t status = rbtoken_store_import_file(store, RBTOKEN_STR(with->export_file), NULL,
                                                        &imported, &error);

    disarm();
    if (status == RBTOKEN_E_EXISTS) { /* done before */
        rbtoken_error_free(error);
        error = NULL;
        return RBTOKEN_OK;
    }
    before = all->count;
    CHECK(rbtoken_store_token_count(store, &after, &other) == RBTOKEN_OK);
    CHECK(after == before + imported);
    all->started = imported;
    return status;
}

static rbtoken_status_t open_at(const char *path)
{
    rbtoken_store_options_t options;

    RBTOKEN_INIT(&options);
    if (path != NULL)
        RBTOKEN_SET_STR(&options, location, path);
    return rbtoken_store_open(&options, &store, &error);
}

static rbtoken_status_t open_memory(void)
{
    rbtoken_store_t *kept = store, *opened;
    rbtoken_status_t status = open_at(NULL);

    opened = store;
    store = kept;
    rbtoken_store_release(opened);
    return status;
}

static rbtoken_status_t open_file(void)
{
    if (store != NULL)
        return RBTOKEN_OK;
    return open_at(location);
}

static rbtoken_status_t invalidate(void)
{
    return rbtoken_store_invalidate_token(store, RBTOKEN_STR(all->values[all->count - 1]),
                                          RBTOKEN_STR(with->note), &error);
}

static rbtoken_status_t update(void)
{
    rbtoken_token_update_t changes;
    rbtoken_token_t *token, *found;
    rbtoken_status_t status;

    RBTOKEN_INIT(&changes);
    changes.note_mode = changes.policy_mode = RBTOKEN_FIELD_SET;
    RBTOKEN_SET_STR(&changes, note, with->note);
    RBTOKEN_SET_STR(&changes, policy, with->policy);
    status = rbtoken_store_find_token(store, RBTOKEN_STR(all->values[0]), &found, &error);
    if (status != RBTOKEN_OK)
        return status;
    status = rbtoken_store_update_token(store, rbtoken_token_id(found), &changes, &token, &error);
    rbtoken_token_release(found);
    rbtoken_token_release(token);
    return status;
}

typedef struct operation {
    const char *name;
    rbtoken_status_t (*run)(void);
    bool in_file;
    bool large_only;
} operation;

static const operation OPERATIONS[] = {
    {"create", create, false, false},
    {"generate", generate, false, false},
    {"fill", fill, false, true},
    {"login", login, false, false},
    {"list", list, false, true}, /* its number of small allocations depends on its tokens */
    {"to_json", to_json, false, false},
    {"policy_parse", policy_parse, false, false},
    {"set_policy_ids", set_policy_ids, false, true},
    {"update", update, false, false},
    {"invalidate", invalidate, false, false},
    {"export", export, false, true},
    {"backup", backup, true, true},
    {"import", import, false, false},
    {"open", open_memory, false, false},
    {"create", create, true, false},
    {"login", login, true, false},
    {"list", list, true, false},
    {"update", update, true, false},
    {"invalidate", invalidate, true, false},
    {"export", export, true, false},
    {"import", import, true, false},
    {"open", open_file, true, false},
};

/* Everything acknowledged exists, and nothing else but what may exist. */
static void check_whole(bool invalidated)
{
    uint64_t count;
    size_t i;

    CHECK_OK(rbtoken_store_token_count(store, &count, &error));
    if (count != all->count && count != all->count + all->started) {
        fprintf(stderr, "%llu tokens, %zu acknowledged, %zu in doubt\n", (unsigned long long)count,
                all->count, all->started);
        CHECK(count == all->count);
    }
    for (i = 0; i < all->count - invalidated; i++)
        CHECK_OK(log_in_as(all->values[i]));
}

static void remove_files(void)
{
    char name[700];

    (void)unlink(location);
    (void)unlink(copy_file);
    snprintf(name, sizeof name, "%s-wal", location);
    (void)unlink(name);
}

static void copy_template(void)
{
    static char bytes[1 << 20];
    int from = open(with->template_file, O_RDONLY), to;
    ssize_t length;

    remove_files();
    to = open(location, O_WRONLY | O_CREAT | O_EXCL, 0600);
    CHECK(from >= 0 && to >= 0);
    length = read(from, bytes, sizeof bytes);
    CHECK(length > 0 && length < (ssize_t)sizeof bytes &&
          write(to, bytes, (size_t)length) == length);
    close(from);
    close(to);
}

/* The process of a case. */
static void suffer(const operation *which, bool large, long place)
{
    rbtoken_status_t status;
    bool opens = which->run == open_file, revokes = which->run == invalidate;

    alarm(CASE_SECONDS);
    if (which->in_file) {
        store = NULL;
        if (!opens)
            CHECK_OK(open_at(location));
    }
    error = NULL;
    if (!opens && which->run != import && which->run != fill)
        all->started = which->run == create || which->run == generate;
    arm(large, place);
    status = answer(which->run());
    if (all->started == 1)
        all->started = 0;
    /* The failed call succeeds the next time. */
    error = NULL;
    CHECK(answer(which->run()) == RBTOKEN_OK);
    check_whole(revokes);
    if (which->in_file)
        rbtoken_store_release(store);
    if (atomic_load(&allocator->failed) == 0)
        exit(NOT_REACHED);
    exit(status == RBTOKEN_OK ? DONE : NO_MEMORY);
}

/* The process that checks a file afterwards. */
static void look(const operation *which, bool large, long place)
{
    (void)large, (void)place;
    alarm(CASE_SECONDS);
    CHECK_OK(open_at(location));
    check_whole(which->run == invalidate);
    rbtoken_store_release(store);
    exit(DONE);
}

/* Runs a process. Returns its exit status, or ABORTED if an allocation was allowed to abort it:
 * a small one, or one for which the library had checked that there is memory. */
static int run(void (*process)(const operation *, bool, long), const operation *which, bool large,
               long place)
{
    static char text[4096];
    FILE *messages = tmpfile();
    pid_t child = fork();
    int status;
    size_t length;

    CHECK(messages != NULL && child >= 0);
    if (child == 0) {
        CHECK(dup2(fileno(messages), STDERR_FILENO) >= 0);
        process(which, large, place);
    }
    CHECK(waitpid(child, &status, 0) == child);
    rewind(messages);
    length = fread(text, 1, sizeof text - 1, messages);
    fclose(messages);
    if (WIFEXITED(status) && WEXITSTATUS(status) >= NO_MEMORY && WEXITSTATUS(status) <= NOT_REACHED)
        return WEXITSTATUS(status);
    /* The loader exits with 127 if it has no memory. */
    if ((WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) ||
        (WIFEXITED(status) && WEXITSTATUS(status) == 127)) {
        if (process == suffer && (!large || atomic_load(&allocator->covered)))
            return ABORTED;
    }
    fprintf(stderr, "%.*s%s %s, %s allocation %ld of %zu bytes: wait status %#x\n", (int)length,
            text, which->name, which->in_file ? "file" : "memory", large ? "large" : "small", place,
            atomic_load(&allocator->failed), (unsigned)status);
    exit(EXIT_FAILURE);
}

static void try_class(const operation *which, bool large, bool every)
{
    long place, misses = 0, positions = 0, counts[ABORTED + 1] = {0};
    size_t count;
    int end;

    with = large ? &large_texts : &small_texts;
    count = which->in_file ? with->count : in_memory.count;
    memcpy(all->values, which->in_file ? with->values : in_memory.values, sizeof all->values);
    /* The number of allocations may depend on threads. */
    for (place = 1; misses < 3; place += every || misses > 0 ? 1 : 1 + place / 4) {
        all->count = count;
        all->started = 0;
        if (which->in_file)
            copy_template();
        end = run(suffer, which, large, place);
        disarm();
        if (which->in_file)
            CHECK(run(look, which, large, place) == DONE);
        misses = end == NOT_REACHED ? misses + 1 : 0;
        if (end == NOT_REACHED)
            continue;
        positions++;
        counts[end]++;
    }
    printf("%s %s %s positions %ld no_memory %ld ok %ld aborts %ld\n", which->name,
           which->in_file ? "file" : "memory", large ? "large" : "small", positions,
           counts[NO_MEMORY], counts[DONE], counts[ABORTED]);
    fflush(stdout);
}

/* Documents and texts that need large allocations. */
static void write_texts(void)
{
    static char names[IDS][16];
    char *end;
    int i;

    end = large_policy;
    end += sprintf(end, "{\"resources\": {");
    for (i = 0; i < MEMBERS; i++)
        end += sprintf(end, "%s\"id%d\": {\"*\": {\"allow\": [\"GET\", \"M%c\"], \"block\": []}}",
                       i > 0 ? ", " : "", i, 'A' + i % 26);
    sprintf(end, "}}");
    end = large_data;
    end += sprintf(end, "{\"list\": [");
    for (i = 0; i < 1000; i++)
        end += sprintf(end, "%s%d", i > 0 ? ", " : "", i);
    end += sprintf(end, "], \"__private\": {\"text\": \"");
    memset(end, 'x', 5000);
    sprintf(end + 5000, "\"}}");
    memset(large_note, 'n', sizeof large_note - 1);
    for (i = 0; i < IDS; i++) {
        snprintf(names[i], sizeof names[i], "id%d", i);
        ids[i] = names[i];
    }
}

/* A store with some tokens, one of them with texts of the size class. */
static void prepare(int tokens)
{
    rbtoken_generate_options_t options;
    rbtoken_token_t *token;
    char name[32];
    int i;

    for (i = 0; i < tokens; i++) {
        snprintf(name, sizeof name, "user%d", i % 150);
        RBTOKEN_INIT(&options);
        RBTOKEN_SET_STR(&options, note, i == 1 ? with->note : name);
        if (i == 1) {
            RBTOKEN_SET_STR(&options, policy, with->policy);
            RBTOKEN_SET_STR(&options, extra_data, with->extra_data);
        }
        CHECK_OK(rbtoken_store_generate_token(store, RBTOKEN_STR(name), &options, &token, &error));
        acknowledge(token);
        if (i == 1 && with->token == NULL)
            with->token = token;
        else
            rbtoken_token_release(token);
    }
}

static void make_files(const operation *which, bool large, long place)
{
    (void)which, (void)large, (void)place;
    all->count = 0;
    CHECK_OK(open_at(NULL));
    prepare(with->exported);
    CHECK_OK(rbtoken_store_export_file(store, RBTOKEN_STR(with->export_file), NULL, NULL, &error));
    rbtoken_store_release(store);
    all->count = 0;
    CHECK_OK(open_at(with->template_file));
    prepare(with->tokens);
    rbtoken_store_release(store);
    exit(DONE);
}

int main(int count, char **arguments)
{
    const struct rlimit none = {0, 0};
    texts *const classes[] = {&small_texts, &large_texts};
    size_t i;
    bool every;

    CHECK(count == 3);
    every = strcmp(arguments[2], "all") == 0;
    snprintf(location, sizeof location, "%s/tokens.db", arguments[1]);
    snprintf(copy_file, sizeof copy_file, "%s/copy", arguments[1]);
    CHECK(setrlimit(RLIMIT_CORE, &none) == 0);
    CHECK(setenv("RUST_BACKTRACE", "0", 1) == 0); /* a backtrace takes longer than the case */
    all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(all != MAP_FAILED);
    atomic_store(&all->allocator.live, atomic_load(&unshared.live));
    allocator = &all->allocator;
    write_texts();

    /* The parent has no threads, so that the processes of the cases can use its store in memory. */
    for (i = 0; i < 2; i++) {
        with = classes[i];
        snprintf(with->template_file, sizeof with->template_file, "%s/%zu.db", arguments[1], i);
        snprintf(with->export_file, sizeof with->export_file, "%s/%zu.lines", arguments[1], i);
        CHECK(run(make_files, &OPERATIONS[0], false, 0) == DONE);
        with->count = all->count;
        memcpy(with->values, all->values, sizeof all->values);
    }
    all->count = 0;
    CHECK_OK(open_at(NULL));
    for (i = 0; i < 2; i++) {
        with = classes[i];
        prepare(i == 0 ? 2 : 600);
    }
    in_memory.count = all->count;
    memcpy(in_memory.values, all->values, sizeof all->values);
    for (i = 0; i < sizeof OPERATIONS / sizeof *OPERATIONS; i++) {
        try_class(&OPERATIONS[i], true, every);
        if (!OPERATIONS[i].large_only)
            try_class(&OPERATIONS[i], false, every);
    }
    printf("ok exhausted memory is an answer, and nothing is lost\n");
    return 0;
}
