//! `pool.*`: where the request goes, and how the nodes are.

use super::http_request::array_of;
use super::{EVERYWHERE, LIVE, RAW_REQUEST, REQUEST, decides, row};
use crate::catalog::{Node, PoolId};
use crate::host::{End, Host, Note};
use crate::limits;
use crate::nodes::Observed;
use std::net::IpAddr;
use std::sync::Arc;
use trafficscript::{Answer, Builtin, ByteString, Call, Effect, Param, Value};

const NAME: Param = Param::string("pool", "Name of the pool, or \"discard\".");
const POOL: Param = Param::string("pool", "Name of the pool.");
const HOST: Param =
    Param::string("host", "A host name or an address: this node is asked, member of the pool or not.")
        .optional();
const PORT: Param = Param::integer("port", "The node's port, 1 to 65535.").optional();

pub(super) const ROWS: [Builtin<Host>; 12] = [
    Builtin {
        effect: Effect::EndsIn(REQUEST.or(RAW_REQUEST)),
        ..row!(
            "pool.use", "Sends the request to a pool now; no further request rule runs.",
            (NAME, HOST, PORT),
            Nothing, LIVE, Ends, "",
            ["pool.use( \"web\" ); $1 = \"not reached\";" => "",
             "pool.use( \"web\", \"192.0.2.81\", 80 ); $1 = \"not reached\";" => ""],
            "Where there is no such pool: a warning, and the virtual server's own pool. `pool.use( \"discard\" )` closes the \
             connection without an answer. With `host` and `port` the pool lends its settings (time-outs, bandwidth class) \
             and this one node is asked, no other. It need not be a member of the pool, but then `[outgoing]` of the catalog \
             must allow it, by the address that its name leads to: a node that is not allowed is a warning and a node of the \
             pool is used, or, where only its address tells, 502. In a response rule the request has been sent: a \
             warning, nothing changes and the rule goes on (see `pool.select`), unless it is `discard`.",
            |call| choose(call, true),
        )
    },
    row!(
        "pool.select", "Remembers a pool; rules go on and may choose another.",
        (NAME, HOST, PORT),
        Nothing, LIVE, Changes, "",
        ["pool.select( \"web\" ); $1 = \"reached\";" => "reached"],
        "As `pool.use`, but ends nothing: the last call of either wins. In a response rule it says where a \
         `request.retry` goes.",
        |call| choose(call, false),
    ),
    row!(
        "pool.activenodes", "How many nodes of a pool are thought well.",
        (POOL),
        Integer, EVERYWHERE, Reads, "",
        ["pool.activenodes( \"web\" )" => "1", "pool.activenodes( \"no such pool\" )" => "0"],
        "Those that get requests: not disabled or draining, their last attempt did not fail, no monitor has found them \
         failed. 0, with a warning, where there is no such pool.",
        |call| count(call, is_active),
    ),
    row!(
        "pool.failednodes", "How many nodes of a pool have failed.",
        (POOL),
        Integer, EVERYWHERE, Reads, "",
        ["pool.failednodes( \"web\" )" => "0"],
        "Those whose last attempt failed (each is left alone for the pool's `node_fail_time`, then tried again), that are \
         ejected for their answers, that a monitor has found failed or whose name has no address. 0, with a warning, \
         where there is no such pool.",
        |call| count(call, is_failed),
    ),
    row!(
        "pool.disablednodes", "How many nodes of a pool are disabled.",
        (POOL),
        Integer, EVERYWHERE, Reads, "",
        ["pool.disablednodes( \"web\" )" => "0"],
        "Those with `state = \"disabled\"` in the catalog. 0, with a warning, where there is no such pool.",
        |call| count(call, is_disabled),
    ),
    row!(
        "pool.drainingnodes", "How many nodes of a pool are draining.",
        (POOL),
        Integer, EVERYWHERE, Reads, "",
        ["pool.drainingnodes( \"web\" )" => "0"],
        "Those with `state = \"draining\"` in the catalog that have not failed. 0, with a warning, where there is no such \
         pool.",
        |call| count(call, is_draining),
    ),
    row!(
        "pool.listallnodes", "All nodes of a pool.",
        (POOL),
        Array, EVERYWHERE, Reads, "",
        ["array.join( pool.listallnodes( \"web\" ) )" => "192.0.2.81:80"],
        "As `host:port`, in the order of the catalog. Empty, with a warning, where there is no such pool.",
        |call| list(call, |_| true),
    ),
    row!(
        "pool.listactivenodes", "The nodes of a pool that are thought well.",
        (POOL),
        Array, EVERYWHERE, Reads, "",
        ["foreach( $node in pool.listactivenodes( \"web\" ) ) $1 = \"http://\" . $node . \"/\";" =>
         "http://192.0.2.81:80/"],
        "As `pool.activenodes` counts them, as `host:port`. Empty, with a warning, where there is no such pool.",
        |call| list(call, is_active),
    ),
    row!(
        "pool.listfailednodes", "The nodes of a pool that have failed.",
        (POOL),
        Array, EVERYWHERE, Reads, "",
        ["array.length( pool.listfailednodes( \"web\" ) )" => "0"],
        "As `pool.failednodes` counts them, as `host:port`. Empty, with a warning, where there is no such pool.",
        |call| list(call, is_failed),
    ),
    row!(
        "pool.listdisablednodes", "The nodes of a pool that are disabled.",
        (POOL),
        Array, EVERYWHERE, Reads, "",
        ["array.length( pool.listdisablednodes( \"web\" ) )" => "0"],
        "As `pool.disablednodes` counts them, as `host:port`. Empty, with a warning, where there is no such pool.",
        |call| list(call, is_disabled),
    ),
    row!(
        "pool.listdrainingnodes", "The nodes of a pool that are draining.",
        (POOL),
        Array, EVERYWHERE, Reads, "",
        ["array.length( pool.listdrainingnodes( \"web\" ) )" => "0"],
        "As `pool.drainingnodes` counts them, as `host:port`. Empty, with a warning, where there is no such pool.",
        |call| list(call, is_draining),
    ),
    row!(
        "pool.checknode", "How a node of a pool is, in one word.",
        (
            POOL,
            Param::string("host", "A host name or an address, as the catalog has it."),
            Param::integer("port", "Its port."),
        ),
        String, EVERYWHERE, Reads, "",
        ["pool.checknode( \"web\", \"192.0.2.81\", 80 )" => "ACTIVE",
         "pool.checknode( \"web\", \"192.0.2.99\", 80 )" => "NOTINPOOL",
         "pool.checknode( \"no such pool\", \"192.0.2.81\", 80 )" => "NOSUCHPOOL"],
        "`ACTIVE`, `DEAD` (as `pool.failednodes` counts it), `DISABLED`, `DRAINING`, `NOTINPOOL` or `NOSUCHPOOL`. Rules \
         written elsewhere may also expect `NOSUCHHOST`: a name is compared with the catalog, not looked up.",
        check_node,
    ),
];

