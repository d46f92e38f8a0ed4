//! Lengths of time, sizes and bit rates, as operators write them.

use super::read::{Reader, Say};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use source::{Span, nearest};
use std::borrow::Cow;
use std::num::NonZeroU64;
use std::time::Duration;
use toml::de::DeValue;

/// A length of time from `MIN_MS` milliseconds to a day; a bare number counts seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Length<const MIN_MS: u64>(pub(crate) Duration);

/// A number of bytes between two bounds, both included; a bare number counts bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size<const MIN: u64, const MAX: u64>(pub(crate) u64);

/// A bit rate; a bare number counts kbit/s, as in the traffic manager this language comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BitRate {
    /// Whole thousands of bits per second, 1 to 20,000,000.
    pub(crate) kbit_per_second: u32,
}

/// A number with its unit, and what one of it is worth.
type Unit = (&'static str, u64);

/// In milliseconds.
const LENGTHS: &[Unit] = &[("ms", 1), ("s", 1_000), ("m", 60_000), ("min", 60_000), ("h", 3_600_000)];
/// In bytes.
const SIZES: &[Unit] = &[
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];
/// In bits per second. Only bits: a rate in bytes would be read eight times too small or too large by somebody.
const RATES: &[Unit] = &[
    ("bit/s", 1),
    ("kbit/s", 1_000),
    ("Mbit/s", 1_000_000),
    ("Gbit/s", 1_000_000_000),
    ("kbps", 1_000),
    ("Mbps", 1_000_000),
    ("Gbps", 1_000_000_000),
];

/// The longest length of time that means a limit at all.
const DAY_MS: u64 = 24 * 3_600_000;
/// Bounds of a bandwidth class in kbit/s.
const KBIT_MIN: u64 = 1;
const KBIT_MAX: u64 = 20_000_000;

impl BitRate {
    /// The rate in bytes per second; a kbit is 1,000 bits.
    pub(crate) fn bytes_per_second(self) -> NonZeroU64 {
        NonZeroU64::new(u64::from(self.kbit_per_second) * 125).unwrap_or(NonZeroU64::MIN)
    }
}

impl<const MIN_MS: u64> Say for Length<MIN_MS> {
    fn expected() -> String {
        "a length of time such as \"10s\", \"500ms\" or \"2m\" (a bare number counts seconds)".to_owned()
    }

    fn read(value: &DeValue<'_>, span: Span, reader: &mut Reader<'_>) -> Option<Self> {
        let milliseconds = read_quantity::<Self>(value, span, reader, ("s", LENGTHS))?;
        if milliseconds < MIN_MS {
            let least = if MIN_MS <= 1 { "0 is not a limit here".to_owned() } else { shortest(MIN_MS) };
            reader.bad_text(span, least, "the longest is \"24h\"");
            return None;
        }
        if milliseconds > DAY_MS {
            reader.bad_text(span, "this is longer than a day", "the longest is \"24h\"");
            return None;
        }
        Some(Self(Duration::from_millis(milliseconds)))
    }
}

fn shortest(milliseconds: u64) -> String {
    format!("this is too short: the shortest is {milliseconds} ms")
}

impl<const MIN_MS: u64> JsonSchema for Length<MIN_MS> {
    fn schema_name() -> Cow<'static, str> {
        if MIN_MS == 0 { "Length" } else { "PositiveLength" }.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        quantity_schema(&Self::expected(), LENGTHS)
    }
}

impl<const MIN: u64, const MAX: u64> Say for Size<MIN, MAX> {
    fn expected() -> String {
        "a size such as \"64 KiB\" or \"1 MB\" (a bare number counts bytes)".to_owned()
    }

    fn read(value: &DeValue<'_>, span: Span, reader: &mut Reader<'_>) -> Option<Self> {
        let bytes = read_quantity::<Self>(value, span, reader, ("B", SIZES))?;
        if !(MIN..=MAX).contains(&bytes) {
            let bounds = format!("between {} and {}", size_text(MIN), size_text(MAX));
            reader.bad_text(span, format!("expected a size {bounds}"), "");
            return None;
        }
        Some(Self(bytes))
    }
}

impl<const MIN: u64, const MAX: u64> JsonSchema for Size<MIN, MAX> {
    fn schema_name() -> Cow<'static, str> {
        format!("Size_{MIN}_{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        quantity_schema(&Self::expected(), SIZES)
    }
}

