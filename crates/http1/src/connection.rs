//! What a peer says about its connection, and which fields end at the next hop.
#![warn(clippy::indexing_slicing)]

use message::{Fields, Known};

use crate::shadow::{is_forwarded, is_shadow};

/// The options of all `Connection` fields of a head. Made by [`connection_options`].
#[derive(Clone, Copy, Debug)]
pub struct ConnectionOptions<'a> {
    /// `close`: this is the last message on the connection.
    pub close: bool,
    /// `keep-alive`: an HTTP/1.0 peer wants to go on.
    pub keep_alive: bool,
    /// `upgrade`: the `Upgrade` field is meant.
    pub upgrade: bool,
    /// The fields, if names other than the three above were given.
    named: Option<&'a Fields>,
}

/// Reads all `Connection` fields of a head. Costs one test of a bit where there is none.
#[inline]
pub fn connection_options(fields: &Fields) -> ConnectionOptions<'_> {
    let options = ConnectionOptions { close: false, keep_alive: false, upgrade: false, named: None };
    if fields.has(Known::Connection) { options.read(fields) } else { options }
}

impl<'a> ConnectionOptions<'a> {
    // Not inlined, so that the test of the bit is.
    #[inline(never)]
    fn read(mut self, fields: &'a Fields) -> Self {
        for value in fields.all_known(Known::Connection) {
            // Nearly always one word.
            if !self.take(value) {
                self.take_list(value, fields);
            }
        }
        self
    }

    /// Notes one of the three words that we know; `false` for others.
    #[inline]
    fn take(&mut self, option: &[u8]) -> bool {
        // Two of the words are field names as well, and those are found by comparing words.
        match Known::of(option) {
            Known::KeepAlive => self.keep_alive = true,
            Known::Upgrade => self.upgrade = true,
            _ if option.eq_ignore_ascii_case(b"close") => self.close = true,
            _ => return false,
        }
        true
    }

    #[cold]
    fn take_list(&mut self, value: &[u8], fields: &'a Fields) {
        for option in options_in(value) {
            if !self.take(option) {
                self.named = Some(fields);
            }
        }
    }

    /// The options other than `close`, `keep-alive` and `upgrade`, as sent.
    pub fn others(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.named.into_iter().flat_map(listed).filter(|option| {
            ![b"close".as_slice(), b"keep-alive", b"upgrade"]
                .iter()
                .any(|known| option.eq_ignore_ascii_case(known))
        })
    }

    /// Whether a field of this head ends here and is not passed on. `Upgrade` and `Connection` are among them: who
    /// passes an upgrade on writes both anew.
    ///
    /// A peer may name further fields in `Connection`, but only such that nobody on the way depends on: every name in
    /// [`Known`] and all of `X-Forwarded-*` pass on whatever it says, else a client could strip its own address,
    /// cookie, host or length from what the node sees.
    ///
    /// Names such as `Content_Length` or `X_Forwarded_For`, which a gateway behind us would read as the framing or
    /// forwarding field with `-`, end here too.
    #[inline]
    pub fn is_hop_by_hop(&self, name: &[u8], known: Known) -> bool {
        match known {
            Known::Connection
            | Known::KeepAlive
            | Known::ProxyConnection
            | Known::Proxy
            | Known::ProxyAuthenticate
            | Known::ProxyAuthorization
            | Known::Te
            | Known::TransferEncoding
            | Known::Upgrade
            | Known::Http2Settings => true,
            Known::Other => is_shadow(name) || (self.named.is_some() && self.strips(name)),
            _ => false,
        }
    }

    #[cold]
    fn strips(&self, name: &[u8]) -> bool {
        !is_forwarded(name) && self.others().any(|option| option.eq_ignore_ascii_case(name))
    }
}

fn listed(fields: &Fields) -> impl Iterator<Item = &[u8]> {
    fields.all_known(Known::Connection).flat_map(options_in)
}

fn options_in(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|option| !option.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(lines: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::new();
        for (name, value) in lines {
            fields.add(name.as_bytes(), value.as_bytes()).unwrap();
        }
        fields
    }

    #[test]
    fn options_are_read_from_all_fields_in_any_case() {
        let fields = head(&[("Connection", "Close, x-a ,,"), ("connection", "UPGRADE\t, X-B")]);
        let options = connection_options(&fields);
        assert!(options.close && options.upgrade && !options.keep_alive);
        assert_eq!(options.others().collect::<Vec<_>>(), [b"x-a".as_slice(), b"X-B"]);
        let none = head(&[("X-A", "close")]);
        assert!(!connection_options(&none).close);
        assert_eq!(connection_options(&none).others().count(), 0);
    }

    #[test]
    fn named_fields_end_here_but_never_one_that_somebody_depends_on() {
        let fields = head(&[(
            "Connection",
            "X-Mine, X-Forwarded-For, x-forwarded-port, Host, Content-Length, Cookie, Via, Forwarded, Referer, close",
        )]);
        let options = connection_options(&fields);
        let ends = |name: &str| options.is_hop_by_hop(name.as_bytes(), Known::of(name.as_bytes()));
        assert!(ends("x-mine"));
        for name in [
            "X-Forwarded-For",
            "X-Forwarded-Port",
            "Host",
            "Content-Length",
            "Cookie",
            "Via",
            "Forwarded",
            "Referer",
        ] {
            assert!(!ends(name), "{name}");
        }
        for name in
            ["Connection", "Keep-Alive", "TE", "Transfer-Encoding", "Upgrade", "Proxy", "Proxy-Connection"]
        {
            assert!(ends(name), "{name}");
        }
        assert!(!ends("X-Other"));
        for name in
            ["Content_Length", "Transfer_Encoding", "x_forwarded_for", "X-Forwarded_Port", "Keep_Alive"]
        {
            assert!(ends(name), "{name}");
        }
        assert!(!ends("X_Other") && !ends("Content_Type"));
    }
}
