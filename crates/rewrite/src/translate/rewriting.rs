//! `RewriteRule` where it ends the request, `Redirect`, `RedirectMatch`.

use super::text::{matches, string};
use super::{CLASS, Form, Translator};
use crate::Variable;
use crate::directive::{
    Comparison, CondTest, Directive, DirectiveKind, Joined, Named, Redirect, RedirectPlace, RewriteCond,
    RewriteRule, RuleFlag, Substitution, Template, TemplatePart,
};
use source::Span;
use std::fmt::Write as _;

/// What a rule does when it applies.
enum Action {
    /// A status and its page.
    Refuse(u16),
    /// A status and the URL, as an expression.
    Redirect(u16, String),
    /// The rules behind it are not tried.
    Pass,
    /// Nothing that a rule of the language would see.
    Nothing,
}

/// Who is let through at full speed in the gentle form: readers of feeds, players, and who says nothing.
const GENTLE: &str = "string.regexmatch( http.getHeader( \"User-Agent\" ), \
                      \"feed|rss|podcast|itunes|vlc|mplayer|foobar|winamp|lavf|stagefright\", \"i\" ) || \
                      http.getHeader( \"Referer\" ) == \"\"";

impl Translator<'_> {
    pub(super) fn rules(&mut self) {
        let file = self.file;
        // The last one counts for the whole file.
        let engine = file.directives.iter().rev().find_map(|directive| match directive.kind {
            DirectiveKind::RewriteEngine(on) => Some(on),
            _ => None,
        });
        if engine != Some(true) {
            return;
        }
        let is_rule = |directive: &&Directive| matches!(directive.kind, DirectiveKind::RewriteRule(_));
        let last = file.directives.iter().rfind(is_rule).map(|directive| directive.span);
        let (mut skipped, mut in_chain) = (0_usize, false);
        for Directive { span, kind, .. } in &file.directives {
            match kind {
                DirectiveKind::RewriteOptions(_) => self.leave(*span, "is about folders and their parents"),
                DirectiveKind::RewriteRule(rule) => {
                    let is_chained = std::mem::replace(
                        &mut in_chain,
                        rule.flags.iter().any(|written| matches!(written.flag, RuleFlag::Chain)),
                    );
                    let is_skipped = skipped > 0;
                    skipped = skipped.saturating_sub(1).max(skips(rule));
                    if is_chained || is_skipped || in_chain {
                        self.leave(*span, "hangs on whether another rule matched");
                    } else if goes_on(rule) && last != Some(*span) {
                        self.leave(*span, "goes on with the rules behind it on the new URL; L ends there");
                    } else {
                        self.rule(*span, rule);
                    }
                }
                _ => {}
            }
        }
        // what ends nothing any more is left out
        if let Some(from) = self.pass_from {
            self.out.truncate(from);
        }
    }

    fn rule(&mut self, span: Span, rule: &RewriteRule) {
        let action = match Self::action(rule) {
            Ok(Action::Nothing) => return,
            Ok(action) => action,
            Err(why) => return self.leave(span, why),
        };
        let Some(mut condition) = Self::condition(rule) else {
            return self.leave(span, "looks at what rules cannot see, or compares as the language does not");
        };
        self.pass_from = match action {
            Action::Pass => self.pass_from.or(Some(self.out.len())),
            _ => None,
        };
        self.out.push('\n');
        match (self.has_pass, &action) {
            (true, _) => condition = format!("!$passed && ( {condition} )"),
            (false, Action::Pass) => {
                self.out.push_str("$passed = 0;\n");
                self.has_pass = true;
            }
            (false, _) => {}
        }
        for condition in &rule.conditions {
            self.quote(condition.span);
        }
        self.quote(span);
        let by_referer = rule.conditions.iter().any(|condition| looks_at(&condition.subject, b"Referer"));
        if self.form == Form::Gentle && by_referer && matches!(action, Action::Refuse(403)) {
            self.uses_class = true;
            let _written = writeln!(
                self.out,
                "if( ( {condition} ) && !( {GENTLE} ) ) {{\n   response.setBandwidthClass( \"{CLASS}\" );\n}}"
            );
            return;
        }
        let _written = writeln!(self.out, "if( {condition} ) {{\n   {}\n}}", sentence(&action));
    }

    fn action(rule: &RewriteRule) -> Result<Action, String> {
        let (mut end, mut redirect) = (None, None);
        let mut keeps_query = true;
        for written in &rule.flags {
            match &written.flag {
                RuleFlag::Forbidden => end = Some(403),
                RuleFlag::Gone => end = Some(410),
                RuleFlag::Redirect(status) => redirect = Some(*status),
                RuleFlag::Last
                | RuleFlag::End
                | RuleFlag::NoCase
                | RuleFlag::NoEscape
                | RuleFlag::NoSubrequest => {}
                RuleFlag::QueryDiscard => keeps_query = false,
                other => {
                    return Err(format!("has a flag that means nothing in a rule ({})", flag_name(other)));
                }
            }
        }
        if let Some(status) = end {
            return Ok(Action::Refuse(status));
        }
        let (status, template) = match (redirect, &rule.substitution) {
            (Some(status), _) if !(300..400).contains(&status) => return Ok(Action::Refuse(status)),
            (None, Substitution::Keep(_)) => {
                let passes = |flag: &RuleFlag| matches!(flag, RuleFlag::Last | RuleFlag::End);
                let is_pass = rule.flags.iter().any(|written| passes(&written.flag));
                return Ok(if is_pass { Action::Pass } else { Action::Nothing });
            }
            (Some(_), Substitution::Keep(_)) => return Err("redirects to where it is".to_owned()),
            (status, Substitution::Template(template)) => (status, template),
        };
        let is_url = is_url(&template.text);
        match status {
            None if !is_url => Err("sends the request to another path and looks at all rules again; \
                                    http.setPath in a rule of your own, or the file itself, does that"
                .to_owned()),
            status if is_url => {
                let url = Self::url(template, keeps_query)?;
                Ok(Action::Redirect(status.unwrap_or(302), url))
            }
            _ => {
                Err("redirects to a path, which Apache completes by the host and port of the request"
                    .to_owned())
            }
        }
    }

    /// An absolute URL as an expression.
    fn url(template: &Template, keeps_query: bool) -> Result<String, String> {
        let mut parts = Vec::new();
        for part in &template.parts {
            match part {
                TemplatePart::Literal(text) if text.iter().all(|byte| is_plain(*byte)) => {
                    parts.push(string(text));
                }
                TemplatePart::Literal(_) => return Err("has a target that is escaped on its way".to_owned()),
                TemplatePart::Variable(Named::Of(Variable::ServerName), _) => {
                    parts.push("http.getHostHeader()".to_owned());
                }
                TemplatePart::Variable(Named::Field(name), _) if name.eq_ignore_ascii_case(b"Host") => {
                    parts.push("http.getHeader( \"Host\" )".to_owned());
                }
                _ => {
                    return Err(
                        "puts parts of the request into its target, which Apache escapes anew".to_owned()
                    );
                }
            }
        }
        let says_query = template.text.contains(&b'?');
        if !says_query && keeps_query {
            parts.push("$kept".to_owned());
        } else if says_query && template.text.ends_with(b"?") {
            return Err("has a target that ends with a question mark; QSD says the same".to_owned());
        }
        Ok(parts.join(" . "))
    }

    /// Under which condition the rule applies.
    fn condition(rule: &RewriteRule) -> Option<String> {
        let ignores_case = rule.flags.iter().any(|written| matches!(written.flag, RuleFlag::NoCase));
        let mut chains = vec![not(rule.negated, matches("$path", &rule.pattern, ignores_case)?)];
        let mut open: Vec<String> = Vec::new();
        for condition in &rule.conditions {
            open.push(Self::single(condition)?);
            if condition.joined == Joined::And {
                chains.push(format!("( {} )", open.join(" || ")));
                open.clear();
            }
        }
        // A last OR joins to nothing: what fails there does not fail the rule.
        Some(chains.join(" && "))
    }

    fn single(condition: &RewriteCond) -> Option<String> {
        let subject = Self::subject(&condition.subject)?;
        let test = match &condition.test {
            CondTest::Regex(pattern) => matches(&subject, pattern, condition.ignores_case)?,
            CondTest::Text(Comparison::Equal, text) if !condition.ignores_case => {
                format!("{subject} == {}", string(text))
            }
            _ => return None,
        };
        Some(not(condition.negated, test))
    }

    fn subject(template: &Template) -> Option<String> {
        let parts: Option<Vec<String>> = template.parts.iter().map(Self::part).collect();
        let parts = parts?;
        match parts.as_slice() {
            [] => Some("\"\"".to_owned()),
            [one] => Some(one.clone()),
            _ => Some(format!("( {} )", parts.join(" . "))),
        }
    }

    fn part(part: &TemplatePart) -> Option<String> {
        Some(match part {
            TemplatePart::Literal(text) => string(text),
            TemplatePart::Variable(Named::Field(name), _) => format!("http.getHeader( {} )", string(name)),
            TemplatePart::Variable(Named::RequestUri, _) => "$uri".to_owned(),
            TemplatePart::Variable(Named::QueryString, _) => "$query".to_owned(),
            TemplatePart::Variable(Named::Of(Variable::RemoteAddr), _) => "request.getRemoteIP()".to_owned(),
            TemplatePart::Variable(Named::Of(Variable::RequestMethod), _) => "http.getMethod()".to_owned(),
            TemplatePart::Variable(Named::Of(Variable::ServerName), _) => "http.getHostHeader()".to_owned(),
            _ => return None,
        })
    }

    pub(super) fn redirects(&mut self) {
        let file = self.file;
        for Directive { span, kind, .. } in &file.directives {
            match kind {
                DirectiveKind::Redirect(redirect) => self.redirect(*span, redirect),
                DirectiveKind::RedirectMatch(_) => {
                    self.leave(*span, "puts parts of the request into its target, which Apache escapes anew");
                }
                _ => {}
            }
        }
    }

    fn redirect(&mut self, span: Span, redirect: &Redirect) {
        let Redirect { status, place: RedirectPlace::Below { path, target } } = redirect else {
            return self.leave(span, "is for a section of the file");
        };
        let path = one_slash_each(path);
        let is_redirect = (300..400).contains(status);
        let action = match target {
            None if (400..600).contains(status) => Action::Refuse(*status),
            Some(target) if is_redirect && is_url(target) && !target.contains(&b'?') => {
                // What follows goes along as the client wrote it: an escape is one byte of the path.
                let rest = format!(
                    "string.regexsub( $sent, \"^(?:%[0-9A-Fa-f]{{2}}|[^%]){{{}}}\", \"\" )",
                    path.len()
                );
                Action::Redirect(*status, format!("{} . {rest} . $kept", string(target)))
            }
            _ if is_redirect => {
                return self
                    .leave(span, "redirects to a path, which Apache completes by the host of the request");
            }
            _ => return self.leave(span, "answers with what is no status of a refusal"),
        };
        self.out.push('\n');
        self.quote(span);
        let condition = if path.ends_with(b"/") {
            format!("string.startsWith( $uri, {} )", string(&path))
        } else {
            let below = [path.as_slice(), b"/"].concat();
            format!("$uri == {} || string.startsWith( $uri, {} )", string(&path), string(&below))
        };
        let _written = writeln!(self.out, "if( {condition} ) {{\n   {}\n}}", sentence(&action));
    }
}

