//! What stands in a line beside the common values: kept as places, read only when somebody asks.

use std::borrow::Cow;

use crate::line::Said;
use crate::own::OwnKey;
use crate::text::{Escaping, Text};

/// Where a value stands in its line, in bytes; `None`: `-`.
pub(crate) type Place = Option<(u32, u32)>;

/// What a slot holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SlotName {
    RequestField(Cow<'static, str>),
    ResponseField(Cow<'static, str>),
    Cookie(Cow<'static, str>),
    Own(OwnKey),
}

/// The values of one line beside the common ones.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slots<'a> {
    pub(crate) line: &'a [u8],
    pub(crate) names: &'a [SlotName],
    /// As many as names, or fewer where the line was cut short.
    pub(crate) places: &'a [Option<Place>],
    pub(crate) escaping: Escaping,
}

impl<'a> Slots<'a> {
    /// Of a line that has none.
    pub(crate) const NONE: Self = Self { line: b"", names: &[], places: &[], escaping: Escaping::None };

    pub(crate) fn request_field(&self, wanted: &[u8]) -> Said<Text<'a>> {
        self.find(|name| matches!(name, SlotName::RequestField(name) if same(name, wanted)))
    }

    pub(crate) fn response_field(&self, wanted: &[u8]) -> Said<Text<'a>> {
        self.find(|name| matches!(name, SlotName::ResponseField(name) if same(name, wanted)))
    }

    pub(crate) fn cookie(&self, wanted: &[u8]) -> Said<Text<'a>> {
        self.find(|name| matches!(name, SlotName::Cookie(name) if name.as_bytes() == wanted))
    }

    pub(crate) fn own(&self, wanted: OwnKey) -> Said<Text<'a>> {
        self.find(|name| matches!(name, SlotName::Own(key) if *key == wanted))
    }

    fn find(&self, is_wanted: impl Fn(&SlotName) -> bool) -> Said<Text<'a>> {
        let found =
            self.names.iter().position(is_wanted).and_then(|at| self.places.get(at).copied().flatten());
        match found {
            None => Said::Unknown,
            Some(None) => Said::Absent,
            Some(Some((start, end))) => match self.line.get(start as usize..end as usize) {
                Some(raw) => Said::Known(Text { raw, escaping: self.escaping }),
                None => Said::Unknown,
            },
        }
    }
}

fn same(name: &str, wanted: &[u8]) -> bool {
    name.as_bytes().eq_ignore_ascii_case(wanted)
}
