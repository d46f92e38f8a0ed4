//! Sendmail, behind `host sendmail[pid]:`.

use super::event::{Arrival, Event, Origin, Outcome, after, bracketed_address};

/// `None` if the line breaks its own form.
pub(super) fn read(text: &str) -> Option<Event<'_>> {
    if text.contains("AUTH failure") {
        return Some(Event::Guess { address: bracketed_address(text), account: None, attempts: 1 });
    }
    let Some((id, rest)) = text.split_once(": ").filter(|(id, _)| is_queue_id(id)) else {
        return Some(Event::Other);
    };
    if rest.starts_with("from=") {
        return arrival(id, rest);
    }
    if rest.starts_with("to=") {
        return Some(delivery(id, rest));
    }
    if rest.starts_with("AUTH=server") {
        let account = after(rest, "authid=", &[',']);
        return Some(account.map_or(Event::Other, |account| Event::CameFrom {
            id,
            origin: Origin::Account(account, bracketed_address(rest)),
        }));
    }
    Some(Event::Other)
}

/// `21QCF9uh011787`: letters and digits of the time, and the process.
fn is_queue_id(text: &str) -> bool {
    (8..=24).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().any(|byte| byte.is_ascii_digit())
}

fn arrival<'a>(id: &'a str, rest: &'a str) -> Option<Event<'a>> {
    // a sender may hold a comma only in brackets
    let sender = match rest.strip_prefix("from=<") {
        Some(inside) => inside.split('>').next()?,
        None => after(rest, "from=", &[','])?,
    };
    let bytes = after(rest, ", size=", &[','])?.parse().ok()?;
    let recipients = after(rest, ", nrcpts=", &[','])?.parse().ok()?;
    let relay = after(rest, ", relay=", &[',']).unwrap_or("");
    let address = bracketed_address(relay);
    let origin = match relay.split_once('@') {
        _ if sender.is_empty() => Origin::Bounce,
        // of a program: `relay=www-data@localhost`
        Some((user, "localhost")) => Origin::Local(user),
        _ => Origin::Remote(address),
    };
    let list = "";
    let recipients = Some(recipients);
    Some(Event::Arrived(Arrival { id, origin, sender, bytes, subject: None, recipients, list, pid: None }))
}

fn delivery<'a>(id: &'a str, rest: &'a str) -> Event<'a> {
    let recipients = after(rest, "to=", &['=']).unwrap_or("");
    // the list ends before the next field's name
    let recipients = recipients.rsplit_once(", ").map_or(recipients, |(list, _)| list);
    let Some(stat) = after(rest, ", stat=", &['(']) else { return Event::Other };
    let stat = stat.trim();
    let outcome = if stat.starts_with("Sent") {
        Outcome::Delivered
    } else if stat.starts_with("Deferred") || stat.starts_with("queued") {
        Outcome::Deferred
    } else {
        Outcome::Failed
    };
    Event::Delivery { id, outcome, recipients, seconds: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_a_local_user_and_what_became_of_it() {
        let from = "21QCF9uh011787: from=root, size=30, class=0, nrcpts=6, msgid=<x@y>, relay=root@localhost";
        let Some(Event::Arrived(arrival)) = read(from) else { panic!("an arrival") };
        assert_eq!((arrival.origin, arrival.recipients, arrival.bytes), (Origin::Local("root"), Some(6), 30));
        let to = "21QBRGdX006005: to=This,<a@b.c>, ctladdr=root (0/0), delay=00:00:00, mailer=relay, dsn=5.1.1, stat=User unknown";
        assert_eq!(
            read(to),
            Some(Event::Delivery {
                id: "21QBRGdX006005",
                outcome: Outcome::Failed,
                recipients: "This,<a@b.c>",
                seconds: None
            })
        );
        let sent =
            "21QBRGdX006005: to=root, delay=00:00:00, dsn=2.0.0, stat=Sent (Ok: queued as A3EF4405DD14)";
        assert!(matches!(read(sent), Some(Event::Delivery { outcome: Outcome::Delivered, .. })));
        assert_eq!(read("21QCF9uh011787: from=root, size=x, nrcpts=6"), None);
        assert_eq!(read("starting daemon (8.14.7): SMTP+queueing@01:00:00"), Some(Event::Other));
    }
}
