//! Writes small databases in MaxMind's format, for tests. The library that reads them is not ours, so it says whether
//! they are right.

use std::net::IpAddr;

/// What is known of a network; empty texts and no position are left out.
pub(crate) struct Entry {
    /// Address and length of the prefix.
    pub(crate) network: (&'static str, u32),
    /// Code and name.
    pub(crate) country: (&'static str, &'static str),
    /// Code and name.
    pub(crate) region: (&'static str, &'static str),
    pub(crate) city: &'static str,
    pub(crate) position: Option<(f64, f64)>,
}

/// The database of tests and of the specification (`spec/README.md` describes it).
pub(crate) fn sample() -> Vec<u8> {
    database(&[
        Entry {
            network: ("192.0.2.0", 24),
            country: ("DE", "Germany"),
            region: ("BE", "Land Berlin"),
            city: "Berlin",
            position: Some((52.5244, 13.4105)),
        },
        Entry {
            network: ("198.51.100.0", 24),
            country: ("GB", "United Kingdom"),
            region: ("ENG", "England"),
            city: "London",
            position: Some((51.5085, -0.1257)),
        },
        Entry {
            network: ("203.0.113.0", 25),
            country: ("FR", "France"),
            region: ("", ""),
            city: "",
            position: None,
        },
        Entry {
            network: ("2001:db8::", 32),
            country: ("JP", "Japan"),
            region: ("13", "Tokyo"),
            city: "Tokyo",
            position: Some((35.6895, 139.6917)),
        },
    ])
}

/// Where a bit of an address leads.
#[derive(Clone, Copy)]
enum Branch {
    Nowhere,
    Node(u32),
    Data(u32),
}

/// The bytes of a database.
pub(crate) fn database(entries: &[Entry]) -> Vec<u8> {
    let mut nodes = vec![[Branch::Nowhere; 2]];
    let mut data = Vec::new();
    for entry in entries {
        let offset = u32::try_from(data.len()).unwrap();
        write_entry(&mut data, entry);
        // IPv4 stands under ::/96.
        let (bits, length) = match entry.network.0.parse().unwrap() {
            IpAddr::V4(address) => (u128::from(address.to_bits()), entry.network.1 + 96),
            IpAddr::V6(address) => (address.to_bits(), entry.network.1),
        };
        let mut at = 0;
        for depth in 0..length {
            let side = usize::from(bits >> (127 - depth) & 1 == 1);
            if depth + 1 == length {
                nodes[at][side] = Branch::Data(offset);
            } else if let Branch::Node(next) = nodes[at][side] {
                at = next as usize;
            } else {
                let next = nodes.len();
                nodes.push([Branch::Nowhere; 2]);
                nodes[at][side] = Branch::Node(u32::try_from(next).unwrap());
                at = next;
            }
        }
    }
    let count = u32::try_from(nodes.len()).unwrap();
    let mut out = Vec::new();
    for branch in nodes.iter().flatten() {
        let record = match branch {
            Branch::Nowhere => count,
            Branch::Node(number) => *number,
            // Offsets of data begin behind the tree and 16 empty bytes.
            Branch::Data(offset) => count + 16 + offset,
        };
        out.extend_from_slice(&record.to_be_bytes()[1..]);
    }
    out.extend_from_slice(&[0; 16]);
    out.append(&mut data);
    out.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    write_metadata(&mut out, count);
    out
}

const STRING: u8 = 2;
const DOUBLE: u8 = 3;
const UINT16: u8 = 5;
const UINT32: u8 = 6;
const MAP: u8 = 7;
const UINT64: u8 = 9;
const ARRAY: u8 = 11;

fn head(out: &mut Vec<u8>, kind: u8, size: usize) {
    assert!(size < 29, "longer sizes are not needed here");
    let size = u8::try_from(size).unwrap();
    if kind > 7 { out.extend_from_slice(&[size, kind - 7]) } else { out.push(kind << 5 | size) }
}

fn text(out: &mut Vec<u8>, text: &str) {
    head(out, STRING, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn double(out: &mut Vec<u8>, number: f64) {
    head(out, DOUBLE, 8);
    out.extend_from_slice(&number.to_be_bytes());
}

/// `{ iso_code, names: { en } }`
fn named(out: &mut Vec<u8>, code: &str, name: &str) {
    head(out, MAP, if code.is_empty() { 1 } else { 2 });
    if !code.is_empty() {
        text(out, "iso_code");
        text(out, code);
    }
    text(out, "names");
    head(out, MAP, 1);
    text(out, "en");
    text(out, name);
}

fn write_entry(out: &mut Vec<u8>, entry: &Entry) {
    let has_region = !entry.region.1.is_empty();
    let has_city = !entry.city.is_empty();
    head(out, MAP, 1 + [has_region, has_city, entry.position.is_some()].iter().filter(|has| **has).count());
    text(out, "country");
    named(out, entry.country.0, entry.country.1);
    if has_region {
        text(out, "subdivisions");
        head(out, ARRAY, 1);
        named(out, entry.region.0, entry.region.1);
    }
    if has_city {
        text(out, "city");
        named(out, "", entry.city);
    }
    if let Some((latitude, longitude)) = entry.position {
        text(out, "location");
        head(out, MAP, 2);
        text(out, "latitude");
        double(out, latitude);
        text(out, "longitude");
        double(out, longitude);
    }
}

fn write_metadata(out: &mut Vec<u8>, nodes: u32) {
    head(out, MAP, 9);
    for (name, number) in [
        ("binary_format_major_version", 2_u16),
        ("binary_format_minor_version", 0),
        ("record_size", 24),
        ("ip_version", 6),
    ] {
        text(out, name);
        head(out, UINT16, 2);
        out.extend_from_slice(&number.to_be_bytes());
    }
    text(out, "node_count");
    head(out, UINT32, 4);
    out.extend_from_slice(&nodes.to_be_bytes());
    text(out, "build_epoch");
    head(out, UINT64, 8);
    out.extend_from_slice(&1_767_225_600_u64.to_be_bytes());
    text(out, "database_type");
    text(out, "Test-City");
    text(out, "description");
    head(out, MAP, 0);
    text(out, "languages");
    head(out, ARRAY, 1);
    text(out, "en");
}
