//! One record per function, and the table of them.

use crate::call::Call;
use crate::pattern_cache::PatternCache;
use crate::table::Table;
use crate::value::Value;
use crate::{FaultKind, Warning, stdlib};
use std::collections::BTreeMap;
use std::fmt;

/// What a run needs of whoever runs it, besides the functions.
pub trait Host {
    /// A rule did something odd and goes on.
    fn warn(&mut self, warning: Warning);

    /// Fills `out` with bytes that nobody can foresee: what `math.random`, `string.randomBytes` and
    /// `string.encrypt` draw. The language has no source of its own.
    fn random(&mut self, out: &mut [u8]);

    /// Where patterns that rules put together while running are kept from one run to the next; without it each run
    /// compiles its own.
    fn patterns(&self) -> Option<&PatternCache> {
        None
    }
}

/// A function of the language, with all that is said about it. No field has a default: a function without a
/// summary, a text and an example does not compile.
pub struct Builtin<H> {
    /// The published spelling; names are compared without ASCII case.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// In order; optional ones last, a repeated one at the end.
    pub params: &'static [Param],
    /// What it gives.
    pub returns: Kind,
    /// Where it means something.
    pub stages: Stages,
    /// What it does to the world.
    pub effect: Effect,
    /// At least one; each is run by a test.
    pub examples: &'static [Example],
    /// The manual's text, in Markdown.
    pub doc: &'static str,
    /// What runs.
    pub call: fn(&mut Call<'_, H>) -> Answer,
}

impl<H> Clone for Builtin<H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H> Copy for Builtin<H> {}

impl<H> fmt::Debug for Builtin<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builtin").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<H> Builtin<H> {
    /// Fewest arguments, and most (`None`: any number).
    pub fn arity(&self) -> (usize, Option<usize>) {
        let least = self.params.iter().filter(|param| param.presence == Presence::Required).count();
        let is_open = self.params.iter().any(|param| param.presence == Presence::Repeated);
        (least, (!is_open).then_some(self.params.len()))
    }

    /// `name( first, [second] )` as manuals print it.
    pub fn signature(&self) -> String {
        if self.params.is_empty() {
            return format!("{}()", self.name);
        }
        let shown: Vec<String> = self
            .params
            .iter()
            .map(|param| match param.presence {
                Presence::Required => param.name.to_owned(),
                Presence::Optional => format!("[{}]", param.name),
                Presence::Repeated => format!("[{}..]", param.name),
            })
            .collect();
        format!("{}( {} )", self.name, shown.join(", "))
    }
}

/// What a function answers.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The call's value.
    Value(Value),
    /// The host has to wait for something; it hands the call's value to the next `resume`.
    Wait,
    /// The rule is over.
    EndRule,
    /// The rule is over, and something is wrong.
    Fault(FaultKind),
}

impl<T: Into<Value>> From<T> for Answer {
    fn from(value: T) -> Self {
        Self::Value(value.into())
    }
}

/// Where a function means something, as bits. The language gives the bits no meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stages(pub u32);

impl Stages {
    /// In all of them.
    pub const ALL: Self = Self(u32::MAX);

    /// All of both.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every stage of `other` is one of these.
    pub const fn holds(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl Effect {
    /// The same, as it is in one stage.
    pub(crate) fn within(self, stage: Stages) -> Self {
        match self {
            Self::EndsIn(stages) if stages.holds(stage) => Self::Ends,
            Self::EndsIn(_) => Self::Changes,
            other => other,
        }
    }

    /// As a sentence, for manuals.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Pure => "Gives a value and changes nothing.",
            Self::Reads => "Looks at the transaction or the machine, and changes nothing.",
            Self::Changes => {
                "Changes something: an argument, `$1` to `$9`, or what becomes of the transaction."
            }
            Self::Waits => "The rule may have to wait; it goes on behind the call.",
            Self::Ends => "Ends the rule: nothing behind it runs.",
            Self::EndsIn(_) => "Ends the rule where it can do its work: nothing behind it runs.",
        }
    }
}

