//! What a catalog says, and what is said about a bad one.

use super::units::{BitRate, Length, Size};
use super::*;
use proptest::prelude::*;
use std::fmt::Write as _;
use std::num::{NonZeroU32, NonZeroU64};

const GOOD: &str = r#"
[settings]
workers = 2
grace_period = "5s"

[virtual_servers.shop]
listen = ["127.0.0.1:8080", "[::1]:8080"]
hosts = ["Shop.Example.com", "*.shop.example.com"]
pool = "app"
request_rules = ["one", { rule = "two.rts", enabled = false, run = "first", mode = "observe" }]
response_rules = "one"
bandwidth_class = "slow"
on_rule_error = "503"
access_log = { path = "shop.log", format = "%h %>s" }
via = true
trusted_proxies = ["10.0.0.0/8", "::1"]
timeout = "2m"
connect_timeout = 1.5
max_transaction_duration = "1h"
max_request_head = "32 KiB"

[virtual_servers."the rest"]
listen = ":8080"
pool = "discard"
access_log = "-"

[virtual_servers.default]
listen = "127.0.0.1:8080"
pool = "app"

[pools.app]
nodes = ["10.0.0.5:80", "App.Internal:8080", "[::1]:81"]
max_connect_time = "500ms"
bandwidth_class = "slow"

[rate_classes."10 per minute"]
max_rate_per_minute = 10
max_rate_per_second = 3
max_queue = 20
max_wait = "6s"
note = "for the crowd"

[bandwidth_classes.slow]
maximum = "800 kbit/s"
sharing = "connection"
"#;

fn files(catalog: &str) -> MemoryFiles {
    MemoryFiles::default()
        .with("etc/tidegate.toml", catalog)
        .with("etc/rules/one.rts", "$a = 1; $a = $a;")
        .with("etc/rules/two.rts", "$a = 2; $a = $a;")
        .with("etc/rules/notes.txt", "no rule at all")
}

fn load(catalog: &str) -> Loaded {
    Catalog::load(Path::new("etc/tidegate.toml"), &files(catalog), crate::builtins::builtins())
}

fn said(catalog: &str) -> Vec<String> {
    load(catalog).diagnostics.iter().map(Diagnostic::one_line).collect()
}

/// The errors of a catalog that is good but for one virtual server's, pool's or class's lines.
fn errors_of(section: &str, lines: &str) -> Vec<String> {
    let base = match section {
        "virtual_server" => "[pools.p]\nnodes = \"n:1\"\n[virtual_servers.v]\n",
        "pool" => "[virtual_servers.v]\nlisten = \":1\"\npool = \"p\"\n[pools.p]\n",
        "rate_class" => "[virtual_servers.v]\nlisten = \":1\"\npool = \"discard\"\n[rate_classes.r]\n",
        _ => "[virtual_servers.v]\nlisten = \":1\"\npool = \"discard\"\n[bandwidth_classes.b]\n",
    };
    let loaded = load(&format!("{base}{lines}\n"));
    let errors = loaded.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
    errors.map(Diagnostic::one_line).collect()
}

#[test]
fn a_log_that_is_off_is_no_file() {
    let text = "[virtual_servers.a]\nlisten = \":80\"\npool = \"p\"\naccess_log = \"off\"\n[pools.p]\nnodes = [\"a:1\"]\n";
    let files = MemoryFiles::default().with("tidegate.toml", text);
    let builtins = crate::builtins::builtins();
    let catalog = Catalog::load(Path::new("tidegate.toml"), &files, builtins).catalog.unwrap();
    assert!(catalog.virtual_servers[0].access_log.is_none());
}

