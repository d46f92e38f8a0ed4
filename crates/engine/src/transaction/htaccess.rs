//! `.htaccess` on a request, between the request rules and the choice of a node.
//!
//! ```text
//! rules are through ─▶ evaluate ─▶ Asks ── errand by errand ──▶ evaluate again
//!                          ├─▶ Pass ───────────────────────────▶ a node is chosen, for the new target if there is one
//!                          ├─▶ Status ─ error document? ─ path ─▶ evaluate for that path ─▶ Pass: the node is asked for it
//!                          │              └ text, none ─▶ answer            └ else: the built-in page
//!                          ├─▶ Redirect, Proxy
//!                          └─▶ Undecidable, asked too often ─▶ 500
//! ```

use super::{Ask, Next, Origin, State, Transaction};
use crate::catalog::{Htaccess, Mode, Node, PoolId};
use crate::errand::{ErrandError, Report, Url};
use crate::host::{Built, Host, Knowledge, Note, Waiting};
use crate::htaccess::{
    Answer, ErrorPath, RequestFacts, apply_to_request, document_text, errand_for, error_page, redirect_page,
    refuse_unsendable,
};
use crate::limits;
use crate::settings::AskedLine;
use core::time::Duration;
use jiff::Timestamp;
use rewrite::{Cookie, ErrorDocument, Outcome, Question, Target, Verdict};
use source::Span;
use std::sync::Arc;
use trafficscript::ByteString;

/// Fields of a request that are about the thing that was asked for, not about the error document in its place.
const CONDITIONAL: [&[u8]; 6] =
    [b"If-Match", b"If-Modified-Since", b"If-None-Match", b"If-Range", b"If-Unmodified-Since", b"Range"];

/// The directive behind a decision: the number of its file, and its place there.
type By = Option<(usize, Span)>;

impl Transaction {
    /// No rule has ended the request: what `.htaccess` says is next.
    #[inline]
    pub(super) fn request_goes_on(&mut self) -> Next {
        // What is no path ("*") is in no folder.
        if self.virtual_server().htaccess.is_none() || !self.host.request.path().starts_with(b"/") {
            return self.choose_pool();
        }
        self.host.judged = Some(Box::default());
        self.state = State::Htaccess;
        self.htaccess()
    }

    /// Evaluates as far as answers are there.
    pub(super) fn htaccess(&mut self) -> Next {
        let catalog = Arc::clone(&self.host.catalog);
        let Some(htaccess) = &catalog.virtual_server(self.host.arrival.virtual_server).htaccess else {
            return self.choose_pool();
        };
        loop {
            if let Some(ask) = self.host.question_under_way(htaccess) {
                return Next::Ask(ask);
            }
            let Some(outcome) = self.host.evaluate(htaccess) else { return self.give_up(htaccess) };
            let Verdict::Asks(questions) = outcome.verdict else { return self.obey(htaccess, outcome) };
            let judged = self.host.judged.get_or_insert_default();
            judged.want(questions);
            if judged.next_question().is_none() {
                debug_assert!(false, "what is known is asked for again");
                return self.without_decision(htaccess);
            }
        }
    }

    /// A request that has the files evaluated again and again.
    fn give_up(&mut self, htaccess: &Htaccess) -> Next {
        self.host.shared.counters().htaccess_gave_up.add_one();
        let most = limits::HTACCESS_EVALUATIONS_MAX;
        let text =
            format!("after {most} evaluations for one request there was always one more file to ask for");
        self.host.tell((htaccess, None), Note::Warning { text });
        self.without_decision(htaccess)
    }

    /// There is no decision, and there will be none. What the files guard stays shut: for all we know they refuse just
    /// this request. Where they only observe, nothing changes for anybody.
    fn without_decision(&mut self, htaccess: &Htaccess) -> Next {
        if htaccess.mode == Mode::Observe {
            return self.choose_pool();
        }
        match self.host.judged.as_mut().and_then(|judged| judged.error_path.take()) {
            Some(error) => self.respond_for_htaccess(error_page(error.status, Some(500))),
            None => self.respond_for_htaccess(error_page(500, None)),
        }
    }

    fn obey(&mut self, htaccess: &Htaccess, mut outcome: Outcome) -> Next {
        refuse_unsendable(&mut outcome);
        if let Some(error) = self.host.judged.as_ref().and_then(|judged| judged.error_path.clone()) {
            return self.obey_for_error_document(htaccess, &error, outcome);
        }
        self.host.tell_of_outcome(htaccess, &outcome);
        if htaccess.mode == Mode::Observe {
            if let Some(judged) = &mut self.host.judged {
                judged.environment = outcome.environment;
            }
            return self.choose_pool();
        }
        let Outcome { verdict, error_documents, .. } = self.host.keep(outcome);
        match verdict {
            Verdict::Pass { changed: Some(target), .. } => {
                if self.host.go_to(&target) {
                    self.choose_pool()
                } else {
                    self.respond_for_htaccess(error_page(400, None))
                }
            }
            Verdict::Pass { changed: None, .. } => self.choose_pool(),
            Verdict::Undecidable { .. } | Verdict::Asks(_) => self.without_decision(htaccess),
            Verdict::Status { status, .. } => self.error(status, error_documents),
            Verdict::Redirect { status, location, .. } => {
                self.respond_for_htaccess(redirect_page(status, &location))
            }
            Verdict::Proxy { url, by } => self.proxy(htaccess, &url, by, error_documents),
        }
    }

