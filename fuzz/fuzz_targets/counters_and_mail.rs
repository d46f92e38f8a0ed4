//! Any bytes as counters or as a mail log: no panic, no long search, and every line is counted once.
#![no_main]

use analyser::mail::{MailReader, MailSettings};
use analyser::pressure::{Pressure, Reading};
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use tidegate_fuzz::timed;

fn counters(text: &[u8]) {
    let middle = text.len() / 2;
    let before = Reading::of_beancounters("before", &text[..middle], Some(0));
    let after = Reading::of_beancounters("after", &text[middle..], Some(1_000_000));
    let pressure = Pressure::of(Some(&before), &after, None);
    assert!(!pressure.sentence.is_empty());
}

fn mail(text: &[u8]) {
    let settings = MailSettings {
        zone: TimeZone::UTC,
        now_unix_seconds: 1_767_225_600,
        from_unix_seconds: None,
        to_unix_seconds: None,
    };
    let mut reader = MailReader::new(settings);
    reader.begin_file("log", 2025);
    for line in text.split(|&byte| byte == b'\n') {
        reader.line(line);
    }
    reader.spooled(text);
    let mail = reader.finish();
    let lines = &mail.lines;
    assert_eq!(lines.read, lines.used + lines.other + lines.not_understood);
    assert!(!mail.sentence.contains(char::is_control), "{:?}", mail.sentence);
}

fuzz_target!(|input: &[u8]| {
    timed(input, || match input.split_first() {
        Some((b'C', text)) => counters(text),
        Some((_, text)) => mail(text),
        None => {}
    });
});
