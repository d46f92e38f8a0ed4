//! One table of commands and flags.

use crate::verdict::Mistake;
use clap::{Args, Parser, Subcommand, ValueEnum};
use engine::catalog::RuleStage;
use std::ffi::OsString;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// A reverse proxy that runs TrafficScript rules and shapes traffic exactly and fairly.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, max_term_width = 100)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Start the traffic manager and stay in the foreground
    Run(RunOptions),
    /// Let the running process read its catalog again; waits for the verdict
    Reload(ControlOptions),
    /// Let the running process start a new one, leave its sockets to it, and end when all is answered
    Upgrade(UpgradeOptions),
    /// Tell how the running process is
    Status(ControlOptions),
    /// What the guards of the running process see and do; take a site's steps back
    Guard(GuardOptions),
    /// Play the story in the terminal: visitors, then a crowd; unguarded, then guarded
    Demo(DemoOptions),
    /// Check a catalog or rules; say everything that is wrong (also: tidegate -t)
    Check(CheckOptions),
    /// Run rules against a made-up request and print what is decided
    Try(Box<TryOptions>),
    /// Find out who fills the send buffers: counters, mail logs, access logs; and propose what to do
    Diagnose(Box<DiagnoseOptions>),
    /// Put a proposal of diagnose into the catalog
    Apply(ApplyOptions),
    /// Take a proposal out of the catalog again
    Revert(RevertOptions),
    /// Tell what a policy would have done to the requests of a log
    Replay(Box<ReplayOptions>),
    /// Put rules into the canonical layout
    Fmt(FmtOptions),
    /// Turn other servers' files into rules
    Import(ImportOptions),
    /// Tell what a function of the language does
    Doc(DocOptions),
    /// Serve an editor: the language server, on standard input and output
    Lsp,
    /// The keys that marks are signed with: show them, change them, make marks void
    Marks(MarksOptions),
    /// Print the JSON Schema of tidegate.toml
    Schema,
}

/// The flag that a process gives to the one that takes its place.
pub(crate) const TAKE_OVER: &str = "--take-over";

/// Options of `reload`, `status` and `guard list`.
#[derive(Args, Debug)]
pub(crate) struct ControlOptions {
    /// The catalog of the running process; default: tidegate.toml here
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The control socket of the running process; default: as the catalog says
    #[arg(long, value_name = "PATH")]
    pub(crate) control: Option<PathBuf>,
    /// human or json
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) format: OutputFormat,
}

/// Options of `guard`.
#[derive(Args, Debug)]
pub(crate) struct GuardOptions {
    #[command(subcommand)]
    pub(crate) verb: GuardVerb,
}

/// What is asked of guards.
#[derive(Debug, Subcommand)]
pub(crate) enum GuardVerb {
    /// Say which sites stand on which step, and the last events
    List(ControlOptions),
    /// Take all steps of a site back, and leave it alone for an hour
    Undo(GuardUndoOptions),
}

/// Options of `guard undo`.
#[derive(Args, Debug)]
pub(crate) struct GuardUndoOptions {
    /// The guard, as the catalog names it
    pub(crate) guard: String,
    /// The site, as `guard list` names it
    pub(crate) site: String,
    #[command(flatten)]
    pub(crate) control: ControlOptions,
}

/// Options of `upgrade`.
#[derive(Args, Debug)]
pub(crate) struct UpgradeOptions {
    #[command(flatten)]
    pub(crate) control: ControlOptions,
    /// The program to start; default: the running process's own, as it lies on the disk by now
    #[arg(long, value_name = "FILE")]
    pub(crate) program: Option<PathBuf>,
}

/// Options of `marks`.
#[derive(Args, Debug)]
pub(crate) struct MarksOptions {
    /// What to do with the keys
    #[arg(default_value = "show")]
    pub(crate) verb: MarksVerb,
    /// The catalog; default: tidegate.toml here
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// What is done with the keys of marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MarksVerb {
    /// Say which cookies are marks, and how old the keys are.
    Show,
    /// A new key signs; the one before still verifies.
    Rotate,
    /// A new key, and no other: every mark that is out is void.
    Revoke,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// For people.
    Human,
    /// For programs.
    Json,
}

