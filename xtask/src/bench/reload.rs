//! Reloads and upgrades under load: what is lost, and how long a large catalog takes.
//!
//! Clients ask all the time over connections that stay, slow downloads and queued requests are under way, and the
//! catalog is reloaded and the program upgraded again and again. A request is lost if it has no whole answer with the
//! status and the body that its node gave.

use super::shipped;
use crate::process::target_folder;
use anyhow::{Context, Result, bail};
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long anything is waited for before it counts as lost.
const PATIENCE: Duration = Duration::from_mins(2);
/// Bytes of a slow download.
const DOWNLOAD_BYTES: usize = 1 << 20;
/// What a node answers to a small request.
const SMALL: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
/// Rounds of the large catalog, of which the middle one is told.
const ROUNDS: usize = 7;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many reloads
    #[arg(long, default_value_t = 100)]
    reloads: u32,
    /// How many upgrades, spread between them
    #[arg(long, default_value_t = 3)]
    upgrades: u32,
    /// How long all of it takes, in seconds
    #[arg(long, default_value_t = 90)]
    seconds: u32,
    /// Requests a second
    #[arg(long, default_value_t = 250)]
    rate: u32,
    /// Slow downloads, and as many queued requests
    #[arg(long, default_value_t = 20)]
    long: u32,
    /// Virtual servers of the large catalog
    #[arg(long, default_value_t = 1000)]
    servers: u32,
    /// Another program than the one that is built
    #[arg(long)]
    program: Option<PathBuf>,
}

/// Measures both.
pub(super) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let program = if let Some(program) = &arguments.program {
        program.canonicalize().context("no such program")?
    } else {
        shipped(root)?
    };
    let folder = target_folder(root)?.join("bench/reload");
    if folder.exists() {
        fs::remove_dir_all(&folder).context("cannot clear the folder of the last measurement")?;
    }
    fs::create_dir_all(folder.join("rules")).context("cannot make the folder of the measurement")?;
    let bench = Bench { program, folder };
    let is_whole = bench.under_load(arguments)?;
    bench.large_catalog(arguments.servers)?;
    if !is_whole {
        bail!("something was lost");
    }
    Ok(())
}

struct Bench {
    program: PathBuf,
    folder: PathBuf,
}

/// A tidegate, whichever process it is now.
struct Served {
    bench: PathBuf,
    program: PathBuf,
    first: Child,
}

impl Served {
    fn ask(&self, verb: &str, more: &[&str]) -> Result<Output> {
        let mut command = Command::new(&self.program);
        command.current_dir(&self.bench).args([verb, "--control", "control.sock"]).args(more);
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot start `tidegate {verb}`"))
    }

    fn ask_well(&self, verb: &str) -> Result<()> {
        let output = self.ask(verb, &[])?;
        if !output.status.success() {
            let (said, told) =
                (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            bail!("`tidegate {verb}` failed: {said}{told}");
        }
        Ok(())
    }

    /// Ends the process that serves now.
    fn end(mut self) -> Result<()> {
        let number = fs::read_to_string(self.bench.join("pid")).context("there is no number of a process")?;
        let told = Command::new("kill").args(["-TERM", number.trim()]).status();
        told.context("cannot end the process")?;
        self.first.wait().context("the first process is not to be found")?;
        Ok(())
    }
}

impl Bench {
    /// Starts it; the time until something answered.
    fn serve(&self, at: SocketAddr, host: &str) -> Result<(Served, Duration)> {
        let begun = Instant::now();
        let mut command = Command::new(&self.program);
        let arguments = ["run", "-c", "tidegate.toml", "--control", "control.sock", "--pid-file", "pid"];
        let log = fs::File::create(self.folder.join("process.log")).context("cannot make a log")?;
        command
            .current_dir(&self.folder)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let mut first = command.spawn().context("cannot start tidegate")?;
        while begun.elapsed() < PATIENCE {
            if let Ok(mut stream) = TcpStream::connect(at)
                && answer(&mut stream, &format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).is_ok()
            {
                let took = begun.elapsed();
                return Ok((
                    Served { bench: self.folder.clone(), program: self.program.clone(), first },
                    took,
                ));
            }
            if let Some(status) = first.try_wait()? {
                bail!("tidegate ended: {status}; see {}", self.folder.join("process.log").display());
            }
            thread::yield_now();
        }
        bail!("tidegate does not serve")
    }

