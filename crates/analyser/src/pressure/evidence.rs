//! From numbers to a verdict, with what it rests on.

use super::{Container, Count, Pressure, PressureVerdict, Reading, Resource, SourceState, Speaks, Zone};
use crate::human;
use crate::report::Evidence;

#[expect(clippy::cast_precision_loss, reason = "evidence is for people")]
fn evidence(what: &'static str, value: u64, text: String) -> Evidence {
    Evidence { what, value: Some(value as f64), text }
}

/// Which resources are memory for sending.
fn is_sending(resource: &Resource) -> bool {
    matches!(resource.name.as_str(), "tcpsndbuf" | "othersockbuf" | "numtcpsock")
}

fn growth(resource: &Resource) -> u64 {
    resource.change.as_ref().map_or(0, |change| change.by)
}

/// All resources of all containers that are picked, the greatest first.
fn rows(pressure: &Pressure, value: fn(&Resource) -> u64) -> Vec<(&Container, &Resource)> {
    let all = pressure.containers.iter();
    let mut rows: Vec<_> =
        all.flat_map(|container| container.resources.iter().map(move |row| (container, row))).collect();
    rows.retain(|(_, row)| value(row) > 0);
    rows.sort_by_key(|(_, row)| std::cmp::Reverse((row.name == "tcpsndbuf", is_sending(row), value(row))));
    rows
}

fn grown(count: &Count) -> Option<&str> {
    count.change.as_ref().filter(|change| change.by > 0).map(|change| change.text.as_str())
}

impl Pressure {
    /// Fills in verdict, sentence and evidence.
    pub(super) fn judge(&mut self, before: Option<&Reading>, after: &Reading) {
        let mut found = Vec::new();
        self.failures(&mut found);
        let failing = found.len();
        self.held(&mut found);
        let tight = found.len() > failing;
        self.past(&mut found);
        self.circumstances(&mut found, before, after);
        self.verdict = self.verdict_of(tight);
        self.is_failing_now = match self.verdict {
            PressureVerdict::Failing => Some(true),
            PressureVerdict::NotFailing
            | PressureVerdict::FailingElsewhere
            | PressureVerdict::NeverFailed => Some(false),
            PressureVerdict::Tight if self.has_two_readings => Some(false),
            _ => None,
        };
        self.evidence = found;
        self.sentence = self.sentence_of();
    }

    /// What was refused between the readings.
    fn failures(&self, found: &mut Vec<Evidence>) {
        for (container, row) in rows(self, growth) {
            let change = row.change.as_ref().map_or("", |change| change.text.as_str());
            let text = format!("{}: {} was refused {change}", container.name, row.name);
            found.push(evidence("refused_since", growth(row), text));
        }
        for group in &self.groups {
            if let Some(change) = group.refused.as_ref().filter(|change| change.by > 0) {
                let text = format!(
                    "control group {}: memory for TCP was refused {}",
                    group.group.path.escape_default(),
                    change.text
                );
                found.push(evidence("refused_since", change.by, text));
            }
        }
        for count in self.counters.iter().filter(|count| count.speaks == Speaks::TcpMemory) {
            if let Some(change) = grown(count) {
                let by = count.change.as_ref().map_or(0, |change| change.by);
                found.push(evidence(
                    "counter_grew",
                    by,
                    format!("{} {change}: {}", count.name, count.meaning),
                ));
            }
        }
    }

    /// What is held beyond a line for sending now.
    fn held(&self, found: &mut Vec<Evidence>) {
        self.zones(found, is_sending);
        if let Some(tcp) = &self.tcp
            && let Some(pressure) = tcp.pressure_bytes.filter(|line| tcp.held_bytes > *line)
        {
            let text = format!(
                "TCP holds {} on this machine, over the pressure line of {} (tcp_mem)",
                human::bytes(tcp.held_bytes),
                human::bytes(pressure)
            );
            found.push(evidence("tcp_memory", tcp.held_bytes, text));
        }
    }

