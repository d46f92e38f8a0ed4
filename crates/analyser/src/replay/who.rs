//! Who asks: kinds of people, told by referer and program, and the offenders that somebody has named.

use super::effect::Who;
use accesslog::{Line, Said, Text};
use foldhash::quality::FixedState;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::net::IpAddr;
use visit::{Program, Referer, RefererClass};

/// Texts whose kind is remembered; at the bound all are forgotten and found again.
const REMEMBERED_MAX: usize = 65_536;

/// The same in every run: the texts are chosen by strangers, but all that a collision of the whole 64 bits could do is
/// to put one client into the wrong row.
type Fixed = FixedState;

/// Tells kinds apart, and remembers.
#[derive(Debug)]
pub(super) struct Judge {
    own: Vec<String>,
    offenders: Vec<Named>,
    programs: HashMap<u64, Program, Fixed>,
    referers: HashMap<u64, (RefererClass, Option<u16>), Fixed>,
}

#[derive(Debug)]
enum Named {
    Domain(String),
    Network(ipnet::IpNet),
}

/// What is known of who asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judged {
    pub(super) who: Who,
    /// The place of the offender in the list of those named.
    pub(super) offender: Option<u16>,
}

impl Judge {
    /// `own` are names of the site, `offenders` domains or networks.
    pub(super) fn new(own: &[String], offenders: &[String]) -> Self {
        let lower = |name: &String| name.trim_end_matches('.').to_ascii_lowercase();
        let named = |text: &String| match (text.parse(), text.parse::<IpAddr>()) {
            (Ok(network), _) => Named::Network(network),
            (_, Ok(address)) => Named::Network(address.into()),
            _ => Named::Domain(lower(text)),
        };
        Self {
            own: own.iter().map(lower).collect(),
            offenders: offenders.iter().map(named).collect(),
            programs: HashMap::default(),
            referers: HashMap::default(),
        }
    }

    /// Whether it can tell own visitors from others.
    pub(super) fn knows_own(&self) -> bool {
        !self.own.is_empty()
    }

    /// Who asks with this line. `agent` is the fingerprint of its field User-Agent.
    pub(super) fn judge(&mut self, line: &Line<'_>, client: IpAddr, agent: u64) -> Judged {
        let program = self.program(line.user_agent, agent);
        let (class, by_referer) = self.referer(line.referer);
        let offender = by_referer.or_else(|| self.offender_by(client));
        let who = match (program, class) {
            (Program::Crawler, _) => Who::Crawler,
            (Program::FeedReader, _) | (_, RefererClass::App) => Who::FeedReader,
            (Program::Player, _) => Who::Player,
            (Program::Monitoring | Program::Library, _) => Who::Tool,
            (_, RefererClass::Own) => Who::OwnVisitor,
            (_, RefererClass::Search) => Who::Search,
            (_, RefererClass::ImageSearch) => Who::ImageSearch,
            (_, RefererClass::None) => Who::NoReferer,
            (
                _,
                RefererClass::Social | RefererClass::BareIp | RefererClass::Garbage | RefererClass::Other,
            ) => Who::Elsewhere,
        };
        Judged { who, offender }
    }

    fn program(&mut self, agent: Said<Text<'_>>, fingerprint: u64) -> Program {
        if let Some(program) = self.programs.get(&fingerprint) {
            return *program;
        }
        let program = agent.known().map_or(Program::Other, |agent| Program::of(&agent.decoded()));
        if self.programs.len() >= REMEMBERED_MAX {
            self.programs.clear();
        }
        self.programs.insert(fingerprint, program);
        program
    }

    fn referer(&mut self, referer: Said<Text<'_>>) -> (RefererClass, Option<u16>) {
        let Said::Known(text) = referer else { return (RefererClass::None, None) };
        let fingerprint = Fixed::default().hash_one(text.raw);
        if let Some(known) = self.referers.get(&fingerprint) {
            return *known;
        }
        let referer = Referer::of(&text.decoded());
        let is_own = self.own.iter().any(|name| is_in(&referer.host, name));
        let class = if is_own { RefererClass::Own } else { referer.class };
        let is_meant = |named: &Named| match named {
            Named::Domain(domain) => is_in(&referer.host, domain),
            Named::Network(network) => referer.host.parse().is_ok_and(|host: IpAddr| network.contains(&host)),
        };
        let known = (class, place(self.offenders.iter().position(is_meant)));
        if self.referers.len() >= REMEMBERED_MAX {
            self.referers.clear();
        }
        self.referers.insert(fingerprint, known);
        known
    }

    fn offender_by(&self, client: IpAddr) -> Option<u16> {
        let is_meant = |named: &Named| matches!(named, Named::Network(network) if network.contains(&client));
        place(self.offenders.iter().position(is_meant))
    }
}

fn place(at: Option<usize>) -> Option<u16> {
    at.and_then(|at| u16::try_from(at).ok())
}

/// Whether a host is this name or one below it.
fn is_in(host: &str, name: &str) -> bool {
    match host.strip_suffix(name) {
        Some(before) => !name.is_empty() && (before.is_empty() || before.ends_with('.')),
        None => false,
    }
}
