//! `Order`, `Allow`, `Deny`, `Satisfy`, `Require`.

use super::arguments::exactly;
use super::known::Known;
use super::reader::Reader;
use super::words::{Word, Words};
use crate::directive::{
    AccessList, AccessOrder, AccessSource, AddressError, AddressRange, DirectiveKind, LoginNeed, Merging,
    Requirement, RequirementKind, Satisfy,
};

/// The methods Apache knows by name.
const METHODS: [&str; 28] = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "CONNECT",
    "OPTIONS",
    "TRACE",
    "PATCH",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "VERSION-CONTROL",
    "CHECKOUT",
    "UNCHECKOUT",
    "CHECKIN",
    "UPDATE",
    "LABEL",
    "REPORT",
    "MKWORKSPACE",
    "MKACTIVITY",
    "BASELINE-CONTROL",
    "MERGE",
    "M-SEARCH",
];

/// Whether Apache knows a method.
pub(super) fn is_method(name: &[u8]) -> bool {
    METHODS.iter().take(METHODS.len() - 1).any(|known| known.as_bytes() == name)
}

impl Reader<'_> {
    pub(super) fn unknown_method(&mut self, word: &Word) {
        let shown = String::from_utf8_lossy(&word.text).into_owned();
        let bare = shown.trim_end_matches(',').to_ascii_uppercase();
        let help = match METHODS.iter().find(|known| **known == bare) {
            Some(known) => format!("write {known}: in capitals, with blanks between several"),
            None => {
                "an .htaccess can only name the methods Apache knows already, such as GET and POST".to_owned()
            }
        };
        self.error(
            "wrong-arguments",
            format!("Apache knows no method `{shown}`"),
            (word.span, "not a method"),
            help,
        );
    }
}

pub(super) fn order(reader: &mut Reader<'_>, known: &Known, words: &mut Words<'_>) -> Option<DirectiveKind> {
    let all = words.all();
    // `Deny, Allow`: the blank makes two words of it.
    if let [first, second] = all.as_slice()
        && first.text.ends_with(b",")
    {
        let help = "write it without a blank: Order Deny,Allow";
        let span = first.span.to(second.span);
        reader.error("wrong-arguments", "a blank stands in the order", (span, "two words"), help);
        return None;
    }
    if !reader.count(known, &all, (1, 1), words.line) {
        return None;
    }
    let word = all.first()?;
    match word.text.to_ascii_lowercase().as_slice() {
        b"deny,allow" => Some(DirectiveKind::Order(AccessOrder::DenyAllow)),
        b"allow,deny" => Some(DirectiveKind::Order(AccessOrder::AllowDeny)),
        b"mutual-failure" => Some(DirectiveKind::Order(AccessOrder::MutualFailure)),
        _ => {
            let what = "the order is Deny,Allow or Allow,Deny";
            reader.error("wrong-arguments", what, (word.span, "neither"), known.help());
            None
        }
    }
}

pub(super) fn allow_deny(
    reader: &mut Reader<'_>,
    known: &Known,
    words: &mut Words<'_>,
) -> Option<DirectiveKind> {
    let line = words.line.whole();
    let all = words.all();
    let sources = match all.as_slice() {
        [from, sources @ ..] if from.text.eq_ignore_ascii_case(b"from") && !sources.is_empty() => sources,
        _ => {
            let what = format!("`{}` is followed by `from` and by who is meant", known.name);
            reader.error("wrong-arguments", what, (line, "something is missing"), known.help());
            return None;
        }
    };
    let list = if known.name == "Allow" { AccessList::Allow } else { AccessList::Deny };
    let mut found = Vec::new();
    for word in sources {
        found.push(access_source(reader, known, word)?);
    }
    Some(DirectiveKind::Access(list, found))
}

fn access_source(reader: &mut Reader<'_>, known: &Known, word: &Word) -> Option<AccessSource> {
    let text = word.text.as_slice();
    if text.starts_with(b"#") {
        reader.trailing_comment(known.name, word.span);
        return None;
    }
    if text.eq_ignore_ascii_case(b"all") {
        return Some(AccessSource::All);
    }
    if text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"env=")) {
        let name = text.get(4..).unwrap_or_default();
        return Some(match name {
            [b'!', name @ ..] => AccessSource::NoEnvironment(name.to_vec()),
            name => AccessSource::Environment(name.to_vec()),
        });
    }
    match AddressRange::read(text) {
        Ok(range) => Some(AccessSource::Address(range)),
        Err(AddressError::NoAddress) => Some(AccessSource::Host(text.to_vec())),
        Err(wrong) => {
            wrong_address(reader, word, wrong);
            None
        }
    }
}

