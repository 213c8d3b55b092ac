//! `rbtoken policy`: policies.

use std::sync::Arc;

use clap::{ArgGroup, Args, Subcommand};
use rbtoken::json::Value;
use rbtoken::policy::{Policy, PolicyIds};

use crate::args::{Global, read_text};
use crate::failure::{Failure, Outcome};
use crate::output::Output;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check that a document is a policy, and say where it is not
    Check(CheckArgs),
    /// Say whether a policy allows a method on a resource, and which rule decides
    Explain(ExplainArgs),
}

#[derive(Args, Debug)]
pub struct CheckArgs {
    /// The document, as JSON; `-` is the standard input
    file: String,
}

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("source").required(true))]
pub struct ExplainArgs {
    /// The policy of the token with this id
    #[arg(long, group = "source", value_name = "ID")]
    token: Option<i64>,
    /// A policy, as JSON; `-` is the standard input
    #[arg(long, group = "source")]
    file: Option<String>,
    /// The kind of resource, such as review_request
    policy_id: String,
    /// The HTTP method, such as GET
    method: String,
    /// The id of the resource, such as 42
    resource_id: Option<String>,
}

pub fn run(command: &Command, global: &Global, output: &mut Output) -> Outcome {
    match command {
        Command::Check(args) => {
            parse(&args.file)?;
            let document = Value::Object([("valid".to_owned(), true.into())].into_iter().collect());
            output.done(&format!("{}: a valid policy", args.file), &document)
        }
        Command::Explain(args) => explain(args, global, output),
    }
}

fn parse(file: &str) -> Result<Policy, Failure> {
    let policy = Policy::parse(&read_text(file)?, &Arc::new(PolicyIds::default()));
    policy.map_err(|error| {
        let failure = Failure::from(error);
        Failure { message: format!("{file}: {}", failure.message), ..failure }
    })
}

/// Prints the answer, and fails if the method is denied.
fn explain(args: &ExplainArgs, global: &Global, output: &mut Output) -> Outcome {
    let policy = match (&args.file, args.token) {
        (Some(file), _) => Arc::new(parse(file)?),
        (None, Some(id)) => {
            let token = global.open()?.get_token(id)?;
            if let Some(column) = token.record().unreadable() {
                return Err(Failure::refused(format!(
                    "token {id} cannot be read ({column}), and allows nothing; revoke or delete it"
                )));
            }
            Arc::clone(token.record().policy())
        }
        (None, None) => return Err(Failure::usage("pass --token or --file")),
    };
    let resource_id = args.resource_id.as_deref();
    let explanation = policy.explain(&args.policy_id, &args.method, resource_id)?;
    let answer = if explanation.is_allowed { "allowed" } else { "denied" };
    let rule = explanation.rule.as_deref();
    let document = [
        ("allowed".to_owned(), Value::from(explanation.is_allowed)),
        ("rule".to_owned(), rule.map_or(Value::Null, Value::from)),
    ];
    let document = Value::Object(document.into_iter().collect()).to_string();
    let fields = [
        ("answer", answer.to_owned()),
        ("rule", rule.unwrap_or("none: what no rule is about is allowed").to_owned()),
    ];
    output.fields(&fields, answer, &document)?;
    match explanation.is_allowed {
        true => Ok(()),
        // The output has said it.
        false => Err(Failure::refused("")),
    }
}
