//! Addresses, host names and networks, as operators write them.

use super::read::{Reader, Say, shown};
use super::virtual_server::HostPattern;
use crate::limits::HOST_BYTES_MAX;
use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use source::Span;
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use toml::de::DeValue;

/// Where to listen: `127.0.0.1:8080`, `[::1]:80`, or `:8080` for every IPv4 address of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listen(pub(crate) SocketAddr);

/// A node: `host:port`; the host may be a name, an IPv4 address or an IPv6 address in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeAddress {
    /// A name in lower case, or an address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// `example.com` or `*.example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host(pub(crate) HostPattern);

/// `10.0.0.0/8`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network(pub(crate) IpNet);

impl Say for Listen {
    fn expected() -> String {
        "an address with a port, such as \"127.0.0.1:8080\", \":8080\" or \"[::1]:8080\"".to_owned()
    }

    fn read(value: &DeValue<'_>, span: Span, reader: &mut Reader<'_>) -> Option<Self> {
        let text = string::<Self>(value, span, reader)?;
        let address = match text.strip_prefix(':') {
            Some(port) => port_number(port).map(|port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))),
            None => text.parse().ok(),
        };
        if address.is_none() {
            let help = match text.parse::<IpAddr>() {
                Ok(IpAddr::V6(_)) => format!("write \"[{text}]:80\""),
                Ok(IpAddr::V4(_)) => format!("write \"{text}:80\""),
                Err(_) if port_number(text).is_some() => format!("write \":{text}\""),
                Err(_) => "names are not looked up here: write an address of this machine".to_owned(),
            };
            let why = format!("expected {}, not \"{}\"", Self::expected(), shown(text));
            reader.bad_text(span, why, &help);
        }
        address.map(Self)
    }
}

impl Say for NodeAddress {
    fn expected() -> String {
        "a node as host and port, such as \"10.0.0.5:80\", \"app.internal:8080\" or \"[::1]:80\"".to_owned()
    }

    fn read(value: &DeValue<'_>, span: Span, reader: &mut Reader<'_>) -> Option<Self> {
        let text = string::<Self>(value, span, reader)?;
        let node = Self::parse(text);
        if node.is_none() {
            let help = if text.contains("://") {
                "write the host and port only, without the scheme and path".to_owned()
            } else if text.parse::<Ipv6Addr>().is_ok() {
                format!("write \"[{text}]:80\"")
            } else if is_host_name(text) {
                format!("the port is missing: write \"{text}:80\"")
            } else {
                String::new()
            };
            let why = format!("expected {}, not \"{}\"", Self::expected(), shown(text));
            reader.bad_text(span, why, &help);
        }
        node
    }
}

impl NodeAddress {
    /// `host:port`, if it is that.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return (address.port() != 0)
                .then(|| Self { host: address.ip().to_string(), port: address.port() });
        }
        let (host, port) = text.rsplit_once(':')?;
        let port = port_number(port).filter(|port| *port != 0)?;
        is_host_name(host).then(|| Self { host: host.to_ascii_lowercase(), port })
    }

    /// `host:port`, with brackets around an IPv6 address.
    pub(crate) fn name(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl Say for Host {
    fn expected() -> String {
        "a host name such as \"example.com\" or \"*.example.com\"".to_owned()
    }

    fn read(value: &DeValue<'_>, span: Span, reader: &mut Reader<'_>) -> Option<Self> {
        let text = string::<Self>(value, span, reader)?;
        let pattern = host_pattern(text);
        if pattern.is_none() {
            let help = match text.split_once("://") {
                Some((_, rest)) => {
                    format!("write \"{}\"", shown(rest.split(['/', ':']).next().unwrap_or_default()))
                }
                None if text.rsplit_once(':').is_some_and(|(host, _)| host_pattern(host).is_some()) => {
                    "leave the port out: it is not looked at".to_owned()
                }
                None if text.contains('*') => "a `*` stands only at the front, before a dot".to_owned(),
                None if !text.is_ascii() => "write the name in its ASCII form (xn--…)".to_owned(),
                None => String::new(),
            };
            let why = format!("expected {}, not \"{}\"", Self::expected(), shown(text));
            reader.bad_text(span, why, &help);
        }
        pattern.map(Self)
    }
}

impl Say for Network {
    fn expected() -> String {
        "a network such as \"10.0.0.0/8\" or an address".to_owned()
    }

    fn read(value: &DeValue<'_>, span: Span, reader: &mut Reader<'_>) -> Option<Self> {
        let text = string::<Self>(value, span, reader)?;
        let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        if network.is_err() {
            reader.bad_text(span, format!("expected {}, not \"{}\"", Self::expected(), shown(text)), "");
        }
        network.ok().map(|network| Self(network.trunc()))
    }
}

/// A name in lower case without its trailing dot, `*.name`, or an IPv6 address in brackets as a Host field has it.
pub(crate) fn host_pattern(text: &str) -> Option<HostPattern> {
    let lower = text.to_ascii_lowercase();
    let name = lower.strip_suffix('.').unwrap_or(&lower);
    if let Some(below) = name.strip_prefix("*.") {
        return is_host_name(below).then(|| HostPattern::Below(Arc::from(below)));
    }
    let bracketed = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_address = bracketed.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    (is_address || is_host_name(name)).then(|| HostPattern::Exact(Arc::from(name)))
}

/// Letters, digits, hyphens and underscores between dots: a name, or an IPv4 address.
pub(crate) fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    text.len() <= HOST_BYTES_MAX && text.split('.').all(label)
}

pub(crate) fn port_number(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

fn string<'v, T: Say>(value: &'v DeValue<'_>, span: Span, reader: &mut Reader<'_>) -> Option<&'v str> {
    let text = value.as_str();
    if text.is_none() {
        reader.wrong_type::<T>(value, span);
    }
    text
}

/// The schema of a text that only we can check.
macro_rules! text_schema {
    ($($type:ident),*) => { $(
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "description": format!("expected: {}", Self::expected()) })
            }
        }
    )* };
}

text_schema!(Listen, NodeAddress, Host, Network);
