//! The functions of the language itself: they need no host but to warn.

mod address;
mod array;
mod bytes;
mod change;
mod cut;
mod date;
mod digest;
mod encode;
mod escape;
mod format;
mod hash;
mod json;
mod lang;
mod math;
mod regex;
mod search;

use crate::builtin::{Builtin, Host};
pub use address::address_text;

/// Other names of functions, `(alias, name)`.
pub(crate) const ALIASES: &[(&str, &str)] = &[
    ("string.len", "string.length"),
    ("string.Ireplace", "string.replaceI"),
    ("string.IreplaceAll", "string.replaceAllI"),
    ("lang.tochar", "lang.chr"),
];

/// The reference gives functions of these families a second name, which is their last part: `contains` is
/// `string.contains`. A rule's own sub of that name hides it.
pub(crate) const FAMILIES_WITH_SHORT_NAMES: [&str; 3] = ["string.", "math.", "lang."];

/// Those of the families that have none.
pub(crate) const WITHOUT_SHORT_NAME: [&str; 11] = [
    "string.hexToInt",
    "string.intToHex",
    "string.split",
    "string.gmtime.parse",
    "lang.assert",
    "lang.dump",
    "lang.isArray",
    "lang.isHash",
    "lang.toArray",
    "lang.toHash",
    "lang.warn",
];

/// One record, in the order name, summary, parameters, what it gives, effect, examples, text, code.
macro_rules! row {
    ($name:literal, $summary:literal, ($($param:expr),*), $returns:ident, $effect:ident,
     [$($rule:literal => $gives:literal),+ $(,)?], $doc:literal, $call:expr $(,)?) => {
        crate::builtin::Builtin {
            name: $name,
            summary: $summary,
            params: const { &[$($param),*] },
            returns: crate::builtin::Kind::$returns,
            stages: crate::builtin::Stages::ALL,
            effect: crate::builtin::Effect::$effect,
            examples: &[$(crate::builtin::Example { rule: $rule, given: "", gives: $gives }),+],
            doc: $doc,
            call: $call,
        }
    };
}
use row;

/// All of them, for any host.
pub(crate) fn rows<H: Host>() -> Vec<Builtin<H>> {
    [
        search::rows(),
        cut::rows(),
        change::rows(),
        regex::rows(),
        format::rows(),
        escape::rows(),
        encode::rows(),
        bytes::rows(),
        digest::rows(),
        date::rows(),
        address::rows(),
        lang::rows(),
        math::rows(),
        array::rows(),
        hash::rows(),
        json::rows(),
    ]
    .concat()
}

/// A number of bytes or elements that was given as an integer; a negative one is 0.
fn count(number: i64) -> usize {
    usize::try_from(number).unwrap_or(if number < 0 { 0 } else { usize::MAX })
}
