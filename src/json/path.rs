//! Paths of values in a document, for error messages.

use std::fmt;

/// A path in a JSON document: a linked list on the stack of a recursive function. It is displayed
/// as a JSONPath (RFC 9535), such as `$.resources["*"].allow[2]`.
#[derive(Clone, Copy)]
pub(crate) enum Path<'a> {
    Root,
    Member(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    pub fn member(&'a self, key: &'a str) -> Self {
        Self::Member(self, key)
    }

    pub fn item(&'a self, index: usize) -> Self {
        Self::Item(self, index)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not recursive, since the parser may have used most of a small stack.
        let ancestors = || std::iter::successors(Some(self), |path| path.parent());
        let count = ancestors().count();
        let mut from_root = (0..count).rev().filter_map(|place| ancestors().nth(place));
        from_root.try_for_each(|path| path.write_last(f))
    }
}

impl Path<'_> {
    fn parent(&self) -> Option<&Self> {
        match self {
            Self::Root => None,
            Self::Member(parent, _) | Self::Item(parent, _) => Some(parent),
        }
    }

    /// Writes the last segment of the path.
    fn write_last(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("$"),
            Self::Item(_, index) => write!(f, "[{index}]"),
            Self::Member(_, key) if is_plain_name(key) => write!(f, ".{key}"),
            Self::Member(_, key) => {
                f.write_str("[")?;
                super::write::write_string(key, f)?;
                f.write_str("]")
            }
        }
    }
}

fn is_plain_name(key: &str) -> bool {
    !key.is_empty()
        && !key.as_bytes()[0].is_ascii_digit()
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_is_printed_from_the_root() {
        let root = Path::Root;
        let (resources, list) = (root.member("resources"), root.item(7));
        let star = resources.member("*");
        let allow = star.member("allow");
        assert_eq!(root.to_string(), "$");
        assert_eq!(allow.item(2).to_string(), r#"$.resources["*"].allow[2]"#);
        assert_eq!(list.item(0).member("a").to_string(), "$[7][0].a");
    }

    #[test]
    fn member_name_is_quoted_unless_it_is_plain() {
        for (name, written) in [
            ("client_name", ".client_name"),
            ("_9", "._9"),
            ("9", r#"["9"]"#),
            ("", r#"[""]"#),
            ("a b", r#"["a b"]"#),
            ("a\"]", r#"["a\"]"]"#),
            ("é\n", r#"["\u00e9\n"]"#),
        ] {
            assert_eq!(Path::Root.member(name).to_string(), format!("${written}"));
        }
    }
}