    fn write(&self, text: &str) -> Result<()> {
        // Whole or not at all: it may be read at any moment.
        let (next, file) = (self.folder.join("next.toml"), self.folder.join("tidegate.toml"));
        fs::write(&next, text).and_then(|()| fs::rename(next, file)).context("cannot write the catalog")
    }

    /// Whether nothing was lost.
    fn under_load(&self, arguments: &Arguments) -> Result<bool> {
        let (node, at) = (node()?, free_address()?);
        fs::write(self.folder.join("rules/long.rts"), RULE).context("cannot write the rule")?;
        let length = Duration::from_secs(arguments.seconds.into());
        // Downloads and queued requests are under way from the beginning to the end.
        let catalog = |round: u32| long_catalog(at, node, round, (length, arguments.long));
        self.write(&catalog(0))?;
        let (served, _) = self.serve(at, "a.example")?;
        for _ in 0..arguments.long {
            once(at, "/queued").context("the minute cannot be filled")?;
        }
        let load = Load::start(at, arguments);
        let begun = Instant::now();
        let steps = arguments.reloads + arguments.upgrades;
        for step in 0..steps {
            let due = length.mul_f64(f64::from(step) / f64::from(steps.max(1)));
            thread::sleep(due.saturating_sub(begun.elapsed()));
            let is_upgrade = (step + 1) * (arguments.upgrades + 1) / (steps + 1)
                > step * (arguments.upgrades + 1) / (steps + 1);
            if is_upgrade {
                served.ask_well("upgrade")?;
            } else {
                self.write(&catalog(step))?;
                served.ask_well("reload")?;
            }
        }
        thread::sleep(length.saturating_sub(begun.elapsed()));
        let lost = load.end(begun);
        served.end()?;
        Ok(lost)
    }

