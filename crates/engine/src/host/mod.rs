//! The world as a rule sees it: one request, its response, and what has been decided so far. The functions of
//! `builtins` work on it; whoever drives rules (`transaction`) reads from it what they decided.

mod completion;
mod edit;
mod errand;
mod kind;
mod marks;
mod queue;
mod spare;
mod stream;

pub(crate) use completion::Completion;
pub(crate) use edit::{ResponseEdit, apply, apply_one};
pub use edit::{cookie_name, cookie_value};
pub(crate) use errand::{OnErrand, go, refused};
pub(crate) use marks::MarksSeen;
pub(crate) use queue::Joined;
pub(crate) use spare::Asker;
pub(crate) use stream::{Answered, LineEnd, Raw, Searched, Side, Want};

use crate::bodies::{Bodies, Place, Work};
use crate::catalog::{Attachment, Catalog, PoolId, VirtualServer, VirtualServerId};
use crate::connection::Connection;
use crate::decision::{MarkState, RateResult};
use crate::errand::ErrandKind;
use crate::htaccess::Judged;
use crate::limits;
use crate::log_text::log_text;
use crate::random::Random;
use crate::request_id::{RequestId, RequestName};
use crate::settings::{AskedLine, NodeAnswered, Settings};
use crate::shared::Shared;
use crate::spare::SparePlace;
use crate::time::Now;
use crate::transaction::Watched;
use message::{RequestHead, ResponseHead};
use shaping::{Tick, Ticket};
use source::{Source, Span};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use trafficscript::{ByteString, PatternCache, Warning};
use visit::RequestKind;

/// Which facts of a request its source can know.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Knowledge {
    /// All: it came over a wire. What is absent is absent.
    #[default]
    All,
    /// Only these (a log line): what is absent and not among them was never recorded, and a decision that read it is
    /// undecidable.
    Only(Arc<KnownFacts>),
}

/// What the lines of a log hold of requests, and what is known besides.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct KnownFacts {
    /// Request fields, by name.
    pub fields: Vec<Vec<u8>>,
    /// Cookies, by name, where not all of them are known: those that only the rules themselves give out.
    pub cookies: Vec<Vec<u8>>,
    /// Whether the client side was encrypted, and which port it connected to.
    pub scheme: bool,
}

impl Knowledge {
    /// Whether an absent request field was really absent.
    pub(crate) fn has_field(&self, name: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::Only(known) => known.fields.iter().any(|known| known.eq_ignore_ascii_case(name)),
        }
    }

    /// Whether an absent cookie was really absent.
    fn has_cookie(&self, name: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::Only(known) => known.cookies.iter().any(|known| known == name) || self.has_field(b"Cookie"),
        }
    }

    /// Whether it is known how the client came.
    pub(crate) fn has_scheme(&self) -> bool {
        match self {
            Self::All => true,
            Self::Only(known) => known.scheme,
        }
    }
}

/// How a request came in.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Chosen by address and Host, see [`Catalog::select`].
    pub virtual_server: VirtualServerId,
    /// The client, after trusted proxies.
    pub client: IpAddr,
    /// Which request of its connection, from 1.
    pub request_number: u32,
    /// Its identity.
    pub id: RequestId,
    /// What a trusted proxy calls it; else it is called by its identity.
    pub named: Option<Box<str>>,
    /// What its source can know.
    pub knowledge: Knowledge,
}

/// The two heads of a transaction; moved in and given back, so that a connection reuses their buffers.
#[derive(Debug, Default)]
pub struct Heads {
    /// What the client sent.
    pub request: RequestHead,
    /// Scratch; the answer's head is built or decoded here.
    pub response: ResponseHead,
}

/// Which list of rules is running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Before a node is chosen.
    Request,
    /// On the answer, a node's or our own.
    Response,
    /// When the transaction is over.
    Completion,
}

/// Which attachment is running.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running {
    pub(crate) stage: Stage,
    pub(crate) place: u16,
    pub(crate) observes: bool,
}

/// A class chosen for one direction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum ClassChoice {
    /// What the virtual server (or the pool) says.
    #[default]
    Default,
    /// A rule took the class away.
    None,
    /// A rule named one that exists.
    Named(ByteString),
}

