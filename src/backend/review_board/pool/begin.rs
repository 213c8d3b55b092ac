//! How transactions begin.

use super::Lease;
use crate::backend::review_board::sql::Dialect;

impl Lease<'_> {
    /// Returns what differs between databases; none once the connection is closed.
    pub fn dialect(&self) -> Option<&'static Dialect> {
        self.connection.as_ref().map(|connection| connection.dialect())
    }
}