    /// Resources in the yellow and red zones.
    fn zones(&self, found: &mut Vec<Evidence>, is_wanted: impl Fn(&Resource) -> bool) {
        for container in &self.containers {
            for row in container.resources.iter().filter(|row| is_wanted(row)) {
                let (zone, how) = match row.zone {
                    Some(Zone::Red) => ("red", "over its barrier of"),
                    Some(Zone::Yellow) => ("yellow", "over nine tenths of its barrier of"),
                    _ => continue,
                };
                let text = format!(
                    "{}: {} is in the {zone} zone: {} held, {how} {}",
                    container.name,
                    row.name,
                    human::count(row.held),
                    human::count(row.barrier.unwrap_or(0))
                );
                found.push(evidence("zone", row.held, text));
            }
        }
    }

    /// What was refused at some time.
    fn past(&self, found: &mut Vec<Evidence>) {
        for (container, row) in rows(self, |row| if growth(row) == 0 { row.failcnt } else { 0 }) {
            let when = match &row.change {
                Some(change) => format!("{} now", change.text),
                None => "cannot tell whether it is failing now".to_owned(),
            };
            let times = human::count(row.failcnt);
            let text =
                format!("{}: {} was refused {times} times since its start; {when}", container.name, row.name);
            found.push(evidence("refused_ever", row.failcnt, text));
            if row.name == "tcpsndbuf" && row.barrier.is_some_and(|barrier| row.held <= barrier) {
                let text = format!(
                    "that only {} of {} bytes are held proves nothing: writers are made to wait at the barrier, and \
                     what is held falls between bursts",
                    human::count(row.held),
                    human::count(row.barrier.unwrap_or(0))
                );
                found.push(evidence("held_is_no_proof", row.held, text));
            }
        }
    }

    /// Everything else that is worth a line.
    fn circumstances(&self, found: &mut Vec<Evidence>, before: Option<&Reading>, after: &Reading) {
        self.zones(found, |row| !is_sending(row));
        // then counts that fell are no sign of a restart
        let is_wrong_way = before
            .and_then(|before| before.at_unix_micros.zip(after.at_unix_micros))
            .is_some_and(|(before, after)| after < before);
        for count in self.counters.iter().filter(|count| count.speaks != Speaks::TcpMemory) {
            if let Some(change) = grown(count) {
                let by = count.change.as_ref().map_or(0, |change| change.by);
                found.push(evidence(
                    "counter_grew",
                    by,
                    format!("{} {change}: {}", count.name, count.meaning),
                ));
            }
        }
        for container in &self.containers {
            if container.was_restarted && !is_wrong_way {
                let text =
                    format!("{} was restarted between the readings: its counts began anew", container.name);
                found.push(Evidence { what: "restarted", value: None, text });
            }
            if let Some(rule) = container.consistency.as_ref().filter(|rule| rule.holds == Some(false)) {
                let text = format!(
                    "{}: between barrier and limit of tcpsndbuf there is room for the first packets of {} sockets, and \
                     there may be {} (limit - barrier should be 2.5 KB x numtcpsock)",
                    container.name,
                    rule.sockets,
                    rule.sockets_allowed.unwrap_or(0)
                );
                found.push(evidence("inconsistent", rule.sockets, text));
            }
        }
        if is_wrong_way {
            let text = "the second reading is older than the first: are they the wrong way round?".to_owned();
            found.push(Evidence { what: "wrong_way_round", value: None, text });
        } else if before.is_some() && !self.has_two_readings {
            let text = "the machine was started anew between the readings: all counts began anew".to_owned();
            found.push(Evidence { what: "restarted", value: None, text });
        }
        if let Some(stall) = self.stall.filter(|stall| stall.some_avg10 >= 1.0) {
            let text = format!(
                "some program stood still for memory in {:.1}% of the last ten seconds",
                stall.some_avg10
            );
            found.push(Evidence { what: "stalled", value: Some(stall.some_avg10), text });
        }
        if let Some(sockets) = self.sockets.as_ref().filter(|sockets| sockets.held_bytes > 0) {
            found.push(evidence("held_by", sockets.held_bytes, sockets.sentence.clone()));
        }
        for room in self.rooms.iter().take(3) {
            found.push(evidence("room", room.downloads.least, room.sentence.clone()));
        }
    }

