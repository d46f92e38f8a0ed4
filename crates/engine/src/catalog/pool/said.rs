//! Nodes and hashes, as said.

use super::NodeWish;
use crate::catalog::address::NodeAddress;
use crate::catalog::read::{Count, Reader, Say, said_table, shown};
use crate::catalog::said::read_short;
use message::is_token;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use source::Span;
use std::borrow::Cow;
use toml::de::DeValue;

said_table! {
    /// A node of a pool.
    "a node" NodeTable {
        /// `"host:port"`.
        address: NodeAddress => required,
        /// Its share against the others', where the algorithm looks at weights.
        weight: Count<1, 100> => 1,
        /// Nodes of a higher priority are asked first; see `priority_nodes`.
        priority: Count<1, 1_000> => 1,
        /// Whether it gets requests.
        state: NodeWish => "active",
    }
}

/// A node: its address, or a table.
#[derive(Clone, Debug)]
pub(crate) struct NodeUse(pub(crate) NodeTable);

impl Say for NodeUse {
    fn expected() -> String {
        format!("{}, or a table {{ address, weight, priority, state }}", NodeAddress::expected())
    }

    fn read(value: &DeValue<'_>, span: Span, reader: &mut Reader<'_>) -> Option<Self> {
        read_short::<Self, NodeTable>(value, span, reader, "address").map(Self)
    }
}

impl JsonSchema for NodeUse {
    fn schema_name() -> Cow<'static, str> {
        "NodeUse".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (address, table) =
            (generator.subschema_for::<NodeAddress>(), generator.subschema_for::<NodeTable>());
        json_schema!({ "anyOf": [address, table] })
    }
}

/// What requests for the same node have in common.
#[derive(Clone, Debug)]
pub(crate) struct HashByWord(pub(crate) super::HashBy);

impl Say for HashByWord {
    fn expected() -> String {
        "one of \"client_address\", \"url\", \"path\", \"host\", or \"header:NAME\", \"cookie:NAME\""
            .to_owned()
    }

    fn read(value: &DeValue<'_>, span: Span, reader: &mut Reader<'_>) -> Option<Self> {
        use super::HashBy;
        let Some(text) = value.as_str() else {
            reader.wrong_type::<Self>(value, span);
            return None;
        };
        let named = |name: &str| is_token(name.as_bytes()).then(|| Box::from(name.as_bytes()));
        let by = match text.split_once(':') {
            None if text == "client_address" => Some(HashBy::ClientAddress),
            None if text == "url" => Some(HashBy::Url),
            None if text == "path" => Some(HashBy::Path),
            None if text == "host" => Some(HashBy::Host),
            Some(("header", name)) => named(name).map(HashBy::Header),
            Some(("cookie", name)) => named(name).map(HashBy::Cookie),
            _ => None,
        };
        if by.is_none() {
            reader.bad_text(span, format!("expected {}, not \"{}\"", Self::expected(), shown(text)), "");
        }
        by.map(Self)
    }
}

impl JsonSchema for HashByWord {
    fn schema_name() -> Cow<'static, str> {
        "HashBy".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^(client_address|url|path|host|(header|cookie):.+)$",
            "description": format!("expected: {}", Self::expected()),
        })
    }
}
