//! `rule.*`: the running rule about itself.

use super::{EVERYWHERE, row};
use crate::host::{Host, Stage};
use trafficscript::Builtin;

pub(super) const ROWS: [Builtin<Host>; 2] = [
    row!(
        "rule.getName", "The name of the rule that runs.",
        (),
        String, EVERYWHERE, Reads, "",
        ["rule.getName()" => "example"],
        "The name of its file without `.rts`. In a sub of a library it is the name of the rule that imported the \
         library, not the library's.",
        |call| match call.host.attachment() {
            Some(attachment) => (*attachment.rule.name).into(),
            None => "".into(),
        },
    ),
    row!(
        "rule.getState", "Whether the rule runs as a request, response or completion rule.",
        (),
        String, EVERYWHERE, Reads, "",
        ["rule.getState()" => "REQUEST"],
        "`REQUEST`, `RESPONSE` or `COMPLETION`; for a library that is used by rules of several kinds. Rules over raw \
         bytes are `REQUEST` and `RESPONSE` too.",
        |call| match call.host.running.map(|running| running.stage) {
            Some(Stage::Response) => "RESPONSE".into(),
            Some(Stage::Completion) => "COMPLETION".into(),
            Some(Stage::Request) | None => "REQUEST".into(),
        },
    ),
];
