// Code generated from src/ffi. DO NOT EDIT.
// Generated; do not edit. Update with: RBTOKEN_UPDATE=1 cargo test --test generated

package rbtoken

// #include <rbtoken.h>
import "C"

// Status says what a call came to. Later versions of the library may add some.
type Status int32

const (
	// The call succeeded.
	StatusOK Status = C.RBTOKEN_OK
	// A required argument is NULL, or a text is NULL and its length is not 0.
	StatusNullArgument Status = C.RBTOKEN_E_NULL_ARGUMENT
	// An argument has a value that is not allowed.
	StatusInvalidArgument Status = C.RBTOKEN_E_INVALID_ARGUMENT
	// A text is not valid UTF-8.
	StatusInvalidUTF8 Status = C.RBTOKEN_E_INVALID_UTF8
	// A text contains a NUL character.
	StatusEmbeddedNUL Status = C.RBTOKEN_E_EMBEDDED_NUL
	// A text or a list is longer than allowed.
	StatusTooLong Status = C.RBTOKEN_E_TOO_LONG
	// `struct_size` is not a possible size of the struct, for example because it was not set with
	// `RBTOKEN_INIT`.
	StatusStructSize Status = C.RBTOKEN_E_STRUCT_SIZE
	// A field of a newer header is set, which this library does not know.
	StatusUnsupportedOption Status = C.RBTOKEN_E_UNSUPPORTED_OPTION
	// A time is outside the years 1 to 9999.
	StatusTimeRange Status = C.RBTOKEN_E_TIME_RANGE
	// A document is not valid JSON.
	StatusJSONSyntax Status = C.RBTOKEN_E_JSON_SYNTAX
	// A JSON value has the wrong type.
	StatusJSONType Status = C.RBTOKEN_E_JSON_TYPE
	// A document is nested more than 128 levels deep.
	StatusJSONTooDeep Status = C.RBTOKEN_E_JSON_TOO_DEEP
	// A number is neither a 64-bit integer nor a finite float.
	StatusJSONNumber Status = C.RBTOKEN_E_JSON_NUMBER
	// A policy breaks a rule; the error's JSON path shows where.
	StatusPolicy Status = C.RBTOKEN_E_POLICY
	// There is no such token, user, Local Site, setting or hooks.
	StatusNotFound Status = C.RBTOKEN_E_NOT_FOUND
	// The object already exists.
	StatusExists Status = C.RBTOKEN_E_EXISTS
	// The object is in a state that does not allow the call.
	StatusState Status = C.RBTOKEN_E_STATE
	// This build, or this kind of store, does not support the call.
	StatusUnsupported Status = C.RBTOKEN_E_UNSUPPORTED
	// The store was opened before fork(), and this process is the child.
	StatusForked Status = C.RBTOKEN_E_FORKED
	// An earlier `RBTOKEN_E_INTERNAL` may have left the store inconsistent, so that it rejects all
	// calls.
	StatusPoisoned Status = C.RBTOKEN_E_POISONED
	// No token value could be generated: there is no such generator, no random bytes are
	// available, or 20 values in a row already exist.
	StatusGeneration Status = C.RBTOKEN_E_GENERATION
	// A callback of the host broke its contract.
	StatusCallback Status = C.RBTOKEN_E_CALLBACK
	// Another store, in this process or another, has the file open.
	StatusLocked Status = C.RBTOKEN_E_LOCKED
	// The operating system reported an input or output error.
	StatusIO Status = C.RBTOKEN_E_IO
	// Stored data is damaged.
	StatusCorrupt Status = C.RBTOKEN_E_CORRUPT
	// Stored data has an incompatible version.
	StatusVersion Status = C.RBTOKEN_E_VERSION
	// The database reported an error.
	StatusDatabase Status = C.RBTOKEN_E_DATABASE
	// The operation exceeded its time limit.
	StatusTimeout Status = C.RBTOKEN_E_TIMEOUT
	// Memory is exhausted.
	StatusNoMemory Status = C.RBTOKEN_E_NO_MEMORY
	// There is a bug in the library. Nothing was changed, or the store returns
	// `RBTOKEN_E_POISONED` from now on.
	StatusInternal Status = C.RBTOKEN_E_INTERNAL
)

// Verdict is the result of a login. Anything but VerdictOK is a refusal.
type Verdict int32

const (
	// No verdict: the call failed.
	VerdictRefused Verdict = C.RBTOKEN_VERDICT_REFUSED
	// The caller is the token's user.
	VerdictOK Verdict = C.RBTOKEN_VERDICT_OK
	// There is no such token, or the token's value in the header is missing or contains spaces.
	VerdictUnknown Verdict = C.RBTOKEN_VERDICT_UNKNOWN
	// The token was invalidated.
	VerdictInvalid Verdict = C.RBTOKEN_VERDICT_INVALID
	// The token has expired.
	VerdictExpired Verdict = C.RBTOKEN_VERDICT_EXPIRED
	// The token's user is not active. Respond as for an unknown token.
	VerdictInactiveUser Verdict = C.RBTOKEN_VERDICT_INACTIVE_USER
	// The token belongs to a Local Site, and the request is for another site.
	VerdictWrongSite Verdict = C.RBTOKEN_VERDICT_WRONG_SITE
	// The header is for another kind of login, which this library does not handle.
	VerdictNotAToken Verdict = C.RBTOKEN_VERDICT_NOT_A_TOKEN
)

// LogLevel is how important a message to the log is. Later versions of the library may add some.
type LogLevel int32

const (
	// No message has this level yet.
	LogLevelError LogLevel = C.RBTOKEN_LOG_ERROR
	// An instance could not be configured, initialized or shut down.
	LogLevelWarn LogLevel = C.RBTOKEN_LOG_WARN
	// An instance changed its state.
	LogLevelInfo LogLevel = C.RBTOKEN_LOG_INFO
	// An event of a token, as in `rbtoken_hooks_t`.
	LogLevelDebug LogLevel = C.RBTOKEN_LOG_DEBUG
)
