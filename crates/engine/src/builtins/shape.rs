//! Bandwidth classes: `response.*BandwidthClass` towards the client, `request.*BandwidthClass` towards the node.

use super::{EVERYWHERE, LIVE, decides, row};
use crate::host::{ClassChoice, Host, Note};
use shaping::Weight;
use trafficscript::{Answer, Builtin, ByteString, Call, Param};

const CLASS: Param = Param::string("class", "Name of the bandwidth class, or \"\" for none.");
const WEIGHT: Param = Param::integer("weight", "1 to 10000; 100 is what everybody has otherwise.");
const WEIGHT_DOC: &str = "One of weight 200 has twice what one of 100 has, while both want it; what one does not want goes \
    to the others, by weight. Where the class has `fair_by = \"client\"` a client counts for as much as the weightiest of \
    his transfers, and what he has is divided between them by weight. Where each connection has the limit for itself, only \
    its own transfers share. Counts from the beginning of the transfer; a number out of range is a warning and changes \
    nothing.";
pub(super) const ROWS: [Builtin<Host>; 6] = [
    row!(
        "response.setBandwidthClass", "Paces what is written to the client.",
        (CLASS),
        Truth, LIVE, Changes, "",
        ["response.setBandwidthClass( \"slow\" )" => "1", "response.setBandwidthClass( \"no such class\" )" => "0"],
        "1 where the class exists or is \"\"; 0, with a warning and no change, where it does not. The last call wins, over \
         the virtual server's own class too. It holds for this transaction; the next request on the connection begins \
         again with the virtual server's class.",
        |call| set(call, "response"),
    ),
    row!(
        "request.setBandwidthClass", "Paces what is written to the node.",
        (CLASS),
        Truth, LIVE, Changes, "",
        ["request.setBandwidthClass( \"\" )" => "1"],
        "1 where the class exists or is \"\"; 0, with a warning and no change, where it does not. The last call wins, over \
         the pool's own class too. It holds for this transaction. In a response rule it is what a `request.retry` is \
         paced by.",
        |call| set(call, "request"),
    ),
    row!(
        "response.setBandwidthWeight", "Says what the answer counts for beside others of its bandwidth class.",
        (WEIGHT),
        Nothing, LIVE, Changes, "",
        ["response.setBandwidthWeight( 50 );" => ""],
        WEIGHT_DOC,
        |call| {
            if let Some(weight) = weight(call) {
                call.host.settings.response_weight = weight;
            }
            "".into()
        },
    ),
    row!(
        "request.setBandwidthWeight", "Says what the request's body counts for beside others of its bandwidth class.",
        (WEIGHT),
        Nothing, LIVE, Changes, "",
        ["request.setBandwidthWeight( 200 );" => ""],
        WEIGHT_DOC,
        |call| {
            if let Some(weight) = weight(call) {
                call.host.settings.request_weight = weight;
            }
            "".into()
        },
    ),
    row!(
        "response.getBandwidthClass", "The bandwidth class towards the client.",
        (),
        String, EVERYWHERE, Reads, "",
        ["response.getBandwidthClass()" => ""],
        "The empty string where there is none.",
        |call| {
            let default = call.host.virtual_server().bandwidth_class.as_deref().unwrap_or_default();
            get(&call.host.response_class, default)
        },
    ),
    row!(
        "request.getBandwidthClass", "The bandwidth class towards the node.",
        (),
        String, EVERYWHERE, Reads, "",
        ["request.getBandwidthClass()" => ""],
        "As a rule has set it, else that of the pool that the request goes to; the empty string where there is none.",
        |call| {
            let pool = call.host.pool_in_force().map(|pool| call.host.catalog.pool(pool));
            let default = pool.and_then(|pool| pool.bandwidth_class.as_deref()).unwrap_or_default();
            get(&call.host.request_class, default)
        },
    ),
];

fn get(choice: &ClassChoice, default: &str) -> Answer {
    match choice {
        ClassChoice::Default => default.into(),
        ClassChoice::None => "".into(),
        ClassChoice::Named(name) => name.clone().into(),
    }
}

/// The weight that a rule says, if it is one and the rule decides.
fn weight(call: &mut Call<'_, Host>) -> Option<Weight> {
    let given = call.integer(0);
    let Some(weight) = u16::try_from(given).ok().and_then(Weight::new) else {
        call.warn(format!("{given} is no weight: it is from 1 to {}", Weight::MAX));
        return None;
    };
    decides(call, "bandwidth weight", &weight.number()).then_some(weight)
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
