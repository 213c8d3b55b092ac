//! The file of a durable store: who may open it, and who owns it.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use parking_lot::{Mutex, MutexGuard};

use super::schema::{APPLICATION_ID, VERSION};
use crate::error::{Error, ErrorKind, Result};
use crate::os::{descriptors, files, fork, user};

/// What SQLite appends to a file's name for the files beside it: the journal by which it takes the
/// making of the tables back, and the log of the commits that are not in the file yet.
const JOURNAL: &str = "-journal";
const LOG: &str = "-wal";

/// What tells a file from others, whatever its path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }

    /// Of the file that a path leads to now.
    pub fn at(path: &Path) -> Result<Self> {
        match files::identity(path) {
            Ok((device, inode)) => Ok(Self { device, inode }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(taken_away(path)),
            Err(error) => Err(io_error(path, "cannot be found", &error)),
        }
    }

    /// Checks that a path still leads to this file, so that what is written is found there again.
    pub fn check(self, path: &Path) -> Result<()> {
        if Self::at(path)? == self { Ok(()) } else { Err(taken_away(path)) }
    }
}

/// The files that stores of this process own, and since which fork.
///
/// Asked before such a file is opened: closing it again would take the locks away that SQLite has
/// on it, since those belong to the process. Held from then on until the file is in the list.
static OWNED: Mutex<Owned> = Mutex::new(Vec::new());

type Owned = Vec<(Identity, Option<u64>)>;

/// A file that a store owns, until this is dropped or the process ends.
pub(super) struct OwnedFile {
    path: PathBuf,
    file: File,
    /// Whether there is nothing in it yet.
    is_new: bool,
    /// Given up last: who opens the file next must not lose locks by its being closed here.
    place: Place,
}

/// A file's place in the list of those that are owned.
struct Place(Identity);

impl Drop for Place {
    fn drop(&mut self) {
        OWNED.lock().retain(|(identity, _)| *identity != self.0);
    }
}

impl OwnedFile {
    /// Opens the file at a path for one owner, and makes it if there is none.
    ///
    /// # Errors
    /// `InvalidArgument` for what is no such file or lies where others could replace it, `Locked`,
    /// `Version`, `Io`. Nothing is written then.
    pub fn open(location: &str) -> Result<Self> {
        let path = resolve(Path::new(location))?;
        check_directory(&path)?;
        let owned = OWNED.lock();
        let found = match fs::metadata(&path) {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(io_error(&path, "cannot be opened", &error)),
        };
        let file = match &found {
            Some(metadata) => {
                check_kind(&path, metadata)?;
                if is_in(&owned, Identity::of(metadata)) {
                    return Err(locked(&path, "another store of this process"));
                }
                check_only_name(&path, metadata)?;
                descriptors::open(OpenOptions::new().read(true).write(true), &path)
            }
            None => create(&path),
        };
        let file = file.map_err(|error| io_error(&path, "cannot be opened", &error))?;
        Self::own(owned, path, file, found.as_ref())
    }

    /// Makes a file of a store at a path where there is none.
    ///
    /// # Errors
    /// `Exists`; as [`OwnedFile::open`].
    pub fn create(location: &str) -> Result<Self> {
        if fs::symlink_metadata(location).is_ok() {
            let message = format!("{location}: there is such a file already");
            return Err(Error::new(ErrorKind::Exists, message));
        }
        let path = resolve(Path::new(location))?;
        check_directory(&path)?;
        let owned = OWNED.lock();
        let file = create(&path).map_err(|error| io_error(&path, "cannot be made", &error))?;
        Self::own(owned, path, file, None)
    }

