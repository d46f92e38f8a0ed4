use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_database_knows_the_places_of_its_networks_and_of_no_others() {
    let database = GeoDatabase::read(writer::sample()).unwrap();
    let name = |address, name| database.name(ip(address), name);
    assert_eq!(name("192.0.2.9", PlaceName::City).as_deref(), Some("Berlin"));
    assert_eq!(name("198.51.100.1", PlaceName::RegionCode).as_deref(), Some("ENG"));
    assert_eq!(name("2001:db8::5", PlaceName::Country).as_deref(), Some("Japan"));
    assert_eq!(name("::ffff:192.0.2.9", PlaceName::CountryCode).as_deref(), Some("DE"));
    assert_eq!(name("203.0.113.1", PlaceName::City), None, "only its country is known");
    assert_eq!(name("203.0.113.200", PlaceName::Country), None, "beyond the prefix");
    assert_eq!(database.position(ip("198.51.100.1")), Some((51.5085, -0.1257)));
    assert_eq!(database.position(ip("10.0.0.1")), None);
}

#[test]
fn what_is_no_database_or_is_damaged_is_told_and_never_a_panic() {
    assert!(GeoDatabase::read(b"not a database".to_vec()).is_err());
    let whole = writer::sample();
    for at in 0..whole.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut damaged = whole.clone();
            damaged[at] ^= flip;
            if let Ok(database) = GeoDatabase::read(damaged) {
                let _any = database.name(ip("192.0.2.1"), PlaceName::City);
                let _any = database.position(ip("2001:db8::1"));
            }
        }
    }
}

#[test]
fn distances_are_those_of_the_atlas() {
    let (berlin, london, sydney) = ((52.52, 13.405), (51.5074, -0.1278), (-33.8688, 151.2093));
    let within = |from, to, wanted: f64| (distance_km(from, to).unwrap() - wanted).abs() < wanted / 200.0;
    assert!(within(berlin, london, 931.6) && within(london, sydney, 16_994.0));
    assert!(within((0.0, 0.0), (0.0, 180.0), 20_015.0), "the other side of the earth");
    assert_eq!(distance_km(berlin, berlin), Some(0.0));
    for nowhere in [(91.0, 0.0), (0.0, 181.0), (f64::NAN, 0.0), (f64::INFINITY, 0.0)] {
        assert_eq!(distance_km(berlin, nowhere), None);
    }
}
