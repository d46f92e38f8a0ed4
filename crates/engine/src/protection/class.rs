//! A protection class as meant: who is let in, how many connections a client may have, what a request may look like.

use super::lists::{AddressLists, Standing};
use super::live::ProtectionLive;
use super::table::Over;
use crate::catalog::Mode;
use message::{Known, RequestHead};
use shaping::Tick;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// See the module.
#[derive(Clone, Debug)]
pub struct ProtectionClass {
    /// The name in the catalog.
    pub name: Arc<str>,
    /// Who always is let in, and who never.
    pub lists: AddressLists,
    /// For everybody else.
    pub limits: ConnectionLimits,
    /// For requests.
    pub checks: RequestChecks,
    /// Whether who is refused is told so; else the connection is closed.
    pub send_error_page: bool,
    /// `Observe`: what would be refused is counted and let in (`testing`).
    pub mode: Mode,
    /// How often refusals are told of in the log; zero: never.
    pub log_time: Duration,
    /// Who is connected, and what was counted; see [`crate::Shared::protections`].
    pub live: Arc<ProtectionLive>,
}

/// How many connections clients may have. 0 is no limit in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Of one client (an IPv4 address, or the first 64 bits of an IPv6 address), at the same time.
    pub one: u32,
    /// Of the ten busiest clients together, at the same time.
    pub ten: u32,
    /// Who would have no more than so many does not feel `ten`.
    pub exempt: u32,
    /// New connections, and requests on old ones, of one client in any `timer`.
    pub rate: u32,
    /// At least a second.
    pub timer: Duration,
}

/// What a request may look like. 0 is no limit in each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestChecks {
    /// Whether the target may only hold what RFC 2396 lets stand in an address.
    pub rfc2396: bool,
    /// Whether targets and fields that hold binary data are refused, percent-encoded data in targets too: control
    /// bytes (but the tab), and what is no UTF-8.
    pub reject_binary: bool,
    /// Bytes of the target.
    pub url: usize,
    /// Bytes of one field, name and value.
    pub header: usize,
    /// Bytes of all fields.
    pub request: usize,
    /// Bytes of the body.
    pub body: u64,
}

/// Why somebody is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtectionRefusal {
    /// The address is banned.
    Banned,
    /// Too many connections of one client.
    OneClient,
    /// Too many connections of the ten busiest clients.
    TenClients,
    /// Too many connections and requests of one client in a while.
    Rate,
    /// The request holds binary data.
    Binary,
    /// The target is too long.
    UrlTooLong,
    /// A field, or all of them, is too long.
    FieldsTooLong,
    /// The body is too long.
    BodyTooLong,
    /// The target is not as RFC 2396 wants it.
    BadUrl,
}

impl ProtectionRefusal {
    /// The status of the answer.
    pub const fn status(self) -> u16 {
        match self {
            Self::Banned => 403,
            Self::OneClient | Self::Rate => 429,
            Self::TenClients => 503,
            Self::Binary | Self::BadUrl => 400,
            Self::UrlTooLong => 414,
            Self::FieldsTooLong => 431,
            Self::BodyTooLong => 413,
        }
    }

    /// The word for logs and decision records.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Banned => "protection-banned",
            Self::OneClient => "protection-one-client",
            Self::TenClients => "protection-ten-clients",
            Self::Rate => "protection-rate",
            Self::Binary => "protection-binary",
            Self::UrlTooLong => "protection-url-length",
            Self::FieldsTooLong => "protection-header-length",
            Self::BodyTooLong => "protection-body-length",
            Self::BadUrl => "protection-rfc2396",
        }
    }

    /// For the person who reads the answer.
    pub(crate) const fn sentence(self) -> &'static str {
        match self {
            Self::Banned => "This address is not served here.",
            Self::OneClient => {
                "There are too many connections from your network. Please try again in a moment."
            }
            Self::TenClients => "The site has too many connections now. Please try again in a moment.",
            Self::Rate => "There were too many requests from your network. Please try again later.",
            Self::Binary => "The request holds binary data.",
            Self::UrlTooLong => "The address is too long.",
            Self::FieldsTooLong => "The head of the request is too long.",
            Self::BodyTooLong => "The body of the request is too long.",
            Self::BadUrl => "The address holds what may not stand in one.",
        }
    }

    /// After how long another try may do, where one may.
    pub(crate) fn retry_after(self, class: &ProtectionClass) -> Option<Duration> {
        match self {
            Self::OneClient | Self::TenClients => Some(Duration::from_secs(1)),
            Self::Rate => Some(class.limits.timer),
            _ => None,
        }
    }
}

