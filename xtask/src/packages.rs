//! The Debian packages whose programs the tests use: installed where we may, named aloud where we may not.

use crate::process::{answers, find_program, succeed};
use std::process::{Command, Stdio};

/// A program that some test wants.
struct Wanted {
    program: &'static str,
    /// Any of these brings it; the first that installs is enough.
    packages: &'static [&'static str],
    /// What is not tested without it.
    used_for: &'static str,
}

const WANTED: [Wanted; 8] = [
    Wanted { program: "apache2", packages: &["apache2"], used_for: "end-to-end tests against Apache" },
    Wanted {
        program: "nginx",
        packages: &["nginx-light", "nginx"],
        used_for: "end-to-end tests against nginx, and its own check of proposals",
    },
    Wanted { program: "curl", packages: &["curl"], used_for: "end-to-end tests with curl" },
    Wanted {
        program: "haproxy",
        packages: &["haproxy"],
        used_for: "its own check of proposals, and the comparison `cargo xtask bench proxy`",
    },
    Wanted { program: "valgrind", packages: &["valgrind"], used_for: "counting instructions" },
    Wanted {
        program: "varnishtest",
        packages: &["varnish"],
        used_for: "the scripted HTTP clients and servers",
    },
    Wanted { program: "slapd", packages: &["slapd"], used_for: "`auth.query` against OpenLDAP" },
    Wanted { program: "python3", packages: &["python3"], used_for: "the attack and reload scripts" },
];

/// Installs what is missing, if this is root on a system with `apt-get`. Never fails: returns the names of programs
/// that are still missing.
pub(crate) fn provide(may_install: bool) -> Vec<&'static str> {
    let missing = || WANTED.iter().filter(|wanted| find_program(wanted.program).is_none());
    if missing().next().is_none() {
        println!("all programs that the tests use are there");
        return Vec::new();
    }
    if may_install && is_root() && find_program("apt-get").is_some() {
        if let Err(error) = succeed(&mut apt_get(&["update"])) {
            println!("going on with the package lists as they are: {error:#}");
        }
        for wanted in missing() {
            install(wanted);
        }
    } else {
        println!("not installing packages (needs root, apt-get and no --no-install)");
    }
    missing()
        .map(|wanted| {
            println!("MISSING {}: will be skipped: {}", wanted.program, wanted.used_for);
            wanted.program
        })
        .collect()
}

fn install(wanted: &Wanted) {
    for package in wanted.packages {
        match succeed(&mut apt_get(&["install", "-y", "--no-install-recommends", package])) {
            Ok(()) => return,
            Err(error) => println!("{error:#}"),
        }
    }
}

fn apt_get(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    // a run level without services: installing a server must not start it
    command.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
    command.args(["-qq", "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=120"]).args(arguments);
    command.stdin(Stdio::null());
    command
}

fn is_root() -> bool {
    answers("sh", &["-c", "test \"$(id -u)\" = 0"])
}
