//! Which pool and which node, and how often: `connection.getNode`, `request.avoidNode` and their kin.

use super::{EVERYWHERE, LIVE, decides, row};
use crate::catalog::PoolId;
use crate::host::Host;
use crate::limits;
use message::Known;
use trafficscript::{Answer, Builtin, Call, Param};

const ATTEMPTS: Param = Param::integer("attempts", "At most so many; 0 for any number.");

pub(super) const ROWS: [Builtin<Host>; 7] = [
    row!(
        "connection.getPool", "The name of the pool that the request goes to.",
        (),
        String, EVERYWHERE, Reads, "",
        ["connection.getPool()" => "", "pool.select( \"web\" ); $1 = connection.getPool();" => "web"],
        "The one that a rule has chosen; from the response rules on, the virtual server's own where none has. The empty \
         string as long as none is chosen, and for an answer built here without one.",
        |call| {
            let pool = call.host.chosen_pool().map(|pool| &call.host.catalog.pool(pool).name);
            Answer::Value(pool.map_or(&b""[..], |name| name.as_bytes()).into())
        },
    ),
    row!(
        "connection.getNode", "The name of the node that answered.",
        (),
        String, EVERYWHERE, Reads, "response 200",
        ["connection.getNode()" => "192.0.2.81:80"],
        "`host:port`, as it stands in the catalog. The empty string in request rules, where no node is chosen yet, and \
         for an answer built here.",
        |call| {
            let node = call.host.node.as_ref().map(|node| &node.ends.name);
            Answer::Value(node.map_or(&b""[..], |name| name.as_bytes()).into())
        },
    ),
    row!(
        "request.avoidNode", "Asks another node, if there is one.",
        (Param::string("node", "`host:port` as `connection.getNode` gives it, or a host: then all nodes of that host.")),
        Nothing, LIVE, Changes, "response 200",
        ["request.avoidNode( connection.getNode() );" => ""],
        "For this transaction the node is asked only when no other is left. Several calls avoid several nodes, at most \
         64. A name that no node of the pool has changes nothing.",
        avoid_node,
    ),
    row!(
        "request.isResendable", "Whether the request could be sent to a node once more.",
        (),
        Truth, EVERYWHERE, Reads, "GET /",
        ["request.isResendable()" => "1",
         "http.setMethod( \"POST\" ); $1 = request.isResendable();" => "1"],
        "1 if all of it is at hand: it has no body, or the body is held here; over raw bytes, if a rule has said where \
         the request ends. Whether doing it twice does harm is another \
         question: see `request.setIdempotent`.",
        |call| call.host.holds_request().into(),
    ),
    row!(
        "request.setIdempotent", "Says whether doing the request twice does no harm.",
        (Param::truth("idempotent", "True if it may be sent twice.")),
        Nothing, LIVE, Changes, "GET /",
        ["request.setIdempotent( false ); $1 = request.isResendable();" => "1"],
        "For this transaction, instead of what its method says: whether another node is tried when one breaks off \
         before it has answered.",
        |call| {
            let idempotent = call.truth(0);
            if decides(call, "idempotent", &u8::from(idempotent)) {
                call.host.settings.is_idempotent = Some(idempotent);
            }
            "".into()
        },
    ),
    row!(
        "request.setMaxConnectionAttempts", "Limits how many nodes are tried.",
        (ATTEMPTS),
        Nothing, LIVE, Changes, "",
        ["request.setMaxConnectionAttempts( 2 );" => ""],
        "For this transaction. Without it each node of the pool is tried once, as far as the request may be sent again. \
         A negative number is a warning and changes nothing.",
        |call| {
            if let Some(most) = count(call)
                && decides(call, "connection attempts", &most)
            {
                call.host.settings.attempts_max = most;
            }
            "".into()
        },
    ),
    row!(
        "request.setMaxTimedOutConnectionAttempts", "Limits how many nodes may take too long.",
        (ATTEMPTS),
        Nothing, LIVE, Changes, "",
        ["request.setMaxTimedOutConnectionAttempts( 2 );" => ""],
        "For this transaction: after so many nodes that did not answer in time the client is told so. Without it, the \
         first one is the last: the node may have acted. With 2 or more (or 0) another node is asked, if the request \
         is resendable. A negative number is a warning and changes nothing.",
        |call| {
            if let Some(most) = count(call)
                && decides(call, "timed-out connection attempts", &most)
            {
                call.host.settings.timed_out_max = Some(most);
            }
            "".into()
        },
    ),
];

impl Host {
    /// The pool that a rule has chosen, or the virtual server's own.
    fn chosen_pool(&self) -> Option<PoolId> {
        let is_chosen = match self.raw {
            None => self.forwarded_at.is_some(),
            Some(_) => self.is_behind_request_rules(),
        };
        self.pool.or_else(|| self.virtual_server().pool.filter(|_| is_chosen))
    }

    pub(crate) fn pool_in_force(&self) -> Option<PoolId> {
        self.pool.or(self.virtual_server().pool)
    }

    /// Whether all of the request is here to be sent again: it has no body, or the body is held here whole.
    fn holds_request(&self) -> bool {
        if let Some(raw) = &self.raw {
            return if self.is_behind_request_rules() { raw.is_delimited } else { raw.client.cut.is_some() };
        }
        let is_held = self.bodies.as_ref().is_some_and(|bodies| {
            bodies.written_request.is_some() || bodies.request.end == crate::bodies::BodyEnd::Whole
        });
        let fields = self.request.fields();
        let has_length = fields.known(Known::ContentLength).is_some_and(|length| length != b"0");
        is_held || (!self.is_body_spent && !has_length && !fields.has(Known::TransferEncoding))
    }
}

fn count(call: &mut Call<'_, Host>) -> Option<u32> {
    let given = call.integer(0);
    if given < 0 {
        call.warn(format!("{given} is not a number of attempts"));
        return None;
    }
    Some(u32::try_from(given).unwrap_or(u32::MAX))
}

/// Whether a text is short enough to name a node; a longer one is a warning, and is not kept.
pub(super) fn is_node_name(call: &mut Call<'_, Host>, name: &[u8]) -> bool {
    let fits = name.len() <= limits::NODE_NAME_BYTES_MAX;
    if !fits {
        call.warn("that is too long to be a node");
    }
    fits
}

fn avoid_node(call: &mut Call<'_, Host>) -> Answer {
    let node = call.string(0);
    if node.is_empty() || !is_node_name(call, &node) || call.host.settings.avoided.contains(&node) {
        return "".into();
    }
    if call.host.settings.avoided.len() >= limits::AVOIDED_NODES_MAX {
        call.warn(format!("no more than {} nodes can be avoided", limits::AVOIDED_NODES_MAX));
    } else if decides(call, "avoided node", &node) {
        call.host.settings.avoided.push(node);
    }
    "".into()
}