impl From<Over> for ProtectionRefusal {
    fn from(over: Over) -> Self {
        match over {
            Over::One => Self::OneClient,
            Over::Ten => Self::TenClients,
            Over::Rate => Self::Rate,
        }
    }
}

impl ProtectionClass {
    /// The class as it is when it is not enabled.
    pub(crate) fn without_limits(self) -> Self {
        Self {
            lists: AddressLists::default(),
            limits: ConnectionLimits { one: 0, ten: 0, rate: 0, ..self.limits },
            checks: RequestChecks::default(),
            ..self
        }
    }

    /// A new connection of this address, before anything is read from it. The client counts as connected until the
    /// admission is dropped.
    ///
    /// # Errors
    /// It is not served: answer with [`ProtectionRefusal::status`] if [`Self::send_error_page`], and close.
    pub fn admit(&self, client: IpAddr, now: Tick) -> Result<Admission, ProtectionRefusal> {
        let standing = self.lists.standing(client);
        if standing == Some(Standing::Banned) {
            self.judged(ProtectionRefusal::Banned, client)?;
        }
        let place = if standing == Some(Standing::Allowed) {
            None
        } else {
            match self.live.table.enter(client, &self.limits, now) {
                Ok(place) => Some(place),
                Err(over) => {
                    self.judged(over.into(), client)?;
                    Some(self.live.table.enter_anyway(client, &self.limits, now))
                }
            }
        };
        Ok(Admission { live: Arc::clone(&self.live), place })
    }

    /// A request of this client. `is_new`: its connection, or it, was not counted in this class yet.
    ///
    /// # Errors
    /// It is not served.
    pub(crate) fn check(
        &self,
        head: &RequestHead,
        (client, is_counted): (IpAddr, bool),
        now: Tick,
    ) -> Result<(), ProtectionRefusal> {
        let standing = self.lists.standing(client);
        if standing == Some(Standing::Banned) {
            self.judged(ProtectionRefusal::Banned, client)?;
        }
        if !is_counted
            && standing.is_none()
            && let Err(over) = self.live.table.begin(client, &self.limits, now)
        {
            self.judged(over.into(), client)?;
        }
        self.checks.check(head).or_else(|refused| self.judged(refused, client))
    }

    /// A body has grown beyond the limit on its way.
    pub(crate) fn body_is_too_long(&self, client: IpAddr) -> Result<(), ProtectionRefusal> {
        self.judged(ProtectionRefusal::BodyTooLong, client)
    }

    /// Counts a refusal; in testing it is none.
    fn judged(&self, refused: ProtectionRefusal, client: IpAddr) -> Result<(), ProtectionRefusal> {
        self.live.note(refused, client);
        if self.mode == Mode::Observe { Ok(()) } else { Err(refused) }
    }
}

/// That a connection counts in a protection class, as long as this lives.
#[derive(Debug)]
pub struct Admission {
    live: Arc<ProtectionLive>,
    /// `None`: the client is not counted.
    place: Option<super::table::Place>,
}

impl Admission {
    /// Whether it is one of this class, also after a reload.
    pub(crate) fn is_of(&self, class: &ProtectionClass) -> bool {
        Arc::ptr_eq(&self.live, &class.live)
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.live.table.leave(place);
        }
    }
}

