//! Text that people wrote, and messages that point into it.
//!
//! Rules, catalogs and (later) `.htaccess` files are all a [`Source`]; what is wrong with one is a
//! [`Diagnostic`] whose labels are byte ranges ([`Span`]) of it. The crate must not know any language.
//!
//! ```
//! use source::{Diagnostic, DiagnosticId, Source, Span};
//! use std::sync::Arc;
//!
//! let text = Arc::new(Source::new("a.rts", "$n = string.lenght(1);"));
//! let wrong = Diagnostic::error(DiagnosticId("unknown-function"), "no function `string.lenght`")
//!     .at(&text, Span::new(5, 18), "not a function")
//!     .help("did you mean `string.length`?");
//! assert_eq!(wrong.place().map(|place| (place.line, place.column)), Some((1, 6)));
//! assert!(wrong.one_line().starts_with("a.rts:1:6: error"));
//! ```

mod diagnostic;
mod nearest;
mod render;
mod text;

pub use diagnostic::{Diagnostic, DiagnosticId, Label, Place, Severity};
pub use nearest::nearest;
pub use render::{PlainDiagnostic, render_human};
pub use text::{Position, Source, Span};
