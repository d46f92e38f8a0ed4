//! Doubts about single rules and their conditions.

use super::host::HostPattern;
use super::{Doubts, redirect, refusal};
use crate::directive::{
    CondTest, Joined, Named, RewriteCond, RewriteRule, RuleFlag, Substitution, TemplatePart,
};
use crate::{FileTest, Variable};

pub(super) fn check(doubts: &mut Doubts<'_>, rule: &RewriteRule, before: &[&RewriteRule]) {
    dangling_or(doubts, rule);
    for condition in &rule.conditions {
        variables_in_pattern(doubts, condition);
        host_letters(doubts, condition);
    }
    leading_slash(doubts, rule);
    query_in_pattern(doubts, rule);
    escape_becomes_group(doubts, rule);
    relative_redirect(doubts, rule);
    swap(doubts, rule, before);
    lost_flags(doubts, rule);
}

/// What a condition looks at, if that is one variable and nothing else.
pub(super) fn subject(condition: &RewriteCond) -> Option<&Named> {
    match condition.subject.parts.as_slice() {
        [TemplatePart::Variable(named, _)] => Some(named),
        _ => None,
    }
}

/// Whether a condition looks at a field of the request alone.
pub(super) fn looks_at_field(condition: &RewriteCond, field: &[u8]) -> bool {
    matches!(subject(condition), Some(Named::Field(name)) if name.eq_ignore_ascii_case(field))
}

/// `[OR]` on the last condition.
fn dangling_or(doubts: &mut Doubts<'_>, rule: &RewriteRule) {
    let Some(last) = rule.conditions.last().filter(|last| last.joined == Joined::Or) else { return };
    let span = last.flags.unwrap_or(last.span);
    let what = "the last condition says [OR] and no condition follows: Apache applies the rule whatever the conditions of this chain say";
    doubts.error(
        "dangling-or",
        what,
        (span, "or what?"),
        "take OR away here, or write the condition that is missing",
    );
}

/// `%{...}` in a pattern.
fn variables_in_pattern(doubts: &mut Doubts<'_>, condition: &RewriteCond) {
    let (text, span) = match &condition.test {
        CondTest::Regex(regex) => (&regex.text, regex.span),
        CondTest::Text(_, text) => (text, condition.pattern),
        _ => return,
    };
    if !text.windows(2).any(|two| two == b"%{") {
        return;
    }
    let what = if condition.negated {
        "patterns know no variables: this one never matches, so the condition always holds, for the site's own visitors too"
    } else {
        "patterns know no variables: this one never matches"
    };
    let help =
        "put both into the subject: RewriteCond %{HTTP_HOST}@@%{HTTP_REFERER} !^([^@]*)@@https?://\\1/";
    doubts.error("variable-in-pattern", what, (span, "taken letter by letter"), help);
}

/// Capitals and bare dots in the name of a host.
fn host_letters(doubts: &mut Doubts<'_>, condition: &RewriteCond) {
    let CondTest::Regex(regex) = &condition.test else { return };
    let is_host = looks_at_field(condition, b"Host")
        || looks_at_field(condition, b"Referer")
        || matches!(subject(condition), Some(Named::Of(Variable::ServerName)));
    let Some(host) = HostPattern::of(regex).filter(|_| is_host) else { return };
    if host.has_capitals() {
        let what = if condition.negated {
            "browsers send the names of hosts in small letters: with capitals and without NC this never matches, and every visitor is taken for a stranger"
        } else {
            "browsers send the names of hosts in small letters: with capitals and without NC this never matches"
        };
        let help = format!("write {} in small letters, or add [NC]", host.name);
        doubts.warning("capitals-in-host", what, (regex.span, "capitals"), help);
    }
    if host.has_bare_dot {
        let what = "a dot in a pattern is any character: names that look alike match too";
        let help = format!("write {}", host.name.replace('.', "\\."));
        doubts.warning("bare-dot-in-host", what, (regex.span, "not only a dot"), help);
    }
}

/// `^/...`
fn leading_slash(doubts: &mut Doubts<'_>, rule: &RewriteRule) {
    let text = rule.pattern.text.as_slice();
    let rest = text.strip_prefix(b"^/").or_else(|| text.strip_prefix(b"^\\/"));
    let Some(rest) = rest.filter(|rest| !matches!(rest.first(), Some(b'?' | b'*' | b'{'))) else { return };
    // `^/|x` has another way.
    if rest.contains(&b'|') && !rest.contains(&b'(') {
        return;
    }
    let what = if rule.negated {
        "in a folder's file the path begins without `/`: the pattern never matches, so this rule takes every request"
    } else {
        "in a folder's file the path begins without `/`: this pattern never matches"
    };
    let help = format!("write ^{}", String::from_utf8_lossy(rest));
    doubts.warning("leading-slash", what, (rule.pattern.span, "never matches"), help);
}