impl RequestChecks {
    /// What the head of a request is refused for.
    fn check(&self, head: &RequestHead) -> Result<(), ProtectionRefusal> {
        if *self == Self::default() {
            return Ok(());
        }
        let target = head.target();
        if self.url > 0 && target.len() > self.url {
            return Err(ProtectionRefusal::UrlTooLong);
        }
        if self.rfc2396 && !is_rfc2396(target) {
            return Err(ProtectionRefusal::BadUrl);
        }
        if self.reject_binary && is_binary(&decoded(target)) {
            return Err(ProtectionRefusal::Binary);
        }
        let mut all = 0;
        for (name, value, _) in head.fields().iter() {
            let length = name.len() + value.len();
            all += length;
            if self.header > 0 && length > self.header {
                return Err(ProtectionRefusal::FieldsTooLong);
            }
            if self.reject_binary && is_binary(value) {
                return Err(ProtectionRefusal::Binary);
            }
        }
        if self.request > 0 && all > self.request {
            return Err(ProtectionRefusal::FieldsTooLong);
        }
        let length = head.fields().known(Known::ContentLength);
        let length = length.and_then(|text| std::str::from_utf8(text).ok()?.trim().parse::<u64>().ok());
        if self.body > 0 && length.is_some_and(|length| length > self.body) {
            return Err(ProtectionRefusal::BodyTooLong);
        }
        Ok(())
    }
}

/// RFC 2396, 2: reserved, unreserved, and escapes of two digits.
fn is_rfc2396(target: &[u8]) -> bool {
    let mut rest = target;
    while let [byte, behind @ ..] = rest {
        rest = behind;
        let fits = match byte {
            b'%' => {
                let [a, b, behind @ ..] = rest else { return false };
                rest = behind;
                a.is_ascii_hexdigit() && b.is_ascii_hexdigit()
            }
            _ => byte.is_ascii_alphanumeric() || b";/?:@&=+$,-_.!~*'()".contains(byte),
        };
        if !fits {
            return false;
        }
    }
    true
}

