//! Files are read to the last line, by however many threads.

use accesslog::{Line, Said};
use analyser::input::{Input, LogFile, Options, Scanned, Watch, Worker};
use std::fs;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Sums that any mistake about a line would change.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
    pub(crate) path_bytes: u64,
    pub(crate) micros: i64,
}

impl Worker for Sums {
    fn add(&mut self, line: &Line<'_>, _file: &LogFile) {
        self.lines += 1;
        if let Said::Known(bytes) = line.bytes {
            self.bytes += bytes;
        }
        self.path_bytes += line.target.raw.len() as u64;
        self.micros = self.micros.wrapping_add(line.at_unix_micros);
    }

    fn merge(&mut self, other: Self) {
        self.lines += other.lines;
        self.bytes += other.bytes;
        self.path_bytes += other.path_bytes;
        self.micros = self.micros.wrapping_add(other.micros);
    }
}

pub(crate) fn scan(paths: &[&Path], threads: usize) -> Scanned<Sums> {
    let paths: Vec<_> = paths.iter().map(|path| path.to_path_buf()).collect();
    let options = Options { layout: None, threads: NonZeroUsize::new(threads).unwrap() };
    let input = Input::open(&paths, &options).unwrap();
    let (cancel, seen) = (AtomicBool::new(false), AtomicU64::new(0));
    let progress = |bytes| {
        seen.fetch_add(bytes, Ordering::Relaxed);
    };
    let scanned = input.scan(Sums::default, &Watch { cancel: &cancel, progress: &progress });
    assert_eq!(seen.into_inner(), input.disk_bytes());
    scanned
}

fn line(number: u64) -> String {
    let filler = "x".repeat(usize::try_from(number % 300).unwrap());
    format!(
        "10.0.{}.{} - - [17/May/2015:10:{:02}:{:02} +0000] \"GET /{filler} HTTP/1.1\" 200 {number} \"-\" \"agent\"\n",
        number % 7,
        number % 251,
        number / 60 % 60,
        number % 60,
    )
}

#[test]
fn a_file_of_many_chunks_gives_the_same_whatever_the_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let mut file = fs::File::create(&path).unwrap();
    let text: String = (0..60_000).map(line).collect();
    file.write_all(text.as_bytes()).unwrap();
    // One line longer than a chunk, and a last one without its end.
    writeln!(file, "{}", "y".repeat(9 << 20)).unwrap();
    file.write_all(text.trim_end().as_bytes()).unwrap();
    let one = scan(&[&path], 1);
    assert_eq!(one.worker.lines, 120_000);
    assert_eq!(one.worker.bytes, 60_000 * 59_999);
    assert_eq!(one.counts[0].lines, 120_001);
    assert_eq!(one.counts[0].bad, 1);
    assert_eq!(one.counts[0].bytes, file.metadata().unwrap().len());
    assert_eq!(one.counts[0].samples[0].offset, text.len() as u64);
    for threads in 2..=5 {
        let several = scan(&[&path], threads);
        assert_eq!(several.worker, one.worker);
        assert_eq!(several.counts, one.counts);
    }
}

/// A line of this second of the tenth hour.
fn at(second: u64, path: &str) -> String {
    let (minute, second) = (second / 60, second % 60);
    format!(
        "10.0.0.1 - - [17/May/2015:10:{minute:02}:{second:02} +0000] \"GET {path} HTTP/1.1\" 200 5 \"-\" \"agent\"\n"
    )
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    to.write_all(text).unwrap();
    to.finish().unwrap()
}

fn bzip2(text: &[u8]) -> Vec<u8> {
    let mut to = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    to.write_all(text).unwrap();
    to.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 1).unwrap()
}

fn open(paths: &[PathBuf]) -> Input {
    Input::open(paths, &Options { layout: None, threads: NonZeroUsize::new(2).unwrap() }).unwrap()
}

