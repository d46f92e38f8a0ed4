//! The tables of `tidegate.toml`, as said. The doc comment of each key is its page in the manual and its text in the
//! JSON Schema; the third column says whether it must be there, or what stands in for it.

mod short;

pub(super) use short::read_short;
pub(crate) use short::{AccessLog, CertificateUse, PoolTls, RequestIdUse, RuleUse};

use super::address::{Host, Listen, Network, NodeAddress};
use super::authenticator::{AuthenticatorKind, LdapTls};
use super::guard::Step;
use super::htaccess::HtaccessUse;
use super::marks::{CookieCaching, MarkMemoryBy, Moment};
use super::monitor::MonitorTable;
use super::outgoing::Allowed;
use super::outline::Outline;
use super::pool::{Algorithm, EjectOn, HashByWord, NodeUse, ProxyHeader, SlowAnswers};
use super::read::{At, Count, Flag, Named, OneOrMany, Reader, Say, Text, said_choice, said_table};
use super::tls::{ClientCertificates, TlsVersion, Verification};
use super::units::{BitRate, Length, MemoryShare, Size};
use super::virtual_server::{
    ClientAddressFrom, Mode, OnRuleError, Protocol, QueueTimeoutAction, RunFrequency,
};
use source::Span;
use toml::de::DeValue;

/// A length of time that must not be zero.
type Positive = Length<1>;

said_table! {
    /// The catalog: everything that is declared, in one file, with the rules in the folder `rules` beside it.
    "the catalog" Catalog {
        /// What holds for the whole process.
        settings: Settings => optional,
        /// What rules may use up, and when they are told of.
        rules: RuleSettings => optional,
        /// Where the numbers of the process can be read.
        admin: Admin => optional,
        /// Where clients connect.
        virtual_servers: Named<VirtualServer> => required,
        /// Sets of nodes that do the same work.
        pools: Named<PoolTable> => optional,
        /// Who looks whether the nodes of pools are well.
        monitors: Named<MonitorTable> => optional,
        /// Limits on requests per second and minute, used by rules with `rate.use`.
        rate_classes: Named<RateClass> => optional,
        /// Limits on bits per second.
        bandwidth_classes: Named<BandwidthClass> => optional,
        /// Who is served at all: addresses, connections of one client, sizes of requests.
        protection: Named<ProtectionClass> => optional,
        /// Who watches the sites that send visitors, and holds them back step by step.
        guards: Named<Guard> => optional,
        /// What rules keep with `data.set` and `data.local.set`.
        data: Data => optional,
        /// Where rules may send requests and open connections.
        outgoing: Outgoing => optional,
        /// Directories that know users, asked by rules with `auth.query`.
        authenticators: Named<Authenticator> => optional,
    }
}

