//! JavaScript callbacks that the library calls.
//!
//! JavaScript keeps its callbacks in a table by key. Each environment has one dispatch function,
//! which is called with an operation and a key. It never throws. If a callback throws, it stores the
//! error and returns a ticket, a number by which the call throws the error later.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::{CStr, c_char, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::ThreadId;
use std::time::Duration;

use napi_sys as sys;
use sys::Status::napi_ok;

use crate::abi::{self, Handle, OK};
use crate::call;
use crate::handles::{TokenRef, wrap};
use crate::js;

/// How often a thread that waits for JavaScript checks whether JavaScript has ended.
const POLL: Duration = Duration::from_millis(20);
/// How often a thread of JavaScript that waits for another one answers questions itself.
const ANSWER_POLL: Duration = Duration::from_millis(1);

thread_local! {
    /// The environments of this thread. Each copy of the package has one.
    static HOSTS: RefCell<Vec<Weak<Host>>> = const { RefCell::new(Vec::new()) };
}

/// Operations of the dispatch function, its first argument. `host.ts` has the same numbers.
#[derive(Clone, Copy)]
enum Occasion {
    Now = 0,
    Fill = 1,
    Progress = 2,
    Create = 3,
    Validate = 4,
    Log = 5,
    Event = 6,
    Release = 7,
    Forget = 8,
    Unclaimed = 9,
}

/// A callback that the library waits for.
pub enum Question {
    Now,
    Fill(usize),
    Progress(u64, u64),
    Create(Vec<u8>, u32),
    Validate(Vec<u8>, Vec<u8>),
}

pub enum Answer {
    Nothing,
    Flag(bool),
    Time(i64),
    Bytes(Vec<u8>),
    /// The callback threw, with the ticket of the error. `None` if JavaScript can no longer run.
    Failed(Option<u32>),
}

/// A notice to JavaScript, which needs no answer.
pub enum Notice {
    Event {
        key: u32,
        event: u32,
        token: TokenRef,
        auto_generated: bool,
    },
    Log {
        key: u32,
        level: i32,
        target: Vec<u8>,
        message: Vec<u8>,
    },
    /// The library has released a callback.
    Release(u32),
    /// A callback threw, and no call can throw the error of this ticket.
    Unclaimed(u32),
}

/// A question to the callback of a key, and where its answer goes.
struct Asked {
    key: u32,
    question: Question,
    reply: SyncSender<Answer>,
}

enum Message {
    Notice(Notice),
    /// There may be a question.
    Asked,
}

/// An environment of JavaScript: the main thread's, or a worker's.
pub struct Host {
    env: sys::napi_env,
    thread: ThreadId,
    /// The dispatch function.
    function: AtomicPtr<sys::napi_ref__>,
    /// Questions that nobody has answered.
    asked: Mutex<VecDeque<Asked>>,
    /// Posts messages to the thread. NULL after the environment has ended.
    queue: Mutex<sys::napi_threadsafe_function>,
    /// Whether JavaScript has ended or is ending, so that no thread waits for it.
    has_ended: AtomicBool,
}

// SAFETY: `env` and `function` are used only on their own thread; the queue is thread-safe.
unsafe impl Send for Host {}
// SAFETY: as above.
unsafe impl Sync for Host {}

