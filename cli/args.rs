//! The options of all commands, and the store that they select.

use std::env;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use clap::Args;
use rbtoken::store::{SettingsDocument, Store, StoreOptions};

use crate::failure::Failure;
use crate::output::Format;
use crate::times::Zone;

/// The environment variable with the location.
const LOCATION: &str = "RBTOKEN_LOCATION";

/// The beginnings of URLs, as people write them.
const SCHEMES: [&str; 5] = ["postgres", "postgresql", "mysql", "mariadb", "reviewboard+sqlite"];

#[derive(Args, Debug)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Where the tokens are (default: the environment variable RBTOKEN_LOCATION)
    #[arg(short, long, global = true, value_name = "LOCATION")]
    pub location: Option<String>,
    /// Create the file at the location if it does not exist
    #[arg(long, global = true)]
    pub create: bool,
    /// Settings to open the store with, as a JSON object
    #[arg(long, global = true, value_name = "FILE")]
    pub settings: Option<String>,
    /// Print JSON: one document
    #[arg(long, global = true, conflicts_with = "jsonl")]
    pub json: bool,
    /// Print JSON: a document in each line
    #[arg(long, global = true)]
    pub jsonl: bool,
    /// Print only ids or names, and no progress
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Read and print times in the local time zone, not in UTC
    #[arg(long, global = true)]
    pub local: bool,
    /// Print token values, which are redacted otherwise
    #[arg(long, global = true)]
    pub show_values: bool,
    /// Answer questions with yes
    #[arg(short, long, global = true)]
    pub yes: bool,
}

impl Global {
    pub fn format(&self) -> Format {
        match (self.json, self.jsonl) {
            (true, _) => Format::Json,
            (_, true) => Format::JsonLines,
            _ => Format::Text,
        }
    }

    pub fn zone(&self) -> Zone {
        if self.local { Zone::Local } else { Zone::Utc }
    }

    /// Returns the place of the store.
    pub fn place(&self) -> Result<Place, Failure> {
        let settings = self.settings_text()?;
        let location = match &self.location {
            Some(location) => Some(given_location(location)?),
            None => env::var(LOCATION).ok().filter(|it| !it.is_empty()),
        };
        let location = match location {
            Some(location) => Some(location),
            None => match &settings {
                Some(text) => SettingsDocument::parse(text)?.location().map(str::to_owned),
                None => None,
            },
        };
        let location = location.ok_or_else(|| {
            Failure::usage(format!("no location: pass --location, or set {LOCATION}"))
        })?;
        Place::new(location, settings, self.create)
    }

    /// Returns the place at a location that is a positional argument.
    pub fn place_at(&self, location: &str, create: bool) -> Result<Place, Failure> {
        Place::new(given_location(location)?, self.settings_text()?, create)
    }

    /// Opens the store.
    pub fn open(&self) -> Result<Arc<Store>, Failure> {
        self.place()?.open()
    }

    fn settings_text(&self) -> Result<Option<String>, Failure> {
        let Some(path) = &self.settings else { return Ok(None) };
        read_text(path).map(Some)
    }
}

/// The place of a store.
pub struct Place {
    location: String,
    settings: Option<String>,
}

impl Place {
    fn new(location: String, settings: Option<String>, create: bool) -> Result<Self, Failure> {
        // Not printed, since it may have a password.
        if is_mistyped_url(&location) {
            let message = "the location is a URL without `//`: expected postgresql://..., \
                           mysql://... or reviewboard+sqlite:///...";
            return Err(Failure::usage(message));
        }
        if !create && is_path(&location) {
            let problem = match fs::metadata(&location) {
                Ok(found) if found.is_file() && found.len() == 0 => Some("the file is empty"),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Some("no such file"),
                // Opening the store reports any other error.
                _ => None,
            };
            if let Some(problem) = problem {
                return Err(Failure::refused(format!(
                    "{location}: {problem}; pass --create to create a store there"
                )));
            }
        }
        Ok(Self { location, settings })
    }

    pub fn options(&self) -> StoreOptions<'_> {
        StoreOptions {
            location: Some(&self.location),
            settings: self.settings.as_deref(),
            ..StoreOptions::default()
        }
    }

    pub fn open(&self) -> Result<Arc<Store>, Failure> {
        Ok(Store::open(self.options())?)
    }

    /// Returns the path of the file to create, if the location is one.
    pub fn new_file(&self) -> Option<&Path> {
        let path = Path::new(&self.location);
        (is_path(&self.location) && !path.exists()).then_some(path)
    }

    /// Returns whether the store is in the database of a Review Board server.
    pub fn is_database(&self) -> bool {
        !is_path(&self.location)
    }
}

/// Returns the location that an argument means: itself, or the first line of a file.
fn given_location(argument: &str) -> Result<String, Failure> {
    if let Some(path) = argument.strip_prefix('@') {
        let text = read_text(path)?;
        return match text.lines().next().unwrap_or_default().trim() {
            "" => Err(Failure::usage(format!("{path}: the first line must be a location"))),
            location => Ok(location.to_owned()),
        };
    }
    if has_password(argument) {
        return Err(Failure::usage(format!(
            "the location has a password, which other users can see in the list of processes: \
             set {LOCATION}, pass @FILE with the location in FILE, or use `passfile`"
        )));
    }
    Ok(argument.to_owned())
}

/// Returns whether a location is a path and not a URL.
fn is_path(location: &str) -> bool {
    !location.contains("://")
}

/// Returns whether a location is meant to be a URL, and would be taken for a path.
fn is_mistyped_url(location: &str) -> bool {
    let scheme = location.split_once(':').map_or("", |(scheme, _)| scheme);
    is_path(location) && SCHEMES.contains(&scheme)
}

/// Returns whether the URL of a database has a password.
fn has_password(location: &str) -> bool {
    let Some((_, rest)) = location.split_once("://") else { return false };
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    // A password may contain `/` by mistake, and must not be printed then either.
    let account = before.rsplit_once('@').map(|(account, _)| account);
    account.is_some_and(|account| account.contains(':'))
        || query.split('&').any(|parameter| parameter.starts_with("password="))
}

/// Reads a text file; `-` is the standard input.
pub fn read_text(path: &str) -> Result<String, Failure> {
    let text = match path {
        "-" => io::read_to_string(io::stdin()),
        path => fs::read_to_string(path),
    };
    text.map_err(|error| Failure::of_file(path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_in_a_location_is_found() {
        for location in [
            "postgresql://u:p@h/d",
            "mysql://u:@h/d",
            "postgresql://h/d?user=u&password=p",
            "postgresql://u:p/q@h/d",
        ] {
            assert!(has_password(location), "{location}");
        }
        for location in ["a:b@c", "/tmp/x@y:z", "postgresql://u@h:5432/d?sslmode=require"] {
            assert!(!has_password(location), "{location}");
        }
    }
}
