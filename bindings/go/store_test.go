package rbtoken

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestClientTokenAskedTwiceIsTheSame(t *testing.T) {
	store, _ := open(t)
	token, created, err := store.GetOrCreateClientToken(ctx, "alice", "RBTools", nil)
	must(t, err)
	again, createdAgain, err := store.GetOrCreateClientToken(ctx, "alice", "RBTools", nil)
	must(t, err)
	equal(t, created, true)
	equal(t, createdAgain, false)
	equal(t, token.Equal(again), true)
	equal(t, token.Value(), again.Value())
	equal(t, token.ClientName(), "RBTools")
	expires, _ := token.Expires()
	equal(t, expires, newYear.AddDate(1, 0, 0))
}

func TestClientTokenHasItsOptions(t *testing.T) {
	store, _ := open(t)
	expires := time.Date(2030, 1, 1, 12, 0, 0, 123456789, time.FixedZone("", 7200))
	token, _, err := store.GetOrCreateClientToken(ctx, "zoë", "RBTools", &ClientTokenOptions{
		Expires: At(expires), LocalSite: "north", DefaultPolicy: json.RawMessage(blockAll),
		DefaultExtraData: json.RawMessage(`{"Größe": [1, null, {"a": 1.5}]}`),
		IgnoreDeprecated: true})
	must(t, err)
	got, _ := token.Expires()
	equal(t, got, expires.UTC().Truncate(time.Microsecond))
	equal(t, token.User(), "zoë")
	equal(t, token.LocalSite(), "north")
	equal(t, string(try[json.RawMessage](t)(token.Policy())), blockAll)
	var data map[string]any
	must(t, json.Unmarshal(try[json.RawMessage](t)(token.ExtraData()), &data))
	equal(t, fmt.Sprint(data), "map[Größe:[1 <nil> map[a:1.5]] client_name:RBTools]")

	never, _, err := store.GetOrCreateClientToken(ctx, "bob", "RBTools",
		&ClientTokenOptions{Expires: Never()})
	must(t, err)
	_, expiring := never.Expires()
	equal(t, expiring, false)
}

func TestMinValidityCreatesANewToken(t *testing.T) {
	store, _ := open(t)
	for seconds, want := range []bool{true, false} {
		_, created, err := store.GetOrCreateClientToken(ctx, "alice", "RBTools",
			&ClientTokenOptions{
				Expires:     At(newYear.Add(time.Minute)),
				MinValidity: Set(time.Duration(seconds) * 59 * time.Second)})
		must(t, err)
		equal(t, created, want)
	}
	_, created, err := store.GetOrCreateClientToken(ctx, "alice", "RBTools",
		&ClientTokenOptions{MinValidity: Set(time.Minute)})
	must(t, err)
	equal(t, created, true)
}

func TestGeneratedTokenHasItsOptions(t *testing.T) {
	store, _ := open(t)
	token := generate(t, store, "alice", &GenerateOptions{
		Expires: At(newYear), Invalid: true, GeneratorID: "vendor_checksum", TokenType: "abc",
		LocalSite: "north", Note: "n", Policy: json.RawMessage(`{}`),
		ExtraData: json.RawMessage(`{"a": 1}`)})
	equal(t, strings.HasPrefix(token.Value(), "abc_"), true)
	equal(t, token.IsInvalidated(), true)
	equal(t, try[bool](t)(token.IsExpired(newYear)), true)
	equal(t, try[bool](t)(token.IsExpired(newYear.Add(-time.Microsecond))), false)
	equal(t, token.IsDeprecated(), false)
	equal(t, token.Note()+token.GeneratorID()+token.PolicyText()+token.ExtraDataText(),
		`nvendor_checksum{}{"a": 1}`)
	equal(t, token.TimeAdded(), newYear)
	equal(t, token.LastUpdated(), newYear)
	equal(t, token.Redacted(), "abc_***#1")
}