/// An answer that a rule (or an error) wrote.
#[derive(Clone, Debug, Default)]
pub(crate) struct Built {
    pub(crate) status: u16,
    pub(crate) reason: Vec<u8>,
    pub(crate) content_type: Vec<u8>,
    pub(crate) fields: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

/// What a rule decided that ends the list it stands in.
#[derive(Clone, Debug)]
pub(crate) enum End {
    /// Send this instead of asking a node.
    Respond(Box<Built>),
    /// Close without an answer.
    Discard,
    /// The pool is chosen.
    Pool,
    /// A rate class could not take the request.
    QueueRefused { retry_after: core::time::Duration },
    /// It came to grief, and the virtual server wants the client told so.
    Fault,
    /// Write these bytes as they are, and close.
    Close {
        data: Vec<u8>,
        /// What the client still sends is read for a moment.
        reads_on: bool,
    },
    /// The answer is complete: what was streamed of it, or as it stands.
    Complete,
    /// Drop the node's answer and ask again.
    Retry,
}

/// What a rule waits for.
#[derive(Debug)]
pub(crate) enum Waiting {
    /// Its turn in a rate class.
    Turn {
        ticket: Ticket,
        since: Tick,
        /// Which note tells of it.
        note: usize,
    },
    /// Time.
    Sleep { until: Tick },
    /// Something done in the world.
    Errand(Box<OnErrand>),
    /// Bytes of a body.
    Body(Box<BodyWait>),
    /// What is streamed, to be written.
    Written,
    /// Bytes of a raw connection.
    Bytes {
        side: Side,
        want: Want,
        searched: Searched,
        /// Who asks.
        place: (Arc<Source>, Span),
    },
}

/// A function that goes on when its bytes have come.
#[derive(Debug)]
pub(crate) struct BodyWait {
    pub(crate) work: Work,
    pub(crate) place: Place,
}

/// One line of the record, as cheaply as it can be kept; turned into text only when somebody asks.
#[derive(Clone, Debug)]
pub(crate) struct Noted {
    pub(crate) running: Option<Running>,
    /// The text that was running: the rule's, or that of a library it imports.
    pub(crate) source: Arc<Source>,
    pub(crate) at: u32,
    pub(crate) note: Note,
}

/// See [`crate::decision::Event`].
#[derive(Clone, Debug)]
pub(crate) enum Note {
    Rate {
        class: ByteString,
        context: Option<ByteString>,
        backlog: u32,
        waited_micros: u64,
        result: RateResult,
    },
    BandwidthClass {
        side: &'static str,
        class: ByteString,
    },
    Cookie {
        name: ByteString,
    },
    /// A mark that a rule asked for.
    Mark {
        name: ByteString,
        state: MarkState,
    },
    /// A field set, added or removed; written down only where the rule observes.
    Field {
        side: &'static str,
        name: ByteString,
    },
    Pool {
        pool: ByteString,
    },
    /// Something about this transaction that a rule has set, and to what.
    Setting {
        name: &'static str,
        value: ByteString,
    },
    Respond {
        status: u16,
    },
    Errand {
        kind: ErrandKind,
        to: ByteString,
        result: ByteString,
        micros: u64,
    },
    /// What `.htaccess` decided.
    Htaccess {
        verdict: &'static str,
        status: Option<u16>,
        to: ByteString,
    },
    Discard,
    Undecidable {
        fact: ByteString,
    },
    Emitted {
        name: ByteString,
        text: String,
    },
    Fault {
        text: String,
    },
    Warning {
        text: String,
    },
    Log {
        level: &'static str,
        text: String,
    },
}

/// The host of the rules of one transaction.
#[derive(Debug)]
pub struct Host {
    pub(crate) shared: Arc<Shared>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) connection: Rc<Connection>,
    pub(crate) arrival: Arrival,
    pub(crate) arrived: Now,
    pub(crate) now: Now,
    /// When bytes last moved, as far as rules are concerned: the request's head came, or the answer's.
    pub(crate) moved: Now,
    /// When the virtual server's patience with rules that wait ends.
    pub(crate) deadline: Tick,
    pub(crate) request: RequestHead,
    pub(crate) response: ResponseHead,
    pub(crate) running: Option<Running>,
    pub(crate) edits: Vec<ResponseEdit>,
    pub(crate) response_class: ClassChoice,
    pub(crate) request_class: ClassChoice,
    pub(crate) pool: Option<PoolId>,
    /// What rules have set besides.
    pub(crate) settings: Settings,
    /// The first line as the client sent it, once a rule has changed it; logs show it.
    pub(crate) asked: Option<Box<AskedLine>>,
    /// The Host as the client sent it, once a rule has changed it; nodes are told it. Empty if it sent none.
    pub(crate) asked_name: Option<Box<[u8]>>,
    /// When it was first handed to a pool.
    pub(crate) forwarded_at: Option<Tick>,
    /// The node that has answered, and when.
    pub(crate) node: Option<NodeAnswered>,
    pub(crate) end: Option<End>,
    /// Why it is over, when it is.
    pub(crate) completion: Option<Completion>,
    /// The bytes of a connection that is not HTTP.
    pub(crate) raw: Option<Box<Raw>>,
    pub(crate) waiting: Option<Waiting>,
    /// How many errands its rules have asked for.
    pub(crate) errands: u32,
    pub(crate) notes: Vec<Noted>,
    pub(crate) random: Random,
    /// `None` as long as no rule touches a body.
    pub(crate) bodies: Option<Box<Bodies>>,
    /// The body of an answer that was built here, or that a rule wrote over a node's.
    pub(crate) body: Vec<u8>,
    /// `body` is what the client gets.
    pub(crate) has_own_answer: bool,
    /// The answer came from a node, whatever rules made of it.
    pub(crate) is_from_node: bool,
    /// The request's body went to a node and cannot be sent again.
    pub(crate) is_body_spent: bool,
    /// How often a rule had the request sent again.
    pub(crate) retries: u32,
    /// What `.htaccess` has found out and decided; `None` where there is none, or its turn has not come.
    pub(crate) judged: Option<Box<Judged>>,
    /// What is known of marks; `None` where none came and none was asked for.
    pub(crate) marks: Option<Box<MarksSeen>>,
    /// How the visitor came to ask, once somebody wants to know.
    pub(crate) kind: Option<RequestKind>,
    /// Who it is to the guard; `None` where there is none, or it does not care.
    pub(crate) watched: Option<Box<Watched>>,
    /// A rule was let in by a class that admits by spare capacity.
    pub(crate) spare: Option<SparePlace>,
}