fn wrong_address(reader: &mut Reader<'_>, word: &Word, wrong: AddressError) {
    let shown = String::from_utf8_lossy(&word.text).into_owned();
    let (what, label) = match wrong {
        AddressError::Mask => {
            (format!("`{shown}` has a mask that is none"), "behind the slash: 1 to 32, or 1 to 128")
        }
        AddressError::NoAddress | AddressError::Address => {
            (format!("`{shown}` is not an address"), "not an address")
        }
    };
    let help = "several stand with blanks between them: 192.0.2.1 198.51.100.0/24 2001:db8::/32 10.1";
    reader.error("wrong-arguments", what, (word.span, label), help);
}

pub(super) fn satisfy(
    reader: &mut Reader<'_>,
    known: &Known,
    words: &mut Words<'_>,
) -> Option<DirectiveKind> {
    let [word] = exactly(reader, known, words)?;
    if word.text.eq_ignore_ascii_case(b"all") {
        return Some(DirectiveKind::Satisfy(Satisfy::All));
    }
    if word.text.eq_ignore_ascii_case(b"any") {
        return Some(DirectiveKind::Satisfy(Satisfy::Any));
    }
    reader.error("wrong-arguments", "`Satisfy` is All or Any", (word.span, "neither"), known.help());
    None
}

pub(super) fn merging(
    reader: &mut Reader<'_>,
    known: &Known,
    words: &mut Words<'_>,
) -> Option<DirectiveKind> {
    let [word] = exactly(reader, known, words)?;
    let merging = match word.text.to_ascii_lowercase().as_slice() {
        b"off" => Merging::Off,
        b"and" => Merging::And,
        b"or" => Merging::Or,
        _ => {
            let what = "`AuthMerging` is Off, And or Or";
            reader.error("wrong-arguments", what, (word.span, "none of them"), known.help());
            return None;
        }
    };
    Some(DirectiveKind::AuthMerging(merging))
}

pub(super) fn require(
    reader: &mut Reader<'_>,
    known: &Known,
    words: &mut Words<'_>,
) -> Option<DirectiveKind> {
    let line = words.line.whole();
    let mut first = words.next();
    let negated = first.as_ref().is_some_and(|word| word.text.eq_ignore_ascii_case(b"not"));
    if negated {
        first = words.next();
    }
    let Some(provider) = first else {
        reader.error("wrong-arguments", "`Require` needs an argument", (line, "what?"), known.help());
        return None;
    };
    let kind = requirement(reader, &provider, words)?;
    if negated && matches!(kind, RequirementKind::Granted | RequirementKind::Denied) {
        let what = "`Require not all` is not taken by Apache";
        reader.error(
            "negated-requirement",
            what,
            (line, "not with `all`"),
            "write `Require all denied` or `granted`",
        );
        return None;
    }
    // Outside of all sections one requirement is enough.
    if negated && !reader.in_requirements() {
        reader.negated_requirement(line);
        return None;
    }
    Some(DirectiveKind::Require(Requirement { span: line, negated, kind }))
}

const PROVIDERS: [&str; 12] = [
    "all",
    "env",
    "ip",
    "host",
    "forward-dns",
    "local",
    "method",
    "expr",
    "valid-user",
    "user",
    "group",
    "not",
];

