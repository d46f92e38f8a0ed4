//! What an editor and a manual want to know of rules and functions: pure functions over the table of functions and
//! the text of a rule, which may be half written.

mod complete;
mod cursor;
mod function;
mod lookup;
#[cfg(test)]
mod tests;

pub use complete::{Completion, CompletionKind, complete};
pub use function::FunctionDoc;
pub use lookup::{Definition, Hover, SignatureHint, Symbol, definition, hover, signature, symbols};
