//! Mail logs: who sends in bulk, who guesses passwords, and who does neither.

use crate::fixtures::fixture;
use analyser::Verdict;
use analyser::mail::{Mail, MailReader, MailSettings, MailVerdict, SenderKind, Server, read_files};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

/// 2026-01-01.
const NOW: i64 = 1_767_225_600;

fn settings() -> MailSettings {
    MailSettings {
        zone: TimeZone::UTC,
        now_unix_seconds: NOW,
        from_unix_seconds: None,
        to_unix_seconds: None,
    }
}

fn read(text: &str) -> Mail {
    read_with(text, settings())
}

fn read_with(text: &str, settings: MailSettings) -> Mail {
    let mut reader = MailReader::new(settings);
    reader.begin_file("synthetic.log", 2025);
    for line in text.lines() {
        reader.line(line.as_bytes());
    }
    reader.finish()
}

fn files(paths: &[PathBuf]) -> Mail {
    read_files(paths, &[], settings(), &mut |_| ControlFlow::Continue(()))
}

/// How many lines of the files match, as `grep` counts them.
fn grep(pattern: &str, paths: &[PathBuf]) -> u64 {
    let output =
        Command::new("grep").args(["-ahcE", pattern]).args(paths).env("LC_ALL", "C").output().unwrap();
    String::from_utf8_lossy(&output.stdout).lines().map(|count| count.parse::<u64>().unwrap()).sum()
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn every_sign_of_real_exim_logs_is_counted_as_grep_counts_it() {
    let Some(folder) = fixture("exim-testlogs") else { return };
    let paths = children(&folder);
    let mail = files(&paths);
    let exim = mail.servers.iter().find(|counts| counts.server == Server::Exim).unwrap();
    let id = "([A-Za-z0-9]{6}-[A-Za-z0-9]{6}-[A-Za-z0-9]{2}|[A-Za-z0-9]{6}-[A-Za-z0-9]{11}-[A-Za-z0-9]{4})";
    let head = format!(r"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}} [0-9:.]+( [+-][0-9]{{4}})?( \[[0-9]+\])? {id} ");
    let count = |sign: &str| grep(&format!("{head}{sign}"), &paths);
    assert_eq!(exim.arrived, count("<= "));
    assert_eq!(exim.delivered, count("=> "));
    assert_eq!(exim.further, count("-> "));
    assert_eq!(exim.failed, count(r"\*\* "));
    assert_eq!(exim.deferred, count("== "));
    assert_eq!(exim.completed, count("Completed"));
    assert!(exim.arrived > 1500, "{exim:?}");
    assert_eq!(mail.lines.files, paths.len() as u64);
    println!("{}\n{:?}\n{:#?}", mail.sentence, exim, mail.lines);
}

#[test]
fn a_real_log_of_many_programs_is_cleared_or_not_by_numbers_that_grep_agrees_with() {
    let Some(path) = fixture("mail/infohtreasure-postfix-dovecot.maillog") else { return };
    let paths = [path];
    let mail = files(&paths);
    let of = |server| mail.servers.iter().find(|counts| counts.server == server).unwrap();
    let postfix = of(Server::Postfix);
    assert_eq!(postfix.delivered, grep(r"postfix/[a-z]+\[[0-9]+\]: [0-9A-Z]+: to=<.*status=sent", &paths));
    assert_eq!(postfix.deferred, grep(r"postfix/[a-z]+\[[0-9]+\]: [0-9A-Z]+: to=<.*status=deferred", &paths));
    assert_eq!(postfix.failed, grep(r"postfix/[a-z]+\[[0-9]+\]: [0-9A-Z]+: to=<.*status=bounced", &paths));
    let sendmail = of(Server::Sendmail);
    assert_eq!(sendmail.arrived, grep(r"sendmail\[[0-9]+\]: [0-9A-Za-z]+: from=.*nrcpts=", &paths));
    assert_eq!(sendmail.delivered, grep(r"sendmail\[[0-9]+\]: [0-9A-Za-z]+: to=.*stat=Sent", &paths));
    let webmail = of(Server::Roundcube);
    assert_eq!(webmail.arrived, grep(r"> User [^ ]+ \[[0-9.]+\]; Message .*for .*; 2[0-9]*: ", &paths));
    assert_eq!(mail.guesses, grep("ogin failed for ", &paths));
    println!("{}", serde_json::to_string_pretty(&mail).unwrap());
}

/// Synthetic: a shop sends a few confirmations each hour of the day for four weeks; returns the log and its last day's hour 0.
fn four_usual_weeks(log: &mut String) {
    let mut number = 0;
    for day in 1..=28 {
        for hour in 8..20 {
            for minute in [5, 35] {
                number += 1;
                let id = format!("1a{number:04}-0003Py-15");
                let at = format!("2025-11-{day:02} {hour:02}:{minute:02}:00");
                writeln!(
                    log,
                    "{at} {id} <= shop@shop.example U=shop P=local S=900 for buyer{number}@mail.example"
                )
                .unwrap();
                writeln!(log, "{at} {id} => buyer{number}@mail.example R=dnslookup T=remote_smtp").unwrap();
                writeln!(log, "{at} {id} Completed").unwrap();
            }
        }
    }
}

#[test]
fn synthetic_a_rogue_program_is_accused_with_its_folder_subject_and_times_usual() {
    let mut log = String::new();
    four_usual_weeks(&mut log);
    for number in 0..900 {
        let second = number / 15;
        let at = format!("2025-11-29 03:{second:02}:{:02}", (number % 15) * 4);
        let id = format!("1b{number:04}-0003Py-15");
        writeln!(log, "{at} cwd=/home/shop/public_html/forum/cache 4 args: /usr/sbin/sendmail -t -i -fx@y")
            .unwrap();
        writeln!(log, "{at} cwd=/var/spool/exim 3 args: /usr/sbin/exim -Mc {id}").unwrap();
        let sender = format!("x{}@domain{}.example", number, number % 9);
        writeln!(
            log,
            "{at} {id} <= {sender} U=shop P=local S=2000 T=\"You have won\" for victim{number}@elsewhere.example"
        )
        .unwrap();
        let sign = if number % 3 == 0 { "**" } else { "=>" };
        writeln!(log, "{at} {id} {sign} victim{number}@elsewhere.example R=dnslookup T=remote_smtp").unwrap();
        writeln!(log, "{at} {id} Completed").unwrap();
    }
    let mail = read(&log);
    assert_eq!(mail.verdict, MailVerdict::Accused, "{}", mail.sentence);
    let shop = &mail.senders[0];
    assert_eq!((shop.kind, shop.name.as_str()), (SenderKind::LocalUser, "shop"));
    assert_eq!((shop.peak.recipients, shop.peak.usual), (900, Some(2.0)));
    assert_eq!(shop.programs[0].name, "/home/shop/public_html/forum/cache");
    assert_eq!(shop.programs[0].count, 900);
    assert_eq!((shop.subjects[0].name.as_str(), shop.subjects[0].count), ("You have won", 900));
    assert_eq!(shop.failed, 300);
    let finding = &mail.findings()[0];
    assert_eq!(finding.verdict, Verdict::RogueMail);
    assert!(mail.sentence.contains("450 times its usual 2"), "{}", mail.sentence);
    assert!(mail.sentence.contains("it came from /home/shop/public_html/forum/cache"), "{}", mail.sentence);
}

#[test]
fn synthetic_a_newsletter_that_comes_every_week_is_cleared() {
    let mut log = String::new();
    four_usual_weeks(&mut log);
    for (week, day) in [3, 10, 17, 24].into_iter().enumerate() {
        for number in 0..600 {
            let id = format!("1c{week}{number:03}-0003Py-15");
            let at = format!("2025-11-{day:02} 10:{:02}:{:02}", number / 60, number % 60);
            writeln!(
                log,
                "{at} {id} <= news@shop.example U=shop P=local S=9000 for reader{number}@mail.example"
            )
            .unwrap();
        }
    }
    let from = "2025-11-24T00:00:00Z".parse::<jiff::Timestamp>().unwrap().as_second();
    let mail = read_with(&log, MailSettings { from_unix_seconds: Some(from), ..settings() });
    assert_eq!(mail.verdict, MailVerdict::Cleared, "{}", mail.sentence);
    assert_eq!(mail.senders[0].peak.days_like_it, 3);
    assert!(mail.findings().is_empty());
}

#[test]
fn synthetic_a_stolen_password_is_an_account_with_many_networks() {
    let mut log = String::new();
    for day in 1..=20 {
        writeln!(log, "Nov {day:2} 09:00:00 mx postfix/smtpd[1]: A{day:05}: client=home.example[198.51.100.7], sasl_method=PLAIN, sasl_username=info@shop.example").unwrap();
        writeln!(log, "Nov {day:2} 09:00:00 mx postfix/qmgr[1]: A{day:05}: from=<info@shop.example>, size=700, nrcpt=2 (queue active)").unwrap();
        writeln!(log, "Nov {day:2} 09:00:09 mx postfix/qmgr[1]: A{day:05}: removed").unwrap();
    }
    for number in 0..40 {
        writeln!(log, "Nov 21 01:{number:02}:00 mx postfix/smtpd[1]: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: x, sasl_username=info@shop.example").unwrap();
    }
    for number in 0..300 {
        let at = format!("Nov 21 02:{:02}:{:02}", number / 6, number % 6);
        let id = format!("B{number:05}");
        writeln!(log, "{at} mx postfix/smtpd[1]: {id}: client=unknown[203.0.{}.9], sasl_method=LOGIN, sasl_username=info@shop.example", number % 30).unwrap();
        writeln!(
            log,
            "{at} mx postfix/qmgr[1]: {id}: from=<info@shop.example>, size=700, nrcpt=10 (queue active)"
        )
        .unwrap();
        // a retry is no second message
        writeln!(
            log,
            "{at} mx postfix/qmgr[1]: {id}: from=<info@shop.example>, size=700, nrcpt=10 (queue active)"
        )
        .unwrap();
    }
    let mail = read(&log);
    assert_eq!(mail.verdict, MailVerdict::Accused, "{}", mail.sentence);
    let account = &mail.senders[0];
    assert_eq!((account.kind, account.name.as_str()), (SenderKind::Account, "info@shop.example"));
    assert_eq!((account.peak.recipients, account.peak.messages, account.peak.usual), (3000, 300, Some(2.0)));
    assert_eq!(account.guessed, 40);
    assert!(account.tells.iter().any(|tell| tell.contains("30 networks on one day")), "{:?}", account.tells);
    assert_eq!(mail.findings()[0].traits.networks.len(), 31);
}

#[test]
fn synthetic_thousands_of_lines_of_guessing_accuse_the_guesser_and_not_mail() {
    let mut log = String::new();
    for number in 0..4000 {
        let at = format!("2025-11-21 {:02}:{:02}:00", number / 60 % 24, number % 60);
        writeln!(
            log,
            "{at} dovecot_login authenticator failed for (User) [203.0.113.{}]:5{number:04}: 535 Incorrect authentication data (set_id=name{})",
            number % 250,
            number % 100
        )
        .unwrap();
    }
    let mail = read(&log);
    assert_eq!(mail.verdict, MailVerdict::PasswordGuessing);
    assert!(
        mail.sentence.starts_with(
            "mail is not the cause; somebody is guessing passwords from 203.0.113.0/24 (4,000 of 4,000 attempts); nothing was sent"
        ),
        "{}",
        mail.sentence
    );
    let finding = &mail.findings()[0];
    assert_eq!((finding.verdict, finding.subject.as_str()), (Verdict::PasswordGuessing, "203.0.113.0/24"));
    assert_eq!(mail.guessing[0].names, 100);
}

#[test]
fn synthetic_a_contact_form_with_forty_messages_where_one_a_day_was_usual_is_named_by_file_and_line() {
    let mut log = String::new();
    for day in 1..=20 {
        writeln!(log, "[{day:02}-Nov-2025 10:00:00 UTC] mail() on [/var/www/shop/contact.php:677]: To: owner@shop.example -- Headers: From: a@b.example").unwrap();
    }
    for number in 0..43 {
        writeln!(log, "[21-Nov-2025 11:{number:02}:00 UTC] mail() on [/var/www/shop/contact.php:677]: To: owner@shop.example, new{number}@mail.example -- Headers: From: a@b.example").unwrap();
    }
    let mail = read(&log);
    assert_eq!(mail.verdict, MailVerdict::Accused, "{}", mail.sentence);
    assert_eq!(mail.senders[0].name, "/var/www/shop/contact.php:677");
    assert_eq!((mail.senders[0].peak.recipients, mail.senders[0].distinct_recipients), (86, 44));
}

#[test]
fn a_window_judges_what_is_in_it_and_takes_the_rest_as_usual() {
    let mut log = String::new();
    four_usual_weeks(&mut log);
    let at = |text: &str| Some(text.parse::<jiff::Timestamp>().unwrap().as_second());
    let window = MailSettings {
        from_unix_seconds: at("2025-11-20T10:00:00Z"),
        to_unix_seconds: at("2025-11-20T12:00:00Z"),
        ..settings()
    };
    let mail = read_with(&log, window);
    assert_eq!((mail.verdict, mail.sent.messages, mail.servers[0].completed), (MailVerdict::Cleared, 4, 4));
    assert!(mail.sentence.contains("from 2025-11-20 10:00 to 2025-11-20 12:00"), "{}", mail.sentence);
    let elsewhere = MailSettings { from_unix_seconds: at("2025-12-20T10:00:00Z"), ..settings() };
    let mail = read_with(&log, elsewhere);
    assert_eq!(mail.verdict, MailVerdict::CannotTell);
    assert!(mail.sentence.starts_with("cannot tell: no line of the log is"), "{}", mail.sentence);
}

#[test]
fn exim_without_lists_counts_a_deferred_recipient_once() {
    let log = "2025-11-01 10:00:00 1avJcc-0003Py-15 <= a@b.example U=web P=local S=10\n\
        2025-11-01 10:00:01 1avJcc-0003Py-15 == x@y.example R=r T=t defer (-53)\n\
        2025-11-01 10:00:01 1avJcc-0003Py-15 => z@y.example R=r T=t\n\
        2025-11-01 10:00:01 1avJcc-0003Py-15 -> w@y.example R=r T=t\n\
        2025-11-01 11:00:01 1avJcc-0003Py-15 == x@y.example R=r T=t defer (-53)\n\
        2025-11-01 12:00:01 1avJcc-0003Py-15 => x@y.example R=r T=t\n\
        2025-11-01 12:00:01 1avJcc-0003Py-15 Completed\n";
    let mail = read(log);
    assert_eq!((mail.sent.messages, mail.sent.recipients), (1, 3));
    // they count in the hour in which the message came in
    assert_eq!(mail.sent.recipients_in_peak_hour, 3);
}

#[test]
fn a_spool_file_names_the_program_of_a_user_whose_log_does_not() {
    let mut reader = MailReader::new(settings());
    reader.begin_file("synthetic.log", 2025);
    reader.line(b"2025-11-01 10:00:00 1avJcc-0003Py-15 <= a@b.example U=shop P=local S=10 for c@d.example");
    reader.spooled(b"1avJcc-0003Py-15-H\nnobody 99 99\n<a@b.example>\n075  X-PHP-Script: shop.example/x.php for 203.0.113.5\n");
    let mail = reader.finish();
    assert_eq!(mail.senders[0].programs[0].name, "shop.example/x.php");
}

#[test]
fn hostile_names_are_cut_and_escaped_and_bounds_are_told() {
    let mut reader = MailReader::new(settings());
    reader.begin_file("synthetic.log", 2025);
    for number in 0..30_000_u32 {
        let [_, a, b, c] = number.to_be_bytes();
        let line = format!(
            "2025-11-01 10:00:00 x authenticator failed for (h) [10.{a}.{b}.{c}]: 535 no (set_id=\u{1b}[31m{number})"
        );
        reader.line(line.as_bytes());
        let line = format!(
            "2025-11-01 10:00:00 1{number:05}-0003Py-15 <= a@b.example U=user{number}\u{7} P=local S=10"
        );
        reader.line(line.as_bytes());
    }
    let mail = reader.finish();
    let json = serde_json::to_string(&mail).unwrap();
    assert!(!json.contains("\\u001b") && !json.contains("\\u0007"), "control bytes");
    assert!(mail.bounds_reached.iter().any(|bound| bound.what == "senders" && bound.left_out > 0));
    assert!(json.len() < 100_000, "{}", json.len());
}

#[test]
fn files_of_a_rotated_set_are_read_oldest_first_whatever_their_names_say() {
    let folder = tempfile::tempdir().unwrap();
    let newer = folder.path().join("a.log");
    let older = folder.path().join("b.log");
    std::fs::write(&newer, "2025-11-02 10:00:00 1avJcc-0003Py-15 => x@y.example R=r T=t\n").unwrap();
    std::fs::write(&older, "2025-11-01 10:00:00 1avJcc-0003Py-15 <= a@b.example U=web P=local S=10\n")
        .unwrap();
    let absent = folder.path().join("absent.log");
    let mail = files(&[newer, absent, older]);
    // the recipient is tied to its message
    assert_eq!(mail.sent.recipients, 1);
    assert_eq!(mail.lines.problems.len(), 1);
}

/// Pieces that lines are made of, so that random lines get past their beginnings.
fn piece() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "2025-11-01 10:00:00 ",
        "2025-11-01T10:00:00+01:00 ",
        "Nov  1 10:00:00 ",
        "[01-Nov-2025 10:00:00 UTC] ",
        "host postfix/qmgr[1]: ",
        "host postfix/smtp[1]: ",
        "host sendmail[1]: ",
        "host dovecot: ",
        "1avJcc-0003Py-15 ",
        "AE11A4011B7B: ",
        "<= ",
        "=> ",
        "** ",
        "== ",
        "Completed",
        "removed",
        "from=<a@b>, ",
        "to=<",
        "size=1, nrcpt=2 ",
        "nrcpts=9, ",
        "status=sent ",
        "stat=Sent ",
        "cwd=/ ",
        " args: ",
        "U=x P=local ",
        "A=y:",
        "H=(",
        "[1.2.3.4]",
        "T=\"",
        "\\\"",
        " for ",
        "mail() on [",
        "]: To: ",
        "SASL ",
        " authentication failed",
        "auth failed, ",
        "imap-login: ",
        "delays=1/2/",
        "DT=1m",
        "<s> User ",
        "; Message for ",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => "\\PC{0,8}", 1 => "[ -~]{0,8}"]
}

