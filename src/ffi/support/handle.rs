//! Handles: pointers to opaque types. Each type declares its owner once, so that a handle with one
//! owner cannot be released as a reference-counted one.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::index;
use crate::os::thread_counters;

/// Kinds of handles, which the statistics count.
#[derive(Clone, Copy)]
pub(crate) enum HandleKind {
    Buffer,
    Error,
    Instance,
    Policy,
    ServiceAccount,
    Store,
    Token,
    TokenList,
}

/// Ensures that each kind has a counter.
const _: () = assert!(HandleKind::ALL.len() <= thread_counters::COUNTERS);

impl HandleKind {
    const ALL: [(Self, &'static str); 8] = [
        (Self::Buffer, "buffer"),
        (Self::Error, "error"),
        (Self::Instance, "instance"),
        (Self::Policy, "policy"),
        (Self::ServiceAccount, "service_account"),
        (Self::Store, "store"),
        (Self::Token, "token"),
        (Self::TokenList, "token_list"),
    ];

    /// Returns the number of handles of each kind that the host holds. Each reference counts.
    pub fn live() -> [(&'static str, i64); 8] {
        let sums = thread_counters::sums();
        Self::ALL.map(|(kind, name)| (name, sums[kind as usize]))
    }

    fn count(self, number: i64) {
        thread_counters::add(self as usize, number);
    }
}

#[cold]
fn null(argument: &'static str) -> Error {
    Error::new(ErrorKind::NullArgument, "must not be NULL").at_argument(argument)
}

/// Owner of a handle's target, which can be converted to the target's address and back.
///
/// # Safety
/// The target may be read at its address while an owner exists.
pub(crate) unsafe trait Owner: Deref<Target: Sized> + Sized {
    /// Converts the owner to the address of the target.
    fn into_raw(this: Self) -> *const Self::Target;

    /// # Safety
    /// The address comes from [`Owner::into_raw`], and is converted back once.
    unsafe fn from_raw(target: *const Self::Target) -> Self;
}

/// Reference-counted owner.
///
/// # Safety
/// As for [`Owner`].
pub(crate) unsafe trait RefCounted: Owner + Clone {
    /// Returns the address of the target, as [`Owner::into_raw`] does.
    fn as_ptr(this: &Self) -> *const Self::Target;

    /// Returns whether the last reference is being dropped. A callback's `destroy` can call this:
    /// the memory still exists, but no new reference may be made.
    fn is_being_dropped(this: &Self) -> bool;
}

// SAFETY: guaranteed by the standard library.
unsafe impl<T> Owner for Box<T> {
    fn into_raw(this: Self) -> *const T {
        Self::into_raw(this)
    }

    unsafe fn from_raw(target: *const T) -> Self {
        // SAFETY: as promised by the caller.
        unsafe { Self::from_raw(target.cast_mut()) }
    }
}

// SAFETY: guaranteed by the standard library.
unsafe impl<T> Owner for Arc<T> {
    fn into_raw(this: Self) -> *const T {
        Self::into_raw(this)
    }

    unsafe fn from_raw(target: *const T) -> Self {
        // SAFETY: as promised by the caller.
        unsafe { Self::from_raw(target) }
    }
}

// SAFETY: guaranteed by the standard library.
unsafe impl<T> RefCounted for Arc<T> {
    fn as_ptr(this: &Self) -> *const T {
        Self::as_ptr(this)
    }

    fn is_being_dropped(this: &Self) -> bool {
        Self::strong_count(this) == 0
    }
}

// SAFETY: the value is in a slot, which stays where it is while there is a reference.
unsafe impl<T> Owner for index::SlabArc<T> {
    fn into_raw(this: Self) -> *const T {
        this.into_raw()
    }

    unsafe fn from_raw(target: *const T) -> Self {
        // SAFETY: as promised by the caller.
        unsafe { Self::from_raw(target) }
    }
}

// SAFETY: as above.
unsafe impl<T> RefCounted for index::SlabArc<T> {
    fn as_ptr(this: &Self) -> *const T {
        this.as_ptr()
    }

    /// Returns false, because dropping such a target calls no callback.
    fn is_being_dropped(_: &Self) -> bool {
        false
    }
}

/// Target of a handle.
type Target<H> = <<H as Handle>::Owner as Deref>::Target;

/// Opaque type whose handles point to the target of an owner.
pub(crate) trait Handle: Sized {
    /// Owner of the target while the host has the handle.
    type Owner: Owner;

    const KIND: HandleKind;

    /// Converts the owner to a handle for the host.
    fn into_handle(owner: impl Into<Self::Owner>) -> *mut Self {
        Self::KIND.count(1);
        Owner::into_raw(owner.into()).cast_mut().cast()
    }

    /// Returns the target, which is valid while the host keeps the handle.
    ///
    /// # Safety
    /// `handle` is NULL or a handle of this type that was not released and is not while the borrow
    /// lives.
    unsafe fn get<'a>(handle: *const Self) -> Option<&'a Target<Self>> {
        // SAFETY: the pointer was made from an owner, so it is aligned and points to a target that
        // lives while one does.
        unsafe { handle.cast::<Target<Self>>().as_ref() }
    }

    /// Returns the target of a handle, or an error if the handle is NULL.
    ///
    /// # Safety
    /// As `get`.
    unsafe fn required<'a>(
        handle: *const Self,
        argument: &'static str,
    ) -> Result<&'a Target<Self>> {
        // SAFETY: as promised by the caller.
        unsafe { Self::get(handle) }.ok_or_else(|| null(argument))
    }

