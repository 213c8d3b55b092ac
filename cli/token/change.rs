//! Changes and deletes tokens.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::{ArgGroup, Args};
use rbtoken::json::Value;
use rbtoken::store::{TokenFilter, TokenUpdate, ValidityFilter};

use super::issue::check_one_stdin;
use super::print;
use crate::args::{Global, read_text};
use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::prompt::confirm;
use crate::times::{self, When};

#[derive(Args, Debug)]
pub struct DeleteArgs {
    /// The ids of the tokens
    #[arg(required = true, value_name = "ID", value_parser = super::id)]
    ids: Vec<i64>,
}

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("change").required(true).multiple(true))]
pub struct UpdateArgs {
    /// The id of the token
    #[arg(value_parser = super::id)]
    id: i64,
    /// The new note
    #[arg(long, group = "change")]
    note: Option<String>,
    /// The new time of expiry: never, 30d, or a date
    #[arg(long, group = "change", value_name = "TIME", value_parser = times::when)]
    expires: Option<When>,
    /// The new policy, as JSON; `-` is the standard input
    #[arg(long, group = "change", value_name = "FILE")]
    policy: Option<String>,
    /// Remove the policy
    #[arg(long, group = "change", conflicts_with = "policy")]
    full_access: bool,
    /// The new extra data, as a JSON object; `-` is the standard input
    #[arg(long, group = "change", value_name = "FILE")]
    extra_data: Option<String>,
}

#[derive(Args, Debug)]
pub struct PurgeArgs {
    /// Keep tokens that were revoked or expired more recently than this
    #[arg(long, value_name = "DURATION", value_parser = times::duration, default_value = "0s",
          hide_default_value = true)]
    older_than: Duration,
    /// Count the tokens, and delete none
    #[arg(long)]
    dry_run: bool,
}

pub fn update(args: &UpdateArgs, global: &Global, output: &mut Output) -> Outcome {
    check_one_stdin(args.policy.as_deref(), args.extra_data.as_deref())?;
    let policy = args.policy.as_deref().map(read_text).transpose()?;
    let extra_data = args.extra_data.as_deref().map(read_text).transpose()?;
    let update = TokenUpdate {
        expires: args.expires.as_ref().map(|it| output.zone.resolve(it)).transpose()?,
        note: args.note.as_deref(),
        policy: match &policy {
            Some(policy) => Some(Some(policy)),
            None => args.full_access.then_some(None),
        },
        extra_data: extra_data.as_deref().map(Some),
    };
    let token = global.open()?.update_token(args.id, &update)?;
    print(&token, output)
}

pub fn delete(args: &DeleteArgs, global: &Global, output: &mut Output) -> Outcome {
    let store = global.open()?;
    // All of them are looked up first, so that a wrong id deletes nothing.
    let ids = unique(&args.ids);
    for id in &ids {
        store.get_token(*id)?;
    }
    let what = count(ids.len() as u64);
    confirm(&format!("Delete {what}?"), global.yes)?;
    for (deleted, id) in ids.iter().enumerate() {
        store.delete_token(*id).map_err(|error| {
            let failure = Failure::from(error);
            let message = format!("deleted {deleted} of {what}; {id}: {}", failure.message);
            Failure { message, ..failure }
        })?;
    }
    output.done(&format!("deleted {what}"), &counted("deleted", ids.len() as u64))
}

pub fn purge(args: &PurgeArgs, global: &Global, output: &mut Output) -> Outcome {
    let before = times::ago(args.older_than)?;
    let store = global.open()?;
    if args.dry_run {
        let filter = TokenFilter { validity: ValidityFilter::Unusable, ..TokenFilter::default() };
        let mut found = 0;
        store.for_each_token(&filter, &mut |token| {
            found += u64::from(token.record().unusable_since().is_some_and(|it| it < before));
            Ok(())
        })?;
        let sentence = format!("would delete {}", count(found));
        return output.done(&sentence, &counted("would_delete", found));
    }
    let ages = match args.older_than.is_zero() {
        true => String::new(),
        false => format!(" for {}", humantime::format_duration(args.older_than)),
    };
    let question = format!("Delete all tokens that have been revoked or expired{ages}?");
    confirm(&question, global.yes)?;
    let purged = store.purge_tokens(before)?;
    output.done(&format!("deleted {}", count(purged)), &counted("deleted", purged))
}

/// Returns ids without repetitions, sorted.
pub fn unique(ids: &[i64]) -> BTreeSet<i64> {
    ids.iter().copied().collect()
}

/// Returns a number of tokens as text.
pub fn count(tokens: u64) -> String {
    match tokens {
        1 => "1 token".to_owned(),
        _ => format!("{tokens} tokens"),
    }
}

/// Returns a JSON object with a number.
pub fn counted(name: &str, count: u64) -> Value {
    Value::Object([(name.to_owned(), Value::from(count))].into_iter().collect())
}
