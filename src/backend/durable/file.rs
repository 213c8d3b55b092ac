//! The file of a durable store: who may open it, and who owns it.

use std::ffi::{CString, OsStr};
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::access::{check_directory, check_kind, check_only_name};
use super::errors::io_error;
use super::format::{APPLICATION_ID, check_version};
use super::new_file::NewFile;
use super::side_files::{self, JOURNAL, LOG};
use crate::error::{Error, ErrorKind, Result};
use crate::model::connection::TrustedOwners;
use crate::os::descriptors::{self, CheckedFile};
use crate::os::files::{self, Identity, Status};
use crate::os::lock::{self, Registered};
use crate::os::sqlite::{self, Opened};

/// How SQLite keeps other programs out of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Locking {
    /// The library holds a lock of the open file description, and SQLite locks nothing.
    OpenFile,
    /// SQLite locks for itself: the system has no such locks. Anything in the process that closes
    /// the file releases them.
    Sqlite,
}

/// The two ways to look a file up, made once: a commit looks, and must not allocate for it.
struct Names {
    path: CString,
    /// In the directory.
    name: CString,
}

impl Names {
    fn new(path: &Path) -> io::Result<Self> {
        let c_string = |bytes: &[u8]| CString::new(bytes).map_err(io::Error::from);
        let name = path.file_name().unwrap_or_default();
        Ok(Self { path: c_string(path.as_os_str().as_bytes())?, name: c_string(name.as_bytes())? })
    }
}