    fn verdict_of(&self, is_tight: bool) -> PressureVerdict {
        let failing = rows(self, growth);
        let group_failing =
            self.groups.iter().any(|group| group.refused.as_ref().is_some_and(|change| change.by > 0));
        let memory = || self.counters.iter().filter(|count| count.speaks == Speaks::TcpMemory);
        if failing.iter().any(|(_, row)| is_sending(row))
            || group_failing
            || memory().any(|c| grown(c).is_some())
        {
            return PressureVerdict::Failing;
        }
        if !failing.is_empty() {
            return PressureVerdict::FailingElsewhere;
        }
        let has_any = !self.containers.is_empty() || self.tcp.is_some() || !self.counters.is_empty();
        let ever = !rows(self, |row| row.failcnt).is_empty()
            || memory().any(|count| count.value > 0)
            || self.groups.iter().any(|group| group.group.failcnt.is_some_and(|count| count > 0));
        // restarted, or new since the first reading: no difference
        let all_compared = self.has_two_readings
            && self
                .containers
                .iter()
                .all(|container| container.resources.iter().all(|row| row.change.is_some()));
        match (has_any, is_tight, all_compared, ever) {
            (false, ..) => PressureVerdict::NothingToRead,
            (_, true, ..) => PressureVerdict::Tight,
            (_, _, true, _) => PressureVerdict::NotFailing,
            (_, _, _, true) => PressureVerdict::CannotTell,
            _ => PressureVerdict::NeverFailed,
        }
    }

    fn sentence_of(&self) -> String {
        let first = self.evidence.first().map_or("", |evidence| evidence.text.as_str());
        let between = self.between_seconds.map_or_else(String::new, |s| format!(" ({})", human::seconds(s)));
        match self.verdict {
            PressureVerdict::Failing => format!("send buffers are failing now: {first}"),
            PressureVerdict::FailingElsewhere => {
                format!("something is failing now, but not the send buffers: {first}")
            }
            PressureVerdict::Tight if self.has_two_readings => {
                format!("nothing was refused between the two readings{between}, but it is tight: {first}")
            }
            PressureVerdict::Tight => {
                let past = self.past_in_short().map_or_else(String::new, |past| format!("; {past}"));
                format!("it is tight: {first}{past}; cannot tell from one reading whether it is failing now")
            }
            PressureVerdict::NotFailing => format!("nothing was refused between the two readings{between}"),
            PressureVerdict::NeverFailed => {
                "nothing of what counts here was ever refused since the start".to_owned()
            }
            PressureVerdict::CannotTell => format!(
                "cannot tell whether it is failing now: {}; look again later and compare (two files, or `--every 10s`)",
                self.past_in_short()
                    .unwrap_or_else(|| "a control group was refused memory at some time".to_owned())
            ),
            PressureVerdict::NothingToRead => format!("there is nothing to read{}", self.refused_sources()),
        }
    }

    /// The refusals of the past in a clause.
    fn past_in_short(&self) -> Option<String> {
        if let Some((container, row)) = rows(self, |row| row.failcnt).first() {
            return Some(format!(
                "{} of {} was refused {} times since its start, and that counts for ever",
                row.name,
                container.name,
                human::count(row.failcnt)
            ));
        }
        let counters = self.counters.iter();
        let first = counters.filter(|count| count.speaks == Speaks::TcpMemory).find(|count| count.value > 0);
        first.map(|count| format!("{} is {} since the start", count.name, human::count(count.value)))
    }

    fn refused_sources(&self) -> String {
        let refused = self.sources.iter().find(|source| source.state == SourceState::Refused);
        refused.map_or_else(String::new, |source| {
            format!(": {} {}", source.path, source.note.as_deref().unwrap_or_default())
        })
    }
}
