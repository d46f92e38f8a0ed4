//! A catalog's text with a rule put into it, and taken out again: comments and layout stay.
//!
//! The class is a block of text behind everything else. The rule is an entry of the virtual server's `request_rules`,
//! whatever shape that has.

use serde::{Deserialize, Serialize};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value};

/// The list of rules.
const RULES: &str = "request_rules";

/// What is put in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Change {
    /// The name of the rule.
    pub(super) rule: String,
    /// The virtual server.
    pub(super) server: String,
    /// The class with its head; empty for none.
    pub(super) class: String,
    /// It only observes.
    pub(super) observes: bool,
    /// It comes before the other rules, or behind them.
    pub(super) is_first: bool,
}

/// How the list looked before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Before {
    /// There was none.
    Nothing,
    /// One rule, not in a list.
    Single,
    /// A list.
    List,
}

/// Where the rule stands now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attached {
    /// Nowhere.
    No,
    /// It only observes.
    Observing,
    /// It does what it decides.
    Enforcing,
    /// Somebody has written more about it than we do.
    Otherwise,
}

/// Why a text cannot be changed.
pub(super) type Why = String;

/// Whether and how a rule is attached to a virtual server.
pub(super) fn attached(text: &str, server: &str, rule: &str) -> Result<Attached, Why> {
    let mut document = parse(text)?;
    let Some(item) = table(&mut document, server)?.get(RULES) else { return Ok(Attached::No) };
    let mut found = Attached::No;
    let mut see = |entry: Option<Attached>| {
        if let (Attached::No, Some(entry)) = (found, entry) {
            found = entry;
        }
    };
    match item {
        Item::Value(Value::Array(list)) => list.iter().for_each(|value| see(how(value, rule))),
        Item::Value(value) => see(how(value, rule)),
        Item::ArrayOfTables(tables) => tables.iter().for_each(|table| see(how_table(table, rule))),
        _ => {}
    }
    Ok(found)
}

/// The text with the rule, and how its list looked before.
pub(super) fn attach(text: &str, change: &Change) -> Result<(String, Before), Why> {
    let mut document = parse(text)?;
    let server = table(&mut document, &change.server)?;
    let before = match server.get_mut(RULES) {
        None => {
            let mut list = Array::new();
            list.push(entry(change));
            server.insert(RULES, Item::Value(Value::Array(list)));
            Before::Nothing
        }
        Some(Item::Value(Value::Array(list))) => {
            put(list, change);
            Before::List
        }
        Some(Item::ArrayOfTables(tables)) => {
            let mut one = Table::new();
            one.insert("rule", Item::Value(change.rule.clone().into()));
            if change.observes {
                one.insert("mode", Item::Value("observe".into()));
            }
            // a table can only be put behind the others
            tables.push(one);
            Before::List
        }
        Some(item) => {
            let Some(value) = item.as_value_mut() else { return Err(other_shape(change)) };
            let mut alone = value.clone();
            alone.decor_mut().clear();
            let mut list = Array::new();
            list.push(alone);
            put(&mut list, change);
            let decor = value.decor().clone();
            *value = Value::Array(list);
            *value.decor_mut() = decor;
            Before::Single
        }
    };
    let mut text = document.to_string();
    if !change.class.is_empty() {
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&change.class);
    }
    Ok((text, before))
}

/// The text with the rule in another mode.
pub(super) fn switch(text: &str, change: &Change) -> Result<String, Why> {
    let mut document = parse(text)?;
    let server = table(&mut document, &change.server)?;
    match server.get_mut(RULES) {
        Some(Item::Value(Value::Array(list))) => {
            for value in list.iter_mut().filter(|value| how(value, &change.rule).is_some()) {
                let decor = value.decor().clone();
                *value = entry(change);
                *value.decor_mut() = decor;
            }
        }
        Some(Item::ArrayOfTables(tables)) => {
            for table in tables.iter_mut().filter(|table| how_table(&**table, &change.rule).is_some()) {
                let mode = if change.observes { "observe" } else { "enforce" };
                table.insert("mode", Item::Value(mode.into()));
            }
        }
        _ => return Err(other_shape(change)),
    }
    Ok(document.to_string())
}

