//! What a line of a mail log says, whoever wrote it.

use super::moment::{self, Stamp, Style};
use super::{dovecot, exim, php, postfix, sendmail};
use serde::Serialize;
use std::net::IpAddr;

/// Who wrote a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Server {
    /// Exim's main log.
    Exim,
    /// Postfix.
    Postfix,
    /// Sendmail.
    Sendmail,
    /// PHP's `mail.log`.
    Php,
    /// Roundcube, a mail program in the browser.
    Roundcube,
    /// Dovecot and `saslauthd`, which check passwords.
    Dovecot,
}

/// What became of a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Delivered: `=>`, `status=sent`.
    Delivered,
    /// A further address in the same delivery: Exim's `->`.
    Further,
    /// Refused for ever: `**`, `status=bounced`.
    Failed,
    /// To be tried again: `==`, `status=deferred`.
    Deferred,
}

/// How a message came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin<'a> {
    /// From a program on this machine, of that user.
    Local(&'a str),
    /// From somebody who gave a password.
    Account(&'a str, Option<IpAddr>),
    /// From another machine without one.
    Remote(Option<IpAddr>),
    /// Made by the mail server itself: a bounce.
    Bounce,
}

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Event<'a> {
    /// Exim was started by a program in that folder (`cwd=`).
    Started { folder: &'a str, pid: Option<u32> },
    /// A message came in.
    Arrived(Arrival<'a>),
    /// Who it came from; the rest follows in other lines (Postfix).
    CameFrom { id: &'a str, origin: Origin<'a> },
    /// How many it goes to; told again at each retry (Postfix).
    Queued { id: &'a str, sender: &'a str, bytes: u64, recipients: u32 },
    /// A field of its head that the server was told to log.
    Field { id: &'a str, name: &'a str, value: &'a str },
    /// What became of a recipient, or of several. `seconds`: connected and sending.
    Delivery { id: &'a str, outcome: Outcome, recipients: &'a str, seconds: Option<f64> },
    /// Nothing is left to do for it.
    Completed { id: &'a str },
    /// A program in PHP called `mail()`.
    PhpMail { program: &'a str, recipients: &'a str },
    /// Wrong passwords.
    Guess { address: Option<IpAddr>, account: Option<&'a str>, attempts: u32 },
    /// Nothing that matters here.
    Other,
}

/// A message that came in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Arrival<'a> {
    pub(super) id: &'a str,
    pub(super) origin: Origin<'a>,
    pub(super) sender: &'a str,
    pub(super) bytes: u64,
    pub(super) subject: Option<&'a str>,
    /// How many, where the line says so.
    pub(super) recipients: Option<u32>,
    /// Which, where it says so; separated by blanks or commas.
    pub(super) list: &'a str,
    pub(super) pid: Option<u32>,
}

/// Reads a line. `None` if it is none of a mail log.
pub(super) fn read(line: &str) -> Option<(Stamp<'_>, Option<Server>, Event<'_>)> {
    let (stamp, rest) = moment::read(line)?;
    let (server, event) = match stamp.style {
        Style::Exim => (Some(Server::Exim), exim::read(rest)?),
        Style::Php => php::read(rest),
        Style::Syslog | Style::Iso => syslog(rest)?,
    };
    Some((stamp, server, event))
}

/// `host program[pid]: text`
fn syslog(text: &str) -> Option<(Option<Server>, Event<'_>)> {
    let (_host, rest) = text.split_once(' ')?;
    let (program, message) = rest.split_once(": ").or_else(|| rest.strip_suffix(':').map(|p| (p, "")))?;
    let name = program.split_once('[').map_or(program, |(name, _)| name);
    if name.contains(' ') {
        // "last message repeated 3 times: [...]" and the kernel's talk
        return Some((None, Event::Other));
    }
    if name.starts_with("postfix") {
        let daemon = name.rsplit_once('/').map_or(name, |(_, daemon)| daemon);
        return Some((Some(Server::Postfix), postfix::read(daemon, message)?));
    }
    Some(match name {
        "exim" | "exim4" => {
            // with syslog_timestamp, Exim writes its own time as well
            let message = moment::read(message).map_or(message, |(_, rest)| rest);
            (Some(Server::Exim), exim::read(message)?)
        }
        "sendmail" | "sm-mta" | "sm-msp-queue" | "sm-que" | "sendmail-mta" => {
            (Some(Server::Sendmail), sendmail::read(message)?)
        }
        "dovecot" => (Some(Server::Dovecot), dovecot::read(message)),
        "saslauthd" => (Some(Server::Dovecot), dovecot::saslauthd(message)),
        "php" | "php-fpm" | "apache2" | "httpd" if message.starts_with("mail() on [") => php::read(message),
        _ => (None, Event::Other),
    })
}

/// The text after `name` up to one of `ends`, or to the end.
pub(super) fn after<'a>(text: &'a str, name: &str, ends: &[char]) -> Option<&'a str> {
    let (_, rest) = text.split_once(name)?;
    Some(rest.split(ends).next().unwrap_or(rest))
}

/// An address in brackets: `host[192.0.2.1]`, `[2001:db8::1]:443`. The first that is one.
pub(super) fn bracketed_address(text: &str) -> Option<IpAddr> {
    let mut rest = text;
    while let Some((_, inside)) = rest.split_once('[') {
        let (candidate, more) = inside.split_once(']')?;
        let candidate = candidate.strip_prefix("IPv6:").unwrap_or(candidate);
        if let Ok(address) = candidate.parse::<IpAddr>() {
            return Some(address.to_canonical());
        }
        rest = more;
    }
    None
}

/// How many addresses a list names.
pub(super) fn addresses(list: &str) -> impl Iterator<Item = &str> {
    list.split([',', ' ', '\t']).map(|one| one.trim_matches(['<', '>', ';'])).filter(|one| !one.is_empty())
}
