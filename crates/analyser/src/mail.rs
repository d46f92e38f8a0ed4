//! Mail: is somebody sending in bulk, and is that what fills the send buffers?
//!
//! ```text
//!  Exim, Postfix, Sendmail, PHP, Roundcube, Dovecot ─▶ line ─▶ Event ─▶ MailReader ─▶ Mail: verdict, senders, hours
//!  spool files, `exim -Mvh`, `postcat` ──────────────────────────────────┘
//! ```
//!
//! Counted are recipients, per sender and hour, against the same sender's usual: not lines. A log full of password
//! guessing has thousands of lines and no mail. A newsletter is as big as spam, but it comes every week.

mod dovecot;
mod event;
mod exim;
mod files;
mod moment;
mod php;
mod postfix;
mod sendmail;
mod sums;
mod usual;
mod verdict;

pub use event::Server;
pub use files::read_files;
pub use sums::MailReader;
pub use usual::{ComparedWith, Usual};

use crate::report::{Evidence, Finding};
use ipnet::IpNet;
use jiff::tz::TimeZone;
use serde::Serialize;

/// How a mail log is read.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// The zone of times that do not name one.
    pub zone: TimeZone,
    /// The moment of the run, in seconds since 1970: no line is younger, which tells the year where lines have none.
    pub now_unix_seconds: i64,
    /// Judged is what was sent from here on, in seconds since 1970; what was before says what is usual.
    pub from_unix_seconds: Option<i64>,
    /// Up to here.
    pub to_unix_seconds: Option<i64>,
}

/// What a mail log says.
#[derive(Clone, Debug, Serialize)]
pub struct Mail {
    /// In a word.
    pub verdict: MailVerdict,
    /// In a sentence.
    pub sentence: String,
    /// The run was broken off: the numbers are of a part only.
    pub is_partial: bool,
    /// The time that was looked at.
    pub window: Window,
    /// What was read.
    pub lines: Lines,
    /// Lines by kind, per server, in the window.
    pub servers: Vec<ServerCounts>,
    /// What was sent from here, in the window.
    pub sent: Sent,
    /// Who sent, those with most recipients in an hour first.
    pub senders: Vec<Sender>,
    /// Senders that are not listed.
    pub senders_left_out: u64,
    /// Who guesses passwords, those with most attempts first.
    pub guessing: Vec<Guessing>,
    /// Wrong passwords in the window.
    pub guesses: u64,
    /// Hour by hour, in the log's local time, at most [`HOURS_LISTED_MAX`]: the last ones.
    pub hours: Vec<Hour>,
    /// Bounds that were reached: what was left out, and how often.
    pub bounds_reached: Vec<BoundReached>,
    /// What it rests on, the strongest first.
    pub evidence: Vec<Evidence>,
    /// Senders and guessers that should be dealt with.
    #[serde(skip)]
    findings: Vec<Finding>,
}

/// Hours that are listed: five weeks.
pub const HOURS_LISTED_MAX: usize = 840;

/// Senders, programs, networks that are listed.
pub const LISTED_MAX: usize = 50;

/// What mail comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailVerdict {
    /// Somebody sends far more than usual.
    Accused,
    /// Nobody does, but somebody guesses passwords.
    PasswordGuessing,
    /// What was sent is usual, or nothing was.
    Cleared,
    /// There is nothing to look at, or nothing to compare with.
    CannotTell,
}

/// The time that was looked at, as the log's clock showed it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Window {
    /// The first line's time.
    pub log_from: Option<String>,
    /// The last line's.
    pub log_to: Option<String>,
    /// Where judging begins, if that was asked for.
    pub from: Option<String>,
    /// Where it ends.
    pub to: Option<String>,
    /// Lines in it.
    pub lines: u64,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lines {
    /// Files.
    pub files: u64,
    /// Lines.
    pub read: u64,
    /// Lines that say something of a message or a password.
    pub used: u64,
    /// Lines that say something else.
    pub other: u64,
    /// Lines that are none of a mail log, or break the form of theirs.
    pub not_understood: u64,
    /// The first of them, escaped and cut.
    pub samples: Vec<Sample>,
    /// Spool files and message heads.
    pub spooled: u64,
    /// Files that could not be read to their end, and why.
    pub problems: Vec<String>,
}