/// Creates the host of an environment.
pub fn install(env: sys::napi_env) {
    let host = Arc::new(Host {
        env,
        thread: std::thread::current().id(),
        function: AtomicPtr::new(null_mut()),
        asked: Mutex::new(VecDeque::new()),
        queue: Mutex::new(null_mut()),
        has_ended: AtomicBool::new(false),
    });
    HOSTS.with_borrow_mut(|hosts| hosts.push(Arc::downgrade(&host)));
    let name = js::of_text(env, b"rbtoken");
    let mut queue = null_mut();
    // SAFETY: the context is the host, of which the environment's data holds a reference until
    // after the queue has ended. The queue does not keep the process running.
    unsafe {
        let status = sys::napi_create_threadsafe_function(
            env,
            null_mut(),
            null_mut(),
            name,
            0,
            1,
            null_mut(),
            None,
            Arc::as_ptr(&host).cast_mut().cast(),
            Some(deliver),
            &raw mut queue,
        );
        if status == napi_ok {
            sys::napi_unref_threadsafe_function(env, queue);
            *host.queue.lock().unwrap_or_else(PoisonError::into_inner) = queue;
        }
        let data = Arc::into_raw(host).cast_mut().cast();
        sys::napi_set_instance_data(env, data, Some(forget_host), null_mut());
        // Runs before the queue's own, which was added earlier.
        sys::napi_add_env_cleanup_hook(env, Some(end_host), data);
    }
}

unsafe extern "C" fn forget_host(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
    // SAFETY: the reference that `install` gave to the environment.
    drop(unsafe { Arc::from_raw(data.cast_const().cast::<Host>()) });
}

unsafe extern "C" fn end_host(data: *mut c_void) {
    // SAFETY: the environment still holds its reference.
    let host = unsafe { &*data.cast_const().cast::<Host>() };
    host.end();
    *host.queue.lock().unwrap_or_else(PoisonError::into_inner) = null_mut();
}

/// Returns the host of the running environment.
pub fn of(env: sys::napi_env) -> Option<Arc<Host>> {
    let mut data = null_mut();
    // SAFETY: the data is what `install` set.
    unsafe {
        if sys::napi_get_instance_data(env, &raw mut data) != napi_ok || data.is_null() {
            return None;
        }
        let host = data.cast_const().cast::<Host>();
        Arc::increment_strong_count(host);
        Some(Arc::from_raw(host))
    }
}

impl Host {
    /// Sets the dispatch function.
    pub fn set_function(&self, function: sys::napi_value) {
        let mut reference = null_mut();
        // SAFETY: on the thread of JavaScript.
        let status =
            unsafe { sys::napi_create_reference(self.env, function, 1, &raw mut reference) };
        if status == napi_ok {
            self.function.store(reference, Ordering::Release);
        }
    }

    /// Ends the host: no thread waits for JavaScript from now on, and queued calls fail.
    pub fn end(&self) {
        self.has_ended.store(true, Ordering::Release);
    }

