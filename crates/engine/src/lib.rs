//! One transaction, decided: the catalog, the functions rules may call, the live state they share.
//!
//! It must not know sockets, tokio, clocks or the admin interface. The same code runs live (`proxy` drives it), in
//! `tidegate try` and in replay: time is an argument, and whatever a transaction needs from the world is a value
//! it hands out ([`Next`]).
//!
//! ```text
//! tidegate.toml, rules/*.rts ─▶ Catalog ─▶ Shared { catalog, registry of classes, nodes, counters }
//!                                            │
//!                RequestHead ─▶ Transaction ─┴─▶ Next: Ask │ Forward │ Deliver │ Answer │ Close
//!                                    └─▶ one DecisionRecord, one access-log line
//! ```

mod bodies;
pub mod builtins;
pub mod catalog;
mod connection;
mod counters;
pub mod decision;
pub mod errand;
mod error;
mod error_pages;
mod geo;
mod guards;
mod host;
mod htaccess;
mod least_rate;
pub mod limits;
mod log_text;
mod machine;
mod marks;
mod memory;
mod nodes;
mod protection;
mod random;
mod raw;
mod rehearsal;
mod request_id;
mod resources;
mod settings;
mod shared;
mod spare;
mod spool;
mod stages;
mod stores;
mod time;
mod tls;
mod transaction;

pub use bodies::{BodyEnd, BodySide, Outgoing, RequestBody};
pub use catalog::Catalog;
pub use connection::{Connection, ConnectionFacts};
pub use counters::{Counter, Counters, RuleCounters};
pub use error::{ErrorKind, Progress, Side, TransactionError};
pub use error_pages::{ErrorPages, Form, Told as ErrorTold};
pub use geo::GeoDatabase;
pub use guards::{GuardCounters, GuardEvent, GuardLegacy, GuardLive, GuardSettings, SiteGuard, SiteReading};
#[doc(hidden)]
pub use host::{cookie_name, cookie_value};
pub use least_rate::LeastRate;
pub use machine::Machine;
#[doc(hidden)]
pub use marks::open_any as open_any_mark;
pub use marks::{BadMarkKeys, MARK_KEY_BYTES, MARK_KEYS_TEXT_BYTES_MAX, MarkKeys, MarkMemory};
pub use memory::{MemoryStage, MemoryStages};
pub use nodes::{
    Asking, Choice, ClassPlace, ClassPlaces, Found, InFlight, NodeIndex, NodeReading, Nodes, Observed,
    PoolCounters, PoolReading, QueueFull, Turn, Turned, Waiting,
};
pub use protection::{
    AddressLists, Admission, ConnectionLimits, ProtectionClass, ProtectionCounters, ProtectionLive,
    ProtectionRefusal, ProtectionReport, RequestChecks, Standing,
};
pub use raw::{RawEnd, RawNext, RawRehearsal, RawTransaction, RawVisit, RawVisited};
pub use rehearsal::{Rehearsal, Visit, Visited};
pub use request_id::{RequestId, RequestName};
pub use resources::Resources;
pub use settings::{Forwarding, NodeEnds};
pub use shared::{LastReload, Shared, SharedOptions, Stopwatch, Wake};
pub use spare::SparePlace;
pub use spool::{SpoolRoom, SpoolShare};
pub use stores::DataStore;
pub use time::{Now, WallTime};
pub use tls::{Certificate, TlsFacts};
pub use transaction::{
    Arrival, Ask, Attempts, Delivery, Ending, Heads, Knowledge, KnownFacts, Message, Next, Refused, Told,
    ToldAt, Transaction,
};