said_table! {
    /// What holds for the whole process.
    "settings" Settings {
        /// Threads that serve connections; 0 means one for each processor.
        workers: Count<0, 1024> => 0,
        /// How long a graceful stop waits for what is under way.
        grace_period: Length<0> => "30s",
        /// How long a process that `upgrade` replaced waits for what is under way: downloads, requests in queues.
        upgrade_grace_period: Length<0> => "10m",
        /// The socket for `reload`, `status` and `upgrade`, relative to the folder of the catalog; `"off"` for none.
        /// Without it, `tidegate/` in `/run`, or in the user's run folder, has one for each catalog.
        control_socket: Text => optional,
        /// Contexts that one rate class keeps apart; beyond, newcomers share one.
        max_contexts: Count<1, 10_000_000> => 1_000_000,
        /// Memory for the contexts of one rate class; beyond, newcomers share one.
        max_context_memory: Size<65_536, 68_719_476_736> => "64 MiB",
        /// Requests that may wait in all rate classes together; beyond, newcomers are refused.
        max_waiting: Count<1, 1_000_000> => 65_536,
        /// A database of places in MaxMind's format (`.mmdb`), relative to the folder of the catalog, for `geo.*`.
        geo_database: Text => optional,
        /// How often the addresses of nodes that are named are looked up again.
        dns_refresh: Length<1_000> => "30s",
        /// The folder for what outlives the process, relative to the folder of the catalog: the keys of marks
        /// (`mark-keys`). Without it they live in memory, and marks end with the process.
        state_folder: Text => optional,
        /// How long a key signs marks; for as long again it verifies them.
        mark_key_age: Length<60_000> => "24h",
        /// Memory of the process, as a part of the machine's or a size such as `"512 MiB"`: from 80 % of it on buffers
        /// shrink and idle connections close, from 90 % on connections are not kept and nobody new may wait in a rate
        /// class, from 95 % on newcomers get 503. Without it 75 % of the machine's.
        max_memory: MemoryShare => optional,
        /// The folder for the answers of nodes that are paced (`slow_answers` of pools), relative to the folder of the
        /// catalog. Files in it have no name and end with the answer or the process. A folder in memory is not used.
        spool_folder: Text => "/var/tmp",
        /// What these files may take in all; beyond, nodes wait for the clients.
        spool_max: Size<0, 1_099_511_627_776> => "1 GiB",
        /// What one answer may take of it.
        spool_max_per_answer: Size<0, 1_099_511_627_776> => "256 MiB",
        /// The variables of the environment that rules may read with `sys.getenv`; it often holds secrets.
        environment: OneOrMany<Text> => optional,
    }
}

said_table! {
    /// How much rules may keep. Beyond, nothing is added, and the rule and the log are told.
    "the data of rules" Data {
        /// For `data.set`: a part of the machine's memory, or a size such as `"256 MiB"`.
        max_bytes: MemoryShare => "5 %",
        /// For `data.local.set`.
        local_max_bytes: MemoryShare => "5 %",
    }
}

said_table! {
    /// What rules may use up, and when they are told of.
    "the settings of rules" RuleSettings {
        /// Instructions of one run of a rule between two waits; 0 leaves only the product's own bound, 100,000,000.
        max_instructions: Count<0, 100_000_000> => 100_000,
        /// Strings and arrays that one run of a rule may make, in sum.
        max_memory: Size<65_536, 1_073_741_824> => "64 MiB",
        /// A rule that runs longer than this without waiting gives a warning in the log; 0 gives none. It goes on.
        slow_run_warning: Length<0> => "500ms",
        /// Whether a warning ends a rule, as a fault does.
        strict: Flag => false,
    }
}

said_table! {
    /// Where the numbers of the process can be read.
    "the admin table" Admin {
        /// The address that serves `/metrics`, for Prometheus; on the loopback, unless `allow_remote` is set.
        listen: OneOrMany<Listen> => required,
        /// Whether `listen` may be an address that other machines reach. The numbers name rules and classes.
        allow_remote: Flag => false,
    }
}

