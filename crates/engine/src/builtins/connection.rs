//! `connection.*`: the client's connection as a whole.

use super::{EVERYWHERE, LIVE, row};
use crate::host::{End, Host, Note, ResponseEdit, Waiting};
use crate::limits;
use core::time::Duration;
use trafficscript::{Answer, Builtin, Call, Param};

pub(super) const ROWS: [Builtin<Host>; 5] = [
    row!(
        "connection.discard", "Closes the connection at once, without an answer.",
        (),
        Nothing, LIVE, Ends, "",
        ["connection.discard(); $1 = \"not reached\";" => ""],
        "No further rule runs. The access log shows status 444.",
        discard,
    ),
    row!(
        "connection.sleep", "Holds the rule for some milliseconds.",
        (Param::integer("milliseconds", "How long.")),
        Truth, LIVE, Waits, "",
        ["connection.sleep( 5 )" => "1"],
        "Nobody else waits meanwhile. Ends early when the virtual server's time-out does; at most an hour.",
        sleep,
    ),
    row!(
        "connection.getVirtualServer", "The name of the virtual server.",
        (),
        String, EVERYWHERE, Reads, "",
        ["connection.getVirtualServer()" => "site"],
        "As it stands in the catalog.",
        |call| Answer::Value(call.host.virtual_server().name.as_bytes().into()),
    ),
    row!(
        "connection.getMemoryUsage", "How much memory this transaction holds, in bytes.",
        (),
        Integer, EVERYWHERE, Reads, "GET /\nHost: a.example",
        ["connection.getMemoryUsage() > 10" => "1"],
        "What is held of the request and of the response, and what rules have asked to change in it. An estimate, to \
         compare connections by; what the process needs for itself is not in it.",
        |call| {
            let host = &call.host;
            let request = host.request.target().len().saturating_add(host.request.fields().bytes());
            let edits: usize = host.edits.iter().map(ResponseEdit::bytes).sum();
            request.saturating_add(host.response.fields().bytes()).saturating_add(edits).into()
        },
    ),
    row!(
        "connection.checkLimits", "Whether a pool can take the request now.",
        (Param::string("pool", "Name of the pool; without it, the one that the request goes to.").optional()),
        Integer, EVERYWHERE, Reads, "",
        ["connection.checkLimits()" => "1", "connection.checkLimits( \"no such pool\" )" => "-1"],
        "1: it can. 0: the limits of its nodes are reached. -1: there is no such pool. Pools have no limits of \
         connections yet, so that a pool that is there can always take it.",
        |call| {
            let known = match call.optional_string(0) {
                Some(name) => call.host.catalog.pool_by_name(&name).is_some(),
                None => call.host.pool_in_force().is_some(),
            };
            if known { 1.into() } else { (-1).into() }
        },
    ),
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
