//! Forms: parameters of the query or of a posted form, and the parts of a multipart body.

use super::body::start;
use super::{HTTP, row};
use crate::bodies::{FormWork, Work};
use crate::host::Host;
use trafficscript::{Answer, Builtin, Call, Param};

const NAME: Param = Param::string("name", "Name of the parameter; letter case counts.");
const POSTED: &str = "POST /?a=1&a=2&b=x body=c=3&b=y\nContent-Type: application/x-www-form-urlencoded";
const PARTS: &str = "POST / body=--x\\r\\nContent-Disposition: form-data; name=\"f\"; filename=\"f.txt\"\\r\\n\
    Content-Type: text/plain\\r\\n\\r\\nhello\\r\\n--x--\\r\\n\nContent-Type: multipart/form-data; boundary=x";

pub(super) const ROWS: [Builtin<Host>; 6] = [
    row!(
        "http.getFormParam", "The value of a form parameter.",
        (NAME, Param::string("separator", "All values of the name, with this between.").optional()),
        String, HTTP, Waits, POSTED,
        ["http.getFormParam( \"a\" )" => "1", "http.getFormParam( \"a\", \",\" )" => "1,2",
         "http.getFormParam( \"c\" )" => "3", "http.getFormParam( \"b\" )" => "x"],
        "From the query; where that has none of the name and the request is a POST, from its body, which is read as a \
         form whatever its Content-Type (of multipart/form-data: the fields that are no files). Decoded: `+` and `%XX`. The empty string, if there is \
         none. A form longer than `max_body_buffer` is not read, with a warning.",
        get_param
    ),
    row!(
        "http.getFormParams", "All form parameters, as a hash.", (),
        Hash, HTTP, Waits, POSTED,
        ["$p = http.getFormParams(); $1 = $p[\"c\"] . $p[\"a\"][1] . array.join( $p[\"b\"], \",\" );" => "32x,y"],
        "Names to values; a name that repeats, in the query, the body, or one and the other, has an array of its values: \
         the query's first. The first 1,000 parameters count.",
        |call| start(call, Work::Form(FormWork::All))
    ),
    row!(
        "http.doesFormParamExist", "Whether there is a form parameter.", (NAME),
        Truth, HTTP, Waits, POSTED,
        ["http.doesFormParamExist( \"c\" )" => "1", "http.doesFormParamExist( \"C\" )" => "0"],
        "As `http.getFormParam`; tells an empty one from none.",
        |call| {
            let name = call.string(0);
            start(call, Work::Form(FormWork::Exists { name }))
        }
    ),
    row!(
        "http.listFormParamNames", "The names of all form parameters.", (),
        Array, HTTP, Waits, POSTED,
        ["array.join( http.listFormParamNames() )" => "a b c"],
        "Each once, in the order in which they come, those of the query first.",
        |call| start(call, Work::Form(FormWork::Names))
    ),
    row!(
        "http.getFormParamNames", "The names of all form parameters, as one string.",
        (Param::string("separator", "What to put between them; one blank unless told.").optional()),
        String, HTTP, Waits, POSTED,
        ["http.getFormParamNames( \",\" )" => "a,b,c"],
        "Each once, in the order in which they come, those of the query first.",
        |call| {
            let separator = call.optional_string(0).unwrap_or_else(|| " ".into());
            start(call, Work::Form(FormWork::JoinedNames { separator }))
        }
    ),
    row!(
        "http.getMultipartAttachment", "A part of a multipart body.",
        (Param::integer("number", "Which part, from 0.")),
        String, HTTP, Waits, PARTS,
        ["$text = http.getMultipartAttachment( 0 ); $1 = $text . \" \" . $1;" => "hello text/plain",
         "http.getMultipartAttachment( 1 )" => ""],
        "Sets $1 to its Content-Type and $2 to its fields. The empty string, and both as they were, where there is no \
         such part or the body is not multipart.",
        |call| match usize::try_from(call.integer(0)) {
            Ok(number) => start(call, Work::Attachment { number }),
            Err(_) => "".into(),
        }
    ),
];

fn get_param(call: &mut Call<'_, Host>) -> Answer {
    let (name, separator) = (call.string(0), call.optional_string(1));
    start(call, Work::Form(FormWork::One { name, separator }))
}
