package rbtoken

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
)

func TestTextThatIsNotUTF8IsRefused(t *testing.T) {
	store, _ := open(t)
	// The second is a lone surrogate.
	for _, secret := range []string{"rbp_secret\xff", "rbp_secret\xed\xa0\x80"} {
		_, generated := store.GenerateToken(ctx, secret, nil)
		_, found := store.FindToken(ctx, secret)
		_, noted := store.GenerateToken(ctx, "alice", &GenerateOptions{Note: secret})
		_, policy := store.GenerateToken(ctx, "alice",
			&GenerateOptions{Policy: json.RawMessage(secret)})
		_, setting := store.Setting(ctx, secret)
		for argument, err := range map[string]error{
			"user": generated, "value": found, "note": noted, "policy": policy, "name": setting,
			"ids":           store.SetPolicyIDs(ctx, []string{secret}),
			"generator_ids": store.SetDeprecatedGenerators(ctx, []string{secret})} {
			failed := refused(t, err, StatusInvalidUTF8, argument)
			equal(t, strings.Contains(failed.Error(), "secret"), false)
		}
	}
	equal(t, try[uint64](t)(store.TokenCount(ctx)), 0)
}

func TestTextWithANULIsRefused(t *testing.T) {
	store, _ := open(t)
	_, err := store.GenerateToken(ctx, "alice\x00bob", nil)
	refused(t, err, StatusEmbeddedNUL, "user")
	refused(t, store.SetPolicyIDs(ctx, []string{"a", "a\x00b"}), StatusEmbeddedNUL, "ids")
	refused(t, store.SetDeprecatedGenerators(ctx, []string{"a\x00"}), StatusEmbeddedNUL,
		"generator_ids")
	_, err = HasInterface("rbtoken.store/1\x00")
	refused(t, err, StatusEmbeddedNUL, "name")
	_, err = Open(ctx, &Options{Location: "a\x00b"})
	refused(t, err, StatusEmbeddedNUL, "location")
	value := generate(t, store, "alice", nil).Value()
	_, err = store.FindToken(ctx, value+"\x00")
	equal(t, strings.Contains(refused(t, err, StatusEmbeddedNUL, "value").Error(), value), false)
}

func TestEmptyTextIsNotAnAbsentOne(t *testing.T) {
	store, _ := open(t)
	_, err := store.GenerateToken(ctx, "", nil)
	refused(t, err, StatusInvalidArgument, "user")
	_, _, err = store.GetOrCreateClientToken(ctx, "alice", "", nil)
	refused(t, err, StatusInvalidArgument, "client_name")
	_, err = NewServiceAccount(ServiceAccountOptions{})
	refused(t, err, StatusInvalidArgument, "id")
	_, err = ParsePolicy(nil, nil)
	refused(t, err, StatusJSONSyntax, "document")
	refused(t, store.SetSetting(ctx, "token_type", nil), StatusJSONSyntax, "value")
}

func TestTimeOutsideTheYearsIsRefused(t *testing.T) {
	store, _ := open(t)
	token := generate(t, store, "alice", nil)
	// The microseconds of the last two do not fit into 64 bits.
	for _, at := range []time.Time{
		time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC),
		time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -7200)),
		time.Unix(1<<60, 0), time.Unix(math.MinInt64/2, 0)} {
		_, generated := store.GenerateToken(ctx, "alice", &GenerateOptions{Expires: At(at)})
		_, updated := store.UpdateToken(ctx, token.ID(), TokenUpdate{Expires: Set(At(at))})
		_, imported := store.ImportToken(ctx, "alice", "x", &ImportOptions{Expires: at})
		_, _, client := store.GetOrCreateClientToken(ctx, "alice", "c",
			&ClientTokenOptions{Expires: At(at)})
		for _, err := range []error{generated, updated, imported, client} {
			refused(t, err, StatusTimeRange, "expires")
		}
		_, err := store.PurgeTokens(ctx, at)
		refused(t, err, StatusTimeRange, "dead_before")
		_, err = store.ListTokens(ctx, &TokenFilter{ExpiresBefore: at})
		refused(t, err, StatusTimeRange, "expires_before")
		_, err = store.ImportToken(ctx, "alice", "x",
			&ImportOptions{InvalidDate: at, Invalid: true})
		refused(t, err, StatusTimeRange, "invalid_date")
		_, err = token.ToJSON(at, false)
		refused(t, err, StatusTimeRange, "at")
		_, err = token.IsExpired(at)
		refused(t, err, StatusTimeRange, "at")
	}
	equal(t, try[uint64](t)(store.TokenCount(ctx)), 1)
	for _, at := range []time.Time{
		time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC),
		time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC)} {
		expires, _ := generate(t, store, "alice", &GenerateOptions{Expires: At(at)}).Expires()
		equal(t, expires, at)
	}
}

func TestZeroTimeIsRefused(t *testing.T) {
	store, _ := open(t)
	var zero time.Time
	_, err := store.GenerateToken(ctx, "alice", &GenerateOptions{Expires: At(zero)})
	refused(t, err, StatusInvalidArgument, "expires")
	_, err = store.PurgeTokens(ctx, zero)
	refused(t, err, StatusInvalidArgument, "dead_before")
	_, err = generate(t, store, "alice", nil).ToJSON(zero, false)
	refused(t, err, StatusInvalidArgument, "at")
}

