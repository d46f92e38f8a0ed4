//! `geo.*`: where an address is, by the database that the catalog names, and how far places are apart.

use super::{EVERYWHERE, row};
use crate::geo::{KM_PER_MILE, PlaceName, distance_km};
use crate::host::Host;
use std::net::IpAddr;
use trafficscript::{Answer, Builtin, Call, Param, Value};

const IP: Param = Param::string("ip", "An IPv4 or IPv6 address.");
const NAME: &str = "As the database that `geo_database` in `[settings]` names has it, in English. The empty string \
where the database does not know it, where the catalog names no database, and, with a warning, for what is no address.";
const POSITION: &str = "In degrees, by the database that `geo_database` in `[settings]` names. -1 where the database \
does not know it, where the catalog names no database, and, with a warning, for what is no address; a place can be at \
-1 too, so ask `geo.getCountryCode` if in doubt.";
const DISTANCE: &str = "Over the ground, on a ball of the earth's mean radius (6371.0088 km); off by up to 0.5 %. \
Latitudes are -90 to 90 degrees, longitudes -180 to 180; -1 with a warning for others.";
const IP_DISTANCE: &str = "Between the places where the database has the two addresses, over the ground. -1 where it \
does not know one of them, where the catalog names no database, and, with a warning, for what is no address.";

const PLACES: [Param; 4] = [
    Param::double("latitude1", "Of the first place, in degrees, north positive."),
    Param::double("longitude1", "Of the first place, in degrees, east positive."),
    Param::double("latitude2", "Of the second place."),
    Param::double("longitude2", "Of the second place."),
];

pub(super) const ROWS: [Builtin<Host>; 11] = [
    row!(
        "geo.getCountry", "The name of the country of an address.",
        (IP), String, EVERYWHERE, Reads, "",
        ["geo.getCountry( request.getRemoteIP() )" => "Germany", "geo.getCountry( \"10.0.0.1\" )" => ""],
        NAME, |call| name(call, PlaceName::Country),
    ),
    row!(
        "geo.getCountryCode", "The two letters (ISO 3166) of the country of an address.",
        (IP), String, EVERYWHERE, Reads, "", ["geo.getCountryCode( \"2001:db8::1\" )" => "JP"],
        NAME, |call| name(call, PlaceName::CountryCode),
    ),
    row!(
        "geo.getRegion", "The name of the region (state, county) of an address.",
        (IP), String, EVERYWHERE, Reads, "", ["geo.getRegion( \"198.51.100.7\" )" => "England"],
        NAME, |call| name(call, PlaceName::Region),
    ),
    row!(
        "geo.getRegionCode", "The code (ISO 3166-2, without the country) of the region of an address.",
        (IP), String, EVERYWHERE, Reads, "", ["geo.getRegionCode( \"198.51.100.7\" )" => "ENG"],
        NAME, |call| name(call, PlaceName::RegionCode),
    ),
    row!(
        "geo.getCity", "The name of the city of an address.",
        (IP), String, EVERYWHERE, Reads, "", ["geo.getCity( \"192.0.2.1\" )" => "Berlin"],
        NAME, |call| name(call, PlaceName::City),
    ),
    row!(
        "geo.getLatitude", "How far north an address is.",
        (IP), Double, EVERYWHERE, Reads, "",
        ["geo.getLatitude( \"192.0.2.1\" )" => "52.5244", "geo.getLatitude( \"10.0.0.1\" )" => "-1"],
        POSITION, |call| coordinate(call, |(latitude, _)| latitude),
    ),
    row!(
        "geo.getLongitude", "How far east an address is.",
        (IP), Double, EVERYWHERE, Reads, "", ["geo.getLongitude( \"198.51.100.7\" )" => "-0.1257"],
        POSITION, |call| coordinate(call, |(_, longitude)| longitude),
    ),
    row!(
        "geo.getDistanceKM", "The kilometres between two places.",
        (PLACES[0], PLACES[1], PLACES[2], PLACES[3]), Double, EVERYWHERE, Pure, "",
        ["string.sprintf( \"%.0f\", geo.getDistanceKM( 52.52, 13.405, 51.5074, -0.1278 ) )" => "932"],
        DISTANCE, |call| distance(call, 1.0),
    ),
    row!(
        "geo.getDistanceMiles", "The miles between two places.",
        (PLACES[0], PLACES[1], PLACES[2], PLACES[3]), Double, EVERYWHERE, Pure, "",
        ["string.sprintf( \"%.0f\", geo.getDistanceMiles( 52.52, 13.405, 51.5074, -0.1278 ) )" => "579"],
        DISTANCE, |call| distance(call, KM_PER_MILE),
    ),
    row!(
        "geo.getIPDistanceKM", "The kilometres between two addresses.",
        (IP, Param::string("other", "Another address.")), Double, EVERYWHERE, Reads, "",
        ["string.sprintf( \"%.0f\", geo.getIPDistanceKM( \"192.0.2.1\", \"198.51.100.1\" ) )" => "932",
         "geo.getIPDistanceKM( \"192.0.2.1\", \"10.0.0.1\" )" => "-1"],
        IP_DISTANCE, |call| ip_distance(call, 1.0),
    ),
    row!(
        "geo.getIPDistanceMiles", "The miles between two addresses.",
        (IP, Param::string("other", "Another address.")), Double, EVERYWHERE, Reads, "",
        ["string.sprintf( \"%.0f\", geo.getIPDistanceMiles( \"192.0.2.1\", \"198.51.100.1\" ) )" => "579"],
        IP_DISTANCE, |call| ip_distance(call, KM_PER_MILE),
    ),
];

