//! What a program that counts is made to do before it is built for good: requests of every kind over sockets, and then
//! its own access log is diagnosed and replayed.

use crate::process::{find_program, succeed};
use anyhow::{Context, Result, bail};
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What it needs.
pub(super) const PROGRAMS: [&str; 4] = ["nginx", "wrk", "h2load", "openssl"];

const NODE: u16 = 18_290;
const PLAIN: u16 = 18_295;
const RULE: u16 = 18_296;
const SECRET: u16 = 18_297;
/// How long a program may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// One word a blank: the loads, one after the other. Small requests most of all, since their cost is the program's; large
/// bodies are the system's.
const LOADS: [&str; 10] = [
    "wrk -t1 -c32 -d4s -H Referer:http://news.example/story http://127.0.0.1:18295/1024",
    "wrk -t1 -c32 -d4s http://127.0.0.1:18295/1024",
    "wrk -t1 -c32 -d4s -H Referer:http://news.example/story http://127.0.0.1:18296/1024",
    "wrk -t1 -c32 -d2s http://127.0.0.1:18296/1024",
    "wrk -t1 -c32 -d3s -H Connection:close http://127.0.0.1:18295/1024",
    "wrk -t1 -c16 -d3s http://127.0.0.1:18295/65536",
    "wrk -t1 -c8 -d2s http://127.0.0.1:18295/1048576",
    "h2load -c32 -m10 -D4 http://127.0.0.1:18295/1024",
    "h2load -c32 -m10 -D4 https://127.0.0.1:18297/1024",
    "wrk -t1 -c16 -d2s -H Connection:close https://127.0.0.1:18297/1024",
];

/// The article's rule with classes in which nobody waits: what a rule costs is to be seen, not the waiting.
const CATALOG: &str = r#"[virtual_servers.plain]
listen = "127.0.0.1:18295"
pool = "node"

[virtual_servers.rule]
listen = "127.0.0.1:18296"
pool = "node"
request_rules = ["abusive-referer"]
access_log = "access.log"

[virtual_servers.secret]
listen = "127.0.0.1:18297"
pool = "node"

[virtual_servers.secret.tls]
certificates = "site.pem"

[pools.node]
nodes = ["127.0.0.1:18290"]
max_idle_connections_pernode = 1024

[rate_classes.StandardReferer]
max_rate_per_second = 1000000

[rate_classes.BusyReferer]
max_rate_per_second = 1000000

[bandwidth_classes.AbusiveReferer]
maximum = "20 Gbit/s"
"#;

const NGINX: &str = "daemon off; worker_processes 1; pid nginx.pid; error_log nginx.err;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 1000000000; server { listen 127.0.0.1:18290; root .; } }
";

/// Loads the program, and ends it so that it leaves its counts.
pub(super) fn run(root: &Path, program: &Path, folder: &Path, counts: &Path) -> Result<()> {
    prepare(root, folder)?;
    let counts = counts.join("%m-%p.profraw");
    let own = || {
        let mut command = Command::new(program);
        command.current_dir(folder).env("LLVM_PROFILE_FILE", &counts).stdin(Stdio::null());
        command
    };
    let mut nginx = Command::new(find_program("nginx").context("nginx is gone")?);
    let node = Ended::start(nginx.arg("-p").arg(folder).arg("-c").arg(folder.join("nginx.conf")))?;
    let log = fs::File::create(folder.join("run.log")).context("cannot make a log")?;
    let mut running = Ended::start(own().args(["run", "--workers", "1", "--control", "off"]).stderr(log))?;
    for port in [NODE, PLAIN, RULE, SECRET] {
        await_listener(port).with_context(|| format!("see run.log in {}", folder.display()))?;
    }
    for load in LOADS {
        let mut words = load.split_whitespace();
        let mut command = Command::new(words.next().context("a load is a program")?);
        succeed(command.args(words).stdout(Stdio::null()))?;
    }
    running.end_well()?;
    drop(node);
    succeed(own().args(["diagnose", "--no-state", "--logs", "access.log"]).stdout(Stdio::null()))?;
    succeed(own().args(["replay", "--policy", "tidegate.toml", "access.log"]).stdout(Stdio::null()))
}

fn prepare(root: &Path, folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).context("cannot clear the folder of the training")?;
    }
    fs::create_dir_all(folder.join("rules")).context("cannot make the folder of the training")?;
    fs::copy(root.join("spec/rules/abusive-referer.rts"), folder.join("rules/abusive-referer.rts"))
        .context("cannot copy the rule")?;
    for bytes in [1_024, 65_536, 1_048_576] {
        fs::write(folder.join(bytes.to_string()), vec![b'x'; bytes])?;
    }
    fs::write(folder.join("tidegate.toml"), CATALOG)?;
    fs::write(folder.join("nginx.conf"), NGINX)?;
    let words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=site.example \
                 -keyout key.pem -out certificate.pem";
    let mut openssl = Command::new("openssl");
    succeed(openssl.current_dir(folder).args(words.split_whitespace()).stderr(Stdio::null()))?;
    let read = |name: &str| fs::read(folder.join(name)).context("openssl left no certificate");
    Ok(fs::write(folder.join("site.pem"), [read("certificate.pem")?, read("key.pem")?].concat())?)
}

fn await_listener(port: u16) -> Result<()> {
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if begun.elapsed() > PATIENCE {
            bail!("nobody listens at 127.0.0.1:{port}");
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// A program of ours, ended with us.
struct Ended(Child);

impl Ended {
    fn start(command: &mut Command) -> Result<Self> {
        let name = PathBuf::from(command.get_program());
        let started = command.stdout(Stdio::null()).spawn();
        Ok(Self(started.with_context(|| format!("cannot start {}", name.display()))?))
    }

    /// Ends it as who stops it does: only then it leaves its counts.
    fn end_well(&mut self) -> Result<()> {
        self.ask_to_end();
        let status = self.0.wait().context("cannot wait for a program")?;
        if !status.success() {
            bail!("a program ended badly: {status}");
        }
        Ok(())
    }

    fn ask_to_end(&self) {
        let _asked = Command::new("kill").arg(self.0.id().to_string()).status();
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            // Asked, and not killed: nginx ends its worker then.
            self.ask_to_end();
            let _ended = self.0.wait();
        }
    }
}
