//! `pool.*`: where the request goes.

use super::{REQUEST, row};
use crate::transaction::{End, Host, Note};
use trafficscript::{Answer, Builtin, Call, Param};

const NAME: Param = Param::string("pool", "Name of the pool, or \"discard\".");

pub(super) const ROWS: [Builtin<Host>; 2] = [
    row!(
        "pool.use", "Sends the request to a pool now; no further request rule runs.",
        (NAME),
        Nothing, REQUEST, Ends, "",
        ["pool.use( \"web\" ); $1 = \"not reached\";" => ""],
        "Where there is no such pool: a warning, and the virtual server's own pool. `pool.use( \"discard\" )` \
         closes the connection without an answer.",
        |call| choose(call, true),
    ),
    row!(
        "pool.select", "Remembers a pool; rules go on and may choose another.",
        (NAME),
        Nothing, REQUEST, Changes, "",
        ["pool.select( \"web\" ); $1 = \"reached\";" => "reached"],
        "As `pool.use`, but ends nothing.",
        |call| choose(call, false),
    ),
];

fn choose(call: &mut Call<'_, Host>, ends: bool) -> Answer {
    let name = call.string(0);
    let place = call.place();
    let is_discard = &name[..] == b"discard";
    let chosen = call.host.catalog.pool_by_name(&name);
    if chosen.is_none() && !is_discard {
        call.warn(format!("there is no pool \"{name}\"; the virtual server's own is used"));
    } else {
        // Only what was chosen: the warning tells the rest.
        call.host.note(place, Note::Pool { pool: name });
    }
    if !call.host.observes() {
        if is_discard {
            call.host.end = Some(End::Discard);
            return Answer::EndRule;
        }
        call.host.pool = chosen;
        if ends {
            call.host.end = Some(End::Pool);
        }
    }
    if ends { Answer::EndRule } else { "".into() }
}
