//! Variables of the environment, and who may come in: `SetEnvIf`, `Order`, `Allow`, `Deny`, `Require`.

use super::Translator;
use super::text::{matches, string};
use crate::directive::{
    AccessList, AccessOrder, AccessSource, AddressRange, Attribute, Directive, DirectiveKind,
    EnvironmentSetting, Requirement, RequirementKind, Satisfy, SetEnvIf, SetEnvIfTest,
};
use source::Span;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Variables that are set under a condition.
pub(super) struct Mark {
    span: Span,
    condition: String,
    sets: Vec<(String, u8)>,
}

/// What a requirement comes to: it holds if `holds`, and fails if `fails` (`None`: if it does not hold).
struct Tested {
    holds: String,
    fails: Option<String>,
}

impl Translator<'_> {
    /// Reads what sets variables; it is written when it is known which of them anything looks at.
    pub(super) fn variables(&mut self) {
        let file = self.file;
        for Directive { span, kind, .. } in &file.directives {
            let DirectiveKind::SetEnvIf(set) = kind else { continue };
            match self.set_env_if(*span, set) {
                Some(mark) => self.marks.push(mark),
                None => self.leave(*span, "looks at what rules cannot see, or sets more than a mark"),
            }
        }
    }

    fn set_env_if(&mut self, span: Span, set: &SetEnvIf) -> Option<Mark> {
        let SetEnvIfTest::Attribute(attribute, pattern) = &set.test else { return None };
        let subject = match attribute {
            Attribute::RemoteAddr => "request.getRemoteIP()".to_owned(),
            Attribute::RequestMethod => "http.getMethod()".to_owned(),
            Attribute::RequestUri => "$uri".to_owned(),
            Attribute::Named(name) if self.environment.knows(name) => return None,
            Attribute::Named(name) => format!("http.getHeader( {} )", string(name)),
            _ => return None,
        };
        let condition = matches(&subject, pattern, false)?;
        let mut sets = Vec::new();
        for setting in &set.settings {
            let (name, value) = match setting {
                EnvironmentSetting::Set(name, _) => (name, 1),
                EnvironmentSetting::Unset(name) => (name, 0),
            };
            sets.push((self.environment.variable(name), value));
        }
        Some(Mark { span, condition, sets })
    }

    /// Puts the variables that the rest looks at in front of it.
    pub(super) fn write_variables(&mut self) {
        let rest = std::mem::take(&mut self.out);
        let used: Vec<String> =
            self.environment.variables().into_iter().filter(|variable| rest.contains(variable)).collect();
        if !used.is_empty() {
            self.out.push('\n');
        }
        for variable in &used {
            let _written = writeln!(self.out, "{variable} = 0;");
        }
        for Mark { span, condition, mut sets } in std::mem::take(&mut self.marks) {
            sets.retain(|(variable, _)| used.contains(variable));
            if sets.is_empty() {
                self.leave(span, "sets what no line here looks at");
                continue;
            }
            self.quote(span);
            let _written = writeln!(self.out, "if( {condition} ) {{");
            for (variable, value) in sets {
                let _written = writeln!(self.out, "   {variable} = {value};");
            }
            self.out.push_str("}\n");
        }
        self.out.push_str(&rest);
    }

    pub(super) fn access(&mut self) {
        let file = self.file;
        let of_kind = |wanted: fn(&DirectiveKind) -> bool| {
            file.directives.iter().filter(move |directive| wanted(&directive.kind)).collect::<Vec<_>>()
        };
        let old = of_kind(|kind| matches!(kind, DirectiveKind::Order(_) | DirectiveKind::Access(..)));
        let new = of_kind(|kind| matches!(kind, DirectiveKind::Require(_)));
        let satisfy = of_kind(|kind| matches!(kind, DirectiveKind::Satisfy(Satisfy::Any)));
        for directive in satisfy {
            self.leave(directive.span, "makes a login enough, and nobody here can check one");
        }
        self.piece(&old, |translator| translator.order(&old));
        self.piece(&new, |translator| translator.require(&new));
    }

    /// A condition under which the request is refused, from several lines.
    fn piece(&mut self, directives: &[&Directive], refuses: impl FnOnce(&mut Self) -> Option<String>) {
        if directives.is_empty() {
            return;
        }
        let is_limited = directives.iter().any(|directive| directive.limit.is_some());
        let refuses = if is_limited { None } else { refuses(self) };
        let Some(condition) = refuses else {
            for directive in directives {
                self.leave(directive.span, "asks for what rules cannot see, or for some methods only");
            }
            return;
        };
        self.out.push('\n');
        for directive in directives {
            self.quote(directive.span);
        }
        let _written = writeln!(
            self.out,
            "if( {condition} ) {{\n   http.sendResponse( 403, \"text/html\", $refused, \"\" );\n}}"
        );
    }

    fn order(&mut self, directives: &[&Directive]) -> Option<String> {
        let (mut order, mut allowed, mut denied) = (AccessOrder::DenyAllow, Vec::new(), Vec::new());
        for directive in directives {
            match &directive.kind {
                DirectiveKind::Order(written) => order = *written,
                DirectiveKind::Access(list, sources) => {
                    for source in sources {
                        let test = self.source(source)?;
                        if *list == AccessList::Allow { allowed.push(test) } else { denied.push(test) }
                    }
                }
                _ => {}
            }
        }
        let any = |tests: Vec<String>| if tests.is_empty() { "0".to_owned() } else { tests.join(" || ") };
        let (allowed, denied) = (any(allowed), any(denied));
        Some(match order {
            AccessOrder::DenyAllow => format!("( {denied} ) && !( {allowed} )"),
            AccessOrder::AllowDeny | AccessOrder::MutualFailure => format!("!( {allowed} ) || ( {denied} )"),
        })
    }

    fn source(&mut self, source: &AccessSource) -> Option<String> {
        match source {
            AccessSource::All => Some("1".to_owned()),
            AccessSource::Environment(name) => self.is_set(name),
            AccessSource::NoEnvironment(name) => self.is_set(name).map(|test| format!("!{test}")),
            AccessSource::Address(range) => address(*range),
            AccessSource::Host(_) => None,
        }
    }

    /// A variable that no line sets here may be set elsewhere.
    fn is_set(&mut self, name: &[u8]) -> Option<String> {
        self.environment.knows(name).then(|| self.environment.variable(name))
    }

    /// Lines beside each other: one is enough.
    fn require(&mut self, directives: &[&Directive]) -> Option<String> {
        let requirements = directives.iter().filter_map(|directive| match &directive.kind {
            DirectiveKind::Require(requirement) => Some(requirement),
            _ => None,
        });
        let tested: Option<Vec<Tested>> =
            requirements.map(|requirement| self.requirement(requirement)).collect();
        Some(format!("!( {} )", any_of(&tested?)))
    }

    fn requirement(&mut self, requirement: &Requirement) -> Option<Tested> {
        let Requirement { negated, kind, span } = requirement;
        let plain = |test: String| Some(Tested { holds: test, fails: None });
        let tested = match kind {
            RequirementKind::Granted => plain("1".to_owned()),
            RequirementKind::Denied => plain("0".to_owned()),
            RequirementKind::Environment(names) => {
                let tests: Option<Vec<String>> = names.iter().map(|name| self.is_set(name)).collect();
                plain(format!("( {} )", tests?.join(" || ")))
            }
            RequirementKind::Address(ranges) => {
                let tests: Option<Vec<String>> = ranges.iter().map(|range| address(*range)).collect();
                plain(format!("( {} )", tests?.join(" || ")))
            }
            RequirementKind::Method(methods) => {
                let is = |name: &Vec<u8>| format!("http.getMethod() == {}", string(name));
                // Apache counts HEAD as GET.
                if methods.iter().any(|name| name == b"GET" || name == b"HEAD") {
                    return None;
                }
                plain(format!("( {} )", methods.iter().map(is).collect::<Vec<_>>().join(" || ")))
            }
            RequirementKind::All(inner) => self.section(inner, all_of),
            RequirementKind::Any(inner) => self.section(inner, |tested| (any_of(tested), None)),
            RequirementKind::None(inner) => {
                self.section(inner, |tested| ("0".to_owned(), Some(any_of(tested))))
            }
            _ => {
                self.unseen(*span);
                None
            }
        }?;
        // What is negated can only fail.
        Some(if *negated { Tested { holds: "0".to_owned(), fails: Some(tested.holds) } } else { tested })
    }

    fn section(
        &mut self,
        inner: &[Requirement],
        join: fn(&[Tested]) -> (String, Option<String>),
    ) -> Option<Tested> {
        let tested: Option<Vec<Tested>> =
            inner.iter().map(|requirement| self.requirement(requirement)).collect();
        let (holds, fails) = join(&tested?);
        Some(Tested { holds, fails })
    }

    fn unseen(&mut self, span: Span) {
        self.leave(span, "asks for what rules cannot see");
    }
}

