//! `resource.*`: the files of the folder `extra` beside the catalog.

use super::{EVERYWHERE, row};
use crate::host::Host;
use crate::resources::Resource;
use trafficscript::{Answer, Builtin, ByteString, Call, Param, Value};

const FILE: Param =
    Param::string("file", "The name of a file in the folder `extra` beside the catalog; no path.");
const WHERE: &str = "The files of the folder are read with the catalog, at the start and at each reload; folders in it \
are not. One file may have 16 MiB, all together 64 MiB.";

pub(super) const ROWS: [Builtin<Host>; 5] = [
    row!(
        "resource.get", "The contents of a file.",
        (FILE), String, EVERYWHERE, Reads, "",
        ["resource.get( \"error.html\" )" => "<h1>Sorry</h1>\n", "resource.get( \"../tidegate.toml\" )" => ""],
        "The empty string, with a warning, where there is no such file. The files of the folder are read with the \
         catalog, at the start and at each reload, so that no request waits for a disk and no name leads out of the \
         folder; folders in it are not read. One file may have 16 MiB, all together 64 MiB.",
        |call| answer(call, |file| Value::from(file.bytes.clone())),
    ),
    row!(
        "resource.exists", "Whether there is a file.",
        (FILE), Truth, EVERYWHERE, Reads, "",
        ["resource.exists( \"error.html\" )" => "1", "resource.exists( \"none.html\" )" => "0"],
        WHERE,
        |call| {
            let name = call.string(0);
            call.host.catalog.resources.get(&name).is_some().into()
        },
    ),
    row!(
        "resource.getLines", "The lines of a file.",
        (FILE), Array, EVERYWHERE, Reads, "",
        ["$lines = resource.getLines( \"list.txt\" ); $1 = array.length( $lines ) . \" \" . $lines[1];" => "3 two"],
        "An array, without the line ends (`\\n` or `\\r\\n`); a line end at the end of the file begins no further line. \
         An empty array, with a warning, where there is no such file.",
        lines,
    ),
    row!(
        "resource.getMD5", "The MD5 digest of a file.",
        (FILE), String, EVERYWHERE, Reads, "",
        ["string.len( resource.getMD5( \"error.html\" ) )" => "16"],
        "16 bytes, as `string.hashMD5` gives them. The empty string, with a warning, where there is no such file.",
        |call| answer(call, |file| Value::from(ByteString::from(&file.md5[..]))),
    ),
    row!(
        "resource.getMTime", "When a file was last changed.",
        (FILE), Integer, EVERYWHERE, Reads, "", ["resource.getMTime( \"error.html\" ) >= 0" => "1"],
        "In seconds since 1970, as it was when the catalog was read. 0, with a warning, where there is no such file.",
        |call| found(call).map_or(0, |file| file.modified).into(),
    ),
];

/// The file of the first argument; a warning where there is none.
fn found<'c>(call: &'c mut Call<'_, Host>) -> Option<&'c Resource> {
    let name = call.string(0);
    if call.host.catalog.resources.get(&name).is_none() {
        let why = if name.iter().any(|byte| matches!(byte, b'/' | b'\\')) {
            "a resource has a name, and no path"
        } else {
            "the folder `extra` beside the catalog has no such file"
        };
        call.warn(format!("there is no resource \"{name}\": {why}"));
    }
    call.host.catalog.resources.get(&name)
}

fn answer(call: &mut Call<'_, Host>, give: fn(&Resource) -> Value) -> Answer {
    Answer::Value(found(call).map_or(Value::EMPTY, give))
}

fn lines(call: &mut Call<'_, Host>) -> Answer {
    /// What an array takes for each of its elements.
    const ELEMENT_BYTES: usize = 32;
    let left = call.memory_left();
    let Some(file) = found(call) else { return Value::array(Vec::new()).into() };
    let text = file.bytes.clone();
    let count = text.split(|byte| *byte == b'\n').count();
    if count.saturating_mul(ELEMENT_BYTES) > left {
        return Answer::Fault(call.out_of_memory());
    }
    let mut lines = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let bare = line.strip_suffix(b"\n").unwrap_or(line);
        let bare = bare.strip_suffix(b"\r").unwrap_or(bare);
        lines.push(Value::from(text.slice(start..start + bare.len())));
        start += line.len();
    }
    Value::array(lines).into()
}
