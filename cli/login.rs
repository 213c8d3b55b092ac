//! `rbtoken login`: the verdict on a token value.

use clap::Args;
use rbtoken::store::{RequestSite, Verdict};

use crate::args::Global;
use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::secret::ValueSource;
use crate::{times, token};

#[derive(Args, Debug)]
pub struct LoginArgs {
    #[command(flatten)]
    value: ValueSource,
    /// The value is that of an Authorization header: `token VALUE`
    #[arg(long)]
    header: bool,
    /// The Local Site that the request is for (default: the global site)
    #[arg(long)]
    site: Option<String>,
    /// Accept the token for any site
    #[arg(long, conflicts_with = "site")]
    any_site: bool,
}

/// Prints the verdict, and fails unless the login is accepted.
pub fn run(args: &LoginArgs, global: &Global, output: &mut Output) -> Outcome {
    let site = match (&args.site, args.any_site) {
        (Some(site), _) => RequestSite::Named(site),
        (None, true) => RequestSite::Any,
        (None, false) => RequestSite::Global,
    };
    let store = global.open()?;
    let value = args.value.read("Token value")?;
    let login = match args.header {
        true => store.authenticate_header(value.as_bytes(), site)?,
        false => store.authenticate(value.as_bytes(), site)?,
    };
    store.flush()?;
    let (verdict, why) = describe(login.verdict);
    let now = times::now()?;
    let mut fields = vec![("verdict", verdict.to_owned())];
    let mut json = format!(r#"{{"verdict": "{verdict}", "token": "#);
    match &login.token {
        Some(token) => {
            fields.extend(token::fields(token, output, now));
            json += &token::json(token, false, now)?;
        }
        None => json += "null",
    }
    json += "}";
    output.fields(&fields, verdict, &json)?;
    match login.verdict {
        Verdict::Ok => Ok(()),
        _ => Err(Failure::refused(format!("the login was refused: {why}"))),
    }
}

/// Returns the name of a verdict, and why a login is refused.
fn describe(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Ok => ("ok", ""),
        Verdict::Unknown => ("unknown", "unknown token"),
        Verdict::Invalid => ("revoked", "the token was revoked"),
        Verdict::Expired => ("expired", "the token has expired"),
        Verdict::InactiveUser => ("inactive_user", "the login of its user is disabled"),
        Verdict::WrongSite => ("wrong_site", "the token is for another site; see --site"),
        Verdict::NotAToken => ("not_a_token", "the header must be `token VALUE`"),
    }
}
