//! What section by section was tried on Apache 2.4.71, and the laws of three values.

use crate::{
    Excess, Fact, Facts, FileTest, Outcome, PlacedFile, Question, Site, SiteOptions, Target, Variable,
    Verdict, parse,
};
use proptest::prelude::*;
use source::Source;
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

/// A request and what is known of it.
#[derive(Clone, Debug)]
struct World {
    target: String,
    method: &'static str,
    /// `None` as a value: nobody knows whether there is such a field.
    fields: Vec<(&'static str, Option<String>)>,
    client: Option<IpAddr>,
    /// Files that are there; `None` where nobody knows, and nothing where it has to be asked.
    files: Option<Vec<&'static str>>,
    asks: bool,
}

fn get(target: &str) -> World {
    World {
        target: target.to_owned(),
        method: "GET",
        fields: Vec::new(),
        client: Some(IpAddr::from([192, 0, 2, 1])),
        files: Some(Vec::new()),
        asks: false,
    }
}

impl World {
    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.fields.push((name, Some(value.to_owned())));
        self
    }

    fn without_knowing(mut self, name: &'static str) -> Self {
        self.fields.push((name, None));
        self
    }
}

impl Facts for World {
    fn variable(&self, variable: Variable) -> Fact<Cow<'_, [u8]>> {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let text = match variable {
            Variable::RequestMethod => self.method.to_owned(),
            Variable::RawPath => path.to_owned(),
            Variable::RawQuery => query.to_owned(),
            Variable::TheRequest => format!("{} {} HTTP/1.1", self.method, self.target),
            Variable::ServerProtocol => "HTTP/1.1".to_owned(),
            Variable::ServerName => "www.site.example".to_owned(),
            Variable::ServerPort => "80".to_owned(),
            Variable::RequestScheme => "http".to_owned(),
            Variable::Time => "20261122180000".to_owned(),
            Variable::RemoteAddr => match self.client {
                Some(client) => client.to_string(),
                None => return Fact::Unknown,
            },
            _ => String::new(),
        };
        Fact::Known(Cow::Owned(text.into_bytes()))
    }

    fn field(&self, name: &[u8]) -> Fact<Option<Cow<'_, [u8]>>> {
        let field = self.fields.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
        match field {
            None => Fact::Known(None),
            Some((_, None)) => Fact::Unknown,
            Some((_, Some(value))) => Fact::Known(Some(Cow::Borrowed(value.as_bytes()))),
        }
    }

    fn client(&self) -> Fact<IpAddr> {
        self.client.map_or(Fact::Unknown, Fact::Known)
    }

    fn answer(&self, question: &Question) -> Fact<bool> {
        match (question, &self.files) {
            _ if self.asks => Fact::Asked,
            (Question::File { path, test: FileTest::Directory }, Some(_)) => {
                Fact::Known(path.ends_with(b"/dir") || path == b"/www")
            }
            (Question::File { path, .. }, Some(files)) => {
                Fact::Known(files.iter().any(|file| file.as_bytes() == path.as_slice()))
            }
            _ => Fact::Unknown,
        }
    }

    fn random(&self, draw: u32, bound: u32) -> u32 {
        draw % bound
    }
}

fn load(files: &[(&str, &str)], root: Option<&str>) -> Site {
    let files: Vec<PlacedFile> = files
        .iter()
        .map(|(prefix, text)| {
            let source = Arc::new(Source::new(".htaccess", text.as_bytes().to_vec()));
            let parsed = parse(&source);
            // A line that is not read would drop out of every test in silence.
            let wrong = parsed.diagnostics.iter().find(|said| said.severity == source::Severity::Error);
            assert!(wrong.is_none(), "{text}\n{:?}", wrong.map(source::Diagnostic::one_line));
            PlacedFile { prefix: prefix.as_bytes().to_vec(), file: Arc::new(parsed.file) }
        })
        .collect();
    let document_root = root.map(|root| root.as_bytes().to_vec());
    Site::new(&files, SiteOptions { document_root, maps: Vec::new() })
}

