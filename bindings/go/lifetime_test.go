package rbtoken

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestHandlesAreClosedInAnyOrder(t *testing.T) {
	store := try[*Store](t)(Open(ctx, nil))
	token := generate(t, store, "alice", nil)
	list := try[*TokenList](t)(store.ListTokens(ctx, nil))
	must(t, store.Close())
	must(t, store.Close())
	equal(t, token.User(), "alice")
	first := list.At(0)
	must(t, list.Close())
	must(t, token.Close())
	equal(t, first.User(), "alice")
	must(t, first.Close())
	nothingLives(t)
}

func TestCopyIsTheSameHandle(t *testing.T) {
	store, _ := open(t)
	token := generate(t, store, "alice", nil)
	copied := *token
	others := []*Token{}
	token = nil
	for i := 0; i < 5; i++ {
		runtime.GC()
		// The memory is not given to another token.
		others = append(others, generate(t, store, "eve", nil))
		equal(t, copied.User(), "alice")
	}
	again := copied
	must(t, again.Close())
	must(t, copied.Close())
	isClosed(t, recovered(func() { copied.User() }).(error))
	equal(t, others[0].User(), "eve")
}

func TestCloneIsClosedOnItsOwn(t *testing.T) {
	store, _ := open(t)
	clone := try[*Store](t)(store.Clone())
	equal(t, clone.Same(store), true)
	must(t, store.Close())
	equal(t, clone.Same(store), false)
	equal(t, try[uint64](t)(clone.TokenCount(ctx)), 0)
	must(t, clone.Close())
}

func TestCallsAfterCloseFail(t *testing.T) {
	store := try[*Store](t)(Open(ctx, nil))
	token := generate(t, store, "alice", nil)
	list := try[*TokenList](t)(store.ListTokens(ctx, nil))
	policy := try[*Policy](t)(ParsePolicy(json.RawMessage(`{}`), nil))
	account := try[*ServiceAccount](t)(NewServiceAccount(ServiceAccountOptions{ID: "bot"}))
	instance := try[*Instance](t)(NewInstance(InstanceOptions{}))
	for _, handle := range []interface{ Close() error }{
		store, token, list, policy, account, instance} {
		must(t, handle.Close())
	}
	second := func(_ any, err error) error { return err }
	third := func(_, _ any, err error) error { return err }
	for i, err := range []error{
		store.SetSetting(ctx, "token_type", json.RawMessage(`"x"`)),
		second(store.Setting(ctx, "token_type")),
		second(store.Statistics()), store.AddLocalSite(ctx, "x"), store.RemoveLocalSite(ctx, "x"),
		store.SetUserActive(ctx, "x", true), store.SetPolicyIDs(ctx, []string{"x"}),
		store.Flush(ctx),
		store.Backup(ctx, "x"),
		second(store.ExportFile(ctx, "x", func(_, _ uint64) error { return nil })),
		second(store.ImportFile(ctx, "x", nil)),
		third(store.GetOrCreateClientToken(ctx, "x", "y", nil)),
		second(store.GenerateToken(ctx, "x", nil)), second(store.ImportToken(ctx, "x", "y", nil)),
		second(store.FindToken(ctx, "x")), second(store.GetToken(ctx, 1)),
		second(store.ListTokens(ctx, nil)),
		second(store.TokenCount(ctx)), second(store.ValueIsValid(ctx, "x", "y", "z")),
		second(store.UpdateToken(ctx, 1, TokenUpdate{})), store.InvalidateToken(ctx, "x", ""),
		store.InvalidateTokenByID(ctx, 1, ""), second(store.InvalidateUserTokens(ctx, "x", "")),
		second(store.InvalidateAllTokens(ctx, "")), store.DeleteToken(ctx, 1),
		second(store.PurgeTokens(ctx, newYear)), second(store.Authenticate(ctx, "x", nil)),
		second(store.AuthenticateHeader(ctx, "x", nil)), store.ForgetLogin("x"),
		store.ForgetLogins(),
		second(store.AddHooks(Hooks{})), store.RemoveHooks(1),
		store.AddGenerator("x", &testGenerator{}),
		store.SetDefaultGenerator(ctx, "x"), store.SetDeprecatedGenerators(ctx, nil),
		second(store.Clone()),
		second(token.Allows("x", "GET", "")), second(token.ToJSON(newYear, false)),
		second(token.IsExpired(newYear)),
		second(token.Policy()), second(token.ExtraData()), second(policy.Allows("x", "GET", "")),
		second(policy.Document()), third(account.APIToken(ctx, store, nil)),
		instance.Configure(nil),
		instance.Initialize(ctx), instance.Shutdown(), second(instance.Store()),
		second(instance.Settings()),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	for i, call := range []func(){
		func() { token.ID() }, func() { token.Value() }, func() { token.Redacted() },
		func() { token.User() },
		func() { token.LocalSite() }, func() { token.ClientName() }, func() { token.Note() },
		func() { token.GeneratorID() }, func() { token.PolicyText() },
		func() { token.ExtraDataText() },
		func() { token.InvalidReason() }, func() { token.Expires() }, func() { token.TimeAdded() },
		func() { token.LastUpdated() }, func() { token.LastUsed() }, func() { token.InvalidDate() },
		func() { token.IsInvalidated() }, func() { token.IsDeprecated() }, func() { list.Len() },
		func() { list.At(0) }, func() { list.Slice() }, func() { account.ID() },
		func() { list.All()(func(int, *Token) bool { return true }) },
	} {
		if err, _ := recovered(call).(error); !errors.Is(err, ErrClosed) {
			t.Errorf("method %d: %v", i, err)
		}
	}
	equal(t, token.Equal(token), true)
	equal(t, token.Equal(&Token{}), false)
	nothingLives(t)
}

func TestCloseDuringACallWaitsForTheCall(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens.db")
	store := try[*Store](t)(Open(ctx, &Options{Location: file}))
	seen := ""
	_, err := store.AddHooks(Hooks{Created: func(lent *Store, token *Token, _ bool) {
		must(t, store.Close())
		_, err := store.TokenCount(ctx)
		isClosed(t, err)
		seen = token.User()
	}})
	must(t, err)
	equal(t, generate(t, store, "alice", nil).User(), "alice")
	equal(t, seen, "alice")
	// The file is free, although the garbage collector need not have come by.
	must(t, try[*Store](t)(Open(ctx, &Options{Location: file})).Close())
}

func TestStoreIsClosedWhileGoroutinesUseIt(t *testing.T) {
	for i := 0; i < 50; i++ {
		store := try[*Store](t)(Open(ctx, nil))
		token := generate(t, store, "alice", nil)
		var group sync.WaitGroup
		for j := 0; j < 4; j++ {
			group.Add(1)
			go func() {
				defer group.Done()
				for {
					used, _, err := store.GetOrCreateClientToken(ctx, "alice", "RBTools", nil)
					if err != nil {
						isClosed(t, err)
						break
					}
					equal(t, used.User(), "alice")
					_ = used.Close()
				}
				for {
					failed := recovered(func() { equal(t, token.User(), "alice") })
					if failed != nil {
						isClosed(t, failed.(error))
						return
					}
				}
			}()
		}
		runtime.Gosched()
		var closing sync.WaitGroup
		for j := 0; j < 2; j++ {
			closing.Add(1)
			go func() { defer closing.Done(); _ = store.Close(); _ = token.Close() }()
		}
		closing.Wait()
		group.Wait()
	}
	nothingLives(t)
}

func TestGarbageIsGivenBack(t *testing.T) {
	forgotten := func() {
		clock := newClock()
		store := try[*Store](t)(Open(ctx, &Options{Clock: clock}))
		_, err := store.AddHooks(Hooks{Used: func(*Store, *Token) {}})
		must(t, err)
		generate(t, store, "alice", nil)
		try[*TokenList](t)(store.ListTokens(ctx, nil)).At(0)
		try[*Policy](t)(ParsePolicy(json.RawMessage(`{}`), store))
		try[*ServiceAccount](t)(NewServiceAccount(ServiceAccountOptions{ID: "bot"}))
		log := func(LogLevel, string, string) {}
		instance := try[*Instance](t)(NewInstance(InstanceOptions{Log: log}))
		must(t, instance.Initialize(ctx))
		generate(t, try[*Store](t)(instance.Store()), "bob", nil)
	}
	forgotten()
	nothingLives(t)
}

func TestClosedHandlesAreNotThoseOfNewObjects(t *testing.T) {
	store, _ := open(t)
	closed := []*Token{}
	for i := 0; i < 100; i++ {
		token := generate(t, store, "alice", nil)
		must(t, token.Close())
		closed = append(closed, token)
		other := generate(t, store, "eve", nil)
		for _, token := range closed {
			must(t, token.Close())
			isClosed(t, recovered(func() { token.User() }).(error))
		}
		equal(t, other.User(), "eve")
		must(t, other.Close())
	}
}

func TestClosedStoreThatIsKeptKeepsNoOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.db")
	kept := []*Store{}
	for i := 0; i < 20; i++ {
		store := try[*Store](t)(Open(ctx, nil))
		must(t, store.Close())
		kept = append(kept, store)
	}
	func() { try[*Store](t)(Open(ctx, &Options{Location: path})) }()
	var store *Store
	err := error(StatusLocked)
	for i := 0; i < 500 && errors.Is(err, StatusLocked); i++ {
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
		store, err = Open(ctx, &Options{Location: path})
	}
	must(t, err)
	must(t, store.Close())
	runtime.KeepAlive(kept)
}

