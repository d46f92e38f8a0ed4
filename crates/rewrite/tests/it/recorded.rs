//! What Apache made of each request of each case, as it was when it was asked: so that the corpus is a test without it.

use super::answer::Answer;
use super::corpus::{Case, folder};
use super::request::Request;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Answers by topic and title.
pub(crate) struct Recorded(BTreeMap<(String, String), (String, Vec<Answer>)>);

impl Recorded {
    pub(crate) fn read(topics: &[String]) -> Self {
        let mut all = BTreeMap::new();
        for topic in topics {
            let text = std::fs::read_to_string(path(topic)).unwrap_or_default();
            let mut lines = text.lines().peekable();
            while let Some(line) = lines.next() {
                let Some(title) = line.strip_prefix("## ") else { continue };
                let digest = lines.next().unwrap_or_default().to_owned();
                let mut answers = BTreeMap::new();
                while let Some(line) = lines.next_if(|line| !line.is_empty()) {
                    let (numbers, answer) = line.split_once(": ").unwrap();
                    answers.extend(numbers_of(numbers).map(|number| (number, Answer::parse(answer))));
                }
                all.insert((topic.clone(), title.to_owned()), (digest, answers.into_values().collect()));
            }
        }
        Self(all)
    }

    /// What was recorded for just these requests to just these files.
    pub(crate) fn answers(&self, case: &Case, requests: &[Request]) -> Option<&[Answer]> {
        let (digest, answers) = self.0.get(&(case.topic.clone(), case.title.clone()))?;
        (*digest == digest_of(case, requests)).then_some(answers)
    }
}

/// Writes the record of one topic.
pub(crate) fn write(topic: &str, cases: &[(&Case, Vec<Request>, Vec<Answer>)]) {
    let mut text = String::from(
        "What Apache answered; made by the test of the crate `rewrite` (see README.md), not by hand.\n",
    );
    for (case, requests, answers) in cases {
        let _written = write!(text, "\n## {}\n{}\n", case.title, digest_of(case, requests));
        let mut by_answer: Vec<(String, Vec<usize>)> = Vec::new();
        for (index, answer) in answers.iter().enumerate() {
            let answer = answer.text();
            match by_answer.iter_mut().find(|(known, _)| *known == answer) {
                Some((_, numbers)) => numbers.push(index + 1),
                None => by_answer.push((answer, vec![index + 1])),
            }
        }
        for (answer, numbers) in by_answer {
            let _written = writeln!(text, "{}: {answer}", ranges(&numbers));
        }
    }
    std::fs::create_dir_all(folder().join("recorded")).unwrap();
    std::fs::write(path(topic), text).unwrap();
}

fn path(topic: &str) -> std::path::PathBuf {
    folder().join("recorded").join(format!("{topic}.txt"))
}

fn digest_of(case: &Case, requests: &[Request]) -> String {
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |bytes: &[u8]| {
        for byte in bytes.iter().chain(&[0]) {
            digest = (digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for (folder, text) in &case.files {
        add(folder.as_bytes());
        add(text);
    }
    for request in requests {
        add(request.text().as_bytes());
    }
    format!("{} requests, digest {digest:016x}", requests.len())
}

fn ranges(numbers: &[usize]) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => runs.push((*number, *number)),
        }
    }
    let runs = runs.iter().map(
        |(first, last)| {
            if first == last { first.to_string() } else { format!("{first}-{last}") }
        },
    );
    runs.collect::<Vec<_>>().join(" ")
}

fn numbers_of(ranges: &str) -> impl Iterator<Item = usize> {
    ranges.split(' ').flat_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        first.parse().unwrap()..=last.parse::<usize>().unwrap()
    })
}