said_table! {
    /// Where clients connect: addresses, host names, rules, and the pool that gets what the rules leave alone.
    "a virtual server" VirtualServer {
        /// The address to listen on, or a list: `"127.0.0.1:8080"`, `"[::1]:80"`; `":8080"` is every IPv4 address.
        listen: OneOrMany<Listen> => required,
        /// The host names it answers to, `"example.com"` or `"*.example.com"`. Several virtual servers may listen
        /// on one address and are told apart by the Host field; the one without `hosts` gets the others.
        hosts: OneOrMany<Host> => optional,
        /// What clients speak: `"http"` in the clear, `"https"` where there is a table `tls`, which says it by itself.
        protocol: Protocol => optional,
        /// The certificates, and what else TLS to clients needs.
        tls: Tls => optional,
        /// Whether requests are answered with their own address under `https://`, at the usual port: all those that no
        /// rule answers or sends to a pool.
        redirect_to_https: Flag => false,
        /// The pool of requests for which no rule chose one; `"discard"` closes their connections.
        pool: Text => required,
        /// Rules that run on each request, in order: names of files in `rules`, or tables.
        request_rules: OneOrMany<RuleUse> => optional,
        /// Rules that run on each response, in order.
        response_rules: OneOrMany<RuleUse> => optional,
        /// Rules that run when a request is over, in order: they look, count and log, and change nothing.
        completion_rules: OneOrMany<RuleUse> => optional,
        /// The `.htaccess` file that is asked behind the request rules (relative to the folder of the catalog), or a
        /// table of files for prefixes of paths: `{ "/" = "a.htaccess", "/audio" = "b.htaccess" }`.
        htaccess: HtaccessUse => optional,
        /// Whether what the `.htaccess` files decide is done, or only recorded.
        htaccess_mode: Mode => "enforce",
        /// Where the files of the site are, for `.htaccess` files that ask whether there is one: `"/var/www/site"`.
        document_root: Text => optional,
        /// Maps for `.htaccess` files: `"txt:FILE"`, `"rnd:FILE"` or `"int:tolower"` and its kin, by name.
        rewrite_maps: Named<Text> => optional,
        /// The bandwidth class of what is written to clients, unless a rule sets another.
        bandwidth_class: Text => optional,
        /// What happens when a rule comes to grief.
        on_rule_error: OnRuleError => "next",
        /// What happens to a request that a rate class cannot serve in time: because its wait is over, or at once
        /// because the queue is full or too slow.
        queue_timeout_action: QueueTimeoutAction => "503",
        /// Where each request is logged: a file (in the combined format), or a table with `path` and `format`.
        access_log: AccessLog => optional,
        /// Whether requests and responses get a Via field.
        via: Flag => false,
        /// Networks of proxies whose word on the client is believed (X-Forwarded-For, -Proto and -Host, or Forwarded); that
        /// of others is replaced.
        trusted_proxies: OneOrMany<Network> => optional,
        /// Which field of the trusted proxies names the client; what the other one says is not believed.
        client_address_from: ClientAddressFrom => "x-forwarded-for",
        /// Whether nodes get a Forwarded field (RFC 7239), besides X-Forwarded-For, -Proto and -Host.
        forwarded: Flag => false,
        /// The field that names each request to nodes, and to clients that get an error: its name, or a table
        /// `{ header, accept }`; `"off"` for none. The id is that of the access log.
        request_id: RequestIdUse => optional,
        /// What clients are told when there is no answer for them: files by status, `{ 503 = "busy.html", 5xx = "error.html" }`,
        /// also `4xx` and `default`; `.html`, `.json` and `.txt` for those who accept that. Where there is none, ours.
        error_pages: Named<OneOrMany<Text>> => optional,
        /// Networks of balancers in front of us that begin each connection with a PROXY header (version 1 or 2), which
        /// names the client. From them it is demanded; from others it is no HTTP.
        proxy_protocol: OneOrMany<Network> => optional,
        /// The protection class: who is served at all.
        protection_class: Text => optional,
        /// The guard: it watches the sites that send visitors, and holds them back where they send too many.
        guard: Text => optional,
        /// How long a client may take for a request's head, from its connection on (or its first byte, on a connection
        /// that has carried requests) to the empty line.
        connect_timeout: Positive => "10s",
        /// Bytes a second that a client has to send of a request's body, when it is the client that is waited for; it may
        /// fall behind by 20 seconds. 0 sets no limit.
        min_body_rate: Count<0, 1_000_000_000> => 240,
        /// How long a client may take no byte of an answer that lies ready for it. The wait for a bandwidth class does not count.
        send_timeout: Positive => "60s",
        /// How long a request may last without any byte moving; the wait in rate classes counts.
        timeout: Positive => "300s",
        /// How long a connection is kept open for the next request.
        keepalive_timeout: Positive => "10s",
        /// How long a request and its response may last in all; 0 sets no limit.
        max_transaction_duration: Length<0> => 0,
        /// The longest head of a request: request line and fields.
        max_request_head: Size<1_024, 1_048_576> => "64 KiB",
        /// The most fields in the head of a request.
        max_fields: Count<8, 1_000> => 100,
        /// Cookies by which rules know again whom they have marked: their values are signed, end, and are remembered.
        /// Without this key, those that the virtual server's rules both set and test; `[]` for none.
        marks: OneOrMany<Text> => optional,
        /// How long a mark holds; a shorter time acts on those that are out already.
        mark_for: Length<1_000> => "1h",
        /// Marks that were set before this moment are void: `2026-11-22T20:00:00Z`.
        marks_valid_from: Moment => optional,
        /// For whom marks are remembered when the cookie is gone.
        mark_memory: MarkMemoryBy => "address",
        /// Clients that are remembered; beyond, the cookie decides. One takes at most 1 KiB.
        mark_memory_max: Count<1, 10_000_000> => 65_536,
        /// What becomes of an answer's Cache-Control when a rule sets a cookie on it.
        cookie_caching: CookieCaching => "private",
        /// How much of a request's or an answer's body is held for a rule that reads it.
        max_body_buffer: Size<1_024, 16_777_216> => "1 MiB",
        /// HTTP/2 with clients.
        http2: Http2 => optional,
    }
}

