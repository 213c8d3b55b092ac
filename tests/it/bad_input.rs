//! Bad arguments to every function: status, argument name, cleared outputs, and an unchanged store.
// Each block is a single call with deliberately bad, but not dangling, arguments.
#![allow(clippy::undocumented_unsafe_blocks)]

use std::ffi::{c_char, c_void};
use std::ptr::{null, null_mut};

use crate::support::*;
use rbtoken::ffi::*;

type Error = *mut *mut rbtoken_error_t;
/// Pointer and length of a text, as in C.
type Text = (*const c_char, usize);

const AT: i32 = rbtoken_expires_mode::RBTOKEN_EXPIRES_AT as i32;
const SECS: i32 = rbtoken_min_validity_mode::RBTOKEN_MIN_VALIDITY_SECS as i32;
const NAMED: i32 = rbtoken_filter_site_mode::RBTOKEN_FILTER_SITE_NAMED as i32;

/// Creates a store with contents that could be damaged.
fn store() -> Store {
    let store = Store::new();
    store.add_local_site("north").unwrap();
    store.set_setting("client_token_expiration", "30").unwrap();
    store.client_token("alice", "tool", &init()).unwrap();
    store.import("bob", "known value", &init()).unwrap();
    store
}

/// Makes a bad call with and without an error output. It must fail with this status and argument,
/// and change nothing.
#[track_caller]
fn bad(
    store: &Store,
    status: i32,
    argument: Option<&str>,
    call_it: impl Fn(Error) -> i32,
) -> Failure {
    let before = store.everything();
    let failure = call(&call_it).unwrap_err();
    assert_eq!(failure.of(), (status, argument), "{failure:?}");
    assert_eq!(call_it(null_mut()), status);
    assert_eq!(store.everything(), before);
    failure
}

// Calls the functions with garbage in their outputs, which must be overwritten.

fn client_token(
    store: *mut rbtoken_store_t,
    user: Text,
    client: Text,
    options: *const rbtoken_client_token_options_t,
    error: Error,
) -> i32 {
    let (mut token, mut created) = (garbage(), true);
    // SAFETY: the arguments are bad but not dangling; this also holds below.
    let status = unsafe {
        rbtoken_store_get_or_create_client_token(
            store,
            user.0,
            user.1,
            client.0,
            client.1,
            options,
            &raw mut token,
            &raw mut created,
            error,
        )
    };
    assert!(token.is_null() && !created);
    status
}

fn generate(
    store: *mut rbtoken_store_t,
    user: Text,
    options: *const rbtoken_generate_options_t,
    error: Error,
) -> i32 {
    let mut token = garbage();
    let status = unsafe {
        rbtoken_store_generate_token(store, user.0, user.1, options, &raw mut token, error)
    };
    assert!(token.is_null());
    status
}

fn import(
    store: *mut rbtoken_store_t,
    user: Text,
    value: Text,
    options: *const rbtoken_import_options_t,
    error: Error,
) -> i32 {
    let mut token = garbage();
    let status = unsafe {
        rbtoken_store_import_token(
            store,
            user.0,
            user.1,
            value.0,
            value.1,
            options,
            &raw mut token,
            error,
        )
    };
    assert!(token.is_null());
    status
}

fn find(store: *mut rbtoken_store_t, value: Text, error: Error) -> i32 {
    let mut token = garbage();
    let status =
        unsafe { rbtoken_store_find_token(store, value.0, value.1, &raw mut token, error) };
    assert!(token.is_null());
    status
}

fn get(store: *mut rbtoken_store_t, id: i64, error: Error) -> i32 {
    let mut token = garbage();
    let status = unsafe { rbtoken_store_get_token(store, id, &raw mut token, error) };
    assert!(token.is_null());
    status
}

fn list(store: *mut rbtoken_store_t, filter: *const rbtoken_token_filter_t, error: Error) -> i32 {
    let mut list = garbage();
    let status = unsafe { rbtoken_store_list_tokens(store, filter, &raw mut list, error) };
    assert!(list.is_null());
    status
}

fn value_is_valid(store: *mut rbtoken_store_t, texts: [Text; 3], error: Error) -> i32 {
    let [id, kind, value] = texts;
    let mut valid = true;
    let status = unsafe {
        rbtoken_store_value_is_valid(
            store,
            id.0,
            id.1,
            kind.0,
            kind.1,
            value.0,
            value.1,
            &raw mut valid,
            error,
        )
    };
    assert!(!valid);
    status
}

fn set_setting(store: *mut rbtoken_store_t, name: Text, value: Text, error: Error) -> i32 {
    unsafe { rbtoken_store_set_setting(store, name.0, name.1, value.0, value.1, error) }
}

fn get_setting(store: *mut rbtoken_store_t, name: Text, error: Error) -> i32 {
    let mut value = garbage();
    let status = unsafe { rbtoken_store_get_setting(store, name.0, name.1, &raw mut value, error) };
    assert!(value.is_null());
    status
}

fn add_local_site(store: *mut rbtoken_store_t, name: Text, error: Error) -> i32 {
    unsafe { rbtoken_store_add_local_site(store, name.0, name.1, error) }
}

