//! What a request that waits in a rate class takes of memory, beyond the connection that it came on.

use super::shipped;
use crate::process::target_folder;
use anyhow::{Context, Result, bail};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many requests wait at once, each on a connection of its own
    #[arg(long, default_value_t = 5_000)]
    connections: usize,
}

const ADDRESS: &str = "127.0.0.1:18390";
/// How long anything may take here.
const PATIENCE: Duration = Duration::from_mins(1);

/// Nobody goes on while it is measured: one a minute.
const CATALOG: &str = r#"[virtual_servers.site]
listen = "127.0.0.1:18390"
pool = "discard"
request_rules = ["hold"]
keepalive_timeout = "300s"
timeout = "300s"

[rate_classes.one]
max_rate_per_minute = 1
"#;

const RULE: &str = r#"if( http.getPath() == "/held" ) rate.use( "one", http.getHeader( "Referer" ) );
http.sendResponse( 200, "text/plain", "", "" );
"#;

/// Fields as a browser sends them.
const FIELDS: &str = "Host: www.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\n\
    Referer: http://news.example/story\r\nCookie: session=0123456789abcdef\r\n\r\n";

/// Measures both: connections that keep silent, and the same with a request that waits.
pub(super) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let program = shipped(root)?;
    let folder = target_folder(root)?.join("bench/held");
    fs::create_dir_all(folder.join("rules")).context("cannot make the folder of the measurement")?;
    fs::write(folder.join("tidegate.toml"), CATALOG)?;
    fs::write(folder.join("rules/hold.rts"), RULE)?;
    let held = Held::start(program, folder)?;
    let empty = held.memory()?;
    let mut clients = Vec::with_capacity(arguments.connections);
    for _ in 0..arguments.connections {
        let mut client =
            TcpStream::connect(ADDRESS).context("cannot connect (ulimit -n says how many may)")?;
        client.set_read_timeout(Some(PATIENCE))?;
        client.write_all(format!("GET / HTTP/1.1\r\n{FIELDS}").as_bytes())?;
        let answered = client.read(&mut [0; 1_024])?;
        if answered == 0 {
            bail!("a connection was closed");
        }
        clients.push(client);
    }
    let idle = held.memory()?;
    for client in &mut clients {
        client.write_all(format!("GET /held HTTP/1.1\r\n{FIELDS}").as_bytes())?;
    }
    // The first of them does not wait.
    held.await_queued(arguments.connections - 1)?;
    let waiting = held.memory()?;
    let each = |more: u64, less: u64| more.saturating_sub(less) / arguments.connections as u64;
    println!("{} connections, one worker, resident memory", arguments.connections);
    println!("{:>8} bytes for each idle connection", each(idle, empty));
    println!("{:>8} bytes more for each request that waits (goal 2,048)", each(waiting, idle));
    Ok(())
}

/// The program that holds them, ended with us.
struct Held {
    program: PathBuf,
    folder: PathBuf,
    running: Child,
}

impl Held {
    fn start(program: PathBuf, folder: PathBuf) -> Result<Self> {
        let mut command = Command::new(&program);
        command.current_dir(&folder).args(["run", "--workers", "1", "--control", "control.sock"]);
        let running = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let held = Self { running: running.context("cannot start tidegate")?, program, folder };
        wait_until("tidegate listens", || Ok(TcpStream::connect(ADDRESS).is_ok()))?;
        Ok(held)
    }

    /// Its resident memory, in bytes.
    fn memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.running.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(kilobytes.context("the system does not say what it takes")?.parse::<u64>()? * 1_024)
    }

    fn await_queued(&self, wanted: usize) -> Result<()> {
        wait_until("all of them wait", || {
            let mut status = Command::new(&self.program);
            status.current_dir(&self.folder).args([
                "status",
                "--control",
                "control.sock",
                "--format",
                "json",
            ]);
            let output = status.output().context("cannot ask for the status")?;
            let status: serde_json::Value = serde_json::from_slice(&output.stdout)?;
            Ok(status["counters"]["queued"].as_u64() >= Some(wanted as u64))
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Those who wait would be waited for.
        let _killed = self.running.kill();
        let _ended = self.running.wait();
    }
}

fn wait_until(what: &str, is_so: impl Fn() -> Result<bool>) -> Result<()> {
    let begun = Instant::now();
    while !is_so()? {
        if begun.elapsed() > PATIENCE {
            bail!("gave up waiting until {what}");
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
