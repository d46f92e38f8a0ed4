//! Whether a request is served at all: its protection class, before any rule.

use super::{Next, Origin, Transaction, outcome};
use crate::protection::{ProtectionClass, ProtectionRefusal};

impl Transaction {
    fn protection(&self) -> Option<&ProtectionClass> {
        self.host.catalog.protection(self.host.arrival.virtual_server)
    }

    /// Asks the protection class of the virtual server. A connection that it has not let in yet, because the request
    /// names another virtual server than that of the address, is asked about first.
    #[inline]
    pub(super) fn is_turned_away(&self) -> Option<ProtectionRefusal> {
        self.host.virtual_server().protection?;
        self.protection().and_then(|class| self.asks(class).err())
    }

    fn asks(&self, class: &ProtectionClass) -> Result<(), ProtectionRefusal> {
        let (connection, now) = (&self.host.connection, self.host.now.tick);
        let client = self.host.arrival.client;
        // The connections of a proxy that speaks for others are not those of one client.
        let is_own = client.to_canonical() == connection.facts().peer.ip().to_canonical();
        let was_admitted = connection.is_admitted(class);
        if is_own && !was_admitted {
            connection.hold(class.admit(client, now)?);
        }
        let is_counted = is_own && (!was_admitted || self.host.arrival.request_number == 1);
        class.check(&self.host.request, (client, is_counted), now)
    }

    /// The longest body the client may send; `None` for any length. One that does not say its length is measured on
    /// its way, with [`Self::body_is_too_long`].
    pub fn body_bytes_max(&self) -> Option<u64> {
        self.host.virtual_server().protection?;
        self.protection().map(|class| class.checks.body).filter(|most| *most > 0)
    }

    /// The client's body has passed [`Self::body_bytes_max`]; whether it is refused for that.
    pub fn body_is_too_long(&self) -> bool {
        let client = self.host.arrival.client;
        self.protection().is_some_and(|class| class.body_is_too_long(client).is_err())
    }

    pub(super) fn turn_away(&mut self, refused: ProtectionRefusal) -> Next {
        let Some(class) = self.protection() else { return self.request_rules() };
        let (is_told, retry_after) = (class.send_error_page, refused.retry_after(class));
        if !is_told {
            let next = self.discard();
            self.origin = Origin::Error(refused.word());
            return next;
        }
        self.origin = Origin::Error(refused.word());
        let mut built = self.error_page(refused.status(), refused.sentence());
        if let Some(length) = retry_after {
            built.fields.push(outcome::retry_after(length));
        }
        self.answer_with(built)
    }
}