fn quiet<T>(act: impl FnOnce(&Watch<'_>) -> T) -> T {
    act(&Watch { cancel: &AtomicBool::new(false), progress: &|_| {} })
}

fn paths_in_order(input: &Input) -> (Vec<String>, u64) {
    let mut seen = Vec::new();
    let ordered = quiet(|watch| {
        input.in_order(watch, |line, _| {
            seen.push(String::from_utf8(line.target.raw.to_vec()).unwrap());
            ControlFlow::Continue(())
        })
    });
    assert!(!ordered.is_partial);
    (seen, ordered.late_lines)
}

#[test]
fn files_are_unpacked_by_what_they_hold_and_in_all_their_members() {
    let folder = tempfile::tempdir().unwrap();
    let text: String = (0..3_000).map(line).collect();
    let (first, second) = text.split_at(text.len() / 2);
    for (name, pack) in [("a", gzip as fn(&[u8]) -> Vec<u8>), ("b.log", bzip2), ("c.gz", zstd)] {
        let path = folder.path().join(name);
        fs::write(&path, [pack(first.as_bytes()), pack(second.as_bytes())].concat()).unwrap();
        let scanned = scan(&[&path], 2);
        assert_eq!((scanned.worker.lines, scanned.worker.bytes), (3_000, 1_500 * 2_999), "{name}");
        assert_eq!(scanned.counts[0].bytes, text.len() as u64);
        assert!(!scanned.is_partial);
    }
}

#[test]
fn what_a_torn_archive_gave_counts_and_the_tear_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let text: String = (0..40_000).map(line).collect();
    for pack in [gzip as fn(&[u8]) -> Vec<u8>, bzip2, zstd] {
        let path = folder.path().join("torn");
        let packed = pack(text.as_bytes());
        fs::write(&path, &packed[..packed.len() * 3 / 4]).unwrap();
        let scanned = scan(&[&path], 2);
        assert!(scanned.is_partial);
        let problem = scanned.counts[0].problem.as_deref().unwrap();
        assert!(problem.contains("torn"), "{problem}");
        assert!((10_000..40_000).contains(&scanned.worker.lines), "{}", scanned.worker.lines);
    }
}

#[test]
fn an_archive_that_would_fill_the_disk_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.zst");
    let mut to = zstd::stream::write::Encoder::new(fs::File::create(&path).unwrap(), 1).unwrap();
    to.write_all(at(0, "/").as_bytes()).unwrap();
    for _ in 0..90 {
        to.write_all(&vec![0; 1 << 20]).unwrap();
    }
    to.finish().unwrap();
    let scanned = scan(&[&path], 1);
    assert!(scanned.counts[0].problem.as_deref().unwrap().contains("bomb"));
    assert_eq!((scanned.worker.lines, scanned.counts[0].bad), (1, 1));
}

#[test]
fn rotated_files_become_one_stream_in_time_order() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    // A download that began first is written last, and the names do not tell the order.
    let newest = file("access.log", [at(50, "/6"), at(40, "/5"), at(50, "/7")].concat().as_bytes());
    let oldest = file("access.log.10.gz", &gzip([at(2, "/2"), at(1, "/1"), at(3, "/3")].concat().as_bytes()));
    let other = file("other.log", at(20, "/4").as_bytes());
    let input = open(&[newest.clone(), oldest, other, newest]);
    assert_eq!(input.files().len(), 3, "a file that is given twice is read once");
    assert_eq!(
        paths_in_order(&input),
        (["/1", "/2", "/3", "/4", "/5", "/6", "/7"].map(str::to_owned).into(), 0)
    );
}

#[test]
fn a_line_that_stands_too_late_is_handed_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    fs::write(
        &path,
        [at(0, "/1"), at(1_000, "/3"), at(2_500, "/5"), at(500, "/late"), at(2_501, "/6")].concat(),
    )
    .unwrap();
    let (paths, late) = paths_in_order(&open(&[path]));
    assert_eq!((paths.len(), late), (5, 1));
    assert_eq!(paths.iter().filter(|path| *path != "/late").collect::<Vec<_>>(), ["/1", "/3", "/5", "/6"]);
}

#[test]
fn whoever_looks_on_can_stop_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    fs::write(&path, (0..100).map(line).collect::<String>()).unwrap();
    let input = open(&[path]);
    let watch = Watch { cancel: &AtomicBool::new(true), progress: &|_| {} };
    let scanned = input.scan(Sums::default, &watch);
    assert!(scanned.is_partial);
    assert_eq!(scanned.worker.lines, 0);
    let ordered = quiet(|watch| input.in_order(watch, |_, _| ControlFlow::Break(())));
    assert!(ordered.is_partial);
}