    /// What the client gets instead, with the document that stands for this status.
    fn error(&mut self, status: u16, documents: Vec<(u16, ErrorDocument)>) -> Next {
        let document = documents.into_iter().rev().find(|(of, _)| *of == status);
        match document.map(|(_, document)| document) {
            Some(ErrorDocument::Text(text)) => self.respond_for_htaccess(document_text(status, &text)),
            Some(ErrorDocument::Url(url)) => self.respond_for_htaccess(redirect_page(302, &url)),
            Some(ErrorDocument::Path(path)) => {
                let mut parts = path.splitn(2, |byte| *byte == b'?');
                let (path, query) =
                    (parts.next().unwrap_or_default().to_vec(), parts.next().map(<[u8]>::to_vec));
                if let Some(judged) = &mut self.host.judged {
                    judged.error_path = Some(ErrorPath { status, target: Target { path, query } });
                }
                self.htaccess()
            }
            Some(ErrorDocument::Default) | None => self.respond_for_htaccess(error_page(status, None)),
        }
    }

    /// The rules have looked at the path of an error document. Only where they let it through the node is asked; else
    /// the built-in page says both, as in Apache.
    fn obey_for_error_document(&mut self, htaccess: &Htaccess, error: &ErrorPath, outcome: Outcome) -> Next {
        let Outcome { verdict, .. } = self.host.keep(outcome);
        let also = match verdict {
            Verdict::Pass { changed, by: _ } => {
                let target = changed.unwrap_or_else(|| error.target.clone());
                if self.chosen_pool().is_some() && self.host.go_to(&target) {
                    self.host.ask_for_document();
                    return self.choose_pool();
                }
                Some(503)
            }
            Verdict::Status { status, .. } | Verdict::Redirect { status, .. } => Some(status),
            Verdict::Proxy { .. } => Some(403),
            Verdict::Undecidable { .. } | Verdict::Asks(_) => None,
        };
        self.host.tell(
            (htaccess, None),
            Note::Warning {
                text: format!(
                    "the error document {} of {} could not be had",
                    String::from_utf8_lossy(&error.target.path),
                    error.status
                ),
            },
        );
        self.error_without_document(error.status, also)
    }

    fn error_without_document(&mut self, status: u16, also: Option<u16>) -> Next {
        if let Some(judged) = &mut self.host.judged {
            judged.error_path = None;
        }
        self.respond_for_htaccess(error_page(status, also))
    }

    /// A node has answered with an error document, or with something else in its place: `Some` is what is next instead
    /// of that answer.
    pub(super) fn error_document_came(&mut self) -> Option<Next> {
        let status = self.host.judged.as_mut()?.error_path.take()?.status;
        let got = self.host.response.status();
        if !(200..300).contains(&got) {
            return Some(self.error_without_document(status, Some(got)));
        }
        let _fits = self.host.response.set_status(status, message::reason_of(status).as_bytes());
        self.origin = Origin::Htaccess;
        None
    }

    /// No node has answered: the error is that of the request still, and its page the built-in one.
    pub(super) fn error_document_failed(&mut self, also: u16) -> Option<Built> {
        let status = self.host.judged.as_mut()?.error_path.take()?.status;
        self.origin = Origin::Htaccess;
        Some(error_page(status, Some(also)))
    }

    fn respond_for_htaccess(&mut self, built: Built) -> Next {
        self.origin = Origin::Htaccess;
        self.build(built);
        self.begin_response_rules()
    }

    /// `[P]`: to a node of a pool, or to this site itself; nobody else is gone to, so that no file makes an open proxy.
    fn proxy(
        &mut self,
        htaccess: &Htaccess,
        url: &[u8],
        by: By,
        documents: Vec<(u16, ErrorDocument)>,
    ) -> Next {
        match self.host.way_to(url) {
            Some(Way::Here(target)) if self.host.go_to(&target) => self.choose_pool(),
            Some(Way::Node { pool, node, target }) if self.host.go_to(&target) => {
                let _fits = self.host.request.fields_mut().set(b"Host", node.name.as_bytes());
                self.host.pool = Some(pool);
                self.host.settings.named = Some(Box::new(node));
                self.choose_pool()
            }
            _ => {
                let text = format!(
                    "[P] goes to nodes of pools and to the site itself only, not to {}",
                    String::from_utf8_lossy(url)
                );
                self.host.shared.counters().htaccess_refusals.add_one();
                self.host.tell((htaccess, by), Note::Warning { text });
                self.error(403, documents)
            }
        }
    }
}