/// Options of `run`.
#[derive(Args, Debug)]
pub(crate) struct RunOptions {
    /// The catalog; default: tidegate.toml here, unless --to is given
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Without a file: the site to stand in front of, http://host:port; default: a built-in sample site
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    pub(crate) to: Option<String>,
    /// Without a file: where to listen [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", conflicts_with = "config")]
    pub(crate) listen: Option<String>,
    /// Without a file: a name of the site besides the Host of each request (repeatable)
    #[arg(long, value_name = "NAME", conflicts_with = "config")]
    pub(crate) host: Vec<String>,
    /// Without a file: what the guard against crowds does [default: observe]
    #[arg(long, value_name = "MODE", conflicts_with = "config")]
    pub(crate) guard: Option<GuardMode>,
    /// Threads that serve connections; default: what the catalog says, or one for each processor
    #[arg(long, value_name = "N", value_parser = workers)]
    pub(crate) workers: Option<NonZeroUsize>,
    /// The least important messages that are still logged
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub(crate) log_level: LogLevel,
    /// How messages are logged, on standard error
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) log_format: OutputFormat,
    /// Where to write the number of the process
    #[arg(long, value_name = "FILE")]
    pub(crate) pid_file: Option<PathBuf>,
    /// The socket for `reload`, `status` and `upgrade`, or "off"; default: as the catalog says
    #[arg(long, value_name = "PATH")]
    pub(crate) control: Option<PathBuf>,
    /// Take the place of the process at the other end of standard input
    #[arg(long, hide = true)]
    pub(crate) take_over: bool,
}

/// What the guard of the built-in catalog does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GuardMode {
    /// There is none: the bare proxy.
    Off,
    /// It decides and logs, and holds nobody.
    Observe,
    /// It does what it decides.
    Enforce,
}

/// How important a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    /// What is broken.
    Error,
    /// What may break.
    Warn,
    /// What happened.
    Info,
    /// Why.
    Debug,
    /// Everything.
    Trace,
}

/// Options of `demo`.
#[derive(Args, Debug)]
pub(crate) struct DemoOptions {
    /// How long the whole story takes, in seconds
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(16..=600))]
    pub(crate) seconds: u32,
    /// human or json
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) format: OutputFormat,
}

/// Options of `check`.
#[derive(Args, Debug)]
pub(crate) struct CheckOptions {
    /// Catalogs (.toml), rules (.rts) and .htaccess files, told apart by their endings; a folder stands for what is in
    /// it; - is a rule on standard input; default: tidegate.toml here
    pub(crate) paths: Vec<PathBuf>,
    /// The catalog
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Exit with 3 if there are warnings
    #[arg(long)]
    pub(crate) strict: bool,
    /// The stage rules are checked for, if only rules are given; htaccess takes a file of any name for an .htaccess
    #[arg(long, value_name = "STAGE", default_value = "request")]
    pub(crate) r#as: CheckedAs,
    /// The protocol rules are checked for, if only rules are given
    #[arg(long, value_name = "PROTOCOL", default_value = "http")]
    pub(crate) protocol: ProtocolName,
    /// Mend instead of checking: newlines prints a rule's mended text, typography what would change in an .htaccess
    #[arg(long, value_name = "WHAT")]
    pub(crate) fix: Option<Fix>,
    /// With --fix: put the mended text in place of the file's
    #[arg(long, requires = "fix")]
    pub(crate) write: bool,
    /// human or json
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) format: OutputFormat,
}

/// Options of `fmt`.
#[derive(Args, Debug)]
pub(crate) struct FmtOptions {
    /// Rules (.rts); a folder stands for the rules in it and in its folder `rules`; - is a rule on standard input, and
    /// is printed; default: the folder here
    pub(crate) paths: Vec<PathBuf>,
    /// Change nothing; print what would change, and exit with 1 if anything would
    #[arg(long)]
    pub(crate) check: bool,
    /// human or json
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) format: OutputFormat,
}

