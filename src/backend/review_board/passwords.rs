//! Passwords from outside the location: from the environment, or from a file in libpq's format,
//! with `host:port:database:user:password` on each line.

#[cfg(feature = "postgres")]
use std::env::var_os;
use std::path::Path;
#[cfg(feature = "postgres")]
use std::path::PathBuf;

use zeroize::Zeroizing;

#[cfg(feature = "postgres")]
use super::address::Address;
use super::address::{Host, Server};
use super::files;
use super::sql_error::SqlError;

#[cfg(feature = "postgres")]
impl Address {
    /// Adds a password or password file from libpq's environment variables. Ignores them if the
    /// process has more privileges than the user who set them.
    pub fn with_environment(self) -> Self {
        let Self::Postgres(mut server) = self else { return self };
        let is_given = server.password.is_some() || server.password_file.is_some();
        if is_given || crate::os::user::is_elevated() {
            return Self::Postgres(server);
        }
        let variable = |name| var_os(name).filter(|value| !value.is_empty());
        if let Some(password) = variable("PGPASSWORD") {
            server.password = password.into_string().ok().map(Zeroizing::new);
        } else {
            let home = || variable("HOME").map(|home| PathBuf::from(home).join(".pgpass"));
            let file = variable("PGPASSFILE").map(PathBuf::from);
            server.default_password_file = file.or_else(home);
        }
        Self::Postgres(server)
    }
}

impl Server {
    /// Returns the password for a host, if there is one.
    ///
    /// # Errors
    /// `Refused` if a password file must not be used.
    pub(super) fn password(
        &self,
        host: &Host,
        user: &str,
    ) -> Result<Option<Zeroizing<String>>, SqlError> {
        if self.password.is_some() {
            return Ok(self.password.clone());
        }
        if let Some(path) = &self.password_file {
            return find(path, "passfile", host, &self.database, user);
        }
        match &self.default_password_file {
            Some(path) if path.exists() => find(path, ".pgpass", host, &self.database, user),
            _ => Ok(None),
        }
    }
}

/// Returns the password of the first matching line. `parameter` names the file in errors.
///
/// # Errors
/// `Refused` if the file cannot be read, or other users can access it.
fn find(
    path: &Path,
    parameter: &str,
    host: &Host,
    database: &str,
    user: &str,
) -> Result<Option<Zeroizing<String>>, SqlError> {
    let content = files::read_secret(path, parameter)?;
    let socket = host.socket.as_deref().map(|path| path.to_string_lossy());
    let port = host.port.to_string();
    let is = |field: &[u8], value: &str| {
        field == b"*" || unescaped(field).as_slice() == value.as_bytes()
    };
    let is_host = |field: &[u8]| match &socket {
        None => is(field, &host.name),
        Some(path) => is(field, "localhost") || is(field, path),
    };
    let is_wanted = |fields: [&[u8]; 4]| {
        is_host(fields[0]) && is(fields[1], &port) && is(fields[2], database) && is(fields[3], user)
    };
    let lines = content.split(|byte| *byte == b'\n');
    let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut entries = lines.filter(|line| !line.starts_with(b"#")).filter_map(split_line);
    let entry = entries.find(|(fields, _)| is_wanted(*fields));
    let Some(password) = entry.map(|(_, password)| unescaped(password)) else { return Ok(None) };
    match std::str::from_utf8(&password) {
        Ok("") => Ok(None),
        Ok(password) => Ok(Some(Zeroizing::new(password.to_owned()))),
        Err(_) => {
            Err(SqlError::Refused(format!("a password in the file of {parameter} is not UTF-8")))
        }
    }
}

/// Splits a line into the fields to match and the password.
fn split_line(line: &[u8]) -> Option<([&[u8]; 4], &[u8])> {
    let (host, rest) = split_field(line)?;
    let (port, rest) = split_field(rest)?;
    let (database, rest) = split_field(rest)?;
    let (user, rest) = split_field(rest)?;
    // As in libpq, a comment may follow the password after another colon.
    let password = split_field(rest).map_or(rest, |(password, _)| password);
    Some(([host, port, database, user], password))
}

/// Splits a line after its first field, which ends with an unescaped colon.
fn split_field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut is_escaped = false;
    let end = line.iter().position(|byte| {
        let is_end = *byte == b':' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        is_end
    })?;
    Some((&line[..end], &line[end + 1..]))
}

