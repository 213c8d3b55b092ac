//! The verdicts on a login.
// Generated; do not edit. Update with: RBTOKEN_UPDATE=1 cargo test --test generated

/// The result of a login. Anything but [`Verdict::Ok`] is a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The caller is the token's user.
    Ok,
    /// There is no such token, or the token's value in the header is missing or contains spaces.
    Unknown,
    /// The token was invalidated.
    Invalid,
    /// The token has expired.
    Expired,
    /// The token's user is not active. Respond as for an unknown token.
    InactiveUser,
    /// The token belongs to a Local Site, and the request is for another site.
    WrongSite,
    /// The header is for another kind of login, which this library does not handle.
    NotAToken,
}
