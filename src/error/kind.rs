//! The kinds of errors.
// Generated; do not edit. Update with: RBTOKEN_UPDATE=1 cargo test --test generated

/// What kind of thing went wrong. The C ABI has a status for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A required argument is NULL, or a text is NULL though its length is not 0.
    NullArgument,
    /// An argument has a value that is not allowed.
    InvalidArgument,
    /// A text is not UTF-8.
    InvalidUtf8,
    /// A text contains a NUL character.
    EmbeddedNul,
    /// A text is longer than its field allows.
    TooLong,
    /// `struct_size` is no size that the struct ever had: `RBTOKEN_INIT` was forgotten.
    StructSize,
    /// A newer header's field is set, which this library does not know.
    UnsupportedOption,
    /// A time lies outside the years 1 to 9999, or leads there.
    TimeRange,
    /// A document is not JSON.
    JsonSyntax,
    /// A JSON value has another type than the one that belongs there.
    JsonType,
    /// A document is nested more than 128 levels deep.
    JsonTooDeep,
    /// A number is neither an integer of 64 bits nor a finite float.
    JsonNumber,
    /// A policy breaks a rule of policies; the error tells where.
    Policy,
    /// There is no such token, Local Site or setting.
    NotFound,
    /// There is such an object already.
    Exists,
    /// The object is in a state that does not allow the call.
    State,
    /// This build, or this kind of store, cannot do that.
    Unsupported,
    /// The process was forked after the store was opened.
    Forked,
    /// An earlier `RBTOKEN_E_INTERNAL` may have left the store half-changed; it refuses everything.
    Poisoned,
    /// No token value could be generated: no such generator, no entropy, or 20 values in a row that
    /// exist already.
    Generation,
    /// A callback of the host broke its contract.
    Callback,
    /// Another process, or another store of this one, owns the file.
    Locked,
    /// The operating system refused an input or output operation.
    Io,
    /// Stored data is damaged.
    Corrupt,
    /// Stored data was written by an incompatible version.
    Version,
    /// The database refused or failed.
    Database,
    /// The operation did not end in its time.
    Timeout,
    /// The memory is exhausted.
    NoMemory,
    /// A defect of the library. Nothing was changed, or the store says `RBTOKEN_E_POISONED` from
    /// now on.
    Internal,
    /// A callback of the host returned this status, which is passed on unchanged.
    Host(i32),
}
