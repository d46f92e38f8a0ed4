//! Decides the same request many times, to count what one transaction costs with a rule and without:
//!
//! ```text
//! cargo build --profile dist -p engine --example transaction_cost
//! transaction_cost none 27 100000                             # without a rule
//! transaction_cost spec/rules/abusive-referer.rts 27 100000   # with one on every request
//! transaction_cost guard 27 100000                            # without a rule, with a guard that observes
//! ```
//!
//! Arguments: the rule, `none` or `guard`, the length of the Referer in bytes (0: there is none), the number of transactions.
//! Classes are real and wide enough that nobody waits.
#![expect(clippy::print_stdout, reason = "a command")]

use core::time::Duration;
use engine::builtins::builtins;
use engine::catalog::{MemoryFiles, VirtualServerId};
use engine::{
    Arrival, Catalog, Connection, ConnectionFacts, Heads, Knowledge, Next, Now, RequestId, Shared,
    SharedOptions, Transaction, Wake, WallTime,
};
use message::{RequestHead, ResponseHead, Version};
use shaping::{Tick, TicketId};
use source::render_human;
use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

struct Nobody;

impl Wake for Nobody {
    fn wake(&self, _: TicketId) {}
}

const CATALOG: &str = "[pools.web]\nnodes = \"192.0.2.81:80\"\n[rate_classes.StandardReferer]\nmax_rate_per_second = 1000000\n\
                       [rate_classes.BusyReferer]\nmax_rate_per_second = 1000000\n\
                       [bandwidth_classes.AbusiveReferer]\nmaximum = \"20 Gbit/s\"\n\
                       [virtual_servers.site]\nlisten = \":80\"\npool = \"web\"\n";

fn shared(rule: &str, now: Now) -> Result<Arc<Shared>, Box<dyn Error>> {
    let mut files = MemoryFiles::default();
    let mut catalog = CATALOG.to_owned();
    if rule == "guard" {
        catalog.push_str("guard = \"senders\"\n[guards.senders]\n");
    } else if rule != "none" {
        catalog.push_str("request_rules = \"rule\"\n");
        files = files.with("rules/rule.rts", std::fs::read(rule)?);
    }
    let files = files.with("tidegate.toml", catalog);
    let loaded = Catalog::load(Path::new("tidegate.toml"), &files, builtins());
    let catalog = loaded.catalog.ok_or_else(|| render_human(&loaded.diagnostics, false))?;
    Ok(Shared::new(catalog, &SharedOptions::default(), Box::new(Nobody), now))
}

/// A browser's, which follows a link.
fn request(referer: usize) -> Result<RequestHead, Box<dyn Error>> {
    let mut head = RequestHead::new(b"GET", b"/page", Version::Http11)?;
    let mut fields = vec![
        ("Host", "www.example.org".to_owned()),
        ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0".to_owned()),
        ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8".to_owned()),
        ("Accept-Language", "en-US,en;q=0.5".to_owned()),
    ];
    if referer > 0 {
        let mut from = "http://www.example.com/page".to_owned();
        from.extend(std::iter::repeat_n('x', referer.saturating_sub(from.len())));
        fields.push(("Referer", from));
    }
    for (name, value) in fields {
        head.fields_mut().add(name.as_bytes(), value.as_bytes())?;
    }
    Ok(head)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [rule, referer, runs] = &arguments[..] else {
        return Err("transaction_cost RULE|none|guard REFERER_BYTES RUNS".into());
    };
    let mut now = Now { tick: Tick::ZERO, wall: WallTime(1_000_000) };
    let shared = shared(rule, now)?;
    let catalog = shared.catalog();
    let address = SocketAddr::from(([192, 0, 2, 1], 50_000));
    let facts = ConnectionFacts { id: 1, peer: address, local: address, tls: None, admission: None };
    let connection = Rc::new(Connection::new(facts));
    let (request, reply) = (request(referer.parse()?)?, ResponseHead::new(200, b"OK", Version::Http11)?);
    let mut heads = Heads::default();
    let mut instructions = 0;
    for number in 0..runs.parse::<u32>()? {
        now.tick = now.tick.saturating_add(Duration::from_micros(20));
        heads.request.clone_from(&request);
        let arrival = Arrival {
            virtual_server: VirtualServerId(0),
            client: address.ip(),
            request_number: number,
            named: None,
            id: RequestId(u64::from(number)),
            knowledge: Knowledge::All,
        };
        let mut transaction = Transaction::begin(&shared, &catalog, arrival, (&connection, heads), now);
        let mut next = transaction.advance(now);
        if let Next::Forward { .. } = next {
            transaction.response_slot().clone_from(&reply);
            next = transaction.response_received(now);
        }
        if !matches!(next, Next::Deliver | Next::Answer) {
            return Err(format!("nobody is to wait: {next:?}").into());
        }
        if transaction.is_watched() {
            transaction.end_watch(10_000, now);
        }
        instructions = transaction.instructions();
        heads = transaction.take_heads();
    }
    println!("{runs} transactions of {instructions} instructions of rules");
    Ok(())
}
