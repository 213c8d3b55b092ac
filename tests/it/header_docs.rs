//! The header is the manual: each item is documented, and each function in full.

use crate::support::declarations::{self, Function, general_statuses};
use crate::support::header::text as header;

/// The comment before each function, by the function's name.
fn comments(header: &str) -> Vec<(String, String)> {
    let (_, code) = header.split_once("extern \"C\" {").expect("functions are C");
    let parts: Vec<&str> = code.split("RBTOKEN_API").collect();
    let pairs = parts.windows(2).map(|pair| {
        let (_, comment) = pair[0].rsplit_once("/**").unwrap_or_default();
        let declaration = pair[1].split('(').next().unwrap_or_default();
        let name = declaration.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next();
        (name.unwrap_or_default().to_owned(), comment.to_owned())
    });
    pairs.collect()
}

/// What the documentation of a function lacks.
fn gaps(function: &Function, comment: &str) -> Vec<String> {
    let mut gaps = Vec::new();
    let tags = ["`[thread-safe]`", "`[immutable]`", "`[exclusive]`"];
    let count: usize = tags.iter().map(|tag| comment.matches(tag).count()).sum();
    if count != 1 {
        gaps.push(format!("{count} thread tags"));
    }
    if comment.matches("@since ").count() != 1 {
        gaps.push("no @since".to_owned());
    }
    let documented: Vec<&str> = comment
        .split("@param ")
        .skip(1)
        .filter_map(|text| text.split_whitespace().next())
        .collect();
    let parameters: Vec<&str> = function.parameters.iter().map(|it| it.name.as_str()).collect();
    if documented != parameters {
        gaps.push(format!("@param for {documented:?}, parameters {parameters:?}"));
    }
    if function.result.contains("rbtoken_status_t") && function.name != "rbtoken_error_status" {
        if !function.statuses.iter().any(|it| it == "RBTOKEN_OK") {
            gaps.push("no @retval RBTOKEN_OK".to_owned());
        }
        for status in repeated_statuses(function, comment) {
            gaps.push(format!("@retval {status} repeats the chapter \"Errors\""));
        }
        let takes_mode = function.parameters.iter().any(|it| {
            ["_options_t", "_filter_t", "_update_t"].iter().any(|end| it.kind.contains(end))
        });
        if takes_mode && !function.statuses.iter().any(|it| it == "RBTOKEN_E_INVALID_ARGUMENT") {
            gaps.push("no @retval RBTOKEN_E_INVALID_ARGUMENT".to_owned());
        }
    } else if function.result != "void" && !comment.contains("@return ") {
        gaps.push("no @return".to_owned());
    }
    gaps
}

/// Returns the documented statuses that say nothing new: each is in the table of the chapter
/// "Errors", and the function gives it no meaning of its own.
fn repeated_statuses(function: &Function, comment: &str) -> Vec<String> {
    let is_bare = |status: &str| {
        let said = comment.split("@retval ").find(|said| said.starts_with(status));
        said.is_none_or(|said| said.trim().len() <= status.len() || said.contains("see \""))
    };
    let general = general_statuses(function);
    let listed = function.statuses.iter();
    listed.filter(|it| general.contains(&it.as_str()) && is_bare(it)).cloned().collect()
}

