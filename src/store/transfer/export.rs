//! Writing all that a store has, a JSON object on each line.

use std::fmt::{self, Write as _};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use zeroize::{Zeroize, Zeroizing};

use super::{FORMAT, Progress, STEP, VERSION, check_path, io_error};
use crate::backend::Contents;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::json::write_string;
use crate::memory::{self, TextBuffer};
use crate::os::descriptors;
use crate::store::Store;
use crate::text::Text;
use crate::token::Record;

/// Lines are gathered up to so many bytes before they are written.
const CHUNK: usize = 1 << 16;

impl Store {
    /// Writes all that the store has, as of one moment, into a new file, with the values of the
    /// tokens; and tells how many tokens those are. The file is readable by its owner alone.
    ///
    /// # Errors
    /// `Exists` if there is a file; those of the disk and of `progress`. No file is
    /// left behind then.
    pub fn export_file(&self, path: &str, progress: Progress<'_>) -> Result<u64> {
        check_path(path)?;
        let contents = self.backend.contents()?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let file = descriptors::open(&options, Path::new(path));
        let file = file.map_err(|error| io_error(path, &error))?;
        let written = write_lines(&file, path, &contents, progress);
        if written.is_err() {
            let _ = fs::remove_file(path);
        }
        written.map(|()| contents.records.len() as u64)
    }
}

fn write_lines(file: &File, path: &str, contents: &Contents, progress: Progress<'_>) -> Result<()> {
    let mut lines =
        Lines { file, path, gathered: Zeroizing::new(memory::vec_with_capacity(CHUNK)?) };
    let failed = |error: io::Error| io_error(path, &error);
    let total = contents.records.len() as u64;
    let header = format!(
        r#"{{"format": "{FORMAT}", "version": {VERSION}, "local_sites": {}, "users": {}, "tokens": {total}}}"#,
        contents.local_sites.len(),
        contents.inactive_users.len(),
    );
    lines.add(&[&header])?;
    for site in &contents.local_sites {
        lines.add(&[r#"{"type": "local_site", "name": "#, &quoted(site)?, "}"])?;
    }
    for user in &contents.inactive_users {
        let user = quoted(user)?;
        lines.add(&[r#"{"type": "user", "username": "#, &user, r#", "is_active": false}"#])?;
    }
    for (done, record) in (0..).zip(&contents.records) {
        if done > 0 && done % STEP == 0 {
            progress(done, total)?;
        }
        lines.add(&[&token_line(record)?])?;
    }
    lines.flush()?;
    file.sync_all().map_err(failed)?;
    let directory = Path::new(path).parent().filter(|it| !it.as_os_str().is_empty());
    let directory = descriptors::open_for_reading(directory.unwrap_or(Path::new(".")));
    directory.and_then(|directory| directory.sync_all()).map_err(failed)?;
    progress(total, total)
}

/// The line of a token, with all its fields.
fn token_line(record: &Record) -> Result<Zeroizing<String>> {
    let mut line = TextBuffer::default();
    // The buffer notes a failure itself.
    let _ = write_token(record, &mut line);
    line.finish().map(Zeroizing::new)
}

fn write_token(record: &Record, line: &mut TextBuffer) -> fmt::Result {
    let invalidation = record.invalidation();
    let write_time = |line: &mut TextBuffer, name: &str, time: Option<Timestamp>| {
        write!(line, r#", "{name}": "#)?;
        match time {
            Some(time) => write!(line, r#""{}""#, time.to_iso8601()),
            None => line.write_str("null"),
        }
    };
    write!(line, r#"{{"type": "token", "id": {}, "user": "#, record.id())?;
    write_string(record.user(), line)?;
    line.push_str(r#", "local_site": "#);
    match record.local_site() {
        Some(site) => write_string(site, line)?,
        None => line.push_str("null"),
    }
    line.push_str(r#", "token_generator_id": "#);
    write_string(record.generator_id(), line)?;
    write_time(line, "time_added", Some(record.time_added()))?;
    write_time(line, "last_updated", Some(record.last_updated()))?;
    write_time(line, "last_used", record.last_used())?;
    write_time(line, "expires", record.expires())?;
    write!(line, r#", "valid": {}"#, invalidation.is_none())?;
    write_time(line, "invalid_date", invalidation.and_then(|it| it.date))?;
    line.push_str(r#", "invalid_reason": "#);
    write_string(invalidation.map_or("", |it| &it.reason), line)?;
    line.push_str(r#", "note": "#);
    write_string(record.note(), line)?;
    line.push_str(r#", "policy": "#);
    write_document(record.policy().text(), line);
    line.push_str(r#", "extra_data": "#);
    write_document(record.extra_data().text(), line);
    line.push_str(r#", "token": "#);
    let value = record.value().expose();
    // Growing would leave a copy of the value behind that nobody wipes. An escaped character has at
    // most six for each of its bytes.
    line.reserve(6 * value.len() + 3);
    write_string(value, line)?;
    line.push('}');
    Ok(())
}

/// Writes a document on the line. One that others wrote has line breaks, outside its strings.
fn write_document(text: &Text, line: &mut TextBuffer) {
    for (number, part) in text.split(['\n', '\r']).enumerate() {
        if number > 0 {
            line.push(' ');
        }
        line.push_str(part);
    }
}

/// What is to be written. It has the values of tokens, so it is wiped.
struct Lines<'a> {
    file: &'a File,
    path: &'a str,
    gathered: Zeroizing<Vec<u8>>,
}

impl Lines<'_> {
    fn add(&mut self, parts: &[&str]) -> Result<()> {
        let len = parts.iter().map(|part| part.len()).sum::<usize>() + 1;
        if self.gathered.len() + len > self.gathered.capacity() {
            self.flush()?;
            if len > self.gathered.capacity() {
                // A larger one, since growing would leave a copy behind that nobody wipes.
                self.gathered = Zeroizing::new(memory::vec_with_capacity(len)?);
            }
        }
        parts.iter().for_each(|part| self.gathered.extend_from_slice(part.as_bytes()));
        self.gathered.push(b'\n');
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let mut file = self.file;
        file.write_all(&self.gathered).map_err(|error| io_error(self.path, &error))?;
        self.gathered.as_mut_slice().zeroize();
        self.gathered.clear();
        Ok(())
    }
}

fn quoted(text: &str) -> Result<String> {
    let mut quoted = TextBuffer::default();
    // The buffer notes a failure itself.
    let _ = write_string(text, &mut quoted);
    quoted.finish()
}
