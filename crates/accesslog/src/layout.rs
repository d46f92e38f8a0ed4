//! How lines of a log are laid out, for reading them.

mod apache;
mod named;
mod nginx;
pub(crate) mod w3c;

use std::fmt;
use std::sync::Arc;

use crate::format::{BadFormat, Format};
use crate::line::{BytesMeaning, Facts, Line, LineMoment, Said};
use crate::plan::Plan;
use crate::text::Escaping;

/// How lines are laid out; cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    name: Arc<str>,
    pub(crate) shape: Shape,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Values in a fixed order.
    Plan(Arc<Plan>),
    /// Values in the order that a line `#Fields:` has named last; `None`: none has come yet.
    W3c(Option<Arc<Plan>>),
    /// An object on each line.
    Json(Json, Facts, LeftOut),
}

/// Fields that objects leave out where the request had none: a sample named them in some of its lines. Of others nobody
/// can tell whether the request lacked them or the server was not asked to log them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeftOut {
    pub(crate) referer: bool,
    pub(crate) user_agent: bool,
}

impl LeftOut {
    /// The line, with what it is silent about said to be absent.
    pub(crate) fn told(self, mut line: Line<'_>) -> Line<'_> {
        if self.referer && line.referer.is_unknown() {
            line.referer = Said::Absent;
        }
        if self.user_agent && line.user_agent.is_unknown() {
            line.user_agent = Said::Absent;
        }
        line
    }
}

/// How nginx escapes values (`escape=` of its `log_format`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NginxEscape {
    /// `"`, `\` and all but printable ASCII as `\xHH`; `-` for what is empty or missing.
    Default,
    /// As in JSON; nothing for what is empty or missing.
    Json,
    /// Not at all.
    None,
}

/// Which names the objects of a JSON log have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Json {
    /// Caddy's.
    Caddy,
    /// Traefik's.
    Traefik,
    /// tidegate's, and the usual names of hand-made ones.
    Any,
}

impl Layout {
    /// Reads the text of an Apache `LogFormat`, as [`Format::parse`] does; letters of modules that are not known are
    /// places that nobody asks for.
    ///
    /// # Errors
    ///
    /// The first place that is no directive; or a layout whose lines cannot be taken apart, or have no time.
    pub fn apache(text: &str) -> Result<Self, BadFormat> {
        let pieces = Format::pieces_for_reading(text)?;
        let plan = Plan::new(apache::tokens(&pieces), Escaping::Backslash)?;
        Ok(Self { name: text.into(), shape: Shape::Plan(Arc::new(plan)) })
    }

    /// Reads the text of an nginx `log_format`, its quoted parts already joined.
    ///
    /// # Errors
    ///
    /// A dollar sign without a name; or a layout whose lines cannot be taken apart, or have no time.
    pub fn nginx(text: &str, escape: NginxEscape) -> Result<Self, BadFormat> {
        let escaping = match escape {
            NginxEscape::Default => Escaping::Backslash,
            NginxEscape::Json => Escaping::Json,
            NginxEscape::None => Escaping::None,
        };
        let mut plan = Plan::new(nginx::tokens(text)?, escaping)?;
        // Load balancers log the whole URL.
        if !plan.facts.has_host && text.contains("$other_client_port") {
            plan.has_host_in_target = true;
            plan.facts.has_host = true;
        }
        Ok(Self { name: text.into(), shape: Shape::Plan(Arc::new(plan)) })
    }

    /// A W3C extended log (IIS, CloudFront): its lines `#Fields:` say what stands where, and may change it.
    pub fn w3c() -> Self {
        Self { name: "w3c".into(), shape: Shape::W3c(None) }
    }

    /// A log with a JSON object on each line.
    pub fn json(json: Json) -> Self {
        let facts = Facts {
            bytes: BytesMeaning::BodySent,
            moment: LineMoment::Arrival,
            time_step_micros: 1,
            has_referer: true,
            has_user_agent: true,
            has_duration: true,
            has_host: true,
        };
        let facts = if json == Json::Any { Facts { bytes: BytesMeaning::Unclear, ..facts } } else { facts };
        Self { name: "json".into(), shape: Shape::Json(json, facts, LeftOut::default()) }
    }

    /// A layout by its name, see [`Layout::names`]; `None`: there is none of this name.
    pub fn named(name: &str) -> Option<Self> {
        if name == "w3c" { Some(Self::w3c()) } else { named::named(name) }
    }

