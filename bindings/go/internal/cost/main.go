// Command cost measures what a login costs, in empty calls of cgo over a login in C.
//
//	go run ./internal/cost
//
// It ends with status 1 if that is more than 6. The library should be optimized.
package main

// #cgo pkg-config: rbtoken
// #include <rbtoken.h>
// #include <time.h>
//
// static void empty(void) {}
//
// /* The seconds of one login in C, with its token released; negative if it failed. */
// static double login(rbtoken_store_t *store, const char *value, size_t len, int calls)
// {
//     struct timespec start, end;
//     clock_gettime(CLOCK_MONOTONIC, &start);
//     for (int i = 0; i < calls; i++) {
//         rbtoken_verdict_t verdict;
//         rbtoken_token_t *token, *refused;
//         if (rbtoken_store_authenticate(store, value, len, NULL, &verdict, &token, &refused,
//                                        NULL) != RBTOKEN_OK ||
//             verdict != RBTOKEN_VERDICT_OK) {
//             return -1;
//         }
//         rbtoken_token_release(token);
//     }
//     clock_gettime(CLOCK_MONOTONIC, &end);
//     return ((double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec)) /
//            calls;
// }
//
// static rbtoken_token_t *generate(rbtoken_store_t *store)
// {
//     rbtoken_token_t *token = NULL;
//     rbtoken_status_t status = rbtoken_store_generate_token(store, RBTOKEN_STR("alice"), NULL,
//                                                            &token, NULL);
//     return status == RBTOKEN_OK ? token : NULL;
// }
//
// static rbtoken_store_t *open_store(void)
// {
//     rbtoken_store_t *store = NULL;
//     return rbtoken_store_open(NULL, &store, NULL) == RBTOKEN_OK ? store : NULL;
// }
import "C"

import (
	"context"
	"fmt"
	"log"
	"os"
	"sort"
	"time"

	"rbtoken.example/rbtoken"
)

const (
	limit  = 6
	rounds = 200
	calls  = 1000
)

// seconds returns the time of one call.
func seconds(call func()) float64 {
	start := time.Now()
	for i := 0; i < calls; i++ {
		call()
	}
	return time.Since(start).Seconds() / calls
}

func median(values []float64) float64 {
	sort.Float64s(values)
	return values[len(values)/2]
}

func main() {
	ctx := context.Background()
	store, err := rbtoken.Open(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	token, err := store.GenerateToken(ctx, "alice", nil)
	if err != nil {
		log.Fatal(err)
	}
	value := token.Value()
	login := func() {
		login, err := store.Authenticate(ctx, value, nil)
		if err != nil || !login.OK() {
			log.Fatal(login, err)
		}
		_ = login.Close()
	}

	inC := C.open_store()
	tokenInC := C.generate(inC)
	var size C.size_t
	valueInC := C.rbtoken_token_value(tokenInC, &size)

	var empty, goLogin, cLogin, over []float64
	for i := 0; i < rounds; i++ {
		// All three in each round, so that a busy machine slows all.
		one, two := seconds(func() { C.empty() }), seconds(login)
		three := float64(C.login(inC, valueInC, size, calls))
		if three < 0 {
			log.Fatal("the login in C failed")
		}
		empty, goLogin, cLogin = append(empty, one), append(goLogin, two), append(cLogin, three)
		over = append(over, (two-three)/one)
	}
	C.rbtoken_token_release(tokenInC)
	C.rbtoken_store_release(inC)
	ratio := median(over)
	fmt.Printf("Authenticate and Close: %.0f ns, in C %.0f ns; "+
		"over C %.1f empty calls of %.0f ns (at most %d)\n",
		median(goLogin)*1e9, median(cLogin)*1e9, ratio, median(empty)*1e9, limit)
	if ratio > limit {
		os.Exit(1)
	}
}
