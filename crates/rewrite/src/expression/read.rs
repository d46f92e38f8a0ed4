//! Bytes to conditions and texts: the grammar of Apache 2.4.71.

use super::{Condition, Function, Likeness, ProtocolPart, UnaryTest, Word};
use crate::directive::{AddressError, AddressRange, Comparison, Named};
use crate::limits::DEPTH_MAX;
use crate::{FileTest, names};
use pattern::{Case, Dialect, Newlines, Pattern};

type Read<T> = Result<T, (String, usize)>;

pub(super) fn condition(text: &[u8]) -> Read<Condition> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    let condition = reader.either()?;
    reader.blanks();
    if reader.at < text.len() { reader.fail("an operator is missing here") } else { Ok(condition) }
}

pub(super) fn string(text: &[u8]) -> Read<Word> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    reader.inside(None)
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn fail<T>(&self, message: &str) -> Read<T> {
        Err((message.to_owned(), self.at))
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn rest(&self) -> &[u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n')) {
            self.at += 1;
        }
    }

    fn take(&mut self, token: &[u8]) -> bool {
        let is_next = self.rest().starts_with(token);
        if is_next {
            self.at += token.len();
        }
        is_next
    }

    /// A word of letters, digits and `_` that stands alone.
    fn name(&self) -> &[u8] {
        let rest = self.rest();
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let length = rest.iter().take_while(|byte| is_part(byte)).count();
        if rest.first().is_some_and(u8::is_ascii_alphabetic) {
            rest.get(..length).unwrap_or_default()
        } else {
            b""
        }
    }

    fn take_name(&mut self, name: &[u8]) -> bool {
        let is_next = self.name() == name;
        if is_next {
            self.at += name.len();
        }
        is_next
    }

    /// A `-` and letters.
    fn dashed(&self) -> &[u8] {
        let rest = self.rest();
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        if rest.first() != Some(&b'-')
            || !rest.get(1).is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
        {
            return b"";
        }
        let length = rest.iter().skip(1).take_while(|byte| is_part(byte)).count();
        rest.get(1..=length).unwrap_or_default()
    }

    fn deeper(&mut self) -> Read<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX { self.fail("more within each other than is allowed") } else { Ok(()) }
    }

    fn either(&mut self) -> Read<Condition> {
        let mut left = self.both()?;
        loop {
            self.blanks();
            if !(self.take(b"||") || self.take_name(b"or")) {
                return Ok(left);
            }
            let right = self.both()?;
            left = Condition::Either(Box::new(left), Box::new(right));
        }
    }

    fn both(&mut self) -> Read<Condition> {
        let mut left = self.not()?;
        loop {
            self.blanks();
            if !(self.take(b"&&") || self.take_name(b"and")) {
                return Ok(left);
            }
            let right = self.not()?;
            left = Condition::Both(Box::new(left), Box::new(right));
        }
    }

    fn not(&mut self) -> Read<Condition> {
        self.blanks();
        let is_negated = (self.peek() == Some(b'!') && !self.rest().starts_with(b"!=")) && self.take(b"!")
            || self.take_name(b"not");
        if !is_negated {
            return self.one();
        }
        self.deeper()?;
        let condition = self.not()?;
        self.depth -= 1;
        Ok(Condition::Not(Box::new(condition)))
    }

    fn one(&mut self) -> Read<Condition> {
        if self.take_name(b"true") {
            return Ok(Condition::Constant(true));
        }
        if self.take_name(b"false") {
            return Ok(Condition::Constant(false));
        }
        if self.take(b"(") {
            self.deeper()?;
            let condition = self.either()?;
            self.blanks();
            if !self.take(b")") {
                return self.fail("`)` is missing");
            }
            self.depth -= 1;
            return Ok(condition);
        }
        if self.dashed() == b"R" {
            self.at += 2;
            return Ok(Condition::ClientIn(self.network()?));
        }
        if let [letter] = *self.dashed() {
            let Some(test) = unary(letter) else { return self.fail("no test of this name") };
            self.at += 2;
            return Ok(Condition::Test(test, self.word()?));
        }
        let word = self.word()?;
        self.comparison(word)
    }

    fn comparison(&mut self, word: Word) -> Read<Condition> {
        self.blanks();
        for (token, negated) in [(b"=~", false), (b"!~", true)] {
            if self.take(token) {
                let pattern = self.regex()?;
                return Ok(Condition::Matches { word, pattern, negated });
            }
        }
        for (token, comparison) in TEXT_COMPARISONS {
            if self.take(token) {
                return Ok(Condition::Texts(comparison, word, self.word()?));
            }
        }
        let dashed = self.dashed().to_vec();
        let (name, length) = match dashed.as_slice() {
            b"" => (self.name().to_vec(), self.name().len()),
            name => (name.to_vec(), name.len() + 1),
        };
        let is_dashed = !dashed.is_empty();
        if name == b"in" {
            self.at += length;
            return self.list(word);
        }
        if let Some((_, comparison)) = NUMBER_COMPARISONS.iter().find(|(known, _)| *known == name) {
            self.at += length;
            return Ok(Condition::Numbers(*comparison, word, self.word()?));
        }
        let likeness = match name.as_slice() {
            b"ipmatch" if is_dashed => {
                self.at += length;
                return Ok(Condition::AddressIn(word, self.network()?));
            }
            b"strmatch" if is_dashed => Likeness::Text,
            b"strcmatch" if is_dashed => Likeness::TextIgnoringCase,
            b"fnmatch" if is_dashed => Likeness::Path,
            _ => return self.fail("a comparison is missing here"),
        };
        self.at += length;
        Ok(Condition::Like(likeness, word, self.word()?))
    }

    fn list(&mut self, word: Word) -> Read<Condition> {
        self.blanks();
        if self.take_name(b"PeerExtList") {
            self.blanks();
            self.take(b"(");
            self.word()?;
            self.blanks();
            return if self.take(b")") { Ok(Condition::InNothing) } else { self.fail("`)` is missing") };
        }
        if !self.take(b"{") {
            return self.fail("a list is missing here: { 'a', 'b' }");
        }
        let mut words = vec![self.word()?];
        loop {
            self.blanks();
            if self.take(b"}") {
                return Ok(Condition::In(word, words));
            }
            if !self.take(b",") {
                return self.fail("`,` or `}` is missing");
            }
            words.push(self.word()?);
        }
    }

    /// A network: a text in quotes, without anything to be worked out in it.
    fn network(&mut self) -> Read<AddressRange> {
        self.blanks();
        let start = self.at;
        let is_quoted = matches!(self.peek(), Some(b'"' | b'\''));
        let Word::Literal(text) = self.word()? else {
            return Err(("a network is a text in quotes, without variables".to_owned(), start));
        };
        match AddressRange::read(&text) {
            Ok(range) if is_quoted => Ok(range),
            Ok(_) => Err(("a network is a text in quotes".to_owned(), start)),
            Err(AddressError::Mask) => Err(("the mask of this network is none".to_owned(), start)),
            Err(_) => Err(("this is no address and no network".to_owned(), start)),
        }
    }

    fn word(&mut self) -> Read<Word> {
        let mut words = vec![self.piece()?];
        loop {
            self.blanks();
            if !self.take(b".") {
                break;
            }
            words.push(self.piece()?);
        }
        Ok(if words.len() == 1 {
            words.pop().unwrap_or(Word::Joined(Vec::new()))
        } else {
            Word::Joined(words)
        })
    }

    fn piece(&mut self) -> Read<Word> {
        self.blanks();
        match self.peek() {
            Some(quote @ (b'"' | b'\'')) => {
                self.at += 1;
                self.inside(Some(quote))
            }
            Some(b'%') if self.rest().starts_with(b"%{") => self.variable(),
            Some(b'$') if self.rest().get(1).is_some_and(u8::is_ascii_digit) => Ok(self.group()),
            Some(b'-' | b'0'..=b'9') => {
                let digits = self.rest().iter().skip(1).take_while(|byte| byte.is_ascii_digit()).count();
                let number = self.rest().get(..=digits).unwrap_or_default().to_vec();
                if number == b"-" {
                    return self.fail("a value is missing here");
                }
                self.at += number.len();
                Ok(Word::Literal(number))
            }
            _ => self.call(),
        }
    }

    fn group(&mut self) -> Word {
        let digit = self.rest().get(1).copied().unwrap_or(b'0');
        self.at += 2;
        Word::Group(digit - b'0')
    }

    fn call(&mut self) -> Read<Word> {
        let name = self.name().to_vec();
        if name.is_empty() {
            return self.fail("a value is missing here");
        }
        let Some(function) = function(&name) else { return self.fail("no function of this name") };
        self.at += name.len();
        self.blanks();
        if !self.take(b"(") {
            return self.fail("a text needs quotes, and a function `(`");
        }
        self.deeper()?;
        let word = self.word()?;
        self.depth -= 1;
        self.blanks();
        if self.take(b")") { Ok(Word::Call(function, Box::new(word))) } else { self.fail("`)` is missing") }
    }

    /// `%{NAME}`, `%{function:text}`
    fn variable(&mut self) -> Read<Word> {
        let start = self.at;
        self.at += 2;
        let name = self.name().to_vec();
        if name.is_empty() {
            return self.fail("a name is missing here");
        }
        self.at += name.len();
        if self.take(b"}") {
            return variable(&name).ok_or(("no variable of this name".to_owned(), start));
        }
        let Some(function) = function(&name) else {
            self.at = start;
            return self.fail("no function of this name");
        };
        if !self.take(b":") {
            return self.fail("`}` is missing");
        }
        let argument = self.inside(Some(b'}'))?;
        Ok(Word::Call(function, Box::new(argument)))
    }

    /// A text up to its end, with what stands in it.
    fn inside(&mut self, end: Option<u8>) -> Read<Word> {
        let start = self.at;
        let mut words = Vec::new();
        let mut literal = Vec::new();
        loop {
            let Some(byte) = self.peek() else {
                if end.is_none() {
                    break;
                }
                self.at = start;
                return self.fail("this text does not end");
            };
            if Some(byte) == end {
                self.at += 1;
                break;
            }
            let word = match byte {
                b'\\' => {
                    self.escape(&mut literal)?;
                    continue;
                }
                b'%' if self.rest().starts_with(b"%{") => self.variable()?,
                b'$' if self.rest().get(1).is_some_and(u8::is_ascii_digit) => self.group(),
                _ => {
                    literal.push(byte);
                    self.at += 1;
                    continue;
                }
            };
            if !literal.is_empty() {
                words.push(Word::Literal(std::mem::take(&mut literal)));
            }
            words.push(word);
        }
        if words.is_empty() {
            return Ok(Word::Literal(literal));
        }
        if !literal.is_empty() {
            words.push(Word::Literal(literal));
        }
        Ok(Word::Joined(words))
    }

    fn escape(&mut self, literal: &mut Vec<u8>) -> Read<()> {
        self.at += 1;
        let digits = self.rest().iter().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
        if digits > 0 {
            let octal =
                self.rest().iter().take(digits).fold(0_u32, |sum, digit| sum * 8 + u32::from(digit - b'0'));
            let Ok(byte) = u8::try_from(octal) else { return self.fail("a character beyond \\377") };
            literal.push(byte);
            self.at += digits;
            return Ok(());
        }
        let Some(byte) = self.peek() else { return self.fail("this text does not end") };
        literal.push(match byte {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'b' => 8,
            b'f' => 12,
            byte => byte,
        });
        self.at += 1;
        Ok(())
    }

    /// `/pattern/flags`, `m#pattern#flags`
    fn regex(&mut self) -> Read<Pattern> {
        self.blanks();
        let start = self.at;
        if self.rest().first() == Some(&b'm') {
            self.at += 1;
        }
        let Some(separator) = self.peek().filter(|byte| b"/#$%^|?!'\",;:._-".contains(byte)) else {
            return self.fail("a pattern is missing here: /.../ or m#...#");
        };
        if self.at == start && separator != b'/' {
            return self.fail("a pattern is missing here: /.../ or m#...#");
        }
        self.at += 1;
        let Some(length) = self.rest().iter().position(|byte| *byte == separator) else {
            self.at = start;
            return self.fail("this pattern does not end");
        };
        let text = self.rest().get(..length).unwrap_or_default().to_vec();
        self.at += length + 1;
        let mut case = Case::Sensitive;
        let mut inline = Vec::new();
        while let Some(flag) = self.peek().filter(u8::is_ascii_alphanumeric) {
            match flag {
                b'i' => case = Case::Insensitive,
                b'm' => inline.extend_from_slice(b"(?m)"),
                b's' | b'g' => {}
                _ => return self.fail("a pattern has no such flag"),
            }
            self.at += 1;
        }
        let dialect = Dialect { case, newlines: Newlines::AreBytes };
        Pattern::new(&[inline, text].concat(), dialect).map_err(|error| (error.to_string(), start))
    }
}

