//! What `rate.*` does with a class that admits by spare capacity.

use crate::decision::RateResult;
use crate::host::{Asker, Host};
use shaping::SpareClass;
use std::sync::Arc;
use trafficscript::Call;

/// Who asks.
pub(super) fn asker(call: &mut Call<'_, Host>, context: Option<&[u8]>) -> Asker {
    let class = call.bytes(0);
    call.host.asker(&class, context)
}

/// For a rule that observes: whether there is room now. How long it would have waited nobody can say.
pub(super) fn looked_at(
    call: &mut Call<'_, Host>,
    class: &Arc<SpareClass>,
    context: Option<&[u8]>,
) -> RateResult {
    let place = call.place();
    let has_room = call.host.needs_no_place(class, place) || class.peek(asker(call, context).entrant());
    if has_room { RateResult::Started } else { RateResult::OverLimit }
}

/// `rate.use.noQueue`.
pub(super) fn try_start(call: &mut Call<'_, Host>, class: Arc<SpareClass>, context: Option<&[u8]>) -> bool {
    if call.host.observes() {
        return looked_at(call, &class, context) == RateResult::Started;
    }
    let place = call.place();
    if call.host.needs_no_place(&class, place) {
        return true;
    }
    let now = call.host.now.tick;
    let started = class.try_start(asker(call, context).entrant(), now);
    if started {
        call.host.come_in(class);
    }
    started
}

/// The decision is marked where the spare capacity cannot be known.
pub(super) fn tell_if_unknown(call: &mut Call<'_, Host>) {
    let place = call.place();
    call.host.tell_if_bearing_is_unknown(place);
}