#[test]
fn each_function_is_documented_in_full() {
    let header = header();
    let functions = declarations::functions(&header);
    let comments = comments(&header);
    assert_eq!(functions.len(), comments.len());
    assert!(functions.len() > 70, "the functions are found");
    let mut wrong = Vec::new();
    for (function, (name, comment)) in functions.iter().zip(&comments) {
        assert_eq!(&function.name, name);
        for gap in gaps(function, comment) {
            wrong.push(format!("{name}: {gap}"));
        }
        for status in &function.statuses {
            if !header.contains(&format!("  {status} = ")) {
                wrong.push(format!("{name}: {status} is no status"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_not_documented_is_told() {
    let text = "extern \"C\" {\n/**\n * Does it.\n *\n * `[thread-safe]`\n *\n * @param a what\n \
                * @retval RBTOKEN_OK done\n * @retval RBTOKEN_E_INTERNAL not\n * @since 0.1.0\n */\n\
                RBTOKEN_API\nRBTOKEN_NODISCARD\nrbtoken_status_t rbtoken_f(int32_t a, int32_t b);\n";
    let functions = declarations::functions(text);
    let comments = comments(text);
    let told = gaps(&functions[0], &comments[0].1);
    assert_eq!(told, [r#"@param for ["a"], parameters ["a", "b"]"#]);
    let untagged = comments[0].1.replace("`[thread-safe]`", "").replace("@since 0.1.0", "");
    assert_eq!(gaps(&functions[0], &untagged).len(), 3);
}

/// Each line that declares something has a comment right before it.
#[test]
fn each_type_field_value_and_macro_has_a_comment() {
    let header = header();
    let lines: Vec<&str> = header.lines().map(str::trim).collect();
    let mut bare = Vec::new();
    let (mut in_body, mut in_comment, mut in_directive) = (false, false, false);
    let mut documented = false;
    for (number, line) in lines.iter().enumerate() {
        let starts_comment = line.starts_with("/*");
        if in_comment || starts_comment {
            in_comment = !line.contains("*/");
            documented = !in_comment;
            continue;
        }
        if line.is_empty() {
            continue;
        }
        let continues = std::mem::replace(&mut in_directive, line.ends_with('\\'));
        if continues {
            continue;
        }
        let is_macro = line.starts_with("#define RBTOKEN_") && !line.ends_with("RBTOKEN_H");
        let in_condition = lines[number - 1].starts_with("#  if")
            || lines[number - 1].starts_with("#  el")
            || line.starts_with("#  ");
        let declares = is_macro
            || line.starts_with("typedef ")
            || (in_body && !line.starts_with('}') && starts_a_field(line, lines[number - 1]));
        if declares && !in_condition && !documented {
            bare.push(format!("{}: {line}", number + 1));
        }
        if line.ends_with('{') && line.starts_with("typedef ") {
            in_body = true;
        } else if line.starts_with('}') {
            in_body = false;
        }
        // The comment of a macro stands before the conditions that it is defined under.
        documented = line.starts_with("#ifndef RBTOKEN_") && documented;
    }
    assert!(bare.is_empty(), "without a comment:\n{}", bare.join("\n"));
}

/// A field or a value begins where the one before has ended.
fn starts_a_field(_line: &str, before: &str) -> bool {
    before.ends_with("*/")
        || before.ends_with(';')
        || before.ends_with(',') && {
            // Within a list of parameters a comma ends no field.
            !before.contains('*') && !before.contains("size_t") && !before.contains("_t ")
        }
}

/// The statuses that functions do not list themselves are in the table of the chapter "Errors".
#[test]
fn general_statuses_are_in_the_errors_chapter() {
    let header = header();
    let (_, chapter) = header.split_once(" * Errors\n").expect("there is the chapter");
    let (chapter, _) = chapter.split_once(" * Text\n").expect("there is the next chapter");
    for function in declarations::functions(&header) {
        for status in general_statuses(&function) {
            let row = chapter.lines().find(|line| {
                line.starts_with(" * | RBTOKEN_E_") && {
                    line.split([' ', ',']).any(|word| word == status)
                }
            });
            assert!(row.is_some(), "{}: {status} is not in the table", function.name);
        }
    }
}

#[test]
fn the_header_opens_with_its_chapters() {
    let header = header();
    let (opening, _) = header.split_once("#ifndef RBTOKEN_H").expect("there is a guard");
    assert!(opening.contains("@file rbtoken.h"));
    for chapter in [
        "Overview",
        "Errors",
        "Text",
        "Options structs",
        "Ownership",
        "Threads",
        "ABI policy",
        "Secrets",
        "Unloading",
    ] {
        let underline = "-".repeat(chapter.len());
        assert!(opening.contains(&format!(" * {chapter}\n * {underline}\n")), "{chapter}");
    }
}
