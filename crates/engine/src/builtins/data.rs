//! `data.*`, `data.local.*`, `connection.data.*`: what rules keep from one run to the next.

use super::{EVERYWHERE, row};
use crate::host::Host;
use crate::stores::{DataStore, NoRoom, Stored};
use trafficscript::{Answer, Builtin, Call, Param, Value};

const KEY: Param = Param::string("key", "The name; any bytes, and case matters.");
const VALUE: Param = Param::any("value", "A string, a number, an array or a hash.");
const PREFIX: Param = Param::string("prefix", "How the names begin; without it, or \"\", all of them.");

/// Which of the process's stores.
#[derive(Clone, Copy)]
enum Which {
    Data,
    Local,
}

const DATA: &str = "The store is one for the whole traffic manager, all virtual servers and all its threads; it \
outlives connections and reloads, not a restart.";
const LOCAL: &str = "As the function without `local`, over a store of its own with a limit of its own. In the traffic \
manager that the language comes from each child process has one; tidegate is one process, so all its threads share it.";
const SET: &str = "1, or 0 with a warning where the store has no room for it (`max_bytes`, `local_max_bytes` in \
`[data]`): then nothing is changed, and nothing is ever put out to make room. Names, values and 96 bytes for each \
entry count. A number is kept as the text it has in a string, so a fraction loses what is beyond six digits (use \
`string.sprintf( \"%f\", .. )`); arrays and hashes come back as such. A rule that only observes writes to a shadow that \
only such rules read.";

pub(super) const ROWS: [Builtin<Host>; 14] = [
    row!(
        "data.set", "Keeps a value under a name, for all rules from now on.",
        (KEY, VALUE), Truth, EVERYWHERE, Changes, "",
        ["data.set( \"a\", 1 )" => "1", "data.set( \"h\", [ \"k\" => 2 ] ); $h = data.get( \"h\" ); $1 = $h[\"k\"];" => "2"],
        SET, |call| set(call, Which::Data),
    ),
    row!(
        "data.get", "The value that is kept under a name.",
        (KEY), Any, EVERYWHERE, Reads, "",
        ["data.set( \"a\", \"x\" ); $1 = data.get( \"a\" );" => "x", "data.get( \"none\" )" => ""],
        "The empty string where there is none. What is changed in it stays the rule's own until it is set again. \
         The store is one for the whole traffic manager.",
        |call| get(call, Which::Data),
    ),
    row!(
        "data.remove", "Forgets a name, and says whether it was there.",
        (KEY), Truth, EVERYWHERE, Changes, "",
        ["data.set( \"a\", 1 ); $1 = data.remove( \"a\" ) . data.remove( \"a\" ) . \"(\" . data.get( \"a\" ) . \")\";" => "10()"],
        DATA, |call| remove(call, Which::Data),
    ),
    row!(
        "data.reset", "Forgets all names that begin with a text.",
        (PREFIX.optional()), Nothing, EVERYWHERE, Changes, "",
        ["data.set( \"ip/1\", 1 ); data.reset( \"ip/\" ); $1 = \"(\" . data.get( \"ip/1\" ) . \")\";" => "()"],
        "Without a prefix the store is emptied. A name that is set at the same moment may stay.",
        |call| reset(call, Which::Data),
    ),
    row!(
        "data.getMemoryUsage", "Bytes that the store holds.",
        (), Integer, EVERYWHERE, Reads, "",
        ["data.set( \"a\", \"xyz\" ); $1 = data.getMemoryUsage();" => "100"],
        "Names, values, and 96 bytes for each entry.",
        |call| bytes(store(call.host, Which::Data).bytes_used()),
    ),
    row!(
        "data.getMemoryFree", "Bytes that the store can still take.",
        (), Integer, EVERYWHERE, Reads, "",
        ["data.getMemoryFree() > 1000000" => "1"],
        "`max_bytes` in `[data]` without what is used; 0 where a reload has set it below that.",
        |call| bytes(store(call.host, Which::Data).bytes_free()),
    ),
    row!(
        "data.local.set", "Keeps a value under a name, in the store of this process.",
        (KEY, VALUE), Truth, EVERYWHERE, Changes, "", ["data.local.set( \"a\", 1 )" => "1"],
        LOCAL, |call| set(call, Which::Local),
    ),
    row!(
        "data.local.get", "The value that is kept under a name in the store of this process.",
        (KEY), Any, EVERYWHERE, Reads, "",
        ["data.set( \"a\", 1 ); data.local.set( \"a\", 2 ); $1 = data.local.get( \"a\" );" => "2"],
        LOCAL, |call| get(call, Which::Local),
    ),
    row!(
        "data.local.remove", "Forgets a name in the store of this process, and says whether it was there.",
        (KEY), Truth, EVERYWHERE, Changes, "",
        ["data.local.set( \"a\", 1 ); data.local.remove( \"a\" ); $1 = \"(\" . data.local.get( \"a\" ) . \")\";" => "()"],
        LOCAL, |call| remove(call, Which::Local),
    ),
    row!(
        "data.local.reset", "Forgets all names that begin with a text in the store of this process.",
        (PREFIX.optional()), Nothing, EVERYWHERE, Changes, "",
        ["data.local.set( \"a\", 1 ); data.local.reset(); $1 = data.local.getMemoryUsage();" => "0"],
        LOCAL, |call| reset(call, Which::Local),
    ),
    row!(
        "data.local.getMemoryUsage", "Bytes that the store of this process holds.",
        (), Integer, EVERYWHERE, Reads, "", ["data.local.getMemoryUsage()" => "0"],
        LOCAL, |call| bytes(store(call.host, Which::Local).bytes_used()),
    ),
    row!(
        "data.local.getMemoryFree", "Bytes that the store of this process can still take.",
        (), Integer, EVERYWHERE, Reads, "", ["data.local.getMemoryFree() > 1000000" => "1"],
        LOCAL, |call| bytes(store(call.host, Which::Local).bytes_free()),
    ),
    row!(
        "connection.data.set", "Keeps a value with the client's connection.",
        (KEY, VALUE), Nothing, EVERYWHERE, Changes, "",
        ["connection.data.set( \"user\", \"ann\" ); $1 = connection.data.get( \"user\" );" => "ann"],
        "All rules on this connection find it, those of its later requests too, so a rule that runs for each request \
         writes it anew. Arrays and hashes come back as such; a number is kept as the text it has in a string. A \
         connection keeps at most 1 MiB: beyond, nothing is changed and a warning says so. It is freed with the \
         connection. A rule that only observes writes to a shadow that only such rules read.",
        connection_set,
    ),
    row!(
        "connection.data.get", "The value that is kept with the client's connection.",
        (KEY), Any, EVERYWHERE, Reads, "", ["connection.data.get( \"none\" )" => ""],
        "The empty string where there is none.",
        connection_get,
    ),
];

