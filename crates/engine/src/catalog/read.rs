//! Reading TOML into what was said: every mistake is reported with its place, none stops the reading.
//!
//! A table of the catalog is declared once, with [`said_table!`]; the struct, its reader, its JSON Schema and its
//! defaults all come from that declaration, so that they cannot drift apart.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use source::{Diagnostic, DiagnosticId, Source, Span, nearest};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

/// A key that no table of this kind has.
pub(crate) const UNKNOWN_KEY: DiagnosticId = DiagnosticId("unknown-key");
/// A value of the wrong type, or a text that does not say what is expected.
pub(crate) const BAD_VALUE: DiagnosticId = DiagnosticId("bad-value");
/// TOML itself is broken.
pub(crate) const TOML_SYNTAX: DiagnosticId = DiagnosticId("toml-syntax");
/// A name that cannot be one.
pub(crate) const BAD_NAME: DiagnosticId = DiagnosticId("bad-name");

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// What stands under a key: nothing, something unusable (already reported), or a value.
#[derive(Clone, Debug)]
pub(crate) enum Slot<T> {
    Absent,
    Bad,
    Said(At<T>),
}

impl<T> Slot<T> {
    /// The value, where there is one to work with.
    pub(crate) fn said(&self) -> Option<&At<T>> {
        match self {
            Self::Said(at) => Some(at),
            Self::Absent | Self::Bad => None,
        }
    }

    /// The bare value.
    pub(crate) fn value(&self) -> Option<&T> {
        self.said().map(|at| &at.value)
    }
}

/// Something that can be read from a TOML value; its schema says the same to an editor.
pub(crate) trait Say: Sized + JsonSchema {
    /// What is expected, for "expected …"; with an example where that helps.
    fn expected() -> String;

    /// The value, or `None` after a mistake has been reported.
    fn read(value: &DeValue<'_>, span: Span, reader: &mut Reader<'_>) -> Option<Self>;
}

/// Collects mistakes while one text is read.
pub(crate) struct Reader<'a> {
    source: &'a Arc<Source>,
    diagnostics: &'a mut Vec<Diagnostic>,
    /// Defaults as parsed: each table of a kind asks for the same ones again.
    defaults: HashMap<&'static str, Option<Rc<DeValue<'static>>>>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(source: &'a Arc<Source>, diagnostics: &'a mut Vec<Diagnostic>) -> Self {
        Self { source, diagnostics, defaults: HashMap::new() }
    }

    /// Reports a mistake at a place of the text; the help may be empty.
    pub(crate) fn report(&mut self, id: DiagnosticId, message: String, at: (Span, &str), help: &str) {
        let diagnostic = Diagnostic::error(id, message).at(self.source, at.0, at.1);
        self.diagnostics.push(if help.is_empty() { diagnostic } else { diagnostic.help(help) });
    }

    /// The value is of another type than the one that belongs here.
    pub(crate) fn wrong_type<T: Say>(&mut self, value: &DeValue<'_>, span: Span) {
        let found = with_article(value.type_str());
        self.report(
            BAD_VALUE,
            format!("expected {}", T::expected()),
            (span, &format!("this is {found}")),
            "",
        );
    }

    /// The text does not say what belongs here; `why` states the fact.
    pub(crate) fn bad_text(&mut self, span: Span, why: impl Into<String>, help: &str) {
        self.report(BAD_VALUE, why.into(), (span, ""), help);
    }

    /// Reads one key's value into a slot.
    pub(crate) fn slot<T: Say>(&mut self, value: &toml::Spanned<DeValue<'_>>) -> Slot<T> {
        let span = span_of(value.span());
        match T::read(value.get_ref(), span, self) {
            Some(value) => Slot::Said(At { value, span }),
            None => Slot::Bad,
        }
    }

    fn unknown_key(&mut self, key: &str, span: Span, known: &[&'static str], table: &str) {
        let help = match nearest(key, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known here: {}", known.join(", ")),
        };
        self.report(
            UNKNOWN_KEY,
            format!("{table} has no key `{}`", shown(key)),
            (span, "unknown key"),
            &help,
        );
    }
}

/// Parses the text; syntax errors are reported, all of them, and what could be read is returned.
pub(crate) fn parse<'i>(
    text: &'i str,
    source: &Arc<Source>,
    diagnostics: &mut Vec<Diagnostic>,
) -> toml::Spanned<DeTable<'i>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let span = error.span().map_or(Span::default(), span_of);
        diagnostics.push(Diagnostic::error(TOML_SYNTAX, error.message().to_owned()).at(source, span, ""));
    }
    table
}

