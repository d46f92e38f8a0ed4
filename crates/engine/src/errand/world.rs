//! The world as a rehearsal knows it: what it was told would be answered.

use super::{Errand, ErrandError, Fetched, FileState, Report};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::rc::Rc;

/// What the world answers, where nothing goes out. Made from a text with one line for each answer:
///
/// ```text
/// GET http://api.example/v1 -> 200 application/json "{\"a\":1}"
/// POST http://api.example/v1 -> fails "connection refused"
/// resolve api.example -> 192.0.2.7
/// resolve 192.0.2.7 -> api.example
/// connect 192.0.2.25:25 -> "220 mail.example\r\n"
/// send 192.0.2.53:53
/// auth staff alice secret -> accepted mail=alice@example.com
/// auth staff alice -> unknown
/// file /var/www/a.html -> file
/// file /var/www/icons -> folder
/// ```
///
/// A file can be `file`, `folder`, `none`, and besides `link`, `empty`, `executable`.
///
/// Any line may say `-> fails "why"`. A connection answers with its text, piece by piece as it is read, whatever is
/// written to it. Texts in quotes know `\r`, `\n`, `\t`, `\"` and `\\`.
#[derive(Clone, Debug, Default)]
pub struct World {
    answers: BTreeMap<String, Result<Report, ErrandError>>,
    /// What connections say.
    texts: BTreeMap<String, Vec<u8>>,
    /// What is left of it on those that are open, by number.
    open: BTreeMap<u32, Vec<u8>>,
    opened: u32,
    files: Option<Look>,
}

/// Looks at a file below a folder.
type LookAt = dyn Fn(&Path, &[u8]) -> FileState;

/// Tells what a file below a folder is.
#[derive(Clone)]
struct Look(Rc<LookAt>);

impl std::fmt::Debug for Look {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Look")
    }
}

/// A line of a world that says nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct WorldError {
    /// From 1.
    pub line: usize,
    /// What is wrong.
    pub why: &'static str,
}

impl World {
    /// Reads the lines.
    ///
    /// # Errors
    /// The first line that is none of those.
    pub fn parse(text: &str) -> Result<Self, WorldError> {
        let mut world = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                world.learn(line).map_err(|why| WorldError { line: index + 1, why })?;
            }
        }
        Ok(world)
    }

    /// With files of its own: asked where no line tells of a file.
    #[must_use]
    pub fn with_files(self, look: impl Fn(&Path, &[u8]) -> FileState + 'static) -> Self {
        Self { files: Some(Look(Rc::new(look))), ..self }
    }

    fn learn(&mut self, line: &str) -> Result<(), &'static str> {
        let (asked, answer) = match line.split_once(" -> ") {
            Some((asked, answer)) => (asked.trim(), answer.trim()),
            None => (line, ""),
        };
        let (verb, to) = asked.split_once(' ').ok_or("expected what is asked, and of whom")?;
        let answer = match (answer.strip_prefix("fails "), verb) {
            (Some(why), _) => Err(ErrandError::Failed(String::from_utf8_lossy(&quoted(why)?).into_owned())),
            (None, "resolve") => Ok(match answer.parse::<IpAddr>() {
                Ok(address) => Report::Address(address),
                Err(_) => Report::Name(answer.to_owned()),
            }),
            (None, "connect") => {
                self.texts.insert(to.to_owned(), quoted(answer)?);
                Ok(Report::Connected(0))
            }
            (None, "send") => Ok(Report::Done),
            (None, "auth") => Ok(user(answer)?),
            (None, "file") => Ok(Report::File(file(answer)?)),
            (None, _) => Ok(page(answer)?),
        };
        // A URL of a host alone means its root.
        let is_root = to.split_once("://").is_some_and(|(_, rest)| rest.find('/') == Some(rest.len() - 1));
        let to = if is_root { to.trim_end_matches('/') } else { to };
        self.answers.insert(format!("{verb} {to}"), answer);
        Ok(())
    }

    /// What comes of an errand here.
    ///
    /// # Errors
    /// What was told, or that nothing was.
    pub fn answer(&mut self, errand: &Errand) -> Result<Report, ErrandError> {
        match errand {
            Errand::Read { socket, bytes_max } => {
                let left = self.open.get_mut(socket).ok_or(ErrandError::NoSocket(*socket))?;
                let count = left.len().min(*bytes_max);
                return Ok(Report::Read(left.drain(..count).collect()));
            }
            Errand::Write { socket, data } => {
                let is_open = self.open.contains_key(socket);
                let written = Report::Written(data.len());
                return if is_open { Ok(written) } else { Err(ErrandError::NoSocket(*socket)) };
            }
            Errand::Close { socket } => {
                self.open.remove(socket).ok_or(ErrandError::NoSocket(*socket))?;
                return Ok(Report::Done);
            }
            _ => {}
        }
        if let Errand::ConfirmedName { address } = errand {
            return self.confirmed_name(*address);
        }
        let asked = asked(errand);
        let told = self.answers.get(&asked).cloned();
        if let (None, Errand::Stat { root, path }, Some(Look(look))) = (&told, errand, &self.files) {
            return Ok(Report::File(look(root, path)));
        }
        let report = told.unwrap_or(Err(ErrandError::Rehearsal(asked)))?;
        if let Errand::Connect { address } = errand {
            self.opened += 1;
            let text = self.texts.get(&address.to_string()).cloned().unwrap_or_default();
            self.open.insert(self.opened, text);
            return Ok(Report::Connected(self.opened));
        }
        Ok(report)
    }

    fn confirmed_name(&mut self, address: IpAddr) -> Result<Report, ErrandError> {
        let told =
            |asked: String| self.answers.get(&asked).cloned().unwrap_or(Err(ErrandError::Rehearsal(asked)));
        let Report::Name(name) = told(format!("resolve {address}"))? else {
            return Err(ErrandError::Unresolved(address.to_string()));
        };
        if told(format!("resolve {name}"))? == Report::Address(address) {
            Ok(Report::Name(name))
        } else {
            Err(ErrandError::Unresolved(address.to_string()))
        }
    }
}

