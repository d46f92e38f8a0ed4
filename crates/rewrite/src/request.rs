//! The request as it stands while it is evaluated: what of it rules change, and what its variables are worth.

use crate::Excess;
use crate::compare::number;
use crate::directive::Named;
use crate::known::{Known, Names, Need, known};
use crate::limits::{EXHAUSTED_MAX, QUESTIONS_AT_ONCE};
use crate::rewritten::default_port;
use crate::site::{Folder, Site};
use crate::variables::Variables;
use crate::vary::Vary;
use crate::ways::Ways;
use crate::{Cookie, Facts, FileTest, Question, Variable};
use pattern::TooManySteps;
use std::borrow::Cow;
use std::cell::Cell;

/// A request in one round.
pub(crate) struct Request<'a> {
    pub(crate) site: &'a Site,
    pub(crate) facts: &'a dyn Facts,
    pub(crate) ways: &'a mut Ways,
    /// `REQUEST_URI`: the decoded path of this round.
    pub(crate) uri: Vec<u8>,
    /// What was asked for or what a rule made of it, with the document root; `None` until someone looks.
    pub(crate) file: Option<FileName>,
    /// File's name and query before the first rule of this round changed them.
    pub(crate) original: Option<Original>,
    /// `QUERY_STRING` of this round.
    pub(crate) query: Result<Option<Vec<u8>>, Names>,
    pub(crate) variables: Variables,
    pub(crate) cookies: Vec<Cookie>,
    /// Names of cookies that were set: the first value counts.
    pub(crate) cookie_names: Vec<Vec<u8>>,
    pub(crate) content_type: Option<Vec<u8>>,
    /// Rules tried so far, in all rounds.
    pub(crate) tried: u32,
    /// Searches that took too many steps, in all rounds.
    pub(crate) exhausted: Cell<u32>,
    /// The bound that was reached, if one was.
    pub(crate) excess: Option<Excess>,
    /// Random numbers drawn so far.
    pub(crate) draws: u32,
    /// `[END]` was met.
    pub(crate) ended: bool,
    /// A folder's index file is looked up: `NS` and `R` are passed over.
    pub(crate) is_subrequest: bool,
    /// What an answer that comes of it hangs on.
    pub(crate) vary: Vary,
    /// What a redirect is answered with, and the number an internal one leaves behind as `REDIRECT_STATUS`.
    pub(crate) status: u16,
}

/// What a round began with.
#[derive(Clone, Debug)]
pub(crate) struct Original {
    pub(crate) name: Vec<u8>,
    pub(crate) query: Result<Option<Vec<u8>>, Names>,
}

/// A path in the file system.
#[derive(Clone, Debug, Default)]
pub(crate) struct FileName {
    /// `REQUEST_FILENAME`
    pub(crate) name: Vec<u8>,
    /// `PATH_INFO`: what of the request's path is behind the file's name.
    pub(crate) path_info: Vec<u8>,
}

impl<'a> Request<'a> {
    /// The path in the file system; found out if nobody has yet.
    pub(crate) fn file(&mut self) -> Known<&FileName> {
        if self.file.is_none() {
            self.file = Some(self.locate()?);
        }
        Ok(self.file.get_or_insert_default())
    }

    /// Goes down the folders as Apache does: the name ends with the first part that is no folder.
    fn locate(&self) -> Known<FileName> {
        let whole = [self.site.root(), &self.uri].concat();
        if !self.site.has_files() {
            return Ok(FileName { name: whole, path_info: Vec::new() });
        }
        let root = self.site.root().len();
        let ends = || (root + 1..whole.len()).filter(|at| whole.get(*at) == Some(&b'/'));
        let folder = |end: usize| Question::File {
            path: whole.get(..end).unwrap_or_default().to_vec(),
            test: FileTest::Directory,
        };
        for end in ends() {
            match self.ask(&folder(end)) {
                Ok(true) => {}
                Ok(false) => {
                    let (name, path_info) = whole.split_at(end);
                    return Ok(FileName { name: name.to_vec(), path_info: path_info.to_vec() });
                }
                // some at once: a question takes a turn of the loop that drives us, but the first part that is no folder
                // makes those behind it pointless
                Err(Need::Ask(_)) => {
                    let further = ends().filter(|at| *at >= end).take(QUESTIONS_AT_ONCE);
                    return Err(Need::Ask(further.map(folder).collect()));
                }
                Err(need) => return Err(need),
            }
        }
        Ok(FileName { name: whole, path_info: Vec::new() })
    }

    /// Whether a search found something. One that takes too many steps finds nothing, as in Apache; after some of them
    /// the request is given up.
    pub(crate) fn searched(&self, found: Result<bool, TooManySteps>) -> Known<bool> {
        match found {
            Ok(found) => Ok(found),
            Err(TooManySteps) if self.exhausted.get() == EXHAUSTED_MAX => Err(Need::TooMuch(Excess::Steps)),
            Err(TooManySteps) => {
                self.exhausted.set(self.exhausted.get() + 1);
                Ok(false)
            }
        }
    }

    /// What the world says.
    pub(crate) fn ask(&self, question: &Question) -> Known<bool> {
        match self.facts.answer(question) {
            crate::Fact::Known(answer) => Ok(answer),
            crate::Fact::Asked => Err(Need::Ask(vec![question.clone()])),
            crate::Fact::Unknown => Err(Need::unknown(match question {
                Question::File { path, test } => {
                    format!("{} {}", test.operator(), String::from_utf8_lossy(path))
                }
                Question::HostName { .. } => "%{REMOTE_HOST}".to_owned(),
            })),
        }
    }

