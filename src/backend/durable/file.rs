//! The file of a durable store: who may open it, and who owns it.

use std::ffi::CString;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::access::{check_directory, check_kind};
use super::errors::io_error;
use super::format::{APPLICATION_ID, check_version};
use super::new_file::{JOURNAL, NewFile, remove_beside};
use crate::error::{Error, ErrorKind, Result};
use crate::model::connection::TrustedOwners;
use crate::os::descriptors::{self, CheckedFile};
use crate::os::files::{self, Identity, Status};
use crate::os::lock::{self, Registered, Registry};
use crate::os::sqlite;

/// How SQLite keeps other programs out of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Locking {
    /// The library holds a lock of the open file description, and SQLite locks nothing.
    OpenFile,
    /// SQLite locks for itself: the system has no such locks. Anything in the process that closes
    /// the file releases them.
    Sqlite,
}

/// A file that a store owns, until this is dropped or the process ends.
pub(super) struct OwnedFile {
    path: PathBuf,
    file: CheckedFile,
    /// Where the file lies: lookups go on after a `chroot`.
    directory: CheckedFile,
    locking: Locking,
    /// Whether there is nothing in it yet.
    is_new: bool,
    /// Set until the open that made the file has succeeded.
    made: Option<NewFile>,
    /// Removed last: the next who opens the file must not lose locks by this one's close.
    _registered: Registered,
}

impl OwnedFile {
    /// Opens the file at a path for one owner, and makes it if there is none.
    ///
    /// # Errors
    /// `InvalidArgument` for what is no such file or lies where others could replace it, `Locked`,
    /// `Version`, `Io`. Nothing is written then.
    pub fn open(location: &str, trusted: &TrustedOwners) -> Result<Self> {
        let path = resolve(Path::new(location))?;
        check_directory(&path, trusted)?;
        let registry = lock::registry();
        let found = match fs::metadata(&path) {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(io_error(&path, "cannot be opened", &error)),
        };
        let file = match &found {
            Some(metadata) => {
                check_kind(&path, metadata, trusted)?;
                if registry.contains(Identity::of(metadata)) {
                    return Err(locked(&path, "another store of this process"));
                }
                check_only_name(&path, metadata)?;
                descriptors::open(OpenOptions::new().read(true).write(true), &path)
            }
            None => create(&path),
        };
        let file = file.map_err(|error| io_error(&path, "cannot be opened", &error))?;
        Self::own(registry, path, file, found.as_ref())
    }

    /// Makes a file of a store at a path where there is none.
    ///
    /// # Errors
    /// `Exists`; as [`OwnedFile::open`].
    pub fn create(location: &str, trusted: &TrustedOwners) -> Result<Self> {
        if fs::symlink_metadata(location).is_ok() {
            let message = format!("{location}: there is such a file already");
            return Err(Error::new(ErrorKind::Exists, message));
        }
        let path = resolve(Path::new(location))?;
        check_directory(&path, trusted)?;
        let registry = lock::registry();
        let file = create(&path).map_err(|error| io_error(&path, "cannot be made", &error))?;
        Self::own(registry, path, file, None)
    }

    /// Leaves the file in place from now on: the open that may have made it has succeeded.
    pub fn keep(&mut self) {
        self.made.iter_mut().for_each(NewFile::keep);
    }

