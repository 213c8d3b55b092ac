//! Exports a store to a file with one JSON object per line.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use hashbrown::HashSet;
use zeroize::{Zeroize, Zeroizing};

use super::{FORMAT, STEP, STORED, VERSION, check_path, io_error};
use crate::backend::Part;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::json::write_string;
use crate::memory::{self, TextBuffer};
use crate::model::names;
use crate::model::requests::Progress;
use crate::os::descriptors;
use crate::store::Store;
use crate::text::Text;
use crate::token::Record;

/// Size of the write buffer.
const CHUNK: usize = 1 << 16;

impl Store {
    /// Writes the contents of the store, including token values, to a new file, and returns the
    /// number of tokens. Only the owner can read the file. The contents are from one point in time,
    /// except in a Review Board database. There, unreadable rows are omitted.
    ///
    /// # Errors
    /// `Exists` if the file exists; those of the disk, of the database and of `progress`. The file
    /// is removed then.
    pub fn export_file(&self, path: &str, progress: Progress<'_>) -> Result<u64> {
        check_path(path)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let file = descriptors::open(&options, Path::new(path));
        let file = file.map_err(|error| io_error(path, &error))?;
        let written = self.write_lines(&file, path, progress);
        if written.is_err() {
            let _ = fs::remove_file(path);
        }
        written
    }

    fn write_lines(&self, file: &File, path: &str, progress: Progress<'_>) -> Result<u64> {
        let lines =
            LineWriter { file, path, buffer: Zeroizing::new(memory::vec_with_capacity(CHUNK)?) };
        let mut export = Export { lines, sites: HashSet::new(), users: 0, tokens: 0, total: 0 };
        // A placeholder, overwritten when the numbers are known.
        let header = export.header()?;
        export.lines.add(&[&header])?;
        self.backend.for_each_part(&mut |part| export.add(part, progress))?;
        export.lines.flush()?;
        let failed = |error: io::Error| io_error(path, &error);
        file.write_all_at(export.header()?.as_bytes(), 0).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        let directory = Path::new(path).parent().filter(|it| !it.as_os_str().is_empty());
        let directory = descriptors::open_for_reading(directory.unwrap_or(Path::new(".")));
        directory.and_then(|directory| directory.sync_all()).map_err(failed)?;
        progress(export.tokens, export.tokens)?;
        Ok(export.tokens)
    }
}

/// Length of the first line in bytes.
const HEADER: usize = 152;

/// The state of an export.
struct Export<'a> {
    lines: LineWriter<'a>,
    /// Local Sites that have been written.
    sites: HashSet<Text>,
    users: u64,
    tokens: u64,
    /// Estimated number of tokens.
    total: u64,
}

