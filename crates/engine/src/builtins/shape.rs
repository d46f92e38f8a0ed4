//! Bandwidth classes: `response.*BandwidthClass` towards the client, `request.*BandwidthClass` towards the node.

use super::BOTH;
use crate::transaction::{ClassChoice, Host, Note};
use trafficscript::{Answer, Builtin, ByteString, Call, Effect, Example, Kind, Param};

const CLASS: &[Param] = &[Param::string("class", "Name of the bandwidth class, or \"\" for none.")];
const SET_DOC: &str = "1 where the class exists or is \"\"; 0, with a warning and no change, where it does not. The \
last call wins, over the virtual server's (or pool's) own class too. It holds for this transaction; the next request \
on the connection begins again with the virtual server's class.";

pub(super) const ROWS: [Builtin<Host>; 4] = [
    Builtin {
        name: "response.setBandwidthClass",
        summary: "Paces what is written to the client.",
        params: CLASS,
        returns: Kind::Truth,
        stages: BOTH,
        effect: Effect::Changes,
        examples: &[
            Example { rule: "response.setBandwidthClass( \"slow\" )", given: "", gives: "1" },
            Example { rule: "response.setBandwidthClass( \"no such class\" )", given: "", gives: "0" },
        ],
        doc: SET_DOC,
        call: |call| set(call, "response"),
    },
    Builtin {
        name: "request.setBandwidthClass",
        summary: "Paces what is written to the node.",
        params: CLASS,
        returns: Kind::Truth,
        stages: super::REQUEST,
        effect: Effect::Changes,
        examples: &[Example { rule: "request.setBandwidthClass( \"\" )", given: "", gives: "1" }],
        doc: SET_DOC,
        call: |call| set(call, "request"),
    },
    Builtin {
        name: "response.getBandwidthClass",
        summary: "The bandwidth class towards the client.",
        params: &[],
        returns: Kind::String,
        stages: BOTH,
        effect: Effect::Reads,
        examples: &[Example { rule: "response.getBandwidthClass()", given: "", gives: "" }],
        doc: "The empty string where there is none.",
        call: |call| {
            let default = call.host.virtual_server().bandwidth_class.as_deref().unwrap_or_default();
            get(&call.host.response_class, default)
        },
    },
    Builtin {
        name: "request.getBandwidthClass",
        summary: "The bandwidth class towards the node, as far as a rule has set one.",
        params: &[],
        returns: Kind::String,
        stages: BOTH,
        effect: Effect::Reads,
        examples: &[Example { rule: "request.getBandwidthClass()", given: "", gives: "" }],
        doc: "The empty string where no rule has set one; the pool's own class is not known before a pool is chosen.",
        call: |call| get(&call.host.request_class, ""),
    },
];

fn get(choice: &ClassChoice, default: &str) -> Answer {
    match choice {
        ClassChoice::Default => default.into(),
        ClassChoice::None => "".into(),
        ClassChoice::Named(name) => name.clone().into(),
    }
}

fn set(call: &mut Call<'_, Host>, side: &'static str) -> Answer {
    let class: ByteString = call.string(0);
    if !class.is_empty() && call.host.shared.registry().bandwidth_class(&class).is_none() {
        call.warn(format!("there is no bandwidth class \"{class}\""));
        return 0.into();
    }
    let place = call.place();
    call.host.note(place, Note::BandwidthClass { side, class: class.clone() });
    if !call.host.observes() {
        let choice = if class.is_empty() { ClassChoice::None } else { ClassChoice::Named(class) };
        match side {
            "request" => call.host.request_class = choice,
            _ => call.host.response_class = choice,
        }
    }
    1.into()
}
