//! Rules in a catalog, the lints, and the embedded catalog, with the language and the table of functions as they are.

use super::*;
use crate::builtins::builtins;
use source::Source;

const SERVER: &str = "
[virtual_servers.v]
listen = \":1\"
pool = \"p\"
request_rules = \"rule\"
[pools.p]
nodes = \"n:1\"
[rate_classes.StandardReferer]
max_rate_per_second = 5
[rate_classes.BusyReferer]
max_rate_per_second = 5
[bandwidth_classes.AbusiveReferer]
";

/// The rule of the article on abusive referers.
const ABUSIVE: &str = r#"# Referer whitelist. These referers are never rate limited.
$whitelist = "localhost 172.16.121.100";
# Referers that are allowed to pass a higher number of clients.
$highTraffic = "google mypartner.com";
# How many queued requests are allowed before we track users.
$shapeQueue = 2;
# Retrieve the referer and strip out the domain name part.
$referer = http.getheader("Referer");
$referer = String.regexsub($referer, ".*?://(.*?)/.*", "$1", "i" );
# Check to see if this user has already been given an abuse cookie.
# If they have we'll force them into a bandwidth class
if ( $cookie = http.getCookie("AbusiveReferer") ) {
   response.setBandwidthClass("AbusiveReferer");
}
# If the referer is whitelisted then exit.
if ( String.contains( $whitelist, $referer ) ) {
   break;
}
# Put the incoming users through the busy or standard rate classes
# and check the queue length for their referer.
if ( String.contains( $highTraffic, $referer ) ) {
   $backlog = rate.getbacklog("BusyReferer", $referer);
   rate.use("BusyReferer", $referer);
} else {
   $backlog = rate.getbacklog("StandardReferer", $referer);
   rate.use("StandardReferer", $referer);
}
# If we have exceeded our backlog limit, then give them a cookie
# this will enforce bandwidth shaping for subsequent requests.
if ( $backlog > $shapeQueue ) {
   http.setResponseCookie("AbusiveReferer", $referer);
   response.setBandwidthClass("AbusiveReferer");
}
"#;

fn load(catalog: &str, rule: &str) -> Loaded {
    let files = MemoryFiles::default()
        .with("tidegate.toml", catalog)
        .with("rules/rule.rts", rule)
        .with("rules/shared.rts", "sub twice( $n ) { return $n * 2; }");
    Catalog::load(Path::new("tidegate.toml"), &files, builtins())
}

fn told(loaded: &Loaded) -> Vec<(&'static str, String)> {
    let line = |diagnostic: &Diagnostic| diagnostic.one_line();
    loaded.diagnostics.iter().map(|diagnostic| (diagnostic.id.0, line(diagnostic))).collect()
}

fn embedded(hosts: &[&str], guard: Guard) -> EmbeddedOptions {
    let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
    EmbeddedOptions { listen: "127.0.0.1:9000".to_owned(), node: "10.0.0.9:81".to_owned(), hosts, guard }
}

#[test]
fn the_seed_rule_loads_and_is_doubted_for_what_its_article_warns_of() {
    let loaded = load(SERVER, ABUSIVE);
    let ids: Vec<_> = told(&loaded).iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, ["list-is-haystack", "own-host-not-listed", "list-is-haystack"], "{:#?}", told(&loaded));
    let text = told(&loaded).iter().map(|(_, line)| line.clone()).collect::<Vec<_>>().join("\n");
    for wanted in ["rules/rule.rts:16:23", "`l`", "`172.16.121.10`", "`www.google.com`"] {
        assert!(text.contains(wanted), "{wanted}\n{text}");
    }
    assert!(loaded.catalog.is_some());
}

#[test]
fn a_list_with_the_sites_own_hosts_is_not_doubted_for_them() {
    let own = ABUSIVE.replace("localhost 172", "www.shop.example shop.example 172");
    let hosts = "hosts = [\"shop.example\", \"www.shop.example\"]\nrequest_rules";
    let server = SERVER.replacen("request_rules", hosts, 1);
    assert!(told(&load(&server, &own)).iter().all(|(id, _)| *id != "own-host-not-listed"));
    let other = SERVER.replacen("request_rules", "hosts = \"other.example\"\nrequest_rules", 1);
    let doubts = told(&load(&other, &own));
    assert!(
        doubts.iter().any(|(_, line)| line.contains("own name other.example is not in the list")),
        "{doubts:?}"
    );
}

