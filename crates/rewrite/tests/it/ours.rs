//! Our own evaluation of a case, with the facts that Apache had.

use crate::answer::{Answer, as_a_set, beside_origin_fields, decoded, escaped, plain_path};
use crate::apache::changed_fields;
use crate::corpus::Case;
use crate::request::{HOST, Request, find};
use crate::world::{ADMIN, EXECUTABLE, FILES, FOLDERS, LINK, MAPS, ORIGIN_FIELDS, ROOT};
use rewrite::directive::{MapKind, MapSource};
use rewrite::{
    Cookie, ErrorDocument, Fact, Facts, FileTest, HeaderAction, HeaderEdit, NamedMap, Outcome, PlacedFile,
    Question, Site, SiteOptions, Target, Variable, Verdict, parse,
};
use source::{Severity, Source};
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

/// A case, loaded.
pub(crate) struct Ours {
    site: Site,
    /// Folders whose file has a mistake: Apache answers 500 for them, we do not take the file.
    broken: Vec<String>,
}

impl Ours {
    pub(crate) fn load(case: &Case) -> Self {
        let mut broken = Vec::new();
        let mut placed = Vec::new();
        for (prefix, text) in &case.files {
            let source = Arc::new(Source::new(format!("{prefix}.htaccess"), text.clone()));
            let parsed = parse(&source);
            let one = PlacedFile { prefix: prefix.clone().into_bytes(), file: Arc::new(parsed.file) };
            let wrong = parsed.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
            if wrong { broken.push(prefix.clone()) } else { placed.push(one) }
        }
        placed.push(without_indexes());
        let site = Site::new(&placed, options());
        Self { site, broken }
    }

    pub(crate) fn ask(&self, request: &Request) -> Answer {
        let (path, _) = request.path_and_query();
        if self.is_broken(&plain_path(path)) {
            return Answer::new("500".to_owned());
        }
        let outcome = self.site.evaluate(&Known { request, status: 200 });
        self.answer(request, &outcome)
    }

    fn is_broken(&self, path: &[u8]) -> bool {
        self.broken
            .iter()
            .any(|prefix| path.starts_with(prefix.as_bytes()) || [path, b"/"].concat() == prefix.as_bytes())
    }

    fn answer(&self, request: &Request, outcome: &Outcome) -> Answer {
        let origin = ORIGIN_FIELDS.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        match &outcome.verdict {
            Verdict::Pass { changed, .. } => {
                if changed.as_ref().is_some_and(|target| self.is_broken(&decoded(&target.path))) {
                    return Answer::new("500".to_owned());
                }
                let mut details: Vec<String> = outcome
                    .environment
                    .iter()
                    .map(|(name, value)| format!("env {}={}", escaped(name), escaped(value)))
                    .collect();
                details.extend(outcome.content_type.iter().map(|kind| format!("type {}", escaped(kind))));
                details.extend(changed_fields(request, &sent_fields(request, &outcome.request_edits)));
                details.extend(beside_origin_fields(fields(outcome, &origin, Tables::Both)));
                Answer::new(asked_for(request, changed.as_ref())).with(details)
            }
            Verdict::Proxy { url, .. } => {
                let details = fields(outcome, &[], Tables::Both);
                Answer::new(format!("proxy {}", escaped(url))).with(details)
            }
            Verdict::Redirect { status, location, .. } => {
                let details = fields(outcome, &[], Tables::Always);
                Answer::new(format!("{status} {}", escaped(location))).with(details)
            }
            Verdict::Status { status, .. } => self.status(request, outcome, *status),
            Verdict::Undecidable { unknown } => Answer::new(format!("undecidable: {}", unknown.join(", "))),
            Verdict::Asks(questions) => Answer::new(format!("asks {questions:?}")),
        }
    }

    /// An error, with what is shown for it.
    fn status(&self, request: &Request, outcome: &Outcome, status: u16) -> Answer {
        let shown =
            outcome.error_documents.iter().rfind(|(of, _)| *of == status).map(|(_, document)| document);
        let details = fields(outcome, &[], Tables::Always);
        match shown {
            Some(ErrorDocument::Text(text)) if request.method != "HEAD" => {
                Answer::new(format!("{status} says {}", escaped(text))).with(details)
            }
            Some(ErrorDocument::Url(url)) => Answer::new(format!("302 {}", escaped(url))).with(details),
            Some(ErrorDocument::Path(path)) => {
                let mut document = request.clone();
                "GET".clone_into(&mut document.method);
                document.target.clone_from(path);
                let judged = self.site.evaluate(&Known { request: &document, status });
                // a page that is refused as well is not shown
                if !matches!(judged.verdict, Verdict::Pass { .. }) {
                    return Answer::new(status.to_string()).with(details);
                }
                let shown = self.answer(&document, &judged);
                let end = shown.outcome.strip_prefix("to ").map_or_else(|| escaped(path), str::to_owned);
                let kept = shown
                    .details
                    .into_iter()
                    .filter(|detail| detail.starts_with("field ") || detail.starts_with("cookie "));
                Answer::new(format!("{status} shows {end}")).with(kept.collect())
            }
            _ => Answer::new(status.to_string()).with(details),
        }
    }
}