fn store(host: &Host, which: Which) -> &DataStore {
    match which {
        Which::Data => host.shared.data(),
        Which::Local => host.shared.data_local(),
    }
}

fn bytes(number: u64) -> Answer {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}

fn set(call: &mut Call<'_, Host>, which: Which) -> Answer {
    let key = call.string(0);
    let value = call.argument(1).cloned().unwrap_or_default();
    let kept = store(call.host, which).set(&key, &value, call.host.observes());
    let Err(NoRoom { limit }) = kept else { return 1.into() };
    call.host.shared.counters().data_store_full.add_one();
    let used = store(call.host, which).bytes_used();
    let name = match which {
        Which::Data => "data",
        Which::Local => "data.local",
    };
    call.warn(format!("{name} is full: {used} of {limit} bytes are used, and \"{key}\" is not kept"));
    0.into()
}

fn get(call: &mut Call<'_, Host>, which: Which) -> Answer {
    let key = call.string(0);
    let stored = store(call.host, which).get(&key, call.host.observes());
    answer(call, stored)
}

fn answer(call: &Call<'_, Host>, stored: Option<Stored>) -> Answer {
    match stored {
        // The machine counts what comes of it, which is more; this keeps it from being made first.
        Some(stored) if stored.bytes() > call.memory_left() => Answer::Fault(call.out_of_memory()),
        Some(stored) => Answer::Value(stored.value()),
        None => Answer::Value(Value::EMPTY),
    }
}

fn remove(call: &mut Call<'_, Host>, which: Which) -> Answer {
    let key = call.string(0);
    let observes = call.host.observes();
    let store = store(call.host, which);
    let was_there = store.get(&key, observes).is_some();
    if store.remove(&key, observes).is_err() {
        call.warn("the shadow of the store is full: the name is not removed for rules that observe");
    }
    was_there.into()
}

fn reset(call: &mut Call<'_, Host>, which: Which) -> Answer {
    let prefix = call.string(0);
    store(call.host, which).reset(&prefix, call.host.observes());
    "".into()
}

fn connection_set(call: &mut Call<'_, Host>) -> Answer {
    let key = call.string(0);
    let value = call.argument(1).cloned().unwrap_or_default();
    let observes = call.host.observes();
    if let Err(NoRoom { limit }) = call.host.connection.data().set(&key, &value, observes) {
        call.warn(format!("the connection keeps at most {limit} bytes, and \"{key}\" is not kept"));
    }
    "".into()
}

fn connection_get(call: &mut Call<'_, Host>) -> Answer {
    let key = call.string(0);
    let stored = call.host.connection.data().get(&key, call.host.observes());
    answer(call, stored)
}