/// Options of `diagnose`.
#[derive(Args, Debug)]
pub(crate) struct DiagnoseOptions {
    /// Access logs, packed or not; default, if nothing else is named either: those of this machine
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(crate) logs: Vec<PathBuf>,
    /// Mail logs; default, if nothing else is named either: those of this machine
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(crate) mail: Vec<PathBuf>,
    /// Look at what happened from here on: 2026-11-22T20:00, 2026-11-22, or 3h (ago)
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Look at what happened up to here
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    /// A file as /proc/user_beancounters, or two, the earlier one first
    #[arg(long, value_name = "FILE", num_args = 1..=2, conflicts_with_all = ["proc_root", "every"])]
    pub(crate) beancounters: Vec<PathBuf>,
    /// Read counters below this folder instead of /proc
    #[arg(long, value_name = "FOLDER")]
    pub(crate) proc_root: Option<PathBuf>,
    /// Look on: read the counters so often, until Ctrl-C
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) every: Option<Duration>,
    /// With --every: so many readings, instead of until Ctrl-C
    #[arg(long, value_name = "N", requires = "every")]
    pub(crate) readings: Option<std::num::NonZeroU32>,
    /// The format of the access logs: a name (combined, nginx, ...) or a LogFormat or log_format; default: recognised
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<String>,
    /// The domain of access logs that do not name one
    #[arg(long, value_name = "NAME")]
    pub(crate) domain: Option<String>,
    /// Names of the sites themselves, besides those that are learnt from the logs
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub(crate) own: Vec<String>,
    /// How many days a proposed rule holds
    #[arg(long, value_name = "DAYS", default_value_t = 14, value_parser = clap::value_parser!(u16).range(1..=366))]
    pub(crate) until: u16,
    /// Where usuals, the last reading and proposals are kept between runs
    #[arg(long, value_name = "FOLDER", conflicts_with = "no_state")]
    pub(crate) state: Option<PathBuf>,
    /// Keep nothing, and remember nothing
    #[arg(long)]
    pub(crate) no_state: bool,
    /// human, json or html
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) format: ReportFormat,
    /// Write the report into this file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Show how far the reading is; default: on a terminal
    #[arg(long, overrides_with = "no_progress")]
    pub(crate) progress: bool,
    /// Do not
    #[arg(long)]
    pub(crate) no_progress: bool,
}

/// How a diagnosis is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For people.
    Human,
    /// For programs.
    Json,
    /// One page for a browser.
    Html,
}

/// Options of `apply`.
#[derive(Args, Debug)]
pub(crate) struct ApplyOptions {
    /// The proposal, by its name or the beginning of it
    pub(crate) proposal: String,
    /// The catalog; default: tidegate.toml here
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Which virtual server gets the rule; default: the only one, or the one of the proposal's domain
    #[arg(long, value_name = "NAME")]
    pub(crate) virtual_server: Option<String>,
    /// The rule decides and logs, and does nothing yet; without it, it is enforced (also after it only observed)
    #[arg(long)]
    pub(crate) observe: bool,
    /// Change nothing; print what would change
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Where diagnose keeps its proposals
    #[arg(long, value_name = "FOLDER")]
    pub(crate) state: Option<PathBuf>,
}

/// Options of `revert`.
#[derive(Args, Debug)]
pub(crate) struct RevertOptions {
    /// The proposal, by its name or the beginning of it
    pub(crate) proposal: String,
    /// Change nothing; print what would change
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Where apply remembers what it did
    #[arg(long, value_name = "FOLDER")]
    pub(crate) state: Option<PathBuf>,
}

/// Options of `import`.
#[derive(Args, Debug)]
pub(crate) struct ImportOptions {
    #[command(subcommand)]
    pub(crate) what: ImportWhat,
}

/// What can be imported.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportWhat {
    /// An .htaccess file of Apache's, as a request rule
    Htaccess(ImportHtaccess),
}

/// Options of `import htaccess`.
#[derive(Args, Debug)]
pub(crate) struct ImportHtaccess {
    /// The file
    pub(crate) file: PathBuf,
    /// Instead of refusing because of the referer, slow down; feed readers, players and who has no referer go through
    #[arg(long)]
    pub(crate) gentle: bool,
    /// Write the rule and what the catalog needs into this folder; without it, the rule is printed
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
    /// With --out: put the new texts in the place of those that are there
    #[arg(long, requires = "out")]
    pub(crate) force: bool,
}

/// Options of `doc`.
#[derive(Args, Debug)]
pub(crate) struct DocOptions {
    /// The function, in any case; a name that ends with a dot stands for all that begin so
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub(crate) name: Option<String>,
    /// All functions; for people the list, for programs everything that is known of each
    #[arg(long)]
    pub(crate) all: bool,
    /// human or json
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) format: OutputFormat,
}

