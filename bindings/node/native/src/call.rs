//! Calls of the library: at once, or on a thread of libuv's pool.

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_void};
use std::ptr::null_mut;
use std::sync::Arc;

use napi_sys as sys;
use sys::Status::napi_ok;

use crate::abi::{self, Handle, OK};
use crate::handles::{AccountRef, InstanceRef, ListRef, PolicyRef, StoreRef, TokenRef, wrap};
use crate::host::{Host, Notice};
use crate::js;
use crate::library::api;

/// The result of a successful call.
pub enum Output {
    Nothing,
    Flag(bool),
    Count(u64),
    /// A buffer with a text, which is erased and freed after it is converted.
    Text(Buffer),
    Token(TokenRef),
    ClientToken(TokenRef, bool),
    Login(i32, Option<TokenRef>, Option<TokenRef>),
    List(ListRef),
    Policy(Arc<PolicyRef>),
    Account(Arc<AccountRef>),
    Store(Arc<StoreRef>),
    Instance(Arc<InstanceRef>),
}

/// A call that failed.
pub struct Failure {
    status: i32,
    message: Vec<u8>,
    argument: Option<Vec<u8>>,
    json_path: Option<Vec<u8>>,
}

impl Failure {
    pub fn of_status(status: i32, message: &str) -> Self {
        Self { status, message: message.into(), argument: None, json_path: None }
    }

    pub fn with_argument(mut self, argument: &str) -> Self {
        self.argument = Some(argument.into());
        self
    }

    pub fn status(&self) -> i32 {
        self.status
    }
}

/// A buffer of the library.
pub struct Buffer(Handle);

// SAFETY: a buffer may be moved to another thread.
unsafe impl Send for Buffer {}

impl Buffer {
    /// # Safety
    /// The handle must be a valid buffer or NULL, and must not be freed elsewhere.
    pub unsafe fn own(handle: Handle) -> Self {
        Self(handle)
    }

    pub fn bytes(&self) -> &[u8] {
        let mut length = 0;
        // SAFETY: the buffer is valid while it is borrowed.
        unsafe { slice((api().buffer_data)(self.0, &raw mut length), length) }.unwrap_or_default()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: the buffer is owned, and this is the last use of it.
        unsafe { (api().buffer_free)(self.0) }
    }
}

/// # Safety
/// The address must be NULL, or valid for reads of that many bytes.
pub unsafe fn slice<'a>(data: *const c_char, length: usize) -> Option<&'a [u8]> {
    // SAFETY: as promised by the caller.
    (!data.is_null()).then(|| unsafe { std::slice::from_raw_parts(data.cast::<u8>(), length) })
}

/// Reads and frees the error of a failed call.
pub fn check(status: i32, error: Handle) -> Result<(), Failure> {
    if status == OK {
        return Ok(());
    }
    let text = |function: unsafe extern "C" fn(Handle) -> *const c_char| {
        // SAFETY: the error is valid or NULL; its texts are copied before it is freed.
        unsafe {
            let text = function(error);
            (!text.is_null()).then(|| CStr::from_ptr(text).to_bytes().to_vec())
        }
    };
    // SAFETY: as above.
    let told = unsafe { (api().error_status)(error) };
    let failure = Failure {
        status: if told == OK { status } else { told },
        message: text(api().error_message).unwrap_or_else(|| b"the call failed".to_vec()),
        argument: text(api().error_argument),
        json_path: text(api().error_json_path),
    };
    // SAFETY: the error is owned, and this is the last use of it.
    unsafe { (api().error_free)(error) };
    Err(failure)
}

/// Calls a function whose last output is an error.
macro_rules! call {
    ($function:expr, $($argument:expr),* $(,)?) => {{
        let mut error = std::ptr::null_mut();
        // SAFETY: the handles and texts live until the call has returned, and outputs are places of
        // their types.
        let status = unsafe { ($function)($($argument,)* &raw mut error) };
        $crate::call::check(status, error)
    }};
}
pub(crate) use call;

/// A call with its arguments, ready to run on any thread.
pub type Job = Box<dyn FnOnce() -> Result<Output, Failure> + Send>;

/// Status that a callback returns if its JavaScript function threw. The library passes it on.
const RAISED: i32 = 0x4a53;

/// Results of callbacks, collected for the call that runs them.
struct Context {
    host: Arc<Host>,
    notices: Vec<Notice>,
    /// The ticket of the error that a callback threw.
    ticket: Option<u32>,
}

