//! A temporary folder for files that are written and synced often.

use std::path::{Path, PathBuf};
use std::{fs, process};

use crate::support::c;

/// An empty folder that is removed when dropped. In memory where possible: tests with it do not
/// depend on a real disk.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory } else { &c::BUILD };
        let folder = parent.join(format!("rbtoken-{name}-{}", process::id()));
        fs::create_dir(&folder).expect("a folder can be made");
        Self(folder.canonicalize().expect("the folder is there"))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
