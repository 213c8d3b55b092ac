package rbtoken

// #include <stdlib.h>
// #include "calls.h"
import "C"

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/cgo"
	"strings"
	"time"
	"unsafe"
)

// Store is a store of tokens: in memory, in a file, or on the database of a Review Board server.
//
// Whoever can ask a store for tokens can act as any user: authenticate the asker first.
type Store struct {
	h handle
	// mayWait says that a call may wait for a disk or a server.
	mayWait bool
	// where is what String says. It has no password.
	where string
}

var storeKind = &handleKind{
	name:    "Store",
	release: func(p unsafe.Pointer) { dropped(C.go_store_release(p)) },
	isSlow:  true,
}

func newStore(pointer unsafe.Pointer, mayWait bool, where string, host *hostData) *Store {
	if pointer == nil {
		return nil
	}
	return &Store{newHandle(storeKind, pointer, host), mayWait, where}
}

// Open opens a store. Options may be nil: an empty store in memory.
func Open(ctx context.Context, options *Options) (*Store, error) {
	if options == nil {
		options = &Options{}
	}
	return opened(ctx, *options, func(
		location, settings string, clock, entropy C.uintptr_t,
	) C.go_result {
		return C.go_store_open(location, settings, clock, entropy)
	}, keepAlone)
}

// Shared returns the one store that the parts of a process share. The first call opens it. Later
// calls pass nil, or the same location, settings, clock and entropy, which are compared with ==;
// two functions are never the same. The process keeps the store until it ends; Close gives back one
// handle.
func Shared(ctx context.Context, options *Options) (*Store, error) {
	if options == nil {
		options = &Options{}
	}
	return opened(ctx, *options, func(
		location, settings string, clock, entropy C.uintptr_t,
	) C.go_result {
		return C.go_store_shared(location, settings, clock, entropy)
	}, pass)
}

// keepAlone keeps a value for the library, which destroys it whatever comes of the call.
func keepAlone(thing any) (C.uintptr_t, func()) {
	return C.uintptr_t(cgo.NewHandle(thing)), func() {}
}

func opened(ctx context.Context, options Options,
	open func(location, settings string, clock, entropy C.uintptr_t) C.go_result,
	keep func(any) (C.uintptr_t, func())) (*Store, error) {
	if incompatible != nil {
		return nil, incompatible
	}
	// The caller may change its copy once the context is done.
	settings := document(options.Settings)
	return await(ctx, true, func() (*Store, error) {
		var clock, entropy C.uintptr_t
		forget := []func(){}
		if options.Clock != nil {
			data, undo := keep(options.Clock)
			clock, forget = data, append(forget, undo)
		}
		if options.Entropy != nil {
			data, undo := keep(options.Entropy)
			entropy, forget = data, append(forget, undo)
		}
		result := open(options.Location, settings, clock, entropy)
		if result.status != C.RBTOKEN_OK {
			for _, undo := range forget {
				undo()
			}
		}
		store := newStore(result.object, false, shown(options), nil)
		if err := finish(result); err != nil {
			return nil, err
		}
		kind, err := store.kind()
		store.mayWait = kind != "memory"
		return store, err
	}, closeStore)
}

func closeStore(store *Store) { store.h.close() }

// shown returns where a store is, without a password.
func shown(options Options) string {
	if scheme, _, found := strings.Cut(options.Location, "://"); found {
		return "on " + scheme
	}
	if options.Location != "" {
		return fmt.Sprintf("in %q", options.Location)
	}
	if len(options.Settings) > 0 {
		return "of settings"
	}
	return "in memory"
}

// kind returns where the tokens are, as the statistics tell it.
func (s *Store) kind() (string, error) {
	statistics, err := s.Statistics()
	if err != nil {
		return "", err
	}
	var members struct {
		Kind string `json:"kind"`
	}
	err = json.Unmarshal(statistics, &members)
	return members.Kind, err
}

// ref returns the handle; nil for a Store that was never opened.
func (s *Store) ref() handle {
	if s == nil {
		return handle{}
	}
	return s.h
}

