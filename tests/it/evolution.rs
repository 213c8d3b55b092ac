//! Programs with an older or newer header: structs of every published size work, unknown fields are
//! rejected, and no memory outside the struct is accessed.
#![cfg(all(unix, not(target_vendor = "apple")))]

use std::fmt::Write;
use std::fs;

use crate::support::c;
use crate::support::header;

/// How each struct is passed to the library: C statements that fill `it` where defaults do not
/// suffice, and a call. A struct without a line here fails the test.
const CALLS: &[(&str, &str, &str)] = &[
    ("rbtoken_store_options_t", "", "close_store(rbtoken_store_open(it, &other, NULL))"),
    ("rbtoken_clock_t", "it->now = now;", "with_clock(it)"),
    ("rbtoken_entropy_t", "it->fill = fill;", "with_entropy(it)"),
    ("rbtoken_log_t", "it->log = write_message;", "with_log(it)"),
    ("rbtoken_progress_t", "it->progress = progress;", "with_progress(it)"),
    (
        "rbtoken_client_token_options_t",
        "",
        "drop_token(rbtoken_store_get_or_create_client_token(store, RBTOKEN_STR(\"alice\"), \
         RBTOKEN_STR(\"RBTools\"), it, &token, NULL, NULL))",
    ),
    (
        "rbtoken_generate_options_t",
        "",
        "drop_token(rbtoken_store_generate_token(store, RBTOKEN_STR(\"alice\"), it, &token, NULL))",
    ),
    (
        "rbtoken_import_options_t",
        "",
        "drop_token(rbtoken_store_import_token(store, RBTOKEN_STR(\"alice\"), value, \
         (size_t)sprintf(value, \"value%d\", ++values), it, &token, NULL))",
    ),
    ("rbtoken_token_filter_t", "", "free_list(rbtoken_store_list_tokens(store, it, &list, NULL))"),
    (
        "rbtoken_login_options_t",
        "",
        "rbtoken_store_authenticate(store, RBTOKEN_STR(\"x\"), it, &verdict, &token, NULL, NULL)",
    ),
    ("rbtoken_token_update_t", "", "rbtoken_store_update_token(store, id, it, NULL, NULL)"),
    ("rbtoken_hooks_t", "", "rbtoken_store_add_hooks(store, it, &hooks_id, NULL)"),
    (
        "rbtoken_generator_t",
        "it->create = create; it->validate = validate;",
        "rbtoken_store_add_generator(store, value, (size_t)sprintf(value, \"g%d\", ++values), it, NULL)",
    ),
    (
        "rbtoken_service_account_options_t",
        "RBTOKEN_SET_STR(it, id, \"bot\");",
        "free_account(rbtoken_service_account_new(it, &account, NULL))",
    ),
    (
        "rbtoken_service_token_options_t",
        "",
        "drop_token(rbtoken_service_account_get_api_token(bot, store, it, &token, NULL, NULL))",
    ),
];

/// The first field that an earlier header did not have, of each struct that has grown. The struct
/// ended there.
const GROWN: &[(&str, &str)] = &[("rbtoken_store_options_t", "log")];

/// Returns whether a struct is not filled in by hosts, or is tested by the tests of the plugin
/// interface.
fn is_excepted(name: &str) -> bool {
    name.ends_with("_interface_v1_t")
        || ["rbtoken_extension_v1_t", "rbtoken_host_v1_t"].contains(&name)
}

#[test]
fn structs_of_any_published_size_are_served_within_bounds() {
    let header = header::Header::read();
    let sized = header.structs.iter().filter(|it| it.fields[0].0 == "struct_size");
    let sized: Vec<_> = sized.filter(|it| !is_excepted(&it.name)).collect();
    assert_eq!(sized.len(), CALLS.len(), "a struct has no call here, or is gone");

    let mut program = String::from("#include \"evolution.h\"\n");
    let mut main = String::from("int main(void)\n{\n    set_up();\n");
    for structure in &sized {
        let name = &structure.name;
        let (_, fill, call) =
            CALLS.iter().find(|(of, ..)| of == name).unwrap_or_else(|| panic!("{name}: no call"));
        writeln!(
            program,
            "static void fill_{name}(void *memory) {{ {name} *it = ({name} *)memory; (void)it; {fill} }}\n\
             static rbtoken_status_t call_{name}(void *memory) {{ {name} *it = ({name} *)memory; \
             return {call}; }}"
        )
        .expect("a string can be written to");
        let older = GROWN.iter().find(|(of, _)| of == name);
        let older = older.map_or("0".to_owned(), |(_, field)| format!("offsetof({name}, {field})"));
        writeln!(
            main,
            "    evolve(\"{name}\", sizeof({name}), {older}, fill_{name}, call_{name});"
        )
        .expect("a string can be written to");
    }
    program += &main;
    program += "    tear_down();\n    return 0;\n}\n";
    let source = c::BUILD.join("evolution.c");
    fs::write(&source, program).expect("a file can be written below the target folder");
    let printed = c::run(&c::compile(c::C11, &[source], "evolution"));
    let proved = printed.lines().filter(|line| line.starts_with("ok ")).count();
    assert_eq!(proved, CALLS.len(), "{printed}");
}
