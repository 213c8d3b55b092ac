//! The address of a database, as its location says.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;

use parking_lot::Mutex;
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use crate::error::{Argument, Error, ErrorKind, Result};

/// A database's address.
#[derive(Debug)]
pub(crate) enum Address {
    Sqlite(PathBuf),
    Postgres(Server),
    Mysql(Server),
}

/// One or more hosts of a database server, and how to log in there.
pub(crate) struct Server {
    /// In the order in which they are tried; at least one.
    pub hosts: Vec<Host>,
    pub user: Option<String>,
    pub database: String,
    pub tls: Option<Tls>,
    /// The connections go through a pooler that gives each transaction another session.
    pub pools_transactions: bool,
    /// Hosts that are read-only are passed over.
    pub needs_writes: bool,
    pub password: Option<Zeroizing<String>>,
    /// The parameter `passfile`, which must exist.
    pub password_file: Option<PathBuf>,
    /// The user's own file of passwords, which need not exist.
    pub default_password_file: Option<PathBuf>,
    /// Index of the host that was connected to last. It is tried first.
    pub last_host: AtomicUsize,
}

/// A host of a server.
pub(crate) struct Host {
    /// Empty for a socket.
    pub name: String,
    pub port: u16,
    /// A Unix socket, or for PostgreSQL its folder, instead of the name.
    pub socket: Option<PathBuf>,
    /// The address that was connected to last. It is tried before the name is resolved.
    pub last_ip: Mutex<Option<IpAddr>>,
}

/// How TLS is used.
#[derive(Debug)]
pub(crate) struct Tls {
    pub verification: Verification,
    /// The file of trusted authorities, as PEM; without one, the well-known authorities.
    pub authorities: Option<PathBuf>,
    /// The files of the client's certificate and key, as PEM.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// What is verified of the server's certificate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verification {
    /// Nothing: `sslmode=require`. Open to interception.
    Nothing,
    /// That a trusted authority signed it: `sslmode=verify-ca`.
    Authority,
    /// Its name, too: `sslmode=verify-full`.
    Name,
}

/// Leaves out the password.
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

