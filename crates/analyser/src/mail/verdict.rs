//! From sums to a verdict, with what it rests on.

use super::moment::{Moment, hour_text, seconds_text};
use super::sums::{Guesses, MailReader, NAMES_MAX, SenderKey, Sums};
use super::usual::{ComparedWith, usual};
use super::{
    BoundReached, Guessing, HOURS_LISTED_MAX, Hour, LISTED_MAX, Mail, MailVerdict, Named, Sender, SenderKind,
    Sent, ServerCounts, Window,
};
use crate::human::{self, things};
use crate::report::{Confidence, Counted, Evidence, Finding, Traits, Verdict};
use ipnet::IpNet;
use std::collections::BTreeMap;

/// Fewer recipients in an hour are nobody's burst, however rarely a sender writes.
const ACCUSED_RECIPIENTS_MIN: u64 = 30;
/// From so many times the usual on.
const ACCUSED_TIMES_USUAL: f64 = 10.0;
/// Fewer messages in an hour are a person with a long list, unless the list is very long.
const ACCUSED_MESSAGES_MIN: u64 = 10;
const LONG_LIST: u64 = 500;
/// Without a usual: from so many recipients in an hour on, and only with something odd besides.
const ACCUSED_WITHOUT_USUAL_MIN: u64 = 100;
/// Wrong passwords that are guessing, of all or of one network.
const GUESSES_MIN: u64 = 50;
const GUESSES_OF_ONE_MIN: u64 = 20;
/// An office whose accounts work may mistake the passwords of so many.
const HOME_NAMES_MAX: u64 = 10;

struct Judged {
    sender: Sender,
    confidence: Option<Confidence>,
}

pub(super) fn of(reader: &MailReader) -> Mail {
    let mut judged: Vec<Judged> = reader.senders.iter().map(|(key, sums)| judge(reader, key, sums)).collect();
    judged.sort_by(|a, b| {
        let rank = |one: &Judged| (one.confidence, one.sender.peak.recipients, one.sender.recipients);
        rank(b).cmp(&rank(a))
    });
    let guessing = guessing(reader);
    let guesses: u64 = reader.guessers.values().map(|guesses| guesses.attempts).sum();
    let strangers: u64 = reader
        .guessers
        .iter()
        .filter(|(network, guesses)| {
            let is_home = network.is_some_and(|network| reader.homes.contains(&network));
            !is_home || guesses.names.len() as u64 > HOME_NAMES_MAX
        })
        .map(|(_, guesses)| guesses.attempts)
        .sum();
    let is_many = |one: &Guessing| one.attempts >= GUESSES_OF_ONE_MIN;
    let is_guessed = strangers >= GUESSES_MIN || guessing.iter().any(|one| one.is_guesser() && is_many(one));
    let mut findings: Vec<Finding> = judged.iter().take(LISTED_MAX).filter_map(rogue).collect();
    if let Some(first) = guessing.first().filter(|first| is_guessed || is_many(first)) {
        findings.push(guesser(first, guesses));
    }
    let sent = sent(reader);
    let has_unjudged = judged.iter().any(is_unjudged);
    let is_rogue =
        |finding: &Finding| finding.verdict == Verdict::RogueMail && finding.confidence > Confidence::Low;
    let verdict = if findings.iter().any(is_rogue) {
        MailVerdict::Accused
    } else if reader.in_window == 0 || reader.lines.used == 0 || has_unjudged {
        MailVerdict::CannotTell
    } else if is_guessed {
        MailVerdict::PasswordGuessing
    } else {
        MailVerdict::Cleared
    };
    let senders_left_out = judged.len().saturating_sub(LISTED_MAX) as u64;
    let senders: Vec<Sender> = judged.into_iter().take(LISTED_MAX).map(|one| one.sender).collect();
    let mut mail = Mail {
        verdict,
        sentence: String::new(),
        is_partial: reader.is_partial,
        window: window(reader),
        lines: reader.lines.clone(),
        servers: reader.servers.values().copied().collect::<Vec<ServerCounts>>(),
        sent,
        senders,
        senders_left_out,
        guessing,
        guesses,
        hours: hours(reader),
        bounds_reached: reader
            .left_out
            .iter()
            .map(|(what, (bound, left_out))| BoundReached { what, bound: *bound, left_out: *left_out })
            .collect(),
        evidence: Vec::new(),
        findings,
    };
    mail.sentence = mail.sentence_of();
    mail.evidence = mail.evidence_of();
    mail
}

