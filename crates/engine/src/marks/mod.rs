//! Marks: cookies by which rules know again whom they have marked. What a client can forge, alter, keep for ever or
//! throw away is no mark, so they are signed (`seal`), with keys that change (`keys`), and remembered (`memory`).
//!
//! ```text
//! answer   Set-Cookie: slashdot=1; Path=/  ──seal──▶  slashdot=v1.Kb3x.1795381200.3600.3q2-….1; Path=/
//!                                          └─remember─▶ memory of the virtual server
//! request  Cookie: slashdot=v1.Kb3x.…      ──open──▶  Cookie: slashdot=1     before anybody reads it
//!          no such cookie                  ──recall─▶ http.getCookie answers from memory
//! ```

mod keys;
mod memory;
mod seal;

pub use keys::{BadMarkKeys, MARK_KEY_BYTES, MARK_KEYS_TEXT_BYTES_MAX, MarkKeys};
pub use memory::MarkMemory;
pub(crate) use memory::{Asked, Given, Recalled, Sameness, Who};
pub use seal::open_any;
pub(crate) use seal::{NoMark, Place, Terms, open, seal};

use crate::catalog::VirtualServer;
use crate::shared::Shared;
use crate::time::Now;
use message::RequestHead;

impl Shared {
    /// Signs the marks in a request that somebody made up, as if its client had got them from this virtual server now:
    /// for whoever tries out rules. Other cookies stay as they are.
    pub fn sign_marks(&self, server: &VirtualServer, request: &mut RequestHead, now: Now) {
        let is_mark =
            |name: &[u8]| server.marks.names.iter().any(|mark| mark.is_signed && *mark.name == *name);
        if !request.fields().cookies().any(|(name, _)| is_mark(name)) {
            return;
        }
        let keys = self.mark_keys();
        let pairs: Vec<Vec<u8>> = request
            .fields()
            .cookies()
            .map(|(name, value)| {
                let place = Place { virtual_server: &server.name, cookie: name };
                let sealed =
                    is_mark(name).then(|| seal(&keys, place, value, server.marks.lasts, now.wall)).flatten();
                [name, b"=", sealed.as_deref().unwrap_or(value)].concat()
            })
            .collect();
        // A sealed value holds only what cookies can.
        let _fits = request.fields_mut().set(b"Cookie", &pairs.join(&b"; "[..]));
    }
}
