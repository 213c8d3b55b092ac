/* What tests/it/panic.rs generates stands on this: a library that can be told to panic. */
int rbtoken_panic_injection_arm(int place);

/* Where the next call panics: 1 is inside its guard, 0 nowhere. */
static int place = 1;

/* A function without a guard never gets to the place, and one without a status could hide that. */
#define ARM (void)rbtoken_panic_injection_arm(place)
#define DISARM                                                  \
    do {                                                        \
        if (rbtoken_panic_injection_arm(0) != place)                \
            fail("it does not panic as often as it should", 0); \
    } while (0)

#include "hostile.h"

/* Changes of a store that panic while its lock is held. */
static int32_t change(rbtoken_store_t *store, int which, int64_t id, const char *value)
{
    rbtoken_token_update_t update;
    rbtoken_token_t *token;

    RBTOKEN_INIT(&update);
    switch (which) {
    case 0: return rbtoken_store_add_local_site(store, RBTOKEN_STR("south"), NULL);
    case 1: return rbtoken_store_remove_local_site(store, RBTOKEN_STR("north"), NULL);
    case 2:
        return rbtoken_store_get_or_create_client_token(store, RBTOKEN_STR("bob"),
                                                        RBTOKEN_STR("new"), NULL, &token, NULL,
                                                        NULL);
    case 3: return rbtoken_store_generate_token(store, RBTOKEN_STR("bob"), NULL, &token, NULL);
    case 4:
        return rbtoken_store_import_token(store, RBTOKEN_STR("bob"), RBTOKEN_STR("imported"), NULL,
                                          &token, NULL);
    case 5: return rbtoken_store_update_token(store, id, &update, NULL, NULL);
    case 6: return rbtoken_store_invalidate_token(store, RBTOKEN_STR(value), NULL, 0, NULL);
    case 7: return rbtoken_store_invalidate_token_by_id(store, id, NULL, 0, NULL);
    case 8:
        return rbtoken_store_invalidate_user_tokens(store, RBTOKEN_STR("alice"), NULL, 0, NULL,
                                                    NULL);
    case 9: return rbtoken_store_invalidate_all_tokens(store, NULL, 0, NULL, NULL);
    case 10: return rbtoken_store_delete_token(store, id, NULL);
    case 11: return rbtoken_store_purge_tokens(store, INT64_C(1000000), NULL, NULL);
    case 12: return rbtoken_store_set_user_active(store, RBTOKEN_STR("alice"), 0, NULL);
    default: return ANY;
    }
}

/* After such a panic the store refuses everything, reads included; others and its tokens live on. */
static void half_changed(void)
{
    int which;

    (void)mebibyte;
    /* In memory the caller's thread panics; in a file, the store's own, for which callers wait: while
     * it makes a change, and while it plans one. */
    for (which = 0; which <= 12 + 13 + 13; which++) {
        uint64_t count;
        rbtoken_verdict_t verdict;
        rbtoken_generate_options_t dead;
        rbtoken_token_t *token;
        rbtoken_token_list_t *list;
        int32_t status;

        g_in_file = which > 12;
        begin(g_in_file ? "a half-changed store in a file" : "a half-changed store");
        /* So that there is something to purge. */
        RBTOKEN_INIT(&dead);
        dead.expires_mode = RBTOKEN_EXPIRES_AT;
        dead.expires_at_us = 1;
        status = rbtoken_store_generate_token(g_store, RBTOKEN_STR("carol"), &dead, &token, NULL);
        if (status != RBTOKEN_OK)
            fail("there is nothing to purge", status);
        rbtoken_token_release(token);
        (void)rbtoken_panic_injection_arm(which > 25 ? 3 : 2);
        status = change(g_store, which % 13, rbtoken_token_id(g_token), g_value);
        if (rbtoken_panic_injection_arm(0) != 1 || status != RBTOKEN_E_INTERNAL)
            fail("the change does not panic", status);
        for (int again = 0; again <= 12; again++) {
            status = change(g_store, again, rbtoken_token_id(g_token), g_value);
            if (status != RBTOKEN_E_POISONED)
                fail("a change is not refused", status);
        }
        if ((status = rbtoken_store_token_count(g_store, &count, NULL)) != RBTOKEN_E_POISONED ||
            (status = rbtoken_store_get_token(g_store, 1, &token, NULL)) != RBTOKEN_E_POISONED ||
            (status = rbtoken_store_find_token(g_store, RBTOKEN_STR(g_value), &token, NULL)) !=
                RBTOKEN_E_POISONED ||
            (status = rbtoken_store_list_tokens(g_store, NULL, &list, NULL)) !=
                RBTOKEN_E_POISONED ||
            (status = rbtoken_store_authenticate(g_store, RBTOKEN_STR(g_value), NULL, &verdict,
                                                 &token, NULL, NULL)) != RBTOKEN_E_POISONED ||
            verdict != RBTOKEN_VERDICT_REFUSED)
            fail("a question is not refused", status);
        if (strcmp(rbtoken_token_value(g_token, NULL), g_value) != 0)
            fail("a token that is held is not readable", RBTOKEN_OK);
        end();
        g_in_file = false;
        begin("another store");
        must(rbtoken_store_token_count(g_store, &count, NULL));
        end();
    }
    if (failures == 0)
        printf("ok a half-changed store refuses everything, and others do not\n");
}

/* The functions of the extension table are no exports, and guarded all the same. */
static void the_extension_table(void)
{
    const rbtoken_extension_v1_t *table;
    rbtoken_instance_t *instance, *none = (rbtoken_instance_t *)g_value;
    rbtoken_store_t *store = (rbtoken_store_t *)g_value;
    rbtoken_buffer_t *settings = (rbtoken_buffer_t *)g_value;
    int32_t status;

    label = "the extension table";
    must(rbtoken_extension_entry_v1(RBTOKEN_EXTENSION_MINOR, &table));
    must(table->create(NULL, &instance, NULL));
    must(table->configure(instance, NULL, 0, NULL));
    must(table->initialize(instance, NULL));
    place = 1;
#define PANICS(call)                  \
    ARM;                              \
    status = call;                    \
    DISARM;                           \
    if (status != RBTOKEN_E_INTERNAL) \
        fail("another status was expected: " #call, status);
    PANICS(table->create(NULL, &none, NULL))
    PANICS(table->configure(instance, NULL, 0, NULL))
    PANICS(table->initialize(instance, NULL))
    PANICS(table->shutdown(instance, NULL))
    PANICS(table->get_store(instance, &store, NULL))
    PANICS(table->get_settings(instance, &settings, NULL))
#undef PANICS
    if (none || store || settings)
        fail("an output is not cleared", RBTOKEN_E_INTERNAL);
    ARM;
    if (table->get_settings_schema())
        fail("the answer is not NULL", RBTOKEN_OK);
    DISARM;
    ARM;
    if (table->get_interface("rbtoken.store/1"))
        fail("the answer is not NULL", RBTOKEN_OK);
    DISARM;
    ARM;
    table->destroy(instance);
    DISARM;
    must(table->get_store(instance, &store, NULL));
    rbtoken_store_release(store);
    table->destroy(instance);
    if (failures == 0)
        printf("ok no panic crosses the extension table\n");
}
