package rbtoken

import (
	"context"
	"errors"
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
		equal(t, try[Login](t)(store.AuthenticateHeader(living, "token "+token.Value(), nil)).OK(), true)
		equal(t, try[Login](t)(store.Authenticate(living, token.Value(), nil)).OK(), true)
		_, err := store.GetToken(living, 7)
		equal(t, errors.Is(err, StatusNotFound), true)
	}
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
	_, err := store.AddHooks(Hooks{Created: func(*Store, *Token, bool) { cancel(); <-hooked; panic("oops") }})
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