fn options() -> SiteOptions {
    let maps = MAPS.iter().map(|(name, kind, text)| {
        let source = match *kind {
            "int:tolower" => MapSource::ToLower,
            "int:toupper" => MapSource::ToUpper,
            "int:escape" => MapSource::Escape,
            "int:unescape" => MapSource::Unescape,
            "rnd" => MapSource::File(MapKind::Random, Vec::new()),
            _ => MapSource::File(MapKind::Text, Vec::new()),
        };
        NamedMap { name: name.as_bytes().to_vec(), source, text: text.as_bytes().to_vec() }
    });
    SiteOptions { document_root: Some(ROOT.into()), maps: maps.collect() }
}

fn asked_for(request: &Request, changed: Option<&Target>) -> String {
    let (raw, query) = request.path_and_query();
    let Some(target) = changed else { return "pass".to_owned() };
    let path = decoded(&target.path);
    if path == plain_path(raw) && target.query.as_deref() == query {
        return "pass".to_owned();
    }
    match &target.query {
        Some(query) => format!("to {}?{}", escaped(&path), escaped(query)),
        None => format!("to {}", escaped(&path)),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tables {
    /// Of an answer that is fine.
    Both,
    /// Of errors and redirects.
    Always,
}

type Field = (String, Vec<u8>);

/// The fields of an answer. As in Apache there are two tables, and each edit sees its own only.
fn fields(outcome: &Outcome, origin: &[Field], tables: Tables) -> Vec<String> {
    let mut always: Vec<Field> =
        outcome.cookies.iter().map(|cookie| ("Set-Cookie".to_owned(), cookie_field(cookie))).collect();
    let mut plain = origin.to_vec();
    for edit in &outcome.header_edits {
        if edit.always {
            apply(edit, &mut always);
        } else if tables == Tables::Both {
            apply(edit, &mut plain);
        }
    }
    let all = always.iter().chain(&plain);
    // see the list of what is passed over for Apache
    let told = all.filter(|(name, _)| !["Content-Type", "Location"].contains(&name.as_str()));
    told.map(|(name, value)| match name.as_str() {
        "Set-Cookie" => format!("cookie {}", escaped(value)),
        "Vary" => format!("field Vary: {}", as_a_set(&escaped(value))),
        _ => format!("field {name}: {}", escaped(value.trim_ascii())),
    })
    .collect()
}

/// Where Apache writes the moment of expiry there is the word alone.
fn cookie_field(cookie: &Cookie) -> Vec<u8> {
    if cookie.lifetime_seconds.is_none() {
        return cookie.field.clone();
    }
    let text = &cookie.field;
    let words = [&b"; secure"[..], b"; HttpOnly", b"; SameSite"];
    let at = words.iter().filter_map(|word| find(text, word)).min().unwrap_or(text.len());
    [&text[..at], b"; expires", &text[at..]].concat()
}

fn apply(edit: &HeaderEdit, fields: &mut Vec<Field>) {
    let name = String::from_utf8_lossy(&edit.name).into_owned();
    let is = |field: &Field| field.0.eq_ignore_ascii_case(&name);
    let first = fields.iter().position(is);
    match (edit.action, first) {
        (HeaderAction::Unset, _) => fields.retain(|field| !is(field)),
        (HeaderAction::Edit | HeaderAction::EditAll, _) => {
            for field in fields.iter_mut().filter(|field| is(field)) {
                field.1 = edit.edited(&field.1);
            }
        }
        (HeaderAction::SetIfEmpty, Some(_)) => {}
        (HeaderAction::Set, Some(at)) => {
            fields[at].1.clone_from(&edit.value);
            let mut index = 0;
            fields.retain(|field| {
                index += 1;
                index <= at + 1 || !is(field)
            });
        }
        (HeaderAction::Merge, Some(at))
            if fields[at].1.split(|byte| *byte == b',').any(|part| part.trim_ascii() == edit.value) => {}
        (HeaderAction::Append | HeaderAction::Merge, Some(at)) => {
            fields[at].1.extend([b", ", edit.value.as_slice()].concat());
        }
        _ => fields.push((name, edit.value.clone())),
    }
}

/// What the origin gets, a field a line.
fn sent_fields(request: &Request, edits: &[HeaderEdit]) -> Vec<String> {
    let mut fields = request.joined_fields();
    for edit in edits {
        apply(edit, &mut fields);
    }
    fields.iter().map(|(name, value)| format!("{name}: {}", escaped(value))).collect()
}

struct Known<'r> {
    request: &'r Request,
    status: u16,
}

impl Known<'_> {
    fn host(&self) -> (String, String) {
        let host =
            String::from_utf8_lossy(self.request.field("Host").unwrap_or_default()).to_ascii_lowercase();
        let (name, port) = host.split_once(':').unwrap_or((&host, "80"));
        (name.to_owned(), port.to_owned())
    }
}

