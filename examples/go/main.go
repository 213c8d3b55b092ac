// A walk through librbtoken from Go, with cgo: get or create, log in, ask the policy, hooks,
// errors, goroutines.
//
//	make go
//
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"log"
	"sync"
	"time"
)

const readOnly = `{"resources": {"*": {"allow": ["GET"], "block": ["*"]}}}`

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
func getOrCreate(store *Store) *Token {
	options := ClientTokenOptions{
		Expires:          time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
		MinValidity:      time.Hour,
		LocalSite:        "north",
		DefaultPolicy:    readOnly,
		DefaultExtraData: `{"machine": "build-7"}`,
	}
	token, created, err := store.ClientToken("alice", "RBTools", options)
	must(err)
	expires, _ := token.Expires()
	fmt.Printf("A token for %s, created: %s\n", token.User(), yesOrNo(created))
	fmt.Printf("  token       %s\n", token)
	fmt.Printf("  client      %s\n", token.ClientName())
	fmt.Printf("  local site  %s\n", token.LocalSite())
	fmt.Printf("  policy      %s\n", token.Policy())
	fmt.Printf("  extra data  %s\n", token.ExtraData())
	fmt.Printf("  expires     %s\n", expires.Format(time.RFC3339))

	again, created, err := store.ClientToken("alice", "RBTools", options)
	must(err)
	fmt.Printf("Again, created: %s, the same: %s\n", yesOrNo(created), yesOrNo(again.ID() == token.ID()))
	return token
}

func askThePolicy(token *Token) {
	fmt.Println("\nThe policy")
	for _, method := range []string{"GET", "DELETE"} {
		allowed, err := token.Allows("review_request", method, "42")
		must(err)
		fmt.Printf("  %s: %s\n", method, map[bool]string{true: "allowed", false: "blocked"}[allowed])
	}
}

func logIn(store *Store, token *Token) {
	show := func(where, header, site string) {
		login, err := store.Authenticate(header, site)
		must(err)
		switch {
		case login.OK:
			fmt.Printf("  %s: %s, %s\n", where, login.Verdict, login.Token.User())
		case login.Refused != nil && login.Refused.InvalidReason() != "":
			fmt.Printf("  %s: %s, %s\n", where, login.Verdict, login.Refused.InvalidReason())
		default:
			fmt.Printf("  %s: %s\n", where, login.Verdict)
		}
	}
	header := "token " + token.Value()
	fmt.Println("\nLogins")
	show("on north", header, "north")
	show("at the root", header, "")
	show("with another scheme", "Basic YTpi", "")
	show("of nobody", "token rbp_unknown", "")
	must(store.Invalidate(token.Value(), "The laptop was stolen."))
	show("once revoked", header, "north")
}

func showAnError(store *Store) {
	fmt.Println("\nA bad policy")
	bad := `{"resources": {"review_request": {"*": {"allow": "GET"}}}}`
	_, _, err := store.ClientToken("bob", "RBTools", ClientTokenOptions{DefaultPolicy: bad})
	describe(err)
}

// askAtOnce asks from eight goroutines. A goroutine may move to another thread between two calls,
// which makes no difference to the library: it keeps nothing for a thread.
func askAtOnce(store *Store) {
	var group sync.WaitGroup
	var lock sync.Mutex
	tokens, made := map[int64]bool{}, 0
	for i := 0; i < 8; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			token, created, err := store.ClientToken("zoë", "RBTools", ClientTokenOptions{})
			must(err)
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

func main() {
	store, err := OpenStore()
	must(err)
	must(store.AddLocalSite("north"))
	var l listener
	hooks, err := store.addHooks(&l)
	must(err)

	token := getOrCreate(store)
	askThePolicy(token)
	logIn(store, token)
	showAnError(store)
	askAtOnce(store)
	must(store.removeHooks(hooks))
	store.Close()

	fmt.Println("\nThe hooks heard")
	for _, line := range l.heard {
		fmt.Printf("  %s\n", line)
	}
	fmt.Printf("\nStill here after its store: %s\n", token)
}
