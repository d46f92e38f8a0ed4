//! Which layout the lines of a sample have.

use crate::layout::Layout;
use crate::line::Mended;
use crate::read::{LineReader, Read};

/// A layout that may be the one of a sample.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The layout.
    pub layout: Layout,
    /// Lines of the sample that it reads exactly.
    pub lines_read: usize,
    /// Lines of the sample that it reads after mending them.
    pub lines_mended: usize,
    /// Lines of the sample, without comments.
    pub lines: usize,
}

/// Lines of a sample that are looked at.
const SAMPLE_LINES_MAX: usize = 2_000;

/// The layouts that read lines of the sample, the best first. A last line without its end is left out if there are
/// others.
pub fn recognise(sample: &[u8]) -> Vec<Candidate> {
    let mut lines: Vec<&[u8]> =
        sample.split_inclusive(|byte| *byte == b'\n').take(SAMPLE_LINES_MAX).collect();
    if lines.len() > 1 && lines.last().is_some_and(|last| !last.ends_with(b"\n")) {
        lines.pop();
    }
    let mut candidates: Vec<Candidate> = Layout::NAMES
        .iter()
        .filter_map(|name| Layout::named(name))
        .map(|layout| try_on(layout, &lines))
        .collect();
    candidates.retain(|candidate| candidate.lines_read + candidate.lines_mended > 0);
    // The sort keeps the order of names among equals: the richer layouts come first there.
    candidates.sort_by_key(|candidate| std::cmp::Reverse((candidate.lines_read, candidate.lines_mended)));
    candidates
}

fn try_on(layout: Layout, lines: &[&[u8]]) -> Candidate {
    let mut reader = LineReader::new(&layout);
    let mut candidate = Candidate { layout, lines_read: 0, lines_mended: 0, lines: 0 };
    for line in lines {
        match reader.read(line) {
            Read::Comment => continue,
            Read::Bad(_) => {}
            Read::Line(line) => match line.mended {
                None | Some(Mended::Wrapped) => candidate.lines_read += 1,
                Some(_) => candidate.lines_mended += 1,
            },
        }
        candidate.lines += 1;
    }
    candidate
}
