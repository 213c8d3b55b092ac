//! `rbtoken site`, `user` and `setting`: what a store has beside tokens.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Args, Subcommand};
use rbtoken::json::Value;
use rbtoken::store::{SETTINGS_SCHEMA, SettingsDocument, SiteFilter, TokenFilter};
use serde_json::json;

use crate::args::{Global, read_text};
use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::prompt::confirm;
use crate::table::{Column, number, text};
use crate::token::count;

#[derive(Debug, Subcommand)]
pub enum SiteCommand {
    /// List Local Sites
    List,
    /// Add a Local Site
    Add(Name),
    /// Remove a Local Site and its tokens
    Remove(Name),
}

#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// List the users who have tokens or are disabled
    List,
    /// Enable the login of a user
    Enable(Name),
    /// Disable the login of a user; the tokens are kept
    Disable(Name),
}

#[derive(Debug, Subcommand)]
pub enum SettingCommand {
    /// List the settings in effect; programs set them when they open a store
    List,
    /// Print a setting as JSON
    Get(Name),
    /// Check a document with settings, and say where it is wrong
    Check(SettingsFile),
    /// Print the JSON Schema of documents with settings
    Schema,
}

#[derive(Args, Debug)]
pub struct Name {
    /// The name
    name: String,
}

#[derive(Args, Debug)]
pub struct SettingsFile {
    /// The document, as JSON; `-` is the standard input
    file: String,
}

const SITE_COLUMNS: [Column; 1] = [text("SITE")];
const USER_COLUMNS: [Column; 3] = [text("USER"), text("LOGIN"), number("TOKENS")];
const SETTING_COLUMNS: [Column; 2] = [text("SETTING"), text("VALUE")];

pub fn site(command: &SiteCommand, global: &Global, output: &mut Output) -> Outcome {
    let place = global.place()?;
    let store = place.open()?;
    match command {
        SiteCommand::List => {
            let mut rows = output.rows(&SITE_COLUMNS);
            for site in store.local_sites()? {
                let name = site.as_str();
                rows.add(|| vec![name.to_owned()], || Ok(json!({"name": name}).to_string()))?;
            }
            rows.finish().map(drop)
        }
        SiteCommand::Add(Name { name }) => {
            store.add_local_site(name)?;
            output.done(&format!("added the Local Site {name}"), &json!({"added": name}))
        }
        SiteCommand::Remove(Name { name }) => {
            if place.is_database() {
                return Err(Failure::refused(
                    "Local Sites are managed by the Review Board server and cannot be removed here",
                ));
            }
            let filter =
                TokenFilter { local_site: SiteFilter::Named(name), ..TokenFilter::default() };
            let mut tokens = 0_u64;
            store.for_each_token(&filter, &mut |_| {
                tokens += 1;
                Ok(())
            })?;
            let what = format!("the Local Site {name} and its {}", count(tokens));
            confirm(&format!("Remove {what}?"), global.yes)?;
            store.remove_local_site(name)?;
            output.done(&format!("removed {what}"), &json!({"removed": name, "tokens": tokens}))
        }
    }
}

pub fn user(command: &UserCommand, global: &Global, output: &mut Output) -> Outcome {
    let store = global.open()?;
    match command {
        UserCommand::List => {
            let inactive: BTreeSet<_> =
                store.inactive_users()?.iter().map(|it| it.as_str().to_owned()).collect();
            let mut users: BTreeMap<String, u64> =
                inactive.iter().map(|name| (name.clone(), 0)).collect();
            store.for_each_token(&TokenFilter::default(), &mut |token| {
                let name = token.record().user().as_str();
                match users.get_mut(name) {
                    Some(count) => *count += 1,
                    None => _ = users.insert(name.to_owned(), 1),
                }
                Ok(())
            })?;
            let mut rows = output.rows(&USER_COLUMNS);
            for (name, tokens) in &users {
                let is_active = !inactive.contains(name);
                let login = if is_active { "enabled" } else { "disabled" };
                rows.add(
                    || vec![name.clone(), login.to_owned(), tokens.to_string()],
                    || {
                        let user = json!({"is_active": is_active, "name": name, "tokens": tokens});
                        Ok(user.to_string())
                    },
                )?;
            }
            rows.finish().map(drop)
        }
        UserCommand::Enable(Name { name }) => {
            store.set_user_active(name, true)?;
            output.done(&format!("enabled the login of {name}"), &json!({"enabled": name}))
        }
        UserCommand::Disable(Name { name }) => {
            store.set_user_active(name, false)?;
            output.done(&format!("disabled the login of {name}"), &json!({"disabled": name}))
        }
    }
}

pub fn setting(command: &SettingCommand, global: &Global, output: &mut Output) -> Outcome {
    match command {
        SettingCommand::List => {
            let settings = rbtoken::json::parse_object(&global.open()?.effective_settings()?)?;
            let mut rows = output.rows(&SETTING_COLUMNS);
            for (name, value) in &settings {
                rows.add(
                    || vec![name.clone(), value.to_string()],
                    || Ok(json!({"name": name, "value": value}).to_string()),
                )?;
            }
            rows.finish().map(drop)
        }
        SettingCommand::Get(Name { name }) => {
            let value = global.open()?.get_setting(name)?;
            output.document(&value)
        }
        SettingCommand::Check(SettingsFile { file }) => {
            SettingsDocument::parse(&read_text(file)?)
                .map_err(|error| Failure::refused(format!("{file}: {}", error.message())))?;
            output.done(&format!("{file}: valid settings"), &json!({"valid": true}))
        }
        SettingCommand::Schema => {
            let schema = SETTINGS_SCHEMA.trim_end_matches('\0');
            // As one line, if that is asked for.
            match global.jsonl {
                true => {
                    let schema: Value = rbtoken::json::parse(schema)?;
                    output.document(&schema.to_string())
                }
                false => output.document(schema.trim_end()),
            }
        }
    }
}