/// Many recipients, and nothing to hold them against.
fn is_unjudged(one: &Judged) -> bool {
    one.confidence.is_none_or(|confidence| confidence == Confidence::Low)
        && one.sender.peak.recipients >= ACCUSED_WITHOUT_USUAL_MIN
        && one.sender.peak.usual.is_none()
        && one.sender.peak.days_like_it == 0
}

fn judge(reader: &MailReader, (kind, name): &SenderKey, sums: &Sums) -> Judged {
    let settings = &reader.settings;
    let zone = |hour: i64| {
        // hours are kept in local time: the window is moved there by what the log's own lines say
        let offset = reader.last.map_or(0, |last| last.local_seconds - last.unix_seconds);
        let begin = hour * 3600 - offset;
        settings.from_unix_seconds.is_none_or(|from| begin + 3600 > from)
            && settings.to_unix_seconds.is_none_or(|to| begin <= to)
    };
    let peak = usual(&sums.hours, zone);
    let guessed =
        if *kind == SenderKind::Account { reader.guessed.get(name).copied().unwrap_or(0) } else { 0 };
    let mut sender = Sender {
        kind: *kind,
        name: name.clone(),
        messages: sums.messages,
        recipients: sums.recipients,
        distinct_recipients: sums.distinct.len() as u64,
        bytes: sums.bytes,
        failed: sums.failed,
        peak,
        at_night: sums.at_night,
        sender_domains: named(&sums.domains),
        networks: sums.networks.iter().copied().collect(),
        programs: named(&sums.programs),
        subjects: named(&sums.subjects),
        guessed,
        tells: Vec::new(),
        is_accused: false,
    };
    sender.tells = tells(&sender, sums);
    let confidence = accused(&sender);
    sender.is_accused = confidence.is_some();
    Judged { sender, confidence }
}

/// What is odd about a sender, whatever its numbers.
fn tells(sender: &Sender, sums: &Sums) -> Vec<String> {
    let mut tells = Vec::new();
    let recipients = sender.recipients.max(1);
    if sender.failed >= 10 && sender.failed * 10 >= recipients {
        tells.push(format!(
            "{} of its recipients refused for ever",
            human::percent(sender.failed, recipients)
        ));
    }
    if sums.domains.len() >= 5 {
        let many = if sums.domains.len() >= NAMES_MAX { "at least " } else { "" };
        tells.push(format!("it wrote as sender of {many}{} domains", sums.domains.len()));
    }
    if sums.networks_in_a_day >= 5 {
        tells.push(format!("it logged in from {} networks on one day", sums.networks_in_a_day));
    }
    if let Some(first) = sender.subjects.first().filter(|first| first.count >= 50) {
        tells.push(format!("one subject went to {} recipients: {}", human::count(first.count), first.name));
    }
    if sender.at_night >= 50 && sender.at_night * 2 >= recipients {
        tells.push(format!(
            "{} of it went out between midnight and six",
            human::percent(sender.at_night, recipients)
        ));
    }
    if sender.guessed >= 5 {
        tells.push(format!("its password was guessed {} times", human::count(sender.guessed)));
    }
    tells
}

/// Whether and how surely a sender is accused.
fn accused(sender: &Sender) -> Option<Confidence> {
    let peak = &sender.peak;
    let odd = sender.tells.len();
    let is_little = peak.recipients < ACCUSED_RECIPIENTS_MIN;
    if is_little || (peak.messages < ACCUSED_MESSAGES_MIN && peak.recipients < LONG_LIST) {
        return None;
    }
    // it has sent that many before: a newsletter, unless the rest of it is odd as well
    if peak.days_like_it > 0 {
        return (odd >= 3).then_some(Confidence::Low);
    }
    match peak.times_usual {
        Some(times) if times >= ACCUSED_TIMES_USUAL => {
            Some(if odd > 0 || times >= 10.0 * ACCUSED_TIMES_USUAL {
                Confidence::High
            } else {
                Confidence::Medium
            })
        }
        None if peak.recipients >= ACCUSED_WITHOUT_USUAL_MIN && odd > 0 => {
            Some(if odd >= 2 { Confidence::Medium } else { Confidence::Low })
        }
        _ => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "evidence is for people")]
