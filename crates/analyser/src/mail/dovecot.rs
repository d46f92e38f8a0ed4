//! Those who check passwords: Dovecot's login programs and `saslauthd`.
//!
//! Dovecot's `auth` and `auth-worker` tell the same failures a second time; only the login line is counted.

use super::event::{Event, after};

/// Behind `dovecot:`.
pub(super) fn read(text: &str) -> Event<'_> {
    let is_login = text.split_once(": ").is_some_and(|(program, _)| program.ends_with("-login"));
    let Some(failed) = after(text, "auth failed, ", &[' ']).filter(|_| is_login) else { return Event::Other };
    let address = after(text, "rip=", &[',', ' ']).and_then(|address| address.parse().ok());
    let account = after(text, "user=<", &['>']).filter(|name| !name.is_empty());
    Event::Guess { address, account, attempts: failed.parse().unwrap_or(1) }
}

/// Behind `saslauthd[pid]:`; it does not know from where.
pub(super) fn saslauthd(text: &str) -> Event<'_> {
    if !text.contains("auth failure") {
        return Event::Other;
    }
    Event::Guess { address: None, account: after(text, "[user=", &[']']), attempts: 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_login_counts_its_attempts() {
        let line = "imap-login: Disconnected (auth failed, 3 attempts in 17 secs): user=<info>, method=PLAIN, \
            rip=203.0.113.5, lip=192.0.2.1, TLS";
        let address = "203.0.113.5".parse().ok();
        assert_eq!(read(line), Event::Guess { address, account: Some("info"), attempts: 3 });
        assert_eq!(read("imap-login: Login: user=<info>, rip=203.0.113.5"), Event::Other);
        assert_eq!(read("auth-worker(5): sql(info,203.0.113.5): Password mismatch"), Event::Other);
    }
}
