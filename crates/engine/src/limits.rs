//! Every bound of the engine, named, with its unit and its reason. Nothing that traffic or an operator says may grow
//! beyond one of these.

/// Bytes of the catalog's text. A catalog written by hand is a few hundred lines; 4 MiB hold one of a hoster.
pub const CATALOG_BYTES_MAX: usize = 4 << 20;

/// Bytes of one rule's text. The longest published rules are some tens of KiB.
pub const RULE_BYTES_MAX: usize = 1 << 20;

/// Bytes of the name of a declared thing; names stand in every log line and in file names.
pub const NAME_BYTES_MAX: usize = 200;

/// Virtual servers in a catalog: enough for a hoster with one for each customer of a machine.
pub const VIRTUAL_SERVERS_MAX: usize = 10_000;

/// Pools in a catalog, for the same reason.
pub const POOLS_MAX: usize = 10_000;

/// Nodes of one pool. Choosing a node looks at each of them.
pub const NODES_PER_POOL_MAX: usize = 256;

/// Monitors in a catalog: one for each pool.
pub const MONITORS_MAX: usize = 10_000;

/// Monitors of one pool: what they say of a node is kept in as many bits.
pub const MONITORS_PER_POOL_MAX: usize = 32;

/// Requests that wait for a place at the nodes of one pool, whatever the catalog says: each holds its connection.
pub const NODE_QUEUE_MAX: u32 = 65_536;

/// When a client for whom the nodes had no place is told to come again: half of what one waits in the queue by itself.
pub const BUSY_RETRY_AFTER: core::time::Duration = core::time::Duration::from_secs(5);

/// Rate classes, and bandwidth classes, in a catalog; as in the traffic manager the language comes from.
pub const CLASSES_MAX: usize = 25_000;

/// Guards in a catalog. Each takes some 700 KiB when its table is full.
pub const GUARDS_MAX: usize = 64;

/// Sites that one guard counts apart. What counts is who sends most, and that is a few.
pub const GUARD_SITES_MAX: usize = 1_024;

/// Bytes of a site's name; a page's path is cut there.
pub const GUARD_SITE_BYTES_MAX: usize = 253;

/// Events of one guard that are remembered.
pub const GUARD_EVENTS_MAX: usize = 256;

/// Bytes of a host name (RFC 1035); a longer Host cannot be one, and is not searched for.
pub const HOST_BYTES_MAX: usize = 253;

/// Lines of one transaction's decision record. A rule that logs in a loop fills it; what is beyond is left out.
pub const NOTES_MAX: usize = 256;

/// Changes to the response that rules may ask for before there is one.
pub const RESPONSE_EDITS_MAX: usize = 256;

/// Bytes of one text that a rule logs; client data can be in it.
pub const LOG_TEXT_BYTES_MAX: usize = 8 << 10;

/// Bytes of fields that rules may add to one head, names included; a head that no peer would take helps nobody.
pub const HEAD_BYTES_MAX: usize = 64 << 10;

/// Seconds of `connection.sleep`, at most; the virtual server's time-out ends it earlier.
pub const SLEEP_SECONDS_MAX: u64 = 3600;

/// Parameters of a query and a posted form that rules can see; no page asks for so many.
pub const FORM_PARAMETERS_MAX: usize = 1_000;

/// Lines that a body is cut into; what follows stays one line.
pub const BODY_LINES_MAX: usize = 1_000_000;

/// How often rules may have one request sent again.
pub const RETRIES_MAX: u32 = 10;

/// Bytes that go through at once when a rule has handed the rest of an answer on.
pub const THROUGH_BYTES: usize = 64 << 10;

/// Bytes that `http.stream.readResponse` gives beyond the number asked for, at most: the rest of a delimiter that is cut there.
pub const DELIMITER_REST_BYTES_MAX: usize = 4 << 10;

/// What one run of a rule may use unless the catalog says otherwise: instructions between waits, memory, depth.
pub const RUN: trafficscript::RunLimits = trafficscript::RunLimits {
    instructions_max: 100_000,
    memory_bytes_max: 64 << 20,
    sub_depth_max: 100,
    strict: false,
};