fn any_of(tested: &[Tested]) -> String {
    let tests: Vec<&str> = tested.iter().map(|tested| tested.holds.as_str()).collect();
    if tests.is_empty() { "0".to_owned() } else { format!("( {} )", tests.join(" || ")) }
}

/// None fails, and one holds.
fn all_of(tested: &[Tested]) -> (String, Option<String>) {
    let one = any_of(tested);
    let mut parts = vec![one];
    for Tested { holds, fails } in tested {
        parts.push(match fails {
            Some(fails) => format!("!{fails}"),
            None => holds.clone(),
        });
    }
    (format!("( {} )", parts.join(" && ")), None)
}

/// Whether the client's address is one of these; `None` for a mask with holes.
fn address(range: AddressRange) -> Option<String> {
    let (network, bits) = match range {
        AddressRange::V4(network, mask) if mask.leading_ones() + mask.trailing_zeros() >= 32 => {
            (Ipv4Addr::from(network & mask).to_string(), mask.leading_ones())
        }
        AddressRange::V6(network, mask) if mask.leading_ones() + mask.trailing_zeros() >= 128 => {
            (Ipv6Addr::from(network & mask).to_string(), mask.leading_ones())
        }
        _ => return None,
    };
    Some(format!("string.ipmaskmatch( request.getRemoteIP(), \"{network}/{bits}\" )"))
}