// Close closes the store. Calls in flight go on. It always returns nil.
func (s *Store) Close() error {
	s.ref().close()
	return nil
}

// Clone returns another handle of the store, to be closed on its own.
func (s *Store) Clone() (*Store, error) {
	h := s.ref()
	if err := h.enter(); err != nil {
		return nil, err
	}
	defer h.leave()
	retained := C.rbtoken_store_retain((*C.rbtoken_store_t)(h.pointer))
	return newStore(unsafe.Pointer(retained), s.mayWait, s.where, h.host), nil
}

// Same reports whether both are handles of the same store, and neither is closed.
func (s *Store) Same(other *Store) bool {
	a, b := s.ref(), other.ref()
	if a.enter() != nil {
		return false
	}
	defer a.leave()
	if b.enter() != nil {
		return false
	}
	defer b.leave()
	return a.pointer == b.pointer
}

// String says where the store is. It has no password.
func (s *Store) String() string {
	if s.ref().isClosed() {
		return "Store (closed)"
	}
	return "Store " + s.where
}

// do runs a call of a store. drop gets what the call returns when nobody waits for it.
func do[T any](
	ctx context.Context, s *Store, drop func(T), call func(*C.rbtoken_store_t) (T, error),
) (T, error) {
	h := s.ref()
	if h.slot == nil {
		var none T
		return none, h.enter()
	}
	return await(ctx, s.mayWait, func() (T, error) {
		if err := h.enter(); err != nil {
			var none T
			return none, err
		}
		defer h.leave()
		return call((*C.rbtoken_store_t)(h.pointer))
	}, drop)
}

// change runs a call that only succeeds or fails.
func (s *Store) change(ctx context.Context, call func(*C.rbtoken_store_t) C.go_result) error {
	_, err := do(ctx, s, nil, func(store *C.rbtoken_store_t) (struct{}, error) {
		return struct{}{}, finish(call(store))
	})
	return err
}

// count runs a call that returns a number.
func (s *Store) count(
	ctx context.Context, call func(*C.rbtoken_store_t) C.go_result,
) (uint64, error) {
	return do(ctx, s, nil, func(store *C.rbtoken_store_t) (uint64, error) {
		result := call(store)
		return uint64(result.number), finish(result)
	})
}

// token runs a call that returns a token.
func (s *Store) token(
	ctx context.Context, call func(*C.rbtoken_store_t) C.go_result,
) (*Token, error) {
	return do(ctx, s, closeToken, func(store *C.rbtoken_store_t) (*Token, error) {
		result := call(store)
		token := newToken(result.token)
		if err := finish(result); err != nil {
			closeToken(token)
			return nil, err
		}
		return token, nil
	})
}

// json runs a call that returns a JSON text.
func (s *Store) json(
	ctx context.Context, call func(*C.rbtoken_store_t) C.go_result,
) (json.RawMessage, error) {
	return do(ctx, s, nil, func(store *C.rbtoken_store_t) (json.RawMessage, error) {
		return jsonOf(call(store))
	})
}

func jsonOf(result C.go_result) (json.RawMessage, error) {
	text := takeText(result.object)
	if err := finish(result); err != nil {
		return nil, err
	}
	return json.RawMessage(text), nil
}

// SetSetting changes a setting, such as client_token_expiration, to a JSON value.
func (s *Store) SetSetting(ctx context.Context, name string, value json.RawMessage) error {
	text := document(value)
	return s.change(ctx, func(store *C.rbtoken_store_t) C.go_result {
		return C.go_store_set_setting(store, name, text)
	})
}

// Setting returns a setting.
func (s *Store) Setting(ctx context.Context, name string) (json.RawMessage, error) {
	return s.json(ctx, func(store *C.rbtoken_store_t) C.go_result {
		return C.go_store_get_setting(store, name)
	})
}

// Statistics returns the counters of the store, and those of the process's handles, as JSON.
func (s *Store) Statistics() (json.RawMessage, error) {
	h := s.ref()
	if err := h.enter(); err != nil {
		return nil, err
	}
	defer h.leave()
	return jsonOf(C.go_store_statistics((*C.rbtoken_store_t)(h.pointer)))
}

