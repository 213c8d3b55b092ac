//! Selects the host of a server to connect to.

use std::net::{IpAddr, ToSocketAddrs};
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::address::{Host, Server};
use super::limits::Limits;
use super::pool::Attempt;
use super::sql_error::SqlError;

impl Server {
    /// Connects to the first host that is reachable and accepts the connection, trying each of its
    /// IP addresses. Names are resolved here, since drivers would start threads for it. The timeout
    /// limits each attempt, including the setup of the session. If other hosts are left, an attempt
    /// is also limited to its share of the call's time. A host that did not respond is tried last
    /// by the next call.
    pub(super) fn connect_first_host<T>(
        &self,
        attempt: &Attempt<'_>,
        connect_timeout: Duration,
        mut connect: impl FnMut(&Host, Option<IpAddr>, &Limits) -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        let mut connect = |host: &Host, ip, left| {
            let limits = attempt.limits.of_connect(connect_timeout, left);
            connect(host, ip, &limits).map_err(|error| {
                let error = limits.connect_error(&attempt.limits, error);
                if matches!(error, SqlError::Silent { .. }) {
                    (attempt.abandon)();
                }
                error
            })
        };
        let first = self.last_host.load(Ordering::Relaxed);
        let hosts = self.hosts.iter().enumerate().cycle().skip(first).take(self.hosts.len());
        let mut failure = SqlError::Lost("no host is given".to_owned());
        for (tried, (index, host)) in hosts.enumerate() {
            let others = self.hosts.len() - tried - 1;
            let connected = match host.socket {
                Some(_) => connect(host, None, others + 1),
                None => host.connect_first_ip(|ip, left| connect(host, Some(ip), others + left)),
            };
            if matches!(connected, Err(SqlError::Silent { .. } | SqlError::TimedOut)) {
                self.last_host.store((index + 1) % self.hosts.len(), Ordering::Relaxed);
            }
            match connected {
                Err(error) if error.is_connection_dead() => failure = error,
                Err(error) => return Err(error),
                Ok(connection) => {
                    self.last_host.store(index, Ordering::Relaxed);
                    return Ok(connection);
                }
            }
        }
        Err(failure)
    }
}

