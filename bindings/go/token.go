package rbtoken

// #include "calls.h"
import "C"

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"
	"unsafe"
)

// Token is a token as it was when a call returned it. It never changes, and may outlive its store.
//
// The methods that return no error panic if the token is closed, but for String.
type Token struct{ h handle }

var tokenKind = &handleKind{
	name:    "Token",
	slots:   new(sync.Pool),
	release: func(p unsafe.Pointer) { C.go_token_release(C.uintptr_t(uintptr(p))) },
}

func newToken(pointer *C.rbtoken_token_t) *Token {
	if pointer == nil {
		return nil
	}
	return &Token{newHandle(tokenKind, unsafe.Pointer(pointer), nil)}
}

func closeToken(token *Token) { token.ref().close() }

func (t *Token) ref() handle {
	if t == nil {
		return handle{}
	}
	return t.h
}

// Close closes the token. Calls in flight go on. It always returns nil.
func (t *Token) Close() error {
	closeToken(t)
	return nil
}

func (h handle) token() *C.rbtoken_token_t { return (*C.rbtoken_token_t)(h.pointer) }

func (t *Token) text(field func(*C.rbtoken_token_t) C.go_text) string {
	h := t.ref()
	h.mustEnter()
	defer h.leave()
	return text(field(h.token()))
}

func (t *Token) time(field func(*C.rbtoken_token_t) C.go_time) (time.Time, bool) {
	h := t.ref()
	h.mustEnter()
	defer h.leave()
	return toTime(field(h.token()))
}

// ID returns the id, which the store never gives to another token.
func (t *Token) ID() int64 {
	h := t.ref()
	h.mustEnter()
	defer h.leave()
	return int64(C.rbtoken_token_id(h.token()))
}

// Value returns the secret. Do not log it; Redacted is for that.
func (t *Token) Value() string {
	return t.text(func(t *C.rbtoken_token_t) C.go_text { return C.go_token_value(t) })
}

// Redacted returns what may be logged: the type and the id, such as rbp_***#17.
func (t *Token) Redacted() string {
	return t.text(func(t *C.rbtoken_token_t) C.go_text { return C.go_token_redacted(t) })
}

// User returns the owner's name.
func (t *Token) User() string {
	return t.text(func(t *C.rbtoken_token_t) C.go_text { return C.go_token_user(t) })
}

// LocalSite returns the Local Site of the token; "" is the global site.
func (t *Token) LocalSite() string {
	return t.text(func(t *C.rbtoken_token_t) C.go_text { return C.go_token_local_site(t) })
}

// ClientName returns the client of the token; "" if the token is no client's.
func (t *Token) ClientName() string {
	return t.text(func(t *C.rbtoken_token_t) C.go_text { return C.go_token_client_name(t) })
}

// Note returns the note for people.
func (t *Token) Note() string {
	return t.text(func(t *C.rbtoken_token_t) C.go_text { return C.go_token_note(t) })
}

// GeneratorID returns the generator of the value, such as vendor_checksum.
func (t *Token) GeneratorID() string {
	return t.text(func(t *C.rbtoken_token_t) C.go_text { return C.go_token_generator_id(t) })
}

// PolicyText returns the policy as it is stored. On Review Board's database it need not be JSON.
func (t *Token) PolicyText() string {
	return t.text(func(t *C.rbtoken_token_t) C.go_text { return C.go_token_policy(t) })
}

// ExtraDataText returns the extra data as it is stored. On Review Board's database it need not be
// JSON.
func (t *Token) ExtraDataText() string {
	return t.text(func(t *C.rbtoken_token_t) C.go_text { return C.go_token_extra_data(t) })
}

// Policy returns the policy, a JSON object. An empty one gives full access. null says that what is
// stored is no policy, and denies everything.
func (t *Token) Policy() (json.RawMessage, error) {
	return t.document("policy", func(t *C.rbtoken_token_t) C.go_text {
		return C.go_token_policy(t)
	})
}

// ExtraData returns the extra data, a JSON object.
func (t *Token) ExtraData() (json.RawMessage, error) {
	return t.document("extra_data", func(t *C.rbtoken_token_t) C.go_text {
		return C.go_token_extra_data(t)
	})
}