impl Export<'_> {
    /// Returns the first line, which has a constant length.
    fn header(&self) -> Result<String> {
        let Self { sites, users, tokens, .. } = self;
        let mut header = TextBuffer::default();
        // `HEADER` is large enough for any numbers. The buffer records failures, and `finish`
        // returns them.
        header.reserve(HEADER);
        let _ = write!(
            header,
            r#"{{"format": "{FORMAT}", "version": {VERSION}, "local_sites": {}, "users": {users}, "tokens": {tokens}"#,
            sites.len(),
        );
        let mut header = header.finish()?;
        while header.len() < HEADER - 1 {
            header.push(' ');
        }
        header.push('}');
        Ok(header)
    }

    fn add(&mut self, part: Part<'_>, progress: Progress<'_>) -> Result<()> {
        match part {
            Part::Total(total) => self.total = total,
            Part::LocalSites(names) => names.iter().try_for_each(|name| self.add_site(name))?,
            Part::InactiveUsers(users) => {
                for user in users.iter().filter(|user| names::check_user(user).is_ok()) {
                    let user = quoted(user)?;
                    let is_active = r#", "is_active": false}"#;
                    self.lines.add(&[r#"{"type": "user", "username": "#, &user, is_active])?;
                    self.users += 1;
                }
            }
            Part::Records(records) => {
                for record in records.iter().filter(|record| is_importable(record)) {
                    if self.tokens > 0 && self.tokens.is_multiple_of(STEP) {
                        progress(self.tokens, self.total.max(self.tokens))?;
                    }
                    // A site that was added during the export has no line yet.
                    record.local_site().map_or(Ok(()), |name| self.add_site(name))?;
                    self.lines.add(&[&token_line(record)?])?;
                    self.tokens += 1;
                }
            }
        }
        Ok(())
    }

    /// Writes the line of a Local Site, unless it has been written or could not be imported.
    fn add_site(&mut self, name: &Text) -> Result<()> {
        if self.sites.contains(name) || names::check_local_site(name).is_err() {
            return Ok(());
        }
        self.lines.add(&[r#"{"type": "local_site", "name": "#, &quoted(name)?, "}"])?;
        self.sites.try_reserve(1).map_err(memory::exhausted)?;
        self.sites.insert(name.clone());
        Ok(())
    }
}

/// Returns whether a record can be imported. Another program may have written its row.
pub(super) fn is_importable(record: &Record) -> bool {
    let reason = record.invalidation().map_or("", |it| it.reason.as_str());
    record.unreadable().is_none()
        && names::check_user(record.user()).is_ok()
        && record.local_site().is_none_or(|name| names::check_local_site(name).is_ok())
        && names::check_generator_id(record.generator_id()).is_ok()
        && names::check_no_nul(record.note(), "note").is_ok()
        && names::check_no_nul(reason, "invalid_reason").is_ok()
}

/// Returns the line of a token with all its fields.
fn token_line(record: &Record) -> Result<Zeroizing<String>> {
    let (policy, extra_data) = (record.policy(), record.extra_data());
    let documents = [
        ("policy", policy.foreign_text(), policy.to_json()?),
        ("extra_data", extra_data.foreign_text(), extra_data.to_json()?),
    ];
    let mut line = TextBuffer::default();
    // The buffer records failures, and `finish` returns them.
    let _ = write_token(record, &documents, &mut line);
    line.finish().map(Zeroizing::new)
}

/// The name of a document, its text if another program wrote it, and the document as JSON.
type Document<'a> = (&'static str, Option<&'a Text>, Cow<'a, str>);

fn write_token(record: &Record, documents: &[Document<'_>], line: &mut TextBuffer) -> fmt::Result {
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
    for (name, foreign, json) in documents {
        if let Some(text) = foreign {
            write!(line, r#", "{STORED}{name}": "#)?;
            write_string(text, line)?;
        }
        write!(line, r#", "{name}": "#)?;
        write_document(json, line);
    }
    line.push_str(r#", "token": "#);
    let value = record.value().expose();
    // Reserved, since growing would leave a copy of the value behind that is not zeroized. Each
    // byte has at most six characters when escaped.
    line.reserve(6 * value.len() + 3);
    write_string(value, line)?;
    line.push('}');
    Ok(())
}

/// Writes a document on one line. Texts of other programs may have line breaks outside of strings.
fn write_document(text: &str, line: &mut TextBuffer) {
    for (number, part) in text.split(['\n', '\r']).enumerate() {
        if number > 0 {
            line.push(' ');
        }
        line.push_str(part);
    }
}

/// A buffered writer for lines. Its buffer contains token values, so it is zeroized.
struct LineWriter<'a> {
    file: &'a File,
    path: &'a str,
    buffer: Zeroizing<Vec<u8>>,
}

impl LineWriter<'_> {
    fn add(&mut self, parts: &[&str]) -> Result<()> {
        let len = parts.iter().map(|part| part.len()).sum::<usize>() + 1;
        if self.buffer.len() + len > self.buffer.capacity() {
            self.flush()?;
            if len > self.buffer.capacity() {
                // Replaced, since growing would leave a copy behind that is not zeroized.
                self.buffer = Zeroizing::new(memory::vec_with_capacity(len)?);
            }
        }
        parts.iter().for_each(|part| self.buffer.extend_from_slice(part.as_bytes()));
        self.buffer.push(b'\n');
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let mut file = self.file;
        file.write_all(&self.buffer).map_err(|error| io_error(self.path, &error))?;
        self.buffer.as_mut_slice().zeroize();
        self.buffer.clear();
        Ok(())
    }
}

fn quoted(text: &str) -> Result<String> {
    let mut quoted = TextBuffer::default();
    // The buffer records failures, and `finish` returns them.
    let _ = write_string(text, &mut quoted);
    quoted.finish()
}
