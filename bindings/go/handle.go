package rbtoken

// #cgo pkg-config: rbtoken
// #include <stdlib.h>
// #include "calls.h"
import "C"

import (
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

// A slot's state is the number of calls in flight, the bit closed, and a generation.
const (
	calls      = 1<<23 - 1
	closed     = 1 << 23
	generation = 1 << 24
)

// handleKind is what the handles of one kind have in common.
type handleKind struct {
	name    string
	release func(unsafe.Pointer)
	// isSlow says that a release may wait for a disk or call back, which would hold up all other
	// finalizers.
	isSlow bool
	// slots are those that no handle uses, for a kind of which there are many; else nil.
	slots *sync.Pool
}

// slot owns a reference to an object of the library, and gives it back once: when the handle was
// closed and the last call on it has ended. A token's slot is used again for another token then,
// since to set a finalizer costs as much as several calls. The generation in its state tells its
// handles apart. A closed handle that somebody keeps also keeps the one token that has its slot now
// from the garbage collector, so that slots of stores, which lock files, are not used again.
type slot struct {
	state   atomic.Uint64
	pointer unsafe.Pointer
	// host is what the callbacks of an Instance need as long as the handle is open.
	host *hostData
	kind *handleKind
}

// handle is one use of a slot. Copies are the same handle. The zero handle is closed.
type handle struct {
	*slot
	// own is the state of the slot while the handle is open, without the calls.
	own uint64
}

// newHandle returns a handle that owns a reference.
func newHandle(kind *handleKind, pointer unsafe.Pointer, host *hostData) handle {
	var s *slot
	if kind.slots != nil {
		s, _ = kind.slots.Get().(*slot)
	}
	if s == nil {
		s = &slot{kind: kind}
		runtime.SetFinalizer(s, (*slot).collect)
	}
	s.pointer, s.host = pointer, host
	return handle{s, s.state.Load()}
}

// collect gives back the object of a handle that is garbage: no call on it is in flight.
func (s *slot) collect() {
	switch {
	case s.pointer == nil:
	case s.kind.isSlow:
		go func() {
			s.kind.release(s.pointer)
			runtime.KeepAlive(s.host)
		}()
	default:
		s.kind.release(s.pointer)
	}
}

// enter begins a call. The caller defers leave if there is no error, which also keeps the slot from
// the garbage collector.
func (h handle) enter() error {
	if h.slot == nil {
		return closedError("handle")
	}
	for {
		state := h.state.Load()
		if state&^calls != h.own {
			return closedError(h.kind.name)
		}
		if h.state.CompareAndSwap(state, state+1) {
			return nil
		}
	}
}

// mustEnter is enter for methods that return no error.
func (h handle) mustEnter() {
	if err := h.enter(); err != nil {
		panic(err)
	}
}

// leave ends a call.
func (h handle) leave() {
	if state := h.state.Add(^uint64(0)); state&(calls|closed) == closed {
		h.give()
	}
}

// give gives the object back. No call can begin any more, and none is in flight.
func (h handle) give() {
	pointer, host := h.pointer, h.host
	h.pointer, h.host = nil, nil
	h.state.Store(h.own + generation)
	if h.kind.slots != nil {
		h.kind.slots.Put(h.slot)
	} else {
		runtime.SetFinalizer(h.slot, nil)
	}
	h.kind.release(pointer)
	runtime.KeepAlive(host)
}

// close refuses calls from now on. A handle that is closed stays so.
func (h handle) close() {
	if h.slot == nil {
		return
	}
	for {
		state := h.state.Load()
		if state&^calls != h.own {
			return
		}
		if h.state.CompareAndSwap(state, state|closed) {
			if state&calls == 0 {
				h.give()
			}
			return
		}
	}
}

// isClosed reports whether the handle was closed.
func (h handle) isClosed() bool {
	return h.slot == nil || h.state.Load()&^calls != h.own
}

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
