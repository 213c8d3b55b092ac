//! Imports an exported file.

use std::fs::{self, File};
use std::path::Path;

use hashbrown::HashSet;

use super::line_reader::LineReader;
use super::{Copied, CopyOptions, FORMAT, STEP, STORED, VERSION, check_path, io_error};
use crate::backend::{ImportData, Operation, Outcome, value_exists};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::json::{self, Map, Value, ZeroizingMembers};
use crate::memory;
use crate::model::names;
use crate::model::requests::Progress;
use crate::os::descriptors;
use crate::store::Store;
use crate::text::Text;
use crate::token::{Invalidation, RecordFields, TokenValue};

/// Maximum length of a line. A longer line is split, so its parts are invalid JSON. This library's
/// texts are at most 1 MiB each before escaping, but other programs may have stored longer ones.
const MAX_LINE: usize = 1 << 30;

/// The members of a line. One of them may be a token value, so they are zeroized.
type Members = ZeroizingMembers;

impl Store {
    /// Adds the contents of an exported file atomically, and returns the number of tokens. They get
    /// new ids in the order of the lines. No event is fired.
    ///
    /// # Errors
    /// `Exists` if a token value already exists; `Version` for an export of another version;
    /// `Corrupt` for a truncated export; `Locked` if the file is that of an open store; those of
    /// invalid names, values and documents, with the line number.
    pub fn import_file(&self, path: &str, progress: Progress<'_>) -> Result<u64> {
        let imported = self.read_file(path, progress)?;
        match self.backend.change(Operation::Import(Box::new(imported))) {
            Ok(Outcome::Done(records)) => Ok(records.len() as u64),
            Ok(_) => Ok(0),
            Err(error) => Err(in_file(path, error)),
        }
    }

    /// Adds the tokens of an exported file like [`Store::import_file`], also to a Review Board
    /// database, whose users and Local Sites must exist.
    ///
    /// # Errors
    /// Those of [`Store::import_file`] and [`Store::copy_from`].
    pub fn import_file_with(
        &self,
        path: &str,
        options: &CopyOptions<'_>,
        progress: Progress<'_>,
    ) -> Result<Copied> {
        let mut imported = self.read_file(path, progress)?;
        if let Some(user) = options.user {
            imported.inactive_users.retain(|name| name.as_str() == user);
            imported.records.retain(|(_, fields)| fields.user.as_str() == user);
        }
        check_values_differ(&imported).map_err(|error| in_file(path, error))?;
        let found = imported.records.len();
        if options.skip_existing {
            let mut records = memory::vec_with_capacity(found)?;
            for (number, fields) in imported.records {
                if self.backend.by_value(fields.value.expose())?.is_none() {
                    records.push((number, fields));
                }
            }
            imported.records = records;
        }
        let skipped = (found - imported.records.len()) as u64;
        let copied = self.backend.import(imported, options.is_trial, progress);
        let copied = copied.map_err(|error| in_file(path, error))?;
        Ok(Copied { copied, skipped, ..Copied::default() })
    }

    fn read_file(&self, path: &str, progress: Progress<'_>) -> Result<ImportData> {
        check_path(path)?;
        #[cfg(feature = "sqlite")]
        if crate::backend::durable::is_open(path) {
            let message = format!("{path}: a store of this process has the file open");
            return Err(Error::new(ErrorKind::Locked, message).at_argument("path"));
        }
        let is_file = fs::metadata(path).map_err(|error| io_error(path, &error))?.is_file();
        if !is_file {
            return Err(Error::invalid("path", format!("{path}: expected a regular file")));
        }
        let file = descriptors::open_for_reading(Path::new(path))
            .map_err(|error| io_error(path, &error))?;
        self.read_lines(file, path, progress)
    }