    fn large_catalog(&self, servers: u32) -> Result<()> {
        let (node, at) = (node()?, free_address()?);
        let (mut starts, mut reloads) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            self.write(&wide_catalog(at, node, (servers, 0)))?;
            let (served, took) = self.serve(at, "h0.example")?;
            starts.push(took);
            self.write(&wide_catalog(at, node, (servers, round + 1)))?;
            let begun = Instant::now();
            served.ask_well("reload")?;
            reloads.push(begun.elapsed());
            served.end()?;
        }
        let middle = |mut of: Vec<Duration>| {
            of.sort_unstable();
            of.get(of.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
        };
        println!(
            "{servers} virtual servers: {:.1} ms from the start to the first answer, {:.1} ms for a reload \
             (middle of {ROUNDS}; the command that asks for it included)",
            middle(starts),
            middle(reloads)
        );
        Ok(())
    }
}

const RULE: &str = "$path = http.getPath();\n\
    if( $path == \"/download\" ) { response.setBandwidthClass( \"slow\" ); }\n\
    if( $path == \"/queued\" ) { rate.use( \"line\" ); }\n";

/// So that downloads take three quarters of the time. A minute's requests start at once, and those behind them wait for
/// the minute to pass.
fn long_catalog(at: SocketAddr, node: SocketAddr, round: u32, (length, long): (Duration, u32)) -> String {
    let seconds = (length.as_secs() * 3 / 4).max(1);
    let rate = (DOWNLOAD_BYTES as u64 * 8 / seconds / 1000).max(1);
    let per_minute = long.max(1);
    format!(
        "[virtual_servers.site]\nlisten = \"{at}\"\npool = \"nodes\"\nrequest_rules = \"long\"\nmax_body_buffer = {}\n\
         timeout = \"1h\"\n[pools.nodes]\nnodes = [\"{node}\"]\nmax_idle_connections_pernode = 256\n\
         [bandwidth_classes.slow]\nmaximum = \"{rate} kbit/s\"\nsharing = \"connection\"\n\
         [rate_classes.line]\nmax_rate_per_minute = {per_minute}\n",
        // Something that every reload changes.
        65_536 + round
    )
}

fn wide_catalog(at: SocketAddr, node: SocketAddr, (servers, round): (u32, usize)) -> String {
    let mut text = String::new();
    for server in 0..servers {
        // Writing to a string cannot fail.
        let _infallible = write!(
            text,
            "[virtual_servers.s{server}]\nlisten = \"{at}\"\nhosts = [\"h{server}.example\", \"*.h{server}.example\"]\n\
             pool = \"p{server}\"\n[pools.p{server}]\nnodes = [\"{node}\"]\nmax_reply_time = \"{}s\"\n",
            30 + round
        );
    }
    text
}

/// What the clients count.
#[derive(Default)]
struct Counts {
    whole: AtomicU64,
    lost: Mutex<Vec<String>>,
}

impl Counts {
    fn note(&self, what: &str, done: Result<()>) {
        match done {
            Ok(()) => {
                self.whole.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                self.lost.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{what}: {error:#}"));
            }
        }
    }
}

/// All clients.
struct Load {
    counts: Arc<Counts>,
    ends: Arc<AtomicBool>,
    steady: Vec<JoinHandle<()>>,
    /// What lives through all of it.
    long: Vec<JoinHandle<Result<()>>>,
}

impl Load {
    fn start(at: SocketAddr, arguments: &Arguments) -> Self {
        const CLIENTS: u32 = 10;
        let (counts, ends) = (Arc::new(Counts::default()), Arc::new(AtomicBool::new(false)));
        let long = ["/download", "/queued"]
            .into_iter()
            .flat_map(|path| (0..arguments.long).map(move |_| thread::spawn(move || once(at, path))));
        let long: Vec<_> = long.collect();
        let every = Duration::from_secs(1) * CLIENTS / arguments.rate.max(1);
        let steady = (0..CLIENTS).map(|client| {
            let (counts, ends) = (Arc::clone(&counts), Arc::clone(&ends));
            // Half of them make a connection for each request.
            thread::spawn(move || steady(at, (client % 2 == 0, every), &ends, &counts))
        });
        Self { steady: steady.collect(), counts, ends, long }
    }

