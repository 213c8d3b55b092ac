//! Which host of a server is connected to.

use std::net::{IpAddr, ToSocketAddrs};
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::address::{Host, Server};
use super::fault::Fault;
use super::limits::Limits;
use super::pool::Attempt;

impl Server {
    /// Connects to the first host that can be reached and accepts the connection, by one of its
    /// addresses. Names are resolved here, since drivers start threads for it. The timeout bounds
    /// each address, the setup of the session included.
    pub(super) fn at_each_host<T>(
        &self,
        attempt: &Attempt<'_>,
        connect_timeout: Duration,
        mut connect: impl FnMut(&Host, Option<IpAddr>, &Limits) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut connect = |host: &Host, ip| {
            let limits = attempt.limits.of_connect(connect_timeout);
            connect(host, ip, &limits).map_err(|fault| {
                let fault = limits.connect_fault(&attempt.limits, fault);
                if matches!(fault, Fault::Silent { .. }) {
                    (attempt.give_up)();
                }
                fault
            })
        };
        let first = self.last_host.load(Ordering::Relaxed);
        let hosts = self.hosts.iter().enumerate().cycle().skip(first).take(self.hosts.len());
        let mut failure = Fault::Lost("there is no host".to_owned());
        for (index, host) in hosts {
            let connected = match host.socket {
                Some(_) => connect(host, None),
                None => host.at_each_ip(|ip| connect(host, Some(ip))),
            };
            match connected {
                Err(fault) if fault.is_gone() => failure = fault,
                Err(fault) => return Err(fault),
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
    fn at_each_ip<T>(
        &self,
        mut connect: impl FnMut(IpAddr) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
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
        let found = ToSocketAddrs::to_socket_addrs(&(self.name.as_str(), self.port));
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
}
