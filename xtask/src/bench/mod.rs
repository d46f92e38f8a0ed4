//! Measurements beside other programs; thin wrappers that start them with the same settings each time.

mod added;
mod held;
mod htaccess;
mod logs;
mod reload;
mod sockets;
mod starter;
mod tls;

use crate::process::{cargo, find_program, succeed, target_folder};
use added::{Costs, Pair};
use anyhow::{Context, Result, bail};
use starter::{Decision, starter};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The profile of what is shipped and measured.
const PROFILE: &str = "dist";

#[derive(clap::Subcommand)]
pub(crate) enum What {
    /// The proxy beside nginx, HAProxy and a proxy that only copies
    Proxy {
        /// What to compare: load, idle, paced, insn
        #[arg(default_value = "load")]
        mode: String,
        /// With the article's abusive-referer rule on every request
        #[arg(long)]
        rule: bool,
    },
    /// What the abusive-referer decision adds to a request: tidegate's rule beside Lua under nginx and under HAProxy
    Peers {
        /// What to compare: load, insn
        #[arg(default_value = "load")]
        mode: String,
    },
    /// Memory of a request that waits in a rate class, beyond its connection
    Held(held::Arguments),
    /// What an `.htaccess` against hot-linking adds to a request: here and in Apache
    Htaccess,
    /// User instructions of one run of the abusive-referer rule, and of loading it, by callgrind
    Rule,
    /// What a flood of contexts never seen before does to a rate class: memory, cost of a call, who is limited
    Contexts {
        /// How many contexts
        #[arg(default_value_t = 2_000_000)]
        count: u32,
    },
    /// Access logs: reading alone and the whole diagnosis, beside mawk, goaccess, DuckDB and chdb
    Logs(logs::Arguments),
    /// HTTP/2 in the clear and over TLS, and connections of TLS made in full and resumed, beside nginx and HAProxy
    Tls(tls::Arguments),
    /// Reloads and upgrades under load: what is lost, and how long a catalog of 1,000 virtual servers takes
    Reload(reload::Arguments),
    /// A small site on a day of fame: nothing, nginx, HAProxy and tidegate in front of the same crowd
    Storm(sockets::Arguments),
    /// How even bandwidth classes are over sockets, beside nginx's limit_rate
    Pace(sockets::ShapingArguments),
    /// A flood of referers never seen before, over sockets
    Keyflood(sockets::ShapingArguments),
    /// Whether anything grows in ten minutes of everything at once
    Soak(sockets::ShapingArguments),
    /// The abusive-referer decision in one process, beside rhai and LuaJIT
    Language {
        /// Rounds, each of all candidates
        #[arg(default_value_t = 15)]
        rounds: u32,
        /// Decisions of each candidate in a round
        #[arg(default_value_t = 100_000)]
        runs: u32,
    },
}

/// The tidegate that is measured: the one that `TIDEGATE_PROGRAM` names, such as what `cargo xtask release` made; else that of
/// the profile [`PROFILE`], built now.
fn shipped(root: &Path) -> Result<PathBuf> {
    if let Some(program) = std::env::var_os("TIDEGATE_PROGRAM") {
        return Path::new(&program).canonicalize().context("TIDEGATE_PROGRAM names no program");
    }
    succeed(&mut cargo(root, &["build", "--profile", PROFILE, "--package", "tidegate", "--quiet"]))?;
    Ok(target_folder(root)?.join(PROFILE).join("tidegate"))
}

/// Builds what is to be measured and starts the measurement.
///
/// # Errors
/// When something needed is not there, or a measurement failed.
pub(crate) fn run(root: &Path, what: &What) -> Result<()> {
    match what {
        What::Proxy { mode, rule } => proxy(root, mode, *rule),
        What::Peers { mode } => peers(root, mode),
        What::Held(arguments) => held::run(root, arguments),
        What::Htaccess => htaccess::run(root),
        What::Rule => rule_alone(root),
        What::Contexts { count } => contexts(root, &count.to_string()),
        What::Pace(arguments) => sockets::shaping(root, "pace", arguments),
        What::Keyflood(arguments) => sockets::shaping(root, "keyflood", arguments),
        What::Soak(arguments) => sockets::shaping(root, "soak", arguments),
        What::Tls(arguments) => tls::run(root, arguments),
        What::Reload(arguments) => reload::run(root, arguments),
        What::Storm(arguments) => sockets::run(root, arguments),
        What::Logs(arguments) => logs::run(root, arguments),
        What::Language { rounds, runs } => language(root, &[rounds.to_string(), runs.to_string()]),
    }
}

fn proxy(root: &Path, mode: &str, with_rule: bool) -> Result<()> {
    let compare = root.join("../shared/tools/engine_compare.sh");
    if !compare.is_file() {
        bail!("the comparison needs ../shared/tools/engine_compare.sh, which is not there");
    }
    let copy = ["build", "--profile", PROFILE, "--package", "proxy", "--example", "copy", "--quiet"];
    succeed(&mut cargo(root, &copy))?;
    let decision = if with_rule { Decision::Rule } else { Decision::None };
    let starter = starter(root, decision)?;
    let folder = cleared_folder(root)?;
    let mut command = Command::new(&compare);
    command.arg(mode).env("BIN_tidegate", &starter).env("TMP", &folder);
    // it reads nothing, paces nothing and speaks no HTTP/2
    let copies = matches!(mode, "load" | "insn" | "idle");
    let copy = target_folder(root)?.join(PROFILE).join("examples/copy");
    command.env("BIN_copy", format!("{} {{listen}} {{upstream}}", copy.display()));
    if with_rule {
        give_referer(&mut command);
    }
    if std::env::var("ENGINES").is_err() {
        command.env("ENGINES", if copies { "nginx haproxy tidegate copy" } else { "nginx haproxy tidegate" });
    }
    succeed(&mut command)
}

