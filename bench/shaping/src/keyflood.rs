//! A flood of referers that were never seen before, over sockets: does it cost throughput or memory, and does a referer
//! that was limited before stay limited?
//!
//! A rule lets each request enter a class with its referer as the context, and answers itself, so that a request is
//! little more than its context. The same is measured with referers that the class knows already.

use crate::Places;
use anyhow::{Context, Result, bail};
use memchr::memmem::Finder;
use peers::{Program, free_address};
use std::cell::Cell;
use std::net::SocketAddr;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many referers
    #[arg(default_value_t = 2_000_000)]
    count: u64,
    /// Times that known and unknown referers take turns
    #[arg(long, default_value_t = 4)]
    slices: u64,
}

/// What a context may have in a minute; known referers come at most so often.
const PER_MINUTE: u64 = 10;
const CONNECTIONS: u64 = 8;
/// Requests on their way at once on a connection.
const PIPELINED: u64 = 64;
/// Known referers: as many as their number of requests needs.
const KNOWN_REQUESTS: u64 = 200_000;
const PLANTED: &str = "abusive.example";
/// How often the planted one tries.
const TRY_EVERY: Duration = Duration::from_millis(500);
const MINUTE: Duration = Duration::from_mins(1);

const CATALOG: &str = r#"
[virtual_servers.site]
listen = "{listen}"
pool = "discard"
request_rules = ["enter"]

[rate_classes.Entries]
max_rate_per_minute = 10
max_wait = "1s"
"#;

const RULE: &str = r#"
rate.use( "Entries", referer.host() );
http.sendResponse( "200 OK", "text/plain", "in", "" );
"#;

/// What was answered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answers {
    pub(crate) entered: u64,
    pub(crate) refused: u64,
}

pub(crate) async fn run(options: &Options, places: &Places) -> Result<()> {
    let address = free_address()?;
    std::fs::write(places.folder.join("keyflood.toml"), CATALOG.replace("{listen}", &address.to_string()))?;
    std::fs::write(places.folder.join("rules/enter.rts"), RULE)?;
    let mut command = Command::new(&places.tidegate);
    command.arg("run").arg("-c").arg(places.folder.join("keyflood.toml"));
    command.args(["--control", "off", "--log-level", "error", "--workers", "1"]);
    let program = Program::start(&mut command, address, &places.folder)?;
    // Threads, tables and buffers as they are under load.
    let warm = requests(address, 0..50_000, |nth| format!("warm-{}.example", nth / PER_MINUTE)).await?;
    let start = Instant::now();
    let entries: Rc<Cell<Vec<Duration>>> = Rc::default();
    let planted = tokio::task::spawn_local(plant(address, start, Rc::clone(&entries)));
    sleep_until(start + TRY_EVERY * 30).await;
    let before = program.resident_bytes();
    let (mut known, mut flood) = (Rates::default(), Rates::default());
    let mut answered = Answers::default();
    for slice in 0..options.slices {
        let each = KNOWN_REQUESTS / options.slices;
        let range = slice * each..(slice + 1) * each;
        known
            .add(&program, requests(address, range, |nth| format!("known-{}.example", nth / PER_MINUTE)))
            .await?;
        let each = options.count / options.slices;
        let range = slice * each..(slice + 1) * each;
        answered = flood.add(&program, requests(address, range, |nth| format!("{nth:016x}.example"))).await?;
    }
    let after = program.resident_bytes();
    planted.abort();
    let entries = entries.take();
    let most = entries
        .iter()
        .map(|from| entries.iter().filter(|at| *at >= from && **at < *from + MINUTE).count())
        .max()
        .unwrap_or(0);
    println!("warm                  {} entered, {} refused", warm.entered, warm.refused);
    println!("referers              {} never seen before, of 24 bytes", flood.requests);
    println!("known referers        {known}");
    println!("never seen before     {flood}");
    println!("  the last slice      {} entered, {} refused", answered.entered, answered.refused);
    println!("throughput            {:+.1} %", (flood.per_second() / known.per_second() - 1.0) * 100.0);
    println!("processor time        {:+.1} %", (flood.micros() / known.micros() - 1.0) * 100.0);
    println!("resident memory       {:+.1} MiB", (after as f64 - before as f64) / 1_048_576.0);
    println!(
        "the planted one       {} of {} a minute at most, {} in {:.0} s, one try each {} ms",
        most,
        PER_MINUTE,
        entries.len(),
        start.elapsed().as_secs_f64(),
        TRY_EVERY.as_millis()
    );
    Ok(())
}

