//! Access policies.

use std::ffi::CStr;
use std::ptr::null_mut;

use crate::support::*;
use rbtoken::ffi::*;

fn token_with(store: &Store, policy: &str) -> Token {
    let mut options = init::<rbtoken_generate_options_t>();
    (options.policy, options.policy_len) = text(policy);
    store.generate("alice", &options).unwrap()
}

/// Returns the result of a policy, which must equal that of a token with this policy.
fn allows(document: &str, question: Question<'_>) -> bool {
    let token = token_with(&Store::new(), document).allows(question).unwrap();
    assert_eq!(Policy::parse(None, document).unwrap().allows(question), Ok(token));
    token
}

#[test]
fn full_access_allows_everything() {
    for document in ["{}", " { } "] {
        for question in [("review", "GET", None), ("any", "DELETE", Some("7")), ("x", "X", None)] {
            assert!(allows(document, question));
        }
    }
    // Rules that do not mention a method allow it.
    for rules in [r#"{"allow": []}"#, r#"{"block": []}"#, r#"{"allow": ["GET"]}"#] {
        let document = format!(r#"{{"resources": {{"*": {rules}}}}}"#);
        assert!(allows(&document, ("review", "PUT", Some("1"))), "{rules}");
    }
}

#[test]
fn resource_rules_precede_policy_ids_and_the_wildcard() {
    let document = |resource: &str, id: &str, everything: &str| {
        format!(
            r#"{{"resources": {{"review": {{"3": {{"{resource}": ["GET"]}},
            "*": {{"{id}": ["GET"]}}}}, "*": {{"{everything}": ["GET"]}}}}}}"#
        )
    };
    for bits in 0..8 {
        let word = |bit: usize| if bits >> bit & 1 == 1 { "allow" } else { "block" };
        let document = document(word(0), word(1), word(2));
        for (question, decides) in [
            (("review", "GET", Some("3")), 0),
            (("review", "GET", Some("4")), 1),
            (("review", "GET", None), 1),
            (("diff", "GET", Some("3")), 2),
            (("diff", "GET", None), 2),
        ] {
            assert_eq!(allows(&document, question), word(decides) == "allow", "{document}");
        }
        // None of them has a rule.
        assert!(allows(&document, ("review", "PUT", Some("3"))));
    }
}

#[test]
fn level_without_a_rule_defers_to_the_next() {
    let document = r#"{"resources": {"review": {"3": {"allow": ["PUT"]}, "*": {"block": ["POST"]}},
        "*": {"block": ["*"]}}}"#;
    assert!(allows(document, ("review", "PUT", Some("3"))));
    assert!(!allows(document, ("review", "POST", Some("3"))));
    assert!(!allows(document, ("review", "GET", Some("3"))));
}

