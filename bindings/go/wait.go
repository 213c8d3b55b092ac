package rbtoken

import (
	"context"
	"log"
	"runtime"
)

// outcome is what came of a call on another goroutine.
type outcome[T any] struct {
	value T
	err   error
	// panicked is what the call panicked with.
	panicked any
	// hasExited says that the call ended its goroutine.
	hasExited bool
}

// await runs a call. If the call may wait and the context can be done, await stops waiting when it
// is, and drop gets what the call returns later.
func await[T any](
	ctx context.Context, mayWait bool, call func() (T, error), drop func(T),
) (T, error) {
	if err := begin(ctx); err != nil {
		var none T
		return none, err
	}
	if !mayWait || ctx.Done() == nil {
		return call()
	}
	ended := make(chan outcome[T], 1)
	go func() {
		result := outcome[T]{hasExited: true}
		defer func() {
			if result.hasExited {
				result.panicked = recover()
			}
			ended <- result
		}()
		result.value, result.err = call()
		result.hasExited = false
	}()
	select {
	case result := <-ended:
		return result.get()
	case <-ctx.Done():
		go func() {
			switch result := <-ended; {
			case result.panicked != nil:
				// Nobody is there to be told.
				log.Printf("rbtoken: a call whose context was done panicked: %v", result.panicked)
			case !result.hasExited && result.err == nil && drop != nil:
				drop(result.value)
			}
		}()
		var none T
		return none, ctx.Err()
	}
}

// begin returns the error of a call whose context is done, or nil itself.
func begin(ctx context.Context) error {
	if ctx == nil {
		return &Error{Status: StatusNullArgument, Argument: "ctx",
			Message: "context must not be nil"}
	}
	return ctx.Err()
}

// get returns the outcome as the call would have.
func (o outcome[T]) get() (T, error) {
	if o.panicked != nil {
		panic(o.panicked)
	}
	if o.hasExited {
		runtime.Goexit()
	}
	return o.value, o.err
}
