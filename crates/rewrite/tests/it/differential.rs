//! Apache against its record, and us against both.

use crate::answer::Answer;
use crate::apache::Apache;
use crate::corpus::{Case, folder, read};
use crate::generate::{SEED, requests};
use crate::ours::Ours;
use crate::recorded::{Recorded, write};
use crate::request::Request;

/// With this in the environment, the record is written anew from what Apache says.
const REFRESH: &str = "HTACCESS_RECORD";

fn topics(cases: &[Case]) -> Vec<String> {
    let mut topics: Vec<String> = cases.iter().map(|case| case.topic.clone()).collect();
    topics.dedup();
    topics
}

#[test]
fn apache_answers_as_it_is_recorded() {
    let Some(mut apache) = Apache::start() else { return };
    let cases = read();
    let asked: Vec<(&Case, Vec<Request>, Vec<Answer>)> = cases
        .iter()
        .map(|case| {
            apache.place(case);
            let requests = requests(case);
            let answers = requests.iter().map(|request| apache.ask(request)).collect();
            (case, requests, answers)
        })
        .collect();
    drop(apache);
    let pairs: usize = asked.iter().map(|(_, requests, _)| requests.len()).sum();
    println!("{} cases, {pairs} pairs, seed {SEED}", cases.len());
    if std::env::var_os(REFRESH).is_some() {
        for topic in topics(&cases) {
            let of_topic: Vec<_> = asked.iter().filter(|(case, ..)| case.topic == topic).cloned().collect();
            write(&topic, &of_topic);
        }
        return;
    }
    let recorded = Recorded::read(&topics(&cases));
    let mut differences = Vec::new();
    for (case, requests, answers) in &asked {
        let Some(known) = recorded.answers(case, requests) else {
            differences
                .push(format!("{}: {}: not recorded ({REFRESH}=1 records it)", case.topic, case.title));
            continue;
        };
        for ((request, answer), known) in requests.iter().zip(answers).zip(known) {
            if answer != known {
                let (topic, title) = (&case.topic, &case.title);
                let (answer, known) = (answer.text(), known.text());
                differences
                    .push(format!("{topic}: {title}\n  {}\n  says {answer}\n  said {known}", request.text()));
            }
        }
    }
    assert!(differences.is_empty(), "seed {SEED}\n{}", differences.join("\n"));
}

/// A case in which we are meant to differ: `topic: title: aspects: reason`.
struct Listed {
    case: (String, String),
    aspects: Vec<String>,
    reason: String,
    /// In which requests it was seen.
    seen: usize,
}

fn listed() -> Vec<Listed> {
    let text = std::fs::read_to_string(folder().join("differences.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let parts: Vec<&str> = line.split(" | ").collect();
            let [topic, title, aspects, reason] = parts[..] else { panic!("not four parts: {line}") };
            let aspects = aspects.split(' ').map(str::to_owned).collect();
            let case = (topic.to_owned(), title.to_owned());
            Listed { case, aspects, reason: reason.to_owned(), seen: 0 }
        })
        .collect()
}

#[test]
fn we_answer_as_apache_but_where_the_manual_says_otherwise() {
    let cases = read();
    let recorded = Recorded::read(&topics(&cases));
    let mut listed = listed();
    let manual = std::fs::read_to_string(folder().join("../../docs/manual/htaccess.md")).unwrap();
    let mut wrong = Vec::new();
    let mut pairs = 0;
    for case in &cases {
        let requests = requests(case);
        let ours = Ours::load(case);
        let answers = recorded.answers(case, &requests);
        let Some(answers) = answers else {
            wrong.push(format!("{}: {}: not recorded ({REFRESH}=1 records it)", case.topic, case.title));
            continue;
        };
        pairs += answers.len();
        for (request, theirs) in requests.iter().zip(answers) {
            let our = ours.ask(request);
            let aspects = our.differences(theirs);
            if aspects.is_empty() {
                continue;
            }
            let known = listed.iter_mut().find(|listed| {
                listed.case.0 == case.topic
                    && listed.case.1 == case.title
                    && aspects.iter().all(|aspect| listed.aspects.iter().any(|known| known == aspect))
            });
            match known {
                Some(known) => known.seen += 1,
                None => wrong.push(format!(
                    "{}: {}\n  {}\n  Apache {}\n  we     {}",
                    case.topic,
                    case.title,
                    request.text(),
                    theirs.text(),
                    our.text()
                )),
            }
        }
    }
    for listed in &listed {
        if listed.seen == 0 {
            wrong.push(format!("listed, and no difference: {}: {}", listed.case.0, listed.case.1));
        }
        if !manual.contains(&format!("\n### {}\n", listed.reason)) {
            wrong.push(format!("no section in docs/manual/htaccess.md: {}", listed.reason));
        }
    }
    println!("{} cases, {pairs} pairs, {} listed differences", cases.len(), listed.len());
    for reason in listed.iter().map(|listed| &listed.reason).collect::<std::collections::BTreeSet<_>>() {
        let pairs: usize =
            listed.iter().filter(|listed| listed.reason == *reason).map(|listed| listed.seen).sum();
        println!("{pairs:>5} pairs: {reason}");
    }
    assert!(wrong.is_empty(), "{} wrong, seed {SEED}\n{}", wrong.len(), wrong.join("\n"));
    // What the corpus must hold, so that a lost file of it is not a passed test.
    assert!(cases.len() >= 300 && pairs >= 5_000, "{} cases, {pairs} pairs", cases.len());
}
