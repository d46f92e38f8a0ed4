//! Another try: `request.retry`.

use super::{HTTP, RESPONSE, row};
use crate::host::{End, Host};
use crate::limits::RETRIES_MAX;
use trafficscript::{Answer, Builtin, Call};

pub(super) const ROWS: [Builtin<Host>; 2] = [
    row!(
        "request.retry", "Drops the node's answer and sends the request again.", (),
        Truth, RESPONSE, Changes, "response 503",
        ["if( request.getRetries() < 2 ) request.retry(); $1 = request.getRetries();" => "2"],
        "The rule ends; a node is chosen anew, and the response rules run again on the new answer (request rules do not). \
         The node that answered may be chosen again unless a rule avoids it. Gives 0, and the rule goes on, where that \
         cannot be done: the answer did not come from a node or is being streamed, part of the request's body has gone \
         to the node without being held, or it was sent again 10 times already.",
        retry
    ),
    row!(
        "request.getRetries", "How often this request was sent again by a rule.", (),
        Integer, HTTP, Reads, "response 503",
        ["request.getRetries()" => "0"],
        "0 as long as no rule called `request.retry`.",
        |call| i64::from(call.host.retries).into()
    ),
];

fn retry(call: &mut Call<'_, Host>) -> Answer {
    let host = &call.host;
    let is_written = host.bodies.as_ref().is_some_and(|bodies| bodies.written_request.is_some());
    let can_send = is_written || !host.is_body_spent;
    let can = host.is_from_node && !host.is_streaming() && can_send && host.retries < RETRIES_MAX;
    if !can {
        return 0.into();
    }
    if !call.host.observes() {
        call.host.end = Some(End::Retry);
    }
    Answer::EndRule
}
