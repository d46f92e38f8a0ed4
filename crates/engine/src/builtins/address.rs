//! Where a connection's ends are: the client's (`request.*`, `connection.*`) and the node's (`response.*`).

use super::{EVERYWHERE, LIVE, decides, row};
use crate::host::Host;
use crate::settings::NodeEnds;
use std::net::{IpAddr, SocketAddr};
use trafficscript::{Answer, Builtin, Call, Param, address_text};

pub(super) const ROWS: [Builtin<Host>; 11] = [
    row!(
        "request.getRemoteIP", "The client's address.",
        (),
        String, EVERYWHERE, Reads, "",
        ["request.getRemoteIP()" => "192.0.2.1"],
        "Behind a trusted proxy, the address that it reported; after `request.setRemoteIP`, that one.",
        |call| address_text(call.host.arrival.client).into(),
    ),
    row!(
        "request.setRemoteIP", "Names another address as the client's.",
        (Param::string("address", "IPv4 or IPv6.")),
        Truth, LIVE, Changes, "",
        ["request.setRemoteIP( \"198.51.100.7\" ); $1 = request.getRemoteIP();" => "198.51.100.7",
         "request.setRemoteIP( \"nobody\" )" => "0"],
        "For the rest of this transaction: rules, the access log and the node (in `X-Forwarded-For`, which then holds \
         this address only) are told it. 1 if it was done; 0, with a warning, for what is no address. The next \
         request on the connection begins again with the connection's own.",
        set_remote_ip,
    ),
    row!(
        "request.getRemotePort", "The client's port.",
        (),
        Integer, EVERYWHERE, Reads, "",
        ["request.getRemotePort()" => "50000"],
        "The port of the connection's other end.",
        |call| i64::from(call.host.connection.facts().peer.port()).into(),
    ),
    row!(
        "request.getLocalIP", "The address the client connected to.",
        (),
        String, EVERYWHERE, Reads, "",
        ["request.getLocalIP()" => "192.0.2.80"],
        "Our own end of the client's connection.",
        |call| ip(call.host.connection.facts().local).into(),
    ),
    row!(
        "request.getLocalPort", "The port the client connected to.",
        (),
        Integer, EVERYWHERE, Reads, "",
        ["request.getLocalPort()" => "80"],
        "Our own end of the client's connection.",
        |call| i64::from(call.host.connection.facts().local.port()).into(),
    ),
    row!(
        "request.getDestIP", "The address the client meant to reach.",
        (),
        String, EVERYWHERE, Reads, "",
        ["request.getDestIP()" => "192.0.2.80"],
        "Where a firewall redirects connections this is where the client was going before; tidegate sees the connection \
         as it arrives, so that it is the same as `request.getLocalIP`.",
        |call| ip(call.host.connection.facts().local).into(),
    ),
    row!(
        "request.getDestPort", "The port the client meant to reach.",
        (),
        Integer, EVERYWHERE, Reads, "",
        ["request.getDestPort()" => "80"],
        "As `request.getDestIP`: the same as `request.getLocalPort`.",
        |call| i64::from(call.host.connection.facts().local.port()).into(),
    ),
    row!(
        "response.getRemoteIP", "The node's address.",
        (),
        String, EVERYWHERE, Reads, "response 200",
        ["response.getRemoteIP()" => "192.0.2.81"],
        "Of the node that answered; the empty string before that, and for an answer built here.",
        |call| node_end(call, |ends| ends.remote).map_or_else(String::new, ip).into(),
    ),
    row!(
        "response.getRemotePort", "The node's port.",
        (),
        Integer, EVERYWHERE, Reads, "response 200",
        ["response.getRemotePort()" => "80"],
        "Of the node that answered; 0 before that, and for an answer built here.",
        |call| port(node_end(call, |ends| ends.remote)),
    ),
    row!(
        "response.getLocalIP", "Our address towards the node.",
        (),
        String, EVERYWHERE, Reads, "response 200",
        ["response.getLocalIP()" => "192.0.2.80"],
        "Our end of the connection to the node that answered; the empty string before that, and for an answer built \
         here.",
        |call| node_end(call, |ends| ends.local).map_or_else(String::new, ip).into(),
    ),
    row!(
        "response.getLocalPort", "Our port towards the node.",
        (),
        Integer, EVERYWHERE, Reads, "response 200",
        ["response.getLocalPort() > 0" => "1"],
        "Our end of the connection to the node that answered; 0 before that, and for an answer built here.",
        |call| port(node_end(call, |ends| ends.local)),
    ),
];

/// As people write it: an IPv4 address that came over an IPv6 socket is one.
fn ip(address: SocketAddr) -> String {
    address_text(address.ip().to_canonical())
}

fn port(address: Option<SocketAddr>) -> Answer {
    address.map_or(0, |address| i64::from(address.port())).into()
}

fn node_end(call: &Call<'_, Host>, end: fn(&NodeEnds) -> Option<SocketAddr>) -> Option<SocketAddr> {
    call.host.node.as_ref().and_then(|node| end(&node.ends))
}

fn set_remote_ip(call: &mut Call<'_, Host>) -> Answer {
    let given = call.string(0);
    let parsed = std::str::from_utf8(given.trim_ascii()).ok().and_then(|text| text.parse::<IpAddr>().ok());
    let Some(address) = parsed else {
        call.warn(format!("\"{given}\" is no address"));
        return 0.into();
    };
    if decides(call, "client address", &address) {
        call.host.arrival.client = address.to_canonical();
        call.host.settings.has_client = true;
    }
    1.into()
}