fn evidence(what: &'static str, value: u64, text: String) -> Evidence {
    Evidence { what, value: Some(value as f64), text }
}

fn named_by(sender: &Sender) -> String {
    match sender.kind {
        SenderKind::LocalUser if sender.name.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("the local user with number {}", sender.name)
        }
        SenderKind::LocalUser => format!("the local user {}", sender.name),
        SenderKind::Account => format!("the account {}", sender.name),
        SenderKind::Program => format!("the program {}", sender.name),
    }
}

/// What a sender did in its worst hour, and what that is against its usual.
fn burst(sender: &Sender) -> String {
    let peak = &sender.peak;
    let of = match peak.compared_with {
        ComparedWith::Days => format!("the peak hours of {} other days", peak.compared),
        ComparedWith::Hours => format!("its {} other hours; the log is too short for days", peak.compared),
        ComparedWith::Nothing => String::new(),
    };
    let against = match (peak.usual, peak.times_usual) {
        (Some(usual), Some(times)) => format!("{times:.0} times its usual {usual:.0} ({of})"),
        _ => "with too little else of it in the log to say what is usual".to_owned(),
    };
    format!(
        "{} sent to {} in the hour of {}, {against}",
        named_by(sender),
        things(peak.recipients, "recipient"),
        peak.hour.as_deref().unwrap_or("?"),
    )
}

fn rogue(one: &Judged) -> Option<Finding> {
    let confidence = one.confidence?;
    let sender = &one.sender;
    let mut facts = vec![evidence("recipients_in_hour", sender.peak.recipients, burst(sender))];
    if let Some(program) = sender.programs.first() {
        let text = format!("its mail came from {} ({})", program.name, things(program.count, "message"));
        facts.push(evidence("program", program.count, text));
    }
    facts.extend(sender.tells.iter().map(|tell| Evidence { what: "tell", value: None, text: tell.clone() }));
    let text = format!(
        "{} to {} ({} distinct) in all",
        things(sender.messages, "message"),
        things(sender.recipients, "recipient"),
        human::count(sender.distinct_recipients)
    );
    facts.push(evidence("recipients", sender.recipients, text));
    let counter_check = if sender.peak.days_like_it > 0 {
        "it has sent as many before: a newsletter? Ask its owner".to_owned()
    } else {
        "no earlier day of the log has a peak of a third of this size; a first newsletter or a move of addresses \
         would look alike: read one of the messages"
            .to_owned()
    };
    let networks = if sender.kind == SenderKind::Account { sender.networks.clone() } else { Vec::new() };
    Some(Finding {
        verdict: Verdict::RogueMail,
        subject: named_by(sender),
        confidence,
        evidence: facts,
        counter_check,
        counted: Counted {
            requests: sender.messages,
            bytes: sender.bytes,
            clients: sender.networks.len() as u64,
        },
        traits: Traits { networks, ..Traits::default() },
    })
}

fn guesser(first: &Guessing, all: u64) -> Finding {
    let who =
        first.network.map_or_else(|| "somewhere that the log does not say".to_owned(), |n| n.to_string());
    let text = format!(
        "{} wrong passwords from {who}, {}, for {}",
        human::count(first.attempts),
        things(first.addresses, "address"),
        things(first.names, "name")
    );
    let mut facts = vec![evidence("wrong_passwords", first.attempts, text)];
    if all > first.attempts {
        facts.push(evidence(
            "wrong_passwords_in_all",
            all,
            format!("{} wrong passwords in all", human::count(all)),
        ));
    }
    Finding {
        verdict: Verdict::PasswordGuessing,
        subject: who,
        confidence: match first.names {
            _ if !first.is_guesser() => Confidence::Low,
            3.. => Confidence::High,
            _ if first.attempts >= 1000 => Confidence::High,
            _ => Confidence::Medium,
        },
        evidence: facts,
        counter_check: match first.names {
            _ if first.is_home => {
                "accounts are used with success from there as well: a customer with a wrong \
                                   password, or a guess that hit"
                    .to_owned()
            }
            0 | 1 => "only one name: perhaps a program of its owner with an old password".to_owned(),
            _ => "a login with success from there would make it worse, or a customer behind it".to_owned(),
        },
        counted: Counted { requests: first.attempts, bytes: 0, clients: first.addresses },
        traits: Traits { networks: first.network.into_iter().collect(), ..Traits::default() },
    }
}

