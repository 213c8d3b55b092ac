//! Where a database is, as its URL says.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use parking_lot::Mutex;
use percent_encoding::percent_decode_str;
use url::{Host, Url};
use zeroize::Zeroizing;

#[cfg(any(feature = "postgres", feature = "mysql"))]
use super::fault::Fault;
use crate::error::{Argument, Error, ErrorKind, Result};

/// A database's address.
#[derive(Debug)]
pub(crate) enum Address {
    Sqlite(PathBuf),
    Postgres(Server),
    Mysql(Server),
}

/// Where a server is, and who asks.
pub(crate) struct Server {
    pub host: String,
    pub port: u16,
    /// A Unix socket, or for PostgreSQL the folder of it, instead of host and port.
    pub socket: Option<PathBuf>,
    pub user: Option<String>,
    pub password: Option<Zeroizing<String>>,
    pub database: String,
    pub tls: Option<Tls>,
    /// The address of the host that was good last: a connection need not wait for its look-up.
    pub last_ip: Mutex<Option<IpAddr>>,
}

/// TLS with a server whose certificate must be good for its name.
#[derive(Debug)]
pub(crate) struct Tls {
    /// The authorities that are trusted, as PEM; none are the well-known ones.
    pub authorities: Option<PathBuf>,
}

/// The password is nobody's to print.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("socket", &self.socket)
            .field("user", &self.user)
            .field("database", &self.database)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

impl Address {
    /// Reads an address:
    ///
    /// - `reviewboard+sqlite:///path`
    /// - `postgresql://user:password@host:port/database?sslmode=…&sslrootcert=…&host=…`
    /// - `mysql://user:password@host:port/database?sslmode=…&sslrootcert=…&socket=…`
    ///
    /// `sslmode` is `verify-full`, or `disable`, which is what a loopback host or a socket has
    /// unless told otherwise. No error quotes any part of the address.
    ///
    /// # Errors
    /// `InvalidArgument` for what is no such address; `Unsupported` for a database that this build
    /// has no driver for.
    pub fn parse(text: &str) -> Result<Self> {
        let url = Url::parse(text).map_err(|_| bad("it is not a URL"))?;
        match url.scheme() {
            "reviewboard+sqlite" => {
                feature(cfg!(feature = "sqlite"), "sqlite")?;
                Self::file(&url)
            }
            "postgresql" | "postgres" => {
                feature(cfg!(feature = "postgres"), "postgres")?;
                Server::parse(&url, 5432, "host").map(Self::Postgres)
            }
            "mysql" => {
                feature(cfg!(feature = "mysql"), "mysql")?;
                Server::parse(&url, 3306, "socket").map(Self::Mysql)
            }
            _ => Err(bad("its scheme is not that of a database")),
        }
    }

    fn file(url: &Url) -> Result<Self> {
        let has_server = url.host_str().is_some_and(|host| !host.is_empty());
        if has_server || url.query().is_some() || url.fragment().is_some() {
            return Err(bad("behind reviewboard+sqlite:// stands a path and nothing else"));
        }
        let path = decoded(url.path())?;
        if path.len() < 2 {
            return Err(bad("it has no path"));
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
    }
}

impl Server {
    /// Connects to the host by its addresses, one after the other, until one answers. The names of
    /// hosts are looked up here, since drivers start threads for it.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(super) fn at_each_ip<T>(
        &self,
        mut connect: impl FnMut(IpAddr) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        use std::net::ToSocketAddrs;

        let mut fault = Fault::Lost("the host has no address".to_owned());
        let known = *self.last_ip.lock();
        if let Some(ip) = known {
            match connect(ip) {
                Err(gone) if gone.is_gone() => {
                    *self.last_ip.lock() = None;
                    fault = gone;
                }
                done => return done,
            }
        }
        let found = ToSocketAddrs::to_socket_addrs(&(self.host.as_str(), self.port));
        let found = found.map_err(|error| Fault::Lost(error.to_string()))?;
        for ip in found.map(|address| address.ip()).filter(|ip| known != Some(*ip)) {
            match connect(ip) {
                Err(gone) if gone.is_gone() => fault = gone,
                done => {
                    if done.is_ok() {
                        *self.last_ip.lock() = Some(ip);
                    }
                    return done;
                }
            }
        }
        Err(fault)
    }

