//! What an `.htaccess` adds to a request, beside Apache with the same file.
//!
//! Both answer the same request with a kilobyte. Apache (event MPM, `AllowOverride All`) has the page as a file of its own
//! and looks for an `.htaccess` in each folder on the way, as it always does; tidegate has the page from a node. What the
//! file adds is the difference to the same server without it.

use super::added::{Costs, Pair, TICK_MICROS};
use super::starter::{Decision, starter, write_program};
use super::{PROFILE, cleared_folder, instructions, short_rounds};
use crate::process::{cargo, find_program, succeed, target_folder};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The hoster's, as it was published: its dash is no hyphen.
const FILE: &str = "RewriteEngine On
RewriteCond %{REQUEST_URI} /audio/.*
RewriteCond %{HTTP_REFERER} !.*theDomainInQuestion.* [OR]
RewriteCond %{HTTP_REFERER} .*the\\.incomingIP\\.fromTheChinese\\.site.*
RewriteRule .* \u{2013} [F]
";

/// A page that the conditions look at; the node takes its length from the front.
const PAGE: &str = "1024/audio/song.mp3";
const PAGE_BYTES: usize = 1024;

/// Lines of the file whose loading is measured.
const LONG_LINES: usize = 1_000;

pub(super) fn run(root: &Path) -> Result<()> {
    alone(root)?;
    let compare = root.join("../shared/tools/engine_compare.sh");
    if !compare.is_file() {
        bail!("the comparison needs ../shared/tools/engine_compare.sh, which is not there");
    }
    if find_program("apache2").is_none() {
        bail!("the comparison needs Apache (Debian package apache2-bin)");
    }
    let folder = cleared_folder(root)?;
    let mut command = Command::new(&compare);
    command.arg("load").env("TMP", &folder);
    command.env("BIN_tidegate", starter(root, Decision::None)?);
    command.env("BIN_tidegate_htaccess", starter(root, Decision::Htaccess(FILE))?);
    command.env("BIN_apache_plain", apache(root, None)?);
    command.env("BIN_apache_htaccess", apache(root, Some(FILE))?);
    command.env("ENGINES", "apache_plain apache_htaccess tidegate tidegate_htaccess");
    // A visitor from the site itself: all conditions are looked at, and none refuses.
    command.env("FIELDS", "Referer: http://www.theDomainInQuestion.com/a");
    short_rounds(&mut command, PAGE);
    succeed(&mut command)?;
    let ours = Pair { plain: "tidegate", deciding: "tidegate_htaccess" };
    let apache = Pair { plain: "apache_plain", deciding: "apache_htaccess" };
    Costs::read(&folder.join("out-load/load.tsv"))?.tell(&ours, &[apache]);
    Ok(())
}

/// What judging one request takes, and loading a long file, in one process.
fn alone(root: &Path) -> Result<()> {
    let example = "evaluate_cost";
    succeed(&mut cargo(root, &["build", "--profile", PROFILE, "-p", "rewrite", "--example", example]))?;
    let target = target_folder(root)?;
    let program = target.join(PROFILE).join("examples").join(example);
    let folder = target.join("bench");
    std::fs::create_dir_all(&folder).context("cannot make the folder of the measurement")?;
    let (short, long) = (folder.join("bench.htaccess"), folder.join("long.htaccess"));
    std::fs::write(&short, FILE).context("cannot write the .htaccess")?;
    let lines = (0..LONG_LINES - 1)
        .map(|number| format!("RewriteRule ^old/page{number}(/.*)?$ /new/page{number}$1 [R=301,L]\n"));
    std::fs::write(&long, format!("RewriteEngine On\n{}", lines.collect::<String>()))
        .context("cannot write the long .htaccess")?;
    for (what, file, few, many) in [("judge", &short, 10_000, 510_000), ("load", &long, 0, 40)] {
        let took =
            |times: u32| processor_micros(Command::new(&program).arg(what).arg(file).arg(times.to_string()));
        let mut each = Vec::new();
        for _ in 0..5 {
            each.push((took(many)? - took(few)?) / f64::from(many - few));
        }
        each.sort_by(f64::total_cmp);
        println!("{what} {}: {:.2} microseconds ({:.2} to {:.2})", file.display(), each[2], each[0], each[4]);
    }
    if find_program("valgrind").is_some() {
        let count = |times: &str| instructions(Command::new(&program).arg("judge").arg(&short).arg(times));
        println!("judge {}: {} instructions", short.display(), (count("2000")? - count("1000")?) / 1000);
    }
    Ok(())
}

/// Processor time that a program takes from start to end, in microseconds.
fn processor_micros(command: &mut Command) -> Result<f64> {
    let before = children_micros()?;
    let output = command.output().context("cannot start the measured program")?;
    if !output.status.success() {
        bail!("it failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(children_micros()? - before)
}

/// Processor time of all children that have ended, in microseconds; the kernel counts in hundredths of a second.
fn children_micros() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").context("this measurement needs Linux")?;
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let mut fields = behind_name.split_whitespace().skip(13);
    let mut ticks = || fields.next().and_then(|field| field.parse::<f64>().ok()).context("no such line");
    Ok((ticks()? + ticks()?) * TICK_MICROS)
}

/// Writes a site, and the program that starts Apache for it.
fn apache(root: &Path, file: Option<&str>) -> Result<PathBuf> {
    let name = if file.is_some() { "apache-htaccess" } else { "apache-plain" };
    let folder = target_folder(root)?.join("bench").join(name);
    let site = folder.join("site");
    let page = site.join(PAGE);
    std::fs::create_dir_all(page.parent().unwrap_or(&site)).context("cannot make the site")?;
    std::fs::write(&page, "a".repeat(PAGE_BYTES)).context("cannot write the page")?;
    if let Some(file) = file {
        std::fs::write(site.join(".htaccess"), file).context("cannot write the .htaccess")?;
    }
    let script = APACHE
        .replace("{folder}", &folder.to_string_lossy())
        .replace("{override}", if file.is_some() { "All" } else { "None" });
    write_program(&folder.join("start.sh"), &script)
}

const APACHE: &str = r#"#!/bin/sh
# LISTEN and WORKERS come from the comparison
set -eu
m=/usr/lib/apache2/modules
cat > "{folder}/apache.conf" <<CONF
ServerRoot {folder}
PidFile {folder}/apache.pid
ErrorLog {folder}/apache.err
ServerName bench.test
Listen $LISTEN
LoadModule mpm_event_module $m/mod_mpm_event.so
LoadModule authz_core_module $m/mod_authz_core.so
LoadModule rewrite_module $m/mod_rewrite.so
ServerLimit $WORKERS
StartServers $WORKERS
ThreadsPerChild 128
ThreadLimit 128
MaxRequestWorkers $((128 * WORKERS))
MinSpareThreads 1
MaxSpareThreads 100000
AsyncRequestWorkerFactor 200
ListenBacklog 4096
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 300
DocumentRoot {folder}/site
<Directory {folder}/site>
  AllowOverride {override}
  Options FollowSymLinks
  Require all granted
</Directory>
CONF
exec apache2 -f "{folder}/apache.conf" -DFOREGROUND
"#;
