//! Layouts by their names.

use super::{Json, Layout, NginxEscape};
use crate::format::Format;
use crate::line::BytesMeaning;

/// A layout that has a name.
struct Named {
    name: &'static str,
    /// What writes it, for people.
    of: &'static str,
    text: Text,
    /// What it counts as bytes, where its text does not say.
    bytes: Option<BytesMeaning>,
}

enum Text {
    Apache(&'static str),
    /// In nginx's language; of a time it is said there whether it is the begin or the end.
    Nginx(&'static str),
    Json(Json),
}

/// All names, the richer layouts first: of two that read a line equally well the first is taken.
const NAMED: [Named; 19] = [
    Named { name: "tidegate", of: "tidegate's lines for replay", text: Text::Apache(""), bytes: None },
    Named {
        name: "vhost_combined",
        of: "Debian's Apache: name and port of the virtual server, then combined",
        text: Text::Apache(r#"%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i""#),
        bytes: Some(BytesMeaning::Unclear),
    },
    Named {
        name: "vhost_first_combined",
        of: "Apache: name of the virtual server, then combined",
        text: Text::Apache(r#"%v %h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i""#),
        bytes: Some(BytesMeaning::Unclear),
    },
    Named {
        name: "vhost_first_common",
        of: "Apache: name of the virtual server, then common",
        text: Text::Apache(r#"%v %h %l %u %t "%r" %>s %b"#),
        bytes: Some(BytesMeaning::Unclear),
    },
    Named {
        name: "combinedio",
        of: "Apache: combined, then all bytes received and sent",
        text: Text::Apache(r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %I %O"#),
        bytes: None,
    },
    Named {
        name: "combined_micros",
        of: "Apache: combined, then the duration in microseconds (%D)",
        text: Text::Apache(r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %D"#),
        bytes: Some(BytesMeaning::Unclear),
    },
    Named {
        name: "icecast",
        of: "Icecast, or nginx's combined with $request_time: combined, then the duration in seconds",
        text: Text::Nginx(
            r#"$remote_addr $other_x $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_time"#,
        ),
        bytes: None,
    },
    Named {
        name: "nginx_main",
        of: "nginx's packages: combined, then X-Forwarded-For",
        text: Text::Nginx(
            r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for""#,
        ),
        bytes: None,
    },
    Named {
        name: "traefik",
        of: "Traefik's lines: combined, number, router, node and milliseconds",
        text: Text::Nginx(
            r#"$remote_addr - $remote_user [$other_begin] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $other_x "$other_x" "$other_x" ${other_millis}ms"#,
        ),
        bytes: None,
    },
    Named {
        name: "lighttpd",
        of: "lighttpd: combined with the Host in the second place",
        text: Text::Nginx(
            r#"$remote_addr $host $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#,
        ),
        bytes: None,
    },
    Named {
        name: "combined",
        of: "Apache, nginx and many others",
        text: Text::Apache(r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i""#),
        bytes: Some(BytesMeaning::Unclear),
    },
    Named {
        name: "common",
        of: "Apache and many others: no referer, no program",
        text: Text::Apache(r#"%h %l %u %t "%r" %>s %b"#),
        bytes: Some(BytesMeaning::Unclear),
    },
    Named {
        name: "s3",
        of: "Amazon S3 server access logs",
        text: Text::Nginx(
            r#"$other_x $other_x [$other_begin] $remote_addr $other_x $other_x $other_x $other_x "$request" $status $other_x $body_bytes_sent $other_x $other_millis $other_x "$http_referer" "$http_user_agent" $other_x"#,
        ),
        bytes: None,
    },
    Named {
        name: "alb",
        of: "Amazon application load balancers; they have no referer",
        text: Text::Nginx(
            r#"$other_x $time_iso8601 $other_x $other_client_port $other_x $other_seconds_part $other_seconds_part $other_seconds_part $status $other_x $request_length $bytes_sent "$request" "$http_user_agent" $other_x"#,
        ),
        bytes: None,
    },
    Named {
        name: "elb",
        of: "Amazon classic load balancers; they have no referer",
        text: Text::Nginx(
            r#"$time_iso8601 $other_x $other_client_port $other_x $other_seconds_part $other_seconds_part $other_seconds_part $status $other_x $request_length $body_bytes_sent "$request" "$http_user_agent" $other_x $other_x"#,
        ),
        bytes: None,
    },
    Named {
        name: "haproxy",
        of: "HAProxy's `option httplog` behind syslog; times are taken as UTC",
        text: Text::Nginx(
            r#"$other_x]: $other_client_port [$other_begin_millis] $other_x $other_x $other_timers $status $bytes_sent $other_x $other_x $other_termination $other_x $other_x "$request""#,
        ),
        bytes: None,
    },
    Named { name: "caddy", of: "Caddy's JSON", text: Text::Json(Json::Caddy), bytes: None },
    Named { name: "traefik_json", of: "Traefik's JSON", text: Text::Json(Json::Traefik), bytes: None },
    Named {
        name: "json",
        of: "tidegate's JSON, and any other whose names are usual ones",
        text: Text::Json(Json::Any),
        bytes: None,
    },
];

/// The names and what they are for.
pub(super) fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    NAMED.iter().map(|named| (named.name, named.of))
}

/// The layout of this name.
pub(super) fn named(name: &str) -> Option<Layout> {
    let found = NAMED.iter().find(|named| named.name == name)?;
    let layout = match &found.text {
        Text::Apache("") => Layout::apache(&Format::named(name)?.to_string()).ok()?,
        Text::Apache(text) => Layout::apache(text).ok()?,
        Text::Nginx(text) => Layout::nginx(text, NginxEscape::Default).ok()?,
        Text::Json(json) => Layout::json(*json),
    };
    let layout = layout.renamed(name);
    Some(match found.bytes {
        Some(bytes) => layout.with_bytes(bytes),
        None => layout,
    })
}
