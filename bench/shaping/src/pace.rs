//! How even bandwidth classes are: totals, shares, silences and lumps, beside nginx's `limit_rate` in the same run.

use crate::reads::{Evenness, Read};
use crate::{Places, source};
use anyhow::{Context, Result};
use peers::{Program, find, free_address, own_processor_seconds};
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long each case is looked at
    #[arg(long, default_value_t = 11)]
    seconds: u64,
    /// Connections of the case with most of them
    #[arg(long, default_value_t = 9_000)]
    many: usize,
    /// Without that case
    #[arg(long)]
    few: bool,
}

/// Who divides, and what.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    /// One limit for all.
    Machine,
    /// The limit for each connection.
    Connection,
    /// The same by nginx.
    Nginx,
}

struct Case {
    who: Who,
    kbit_per_second: u64,
    connections: usize,
}

/// What comes before the first moment that counts: connecting, and what the beginning of an answer is given.
const WARM: Duration = Duration::from_secs(2);

fn cases(options: &Options) -> Vec<Case> {
    let case = |who, kbit_per_second, connections| Case { who, kbit_per_second, connections };
    let mut cases = vec![
        case(Who::Machine, 8, 1),
        case(Who::Machine, 800, 1),
        case(Who::Machine, 800, 10),
        case(Who::Machine, 8_000, 10),
        case(Who::Machine, 160_000, 1_000),
        case(Who::Machine, 1_000_000, 1),
        case(Who::Machine, 1_000_000, 10),
        case(Who::Connection, 800, 1),
        case(Who::Nginx, 800, 1),
        case(Who::Connection, 800, 10),
        case(Who::Nginx, 800, 10),
        case(Who::Connection, 800, 1_000),
        case(Who::Nginx, 800, 1_000),
    ];
    if !options.few {
        cases.push(case(Who::Machine, 160_000, options.many));
    }
    cases
}

pub(crate) async fn run(options: &Options, places: &Places) -> Result<()> {
    let node = source::start()?;
    println!(
        "| who | class | connections | in any 5 s | in any 1 s | Jain | starved | longest silence (half) | \
         largest lump (half) | processor | memory | lag of the reader |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    for case in cases(options) {
        match measure(&case, options, node, places).await {
            Ok(line) => println!("{line}"),
            Err(error) => println!("{}: left out: {error:#}", title(&case)),
        }
    }
    Ok(())
}

fn title(case: &Case) -> String {
    let who = match case.who {
        Who::Machine => "tidegate, all together",
        Who::Connection => "tidegate, each",
        Who::Nginx => "nginx, each",
    };
    let rate = match case.kbit_per_second {
        slow @ ..1_000 => format!("{slow} kbit/s"),
        fast => format!("{} Mbit/s", fast / 1_000),
    };
    format!("{who} | {rate} | {}", case.connections)
}

async fn measure(case: &Case, options: &Options, node: SocketAddr, places: &Places) -> Result<String> {
    let program = start(case, node, places)?;
    let idle_memory = program.resident_bytes();
    let begun = Instant::now();
    let from = WARM + Duration::from_millis(case.connections as u64);
    let to = from + Duration::from_secs(options.seconds);
    let mut people = JoinSet::new();
    for number in 0..case.connections {
        people.spawn_local(download(program.address, begun, begun + to));
        if number % 100 == 99 {
            // as the accept queue bears it
            sleep_until(Instant::now() + Duration::from_millis(20)).await;
        }
    }
    sleep_until(begun + from).await;
    let (spent, own) = (program.processor_seconds(), own_processor_seconds());
    let mut late = Duration::ZERO;
    let end = begun + to;
    while Instant::now() < end {
        let due = Instant::now() + Duration::from_millis(5);
        sleep_until(due).await;
        late = late.max(Instant::now() - due);
    }
    let spent = program.processor_seconds() - spent;
    let own = own_processor_seconds() - own;
    let memory = program.resident_bytes().saturating_sub(idle_memory);
    let connections: Vec<Vec<Read>> = people.join_all().await.into_iter().flatten().collect();
    let sharers = if case.who == Who::Machine { 1 } else { case.connections };
    let limit = case.kbit_per_second as f64 * 125.0 * sharers as f64;
    let even = Evenness::of(&connections, (from, to), limit);
    let millis = |duration: Duration| format!("{:.0} ms", duration.as_secs_f64() * 1e3);
    let percent = |(least, most): (f64, f64)| {
        format!("{:+.1} to {:+.1} %", (least - 1.0) * 100.0, (most - 1.0) * 100.0)
    };
    let share = limit / case.connections as f64;
    let lump = |bytes: u64| format!("{bytes} B = {:.0} ms", bytes as f64 / share * 1e3);
    Ok(format!(
        "| {} | {} | {} | {:.4} | {} | {} ({}) | {} ({}) | {spent:.2} s of {} | {:.1} MiB, {:.1} KiB each | {}, {own:.1} s |",
        title(case),
        percent(even.in_five_seconds),
        percent(even.in_one_second),
        even.fairness,
        even.starved + case.connections - connections.len(),
        millis(even.silence.0),
        millis(even.silence.1),
        lump(even.lump.0),
        lump(even.lump.1),
        options.seconds,
        memory as f64 / 1_048_576.0,
        memory as f64 / 1_024.0 / case.connections as f64,
        millis(late),
    ))
}