// AddLocalSite adds a Local Site, to which tokens can belong from then on.
func (s *Store) AddLocalSite(ctx context.Context, localSite string) error {
	return s.change(ctx, func(store *C.rbtoken_store_t) C.go_result {
		return C.go_store_add_local_site(store, localSite)
	})
}

// RemoveLocalSite removes a Local Site and the tokens that belong to it.
func (s *Store) RemoveLocalSite(ctx context.Context, localSite string) error {
	return s.change(ctx, func(store *C.rbtoken_store_t) C.go_result {
		return C.go_store_remove_local_site(store, localSite)
	})
}

// SetUserActive enables or disables login for a user. Tokens of a disabled user are kept.
func (s *Store) SetUserActive(ctx context.Context, user string, active bool) error {
	return s.change(ctx, func(store *C.rbtoken_store_t) C.go_result {
		return C.go_store_set_user_active(store, user, C.bool(active))
	})
}

// SetPolicyIDs registers the policy ids of the host's resources; nil: any id is known.
func (s *Store) SetPolicyIDs(ctx context.Context, ids []string) error {
	return s.changeTexts(ctx, ids, "ids", func(
		store *C.rbtoken_store_t, list **C.char, count C.size_t,
	) C.go_result {
		return C.go_store_set_policy_ids(store, list, count)
	})
}

// changeTexts is change for a call with a list of texts.
func (s *Store) changeTexts(ctx context.Context, values []string, argument string,
	call func(*C.rbtoken_store_t, **C.char, C.size_t) C.go_result) error {
	// The caller may change its list once the context is done. A copy of nil is nil.
	copied := append(values[:0:0], values...)
	_, err := do(ctx, s, nil, func(store *C.rbtoken_store_t) (struct{}, error) {
		list, free, err := texts(copied, argument)
		if err != nil {
			return struct{}{}, err
		}
		defer free()
		return struct{}{}, finish(call(store, list, C.size_t(len(copied))))
	})
	return err
}

// Flush waits until everything is on the disk, the times of the last logins included.
func (s *Store) Flush(ctx context.Context) error {
	return s.change(ctx, func(store *C.rbtoken_store_t) C.go_result {
		return C.go_store_flush(store)
	})
}

// Backup writes the whole store into a new file that opens as a store. It has all secrets.
func (s *Store) Backup(ctx context.Context, path string) error {
	return s.change(ctx, func(store *C.rbtoken_store_t) C.go_result {
		return C.go_store_backup(store, path)
	})
}

// ExportFile writes the whole store into a new file of JSON lines, and returns the number of
// tokens. progress may be nil. The file has all secrets.
func (s *Store) ExportFile(ctx context.Context, path string, progress Progress) (uint64, error) {
	return s.count(ctx, func(store *C.rbtoken_store_t) C.go_result {
		return C.go_store_export_file(store, path, progressData(progress))
	})
}

// ImportFile adds everything that ExportFile wrote, or nothing, and returns the number of tokens.
// progress may be nil.
func (s *Store) ImportFile(ctx context.Context, path string, progress Progress) (uint64, error) {
	return s.count(ctx, func(store *C.rbtoken_store_t) C.go_result {
		return C.go_store_import_file(store, path, progressData(progress))
	})
}

func progressData(progress Progress) C.uintptr_t {
	if progress == nil {
		return 0
	}
	return C.uintptr_t(cgo.NewHandle(progress))
}

// issued is a token, and whether it is new.
type issued struct {
	token   *Token
	created bool
}

func closeIssued(it issued) { closeToken(it.token) }

func issuedOf(result C.go_result) (issued, error) {
	token := newToken(result.token)
	if err := finish(result); err != nil {
		closeToken(token)
		return issued{}, err
	}
	return issued{token, bool(result.flag)}, nil
}