said_table! {
    /// How requests are named.
    "the request ids of a virtual server" RequestIdTable {
        /// The name of the field.
        header: Text => "X-Request-ID",
        /// Whether the id that a trusted proxy sends in this field is taken over; else each request gets one of ours.
        accept: Flag => false,
    }
}

said_table! {
    /// HTTP/2 with clients. Connections are accepted before a Host is known: at an address that several virtual
    /// servers share, what the one without `hosts` says holds.
    "the HTTP/2 of a virtual server" Http2 {
        /// Whether it is spoken at all.
        enabled: Flag => true,
        /// Whether it is spoken without TLS, with clients that begin with it unasked ("prior knowledge").
        cleartext: Flag => true,
        /// Requests that a client may have under way on one connection.
        max_concurrent_streams: Count<1, 1_000> => 100,
        /// How much of each request's body is taken in before it is wanted; then it is 256 KiB.
        stream_window_size: Size<1_024, 262_144> => "16 KiB",
    }
}

said_table! {
    /// TLS between clients and a virtual server.
    "the TLS table of a virtual server" Tls {
        /// The certificates with their keys; the one that is for the name a client asks for is shown, else the first.
        certificates: OneOrMany<CertificateUse> => required,
        /// The oldest version that is spoken.
        min_version: TlsVersion => "1.2",
        /// Whether clients are asked for a certificate of their own.
        client_certificates: ClientCertificates => "off",
        /// Files with the certificates (PEM) of those who vouch for clients.
        client_authorities: OneOrMany<Text> => optional,
        /// Whether clients may take up an earlier session, which spares both sides the costly part of the handshake.
        session_tickets: Flag => true,
    }
}

said_table! {
    /// A certificate and its key.
    "a certificate" CertificateTable {
        /// The file with the certificate (PEM), behind it those that vouch for it; relative to the folder of the catalog.
        certificate: Text => required,
        /// The file with the private key (PEM); without this key it stands in the file of the certificate.
        key: Text => optional,
        /// The file with what the certificate's authority says of its state (an OCSP response, DER), for clients to see.
        ocsp_response: Text => optional,
    }
}

said_table! {
    /// TLS between a pool and its nodes.
    "the TLS table of a pool" PoolTlsTable {
        /// Files with the certificates (PEM) of those who vouch for the nodes; without it, whom the machine trusts.
        authorities: OneOrMany<Text> => optional,
        /// The name that is asked for and that the nodes' certificates must be for; without it, each node's own.
        server_name: Text => optional,
        /// Whether the certificate of a node is looked at.
        verify: Verification => "full",
        /// What we show to nodes that ask who we are.
        certificate: CertificateUse => optional,
    }
}

