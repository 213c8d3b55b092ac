package main

// #cgo LDFLAGS: -lrbtoken
// #include <rbtoken.h>
// #include <stdlib.h>
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"
	"unsafe"
)

// Error is a call that failed. It has changed nothing.
type Error struct {
	Status             Status
	Name, Message      string
	Argument, JSONPath string
}

func (e *Error) Error() string { return e.Name + ": " + e.Message }

// check takes the error of a call that failed.
func check(status C.rbtoken_status_t, e *C.rbtoken_error_t) error {
	if Status(status) == StatusOK {
		return nil
	}
	defer C.rbtoken_error_free(e)
	return &Error{
		Status:   Status(status),
		Name:     C.GoString(C.rbtoken_status_name(status)),
		Message:  C.GoString(C.rbtoken_error_message(e)),
		Argument: C.GoString(C.rbtoken_error_argument(e)),
		JSONPath: C.GoString(C.rbtoken_error_json_path(e)),
	}
}

// text lends a Go string to a call, with its length: it has no NUL behind it. (An address must not
// be nil for the empty text, which is not an absent one.)
func text(s string) (*C.char, C.size_t) {
	if s == "" {
		return (*C.char)(unsafe.Pointer(&[1]byte{})), 0
	}
	return (*C.char)(unsafe.Pointer(&[]byte(s)[0])), C.size_t(len(s))
}

// Token is a token as it was when it was given out. It may outlive its store.
type Token struct{ handle *C.rbtoken_token_t }

func newToken(handle *C.rbtoken_token_t) *Token {
	if handle == nil {
		return nil
	}
	t := &Token{handle}
	runtime.SetFinalizer(t, func(t *Token) { C.rbtoken_token_release(t.handle) })
	return t
}

func field(f func(*C.size_t) *C.char) string {
	var size C.size_t
	data := f(&size)
	return C.GoStringN(data, C.int(size))
}

func redacted(t *C.rbtoken_token_t) string {
	return field(func(n *C.size_t) *C.char { return C.rbtoken_token_redacted(t, n) })
}

func user(t *C.rbtoken_token_t) string {
	return field(func(n *C.size_t) *C.char { return C.rbtoken_token_user(t, n) })
}

// read reads a field. The token must not be collected meanwhile.
func (t *Token) read(f func(*C.rbtoken_token_t, *C.size_t) *C.char) string {
	defer runtime.KeepAlive(t)
	return field(func(n *C.size_t) *C.char { return f(t.handle, n) })
}

func (t *Token) Value() string {
	return t.read(func(t *C.rbtoken_token_t, n *C.size_t) *C.char { return C.rbtoken_token_value(t, n) })
}

func (t *Token) User() string {
	defer runtime.KeepAlive(t)
	return user(t.handle)
}

// String is what may be logged.
func (t *Token) String() string {
	defer runtime.KeepAlive(t)
	return redacted(t.handle)
}

func (t *Token) ClientName() string {
	return t.read(func(t *C.rbtoken_token_t, n *C.size_t) *C.char { return C.rbtoken_token_client_name(t, n) })
}

func (t *Token) LocalSite() string {
	return t.read(func(t *C.rbtoken_token_t, n *C.size_t) *C.char { return C.rbtoken_token_local_site(t, n) })
}

func (t *Token) Policy() string {
	return t.read(func(t *C.rbtoken_token_t, n *C.size_t) *C.char { return C.rbtoken_token_policy(t, n) })
}

func (t *Token) ExtraData() string {
	return t.read(func(t *C.rbtoken_token_t, n *C.size_t) *C.char { return C.rbtoken_token_extra_data(t, n) })
}

func (t *Token) InvalidReason() string {
	return t.read(func(t *C.rbtoken_token_t, n *C.size_t) *C.char { return C.rbtoken_token_invalid_reason(t, n) })
}

func (t *Token) ID() int64 {
	defer runtime.KeepAlive(t)
	return int64(C.rbtoken_token_id(t.handle))
}

// Expires tells from when on the token is expired, if it expires at all.
func (t *Token) Expires() (time.Time, bool) {
	defer runtime.KeepAlive(t)
	var us C.int64_t
	known := bool(C.rbtoken_token_expires(t.handle, &us))
	return time.UnixMicro(int64(us)).UTC(), known
}

// Allows tells whether the policy allows an HTTP method on a resource.
func (t *Token) Allows(policyID, method, resourceID string) (bool, error) {
	defer runtime.KeepAlive(t)
	id, idLen := text(policyID)
	m, mLen := text(method)
	r, rLen := text(resourceID)
	var allowed C.bool
	var e *C.rbtoken_error_t
	status := C.rbtoken_token_allows(t.handle, id, idLen, m, mLen, r, rLen, &allowed, &e)
	return bool(allowed), check(status, e)
}

