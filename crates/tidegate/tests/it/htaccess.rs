//! `.htaccess` files: the program in front of a node, `try`, `import`.

use crate::kit::{Client, Proxy, catalog, folder, json, node, ok, text, tidegate};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::symlink;

/// The file of the article; `spec/htaccess.md` has it word for word.
const AUDIO: &str = "RewriteEngine On\n\
    RewriteCond %{REQUEST_URI} /audio/.*\n\
    RewriteCond %{HTTP_REFERER} !.*theDomainInQuestion.* [OR]\n\
    RewriteCond %{HTTP_REFERER} .*the\\.incomingIP\\.fromTheChinese\\.site.*\n\
    RewriteRule .* \u{2013} [F]\n";

#[test]
fn the_file_of_the_article_does_what_apache_makes_of_it() {
    let origin = node(|_| ok("song"));
    let server = "htaccess = \"audio.htaccess\"\naccess_log = { path = \"log\", format = \"%>s %{rule}x\" }";
    let here = folder(&[("tidegate.toml", &catalog(origin, server, "")), ("audio.htaccess", AUDIO)]);
    let proxy = Proxy::start(here.path(), &[]);
    for (path, referer, status) in [
        ("/audio/song.mp3", None, 403),
        ("/audio/song.mp3", Some("http://www.theDomainInQuestion.com/a"), 200),
        ("/audio/song.mp3", Some("http://www.thedomaininquestion.com/a"), 403),
        ("/audio/song.mp3", Some("http://evil.example/?u=theDomainInQuestion"), 200),
        ("/audio/song.mp3", Some("http://the.incomingIP.fromTheChinese.site/theDomainInQuestion"), 403),
        ("//audio/./song.mp3", None, 403),
        ("/%61udio/song.mp3", None, 403),
        ("/AUDIO/song.mp3", None, 200),
        ("/video/song.mp3", Some("http://evil.example/"), 200),
    ] {
        let field = referer.map(|referer| format!("Referer: {referer}"));
        let fields: Vec<&str> = field.iter().map(String::as_str).collect();
        assert_eq!(proxy.get(path, &fields).status, status, "{path} {referer:?}");
    }
    let refused = proxy.get("/audio/x", &[]);
    assert!(refused.is_whole() && refused.text().contains("You don't have permission"), "{refused:?}");
    assert_eq!(proxy.ask("HEAD", "/audio/x", &[]).status, 403);
    proxy.stop();
    let log = fs::read_to_string(here.path().join("log")).unwrap();
    // each worker writes its own lines: their order is nobody's promise
    let count = |line: &str| log.lines().filter(|written| *written == line).count();
    assert_eq!((count("403 audio.htaccess:5"), count("200 -"), log.lines().count()), (7, 4, 11), "{log}");
}

#[test]
fn a_refused_body_is_read_past_and_the_connection_goes_on() {
    let origin = node(|_| ok("fine"));
    let here = folder(&[
        ("tidegate.toml", &catalog(origin, "htaccess = \"a.htaccess\"", "")),
        ("a.htaccess", "RewriteEngine On\nRewriteRule ^no - [G]\nErrorDocument 410 \"gone\"\n"),
    ]);
    let proxy = Proxy::start(here.path(), &[]);
    let mut client = Client::connect(proxy.address);
    client.send("POST /no HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nabc");
    let refused = client.answer();
    assert_eq!((refused.status, refused.text().as_str()), (410, "gone"));
    client.send("GET /yes HTTP/1.1\r\nHost: a.example\r\n\r\n");
    assert_eq!(client.answer().text(), "fine");
    proxy.stop();
}

#[test]
fn files_below_the_document_root_are_looked_at_and_those_outside_are_not_there() {
    let origin = node(|head| ok(head.split(' ').nth(1).unwrap_or_default()));
    let front = "RewriteEngine On\n\
        RewriteCond %{REQUEST_FILENAME} !-f\n\
        RewriteCond %{REQUEST_FILENAME} !-d\n\
        RewriteRule . /index.php [L]\n";
    let here = folder(&[
        ("a.htaccess", front),
        ("www/page.html", "x"),
        ("www/index.php", "x"),
        ("www/icons/a.png", "x"),
        ("secret", "x"),
    ]);
    symlink("../secret", here.path().join("www/out")).unwrap();
    let root = here.path().join("www");
    let server = format!("htaccess = \"a.htaccess\"\ndocument_root = \"{}\"", root.display());
    fs::write(here.path().join("tidegate.toml"), catalog(origin, &server, "")).unwrap();
    let proxy = Proxy::start(here.path(), &[]);
    for (asked, goes_to) in [
        ("/page.html?a=1", "/page.html?a=1"),
        ("/icons/", "/icons/"),
        ("/no/such?a=1", "/index.php?a=1"),
        ("/out", "/index.php"),
    ] {
        assert_eq!(proxy.get(asked, &[]).text(), goes_to, "{asked}");
    }
    proxy.stop();
}

