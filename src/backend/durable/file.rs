//! Ownership of a store's file: checks, locks and descriptors.

use std::ffi::{CString, OsStr};
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::access::{check_directory, check_file, check_single_link};
use super::errors::io_error;
use super::format::{APPLICATION_ID, check_version};
use super::new_file::NewFile;
use super::side_files::{self, JOURNAL, LOG};
use crate::error::{Error, ErrorKind, Result};
use crate::model::connection::TrustedOwners;
use crate::os::descriptors::{self, CheckedFile};
use crate::os::files::{self, Identity, Status};
use crate::os::lock::{self, Registration};
use crate::os::sqlite::{self, OpenedFile};

/// The locks that keep other programs from opening the file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Locking {
    /// By an open file description lock of this library. SQLite takes no locks.
    OpenFile,
    /// By SQLite's own locks, where the system has no open file description locks. They are lost
    /// when any part of the process closes the file.
    Sqlite,
}

/// Two names for looking up a file. Allocated when the store is opened, since a commit must not
/// allocate memory for them.
struct LookupNames {
    path: CString,
    /// Relative to the directory.
    name: CString,
}

impl LookupNames {
    fn new(path: &Path) -> io::Result<Self> {
        let c_string = |bytes: &[u8]| CString::new(bytes).map_err(io::Error::from);
        let name = path.file_name().unwrap_or_default();
        Ok(Self { path: c_string(path.as_os_str().as_bytes())?, name: c_string(name.as_bytes())? })
    }
}

/// A file that this process owns until this is dropped.
pub(super) struct OwnedFile {
    path: PathBuf,
    names: LookupNames,
    log_names: LookupNames,
    file: CheckedFile,
    /// The file's directory. After a `chroot`, the file is looked up relative to it.
    directory: CheckedFile,
    /// The root directory that the path refers to.
    root: Identity,
    locking: Locking,
    /// Whether the file was empty when it was opened.
    is_new: bool,
    /// Set until the call that created the file has succeeded.
    new_file: Option<NewFile>,
    trusted: TrustedOwners,
    /// Dropped last: closing the file must not release the locks of the next owner.
    _registration: Registration,
}

impl OwnedFile {
    /// Opens the file at a path exclusively, creating it if it does not exist.
    ///
    /// # Errors
    /// `InvalidArgument` if it is not a store's file or others could replace it; `Locked`,
    /// `Version`, `Io`. The file is unchanged then.
    pub fn open(location: &str, trusted: &TrustedOwners) -> Result<Self> {
        let path = resolve(Path::new(location))?;
        check_directory(&path, trusted)?;
        let found = match fs::metadata(&path) {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(io_error(&path, "cannot be opened", &error)),
        };
        if let Some(metadata) = &found {
            // Checked first for a clear error message if the path is another name of an open file.
            if lock::registry().contains(Identity::of(metadata)) {
                return Err(locked(&path, "another store of this process"));
            }
            check_file(&path, metadata, trusted)?;
            check_single_link(&path, metadata)?;
        }
        Self::open_and_lock(path, found.as_ref(), trusted)
    }

    /// Creates a new file at a path.
    ///
    /// # Errors
    /// `Exists`; those of [`OwnedFile::open`].
    pub fn create(location: &str, trusted: &TrustedOwners) -> Result<Self> {
        if fs::symlink_metadata(location).is_ok() {
            let message = format!("{location}: the file already exists");
            return Err(Error::new(ErrorKind::Exists, message));
        }
        let path = resolve(Path::new(location))?;
        check_directory(&path, trusted)?;
        Self::open_and_lock(path, None, trusted)
    }

    /// Keeps the file: the call that may have created it has succeeded.
    pub fn keep(&mut self) {
        self.new_file.iter_mut().for_each(NewFile::keep);
    }

