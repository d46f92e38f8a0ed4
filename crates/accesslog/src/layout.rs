//! How lines of a log are laid out, for reading them.

mod apache;

use std::fmt;
use std::sync::Arc;

use crate::format::{BadFormat, Format};
use crate::line::{BytesMeaning, Facts};
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
    Plan(Arc<Plan>),
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

    /// A layout by its name; `None`: there is none of this name.
    ///
    /// | name | layout |
    /// |---|---|
    /// | `common`, `combined`, `vhost_combined` | as [`Format::named`]; what they count as bytes is unclear |
    pub fn named(name: &str) -> Option<Self> {
        let text = match name {
            "common" | "combined" | "vhost_combined" | "tidegate" => Format::named(name)?.to_string(),
            _ => return None,
        };
        let layout = Self::apache(&text).ok()?;
        let bytes = if name == "tidegate" { layout.facts().bytes } else { BytesMeaning::Unclear };
        Some(Self { name: name.into(), ..layout }.with_bytes(bytes))
    }

    /// The names that [`Layout::named`] knows.
    pub const NAMES: [&'static str; 4] = ["tidegate", "vhost_combined", "combined", "common"];

    /// What the layout can say at all.
    pub fn facts(&self) -> Facts {
        match &self.shape {
            Shape::Plan(plan) => plan.facts,
        }
    }

    /// Whether lines of it say how those after them are laid out: they must then be read from the start of a file.
    pub const fn is_stateful(&self) -> bool {
        match &self.shape {
            Shape::Plan(_) => false,
        }
    }

    /// The layout that is in force after these lines; of most the same as before.
    #[must_use]
    pub fn after(&self, _lines: &[u8]) -> Self {
        self.clone()
    }

    /// The same layout, of which somebody knows what it counts as bytes.
    #[must_use]
    pub fn with_bytes(mut self, bytes: BytesMeaning) -> Self {
        match &mut self.shape {
            Shape::Plan(plan) => Arc::make_mut(plan).facts.bytes = bytes,
        }
        self
    }
}

/// The layout's name, or its text.
impl fmt::Display for Layout {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}
