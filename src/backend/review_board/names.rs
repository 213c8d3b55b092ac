//! Reads the names of users and Local Sites, and the server's settings. A text that the server
//! cannot convert to UTF-8 affects only its row.

use zeroize::Zeroizing;

use super::limits::Limits;
use super::pool::{PooledConnection, TextMode};
use super::sql::{Cell, Param, Row};
use super::sql_error::SqlError;
use super::{ReviewBoard, rows, sql};
use crate::error::Result;
use crate::memory::{self, TextBuffer};
use crate::text::Text;

/// A selection of names from a table.
pub(super) struct NameSelection {
    column: &'static str,
    table: &'static str,
    condition: &'static str,
}

pub(super) const LOCAL_SITES: NameSelection =
    NameSelection { column: "name", table: "site_localsite", condition: "1 = 1" };

pub(super) const INACTIVE_USERS: NameSelection =
    NameSelection { column: "username", table: "auth_user", condition: "NOT is_active" };

impl NameSelection {
    /// Reads the ids and names of the next [`rows::ROWS_PER_PAGE`] rows. The name is missing if the
    /// server cannot convert it.
    fn page_after(
        &self,
        connection: &mut PooledConnection<'_>,
        id: i64,
    ) -> Result<Vec<Row>, SqlError> {
        let Self { column, table, condition } = self;
        let rest = format!(
            "FROM {table} WHERE {condition} AND id > ? ORDER BY id LIMIT {}",
            rows::ROWS_PER_PAGE
        );
        if connection.text_mode == TextMode::All {
            return connection.query(&format!("SELECT id, {column} {rest}"), &[Param::Int(id)]);
        }
        let mut page = Vec::new();
        let row = format!("SELECT id, {column} FROM {table} WHERE id = ?");
        for mut found in connection.query(&format!("SELECT id {rest}"), &[Param::Int(id)])? {
            let id = found.int_or_none().ok_or_else(sql::unreadable)?;
            let found = match connection.query(&row, &[Param::Int(id)]) {
                Err(SqlError::FastPathFailed) => None,
                found => found?.into_iter().next(),
            };
            let without_name = || memory::try_collect([Ok(Cell::Int(id))]).map(Row::new);
            memory::push(&mut page, found.map_or_else(without_name, Ok)?)?;
        }
        Ok(page)
    }
}

/// Query for the server's settings. If several sites share the database, the first one is Review
/// Board's.
pub(super) const SETTINGS: &str =
    "SELECT settings FROM siteconfig_siteconfiguration ORDER BY site_id, id LIMIT 1";

impl ReviewBoard {
    /// Returns the selected names, sorted.
    pub(super) fn sorted_names(&self, selection: &NameSelection) -> Result<Vec<Text>> {
        let mut names = Vec::new();
        self.for_each_name_page(self.limits(), selection, &mut |page| {
            page.iter().try_for_each(|name| memory::push(&mut names, name.clone()))
        })?;
        names.sort_unstable();
        Ok(names)
    }

    /// Passes the selected names to `visit`, page by page, omitting invalid ones.
    pub(super) fn for_each_name_page(
        &self,
        limits: Limits,
        selection: &NameSelection,
        visit: &mut dyn FnMut(&[Text]) -> Result<()>,
    ) -> Result<()> {
        let mut last_id = rows::BEFORE_ALL;
        loop {
            let page =
                self.read_within(limits, |connection| selection.page_after(connection, last_id))?;
            let is_last = page.len() < rows::ROWS_PER_PAGE;
            let mut names = Vec::new();
            for mut row in page {
                last_id = row.int_or_none().ok_or_else(sql::unreadable)?;
                if let Ok(Some(name)) = row.name() {
                    memory::push(&mut names, Text::try_new(&name)?)?;
                }
            }
            if !names.is_empty() {
                visit(&names)?;
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Reads the server's settings, a JSON object, or `None` if there are none. Non-ASCII
    /// characters are replaced if the server cannot convert the text.
    pub(super) fn settings_text(&self) -> Result<Option<Zeroizing<String>>> {
        self.read_retrying(|connection| {
            let is_raw = connection.text_mode != TextMode::All;
            let statement = if is_raw {
                let column = "encode(convert_to(settings, 'SQL_ASCII'), 'hex')";
                SETTINGS.replacen("settings", column, 1)
            } else {
                SETTINGS.to_owned()
            };
            let rows = connection.query(&statement, &[])?;
            let Some(mut row) = rows.into_iter().next() else { return Ok(None) };
            match row.text() {
                Ok(text) if is_raw => Ok(Some(ascii(text.as_ref().map_or("", |text| text))?)),
                Ok(text) => Ok(Some(text.unwrap_or_default())),
                Err(_) if self.kind == "postgresql" && !is_raw => Err(SqlError::FastPathFailed),
                Err(_) => Err(sql::unreadable().into()),
            }
        })
    }
}

/// Decodes a hexadecimal text, replacing each byte that is not ASCII by `?`.
fn ascii(digits: &str) -> Result<Zeroizing<String>> {
    let mut text = TextBuffer::default();
    for pair in digits.as_bytes().chunks(2) {
        let byte = str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
        text.push(byte.filter(u8::is_ascii).map_or('?', char::from));
    }
    Ok(Zeroizing::new(text.finish()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_text_is_decoded_to_ascii() {
        assert_eq!(ascii("7b2261ff80227d").unwrap().as_str(), "{\"a??\"}");
        assert_eq!(ascii("").unwrap().as_str(), "");
    }
}