    /// Tells rules that they look at a request again, as Apache does.
    pub(crate) fn tell_status(&mut self) {
        self.variables.set(b"REDIRECT_STATUS", Ok(self.status.to_string().into_bytes()));
    }

    /// A number below `bound`.
    pub(crate) fn draw(&mut self, bound: u32) -> u32 {
        self.draws += 1;
        self.facts.random(self.draws - 1, bound)
    }

    /// A server variable that does not change.
    pub(crate) fn fixed(&self, variable: Variable) -> Known<Cow<'a, [u8]>> {
        known(self.facts.variable(variable), || format!("%{{{}}}", variable.name()))
    }

    /// A field of the request.
    pub(crate) fn field(&self, name: &[u8]) -> Known<Option<Cow<'a, [u8]>>> {
        known(self.facts.field(name), || format!("%{{HTTP:{}}}", String::from_utf8_lossy(name)))
    }

    /// What a place `%{...}` is worth.
    pub(crate) fn value(&mut self, named: &Named) -> Known<Cow<'_, [u8]>> {
        Ok(match named {
            Named::Of(variable) => self.fixed(*variable)?,
            Named::Field(name) => self.field(name)?.unwrap_or_default(),
            Named::RequestUri => Cow::Borrowed(&self.uri),
            Named::RequestFilename => {
                let hidden = self.site.hidden_root();
                let file = self.file()?;
                Cow::Borrowed(file.name.strip_prefix(hidden).unwrap_or(&file.name))
            }
            Named::PathInfo => Cow::Borrowed(&self.file()?.path_info),
            Named::QueryString => match &self.query {
                Ok(query) => Cow::Borrowed(query.as_deref().unwrap_or_default()),
                Err(names) => return Err(Need::Unknown(names.clone())),
            },
            Named::DocumentRoot | Named::ContextDocumentRoot => {
                Cow::Borrowed(if self.site.has_files() { self.site.root() } else { b"" })
            }
            Named::Environment(name) => Cow::Borrowed(self.variables.get(name)?.unwrap_or_default()),
            Named::IsSubrequest => Cow::Borrowed(if self.is_subrequest { b"true" } else { b"false" }),
            Named::Ssl(name) if name != b"HTTPS" => Cow::Borrowed(b""),
            Named::Https | Named::Ssl(_) => {
                let is_on = self.fixed(Variable::RequestScheme)?.eq_ignore_ascii_case(b"https");
                Cow::Borrowed(if is_on { b"on" } else { b"off" })
            }
            Named::Ipv6 => {
                let client = known(self.facts.client(), || "%{IPV6}".to_owned())?;
                Cow::Borrowed(if client.to_canonical().is_ipv6() { b"on" } else { b"off" })
            }
            Named::ApiVersion => Cow::Borrowed(API_VERSION),
            Named::TimeYear => self.time(0, 4)?,
            Named::TimeMonth => self.time(4, 6)?,
            Named::TimeDay => self.time(6, 8)?,
            Named::TimeHour => self.time(8, 10)?,
            Named::TimeMinute => self.time(10, 12)?,
            Named::TimeSecond => self.time(12, 14)?,
            // no later phase changes what is known here
            Named::AheadByUrl(named) | Named::AheadByFile(named) => return self.value(named),
            Named::ContextPrefix | Named::Empty | Named::Unknown(_) => Cow::Borrowed(b""),
        })
    }

    /// A part of the local time.
    fn time(&self, from: usize, to: usize) -> Known<Cow<'a, [u8]>> {
        let time = self.fixed(Variable::Time)?;
        Ok(Cow::Owned(time.get(from..to).unwrap_or_default().to_vec()))
    }
}

/// The version of Apache's interface between its core and its modules, as 2.4.71 says it.
const API_VERSION: &[u8] = b"20120211:141";

impl Request<'_> {
    /// The path as the rules of a folder see it: what the folder is called is taken off, where it stands at the front.
    pub(crate) fn path_in(&self, folder: &Folder) -> Cow<'_, [u8]> {
        match &self.file {
            None => match folder.prefix.as_deref().and_then(|prefix| self.uri.strip_prefix(prefix)) {
                Some(rest) => Cow::Borrowed(rest),
                None => Cow::Owned(self.visible(&[self.site.root(), &self.uri].concat())),
            },
            Some(file) if file.path_info.is_empty() => {
                Cow::Borrowed(file.name.strip_prefix(folder.name.as_slice()).unwrap_or(&file.name))
            }
            Some(file) => {
                let whole = [file.name.as_slice(), &file.path_info].concat();
                match whole.strip_prefix(folder.name.as_slice()) {
                    Some(rest) => Cow::Owned(rest.to_vec()),
                    None => Cow::Owned(self.visible(&whole)),
                }
            }
        }
    }

    /// Without the name that stands for a document root where none is configured.
    fn visible(&self, name: &[u8]) -> Vec<u8> {
        name.strip_prefix(self.site.hidden_root()).unwrap_or(name).to_vec()
    }

    /// `http://name:port` of this server, as clients call it; the port is left out if it is the scheme's own.
    pub(crate) fn own_url(&self) -> Known<Vec<u8>> {
        let scheme = self.fixed(Variable::RequestScheme)?;
        let name = self.fixed(Variable::ServerName)?;
        let port = self.fixed(Variable::ServerPort)?;
        let mut url = [scheme.as_ref(), b"://", &name].concat();
        if !port.is_empty() && number(&port) != default_port(&scheme) {
            url.push(b':');
            url.extend_from_slice(&port);
        }
        Ok(url)
    }
}
