//! Keeps the library's files and connections off the descriptors of the standard streams.
//!
//! A host may run with standard input, output or error closed. What is opened next gets that
//! number, and what the host then prints goes into it.

use std::fs::{File, OpenOptions};
use std::io;
#[cfg(feature = "sqlite")]
use std::mem::ManuallyDrop;
#[cfg(feature = "sqlite")]
use std::ops::Deref;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::path::Path;

#[cfg(feature = "sqlite")]
use super::files::{self, Identity};

/// The first descriptor that is no standard stream.
const FIRST: RawFd = 3;

/// Opens a file under a descriptor of 3 or more, closed on exec.
pub(crate) fn open(options: &OpenOptions, path: &Path) -> io::Result<File> {
    occupy_standard_streams()?;
    let file = options.open(path)?;
    if file.as_raw_fd() >= FIRST {
        return Ok(file);
    }
    // The host closed a stream in the meantime.
    // SAFETY: duplicates a descriptor that is open; the new one belongs to nobody else.
    unsafe {
        let moved = libc::fcntl(file.as_raw_fd(), libc::F_DUPFD_CLOEXEC, FIRST);
        if moved < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(File::from_raw_fd(moved))
    }
}

/// Opens a file for reading under a descriptor of 3 or more.
pub(crate) fn open_for_reading(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().read(true), path)
}

/// Opens a directory for lookups in it.
#[cfg(feature = "sqlite")]
pub(crate) fn open_directory(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    // Lookups need no right to read.
    #[cfg(target_os = "linux")]
    let flags = libc::O_DIRECTORY | libc::O_PATH;
    #[cfg(not(target_os = "linux"))]
    let flags = libc::O_DIRECTORY;
    open(OpenOptions::new().read(true).custom_flags(flags), path)
}

/// Syncs the file that is open under a descriptor.
#[cfg(feature = "sqlite")]
pub(crate) fn sync(fd: RawFd) -> io::Result<()> {
    // SAFETY: it is not closed here; a number that is not open is an error of the call.
    let file = ManuallyDrop::new(unsafe { File::from_raw_fd(fd) });
    file.sync_all()
}

/// Opens something harmless under each descriptor below 3 that is free, and leaves it open, as
/// SQLite does: no file, and no socket of a driver, can get it then.
pub(crate) fn occupy_standard_streams() -> io::Result<()> {
    // SAFETY: asks for flags, and touches no memory.
    let is_closed = |fd| unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0;
    while (0..FIRST).any(is_closed) {
        let placeholder = placeholder()?;
        if placeholder.as_raw_fd() >= FIRST {
            // Another thread filled the last one.
            break;
        }
        let _: RawFd = placeholder.into_raw_fd();
    }
    Ok(())
}

/// Opens `/dev/null` for reading, so that what is written there fails as on a closed stream; in a
/// `chroot` without it, a pipe that nobody reads.
fn placeholder() -> io::Result<OwnedFd> {
    match File::open("/dev/null") {
        Ok(file) => Ok(file.into()),
        Err(_) => io::pipe().map(|(reader, _)| reader.into()),
    }
}

/// An open file whose descriptor the host may close, and reuse the number for a file of its own.
#[cfg(feature = "sqlite")]
pub(crate) struct CheckedFile {
    file: ManuallyDrop<File>,
    identity: Identity,
}

#[cfg(feature = "sqlite")]
impl CheckedFile {
    pub fn new(file: File) -> io::Result<Self> {
        let identity = files::status_of(file.as_raw_fd())?.identity;
        Ok(Self { file: ManuallyDrop::new(file), identity })
    }

    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Whether the descriptor is still open on the file.
    pub fn is_open(&self) -> bool {
        files::status_of(self.file.as_raw_fd()).is_ok_and(|it| it.identity == self.identity)
    }
}

#[cfg(feature = "sqlite")]
impl Deref for CheckedFile {
    type Target = File;
    fn deref(&self) -> &File {
        &self.file
    }
}

#[cfg(feature = "sqlite")]
impl Drop for CheckedFile {
    fn drop(&mut self) {
        if self.is_open() {
            // SAFETY: it is dropped once, here.
            unsafe { ManuallyDrop::drop(&mut self.file) };
        }
    }
}
