//! Handles of the library, and the external values that hold them in JavaScript.

use std::ffi::c_void;
use std::sync::{Arc, Mutex, PoisonError};

use napi_sys as sys;

use crate::abi::Handle;
use crate::host::HostKey;
use crate::js::{Arguments, Misuse};
use crate::library::{api, extension};

macro_rules! owners {
    ($($(#[$doc:meta])* $name:ident: $release:ident;)*) => {$(
        $(#[$doc])*
        pub struct $name(Handle);

        // SAFETY: the library's functions on this handle are thread-safe.
        unsafe impl Send for $name {}
        // SAFETY: as above.
        unsafe impl Sync for $name {}

        impl $name {
            /// # Safety
            /// The handle must be valid, and must not be released elsewhere.
            pub unsafe fn own(handle: Handle) -> Self {
                Self(handle)
            }

            pub fn get(&self) -> Handle {
                self.0
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: the handle is owned, and this is the last use of it.
                unsafe { (api().$release)(self.0) }
            }
        }
    )*};
}

owners! {
    /// A reference to a token.
    TokenRef: token_release;
    /// A list of tokens.
    ListRef: token_list_free;
    /// A policy.
    PolicyRef: policy_free;
    /// A service account.
    AccountRef: service_account_free;
}

impl TokenRef {
    /// Retains a borrowed token.
    ///
    /// # Safety
    /// The token must be valid.
    pub unsafe fn retain(token: Handle) -> Self {
        // SAFETY: as promised by the caller.
        Self(unsafe { (api().token_retain)(token) })
    }
}

impl Clone for TokenRef {
    fn clone(&self) -> Self {
        // SAFETY: the token is valid while it is borrowed.
        unsafe { Self::retain(self.0) }
    }
}

/// A reference to a store, and the hooks that were added through it. Running calls share it, so it
/// is released after the last of them.
pub struct StoreRef {
    handle: Handle,
    hooks: Mutex<Vec<u64>>,
    /// The host functions of the extension instance that the store belongs to.
    _keep: Option<Arc<HostKey>>,
}

// SAFETY: stores are thread-safe.
unsafe impl Send for StoreRef {}
// SAFETY: as above.
unsafe impl Sync for StoreRef {}

impl StoreRef {
    /// # Safety
    /// The handle must be valid, and must not be released elsewhere.
    pub unsafe fn own(handle: Handle, keep: Option<Arc<HostKey>>) -> Arc<Self> {
        Arc::new(Self { handle, hooks: Mutex::new(Vec::new()), _keep: keep })
    }

    pub fn get(&self) -> Handle {
        self.handle
    }

    pub fn add_hooks(&self, id: u64) {
        self.hooks.lock().unwrap_or_else(PoisonError::into_inner).push(id);
    }

    pub fn forget_hooks(&self, id: u64) {
        self.hooks.lock().unwrap_or_else(PoisonError::into_inner).retain(|it| *it != id);
    }
}

impl Drop for StoreRef {
    fn drop(&mut self) {
        let hooks = std::mem::take(self.hooks.get_mut().unwrap_or_else(PoisonError::into_inner));
        for id in hooks {
            // The store may live on (`Store.shared`) and would continue to call the hooks.
            // SAFETY: the store is valid; no error object is requested.
            let _ = unsafe { (api().store_remove_hooks)(self.handle, id, std::ptr::null_mut()) };
        }
        // SAFETY: the handle is owned, and this is the last use of it.
        unsafe { (api().store_release)(self.handle) }
    }
}

/// An extension instance, which calls its host functions until it is destroyed.
pub struct InstanceRef {
    handle: Handle,
    pub keep: Arc<HostKey>,
}

// SAFETY: instances are thread-safe.
unsafe impl Send for InstanceRef {}
// SAFETY: as above.
unsafe impl Sync for InstanceRef {}

impl InstanceRef {
    /// # Safety
    /// The handle must be valid, and must not be destroyed elsewhere.
    pub unsafe fn own(handle: Handle, keep: Arc<HostKey>) -> Arc<Self> {
        Arc::new(Self { handle, keep })
    }

    pub fn get(&self) -> Handle {
        self.handle
    }
}

impl Drop for InstanceRef {
    fn drop(&mut self) {
        if let Ok(table) = extension() {
            // SAFETY: the handle is owned, and this is the last use of it.
            unsafe { (table.destroy)(self.handle) }
        }
    }
}

/// A type that an external value of JavaScript can hold.
pub trait Kind: Sized + 'static {
    /// Identifies the type.
    const KIND: u32;
}

macro_rules! kinds {
    ($($kind:ty: $number:literal;)*) => {$(
        impl Kind for $kind {
            const KIND: u32 = $number;
        }
    )*};
}

kinds! {
    TokenRef: 0x7262_0001;
    ListRef: 0x7262_0002;
    Arc<PolicyRef>: 0x7262_0003;
    Arc<AccountRef>: 0x7262_0004;
    Arc<StoreRef>: 0x7262_0005;
    Arc<InstanceRef>: 0x7262_0006;
}

/// The memory of an external value. The type is the first field, so that it can be read before the
/// rest is known.
#[repr(C)]
struct External<T> {
    kind: u32,
    /// `None` once it was closed.
    value: Option<T>,
}

unsafe extern "C" fn finalize<T>(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
    // SAFETY: the pointer comes from `wrap`, and the external value was garbage-collected.
    drop(unsafe { Box::from_raw(data.cast::<External<T>>()) });
}

/// Creates an external value that holds a handle until it is closed or garbage-collected. Returns
/// NULL if JavaScript can no longer run.
pub fn wrap<T: Kind>(env: sys::napi_env, value: T) -> sys::napi_value {
    let external = Box::into_raw(Box::new(External { kind: T::KIND, value: Some(value) }));
    let mut result = std::ptr::null_mut();
    // SAFETY: the finalizer has the type of the memory.
    let status = unsafe {
        sys::napi_create_external(
            env,
            external.cast(),
            Some(finalize::<T>),
            std::ptr::null_mut(),
            &raw mut result,
        )
    };
    if status != sys::Status::napi_ok {
        // SAFETY: JavaScript did not take ownership.
        drop(unsafe { Box::from_raw(external) });
        return std::ptr::null_mut();
    }
    result
}

impl Arguments {
    fn external(&self, index: usize) -> Result<*mut c_void, Misuse> {
        let mut data = std::ptr::null_mut();
        // SAFETY: an argument of this call.
        let status =
            unsafe { sys::napi_get_value_external(self.env, self.value(index), &raw mut data) };
        if status != sys::Status::napi_ok || data.is_null() {
            return Err(Misuse::argument(index));
        }
        Ok(data)
    }

    fn slot<T: Kind>(&self, index: usize) -> Result<*mut Option<T>, Misuse> {
        let data = self.external(index)?;
        // SAFETY: external values come from `wrap` alone: the package hides them from its users.
        if unsafe { *data.cast::<u32>() } != T::KIND {
            return Err(Misuse::argument(index));
        }
        // SAFETY: the type field was checked.
        Ok(unsafe { &raw mut (*data.cast::<External<T>>()).value })
    }

    /// Returns the handle of an external value.
    pub fn handle<T: Kind>(&self, index: usize) -> Result<&T, Misuse> {
        let slot = self.slot::<T>(index)?;
        // SAFETY: only the thread of JavaScript has it. While it is borrowed, nothing closes it:
        // that is a call of JavaScript, and this one has not returned.
        unsafe { (*slot).as_ref() }.ok_or_else(|| Misuse::argument(index))
    }

    /// Takes the handle out of an external value, which closes it.
    pub fn take<T: Kind>(&self, index: usize) -> Result<Option<T>, Misuse> {
        let slot = self.slot::<T>(index)?;
        // SAFETY: as in `handle`.
        Ok(unsafe { (*slot).take() })
    }

    /// Closes an external value of any type.
    pub fn close(&self, index: usize) -> Result<(), Misuse> {
        let data = self.external(index)?;
        // SAFETY: as in `slot`.
        match unsafe { *data.cast::<u32>() } {
            TokenRef::KIND => drop(self.take::<TokenRef>(index)?),
            ListRef::KIND => drop(self.take::<ListRef>(index)?),
            <Arc<PolicyRef>>::KIND => drop(self.take::<Arc<PolicyRef>>(index)?),
            <Arc<AccountRef>>::KIND => drop(self.take::<Arc<AccountRef>>(index)?),
            _ => return Err(Misuse::argument(index)),
        }
        Ok(())
    }
}