    /// Converts a handle back to the owner.
    ///
    /// # Safety
    /// `handle` is NULL or came from [`Handle::into_handle`], and the host does not use it again.
    unsafe fn take(handle: *mut Self) -> Option<Self::Owner> {
        (!handle.is_null()).then(|| {
            Self::KIND.count(-1);
            // SAFETY: a handle that is not NULL came from `into_handle`, which converted this
            // owner.
            unsafe { Owner::from_raw(handle.cast_const().cast()) }
        })
    }
}

/// Opaque type with reference-counted handles.
pub(crate) trait ArcHandle: Handle<Owner: RefCounted> {
    /// Returns a handle that the host can use while the library keeps its reference.
    fn lend(target: &Self::Owner) -> *mut Self {
        RefCounted::as_ptr(target).cast_mut().cast()
    }

    /// Returns a new reference, so that the target outlives the call even if a callback releases
    /// the handle.
    ///
    /// # Safety
    /// `handle` is NULL or a handle of this type that was not released.
    unsafe fn hold(handle: *const Self, argument: &'static str) -> Result<Self::Owner> {
        // SAFETY: as promised by the caller.
        unsafe { Self::borrow(handle, argument) }.map(|held| held.clone())
    }

    /// Borrows the host's reference.
    ///
    /// # Safety
    /// As [`ArcHandle::hold`]; the result is not used after the handle may have been released.
    unsafe fn borrow(
        handle: *const Self,
        argument: &'static str,
    ) -> Result<HandleRef<Self::Owner>> {
        if handle.is_null() {
            return Err(null(argument));
        }
        // SAFETY: a handle that is not NULL came from `into_handle` or `lend`, whose reference
        // still exists. The host keeps it, so this one must not be dropped.
        let borrowed = ManuallyDrop::new(unsafe { Self::Owner::from_raw(handle.cast()) });
        if RefCounted::is_being_dropped(&*borrowed) {
            return Err(Error::new(ErrorKind::State, "the last reference is being released")
                .at_argument(argument));
        }
        Ok(HandleRef { reference: borrowed, is_owned: false })
    }
}

impl<H: Handle<Owner: RefCounted>> ArcHandle for H {}

/// Reference that is borrowed from the host, or owned.
pub(crate) struct HandleRef<R> {
    reference: ManuallyDrop<R>,
    is_owned: bool,
}

impl<R: Clone> HandleRef<R> {
    /// Converts this to an owned reference.
    pub fn into_owned(self) -> Self {
        Self { reference: self.reference.clone(), is_owned: true }
    }
}

impl<R> Deref for HandleRef<R> {
    type Target = R;
    fn deref(&self) -> &R {
        &self.reference
    }
}

