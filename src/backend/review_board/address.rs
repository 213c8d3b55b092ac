//! Addresses of databases, as written in a location.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;

use parking_lot::Mutex;
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use crate::error::{Argument, Error, ErrorKind, Result};

/// The address of a database.
#[derive(Debug)]
pub(crate) enum Address {
    Sqlite(PathBuf),
    Postgres(Server),
    Mysql(Server),
}

/// One or more hosts of a database server, and the login.
pub(crate) struct Server {
    /// In the order of attempts; at least one.
    pub hosts: Vec<Host>,
    pub user: Option<String>,
    pub database: String,
    pub tls: Option<Tls>,
    /// The connections go through a pooler in transaction mode: each transaction may get another
    /// session.
    pub pools_transactions: bool,
    /// Whether read-only hosts are skipped.
    pub needs_writes: bool,
    pub password: Option<Zeroizing<String>>,
    /// The parameter `passfile`. The file must exist.
    pub password_file: Option<PathBuf>,
    /// The user's default password file, which may be missing.
    pub default_password_file: Option<PathBuf>,
    /// Index of the last host that accepted a connection. It is tried first.
    pub last_host: AtomicUsize,
}

/// A host of a server.
pub(crate) struct Host {
    /// Empty for a socket.
    pub name: String,
    pub port: u16,
    /// A Unix socket instead of a name; for PostgreSQL, its directory.
    pub socket: Option<PathBuf>,
    /// The last IP address that accepted a connection. It is tried before the name is resolved.
    pub last_ip: Mutex<Option<IpAddr>>,
}

/// TLS settings.
#[derive(Debug)]
pub(crate) struct Tls {
    pub verification: Verification,
    /// PEM file with trusted certificate authorities. `None`: the well-known authorities.
    pub authorities: Option<PathBuf>,
    /// PEM files with the client's certificate and key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Verification of the server's certificate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verification {
    /// Not at all: `sslmode=require`. Vulnerable to interception.
    Nothing,
    /// Signed by a trusted authority: `sslmode=verify-ca`.
    Authority,
    /// Signed and issued for the host name: `sslmode=verify-full`.
    Name,
}

/// Omits the password.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("hosts", &self.hosts)
            .field("user", &self.user)
            .field("database", &self.database)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.socket {
            Some(path) => write!(f, "{}", path.display()),
            None => write!(f, "{}:{}", self.name, self.port),
        }
    }
}

/// Differences between kinds of servers.
struct ServerKind {
    port: u16,
    /// The parameter that can replace the hosts in the authority of the URL.
    hosts_parameter: &'static str,
    /// Parameters of this kind, in addition to [`PARAMETERS`].
    parameters: &'static [&'static str],
}

/// Parameters of all kinds of servers.
const PARAMETERS: [&str; 9] = [
    "user",
    "password",
    "port",
    "passfile",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "target_session_attrs",
];
const POSTGRES: ServerKind =
    ServerKind { port: 5432, hosts_parameter: "host", parameters: &["host", "pooler"] };
const MYSQL: ServerKind =
    ServerKind { port: 3306, hosts_parameter: "socket", parameters: &["socket"] };

impl Address {
    /// Parses an address:
    ///
    /// - `reviewboard+sqlite:///path`
    /// - `postgresql://user:password@host:port,host:port/database?parameter=value&…`
    /// - `mysql://…` or `mariadb://…`, likewise
    ///
    /// The constants of this module list the parameters. Error messages do not quote the address.
    ///
    /// # Errors
    /// `InvalidArgument` for an invalid address; `Unsupported` for a database without a driver in
    /// this build.
    pub fn parse(text: &str) -> Result<Self> {
        let (scheme, rest) = text.split_once(':').unwrap_or_default();
        match scheme.to_ascii_lowercase().as_str() {
            "reviewboard+sqlite" => {
                require_feature(cfg!(feature = "sqlite"), "sqlite")?;
                sqlite_file(rest).map(Self::Sqlite)
            }
            "postgresql" | "postgres" => {
                require_feature(cfg!(feature = "postgres"), "postgres")?;
                Server::parse(rest, &POSTGRES).map(Self::Postgres)
            }
            "mysql" | "mariadb" => {
                require_feature(cfg!(feature = "mysql"), "mysql")?;
                Server::parse(rest, &MYSQL).map(Self::Mysql)
            }
            _ => Err(invalid_address("unknown URL scheme (no white space may precede it)")),
        }
    }
}

