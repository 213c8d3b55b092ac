//! Integration of the bundled SQLite with the process: descriptors, forks and memory.

use std::cell::RefCell;
use std::ffi::{CStr, CString, OsStr, c_char, c_int};
use std::fs::File;
use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use once_cell::sync::OnceCell;
use rusqlite::{Connection, ffi};

use crate::error::{Error, ErrorKind, Result};

use super::fork::{self, Handlers};
use super::lock::Registry;
use super::{descriptors, sqlite_memory};

/// A file that SQLite opened.
pub(crate) struct OpenedFile {
    pub path: CString,
    pub fd: RawFd,
}

/// Decides whether SQLite may use a file that it has opened.
type Accept<'a> = dyn Fn(&Path, &File) -> bool + 'a;

/// Records the files that SQLite opens while a call of [`watch`] runs.
struct Watch {
    opened: Vec<OpenedFile>,
    /// Valid while the watch is active.
    accept: *const Accept<'static>,
}

thread_local! {
    /// The active watch of this thread, if [`watch`] is running.
    static WATCH: RefCell<Option<Watch>> = const { RefCell::new(None) };
}

/// Runs `work` and returns the files that SQLite opened on this thread meanwhile, also those that
/// it has closed again. Opening a file that `accept` rejects fails.
pub(crate) fn watch<T>(accept: &Accept<'_>, work: impl FnOnce() -> T) -> (T, Vec<OpenedFile>) {
    /// Ends the watch, also if `work` panics.
    struct End;

    impl Drop for End {
        fn drop(&mut self) {
            WATCH.set(None);
        }
    }

    let accept = std::ptr::from_ref(accept);
    // SAFETY: only the lifetime changes. The pointer is used until `End` is dropped, while `accept`
    // is still borrowed.
    let accept =
        unsafe { std::mem::transmute::<*const Accept<'_>, *const Accept<'static>>(accept) };
    WATCH.set(Some(Watch { opened: Vec::new(), accept }));
    let end = End;
    let outcome = work();
    let opened = WATCH.with_borrow_mut(|watch| watch.take()).map(|watch| watch.opened);
    drop(end);
    (outcome, opened.unwrap_or_default())
}

/// Replaces `open` in SQLite: avoids the descriptors of the standard streams, and records and
/// checks files.
extern "C" fn open(path: *const c_char, flags: c_int, mode: c_int) -> c_int {
    // SQLite also does this, but only after the file has been opened with such a descriptor.
    let _ = descriptors::occupy_standard_streams();
    // SAFETY: the arguments are those that SQLite passes to `open`; the path ends with a NUL.
    let (fd, path) =
        unsafe { (libc::open(path, flags, mode as libc::c_uint), CStr::from_ptr(path)) };
    if fd < 0 {
        return fd;
    }
    let check = |watch: &RefCell<Option<Watch>>| {
        let mut watch = watch.borrow_mut();
        let Some(watch) = watch.as_mut() else { return true };
        // SAFETY: `ManuallyDrop` does not close the descriptor; it may be closed below.
        let file = ManuallyDrop::new(unsafe { File::from_raw_fd(fd) });
        // SAFETY: the watch is active, so the reference is valid.
        let accept = unsafe { &*watch.accept };
        let is_accepted = accept(Path::new(OsStr::from_bytes(path.to_bytes())), &file);
        if is_accepted {
            watch.opened.push(OpenedFile { path: path.to_owned(), fd });
        }
        is_accepted
    };
    // Fails while the thread-local values of an ending thread are dropped. Stores open no database
    // then.
    if WATCH.try_with(check).unwrap_or(true) {
        return fd;
    }
    // SAFETY: the descriptor was opened above and nobody else uses it; errno is thread-local.
    unsafe {
        libc::close(fd);
        *libc::__errno_location() = libc::EACCES;
    }
    -1
}

