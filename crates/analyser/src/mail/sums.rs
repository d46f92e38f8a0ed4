//! Adds up what lines say. Lines of one message are tied by its id; everything that is kept has a bound, because senders
//! and guessers choose names.

use super::event::{self, Arrival, Event, Origin, Outcome, Server, addresses};
use super::moment::{Clock, Moment};
use super::usual::Sending;
use super::{Lines, Mail, MailSettings, Sample, SenderKind, ServerCounts};
use crate::pressure::network_of;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

/// Messages whose end has not been seen; the oldest is forgotten first.
const MESSAGES_MAX: usize = 200_000;
/// Senders that are told apart.
pub(super) const SENDERS_MAX: usize = 10_000;
/// Hours of all senders together.
pub(super) const SENDER_HOURS_MAX: u64 = 1_000_000;
/// Recipients that are told apart, of all senders together.
pub(super) const RECIPIENTS_MAX: u64 = 1_000_000;
/// Names of each kind that are kept of one sender.
pub(super) const NAMES_MAX: usize = 64;
/// Hours of the log: twenty years.
const HOURS_MAX: usize = 175_200;
/// Networks that guess.
pub(super) const GUESSERS_MAX: usize = 20_000;
/// Names that are kept of one guessing network, and addresses.
const GUESSED_NAMES_MAX: usize = 1000;
/// Accounts whose guesses are counted.
const GUESSED_ACCOUNTS_MAX: usize = 50_000;
/// Starts of Exim that wait for their message.
const STARTED_MAX: usize = 64;
/// A start belongs to a message of so many seconds later at most.
const STARTED_SECONDS_MAX: i64 = 2;
/// Deferred recipients that are remembered of one message, so that they are not counted again when they are delivered.
const DEFERRED_MAX: usize = 1000;
const SAMPLES_MAX: usize = 5;
const SAMPLE_CHARS_MAX: usize = 160;
const NAME_CHARS_MAX: usize = 120;

/// What one sender did.
#[derive(Debug, Default)]
pub(super) struct Sums {
    pub(super) messages: u64,
    pub(super) recipients: u64,
    pub(super) bytes: u64,
    pub(super) failed: u64,
    pub(super) at_night: u64,
    /// All hours of the log, judged or not.
    pub(super) hours: BTreeMap<i64, Sending>,
    pub(super) distinct: HashSet<u64>,
    pub(super) domains: BTreeMap<String, u64>,
    pub(super) programs: BTreeMap<String, u64>,
    pub(super) subjects: BTreeMap<String, u64>,
    pub(super) networks: BTreeSet<IpNet>,
    /// The networks of the day that is looked at, and the most of any day.
    networks_of_day: (i64, BTreeSet<IpNet>),
    pub(super) networks_in_a_day: u64,
}

/// What a network guessed.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    pub(super) attempts: u64,
    pub(super) addresses: BTreeSet<IpAddr>,
    pub(super) names: BTreeSet<String>,
}

/// What happened in an hour.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HourSums {
    pub(super) recipients: u64,
    pub(super) delivered: u64,
    pub(super) guesses: u64,
    pub(super) delivery_seconds: Option<f64>,
}

pub(super) type SenderKey = (SenderKind, String);

/// A message whose end has not been seen.
#[derive(Debug, Default)]
struct Message {
    sender: Option<SenderKey>,
    /// When it came in; its recipients count then.
    at: Option<Moment>,
    /// Its recipients were counted when it came in.
    is_counted: bool,
    subject: Option<String>,
    deferred: Vec<u64>,
}

#[derive(Debug)]
struct Started {
    folder: String,
    pid: Option<u32>,
    at: Moment,
}