    pub fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }

    fn is_here(&self) -> bool {
        std::thread::current().id() == self.thread
    }

    fn post(&self, message: Message) {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.is_null() {
            return;
        }
        let data = Box::into_raw(Box::new(message));
        // SAFETY: the queue is alive. It ends only after it was set to NULL under this lock.
        let status = unsafe {
            sys::napi_call_threadsafe_function(
                *queue,
                data.cast(),
                sys::ThreadsafeFunctionCallMode::nonblocking,
            )
        };
        if status != napi_ok {
            drop(queue);
            // SAFETY: the queue did not take ownership.
            drop(unsafe { Box::from_raw(data) });
        }
    }

    /// Delivers a notice to JavaScript after the running call, or as soon as its thread is free if no
    /// call is running.
    pub fn tell(self: &Arc<Self>, notice: Notice) {
        if let Some(notice) = call::keep(self, notice) {
            self.post(Message::Notice(notice));
        }
    }

    /// Runs a callback and waits for its result, on this thread if it belongs to JavaScript.
    fn ask(&self, key: u32, question: Question) -> Answer {
        if self.is_here() {
            return self.put(key, question);
        }
        let (reply, answer) = sync_channel(1);
        self.questions().push_back(Asked { key, question, reply });
        self.post(Message::Asked);
        let is_javascript = HOSTS.try_with(|hosts| !hosts.borrow().is_empty()).unwrap_or(false);
        let poll = if is_javascript { ANSWER_POLL } else { POLL };
        loop {
            match answer.recv_timeout(poll) {
                Ok(answer) => return answer,
                // The thread that this one waits for may wait for this one.
                Err(RecvTimeoutError::Timeout) if !self.has_ended() => answer_here(),
                Err(_) => return Answer::Failed(None),
            }
        }
    }

    fn questions(&self) -> MutexGuard<'_, VecDeque<Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a question on the thread of JavaScript, if there is one.
    fn answer_next(&self) {
        let asked = self.questions().pop_front();
        if let Some(Asked { key, question, reply }) = asked {
            let _ = reply.send(self.put(key, question));
        }
    }

    /// Runs a callback on the thread of JavaScript.
    fn put(&self, key: u32, question: Question) -> Answer {
        self.in_scope(|| {
            let env = self.env;
            let number = |number| js::of_number(env, number);
            let text = |text: &[u8]| js::of_text(env, text);
            let (occasion, first, second) = match &question {
                Question::Now => (Occasion::Now, null_mut(), null_mut()),
                Question::Fill(length) => (Occasion::Fill, number(*length as u64), null_mut()),
                Question::Progress(done, total) => {
                    (Occasion::Progress, number(*done), number(*total))
                }
                Question::Create(kind, attempt) => {
                    (Occasion::Create, text(kind), number(u64::from(*attempt)))
                }
                Question::Validate(kind, value) => (Occasion::Validate, text(kind), text(value)),
            };
            self.call(occasion, key, &[first, second]).map_or(Answer::Failed(None), |value| {
                let failed = || Answer::Failed(ticket(env, value));
                match question {
                    Question::Now => js::int(env, value).map_or_else(failed, Answer::Time),
                    Question::Fill(_) => js::bytes(env, value).map_or_else(failed, Answer::Bytes),
                    Question::Create(..) => js::text(env, value).map_or_else(failed, Answer::Bytes),
                    Question::Validate(..) => flag(env, value).map_or_else(failed, Answer::Flag),
                    Question::Progress(..) => match ticket(env, value) {
                        None => Answer::Nothing,
                        ticket => Answer::Failed(ticket),
                    },
                }
            })
        })
        .unwrap_or(Answer::Failed(None))
    }

    /// Delivers a notice on the thread of JavaScript.
    pub fn announce(&self, notice: Notice) {
        let env = self.env;
        let _ = self.in_scope(|| match notice {
            Notice::Event { key, event, token, auto_generated } => self.call(
                Occasion::Event,
                key,
                &[
                    js::of_number(env, u64::from(event)),
                    wrap(env, token),
                    js::of_flag(env, auto_generated),
                ],
            ),
            Notice::Log { key, level, target, message } => self.call(
                Occasion::Log,
                key,
                &[
                    js::of_number(env, u64::from(level.unsigned_abs())),
                    js::of_text(env, &target),
                    js::of_text(env, &message),
                ],
            ),
            Notice::Release(key) => self.call(Occasion::Release, key, &[]),
            Notice::Unclaimed(ticket) => self.call(Occasion::Unclaimed, ticket, &[]),
        });
    }

    /// Drops a stored error that no call will throw.
    pub fn forget(&self, ticket: u32) {
        let _ = self.in_scope(|| self.call(Occasion::Forget, ticket, &[]));
    }

    fn in_scope<R>(&self, body: impl FnOnce() -> R) -> Option<R> {
        let mut scope = null_mut();
        // SAFETY: on the thread of JavaScript.
        if unsafe { sys::napi_open_handle_scope(self.env, &raw mut scope) } != napi_ok {
            return None;
        }
        let result = body();
        // SAFETY: the scope that was opened last.
        unsafe { sys::napi_close_handle_scope(self.env, scope) };
        Some(result)
    }

    /// Calls the dispatch function. Returns `None` if JavaScript cannot run.
    fn call(
        &self,
        occasion: Occasion,
        key: u32,
        rest: &[sys::napi_value],
    ) -> Option<sys::napi_value> {
        let env = self.env;
        let mut function = null_mut();
        let reference = self.function.load(Ordering::Acquire);
        // SAFETY: on the thread of JavaScript; the reference is never deleted.
        let status = unsafe { sys::napi_get_reference_value(env, reference, &raw mut function) };
        if status != napi_ok || function.is_null() {
            return None;
        }
        let undefined = js::undefined(env);
        let mut values =
            vec![js::of_number(env, occasion as u64), js::of_number(env, u64::from(key))];
        values.extend(rest.iter().map(|it| if it.is_null() { undefined } else { *it }));
        let mut result = null_mut();
        // SAFETY: values of the current scope.
        let status = unsafe {
            sys::napi_call_function(
                env,
                undefined,
                function,
                values.len(),
                values.as_ptr(),
                &raw mut result,
            )
        };
        if status == napi_ok {
            return Some(result);
        }
        if status == sys::Status::napi_pending_exception {
            let mut exception = null_mut();
            // SAFETY: clears the exception (such as a stack overflow), so that the call can return.
            unsafe { sys::napi_get_and_clear_last_exception(env, &raw mut exception) };
        }
        None
    }
}