/// Apache takes any number of slashes for one.
fn one_slash_each(path: &[u8]) -> Vec<u8> {
    let mut out = path.to_vec();
    out.dedup_by(|next, before| *next == b'/' && *before == b'/');
    out
}

fn is_url(text: &[u8]) -> bool {
    text.starts_with(b"http://") || text.starts_with(b"https://")
}

fn not(negated: bool, test: String) -> String {
    if negated { format!("!( {test} )") } else { test }
}

fn sentence(action: &Action) -> String {
    let send = |status: u16, page: &str, fields: &str| {
        format!("http.sendResponse( {status}, \"text/html\", {page}, {fields} );")
    };
    match action {
        Action::Refuse(410) => send(410, "$gone", "\"\""),
        Action::Refuse(status) => send(*status, "$refused", "\"\""),
        Action::Redirect(status, url) => send(*status, "$moved", &format!("\"Location: \" . {url}")),
        Action::Pass => "$passed = 1;".to_owned(),
        Action::Nothing => String::new(),
    }
}

/// Bytes of a URL that no escaping changes.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~/:?=&+,;@!*'()".contains(&byte)
}

fn looks_at(template: &Template, field: &[u8]) -> bool {
    template.parts.iter().any(|part| {
        matches!(part, TemplatePart::Variable(Named::Field(name), _) if name.eq_ignore_ascii_case(field))
    })
}