func TestImportedTokenKeepsItsFields(t *testing.T) {
	store, _ := open(t)
	day := func(number int) time.Time { return time.Date(2025, 1, number, 0, 0, 0, 0, time.UTC) }
	token := try[*Token](t)(store.ImportToken(ctx, "alice", strings.Repeat("0", 40), &ImportOptions{
		TimeAdded: day(1), LastUpdated: day(2), LastUsed: day(3), Expires: day(4), Invalid: true,
		InvalidDate: day(5), InvalidReason: "Lost.", GeneratorID: "legacy_sha1", LocalSite: "north",
		Note: "old", Policy: json.RawMessage(`{}`), ExtraData: json.RawMessage(`{"a": null}`)}))
	used, _ := token.LastUsed()
	expires, _ := token.Expires()
	invalid, _ := token.InvalidDate()
	for i, got := range []time.Time{token.TimeAdded(), token.LastUpdated(), used, expires,
		invalid} {
		equal(t, got, day(i+1))
	}
	equal(t, token.IsDeprecated() && token.IsInvalidated(), true)
	equal(t, token.InvalidReason()+token.LocalSite()+token.Note()+token.ExtraDataText(),
		`Lost.northold{"a": null}`)
	plain := try[*Token](t)(store.ImportToken(ctx, "bob", "plain", nil))
	_, isUsed := plain.LastUsed()
	_, isExpiring := plain.Expires()
	equal(t, isUsed || isExpiring, false)
	equal(t, plain.Value(), "plain")
}

func TestServiceAccountGetsItsToken(t *testing.T) {
	store, _ := open(t)
	account := try[*ServiceAccount](t)(NewServiceAccount(ServiceAccountOptions{
		ID: "build-bot", User: "bots", TokenVersion: 2, Lifetime: 24 * time.Hour,
		Policy: json.RawMessage(`{}`)}))
	defer account.Close()
	equal(t, account.ID(), "build-bot")
	token, created, err := account.APIToken(ctx, store, &ServiceTokenOptions{LocalSite: "north"})
	must(t, err)
	_, again, err := account.APIToken(ctx, store,
		&ServiceTokenOptions{LocalSite: "north", MinValidity: Set(time.Hour)})
	must(t, err)
	equal(t, created && !again, true)
	equal(t, token.User()+token.ClientName(), "botsbuild-bot_v2")
	expires, _ := token.Expires()
	equal(t, expires, newYear.AddDate(0, 0, 1))
	forever := try[*ServiceAccount](t)(NewServiceAccount(ServiceAccountOptions{
		ID: "bot", Forever: true}))
	token, _, err = forever.APIToken(ctx, store, nil)
	must(t, err)
	_, isExpiring := token.Expires()
	equal(t, isExpiring, false)
}

func TestTokenIsFoundChangedAndDeleted(t *testing.T) {
	store, _ := open(t)
	token := generate(t, store, "alice",
		&GenerateOptions{Note: "a", Policy: json.RawMessage(blockAll)})
	generate(t, store, "bob", nil)
	equal(t, try[*Token](t)(store.FindToken(ctx, token.Value())).Equal(token), true)
	equal(t, try[*Token](t)(store.GetToken(ctx, token.ID())).Equal(token), true)
	changed := try[*Token](t)(store.UpdateToken(ctx, token.ID(), TokenUpdate{
		Expires: Set(At(newYear)), Note: Set(""), Policy: Set(json.RawMessage(nil))}))
	expires, _ := changed.Expires()
	equal(t, expires, newYear)
	equal(t, changed.Note()+changed.PolicyText(), "{}")
	equal(t, changed.Equal(token), false)
	kept := try[*Token](t)(store.UpdateToken(ctx, token.ID(),
		TokenUpdate{Note: Set("b"), ExtraData: Set(json.RawMessage(`{"a": [1]}`))}))
	expires, _ = kept.Expires()
	equal(t, expires, newYear)
	equal(t, kept.Note()+kept.ExtraDataText(), `b{"a": [1]}`)
	for _, never := range []Expiration{Never(), {}} {
		forever := try[*Token](t)(store.UpdateToken(ctx, token.ID(), TokenUpdate{Expires: &never}))
		_, isExpiring := forever.Expires()
		equal(t, isExpiring, false)
	}
	must(t, store.DeleteToken(ctx, token.ID()))
	_, err := store.GetToken(ctx, token.ID())
	refused(t, err, StatusNotFound, "id")
	equal(t, try[uint64](t)(store.TokenCount(ctx)), 1)
}

