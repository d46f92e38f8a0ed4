//! The JSON Schema of `tidegate.toml`, for editors.

use super::said::Catalog;
use schemars::generate::SchemaSettings;

/// The schema (draft 2020-12), made from the same declarations that the reader is made from.
pub fn schema() -> serde_json::Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Catalog>();
    schema.insert("title".to_owned(), "tidegate.toml".into());
    schema.to_value()
}
