//! The TCP sockets of this network namespace, as the kernel tells them through netlink (`SOCK_DIAG`): what `ss -tmi`
//! shows, without `ss`. What they mean is decided in `analyser::pressure`.

use analyser::pressure::{SendTimes, Socket};
use anyhow::{Context, Result, bail};
use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkBuffer, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP, TCP_LISTEN};
use netlink_packet_sock_diag::inet::nlas::Nla;
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags};
use netlink_sys::{SocketAddr as KernelAddress, protocols::NETLINK_SOCK_DIAG};
use std::net::SocketAddr;

/// Sockets that are read; a machine with more has other troubles.
const SOCKETS_MAX: usize = 2_000_000;

/// Where `tcp_info` has its times: `busy_time`, `rwnd_limited`, `sndbuf_limited`, microseconds (Linux 4.10 and later; the
/// structure only ever grows at its end).
const BUSY_AT: usize = 168;
const CLIENT_SLOW_AT: usize = 176;
const BUFFER_SHORT_AT: usize = 184;

/// Which of the two forms of a socket's memory to ask for.
#[derive(Clone, Copy)]
enum Memory {
    /// `INET_DIAG_SKMEMINFO` with all nine numbers: Linux 4.7 and later.
    Full,
    /// `INET_DIAG_MEMINFO`, four numbers: what Virtuozzo 7 and CentOS 7 (3.10) have.
    Short,
}

/// Reads all TCP sockets, those that listen as well.
///
/// # Errors
/// When the kernel has no `SOCK_DIAG` (`CONFIG_INET_DIAG`), or does not let us ask.
pub(crate) fn read() -> Result<Vec<Socket>> {
    let mut sockets = Vec::new();
    for family in [AF_INET, AF_INET6] {
        match dump(family, Memory::Full, &mut sockets) {
            Ok(()) => {}
            Err(_) => dump(family, Memory::Short, &mut sockets)?,
        }
    }
    Ok(sockets)
}

/// Asks for the sockets of a family and reads the answer to its end.
fn dump(family: u8, memory: Memory, sockets: &mut Vec<Socket>) -> Result<()> {
    let asked = "cannot ask the kernel for its sockets (netlink SOCK_DIAG)";
    let mut link = netlink_sys::Socket::new(NETLINK_SOCK_DIAG).context(asked)?;
    link.bind_auto().context(asked)?;
    link.connect(&KernelAddress::new(0, 0)).context(asked)?;
    link.send(&request(family, memory), 0).context(asked)?;
    let before = sockets.len();
    loop {
        let (bytes, _) = link.recv_from_full().context(asked)?;
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let buffer = NetlinkBuffer::new_checked(rest).context("the kernel's answer is cut")?;
            let length = usize::try_from(buffer.length()).unwrap_or(usize::MAX);
            let message = NetlinkMessage::<SockDiagMessage>::deserialize(rest);
            // messages begin at multiples of four
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
            match message.map(|message| message.payload) {
                Ok(NetlinkPayload::Done(_)) => return Ok(()),
                Ok(NetlinkPayload::Error(error)) if error.code.is_some() => {
                    return Err(error.to_io()).context(asked);
                }
                Ok(NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response))) => {
                    if sockets.len() < SOCKETS_MAX {
                        sockets.push(socket(&response));
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    sockets.truncate(before);
                    bail!("the kernel's answer about a socket is not understood: {error}");
                }
            }
        }
    }
}

fn request(family: u8, memory: Memory) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let form = match memory {
        Memory::Full => ExtensionFlags::SKMEMINFO,
        Memory::Short => ExtensionFlags::MEMINFO,
    };
    let request = InetRequest {
        family,
        protocol: IPPROTO_TCP,
        extensions: form | ExtensionFlags::INFO,
        // what waits for its end holds nothing
        states: StateFlags::all().difference(StateFlags::TIME_WAIT),
        socket_id: if family == AF_INET { SocketId::new_v4() } else { SocketId::new_v6() },
    };
    let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

