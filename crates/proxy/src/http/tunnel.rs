//! After `101 Switching Protocols`: two streams joined, each way counted, paced and ended on its own.

use super::body::{Failure, Relay, Surroundings};
use crate::wire::{Link, Wire};
use message::{Fields, Known};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Whether a request asks for another protocol that a tunnel may carry. HTTP/2 is none: a node that changed to it would
/// take requests behind this one that no rule has seen, and who wants it of us need not ask (RFC 9113, 3.1).
pub(super) fn is_asked_for(fields: &Fields) -> bool {
    let asked = || fields.all_known(Known::Upgrade).flat_map(|value| value.split(|&byte| byte == b','));
    asked().next().is_some()
        && !asked().any(|protocol| {
            let protocol = protocol.trim_ascii();
            protocol.eq_ignore_ascii_case(b"h2c") || protocol.eq_ignore_ascii_case(b"h2")
        })
}

/// The two ways through a tunnel.
pub(super) struct Ways {
    /// Starts with the head of the 101.
    pub(super) to_client: Relay,
    pub(super) to_node: Relay,
}

/// How far one way is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Open,
    /// All is written; the receiver is being told that nothing more comes.
    Ending,
    Ended,
}

/// Runs until both ways are ended, one of them fails, or time is up. Whether it came to an orderly end.
pub(super) async fn run<S: Wire, N: Wire>(
    ways: &mut Ways,
    (client, node): (&mut Link<S>, &mut Link<N>),
    around: &Surroundings<'_>,
) -> bool {
    let (mut down, mut up) = (Way::Open, Way::Open);
    poll_fn(|context| {
        let downwards = poll_way(&mut ways.to_client, &mut down, context, (&mut *node, &mut *client), around);
        let upwards = poll_way(&mut ways.to_node, &mut up, context, (&mut *client, &mut *node), around);
        if downwards.is_err() || upwards.is_err() {
            return Poll::Ready(false);
        }
        if down == Way::Ended && up == Way::Ended {
            return Poll::Ready(true);
        }
        // While the node takes nothing, nothing is read of the client, whose reset would not be seen.
        if let Some(stream) = client.stream.http2()
            && stream.poll_gone(context).is_ready()
        {
            return Poll::Ready(false);
        }
        around.watch.poll_alarm(context).map(|_| false)
    })
    .await
}

fn poll_way<R: Wire, W: Wire>(
    relay: &mut Relay,
    way: &mut Way,
    context: &mut Context<'_>,
    (reader, writer): (&mut Link<R>, &mut Link<W>),
    around: &Surroundings<'_>,
) -> Result<(), Failure> {
    if *way == Way::Open {
        match relay.poll(context, (&mut *reader, &mut *writer), around) {
            Poll::Ready(Ok(())) => *way = Way::Ending,
            Poll::Ready(Err(failure)) => return Err(failure),
            Poll::Pending => {}
        }
    }
    if *way == Way::Ending {
        match Pin::new(&mut writer.stream).poll_shutdown(context) {
            Poll::Ready(Ok(())) => *way = Way::Ended,
            Poll::Ready(Err(_)) => return Err(Failure::Receiver),
            Poll::Pending => {}
        }
    }
    Ok(())
}