impl Host {
    /// At the arrival of a request, or of a raw connection.
    #[inline]
    pub(crate) fn new(
        shared: &Arc<Shared>,
        catalog: &Arc<Catalog>,
        arrival: Arrival,
        (connection, heads): (&Rc<Connection>, Heads),
        now: Now,
    ) -> Self {
        Self {
            shared: Arc::clone(shared),
            catalog: Arc::clone(catalog),
            connection: Rc::clone(connection),
            arrival,
            arrived: now,
            now,
            moved: now,
            deadline: now.tick,
            request: heads.request,
            response: heads.response,
            running: None,
            edits: Vec::new(),
            response_class: ClassChoice::Default,
            request_class: ClassChoice::Default,
            pool: None,
            settings: Settings::default(),
            asked: None,
            asked_name: None,
            forwarded_at: None,
            node: None,
            end: None,
            completion: None,
            raw: None,
            waiting: None,
            errands: 0,
            notes: Vec::new(),
            random: Random::default(),
            bodies: None,
            body: Vec::new(),
            has_own_answer: false,
            is_from_node: false,
            is_body_spent: false,
            retries: 0,
            judged: None,
            marks: None,
            kind: None,
            watched: None,
            spare: None,
        }
    }

    pub(crate) fn virtual_server(&self) -> &VirtualServer {
        self.catalog.virtual_server(self.arrival.virtual_server)
    }

