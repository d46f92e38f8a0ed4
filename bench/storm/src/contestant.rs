//! Who stands in front of the site: written down, started, watched and ended.

use crate::browser::SITE_NAME;
use crate::plan::Limits;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::time::Instant;

/// Everybody who is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Contestant {
    /// The site alone.
    Nothing,
    /// limit_req by a map of referers, limit_rate, limit_conn.
    Nginx,
    /// Stick tables of admissions, and the server's queue with priorities.
    Haproxy,
    /// tidegate with the article's rule.
    Article,
    /// tidegate with its own defaults.
    Default,
    /// The same, admitting as many as the site can bear.
    Spare,
}

impl Contestant {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Nginx => "nginx",
            Self::Haproxy => "HAProxy",
            Self::Article => "tidegate, article's rule",
            Self::Default => "tidegate, own defaults",
            Self::Spare => "tidegate, spare capacity",
        }
    }
}

/// Where things are.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// The checkout.
    pub(crate) root: PathBuf,
    /// For what is written.
    pub(crate) folder: PathBuf,
    pub(crate) tidegate: PathBuf,
}

/// A contestant at work; it ends when this is dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    child: Option<Child>,
}

/// How long a program may take to listen.
const START_MAX: Duration = Duration::from_secs(15);
const END_MAX: Duration = Duration::from_secs(3);

impl Running {
    /// Starts a contestant in front of the site.
    ///
    /// # Errors
    /// When its program is not there, or does not come to listen.
    pub(crate) async fn start(
        contestant: Contestant,
        site: SocketAddr,
        limits: &Limits,
        places: &Places,
    ) -> Result<Self> {
        if contestant == Contestant::Nothing {
            return Ok(Self { address: site, child: None });
        }
        let address = free_address()?;
        let folder = places.folder.join(format!("{contestant:?}").to_lowercase());
        std::fs::create_dir_all(folder.join("rules"))?;
        let fill = |text: &str| filled(text, address, site, limits, &folder);
        let mut command = command(contestant, places, &folder, &fill)?;
        let log = std::fs::File::create(folder.join("log")).context("cannot write its log")?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("cannot start {}", contestant.name()))?;
        let mut running = Self { address, child: Some(child) };
        running.listening().await.with_context(|| {
            let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            format!("{} does not listen; it says:\n{log}", contestant.name())
        })?;
        Ok(running)
    }

    async fn listening(&mut self) -> Result<()> {
        let end = Instant::now() + START_MAX;
        while Instant::now() < end {
            if TcpStream::connect(self.address).is_ok() {
                return Ok(());
            }
            if let Some(child) = &mut self.child
                && child.try_wait()?.is_some()
            {
                bail!("it has ended");
            }
            tokio::time::sleep_until(Instant::now() + Duration::from_millis(50)).await;
        }
        bail!("not within {} s", START_MAX.as_secs())
    }

    /// Processor time that it and its children have taken, in seconds.
    pub(crate) fn processor_seconds(&self) -> f64 {
        let Some(child) = &self.child else { return 0.0 };
        processor_seconds(child.id())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let id = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let asked = id.map(|id| rustix::process::kill_process(id, rustix::process::Signal::TERM));
        let end = Instant::now() + END_MAX;
        while asked.is_some() && Instant::now() < end {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            pause();
        }
        let _ended = child.kill();
        let _reaped = child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "a program ends between two rounds, and nothing else happens")]
