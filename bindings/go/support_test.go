package rbtoken

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"rbtoken.example/rbtoken/internal/counts"
)

// notCalled are the functions that no test calls, and why.
var notCalled = map[string]string{}

// programs are what a test runs in a process of its own, by name.
var programs = map[string]func(){}

// programVariable names the program of a process.
const programVariable = "RBTOKEN_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if program := programs[os.Getenv(programVariable)]; program != nil {
		program()
		return
	}
	code := m.Run()
	if code == 0 && flag.Lookup("test.run").Value.String() == "" {
		code = checkCounts()
	}
	os.Exit(code)
}

// checkCounts fails if the library counts its calls and a function of the header was not called.
func checkCounts() int {
	calls, err := counts.Read()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if calls == nil {
		return 0
	}
	code := 0
	for _, name := range functions {
		if calls[name] == 0 && notCalled[name] == "" {
			fmt.Fprintln(os.Stderr, "not called:", name)
			code = 1
		}
	}
	fmt.Fprintf(os.Stderr, "%d functions, of which %d need not be called\n", len(functions),
		len(notCalled))
	return code
}

// run runs a program in a process of its own, and returns what it printed.
func run(t *testing.T, name string, variables ...string) string {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(append(os.Environ(), programVariable+"="+name), variables...)
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("the program %s: %v\n%s", name, err, output)
	}
	return string(output)
}

var (
	ctx     = context.Background()
	newYear = time.Date(2026, 1, 1, 0, 0, 0, 1000, time.UTC)
)

const (
	readOnly = `{"resources": {"*": {"allow": ["GET"], "block": ["*"]}}}`
	blockAll = `{"resources": {"*": {"block": ["*"]}}}`
)

// testClock is a clock that a test sets.
type testClock struct {
	lock sync.Mutex
	now  time.Time
}

func newClock() *testClock { return &testClock{now: newYear} }

func (c *testClock) Now() (time.Time, error) {
	c.lock.Lock()
	defer c.lock.Unlock()
	return c.now, nil
}

func (c *testClock) add(d time.Duration) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.now = c.now.Add(d)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func try[T any](t testing.TB) func(value T, err error) T {
	return func(value T, err error) T {
		t.Helper()
		must(t, err)
		return value
	}
}

func equal[T comparable](t testing.TB, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func isError(t testing.TB, err, want error) {
	t.Helper()
	if err != want {
		t.Errorf("got %v, want %v", err, want)
	}
}

// open opens a store in memory with a Local Site and a clock.
func open(t testing.TB) (*Store, *testClock) {
	t.Helper()
	clock := newClock()
	store, err := Open(ctx,
		&Options{Clock: clock, Settings: json.RawMessage(`{"local_sites": ["north"]}`)})
	must(t, err)
	t.Cleanup(func() { _ = store.Close() })
	return store, clock
}

func generate(t testing.TB, store *Store, user string, options *GenerateOptions) *Token {
	t.Helper()
	return try[*Token](t)(store.GenerateToken(ctx, user, options))
}

// refused checks the status and the argument of an error, which its text names.
func refused(t testing.TB, err error, status Status, argument string) *Error {
	t.Helper()
	var failed *Error
	if !errors.As(err, &failed) {
		t.Fatalf("got %v, want an Error with %v", err, status)
	}
	if !errors.Is(err, status) || failed.Argument != argument {
		t.Fatalf("got %v, want %v of %q", err, status, argument)
	}
	if argument != "" && !strings.Contains(err.Error(), fmt.Sprintf("%q", argument)) {
		t.Fatalf("%v does not name %q", err, argument)
	}
	return failed
}

// isClosed checks the error of a closed handle.
func isClosed(t testing.TB, err error) {
	t.Helper()
	if !errors.Is(err, ErrClosed) || !errors.Is(err, StatusState) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

// recovered returns what a function panics with.
func recovered(call func()) (value any) {
	defer func() { value = recover() }()
	call()
	return nil
}

// liveHandles returns the handles of the process that are not given back, by kind.
func liveHandles(t testing.TB) map[string]int {
	t.Helper()
	store := try[*Store](t)(Open(ctx, nil))
	defer store.Close()
	var statistics struct{ Handles map[string]int }
	must(t, json.Unmarshal(try[json.RawMessage](t)(store.Statistics()), &statistics))
	statistics.Handles["store"]--
	live := map[string]int{}
	for kind, number := range statistics.Handles {
		if number != 0 {
			live[kind] = number
		}
	}
	return live
}

// nothingLives waits until garbage is given back, and fails if a handle remains.
func nothingLives(t testing.TB) {
	t.Helper()
	var live map[string]int
	for i := 0; i < 500; i++ {
		runtime.GC()
		if live = liveHandles(t); len(live) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("handles remain: %v", live)
}
