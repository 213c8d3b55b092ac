//! Revocation: tokens are changed without reading their documents, which are read separately for
//! events.

use super::limits::Limits;
use super::login_cache::AffectedEntries;
use super::pool::PooledConnection;
use super::sql::Param;
use super::sql_error::SqlError;
use super::{ReviewBoard, rows};
use crate::backend::{RecordVisitor, Selection};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::token::{Invalidation, SharedRecord};

impl ReviewBoard {
    /// Invalidates tokens without reading them, and returns their number. If `returns_ids` is set,
    /// also returns their ids, except for a selection by value.
    pub(super) fn invalidate(
        &self,
        limits: Limits,
        selection: &Selection,
        invalidation: &Invalidation,
        returns_ids: bool,
    ) -> Result<(u64, Vec<i64>)> {
        let mut params = invalidation_params(invalidation).to_vec();
        let update = format!("UPDATE webapi_webapitoken SET {INVALIDATE}");
        let changed = match selection {
            Selection::Everyone if !returns_ids => self.transact(limits, |connection| {
                connection.execute(&update, &params).map(|count| (count, Vec::new()))
            }),
            Selection::User(user) if !returns_ids => {
                let update = format!("{update} WHERE user_id = ?");
                self.transact(limits, |connection| {
                    params.truncate(3);
                    params.push(Param::Int(rows::user_id(connection, user, false)?));
                    connection.execute(&update, &params).map(|count| (count, Vec::new()))
                })
            }
            Selection::Id(id) => self.transact(limits, |connection| {
                params.truncate(3);
                params.push(Param::Int(*id));
                let count = connection.execute(&format!("{update} WHERE id = ?"), &params)?;
                Ok((count, vec![*id]))
            }),
            Selection::Value(value) => {
                let text = Param::Text(value.expose());
                params.extend([text, text]);
                let by_value = self.transact(limits, |connection| {
                    let is_value = connection.dialect().map_or("", |dialect| dialect.is_value);
                    let update = format!("{update} WHERE token = ? AND {is_value}");
                    connection.execute(&update, &params).map(|count| (count, Vec::new()))
                });
                params.truncate(3);
                match by_value {
                    // Either the value or the reason cannot be stored: the lookup of the value
                    // shows which.
                    Err(SqlError::Unstorable(_)) => {
                        self.invalidate_each(limits, selection, &params)
                    }
                    by_value => by_value,
                }
            }
            Selection::Ids(_) | Selection::User(_) | Selection::Everyone => {
                self.invalidate_each(limits, selection, &params)
            }
        };
        let texts = [("reason", &*invalidation.reason)];
        changed.map_err(|error| self.name_unstorable_text(limits, error, &texts))
    }

    /// Invalidates tokens by their ids, which are looked up first.
    fn invalidate_each(
        &self,
        limits: Limits,
        selection: &Selection,
        params: &[Param<'_>],
    ) -> Result<(u64, Vec<i64>), SqlError> {
        self.transact(limits, |connection| {
            let ids = rows::lock_selected(connection, selection)?;
            let count = rows::conditions(&ids).try_fold(0, |count, ids| {
                let ids = ids?;
                let condition = unaliased(&ids.text);
                let update =
                    format!("UPDATE webapi_webapitoken SET {INVALIDATE} WHERE {condition}");
                Ok::<_, SqlError>(count + connection.execute(&update, &ids.params_after(params)?)?)
            })?;
            Ok((count, ids))
        })
    }

    /// Passes the readable records of changed tokens to `changed`. For many tokens, each part has
    /// its own time limits, since the callback may take long.
    pub(super) fn notify(
        &self,
        selection: &Selection,
        limits: Limits,
        ids: &[i64],
        changed: RecordVisitor<'_>,
    ) {
        if let Selection::Value(value) = selection {
            let find = |connection: &mut PooledConnection<'_>| {
                self.reader().by_value(connection, value.expose())
            };
            if let Ok(Some((record, _))) = self.read_within(limits, find) {
                changed(&[record]);
            }
            return;
        }
        for ids in ids.chunks(rows::EVENTS_AT_ONCE) {
            let limits = match selection {
                Selection::Value(_) | Selection::Id(_) => limits,
                Selection::Ids(_) | Selection::User(_) | Selection::Everyone => self.limits(),
            };
            let Ok(records) = self.records_by_ids(limits, ids) else { return };
            changed(&records);
        }
    }

