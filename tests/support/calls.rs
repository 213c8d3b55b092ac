//! Generates C code that calls each function of the header with good arguments, one of which can be
//! replaced.
#![allow(dead_code, reason = "not every test program needs every helper")]

use std::collections::BTreeMap;
use std::fmt::Write;

use super::declarations::{Function, Variable, general_statuses};

pub type Structs = BTreeMap<String, Vec<Variable>>;

/// The role of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// A good value, as a C expression.
    Input(String),
    /// A text; its length is the next parameter.
    Text(String),
    Length,
    /// A struct that starts with its size.
    Struct(String),
    /// The type that is written.
    Output(String),
    Error,
}

/// Returns the role of a parameter. Unknown parameters fail, so that new functions are noticed.
pub fn role(function: &Function, index: usize) -> Role {
    let parameter = &function.parameters[index];
    let (kind, name) = (parameter.kind.as_str(), parameter.name.as_str());
    let pointed = kind.strip_suffix('*').unwrap_or_default().trim();
    let input = |value: &str| Role::Input(value.to_owned());
    let unknown =
        || -> ! { panic!("{}: no rule for the parameter `{kind} {name}`", function.name) };
    match kind {
        "struct rbtoken_error_t **" => return Role::Error,
        "const char *" => {
            return Role::Text(text(&function.name, name).unwrap_or_else(|| unknown()));
        }
        "const char *const *" => return input("g_ids"),
        "size_t" if name.ends_with("_len") => return Role::Length,
        _ => {}
    }
    let handle = kind.trim_start_matches("const ");
    match handle {
        "struct rbtoken_store_t *" => input("g_store"),
        "struct rbtoken_token_t *" => input("g_token"),
        "struct rbtoken_token_list_t *" => input("g_list"),
        "struct rbtoken_buffer_t *" => input("g_buffer"),
        "struct rbtoken_error_t *" => input("g_error"),
        "struct rbtoken_policy_t *" => input("g_policy"),
        "struct rbtoken_service_account_t *" => input("g_account"),
        "rbtoken_status_t" | "rbtoken_verdict_t" => input("1"),
        _ if kind.starts_with("const struct ") && !pointed.ends_with('*') => {
            Role::Struct(pointed.trim_start_matches("const struct ").to_owned())
        }
        _ if !pointed.is_empty() => Role::Output(pointed.to_owned()),
        _ => match name {
            "id" => input("rbtoken_token_id(g_token)"),
            "hooks_id" => input("g_hooks_id"),
            "active" | "count" => input("1"),
            "flags" | "index" => input("0"),
            "at_us" | "dead_before_us" => input("0"),
            "abi_version" => input("RBTOKEN_ABI_VERSION"),
            "minor" => input("RBTOKEN_EXTENSION_MINOR"),
            _ => unknown(),
        },
    }
}

fn text(function: &str, name: &str) -> Option<String> {
    let text = match (function, name) {
        ("rbtoken_store_set_setting", "value") => "\"1\"",
        ("rbtoken_store_set_setting" | "rbtoken_store_get_setting", "name") => {
            "\"min_validity_secs\""
        }
        ("rbtoken_store_add_local_site", "local_site") => "\"south\"",
        ("rbtoken_store_import_token", "value") => "\"imported\"",
        ("rbtoken_store_add_generator", "generator_id") => "\"host\"",
        (_, "value") => "g_value",
        (_, "header") => "g_header",
        (_, "user") => "\"alice\"",
        (_, "client_name") => "\"RBTools\"",
        (_, "local_site") => "\"north\"",
        (_, "generator_id") => "\"vendor_checksum\"",
        (_, "token_type") => "\"rbp\"",
        (_, "reason") => "\"lost\"",
        (_, "policy_id") => "\"review_request\"",
        (_, "method") => "\"GET\"",
        (_, "resource_id") => "\"1\"",
        (_, "document") => "\"{}\"",
        ("rbtoken_store_import_file", "path") => "exported_path()",
        (_, "path") => "new_path()",
        _ => return None,
    };
    Some(text.to_owned())
}

/// Returns statements that set required fields of a struct.
fn required_fields(name: &str) -> &'static str {
    match name {
        "rbtoken_service_account_options_t" => "RBTOKEN_SET_STR(&s, id, \"robot\");",
        "rbtoken_generator_t" => "s.create = host_create; s.validate = host_validate;",
        "rbtoken_progress_t" => "s.progress = host_progress;",
        _ => "",
    }
}

pub fn has_status(function: &Function) -> bool {
    function.result == "rbtoken_status_t" && !function.statuses.is_empty()
}