/// What a function does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing, and it looks at nothing but its arguments.
    Pure,
    /// It looks.
    Reads,
    /// It changes something: an argument, `$1` … `$9`, the transaction.
    Changes,
    /// It may answer [`Answer::Wait`].
    Waits,
    /// It changes something, and the rule is over, whatever it was given: nothing behind it runs.
    Ends,
    /// The same in these stages; in others the rule goes on.
    EndsIn(Stages),
}

/// The kind of value a function takes or gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whatever it is.
    Any,
    /// Bytes.
    String,
    /// Rounded to an integer.
    Integer,
    /// A number.
    Double,
    /// 1 or 0; any value is taken as true or false.
    Truth,
    /// An array.
    Array,
    /// A hash.
    Hash,
    /// A regular expression. A literal one is compiled with the rule; [`Call::pattern`] gives it.
    Pattern,
    /// Letters that change how the [`Kind::Pattern`] before it is read.
    Flags,
    /// The empty string.
    Nothing,
}

impl Kind {
    /// What stands for a value of this kind where there is none.
    pub(crate) fn empty(self) -> Value {
        match self {
            Self::Integer | Self::Truth => Value::from(0),
            Self::Double => Value::from(0.0),
            Self::Array => Value::array(Vec::new()),
            Self::Hash => Value::hash(Table::default()),
            Self::Any | Self::String | Self::Pattern | Self::Flags | Self::Nothing => Value::EMPTY,
        }
    }

    /// One word in lower case, for manuals.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Double => "double",
            Self::Truth => "truth",
            Self::Array => "array",
            Self::Hash => "hash",
            Self::Pattern => "pattern",
            Self::Flags => "flags",
            Self::Nothing => "nothing",
        }
    }
}

/// Whether an argument must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It must.
    Required,
    /// It need not.
    Optional,
    /// Any number of them, none too.
    Repeated,
}

/// What a function takes.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Without `$`.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// What is made of the argument.
    pub kind: Kind,
    /// Whether it must be there.
    pub presence: Presence,
}

impl Param {
    /// A required one of any kind.
    pub const fn new(kind: Kind, name: &'static str, summary: &'static str) -> Self {
        Self { name, summary, kind, presence: Presence::Required }
    }

    /// Any value.
    pub const fn any(name: &'static str, summary: &'static str) -> Self {
        Self::new(Kind::Any, name, summary)
    }

    /// Bytes.
    pub const fn string(name: &'static str, summary: &'static str) -> Self {
        Self::new(Kind::String, name, summary)
    }

    /// A number, rounded.
    pub const fn integer(name: &'static str, summary: &'static str) -> Self {
        Self::new(Kind::Integer, name, summary)
    }

    /// A number.
    pub const fn double(name: &'static str, summary: &'static str) -> Self {
        Self::new(Kind::Double, name, summary)
    }

    /// True or false.
    pub const fn truth(name: &'static str, summary: &'static str) -> Self {
        Self::new(Kind::Truth, name, summary)
    }

    /// An array.
    pub const fn array(name: &'static str, summary: &'static str) -> Self {
        Self::new(Kind::Array, name, summary)
    }

    /// A hash.
    pub const fn hash(name: &'static str, summary: &'static str) -> Self {
        Self::new(Kind::Hash, name, summary)
    }

    /// A regular expression.
    pub const fn pattern(name: &'static str, summary: &'static str) -> Self {
        Self::new(Kind::Pattern, name, summary)
    }

    /// Flags of the pattern before.
    pub const fn flags(name: &'static str, summary: &'static str) -> Self {
        Self::new(Kind::Flags, name, summary)
    }

    /// The same, but it need not be there.
    #[must_use]
    pub const fn optional(self) -> Self {
        Self { presence: Presence::Optional, ..self }
    }

    /// The same, but any number of times.
    #[must_use]
    pub const fn repeated(self) -> Self {
        Self { presence: Presence::Repeated, ..self }
    }
}