/// The text without the rule, and what of it had to be left.
pub(super) fn detach(text: &str, change: &Change, before: Before) -> Result<(String, Vec<Why>), Why> {
    let mut left = Vec::new();
    let mut text = text.to_owned();
    if !change.class.is_empty() {
        if let Some(at) = text.find(&change.class) {
            text.replace_range(at..at + change.class.len(), "");
        } else {
            left.push(format!(
                "the class of {} is not as it was written: it stays, and nothing uses it; take it out by hand",
                change.rule
            ));
        }
    }
    let mut document = parse(&text)?;
    let server = table(&mut document, &change.server)?;
    let is_ours = |value: &Value| how(value, &change.rule).is_some();
    let count = match server.get_mut(RULES) {
        Some(Item::Value(Value::Array(list))) => {
            let length = list.len();
            let first = list.get(0).filter(|value| is_ours(value));
            let prefix = first.and_then(|first| first.decor().prefix()?.as_str()).unwrap_or("\n").to_owned();
            list.retain(|value| !is_ours(value));
            if let Some(next) = list.get_mut(0)
                && !prefix.contains('\n')
            {
                next.decor_mut().set_prefix(prefix);
            }
            let (gone, rest) = (length - list.len(), list.len());
            if gone > 0 {
                mend(server, rest, before);
            }
            gone
        }
        Some(Item::ArrayOfTables(tables)) => {
            let length = tables.len();
            tables.retain(|table| how_table(table, &change.rule).is_none());
            length - tables.len()
        }
        Some(Item::Value(value)) if is_ours(value) => {
            server.remove(RULES);
            1
        }
        _ => 0,
    };
    if count == 0 {
        left.push(format!("{} is in the list of {} no more", change.rule, change.server));
    }
    Ok((document.to_string(), left))
}

/// The list as it was: none, or a single rule.
fn mend(server: &mut dyn TableLike, rest: usize, before: Before) {
    match (before, rest) {
        (Before::Nothing, 0) => {
            server.remove(RULES);
        }
        (Before::Single, 1) => {
            let Some(Item::Value(value)) = server.get_mut(RULES) else { return };
            let Some(mut alone) = value.as_array().and_then(|list| list.get(0)).cloned() else { return };
            *alone.decor_mut() = value.decor().clone();
            *value = alone;
        }
        _ => {}
    }
}

fn parse(text: &str) -> Result<DocumentMut, Why> {
    text.parse().map_err(|error: toml_edit::TomlError| format!("the catalog is no TOML: {error}"))
}

fn table<'a>(document: &'a mut DocumentMut, server: &str) -> Result<&'a mut dyn TableLike, Why> {
    document
        .get_mut("virtual_servers")
        .and_then(Item::as_table_like_mut)
        .and_then(|servers| servers.get_mut(server))
        .and_then(Item::as_table_like_mut)
        .ok_or_else(|| format!("there is no virtual server {server}"))
}

fn other_shape(change: &Change) -> Why {
    format!("{RULES} of {} is written in a way that cannot be changed here", change.server)
}

/// The rule as an entry of a list.
fn entry(change: &Change) -> Value {
    if !change.observes {
        return change.rule.clone().into();
    }
    let mut table = InlineTable::new();
    table.insert("rule", change.rule.clone().into());
    table.insert("mode", "observe".into());
    Value::InlineTable(table)
}

/// Puts the entry at its place, on a line of its own where the others have lines of their own.
fn put(list: &mut Array, change: &Change) {
    let at = if change.is_first { 0 } else { list.len() };
    let lines = list.iter().filter_map(|value| value.decor().prefix()?.as_str());
    let own_line = lines.filter(|prefix| prefix.contains('\n')).last().map(|prefix| {
        // the break and the blanks of the neighbour, without remarks that belong to it
        format!("\n{}", prefix.rsplit('\n').next().unwrap_or_default())
    });
    let value = entry(change);
    match own_line {
        Some(prefix) => list.insert_formatted(at, value.decorated(prefix, "")),
        None if at == 0 && !list.is_empty() => {
            // ours takes what was written before the first, and gives it back when it leaves
            let prefix =
                list.get(0).and_then(|first| first.decor().prefix()?.as_str()).unwrap_or_default().to_owned();
            list.insert_formatted(0, value.decorated(prefix, ""));
            if let Some(next) = list.get_mut(1) {
                next.decor_mut().set_prefix(" ");
            }
        }
        None => list.insert(at, value),
    }
}

/// How an entry attaches the rule; `None` if it is another's.
fn how(value: &Value, rule: &str) -> Option<Attached> {
    match value {
        Value::String(name) => is_name(name.value(), rule).then_some(Attached::Enforcing),
        Value::InlineTable(table) => how_table(table, rule),
        _ => None,
    }
}