func TestListHasWhatMatchesTheFilter(t *testing.T) {
	store, _ := open(t)
	_, _, err := store.GetOrCreateClientToken(ctx, "alice", "RBTools", nil)
	must(t, err)
	generate(t, store, "bob", &GenerateOptions{LocalSite: "north", Expires: At(newYear)})
	for _, it := range []struct {
		filter TokenFilter
		want   string
	}{
		{TokenFilter{}, "[1 2]"}, {TokenFilter{User: "bob"}, "[2]"},
		{TokenFilter{ClientName: "RBTools"}, "[1]"}, {TokenFilter{LocalSite: Set("")}, "[1]"},
		{TokenFilter{LocalSite: Set("north")}, "[2]"}, {TokenFilter{Validity: OnlyValid}, "[1]"},
		{TokenFilter{Validity: OnlyDead}, "[2]"},
		{TokenFilter{ExpiresBefore: newYear.AddDate(0, 0, 1)}, "[2]"},
	} {
		list := try[*TokenList](t)(store.ListTokens(ctx, &it.filter))
		ids := []int64{}
		list.All()(func(i int, token *Token) bool {
			equal(t, list.At(i).Equal(token), true)
			ids = append(ids, token.ID())
			return true
		})
		equal(t, fmt.Sprint(ids), it.want)
		equal(t, len(list.Slice()), list.Len())
	}
	list := try[*TokenList](t)(store.ListTokens(ctx, nil))
	count := 0
	list.All()(func(int, *Token) bool { count++; return false })
	equal(t, count, 1)
	for _, index := range []int{-1, 2, 1 << 40} {
		if recovered(func() { list.At(index) }) == nil {
			t.Errorf("index %d is not refused", index)
		}
	}
}

func TestFormatOfAValueIsChecked(t *testing.T) {
	store, _ := open(t)
	value := generate(t, store, "alice", nil).Value()
	equal(t, try[bool](t)(store.ValueIsValid(ctx, "vendor_checksum", "rbp", value)), true)
	equal(t, try[bool](t)(store.ValueIsValid(ctx, "vendor_checksum", "rbp", value+"x")), false)
}

func TestPayloadHasTheSecretOnlyIfAsked(t *testing.T) {
	store, _ := open(t)
	token := generate(t, store, "alice", &GenerateOptions{Note: "a", Expires: At(newYear)})
	plain := string(try[json.RawMessage](t)(token.ToJSON(newYear.AddDate(0, 0, -1), false)))
	equal(t, strings.Contains(plain, token.Value()), false)
	equal(t, strings.Contains(plain, `"expired": false`), true)
	secret := string(try[json.RawMessage](t)(token.ToJSON(newYear, true)))
	equal(t, strings.Contains(secret, token.Value()), true)
	equal(t, strings.Contains(secret, `"expired": true`), true)
	marshaled, err := json.Marshal(map[string]any{"token": token})
	must(t, err)
	for _, shown := range []string{string(marshaled), fmt.Sprint(token),
		fmt.Sprintf("%+v %#v", token, token)} {
		equal(t, strings.Contains(shown, token.Value()), false)
	}
	equal(t, strings.Contains(string(marshaled), `"note":"a"`), true)
	equal(t, token.String(), `Token rbp_***#1 of "alice"`)
}

