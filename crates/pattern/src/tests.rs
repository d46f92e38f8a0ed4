use super::*;
use proptest::prelude::*;

fn groups_of(pattern: &Pattern, subject: &[u8], from: usize) -> Option<Vec<Option<Range<usize>>>> {
    let mut groups = Groups::default();
    let found = pattern.find_at(subject, from, &mut groups).unwrap();
    found.then(|| (0..=pattern.group_count()).map(|group| groups.get(group)).collect())
}

fn found<'a>(pattern: &str, subject: &'a str) -> Option<&'a str> {
    let pattern = Pattern::new(pattern.as_bytes(), Case::Sensitive).unwrap();
    let mut groups = Groups::default();
    pattern.find_at(subject.as_bytes(), 0, &mut groups).unwrap().then(|| &subject[groups.whole()])
}

#[test]
fn the_patterns_of_published_rules_become_chains() {
    for pattern in [".*?://(.*?)/.*", "^(.*?)(<head.*?>)(.*)$", r"/audio/.*", r"^192\.168\.", "foo(.*?)$"] {
        assert!(Chain::parse(pattern.as_bytes(), Case::Insensitive.into()).is_some(), "{pattern}");
    }
    for pattern in ["a|b", "a+", "[a]", "a.b", "(a)*", "(?:a)", r"\d", "a.*b", "", "^$", ".*?.*", "(a", "a)"]
    {
        assert!(Chain::parse(pattern.as_bytes(), Case::Sensitive.into()).is_none(), "{pattern}");
    }
}

#[test]
fn a_dollar_also_stands_before_a_last_newline() {
    assert_eq!(found("[ab]+$", "xab\n"), Some("ab"));
    assert_eq!(found("ab$", "xab\n"), Some("ab"));
    assert_eq!(found("[ab]+$", "xab\n\n"), None);
    assert_eq!(found("ab$", "xab\n\n"), None);
    assert_eq!(found(r"ab\z", "xab\n"), None);
    assert_eq!(found("(?m)[ab]$", "a\nc"), Some("a"));
}

#[test]
fn newlines_can_be_bytes_like_others() {
    let found = |pattern: &str, subject: &str| {
        let dialect = Dialect { case: Case::Sensitive, newlines: Newlines::AreBytes };
        Pattern::new(pattern.as_bytes(), dialect).unwrap().is_match(subject.as_bytes()).unwrap()
    };
    assert!(found("a.*c", "a\nc") && found("a.c", "a\nc") && found("(?=a).+c", "a\nc"));
    assert!(!found("a$", "a\n") && !found("[ab]$", "a\n") && found("[ab]$", "\na"));
    assert!(!found("(?-s)[a].c", "a\nc"));
    assert!(found("(?m)[ab]$", "a\nc"));
    assert!(found(r"[ab]\Z", "a\n"));
}

#[test]
fn the_dialect_is_that_of_pcre() {
    assert_eq!(found(r"\<a\>", "x<a>"), Some("<a>"));
    assert_eq!(found("a{x}", "a{x}"), Some("a{x}"));
    assert_eq!(found("[]a]+", "x]a]"), Some("]a]"));
    assert_eq!(found("[[a]+", "x[a"), Some("[a"));
    assert_eq!(found(r"[\w-.]+", "$a-.b"), Some("a-.b"));
    assert_eq!(found("[a-c&&b]+", "xc&b"), Some("c&b"));
    assert_eq!(found("[[:digit:]x-]+", "a1x-"), Some("1x-"));
    assert_eq!(found(r"\Q.*\E", "a.*"), Some(".*"));
    assert_eq!(found(r"\x41\102\x{43}\/", "ABC/"), Some("ABC/"));
    assert_eq!(found(r"(?x) a b # comment (", "ab"), Some("ab"));
    assert_eq!(found(r"a(?#comment)b", "ab"), Some("ab"));
    assert_eq!(found("(?i)HOST", "a host"), Some("host"));
    assert_eq!(found("a.c", "a\nc abc"), Some("abc"));
    assert_eq!(found("(?s)a.c", "a\nc"), Some("a\nc"));
}

