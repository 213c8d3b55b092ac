package rbtoken

// #include <stdlib.h>
// #include "calls.h"
import "C"

import (
	"context"
	"encoding/json"
	"runtime"
	"runtime/cgo"
	"unsafe"
)

// Extension is what the library says of itself as a plugin.
type Extension struct {
	ID, Name, Version, Author, License, Summary, URL string
}

// table returns the functions of the plugin interface, which the library keeps for good.
func table() (*C.rbtoken_extension_v1_t, error) {
	result := C.go_extension()
	return (*C.rbtoken_extension_v1_t)(result.object), finish(result)
}

// ReadExtension returns what the library says of itself.
func ReadExtension() (Extension, error) {
	t, err := table()
	if err != nil {
		return Extension{}, err
	}
	return Extension{
		ID: C.GoString(t.id), Name: C.GoString(t.name), Version: C.GoString(t.version),
		Author: C.GoString(t.author), License: C.GoString(t.license),
		Summary: C.GoString(t.summary), URL: C.GoString(t.url),
	}, nil
}

// SettingsSchema returns a JSON Schema of the settings.
func SettingsSchema() (json.RawMessage, error) {
	t, err := table()
	if err != nil {
		return nil, err
	}
	return json.RawMessage(C.GoString(C.go_settings_schema(t))), nil
}

// HasInterface reports whether the library has a table of functions, such as rbtoken.store/1.
func HasInterface(name string) (bool, error) {
	t, err := table()
	if err == nil {
		err = refuseNUL(name, "name")
	}
	if err != nil {
		return false, err
	}
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	return bool(C.go_has_interface(t, text)), nil
}

// InstanceOptions are what an Instance gets from its host. Each of them may be nil.
type InstanceOptions struct {
	// Settings is a JSON object with those of Store.SetSetting and location; nil: all defaults.
	Settings json.RawMessage
	// Log is told of the life of the instance and of each token.
	Log LogFunc
	// Clock replaces the system's clock.
	Clock Clock
	// Entropy replaces the system's source of unpredictable bytes.
	Entropy Entropy
}

// Instance is an instance of the extension, with a store, settings and a life of its own: created,
// configured, initialized, shut down. Instances share nothing. Close shuts one down.
type Instance struct {
	h     handle
	table *C.rbtoken_extension_v1_t
}

var instanceKind = &handleKind{
	name: "Instance",
	release: func(p unsafe.Pointer) {
		if t, err := table(); err == nil {
			dropped(C.go_instance_destroy(t, p))
		}
	},
	isSlow: true,
}

// NewInstance creates an instance and configures it.
func NewInstance(options InstanceOptions) (*Instance, error) {
	if incompatible != nil {
		return nil, incompatible
	}
	t, err := table()
	if err != nil {
		return nil, err
	}
	host := &hostData{log: options.Log, clock: options.Clock, entropy: options.Entropy}
	// The table of handles refers to what callbacks need, and not to host, which ends with the last
	// handle that may call back.
	callbacks := *host
	host.handle = cgo.NewHandle(&callbacks)
	runtime.SetFinalizer(host, func(host *hostData) { host.handle.Delete() })
	result := C.go_instance_create(t, C.uintptr_t(host.handle), C.bool(host.log != nil),
		C.bool(host.clock != nil), C.bool(host.entropy != nil))
	instance := &Instance{table: t}
	if result.object != nil {
		instance.h = newHandle(instanceKind, result.object, host)
	}
	err = finish(result)
	if err == nil {
		err = instance.Configure(options.Settings)
	}
	runtime.KeepAlive(host)
	if err != nil {
		_ = instance.Close()
		return nil, err
	}
	return instance, nil
}

func (i *Instance) ref() handle {
	if i == nil {
		return handle{}
	}
	return i.h
}

// Close shuts the instance down. Calls in flight go on. It always returns nil.
func (i *Instance) Close() error {
	i.ref().close()
	return nil
}

// call runs a call of the instance that returns C results.
func (i *Instance) call(call func(*C.rbtoken_instance_t) C.go_result) (C.go_result, error) {
	h := i.ref()
	if err := h.enter(); err != nil {
		return C.go_result{}, err
	}
	defer h.leave()
	result := call((*C.rbtoken_instance_t)(h.pointer))
	return result, nil
}

// change runs a call that only succeeds or fails.
func (i *Instance) change(call func(*C.rbtoken_instance_t) C.go_result) error {
	result, err := i.call(call)
	if err != nil {
		return err
	}
	return finish(result)
}

// Configure sets the settings, in place of earlier ones; nil: all defaults. It fails while the
// instance is initialized.
func (i *Instance) Configure(settings json.RawMessage) error {
	return i.change(func(instance *C.rbtoken_instance_t) C.go_result {
		return C.go_instance_configure(i.table, instance, document(settings))
	})
}

// Initialize opens the instance's store.
func (i *Instance) Initialize(ctx context.Context) error {
	_, err := await(ctx, true, func() (struct{}, error) {
		return struct{}{}, i.change(func(instance *C.rbtoken_instance_t) C.go_result {
			return C.go_instance_initialize(i.table, instance)
		})
	}, nil)
	return err
}

// Shutdown closes the instance's store, and removes its hooks and generators.
func (i *Instance) Shutdown() error {
	return i.change(func(instance *C.rbtoken_instance_t) C.go_result {
		return C.go_instance_shutdown(i.table, instance)
	})
}

// Store returns a handle of the instance's store, while the instance is initialized.
func (i *Instance) Store() (*Store, error) {
	h := i.ref()
	if err := h.enter(); err != nil {
		return nil, err
	}
	defer h.leave()
	result := C.go_instance_store(i.table, (*C.rbtoken_instance_t)(h.pointer))
	store := newStore(result.object, false, "of an Instance", h.host)
	if err := finish(result); err != nil {
		return nil, err
	}
	kind, err := store.kind()
	store.mayWait = kind != "memory"
	return store, err
}

// Settings returns all settings in force.
func (i *Instance) Settings() (json.RawMessage, error) {
	result, err := i.call(func(instance *C.rbtoken_instance_t) C.go_result {
		return C.go_instance_settings(i.table, instance)
	})
	if err != nil {
		return nil, err
	}
	return jsonOf(result)
}
