//! Apache and nginx, as Debian has them, behind the proxy.

use crate::kit::{Client, Proxy, Running, catalog, folder};
use rustix::process::Signal;
use std::fmt::Write;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

const PAGE: &str = "<p>A page of a real site.</p>\n";
const BIG_BYTES: usize = 3_000_000;

/// A program of the system, also where only root's path leads.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let found = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"]
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.exists());
    if found.is_none() {
        println!("SKIPPED: {name} is not installed");
    }
    found
}

/// A port that was free a moment ago: these servers cannot say which one they took.
pub(crate) fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn site() -> (tempfile::TempDir, Vec<u8>) {
    let here = folder(&[("htdocs/page.html", PAGE), ("logs/.keep", "")]);
    let big: Vec<u8> = (0..BIG_BYTES).map(|at| u8::try_from(at * 31 % 251).unwrap()).collect();
    fs::write(here.path().join("htdocs/big.bin"), &big).unwrap();
    // The server gives up root's rights before it reads.
    let mut open = Command::new("chmod");
    assert!(open.args(["-R", "a+rX"]).arg(here.path()).status().unwrap().success());
    (here, big)
}

#[test]
fn nginx_behind_the_proxy() {
    let Some(nginx) = program("nginx") else { return };
    let (here, big) = site();
    let (folder, address) = (here.path().display(), free_port());
    let mut text = format!(
        "daemon off;\nmaster_process off;\npid {folder}/logs/pid;\nerror_log stderr notice;\nevents {{}}\n"
    );
    let _written = write!(
        text,
        "http {{\n types {{ text/html html; }}\n access_log off;\n client_body_temp_path {folder}/logs/b;\n \
         proxy_temp_path {folder}/logs/p;\n fastcgi_temp_path {folder}/logs/f;\n uwsgi_temp_path {folder}/logs/u;\n \
         scgi_temp_path {folder}/logs/s;\n server {{\n listen {address};\n root {folder}/htdocs;\n }}\n}}\n"
    );
    fs::write(here.path().join("nginx.conf"), text).unwrap();
    let mut command = Command::new(nginx);
    command.arg("-e").arg("stderr").arg("-p").arg(here.path()).arg("-c").arg(here.path().join("nginx.conf"));
    let mut server = Running::spawn(&mut command);
    // The last thing it says before it waits for clients.
    server.hears("getrlimit");
    stands_behind_the_proxy(address, &big);
}

#[test]
fn apache_behind_the_proxy() {
    let Some(apache) = program("apache2") else { return };
    let (here, big) = site();
    let (folder, address) = (here.path().display(), free_port());
    let mut text =
        format!("ServerRoot {folder}\nServerName localhost\nListen {address}\nPidFile {folder}/logs/pid\n");
    text += "ErrorLog /dev/stderr\nLogLevel notice\n";
    for (module, file) in [
        ("mpm_event", "mod_mpm_event"),
        ("authz_core", "mod_authz_core"),
        ("mime", "mod_mime"),
        ("unixd", "mod_unixd"),
    ] {
        // Some are built in, depending on the release.
        let path = format!("/usr/lib/apache2/modules/{file}.so");
        if Path::new(&path).exists() {
            let _written = writeln!(text, "LoadModule {module}_module {path}");
        }
    }
    let _written = writeln!(
        text,
        "<IfModule unixd_module>\nUser www-data\nGroup www-data\n</IfModule>\nTypesConfig /dev/null\n\
         AddType text/html .html\nDocumentRoot {folder}/htdocs\n<Directory {folder}/htdocs>\nRequire all granted\n\
         </Directory>"
    );
    fs::write(here.path().join("apache.conf"), text).unwrap();
    let mut command = Command::new(apache);
    command
        .arg("-D")
        .arg("FOREGROUND")
        .arg("-d")
        .arg(here.path())
        .arg("-f")
        .arg(here.path().join("apache.conf"));
    let mut server = Running::spawn(&mut command);
    server.hears("resuming normal operations");
    stands_behind_the_proxy(address, &big);
    // It ends its workers itself; killed, it would leave them behind.
    server.tell(Signal::TERM);
    server.ends();
}

/// What every origin must look like through the proxy.
fn stands_behind_the_proxy(origin: SocketAddr, big: &[u8]) {
    let server = "via = true\naccess_log = { path = \"a.log\", format = \"combined\" }";
    let here = folder(&[("tidegate.toml", &catalog(origin, server, ""))]);
    let proxy = Proxy::start(here.path(), &[]);

    let page = proxy.get("/page.html", &[]);
    assert_eq!((page.status, page.text().as_str(), page.is_whole()), (200, PAGE, true));
    assert!(page.field("Content-Type").unwrap().starts_with("text/html"));
    assert!(page.field("Via").is_some(), "{page:?}");

    let head = proxy.ask("HEAD", "/page.html", &[]);
    assert_eq!((head.status, head.field("Content-Length")), (200, Some(PAGE.len().to_string().as_str())));

    let part = proxy.get("/big.bin", &["Range: bytes=1000000-1000099"]);
    assert_eq!((part.status, part.body.as_slice()), (206, &big[1_000_000..1_000_100]));
    assert_eq!(part.field("Content-Range"), Some(format!("bytes 1000000-1000099/{BIG_BYTES}").as_str()));

    let known = format!("If-None-Match: {}", page.field("ETag").unwrap());
    let same = proxy.get("/page.html", &[&known]);
    assert_eq!((same.status, same.body.len()), (304, 0));
    let since = format!("If-Modified-Since: {}", page.field("Last-Modified").unwrap());
    assert_eq!(proxy.get("/page.html", &[&since]).status, 304);

    let whole = proxy.get("/big.bin", &[]);
    assert!(whole.is_whole() && whole.body == big, "{} bytes came", whole.body.len());

    assert_eq!(proxy.get("/none", &[]).status, 404);
    let posted = proxy.ask("POST", "/page.html", &["Content-Length: 0"]).status;
    // Apache answers as to GET, nginx that it does not take it.
    assert!(posted == 200 || posted == 405, "{posted}");

    // One connection, several requests, the last with a body that nobody wants.
    let mut client = Client::connect(proxy.address);
    for _ in 0..3 {
        client.send("GET /page.html HTTP/1.1\r\nHost: a.example\r\n\r\n");
        assert_eq!(client.answer().text(), PAGE);
    }
    client.send("GET /page.html HTTP/1.1\r\nHost: a.example\r\n\r\nHEAD /page.html HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
    assert_eq!(client.answer().text(), PAGE);
    assert_eq!(client.rest("HEAD").status, 200);

    // The large file once more, on a connection of its own, asked for by hand.
    let mut slow = Client::connect(proxy.address);
    slow.send("GET /big.bin HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
    assert!(slow.rest("GET").body == big);
    proxy.stop();

    let log = fs::read_to_string(here.path().join("a.log")).unwrap();
    assert!(log.contains("\"GET /big.bin HTTP/1.1\" 206 100 "), "{log}");
    assert!(log.contains(&format!("\"GET /big.bin HTTP/1.1\" 200 {BIG_BYTES} ")), "{log}");
    assert!(log.contains("\"GET /page.html HTTP/1.1\" 304 "), "{log}");
}
