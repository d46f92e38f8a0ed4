//! `connection.*` and the addresses of `request.*`.

use super::BOTH;
use crate::limits;
use crate::transaction::{End, Host, Note, Waiting};
use core::time::Duration;
use trafficscript::{Answer, Builtin, Call, Effect, Example, Kind, Param};

pub(super) const ROWS: [Builtin<Host>; 7] = [
    Builtin {
        name: "connection.discard",
        summary: "Closes the connection at once, without an answer.",
        params: &[],
        returns: Kind::Nothing,
        stages: BOTH,
        effect: Effect::Ends,
        examples: &[Example { rule: "connection.discard(); $1 = \"not reached\";", given: "", gives: "" }],
        doc: "No further rule runs. The access log shows status 444.",
        call: discard,
    },
    Builtin {
        name: "connection.sleep",
        summary: "Holds the rule for some milliseconds.",
        params: &[Param::integer("milliseconds", "How long.")],
        returns: Kind::Truth,
        stages: BOTH,
        effect: Effect::Waits,
        examples: &[Example { rule: "connection.sleep( 5 )", given: "", gives: "1" }],
        doc: "Nobody else waits meanwhile. Ends early when the virtual server's time-out does; at most an hour.",
        call: sleep,
    },
    Builtin {
        name: "connection.getVirtualServer",
        summary: "The name of the virtual server.",
        params: &[],
        returns: Kind::String,
        stages: BOTH,
        effect: Effect::Reads,
        examples: &[Example { rule: "connection.getVirtualServer()", given: "", gives: "site" }],
        doc: "As it stands in the catalog.",
        call: |call| {
            let name = call.host.virtual_server().name.as_bytes();
            Answer::Value(name.into())
        },
    },
    Builtin {
        name: "request.getRemoteIP",
        summary: "The client's address.",
        params: &[],
        returns: Kind::String,
        stages: BOTH,
        effect: Effect::Reads,
        examples: &[Example { rule: "request.getRemoteIP()", given: "", gives: "192.0.2.1" }],
        doc: "Behind a trusted proxy, the address that it reported.",
        call: |call| call.host.arrival.client.to_string().into(),
    },
    Builtin {
        name: "request.getRemotePort",
        summary: "The client's port.",
        params: &[],
        returns: Kind::Integer,
        stages: BOTH,
        effect: Effect::Reads,
        examples: &[Example { rule: "request.getRemotePort()", given: "", gives: "50000" }],
        doc: "The port of the connection's other end.",
        call: |call| i64::from(call.host.connection.facts().peer.port()).into(),
    },
    Builtin {
        name: "request.getLocalIP",
        summary: "The address the client connected to.",
        params: &[],
        returns: Kind::String,
        stages: BOTH,
        effect: Effect::Reads,
        examples: &[Example { rule: "request.getLocalIP()", given: "", gives: "192.0.2.80" }],
        doc: "Our own end of the client's connection.",
        call: |call| call.host.connection.facts().local.ip().to_string().into(),
    },
    Builtin {
        name: "request.getLocalPort",
        summary: "The port the client connected to.",
        params: &[],
        returns: Kind::Integer,
        stages: BOTH,
        effect: Effect::Reads,
        examples: &[Example { rule: "request.getLocalPort()", given: "", gives: "80" }],
        doc: "Our own end of the client's connection.",
        call: |call| i64::from(call.host.connection.facts().local.port()).into(),
    },
];

fn discard(call: &mut Call<'_, Host>) -> Answer {
    let place = call.place();
    call.host.note(place, Note::Discard);
    if !call.host.observes() {
        call.host.end = Some(End::Discard);
    }
    Answer::EndRule
}

fn sleep(call: &mut Call<'_, Host>) -> Answer {
    if call.host.observes() {
        return 1.into();
    }
    let wanted = Duration::from_millis(u64::try_from(call.integer(0)).unwrap_or(0));
    let length = wanted.min(Duration::from_secs(limits::SLEEP_SECONDS_MAX));
    let until = call.host.now.tick.saturating_add(length).min(call.host.deadline);
    if until <= call.host.now.tick {
        // Not a wait: one would give the run new fuel, and a loop of such would never end.
        return 1.into();
    }
    call.host.waiting = Some(Waiting::Sleep { until });
    Answer::Wait
}
