//! The marks of a virtual server: which cookies they are, for how long they hold, who remembers them.

use super::check::Checker;
use super::check::{REPEATED, TOO_MANY, many};
use super::lint::constant;
use super::read::{BAD_VALUE, Reader, Say, shown};
use super::rules::RuleFacts;
use super::said;
use super::virtual_server::{Mode, VirtualServer};
use crate::host::cookie_name;
use crate::limits;
use crate::marks::MarkMemory;
use crate::time::WallTime;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use source::{DiagnosticId, Span};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use toml::de::DeValue;
use trafficscript::CallFact;

/// A mark that would live longer than the keys it is signed with.
const OUTLIVES_KEYS: DiagnosticId = DiagnosticId("mark-outlives-keys");

/// Functions whose results differ from visitor to visitor: a cookie with such a value says who somebody is, and what is
/// remembered for one must not be told of another.
const TELLS_VISITORS_APART: [&str; 6] = [
    "math.random",
    "string.randomBytes",
    "string.encrypt",
    "connection.getRemotePort",
    "request.getRemotePort",
    "http.getFormParam",
];

/// The marks of a virtual server, checked.
#[derive(Clone, Debug)]
pub struct Marks {
    /// Each name once, at most [`limits::MARKS_MAX`].
    pub names: Vec<Mark>,
    /// How long one holds.
    pub lasts: Duration,
    /// Those that were set before are void.
    pub valid_from: WallTime,
    /// Whose marks are remembered.
    pub memory_by: MarkMemoryBy,
    /// How many clients are.
    pub memory_max: usize,
    /// The memory; it outlives catalogs. `None` before the catalog is in force, and where nothing is to be remembered.
    pub(crate) memory: Option<Arc<MarkMemory>>,
}

/// A cookie that is a mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Its name.
    pub name: Arc<[u8]>,
    /// Whether its value is signed, and a bare one counts for nothing. A mark that only rules in observe mode set is not.
    pub is_signed: bool,
    /// Whether nobody named it: rules set it and test it.
    pub is_found: bool,
}

super::read::said_choice! {
    /// For whom marks are remembered, besides the cookie.
    pub MarkMemoryBy {
        /// For nobody: the cookie decides alone.
        Off = "off",
        /// For whoever comes from the address (IPv6: the network of 64 bits), as long as few browsers do.
        Address = "address",
        /// For whoever comes from the address with the same `User-Agent`, as long as few browsers do.
        AddressAndAgent = "address+agent",
    }
}

super::read::said_choice! {
    /// What becomes of an answer's `Cache-Control` when a rule sets a cookie on it.
    pub CookieCaching {
        /// It becomes `private`, so that no shared cache hands the cookie to others.
        Private = "private",
        /// It stays as it is.
        Unchanged = "unchanged",
    }
}

impl Marks {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// For people; `None` if there is none.
    pub(super) fn describe(&self, server: &str) -> Option<String> {
        let name = |mark: &Mark| {
            let name = String::from_utf8_lossy(&mark.name).into_owned();
            match (mark.is_found, mark.is_signed) {
                (false, _) => name,
                (true, true) => format!("{name} (its rules set and test it)"),
                (true, false) => format!("{name} (set by rules that observe: not signed)"),
            }
        };
        let names: Vec<String> = self.names.iter().map(name).collect();
        let memory = match self.memory_by {
            MarkMemoryBy::Off => "not remembered".to_owned(),
            by => format!("remembered by {} for {} clients", by.name(), self.memory_max),
        };
        let lasts = length_words(self.lasts);
        (!names.is_empty()).then(|| format!("marks of {server}: {}; for {lasts}, {memory}", names.join(", ")))
    }
}

impl Checker<'_> {
    /// The marks of a virtual server: as named, or as its rules show them.
    pub(super) fn marks(
        &mut self,
        table: &said::VirtualServer,
        rules: &[(RuleFacts, Mode)],
    ) -> Option<Marks> {
        let names = match table.marks.said() {
            Some(_) => self.named_marks(table),
            None => found_marks(rules),
        };
        let lasts = table.mark_for.value()?.0;
        let age = self.said.settings.value().and_then(|settings| Some(settings.mark_key_age.value()?.0));
        if let (Some(age), Some(said)) = (age, table.mark_for.said())
            && age < lasts
            && !names.is_empty()
        {
            let message = "a mark may last longer than the keys that verify it".to_owned();
            let help = format!(
                "a key verifies for as long again as it signs: write mark_key_age = \"{}\" in [settings], or less here",
                length_words(lasts)
            );
            self.doubt(OUTLIVES_KEYS, message, said.span, &help);
        }
        Some(Marks {
            names,
            lasts,
            valid_from: table.marks_valid_from.value().map_or(WallTime(i64::MIN), |moment| moment.0),
            memory_by: *table.mark_memory.value()?,
            memory_max: usize::try_from(table.mark_memory_max.value()?.0).unwrap_or(usize::MAX),
            memory: None,
        })
    }

    fn named_marks(&mut self, table: &said::VirtualServer) -> Vec<Mark> {
        let mut names: Vec<Mark> = Vec::new();
        for at in many(&table.marks) {
            let name = at.value.0.as_str();
            if !message::is_token(name.as_bytes()) {
                let message = format!("`{}` is not the name of a cookie", shown(name));
                self.error(BAD_VALUE, message, at.span, "marks = [\"slashdot\"]");
            } else if names.iter().any(|mark| *mark.name == *name.as_bytes()) {
                self.doubt(REPEATED, format!("the mark `{name}` stands here twice"), at.span, "");
            } else if names.len() == limits::MARKS_MAX {
                let message = format!("a virtual server has at most {} marks", limits::MARKS_MAX);
                self.error(TOO_MANY, message, at.span, "");
                break;
            } else {
                names.push(Mark { name: name.as_bytes().into(), is_signed: true, is_found: false });
            }
        }
        names
    }
}

