package rbtoken

// #include "calls.h"
import "C"

import (
	"encoding/json"
	"unsafe"
)

// Policy is a policy without a token.
type Policy struct {
	h        handle
	document string
}

var policyKind = &handleKind{
	name:    "Policy",
	release: func(p unsafe.Pointer) { C.go_policy_free(p) },
}

// ParsePolicy reads and checks a policy. Its ids, and those of later questions, must be registered
// in the store; nil: any id is known.
func ParsePolicy(document json.RawMessage, store *Store) (*Policy, error) {
	if incompatible != nil {
		return nil, incompatible
	}
	var pointer *C.rbtoken_store_t
	if store != nil {
		h := store.ref()
		if err := h.enter(); err != nil {
			return nil, err
		}
		defer h.leave()
		pointer = (*C.rbtoken_store_t)(h.pointer)
	}
	source := string(document)
	result := C.go_policy_parse(pointer, source)
	if err := finish(result); err != nil {
		return nil, err
	}
	return &Policy{newHandle(policyKind, result.object, nil), source}, nil
}

func (p *Policy) ref() handle {
	if p == nil {
		return handle{}
	}
	return p.h
}

// Close closes the policy. Calls in flight go on. It always returns nil.
func (p *Policy) Close() error {
	p.ref().close()
	return nil
}

// Allows reports whether the policy allows an HTTP method on a resource; "" for resourceID: on
// resources of that policy id.
func (p *Policy) Allows(policyID, method, resourceID string) (bool, error) {
	h := p.ref()
	if err := h.enter(); err != nil {
		return false, err
	}
	defer h.leave()
	result := C.go_policy_allows((*C.rbtoken_policy_t)(h.pointer), policyID, method, resourceID)
	return bool(result.flag), finish(result)
}

// Document returns the document that was read.
func (p *Policy) Document() (json.RawMessage, error) {
	h := p.ref()
	if err := h.enter(); err != nil {
		return nil, err
	}
	defer h.leave()
	return json.RawMessage(p.document), nil
}
