//! What is counted, for those who collect it: `GET /metrics`, in the text format of OpenMetrics that Prometheus
//! reads, and nothing else. A thread of its own that only reads [`engine::Shared`]: no request waits for it.

use anyhow::Context;
use engine::catalog::Admin as Settings;
use engine::{GuardLive, MarkMemory, NodeReading, PoolReading, ProtectionLive, Shared, Stopwatch};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use proxy::Clock;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Semaphore, oneshot};

/// Who may ask at once; a collector is one or two.
const CONNECTIONS_MAX: usize = 16;
/// How long one may take for its request.
const HEAD_TIME: Duration = Duration::from_secs(5);
/// The pause after an accept that failed.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// Rules, and classes, that are told of one by one. A page of more is no use to anybody; the rest is counted in
/// `left_out`.
const NAMES_MAX: usize = 1_000;

/// The page's media type.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The running page. Dropping it stops it.
pub(crate) struct Admin {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// As the catalog has it.
    configured: SocketAddr,
    /// To be handed over.
    socket: std::net::TcpListener,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Its socket, before anybody is answered.
pub(crate) struct Bound {
    configured: SocketAddr,
    socket: std::net::TcpListener,
}

impl Admin {
    /// Opens its socket, if the catalog wants it, or takes the one that `inherited` has for the address.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub(crate) fn bind(
        settings: Option<Settings>,
        inherited: impl FnOnce(SocketAddr) -> Option<std::net::TcpListener>,
    ) -> anyhow::Result<Option<Bound>> {
        let Some(Settings { listen }) = settings else { return Ok(None) };
        let socket = match inherited(listen) {
            Some(socket) => Ok(socket),
            None => std::net::TcpListener::bind(listen),
        };
        let socket = socket.with_context(|| format!("admin: cannot listen on {listen}"))?;
        Ok(Some(Bound { configured: listen, socket }))
    }

    /// Starts it.
    ///
    /// # Errors
    /// The system gives no thread or no descriptor.
    pub(crate) fn start(bound: Bound, shared: &Arc<Shared>, clock: &Clock) -> anyhow::Result<Self> {
        let numbers = Numbers { shared: Arc::clone(shared), stopwatch: clock.stopwatch() };
        let admin = Self::serving(bound, numbers).context("admin: cannot start")?;
        tracing::info!("numbers for collectors at http://{}/metrics", admin.address);
        Ok(admin)
    }

    /// A copy of its socket, for another process, with the address as the catalog has it.
    pub(crate) fn socket(&self) -> io::Result<(SocketAddr, std::net::TcpListener)> {
        Ok((self.configured, self.socket.try_clone()?))
    }

    fn serving(Bound { configured, socket }: Bound, numbers: Numbers) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let kept = socket.try_clone()?;
        let address = socket.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name("admin".into()).spawn(move || {
            let started = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
            let runtime = match started {
                Ok(runtime) => runtime,
                Err(error) => {
                    let _nobody = tell.send(Err(error));
                    return;
                }
            };
            let _nobody = tell.send(Ok(()));
            runtime.block_on(async move {
                let Ok(listener) = TcpListener::from_std(socket) else { return };
                tokio::select! {
                    () = serve(listener, numbers) => {}
                    _told = stopped => {}
                }
            });
        })?;
        told.recv().unwrap_or_else(|_| Err(io::Error::other("its thread ended at once")))?;
        Ok(Self { address, configured, socket: kept, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, numbers: Numbers) {
    let clock = Clock::system();
    let mut registry = Registry::with_prefix("tidegate");
    registry.register_collector(Box::new(numbers));
    let (registry, free) = (Arc::new(registry), Arc::new(Semaphore::new(CONNECTIONS_MAX)));
    loop {
        let Ok(permit) = Arc::clone(&free).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors, most likely: trying again at once would only heat the processor.
                tracing::warn!("admin: cannot accept: {error}");
                clock.sleep_until(clock.tick().saturating_add(ACCEPT_PAUSE)).await;
                continue;
            }
        };
        let registry = Arc::clone(&registry);
        tokio::task::spawn_local(async move {
            connection(stream, registry).await;
            drop(permit);
        });
    }
}

