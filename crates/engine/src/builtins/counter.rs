//! `counter.*`: numbers that rules count with, shown among the process's own counters.

use super::{EVERYWHERE, row};
use crate::counters::USER_COUNTERS;
use crate::host::Host;
use trafficscript::{Answer, Builtin, Call, Param};

const NUMBER: Param = Param::integer("counter", "Which one, 1 to 10.");
const AMOUNT: Param = Param::integer("amount", "How much; 1 without it. 32 bits with a sign.");
const DOC: &str = "They begin at 0 with the process, are shared by all rules, outlive reloads, and are shown as \
`user_counter_1` and so on among the counters. The answer is the new value. A number that is not 1 to 10, or an amount \
beyond 32 bits, is a warning, and the answer is 0. A rule that only observes counts nothing, and is answered what the \
value would have been.";

pub(super) const ROWS: [Builtin<Host>; 2] = [
    row!(
        "counter.increment", "Adds to one of ten counters of 32 bits.",
        (NUMBER, AMOUNT.optional()), Integer, EVERYWHERE, Changes, "",
        ["counter.increment( 1 ); $1 = counter.increment( 1, 5 );" => "6", "counter.increment( 11 )" => "0"],
        DOC,
        |call| add(call, Width::Bits32),
    ),
    row!(
        "counter64.increment", "Adds to one of ten counters of 64 bits.",
        (NUMBER, AMOUNT.optional()), Integer, EVERYWHERE, Changes, "",
        ["counter64.increment( 10, 2147483647 )" => "2147483647", "counter64.increment( 10, 2147483648 )" => "0"],
        "As `counter.increment`, with other counters, `user_counter64_1` and so on, that do not run over at \
         4,294,967,296.",
        |call| add(call, Width::Bits64),
    ),
];

#[derive(Clone, Copy)]
enum Width {
    Bits32,
    Bits64,
}

fn add(call: &mut Call<'_, Host>, width: Width) -> Answer {
    let number = call.integer(0);
    let amount = call.optional_integer(1).unwrap_or(1);
    let place =
        number.checked_sub(1).and_then(|at| usize::try_from(at).ok()).filter(|at| *at < USER_COUNTERS);
    let Some(place) = place else {
        call.warn(format!("there is no counter {number}: they are 1 to {USER_COUNTERS}"));
        return 0.into();
    };
    let Ok(amount) = i32::try_from(amount) else {
        call.warn(format!("{amount} is more than a counter can be incremented by at once"));
        return 0.into();
    };
    // An amount of nothing only looks.
    let (done, rest) = if call.host.observes() { (0, amount) } else { (amount, 0) };
    let users = &call.host.shared.counters().user;
    match width {
        Width::Bits32 => i64::from(users.add32(place, done).wrapping_add_signed(rest)).into(),
        Width::Bits64 => {
            let value = users.add64(place, i64::from(done)).wrapping_add_signed(i64::from(rest));
            value.cast_signed().into()
        }
    }
}
