//! What a head promises, seen through the door.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::ops::Range;

use message::{
    Fields, InvalidField, InvalidLine, Known, Line, RequestHead, ResponseHead, Version, reason_of,
};
use proptest::prelude::*;

fn fields(lines: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in lines {
        fields.add(name.as_bytes(), value.as_bytes()).unwrap();
    }
    fields
}

fn written(fields: &Fields) -> String {
    let mut out = Vec::new();
    fields.write_to(&mut out, |_, _, _| true);
    assert_eq!(out.len(), fields.bytes());
    String::from_utf8(out).unwrap()
}

#[test]
fn set_replaces_the_first_in_place_and_drops_the_others() {
    let mut fields = fields(&[("A", "1"), ("x-MINE", "2"), ("B", "3"), ("X-Mine", "4")]);
    fields.set(b"X-mine", b"  5\t").unwrap();
    assert_eq!(written(&fields), "A: 1\r\nX-mine: 5\r\nB: 3\r\n");
    fields.set(b"New", b"").unwrap();
    assert_eq!(written(&fields), "A: 1\r\nX-mine: 5\r\nB: 3\r\nNew: \r\n");
    assert_eq!(fields.remove(b"x-mine"), 1);
    assert_eq!(fields.remove(b"x-mine"), 0);
    assert_eq!(fields.names().collect::<Vec<_>>(), [b"A".as_slice(), b"B", b"New"]);
}

#[test]
fn known_and_other_names_are_found_in_any_case() {
    let fields = fields(&[("COOKIE", "a=1"), ("x-a", "1"), ("Cookie", "b=2"), ("X-A", "2")]);
    assert_eq!(fields.get(b"cookie"), Some(b"a=1".as_slice()));
    assert_eq!(fields.known(Known::Cookie), Some(b"a=1".as_slice()));
    assert_eq!(fields.joined(b"X-a").unwrap().as_ref(), b"1, 2");
    assert!(matches!(fields.joined(b"cookie"), Some(std::borrow::Cow::Owned(_))));
    assert_eq!(fields.all_known(Known::Cookie).count(), 2);
    assert_eq!(fields.all(b"x-A").collect::<Vec<_>>(), [b"1".as_slice(), b"2"]);
    assert!(fields.contains(b"X-a") && !fields.contains(b"x-b") && !fields.has(Known::Host));
    assert_eq!((fields.known(Known::Other), fields.joined(b"none")), (None, None));
}

#[test]
fn a_removed_known_field_is_gone_from_every_look_up() {
    let mut fields = fields(&[("Host", "a"), ("Via", "b"), ("Host", "c")]);
    assert_eq!(fields.remove_where(|_, _, known| known == Known::Host), 2);
    assert!(!fields.has(Known::Host) && fields.get(b"host").is_none() && fields.has(Known::Via));
    assert_eq!(fields.cookies().count(), 0);
}

#[test]
fn control_bytes_never_get_in() {
    let mut fields = fields(&[("A", "1")]);
    for (name, value) in [
        ("A\r\nB", "1"),
        ("A", "1\r\nB: 2"),
        ("A", "1\n"),
        ("A", "a\0b"),
        ("", "1"),
        ("A B", "1"),
        ("A:", ""),
    ] {
        assert!(fields.add(name.as_bytes(), value.as_bytes()).is_err(), "{name:?} {value:?}");
        assert!(fields.set(name.as_bytes(), value.as_bytes()).is_err(), "{name:?} {value:?}");
    }
    assert_eq!(written(&fields), "A: 1\r\n", "a refused edit changes nothing");
    assert_eq!(fields.add(b"A", b" \x01"), Err(InvalidField::Value { at: 0, byte: 1 }));
    assert_eq!(fields.add(b"A b", b""), Err(InvalidField::Name { at: 1, byte: b' ' }));
    assert_eq!(RequestHead::new(b"G T", b"/", Version::Http11), Err(InvalidLine::Method));
    assert_eq!(RequestHead::new(b"GET", b"/ HTTP/1.1\r\nX: 1", Version::Http11), Err(InvalidLine::Target));
    let mut head = RequestHead::new(b"GET", b"/a", Version::Http11).unwrap();
    assert!(
        head.set_target(b"/a b").is_err() && head.set_target(b"").is_err() && head.set_method(b"").is_err()
    );
    assert_eq!((head.method(), head.target()), (b"GET".as_slice(), b"/a".as_slice()));
    assert_eq!(ResponseHead::new(200, b"O\nK", Version::Http11), Err(InvalidLine::Reason));
    assert_eq!(ResponseHead::new(99, b"", Version::Http11), Err(InvalidLine::Status));
}

#[test]
fn setting_one_field_for_ever_does_not_grow_memory() {
    let mut fields = fields(&[("A", "1"), ("B", "2")]);
    let mut longest = 0;
    for round in 0..100_000u32 {
        fields.set(b"B", round.to_string().as_bytes()).unwrap();
        let start = fields.get(b"A").unwrap().as_ptr() as usize;
        longest = longest.max((fields.get(b"B").unwrap().as_ptr() as usize).abs_diff(start));
    }
    assert!(longest < 4096, "the buffer holds {longest} bytes for two short fields");
    assert_eq!(written(&fields), "A: 1\r\nB: 99999\r\n");
}

