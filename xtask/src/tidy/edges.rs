//! Who may depend on whom. A new edge is a decision: add it here, with the reason.

use super::Finding;
use crate::process::metadata;
use anyhow::{Context, Result};
use std::path::Path;

struct Room {
    name: &'static str,
    /// Our own crates it may use.
    ours: &'static [&'static str],
    /// Outside crates it may use.
    outside: &'static [&'static str],
}

/// The picture of ARCHITECTURE.md as a table; no edge points up.
const ROOMS: [Room; 15] = [
    Room { name: "source", ours: &[], outside: &["annotate-snippets"] },
    // memchr: bytes that may not stand in a field, found fast
    Room { name: "message", ours: &[], outside: &["bytes", "memchr"] },
    // memchr: patterns that are a few substring searches
    Room { name: "pattern", ours: &[], outside: &["regex", "fancy-regex", "memchr"] },
    Room {
        name: "trafficscript",
        ours: &["source", "pattern"],
        // memchr: substrings; ipnet: string.ipmaskmatch; base64, md-5, sha1, sha2, aes-gcm, hkdf: the
        // functions named after them and string.encrypt; serde_json (and serde, to read into our values): json.*;
        // jiff: string.gmtime.parse
        outside: &[
            "memchr",
            "ipnet",
            "base64",
            "md-5",
            "sha1",
            "sha2",
            "aes-gcm",
            "hkdf",
            "serde",
            "serde_json",
            "jiff",
        ],
    },
    // base64, md-5, sha1: the functions named after them in Apache's expressions
    Room { name: "rewrite", ours: &["source", "pattern"], outside: &["base64", "md-5", "sha1"] },
    Room { name: "shaping", ours: &[], outside: &["hashbrown"] },
    Room { name: "accesslog", ours: &[], outside: &["memchr"] },
    // aho-corasick: names of programs, all in one pass; psl, idna: registrable domains of referers; memchr: parts of
    // URLs; serde: kinds as data
    Room { name: "visit", ours: &[], outside: &["aho-corasick", "idna", "memchr", "psl", "serde"] },
    // memchr: the end of a head in one pass
    Room { name: "http1", ours: &["message"], outside: &["memchr"] },
    // http1: hosts, lengths and trailers are refused for the same reasons; base64, sha1: the handshake of WebSocket
    Room { name: "http2", ours: &["message", "http1"], outside: &["base64", "sha1"] },
    Room {
        name: "engine",
        // rewrite: a virtual server's .htaccess files
        ours: &["source", "message", "pattern", "trafficscript", "rewrite", "shaping", "accesslog", "visit"],
        // serde_json, schemars: decision records and the catalog's JSON Schema come from the same types;
        // ipnet: trusted proxies; hashbrown, foldhash: seeded, bounded tables; memchr: fields, parts of forms;
        // chacha20: the random bytes of rules, from the seed; flate2: packed answers that rules read;
        // jiff: local time from a zone that the shell gives; maxminddb: geo.*; md-5: resource.getMD5;
        // hmac, sha2, base64, zeroize: signatures of marks, and their keys; rustls (without a socket), x509-parser:
        // certificates and keys are judged where they are declared; sha1: their fingerprints
        outside: &[
            "bytes",
            "chacha20",
            "serde",
            "serde_json",
            "toml",
            "schemars",
            "thiserror",
            "ipnet",
            "hashbrown",
            "foldhash",
            "memchr",
            "flate2",
            "jiff",
            "maxminddb",
            "md-5",
            "base64",
            "hmac",
            "rustls",
            "sha1",
            "sha2",
            "x509-parser",
            "zeroize",
        ],
    },
    Room {
        name: "analyser",
        // rewrite: replay of .htaccess files
        ours: &["source", "message", "rewrite", "shaping", "accesslog", "engine", "visit"],
        // serde, serde_json: the report as data; ipnet: networks of clients; jiff: dates in reports and rules;
        // hashbrown, foldhash: seeded, capped tables of names, clients and hours; psl, idna: registrable domains of
        // referers; memchr: fields and ends of lines; bzip2, flate2, zstd: packed logs; tempfile: standard input, to be read twice
        outside: &[
            "serde",
            "serde_json",
            "thiserror",
            "ipnet",
            "jiff",
            "hashbrown",
            "foldhash",
            "psl",
            "idna",
            "memchr",
            "bzip2",
            "flate2",
            "tempfile",
            "zstd",
        ],
    },
    Room {
        name: "proxy",
        ours: &["engine", "http1", "http2", "message", "shaping", "accesslog"],
        // thiserror: what cannot be bound or opened, as a type; memchr: fields; jiff: local time of log lines;
        // hyper and its kin, rustls and its kin, dns-lookup, ldap3: what rules have done in the world;
        // rustls also for clients and nodes, h2 (and http, its types) for HTTP/2; rcgen: certificates of tests
        // tempfile, rustix: files without a name for slowed answers, never on a file system in memory
        outside: &[
            "tokio",
            "socket2",
            "tracing",
            "thiserror",
            "bytes",
            "memchr",
            "jiff",
            "dns-lookup",
            "h2",
            "http",
            "http-body-util",
            "hyper",
            "hyper-util",
            "ldap3",
            "rcgen",
            "rustls",
            "rustls-native-certs",
            "rustix",
            "tempfile",
            "tokio-rustls",
        ],
    },
    Room {
        name: "tidegate",
        // rewrite: `check` and `import` of an .htaccess
        ours: &[
            "source",
            "message",
            "trafficscript",
            "rewrite",
            "shaping",
            "accesslog",
            "engine",
            "analyser",
            "proxy",
            "http1",
        ],
        // serde_json: `check` and `try` as data; toml: what fills in the embedded catalog; jiff: dates of the demo;
        // hyper and its kin: the built-in sample site and the demo's visitors, which are other people's programs to
        // the proxy; rustix: the limit of open files; bytes: bodies of the sample site; mimalloc: the allocator;
        // similar: what `fmt --check` would change; prometheus-client: the text of the page with the numbers;
        // lsp-server, lsp-types: the messages of the language server; toml_edit: `apply` and `revert`; netlink-*: the
        // kernel's TCP sockets, for diagnose; getrandom, zeroize: the file of the keys of marks; listenfd, sd-notify:
        // the service manager's sockets, and what it is told
        outside: &[
            "clap",
            "anyhow",
            "serde",
            "serde_json",
            "tokio",
            "tracing",
            "tracing-subscriber",
            "toml",
            "indicatif",
            "jiff",
            "mimalloc",
            "prometheus-client",
            "socket2",
            "bytes",
            "hyper",
            "hyper-util",
            "http-body-util",
            "httpdate",
            "rustix",
            "getrandom",
            "zeroize",
            "similar",
            "toml_edit",
            "lsp-server",
            "lsp-types",
            "netlink-packet-core",
            "netlink-packet-sock-diag",
            "netlink-sys",
            "listenfd",
            "sd-notify",
        ],
    },
    Room { name: "xtask", ours: &[], outside: &["anyhow", "clap", "serde_json"] },
];

