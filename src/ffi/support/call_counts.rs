//! Counts the calls of each exported function, in a build with `--cfg count_calls` only, so that
//! the tests of a binding can prove that they call all of them. (A cargo feature would be enabled
//! by `--all-features`, and shipped.)
//!
//! Every exported function passes its body to `catch_panic` as a closure. The name of the closure's
//! type contains the path of that function, so no function has to pass its name.

#[cfg(count_calls)]
mod counts {
    use std::any::type_name;
    use std::collections::BTreeMap;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Number of calls of one function.
    struct Counter {
        /// Type of the function's body, set by the first call.
        body: OnceLock<&'static str>,
        calls: AtomicU64,
    }

    /// Counters, used from the front. Without a lock, because a child of `fork()` could find it
    /// locked.
    static COUNTERS: [Counter; 512] =
        [const { Counter { body: OnceLock::new(), calls: AtomicU64::new(0) } }; 512];

    /// Counts a call of the function that has this body.
    pub(crate) fn count<Body>(_: &Body) {
        let body = type_name::<Body>();
        let counter = COUNTERS.iter().find(|it| *it.body.get_or_init(|| body) == body);
        if let Some(counter) = counter {
            counter.calls.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns the counts as a JSON object, by the names of the functions.
    pub(crate) fn to_json() -> String {
        let mut totals = BTreeMap::<String, u64>::new();
        for counter in &COUNTERS {
            let name = counter.body.get().and_then(|body| super::function_name(body));
            if let Some(name) = name {
                *totals.entry(name).or_default() += counter.calls.load(Ordering::Relaxed);
            }
        }
        let members = totals.iter().map(|(name, number)| format!("\"{name}\": {number}"));
        format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(count_calls)]
pub(crate) use counts::{count, to_json};

/// Returns the name of the exported function whose body has a type of this name. If a helper such
/// as `lend_text` makes the body, the function is in the helper's type parameters. Members of the
/// extension table are named `rbtoken_extension_v1_t.create`.
fn function_name(body: &str) -> Option<String> {
    let is_delimiter = |letter: char| !(letter.is_alphanumeric() || "_:{}".contains(letter));
    body.split(is_delimiter).find_map(|path| {
        let path = path.strip_suffix("::{{closure}}")?;
        let (module, name) = path.rsplit_once("::")?;
        let is_exported = name.starts_with("rbtoken_") && module.starts_with("rbtoken::");
        match module {
            "rbtoken::extension::entry" if !is_exported => {
                Some(format!("rbtoken_extension_v1_t.{name}"))
            }
            _ => is_exported.then(|| name.to_owned()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::function_name;
    use crate::ffi::rbtoken_token_t;

    /// Represents an exported function.
    fn rbtoken_token_example() -> Option<String> {
        function_of(&|| ())
    }

    /// Represents a function whose body is made by a helper.
    fn rbtoken_token_helped() -> Option<String> {
        helper(|token: &rbtoken_token_t| std::ptr::from_ref(token))
    }

    fn helper<T: ?Sized, R>(text: impl Fn(&T) -> R) -> Option<String> {
        function_of(&|token: &T| text(token))
    }

    fn function_of<Body>(_: &Body) -> Option<String> {
        function_name(std::any::type_name::<Body>())
    }

    #[test]
    fn exported_functions_are_named_by_their_bodies() {
        assert_eq!(rbtoken_token_example().as_deref(), Some("rbtoken_token_example"));
        assert_eq!(rbtoken_token_helped().as_deref(), Some("rbtoken_token_helped"));
        let member = function_name("rbtoken::extension::entry::create::{{closure}}");
        assert_eq!(member.as_deref(), Some("rbtoken_extension_v1_t.create"));
        assert_eq!(function_name("rbtoken::ffi::guard::helper::{{closure}}"), None);
    }
}