/// One download, for as long as it is looked at. `None`: there was no answer.
async fn download(to: SocketAddr, begun: Instant, end: Instant) -> Option<Vec<Read>> {
    let mut stream = TcpStream::connect(to).await.ok()?;
    stream.write_all(b"GET /audio/song.mp3 HTTP/1.1\r\nHost: music.example\r\n\r\n").await.ok()?;
    let mut reads = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        tokio::select! {
            () = sleep_until(end) => return Some(reads),
            read = stream.read(&mut buffer) => match read {
                Ok(0) | Err(_) => return (!reads.is_empty()).then_some(reads),
                Ok(count) => reads.push(Read { at: begun.elapsed(), bytes: count as u64 }),
            },
        }
    }
}

fn start(case: &Case, node: SocketAddr, places: &Places) -> Result<Program> {
    let address = free_address()?;
    let folder = &places.folder;
    if case.who == Who::Nginx {
        let text = NGINX
            .replace("{folder}", &folder.display().to_string())
            .replace("{listen}", &address.to_string())
            .replace("{node}", &node.to_string())
            .replace("{rate}", &(case.kbit_per_second * 125).to_string());
        let file = folder.join("nginx.conf");
        std::fs::write(&file, text).context("cannot write nginx's settings")?;
        let mut command = Command::new(find("nginx")?);
        return Program::start(command.arg("-p").arg(folder).arg("-c").arg(&file), address, folder);
    }
    let sharing = if case.who == Who::Machine { "machine" } else { "connection" };
    let text = TIDEGATE
        .replace("{listen}", &address.to_string())
        .replace("{node}", &node.to_string())
        .replace("{rate}", &case.kbit_per_second.to_string())
        .replace("{sharing}", sharing);
    let file = folder.join("tidegate.toml");
    std::fs::write(&file, text).context("cannot write the catalog")?;
    let mut command = Command::new(&places.tidegate);
    command.arg("run").arg("-c").arg(&file).args([
        "--control",
        "off",
        "--log-level",
        "error",
        "--workers",
        "1",
    ]);
    Program::start(&mut command, address, folder)
}

const TIDEGATE: &str = r#"
[virtual_servers.site]
listen = "{listen}"
pool = "origin"
bandwidth_class = "paced"

[pools.origin]
nodes = ["{node}"]

[bandwidth_classes.paced]
maximum = "{rate} kbit/s"
sharing = "{sharing}"
"#;

/// The answer never ends, so none of it goes into a file.
const NGINX: &str = r"user root;
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.err error;
events { worker_connections 15000; }
http {
   access_log off;
   tcp_nodelay on;
   proxy_temp_path {folder}/np; client_body_temp_path {folder}/nb; fastcgi_temp_path {folder}/nf;
   uwsgi_temp_path {folder}/nu; scgi_temp_path {folder}/ns;
   server {
      listen {listen} backlog=4096;
      location / { proxy_pass http://{node}; limit_rate {rate}; proxy_max_temp_file_size 0; }
   }
}
";