#[test]
fn a_good_catalog_means_what_it_says() {
    let loaded = load(GOOD);
    let errors: Vec<_> = loaded.diagnostics.iter().filter(|d| d.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let catalog = loaded.catalog.unwrap();
    let shop = &catalog.virtual_servers[0];
    assert_eq!(&*shop.name, "shop");
    assert_eq!(shop.listen, ["127.0.0.1:8080".parse().unwrap(), "[::1]:8080".parse().unwrap()]);
    let hosts: Vec<_> = shop.hosts.iter().map(ToString::to_string).collect();
    assert_eq!(hosts, ["shop.example.com", "*.shop.example.com"]);
    assert_eq!(shop.pool, Some(PoolId(0)));
    let rules: Vec<_> =
        shop.request_rules.iter().map(|r| (&*r.rule.name, r.enabled, r.run, r.mode)).collect();
    let expected = [
        ("one", true, RunFrequency::Every, Mode::Enforce),
        ("two", false, RunFrequency::First, Mode::Observe),
    ];
    assert_eq!(rules, expected);
    assert_eq!(shop.response_rules.len(), 1);
    assert_eq!(shop.bandwidth_class.as_deref(), Some("slow"));
    assert_eq!(shop.on_rule_error, OnRuleError::ServiceUnavailable);
    assert_eq!(shop.access_log.as_ref().unwrap().destination, Destination::File("etc/shop.log".into()));
    assert!(shop.via);
    assert!(shop.trusts("10.1.2.3".parse().unwrap()) && shop.trusts("::ffff:10.1.2.3".parse().unwrap()));
    assert!(!shop.trusts("11.1.2.3".parse().unwrap()));
    assert_eq!(shop.timeouts.idle, Duration::from_mins(2));
    assert_eq!(shop.timeouts.connect, Duration::from_millis(1_500));
    assert_eq!(shop.timeouts.keepalive, Duration::from_secs(10));
    assert_eq!(shop.timeouts.transaction, Some(Duration::from_hours(1)));
    assert_eq!((shop.max_request_head, shop.max_fields), (32 << 10, 100));
    let rest = &catalog.virtual_servers[1];
    assert_eq!((rest.pool, rest.timeouts.transaction), (None, None));
    assert_eq!(rest.listen, ["0.0.0.0:8080".parse().unwrap()]);
    assert_eq!(rest.access_log.as_ref().unwrap().destination, Destination::Stdout);
    let pool = catalog.pool(catalog.pool_by_name(b"app").unwrap());
    let nodes: Vec<_> = pool.nodes.iter().map(|node| (node.host.as_str(), node.port, &*node.name)).collect();
    let expected = [
        ("10.0.0.5", 80, "10.0.0.5:80"),
        ("app.internal", 8080, "app.internal:8080"),
        ("::1", 81, "[::1]:81"),
    ];
    assert_eq!(nodes, expected);
    assert_eq!(
        (pool.max_connect_time, pool.max_reply_time),
        (Duration::from_millis(500), Duration::from_secs(30))
    );
    let (name, class) = &catalog.rate_classes[0];
    let expected = RateClass {
        per_second: NonZeroU32::new(3),
        per_minute: NonZeroU32::new(10),
        backlog_max: Some(20),
        wait_max: Some(Duration::from_secs(6)),
        ..RateClass::default()
    };
    assert_eq!((name.as_str(), *class), ("10 per minute", expected));
    assert_eq!(catalog.bandwidth_classes[0].1.bytes_per_second, NonZeroU64::new(100_000).unwrap());
    assert_eq!(catalog.settings.workers, NonZeroU32::new(2));
    assert_eq!(catalog.settings.grace_period, Duration::from_secs(5));
}

#[test]
fn what_is_not_said_is_what_the_traffic_manager_says() {
    let catalog =
        load("[virtual_servers.v]\nlisten=\":1\"\npool=\"p\"\n[pools.p]\nnodes=\"n:1\"\n").catalog.unwrap();
    let server = &catalog.virtual_servers[0];
    let seconds = Duration::from_secs;
    let expected = Timeouts {
        connect: seconds(10),
        idle: seconds(300),
        keepalive: seconds(10),
        send: seconds(60),
        min_body_rate: 240,
        transaction: None,
    };
    assert_eq!(server.timeouts, expected);
    assert_eq!(
        (server.on_rule_error, server.queue_timeout_action),
        (OnRuleError::Next, QueueTimeoutAction::ServiceUnavailable)
    );
    assert_eq!((server.max_request_head, server.max_fields, server.via), (64 << 10, 100, false));
    let pool = &catalog.pools[0];
    assert_eq!((pool.max_connect_time, pool.max_reply_time), (seconds(4), seconds(30)));
    assert_eq!((pool.max_idle_connections_pernode, pool.node_fail_time), (50, seconds(10)));
}

#[test]
fn every_mistake_of_a_bad_catalog_is_told_once_with_its_place() {
    let bad = "\
[setting]
workers = 2

[virtual_servers.shop]
lisen = \"127.0.0.1:8080\"
hosts = [\"ok.example\", \"http://bad.example/\"]
pool = \"ap\"
request_rules = [\"one\", \"tow\", { rule = \"one\", mode = \"watch\" }]
bandwidth_class = \"slo\"
on_rule_error = 503
access_log = { path = \"a.log\", format = \"combind\" }
via = \"yes\"
timeout = \"5 fortnights\"
max_request_head = \"1 B\"
protocol = \"ftp\"

[pools.app]
nodes = [\"10.0.0.5\", \"http://x:80\"]
algorithm = \"least_conections\"
max_connect_time = 0

[rate_classes.r]
max_rate_per_second = -1

[bandwidth_classes.slow]
maximum = \"1 MB/s\"
sharing = \"cluster\"
";
    let places: Vec<_> = load(bad)
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .map(|diagnostic| (diagnostic.id.0, diagnostic.place().unwrap()))
        .map(|(id, place)| (id, place.line, place.column))
        .collect();
    let expected = [
        ("unknown-key", 1, 2),
        ("missing-key", 4, 18),
        ("unknown-key", 5, 1),
        ("bad-value", 6, 24),
        ("unknown-pool", 7, 8),
        ("unknown-rule", 8, 25),
        ("bad-value", 8, 55),
        ("unknown-bandwidth-class", 9, 19),
        ("bad-value", 10, 17),
        ("bad-value", 11, 41),
        ("bad-value", 12, 7),
        ("bad-value", 13, 11),
        ("bad-value", 14, 20),
        ("bad-value", 15, 12),
        ("bad-value", 18, 10),
        ("bad-value", 18, 22),
        ("bad-value", 19, 13),
        ("bad-value", 20, 20),
        ("bad-value", 23, 23),
        ("bad-value", 26, 11),
        ("bad-value", 27, 11),
    ];
    assert_eq!(places, expected, "{:#?}", said(bad));
}

#[test]
fn a_message_names_the_near_word() {
    let cases = [
        ("virtual_server", "listn = \":1\"", "did you mean `listen`?"),
        ("virtual_server", "listen = \":1\"\npool = \"q\"", "did you mean \"p\"?"),
        ("virtual_server", "listen = \":1\"\npool = \"p\"\nrequest_rules = \"ome\"", "did you mean `one`?"),
        (
            "virtual_server",
            "listen = \":1\"\npool = \"p\"\nrequest_rules = \"rules/one\"",
            "named without it",
        ),
        (
            "virtual_server",
            "listen = \":1\"\npool = \"p\"\non_rule_error = \"nxt\"",
            "did you mean \"next\"?",
        ),
        ("virtual_server", "listen = \":1\"\npool = \"p\"\non_rule_error = 503", "write \"503\""),
        ("virtual_server", "listen = \"localhost:80\"\npool = \"p\"", "write an address of this machine"),
        ("virtual_server", "listen = \"127.0.0.1\"\npool = \"p\"", "write \"127.0.0.1:80\""),
        ("virtual_server", "listen = \":1\"\npool = \"p\"\nhosts = \"a.example:80\"", "leave the port out"),
        (
            "virtual_server",
            "listen = \":1\"\npool = \"p\"\nhosts = \"https://a.example/x\"",
            "write \"a.example\"",
        ),
        (
            "virtual_server",
            "listen = \":1\"\npool = \"p\"\ntimeout = \"10 sec\"",
            "there is no unit `sec` here",
        ),
        ("virtual_server", "listen = \":1\"\npool = \"p\"\ntimeout = 0", "0 is not a limit here"),
        ("virtual_server", "listen = \":1\"\npool = \"p\"\ntimeout = \"25h\"", "longer than a day"),
        (
            "virtual_server",
            "listen = \":1\"\npool = \"p\"\nmax_request_head = \"64 kib\"",
            "did you mean \"64 KiB\"?",
        ),
        ("virtual_server", "listen = \":1\"\npool = \"p\"\naccess_log = \"\"", "expected the path"),
        ("virtual_server", "listen = []\npool = \"p\"", "a virtual server needs an address"),
        ("pool", "nodes = []", "a pool needs a node"),
        ("pool", "nodes = \"http://a:80/\"", "without the scheme"),
        ("pool", "nodes = \"app.internal\"", "write \"app.internal:80\""),
        ("pool", "nodes = \"fe80::1\"", "write \"[fe80::1]:80\""),
        ("pool", "nodes = \"a:80\"\nalgorithm = \"radnom\"", "did you mean \"random\"?"),
        ("pool", "nodes = \"a:80\"\nhash_by = \"header:\"", "one of \"client_address\""),
        ("pool", "nodes = { address = \"a:80\", weight = 0 }", "from 1 to 100"),
        ("pool", "nodes = \"a:80\"\nejection_time = \"10m\"", "shorter than"),
        ("rate_class", "max_rate_per_second = \"5\"", "this is a string"),
        ("rate_class", "max_rate_per_minute = 1.5", "expected a whole number from 0 to"),
        ("bandwidth_class", "maximum = \"1 MB/s\"", "1 MB/s are \"8 Mbit/s\""),
        ("bandwidth_class", "maximum = \"100 bit/s\"", "whole number of kbit/s"),
        ("bandwidth_class", "maximum = 0", "from 1 kbit/s to 20,000,000"),
        ("bandwidth_class", "maximum = \"21 Gbit/s\"", "from 1 kbit/s to 20,000,000"),
        ("bandwidth_class", "maximum = \"fast\"", "expected a bit rate such as"),
        ("bandwidth_class", "sharing = \"cluster\"", "one of \"machine\", \"connection\""),
    ];
    for (section, lines, wanted) in cases {
        let errors = errors_of(section, lines);
        let shown = load_shown(section, lines);
        assert!(!errors.is_empty(), "{lines}");
        assert!(shown.contains(wanted), "{lines}\n{wanted}\n{shown}");
    }
}

/// The diagnostics as a terminal shows them: with labels.
fn load_shown(section: &str, lines: &str) -> String {
    let mut shown = errors_of(section, lines).join("\n");
    let _ = write!(shown, "\n{}", labels(section, lines));
    shown
}

fn labels(section: &str, lines: &str) -> String {
    let text = match section {
        "rate_class" => format!("[rate_classes.r]\n{lines}\n"),
        _ => return String::new(),
    };
    let diagnostics = load(&text).diagnostics;
    let labels = diagnostics.iter().flat_map(|diagnostic| &diagnostic.labels);
    labels.map(|label| label.text.as_str()).collect::<Vec<_>>().join("\n")
}

#[test]
fn broken_toml_is_told_with_every_place_and_without_what_follows_from_it() {
    let broken = "[virtual_servers.v]\nlisten = \npool = \"nowhere\"\n[pools.p\nnodes = \"n:1\"\n";
    let loaded = load(broken);
    assert!(loaded.catalog.is_none());
    let told: Vec<_> = loaded.diagnostics.iter().map(|d| (d.id.0, d.place().unwrap().line)).collect();
    assert_eq!(told, [("toml-syntax", 2), ("toml-syntax", 4)], "{:#?}", said(broken));
}

#[test]
fn a_file_that_is_missing_or_not_text_is_told() {
    let missing = Catalog::load(Path::new("x.toml"), &MemoryFiles::default(), crate::builtins::builtins());
    assert_eq!(missing.diagnostics[0].one_line(), "error[unreadable-file]: cannot read x.toml: no such file");
    let files = MemoryFiles::default().with("x.toml", b"a = \"\xff\"".to_vec());
    let bytes = Catalog::load(Path::new("x.toml"), &files, crate::builtins::builtins());
    assert_eq!(bytes.diagnostics[0].one_line(), "x.toml:1:6: error[toml-syntax]: a catalog is UTF-8 text");
    let empty = load("");
    assert!(empty.diagnostics[0].one_line().contains("the catalog has no virtual server"));
}

#[test]
fn a_pool_with_a_mistake_is_not_unknown_too() {
    let text = "[virtual_servers.v]\nlisten=\":1\"\npool=\"p\"\n[pools.p]\nnodes=[\"n\"]\n";
    assert_eq!(load(text).diagnostics.len(), 1, "{:?}", said(text));
}

#[test]
fn two_virtual_servers_for_the_same_requests_clash() {
    let server = |name: &str, rest: &str| format!("[virtual_servers.{name}]\npool = \"discard\"\n{rest}\n");
    let both_default = server("a", "listen = \":1\"") + &server("b", "listen = [\":2\", \":1\"]");
    let told = said(&both_default);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("etc/tidegate.toml:4:18: error[virtual-server-clash]: `a` and `b`"),
        "{told:?}"
    );
    let same_host = server("a", "listen = \":1\"\nhosts = \"X.example\"")
        + &server("b", "listen = \":1\"\nhosts = [\"y.example\", \"x.example.\"]");
    let told = said(&same_host);
    assert!(told.len() == 1 && told[0].contains("both answer to x.example at 0.0.0.0:1"), "{told:?}");
    let apart = server("a", "listen = \":1\"\nhosts = \"x.example\"") + &server("b", "listen = \":1\"");
    assert!(load(&apart).catalog.is_some(), "{:?}", said(&apart));
}

#[test]
fn a_request_finds_its_virtual_server_by_address_and_host() {
    let catalog = load(GOOD).catalog.unwrap();
    let at = |listen: &str, host: Option<&str>| {
        let id = catalog.select(listen.parse().unwrap(), host.map(str::as_bytes));
        id.map(|id| catalog.virtual_server(id).name.to_string())
    };
    let v4 = "127.0.0.1:8080";
    let long = "a.".repeat(200);
    let cases = [
        (v4, Some("shop.example.com"), Some("shop")),
        (v4, Some("SHOP.example.COM.:8080"), Some("shop")),
        (v4, Some("a.b.shop.example.com"), Some("shop")),
        (v4, Some("notshop.example.com"), Some("default")),
        (v4, Some("example.com"), Some("default")),
        (v4, Some(""), Some("default")),
        (v4, Some(long.as_str()), Some("default")),
        (v4, None, Some("default")),
        ("[::1]:8080", Some("shop.example.com"), Some("shop")),
        ("[::1]:8080", Some("other.example"), None),
        ("0.0.0.0:8080", Some("shop.example.com"), Some("the rest")),
        ("127.0.0.1:9", Some("shop.example.com"), None),
    ];
    for (listen, host, name) in cases {
        assert_eq!(at(listen, host).as_deref(), name, "{listen} {host:?}");
    }
    let listeners: Vec<_> = catalog.listeners().iter().map(ToString::to_string).collect();
    assert_eq!(listeners, ["0.0.0.0:8080", "127.0.0.1:8080", "[::1]:8080"]);
}

#[test]
fn the_longest_wildcard_wins_and_brackets_are_part_of_a_name() {
    let text = "
[virtual_servers.wide]\nlisten=\":1\"\npool=\"discard\"\nhosts=[\"*.example\", \"[::1]\"]
[virtual_servers.narrow]\nlisten=\":1\"\npool=\"discard\"\nhosts=\"*.deep.example\"
";
    let catalog = load(text).catalog.unwrap();
    let find = |host: &str| catalog.select("0.0.0.0:1".parse().unwrap(), Some(host.as_bytes()));
    assert_eq!(find("a.example"), Some(VirtualServerId(0)));
    assert_eq!(find("a.deep.example"), Some(VirtualServerId(1)));
    assert_eq!(find("deep.example"), Some(VirtualServerId(0)));
    assert_eq!(find("example"), None);
    assert_eq!(find("[::1]:80"), Some(VirtualServerId(0)));
    assert_eq!(find("[::1"), None);
}

#[test]
fn doubts_about_classes_are_warnings() {
    let class = |lines: &str| {
        format!("[virtual_servers.v]\nlisten=\":1\"\npool=\"discard\"\n[rate_classes.r]\n{lines}\n")
    };
    let told = |lines: &str| {
        said(&class(lines)).into_iter().filter(|told| !told.contains("unused")).collect::<Vec<_>>()
    };
    let no_effect = told("max_rate_per_second = 5\nmax_rate_per_minute = 301");
    assert!(
        no_effect[0].starts_with("etc/tidegate.toml:6:23: warning[limit-without-effect]"),
        "{no_effect:?}"
    );
    assert!(no_effect[0].contains("5 a second are 300 a minute"), "{no_effect:?}");
    assert!(told("max_rate_per_second = 5\nmax_rate_per_minute = 300").is_empty());
    assert!(told("note = \"x\"")[0].contains("warning[class-without-limit]"));
    assert!(told("max_rate_per_minute = 10")[0].contains("warning[long-wait]"));
    assert!(told("max_rate_per_minute = 10\nmax_wait = \"6s\"").is_empty());
    let long = told("max_rate_per_second = 2\nmax_wait = \"11s\"");
    assert!(long[0].starts_with("etc/tidegate.toml:6:12: warning[long-wait]"), "{long:?}");
    assert!(told("max_rate_per_second = 2\nmax_rate_per_minute = 90")[0].contains("warning[long-wait]"));
    assert!(told("max_rate_per_second = 2\nmax_rate_per_minute = 101").is_empty(), "ten seconds of a minute");
    let long = told("max_rate_per_second = 2\nmax_queue = 21");
    assert!(long[0].starts_with("etc/tidegate.toml:6:13: warning[long-wait]"), "{long:?}");
    assert!(told("max_rate_per_second = 2\nmax_queue = 20").is_empty());
    assert!(told("max_rate_per_second = 2\nmax_queue = 200\nmax_wait = \"6s\"").is_empty());
    let unused = said(&class("max_rate_per_second = 5"));
    assert!(
        unused.iter().any(|told| told.contains("warning[unused-class]: nothing uses the rate class `r`"))
    );
    assert!(load(&class("note = \"x\"")).catalog.is_some(), "a warning refuses nothing");
}

#[test]
fn schema_and_reader_know_the_same_keys() {
    let schema = schema();
    let definitions = schema["$defs"].as_object().unwrap();
    let tables: Vec<(&str, &str, &str)> = vec![
        ("Settings", "settings", "the same"),
        ("VirtualServer", "virtual_servers.v", "named"),
        ("PoolTable", "pools.p", "named"),
        ("RateClass", "rate_classes.r", "named"),
        ("BandwidthClass", "bandwidth_classes.b", "named"),
    ];
    for (definition, header, _) in tables {
        let properties = definitions[definition]["properties"].as_object().unwrap();
        let mut text = format!("[{header}]\n");
        for key in properties.keys() {
            // A date is of no key's type, so each known key complains of its value and none of its name.
            let _ = writeln!(text, "{key} = 1979-05-27");
        }
        let told = load(&text).diagnostics;
        assert!(told.iter().all(|diagnostic| diagnostic.id.0 != "unknown-key"), "{definition}");
        let bad_values = told.iter().filter(|diagnostic| diagnostic.id.0 == "bad-value").count();
        assert_eq!(bad_values, properties.len(), "{definition}");
    }
    assert_eq!(
        definitions["VirtualServer"]["properties"].as_object().unwrap().len(),
        said::VirtualServer::KEYS.len()
    );
    let top: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(top.len(), said::Catalog::KEYS.len());
    assert_eq!(definitions["VirtualServer"]["required"], serde_json::json!(["listen", "pool"]));
    assert_eq!(definitions["PoolTable"]["properties"]["max_connect_time"]["default"], "4s");
    assert_eq!(definitions["PoolTable"]["additionalProperties"], false);
}

#[test]
fn every_default_of_the_schema_is_read_as_a_value() {
    let schema = schema();
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        let Some(properties) = definition["properties"].as_object() else { continue };
        let header = match name.as_str() {
            "Settings" => "settings",
            "VirtualServer" => "virtual_servers.v",
            "PoolTable" => "pools.p",
            "RateClass" => "rate_classes.r",
            "BandwidthClass" => "bandwidth_classes.b",
            _ => continue,
        };
        let defaults = properties.iter().filter_map(|(key, property)| Some((key, property.get("default")?)));
        let text = defaults.map(|(key, default)| format!("{key} = {default}")).collect::<Vec<_>>().join("\n");
        let told = load(&format!("[{header}]\n{text}")).diagnostics;
        assert!(told.iter().all(|diagnostic| diagnostic.id.0 != "bad-value"), "{name}\n{text}\n{told:?}");
    }
}

/// Reads one value of a kind.
fn read<T: read::Say>(text: &str) -> Option<T> {
    let source = Arc::new(source::Source::new("t", text));
    let mut diagnostics = Vec::new();
    let value = toml::de::DeValue::parse(text).ok()?;
    let mut reader = read::Reader::new(&source, &mut diagnostics);
    let read = T::read(value.get_ref(), read::span_of(value.span()), &mut reader);
    assert_eq!(read.is_none(), !diagnostics.is_empty(), "a refusal is told, and nothing else: {text}");
    read
}

proptest! {
    #[test]
    fn a_length_is_the_same_in_every_unit(milliseconds in 0_u64..86_400_000) {
        let expected = Some(Length::<0>(Duration::from_millis(milliseconds)));
        prop_assert_eq!(read::<Length<0>>(&format!("\"{milliseconds}ms\"")), expected);
        let seconds = format!("{}.{:03}", milliseconds / 1_000, milliseconds % 1_000);
        prop_assert_eq!(read::<Length<0>>(&seconds), expected);
        prop_assert_eq!(read::<Length<0>>(&format!("\"{seconds} s\"")), expected);
    }

    #[test]
    fn a_rate_is_the_same_in_every_unit(kbit in 1_u32..=20_000_000) {
        let expected = Some(BitRate { kbit_per_second: kbit });
        prop_assert_eq!(read::<BitRate>(&kbit.to_string()), expected);
        prop_assert_eq!(read::<BitRate>(&format!("\"{kbit} kbit/s\"")), expected);
        prop_assert_eq!(read::<BitRate>(&format!("\"{}.{:03}Mbit/s\"", kbit / 1_000, kbit % 1_000)), expected);
        prop_assert_eq!(expected.map(|rate| rate.bytes_per_second().get()), Some(u64::from(kbit) * 125));
    }

    #[test]
    fn a_size_is_the_same_in_every_unit(kib in 4_u64..=16_384) {
        let expected = Some(Size::<4_096, 16_777_216>(kib * 1_024));
        prop_assert_eq!(read::<Size<4_096, 16_777_216>>(&(kib * 1_024).to_string()), expected);
        prop_assert_eq!(read::<Size<4_096, 16_777_216>>(&format!("\"{kib} KiB\"")), expected);
    }

    #[test]
    fn no_text_of_a_value_panics_or_is_refused_in_silence(text in "\\PC{0,40}") {
        let quoted = format!("'{}'", text.replace(['\'', '\n'], ""));
        let _ = read::<Length<1>>(&quoted);
        let _ = read::<BitRate>(&quoted);
        let _ = read::<Size<1, 1_000>>(&quoted);
        let _ = read::<address::Listen>(&quoted);
        let _ = read::<address::NodeAddress>(&quoted);
        let _ = read::<address::Host>(&quoted);
        let _ = read::<address::Network>(&quoted);
        let _ = read::<said::RuleUse>(&quoted);
    }

    #[test]
    fn no_text_of_a_catalog_panics(text in "\\PC{0,200}") {
        let _ = load(&text);
    }

    #[test]
    fn a_catalog_with_a_line_gone_or_doubled_never_panics(line in 0_usize..50, doubled: bool) {
        let lines: Vec<&str> = GOOD.lines().collect();
        let mut kept: Vec<&str> = Vec::new();
        for (at, text) in lines.iter().enumerate() {
            let times = match (at == line, doubled) { (true, true) => 2, (true, false) => 0, _ => 1 };
            kept.extend(std::iter::repeat_n(*text, times));
        }
        let loaded = load(&kept.join("\n"));
        let failed = loaded.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
        prop_assert_eq!(loaded.catalog.is_none(), failed);
    }
}
