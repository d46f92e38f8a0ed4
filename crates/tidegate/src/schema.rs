//! `tidegate schema`.

use crate::verdict::Verdict;
use std::io::Write;

/// Prints the JSON Schema of the catalog, made from the types that read it.
pub(crate) fn run() -> anyhow::Result<Verdict> {
    let schema = serde_json::to_string_pretty(&engine::catalog::schema())?;
    writeln!(std::io::stdout().lock(), "{schema}")?;
    Ok(Verdict::Good)
}
