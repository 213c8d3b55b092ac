//! What threads share: the types of loom under `cfg(loom)`, so that its models run the real code.
#![cfg_attr(not(feature = "sqlite"), allow(unused_imports, reason = "stores in files use them"))]

pub(crate) use std::sync::PoisonError;

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicI64};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicI64};

#[cfg(loom)]
pub(crate) use loom::sync::{Arc, Condvar, Mutex, MutexGuard, atomic::AtomicUsize};
#[cfg(not(loom))]
pub(crate) use std::sync::{Arc, Condvar, Mutex, MutexGuard, atomic::AtomicUsize};

#[cfg(not(any(loom, miri)))]
pub(crate) use parking_lot::Mutex as SmallMutex;

/// Stands for the mutex of parking_lot, which is not poisoned; and which packs an address, so that
/// Miri cannot run it with strict provenance.
#[cfg(any(loom, miri))]
pub(crate) struct SmallMutex<T>(Mutex<T>);

#[cfg(any(loom, miri))]
impl<T> SmallMutex<T> {
    pub fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
