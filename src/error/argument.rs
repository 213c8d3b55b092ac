//! The argument that an error is about.

/// The argument, or the field of one, that an error is about. Those that a caller tells apart, or
/// knows by another name, have a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Argument {
    /// When a token expires.
    Expires,
    /// The policy of a client token that has to be made.
    DefaultPolicy,
    /// Where a store keeps its tokens.
    Location,
    /// Any other, by its name.
    Named(&'static str),
}

impl Argument {
    /// The argument's name.
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
