//! Arrays.

use super::regex::with_pattern;
use super::row;
use crate::builtin::{Answer, Builtin, Host, Param};
use crate::call::Call;
use crate::fault::FaultKind;
use crate::value::{Number, Value};
use pattern::{Case, Groups};
use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

/// What one element takes in an array, besides its text.
const ELEMENT: usize = size_of::<Value>();

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn rows<H: Host>() -> Vec<Builtin<H>> {
    vec![
        row!(
            "array.length", "How many elements an array has.",
            (Param::array("array", "The array.")),
            Integer, Pure, ["array.length( [ 1, [ 2, 3 ] ] )" => "2"],
            "0 and a warning for anything else.",
            |call| call.array(0).map_or(0, |items| items.borrow().len()).into()
        ),
        row!(
            "array.push", "Adds a value at the end of an array.",
            (Param::array("array", "The array; it is changed."), Param::any("value", "What to add.")),
            Array, Changes,
            ["$a = [ 1 ]; array.push( $a, 2 ); $1 = array.join( $a, \",\" );" => "1,2",
             "array.length( array.push( [ 1 ], [ 2, 3 ] ) )" => "2"],
            "Gives the array. An array or hash is added as one element, and as a copy.",
            |call| insert(call, |length| length).unwrap_or_else(Answer::Fault)
        ),
        row!(
            "array.unshift", "Adds a value at the front of an array.",
            (Param::array("array", "The array; it is changed."), Param::any("value", "What to add.")),
            Array, Changes, ["array.join( array.unshift( [ 1, 2 ], 0 ) )" => "0 1 2"],
            "Gives the array. An array or hash is added as one element, and as a copy.",
            |call| insert(call, |_| 0).unwrap_or_else(Answer::Fault)
        ),
        row!(
            "array.pop", "Takes the last element off an array.",
            (Param::array("array", "The array; it is changed.")),
            Any, Changes, ["$a = [ 1, 2 ]; $1 = array.pop( $a ) . array.length( $a );" => "21"],
            "Gives the element; the empty string, if there is none.",
            |call| {
                let last = call.array(0).and_then(|items| items.borrow_mut().pop());
                Answer::Value(last.unwrap_or_default())
            }
        ),
        row!(
            "array.shift", "Takes the first element off an array.",
            (Param::array("array", "The array; it is changed.")),
            Any, Changes, ["$a = [ 1, 2 ]; $1 = array.shift( $a ) . array.length( $a );" => "11"],
            "Gives the element; the empty string, if there is none.",
            |call| {
                let first = call.array(0).and_then(|items| {
                    let mut items = items.borrow_mut();
                    (!items.is_empty()).then(|| items.remove(0))
                });
                Answer::Value(first.unwrap_or_default())
            }
        ),
        row!(
            "array.append", "Adds the elements of an array at the end of another.",
            (Param::array("array", "The array; it is changed."), Param::array("more", "Whose elements to add.")),
            Array, Changes,
            ["array.join( array.append( [ 1, 2 ], [ 3, 4 ] ) )" => "1 2 3 4"],
            "Gives the first array; the second stays as it is. If either is no array: a warning, and nothing changes.",
            |call| append(call).unwrap_or_else(Answer::Fault)
        ),
        row!(
            "array.copy", "A copy of an array.",
            (Param::array("array", "The array.")),
            Array, Pure,
            ["$a = [ 2, 1 ]; array.sort( array.copy( $a ) ); $1 = array.join( $a );" => "2 1"],
            "The same as assigning it. An empty array and a warning for anything else.",
            |call| copy(call).unwrap_or_else(Answer::Fault)
        ),
        row!(
            "array.create", "A new array of so many elements.",
            (Param::integer("size", "How many elements."),
             Param::any("default", "What each of them is; the empty string unless told.").optional()),
            Array, Pure,
            ["array.join( array.create( 3, \"x\" ), \",\" )" => "x,x,x", "array.length( array.create( 2 ) )" => "2"],
            "An array or hash as default is copied for each element. Less than 0 elements: a warning and an empty array. \
             More than the rule has memory for end the rule.",
            |call| create(call).unwrap_or_else(Answer::Fault)
        ),
        row!(
            "array.resize", "Makes an array longer or shorter.",
            (Param::array("array", "The array; it is changed."), Param::integer("size", "How many elements it should have."),
             Param::any("default", "What new ones are; the empty string unless told.").optional()),
            Array, Changes,
            ["array.join( array.resize( [ 1, 2, 3 ], 2 ) )" => "1 2",
             "array.join( array.resize( [ 1 ], 3, \"x\" ) )" => "1 x x"],
            "Gives the array. Elements are added and removed at the end. A size below 0 is a warning and changes nothing.",
            |call| resize(call).unwrap_or_else(Answer::Fault)
        ),
        row!(
            "array.reverse", "Puts the elements of an array in the opposite order.",
            (Param::array("array", "The array; it is changed.")),
            Array, Changes, ["array.join( array.reverse( [ 1, 2, 3 ] ) )" => "3 2 1"],
            "Gives the array.",
            |call| {
                if let Some(items) = call.array(0) {
                    items.borrow_mut().reverse();
                }
                itself(call)
            }
        ),
        row!(
            "array.join", "The elements of an array as one string.",
            (Param::array("array", "The array."),
             Param::string("separator", "What to put between them; one blank unless told.").optional()),
            String, Pure, ["array.join( [ 1, 2 ], \", \" )" => "1, 2"],
            "Elements that are arrays or hashes are a warning, and stand there as `[array]` and `[hash]`.",
            join
        ),
        row!(
            "array.contains", "Whether an element of an array equals a value.",
            (Param::array("array", "The array."), Param::any("value", "The value.")),
            Truth, Pure, ["array.contains( [ 1, \"b\" ], \"b\" )" => "1", "array.contains( [ [ 1 ] ], 1 )" => "0"],
            "As `==`; elements of elements are not looked at, and no array or hash is found.",
            |call| contains(call).unwrap_or_else(Answer::Fault)
        ),
        row!(
            "array.filter", "Takes those elements out of an array that a regular expression finds nothing in.",
            (Param::array("array", "The array; it is changed."), Param::pattern("pattern", "A PCRE pattern."),
             Param::flags("flags", "`i`: letters of any case; `!`: takes out those in which it does find something.")
                 .optional()),
            Array, Changes,
            ["array.join( array.filter( [ \"apple\", \"Pear\", \"plum\" ], \"^p\" ) )" => "plum",
             "array.join( array.filter( [ \"apple\", \"Pear\", \"plum\" ], \"^p\", \"i!\" ) )" => "apple"],
            "Gives the array. `$1` to `$9` are not set. A computed pattern that is wrong is a warning and takes nothing \
             out.",
            |call| filter(call).unwrap_or_else(Answer::Fault)
        ),
        row!(
            "array.sort", "Puts the elements of an array in the order of their texts.",
            (Param::array("array", "The array; it is changed."),
             Param::truth("reverse", "True for the opposite order.").optional()),
            Array, Changes,
            ["array.join( array.sort( [ 2, 10, 1, 11 ] ) )" => "1 10 11 2",
             "array.join( array.sort( [ 2, 10, 1 ], true ) )" => "2 10 1"],
            "Gives the array. Byte by byte: 10 comes before 2.",
            |call| sort(call, |items| items.sort_by_cached_key(Value::to_text)).unwrap_or_else(Answer::Fault)
        ),
        row!(
            "array.sortNumerical", "Puts the elements of an array in the order of their numbers.",
            (Param::array("array", "The array; it is changed."),
             Param::truth("reverse", "True for the opposite order.").optional()),
            Array, Changes,
            ["array.join( array.sortNumerical( [ 2, 10, 1.5, \"11th\" ] ) )" => "1.5 2 10 11th"],
            "Gives the array. Strings count as the number they begin with; those without one as 0.",
            |call| sort(call, sort_numbers).unwrap_or_else(Answer::Fault)
        ),
        row!(
            "array.splice", "Takes elements out of the middle of an array, and puts others there.",
            (Param::array("array", "The array; it is changed."),
             Param::integer("offset", "The first to take out; a negative number counts from the end."),
             Param::integer("length", "How many to take out."), Param::any("values", "What to put there.").repeated()),
            Array, Changes,
            ["array.join( array.splice( [ 1, 2, 3, 4 ], 1, 2, \"x\" ) )" => "1 x 4",
             "array.join( array.splice( [ 1, 2 ], 2, 0, 3, 4 ) )" => "1 2 3 4"],
            "Gives the array. No more is taken out than there is. An offset outside the array is a warning and changes \
             nothing.",
            |call| splice(call).unwrap_or_else(Answer::Fault)
        ),
    ]
}

