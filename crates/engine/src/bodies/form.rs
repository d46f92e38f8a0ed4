//! Forms: parameters of a query or a posted body, and the parts of a multipart body.

use crate::limits::FORM_PARAMETERS_MAX;
use trafficscript::{ByteString, Table, Value};

/// What a form function wants.
#[derive(Clone, Debug)]
pub(crate) enum FormWork {
    /// One parameter; all its values with a separator between, if there is one.
    One { name: ByteString, separator: Option<ByteString> },
    /// Whether there is one of that name.
    Exists { name: ByteString },
    /// All, as a hash; a name that repeats has an array.
    All,
    /// The names as an array.
    Names,
    /// The names as one string.
    JoinedNames { separator: ByteString },
}

/// How a posted body holds parameters.
pub(crate) enum Form {
    UrlEncoded,
    /// With its boundary.
    Multipart(Vec<u8>),
}

/// How a body of this Content-Type is read as a form; `None` where its parts cannot be told. The published text asks
/// for no particular type.
pub(crate) fn is_form(content_type: &[u8]) -> Option<Form> {
    let mut pieces = content_type.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let kind = pieces.next().unwrap_or_default();
    if !kind.get(..10).is_some_and(|kind| kind.eq_ignore_ascii_case(b"multipart/")) {
        return Some(Form::UrlEncoded);
    }
    parameter(content_type, b"boundary").filter(|boundary| !boundary.is_empty()).map(Form::Multipart)
}

/// Parameters in their order, names and values decoded.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    list: Vec<(Vec<u8>, Vec<u8>)>,
    /// There were more than are kept.
    pub(crate) is_full: bool,
}

impl Parameters {
    fn push(&mut self, name: Vec<u8>, value: Vec<u8>) {
        if self.list.len() >= FORM_PARAMETERS_MAX {
            self.is_full = true;
        } else {
            self.list.push((name, value));
        }
    }

    /// `a=1&b=2`, with `+` for blanks and `%XX`.
    pub(crate) fn add_urlencoded(&mut self, text: &[u8]) {
        for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let equals = pair.iter().position(|byte| *byte == b'=');
            let (name, value) = equals.map_or((pair, &[][..]), |at| (&pair[..at], &pair[at + 1..]));
            self.push(decoded(name), decoded(value));
            if self.is_full {
                return;
            }
        }
    }

    /// The parts of a `multipart/form-data` body that are fields and not files.
    pub(crate) fn add_multipart(&mut self, body: &[u8], boundary: &[u8]) {
        for part in Parts::of(body, boundary) {
            let Some(disposition) = part.field(b"Content-Disposition") else { continue };
            if parameter(disposition, b"filename").is_some() {
                continue;
            }
            if let Some(name) = parameter(disposition, b"name") {
                self.push(name, part.content.to_vec());
            }
            if self.is_full {
                return;
            }
        }
    }

    /// Adds those whose names are not there yet; with `repeats` all.
    pub(crate) fn add(&mut self, others: &Self, repeats: bool) {
        let known = self.list.len();
        self.is_full |= others.is_full;
        for (name, value) in &others.list {
            if repeats || !self.list.iter().take(known).any(|(other, _)| other == name) {
                self.push(name.clone(), value.clone());
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn has(&self, name: &[u8]) -> bool {
        self.list.iter().any(|(other, _)| other == name)
    }

    fn names(&self) -> Vec<&[u8]> {
        let mut names: Vec<&[u8]> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for (name, _) in &self.list {
            if seen.insert(name) {
                names.push(name);
            }
        }
        names
    }

    /// The answer to a function.
    pub(crate) fn answer(&self, work: &FormWork) -> Value {
        let values = |name: &[u8]| {
            let of_name = self.list.iter().filter(move |(other, _)| other == name);
            of_name.map(|(_, value)| value.as_slice()).collect::<Vec<_>>()
        };
        match work {
            FormWork::One { name, separator: None } => {
                values(name).first().copied().unwrap_or_default().into()
            }
            FormWork::One { name, separator: Some(separator) } => {
                values(name).join(separator.as_bytes()).into()
            }
            FormWork::Exists { name } => self.has(name).into(),
            FormWork::Names => Value::array(self.names().into_iter().map(Value::from).collect()),
            FormWork::JoinedNames { separator } => self.names().join(separator.as_bytes()).into(),
            FormWork::All => self.as_hash(),
        }
    }

    fn as_hash(&self) -> Value {
        let mut by_name: std::collections::BTreeMap<&[u8], Vec<Value>> = std::collections::BTreeMap::new();
        for (name, value) in &self.list {
            by_name.entry(name).or_default().push(value.as_slice().into());
        }
        let mut table = Table::default();
        for name in self.names() {
            let mut values = by_name.remove(name).unwrap_or_default();
            let value = if values.len() == 1 { values.swap_remove(0) } else { Value::array(values) };
            table.insert(ByteString::from(name), value);
        }
        Value::hash(table)
    }
}

/// `+` and `%XX`; an escape that is none stays as it is.
fn decoded(text: &[u8]) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (b'%', [high, low, tail @ ..]) if digit(high).is_some() && digit(low).is_some() => {
                out.push(digit(high).unwrap_or_default() << 4 | digit(low).unwrap_or_default());
                rest = tail;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(*byte),
        }
    }
    out
}

