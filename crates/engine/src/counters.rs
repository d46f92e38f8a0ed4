//! What is counted, in one list: name, help text, cell.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds `amount`.
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// The value now.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($name:ident: $help:literal,)*) => {
        /// All counters of a running manager. Cells only grow and are read without a lock.
        #[derive(Debug, Default)]
        pub struct Counters {
            $(#[doc = $help] pub $name: Counter,)*
            /// What rules count with `counter.increment` and `counter64.increment`.
            pub user: UserCounters,
        }

        impl Counters {
            /// Name, help text and value of each.
            pub fn list(&self) -> Vec<(&'static str, &'static str, u64)> {
                let mut all = vec![$((stringify!($name), $help, self.$name.value()),)*];
                all.extend(self.user.list());
                all
            }
        }
    };
}

/// What is counted of one rule, wherever it is attached. Kept across catalogs by the rule's name.
#[derive(Debug, Default)]
pub struct RuleCounters {
    /// Times it ran.
    pub executions: Counter,
    /// Runs that ended in a fault.
    pub aborts: Counter,
    /// Connections it closed without an answer.
    pub discards: Counter,
    /// Times it chose a pool.
    pub pool_selections: Counter,
    /// Answers it built.
    pub responses: Counter,
    /// Requests it sent again.
    pub retries: Counter,
    /// Runs that took long between two waits.
    pub slow_runs: Counter,
}

impl RuleCounters {
    /// Name, help text and value of each.
    pub fn list(&self) -> [(&'static str, &'static str, u64); 7] {
        [
            ("executions", "Times a rule ran.", self.executions.value()),
            ("aborts", "Runs of a rule that ended in a fault.", self.aborts.value()),
            ("discards", "Connections that a rule closed without an answer.", self.discards.value()),
            ("pool_selections", "Times a rule chose a pool.", self.pool_selections.value()),
            ("responses", "Answers that a rule built.", self.responses.value()),
            ("retries", "Requests that a rule sent again.", self.retries.value()),
            ("slow_runs", "Runs of a rule that took long between two waits.", self.slow_runs.value()),
        ]
    }
}

/// How many counters of each width rules have; they number them from 1.
pub(crate) const USER_COUNTERS: usize = 10;

const USER_NAMES: [&str; USER_COUNTERS] = [
    "user_counter_1",
    "user_counter_2",
    "user_counter_3",
    "user_counter_4",
    "user_counter_5",
    "user_counter_6",
    "user_counter_7",
    "user_counter_8",
    "user_counter_9",
    "user_counter_10",
];
const USER_NAMES_64: [&str; USER_COUNTERS] = [
    "user_counter64_1",
    "user_counter64_2",
    "user_counter64_3",
    "user_counter64_4",
    "user_counter64_5",
    "user_counter64_6",
    "user_counter64_7",
    "user_counter64_8",
    "user_counter64_9",
    "user_counter64_10",
];

/// The counters that rules count with. They run over to 0, and a rule may also take away from one.
#[derive(Debug, Default)]
pub struct UserCounters {
    narrow: [AtomicU32; USER_COUNTERS],
    wide: [AtomicU64; USER_COUNTERS],
}

impl UserCounters {
    /// Adds to a counter of 32 bits, by its place from 0, and gives its new value; 0 where there is none.
    pub(crate) fn add32(&self, place: usize, amount: i32) -> u32 {
        let Some(cell) = self.narrow.get(place) else { return 0 };
        let amount = amount.cast_unsigned();
        cell.fetch_add(amount, Ordering::Relaxed).wrapping_add(amount)
    }

    /// Adds to a counter of 64 bits, by its place from 0, and gives its new value; 0 where there is none.
    pub(crate) fn add64(&self, place: usize, amount: i64) -> u64 {
        let Some(cell) = self.wide.get(place) else { return 0 };
        let amount = amount.cast_unsigned();
        cell.fetch_add(amount, Ordering::Relaxed).wrapping_add(amount)
    }

    fn list(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        let narrow = USER_NAMES.iter().zip(&self.narrow).map(|(name, cell)| {
            (*name, "What rules counted with counter.increment.", u64::from(cell.load(Ordering::Relaxed)))
        });
        let wide = USER_NAMES_64.iter().zip(&self.wide).map(|(name, cell)| {
            (*name, "What rules counted with counter64.increment.", cell.load(Ordering::Relaxed))
        });
        narrow.chain(wide)
    }
}

