//! What a seed stands for: who comes when and does what, which catalogs are adopted, when the clocks misbehave.

use core::time::Duration;
use engine::Catalog;
use engine::builtins::builtins;
use engine::catalog::MemoryFiles;
use std::fmt::Write as _;
use std::path::Path;

/// Draws of one seed (SplitMix64).
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }

    pub(crate) fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}

/// Limits of one class, as the catalog says them; 0 sets none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) per_second: u32,
    pub(crate) per_minute: u32,
    pub(crate) total_per_second: u32,
    pub(crate) total_per_minute: u32,
    pub(crate) by_clients: bool,
    pub(crate) spaced: bool,
    max_queue: u32,
    max_wait_millis: u64,
}

/// The classes of a catalog; `None`: not in this one.
pub(crate) type Classes = [Option<Limits>; 3];

pub(crate) const NAMES: [&str; 3] = ["alpha", "beta", "gamma"];

/// One who comes.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    pub(crate) at: Duration,
    pub(crate) connection: u64,
    /// Fields of its request.
    pub(crate) fields: Vec<(&'static str, String)>,
    /// After its arrival, if it loses interest.
    pub(crate) leaves_after: Option<Duration>,
    /// How long the node takes; `None`: it fails, at once.
    pub(crate) node_takes: Option<Duration>,
}

/// All that a seed says.
pub(crate) struct Scene {
    pub(crate) seed: u64,
    pub(crate) guests: Vec<Guest>,
    pub(crate) first: Classes,
    pub(crate) edits: Vec<(Duration, Classes)>,
    /// When the process stalls, and for how long.
    pub(crate) stalls: Vec<(Duration, Duration)>,
    pub(crate) patience: Duration,
    /// Zero: none.
    pub(crate) whole: Duration,
    on_rule_error: &'static str,
    queue_timeout_action: &'static str,
}

/// Everything that comes, comes in these seconds.
const SPAN_SECONDS: u64 = 100;

impl Scene {
    pub(crate) fn of(seed: u64) -> Self {
        let mut draws = Draws::new(seed);
        // Some worlds tick in quarters of a second, so that much falls on one moment and on the edges of windows.
        let grain = if draws.one_in(2) { 250_000_000 } else { 1 };
        let first = [(); 3].map(|()| Some(limits(&mut draws)));
        let mut edits: Vec<(Duration, Classes)> = Vec::new();
        let mut classes = first;
        for _ in 0..draws.below(5) {
            classes = edited(classes, &mut draws);
            edits.push((Duration::ZERO, classes));
        }
        let mut moments: Vec<_> = edits.iter().map(|_| moment(&mut draws, grain)).collect();
        moments.sort_unstable();
        edits.iter_mut().zip(moments).for_each(|(edit, at)| edit.0 = at);
        let mut guests: Vec<Guest> = (0..20 + draws.below(60)).map(|_| guest(&mut draws, grain)).collect();
        guests.sort_by_key(|guest| guest.at);
        let stalls = (0..draws.below(3))
            .map(|_| (moment(&mut draws, grain), Duration::from_millis(100 + draws.below(30_000))))
            .collect();
        Self {
            seed,
            guests,
            first,
            edits,
            stalls,
            patience: Duration::from_secs(2 + draws.below(90)),
            whole: Duration::from_secs(if draws.one_in(3) { 10 + draws.below(90) } else { 0 }),
            on_rule_error: draws.pick(&["next", "close", "503"]),
            queue_timeout_action: draws.pick(&["503", "429", "close"]),
        }
    }

    /// The catalog with these classes.
    pub(crate) fn catalog(&self, classes: &Classes) -> Catalog {
        let mut text = format!(
            "[virtual_servers.site]\nlisten = \":80\"\npool = \"web\"\n\
             request_rules = [\"main\", {{ rule = \"watch\", mode = \"observe\" }}]\nresponse_rules = \"answer\"\n\
             on_rule_error = \"{}\"\nqueue_timeout_action = \"{}\"\ntimeout = \"{}s\"\n\
             max_transaction_duration = \"{}s\"\naccess_log = {{ path = \"-\", format = \"tidegate\" }}\n\
             [pools.web]\nnodes = \"192.0.2.81:80\"\n[rate_classes]\n",
            self.on_rule_error,
            self.queue_timeout_action,
            self.patience.as_secs(),
            self.whole.as_secs(),
        );
        for (name, limits) in NAMES.iter().zip(classes) {
            let Some(limits) = limits else { continue };
            writeln!(
                text,
                "[rate_classes.{name}]\nmax_rate_per_second = {}\nmax_rate_per_minute = {}\nmax_queue = {}\n\
                 max_wait = \"{}ms\"\ntotal_per_second = {}\ntotal_per_minute = {}\nfair_by = \"{}\"\n\
                 spaced = {}",
                limits.per_second,
                limits.per_minute,
                limits.max_queue,
                limits.max_wait_millis,
                limits.total_per_second,
                limits.total_per_minute,
                if limits.by_clients { "client" } else { "none" },
                limits.spaced,
            )
            .unwrap();
        }
        let files = MemoryFiles::default()
            .with("tidegate.toml", text)
            .with("rules/main.rts", MAIN)
            .with("rules/watch.rts", WATCH)
            .with("rules/answer.rts", ANSWER);
        let loaded = Catalog::load(Path::new("tidegate.toml"), &files, builtins());
        let said: Vec<_> = loaded.diagnostics.iter().map(source::Diagnostic::one_line).collect();
        loaded.catalog.unwrap_or_else(|| panic!("{said:?}"))
    }
}