#[test]
fn names_that_the_catalog_lacks_are_doubted_with_the_near_one() {
    let rule = r#"
rate.use( "StandardReferrer" );
rate.use( "BusyReferer" );
rate.use( "StandardReferer" );
response.setBandwidthClass( "Abusive" );
response.setBandwidthClass( "" );
response.setBandwidthClass( "AbusiveReferer" );
if( http.getPath() == "/" ) pool.use( "q" );
pool.use( "discard" );
"#;
    let doubts = told(&load(SERVER, rule));
    let ids: Vec<_> = doubts.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, ["unknown-rate-class", "unknown-bandwidth-class", "unknown-pool"], "{doubts:#?}");
    assert!(doubts[0].1.starts_with("rules/rule.rts:2:11: warning"), "{doubts:#?}");
    assert!(doubts[0].1.contains("did you mean \"StandardReferer\"?"), "{doubts:#?}");
}

#[test]
fn a_cookie_without_a_path_is_doubted() {
    let rule = r#"
http.addResponseHeader( "Set-Cookie", "slashdot=1" );
http.addResponseHeader( "Set-Cookie", "slashdot=1; Path=/" );
http.addResponseHeader( "X-Note", "slashdot=1" );
"#;
    let catalog = "[virtual_servers.v]\nlisten = \":1\"\npool = \"discard\"\n";
    let doubts = told(&load(catalog, rule));
    assert_eq!(doubts.len(), 1, "{doubts:#?}");
    assert!(doubts[0].1.starts_with("rules/rule.rts:2:39: warning[cookie-without-path]"), "{doubts:#?}");
}

#[test]
fn whole_entries_between_separators_are_not_doubted() {
    let rule = r#"
$list = " a.example b.example ";
$host = http.getHostHeader();
if( string.contains( $list, " " . $host . " " ) ) { log.info( "in" ); }
if( string.contains( http.getPath(), "a b" ) ) { log.info( "in" ); }
if( string.contains( "a.example b.example", $host ) ) { log.info( "in" ); }
"#;
    let catalog = "[virtual_servers.v]\nlisten = \":1\"\npool = \"discard\"\n";
    let doubts = told(&load(catalog, rule));
    assert_eq!(doubts.len(), 1, "{doubts:#?}");
    assert!(doubts[0].1.starts_with("rules/rule.rts:6:22: warning[list-is-haystack]"), "{doubts:#?}");
}

#[test]
fn a_rule_with_mistakes_refuses_the_catalog_and_tells_them_once_whatever_the_stages() {
    let catalog = SERVER.replacen("request_rules", "response_rules = \"rule\"\nrequest_rules", 1);
    let loaded = load(&catalog, "$a = string.lenght( \"x\" );\n$b = nothing.here();\n");
    assert!(loaded.catalog.is_none());
    let errors: Vec<_> = told(&loaded).into_iter().filter(|(_, line)| line.contains(": error[")).collect();
    assert_eq!(errors.len(), 2, "{errors:#?}");
}

#[test]
fn a_rule_nobody_uses_is_checked_too() {
    let catalog = "[virtual_servers.v]\nlisten = \":1\"\npool = \"discard\"\n";
    let loaded = load(catalog, "$a = ;");
    assert!(loaded.catalog.is_none());
    assert!(told(&loaded)[0].1.starts_with("rules/rule.rts:1:6: error"), "{:?}", told(&loaded));
}

