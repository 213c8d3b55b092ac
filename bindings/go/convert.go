package rbtoken

// #include "calls.h"
import "C"

import (
	"encoding/json"
	"time"
)

// Set returns a pointer to a value, for the fields of options that may be nil.
func Set[T any](value T) *T { return &value }

// Expiration says when a token expires. The zero value is the default: as the store's setting
// client_token_expiration says for client tokens, and never for others.
type Expiration struct {
	mode C.int32_t
	at   time.Time
}

// Never returns the expiration of a token that never expires.
func Never() Expiration { return Expiration{mode: C.RBTOKEN_EXPIRES_NEVER} }

// At returns the expiration of a token that expires at a time, to the microsecond.
func At(at time.Time) Expiration { return Expiration{mode: C.RBTOKEN_EXPIRES_AT, at: at} }

// microseconds returns the time in the expiration; 0 if there is none.
func (e Expiration) microseconds() (C.int64_t, error) {
	if e.mode != C.RBTOKEN_EXPIRES_AT {
		return 0, nil
	}
	return microseconds(e.at, "expires")
}

// microseconds refuses the zero Time, which stands for a time that was not set, and those outside
// of the years that the library has, since their microseconds need not fit into 64 bits.
func microseconds(t time.Time, argument string) (C.int64_t, error) {
	if t.IsZero() {
		return 0, invalidArgument(argument, "time must not be the zero time.Time")
	}
	if year := t.UTC().Year(); year < 1 || year > 9999 {
		return 0, &Error{Status: StatusTimeRange, Argument: argument,
			Message: "time must be within the years 1 to 9999"}
	}
	return C.int64_t(t.UnixMicro()), nil
}

// optionalMicroseconds sets flag in flags if there is a time.
func optionalMicroseconds(
	t time.Time, argument string, flags *C.uint32_t, flag C.uint32_t,
) (C.int64_t, error) {
	if t.IsZero() {
		return 0, nil
	}
	*flags |= flag
	return microseconds(t, argument)
}

func toTime(t C.go_time) (time.Time, bool) {
	if !t.is_known {
		return time.Time{}, false
	}
	return time.UnixMicro(int64(t.us)).UTC(), true
}

// seconds refuses durations that are no whole seconds.
func seconds(d time.Duration, argument string) (C.int64_t, error) {
	if d%time.Second != 0 {
		return 0, invalidArgument(argument, "expected whole seconds")
	}
	return C.int64_t(d / time.Second), nil
}

// minValidity returns the mode and the seconds of a minimum validity; nil: the default.
func minValidity(d *time.Duration) (mode C.int32_t, secs C.int64_t, err error) {
	if d == nil {
		return C.RBTOKEN_MIN_VALIDITY_DEFAULT, 0, nil
	}
	secs, err = seconds(*d, "min_validity")
	return C.RBTOKEN_MIN_VALIDITY_SECS, secs, err
}

// document returns a document for the library, which checks it. An empty one is none.
func document(raw json.RawMessage) string { return string(raw) }
