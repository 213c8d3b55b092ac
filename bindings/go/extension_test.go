package rbtoken

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestExtensionSaysWhoItIs(t *testing.T) {
	extension := try[Extension](t)(ReadExtension())
	equal(t, extension.ID+extension.License+extension.Version, "rbtokenMIT"+Version())
	for _, text := range []string{extension.Name, extension.Author, extension.Summary,
		extension.URL} {
		equal(t, text != "", true)
	}
	var schema struct{ Properties map[string]any }
	must(t, json.Unmarshal(try[json.RawMessage](t)(SettingsSchema()), &schema))
	equal(t, schema.Properties["token_type"] != nil, true)
	equal(t, try[bool](t)(HasInterface("rbtoken.store/1")), true)
	equal(t, try[bool](t)(HasInterface("rbtoken.store/2")), false)
}

func TestInstanceHasALife(t *testing.T) {
	instance := try[*Instance](t)(NewInstance(InstanceOptions{
		Settings: json.RawMessage(`{"token_type": "abc"}`), Clock: newClock(),
		Entropy: EntropyFunc(func(bytes []byte) error { return nil })}))
	_, err := instance.Store()
	refused(t, err, StatusState, "instance")
	must(t, instance.Initialize(ctx))
	refused(t, instance.Initialize(ctx), StatusState, "instance")
	refused(t, instance.Configure(nil), StatusState, "instance")
	store := try[*Store](t)(instance.Store())
	token := generate(t, store, "alice", nil)
	equal(t, strings.HasPrefix(token.Value(), "abc_"), true)
	equal(t, token.TimeAdded(), newYear)
	again := try[*Store](t)(instance.Store())
	equal(t, again.Same(store), true)
	must(t, instance.Shutdown())
	_, err = store.GenerateToken(ctx, "alice", nil)
	equal(t, errors.Is(err, StatusState), true)
	refused(t, instance.Shutdown(), StatusState, "instance")
	must(t, instance.Configure(nil))
	var settings struct {
		TokenType string `json:"token_type"`
	}
	must(t, json.Unmarshal(try[json.RawMessage](t)(instance.Settings()), &settings))
	equal(t, settings.TokenType, "rbp")
	must(t, instance.Close())
	must(t, store.Close())
	must(t, again.Close())
	nothingLives(t)
}

func TestBadSettingsLeaveNoInstance(t *testing.T) {
	_, err := NewInstance(InstanceOptions{
		Settings: json.RawMessage(`{"token_type": 7}`), Clock: newClock()})
	var failed *Error
	equal(t, errors.As(err, &failed) && failed.JSONPath == "$.token_type", true)
	nothingLives(t)
}

func TestStoreOutlivesItsInstance(t *testing.T) {
	location, err := json.Marshal(map[string]string{"location": filepath.Join(t.TempDir(), "a.db")})
	must(t, err)
	instance := try[*Instance](t)(NewInstance(InstanceOptions{
		Settings: location, Clock: newClock()}))
	must(t, instance.Initialize(ctx))
	store := try[*Store](t)(instance.Store())
	must(t, instance.Close())
	_, err = store.GenerateToken(ctx, "alice", nil)
	equal(t, errors.Is(err, StatusState), true)
	must(t, store.Close())
}

func TestHostIsToldByItsLog(t *testing.T) {
	var lock sync.Mutex
	lines := map[LogLevel]string{}
	instance := try[*Instance](t)(NewInstance(InstanceOptions{Log: func(
		level LogLevel, target, message string,
	) {
		lock.Lock()
		defer lock.Unlock()
		lines[level] += target + " " + message + "\n"
	}}))
	must(t, instance.Initialize(ctx))
	generate(t, try[*Store](t)(instance.Store()), "alice", nil)
	must(t, instance.Close())
	equal(t, strings.Contains(lines[LogLevelDebug], "alice"), true)
	equal(t, strings.Contains(lines[LogLevelInfo], "rbtoken.extension "), true)
}

func TestPanicOfTheLogIsThatOfTheCall(t *testing.T) {
	fails := false
	instance := try[*Instance](t)(NewInstance(InstanceOptions{Log: func(LogLevel, string, string) {
		if fails {
			panic(errOops)
		}
	}}))
	fails = true
	panicked, _ := recovered(func() { _ = instance.Initialize(ctx) }).(error)
	equal(t, errors.Is(panicked, errOops), true)
	fails = false
	must(t, instance.Close())
}
