//! Where on earth an address is: a database in MaxMind's format, and distances.

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod writer;

use maxminddb::{PathElement, Reader, path};
use std::net::IpAddr;

/// The mean radius of the earth (IUGG), in kilometres. The earth is not a ball: distances are off by up to 0.5 %.
const EARTH_RADIUS_KM: f64 = 6371.0088;

/// Kilometres of a mile (the international one).
pub(crate) const KM_PER_MILE: f64 = 1.609_344;

/// A database that was read whole.
pub struct GeoDatabase(Reader<Vec<u8>>);

impl std::fmt::Debug for GeoDatabase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("GeoDatabase").field(&self.0.metadata().database_type).finish()
    }
}

/// What a database calls a place by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlaceName {
    Country,
    CountryCode,
    Region,
    RegionCode,
    City,
}

impl GeoDatabase {
    /// Reads a file's bytes.
    ///
    /// # Errors
    /// Why it is no such database, in words for an operator.
    pub(crate) fn read(bytes: Vec<u8>) -> Result<Self, String> {
        Reader::from_source(bytes).map(Self).map_err(|error| error.to_string())
    }

    /// A name of the address's place, in English; `None` where the database has none (or is damaged there).
    pub(crate) fn name(&self, address: IpAddr, name: PlaceName) -> Option<String> {
        match name {
            PlaceName::Country => self.field(address, &path!["country", "names", "en"]),
            PlaceName::CountryCode => self.field(address, &path!["country", "iso_code"]),
            PlaceName::Region => self.field(address, &path!["subdivisions", 0, "names", "en"]),
            PlaceName::RegionCode => self.field(address, &path!["subdivisions", 0, "iso_code"]),
            PlaceName::City => self.field(address, &path!["city", "names", "en"]),
        }
    }

    /// Latitude and longitude in degrees, north and east positive.
    pub(crate) fn position(&self, address: IpAddr) -> Option<(f64, f64)> {
        let latitude = self.field(address, &path!["location", "latitude"])?;
        Some((latitude, self.field(address, &path!["location", "longitude"])?))
    }

    fn field<T: serde::de::DeserializeOwned>(&self, address: IpAddr, path: &[PathElement<'_>]) -> Option<T> {
        let found = self.0.lookup(address.to_canonical()).ok()?;
        found.decode_path(path).ok()?
    }
}

/// The way over the ground between two places given in degrees (haversine); `None` where one is not on earth.
pub(crate) fn distance_km(from: (f64, f64), to: (f64, f64)) -> Option<f64> {
    let is_on_earth = |(latitude, longitude): (f64, f64)| latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
    if !is_on_earth(from) || !is_on_earth(to) {
        return None;
    }
    let half_sine = |angle: f64| (angle.to_radians() / 2.0).sin().powi(2);
    let across = from.0.to_radians().cos() * to.0.to_radians().cos() * half_sine(to.1 - from.1);
    let chord = (half_sine(to.0 - from.0) + across).clamp(0.0, 1.0);
    Some(2.0 * EARTH_RADIUS_KM * chord.sqrt().asin())
}