/// Reads mail logs, line by line, and spool files.
#[derive(Debug)]
pub struct MailReader {
    pub(super) settings: MailSettings,
    pub(super) lines: Lines,
    pub(super) servers: BTreeMap<Server, ServerCounts>,
    pub(super) senders: BTreeMap<SenderKey, Sums>,
    pub(super) hours: BTreeMap<i64, HourSums>,
    pub(super) guessers: BTreeMap<Option<IpNet>, Guesses>,
    pub(super) guessed: BTreeMap<String, u64>,
    /// From where accounts were used with success, at any time.
    pub(super) homes: BTreeSet<IpNet>,
    pub(super) from_outside: u64,
    pub(super) bounces: u64,
    pub(super) in_window: u64,
    pub(super) first: Option<Moment>,
    pub(super) last: Option<Moment>,
    pub(super) left_out: BTreeMap<&'static str, (u64, u64)>,
    pub(super) is_partial: bool,
    clock: Clock,
    file: String,
    line: u64,
    messages: HashMap<(Server, String), Message>,
    /// In the order of their coming, to forget the oldest.
    order: VecDeque<(Server, String)>,
    started: VecDeque<Started>,
    sender_hours: u64,
    recipients: u64,
}

impl MailReader {
    /// Nothing read yet.
    pub fn new(settings: MailSettings) -> Self {
        Self {
            clock: Clock::new(settings.zone.clone()),
            settings,
            lines: Lines::default(),
            servers: BTreeMap::new(),
            senders: BTreeMap::new(),
            hours: BTreeMap::new(),
            guessers: BTreeMap::new(),
            guessed: BTreeMap::new(),
            homes: BTreeSet::new(),
            from_outside: 0,
            bounces: 0,
            in_window: 0,
            first: None,
            last: None,
            left_out: BTreeMap::new(),
            is_partial: false,
            file: String::new(),
            line: 0,
            messages: HashMap::new(),
            order: VecDeque::new(),
            started: VecDeque::new(),
            sender_hours: 0,
            recipients: 0,
        }
    }

    /// Another file begins; lines without a year are from `first_year` on.
    pub fn begin_file(&mut self, name: &str, first_year: i32) {
        name.clone_into(&mut self.file);
        self.line = 0;
        self.lines.files += 1;
        self.clock.begin(first_year);
    }