    fn read_lines(&self, file: File, path: &str, progress: Progress<'_>) -> Result<ImportData> {
        let mut lines = ImportLines { reader: LineReader::new(file, MAX_LINE)?, path, number: 0 };
        let header = lines.next(Header::read)?.ok_or_else(not_an_export);
        let header = header.map_err(|error| error.prefixed(path).at_argument("path"))?;
        let mut imported = ImportData::new("line");
        let mut number = 1;
        while let Some(()) = lines.next(|members| {
            number += 1;
            self.add_line(members, number, &mut imported)
        })? {
            let done = imported.records.len() as u64;
            if done > 0 && done.is_multiple_of(STEP) && done < header.tokens {
                progress(done, header.tokens)?;
            }
        }
        let counts = [
            (imported.local_sites.len(), header.local_sites),
            (imported.inactive_users.len(), header.users),
            (imported.records.len(), header.tokens),
        ];
        if counts.iter().any(|(found, announced)| *found as u64 != *announced) {
            let message =
                format!("{path}: the file does not have as many lines as its first line announces");
            return Err(Error::new(ErrorKind::Corrupt, message).at_argument("path"));
        }
        progress(header.tokens, header.tokens)?;
        Ok(imported)
    }

    /// Adds the contents of a line after the first one to `imported`.
    fn add_line(&self, line: &Members, number: u64, imported: &mut ImportData) -> Result<()> {
        self.backend.check_room()?;
        match text(line, "type")? {
            "local_site" => {
                let name = text(line, "name")?;
                names::check_local_site(name)?;
                memory::push(&mut imported.local_sites, Text::new(name))?;
            }
            "user" => {
                let user = text(line, "username")?;
                names::check_user(user)?;
                if line.get("is_active") != Some(&Value::Bool(false)) {
                    return Err(invalid_field("is_active", "must be false"));
                }
                memory::push(&mut imported.inactive_users, Text::new(user))?;
            }
            "token" => {
                memory::push(&mut imported.records, (number, self.read_token(line)?))?;
            }
            _ => {
                return Err(invalid_field("type", "must be \"local_site\", \"user\" or \"token\""));
            }
        }
        Ok(())
    }

    fn read_token(&self, line: &Members) -> Result<RecordFields> {
        let value = TokenValue::new(text(line, "token")?)
            .map_err(|error| error.moved_to_path("$.token"))?;
        let user = text(line, "user")?;
        names::check_user(user)?;
        let local_site = optional_text(line, "local_site")?;
        local_site.map_or(Ok(()), names::check_local_site)?;
        let generator_id = text(line, "token_generator_id")?;
        names::check_generator_id(generator_id)?;
        let note = text(line, "note")?;
        names::check_no_nul(note, "note")?;
        let reason = text(line, "invalid_reason")?;
        names::check_no_nul(reason, "invalid_reason")?;
        let invalidation = match line.get("valid") {
            Some(Value::Bool(true)) => None,
            Some(Value::Bool(false)) => Some(Invalidation {
                date: optional_time(line, "invalid_date")?,
                reason: Text::try_new(reason)?,
            }),
            _ => return Err(invalid_field("valid", "must be true or false")),
        };
        let policy = match optional_text(line, "stored_policy")? {
            Some(text) => self.documents.foreign_policy(Some(text)),
            None => self.documents.policy_from_object(object(line, "policy")?, "policy"),
        };
        let extra_data = match optional_text(line, "stored_extra_data")? {
            Some(text) => self.documents.foreign_extra_data(Some(text)),
            None => {
                self.documents.extra_data_from_object(object(line, "extra_data")?, "extra_data")
            }
        };
        Ok(RecordFields {
            user: Text::new(user),
            local_site: local_site.map(Text::new),
            value,
            generator_id: self.generators.read().intern(generator_id),
            time_added: time(line, "time_added")?,
            last_updated: time(line, "last_updated")?,
            last_used: optional_time(line, "last_used")?,
            expires: optional_time(line, "expires")?,
            invalidation,
            note: Text::try_new(note)?,
            policy: policy.map_err(|error| with_member_in_path("policy", error))?,
            extra_data: extra_data.map_err(|error| with_member_in_path("extra_data", error))?,
        })
    }
}

/// Adds the path to an error about a line.
fn in_file(path: &str, error: Error) -> Error {
    match error.kind() {
        ErrorKind::Exists | ErrorKind::NotFound => error.prefixed(path).moved_to_argument("path"),
        _ => error,
    }
}