/// What stands for a number that is not known.
const UNKNOWN: i64 = -1;

fn address(call: &mut Call<'_, Host>, at: usize) -> Option<IpAddr> {
    let text = call.string(at);
    let address = std::str::from_utf8(&text).ok().and_then(|text| text.trim().parse().ok());
    if address.is_none() {
        call.warn(format!("\"{text}\" is no IP address"));
    }
    address
}

fn name(call: &mut Call<'_, Host>, what: PlaceName) -> Answer {
    let Some(address) = address(call, 0) else { return "".into() };
    let found = call.host.catalog.geo.as_ref().and_then(|geo| geo.name(address, what));
    found.unwrap_or_default().into()
}

fn position(call: &mut Call<'_, Host>, at: usize) -> Option<(f64, f64)> {
    let address = address(call, at)?;
    call.host.catalog.geo.as_ref()?.position(address)
}

fn coordinate(call: &mut Call<'_, Host>, which: fn((f64, f64)) -> f64) -> Answer {
    position(call, 0).map_or(UNKNOWN.into(), |position| which(position).into())
}

fn distance(call: &mut Call<'_, Host>, km_per_unit: f64) -> Answer {
    let is_number = |at: usize| match call.argument(at) {
        Some(Value::String(text)) => text.iter().any(u8::is_ascii_digit),
        Some(other) => matches!(other, Value::Integer(_) | Value::Double(_)),
        None => false,
    };
    if !(0..4).all(is_number) {
        // Such as the empty latitude of an address that nobody knows.
        return UNKNOWN.into();
    }
    let places = ((call.double(0), call.double(1)), (call.double(2), call.double(3)));
    let Some(km) = distance_km(places.0, places.1) else {
        call.warn("a latitude is -90 to 90 degrees, a longitude -180 to 180");
        return UNKNOWN.into();
    };
    (km / km_per_unit).into()
}

fn ip_distance(call: &mut Call<'_, Host>, km_per_unit: f64) -> Answer {
    let (from, to) = (position(call, 0), position(call, 1));
    let km = from.zip(to).and_then(|(from, to)| distance_km(from, to));
    km.map_or(UNKNOWN.into(), |km| (km / km_per_unit).into())
}