    /// Reads a line.
    pub fn line(&mut self, line: &[u8]) {
        self.line += 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return;
        }
        self.lines.read += 1;
        let text = String::from_utf8_lossy(line);
        let Some((stamp, server, event)) = event::read(&text) else { return self.not_understood(&text) };
        let at = self.clock.moment(&stamp);
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        self.last = Some(self.last.map_or(at, |last| last.max(at)));
        self.in_window += u64::from(self.is_judged(at));
        match (server, event) {
            (_, Event::Other) | (None, _) => self.lines.other += 1,
            (Some(server), event) => {
                self.lines.used += 1;
                self.take(server, event, at);
            }
        }
    }

    /// Reads a spool file (`-H`), or what `exim -Mvh` or `postcat` printed: the message's own fields name the program.
    pub fn spooled(&mut self, text: &[u8]) {
        self.lines.spooled += 1;
        let text = String::from_utf8_lossy(text);
        let found = super::php::spooled(&text);
        let of_log = found.id.and_then(|id| {
            let servers = [Server::Exim, Server::Postfix];
            servers.iter().find_map(|server| self.messages.get(&(*server, id.to_owned()))?.sender.clone())
        });
        let of_file = found.user.map(|user| (SenderKind::LocalUser, user.to_owned()));
        let Some(sender) = of_log.or(of_file) else { return };
        let sums = self.sums(sender);
        if let Some(program) = found.program {
            add_name(&mut sums.programs, program, 1);
        }
        if let Some(client) = found.client {
            add_network(&mut sums.networks, client);
        }
    }

    /// The run was broken off.
    pub const fn break_off(&mut self) {
        self.is_partial = true;
    }

    /// What it all comes to.
    pub fn finish(self) -> Mail {
        super::verdict::of(&self)
    }

    fn not_understood(&mut self, text: &str) {
        self.lines.not_understood += 1;
        if self.lines.samples.len() < SAMPLES_MAX {
            let text = shown(text, SAMPLE_CHARS_MAX);
            self.lines.samples.push(Sample { file: self.file.clone(), line: self.line, text });
        }
    }

    fn is_judged(&self, at: Moment) -> bool {
        self.settings.from_unix_seconds.is_none_or(|from| at.unix_seconds >= from)
            && self.settings.to_unix_seconds.is_none_or(|to| at.unix_seconds <= to)
    }

    fn take(&mut self, server: Server, event: Event<'_>, at: Moment) {
        match event {
            Event::Started { folder, pid } => self.start(folder, pid, at),
            Event::Arrived(arrival) => {
                self.add_home(address_of(&arrival.origin));
                self.arrive(server, &arrival, at);
            }
            Event::CameFrom { id, origin } => {
                let sender = sender_of(&origin);
                let address = address_of(&origin);
                self.add_home(address);
                let is_outside = matches!(origin, Origin::Remote(Some(from)) if !from.is_loopback());
                let is_new = self.message(server, id).is_none();
                let message = self.open(server, id, at);
                if message.sender.is_none() {
                    message.sender.clone_from(&sender);
                }
                self.from_outside += u64::from(is_new && is_outside && self.is_judged(at));
                if let (Some(sender), Some(address)) = (sender, address)
                    && self.is_judged(at)
                {
                    self.sums(sender).sat_at(address, at);
                }
            }
            Event::Queued { id, sender, bytes, recipients } => {
                self.queue(server, id, (sender, bytes, recipients), at);
            }
            Event::Field { id, name, value } => self.field(server, id, name, value),
            Event::Delivery { id, outcome, recipients, seconds } => {
                self.deliver(server, id, (outcome, recipients, seconds), at);
            }
            Event::Completed { id } => {
                self.count(server, at, |counts| counts.completed += 1);
                self.messages.remove(&(server, id.to_owned()));
            }
            Event::PhpMail { program, recipients } => {
                let number = addresses(recipients).filter(|one| one.contains('@')).count() as u64;
                let sender = (SenderKind::Program, program.to_owned());
                self.count(server, at, |counts| counts.arrived += 1);
                self.send(&sender, (number, 0), at);
                self.distinct(&sender, recipients, at);
            }
            Event::Guess { address, account, attempts } => self.guess(address, account, attempts, at),
            Event::Other => {}
        }
    }

    /// Exim's queue runner starts in its spool folder; that is nobody's program.
    fn start(&mut self, folder: &str, pid: Option<u32>, at: Moment) {
        if folder.starts_with("/var/spool/") || folder == "/" {
            return;
        }
        if self.started.len() >= STARTED_MAX {
            self.started.pop_front();
        }
        self.started.push_back(Started { folder: folder.to_owned(), pid, at });
    }

    /// The start that a local message belongs to: of the same process, else a recent one in a folder of that user, else
    /// the most recent one in nobody else's home.
    fn started_by(&mut self, user: &str, pid: Option<u32>, at: Moment) -> Option<String> {
        let is_recent = |started: &Started| {
            (0..=STARTED_SECONDS_MAX).contains(&(at.unix_seconds - started.at.unix_seconds))
        };
        let is_users = |started: &Started| started.folder.split('/').any(|part| part == user);
        let is_others = |started: &Started| started.folder.starts_with("/home") && !is_users(started);
        let same_process = self.started.iter().rposition(|started| {
            pid.is_some()
                && started.pid == pid
                && (0..=60).contains(&(at.unix_seconds - started.at.unix_seconds))
        });
        let found = same_process
            .or_else(|| self.started.iter().rposition(|started| is_recent(started) && is_users(started)))
            .or_else(|| self.started.iter().rposition(|started| is_recent(started) && !is_others(started)));
        self.started.remove(found?).map(|started| started.folder)
    }

    fn arrive(&mut self, server: Server, arrival: &Arrival<'_>, at: Moment) {
        self.count(server, at, |counts| counts.arrived += 1);
        let said = sender_of(&arrival.origin);
        let message = self.open(server, arrival.id, at);
        // an account that was named before this line (Sendmail's AUTH) knows better
        let sender = message.sender.clone().or(said);
        message.sender.clone_from(&sender);
        message.at = Some(at);
        message.is_counted = arrival.recipients.is_some();
        message.subject = arrival.subject.map(str::to_owned);
        let Some(sender) = sender else {
            if self.is_judged(at) {
                match arrival.origin {
                    Origin::Bounce => self.bounces += 1,
                    Origin::Remote(Some(from)) if from.is_loopback() => {}
                    _ => self.from_outside += 1,
                }
            }
            return;
        };
        let recipients = u64::from(arrival.recipients.unwrap_or(0));
        self.send(&sender, (recipients, arrival.bytes), at);
        self.distinct(&sender, arrival.list, at);
        let program = match arrival.origin {
            Origin::Local(user) => self.started_by(user, arrival.pid, at),
            _ => None,
        };
        if !self.is_judged(at) {
            return;
        }
        let address = address_of(&arrival.origin);
        let sums = self.sums(sender);
        add_domain(&mut sums.domains, arrival.sender);
        if let Some(program) = program {
            add_name(&mut sums.programs, &program, 1);
        }
        if let Some(subject) = arrival.subject {
            add_name(&mut sums.subjects, subject, recipients);
        }
        if let Some(address) = address {
            sums.sat_at(address, at);
        }
    }

    /// Postfix tells the number of recipients again at each retry; the first time counts.
    fn queue(&mut self, server: Server, id: &str, (from, bytes, recipients): (&str, u64, u32), at: Moment) {
        let message = self.open(server, id, at);
        if message.is_counted {
            return;
        }
        message.is_counted = true;
        message.at = Some(at);
        let sender = message.sender.clone();
        let subject = message.subject.clone();
        self.count(server, at, |counts| counts.arrived += 1);
        let Some(sender) = sender else {
            self.bounces += u64::from(from.is_empty() && self.is_judged(at));
            return;
        };
        self.send(&sender, (u64::from(recipients), bytes), at);
        if self.is_judged(at) {
            let sums = self.sums(sender);
            add_domain(&mut sums.domains, from);
            if let Some(subject) = subject {
                add_name(&mut sums.subjects, &subject, u64::from(recipients));
            }
        }
    }

    fn field(&mut self, server: Server, id: &str, name: &str, value: &str) {
        let Some(message) = self.messages.get_mut(&(server, id.to_owned())) else { return };
        if name.eq_ignore_ascii_case("Subject") {
            message.subject = Some(value.to_owned());
        } else if name.eq_ignore_ascii_case("X-PHP-Script")
            || name.eq_ignore_ascii_case("X-PHP-Originating-Script")
        {
            let sender = message.sender.clone();
            if let Some(sender) = sender {
                add_name(&mut self.sums(sender).programs, value, 1);
            }
        }
    }

    fn deliver(
        &mut self,
        server: Server,
        id: &str,
        (outcome, recipients, seconds): (Outcome, &str, Option<f64>),
        at: Moment,
    ) {
        self.count(server, at, |counts| match outcome {
            Outcome::Delivered => counts.delivered += 1,
            Outcome::Further => counts.further += 1,
            Outcome::Failed => counts.failed += 1,
            Outcome::Deferred => counts.deferred += 1,
        });
        // Sendmail names several in one line
        let number = addresses(recipients).count().max(1) as u64;
        if matches!(outcome, Outcome::Delivered | Outcome::Further) || seconds.is_some() {
            let hour = self.hour(at);
            if matches!(outcome, Outcome::Delivered | Outcome::Further) {
                hour.delivered += number;
            }
            if let Some(seconds) = seconds {
                *hour.delivery_seconds.get_or_insert_default() += seconds;
            }
        }
        let Some(message) = self.messages.get_mut(&(server, id.to_owned())) else { return };
        let (Some(sender), came) = (message.sender.clone(), message.at.unwrap_or(at)) else { return };
        let subject = message.subject.clone();
        let is_first = message.is_first(outcome, recipients);
        // the others were counted when the message came in
        if !message.is_counted && is_first {
            self.send_more(&sender, Sending { messages: 0, recipients: number }, came);
            if let Some(subject) = subject.filter(|_| self.is_judged(came)) {
                add_name(&mut self.sums(sender.clone()).subjects, &subject, number);
            }
        }
        self.distinct(&sender, recipients, came);
        if outcome == Outcome::Failed && self.is_judged(came) {
            self.sums(sender).failed += number;
        }
    }

    fn guess(&mut self, address: Option<IpAddr>, account: Option<&str>, attempts: u32, at: Moment) {
        let attempts = u64::from(attempts);
        self.hour(at).guesses += attempts;
        if !self.is_judged(at) {
            return;
        }
        if let Some(account) = account {
            let has_room = self.guessed.len() < GUESSED_ACCOUNTS_MAX || self.guessed.contains_key(account);
            if has_room {
                *self.guessed.entry(shown(account, NAME_CHARS_MAX)).or_default() += attempts;
            } else {
                self.leave_out("guessed names", GUESSED_ACCOUNTS_MAX as u64);
            }
        }
        let mut network = address.map(network_of);
        if self.guessers.len() >= GUESSERS_MAX && !self.guessers.contains_key(&network) {
            self.leave_out("networks that guess", GUESSERS_MAX as u64);
            network = None;
        }
        let guesses = self.guessers.entry(network).or_default();
        guesses.attempts += attempts;
        if let Some(address) = address.filter(|_| guesses.addresses.len() < GUESSED_NAMES_MAX) {
            guesses.addresses.insert(address);
        }
        if let Some(account) = account.filter(|_| guesses.names.len() < GUESSED_NAMES_MAX) {
            guesses.names.insert(shown(account, NAME_CHARS_MAX));
        }
    }

    fn add_home(&mut self, address: Option<IpAddr>) {
        if let Some(address) = address.filter(|_| self.homes.len() < GUESSERS_MAX) {
            self.homes.insert(network_of(address));
        }
    }

    /// A message of a sender, with so many recipients and bytes.
    fn send(&mut self, sender: &SenderKey, (recipients, bytes): (u64, u64), at: Moment) {
        if self.is_judged(at) {
            let sums = self.sums(sender.clone());
            sums.messages += 1;
            sums.bytes = sums.bytes.saturating_add(bytes);
        }
        self.send_more(sender, Sending { messages: 1, recipients }, at);
    }

    /// Further recipients of a message, or a new one.
    fn send_more(&mut self, sender: &SenderKey, more: Sending, at: Moment) {
        let recipients = more.recipients;
        let hour = at.local_hour();
        let is_judged = self.is_judged(at);
        let has_room = self.sender_hours < SENDER_HOURS_MAX;
        self.hour(at).recipients += recipients;
        let sums = self.sums(sender.clone());
        if is_judged {
            sums.recipients += recipients;
            sums.at_night += if hour.rem_euclid(24) < 6 { recipients } else { 0 };
        }
        let is_new = !sums.hours.contains_key(&hour);
        if !is_new || has_room {
            let sent = sums.hours.entry(hour).or_default();
            sent.messages += more.messages;
            sent.recipients += recipients;
            self.sender_hours += u64::from(is_new);
        } else {
            self.leave_out("hours of senders", SENDER_HOURS_MAX);
        }
    }

    fn distinct(&mut self, sender: &SenderKey, list: &str, at: Moment) {
        if list.is_empty() || !self.is_judged(at) {
            return;
        }
        let mut room = RECIPIENTS_MAX.saturating_sub(self.recipients);
        let mut left_out = 0;
        let sums = self.sums(sender.clone());
        let mut added = 0;
        for address in addresses(list) {
            let hash = hash(&address.to_ascii_lowercase());
            if room == 0 && !sums.distinct.contains(&hash) {
                left_out += 1;
            } else if sums.distinct.insert(hash) {
                room = room.saturating_sub(1);
                added += 1;
            }
        }
        self.recipients += added;
        if left_out > 0 {
            self.leave_out("distinct recipients", RECIPIENTS_MAX);
        }
    }

    fn sums(&mut self, sender: SenderKey) -> &mut Sums {
        let is_full = self.senders.len() >= SENDERS_MAX && !self.senders.contains_key(&sender);
        if is_full {
            self.leave_out("senders", SENDERS_MAX as u64);
            return self.senders.entry((sender.0, "(others)".to_owned())).or_default();
        }
        self.senders.entry(sender).or_default()
    }

    fn hour(&mut self, at: Moment) -> &mut HourSums {
        let mut hour = at.local_hour();
        if self.hours.len() >= HOURS_MAX && !self.hours.contains_key(&hour) {
            // the nearest that there is
            hour = self
                .hours
                .range(..hour)
                .next_back()
                .or_else(|| self.hours.iter().next())
                .map_or(hour, |h| *h.0);
        }
        self.hours.entry(hour).or_default()
    }

    fn count(&mut self, server: Server, at: Moment, add: impl FnOnce(&mut ServerCounts)) {
        if self.is_judged(at) {
            add(self.servers.entry(server).or_insert(ServerCounts {
                server,
                arrived: 0,
                delivered: 0,
                further: 0,
                failed: 0,
                deferred: 0,
                completed: 0,
            }));
        }
    }

    fn message(&self, server: Server, id: &str) -> Option<&Message> {
        self.messages.get(&(server, id.to_owned()))
    }

    fn open(&mut self, server: Server, id: &str, at: Moment) -> &mut Message {
        let key = (server, id.to_owned());
        if !self.messages.contains_key(&key) {
            while self.messages.len() >= MESSAGES_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                if self.messages.remove(&oldest).is_some() {
                    self.leave_out("messages without an end", MESSAGES_MAX as u64);
                }
            }
            // ids of messages that have ended stay in the order until they are the oldest
            if self.order.len() >= 2 * MESSAGES_MAX {
                let messages = &self.messages;
                self.order.retain(|key| messages.contains_key(key));
            }
            self.order.push_back(key.clone());
        }
        let message = self.messages.entry(key).or_default();
        message.at.get_or_insert(at);
        message
    }

    fn leave_out(&mut self, what: &'static str, bound: u64) {
        self.left_out.entry(what).or_insert((bound, 0)).1 += 1;
    }
}