impl<R> Drop for HandleRef<R> {
    fn drop(&mut self) {
        if self.is_owned {
            // SAFETY: the reference is dropped only here, and is not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.reference) };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::ptr::{null, null_mut};

    use super::*;

    struct Number {
        _opaque: [u8; 0],
    }

    impl Handle for Number {
        type Owner = Arc<u32>;

        const KIND: HandleKind = HandleKind::Policy;
    }

    struct Single {
        _opaque: [u8; 0],
    }

    impl Handle for Single {
        type Owner = Box<Arc<u32>>;

        const KIND: HandleKind = HandleKind::Policy;
    }

    #[test]
    fn shared_handle_counts_one_reference_until_taken() -> Result<()> {
        let target = Arc::new(7);
        let handle = Number::into_handle(Arc::clone(&target));
        assert_eq!(Arc::strong_count(&target), 2);
        // SAFETY: the handle is not released yet.
        let own = unsafe { Number::hold(handle, "it") }?;
        assert!(Arc::ptr_eq(&own, &target));
        assert_eq!(Arc::strong_count(&target), 3);
        // SAFETY: as above.
        assert_eq!(unsafe { Number::get(handle) }, Some(&7));
        // SAFETY: as above; it is not used again.
        drop(unsafe { Number::take(handle) });
        assert_eq!(Arc::strong_count(&target), 2);
        assert_eq!(*own, 7);
        Ok(())
    }

    #[test]
    fn borrowed_reference_is_counted_once_it_is_owned() -> Result<()> {
        let target = Arc::new(7);
        let handle = Number::lend(&target);
        // SAFETY: the reference behind the handle lives.
        let borrowed = unsafe { Number::borrow(handle, "it") }?;
        assert_eq!((**borrowed, Arc::strong_count(&target)), (7, 1));
        let owned = borrowed.into_owned();
        assert_eq!(Arc::strong_count(&target), 2);
        drop(owned);
        assert_eq!(Arc::strong_count(&target), 1);
        Ok(())
    }

    #[test]
    fn null_handle_is_an_error_that_names_its_argument() {
        // SAFETY: NULL is allowed.
        let errors = unsafe {
            [
                Number::hold(null(), "it").map(drop),
                Number::borrow(null(), "it").map(drop),
                Number::required(null(), "it").map(drop),
                Single::required(null(), "it").map(drop),
            ]
        };
        for error in errors.map(Result::unwrap_err) {
            assert_eq!(
                (error.kind(), error.argument()),
                (ErrorKind::NullArgument, Some("it".into()))
            );
        }
        // SAFETY: as above.
        unsafe {
            assert!(Number::get(null()).is_none() && Number::take(null_mut()).is_none());
            assert!(Single::get(null()).is_none() && Single::take(null_mut()).is_none());
        }
    }

    thread_local! {
        static HANDLE: Cell<*mut SelfHolding> = const { Cell::new(null_mut()) };
        static HOLD_ERROR: Cell<Option<ErrorKind>> = const { Cell::new(None) };
    }

    struct SelfHolding {
        _opaque: [u8; 0],
    }

    /// Requests a reference to itself when it is dropped, as a host's `destroy` can.
    struct HoldsItselfOnDrop;

    impl Handle for SelfHolding {
        type Owner = Arc<HoldsItselfOnDrop>;

        const KIND: HandleKind = HandleKind::Policy;
    }

    impl Drop for HoldsItselfOnDrop {
        fn drop(&mut self) {
            // SAFETY: the memory of the target is still there.
            let refused = unsafe { SelfHolding::hold(HANDLE.get(), "it") };
            HOLD_ERROR.set(refused.err().map(|error| error.kind()));
        }
    }

    #[test]
    fn target_that_is_being_dropped_cannot_be_held() {
        HANDLE.set(SelfHolding::into_handle(Arc::new(HoldsItselfOnDrop)));
        // SAFETY: the handle is taken once.
        drop(unsafe { SelfHolding::take(HANDLE.get()) });
        assert_eq!(HOLD_ERROR.get(), Some(ErrorKind::State));
    }

    #[test]
    fn owned_handle_is_freed_with_its_target() -> Result<()> {
        let target = Arc::new(7);
        let handle = Single::into_handle(Arc::clone(&target));
        // SAFETY: the handle is not freed yet.
        let borrowed = unsafe { Single::required(handle, "it") }?;
        assert_eq!((**borrowed, Arc::strong_count(&target)), (7, 2));
        // SAFETY: as above; it is not used again.
        let taken = unsafe { Single::take(handle) };
        assert_eq!(taken.as_deref(), Some(&target));
        drop(taken);
        assert_eq!(Arc::strong_count(&target), 1);
        Ok(())
    }
}
