//! `connection.*Persistence*`: which node a client comes back to. Classes come with a later issue; naming the node
//! works.

use super::node::is_node_name;
use super::{EVERYWHERE, LIVE, decides, row};
use crate::host::Host;
use trafficscript::{Answer, Builtin, Call, Param};

pub(super) const ROWS: [Builtin<Host>; 4] = [
    row!(
        "connection.setPersistence", "Chooses a session persistence class.",
        (Param::string("class", "Name of the class; \"\" or nothing for none.").optional()),
        Nothing, LIVE, Changes, "",
        ["connection.setPersistence( \"\" );" => ""],
        "There are no session persistence classes yet: a name is a warning and changes nothing. To bring a client back \
         to its node, name the node with `connection.setPersistenceNode`.",
        |call| {
            let class = call.string(0);
            if !class.is_empty() {
                call.warn(format!("there is no session persistence class \"{class}\""));
            }
            "".into()
        },
    ),
    row!(
        "connection.getPersistence", "The session persistence class of this transaction.",
        (),
        String, EVERYWHERE, Reads, "",
        ["connection.getPersistence()" => ""],
        "The empty string: there are no session persistence classes yet.",
        |_| "".into(),
    ),
    row!(
        "connection.setPersistenceKey", "Gives the key of universal session persistence.",
        (Param::string("key", "Requests with the same key go to the same node.")),
        Nothing, LIVE, Changes, "",
        ["connection.setPersistenceKey( http.getCookie( \"session\" ) );" => ""],
        "The key is used by a session persistence class of the universal kind, and there is none yet: a warning, and \
         nothing changes. To bring a client back to its node, name the node with `connection.setPersistenceNode`.",
        |call| {
            call.warn("there is no session persistence class that would use the key");
            "".into()
        },
    ),
    row!(
        "connection.setPersistenceNode", "Names the node that is to be asked.",
        (Param::string("node", "`host:port`, or a host; \"\" for none in particular.")),
        Nothing, LIVE, Changes, "",
        ["connection.setPersistenceNode( \"192.0.2.81:80\" );" => ""],
        "A node of the pool that the request goes to. Where no node has that port, the one of that host is meant. If \
         the pool has no such node, or the node failed and is left alone, one is chosen as usual.",
        set_node,
    ),
];

fn set_node(call: &mut Call<'_, Host>) -> Answer {
    let node = call.string(0);
    if !is_node_name(call, &node) {
        return "".into();
    }
    if decides(call, "preferred node", &node) {
        call.host.settings.preferred = Some(node).filter(|node| !node.is_empty());
    }
    "".into()
}