fn site(text: &str) -> Site {
    load(&[("/", text)], None)
}

/// `pass`, `403`, `302 http://..`, `to /path?query`.
fn said(outcome: &Outcome) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match &outcome.verdict {
        Verdict::Pass { changed: None, .. } => "pass".to_owned(),
        Verdict::Pass { changed: Some(Target { path, query }), .. } => match query {
            Some(query) => format!("to {}?{}", text(path), text(query)),
            None => format!("to {}", text(path)),
        },
        Verdict::Status { status, .. } => status.to_string(),
        Verdict::Redirect { status, location, .. } => format!("{status} {}", text(location)),
        Verdict::Proxy { url, .. } => format!("proxy {}", text(url)),
        Verdict::Undecidable { unknown } => format!("undecidable: {}", unknown.join(" ")),
        Verdict::Asks(questions) => format!("asks {}", questions.len()),
    }
}

fn ask(site: &Site, world: &World) -> String {
    said(&site.evaluate(world))
}

const SEED: &str = "RewriteEngine On\nRewriteCond %{REQUEST_URI} /audio/.*\n\
    RewriteCond %{HTTP_REFERER} !.*theDomainInQuestion.* [OR]\n\
    RewriteCond %{HTTP_REFERER} .*the\\.incomingIP\\.fromTheChinese\\.site.*\nRewriteRule .* \u{2013} [F]\n";

#[test]
fn the_seed_refuses_and_lets_through_what_it_does_on_apache() {
    let site = site(SEED);
    let from = |referer: &str| ask(&site, &get("/audio/song.mp3").with("Referer", referer));
    assert_eq!(ask(&site, &get("/audio/song.mp3")), "403");
    assert_eq!(from("http://www.theDomainInQuestion.com/a"), "pass");
    assert_eq!(from("http://www.thedomaininquestion.com/a"), "403");
    assert_eq!(from("http://evil.example/?u=theDomainInQuestion"), "pass");
    assert_eq!(from("http://the.incomingIP.fromTheChinese.site/theDomainInQuestion"), "403");
    assert_eq!(ask(&site, &get("/other/song.mp3").with("Referer", "http://evil.example/")), "pass");
}

#[test]
fn the_relaxed_seed_refuses_the_empty_referer_and_lets_others_through() {
    let relaxed = SEED.replace("!.*theDomainInQuestion.* [OR]", "^$ [OR]");
    let site = site(&relaxed);
    let from = |referer: &str| ask(&site, &get("/audio/song.mp3").with("Referer", referer));
    assert_eq!(ask(&site, &get("/audio/song.mp3")), "403");
    assert_eq!(from(""), "403");
    assert_eq!(from("-"), "pass");
    assert_eq!(from("http://evil.example/"), "pass");
    assert_eq!(from("http://the.incomingIP.fromTheChinese.site/"), "403");
}

#[test]
fn paths_are_decoded_and_merged_before_rules_see_them() {
    let site = site("RewriteEngine On\nRewriteRule ^audio/ - [F]\n");
    for path in ["//audio/x", "/./audio/x", "/x/../audio/x", "/%61udio/x"] {
        assert_eq!(ask(&site, &get(path)), "403", "{path}");
    }
    assert_eq!(ask(&site, &get("/audio%2fx")), "404");
    assert_eq!(ask(&site, &get("/AUDIO/x")), "pass");
    let leading = self::site("RewriteEngine On\nRewriteRule ^/one - [F]\n");
    assert_eq!(ask(&leading, &get("/one")), "pass");
}