// GetOrCreateClientToken returns a client's token for a user, the existing one or a new one, and
// whether it is new. Options may be nil.
//
// Authenticate the asker first: this gives out the secret of any user.
func (s *Store) GetOrCreateClientToken(
	ctx context.Context, user, clientName string, options *ClientTokenOptions,
) (token *Token, created bool, err error) {
	o := valueOf(options)
	expires, err := o.Expires.microseconds()
	if err != nil {
		return nil, false, err
	}
	mode, secs, err := minValidity(o.MinValidity)
	if err != nil {
		return nil, false, err
	}
	var flags C.uint32_t
	if o.IgnoreDeprecated {
		flags = C.RBTOKEN_CLIENT_TOKEN_IGNORE_DEPRECATED
	}
	policy, extraData := document(o.DefaultPolicy), document(o.DefaultExtraData)
	it, err := do(ctx, s, closeIssued, func(store *C.rbtoken_store_t) (issued, error) {
		return issuedOf(C.go_store_get_or_create_client_token(
			store, user, clientName, o.Expires.mode, expires, mode, secs, flags, o.LocalSite,
			policy, extraData))
	})
	return it.token, it.created, err
}

// GenerateToken creates a token. Options may be nil.
//
// Authenticate the asker first: this gives out a secret of any user.
func (s *Store) GenerateToken(
	ctx context.Context, user string, options *GenerateOptions,
) (*Token, error) {
	o := valueOf(options)
	expires, err := o.Expires.microseconds()
	if err != nil {
		return nil, err
	}
	var flags C.uint32_t
	if o.Invalid {
		flags |= C.RBTOKEN_GENERATE_INVALID
	}
	if o.AutoGenerated {
		flags |= C.RBTOKEN_GENERATE_AUTO_GENERATED
	}
	policy, extraData := document(o.Policy), document(o.ExtraData)
	return s.token(ctx, func(store *C.rbtoken_store_t) C.go_result {
		return C.go_store_generate_token(
			store, user, o.Expires.mode, expires, flags, o.GeneratorID, o.TokenType, o.LocalSite,
			o.Note, policy, extraData)
	})
}

// ImportToken stores a token that exists elsewhere. Options may be nil.
func (s *Store) ImportToken(
	ctx context.Context, user, value string, options *ImportOptions,
) (*Token, error) {
	o := valueOf(options)
	var flags C.uint32_t
	if o.Invalid {
		flags = C.RBTOKEN_IMPORT_INVALID
	}
	var times [5]C.int64_t
	for i, it := range []struct {
		time     time.Time
		argument string
		flag     C.uint32_t
	}{
		{o.TimeAdded, "time_added", C.RBTOKEN_IMPORT_TIME_ADDED_KNOWN},
		{o.LastUpdated, "last_updated", C.RBTOKEN_IMPORT_LAST_UPDATED_KNOWN},
		{o.LastUsed, "last_used", C.RBTOKEN_IMPORT_LAST_USED_KNOWN},
		{o.Expires, "expires", C.RBTOKEN_IMPORT_EXPIRES_KNOWN},
		{o.InvalidDate, "invalid_date", C.RBTOKEN_IMPORT_INVALID_DATE_KNOWN},
	} {
		var err error
		if times[i], err = optionalMicroseconds(it.time, it.argument, &flags, it.flag); err != nil {
			return nil, err
		}
	}
	policy, extraData := document(o.Policy), document(o.ExtraData)
	return s.token(ctx, func(store *C.rbtoken_store_t) C.go_result {
		return C.go_store_import_token(
			store, user, value, flags, times[0], times[1], times[2], times[3], times[4],
			o.InvalidReason, o.GeneratorID, o.LocalSite, o.Note, policy, extraData)
	})
}

// FindToken finds the token of a value, usable or not. This is no login: it checks nothing.
func (s *Store) FindToken(ctx context.Context, value string) (*Token, error) {
	return s.token(ctx, func(store *C.rbtoken_store_t) C.go_result {
		return C.go_store_find_token(store, value)
	})
}

// GetToken returns the token of an id, usable or not.
func (s *Store) GetToken(ctx context.Context, id int64) (*Token, error) {
	return s.token(ctx, func(store *C.rbtoken_store_t) C.go_result {
		return C.go_store_get_token(store, C.int64_t(id))
	})
}

