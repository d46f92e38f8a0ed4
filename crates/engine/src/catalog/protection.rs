//! Protection classes: from what was said to what decides.

use super::check::{Checker, REPEATED, many, named, toml_key};
use super::read::{At, Slot, Text, shown};
use super::virtual_server::Mode;
use super::{ProtectionId, said};
use crate::protection::{AddressLists, ConnectionLimits, ProtectionClass, ProtectionLive, RequestChecks};
use source::{DiagnosticId, nearest};
use std::sync::Arc;
use std::time::Duration;

const UNKNOWN_PROTECTION_CLASS: DiagnosticId = DiagnosticId("unknown-protection-class");

impl Checker<'_> {
    /// `None` where a value was not understood.
    pub(super) fn protection(
        &mut self,
        name: &At<String>,
        table: &said::ProtectionClass,
    ) -> Option<ProtectionClass> {
        let allowed: Vec<_> = many(&table.allowed).iter().map(|network| network.value.0).collect();
        let banned: Vec<_> = many(&table.banned).iter().map(|network| network.value.0).collect();
        for at in many(&table.banned).iter().filter(|at| allowed.contains(&at.value.0)) {
            let message = format!("{} is allowed and banned; it is banned", at.value.0);
            self.doubt(REPEATED, message, at.span, "take it out of one of the lists");
        }
        let is_enabled = table.enabled.value()?.0;
        let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        let limits = ConnectionLimits {
            one: table.max_1_connections.value()?.0,
            ten: table.max_10_connections.value()?.0,
            exempt: table.min_connections.value()?.0,
            rate: table.max_connection_rate.value()?.0,
            timer: Duration::from_secs(u64::from(table.rate_timer.value()?.0)),
        };
        let checks = RequestChecks {
            rfc2396: table.check_rfc2396.value()?.0,
            reject_binary: table.reject_binary.value()?.0,
            url: bytes(table.max_url_length.value()?.0),
            header: bytes(table.max_header_length.value()?.0),
            request: bytes(table.max_request_length.value()?.0),
            body: table.max_body_length.value()?.0,
        };
        let class = ProtectionClass {
            name: Arc::from(name.value.as_str()),
            lists: AddressLists::new(&allowed, &banned),
            limits,
            checks,
            send_error_page: table.send_error_page.value()?.0,
            mode: if table.testing.value()?.0 { Mode::Observe } else { Mode::Enforce },
            log_time: table.log_time.value()?.0,
            // The catalog that is put in force gets the state that is there.
            live: Arc::new(ProtectionLive::new(0)),
        };
        Some(if is_enabled { class } else { class.without_limits() })
    }

    /// The class that a virtual server names.
    pub(super) fn protection_class(
        &mut self,
        slot: &Slot<Text>,
        classes: &[ProtectionClass],
    ) -> Option<ProtectionId> {
        let name = slot.said()?;
        let declared = named(&self.said.protection);
        if !declared.iter().any(|(declared, _)| declared.value == name.value.0) {
            let help = match nearest(&name.value.0, declared.iter().map(|(name, _)| name.value.as_str())) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("declare it as [protection.{}]", toml_key(&name.value.0)),
            };
            let message = format!("there is no protection class `{}`", shown(&name.value.0));
            self.error(UNKNOWN_PROTECTION_CLASS, message, name.span, &help);
        }
        let at = classes.iter().position(|class| *class.name == *name.value.0)?;
        u32::try_from(at).ok().map(ProtectionId)
    }
}