thread_local! {
    /// The innermost call of this thread.
    static CONTEXT: RefCell<Option<Context>> = const { RefCell::new(None) };
}

/// Queues a notice until the running call of this thread returns. Returns the notice if no call of
/// the same environment is running.
pub fn keep(host: &Arc<Host>, notice: Notice) -> Option<Notice> {
    // The thread-local variables may be destroyed already if the thread is ending.
    let mut notice = Some(notice);
    let _ = CONTEXT.try_with(|context| {
        if let Ok(mut context) = context.try_borrow_mut()
            && let Some(context) = context.as_mut()
            && Arc::ptr_eq(&context.host, host)
        {
            context.notices.extend(notice.take());
        }
    });
    notice
}

/// Stores the ticket of an error that a callback threw, and returns the status for the library.
/// Only a call of the same environment can throw the error. Otherwise it becomes a warning there.
pub fn raise(host: &Arc<Host>, ticket: Option<u32>) -> i32 {
    let Some(ticket) = ticket else { return abi::E_CALLBACK };
    let raised = CONTEXT.try_with(|context| {
        let mut context = context.try_borrow_mut().ok()?;
        let context = context.as_mut().filter(|context| Arc::ptr_eq(&context.host, host))?;
        Some(context.ticket.replace(ticket))
    });
    match raised {
        Ok(Some(earlier)) => {
            if let Some(earlier) = earlier {
                host.tell(Notice::Unclaimed(earlier));
            }
            RAISED
        }
        _ => {
            host.tell(Notice::Unclaimed(ticket));
            abi::E_CALLBACK
        }
    }
}

/// A call that has returned.
struct Finished {
    host: Arc<Host>,
    result: Result<Output, Failure>,
    notices: Vec<Notice>,
    ticket: Option<u32>,
}

fn run(host: Arc<Host>, job: impl FnOnce() -> Result<Output, Failure>) -> Finished {
    let context = Context { host: Arc::clone(&host), notices: Vec::new(), ticket: None };
    // Calls of callbacks are nested.
    let outer = CONTEXT.replace(Some(context));
    let result = job();
    let context = CONTEXT.replace(outer);
    let (notices, ticket) = context.map(|it| (it.notices, it.ticket)).unwrap_or_default();
    Finished { host, result, notices, ticket }
}

impl Finished {
    /// Delivers the queued notices to JavaScript, then returns the result. An `Err` has the value that
    /// JavaScript throws.
    fn deliver(self, env: sys::napi_env) -> Result<sys::napi_value, sys::napi_value> {
        for notice in self.notices {
            self.host.announce(notice);
        }
        let (result, mut ticket) = (self.result, self.ticket);
        let result = result.map(|output| output.into_value(env)).map_err(|failure| {
            let ticket = if failure.status == RAISED { ticket.take() } else { None };
            failure.into_value(env, ticket)
        });
        if let Some(ticket) = ticket {
            self.host.forget(ticket);
        }
        result
    }
}

impl Output {
    fn into_value(self, env: sys::napi_env) -> sys::napi_value {
        let token = |token: Option<TokenRef>| match token {
            Some(token) => wrap(env, token),
            None => js::undefined(env),
        };
        match self {
            Self::Nothing => js::undefined(env),
            Self::Flag(flag) => js::of_flag(env, flag),
            Self::Count(count) => js::of_number(env, count),
            Self::Text(buffer) => js::of_text(env, buffer.bytes()),
            Self::Token(token) => wrap(env, token),
            Self::ClientToken(token, created) => {
                js::array(env, &[wrap(env, token), js::of_flag(env, created)])
            }
            // Most logins are accepted and need no further fields.
            Self::Login(abi::VERDICT_OK, Some(accepted), None) => wrap(env, accepted),
            Self::Login(verdict, accepted, refused) => {
                // A newer library may return verdicts that are not known here. Verdicts are never negative.
                let verdict = js::of_number(env, u64::from(verdict.unsigned_abs()));
                js::array(env, &[verdict, token(accepted), token(refused)])
            }
            Self::List(list) => wrap(env, list),
            Self::Policy(policy) => wrap(env, policy),
            Self::Account(account) => wrap(env, account),
            Self::Store(store) => wrap(env, store),
            Self::Instance(instance) => wrap(env, instance),
        }
    }
}