/// Answers one question to each environment of this thread.
fn answer_here() {
    let hosts = HOSTS.try_with(|hosts| hosts.borrow().clone()).unwrap_or_default();
    for host in hosts.iter().filter_map(Weak::upgrade) {
        if !host.has_ended() {
            host.answer_next();
        }
    }
}

fn ticket(env: sys::napi_env, value: sys::napi_value) -> Option<u32> {
    let mut number = 0;
    // SAFETY: a value of the current scope; Node-API rejects values that are not numbers.
    let status = unsafe { sys::napi_get_value_uint32(env, value, &raw mut number) };
    (status == napi_ok).then_some(number)
}

fn flag(env: sys::napi_env, value: sys::napi_value) -> Option<bool> {
    let mut flag = false;
    // SAFETY: as in `ticket`.
    let status = unsafe { sys::napi_get_value_bool(env, value, &raw mut flag) };
    (status == napi_ok).then_some(flag)
}

/// Handles a message on the thread of JavaScript. When the environment ends, the remaining messages
/// come without an environment.
unsafe extern "C" fn deliver(
    env: sys::napi_env,
    _: sys::napi_value,
    context: *mut c_void,
    data: *mut c_void,
) {
    // SAFETY: the message comes from `post`.
    let message = unsafe { Box::from_raw(data.cast::<Message>()) };
    if env.is_null() {
        return;
    }
    // SAFETY: the host outlives its queue.
    let host = unsafe { &*context.cast_const().cast::<Host>() };
    match *message {
        Message::Notice(notice) => host.announce(notice),
        Message::Asked => host.answer_next(),
    }
}

/// A callback or a group of callbacks. JavaScript is notified when the library has released it.
pub struct HostKey {
    host: Arc<Host>,
    key: u32,
    /// Whether JavaScript forgets the callback when this is dropped.
    releases: bool,
}

impl HostKey {
    pub fn new(host: Arc<Host>, key: u32) -> Arc<Self> {
        Arc::new(Self { host, key, releases: true })
    }

    /// Returns a key that JavaScript never forgets, because several calls pass it.
    pub fn permanent(host: Arc<Host>, key: u32) -> Arc<Self> {
        Arc::new(Self { host, key, releases: false })
    }

    pub fn is(&self, host: &Arc<Host>, key: u32) -> bool {
        Arc::ptr_eq(&self.host, host) && self.key == key
    }

    /// Returns a `user_data` that owns a reference, for a callback with `destroy`.
    pub fn into_user_data(self: Arc<Self>) -> *mut c_void {
        Arc::into_raw(self).cast_mut().cast()
    }

    /// # Safety
    /// The data must be that of a key that is still referenced.
    unsafe fn of<'a>(user_data: *mut c_void) -> &'a Self {
        // SAFETY: as promised by the caller.
        unsafe { &*user_data.cast_const().cast::<Self>() }
    }

