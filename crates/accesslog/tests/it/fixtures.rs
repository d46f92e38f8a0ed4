//! Real logs of many servers, read to the last byte.

use accesslog::{BytesMeaning, Certainty, LineReader, Mended, Read, Said, recognise};
use std::path::PathBuf;

/// The folder of real logs: beside the checkout, or where the environment says; `None`, said aloud: there is none.
#[expect(clippy::print_stdout, reason = "what is skipped is said aloud")]
pub(crate) fn folder() -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    let folder = std::env::var_os("TIDEGATE_FIXTURES").map_or_else(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("SKIPPED: no real logs at {}; TIDEGATE_FIXTURES says where they are", folder.display());
    None
}

/// What a file must give.
struct Expected {
    file: &'static str,
    layout: &'static str,
    bytes_meaning: BytesMeaning,
    lines: u64,
    comments: u64,
    bytes: u64,
    /// Lines that say who referred; lines that say a host or virtual server.
    referers: u64,
    hosts: u64,
}

#[rustfmt::skip]
const FILES: [Expected; 14] = [
    Expected { file: "formats/matomo-amazon_cloudfront_web.log", layout: "w3c (CloudFront)", bytes_meaning: BytesMeaning::AllSent, lines: 1, comments: 2, bytes: 182, referers: 1, hosts: 1 },
    Expected { file: "formats/matomo-caddy_json.log", layout: "caddy", bytes_meaning: BytesMeaning::BodySent, lines: 3, comments: 0, bytes: 256_055, referers: 2, hosts: 3 },
    Expected { file: "formats/matomo-common.log", layout: "common", bytes_meaning: BytesMeaning::Unclear, lines: 1, comments: 0, bytes: 368, referers: 0, hosts: 0 },
    Expected { file: "formats/matomo-common_complete.log", layout: "vhost_first_combined", bytes_meaning: BytesMeaning::Unclear, lines: 1, comments: 0, bytes: 368, referers: 0, hosts: 1 },
    Expected { file: "formats/matomo-common_encoding_big5.log", layout: "vhost_first_combined", bytes_meaning: BytesMeaning::Unclear, lines: 1, comments: 0, bytes: 368, referers: 0, hosts: 1 },
    Expected { file: "formats/matomo-common_vhost.log", layout: "vhost_first_common", bytes_meaning: BytesMeaning::Unclear, lines: 1, comments: 0, bytes: 368, referers: 0, hosts: 1 },
    Expected { file: "formats/matomo-elb.log", layout: "elb", bytes_meaning: BytesMeaning::BodySent, lines: 2, comments: 1, bytes: 57 + 305, referers: 0, hosts: 1 },
    Expected { file: "formats/matomo-iis.log", layout: "w3c", bytes_meaning: BytesMeaning::AllSent, lines: 1, comments: 4, bytes: 27_028, referers: 0, hosts: 1 },
    Expected { file: "formats/matomo-logs_to_tests.log", layout: "combined", bytes_meaning: BytesMeaning::Unclear, lines: 4, comments: 2, bytes: 3 * 192, referers: 3, hosts: 0 },
    Expected { file: "formats/matomo-ncsa_extended.log", layout: "combined", bytes_meaning: BytesMeaning::Unclear, lines: 1, comments: 0, bytes: 368, referers: 0, hosts: 0 },
    Expected { file: "formats/matomo-nginx_json.log", layout: "json", bytes_meaning: BytesMeaning::Unclear, lines: 2, comments: 0, bytes: 2 * 192, referers: 2, hosts: 2 },
    Expected { file: "formats/matomo-static_ignores.log", layout: "vhost_first_combined", bytes_meaning: BytesMeaning::Unclear, lines: 4, comments: 0, bytes: 4 * 368, referers: 0, hosts: 4 },
    Expected { file: "access/elastic-apache-combined-10k.log", layout: "combined", bytes_meaning: BytesMeaning::BodyPromised, lines: 10_000, comments: 0, bytes: 2_747_282_740, referers: 5_927, hosts: 0 },
    Expected { file: "access/nasa-jul95-first4000.common.log", layout: "common", bytes_meaning: BytesMeaning::BodySent, lines: 4_000, comments: 0, bytes: 91_255_662, referers: 0, hosts: 0 },
];

#[test]
fn every_real_log_is_recognised_and_read_to_the_last_byte() {
    let Some(folder) = folder() else { return };
    for expected in &FILES {
        let text = std::fs::read(folder.join(expected.file)).unwrap();
        let best = recognise(&text).into_iter().next().unwrap();
        assert_eq!(best.layout.to_string(), expected.layout, "{}", expected.file);
        assert_eq!(best.certainty, Certainty::Certain, "{}", expected.file);
        assert_eq!(best.layout.facts().bytes, expected.bytes_meaning, "{}", expected.file);
        let mut reader = LineReader::new(&best.layout);
        let (mut lines, mut comments, mut bytes, mut referers, mut hosts) = (0, 0, 0, 0, 0);
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            match reader.read(line) {
                Read::Line(line) => {
                    lines += 1;
                    bytes += line.bytes.known().unwrap();
                    referers += u64::from(line.referer.known().is_some());
                    hosts += u64::from(line.host.known().or(line.virtual_server.known()).is_some());
                }
                Read::Comment => comments += 1,
                Read::Bad(bad) => panic!("{}: {bad:?}: {}", expected.file, String::from_utf8_lossy(line)),
            }
        }
        let found = (lines, comments, bytes, referers, hosts);
        let wanted = (expected.lines, expected.comments, expected.bytes, expected.referers, expected.hosts);
        assert_eq!(found, wanted, "{}", expected.file);
    }
}

#[test]
fn the_line_of_a_real_log_that_is_cut_short_counts() {
    let Some(folder) = folder() else { return };
    let text = std::fs::read(folder.join("access/elastic-apache-combined-10k.log")).unwrap();
    let line = text.split_inclusive(|byte| *byte == b'\n').nth(8_898).unwrap();
    let layout = accesslog::Layout::named("combined").unwrap();
    let mut reader = LineReader::new(&layout);
    let Read::Line(line) = reader.read(line) else { panic!("it can be read") };
    assert_eq!((line.status, line.bytes, line.mended), (200, Said::Known(235), Some(Mended::CutShort)));
}
