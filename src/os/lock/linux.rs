//! Open file description locks.

use std::io;
use std::os::fd::RawFd;

use super::LockResult;

const fn request(kind: libc::c_int) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: super::START as libc::off_t,
        l_len: super::LEN as libc::off_t,
        l_pid: 0,
    }
}

pub(super) fn try_lock(fd: RawFd) -> io::Result<LockResult> {
    let request = request(libc::F_WRLCK);
    // SAFETY: the request is read during the call.
    if unsafe { libc::fcntl(fd, libc::F_OFD_SETLK, &raw const request) } == 0 {
        return Ok(LockResult::Locked);
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::EAGAIN | libc::EACCES) => Ok(LockResult::Busy),
        // Before Linux 3.15, in a sandbox, or on a network file system.
        Some(libc::EINVAL | libc::ENOLCK | libc::ENOSYS | libc::EOPNOTSUPP | libc::EPERM) => {
            Ok(LockResult::Unsupported)
        }
        _ => Err(error),
    }
}

pub(super) fn unlock(fd: RawFd) {
    let request = request(libc::F_UNLCK);
    // SAFETY: the request is read during the call.
    unsafe { libc::fcntl(fd, libc::F_OFD_SETLK, &raw const request) };
}

pub(super) fn is_locked_by_another(fd: RawFd) -> bool {
    let mut request = request(libc::F_WRLCK);
    // SAFETY: the request is read and written during the call.
    let result = unsafe { libc::fcntl(fd, libc::F_OFD_GETLK, &raw mut request) };
    result == 0 && libc::c_int::from(request.l_type) != libc::F_UNLCK
}
