//! A real server that gives each request a process: Apache with eight of them, and sixty slowed downloads.

use crate::kit::catalog;
use crate::loopback::{bound, start_with};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const APACHE: &str = "/usr/sbin/apache2";
const WORKERS: usize = 8;
const DOWNLOADS: usize = 60;
const MEDIA_BYTES: usize = 1_000_000;
/// How long an ordinary visitor waits for a page.
const PATIENCE: Duration = Duration::from_secs(3);

#[expect(clippy::disallowed_methods, reason = "how long a real server takes is measured")]
fn moment() -> Instant {
    Instant::now()
}

struct Apache {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Apache {
    fn start() -> Self {
        let folder = tempfile::tempdir_in("/var/tmp").unwrap();
        let root = folder.path().display();
        // Given back at once, for the server to take.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        std::fs::write(folder.path().join("page.html"), "a page").unwrap();
        std::fs::write(folder.path().join("media.mp3"), vec![b'm'; MEDIA_BYTES]).unwrap();
        let modules = [("mpm_prefork", "mpm_prefork"), ("authz_core", "authz_core"), ("status", "status")]
            .map(|(name, file)| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{file}.so\n"));
        let configuration = format!(
            "{}ServerRoot {root}\nDocumentRoot {root}\nServerName origin.example\nListen {address}\n\
             PidFile {root}/pid\nErrorLog {root}/errors\nUser #65534\nGroup #65534\nMutex fcntl:{root}\n\
             ServerLimit {WORKERS}\nMaxRequestWorkers {WORKERS}\nStartServers {WORKERS}\nMinSpareServers {WORKERS}\n\
             KeepAlive Off\nSendBufferSize 65536\nEnableSendfile Off\n\
             <Location /status>\nSetHandler server-status\n</Location>\n",
            modules.concat()
        );
        std::fs::write(folder.path().join("httpd.conf"), configuration).unwrap();
        let public = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
        std::fs::set_permissions(folder.path(), public).unwrap();
        let child = Command::new(APACHE)
            .arg("-f")
            .arg(folder.path().join("httpd.conf"))
            .arg("-DFOREGROUND")
            // It ends its whole group with itself.
            .process_group(0)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let apache = Self { child, address, _folder: folder };
        let since = moment();
        while TcpStream::connect(address).is_err() {
            assert!(since.elapsed() < Duration::from_secs(20), "Apache does not come up");
            std::thread::yield_now();
        }
        apache
    }

    /// Processes that are busy with a request, besides the one that tells.
    fn busy(&self) -> usize {
        let status = get(self.address, "/status?auto", Duration::from_secs(30)).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("BusyWorkers: "));
        line.map_or(WORKERS, |count| count.trim().parse::<usize>().unwrap() - 1)
    }
}

impl Drop for Apache {
    fn drop(&mut self) {
        // Its children go with it when it is asked.
        let _asked = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ended = self.child.wait();
    }
}

/// An answer as a whole; `None` if it has not come in time.
fn get(address: SocketAddr, path: &str, patience: Duration) -> Option<String> {
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(patience)).unwrap();
    write!(client, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut all = String::new();
    client.read_to_string(&mut all).ok()?;
    Some(all)
}

fn proxy_before(origin: &Apache, slow_answers: &str) -> proxy::Running {
    let text = format!(
        "[virtual_servers.site]\nlisten = \"127.0.0.1:0\"\npool = \"origin\"\nrequest_rules = \"media\"\n\
         [pools.origin]\nnodes = [\"{}\"]\nslow_answers = \"{slow_answers}\"\n\
         [bandwidth_classes.media]\nmaximum = \"800 kbit/s\"\n",
        origin.address
    );
    let rule = "if( string.endsWith( http.getPath(), \".mp3\" ) ) response.setBandwidthClass( \"media\" );";
    start_with(catalog(&text, &[("media", rule)]), 2).unwrap()
}

fn begin_downloads(address: SocketAddr) -> Vec<TcpStream> {
    let begin = |_| {
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(b"GET /media.mp3 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        client
    };
    (0..DOWNLOADS).map(begin).collect()
}

#[test]
fn sixty_slowed_downloads_occupy_no_process_of_the_origin_once_their_bytes_are_taken() {
    if !Path::new(APACHE).exists() {
        eprintln!("skipped: {APACHE} is not installed");
        return;
    }
    let origin = Apache::start();

    let proxy = proxy_before(&origin, "spool");
    let downloads = begin_downloads(bound(&proxy));
    let since = moment();
    while proxy.shared().counters().spooled_bytes.value() < (DOWNLOADS * (MEDIA_BYTES - 100_000)) as u64
        || origin.busy() > 0
    {
        assert!(since.elapsed() < Duration::from_mins(1), "{} processes are held", origin.busy());
    }
    let taken_after = since.elapsed();
    let pages = (0..20)
        .filter(|_| get(bound(&proxy), "/page.html", PATIENCE).is_some_and(|page| page.ends_with("a page")));
    let (pages, files) = (pages.count(), proxy.shared().spool().files());
    println!("spool: taken after {taken_after:?}, {pages} of 20 pages while {files} downloads wait in files");
    assert_eq!(pages, 20);
    assert!(files > 50, "the downloads still go on: {files}");
    drop(downloads);
    proxy.stop(Duration::ZERO);

    let proxy = proxy_before(&origin, "backpressure");
    let downloads = begin_downloads(bound(&proxy));
    let mut pages = 0;
    for _ in 0..3 {
        pages += usize::from(get(bound(&proxy), "/page.html", PATIENCE).is_some());
    }
    println!("back-pressure: {pages} of 3 pages");
    assert!(pages < 2, "the processes are held, and {pages} of 3 pages came");
    drop(downloads);
    proxy.stop(Duration::ZERO);
}
