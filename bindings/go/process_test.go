package rbtoken

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"
)

// folderVariable names the folder of a program's files.
const folderVariable = "RBTOKEN_TEST_FOLDER"

func init() {
	programs["exit"] = func() { beBusy(); os.Exit(7) }
	programs["return"] = func() { beBusy() }
	programs["panic"] = func() { beBusy(); panic("the end") }
	programs["exit-in-hook"] = func() { inHook(func() { os.Exit(9) }) }
	programs["signal"] = func() {
		beBusy()
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
		select {}
	}
	programs["signal-in-hook"] = func() {
		inHook(func() {
			_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
			select {}
		})
	}
	programs["child"] = startWhileBusy
	programs["fork"] = useInFork
}

// beBusy starts goroutines whose calls have hooks, on stores in memory and in a file, and returns
// when all of them run.
func beBusy() (stores []*Store) {
	for _, location := range []string{"", filepath.Join(os.Getenv(folderVariable), "tokens.db")} {
		store, err := Open(ctx, &Options{Location: location, Clock: newClock()})
		demand(err)
		_, err = store.AddHooks(Hooks{
			Created: func(store *Store, _ *Token, _ bool) { _, _ = store.TokenCount(ctx) },
			Used:    func(_ *Store, token *Token) { token.User() },
		})
		demand(err)
		started := make(chan struct{}, 100)
		for i := 0; i < 4; i++ {
			go func() {
				for {
					token, err := store.GenerateToken(ctx, "alice", nil)
					demand(err)
					login, err := store.Authenticate(ctx, token.Value(), nil)
					demand(err)
					_, _ = login.Close(), token.Close()
					select {
					case started <- struct{}{}:
					default:
					}
				}
			}()
		}
		for i := 0; i < 20; i++ {
			<-started
		}
		stores = append(stores, store)
	}
	return stores
}

func demand(err error) {
	if err != nil {
		panic(err)
	}
}

// inHook calls a function in a hook while goroutines make calls.
func inHook(end func()) {
	store := beBusy()[0]
	_, err := store.AddHooks(Hooks{Created: func(*Store, *Token, bool) { end() }})
	demand(err)
	_, _ = store.GenerateToken(ctx, "alice", nil)
	select {}
}

// startWhileBusy starts other programs, for which Go forks, and uses the store meanwhile.
func startWhileBusy() {
	store := beBusy()[0]
	for i := 0; i < 10; i++ {
		demand(exec.Command("true").Run())
	}
	_, err := store.TokenCount(ctx)
	fmt.Println(err)
}

// useInFork uses a store in a fork of the process, which has this thread only: a hook, which needs
// another, would wait forever.
func useInFork() {
	store, err := Open(ctx, &Options{
		Location: filepath.Join(os.Getenv(folderVariable), "tokens.db")})
	demand(err)
	hooked := 0
	_, err = store.AddHooks(Hooks{
		Created: func(*Store, *Token, bool) { hooked++ },
		Used:    func(*Store, *Token) { hooked++ },
	})
	demand(err)
	token, err := store.GenerateToken(ctx, "alice", nil)
	demand(err)
	value := token.Value()
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	child, _, failed := syscall.RawSyscall(syscall.SYS_FORK, 0, 0, 0)
	if failed != 0 {
		panic(failed)
	}
	if child == 0 {
		_, generated := store.GenerateToken(ctx, "alice", nil)
		_, authenticated := store.Authenticate(ctx, value, nil)
		_, counted := store.TokenCount(ctx)
		ended := uintptr(0)
		for i, err := range []error{generated, authenticated, counted} {
			if !errors.Is(err, StatusForked) {
				ended |= 1 << i
			}
		}
		syscall.RawSyscall(syscall.SYS_EXIT_GROUP, ended, 0, 0)
	}
	var status syscall.WaitStatus
	_, err = syscall.Wait4(int(child), &status, 0, nil)
	demand(err)
	_, err = store.GenerateToken(ctx, "alice", nil)
	fmt.Println(status.Exited(), status.ExitStatus(), err, hooked)
	demand(store.Close())
}

// end runs a program, and returns how it ended and what it printed.
func end(t *testing.T, name string) (string, string) {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(),
		programVariable+"="+name, folderVariable+"="+t.TempDir())
	var output strings.Builder
	command.Stdout, command.Stderr = &output, &output
	must(t, command.Start())
	hangs := time.AfterFunc(5*time.Minute, func() { _ = command.Process.Kill() })
	defer hangs.Stop()
	_ = command.Wait()
	return command.ProcessState.String(), output.String()
}

func TestProcessEndsWithCallsInFlight(t *testing.T) {
	for name, want := range map[string]string{
		"exit": "exit status 7", "return": "exit status 0", "exit-in-hook": "exit status 9",
		"signal": "signal: terminated", "signal-in-hook": "signal: terminated",
	} {
		for i := 0; i < 3; i++ {
			ended, output := end(t, name)
			if ended != want || output != "" {
				t.Errorf("%s: %s\n%s", name, ended, output)
			}
		}
	}
	ended, output := end(t, "panic")
	if ended != "exit status 2" || !strings.HasPrefix(output, "panic: the end\n") {
		t.Errorf("panic: %s\n%s", ended, output)
	}
}

func TestProcessStartsOthersWithCallsInFlight(t *testing.T) {
	ended, output := end(t, "child")
	equal(t, ended+" "+output, "exit status 0 <nil>\n")
}

func TestForkOfTheProcessMayNotUseItsStores(t *testing.T) {
	ended, output := end(t, "fork")
	equal(t, ended+" "+output, "exit status 0 true 0 <nil> 2\n")
}