/// `\?` in a rule's pattern.
fn query_in_pattern(doubts: &mut Doubts<'_>, rule: &RewriteRule) {
    let text = rule.pattern.text.as_slice();
    let Some(at) = text.windows(2).position(|two| two == b"\\?") else { return };
    let follows = text.get(at + 2..).unwrap_or_default();
    if !follows.contains(&b'=') {
        return;
    }
    let what = "a rule's pattern sees the path without the query, so a `?` in it never matches";
    let help = "look at the query with a condition: RewriteCond %{QUERY_STRING} ^id=([0-9]+)$, and use %1";
    doubts.warning("query-in-pattern", what, (rule.pattern.span, "never matches"), help);
}

/// `%20` in a substitution.
fn escape_becomes_group(doubts: &mut Doubts<'_>, rule: &RewriteRule) {
    let Substitution::Template(template) = &rule.substitution else { return };
    let groups = rule
        .conditions
        .iter()
        .filter_map(|condition| match &condition.test {
            CondTest::Regex(regex) => Some(regex.compiled.group_count()),
            CondTest::Expression(_) => Some(9),
            _ => None,
        })
        .max()
        .unwrap_or_default();
    for pair in template.parts.windows(2) {
        let [TemplatePart::CondGroup(group, span), TemplatePart::Literal(next)] = pair else { continue };
        let Some(digit) = next.first().filter(|digit| digit.is_ascii_hexdigit()).copied() else { continue };
        if refusal(rule).is_some() {
            continue;
        }
        let (escape, digit) = (format!("%{group}{}", char::from(digit)), char::from(digit));
        let (what, label) = if usize::from(*group) > groups {
            let what =
                format!("`%{group}` is a group of the last condition here, so `{escape}` becomes `{digit}`");
            (what, "a group that is empty")
        } else if let Some(sign) = sign_of_escape(*group, digit) {
            let what = format!(
                "`{escape}` is group {group} of the last condition and then `{digit}` here, not {sign}"
            );
            (what, "a group and a letter")
        } else {
            continue;
        };
        let help = match sign_of_escape(*group, digit) {
            Some(sign) => {
                format!("if {sign} is meant, write \\{escape}, with the flag NE if it is a redirect")
            }
            None => format!("write \\{escape}, with the flag NE if it is a redirect"),
        };
        doubts.warning("escape-becomes-group", what, (*span, label), help);
    }
}

/// The sign that an escape in a URL stands for, if it is one that is mostly written so because it means something else.
fn sign_of_escape(first: u8, second: char) -> Option<String> {
    let byte = u8::try_from(u32::from(first) * 16 + second.to_digit(16)?).ok()?;
    match byte {
        b' ' => Some("a blank".to_owned()),
        byte if b"\"#%&+/:<=>?[]".contains(&byte) => Some(format!("`{}`", char::from(byte))),
        _ => None,
    }
}

/// A redirect to a relative path.
fn relative_redirect(doubts: &mut Doubts<'_>, rule: &RewriteRule) {
    let Substitution::Template(template) = &rule.substitution else { return };
    let Some(status) = redirect(rule) else { return };
    let starts_relative = match template.parts.first() {
        Some(TemplatePart::Literal(text)) => {
            let scheme = text.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
            let is_url = scheme > 0 && text.get(scheme..).is_some_and(|rest| rest.starts_with(b":"));
            !matches!(text.first(), Some(b'/' | b'?')) && !is_url
        }
        Some(TemplatePart::RuleGroup(..)) => true,
        _ => false,
    };
    let file = doubts.file;
    let mut has_base = false;
    super::each_scope(&file.directives, &mut |scope| {
        has_base |= scope
            .iter()
            .any(|directive| matches!(directive.kind, crate::directive::DirectiveKind::RewriteBase(_)));
    });
    // A dash is told as such.
    if !starts_relative || has_base || super::typography::is_dash(&template.text) {
        return;
    }
    let what = format!(
        "the target of this {status} is relative and no RewriteBase is set: visitors are sent to the path of the file on the machine"
    );
    doubts.warning(
        "relative-redirect",
        what,
        (template.span, "relative"),
        "begin it with `/`, or set RewriteBase",
    );
}