    fn parse(url: &Url, default_port: u16, socket_parameter: &str) -> Result<Self> {
        let (mut socket, mut mode, mut authorities) = (None, None, None);
        for (name, value) in url.query_pairs() {
            match &*name {
                "sslmode" => mode = Some(value.into_owned()),
                "sslrootcert" => authorities = Some(PathBuf::from(value.into_owned())),
                name if name == socket_parameter => {
                    socket = Some(PathBuf::from(value.into_owned()));
                }
                _ => return Err(bad("it has a parameter that is not known")),
            }
        }
        let host = match url.host() {
            Some(Host::Domain(name)) => decoded(name)?,
            Some(Host::Ipv4(ip)) => ip.to_string(),
            Some(Host::Ipv6(ip)) => ip.to_string(),
            None => String::new(),
        };
        if host.is_empty() == socket.is_none() {
            return Err(bad("it names either a host or a socket"));
        }
        let is_here = socket.is_some()
            || host == "localhost"
            || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        let verifies = match mode.as_deref() {
            None => !is_here || authorities.is_some(),
            Some("disable") => false,
            Some("verify-full") => true,
            Some(_) => return Err(bad("its sslmode is neither disable nor verify-full")),
        };
        if socket.is_some() && verifies {
            return Err(bad("a socket has no TLS"));
        }
        let user = decoded(url.username())?;
        let database = decoded(url.path().trim_start_matches('/'))?;
        if database.is_empty() {
            return Err(bad("it names no database"));
        }
        Ok(Self {
            host,
            port: url.port().unwrap_or(default_port),
            socket,
            user: Some(user).filter(|user| !user.is_empty()),
            password: url
                .password()
                .map(|password| decoded(password).map(Zeroizing::new))
                .transpose()?,
            database,
            tls: verifies.then_some(Tls { authorities }),
            last_ip: Mutex::default(),
        })
    }
}

fn decoded(text: &str) -> Result<String> {
    let text = percent_decode_str(text).decode_utf8();
    let text = text.map_err(|_| bad("an escape in it is not UTF-8"))?;
    if text.contains('\0') {
        return Err(bad("it contains a NUL"));
    }
    Ok(text.into_owned())
}

fn feature(is_there: bool, name: &'static str) -> Result<()> {
    if is_there {
        return Ok(());
    }
    let message = format!("this build has no driver for it: the cargo feature {name} is missing");
    Err(Error::new(ErrorKind::Unsupported, message).at_argument(Argument::Location))
}

fn bad(why: &'static str) -> Error {
    Error::invalid(Argument::Location, format!("this is no address of a database: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "postgres")]
    fn server(text: &str) -> Server {
        match Address::parse(text) {
            Ok(Address::Postgres(server)) => server,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    #[cfg(feature = "postgres")]
    fn an_address_is_percent_decoded_and_its_password_never_printed() {
        let text = "postgresql://re%40view:p%3Ass%2Fword@db.example:5433/review%20board";
        let server = server(text);
        assert_eq!(server.user.as_deref(), Some("re@view"));
        assert_eq!(server.password.as_ref().unwrap().as_str(), "p:ss/word");
        assert_eq!((server.host.as_str(), server.port), ("db.example", 5433));
        assert_eq!(server.database, "review board");
        let printed = format!("{server:?}");
        assert!(!printed.contains("p:ss") && !printed.contains("p%3A"), "{printed}");
        for wrong in ["postgresql://u:s3cret@h:x/d", "postgresql://u:s3cret@h/d?sslmode=s3cret"] {
            let error = Address::parse(wrong).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(!format!("{error} {error:?}").contains("s3cret"));
        }
    }

    #[test]
    #[cfg(feature = "postgres")]
    fn a_server_elsewhere_is_verified_unless_told_otherwise() {
        assert!(server("postgresql://u@db.example/d").tls.is_some());
        assert!(server("postgresql://u@db.example/d?sslmode=disable").tls.is_none());
        for here in ["localhost", "127.0.0.1", "[::1]"] {
            assert!(server(&format!("postgresql://u@{here}/d")).tls.is_none());
            assert!(server(&format!("postgresql://u@{here}/d?sslmode=verify-full")).tls.is_some());
        }
        assert!(server("postgresql:///d?host=/run/postgresql").tls.is_none());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for wrong in [
            "reviewboard+sqlite://host/path",
            "reviewboard+sqlite:///path?mode=ro",
            "reviewboard+sqlite:///",
            "reviewboard+sqlite:///a%00b",
            "reviewboard+sqlite:///%ff",
        ] {
            let error = Address::parse(wrong).unwrap_err();
            assert_eq!(error.argument(), Some(Argument::Location), "{wrong}");
        }
    }

    #[test]
    fn a_build_without_a_driver_names_the_feature() {
        for (there, scheme, name) in [
            (cfg!(feature = "postgres"), "postgresql", "postgres"),
            (cfg!(feature = "mysql"), "mysql", "mysql"),
        ] {
            let parsed = Address::parse(&format!("{scheme}://u@localhost/d"));
            assert_eq!(parsed.is_ok(), there);
            if let Err(error) = parsed {
                assert_eq!(error.kind(), ErrorKind::Unsupported);
                assert!(error.message().contains(name));
            }
        }
    }
}
