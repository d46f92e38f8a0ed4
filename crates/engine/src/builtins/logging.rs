//! Whether a transaction gets a line in the access log.

use super::{EVERYWHERE, LIVE, decides, row};
use crate::host::Host;
use trafficscript::{Answer, Builtin, Call, Param};

pub(super) const ROWS: [Builtin<Host>; 5] = [
    row!(
        "request.setLogEnabled", "Says whether this transaction is logged.",
        (Param::truth("enabled", "True if it is.")),
        Truth, LIVE, Changes, "",
        ["$1 = request.setLogEnabled( false ) . request.getLogEnabled();" => "10"],
        "1, and 0 where that cannot be. In the access log of the virtual server; where it has none, asking for a line is a warning. The last call \
         wins, `requestlog.*` included.",
        |call| {
            let enabled = call.truth(0);
            set(call, enabled)
        },
    ),
    row!(
        "request.getLogEnabled", "Whether this transaction is to be logged.",
        (),
        Truth, EVERYWHERE, Reads, "",
        ["request.getLogEnabled()" => "0"],
        "1 if the virtual server has an access log and no rule has taken this transaction out of it.",
        |call| call.host.is_logged().into(),
    ),
    row!(
        "requestlog.include", "Puts this transaction into the access log.",
        (),
        Nothing, LIVE, Changes, "",
        ["requestlog.include();" => ""],
        "It is there unless a rule has taken it out: the same as `request.setLogEnabled( true )`.",
        |call| {
            let _is_done = set(call, true);
            "".into()
        },
    ),
    row!(
        "requestlog.exclude", "Takes this transaction out of the access log.",
        (),
        Nothing, LIVE, Changes, "",
        ["requestlog.exclude(); $1 = requestlog.markedForInclusion();" => "0"],
        "The same as `request.setLogEnabled( false )`. It still counts in the counters.",
        |call| {
            let _is_done = set(call, false);
            "".into()
        },
    ),
    row!(
        "requestlog.markedForInclusion", "Whether this transaction is to be logged.",
        (),
        Truth, EVERYWHERE, Reads, "",
        ["requestlog.markedForInclusion()" => "0"],
        "The same as `request.getLogEnabled`.",
        |call| call.host.is_logged().into(),
    ),
];

fn set(call: &mut Call<'_, Host>, enabled: bool) -> Answer {
    if enabled && call.host.virtual_server().access_log.is_none() {
        let name = call.host.virtual_server().name.to_string();
        call.warn(format!("virtual server \"{name}\" has no access log"));
        return false.into();
    }
    if decides(call, "logged", &u8::from(enabled)) {
        call.host.settings.is_logged = Some(enabled);
    }
    true.into()
}
