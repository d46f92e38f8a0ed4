//! The program that a comparison of proxies calls to start tidegate.

use super::shipped;
use crate::process::{succeed, target_folder};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What tidegate decides about each request.
#[derive(Clone, Copy)]
pub(super) enum Decision {
    /// Nothing: it passes them on.
    None,
    /// The article's rule.
    Rule,
    /// This `.htaccess`.
    Htaccess(&'static str),
}

/// Writes the program that the comparison calls: it makes a catalog from the environment and becomes tidegate.
pub(super) fn starter(root: &Path, decision: Decision) -> Result<PathBuf> {
    let target = target_folder(root)?;
    let folder = target.join("bench");
    std::fs::create_dir_all(folder.join("rules")).context("cannot make the folder of the measurement")?;
    let program = shipped(root)?;
    let (name, attach, rules) = match decision {
        Decision::None => ("start.sh", "", ""),
        Decision::Rule => {
            let rule = root.join("spec/rules/abusive-referer.rts");
            std::fs::copy(rule, folder.join("rules/abusive-referer.rts")).context("cannot copy the rule")?;
            ("start-rule.sh", "request_rules = [\"abusive-referer\"]", RULE)
        }
        Decision::Htaccess(text) => {
            std::fs::write(folder.join("bench.htaccess"), text).context("cannot write the .htaccess")?;
            ("start-htaccess.sh", "htaccess = \"bench.htaccess\"", "")
        }
    };
    let script = STARTER
        .replace("{folder}", &folder.to_string_lossy())
        .replace("{program}", &program.to_string_lossy())
        .replace("{attach}", attach)
        .replace("{rules}", rules);
    write_program(&folder.join(name), &script)
}

/// Writes a text as a program.
pub(super) fn write_program(path: &Path, script: &str) -> Result<PathBuf> {
    std::fs::write(path, script).context("cannot write the starter")?;
    succeed(Command::new("chmod").arg("+x").arg(path))?;
    Ok(path.to_owned())
}

const STARTER: &str = r#"#!/bin/sh
# LISTEN, UPSTREAM, WORKERS and PACE come from the comparison
set -eu
catalog="{folder}/tidegate-${LISTEN##*:}.toml"
class=""
[ "${PACE:-0}" != 0 ] && class='bandwidth_class = "paced"'
cat > "$catalog" <<TOML
[virtual_servers.bench]
listen = "$LISTEN"
pool = "bench"
via = true
keepalive_timeout = "300s"
$class
{attach}
[pools.bench]
nodes = ["$UPSTREAM"]
max_idle_connections_pernode = 1024
TOML
[ "${PACE:-0}" != 0 ] && cat >> "$catalog" <<TOML
[bandwidth_classes.paced]
maximum = "$((PACE * 8)) bit/s"
sharing = "connection"
TOML
cat >> "$catalog" <<'TOML'
{rules}
TOML
exec "{program}" run -c "$catalog" --workers "$WORKERS"
"#;

/// Classes wide enough that nobody waits: the decision is measured, not the waiting.
const RULE: &str = r#"
[rate_classes.StandardReferer]
max_rate_per_second = 1000000
[rate_classes.BusyReferer]
max_rate_per_second = 1000000
[bandwidth_classes.AbusiveReferer]
maximum = "20 Gbit/s"
"#;
