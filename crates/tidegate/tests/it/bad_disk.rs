//! Slowed answers wait on a disk, and disks fill up, go read-only and hang. A real one of a few megabytes is made for
//! that, as root.

use crate::kit::{Client, Proxy, catalog, folder, node, ok, request, text, tidegate};
use crate::origins::program;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const CONTROL: [&str; 2] = ["--control", "control.sock"];
const DISK_BYTES: u64 = 4 << 20;
/// More than the disk holds.
const ANSWER_BYTES: usize = 6 << 20;

/// A small file system, mounted in a folder.
struct Disk(PathBuf);

impl Disk {
    /// `None`, aloud, where nobody lets us mount one.
    fn mounted(here: &Path) -> Option<Self> {
        let (image, place) = (here.join("disk.img"), here.join("disk"));
        fs::create_dir(&place).unwrap();
        fs::File::create(&image).unwrap().set_len(DISK_BYTES).unwrap();
        let make = ["-q", "-F", "-O", "^has_journal"].map(Path::new);
        let mount = ["-o", "loop"].map(Path::new);
        let is_there = does("mkfs.ext4", &[&make[..], &[&image]].concat())
            && does("mount", &[&mount[..], &[&image, &place]].concat());
        if !is_there {
            println!(
                "SKIPPED: no file system can be made and mounted here (needs root, mkfs.ext4 and loop devices)"
            );
        }
        is_there.then_some(Self(place))
    }

    fn freeze(&self) -> Frozen<'_> {
        assert!(does("fsfreeze", &[Path::new("-f"), &self.0]));
        Frozen(self)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a process that was killed may hold a file a moment longer.
        does("umount", &[Path::new("-l"), &self.0]);
    }
}

/// A disk that answers nobody who writes. It goes on before anybody waits for the writers, also when a test fails.
struct Frozen<'a>(&'a Disk);

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        does("fsfreeze", &[Path::new("-u"), &self.0.0]);
    }
}

fn does(name: &str, arguments: &[&Path]) -> bool {
    let Some(program) = program(name) else { return false };
    Command::new(program).args(arguments).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn payload() -> String {
    (0..ANSWER_BYTES / 16).fold(String::new(), |all, at| all + &format!("{at:015} "))
}

/// A site that slows a long answer to 3 MB a second; all is done by one worker.
fn site(here: &Path, disk: &Disk) -> Proxy {
    let long = payload();
    let node = node(move |head| ok(if head.starts_with("GET /long") { &long } else { "page" }));
    let more = format!(
        "[settings]\nworkers = 1\nspool_folder = \"{}\"\n[bandwidth_classes.slow]\nmaximum = \"24 Mbit/s\"\n",
        disk.0.display()
    );
    fs::write(here.join("tidegate.toml"), catalog(node, "bandwidth_class = \"slow\"", &more)).unwrap();
    Proxy::start(here, &CONTROL)
}

fn assert_whole(answer: &[u8]) {
    assert!(answer == payload().as_bytes(), "{} bytes, or wrong ones", answer.len());
}

#[test]
fn a_disk_that_fills_up_leaves_the_rest_with_the_node_and_no_byte_is_lost() {
    let here = folder(&[]);
    let Some(disk) = Disk::mounted(here.path()) else { return };
    let mut proxy = site(here.path(), &disk);
    assert_whole(&proxy.get("/long", &[]).body);
    let said = proxy.running.hears("a slowed answer has no file");
    assert!(said.contains("No space left"), "{said}");
    // Its room was given back with its file.
    let status = text(&tidegate(here.path(), &["status", "--control", "control.sock"]).stdout);
    assert!(!status.contains("\nspool "), "{status}");
    proxy.stop();
}

#[test]
fn a_disk_that_went_read_only_is_told_of_and_the_node_waits() {
    let here = folder(&[]);
    let Some(disk) = Disk::mounted(here.path()) else { return };
    let mut proxy = site(here.path(), &disk);
    assert!(does("mount", &[Path::new("-o"), Path::new("remount,ro"), &disk.0]));
    assert_whole(&proxy.get("/long", &[]).body);
    let said = proxy.running.hears("a slowed answer has no file");
    assert!(said.contains("Read-only"), "{said}");
    proxy.stop();
}

#[test]
fn a_disk_that_hangs_holds_up_nobody() {
    let here = folder(&[]);
    let Some(disk) = Disk::mounted(here.path()) else { return };
    let proxy = site(here.path(), &disk);
    let mut slow = Client::connect(proxy.address);
    {
        let _frozen = disk.freeze();
        slow.send(&request("GET", "/long", &[]));
        // Under way: its first piece has room in the spool, and no write comes to an end.
        let status = || text(&tidegate(here.path(), &["status", "--control", "control.sock"]).stdout);
        assert!((0..10_000).any(|_| status().contains("\nspool ")), "{}", status());
        for _ in 0..20 {
            assert_eq!(proxy.get("/page", &[]).text(), "page");
        }
        // What cannot be written is in memory.
        assert_whole(&slow.rest("GET").body);
    }
    proxy.stop();
}
