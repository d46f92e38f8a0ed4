//! How long things may take, and how long they took: `request.setMaxReplyTime`, `stats.*` and their kin.

use super::{EVERYWHERE, LIVE, decides, row};
use crate::decision::RateResult;
use crate::host::{Host, Note};
use crate::limits;
use crate::settings::Limit;
use core::time::Duration;
use trafficscript::{Answer, Builtin, Call, Param};

const SECONDS: Param = Param::double("seconds", "Fractions are possible; at most a day, and 0 is a day.");

pub(super) const ROWS: [Builtin<Host>; 7] = [
    row!(
        "request.setMaxReplyTime", "Gives the node another time to answer in.",
        (SECONDS),
        Nothing, LIVE, Changes, "",
        ["request.setMaxReplyTime( 5 );" => ""],
        "For this transaction, instead of the pool's `max_reply_time`: from the end of the request to the first byte of \
         the answer. Then the client gets 504, or another node is asked where \
         `request.setMaxTimedOutConnectionAttempts` allows it. A negative number is a warning and changes nothing.",
        |call| {
            if let Some(length) = seconds(call)
                && decides(call, "max reply time", &length.as_secs_f64())
            {
                call.host.settings.max_reply_time = Some(length);
            }
            "".into()
        },
    ),
    row!(
        "request.setVirtualServerTimeout", "Gives this transaction another time-out.",
        (SECONDS),
        Nothing, LIVE, Changes, "",
        ["request.setVirtualServerTimeout( 30 );" => ""],
        "Instead of the virtual server's `timeout`: how long nothing may move on the connection, rules that wait \
         included. A negative number is a warning and changes nothing.",
        |call| {
            if let Some(length) = seconds(call)
                && decides(call, "timeout", &length.as_secs_f64())
            {
                call.host.settings.idle = Some(length);
                call.host.set_deadline();
            }
            "".into()
        },
    ),
    row!(
        "request.setMaxTransactionDuration", "Limits how long the whole transaction may take.",
        (Param::double("seconds", "From the arrival of the request to the last byte of the answer; 0 sets no limit.")),
        Nothing, LIVE, Changes, "",
        ["request.setMaxTransactionDuration( 20 ); $1 = request.getMaxTransactionDuration();" => "20"],
        "Instead of the virtual server's `max_transaction_duration`. Time that has passed already counts. When it is \
         over the client gets 503, or, if its answer has begun, is cut off. A negative number is a warning and changes \
         nothing.",
        |call| {
            let given = call.double(0);
            let limit = if given == 0.0 { Some(Limit::None) } else { seconds(call).map(Limit::Of) };
            if let Some(limit) = limit
                && decides(call, "max transaction duration", &given)
            {
                call.host.settings.transaction = limit;
                call.host.set_deadline();
            }
            "".into()
        },
    ),
    row!(
        "request.getMaxTransactionDuration", "How long the whole transaction may take, in seconds.",
        (),
        Double, EVERYWHERE, Reads, "",
        ["request.getMaxTransactionDuration()" => "0"],
        "As a rule or the virtual server has set it; 0 if nothing limits it.",
        |call| {
            let limit = call.host.settings.timeouts(&call.host.virtual_server().timeouts).transaction;
            let seconds = limit.map_or(0.0, |limit| limit.as_secs_f64());
            whole_if_it_is(seconds)
        },
    ),
    row!(
        "stats.getQueueTime", "How long the request has waited its turn, in milliseconds.",
        (),
        Integer, EVERYWHERE, Reads, "",
        ["stats.getQueueTime()" => "0"],
        "In all queues of rate classes together. (Pools have no queues yet.)",
        |call| {
            let waited = call.host.notes.iter().map(|noted| match noted.note {
                Note::Rate { waited_micros, result, .. } if result != RateResult::Waiting => waited_micros,
                _ => 0,
            });
            let micros = waited.fold(0_u64, u64::saturating_add);
            i64::try_from(micros / 1_000).unwrap_or(i64::MAX).into()
        },
    ),
    row!(
        "stats.getServerResponseTime", "How long the node took to answer, in milliseconds.",
        (),
        Integer, EVERYWHERE, Reads, "response 200",
        ["stats.getServerResponseTime()" => "0"],
        "From the moment when the request was handed to the pool to the head of the answer; nodes that were tried in \
         vain count. 0 before that, and for an answer built here.",
        |call| {
            let host = &call.host;
            let took = host.node.as_ref().zip(host.forwarded_at).map(|(node, since)| node.at.since(since));
            millis(took.unwrap_or_default())
        },
    ),
    row!(
        "stats.getTransactionDuration", "How long the transaction has lasted so far, in milliseconds.",
        (),
        Integer, EVERYWHERE, Reads, "",
        ["stats.getTransactionDuration()" => "0"],
        "Since the head of the request was complete.",
        |call| millis(call.host.now.tick.since(call.host.arrived.tick)),
    ),
];

fn millis(length: Duration) -> Answer {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX).into()
}

/// A number without a fraction as an integer, which is how rules compare and print it.
#[expect(clippy::cast_possible_truncation, reason = "a time of at most a day, with no fraction")]
fn whole_if_it_is(seconds: f64) -> Answer {
    if seconds.fract() == 0.0 { (seconds as i64).into() } else { seconds.into() }
}

/// A time from the first argument, at least a millisecond; `None`, with a warning, for what is none.
fn seconds(call: &mut Call<'_, Host>) -> Option<Duration> {
    let given = call.double(0);
    if given < 0.0 || given.is_nan() {
        call.warn(format!("{given} is not a number of seconds"));
        return None;
    }
    let longest = Duration::from_secs(limits::TIMEOUT_SECONDS_MAX);
    if given == 0.0 {
        return Some(longest);
    }
    let length = Duration::try_from_secs_f64(given).unwrap_or(longest);
    Some(length.clamp(Duration::from_millis(1), longest))
}