#[test]
fn an_or_binds_to_the_next_condition_only() {
    let site = site(
        "RewriteEngine On\nRewriteCond %{HTTP:A} 1 [OR]\nRewriteCond %{HTTP:B} 1\n\
         RewriteCond %{HTTP:C} 1 [OR]\nRewriteCond %{HTTP:D} 1\nRewriteRule ^ - [F]\n",
    );
    assert_eq!(ask(&site, &get("/").with("A", "1")), "pass");
    assert_eq!(ask(&site, &get("/").with("A", "1").with("D", "1")), "403");
    assert_eq!(ask(&site, &get("/").with("B", "1").with("C", "1")), "403");
    assert_eq!(ask(&site, &get("/").with("C", "1").with("D", "1")), "pass");
}

#[test]
fn a_dangling_or_lets_the_rule_apply() {
    let site = site("RewriteEngine On\nRewriteCond %{HTTP:A} 1 [OR]\nRewriteRule ^ - [F]\n");
    assert_eq!(ask(&site, &get("/")), "403");
}

#[test]
fn a_round_ends_with_last_and_all_of_it_with_end() {
    let rules = "RewriteEngine On\nRewriteRule ^b$ - [F]\nRewriteRule ^a$ /b ";
    assert_eq!(ask(&site(&format!("{rules}[L]\n")), &get("/a")), "403");
    assert_eq!(ask(&site(&format!("{rules}[END]\n")), &get("/a")), "to /b");
    assert_eq!(ask(&site("RewriteEngine On\nRewriteRule ^(.*)$ /x\n"), &get("/a")), "500");
    assert_eq!(ask(&site("RewriteEngine On\nRewriteRule ^(.*)$ x\n"), &get("/a")), "to /x");
}

#[test]
fn a_child_replaces_its_parents_rules_or_keeps_them() {
    let parent = ("/", "RewriteEngine On\nRewriteRule ^sub/ - [F]\n");
    let ask_sub = |child: &str| ask(&load(&[parent, ("/sub/", child)], None), &get("/sub/x"));
    assert_eq!(ask_sub("RewriteEngine On\n"), "pass");
    assert_eq!(ask_sub("SetEnv a b\n"), "403");
    let ask_inheriting = |options: &str| {
        let parent = ("/", "RewriteEngine On\nRewriteRule ^x - [F]\n");
        ask(&load(&[parent, ("/sub/", options)], None), &get("/sub/x"))
    };
    assert_eq!(ask_inheriting("RewriteOptions Inherit\n"), "403");
    assert_eq!(ask_inheriting("RewriteOptions IgnoreInherit\n"), "pass");
}

#[test]
fn redirects_are_escaped_as_apache_escapes_them() {
    let site = site(
        "RewriteEngine On\nRewriteRule ^a(.*)$ /t#$1 [R=301,L]\nRewriteRule ^b(.*)$ http://o.example/$1 [R,B]\n\
         RewriteRule ^c(.*)$ http://o.example/$1 [NE]\nRewriteRule ^d$ /t?x=v [QSA,R]\nRewriteRule ^e$ mailto:a@b\n",
    );
    assert_eq!(ask(&site, &get("/a%20b")), "301 http://www.site.example/t%23%20b");
    assert_eq!(ask(&site, &get("/b%20%25")), "302 http://o.example/+%2525");
    assert_eq!(ask(&site, &get("/c%20%25")), "302 http://o.example/ %");
    assert_eq!(ask(&site, &get("/d?y=1")), "302 http://www.site.example/t?x=v&y=1");
    assert_eq!(ask(&site, &get("/e")), "302 mailto:a@b");
}

#[test]
fn a_redirect_to_what_is_no_status_is_a_500_and_to_0_is_nothing() {
    let site = site("Redirect 4T /x\nRedirect 40404 /docs\nRedirectMatch 600 ^/s\nRedirect 0 /z\n");
    for (path, verdict) in [("/x", "500"), ("/docs", "500"), ("/s", "500"), ("/z", "pass"), ("/y", "pass")] {
        assert_eq!(ask(&site, &get(path)), verdict, "{path}");
    }
}

