//! The argument that an error is about.

/// The argument or field that an error is about. There is a variant for each one that a caller must
/// recognize or that has another name in the C ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Argument {
    /// The expiry of a token.
    Expires,
    /// The policy of a client token if one must be created.
    DefaultPolicy,
    /// The location of a store.
    Location,
    /// Any other, by name.
    Named(&'static str),
}

impl Argument {
    /// Returns the name of the argument.
    pub fn name(self) -> &'static str {
        match self {
            Self::Expires => "expires",
            Self::DefaultPolicy => "default_policy",
            Self::Location => "location",
            Self::Named(name) => name,
        }
    }
}

impl From<&'static str> for Argument {
    fn from(name: &'static str) -> Self {
        Self::Named(name)
    }
}