const MAIN: &str = r#"
$do = http.getHeader( "Do" ); $class = http.getHeader( "Class" ); $context = http.getHeader( "Referer" );
if( $do == "plain" ) log.info( rate.use( $class ) );
else if( $do == "try" ) log.info( rate.use.noQueue( $class, $context ) );
else if( $do == "discard" ) connection.discard();
else if( $do == "sleep" ) { connection.sleep( 700 ); rate.use( $class, $context ); connection.sleep( 3000 ); }
else rate.use( $class, $context );
if( $do == "twice" ) rate.use( "beta", $context );
if( $do == "fault" ) lang.assert( 0, "as was asked" );
if( $do == "respond" ) http.sendResponse( "403", "text/plain", "no", "" );
log.info( rate.getBacklog( $class, $context ) );
"#;

const WATCH: &str = r#"
rate.use( http.getHeader( "Class" ), http.getHeader( "Referer" ) );
if( http.getHeader( "Do" ) == "sleep" ) connection.sleep( 60000 );
connection.discard();
"#;

const ANSWER: &str = r#"
$do = http.getHeader( "Do" );
if( $do == "late" ) { connection.sleep( 400 ); rate.use( "gamma", http.getHeader( "Referer" ) ); }
http.setResponseHeader( "X-Seen", rate.peek( "alpha" ) );
"#;

fn moment(draws: &mut Draws, grain: u64) -> Duration {
    let nanos = draws.below(SPAN_SECONDS * 1_000_000_000);
    Duration::from_nanos(nanos - nanos % grain)
}

fn limits(draws: &mut Draws) -> Limits {
    let per_second = if draws.one_in(3) { 0 } else { 1 + draws.below(3) };
    let per_minute = if draws.one_in(3) { 0 } else { 1 + draws.below(20) };
    Limits {
        per_second: u32::try_from(per_second).unwrap(),
        per_minute: u32::try_from(per_minute).unwrap(),
        total_per_second: if draws.one_in(3) { u32::try_from(1 + draws.below(4)).unwrap() } else { 0 },
        total_per_minute: if draws.one_in(3) { u32::try_from(1 + draws.below(30)).unwrap() } else { 0 },
        by_clients: draws.one_in(3),
        spaced: draws.one_in(3),
        max_queue: if draws.one_in(3) { 3 } else { 0 },
        max_wait_millis: if draws.one_in(3) { 1 + draws.below(30_000) } else { 0 },
    }
}

/// The same with one class changed, taken out or brought back.
fn edited(mut classes: Classes, draws: &mut Draws) -> Classes {
    let which = usize::try_from(draws.below(3)).unwrap();
    classes[which] = if classes[which].is_some() && draws.one_in(3) { None } else { Some(limits(draws)) };
    classes
}

fn guest(draws: &mut Draws, grain: u64) -> Guest {
    let at = moment(draws, grain);
    let does = ["wait", "wait", "plain", "try", "twice", "sleep", "fault", "respond", "discard", "late"];
    let fields = vec![
        ("Do", draws.pick(&does).to_owned()),
        ("Class", draws.pick(&NAMES).to_owned()),
        ("Referer", draws.pick(&["a.example", "a.example", "b.example", "c.example", ""]).to_owned()),
    ];
    Guest {
        // Half come in a crowd at the beginning.
        at: if draws.one_in(2) { at / 16 } else { at },
        connection: 1 + draws.below(12),
        fields,
        leaves_after: draws.one_in(4).then(|| moment(draws, grain) / 4),
        node_takes: (!draws.one_in(8)).then(|| Duration::from_millis(draws.below(3_000))),
    }
}