/// Instructions of one run between waits where the catalog sets no limit: some seconds, so that a loop without end
/// still ends.
pub const INSTRUCTIONS_MAX: u64 = 100_000_000;

/// A run of a rule that takes longer than this between two waits is told of, unless the catalog says otherwise.
pub const SLOW_RUN: core::time::Duration = core::time::Duration::from_millis(500);

/// A run of no more instructions than this is not timed: looking at the clock would be a good part of it, and so few
/// are through long before [`SLOW_RUN`], since work on long values counts as many.
pub const BRIEF_RUN_INSTRUCTIONS: u64 = 1_000;

/// Bytes of one direction of a raw connection that are held for rules to look at; the `memory_warning` of the traffic
/// manager the language comes from.
pub const RAW_HELD_BYTES_MAX: usize = 1 << 20;

/// Bytes that are searched for one line or end of a request on a raw connection, in sum over all searches: a client
/// that sends byte by byte has what is there searched again for each.
pub const RAW_SEARCHED_BYTES_MAX: u64 = 256 << 20;

/// Bytes of what rules keep with one client connection: there can be tens of thousands of them.
pub const CONNECTION_DATA_BYTES_MAX: u64 = 1 << 20;

/// Hundredths of the machine's memory that the process may hold where the catalog says nothing. What clients make it hold,
/// slow readers above all, is bounded for each of them; this bounds it for all together.
pub const PROCESS_MEMORY_PERCENT: u32 = 75;

/// Hundredths of the machine's memory that `data.*`, and `data.local.*`, may hold where the catalog says nothing; as in
/// the traffic manager the language comes from.
pub const DATA_PERCENT: u32 = 5;

/// The same in bytes, where it is not known how much memory the machine has.
pub const DATA_BYTES: u64 = 64 << 20;

/// Bytes of a database of places. The largest that are sold have some hundred MiB.
pub const GEO_DATABASE_BYTES_MAX: u64 = 1 << 30;

/// Bytes of one file of the folder `extra`, of all of them, and how many there may be: they are kept in memory.
pub const RESOURCE_BYTES_MAX: u64 = 16 << 20;
/// See [`RESOURCE_BYTES_MAX`].
pub const RESOURCES_BYTES_MAX: u64 = 64 << 20;
/// See [`RESOURCE_BYTES_MAX`].
pub const RESOURCES_MAX: usize = 10_000;

/// Bytes of a cookie's value, as written. Browsers drop a cookie of more than 4 KiB in all, and a mark that is dropped
/// marks nobody.
pub const COOKIE_VALUE_BYTES_MAX: usize = 3 << 10;

/// Names of marks of one virtual server; each cookie of a request is compared with all of them.
pub const MARKS_MAX: usize = 16;

/// Cookies of one mark's name that are tried in one request: each costs a signature. A neighbour under the same domain
/// can plant some before the good one; browsers send few of one name.
pub const MARK_TRIES_MAX: usize = 8;

/// Bytes of names and values that are remembered of one marked client: one with the longest host name, or a
/// few shorter ones.
pub const MARKS_OF_CLIENT_BYTES_MAX: usize = 384;

/// Marks that are remembered of one client.
pub const MARKS_OF_CLIENT_MAX: usize = 4;

/// Bytes of a request's target that rules may make. Few servers take more than 8 KiB; 64 KiB is a whole head here.
pub const TARGET_BYTES_MAX: usize = 64 << 10;

/// Bytes of `host:port` as rules name nodes: the longest host, brackets, and a port.
pub const NODE_NAME_BYTES_MAX: usize = HOST_BYTES_MAX + 8;

/// Nodes that the rules of one transaction may ask to avoid, at most; each choice looks at all of them.
pub const AVOIDED_NODES_MAX: usize = 64;

/// Seconds of a time-out that a rule sets, at most; as in the catalog.
pub const TIMEOUT_SECONDS_MAX: u64 = 86_400;

/// Protection classes in a catalog. The table of clients of each takes 6 MiB when it is full.
pub const PROTECTIONS_MAX: usize = 100;

