//! Addresses of hosts.

use super::row;
use crate::builtin::{Answer, Builtin, Host, Param};
use crate::call::Call;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) fn rows<H: Host>() -> Vec<Builtin<H>> {
    vec![
        row!(
            "string.ipmaskmatch", "Whether an address lies in a network.",
            (Param::string("address", "An IPv4 or IPv6 address."),
             Param::string("network", "`10.0.1.0/24`, `10.0.1.0/255.255.255.0`, `10.0.1.`, one address, or an IPv6 prefix.")),
            Truth, Pure,
            ["string.ipmaskmatch( \"10.0.1.7\", \"10.0.1.0/24\" )" => "1",
             "string.ipmaskmatch( \"10.0.1.7\", \"10.0.1.0/255.255.255.0\" )" => "1",
             "string.ipmaskmatch( \"10.0.1.7\", \"10.0.2.\" )" => "0",
             "string.ipmaskmatch( \"fd00::1\", \"fd00::/8\" )" => "1"],
            "A network that cannot be read is a warning and 0.",
            ipmaskmatch
        ),
        row!(
            "string.validIPAddress", "Whether a string is an address: 4, 6 or 0.",
            (Param::string("string", "The string.")),
            Integer, Pure,
            ["string.validIPAddress( \"10.0.0.1\" )" => "4", "string.validIPAddress( \"::1\" )" => "6",
             "string.validIPAddress( \"10.0.0.256\" )" => "0"],
            "Names and addresses with blanks or zones are none.",
            |call| match address(&call.bytes(0)) {
                Some(IpAddr::V4(_)) => 4.into(),
                Some(IpAddr::V6(_)) => 6.into(),
                None => 0.into(),
            }
        ),
        row!(
            "string.normalizeIPAddress", "An address in its one usual spelling.",
            (Param::string("address", "An IPv4 or IPv6 address.")),
            String, Pure,
            ["string.normalizeIPAddress( \"FD00:0:0:0:0:0:0:00A1\" )" => "fd00::a1",
             "string.normalizeIPAddress( \"10.0.0.1\" )" => "10.0.0.1"],
            "Of an IPv6 address leading zeros go, and the first run of groups of zeros becomes `::`. The empty string, \
             if it is no address.",
            |call| match address(&call.bytes(0)) {
                Some(IpAddr::V4(address)) => address.to_string().into(),
                Some(IpAddr::V6(address)) => shortened(address).into(),
                None => "".into(),
            }
        ),
    ]
}

fn address(text: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn shortened(address: Ipv6Addr) -> String {
    let groups = address.segments();
    let run = groups.windows(2).position(|two| two == [0, 0]);
    let length = run.map_or(0, |start| groups.iter().skip(start).take_while(|group| **group == 0).count());
    let mut out = String::new();
    for (at, group) in groups.iter().enumerate() {
        let is_in_run = run.is_some_and(|start| (start..start + length).contains(&at));
        if is_in_run {
            if run == Some(at) {
                out.push_str("::");
            }
            continue;
        }
        if !out.is_empty() && !out.ends_with(':') {
            out.push(':');
        }
        let _ = write!(out, "{group:x}");
    }
    out
}

fn ipmaskmatch<H: Host>(call: &mut Call<'_, H>) -> Answer {
    let (host, network) = (call.bytes(0), call.bytes(1));
    let Some(host) = address(&host) else { return false.into() };
    let holds = std::str::from_utf8(&network).ok().and_then(|network| lies_in(host, network.trim()));
    if holds.is_none() {
        call.warn("string.ipmaskmatch cannot read its network");
    }
    holds.unwrap_or(false).into()
}

/// `None` where the network cannot be read.
fn lies_in(host: IpAddr, network: &str) -> Option<bool> {
    if let Some((base, mask)) = network.split_once('/') {
        let base: IpAddr = base.parse().ok()?;
        let length = match mask.parse::<Ipv4Addr>() {
            Ok(mask) => ipnet::ip_mask_to_prefix(IpAddr::V4(mask)).ok()?,
            Err(_) => mask.parse().ok()?,
        };
        return Some(ipnet::IpNet::new(base, length).ok()?.contains(&host));
    }
    if let Some(front) = network.strip_suffix('.') {
        let parts: Vec<u8> = front.split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
        let IpAddr::V4(host) = host else { return Some(false) };
        return (parts.len() < 4).then(|| host.octets().starts_with(&parts));
    }
    Some(network.parse::<IpAddr>().ok()? == host)
}