/// An errand as a line of a world asks it.
fn asked(errand: &Errand) -> String {
    match errand {
        Errand::Fetch(fetch) => {
            let target = if fetch.target == "/" { "" } else { &fetch.target };
            format!("{} {}{target}", fetch.method, fetch.origin())
        }
        Errand::Resolve { name, .. } => format!("resolve {name}"),
        Errand::ResolveAddress { address } | Errand::ConfirmedName { address } => {
            format!("resolve {address}")
        }
        Errand::Stat { path, .. } => format!("file {}", String::from_utf8_lossy(path)),
        Errand::Connect { address } => format!("connect {address}"),
        Errand::Datagram { host, port, .. } => format!("send {host}:{port}"),
        Errand::Authenticate(credentials) => {
            let password =
                credentials.password.as_ref().map_or(String::new(), |password| format!(" {password}"));
            format!("auth {} {}{password}", credentials.authenticator.name, credentials.user)
        }
        Errand::Read { .. } | Errand::Write { .. } | Errand::Close { .. } => errand.place(),
    }
}

/// `200 text/plain "body"`.
fn page(text: &str) -> Result<Report, &'static str> {
    const EXPECTED: &str = "expected a status, a type and a body in quotes";
    let mut parts = text.splitn(3, ' ');
    let (status, kind, body) = (parts.next(), parts.next(), parts.next());
    let status: u16 = status.and_then(|status| status.parse().ok()).ok_or(EXPECTED)?;
    let kind = kind.ok_or(EXPECTED)?;
    let body = quoted(body.ok_or(EXPECTED)?)?;
    let fields = vec![
        ("Content-Type".to_owned(), kind.as_bytes().to_vec()),
        ("Content-Length".to_owned(), body.len().to_string().into_bytes()),
    ];
    let reason = match status {
        200 => "OK",
        404 => "Not Found",
        _ => "Status",
    };
    let first_line = format!("HTTP/1.1 {status} {reason}").into_bytes();
    Ok(Report::Fetched(Box::new(Fetched { status, first_line, fields, body })))
}

/// `accepted name=value name=value`, or `unknown`.
fn user(text: &str) -> Result<Report, &'static str> {
    let mut words = text.split(' ');
    let accepted = match words.next() {
        Some("accepted") => true,
        Some("unknown") => false,
        _ => return Err("expected accepted or unknown"),
    };
    let mut attributes: Vec<(String, Vec<Vec<u8>>)> = Vec::new();
    for word in words {
        let (name, value) = word.split_once('=').ok_or("expected name=value")?;
        match attributes.iter_mut().find(|(known, _)| known == name) {
            Some((_, values)) => values.push(value.as_bytes().to_vec()),
            None => attributes.push((name.to_owned(), vec![value.as_bytes().to_vec()])),
        }
    }
    Ok(Report::User { accepted, attributes })
}

/// `file`, `folder`, `none`, and what else is to be said of it.
fn file(text: &str) -> Result<FileState, &'static str> {
    let mut state = FileState { exists: true, has_bytes: true, ..FileState::default() };
    for word in text.split_whitespace() {
        match word {
            "file" => state.is_file = true,
            "folder" => state.is_folder = true,
            "link" => state.is_link = true,
            "empty" => state.has_bytes = false,
            "executable" => state.is_executable = true,
            "none" => state = FileState::default(),
            _ => return Err("expected file, folder, none, link, empty or executable"),
        }
    }
    Ok(state)
}

fn quoted(text: &str) -> Result<Vec<u8>, &'static str> {
    let inner =
        text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or("expected a text in quotes")?;
    let mut bytes = Vec::new();
    let mut rest = inner.bytes();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'\\' => match rest.next() {
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                Some(b't') => b'\t',
                Some(other) => other,
                None => return Err("a backslash ends the text"),
            },
            other => other,
        };
        bytes.push(byte);
    }
    Ok(bytes)
}
