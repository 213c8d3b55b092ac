//! Fallback for systems without open file description locks.

use std::io;
use std::os::fd::RawFd;

use super::LockResult;

pub(super) fn try_lock(_: RawFd) -> io::Result<LockResult> {
    Ok(LockResult::Unsupported)
}

pub(super) fn unlock(_: RawFd) {}

pub(super) fn is_locked_by_another(_: RawFd) -> bool {
    false
}