fn socket(response: &InetResponse) -> Socket {
    let id = &response.header.socket_id;
    let mut socket = Socket {
        local: SocketAddr::new(id.source_address, id.source_port),
        peer: SocketAddr::new(id.destination_address, id.destination_port),
        is_listening: response.header.state == TCP_LISTEN,
        // overwritten by what follows; the payload alone, without heads of packets
        held_bytes: u64::from(response.header.send_queue),
        handed_bytes: 0,
        limit_bytes: None,
        times: None,
    };
    // of a listening socket this is the length of its queue
    if socket.is_listening {
        socket.held_bytes = 0;
    }
    for attribute in &response.nlas {
        match attribute {
            Nla::MemInfo(memory) => {
                socket.held_bytes = u64::from(memory.send_queue);
                socket.handed_bytes = u64::from(memory.bottom_send_queues);
                socket.limit_bytes = Some(u64::from(memory.send_queue_max));
            }
            Nla::LegacyMemInfo(memory) => {
                // the kernel's idiag_wmem is sk_wmem_queued, idiag_tmem sk_wmem_alloc: the crate names them by place
                socket.held_bytes = u64::from(memory.bottom_send_queue);
                socket.handed_bytes = u64::from(memory.send_queue);
            }
            Nla::TcpInfo(info) => socket.times = times(info),
            _ => {}
        }
    }
    socket
}

fn times(info: &[u8]) -> Option<SendTimes> {
    let at = |offset: usize| {
        let bytes = info.get(offset..offset + 8)?;
        Some(u64::from_ne_bytes(bytes.try_into().ok()?))
    };
    Some(SendTimes {
        busy_micros: at(BUSY_AT)?,
        client_slow_micros: at(CLIENT_SLOW_AT)?,
        buffer_short_micros: at(BUFFER_SHORT_AT)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use analyser::pressure::SocketGroups;
    use std::io::Write as _;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn a_client_that_does_not_read_is_found_with_what_it_holds() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let _slow = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut sender, _) = listener.accept().unwrap();
        sender.set_nonblocking(true).unwrap();
        let chunk = vec![0; 1 << 16];
        while sender.write(&chunk).is_ok() {}
        let sockets = match read() {
            Ok(sockets) => sockets,
            Err(error) => return println!("skipped: {error:#}"),
        };
        assert!(sockets.iter().any(|socket| socket.is_listening && socket.local.port() == port));
        let ours = sockets.iter().find(|socket| socket.local.port() == port && !socket.is_listening).unwrap();
        assert!(ours.held_bytes > 1 << 16, "{ours:?}");
        assert!(ours.limit_bytes.is_none_or(|limit| limit > 0));
        let groups = SocketGroups::of(&sockets);
        let group = groups.groups.iter().find(|group| group.port == port).unwrap();
        assert_eq!(group.network.to_string(), "127.0.0.0/24");
    }

    #[test]
    fn both_forms_of_a_sockets_memory_say_the_same() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let _slow = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut sender, _) = listener.accept().unwrap();
        sender.set_nonblocking(true).unwrap();
        let chunk = vec![0; 1 << 16];
        while sender.write(&chunk).is_ok() {}
        let of = |memory| {
            let mut sockets = Vec::new();
            dump(AF_INET, memory, &mut sockets).ok()?;
            let local = sender.local_addr().unwrap();
            let peer = sender.peer_addr().unwrap();
            sockets.into_iter().find(|socket| socket.local == local && socket.peer == peer)
        };
        if of(Memory::Full).is_none() || of(Memory::Short).is_none() {
            return println!("skipped: no SOCK_DIAG");
        }
        // What was sent is still on its way to the other side: only a moment in which nothing moves can be compared.
        let still = (0..1000).find_map(|_| {
            let (before, short, after) = (of(Memory::Full)?, of(Memory::Short)?, of(Memory::Full)?);
            (before.held_bytes == after.held_bytes).then_some((before, short))
        });
        let (full, short) = still.expect("a stalled connection comes to rest");
        assert_eq!(full.held_bytes, short.held_bytes);
    }
}