#[test]
fn an_error_document_comes_from_the_node_under_the_status_of_the_error() {
    let origin = node(|head| match head.split(' ').nth(1) {
        Some("/sorry.html") => ok("sorry"),
        _ => b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnone".to_vec(),
    });
    let text = "RewriteEngine On\nRewriteRule ^a$ - [F]\nRewriteRule ^b$ - [G]\n\
        ErrorDocument 403 /sorry.html\nErrorDocument 410 /nothing.html\n";
    let here =
        folder(&[("tidegate.toml", &catalog(origin, "htaccess = \"a.htaccess\"", "")), ("a.htaccess", text)]);
    let proxy = Proxy::start(here.path(), &[]);
    let refused = proxy.get("/a", &["Range: bytes=0-0"]);
    assert_eq!((refused.status, refused.text().as_str()), (403, "sorry"));
    let gone = proxy.get("/b", &[]);
    assert_eq!(gone.status, 410);
    assert!(gone.text().contains("Additionally, a 404 Not Found error"), "{gone:?}");
    proxy.stop();
}

#[test]
fn a_broken_file_is_not_taken_over_and_the_old_one_goes_on() {
    let origin = node(|_| ok("fine"));
    let here = folder(&[
        ("tidegate.toml", &catalog(origin, "htaccess = \"a.htaccess\"", "")),
        ("a.htaccess", "RewriteEngine On\nRewriteRule ^a - [F]\n"),
    ]);
    let mut proxy = Proxy::start(here.path(), &[]);
    assert_eq!(proxy.get("/a", &[]).status, 403);
    fs::write(here.path().join("a.htaccess"), "RewriteEngine On\nRewriteRule ^a - [F, L]\n").unwrap();
    proxy.running.tell(Signal::HUP);
    proxy.running.hears("a.htaccess:2:");
    proxy.running.hears("is not adopted");
    assert_eq!(proxy.get("/a", &[]).status, 403);
    fs::write(here.path().join("a.htaccess"), "RewriteEngine On\nRewriteRule ^b - [F]\n").unwrap();
    proxy.running.tell(Signal::HUP);
    proxy.running.hears("is in force");
    assert_eq!((proxy.get("/a", &[]).status, proxy.get("/b", &[]).status), (200, 403));
    proxy.stop();
}

