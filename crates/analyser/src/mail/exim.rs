//! Exim's main log, behind the time.
//!
//! `<=` came in, `=>` delivered, `->` a further address of the same delivery, `**` failed, `==` deferred, `Completed`.

use super::event::{Arrival, Event, Origin, Outcome, bracketed_address};

/// Keys of fields that stand behind the sender or recipient; a blank and one of them end the value before.
const KEYS: [&str; 19] = [
    "H=", "U=", "P=", "X=", "A=", "S=", "M8S=", "R=", "T=", "F=", "C=", "QT=", "DT=", "RT=", "D=", "id=",
    "I=", "CV=", "DKIM=",
];

/// `None` if the line breaks its own form.
pub(super) fn read(text: &str) -> Option<Event<'_>> {
    let (pid, text) = pid(text);
    if let Some((id, rest)) = id(text) {
        return with_id(id, pid, rest);
    }
    if let Some(rest) = text.strip_prefix("cwd=") {
        // a folder may hold blanks; the count of arguments ends it
        let folder = rest.rsplit_once(" args: ").map_or(rest, |(before, _)| before);
        let folder = folder.rsplit_once(' ').map_or(folder, |(folder, _)| folder);
        return Some(Event::Started { folder, pid });
    }
    // "authenticator failed H=" is our own password, refused by another server
    if let Some((_, rest)) = text.split_once(" authenticator failed for ") {
        let account = rest.rsplit_once("(set_id=").map(|(_, name)| name.trim_end_matches(')'));
        return Some(Event::Guess { address: bracketed_address(rest), account, attempts: 1 });
    }
    Some(Event::Other)
}

/// `[123]`, with the log selector `+pid`.
fn pid(text: &str) -> (Option<u32>, &str) {
    let inside = text.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    match inside.map(|(pid, rest)| (pid.parse(), rest)) {
        Some((Ok(pid), rest)) => (Some(pid), rest),
        _ => (None, text),
    }
}

/// A message id: three parts of 6, 6 and 2 letters or digits, since Exim 4.97 of 6, 11 and 4.
fn id(text: &str) -> Option<(&str, &str)> {
    [16, 23].iter().find_map(|&length| {
        let (id, rest) = text.split_at_checked(length)?;
        let rest = rest.strip_prefix(' ')?;
        is_id(id).then_some((id, rest))
    })
}

/// Whether a text is a message id.
pub(super) fn is_id(text: &str) -> bool {
    let dashes: &[usize] = match text.len() {
        16 => &[6, 13],
        23 => &[6, 18],
        _ => return false,
    };
    text.bytes()
        .enumerate()
        .all(|(at, byte)| if dashes.contains(&at) { byte == b'-' } else { byte.is_ascii_alphanumeric() })
}

fn with_id<'a>(id: &'a str, pid: Option<u32>, rest: &'a str) -> Option<Event<'a>> {
    if rest == "Completed" || rest.starts_with("Completed ") {
        return Some(Event::Completed { id });
    }
    let Some((sign, rest)) = rest.split_once(' ') else { return Some(Event::Other) };
    let outcome = match sign {
        "<=" => return arrival(id, pid, rest),
        "=>" => Outcome::Delivered,
        "->" => Outcome::Further,
        "**" => Outcome::Failed,
        "==" => Outcome::Deferred,
        _ => return Some(Event::Other),
    };
    let (recipients, rest) = word(rest)?;
    let seconds = fields(rest).find(|(key, _)| *key == "DT=").and_then(|(_, value)| seconds(value));
    Some(Event::Delivery { id, outcome, recipients, seconds })
}