func TestRevokedTokenTellsWhenAndWhy(t *testing.T) {
	store, _ := open(t)
	token := generate(t, store, "alice", nil)
	must(t, store.InvalidateToken(ctx, token.Value(), "Lost."))
	login := try[Login](t)(store.Authenticate(ctx, token.Value(), nil))
	equal(t, login.Verdict, VerdictInvalid)
	equal(t, login.OK() || login.Token() != nil, false)
	equal(t, login.Refused().InvalidReason(), "Lost.")
	date, _ := login.Refused().InvalidDate()
	equal(t, date, newYear)
	equal(t, token.IsInvalidated(), false)
	must(t, login.Close())
}

func TestTokensAreRevokedByIDByUserAndAll(t *testing.T) {
	store, _ := open(t)
	first, second := generate(t, store, "alice", nil), generate(t, store, "alice", nil)
	third := generate(t, store, "bob", nil)
	reason := func(token *Token) string {
		return try[*Token](t)(store.GetToken(ctx, token.ID())).InvalidReason()
	}
	must(t, store.InvalidateTokenByID(ctx, first.ID(), "a"))
	equal(t, reason(first), "a")
	equal(t, try[uint64](t)(store.InvalidateUserTokens(ctx, "alice", "b")), 2)
	equal(t, reason(second), "b")
	equal(t, try[Login](t)(store.Authenticate(ctx, third.Value(), nil)).OK(), true)
	equal(t, try[uint64](t)(store.InvalidateAllTokens(ctx, "")), 3)
	equal(t, try[uint64](t)(store.PurgeTokens(ctx, newYear)), 0)
	equal(t, try[uint64](t)(store.PurgeTokens(ctx, newYear.AddDate(0, 0, 1))), 3)
}

func TestLoginsAreJudged(t *testing.T) {
	store, clock := open(t)
	token := generate(t, store, "alice",
		&GenerateOptions{LocalSite: "north", Expires: At(newYear.Add(time.Hour))})
	header := "token " + token.Value()
	login := try[Login](t)(store.AuthenticateHeader(ctx, header, &LoginOptions{Site: "north"}))
	equal(t, login.OK(), true)
	equal(t, login.Token().User(), "alice")
	used, _ := login.Token().LastUsed()
	equal(t, used, newYear)
	verdict := func(text string, options *LoginOptions) Verdict {
		judge := store.Authenticate
		if strings.Contains(text, " ") || text == "" {
			judge = store.AuthenticateHeader
		}
		login := try[Login](t)(judge(ctx, text, options))
		equal(t, login.OK(), login.Verdict == VerdictOK)
		return login.Verdict
	}
	equal(t, verdict(token.Value(), &LoginOptions{AnySite: true}), VerdictOK)
	equal(t, verdict(token.Value(), nil), VerdictWrongSite)
	equal(t, verdict("nobody", nil), VerdictUnknown)
	equal(t, verdict("Basic x", nil), VerdictNotAToken)
	equal(t, verdict("", nil), VerdictNotAToken)
	clock.add(time.Hour)
	equal(t, verdict(token.Value(), &LoginOptions{Site: "north"}), VerdictExpired)
	must(t, store.SetUserActive(ctx, "bob", false))
	bobs := generate(t, store, "bob", nil)
	equal(t, verdict(bobs.Value(), nil), VerdictInactiveUser)
	must(t, store.SetUserActive(ctx, "bob", true))
	equal(t, verdict(bobs.Value(), nil), VerdictOK)
	equal(t, VerdictExpired.String(), "RBTOKEN_VERDICT_EXPIRED")
	equal(t, Login{Verdict: 99}.OK(), false)
	equal(t, Login{}.OK(), false)
}