/// A use of a function with its outcome.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// Rule text. One that is an expression (no `;` at its end) gives its own value; a longer one gives what it
    /// leaves in `$1`.
    pub rule: &'static str,
    /// What the host is told beforehand, in the host's own words; empty where the function is pure.
    pub given: &'static str,
    /// The outcome as text.
    pub gives: &'static str,
}

/// Why a table of functions cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableError {
    /// Two functions, or a function and an alias, have this name.
    Duplicate(String),
    /// An alias of a function that is not there.
    NoSuchFunction(String),
    /// A parameter that must be there follows one that need not, or another follows a repeated one.
    BadParams(String),
    /// There are more functions than the machine can number.
    TooMany,
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate(name) => write!(f, "two functions are called {name}"),
            Self::NoSuchFunction(name) => write!(f, "an alias of {name}, which does not exist"),
            Self::BadParams(name) => write!(f, "the parameters of {name} are in the wrong order"),
            Self::TooMany => f.write_str("too many functions"),
        }
    }
}

impl std::error::Error for TableError {}

/// The functions rules can call: those of the language and those of the host. Names are looked up when a rule is
/// compiled; a program knows functions by their place.
pub struct Builtins<H> {
    rows: Vec<Builtin<H>>,
    /// Names and aliases in lower case.
    index: BTreeMap<String, usize>,
    /// Known elsewhere: lower-case name, reason.
    unsupported: BTreeMap<String, (&'static str, &'static str)>,
    /// The host's words for its stages.
    stage_names: &'static [(Stages, &'static str)],
    /// Stages that rules are written for together.
    kindred: &'static [Stages],
    /// A function, and what does its work in rules of another kind.
    elsewhere: &'static [(&'static str, &'static str)],
    /// Tells tables apart.
    fingerprint: u64,
}

impl<H> fmt::Debug for Builtins<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.rows).finish()
    }
}

impl<H: Host> Builtins<H> {
    /// The language's own functions, then `rows`.
    ///
    /// # Errors
    /// Where two functions share a name, or parameters are in an order that no call could mean.
    pub fn new(rows: impl IntoIterator<Item = Builtin<H>>) -> Result<Self, TableError> {
        let mut table = Self {
            rows: Vec::new(),
            index: BTreeMap::new(),
            unsupported: BTreeMap::new(),
            stage_names: &[],
            kindred: &[],
            elsewhere: &[],
            fingerprint: 0xcbf2_9ce4_8422_2325,
        };
        for row in stdlib::rows().into_iter().chain(rows) {
            table.add(row)?;
        }
        for (alias, name) in stdlib::ALIASES {
            table = table.alias(alias, name)?;
        }
        table.short_names()
    }

    fn short_names(mut self) -> Result<Self, TableError> {
        let known: Vec<String> = self.index.keys().cloned().collect();
        for name in known {
            let is_without = stdlib::WITHOUT_SHORT_NAME.iter().any(|none| none.eq_ignore_ascii_case(&name));
            let mut families = stdlib::FAMILIES_WITH_SHORT_NAMES.iter();
            if let Some(short) = families.find_map(|family| name.strip_prefix(family)).filter(|_| !is_without)
            {
                self = self.alias(short, &name)?;
            }
        }
        Ok(self)
    }