/// Which nodes are counted or listed.
type Wanted = fn(Observed) -> bool;

fn is_active(observed: Observed) -> bool {
    matches!(observed, Observed::Active | Observed::Starting)
}

fn is_failed(observed: Observed) -> bool {
    !(is_active(observed) || is_disabled(observed) || is_draining(observed))
}

fn is_disabled(observed: Observed) -> bool {
    observed == Observed::Disabled
}

fn is_draining(observed: Observed) -> bool {
    observed == Observed::Draining
}

/// The nodes of the pool named by the first argument that are as wanted; none, with a warning, where it is not there.
fn nodes_that<'a>(call: &'a mut Call<'_, Host>, wanted: Wanted) -> impl Iterator<Item = &'a Node> {
    let name = call.string(0);
    let found = call.host.catalog.pool_by_name(&name);
    if found.is_none() {
        call.warn(format!("there is no pool \"{name}\""));
    }
    let now = call.host.now.tick;
    let pool = found.map(|pool| call.host.catalog.pool(pool));
    pool.into_iter().flat_map(move |pool| {
        let indexes = pool.indexes().filter(move |index| wanted(pool.condition(*index, now)));
        indexes.filter_map(|index| pool.nodes.get(index.index()))
    })
}

fn count(call: &mut Call<'_, Host>, wanted: Wanted) -> Answer {
    nodes_that(call, wanted).count().into()
}