    /// Locks an open file. `found` is what the path led to before; `None` if the file is new.
    fn own(
        registry: Registry,
        path: PathBuf,
        file: File,
        found: Option<&Metadata>,
    ) -> Result<Self> {
        let metadata =
            file.metadata().map_err(|error| io_error(&path, "cannot be read", &error))?;
        let identity = Identity::of(&metadata);
        let mut made = found.is_none().then(|| NewFile::new(&path, identity));
        if found.is_some_and(|found| Identity::of(found) != identity) {
            return Err(locked(&path, "somebody who replaces it"));
        }
        let cannot_open = |error| io_error(&path, "cannot be opened", &error);
        sqlite::initialize(&registry);
        let directory = descriptors::open_directory(directory_of(&path)).map_err(cannot_open)?;
        let directory = CheckedFile::new(directory).map_err(cannot_open)?;
        let file = CheckedFile::new(file).map_err(cannot_open)?;
        let locking = lock_file(&path, &file).inspect_err(|error| {
            // Another process found the new file, and goes on with it.
            if error.kind() == ErrorKind::Locked {
                made.iter_mut().for_each(NewFile::keep);
            }
        })?;
        let _registered = registry.add(identity, file.as_raw_fd());
        let is_new = metadata.len() == 0;
        let owned = Self { path, file, directory, locking, is_new, made, _registered };
        if owned.is_new {
            // One that somebody else made may be open to others.
            owned.restrict(&metadata)?;
        } else {
            owned.check_header()?;
        }
        if found.is_none()
            && let Err(error) = sync_directory(&owned.path)
        {
            let error = io_error(&owned.path, "cannot be made", &error);
            owned.remove();
            return Err(error);
        }
        Ok(owned)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn locking(&self) -> Locking {
        self.locking
    }

    /// Whether there is nothing in the file yet.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Checks that the library's own descriptors are still open on the file and its directory.
    pub fn check_descriptors(&self) -> Result<()> {
        if self.file.is_open() && self.directory.is_open() {
            return Ok(());
        }
        Err(descriptor_closed(&self.path))
    }

    /// Checks that the path still leads to this file, so that what is written is found there again.
    pub fn check_in_place(&self) -> Result<()> {
        self.check_beside("", self.file.identity())
    }

    /// Checks that the file's name with `end` appended leads to a file.
    pub fn check_beside(&self, end: &str, identity: Identity) -> Result<()> {
        let path = self.beside(end);
        let name = path.file_name().unwrap_or_default().as_bytes();
        let status = CString::new(name)
            .map_err(io::Error::from)
            .and_then(|name| files::status_at(self.directory.as_raw_fd(), &name));
        match status {
            Ok(status) if status.identity == identity => Ok(()),
            Ok(_) => Err(taken_away(&path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(taken_away(&path)),
            Err(error) => Err(io_error(&path, "cannot be found", &error)),
        }
    }

    fn restrict(&self, metadata: &Metadata) -> Result<()> {
        if metadata.mode() & 0o777 == 0o600 {
            return Ok(());
        }
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        self.file
            .set_permissions(permissions)
            .map_err(|error| io_error(&self.path, "cannot be restricted to its owner", &error))
    }

    /// Checks that the file is one of ours, before SQLite may touch it.
    fn check_header(&self) -> Result<()> {
        let not_ours = || {
            let message = format!("{}: the file holds something else", self.path.display());
            Err(Error::new(ErrorKind::InvalidArgument, message))
        };
        let mut header = [0_u8; 100];
        match self.file.read_exact_at(&mut header, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return not_ours(),
            Err(error) => return Err(io_error(&self.path, "cannot be read", &error)),
        }
        if header.iter().all(|&byte| byte == 0) && self.is_half_made() {
            return Ok(());
        }
        let number = |at: usize| {
            i32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        if !header.starts_with(b"SQLite format 3\0") || number(68) != APPLICATION_ID {
            return not_ours();
        }
        check_version(&self.path, number(60))
    }

    /// Whether the power was cut while the file was made: SQLite's journal of that lies beside it,
    /// by which SQLite makes it empty again.
    fn is_half_made(&self) -> bool {
        const START: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
        let mut start = [0_u8; START.len()];
        let journal = descriptors::open_for_reading(&self.beside(JOURNAL));
        let read = journal.and_then(|journal| journal.read_exact_at(&mut start, 0));
        read.is_ok() && start == START
    }

    /// Leaves a file that could not be made into a store as it was found: empty, or not there.
    /// Nobody has it open as a database.
    pub fn remove(self) {
        if self.made.is_none() {
            let _ = self.file.set_len(0);
            remove_beside(&self.path);
        }
    }

    /// The path of a file that belongs to this one.
    pub fn beside(&self, end: &str) -> PathBuf {
        let mut path = self.path.as_os_str().to_owned();
        path.push(end);
        path.into()
    }
}

impl Drop for OwnedFile {
    fn drop(&mut self) {
        // While it is still locked: nobody else may have begun to use it.
        drop(self.made.take());
        // Closing is not enough: a child that was forked without handlers has the descriptor too.
        if self.file.is_open() {
            if self.locking == Locking::OpenFile {
                lock::unlock(&self.file);
            }
            let _ = self.file.unlock();
        }
    }
}

/// Locks a file for this process alone.
fn lock_file(path: &Path, file: &File) -> Result<Locking> {
    let failed = |error: io::Error| io_error(path, "cannot be locked", &error);
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(locked(path, "another process")),
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    match lock::try_lock(file).map_err(failed)? {
        lock::Outcome::Locked => Ok(Locking::OpenFile),
        lock::Outcome::Busy => Err(locked(path, "another program")),
        lock::Outcome::Unsupported => Ok(Locking::Sqlite),
    }
}

/// Returns the status of the file that is open under a descriptor.
///
/// # Errors
/// `Io` if it is another file: the host closed the descriptor and reused its number.
pub(super) fn checked_status(path: &Path, fd: RawFd, identity: Identity) -> Result<Status> {
    match files::status_of(fd) {
        Ok(status) if status.identity == identity => Ok(status),
        _ => Err(descriptor_closed(path)),
    }
}

fn descriptor_closed(path: &Path) -> Error {
    let message = format!(
        "{}: the host closed a descriptor of the store; nothing can be written until the file is \
         opened again",
        path.display()
    );
    Error::new(ErrorKind::Io, message)
}

/// The directory of a resolved path.
fn directory_of(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

/// Whether a store of this process owns the file at a path.
pub(super) fn is_owned_path(path: &Path) -> bool {
    let registry = lock::registry();
    fs::metadata(path).is_ok_and(|metadata| registry.contains(Identity::of(&metadata)))
}

/// The path without symbolic links, so that a change of one leads nobody astray later.
fn resolve(path: &Path) -> Result<PathBuf> {
    let error = |error: io::Error| io_error(path, "cannot be found", &error);
    match fs::canonicalize(path) {
        Ok(path) => Ok(path),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => {
            if fs::symlink_metadata(path).is_ok() {
                let message = format!("{}: the symbolic link leads nowhere", path.display());
                return Err(Error::new(ErrorKind::Io, message));
            }
            let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
                return Err(error(missing));
            };
            let directory =
                if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
            Ok(fs::canonicalize(directory).map_err(error)?.join(name))
        }
        Err(other) => Err(error(other)),
    }
}

/// Refuses a file with a second name. After a crash under one name, use under the other would leave
/// the log behind, and replay it over newer tokens when the first name is used again.
fn check_only_name(path: &Path, metadata: &Metadata) -> Result<()> {
    if metadata.nlink() <= 1 {
        return Ok(());
    }
    let message = format!(
        "{}: the file must not have a second name (hard link); `find DIR -inum {}` finds it",
        path.display(),
        metadata.ino()
    );
    Err(Error::new(ErrorKind::InvalidArgument, message))
}

/// Makes a new file that nobody else may read.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    descriptors::open(&options, path)
}

/// Syncs the directory of a path, so that its names last.
fn sync_directory(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |directory| descriptors::open_for_reading(directory)?.sync_all())
}

fn taken_away(path: &Path) -> Error {
    Error::new(ErrorKind::Io, format!("{}: the file was taken away", path.display()))
}

fn locked(path: &Path, owner: &str) -> Error {
    let message = format!("{}: {owner} has the file open", path.display());
    Error::new(ErrorKind::Locked, message)
}
