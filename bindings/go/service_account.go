package rbtoken

// #include "calls.h"
import "C"

import (
	"context"
	"unsafe"
)

// ServiceAccount is a user that only logs in with a token of its own. It belongs to no store.
type ServiceAccount struct {
	h  handle
	id string
}

var serviceAccountKind = &handleKind{
	name:    "ServiceAccount",
	release: func(p unsafe.Pointer) { C.go_service_account_free(p) },
}

// NewServiceAccount describes an account.
func NewServiceAccount(options ServiceAccountOptions) (*ServiceAccount, error) {
	if incompatible != nil {
		return nil, incompatible
	}
	lifetime, err := seconds(options.Lifetime, "expiration")
	if err != nil {
		return nil, err
	}
	mode := C.int32_t(C.RBTOKEN_EXPIRATION_DEFAULT)
	switch {
	case options.Forever:
		mode = C.RBTOKEN_EXPIRATION_NEVER
	case lifetime != 0:
		mode = C.RBTOKEN_EXPIRATION_SECS
	}
	result := C.go_service_account_new(mode, C.uint32_t(options.TokenVersion), lifetime, options.ID,
		options.User, document(options.Policy))
	if err := finish(result); err != nil {
		return nil, err
	}
	return &ServiceAccount{newHandle(serviceAccountKind, result.object, nil), options.ID}, nil
}

func (a *ServiceAccount) ref() handle {
	if a == nil {
		return handle{}
	}
	return a.h
}

// Close closes the account. Calls in flight go on. It always returns nil.
func (a *ServiceAccount) Close() error {
	a.ref().close()
	return nil
}

// ID returns the account's id. It panics if the account is closed.
func (a *ServiceAccount) ID() string {
	h := a.ref()
	h.mustEnter()
	defer h.leave()
	return a.id
}

// APIToken returns the account's token, and whether it is new. Options may be nil.
//
// Authenticate the asker first: this gives out the secret.
func (a *ServiceAccount) APIToken(
	ctx context.Context, store *Store, options *ServiceTokenOptions,
) (token *Token, created bool, err error) {
	o := valueOf(options)
	mode, secs, err := minValidity(o.MinValidity)
	if err != nil {
		return nil, false, err
	}
	it, err := do(ctx, store, closeIssued, func(store *C.rbtoken_store_t) (issued, error) {
		h := a.ref()
		if err := h.enter(); err != nil {
			return issued{}, err
		}
		defer h.leave()
		return issuedOf(C.go_service_account_get_api_token(
			(*C.rbtoken_service_account_t)(h.pointer), store, mode, secs, o.LocalSite))
	})
	return it.token, it.created, err
}
