//! Ten minutes of everything at once: does anything grow?
//!
//! Referers that were never seen before, more than the table of contexts holds; slowed songs that are taken off the node
//! into files; people who leave in the middle; and a class that is changed five times a minute.

use crate::keyflood::{Answers, requests};
use crate::{Places, source};
use anyhow::{Context, Result, bail};
use peers::{Program, free_address};
use std::cell::Cell;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long
    #[arg(long, default_value_t = 10)]
    minutes: u64,
}

/// People who hear a slowed song to its end, and who leave one that has none.
const LISTENERS: usize = 40;
const LEAVERS: usize = 20;
/// What those who leave have heard.
const HEARD_BYTES: usize = 100_000;
/// Referers that come at once, and how often.
const REFERERS: u64 = 512;
const REFERERS_EVERY: Duration = Duration::from_millis(100);
const RELOAD_EVERY: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_mins(1);
/// Tables are full and threads there; from then on nothing may grow.
const WARM_MINUTES: u64 = 2;
/// When all have left: by then what was theirs is given back.
const QUIET: Duration = Duration::from_secs(20);

const CATALOG: &str = r#"
[settings]
workers = 2
max_contexts = 100000

[virtual_servers.site]
listen = "{listen}"
pool = "origin"
request_rules = ["enter"]
guard = "senders"
marks = ["Seen"]

[pools.origin]
nodes = ["{node}"]

[rate_classes.Entries]
max_rate_per_minute = 10
max_wait = "{wait}ms"
spaced = true

[bandwidth_classes.Songs]
maximum = "80 Mbit/s"
fair_by = "client"

[guards.senders]
climb_to = "observe"
"#;

const RULE: &str = r#"
if( http.getPath() == "/" ) {
   $from = referer.host();
   rate.use( "Entries", $from );
   http.setResponseCookie( "Seen", $from );
   http.sendResponse( "200 OK", "text/plain", "in", "" );
}
response.setBandwidthClass( "Songs" );
"#;

/// What was counted, for a minute's line.
#[derive(Default)]
struct Tally {
    entered: Cell<u64>,
    refused: Cell<u64>,
    heard: Cell<u64>,
    left: Cell<u64>,
    reloads: Cell<u64>,
}

fn more(cell: &Cell<u64>, count: u64) {
    cell.set(cell.get() + count);
}

pub(crate) async fn run(options: &Options, places: &Places) -> Result<()> {
    let (address, node) = (free_address()?, source::start()?);
    let site = Site { tidegate: &places.tidegate, catalog: places.folder.join("soak.toml"), address, node };
    site.write(100)?;
    std::fs::write(places.folder.join("rules/enter.rts"), RULE)?;
    let socket = places.folder.join("soak.sock");
    let mut command = Command::new(site.tidegate);
    command.arg("run").arg("-c").arg(&site.catalog).arg("--control").arg(&socket);
    let program = Program::start(command.args(["--log-level", "error"]), address, &places.folder)?;

    let (tally, mut people) = (Rc::new(Tally::default()), JoinSet::new());
    people.spawn_local(referers(address, Rc::clone(&tally)));
    for _ in 0..LISTENERS {
        people.spawn_local(listener(address, Rc::clone(&tally)));
    }
    for _ in 0..LEAVERS {
        people.spawn_local(leaver(address, Rc::clone(&tally)));
    }
    let begun = Instant::now();
    let mut warm = None;
    println!(
        "| minute | resident | descriptors | threads | entered | refused | songs heard | left | reloads |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for minute in 1..=options.minutes {
        let end = begun + MINUTE * u32::try_from(minute).context("too long")?;
        while Instant::now() + RELOAD_EVERY <= end {
            sleep_until(Instant::now() + RELOAD_EVERY).await;
            site.write(100 + tally.reloads.get() % 50)?;
            site.reload(&socket)?;
            more(&tally.reloads, 1);
            if let Some(ended) = people.try_join_next() {
                return ended.context("somebody broke")?;
            }
        }
        sleep_until(end).await;
        tell(&minute.to_string(), &program, &tally);
        if minute == WARM_MINUTES {
            warm = Some(program.resident_bytes());
        }
    }
    let last = program.resident_bytes();
    people.shutdown().await;
    sleep_until(Instant::now() + QUIET).await;
    tell("after", &program, &tally);
    if let Some(warm) = warm {
        let grown = (last as f64 - warm as f64) / 1_048_576.0;
        println!("\nfrom minute {WARM_MINUTES} to {}: {grown:+.1} MiB", options.minutes);
    }
    Ok(())
}

fn tell(minute: &str, program: &Program, tally: &Tally) {
    let count = |cell: &Cell<u64>| cell.get();
    println!(
        "| {minute} | {:.1} MiB | {} | {} | {} | {} | {} | {} | {} |",
        program.resident_bytes() as f64 / 1_048_576.0,
        program.descriptors(),
        program.threads(),
        count(&tally.entered),
        count(&tally.refused),
        count(&tally.heard),
        count(&tally.left),
        count(&tally.reloads),
    );
}

/// What is reloaded.
struct Site<'a> {
    tidegate: &'a Path,
    catalog: PathBuf,
    address: SocketAddr,
    node: SocketAddr,
}

impl Site<'_> {
    fn write(&self, wait_millis: u64) -> Result<()> {
        let text = CATALOG.replace("{listen}", &self.address.to_string());
        let text = text.replace("{node}", &self.node.to_string());
        Ok(std::fs::write(&self.catalog, text.replace("{wait}", &wait_millis.to_string()))?)
    }

    fn reload(&self, socket: &Path) -> Result<()> {
        let mut command = Command::new(self.tidegate);
        command.args(["reload", "--control"]).arg(socket).stdout(Stdio::null());
        let status = command.status().context("cannot start the reload")?;
        if !status.success() {
            bail!("a reload failed: {status}");
        }
        Ok(())
    }
}

/// Referers that nobody has seen before, and each of them once more.
async fn referers(to: SocketAddr, tally: Rc<Tally>) -> Result<()> {
    for slice in 0.. {
        let next = Instant::now() + REFERERS_EVERY;
        let range = slice * REFERERS..(slice + 1) * REFERERS;
        let Answers { entered, refused } =
            requests(to, range, |nth| format!("{:016x}.example", nth / 2)).await?;
        more(&tally.entered, entered);
        more(&tally.refused, refused);
        sleep_until(next).await;
    }
    Ok(())
}

async fn listener(to: SocketAddr, tally: Rc<Tally>) -> Result<()> {
    loop {
        let mut stream = TcpStream::connect(to).await?;
        stream.write_all(b"GET /song HTTP/1.1\r\nHost: music.example\r\nConnection: close\r\n\r\n").await?;
        let mut received = 0;
        let mut room = vec![0; 64 * 1024];
        loop {
            match stream.read(&mut room).await? {
                0 => break,
                count => received += count,
            }
        }
        if received < source::SONG_BYTES {
            bail!("a song ended after {received} bytes");
        }
        more(&tally.heard, 1);
    }
}

async fn leaver(to: SocketAddr, tally: Rc<Tally>) -> Result<()> {
    loop {
        let mut stream = TcpStream::connect(to).await?;
        stream.write_all(b"GET /radio HTTP/1.1\r\nHost: music.example\r\n\r\n").await?;
        stream.read_exact(&mut vec![0; HEARD_BYTES]).await?;
        more(&tally.left, 1);
    }
}
