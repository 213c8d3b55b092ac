//! Keeps file descriptors 0 to 2 free of the library's files and sockets.
//!
//! A host may run with a standard stream closed. The next open file would then get its descriptor,
//! and what the host prints would be written into that file.

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

/// The lowest descriptor that the library uses: the first one after the standard streams.
const LOWEST: RawFd = 3;

/// Opens a file with a descriptor of at least 3 and close-on-exec.
pub(crate) fn open(options: &OpenOptions, path: &Path) -> io::Result<File> {
    occupy_standard_streams()?;
    let file = options.open(path)?;
    if file.as_raw_fd() >= LOWEST {
        return Ok(file);
    }
    // The host closed a stream between the two calls. SAFETY: duplicates an open descriptor. Nobody
    // else uses the new one.
    unsafe {
        let moved = libc::fcntl(file.as_raw_fd(), libc::F_DUPFD_CLOEXEC, LOWEST);
        if moved < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(File::from_raw_fd(moved))
    }
}

/// Opens a file for reading with a descriptor of at least 3.
pub(crate) fn open_for_reading(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().read(true), path)
}

/// Opens a directory for `*at` calls.
#[cfg(feature = "sqlite")]
pub(crate) fn open_directory(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    // `O_PATH` needs no permission to read the directory.
    #[cfg(target_os = "linux")]
    let flags = libc::O_DIRECTORY | libc::O_PATH;
    #[cfg(not(target_os = "linux"))]
    let flags = libc::O_DIRECTORY;
    open(OpenOptions::new().read(true).custom_flags(flags), path)
}

/// Syncs an open file.
#[cfg(feature = "sqlite")]
pub(crate) fn sync(fd: RawFd) -> io::Result<()> {
    // SAFETY: the file is not closed here. An invalid descriptor makes the call fail.
    let file = ManuallyDrop::new(unsafe { File::from_raw_fd(fd) });
    file.sync_all()
}

/// Opens a placeholder on each closed descriptor below 3 and leaves it open, as SQLite does.
/// Afterwards no file or socket can get one of these descriptors.
pub(crate) fn occupy_standard_streams() -> io::Result<()> {
    // SAFETY: reads descriptor flags, and accesses no memory.
    let is_closed = |fd| unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0;
    while (0..LOWEST).any(is_closed) {
        let placeholder = placeholder()?;
        if placeholder.as_raw_fd() >= LOWEST {
            // Another thread filled the last gap.
            break;
        }
        let _: RawFd = placeholder.into_raw_fd();
    }
    Ok(())
}

/// Opens `/dev/null` for reading, so that writes to it fail like those to a closed stream. In a
/// `chroot` without it, opens a pipe without a writer.
fn placeholder() -> io::Result<OwnedFd> {
    match File::open("/dev/null") {
        Ok(file) => Ok(file.into()),
        Err(_) => io::pipe().map(|(reader, _)| reader.into()),
    }
}

/// An open file whose descriptor the host may have closed and reused for a file of its own.
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

    /// Returns whether the descriptor still refers to this file.
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
            // SAFETY: dropped only here, once.
            unsafe { ManuallyDrop::drop(&mut self.file) };
        }
    }
}
