//! Marks over real connections: signed with keys that outlive the process, remembered for who throws them away.

use crate::kit::{Client, Proxy, Running, catalog, folder, json, node, ok, request, text, tidegate};
use rustix::process::Signal;
use std::fs::{self, Permissions};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Marks whoever asks for it, and tells everybody what it knows of him.
const RULE: &str = "\
if( http.getPath() == \"/mark\" ) http.setResponseCookie( \"mark\", \"a b\" );
http.setResponseHeader( \"X-Mark\", \"[\" . http.getCookie( \"mark\" ) . \"]\" );
";

/// A folder with a catalog; the node sends back the cookies that it gets.
fn site(server: &str, settings: &str) -> tempfile::TempDir {
    let echo = node(|head| {
        let cookie = head.lines().find(|line| line.starts_with("Cookie:"));
        ok(cookie.unwrap_or("no cookie"))
    });
    let server = format!("request_rules = \"mark\"\n{server}");
    let settings = format!("[settings]\n{settings}");
    folder(&[("tidegate.toml", &catalog(echo, &server, &settings)), ("rules/mark.rts", RULE)])
}

const BY_COOKIE: &str = "mark_memory = \"off\"";
const KEPT: &str = "state_folder = \"state\"";

/// The pair of a cookie that was got.
fn marked(proxy: &Proxy) -> String {
    let answer = proxy.get("/mark", &[]);
    assert_eq!(answer.field("Cache-Control"), Some("private"));
    let cookie = answer.field("Set-Cookie").unwrap();
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Lax");
    pair.to_owned()
}

/// What the rule reads when this cookie comes, and what the node gets.
fn read(proxy: &Proxy, cookie: &str) -> (String, String) {
    let answer = proxy.get("/", &[&format!("Cookie: {cookie}")]);
    (answer.field("X-Mark").unwrap().to_owned(), answer.text())
}

fn pair(rule: &str, node: &str) -> (String, String) {
    (rule.to_owned(), node.to_owned())
}

fn reload(proxy: &mut Proxy) {
    proxy.running.tell(Signal::HUP);
    proxy.running.hears("is in force");
}

fn keys(folder: &Path, verb: &str) -> String {
    let output = tidegate(folder, &["marks", verb]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn what_comes_back_is_the_value_and_only_if_nobody_touched_it() {
    let here = site(BY_COOKIE, "");
    let proxy = Proxy::start(here.path(), &[]);
    let mark = marked(&proxy);
    assert_eq!(read(&proxy, &mark), pair("[a%20b]", "Cookie: mark=a%20b"));
    assert_eq!(read(&proxy, &format!("x=1; {mark}; y=2")), pair("[a%20b]", "Cookie: x=1; mark=a%20b; y=2"));
    let altered = mark.replace("a%20b", "a%20c");
    let prolonged = mark.replace(".3600.", ".9600.");
    let huge = format!("mark=v1.{}", "A".repeat(50_000));
    for bad in ["mark=a%20b", &altered, &prolonged, &huge, "mark=", "mark=v1.....", &mark[..mark.len() - 1]] {
        assert_eq!(read(&proxy, bad), pair("[]", "no cookie"), "{bad}");
    }
    proxy.stop();
}

#[test]
fn marks_outlive_the_process_where_there_is_a_state_folder() {
    let here = site(BY_COOKIE, KEPT);
    let mut proxy = Proxy::start(here.path(), &[]);
    let mark = marked(&proxy);
    reload(&mut proxy);
    assert_eq!(read(&proxy, &mark).0, "[a%20b]", "a reload changes no key");
    proxy.stop();
    let file = here.path().join("state/mark-keys");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let proxy = Proxy::start(here.path(), &["--workers", "2"]);
    assert_eq!(read(&proxy, &mark).0, "[a%20b]");
    proxy.stop();
}

#[test]
fn without_a_state_folder_it_is_said_once_that_marks_end_with_the_process() {
    let here = site(BY_COOKIE, "");
    let mut running = Running::start(here.path(), &["run"]);
    running.hears("ready on");
    let said = running.seen();
    assert_eq!(said.matches("the keys of marks live in memory").count(), 1, "{said}");
    assert!(
        said.contains("marks of site: mark (its rules set and test it); for 1h, not remembered"),
        "{said}"
    );
}

#[test]
fn a_rotated_key_verifies_once_more_and_a_revoked_mark_never() {
    let here = site("", KEPT);
    let mut proxy = Proxy::start(here.path(), &[]);
    let mark = marked(&proxy);
    assert!(keys(here.path(), "rotate").contains("signs and verifies"));
    reload(&mut proxy);
    assert_eq!(read(&proxy, &mark).0, "[a%20b]");
    let newer = marked(&proxy);
    assert_ne!(newer.split('.').nth(1), mark.split('.').nth(1), "another key signs");
    assert!(keys(here.path(), "revoke").contains("are void"));
    reload(&mut proxy);
    assert_eq!(read(&proxy, &newer).0, "[]", "neither the cookie nor the memory counts any more");
    assert_eq!(keys(here.path(), "show").lines().filter(|line| line.contains("verifies")).count(), 1);
    proxy.stop();
}

#[test]
fn keys_that_others_may_have_read_stop_the_start_and_not_what_runs() {
    let here = site(BY_COOKIE, KEPT);
    let mut proxy = Proxy::start(here.path(), &[]);
    let mark = marked(&proxy);
    let file = here.path().join("state/mark-keys");
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    reload(&mut proxy);
    assert!(proxy.running.seen().contains("can be read or written by others (mode 0644)"));
    assert_eq!(read(&proxy, &mark).0, "[a%20b]");
    proxy.stop();
    let refused = tidegate(here.path(), &["run"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("chmod 600"), "{}", text(&refused.stderr));
    fs::write(&file, "tidegate mark keys 1\ncurrent soon\n").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let refused = tidegate(here.path(), &["run"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("mark-keys:2:9: expected a time"), "{}", text(&refused.stderr));
}

#[test]
fn whoever_deletes_the_cookie_is_remembered_by_the_address_and_others_are_not() {
    let here = site("access_log = { path = \"a.log\", format = \"%U %{marks}x\" }", "");
    let proxy = Proxy::start(here.path(), &[]);
    let asks = |from: [u8; 4], path: &str, agent: &str| {
        let mut client = Client::connect_from(Ipv4Addr::from(from), proxy.address);
        client.send(&request("GET", path, &[&format!("User-Agent: {agent}")]));
        client.rest("GET").field("X-Mark").unwrap().to_owned()
    };
    let (home, office) = ([127, 0, 0, 2], [127, 0, 0, 3]);
    asks(home, "/mark", "Firefox");
    assert_eq!(asks(home, "/deleted", "Firefox"), "[a%20b]");
    assert_eq!(asks(home, "/other-browser", "Chrome"), "[a%20b]");
    assert_eq!(asks([127, 0, 0, 4], "/neighbour", "Firefox"), "[]");
    asks(office, "/mark", "Firefox");
    for agent in ["Chrome", "Safari", "Opera", "Edge"] {
        asks(office, "/many", agent);
    }
    assert_eq!(asks(office, "/shared", "Firefox"), "[]", "too many come from there to say who it was");
    proxy.stop();
    let log = fs::read_to_string(here.path().join("a.log")).unwrap();
    for line in ["/mark mark", "/deleted mark:remembered", "/neighbour -", "/shared mark:shared"] {
        assert!(log.lines().any(|logged| logged == line), "no {line:?} in\n{log}");
    }
}

#[test]
fn check_says_which_cookies_are_marks_and_the_catalog_can_say_otherwise() {
    let here = site("", "");
    let checked = || text(&tidegate(here.path(), &["check"]).stdout);
    assert!(checked().contains("marks of site: mark (its rules set and test it)"), "{}", checked());
    let path = here.path().join("tidegate.toml");
    let said = fs::read_to_string(&path).unwrap();
    fs::write(&path, said.replace("request_rules", "marks = []\nrequest_rules")).unwrap();
    assert!(!checked().contains("marks of"), "{}", checked());
}

#[test]
fn a_cookie_that_is_given_to_try_is_taken_for_one_that_was_got() {
    let here = site("", "");
    let tried = tidegate(here.path(), &["try", "--header", "Cookie: mark=1", "--format", "json"]);
    let headers = json(&tried)["response"]["headers"].to_string();
    assert!(headers.contains("[1]"), "{headers}\n{}", text(&tried.stdout));
}
