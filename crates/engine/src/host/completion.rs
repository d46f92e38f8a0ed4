//! Why a transaction is over, as completion rules are told.

/// The reasons that rules can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Completion {
    /// The whole answer was sent.
    Complete,
    /// A rule closed the connection, or there is no pool.
    Discarded,
    /// The client left first.
    ClientClosed,
    /// What the client sent could not be read.
    ClientBad,
    /// The client stopped sending.
    ClientTimeout,
    /// The node broke off, before its answer or in it.
    ServerClosed,
    /// The node's answer could not be understood.
    ServerBad,
    /// The node took too long.
    ServerTimeout,
    /// No node could be reached.
    NoNode,
    /// The transaction, or its wait in a rate class, took too long.
    ProcessingTimeout,
    /// A rate class could not take it.
    QueueRefused,
    /// A rule came to grief.
    RuleError,
}

/// What kind of end it was.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "the flags of the published hash")]
pub(crate) struct CompletionFacts {
    pub(crate) error: bool,
    pub(crate) server: bool,
    pub(crate) client: bool,
    pub(crate) timeout: bool,
    pub(crate) processing_timeout: bool,
}

impl Completion {
    /// The reason of an answer of ours, by the word that records have for it.
    pub(crate) fn of_error(word: &str) -> Self {
        match word {
            "node-refused" | "no-node" => Self::NoNode,
            "node-connect-timeout" | "node-timeout" => Self::ServerTimeout,
            "node-closed" => Self::ServerClosed,
            "node-bad-response" => Self::ServerBad,
            "client-body" => Self::ClientBad,
            "client-stalled" => Self::ClientTimeout,
            "transaction-timeout" | "queue-timeout" => Self::ProcessingTimeout,
            "queue-refused" | "guard-notice" => Self::QueueRefused,
            // As where a rule answers.
            "guard-refused" => Self::Complete,
            _ => Self::RuleError,
        }
    }

    /// The word for it.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Complete => "COMPLETE",
            Self::Discarded => "DISCARDED_BY_RULE",
            Self::ClientClosed => "CONNECTION_CLOSED_CLIENT",
            Self::ClientBad => "BAD_CLIENT_REQUEST",
            Self::ServerClosed => "CONNECTION_CLOSED_SERVER",
            Self::ServerBad => "BAD_SERVER_RESPONSE",
            Self::NoNode => "NO_NODE",
            Self::ClientTimeout | Self::ServerTimeout | Self::ProcessingTimeout => "TIMEOUT",
            Self::QueueRefused => "QUEUE_REFUSED",
            Self::RuleError => "RULE_ERROR",
        }
    }

    /// A sentence for people.
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::Complete => "The transaction is complete.",
            Self::Discarded => "A rule discarded the connection.",
            Self::ClientClosed => "The client closed the connection.",
            Self::ClientBad => "The request could not be read.",
            Self::ClientTimeout => "The client stopped sending its request.",
            Self::ServerClosed => "The node closed the connection.",
            Self::ServerBad => "The node's response could not be understood.",
            Self::ServerTimeout => "The node did not answer in time.",
            Self::NoNode => "No node could be reached.",
            Self::ProcessingTimeout => "The transaction took longer than its virtual server allows.",
            Self::QueueRefused => "A rate class could not take the request.",
            Self::RuleError => "A rule came to grief.",
        }
    }

    /// What kind of end it was.
    pub(crate) fn facts(self) -> CompletionFacts {
        CompletionFacts {
            error: !matches!(self, Self::Complete | Self::Discarded),
            server: matches!(self, Self::ServerClosed | Self::ServerBad | Self::ServerTimeout | Self::NoNode),
            client: matches!(self, Self::ClientClosed | Self::ClientBad | Self::ClientTimeout),
            timeout: self.code() == "TIMEOUT",
            processing_timeout: self == Self::ProcessingTimeout,
        }
    }
}