said_table! {
    /// A rule of a virtual server, with how it is run.
    "a rule of a virtual server" RuleTable {
        /// The name of the rule: its file in `rules`, with or without `.rts`.
        rule: Text => required,
        /// A rule that is not enabled is checked and never run.
        enabled: Flag => true,
        /// How often it runs: on every request, or on the first one of each connection.
        run: RunFrequency => "every",
        /// Whether what it decides is done, or only recorded.
        mode: Mode => "enforce",
        /// Whether a warning ends it; without it, as `[rules]` says.
        strict: Flag => optional,
    }
}

said_table! {
    /// Where and how requests are logged.
    "an access log" AccessLogTable {
        /// The file (relative to the folder of the catalog), `"-"` for standard output, `"stderr"`, or `"off"`.
        path: Text => required,
        /// A named format (`combined`, `common`, `vhost_combined`, `tidegate`, `json`), or a LogFormat as Apache has it.
        format: Text => "combined",
    }
}

said_table! {
    /// A set of nodes that do the same work.
    "a pool" PoolTable {
        /// The nodes, each as `"host:port"` or as a table `{ address, weight, priority, state }`.
        nodes: OneOrMany<NodeUse> => required,
        /// How a node is chosen.
        algorithm: Algorithm => "round_robin",
        /// What requests for the same node have in common, for `"consistent_hash"`: `"client_address"`, `"url"`,
        /// `"path"`, `"host"`, `"header:NAME"` or `"cookie:NAME"`. A request that lacks it goes by its client's address.
        hash_by: HashByWord => "client_address",
        /// How much more than its share a node may be given by its hash, in percent, from 100 on; 0 sets no bound.
        hash_balance_factor: Count<0, 1_000> => 150,
        /// Nodes of a lower priority are asked when fewer than so many of the higher ones are well.
        priority_nodes: Count<1, 256> => 1,
        /// The pool that stands in when no node is well.
        failure_pool: Text => optional,
        /// Requests that may be under way at each node; 0 sets no limit. Others wait for a place.
        max_connections_pernode: Count<0, 1_000_000> => 0,
        /// Requests that may wait for a place; 0 sets no limit but the product's own, 65,536.
        max_queue_size: Count<0, 1_000_000> => 0,
        /// How long a request waits for a place; 0: not at all.
        queue_timeout: Length<0> => "10s",
        /// How long a node that is new or well again has less than its share, growing evenly.
        slow_start: Length<0> => 0,
        /// Who looks whether the nodes are well: names of `[monitors]`.
        monitors: OneOrMany<Text> => optional,
        /// Bad answers in a row after which a node is left alone for a while; 0: never.
        ejection_errors: Count<0, 1_000> => 5,
        /// What a bad answer is.
        eject_on: EjectOn => "gateway_errors",
        /// For how long it is left alone the first time; each time in a row so much longer.
        ejection_time: Positive => "30s",
        /// For how long at the most.
        ejection_time_max: Positive => "300s",
        /// How many of the nodes may be left alone so at once, in percent.
        max_ejected: Count<0, 100> => 50,
        /// How many requests may be sent to another node after a failed attempt, for each hundred requests.
        retry_budget: Count<0, 1_000> => 20,
        /// And how many in each second, however few requests there are.
        retry_min_per_second: Count<0, 100_000> => 10,
        /// The bandwidth class of what is written to the nodes, unless a rule sets another.
        bandwidth_class: Text => optional,
        /// How long a connection to a node may take to be established.
        max_connect_time: Positive => "4s",
        /// How long a node may take to begin its response.
        max_reply_time: Positive => "30s",
        /// Whether an answer that a bandwidth class slows is taken off the node at once, into a file without a name, or
        /// the node waits for the client.
        slow_answers: SlowAnswers => "spool",
        /// How many idle connections are kept open to each node.
        max_idle_connections_pernode: Count<0, 65_536> => 50,
        /// How long a node that could not be reached, or did not answer, is left alone.
        node_fail_time: Length<0> => "10s",
        /// Whether the nodes are spoken to in TLS: `true`, or a table.
        tls: PoolTls => optional,
        /// Whether each connection to a node begins with a PROXY header, which names the client, and in which version.
        /// Such a connection is used for the requests of one client connection only; monitors speak for themselves.
        proxy_protocol: ProxyHeader => "off",
        /// Whether the nodes are asked in HTTP/2: over TLS where the handshake agrees on it, in the clear at once.
        http2: Flag => false,
    }
}