    fn ask(&self, question: Question) -> Result<Answer, i32> {
        match self.host.ask(self.key, question) {
            Answer::Failed(ticket) => Err(call::raise(&self.host, ticket)),
            answer => Ok(answer),
        }
    }
}

impl Drop for HostKey {
    fn drop(&mut self) {
        if self.releases {
            self.host.tell(Notice::Release(self.key));
        }
    }
}

fn pointer(function: *const ()) -> *const c_void {
    function.cast()
}

pub fn clock(user_data: *mut c_void, destroys: bool) -> abi::Clock {
    abi::Clock {
        struct_size: size_of::<abi::Clock>(),
        user_data,
        now: pointer(now as *const ()),
        destroy: if destroys { pointer(destroy as *const ()) } else { std::ptr::null() },
    }
}

pub fn entropy(user_data: *mut c_void, destroys: bool) -> abi::Entropy {
    abi::Entropy {
        struct_size: size_of::<abi::Entropy>(),
        user_data,
        fill: pointer(fill as *const ()),
        destroy: if destroys { pointer(destroy as *const ()) } else { std::ptr::null() },
    }
}

pub fn progress(user_data: *mut c_void) -> abi::Progress {
    abi::Progress {
        struct_size: size_of::<abi::Progress>(),
        user_data,
        progress: pointer(report as *const ()),
        destroy: pointer(destroy as *const ()),
    }
}

pub fn generator(user_data: *mut c_void) -> abi::Generator {
    abi::Generator {
        struct_size: size_of::<abi::Generator>(),
        user_data,
        create: pointer(create as *const ()),
        validate: pointer(validate as *const ()),
        destroy: pointer(destroy as *const ()),
    }
}

/// The services of a host as bits: 1 for a log, 2 for a clock, 4 for a source of entropy.
pub fn services(user_data: *mut c_void, which: u32) -> abi::HostV1 {
    let service = |bit, function| {
        if which & bit == 0 { std::ptr::null() } else { pointer(function) }
    };
    abi::HostV1 {
        struct_size: size_of::<abi::HostV1>(),
        user_data,
        log: service(1, log as *const ()),
        now: service(2, now as *const ()),
        fill: service(4, fill as *const ()),
    }
}

/// Hooks for one event, by its index in `EVENTS` of `store.ts`.
pub fn hooks(user_data: *mut c_void, event: u32) -> abi::Hooks {
    let none = std::ptr::null();
    let hook = |index, function| if index == event { pointer(function) } else { none };
    abi::Hooks {
        struct_size: size_of::<abi::Hooks>(),
        user_data,
        created: hook(0, created as *const ()),
        updated: hook(1, on_event::<1> as *const ()),
        invalidated: hook(2, on_event::<2> as *const ()),
        expired: hook(3, on_event::<3> as *const ()),
        used: hook(4, on_event::<4> as *const ()),
        deleted: hook(5, on_event::<5> as *const ()),
        destroy: pointer(destroy as *const ()),
    }
}

// Functions that the library calls. `user_data` is valid until `destroy`, and other pointers are
// valid during the call.

unsafe extern "C" fn destroy(user_data: *mut c_void) {
    // SAFETY: the reference comes from `into_user_data` and is dropped once.
    drop(unsafe { Arc::from_raw(user_data.cast_const().cast::<HostKey>()) });
}

unsafe extern "C" fn now(user_data: *mut c_void, now_us: *mut i64) -> i32 {
    // SAFETY: the library's contract.
    match unsafe { HostKey::of(user_data) }.ask(Question::Now) {
        Ok(Answer::Time(time)) => {
            // SAFETY: the library's output.
            unsafe { now_us.write(time) };
            OK
        }
        Ok(_) => abi::E_CALLBACK,
        Err(status) => status,
    }
}

