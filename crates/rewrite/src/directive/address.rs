//! Addresses and networks, as `apr_ipsubnet_create` reads them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressRange {
    /// Version 4: network and mask. The mask may have holes (`255.0.255.0`).
    V4(u32, u32),
    /// Version 6: network and mask.
    V6(u128, u128),
}

impl AddressRange {
    /// Reads `10`, `10.1.`, `192.0.2.1`, `192.0.2.0/24`, `192.0.2.0/255.255.255.0`, `2001:db8::/32`.
    pub(crate) fn read(text: &[u8]) -> Result<Self, AddressError> {
        let text = std::str::from_utf8(text).map_err(|_| AddressError::NoAddress)?;
        let (address, mask) =
            text.split_once('/').map_or((text, None), |(address, mask)| (address, Some(mask)));
        if address.is_empty() {
            return Err(AddressError::Address);
        }
        let looks =
            address.contains(':') || address.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        if !looks {
            return Err(AddressError::NoAddress);
        }
        if let Ok(address) = address.parse::<Ipv6Addr>() {
            // Apache takes no address of version 4 in this form.
            if address.to_ipv4_mapped().is_some() {
                return Err(AddressError::Address);
            }
            let bits = mask.map_or(Ok(128), |mask| bits(mask, 128))?;
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            return Ok(Self::V6(u128::from(address), mask));
        }
        match address.parse::<Ipv4Addr>() {
            Ok(address) => range_v4(address, mask),
            Err(_) if mask.is_none() && !address.contains(':') => {
                beginning(address).ok_or(AddressError::Address)
            }
            Err(_) => Err(AddressError::Address),
        }
    }

    /// Whether an address is one of them. A version 4 address that is written as version 6 (`::ffff:a.b.c.d`) counts as
    /// version 4.
    pub fn holds(self, address: IpAddr) -> bool {
        match (self, address.to_canonical()) {
            (Self::V4(network, mask), IpAddr::V4(address)) => u32::from(address) & mask == network & mask,
            (Self::V6(network, mask), IpAddr::V6(address)) => u128::from(address) & mask == network & mask,
            _ => false,
        }
    }
}

/// Why a text is no range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddressError {
    /// It does not look like an address.
    NoAddress,
    /// It looks like one and is none.
    Address,
    /// The mask is none.
    Mask,
}

fn bits(text: &str, most: u32) -> Result<u32, AddressError> {
    text.parse().ok().filter(|bits| (1..=most).contains(bits)).ok_or(AddressError::Mask)
}

fn range_v4(address: Ipv4Addr, mask: Option<&str>) -> Result<AddressRange, AddressError> {
    let mask = match mask {
        None => u32::MAX,
        Some(mask) => match mask.parse::<Ipv4Addr>() {
            Ok(mask) => u32::from(mask),
            Err(_) => u32::MAX.checked_shl(32 - bits(mask, 32)?).unwrap_or(0),
        },
    };
    Ok(AddressRange::V4(u32::from(address), mask))
}

/// The first numbers of an address of version 4.
fn beginning(text: &str) -> Option<AddressRange> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let (mut network, mut mask) = (0_u32, 0_u32);
    for (index, number) in text.split('.').enumerate() {
        let shift = 24_u32.checked_sub(u32::try_from(index).ok()? * 8)?;
        network |= u32::from(number.parse::<u8>().ok()?) << shift;
        mask |= 0xff << shift;
    }
    Some(AddressRange::V4(network, mask))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(range: &str, address: &str) -> bool {
        AddressRange::read(range.as_bytes()).unwrap().holds(address.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn addresses_are_read_as_apache_reads_them() {
        assert!(holds("127", "127.9.9.9") && !holds("127", "128.0.0.1"));
        assert!(holds("10.1.", "10.1.2.3") && !holds("10.1.", "10.2.2.3"));
        assert!(holds("192.0.2.0/255.255.255.0", "192.0.2.7") && holds("127.0.0.01", "127.0.0.1"));
        assert!(holds("192.0.2.7/24", "::ffff:192.0.2.1") && holds("1.2.3.4.", "1.2.3.4"));
        assert!(holds("2001:db8::/32", "2001:db8::9") && !holds("::1", "::2"));
        let read = |text: &str| AddressRange::read(text.as_bytes());
        assert_eq!(read("300.1.1.1"), Err(AddressError::Address));
        assert_eq!(read("1.2.3.4/33"), Err(AddressError::Mask));
        assert_eq!(read("0.0.0.0/0"), Err(AddressError::Mask));
        assert_eq!(read("10.1/16"), Err(AddressError::Address));
        assert_eq!(read("a.example"), Err(AddressError::NoAddress));
        assert_eq!(read("1.2.3.4,5.6.7.8"), Err(AddressError::NoAddress));
    }
}
