// A walk through the Go package: get or create, log in, ask the policy, hooks, errors, goroutines.
//
//	make go
//
// SPDX-License-Identifier: MIT
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"strings"
	"sync"
	"time"

	"rbtoken.example/rbtoken"
)

const readOnly = `{"resources": {"*": {"allow": ["GET"], "block": ["*"]}}}`

var ctx = context.Background()

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func yesOrNo(value bool) string {
	if value {
		return "yes"
	}
	return "no"
}

// getOrCreate may act as alice: a real host finds out first who is asking.
func getOrCreate(store *rbtoken.Store) *rbtoken.Token {
	options := &rbtoken.ClientTokenOptions{
		Expires:          rbtoken.At(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)),
		MinValidity:      rbtoken.Set(time.Hour),
		LocalSite:        "north",
		DefaultPolicy:    json.RawMessage(readOnly),
		DefaultExtraData: json.RawMessage(`{"machine": "build-7"}`),
	}
	token, created, err := store.GetOrCreateClientToken(ctx, "alice", "RBTools", options)
	must(err)
	expires, _ := token.Expires()
	fmt.Printf("A token for %s, created: %s\n", token.User(), yesOrNo(created))
	fmt.Printf("  token       %s\n", token.Redacted())
	fmt.Printf("  client      %s\n", token.ClientName())
	fmt.Printf("  local site  %s\n", token.LocalSite())
	fmt.Printf("  policy      %s\n", token.PolicyText())
	fmt.Printf("  extra data  %s\n", token.ExtraDataText())
	fmt.Printf("  expires     %s\n", expires.Format(time.RFC3339))

	again, created, err := store.GetOrCreateClientToken(ctx, "alice", "RBTools", options)
	must(err)
	defer again.Close()
	fmt.Printf("Again, created: %s, the same: %s\n", yesOrNo(created),
		yesOrNo(again.ID() == token.ID()))
	return token
}

func askThePolicy(token *rbtoken.Token) {
	fmt.Println("\nThe policy")
	for _, method := range []string{"GET", "DELETE"} {
		allowed, err := token.Allows("review_request", method, "42")
		must(err)
		fmt.Printf("  %s: %s\n", method,
			map[bool]string{true: "allowed", false: "blocked"}[allowed])
	}
}

func logIn(store *rbtoken.Store, token *rbtoken.Token) {
	show := func(where, header, site string) {
		login, err := store.AuthenticateHeader(ctx, header, &rbtoken.LoginOptions{Site: site})
		must(err)
		defer login.Close()
		verdict := strings.TrimPrefix(login.Verdict.String(), "RBTOKEN_VERDICT_")
		switch {
		case login.OK():
			fmt.Printf("  %s: %s, %s\n", where, verdict, login.Token().User())
		case login.Refused() != nil && login.Refused().InvalidReason() != "":
			fmt.Printf("  %s: %s, %s\n", where, verdict, login.Refused().InvalidReason())
		default:
			fmt.Printf("  %s: %s\n", where, verdict)
		}
	}
	header := "token " + token.Value()
	fmt.Println("\nLogins")
	show("on north", header, "north")
	show("at the root", header, "")
	show("with another scheme", "Basic YTpi", "")
	show("of nobody", "token rbp_unknown", "")
	must(store.InvalidateToken(ctx, token.Value(), "The laptop was stolen."))
	show("once revoked", header, "north")
}

func showAnError(store *rbtoken.Store) {
	fmt.Println("\nA bad policy")
	_, _, err := store.GetOrCreateClientToken(ctx, "bob", "RBTools", &rbtoken.ClientTokenOptions{
		DefaultPolicy: json.RawMessage(
			`{"resources": {"review_request": {"*": {"allow": "GET"}}}}`),
	})
	var failed *rbtoken.Error
	if errors.As(err, &failed) {
		fmt.Printf("  status    %d %s\n  message   %s\n  argument  %s\n  path      %s\n",
			int32(failed.Status), failed.Status, failed.Message, failed.Argument, failed.JSONPath)
	}
}

func askAtOnce(store *rbtoken.Store) {
	var group sync.WaitGroup
	var lock sync.Mutex
	tokens, made := map[int64]bool{}, 0
	for i := 0; i < 8; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			token, created, err := store.GetOrCreateClientToken(ctx, "zoë", "RBTools", nil)
			must(err)
			defer token.Close()
			lock.Lock()
			defer lock.Unlock()
			tokens[token.ID()] = true
			if created {
				made++
			}
		}()
	}
	group.Wait()
	fmt.Printf("\n8 callers at once: tokens %d, created %d\n", len(tokens), made)
}

// listener gathers what the hooks hear. Several may be called at a time.
type listener struct {
	lock  sync.Mutex
	heard []string
}

func (l *listener) hear(event string, token *rbtoken.Token) {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.heard = append(l.heard, event+" "+token.Redacted()+" of "+token.User())
}

func main() {
	store, err := rbtoken.Open(ctx,
		&rbtoken.Options{Settings: json.RawMessage(`{"local_sites": ["north"]}`)})
	must(err)
	var l listener
	hooks, err := store.AddHooks(rbtoken.Hooks{
		Created: func(_ *rbtoken.Store, token *rbtoken.Token, _ bool) {
			l.hear("created", token)
		},
		Used:        func(_ *rbtoken.Store, token *rbtoken.Token) { l.hear("used", token) },
		Invalidated: func(_ *rbtoken.Store, token *rbtoken.Token) { l.hear("revoked", token) },
	})
	must(err)

	token := getOrCreate(store)
	askThePolicy(token)
	logIn(store, token)
	showAnError(store)
	askAtOnce(store)
	must(store.RemoveHooks(hooks))
	must(store.Close())

	fmt.Println("\nThe hooks heard")
	for _, line := range l.heard {
		fmt.Printf("  %s\n", line)
	}
	fmt.Printf("\nStill here after its store: %s\n", token.Redacted())
}