    /// Opens or creates a file and locks it. `found` is the existing file; `None` creates one.
    fn open_and_lock(
        path: PathBuf,
        found: Option<&Metadata>,
        trusted: &TrustedOwners,
    ) -> Result<Self> {
        side_files::check(&path, found.map(Metadata::len), trusted).map_err(|error| {
            // The log may belong to a store that is creating the file right now.
            let exists_now = found.is_none() && fs::symlink_metadata(&path).is_ok();
            if exists_now { locked(&path, NEW_OWNER) } else { error }
        })?;
        let cannot_open = |error| io_error(&path, "cannot be opened", &error);
        let registry = lock::registry();
        if found.is_some_and(|found| registry.contains(Identity::of(found))) {
            return Err(locked(&path, "another store of this process"));
        }
        sqlite::initialize(&registry)?;
        let file = match found {
            Some(_) => descriptors::open(OpenOptions::new().read(true).write(true), &path),
            None => create(&path),
        };
        let file = file.map_err(|error| match error.kind() {
            // It did not exist when it was checked.
            io::ErrorKind::AlreadyExists => locked(&path, NEW_OWNER),
            _ => cannot_open(error),
        })?;
        let metadata = file.metadata().map_err(cannot_open)?;
        let identity = Identity::of(&metadata);
        let mut new_file = found.is_none().then(|| NewFile::new(&path, identity));
        // Registered before it is locked, since the child of a fork must not keep the lock. Disk
        // operations follow after the registry is released, since a fork waits for the registry.
        let _registration = registry.add(identity, file.as_raw_fd());
        let file = CheckedFile::new(file).map_err(cannot_open)?;
        if found.is_some_and(|found| Identity::of(found) != identity) {
            return Err(locked(&path, "a process that is replacing it"));
        }
        let directory = descriptors::open_directory(directory_of(&path)).map_err(cannot_open)?;
        let directory = CheckedFile::new(directory).map_err(cannot_open)?;
        check_mount(&path, &file, &directory)?;
        let root = files::status_of_path(c"/").map_err(cannot_open)?.identity;
        let locking = lock_file(&path, &file).inspect_err(|error| {
            // Another process has locked the new file and uses it.
            if error.kind() == ErrorKind::Locked {
                new_file.iter_mut().for_each(NewFile::keep);
            }
        })?;
        let names = LookupNames::new(&path).map_err(cannot_open)?;
        let log_names = LookupNames::new(&side_files::path(&path, LOG)).map_err(cannot_open)?;
        let (is_new, trusted) = (metadata.len() == 0, trusted.clone());
        let owned = Self {
            path,
            names,
            log_names,
            file,
            directory,
            root,
            locking,
            is_new,
            new_file,
            trusted,
            _registration,
        };
        owned
            .check_in_place(None)
            .map_err(|_| locked(&owned.path, "a process that is replacing it"))?;
        if owned.is_new {
            // Another user may have created the file with broader permissions.
            owned.restrict(&metadata)?;
        } else {
            owned.check_header()?;
        }
        if found.is_none()
            && let Err(error) = sync_directory(&owned.path)
        {
            let error = io_error(&owned.path, "cannot be created", &error);
            owned.undo_creation();
            return Err(error);
        }
        Ok(owned)
    }