async fn connection(stream: TcpStream, registry: Arc<Registry>) {
    let service = service_fn(move |request| {
        let answer = answer(&request, &registry);
        async move { Ok::<_, Infallible>(answer) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME);
    // A connection that breaks is its client's business.
    let _broken = http.serve_connection(TokioIo::new(stream), service).await;
}

fn answer(request: &Request<Incoming>, registry: &Registry) -> Response<Full<Bytes>> {
    let plain = |status: StatusCode, text: String| {
        let mut answer = Response::new(Full::new(Bytes::from(text)));
        *answer.status_mut() = status;
        answer
    };
    if request.uri().path() != "/metrics" {
        return plain(StatusCode::NOT_FOUND, "the numbers are at /metrics\n".to_owned());
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, String::new());
        answer.headers_mut().insert(ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    let mut page = String::new();
    match text::encode(&mut page, registry) {
        Ok(()) => {
            let mut answer = plain(StatusCode::OK, page);
            answer.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(OPEN_METRICS));
            answer
        }
        Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, String::new()),
    }
}

/// Everything there is to read, read when somebody asks.
struct Numbers {
    shared: Arc<Shared>,
    /// Of the clock that the classes' state is told.
    stopwatch: Stopwatch,
}

impl fmt::Debug for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Numbers").finish_non_exhaustive()
    }
}

impl Collector for Numbers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, help, value) in self.shared.counters().list() {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            ConstCounter::new(value).encode(metric)?;
        }
        let left_out = self.rules(&mut encoder)?
            + self.classes(&mut encoder)?
            + self.marks(&mut encoder)?
            + self.certificates(&mut encoder)?
            + self.protections(&mut encoder)?
            + self.pools(&mut encoder)?
            + self.guards(&mut encoder)?;
        let help = "Rules, classes and virtual servers beyond those that are told of one by one.";
        let metric = encoder.encode_descriptor("left_out", help, None, MetricType::Gauge)?;
        ConstGauge::new(i64::try_from(left_out).unwrap_or(i64::MAX)).encode(metric)?;
        self.gauges(&mut encoder)
    }
}

/// A column: name, help, kind, and its value for each row.
type Column<'a, Row> = (&'a str, &'static str, MetricType, &'a dyn Fn(&Row) -> u64);

impl Numbers {
    fn gauges(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let last = self.shared.last_reload();
        let spool = self.shared.spool();
        let gauges: [(&str, &str, i64); 5] = [
            (
                "spool_bytes",
                "Bytes that slowed answers take of the spool now.",
                i64::try_from(spool.bytes()).unwrap_or(i64::MAX),
            ),
            (
                "spool_files",
                "Slowed answers that wait in a file now.",
                i64::try_from(spool.files()).unwrap_or(i64::MAX),
            ),
            (
                "config_last_reload_successful",
                "Whether the catalog that was read last is in force; else the one before is.",
                i64::from(last.is_good),
            ),
            (
                "config_last_reload_success_timestamp_seconds",
                "When the catalog in force was adopted.",
                last.good_at.0.div_euclid(1_000_000),
            ),
            (
                "config_generation",
                "Catalogs adopted by this process, the first one too.",
                i64::try_from(self.shared.generation()).unwrap_or(i64::MAX),
            ),
        ];
        for (name, help, value) in gauges {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(value).encode(metric)?;
        }
        Ok(())
    }