#[test]
fn a_map_is_a_regular_file_below_the_folder_of_the_file_that_names_it_and_not_too_long() {
    let node = node(|_| ok("fine"));
    let said = |map: &str, server: &str| {
        let file = format!("RewriteEngine On\nRewriteMap m txt:{map}\n");
        let server = format!("htaccess = \"www/.htaccess\"\n{server}");
        let here = folder(&[
            ("tidegate.toml", &catalog(node, &server, "")),
            ("www/.htaccess", &file),
            ("www/in/map.txt", "key value\n"),
            ("www/long.txt", &"a b\n".repeat(300_000)),
            ("secrets.txt", "name word\n"),
        ]);
        let www = here.path().join("www");
        symlink("../secrets.txt", www.join("out.txt")).unwrap();
        symlink("in/map.txt", www.join("link.txt")).unwrap();
        mknodat(CWD, www.join("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let checked = tidegate(here.path(), &["check", "tidegate.toml"]);
        let told = text(&checked.stdout) + &text(&checked.stderr);
        (checked.status.code() == Some(0), told)
    };
    for good in ["in/map.txt", "link.txt"] {
        assert!(said(good, "").0, "{}", said(good, "").1);
    }
    for (map, server, why) in [
        ("out.txt", "", "map-outside"),
        ("../secrets.txt", "", "map-outside"),
        ("pipe", "", "it is no regular file"),
        ("in", "", "it is no regular file"),
        ("long.txt", "", "more than 1 MiB in all"),
        ("in/map.txt", "rewrite_maps = { zero = \"txt:/dev/zero\" }", "it is no regular file"),
    ] {
        let (is_good, told) = said(map, server);
        assert!(!is_good && told.contains(why), "{map}: {told}");
    }
}

#[test]
fn try_tells_what_one_file_decides_and_where() {
    let front = "RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule ^a /b [L]\n";
    let here = folder(&[("audio.htaccess", AUDIO), ("f.htaccess", front), ("www/a.html", "x")]);
    let tried = json(&tidegate(
        here.path(),
        &["try", "--htaccess", "audio.htaccess", "--url", "/audio/x", "--format", "json"],
    ));
    assert_eq!(tried["outcome"], "respond");
    assert_eq!(tried["response"]["status"], 403);
    let decided = &tried["htaccess"][0];
    assert_eq!(
        (&decided["file"], &decided["line"], &decided["verdict"]),
        (&"audio.htaccess".into(), &5.into(), &"refuse".into())
    );
    let with_files = |url: &str| {
        let run = ["try", "--htaccess", "f.htaccess", "--document-root", "www", "--url", url];
        text(&tidegate(here.path(), &run).stdout)
    };
    assert!(with_files("/a.txt").contains("f.htaccess:3:1: goes to /b"), "{}", with_files("/a.txt"));
    assert!(with_files("/a.html").contains("f.htaccess: lets it through"), "{}", with_files("/a.html"));
}

#[test]
fn try_reads_the_maps_that_a_file_names_and_says_why_it_gave_up() {
    let map =
        "RewriteEngine On\nRewriteMap names txt:names.txt\nRewriteRule ^(.*)$ /${names:$1|none} [END]\n";
    let circle = "RewriteEngine On\nRewriteRule ^(.*)$ /x$1 [L]\n";
    let here = folder(&[("m.htaccess", map), ("names.txt", "cats felines\n"), ("c.htaccess", circle)]);
    let tried = |file: &str, url: &str| {
        let run = tidegate(here.path(), &["try", "--htaccess", file, "--url", url]);
        text(&run.stdout) + &text(&run.stderr)
    };
    assert!(tried("m.htaccess", "/cats").contains("goes to /felines"), "{}", tried("m.htaccess", "/cats"));
    assert!(tried("m.htaccess", "/dogs").contains("goes to /none"));
    let given_up = tried("c.htaccess", "/a");
    assert!(given_up.contains("c.htaccess:2:1: given up with 500"), "{given_up}");
    assert!(given_up.contains("go round in circles"), "{given_up}");
    fs::remove_file(here.path().join("names.txt")).unwrap();
    assert!(tried("m.htaccess", "/cats").contains("cannot read"), "{}", tried("m.htaccess", "/cats"));
}

#[test]
fn a_file_named_by_hand_is_not_read_without_end() {
    let here = folder(&[]);
    let said = |arguments: &[&str]| {
        let run = tidegate(here.path(), arguments);
        (run.status.code(), text(&run.stdout) + &text(&run.stderr))
    };
    let (code, told) = said(&["check", "/dev/zero", "--as", "htaccess"]);
    assert!(code == Some(2) && told.contains("htaccess-too-large"), "{code:?} {told}");
    let (code, told) = said(&["check", "--fix", "typography", "/dev/zero"]);
    assert!(code != Some(0) && told.contains("larger than any"), "{code:?} {told}");
    let (code, told) = said(&["import", "htaccess", "/dev/zero"]);
    assert!(code != Some(0) && told.contains("larger than any"), "{code:?} {told}");
}

#[test]
fn an_imported_file_is_a_rule_that_compiles_and_nothing_is_written_over() {
    let here = folder(&[("audio.htaccess", AUDIO)]);
    let import = |more: &[&str]| {
        let run: Vec<&str> = ["import", "htaccess", "audio.htaccess"].iter().chain(more).copied().collect();
        tidegate(here.path(), &run)
    };
    let rule = text(&import(&[]).stdout);
    assert!(rule.contains("# RewriteRule .* \u{2013} [F]\nif( "), "{rule}");
    assert!(import(&["--gentle", "--out", "new"]).status.success());
    let gentle = fs::read_to_string(here.path().join("new/rules/audio.rts")).unwrap();
    assert!(gentle.contains("response.setBandwidthClass( \"hot-linkers\" )"), "{gentle}");
    assert!(!gentle.contains("sendResponse( 403"), "{gentle}");
    let catalog = fs::read_to_string(here.path().join("new/audio.toml")).unwrap();
    assert!(catalog.contains("[bandwidth_classes.hot-linkers]"), "{catalog}");
    let checked = tidegate(here.path(), &["check", "--strict", "new/rules/audio.rts"]);
    assert!(checked.status.success(), "{}", text(&checked.stdout));
    let again = import(&["--out", "new"]);
    assert!(!again.status.success() && text(&again.stderr).contains("--force"), "{}", text(&again.stderr));
    assert_eq!(fs::read_to_string(here.path().join("new/rules/audio.rts")).unwrap(), gentle);
    assert!(import(&["--out", "new", "--force"]).status.success());
}