// ClientTokenOptions says how to search for, or make, a client's token. Zero values are defaults.
type ClientTokenOptions struct {
	Expires                                    time.Time
	MinValidity                                time.Duration
	LocalSite, DefaultPolicy, DefaultExtraData string
}

// Store is a store of tokens, for any number of goroutines.
type Store struct{ handle *C.rbtoken_store_t }

// OpenStore opens a store in memory. Close gives it back.
func OpenStore() (*Store, error) {
	var s Store
	var e *C.rbtoken_error_t
	status := C.rbtoken_store_open(nil, &s.handle, &e)
	return &s, check(status, e)
}

func (s *Store) Close() { C.rbtoken_store_release(s.handle); s.handle = nil }

func (s *Store) AddLocalSite(name string) error {
	data, size := text(name)
	var e *C.rbtoken_error_t
	return check(C.rbtoken_store_add_local_site(s.handle, data, size, &e), e)
}

// ClientToken gives a client's token for a user, and whether it is new. Whoever may call it may act
// as any user.
func (s *Store) ClientToken(user, client string, o ClientTokenOptions) (*Token, bool, error) {
	// A struct with pointers must not lie in Go's memory while it points there: C lends it some.
	var allocated []unsafe.Pointer
	defer func() {
		for _, p := range allocated {
			C.free(p)
		}
	}()
	lend := func(s string, data **C.char, size *C.size_t) {
		if s != "" {
			*data, *size = (*C.char)(C.CBytes([]byte(s))), C.size_t(len(s))
			allocated = append(allocated, unsafe.Pointer(*data))
		}
	}
	var options C.rbtoken_client_token_options_t
	options.struct_size = C.size_t(unsafe.Sizeof(options))
	if !o.Expires.IsZero() {
		options.expires_mode = C.RBTOKEN_EXPIRES_AT
		options.expires_at_us = C.int64_t(o.Expires.UnixMicro())
	}
	if o.MinValidity != 0 {
		options.min_validity_mode = C.RBTOKEN_MIN_VALIDITY_SECS
		options.min_validity_secs = C.int64_t(o.MinValidity / time.Second)
	}
	lend(o.LocalSite, &options.local_site, &options.local_site_len)
	lend(o.DefaultPolicy, &options.default_policy, &options.default_policy_len)
	lend(o.DefaultExtraData, &options.default_extra_data, &options.default_extra_data_len)

	u, uLen := text(user)
	c, cLen := text(client)
	var token *C.rbtoken_token_t
	var created C.bool
	var e *C.rbtoken_error_t
	status := C.rbtoken_store_get_or_create_client_token(
		s.handle, u, uLen, c, cLen, &options, &token, &created, &e)
	return newToken(token), bool(created), check(status, e)
}

// Login is what came of a login. Only OK lets anybody in.
type Login struct {
	OK             bool
	Verdict        string
	Token, Refused *Token
}

// Authenticate judges an Authorization header for a request on a Local Site; "": at the root.
func (s *Store) Authenticate(header, site string) (Login, error) {
	var options C.rbtoken_login_options_t
	options.struct_size = C.size_t(unsafe.Sizeof(options))
	if site != "" {
		options.site_mode = C.RBTOKEN_SITE_NAMED
		options.site, options.site_len = (*C.char)(C.CBytes([]byte(site))), C.size_t(len(site))
		defer C.free(unsafe.Pointer(options.site))
	}
	h, hLen := text(header)
	var verdict C.rbtoken_verdict_t
	var token, refused *C.rbtoken_token_t
	var e *C.rbtoken_error_t
	status := C.rbtoken_store_authenticate_header(
		s.handle, h, hLen, &options, &verdict, &token, &refused, &e)
	name := C.GoString(C.rbtoken_verdict_name(verdict))
	return Login{
		OK:      Verdict(verdict) == VerdictOK,
		Verdict: strings.TrimPrefix(name, "RBTOKEN_VERDICT_"),
		Token:   newToken(token),
		Refused: newToken(refused),
	}, check(status, e)
}

func (s *Store) Invalidate(value, reason string) error {
	v, vLen := text(value)
	r, rLen := text(reason)
	var e *C.rbtoken_error_t
	return check(C.rbtoken_store_invalidate_token(s.handle, v, vLen, r, rLen, &e), e)
}

func (s *Store) removeHooks(id C.uint64_t) error {
	var e *C.rbtoken_error_t
	return check(C.rbtoken_store_remove_hooks(s.handle, id, &e), e)
}

// describe prints an error with its details.
func describe(err error) {
	var e *Error
	if errors.As(err, &e) {
		fmt.Printf("  status    %d %s\n  message   %s\n  argument  %s\n  path      %s\n",
			e.Status, e.Name, e.Message, e.Argument, e.JSONPath)
	}
}