func TestFractionOfASecondIsRefused(t *testing.T) {
	store, _ := open(t)
	_, _, err := store.GetOrCreateClientToken(ctx, "a", "c",
		&ClientTokenOptions{MinValidity: Set(time.Millisecond)})
	refused(t, err, StatusInvalidArgument, "min_validity")
	_, err = NewServiceAccount(ServiceAccountOptions{ID: "bot", Lifetime: time.Nanosecond})
	refused(t, err, StatusInvalidArgument, "expiration")
	_, err = NewServiceAccount(ServiceAccountOptions{ID: "bot", Lifetime: -time.Second})
	refused(t, err, StatusInvalidArgument, "expiration")
}

func TestNumberThatIsNoTokenIsNotFound(t *testing.T) {
	store, _ := open(t)
	generate(t, store, "alice", nil)
	for _, id := range []int64{0, -1, 2, math.MaxInt64, math.MinInt64} {
		_, got := store.GetToken(ctx, id)
		_, updated := store.UpdateToken(ctx, id, TokenUpdate{})
		for _, err := range []error{got, updated, store.DeleteToken(ctx, id),
			store.InvalidateTokenByID(ctx, id, "")} {
			refused(t, err, StatusNotFound, "id")
		}
	}
	refused(t, store.RemoveHooks(math.MaxUint64), StatusNotFound, "hooks_id")
	_, err := store.ListTokens(ctx, &TokenFilter{Validity: 7})
	refused(t, err, StatusInvalidArgument, "validity_mode")
	equal(t, try[uint64](t)(store.TokenCount(ctx)), 1)
}

func TestOptionsThatContradictAreRefused(t *testing.T) {
	store, _ := open(t)
	_, err := store.Authenticate(ctx, "x", &LoginOptions{AnySite: true, Site: "north"})
	refused(t, err, StatusInvalidArgument, "site")
	_, err = NewServiceAccount(ServiceAccountOptions{ID: "bot", Forever: true, Lifetime: time.Hour})
	refused(t, err, StatusInvalidArgument, "expiration")
}

func TestDocumentErrorNamesThePlace(t *testing.T) {
	store, _ := open(t)
	_, _, err := store.GetOrCreateClientToken(ctx, "alice", "c", &ClientTokenOptions{
		DefaultPolicy: json.RawMessage(`{"resources": {"*": {"allow": "GET"}}}`)})
	failed := refused(t, err, StatusPolicy, "default_policy")
	equal(t, failed.JSONPath, `$.resources["*"].allow`)
	for _, part := range []string{failed.Message, failed.JSONPath, "RBTOKEN_E_POLICY"} {
		equal(t, strings.Contains(err.Error(), part), true)
	}
	_, err = Open(ctx, &Options{Settings: json.RawMessage(`{"speed": 1}`)})
	equal(t, refused(t, err, StatusNotFound, "settings").JSONPath, "$.speed")
	deep := json.RawMessage(strings.Repeat(`{"a":`, 1000) + "1" + strings.Repeat("}", 1000))
	_, err = store.GenerateToken(ctx, "alice", &GenerateOptions{ExtraData: deep})
	refused(t, err, StatusJSONTooDeep, "extra_data")
}

func TestLocationWithAPasswordIsNotShown(t *testing.T) {
	for _, location := range []string{
		"postgresql://alice:s3cret@127.0.0.1:1/db", "postgresql//alice:s3cret@127.0.0.1/db"} {
		_, err := Open(ctx, &Options{Location: location})
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Error(err)
		}
	}
	equal(t, shown(Options{Location: "postgresql://alice:s3cret@host/db"}), "on postgresql")
}

func TestHandleThatWasNeverOpenedIsClosed(t *testing.T) {
	var store *Store
	for _, store := range []*Store{store, {}} {
		_, err := store.TokenCount(ctx)
		isClosed(t, err)
		_, err = store.Authenticate(ctx, "x", nil)
		isClosed(t, err)
		_, err = store.Clone()
		isClosed(t, err)
		must(t, store.Close())
		equal(t, store.String(), "Store (closed)")
	}
	var token *Token
	var list *TokenList
	var policy *Policy
	var account *ServiceAccount
	var instance *Instance
	for _, call := range []func(){
		func() { token.User() }, func() { (&Token{}).User() }, func() { list.Len() },
		func() { (&TokenList{}).At(0) }, func() { account.ID() }} {
		err, _ := recovered(call).(error)
		isClosed(t, err)
	}
	_, err := policy.Allows("a", "GET", "")
	isClosed(t, err)
	_, err = instance.Settings()
	isClosed(t, err)
	_, err = instance.Store()
	isClosed(t, err)
	_, err = ParsePolicy(json.RawMessage(`{}`), &Store{})
	isClosed(t, err)
	equal(t, token.String(), "Token (closed)")
	must(t, token.Close())
	must(t, Login{}.Close())
}
