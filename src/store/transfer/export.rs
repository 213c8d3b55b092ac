//! Writing all that a store has, a JSON object on each line.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use zeroize::{Zeroize, Zeroizing};

use super::{FORMAT, Progress, STEP, VERSION, check_path, io_error};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::json::write_string;
use crate::os::descriptors;
use crate::store::Store;
use crate::store::backend::Contents;
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
        lines.add(&[r#"{"type": "local_site", "name": "#, &quoted(site), "}"]).map_err(failed)?;
    }
    for user in &contents.inactive_users {
        let parts = [r#"{"type": "user", "username": "#, &quoted(user), r#", "is_active": false}"#];
        lines.add(&parts).map_err(failed)?;
    }
    for (done, record) in (0..).zip(&contents.records) {
        if done > 0 && done % STEP == 0 {
            progress(done, total)?;
        }
        lines.add(&[&token_line(record)]).map_err(failed)?;
    }
    lines.flush().and_then(|()| file.sync_all()).map_err(failed)?;
    let directory = Path::new(path).parent().filter(|it| !it.as_os_str().is_empty());
    let directory = descriptors::open_for_reading(directory.unwrap_or(Path::new(".")));
    directory.and_then(|directory| directory.sync_all()).map_err(failed)?;
    progress(total, total)
}

/// The line of a token, with all its fields.
fn token_line(record: &Record) -> Zeroizing<String> {
    let invalidation = record.invalidation();
    let time = |time: Option<Timestamp>| {
        time.map_or_else(|| "null".to_owned(), |time| format!("\"{}\"", time.to_iso8601()))
    };
    let document = |text: &Text| match text.contains(['\n', '\r']) {
        // One that others wrote has line breaks, outside its strings.
        true => text.replace(['\n', '\r'], " "),
        false => text.as_str().to_owned(),
    };
    let fields = [
        ("type", quoted("token")),
        ("id", record.id().to_string()),
        ("user", quoted(record.user())),
        ("local_site", record.local_site().map_or_else(|| "null".to_owned(), |it| quoted(it))),
        ("token_generator_id", quoted(record.generator_id())),
        ("time_added", time(Some(record.time_added()))),
        ("last_updated", time(Some(record.last_updated()))),
        ("last_used", time(record.last_used())),
        ("expires", time(record.expires())),
        ("valid", invalidation.is_none().to_string()),
        ("invalid_date", time(invalidation.and_then(|it| it.date))),
        ("invalid_reason", quoted(invalidation.map_or("", |it| &it.reason))),
        ("note", quoted(record.note())),
        ("policy", document(record.policy().text())),
        ("extra_data", document(record.extra_data().text())),
    ];
    let fields: Vec<_> = fields.iter().map(|(name, it)| format!("\"{name}\": {it}")).collect();
    let (fields, value) = (fields.join(", "), record.value().expose());

    // Long enough from the start: growing would leave a copy of the value behind that nobody wipes.
    // An escaped character has at most six for each of its bytes.
    let mut line = Zeroizing::new(String::with_capacity(fields.len() + 6 * value.len() + 32));
    line.push('{');
    line.push_str(&fields);
    line.push_str(", \"token\": ");
    write_string(value, &mut line);
    line.push('}');
    line
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
