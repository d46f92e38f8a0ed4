//! Rules over raw bytes: `request.*` on what the client sent, `response.*` on what the node answered, and the older
//! `connection.*`, which mean whichever of the two the rule is run on.

use super::{RAW, RAW_REQUEST, RAW_RESPONSE, row};
use crate::host::{Answered, Host, LineEnd, Searched, Side, Stage, Waiting, Want};
use pattern::Case;
use std::sync::Arc;
use trafficscript::{Answer, Builtin, Call, Param};

const COUNT: Param = Param::integer("count", "How many bytes; without it, or 0: what is there.").optional();
const DATA: Param = Param::string("data", "The bytes.");
const END: Param =
    Param::pattern("end", "A pattern that finds the line's end; \"\\n\" without it, or if it is \"\".")
        .optional();
const OFFSET: Param =
    Param::integer("offset", "Where the line begins, counted from 0; 0 without it.").optional();

/// Of the client's bytes.
pub(super) const REQUEST_ROWS: [Builtin<Host>; 7] = [
    row!(
        "request.get", "The first bytes that the client sent.",
        (COUNT),
        String, RAW_REQUEST, Waits, "GET a\r\nmore",
        ["request.get( 5 )" => "GET a", "request.get()" => "GET a\r\nmore"],
        "They stay where they are. The rule waits until so many bytes have come; if the client ends before, it goes on \
         with those there are. A client that neither sends nor ends is closed when the virtual server's `timeout` is \
         over. No more than 1 MiB is held: beyond, what is there is given, with a warning. For HTTP, `http.getBody`.",
        |call| get(call, Side::Client),
    ),
    row!(
        "request.getLength", "How many bytes have come from the client and not been passed on.",
        (),
        Integer, RAW_REQUEST, Reads, "GET a\r\n",
        ["request.getLength()" => "7"],
        "Waits for nothing. Behind `request.endsAt` and `request.endsWith` the bytes of the next request count as well.",
        |call| length(call, Side::Client),
    ),
    row!(
        "request.getLine", "A line of what the client sent, with its end.",
        (END, OFFSET),
        String, RAW_REQUEST, Waits, "one\ntwo;three",
        ["request.getLine()" => "one\n",
         "request.getLine( \";\", 4 )" => "two;",
         "request.getLine(); $1 = request.getLine( \";\", $1 );" => "two;"],
        "Sets `$1` to where the next line begins. Waits for the line's end as `request.get` does; if the client ends \
         before, the rest is the line. A pattern ends a line with what it finds first; a find that is empty ends none.",
        |call| line(call, Side::Client),
    ),
    row!(
        "request.skip", "Throws the first bytes away that the client sent.",
        (Param::integer("count", "How many bytes.")),
        Nothing, RAW_REQUEST, Waits, "xxGET",
        ["request.skip( 2 ); $1 = request.get();" => "GET"],
        "The node does not get them. Waits for them as `request.get` does. Behind `request.endsAt` or `request.endsWith` \
         no more than the request.",
        |call| {
            let count = count(call, 0).unwrap_or(0);
            wait_for(call, Side::Client, Want::Skip(count))
        },
    ),
    row!(
        "request.set", "Puts other bytes in the place of those that the client sent.",
        (DATA),
        Nothing, RAW_REQUEST, Changes, "GET a",
        ["request.set( \"GET b\" ); $1 = request.get();" => "GET b"],
        "All that has come and was not passed on is replaced; behind `request.endsAt` or `request.endsWith`, the request \
         up to its end. For HTTP, `http.setBody`.",
        |call| set(call, Side::Client),
    ),
    row!(
        "request.endsAt", "Says how long the request is, and gives it.",
        (Param::integer("offset", "Where the next request begins, counted from 0.")),
        String, RAW_REQUEST, Waits, "GET aGET b",
        ["request.endsAt( 5 )" => "GET a"],
        "Waits for the bytes as `request.get` does. What follows is kept: the request rules run on it when the response \
         to this request has begun. Until then `request.get`, `request.getLine` and `request.skip` see this request only, and wait for \
         no more of it. Without it (or `request.endsWith`) all that has come is one request.",
        |call| {
            let count = count(call, 0).unwrap_or(0);
            wait_for(call, Side::Client, Want::EndsAt(count))
        },
    ),
    row!(
        "request.endsWith", "Says what the request ends with, and gives it.",
        (Param::pattern("end", "A pattern; the request ends where its first find does.")),
        String, RAW_REQUEST, Waits, "GET a\r\n\r\nGET b",
        ["request.endsWith( \"\\r\\n\\r\\n\" )" => "GET a\r\n\r\n"],
        "As `request.endsAt`; the end is part of the request.",
        |call| match call.pattern(0, Case::Sensitive) {
            Ok(pattern) => wait_for(call, Side::Client, Want::EndsWith(pattern)),
            Err(kind) => bad_pattern(call, kind),
        },
    ),
];

