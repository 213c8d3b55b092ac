package rbtoken

// #include "calls.h"
import "C"

import (
	"context"
	"unsafe"
)

// Login is what came of a login. Only OK lets anybody in.
type Login struct {
	// Verdict is the result. One that this package does not know is a refusal.
	Verdict Verdict
	// The handles are no Tokens yet: most logins need none, and to allocate one costs as much as a
	// call of cgo.
	token, refused handle
}

// OK reports whether somebody is logged in: the token's user.
func (l Login) OK() bool { return l.Verdict == VerdictOK }

// Token returns the token, if somebody is logged in: its user; else nil. It is closed by Close, and
// a handle of the same token each time.
func (l Login) Token() *Token { return tokenOf(l.token) }

// Refused returns the token that explains VerdictInvalid, VerdictExpired and VerdictWrongSite, or
// nil. It is closed by Close, and a handle of the same token each time.
func (l Login) Refused() *Token { return tokenOf(l.refused) }

func tokenOf(h handle) *Token {
	if h.slot == nil {
		return nil
	}
	return &Token{h}
}

// Close closes the tokens of the login. It always returns nil.
func (l Login) Close() error {
	l.token.close()
	l.refused.close()
	return nil
}

func closeLogin(l Login) { _ = l.Close() }

// Authenticate judges a login with a token's value, for a request on a Local Site or on none.
// Options may be nil: no Local Site. What cannot be a value is VerdictUnknown, never an error.
func (s *Store) Authenticate(
	ctx context.Context, value string, options *LoginOptions,
) (Login, error) {
	mode, site := options.site()
	if h := s.ref(); h.slot != nil && !s.mayWait {
		// Without the closures of do, which cost as much as the call.
		if err := begin(ctx); err != nil {
			return Login{}, err
		}
		if err := h.enter(); err != nil {
			return Login{}, err
		}
		defer h.leave()
		return loginOf(C.go_store_authenticate(C.uintptr_t(uintptr(h.pointer)), value, mode, site))
	}
	return do(ctx, s, closeLogin, func(store *C.rbtoken_store_t) (Login, error) {
		return loginOf(C.go_store_authenticate(number(store), value, mode, site))
	})
}

// AuthenticateHeader judges a login with the value of an Authorization header. Options may be nil:
// no Local Site. A header that is not there, "", is VerdictNotAToken.
func (s *Store) AuthenticateHeader(
	ctx context.Context, header string, options *LoginOptions,
) (Login, error) {
	mode, site := options.site()
	return do(ctx, s, closeLogin, func(store *C.rbtoken_store_t) (Login, error) {
		return loginOf(C.go_store_authenticate_header(number(store), header, mode, site))
	})
}

// number returns the address of a store.
func number(store *C.rbtoken_store_t) C.uintptr_t {
	return C.uintptr_t(uintptr(unsafe.Pointer(store)))
}

// site returns the mode and the name of the request's site.
func (o *LoginOptions) site() (C.int32_t, string) {
	switch {
	case o == nil:
		return C.RBTOKEN_SITE_GLOBAL, ""
	case o.AnySite:
		return C.RBTOKEN_SITE_ANY, o.Site
	case o.Site != "":
		return C.RBTOKEN_SITE_NAMED, o.Site
	default:
		return C.RBTOKEN_SITE_GLOBAL, ""
	}
}

func loginOf(result C.go_login) (Login, error) {
	login := Login{Verdict: Verdict(result.verdict)}
	if result.token != nil {
		login.token = newHandle(tokenKind, unsafe.Pointer(result.token), nil)
	}
	if result.refused != nil {
		login.refused = newHandle(tokenKind, unsafe.Pointer(result.refused), nil)
	}
	if result.status != C.RBTOKEN_OK || result.failure != 0 {
		err := finish(C.go_result{
			status: result.status, error: result.error, failure: result.failure})
		if err != nil {
			closeLogin(login)
			return Login{}, err
		}
	}
	return login, nil
}

// ForgetLogins removes all cached logins, so that the next ones ask the server. Call it when the
// host learns that others revoked tokens, and the setting login_cache_secs is not 0.
func (s *Store) ForgetLogins() error {
	return s.change(context.Background(), func(store *C.rbtoken_store_t) C.go_result {
		return C.go_store_forget_logins(store)
	})
}

// ForgetLogin removes the cached login with a value.
func (s *Store) ForgetLogin(value string) error {
	return s.change(context.Background(), func(store *C.rbtoken_store_t) C.go_result {
		return C.go_store_forget_login(store, value)
	})
}
