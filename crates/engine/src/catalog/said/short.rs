//! Tables with a short form: a bare text stands for the table whose one key it is.

use super::{AccessLogTable, CertificateTable, PoolTlsTable, RequestIdTable, RuleTable};
use crate::catalog::read::{Reader, Say};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use source::Span;
use std::borrow::Cow;
use toml::de::DeValue;

/// A rule of a virtual server: its name, or a table.
#[derive(Clone, Debug)]
pub(crate) struct RuleUse(pub(crate) RuleTable);

impl Say for RuleUse {
    fn expected() -> String {
        "the name of a rule, or a table { rule, enabled, run, mode, strict }".to_owned()
    }

    fn read(value: &DeValue<'_>, span: Span, reader: &mut Reader<'_>) -> Option<Self> {
        read_short::<Self, RuleTable>(value, span, reader, "rule").map(Self)
    }
}

/// An access log: its path, or a table.
#[derive(Clone, Debug)]
pub(crate) struct AccessLog(pub(crate) AccessLogTable);

impl Say for AccessLog {
    fn expected() -> String {
        "the path of a log file, or a table { path, format }".to_owned()
    }

    fn read(value: &DeValue<'_>, span: Span, reader: &mut Reader<'_>) -> Option<Self> {
        read_short::<Self, AccessLogTable>(value, span, reader, "path").map(Self)
    }
}

/// The field of request ids: its name, or a table.
#[derive(Clone, Debug)]
pub(crate) struct RequestIdUse(pub(crate) RequestIdTable);

impl Say for RequestIdUse {
    fn expected() -> String {
        "the name of a field, or a table { header, accept }".to_owned()
    }

    fn read(value: &DeValue<'_>, span: Span, reader: &mut Reader<'_>) -> Option<Self> {
        read_short::<Self, RequestIdTable>(value, span, reader, "header").map(Self)
    }
}

/// A certificate with its key: the path of a file that holds both, or a table.
#[derive(Clone, Debug)]
pub(crate) struct CertificateUse(pub(crate) CertificateTable);

impl Say for CertificateUse {
    fn expected() -> String {
        "a file with a certificate and its key, or a table { certificate, key, ocsp_response }".to_owned()
    }

    fn read(value: &DeValue<'_>, span: Span, reader: &mut Reader<'_>) -> Option<Self> {
        read_short::<Self, CertificateTable>(value, span, reader, "certificate").map(Self)
    }
}

/// Whether and how nodes are spoken to in TLS: true or false, or a table.
#[derive(Clone, Debug)]
pub(crate) struct PoolTls(pub(crate) Option<PoolTlsTable>);

impl Say for PoolTls {
    fn expected() -> String {
        "true or false, or a table { authorities, server_name, verify, certificate }".to_owned()
    }

    fn read(value: &DeValue<'_>, span: Span, reader: &mut Reader<'_>) -> Option<Self> {
        match value {
            DeValue::Table(_) => PoolTlsTable::read(value, span, reader).map(|table| Self(Some(table))),
            DeValue::Boolean(false) => Some(Self(None)),
            DeValue::Boolean(true) => {
                let usual = DeValue::Table(toml::de::DeTable::new());
                PoolTlsTable::read(&usual, span, reader).map(|table| Self(Some(table)))
            }
            other => {
                reader.wrong_type::<Self>(other, span);
                None
            }
        }
    }
}

impl JsonSchema for PoolTls {
    fn schema_name() -> Cow<'static, str> {
        "PoolTls".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let table = generator.subschema_for::<PoolTlsTable>();
        json_schema!({ "anyOf": [{ "type": "boolean" }, table] })
    }
}

/// Reads a table, or a bare text as the table whose one key `key` is that text.
pub(in crate::catalog) fn read_short<Short: Say, Table: Say>(
    value: &DeValue<'_>,
    span: Span,
    reader: &mut Reader<'_>,
    key: &'static str,
) -> Option<Table> {
    match value {
        DeValue::Table(_) => Table::read(value, span, reader),
        DeValue::String(_) => {
            let mut table = toml::de::DeTable::new();
            let range = span.range();
            table.insert(
                toml::Spanned::new(range.clone(), Cow::Borrowed(key)),
                toml::Spanned::new(range, value.clone()),
            );
            Table::read(&DeValue::Table(table), span, reader)
        }
        other => {
            reader.wrong_type::<Short>(other, span);
            None
        }
    }
}

/// The schema of a text or a table.
macro_rules! short_schema {
    ($($short:ident = $table:ident),*) => { $(
        impl JsonSchema for $short {
            fn schema_name() -> Cow<'static, str> {
                stringify!($short).into()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                let table = generator.subschema_for::<$table>();
                json_schema!({ "anyOf": [{ "type": "string" }, table] })
            }
        }
    )* };
}

short_schema!(
    RuleUse = RuleTable,
    AccessLog = AccessLogTable,
    CertificateUse = CertificateTable,
    RequestIdUse = RequestIdTable
);