const TEXT_COMPARISONS: [(&[u8], Comparison); 7] = [
    (b"==", Comparison::Equal),
    (b"=", Comparison::Equal),
    (b"!=", Comparison::NotEqual),
    (b"<=", Comparison::LessOrEqual),
    (b"<", Comparison::Less),
    (b">=", Comparison::GreaterOrEqual),
    (b">", Comparison::Greater),
];

const NUMBER_COMPARISONS: [(&[u8], Comparison); 6] = [
    (b"eq", Comparison::Equal),
    (b"ne", Comparison::NotEqual),
    (b"lt", Comparison::Less),
    (b"le", Comparison::LessOrEqual),
    (b"gt", Comparison::Greater),
    (b"ge", Comparison::GreaterOrEqual),
];

fn unary(letter: u8) -> Option<UnaryTest> {
    Some(match letter {
        b'n' => UnaryTest::NotEmpty,
        b'z' => UnaryTest::Empty,
        b'T' => UnaryTest::True,
        b'd' => UnaryTest::File(FileTest::Directory),
        b'e' => UnaryTest::File(FileTest::Exists),
        b'f' => UnaryTest::File(FileTest::File),
        b's' => UnaryTest::File(FileTest::NotEmpty),
        b'L' | b'h' => UnaryTest::File(FileTest::Link),
        b'x' => UnaryTest::File(FileTest::Executable),
        b'F' => UnaryTest::FileAllowed,
        b'U' | b'A' => UnaryTest::UrlAllowed,
        _ => return None,
    })
}

