//! What an `.htaccess` decides, and what the rule decides that it is translated to, are the same.

use core::time::Duration;
use engine::builtins::builtins;
use engine::catalog::{Htaccess, MemoryFiles, RuleStage, VirtualServerId, check_rule};
use engine::{Catalog, Knowledge, Rehearsal, SharedOptions, Visit, Visited, WallTime};
use message::{RequestHead, ResponseHead, Version};
use proptest::prelude::*;
use rewrite::{Form, translate};
use source::Source;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

const CATALOG: &str =
    "[virtual_servers.site]\nlisten = \":80\"\npool = \"web\"\n[pools.web]\nnodes = \"192.0.2.81:80\"\n";

fn catalog() -> Catalog {
    catalog_with("")
}

fn catalog_with(more: &str) -> Catalog {
    let files = MemoryFiles::default().with("tidegate.toml", format!("{CATALOG}{more}"));
    Catalog::load(Path::new("tidegate.toml"), &files, builtins()).catalog.unwrap()
}

/// What a client sees: a status, and where it is sent to.
type Seen = (u16, Option<Vec<u8>>);

fn seen(catalog: Catalog, request: &Request) -> Seen {
    let response = visited(catalog, request).response.unwrap();
    (response.status(), response.fields().get(b"Location").map(<[u8]>::to_vec))
}

fn visited(catalog: Catalog, request: &Request) -> Visited {
    let mut head = RequestHead::new(b"GET", request.target.as_bytes(), Version::Http11).unwrap();
    head.fields_mut().set(b"Host", b"site.example").unwrap();
    for (name, value) in [("Referer", &request.referer), ("User-Agent", &request.agent)] {
        if let Some(value) = value {
            head.fields_mut().set(name.as_bytes(), value.as_bytes()).unwrap();
        }
    }
    let mut rehearsal = Rehearsal::new(catalog, &SharedOptions::default(), WallTime(1_000_000));
    rehearsal.add(Visit {
        at: Duration::ZERO,
        connection: 1,
        client: SocketAddr::new(request.client.parse().unwrap(), 50_000),
        virtual_server: VirtualServerId(0),
        request: head,
        body: Vec::new(),
        reply: ResponseHead::new(200, b"OK", Version::Http11).unwrap(),
        reply_body: Vec::new(),
        later_replies: Vec::new(),
        leaves_at: None,
        knowledge: Knowledge::All,
        tls: false,
    });
    rehearsal.run().remove(0)
}

#[derive(Clone, Debug)]
struct Request {
    target: String,
    referer: Option<String>,
    agent: Option<String>,
    client: &'static str,
}

/// The file's own decision and the rule's; `None` where the file has no equal.
fn both(text: &str, request: &Request) -> Option<(Seen, Seen)> {
    let source = Arc::new(Source::new("t.htaccess", text.as_bytes().to_vec()));
    let parsed = rewrite::parse(&source);
    let mut diagnostics = Vec::new();
    let htaccess = Htaccess::alone(&source, None, &MemoryFiles::default(), &mut diagnostics)
        .unwrap_or_else(|| panic!("{text}\n{:?}", diagnostics.first().map(source::Diagnostic::one_line)));
    let translation = translate(&parsed.file, Form::Same);
    if !translation.left.is_empty() {
        return None;
    }
    Some((
        seen(catalog().with_htaccess(htaccess), request),
        seen(with_rule(catalog(), &translation.rule), request),
    ))
}

fn with_rule(catalog: Catalog, text: &str) -> Catalog {
    let rule = Arc::new(Source::new("rules/t.rts", text.as_bytes().to_vec()));
    let checked = check_rule(&rule, RuleStage::Request, None, &MemoryFiles::default(), builtins());
    let said: Vec<String> = checked.diagnostics.iter().map(source::Diagnostic::one_line).collect();
    assert!(said.is_empty(), "{said:?}\n{text}");
    catalog.with_only_rules(&[(checked.rule.unwrap(), RuleStage::Request)])
}

fn one_of(choices: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    proptest::sample::select(choices)
}

fn pattern() -> impl Strategy<Value = &'static str> {
    one_of(&[
        ".*",
        "^$",
        "^audio/",
        r"\.mp3$",
        "a.example",
        r"^https?://(www\.)?site\.example(/|$)",
        "[ab]/",
        "!audio",
        "!^$",
        "!a\\.example",
        "(feed|rss)",
        "^/audio/",
        "x?y",
        "^192\\.0\\.2\\.",
    ])
}

