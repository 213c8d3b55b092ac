//! The kinds of errors.
// Generated; do not edit. Update with: RBTOKEN_UPDATE=1 cargo test --test generated

/// Kind of an error. The C ABI has a status for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A required argument is NULL, or a text is NULL and its length is not 0.
    NullArgument,
    /// An argument has a value that is not allowed.
    InvalidArgument,
    /// A text is not valid UTF-8.
    InvalidUtf8,
    /// A text contains a NUL character.
    EmbeddedNul,
    /// A text or a list is longer than allowed.
    TooLong,
    /// `struct_size` is not a possible size of the struct, for example because it was not set with
    /// `RBTOKEN_INIT`.
    StructSize,
    /// A field of a newer header is set, which this library does not know.
    UnsupportedOption,
    /// A time is outside the years 1 to 9999.
    TimeRange,
    /// A document is not valid JSON.
    JsonSyntax,
    /// A JSON value has the wrong type.
    JsonType,
    /// A document is nested more than 128 levels deep.
    JsonTooDeep,
    /// A number is neither a 64-bit integer nor a finite float.
    JsonNumber,
    /// A policy breaks a rule; the error's JSON path shows where.
    Policy,
    /// There is no such token, user, Local Site, setting or hooks.
    NotFound,
    /// The object already exists.
    Exists,
    /// The object is in a state that does not allow the call.
    State,
    /// This build, or this kind of store, does not support the call.
    Unsupported,
    /// The store was opened before fork(), and this process is the child.
    Forked,
    /// An earlier `RBTOKEN_E_INTERNAL` may have left the store inconsistent, so that it rejects all
    /// calls.
    Poisoned,
    /// No token value could be generated: there is no such generator, no random bytes are
    /// available, or 20 values in a row already exist.
    Generation,
    /// A callback of the host broke its contract.
    Callback,
    /// Another store, in this process or another, has the file open.
    Locked,
    /// The operating system reported an input or output error.
    Io,
    /// Stored data is damaged.
    Corrupt,
    /// Stored data has an incompatible version.
    Version,
    /// The database reported an error.
    Database,
    /// The operation exceeded its time limit.
    Timeout,
    /// Memory is exhausted.
    NoMemory,
    /// There is a bug in the library. Nothing was changed, or the store returns
    /// `RBTOKEN_E_POISONED` from now on.
    Internal,
    /// A callback of the host returned this status, which is passed on unchanged.
    Host(i32),
}
