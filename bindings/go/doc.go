// Package rbtoken issues, finds, checks and revokes Review Board API tokens, by the rules of Review
// Board 8.1. It calls librbtoken, which pkg-config must find.
//
//	store, err := rbtoken.Open(ctx, &rbtoken.Options{Location: "tokens.db"})
//	token, created, err := store.GetOrCreateClientToken(ctx, "alice", "RBTools", nil)
//	login, err := store.AuthenticateHeader(ctx, request.Header.Get("Authorization"), nil)
//	if err == nil && login.OK() { … }
//
// Whoever can ask a store for tokens can act as any user: authenticate the asker first.
//
// # Handles
//
// Any goroutine may use a Store, Token, TokenList, Policy, ServiceAccount or Instance, and close it
// at any time and in any order. A copy of a handle is the same handle. Close gives it back when the
// last call on it has ended. After that, methods that return an error return one that is ErrClosed,
// and methods that do not, such as [Token.User], panic with it. The garbage collector closes a
// handle that nothing refers to. Close stores all the same: until then a file is locked, and the
// times of the last logins may not be written.
//
// # Contexts
//
// A call with a context does nothing if the context is done. On a file or a database, a call stops
// waiting when its context is done and returns the context's error. What the call does goes on:
// what it changes is changed.
//
// # Callbacks
//
// Hooks, clocks, generators and other callbacks run on goroutines of their own while the call that
// needs them waits. An error that a callback returns is returned by the call. If a callback panics,
// the call panics with a [*CallbackPanic] when it returns. If it calls [runtime.Goexit], as
// testing's FailNow does, so does the call.
package rbtoken
