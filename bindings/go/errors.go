package rbtoken

// #include "calls.h"
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/cgo"
	"strings"
)

// ErrClosed is what errors.Is finds in the error of a call on a closed handle.
var ErrClosed = errors.New("rbtoken: closed")

// Error is a call that failed. The call has changed nothing.
//
// errors.Is finds its Status, as in errors.Is(err, rbtoken.StatusNotFound). No token's value is
// ever in it.
type Error struct {
	// Status is what went wrong.
	Status Status
	// Message says what went wrong, in English.
	Message string
	// Argument is the parameter or option at fault, in the spelling of the C API without its units,
	// such as default_policy or expires; "" if there is none.
	Argument string
	// JSONPath is the place in the JSON document at fault, such as $.resources["*"].allow, or "".
	JSONPath string

	isClosed bool
}

// Error returns the message, the argument, the place in its document, and the status.
func (e *Error) Error() string {
	var where []string
	if e.Argument != "" {
		where = append(where, fmt.Sprintf("argument %q", e.Argument))
	}
	if e.JSONPath != "" {
		where = append(where, "at "+e.JSONPath)
	}
	place := ""
	if len(where) > 0 {
		place = " (" + strings.Join(where, ", ") + ")"
	}
	return fmt.Sprintf("rbtoken: %s%s [%s]", e.Message, place, e.Status)
}

// Is reports whether target is the error's Status, or ErrClosed for a closed handle.
func (e *Error) Is(target error) bool {
	if status, ok := target.(Status); ok {
		return status == e.Status
	}
	return target == ErrClosed && e.isClosed
}

// Timeout reports whether the operation did not end in its time.
func (e *Error) Timeout() bool { return e.Status == StatusTimeout }

// Error returns the name of the status, such as RBTOKEN_E_NOT_FOUND. A Status is an error so that
// errors.Is can look for it.
func (s Status) Error() string { return C.GoString(C.rbtoken_status_name(C.rbtoken_status_t(s))) }

// String returns the name of the verdict, such as RBTOKEN_VERDICT_EXPIRED.
func (v Verdict) String() string {
	return C.GoString(C.rbtoken_verdict_name(C.rbtoken_verdict_t(v)))
}

// CallbackPanic is what a call panics with if a callback panicked.
type CallbackPanic struct {
	// Value is what the callback panicked with.
	Value any
	// Stack is the stack of the goroutine that panicked.
	Stack []byte
}

// Error returns the value and the stack.
func (p *CallbackPanic) Error() string {
	return fmt.Sprintf("rbtoken: a callback panicked: %v\n\n%s", p.Value, p.Stack)
}

// Unwrap returns the value if it is an error.
func (p *CallbackPanic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// failure is what came of a callback that did not return normally.
type failure struct {
	err      error
	panicked *CallbackPanic
	// hasExited says that the callback called runtime.Goexit.
	hasExited bool
}

func takeFailure(data C.uintptr_t) *failure {
	h := cgo.Handle(data)
	defer h.Delete()
	return h.Value().(*failure)
}

// finish returns the error of a call. It panics if a callback panicked.
func finish(result C.go_result) error {
	if result.status == C.RBTOKEN_OK && result.failure == 0 {
		return nil
	}
	var err error
	if result.status != C.RBTOKEN_OK {
		err = newError(result)
	}
	if result.failure != 0 {
		failed := takeFailure(result.failure)
		if failed.panicked != nil {
			panic(failed.panicked)
		}
		if failed.hasExited {
			runtime.Goexit()
		}
		if err != nil && failed.err != nil {
			return failed.err
		}
	}
	return err
}

// dropped is finish for calls that cannot fail.
func dropped(result C.go_result) {
	if result.failure != 0 {
		_ = finish(result)
	}
}

// newError takes the error of a call that failed.
func newError(result C.go_result) *Error {
	if result.error == nil {
		return &Error{Status: Status(result.status), Message: "the call failed"}
	}
	defer C.rbtoken_error_free(result.error)
	read := C.go_read_error(result.error)
	return &Error{
		Status:   Status(read.status),
		Message:  text(read.message),
		Argument: parameter(text(read.argument)),
		JSONPath: text(read.json_path),
	}
}

// parameter returns the name of this package for an argument or field of the C API, whose names
// have units.
func parameter(field string) string {
	for _, unit := range []string{"_at_us", "_us", "_secs"} {
		if strings.HasSuffix(field, unit) {
			return strings.TrimSuffix(field, unit)
		}
	}
	return field
}

func closedError(kind string) *Error {
	return &Error{Status: StatusState, Message: "this " + kind + " is closed", isClosed: true}
}

func invalidArgument(argument, message string) *Error {
	return &Error{Status: StatusInvalidArgument, Message: message, Argument: argument}
}

// refuseNUL refuses a text that would end at a NUL as a C string.
func refuseNUL(value, argument string) error {
	if strings.IndexByte(value, 0) >= 0 {
		return &Error{Status: StatusEmbeddedNUL, Message: "text must not have a NUL",
			Argument: argument}
	}
	return nil
}

// incompatible is the error of an older library than the header that was compiled, or nil.
var incompatible = func() error {
	if C.go_is_compatible() {
		return nil
	}
	return &Error{Status: StatusUnsupported, Message: "librbtoken " + Version() +
		" does not work with this package, which was compiled with the header of " +
		C.RBTOKEN_VERSION}
}()

// Version returns the version of the library, such as 0.2.0.
func Version() string { return C.GoString(C.rbtoken_version()) }

// ABIVersion returns the version of the library's ABI: the major version times 65536 plus the
// minor.
func ABIVersion() uint32 { return uint32(C.rbtoken_abi_version()) }