#[test]
fn named_method_precedes_star_and_block_precedes_allow() {
    for (rules, get, put) in [
        (r#"{"allow": ["GET"], "block": ["GET"]}"#, false, true),
        (r#"{"allow": ["GET"], "block": ["*"]}"#, true, false),
        (r#"{"allow": ["*"], "block": ["GET"]}"#, false, true),
        (r#"{"allow": ["*"], "block": ["*"]}"#, false, false),
        (r#"{"allow": ["*", "GET"], "block": ["*", "GET"]}"#, false, false),
        (r#"{"block": ["*"]}"#, false, false),
        (r#"{"block": ["get", "gET"]}"#, true, true),
    ] {
        let document = format!(r#"{{"resources": {{"*": {rules}}}}}"#);
        assert_eq!(allows(&document, ("review", "GET", None)), get, "{rules}");
        assert_eq!(allows(&document, ("review", "PUT", None)), put, "{rules}");
    }
}

#[test]
fn missing_resource_id_differs_from_empty_and_star() {
    let document = r#"{"resources": {"review": {"": {"block": ["GET"]}}}}"#;
    assert!(allows(document, ("review", "GET", None)));
    assert!(!allows(document, ("review", "GET", Some(""))));
    let document = r#"{"resources": {"review": {"3": {"block": ["GET"]}}}}"#;
    assert!(allows(document, ("review", "GET", None)));
    assert!(!allows(document, ("review", "GET", Some("3"))));
    assert!(allows(document, ("review", "GET", Some("03"))));
    let document = r#"{"resources": {"review": {"*": {"block": ["GET"]}}}}"#;
    assert!(!allows(document, ("review", "GET", None)));
    assert!(!allows(document, ("review", "GET", Some("*"))));
}

#[test]
fn method_is_written_in_letters_a_to_z() {
    let store = Store::new();
    let token = token_with(&store, "{}");
    let policy = Policy::parse(Some(&store), "{}").unwrap();
    for method in ["get", "Get", "", "*", " GET", "GET ", "GE T", "GET1", "M-SEARCH", "É", "_"] {
        for answer in
            [token.allows(("review", method, None)), policy.allows(("review", method, None))]
        {
            let failure = answer.unwrap_err();
            assert_eq!(failure.of(), (E_INVALID_ARGUMENT, Some("method")), "{method:?}");
        }
    }
    assert_eq!(token.allows(("review", "G\0T", None)).unwrap_err().status, E_EMBEDDED_NUL);
    assert_eq!(token.allows(("review", "PROPFIND", None)), Ok(true));
}

#[test]
fn star_and_empty_are_not_policy_ids() {
    let store = Store::new();
    let document = r#"{"resources": {"*": {"allow": ["*"]}}}"#;
    let token = token_with(&store, document);
    let policy = Policy::parse(None, document).unwrap();
    for id in ["*", ""] {
        for answer in [token.allows((id, "GET", None)), policy.allows((id, "GET", None))] {
            assert_eq!(answer.unwrap_err().of(), (E_INVALID_ARGUMENT, Some("policy_id")));
        }
    }
    for id in [c"*", c""] {
        let failure = store.set_policy_ids(&[id]).unwrap_err();
        assert_eq!(failure.of(), (E_INVALID_ARGUMENT, Some("ids")));
    }
    assert_eq!(store.get_setting("policy_ids").unwrap(), "null");
}

#[test]
fn unknown_policy_id_is_refused_once_a_list_is_registered() {
    let store = Store::new();
    let token = token_with(&store, "{}");
    let policy = Policy::parse(Some(&store), "{}").unwrap();
    let of_no_store = Policy::parse(None, "{}").unwrap();
    let restricted = token_with(&store, r#"{"resources": {"review": {"*": {"block": ["PUT"]}}}}"#);
    let ask = |id: &str| {
        let question = (id, "GET", None);
        let answers =
            [token.allows(question), policy.allows(question), restricted.allows(question)];
        assert_eq!(of_no_store.allows(question), Ok(true), "it belongs to no store");
        assert!(answers.iter().all(|answer| answer.is_ok() == answers[0].is_ok()));
        if let Err(failure) = &answers[0] {
            assert_eq!(failure.of(), (E_INVALID_ARGUMENT, Some("policy_id")));
        }
        answers[0].is_ok()
    };
    let ids = |ids: &[&CStr]| store.set_policy_ids(ids).unwrap();
    assert!(ask("review") && ask("diff"));
    ids(&[c"review"]);
    assert!(ask("review") && !ask("diff") && !ask("Review"));
    ids(&[c"diff"]);
    assert!(!ask("review") && ask("diff"));
    store.set_setting("policy_ids", "[]").unwrap();
    assert!(!ask("review") && !ask("diff"));
    store.set_setting("policy_ids", "null").unwrap();
    assert!(ask("review") && ask("diff"));
}

#[test]
fn policy_is_refused_after_its_id_is_unregistered() {
    let store = Store::new();
    let generate = |document: &str| {
        let mut options = init::<rbtoken_generate_options_t>();
        (options.policy, options.policy_len) = text(document);
        store.generate("alice", &options)
    };
    // In canonical form, and in another one.
    let document = r#"{"resources": {"review": {"*": {"block": ["PUT"]}}}}"#;
    for document in [document.to_owned(), document.replace(' ', "")] {
        store.set_setting("policy_ids", "null").unwrap();
        let token = generate(&document).unwrap();
        assert_eq!(generate(&document).unwrap().policy(), token.policy());
        store.set_policy_ids(&[c"diff"]).unwrap();
        for _ in 0..2 {
            let failure = generate(&document).unwrap_err();
            assert_eq!(failure.of(), (E_POLICY, Some("policy")));
            assert_eq!(failure.json_path.as_deref(), Some("$.resources.review"));
        }
        store.set_policy_ids(&[c"diff", c"review"]).unwrap();
        assert_eq!(generate(&document).unwrap().policy(), token.policy());
    }
}

#[test]
fn policy_of_one_mebibyte_is_accepted_and_no_more() {
    let mut document = r#"{"resources": {"*": {"block": ["*"]}, "review": {"#.to_owned();
    let mut resources = 0;
    while document.len() < (1 << 20) - 100 {
        document += &format!(r#""{resources}": {{"allow": ["GET"]}}, "#);
        resources += 1;
    }
    document += r#""*": {"block": ["PUT"]}}}}"#;
    document += &" ".repeat((1 << 20) - document.len());
    let store = Store::new();
    let token = token_with(&store, &document);
    let policy = Policy::parse(None, &document).unwrap();
    for (question, expected) in [
        (("review", "GET", Some("0")), true),
        (("review", "GET", Some((resources - 1).to_string().as_str())), true),
        (("review", "GET", Some(resources.to_string().as_str())), false),
        (("review", "PUT", Some("0")), false),
        (("diff", "GET", Some("0")), false),
    ] {
        assert_eq!(token.allows(question), Ok(expected));
        assert_eq!(policy.allows(question), Ok(expected));
    }
    document.push(' ');
    let failure = Policy::parse(None, &document).unwrap_err();
    assert_eq!(failure.of(), (E_TOO_LONG, Some("document")));
}

#[test]
fn equal_documents_are_interned_in_any_form() {
    let store = Store::new();
    let address = |token: &Token, of: TextOf| {
        // SAFETY: the handle is valid.
        unsafe { of(token.raw(), null_mut()) }.addr()
    };
    let policies = [
        r#"{"resources": {"*": {"allow": ["GET"], "block": ["*"]}}}"#,
        r#"{"resources":{"*":{"block":["*"],"allow":["\u0047ET"]}}}"#,
    ];
    let extra_data = [r#"{"a": 1, "client_name": "tool"}"#, r#"{"client_name":"tool", "a":1}"#];
    let [one, two] = [0, 1].map(|index| {
        let mut options = init::<rbtoken_generate_options_t>();
        (options.policy, options.policy_len) = text(policies[index]);
        (options.extra_data, options.extra_data_len) = text(extra_data[index]);
        store.generate("alice", &options).unwrap()
    });
    for of in [rbtoken_token_policy as TextOf, rbtoken_token_extra_data] {
        assert_eq!(address(&one, of), address(&two, of));
    }
    let other = token_with(&store, r#"{"resources": {"*": {"allow": ["PUT"], "block": ["*"]}}}"#);
    assert_ne!(address(&one, rbtoken_token_policy), address(&other, rbtoken_token_policy));
    // Only one of them is changed.
    let update = Update { policy: Field::None, ..Update::default() };
    assert_eq!(store.update(one.id(), &update).unwrap().policy(), "{}");
    assert_eq!(two.policy(), policies[0]);
    assert_eq!(store.get(two.id()).unwrap().policy(), policies[0]);
}
