//! Handles: what crosses the boundary is a pointer to an opaque type; what it points to is named
//! here, once for each type, so that an owned handle cannot be released as a shared one.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::index;
use crate::os::thread_counters;

/// The kinds of handles, whose live numbers the statistics tell.
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

/// Each kind has a counter.
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

    /// Returns how many handles of each kind the host holds. Retaining a handle counts as one more.
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

/// What owns the target of a handle, and what the target's address can stand for.
///
/// # Safety
/// The target may be read at its address while an owner exists.
pub(crate) unsafe trait Owner: Deref<Target: Sized> + Sized {
    /// Returns the address of the target, which stands for the owner from here on.
    fn into_raw(this: Self) -> *const Self::Target;

    /// # Safety
    /// The address stands for an owner.
    unsafe fn from_raw(target: *const Self::Target) -> Self;
}

/// An owner that shares its target with others.
///
/// # Safety
/// As for [`Owner`].
pub(crate) unsafe trait RefCounted: Owner + Clone {
    /// Returns the address of the target, as [`Owner::into_raw`] does.
    fn as_ptr(this: &Self) -> *const Self::Target;

    /// Whether the last reference is going, and this is a callback's `destroy` that asks: the
    /// memory is still there, but nothing may hold on to it any more.
    fn is_going(this: &Self) -> bool;
}

// SAFETY: as the standard library says.
unsafe impl<T> Owner for Box<T> {
    fn into_raw(this: Self) -> *const T {
        Self::into_raw(this)
    }

    unsafe fn from_raw(target: *const T) -> Self {
        // SAFETY: as promised by the caller.
        unsafe { Self::from_raw(target.cast_mut()) }
    }
}

// SAFETY: as the standard library says.
unsafe impl<T> Owner for Arc<T> {
    fn into_raw(this: Self) -> *const T {
        Self::into_raw(this)
    }

    unsafe fn from_raw(target: *const T) -> Self {
        // SAFETY: as promised by the caller.
        unsafe { Self::from_raw(target) }
    }
}

// SAFETY: as the standard library says.
unsafe impl<T> RefCounted for Arc<T> {
    fn as_ptr(this: &Self) -> *const T {
        Self::as_ptr(this)
    }

    fn is_going(this: &Self) -> bool {
        Self::strong_count(this) == 0
    }
}

// SAFETY: the value is in a slot, which stays where it is while there is a reference.
unsafe impl<T> Owner for index::Shared<T> {
    fn into_raw(this: Self) -> *const T {
        this.into_raw()
    }

    unsafe fn from_raw(target: *const T) -> Self {
        // SAFETY: as promised by the caller.
        unsafe { Self::from_raw(target) }
    }
}

// SAFETY: as above.
unsafe impl<T> RefCounted for index::Shared<T> {
    fn as_ptr(this: &Self) -> *const T {
        this.as_ptr()
    }

    /// What is in such a reference calls nobody when it goes.
    fn is_going(_: &Self) -> bool {
        false
    }
}

/// What a handle points to.
type Target<H> = <<H as Handle>::Owner as Deref>::Target;

/// An opaque type, whose handles point to what an owner owns.
pub(crate) trait Handle: Sized {
    /// Who owns the target while the host has the handle.
    type Owner: Owner;

    const KIND: HandleKind;

    /// Hands the owner over to the host.
    fn give(owner: impl Into<Self::Owner>) -> *mut Self {
        Self::KIND.count(1);
        Owner::into_raw(owner.into()).cast_mut().cast()
    }

    /// The target, for as long as the host keeps the handle.
    ///
    /// # Safety
    /// `handle` is NULL or a handle of this type that was not released and is not while the borrow
    /// lives.
    unsafe fn get<'a>(handle: *const Self) -> Option<&'a Target<Self>> {
        // SAFETY: the pointer was made from an owner, so it is aligned and points to a target that
        // lives while one does.
        unsafe { handle.cast::<Target<Self>>().as_ref() }
    }

    /// The target of a handle that must not be NULL.
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