/// Generates the struct of arguments, the good arguments, and the call with its checks.
pub fn caller(function: &Function, structs: &Structs) -> String {
    let name = &function.name;
    let (mut fields, mut good, mut before, mut after) =
        (String::new(), String::new(), String::new(), String::new());
    let (mut arguments, mut names, mut consumed) = (Vec::new(), Vec::new(), String::new());
    let (mut cleared, mut error) = (String::new(), "NULL");
    for (index, parameter) in function.parameters.iter().enumerate() {
        let (kind, p) = (&parameter.kind, &parameter.name);
        names.push(p.clone());
        match role(function, index) {
            Role::Input(value) => {
                let _ = write!(fields, "{kind} {p}; ");
                let _ = write!(good, "a->{p} = {value}; ");
                arguments.push(format!("a->{p}"));
                if name.ends_with("_free") || name.ends_with("_release") {
                    let _ = write!(consumed, "if (a->{p}) {value} = NULL; ");
                }
            }
            Role::Text(value) => {
                let _ = write!(fields, "{kind} {p}; ");
                let _ = write!(good, "a->{p} = {value}; a->{p}_len = RBTOKEN_NUL_TERMINATED; ");
                arguments.push(format!("a->{p}"));
            }
            Role::Length => {
                let _ = write!(fields, "size_t {p}; ");
                arguments.push(format!("a->{p}"));
            }
            Role::Struct(of) => {
                let known = structs.get(&of).unwrap_or_else(|| panic!("{of} has fields"));
                names.extend(known.iter().map(|field| field.name.clone()));
                let _ = write!(fields, "{of} {p}_value; const {of} *{p}; ");
                let set = required_fields(&of).replace("&s", &format!("&a->{p}_value"));
                let set = set.replace("s.", &format!("a->{p}_value."));
                let _ = write!(good, "RBTOKEN_INIT(&a->{p}_value); {set} a->{p} = &a->{p}_value; ");
                arguments.push(format!("a->{p}"));
            }
            Role::Output(of) => {
                let _ = write!(fields, "bool no_{p}; ");
                let _ = write!(before, "{of} {p}; memset(&{p}, GARBAGE, sizeof {p}); ");
                arguments.push(format!("a->no_{p} ? NULL : &{p}"));
                let _ = write!(
                    cleared,
                    "if (!a->no_{p} && !is_clear(&{p}, sizeof {p})) \
                     fail(\"the output {p} is not cleared\", status); "
                );
                if let Some(release) = release(&of) {
                    let _ =
                        write!(after, "if (!a->no_{p} && status == RBTOKEN_OK) {release}({p}); ");
                }
            }
            Role::Error => {
                let _ = write!(fields, "bool no_error; ");
                before.push_str("rbtoken_error_t *error; memset(&error, GARBAGE, sizeof error); ");
                arguments.push("a->no_error ? NULL : &error".to_owned());
                error = "a->no_error ? NULL : error";
            }
        }
    }
    let call = format!("{name}({})", arguments.join(", "));
    let names: String = names.iter().map(|name| format!("\"{name}\", ")).collect();
    let check = if has_status(function) {
        let mut statuses = function.statuses.clone();
        statuses.extend(general_statuses(function).into_iter().map(str::to_owned));
        let statuses = statuses.join(", ");
        let made = if error == "NULL" { "false" } else { "!a->no_error" };
        format!(
            "static const int32_t documented[] = {{{statuses}, ANY}}; \
             static const char *const names[] = {{{names}NULL}}; \
             {before} ARM; status = {call}; DISARM; \
             if (status != RBTOKEN_OK) {{ {cleared} }} {after} \
             judge(status, x, documented, names, argument, {made}, {error});"
        )
    } else if function.result == "void" {
        format!(
            "{before} ARM; {call}; DISARM; (void)x, (void)argument, (void)status; calls++; \
                 {consumed}"
        )
    } else {
        let result = &function.result;
        let give_back = match name.as_str() {
            "rbtoken_store_retain" => "rbtoken_store_release(result);",
            "rbtoken_token_retain" => "rbtoken_token_release(result);",
            _ => "",
        };
        format!(
            "{result} result; {before} (void)argument; ARM; result = {call}; DISARM; calls++; \
             if (x == FAILURE && (result || !is_clear(&result, sizeof result))) \
             fail(\"the answer is not NULL, 0 or false\", status); \
             if (x == FAILURE) {{ {cleared} }} {give_back}"
        )
    };
    format!(
        "struct a_{name} {{ {fields} char unused; }};\n\
         static void good_{name}(struct a_{name} *a) {{ memset(a, 0, sizeof *a); {good} }}\n\
         static void call_{name}(struct a_{name} *a, int32_t x, const char *argument) {{\n\
         int32_t status = RBTOKEN_OK; (void)a; {check}\n}}\n"
    )
}

/// Returns the function that releases an output of a type.
fn release(of: &str) -> Option<&'static str> {
    Some(match of {
        "struct rbtoken_store_t *" => "rbtoken_store_release",
        "struct rbtoken_token_t *" => "rbtoken_token_release",
        "struct rbtoken_token_list_t *" => "rbtoken_token_list_free",
        "struct rbtoken_buffer_t *" => "rbtoken_buffer_free",
        "struct rbtoken_policy_t *" => "rbtoken_policy_free",
        "struct rbtoken_service_account_t *" => "rbtoken_service_account_free",
        _ => return None,
    })
}

/// Generates one call with one argument replaced, on its own objects.
pub fn one_call(
    function: &Function,
    what: &str,
    spoil: &str,
    expected: &str,
    argument: &str,
) -> String {
    let name = &function.name;
    let argument = if argument.is_empty() { "NULL".to_owned() } else { format!("\"{argument}\"") };
    format!(
        "    {{ struct a_{name} a; begin(\"{name}: {what}\"); good_{name}(&a); {spoil} \
         call_{name}(&a, {expected}, {argument}); end(); }}\n"
    )
}