/// The first argument, by reference.
pub(super) fn itself<H: Host>(call: &mut Call<'_, H>) -> Answer {
    Answer::Value(call.argument(0).cloned().unwrap_or_default())
}

/// A value as an element: a container is copied, because its argument goes on to hold it.
pub(super) fn element<H: Host>(call: &mut Call<'_, H>, value: &Value) -> Result<Value, FaultKind> {
    call.own(value)
}

fn insert<H: Host>(call: &mut Call<'_, H>, at: fn(usize) -> usize) -> Result<Answer, FaultKind> {
    if let (Some(items), Some(value)) = (call.array(0), call.argument(1)) {
        let value = element(call, value)?;
        call.charge(ELEMENT)?;
        let mut items = items.borrow_mut();
        let place = at(items.len());
        items.insert(place, value);
    }
    Ok(itself(call))
}

/// Copies of all elements.
fn copied<H: Host>(call: &mut Call<'_, H>, items: &Rc<RefCell<Vec<Value>>>) -> Result<Vec<Value>, FaultKind> {
    let items = items.borrow();
    call.charge(items.len().saturating_mul(ELEMENT))?;
    items.iter().map(|item| element(call, item)).collect()
}

fn append<H: Host>(call: &mut Call<'_, H>) -> Result<Answer, FaultKind> {
    if let (Some(items), Some(more)) = (call.array(0), call.array(1)) {
        // Copied first: it may be the same array.
        let more = copied(call, &more)?;
        items.borrow_mut().extend(more);
    }
    Ok(itself(call))
}