/// Each proxy with the decision and without it, in one run: what the decision adds is the difference.
fn peers(root: &Path, mode: &str) -> Result<()> {
    let tools = root.join("../shared/tools");
    let compare = tools.join("engine_compare.sh");
    if !compare.is_file() {
        bail!("the comparison needs ../shared/tools/engine_compare.sh, which is not there");
    }
    if !Path::new("/usr/lib/nginx/modules/ngx_http_lua_module.so").is_file() {
        bail!("the comparison needs nginx's Lua module (Debian: libnginx-mod-http-lua, lua-resty-core)");
    }
    let mut command = Command::new(&compare);
    let folder = cleared_folder(root)?;
    command.arg(mode).env("TMP", &folder);
    command
        .env("BIN_tidegate", starter(root, Decision::None)?)
        .env("BIN_tidegate_rule", starter(root, Decision::Rule)?);
    command.env("BIN_nginx_lua", tools.join("lua_peers/nginx_lua.sh"));
    command.env("BIN_haproxy_lua", tools.join("lua_peers/haproxy_lua.sh"));
    command.env("ENGINES", "nginx nginx_lua tidegate tidegate_rule haproxy haproxy_lua");
    short_rounds(&mut command, "k1");
    give_referer(&mut command);
    succeed(&mut command)?;
    if mode == "load" {
        let ours = Pair { plain: "tidegate", deciding: "tidegate_rule" };
        let others = [
            Pair { plain: "nginx", deciding: "nginx_lua" },
            Pair { plain: "haproxy", deciding: "haproxy_lua" },
        ];
        Costs::read(&folder.join("out-load/load.tsv"))?.tell(&ours, &others);
    }
    Ok(())
}

/// Many short rounds: the busier the machine, the closer together must stand what is compared.
fn short_rounds(command: &mut Command, load: &str) {
    for (name, value) in [("LOADS", load), ("ROUNDS", "15"), ("SECS", "2")] {
        if std::env::var(name).is_err() {
            command.env(name, value);
        }
    }
}

/// Without a referer the rule is left after three lines.
fn give_referer(command: &mut Command) {
    if std::env::var("FIELDS").is_err() {
        command.env("FIELDS", "Referer: http://news.example/story");
    }
}

/// A folder of its own: the comparison adds up every count that it finds there, those of earlier runs too.
fn cleared_folder(root: &Path) -> Result<PathBuf> {
    let folder = target_folder(root)?.join("bench/compare");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).context("cannot clear the folder of the last comparison")?;
    }
    Ok(folder)
}

/// Lengths of the Referer that are measured, in bytes.
const REFERERS: [&str; 2] = ["27", "100"];

/// Instructions of one run: the difference between 1,000 and 2,000 runs, so that start-up does not count.
fn rule_alone(root: &Path) -> Result<()> {
    if find_program("valgrind").is_none() {
        bail!("counting instructions needs valgrind (Debian package valgrind)");
    }
    let example = "rule_cost";
    succeed(&mut cargo(root, &["build", "--profile", PROFILE, "-p", "trafficscript", "--example", example]))?;
    let program = target_folder(root)?.join(PROFILE).join("examples").join(example);
    let rule = root.join("spec/rules/abusive-referer.rts");
    for referer in REFERERS {
        let few = instructions(Command::new(&program).arg(&rule).args([referer, "1000"]))?;
        let many = instructions(Command::new(&program).arg(&rule).args([referer, "2000"]))?;
        println!("abusive-referer, a Referer of {referer} bytes: {} instructions a run", (many - few) / 1000);
    }
    Ok(())
}

fn contexts(root: &Path, count: &str) -> Result<()> {
    let example = "contexts";
    succeed(&mut cargo(root, &["build", "--profile", PROFILE, "-p", "shaping", "--example", example]))?;
    let program = target_folder(root)?.join(PROFILE).join("examples").join(example);
    succeed(Command::new(program).arg(count))
}

/// Beside other languages; they are built in a workspace of their own.
fn language(root: &Path, arguments: &[String]) -> Result<()> {
    let manifest = root.join("bench/Cargo.toml");
    let built = target_folder(root)?.join("bench");
    let mut build = cargo(root, &["build", "--release", "--quiet", "--manifest-path"]);
    succeed(build.arg(&manifest).env("CARGO_TARGET_DIR", &built))?;
    succeed(Command::new(built.join("release/language")).args(arguments))
}

/// Instructions that a program executes from start to end, by callgrind.
fn instructions(program: &Command) -> Result<u64> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    command.arg(program.get_program()).args(program.get_args()).stdin(Stdio::null());
    let output = command.output().context("cannot start valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected =
        said.lines().find_map(|line| line.split_once("Collected :")).map(|(_, number)| number.trim());
    let collected = collected.with_context(|| format!("callgrind counted nothing:\n{said}"))?;
    collected.parse().with_context(|| format!("callgrind said `{collected}`"))
}
