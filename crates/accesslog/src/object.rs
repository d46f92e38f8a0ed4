//! One line that is a JSON object: its values are found by their names, in whatever order.
#![warn(clippy::indexing_slicing)]

use crate::address;
use crate::layout::Json;
use crate::line::{BadLine, BytesMeaning, Client, Line, LineMoment, Mended, Said};
use crate::moment::{DayCache, Moment, epoch_decimal_micros, epoch_micros};
use crate::names::{HexOf, Name, SLOTS, meaning, slot_of};
use crate::number::{decimal, scaled};
use crate::plan::bytes_worth;
use crate::scan_json::{Scalar, Scanner};
use crate::slots::{Place, Slots};
use crate::target::split_request;
use crate::text::{Escaping, Text};

/// Reads one line.
pub(crate) fn read_object<'a>(
    json: Json,
    text: &'a [u8],
    cache: &mut DayCache,
    places: &'a mut Vec<Option<Place>>,
) -> Result<Line<'a>, BadLine> {
    places.clear();
    places.resize(SLOTS.len(), None);
    let mut object = Object {
        json,
        text,
        line: Line::empty(),
        cache,
        places,
        time: None,
        bytes_rank: 0,
        is_client_sure: false,
        bad: None,
    };
    let ended = Scanner::new(text).object(&mut |parent, name, value| object.put(parent, name, value));
    if let Some(bad) = object.bad {
        return Err(bad);
    }
    let has_answer = object.line.status != 0 || object.line.bytes != Said::Unknown;
    match (ended, object.time) {
        (Ok(()), Some(_)) => {}
        (Err(_), Some(_)) if has_answer => object.line.mended = Some(Mended::CutShort),
        (Err(bad), _) => return Err(bad),
        (Ok(()), None) => {
            return Err(BadLine { at: 0, why: "the object has no time under a name that is known" });
        }
    }
    Ok(object.finish())
}

/// An object while it is read.
struct Object<'a, 'c> {
    json: Json,
    text: &'a [u8],
    line: Line<'a>,
    cache: &'c mut DayCache,
    places: &'a mut Vec<Option<Place>>,
    time: Option<LineMoment>,
    bytes_rank: u32,
    is_client_sure: bool,
    bad: Option<BadLine>,
}

