//! Who stands in front of the site: written down, started, watched and ended.

use crate::browser::SITE_NAME;
use crate::plan::Limits;
use anyhow::{Context, Result, bail};
use peers::Program;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

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
    /// tidegate that admits by spare capacity.
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
    program: Option<Program>,
}

impl Running {
    /// Starts a contestant in front of the site.
    ///
    /// # Errors
    /// When its program is not there, or does not come to listen.
    pub(crate) fn start(
        contestant: Contestant,
        site: SocketAddr,
        limits: &Limits,
        places: &Places,
    ) -> Result<Self> {
        if contestant == Contestant::Nothing {
            return Ok(Self { address: site, program: None });
        }
        let address = peers::free_address()?;
        let folder = places.folder.join(format!("{contestant:?}").to_lowercase());
        std::fs::create_dir_all(folder.join("rules"))?;
        let fill = |text: &str| filled(text, address, site, limits, &folder);
        let mut command = command(contestant, places, &folder, &fill)?;
        let program = Program::start(&mut command, address, &folder)?;
        Ok(Self { address, program: Some(program) })
    }

    /// Processor time that it and its children have taken, in seconds.
    pub(crate) fn processor_seconds(&self) -> f64 {
        self.program.as_ref().map_or(0.0, Program::processor_seconds)
    }
}

/// Writes down what the contestant is told, and says how it is started.
fn command(
    contestant: Contestant,
    places: &Places,
    folder: &Path,
    fill: &dyn Fn(&str) -> String,
) -> Result<Command> {
    let settings = places.root.join("bench/storm/peers");
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
            let mut command = Command::new(peers::find("nginx")?);
            command.arg("-p").arg(folder).arg("-c").arg(put(&settings.join("nginx.conf"), "nginx.conf")?);
            return Ok(command);
        }
        Contestant::Haproxy => {
            let mut command = Command::new(peers::find("haproxy")?);
            command.arg("-db").arg("-f").arg(put(&settings.join("haproxy.cfg"), "haproxy.cfg")?);
            return Ok(command);
        }
        Contestant::Article | Contestant::Default | Contestant::Spare => Command::new(&places.tidegate),
    };
    let rule = "rules/abusive-referer.rts";
    let catalog = if contestant == Contestant::Spare {
        put(&settings.join("spare.rts"), "rules/spare.rts")?;
        put(&settings.join("spare.toml"), "tidegate.toml")?
    } else if contestant == Contestant::Article {
        put(&places.root.join("spec").join(rule), rule)?;
        put(&settings.join("media.rts"), "rules/media.rts")?;
        put(&settings.join("article.toml"), "tidegate.toml")?
    } else {
        let ours = places.root.join("crates/engine/src/default_catalog");
        put(&ours.join(rule), rule)?;
        put(&ours.join("tidegate.toml"), "tidegate.toml")?
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
        ("{media_seat}", (media / 2).to_string()),
        ("{media_kbit}", (media * 8 / 1000).to_string()),
        // the embedded catalog, as an operator goes on from it
        ("listen = \"127.0.0.1:8080\"", format!("listen = \"{address}\"")),
        ("nodes = [\"127.0.0.1:8000\"]", format!("nodes = [\"{site}\"]")),
        ("mode = \"observe\"", "mode = \"enforce\"".to_owned()),
        ("max_rate_per_second = 5\n", format!("max_rate_per_second = {entries}\n")),
        ("max_rate_per_second = 10\n", format!("max_rate_per_second = {partner}\n")),
        ("max_queue = 15\n", format!("max_queue = {}\n", entries * 3)),
        ("max_queue = 30\n", format!("max_queue = {}\n", partner * 3)),
        ("maximum = \"8 Mbit/s\"", format!("maximum = \"{} kbit/s\"", media * 8 / 1000)),
        ("$own = \"\";", format!("$own = \"{SITE_NAME}\";")),
        ("$busy = \"google.com", "$busy = \"mypartner.com google.com".to_owned()),
        // the article's rule: "you must enter your servers own domainname(s) into the white list"
        ("$whitelist = \"localhost 172.16.121.100\";", format!("$whitelist = \"localhost {SITE_NAME}\";")),
    ];
    values.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}