    fn own(
        mut owned: MutexGuard<'_, Owned>,
        path: PathBuf,
        file: File,
        found: Option<&Metadata>,
    ) -> Result<Self> {
        let metadata =
            file.metadata().map_err(|error| io_error(&path, "cannot be read", &error))?;
        let identity = Identity::of(&metadata);
        if found.is_some_and(|found| Identity::of(found) != identity) {
            return Err(locked(&path, "somebody who replaces it"));
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(locked(&path, "another process")),
            Err(TryLockError::Error(error)) => {
                return Err(io_error(&path, "cannot be locked", &error));
            }
        }
        owned.push((identity, fork::generation()));
        drop(owned);
        let owned = Self { path, file, is_new: metadata.len() == 0, place: Place(identity) };
        if owned.is_new {
            // One that somebody else made may be open to others.
            owned.restrict(&metadata)?;
        } else {
            owned.check_header()?;
        }
        Ok(owned)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is nothing in the file yet.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Checks that the path still leads to this file.
    pub fn check_in_place(&self) -> Result<()> {
        self.place.0.check(&self.path)
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

    /// Removes a file that was new and could not be made into a store, with what SQLite left beside
    /// it; nobody has it open as a database.
    pub fn remove(self) {
        for end in ["", JOURNAL, LOG] {
            let _ = fs::remove_file(self.beside(end));
        }
    }

    /// Where SQLite writes changes first.
    pub fn log(&self) -> PathBuf {
        self.beside(LOG)
    }

    /// The path of a file that belongs to this one.
    fn beside(&self, end: &str) -> PathBuf {
        let mut path = self.path.as_os_str().to_owned();
        path.push(end);
        path.into()
    }
}

impl Drop for OwnedFile {
    fn drop(&mut self) {
        // Closing is not enough: a child of `fork` has the descriptor too.
        let _ = self.file.unlock();
    }
}

/// Whether a store of this process owns the file at a path.
pub(super) fn is_owned_path(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| is_in(&OWNED.lock(), Identity::of(&metadata)))
}

fn is_in(owned: &Owned, identity: Identity) -> bool {
    owned.contains(&(identity, fork::generation()))
}

/// Refuses a file that a later version of this library wrote.
pub(super) fn check_version(path: &Path, version: i32) -> Result<()> {
    if (0..=VERSION).contains(&version) {
        return Ok(());
    }
    let message = format!(
        "{}: the file has version {version}, and this library knows versions up to {VERSION}",
        path.display()
    );
    Err(Error::new(ErrorKind::Version, message))
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

/// Refuses a directory in which others could put another file in the place of this one.
fn check_directory(path: &Path) -> Result<()> {
    let directory = path.parent().unwrap_or(path);
    let metadata =
        fs::metadata(directory).map_err(|error| io_error(directory, "cannot be read", &error))?;
    let (others_write, sticky) = (metadata.mode() & 0o022 != 0, metadata.mode() & 0o1000 != 0);
    if others_write && !sticky {
        let message = format!(
            "{}: others may write to this directory, and so replace the file",
            directory.display()
        );
        return Err(Error::new(ErrorKind::InvalidArgument, message));
    }
    Ok(())
}

fn check_kind(path: &Path, metadata: &Metadata) -> Result<()> {
    let path = path.display();
    let kind = metadata.file_type();
    if metadata.is_dir() {
        return Err(Error::new(ErrorKind::InvalidArgument, format!("{path}: this is a directory")));
    }
    if kind.is_fifo() || kind.is_socket() || !metadata.is_file() {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("{path}: this is no regular file"),
        ));
    }
    if metadata.permissions().readonly() {
        let message = format!("{path}: the file is read-only");
        return Err(Error::new(ErrorKind::Io, message));
    }
    if metadata.mode() & 0o022 != 0 {
        let message = format!("{path}: others may write to the file");
        return Err(Error::new(ErrorKind::InvalidArgument, message));
    }
    // Who put it there, in a folder such as /tmp, could read what is written to it.
    if metadata.uid() != user::effective_id() {
        let message = format!("{path}: the file belongs to another user");
        return Err(Error::new(ErrorKind::InvalidArgument, message));
    }
    Ok(())
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

/// Makes a new file that nobody else may read. It is there after a power cut, too.
pub(super) fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    let file = descriptors::open(&options, path)?;
    if let Err(error) = sync_directory(path) {
        let _ = fs::remove_file(path);
        return Err(error);
    }
    Ok(file)
}

/// Makes the names in the directory of a path last.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |directory| descriptors::open_for_reading(directory)?.sync_all())
}

fn taken_away(path: &Path) -> Error {
    Error::new(ErrorKind::Io, format!("{}: the file was taken away", path.display()))
}

fn locked(path: &Path, owner: &str) -> Error {
    let message = format!("{}: {owner} has the file open", path.display());
    Error::new(ErrorKind::Locked, message)
}

/// An error of the operating system about a path.
pub(super) fn io_error(path: &Path, what: &str, error: &io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::OutOfMemory => ErrorKind::NoMemory,
        _ => ErrorKind::Io,
    };
    Error::new(kind, format!("{}: the file {what}: {error}", path.display()))
}