impl<'a> Object<'a, '_> {
    fn put(&mut self, parent: &[u8], name: &[u8], value: Scalar<'a>) {
        let Some(found) = meaning(self.json, parent, name) else { return };
        let Scalar { raw, at, .. } = value;
        if !self.take(found, value) {
            self.bad = self.bad.or(Some(BadLine { at, why: "this value is not what its name says" }));
        }
        if let Some(place) = slot_of(found).and_then(|slot| self.places.get_mut(slot)) {
            *place = Some(place_of(raw, at, value.is_null()));
        }
    }

    /// Whether the value is of the kind that its name says.
    fn take(&mut self, name: Name, value: Scalar<'a>) -> bool {
        let raw = value.raw;
        let text = Text { raw, escaping: Escaping::Json };
        let said = if value.is_null() || raw == b"-" { Said::Absent } else { Said::Known(text) };
        match name {
            Name::Time(moment) => return self.take_time(raw, moment),
            Name::ArrivalMicros => return self.set_time(epoch_micros(raw, 6), LineMoment::Arrival),
            Name::Client => self.take_client(raw, false),
            Name::ClientSure => self.take_client(raw, true),
            Name::User => self.line.user = said.known().filter(|text| !text.is_empty()),
            Name::Request if self.line.method.is_empty() => {
                let split = split_request(raw);
                (self.line.method, self.line.protocol) = (split.method, split.protocol);
                self.line.target = Text { raw: split.target, ..text };
            }
            Name::Method => self.line.method = if value.is_null() { b"" } else { raw },
            Name::Target => self.line.target = said.known().unwrap_or(Text::EMPTY),
            Name::Query => self.line.query = said.known().filter(|text| !text.is_empty()),
            Name::Protocol => self.line.protocol = if value.is_null() { b"" } else { raw },
            Name::Status => {
                let status = if value.is_null() { Some(0) } else { decimal(raw) };
                let status = status.filter(|status| *status < 1_000);
                let Some(status) = status.and_then(|status| u16::try_from(status).ok()) else { return false };
                self.line.status = status;
            }
            Name::Bytes(meaning) => return self.take_bytes(value, meaning),
            Name::Duration(power) => return self.take_duration(value, power),
            Name::Referer => self.line.referer = empty_is_absent(said),
            Name::UserAgent => self.line.user_agent = empty_is_absent(said),
            Name::VirtualServer => self.line.virtual_server = empty_is_absent(said),
            Name::Host => self.line.host = empty_is_absent(said),
            Name::State => self.line.is_aborted = Said::Known(raw == b"aborted"),
            Name::Hex(of) => self.take_hex(of, Text { raw, escaping: Escaping::Hex }),
            Name::Request | Name::Own(_) | Name::Field(_) => {}
        }
        true
    }

    /// The exact bytes of a value that stands there in another way.
    fn take_hex(&mut self, of: HexOf, text: Text<'a>) {
        match of {
            HexOf::Target => self.line.target = text,
            HexOf::Referer => self.line.referer = Said::Known(text),
            HexOf::UserAgent => self.line.user_agent = Said::Known(text),
            HexOf::Host => self.line.host = Said::Known(text),
            HexOf::User => self.line.user = Some(text),
        }
    }

    fn take_client(&mut self, raw: &'a [u8], is_sure: bool) {
        if is_sure || !self.is_client_sure {
            self.line.client = address::client_with_port(raw);
            self.is_client_sure = is_sure;
        }
    }

    fn take_bytes(&mut self, value: Scalar<'a>, meaning: BytesMeaning) -> bool {
        let rank = bytes_worth(meaning);
        if rank <= self.bytes_rank {
            return true;
        }
        let bytes =
            if value.is_null() || matches!(value.raw, b"-" | b"") { Some(0) } else { decimal(value.raw) };
        self.bytes_rank = rank;
        self.line.bytes = bytes.map_or(Said::Unknown, Said::Known);
        bytes.is_some()
    }

    fn take_duration(&mut self, value: Scalar<'a>, power: i32) -> bool {
        if value.is_null() || matches!(value.raw, b"-" | b"") {
            return true;
        }
        let micros = match u32::try_from(power) {
            Ok(power) => scaled(value.raw, power),
            // Nanoseconds.
            Err(_) => scaled(value.raw, 0).map(|nanos| nanos / 1_000),
        };
        // A duration that is a text with its unit (`1.3ms`) is left out, the line is not.
        self.line.duration_micros = micros.map_or(Said::Unknown, Said::Known);
        true
    }

    fn take_time(&mut self, raw: &[u8], moment: LineMoment) -> bool {
        let clf = raw.strip_prefix(b"[").and_then(|raw| raw.strip_suffix(b"]")).unwrap_or(raw);
        let found = clf.try_into().ok().and_then(|text| self.cache.clf(text)).or_else(|| self.cache.iso(raw));
        if let Some(Moment { unix_micros, utc_offset_seconds }) = found {
            self.line.utc_offset_seconds = utc_offset_seconds;
            return self.set_time(Some(unix_micros), moment);
        }
        self.set_time(epoch_of_any_unit(raw), moment)
    }

    /// The first time counts, but the arrival before all others.
    fn set_time(&mut self, unix_micros: Option<i64>, moment: LineMoment) -> bool {
        let is_better = self.time.is_none() || moment == LineMoment::Arrival;
        if let Some(unix_micros) = unix_micros.filter(|_| is_better) {
            self.line.at_unix_micros = unix_micros;
            self.time = Some(moment);
        }
        unix_micros.is_some()
    }

    fn finish(mut self) -> Line<'a> {
        if self.time == Some(LineMoment::End)
            && let Said::Known(duration) = self.line.duration_micros
        {
            self.line.at_unix_micros = self.line.at_unix_micros.saturating_sub_unsigned(duration);
        }
        if self.line.status == 499 {
            self.line.is_aborted = Said::Known(true);
        }
        self.line.slots =
            Slots { line: self.text, names: SLOTS, places: self.places, escaping: Escaping::Json };
        let is_hidden = match self.line.client {
            Client::Address(peer) => address::is_private(peer),
            Client::Name(name) => name.is_empty(),
        };
        if is_hidden
            && let Said::Known(list) = self.line.slots.request_field(b"X-Forwarded-For")
            && let Some(client) = address::forwarded(list.raw)
        {
            self.line.client = Client::Address(client);
        }
        self.line
    }
}

/// Seconds, or thousandths, millionths, billionths of them: told by their size, which is certain for times from 1973 on.
fn epoch_of_any_unit(raw: &[u8]) -> Option<i64> {
    let whole = raw.iter().position(|byte| *byte == b'.' || *byte == b'e').unwrap_or(raw.len());
    match whole {
        0..=11 => epoch_decimal_micros(raw),
        12..=14 => epoch_micros(raw.get(..whole)?, 3),
        15..=17 => epoch_micros(raw.get(..whole)?, 6),
        _ => Some(epoch_micros(raw.get(..whole)?, 6)? / 1_000),
    }
}

fn empty_is_absent(said: Said<Text<'_>>) -> Said<Text<'_>> {
    if matches!(said, Said::Known(text) if text.is_empty()) { Said::Absent } else { said }
}

#[expect(clippy::cast_possible_truncation, reason = "places within a line, which has less than 4 GiB")]
fn place_of(raw: &[u8], at: usize, is_null: bool) -> Place {
    (!is_null).then_some((at as u32, (at + raw.len()) as u32))
}
