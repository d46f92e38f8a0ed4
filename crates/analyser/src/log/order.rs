//! Rows by visitor, and visitors by client. Whoever goes through them in this order meets all rows of a visitor together,
//! then all of a client, then all of a network, and counts each of them without a table.

use super::tally::Tally;
use super::visitors::ClientKey;

/// Rows and visitors in that order.
#[derive(Debug)]
pub(super) struct InOrder {
    /// Visitors who asked for anything: by client, then by program.
    visitors: Vec<u32>,
    /// Where in `rows` those of each visitor begin; one more than there are visitors.
    starts: Vec<u32>,
    /// Places of rows.
    rows: Vec<u32>,
}

impl InOrder {
    pub(super) fn of(tally: &Tally) -> Self {
        let (starts, rows) = rows(tally);
        Self { visitors: visitors(tally), starts, rows }
    }

    pub(super) fn visitors(&self) -> &[u32] {
        &self.visitors
    }

    /// The visitors in so many parts of about as many rows; no network is in two of them.
    pub(super) fn parts(&self, tally: &Tally, count: usize) -> Vec<&[u32]> {
        let mut parts = Vec::with_capacity(count);
        let mut rest = self.visitors.as_slice();
        let mut rows_left = self.rows.len();
        for left in (1..=count).rev() {
            let wanted = rows_left / left;
            let mut taken = 0;
            let end = rest.iter().position(|visitor| {
                let is_enough = taken >= wanted;
                taken += self.rows_of(*visitor).len();
                is_enough
            });
            let network = |at: usize| rest.get(at).map(|number| tally.visitors.get(*number).client.network());
            let mut end = if left == 1 { rest.len() } else { end.unwrap_or(rest.len()) };
            while end > 0 && end < rest.len() && network(end) == network(end - 1) {
                end += 1;
            }
            let (part, after) = rest.split_at(end);
            rows_left -= part.iter().map(|visitor| self.rows_of(*visitor).len()).sum::<usize>();
            parts.push(part);
            rest = after;
        }
        parts
    }

    /// The places of a visitor's rows.
    pub(super) fn rows_of(&self, visitor: u32) -> &[u32] {
        let at = visitor as usize;
        match self.starts.get(at..at + 2) {
            Some([from, to]) => &self.rows[*from as usize..*to as usize],
            _ => &[],
        }
    }
}

fn visitors(tally: &Tally) -> Vec<u32> {
    let asked = (0_u32..).zip(tally.visitors.all()).filter(|(_, visitor)| visitor.requests > 0);
    let mut keys: Vec<(ClientKey, u32, u32)> =
        asked.map(|(number, visitor)| (visitor.client, visitor.agent, number)).collect();
    keys.sort_unstable();
    keys.into_iter().map(|(_, _, number)| number).collect()
}

/// By counting: where each visitor's rows begin, then each row to its place.
fn rows(tally: &Tally) -> (Vec<u32>, Vec<u32>) {
    // shifted by one more than it will be, so that filling moves each to its place
    let mut starts = vec![0_u32; tally.visitors.all().len() + 2];
    for row in tally.rows.iter() {
        starts[row.visitor as usize + 2] += 1;
    }
    for at in 1..starts.len() {
        starts[at] += starts[at - 1];
    }
    let all = starts.last().copied().unwrap_or(0);
    let mut rows = vec![0; all as usize];
    for (place, row) in (0_u32..).zip(tally.rows.iter()) {
        let next = &mut starts[row.visitor as usize + 1];
        rows[*next as usize] = place;
        *next += 1;
    }
    starts.pop();
    (starts, rows)
}
