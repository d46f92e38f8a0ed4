//! What is looked at whole: the paths, referring domains, folders, clients and programs that hold much.

use super::names::OTHER;
use super::tally::{Tallied, Tally};
use std::collections::BTreeMap;
use visit::TargetKind;

/// How many paths are looked at by bytes, and again by requests.
const PATHS_LOOKED_AT: usize = 50;
/// How many referring domains are looked at by bytes, and again by requests.
const SITES_LOOKED_AT: usize = 100;
/// How many folders of one kind of file are looked at.
const GROUPS_LOOKED_AT: usize = 16;
/// How many families of programs are looked at by bytes, and again by requests.
const FAMILIES_LOOKED_AT: usize = 5;

/// Files of one kind below one folder of a domain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Group {
    pub(super) domain: u16,
    /// `/audio/`: the first folder; `/` for files beside the root page.
    pub(super) folder: Vec<u8>,
    pub(super) kind: TargetKind,
}

/// The numbers with the most bytes and the most requests among those that are wanted; ties by name.
fn top<'a>(
    tallied: &[Tallied],
    most: usize,
    name: impl Fn(u32) -> &'a [u8],
    is_wanted: impl Fn(u32) -> bool,
) -> Vec<u32> {
    let wanted: Vec<u32> =
        (1..).take(tallied.len().saturating_sub(1)).filter(|number| is_wanted(*number)).collect();
    let by_bytes = |number: u32| (tallied[number as usize].bytes, tallied[number as usize].requests);
    let by_requests = |number: u32| (tallied[number as usize].requests, tallied[number as usize].bytes);
    let mut chosen = largest(wanted.clone(), most, by_bytes, &name);
    for number in largest(wanted, most, by_requests, &name) {
        if !chosen.contains(&number) {
            chosen.push(number);
        }
    }
    chosen
}

/// The numbers with the most bytes; ties by name.
pub(super) fn first<'a>(tallied: &[Tallied], most: usize, name: impl Fn(u32) -> &'a [u8]) -> Vec<u32> {
    let all = (1..).take(tallied.len().saturating_sub(1)).collect();
    largest(all, most, |number| (tallied[number as usize].bytes, tallied[number as usize].requests), &name)
}

fn largest<'a>(
    mut numbers: Vec<u32>,
    most: usize,
    size: impl Fn(u32) -> (u64, u64),
    name: &impl Fn(u32) -> &'a [u8],
) -> Vec<u32> {
    let compare =
        |one: &u32, other: &u32| size(*other).cmp(&size(*one)).then_with(|| name(*one).cmp(name(*other)));
    if numbers.len() > most {
        numbers.select_nth_unstable_by(most - 1, compare);
        numbers.truncate(most);
    }
    numbers.sort_unstable_by(compare);
    numbers
}

pub(super) fn media_paths(tally: &Tally) -> Vec<u32> {
    let is_media = |number: u32| {
        let kind = tally.paths.known[number as usize];
        kind.is_media() || kind == TargetKind::Trimming
    };
    top(&tally.paths.tallied, PATHS_LOOKED_AT, |number| tally.paths.names.name(number), is_media)
}

/// By site what was counted by referer.
pub(super) fn by_site(tally: &Tally) -> Vec<Tallied> {
    let mut sums = vec![Tallied::default(); tally.sites.len()];
    for (place, tallied) in tally.referers.known.iter().zip(&tally.referers.tallied) {
        sums[place.site as usize].take(*tallied);
    }
    sums
}

pub(super) fn sites(tally: &Tally) -> Vec<u32> {
    top(&by_site(tally), SITES_LOOKED_AT, |number| tally.sites.name(number), |_| true)
}

/// Folders that hold much of one kind of media, with their paths.
pub(super) fn groups(tally: &Tally) -> Vec<(Group, Vec<u32>)> {
    let mut groups: BTreeMap<Group, (u64, Vec<u32>)> = BTreeMap::new();
    for number in 1..tally.paths.names.len() {
        let (number, kind) = (u32::try_from(number).unwrap_or(OTHER), tally.paths.known[number]);
        if !kind.is_media() {
            continue;
        }
        let name = tally.paths.names.name(number);
        let folder = memchr::memchr(b'/', name.get(1..).unwrap_or_default()).map_or(1, |at| at + 2);
        let group = Group {
            domain: tally.paths.names.group(number),
            folder: name[..folder.min(name.len())].to_vec(),
            kind,
        };
        let (bytes, paths) = groups.entry(group).or_default();
        *bytes += tally.paths.tallied[number as usize].bytes;
        paths.push(number);
    }
    let mut all: Vec<(Group, u64, Vec<u32>)> = groups
        .into_iter()
        .filter(|group| group.1.1.len() > 1)
        .map(|(group, (bytes, paths))| (group, bytes, paths))
        .collect();
    all.sort_by_key(|group| std::cmp::Reverse(group.1));
    all.into_iter().take(GROUPS_LOOKED_AT).map(|(group, _, paths)| (group, paths)).collect()
}

/// Programs that are no browsers, by family, with the numbers of their fields.
pub(super) fn families(tally: &Tally) -> Vec<(String, Vec<u32>)> {
    let mut families: BTreeMap<String, (Tallied, Vec<u32>)> = BTreeMap::new();
    for number in 1..tally.agents.names.len() {
        let number = u32::try_from(number).unwrap_or(OTHER);
        let Some(family) = visit::Program::family(tally.agents.names.name(number)) else { continue };
        let (sum, agents) = families.entry(family).or_default();
        sum.take(tally.agents.tallied[number as usize]);
        agents.push(number);
    }
    let mut all: Vec<(String, Tallied, Vec<u32>)> =
        families.into_iter().map(|(family, (sum, agents))| (family, sum, agents)).collect();
    all.sort_by_key(|family| std::cmp::Reverse(family.1.bytes));
    let mut chosen: Vec<(String, Tallied, Vec<u32>)> =
        all.drain(..all.len().min(FAMILIES_LOOKED_AT)).collect();
    all.sort_by_key(|family| std::cmp::Reverse(family.1.requests));
    chosen.extend(all.into_iter().take(FAMILIES_LOOKED_AT));
    chosen.into_iter().map(|(family, _, agents)| (family, agents)).collect()
}