/// Of the node's bytes.
pub(super) const RESPONSE_ROWS: [Builtin<Host>; 5] = [
    row!(
        "response.get", "The first bytes that the node sent.",
        (COUNT),
        String, RAW_RESPONSE, Waits, "200 OK\r\nmore",
        ["response.get( 3 )" => "200"],
        "As `request.get`, for the other direction. For HTTP, `http.getResponseBody`.",
        |call| get(call, Side::Node),
    ),
    row!(
        "response.getLength", "How many bytes have come from the node and not been passed on.",
        (),
        Integer, RAW_RESPONSE, Reads, "200 OK",
        ["response.getLength()" => "6"],
        "Waits for nothing.",
        |call| length(call, Side::Node),
    ),
    row!(
        "response.getLine", "A line of what the node sent, with its end.",
        (END, OFFSET),
        String, RAW_RESPONSE, Waits, "220 a\r\n250 b\r\n",
        ["response.getLine(); $1 = response.getLine( \"\\n\", $1 );" => "250 b\r\n"],
        "As `request.getLine`, for the other direction.",
        |call| line(call, Side::Node),
    ),
    row!(
        "response.set", "Puts other bytes in the place of those that the node sent.",
        (DATA),
        Nothing, RAW_RESPONSE, Changes, "200 OK",
        ["response.set( \"500 no\" ); $1 = response.get();" => "500 no"],
        "All that has come and was not passed on is replaced. For HTTP, `http.setResponseBody`.",
        |call| set(call, Side::Node),
    ),
    row!(
        "response.append", "Adds bytes behind those that the node sent.",
        (DATA),
        Nothing, RAW_RESPONSE, Changes, "200 OK",
        ["response.append( \"!\" ); $1 = response.get();" => "200 OK!"],
        "Behind what has come so far; what the node sends later follows it.",
        |call| {
            let data = call.string(0);
            if let Err(kind) = call.charge(data.len()) {
                return Answer::Fault(kind);
            }
            if !call.host.observes()
                && let Some(raw) = call.host.raw.as_mut()
            {
                raw.node.push(&data);
            }
            "".into()
        },
    ),
];

/// The older names.
pub(super) const CONNECTION_ROWS: [Builtin<Host>; 4] = [
    row!(
        "connection.getData", "The first bytes that came: the client's in a request rule, the node's in a response rule.",
        (COUNT),
        String, RAW, Waits, "GET a",
        ["connection.getData( 3 )" => "GET"],
        "An older name of `request.get` and `response.get`.",
        |call| {
            let side = side(call);
            get(call, side)
        },
    ),
    row!(
        "connection.getDataLen", "How many bytes have come and not been passed on.",
        (),
        Integer, RAW, Reads, "GET a",
        ["connection.getDataLen()" => "5"],
        "An older name of `request.getLength` and `response.getLength`.",
        |call| {
            let side = side(call);
            length(call, side)
        },
    ),
    row!(
        "connection.getLine", "A line of what came, without the `\\n` at its end.",
        (OFFSET),
        String, RAW, Waits, "one\ntwo\n",
        ["connection.getLine()" => "one", "connection.getLine( 4 ) . $1" => "two8"],
        "Sets `$1` to where the next line begins. Waits as `request.getLine` does, which gives the end as well.",
        |call| {
            let (side, offset) = (side(call), count(call, 0).unwrap_or(0));
            wait_for(call, side, Want::Line { end: LineEnd::Newline, offset, with_end: false })
        },
    ),
    row!(
        "connection.setData", "Puts other bytes in the place of those that came.",
        (DATA),
        Nothing, RAW, Changes, "GET a",
        ["connection.setData( \"GET b\" ); $1 = connection.getData();" => "GET b"],
        "An older name of `request.set` and `response.set`.",
        |call| {
            let side = side(call);
            set(call, side)
        },
    ),
];