fn condition() -> impl Strategy<Value = String> {
    let subject = one_of(&[
        "%{REQUEST_URI}",
        "%{HTTP_REFERER}",
        "%{HTTP_USER_AGENT}",
        "%{HTTP_HOST}",
        "%{QUERY_STRING}",
        "%{REMOTE_ADDR}",
        "%{REQUEST_METHOD}",
        "x%{HTTP_REFERER}y",
    ]);
    let flags = one_of(&["", " [NC]", " [OR]", " [NC,OR]"]);
    let test = prop_oneof![4 => pattern().prop_map(str::to_owned), 1 => Just("=\"\"".to_owned()), 1 => Just("=GET".to_owned())];
    (subject, test, flags).prop_map(|(subject, test, flags)| {
        // Equality without regard to case has no equal.
        let flags = if test.starts_with('=') {
            flags.replace("NC,", "").replace(" [NC]", "")
        } else {
            flags.to_owned()
        };
        format!("RewriteCond {subject} {test}{flags}\n")
    })
}

fn rule() -> impl Strategy<Value = String> {
    let end = one_of(&[
        "- [F]",
        "- [G]",
        "- [NC,F]",
        "- [R=404]",
        "\u{2013} [F]",
        "http://other.example/x [R=301,L]",
        "https://other.example/ [R,L]",
        "http://other.example/?a=b [L]",
        "http://other.example/y [QSD,R]",
        "- [L]",
    ]);
    (proptest::collection::vec(condition(), 0..4), pattern(), end).prop_map(|(conditions, pattern, end)| {
        format!("{}RewriteRule {pattern} {end}\n", conditions.concat())
    })
}

fn access() -> impl Strategy<Value = String> {
    let set = (one_of(&["Referer", "User-Agent", "Request_URI", "Remote_Addr"]), pattern()).prop_map(
        |(of, pattern)| format!("SetEnvIfNoCase {of} \"{}\" bad\n", pattern.trim_start_matches('!')),
    );
    let who = one_of(&[
        "Order Allow,Deny\nAllow from all\nDeny from env=bad\n",
        "Order Deny,Allow\nDeny from env=bad\nAllow from 192.0.2.0/24\n",
        "<RequireAll>\nRequire all granted\nRequire not env bad\n</RequireAll>\n",
        "Require ip 192.0.2.0/25\nRequire env bad\n",
        "<RequireAny>\nRequire env bad\n<RequireAll>\nRequire ip 192.0.2.\nRequire not ip 192.0.2.9\n</RequireAll>\n</RequireAny>\n",
        "Require all denied\n",
        "",
    ]);
    (set, who).prop_map(|(set, who)| format!("{set}{who}"))
}

