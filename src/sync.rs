//! Locks, atomics and reference counts. Under `cfg(loom)` they are loom's, so that its models run
//! the real code.
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

/// Replaces the mutex of parking_lot, which loom does not know. Miri cannot run that mutex under
/// strict provenance, since it packs an address into an integer.
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
