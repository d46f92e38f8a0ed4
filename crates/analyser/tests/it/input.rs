//! Files are read to the last line, by however many threads.

use accesslog::{Line, Said};
use analyser::input::{Input, LogFile, Options, Scanned, Watch, Worker};
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::Path;
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
    let mut file = std::fs::File::create(&path).unwrap();
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
