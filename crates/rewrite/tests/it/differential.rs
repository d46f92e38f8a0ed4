//! Apache against its record, and us against both.

use crate::answer::Answer;
use crate::apache::Apache;
use crate::corpus::{Case, read};
use crate::generate::{SEED, requests};
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