fn arrival<'a>(id: &'a str, pid: Option<u32>, rest: &'a str) -> Option<Event<'a>> {
    let (sender, rest) = word(rest)?;
    let (mut user, mut protocol, mut host, mut account) = (None, "", None, None);
    let (mut bytes, mut subject, mut is_reply) = (0, None, false);
    for (key, value) in fields(rest) {
        match key {
            "U=" => user = Some(value),
            "P=" => protocol = value,
            "H=" => host = Some(bracketed_address(value)),
            // `A=login:name`, or `A=dovecot_login:name`
            "A=" => account = Some(value.split_once(':').map_or(value, |(_, name)| name)),
            "S=" => bytes = value.split(' ').next().and_then(|size| size.parse().ok()).unwrap_or(0),
            "T=" => subject = Some(value),
            "R=" => is_reply = true,
            _ => {}
        }
    }
    let origin = match (sender, account, user) {
        ("<>", None, _) if is_reply || host.is_none() => Origin::Bounce,
        (_, Some(account), _) => Origin::Account(account, host.flatten()),
        (_, None, Some(user)) if protocol.starts_with("local") => Origin::Local(user),
        _ => Origin::Remote(host.flatten()),
    };
    // `for` with +received_recipients; the subject before it is quoted
    let list = behind_subject(rest).rsplit_once(" for ").map_or("", |(_, list)| list);
    let recipients = (!list.is_empty()).then(|| u32::try_from(list.split(' ').count()).unwrap_or(u32::MAX));
    Some(Event::Arrived(Arrival { id, origin, sender, bytes, subject, recipients, list, pid }))
}

/// What stands behind a quoted subject.
fn behind_subject(text: &str) -> &str {
    let Some((_, rest)) = text.split_once(" T=\"") else { return text };
    let end = quoted_end(rest);
    rest.get(end..).unwrap_or("")
}

/// Where a quoted text ends: at a quote that no backslash stands before.
fn quoted_end(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' if !is_escaped => return at,
            b'\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    text.len()
}

/// The first word; a quoted local part may hold blanks.
fn word(text: &str) -> Option<(&str, &str)> {
    let from = match text.strip_prefix('"') {
        Some(rest) => quoted_end(rest) + 1,
        None => 0,
    };
    let end = text.get(from..)?.find(' ').map_or(text.len(), |at| from + at);
    let (word, rest) = text.split_at_checked(end)?;
    (!word.is_empty()).then_some((word, rest))
}

/// Fields `K=value`; a value goes on until the next known key (`H=name (helo) [address]`), or to its closing quote.
fn fields(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (at, key) = next_key(rest)?;
        let value = rest.get(at + key.len()..)?;
        if let Some(quoted) = value.strip_prefix('"') {
            let end = quoted_end(quoted);
            rest = quoted.get(end..)?;
            return Some((key, quoted.get(..end)?));
        }
        let end = next_key(value).map_or(value.len(), |(at, _)| at.saturating_sub(1));
        let (inside, more) = value.split_at_checked(end)?;
        rest = more;
        Some((key, inside.trim_end()))
    })
}

/// The next key that begins a word, and where.
fn next_key(text: &str) -> Option<(usize, &'static str)> {
    let mut from = 0;
    loop {
        let at = from + text.get(from..)?.find(' ')? + 1;
        let word = text.get(at..)?;
        let key = KEYS.iter().find(|key| word.starts_with(**key));
        match key {
            Some(key) => return Some((at, key)),
            None => from = at,
        }
    }
}