    fn rules(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<usize, fmt::Error> {
        let rules = self.shared.rule_counters();
        let shown = rules.get(..NAMES_MAX).unwrap_or(&rules);
        let names: Vec<(&str, &str)> =
            engine::RuleCounters::default().list().map(|(name, help, _)| (name, help)).to_vec();
        for (place, (name, help)) in names.iter().enumerate() {
            let name = format!("rule_{name}");
            let mut metric = encoder.encode_descriptor(&name, help, None, MetricType::Counter)?;
            for (rule, counters) in shown {
                let value = counters.list().get(place).map_or(0, |(_, _, value)| *value);
                let labels = [("rule", rule.as_ref())];
                ConstCounter::new(value).encode(metric.encode_family(&labels)?)?;
            }
        }
        Ok(rules.len() - shown.len())
    }

    fn certificates(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<usize, fmt::Error> {
        let catalog = self.shared.catalog();
        let mut certificates: Vec<_> = catalog.certificates().collect();
        // One file may be declared with several keys or staples: the name tells once, and the earliest end counts.
        certificates
            .sort_by(|one, other| (&one.name, one.valid_until).cmp(&(&other.name, other.valid_until)));
        certificates.dedup_by(|later, first| later.name == first.name);
        let columns: [Column<'_, &engine::Certificate>; 1] = [(
            "tls_certificate_ends",
            "Until when a certificate is valid, in seconds since 1970.",
            MetricType::Gauge,
            &|certificate| u64::try_from(certificate.valid_until).unwrap_or_default(),
        )];
        table(encoder, &certificates, |certificate| ("certificate", &certificate.name), &columns)
    }

    fn marks(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<usize, fmt::Error> {
        let memories = self.shared.mark_memories();
        let columns: [Column<'_, (Arc<str>, Arc<MarkMemory>)>; 2] = [
            (
                "mark_memory_clients",
                "Marked clients that a virtual server remembers now.",
                MetricType::Gauge,
                &|(_, memory)| memory.clients() as u64,
            ),
            (
                "mark_memory_expired",
                "Clients that a virtual server has forgotten because their marks had ended; none goes earlier.",
                MetricType::Counter,
                &|(_, memory)| memory.expired(),
            ),
        ];
        table(encoder, &memories, |(name, _)| ("virtual_server", name), &columns)
    }

    fn protections(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<usize, fmt::Error> {
        type Row = (Arc<str>, Arc<ProtectionLive>);
        let classes = self.shared.protections();
        let counter = |place: usize| {
            move |(_, live): &Row| live.counters().list().get(place).map_or(0, |(_, _, value)| *value)
        };
        let list = engine::ProtectionCounters::default().list();
        let names: Vec<String> = list.iter().map(|(name, _, _)| format!("protection_{name}")).collect();
        for (place, (_, help, _)) in list.iter().enumerate() {
            let column: [Column<'_, Row>; 1] = [(&names[place], help, MetricType::Counter, &counter(place))];
            table(encoder, &classes, |(name, _)| ("class", name), &column)?;
        }
        let clients: [Column<'_, Row>; 1] = [(
            "protection_clients",
            "Clients that a protection class counts now.",
            MetricType::Gauge,
            &|(_, live)| live.clients() as u64,
        )];
        table(encoder, &classes, |(name, _)| ("class", name), &clients)
    }

    fn guards(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<usize, fmt::Error> {
        type Row = (Arc<str>, Arc<GuardLive>);
        let guards = self.shared.guards();
        for (place, (name, help, _)) in engine::GuardCounters::default().list().into_iter().enumerate() {
            let value = |(_, live): &Row| live.counters().list().get(place).map_or(0, |(_, _, value)| *value);
            let name = format!("guard_{name}");
            let column: [Column<'_, Row>; 1] = [(&name, help, MetricType::Counter, &value)];
            table(encoder, &guards, |(name, _)| ("guard", name), &column)?;
        }
        let help = "Sites that a guard counts, by the step on which they stand.";
        let mut metric = encoder.encode_descriptor("guard_sites", help, None, MetricType::Gauge)?;
        for (name, live) in guards.iter().take(NAMES_MAX) {
            for (step, sites) in live.standing() {
                let labels = [("guard", name.as_ref()), ("step", step.name())];
                let sites = ConstGauge::new(i64::try_from(sites).unwrap_or(i64::MAX));
                sites.encode(metric.encode_family(&labels)?)?;
            }
        }
        Ok(guards.len().saturating_sub(NAMES_MAX))
    }

    fn pools(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<usize, fmt::Error> {
        let (now, catalog) = (self.stopwatch.tick(), self.shared.catalog());
        let pools: Vec<PoolReading> = catalog.pools.iter().map(|pool| pool.reading(now)).collect();
        let (counter, gauge) = (MetricType::Counter, MetricType::Gauge);
        let columns: [Column<'_, PoolReading>; 7] = [
            ("pool_queue", "Requests that wait for a place at a node of a pool now.", gauge, &|pool| {
                pool.queue
            }),
            ("pool_queued", "Requests that had to wait for a place.", counter, &|pool| pool.queued),
            ("pool_queue_full", "Requests for which the queue of a pool had no place.", counter, &|pool| {
                pool.queue_full
            }),
            ("pool_queue_timed_out", "Requests that waited for a place in vain.", counter, &|pool| {
                pool.queue_timed_out
            }),
            ("pool_retries", "Requests sent to another node after a failed attempt.", counter, &|pool| {
                pool.retries
            }),
            (
                "pool_retries_refused",
                "Requests that were not sent to another node because too many would have been.",
                counter,
                &|pool| pool.retries_refused,
            ),
            ("pool_failed_over", "Requests that went to the failure pool.", counter, &|pool| {
                pool.failed_over
            }),
        ];
        let left_out = table(encoder, &pools, |pool| ("pool", &pool.name), &columns)?;
        Ok(left_out + nodes(encoder, &pools)?)
    }

    fn classes(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<usize, fmt::Error> {
        let readings = self.shared.registry().readings(self.stopwatch.tick());
        let (counter, gauge) = (MetricType::Counter, MetricType::Gauge);
        let rates: Vec<_> = readings.rates.iter().filter(|class| class.is_named).collect();
        let rate: [Column<'_, &shaping::RateReading>; 8] = [
            ("rate_class_backlog", "Requests that wait in a rate class now.", gauge, &|class| class.backlog),
            ("rate_class_contexts", "Contexts that a rate class holds now.", gauge, &|class| {
                class.contexts as u64
            }),
            ("rate_class_started", "Requests that a rate class let through.", counter, &|class| {
                class.started
            }),
            ("rate_class_refused", "Requests that a rate class did not take in.", counter, &|class| {
                class.refused
            }),
            (
                "rate_class_withdrawn",
                "Requests that left a rate class before their turn.",
                counter,
                &|class| class.withdrawn,
            ),
            (
                "rate_class_displaced",
                "Of these, those that made room for others or could not be served in time any more.",
                counter,
                &|class| class.displaced,
            ),
            (
                "rate_class_overflowed",
                "Times that a request shared the context (other) because all contexts limited somebody.",
                counter,
                &|class| class.overflowed,
            ),
            (
                "rate_class_declined",
                "Times that a rate class was over its limit for somebody who would not wait.",
                counter,
                &|class| class.declined,
            ),
        ];
        let spares: Vec<(&str, shaping::SpareReading)> =
            rates.iter().filter_map(|class| Some((class.name.as_str(), class.spare?))).collect();
        let spare: [Column<'_, (&str, shaping::SpareReading)>; 4] = [
            (
                "spare_class_places",
                "Requests that may be at a pool at once, as its class has learnt it.",
                gauge,
                &|class| u64::from(class.1.places),
            ),
            ("spare_class_admitted", "Requests at the pool that its class let in.", gauge, &|class| {
                u64::from(class.1.admitted)
            }),
            ("spare_class_passing", "Requests at the pool that did not ask its class.", gauge, &|class| {
                u64::from(class.1.passing)
            }),
            (
                "spare_class_slowness_per_mille",
                "How long the nodes take, in thousandths of their best: the median of the last window.",
                gauge,
                &|class| class.1.slowness_per_mille,
            ),
        ];
        let bandwidths: Vec<_> = readings.bandwidths.iter().filter(|class| class.is_named).collect();
        let bandwidth: [Column<'_, &shaping::BandwidthReading>; 2] = [
            ("bandwidth_class_bytes", "Bytes that a bandwidth class granted.", counter, &|class| class.bytes),
            ("bandwidth_class_flows", "Transfers in a bandwidth class now.", gauge, &|class| class.flows),
        ];
        let left_out = table(encoder, &rates, |class| ("class", &class.name), &rate)?;
        let left_out = left_out + table(encoder, &spares, |class| ("class", class.0), &spare)?;
        Ok(left_out + table(encoder, &bandwidths, |class| ("class", &class.name), &bandwidth)?)
    }
}

/// The nodes of pools; gives how many were left out.
fn nodes(encoder: &mut DescriptorEncoder<'_>, pools: &[PoolReading]) -> Result<usize, fmt::Error> {
    let all: Vec<(&str, &NodeReading)> =
        pools.iter().flat_map(|pool| pool.nodes.iter().map(|node| (&*pool.name, node))).collect();
    let shown = all.get(..NAMES_MAX).unwrap_or(&all);
    let (counter, gauge) = (MetricType::Counter, MetricType::Gauge);
    let columns: [Column<'_, NodeReading>; 5] = [
        ("node_requests", "Requests handed to a node of a pool.", counter, &|node| node.requests),
        ("node_failed_attempts", "Attempts at a node of a pool that failed.", counter, &|node| node.failures),
        ("node_ejected", "Times that a node was left alone for its bad answers.", counter, &|node| {
            node.ejections
        }),
        ("node_in_flight", "Requests under way at a node.", gauge, &|node| u64::from(node.in_flight)),
        (
            "node_response_microseconds",
            "How long a node takes to the head of an answer, a moving average; 0 where it is not known.",
            gauge,
            &|node| u64::try_from(node.mean_response.as_micros()).unwrap_or(u64::MAX),
        ),
    ];
    for (column, help, kind, value) in columns {
        let mut metric = encoder.encode_descriptor(column, help, None, kind)?;
        for (pool, node) in shown {
            let labels = [("pool", *pool), ("node", &*node.name)];
            let metric = metric.encode_family(&labels)?;
            match kind {
                MetricType::Gauge => {
                    ConstGauge::new(i64::try_from(value(node)).unwrap_or(i64::MAX)).encode(metric)?;
                }
                _ => ConstCounter::new(value(node)).encode(metric)?,
            }
        }
    }
    let help = "How a node of a pool is: 1 for the word that fits.";
    let mut metric = encoder.encode_descriptor("node_state", help, None, gauge)?;
    for (pool, node) in shown {
        let labels = [("pool", *pool), ("node", &*node.name), ("state", node.condition.word())];
        ConstGauge::new(1_i64).encode(metric.encode_family(&labels)?)?;
    }
    Ok(all.len() - shown.len())
}

/// Each column for each row, with what names it as label; gives how many rows were left out.
fn table<'r, Row>(
    encoder: &mut DescriptorEncoder<'_>,
    rows: &'r [Row],
    label: impl Fn(&'r Row) -> (&'static str, &'r str),
    columns: &[Column<'_, Row>],
) -> Result<usize, fmt::Error> {
    let shown = rows.get(..NAMES_MAX).unwrap_or(rows);
    for (column, help, kind, value) in columns {
        let mut metric = encoder.encode_descriptor(column, help, None, *kind)?;
        for row in shown {
            let labels = [label(row)];
            let metric = metric.encode_family(&labels)?;
            match kind {
                MetricType::Gauge => {
                    ConstGauge::new(i64::try_from(value(row)).unwrap_or(i64::MAX)).encode(metric)?;
                }
                _ => ConstCounter::new(value(row)).encode(metric)?,
            }
        }
    }
    Ok(rows.len() - shown.len())
}