/// A call with a text: name of the argument, maximum number of characters, and the function.
type TextCall = (&'static str, Option<usize>, fn(&Store, Text, Error) -> i32);

fn required_texts() -> Vec<TextCall> {
    vec![
        ("user", Some(150), |s, t, e| client_token(s.raw(), t, text("good"), null(), e)),
        ("client_name", Some(255), |s, t, e| client_token(s.raw(), text("good"), t, null(), e)),
        ("user", Some(150), |s, t, e| generate(s.raw(), t, null(), e)),
        ("user", Some(150), |s, t, e| import(s.raw(), t, text("good"), null(), e)),
        ("value", Some(255), |s, t, e| import(s.raw(), text("good"), t, null(), e)),
        ("value", None, |s, t, e| find(s.raw(), t, e)),
        ("name", None, |s, t, e| set_setting(s.raw(), t, text("1"), e)),
        ("value", None, |s, t, e| set_setting(s.raw(), text("min_validity_secs"), t, e)),
        ("name", None, |s, t, e| get_setting(s.raw(), t, e)),
        ("local_site", Some(32), |s, t, e| add_local_site(s.raw(), t, e)),
        ("generator_id", None, |s, t, e| value_is_valid(s.raw(), [t, text("rbp"), text("x")], e)),
        ("token_type", None, |s, t, e| {
            value_is_valid(s.raw(), [text("vendor_checksum"), t, text("x")], e)
        }),
        ("value", None, |s, t, e| {
            value_is_valid(s.raw(), [text("vendor_checksum"), text("rbp"), t], e)
        }),
    ]
}

fn optional_texts() -> Vec<TextCall> {
    vec![
        ("local_site", Some(32), |s, t, e| {
            let o =
                rbtoken_client_token_options_t { local_site: t.0, local_site_len: t.1, ..init() };
            client_token(s.raw(), text("u"), text("c"), &raw const o, e)
        }),
        ("default_policy", None, |s, t, e| {
            let o = rbtoken_client_token_options_t {
                default_policy: t.0,
                default_policy_len: t.1,
                ..init()
            };
            client_token(s.raw(), text("u"), text("c"), &raw const o, e)
        }),
        ("default_extra_data", None, |s, t, e| {
            let o = rbtoken_client_token_options_t {
                default_extra_data: t.0,
                default_extra_data_len: t.1,
                ..init()
            };
            client_token(s.raw(), text("u"), text("c"), &raw const o, e)
        }),
        ("generator_id", None, |s, t, e| {
            let o =
                rbtoken_generate_options_t { generator_id: t.0, generator_id_len: t.1, ..init() };
            generate(s.raw(), text("u"), &raw const o, e)
        }),
        ("token_type", None, |s, t, e| {
            let o = rbtoken_generate_options_t { token_type: t.0, token_type_len: t.1, ..init() };
            generate(s.raw(), text("u"), &raw const o, e)
        }),
        ("local_site", Some(32), |s, t, e| {
            let o = rbtoken_generate_options_t { local_site: t.0, local_site_len: t.1, ..init() };
            generate(s.raw(), text("u"), &raw const o, e)
        }),
        ("note", None, |s, t, e| {
            let o = rbtoken_generate_options_t { note: t.0, note_len: t.1, ..init() };
            generate(s.raw(), text("u"), &raw const o, e)
        }),
        ("policy", None, |s, t, e| {
            let o = rbtoken_generate_options_t { policy: t.0, policy_len: t.1, ..init() };
            generate(s.raw(), text("u"), &raw const o, e)
        }),
        ("extra_data", None, |s, t, e| {
            let o = rbtoken_generate_options_t { extra_data: t.0, extra_data_len: t.1, ..init() };
            generate(s.raw(), text("u"), &raw const o, e)
        }),
        ("invalid_reason", None, |s, t, e| {
            let o = rbtoken_import_options_t {
                flags: RBTOKEN_IMPORT_INVALID,
                invalid_reason: t.0,
                invalid_reason_len: t.1,
                ..init()
            };
            import(s.raw(), text("u"), text("v"), &raw const o, e)
        }),
        ("generator_id", Some(255), |s, t, e| {
            let o = rbtoken_import_options_t { generator_id: t.0, generator_id_len: t.1, ..init() };
            import(s.raw(), text("u"), text("v"), &raw const o, e)
        }),
        ("local_site", Some(32), |s, t, e| {
            let o = rbtoken_import_options_t { local_site: t.0, local_site_len: t.1, ..init() };
            import(s.raw(), text("u"), text("v"), &raw const o, e)
        }),
        ("note", None, |s, t, e| {
            let o = rbtoken_import_options_t { note: t.0, note_len: t.1, ..init() };
            import(s.raw(), text("u"), text("v"), &raw const o, e)
        }),
        ("policy", None, |s, t, e| {
            let o = rbtoken_import_options_t { policy: t.0, policy_len: t.1, ..init() };
            import(s.raw(), text("u"), text("v"), &raw const o, e)
        }),
        ("extra_data", None, |s, t, e| {
            let o = rbtoken_import_options_t { extra_data: t.0, extra_data_len: t.1, ..init() };
            import(s.raw(), text("u"), text("v"), &raw const o, e)
        }),
        ("local_site", Some(32), |s, t, e| {
            let o = rbtoken_token_filter_t {
                local_site_mode: NAMED,
                local_site: t.0,
                local_site_len: t.1,
                ..init()
            };
            list(s.raw(), &raw const o, e)
        }),
        ("user", Some(150), |s, t, e| {
            let o = rbtoken_token_filter_t { user: t.0, user_len: t.1, ..init() };
            list(s.raw(), &raw const o, e)
        }),
        ("client_name", Some(255), |s, t, e| {
            let o = rbtoken_token_filter_t { client_name: t.0, client_name_len: t.1, ..init() };
            list(s.raw(), &raw const o, e)
        }),
    ]
}

#[test]
fn required_text_that_is_null_is_refused_whatever_its_length() {
    let store = store();
    for (name, _, function) in required_texts() {
        for len in [0, 1, NUL_TERMINATED] {
            bad(&store, E_NULL_ARGUMENT, Some(name), |e| function(&store, (null(), len), e));
        }
    }
}

#[test]
fn optional_text_that_is_null_must_have_the_length_0() {
    let store = store();
    for (name, _, function) in optional_texts() {
        for len in [1, 1 << 21, NUL_TERMINATED] {
            bad(&store, E_NULL_ARGUMENT, Some(name), |e| function(&store, (null(), len), e));
        }
    }
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    let store = store();
    for (name, _, function) in required_texts().into_iter().chain(optional_texts()) {
        for wrong in [&b"\xff"[..], b"a\xc3", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"] {
            bad(&store, E_INVALID_UTF8, Some(name), |e| function(&store, bytes(wrong), e));
        }
        // A NUL-terminated text is validated in the same way.
        let terminated = (c"\xff".as_ptr(), NUL_TERMINATED);
        bad(&store, E_INVALID_UTF8, Some(name), |e| function(&store, terminated, e));
    }
}

#[test]
fn nul_inside_a_text_is_refused_and_does_not_cut_it_short() {
    let store = store();
    for (name, _, function) in required_texts().into_iter().chain(optional_texts()) {
        for wrong in [&b"\0"[..], b"alice\0", b"alice\0bob", b"\0alice"] {
            bad(&store, E_EMBEDDED_NUL, Some(name), |e| function(&store, bytes(wrong), e));
        }
    }
}

#[test]
fn text_longer_than_a_mebibyte_is_refused() {
    let store = store();
    let long = "a".repeat((1 << 20) + 1);
    for (name, _, function) in required_texts().into_iter().chain(optional_texts()) {
        bad(&store, E_TOO_LONG, Some(name), |e| function(&store, text(&long), e));
    }
}

#[test]
fn name_longer_than_its_limit_is_refused() {
    let store = store();
    for (name, max, function) in required_texts().into_iter().chain(optional_texts()) {
        let Some(max) = max else { continue };
        for character in ["a", "é", "🦀"] {
            let long = character.repeat(max + 1);
            bad(&store, E_TOO_LONG, Some(name), |e| function(&store, text(&long), e));
        }
        let mebibyte = "a".repeat(1 << 20);
        bad(&store, E_TOO_LONG, Some(name), |e| function(&store, text(&mebibyte), e));
    }
}

#[test]
fn name_limits_count_characters_not_bytes() {
    for character in ["a", "é", "🦀"] {
        let store = Store::new();
        let (user, client) = (character.repeat(150), character.repeat(255));
        let (token, created) = store.client_token(&user, &client, &init()).unwrap();
        assert!(created);
        assert_eq!(token.record().user, user);
        assert_eq!(token.client_name(), Some(client));
        let value = character.repeat(255);
        assert_eq!(store.import(&user, &value, &init()).unwrap().value(), value);
        assert_eq!(store.find(&value).unwrap().value(), value);
    }
    let site = "Az09_.-x".repeat(4);
    let store = Store::new();
    store.add_local_site(&site).unwrap();
    let mut options = init::<rbtoken_generate_options_t>();
    (options.local_site, options.local_site_len) = text(&site);
    let note = "n".repeat(1 << 20);
    (options.note, options.note_len) = text(&note);
    let record = store.generate("alice", &options).unwrap().record();
    assert_eq!((record.local_site, record.note), (Some(site), note));
}

#[test]
fn empty_name_is_refused() {
    let store = store();
    for (name, max, function) in required_texts().into_iter().chain(optional_texts()) {
        if max.is_some() {
            bad(&store, E_INVALID_ARGUMENT, Some(name), |e| function(&store, text(""), e));
            // The empty NUL-terminated text is also refused.
            let terminated = (c"".as_ptr(), NUL_TERMINATED);
            bad(&store, E_INVALID_ARGUMENT, Some(name), |e| function(&store, terminated, e));
        }
    }
}

#[test]
fn malformed_unknown_and_duplicate_local_sites_are_refused() {
    let store = store();
    for (name, _, function) in required_texts().into_iter().chain(optional_texts()) {
        if name != "local_site" {
            continue;
        }
        for wrong in ["a b", "a/b", "é", "a\n", "*"] {
            bad(&store, E_INVALID_ARGUMENT, Some(name), |e| function(&store, text(wrong), e));
        }
    }
    for (name, _, function) in optional_texts() {
        if name == "local_site" {
            for unknown in ["south", "North", "north."] {
                bad(&store, E_NOT_FOUND, Some(name), |e| function(&store, text(unknown), e));
            }
        }
    }
    bad(&store, E_EXISTS, Some("local_site"), |e| add_local_site(store.raw(), text("north"), e));
}

#[test]
fn null_store_or_main_output_is_refused() {
    let store = store();
    let user = || text("alice");
    let fails = |argument: &str, function: &dyn Fn(Error) -> i32| {
        bad(&store, E_NULL_ARGUMENT, Some(argument), function);
    };
    let none = null_mut();
    fails("store", &|e| client_token(none, user(), user(), null(), e));
    fails("store", &|e| generate(none, user(), null(), e));
    fails("store", &|e| import(none, user(), user(), null(), e));
    fails("store", &|e| find(none, user(), e));
    fails("store", &|e| get(none, 1, e));
    fails("store", &|e| list(none, null(), e));
    fails("store", &|e| value_is_valid(none, [user(), user(), user()], e));
    fails("store", &|e| set_setting(none, user(), user(), e));
    fails("store", &|e| get_setting(none, user(), e));
    fails("store", &|e| add_local_site(none, user(), e));
    fails("store", &|e| unsafe { rbtoken_store_set_policy_ids(none, null(), 0, e) });
    fails("store", &|e| {
        let mut count = u64::MAX;
        let status = unsafe { rbtoken_store_token_count(none, &raw mut count, e) };
        assert_eq!(count, 0);
        status
    });

    let (store, (user, len)) = (store.raw(), user());
    let (none, no_token) = (null(), null_mut());
    fails("token", &|e| unsafe {
        let mut created = true;
        let created_at = &raw mut created;
        let status = rbtoken_store_get_or_create_client_token(
            store, user, len, user, len, none, no_token, created_at, e,
        );
        assert!(!created);
        status
    });
    fails("token", &|e| unsafe {
        rbtoken_store_generate_token(store, user, len, null(), no_token, e)
    });
    fails("token", &|e| unsafe {
        rbtoken_store_import_token(store, user, len, user, len, null(), no_token, e)
    });
    fails("token", &|e| unsafe { rbtoken_store_find_token(store, user, len, no_token, e) });
    fails("token", &|e| unsafe { rbtoken_store_get_token(store, 1, no_token, e) });
    fails("list", &|e| unsafe { rbtoken_store_list_tokens(store, null(), null_mut(), e) });
    fails("count", &|e| unsafe { rbtoken_store_token_count(store, null_mut(), e) });
    fails("value", &|e| unsafe { rbtoken_store_get_setting(store, user, len, null_mut(), e) });
    fails("valid", &|e| unsafe {
        rbtoken_store_value_is_valid(store, user, len, user, len, user, len, null_mut(), e)
    });
    fails("store", &|e| unsafe { rbtoken_store_open(null(), null_mut(), e) });
}

#[test]
fn created_output_is_optional() {
    let store = Store::new();
    let (mut token, (name, len)) = (garbage(), text("alice"));
    let place = &raw mut token;
    call(|e| unsafe {
        let (options, created) = (null(), null_mut());
        rbtoken_store_get_or_create_client_token(
            store.raw(),
            name,
            len,
            name,
            len,
            options,
            place,
            created,
            e,
        )
    })
    .unwrap();
    assert!(!token.is_null());
    unsafe { rbtoken_token_release(token) };
}

#[test]
fn null_handle_gives_null_0_or_false() {
    unsafe {
        rbtoken_store_release(null_mut());
        rbtoken_token_release(null_mut());
        rbtoken_token_list_free(null_mut());
        rbtoken_buffer_free(null_mut());
        rbtoken_error_free(null_mut());
        assert!(rbtoken_store_retain(null_mut()).is_null());
        assert!(rbtoken_token_retain(null()).is_null());
        assert_eq!(rbtoken_error_status(null()), OK);
        assert!(rbtoken_error_message(null()).is_null());
        assert!(rbtoken_error_argument(null()).is_null());
        assert!(rbtoken_error_json_path(null()).is_null());
        let mut len = 7;
        assert!(rbtoken_buffer_data(null(), &raw mut len).is_null());
        assert_eq!(len, 0);
        assert!(rbtoken_buffer_data(null(), null_mut()).is_null());
        assert_eq!(rbtoken_token_list_count(null()), 0);
        assert!(rbtoken_token_list_get(null(), 0).is_null());
        assert_eq!(rbtoken_token_id(null()), 0);
        assert!(!rbtoken_token_is_invalidated(null()));
        assert!(!rbtoken_token_is_deprecated(null()));
        assert!(!rbtoken_token_is_expired(null(), i64::MAX));
        for text in [
            rbtoken_token_value,
            rbtoken_token_redacted,
            rbtoken_token_user,
            rbtoken_token_local_site,
            rbtoken_token_client_name,
            rbtoken_token_note,
            rbtoken_token_generator_id,
            rbtoken_token_policy,
            rbtoken_token_extra_data,
            rbtoken_token_invalid_reason,
        ] {
            let mut len = 7;
            assert!(text(null(), &raw mut len).is_null());
            assert_eq!(len, 0);
            assert!(text(null(), null_mut()).is_null());
        }
        for time in [
            rbtoken_token_expires,
            rbtoken_token_time_added,
            rbtoken_token_last_updated,
            rbtoken_token_last_used,
            rbtoken_token_invalid_date,
        ] {
            let mut us = 7;
            assert!(!time(null(), &raw mut us));
            assert_eq!(us, 0);
            assert!(!time(null(), null_mut()));
        }
    }
}

#[test]
fn bad_document_error_has_argument_and_path() {
    let store = store();
    let deep =
        |levels: usize| format!("{}{{}}{}", "{\"a\":".repeat(levels - 1), "}".repeat(levels - 1));
    let too_deep = format!("${}", ".a".repeat(128));
    let cases = [
        (String::new(), E_JSON_SYNTAX, Some("$")),
        ("{".to_owned(), E_JSON_SYNTAX, Some("$")),
        ("[]".to_owned(), E_JSON_TYPE, Some("$")),
        ("null".to_owned(), E_JSON_TYPE, Some("$")),
        (deep(129), E_JSON_TOO_DEEP, Some(too_deep.as_str())),
        (deep(200), E_JSON_TOO_DEEP, Some(too_deep.as_str())),
        (r#"{"a": [1, 1e999]}"#.to_owned(), E_JSON_NUMBER, Some("$.a[1]")),
    ];
    let documents = ["policy", "extra_data", "default_policy", "default_extra_data"];
    for (name, _, function) in optional_texts() {
        if !documents.contains(&name) {
            continue;
        }
        for (document, status, path) in &cases {
            let failure = bad(&store, *status, Some(name), |e| function(&store, text(document), e));
            assert_eq!(failure.json_path.as_deref(), *path);
        }
        if name.ends_with("policy") {
            let failure =
                bad(&store, E_POLICY, Some(name), |e| function(&store, text(r#"{"a": 1}"#), e));
            assert_eq!(failure.json_path.as_deref(), Some("$"));
            let policy = r#"{"resources": {"*": {"allow": ["GET", 1]}}}"#;
            let failure = bad(&store, E_POLICY, Some(name), |e| function(&store, text(policy), e));
            assert_eq!(failure.json_path.as_deref(), Some(r#"$.resources["*"].allow[1]"#));
        }
    }
}

/// Corrupts the size of an options struct, and its unknown tail, in every way.
fn sizes<T: Copy>(argument: &str, function: impl Fn(&Store, *const T, Error) -> i32) {
    /// Space for a struct that is longer than any version.
    #[repr(C, align(8))]
    struct Room([u8; 4200]);

    let store = store();
    let known = size_of::<T>();
    let mut room = Room([0; 4200]);
    let options = room.0.as_mut_ptr();
    let set_size = |size: usize| unsafe { options.cast::<usize>().write(size) };
    for size in [0, 1, 7, 8, known - 1, 4097, 4200, 1 << 40, usize::MAX] {
        set_size(size);
        bad(&store, E_STRUCT_SIZE, Some(argument), |e| function(&store, options.cast(), e));
    }
    for size in [known + 1, known + 8, 4096] {
        set_size(size);
        for nonzero in [known, size - 1] {
            unsafe { options.add(nonzero).write(1) };
            let status = E_UNSUPPORTED_OPTION;
            bad(&store, status, Some(argument), |e| function(&store, options.cast(), e));
            unsafe { options.add(nonzero).write(0) };
        }
    }
}

#[test]
fn unpublished_struct_sizes_and_fields_are_refused() {
    sizes("options", |s, o, e| client_token(s.raw(), text("u"), text("c"), o, e));
    sizes("options", |s, o, e| generate(s.raw(), text("u"), o, e));
    sizes("options", |s, o, e| import(s.raw(), text("u"), text("v"), o, e));
    sizes("filter", |s, o, e| list(s.raw(), o, e));
    sizes("options", |_, o: *const rbtoken_store_options_t, e| {
        let mut store = garbage();
        let status = unsafe { rbtoken_store_open(o, &raw mut store, e) };
        assert!(store.is_null());
        status
    });
}

/// Passes a struct of a later header, whose additional fields have default values, at an unaligned
/// address: a host may pack it.
fn with_zero_tail<T: Copy>(options: T, use_it: impl Fn(*const T)) {
    for size in [size_of::<T>() + 1, size_of::<T>() + 64, 4096] {
        let mut room = vec![0_u64; 4096 / 8 + 2];
        for offset in [0, 1] {
            unsafe {
                let place = room.as_mut_ptr().cast::<u8>().add(offset);
                place.cast::<T>().write_unaligned(options);
                place.cast::<usize>().write_unaligned(size);
                place.add(size).write(0xff);
                use_it(place.cast());
                place.add(size).write(0);
            }
        }
    }
}

#[test]
fn longer_struct_with_default_unknown_fields_is_read() {
    let (site, site_len) = text("north");
    let options =
        rbtoken_client_token_options_t { local_site: site, local_site_len: site_len, ..init() };
    with_zero_tail(options, |options| {
        let store = store();
        let (mut token, mut created) = (garbage(), false);
        let ((user, len), place, created_at) = (text("u2"), &raw mut token, &raw mut created);
        call(|e| unsafe {
            rbtoken_store_get_or_create_client_token(
                store.raw(),
                user,
                len,
                user,
                len,
                options,
                place,
                created_at,
                e,
            )
        })
        .unwrap();
        assert!(created);
        let mut site_len = 0;
        unsafe {
            assert!(!rbtoken_token_local_site(token, &raw mut site_len).is_null());
            rbtoken_token_release(token);
        }
        assert_eq!(site_len, 5);
    });
    let (user, user_len) = text("bob");
    let filter = rbtoken_token_filter_t { user, user_len, ..init() };
    with_zero_tail(filter, |filter| {
        let store = store();
        let mut list = garbage();
        let place = &raw mut list;
        call(|e| unsafe { rbtoken_store_list_tokens(store.raw(), filter, place, e) }).unwrap();
        unsafe {
            assert_eq!(rbtoken_token_list_count(list), 1);
            rbtoken_token_list_free(list);
        }
    });
}

#[test]
fn unknown_modes_flags_and_reserved_fields_are_refused() {
    let store = store();
    let client = |argument: &str, options: rbtoken_client_token_options_t| {
        bad(&store, E_INVALID_ARGUMENT, Some(argument), |e| {
            client_token(store.raw(), text("u"), text("c"), &raw const options, e)
        });
    };
    let generate = |argument: &str, options: rbtoken_generate_options_t| {
        bad(&store, E_INVALID_ARGUMENT, Some(argument), |e| {
            generate(store.raw(), text("u"), &raw const options, e)
        });
    };
    let import = |argument: &str, options: rbtoken_import_options_t| {
        bad(&store, E_INVALID_ARGUMENT, Some(argument), |e| {
            import(store.raw(), text("u"), text("v"), &raw const options, e)
        });
    };
    let list = |argument: &str, filter: rbtoken_token_filter_t| {
        bad(&store, E_INVALID_ARGUMENT, Some(argument), |e| {
            list(store.raw(), &raw const filter, e)
        });
    };

    for mode in [-1, 3, 256, i32::MIN, i32::MAX] {
        client("expires_mode", rbtoken_client_token_options_t { expires_mode: mode, ..init() });
        let options = rbtoken_client_token_options_t { min_validity_mode: mode, ..init() };
        client("min_validity_mode", options);
        generate("expires_mode", rbtoken_generate_options_t { expires_mode: mode, ..init() });
        list("local_site_mode", rbtoken_token_filter_t { local_site_mode: mode, ..init() });
        list("validity_mode", rbtoken_token_filter_t { validity_mode: mode, ..init() });
    }
    client("min_validity_mode", rbtoken_client_token_options_t { min_validity_mode: 2, ..init() });

    for bit in 0..32 {
        let flags = 1 << bit;
        if flags & !RBTOKEN_CLIENT_TOKEN_IGNORE_DEPRECATED != 0 {
            client("flags", rbtoken_client_token_options_t { flags, ..init() });
        }
        if flags & !(RBTOKEN_GENERATE_INVALID | RBTOKEN_GENERATE_AUTO_GENERATED) != 0 {
            generate("flags", rbtoken_generate_options_t { flags, ..init() });
        }
        if flags > RBTOKEN_IMPORT_INVALID_DATE_KNOWN {
            import("flags", rbtoken_import_options_t { flags, ..init() });
        }
        if flags & !RBTOKEN_FILTER_EXPIRES_BEFORE != 0 {
            list("flags", rbtoken_token_filter_t { flags, ..init() });
        }
    }

    for reserved in [1, u32::MAX] {
        client("reserved", rbtoken_client_token_options_t { reserved, ..init() });
        import("reserved", rbtoken_import_options_t { reserved, ..init() });
        list("reserved", rbtoken_token_filter_t { reserved, ..init() });
    }

    for mode in [0, 1] {
        let (expires_mode, expires_at_us) = (mode, START + DAY);
        let options = rbtoken_client_token_options_t { expires_mode, expires_at_us, ..init() };
        client("expires_at_us", options);
        let options = rbtoken_generate_options_t { expires_mode, expires_at_us, ..init() };
        generate("expires_at_us", options);
    }
    client("min_validity_secs", rbtoken_client_token_options_t { min_validity_secs: 1, ..init() });
    import("time_added_us", rbtoken_import_options_t { time_added_us: 1, ..init() });
    import("last_updated_us", rbtoken_import_options_t { last_updated_us: 1, ..init() });
    import("last_used_us", rbtoken_import_options_t { last_used_us: 1, ..init() });
    import("expires_at_us", rbtoken_import_options_t { expires_at_us: 1, ..init() });
    import("invalid_date_us", rbtoken_import_options_t { invalid_date_us: 1, ..init() });
    let flags = RBTOKEN_IMPORT_INVALID_DATE_KNOWN;
    import("invalid_date_us", rbtoken_import_options_t { flags, ..init() });
    let (invalid_reason, invalid_reason_len) = text("revoked");
    let options = rbtoken_import_options_t { invalid_reason, invalid_reason_len, ..init() };
    import("invalid_reason", options);
    list("expires_before_us", rbtoken_token_filter_t { expires_before_us: 1, ..init() });
    let (local_site, local_site_len) = text("north");
    for local_site_mode in [0, 1] {
        let filter =
            rbtoken_token_filter_t { local_site_mode, local_site, local_site_len, ..init() };
        list("local_site", filter);
    }
    list("local_site", rbtoken_token_filter_t { local_site_mode: NAMED, ..init() });
}

/// In a server's row of a valid token, the reason is empty and not NULL.
#[test]
fn import_of_a_valid_token_accepts_an_empty_invalid_reason() {
    let (invalid_reason, invalid_reason_len) = text("");
    let options = rbtoken_import_options_t { invalid_reason, invalid_reason_len, ..init() };
    let record = Store::new().import("alice", "a value", &options).unwrap().record();
    assert!(!record.is_invalidated && record.invalid_reason.is_empty());
}

#[test]
fn times_outside_the_calendar_are_refused() {
    let store = store();
    let first = micros("0001-01-01T00:00:00Z");
    let last = micros("9999-12-31T23:59:59.999999Z");
    for time in [first - 1, last + 1, i64::MIN, i64::MAX] {
        let options =
            rbtoken_client_token_options_t { expires_mode: AT, expires_at_us: time, ..init() };
        bad(&store, E_TIME_RANGE, Some("expires_at_us"), |e| {
            client_token(store.raw(), text("u"), text("c"), &raw const options, e)
        });
        let options =
            rbtoken_generate_options_t { expires_mode: AT, expires_at_us: time, ..init() };
        bad(&store, E_TIME_RANGE, Some("expires_at_us"), |e| {
            generate(store.raw(), text("u"), &raw const options, e)
        });
        let filter = rbtoken_token_filter_t {
            flags: RBTOKEN_FILTER_EXPIRES_BEFORE,
            expires_before_us: time,
            ..init()
        };
        bad(&store, E_TIME_RANGE, Some("expires_before_us"), |e| {
            list(store.raw(), &raw const filter, e)
        });
        for (flag, name) in [
            (RBTOKEN_IMPORT_TIME_ADDED_KNOWN, "time_added_us"),
            (RBTOKEN_IMPORT_LAST_UPDATED_KNOWN, "last_updated_us"),
            (RBTOKEN_IMPORT_LAST_USED_KNOWN, "last_used_us"),
            (RBTOKEN_IMPORT_EXPIRES_KNOWN, "expires_at_us"),
            (RBTOKEN_IMPORT_INVALID_DATE_KNOWN, "invalid_date_us"),
        ] {
            let mut options = init::<rbtoken_import_options_t>();
            options.flags = flag;
            match name {
                "time_added_us" => options.time_added_us = time,
                "last_updated_us" => options.last_updated_us = time,
                "last_used_us" => options.last_used_us = time,
                "expires_at_us" => options.expires_at_us = time,
                _ => {
                    options.flags |= RBTOKEN_IMPORT_INVALID;
                    options.invalid_date_us = time;
                }
            }
            bad(&store, E_TIME_RANGE, Some(name), |e| {
                import(store.raw(), text("u"), text("v"), &raw const options, e)
            });
        }
    }
}

#[test]
fn expired_client_token_and_endless_validity_are_refused() {
    let store = store();
    for at_us in [START, START - 1, 0, -1] {
        let options =
            rbtoken_client_token_options_t { expires_mode: AT, expires_at_us: at_us, ..init() };
        bad(&store, E_INVALID_ARGUMENT, Some("expires_at_us"), |e| {
            client_token(store.raw(), text("u"), text("c"), &raw const options, e)
        });
    }
    for min_validity_secs in [i64::MAX, i64::MAX / SECOND, 315_537_897_600] {
        let options =
            rbtoken_client_token_options_t { min_validity_mode: SECS, min_validity_secs, ..init() };
        bad(&store, E_TIME_RANGE, Some("min_validity_secs"), |e| {
            client_token(store.raw(), text("u"), text("c"), &raw const options, e)
        });
    }
}

#[test]
fn missing_tokens_settings_and_generators_are_not_found() {
    let store = store();
    for id in [0, -1, 3, i64::MIN, i64::MAX] {
        bad(&store, E_NOT_FOUND, Some("id"), |e| get(store.raw(), id, e));
    }
    for value in ["known", "known valu", "known value ", "Known value"] {
        bad(&store, E_NOT_FOUND, Some("value"), |e| find(store.raw(), text(value), e));
    }
    for name in ["", "Client_token_expiration", "client_token_expiration "] {
        let failure = bad(&store, E_NOT_FOUND, Some("name"), |e| {
            set_setting(store.raw(), text(name), text("1"), e)
        });
        assert_eq!(failure.json_path, None, "the value is not at fault");
        bad(&store, E_NOT_FOUND, Some("name"), |e| get_setting(store.raw(), text(name), e));
    }
    bad(&store, E_INVALID_ARGUMENT, Some("value"), |e| find(store.raw(), text(""), e));
    bad(&store, E_TOO_LONG, Some("value"), |e| find(store.raw(), text(&"a".repeat(256)), e));
    bad(&store, E_GENERATION, Some("generator_id"), |e| {
        value_is_valid(store.raw(), [text("none"), text("rbp"), text("x")], e)
    });
    bad(&store, E_EXISTS, Some("value"), |e| {
        import(store.raw(), text("u"), text("known value"), null(), e)
    });
}

#[test]
fn setting_is_unchanged_after_a_refused_value() {
    let store = store();
    let cases: &[(&str, &str, i32, Option<&str>)] = &[
        ("client_token_expiration", "", E_JSON_SYNTAX, Some("$")),
        ("client_token_expiration", "-1", E_INVALID_ARGUMENT, Some("$")),
        ("client_token_expiration", "3652060", E_INVALID_ARGUMENT, Some("$")),
        ("client_token_expiration", "18446744073709551615", E_INVALID_ARGUMENT, Some("$")),
        ("client_token_expiration", "18446744073709551616", E_JSON_NUMBER, Some("$")),
        ("client_token_expiration", "1.0", E_JSON_TYPE, Some("$")),
        ("client_token_expiration", "true", E_JSON_TYPE, Some("$")),
        ("client_token_expiration", "null", E_JSON_TYPE, Some("$")),
        ("client_token_expiration", "\"1\"", E_JSON_TYPE, Some("$")),
        ("min_validity_secs", "-1", E_INVALID_ARGUMENT, Some("$")),
        ("min_validity_secs", "315537897601", E_INVALID_ARGUMENT, Some("$")),
        ("min_validity_secs", "[300]", E_JSON_TYPE, Some("$")),
        ("token_type", "1", E_JSON_TYPE, Some("$")),
        ("token_type", "\"\"", E_INVALID_ARGUMENT, Some("$")),
        ("token_type", "\"a_b\"", E_INVALID_ARGUMENT, Some("$")),
        ("default_generator", "\"none\"", E_GENERATION, Some("$")),
        ("default_generator", "null", E_JSON_TYPE, Some("$")),
        ("deprecated_generators", "\"legacy_sha1\"", E_JSON_TYPE, Some("$")),
        ("deprecated_generators", "[\"x\", 1]", E_JSON_TYPE, Some("$[1]")),
        ("deprecated_generators", "[\"x\", \"\"]", E_INVALID_ARGUMENT, Some("$[1]")),
        ("policy_ids", "{}", E_JSON_TYPE, Some("$")),
        ("policy_ids", "[\"x\", null]", E_JSON_TYPE, Some("$[1]")),
        ("policy_ids", "[\"x\", \"*\"]", E_INVALID_ARGUMENT, Some("$[1]")),
        ("policy_ids", "[\"\"]", E_INVALID_ARGUMENT, Some("$[0]")),
    ];
    for (name, value, status, path) in cases {
        let failure = bad(&store, *status, Some("value"), |e| {
            set_setting(store.raw(), text(name), text(value), e)
        });
        assert_eq!(failure.json_path.as_deref(), *path, "{name} {value}");
    }
}

#[test]
fn policy_ids_are_unchanged_after_a_bad_list() {
    let store = store();
    store.set_policy_ids(&[c"review", c"user"]).unwrap();
    assert_eq!(store.get_setting("policy_ids").unwrap(), r#"["review", "user"]"#);
    let set = |ids: &[*const c_char], count: usize, error: Error| unsafe {
        rbtoken_store_set_policy_ids(store.raw(), ids.as_ptr(), count, error)
    };
    let review = c"review".as_ptr();
    let cases: [(&[*const c_char], i32); 4] = [
        (&[review, null()], E_NULL_ARGUMENT),
        (&[review, c"\xff".as_ptr()], E_INVALID_UTF8),
        (&[review, c"".as_ptr()], E_INVALID_ARGUMENT),
        (&[c"*".as_ptr()], E_INVALID_ARGUMENT),
    ];
    for (ids, status) in cases {
        let before = store.everything();
        let failure = call(|e| set(ids, ids.len(), e)).unwrap_err();
        assert_eq!(failure.of(), (status, Some("ids")));
        assert_eq!(store.everything(), before);
    }
    bad(&store, E_NULL_ARGUMENT, Some("ids"), |e| unsafe {
        rbtoken_store_set_policy_ids(store.raw(), null(), 1, e)
    });
    // A wild count must not be used.
    bad(&store, E_TOO_LONG, Some("count"), |e| set(&[review], usize::MAX, e));
    // NULL differs from an empty list.
    call(|e| set(&[review], 0, e)).unwrap();
    assert_eq!(store.get_setting("policy_ids").unwrap(), "[]");
    call(|e| unsafe { rbtoken_store_set_policy_ids(store.raw(), null(), 0, e) }).unwrap();
    assert_eq!(store.get_setting("policy_ids").unwrap(), "null");
}

#[test]
fn deprecated_generators_are_unchanged_after_a_bad_list() {
    let store = store();
    for (bad_id, status) in [(c"".as_ptr(), E_INVALID_ARGUMENT), (null(), E_NULL_ARGUMENT)] {
        bad(&store, status, Some("generator_ids"), |e| unsafe {
            let ids = [c"legacy_sha1".as_ptr(), bad_id];
            rbtoken_store_set_deprecated_generators(store.raw(), ids.as_ptr(), ids.len(), e)
        });
    }
    assert_eq!(store.get_setting("deprecated_generators").unwrap(), r#"["legacy_sha1"]"#);
}

#[test]
fn errors_contain_no_token_values() {
    let store = store();
    let value = store.client_token("alice", "tool", &init()).unwrap().0.value();
    let failures = [
        store.import("bob", &value, &init()).unwrap_err(),
        store.find(&value[..200]).unwrap_err(),
        store.import("bob", &value.repeat(2), &init()).unwrap_err(),
    ];
    for failure in failures {
        assert!(!failure.message.contains(&value[4..40]), "{failure:?}");
    }
}

/// A destroy callback that must not be called.
unsafe extern "C-unwind" fn never(_: *mut c_void) {
    panic!("destroyed something that could not be read");
}

#[test]
fn struct_of_unknown_size_is_not_read() {
    let clock = rbtoken_clock_t { struct_size: 0, destroy: Some(never), ..init() };
    let options = rbtoken_store_options_t { clock: &raw const clock, ..init() };
    let failure = Store::open(&Host::new(), &options).err().unwrap();
    assert_eq!(failure.of(), (E_STRUCT_SIZE, Some("clock")));
}
