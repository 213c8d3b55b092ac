//! The journal of the simulated disk (`tests/c/durable/disk.c`), and the files that may remain
//! after a power failure.
//!
//! The model: a write is durable after a later sync of the file; the creation, renaming or removal
//! of a file is durable after a later sync of its folder. Any part of the other writes may remain,
//! in any order: none, all, some writes, or some of their sectors of 512 bytes. File systems may
//! promise more, but need not. Only changes of names stay in order, as in every journaling file
//! system.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use super::random::Random;

const SECTOR: usize = 512;

/// An operation on the files of the folder.
pub enum Event {
    Create {
        file: u64,
        name: String,
    },
    Rename {
        from: String,
        to: String,
    },
    Unlink {
        name: String,
    },
    Write {
        file: u64,
        offset: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        file: u64,
        size: usize,
    },
    Sync {
        file: u64,
    },
    SyncFolder,
    /// A message from the host.
    Mark(String),
}

/// Reads a journal.
pub fn read(path: &Path) -> Vec<Event> {
    let journal = fs::read(path).expect("there is a journal");
    let mut rest = journal.as_slice();
    let mut events = Vec::new();
    while !rest.is_empty() {
        let mut number = || {
            let (bytes, behind) = rest.split_first_chunk().expect("an entry is whole");
            rest = behind;
            u64::from_ne_bytes(*bytes)
        };
        let (kind, file, offset, length) = (number(), number(), number() as usize, number());
        let (bytes, behind) = rest.split_at(length as usize);
        rest = behind;
        let text = || String::from_utf8(bytes.to_vec()).expect("names and marks are UTF-8");
        events.push(match u8::try_from(kind).expect("a kind is a character") {
            b'c' => Event::Create { file, name: text() },
            b'u' => Event::Unlink { name: text() },
            b'w' => Event::Write { file, offset, bytes: bytes.to_vec() },
            b't' => Event::Truncate { file, size: offset },
            b's' => Event::Sync { file },
            b'f' => Event::SyncFolder,
            b'm' => Event::Mark(text()),
            b'r' => {
                let text = text();
                let (from, to) = text.split_once('\0').expect("two names");
                Event::Rename { from: from.to_owned(), to: to.to_owned() }
            }
            kind => panic!("an entry of an unknown kind: {kind}"),
        });
    }
    events
}

/// Which part of the changes that are not durable remains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    Nothing,
    Everything,
    /// Each change with a probability.
    SomeChanges,
    /// Each sector of each change with a probability.
    SomeSectors,
}

/// A change of a file's contents.
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate { size: usize },
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => write_at(content, *offset, bytes),
            Self::Truncate { size } => content.resize(*size, 0),
        }
    }

    /// Applies a random subset of its sectors.
    fn apply_some_sectors(&self, content: &mut Vec<u8>, random: &mut Random) {
        let Self::Write { offset, bytes } = self else {
            return if random.yes() {
                self.apply(content)
            };
        };
        let (mut at, mut rest) = (*offset, bytes.as_slice());
        while !rest.is_empty() {
            let (sector, behind) = rest.split_at(rest.len().min(SECTOR - at % SECTOR));
            if random.yes() {
                write_at(content, at, sector);
            }
            (at, rest) = (at + sector.len(), behind);
        }
    }
}

fn write_at(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(bytes);
}

#[derive(Default)]
struct File {
    safe: Vec<u8>,
    changes: Vec<Change>,
}

/// A change of the folder.
enum Naming {
    Create { name: String, file: usize },
    Rename { from: String, to: String },
    Unlink { name: String },
}

type Names = BTreeMap<String, usize>;

impl Naming {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Create { name, file } => {
                names.insert(name.clone(), *file);
            }
            Self::Rename { from, to } => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            Self::Unlink { name } => {
                names.remove(name);
            }
        }
    }
}

/// The state of a folder on the disk.
#[derive(Default)]
pub struct Disk {
    files: Vec<File>,
    /// The newest file with an inode number.
    by_inode: HashMap<u64, usize>,
    safe_names: Names,
    namings: Vec<Naming>,
}

impl Disk {
    /// Applies an event.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Create { file, name } => {
                self.by_inode.insert(*file, self.files.len());
                let file = self.files.len();
                self.files.push(File::default());
                self.namings.push(Naming::Create { name: name.clone(), file });
            }
            Event::Rename { from, to } => {
                self.namings.push(Naming::Rename { from: from.clone(), to: to.clone() });
            }
            Event::Unlink { name } => self.namings.push(Naming::Unlink { name: name.clone() }),
            Event::Write { file, offset, bytes } => {
                let change = Change::Write { offset: *offset, bytes: bytes.clone() };
                self.file(*file).changes.push(change);
            }
            Event::Truncate { file, size } => {
                self.file(*file).changes.push(Change::Truncate { size: *size });
            }
            Event::Sync { file } => {
                let file = self.file(*file);
                file.changes.drain(..).for_each(|change| change.apply(&mut file.safe));
            }
            Event::SyncFolder => {
                self.namings.drain(..).for_each(|naming| naming.apply(&mut self.safe_names));
            }
            Event::Mark(_) => {}
        }
    }

    fn file(&mut self, inode: u64) -> &mut File {
        &mut self.files[self.by_inode[&inode]]
    }

    /// Returns the name under which a file was created.
    pub fn name_of(&self, inode: u64) -> &str {
        let number = self.by_inode[&inode];
        let made = self.namings.iter().find_map(|naming| match naming {
            Naming::Create { name, file } if *file == number => Some(name),
            _ => None,
        });
        let safe = || self.safe_names.iter().find(|&(_, file)| *file == number);
        made.or_else(|| safe().map(|(name, _)| name)).expect("a file has a name")
    }

    /// Creates the folder as it may be after a power failure now.
    pub fn rebuild(&self, left: Left, random: &mut Random, folder: &Path) {
        for file in fs::read_dir(folder).expect("the folder can be read") {
            let file = file.expect("the folder can be read").path();
            fs::remove_file(file).expect("a file can be removed");
        }
        let mut names = self.safe_names.clone();
        let kept = match left {
            Left::Nothing => 0,
            Left::Everything => self.namings.len(),
            _ => random.below(self.namings.len() as u64 + 1) as usize,
        };
        self.namings[..kept].iter().for_each(|naming| naming.apply(&mut names));
        for (name, file) in names {
            let File { safe, changes } = &self.files[file];
            let mut content = safe.clone();
            for change in changes {
                match left {
                    Left::Nothing => {}
                    Left::Everything => change.apply(&mut content),
                    Left::SomeChanges if random.yes() => change.apply(&mut content),
                    Left::SomeChanges => {}
                    Left::SomeSectors => change.apply_some_sectors(&mut content, random),
                }
            }
            fs::write(folder.join(name), content).expect("a file can be written");
        }
    }
}
