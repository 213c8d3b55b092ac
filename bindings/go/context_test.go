package rbtoken

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestCallOfADoneContextDoesNothing(t *testing.T) {
	done, cancel := context.WithCancel(ctx)
	cancel()
	for _, store := range stores(t) {
		_, generated := store.GenerateToken(done, "alice", nil)
		_, authenticated := store.Authenticate(done, "x", nil)
		_, opened := Open(done, nil)
		for _, err := range []error{generated, authenticated, opened} {
			isError(t, err, context.Canceled)
		}
		equal(t, try[uint64](t)(store.TokenCount(ctx)), 0)
	}
}

func TestCallStopsWaitingWhenItsContextIsDone(t *testing.T) {
	store := openFile(t)
	cancelable, cancel := context.WithCancel(ctx)
	hooked, ended := make(chan struct{}), make(chan struct{})
	_, err := store.AddHooks(Hooks{Created: func(*Store, *Token, bool) { cancel(); <-hooked }})
	must(t, err)
	_, err = store.GenerateToken(cancelable, "alice", nil)
	isError(t, err, context.Canceled)
	// What the call does goes on; so it is while the store is closed.
	clone := try[*Store](t)(store.Clone())
	must(t, store.Close())
	go func() { defer close(ended); close(hooked) }()
	<-ended
	equal(t, try[uint64](t)(clone.TokenCount(ctx)), 1)
	must(t, clone.Close())
	nothingLives(t)
}

func TestCallOfALivingContextReturns(t *testing.T) {
	living, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	for _, store := range stores(t) {
		token := try[*Token](t)(store.GenerateToken(living, "alice", nil))
		login := try[Login](t)(store.AuthenticateHeader(living, "token "+token.Value(), nil))
		equal(t, login.OK(), true)
		equal(t, try[Login](t)(store.Authenticate(living, token.Value(), nil)).OK(), true)
		_, err := store.GetToken(living, 7)
		equal(t, errors.Is(err, StatusNotFound), true)
	}
}

func TestNilContextIsRefused(t *testing.T) {
	var none context.Context
	for _, store := range stores(t) {
		_, counted := store.TokenCount(none)
		_, authenticated := store.Authenticate(none, "x", nil)
		_, opened := Open(none, nil)
		_, shared := Shared(none, nil)
		instance := try[*Instance](t)(NewInstance(InstanceOptions{}))
		for _, err := range []error{
			counted, authenticated, opened, shared, store.Flush(none), instance.Initialize(none),
		} {
			refused(t, err, StatusNullArgument, "ctx")
		}
		must(t, instance.Close())
	}
}

// lateContext is done after the call has begun.
type lateContext struct {
	context.Context
	begun bool
}

var doneChannel = func() chan struct{} { done := make(chan struct{}); close(done); return done }()

func (c *lateContext) Done() <-chan struct{} { return doneChannel }

func (c *lateContext) Err() error {
	if c.begun {
		return context.Canceled
	}
	c.begun = true
	return nil
}

func TestArgumentsOfAnAbandonedCallMayBeChanged(t *testing.T) {
	store := openFile(t)
	const rounds = 30
	for i := 0; i < rounds; i++ {
		late := func() *lateContext { return &lateContext{Context: ctx} }
		policy, ids := json.RawMessage(readOnly), []string{"review"}
		settings := json.RawMessage(`{"token_type": "x"}`)
		_, _ = Open(late(), &Options{Settings: settings})
		_ = store.SetPolicyIDs(late(), ids)
		_ = store.SetSetting(late(), "token_type", policy)
		_, _ = store.GenerateToken(late(), "alice", &GenerateOptions{Policy: policy})
		_, _ = store.ImportToken(late(), "alice", fmt.Sprint(i), &ImportOptions{Policy: policy})
		_, _, _ = store.GetOrCreateClientToken(
			late(), fmt.Sprint("user", i), "c", &ClientTokenOptions{DefaultPolicy: policy})
		ids[0] = "?"
		for j := range policy {
			policy[j] = '?'
		}
		for j := range settings {
			settings[j] = '?'
		}
	}
	count := uint64(0)
	for i := 0; i < 1000 && count < 3*rounds; i++ {
		time.Sleep(10 * time.Millisecond)
		count = try[uint64](t)(store.TokenCount(ctx))
	}
	equal(t, count, 3*rounds)
}

// lines is what was logged.
type lines struct {
	lock sync.Mutex
	text strings.Builder
}

func (l *lines) Write(line []byte) (int, error) {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.text.Write(line)
}

func (l *lines) have(text string) bool {
	l.lock.Lock()
	defer l.lock.Unlock()
	return strings.Contains(l.text.String(), text)
}

func TestPanicOfAnAbandonedCallIsLogged(t *testing.T) {
	var logged lines
	log.SetOutput(&logged)
	defer log.SetOutput(os.Stderr)
	store := openFile(t)
	cancelable, cancel := context.WithCancel(ctx)
	hooked := make(chan struct{})
	_, err := store.AddHooks(Hooks{Created: func(*Store, *Token, bool) {
		cancel()
		<-hooked
		panic("oops")
	}})
	must(t, err)
	_, err = store.GenerateToken(cancelable, "alice", nil)
	isError(t, err, context.Canceled)
	close(hooked)
	must(t, store.Close())
	for i := 0; i < 500 && !logged.have("a callback panicked: oops"); i++ {
		time.Sleep(10 * time.Millisecond)
	}
	equal(t, logged.have("a callback panicked: oops"), true)
	nothingLives(t)
}