/// How fast requests were, added up over slices.
#[derive(Default)]
struct Rates {
    requests: u64,
    seconds: f64,
    processor_seconds: f64,
}

impl Rates {
    async fn add(
        &mut self,
        program: &Program,
        run: impl Future<Output = Result<Answers>>,
    ) -> Result<Answers> {
        let (begun, spent) = (Instant::now(), program.processor_seconds());
        let answers = run.await?;
        self.requests += answers.entered + answers.refused;
        self.seconds += begun.elapsed().as_secs_f64();
        self.processor_seconds += program.processor_seconds() - spent;
        Ok(answers)
    }

    fn per_second(&self) -> f64 {
        self.requests as f64 / self.seconds
    }

    /// Of the program, for a request.
    fn micros(&self) -> f64 {
        self.processor_seconds * 1e6 / self.requests as f64
    }
}

impl std::fmt::Display for Rates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:.0} requests a second, {:.2} µs of processor time each",
            self.per_second(),
            self.micros()
        )
    }
}

/// Tries to enter over and over; the moments at which it was let in.
async fn plant(to: SocketAddr, start: Instant, entries: Rc<Cell<Vec<Duration>>>) {
    loop {
        let next = Instant::now() + TRY_EVERY;
        if let Ok(answers) = batch_alone(to).await
            && answers.entered > 0
        {
            let mut so_far = entries.take();
            so_far.push(start.elapsed());
            entries.set(so_far);
        }
        sleep_until(next).await;
    }
}

async fn batch_alone(to: SocketAddr) -> Result<Answers> {
    let mut stream = TcpStream::connect(to).await?;
    let mut answers = Answers::default();
    batch(&mut stream, &request(PLANTED), 1, &mut answers).await?;
    Ok(answers)
}

fn request(referer: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: music.example\r\nReferer: http://{referer}/page\r\n\r\n")
}

/// All requests of a range, on some connections at once.
pub(crate) async fn requests(
    to: SocketAddr,
    range: std::ops::Range<u64>,
    referer: impl Fn(u64) -> String + Copy + 'static,
) -> Result<Answers> {
    let mut people = JoinSet::new();
    for lane in 0..CONNECTIONS {
        let range = range.clone();
        people.spawn_local(async move {
            let mut stream = TcpStream::connect(to).await.context("no connection")?;
            let mut answers = Answers::default();
            let mut text = String::new();
            let mut at = range.start + lane * PIPELINED;
            while at < range.end {
                let end = (at + PIPELINED).min(range.end);
                text.clear();
                (at..end).for_each(|nth| text.push_str(&request(&referer(nth))));
                batch(&mut stream, &text, end - at, &mut answers).await?;
                at += PIPELINED * CONNECTIONS;
            }
            anyhow::Ok(answers)
        });
    }
    let mut sum = Answers::default();
    while let Some(answers) = people.join_next().await {
        let answers = answers.context("a lane broke")??;
        sum.entered += answers.entered;
        sum.refused += answers.refused;
    }
    Ok(sum)
}

/// Sends requests together and reads as many answers. No body holds what a status line begins with.
async fn batch(stream: &mut TcpStream, text: &str, count: u64, answers: &mut Answers) -> Result<()> {
    stream.write_all(text.as_bytes()).await?;
    let begins = Finder::new(b"HTTP/1.1 ");
    let mut received = Vec::with_capacity(32 * 1024);
    loop {
        if stream.read_buf(&mut received).await? == 0 {
            bail!("closed after {} bytes", received.len());
        }
        // Whole only if the last one's body has come, which is not empty and short.
        let found: Vec<usize> = begins.find_iter(&received).collect();
        let is_whole = found.len() as u64 == count
            && found.last().is_some_and(|at| {
                let rest = &received[*at..];
                memchr::memmem::find(rest, b"\r\n\r\n")
                    .is_some_and(|end| rest.len() >= end + 4 + length_of(rest))
            });
        if is_whole {
            let is_entered = |at: &&usize| received[**at + 9..].starts_with(b"200");
            let entered = found.iter().filter(is_entered).count() as u64;
            answers.entered += entered;
            answers.refused += count - entered;
            return Ok(());
        }
    }
}

/// What an answer's head says of its body's length.
fn length_of(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(&head[..head.len().min(1_024)]).to_ascii_lowercase();
    let value = head.split_once("content-length:").and_then(|(_, rest)| rest.split("\r\n").next());
    value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}