    /// The names that [`Layout::named`] knows, each with who writes such lines.
    pub fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
        named::names().chain([("w3c", "IIS, CloudFront and others whose files name their fields")])
    }

    /// What the layout can say at all. Of one whose lines name their fields, what the last of those lines allows.
    pub fn facts(&self) -> Facts {
        match &self.shape {
            Shape::Plan(plan) | Shape::W3c(Some(plan)) => plan.facts,
            Shape::W3c(None) => NO_FACTS,
            Shape::Json(_, facts, _) => *facts,
        }
    }

    /// Whether lines of it say how those after them are laid out: they must then be read from the start of a file.
    pub const fn is_stateful(&self) -> bool {
        matches!(self.shape, Shape::W3c(_))
    }

    /// The layout that is in force after these lines; of most the same as before.
    #[must_use]
    pub fn after(&self, lines: &[u8]) -> Self {
        if !self.is_stateful() {
            return self.clone();
        }
        let is_start = |at: &usize| *at == 0 || lines.get(at - 1) == Some(&b'\n');
        let last = memchr::memmem::find_iter(lines, w3c::FIELDS).filter(is_start).last();
        match last {
            Some(at) => {
                let line = lines[at..].split(|byte| *byte == b'\n').next().unwrap_or_default();
                self.with_fields(line).unwrap_or_else(|| self.clone())
            }
            None => self.clone(),
        }
    }

    /// The layout that a line `#Fields:` begins; `None`: the line does not, or names no time.
    pub(crate) fn with_fields(&self, line: &[u8]) -> Option<Self> {
        let Shape::W3c(_) = self.shape else { return None };
        let fields = std::str::from_utf8(line.strip_prefix(w3c::FIELDS)?).ok()?;
        let (writer, tokens) = w3c::tokens(fields);
        let is_edge = writer == w3c::Writer::CloudFront;
        let escaping = if is_edge { Escaping::Percent(1) } else { Escaping::Plus };
        let mut plan = Plan::new(tokens, escaping).ok()?;
        plan.may_quote = !is_edge;
        let name = if is_edge { "w3c (CloudFront)" } else { "w3c" };
        Some(Self { name: name.into(), shape: Shape::W3c(Some(Arc::new(plan))) })
    }

    /// The same layout, of which somebody knows what it counts as bytes.
    #[must_use]
    pub fn with_bytes(mut self, bytes: BytesMeaning) -> Self {
        match &mut self.shape {
            Shape::Plan(plan) | Shape::W3c(Some(plan)) => Arc::make_mut(plan).facts.bytes = bytes,
            Shape::Json(_, facts, _) => facts.bytes = bytes,
            Shape::W3c(None) => {}
        }
        self
    }

    /// The same layout, of whose facts a sample has shown more. Only objects leave out what they like.
    pub(crate) fn with_seen(mut self, change: impl FnOnce(&mut Facts, &mut LeftOut)) -> Self {
        if let Shape::Json(_, facts, left_out) = &mut self.shape {
            change(facts, left_out);
        }
        self
    }

    /// A layout by its name, or by the text of an Apache `LogFormat` (it has a percent sign) or an nginx `log_format` (it
    /// has a dollar sign).
    ///
    /// # Errors
    ///
    /// There is no such name; or as [`Layout::apache`] and [`Layout::nginx`].
    pub fn said(text: &str) -> Result<Self, BadFormat> {
        if let Some(layout) = Self::named(text) {
            return Ok(layout);
        }
        // A variable of nginx may stand beside a percent sign of an address, a directive never beside a dollar sign.
        if text.contains('$') {
            let is_json = text.trim_start().starts_with('{');
            return Self::nginx(text, if is_json { NginxEscape::Json } else { NginxEscape::Default });
        }
        if text.contains('%') {
            return Self::apache(text);
        }
        let names: Vec<_> = Self::names().map(|(name, _)| name).collect();
        Err(BadFormat {
            at: 0,
            why: format!("there is no log format of the name \"{text}\""),
            help: Some(format!(
                "the names are {}; or give the text of a LogFormat or log_format",
                names.join(", ")
            )),
        })
    }

    fn renamed(self, name: &str) -> Self {
        Self { name: name.into(), ..self }
    }
}

/// Of a file that has not said anything yet.
const NO_FACTS: Facts = Facts {
    bytes: BytesMeaning::None,
    moment: LineMoment::End,
    time_step_micros: 1_000_000,
    has_referer: false,
    has_user_agent: false,
    has_duration: false,
    has_host: false,
};

/// The layout's name, or its text.
impl fmt::Display for Layout {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}
