//! Reads a file without keeping its tokens in memory, and checks it.

use super::database::Database;
use super::file::OwnedFile;
use super::rows::LoadedPart;
use crate::backend::memory::Effect;
use crate::backend::memory::shared_fields::SharedFieldsInterner;
use crate::backend::{Part, PartVisitor};
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use crate::model::connection::TrustedOwners;
use crate::model::documents::Documents;
use crate::model::requests::Finding;

/// Passes the contents of a file to `visit`, part by part. An error of `visit` ends the scan.
///
/// # Errors
/// Those of [`super::Durable::open`].
pub(crate) fn scan(
    location: &str,
    documents: &Documents,
    trusted: &TrustedOwners,
    visit: PartVisitor<'_>,
) -> Result<()> {
    let interner = SharedFieldsInterner::default();
    let file = OwnedFile::open(location, trusted)?;
    let mut visit = |part| visit_part(part, &interner, visit, &mut Err);
    Database::open(file, documents, &interner, &mut visit).map(drop)
}

/// Passes a part to `visit`, or the error for a row that cannot be read to `damaged`.
fn visit_part(
    part: LoadedPart,
    interner: &SharedFieldsInterner,
    visit: PartVisitor<'_>,
    damaged: &mut dyn FnMut(Error) -> Result<()>,
) -> Result<()> {
    match part {
        LoadedPart::Tokens(count) => visit(Part::Total(count as u64)),
        LoadedPart::LastId(_) => Ok(()),
        LoadedPart::Damaged(error) => damaged(error),
        LoadedPart::Effects(effects) => {
            let count = effects.len();
            let visited = visit_effects(effects, visit);
            interner.note_drops(count);
            visited
        }
    }
}

fn visit_effects(effects: Vec<Effect>, visit: PartVisitor<'_>) -> Result<()> {
    let (mut sites, mut users) = (Vec::new(), Vec::new());
    let mut records = memory::vec_with_capacity(effects.len())?;
    for effect in effects {
        match effect {
            Effect::AddLocalSite(name) => memory::push(&mut sites, name)?,
            Effect::SetUserActive(user, false) => memory::push(&mut users, user)?,
            Effect::Insert(record) => records.push(record),
            _ => {}
        }
    }
    if !sites.is_empty() {
        visit(Part::LocalSites(&sites))?;
    }
    if !users.is_empty() {
        visit(Part::InactiveUsers(&users))?;
    }
    visit(Part::Records(&records))
}

/// Checks a file without changing it: SQLite's own check of its integrity, and every token's row.
///
/// # Errors
/// Those of [`super::Durable::open`], except for a damaged file.
pub(crate) fn check(
    location: &str,
    documents: &Documents,
    trusted: &TrustedOwners,
) -> Result<Vec<Finding>> {
    /// Maximum number of damaged rows that are listed.
    const MAX_LISTED: usize = 20;
    let (mut tokens, mut damaged, mut listed) = (0_u64, 0_u64, Vec::new());
    let mut problems = Vec::new();
    let interner = SharedFieldsInterner::default();
    let opened = OwnedFile::open(location, trusted).and_then(|file| {
        Database::check(file, documents, &interner, &mut problems, &mut |part| {
            let mut count = |part: Part<'_>| {
                if let Part::Records(records) = part {
                    tokens += records.len() as u64;
                }
                Ok(())
            };
            visit_part(part, &interner, &mut count, &mut |error| {
                if error.kind() != ErrorKind::Corrupt {
                    return Err(error);
                }
                damaged += 1;
                if listed.len() < MAX_LISTED {
                    listed.push(error.message());
                }
                Ok(())
            })
        })
    });
    let is_complete = match opened {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::Corrupt => {
            problems.push(error.message());
            false
        }
        Err(error) => return Err(error),
    };
    let integrity = match problems.is_empty() {
        true => "the file's structure is sound".to_owned(),
        false => problems.join("; "),
    };
    let rows = match (is_complete, damaged) {
        (true, 0) => format!("{tokens} tokens can be read"),
        (true, _) => format!(
            "{damaged} of {} tokens cannot be read: {}",
            tokens + damaged,
            listed.join("; ")
        ),
        (false, _) => format!("the tokens cannot be read, except for {tokens}"),
    };
    Ok(vec![
        Finding { name: "integrity", is_ok: problems.is_empty(), detail: integrity },
        Finding { name: "rows", is_ok: is_complete && damaged == 0, detail: rows },
    ])
}
