//! What TLS and HTTP/2 cost beside other proxies: processor time for each request or connection, in interleaved rounds.

use super::added::TICK_MICROS;
use super::shipped;
use crate::process::{cargo, find_program, succeed, target_folder};
use anyhow::{Context, Result, bail};
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Rounds, each of all loads and proxies
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Seconds of each load
    #[arg(long, default_value_t = 4)]
    seconds: u32,
}

const NODE: &str = "127.0.0.1:18190";
/// How long a program may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A proxy with one worker: at `plain` HTTP/2 in the clear, at `secret` TLS with both versions of HTTP.
struct Peer {
    name: &'static str,
    plain: u16,
    secret: u16,
    config: &'static str,
    /// The words that start it; `{config}` is the file with its configuration.
    start: &'static [&'static str],
}

const PEERS: [Peer; 3] = [
    Peer {
        name: "nginx",
        plain: 18191,
        secret: 18192,
        config: NGINX,
        start: &["nginx", "-p", "{folder}", "-c", "{config}"],
    },
    Peer {
        name: "haproxy",
        plain: 18193,
        secret: 18194,
        config: HAPROXY,
        start: &["haproxy", "-q", "-f", "{config}"],
    },
    Peer {
        name: "tidegate",
        plain: 18195,
        secret: 18196,
        config: TIDEGATE,
        start: &["{program}", "run", "-c", "{config}", "--workers", "1", "--control", "off"],
    },
];

const NGINX: &str = "daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.err warn;
events { worker_connections 4096; }
http {
  access_log off; keepalive_timeout 300; keepalive_requests 1000000000;
  upstream node { server {node}; keepalive 512; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:{plain} http2;
    listen 127.0.0.1:{secret} ssl http2;
    ssl_certificate {folder}/site.pem; ssl_certificate_key {folder}/site.pem;
    ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:s:10m; ssl_session_tickets on;
    location / {
      proxy_pass http://node; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }
  }
}
";

const HAPROXY: &str = "global
  nbthread 1
  maxconn 4096
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  mode http
  option forwardfor
  http-reuse always
  timeout client 300s
  timeout server 300s
  timeout connect 5s
frontend site
  bind 127.0.0.1:{plain} proto h2
  bind 127.0.0.1:{secret} ssl crt {folder}/site.pem alpn h2,http/1.1
  default_backend node
backend node
  server one {node}
";

const TIDEGATE: &str = "[virtual_servers.plain]
listen = \"127.0.0.1:{plain}\"
pool = \"node\"
keepalive_timeout = \"300s\"

[virtual_servers.secret]
listen = \"127.0.0.1:{secret}\"
pool = \"node\"
keepalive_timeout = \"300s\"

[virtual_servers.secret.tls]
certificates = \"site.pem\"

[pools.node]
nodes = [\"{node}\"]
max_idle_connections_pernode = 1024
";

/// What is asked of a proxy.
#[derive(Clone, Copy)]
enum Load {
    Http2Clear,
    Http2Tls,
    HandshakeFull,
    HandshakeResumed,
}

const LOADS: [(Load, &str); 4] = [
    (Load::Http2Clear, "HTTP/2 in the clear, 1 KB"),
    (Load::Http2Tls, "HTTP/2 over TLS 1.3, 1 KB"),
    (Load::HandshakeFull, "TLS 1.3 connection, in full"),
    (Load::HandshakeResumed, "TLS 1.3 connection, resumed"),
];

/// Measures all loads; the proxies take turns.
pub(super) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    for program in ["nginx", "haproxy", "h2load", "openssl"] {
        if find_program(program).is_none() {
            bail!("the comparison needs {program} (Debian: nginx, haproxy, nghttp2-client, openssl)");
        }
    }
    let folder = target_folder(root)?.join("bench/tls");
    fs::create_dir_all(&folder).context("cannot make the folder of the measurement")?;
    let bench = Bench { program: shipped(root)?, folder };
    bench.certificate()?;
    let _node = bench.node(root)?;
    let running = PEERS.iter().map(|peer| bench.start(peer)).collect::<Result<Vec<_>>>()?;
    println!("{:<30} {:<9} {:>12} {:>10}", "load", "proxy", "us of CPU", "x nginx");
    for (load, name) in LOADS {
        let mut costs = vec![Vec::new(); PEERS.len()];
        for _ in 0..arguments.rounds {
            for ((peer, child), costs) in PEERS.iter().zip(&running).zip(&mut costs) {
                costs.push(cost(load, peer, child, arguments.seconds)?);
            }
        }
        let medians: Vec<f64> = costs.into_iter().map(median).collect();
        for (peer, cost) in PEERS.iter().zip(&medians) {
            let ratio = medians.first().map_or(f64::NAN, |nginx| cost / nginx);
            println!("{name:<30} {:<9} {cost:>12.1} {ratio:>10.2}", peer.name);
        }
    }
    Ok(())
}

/// A program of ours, ended with us.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // asked first: nginx ends its worker then
        let _asked = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ended = self.0.wait();
    }
}

struct Bench {
    program: PathBuf,
    folder: PathBuf,
}

