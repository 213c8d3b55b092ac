//! A file that an open has made, which goes again if the open fails.

use std::fs;
use std::path::{Path, PathBuf};

use super::side_files;
use crate::os::files::Identity;

/// Removes a new file, with what SQLite left beside it, unless it is kept.
pub(super) struct NewFile {
    path: PathBuf,
    identity: Identity,
    is_kept: bool,
}

impl NewFile {
    pub fn new(path: &Path, identity: Identity) -> Self {
        Self { path: path.to_owned(), identity, is_kept: false }
    }

    /// Leaves the file where it is.
    pub fn keep(&mut self) {
        self.is_kept = true;
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // What somebody else has put in its place stays.
        let is_in_place =
            fs::symlink_metadata(&self.path).is_ok_and(|it| Identity::of(&it) == self.identity);
        if self.is_kept || !is_in_place {
            return;
        }
        side_files::remove(&self.path);
        let _ = fs::remove_file(&self.path);
    }
}