said_table! {
    /// Limits on requests per second and minute, both in force; used by rules with `rate.use`.
    "a rate class" RateClass {
        /// Requests that may start in any second; 0 sets no limit.
        max_rate_per_second: Count<0, 1_000_000> => 0,
        /// Requests that may start in any minute; 0 sets no limit.
        max_rate_per_minute: Count<0, 60_000_000> => 0,
        /// Requests that may start in any second in all contexts together; 0 sets no limit. Contexts share it by turns.
        total_per_second: Count<0, 1_000_000> => 0,
        /// Requests that may start in any minute in all contexts together; 0 sets no limit.
        total_per_minute: Count<0, 60_000_000> => 0,
        /// Who of those who wait in one context is next: whoever came first, or the clients by turns.
        fair_by: FairBy => "none",
        /// Whether those who wait start evenly, one after the other, and not as close together as those did who filled the
        /// window. Who finds room and nobody waiting is not held up. Limits beyond 1000 are not spaced.
        spaced: Flag => false,
        /// Requests that may wait in each context; 0 sets no limit but the process's own.
        max_queue: Count<0, 1_000_000> => 0,
        /// How long a request may wait: whoever would wait longer is told at once. 0 leaves it to the `timeout` of the virtual server.
        max_wait: Length<0> => 0,
        /// What the class goes by: numbers, or what the nodes of a pool bear.
        rate: RateBy => "numbers",
        /// With `rate = "spare"`: the pool whose nodes are watched. A pool has one such class.
        spare_of: Text => optional,
        /// With `rate = "spare"`: so many requests that asked may be at the pool at once, however slow it is.
        floor: Count<1, 100_000> => 1,
        /// With `rate = "spare"`: more than this are not let in, however fast it is.
        ceiling: Count<1, 100_000> => 1_000,
        /// With `rate = "spare"`: sites whose visitors come in before others', `"partner.example"`; a name stands for those
        /// below it.
        partners: OneOrMany<Text> => optional,
        /// With `rate = "spare"`: the mark by which visitors who are inside already are known, besides by the page of ours that
        /// led them on. A rule sets it as a cookie, and it stands in `marks` of the virtual server.
        visit_mark: Text => optional,
        /// For people.
        note: Text => "",
    }
}

said_table! {
    /// A limit on bits per second; used by virtual servers, pools, and rules.
    "a bandwidth class" BandwidthClass {
        /// The limit: `"800 kbit/s"`, `"8 Mbit/s"`; a bare number counts kbit/s.
        maximum: BitRate => 10_000,
        /// Whether all connections of the class share the limit, or each may reach it.
        sharing: SharingWord => "machine",
        /// Between whom a shared limit is divided equally: transfers, or clients and then the transfers of each, so that
        /// a client with many connections gains nothing by them.
        fair_by: FairBy => "none",
        /// How much at the head of each response goes unshaped, so that pages open; 0 shapes all of it. Short answers go
        /// unshaped as a whole. Where all share one maximum, the others pay for it, with half of the class at most.
        burst: Size<0, 1_073_741_824> => 0,
        /// Requests of the class that may be at nodes at once, on the whole machine; 0 sets no limit. Others wait their
        /// turn. Counts where the class is known before a node is asked.
        max_node_connections: Count<0, 1_000_000> => 0,
        /// For people.
        note: Text => "",
    }
}

