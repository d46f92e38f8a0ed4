//! What outlives a transaction: the client's connection.

use crate::host::Stage;
use crate::protection::{Admission, ProtectionClass};
use crate::stores::ConnectionData;
use crate::tls::TlsFacts;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

/// What the shell knows of a connection when it accepts it.
#[derive(Clone, Debug)]
pub struct ConnectionFacts {
    /// Unique while the process lives; also the key of bandwidth classes that are shared by connection.
    pub id: u64,
    /// The other end of the socket (a proxy in front of us, or the client itself).
    pub peer: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
    /// What the handshake told, where the client side is encrypted; `None` in the clear.
    pub tls: Option<Arc<TlsFacts>>,
    /// That the protection class of its address let it in; `None` where nobody was asked.
    pub admission: Option<Arc<Admission>>,
}

/// One client connection. Held as `Rc<Connection>` by the shell and by every transaction on it (one after the
/// other in HTTP/1.1, several at once later), on one worker.
#[derive(Debug)]
pub struct Connection {
    facts: ConnectionFacts,
    /// What has run here of all that is to run once (`run = "first"`): as many as catalogs have, at most.
    ran: RefCell<BTreeSet<AttachmentName>>,
    /// What rules keep here.
    data: ConnectionData,
    /// That further protection classes let it in, one for each virtual server it has asked at most.
    admissions: RefCell<Vec<Admission>>,
}

/// An attachment by names, which outlive a reload and tell the virtual servers of one address apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AttachmentName {
    pub(crate) virtual_server: Arc<str>,
    pub(crate) stage: Stage,
    pub(crate) place: u16,
    pub(crate) rule: Arc<str>,
}

impl Connection {
    /// A connection that has carried nothing yet.
    pub fn new(facts: ConnectionFacts) -> Self {
        Self {
            facts,
            ran: RefCell::default(),
            data: ConnectionData::default(),
            admissions: RefCell::default(),
        }
    }

    /// What was known at accept.
    pub fn facts(&self) -> &ConnectionFacts {
        &self.facts
    }

    /// Whether this protection class has let it in.
    pub(crate) fn is_admitted(&self, class: &ProtectionClass) -> bool {
        self.facts.admission.as_ref().is_some_and(|admission| admission.is_of(class))
            || self.admissions.borrow().iter().any(|admission| admission.is_of(class))
    }

    /// A further protection class has let it in.
    pub(crate) fn hold(&self, admission: Admission) {
        self.admissions.borrow_mut().push(admission);
    }

    /// Whether the client side is encrypted.
    pub fn is_tls(&self) -> bool {
        self.facts.tls.is_some()
    }

    /// What rules keep here.
    pub(crate) fn data(&self) -> &ConnectionData {
        &self.data
    }

    /// Bytes that rules keep here.
    pub fn data_bytes(&self) -> u64 {
        self.data.bytes()
    }

    /// Whether this attachment runs here for the first time; notes that it has.
    pub(crate) fn is_first_run(&self, attachment: AttachmentName) -> bool {
        self.ran.borrow_mut().insert(attachment)
    }
}
