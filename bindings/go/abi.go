// Code generated from src/ffi. DO NOT EDIT.
// Generated; do not edit. Update with: RBTOKEN_UPDATE=1 cargo test --test generated

package rbtoken

// #include <rbtoken.h>
import "C"

// Status says what a call came to. Later versions of the library may add some.
type Status int32

const (
	// The call did what it says.
	StatusOK Status = C.RBTOKEN_OK
	// A required argument is NULL, or a text is NULL though its length is not 0.
	StatusNullArgument Status = C.RBTOKEN_E_NULL_ARGUMENT
	// An argument has a value that is not allowed.
	StatusInvalidArgument Status = C.RBTOKEN_E_INVALID_ARGUMENT
	// A text is not UTF-8.
	StatusInvalidUTF8 Status = C.RBTOKEN_E_INVALID_UTF8
	// A text contains a NUL character.
	StatusEmbeddedNUL Status = C.RBTOKEN_E_EMBEDDED_NUL
	// A text is longer than its field allows.
	StatusTooLong Status = C.RBTOKEN_E_TOO_LONG
	// `struct_size` is no size that the struct ever had: `RBTOKEN_INIT` was forgotten.
	StatusStructSize Status = C.RBTOKEN_E_STRUCT_SIZE
	// A newer header's field is set, which this library does not know.
	StatusUnsupportedOption Status = C.RBTOKEN_E_UNSUPPORTED_OPTION
	// A time lies outside the years 1 to 9999, or leads there.
	StatusTimeRange Status = C.RBTOKEN_E_TIME_RANGE
	// A document is not JSON.
	StatusJSONSyntax Status = C.RBTOKEN_E_JSON_SYNTAX
	// A JSON value has another type than the one that belongs there.
	StatusJSONType Status = C.RBTOKEN_E_JSON_TYPE
	// A document is nested more than 128 levels deep.
	StatusJSONTooDeep Status = C.RBTOKEN_E_JSON_TOO_DEEP
	// A number is neither an integer of 64 bits nor a finite float.
	StatusJSONNumber Status = C.RBTOKEN_E_JSON_NUMBER
	// A policy breaks a rule of policies; the error tells where.
	StatusPolicy Status = C.RBTOKEN_E_POLICY
	// There is no such token, Local Site or setting.
	StatusNotFound Status = C.RBTOKEN_E_NOT_FOUND
	// There is such an object already.
	StatusExists Status = C.RBTOKEN_E_EXISTS
	// The object is in a state that does not allow the call.
	StatusState Status = C.RBTOKEN_E_STATE
	// This build, or this kind of store, cannot do that.
	StatusUnsupported Status = C.RBTOKEN_E_UNSUPPORTED
	// The process was forked after the store was opened.
	StatusForked Status = C.RBTOKEN_E_FORKED
	// An earlier `RBTOKEN_E_INTERNAL` may have left the store half-changed; it refuses everything.
	StatusPoisoned Status = C.RBTOKEN_E_POISONED
	// No token value could be generated: no such generator, no entropy, or 20 values in a row that
	// exist already.
	StatusGeneration Status = C.RBTOKEN_E_GENERATION
	// A callback of the host broke its contract.
	StatusCallback Status = C.RBTOKEN_E_CALLBACK
	// Another process, or another store of this one, owns the file.
	StatusLocked Status = C.RBTOKEN_E_LOCKED
	// The operating system refused an input or output operation.
	StatusIO Status = C.RBTOKEN_E_IO
	// Stored data is damaged.
	StatusCorrupt Status = C.RBTOKEN_E_CORRUPT
	// Stored data was written by an incompatible version.
	StatusVersion Status = C.RBTOKEN_E_VERSION
	// The database refused or failed.
	StatusDatabase Status = C.RBTOKEN_E_DATABASE
	// The operation did not end in its time.
	StatusTimeout Status = C.RBTOKEN_E_TIMEOUT
	// The memory is exhausted.
	StatusNoMemory Status = C.RBTOKEN_E_NO_MEMORY
	// A defect of the library. Nothing was changed, or the store says `RBTOKEN_E_POISONED` from
	// now on.
	StatusInternal Status = C.RBTOKEN_E_INTERNAL
)

// Verdict is the result of a login. Anything but VerdictOK is a refusal.
type Verdict int32

const (
	// Nobody was judged: the call failed, or is not over.
	VerdictRefused Verdict = C.RBTOKEN_VERDICT_REFUSED
	// The caller is the token's user.
	VerdictOK Verdict = C.RBTOKEN_VERDICT_OK
	// There is no such token, or the header has no value.
	VerdictUnknown Verdict = C.RBTOKEN_VERDICT_UNKNOWN
	// The token was invalidated.
	VerdictInvalid Verdict = C.RBTOKEN_VERDICT_INVALID
	// The token is expired.
	VerdictExpired Verdict = C.RBTOKEN_VERDICT_EXPIRED
	// The token's user is not active. Answer the caller as for an unknown token.
	VerdictInactiveUser Verdict = C.RBTOKEN_VERDICT_INACTIVE_USER
	// The token belongs to a Local Site, and the request is for another site.
	VerdictWrongSite Verdict = C.RBTOKEN_VERDICT_WRONG_SITE
	// The header asks for another kind of login, which this library does not judge.
	VerdictNotAToken Verdict = C.RBTOKEN_VERDICT_NOT_A_TOKEN
)

// LogLevel is how important a message to the log is. Later versions of the library may add some.
type LogLevel int32

const (
	// Something failed.
	LogLevelError LogLevel = C.RBTOKEN_LOG_ERROR
	// Something was refused.
	LogLevelWarn LogLevel = C.RBTOKEN_LOG_WARN
	// The life of an instance.
	LogLevelInfo LogLevel = C.RBTOKEN_LOG_INFO
	// The life of each token.
	LogLevelDebug LogLevel = C.RBTOKEN_LOG_DEBUG
)