func TestWhatTheLibraryKeepsOfGoIsForgotten(t *testing.T) {
	var collected atomic.Int32
	forgotten := func() {
		clock := newClock()
		runtime.SetFinalizer(clock, func(*testClock) { collected.Add(1) })
		hooked := newClock()
		runtime.SetFinalizer(hooked, func(*testClock) { collected.Add(1) })
		// Refused ones, too.
		_, err := Open(ctx, &Options{Clock: clock, Settings: json.RawMessage(`{"token_type": 7}`)})
		refused(t, err, StatusJSONType, "settings")
		store := try[*Store](t)(Open(ctx, &Options{Clock: clock}))
		_, err = store.AddHooks(Hooks{Used: func(*Store, *Token) { hooked.add(0) }})
		must(t, err)
		must(t, store.Close())
	}
	forgotten()
	for i := 0; i < 500 && collected.Load() < 2; i++ {
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
	}
	equal(t, collected.Load(), 2)
}

func TestGoroutinesAtOnceGetOneToken(t *testing.T) {
	store, _ := open(t)
	var created atomic.Int32
	_, err := store.AddHooks(Hooks{Created: func(*Store, *Token, bool) { created.Add(1) }})
	must(t, err)
	var group sync.WaitGroup
	ids := make([]int64, 8)
	for i := range ids {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			token, _, err := store.GetOrCreateClientToken(ctx, "alice", "RBTools", nil)
			must(t, err)
			ids[i] = token.ID()
		}(i)
	}
	group.Wait()
	for _, id := range ids {
		equal(t, id, ids[0])
	}
	equal(t, created.Load(), 1)
}