    fn records_by_ids(&self, limits: Limits, ids: &[i64]) -> Result<Vec<SharedRecord>> {
        self.read_within(limits, |connection| {
            let mut records = Vec::new();
            for ids in rows::conditions(ids) {
                let ids = ids?;
                self.reader().select(connection, &ids.text, &ids.params, &mut records)?;
            }
            Ok(records)
        })
    }

    /// Deletes a token, and passes its record, if it is readable, to `deleted`.
    pub(super) fn delete(&self, id: i64, deleted: Option<RecordVisitor<'_>>) -> Result<u64> {
        let limits = self.limits();
        let records = match deleted {
            Some(_) => self.records_by_ids(limits, &[id]).unwrap_or_default(),
            None => Vec::new(),
        };
        let delete = delete_where("id = ?");
        let change = self.begin_change(|| Some(AffectedEntries::Id(id)));
        let count =
            self.transact(limits, |connection| connection.execute(&delete, &[Param::Int(id)]))?;
        drop(change);
        if count > 0
            && let Some(deleted) = deleted
        {
            deleted(&records);
        }
        Ok(count)
    }

    /// Deletes the first unusable tokens with ids after `after_id`, and passes their readable
    /// records to `purged`. Records are read before the transaction, since an unreadable row would
    /// abort it. Returns the ids that were found and the number of deleted tokens.
    pub(super) fn purge_some(
        &self,
        limits: Limits,
        before: Timestamp,
        after_id: i64,
        purged: &mut Option<RecordVisitor<'_>>,
    ) -> Result<(Vec<i64>, u64)> {
        let params = [Param::Int(after_id), Param::Time(before), Param::Time(before)];
        let times = &params[1..];
        let is_unusable = |time: &str| {
            format!(
                "((NOT t.valid \
                 AND COALESCE({time}(t.invalid_date), {time}(t.time_added)) < {time}(?)) \
                 OR {time}(t.expires) < {time}(?))"
            )
        };
        let max = if purged.is_some() { rows::EVENTS_AT_ONCE } else { rows::IDS_AT_ONCE };
        let found = self.read_within(limits, |connection| {
            let condition = format!("t.id > ? AND {}", is_unusable(connection.time()));
            rows::find(connection, &condition, &params, max)
        })?;
        let mut records = match purged {
            Some(_) => self.records_by_ids(limits, &found).unwrap_or_default(),
            None => Vec::new(),
        };
        let removed = self.transact(limits, |connection| {
            let mut removed = Vec::new();
            for ids in rows::conditions(&found) {
                let ids = ids?;
                // Another program may have changed their dates.
                let condition = format!("{} AND {}", ids.text, is_unusable(connection.time()));
                removed = rows::lock(connection, &condition, &ids.params_and(times)?)?;
            }
            for ids in rows::conditions(&removed) {
                let ids = ids?;
                connection.execute(&delete_where(&ids.text), &ids.params)?;
            }
            Ok(removed)
        })?;
        if let Some(purged) = purged {
            records.retain(|record| removed.contains(&record.id()));
            purged(&records);
        }
        Ok((found, removed.len() as u64))
    }
}

const INVALIDATE: &str = "valid = ?, invalid_date = ?, invalid_reason = ?";

/// Returns the parameters of [`INVALIDATE`].
fn invalidation_params(invalidation: &Invalidation) -> [Param<'_>; 3] {
    [Param::Bool(false), Param::time(invalidation.date), Param::Text(&invalidation.reason)]
}

fn delete_where(condition: &str) -> String {
    format!("DELETE FROM webapi_webapitoken WHERE {}", unaliased(condition))
}

/// Returns a condition on ids without the table alias, for UPDATE and DELETE: not all databases
/// accept an alias there.
fn unaliased(condition: &str) -> String {
    condition.replace("t.id", "id")
}
