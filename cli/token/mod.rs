//! `rbtoken token`: tokens.

mod change;
mod filter;
mod issue;
mod revoke;
mod show;

use clap::{Args, Subcommand};
use rbtoken::token::SharedToken;

use crate::args::Global;
use crate::failure::{Failure, Outcome, visiting};
use crate::output::Output;
use crate::secret::ValueSource;
use crate::table::{Column, fixed, number, text};

pub use change::count;
pub use show::{fields, json, state};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List tokens, ordered by id
    List(ListArgs),
    /// Show a token
    Show(Selected),
    /// Return a user's token for a client, or create one, as RBTools does
    Client(issue::ClientArgs),
    /// Create a token
    Create(issue::CreateArgs),
    /// Revoke tokens, permanently
    Revoke(revoke::RevokeArgs),
    /// Delete tokens, so that nobody can see why they are refused
    Delete(change::DeleteArgs),
    /// Change the note, the expiry, the policy or the extra data of a token
    Update(change::UpdateArgs),
    /// Delete revoked and expired tokens
    Purge(change::PurgeArgs),
}

#[derive(Args, Debug)]
pub struct ListArgs {
    /// End after this number of tokens
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u64>,
    #[command(flatten)]
    filter: filter::Filter,
}

/// Parses an id, for clap. Whoever passes a token value instead learns how to.
pub fn id(text: &str) -> Result<i64, String> {
    let expected = "expected an id; a token value is read from the standard input or a file";
    text.parse().map_err(|_| expected.to_owned())
}

/// One token.
#[derive(Args, Debug)]
pub struct Selected {
    /// The id of the token; without one, the token is found by its value
    #[arg(value_parser = id, conflicts_with = "value_file")]
    id: Option<i64>,
    #[command(flatten)]
    value: ValueSource,
}

pub fn run(command: &Command, global: &Global, output: &mut Output) -> Outcome {
    match command {
        Command::List(args) => list(args, global, output),
        Command::Show(args) => {
            let store = global.open()?;
            let token = match args.id {
                Some(id) => store.get_token(id)?,
                None => store.find_token(&args.value.read("Token value")?)?,
            };
            print(&token, output)
        }
        Command::Client(args) => issue::client(args, global, output),
        Command::Create(args) => issue::create(args, global, output),
        Command::Revoke(args) => revoke::run(args, global, output),
        Command::Delete(args) => change::delete(args, global, output),
        Command::Update(args) => change::update(args, global, output),
        Command::Purge(args) => change::purge(args, global, output),
    }
}

/// The columns of a list. A narrow terminal drops the last ones first. The value is shown on
/// request.
const COLUMNS: [Column; 9] = [
    number("ID"),
    text("USER"),
    text("CLIENT"),
    fixed("STATE"),
    fixed("EXPIRES"),
    text("SITE"),
    fixed("LAST USED"),
    text("NOTE"),
    text("VALUE"),
];

fn columns(output: &Output) -> &'static [Column] {
    if output.show_values { &COLUMNS } else { &COLUMNS[..COLUMNS.len() - 1] }
}

fn list(args: &ListArgs, global: &Global, output: &mut Output) -> Outcome {
    let filter = args.filter.resolve()?;
    let place = global.place()?;
    let (show_values, zone) = (output.show_values, output.zone);
    let mut rows = output.rows(columns(output));
    let mut left = args.limit.unwrap_or(u64::MAX);
    let mut is_over = left == 0;
    if !is_over {
        let listed = visiting(|stop| {
            rbtoken::store::Store::scan(place.options(), &filter.tokens(), &mut |token| {
                if !filter.matches(token) {
                    return Ok(());
                }
                stop(rows.add(
                    || show::cells(token, show_values, zone, filter.now),
                    || show::json(token, show_values, filter.now),
                ))?;
                left -= 1;
                is_over = left == 0;
                match is_over {
                    true => stop(Err(Failure::refused(""))),
                    false => Ok(()),
                }
            })
        });
        match listed {
            Err(_) if is_over => {}
            listed => listed?,
        }
    }
    rows.finish().map(drop)
}

/// Prints a token.
pub fn print(token: &SharedToken, output: &mut Output) -> Outcome {
    let now = crate::times::now()?;
    let json = json(token, output.show_values, now)?;
    let short = match output.show_values {
        true => token.record().value().expose().to_owned(),
        false => token.record().id().to_string(),
    };
    output.fields(&fields(token, output, now), &short, &json)
}