/// A part of the machine's memory, or a number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryShare {
    /// 1 to 90 hundredths of it.
    Percent(u32),
    /// So many, whatever the machine has.
    Bytes(u64),
}

/// Hundredths of the memory, at most: the rest of the process wants to live too.
const PERCENT_MAX: u32 = 90;

impl Default for MemoryShare {
    fn default() -> Self {
        Self::Percent(crate::limits::DATA_PERCENT)
    }
}

impl MemoryShare {
    /// The bytes, on a machine with so much memory.
    pub fn bytes(self, memory_bytes: Option<u64>) -> u64 {
        match (self, memory_bytes) {
            (Self::Bytes(bytes), _) => bytes,
            (Self::Percent(percent), Some(memory)) => memory / 100 * u64::from(percent),
            (Self::Percent(_), None) => crate::limits::DATA_BYTES,
        }
    }
}

impl Say for MemoryShare {
    fn expected() -> String {
        "a part of the memory such as \"5 %\", or a size such as \"256 MiB\" (a bare number counts bytes)"
            .to_owned()
    }

    fn read(value: &DeValue<'_>, span: Span, reader: &mut Reader<'_>) -> Option<Self> {
        let Some(percent) = value.as_str().and_then(|text| text.trim().strip_suffix('%')) else {
            return read_quantity::<Self>(value, span, reader, ("B", SIZES)).map(Self::Bytes);
        };
        let percent = percent.trim().parse().ok().filter(|percent| (1..=PERCENT_MAX).contains(percent));
        if percent.is_none() {
            reader.bad_text(span, format!("expected a whole number of percent, 1 to {PERCENT_MAX}"), "");
        }
        percent.map(Self::Percent)
    }
}

impl JsonSchema for MemoryShare {
    fn schema_name() -> Cow<'static, str> {
        "MemoryShare".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": Self::expected(),
            "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string" }],
        })
    }
}

impl Say for BitRate {
    fn expected() -> String {
        "a bit rate such as \"800 kbit/s\" or \"8 Mbit/s\" (a bare number counts kbit/s)".to_owned()
    }

    fn read(value: &DeValue<'_>, span: Span, reader: &mut Reader<'_>) -> Option<Self> {
        let bits = read_quantity::<Self>(value, span, reader, ("kbit/s", RATES))?;
        let kbit = bits / 1_000;
        if !bits.is_multiple_of(1_000) {
            reader.bad_text(span, "expected a whole number of kbit/s", "1 kbit/s is 1,000 bits per second");
            return None;
        }
        let within = u32::try_from(kbit).ok().filter(|_| (KBIT_MIN..=KBIT_MAX).contains(&kbit));
        if within.is_none() {
            reader.bad_text(span, "expected a rate from 1 kbit/s to 20,000,000 kbit/s (20 Gbit/s)", "");
        }
        within.map(|kbit_per_second| Self { kbit_per_second })
    }
}

impl JsonSchema for BitRate {
    fn schema_name() -> Cow<'static, str> {
        "BitRate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        quantity_schema(&Self::expected(), RATES)
    }
}

/// The bytes as a person would write them.
pub(crate) fn size_text(bytes: u64) -> String {
    let unit = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match unit.iter().find(|(_, worth)| bytes >= *worth && bytes.is_multiple_of(*worth)) {
        Some((name, worth)) => format!("{} {name}", bytes / worth),
        None => format!("{bytes} bytes"),
    }
}

/// The length as a person would write it.
pub(crate) fn length_text(length: Duration) -> String {
    let milliseconds = length.as_millis();
    if milliseconds.is_multiple_of(1_000) {
        format!("{} s", milliseconds / 1_000)
    } else {
        format!("{milliseconds} ms")
    }
}

/// The rate as a person would write it.
pub(crate) fn rate_text(bytes_per_second: u64) -> String {
    let bits = bytes_per_second.saturating_mul(8);
    let units = [("Gbit/s", 1_000_000_000), ("Mbit/s", 1_000_000), ("kbit/s", 1_000)];
    match units.iter().find(|(_, worth)| bits >= *worth && bits.is_multiple_of(*worth)) {
        Some((name, worth)) => format!("{} {name}", bits / worth),
        None => format!("{bits} bit/s"),
    }
}

