//! How values of a log are shown: what came from clients is made harmless, times are the log's.

use crate::log::Span;
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use std::fmt::Write as _;

/// A text of a log as one line without anything that a terminal could take for a command, or that turns the direction
/// of writing around; at most so many characters.
pub(super) fn plain(text: &str, most: usize) -> String {
    let mut out = String::new();
    let mut count = 0;
    for c in text.chars() {
        if is_hostile(c) {
            let _written = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
        count += 1;
        if count >= most {
            out.push('…');
            break;
        }
    }
    out
}

/// Controls, and what has no place of its own: marks of direction, joiners, private letters.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}')
}

/// The columns that a text takes on a terminal: letters of East Asia and pictures take two.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(width).sum()
}

fn width(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}' => 2,
        _ => 1,
    }
}

/// The beginning of a text, in at most so many columns; its middle goes where it is longer, since the end of a path says
/// most.
pub(super) fn cut(text: &str, columns_max: usize, is_unicode: bool) -> String {
    if columns(text) <= columns_max {
        return text.to_owned();
    }
    let gap = if is_unicode { "…" } else { "..." };
    let room = columns_max.saturating_sub(columns(gap));
    let (head_room, tail_room) = (room / 3, room - room / 3);
    let take = |chars: &mut dyn Iterator<Item = char>, room: usize| {
        let mut used = 0;
        chars
            .take_while(|c| {
                used += width(*c);
                used <= room
            })
            .collect::<Vec<char>>()
    };
    let head: String = take(&mut text.chars(), head_room).into_iter().collect();
    let tail: String = take(&mut text.chars().rev(), tail_room).into_iter().rev().collect();
    format!("{head}{gap}{tail}")
}

/// How much of a date is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// `2015-05-18 21:00`
    Minute,
    /// `18 May 21h`
    Hour,
}

/// A moment on the log's own clock.
pub(super) fn moment(unix: i64, span: Option<&Span>, detail: Detail) -> String {
    let offset = span.map_or(0, |span| span.utc_offset_seconds);
    let zone = Offset::from_seconds(offset).unwrap_or(Offset::UTC);
    let Ok(time) = Timestamp::from_second(unix) else { return "?".to_owned() };
    let time = time.to_zoned(TimeZone::fixed(zone));
    let format = match detail {
        Detail::Minute => "%Y-%m-%d %H:%M",
        Detail::Hour => "%-d %b %Hh",
    };
    time.strftime(format).to_string()
}

/// A number of times: `20`, `2.5`.
pub(super) fn times(value: f64) -> String {
    if value >= 9.95 { format!("{value:.0}") } else { format!("{value:.1}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_as_its_number() {
        let hostile = "a\u{1b}]0;x\u{7}b\u{202e}c\u{9b}31m";
        let shown = plain(hostile, 100);
        assert_eq!(shown, "a\\u{1b}]0;x\\u{7}b\\u{202e}c\\u{9b}31m");
        assert_eq!(plain("abcdef", 3), "abc…");
    }

    #[test]
    fn a_long_text_loses_its_middle() {
        assert_eq!(cut("/presentations/logstash/images/ahhh.png", 20, true), "/prese…ages/ahhh.png");
        assert_eq!(columns(&cut("漢字漢字漢字漢字漢字", 9, true)), 9);
        assert_eq!(cut("short", 9, false), "short");
    }

    #[test]
    fn times_are_the_logs_own() {
        let span = Span { from_unix: 0, to_unix: 0, utc_offset_seconds: 7200 };
        assert_eq!(moment(1_431_982_800, Some(&span), Detail::Minute), "2015-05-18 23:00");
        assert_eq!(moment(1_431_982_800, None, Detail::Hour), "18 May 21h");
    }
}