    /// Takes the owner back.
    ///
    /// # Safety
    /// `handle` is NULL or a handle of this type that was given, which the host does not use again.
    unsafe fn take(handle: *mut Self) -> Option<Self::Owner> {
        (!handle.is_null()).then(|| {
            Self::KIND.count(-1);
            // SAFETY: a handle that is not NULL came from `give`; its owner is the one taken.
            unsafe { Owner::from_raw(handle.cast_const().cast()) }
        })
    }
}

/// An opaque type whose handles count their references.
pub(crate) trait ArcHandle: Handle<Owner: RefCounted> {
    /// The handle of a reference that this side keeps: the host may use it meanwhile.
    fn lend(target: &Self::Owner) -> *mut Self {
        RefCounted::as_ptr(target).cast_mut().cast()
    }

    /// A reference of this side's own, so that the target outlives the call whatever a callback
    /// releases.
    ///
    /// # Safety
    /// `handle` is NULL or a handle of this type that was not released.
    unsafe fn hold(handle: *const Self, argument: &'static str) -> Result<Self::Owner> {
        // SAFETY: as promised by the caller.
        unsafe { Self::borrow(handle, argument) }.map(|held| held.clone())
    }

    /// The host's own reference, for as long as it is kept.
    ///
    /// # Safety
    /// As [`ArcHandle::hold`]; the answer is not used once the handle may have been released.
    unsafe fn borrow(
        handle: *const Self,
        argument: &'static str,
    ) -> Result<HandleRef<Self::Owner>> {
        if handle.is_null() {
            return Err(null(argument));
        }
        // SAFETY: a handle that is not NULL came from `give` or `lend`, whose reference still
        // exists; it stays with the host, hence no drop of this one.
        let borrowed = ManuallyDrop::new(unsafe { Self::Owner::from_raw(handle.cast()) });
        if RefCounted::is_going(&*borrowed) {
            return Err(Error::new(ErrorKind::State, "the last reference is being released")
                .at_argument(argument));
        }
        Ok(HandleRef { reference: borrowed, is_own: false })
    }
}

impl<H: Handle<Owner: RefCounted>> ArcHandle for H {}

/// A reference of the host's, or one of this side's own.
pub(crate) struct HandleRef<R> {
    reference: ManuallyDrop<R>,
    is_own: bool,
}

impl<R: Clone> HandleRef<R> {
    /// The same as a reference of this side's own.
    pub fn into_own(self) -> Self {
        Self { reference: self.reference.clone(), is_own: true }
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
        if self.is_own {
            // SAFETY: it is dropped here alone, and this is its end.
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
        let handle = Number::give(Arc::clone(&target));
        assert_eq!(Arc::strong_count(&target), 2);
        // SAFETY: the handle was given and is not released yet.
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
        let own = borrowed.into_own();
        assert_eq!(Arc::strong_count(&target), 2);
        drop(own);
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
        static HANDLE: Cell<*mut Asking> = const { Cell::new(null_mut()) };
        static ANSWER: Cell<Option<ErrorKind>> = const { Cell::new(None) };
    }

    struct Asking {
        _opaque: [u8; 0],
    }

    /// Asks for a reference to itself when it goes, as a host's `destroy` can.
    struct AsksAtItsEnd;

    impl Handle for Asking {
        type Owner = Arc<AsksAtItsEnd>;

        const KIND: HandleKind = HandleKind::Policy;
    }

    impl Drop for AsksAtItsEnd {
        fn drop(&mut self) {
            // SAFETY: the memory of the target is still there.
            let refused = unsafe { Asking::hold(HANDLE.get(), "it") };
            ANSWER.set(refused.err().map(|error| error.kind()));
        }
    }

    #[test]
    fn target_that_is_going_cannot_be_held() {
        HANDLE.set(Asking::give(Arc::new(AsksAtItsEnd)));
        // SAFETY: the handle was given, and is taken once.
        drop(unsafe { Asking::take(HANDLE.get()) });
        assert_eq!(ANSWER.get(), Some(ErrorKind::State));
    }

    #[test]
    fn owned_handle_is_freed_with_its_target() -> Result<()> {
        let target = Arc::new(7);
        let handle = Single::give(Arc::clone(&target));
        // SAFETY: the handle was given and is not freed yet.
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