#[test]
fn a_question_mark_of_the_request_is_not_put_into_a_path() {
    let site = site("RewriteEngine On\nRewriteRule ^x(.*)$ /t$1 [L]\nRewriteRule ^y(.*)$ /t?q=$1 [L]\n");
    assert_eq!(ask(&site, &get("/x%3fy")), "403");
    assert_eq!(ask(&site, &get("/y%3fy")), "to /t?q=?y");
    assert_eq!(ask(&site, &get("/y%20y")), "403");
}

#[test]
fn what_is_unknown_decides_only_where_it_matters() {
    let seed = site(SEED);
    let world = get("/audio/x").without_knowing("Referer");
    assert_eq!(ask(&seed, &world), "undecidable: %{HTTP:Referer}");
    assert_eq!(ask(&seed, &get("/other/x").without_knowing("Referer")), "pass");
    let either = site(
        "RewriteEngine On\nRewriteCond %{HTTP_COOKIE} a\nRewriteRule ^ - [F]\nRewriteCond %{HTTP_COOKIE} !a\n\
         RewriteRule ^ - [F]\n",
    );
    assert_eq!(ask(&either, &get("/").without_knowing("Cookie")), "403");
    let many =
        "RewriteCond %{HTTP_COOKIE} a\nRewriteCond %{REQUEST_URI} ^/never\nRewriteRule ^ - [F]\n".repeat(100);
    assert_eq!(ask(&site(&format!("RewriteEngine On\n{many}")), &get("/").without_knowing("Cookie")), "pass");
    let env = site("SetEnvIf Cookie a bad\nOrder allow,deny\nAllow from all\nDeny from env=bad\n");
    assert_eq!(ask(&env, &get("/").without_knowing("Cookie")), "undecidable: %{HTTP:Cookie}");
}

#[test]
fn what_can_be_asked_is_asked_for() {
    let site = load(
        &[("/", "RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule ^ /index.php [END]\n")],
        Some("/www"),
    );
    let mut world = get("/dir/x");
    world.files = Some(vec!["/www/dir/x"]);
    assert_eq!(ask(&site, &world), "pass");
    world.files = Some(Vec::new());
    assert_eq!(ask(&site, &world), "to /index.php");
    world.asks = true;
    assert_eq!(ask(&site, &world), "asks 1");
    world.asks = false;
    world.files = None;
    assert!(ask(&site, &world).starts_with("undecidable"));
}

#[test]
fn a_path_of_thousands_of_folders_is_asked_for_a_few_at_a_time() {
    let site = load(
        &[("/", "RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} -f\nRewriteRule ^ - [F]\n")],
        Some("/www"),
    );
    let mut world = get(&format!("{}/x", "/a".repeat(16_000)));
    world.asks = true;
    assert_eq!(ask(&site, &world), "asks 8");
    world.asks = false;
    assert_eq!(ask(&site, &world), "pass", "the first part that is no folder is the file");
}

#[test]
fn what_finds_no_room_lets_nobody_in() {
    let many = (0..2_000).fold(String::new(), |text, number| text + &format!("SetEnvIf Host ^ v{number}\n"));
    let last = "SetEnvIf Host ^ bad\nOrder allow,deny\nAllow from all\nDeny from env=bad\n";
    assert_eq!(ask(&site(&(many + last)), &get("/")), "500");
    let cookies = "RewriteCond %{ENV:n} ^(x*)$\nRewriteRule ^ - [CO=c%1:v:.site.example,E=n:%1x,N=500]\n";
    assert_eq!(ask(&site(&format!("RewriteEngine On\n{cookies}")), &get("/")), "500");
}