    fn add(&mut self, row: Builtin<H>) -> Result<(), TableError> {
        let mut before = Presence::Required;
        for param in row.params {
            let follows = match before {
                Presence::Required => true,
                Presence::Optional => param.presence != Presence::Required,
                Presence::Repeated => false,
            };
            if !follows {
                return Err(TableError::BadParams(row.name.to_owned()));
            }
            before = param.presence;
        }
        let place = self.rows.len();
        if place > usize::from(u16::MAX) {
            return Err(TableError::TooMany);
        }
        if self.index.insert(row.name.to_ascii_lowercase(), place).is_some() {
            return Err(TableError::Duplicate(row.name.to_owned()));
        }
        for byte in row.name.bytes().chain([0]) {
            self.fingerprint = (self.fingerprint ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.rows.push(row);
        Ok(())
    }

    /// Adds another name for a function.
    ///
    /// # Errors
    /// Where the name is taken or the function is not there.
    pub fn alias(mut self, alias: &str, name: &str) -> Result<Self, TableError> {
        let Some((place, _)) = self.find(name) else {
            return Err(TableError::NoSuchFunction(name.to_owned()));
        };
        if self.index.insert(alias.to_ascii_lowercase(), place).is_some() {
            return Err(TableError::Duplicate(alias.to_owned()));
        }
        Ok(self)
    }
}

impl<H> Builtins<H> {
    /// Adds names that rules written for other products may use, with the reason why they do not work here.
    #[must_use]
    pub fn unsupported(mut self, names: impl IntoIterator<Item = (&'static str, &'static str)>) -> Self {
        self.unsupported
            .extend(names.into_iter().map(|(name, why)| (name.to_ascii_lowercase(), (name, why))));
        self
    }

    /// Says what the host calls its stages; in this order they are listed.
    #[must_use]
    pub fn stage_names(mut self, names: &'static [(Stages, &'static str)]) -> Self {
        self.stage_names = names;
        self
    }

    /// Says which stages belong together. A function that means something in one of them may be called in all: where
    /// it means nothing it does nothing, gives the empty value of its kind, and the check warns. Elsewhere a call of it
    /// is a mistake.
    #[must_use]
    pub fn with_kindred(mut self, groups: &'static [Stages]) -> Self {
        self.kindred = groups;
        self
    }

    pub(crate) fn are_kindred(&self, stages: Stages, stage: Stages) -> bool {
        self.kindred.iter().any(|group| group.holds(stage) && group.0 & stages.0 != 0)
    }

    /// Says what does a function's work in rules of another kind, for who uses it out of place.
    #[must_use]
    pub fn with_elsewhere(mut self, pairs: &'static [(&'static str, &'static str)]) -> Self {
        self.elsewhere = pairs;
        self
    }

    pub(crate) fn elsewhere(&self, name: &str) -> Option<&'static str> {
        let pair = self.elsewhere.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        pair.map(|(_, other)| *other)
    }

    /// Stages in words; `None` for all that there are.
    pub fn stages_in_words(&self, stages: Stages) -> Option<Vec<&'static str>> {
        let meant: Vec<&'static str> = self
            .stage_names
            .iter()
            .filter(|(stage, _)| stages.holds(*stage))
            .map(|(_, name)| *name)
            .collect();
        (meant.len() < self.stage_names.len()).then_some(meant)
    }

    /// The other names of a function, in alphabetical order, in lower case.
    pub fn aliases<'t>(&'t self, name: &'t str) -> impl Iterator<Item = &'t str> {
        let place = self.find(name).map(|(place, _)| place);
        let is_other = move |(known, at): &(&'t String, &usize)| {
            Some(**at) == place && !known.eq_ignore_ascii_case(name)
        };
        self.index.iter().filter(is_other).map(|(known, _)| known.as_str())
    }

    /// Names that are known from elsewhere and do not exist here, with the reason; in alphabetical order.
    pub fn all_unsupported(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.unsupported.values().copied()
    }

    /// A function and its place, by name or alias.
    pub fn find(&self, name: &str) -> Option<(usize, &Builtin<H>)> {
        let place = *self.index.get(name.to_ascii_lowercase().as_str())?;
        Some((place, self.rows.get(place)?))
    }

    /// The function at a place.
    #[inline]
    pub fn row(&self, place: usize) -> Option<&Builtin<H>> {
        self.rows.get(place)
    }

    /// All functions, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Builtin<H>> {
        self.rows.iter()
    }

    /// The published spelling that was probably meant.
    pub fn near(&self, name: &str) -> Option<&'static str> {
        source::nearest(name, self.rows.iter().map(|row| row.name))
    }

    /// Why a function that is known elsewhere does not exist here.
    pub fn unsupported_reason(&self, name: &str) -> Option<&'static str> {
        self.unsupported.get(name.to_ascii_lowercase().as_str()).map(|(_, why)| *why)
    }

    pub(crate) fn fingerprint(&self) -> u64 {
        self.fingerprint
    }
}