/// A line that was not understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// The file.
    pub file: String,
    /// Its line, from 1.
    pub line: u64,
    /// The line, escaped and cut.
    pub text: String,
}

/// Lines by kind. For Exim these are its signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ServerCounts {
    /// Whose.
    pub server: Server,
    /// Messages that came in: `<=`; Postfix's first `nrcpt=` of a message.
    pub arrived: u64,
    /// `=>`, `status=sent`, `stat=Sent`.
    pub delivered: u64,
    /// `->`.
    pub further: u64,
    /// `**`, `status=bounced`.
    pub failed: u64,
    /// `==`, `status=deferred`.
    pub deferred: u64,
    /// `Completed`, `removed`.
    pub completed: u64,
}

/// What was sent from here: by local programs and by those who gave a password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Sent {
    /// Messages.
    pub messages: u64,
    /// Recipients.
    pub recipients: u64,
    /// The most recipients of all senders in an hour.
    pub recipients_in_peak_hour: u64,
    /// The most connections at once on average of an hour, by the times that deliveries took; `None` where no line
    /// says how long they took.
    pub connections_in_peak_hour: Option<f64>,
    /// Messages of other machines without a password: incoming, or relayed.
    pub from_outside: u64,
    /// Bounces that this server made.
    pub bounces: u64,
}

/// By what a sender is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SenderKind {
    /// A user of this machine, by name or number: its programs send.
    LocalUser,
    /// An account that gave a password.
    Account,
    /// A program, by file and line.
    Program,
}

/// Who sent.
#[derive(Clone, Debug, Serialize)]
pub struct Sender {
    /// By what it is known.
    pub kind: SenderKind,
    /// Its name.
    pub name: String,
    /// Messages.
    pub messages: u64,
    /// Recipients.
    pub recipients: u64,
    /// Distinct recipients; at least so many where a bound was reached.
    pub distinct_recipients: u64,
    /// Bytes of its messages.
    pub bytes: u64,
    /// Recipients that refused its mail for ever.
    pub failed: u64,
    /// Its hour with most recipients, against its usual.
    pub peak: Usual,
    /// Recipients between midnight and six, local time.
    pub at_night: u64,
    /// Domains that it wrote as sender, those with most messages first.
    pub sender_domains: Vec<Named>,
    /// Where it sat, for accounts.
    pub networks: Vec<IpNet>,
    /// Programs and folders that the mail came from.
    pub programs: Vec<Named>,
    /// Subjects, those with most recipients first.
    pub subjects: Vec<Named>,
    /// Times that somebody guessed the password of this account.
    pub guessed: u64,
    /// What is odd about it, in clauses.
    pub tells: Vec<String>,
    /// Whether it is accused.
    pub is_accused: bool,
}

/// A name and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Named {
    /// Escaped and cut.
    pub name: String,
    /// How often.
    pub count: u64,
}

/// Somebody who guesses passwords.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Guessing {
    /// From this /24 or /48; `None` where the log does not say.
    pub network: Option<IpNet>,
    /// How often.
    pub attempts: u64,
    /// From how many addresses.
    pub addresses: u64,
    /// How many distinct names were tried.
    pub names: u64,
    /// Some of them.
    pub some_names: Vec<String>,
    /// Accounts were used with success from there as well: a customer who forgot a password, or a guess that hit.
    pub is_home: bool,
}

/// An hour of the log.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hour {
    /// Its begin, local time.
    pub hour: String,
    /// Recipients of what was sent from here.
    pub recipients: u64,
    /// Recipients that mail was delivered to, of any sender.
    pub delivered: u64,
    /// Wrong passwords.
    pub guesses: u64,
    /// Connections at once, on average, by the times that deliveries took.
    pub connections: Option<f64>,
}

/// A bound that was reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BoundReached {
    /// What is bounded.
    pub what: &'static str,
    /// How many may be kept.
    pub bound: u64,
    /// How often something was left out.
    pub left_out: u64,
}

impl Mail {
    /// Senders that should be stopped and guessers that should be shut out.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}