func (t *Token) document(
	member string, field func(*C.rbtoken_token_t) C.go_text,
) (json.RawMessage, error) {
	h := t.ref()
	if err := h.enter(); err != nil {
		return nil, err
	}
	defer h.leave()
	stored := text(field(h.token()))
	if len(stored) > 0 && stored[0] == '{' && json.Valid([]byte(stored)) {
		return json.RawMessage(stored), nil
	}
	// What others stored may be written otherwise; the library reads it.
	payload, err := t.ToJSON(time.Now(), false)
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(payload, &members); err != nil {
		return nil, err
	}
	return members[member], nil
}

// InvalidReason returns why the token was invalidated.
func (t *Token) InvalidReason() string {
	return t.text(func(t *C.rbtoken_token_t) C.go_text { return C.go_token_invalid_reason(t) })
}

// Expires returns from when on the token is expired; false: never.
func (t *Token) Expires() (time.Time, bool) {
	return t.time(func(t *C.rbtoken_token_t) C.go_time { return C.go_token_expires(t) })
}

// TimeAdded returns when the token was created.
func (t *Token) TimeAdded() time.Time {
	at, _ := t.time(func(t *C.rbtoken_token_t) C.go_time { return C.go_token_time_added(t) })
	return at
}

// LastUpdated returns when the token was last changed. Logins and invalidation are no changes.
func (t *Token) LastUpdated() time.Time {
	at, _ := t.time(func(t *C.rbtoken_token_t) C.go_time { return C.go_token_last_updated(t) })
	return at
}

// LastUsed returns when the token was last used to log in; false: never.
func (t *Token) LastUsed() (time.Time, bool) {
	return t.time(func(t *C.rbtoken_token_t) C.go_time { return C.go_token_last_used(t) })
}

// InvalidDate returns when the token was invalidated; false if it was not, or the time is unknown.
func (t *Token) InvalidDate() (time.Time, bool) {
	return t.time(func(t *C.rbtoken_token_t) C.go_time { return C.go_token_invalid_date(t) })
}

// IsInvalidated reports whether the token was invalidated, which is final.
func (t *Token) IsInvalidated() bool {
	h := t.ref()
	h.mustEnter()
	defer h.leave()
	return bool(C.rbtoken_token_is_invalidated(h.token()))
}

// IsDeprecated reports whether the generator was deprecated when the token was returned.
func (t *Token) IsDeprecated() bool {
	h := t.ref()
	h.mustEnter()
	defer h.leave()
	return bool(C.rbtoken_token_is_deprecated(h.token()))
}

// IsExpired reports whether the token is expired at a time, which must be within the years 1 to
// 9999.
func (t *Token) IsExpired(at time.Time) (bool, error) {
	us, err := microseconds(at, "at")
	if err != nil {
		return false, err
	}
	h := t.ref()
	if err := h.enter(); err != nil {
		return false, err
	}
	defer h.leave()
	return bool(C.rbtoken_token_is_expired(h.token(), us)), nil
}

// Allows reports whether the policy allows an HTTP method on a resource; "" for resourceID: on
// resources of that policy id. It says nothing of whether the token is valid: Store.Authenticate
// does.
func (t *Token) Allows(policyID, method, resourceID string) (bool, error) {
	h := t.ref()
	if err := h.enter(); err != nil {
		return false, err
	}
	defer h.leave()
	result := C.go_token_allows(h.token(), policyID, method, resourceID)
	return bool(result.flag), finish(result)
}

// ToJSON returns the fields of Review Board's API token payload. The secret is among them only if
// withValue is true. at is the time for which "expired" is told.
func (t *Token) ToJSON(at time.Time, withValue bool) (json.RawMessage, error) {
	us, err := microseconds(at, "at")
	if err != nil {
		return nil, err
	}
	h := t.ref()
	if err := h.enter(); err != nil {
		return nil, err
	}
	defer h.leave()
	var flags C.uint32_t
	if withValue {
		flags = C.RBTOKEN_JSON_WITH_VALUE
	}
	return jsonOf(C.go_token_to_json(h.token(), us, flags))
}

