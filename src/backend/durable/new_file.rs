//! Removal of a new file if opening it fails.

use std::fs;
use std::path::{Path, PathBuf};

use super::side_files;
use crate::os::files::Identity;

/// Removes a new file, with SQLite's files beside it, unless it is kept.
pub(super) struct NewFile {
    path: PathBuf,
    identity: Identity,
    is_kept: bool,
}

impl NewFile {
    pub fn new(path: &Path, identity: Identity) -> Self {
        Self { path: path.to_owned(), identity, is_kept: false }
    }

    /// Keeps the file.
    pub fn keep(&mut self) {
        self.is_kept = true;
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // Does not remove a file that another program has put in its place.
        let is_in_place =
            fs::symlink_metadata(&self.path).is_ok_and(|it| Identity::of(&it) == self.identity);
        if self.is_kept || !is_in_place {
            return;
        }
        side_files::remove(&self.path);
        let _ = fs::remove_file(&self.path);
    }
}