#[test]
fn the_target_is_read_in_all_its_forms() {
    for (target, path, query, authority) in [
        ("/a/b?c=d?e", "/a/b", Some("c=d?e"), None),
        ("/", "/", None, None),
        ("/a://b/c", "/a://b/c", None, None),
        ("/?u=http://x/y", "/", Some("u=http://x/y"), None),
        ("http://a:80/b?c", "/b", Some("c"), Some("a:80")),
        ("http://a", "/", None, Some("a")),
        ("http://a?b", "/", Some("b"), Some("a")),
        ("*", "*", None, None),
    ] {
        let head = RequestHead::new(b"GET", target.as_bytes(), Version::Http11).unwrap();
        assert_eq!(head.path(), path.as_bytes(), "{target}");
        assert_eq!(head.query(), query.map(str::as_bytes), "{target}");
        assert_eq!(head.target_authority(), authority.map(str::as_bytes), "{target}");
    }
}

#[test]
fn a_reused_head_holds_nothing_of_the_one_before() {
    let mut head = RequestHead::new(b"POST", b"/a", Version::Http10).unwrap();
    head.fields_mut().add(b"Host", b"a").unwrap();
    head.clear();
    assert_eq!(head, RequestHead::default());
    let raw = b"X:  1\r\nY: 2\r\n\r\nrest";
    let line = |name: Range<usize>, value, is_whole| Line { name, value, known: Known::Other, is_whole };
    let taken = head.load_with((b"GET /b", 3), Version::Http11, raw, |lines| {
        lines.push(&line(0..1, 4..5, false));
        lines.push(&line(7..8, 10..11, true));
        Ok::<_, ()>(15)
    });
    assert_eq!(taken, Ok(15));
    assert_eq!((head.method(), head.target(), head.host()), (b"GET".as_slice(), b"/b".as_slice(), None));
    assert_eq!(written(head.fields()), "X: 1\r\nY: 2\r\n");
    let refused = head.load_with((b"GET /c", 3), Version::Http11, raw, |lines| {
        lines.push(&line(0..1, 4..5, false));
        Err(lines.len())
    });
    assert_eq!((refused, head.target(), head.fields().len()), (Err(1), b"/c".as_slice(), 0));
    let mut fields = Fields::new();
    let taken = fields.load_with(b"short", |lines| {
        lines.push(&line(7..9, 3..99, false));
        Ok::<_, ()>(5)
    });
    assert_eq!((taken, written_lossy(&fields).as_str()), (Ok(5), ": \r\n"), "offsets outside read as empty");
    assert_eq!(reason_of(head_status()), "OK");
}

fn written_lossy(fields: &Fields) -> String {
    let mut out = Vec::new();
    fields.write_to(&mut out, |_, _, _| true);
    String::from_utf8_lossy(&out).into_owned()
}

fn head_status() -> u16 {
    ResponseHead::default().status()
}

proptest! {
    /// A list of pairs with plain loops behaves the same.
    #[test]
    fn edits_agree_with_a_plain_list(edits in prop::collection::vec((0..4u8, "[abAB]|Host|hOST", 0..2000usize), 0..60)) {
        let mut fields = Fields::new();
        let mut model: Vec<(String, String)> = Vec::new();
        for (kind, name, length) in edits {
            let value = "v".repeat(length);
            match kind {
                0 => {
                    fields.add(name.as_bytes(), value.as_bytes()).unwrap();
                    model.push((name, value));
                }
                1 => {
                    fields.remove(name.as_bytes());
                    model.retain(|(old, _)| !old.eq_ignore_ascii_case(&name));
                }
                _ => {
                    fields.set(name.as_bytes(), value.as_bytes()).unwrap();
                    let first = model.iter().position(|(old, _)| old.eq_ignore_ascii_case(&name));
                    let at = first.unwrap_or(model.len());
                    model.retain(|(old, _)| !old.eq_ignore_ascii_case(&name));
                    model.insert(at, (name, value));
                }
            }
            let lines: String = model.iter().fold(String::new(), |all, (name, value)| all + name + ": " + value + "\r\n");
            prop_assert_eq!(written(&fields), lines);
            let host = model.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
            prop_assert_eq!(fields.known(Known::Host), host.map(|(_, value)| value.as_bytes()));
        }
    }

    #[test]
    fn writing_with_a_filter_is_writing_the_kept_lines(keep in prop::collection::vec(any::<bool>(), 8)) {
        let fields = fields(&[("A", "1"), ("B", ""), ("C", "3"), ("D", "4"), ("E", "5"), ("F", "6"), ("G", "7"), ("H", "8")]);
        let (mut out, mut at, mut expected) = (Vec::new(), 0, Vec::new());
        fields.write_to(&mut out, |_, _, _| { at += 1; keep[at - 1] });
        for ((name, value, _), _) in fields.iter().zip(&keep).filter(|(_, keep)| **keep) {
            expected.extend_from_slice(&[name, b": ", value, b"\r\n"].concat());
        }
        prop_assert_eq!(out, expected);
    }
}
