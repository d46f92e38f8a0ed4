//! The table against the list of published names.

use super::builtins;

/// The list that stands with the specification: a tier and a name on each line.
const PUBLISHED: &str = include_str!("../../../../spec/functions/published.txt");

fn names(tiers: &'static [&'static str]) -> impl Iterator<Item = &'static str> {
    let lines = PUBLISHED.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once(' '))
        .filter(|(tier, _)| tiers.contains(tier))
        .map(|(_, name)| name)
}

#[test]
fn every_published_function_of_the_first_tiers_is_there() {
    let missing: Vec<_> = names(&["1", "2"]).filter(|name| builtins().find(name).is_none()).collect();
    assert!(missing.is_empty(), "not in the table: {missing:?}");
}

#[test]
fn every_published_function_of_the_last_tier_is_known_and_refused_with_a_reason_and_a_substitute() {
    let mut wrong = Vec::new();
    for name in names(&["3"]) {
        if builtins().find(name).is_some() {
            wrong.push(format!("{name} is in the table"));
        }
        match builtins().unsupported_reason(name) {
            // "why; what to use instead"
            Some(reason) if reason.contains("; ") => {}
            Some(reason) => wrong.push(format!("{name}: {reason:?} says no substitute")),
            None => wrong.push(format!("{name} is not known")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_published_names_are_as_many_as_were_counted() {
    assert_eq!((names(&["1"]).count(), names(&["2"]).count(), names(&["3"]).count()), (222, 185, 115));
}