fn guessing(reader: &MailReader) -> Vec<Guessing> {
    let of = |(network, guesses): (&Option<IpNet>, &Guesses)| Guessing {
        network: *network,
        attempts: guesses.attempts,
        addresses: guesses.addresses.len() as u64,
        names: guesses.names.len() as u64,
        some_names: guesses.names.iter().take(5).cloned().collect(),
        is_home: network.is_some_and(|network| reader.homes.contains(&network)),
    };
    let mut all: Vec<Guessing> = reader.guessers.iter().map(of).collect();
    all.sort_by_key(|one| std::cmp::Reverse((one.is_guesser(), one.attempts)));
    all.truncate(LISTED_MAX);
    all
}

impl Guessing {
    /// Whether it is no customer who forgot a password.
    fn is_guesser(&self) -> bool {
        !self.is_home || self.names > HOME_NAMES_MAX
    }
}

fn named(names: &BTreeMap<String, u64>) -> Vec<Named> {
    let mut all: Vec<Named> =
        names.iter().map(|(name, count)| Named { name: name.clone(), count: *count }).collect();
    all.sort_by_key(|one| std::cmp::Reverse(one.count));
    all.truncate(10);
    all
}

fn sent(reader: &MailReader) -> Sent {
    let senders = reader.senders.values();
    let connections = |seconds: f64| seconds / 3600.0;
    let in_window = hours_in_window(reader);
    Sent {
        messages: senders.clone().map(|sums| sums.messages).sum(),
        recipients: senders.map(|sums| sums.recipients).sum(),
        recipients_in_peak_hour: in_window.clone().map(|(_, sums)| sums.recipients).max().unwrap_or(0),
        connections_in_peak_hour: in_window
            .filter_map(|(_, sums)| sums.delivery_seconds)
            .max_by(f64::total_cmp)
            .map(connections),
        from_outside: reader.from_outside,
        bounces: reader.bounces,
    }
}

fn hours_in_window(reader: &MailReader) -> impl Iterator<Item = (i64, super::sums::HourSums)> + Clone {
    let offset = reader.last.map_or(0, |last| last.local_seconds - last.unix_seconds);
    let (from, to) = (reader.settings.from_unix_seconds, reader.settings.to_unix_seconds);
    let is_in = move |hour: i64| {
        let begin = hour * 3600 - offset;
        from.is_none_or(|from| begin + 3600 > from) && to.is_none_or(|to| begin <= to)
    };
    reader.hours.iter().map(|(hour, sums)| (*hour, *sums)).filter(move |(hour, _)| is_in(*hour))
}

fn hours(reader: &MailReader) -> Vec<Hour> {
    let skipped = reader.hours.len().saturating_sub(HOURS_LISTED_MAX);
    let of = |(hour, sums): (&i64, &super::sums::HourSums)| Hour {
        hour: hour_text(*hour),
        recipients: sums.recipients,
        delivered: sums.delivered,
        guesses: sums.guesses,
        connections: sums.delivery_seconds.map(|seconds| seconds / 3600.0),
    };
    reader.hours.iter().skip(skipped).map(of).collect()
}

