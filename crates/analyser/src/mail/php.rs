//! PHP's `mail.log`, and Roundcube, which is written in PHP and writes its logs alike; the fields that PHP puts into a
//! message, in spool files.

use super::event::{Arrival, Event, Origin, Server, after, bracketed_address};

/// Behind `[time]`.
pub(super) fn read(text: &str) -> (Option<Server>, Event<'_>) {
    if let Some(rest) = text.strip_prefix("mail() on [")
        && let Some((program, rest)) = rest.split_once("]: To: ")
    {
        let recipients = rest.split_once(" -- Headers:").map_or(rest, |(list, _)| list);
        return (Some(Server::Php), Event::PhpMail { program, recipients });
    }
    // `<session> User name [address]; Message <id> for a, b; 250: OK id=...`
    let Some((session, rest)) = text.strip_prefix('<').and_then(|rest| rest.split_once("> ")) else {
        return (None, Event::Other);
    };
    if let Some((account, address)) = failed_login(rest) {
        let guess = Event::Guess { address, account: Some(account), attempts: 1 };
        return (Some(Server::Roundcube), guess);
    }
    (Some(Server::Roundcube), webmail(session, rest).unwrap_or(Event::Other))
}

fn failed_login(text: &str) -> Option<(&str, Option<std::net::IpAddr>)> {
    let (_, rest) = text.split_once("ogin failed for ").or_else(|| text.split_once("ailed login for "))?;
    let (account, rest) = rest.split_once(' ')?;
    let from = after(rest, "from ", &[' ', '(']).unwrap_or("");
    Some((account, from.trim_end_matches('.').parse().ok()))
}

fn webmail<'a>(session: &'a str, text: &'a str) -> Option<Event<'a>> {
    let rest = text.strip_prefix("User ")?;
    let (account, rest) = rest.split_once(" [")?;
    let (address, rest) = rest.split_once("]; Message ")?;
    let (_, rest) = rest.split_once("for ")?;
    let (list, answer) = rest.split_once("; ")?;
    if !answer.starts_with('2') {
        return None;
    }
    let address = address.parse().ok();
    let recipients = super::event::addresses(list).filter(|one| one.contains('@')).count();
    Some(Event::Arrived(Arrival {
        id: after(answer, "id=", &[' ']).unwrap_or(session),
        origin: Origin::Account(account, address),
        sender: account,
        bytes: 0,
        subject: None,
        recipients: Some(u32::try_from(recipients).unwrap_or(u32::MAX)),
        list,
        pid: None,
    }))
}

/// What a spool file (`-H`), `exim -Mvh` or `postcat` shows of a message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Spooled<'a> {
    pub(super) id: Option<&'a str>,
    /// The user whose program sent it.
    pub(super) user: Option<&'a str>,
    /// `X-PHP-Script` (cPanel: host/path for client) or `X-PHP-Originating-Script` (uid:file).
    pub(super) program: Option<&'a str>,
    /// For whom the program was called, by cPanel's field.
    pub(super) client: Option<std::net::IpAddr>,
    pub(super) subject: Option<&'a str>,
}

/// Reads one.
pub(super) fn spooled(text: &str) -> Spooled<'_> {
    let mut found = Spooled::default();
    let mut lines = text.lines();
    let first = lines.next().unwrap_or("");
    // Exim: `1avJcc-0003Py-15-H`, then `user uid gid`
    if let Some(id) = first.trim().strip_suffix("-H").filter(|id| super::exim::is_id(id)) {
        found.id = Some(id);
        found.user = lines.next().and_then(|line| line.split(' ').next());
    } else if let Some((_, id)) = first.rsplit_once('/') {
        // postcat: `*** ENVELOPE RECORDS deferred/A/AE11A4011B7B ***`
        found.id = id.split(' ').next().filter(|id| !id.is_empty());
    }
    for line in text.lines() {
        if let Some((_, value)) = line.split_once("X-PHP-Script: ") {
            let (program, client) = value.split_once(" for ").unwrap_or((value, ""));
            found.program = Some(program.trim());
            found.client = client.split([',', ' ']).next().and_then(|client| client.parse().ok());
        } else if let Some((_, value)) = line.split_once("X-PHP-Originating-Script: ") {
            found.program.get_or_insert(value.trim());
        } else if let Some((before, value)) = line.split_once("Subject: ")
            && before.len() <= 6
        {
            found.subject.get_or_insert(value.trim());
        }
    }
    if found.client.is_none() {
        found.client = found.program.and_then(bracketed_address);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_of_mail_names_file_and_line() {
        let line =
            "mail() on [/var/www/x/contact.php:677]: To: a@b.c, d@e.f -- Headers: From: x@y.z -- Subject: hi";
        let program = "/var/www/x/contact.php:677";
        assert_eq!(read(line), (Some(Server::Php), Event::PhpMail { program, recipients: "a@b.c, d@e.f" }));
    }

    #[test]
    fn webmail_says_who_wrote_to_whom_and_who_could_not_log_in() {
        let line = "<394249a2> User u@x.net [129.205.102.242]; Message <q@x.net> for undisclosed-recipients:, a@b.c, d@e.f; 250: OK id=1m0hxc-000r0K-C5";
        let (server, Event::Arrived(arrival)) = read(line) else { panic!("an arrival") };
        assert_eq!(server, Some(Server::Roundcube));
        assert_eq!(
            (arrival.origin, arrival.recipients),
            (Origin::Account("u@x.net", "129.205.102.242".parse().ok()), Some(2))
        );
        let failed = "<04a7f8a6> IMAP Error: Login failed for k@x.net against localhost from 129.205.102.242(X-Forwarded-For: 1.2.3.4). AUTHENTICATE PLAIN: Authentication failed. in /usr";
        let address = "129.205.102.242".parse().ok();
        assert_eq!(read(failed).1, Event::Guess { address, account: Some("k@x.net"), attempts: 1 });
    }

    #[test]
    fn a_spool_file_names_the_program_that_no_log_names() {
        let text = "1avJcc-0003Py-15-H\nshop 1001 1001\n<shop@host>\n1461500000 0\n-local\n1\na@b.c\n\n\
            037  Subject: Big sale\n075  X-PHP-Script: shop.example/wp-content/plugins/x.php for 203.0.113.5\n";
        assert_eq!(
            spooled(text),
            Spooled {
                id: Some("1avJcc-0003Py-15"),
                user: Some("shop"),
                program: Some("shop.example/wp-content/plugins/x.php"),
                client: "203.0.113.5".parse().ok(),
                subject: Some("Big sale"),
            }
        );
        let postcat =
            "*** ENVELOPE RECORDS deferred/A/AE11A4011B7B ***\nX-PHP-Originating-Script: 33:mailer.php\n";
        let found = spooled(postcat);
        assert_eq!((found.id, found.program), (Some("AE11A4011B7B"), Some("33:mailer.php")));
    }
}