/// Parses what follows `reviewboard+sqlite:`.
fn sqlite_file(text: &str) -> Result<PathBuf> {
    let path = text.strip_prefix("//").filter(|path| path.starts_with('/'));
    let path = path.ok_or_else(|| {
        invalid_address(
            "the path must be absolute and follow `://`, as in reviewboard+sqlite:///srv/rb.db",
        )
    })?;
    if path.contains('#') {
        return Err(invalid_address(FRAGMENT));
    }
    if path.contains('?') {
        return Err(invalid_address(
            "reviewboard+sqlite takes no parameters (write ? in a path as %3F)",
        ));
    }
    let path = decoded("the path", path)?;
    if path.len() < 2 {
        return Err(invalid_address("the path must not be empty"));
    }
    Ok(PathBuf::from(&*path))
}

/// The parameters of a location, without duplicates.
struct Parameters(Vec<(&'static str, Zeroizing<String>)>);

impl Parameters {
    fn parse(query: &str, kind: &ServerKind) -> Result<Self> {
        let mut parameters = Self(Vec::new());
        for pair in query.split('&').filter(|_| !query.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let names = PARAMETERS.iter().chain(kind.parameters);
            let Some(name) = names.copied().find(|known| *known == name) else {
                let known = [&PARAMETERS, kind.parameters].concat().join(", ");
                return Err(invalid_address(format!(
                    "unknown parameter (expected one of {known})"
                )));
            };
            parameters.add(name, value)?;
        }
        Ok(parameters)
    }

    /// Decodes and adds a parameter.
    fn add(&mut self, name: &'static str, value: &str) -> Result<()> {
        if self.0.iter().any(|(known, _)| *known == name) {
            return Err(invalid_address(format!("`{name}` must not be given twice")));
        }
        if value.is_empty() {
            return Err(invalid_address(format!("`{name}` must not be empty")));
        }
        self.0.push((name, decoded(name, value)?));
        Ok(())
    }

    fn take(&mut self, name: &str) -> Option<Zeroizing<String>> {
        let index = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.swap_remove(index).1)
    }

    fn take_text(&mut self, name: &str) -> Option<String> {
        self.take(name).map(|value| value.to_string())
    }

    fn take_path(&mut self, name: &str) -> Option<PathBuf> {
        self.take_text(name).map(PathBuf::from)
    }
}

impl Server {
    /// Parses what follows `postgresql:` or `mysql:`.
    fn parse(text: &str, kind: &ServerKind) -> Result<Self> {
        let text = text
            .strip_prefix("//")
            .ok_or_else(|| invalid_address("`//` must follow the scheme"))?;
        if text.contains('#') {
            return Err(invalid_address(FRAGMENT));
        }
        let (place, query) = text.split_once('?').unwrap_or((text, ""));
        let (authority, database) = place.split_once('/').unwrap_or((place, ""));
        let (credentials, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let mut parameters = Parameters::parse(query, kind)?;
        let (user, password) = match credentials.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (credentials, None),
        };
        if !user.is_empty() {
            parameters.add("user", user)?;
        }
        if let Some(password) = password.filter(|password| !password.is_empty()) {
            parameters.add("password", password)?;
        }
        if database.is_empty() {
            return Err(invalid_address("the database must not be empty"));
        }
        if database.contains('/') {
            return Err(invalid_address("the database must not contain / (write it as %2F)"));
        }
        let database = decoded("the database", database)?.to_string();
        let hosts = Host::parse_list(hosts, &mut parameters, kind)?;
        let has_several_hosts = hosts.len() > 1;
        let tls = Tls::parse(&mut parameters, &hosts)?;
        Ok(Self {
            hosts,
            user: parameters.take_text("user"),
            database,
            tls,
            pools_transactions: match parameters.take("pooler") {
                None => false,
                Some(value) if *value == "transaction" => true,
                Some(_) => return Err(invalid_address("`pooler` must be transaction")),
            },
            needs_writes: match parameters.take("target_session_attrs") {
                // A host that is unreachable for a moment must not leave the store connected to a
                // read-only one.
                None => has_several_hosts,
                Some(value) if *value == "any" => false,
                Some(value) if *value == "read-write" => true,
                Some(_) => {
                    return Err(invalid_address(
                        "`target_session_attrs` must be any or read-write",
                    ));
                }
            },
            password: parameters.take("password"),
            password_file: parameters.take_path("passfile"),
            default_password_file: None,
            last_host: AtomicUsize::new(0),
        })
    }
}

impl Host {
    /// Parses the hosts of a location, which are in its authority or in a parameter.
    fn parse_list(
        hosts: &str,
        parameters: &mut Parameters,
        kind: &ServerKind,
    ) -> Result<Vec<Self>> {
        let (hosts, port) = match hosts.strip_prefix(':') {
            Some(port) => ("", Some(port)),
            None => (hosts, None),
        };
        if let Some(port) = port {
            parameters.add("port", port)?;
        }
        let name = kind.hosts_parameter;
        let named = parameters.take_text(name);
        if name == "socket" && named.as_ref().is_some_and(|path| !path.starts_with('/')) {
            return Err(invalid_address("`socket` must be an absolute path"));
        }
        let port = parameters.take("port").map(|port| parsed_port(&port)).transpose()?;
        let default_port = port.unwrap_or(kind.port);
        match (hosts.is_empty(), named) {
            (false, None) => hosts
                .split(',')
                .map(|host| {
                    let host = Self::parse(host, default_port)?;
                    match port {
                        Some(_) if host.1 => Err(invalid_address("`port` must not be given twice")),
                        _ => Ok(host.0),
                    }
                })
                .collect(),
            (true, Some(named)) => {
                let hosts = named.split(',').map(|host| Self::from_name(host, default_port));
                hosts.collect()
            }
            (false, Some(_)) => {
                Err(invalid_address(format!("the host and `{name}` must not both be given")))
            }
            (true, None) => Err(invalid_address(format!("a host or `{name}` must be given"))),
        }
    }

    /// Parses a host of an authority, and returns whether it has a port.
    fn parse(text: &str, default_port: u16) -> Result<(Self, bool)> {
        let (name, port) = match text.strip_prefix('[').map(|text| text.split_once(']')) {
            Some(Some((ip, port))) => {
                let ip: Ipv6Addr = ip
                    .parse()
                    .map_err(|_| invalid_address("the host in brackets must be an IPv6 address"))?;
                let port = match port.strip_prefix(':') {
                    Some(port) => Some(port),
                    None if port.is_empty() => None,
                    None => {
                        return Err(invalid_address(
                            "only `:` and a port may follow the host's bracket",
                        ));
                    }
                };
                (Zeroizing::new(ip.to_string()), port)
            }
            Some(None) => return Err(invalid_address("expected a closing bracket after the host")),
            None => match text.split_once(':') {
                Some((name, port)) => (decoded("the host", name)?, Some(port)),
                None => (decoded("the host", text)?, None),
            },
        };
        let number = port.map_or(Ok(default_port), parsed_port)?;
        Ok((Self::from_name(&name, number)?, port.is_some()))
    }

    /// Creates a host from its name, its IP address or the absolute path of a socket.
    fn from_name(name: &str, port: u16) -> Result<Self> {
        let is_socket = name.starts_with('/');
        if name.is_empty() || (!is_socket && name.contains('/')) {
            return Err(invalid_address(
                "the host must be a name, an address or the absolute path of a socket",
            ));
        }
        Ok(Self {
            name: if is_socket { String::new() } else { name.to_owned() },
            port,
            socket: is_socket.then(|| PathBuf::from(name)),
            last_ip: Mutex::default(),
        })
    }

    /// Returns whether connections to the host stay on this machine.
    fn is_local(&self) -> bool {
        self.socket.is_some()
            || self.name.eq_ignore_ascii_case("localhost")
            || self.name.parse().is_ok_and(|ip: IpAddr| ip.to_canonical().is_loopback())
    }
}

impl Tls {
    fn parse(parameters: &mut Parameters, hosts: &[Host]) -> Result<Option<Self>> {
        let authorities = parameters.take_path("sslrootcert");
        let identity = match (parameters.take_path("sslcert"), parameters.take_path("sslkey")) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => return Err(invalid_address("`sslcert` needs `sslkey`")),
            (None, Some(_)) => return Err(invalid_address("`sslkey` needs `sslcert`")),
        };
        let has_files = authorities.is_some() || identity.is_some();
        let mode = parameters.take("sslmode");
        let verification = match mode.as_ref().map(|mode| mode.as_str()) {
            None if !has_files && hosts.iter().all(Host::is_local) => return Ok(None),
            Some("disable") if has_files => {
                return Err(invalid_address(
                    "`sslmode` must not be disable with other ssl parameters",
                ));
            }
            Some("disable") => return Ok(None),
            Some("require") if authorities.is_some() => {
                return Err(invalid_address(
                    "`sslmode=require` ignores `sslrootcert`: use verify-ca or verify-full",
                ));
            }
            Some("require") => Verification::Nothing,
            // Anyone can get a certificate from a well-known authority.
            Some("verify-ca") if authorities.is_none() => {
                return Err(invalid_address("`sslmode=verify-ca` needs `sslrootcert`"));
            }
            Some("verify-ca") => Verification::Authority,
            None | Some("verify-full") => Verification::Name,
            Some(_) => {
                return Err(invalid_address(
                    "`sslmode` must be disable, require, verify-ca or verify-full",
                ));
            }
        };
        if hosts.iter().any(|host| host.socket.is_some()) {
            return Err(invalid_address(
                "a socket has no TLS: `sslmode` must be disable, and no file must be given",
            ));
        }
        Ok(Some(Self { verification, authorities, identity }))
    }
}

