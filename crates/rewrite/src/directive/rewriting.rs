//! `mod_rewrite`: rules, their conditions and flags, options, maps.

use super::{Expression, Regex, Template};
use crate::FileTest;
use source::Span;

/// A word of `RewriteOptions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RewriteOption {
    /// `Inherit`: the parent's rules run after these.
    Inherit,
    /// `InheritBefore`: the parent's rules run before these.
    InheritBefore,
    /// `InheritDown`: children act as if they had `Inherit`.
    InheritDown,
    /// `InheritDownBefore`: children act as if they had `InheritBefore`.
    InheritDownBefore,
    /// `IgnoreInherit`: not even if the parent says `InheritDown`.
    IgnoreInherit,
    /// `AllowNoSlash`: rules also run for a folder that was asked for without its last slash.
    AllowNoSlash,
    /// `AllowAnyURI`: rules also see request targets that are no paths.
    AllowAnyUri,
    /// `MergeBase`: the parent's `RewriteBase` counts where none is written.
    MergeBase,
    /// `IgnoreContextInfo`
    IgnoreContextInfo,
    /// `LegacyPrefixDocRoot`
    LegacyPrefixDocumentRoot,
    /// `UnsafePrefixStat`, `UnsafeAllow3F` and what later versions know; or `MaxRedirects=N`, which has no effect any more.
    NoEffect,
}

/// A `RewriteRule`, and what stands before it.
#[derive(Clone, Debug)]
pub struct RewriteRule {
    /// Its conditions, in order.
    pub conditions: Vec<RewriteCond>,
    /// The pattern begins with `!`.
    pub negated: bool,
    /// What the path is compared with.
    pub pattern: Regex,
    /// What the path becomes.
    pub substitution: Substitution,
    /// As written, in order.
    pub flags: Vec<WrittenFlag>,
}

/// What the path becomes.
#[derive(Clone, Debug)]
pub enum Substitution {
    /// `-`: it stays.
    Keep(Span),
    /// This.
    Template(Template),
}

impl Substitution {
    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            Self::Keep(span) => *span,
            Self::Template(template) => template.span,
        }
    }
}

/// A flag of a rule.
#[derive(Clone, Debug)]
pub struct WrittenFlag {
    /// All of it, `R=301`.
    pub span: Span,
    /// What it says.
    pub flag: RuleFlag,
}

/// What a flag of a rule says.
#[derive(Clone, Debug)]
pub enum RuleFlag {
    /// `B`, `B=chars`, `BCTLS`, `BNE=chars`
    EscapeBackReferences(EscapeBackReferences),
    /// `BNP`: a blank that `B` escapes becomes `%20`, not `+`.
    EscapeNoPlus,
    /// `C`: the next rule is tried only if this one matched.
    Chain,
    /// `CO=name:value:domain:lifetime:path:secure:httponly:samesite`, split after it is expanded.
    Cookie(Template),
    /// `DPI`: what is behind the file's name is not put back.
    DiscardPathInfo,
    /// `E=name:value`, `E=!name`, `E=name`; split after it is expanded.
    Environment(Template),
    /// `END`: no round follows.
    End,
    /// `F`: 403.
    Forbidden,
    /// `G`: 410.
    Gone,
    /// `H=handler`
    Handler(Template),
    /// `L`: this round ends.
    Last,
    /// `N`, `N=rounds`: from the first rule on again; how often at most.
    Next(Option<i32>),
    /// `NC`: letters of both cases are the same.
    NoCase,
    /// `NE`: the result is not escaped.
    NoEscape,
    /// `NS`: not for subrequests.
    NoSubrequest,
    /// `P`: it goes to another server.
    Proxy,
    /// `PT`: the result is mapped to a file like any other path.
    PassThrough,
    /// `QSA`: the query as it was is appended.
    QueryAppend,
    /// `QSD`: the query as it was is dropped.
    QueryDiscard,
    /// `QSL`: the query begins at the last `?`.
    QueryLast,
    /// `R` (302), `R=status`: a redirect if the status is 3xx, else an answer.
    Redirect(u16),
    /// `S=n`: if this rule matched, so many are skipped.
    Skip(i32),
    /// `T=type`: the content type of the answer.
    Type(Template),
    /// `UnsafeAllow3F`: a `%3f` of the request may become a `?` of the result.
    AllowEncodedQuestionMark,
    /// `UnsafePrefixStat`
    AllowPrefixStat,
    /// `UNC`, of Windows only.
    Unc,
}

