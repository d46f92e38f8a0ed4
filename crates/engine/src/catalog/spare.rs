//! Rate classes that admit by spare capacity: from what was said to what is meant.

use super::Catalog;
use super::PoolId;
use super::check::{Checker, many, toml_key};
use super::read::{At, BAD_VALUE, Slot, shown};
use super::said::{self, RateBy};
use crate::nodes::hash;
use shaping::SpareLimits;
use source::{DiagnosticId, Span, nearest};

/// A key that means nothing beside `rate`.
const MIXED: DiagnosticId = DiagnosticId("rate-class-mixed");
/// Two classes that admit by what one pool bears.
const POOL_TAKEN: DiagnosticId = DiagnosticId("spare-pool-taken");
/// A visit mark that no virtual server signs.
const UNSIGNED: DiagnosticId = DiagnosticId("visit-mark-unsigned");

/// What is said of a class that admits by spare capacity, beside its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpareUse {
    /// Whose nodes are watched.
    pub pool: PoolId,
    /// Sites whose visitors come in before others'.
    pub partners: Vec<Box<str>>,
    /// The mark of those who are inside.
    pub visit_mark: Option<Box<[u8]>>,
}

impl Checker<'_> {
    /// What the class means by spare capacity, if it goes by that.
    pub(super) fn spare(
        &mut self,
        name: &At<String>,
        said: &At<said::RateClass>,
        catalog: &Catalog,
    ) -> Option<(SpareUse, SpareLimits)> {
        let class = &said.value;
        if *class.rate.value()? != RateBy::Spare {
            self.spare_keys_without_spare(said);
            return None;
        }
        self.numbers_beside_spare(said);
        let pool = self.required(&class.spare_of, "spare_of", name, said.span)?;
        let pool_name = &pool.value.0;
        let Some(at) = catalog.pools.iter().position(|known| *known.name == **pool_name) else {
            let help = match nearest(pool_name, catalog.pools.iter().map(|pool| &*pool.name)) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("declare it as [pools.{}]", toml_key(pool_name)),
            };
            let message = format!("there is no pool `{}`", shown(pool_name));
            self.error(super::check::UNKNOWN_POOL, message, pool.span, &help);
            return None;
        };
        let id = PoolId(u32::try_from(at).unwrap_or(u32::MAX));
        if let Some((other, _)) = catalog.spare_classes.iter().find(|(_, known)| known.pool == id) {
            let message = format!("the rate class `{}` goes by this pool already", shown(other));
            self.error(POOL_TAKEN, message, pool.span, "rules can use one class in many places");
            return None;
        }
        let (floor, ceiling) = (class.floor.said()?, class.ceiling.said()?);
        if ceiling.value.0 < floor.value.0 {
            let message = "`ceiling` is below `floor`".to_owned();
            let span = span_of(&class.ceiling, said.span).unwrap_or(floor.span);
            self.error(BAD_VALUE, message, span, "the floor is the least that is let in");
        }
        let meant = SpareUse {
            pool: id,
            partners: self.partners(class),
            visit_mark: class.visit_mark.value().map(|mark| mark.0.as_bytes().into()),
        };
        let pool = hash::hash(pool_name.as_bytes());
        let (floor, ceiling) = (floor.value.0, ceiling.value.0.max(floor.value.0));
        Some((meant, SpareLimits { floor, ceiling, pool }))
    }

    fn partners(&mut self, class: &said::RateClass) -> Vec<Box<str>> {
        let mut partners = Vec::new();
        for at in many(&class.partners) {
            if visit::Host::of(at.value.0.as_bytes()).is_none() {
                let message = format!("`{}` is no host", shown(&at.value.0));
                self.error(
                    BAD_VALUE,
                    message,
                    at.span,
                    "a name stands for those below it: \"partner.example\"",
                );
            }
            partners.push(at.value.0.as_str().into());
        }
        partners
    }

    fn numbers_beside_spare(&mut self, said: &At<said::RateClass>) {
        let class = &said.value;
        let numbers = [
            ("max_rate_per_second", span_of(&class.max_rate_per_second, said.span)),
            ("max_rate_per_minute", span_of(&class.max_rate_per_minute, said.span)),
            ("total_per_second", span_of(&class.total_per_second, said.span)),
            ("total_per_minute", span_of(&class.total_per_minute, said.span)),
            ("fair_by", span_of(&class.fair_by, said.span)),
            ("spaced", span_of(&class.spaced, said.span)),
        ];
        for (key, span) in numbers {
            let Some(span) = span else { continue };
            let message = format!("`{key}` means nothing with `rate = \"spare\"`");
            let help =
                "for both, declare two classes and let the rule use one after the other, the spare one last";
            self.error(MIXED, message, span, help);
        }
    }

    fn spare_keys_without_spare(&mut self, said: &At<said::RateClass>) {
        let class = &said.value;
        let keys = [
            ("spare_of", span_of(&class.spare_of, said.span)),
            ("floor", span_of(&class.floor, said.span)),
            ("ceiling", span_of(&class.ceiling, said.span)),
            ("partners", span_of(&class.partners, said.span)),
            ("visit_mark", span_of(&class.visit_mark, said.span)),
        ];
        for (key, span) in keys {
            let Some(span) = span else { continue };
            let message = format!("`{key}` means nothing without `rate = \"spare\"`");
            self.error(MIXED, message, span, "add rate = \"spare\", or leave it out");
        }
    }

    /// Whether somebody signs the marks by which visits are known.
    pub(super) fn visit_marks(&mut self, catalog: &Catalog) {
        for (name, class) in super::check::named(&self.said.rate_classes) {
            let Some(mark) = class.value().and_then(|class| class.visit_mark.said()) else { continue };
            if !catalog.spare_classes.contains_key(&name.value) {
                continue;
            }
            let is_signed = catalog.virtual_servers.iter().any(|server| {
                server
                    .marks
                    .names
                    .iter()
                    .any(|known| known.is_signed && *known.name == *mark.value.0.as_bytes())
            });
            if !is_signed {
                let message = format!("no virtual server signs the mark `{}`", shown(&mark.value.0));
                let help = format!("add marks = [\"{}\"] to the virtual server", shown(&mark.value.0));
                self.doubt(UNSIGNED, message, mark.span, &help);
            }
        }
    }
}

/// Where it was written; `None` if it was not: what stands in for it has the place of the whole table.
fn span_of<T>(slot: &Slot<T>, table: Span) -> Option<Span> {
    slot.said().map(|at| at.span).filter(|span| *span != table)
}
