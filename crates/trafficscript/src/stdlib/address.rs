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
            "Leading zeros go, and the first run of groups of zeros of an IPv6 address, be it a single one, becomes `::`. \
             The empty string, if it is no address.",
            |call| normalize(&call.bytes(0)).unwrap_or_default().into()
        ),
        row!(
            "string.extractHost", "The host of an address with or without a port.",
            (Param::string("string", "`host`, `host:port` or `[IPv6 address]:port`.")),
            String, Pure,
            ["string.extractHost( \"www.example.com:80\" )" => "www.example.com",
             "string.extractHost( \"[2001:db8::1]:443\" )" => "2001:db8::1",
             "string.extractHost( \"http://a.example/\" )" => ""],
            "The empty string, if it is neither an address nor a name of ASCII letters, digits, `-` and `_` between dots. \
             Of the port it is only seen that it is a number.",
            |call| {
                let text = call.string(0);
                host_and_port(&text).map_or("".into(), |(host, _)| host.into())
            }
        ),
        row!(
            "string.extractPort", "The port of an address.",
            (Param::string("string", "`host:port` or `[IPv6 address]:port`.")),
            String, Pure,
            ["string.extractPort( \"www.example.com:80\" )" => "80", "string.extractPort( \"www.example.com\" )" => "",
             "string.extractPort( \"a.example:http\" )" => ""],
            "The empty string, if there is none, if it is no number from 1 to 65535, or if the host is none.",
            |call| {
                let text = call.string(0);
                let port = host_and_port(&text).and_then(|(_, port)| port);
                port.filter(|port| is_port(port)).map_or("".into(), Into::into)
            }
        ),
    ]
}

/// The host, and what stands behind its colon. `None` where the host is none.
fn host_and_port(text: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    if let [b'[', rest @ ..] = text {
        let (host, after) = rest.split_at(memchr::memchr(b']', rest)?);
        let port = match after {
            [b']'] => None,
            [b']', b':', port @ ..] => Some(port),
            _ => return None,
        };
        return matches!(address(host), Some(IpAddr::V6(_))).then_some((host, port));
    }
    if address(text).is_some() {
        return Some((text, None));
    }
    let (host, port) = match memchr::memchr(b':', text) {
        Some(at) => (text.get(..at)?, text.get(at + 1..)),
        None => (text, None),
    };
    let is_number = port.is_none_or(|port| port.iter().all(u8::is_ascii_digit));
    ((address(host).is_some() || is_host_name(host)) && is_number).then_some((host, port))
}

fn is_port(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_digit)
        && std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).is_some_and(|port: u16| port > 0)
}

fn is_host_name(name: &[u8]) -> bool {
    let labels = name.strip_suffix(b".").unwrap_or(name);
    let is_label = |label: &[u8]| {
        (1..=63).contains(&label.len())
            && label.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with(b"-")
            && !label.ends_with(b"-")
    };
    // Numbers between dots that are no address are no name either.
    let is_numeric = labels.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    labels.len() <= 253 && !is_numeric && labels.split(|byte| *byte == b'.').all(is_label)
}

pub(super) fn address(text: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn normalize(text: &[u8]) -> Option<String> {
    address(text).map(address_text).or_else(|| without_leading_zeros(text))
}

/// An address in the one form in which rules see it, and compare it: as `string.normalizeIPAddress` gives it.
pub fn address_text(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => shortened(address),
    }
}

/// An IPv4 address whose numbers have leading zeros; elsewhere it is none, as some programs read such as octal.
fn without_leading_zeros(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let numbers = text.split('.').map(|number| {
        let is_number = (1..=3).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { number.parse::<u8>().ok().map(|number| number.to_string()) } else { None }
    });
    let numbers: Vec<String> = numbers.collect::<Option<_>>()?;
    (numbers.len() == 4).then(|| numbers.join("."))
}

pub(super) fn shortened(address: Ipv6Addr) -> String {
    let groups = address.segments();
    let run = groups.iter().position(|group| *group == 0);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_and_its_port_are_taken_apart() {
        type Parts = Option<(&'static str, Option<&'static str>)>;
        let cases: [(&str, Parts); 16] = [
            ("a.example", Some(("a.example", None))),
            ("a.example:80", Some(("a.example", Some("80")))),
            ("a.example.:80", Some(("a.example.", Some("80")))),
            ("localhost:99999", Some(("localhost", Some("99999")))),
            ("localhost:x", None),
            ("http://a.example/", None),
            ("10.0.0.1:8080", Some(("10.0.0.1", Some("8080")))),
            ("::1", Some(("::1", None))),
            ("[::1]", Some(("::1", None))),
            ("[::1]:80", Some(("::1", Some("80")))),
            ("[::1]80", None),
            ("[10.0.0.1]:80", None),
            ("10.0.0.256", None),
            ("", None),
            (":80", None),
            ("a b", None),
        ];
        for (text, wanted) in cases {
            let wanted = wanted.map(|(host, port)| (host.as_bytes(), port.map(str::as_bytes)));
            assert_eq!(host_and_port(text.as_bytes()), wanted, "{text}");
        }
        assert!(
            is_port(b"65535") && !is_port(b"0") && !is_port(b"65536") && !is_port(b"+80") && !is_port(b"")
        );
    }
}