/// SQLite's static mutexes in their lock order.
const MUTEXES: [c_int; 9] = [
    ffi::SQLITE_MUTEX_STATIC_MAIN,
    ffi::SQLITE_MUTEX_STATIC_OPEN,
    ffi::SQLITE_MUTEX_STATIC_VFS1,
    ffi::SQLITE_MUTEX_STATIC_VFS2,
    ffi::SQLITE_MUTEX_STATIC_VFS3,
    ffi::SQLITE_MUTEX_STATIC_PRNG,
    ffi::SQLITE_MUTEX_STATIC_LRU,
    ffi::SQLITE_MUTEX_STATIC_PMEM,
    ffi::SQLITE_MUTEX_STATIC_MEM,
];

struct StaticMutexes([*mut ffi::sqlite3_mutex; MUTEXES.len()]);

// SAFETY: the mutexes are static and may be used by any thread.
unsafe impl Send for StaticMutexes {}
// SAFETY: as above.
unsafe impl Sync for StaticMutexes {}

/// Set when SQLite is initialized.
static STATIC_MUTEXES: OnceCell<StaticMutexes> = OnceCell::new();

static HANDLERS: Handlers =
    Handlers { before: before_fork, in_parent: after_fork, in_child: after_fork };

/// Initializes SQLite. Must be called before a database is opened.
///
/// The registry is locked, so that the process does not fork during the initialization: the child
/// would wait forever for a thread that it does not have. If a Rust host links the same SQLite, its
/// files also avoid the standard streams, and its memory is zeroized too.
///
/// # Errors
/// `NoMemory`.
pub(crate) fn initialize(_: &Registry) -> Result<()> {
    STATIC_MUTEXES.get_or_try_init(|| {
        let _ = sqlite_memory::wipe_freed();
        // SAFETY: documented use of SQLite's functions. SQLite stores every system call as a
        // generic function pointer and calls this one with the signature of `open`.
        unsafe {
            if ffi::sqlite3_initialize() != ffi::SQLITE_OK {
                return Err(Error::new(ErrorKind::NoMemory, "SQLite cannot be initialized"));
            }
            let vfs = ffi::sqlite3_vfs_find(std::ptr::null());
            if let Some(set) = vfs.as_ref().and_then(|vfs| vfs.xSetSystemCall) {
                type Open = extern "C" fn(*const c_char, c_int, c_int) -> c_int;
                let open = std::mem::transmute::<Open, unsafe extern "C" fn()>(open);
                set(vfs, c"open".as_ptr(), Some(open));
            }
            Ok(StaticMutexes(MUTEXES.map(|id| ffi::sqlite3_mutex_alloc(id))))
        }
    })?;
    fork::add_handlers(1, &HANDLERS);
    Ok(())
}

/// Locks the mutexes before a fork. A mutex that another thread holds would stay locked in the
/// child.
fn before_fork() {
    for mutex in STATIC_MUTEXES.get().into_iter().flat_map(|mutexes| mutexes.0) {
        // SAFETY: a static mutex of SQLite, which this thread does not hold.
        unsafe { ffi::sqlite3_mutex_enter(mutex) };
    }
}

/// Unlocks the mutexes in the parent and in the child.
fn after_fork() {
    for mutex in STATIC_MUTEXES.get().into_iter().flat_map(|mutexes| mutexes.0).rev() {
        // SAFETY: this thread, or the one it is a copy of, locked it in `before_fork`.
        unsafe { ffi::sqlite3_mutex_leave(mutex) };
    }
}

/// Prevents SQLite from deleting the write-ahead log when the database is closed.
pub(crate) fn keep_log_on_close(connection: &Connection) {
    let mut keep: c_int = 1;
    // SAFETY: the connection is open, and the argument has the type that this operation requires.
    unsafe {
        let argument = (&raw mut keep).cast();
        let operation = ffi::SQLITE_FCNTL_PERSIST_WAL;
        ffi::sqlite3_file_control(connection.handle(), c"main".as_ptr(), operation, argument);
    }
}