/// `4s`, `0.123s`, `1m2s`.
fn seconds(text: &str) -> Option<f64> {
    let text = text.strip_suffix('s')?;
    let (minutes, rest) = text.split_once('m').map_or((Some(0.0), text), |(m, s)| (m.parse::<f64>().ok(), s));
    let seconds = minutes? * 60.0 + rest.parse::<f64>().ok()?;
    (seconds.is_finite() && (0.0..86_400.0).contains(&seconds)).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_message_says_who_sent_it_with_what_subject_and_to_how_many() {
        let line = "1avJcc-0003Py-15 <= shop@example.com U=www-data P=local S=1234 id=a@b T=\"Big \\\"sale\\\" for you\" \
            from <shop@example.com> for a@one.example b@two.example";
        let Some(Event::Arrived(arrival)) = read(line) else { panic!("an arrival") };
        assert_eq!(arrival.origin, Origin::Local("www-data"));
        assert_eq!((arrival.sender, arrival.bytes, arrival.recipients), ("shop@example.com", 1234, Some(2)));
        assert_eq!(arrival.subject, Some("Big \\\"sale\\\" for you"));
    }

    #[test]
    fn a_stolen_password_has_an_account_and_an_address() {
        let line = "[4711] 10HmaX-000000005vi-0000 <= info@example.com H=(helo name) [203.0.113.9]:4711 \
            I=[192.0.2.1]:465 P=esmtpsa X=TLS1.2:ECDHE:256 A=dovecot_login:info@example.com S=99 id=x";
        let Some(Event::Arrived(arrival)) = read(line) else { panic!("an arrival") };
        assert_eq!(
            arrival.origin,
            Origin::Account("info@example.com", Some("203.0.113.9".parse().expect("an address")))
        );
        assert_eq!(arrival.pid, Some(4711));
    }

    #[test]
    fn a_bounce_is_nobodys_message_and_a_remote_one_is_not_ours() {
        let bounce = "10HmaY-000000005vi-0000 <= <> R=10HmaX-000000005vi-0000 U=CALLER P=local S=sss";
        assert!(matches!(read(bounce), Some(Event::Arrived(a)) if a.origin == Origin::Bounce));
        let remote = "10HmbH-000000005vi-0000 <= userx@test.ex H=(test) [56.56.56.56] U=CALLER P=smtp S=sss";
        assert!(
            matches!(read(remote), Some(Event::Arrived(a)) if a.origin == Origin::Remote(bracketed_address("[56.56.56.56]")))
        );
    }

    #[test]
    fn deliveries_are_told_by_their_sign() {
        let of = |line| match read(line) {
            Some(Event::Delivery { outcome, recipients, seconds, .. }) => (outcome, recipients, seconds),
            other => panic!("{line}: {other:?}"),
        };
        let (outcome, to, seconds) = of(
            "1avJcc-0003Py-15 => a@b.c <A@B.C> R=dnslookup T=remote_smtp H=mx [192.0.2.3] C=\"250 OK DT=9s\" QT=5s DT=1m2s",
        );
        assert_eq!((outcome, to, seconds), (Outcome::Delivered, "a@b.c", Some(62.0)));
        assert_eq!(of("1avJcc-0003Py-15 ** \"x y\"@b.c: Unrouteable address").1, "\"x y\"@b.c:");
        assert_eq!(of("1avJcc-0003Py-15 == x@b.c R=r T=t defer (-53): retry").0, Outcome::Deferred);
        assert_eq!(of("1avJcc-0003Py-15 -> y@b.c R=r T=t").0, Outcome::Further);
    }

    #[test]
    fn password_guessing_is_not_our_own_login_that_fails_elsewhere() {
        let line = "dovecot_login authenticator failed for (User) [203.0.113.7]:60000: 535 Incorrect authentication data (set_id=info)";
        let Some(Event::Guess { address, account, attempts }) = read(line) else { panic!("a guess") };
        assert_eq!(
            (address, account, attempts),
            (Some("203.0.113.7".parse().expect("an address")), Some("info"), 1)
        );
        let ours = "10HmaZ-000000005vi-0000 plain authenticator failed H=127.0.0.1 [127.0.0.1] 535 Sorry";
        assert_eq!(read(ours), Some(Event::Other));
    }

    #[test]
    fn a_folder_may_hold_blanks() {
        let line = "cwd=/home/u/public_html/my forum 4 args: /usr/sbin/sendmail -t -i -fx@y";
        assert_eq!(read(line), Some(Event::Started { folder: "/home/u/public_html/my forum", pid: None }));
    }
}