fn function(name: &[u8]) -> Option<Function> {
    Some(match name.to_ascii_lowercase().as_slice() {
        b"req" | b"http" => Function::Field,
        b"req_novary" => Function::FieldUntold,
        b"reqenv" | b"env" => Function::Variable,
        b"osenv" | b"note" | b"resp" => Function::Nothing,
        b"tolower" => Function::ToLower,
        b"toupper" => Function::ToUpper,
        b"escape" => Function::Escape,
        b"unescape" => Function::Unescape,
        b"base64" => Function::ToBase64,
        b"unbase64" => Function::FromBase64,
        b"md5" => Function::Md5,
        b"sha1" => Function::Sha1,
        _ => return None,
    })
}

fn variable(name: &[u8]) -> Option<Word> {
    let name = name.to_ascii_uppercase();
    let named = match name.as_slice() {
        b"REQUEST_STATUS" => return Some(Word::Status),
        b"SERVER_PROTOCOL_VERSION" => return Some(Word::Protocol(ProtocolPart::Version)),
        b"SERVER_PROTOCOL_VERSION_MAJOR" => return Some(Word::Protocol(ProtocolPart::Major)),
        b"SERVER_PROTOCOL_VERSION_MINOR" => return Some(Word::Protocol(ProtocolPart::Minor)),
        b"DOCUMENT_URI" => Named::RequestUri,
        b"CONTENT_TYPE" | b"HANDLER" | b"REQUEST_LOG_ID" | b"CONN_LOG_ID" | b"LAST_MODIFIED" => Named::Empty,
        name => names::shared(name)?,
    };
    Some(Word::Variable(named))
}