impl Failure {
    /// Converts the failure to an object, from which the package creates an error.
    fn into_value(self, env: sys::napi_env, ticket: Option<u32>) -> sys::napi_value {
        let optional = |text: Option<Vec<u8>>| match text {
            Some(text) => js::of_text(env, &text),
            None => js::undefined(env),
        };
        let mut object = null_mut();
        // SAFETY: values of the current scope, and names that end with a NUL.
        unsafe {
            sys::napi_create_object(env, &raw mut object);
            let status = js::of_number(env, u64::from(self.status.unsigned_abs()));
            sys::napi_set_named_property(env, object, c"status".as_ptr(), status);
            let message = js::of_text(env, &self.message);
            sys::napi_set_named_property(env, object, c"message".as_ptr(), message);
            let argument = optional(self.argument);
            sys::napi_set_named_property(env, object, c"argument".as_ptr(), argument);
            let json_path = optional(self.json_path);
            sys::napi_set_named_property(env, object, c"jsonPath".as_ptr(), json_path);
            if let Some(ticket) = ticket {
                let ticket = js::of_number(env, u64::from(ticket));
                sys::napi_set_named_property(env, object, c"ticket".as_ptr(), ticket);
            }
        }
        object
    }
}

/// Runs a call on this thread.
pub fn run_now(
    env: sys::napi_env,
    host: Arc<Host>,
    job: impl FnOnce() -> Result<Output, Failure>,
) -> sys::napi_value {
    run(host, job).deliver(env).unwrap_or_else(|failure| {
        // SAFETY: a value of the current scope.
        unsafe { sys::napi_throw(env, failure) };
        null_mut()
    })
}

/// A call that waits for a thread, runs on one, or has returned.
struct Work {
    work: sys::napi_async_work,
    deferred: sys::napi_deferred,
    host: Arc<Host>,
    job: Option<Job>,
    finished: Option<Finished>,
}

/// Queues a call for the thread pool, without a limit, and returns a promise.
pub fn run_later(env: sys::napi_env, host: Arc<Host>, job: Job) -> sys::napi_value {
    let mut promise = null_mut();
    let name = js::of_text(env, b"rbtoken");
    let work = Box::into_raw(Box::new(Work {
        work: null_mut(),
        deferred: null_mut(),
        host,
        job: Some(job),
        finished: None,
    }));
    // SAFETY: `work` lives until `complete` takes it, or the queue refuses it.
    unsafe {
        sys::napi_create_promise(env, &raw mut (*work).deferred, &raw mut promise);
        let created = sys::napi_create_async_work(
            env,
            null_mut(),
            name,
            Some(execute),
            Some(complete),
            work.cast(),
            &raw mut (*work).work,
        );
        if created != napi_ok || sys::napi_queue_async_work(env, (*work).work) != napi_ok {
            let work = Box::from_raw(work);
            let failure = Failure::of_status(abi::E_STATE, "JavaScript is ending");
            sys::napi_reject_deferred(env, work.deferred, failure.into_value(env, None));
        }
    }
    promise
}

unsafe extern "C" fn execute(_: sys::napi_env, data: *mut c_void) {
    // SAFETY: JavaScript's thread leaves it alone until this has returned.
    let work = unsafe { &mut *data.cast::<Work>() };
    let Some(job) = work.job.take() else { return };
    // Node.js waits for the pool at exit, so calls that have not started are skipped.
    if !work.host.has_ended() {
        work.finished = Some(run(Arc::clone(&work.host), job));
    }
}

unsafe extern "C" fn complete(env: sys::napi_env, _: sys::napi_status, data: *mut c_void) {
    // SAFETY: the pointer comes from `run_later`; this is its last use.
    let work = unsafe { Box::from_raw(data.cast::<Work>()) };
    let result = match work.finished {
        Some(finished) => finished.deliver(env),
        None => {
            let failure = Failure::of_status(abi::E_STATE, "JavaScript is ending");
            Err(failure.into_value(env, None))
        }
    };
    // SAFETY: the deferred is settled once. While an environment ends this fails, and nobody waits.
    unsafe {
        match result {
            Ok(value) => sys::napi_resolve_deferred(env, work.deferred, value),
            Err(failure) => sys::napi_reject_deferred(env, work.deferred, failure),
        };
        sys::napi_delete_async_work(env, work.work);
    }
}
