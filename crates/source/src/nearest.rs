//! The name that was probably meant.

/// The candidate with the smallest edit distance (insert, delete, replace, swap of neighbours; ASCII case is
/// ignored), if it is near enough to be a likely slip: at most a third of the written length, at least 1.
///
/// A text may hold as many slips as it has words, and each is compared with hundreds of names: what cannot be near
/// enough is left as soon as that shows.
pub fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut search = Search { written: lower(written), candidate: Vec::new(), rows: Default::default() };
    let mut allowed = (search.written.len() / 3).max(1);
    let mut found = None;
    for candidate in candidates {
        if let Some(distance) = search.distance_within(candidate, allowed) {
            found = Some(candidate);
            let Some(less) = distance.checked_sub(1) else { break };
            allowed = less;
        }
    }
    found
}

fn lower(text: &str) -> Vec<char> {
    text.chars().map(|c| c.to_ascii_lowercase()).collect()
}

/// Comparisons with one written name, and the room they take.
struct Search {
    written: Vec<char>,
    candidate: Vec<char>,
    /// Of the table of distances: the row being filled, the one above it, and the one above that.
    rows: [Vec<usize>; 3],
}

impl Search {
    /// Optimal string alignment distance, if it is not more than this.
    fn distance_within(&mut self, candidate: &str, allowed: usize) -> Option<usize> {
        let left = &self.written;
        // A character has at most four bytes: most candidates are too long or too short, and need not be read.
        if candidate.len().div_ceil(4) > left.len() + allowed || candidate.len() + allowed < left.len() {
            return None;
        }
        self.candidate.clear();
        self.candidate.extend(candidate.chars().map(|c| c.to_ascii_lowercase()));
        let right = &self.candidate;
        if left.len().abs_diff(right.len()) > allowed {
            return None;
        }
        let [row, above, two_above] = &mut self.rows;
        above.clear();
        above.extend(0..=right.len());
        row.resize(right.len() + 1, 0);
        two_above.resize(right.len() + 1, 0);
        for i in 1..=left.len() {
            row[0] = i;
            for j in 1..=right.len() {
                let replace = above[j - 1] + usize::from(left[i - 1] != right[j - 1]);
                row[j] = replace.min(above[j] + 1).min(row[j - 1] + 1);
                if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                    row[j] = row[j].min(two_above[j - 2] + 1);
                }
            }
            // Two rows that are too far off lead nowhere else.
            let is_far = |row: &[usize]| row.iter().all(|distance| *distance > allowed);
            if is_far(row) && is_far(above) {
                return None;
            }
            std::mem::swap(two_above, above);
            std::mem::swap(above, row);
        }
        Some(above[right.len()]).filter(|distance| *distance <= allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_finds_its_name_and_a_stranger_finds_none() {
        let names = ["string.length", "string.left", "http.getHeader"];
        assert_eq!(nearest("string.lenght", names), Some("string.length"));
        assert_eq!(nearest("HTTP.getheadr", names), Some("http.getHeader"));
        assert_eq!(nearest("banana", names), None);
    }
    /// The same distance, one whole table.
    fn distance(left: &[u8], right: &[u8]) -> usize {
        let mut table = vec![vec![0; right.len() + 1]; left.len() + 1];
        for i in 0..=left.len() {
            for j in 0..=right.len() {
                let mut ways = vec![];
                if i == 0 || j == 0 {
                    ways.push(i + j);
                } else {
                    ways.push(table[i - 1][j - 1] + usize::from(left[i - 1] != right[j - 1]));
                    ways.extend([table[i - 1][j] + 1, table[i][j - 1] + 1]);
                    if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                        ways.push(table[i - 2][j - 2] + 1);
                    }
                }
                table[i][j] = ways.into_iter().min().unwrap();
            }
        }
        table[left.len()][right.len()]
    }

    #[test]
    fn the_first_of_those_with_the_smallest_distance_is_found() {
        // All texts of up to five letters of two, and some longer ones.
        let short = (0..6).flat_map(|length| {
            (0..1_u32 << length)
                .map(move |bits| (0..length).map(|at| if bits >> at & 1 == 0 { 'a' } else { 'b' }).collect())
        });
        let mut names: Vec<String> = short.collect();
        names.extend(["abababab", "bbbbbbbbb", "aabbaabbaabb"].map(str::to_owned));
        for written in &names {
            let of = |name: &String| distance(written.as_bytes(), name.as_bytes());
            let others = || names.iter().rev().filter(|name| *name != written);
            let least = others().map(of).min().filter(|least| *least <= (written.len() / 3).max(1));
            let first = least.and_then(|least| others().find(|name| of(name) == least));
            assert_eq!(
                nearest(written, others().map(String::as_str)),
                first.map(String::as_str),
                "{written}"
            );
        }
    }
}
