//! What rules may know of the machine, asked once at the start.

use engine::Machine;
use jiff::tz::TimeZone;
use rustix::system::{sysinfo, uname};

/// The machine that we run on.
pub(crate) fn here() -> Machine {
    let names = uname();
    let node = names.nodename().to_string_lossy().into_owned();
    let (hostname, behind) = node.split_once('.').unwrap_or((&node, ""));
    let of_system = names.domainname().to_string_lossy();
    // The kernel's way to say that there is none.
    let of_system = if of_system == "(none)" { "" } else { &*of_system };
    let information = sysinfo();
    let memory = information.totalram.saturating_mul(u64::from(information.mem_unit));
    Machine {
        hostname: hostname.to_owned(),
        domain: if behind.is_empty() { of_system } else { behind }.to_owned(),
        process: std::process::id(),
        environment: environment(),
        time_zone: TimeZone::try_system().unwrap_or(TimeZone::UTC),
        memory_bytes: (memory > 0).then_some(memory),
    }
}

/// Variables that are no text are left out.
fn environment() -> std::collections::BTreeMap<String, String> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}
