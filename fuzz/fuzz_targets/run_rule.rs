//! Rules made from bytes, run on one request in virtual time with all functions of the engine: no panic, no hang, and
//! never longer than an input may take.
#![no_main]

use core::time::Duration;
use engine::builtins::builtins;
use engine::catalog::{MemoryFiles, VirtualServerId};
use engine::{Catalog, Knowledge, Rehearsal, SharedOptions, Visit, WallTime};
use libfuzzer_sys::fuzz_target;
use message::{RequestHead, ResponseHead, Version};
use shaping::Bounds;
use std::net::SocketAddr;
use std::path::Path;
use tidegate_fuzz::{rule, timed};

const CATALOG: &str = "[virtual_servers.site]\nlisten = \":80\"\npool = \"web\"\nrequest_rules = \"main\"\n\
                       response_rules = \"after\"\n\
                       [pools.web]\nnodes = \"192.0.2.81:80\"\n[pools.other]\nnodes = \"192.0.2.82:80\"\n\
                       [rate_classes.standard]\nmax_rate_per_second = 1\n[bandwidth_classes.slow]\nmaximum = \"1 Mbit/s\"\n";

fn visit(at: u64) -> Visit {
    let mut request = RequestHead::new(b"GET", b"/a%20b/c?q=1&q=2", Version::Http11).unwrap();
    for (name, value) in
        [("Host", "www.example.com"), ("Referer", "http://a.example/x"), ("Cookie", "a=1; b=0")]
    {
        request.fields_mut().add(name.as_bytes(), value.as_bytes()).unwrap();
    }
    Visit {
        at: Duration::from_millis(at),
        connection: 1,
        client: SocketAddr::from(([192, 0, 2, 1], 50_000)),
        virtual_server: VirtualServerId(0),
        request,
        body: b"a=1&b=2".to_vec(),
        reply: ResponseHead::new(200, b"OK", Version::Http11).unwrap(),
        reply_body: b"<html><head></head></html>".to_vec(),
        later_replies: Vec::new(),
        leaves_at: None,
        knowledge: Knowledge::All,
        tls: false,
    }
}

fuzz_target!(|input: &[u8]| {
    timed(input, || {
        let files = MemoryFiles::default()
            .with("tidegate.toml", CATALOG)
            .with("rules/main.rts", rule::text(input))
            .with("rules/after.rts", "http.setResponseHeader( \"X-After\", http.getResponseCode() );");
        let Some(catalog) = Catalog::load(Path::new("tidegate.toml"), &files, builtins()).catalog else {
            return;
        };
        let bounds = Bounds { contexts_max: 16, contexts_bytes_max: 1 << 16, tickets_max: 16 };
        let options = SharedOptions { bounds, ..SharedOptions::default() };
        let mut rehearsal = Rehearsal::new(catalog, &options, WallTime(1_000_000));
        rehearsal.add(visit(0));
        assert_eq!(rehearsal.run().len(), 1);
    });
});