/// Where `[P]` may go.
enum Way {
    /// To this site.
    Here(Target),
    Node {
        pool: PoolId,
        node: Node,
        target: Target,
    },
}

impl Host {
    /// `None` where this was done too often for the request.
    fn evaluate(&mut self, htaccess: &Htaccess) -> Option<Outcome> {
        let mut judged = self.judged.take().unwrap_or_default();
        let outcome = (judged.evaluations < limits::HTACCESS_EVALUATIONS_MAX).then(|| {
            judged.evaluations += 1;
            self.shared.counters().htaccess_evaluations.add_one();
            htaccess.evaluate(&RequestFacts::new(self, &judged))
        });
        self.judged = Some(judged);
        outcome
    }

    /// The question that is being asked; `None` when all have answers.
    fn question_under_way(&mut self, htaccess: &Htaccess) -> Option<Ask> {
        loop {
            if let Some(Waiting::Errand(mut on)) = self.waiting.take() {
                let result = match on.report.take() {
                    Some(result) => result,
                    None if on.until <= self.now.tick => Err(ErrandError::TimedOut),
                    None => {
                        let until = on.until;
                        self.waiting = Some(Waiting::Errand(on));
                        return Some(Ask::Errand { until });
                    }
                };
                self.answer_question(htaccess, result);
            }
            let question = self.judged.as_mut()?.next_question()?.clone();
            let Some(errand) = errand_for(&question, htaccess.document_root.as_deref()) else {
                // Where no files are, none is there; of a request out of a log nobody knows what was where then.
                let is_live = self.arrival.knowledge == Knowledge::All;
                self.judged.as_mut()?.settle(if is_live { &Answer::No } else { &Answer::Unknown });
                continue;
            };
            let Some(time) = self.time_for(&question, htaccess.mode) else {
                self.judged.as_mut()?.settle(&Answer::Unknown);
                continue;
            };
            if let Err(error) = self.begin_errand(errand, htaccess.source(0), time) {
                self.answer_question(htaccess, Err(error));
            }
        }
    }

    /// How long a question may take; `None` if it is not to be asked. Whoever only observes holds nobody up: looking up a
    /// name can take seconds, and a disk that hangs is not waited for.
    fn time_for(&mut self, question: &Question, mode: Mode) -> Option<Duration> {
        match (mode, question) {
            (Mode::Enforce, _) => Some(limits::HTACCESS_ERRAND_TIME),
            (Mode::Observe, Question::HostName { .. }) => None,
            (Mode::Observe, Question::File { .. }) => {
                let now = self.now.tick;
                let until = &mut self.judged.as_mut()?.patience_until;
                let until = *until.get_or_insert(now.saturating_add(limits::HTACCESS_OBSERVE_TIME));
                (now < until).then(|| until.since(now))
            }
        }
    }

    fn answer_question(&mut self, htaccess: &Htaccess, result: Result<Report, ErrandError>) {
        let counters = self.shared.counters();
        let answer = match result {
            Ok(report) => Answer::Found(report),
            // There is no world here, and nobody has said what it would answer.
            Err(ErrandError::Rehearsal(_)) => {
                counters.errands_failed.add_one();
                Answer::Unknown
            }
            Err(ErrandError::TimedOut) => {
                counters.htaccess_timeouts.add_one();
                self.tell_of_timeout(htaccess);
                if htaccess.mode == Mode::Observe { Answer::Unknown } else { Answer::No }
            }
            Err(_) => {
                counters.errands_failed.add_one();
                Answer::No
            }
        };
        if let Some(judged) = &mut self.judged {
            judged.settle(&answer);
        }
    }

    fn tell_of_timeout(&mut self, htaccess: &Htaccess) {
        let question = self.judged.as_mut().and_then(|judged| judged.next_question().cloned());
        let text = match question {
            Some(Question::File { path, .. }) => {
                format!("{} was not looked at in time", String::from_utf8_lossy(&path))
            }
            Some(Question::HostName { address, .. }) => {
                format!("the name of {address} was not found in time")
            }
            None => String::new(),
        };
        self.tell((htaccess, None), Note::Warning { text });
    }

    /// Takes over what an evaluation decided besides its verdict.
    fn keep(&mut self, mut outcome: Outcome) -> Outcome {
        apply_to_request(&mut self.request, &outcome.request_edits);
        let cookies: Vec<Vec<u8>> =
            outcome.cookies.drain(..).map(|cookie| self.cookie_field(cookie)).collect();
        if let Some(judged) = &mut self.judged {
            judged.environment.append(&mut outcome.environment);
            judged.edits = std::mem::take(&mut outcome.header_edits);
            judged.cookies.extend(cookies);
            judged.content_type = outcome.content_type.take();
        }
        outcome
    }

