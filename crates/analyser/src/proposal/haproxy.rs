//! The lines for HAProxy: named tests in a `frontend`, and what is done where all hold.

use super::aim::{FEEDS_AND_PLAYERS, Pattern};
use super::{AT_ONCE, Action, Class, Draft, Form, Snippet};
use std::fmt::Write as _;

pub(super) fn write(draft: &Draft<'_>) -> Form {
    let (aim, name) = (draft.aim, draft.name());
    let mut out = String::new();
    for line in draft.heading.lines() {
        let _written = writeln!(out, "# {line}");
    }
    let mut tests = Vec::new();
    let mut test = |out: &mut String, what: &str, test: &str, holds: bool| {
        let _written = writeln!(out, "acl {name}_{what} {test}");
        tests.push(format!("{}{name}_{what}", if holds { "" } else { "!" }));
    };
    // a text between apostrophes is taken as it stands
    let matches = |subject: &str, pattern: &Pattern| {
        let flag = if pattern.ignores_case { " -i" } else { "" };
        format!("{subject} -m reg{flag} '{}'", pattern.text)
    };
    if let Some(referer) = &aim.referer {
        test(&mut out, "referer", &matches("req.fhdr(Referer)", referer), true);
    }
    if aim.is_without_referer {
        test(&mut out, "referer", "req.fhdr(Referer) -m len ge 1", false);
    }
    if let Some(agent) = &aim.agent {
        test(&mut out, "agent", &matches("req.fhdr(User-Agent)", agent), true);
    }
    if let Some(path) = &aim.path {
        test(&mut out, "path", &matches("path,url_dec", path), true);
    }
    if !aim.networks.is_empty() {
        let networks: Vec<String> = aim.networks.iter().map(ToString::to_string).collect();
        test(&mut out, "network", &format!("src {}", networks.join(" ")), true);
    }
    if aim.spares_feeds {
        test(&mut out, "spared", &format!("req.fhdr(User-Agent) -m reg -i '{FEEDS_AND_PLAYERS}'"), false);
    }
    test(&mut out, "until", &format!("date lt {}", draft.end.unix_seconds()), true);
    let all = tests.join(" ");
    let mut snippets = Vec::new();
    match (draft.action, draft.class) {
        (Action::Refuse, _) => {
            let _written = writeln!(out, "http-request deny deny_status 403 if {all}");
        }
        (Action::Queue, Some(Class::Rate { per_second, .. })) => {
            let _written = writeln!(
                out,
                "# HAProxy does not let requests wait for a rate: those beyond it are told to come again.\n\
                 http-request track-sc2 int(1) table {name} if {all}\n\
                 http-request deny deny_status 429 if {all} {{ sc2_http_req_rate({name}) gt {per_second} }}"
            );
            snippets.push(table(&name, "http_req_rate(1s)"));
        }
        _ => {
            let _written = writeln!(
                out,
                "# HAProxy paces answers only from version 2.7 on: here {AT_ONCE} at a time are let in.\n\
                 http-request track-sc2 int(1) table {name} if {all}\n\
                 http-request deny deny_status 429 if {all} {{ sc2_conn_cur({name}) gt {AT_ONCE} }}"
            );
            snippets.push(table(&name, "conn_cur"));
        }
    }
    snippets.insert(0, Snippet { place: "frontend", text: out });
    Form::Texts(snippets)
}

/// Where HAProxy counts.
fn table(name: &str, what: &str) -> Snippet {
    let text = format!("backend {name}\n    stick-table type integer size 1 expire 1h store {what}\n");
    Snippet { place: "end of the file", text }
}