// MarshalJSON is ToJSON for the present time, without the secret.
func (t *Token) MarshalJSON() ([]byte, error) { return t.ToJSON(time.Now(), false) }

// Equal reports whether all fields of both tokens are equal. A closed token is equal to itself
// only.
func (t *Token) Equal(other *Token) bool {
	a, b := t.ref(), other.ref()
	if a == b {
		return true
	}
	if a.enter() != nil {
		return false
	}
	defer a.leave()
	if b.enter() != nil {
		return false
	}
	defer b.leave()
	return fields(a.token()) == fields(b.token())
}

// tokenFields is every field of a token.
type tokenFields struct {
	id                           C.int64_t
	texts                        [10]string
	times                        [5]C.go_time
	isInvalidated, wasDeprecated C.bool
}

func fields(t *C.rbtoken_token_t) tokenFields {
	return tokenFields{
		id: C.rbtoken_token_id(t),
		texts: [10]string{
			text(C.go_token_value(t)), text(C.go_token_redacted(t)), text(C.go_token_user(t)),
			text(C.go_token_local_site(t)), text(C.go_token_client_name(t)),
			text(C.go_token_note(t)), text(C.go_token_generator_id(t)),
			text(C.go_token_policy(t)), text(C.go_token_extra_data(t)),
			text(C.go_token_invalid_reason(t)),
		},
		times: [5]C.go_time{
			C.go_token_expires(t), C.go_token_time_added(t), C.go_token_last_updated(t),
			C.go_token_last_used(t), C.go_token_invalid_date(t),
		},
		isInvalidated: C.rbtoken_token_is_invalidated(t),
		wasDeprecated: C.rbtoken_token_is_deprecated(t),
	}
}

// String returns what may be logged: the redacted value and the user.
func (t *Token) String() string {
	h := t.ref()
	if h.enter() != nil {
		return "Token (closed)"
	}
	defer h.leave()
	return fmt.Sprintf("Token %s of %q", text(C.go_token_redacted(h.token())),
		text(C.go_token_user(h.token())))
}

// TokenList is a list of tokens as they were when it was made, in order of their ids.
//
// The methods that return no error panic if the list is closed.
type TokenList struct{ h handle }

var tokenListKind = &handleKind{
	name:    "TokenList",
	release: func(p unsafe.Pointer) { C.go_token_list_free(p) },
}

func newTokenList(pointer unsafe.Pointer) *TokenList {
	if pointer == nil {
		return nil
	}
	return &TokenList{newHandle(tokenListKind, pointer, nil)}
}

func closeTokenList(list *TokenList) { list.ref().close() }

func (l *TokenList) ref() handle {
	if l == nil {
		return handle{}
	}
	return l.h
}

// Close closes the list. The tokens that came from it go on. It always returns nil.
func (l *TokenList) Close() error {
	closeTokenList(l)
	return nil
}

// Len returns the number of tokens.
func (l *TokenList) Len() int {
	h := l.ref()
	h.mustEnter()
	defer h.leave()
	return int(C.rbtoken_token_list_count((*C.rbtoken_token_list_t)(h.pointer)))
}

// At returns a token of the list, a handle of its own. It panics if index is out of range.
func (l *TokenList) At(index int) *Token {
	h := l.ref()
	h.mustEnter()
	defer h.leave()
	list := (*C.rbtoken_token_list_t)(h.pointer)
	if count := int(C.rbtoken_token_list_count(list)); index < 0 || index >= count {
		panic(fmt.Sprintf("rbtoken: index %d out of range of a TokenList of %d", index, count))
	}
	return newToken(C.go_token_list_get(list, C.size_t(index)))
}

// All returns an iterator over the indexes and tokens of the list, for a range clause of Go 1.23.
func (l *TokenList) All() func(yield func(int, *Token) bool) {
	return func(yield func(int, *Token) bool) {
		for i := 0; i < l.Len(); i++ {
			if !yield(i, l.At(i)) {
				return
			}
		}
	}
}

// Slice returns the tokens of the list.
func (l *TokenList) Slice() []*Token {
	tokens := make([]*Token, 0, l.Len())
	for i := 0; i < cap(tokens); i++ {
		tokens = append(tokens, l.At(i))
	}
	return tokens
}