/// A target that the rule itself matches.
fn swap(doubts: &mut Doubts<'_>, rule: &RewriteRule, before: &[&RewriteRule]) {
    let Substitution::Template(template) = &rule.substitution else { return };
    let ends = rule.flags.iter().any(|flag| matches!(flag.flag, RuleFlag::End | RuleFlag::Proxy));
    let answers = refusal(rule).is_some();
    // A relative target is put below the folder: Apache sees that nothing changed, and stops.
    let Some([b'/', path @ ..]) = template.text.split(|byte| *byte == b'?').next() else { return };
    let is_fixed = !path.iter().any(|byte| matches!(byte, b'$' | b'%' | b'\\'));
    if ends || answers || !is_fixed || !may_take(rule, path) {
        return;
    }
    if before.iter().any(|earlier| keeps_away(earlier, path)) {
        return;
    }
    let what = match redirect(rule) {
        Some(_) => "the target matches the rule again: browsers are sent round in circles",
        None => "the target matches the rule again: Apache goes round in circles and answers 500",
    };
    let shown = String::from_utf8_lossy(&template.text).into_owned();
    let help = format!(
        "except the target with a condition before the rule: RewriteCond %{{REQUEST_URI}} !{}",
        exception(&shown)
    );
    doubts.warning("target-matches-itself", what, (template.span, "matched again"), help);
}

fn exception(path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    format!("^{}$", path.replace('.', "\\."))
}

/// Whether a rule may take a request for a path that is there, below the folder; what is not known may be so.
pub(super) fn may_take(rule: &RewriteRule, path: &[u8]) -> bool {
    let matches = rule.pattern.compiled.is_match(path).unwrap_or(true);
    matches != rule.negated && may_hold(&rule.conditions, &|condition| holds_for_path(condition, path))
}

/// Whether conditions may hold: those that are not known may.
pub(super) fn may_hold(conditions: &[RewriteCond], known: &dyn Fn(&RewriteCond) -> Option<bool>) -> bool {
    let mut chain_may_hold = false;
    for condition in conditions {
        chain_may_hold |= known(condition).unwrap_or(true);
        if condition.joined == Joined::And {
            if !chain_may_hold {
                return false;
            }
            chain_may_hold = false;
        }
    }
    true
}

fn holds_for_path(condition: &RewriteCond, path: &[u8]) -> Option<bool> {
    let holds = match (subject(condition)?, &condition.test) {
        (Named::RequestUri | Named::RequestFilename, CondTest::Regex(regex)) => {
            let uri = [b"/".as_slice(), path].concat();
            regex.compiled.is_match(&uri).ok()?
        }
        (Named::RequestUri, CondTest::Text(crate::directive::Comparison::Equal, text)) => {
            text.strip_prefix(b"/")? == path
        }
        // The target is there, and is a file.
        (Named::RequestFilename, CondTest::File(FileTest::File | FileTest::NotEmpty | FileTest::Exists)) => {
            true
        }
        (Named::RequestFilename, CondTest::File(FileTest::Directory | FileTest::Link)) => false,
        // Apache's own mark of an answer that was looked up again.
        (Named::Environment(name), CondTest::Regex(regex)) if name == b"REDIRECT_STATUS" => {
            regex.compiled.is_match(b"200").ok()?
        }
        _ => return None,
    };
    Some(holds != condition.negated)
}

/// Whether an earlier rule ends all for a path.
fn keeps_away(rule: &RewriteRule, path: &[u8]) -> bool {
    let ends = rule.flags.iter().any(|flag| {
        matches!(flag.flag, RuleFlag::Last | RuleFlag::End | RuleFlag::Forbidden | RuleFlag::Gone)
    });
    ends && matches!(rule.substitution, Substitution::Keep(_)) && may_take(rule, path)
}

/// Flags that have no effect here.
fn lost_flags(doubts: &mut Doubts<'_>, rule: &RewriteRule) {
    for flag in &rule.flags {
        let (what, help) = match &flag.flag {
            RuleFlag::Handler(_) => (
                "who makes the answer is the node's business; `H` has no effect here",
                "keep the line in the node's own file",
            ),
            RuleFlag::DiscardPathInfo => {
                ("there is no path behind a file here; `DPI` has no effect", "it can be taken out here")
            }
            RuleFlag::Unc => ("Apache takes this flag and does nothing with it", "take it out"),
            _ => continue,
        };
        doubts.warning("flag-without-effect", what, (flag.span, "no effect"), help);
    }
}
