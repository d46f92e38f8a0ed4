//! Who counts as one client where shares are to be fair.

use core::net::IpAddr;

/// The network of a client: an IPv4 address, or the first 64 bits of an IPv6 address, since whoever has one of these
/// addresses has them all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientNetwork(u64);

impl ClientNetwork {
    /// The network of an address. An IPv4 address that is written as IPv6 is the IPv4 address.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            // beside all networks of the world, which begin elsewhere
            IpAddr::V4(address) => Self(0xffff_0000_0000 | u64::from(address.to_bits())),
            IpAddr::V6(address) => Self(u64::try_from(address.to_bits() >> 64).unwrap_or(0)),
        }
    }

    pub(crate) const fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::ClientNetwork;

    #[test]
    fn a_client_is_an_address_or_the_first_64_bits_of_one() {
        let of = |text: &str| ClientNetwork::of(text.parse().expect("an address"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.1"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::2"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    }
}
