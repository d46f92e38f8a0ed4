//! `string.sprintf`.

use super::row;
use crate::builtin::{Answer, Builtin, Host, Param};
use crate::call::Call;
use crate::value::Value;

/// Widest field and most decimals.
const WIDTH_MAX: usize = 4096;

pub(super) fn rows<H: Host>() -> Vec<Builtin<H>> {
    vec![row!(
        "string.sprintf", "Values in a text, formatted.",
        (Param::string("format", "Text with `%s` (a string), `%d` (an integer), `%f` (a double), `%c` (a byte by its \
             number) and `%%`."),
         Param::any("values", "One for each.").repeated()),
        String, Pure,
        ["string.sprintf( \"%3d|%-4s|%05.1f|%c%%\", 7, \"ab\", 2.25, 65 )" => "  7|ab  |002.2|A%",
         "string.sprintf( \"%f\", 1.5 )" => "1.500000"],
        "Between `%` and the letter may stand `-` (to the left), `0` (fill with zeros), a width and, after a `.`, the \
         number of decimals (or of bytes of a string). Other letters are a warning and stay as they are.",
        sprintf
    )]
}

struct Field {
    is_left: bool,
    fill: u8,
    width: usize,
    precision: Option<usize>,
}

fn sprintf<H: Host>(call: &mut Call<'_, H>) -> Answer {
    let format = call.bytes(0);
    let mut out = Vec::with_capacity(format.len() + 16);
    let mut rest: &[u8] = &format;
    let mut next = 1;
    while let Some(at) = memchr::memchr(b'%', rest) {
        let (plain, directive) = rest.split_at(at);
        out.extend_from_slice(plain);
        let (field, after) = field(directive.get(1..).unwrap_or(&[]));
        let Some((letter, after)) = after.split_first() else {
            out.extend_from_slice(directive);
            rest = &[];
            break;
        };
        rest = after;
        if *letter == b'%' {
            out.push(b'%');
            continue;
        }
        if !matches!(letter, b's' | b'd' | b'f' | b'c') {
            call.warn("string.sprintf knows %s, %d, %f, %c and %% only");
            let length = directive.len() - after.len();
            out.extend_from_slice(directive.get(..length).unwrap_or(&[]));
            continue;
        }
        if next >= call.argument_count() {
            call.warn("string.sprintf has fewer values than its format wants");
        }
        let text = shown(call, next, *letter, &field);
        next += 1;
        if out.len() + text.len() > call.memory_left() {
            return Answer::Fault(call.out_of_memory());
        }
        pad(&mut out, &text, &field);
    }
    out.extend_from_slice(rest);
    out.into()
}

fn field(directive: &[u8]) -> (Field, &[u8]) {
    let mut field = Field { is_left: false, fill: b' ', width: 0, precision: None };
    let mut rest = directive;
    loop {
        rest = match rest {
            [b'-', after @ ..] => {
                field.is_left = true;
                after
            }
            [b'0', after @ ..] => {
                field.fill = b'0';
                after
            }
            _ => break,
        };
    }
    (field.width, rest) = number(rest);
    if let [b'.', after @ ..] = rest {
        let (precision, after) = number(after);
        field.precision = Some(precision);
        rest = after;
    }
    (field, rest)
}

fn number(text: &[u8]) -> (usize, &[u8]) {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (shown, rest) = text.split_at(digits);
    let value = shown.iter().fold(0_usize, |value, byte| {
        value.saturating_mul(10).saturating_add(usize::from(byte - b'0')).min(WIDTH_MAX)
    });
    (value, rest)
}

fn shown<H: Host>(call: &mut Call<'_, H>, at: usize, letter: u8, field: &Field) -> Vec<u8> {
    match letter {
        b'd' => call.integer(at).to_string().into_bytes(),
        b'f' => format!("{:.*}", field.precision.unwrap_or(6), call.double(at)).into_bytes(),
        b'c' => vec![byte(call.argument(at))],
        _ => {
            let mut text = call.bytes(at).into_owned();
            text.truncate(field.precision.unwrap_or(usize::MAX));
            text
        }
    }
}

/// The low eight bits.
pub(super) fn byte(value: Option<&Value>) -> u8 {
    let code = value.map_or(0, Value::to_integer);
    u8::try_from(code & 0xff).unwrap_or(0)
}

fn pad(out: &mut Vec<u8>, text: &[u8], field: &Field) {
    let missing = field.width.saturating_sub(text.len());
    if field.is_left {
        out.extend_from_slice(text);
        out.extend(std::iter::repeat_n(b' ', missing));
        return;
    }
    let (sign, digits) = match text {
        [b'-', digits @ ..] if field.fill == b'0' => (&text[..1], digits),
        all => (&[][..], all),
    };
    out.extend_from_slice(sign);
    out.extend(std::iter::repeat_n(field.fill, missing));
    out.extend_from_slice(digits);
}
