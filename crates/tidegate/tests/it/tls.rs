//! The program under TLS, with other people's clients: curl and openssl, where there are some.

use crate::kit::{Proxy, catalog, folder, node, ok, text, tidegate};
use crate::origins::program;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustix::process::Signal;
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

const TLS: &str = "tls.certificates = { certificate = \"site.pem\", key = \"site.key\" }";

/// An authority and what it vouches for, as files of a folder.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(here: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        fs::write(here.join(name), authority.pem()).unwrap();
        Self(authority)
    }

    /// A certificate for `site.example` and its key.
    fn vouch(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["site.example".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "site.example");
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

fn put(here: &Path, (certificate, key): (&str, &str)) {
    fs::write(here.join("site.pem"), certificate).unwrap();
    let path = here.join("site.key");
    fs::write(&path, key).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
}

/// The status and the body that curl gets; `None` without curl.
fn curl(here: &Path, port: u16, (path, authority, arguments): (&str, &str, &[&str])) -> Option<String> {
    let output = Command::new(program("curl")?)
        .current_dir(here)
        .args(["-s", "-m", "20", "-w", " %{http_code}", "--cacert", authority])
        .arg("--resolve")
        .arg(format!("site.example:{port}:127.0.0.1"))
        .args(arguments)
        .arg(format!("https://site.example:{port}{path}"))
        .output()
        .unwrap();
    Some(text(&output.stdout))
}

#[test]
fn curl_is_served_in_both_versions_and_openssl_takes_up_its_session() {
    let here = folder(&[("tidegate.toml", &catalog(node(|_| ok("page")), TLS, ""))]);
    let authority = Authority::new(here.path(), "ca.pem");
    let (certificate, key) = authority.vouch();
    put(here.path(), (&certificate, &key));
    let proxy = Proxy::start(here.path(), &[]);
    let port = proxy.address.port();
    for version in [&["--tls-max", "1.2"], &["--tlsv1.3", "--http1.1"]] {
        let Some(page) = curl(here.path(), port, ("/", "ca.pem", version)) else { return };
        assert_eq!(page, "page 200", "{version:?}");
    }
    let Some(openssl) = program("openssl") else { return };
    let client = |session: [&str; 2]| {
        let mut client = Command::new(&openssl)
            .current_dir(here.path())
            .args(["s_client", "-connect", &proxy.address.to_string(), "-servername", "site.example"])
            .args(["-CAfile", "ca.pem", "-verify_return_error", "-ign_eof"])
            .args(session)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let request = b"GET / HTTP/1.1\r\nHost: site.example\r\nConnection: close\r\n\r\n";
        client.stdin.as_mut().unwrap().write_all(request).unwrap();
        text(&client.wait_with_output().unwrap().stdout)
    };
    let first = client(["-sess_out", "session"]);
    assert!(first.contains("New, TLSv1.3") && first.contains("page"), "{first}");
    let second = client(["-sess_in", "session"]);
    assert!(second.contains("Reused, TLSv1.3") && second.contains("page"), "{second}");
    proxy.stop();
}

#[test]
fn a_bandwidth_class_paces_what_is_read_under_tls_and_over_both_versions_of_http() {
    // 100 KB a second for all together: what one has the other has not.
    let class = "[bandwidth_classes.slow]\nmaximum = \"800 kbit/s\"\n";
    let server = format!("bandwidth_class = \"slow\"\n{TLS}");
    let file = "x".repeat(150_000);
    let of_node = file.clone();
    let here = folder(&[("tidegate.toml", &catalog(node(move |_| ok(&of_node)), &server, class))]);
    let authority = Authority::new(here.path(), "ca.pem");
    let (certificate, key) = authority.vouch();
    put(here.path(), (&certificate, &key));
    let proxy = Proxy::start(here.path(), &[]);
    let port = proxy.address.port();
    if program("curl").is_none() {
        return;
    }
    let download = |version| {
        let words = [version, "-w", " %{http_code} %{time_total}"];
        let said = curl(here.path(), port, ("/", "ca.pem", &words)).unwrap();
        let (got, took) = said.rsplit_once(' ').unwrap();
        assert!(got == format!("{file} 200"), "{version}: {} bytes", got.len());
        took.parse::<f64>().unwrap()
    };
    let slower = std::thread::scope(|scope| {
        let first = scope.spawn(|| download("--http1.1"));
        let second = download("--http2");
        second.max(first.join().unwrap())
    });
    // Never sooner than the class allows, but for what a connection may have in one piece; a busy machine is only later.
    assert!(slower > 2.5, "300 KB at 100 KB a second in {slower} s");
    proxy.stop();
}

#[test]
fn a_reload_in_a_download_changes_the_certificate_and_a_bad_one_changes_nothing() {
    let (asked, was_asked) = channel();
    let (release, released) = channel::<()>();
    let (asked, released) = (Mutex::new(asked), Mutex::new(released));
    let slow = node(move |head| {
        if head.starts_with("GET /slow ") {
            asked.lock().unwrap().send(()).unwrap();
            released.lock().unwrap().recv_timeout(Duration::from_mins(1)).unwrap();
        }
        ok("at last")
    });
    let here = folder(&[("tidegate.toml", &catalog(slow, TLS, ""))]);
    let (old, new) = (Authority::new(here.path(), "old.pem"), Authority::new(here.path(), "new.pem"));
    let (first, second) = (old.vouch(), new.vouch());
    put(here.path(), (&first.0, &first.1));
    let mut proxy = Proxy::start(here.path(), &[]);
    let port = proxy.address.port();
    if program("curl").is_none() {
        return;
    }
    std::thread::scope(|scope| {
        let download = scope.spawn(|| curl(here.path(), port, ("/slow", "old.pem", &[])).unwrap());
        was_asked.recv_timeout(Duration::from_secs(20)).unwrap();
        // A new certificate with the key of the old one.
        put(here.path(), (&second.0, &first.1));
        proxy.running.tell(Signal::HUP);
        proxy.running.hears("key-mismatch");
        proxy.running.hears("goes on serving");
        assert_eq!(curl(here.path(), port, ("/", "old.pem", &[])).unwrap(), "at last 200");
        put(here.path(), (&second.0, &second.1));
        proxy.running.tell(Signal::HUP);
        proxy.running.hears("is in force");
        assert_eq!(curl(here.path(), port, ("/", "new.pem", &[])).unwrap(), "at last 200");
        assert_eq!(curl(here.path(), port, ("/", "old.pem", &[])).unwrap(), " 000");
        release.send(()).unwrap();
        assert_eq!(download.join().unwrap(), "at last 200");
    });
    proxy.stop();
}

#[test]
fn check_tells_of_a_foreign_key_of_names_and_of_a_key_that_all_may_read() {
    let server = format!("hosts = [\"site.example\", \"www.site.example\"]\n{TLS}");
    let here = folder(&[("tidegate.toml", &catalog(node(|_| ok("")), &server, ""))]);
    let authority = Authority::new(here.path(), "ca.pem");
    let (certificate, key) = authority.vouch();
    put(here.path(), (&certificate, &authority.vouch().1));
    let output = tidegate(here.path(), &["check"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("key-mismatch") || text(&output.stdout).contains("key-mismatch"));
    put(here.path(), (&certificate, &key));
    fs::set_permissions(here.path().join("site.key"), Permissions::from_mode(0o644)).unwrap();
    let output = tidegate(here.path(), &["check"]);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("key-for-everybody") && said.contains("no certificate is for www.site.example"),
        "{said}"
    );
}