/// `request.sendResponse`: answers when the request rules are through.
pub(super) fn put_by(call: &mut Call<'_, Host>) -> Answer {
    let data = call.string(0);
    if !call.host.observes()
        && let Some(raw) = call.host.raw.as_mut()
    {
        raw.reply = Some(data);
        call.host.count_for_rule(|counters| &counters.responses);
    }
    "".into()
}

/// `response.flush`: sends the first bytes of the response to the client now.
pub(super) fn flush(call: &mut Call<'_, Host>) -> Answer {
    let count = count(call, 0).unwrap_or(usize::MAX);
    if !call.host.observes()
        && let Some(raw) = call.host.raw.as_mut()
    {
        let bytes = raw.node.take_first(count);
        raw.flushed.extend_from_slice(&bytes);
    }
    "".into()
}

/// Which bytes the older names mean.
fn side(call: &Call<'_, Host>) -> Side {
    match call.host.running.map(|running| running.stage) {
        Some(Stage::Response) => Side::Node,
        _ => Side::Client,
    }
}

/// An optional number of bytes; 0 and below is none.
fn count(call: &Call<'_, Host>, at: usize) -> Option<usize> {
    usize::try_from(call.integer(at)).ok().filter(|count| *count > 0)
}

fn get(call: &mut Call<'_, Host>, side: Side) -> Answer {
    let count = count(call, 0);
    wait_for(call, side, Want::Bytes(count))
}

fn length(call: &mut Call<'_, Host>, side: Side) -> Answer {
    let length = call.host.raw.as_mut().map_or(0, |raw| raw.side(side).bytes().len());
    i64::try_from(length).unwrap_or(i64::MAX).into()
}

fn set(call: &mut Call<'_, Host>, side: Side) -> Answer {
    let data = call.string(0);
    if !call.host.observes()
        && let Some(raw) = call.host.raw.as_mut()
    {
        raw.side(side).replace(&data);
    }
    "".into()
}

fn line(call: &mut Call<'_, Host>, side: Side) -> Answer {
    let is_given = !call.bytes(0).is_empty();
    let offset = count(call, 1).unwrap_or(0);
    let end = if is_given {
        match call.pattern(0, Case::Sensitive) {
            Ok(pattern) => LineEnd::Pattern(pattern),
            Err(kind) => return bad_pattern(call, kind),
        }
    } else {
        LineEnd::Newline
    };
    wait_for(call, side, Want::Line { end, offset, with_end: true })
}

fn bad_pattern(call: &mut Call<'_, Host>, kind: trafficscript::FaultKind) -> Answer {
    let trafficscript::FaultKind::BadPattern(why) = kind else { return Answer::Fault(kind) };
    call.warn(format!("bad regular expression: {why}"));
    "".into()
}

/// The answer, or the beginning of the wait for it. A rule that observes takes what is there, and leaves it.
fn wait_for(call: &mut Call<'_, Host>, side: Side, want: Want) -> Answer {
    let observes = call.host.observes();
    let want = match want {
        Want::Skip(_) if observes => return "".into(),
        Want::EndsAt(count) if observes => Want::Bytes(Some(count)),
        Want::EndsWith(end) if observes => {
            Want::Line { end: LineEnd::Pattern(end), offset: 0, with_end: true }
        }
        want => want,
    };
    let mut searched = Searched::default();
    let Some(raw) = call.host.raw.as_mut() else { return "".into() };
    match raw.side(side).answer(&want, observes, &mut searched) {
        Err(steps) => Answer::Fault(steps.into()),
        Ok(Some(answered)) => give(call, answered),
        Ok(None) => {
            let (source, span) = call.place();
            let place = (Arc::clone(source), span);
            call.host.waiting = Some(Waiting::Bytes { side, want, searched, place });
            Answer::Wait
        }
    }
}

fn give(call: &mut Call<'_, Host>, answered: Answered) -> Answer {
    if answered.cut_short {
        call.warn(Answered::CUT_SHORT);
    }
    if let Some(next) = answered.next {
        call.captures().set(1, i64::try_from(next).unwrap_or(i64::MAX));
    }
    answered.value.into()
}
