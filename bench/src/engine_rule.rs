//! A whole transaction of the engine, with the rule or without one.

use crate::desk::{Request, fields};
use engine::builtins::builtins;
use engine::catalog::{MemoryFiles, VirtualServerId};
use engine::{
    Arrival, Catalog, Connection, ConnectionFacts, Heads, Knowledge, Next, Now, RequestId, Shared,
    SharedOptions, Transaction, Wake, WallTime,
};
use message::{RequestHead, ResponseHead, Version};
use shaping::{Tick, TicketId};
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

struct Nobody;

impl Wake for Nobody {
    fn wake(&self, _: TicketId) {}
}

/// Classes wide enough that nobody waits.
const CLASSES: &str = "[rate_classes.StandardReferer]\nmax_rate_per_second = 1000000\n\
                       [rate_classes.BusyReferer]\nmax_rate_per_second = 1000000\n\
                       [bandwidth_classes.AbusiveReferer]\nmaximum = \"20 Gbit/s\"\n";

pub(crate) struct Whole {
    shared: Arc<Shared>,
    catalog: Arc<Catalog>,
    connection: Rc<Connection>,
    request: RequestHead,
    reply: ResponseHead,
    heads: Heads,
    now: Now,
}

impl Whole {
    pub(crate) fn new(rule: Option<&str>, request: Request) -> Self {
        let attach = if rule.is_some() { "request_rules = \"rule\"\n" } else { "" };
        let catalog = format!(
            "[virtual_servers.site]\nlisten = \":80\"\npool = \"web\"\n{attach}[pools.web]\nnodes = \"192.0.2.81:80\"\n{CLASSES}"
        );
        let mut files = MemoryFiles::default().with("tidegate.toml", catalog);
        if let Some(rule) = rule {
            files = files.with("rules/rule.rts", rule);
        }
        let loaded = Catalog::load(Path::new("tidegate.toml"), &files, builtins());
        let now = Now { tick: Tick::ZERO, wall: WallTime(1_000_000) };
        let catalog = loaded.catalog.expect("a catalog");
        let shared = Shared::new(catalog, &SharedOptions::default(), Box::new(Nobody), now);
        let catalog = shared.catalog();
        let address = SocketAddr::from(([192, 0, 2, 1], 50_000));
        let facts = ConnectionFacts { id: 1, peer: address, local: address, tls: None, admission: None };
        let mut head = RequestHead::new(b"GET", b"/page", Version::Http11).expect("a head");
        for (name, value) in fields(request) {
            head.fields_mut().add(&name, &value).expect("a field");
        }
        Self {
            shared,
            catalog,
            connection: Rc::new(Connection::new(facts)),
            request: head,
            reply: ResponseHead::new(200, b"OK", Version::Http11).expect("a head"),
            heads: Heads::default(),
            now,
        }
    }

    pub(crate) fn run(&mut self, runs: u32) {
        for number in 0..runs {
            self.now.tick = self.now.tick.saturating_add(core::time::Duration::from_micros(20));
            let mut heads = std::mem::take(&mut self.heads);
            heads.request.clone_from(&self.request);
            let arrival = Arrival {
                virtual_server: VirtualServerId(0),
                client: self.connection.facts().peer.ip(),
                request_number: number,
                id: RequestId(u64::from(number)),
                named: None,
                knowledge: Knowledge::All,
            };
            let mut transaction =
                Transaction::begin(&self.shared, &self.catalog, arrival, (&self.connection, heads), self.now);
            let next = transaction.advance(self.now);
            assert!(matches!(next, Next::Forward { .. }), "{next:?}");
            transaction.response_slot().clone_from(&self.reply);
            assert_eq!(transaction.response_received(self.now), Next::Deliver);
            self.heads = transaction.take_heads();
        }
    }
}