    /// A cookie with the date on which it ends, as Apache writes dates there.
    fn cookie_field(&self, cookie: Cookie) -> Vec<u8> {
        let mut field = cookie.field;
        if let Some(seconds) = cookie.lifetime_seconds {
            let ends = self.now.wall.0.saturating_add(seconds.saturating_mul(1_000_000));
            let ends = Timestamp::from_microsecond(ends).unwrap_or(if seconds < 0 {
                Timestamp::MIN
            } else {
                Timestamp::MAX
            });
            field.extend_from_slice(
                ends.strftime("; expires=%a, %d-%b-%Y %H:%M:%S GMT").to_string().as_bytes(),
            );
        }
        field
    }

    /// Puts another target in place; what the client asked for stays in the log. False if it cannot be one.
    fn go_to(&mut self, target: &Target) -> bool {
        let mut text = target.path.clone();
        if let Some(query) = &target.query {
            text.push(b'?');
            text.extend_from_slice(query);
        }
        if text.len() > limits::TARGET_BYTES_MAX {
            return false;
        }
        if self.asked.is_none() {
            self.asked = Some(Box::new(AskedLine::of(&self.request)));
        }
        self.request.set_target(&text).is_ok()
    }

    /// An error document is fetched: whole, and without what was sent for something else.
    fn ask_for_document(&mut self) {
        if self.request.method() != b"HEAD" {
            let _token = self.request.set_method(b"GET");
        }
        for name in CONDITIONAL {
            self.request.fields_mut().remove(name);
        }
        self.bodies_mut().write_request(Vec::new());
    }

    fn way_to(&self, url: &[u8]) -> Option<Way> {
        let url = Url::parse(url).ok().filter(|url| !url.tls)?;
        let (path, query) = match url.target.split_once('?') {
            Some((path, query)) => (path, Some(query.as_bytes().to_vec())),
            None => (url.target.as_str(), None),
        };
        let target = Target { path: path.as_bytes().to_vec(), query };
        for (at, pool) in self.catalog.pools.iter().enumerate() {
            if let Some(node) = pool.node_at(&url.host, url.port) {
                let pool = PoolId(u32::try_from(at).ok()?);
                return Some(Way::Node { pool, node: node.clone(), target });
            }
        }
        let server = self.virtual_server();
        let is_port = server.listen.iter().any(|listen| listen.port() == url.port);
        let is_host = server.hosts.iter().any(|pattern| pattern.holds(url.host.as_bytes()));
        (is_port && is_host).then_some(Way::Here(target))
    }

    /// Writes down what the files have decided, and counts it.
    fn tell_of_outcome(&mut self, htaccess: &Htaccess, outcome: &Outcome) {
        let counters = self.shared.counters();
        let (word, status, to, by) = match &outcome.verdict {
            Verdict::Pass { changed: None, .. } | Verdict::Asks(_) => return,
            Verdict::Pass { changed: Some(target), by } => {
                counters.htaccess_rewrites.add_one();
                let query = target.query.as_deref().map_or(Vec::new(), |query| [b"?", query].concat());
                ("rewrite", None, [&target.path[..], &query].concat(), *by)
            }
            Verdict::Status { status, by } if let Some(excess) = outcome.excess => {
                counters.htaccess_excesses.add_one();
                self.tell((htaccess, *by), Note::Warning { text: excess.text().to_owned() });
                ("give-up", Some(*status), Vec::new(), *by)
            }
            Verdict::Status { status, by } => {
                counters.htaccess_refusals.add_one();
                ("refuse", Some(*status), Vec::new(), *by)
            }
            Verdict::Redirect { status, location, by } => {
                counters.htaccess_redirects.add_one();
                ("redirect", Some(*status), location.clone(), *by)
            }
            Verdict::Proxy { url, by } => {
                counters.htaccess_proxied.add_one();
                ("proxy", None, url.clone(), *by)
            }
            Verdict::Undecidable { unknown } => {
                counters.htaccess_undecidable.add_one();
                for fact in unknown {
                    let fact = ByteString::from(fact.as_str());
                    self.tell((htaccess, None), Note::Undecidable { fact });
                }
                return;
            }
        };
        self.tell((htaccess, by), Note::Htaccess { verdict: word, status, to: ByteString::from(to) });
    }

    /// Writes a line of the record at a directive, or at the beginning of the first file.
    fn tell(&mut self, (htaccess, by): (&Htaccess, By), note: Note) {
        let (file, span) = by.unwrap_or_default();
        self.note((htaccess.source(file), span), note);
    }
}
