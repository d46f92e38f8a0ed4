//! The lines for nginx: maps in `http`, and what is done with them in the `server`.

use super::aim::{FEEDS_AND_PLAYERS, Pattern};
use super::{Action, Class, Draft, Form, Snippet};
use std::fmt::Write as _;

pub(super) fn write(draft: &Draft<'_>) -> Form {
    let (aim, name) = (draft.aim, draft.name());
    let mut http = String::new();
    for line in draft.heading.lines() {
        let _written = writeln!(http, "# {line}");
    }
    let mut parts = Vec::new();
    let mut map = |http: &mut String, subject: &str, pattern: &Pattern, what: &str| {
        let mark = if pattern.ignores_case { "~*" } else { "~" };
        let variable = format!("${name}_{what}");
        let _written = writeln!(
            http,
            "map {subject} {variable} {{\n    default 0;\n    \"{mark}{}\" 1;\n}}",
            pattern.text
        );
        parts.push(variable);
    };
    let plain = |text: &str, ignores_case| Pattern { text: text.to_owned(), ignores_case };
    if let Some(referer) = &aim.referer {
        map(&mut http, "$http_referer", referer, "referer");
    }
    if aim.is_without_referer {
        map(&mut http, "$http_referer", &plain("^$", false), "no_referer");
    }
    if let Some(agent) = &aim.agent {
        map(&mut http, "$http_user_agent", agent, "agent");
    }
    if let Some(path) = &aim.path {
        map(&mut http, "$uri", path, "path");
    }
    map(&mut http, "$time_iso8601", &plain(&draft.end.dates(), false), "until");
    if aim.spares_feeds {
        let _written = writeln!(
            http,
            "map $http_user_agent ${name}_meant {{\n    default 1;\n    \"~*{FEEDS_AND_PLAYERS}\" 0;\n}}"
        );
        parts.push(format!("${name}_meant"));
    }
    if !aim.networks.is_empty() {
        let _written = writeln!(http, "geo ${name}_network {{\n    default 0;");
        for network in &aim.networks {
            let _written = writeln!(http, "    {network} 1;");
        }
        http.push_str("}\n");
        parts.push(format!("${name}_network"));
    }
    let (all, ones) = (parts.concat(), "1".repeat(parts.len()));
    let choose = |http: &mut String, value: &str, otherwise: &str| {
        let _written =
            writeln!(http, "map \"{all}\" ${name} {{\n    default {otherwise};\n    {ones} {value};\n}}");
    };
    let server = match (draft.action, draft.class) {
        (Action::Refuse, _) => {
            choose(&mut http, "1", "0");
            format!("if (${name}) {{\n    return 403;\n}}\n")
        }
        (Action::Queue, Some(Class::Rate { per_second, wait_seconds })) => {
            choose(&mut http, "all", "\"\"");
            let _written = writeln!(http, "limit_req_zone ${name} zone={name}:1m rate={per_second}r/s;");
            format!("limit_req zone={name} burst={};\n", per_second * wait_seconds)
        }
        _ => {
            // nginx slows each connection by itself
            choose(&mut http, &draft.bytes_per_connection().to_string(), "0");
            format!("limit_rate ${name};\n")
        }
    };
    Form::Texts(vec![Snippet { place: "http", text: http }, Snippet { place: "server", text: server }])
}