/// What is known of a cookie's name from the rules of a virtual server.
#[derive(Default)]
struct Use {
    /// By which kind of rules it is set: one that is in force counts more than those that observe.
    set_by: Option<Mode>,
    is_tested: bool,
    tells_apart: bool,
}

/// The cookies that the rules of a virtual server both set and test, and whose value does not tell visitors apart.
fn found_marks(rules: &[(RuleFacts, Mode)]) -> Vec<Mark> {
    let mut uses: BTreeMap<Vec<u8>, Use> = BTreeMap::new();
    for (facts, mode) in rules {
        for call in facts.calls.iter() {
            if let Some((name, tells_apart)) = set_by(call) {
                let of = uses.entry(name).or_default();
                if of.set_by != Some(Mode::Enforce) {
                    of.set_by = Some(*mode);
                }
                of.tells_apart |= tells_apart;
            } else if call.function == "http.getCookie"
                && let Some(name) = call.arguments.first().and_then(|name| name.constant.as_deref())
            {
                uses.entry(name.to_vec()).or_default().is_tested = true;
            }
        }
    }
    let is_mark = |(name, of): &(Vec<u8>, Use)| {
        of.set_by.is_some() && of.is_tested && !of.tells_apart && message::is_token(name)
    };
    let found = uses.into_iter().filter(is_mark).take(limits::MARKS_MAX);
    found
        .map(|(name, of)| Mark {
            name: name.into(),
            is_signed: of.set_by == Some(Mode::Enforce),
            is_found: true,
        })
        .collect()
}

/// The cookie that a call sets, if its name is written out; and whether its value tells visitors apart.
fn set_by(call: &CallFact) -> Option<(Vec<u8>, bool)> {
    let (first, second) = (call.arguments.first()?, call.arguments.get(1)?);
    let tells_apart = second.origins.iter().any(|origin| TELLS_VISITORS_APART.contains(origin));
    match call.function {
        "http.setResponseCookie" => Some((first.constant.as_deref()?.to_vec(), tells_apart)),
        "http.addResponseHeader" | "http.setResponseHeader" => {
            let is_cookie = constant(first)?.eq_ignore_ascii_case("set-cookie");
            is_cookie.then_some((cookie_name(second.constant.as_deref()?).to_vec(), tells_apart))
        }
        _ => None,
    }
}

/// A length of time in whole hours, minutes or seconds, as the catalog would have it.
fn length_words(length: Duration) -> String {
    match length.as_millis() {
        millis if millis % 3_600_000 == 0 => format!("{}h", millis / 3_600_000),
        millis if millis % 60_000 == 0 => format!("{}min", millis / 60_000),
        millis if millis % 1_000 == 0 => format!("{}s", millis / 1_000),
        millis => format!("{millis}ms"),
    }
}

/// The virtual servers' marks, in the order of the catalog.
pub(super) fn describe(servers: &[VirtualServer]) -> Vec<String> {
    servers.iter().filter_map(|server| server.marks.describe(&server.name)).collect()
}

/// A moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) WallTime);

impl Say for Moment {
    fn expected() -> String {
        "a moment with its zone, such as 2026-11-22T20:00:00Z".to_owned()
    }

    fn read(value: &DeValue<'_>, span: Span, reader: &mut Reader<'_>) -> Option<Self> {
        let text = match value {
            DeValue::String(text) => text.to_string(),
            DeValue::Datetime(moment) => moment.to_string(),
            other => {
                reader.wrong_type::<Self>(other, span);
                return None;
            }
        };
        let moment = text.parse::<jiff::Timestamp>().ok();
        if moment.is_none() {
            let what = format!("expected {}, not \"{}\"", Self::expected(), shown(&text));
            reader.bad_text(span, what, "Z stands for UTC, +01:00 for an hour ahead of it");
        }
        moment.map(|moment| Self(WallTime(moment.as_microsecond())))
    }
}

impl JsonSchema for Moment {
    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time", "description": Self::expected() })
    }
}