counters! {
    connections: "Client connections accepted.",
    requests: "Requests whose head was read.",
    bad_requests: "Requests refused because they could be read in two ways.",
    responses_from_nodes: "Answers that came from a node.",
    responses_built: "Answers built by the traffic manager itself.",
    discards: "Connections closed by a rule without an answer.",
    clients_left: "Requests whose client left before the answer was complete.",
    queued: "Requests that waited in a rate class.",
    queue_refused: "Requests that a rate class could not serve in time or at all.",
    queue_timed_out: "Requests that left a queue because the virtual server's time was up.",
    contexts_overflowed: "Minutes in which a rate class had no room for newcomers' contexts and they shared one.",
    errands: "Requests, look-ups and the like that rules sent into the world.",
    errands_failed: "Of these, those that failed.",
    marks_set: "Cookies set by a rule.",
    marks_signed: "Marks signed on their way to a client.",
    marks_accepted: "Marks that came back with a good signature.",
    marks_forged: "Cookies of a mark's name whose signature did not hold: forged, altered, or of another place; they read as absent.",
    marks_old_key: "Marks signed with a key that is not in force any more; they read as absent.",
    marks_expired: "Marks that came back after their time; they read as absent.",
    marks_revoked: "Marks that came back though they were revoked; they read as absent.",
    marks_too_long: "Marks that no cookie could hold; they were not set.",
    mark_memory_hits: "Times that a rule was told of a mark from memory, since the client had no such cookie.",
    mark_memory_shared: "Times that the memory said nothing because many browsers come from the marked address.",
    mark_memory_refused: "Marks that the memory had no room for; their cookies decide.",
    rule_runs: "Rule executions.",
    rule_faults: "Rule executions that ended in a fault.",
    slow_rule_runs: "Rule executions that took long between two waits.",
    htaccess_evaluations: "Evaluations of .htaccess files; one that asks for files is done again with the answers.",
    htaccess_refusals: "Requests that .htaccess files refused, with 403 mostly.",
    htaccess_redirects: "Requests that .htaccess files redirected.",
    htaccess_rewrites: "Requests that .htaccess files sent to another path.",
    htaccess_proxied: "Requests that .htaccess files sent to another server ([P]).",
    htaccess_undecidable: "Requests for which .htaccess files hung on what nobody can know.",
    htaccess_gave_up: "Requests for which .htaccess files asked for one more file again and again; they got 500.",
    htaccess_excesses: "Requests for which .htaccess files reached a bound (rounds, rules tried, steps of searches); they got 500.",
    htaccess_timeouts: "Questions of .htaccess files that were not answered in time.",
    rule_warnings: "Warnings that rules gave while running.",
    data_store_full: "Values that data.set or data.local.set had no room for.",
    node_failures: "Attempts to reach a node that failed.",
    node_bad_responses: "Answers of nodes that were malformed.",
    node_recoveries: "Nodes that answered again after they had failed.",
    node_retries: "Requests sent to another node after a failed attempt.",
    node_retries_refused: "Requests not sent to another node because too many would have been (retry_budget).",
    node_ejections: "Times that a node was left alone for its bad answers.",
    node_queued: "Requests that waited for a place at a node (max_connections_pernode, max_node_connections).",
    node_queue_refused: "Requests for which there was no place at a node and none in the queue, or none in time.",
    monitor_looks: "Looks of monitors at nodes.",
    monitor_failures: "Of these, those that failed.",
    name_lookups_failed: "Look-ups of nodes' names that failed; the addresses known before are kept.",
    spooled_answers: "Slowed answers of nodes that waited in a file (slow_answers).",
    spooled_bytes: "Bytes of answers that were written to such files.",
    spool_full: "Slowed answers for which their node waits because there was no room in the spool for all of them.",
    spool_failures: "Slowed answers whose file could not be made, written or read.",
    cut_responses: "Answers that a node broke off in the middle.",
    log_lines_dropped: "Access-log lines dropped because the writer could not keep up.",
    messages_dropped: "Messages of the process log dropped because nobody read standard error in time.",
    tls_handshakes: "TLS handshakes with clients that were made.",
    tls_resumptions: "TLS handshakes with clients that took up an earlier session.",
    tls_handshake_failures: "TLS handshakes with clients that failed, or were not waited for.",
    tls_plain_requests: "Requests in the clear at an address where TLS is spoken.",
    tls_misdirected: "Requests for a virtual server whose TLS settings their connection does not satisfy (421).",
    http2_connections: "Client connections that speak HTTP/2.",
    http2_streams: "Requests that came over HTTP/2.",
    node_http2_connections: "Connections to nodes that speak HTTP/2.",
    node_http2_streams: "Requests that were sent to nodes over HTTP/2.",
    node_http2_breaches: "Nodes whose connection of HTTP/2 was ended: they spent more than they may.",
    http2_breaches: "Clients of HTTP/2 that were told to go away: they spent more than they may.",
    panics: "Connections that ended in a defect of ours.",
    bad_proxy_headers: "Connections closed because they did not begin with the PROXY header that was demanded.",
    memory_refusals: "Connections that got 503 because memory was short.",
    memory_stage_changes: "Times that memory became shorter, or less short, by a stage.",
    accept_pauses: "Times that accepting paused because descriptors or connections ran out.",
    reloads: "Catalogs adopted after the first.",
    reloads_refused: "Catalogs refused because of mistakes in them.",
}