/// How long a client may fall behind the least rate of its body: a phone in a tunnel comes out again.
pub const BODY_RATE_GRACE: core::time::Duration = core::time::Duration::from_secs(20);

/// Authenticators in a catalog.
pub const AUTHENTICATORS_MAX: usize = 1_000;

/// Errands (requests, look-ups, reads and writes) that the rules of one transaction may ask for; each wait gives a rule
/// new fuel, so that a loop of errands needs an end of its own.
pub const ERRANDS_PER_TRANSACTION_MAX: u32 = 1_000;

/// `.htaccess` files of one virtual server. Each request looks through their prefixes.
pub const HTACCESS_FILES_MAX: usize = 256;

/// Bytes of the texts of all maps that one `.htaccess` file names; they are kept in memory. Who may write such a file
/// need not be who runs the machine.
pub const HTACCESS_MAPS_BYTES_MAX: usize = 1 << 20;

/// Directives of an `.htaccess` file up to which its doubts are told with the catalog's: some look at every pair of rules.
pub const HTACCESS_DOUBTED_DIRECTIVES_MAX: usize = 2_000;

/// Bytes of the text of one map that the catalog declares for `.htaccess` files; it is kept in memory.
pub const REWRITE_MAP_BYTES_MAX: usize = 16 << 20;

/// How long a question of `.htaccess` files (is there such a file, what is the client's name) may take; then the answer
/// is no.
pub const HTACCESS_ERRAND_TIME: core::time::Duration = core::time::Duration::from_secs(5);

/// How long a request waits for files, all questions together, where `.htaccess` files only observe: long enough for
/// disks that are well, too short for anybody to notice. What is not answered then is unknown.
pub const HTACCESS_OBSERVE_TIME: core::time::Duration = core::time::Duration::from_millis(20);

/// How often the `.htaccess` files are evaluated for one request, error documents included: again after each batch of
/// answers. Beyond it the answer is 500. A front controller needs three or four; only rules that go round with `[N]` and
/// ask for another file each time need many. `rewrite` bounds the rules tried in *one* evaluation (100,000), so that
/// this many times as much is the most that one request can cost.
pub const HTACCESS_EVALUATIONS_MAX: u32 = 64;

/// How often one transaction in virtual time may wait, read, write or ask before it is given up: in the world a client's
/// patience ends a rule that goes round with a pause in it, in virtual time nothing would.
pub const REHEARSED_WAITS_MAX: u32 = 4_000;

/// Errands of a transaction that its record tells of: the rest of the record is for what else its rules do.
pub const ERRAND_NOTES_MAX: u32 = 64;

/// Bytes of one answer from the world: the body of a page, one read of a socket. What runs may keep is bounded by
/// [`RUN`].
pub const ERRAND_ANSWER_BYTES_MAX: usize = 4 << 20;

/// Bytes that one errand may send.
pub const ERRAND_DATA_BYTES_MAX: usize = 4 << 20;

/// Bytes of one datagram: what IPv4 carries.
pub const DATAGRAM_BYTES_MAX: usize = 65_507;

/// How long an errand may take, unless the rule says otherwise; requests count it in seconds, sockets in milliseconds.
pub const ERRAND_TIME: core::time::Duration = core::time::Duration::from_secs(30);

/// Characters of an errand's place in the record.
pub const ERRAND_PLACE_CHARS_MAX: usize = 200;

/// Bytes of one error page; pages stay in memory.
pub const ERROR_PAGE_BYTES_MAX: usize = 256 << 10;

/// Bytes of all error pages together, each file counted once.
pub const ERROR_PAGES_BYTES_MAX: usize = 64 << 20;

/// Error pages of one virtual server: three forms for thirty-odd statuses.
pub const ERROR_PAGES_MAX: usize = 128;

/// Bytes of a request id that a proxy in front of us has given; longer ones are replaced.
pub const REQUEST_ID_BYTES_MAX: usize = 128;

/// Bytes of a file with certificates or a key. The list of all public authorities takes a fifth of it.
pub const CERTIFICATE_FILE_BYTES_MAX: usize = 1 << 20;

/// Certificates of one virtual server; each handshake looks through their names.
pub const CERTIFICATES_MAX: usize = 1_000;
