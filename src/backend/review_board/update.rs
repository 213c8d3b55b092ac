//! Updates of a token's fields, and the errors of texts that a column cannot store.

use super::limits::Limits;
use super::sql::{Param, Query};
use super::sql_error::SqlError;
use super::{ReviewBoard, rows};
use crate::backend::{Outcome, TokenChange};
use crate::error::{Error, ErrorKind, Result};
use crate::token::{Record, SharedRecord};

impl ReviewBoard {
    /// Converts the error of a change. If a text cannot be stored and the error does not name it,
    /// finds the text by queries, within the limits of the change.
    pub(super) fn name_unstorable_text(
        &self,
        limits: Limits,
        error: SqlError,
        texts: &[(&'static str, &str)],
    ) -> Error {
        let refused = |text: &str| {
            let params = [Param::Text(text)];
            let converted = self.read_within(limits, |connection| {
                connection.query("SELECT CAST(? AS text)", &params)
            });
            converted.is_err_and(|error| error.kind() == ErrorKind::InvalidArgument)
        };
        if !matches!(error, SqlError::Unstorable(None)) {
            return error.into();
        }
        let argument = texts.iter().find(|(_, text)| !text.is_ascii() && refused(text));
        SqlError::Unstorable(argument.map(|(argument, _)| *argument)).into()
    }

    /// Writes only the columns that a change affects.
    pub(super) fn update(&self, id: i64, change: &TokenChange) -> Result<Outcome> {
        let mut columns = vec!["last_updated = ?"];
        let mut params = vec![Param::Time(change.last_updated)];
        if let Some(expires) = change.expires {
            columns.push("expires = ?");
            params.push(Param::time(expires));
        }
        if let Some(note) = &change.note {
            columns.push("note = ?");
            params.push(Param::Text(note));
        }
        if let Some(policy) = &change.policy {
            columns.push("policy = ?");
            params.push(Param::Text(policy.text()));
        }
        if let Some(extra_data) = &change.extra_data {
            columns.push("extra_data = ?");
            params.push(Param::Text(extra_data.text()));
        }
        let update = format!("UPDATE webapi_webapitoken SET {} WHERE id = ?", columns.join(", "));
        let id = [Param::Int(id)];
        params.extend(id);
        let limits = self.limits();
        let changed = self.retry_transaction(limits, |connection| {
            let lock = format!(
                "SELECT t.id FROM webapi_webapitoken t WHERE t.id = ?{}",
                connection.lock_clause()
            );
            let select = format!("{} WHERE t.id = ?", rows::select(connection.text_mode));
            let queries = [
                Query { statement: &lock, params: &id },
                Query { statement: &select, params: &id },
            ];
            let read = |found: &mut Option<SharedRecord>, query, row| {
                if query == 1 {
                    *found = self.reader().read(row)?.map(|(record, _)| record);
                }
                Ok(())
            };
            connection.transaction_after(&queries, None, read, |connection, found| {
                let Some(record) = found else { return Ok(Vec::new()) };
                connection.execute(&update, &params)?;
                if record.unreadable().is_none() {
                    return Ok(vec![Record::boxed(record.id(), change.applied_to(&record))]);
                }
                // The change may have replaced the unreadable value.
                let mut records = Vec::new();
                self.reader().select(connection, "t.id = ?", &id, &mut records)?;
                Ok(records)
            })
        });
        let texts = [("note", change.note.as_deref().unwrap_or_default())];
        changed.map(Outcome::Done).map_err(|error| self.name_unstorable_text(limits, error, &texts))
    }
}
