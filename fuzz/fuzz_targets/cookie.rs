//! Any bytes as cookies of requests (lines of `Cookie`) and of answers (`Set-Cookie`), and as what a rule puts into
//! one: no panic, no piece that reaches beyond its own, and what is written is read back the same.
#![no_main]

use engine::builtins::cookie;
use engine::{cookie_name, cookie_value};
use libfuzzer_sys::fuzz_target;
use message::{Fields, is_field_value};

/// What clients send.
fn sent(input: &[u8]) {
    let mut fields = Fields::new();
    for line in input.split(|byte| *byte == b'\n') {
        let _unfit = fields.add(b"Cookie", line);
    }
    let pairs: Vec<(&[u8], &[u8])> = fields.cookies().collect();
    assert!(pairs.len() <= input.iter().filter(|byte| **byte == b'=').count());
    let mut line = Vec::new();
    for (name, value) in &pairs {
        assert!(!name.contains(&b'=') && !name.contains(&b';') && !value.contains(&b';'));
        let first = pairs.iter().find(|(other, _)| other == name).map(|(_, value)| *value);
        assert_eq!(fields.cookie(name), first);
        line.extend_from_slice(if line.is_empty() { b"" } else { b"; " });
        line.extend_from_slice(&[name, &b"="[..], value].concat());
    }
    let mut again = Fields::new();
    again.add(b"Cookie", &line).expect("every piece stood in a field");
    assert_eq!(again.cookies().collect::<Vec<_>>(), pairs);
}

/// What nodes set.
fn set(line: &[u8]) {
    let name = cookie_name(line);
    assert!(!name.contains(&b'=') && !name.contains(&b';') && line.len() >= name.len());
    let Some(place) = cookie_value(line) else { return };
    let value = &line[place.clone()];
    assert!(!value.contains(&b';') && value == value.trim_ascii());
    assert_eq!(line[..place.start].iter().filter(|byte| **byte == b'=').count(), 1);
}

/// What rules set: a value, whatever it is, stays one; so do attributes.
fn made(raw: &[u8], list: &[u8], bytes_max: usize) {
    let whole = cookie::value(raw);
    assert!(whole.iter().all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(byte)));
    let mut value = whole.clone();
    cookie::cut(&mut value, bytes_max);
    assert!(value.len() <= bytes_max && whole.starts_with(&value));
    let attributes = cookie::attributes(list).unwrap_or_else(|| cookie::default_attributes(true).to_vec());
    let line = [b"mark=", &value[..], &attributes].concat();
    assert!(is_field_value(&line));
    assert_eq!(cookie_name(&line), b"mark");
    assert_eq!(cookie_value(&line).map(|place| &line[place]), Some(&value[..]));
}

fuzz_target!(|input: &[u8]| {
    sent(input);
    set(input);
    let Some((most, rest)) = input.split_first() else { return };
    let (raw, list) = rest.split_at(rest.len() / 2);
    made(raw, list, usize::from(*most));
});