// ListTokens returns the tokens that match every part of a filter, in order of their ids. A nil
// filter matches all.
func (s *Store) ListTokens(ctx context.Context, filter *TokenFilter) (*TokenList, error) {
	f := valueOf(filter)
	var flags C.uint32_t
	before, err := optionalMicroseconds(
		f.ExpiresBefore, "expires_before", &flags, C.RBTOKEN_FILTER_EXPIRES_BEFORE)
	if err != nil {
		return nil, err
	}
	mode, site := C.int32_t(C.RBTOKEN_FILTER_SITE_ALL), ""
	if f.LocalSite != nil {
		mode, site = C.RBTOKEN_FILTER_SITE_NAMED, *f.LocalSite
		if site == "" {
			mode = C.RBTOKEN_FILTER_SITE_GLOBAL
		}
	}
	return do(ctx, s, closeTokenList, func(store *C.rbtoken_store_t) (*TokenList, error) {
		result := C.go_store_list_tokens(
			store, mode, C.int32_t(f.Validity), flags, before, site, f.User, f.ClientName)
		list := newTokenList(result.object)
		if err := finish(result); err != nil {
			closeTokenList(list)
			return nil, err
		}
		return list, nil
	})
}

// TokenCount returns the number of tokens, usable or not.
func (s *Store) TokenCount(ctx context.Context) (uint64, error) {
	return s.count(ctx, func(store *C.rbtoken_store_t) C.go_result {
		return C.go_store_token_count(store)
	})
}

// ValueIsValid reports whether a value has a generator's format. This is no login.
func (s *Store) ValueIsValid(
	ctx context.Context, generatorID, tokenType, value string,
) (bool, error) {
	return do(ctx, s, nil, func(store *C.rbtoken_store_t) (bool, error) {
		result := C.go_store_value_is_valid(store, generatorID, tokenType, value)
		return bool(result.flag), finish(result)
	})
}

// UpdateToken changes fields of a token and returns the changed token.
func (s *Store) UpdateToken(ctx context.Context, id int64, update TokenUpdate) (*Token, error) {
	expiresMode, expires := C.int32_t(C.RBTOKEN_FIELD_KEEP), C.int64_t(0)
	if update.Expires != nil {
		expiresMode = C.RBTOKEN_FIELD_NONE
		if update.Expires.mode == C.RBTOKEN_EXPIRES_AT {
			var err error
			if expires, err = update.Expires.microseconds(); err != nil {
				return nil, err
			}
			expiresMode = C.RBTOKEN_FIELD_SET
		}
	}
	noteMode, note := fieldMode(update.Note)
	policyMode, policy := fieldMode(update.Policy)
	extraDataMode, extraData := fieldMode(update.ExtraData)
	return s.token(ctx, func(store *C.rbtoken_store_t) C.go_result {
		return C.go_store_update_token(store, C.int64_t(id), expiresMode, expires, noteMode, note,
			policyMode, policy, extraDataMode, extraData)
	})
}

// fieldMode returns what an update does to a field.
func fieldMode[T ~string | ~[]byte](value *T) (C.int32_t, string) {
	switch {
	case value == nil:
		return C.RBTOKEN_FIELD_KEEP, ""
	case len(*value) == 0:
		return C.RBTOKEN_FIELD_NONE, ""
	default:
		return C.RBTOKEN_FIELD_SET, string(*value)
	}
}

// InvalidateToken invalidates the token of a value, for good. The reason may be "".
func (s *Store) InvalidateToken(ctx context.Context, value, reason string) error {
	return s.change(ctx, func(store *C.rbtoken_store_t) C.go_result {
		return C.go_store_invalidate_token(store, value, reason)
	})
}

// InvalidateTokenByID invalidates the token of an id, for good. The reason may be "".
func (s *Store) InvalidateTokenByID(ctx context.Context, id int64, reason string) error {
	return s.change(ctx, func(store *C.rbtoken_store_t) C.go_result {
		return C.go_store_invalidate_token_by_id(store, C.int64_t(id), reason)
	})
}