#[test]
fn look_around_references_and_possessive_parts_are_searched_with_counted_steps() {
    assert_eq!(found(r"\w+(?=!)", "ab cd!"), Some("cd"));
    assert_eq!(found(r"(?<!a)b", "ab b"), Some("b"));
    assert_eq!(found(r"(?<=ab|c)d", "bd abd"), Some("d"));
    assert_eq!(found(r"(?<!|x)a", "a"), None);
    assert_eq!(found(r"(?<!bc|a)d+", "ad bcd dd"), Some("dd"));
    assert_eq!(found(r"(a|b)\1", "abb"), Some("bb"));
    assert_eq!(found(r"(?<q>['x]).*?\k<q>", "a'b'"), Some("'b'"));
    assert_eq!(found("a++a", "aaa"), None);
    assert_eq!(found("(?>a+)b", "aab"), Some("aab"));
    let hard = Pattern::new(b"^(?:a(?=a?)|a)*$", Case::Sensitive).unwrap();
    assert_eq!(hard.is_match(&[&[b'a'; 60][..], b"b"].concat()), Err(TooManySteps));
}

#[test]
fn bytes_that_are_no_text_can_be_searched_for() {
    let pattern = Pattern::new(b"[\xe4-\xe6]+\xff", Case::Insensitive).unwrap();
    assert_eq!(groups_of(&pattern, b"a\xe4\xe5\xff", 0), Some(vec![Some(1..4)]));
    let pattern = Pattern::new(b"(?=\xe4).", Case::Insensitive).unwrap();
    assert_eq!(groups_of(&pattern, b"\xc4\xe4", 0), Some(vec![Some(1..2)]));
}

#[test]
fn a_wrong_pattern_is_refused_with_a_reason_and_never_breaks_anything() {
    for pattern in ["(", "[", "a**(", "\\", "(?P<", "(?|a)", "(*F)", "[z-a]", r"\p{L}", "a{99999}", "(?R)"] {
        let error = Pattern::new(pattern.as_bytes(), Case::Sensitive).unwrap_err();
        assert!(!error.0.is_empty() && !error.0.contains('\n'), "{pattern}: {error}");
    }
}

proptest! {
    #[test]
    fn a_chain_finds_what_the_engine_finds(
        pieces in proptest::collection::vec(
            proptest::sample::select(vec![".*?", "(.*?)", "a", "B", "ab", "(a)", "(b.*?)", r"\/", "((.*?)a)", "://"]), 0..5),
        start in proptest::sample::select(vec!["", "^"]),
        end in proptest::sample::select(vec!["", "$", ".*", "(.*)", ".*$", "(.*)$", ".*?", "(.*?)$"]),
        subject in "[abAB/:\n]{0,14}",
        from in 0..16_usize,
        is_caseless: bool,
        has_lines: bool,
    ) {
        let pattern = format!("{start}{}{end}", pieces.concat());
        let case = if is_caseless { Case::Insensitive } else { Case::Sensitive };
        let newlines = if has_lines { Newlines::EndLines } else { Newlines::AreBytes };
        let dialect = Dialect { case, newlines };
        if let Some(chain) = Chain::parse(pattern.as_bytes(), dialect) {
            let chain = Pattern { case, groups: chain.groups(), engine: Engine::Chain(chain) };
            let engine = Pattern::without_chain(pattern.as_bytes(), dialect, SIZE_MAX).unwrap();
            prop_assert_eq!(chain.group_count(), engine.group_count());
            let from = from.min(subject.len());
            prop_assert_eq!(
                groups_of(&chain, subject.as_bytes(), from),
                groups_of(&engine, subject.as_bytes(), from),
                "{} on {:?} from {}", pattern, subject, from
            );
        }
    }

    #[test]
    fn no_pattern_breaks_the_translation(
        pattern in proptest::collection::vec(proptest::sample::select(br"\[](){}?*+^$|.,-:<>=!#PiQEx0a1z&~".to_vec()), 0..12),
        subject in "[a01\n]{0,6}",
    ) {
        if let Ok(pattern) = Pattern::new(&pattern, Case::Insensitive) {
            let _ = pattern.is_match(subject.as_bytes());
        }
    }
}
