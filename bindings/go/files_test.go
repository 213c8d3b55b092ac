package rbtoken

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTokenOfAFileIsFoundAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tökens.db")
	store := try[*Store](t)(Open(ctx, &Options{Location: path}))
	equal(t, store.String(), fmt.Sprintf("Store in %q", path))
	token := generate(t, store, "alice", nil)
	_, err := Open(ctx, &Options{Location: path})
	equal(t, errors.Is(err, StatusLocked), true)
	try[Login](t)(store.Authenticate(ctx, token.Value(), nil))
	must(t, store.Flush(ctx))
	must(t, store.Close())
	store = try[*Store](t)(Open(ctx, &Options{Location: path}))
	defer store.Close()
	found := try[*Token](t)(store.GetToken(ctx, token.ID()))
	equal(t, found.Value()+found.User(), token.Value()+"alice")
	_, used := found.LastUsed()
	equal(t, used, true)
}

func TestLocationThatIsNoStoreIsRefused(t *testing.T) {
	folder := t.TempDir()
	other := filepath.Join(folder, "other")
	must(t, os.WriteFile(other, []byte("This is no store."), 0o600))
	for location, want := range map[string]Status{
		other: StatusInvalidArgument, filepath.Join(folder, "missing", "a.db"): StatusIO,
		"nonsense://host/database": StatusInvalidArgument} {
		_, err := Open(ctx, &Options{Location: location})
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", location, err)
		}
	}
}

func TestBackupOpensAsAStore(t *testing.T) {
	store, _ := open(t)
	token := generate(t, store, "alice", nil)
	path := filepath.Join(t.TempDir(), "copy.db")
	must(t, store.Backup(ctx, path))
	if err := store.Backup(ctx, path); !errors.Is(err, StatusExists) {
		t.Error(err)
	}
	copied := try[*Store](t)(Open(ctx, &Options{Location: path}))
	defer copied.Close()
	equal(t, try[Login](t)(copied.Authenticate(ctx, token.Value(), nil)).OK(), true)
}

func TestExportIsImportedWithProgress(t *testing.T) {
	store, _ := open(t)
	generate(t, store, "alice", nil)
	generate(t, store, "bob", nil)
	path := filepath.Join(t.TempDir(), "tokens.jsonl")
	told := ""
	progress := func(done, total uint64) error {
		told = fmt.Sprint(done, " of ", total)
		return nil
	}
	equal(t, try[uint64](t)(store.ExportFile(ctx, path, progress)), 2)
	equal(t, told, "2 of 2")
	other := try[*Store](t)(Open(ctx, nil))
	told = ""
	stop := func(uint64, uint64) error { return errOops }
	_, err := other.ImportFile(ctx, path, stop)
	isError(t, err, errOops)
	equal(t, try[uint64](t)(other.TokenCount(ctx)), 0)
	equal(t, try[uint64](t)(other.ImportFile(ctx, path, progress)), 2)
	equal(t, told, "2 of 2")
	_, err = other.ImportFile(ctx, path, nil)
	equal(t, errors.Is(err, StatusExists), true)
	_, err = store.ExportFile(ctx, path+"2", stop)
	isError(t, err, errOops)
	if _, err := os.Stat(path + "2"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// shareStores runs in a process of its own, which has one shared store.
func shareStores() {
	check := func(ok bool, what string) {
		if !ok {
			panic(what)
		}
	}
	clock, other := newClock(), newClock()
	options := &Options{Clock: clock, Settings: json.RawMessage(`{"token_type": "abc"}`)}
	first, err := Shared(ctx, options)
	check(err == nil, "first")
	for _, again := range []*Options{nil, {}, options} {
		store, err := Shared(ctx, again)
		check(err == nil && store.Same(first), "again")
		_ = store.Close()
	}
	function := ClockFunc(func() (time.Time, error) { return newYear, nil })
	for _, wrong := range []*Options{
		{Clock: clock}, {Clock: other, Settings: options.Settings}, {Location: "x.db"},
		{Clock: function, Settings: options.Settings,
			Entropy: EntropyFunc(func([]byte) error { return nil })}} {
		_, err := Shared(ctx, wrong)
		check(errors.Is(err, StatusState), "wrong")
	}
	check(len(sharing.passed) == 1 && sharing.passed[0].value == Clock(clock),
		"those refused are forgotten")
	token, err := first.GenerateToken(ctx, "alice", nil)
	check(err == nil && token.TimeAdded() == newYear, "clock")
	_ = first.Close()
	last, err := Shared(ctx, nil)
	check(err == nil, "last")
	count, err := last.TokenCount(ctx)
	check(err == nil && count == 1, "the process keeps the store")
	fmt.Print("ok")
}

func init() { programs["share"] = shareStores }

func TestSharedStoreIsOne(t *testing.T) {
	equal(t, run(t, "share"), "ok")
	first, second := try[*Store](t)(Shared(ctx, nil)), try[*Store](t)(Shared(ctx, nil))
	equal(t, first.Same(second), true)
	must(t, first.Close())
	must(t, second.Close())
}
