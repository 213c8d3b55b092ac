//! Revokes tokens: some, or all that match filters.

use clap::{ArgGroup, Args};
use serde_json::json;

use super::change::{count, unique};
use super::filter::Filter;
use super::{columns, show};
use crate::args::Global;
use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::prompt::confirm;
use crate::secret::ValueSource;

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("selection"))]
pub struct RevokeArgs {
    /// The ids of the tokens
    #[arg(value_name = "ID", group = "selection", value_parser = super::id)]
    ids: Vec<i64>,
    /// Revoke the token whose value is read from the standard input or a prompt
    #[arg(long, group = "selection")]
    by_value: bool,
    #[command(flatten)]
    value: ValueSource,
    /// Revoke the tokens of all users
    #[arg(long, group = "selection")]
    all: bool,
    /// Why; the owner of the token can read it
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
    /// List the tokens, and revoke none
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    filter: Filter,
}

pub fn run(args: &RevokeArgs, global: &Global, output: &mut Output) -> Outcome {
    let is_by_value = args.by_value || args.value.value_file.is_some();
    let is_bulk = args.all || !args.filter.is_empty();
    let ways = [!args.ids.is_empty(), is_by_value, is_bulk].into_iter().filter(|it| *it).count();
    if ways != 1 {
        return Err(Failure::usage(
            "pass either ids, --by-value, filters such as --user, or --all",
        ));
    }
    let store = global.open()?;
    let filter = args.filter.resolve()?;
    let mut selected = Vec::new();
    if is_by_value {
        selected.push(store.find_token(&args.value.read("Token value")?)?);
    } else if is_bulk {
        store.for_each_token(&filter.tokens(), &mut |token| {
            if filter.matches(token) {
                selected.push(token.clone());
            }
            Ok(())
        })?;
    } else {
        for id in unique(&args.ids) {
            selected.push(store.get_token(id)?);
        }
    }
    // Revoking a token again would replace its date and its reason.
    let found = selected.len();
    selected.retain(|token| token.record().invalidation().is_none());
    let skipped = (found - selected.len()) as u64;
    if args.dry_run {
        let (show_values, zone) = (output.show_values, output.zone);
        let mut rows = output.rows(columns(output));
        for token in &selected {
            rows.add(
                || show::cells(token, show_values, zone, filter.now),
                || show::json(token, show_values, filter.now),
            )?;
        }
        return rows.finish().map(drop);
    }
    let what = count(selected.len() as u64);
    if !selected.is_empty() {
        let who = whose(selected.iter().map(|token| token.record().user().as_str()));
        confirm(&format!("Revoke {what}{who}?"), global.yes)?;
    }
    let ids: Vec<_> = selected.iter().map(|token| token.record().id()).collect();
    drop(selected);
    let revoked = store.invalidate_tokens(&ids, &args.reason)?;
    let mut sentence = format!("revoked {}", count(revoked));
    if skipped > 0 {
        sentence += &format!("; skipped {skipped} that had been revoked");
    }
    output.done(&sentence, &json!({"revoked": revoked, "skipped": skipped}))
}

/// Returns the owner of tokens, if it is one.
fn whose<'a>(mut users: impl Iterator<Item = &'a str>) -> String {
    let first = users.next().unwrap_or_default();
    if users.all(|user| user == first) { format!(" of {first}") } else { String::new() }
}