fn list(call: &mut Call<'_, Host>, wanted: Wanted) -> Answer {
    let names: Value = array_of(nodes_that(call, wanted).map(|node| node.name.as_bytes()));
    names.into()
}

fn check_node(call: &mut Call<'_, Host>) -> Answer {
    let (name, host, port) = (call.bytes(0), call.string(1), call.integer(2));
    let Some(pool) = call.host.catalog.pool_by_name(&name) else { return "NOSUCHPOOL".into() };
    if host.len() > limits::NODE_NAME_BYTES_MAX {
        return "NOTINPOOL".into();
    }
    let pool = call.host.catalog.pool(pool);
    let wanted = node_name(&host, port);
    match pool.node_by_name(wanted.as_bytes()) {
        None => "NOTINPOOL".into(),
        Some(node) => match pool.condition(node, call.host.now.tick) {
            Observed::Active | Observed::Starting => "ACTIVE".into(),
            Observed::Disabled => "DISABLED".into(),
            Observed::Draining => "DRAINING".into(),
            _ => "DEAD".into(),
        },
    }
}

/// `host:port` as catalogs write it: brackets around an IPv6 address.
fn node_name(host: &[u8], port: i64) -> String {
    let host = String::from_utf8_lossy(host);
    let plain = host.trim_start_matches('[').trim_end_matches(']');
    match plain.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => format!("[{address}]:{port}"),
        _ => format!("{plain}:{port}"),
    }
}

fn choose(call: &mut Call<'_, Host>, ends: bool) -> Answer {
    let name = call.string(0);
    let is_discard = &name[..] == b"discard";
    if ends && !is_discard && call.host.is_response_stage() {
        call.warn("the request has been sent already: a response rule cannot send it to a pool");
        return "".into();
    }
    let place = call.place();
    let chosen = call.host.catalog.pool_by_name(&name);
    if chosen.is_none() && !is_discard {
        call.warn(format!("there is no pool \"{name}\"; the virtual server's own is used"));
    } else {
        // Only what was chosen: the warning tells the rest.
        call.host.note(place, Note::Pool { pool: name });
    }
    let named = chosen.and_then(|pool| named_node(call, pool));
    if !call.host.observes() {
        if is_discard {
            call.host.end = Some(End::Discard);
            return Answer::EndRule;
        }
        call.host.pool = chosen;
        call.host.count_for_rule(|counters| &counters.pool_selections);
        call.host.settings.named = None;
        if ends {
            call.host.end = Some(End::Pool);
        }
    }
    if let Some(node) = named
        && decides(call, "node", &node.name)
    {
        call.host.settings.named = Some(Box::new(node));
    }
    if ends { Answer::EndRule } else { "".into() }
}

/// The node that the arguments behind the pool name; `None`, with a warning where they name none that can be.
fn named_node(call: &mut Call<'_, Host>, pool: PoolId) -> Option<Node> {
    let host: ByteString = call.optional_string(1).filter(|host| !host.is_empty())?;
    let given = call.integer(2);
    let is_host_byte = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(byte);
    let Some(port) = u16::try_from(given).ok().filter(|port| *port != 0) else {
        call.warn(format!("{given} is not a port; a node of the pool is used"));
        return None;
    };
    if host.len() > limits::HOST_BYTES_MAX || !host.iter().all(is_host_byte) {
        call.warn(format!("\"{host}\" is not a host; a node of the pool is used"));
        return None;
    }
    let text = String::from_utf8_lossy(&host).to_ascii_lowercase();
    let name: Arc<str> = node_name(text.as_bytes(), given).into();
    let host = text.trim_start_matches('[').trim_end_matches(']').to_owned();
    // The operator has named the members; where else a request may go is said for all that rules do outside.
    let is_member = call.host.catalog.pool(pool).node_by_name(name.as_bytes()).is_some();
    if !is_member && let Err(refusal) = call.host.catalog.outgoing.foresee(&host, port) {
        call.warn(format!("{name} is refused: {refusal}; a node of the pool is used"));
        return None;
    }
    Some(Node { host, port, name })
}