/// Removes the escaping backslashes.
fn unescaped(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'\\' { rest.next().unwrap_or(byte) } else { byte });
    }
    bytes
}

#[cfg(test)]
#[cfg(feature = "postgres")]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A temporary password file.
    struct PasswordFile(PathBuf);

    impl PasswordFile {
        fn new(name: &str, content: &[u8], mode: u32) -> Self {
            let name = format!("rbtoken-passwords-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            Self(path)
        }
    }

    impl Drop for PasswordFile {
        fn drop(&mut self) {
            fs::remove_file(&self.0).unwrap();
        }
    }

    fn server(location: &str) -> Server {
        match Address::parse(location) {
            Ok(Address::Postgres(server)) => server,
            other => panic!("{other:?}"),
        }
    }

    /// Returns the passwords for the hosts of a location with the user `u`.
    fn passwords(location: &str, file: &PasswordFile) -> Vec<Option<String>> {
        let mut server = server(location);
        server.default_password_file = Some(file.0.clone());
        let password = |host| server.password(host, "u").unwrap().map(|it| it.to_string());
        server.hosts.iter().map(password).collect()
    }

    #[test]
    fn first_matching_line_gives_the_password() {
        let content = b"# a:*:*:*:comment\n\
            #a:*:*:*:comment\n\
            a:5432:db:other:1\n\
            a:5432:db:u:2\n\
            a:*:*:*:3\r\n\
            b\\:c\\\\:*:*:u:p\\:\\\\q:a comment\n\
            too:few\n\
            localhost:*:*:u:4\n\
            /run/pg:*:*:u:5\n\
            empty:*:*:*:\n\
            *:6432:*:*:6";
        let file = PasswordFile::new("lines", content, 0o600);
        for (location, expected) in [
            ("postgresql://a/db", vec![Some("2")]),
            ("postgresql://a/db2", vec![Some("3")]),
            ("postgresql://A/db", vec![None]),
            // As a host, it would match the line that is a comment.
            ("postgresql://%23a/db", vec![None]),
            ("postgresql://b%3Ac%5C/db", vec![Some("p:\\q")]),
            ("postgresql:///db?host=/run/pg", vec![Some("4")]),
            ("postgresql://127.0.0.1/db", vec![None]),
            ("postgresql://empty/db", vec![None]),
            // Each host gets only its own password.
            ("postgresql://a,c,c:6432/db", vec![Some("2"), None, Some("6")]),
            ("postgresql://u:mine@a,c/db", vec![Some("mine"), Some("mine")]),
        ] {
            let found = passwords(location, &file);
            let found: Vec<_> = found.iter().map(Option::as_deref).collect();
            assert_eq!(found, expected, "{location}");
        }
    }

    #[test]
    fn password_file_readable_by_others_is_refused() {
        for mode in [0o640, 0o604, 0o660, 0o601] {
            let file = PasswordFile::new("mode", b"*:*:*:*:s3cret", mode);
            let mut server = server("postgresql://a/db");
            server.default_password_file = Some(file.0.clone());
            let Err(SqlError::Refused(why)) = server.password(&server.hosts[0], "u") else {
                panic!("mode {mode:o} was accepted");
            };
            assert!(why.contains(".pgpass") && why.contains("0600"), "{why}");
        }
        let file = PasswordFile::new("owner", b"*:*:*:*:s3cret", 0o400);
        assert_eq!(passwords("postgresql://a/db", &file), [Some("s3cret".to_owned())]);
    }

    #[test]
    fn only_the_default_password_file_may_be_missing() {
        let mut server = server("postgresql://a/db");
        server.default_password_file = Some(PathBuf::from("/nonexistent/.pgpass"));
        assert!(matches!(server.password(&server.hosts[0], "u"), Ok(None)));
        for wrong in ["/nonexistent/passfile", "/dev", "/dev/zero"] {
            server.password_file = Some(PathBuf::from(wrong));
            let Err(SqlError::Refused(why)) = server.password(&server.hosts[0], "u") else {
                panic!("{wrong} was accepted");
            };
            assert!(why.contains("passfile"), "{why}");
        }
    }
}
