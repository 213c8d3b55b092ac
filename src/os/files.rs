//! Identity and size of files.

use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;

/// Identifies a file independently of its name: device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

/// Identity and size of a file at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub identity: Identity,
    /// In bytes.
    pub len: u64,
}

impl Identity {
    pub fn of(metadata: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// Returns the status of an open file. Allocates nothing, so that the child of a fork can call it.
pub(crate) fn status_of(fd: RawFd) -> io::Result<Status> {
    status(fd, c"", Name::Descriptor)
}

/// Returns the status of a file in a directory. Does not follow a symbolic link.
pub(crate) fn status_at(directory: RawFd, name: &CStr) -> io::Result<Status> {
    status(directory, name, Name::Entry)
}

/// Returns the status of the file at a path. Does not follow a symbolic link in the last component.
pub(crate) fn status_of_path(path: &CStr) -> io::Result<Status> {
    status(libc::AT_FDCWD, path, Name::Entry)
}

/// Removes a file from a directory.
pub(crate) fn remove_at(directory: RawFd, name: &CStr) -> io::Result<()> {
    // SAFETY: the name ends with a NUL.
    match unsafe { libc::unlinkat(directory, name.as_ptr(), 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Returns the id of the mount that an open file was reached through, if the kernel supports this
/// (Linux 5.8).
pub(crate) fn mount_of(fd: RawFd) -> Option<u64> {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        let file = statx(fd, c"", libc::AT_EMPTY_PATH, libc::STATX_MNT_ID).ok()?;
        (file.stx_mask & libc::STATX_MNT_ID != 0).then_some(file.stx_mnt_id)
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    {
        let _ = fd;
        None
    }
}

/// The meaning of a name.
#[derive(Clone, Copy)]
enum Name {
    /// The descriptor itself; the name is empty.
    Descriptor,
    /// An entry of the directory that the descriptor refers to.
    Entry,
}

fn status(fd: RawFd, name: &CStr, kind: Name) -> io::Result<Status> {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    if let Some(status) = status_without_times(fd, name, kind) {
        return status;
    }
    let mut stat = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: the name ends with a NUL, the output has the size that the call writes, and zeroed
    // memory is a valid value of its type.
    let (result, stat) = unsafe {
        let place = stat.as_mut_ptr();
        let result = match kind {
            Name::Descriptor => libc::fstat(fd, place),
            Name::Entry => libc::fstatat(fd, name.as_ptr(), place, libc::AT_SYMLINK_NOFOLLOW),
        };
        (result, stat.assume_init())
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    #[allow(clippy::unnecessary_cast, clippy::cast_sign_loss, reason = "types differ by system")]
    let (device, inode, len) = (stat.st_dev as u64, stat.st_ino as u64, stat.st_size as u64);
    Ok(Status { identity: Identity { device, inode }, len })
}

/// Returns the status by `statx`, without timestamps: reading them makes Linux (multigrain
/// timestamps) restamp the next write, which adds a metadata write to every fsync. Returns `None`
/// if the kernel has no `statx` or a sandbox forbids it.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn status_without_times(fd: RawFd, name: &CStr, kind: Name) -> Option<io::Result<Status>> {
    let flags = match kind {
        Name::Descriptor => libc::AT_EMPTY_PATH,
        Name::Entry => libc::AT_SYMLINK_NOFOLLOW,
    };
    match statx(fd, name, flags, libc::STATX_INO | libc::STATX_SIZE) {
        Ok(file) => {
            let device = libc::makedev(file.stx_dev_major, file.stx_dev_minor);
            let identity = Identity { device, inode: file.stx_ino };
            Some(Ok(Status { identity, len: file.stx_size }))
        }
        Err(error) => match error.raw_os_error() {
            Some(libc::ENOSYS | libc::EPERM) => None,
            _ => Some(Err(error)),
        },
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn statx(fd: RawFd, name: &CStr, flags: libc::c_int, mask: u32) -> io::Result<libc::statx> {
    let mut file = MaybeUninit::<libc::statx>::zeroed();
    let flags = libc::AT_STATX_SYNC_AS_STAT | flags;
    // Not by the function statx(), which glibc has since 2.28: the library could not be loaded.
    // SAFETY: the name ends with a NUL, the output has the size that the call writes, and zeroed
    // memory is a valid value of its type.
    let (result, file) = unsafe {
        let (name, output) = (name.as_ptr(), file.as_mut_ptr());
        let result = libc::syscall(libc::SYS_statx, fd, name, flags, mask, output);
        (result, file.assume_init())
    };
    if result == 0 { Ok(file) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::fd::AsRawFd;
    use std::path::Path;

    use super::*;

    #[test]
    fn status_agrees_with_metadata() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let directory = File::open(here).unwrap();
        let metadata = fs::metadata(here.join("Cargo.toml")).unwrap();
        let expected = Status { identity: Identity::of(&metadata), len: metadata.len() };
        let file = File::open(here.join("Cargo.toml")).unwrap();
        assert_eq!(status_of(file.as_raw_fd()).unwrap(), expected);
        assert_eq!(status_at(directory.as_raw_fd(), c"Cargo.toml").unwrap(), expected);
        let missing = status_at(directory.as_raw_fd(), c"no such file").unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        assert!(status_of(-1).is_err());
    }
}
