//! Laws of writing that hold for any bytes.

use accesslog::{Entry, Format, LogTime, escape, unescape};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::{Fields, entry, line};

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..80), "[ -~\u{80}-\u{2fff}\"\\\\\t\n]{0,60}".prop_map(String::into_bytes)]
}

proptest! {
    #[test]
    fn what_is_escaped_stays_on_its_line_within_its_quotes_and_comes_back(value in bytes()) {
        let mut written = Vec::new();
        escape(&value, &mut written);
        prop_assert!(written.iter().all(|byte| (0x20..0x7f).contains(byte)));
        prop_assert!(!ends_its_quotes(&written));
        prop_assert_eq!(unescape(&written), Some(value));
    }

    #[test]
    fn no_value_brings_a_control_byte_into_any_named_line(
        request_line in bytes(), target in bytes(), referer in bytes(), user in bytes(), context in bytes(),
        host in bytes(), arrived in any::<i64>(), offset in any::<i32>(), duration in any::<u64>(),
    ) {
        let request = Fields(vec![(b"Referer".to_vec(), referer.clone())]);
        let response = Fields::default();
        let entry = Entry {
            request_line: &request_line, target: &target, user: Some(&user), context: &context, host: Some(&host),
            arrived_unix_micros: arrived, utc_offset_seconds: offset, duration_micros: duration,
            ..entry(&request, &response)
        };
        for name in Format::NAMES {
            let written = line(&Format::named(name).unwrap(), &entry);
            prop_assert!(written.iter().all(|byte| !byte.is_ascii_control()), "{}", name);
            if name == "json" {
                let object: serde_json::Value = serde_json::from_slice(&written).unwrap();
                let exact = match object["referer_hex"].as_str() {
                    Some(hex) => from_hex(hex),
                    None => object["referer"].as_str().unwrap().as_bytes().to_vec(),
                };
                prop_assert_eq!(exact, referer.clone());
            }
        }
        let custom = Format::parse("%r\u{1f}%{Referer}i\u{1f}%U\u{1f}%q\u{1f}%V\u{1f}%u\u{1f}%{end:%c}t").unwrap();
        let written = line(&custom, &entry);
        let values: Vec<_> = written.split(|byte| *byte == 0x1f).collect();
        prop_assert_eq!(values.len(), 7);
        prop_assert_eq!(unescape(values[1]), Some(referer));
        if !request_line.is_empty() {
            prop_assert_eq!(unescape(values[0]), Some(request_line));
        }
    }

    #[test]
    fn any_text_is_a_format_or_is_refused_within_its_bounds(text in "(%?[!<>,0-9]{0,4}(\\{[a-z%:_]{0,6}\\}?)?\\PC?){0,6}") {
        match Format::parse(&text) {
            Ok(format) => {
                prop_assert_eq!(format.to_string(), text);
                let fields = Fields::default();
                line(&format, &entry(&fields, &fields));
            }
            Err(bad) => prop_assert!(bad.at <= text.len() && text.is_char_boundary(bad.at)),
        }
    }

    #[test]
    fn a_moment_that_is_written_is_read_back(
        unix_seconds in -62_000_000_000_i64..253_000_000_000, minutes in -1_439_i32..1_440,
    ) {
        let time = LogTime { unix_seconds, utc_offset_seconds: minutes * 60 };
        let mut written = Vec::new();
        time.write_clf(&mut written);
        prop_assert_eq!(LogTime::parse_clf(&written), Some(time));
    }

    #[test]
    fn any_bytes_are_a_moment_or_none(text in bytes(), noise in any::<u8>(), place in 0_usize..28) {
        let _ = LogTime::parse_clf(&text);
        let mut nearly = *b"[10/Oct/2000:13:55:36 -0700]";
        nearly[place] = noise;
        if let Some(time) = LogTime::parse_clf(&nearly) {
            prop_assert!((0..253_402_300_800).contains(&(time.unix_seconds + 62_167_305_600)));
        }
        let _ = unescape(&text);
    }
}

/// Whether a reader who skips escaped bytes would meet a quote.
fn ends_its_quotes(written: &[u8]) -> bool {
    let mut bytes = written.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' => return true,
            _ => {}
        }
    }
    false
}

fn from_hex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}
