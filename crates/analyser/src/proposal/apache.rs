//! The lines for an `.htaccess`: variables by `SetEnvIf`, and what is done with them. Unlike rules of mod_rewrite they
//! survive an `.htaccess` further down.

use super::aim::{FEEDS_AND_PLAYERS, Pattern};
use super::{Action, Draft, Form, Snippet};
use std::fmt::Write as _;

pub(super) fn write(draft: &Draft<'_>) -> Form {
    if draft.action == Action::Queue {
        return Form::Impossible(
            "Apache can refuse and slow down, but it has no queue to wait in".to_owned(),
        );
    }
    let (aim, name) = (draft.aim, draft.name());
    let mut out = String::new();
    for line in draft.heading.lines() {
        let _written = writeln!(out, "# {line}");
    }
    let mut tests = Vec::new();
    let mut set = |out: &mut String, attribute: &str, pattern: &Pattern, what: &str| {
        let directive = if pattern.ignores_case { "SetEnvIfNoCase" } else { "SetEnvIf" };
        let _written = writeln!(out, "{directive} {attribute} \"{}\" {name}_{what}", pattern.text);
        tests.push(format!("{name}_{what}"));
    };
    if let Some(referer) = &aim.referer {
        set(&mut out, "Referer", referer, "referer");
    }
    if aim.is_without_referer {
        set(&mut out, "Referer", &Pattern { text: "^$".to_owned(), ignores_case: false }, "no_referer");
    }
    if let Some(agent) = &aim.agent {
        set(&mut out, "User-Agent", agent, "agent");
    }
    if let Some(path) = &aim.path {
        set(&mut out, "Request_URI", path, "path");
    }
    if aim.spares_feeds {
        let _written = writeln!(out, "SetEnvIfNoCase User-Agent \"{FEEDS_AND_PLAYERS}\" {name}_spared");
    }
    match draft.action {
        Action::Slow => slow(&mut out, draft, &tests),
        Action::Refuse | Action::Queue => refuse(&mut out, draft, &tests),
    }
    Form::Texts(vec![Snippet { place: ".htaccess", text: out }])
}

/// Who fails all of these comes in.
fn refuse(out: &mut String, draft: &Draft<'_>, tests: &[String]) {
    out.push_str(
        "# If the file has a Require of its own, put it in the place of the second line of this section.\n\
         <RequireAll>\n    Require all granted\n    <RequireNone>\n        <RequireAll>\n",
    );
    for test in tests {
        let _written = writeln!(out, "            Require env {test}");
    }
    if !draft.aim.networks.is_empty() {
        let networks: Vec<String> = draft.aim.networks.iter().map(ToString::to_string).collect();
        let _written = writeln!(out, "            Require ip {}", networks.join(" "));
    }
    let _written = writeln!(
        out,
        "            Require expr \"%{{TIME}} -lt {}\"\n        </RequireAll>\n    </RequireNone>\n</RequireAll>",
        draft.end.as_digits()
    );
}

/// mod_ratelimit looks at a variable when it begins to write; a connection gets so many KiB a second.
fn slow(out: &mut String, draft: &Draft<'_>, tests: &[String]) {
    let mut all: Vec<String> = tests.iter().map(|test| format!("-n reqenv('{test}')")).collect();
    if !draft.aim.networks.is_empty() {
        let networks: Vec<String> =
            draft.aim.networks.iter().map(|network| format!("-R '{network}'")).collect();
        all.push(format!("( {} )", networks.join(" || ")));
    }
    if draft.aim.spares_feeds {
        all.push(format!("-z reqenv('{}_spared')", draft.name()));
    }
    all.push(format!("%{{TIME}} -lt {}", draft.end.as_digits()));
    let _written = writeln!(
        out,
        "# mod_ratelimit slows each connection by itself, in KiB a second.\n\
         SetEnvIfExpr \"{}\" rate-limit={}\n\
         <IfModule mod_ratelimit.c>\n    SetOutputFilter RATE_LIMIT\n</IfModule>",
        all.join(" && "),
        draft.bytes_per_connection() / 1024
    );
}
