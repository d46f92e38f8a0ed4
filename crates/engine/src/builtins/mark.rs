//! Marks on packets for routers on the way: type of service, and the DSCP in its upper six bits.

use super::{EVERYWHERE, LIVE, decides, row};
use crate::host::Host;
use trafficscript::{Answer, Builtin, Call, Param};

const TOS: Param = Param::any("tos", "0 to 255, or `LOWDELAY`, `THROUGHPUT`, `RELIABILITY`, `NONE`.");
const DSCP: Param = Param::any("dscp", "0 to 63, or a name: `EF`, `CS0` to `CS7`, `AF11` to `AF43`, `VA`.");

pub(super) const ROWS: [Builtin<Host>; 8] = [
    row!(
        "request.setToS", "Sets the type of service of packets to the node.",
        (TOS),
        Nothing, LIVE, Changes, "",
        ["request.setToS( \"LOWDELAY\" ); $1 = request.getToS();" => "LOWDELAY"],
        "For this transaction, from the next packet on. IPv4 calls the byte type of service, IPv6 traffic class. What is \
         none is a warning and changes nothing.",
        |call| set(call, Towards::Node, Unit::Tos),
    ),
    row!(
        "request.getToS", "The type of service of packets to the node.",
        (),
        Any, EVERYWHERE, Reads, "",
        ["request.getToS()" => "NONE"],
        "As a rule has set it for this transaction, else `NONE`; a number, where the value has no name. (What the client's packets carry is not known: connections \
         are made anew towards nodes.)",
        |call| get(call, Towards::Node, Unit::Tos),
    ),
    row!(
        "request.setDSCP", "Sets the DSCP of packets to the node.",
        (DSCP),
        Nothing, LIVE, Changes, "",
        ["request.setDSCP( 46 ); $1 = request.getToS();" => "184"],
        "The upper six bits of the type of service; the lower two, which are for congestion, are left to the system. \
         What is none is a warning and changes nothing.",
        |call| set(call, Towards::Node, Unit::Dscp),
    ),
    row!(
        "request.getDSCP", "The DSCP of packets to the node.",
        (),
        Integer, EVERYWHERE, Reads, "",
        ["request.setDSCP( \"EF\" ); $1 = request.getDSCP();" => "46"],
        "As a rule has set it for this transaction, else 0.",
        |call| get(call, Towards::Node, Unit::Dscp),
    ),
    row!(
        "response.setToS", "Sets the type of service of packets to the client.",
        (TOS),
        Nothing, LIVE, Changes, "",
        ["response.setToS( 8 ); $1 = response.getToS();" => "THROUGHPUT"],
        "For this transaction: the next request on the connection begins again without. In a request rule it is kept \
         for the answer. What is none is a warning and changes nothing.",
        |call| set(call, Towards::Client, Unit::Tos),
    ),
    row!(
        "response.getToS", "The type of service of packets to the client.",
        (),
        Any, EVERYWHERE, Reads, "",
        ["response.getToS()" => "NONE"],
        "As a rule has set it for this transaction, else `NONE`; a number, where the value has no name.",
        |call| get(call, Towards::Client, Unit::Tos),
    ),
    row!(
        "response.setDSCP", "Sets the DSCP of packets to the client.",
        (DSCP),
        Nothing, LIVE, Changes, "",
        ["response.setDSCP( \"AF21\" ); $1 = response.getDSCP();" => "18"],
        "As `response.setToS`, by the upper six bits.",
        |call| set(call, Towards::Client, Unit::Dscp),
    ),
    row!(
        "response.getDSCP", "The DSCP of packets to the client.",
        (),
        Integer, EVERYWHERE, Reads, "",
        ["response.setToS( 184 ); $1 = response.getDSCP();" => "46"],
        "As a rule has set it for this transaction, else 0.",
        |call| get(call, Towards::Client, Unit::Dscp),
    ),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Towards {
    Client,
    Node,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Tos,
    Dscp,
}

impl Unit {
    const fn name(self) -> &'static str {
        match self {
            Self::Tos => "type of service",
            Self::Dscp => "DSCP",
        }
    }

    const fn max(self) -> i64 {
        match self {
            Self::Tos => 255,
            Self::Dscp => 63,
        }
    }

    /// A value by name.
    fn named(self, name: &[u8]) -> Option<u8> {
        let name = name.to_ascii_uppercase();
        match (self, &name[..]) {
            (Self::Tos, b"LOWDELAY") => Some(0x10),
            (Self::Tos, b"THROUGHPUT") => Some(0x08),
            (Self::Tos, b"RELIABILITY") => Some(0x04),
            (Self::Tos, b"NONE") => Some(0),
            (Self::Dscp, b"EF") => Some(46),
            (Self::Dscp, b"VA") => Some(44),
            (Self::Dscp, [b'C', b'S', class @ b'0'..=b'7']) => Some((class - b'0') << 3),
            (Self::Dscp, [b'A', b'F', class @ b'1'..=b'4', drop @ b'1'..=b'3']) => {
                Some((class - b'0') << 3 | (drop - b'0') << 1)
            }
            _ => None,
        }
    }
}

fn set(call: &mut Call<'_, Host>, towards: Towards, unit: Unit) -> Answer {
    let text = call.string(0);
    let number = || {
        let is_number = text.first().is_some_and(u8::is_ascii_digit);
        let number = Some(call.integer(0)).filter(|number| is_number && *number <= unit.max());
        number.and_then(|number| u8::try_from(number).ok())
    };
    let Some(value) = unit.named(text.trim_ascii()).or_else(number) else {
        call.warn(format!("\"{text}\" is not a {}", unit.name()));
        return "".into();
    };
    let name = match towards {
        Towards::Client => "mark of packets to the client",
        Towards::Node => "mark of packets to the node",
    };
    let byte = if unit == Unit::Dscp { value << 2 } else { value };
    if decides(call, name, &byte) {
        match towards {
            Towards::Client => call.host.settings.mark_to_client = Some(byte),
            Towards::Node => call.host.settings.mark_to_node = Some(byte),
        }
    }
    "".into()
}

fn get(call: &Call<'_, Host>, towards: Towards, unit: Unit) -> Answer {
    let byte = match towards {
        Towards::Client => call.host.settings.mark_to_client,
        Towards::Node => call.host.settings.mark_to_node,
    };
    let byte = byte.unwrap_or(0);
    match (unit, byte) {
        (Unit::Dscp, _) => i64::from(byte >> 2).into(),
        (Unit::Tos, 0x10) => "LOWDELAY".into(),
        (Unit::Tos, 0x08) => "THROUGHPUT".into(),
        (Unit::Tos, 0x04) => "RELIABILITY".into(),
        (Unit::Tos, 0) => "NONE".into(),
        (Unit::Tos, _) => i64::from(byte).into(),
    }
}