// InvalidateUserTokens invalidates all tokens of a user and returns how many the user has.
func (s *Store) InvalidateUserTokens(ctx context.Context, user, reason string) (uint64, error) {
	return s.count(ctx, func(store *C.rbtoken_store_t) C.go_result {
		return C.go_store_invalidate_user_tokens(store, user, reason)
	})
}

// InvalidateAllTokens invalidates all tokens of all users and returns how many there are.
func (s *Store) InvalidateAllTokens(ctx context.Context, reason string) (uint64, error) {
	return s.count(ctx, func(store *C.rbtoken_store_t) C.go_result {
		return C.go_store_invalidate_all_tokens(store, reason)
	})
}

// DeleteToken deletes the token of an id.
func (s *Store) DeleteToken(ctx context.Context, id int64) error {
	return s.change(ctx, func(store *C.rbtoken_store_t) C.go_result {
		return C.go_store_delete_token(store, C.int64_t(id))
	})
}

// PurgeTokens deletes the tokens that were invalidated or expired before a time, and returns how
// many.
func (s *Store) PurgeTokens(ctx context.Context, deadBefore time.Time) (uint64, error) {
	before, err := microseconds(deadBefore, "dead_before")
	if err != nil {
		return 0, err
	}
	return s.count(ctx, func(store *C.rbtoken_store_t) C.go_result {
		return C.go_store_purge_tokens(store, before)
	})
}

// AddHooks calls functions for events from now on and returns the id for RemoveHooks.
//
// The store keeps the functions until it is closed. A function that refers to its own store keeps
// the store from the garbage collector until it is closed, or the hooks are removed.
func (s *Store) AddHooks(hooks Hooks) (uint64, error) {
	h := s.ref()
	if err := h.enter(); err != nil {
		return 0, err
	}
	defer h.leave()
	mayWait, where, host := s.mayWait, s.where, h.host
	data := cgo.NewHandle(&hooksData{hooks, func(pointer unsafe.Pointer) *Store {
		return newStore(pointer, mayWait, where, host)
	}})
	result := C.go_store_add_hooks(
		(*C.rbtoken_store_t)(h.pointer), C.uintptr_t(data), hooks.events())
	return uint64(result.number), finish(result)
}

// RemoveHooks removes hooks. Calls of them in flight go on.
func (s *Store) RemoveHooks(id uint64) error {
	return s.change(context.Background(), func(store *C.rbtoken_store_t) C.go_result {
		return C.go_store_remove_hooks(store, C.uint64_t(id))
	})
}

// AddGenerator adds a token generator. The store keeps it until the store is closed.
func (s *Store) AddGenerator(id string, generator Generator) error {
	if generator == nil {
		return invalidArgument("generator", "generator must not be nil")
	}
	return s.change(context.Background(), func(store *C.rbtoken_store_t) C.go_result {
		return C.go_store_add_generator(store, id, C.uintptr_t(cgo.NewHandle(generator)))
	})
}

// SetDefaultGenerator makes a generator the one of client tokens, and of others that name none.
func (s *Store) SetDefaultGenerator(ctx context.Context, id string) error {
	return s.change(ctx, func(store *C.rbtoken_store_t) C.go_result {
		return C.go_store_set_default_generator(store, id)
	})
}

// SetDeprecatedGenerators sets which generators are deprecated. Their tokens can still be used.
func (s *Store) SetDeprecatedGenerators(ctx context.Context, ids []string) error {
	if ids == nil {
		ids = []string{}
	}
	return s.changeTexts(ctx, ids, "generator_ids", func(
		store *C.rbtoken_store_t, list **C.char, count C.size_t,
	) C.go_result {
		return C.go_store_set_deprecated_generators(store, list, count)
	})
}

// valueOf returns options, or the zero value for nil. The caller may change what they refer to when
// its context is done, so that no call that goes on reads that.
func valueOf[T any](options *T) T {
	if options == nil {
		var none T
		return none
	}
	return *options
}
