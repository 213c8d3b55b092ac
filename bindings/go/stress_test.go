package rbtoken

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// stressSeconds is for how long the stress runs: RBTOKEN_STRESS_SECONDS, or 2.
func stressSeconds() time.Duration {
	if seconds, err := time.ParseDuration(os.Getenv("RBTOKEN_STRESS_SECONDS") + "s"); err == nil {
		return seconds
	}
	return 2 * time.Second
}

// owned is a token with the user that it must have.
type owned struct {
	token *Token
	user  string
}

// shelf has stores and tokens that all goroutines take, replace and close.
type shelf struct {
	t      *testing.T
	folder string
	lock   sync.Mutex
	stores [6]*Store
	tokens [40]owned
	events atomic.Int64
	wrong  atomic.Bool
}

func (s *shelf) fail(format string, arguments ...any) {
	s.wrong.Store(true)
	s.t.Errorf(format, arguments...)
}

func (s *shelf) check(got, want string) {
	if got != want {
		s.fail("%s instead of %s", got, want)
	}
}

// expected reports whether an error is nil; closed handles and tokens that are gone are expected.
func (s *shelf) expected(err error) bool {
	if err == nil {
		return true
	}
	if !errors.Is(err, ErrClosed) && !errors.Is(err, StatusNotFound) &&
		!errors.Is(err, context.DeadlineExceeded) {
		s.fail("%v", err)
	}
	return false
}

func (s *shelf) put(token *Token, user string) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.tokens[rand.Intn(len(s.tokens))] = owned{token, user}
}

func (s *shelf) putStore(store *Store) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.stores[rand.Intn(len(s.stores))] = store
}

func (s *shelf) take() (*Store, owned) {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.stores[rand.Intn(len(s.stores))], s.tokens[rand.Intn(len(s.tokens))]
}

func (s *shelf) hook(store *Store, token *Token) {
	s.events.Add(1)
	user := token.User()
	if !strings.HasPrefix(user, "user") {
		s.fail("a hook was given a token of %s", user)
	}
	switch chance := rand.Float64(); {
	case chance < 0.1:
		s.put(token, user)
	case chance < 0.2:
		if found, err := store.FindToken(ctx, token.Value()); s.expected(err) {
			s.check(found.User(), user)
		}
	case chance < 0.3:
		_ = store.Close()
	case chance < 0.35:
		if clone, err := store.Clone(); s.expected(err) {
			s.putStore(clone)
		}
	}
}

func (s *shelf) open() {
	number := rand.Intn(9)
	options := &Options{}
	if number < 3 {
		options.Location = filepath.Join(s.folder, fmt.Sprint(number, ".db"))
	}
	store, err := Open(ctx, options)
	if errors.Is(err, StatusLocked) {
		store, err = Open(ctx, nil)
	}
	if !s.expected(err) {
		return
	}
	_, err = store.AddHooks(Hooks{Used: s.hook, Deleted: s.hook, Invalidated: s.hook,
		Created: func(store *Store, token *Token, _ bool) { s.hook(store, token) }})
	s.expected(err)
	s.putStore(store)
}

// step is one action, chosen at random.
func (s *shelf) step() {
	store, kept := s.take()
	within, cancel := context.WithTimeout(ctx, time.Duration(rand.Intn(20000))*time.Microsecond)
	defer cancel()
	switch chance := rand.Float64(); {
	case store == nil || chance < 0.04:
		s.open()
	case chance < 0.08:
		_ = store.Close()
	case chance < 0.12:
		s.putStore(nil)
	case chance < 0.16:
		if clone, err := store.Clone(); s.expected(err) {
			s.putStore(clone)
		}
	case chance < 0.30:
		user := fmt.Sprint("user", rand.Intn(1000000))
		if token, err := store.GenerateToken(within, user, nil); s.expected(err) {
			s.check(token.User(), user)
			s.put(token, user)
		}
	case chance < 0.34:
		if list, err := store.ListTokens(within,
			&TokenFilter{Validity: OnlyValid}); s.expected(err) {
			for i := 0; i < list.Len() && i < 5; i++ {
				s.check(list.At(i).User()[:4], "user")
			}
			_ = list.Close()
		}
	case chance < 0.38:
		_, _, err := store.GetOrCreateClientToken(within, "user1",
			fmt.Sprint("client", rand.Intn(5)), nil)
		s.expected(err)
	case chance < 0.40:
		account, err := NewServiceAccount(ServiceAccountOptions{ID: "bot", User: "user2"})
		if s.expected(err) {
			if token, _, err := account.APIToken(within, store, nil); s.expected(err) {
				s.check(token.User(), "user2")
			}
			_ = account.Close()
		}
	case kept.token != nil:
		s.use(within, store, kept, chance)
	}
}

func (s *shelf) use(within context.Context, store *Store, kept owned, chance float64) {
	defer func() {
		if value := recover(); value != nil {
			// The methods of a token that another goroutine has closed.
			if err, ok := value.(error); !ok || !errors.Is(err, ErrClosed) {
				panic(value)
			}
		}
	}()
	value := kept.token.Value()
	s.check(kept.token.User(), kept.user)
	switch {
	case chance < 0.8:
		if login, err := store.Authenticate(within, value, nil); s.expected(err) {
			for _, token := range []*Token{login.Token(), login.Refused()} {
				if token != nil {
					s.check(token.User(), kept.user)
				}
			}
			_ = login.Close()
		}
	case chance < 0.85:
		s.expected(store.InvalidateToken(within, value, ""))
	case chance < 0.9:
		// Its id may be that of another token in this store.
		if found, err := store.FindToken(within, value); s.expected(err) {
			s.expected(store.DeleteToken(within, found.ID()))
		}
	case chance < 0.95:
		_ = kept.token.Close()
	default:
		_, err := kept.token.Allows("review", "GET", "")
		s.expected(err)
	}
}

func TestStressEndsWithoutAWrongAnswer(t *testing.T) {
	s := &shelf{t: t, folder: t.TempDir()}
	end := time.Now().Add(stressSeconds())
	var steps atomic.Int64
	var group sync.WaitGroup
	for i := 0; i < 50; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for time.Now().Before(end) && !s.wrong.Load() {
				s.step()
				steps.Add(1)
			}
		}()
	}
	group.Wait()
	if steps.Load() < 50 || s.events.Load() < 50 {
		t.Errorf("%d steps and %d events are too few", steps.Load(), s.events.Load())
	}
	s.stores, s.tokens = [6]*Store{}, [40]owned{}
	nothingLives(t)
	t.Logf("%d steps, %d events", steps.Load(), s.events.Load())
}
