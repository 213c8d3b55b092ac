package rbtoken_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"time"

	"rbtoken.example/rbtoken"
)

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func Example() {
	ctx := context.Background()
	store, err := rbtoken.Open(ctx, nil)
	must(err)
	defer store.Close()

	token, created, err := store.GetOrCreateClientToken(ctx, "alice", "RBTools", nil)
	must(err)
	fmt.Println(token, created)

	login, err := store.AuthenticateHeader(ctx, "token "+token.Value(), nil)
	must(err)
	fmt.Println(login.OK(), login.Token().User())
	// Output:
	// Token rbp_***#1 of "alice" true
	// true alice
}

func ExampleStore_GetOrCreateClientToken() {
	ctx := context.Background()
	store, err := rbtoken.Open(ctx,
		&rbtoken.Options{Settings: json.RawMessage(`{"local_sites": ["north"]}`)})
	must(err)
	defer store.Close()

	options := &rbtoken.ClientTokenOptions{
		Expires:       rbtoken.At(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)),
		MinValidity:   rbtoken.Set(time.Hour),
		LocalSite:     "north",
		DefaultPolicy: json.RawMessage(`{"resources": {"*": {"allow": ["GET"], "block": ["*"]}}}`),
	}
	token, _, err := store.GetOrCreateClientToken(ctx, "alice", "RBTools", options)
	must(err)
	allowed, err := token.Allows("review_request", "DELETE", "42")
	must(err)
	fmt.Println(token.LocalSite(), allowed)
	// Output: north false
}

func ExampleError() {
	ctx := context.Background()
	store, err := rbtoken.Open(ctx, nil)
	must(err)
	defer store.Close()

	_, err = store.GetToken(ctx, 7)
	fmt.Println(errors.Is(err, rbtoken.StatusNotFound))

	_, err = store.GenerateToken(ctx, "alice", &rbtoken.GenerateOptions{
		Policy: json.RawMessage(`{"resources": {"*": {"allow": "GET"}}}`)})
	var failed *rbtoken.Error
	if errors.As(err, &failed) {
		fmt.Println(failed.Status, failed.Argument, failed.JSONPath)
	}
	// Output:
	// true
	// RBTOKEN_E_POLICY policy $.resources["*"].allow
}

func ExampleStore_AddHooks() {
	ctx := context.Background()
	store, err := rbtoken.Open(ctx, nil)
	must(err)
	defer store.Close()

	_, err = store.AddHooks(rbtoken.Hooks{
		Created: func(store *rbtoken.Store, token *rbtoken.Token, _ bool) {
			fmt.Println("created", token)
		},
		Used: func(store *rbtoken.Store, token *rbtoken.Token) { fmt.Println("used", token) },
	})
	must(err)
	token, err := store.GenerateToken(ctx, "alice", nil)
	must(err)
	_, err = store.Authenticate(ctx, token.Value(), nil)
	must(err)
	// Output:
	// created Token rbp_***#1 of "alice"
	// used Token rbp_***#1 of "alice"
}

func ExampleTokenList() {
	ctx := context.Background()
	store, err := rbtoken.Open(ctx, nil)
	must(err)
	defer store.Close()
	for _, user := range []string{"alice", "bob"} {
		_, err := store.GenerateToken(ctx, user, nil)
		must(err)
	}

	list, err := store.ListTokens(ctx, &rbtoken.TokenFilter{Validity: rbtoken.OnlyValid})
	must(err)
	defer list.Close()
	for i := 0; i < list.Len(); i++ {
		fmt.Println(list.At(i).User())
	}
	// Output:
	// alice
	// bob
}

func ExampleInstance() {
	ctx := context.Background()
	instance, err := rbtoken.NewInstance(rbtoken.InstanceOptions{
		Settings: json.RawMessage(`{"token_type": "abc"}`)})
	must(err)
	defer instance.Close()
	must(instance.Initialize(ctx))

	store, err := instance.Store()
	must(err)
	defer store.Close()
	token, err := store.GenerateToken(ctx, "alice", nil)
	must(err)
	fmt.Println(token.Redacted())
	// Output: abc_***#1
}
