//! An HTTP head as a value: what `http1`, `engine` and `rewrite` hand to each other.
//!
//! It must not know wires, sockets or rules. A head is one buffer and offsets into it, so that filling it copies
//! once, a reused head allocates nothing, and the case and order of what was sent are kept:
//!
//! ```text
//! buffer   Host: a.example\r\nCookie: mark=1; b=2\r\n … edits are appended here
//!          ^name ^value       ^name   ^value
//! entries  [Host, 0..4, 6..15] [Cookie, 17..23, 25..36]      `Known` is computed once
//! ```
//!
//! Whatever is put in through [`Fields::add`], [`Fields::set`] and the constructors is checked: CR, LF, NUL and other
//! control bytes never reach a head through this door.
//!
//! ```
//! use message::{Known, RequestHead, Version};
//! let mut head = RequestHead::new(b"GET", b"/song.mp3?a=1", Version::Http11).unwrap();
//! head.fields_mut().add(b"Referer", b"http://a.example/").unwrap();
//! assert_eq!(head.fields().known(Known::Referer), Some(b"http://a.example/".as_slice()));
//! assert_eq!(head.path(), b"/song.mp3");
//! assert!(head.fields_mut().set(b"X", b"a\r\nSet-Cookie: b").is_err());
//! ```

mod check;
mod cookies;
mod fields;
mod forwarded;
mod head;
mod known;
mod status;

pub use check::{is_field_value, is_target, is_token};
pub use cookies::Cookies;
pub use fields::{Fields, InvalidField, Line, Lines};
pub use forwarded::{ForwardedElement, ForwardedNode, forwarded_elements, write_forwarded_element};
pub use head::{InvalidLine, RequestHead, ResponseHead, Version};
pub use known::Known;
pub use status::reason_of;
