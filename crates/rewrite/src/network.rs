//! Addresses and networks that come as texts while a request is evaluated.

use crate::directive::AddressRange;
use std::net::{Ipv4Addr, Ipv6Addr};

/// A network: `10`, `10.1.`, `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `2001:db8::/32`, or an address.
pub(crate) fn range(text: &[u8]) -> Option<AddressRange> {
    let text = std::str::from_utf8(text).ok()?;
    let (address, mask) = match text.split_once('/') {
        Some((address, mask)) => (address, Some(mask)),
        None => (text, None),
    };
    if address.contains(':') {
        let address = u128::from(address.parse::<Ipv6Addr>().ok()?);
        let bits = mask.map_or(Some(128), |mask| mask.parse::<u32>().ok())?;
        let mask = u128::MAX.checked_shl(128_u32.checked_sub(bits)?).unwrap_or(0);
        return Some(AddressRange::V6(address, mask));
    }
    let parts: Vec<&str> = address.trim_end_matches('.').split('.').collect();
    if parts.len() > 4 {
        return None;
    }
    let mut network = 0_u32;
    for part in &parts {
        network = network << 8 | u32::from(part.parse::<u8>().ok()?);
    }
    let given = 8 * u32::try_from(parts.len()).ok()?;
    network = network.checked_shl(32 - given).unwrap_or(0);
    let prefix = |bits: u32| Some(u32::MAX.checked_shl(32_u32.checked_sub(bits)?).unwrap_or(0));
    let mask = match mask {
        None => prefix(given)?,
        Some(mask) if mask.contains('.') => u32::from(mask.parse::<Ipv4Addr>().ok()?),
        Some(mask) => prefix(mask.parse().ok()?)?,
    };
    Some(AddressRange::V4(network, mask))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_as_apache_reads_them() {
        let holds = |network: &str, address: &str| {
            range(network.as_bytes()).is_some_and(|range| range.holds(address.parse().unwrap()))
        };
        assert!(holds("10", "10.9.8.7"));
        assert!(holds("10.1.", "10.1.2.3"));
        assert!(!holds("10.1", "10.2.2.3"));
        assert!(holds("10.0.0.0/8", "10.2.2.3"));
        assert!(holds("10.0.0.0/255.0.0.0", "10.2.2.3"));
        assert!(holds("2001:db8::/32", "2001:db8:1::1"));
        assert!(!holds("2001:db8::/32", "10.0.0.1"));
        assert!(holds("0.0.0.0/0", "9.9.9.9"));
        assert!(!holds("nonsense", "9.9.9.9"));
        assert!(!holds("10.0.0.0/33", "10.0.0.0"));
    }
}
