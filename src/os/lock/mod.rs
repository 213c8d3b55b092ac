//! File locks that exclude every other SQLite, also one in the same process.
//!
//! SQLite uses POSIX record locks, which belong to the process: they do not exclude a second SQLite
//! in the same process, and are lost when any part of the process closes the file. An open file
//! description lock (`F_OFD_SETLK`) conflicts with both, and lasts until the last copy of the
//! descriptor is closed.

mod registry;
#[cfg_attr(any(target_os = "linux", target_os = "android"), path = "linux.rs")]
#[cfg_attr(not(any(target_os = "linux", target_os = "android")), path = "other.rs")]
mod system;

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};

pub(crate) use registry::{Registration, Registry, registry};

/// Offset of the bytes that SQLite locks, for any file length (SQLite file format, "The Lock-Byte
/// Page").
const START: u64 = 0x4000_0000;

/// Number of bytes that SQLite locks.
const LEN: u64 = 512;

/// Result of an attempt to lock.
pub(crate) enum LockResult {
    Locked,
    /// Another program, or another SQLite in this process, has the file open.
    Busy,
    /// The operating system or the file system does not support these locks.
    Unsupported,
}

/// Locks the bytes that SQLite locks, for writing. Does not block.
pub(crate) fn try_lock(file: &File) -> io::Result<LockResult> {
    system::try_lock(file.as_raw_fd())
}

/// Releases the lock for all processes that inherited the descriptor.
pub(crate) fn unlock(file: &File) {
    system::unlock(file.as_raw_fd());
}

/// Returns whether `file` still holds the lock. `other` is another open file description of the
/// same file.
pub(crate) fn is_held(file: &File, other: RawFd) -> bool {
    // Somebody holds the lock. If it is `file`, locking again succeeds and changes nothing.
    system::is_locked_by_another(other)
        && matches!(system::try_lock(file.as_raw_fd()), Ok(LockResult::Locked))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn lock_survives_another_open_and_close_of_the_file() {
        let path = std::env::temp_dir().join(format!("rbtoken-lock-{}", std::process::id()));
        let open = || {
            let mut options = std::fs::OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).open(&path).unwrap()
        };
        let is_busy = |file: &File| matches!(try_lock(file).unwrap(), LockResult::Busy);
        let file = open();
        assert!(matches!(try_lock(&file).unwrap(), LockResult::Locked));
        drop(open());
        assert!(is_busy(&open()));
        unlock(&file);
        assert!(!is_busy(&open()));
        std::fs::remove_file(&path).unwrap();
    }
}