fn request() -> impl Strategy<Value = Request> {
    let target = one_of(&[
        "/",
        "/audio/song.mp3",
        "/audio/",
        "/a/b",
        "/feed?x=y",
        "/video/a.mp3?a=b&c",
        "/old",
        "/old/x",
        "/old/a%20b",
        "/old/a%3fb%23?c",
        "/older",
        "/audio/50%25.mp3",
        "/audio/a%20b",
        "//audio/x",
        "/x/../audio/x",
        "/x/%2e%2E/audio/x",
        "/%61udio/x",
        "/audio/%0a",
        "/audio/%zz",
        "/audio%2fx",
        "/../audio/x",
    ]);
    let referer = proptest::option::of(one_of(&[
        "",
        "-",
        "http://a.example/",
        "http://www.site.example",
        "https://site.example/x",
        "http://A.Example/?u=site.example",
    ]));
    let agent = proptest::option::of(one_of(&["Mozilla/5.0", "rss-reader", "FEED"]));
    (target, referer, agent, one_of(&["192.0.2.1", "192.0.2.9", "192.0.2.200", "2001:db8::1"])).prop_map(
        |(target, referer, agent, client)| Request {
            target: target.to_owned(),
            referer: referer.map(str::to_owned),
            agent: agent.map(str::to_owned),
            client,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn the_file_and_its_translation_decide_alike(
        access in access(),
        rules in proptest::collection::vec(rule(), 0..3),
        redirect in one_of(&["", "Redirect permanent /old http://other.example/new\n", "Redirect gone /old\n",
            "Redirect /old/ http://other.example/new/\n", "Redirect seeother //old//a http://other.example\n"]),
        requests in proptest::collection::vec(request(), 3),
    ) {
        let text = format!("{access}RewriteEngine On\n{}{redirect}", rules.concat());
        for request in &requests {
            // Files with lines that have no equal are few, or the run gives up.
            let decided = both(&text, request);
            prop_assume!(decided.is_some());
            let (file, rule) = decided.unwrap();
            prop_assert_eq!(&file, &rule, "{}{:?}", text, request);
        }
    }
}

#[test]
fn a_rule_that_only_ends_the_others_ends_them_in_the_translation_too() {
    let text = "RewriteEngine On\nRewriteRule !audio - [L]\nRewriteRule .* - [F]\n";
    for (target, status) in [("/", 200), ("/page", 200), ("/audio/x", 403)] {
        let request = Request { target: target.to_owned(), referer: None, agent: None, client: "192.0.2.1" };
        let (file, rule) = both(text, &request).unwrap();
        assert_eq!((file.0, rule.0), (status, status), "{target}");
    }
}

#[test]
fn the_file_of_the_article_has_an_equal_in_every_line() {
    let text = "RewriteEngine On\nRewriteCond %{REQUEST_URI} /audio/.*\n\
        RewriteCond %{HTTP_REFERER} !.*theDomainInQuestion.* [OR]\n\
        RewriteCond %{HTTP_REFERER} .*the\\.incomingIP\\.fromTheChinese\\.site.*\nRewriteRule .* \u{2013} [F]\n";
    for (referer, status) in
        [(None, 403), (Some("http://theDomainInQuestion/"), 200), (Some("http://b.example/"), 403)]
    {
        let request = Request {
            target: "/audio/x".to_owned(),
            referer: referer.map(str::to_owned),
            agent: None,
            client: "192.0.2.1",
        };
        let (file, rule) = both(text, &request).unwrap();
        assert_eq!((file.0, &file), (status, &rule), "{referer:?}");
    }
}

#[test]
fn spellings_of_a_path_do_not_get_past_the_rule() {
    let refused = "RewriteEngine On\nRewriteCond %{HTTP_REFERER} ^$\nRewriteRule ^audio/ - [F]\n";
    let moved = "Redirect /old/ http://other.example/new/\n";
    let url = |rest: &str| Some(format!("http://other.example/new/{rest}").into_bytes());
    for (text, target, expected) in [
        (refused, "/audio/50%25.mp3", (403, None)),
        (refused, "/audio/%0a", (403, None)),
        (refused, "/x/%2e%2e/audio/x", (403, None)),
        (refused, "http://site.example//audio/x?/y", (403, None)),
        (refused, "/audio/%u0041", (400, None)),
        (refused, "/../audio/x", (400, None)),
        (refused, "/audio%2Fx", (404, None)),
        (refused, "/%2561udio/x", (200, None)),
        (moved, "/old", (200, None)),
        (moved, "/old/a%20b", (302, url("a%20b"))),
        (moved, "/x/../old/a%3fb?c", (302, url("a%3fb?c"))),
    ] {
        let request = Request { target: target.to_owned(), referer: None, agent: None, client: "192.0.2.1" };
        let (file, rule) = both(text, &request).unwrap();
        assert_eq!((&file, &rule), (&expected, &expected), "{target}");
    }
    let left = |text: &str| {
        let source = Arc::new(Source::new("t.htaccess", text.as_bytes().to_vec()));
        translate(&rewrite::parse(&source).file, Form::Same).left.len()
    };
    assert_eq!((left(moved), left("Redirect /a httpd:x\n")), (0, 1));
}

#[test]
fn the_gentle_form_slows_hot_linkers_down_and_nobody_else() {
    let text = "RewriteEngine On\nRewriteRule ^secret - [F]\n\
        RewriteCond %{HTTP_REFERER} !^https?://site\\.example/\nRewriteRule ^audio/ - [F]\n";
    let source = Arc::new(Source::new("t.htaccess", text.as_bytes().to_vec()));
    let gentle = translate(&rewrite::parse(&source).file, Form::Gentle);
    for (target, referer, agent, same, expected) in [
        ("/audio/x", Some("http://evil.example/"), None, 403, (200, Some("hot-linkers"))),
        ("/audio/50%25", Some("http://evil.example/"), None, 403, (200, Some("hot-linkers"))),
        ("/audio/x", None, None, 403, (200, None)),
        ("/audio/x", Some("http://evil.example/"), Some("RSS-Reader"), 403, (200, None)),
        ("/audio/x", Some("https://site.example/y"), None, 200, (200, None)),
        ("/video/x", Some("http://evil.example/"), None, 200, (200, None)),
        ("/secret", Some("http://evil.example/"), None, 403, (403, None)),
    ] {
        let request = Request {
            target: target.to_owned(),
            referer: referer.map(str::to_owned),
            agent: agent.map(str::to_owned),
            client: "192.0.2.1",
        };
        assert_eq!(both(text, &request).unwrap().0.0, same, "{request:?}");
        let visited = visited(with_rule(catalog_with(&gentle.catalog), &gentle.rule), &request);
        let status = visited.response.unwrap().status();
        assert_eq!((status, visited.record.bandwidth_class.as_deref()), expected, "{request:?}");
    }
}
