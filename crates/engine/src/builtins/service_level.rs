//! `slm.*`: how well nodes keep what a service level class promises. There are no such classes yet.

use super::{EVERYWHERE, LIVE, row};
use crate::host::Host;
use trafficscript::{Builtin, Call, Param};

const CLASS: Param =
    Param::string("class", "Name of the service level class; without it, the one of this transaction.")
        .optional();

pub(super) const ROWS: [Builtin<Host>; 5] = [
    row!(
        "slm.isOK", "Whether responses are as fast as a service level class promises.",
        (CLASS),
        Truth, EVERYWHERE, Reads, "",
        ["slm.isOK()" => "1"],
        "Without a class nothing is promised, and that is kept: 1. There are no service level classes yet; a name is a \
         warning, and the answer is the same.",
        |call| {
            warn_of_class(call);
            1.into()
        },
    ),
    row!(
        "slm.conforming", "How many responses are as fast as a service level class promises, in percent.",
        (CLASS),
        Integer, EVERYWHERE, Reads, "",
        ["slm.conforming()" => "100"],
        "Without a class all of them: 100. There are no service level classes yet; a name is a warning, and the answer \
         is the same.",
        |call| {
            warn_of_class(call);
            100.into()
        },
    ),
    row!(
        "slm.threshold", "How many responses must be fast for a service level class to be kept, in percent.",
        (CLASS),
        Integer, EVERYWHERE, Reads, "",
        ["slm.threshold()" => "0"],
        "Without a class none: 0. There are no service level classes yet; a name is a warning, and the answer is the \
         same.",
        |call| {
            warn_of_class(call);
            0.into()
        },
    ),
    row!(
        "connection.setServiceLevelClass", "Counts this transaction in a service level class.",
        (Param::string("class", "Name of the class, or \"\" for none.")),
        Truth, LIVE, Changes, "",
        ["connection.setServiceLevelClass( \"gold\" )" => "0", "connection.setServiceLevelClass( \"\" )" => "1"],
        "0 where there is no such class, 1 otherwise. There are no service level classes yet: a name is a warning and \
         changes nothing.",
        |call| {
            warn_of_class(call);
            i64::from(call.bytes(0).is_empty()).into()
        },
    ),
    row!(
        "connection.getServiceLevelClass", "The service level class of this transaction.",
        (),
        String, EVERYWHERE, Reads, "",
        ["connection.getServiceLevelClass()" => ""],
        "The empty string: there are no service level classes yet.",
        |_| "".into(),
    ),
];

fn warn_of_class(call: &mut Call<'_, Host>) {
    if let Some(class) = call.optional_string(0).filter(|class| !class.is_empty()) {
        call.warn(format!("there is no service level class \"{class}\""));
    }
}
