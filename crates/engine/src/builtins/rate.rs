//! `rate.*`: rate classes. Semantics: a strict sliding window, first in first out in each context; an answer of
//! `rate.use.noQueue` that lets through spends a place; `rate.peek` never does (ours).

use super::{EVERYWHERE, LIVE, spare};
use crate::decision::RateResult;
use crate::host::{Host, Joined, Note};
use shaping::{RateClassId, Registry, ShadowEntry};
use trafficscript::{Answer, Builtin, ByteString, Call, Effect, Example, Kind, Param};

const PARAMS: &[Param] = &[
    Param::string("class", "Name of the rate class; may be computed."),
    Param::string("context", "Gives each value its own instance of the class; without it all share one.")
        .optional(),
];

pub(super) const ROWS: [Builtin<Host>; 4] = [
    Builtin {
        name: "rate.use",
        summary: "Waits for a place in a rate class.",
        params: PARAMS,
        returns: Kind::Truth,
        stages: LIVE,
        effect: Effect::Waits,
        examples: &[
            Example { rule: "rate.use( \"standard\", \"a.example\" )", given: "", gives: "1" },
            Example { rule: "rate.use( \"no such class\" )", given: "", gives: "0" },
        ],
        doc: "The request joins the queue of the class (and context) and the rule goes on when it is released; the \
              answer is 1. Where there is no such class the answer is 0 at once, with a warning. A request that \
              waits longer than its virtual server allows gets 503 with Retry-After and spends no place, and so \
              does one that the class refuses because its queue is full or the wait would be too long. A client \
              that leaves gives its place back. In a class with `rate = \"spare\"` the context names those between \
              whom it is to be fair; without it they are the referring sites.",
        call: use_class,
    },
    Builtin {
        name: "rate.use.noQueue",
        summary: "Takes a place in a rate class if one is free now.",
        params: PARAMS,
        returns: Kind::Integer,
        stages: LIVE,
        effect: Effect::Changes,
        examples: &[
            Example { rule: "rate.use.noQueue( \"standard\" )", given: "", gives: "1" },
            Example { rule: "rate.use.noQueue( \"no such class\" )", given: "", gives: "-1" },
        ],
        doc: "1: there was room, and the request is counted. 0: over the limit, or others are waiting (the queue is \
              never jumped); nothing is spent. -1: there is no such class.",
        call: use_without_queue,
    },
    Builtin {
        name: "rate.getBacklog",
        summary: "How many requests wait in a rate class.",
        params: PARAMS,
        returns: Kind::Integer,
        stages: EVERYWHERE,
        effect: Effect::Reads,
        examples: &[Example {
            rule: "rate.getBacklog( \"standard\", \"a.example\" )",
            given: "",
            gives: "0",
        }],
        doc: "The requests waiting now in the queue of the class and context, without the asker. 0 with a warning \
              where there is no such class. Asking does not create a context.",
        call: backlog,
    },
    Builtin {
        name: "rate.peek",
        summary: "Whether a place in a rate class is free now.",
        params: PARAMS,
        returns: Kind::Integer,
        stages: EVERYWHERE,
        effect: Effect::Reads,
        examples: &[Example { rule: "rate.peek( \"standard\" )", given: "", gives: "1" }],
        doc: "As `rate.use.noQueue`, but spends nothing. A function of tidegate, not of the traffic manager the \
              language comes from.",
        call: peek,
    },
];

impl Host {
    /// Where this rule's decisions are kept: rules that only observe have a registry of their own.
    fn classes(&self) -> &Registry {
        if self.observes() { self.shared.shadow() } else { self.shared.registry() }
    }
}

/// The class named by the first argument; `None`, with a warning, where there is none.
fn class(call: &mut Call<'_, Host>) -> Option<RateClassId> {
    let name = call.bytes(0);
    let id = call.host.classes().rate_class(&name);
    if id.is_none() {
        call.warn(format!("there is no rate class \"{}\"", String::from_utf8_lossy(&name)));
    }
    id
}

fn use_class(call: &mut Call<'_, Host>) -> Answer {
    let Some(id) = class(call) else {
        note(call, 0, RateResult::NoClass, 0);
        return 0.into();
    };
    let context = call.optional_string(1);
    if call.host.observes() {
        if let Some(class) = call.host.shared.registry().spare_class(id) {
            let result = spare::looked_at(call, &class, context.as_deref());
            note(call, 0, result, 0);
            return 1.into();
        }
        let now = call.host.now.tick;
        let (place, wait, result) = match call.host.shared.shadow().shadow_enter(id, context.as_deref(), now)
        {
            ShadowEntry::Started => (0, core::time::Duration::ZERO, RateResult::Started),
            ShadowEntry::Queued { place, wait } => (place, wait, RateResult::Started),
            ShadowEntry::Refused { .. } => (0, core::time::Duration::ZERO, RateResult::Refused),
        };
        note(call, place, result, u64::try_from(wait.as_micros()).unwrap_or(u64::MAX));
        return 1.into();
    }
    let class = call.string(0);
    let place = call.place();
    match call.host.join(id, (class, context), place) {
        Joined::Started => 1.into(),
        Joined::Waits => Answer::Wait,
        Joined::Refused => Answer::EndRule,
    }
}

fn use_without_queue(call: &mut Call<'_, Host>) -> Answer {
    let Some(id) = class(call) else {
        note(call, 0, RateResult::NoClass, 0);
        return (-1).into();
    };
    let context = call.optional_string(1);
    let now = call.host.now.tick;
    if let Some(class) = call.host.shared.registry().spare_class(id) {
        let started = spare::try_start(call, class, context.as_deref());
        note(call, 0, if started { RateResult::Started } else { RateResult::OverLimit }, 0);
        return started.into();
    }
    let started = call.host.classes().try_start(id, context.as_deref(), now);
    let place = call.place();
    call.host.tell_overflow(place);
    note(call, 0, if started { RateResult::Started } else { RateResult::OverLimit }, 0);
    started.into()
}

fn backlog(call: &mut Call<'_, Host>) -> Answer {
    let Some(id) = class(call) else { return 0.into() };
    let context = (call.argument_count() > 1).then(|| call.bytes(1));
    let now = call.host.now.tick;
    if let Some(class) = call.host.shared.registry().spare_class(id) {
        spare::tell_if_unknown(call);
        return i64::from(class.backlog(context.as_deref())).into();
    }
    i64::from(call.host.classes().backlog(id, context.as_deref(), now)).into()
}

fn peek(call: &mut Call<'_, Host>) -> Answer {
    let Some(id) = class(call) else { return (-1).into() };
    let context = (call.argument_count() > 1).then(|| call.bytes(1));
    let now = call.host.now.tick;
    if let Some(class) = call.host.shared.registry().spare_class(id) {
        spare::tell_if_unknown(call);
        return class.peek(spare::asker(call, context.as_deref()).entrant()).into();
    }
    call.host.classes().peek(id, context.as_deref(), now).into()
}

fn note(call: &mut Call<'_, Host>, backlog: u32, result: RateResult, waited_micros: u64) -> usize {
    let (class, context): (ByteString, _) = (call.string(0), call.optional_string(1));
    let place = call.place();
    call.host.note(place, Note::Rate { class, context, backlog, waited_micros, result })
}