fn how_table(table: &dyn TableLike, rule: &str) -> Option<Attached> {
    let name = table.get("rule").and_then(Item::as_str).unwrap_or_default();
    if !is_name(name, rule) {
        return None;
    }
    if table.iter().any(|(key, _)| key != "rule" && key != "mode") {
        return Some(Attached::Otherwise);
    }
    Some(match table.get("mode").and_then(Item::as_str) {
        Some("observe") => Attached::Observing,
        _ => Attached::Enforcing,
    })
}

fn is_name(name: &str, rule: &str) -> bool {
    name.strip_suffix(".rts").unwrap_or(name) == rule
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASS: &str = "\n[bandwidth_classes.slow-x-1]\nmaximum = \"400 kbit/s\"\n";

    fn change() -> Change {
        Change {
            rule: "slow-x-1".to_owned(),
            server: "site".to_owned(),
            class: CLASS.to_owned(),
            observes: false,
            is_first: false,
        }
    }

    /// Lists of rules as people write them.
    const LISTS: [&str; 9] = [
        "",
        "request_rules = \"r\" # the guard\n",
        "request_rules = []\n",
        "request_rules = [\"r\"]\n",
        "request_rules = [ \"r\", { rule = \"s\", mode = \"observe\" } ] # two\n",
        "request_rules = [\n    \"r\", # first\n    \"s\",\n]\n",
        "request_rules = [\n    # remark\n    \"r\"\n]\n",
        "request_rules = { rule = \"r\", mode = \"observe\" }\n",
        "[[virtual_servers.site.request_rules]]\nrule = \"r\"\n",
    ];

    fn catalog(list: &str) -> String {
        format!(
            "# head\n[virtual_servers.site]\nlisten = \":1\"  # here\npool='p'\n{list}\n# nodes\n[pools.p]\nnodes = [\"n:1\"]\n"
        )
    }

    #[test]
    fn what_is_put_in_comes_out_byte_for_byte_whatever_the_list_looks_like() {
        for list in LISTS {
            for (is_first, observes) in [(false, false), (true, false), (false, true), (true, true)] {
                let change = Change { observes, is_first, ..change() };
                let text = catalog(list);
                let (changed, before) = attach(&text, &change).unwrap();
                let now = attached(&changed, "site", "slow-x-1").unwrap();
                assert_eq!(
                    now,
                    if observes { Attached::Observing } else { Attached::Enforcing },
                    "{changed}"
                );
                assert!(changed.contains("# here") && changed.contains("# nodes") && changed.contains(CLASS));
                let (reverted, left) = detach(&changed, &change, before).unwrap();
                assert!(left.is_empty(), "{left:?}");
                assert_eq!(reverted, text, "{changed}");
            }
        }
    }

    #[test]
    fn edits_in_between_stay_and_what_was_changed_of_ours_is_said() {
        let (changed, before) = attach(&catalog(LISTS[3]), &change()).unwrap();
        let edited = changed.replace("[\"r\", ", "[\"r\", \"mine\", ").replace("# head", "# other head");
        let (reverted, left) = detach(&edited, &change(), before).unwrap();
        assert!(left.is_empty(), "{left:?}");
        assert!(reverted.contains("[\"r\", \"mine\"]") && reverted.contains("# other head"), "{reverted}");
        let edited = changed.replace("400 kbit/s", "500 kbit/s").replace(", \"slow-x-1\"", "");
        let (reverted, left) = detach(&edited, &change(), before).unwrap();
        assert_eq!(left.len(), 2, "{left:?}");
        assert!(reverted.contains("500 kbit/s"), "{reverted}");
    }

    #[test]
    fn a_rule_that_observed_is_switched_on_in_its_place() {
        for list in LISTS {
            let observing = Change { observes: true, ..change() };
            let (changed, _) = attach(&catalog(list), &observing).unwrap();
            let switched = switch(&changed, &change()).unwrap();
            assert_eq!(attached(&switched, "site", "slow-x-1").unwrap(), Attached::Enforcing, "{switched}");
        }
    }

    #[test]
    fn a_virtual_server_that_is_not_there_is_said() {
        assert!(attach("[pools.p]\nnodes = []\n", &change()).unwrap_err().contains("no virtual server site"));
    }
}
