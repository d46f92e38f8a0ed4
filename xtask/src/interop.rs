//! The built program against clients and servers of other people, where the shared tools are there.

use crate::process::{cargo, find_program, succeed, target_folder};
use crate::test::Outcome;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

/// How long the program may take to say that it listens.
const START_MAX: Duration = Duration::from_secs(20);

/// How long one of our scripts may take, in seconds.
const SCRIPT_SECONDS: &str = "15";

/// Runs the scripted clients and servers of varnishtest around the program: ours in `spec/vtc`, and the shared ones
/// where they are there.
///
/// # Errors
/// When a script failed, or the program does not start.
pub(crate) fn run(root: &Path) -> Result<Outcome> {
    let Some(varnishtest) = find_program("varnishtest").or_else(|| find_program("vtest")) else {
        return Ok(Outcome::Skipped("needs varnishtest (Debian package varnish) or vtest".to_owned()));
    };
    succeed(&mut cargo(root, &["build", "--package", "tidegate", "--quiet"]))?;
    let program = target_folder(root)?.join("debug/tidegate");
    let (front, back) = two_free_ports()?;
    let _running = Running::start(&program, front, back)?;
    let ours = own_scripts(&root.join("spec/vtc"), &varnishtest, (front, back))?;
    println!("{ours} scripts of spec/vtc passed");
    let script = root.join("../shared/tools/vtc/run.sh");
    if script.is_file() {
        shared_scripts(&script, (front, back))?;
    } else {
        println!("SKIPPED: the scripts in ../shared/tools/vtc are not there");
    }
    Ok(Outcome::Passed)
}

/// Runs each script of the folder; gives their number.
fn own_scripts(folder: &Path, varnishtest: &Path, (front, back): (u16, u16)) -> Result<usize> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut scripts: Vec<_> = entries.map_while(Result::ok).map(|entry| entry.path()).collect();
    scripts.retain(|path| path.extension().is_some_and(|extension| extension == "vtc"));
    scripts.sort();
    let mut failed = 0;
    for script in &scripts {
        let output = Command::new(varnishtest)
            .args(["-t", SCRIPT_SECONDS])
            .arg(format!("-Dfport={front}"))
            .arg(format!("-Dbport={back}"))
            .arg(script)
            .stdin(Stdio::null())
            .output()
            .context("cannot start varnishtest")?;
        if !output.status.success() {
            failed += 1;
            println!("FAILED {}", script.display());
            print!("{}", String::from_utf8_lossy(&output.stdout));
        }
    }
    if failed > 0 || scripts.is_empty() {
        bail!("{failed} of {} scripts in {} failed", scripts.len(), folder.display());
    }
    Ok(scripts.len())
}

fn shared_scripts(script: &Path, (front, back): (u16, u16)) -> Result<()> {
    let output = Command::new(script)
        .args([front.to_string(), back.to_string()])
        .stdin(Stdio::null())
        .output()
        .context("cannot start the scripts")?;
    let said = String::from_utf8_lossy(&output.stdout);
    print!("{said}");
    let (good, all) = said
        .lines()
        .last()
        .and_then(|line| line.trim().split_once('/'))
        .context("the scripts gave no sum")?;
    if good != all {
        bail!("{good} of {all} scripts passed");
    }
    Ok(())
}

/// Two ports nobody listens on at this moment.
fn two_free_ports() -> Result<(u16, u16)> {
    let front = TcpListener::bind("127.0.0.1:0")?;
    let back = TcpListener::bind("127.0.0.1:0")?;
    Ok((front.local_addr()?.port(), back.local_addr()?.port()))
}

/// The program, running; killed when dropped.
struct Running(Child);

impl Running {
    /// Returns once the program says that it is ready.
    fn start(program: &Path, front: u16, back: u16) -> Result<Self> {
        let listen = format!("127.0.0.1:{front}");
        let mut child = Command::new(program)
            .args(["run", "--to", &format!("http://127.0.0.1:{back}"), "--listen", &listen, "--workers", "1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let (sender, lines) = channel();
        if let Some(stdout) = child.stdout.take() {
            pass_lines(stdout, sender.clone());
        }
        if let Some(stderr) = child.stderr.take() {
            pass_lines(stderr, sender);
        }
        let running = Self(child);
        let mut said = Vec::new();
        loop {
            match lines.recv_timeout(START_MAX) {
                // the address alone is named earlier, when nobody listens yet
                Ok(line) if line.contains("ready on") && line.contains(&listen) => return Ok(running),
                Ok(line) => said.push(line),
                Err(_) => bail!("the program never said that it listens on {listen}:\n{}", said.join("\n")),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // it may have ended already, which is as good
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads a stream to its end, so that the program never blocks on a full pipe, and hands its lines on.
fn pass_lines(stream: impl Read + Send + 'static, lines: Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            // nobody listens any more once the program is up
            let _ = lines.send(line);
        }
    });
}