    /// Runs `work`, in which SQLite opens the file and its journal or log, and returns the files
    /// that it opened. SQLite cannot open any other file at these paths, nor one that others could
    /// write to.
    pub fn watch<T>(&self, work: impl FnOnce() -> T) -> (T, Vec<OpenedFile>) {
        let accept = |path: &Path, file: &File| {
            if !path.as_os_str().as_bytes().starts_with(self.path.as_os_str().as_bytes()) {
                return true;
            }
            file.metadata().is_ok_and(|metadata| {
                let is_main = path == self.path;
                (!is_main || Identity::of(&metadata) == self.file.identity())
                    && check_file(path, &metadata, &self.trusted).is_ok()
                    && check_single_link(path, &metadata).is_ok()
            })
        };
        sqlite::watch(&accept, work)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn locking(&self) -> Locking {
        self.locking
    }

    /// Returns whether the file was empty when it was opened.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Checks that this library's descriptors still refer to the file and its directory, and that
    /// the lock is held. `main` is SQLite's descriptor of the file.
    pub fn check_descriptors(&self, main: RawFd) -> Result<()> {
        let is_locked = || self.locking == Locking::Sqlite || lock::is_held(&self.file, main);
        if self.file.is_open() && self.directory.is_open() && is_locked() {
            return Ok(());
        }
        Err(descriptor_closed(&self.path))
    }

    /// Checks that the path still refers to this file, and that of its log to the log, so that what
    /// is written can be found there.
    pub fn check_in_place(&self, log: Option<Identity>) -> Result<()> {
        let root = files::status_of_path(c"/");
        let root = root.map_err(|error| io_error(&self.path, "cannot be found", &error))?;
        let has_root = root.identity == self.root;
        self.check_name(&self.names, self.file.identity(), has_root)?;
        log.map_or(Ok(()), |log| self.check_name(&self.log_names, log, has_root))
    }

    /// Checks what a name refers to. `has_root` is whether the root directory is still the one that
    /// the path begins at: after a `chroot`, the path may refer to another file.
    fn check_name(&self, names: &LookupNames, identity: Identity, has_root: bool) -> Result<()> {
        let path = || Path::new(OsStr::from_bytes(names.path.to_bytes()));
        let status = if has_root {
            files::status_of_path(&names.path)
        } else {
            files::status_at(self.directory.as_raw_fd(), &names.name)
        };
        match status {
            Ok(status) if status.identity == identity => Ok(()),
            Ok(_) => Err(moved_or_deleted(path())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(moved_or_deleted(path())),
            Err(error) => Err(io_error(path(), "cannot be found", &error)),
        }
    }

    /// Removes an empty log. `identity` is that of the log; `None` accepts any. The file must be
    /// locked.
    pub fn remove_empty_log(&self, identity: Option<Identity>) {
        let name = &self.log_names.name;
        if self.directory.is_open()
            && let Ok(log) = files::status_at(self.directory.as_raw_fd(), name)
            && log.len == 0
            && identity.is_none_or(|identity| identity == log.identity)
        {
            let _ = files::remove_at(self.directory.as_raw_fd(), name);
        }
    }

    /// Denies access to the file for all users but its owner.
    fn restrict(&self, metadata: &Metadata) -> Result<()> {
        if metadata.mode() & 0o777 == 0o600 {
            return Ok(());
        }
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        self.file
            .set_permissions(permissions)
            .map_err(|error| io_error(&self.path, "cannot be restricted to its owner", &error))
    }

    /// Checks that the file was written by this library, before SQLite opens it.
    fn check_header(&self) -> Result<()> {
        let not_a_store = || {
            let message =
                format!("{}: the file is not a store of this library", self.path.display());
            Err(Error::new(ErrorKind::InvalidArgument, message))
        };
        let mut header = [0_u8; 100];
        match self.file.read_exact_at(&mut header, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return not_a_store(),
            Err(error) => return Err(io_error(&self.path, "cannot be read", &error)),
        }
        if header.iter().all(|&byte| byte == 0) && self.is_creation_interrupted() {
            return Ok(());
        }
        let number = |at: usize| {
            i32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        if !header.starts_with(b"SQLite format 3\0") || number(68) != APPLICATION_ID {
            return not_a_store();
        }
        check_version(&self.path, number(60))?;
        // The format versions say whether the file uses a write-ahead log. SQLite would overwrite
        // unknown ones before it detects other damage.
        if !matches!(header[18..20], [1, 1] | [2, 2]) {
            let message = format!(
                "{}: the file is damaged: the format versions in its header are unknown",
                self.path.display()
            );
            return Err(Error::new(ErrorKind::Corrupt, message));
        }
        Ok(())
    }

    /// Returns whether a power failure interrupted the creation of the file. Its rollback journal
    /// still exists then, and SQLite will use it to empty the file.
    fn is_creation_interrupted(&self) -> bool {
        const MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
        let mut start = [0_u8; MAGIC.len()];
        let journal = descriptors::open_for_reading(&self.side_path(JOURNAL));
        let read = journal.and_then(|journal| journal.read_exact_at(&mut start, 0));
        read.is_ok() && start == MAGIC
    }

    /// Undoes a failed initialization: removes the file if it did not exist before, otherwise
    /// empties it. It must not be open as a database.
    pub fn undo_creation(self) {
        if self.new_file.is_none() {
            let _ = self.file.set_len(0);
            side_files::remove(&self.path);
        }
    }

    /// Returns the path of a journal or log of this file.
    pub fn side_path(&self, suffix: &str) -> PathBuf {
        side_files::path(&self.path, suffix)
    }
}

impl Drop for OwnedFile {
    fn drop(&mut self) {
        // Before it is unlocked, since nobody else uses the file yet.
        drop(self.new_file.take());
        // Closing the file does not suffice: a child of a fork without handlers has the descriptor
        // too.
        if self.file.is_open() {
            if self.locking == Locking::OpenFile {
                lock::unlock(&self.file);
            }
            let _ = self.file.unlock();
        }
    }
}

/// Locks a file for this process.
fn lock_file(path: &Path, file: &File) -> Result<Locking> {
    let failed = |error: io::Error| io_error(path, "cannot be locked", &error);
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(locked(path, "another process")),
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    match lock::try_lock(file).map_err(failed)? {
        lock::LockResult::Locked => Ok(Locking::OpenFile),
        lock::LockResult::Busy => Err(locked(path, "another program")),
        lock::LockResult::Unsupported => Ok(Locking::Sqlite),
    }
}

/// Returns the status of an open file.
///
/// # Errors
/// `Io` if the descriptor refers to another file: the host has closed it and reused its number.
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

/// Returns the directory of a resolved path.
fn directory_of(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

/// Returns whether a store of this process owns the file at a path.
pub(super) fn is_owned_path(path: &Path) -> bool {
    let metadata = fs::metadata(path);
    metadata.is_ok_and(|metadata| lock::registry().contains(Identity::of(&metadata)))
}

/// Rejects a file that is a mount point, such as a container's `-v FILE:FILE`. Its log would be in
/// another directory than the mounted file, with the same effect as a second hard link.
fn check_mount(path: &Path, file: &File, directory: &File) -> Result<()> {
    let mount = |file: &File| files::mount_of(file.as_raw_fd());
    match (mount(file), mount(directory)) {
        (Some(file), Some(directory)) if file != directory => {
            let message = format!(
                "{}: the file must not be a mount of its own; mount its directory instead",
                path.display()
            );
            Err(Error::new(ErrorKind::InvalidArgument, message))
        }
        _ => Ok(()),
    }
}

/// Resolves symbolic links, so that changing one later has no effect.
fn resolve(path: &Path) -> Result<PathBuf> {
    let error = |error: io::Error| io_error(path, "cannot be found", &error);
    match fs::canonicalize(path) {
        Ok(path) => Ok(path),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => {
            // Not a link if another store has created the file meanwhile.
            if fs::symlink_metadata(path).is_ok_and(|it| it.is_symlink()) {
                let message =
                    format!("{}: the target of the symbolic link does not exist", path.display());
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

/// The owner of a file that did not exist a moment ago.
const NEW_OWNER: &str = "a process that has just created it";

/// Creates a file that only its owner can read.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    descriptors::open(&options, path)
}

/// Syncs the directory of a path, so that new names in it are durable.
fn sync_directory(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |directory| descriptors::open_for_reading(directory)?.sync_all())
}

fn moved_or_deleted(path: &Path) -> Error {
    Error::new(ErrorKind::Io, format!("{}: the file was moved or deleted", path.display()))
}

fn locked(path: &Path, owner: &str) -> Error {
    let message = format!("{}: {owner} has the file open", path.display());
    Error::new(ErrorKind::Locked, message)
}
