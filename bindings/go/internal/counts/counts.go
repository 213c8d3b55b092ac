// Package counts reads how often each function of the library was called, from a library that was
// built with --cfg count_calls.
package counts

// #cgo pkg-config: rbtoken
// #cgo LDFLAGS: -ldl
// #define _GNU_SOURCE
// #include <dlfcn.h>
// #include <rbtoken.h>
//
// static rbtoken_buffer_t *read_counts(void)
// {
//     rbtoken_buffer_t *(*counts)(void);
//     *(void **)&counts = dlsym(RTLD_DEFAULT, "rbtoken_call_counts");
//     return counts ? counts() : NULL;
// }
import "C"

import (
	"encoding/json"
)

// Read returns the calls of each function by its name; nil if the library does not count them.
func Read() (map[string]uint64, error) {
	buffer := C.read_counts()
	if buffer == nil {
		return nil, nil
	}
	defer C.rbtoken_buffer_free(buffer)
	var size C.size_t
	data := C.rbtoken_buffer_data(buffer, &size)
	var calls map[string]uint64
	err := json.Unmarshal([]byte(C.GoStringN(data, C.int(size))), &calls)
	return calls, err
}
