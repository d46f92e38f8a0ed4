//! What an editor and a manual want to know of rules and functions: pure functions over the table of functions and
//! the text of a rule.

mod function;

pub use function::FunctionDoc;
