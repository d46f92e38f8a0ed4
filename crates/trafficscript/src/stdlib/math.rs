//! Numbers.

use super::row;
use crate::builtin::{Answer, Builtin, Host, Param};
use crate::call::Call;
use crate::value::{Number, Value};

/// The first double that is too great for an integer.
const TOO_GREAT: f64 = 9_223_372_036_854_775_808.0;

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn rows<H: Host>() -> Vec<Builtin<H>> {
    vec![
        row!(
            "math.random", "A random integer below another.",
            (Param::integer("range", "One more than the greatest.")),
            Integer, Reads, ["math.random( 1 )" => "0", "math.random( 6 ) < 6" => "1"],
            "From 0 to `range` - 1, all alike; nobody can foresee it. A range below 1 is a warning and 0.",
            random
        ),
        row!(
            "math.floor", "The greatest integer that is not above a number.",
            (Param::double("value", "The number.")),
            Integer, Pure, ["math.floor( 3.75 )" => "3", "math.floor( -3.25 )" => "-4"],
            "A double, where it has more than 64 bits.",
            |call| whole(call, f64::floor)
        ),
        row!(
            "math.ceil", "The least integer that is not below a number.",
            (Param::double("value", "The number.")),
            Integer, Pure, ["math.ceil( 3.25 )" => "4", "math.ceil( -3.75 )" => "-3"],
            "A double, where it has more than 64 bits.",
            |call| whole(call, f64::ceil)
        ),
        row!(
            "math.rint", "The integer that is nearest to a number.",
            (Param::double("value", "The number.")),
            Integer, Pure, ["math.rint( 3.75 )" => "4", "math.rint( 2.5 )" => "2", "math.rint( 3.5 )" => "4"],
            "Halves go to the even one, as with C's `rint`; a cast to an integer (`lang.toInt`) rounds them away from 0. A \
             double, where it has more than 64 bits.",
            |call| whole(call, f64::round_ties_even)
        ),
        row!(
            "math.fabs", "A number without its sign, as a double.",
            (Param::double("value", "The number.")),
            Double, Pure, ["math.fabs( -1.5 )" => "1.5"],
            "As C's `fabs`.",
            |call| call.double(0).abs().into()
        ),
        row!(
            "math.sqrt", "The square root of a number.",
            (Param::double("value", "The number.")),
            Double, Pure, ["math.sqrt( 2.25 )" => "1.5", "math.sqrt( -1 )" => "nan"],
            "Of a number below 0 it is no number, written `nan`.",
            |call| call.double(0).sqrt().into()
        ),
        row!(
            "math.pow", "A number raised to a power.",
            (Param::double("value", "The number."), Param::double("power", "The power.")),
            Double, Pure,
            ["math.pow( 2, 10 )" => "1024", "math.pow( 2.25, 0.5 )" => "1.5", "math.pow( 2, 40 )" => "1099511627776"],
            "Two integers give an integer where it fits into 64 bits. What is no number is written `nan`, what is \
             too great for one `inf`.",
            power
        ),
        row!(
            "math.exp", "e raised to a power.",
            (Param::double("power", "The power.")),
            Double, Pure, ["math.exp( 1 )" => "2.71828"],
            "What is too great for a number is written `inf`.",
            |call| call.double(0).exp().into()
        ),
        row!(
            "math.ln", "The natural logarithm of a number.",
            (Param::double("value", "The number.")),
            Double, Pure, ["math.ln( math.exp( 2 ) )" => "2"],
            "Of 0 it is `-inf`; of a number below 0 it is no number, `nan`.",
            |call| call.double(0).ln().into()
        ),
        row!(
            "math.log", "The logarithm of a number to base 10.",
            (Param::double("value", "The number.")),
            Double, Pure, ["math.log( 1000 )" => "3"],
            "Of 0 it is `-inf`; of a number below 0 it is no number, `nan`.",
            |call| call.double(0).log10().into()
        ),
        row!(
            "math.sin", "The sine of an angle.",
            (Param::double("angle", "The angle in radians.")),
            Double, Pure, ["math.sin( 0.5 )" => "0.479426"],
            "Of an infinite angle it is no number, `nan`.",
            |call| call.double(0).sin().into()
        ),
        row!(
            "math.cos", "The cosine of an angle.",
            (Param::double("angle", "The angle in radians.")),
            Double, Pure, ["math.cos( 0 )" => "1"],
            "Of an infinite angle it is no number, `nan`.",
            |call| call.double(0).cos().into()
        ),
        row!(
            "math.tan", "The tangent of an angle.",
            (Param::double("angle", "The angle in radians.")),
            Double, Pure, ["math.tan( 0.5 )" => "0.546302"],
            "Of an infinite angle it is no number, `nan`.",
            |call| call.double(0).tan().into()
        ),
        row!(
            "math.asin", "The angle that has a sine.",
            (Param::double("value", "The sine, -1 to 1.")),
            Double, Pure, ["math.asin( 1 )" => "1.5708"],
            "In radians, from -π/2 to π/2. Of anything else it is no number, `nan`.",
            |call| call.double(0).asin().into()
        ),
        row!(
            "math.acos", "The angle that has a cosine.",
            (Param::double("value", "The cosine, -1 to 1.")),
            Double, Pure, ["math.acos( -1 )" => "3.14159"],
            "In radians, from 0 to π. Of anything else it is no number, `nan`.",
            |call| call.double(0).acos().into()
        ),
        row!(
            "math.atan", "The angle that has a tangent.",
            (Param::double("value", "The tangent.")),
            Double, Pure, ["math.atan( 1 )" => "0.785398"],
            "In radians, from -π/2 to π/2.",
            |call| call.double(0).atan().into()
        ),
    ]
}

fn random<H: Host>(call: &mut Call<'_, H>) -> Answer {
    let Some(range) = u128::try_from(call.integer(0)).ok().filter(|range| *range > 0) else {
        call.warn("math.random is asked for a number below 0");
        return 0.into();
    };
    // Of twice as many bits as the range can have, so that no number is favoured by more than one in 2⁶⁴.
    let mut drawn = [0; 16];
    call.host.random(&mut drawn);
    let number = u128::from_le_bytes(drawn) % range;
    i64::try_from(number).unwrap_or(0).into()
}

fn whole<H: Host>(call: &mut Call<'_, H>, round: fn(f64) -> f64) -> Answer {
    let value = match call.argument(0).map(Value::to_number) {
        Some(Number::Integer(value)) => return value.into(),
        Some(Number::Double(value)) => round(value),
        None => 0.0,
    };
    if (-TOO_GREAT..TOO_GREAT).contains(&value) {
        return crate::number::round(value).into();
    }
    value.into()
}

fn power<H: Host>(call: &mut Call<'_, H>) -> Answer {
    let numbers = (call.argument(0).map(Value::to_number), call.argument(1).map(Value::to_number));
    if let (Some(Number::Integer(value)), Some(Number::Integer(power))) = numbers
        && let Ok(power) = u32::try_from(power)
        && let Some(exact) = value.checked_pow(power)
    {
        return exact.into();
    }
    call.double(0).powf(call.double(1)).into()
}
