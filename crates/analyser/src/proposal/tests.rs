//! Proposals for made-up findings: what they say, and that no name from a log can say anything in them.

use super::*;
use crate::report::{Confidence, Counted, PathTrait, Traits};
use proptest::prelude::*;
use rewrite::directive::DirectiveKind;
use source::Source;
use std::sync::Arc;

const TERMS: Terms<'_> = Terms { now_unix_seconds: 1_795_377_600, days: 14, own: &[], log_seconds: 86_400.0 };

fn finding(verdict: Verdict, traits: Traits) -> Finding {
    Finding {
        verdict,
        subject: "s-chassis.co.nz".to_owned(),
        confidence: Confidence::High,
        evidence: Vec::new(),
        counter_check: String::new(),
        counted: Counted { requests: 51, bytes: 1 << 30, clients: 44 },
        traits,
    }
}

fn hot_link() -> Traits {
    Traits {
        referers: vec!["s-chassis.co.nz".to_owned()],
        paths: vec![PathTrait::Below("/presentations/".to_owned())],
        ..Traits::default()
    }
}

fn texts(form: &Form) -> String {
    match form {
        Form::Texts(snippets) => snippets.iter().map(|snippet| snippet.text.as_str()).collect(),
        Form::Impossible(why) => why.clone(),
    }
}

#[test]
fn a_hot_linker_is_slowed_first_and_refused_second() {
    let made = propose(&[finding(Verdict::HotLink, hot_link())], &TERMS);
    let actions: Vec<_> = made.iter().map(|proposal| proposal.action).collect();
    assert_eq!(actions, [Action::Slow, Action::Refuse]);
    assert!(made[0].id.starts_with("slow-s-chassis-co-nz-"), "{}", made[0].id);
    assert!(made[0].rule.contains("sys.time() >= 1796587200"), "{}", made[0].rule);
    assert!(made[0].summary.contains("kbit/s together"), "{}", made[0].summary);
    assert!(made.iter().all(|proposal| !proposal.costs.is_empty()));
    let again = propose(&[finding(Verdict::HotLink, hot_link())], &TERMS);
    assert_eq!(again[0].id, made[0].id);
}

#[test]
fn nothing_is_proposed_where_nothing_is_wrong_or_no_rule_would_help() {
    for verdict in [Verdict::NothingUnusual, Verdict::RogueMail, Verdict::HeavyUser, Verdict::Monitoring] {
        assert!(propose(&[finding(verdict, hot_link())], &TERMS).is_empty(), "{verdict:?}");
    }
    assert!(propose(&[finding(Verdict::HotLink, Traits::default())], &TERMS).is_empty());
}

#[test]
fn a_crowd_is_queued_and_apache_is_said_to_have_no_queue() {
    let made = propose(&[finding(Verdict::FlashCrowd, hot_link())], &TERMS);
    assert_eq!(made.len(), 1);
    assert!(matches!(&made[0].htaccess, Form::Impossible(why) if why.contains("queue")));
    assert!(texts(&made[0].nginx).contains("limit_req_zone"));
}

/// Everything that a log could hold where a name is expected.
fn hostile() -> impl Strategy<Value = String> {
    let tricks = prop_oneof![
        Just("a.example\"\nRequire all denied\n\"".to_owned()),
        Just("a\"; } include /etc/passwd; map $uri $x { \"".to_owned()),
        Just("' if TRUE\nhttp-request deny\n'".to_owned()),
        Just("\" ); http.redirect( \"http://evil/\" ); #".to_owned()),
        Just("(?i)a|.*".to_owned()),
        Just("a\\".to_owned()),
        Just("${HOME}%{HTTP_HOST}$1".to_owned()),
    ];
    prop_oneof![tricks, any::<String>(), "[ -~]{0,40}", "[a-z]{1,5}\\.[\\x00-\\x7f]{0,9}"]
}

fn with(name: &str) -> Traits {
    Traits {
        referers: vec!["plain.example".to_owned(), name.to_owned()],
        paths: vec![PathTrait::Is("/a".to_owned()), PathTrait::Below(format!("/{name}"))],
        agents: vec!["plain".to_owned(), name.to_owned()],
        networks: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/48".parse().unwrap()],
        ..Traits::default()
    }
}

/// A text of the language with what stands in its strings and remarks taken out.
fn bare(rule: &str) -> String {
    let mut out = String::new();
    for line in rule.lines().filter(|line| !line.starts_with('#')) {
        for (number, part) in line.replace("\\\\", "").split('"').enumerate() {
            out.push_str(if number % 2 == 0 { part } else { "\"" });
        }
        out.push('\n');
    }
    out
}

fn kinds(htaccess: &str) -> Vec<std::mem::Discriminant<DirectiveKind>> {
    let parsed = rewrite::parse(&Arc::new(Source::new(".htaccess", htaccess.as_bytes())));
    assert!(parsed.diagnostics.iter().all(|told| told.severity != source::Severity::Error), "{htaccess}");
    parsed.file.directives.iter().map(|directive| std::mem::discriminant(&directive.kind)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_hostile_name_changes_the_shape_of_no_form(name in hostile()) {
        let plain = propose(&[finding(Verdict::BotFarm, with("other.example"))], &TERMS);
        let made = propose(&[finding(Verdict::BotFarm, with(&name))], &TERMS);
        prop_assert_eq!(made.len(), 2, "a proposal did not pass its own check");
        for (plain, made) in plain.iter().zip(&made) {
            prop_assert_eq!(bare(&plain.rule), bare(&made.rule));
            prop_assert_eq!(kinds(&texts(&plain.htaccess)), kinds(&texts(&made.htaccess)));
            for form in [&made.htaccess, &made.nginx, &made.haproxy] {
                let text = texts(form);
                prop_assert!(text.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)), "{}", text);
            }
            let counts = |form: &Form| {
                let text = texts(form);
                let remarks = text.lines().filter(|line| line.starts_with('#')).count();
                (text.lines().count(), remarks, text.matches('"').count(), text.matches('\'').count())
            };
            prop_assert_eq!(counts(&plain.htaccess), counts(&made.htaccess));
            prop_assert_eq!(counts(&plain.nginx), counts(&made.nginx));
            prop_assert_eq!(counts(&plain.haproxy), counts(&made.haproxy));
        }
    }

    #[test]
    fn a_literal_matches_its_bytes_and_nothing_else(text in any::<Vec<u8>>(), other in any::<Vec<u8>>()) {
        if let Some(pattern) = aim::literal(&text) {
            let pattern = regex::bytes::Regex::new(&format!("(?s-u)^{pattern}$")).unwrap();
            prop_assert!(pattern.is_match(&text));
            prop_assert_eq!(pattern.is_match(&other), other == text);
        }
    }
}
