//! `string.sprintf`.

use super::row;
use crate::builtin::{Answer, Builtin, Host, Param};
use crate::call::Call;
use crate::fault::FaultKind;
use crate::value::Value;

/// Widest field and most digits.
const WIDTH_MAX: usize = 4096;

pub(super) fn rows<H: Host>() -> Vec<Builtin<H>> {
    vec![row!(
        "string.sprintf", "Values in a text, formatted.",
        (Param::string("format", "Text with `%s` (a string), `%d` (an integer), `%f` (a double), `%c` (a byte by its \
             number) and `%%`."),
         Param::any("values", "One for each.").repeated()),
        String, Pure,
        ["string.sprintf( \"%3d|%-4s|%05.1f|%c%%\", 7, \"ab\", 2.25, 65 )" => "  7|ab  |002.2|A%",
         "string.sprintf( \"%f\", 1.5 )" => "1.500000", "string.sprintf( \"%+d %.3d\", 5, 7 )" => "+5 007"],
        "Between `%` and the letter may stand flags (`-`: to the left; `0`: numbers are filled up with zeros; `+` or a \
         blank: in front of numbers from 0 on), a width and, after a `.`, the number of decimals, of digits, or of bytes \
         of a string. Width and precision are 4,096 at most. Another letter is a warning and stays as it is; a value too \
         few is a warning and counts as the empty string; one too many is left out.",
        |call| sprintf(call).unwrap_or_else(Answer::Fault)
    )]
}

#[derive(Default)]
struct Field {
    is_left: bool,
    is_zero_filled: bool,
    /// What stands in front of a number that is not below 0.
    plus: Option<u8>,
    width: usize,
    precision: Option<usize>,
    /// Whether width or precision was more than there may be.
    is_cut: bool,
}

fn sprintf<H: Host>(call: &mut Call<'_, H>) -> Result<Answer, FaultKind> {
    let format = call.bytes(0);
    let mut out = Vec::with_capacity(format.len() + 16);
    let mut rest: &[u8] = &format;
    let mut next = 1;
    let mut warned = Warned::default();
    while let Some(at) = memchr::memchr(b'%', rest) {
        let (plain, directive) = rest.split_at(at);
        out.extend_from_slice(plain);
        // Each is work of its own, however short the format.
        call.burn(1)?;
        let (field, after) = field(directive.get(1..).unwrap_or(&[]));
        let letter = after.first().copied();
        let is_known = matches!(letter, Some(b's' | b'd' | b'f' | b'c' | b'%'));
        rest = after.get(1..).unwrap_or(&[]);
        match letter {
            Some(b'%') => out.push(b'%'),
            Some(letter) if is_known => {
                if next >= call.argument_count() {
                    warned.once(call, "string.sprintf has fewer values than its format wants");
                }
                if field.is_cut {
                    warned.once(call, "string.sprintf is asked for a field of more than 4096 bytes");
                }
                put(call, &mut out, next, letter, &field);
                next += 1;
            }
            _ => {
                warned.once(call, "string.sprintf knows %s, %d, %f, %c and %% only");
                let length = directive.len() - rest.len();
                out.extend_from_slice(directive.get(..length).unwrap_or(&[]));
            }
        }
        if out.len() > call.memory_left() {
            return Err(call.out_of_memory());
        }
    }
    out.extend_from_slice(rest);
    Ok(out.into())
}

/// What has been said: once is enough, however often a format has it.
#[derive(Default)]
struct Warned(Vec<&'static str>);

impl Warned {
    fn once<H: Host>(&mut self, call: &mut Call<'_, H>, text: &'static str) {
        if !self.0.contains(&text) {
            self.0.push(text);
            call.warn(text);
        }
    }
}

/// Flags, width and precision, and what follows them.
fn field(directive: &[u8]) -> (Field, &[u8]) {
    let mut field = Field::default();
    let mut rest = directive;
    while let [flag @ (b'-' | b'0' | b'+' | b' '), after @ ..] = rest {
        match flag {
            b'-' => field.is_left = true,
            b'0' => field.is_zero_filled = true,
            b' ' => field.plus = field.plus.or(Some(b' ')),
            _ => field.plus = Some(b'+'),
        }
        rest = after;
    }
    (field.width, rest) = number(rest, &mut field.is_cut);
    if let [b'.', after @ ..] = rest {
        let (precision, after) = number(after, &mut field.is_cut);
        field.precision = Some(precision);
        rest = after;
    }
    (field, rest)
}

fn number<'a>(text: &'a [u8], is_cut: &mut bool) -> (usize, &'a [u8]) {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (shown, rest) = text.split_at(digits);
    let value = shown
        .iter()
        .fold(0_usize, |value, byte| value.saturating_mul(10).saturating_add(usize::from(byte - b'0')));
    *is_cut |= value > WIDTH_MAX;
    (value.min(WIDTH_MAX), rest)
}

fn put<H: Host>(call: &mut Call<'_, H>, out: &mut Vec<u8>, at: usize, letter: u8, field: &Field) {
    match letter {
        b'd' => {
            let value = call.integer(at);
            let digits = format!("{:0>1$}", value.unsigned_abs(), field.precision.unwrap_or(0));
            // As in C, a number of digits ends the filling with zeros.
            put_number(out, value < 0, &digits, field, field.precision.is_none());
        }
        b'f' => {
            let value = call.double(at);
            let digits = format!("{:.*}", field.precision.unwrap_or(6), value.abs());
            put_number(out, value.is_sign_negative() && !value.is_nan(), &digits, field, value.is_finite());
        }
        b'c' => put_text(out, &[byte(call.argument(at))], field),
        _ => {
            let text = call.bytes(at);
            put_text(out, text.get(..field.precision.unwrap_or(usize::MAX)).unwrap_or(&text), field);
        }
    }
}

/// The low eight bits.
pub(super) fn byte(value: Option<&Value>) -> u8 {
    let code = value.map_or(0, Value::to_integer);
    u8::try_from(code & 0xff).unwrap_or(0)
}

fn put_text(out: &mut Vec<u8>, text: &[u8], field: &Field) {
    let blanks = field.width.saturating_sub(text.len());
    let (before, after) = if field.is_left { (0, blanks) } else { (blanks, 0) };
    out.extend(std::iter::repeat_n(b' ', before));
    out.extend_from_slice(text);
    out.extend(std::iter::repeat_n(b' ', after));
}

fn put_number(out: &mut Vec<u8>, is_negative: bool, digits: &str, field: &Field, may_be_filled: bool) {
    let sign = if is_negative { Some(b'-') } else { field.plus };
    let zeros = if field.is_zero_filled && !field.is_left && may_be_filled {
        field.width.saturating_sub(digits.len() + usize::from(sign.is_some()))
    } else {
        0
    };
    let mut text: Vec<u8> = sign.into_iter().collect();
    text.extend(std::iter::repeat_n(b'0', zeros));
    text.extend_from_slice(digits.as_bytes());
    put_text(out, &text, field);
}