fn pause() {
    std::thread::sleep(Duration::from_millis(10));
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Writes down what the contestant is told, and says how it is started.
fn command(
    contestant: Contestant,
    places: &Places,
    folder: &Path,
    fill: &dyn Fn(&str) -> String,
) -> Result<Command> {
    let peers = places.root.join("bench/storm/peers");
    let put = |from: &Path, name: &str| -> Result<PathBuf> {
        let text =
            std::fs::read_to_string(from).with_context(|| format!("cannot read {}", from.display()))?;
        let to = folder.join(name);
        std::fs::write(&to, fill(&text))?;
        Ok(to)
    };
    let mut command = match contestant {
        Contestant::Nothing => bail!("nothing needs no program"),
        Contestant::Nginx => {
            let mut command = Command::new(found("nginx")?);
            command.arg("-p").arg(folder).arg("-c").arg(put(&peers.join("nginx.conf"), "nginx.conf")?);
            return Ok(command);
        }
        Contestant::Haproxy => {
            let mut command = Command::new(found("haproxy")?);
            command.arg("-db").arg("-f").arg(put(&peers.join("haproxy.cfg"), "haproxy.cfg")?);
            return Ok(command);
        }
        Contestant::Article | Contestant::Default | Contestant::Spare => Command::new(&places.tidegate),
    };
    let rule = "rules/abusive-referer.rts";
    let catalog = if contestant == Contestant::Article {
        put(&places.root.join("spec").join(rule), rule)?;
        put(&peers.join("media.rts"), "rules/media.rts")?;
        put(&peers.join("article.toml"), "tidegate.toml")?
    } else {
        let ours = places.root.join("crates/engine/src/default_catalog");
        put(&ours.join(rule), rule)?;
        let theirs = if contestant == Contestant::Spare {
            peers.join("spare.toml")
        } else {
            ours.join("tidegate.toml")
        };
        put(&theirs, "tidegate.toml")?
    };
    command.arg("run").arg("-c").arg(catalog).args(["--control", "off", "--log-level", "warn"]);
    Ok(command)
}

/// The places of a text that depend on the run, and the lines of our own texts that an operator fills in.
fn filled(text: &str, address: SocketAddr, site: SocketAddr, limits: &Limits, folder: &Path) -> String {
    let entries = limits.entries_per_second;
    let partner = limits.partner_per_second;
    let media = limits.media_bytes_per_second;
    let values = [
        ("{listen}", address.to_string()),
        ("{node}", site.to_string()),
        ("{folder}", folder.display().to_string()),
        ("{site}", SITE_NAME.to_owned()),
        ("{entries}", entries.to_string()),
        ("{entries_burst}", (entries * 6).to_string()),
        ("{partner}", partner.to_string()),
        ("{partner_burst}", (partner * 2).to_string()),
        ("{media}", media.to_string()),
        ("{media_seat}", (media / 10).to_string()),
        ("{media_kbit}", (media * 8 / 1000).to_string()),
        // the embedded catalog, as an operator goes on from it
        ("listen = \"127.0.0.1:8080\"", format!("listen = \"{address}\"")),
        ("nodes = [\"127.0.0.1:8000\"]", format!("nodes = [\"{site}\"]")),
        ("mode = \"observe\"", "mode = \"enforce\"".to_owned()),
        ("max_rate_per_second = 5\n", format!("max_rate_per_second = {entries}\n")),
        ("max_rate_per_second = 10\n", format!("max_rate_per_second = {partner}\n")),
        ("maximum = \"8 Mbit/s\"", format!("maximum = \"{} kbit/s\"", media * 8 / 1000)),
        ("$own = \"\";", format!("$own = \"{SITE_NAME}\";")),
        ("$busy = \"google.com", "$busy = \"mypartner.com google.com".to_owned()),
        // the article's rule: "you must enter your servers own domainname(s) into the white list"
        ("$whitelist = \"localhost 172.16.121.100\";", format!("$whitelist = \"localhost {SITE_NAME}\";")),
    ];
    values.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// Where a program stands.
fn found(name: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    folders
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .with_context(|| format!("{name} is not installed (Debian package {name})"))
}

/// Of a process and its children; the kernel counts in hundredths of a second.
fn processor_seconds(id: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 =
        behind_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    let of_children =
        children.split_whitespace().filter_map(|child| child.parse().ok()).map(processor_seconds);
    ticks / 100.0 + of_children.sum::<f64>()
}