/// With what is percent-encoded decoded once.
fn decoded(target: &[u8]) -> Vec<u8> {
    let digit = |byte: &u8| (*byte as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut out = Vec::with_capacity(target.len());
    let mut rest = target;
    while let [byte, behind @ ..] = rest {
        rest = behind;
        if let (b'%', [high, low, behind @ ..]) = (byte, rest)
            && let (Some(high), Some(low)) = (digit(high), digit(low))
        {
            out.push(high << 4 | low);
            rest = behind;
        } else {
            out.push(*byte);
        }
    }
    out
}

fn is_binary(text: &[u8]) -> bool {
    text.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') || std::str::from_utf8(text).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(target: &str, fields: &[(&str, &[u8])]) -> RequestHead {
        let mut head = RequestHead::default();
        head.set_target(target.as_bytes()).expect("a target");
        head.set_method(b"GET").expect("a method");
        for (name, value) in fields {
            head.fields_mut().add(name.as_bytes(), value).expect("a field");
        }
        head
    }

    fn class(checks: RequestChecks) -> ProtectionClass {
        ProtectionClass {
            name: Arc::from("p"),
            lists: AddressLists::new(&[], &["192.0.2.66/32".parse().expect("a network")]),
            limits: ConnectionLimits { one: 1, ten: 0, exempt: 4, rate: 0, timer: Duration::from_mins(1) },
            checks,
            send_error_page: true,
            mode: Mode::Enforce,
            log_time: Duration::from_mins(1),
            live: Arc::new(ProtectionLive::new(1)),
        }
    }

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const BANNED: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 66));

    fn refusal(checks: RequestChecks, head: &RequestHead) -> Option<ProtectionRefusal> {
        class(checks).check(head, (CLIENT, true), Tick::ZERO).err()
    }

    #[test]
    fn each_size_has_its_limit_and_its_status() {
        let none = RequestChecks::default();
        let long = head("/0123456789", &[("Content-Length", b"100"), ("X-Long", b"0123456789")]);
        assert_eq!(refusal(none, &long), None);
        assert_eq!(refusal(RequestChecks { url: 10, ..none }, &long), Some(ProtectionRefusal::UrlTooLong));
        assert_eq!(refusal(RequestChecks { url: 11, ..none }, &long), None);
        assert_eq!(
            refusal(RequestChecks { header: 16, ..none }, &long),
            Some(ProtectionRefusal::FieldsTooLong)
        );
        assert_eq!(refusal(RequestChecks { header: 17, ..none }, &long), None);
        assert_eq!(
            refusal(RequestChecks { request: 32, ..none }, &long),
            Some(ProtectionRefusal::FieldsTooLong)
        );
        assert_eq!(refusal(RequestChecks { request: 33, ..none }, &long), None);
        assert_eq!(refusal(RequestChecks { body: 99, ..none }, &long), Some(ProtectionRefusal::BodyTooLong));
        assert_eq!(refusal(RequestChecks { body: 100, ..none }, &long), None);
        assert_eq!(ProtectionRefusal::BodyTooLong.status(), 413);
    }

    #[test]
    fn addresses_are_held_to_rfc2396_only_where_that_is_wanted() {
        let strict = RequestChecks { rfc2396: true, ..RequestChecks::default() };
        assert_eq!(refusal(strict, &head("/a(b)~c?x=1&y=%2F", &[])), None);
        for bad in ["/a|b", "/%zz", "/%4", "/a\"b", "/{x}"] {
            assert_eq!(refusal(strict, &head(bad, &[])), Some(ProtectionRefusal::BadUrl), "{bad}");
            assert_eq!(refusal(RequestChecks::default(), &head(bad, &[])), None, "{bad}");
        }
    }

    #[test]
    fn binary_data_is_found_behind_percent_signs_and_letters_of_the_world_are_none() {
        let strict = RequestChecks { reject_binary: true, ..RequestChecks::default() };
        assert_eq!(refusal(strict, &head("/caf%C3%A9", &[("X-A", "é\t".as_bytes())])), None);
        assert_eq!(refusal(strict, &head("/a%00b", &[])), Some(ProtectionRefusal::Binary));
        assert_eq!(refusal(strict, &head("/a%ff", &[])), Some(ProtectionRefusal::Binary));
        assert_eq!(refusal(strict, &head("/", &[("X-A", b"\xff")])), Some(ProtectionRefusal::Binary));
    }

    #[test]
    fn in_testing_everybody_is_let_in_and_counted() {
        let class = ProtectionClass { mode: Mode::Observe, ..class(RequestChecks::default()) };
        let first = class.admit(CLIENT, Tick::ZERO).expect("nobody is refused");
        let second = class.admit(CLIENT, Tick::ZERO).expect("nobody is refused");
        let _banned = class.admit(BANNED, Tick::ZERO).expect("nobody is refused");
        assert_eq!(class.live.counters().refusal_conc1_ip.value(), 1);
        assert_eq!(class.live.counters().refusal_ip.value(), 1);
        assert_eq!(class.live.counters().total_refusal.value(), 2);
        drop((first, second));
    }

    #[test]
    fn a_connection_counts_until_it_is_over() {
        let class = class(RequestChecks::default());
        assert_eq!(class.admit(BANNED, Tick::ZERO).err(), Some(ProtectionRefusal::Banned));
        let admission = class.admit(CLIENT, Tick::ZERO).expect("the first");
        assert_eq!(class.admit(CLIENT, Tick::ZERO).err(), Some(ProtectionRefusal::OneClient));
        drop(admission);
        class.admit(CLIENT, Tick::ZERO).expect("room again");
    }
}