/// The value of a `; name=value` of a field, quotes taken off.
fn parameter(value: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let mut rest = value;
    while let Some(at) = rest.iter().position(|byte| *byte == b';') {
        rest = rest[at + 1..].trim_ascii_start();
        let equals = rest.iter().position(|byte| matches!(byte, b'=' | b';'))?;
        let is_it = rest[equals] == b'=' && rest[..equals].trim_ascii().eq_ignore_ascii_case(name);
        if rest[equals] == b';' {
            rest = &rest[equals..];
            continue;
        }
        let (text, after) = value_of(rest[equals + 1..].trim_ascii_start());
        if is_it {
            return Some(text);
        }
        rest = after;
    }
    None
}

/// A token or a quoted string, and what follows it.
fn value_of(text: &[u8]) -> (Vec<u8>, &[u8]) {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end = text.iter().position(|byte| *byte == b';').unwrap_or(text.len());
        return (text[..end].trim_ascii().to_vec(), &text[end..]);
    };
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(&byte) = quoted.get(at) {
        match (byte, quoted.get(at + 1)) {
            (b'"', _) => return (out, &quoted[at + 1..]),
            // Browsers send a backslash of a file's path as it is; only these two are escaped.
            (b'\\', Some(&escaped @ (b'"' | b'\\'))) => {
                out.push(escaped);
                at += 1;
            }
            _ => out.push(byte),
        }
        at += 1;
    }
    (out, &[])
}

/// One part of a multipart body.
pub(crate) struct Part<'a> {
    /// Its fields as they stand, without the empty line.
    pub(crate) head: &'a [u8],
    pub(crate) content: &'a [u8],
}

impl<'a> Part<'a> {
    pub(crate) fn field(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.head.split(|byte| *byte == b'\n').find_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            line[..colon].trim_ascii().eq_ignore_ascii_case(name).then(|| line[colon + 1..].trim_ascii())
        })
    }
}

/// Goes through the parts of a multipart body; a part without its end is none.
pub(crate) struct Parts<'a> {
    /// Behind a boundary.
    rest: &'a [u8],
    mark: Vec<u8>,
}

impl<'a> Parts<'a> {
    pub(crate) fn of(body: &'a [u8], boundary: &[u8]) -> Self {
        let mark = [b"\r\n--", boundary].concat();
        // The first boundary has no line before it.
        let first = mark.get(2..).unwrap_or_default();
        let rest = if body.starts_with(first) {
            body.get(first.len()..)
        } else {
            find(body, &mark).and_then(|at| body.get(at + mark.len()..))
        };
        Self { rest: rest.unwrap_or_default(), mark }
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        let line_end = find(self.rest, b"\n")?;
        if self.rest.starts_with(b"--") || !self.rest[..line_end].trim_ascii().is_empty() {
            return None;
        }
        let part = &self.rest[line_end + 1..];
        // An empty part begins where its end begins.
        let from = line_end.saturating_sub(1);
        let end = find(&self.rest[from..], &self.mark)? + from;
        let whole = self.rest.get(line_end + 1..end).unwrap_or_default();
        self.rest = self.rest.get(end + self.mark.len()..).unwrap_or_default();
        let (head, content) = match (part.strip_prefix(b"\r\n"), find(whole, b"\r\n\r\n")) {
            (Some(_), _) => (&[][..], whole.get(2..).unwrap_or_default()),
            (None, Some(at)) => (&whole[..at], &whole[at + 4..]),
            (None, None) => (whole, &[][..]),
        };
        Some(Part { head, content })
    }
}

pub(crate) fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(parameters: &Parameters, name: &str) -> String {
        let work = FormWork::One { name: ByteString::from(name), separator: Some(ByteString::from("|")) };
        parameters.answer(&work).to_text().to_string()
    }

    #[test]
    fn pairs_are_decoded_and_what_is_no_escape_stays() {
        let mut parameters = Parameters::default();
        parameters.add_urlencoded(b"a=1+2&b=%41%zz&a=3&&c&%61b=x=y");
        assert_eq!(one(&parameters, "a"), "1 2|3");
        assert_eq!(one(&parameters, "b"), "A%zz");
        assert_eq!(one(&parameters, "ab"), "x=y");
        assert!(parameters.has(b"c") && !parameters.has(b""));
    }

    #[test]
    fn the_parts_of_a_form_are_found_files_left_out() {
        let body = b"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n\r\ntwo\r\n--b\r\n\
            content-disposition: form-data; name=\"f\"; filename=\"x;y.txt\"\r\nContent-Type: text/plain\r\n\r\nfile\r\n\
            --b\r\nContent-Disposition: form-data; name=e\r\n\r\n\r\n--b--\r\n";
        let mut parameters = Parameters::default();
        parameters.add_multipart(body, b"b");
        assert_eq!(one(&parameters, "a"), "one\r\n\r\ntwo");
        assert!(parameters.has(b"e") && !parameters.has(b"f"));
        let parts: Vec<Part<'_>> = Parts::of(body, b"b").collect();
        assert_eq!(parts.len(), 3);
        assert_eq!(parts[1].content, b"file");
        assert_eq!(parts[1].field(b"Content-Type"), Some(&b"text/plain"[..]));
    }

    #[test]
    fn what_is_cut_or_without_boundary_gives_no_part() {
        assert_eq!(Parts::of(b"--b\r\nA: b\r\n\r\nno end", b"b").count(), 0);
        assert_eq!(Parts::of(b"nothing", b"b").count(), 0);
        assert!(is_form(b"multipart/form-data").is_none());
        let Some(Form::Multipart(boundary)) = is_form(b"Multipart/Form-Data; charset=x; boundary=\"a b\"")
        else {
            panic!("no boundary");
        };
        assert_eq!(boundary, b"a b");
    }
}