impl Bench {
    fn certificate(&self) -> Result<()> {
        let words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=bench.example \
                     -addext subjectAltName=DNS:bench.example -keyout key.pem -out certificate.pem";
        let mut command = Command::new("openssl");
        command.current_dir(&self.folder).args(words.split_whitespace()).stderr(Stdio::null());
        succeed(&mut command)?;
        let read = |name: &str| fs::read(self.folder.join(name)).context("openssl left no certificate");
        let site = [read("certificate.pem")?, read("key.pem")?].concat();
        fs::write(self.folder.join("site.pem"), site).context("cannot write the certificate")
    }

    /// The node that answers all of them.
    fn node(&self, root: &Path) -> Result<Running> {
        let manifest = root.join("../shared/tools/engine_tool/Cargo.toml");
        if !manifest.is_file() {
            bail!("the comparison needs ../shared/tools/engine_tool, which is not there");
        }
        let built = self.folder.join("tool");
        let mut build = cargo(root, &["build", "--release", "--quiet", "--manifest-path"]);
        succeed(build.arg(&manifest).env("CARGO_TARGET_DIR", &built))?;
        let mut command = Command::new(built.join("release/engine_tool"));
        let node = command.args(["backend", NODE]).stdout(Stdio::null()).spawn();
        Ok(Running(node.context("cannot start the node")?))
    }

    fn start(&self, peer: &Peer) -> Result<Running> {
        let fill = |text: &str| {
            let ports = text
                .replace("{plain}", &peer.plain.to_string())
                .replace("{secret}", &peer.secret.to_string());
            ports.replace("{node}", NODE).replace("{folder}", &self.folder.to_string_lossy())
        };
        let config = self.folder.join(format!("{}.conf", peer.name));
        fs::write(&config, fill(peer.config)).context("cannot write a configuration")?;
        let words = peer.start.iter().map(|word| {
            let word = word.replace("{config}", &config.to_string_lossy());
            fill(&word.replace("{program}", &self.program.to_string_lossy()))
        });
        let words: Vec<String> = words.collect();
        let (program, arguments) = words.split_first().context("a proxy is started by a program")?;
        let program = find_program(program).unwrap_or_else(|| PathBuf::from(program));
        let log =
            fs::File::create(self.folder.join(format!("{}.log", peer.name))).context("cannot make a log")?;
        let mut command = Command::new(&program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let running = Running(command.spawn().with_context(|| format!("cannot start {}", peer.name))?);
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", peer.secret)).is_err() {
            if begun.elapsed() > PATIENCE {
                bail!("{} does not listen; see {}", peer.name, self.folder.display());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(running)
    }
}

/// Microseconds of the proxy's processor time for one request, or one connection with a request.
fn cost(load: Load, peer: &Peer, proxy: &Running, seconds: u32) -> Result<f64> {
    let before = ticks(proxy.0.id())?;
    let done = match load {
        Load::Http2Clear => h2load(&format!("http://127.0.0.1:{}/1024", peer.plain), seconds)?,
        Load::Http2Tls => h2load(&format!("https://127.0.0.1:{}/1024", peer.secret), seconds)?,
        Load::HandshakeFull => handshakes("-new", peer.secret, seconds)?,
        Load::HandshakeResumed => handshakes("-reuse", peer.secret, seconds)?,
    };
    if done == 0.0 {
        bail!("{} answered nothing", peer.name);
    }
    Ok((ticks(proxy.0.id())? - before) * TICK_MICROS / done)
}

/// User and system time of a process and its children, so far.
fn ticks(process: u32) -> Result<f64> {
    let own = |process: u32| -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).context("a proxy has ended")?;
        // the name of the program, in parentheses, may hold blanks
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let [user, system] = [11, 12].map(|at| fields.get(at).copied().unwrap_or_default().parse::<f64>());
        Ok(user? + system?)
    };
    let children = format!("/proc/{process}/task/{process}/children");
    let children = fs::read_to_string(children).unwrap_or_default();
    let mut all = own(process)?;
    for child in children.split_whitespace() {
        all += own(child.parse()?)?;
    }
    Ok(all)
}

/// Requests that were answered.
fn h2load(url: &str, seconds: u32) -> Result<f64> {
    let seconds = seconds.to_string();
    let output = Command::new("h2load").args(["-c", "32", "-m", "10", "-D", &seconds, url]).output();
    let said = String::from_utf8_lossy(&output.context("cannot start h2load")?.stdout).into_owned();
    // "requests: 52034 total, …, 52034 succeeded, 0 failed, …"
    let line = said.lines().find(|line| line.starts_with("requests:")).context("h2load told no requests")?;
    let succeeded = line.split(", ").find_map(|part| part.strip_suffix(" succeeded"));
    Ok(succeeded.context("h2load told no success")?.trim().parse()?)
}

/// Connections that were made, each with a request.
fn handshakes(how: &str, port: u16, seconds: u32) -> Result<f64> {
    let (address, seconds) = (format!("127.0.0.1:{port}"), seconds.to_string());
    let mut command = Command::new("openssl");
    command.args(["s_time", how, "-connect", &address, "-www", "/1024", "-time", &seconds, "-tls1_3"]);
    let output = command.stdin(Stdio::null()).output().context("cannot start openssl")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    // "1234 connections in 4 real seconds, …"
    let line =
        said.lines().find(|line| line.contains("real seconds")).context("openssl told no connections")?;
    Ok(line.split_whitespace().next().unwrap_or_default().parse()?)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
