//! One line by its plan: each value is found by what ends it, and put where it belongs.
#![warn(clippy::indexing_slicing)]
#![expect(clippy::inline_always, reason = "measured: a line is a dozen of these small steps")]

use crate::address;
use crate::line::{BadLine, Client, Line, Mended, Said};
use crate::moment::{self, DayCache, Moment, Parts, TimeText};
use crate::number::{decimal, scaled};
use crate::plan::{End, Kind, Plan, Step, What};
use crate::slots::{Place, Slots};
use crate::target::split_request;
use crate::text::{Escaping, Text};

/// Reads one line without its end. The hot path of all reading: what is small is done in place, and the line is built
/// where it stays.
pub(crate) fn run<'a>(
    plan: &'a Plan,
    text: &'a [u8],
    cache: &mut DayCache,
    places: &'a mut Vec<Option<Place>>,
) -> Result<Line<'a>, BadLine> {
    // Most layouts begin with a value, and a comparison of nothing is a call all the same.
    if !plan.start.is_empty() && !text.starts_with(&plan.start) {
        return Err(BadLine { at: 0, why: "the line begins in another way than its format" });
    }
    places.clear();
    if !plan.slots.is_empty() {
        places.resize(plan.slots.len(), None);
    }
    let mut reading = Reading { line: Line::empty(), cache, parts: Parts::NONE, escaping: plan.escaping };
    let mut at = plan.start.len();
    for (index, step) in plan.steps.iter().enumerate() {
        let rest = text.get(at..).unwrap_or_default();
        let found = match step.kind {
            Kind::Clf => ends_after(rest, CLF_BYTES, &step.end),
            Kind::Seldom => reading.find_seldom(step, rest, at)?,
            _ if plan.may_quote && rest.first() == Some(&b'"') => quoted_end(rest, &step.end),
            _ => end_of_value(rest, &step.end),
        };
        let (length, is_cut_short) = match found {
            Some(length) => (length, false),
            None if index + 1 >= plan.steps_needed => (rest.len(), true),
            None => return Err(BadLine { at, why: missing(&step.what) }),
        };
        let value = rest.get(..length).unwrap_or_default();
        reading.put(step, value, at)?;
        if let Some(place) = step.slot.and_then(|slot| places.get_mut(slot)) {
            *place = Some(place_of(value, at));
        }
        if is_cut_short {
            reading.line.mended = Some(Mended::CutShort);
            break;
        }
        at += length + step.end.len();
    }
    if at < text.len() && reading.line.mended.is_none() {
        reading.line.mended = Some(Mended::MoreAtEnd);
    }
    reading.finish(plan, text, places)?;
    Ok(reading.line)
}

/// A line while it is read.
struct Reading<'a, 'c> {
    line: Line<'a>,
    cache: &'c mut DayCache,
    parts: Parts,
    escaping: Escaping,
}