/// Which characters of back-references are escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EscapeBackReferences {
    /// All but letters, digits and `_`.
    All,
    /// These only.
    Only(Vec<u8>),
    /// All but letters, digits, `_` and these.
    Except(Vec<u8>),
    /// Control characters and blanks only.
    Controls,
}

/// A `RewriteCond`.
#[derive(Clone, Debug)]
pub struct RewriteCond {
    /// All of it.
    pub span: Span,
    /// What is looked at; of `expr`, that word.
    pub subject: Template,
    /// The pattern begins with `!`.
    pub negated: bool,
    /// What it is compared with.
    pub test: CondTest,
    /// The pattern with all in front of it, as written.
    pub pattern: Span,
    /// `NC`: letters of both cases are the same; without meaning for tests of numbers and files.
    pub ignores_case: bool,
    /// How it goes together with the next one.
    pub joined: Joined,
    /// `NV`: what is looked at is not named in the field Vary of the answer.
    pub no_vary: bool,
    /// The list of flags, as written.
    pub flags: Option<Span>,
}

/// How a condition goes together with the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// Both must hold.
    And,
    /// `OR`: one is enough.
    Or,
}

/// What a condition tests.
#[derive(Clone, Debug)]
pub enum CondTest {
    /// A regular expression is found in it.
    Regex(Regex),
    /// Strings: the shorter is the smaller, only those of one length are compared byte by byte. With `NC` as `strcasecmp`.
    Text(Comparison, Vec<u8>),
    /// Whole numbers, as `atoi` reads them.
    Number(Comparison, i32),
    /// A file.
    File(FileTest),
    /// `-U`: a request for this URL would be let through.
    UrlAllowed,
    /// `-F`: a request for this file would be let through, and there is such a file.
    FileAllowed,
    /// `RewriteCond expr "..."`
    Expression(Expression),
}

/// How two values compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `<`, `-lt`
    Less,
    /// `<=`, `-le`
    LessOrEqual,
    /// `=`, `-eq`; plain equality, whatever the length
    Equal,
    /// `-ne`
    NotEqual,
    /// `>=`, `-ge`
    GreaterOrEqual,
    /// `>`, `-gt`
    Greater,
}

/// A `RewriteMap`.
#[derive(Clone, Debug)]
pub struct RewriteMap {
    /// Its name.
    pub name: Vec<u8>,
    /// Where its values come from.
    pub source: MapSource,
    /// Where that stands.
    pub span: Span,
}

/// Where the values of a map come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MapSource {
    /// A text: lines of a key and a value.
    File(MapKind, Vec<u8>),
    /// `int:toupper`
    ToUpper,
    /// `int:tolower`
    ToLower,
    /// `int:escape`
    Escape,
    /// `int:unescape`
    Unescape,
}

/// Why a text names no map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// `int:` with a name that Apache does not know.
    NoFunction,
    /// A program or a database: neither is run for each request here.
    Runs,
}

impl MapSource {
    /// Reads `txt:FILE`, `rnd:FILE`, `int:FUNCTION`, or a path alone.
    ///
    /// # Errors
    /// What it is instead.
    pub fn read(text: &[u8]) -> Result<Self, MapError> {
        let (kind, rest) = match text.iter().position(|byte| *byte == b':') {
            Some(colon) => text.split_at(colon + 1),
            None => (b"".as_slice(), text),
        };
        Ok(match kind.to_ascii_lowercase().as_slice() {
            b"txt:" => Self::File(MapKind::Text, rest.to_vec()),
            b"rnd:" => Self::File(MapKind::Random, rest.to_vec()),
            b"int:" => match rest {
                b"toupper" => Self::ToUpper,
                b"tolower" => Self::ToLower,
                b"escape" => Self::Escape,
                b"unescape" => Self::Unescape,
                _ => return Err(MapError::NoFunction),
            },
            b"prg:" | b"dbd:" | b"fastdbd:" | [b'd', b'b', b'm', ..] => return Err(MapError::Runs),
            _ => Self::File(MapKind::Text, text.to_vec()),
        })
    }
}

/// How the values of a text are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapKind {
    /// `txt:`: as they are.
    Text,
    /// `rnd:`: alternatives between `|`, one of which is drawn.
    Random,
}