/// What `check --fix` can mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fix {
    /// A rule that lost its line breaks when it was pasted.
    Newlines,
    /// An .htaccess with dashes, quotes and blanks of a word processor.
    Typography,
}

/// What a text is checked as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckedAs {
    /// A rule that runs before a node is chosen.
    Request,
    /// A rule on the answer.
    Response,
    /// A rule that runs when it is over.
    Completion,
    /// An .htaccess.
    Htaccess,
}

impl CheckedAs {
    /// The stage of rules.
    pub(crate) fn stage(self) -> StageName {
        match self {
            Self::Request | Self::Htaccess => StageName::Request,
            Self::Response => StageName::Response,
            Self::Completion => StageName::Completion,
        }
    }
}

/// The stages of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StageName {
    /// Before a node is chosen.
    Request,
    /// On the answer.
    Response,
    /// When it is over.
    Completion,
}

/// What clients speak, as far as rules can be tried on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum ProtocolName {
    /// Requests and responses of HTTP.
    Http,
    /// Raw bytes; the client speaks first.
    ClientFirst,
}

/// The stage of a rule, for the compiler.
pub(crate) fn rule_stage(stage: StageName, protocol: ProtocolName) -> Result<RuleStage, Mistake> {
    Ok(match (protocol, stage) {
        (ProtocolName::Http, StageName::Request) => RuleStage::Request,
        (ProtocolName::Http, StageName::Response) => RuleStage::Response,
        (ProtocolName::Http, StageName::Completion) => RuleStage::Completion,
        (ProtocolName::ClientFirst, StageName::Request) => RuleStage::RawRequest,
        (ProtocolName::ClientFirst, StageName::Response) => RuleStage::RawResponse,
        (ProtocolName::ClientFirst, StageName::Completion) => {
            return Err(Mistake("completion rules are for HTTP only".to_owned()));
        }
    })
}

/// Options of `try`.
#[derive(Args, Debug)]
pub(crate) struct TryOptions {
    /// The rule to run; without it, the rules of the virtual server
    #[arg(long, value_name = "FILE")]
    pub(crate) rule: Option<PathBuf>,
    /// The .htaccess file to ask behind the rules; without it, those of the virtual server (with --rule: none)
    #[arg(long, value_name = "FILE")]
    pub(crate) htaccess: Option<PathBuf>,
    /// With --htaccess: where the files of the site are, for tests such as -f
    #[arg(long, value_name = "FOLDER", requires = "htaccess")]
    pub(crate) document_root: Option<PathBuf>,
    /// The catalog whose classes (and, without --rule, rules) are used; without it, the built-in one
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Which virtual server the request arrives at; default: the first
    #[arg(long, value_name = "NAME")]
    pub(crate) virtual_server: Option<String>,
    /// The URL asked for: http://host/path?query, or a path
    #[arg(long, value_name = "URL", default_value = "http://www.example.com/")]
    pub(crate) url: String,
    /// The method
    #[arg(short = 'X', long, value_name = "METHOD", default_value = "GET")]
    pub(crate) method: String,
    /// A field of the request (repeatable)
    #[arg(short = 'H', long = "header", value_name = "'NAME: VALUE'")]
    pub(crate) headers: Vec<String>,
    /// The client's address
    #[arg(long, value_name = "IP", default_value = "192.0.2.1")]
    pub(crate) client: IpAddr,
    /// The request's body: text, or @file. With client_first: what the client sends, with \r \n \t \0 \xHH for bytes
    /// (repeatable)
    #[arg(long, value_name = "TEXT|@FILE", action = clap::ArgAction::Append)]
    pub(crate) data: Vec<String>,
    /// What the client speaks
    #[arg(long, value_name = "PROTOCOL", default_value = "http")]
    pub(crate) protocol: ProtocolName,
    /// With client_first: time between one --data and the next, and the client's end, in virtual time
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    pub(crate) pause: Duration,
    /// With client_first: what a node answers to each request that reaches it (repeatable)
    #[arg(long, value_name = "TEXT|@FILE")]
    pub(crate) node_data: Vec<String>,
    /// Another rule, run on the response
    #[arg(long, value_name = "FILE")]
    pub(crate) response_rule: Option<PathBuf>,
    /// Another rule, run when all is over
    #[arg(long, value_name = "FILE")]
    pub(crate) completion_rule: Option<PathBuf>,
    /// The status a node answers
    #[arg(long, value_name = "STATUS", default_value_t = 200)]
    pub(crate) response_status: u16,
    /// A field of the node's answer (repeatable)
    #[arg(long, value_name = "'NAME: VALUE'")]
    pub(crate) response_header: Vec<String>,
    /// The body of the node's answer: text, or @file
    #[arg(long, value_name = "TEXT|@FILE")]
    pub(crate) response_body: Option<String>,
    /// What the world answers to rules that go out, a line each; without it a rule that goes out fails
    #[arg(long, value_name = "FILE")]
    pub(crate) world: Option<PathBuf>,
    /// With --rule: which stage it runs in
    #[arg(long, value_name = "STAGE", default_value = "request")]
    pub(crate) r#as: StageName,
    /// How many requests; each is a new visitor without cookies. JSON is an array then
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) count: Option<u32>,
    /// Time between requests, in virtual time: 10ms, 2s
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration, requires = "count")]
    pub(crate) every: Duration,
    /// human or json
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) format: OutputFormat,
}