/// What differs between kinds of servers.
struct Kind {
    port: u16,
    /// The parameter that can replace the hosts of the authority.
    place: &'static str,
    /// The parameters of this kind alone, beside [`PARAMETERS`].
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
const POSTGRES: Kind = Kind { port: 5432, place: "host", parameters: &["host", "pooler"] };
const MYSQL: Kind = Kind { port: 3306, place: "socket", parameters: &["socket"] };

impl Address {
    /// Parses an address:
    ///
    /// - `reviewboard+sqlite:///path`
    /// - `postgresql://user:password@host:port,host:port/database?parameter=value&…`
    /// - `mysql://…` or `mariadb://…`, likewise
    ///
    /// The module's constants list the parameters. No error quotes any part of the address.
    ///
    /// # Errors
    /// `InvalidArgument` if the text is not such an address; `Unsupported` for a database that this
    /// build has no driver for.
    pub fn parse(text: &str) -> Result<Self> {
        let (scheme, rest) = text.split_once(':').unwrap_or_default();
        match scheme.to_ascii_lowercase().as_str() {
            "reviewboard+sqlite" => {
                feature(cfg!(feature = "sqlite"), "sqlite")?;
                sqlite_file(rest).map(Self::Sqlite)
            }
            "postgresql" | "postgres" => {
                feature(cfg!(feature = "postgres"), "postgres")?;
                Server::parse(rest, &POSTGRES).map(Self::Postgres)
            }
            "mysql" | "mariadb" => {
                feature(cfg!(feature = "mysql"), "mysql")?;
                Server::parse(rest, &MYSQL).map(Self::Mysql)
            }
            _ => Err(bad("unknown URL scheme (no white space may precede it)")),
        }
    }
}

/// Parses what follows `reviewboard+sqlite:`.
fn sqlite_file(text: &str) -> Result<PathBuf> {
    let path = text.strip_prefix("//").filter(|path| path.starts_with('/'));
    let path = path.ok_or_else(|| {
        bad("the path must be absolute and follow `://`, as in reviewboard+sqlite:///srv/rb.db")
    })?;
    if path.contains('#') {
        return Err(bad(FRAGMENT));
    }
    if path.contains('?') {
        return Err(bad("reviewboard+sqlite takes no parameters (write ? in a path as %3F)"));
    }
    let path = decoded("the path", path)?;
    if path.len() < 2 {
        return Err(bad("the path must not be empty"));
    }
    Ok(PathBuf::from(&*path))
}

/// The parameters of a location, each given once.
struct Parameters(Vec<(&'static str, Zeroizing<String>)>);

impl Parameters {
    fn parse(query: &str, kind: &Kind) -> Result<Self> {
        let mut parameters = Self(Vec::new());
        for pair in query.split('&').filter(|_| !query.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let names = PARAMETERS.iter().chain(kind.parameters);
            let Some(name) = names.copied().find(|known| *known == name) else {
                let known = [&PARAMETERS, kind.parameters].concat().join(", ");
                return Err(bad(format!("unknown parameter (expected one of {known})")));
            };
            parameters.add(name, value)?;
        }
        Ok(parameters)
    }

    /// Adds a parameter that is still percent-encoded.
    fn add(&mut self, name: &'static str, value: &str) -> Result<()> {
        if self.0.iter().any(|(known, _)| *known == name) {
            return Err(bad(format!("`{name}` is given twice")));
        }
        if value.is_empty() {
            return Err(bad(format!("`{name}` must not be empty")));
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
    fn parse(text: &str, kind: &Kind) -> Result<Self> {
        let text = text.strip_prefix("//").ok_or_else(|| bad("`//` must follow the scheme"))?;
        if text.contains('#') {
            return Err(bad(FRAGMENT));
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
            return Err(bad("the database must not be empty"));
        }
        if database.contains('/') {
            return Err(bad("the database must not contain / (write it as %2F)"));
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
                Some(_) => return Err(bad("`pooler` must be transaction")),
            },
            needs_writes: match parameters.take("target_session_attrs") {
                // A host that was passed over for a moment must not leave the store read-only.
                None => has_several_hosts,
                Some(value) if *value == "any" => false,
                Some(value) if *value == "read-write" => true,
                Some(_) => return Err(bad("`target_session_attrs` must be any or read-write")),
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
    fn parse_list(hosts: &str, parameters: &mut Parameters, kind: &Kind) -> Result<Vec<Self>> {
        let (hosts, port) = match hosts.strip_prefix(':') {
            Some(port) => ("", Some(port)),
            None => (hosts, None),
        };
        if let Some(port) = port {
            parameters.add("port", port)?;
        }
        let name = kind.place;
        let named = parameters.take_text(name);
        if name == "socket" && named.as_ref().is_some_and(|path| !path.starts_with('/')) {
            return Err(bad("`socket` must be an absolute path"));
        }
        let port = parameters.take("port").map(|port| parsed_port(&port)).transpose()?;
        let default_port = port.unwrap_or(kind.port);
        match (hosts.is_empty(), named) {
            (false, None) => hosts
                .split(',')
                .map(|host| {
                    let host = Self::parse(host, default_port)?;
                    match port {
                        Some(_) if host.1 => Err(bad("`port` is given twice")),
                        _ => Ok(host.0),
                    }
                })
                .collect(),
            (true, Some(named)) => {
                let hosts = named.split(',').map(|host| Self::named(host, default_port));
                hosts.collect()
            }
            (false, Some(_)) => Err(bad(format!("the host and `{name}` must not both be given"))),
            (true, None) => Err(bad(format!("a host or `{name}` must be given"))),
        }
    }

    /// Parses a host of an authority, and tells whether it has a port of its own.
    fn parse(text: &str, default_port: u16) -> Result<(Self, bool)> {
        let (name, port) = match text.strip_prefix('[').map(|text| text.split_once(']')) {
            Some(Some((ip, port))) => {
                let ip: Ipv6Addr =
                    ip.parse().map_err(|_| bad("the host in brackets must be an IPv6 address"))?;
                let port = match port.strip_prefix(':') {
                    Some(port) => Some(port),
                    None if port.is_empty() => None,
                    None => return Err(bad("only `:` and a port may follow the host's bracket")),
                };
                (Zeroizing::new(ip.to_string()), port)
            }
            Some(None) => return Err(bad("the host lacks a closing bracket")),
            None => match text.split_once(':') {
                Some((name, port)) => (decoded("the host", name)?, Some(port)),
                None => (decoded("the host", text)?, None),
            },
        };
        let number = port.map_or(Ok(default_port), parsed_port)?;
        Ok((Self::named(&name, number)?, port.is_some()))
    }

    /// A host by its name or address, or by the absolute path of a socket.
    fn named(name: &str, port: u16) -> Result<Self> {
        let is_socket = name.starts_with('/');
        if name.is_empty() || (!is_socket && name.contains('/')) {
            return Err(bad(
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

    /// Whether connections to it do not leave the machine.
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
            (Some(_), None) => return Err(bad("`sslcert` needs `sslkey`")),
            (None, Some(_)) => return Err(bad("`sslkey` needs `sslcert`")),
        };
        let has_files = authorities.is_some() || identity.is_some();
        let mode = parameters.take("sslmode");
        let verification = match mode.as_ref().map(|mode| mode.as_str()) {
            None if !has_files && hosts.iter().all(Host::is_local) => return Ok(None),
            Some("disable") if has_files => {
                return Err(bad("`sslmode` is disable: no other ssl parameter has an effect"));
            }
            Some("disable") => return Ok(None),
            Some("require") if authorities.is_some() => {
                return Err(bad(
                    "`sslmode` is require, which ignores `sslrootcert`: use verify-ca or \
                     verify-full",
                ));
            }
            Some("require") => Verification::Nothing,
            // Anyone can have a certificate that some well-known authority signed.
            Some("verify-ca") if authorities.is_none() => {
                return Err(bad("`sslmode` is verify-ca, which needs `sslrootcert`"));
            }
            Some("verify-ca") => Verification::Authority,
            None | Some("verify-full") => Verification::Name,
            Some(_) => {
                return Err(bad("`sslmode` must be disable, require, verify-ca or verify-full"));
            }
        };
        if hosts.iter().any(|host| host.socket.is_some()) {
            return Err(bad("a socket has no TLS: `sslmode` must be disable, without other files"));
        }
        Ok(Some(Self { verification, authorities, identity }))
    }
}

const FRAGMENT: &str = "a fragment has no meaning (write # as %23)";

fn parsed_port(text: &str) -> Result<u16> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|port| is_number && *port != 0);
    port.ok_or_else(|| bad("`port` must be an integer from 1 to 65535"))
}

/// Percent-decodes a part of an address.
fn decoded(name: &str, text: &str) -> Result<Zeroizing<String>> {
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(bad(format!(
            "{name} must not contain white space or control characters (write a space as %20)"
        )));
    }
    let is_escape = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !text.split('%').skip(1).all(is_escape) {
        return Err(bad(format!("two hexadecimal digits must follow % in {name}")));
    }
    match percent_decode_str(text).decode_utf8() {
        Ok(text) if text.contains('\0') => Err(bad(format!("{name} must not contain a NUL"))),
        Ok(text) => Ok(Zeroizing::new(text.into_owned())),
        Err(_) => Err(bad(format!("{name} must be UTF-8"))),
    }
}

fn feature(is_there: bool, name: &'static str) -> Result<()> {
    if is_there {
        return Ok(());
    }
    let message = format!("this build has no driver for it: the cargo feature {name} is missing");
    Err(Error::new(ErrorKind::Unsupported, message).at_argument(Argument::Location))
}

fn bad(why: impl fmt::Display) -> Error {
    Error::invalid(Argument::Location, format!("location is not a database's address: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        let error = Address::parse(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{text}");
        assert_eq!(error.argument(), Some(Argument::Location), "{text}");
        error.message().to_owned()
    }

    #[test]
    fn sqlite_path_that_is_not_absolute_is_refused() {
        for (text, why) in [
            ("reviewboard+sqlite:reviewboard.db", "must be absolute and follow `://`"),
            ("reviewboard+sqlite:/srv/reviewboard.db", "must be absolute and follow `://`"),
            ("reviewboard+sqlite://reviewboard.db", "must be absolute and follow `://`"),
            ("reviewboard+sqlite://localhost/srv/rb.db", "must be absolute and follow `://`"),
            ("reviewboard+sqlite://./reviewboard.db", "must be absolute and follow `://`"),
            ("reviewboard+sqlite:", "must be absolute and follow `://`"),
            ("REVIEWBOARD+SQLITE:reviewboard.db", "must be absolute and follow `://`"),
            ("reviewboard+sqlite:///srv/rb.db?mode=ro", "takes no parameters"),
            ("reviewboard+sqlite:///srv/rb.db#x", "a fragment has no meaning"),
            ("reviewboard+sqlite:///srv/my board.db", "must not contain white space"),
            ("reviewboard+sqlite:///", "must not be empty"),
            ("reviewboard+sqlite:///a%00b", "must not contain a NUL"),
            ("reviewboard+sqlite:///%ff", "must be UTF-8"),
            ("reviewboard+sqlite:///a%2", "two hexadecimal digits must follow %"),
        ] {
            assert!(refusal(text).contains(why), "{text}: {}", refusal(text));
        }
        let Ok(Address::Sqlite(path)) = Address::parse("Reviewboard+SQLite:///srv/a%20b+%23.db")
        else {
            panic!("an absolute path was refused");
        };
        assert_eq!(path, PathBuf::from("/srv/a b+#.db"));
    }

    #[test]
    fn build_without_a_driver_names_the_feature() {
        for (there, scheme, name) in [
            (cfg!(feature = "postgres"), "postgresql", "postgres"),
            (cfg!(feature = "mysql"), "mysql", "mysql"),
            (cfg!(feature = "mysql"), "mariadb", "mysql"),
        ] {
            let parsed = Address::parse(&format!("{scheme}://u@localhost/d"));
            assert_eq!(parsed.is_ok(), there);
            if let Err(error) = parsed {
                assert_eq!(error.kind(), ErrorKind::Unsupported);
                assert!(error.message().contains(name));
            }
        }
    }

    #[cfg(all(feature = "postgres", feature = "mysql"))]
    mod servers {
        use super::*;

        fn server(text: &str) -> Server {
            match Address::parse(text) {
                Ok(Address::Postgres(server) | Address::Mysql(server)) => server,
                other => panic!("{text}: {other:?}"),
            }
        }

        fn verification(text: &str) -> Option<Verification> {
            server(text).tls.map(|tls| tls.verification)
        }

        #[test]
        fn address_is_decoded_and_its_password_never_printed() {
            let text = "postgresql://re%40view:p%3As+s%2Fw%20d@db.example:5433/review%20board";
            let server = server(text);
            assert_eq!(server.user.as_deref(), Some("re@view"));
            assert_eq!(server.password.as_ref().unwrap().as_str(), "p:s+s/w d");
            assert_eq!(format!("{:?}", server.hosts), "[db.example:5433]");
            assert_eq!(server.database, "review board");
            let printed = format!("{server:?}");
            assert!(!printed.contains("p:s") && !printed.contains("p%3A"), "{printed}");
            for wrong in [
                "postgresql://u:s3cret@h:x/d",
                "postgresql://u@h:s3cret/d",
                "postgresql://u:s3cret/d",
                "postgresql://u@h/d?sslmode=s3cret",
                "postgresql://u@h/d?s3cret=1",
                "postgresql://u@h/d?password=s3cret&password=s3cret",
                "postgresql://u:s3cret@h/d?pooler=s3cret",
                "postgresql://u:s3cret x@h/d",
                "postgresql://u:s3cret@h/d#s3cret",
                "postgresql://[s3cret]/d",
            ] {
                let error = Address::parse(wrong).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidArgument);
                assert!(!format!("{error} {error:?}").contains("s3cret"), "{wrong}");
            }
        }

        #[test]
        fn scheme_of_each_server_is_known_in_either_case() {
            for (text, port) in [
                ("postgresql://u@h/db", 5432),
                ("postgres://u@h/db", 5432),
                ("PostgreSQL://u@h/db", 5432),
                ("mysql://u@h/db", 3306),
                ("mariadb://u@h/db", 3306),
                ("MariaDB://u@h/db", 3306),
            ] {
                assert_eq!(server(text).hosts[0].port, port, "{text}");
            }
            let mariadb = Address::parse("mariadb://u:p@h:1/db?sslmode=disable");
            assert!(matches!(mariadb, Ok(Address::Mysql(_))));
        }

        #[test]
        fn socket_takes_user_password_and_port() {
            for (text, socket, user, password, port) in [
                ("postgresql://root@/rb?host=/run/pg", "/run/pg", "root", None, 5432),
                ("postgresql://nat:s3@/rb?host=/run/pg", "/run/pg", "nat", Some("s3"), 5432),
                ("postgresql://nat:s3@:5433/rb?host=/run/pg", "/run/pg", "nat", Some("s3"), 5433),
                (
                    "postgresql:///rb?user=nat&password=s%26&port=6432&host=/run/pg",
                    "/run/pg",
                    "nat",
                    Some("s&"),
                    6432,
                ),
                ("postgresql://nat@%2Frun%2Fpg:6432/rb", "/run/pg", "nat", None, 6432),
                ("mysql://nat:s3@/rb?socket=/run/m.sock", "/run/m.sock", "nat", Some("s3"), 3306),
                ("mariadb://nat@/rb?socket=/run/m.sock", "/run/m.sock", "nat", None, 3306),
                ("mysql://nat@:3307/rb?socket=/run/a+b.sock", "/run/a+b.sock", "nat", None, 3307),
                ("mysql:///rb?socket=/m%20y&user=nat", "/m y", "nat", None, 3306),
            ] {
                let server = server(text);
                assert_eq!(server.hosts[0].socket, Some(PathBuf::from(socket)), "{text}");
                assert_eq!(server.hosts[0].port, port, "{text}");
                assert_eq!(server.user.as_deref(), Some(user), "{text}");
                assert_eq!(server.password.as_ref().map(|it| it.as_str()), password, "{text}");
                assert_eq!(server.database, "rb");
                assert!(server.tls.is_none());
            }
        }

        #[test]
        fn parameter_that_is_given_twice_is_named() {
            for (text, name) in [
                ("postgresql://u@h/db?sslmode=verify-full&sslmode=disable", "`sslmode`"),
                ("postgresql://u@h/db?sslmode=disable&sslmode=disable", "`sslmode`"),
                ("postgresql:///db?host=/a&host=/b", "`host`"),
                ("postgresql://u@h/db?user=v", "`user`"),
                ("postgresql://u:p@h/db?password=q", "`password`"),
                ("postgresql://u@h:1/db?port=2", "`port`"),
                ("postgresql://u@:1/db?host=/a&port=1", "`port`"),
                ("postgresql://u@h/db?pooler=transaction&pooler=transaction", "`pooler`"),
                ("mysql:///db?socket=/a&socket=/b", "`socket`"),
                (
                    "mysql://u@h/db?sslrootcert=/a&sslmode=verify-full&sslrootcert=/b",
                    "`sslrootcert`",
                ),
            ] {
                let why = refusal(text);
                assert!(why.contains(name) && why.contains("twice"), "{text}: {why}");
            }
        }

        #[test]
        fn fragment_is_refused() {
            for text in [
                "postgresql://u@h/db#x",
                "postgresql://u@h/db#",
                "postgresql://u@h/db?sslmode=disable#x",
                "postgresql://u:p#q@h/db",
                "mysql://u@h/db#sslmode=verify-full",
            ] {
                assert!(refusal(text).contains("a fragment has no meaning"), "{text}");
            }
            assert_eq!(server("mysql://u:p%23q@h/db").password.unwrap().as_str(), "p#q");
        }

        #[test]
        fn white_space_is_refused_where_it_is() {
            for (text, name) in [
                ("postgresql://u@h/my db", "the database"),
                ("postgresql://u@h/db ", "the database"),
                ("postgresql://u@h/db\n", "the database"),
                ("postgresql://u @h/db", "user"),
                ("postgresql://u:p\tq@h/db", "password"),
                ("postgresql://u@ h/db", "the host"),
                ("postgresql://u@h\u{a0}/db", "the host"),
                ("postgresql://u@h: 5432/db", "`port`"),
                ("postgresql://u@h/db?sslrootcert=/my ca.pem", "sslrootcert"),
                ("postgresql://u@h/db?sslmode=verify-full\n", "sslmode"),
                ("mysql:///db?socket=/run/\u{2003}x", "socket"),
                ("postgresql://u@h/db? sslmode=disable", "unknown parameter"),
                (" postgresql://u@h/db", "unknown URL scheme"),
                ("postgresql: //u@h/db", "`//` must follow"),
            ] {
                assert!(refusal(text).contains(name), "{text}: {}", refusal(text));
            }
        }

        #[test]
        fn other_malformed_addresses_name_the_part() {
            for (text, name) in [
                ("postgresql:u@h/db", "`//` must follow"),
                ("mysql:db", "`//` must follow"),
                ("postgresql://u@h", "the database"),
                ("postgresql://u@h/", "the database"),
                ("postgresql://u@h/a/b", "the database"),
                ("postgresql://u@/db", "a host or `host`"),
                ("mysql://u@/db", "a host or `socket`"),
                ("postgresql://u@h/db?host=/run", "the host and `host`"),
                ("postgresql://u@h/db?socket=/run", "unknown parameter"),
                ("mysql://u@h/db?pooler=transaction", "unknown parameter"),
                ("postgresql://u@h/db?SSLMODE=disable", "unknown parameter"),
                ("postgresql://u@h/db?sslmode", "`sslmode` must not be empty"),
                ("postgresql://u@h/db?sslmode=prefer", "`sslmode` must be"),
                ("postgresql://u@h:0/db", "`port` must be"),
                ("postgresql://u@h:+1/db", "`port` must be"),
                ("postgresql://u@h:/db", "`port` must be"),
                ("postgresql://u@h,/db", "the host must be"),
                ("postgresql://u@::1/db", "`port` must be"),
                ("postgresql://u@[::1/db", "closing bracket"),
                ("mysql:///db?socket=run/m.sock", "`socket` must be"),
                ("postgresql:///db?host=run/pg", "the host must be"),
                ("postgresql://u@h/db?pooler=session", "`pooler` must be"),
                ("postgresql://u@h/db?target_session_attrs=standby", "`target_session_attrs`"),
                ("postgresql://u@h/db?sslcert=/c", "`sslkey`"),
                ("postgresql://u@h/db?sslkey=/k", "`sslcert`"),
                ("postgresql://u@h/db?sslmode=verify-ca", "`sslrootcert`"),
                ("postgresql://u@h/db?sslmode=require&sslrootcert=/a", "`sslrootcert`"),
                ("postgresql://u@h/db?sslmode=disable&sslrootcert=/a", "`sslmode`"),
                ("postgresql:///db?host=/run&sslmode=require", "`sslmode`"),
            ] {
                assert!(refusal(text).contains(name), "{text}: {}", refusal(text));
            }
        }

        #[test]
        fn server_elsewhere_is_verified_unless_told_otherwise() {
            use Verification::{Authority, Name, Nothing};
            for (text, expected) in [
                ("postgresql://u@db.example/d", Some(Name)),
                ("postgresql://u@localhost.example/d", Some(Name)),
                ("postgresql://u@128.0.0.1/d", Some(Name)),
                ("postgresql://u@localhost,db.example/d", Some(Name)),
                ("postgresql://u@localhost/d?sslrootcert=/a", Some(Name)),
                ("postgresql://u@localhost/d?sslmode=verify-full", Some(Name)),
                ("mysql://u@db.example/d?sslcert=/c&sslkey=/k", Some(Name)),
                ("mysql://u@db.example/d?sslmode=verify-ca&sslrootcert=/a", Some(Authority)),
                ("mysql://u@db.example/d?sslmode=require", Some(Nothing)),
                ("postgresql://u@db.example/d?sslmode=disable", None),
                ("postgresql:///d?host=/run/postgresql", None),
                ("postgresql://u@localhost/d", None),
                ("postgresql://u@LOCALHOST/d", None),
                ("mysql://u@LocalHost:3307/d", None),
                ("postgresql://u@LOCALHOST,localhost:5433/d", None),
                ("postgresql://u@127.0.0.2/d", None),
                ("postgresql://u@[::1]/d", None),
                ("postgresql://u@[::ffff:127.0.0.1]:5433/d", None),
                ("mysql://u@%6Cocalhost/d", None),
            ] {
                assert_eq!(verification(text), expected, "{text}");
            }
        }

        #[test]
        fn several_hosts_are_kept_in_order() {
            let text = "postgresql://u@a:1,[::2]:2,b/d?target_session_attrs=read-write";
            let server = server(text);
            assert_eq!(format!("{:?}", server.hosts), "[a:1, ::2:2, b:5432]");
            assert!(server.needs_writes);
            // One of several may be a standby.
            assert!(self::server("postgresql://u@a,b/d").needs_writes);
            assert!(!self::server("postgresql://u@a/d").needs_writes);
            let text = "mysql://u@a,b/d?port=3307&target_session_attrs=any&sslmode=disable";
            let Ok(Address::Mysql(server)) = Address::parse(text) else { panic!("refused") };
            assert_eq!(format!("{:?}", server.hosts), "[a:3307, b:3307]");
            assert!(!server.needs_writes);
        }
    }
}