fn requirement(reader: &mut Reader<'_>, provider: &Word, words: &mut Words<'_>) -> Option<RequirementKind> {
    let text = |words: &mut Words<'_>| words.all().into_iter().map(|word| word.text).collect::<Vec<_>>();
    Some(match provider.text.as_slice() {
        b"all" => return all(reader, words),
        b"env" => RequirementKind::Environment(text(words)),
        b"ip" => RequirementKind::Address(addresses(reader, provider, words)?),
        b"host" | b"forward-dns" => {
            let (range, rest) = words.rest();
            let expression = reader.expression_text(rest, words.line.span(range))?;
            if provider.text == b"host" {
                RequirementKind::Host(expression)
            } else {
                RequirementKind::ForwardDns(expression)
            }
        }
        b"local" => RequirementKind::Local,
        b"method" => {
            let all = words.all();
            if let Some(wrong) = all.iter().find(|word| !is_method(&word.text)) {
                reader.unknown_method(wrong);
                return None;
            }
            RequirementKind::Method(all.into_iter().map(|word| word.text).collect())
        }
        b"expr" => {
            let (range, rest) = words.rest();
            let (rest, range) = unquoted(rest, range);
            RequirementKind::Expression(reader.expression(rest, words.line.span(range))?)
        }
        b"valid-user" => login(reader, words, LoginNeed::Anybody),
        b"user" | b"group" | b"file-owner" | b"file-group" | b"ldap-user" | b"ldap-group" | b"ldap-dn"
        | b"ldap-attribute" | b"ldap-filter" | b"dbm-group" | b"shibboleth" | b"shib-session" | b"claim" => {
            let need = LoginNeed::Named(words.line.slice(0..words.line.text.len()).to_vec());
            login(reader, words, need)
        }
        other => {
            let shown = String::from_utf8_lossy(other).into_owned();
            let lower = shown.to_ascii_lowercase();
            let near = source::nearest(&lower, PROVIDERS);
            let help = match (lower.as_str(), near) {
                ("granted" | "denied", _) => format!("write `Require all {lower}`"),
                (_, Some(near)) => format!("did you mean `{near}`? Small letters count here"),
                _ => format!("there are {}", PROVIDERS.join(", ")),
            };
            let what = format!("Apache knows no requirement `{shown}`");
            reader.error("wrong-arguments", what, (provider.span, "unknown"), help);
            return None;
        }
    })
}

fn login(reader: &mut Reader<'_>, words: &Words<'_>, need: LoginNeed) -> RequirementKind {
    let what = "who has logged in is not known here, so this requirement never holds";
    let help = "let the node ask for the name and the password, and take the line out here; until then nobody gets in by it";
    reader.warning("needs-login", what, (words.line.whole(), "never holds"), help);
    RequirementKind::Login(need)
}

fn all(reader: &mut Reader<'_>, words: &mut Words<'_>) -> Option<RequirementKind> {
    let (range, rest) = words.rest();
    if rest.eq_ignore_ascii_case(b"granted") {
        return Some(RequirementKind::Granted);
    }
    if rest.eq_ignore_ascii_case(b"denied") {
        return Some(RequirementKind::Denied);
    }
    let span = words.line.span(range.clone());
    if let Some(at) = rest.iter().position(|byte| *byte == b'#') {
        reader.trailing_comment("Require", words.line.span(range.start + at..range.end));
    } else {
        let what = "`Require all` is followed by granted or denied";
        reader.error(
            "wrong-arguments",
            what,
            (span, "neither"),
            "write `Require all granted` or `Require all denied`",
        );
    }
    None
}

fn addresses(reader: &mut Reader<'_>, provider: &Word, words: &mut Words<'_>) -> Option<Vec<AddressRange>> {
    let all = words.all();
    if all.is_empty() {
        let help = "it looks so: Require ip 192.0.2.0/24 2001:db8::/32";
        reader.error("wrong-arguments", "`Require ip` needs an address", (provider.span, "which?"), help);
        return None;
    }
    let mut found = Vec::new();
    for word in &all {
        if word.text.starts_with(b"#") {
            reader.trailing_comment("Require", word.span);
            return None;
        }
        match AddressRange::read(&word.text) {
            Ok(range) => found.push(range),
            Err(wrong) => {
                wrong_address(reader, word, wrong);
                return None;
            }
        }
    }
    Some(found)
}

/// A text without the quotes around all of it.
fn unquoted(text: &[u8], range: std::ops::Range<usize>) -> (&[u8], std::ops::Range<usize>) {
    match text {
        [first @ (b'"' | b'\''), inner @ .., last] if first == last && !inner.contains(first) => {
            (inner, range.start + 1..range.end - 1)
        }
        _ => (text, range),
    }
}