/// The entries of a table in the order in which they are written (the parser sorts them by name).
pub(crate) fn entries<'t, 'i>(
    table: &'t DeTable<'i>,
) -> Vec<(&'t str, Span, &'t toml::Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> =
        table.iter().map(|(key, value)| (key.get_ref().as_ref(), span_of(key.span()), value)).collect();
    entries.sort_by_key(|(_, span, _)| *span);
    entries
}

/// Hands every known key's value to `set`, and reports the others.
pub(crate) fn read_keys(
    table: &DeTable<'_>,
    reader: &mut Reader<'_>,
    (kind, known): (&str, &[&'static str]),
    mut set: impl FnMut(&'static str, &toml::Spanned<DeValue<'_>>, &mut Reader<'_>),
) {
    for (key, span, value) in entries(table) {
        match known.iter().find(|known| **known == key) {
            Some(known) => set(known, value, reader),
            None => reader.unknown_key(key, span, known, kind),
        }
    }
}

/// A default, written in the declaration as TOML, read as if it stood in the text.
pub(crate) fn read_default<T: Say>(literal: &'static str, span: Span, reader: &mut Reader<'_>) -> Slot<T> {
    let parse = || DeValue::parse(literal).ok().map(|value| Rc::new(value.into_inner()));
    let value = reader.defaults.entry(literal).or_insert_with(parse).clone();
    let value = value.and_then(|value| T::read(&value, span, reader));
    value.map_or(Slot::Bad, |value| Slot::Said(At { value, span }))
}

pub(crate) fn span_of(range: Range<usize>) -> Span {
    let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Span::new(offset(range.start), offset(range.end))
}

/// A text of the input as it may stand in a message: one line, not endless.
pub(crate) fn shown(text: &str) -> String {
    const SHOWN_CHARS: usize = 60;
    let mut shown: String =
        text.chars().take(SHOWN_CHARS).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(SHOWN_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

/// The bare name of a doc comment: lines joined, blanks trimmed.
pub(crate) fn prose(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn with_article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {kind}")
}

/// Declares a table of the catalog: `name: Type => presence`, where presence is `required`, `optional` or the default
/// as a TOML literal. Doc comments become the schema's descriptions.
macro_rules! said_table {
    (
        $(#[doc = $about:literal])*
        $kind:literal $name:ident {
            $( $(#[doc = $doc:literal])* $field:ident : $type:ty => $presence:tt ),* $(,)?
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug)]
        pub(crate) struct $name {
            $( $(#[doc = $doc])* pub(crate) $field: $crate::catalog::read::Slot<$type>, )*
        }

        impl $name {
            /// The keys, in the order of the declaration.
            pub(crate) const KEYS: &'static [&'static str] = &[$(stringify!($field)),*];
        }

        impl $crate::catalog::read::Say for $name {
            fn expected() -> String {
                concat!("a table (", $kind, ")").to_owned()
            }

            fn read(
                value: &toml::de::DeValue<'_>,
                span: source::Span,
                reader: &mut $crate::catalog::read::Reader<'_>,
            ) -> Option<Self> {
                use $crate::catalog::read::{Slot, presence, read_keys};
                let Some(table) = value.as_table() else {
                    reader.wrong_type::<Self>(value, span);
                    return None;
                };
                let mut said = Self { $( $field: Slot::Absent, )* };
                read_keys(table, reader, ($kind, Self::KEYS), |key, value, reader| match key {
                    $( stringify!($field) => said.$field = reader.slot(value), )*
                    _ => {}
                });
                $( presence!(fill $presence, said.$field, span, reader); )*
                Some(said)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                use $crate::catalog::read::{presence, property, prose};
                let mut properties = serde_json::Map::new();
                let mut required: Vec<&str> = Vec::new();
                $(
                    let doc = prose(concat!($($doc, " "),*));
                    let default = presence!(default $presence);
                    properties.insert(
                        stringify!($field).to_owned(), property(generator.subschema_for::<$type>(), doc, default),
                    );
                    if presence!(required $presence) {
                        required.push(stringify!($field));
                    }
                )*
                schemars::json_schema!({
                    "type": "object",
                    "description": prose(concat!($($about, " "),*)),
                    "properties": properties,
                    "required": required,
                    "additionalProperties": false,
                })
            }
        }
    };
}

/// What the third column of [`said_table!`] means.
macro_rules! presence {
    (fill required, $slot:expr, $span:expr, $reader:expr) => {};
    (fill optional, $slot:expr, $span:expr, $reader:expr) => {};
    (fill $default:literal, $slot:expr, $span:expr, $reader:expr) => {
        if matches!($slot, $crate::catalog::read::Slot::Absent) {
            $slot = $crate::catalog::read::read_default(stringify!($default), $span, $reader);
        }
    };
    (default required) => {
        None
    };
    (default optional) => {
        None
    };
    (default $default:literal) => {
        Some(serde_json::json!($default))
    };
    (required required) => {
        true
    };
    (required $other:tt) => {
        false
    };
}

/// Declares a choice between words; the enum, its reader and its schema come from it. The words after `later` are known
/// from the traffic manager that the catalog's names come from, and not supported yet.
macro_rules! said_choice {
    (
        $(#[doc = $about:literal])*
        $vis:vis $name:ident { $( $(#[doc = $doc:literal])* $variant:ident = $word:literal ),+ $(,)? }
        $(later [ $($later:literal),+ ])?
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $vis enum $name { $( $(#[doc = $doc])* $variant, )+ }

        impl $name {
            /// Every choice, in the order of the declaration.
            $vis const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word as the catalog spells it.
            $vis const fn name(self) -> &'static str {
                match self { $( Self::$variant => $word, )+ }
            }
        }

        impl $crate::catalog::read::Say for $name {
            fn expected() -> String {
                $crate::catalog::read::one_of(&[$($word),+])
            }

            fn read(
                value: &toml::de::DeValue<'_>,
                span: source::Span,
                reader: &mut $crate::catalog::read::Reader<'_>,
            ) -> Option<Self> {
                let words = (&[$($word),+][..], &[$($($later),+)?][..]);
                let word = $crate::catalog::read::read_word::<Self>(value, span, reader, words)?;
                Self::ALL.iter().copied().find(|choice| choice.name() == word)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                use $crate::catalog::read::prose;
                schemars::json_schema!({
                    "description": prose(concat!($($about, " "),*)),
                    "oneOf": [$({ "const": $word, "description": prose(concat!($($doc, " "),*)) }),+],
                })
            }
        }
    };
}

pub(crate) use {presence, said_choice, said_table};

/// A property of a table's schema.
pub(crate) fn property(
    mut schema: Schema,
    doc: String,
    default: Option<serde_json::Value>,
) -> serde_json::Value {
    schema.insert("description".to_owned(), doc.into());
    if let Some(default) = default {
        schema.insert("default".to_owned(), default);
    }
    schema.to_value()
}

/// ``one of "a", "b"``, or the one there is.
pub(crate) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
    if quoted.len() == 1 { quoted.join("") } else { format!("one of {}", quoted.join(", ")) }
}

/// One of the words, or a report with the near one. A number that reads like a word wants quotes only.
pub(crate) fn read_word<T: Say>(
    value: &DeValue<'_>,
    span: Span,
    reader: &mut Reader<'_>,
    (words, later): (&[&'static str], &[&str]),
) -> Option<&'static str> {
    if let DeValue::Integer(number) = value
        && let Some(word) = words.iter().find(|word| **word == number.as_str())
    {
        let label = (span, "this is an integer");
        reader.report(BAD_VALUE, format!("expected {}", T::expected()), label, &format!("write \"{word}\""));
        return None;
    }
    let Some(text) = value.as_str() else {
        reader.wrong_type::<T>(value, span);
        return None;
    };
    let found = words.iter().copied().find(|word| *word == text);
    if found.is_none() {
        let help = match later.iter().find(|later| **later == text) {
            Some(later) => Some(format!("\"{later}\" is not supported yet")),
            None => nearest(text, words.iter().copied()).map(|near| format!("did you mean \"{near}\"?")),
        };
        let message = format!("expected {}, not \"{}\"", T::expected(), shown(text));
        reader.report(BAD_VALUE, message, (span, ""), &help.unwrap_or_default());
    }
    found
}

/// A text of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) String);

impl Say for Text {
    fn expected() -> String {
        "a string".to_owned()
    }

    fn read(value: &DeValue<'_>, span: Span, reader: &mut Reader<'_>) -> Option<Self> {
        let text = value.as_str().map(|text| Self(text.to_owned()));
        if text.is_none() {
            reader.wrong_type::<Self>(value, span);
        }
        text
    }
}

impl JsonSchema for Text {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// True or false.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flag(pub(crate) bool);

impl Say for Flag {
    fn expected() -> String {
        "true or false".to_owned()
    }

    fn read(value: &DeValue<'_>, span: Span, reader: &mut Reader<'_>) -> Option<Self> {
        let flag = value.as_bool().map(Self);
        if flag.is_none() {
            reader.wrong_type::<Self>(value, span);
        }
        flag
    }
}

impl JsonSchema for Flag {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Flag".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "boolean" })
    }
}

/// A whole number between two bounds, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count<const MIN: u32, const MAX: u32>(pub(crate) u32);

impl<const MIN: u32, const MAX: u32> Say for Count<MIN, MAX> {
    fn expected() -> String {
        if MAX == u32::MAX {
            format!("a whole number, {MIN} or more")
        } else {
            format!("a whole number from {MIN} to {MAX}")
        }
    }

    fn read(value: &DeValue<'_>, span: Span, reader: &mut Reader<'_>) -> Option<Self> {
        let Some(number) = value.as_integer() else {
            reader.wrong_type::<Self>(value, span);
            return None;
        };
        let count = u32::from_str_radix(number.as_str(), number.radix()).ok();
        let within = count.filter(|count| (MIN..=MAX).contains(count));
        if within.is_none() {
            reader.bad_text(span, format!("expected {}", Self::expected()), "");
        }
        within.map(Self)
    }
}

impl<const MIN: u32, const MAX: u32> JsonSchema for Count<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Count_{MIN}_{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}

/// One value, or a list of them.
#[derive(Clone, Debug)]
pub(crate) struct OneOrMany<T>(pub(crate) Vec<At<T>>);

impl<T: Say> Say for OneOrMany<T> {
    fn expected() -> String {
        format!("{}, or a list of such", T::expected())
    }

    fn read(value: &DeValue<'_>, span: Span, reader: &mut Reader<'_>) -> Option<Self> {
        let Some(list) = value.as_array() else {
            return T::read(value, span, reader).map(|value| Self(vec![At { value, span }]));
        };
        let slots: Vec<Slot<T>> = list.iter().map(|value| reader.slot(value)).collect();
        let whole = !slots.iter().any(|slot| matches!(slot, Slot::Bad));
        let values = slots.into_iter().filter_map(|slot| match slot {
            Slot::Said(at) => Some(at),
            Slot::Absent | Slot::Bad => None,
        });
        let values = values.collect();
        whole.then_some(Self(values))
    }
}

impl<T: Say> JsonSchema for OneOrMany<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMany_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
    }
}

/// Tables under names of the operator's choice, in the order in which they are written. A table that could not be
/// read keeps its name, so that whoever refers to it is not blamed.
#[derive(Clone, Debug)]
pub(crate) struct Named<T>(pub(crate) Vec<(At<String>, Slot<T>)>);

impl<T> Named<T> {
    /// The names, also of tables that could not be read.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.value.as_str())
    }
}

impl<T: Say> Say for Named<T> {
    fn expected() -> String {
        format!("named tables, each {}", T::expected())
    }

    fn read(value: &DeValue<'_>, span: Span, reader: &mut Reader<'_>) -> Option<Self> {
        let Some(table) = value.as_table() else {
            reader.wrong_type::<Self>(value, span);
            return None;
        };
        let mut named = Vec::new();
        for (name, span, value) in entries(table) {
            if let Some(why) = name_fault(name) {
                let message = format!("`{}` cannot be a name: {why}", shown(name));
                reader.report(BAD_NAME, message, (span, ""), "");
            }
            named.push((At { value: name.to_owned(), span }, reader.slot(value)));
        }
        Some(Self(named))
    }
}

impl<T: Say> JsonSchema for Named<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Named_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let table = generator.subschema_for::<T>();
        json_schema!({ "type": "object", "additionalProperties": table })
    }
}

/// Why a text cannot be the name of a thing; names stand in log lines and file names.
fn name_fault(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() > crate::limits::NAME_BYTES_MAX {
        Some("it is too long")
    } else if name.chars().any(char::is_control) {
        Some("it holds control characters")
    } else if name.trim() != name {
        Some("it begins or ends with a blank")
    } else {
        None
    }
}