/// Options of `replay`.
#[derive(Args, Debug)]
pub(crate) struct ReplayOptions {
    /// Access logs, packed or not, in any order; - is standard input
    #[arg(value_name = "LOG", required = true)]
    pub(crate) logs: Vec<PathBuf>,
    /// What is tried: a catalog, an .htaccess, or a folder with one of them
    #[arg(short, long, value_name = "FILE")]
    pub(crate) policy: PathBuf,
    /// Another policy over the same log: tells what the two decide differently
    #[arg(long, value_name = "FILE")]
    pub(crate) compare: Option<PathBuf>,
    /// The virtual server that all lines are for; default: as lines say, else the first
    #[arg(long, value_name = "NAME")]
    pub(crate) virtual_server: Option<String>,
    /// The Host of requests whose line does not say
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Option<String>,
    /// A name of the site itself, so that its own visitors can be told from others (repeatable); default: those of the
    /// catalog, or learnt from the log
    #[arg(long, value_name = "NAME")]
    pub(crate) own: Vec<String>,
    /// Whom the policy is meant for: a domain that refers, an address or a network (repeatable)
    #[arg(long, value_name = "NAME")]
    pub(crate) offender: Vec<String>,
    /// Where the files of the site are, for tests such as -f; without it nobody knows them
    #[arg(long, value_name = "FOLDER")]
    pub(crate) docroot: Option<PathBuf>,
    /// Replay what happened from here on: 2026-11-22T20:00, 2026-11-22, or 3h (ago)
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Replay what happened before this
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    /// The format of the logs: a name (combined, tidegate, ...) or a LogFormat or log_format; default: recognised
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<String>,
    /// human or json
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) format: OutputFormat,
    /// Show how far the reading is; default: on a terminal
    #[arg(long, overrides_with = "no_progress")]
    pub(crate) progress: bool,
    /// Do not
    #[arg(long)]
    pub(crate) no_progress: bool,
}

/// Threads: as many as a catalog may ask for.
fn workers(text: &str) -> Result<NonZeroUsize, String> {
    let number =
        text.parse::<NonZeroUsize>().map_err(|_| "expected a number of threads, at least 1".to_owned())?;
    if number.get() > 1024 { Err("expected at most 1024 threads".to_owned()) } else { Ok(number) }
}

/// A length of time as catalogs write it: `10ms`, `1.5s`, `2m`, `1h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a length of time such as 10ms, 1.5s or 2m".to_owned();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let seconds = match unit.trim() {
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "" if number == "0" => 1.0,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_| wrong())
}

/// `tidegate -t …` is `tidegate check …`, as people know it from other servers.
pub(crate) fn with_aliases(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(first) = arguments.get_mut(1)
        && first == "-t"
    {
        *first = "check".into();
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_table_of_commands_is_sound_and_t_means_check() {
        CommandLine::command().debug_assert();
        let parsed = CommandLine::parse_from(with_aliases(["tidegate", "-t", "a.toml"].map(OsString::from)));
        assert!(matches!(parsed.verb, Verb::Check(options) if options.paths == [PathBuf::from("a.toml")]));
    }
}