fn copy<H: Host>(call: &mut Call<'_, H>) -> Result<Answer, FaultKind> {
    if call.array(0).is_none() {
        return Ok(Answer::Value(Value::array(Vec::new())));
    }
    // The machine counts what is answered.
    let (value, _) = call.copy(call.argument(0).cloned().unwrap_or_default())?;
    Ok(Answer::Value(value))
}

/// So many copies of the value of an argument, or of the empty string, and the bytes they take: not yet counted, but
/// not more than may be made.
fn filled<H: Host>(
    call: &mut Call<'_, H>,
    count: usize,
    default: usize,
) -> Result<(Vec<Value>, usize), FaultKind> {
    let value = call.argument(default).cloned().unwrap_or_default();
    let (first, copied) = call.copy(value)?;
    let each = ELEMENT.saturating_add(usize::try_from(copied).unwrap_or(usize::MAX));
    let bytes = count.saturating_mul(each);
    if bytes > call.memory_left() {
        return Err(call.out_of_memory());
    }
    if !first.is_container() {
        return Ok((vec![first; count], bytes));
    }
    // `first` is held here and again by its clone, so each is a copy.
    let copies = (0..count).map(|_| Ok(call.copy(first.clone())?.0)).collect::<Result<_, FaultKind>>()?;
    Ok((copies, bytes))
}

fn create<H: Host>(call: &mut Call<'_, H>) -> Result<Answer, FaultKind> {
    let Ok(count) = usize::try_from(call.integer(0)) else {
        call.warn("array.create is asked for less than no elements");
        return Ok(Answer::Value(Value::array(Vec::new())));
    };
    // The machine counts what is answered.
    let (items, _) = filled(call, count, 1)?;
    Ok(Answer::Value(Value::array(items)))
}

fn resize<H: Host>(call: &mut Call<'_, H>) -> Result<Answer, FaultKind> {
    let Some(items) = call.array(0) else { return Ok(itself(call)) };
    let Ok(size) = usize::try_from(call.integer(1)) else {
        call.warn("array.resize is given a size below 0; the array is left as it was");
        return Ok(itself(call));
    };
    let length = items.borrow().len();
    let (more, bytes) = filled(call, size.saturating_sub(length), 2)?;
    call.charge(bytes)?;
    let mut items = items.borrow_mut();
    items.truncate(size);
    items.extend(more);
    drop(items);
    Ok(itself(call))
}

fn warn_of_containers<H: Host>(call: &mut Call<'_, H>, items: &[Value], name: &str) {
    if items.iter().any(Value::is_container) {
        call.warn(format!("{name} is given elements that are arrays or hashes"));
    }
}

fn join<H: Host>(call: &mut Call<'_, H>) -> Answer {
    let separator = call.optional_string(1).unwrap_or_else(|| " ".into());
    let Some(items) = call.array(0) else { return "".into() };
    let items = items.borrow();
    warn_of_containers(call, &items, "array.join");
    let room = call.memory_left();
    let mut out = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let text = item.to_text();
        // Before it is added: a few long strings in many elements are much more than there is memory for.
        if out.len().saturating_add(separator.len()).saturating_add(text.len()) > room {
            return Answer::Fault(call.out_of_memory());
        }
        if at > 0 {
            out.extend_from_slice(&separator);
        }
        out.extend_from_slice(&text);
    }
    out.into()
}

fn contains<H: Host>(call: &mut Call<'_, H>) -> Result<Answer, FaultKind> {
    let (Some(items), Some(value)) = (call.array(0), call.argument(1)) else { return Ok(false.into()) };
    if value.is_container() {
        return Ok(false.into());
    }
    for item in items.borrow().iter() {
        // Elements may share one long text: each comparison is work of its own.
        if let (Value::String(item), Value::String(value)) = (item, value)
            && item.len() == value.len()
        {
            call.burn(u64::from(value.shared_length() >> 12))?;
        }
        if !item.is_container() && item.equals(value) {
            return Ok(true.into());
        }
    }
    Ok(false.into())
}