/// A redirect that does not end the round.
fn goes_on(rule: &RewriteRule) -> bool {
    let ends = |flag: &RuleFlag| match flag {
        RuleFlag::Last | RuleFlag::End | RuleFlag::Forbidden | RuleFlag::Gone => true,
        RuleFlag::Redirect(status) => !(300..400).contains(status),
        _ => false,
    };
    matches!(rule.substitution, Substitution::Template(_))
        && !rule.flags.iter().any(|written| ends(&written.flag))
}

/// How many rules behind this one it may skip.
fn skips(rule: &RewriteRule) -> usize {
    let counts = rule.flags.iter().filter_map(|written| match written.flag {
        RuleFlag::Skip(count) => usize::try_from(count).ok(),
        _ => None,
    });
    counts.max().unwrap_or(0)
}

fn flag_name(flag: &RuleFlag) -> &'static str {
    match flag {
        RuleFlag::Proxy => "P",
        RuleFlag::PassThrough => "PT",
        RuleFlag::Environment(_) => "E",
        RuleFlag::Cookie(_) => "CO",
        RuleFlag::Type(_) => "T",
        RuleFlag::Next(_) => "N",
        RuleFlag::Skip(_) => "S",
        RuleFlag::Chain => "C",
        RuleFlag::QueryAppend => "QSA",
        RuleFlag::QueryLast => "QSL",
        RuleFlag::EscapeBackReferences(_) => "B",
        RuleFlag::Handler(_) => "H",
        _ => "one of its kin",
    }
}
