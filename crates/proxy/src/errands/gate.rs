//! The last judgement before a packet leaves: on the address itself.

use super::named;
use engine::Catalog;
use engine::catalog::Refusal;
use engine::errand::ErrandError;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use tokio::net::{TcpStream, UdpSocket};

/// The ports that the process itself listens on, for clients and for operators.
#[derive(Default)]
pub(crate) struct Own(Mutex<BTreeSet<u16>>);

impl Own {
    /// From now on no rule goes there. A port stays listed after its listener is gone: it may come back.
    pub(crate) fn add(&self, port: u16) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(port);
    }

    fn has(&self, port: u16) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&port)
    }
}

/// What an errand may go to.
pub(crate) struct Gate<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) own: &'a Own,
}

impl Gate<'_> {
    /// Whether a rule that said `host` may go to this address.
    pub(crate) async fn judge(&self, host: &str, address: SocketAddr) -> Result<(), ErrandError> {
        let judged = self.catalog.outgoing.judge(host, address);
        if let Err(never @ Refusal::Never(_)) = &judged {
            return Err(refused(never, host, address));
        }
        let admin = self.catalog.admin.map(|admin| admin.listen);
        let mut listens = self.catalog.listeners().into_iter().chain(admin);
        let is_own_port =
            self.own.has(address.port()) || listens.any(|listener| listener.port() == address.port());
        if is_own_port && is_this_machine(address).await {
            return Err(refused(&Refusal::OWN, host, address));
        }
        // Last, because it says what would allow the address, and nothing allows the ones above.
        judged.map_err(|refusal| refused(&refusal, host, address))
    }

    /// A connection to the first of the addresses that may be gone to and answers.
    pub(crate) async fn connect(
        &self,
        host: &str,
        addresses: &[IpAddr],
        port: u16,
    ) -> Result<TcpStream, ErrandError> {
        let mut first_failure = None;
        for address in addresses {
            let address = SocketAddr::new(address.to_canonical(), port);
            let connected = match self.judge(host, address).await {
                Ok(()) => TcpStream::connect(address).await.map_err(|error| named(address, &error)),
                Err(refused) => Err(refused),
            };
            match connected {
                Ok(stream) => {
                    // Small requests should not wait for company; a socket that cannot be told works all the same.
                    let _told = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Err(error) => first_failure = first_failure.or(Some(error)),
            }
        }
        Err(first_failure.unwrap_or_else(|| ErrandError::Unresolved(host.to_owned())))
    }
}

fn refused(refusal: &Refusal, host: &str, address: SocketAddr) -> ErrandError {
    let ErrandError::Refused(text) = ErrandError::refused(refusal, host, address.port()) else {
        return ErrandError::Unresolved(host.to_owned());
    };
    let ip = address.ip().to_string();
    // The name alone would not tell why: what it led to was judged.
    ErrandError::Refused(if ip == host { text } else { format!("{text} (it is {ip})") })
}

/// Whether packets to this address stay here. The system is asked which address of ours they would leave from; no
/// packet is sent for that.
async fn is_this_machine(address: SocketAddr) -> bool {
    if address.ip().is_loopback() {
        return true;
    }
    let any: IpAddr =
        if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let leaves_from = async {
        let socket = UdpSocket::bind((any, 0)).await.ok()?;
        socket.connect(address).await.ok()?;
        socket.local_addr().ok()
    };
    // An address that cannot be reached is none of ours.
    leaves_from.await.is_some_and(|ours| ours.ip() == address.ip())
}