#[test]
fn the_index_of_a_folder_is_looked_up_as_a_request_of_its_own() {
    let with = |text: &str| load(&[("/", text)], Some("/www"));
    let mut world = get("/dir/");
    world.files = Some(vec!["/www/dir/index.html", "/www/dir/other.html"]);
    for (text, said) in [
        ("RewriteEngine On\nRewriteRule index - [F]", "403"),
        ("RewriteEngine On\nRewriteRule index - [F,NS]", "pass"),
        ("RewriteEngine On\nRewriteRule index - [R=404]", "pass"),
        ("RewriteEngine On\nRewriteRule ^dir/$ - [END]\nRewriteRule index - [F]", "403"),
        ("RewriteEngine On\nRewriteCond %{IS_SUBREQ} true\nRewriteRule ^ - [G]", "410"),
        ("RewriteEngine On\nRewriteRule index /x [L]", "to /x"),
        ("DirectoryIndex other.html index.html\nRewriteEngine On\nRewriteRule other - [F]", "pass"),
        ("DirectoryIndex gone.html\nRewriteEngine On\nRewriteRule gone - [F]", "403"),
        ("DirectoryIndex disabled\nRewriteEngine On\nRewriteRule index - [F]", "pass"),
        ("<Files index.html>\nRequire all denied\n</Files>", "403"),
        ("RedirectMatch 403 index", "403"),
        ("RedirectMatch index http://o.example/", "302 http://o.example/"),
    ] {
        assert_eq!(ask(&with(text), &world), said, "{text}");
        assert_eq!(ask(&load(&[("/", text)], None), &get("/")), "pass", "no files, no index: {text}");
    }
}

#[test]
fn searches_that_take_too_long_find_nothing_and_a_few_are_enough() {
    let hard = "RewriteCond %{HTTP_COOKIE} ^(?:a(?=a?)|a)*$ [OR]\n";
    let world = get("/").with("Cookie", &format!("{}b", "a".repeat(60)));
    let text = |count: usize| {
        let conditions = hard.repeat(count);
        format!("RewriteEngine On\n{conditions}RewriteCond %{{REQUEST_URI}} x\nRewriteRule ^ - [F]\n")
    };
    assert_eq!(ask(&site(&text(2)), &world), "pass");
    assert_eq!(ask(&site(&text(20)), &world), "500");
}

#[test]
fn loops_end() {
    assert_eq!(ask(&site("RewriteEngine On\nRewriteRule ^a(.*)$ aa$1 [N]\n"), &get("/a")), "500");
    assert_eq!(ask(&site("RewriteEngine On\nRewriteRule ^ - [N]\n"), &get("/a")), "500");
    // A path that grows by a byte each round would be long and searched ten thousand times.
    let growing = site("RewriteEngine On\nRewriteRule ^(.*)\\S(.*)$ $0-$2 [N]\n");
    assert_eq!(ask(&growing, &get("/a%20b%20c%20d")), "500");
    // Who takes out what he looks for comes to an end.
    let ending = site("RewriteEngine On\nRewriteRule ^(.*)_(.*)$ $1-$2 [N]\n");
    assert_eq!(ask(&ending, &get(&format!("/{}", "a_".repeat(200)))), format!("to /{}", "a-".repeat(200)));
    let doubling = "RewriteRule ^ - [E=a:%{ENV:a}%{ENV:a}x]\n".repeat(40);
    assert_eq!(ask(&site(&format!("RewriteEngine On\n{doubling}")), &get("/a")), "500");
}