impl<'a> Reading<'a, '_> {
    /// How long a value is that says so itself; `None`: what should end it does not come.
    #[inline(never)]
    fn find_seldom(&mut self, step: &Step, rest: &[u8], at: usize) -> Result<Option<usize>, BadLine> {
        let length = match &step.what {
            What::Zone => CLF_BYTES,
            What::Time(TimeText::Parts(parts)) => match self.parts.read(parts, rest) {
                Some(length) => length,
                None => return Err(BadLine { at, why: NO_TIME }),
            },
            What::Fraction => rest.iter().take_while(|byte| byte.is_ascii_digit()).count(),
            What::SkipList => return Ok(end_of_list(rest, &step.end)),
            _ => return Ok(end_of_value(rest, &step.end)),
        };
        Ok(ends_after(rest, length, &step.end))
    }

    /// Puts a value where it belongs.
    #[inline(always)]
    fn put(&mut self, step: &Step, value: &'a [u8], at: usize) -> Result<(), BadLine> {
        let bad = |why| BadLine { at, why };
        match step.kind {
            Kind::Skip => {}
            Kind::Client => self.line.client = address::client(value),
            Kind::User => self.line.user = (value != b"-" && !value.is_empty()).then_some(self.text(value)),
            Kind::Clf => {
                let moment = value.try_into().ok().and_then(|text| self.cache.clf(text));
                self.set(moment.ok_or(bad(NO_TIME))?);
            }
            Kind::RequestLine => {
                let split = split_request(value);
                (self.line.method, self.line.protocol) = (split.method, split.protocol);
                self.line.target = Text { raw: split.target, escaping: self.escaping };
            }
            Kind::Status => self.line.status = status(value).ok_or(bad("the status is no number"))?,
            Kind::Bytes => self.line.bytes = bytes(value).ok_or(bad("the bytes are no number"))?,
            Kind::Referer => self.line.referer = self.said(value),
            Kind::UserAgent => self.line.user_agent = self.said_by_agent(value),
            Kind::Seldom => return self.put_seldom(&step.what, value, at),
        }
        Ok(())
    }

    /// What the usual formats do not have.
    #[inline(never)]
    fn put_seldom(&mut self, what: &What, value: &'a [u8], at: usize) -> Result<(), BadLine> {
        let bad = |why| BadLine { at, why };
        match what {
            What::ClientWithPort => self.line.client = address::client_with_port(value),
            What::VirtualServer => self.line.virtual_server = self.said(value),
            What::Host => self.line.host = self.said(value),
            What::Method => self.line.method = if value == b"-" { b"" } else { value },
            What::Target | What::Path => {
                self.line.target = if value == b"-" { Text::EMPTY } else { self.text(value) };
            }
            What::Query => {
                let query = value.strip_prefix(b"?").unwrap_or(value);
                self.line.query = (query != b"-" && !query.is_empty()).then_some(self.text(query));
            }
            What::Protocol => self.line.protocol = if value == b"-" { b"" } else { value },
            What::Duration(power) => {
                self.line.duration_micros = duration(value, *power).ok_or(bad(NO_DURATION))?;
            }
            What::State => self.line.is_aborted = Said::Known(value == b"X"),
            What::Win32Status => self.line.is_aborted = Said::Known(matches!(value, b"64" | b"1236")),
            What::EdgeResult => self.line.is_aborted = Said::Known(value == b"ClientCommError"),
            What::Completion => self.line.is_aborted = Said::Known(value != b"OK"),
            What::DurationPart => self.add_duration(duration(value, 6).ok_or(bad(NO_DURATION))?),
            What::Timers => {
                let whole = value.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
                let whole = whole.strip_prefix(b"+").unwrap_or(whole);
                self.line.duration_micros = duration(whole, 3).ok_or(bad(NO_DURATION))?;
            }
            What::Termination => self.line.is_aborted = Said::Known(value.starts_with(b"C")),
            What::Zone => {
                let moment = value.try_into().ok().and_then(|text| self.cache.clf(text));
                self.line.utc_offset_seconds = moment.ok_or(bad(NO_TIME))?.utc_offset_seconds;
            }
            What::Fraction => self.parts.micros = moment::fraction_micros(value).ok_or(bad(NO_TIME))?,
            What::Time(time) => self.put_time(time, value).ok_or(bad(NO_TIME))?,
            _ => {}
        }
        Ok(())
    }

    fn put_time(&mut self, time: &TimeText, value: &[u8]) -> Option<()> {
        match time {
            TimeText::Clf => {
                let moment = self.cache.clf(value.try_into().ok()?)?;
                self.set(moment);
            }
            TimeText::Iso => {
                let moment = self.cache.iso(value)?;
                self.set(moment);
            }
            TimeText::Epoch(power) => self.line.at_unix_micros = moment::epoch_micros(value, *power)?,
            TimeText::EpochDecimal => self.line.at_unix_micros = moment::epoch_decimal_micros(value)?,
            TimeText::ClfMillis => {
                let (minute, fraction) = value.split_first_chunk::<20>()?;
                let mut text = *b"01/Jan/1970:00:00:00 +0000";
                text.first_chunk_mut::<20>()?.copy_from_slice(minute);
                let moment = self.cache.clf(&text)?;
                self.set(moment);
                self.line.at_unix_micros += moment::fraction_micros(fraction.strip_prefix(b".")?)?;
            }
            // Read while its end was looked for.
            TimeText::Parts(_) => {}
            TimeText::Date => self.parts.set_days(self.cache.date(value.try_into().ok()?)?),
            TimeText::Clock => self.parts.set_clock(value)?,
        }
        Some(())
    }

    /// A load balancer says three parts of the duration, and less than nothing for one that did not come about.
    fn add_duration(&mut self, part: Said<u64>) {
        if let Said::Known(part) = part {
            let before = self.line.duration_micros.known().unwrap_or(0);
            self.line.duration_micros = Said::Known(before.saturating_add(part));
        }
    }

    fn set(&mut self, moment: Moment) {
        self.line.at_unix_micros = moment.unix_micros;
        self.line.utc_offset_seconds = moment.utc_offset_seconds;
    }

    const fn text(&self, raw: &'a [u8]) -> Text<'a> {
        Text { raw, escaping: self.escaping }
    }

    /// A value for which a dash means none.
    fn said(&self, value: &'a [u8]) -> Said<Text<'a>> {
        let is_absent = match value {
            b"-" => true,
            // Only Apache tells an empty field from none.
            [] => self.escaping != Escaping::Backslash,
            _ => false,
        };
        if is_absent { Said::Absent } else { Said::Known(self.text(value)) }
    }

    /// CloudFront escapes programs once more than the rest.
    fn said_by_agent(&self, value: &'a [u8]) -> Said<Text<'a>> {
        match (self.said(value), self.escaping) {
            (Said::Known(text), Escaping::Percent(times)) => {
                Said::Known(Text { escaping: Escaping::Percent(times + 1), ..text })
            }
            (said, _) => said,
        }
    }

    #[inline]
    fn finish(&mut self, plan: &'a Plan, text: &'a [u8], places: &'a [Option<Place>]) -> Result<(), BadLine> {
        if plan.is_time_composed {
            self.compose_time(plan)?;
        }
        let line = &mut self.line;
        if plan.takes_duration_off
            && let Said::Known(duration) = line.duration_micros
        {
            line.at_unix_micros = line.at_unix_micros.saturating_sub_unsigned(duration);
        }
        if plan.has_host_in_target {
            line.host = host_of(line.target);
        }
        if line.status == 499 || (line.status == 460 && plan.has_host_in_target) {
            line.is_aborted = Said::Known(true);
        }
        for (what, statuses) in &plan.conditions {
            if !statuses.admit(line.status) {
                forget(line, what);
            }
        }
        if !plan.slots.is_empty() {
            line.slots = Slots { line: text, names: &plan.slots, places, escaping: plan.escaping };
            if let Some(slot) = plan.forwarded {
                look_behind_proxy(line, places.get(slot).copied().flatten().flatten());
            }
        }
        Ok(())
    }

    fn compose_time(&mut self, plan: &Plan) -> Result<(), BadLine> {
        let is_whole = plan.steps.iter().any(|step| matches!(step.what, What::Time(TimeText::Clf)));
        if is_whole {
            self.line.at_unix_micros += self.parts.micros;
        } else {
            let moment = self.parts.moment().ok_or(BadLine { at: 0, why: NO_TIME })?;
            self.set(moment);
        }
        Ok(())
    }
}

/// The host of an absolute target.
fn host_of(target: Text<'_>) -> Said<Text<'_>> {
    let Some(scheme) = memchr::memmem::find(target.raw, b"://").filter(|at| *at < 10) else {
        return Said::Absent;
    };
    let rest = target.raw.get(scheme + 3..).unwrap_or_default();
    let end = memchr::memchr3(b'/', b'?', b'#', rest).unwrap_or(rest.len());
    Said::Known(Text { raw: rest.get(..end).unwrap_or_default(), ..target })
}

/// A place that its format leaves empty for this status says nothing.
fn forget(line: &mut Line<'_>, what: &What) {
    match what {
        What::Referer => line.referer = Said::Unknown,
        What::UserAgent => line.user_agent = Said::Unknown,
        What::Host => line.host = Said::Unknown,
        What::VirtualServer => line.virtual_server = Said::Unknown,
        What::Bytes(_) => line.bytes = Said::Unknown,
        What::Duration(_) => line.duration_micros = Said::Unknown,
        What::State => line.is_aborted = Said::Unknown,
        _ => {}
    }
}

/// Behind a proxy of one's own, or without a client, the client is whom the proxy names.
fn look_behind_proxy(line: &mut Line<'_>, forwarded: Place) {
    let is_hidden = match line.client {
        Client::Address(peer) => address::is_private(peer),
        Client::Name(name) => name.is_empty(),
    };
    let Some((start, end)) = forwarded.filter(|_| is_hidden) else { return };
    let list = line.slots.line.get(start as usize..end as usize).unwrap_or_default();
    if let Some(client) = address::forwarded(list) {
        line.client = Client::Address(client);
    }
}

/// How far it is to what ends a value.
#[inline(always)]
fn end_of_value(rest: &[u8], end: &End) -> Option<usize> {
    match end {
        End::Blank => near(b' ', rest),
        End::Quote(text) => quote_end(rest, text),
        End::OfLine => Some(rest.len()),
        End::Text(text) => text_end(rest, text),
    }
}

/// Whether what ends a value of this length comes after it.
#[inline(always)]
fn ends_after(rest: &[u8], length: usize, end: &End) -> Option<usize> {
    let after = rest.get(length..)?;
    let ends = match end {
        End::OfLine => true,
        End::Blank => after.first() == Some(&b' '),
        End::Quote(text) | End::Text(text) => begins(after, text),
    };
    ends.then_some(length)
}

/// A byte that is nearly always among the next few: eight at a time in one number cost less than the call that looks at
/// many.
#[inline(always)]
fn near(wanted: u8, rest: &[u8]) -> Option<usize> {
    let (chunks, _) = rest.as_chunks::<8>();
    let mut at = 0;
    for chunk in chunks.iter().take(NEAR_CHUNKS) {
        // Of the bytes that are wanted the lowest has its highest bit set; a borrow reaches only higher ones.
        let unlike = u64::from_le_bytes(*chunk) ^ (u64::from(wanted) * ONES);
        let found = unlike.wrapping_sub(ONES) & !unlike & (0x80 * ONES);
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let rest = rest.get(at..)?;
    if rest.len() < 8 {
        return Some(at + rest.iter().position(|byte| *byte == wanted)?);
    }
    Some(at + memchr::memchr(wanted, rest)?)
}

const ONES: u64 = u64::from_le_bytes([1; 8]);

/// As long as most values are; a search that goes on is worth a call.
const NEAR_CHUNKS: usize = 6;

/// The first quote that no backslash escapes and that goes on as it should. What comes last in a line may be followed by
/// more after a blank.
#[inline(always)]
fn quote_end(rest: &[u8], text: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let quote = from + near(b'"', rest.get(from..)?)?;
        if !is_escaped(rest, quote) && goes_on(rest.get(quote..)?, text) {
            return Some(quote);
        }
        from = quote + 1;
    }
}

#[inline(always)]
fn goes_on(rest: &[u8], text: &[u8]) -> bool {
    begins(rest, text) && (text.len() > 1 || matches!(rest.get(1), None | Some(b' ')))
}

/// As `starts_with`, for texts of two or three bytes nearly always.
#[inline(always)]
fn begins(rest: &[u8], text: &[u8]) -> bool {
    match text.len() {
        1 => rest.first() == text.first(),
        2 => rest.first_chunk::<2>() == text.first_chunk(),
        3 => rest.first_chunk::<3>() == text.first_chunk(),
        _ => rest.starts_with(text),
    }
}

/// Whether an odd number of backslashes stands before a byte.
#[inline(always)]
fn is_escaped(rest: &[u8], at: usize) -> bool {
    match rest.get(..at) {
        Some(before @ [.., b'\\']) => before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1,
        _ => false,
    }
}

/// The end of a value that stands in quotes although its format has none for it.
fn quoted_end(rest: &[u8], end: &End) -> Option<usize> {
    let close = memchr::memchr(b'"', rest.get(1..)?)? + 2;
    Some(close + end_of_value(rest.get(close..)?, end)?)
}

#[inline(always)]
fn text_end(rest: &[u8], text: &[u8]) -> Option<usize> {
    let first = *text.first()?;
    let mut from = 0;
    loop {
        let place = from + near(first, rest.get(from..)?)?;
        if begins(rest.get(place..)?, text) {
            return Some(place);
        }
        from = place + 1;
    }
}

/// A list goes on where a comma or a colon stands before the blank, or a colon after it.
fn end_of_list(rest: &[u8], end: &End) -> Option<usize> {
    let mut from = 0;
    loop {
        let place = from + end_of_value(rest.get(from..)?, end)?;
        let before = place.checked_sub(1).and_then(|last| rest.get(last));
        if *end != End::Blank || !(matches!(before, Some(b',' | b':')) || rest.get(place + 1) == Some(&b':'))
        {
            return Some(place);
        }
        from = place + 1;
    }
}

#[inline(always)]
fn status(value: &[u8]) -> Option<u16> {
    match *value {
        [a, b, c] if a.is_ascii_digit() && b.is_ascii_digit() && c.is_ascii_digit() => {
            Some(u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0'))
        }
        [b'-'] => Some(0),
        _ => decimal(value)?.try_into().ok().filter(|status| *status < 1_000),
    }
}

#[inline(always)]
fn bytes(value: &[u8]) -> Option<Said<u64>> {
    if value == b"-" { Some(Said::Known(0)) } else { decimal(value).map(Said::Known) }
}

fn duration(value: &[u8], power: u32) -> Option<Said<u64>> {
    if value == b"-" || value.starts_with(b"-") {
        Some(Said::Absent)
    } else {
        scaled(value, power).map(Said::Known)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "places within a line, which has less than 4 GiB")]
fn place_of(value: &[u8], at: usize) -> Place {
    (value != b"-").then_some((at as u32, (at + value.len()) as u32))
}

fn missing(what: &What) -> &'static str {
    match what {
        What::Client | What::ClientWithPort => "the line ends after the client",
        What::Time(_) | What::Zone | What::Fraction => NO_TIME,
        What::RequestLine | What::Target | What::Path => "the request does not end",
        What::Status => "the line ends before or with the status",
        What::Bytes(_) => "the line ends before or with the bytes",
        _ => "the line ends before its format does",
    }
}

/// `10/Oct/2000:13:55:36 -0700`.
const CLF_BYTES: usize = 26;

const NO_DURATION: &str = "the duration is no number";

const NO_TIME: &str = "there is no time here that could be read";