impl Host {
    /// Connects to the first IP address that accepts the connection. `connect` gets each address
    /// and the number of attempts left, including this one.
    fn connect_first_ip<T>(
        &self,
        mut connect: impl FnMut(IpAddr, usize) -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        let mut error = SqlError::Lost("the host has no address".to_owned());
        let known = *self.last_ip.lock();
        if let Some(ip) = known {
            // The name may resolve to another address now.
            let connected = connect(ip, 2);
            if connected.is_err() {
                *self.last_ip.lock() = None;
            }
            match connected {
                Err(dead) if dead.is_connection_dead() => error = dead,
                done => return done,
            }
        }
        let found = ToSocketAddrs::to_socket_addrs(&(self.name.as_str(), self.port));
        let found = found.map_err(|error| SqlError::Lost(error.to_string()))?;
        let found: Vec<_> =
            found.map(|address| address.ip()).filter(|ip| known != Some(*ip)).collect();
        for (tried, ip) in found.iter().copied().enumerate() {
            match connect(ip, found.len() - tried) {
                Err(dead) if dead.is_connection_dead() => error = dead,
                done => {
                    if done.is_ok() {
                        *self.last_ip.lock() = Some(ip);
                    }
                    return done;
                }
            }
        }
        Err(error)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::super::address::Address;
    use super::*;

    const SCHEME: &str = if cfg!(feature = "postgres") { "postgresql" } else { "mysql" };
    const TIMEOUT: Duration = Duration::from_secs(60);

    fn server(hosts: &str) -> Server {
        match Address::parse(&format!("{SCHEME}://{hosts}/reviewboard?sslmode=require")).unwrap() {
            Address::Postgres(server) | Address::Mysql(server) => server,
            Address::Sqlite(_) => unreachable!(),
        }
    }

    /// Tries the hosts of a server. Returns the result, the addresses tried, and the number of
    /// attempts that were abandoned.
    fn try_each<const N: usize>(
        server: &Server,
        outcomes: [Result<(), SqlError>; N],
    ) -> (Result<(), SqlError>, Vec<String>, usize) {
        try_within(TIMEOUT / 4, server, outcomes)
    }

    fn try_within<const N: usize>(
        connect_timeout: Duration,
        server: &Server,
        outcomes: [Result<(), SqlError>; N],
    ) -> (Result<(), SqlError>, Vec<String>, usize) {
        let (tried, abandoned) = (RefCell::new(Vec::new()), Cell::new(0));
        let abandon = || abandoned.set(abandoned.get() + 1);
        let limits = Limits::of_call(TIMEOUT, TIMEOUT);
        let attempt = Attempt { limits, abandon: &abandon };
        let mut outcomes = outcomes.into_iter();
        let outcome = server.connect_first_host(&attempt, connect_timeout, |_, ip, limits| {
            let is_last = tried.borrow().len() + 1 == server.hosts.len();
            assert!(limits.deadline < attempt.limits.deadline || is_last);
            tried.borrow_mut().push(ip.unwrap().to_string());
            outcomes.next().unwrap()
        });
        assert!(outcomes.next().is_none());
        (outcome, tried.take(), abandoned.get())
    }

    fn lost() -> Result<(), SqlError> {
        Err(SqlError::Lost("refused".into()))
    }

    fn silent() -> Result<(), SqlError> {
        Err(SqlError::Silent { is_overdue: false })
    }

    #[test]
    fn each_silent_host_is_abandoned() {
        let server = server("127.0.0.1,127.0.0.2,127.0.0.3");
        let (outcome, tried, abandoned) = try_each(&server, [silent(), lost(), silent()]);
        // Each attempt had its own deadline, before that of the call.
        assert!(matches!(outcome, Err(SqlError::Silent { is_overdue: true })));
        assert_eq!((tried.len(), abandoned), (3, 2));
        let (outcome, tried, abandoned) = try_each(&server, [silent(), Ok(())]);
        assert!(outcome.is_ok());
        assert_eq!((tried.last().unwrap().as_str(), abandoned), ("127.0.0.2", 1));
    }

    #[test]
    fn silent_host_leaves_time_for_others_in_a_short_call() {
        let server = server("127.0.0.1,127.0.0.2");
        let (outcome, tried, _) = try_within(2 * TIMEOUT, &server, [silent(), Ok(())]);
        assert!(outcome.is_ok());
        assert_eq!(tried, ["127.0.0.1", "127.0.0.2"]);
        let (outcome, ..) = try_within(2 * TIMEOUT, &server, [silent(), silent()]);
        assert!(outcome.is_err());
        // The last silent host is tried last by the next call.
        assert_eq!(try_each(&server, [Ok(())]).1, ["127.0.0.2"]);
    }

    #[test]
    fn last_good_host_is_tried_first() {
        let server = server("127.0.0.1,127.0.0.2,127.0.0.3");
        assert_eq!(try_each(&server, [lost(), Ok(())]).1, ["127.0.0.1", "127.0.0.2"]);
        assert_eq!(try_each(&server, [Ok(())]).1, ["127.0.0.2"]);
        let all = ["127.0.0.2", "127.0.0.3", "127.0.0.1"];
        assert_eq!(try_each(&server, [lost(), lost(), lost()]).1, all);
        // A host that rejects the account has responded.
        let refused = Err(SqlError::Refused("denied".into()));
        assert_eq!(try_each(&server, [refused]).1, ["127.0.0.2"]);
    }

    #[test]
    fn last_good_address_is_reused_without_resolving() {
        // A name that does not resolve.
        let server = server("rbtoken.invalid");
        *server.hosts[0].last_ip.lock() = Some([127, 0, 0, 7].into());
        let (outcome, tried, _) = try_each(&server, [Ok(())]);
        assert!(outcome.is_ok());
        assert_eq!(tried, ["127.0.0.7"]);
        // If the address fails, the name is resolved again.
        let (outcome, tried, _) = try_each(&server, [lost()]);
        assert!(matches!(outcome, Err(SqlError::Lost(why)) if why != "refused"));
        assert_eq!(tried, ["127.0.0.7"]);
        assert_eq!(*server.hosts[0].last_ip.lock(), None);
    }
}