said_table! {
    /// Who is served at all, before any rule is asked; used by virtual servers. A client is an IPv4 address, or the first
    /// 64 bits of an IPv6 address, and is counted on the whole machine. In each limit 0 means none.
    "a protection class" ProtectionClass {
        /// A class that is not enabled refuses nobody.
        enabled: Flag => true,
        /// Networks that are let in past the limits on connections. Of all networks that hold an address, in this list
        /// or in `banned`, the smallest decides.
        allowed: OneOrMany<Network> => optional,
        /// Networks that are not served.
        banned: OneOrMany<Network> => optional,
        /// Connections that one client may have at the same time.
        max_1_connections: Count<0, 1_000_000> => 30,
        /// Connections that the ten busiest clients may have together.
        max_10_connections: Count<0, 1_000_000> => 200,
        /// Whoever has no more connections than this does not feel `max_10_connections`.
        min_connections: Count<0, 1_000_000> => 4,
        /// Connections, and further requests on them, that one client may begin in any `rate_timer`.
        max_connection_rate: Count<0, 1_000_000> => 0,
        /// The time of `max_connection_rate`, in whole seconds.
        rate_timer: Count<1, 99_999> => 60,
        /// Whether addresses of requests may hold only what RFC 2396 lets stand in them.
        check_rfc2396: Flag => false,
        /// Whether control bytes, and what is no UTF-8, are refused in addresses (decoded) and fields of requests.
        reject_binary: Flag => false,
        /// The longest address of a request (path and query), in bytes.
        max_url_length: Size<0, 1_048_576> => 0,
        /// The longest field of a request, name and value, in bytes.
        max_header_length: Size<0, 1_048_576> => 0,
        /// All fields of a request, in bytes.
        max_request_length: Size<0, 1_048_576> => 0,
        /// The longest body of a request, in bytes.
        max_body_length: Size<0, 1_099_511_627_776> => 0,
        /// Whether who is refused is told so; else the connection is closed.
        send_error_page: Flag => true,
        /// What would be refused is counted and told of in the log, and let in.
        testing: Flag => false,
        /// How often the log is told of refusals, with their number.
        log_time: Length<0> => "60s",
        /// For people.
        note: Text => "",
    }
}

said_table! {
    /// Who watches the sites that send visitors; used by virtual servers. A site is a registrable domain; visitors without
    /// a referer count by the page on which they land. Numbers are those of one site in one `window`.
    "a guard" Guard {
        /// The last step that may be taken: `"observe"` watches only.
        climb_to: Step => "observe",
        /// How long sites are counted before they are judged.
        window: Length<1_000> => "10s",
        /// New visitors that no site is blamed for; a visitor is a client that was not here in the last half hour.
        crowd: Count<1, 1_000_000> => 100,
        /// Bytes of embedded media that no site is blamed for.
        media: Size<1, 1_099_511_627_776> => "10 MB",
        /// The part of a site's bytes that must be embedded media for it to be blamed for them, in percent.
        media_share: Count<0, 100> => 50,
        /// How many times its own usual a site may send.
        surge: Count<1, 1_000> => 4,
        /// How long each step is left to show what it does before the next.
        climb_after: Length<0> => "10s",
        /// How long it must be calm (half of what starts a climb) before a step is taken back.
        calm_after: Length<1_000> => "60s",
        /// The rate class through which visitors enter from the step `"queue"` on; the context is the site.
        queue: Text => optional,
        /// The bandwidth class of embedded media from the step `"slow"` on.
        slow: Text => optional,
        /// Sites that are left alone, with the names below them: partners, search engines.
        exempt: OneOrMany<Text> => optional,
        /// For people.
        note: Text => "",
    }
}

said_table! {
    /// Where rules may send requests and open connections (`http.request.*`, `tcp.connect`, `udp.sendTo`).
    "the table of outgoing connections" Outgoing {
        /// Networks, hosts and ports: `"10.0.0.0/8"`, `"api.example:443"`, `"*.example"`; `"*"` is every public
        /// address (no private, documentation or other special-purpose ones). A host is allowed wherever its name
        /// leads but to this machine itself, which is allowed by address. Nothing else is allowed, and link-local addresses, metadata services of clouds, multicast and the ports that tidegate itself
        /// listens on never are.
        allow: OneOrMany<Allowed> => optional,
    }
}

