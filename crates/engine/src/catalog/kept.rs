//! What the catalog brings along for rules to read: a database of places, files, the environment, room for data.

use super::check::Checker;
use super::read::BAD_VALUE;
use super::units::size_text;
use super::{Catalog, DataLimits, Files};
use crate::geo::GeoDatabase;
use crate::limits;
use crate::resources::Resources;

/// The folder of files for rules, beside the catalog.
const EXTRA: &str = "extra";

impl Checker<'_> {
    /// Fills in what rules can read besides the request.
    pub(super) fn kept_for_rules(&mut self, catalog: &mut Catalog) {
        let files = self.files;
        if let Some(data) = self.said.data.value() {
            catalog.data = DataLimits {
                max: data.max_bytes.value().copied().unwrap_or_default(),
                local_max: data.local_max_bytes.value().copied().unwrap_or_default(),
            };
        }
        if let Some(settings) = self.said.settings.value() {
            let listed = super::check::many(&settings.environment);
            catalog.environment = listed.iter().map(|name| name.value.0.clone()).collect();
        }
        catalog.geo = self.geo_database(files);
        catalog.resources = Resources::load(&self.folder.join(EXTRA), files, self.diagnostics);
    }

    fn geo_database(&mut self, files: &dyn Files) -> Option<GeoDatabase> {
        let named = self.said.settings.value()?.geo_database.said()?;
        let path = self.folder.join(&named.value.0);
        let shown = path.display();
        let facts = files.facts(&path);
        let read = if facts.bytes > limits::GEO_DATABASE_BYTES_MAX {
            Err(format!("it is larger than {}", size_text(limits::GEO_DATABASE_BYTES_MAX)))
        } else {
            files.read(&path)
        };
        let error = match read {
            Ok(bytes) => match GeoDatabase::read(bytes) {
                Ok(database) => return Some(database),
                Err(why) => format!("{shown} is no database of places: {why}"),
            },
            Err(why) => format!("cannot read {shown}: {why}"),
        };
        self.error(BAD_VALUE, error, named.span, "");
        None
    }
}
