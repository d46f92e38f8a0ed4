//! Apache's language for conditions (`ap_expr`): `<If>`, `RewriteCond expr`, `Require expr`, `SetEnvIfExpr`, `Header`.
//!
//! ```text
//! bytes ─ read ─▶ Condition or Text ─ value ─▶ true, false, unknown; or a text
//! ```

mod read;
mod value;

use crate::directive::{AddressRange, Comparison, Named};
use crate::expand::Matched;
use crate::known::Known;
use crate::request::Request;
use crate::{FileTest, Question};
use pattern::Pattern;

/// A condition.
#[derive(Debug)]
pub(crate) struct Expression(Condition);

/// A text with variables and functions in it.
#[derive(Debug)]
pub(crate) struct StringExpression(Word);

#[derive(Debug)]
enum Condition {
    Constant(bool),
    Not(Box<Condition>),
    Both(Box<Condition>, Box<Condition>),
    Either(Box<Condition>, Box<Condition>),
    Numbers(Comparison, Word, Word),
    Texts(Comparison, Word, Word),
    Matches {
        word: Word,
        pattern: Pattern,
        negated: bool,
    },
    In(Word, Vec<Word>),
    /// A list function: no module of ours has one that gives anything.
    InNothing,
    Test(UnaryTest, Word),
    /// `-R`: the client's address is in this network.
    ClientIn(AddressRange),
    /// `-ipmatch`: this text is an address in this network.
    AddressIn(Word, AddressRange),
    Like(Likeness, Word, Word),
}

#[derive(Clone, Copy, Debug)]
enum UnaryTest {
    NotEmpty,
    Empty,
    /// `-T`: neither empty nor `0`, `off`, `false` or `no`.
    True,
    File(FileTest),
    /// `-F`
    FileAllowed,
    /// `-U`, `-A`
    UrlAllowed,
}

#[derive(Clone, Copy, Debug)]
enum Likeness {
    /// `-strmatch`: `*` and `?` match slashes too.
    Text,
    /// `-strcmatch`
    TextIgnoringCase,
    /// `-fnmatch`: `*` and `?` match no slash.
    Path,
}

#[derive(Debug)]
enum Word {
    Literal(Vec<u8>),
    Joined(Vec<Word>),
    Variable(Named),
    /// `REQUEST_STATUS`
    Status,
    /// `SERVER_PROTOCOL_VERSION` and its parts.
    Protocol(ProtocolPart),
    Group(u8),
    Call(Function, Box<Word>),
}

#[derive(Clone, Copy, Debug)]
enum ProtocolPart {
    Version,
    Major,
    Minor,
}

#[derive(Clone, Copy, Debug)]
enum Function {
    /// `req`, `http`: a field of the request.
    Field,
    /// `req_novary`: the same, and nobody is told.
    FieldUntold,
    /// `reqenv`, `env`
    Variable,
    /// `osenv`, `note`, `resp`, `ldap` of nothing: what is not there while rules run here.
    Nothing,
    ToLower,
    ToUpper,
    Escape,
    Unescape,
    ToBase64,
    FromBase64,
    Md5,
    Sha1,
}

impl Expression {
    /// # Errors
    /// What is wrong, in lower case, and where (a byte of the text).
    pub(crate) fn new(text: &[u8]) -> Result<Self, (String, usize)> {
        read::condition(text).map(Self)
    }

    /// The files of the machine that it asks for, in order; `None` for one that is worked out.
    pub(crate) fn asked_files(&self) -> Vec<Option<&[u8]>> {
        let mut asked = Vec::new();
        asked_files(&self.0, &mut asked);
        asked
    }

    /// Whether it holds; what a pattern with groups matched is left in `matched`. The answer to the request varies with
    /// the fields that are looked at, whatever comes of it.
    pub(crate) fn holds(&self, request: &mut Request<'_>, matched: &mut Matched) -> Known<bool> {
        request.vary.is_told = true;
        let holds = value::holds(&self.0, request, matched);
        request.vary.is_told = false;
        holds
    }

    /// The same, and nobody is told which fields it looks at.
    pub(crate) fn holds_untold(&self, request: &mut Request<'_>, matched: &mut Matched) -> Known<bool> {
        value::holds(&self.0, request, matched)
    }
}

fn asked_files<'e>(condition: &'e Condition, asked: &mut Vec<Option<&'e [u8]>>) {
    match condition {
        Condition::Not(inner) => asked_files(inner, asked),
        Condition::Both(left, right) | Condition::Either(left, right) => {
            asked_files(left, asked);
            asked_files(right, asked);
        }
        Condition::Test(UnaryTest::File(_) | UnaryTest::FileAllowed, word) => asked.push(match word {
            Word::Literal(path) => Some(path),
            _ => None,
        }),
        _ => {}
    }
}

impl StringExpression {
    /// # Errors
    /// What is wrong, in lower case, and where (a byte of the text).
    pub(crate) fn new(text: &[u8]) -> Result<Self, (String, usize)> {
        read::string(text).map(Self)
    }

    /// Its value.
    pub(crate) fn text(&self, request: &mut Request<'_>) -> Known<Vec<u8>> {
        value::text(&self.0, request, &mut Matched::default())
    }
}

fn file_question(path: Vec<u8>, test: FileTest) -> Question {
    Question::File { path, test }
}
