//! What is known of one request besides the request: answers from the world, and what was decided so far.

use crate::errand::{Errand, FileState, Report};
use rewrite::{Fact, FileTest, HeaderEdit, Question, Target};
use shaping::Tick;
use std::collections::BTreeMap;
use std::path::Path;

/// Kept with a transaction whose virtual server has `.htaccess` files.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// What the world has said of files: one look answers all that is asked of one.
    files: BTreeMap<Vec<u8>, Fact<FileState>>,
    /// What it has said of addresses and names.
    names: BTreeMap<Question, Fact<bool>>,
    /// What is still to be asked, the next one last.
    open: Vec<Question>,
    /// How often the files were evaluated.
    pub(crate) evaluations: u32,
    /// Until when those that only observe wait for answers, once they have asked.
    pub(crate) patience_until: Option<Tick>,
    /// The environment at the end.
    pub(crate) environment: Vec<(Vec<u8>, Vec<u8>)>,
    /// Changes to the answer, in order.
    pub(crate) edits: Vec<HeaderEdit>,
    /// Whole values of `Set-Cookie`.
    pub(crate) cookies: Vec<Vec<u8>>,
    /// The content type of an answer that is none of an error.
    pub(crate) content_type: Option<Vec<u8>>,
    /// The path of an error document, while it is fetched.
    pub(crate) error_path: Option<ErrorPath>,
}

/// An error document that the node is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ErrorPath {
    /// What went wrong, and what the client is told in the end.
    pub(crate) status: u16,
    /// Where the document is.
    pub(crate) target: Target,
}

impl Judged {
    /// What is known of a question.
    pub(crate) fn answer(&self, question: &Question) -> Fact<bool> {
        match question {
            Question::File { path, test } => match self.files.get(path) {
                Some(Fact::Known(state)) => Fact::Known(passes(*state, *test)),
                Some(Fact::Unknown) => Fact::Unknown,
                Some(Fact::Asked) | None => Fact::Asked,
            },
            Question::HostName { .. } => self.names.get(question).copied().unwrap_or(Fact::Asked),
        }
    }

    /// Takes over what an evaluation wants to know.
    pub(crate) fn want(&mut self, questions: Vec<Question>) {
        self.open = questions;
        self.open.reverse();
    }

    /// The next question that has no answer.
    pub(crate) fn next_question(&mut self) -> Option<&Question> {
        while self.open.last().is_some_and(|question| self.answer(question) != Fact::Asked) {
            self.open.pop();
        }
        self.open.last()
    }

    /// What the world says to the question at hand.
    pub(crate) fn settle(&mut self, answer: &Answer) {
        let Some(asked) = self.open.pop() else { return };
        match asked {
            Question::File { path, .. } => {
                let state = match answer {
                    Answer::Unknown => Fact::Unknown,
                    Answer::Found(Report::File(state)) => Fact::Known(*state),
                    Answer::Found(_) | Answer::No => Fact::Known(FileState::default()),
                };
                self.files.insert(path, state);
            }
            Question::HostName { ref name, .. } => {
                let is_meant = match answer {
                    Answer::Unknown => Fact::Unknown,
                    Answer::Found(Report::Name(found)) => {
                        Fact::Known(is_in_domain(found.to_ascii_lowercase().as_bytes(), name))
                    }
                    Answer::Found(_) | Answer::No => Fact::Known(false),
                };
                self.names.insert(asked, is_meant);
            }
        }
    }
}

/// What came of a question.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// What was found.
    Found(Report),
    /// No, as in Apache where it could not be found out: a file that cannot be looked at is not there, an address
    /// without a name has none that could be meant.
    No,
    /// Nobody knows.
    Unknown,
}

/// What is to be done for a question; `None` for a file where nobody has said where the files are.
pub(crate) fn errand_for(question: &Question, root: Option<&Path>) -> Option<Errand> {
    Some(match question {
        Question::File { path, .. } => Errand::Stat { root: root?.to_owned(), path: path.clone() },
        Question::HostName { address, .. } => Errand::ConfirmedName { address: *address },
    })
}

fn passes(state: FileState, test: FileTest) -> bool {
    match test {
        FileTest::Directory => state.is_folder,
        FileTest::File => state.is_file,
        FileTest::NotEmpty => state.is_file && state.has_bytes,
        FileTest::Link => state.is_link,
        FileTest::Executable => state.is_file && state.is_executable,
        FileTest::Exists => state.exists,
    }
}

/// Whether a name is this one or lies below it; the dot that may stand before the domain changes nothing.
fn is_in_domain(name: &[u8], domain: &[u8]) -> bool {
    let domain = domain.strip_prefix(b".").unwrap_or(domain);
    match name.strip_suffix(domain) {
        Some([]) => true,
        Some(before) => before.ends_with(b".") && !domain.is_empty(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_itself_and_what_lies_below_it() {
        for (name, domain, expected) in [
            ("a.example", "a.example", true),
            ("www.a.example", "a.example", true),
            ("www.a.example", ".a.example", true),
            ("bada.example", "a.example", false),
            ("a.example", "www.a.example", false),
            ("a.example", "", false),
        ] {
            assert_eq!(is_in_domain(name.as_bytes(), domain.as_bytes()), expected, "{name} {domain}");
        }
    }

    #[test]
    fn one_look_at_a_file_answers_all_that_is_asked_of_it_and_a_failure_says_no() {
        let ask = |path: &str, test| Question::File { path: path.as_bytes().to_vec(), test };
        let mut judged = Judged::default();
        judged.want(vec![
            ask("/a", FileTest::File),
            ask("/a", FileTest::Directory),
            ask("/b", FileTest::File),
        ]);
        assert_eq!(judged.next_question(), Some(&ask("/a", FileTest::File)));
        let file = FileState { exists: true, is_file: true, ..FileState::default() };
        judged.settle(&Answer::Found(Report::File(file)));
        assert_eq!(judged.next_question(), Some(&ask("/b", FileTest::File)));
        judged.settle(&Answer::No);
        assert_eq!(judged.next_question(), None);
        assert_eq!(judged.answer(&ask("/a", FileTest::File)), Fact::Known(true));
        assert_eq!(judged.answer(&ask("/a", FileTest::NotEmpty)), Fact::Known(false));
        assert_eq!(judged.answer(&ask("/b", FileTest::File)), Fact::Known(false));
        assert_eq!(judged.answer(&ask("/c", FileTest::File)), Fact::Asked);
        assert_eq!(judged.files.len(), 2, "one entry for each file");
    }
}