proptest! {
    #[test]
    fn no_line_ends_the_reader(
        lines in prop::collection::vec(prop_oneof![
            prop::collection::vec(any::<u8>(), 0..120),
            prop::collection::vec(piece(), 0..12).prop_map(|pieces| pieces.concat().into_bytes()),
        ], 0..40),
        spooled in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut reader = MailReader::new(settings());
        reader.begin_file("random", 2025);
        let full = lines.iter().filter(|line| !matches!(line.as_slice(), b"" | b"\r")).count() as u64;
        for line in &lines {
            reader.line(line);
        }
        reader.spooled(&spooled);
        let mail = reader.finish();
        prop_assert_eq!(mail.lines.read, full);
        prop_assert_eq!(mail.lines.used + mail.lines.other + mail.lines.not_understood, full);
        serde_json::to_string(&mail).unwrap();
    }
}

#[test]
fn a_packed_log_is_read_as_it_is() {
    let Some(path) = fixture("mail/infohtreasure-postfix-dovecot.maillog") else { return };
    let folder = tempfile::tempdir().unwrap();
    let packed = folder.path().join("maillog.1.gz");
    let output = Command::new("gzip").arg("-c").arg(&path).output().unwrap();
    std::fs::write(&packed, output.stdout).unwrap();
    let (plain, packed) = (files(&[path]), files(&[packed]));
    assert_eq!(plain.servers, packed.servers);
    assert_eq!(plain.lines.used, packed.lines.used);
}

#[test]
fn synthetic_an_office_with_a_wrong_password_is_no_guesser() {
    let mut log = String::new();
    writeln!(
        log,
        "2025-11-01 10:00:00 1avJcc-0003Py-15 <= a@b.example H=(x) [203.0.113.5] P=esmtpa A=login:info S=10"
    )
    .unwrap();
    for number in 0..300 {
        let at = format!("2025-11-01 11:{:02}:{:02}", number / 60, number % 60);
        writeln!(log, "{at} login authenticator failed for (x) [203.0.113.6]: 535 no (set_id=info)").unwrap();
    }
    let mail = read(&log);
    assert_eq!(mail.verdict, MailVerdict::Cleared, "{}", mail.sentence);
    assert_eq!(mail.findings()[0].confidence, analyser::Confidence::Low);
    assert!(mail.guessing[0].is_home);
}
