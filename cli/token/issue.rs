//! Creates tokens.

use std::time::Duration;

use clap::Args;
use rbtoken::store::{ClientTokenRequest, Expires, GenerateRequest};

use super::print;
use crate::args::{Global, read_text};
use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::times::{self, When};

#[derive(Args, Debug)]
pub struct ClientArgs {
    /// The owner of the token
    user: String,
    /// The name of the client, such as RBTools
    client: String,
    /// The Local Site that the token is for
    #[arg(long)]
    site: Option<String>,
    /// When a new token expires: never, 30d, or a date (default: the store's setting)
    #[arg(long, value_name = "TIME", value_parser = times::when)]
    expires: Option<When>,
    /// The time for which an existing token must still be valid (default: the store's setting)
    #[arg(long, value_name = "DURATION", value_parser = times::duration)]
    min_validity: Option<Duration>,
    /// The policy of a new token, as JSON; `-` is the standard input (default: full access)
    #[arg(long, value_name = "FILE")]
    policy: Option<String>,
}

#[derive(Args, Debug)]
pub struct CreateArgs {
    /// The owner of the token
    user: String,
    /// The Local Site that the token is for
    #[arg(long)]
    site: Option<String>,
    /// A note about the token
    #[arg(long, default_value = "", hide_default_value = true)]
    note: String,
    /// When the token expires: 30d, or a date
    #[arg(long, value_name = "TIME", value_parser = times::when, default_value = "never")]
    expires: When,
    /// The policy, as JSON; `-` is the standard input (default: full access)
    #[arg(long, value_name = "FILE")]
    policy: Option<String>,
    /// Extra data, as a JSON object; `-` is the standard input
    #[arg(long, value_name = "FILE")]
    extra_data: Option<String>,
    /// The generator of the value (default: the store's)
    #[arg(long, value_name = "ID")]
    generator: Option<String>,
    /// The beginning of the value (default: the store's setting token_type)
    #[arg(long, value_name = "TYPE")]
    token_type: Option<String>,
}

pub fn client(args: &ClientArgs, global: &Global, output: &mut Output) -> Outcome {
    let expires = match &args.expires {
        None => Expires::Default,
        Some(when) => output.zone.resolve(when)?.map_or(Expires::Never, Expires::At),
    };
    let min_validity_secs = args.min_validity.map(|it| i64::try_from(it.as_secs()));
    let min_validity_secs = min_validity_secs.transpose();
    let policy = args.policy.as_deref().map(read_text).transpose()?;
    let request = ClientTokenRequest {
        expires,
        min_validity_secs: min_validity_secs.unwrap_or(Some(i64::MAX)),
        default_policy: policy.as_deref(),
        local_site: args.site.as_deref(),
        ..ClientTokenRequest::new(&args.user, &args.client)
    };
    let (token, _) = global.open()?.get_or_create_client_token(&request)?;
    print(&token, output)
}

pub fn create(args: &CreateArgs, global: &Global, output: &mut Output) -> Outcome {
    check_one_stdin(args.policy.as_deref(), args.extra_data.as_deref())?;
    let policy = args.policy.as_deref().map(read_text).transpose()?;
    let extra_data = args.extra_data.as_deref().map(read_text).transpose()?;
    let request = GenerateRequest {
        generator_id: args.generator.as_deref(),
        token_type: args.token_type.as_deref(),
        note: &args.note,
        policy: policy.as_deref(),
        expires: output.zone.resolve(&args.expires)?,
        extra_data: extra_data.as_deref(),
        local_site: args.site.as_deref(),
        ..GenerateRequest::new(&args.user)
    };
    let token = global.open()?.generate_token(&request)?;
    print(&token, output)
}

/// Checks that at most one document is read from the standard input.
pub fn check_one_stdin(policy: Option<&str>, extra_data: Option<&str>) -> Outcome {
    match (policy, extra_data) {
        (Some("-"), Some("-")) => {
            Err(Failure::usage("--policy and --extra-data must not both be `-`"))
        }
        _ => Ok(()),
    }
}
