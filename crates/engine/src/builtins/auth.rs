//! `auth.query`: who a user is.

use super::{LIVE, row};
use crate::errand::{Credentials, Errand, ErrandError, ErrandKind};
use crate::host::{Host, go, refused};
use source::nearest;
use std::sync::Arc;
use trafficscript::{Answer, Builtin, Call, Param};

pub(super) const ROWS: [Builtin<Host>; 1] = [row!(
    "auth.query", "Asks a directory about a user, and whether the password is theirs.",
    (Param::string("authenticator", "Its name in the catalog."), Param::string("user", "The user's name."),
     Param::string("password", "The password; without it the user is only looked up.").optional()),
    Hash, LIVE, Waits, "world auth staff alice secret -> accepted mail=alice@example.com\nworld auth staff alice wrong -> unknown",
    [
        "$u = auth.query( \"staff\", \"alice\", \"secret\" ); $1 = $u[ \"OK\" ] . $u[ \"Error\" ] . $u[ \"mail\" ];" => "1alice@example.com",
        "$u = auth.query( \"staff\", \"alice\", \"wrong\" ); $1 = $u[ \"OK\" ] . $u[ \"Error\" ];" => "0",
        "$u = auth.query( \"nobody\", \"alice\", \"wrong\" ); $1 = $u[ \"Error\" ];" => "there is no authenticator \"nobody\"",
    ],
    "The hash has `OK` (1 if the user is known and the password is theirs, else 0), `Error` (empty, or why the \
     directory could not be asked) and the user's attributes under the directory's names, a text for one value and \
     an array for several. Attributes are given only where `OK` is 1. An empty password is never right. \
     Authenticators stand in the catalog: `[authenticators.NAME]` with `server`, `base_dn` and `filter`; they speak \
     LDAP. A name that is not there is a warning.",
    query,
)];

fn query(call: &mut Call<'_, Host>) -> Answer {
    let name = call.string(0);
    let authenticators = &call.host.catalog.authenticators;
    let found = authenticators.iter().find(|known| known.name.as_bytes() == &name[..]).cloned();
    let Some(authenticator) = found else {
        let shown = String::from_utf8_lossy(&name).into_owned();
        let near = nearest(&shown, authenticators.iter().map(|known| &*known.name));
        let near = near.map_or(String::new(), |near| format!("; did you mean \"{near}\"?"));
        let why = format!("there is no authenticator \"{shown}\"{near}");
        return refused(call, ErrandKind::Authenticate, ErrandError::Refused(why));
    };
    let (user, password) = (call.string(1), call.optional_string(2));
    let time = authenticator.timeout;
    let authenticator = Arc::clone(&authenticator);
    go(call, Errand::Authenticate(Box::new(Credentials { authenticator, user, password })), time)
}
