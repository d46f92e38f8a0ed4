//! Bandwidth classes: `response.*BandwidthClass` towards the client, `request.*BandwidthClass` towards the node.

use super::{EVERYWHERE, LIVE, row};
use crate::host::{ClassChoice, Host, Note};
use trafficscript::{Answer, Builtin, ByteString, Call, Param};

const CLASS: Param = Param::string("class", "Name of the bandwidth class, or \"\" for none.");
pub(super) const ROWS: [Builtin<Host>; 4] = [
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
