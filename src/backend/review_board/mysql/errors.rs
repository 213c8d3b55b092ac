//! Conversion of the server's and the driver's errors.

use mysql_async::{DriverError, IoError};

use super::super::sql_error::SqlError;
use super::closed;

#[allow(clippy::needless_pass_by_value)]
pub(super) fn sql_error(error: mysql_async::Error) -> SqlError {
    match error {
        mysql_async::Error::Server(error) => match error.code {
            1062 => SqlError::Duplicate,
            1205 | 1317 | 1969 | 3024 => SqlError::TimedOut,
            1213 | 1020 => SqlError::Conflict,
            1054 | 1146 => SqlError::Schema,
            1142 | 1143 => SqlError::Denied(redacted_message(error.code, &error.message)),
            // An invalid mix of collations, or a text that cannot be converted.
            1267 | 1366 | 1977 | 3854 | 3988 => SqlError::Unstorable(argument(&error.message)),
            1040 | 1203 | 1226 => SqlError::Full(redacted_message(error.code, &error.message)),
            // The session has ended: shutdown, killed, idle for too long, or a packet out of order.
            // Or this server accepts no statements, but another host may.
            1047 | 3032 | 1053 | 1080 | 1152..=1161 | 1184 | 1927 | 2006 | 2013 | 4031 => {
                SqlError::Lost(redacted_message(error.code, &error.message))
            }
            1290 | 1792 | 1836 => SqlError::ReadOnly(redacted_message(error.code, &error.message)),
            code => SqlError::Refused(redacted_message(code, &error.message)),
        },
        mysql_async::Error::Io(IoError::Tls(error)) => SqlError::Tls(error.to_string()),
        mysql_async::Error::Io(IoError::Io(error)) => match is_tls(&error) {
            true => SqlError::Tls(error.to_string()),
            false => SqlError::Lost(error.to_string()),
        },
        mysql_async::Error::Driver(DriverError::ConnectionClosed) => closed(),
        mysql_async::Error::Driver(DriverError::NoClientSslFlagFromServer) => {
            SqlError::Refused("the server does not support TLS".to_owned())
        }
        mysql_async::Error::Driver(DriverError::UnknownAuthPlugin { name }) => {
            SqlError::Refused(format!("the server requires the authentication plugin {name}"))
        }
        // The driver's messages for these may quote values.
        mysql_async::Error::Driver(_) | mysql_async::Error::Other(_) => {
            SqlError::Lost("the server sent an invalid response".to_owned())
        }
        mysql_async::Error::Url(_) => {
            SqlError::Refused("the driver does not accept the URL".to_owned())
        }
    }
}

/// Returns the argument for the column that a message names last. The message may quote a value
/// before it.
fn argument(message: &str) -> Option<&'static str> {
    const ARGUMENTS: [(&str, &str); 6] = [
        ("note", "note"),
        ("policy", "policy"),
        ("extra_data", "extra_data"),
        ("invalid_reason", "reason"),
        ("token_generator_id", "generator_id"),
        ("token", "value"),
    ];
    let (_, place) = message.rsplit_once(" column ")?;
    let place = place.split_once(" at row ").map_or(place, |(place, _)| place);
    let column = place.trim_matches(['`', '\'']).rsplit(['`', '.', '\'']).next()?;
    ARGUMENTS.iter().find(|(own, _)| *own == column).map(|(_, argument)| *argument)
}

/// Returns whether an I/O error comes from TLS.
fn is_tls(error: &std::io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

/// Returns the server's message without quoted values. Everything between the first and the last
/// quote is removed, since a value may contain quotes.
fn redacted_message(code: u16, message: &str) -> String {
    /// The server truncates longer messages, possibly inside a value.
    const MAX_LEN: usize = 500;
    // The apostrophe in "doesn't" is not a quote.
    let mut quotes = message.match_indices('\'').map(|(at, _)| at).filter(|at| {
        let (before, after) = (&message[..*at], &message[at + 1..]);
        !(before.ends_with('n') && after.starts_with("t "))
    });
    let (first, last) = (quotes.next(), quotes.next_back());
    let cut = |at: usize| message.get(..at).unwrap_or_default();
    match (first, last) {
        (None, _) if message.len() < MAX_LEN => {
            format!("the server reported error {code}: {message}")
        }
        (Some(first), Some(last)) if message.len() < MAX_LEN => {
            let rest = message.get(last..).unwrap_or_default();
            format!("the server reported error {code}: {}'…{rest}", cut(first))
        }
        (Some(first), _) => format!("the server reported error {code}: {}'…'", cut(first)),
        (None, _) => format!("the server reported error {code}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_message_is_stripped_of_quoted_values() {
        let message = redacted_message(1062, "Duplicate entry 'rbp_secret' for key 'token'");
        assert_eq!(message, "the server reported error 1062: Duplicate entry '…'");
        for message in [
            "near 'rbp_secret",
            "Duplicate entry 'it's rbp_secret' for key 'token'",
            "Duplicate entry ''rbp_secret' for key 'token'",
            "Duplicate entry 'I can't 'rbp_secret'' for key 'token'",
            &format!("Duplicate entry 'a'rbp_secret{}", "x".repeat(500)),
        ] {
            assert!(!redacted_message(1, message).contains("secret"), "{message}");
        }
        let denied = "Access denied for user 'a'@'b' (using password: NO)";
        assert_eq!(
            redacted_message(1045, denied),
            "the server reported error 1045: Access denied for user '…' (using password: NO)"
        );
        let missing = "Field 'newer' doesn't have a default value";
        assert_eq!(
            redacted_message(1364, missing),
            "the server reported error 1364: Field '…' doesn't have a default value"
        );
        assert_eq!(
            redacted_message(1, "Out of memory"),
            "the server reported error 1: Out of memory"
        );
    }

    #[test]
    fn column_in_a_message_is_mapped_to_its_argument() {
        for (message, expected) in [
            (
                r"Incorrect string value: '\xF0\x9F' for column `reviewboard`.`webapi_webapitoken`.`note` at row 1",
                Some("note"),
            ),
            (
                r"Incorrect string value: '\xF0 column 'note' at row 1' for column 'invalid_reason' at row 1",
                Some("reason"),
            ),
            ("Incorrect string value: '' for column 'tokens' at row 1", None),
            (
                "Conversion from collation utf8mb4_bin into latin1_bin impossible for parameter",
                None,
            ),
        ] {
            assert_eq!(argument(message), expected, "{message}");
        }
    }
}