    /// What the request is called, everywhere: bytes that stand in logs, fields and documents as they are.
    #[inline]
    pub(crate) fn request_name<'a>(&'a self, ours: &'a mut Option<RequestName>) -> &'a [u8] {
        match &self.arrival.named {
            Some(named) => named.as_bytes(),
            None => ours.insert(self.arrival.id.name()).as_bytes(),
        }
    }

    /// The rules of a stage.
    #[inline]
    pub(crate) fn rules(&self, stage: Stage) -> &[Attachment] {
        let virtual_server = self.virtual_server();
        match stage {
            Stage::Request => &virtual_server.request_rules,
            Stage::Response => &virtual_server.response_rules,
            Stage::Completion => &virtual_server.completion_rules,
        }
    }

    /// The attachment that is running.
    pub(crate) fn attachment(&self) -> Option<&Attachment> {
        let running = self.running?;
        self.rules(running.stage).get(usize::from(running.place))
    }

    /// Whether what the running rule asks for is to be written down only.
    pub(crate) fn observes(&self) -> bool {
        self.running.is_some_and(|running| running.observes)
    }

    pub(crate) fn is_response_stage(&self) -> bool {
        self.running.is_some_and(|running| running.stage == Stage::Response)
    }

    /// Whether response or completion rules run.
    pub(crate) fn is_behind_request_rules(&self) -> bool {
        self.running.is_some_and(|running| running.stage > Stage::Request)
    }

    /// Writes a line of the record and says which it is. A rule in a loop cannot grow it beyond
    /// [`limits::NOTES_MAX`]; what is beyond is left out, and gets a number that no line has.
    pub(crate) fn note(&mut self, (source, span): (&Arc<Source>, Span), note: Note) -> usize {
        let number = self.notes.len();
        // Why a rule ended is never left out: there is one such line for each run of a rule.
        if number < limits::NOTES_MAX || matches!(note, Note::Fault { .. }) {
            let (running, source) = (self.running, Arc::clone(source));
            self.notes.push(Noted { running, source, at: span.start, note });
        }
        number
    }

    /// A fact of the request that a rule reads as empty: if the source of the request could not know it, the
    /// decision is marked as undecidable.
    pub(crate) fn note_absent(&mut self, place: (&Arc<Source>, Span), fact: &[u8]) {
        if !self.arrival.knowledge.has_field(fact) {
            self.note(place, Note::Undecidable { fact: ByteString::from(fact) });
        }
    }

    /// As [`Self::note_absent`], of one cookie.
    pub(crate) fn note_absent_cookie(&mut self, place: (&Arc<Source>, Span), name: &[u8]) {
        if !self.arrival.knowledge.has_cookie(name) {
            self.note(place, Note::Undecidable { fact: ByteString::from([b"cookie ", name].concat()) });
        }
    }

    /// A rule asks how the client came.
    pub(crate) fn note_scheme(&mut self, place: (&Arc<Source>, Span)) {
        if !self.arrival.knowledge.has_scheme() {
            self.note(place, Note::Undecidable { fact: ByteString::from("whether the client spoke TLS") });
        }
    }

    /// A fact of the answer that a rule reads: a log has the answer's status and length, and none of its fields.
    pub(crate) fn note_of_answer(&mut self, place: (&Arc<Source>, Span), fact: &[u8]) {
        if self.arrival.knowledge != Knowledge::All && self.is_from_node && !self.has_own_answer {
            self.note(place, Note::Undecidable { fact: ByteString::from([b"response ", fact].concat()) });
        }
    }
}

impl trafficscript::Host for Host {
    fn warn(&mut self, warning: Warning) {
        self.shared.counters().rule_warnings.add_one();
        // A warning quotes what clients sent: it must stay one line, and short.
        let text = log_text(warning.text.as_bytes(), limits::LOG_TEXT_BYTES_MAX);
        self.note((&warning.source, warning.span), Note::Warning { text });
    }

    fn patterns(&self) -> Option<&PatternCache> {
        Some(self.shared.patterns())
    }

    fn random(&mut self, out: &mut [u8]) {
        self.random.fill(self.shared.seed(), self.arrival.id, out);
    }
}
