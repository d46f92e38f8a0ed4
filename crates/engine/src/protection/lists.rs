//! Networks that are always let in, and networks that never are.

use ipnet::IpNet;
use std::net::IpAddr;

/// What the lists say of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Past the limits on connections, and past wider networks that are banned.
    Allowed,
    /// Never served.
    Banned,
}

/// Both lists as disjoint ranges, so that looking up is one binary search however many networks there are. Of all
/// networks that hold an address the smallest decides; of the same network in both lists, `banned`.
#[derive(Clone, Debug, Default)]
pub struct AddressLists {
    /// First address, last address (both as IPv6) and what holds there; ascending.
    ranges: Box<[(u128, u128, Standing)]>,
}

impl AddressLists {
    /// From the networks of the two lists.
    pub fn new(allowed: &[IpNet], banned: &[IpNet]) -> Self {
        let listed = |networks: &[IpNet], standing| {
            networks.iter().map(|network| (bounds(network), standing)).collect::<Vec<_>>()
        };
        let mut networks = listed(allowed, Standing::Allowed);
        networks.extend(listed(banned, Standing::Banned));
        // Networks nest or are apart: in this order each stands behind those that hold it.
        networks.sort_unstable_by_key(|((first, last), standing)| (*first, u128::MAX - last, *standing));
        let mut ranges = Ranges::default();
        let mut open: Vec<(u128, Standing)> = Vec::new();
        for ((first, last), standing) in networks {
            while let Some((end, holds)) = open.last().copied().filter(|(end, _)| *end < first) {
                ranges.up_to(end, holds);
                open.pop();
            }
            if let Some((_, holds)) = open.last().copied() {
                ranges.before(first, holds);
            }
            ranges.begin_at(first);
            open.push((last, standing));
        }
        while let Some((end, holds)) = open.pop() {
            ranges.up_to(end, holds);
        }
        Self { ranges: ranges.done.into_boxed_slice() }
    }

    /// What holds for an address; `None` if it is in neither list. Of an IPv4 address that is written as IPv6 what
    /// holds for the IPv4 address.
    pub fn standing(&self, address: IpAddr) -> Option<Standing> {
        if self.ranges.is_empty() {
            return None;
        }
        let address = bits(address);
        let behind = self.ranges.partition_point(|(first, _, _)| *first <= address);
        let (_, last, standing) = self.ranges.get(behind.checked_sub(1)?)?;
        (address <= *last).then_some(*standing)
    }
}

/// Ranges as they come to an end, from left to right.
#[derive(Default)]
struct Ranges {
    done: Vec<(u128, u128, Standing)>,
    /// Where what is not done begins; `None` behind the last address of all.
    at: Option<u128>,
}

impl Ranges {
    fn begin_at(&mut self, first: u128) {
        self.at = Some(first);
    }

    /// What holds from here on holds up to and with `end`.
    fn up_to(&mut self, end: u128, holds: Standing) {
        let Some(at) = self.at.filter(|at| *at <= end) else { return };
        match self.done.last_mut() {
            Some((_, last, standing)) if *standing == holds && last.checked_add(1) == Some(at) => *last = end,
            _ => self.done.push((at, end, holds)),
        }
        self.at = end.checked_add(1);
    }

    fn before(&mut self, end: u128, holds: Standing) {
        if let Some(last) = end.checked_sub(1) {
            self.up_to(last, holds);
        }
    }
}

fn bits(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn bounds(network: &IpNet) -> (u128, u128) {
    let of = |address| match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    };
    (of(network.network()), of(network.broadcast()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().expect("a network")).collect()
    }

    #[test]
    fn the_smallest_network_that_holds_an_address_decides() {
        let lists = AddressLists::new(
            &nets(&["10.1.0.0/16", "10.1.2.3/32", "2001:db8:1::/48"]),
            &nets(&["10.0.0.0/8", "10.1.2.0/24", "2001:db8::/32", "255.255.255.255/32"]),
        );
        let of = |text: &str| lists.standing(text.parse().expect("an address"));
        assert_eq!(of("10.0.0.0"), Some(Standing::Banned));
        assert_eq!(of("10.1.0.0"), Some(Standing::Allowed));
        assert_eq!(of("10.1.2.2"), Some(Standing::Banned));
        assert_eq!(of("10.1.2.3"), Some(Standing::Allowed));
        assert_eq!(of("10.1.2.4"), Some(Standing::Banned));
        assert_eq!(of("10.1.3.0"), Some(Standing::Allowed));
        assert_eq!(of("10.2.0.0"), Some(Standing::Banned));
        assert_eq!(of("10.255.255.255"), Some(Standing::Banned));
        assert_eq!(of("11.0.0.0"), None);
        assert_eq!(of("9.255.255.255"), None);
        assert_eq!(of("::ffff:10.0.0.1"), Some(Standing::Banned));
        assert_eq!(of("255.255.255.255"), Some(Standing::Banned));
        assert_eq!(of("2001:db8:1::5"), Some(Standing::Allowed));
        assert_eq!(of("2001:db8:2::5"), Some(Standing::Banned));
        assert_eq!(of("2001:db9::"), None);
    }

    #[test]
    fn a_network_in_both_lists_is_banned() {
        let lists = AddressLists::new(&nets(&["192.0.2.0/24"]), &nets(&["192.0.2.0/24"]));
        assert_eq!(lists.standing([192, 0, 2, 9].into()), Some(Standing::Banned));
    }

    /// The ranges against the plain way of looking at every network.
    #[test]
    fn ranges_say_what_a_search_through_all_networks_says() {
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        let mut draw = move |below: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % below
        };
        for _ in 0..200 {
            let mut lists: [Vec<IpNet>; 2] = Default::default();
            for _ in 0..12 {
                let length = u8::try_from(24 + draw(9)).expect("small");
                let address = [10, 0, 0, u8::try_from(draw(256)).expect("small")];
                let list = usize::try_from(draw(2)).expect("small");
                lists[list].push(IpNet::new(address.into(), length).expect("a length").trunc());
            }
            let [allowed, banned] = &lists;
            let ranges = AddressLists::new(allowed, banned);
            for last in 0..=255_u8 {
                let address = IpAddr::from([10, 0, 0, last]);
                let longest = |networks: &[IpNet]| {
                    let holding = networks.iter().filter(|network| network.contains(&address));
                    holding.map(IpNet::prefix_len).max()
                };
                let expected = match (longest(allowed), longest(banned)) {
                    (None, None) => None,
                    (a, b) if a > b => Some(Standing::Allowed),
                    _ => Some(Standing::Banned),
                };
                assert_eq!(ranges.standing(address), expected, "{address} in {lists:?}");
            }
        }
    }
}
