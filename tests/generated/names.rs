//! Converts names of the ABI to the naming conventions of other languages.

/// Converts `null_argument` to `NullArgument`.
pub fn pascal(name: &str) -> String {
    let words = name.split('_').map(|word| {
        let (first, rest) = word.split_at(usize::from(!word.is_empty()));
        first.to_uppercase() + &rest.to_lowercase()
    });
    words.collect()
}

/// Converts `struct_size` to `structSize`.
pub fn camel(name: &str) -> String {
    let pascal = pascal(name);
    let (first, rest) = pascal.split_at(1);
    first.to_lowercase() + rest
}

/// Removes the prefix of the library and the suffix of C: `rbtoken_clock_t` becomes `clock`.
pub fn bare(name: &str) -> &str {
    let name = name.strip_prefix("rbtoken_").unwrap_or(name);
    name.strip_suffix("_t").unwrap_or(name)
}

/// Returns the common prefix of names up to an underscore, such as `RBTOKEN_SITE_`.
pub fn common_prefix<'a>(names: &[&'a str]) -> &'a str {
    let Some(first) = names.first() else { return "" };
    let is_shared = |len: usize| names.iter().all(|name| name.starts_with(&first[..len]));
    let mut ends = first.match_indices('_').map(|(at, _)| at + 1);
    ends.rfind(|&end| is_shared(end)).map_or("", |end| &first[..end])
}