    /// Ends what need not be waited for, waits for the rest, and tells; whether nothing was lost.
    fn end(self, begun: Instant) -> bool {
        self.ends.store(true, Ordering::Relaxed);
        for client in self.steady {
            let _ended = client.join();
        }
        let seconds = begun.elapsed().as_secs();
        let mut lived = 0;
        for client in self.long {
            match client.join() {
                Ok(Ok(())) => lived += 1,
                Ok(Err(error)) => println!("lost on its way: {error:#}"),
                Err(_) => println!("lost on its way: a defect of xtask"),
            }
        }
        let lost = self.counts.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.iter().take(20).for_each(|why| println!("lost: {why}"));
        let whole = self.counts.whole.load(Ordering::Relaxed);
        println!(
            "{} of {} requests lost, at {} a second; {lived} slow downloads and queued requests lived through it",
            lost.len(),
            whole + lost.len() as u64,
            whole / seconds.max(1)
        );
        lost.is_empty()
    }
}

/// Asks at a steady pace until it is told to end.
fn steady(at: SocketAddr, (keeps_alive, every): (bool, Duration), ends: &AtomicBool, counts: &Counts) {
    let mut kept: Option<TcpStream> = None;
    let mut due = Instant::now();
    while !ends.load(Ordering::Relaxed) {
        due += every;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let done = once_more(at, keeps_alive, kept.take());
        let what = if keeps_alive { "on a kept connection" } else { "on a new connection" };
        counts.note(what, done.map(|stream| kept = stream));
    }
}

/// A small request; gives back the connection if it stays.
fn once_more(at: SocketAddr, keeps_alive: bool, kept: Option<TcpStream>) -> Result<Option<TcpStream>> {
    let mut stream = match kept {
        Some(stream) => stream,
        None => TcpStream::connect(at).context("cannot connect")?,
    };
    let close = if keeps_alive { "" } else { "Connection: close\r\n" };
    let answer = answer(&mut stream, &format!("GET / HTTP/1.1\r\nHost: a.example\r\n{close}\r\n"))?;
    if !answer.ends_with("\r\n\r\nhello") {
        bail!("another answer: {answer:?}");
    }
    let ends = answer.to_ascii_lowercase().contains("connection: close");
    Ok((keeps_alive && !ends).then_some(stream))
}

/// One request that takes long.
fn once(at: SocketAddr, path: &str) -> Result<()> {
    let mut stream = TcpStream::connect(at).context("cannot connect")?;
    let answer = answer(&mut stream, &format!("GET {path} HTTP/1.1\r\nHost: a.example\r\n\r\n"))?;
    let body = answer.split_once("\r\n\r\n").map_or(0, |(_, body)| body.len());
    let wanted = if path == "/download" { DOWNLOAD_BYTES } else { 5 };
    if !answer.starts_with("HTTP/1.1 200 ") || body != wanted {
        bail!("{path}: {body} bytes of {wanted}");
    }
    Ok(())
}

/// Asks, and reads the answer by its length.
fn answer(stream: &mut TcpStream, request: &str) -> Result<String> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes()).context("the request could not be sent")?;
    let (mut heard, mut piece) = (Vec::new(), vec![0; 64 * 1024]);
    let mut wanted = None;
    loop {
        if wanted.is_none()
            && let Some(end) = heard.windows(4).position(|four| four == b"\r\n\r\n")
        {
            let head = String::from_utf8_lossy(heard.get(..end).unwrap_or_default()).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            wanted = Some(end + 4 + length.context("no length")?.trim().parse::<usize>()?);
        }
        if wanted.is_some_and(|wanted| heard.len() >= wanted) {
            return Ok(String::from_utf8_lossy(&heard).into_owned());
        }
        let count = stream.read(&mut piece).context("the answer broke off")?;
        if count == 0 {
            bail!("the connection ended after {} bytes", heard.len());
        }
        heard.extend_from_slice(piece.get(..count).unwrap_or_default());
    }
}

/// A node that keeps connections.
fn node() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port for the node")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || answer_all(stream));
        }
    });
    Ok(address)
}

fn answer_all(mut stream: TcpStream) {
    let _slower = stream.set_nodelay(true);
    let (mut heard, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        while let Some(end) = heard.windows(4).position(|four| four == b"\r\n\r\n") {
            let head: Vec<u8> = heard.drain(..end + 4).collect();
            let sent = if head.starts_with(b"GET /download ") {
                let mut body =
                    format!("HTTP/1.1 200 OK\r\nContent-Length: {DOWNLOAD_BYTES}\r\n\r\n").into_bytes();
                body.resize(body.len() + DOWNLOAD_BYTES, b'x');
                stream.write_all(&body)
            } else {
                stream.write_all(SMALL)
            };
            if sent.is_err() {
                return;
            }
        }
        match stream.read(&mut piece) {
            Ok(count) if count > 0 => heard.extend_from_slice(piece.get(..count).unwrap_or_default()),
            _ => return,
        }
    }
}

/// An address that nobody had a moment ago.
fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("there is no free port")?;
    Ok(listener.local_addr()?)
}