const FRAGMENT: &str = "a URL must not have a fragment (write # as %23)";

fn parsed_port(text: &str) -> Result<u16> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|port| is_number && *port != 0);
    port.ok_or_else(|| invalid_address("`port` must be an integer from 1 to 65535"))
}

/// Percent-decodes a part of an address.
fn decoded(name: &str, text: &str) -> Result<Zeroizing<String>> {
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(invalid_address(format!(
            "{name} must not contain white space or control characters (write a space as %20)"
        )));
    }
    let is_escape = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !text.split('%').skip(1).all(is_escape) {
        return Err(invalid_address(format!("expected two hexadecimal digits after % in {name}")));
    }
    match percent_decode_str(text).decode_utf8() {
        Ok(text) if text.contains('\0') => {
            Err(invalid_address(format!("{name} must not contain a NUL")))
        }
        Ok(text) => Ok(Zeroizing::new(text.into_owned())),
        Err(_) => Err(invalid_address(format!("{name} must be UTF-8"))),
    }
}

fn require_feature(is_enabled: bool, name: &'static str) -> Result<()> {
    if is_enabled {
        return Ok(());
    }
    let message = format!("requires a library that was built with the cargo feature `{name}`");
    Err(Error::new(ErrorKind::Unsupported, message).at_argument(Argument::Location))
}

fn invalid_address(why: impl fmt::Display) -> Error {
    Error::invalid(Argument::Location, format!("invalid database URL: {why}"))
}

#[cfg(test)]
mod tests;