#[test]
fn a_bound_that_was_reached_is_named_with_the_rule_that_did_it() {
    let hard = "RewriteCond %{HTTP_COOKIE} ^(?:a(?=a?)|a)*$ [OR]\n".repeat(20);
    let steps = format!("{hard}RewriteCond %{{REQUEST_URI}} x\nRewriteRule ^ - [F]\n");
    let doubling = "RewriteRule ^ - [E=a:%{ENV:a}%{ENV:a}x]\n".repeat(40);
    let variables = (0..2_000).fold(String::new(), |text, number| text + &format!("SetEnv v{number}\n"));
    let cookies = "RewriteCond %{ENV:n} ^(x*)$\nRewriteRule ^ - [CO=c%1:v:.site.example,E=n:%1x,N=500]\n";
    for (text, excess, has_rule) in [
        ("RewriteRule ^(.*)$ /x$1", Excess::Rounds, true),
        ("RewriteRule ^ - [N=1000000]\nRewriteRule ^ -", Excess::Rules, true),
        ("RewriteRule ^ - [N=5]", Excess::Repeats, true),
        ("RewriteRule ^(.*)$ $1$1x [N=500]", Excess::Path, true),
        (&steps, Excess::Steps, true),
        (&doubling, Excess::Text, true),
        (&variables, Excess::Variables, false),
        (cookies, Excess::Cookies, true),
    ] {
        let world = get("/a").with("Cookie", &format!("{}b", "a".repeat(60)));
        let outcome = site(&format!("RewriteEngine On\n{text}\n")).evaluate(&world);
        assert_eq!(outcome.excess, Some(excess), "{excess:?}");
        let Verdict::Status { status: 500, by } = outcome.verdict else { panic!("{excess:?}") };
        assert_eq!(by.is_some(), has_rule, "{excess:?}");
    }
    assert_eq!(site("RewriteEngine On\nRewriteRule ^ - [R=500]\n").evaluate(&get("/a")).excess, None);
}

const LINES: [&str; 40] = [
    "RewriteRule ^a(.*)$ /b$1 [L]",
    "RewriteRule ^b(.*)$ c$1",
    "RewriteRule (.*) - [F]",
    "RewriteRule ^(.*)$ http://o.example/$1?%1 [R=301,L]",
    "RewriteRule ^c /x?y=%{HTTP_COOKIE} [L]",
    "RewriteRule ^a - [E=v:%{HTTP_COOKIE}]",
    "RewriteRule ^ - [E=w:$0,C]",
    "RewriteRule ^a b [S=1]",
    "RewriteRule !^a - [G]",
    "RewriteRule ^(b)(.*) $2$1 [N=3]",
    "RewriteCond %{HTTP_REFERER} evil",
    "RewriteCond %{HTTP_REFERER} !(e)vil [OR]",
    "RewriteCond %{HTTP_COOKIE}%{HTTP_REFERER} ^(.)x [NC]",
    "RewriteCond %{ENV:v} ^$",
    "RewriteCond %{ENV:bad} 1 [OR]",
    "RewriteCond %{HTTP_COOKIE} >b",
    "RewriteCond %1 e",
    "RewriteCond expr \"%{HTTP_COOKIE} == 'b' || %{REQUEST_URI} =~ /a/\"",
    "RewriteCond expr \"%{HTTP_REFERER} == 'evil' || %{HTTP_COOKIE} == 'b'\"",
    "RewriteCond expr \"%{REMOTE_ADDR} in { '192.0.2.1', %{HTTP_COOKIE} } && %{HTTP_COOKIE} == 'b'\"",
    "RewriteCond %{REQUEST_FILENAME} -f",
    "SetEnvIf Referer (e)vil bad=$1",
    "SetEnvIf Cookie ^$ v",
    "SetEnvIf bad e !v",
    "Order allow,deny\nAllow from all\nDeny from env=bad",
    "Deny from 192.0.2.0/24",
    "<RequireAll>\nRequire all granted\nRequire not env bad\n</RequireAll>",
    "Require expr %{HTTP_REFERER} != 'x'",
    "Require ip 10.0.0.0/8",
    "Satisfy any",
    "Redirect /c http://o.example/",
    "RedirectMatch ^/b(.*) /d$1",
    "<If \"-n %{HTTP_COOKIE}\">\nDeny from all\n</If>",
    "<Files \"b*\">\nRequire all denied\n</Files>",
    "Header set X-A %{bad}e env=v",
    "RewriteRule ^(.*)$ ${m:$1|/d$1} [L]",
    "RewriteRule ^b - [CO=c:%{HTTP_COOKIE}:.site.example,T=text/x]",
    "ErrorDocument 403 \"none for %{HTTP_REFERER}\"",
    "Header append X-B %{v}e",
    "RequestHeader set X-C %{w}e env=!bad",
];

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(LINES.to_vec()), 0..8)
        .prop_map(|lines| format!("RewriteEngine On\n{}\n", lines.join("\n")))
}