said_table! {
    /// A directory that knows users, asked by rules with `auth.query`. Its server needs no entry in `outgoing`.
    "an authenticator" Authenticator {
        /// What it is.
        kind: AuthenticatorKind => "ldap",
        /// The server as `"host:port"`; LDAP usually has port 389, and 636 with `tls = "ldaps"`.
        server: NodeAddress => required,
        /// How the connection is protected: `"none"`, `"starttls"` or `"ldaps"`.
        tls: LdapTls => "none",
        /// Who we are there; without it we are nobody in particular.
        bind_dn: Text => optional,
        /// Our password there.
        bind_password: Text => optional,
        /// Under which entry users are looked for.
        base_dn: Text => required,
        /// What a user's entry looks like; `%u` stands for the name, made harmless.
        filter: Text => "(uid=%u)",
        /// Which attributes rules get; none means all.
        attributes: OneOrMany<Text> => optional,
        /// How long one question may take.
        timeout: Positive => "10s",
    }
}

said_choice! {
    /// Between whom the places of a context, or the shares of a bandwidth class, are divided fairly.
    pub(crate) FairBy {
        /// Nobody in particular: first come, first served; all transfers have equal shares.
        Nobody = "none",
        /// Clients, each an IPv4 address or an IPv6 network of 64 bits. They start by turns, each one's own first come,
        /// first served, and a client who fills a full queue makes room for one who has fewer in it; they have equal
        /// shares, however many transfers they have.
        Client = "client",
    }
}

said_choice! {
    /// What a rate class goes by.
    pub(crate) RateBy {
        /// So many a second and a minute.
        Numbers = "numbers",
        /// What the nodes of a pool bear: as many at once as they answer without becoming slow. First come those who are inside
        /// already, then partners, feed readers and players, all other entries by turns between the sites that send
        /// them, and last what other pages show as a part of themselves.
        Spare = "spare",
    }
}

said_choice! {
    /// Whether all connections of a bandwidth class share its limit, or each may reach it.
    pub(crate) SharingWord {
        /// All connections share the limit, in fair parts.
        Machine = "machine",
        /// Each connection may reach the limit.
        Connection = "connection",
    }
    later ["cluster"]
}

/// Reads the whole text; what is said is returned even where mistakes were found, except after broken TOML.
pub(crate) fn read(
    source: &std::sync::Arc<source::Source>,
    diagnostics: &mut Vec<source::Diagnostic>,
) -> Option<(At<Catalog>, Outline)> {
    let text = match std::str::from_utf8(source.bytes()) {
        Ok(text) => text,
        Err(error) => {
            let at = u32::try_from(error.valid_up_to()).unwrap_or(u32::MAX);
            let mut reader = Reader::new(source, diagnostics);
            let label = (Span::new(at, at.saturating_add(1)), "not UTF-8");
            reader.report(super::read::TOML_SYNTAX, "a catalog is UTF-8 text".to_owned(), label, "");
            return None;
        }
    };
    let before = diagnostics.len();
    let table = super::read::parse(text, source, diagnostics);
    let broken: Vec<u32> = diagnostics.iter().skip(before).filter_map(line).collect();
    let read_from = diagnostics.len();
    let mut reader = Reader::new(source, diagnostics);
    let table = table.into_inner();
    let outline = Outline::of(&table);
    let said = Catalog::read(&DeValue::Table(table), Span::default(), &mut reader);
    if broken.is_empty() {
        return said.map(|value| (At { value, span: Span::default() }, outline));
    }
    // What is left of a broken text has keys in the wrong tables: only values can still be judged, on other lines.
    let mut at = 0;
    diagnostics.retain(|diagnostic| {
        at += 1;
        let is_told = diagnostic.id == super::read::BAD_VALUE
            && line(diagnostic).is_some_and(|at| !broken.contains(&at));
        at <= read_from || is_told
    });
    None
}

fn line(diagnostic: &source::Diagnostic) -> Option<u32> {
    diagnostic.place().map(|place| place.line)
}
