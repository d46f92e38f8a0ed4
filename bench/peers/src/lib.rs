//! Programs that are measured: started, watched, ended.

use anyhow::{Context, Result, bail};
use rustix::time::{ClockId, clock_gettime};
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long a program may take to listen, and how long to end when it is asked to; then it is made to.
const START_MAX: Duration = Duration::from_secs(15);
const END_MAX: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A program at work, in front of somebody; it ends when this is dropped.
pub struct Program {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
}

impl Program {
    /// Starts a program that is told to listen at this address, and waits until it does. What it says goes into a file
    /// `log` of the folder.
    ///
    /// # Errors
    /// When it cannot be started, ends, or does not come to listen; with what it said.
    pub fn start(command: &mut Command, address: SocketAddr, folder: &Path) -> Result<Self> {
        let log = File::create(folder.join("log")).context("cannot write its log")?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child =
            command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let mut program = Self { address, child };
        program.listening().with_context(|| {
            let said = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            format!("it does not listen, and says:\n{said}")
        })?;
        Ok(program)
    }

    fn listening(&mut self) -> Result<()> {
        for _ in 0..START_MAX.as_millis() / LOOK_EVERY.as_millis() {
            if TcpStream::connect(self.address).is_ok() {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("it has ended: {status}");
            }
            pause();
        }
        bail!("not within {} s", START_MAX.as_secs())
    }

    /// Processor time that it and its children have taken, in seconds; the kernel counts in hundredths.
    pub fn processor_seconds(&self) -> f64 {
        self.all().into_iter().map(processor_seconds).sum()
    }

    /// Resident memory of it and its children, in bytes. What they share counts for each.
    pub fn resident_bytes(&self) -> u64 {
        self.all().into_iter().map(resident_bytes).sum()
    }

    /// Descriptors that it has open, its children left out.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).map_or(0, Iterator::count)
    }

    /// Its threads, its children left out.
    pub fn threads(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/task", self.child.id())).map_or(0, Iterator::count)
    }

    fn all(&self) -> Vec<u32> {
        let id = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|child| child.parse().ok());
        std::iter::once(id).chain(children).collect()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let id = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let asked = id.map(|id| rustix::process::kill_process(id, rustix::process::Signal::TERM));
        if asked.is_some() {
            for _ in 0..END_MAX.as_millis() / LOOK_EVERY.as_millis() {
                if !matches!(self.child.try_wait(), Ok(None)) {
                    return;
                }
                pause();
            }
        }
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "a program starts or ends, and nothing is measured meanwhile")]
fn pause() {
    std::thread::sleep(LOOK_EVERY);
}

/// A port of the loopback that nobody has just now.
///
/// # Errors
/// When there is none.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Where a program stands: on the path, or where the system keeps its servers.
///
/// # Errors
/// When it is not there; says how it is called.
pub fn find(name: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    folders
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .with_context(|| format!("{name} is not installed (Debian package {name})"))
}

/// Processor time of the calling program, in seconds.
pub fn own_processor_seconds() -> f64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}

fn processor_seconds(id: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields = behind_name.split_whitespace().skip(11).take(2);
    fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn resident_bytes(id: u32) -> u64 {
    let statm = std::fs::read_to_string(format!("/proc/{id}/statm")).unwrap_or_default();
    let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}
