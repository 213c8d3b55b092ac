package rbtoken

// #cgo pkg-config: rbtoken
// #include <stdlib.h>
// #include "calls.h"
import "C"

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

const (
	// closed is set in a handle's state once it is closed.
	closed = 1 << 62
	// released is set too once the library's object was given back.
	released = 1 << 61
)

// handleKind is what the handles of one kind have in common.
type handleKind struct {
	name    string
	release func(unsafe.Pointer) C.go_result
	// collect closes a handle that is garbage.
	collect func(*handle)
}

// handle owns a reference to an object of the library, and gives it back once: when it was closed
// and the last call on it has ended.
type handle struct {
	// state is the number of calls in flight, with the bits closed and released.
	state   atomic.Int64
	pointer unsafe.Pointer
	kind    *handleKind
	// host is what the callbacks of an Instance need as long as the handle exists.
	host *hostData
}

// newHandle returns a handle that owns a reference. It is not part of the public object, so that a
// copy of that is the same handle, and so that no cycle keeps it from the garbage collector.
func newHandle(kind *handleKind, pointer unsafe.Pointer, host *hostData) *handle {
	h := &handle{pointer: pointer, kind: kind, host: host}
	runtime.SetFinalizer(h, kind.collect)
	return h
}

// enter begins a call. The caller defers leave if there is no error, which also keeps the handle
// from the garbage collector.
func (h *handle) enter() error {
	if h == nil {
		return closedError("handle")
	}
	if h.state.Add(1)&closed == 0 {
		return nil
	}
	h.leave()
	return closedError(h.kind.name)
}

// mustEnter is enter for methods that return no error.
func (h *handle) mustEnter() {
	if err := h.enter(); err != nil {
		panic(err)
	}
}

// leave ends a call.
func (h *handle) leave() {
	if h.state.Add(-1) == closed {
		h.give()
	}
}

// give gives the object back, unless another goroutine does.
func (h *handle) give() {
	// A call that was refused may have made the number of calls 0 once more.
	if h.state.CompareAndSwap(closed, closed|released) {
		dropped(h.kind.release(h.pointer))
	}
}

// close refuses calls from now on. It returns false if the handle was closed before.
func (h *handle) close() bool {
	if h == nil {
		return false
	}
	for {
		state := h.state.Load()
		if state&closed != 0 {
			return false
		}
		if h.state.CompareAndSwap(state, state|closed) {
			runtime.SetFinalizer(h, nil)
			if state == 0 {
				h.give()
			}
			return true
		}
	}
}

// isClosed reports whether the handle was closed.
func (h *handle) isClosed() bool {
	return h == nil || h.state.Load()&closed != 0
}

// closeNow closes a handle that is garbage, if that takes no time.
func closeNow(h *handle) { h.close() }

// closeLater closes a handle that is garbage. To give it back may wait for a disk or call back,
// which would hold up all other finalizers.
func closeLater(h *handle) { go h.close() }

// text copies a text that the library owns.
func text(t C.go_text) string {
	return C.GoStringN(t.data, C.int(t.len))
}

// takeText copies the text of a buffer and frees the buffer.
func takeText(buffer unsafe.Pointer) string {
	if buffer == nil {
		return ""
	}
	defer C.go_buffer_free(buffer)
	return text(C.go_buffer_data(buffer))
}

// texts copies strings into C's memory. The caller calls free. A list that is nil has no address.
func texts(values []string, argument string) (list **C.char, free func(), err error) {
	for _, value := range values {
		if err := refuseNUL(value, argument); err != nil {
			return nil, nil, err
		}
	}
	if values == nil {
		return nil, func() {}, nil
	}
	// One more element, since memory without elements may have no address.
	memory := C.calloc(C.size_t(len(values)+1), C.size_t(unsafe.Sizeof(*list)))
	list = (**C.char)(memory)
	all := unsafe.Slice(list, len(values))
	for i, value := range values {
		all[i] = C.CString(value)
	}
	return list, func() {
		for _, value := range all {
			C.free(unsafe.Pointer(value))
		}
		C.free(memory)
	}, nil
}
