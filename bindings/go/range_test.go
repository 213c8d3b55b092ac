//go:build go1.23

package rbtoken

import "testing"

func TestListIsRangedOver(t *testing.T) {
	store, _ := open(t)
	for _, user := range []string{"alice", "bob", "eve"} {
		generate(t, store, user, nil)
	}
	list := try[*TokenList](t)(store.ListTokens(ctx, nil))
	users := ""
	for i, token := range list.All() {
		if i == 2 {
			break
		}
		users += token.User()
	}
	equal(t, users, "alicebob")
}