unsafe extern "C" fn fill(user_data: *mut c_void, bytes: *mut u8, len: usize) -> i32 {
    // SAFETY: the library's contract.
    match unsafe { HostKey::of(user_data) }.ask(Question::Fill(len)) {
        // JavaScript has compared the lengths.
        Ok(Answer::Bytes(filled)) if filled.len() == len => {
            // SAFETY: the library's output of this length.
            unsafe { bytes.copy_from_nonoverlapping(filled.as_ptr(), len) };
            OK
        }
        Ok(_) => abi::E_CALLBACK,
        Err(status) => status,
    }
}

unsafe extern "C" fn report(user_data: *mut c_void, done: u64, total: u64) -> i32 {
    // SAFETY: the library's contract.
    match unsafe { HostKey::of(user_data) }.ask(Question::Progress(done, total)) {
        Ok(_) => OK,
        Err(status) => status,
    }
}

unsafe extern "C" fn create(
    user_data: *mut c_void,
    token_type: *const c_char,
    attempt: u32,
    value: *mut c_char,
    capacity: usize,
    value_len: *mut usize,
) -> i32 {
    // SAFETY: the library's contract.
    let (key, token_type) = unsafe { (HostKey::of(user_data), CStr::from_ptr(token_type)) };
    match key.ask(Question::Create(token_type.to_bytes().to_vec(), attempt)) {
        Ok(Answer::Bytes(created)) if created.len() <= capacity => {
            // SAFETY: the library's outputs; the value fits.
            unsafe {
                value.cast::<u8>().copy_from_nonoverlapping(created.as_ptr(), created.len());
                value_len.write(created.len());
            }
            OK
        }
        Ok(Answer::Bytes(_)) => abi::E_TOO_LONG,
        Ok(_) => abi::E_CALLBACK,
        Err(status) => status,
    }
}

unsafe extern "C" fn validate(
    user_data: *mut c_void,
    token_type: *const c_char,
    value: *const c_char,
    value_len: usize,
    valid: *mut bool,
) -> i32 {
    // SAFETY: the library's contract.
    let (key, token_type, value) = unsafe {
        let value = std::slice::from_raw_parts(value.cast::<u8>(), value_len);
        (HostKey::of(user_data), CStr::from_ptr(token_type), value)
    };
    match key.ask(Question::Validate(token_type.to_bytes().to_vec(), value.to_vec())) {
        Ok(Answer::Flag(answer)) => {
            // SAFETY: the library's output.
            unsafe { valid.write(answer) };
            OK
        }
        Ok(_) => abi::E_CALLBACK,
        Err(status) => status,
    }
}

unsafe extern "C" fn log(
    user_data: *mut c_void,
    level: i32,
    target: *const c_char,
    message: *const c_char,
) {
    // SAFETY: the library's contract.
    let (key, target, message) =
        unsafe { (HostKey::of(user_data), CStr::from_ptr(target), CStr::from_ptr(message)) };
    key.host.tell(Notice::Log {
        key: key.key,
        level,
        target: target.to_bytes().to_vec(),
        message: message.to_bytes().to_vec(),
    });
}

unsafe extern "C" fn created(user_data: *mut c_void, _: Handle, token: Handle, auto: bool) {
    // SAFETY: as for the others.
    unsafe { hear(user_data, 0, token, auto) }
}

unsafe extern "C" fn on_event<const EVENT: u32>(user_data: *mut c_void, _: Handle, token: Handle) {
    // SAFETY: as for the others.
    unsafe { hear(user_data, EVENT, token, false) }
}

/// # Safety
/// The data is that of a key, and the token is good.
unsafe fn hear(user_data: *mut c_void, event: u32, token: Handle, auto_generated: bool) {
    // SAFETY: as promised by the caller.
    let (key, token) = unsafe { (HostKey::of(user_data), TokenRef::retain(token)) };
    key.host.tell(Notice::Event { key: key.key, event, token, auto_generated });
}
