//! The sockets of one transaction. They are closed with it.

use super::gate::Gate;
use super::{failed, named};
use engine::errand::{ErrandError, Report};
use engine::limits;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

/// TCP connections of one transaction.
const PER_TRANSACTION_MAX: usize = 16;
/// Bytes asked of a socket at once.
const PIECE_BYTES: usize = 64 << 10;

/// Connections by number, from 1.
#[derive(Default)]
pub(crate) struct Sockets {
    open: Vec<(u32, TcpStream)>,
    opened: u32,
}

impl Sockets {
    pub(crate) fn has_room(&self) -> Result<(), ErrandError> {
        if self.open.len() < PER_TRANSACTION_MAX {
            return Ok(());
        }
        let text = format!("a transaction has at most {PER_TRANSACTION_MAX} sockets; close one first");
        Err(ErrandError::TooMuch(text))
    }

    pub(crate) fn keep(&mut self, stream: TcpStream) -> u32 {
        self.opened += 1;
        self.open.push((self.opened, stream));
        self.opened
    }

    pub(crate) fn close(&mut self, socket: u32) -> Result<Report, ErrandError> {
        let at = self.open.iter().position(|(number, _)| *number == socket);
        self.open.swap_remove(at.ok_or(ErrandError::NoSocket(socket))?);
        Ok(Report::Done)
    }

    pub(crate) async fn read(&mut self, socket: u32, bytes_max: usize) -> Result<Report, ErrandError> {
        let stream = self.stream(socket)?;
        let bytes_max = bytes_max.min(limits::ERRAND_ANSWER_BYTES_MAX);
        let mut piece = vec![0; bytes_max.min(PIECE_BYTES)];
        // One read that waits, then what is there already.
        let count = stream.read(&mut piece).await.map_err(failed)?;
        let mut data = piece[..count].to_vec();
        while !data.is_empty() && data.len() < bytes_max {
            let room = (bytes_max - data.len()).min(piece.len());
            match stream.try_read(&mut piece[..room]) {
                Ok(count) if count > 0 => data.extend_from_slice(&piece[..count]),
                _ => break,
            }
        }
        Ok(Report::Read(data))
    }

    pub(crate) async fn write(&mut self, socket: u32, data: &[u8]) -> Result<Report, ErrandError> {
        let stream = self.stream(socket)?;
        stream.write_all(data).await.map_err(failed)?;
        Ok(Report::Written(data.len()))
    }

    fn stream(&mut self, socket: u32) -> Result<&mut TcpStream, ErrandError> {
        let found = self.open.iter_mut().find(|(number, _)| *number == socket);
        found.map(|(_, stream)| stream).ok_or(ErrandError::NoSocket(socket))
    }
}

/// Sends one datagram to the first of the addresses that may be gone to.
pub(crate) async fn send(
    gate: &Gate<'_>,
    host: &str,
    (addresses, port): (&[IpAddr], u16),
    data: &[u8],
) -> Result<Report, ErrandError> {
    let mut first_failure = None;
    for address in addresses {
        let address = SocketAddr::new(address.to_canonical(), port);
        let sent = match gate.judge(host, address).await {
            Ok(()) => send_to(address, data).await,
            Err(refused) => Err(refused),
        };
        match sent {
            Ok(()) => return Ok(Report::Done),
            Err(error) => first_failure = first_failure.or(Some(error)),
        }
    }
    Err(first_failure.unwrap_or_else(|| ErrandError::Unresolved(host.to_owned())))
}

async fn send_to(address: SocketAddr, data: &[u8]) -> Result<(), ErrandError> {
    let any: IpAddr =
        if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await.map_err(failed)?;
    socket.send_to(data, address).await.map_err(|error| named(address, &error))?;
    Ok(())
}