impl Sums {
    /// An account was used from there.
    fn sat_at(&mut self, address: IpAddr, at: Moment) {
        add_network(&mut self.networks, address);
        let day = at.local_hour().div_euclid(24);
        if self.networks_of_day.0 != day {
            self.networks_of_day = (day, BTreeSet::new());
        }
        add_network(&mut self.networks_of_day.1, address);
        self.networks_in_a_day = self.networks_in_a_day.max(self.networks_of_day.1.len() as u64);
    }
}

impl Message {
    /// Whether these recipients are heard of for the first time: a deferred one comes again.
    fn is_first(&mut self, outcome: Outcome, recipients: &str) -> bool {
        let hash = hash(recipients.trim_end_matches(':'));
        let known = self.deferred.iter().position(|one| *one == hash);
        match (outcome, known) {
            (Outcome::Deferred, Some(_)) => false,
            (Outcome::Deferred, None) => {
                if self.deferred.len() < DEFERRED_MAX {
                    self.deferred.push(hash);
                }
                true
            }
            (_, Some(at)) => {
                self.deferred.swap_remove(at);
                false
            }
            (_, None) => true,
        }
    }
}

fn sender_of(origin: &Origin<'_>) -> Option<SenderKey> {
    match *origin {
        Origin::Local(user) => Some((SenderKind::LocalUser, shown(user, NAME_CHARS_MAX))),
        Origin::Account(account, _) => Some((SenderKind::Account, shown(account, NAME_CHARS_MAX))),
        Origin::Remote(_) | Origin::Bounce => None,
    }
}

const fn address_of(origin: &Origin<'_>) -> Option<IpAddr> {
    match *origin {
        Origin::Account(_, address) => address,
        _ => None,
    }
}

fn add_domain(domains: &mut BTreeMap<String, u64>, sender: &str) {
    if let Some((_, domain)) = sender.rsplit_once('@') {
        add_name(domains, &domain.to_ascii_lowercase(), 1);
    }
}

fn add_name(names: &mut BTreeMap<String, u64>, name: &str, by: u64) {
    let name = shown(name, NAME_CHARS_MAX);
    if names.len() < NAMES_MAX || names.contains_key(&name) {
        *names.entry(name).or_default() += by;
    }
}

fn add_network(networks: &mut BTreeSet<IpNet>, address: IpAddr) {
    if networks.len() < NAMES_MAX && !address.is_loopback() {
        networks.insert(network_of(address));
    }
}

/// Control bytes written out, and cut: a text of a log never reaches a terminal as it is.
pub(super) fn shown(text: &str, chars_max: usize) -> String {
    let mut shown = String::new();
    for (index, c) in text.chars().enumerate() {
        if index == chars_max {
            shown.push('…');
            break;
        }
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