func TestTextThatIsNoValueIsUnknown(t *testing.T) {
	store, _ := open(t)
	for _, value := range []string{"", "\xff", "a\x00b", "\xed\xa0\x80",
		strings.Repeat("x", 5000)} {
		login := try[Login](t)(store.Authenticate(ctx, value, nil))
		equal(t, login.Verdict, VerdictUnknown)
	}
}

func TestCachedLoginsAreForgotten(t *testing.T) {
	store, _ := open(t)
	value := generate(t, store, "alice", nil).Value()
	must(t, store.ForgetLogin(value))
	must(t, store.ForgetLogins())
	refused(t, store.ForgetLogin(""), StatusInvalidArgument, "value")
}

func TestPolicyAnswersAsItsToken(t *testing.T) {
	store, _ := open(t)
	document := json.RawMessage(
		`{"resources": {"*": {"block": ["*"]}, "review": {"7": {"allow": ["GET"]}}}}`)
	token := generate(t, store, "alice", &GenerateOptions{Policy: document})
	alone := try[*Policy](t)(ParsePolicy(document, nil))
	of := try[*Policy](t)(ParsePolicy(document, store))
	equal(t, string(try[json.RawMessage](t)(of.Document())), string(document))
	for _, subject := range []interface {
		Allows(string, string, string) (bool, error)
	}{token, alone, of} {
		for resource, want := range map[string]bool{"7": true, "8": false, "": false} {
			equal(t, try[bool](t)(subject.Allows("review", "GET", resource)), want)
		}
		allowed, err := subject.Allows("review", "get", "7")
		refused(t, err, StatusInvalidArgument, "method")
		equal(t, allowed, false)
	}
}

func TestUnregisteredPolicyIDsAreRefused(t *testing.T) {
	store, _ := open(t)
	setting := func() string {
		return string(try[json.RawMessage](t)(store.Setting(ctx, "policy_ids")))
	}
	must(t, store.SetPolicyIDs(ctx, []string{"review", "zoë"}))
	equal(t, setting(), `["review", "zo\u00eb"]`)
	_, err := ParsePolicy(json.RawMessage(`{"resources": {"other": {"*": {"allow": ["GET"]}}}}`),
		store)
	refused(t, err, StatusPolicy, "document")
	must(t, store.SetPolicyIDs(ctx, []string{}))
	equal(t, setting(), "[]")
	must(t, store.SetPolicyIDs(ctx, nil))
	equal(t, setting(), "null")
}

func TestSettingsAreJSONValues(t *testing.T) {
	store, _ := open(t)
	must(t, store.SetSetting(ctx, "client_token_expiration", json.RawMessage("0")))
	equal(t, string(try[json.RawMessage](t)(store.Setting(ctx, "client_token_expiration"))), "0")
	must(t, store.SetDeprecatedGenerators(ctx, []string{"vendor_checksum"}))
	equal(t, generate(t, store, "alice", nil).IsDeprecated(), true)
	must(t, store.SetDeprecatedGenerators(ctx, nil))
	equal(t, generate(t, store, "alice", nil).IsDeprecated(), false)
	must(t, store.AddLocalSite(ctx, "south"))
	refused(t, store.AddLocalSite(ctx, "south"), StatusExists, "local_site")
	must(t, store.RemoveLocalSite(ctx, "south"))
	must(t, store.SetDefaultGenerator(ctx, "vendor_checksum"))
	if err := store.SetDefaultGenerator(ctx, "theirs"); !errors.Is(err, StatusGeneration) {
		t.Error(err)
	}
}

func TestLibraryNamesItsNumbers(t *testing.T) {
	equal(t, StatusNotFound.Error(), "RBTOKEN_E_NOT_FOUND")
	equal(t, Status(7777).Error(), "unknown status")
	var major, minor uint32
	_, err := fmt.Sscanf(Version(), "%d.%d", &major, &minor)
	must(t, err)
	equal(t, ABIVersion(), major<<16|minor)
}
