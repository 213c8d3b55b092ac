/* Handles can be released in any order, and what was borrowed from one stays valid until it is
 * released, whatever happens to the others. Run it with a memory checker to detect invalid
 * reads. */
#include "check.h"

typedef struct handles {
    rbtoken_store_t *store;
    rbtoken_token_t *token;
    rbtoken_token_list_t *list;
    rbtoken_buffer_t *buffer;
    rbtoken_error_t *error;
} handles;

enum { HANDLES = 5 };

/* Borrowed from the handles above. */
typedef struct texts {
    const char *value;
    const char *extra_data;
    const char *listed_value;
    const char *setting;
    const char *message;
} texts;

static handles open_all(texts *borrowed)
{
    handles all;
    rbtoken_error_t *error;

    CHECK_OK(rbtoken_store_open(NULL, &all.store, &error));
    CHECK_OK(rbtoken_store_get_or_create_client_token(
        all.store, RBTOKEN_STR("alice"), RBTOKEN_STR("RBTools"), NULL, &all.token, NULL, &error));
    CHECK_OK(rbtoken_store_list_tokens(all.store, NULL, &all.list, &error));
    CHECK_OK(rbtoken_store_get_setting(all.store, RBTOKEN_STR("token_type"), &all.buffer, &error));
    CHECK(rbtoken_store_add_local_site(all.store, RBTOKEN_STR("/"), &all.error) ==
          RBTOKEN_E_INVALID_ARGUMENT);

    borrowed->value = rbtoken_token_value(all.token, NULL);
    borrowed->extra_data = rbtoken_token_extra_data(all.token, NULL);
    borrowed->listed_value = rbtoken_token_value(rbtoken_token_list_get(all.list, 0), NULL);
    borrowed->setting = rbtoken_buffer_data(all.buffer, NULL);
    borrowed->message = rbtoken_error_message(all.error);
    return all;
}

static void give_back(handles *all, int which)
{
    switch (which) {
    case 0:
        rbtoken_store_release(all->store);
        all->store = NULL;
        break;
    case 1:
        rbtoken_token_release(all->token);
        all->token = NULL;
        break;
    case 2:
        rbtoken_token_list_free(all->list);
        all->list = NULL;
        break;
    case 3:
        rbtoken_buffer_free(all->buffer);
        all->buffer = NULL;
        break;
    default:
        rbtoken_error_free(all->error);
        all->error = NULL;
        break;
    }
}

static void check_what_is_left(const handles *all, const texts *borrowed)
{
    if (all->token != NULL) {
        CHECK(strlen(borrowed->value) == 255);
        CHECK(strcmp(borrowed->extra_data, "{\"client_name\": \"RBTools\"}") == 0);
        CHECK(rbtoken_token_value(all->token, NULL) == borrowed->value);
    }
    if (all->list != NULL) {
        CHECK(rbtoken_token_list_count(all->list) == 1);
        CHECK(strlen(borrowed->listed_value) == 255);
    }
    if (all->token != NULL && all->list != NULL)
        CHECK(strcmp(borrowed->value, borrowed->listed_value) == 0);
    if (all->buffer != NULL)
        CHECK(strcmp(borrowed->setting, "\"rbp\"") == 0);
    if (all->error != NULL)
        CHECK(strlen(borrowed->message) > 0);
}

static void try_order(const int *order)
{
    texts borrowed;
    handles all = open_all(&borrowed);
    int i;

    for (i = 0; i < HANDLES; i++) {
        check_what_is_left(&all, &borrowed);
        give_back(&all, order[i]);
    }
}

/* Tries every order of the places from `from` on, and returns their number. */
static int try_orders(int *order, int from)
{
    int tried = 0;
    int i, swapped;

    if (from == HANDLES) {
        try_order(order);
        return 1;
    }
    for (i = from; i < HANDLES; i++) {
        swapped = order[from], order[from] = order[i], order[i] = swapped;
        tried += try_orders(order, from + 1);
        swapped = order[from], order[from] = order[i], order[i] = swapped;
    }
    return tried;
}

static void a_retained_token_outlives_its_list(void)
{
    rbtoken_store_t *store;
    rbtoken_token_t *token;
    rbtoken_token_list_t *list;
    rbtoken_error_t *error;

    CHECK_OK(rbtoken_store_open(NULL, &store, &error));
    CHECK_OK(rbtoken_store_generate_token(store, RBTOKEN_STR("alice"), NULL, &token, &error));
    rbtoken_token_release(token);
    CHECK_OK(rbtoken_store_list_tokens(store, NULL, &list, &error));
    token = rbtoken_token_retain(rbtoken_token_list_get(list, 0));
    rbtoken_token_list_free(list);
    rbtoken_store_release(store);
    CHECK(strcmp(rbtoken_token_user(token, NULL), "alice") == 0);
    rbtoken_token_release(token);
}

static void a_retained_store_stays_open(void)
{
    rbtoken_store_t *store;
    rbtoken_token_t *token;
    rbtoken_error_t *error;

    CHECK_OK(rbtoken_store_open(NULL, &store, &error));
    CHECK(rbtoken_store_retain(store) == store);
    rbtoken_store_release(store);
    CHECK_OK(rbtoken_store_generate_token(store, RBTOKEN_STR("alice"), NULL, &token, &error));
    rbtoken_store_release(store);
    rbtoken_token_release(token);
}

int main(void)
{
    int order[HANDLES] = {0, 1, 2, 3, 4};

    CHECK(try_orders(order, 0) == 120);
    OK("handles are given back in any order");
    a_retained_token_outlives_its_list();
    OK("a retained token outlives its list");
    a_retained_store_stays_open();
    OK("a retained store stays open");

    rbtoken_store_release(NULL);
    rbtoken_token_release(NULL);
    rbtoken_token_list_free(NULL);
    rbtoken_buffer_free(NULL);
    rbtoken_error_free(NULL);
    OK("to give back NULL does nothing");
    return 0;
}