/// Checks that no two lines have the same token value.
fn check_values_differ(imported: &ImportData) -> Result<()> {
    let mut values = HashSet::new();
    values.try_reserve(imported.records.len()).map_err(memory::exhausted)?;
    match imported.records.iter().find(|(_, fields)| !values.insert(fields.value.expose())) {
        Some((number, _)) => {
            Err(value_exists().prefixed(format_args!("{} {number}", imported.numbered)))
        }
        None => Ok(()),
    }
}

/// The first line.
struct Header {
    local_sites: u64,
    users: u64,
    tokens: u64,
}

impl Header {
    fn read(line: &Members) -> Result<Self> {
        if line.get("format").and_then(Value::as_str) != Some(FORMAT) {
            return Err(not_an_export());
        }
        let number = |name: &'static str| {
            let number = line.get(name).and_then(Value::as_u64);
            number.ok_or_else(|| invalid_field(name, "must be an integer"))
        };
        let version = number("version")?;
        if version != VERSION {
            let message = format!(
                "unsupported export version {version} (this library reads version {VERSION})"
            );
            return Err(Error::new(ErrorKind::Version, message));
        }
        Ok(Self {
            local_sites: number("local_sites")?,
            users: number("users")?,
            tokens: number("tokens")?,
        })
    }
}

fn not_an_export() -> Error {
    Error::new(ErrorKind::InvalidArgument, "not an export of this library")
}

struct ImportLines<'a> {
    reader: LineReader,
    path: &'a str,
    number: u64,
}

impl ImportLines<'_> {
    /// Parses the next line and passes its members to `read`. Returns `None` after the last line.
    fn next<T>(&mut self, read: impl FnOnce(&Members) -> Result<T>) -> Result<Option<T>> {
        let line = self.reader.next_line().map_err(|error| io_error(self.path, &error))?;
        let Some(line) = line else { return Ok(None) };
        self.number += 1;
        let members = std::str::from_utf8(line)
            .map_err(|_| Error::new(ErrorKind::InvalidUtf8, "must be valid UTF-8"))
            .and_then(|line| json::parse_secret(line, STORED));
        members.and_then(|members| read(&members)).map(Some).map_err(|error| {
            let place = format!("{}: line {}", self.path, self.number);
            // Keeps the path of an error in a document. Otherwise, the argument names a member of
            // the line.
            let path = match (error.json_path(), error.argument()) {
                (Some(path), _) => Some(path.to_owned()),
                (None, Some(member)) => Some(format!("$.{}", member.name())),
                (None, None) => None,
            };
            let error = error.prefixed(place).moved_to_argument("path");
            match path {
                Some(path) => error.at_path(path),
                None => error,
            }
        })
    }
}

fn text<'a>(line: &'a Members, name: &str) -> Result<&'a str> {
    line.get(name).and_then(Value::as_str).ok_or_else(|| invalid_field(name, "must be a string"))
}

fn object(line: &Members, name: &str) -> Result<Map<String, Value>> {
    let members = line.get(name).and_then(Value::as_object).cloned();
    members.ok_or_else(|| invalid_field(name, "must be an object"))
}

fn optional_text<'a>(line: &'a Members, name: &str) -> Result<Option<&'a str>> {
    match line.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(invalid_field(name, "must be a string or null")),
    }
}

fn time(line: &Members, name: &str) -> Result<Timestamp> {
    optional_time(line, name)?.ok_or_else(|| invalid_field(name, "must be a time"))
}

fn optional_time(line: &Members, name: &str) -> Result<Option<Timestamp>> {
    let Some(text) = optional_text(line, name)? else { return Ok(None) };
    Timestamp::from_iso8601(text)
        .map(Some)
        .ok_or_else(|| invalid_field(name, "must be an ISO 8601 time in the years 1 to 9999"))
}

/// Creates an error about a member of a line.
fn invalid_field(name: &str, message: &'static str) -> Error {
    Error::new(ErrorKind::JsonType, message).at_path(format_args!("$.{name}"))
}

/// Inserts the name of the document's member into the JSON path of an error in the document.
fn with_member_in_path(name: &str, error: Error) -> Error {
    let path = error.json_path().unwrap_or("$").replacen('$', &format!("$.{name}"), 1);
    error.moved_to_path(path)
}