#[test]
fn rules_are_shared_by_stage_and_imports_find_rules() {
    let catalog = "
[virtual_servers.a]
listen = \":1\"
pool = \"discard\"
request_rules = [\"rule\", \"rule.rts\"]
[virtual_servers.b]
listen = \":2\"
pool = \"discard\"
request_rules = \"rule\"
";
    let loaded = load(catalog, "import shared;\nlog.info( shared.twice( 2 ) );");
    let catalog = loaded.catalog.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
    let rule = |server: usize, place: usize| &catalog.virtual_servers[server].request_rules[place].rule;
    assert!(Arc::ptr_eq(rule(0, 0), rule(0, 1)) && Arc::ptr_eq(rule(0, 0), rule(1, 0)));
    assert_eq!(&*rule(0, 0).name, "rule");
}

#[test]
fn a_rule_by_itself_is_checked_against_what_is_known() {
    let rule = Arc::new(Source::new("some/rule.rts", "rate.use( \"Nobody\" );\nimport lib;\nlib.f();"));
    let files = MemoryFiles::default().with("some/lib.rts", "sub f() { return 1; }");
    let alone = check_rule(&rule, RuleStage::Request, None, &files, builtins());
    assert!(alone.rule.is_some() && alone.diagnostics.is_empty(), "{:?}", alone.diagnostics);
    let standard = Catalog::embedded(&embedded(&[], Guard::Observe), builtins()).catalog.unwrap();
    let known = check_rule(&rule, RuleStage::Request, Some(&standard), &files, builtins());
    assert_eq!(known.diagnostics.len(), 1);
    assert_eq!(known.diagnostics[0].id.0, "unknown-rate-class");
}

#[test]
fn a_rule_can_stand_in_for_all_rules_of_a_catalog() {
    let rule = Arc::new(Source::new("try.rts", "log.info( \"here\" );"));
    let checked = check_rule(&rule, RuleStage::Response, None, &MemoryFiles::default(), builtins());
    let catalog = Catalog::embedded(&embedded(&[], Guard::Enforce), builtins()).catalog.unwrap();
    let catalog = catalog.with_only_rules(&[(checked.rule.unwrap(), RuleStage::Response)]);
    let server = &catalog.virtual_servers[0];
    assert!(server.request_rules.is_empty());
    assert_eq!(&*server.response_rules[0].rule.name, "try");
    assert_eq!(catalog.rate_classes.len(), 3);
}

#[test]
fn the_embedded_catalogs_load_without_a_doubt() {
    for guard in [Guard::Off, Guard::Observe, Guard::Enforce] {
        for hosts in [&[][..], &["www.shop.example", "*.other.example"]] {
            let loaded = Catalog::embedded(&embedded(hosts, guard), builtins());
            assert!(loaded.diagnostics.is_empty(), "{guard:?} {hosts:?} {:#?}", told(&loaded));
            let catalog = loaded.catalog.unwrap();
            assert_eq!(catalog.listeners(), ["127.0.0.1:9000".parse().unwrap()]);
            assert_eq!(&*catalog.pools[0].nodes[0].name, "10.0.0.9:81");
            let modes: Vec<_> =
                catalog.virtual_servers[0].request_rules.iter().map(|rule| rule.mode).collect();
            let expected = match guard {
                Guard::Off => vec![],
                Guard::Observe => vec![Mode::Observe],
                Guard::Enforce => vec![Mode::Enforce],
            };
            assert_eq!(modes, expected);
        }
    }
}

#[test]
fn what_is_in_force_is_told_in_plain_lines() {
    let catalog = Catalog::embedded(&embedded(&[], Guard::Observe), builtins()).catalog.unwrap();
    let expected = [
        "virtual server site: 127.0.0.1:9000, pool origin (10.0.0.9:81)",
        "request rule abusive-referer on site: observes only: decides and logs, holds nobody up",
        "marks of site: AbusiveReferer (set by rules that observe: not signed); for 1h, remembered by address for 65536 \
         clients",
        "rate class StandardReferer: 5 a second, waits 6 s at most",
        "rate class BusyReferer: 10 a second, waits 6 s at most",
        "rate class DirectEntries: 10 a second, waits 6 s at most",
        "bandwidth class AbusiveReferer: 8 Mbit/s shared by all its connections",
        "bandwidth class HotLinked: 8 Mbit/s shared by all its connections",
    ];
    assert_eq!(catalog.describe(), expected);
}

#[test]
fn what_the_command_line_says_cannot_leave_its_place() {
    let mut options = embedded(&["good.example", "bad\"; pool.use( \"discard\" ); $x = \""], Guard::Enforce);
    let loaded = Catalog::embedded(&options, builtins());
    assert!(loaded.catalog.is_none());
    assert_eq!(told(&loaded).iter().map(|(id, _)| *id).collect::<Vec<_>>(), ["bad-host"]);
    let rule = options.files().iter().next().map(|(_, text)| text.to_vec()).unwrap();
    assert!(String::from_utf8(rule).unwrap().contains("$own = \"good.example\";"));
    options.hosts.clear();
    options.listen = "x\"\nhosts = \"y\\".to_owned();
    let loaded = Catalog::embedded(&options, builtins());
    let told = told(&loaded);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].1.starts_with("built-in/tidegate.toml:5:10: error[bad-value]"), "{told:#?}");
}