/// A file that a store owns, until this is dropped or the process ends.
pub(super) struct OwnedFile {
    path: PathBuf,
    names: Names,
    log_names: Names,
    file: CheckedFile,
    /// Where the file lies: lookups go on after a `chroot`.
    directory: CheckedFile,
    /// The root directory that the path is good for.
    root: Identity,
    locking: Locking,
    /// Whether there is nothing in it yet.
    is_new: bool,
    /// Set until the open that made the file has succeeded.
    made: Option<NewFile>,
    trusted: TrustedOwners,
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
        let found = match fs::metadata(&path) {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(io_error(&path, "cannot be opened", &error)),
        };
        if let Some(metadata) = &found {
            // The clearer message of the two, for another name of a file that is in use.
            if lock::registry().contains(Identity::of(metadata)) {
                return Err(locked(&path, "another store of this process"));
            }
            check_kind(&path, metadata, trusted)?;
            check_only_name(&path, metadata)?;
        }
        Self::own(path, found.as_ref(), trusted)
    }

    /// Makes a file of a store at a path where there is none.
    ///
    /// # Errors
    /// `Exists`; as [`OwnedFile::open`].
    pub fn create(location: &str, trusted: &TrustedOwners) -> Result<Self> {
        if fs::symlink_metadata(location).is_ok() {
            let message = format!("{location}: the file already exists");
            return Err(Error::new(ErrorKind::Exists, message));
        }
        let path = resolve(Path::new(location))?;
        check_directory(&path, trusted)?;
        Self::own(path, None, trusted)
    }

    /// Leaves the file in place from now on: the open that may have made it has succeeded.
    pub fn keep(&mut self) {
        self.made.iter_mut().for_each(NewFile::keep);
    }

    /// Opens a file and locks it. `found` is what the path leads to; `None` makes a file.
    fn own(path: PathBuf, found: Option<&Metadata>, trusted: &TrustedOwners) -> Result<Self> {
        side_files::check(&path, found.map(Metadata::len), trusted).map_err(|error| {
            // The log may be that of a store that makes the file meanwhile.
            let is_made = found.is_none() && fs::symlink_metadata(&path).is_ok();
            if is_made { locked(&path, NEW_OWNER) } else { error }
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
            // Looked at before, the path led nowhere.
            io::ErrorKind::AlreadyExists => locked(&path, NEW_OWNER),
            _ => cannot_open(error),
        })?;
        let metadata = file.metadata().map_err(cannot_open)?;
        let identity = Identity::of(&metadata);
        let mut made = found.is_none().then(|| NewFile::new(&path, identity));
        // In the list before it is locked: a child of a fork must not keep the lock. What waits for
        // the disk comes after the registry is released, since a fork waits for that.
        let _registered = registry.add(identity, file.as_raw_fd());
        let file = CheckedFile::new(file).map_err(cannot_open)?;
        if found.is_some_and(|found| Identity::of(found) != identity) {
            return Err(locked(&path, "a process that is replacing it"));
        }
        let directory = descriptors::open_directory(directory_of(&path)).map_err(cannot_open)?;
        let directory = CheckedFile::new(directory).map_err(cannot_open)?;
        check_mount(&path, &file, &directory)?;
        let root = files::status_of_path(c"/").map_err(cannot_open)?.identity;
        let locking = lock_file(&path, &file).inspect_err(|error| {
            // Another process found the new file, and goes on with it.
            if error.kind() == ErrorKind::Locked {
                made.iter_mut().for_each(NewFile::keep);
            }
        })?;
        let names = Names::new(&path).map_err(cannot_open)?;
        let log_names = Names::new(&side_files::path(&path, LOG)).map_err(cannot_open)?;
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
            made,
            trusted,
            _registered,
        };
        owned
            .check_in_place()
            .map_err(|_| locked(&owned.path, "a process that is replacing it"))?;
        if owned.is_new {
            // One that somebody else made may be open to others.
            owned.restrict(&metadata)?;
        } else {
            owned.check_header()?;
        }
        if found.is_none()
            && let Err(error) = sync_directory(&owned.path)
        {
            let error = io_error(&owned.path, "cannot be created", &error);
            owned.remove();
            return Err(error);
        }
        Ok(owned)
    }

    /// Runs `work`, in which SQLite opens this file and those beside it, and returns what it
    /// opened. SQLite gets no other file under these names, and none that somebody else could
    /// write.
    pub fn watch<T>(&self, work: impl FnOnce() -> T) -> (T, Vec<Opened>) {
        let accept = |path: &Path, file: &File| {
            if !path.as_os_str().as_bytes().starts_with(self.path.as_os_str().as_bytes()) {
                return true;
            }
            file.metadata().is_ok_and(|metadata| {
                let is_main = path == self.path;
                (!is_main || Identity::of(&metadata) == self.file.identity())
                    && check_kind(path, &metadata, &self.trusted).is_ok()
                    && check_only_name(path, &metadata).is_ok()
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

    /// Whether there is nothing in the file yet.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Checks that the library's own descriptors are still open on the file and its directory, and
    /// that the lock is held. `main` is SQLite's descriptor of the file.
    pub fn check_descriptors(&self, main: RawFd) -> Result<()> {
        let is_locked = || self.locking == Locking::Sqlite || lock::is_held(&self.file, main);
        if self.file.is_open() && self.directory.is_open() && is_locked() {
            return Ok(());
        }
        Err(descriptor_closed(&self.path))
    }

    /// Checks that the path still leads to this file, so that what is written is found there again.
    pub fn check_in_place(&self) -> Result<()> {
        self.check_name(&self.names, self.file.identity())
    }

    /// Checks that the log's name still leads to the log.
    pub fn check_log_in_place(&self, log: Identity) -> Result<()> {
        self.check_name(&self.log_names, log)
    }

    fn check_name(&self, names: &Names, identity: Identity) -> Result<()> {
        let path = || Path::new(OsStr::from_bytes(names.path.to_bytes()));
        match self.status(names) {
            Ok(status) if status.identity == identity => Ok(()),
            Ok(_) => Err(taken_away(path())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(taken_away(path())),
            Err(error) => Err(io_error(path(), "cannot be found", &error)),
        }
    }

    fn status(&self, names: &Names) -> io::Result<Status> {
        if files::status_of_path(c"/")?.identity == self.root {
            return files::status_of_path(&names.path);
        }
        // After a chroot, the path may lead to another file.
        files::status_at(self.directory.as_raw_fd(), &names.name)
    }

    /// Removes SQLite's log if there is nothing in it, and its name leads to it. `identity` is the
    /// log's; `None` is any. The file must still be locked.
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
            let message =
                format!("{}: the file is not a store of this library", self.path.display());
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
        check_version(&self.path, number(60))?;
        // The format versions are those of a file with and without a write-ahead log. SQLite would
        // write others anew, before it finds whether the rest is damaged.
        if !matches!(header[18..20], [1, 1] | [2, 2]) {
            let message = format!(
                "{}: the file is damaged: the format versions in its header are unknown",
                self.path.display()
            );
            return Err(Error::new(ErrorKind::Corrupt, message));
        }
        Ok(())
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
            side_files::remove(&self.path);
        }
    }

    /// The path of a file that belongs to this one.
    pub fn beside(&self, end: &str) -> PathBuf {
        side_files::path(&self.path, end)
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
    let metadata = fs::metadata(path);
    metadata.is_ok_and(|metadata| lock::registry().contains(Identity::of(&metadata)))
}

/// Refuses a file that is mounted by itself, such as a container's `-v FILE:FILE`. Its log lies in
/// another directory than the one that the file is kept in, which is as bad as a second name.
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

/// The path without symbolic links, so that a change of one leads nobody astray later.
fn resolve(path: &Path) -> Result<PathBuf> {
    let error = |error: io::Error| io_error(path, "cannot be found", &error);
    match fs::canonicalize(path) {
        Ok(path) => Ok(path),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => {
            // Another store may make the file meanwhile: that is no link.
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

/// Who has a file open that was not there a moment ago.
const NEW_OWNER: &str = "a process that has just created it";

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
    Error::new(ErrorKind::Io, format!("{}: the file was moved or deleted", path.display()))
}

fn locked(path: &Path, owner: &str) -> Error {
    let message = format!("{}: {owner} has the file open", path.display());
    Error::new(ErrorKind::Locked, message)
}