fn window(reader: &MailReader) -> Window {
    let offset = reader.last.map_or(0, |last| last.local_seconds - last.unix_seconds);
    let text = |moment: Option<Moment>| moment.map(|moment| seconds_text(moment.local_seconds));
    let asked = |unix: Option<i64>| unix.map(|unix| seconds_text(unix.saturating_add(offset)));
    Window {
        log_from: text(reader.first),
        log_to: text(reader.last),
        from: asked(reader.settings.from_unix_seconds),
        to: asked(reader.settings.to_unix_seconds),
        lines: reader.in_window,
    }
}

impl Mail {
    fn span(&self) -> String {
        let from = self.window.from.as_ref().or(self.window.log_from.as_ref());
        let to = self.window.to.as_ref().or(self.window.log_to.as_ref());
        match (from, to) {
            (Some(from), Some(to)) => format!("from {from} to {to}"),
            _ => "in it".to_owned(),
        }
    }

    fn sent_in_short(&self) -> String {
        let sent = &self.sent;
        if sent.messages == 0 {
            return format!("nothing was sent from here {}", self.span());
        }
        format!(
            "{} to {} left from here {}, at most {} in an hour",
            things(sent.messages, "message"),
            things(sent.recipients, "recipient"),
            self.span(),
            things(sent.recipients_in_peak_hour, "recipient")
        )
    }

    fn sentence_of(&self) -> String {
        let first = self.senders.first();
        match self.verdict {
            MailVerdict::Accused => {
                let first = first.map(burst).unwrap_or_default();
                let from = self.senders.first().and_then(|sender| sender.programs.first());
                let from =
                    from.map_or_else(String::new, |program| format!("; it came from {}", program.name));
                format!("mail is suspect: {first}{from}")
            }
            MailVerdict::PasswordGuessing => {
                let who = self.guessing.first().and_then(|first| first.network);
                let who = who.map_or_else(|| "somewhere".to_owned(), |network| network.to_string());
                let attempts = self.guessing.first().map_or(0, |first| first.attempts);
                format!(
                    "mail is not the cause; somebody is guessing passwords from {who} ({} of {} attempts); {}",
                    human::count(attempts),
                    human::count(self.guesses),
                    self.sent_in_short()
                )
            }
            MailVerdict::Cleared => format!("mail is not the cause: {}", self.sent_in_short()),
            MailVerdict::CannotTell if self.lines.read == 0 => "there is no mail log to look at".to_owned(),
            MailVerdict::CannotTell if self.lines.used == 0 => {
                format!("cannot tell: none of {} lines says anything of mail", human::count(self.lines.read))
            }
            MailVerdict::CannotTell if self.window.lines == 0 => format!(
                "cannot tell: no line of the log is {}; it goes from {} to {}",
                self.span(),
                self.window.log_from.as_deref().unwrap_or("?"),
                self.window.log_to.as_deref().unwrap_or("?")
            ),
            MailVerdict::CannotTell => {
                let unjudged = self.senders.iter().filter(|sender| sender.peak.usual.is_none());
                let first = unjudged.max_by_key(|sender| sender.peak.recipients);
                let tell = first.and_then(|sender| sender.tells.first());
                let tell = tell.map_or_else(String::new, |tell| format!("; {tell}"));
                format!("cannot tell whether it is usual: {}{tell}", first.map(burst).unwrap_or_default())
            }
        }
    }

    fn evidence_of(&self) -> Vec<Evidence> {
        let mut found: Vec<Evidence> =
            self.findings.iter().flat_map(|finding| finding.evidence.iter().cloned()).collect();
        found.push(evidence("recipients", self.sent.recipients, self.sent_in_short()));
        if let Some(connections) = self.sent.connections_in_peak_hour {
            let busy =
                if connections < 0.1 { "less than 0.1".to_owned() } else { format!("{connections:.1}") };
            let text = format!(
                "deliveries kept {busy} connections busy at once on average in the busiest hour; filling send buffers \
                 takes dozens"
            );
            found.push(Evidence { what: "mail_connections", value: Some(connections), text });
        }
        let text = format!(
            "{} lines read, {} of them about mail or passwords, {} about something else, {} not understood",
            human::count(self.lines.read),
            human::count(self.lines.used),
            human::count(self.lines.other),
            human::count(self.lines.not_understood)
        );
        found.push(evidence("lines", self.lines.read, text));
        found
    }
}