fn value() -> impl Strategy<Value = Option<String>> {
    prop::option::of(
        prop::sample::select(vec!["", "evil", "b", "x", "bx", "http://evil.example/"])
            .prop_map(str::to_owned),
    )
}

fn target() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["/", "/a", "/ab?q=1", "/b", "/c/d", "/%61%3f", "/x", "/a/../b", "/a%", "*"])
        .prop_map(str::to_owned)
}

/// What an outcome says beside its verdict, and another does not.
fn beside_verdict_but_not_in(one: &Outcome, other: &Outcome) -> Vec<String> {
    fn missing<T: PartialEq + std::fmt::Debug>(one: &[T], other: &[T]) -> Vec<String> {
        one.iter().filter(|item| !other.contains(item)).map(|item| format!("{item:?}")).collect()
    }
    let content_type = |outcome: &Outcome| outcome.content_type.clone().into_iter().collect::<Vec<_>>();
    [
        missing(&one.environment, &other.environment),
        missing(&one.cookies, &other.cookies),
        missing(&one.header_edits, &other.header_edits),
        missing(&one.request_edits, &other.request_edits),
        missing(&one.error_documents, &other.error_documents),
        missing(&content_type(one), &content_type(other)),
    ]
    .concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_known_is_decided(
        text in text(), target in target(), referer in value(), cookie in value(),
    ) {
        let world = get(&target)
            .with("Referer", &referer.unwrap_or_default())
            .with("Cookie", &cookie.unwrap_or_default());
        let outcome = site(&text).evaluate(&world);
        let is_open = matches!(outcome.verdict, Verdict::Undecidable { .. } | Verdict::Asks(_));
        prop_assert!(!is_open, "{}\n{}", text, said(&outcome));
    }

    #[test]
    fn a_verdict_without_knowledge_holds_whatever_is_true(
        text in text(), target in target(),
        referer in value(), cookie in value(), knows_referer: bool, knows_cookie: bool, knows_client: bool,
        client in prop::sample::select(vec![[192, 0, 2, 1], [10, 0, 0, 1]]),
    ) {
        let all = |referer: Option<String>, cookie: Option<String>, client| World {
            fields: vec![("Referer", referer), ("Cookie", cookie)],
            client,
            ..get(&target)
        };
        let known = |value: &Option<String>| Some(value.clone().unwrap_or_default());
        let client = Some(IpAddr::from(client));
        let some = all(
            known(&referer).filter(|_| knows_referer),
            known(&cookie).filter(|_| knows_cookie),
            client.filter(|_| knows_client),
        );
        let site = site(&text);
        let without = site.evaluate(&some);
        if !matches!(without.verdict, Verdict::Undecidable { .. }) {
            let with = site.evaluate(&all(known(&referer), known(&cookie), client));
            prop_assert_eq!(said(&without), said(&with), "{}", text);
            prop_assert_eq!(beside_verdict_but_not_in(&without, &with), Vec::<String>::new(), "{}", text);
        }
    }

    #[test]
    fn no_file_and_no_request_brings_it_down(text in "(?s).{0,200}", path in "/(?s).{0,60}", referer in "(?s).{0,20}") {
        let source = Arc::new(Source::new(".htaccess", text.into_bytes()));
        let file = PlacedFile { prefix: b"/".to_vec(), file: Arc::new(parse(&source).file) };
        Site::new(&[file], SiteOptions::default()).evaluate(&get(&path).with("Referer", &referer));
    }
}
