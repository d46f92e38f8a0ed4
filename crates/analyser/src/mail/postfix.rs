//! Postfix, behind `host postfix/DAEMON[pid]:`. What belongs together is tied by the queue id.

use super::event::{Event, Origin, Outcome, after, bracketed_address};

/// `None` if the line breaks its own form.
pub(super) fn read<'a>(daemon: &str, text: &'a str) -> Option<Event<'a>> {
    if let Some(rest) = text.strip_prefix("warning: ")
        && let Some((before, rest)) = rest.split_once(": SASL ")
        && rest.contains(" authentication failed")
    {
        let account = after(rest, "sasl_username=", &[',', ' ']);
        return Some(Event::Guess { address: bracketed_address(before), account, attempts: 1 });
    }
    let Some((id, rest)) = text.split_once(": ").filter(|(id, _)| is_queue_id(id)) else {
        return Some(Event::Other);
    };
    match daemon {
        "pickup" if rest.starts_with("uid=") => {
            let uid = after(rest, "uid=", &[' '])?;
            Some(Event::CameFrom { id, origin: Origin::Local(uid) })
        }
        "smtpd" if rest.starts_with("client=") => {
            let client = after(rest, "client=", &[',']).unwrap_or(rest);
            let address = bracketed_address(client);
            let origin = match after(rest, "sasl_username=", &[',']) {
                Some(account) => Origin::Account(account, address),
                None => Origin::Remote(address),
            };
            Some(Event::CameFrom { id, origin })
        }
        "cleanup" => Some(field(id, rest)),
        "qmgr" => queue(id, rest),
        _ if rest.starts_with("to=<") => delivery(id, rest),
        _ => Some(Event::Other),
    }
}

/// Short ids are hexadecimal; long ones (12 and more) are of letters and digits without vowels.
fn is_queue_id(text: &str) -> bool {
    (5..=24).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().any(|byte| byte.is_ascii_digit())
}

/// `warning: header Subject: ... from local; from=<> to=<>`, where header_checks say WARN or INFO.
fn field<'a>(id: &'a str, rest: &'a str) -> Event<'a> {
    let header = rest.split_once(": header ").map(|(_, header)| header);
    let parts = header.and_then(|header| header.split_once(": "));
    let Some((name, value)) = parts else { return Event::Other };
    let end = value.rfind("; from=<").unwrap_or(value.len());
    let value = value.get(..end).unwrap_or(value);
    let value = value.rsplit_once(" from ").map_or(value, |(value, _)| value);
    Event::Field { id, name, value }
}

fn queue<'a>(id: &'a str, rest: &'a str) -> Option<Event<'a>> {
    if rest == "removed" {
        return Some(Event::Completed { id });
    }
    if !rest.starts_with("from=<") || !rest.contains(", nrcpt=") {
        return Some(Event::Other);
    }
    let sender = after(rest, "from=<", &['>'])?;
    let bytes = after(rest, ", size=", &[','])?.parse().ok()?;
    let recipients = after(rest, ", nrcpt=", &[' '])?.parse().ok()?;
    Some(Event::Queued { id, sender, bytes, recipients })
}

fn delivery<'a>(id: &'a str, rest: &'a str) -> Option<Event<'a>> {
    let recipients = after(rest, "to=<", &['>'])?;
    let status = after(rest, ", status=", &[' ', ','])?;
    let outcome = match status {
        "sent" => Outcome::Delivered,
        "bounced" | "expired" => Outcome::Failed,
        "deferred" => Outcome::Deferred,
        // answers to questions about an address
        _ => return Some(Event::Other),
    };
    Some(Event::Delivery { id, outcome, recipients, seconds: seconds(rest) })
}

/// Of `delays=a/b/c/d` the last two: connecting, and sending.
fn seconds(rest: &str) -> Option<f64> {
    let mut parts = after(rest, ", delays=", &[','])?.split('/').skip(2);
    let (connecting, sending): (f64, f64) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let seconds = connecting + sending;
    (seconds.is_finite() && (0.0..86_400.0).contains(&seconds)).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_tied_by_its_queue_id_from_a_user_to_its_recipients() {
        assert_eq!(
            read("pickup", "AE11A4011B7B: uid=33 from=<www-data>"),
            Some(Event::CameFrom { id: "AE11A4011B7B", origin: Origin::Local("33") })
        );
        assert_eq!(
            read("qmgr", "AE11A4011B7B: from=<a@b.c>, size=484, nrcpt=3 (queue active)"),
            Some(Event::Queued { id: "AE11A4011B7B", sender: "a@b.c", bytes: 484, recipients: 3 })
        );
        assert_eq!(
            read(
                "smtp",
                "4XkQzP1Jzqz9vNn: to=<x@y.z>, orig_to=<w@y.z>, relay=mx[192.0.2.1]:25, delay=1.5, delays=0.1/0/1.25/0.25, dsn=2.0.0, status=sent (250 ok)"
            ),
            Some(Event::Delivery {
                id: "4XkQzP1Jzqz9vNn",
                outcome: Outcome::Delivered,
                recipients: "x@y.z",
                seconds: Some(1.5)
            })
        );
        assert_eq!(read("qmgr", "AE11A4011B7B: removed"), Some(Event::Completed { id: "AE11A4011B7B" }));
        assert_eq!(read("qmgr", "AE11A4011B7B: from=<a@b.c>, size=484, nrcpt=lots (queue active)"), None);
    }

    #[test]
    fn an_account_and_a_guess_are_told_apart() {
        let address = "203.0.113.5".parse().ok();
        assert_eq!(
            read("smtpd", "4A5B6C7D: client=unknown[203.0.113.5], sasl_method=LOGIN, sasl_username=info@x.y"),
            Some(Event::CameFrom { id: "4A5B6C7D", origin: Origin::Account("info@x.y", address) })
        );
        assert_eq!(
            read(
                "smtpd",
                "warning: unknown[203.0.113.5]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, sasl_username=info"
            ),
            Some(Event::Guess { address, account: Some("info"), attempts: 1 })
        );
    }

    #[test]
    fn fields_that_the_server_was_told_to_log_name_the_program() {
        assert_eq!(
            read(
                "cleanup",
                "4A5B6C7D: warning: header X-PHP-Originating-Script: 33:mailer.php from local; from=<www-data@h> to=<a@b>"
            ),
            Some(Event::Field { id: "4A5B6C7D", name: "X-PHP-Originating-Script", value: "33:mailer.php" })
        );
    }

    #[test]
    fn talk_without_a_queue_id_is_other() {
        for text in [
            "connect from unknown[203.0.113.5]",
            "NOQUEUE: reject: RCPT from x",
            "send attr sasl_username =",
            "",
        ] {
            assert_eq!(read("smtpd", text), Some(Event::Other), "{text}");
        }
    }
}