/// A number with a unit, or a bare one that counts `bare` units, in the smallest unit of the table.
fn read_quantity<T: Say>(
    value: &DeValue<'_>,
    span: Span,
    reader: &mut Reader<'_>,
    (bare, units): (&str, &[Unit]),
) -> Option<u64> {
    let (number, unit) = match value {
        DeValue::Integer(number) if number.radix() == 10 => (number.as_str(), bare),
        DeValue::Float(number) => (number.as_str(), bare),
        DeValue::String(text) => split(text, bare),
        other => {
            reader.wrong_type::<T>(other, span);
            return None;
        }
    };
    let Some((_, worth)) = units.iter().find(|(name, _)| *name == unit) else {
        let (why, help) = unit_fault::<T>(number, unit, units);
        reader.bad_text(span, why, &help);
        return None;
    };
    let amount = scaled(number, *worth);
    if amount.is_none() {
        reader.bad_text(span, format!("expected {}", T::expected()), "");
    }
    amount
}

/// The number and the unit of a text; a text without a unit has the bare one.
fn split<'t>(text: &'t str, bare: &'t str) -> (&'t str, &'t str) {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(text.len());
    let unit = text[end..].trim_start();
    (&text[..end], if unit.is_empty() { bare } else { unit })
}

/// What is wrong with a unit, and what to write instead.
fn unit_fault<T: Say>(number: &str, unit: &str, units: &[Unit]) -> (String, String) {
    let in_bits = units.iter().any(|(name, _)| *name == "kbit/s");
    let lower = unit.to_ascii_lowercase();
    if number.is_empty() {
        return (format!("expected {}", T::expected()), String::new());
    }
    if in_bits && let Some((prefix, bits)) = bytes_as_bits(unit, number) {
        let why = format!("`{}` counts bytes, and a bandwidth is counted in bits", super::read::shown(unit));
        return (why, format!("{number} {unit} are \"{bits} {prefix}bit/s\""));
    }
    let why = format!("there is no unit `{}` here", super::read::shown(unit));
    let same = units.iter().map(|(name, _)| *name).find(|name| name.to_ascii_lowercase() == lower);
    let help = match same.or_else(|| nearest(unit, units.iter().map(|(name, _)| *name))) {
        Some(near) => format!("did you mean \"{number} {near}\"?"),
        None => format!("expected {}", T::expected()),
    };
    (why, help)
}

/// `MB/s` and kin: the prefix, and the number times eight.
fn bytes_as_bits(unit: &str, number: &str) -> Option<(&'static str, u64)> {
    let stem = unit.strip_suffix("/s").or_else(|| unit.strip_suffix("ps")).unwrap_or(unit);
    let prefix = match stem {
        "B" => "",
        "kB" | "KB" | "KiB" => "k",
        "MB" | "MiB" => "M",
        "GB" | "GiB" => "G",
        _ => return None,
    };
    scaled(number, 8).map(|bits| (prefix, bits))
}

/// The decimal number times the worth of its unit, if that is whole and fits; exact, without floating point.
fn scaled(number: &str, worth: u64) -> Option<u64> {
    let number = number.replace('_', "");
    let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty()
        || !digits(whole)
        || !digits(fraction)
        || (number.contains('.') && fraction.is_empty())
    {
        return None;
    }
    let mut amount = u128::from(whole.parse::<u64>().ok()?) * u128::from(worth);
    let fraction = fraction.trim_end_matches('0');
    if !fraction.is_empty() {
        let scale =
            10_u128.checked_pow(u32::try_from(fraction.len()).ok().filter(|digits| *digits <= 18)?)?;
        let part = fraction.parse::<u128>().ok()? * u128::from(worth);
        if !part.is_multiple_of(scale) {
            return None;
        }
        amount += part / scale;
    }
    u64::try_from(amount).ok()
}

fn quantity_schema(description: &str, units: &[Unit]) -> Schema {
    let names: Vec<_> = units.iter().map(|(name, _)| *name).collect();
    let pattern = format!("^\\s*[0-9][0-9_]*(\\.[0-9]+)?\\s*({})?\\s*$", names.join("|"));
    json_schema!({
        "description": format!("expected: {description}"),
        "anyOf": [{ "type": "number", "minimum": 0 }, { "type": "string", "pattern": pattern }],
    })
}
