//! Rows by visitor, and visitors by client. Whoever goes through them in this order meets all rows of a visitor together,
//! then all of a client, then all of a network, and counts each of them without a table.

use super::tally::Tally;
use super::visitors::{ClientKey, Visitor};
use std::hint;

/// Visitors that are touched ahead: they fit into the cache next to the processor.
const AHEAD: usize = 32;

/// Rows and visitors in that order.
#[derive(Debug)]
pub(super) struct InOrder {
    pub(super) visitors: VisitorsInOrder,
    pub(super) rows: RowsInOrder,
}

/// Visitors who asked for anything: by client, then by program.
#[derive(Debug)]
pub(super) struct VisitorsInOrder(Vec<u32>);

/// Rows by visitor.
#[derive(Debug)]
pub(super) struct RowsInOrder {
    /// Where in `places` those of each visitor begin; one more than there are visitors.
    starts: Vec<u32>,
    /// Places of rows.
    places: Vec<u32>,
}

impl InOrder {
    /// The visitors in so many parts of about as many rows; no network is in two of them.
    pub(super) fn parts(&self, tally: &Tally, count: usize) -> Vec<&[u32]> {
        let mut parts = Vec::with_capacity(count);
        let mut rest = self.visitors.all();
        let mut rows_left = self.rows.places.len();
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
        match self.rows.starts.get(at..at + 2) {
            Some([from, to]) => &self.rows.places[*from as usize..*to as usize],
            _ => &[],
        }
    }
}

impl VisitorsInOrder {
    pub(super) fn of(tally: &Tally) -> Self {
        let asked = (0_u32..).zip(tally.visitors.all()).filter(|(_, visitor)| visitor.requests > 0);
        let mut keys: Vec<(ClientKey, u32, u32)> =
            asked.map(|(number, visitor)| (visitor.client, visitor.agent, number)).collect();
        keys.sort_unstable();
        Self(keys.into_iter().map(|(_, _, number)| number).collect())
    }

    pub(super) fn all(&self) -> &[u32] {
        &self.0
    }

    /// Each with its number. They lie in the order in which they came first: some at a time are touched before they are
    /// looked at, so that they wait for memory together.
    pub(super) fn each<'t>(&'t self, tally: &'t Tally) -> impl Iterator<Item = (u32, &'t Visitor)> {
        self.0.chunks(AHEAD).flat_map(|some| {
            let touched = some.iter().fold(0, |all, number| all ^ tally.visitors.get(*number).agent);
            hint::black_box(touched);
            some.iter().map(|number| (*number, tally.visitors.get(*number)))
        })
    }
}

impl RowsInOrder {
    /// By counting: where each visitor's rows begin, then each row to its place.
    pub(super) fn of(tally: &Tally) -> Self {
        // shifted by one more than it will be, so that filling moves each to its place
        let mut starts = vec![0_u32; tally.visitors.all().len() + 2];
        for row in tally.rows.iter() {
            starts[row.visitor as usize + 2] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let all = starts.last().copied().unwrap_or(0);
        let mut places = vec![0; all as usize];
        for (place, row) in (0_u32..).zip(tally.rows.iter()) {
            let next = &mut starts[row.visitor as usize + 1];
            places[*next as usize] = place;
            *next += 1;
        }
        starts.pop();
        Self { starts, places }
    }
}
