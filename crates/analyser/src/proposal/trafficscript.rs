//! The request rule for a catalog of tidegate.

use super::aim::{FEEDS_AND_PLAYERS, Pattern};
use super::{Action, Draft};
use std::fmt::Write as _;

/// The path as files have it: without detours, decoded.
const PATH: &str = r#"$path = string.regexsub( http.getRawURL(), "(?s)^(?:[A-Za-z]+://[^/?]*)?/?([^?]*).*", "/$1" );
$path = string.unescape( http.normalizePath( $path ) );
"#;

/// What a refused client reads.
const REFUSED: &str =
    "This file is for visitors of its own site. See https://en.wikipedia.org/wiki/Inline_linking";

pub(super) fn write(draft: &Draft<'_>) -> String {
    let aim = draft.aim;
    let mut out = String::new();
    for line in draft.heading.lines() {
        let _written = writeln!(out, "# {line}");
    }
    let _written = writeln!(out, "# `tidegate revert {}` takes it back before.", draft.id);
    leave_if(&mut out, &format!("sys.time() >= {}", draft.end.unix_seconds()));
    if let Some(referer) = &aim.referer {
        leave_unless(&mut out, "http.getHeader( \"Referer\" )", referer);
    }
    if aim.is_without_referer {
        leave_if(&mut out, "http.getHeader( \"Referer\" )");
    }
    if let Some(agent) = &aim.agent {
        leave_unless(&mut out, "http.getHeader( \"User-Agent\" )", agent);
    }
    if !aim.networks.is_empty() {
        out.push_str("$client = request.getRemoteIP();\n");
        let tests =
            aim.networks.iter().map(|network| format!("string.ipmaskmatch( $client, \"{network}\" )"));
        leave_if(&mut out, &format!("!( {} )", tests.collect::<Vec<_>>().join(" || ")));
    }
    if aim.spares_feeds {
        out.push_str("# Feed readers and players: they send no referer by nature.\n");
        leave_if(
            &mut out,
            &format!("string.regexmatch( http.getHeader( \"User-Agent\" ), \"{FEEDS_AND_PLAYERS}\", \"i\" )"),
        );
    }
    if let Some(path) = &aim.path {
        out.push_str(PATH);
        leave_unless(&mut out, "$path", path);
    }
    let id = draft.id;
    let _written = match draft.action {
        Action::Slow => writeln!(out, "response.setBandwidthClass( \"{id}\" );"),
        Action::Queue => writeln!(out, "rate.use( \"{id}\" );"),
        Action::Refuse => writeln!(out, "http.sendResponse( 403, \"text/plain\", \"{REFUSED}\\n\", \"\" );"),
    };
    out
}

fn leave_unless(out: &mut String, subject: &str, pattern: &Pattern) {
    let flags = if pattern.ignores_case { ", \"i\"" } else { "" };
    // in a string of the language a backslash is written twice; a quotation mark is never in a pattern of ours
    let text = pattern.text.replace('\\', "\\\\");
    leave_if(out, &format!("!string.regexmatch( {subject}, \"{text}\"{flags} )"));
}

fn leave_if(out: &mut String, condition: &str) {
    let _written = writeln!(out, "if( {condition} ) {{\n   break;\n}}");
}
