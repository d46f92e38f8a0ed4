//! Laws of writing that hold for any bytes.

use accesslog::{Client, Entry, Format, Layout, LineReader, LogTime, Read, Said, Text, escape, unescape};
use proptest::collection::vec;
use proptest::option;
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
    fn what_a_format_writes_its_layout_reads_back_as_the_same_entry(
        target in vec(1_u8..=255, 1..60), referer in option::of(bytes()), agent in bytes(), context in bytes(),
        host in bytes(), arrived in 0_i64..253_000_000_000_000_000, minutes in -1_439_i32..1_440,
        (status, body, duration) in (100_u16..1_000, any::<u64>(), any::<u64>()),
    ) {
        let target: Vec<u8> = target.into_iter().filter(|byte| !byte.is_ascii_whitespace()).collect();
        prop_assume!(!target.is_empty());
        let mut fields = vec![(b"User-Agent".to_vec(), agent.clone())];
        fields.extend(referer.clone().map(|referer| (b"Referer".to_vec(), referer)));
        let (request, response) = (Fields(fields), Fields::default());
        let request_line = [b"GET ", &target[..], b" HTTP/1.1"].concat();
        let entry = Entry {
            request_line: &request_line, method: b"GET", target: &target, protocol: b"HTTP/1.1", status,
            body_bytes_sent: body, context: &context, host: Some(&host), arrived_unix_micros: arrived,
            utc_offset_seconds: minutes * 60, duration_micros: duration, ..entry(&request, &response)
        };
        for name in Format::NAMES {
            let written = line(&Format::named(name).unwrap(), &entry);
            let layout = Layout::named(name).unwrap();
            let mut reader = LineReader::new(&layout);
            let Read::Line(read) = reader.read(&written) else {
                return Err(TestCaseError::fail(format!("{name}: {}", String::from_utf8_lossy(&written))));
            };
            prop_assert_eq!(read.mended, None);
            prop_assert_eq!(read.client, Client::Address(entry.client_address));
            prop_assert_eq!((read.method, read.status), (&b"GET"[..], status));
            // `json` writes a target that is no UTF-8 beside itself, and its request line only so.
            prop_assert_eq!(read.target.decoded().into_owned(), target.clone());
            let is_exact = matches!(name, "tidegate" | "json");
            let seconds = if is_exact { arrived } else { arrived.div_euclid(1_000_000) * 1_000_000 };
            prop_assert_eq!((read.at_unix_micros, read.utc_offset_seconds), (seconds, minutes * 60));
            if name != "common" {
                prop_assert_eq!(read_back(read.referer), log_value(referer.as_deref(), name));
                prop_assert_eq!(read_back(read.user_agent), log_value(Some(&agent), name));
            }
            let own = read.own();
            if is_exact {
                prop_assert_eq!(read.bytes, Said::Known(entry.bytes_sent));
                prop_assert_eq!(own.body_bytes, Said::Known(body));
                prop_assert_eq!(read.duration_micros, Said::Known(duration));
                prop_assert_eq!(read.is_aborted, Said::Known(true));
                prop_assert_eq!(own.connection_id, Said::Known(entry.connection_id));
                prop_assert_eq!(own.requests_before, Said::Known(2));
                prop_assert_eq!(own.connection_state, Said::Known(entry.connection_state));
                prop_assert_eq!(own.queue_micros, Said::Known(entry.queue_micros));
                prop_assert_eq!(own.queue_place, Said::Known(4));
                prop_assert_eq!(own.peer, Said::Known(entry.peer_address));
                prop_assert_eq!(read_back(own.rule), Some(entry.rule.as_bytes().to_vec()));
                prop_assert_eq!(read_back(own.marks), Some(entry.marks.as_bytes().to_vec()));
            } else {
                prop_assert_eq!(read.bytes, Said::Known(if name == "vhost_combined" { entry.bytes_sent } else { body }));
            }
            if name == "tidegate" {
                let context = if context.is_empty() || context == b"-" { None } else { Some(context.clone()) };
                prop_assert_eq!(read_back(own.context), context);
                prop_assert_eq!(read_back(own.host), if host == b"-" { None } else { Some(host.clone()) });
            }
        }
    }

    #[test]
    fn any_bytes_are_a_line_or_a_bad_line_in_every_layout(text in bytes(), cut in 0_usize..400) {
        let whole = br#"www.example.com:80 10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 5 "-" "a""#;
        let mut torn = whole[..cut.min(whole.len())].to_vec();
        torn.extend_from_slice(&text);
        for (name, _) in Layout::names() {
            let layout = Layout::named(name).unwrap();
            let mut reader = LineReader::new(&layout);
            for line in [&text, &torn] {
                if let Read::Bad(bad) = reader.read(line) {
                    prop_assert!(bad.at <= line.len());
                }
            }
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
            // From the first day of the year 0 to the last of 9999, and a day for the zone at each end.
            prop_assert!((-62_167_305_600..253_402_387_200).contains(&time.unix_seconds));
        }
        let _ = unescape(&text);
    }
}

fn read_back(said: Said<Text<'_>>) -> Option<Vec<u8>> {
    said.known().map(|text| text.decoded().into_owned())
}

/// What a line can say of a field: a dash means none, and in JSON so does nothing.
fn log_value(value: Option<&[u8]>, name: &str) -> Option<Vec<u8>> {
    value.filter(|value| *value != b"-" && (name != "json" || !value.is_empty())).map(<[u8]>::to_vec)
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
