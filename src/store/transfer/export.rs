//! Writing all that a store has, a JSON object on each line.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use zeroize::{Zeroize, Zeroizing};

use super::{FORMAT, Progress, STEP, VERSION, check_path, io_error};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::json::write_string;
use crate::store::Store;
use crate::store::backend::Contents;

/// Lines are gathered up to so many bytes before they are written.
const CHUNK: usize = 1 << 16;

impl Store {
    /// Writes all that the store has, as of one moment, into a new file, with the values of the
    /// tokens; and tells how many tokens those are. The file is readable by its owner alone.
    ///
    /// # Errors
    /// `Exists` if there is a file; those of the clock, of the disk, and of `progress`. No file is
    /// left behind then.
    pub fn export_file(&self, path: &str, progress: Progress<'_>) -> Result<u64> {
        check_path(path)?;
        let now = self.clock.now()?;
        let contents = self.backend.contents()?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = file.map_err(|error| io_error(path, &error))?;
        let written = self.write_lines(&file, path, &contents, now, progress);
        if written.is_err() {
            let _ = fs::remove_file(path);
        }
        written.map(|()| contents.records.len() as u64)
    }

    fn write_lines(
        &self,
        file: &File,
        path: &str,
        contents: &Contents,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<()> {
        let mut lines = Lines { file, gathered: Zeroizing::new(Vec::with_capacity(CHUNK)) };
        let failed = |error: io::Error| io_error(path, &error);
        let total = contents.records.len() as u64;
        let header = format!(
            r#"{{"format": "{FORMAT}", "version": {VERSION}, "local_sites": {}, "users": {}, "tokens": {total}}}"#,
            contents.local_sites.len(),
            contents.inactive_users.len(),
        );
        lines.add(&[&header]).map_err(failed)?;
        for site in &contents.local_sites {
            lines
                .add(&[r#"{"type": "local_site", "name": "#, &quoted(site), "}"])
                .map_err(failed)?;
        }
        for user in &contents.inactive_users {
            let parts =
                [r#"{"type": "user", "username": "#, &quoted(user), r#", "is_active": false}"#];
            lines.add(&parts).map_err(failed)?;
        }
        for (done, record) in (0..).zip(&contents.records) {
            if done > 0 && done % STEP == 0 {
                progress(done, total)?;
            }
            let fields = self.snapshot(Arc::clone(record)).to_json(now, true);
            let fields = if fields.contains(['\n', '\r']) {
                // A document that others wrote has line breaks, outside its strings.
                Zeroizing::new(fields.replace(['\n', '\r'], " "))
            } else {
                fields
            };
            let (user, site) = (quoted(record.user()), record.local_site());
            let site = site.map_or_else(|| "null".to_owned(), |site| quoted(site));
            let head = [r#"{"type": "token", "user": "#, &user, r#", "local_site": "#, &site, ", "];
            lines.add(&[&head.concat(), fields.trim_start_matches('{')]).map_err(failed)?;
        }
        lines.flush().and_then(|()| file.sync_all()).map_err(failed)?;
        let directory = Path::new(path).parent().filter(|it| !it.as_os_str().is_empty());
        let directory = File::open(directory.unwrap_or(Path::new(".")));
        directory.and_then(|directory| directory.sync_all()).map_err(failed)?;
        progress(total, total)
    }
}

/// What is to be written. It has the values of tokens, so it is wiped.
struct Lines<'a> {
    file: &'a File,
    gathered: Zeroizing<Vec<u8>>,
}

impl Lines<'_> {
    fn add(&mut self, parts: &[&str]) -> io::Result<()> {
        let len = parts.iter().map(|part| part.len()).sum::<usize>() + 1;
        if self.gathered.len() + len > self.gathered.capacity() {
            self.flush()?;
            if len > self.gathered.capacity() {
                // A larger one, since growing would leave a copy behind that nobody wipes.
                self.gathered = Zeroizing::new(Vec::with_capacity(len));
            }
        }
        parts.iter().for_each(|part| self.gathered.extend_from_slice(part.as_bytes()));
        self.gathered.push(b'\n');
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.gathered)?;
        self.gathered.as_mut_slice().zeroize();
        self.gathered.clear();
        Ok(())
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    write_string(text, &mut quoted);
    quoted
}