fn filter<H: Host>(call: &mut Call<'_, H>) -> Result<Answer, FaultKind> {
    let flags = call.bytes(2);
    let is_negated = flags.contains(&b'!');
    let Some(items) = call.array(0) else { return Ok(itself(call)) };
    warn_of_containers(call, &items.borrow(), "array.filter");
    let kept = with_pattern(call, Case::of_flags(&flags), |call, pattern| {
        let mut groups = Groups::default();
        let mut kept = Vec::new();
        for item in items.borrow().iter() {
            let text = item.to_text();
            call.burn(1)?;
            call.burn_search(pattern, text.len())?;
            kept.push(pattern.find_at(&text, 0, &mut groups)? != is_negated);
        }
        Ok(kept)
    });
    match kept {
        Err(FaultKind::BadPattern(why)) => call.warn(format!("bad regular expression: {why}")),
        Err(kind) => return Err(kind),
        Ok(kept) => {
            let mut kept = kept.into_iter();
            items.borrow_mut().retain(|_| kept.next().unwrap_or(true));
        }
    }
    Ok(itself(call))
}

fn sort<H: Host>(call: &mut Call<'_, H>, order: fn(&mut [Value])) -> Result<Answer, FaultKind> {
    let is_reverse = call.truth(1);
    if let Some(items) = call.array(0) {
        let mut items = items.borrow_mut();
        call.burn(sorting_cost(&items))?;
        order(&mut items);
        if is_reverse {
            items.reverse();
        }
    }
    Ok(itself(call))
}

/// Instructions that sorting counts as: each element is compared about log₂(n) times, and texts that are alike (or
/// one and the same, many times) are compared to their ends.
fn sorting_cost(items: &[Value]) -> u64 {
    let text_bytes: u64 = items
        .iter()
        .map(|item| match item {
            Value::String(text) => u64::from(text.shared_length()),
            _ => 0,
        })
        .sum();
    let rounds = u64::from(usize::BITS - items.len().leading_zeros());
    (items.len() as u64 / 64).saturating_add(text_bytes / 4096).saturating_mul(rounds)
}

fn sort_numbers(items: &mut [Value]) {
    // As doubles if any is one: integers and doubles compared pair by pair have no order that holds together.
    if items.iter().all(|item| matches!(item.to_number(), Number::Integer(_))) {
        items.sort_by_cached_key(Value::to_integer);
    } else {
        items.sort_by(|left, right| left.to_double().total_cmp(&right.to_double()));
    }
}

fn splice<H: Host>(call: &mut Call<'_, H>) -> Result<Answer, FaultKind> {
    let Some(items) = call.array(0) else { return Ok(itself(call)) };
    let length = items.borrow().len();
    let Some(range) = spliced(call.integer(1), call.integer(2), length) else {
        call.warn("array.splice begins outside the array; it is left as it was");
        return Ok(itself(call));
    };
    let values = call.arguments().get(3..).unwrap_or(&[]);
    let mut new = Vec::with_capacity(values.len());
    for value in values {
        call.charge(ELEMENT)?;
        new.push(element(call, value)?);
    }
    drop(items.borrow_mut().splice(range, new));
    Ok(itself(call))
}

/// The elements that an offset and a count mean; `None` where the offset is outside.
fn spliced(offset: i64, count: i64, length: usize) -> Option<Range<usize>> {
    let length = i64::try_from(length).ok()?;
    let start = if offset < 0 { offset.checked_add(length)? } else { offset };
    if !(0..=length).contains(&start) {
        return None;
    }
    let end = start.saturating_add(count.max(0)).min(length);
    Some(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_order_whatever_their_kinds() {
        let near = 1_i64 << 53;
        let mut items = Vec::new();
        for round in 0..200_i64 {
            items.push(Value::from(near + round % 3));
            #[expect(clippy::cast_precision_loss, reason = "that is the point")]
            items.push(Value::from((near + round % 5) as f64));
            items.push(Value::from(f64::NAN));
        }
        sort_numbers(&mut items);
        let numbers: Vec<f64> =
            items.iter().map(Value::to_double).filter(|number| !number.is_nan()).collect();
        assert!(numbers.is_sorted());
    }

    #[test]
    fn an_offset_counts_from_either_end_and_stays_inside() {
        assert_eq!(spliced(1, 2, 4), Some(1..3));
        assert_eq!(spliced(-1, 9, 4), Some(3..4));
        assert_eq!(spliced(4, 1, 4), Some(4..4));
        assert_eq!(spliced(1, -1, 4), Some(1..1));
        assert_eq!((spliced(5, 0, 4), spliced(-5, 0, 4), spliced(i64::MIN, 0, 4)), (None, None, None));
    }
}