impl Facts for Known<'_> {
    fn status(&self) -> u16 {
        self.status
    }

    fn variable(&self, variable: Variable) -> Fact<Cow<'_, [u8]>> {
        let (path, query) = self.request.path_and_query();
        let text: Vec<u8> = match variable {
            // no names are looked up
            Variable::RemoteAddr | Variable::RemoteHost => self.request.client.to_string().into(),
            Variable::ConnRemoteAddr | Variable::ServerAddr => b"127.0.0.1".to_vec(),
            Variable::RequestMethod => self.request.method.clone().into(),
            Variable::TheRequest => self.request.line(),
            Variable::RawPath => path.to_vec(),
            Variable::RawQuery => query.unwrap_or_default().to_vec(),
            Variable::ServerProtocol => b"HTTP/1.1".to_vec(),
            Variable::ServerName => self.host().0.into(),
            Variable::ServerPort => self.host().1.into(),
            Variable::ServerAdmin => ADMIN.into(),
            Variable::RequestScheme => b"http".to_vec(),
            Variable::Time => b"20260101120000".to_vec(),
            Variable::TimeWday => b"4".to_vec(),
            Variable::RemotePort | Variable::RemoteUser | Variable::RemoteIdent | Variable::AuthType => {
                Vec::new()
            }
            Variable::ServerSoftware => Vec::new(),
        };
        Fact::Known(Cow::Owned(text))
    }

    fn field(&self, name: &[u8]) -> Fact<Option<Cow<'_, [u8]>>> {
        let mut values =
            self.request.fields.iter().filter(|(field, _)| field.as_bytes().eq_ignore_ascii_case(name));
        let Some((_, first)) = values.next() else { return Fact::Known(None) };
        let joined =
            values.fold(first.clone(), |joined, (_, value)| [joined, b", ".to_vec(), value.clone()].concat());
        Fact::Known(Some(Cow::Owned(joined)))
    }

    fn field_names(&self) -> Fact<Vec<Cow<'_, [u8]>>> {
        Fact::Known(self.request.fields.iter().map(|(name, _)| Cow::Borrowed(name.as_bytes())).collect())
    }

    fn has_question_mark(&self) -> bool {
        self.request.path_and_query().1.is_some()
    }

    fn is_own_name(&self, name: &[u8]) -> bool {
        name.eq_ignore_ascii_case(HOST.as_bytes())
    }

    fn client(&self) -> Fact<IpAddr> {
        Fact::Known(self.request.client)
    }

    fn answer(&self, question: &Question) -> Fact<bool> {
        Fact::Known(match question {
            Question::File { path, test } => passes(path, *test),
            Question::HostName { address, name } => {
                address.is_loopback() && (name == b"localhost" || name == b".localhost")
            }
        })
    }

    fn random(&self, _: u32, _: u32) -> u32 {
        0
    }
}

/// Whether a file of the tree passes a test.
fn passes(path: &[u8], test: FileTest) -> bool {
    let plain = plain_path(path);
    let Some(inside) = plain.strip_prefix(ROOT.as_bytes()) else { return false };
    let inside = String::from_utf8_lossy(inside).into_owned();
    let folder = inside.trim_end_matches('/');
    let is_folder = folder.is_empty() || FOLDERS.contains(&folder);
    let file = FILES.iter().find(|(name, _)| *name == inside).map(|(_, text)| text.len());
    let file = file.or_else(|| [EXECUTABLE, LINK].contains(&inside.as_str()).then_some(1));
    match test {
        FileTest::Directory => is_folder,
        FileTest::File => file.is_some(),
        FileTest::NotEmpty => file.is_some_and(|bytes| bytes > 0),
        FileTest::Link => inside == LINK,
        FileTest::Executable => inside == EXECUTABLE || is_folder,
        FileTest::Exists => is_folder || file.is_some(),
    }
}

/// The Apache that is compared has no `mod_dir`: what it shows is the request for the folder itself.
fn without_indexes() -> PlacedFile {
    let text = "DirectoryIndex disabled\nDirectorySlash Off\n";
    let parsed = parse(&Arc::new(Source::new("without-indexes", text)));
    PlacedFile { prefix: b"/".to_vec(), file: Arc::new(parsed.file) }
}
