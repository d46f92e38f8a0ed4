//! Functions whose feature is not part of tidegate yet. They can be called, and give what the function reference has
//! for a connection without the feature; `check` says so, once for each function.

use super::{BOTH, REQUEST, row};
use crate::host::Host;
use trafficscript::{Builtin, Param};

/// What such a function does until its feature is there, for a message; `None` for all others.
pub fn reason(function: &str) -> Option<&'static str> {
    match function {
        "http.cache.exists" | "http.cache.respondIfCached" => Some("gives 0 until answers are cached here"),
        "http.cache.disable" | "http.cache.enable" | "http.cache.setkey" => {
            Some("changes nothing until answers are cached here")
        }
        "http.compress.disable" | "http.compress.enable" => {
            Some("changes nothing until answers are compressed here")
        }
        "connection.setPersistence" | "connection.setPersistenceKey" => Some(
            "changes nothing until there are session persistence classes; connection.setPersistenceNode names a node",
        ),
        "connection.setServiceLevelClass" => Some("changes nothing until there are service level classes"),
        "slm.conforming" | "slm.isOK" | "slm.threshold" => {
            Some("tells of no class until there are service level classes: all is well")
        }
        _ => None,
    }
}

const POOL: Param =
    Param::string("pool", "The pool whose answer it would be; the virtual server's own without it.");
const CACHE: &str = "Answers are not cached here yet: each request goes to a node. `tidegate check` says so.";
const COMPRESS: &str = "Answers are passed on as the node coded them; nothing is compressed here yet. \
                        `tidegate check` says so.";

pub(super) const ROWS: [Builtin<Host>; 7] = [
    row!(
        "http.cache.disable", "Keeps the answer to this request out of the cache.",
        (), Nothing, BOTH, Changes, "", ["http.cache.disable()" => ""], CACHE, |_| "".into(),
    ),
    row!(
        "http.cache.enable", "Lets the answer to this request be cached.",
        (), Nothing, BOTH, Changes, "", ["http.cache.enable()" => ""], CACHE, |_| "".into(),
    ),
    row!(
        "http.cache.exists", "Whether there is an answer to this request in the cache.",
        (POOL.optional()), Truth, REQUEST, Reads, "", ["http.cache.exists()" => "0"], CACHE, |_| 0.into(),
    ),
    row!(
        "http.cache.respondIfCached", "Answers from the cache, if the answer is there; then no further rule runs.",
        (POOL.optional()), Truth, REQUEST, Changes, "",
        ["http.cache.respondIfCached( \"web\" )" => "0"], CACHE, |_| 0.into(),
    ),
    row!(
        "http.cache.setkey", "Adds a text to what tells answers in the cache apart.",
        (Param::string("key", "The text.")),
        Nothing, BOTH, Changes, "", ["http.cache.setkey( \"de\" )" => ""], CACHE, |_| "".into(),
    ),
    row!(
        "http.compress.disable", "Keeps the answer from being compressed.",
        (), Nothing, BOTH, Changes, "", ["http.compress.disable()" => ""], COMPRESS, |_| "".into(),
    ),
    row!(
        "http.compress.enable", "Lets the answer be compressed.",
        (), Integer, BOTH, Changes, "", ["http.compress.enable()" => "1"],
        "0 where the answer will be compressed, another number where not. Answers are passed on as the node coded them; \
         nothing is compressed here yet, so it is 1. `tidegate check` says so.",
        |_| 1.into(),
    ),
];