/// Outside crates that any room's tests may use.
const FOR_TESTS: [&str; 11] = [
    "proptest",
    "rcgen",
    "insta",
    "tempfile",
    "regex",
    "serde_json",
    "tokio",
    "fancy-regex",
    "toml",
    "httparse",
    "allocation-counter",
];

/// Compares what the manifests say with the table.
///
/// # Errors
/// When cargo cannot read the manifests.
pub(super) fn check(root: &Path) -> Result<Vec<Finding>> {
    let metadata = metadata(&root.join("Cargo.toml"))?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let mut findings = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(room) = ROOMS.iter().find(|room| room.name == name) else {
            findings.push(Finding::new(
                name,
                "no room of that name in xtask/src/tidy/edges.rs: which wall does it guard?",
            ));
            continue;
        };
        let dependencies = package["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
        for dependency in dependencies {
            findings.extend(edge(room, dependency));
        }
    }
    Ok(findings)
}

fn edge(room: &Room, dependency: &serde_json::Value) -> Option<Finding> {
    let to = dependency["name"].as_str().unwrap_or_default();
    let for_tests = dependency["kind"].as_str() == Some("dev");
    let is_ours = ROOMS.iter().any(|other| other.name == to);
    let allowed = if is_ours { room.ours } else { room.outside };
    // a room's tests may use the rooms below it and the test crates, never one above
    let allowed = allowed.contains(&to) || (for_tests && FOR_TESTS.contains(&to));
    (!allowed).then(|| {
        let place = format!("crates/{}/Cargo.toml", room.name);
        Finding::new(place, format!("`{}` may not depend on `{to}` (xtask/src/tidy/edges.rs)", room.name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn room(name: &str) -> &'static Room {
        ROOMS.iter().find(|room| room.name == name).expect("a room")
    }

    #[test]
    fn an_edge_that_points_up_is_found_even_where_only_tests_use_it() {
        assert!(edge(room("shaping"), &json!({"name": "engine", "kind": null})).is_some());
        assert!(edge(room("shaping"), &json!({"name": "engine", "kind": "dev"})).is_some());
        assert!(edge(room("engine"), &json!({"name": "shaping", "kind": null})).is_none());
    }

    #[test]
    fn test_crates_are_for_tests_only() {
        assert!(edge(room("message"), &json!({"name": "proptest", "kind": null})).is_some());
        assert!(edge(room("message"), &json!({"name": "proptest", "kind": "dev"})).is_none());
    }

    #[test]
    fn the_table_itself_has_no_cycle() {
        // a room may use only rooms that stand before it in the table
        for (index, room) in ROOMS.iter().enumerate() {
            for below in room.ours {
                let at = ROOMS.iter().position(|other| other.name == *below).expect("a known room");
                assert!(at < index, "{} uses {below}, which stands above it", room.name);
            }
        }
    }
}
