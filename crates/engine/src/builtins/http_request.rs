//! `http.*`, the request side. The request's fields can still be read in response rules.

use super::text::percent_decode;
use super::{BOTH, REQUEST};
use crate::limits;
use crate::transaction::{Host, Note};
use message::InvalidField;
use trafficscript::{Answer, Builtin, ByteString, Call, Effect, Example, Kind, Param};

const NAME: &[Param] = &[Param::string("name", "Name of the field; case does not matter.")];
const NAME_VALUE: &[Param] = &[
    Param::string("name", "Name of the field; case does not matter."),
    Param::string("value", "Its value; a line break or another control character is refused."),
];
const GIVEN: &str = "GET /a%20b?q=1\nHost: Www.Example.com.:8080\nReferer: http://a.example/x\nCookie: a=1; b=0\n\
                     X-List: 1\nX-List: 2";

pub(super) const ROWS: [Builtin<Host>; 10] = [
    Builtin {
        name: "http.getHeader",
        summary: "The value of a request field.",
        params: NAME,
        returns: Kind::String,
        stages: BOTH,
        effect: Effect::Reads,
        examples: &[
            Example { rule: "http.getheader( \"referer\" )", given: GIVEN, gives: "http://a.example/x" },
            Example { rule: "http.getHeader( \"X-List\" )", given: GIVEN, gives: "1, 2" },
        ],
        doc: "The empty string where there is none; several fields of the name are joined with \", \".",
        call: get_header,
    },
    Builtin {
        name: "http.headerExists",
        summary: "Whether the request has a field.",
        params: NAME,
        returns: Kind::Truth,
        stages: BOTH,
        effect: Effect::Reads,
        examples: &[Example { rule: "http.headerExists( \"Referer\" )", given: GIVEN, gives: "1" }],
        doc: "Tells an empty field from none.",
        call: header_exists,
    },
    Builtin {
        name: "http.setHeader",
        summary: "Replaces a request field, or adds it.",
        params: NAME_VALUE,
        returns: Kind::Nothing,
        stages: REQUEST,
        effect: Effect::Changes,
        examples: &[Example {
            rule: "http.setHeader( \"X-A\", \"1\" ); $1 = http.getHeader( \"x-a\" );",
            given: "GET /",
            gives: "1",
        }],
        doc: "The node sees it. Other fields of the name go. Fields that belong to the connection are the traffic \
              manager's own and are written anew.",
        call: |call| edit(call, Edit::Set),
    },
    Builtin {
        name: "http.addHeader",
        summary: "Adds a request field beside those of the same name.",
        params: NAME_VALUE,
        returns: Kind::Nothing,
        stages: REQUEST,
        effect: Effect::Changes,
        examples: &[Example {
            rule: "http.addHeader( \"X-List\", \"3\" ); $1 = http.getHeader( \"X-List\" );",
            given: GIVEN,
            gives: "1, 2, 3",
        }],
        doc: "The node sees it.",
        call: |call| edit(call, Edit::Add),
    },
    Builtin {
        name: "http.removeHeader",
        summary: "Removes all request fields of a name.",
        params: NAME,
        returns: Kind::Nothing,
        stages: REQUEST,
        effect: Effect::Changes,
        examples: &[Example {
            rule: "http.removeHeader( \"X-List\" ); $1 = http.getHeader( \"X-List\" );",
            given: GIVEN,
            gives: "",
        }],
        doc: "Silent where there is none.",
        call: |call| edit(call, Edit::Remove),
    },
    Builtin {
        name: "http.getCookie",
        summary: "The value of a cookie that the client sent.",
        params: &[Param::string("name", "Name of the cookie; case matters.")],
        returns: Kind::String,
        stages: BOTH,
        effect: Effect::Reads,
        examples: &[
            Example { rule: "http.getCookie( \"b\" )", given: GIVEN, gives: "0" },
            Example { rule: "if( http.getCookie( \"b\" ) ) $1 = \"true\";", given: GIVEN, gives: "true" },
        ],
        doc: "The empty string where there is none. The first of several wins; nothing is decoded. The string \"0\" \
              is true.",
        call: get_cookie,
    },
    Builtin {
        name: "http.getMethod",
        summary: "The request's method.",
        params: &[],
        returns: Kind::String,
        stages: BOTH,
        effect: Effect::Reads,
        examples: &[Example { rule: "http.getMethod()", given: GIVEN, gives: "GET" }],
        doc: "As sent.",
        call: |call| Answer::Value(call.host.request.method().into()),
    },
    Builtin {
        name: "http.getPath",
        summary: "The decoded path, without query.",
        params: &[],
        returns: Kind::String,
        stages: BOTH,
        effect: Effect::Reads,
        examples: &[Example { rule: "http.getPath()", given: GIVEN, gives: "/a b" }],
        doc: "A bad escape keeps its text, with `_` for the `%`.",
        call: |call| {
            let path = call.host.request.path();
            if path.contains(&b'%') { percent_decode(path).into() } else { Answer::Value(path.into()) }
        },
    },
    Builtin {
        name: "http.getRawURL",
        summary: "The request target as sent.",
        params: &[],
        returns: Kind::String,
        stages: BOTH,
        effect: Effect::Reads,
        examples: &[Example { rule: "http.getRawURL()", given: GIVEN, gives: "/a%20b?q=1" }],
        doc: "Not decoded; with the query.",
        call: |call| Answer::Value(call.host.request.target().into()),
    },
    Builtin {
        name: "http.getHostHeader",
        summary: "The host the client asked for.",
        params: &[],
        returns: Kind::String,
        stages: BOTH,
        effect: Effect::Reads,
        examples: &[Example { rule: "http.getHostHeader()", given: GIVEN, gives: "www.example.com" }],
        doc: "Lower case, without port and without a dot at the end.",
        call: host_header,
    },
];

fn get_header(call: &mut Call<'_, Host>) -> Answer {
    let name = call.bytes(0);
    if let Some(value) = call.host.request.fields().joined(&name) {
        return Answer::Value(value.as_ref().into());
    }
    let place = call.place();
    call.host.note_absent(place, &name);
    "".into()
}

fn header_exists(call: &mut Call<'_, Host>) -> Answer {
    let name = call.bytes(0);
    let exists = call.host.request.fields().contains(&name);
    if !exists {
        let place = call.place();
        call.host.note_absent(place, &name);
    }
    exists.into()
}

fn get_cookie(call: &mut Call<'_, Host>) -> Answer {
    let name = call.bytes(0);
    if let Some(value) = call.host.request.fields().cookie(&name) {
        return Answer::Value(value.into());
    }
    let place = call.place();
    call.host.note_absent(place, b"Cookie");
    "".into()
}

fn host_header(call: &mut Call<'_, Host>) -> Answer {
    let Some(host) = call.host.request.host() else {
        let place = call.place();
        call.host.note_absent(place, b"Host");
        return "".into();
    };
    Answer::Value(host_name(host).to_ascii_lowercase().into())
}

/// The name in a Host field: without port (brackets of an IPv6 address stay) and without a dot at the end.
fn host_name(host: &[u8]) -> &[u8] {
    let name = match host.iter().rposition(|byte| matches!(byte, b':' | b']')) {
        Some(at) if host.get(at) == Some(&b':') => host.get(..at).unwrap_or(host),
        _ => host,
    };
    name.strip_suffix(b".").unwrap_or(name)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Edit {
    Set,
    Add,
    Remove,
}

fn edit(call: &mut Call<'_, Host>, edit: Edit) -> Answer {
    let (name, value) = (call.string(0), call.string(1));
    if call.host.observes() {
        let place = call.place();
        call.host.note(place, Note::Field { side: "request", name });
        return "".into();
    }
    if let Err(problem) = edit_request(call.host, edit, &name, &value) {
        call.warn(problem);
    }
    "".into()
}

fn edit_request(host: &mut Host, edit: Edit, name: &ByteString, value: &ByteString) -> Result<(), String> {
    let fields = host.request.fields_mut();
    if edit != Edit::Remove
        && fields.bytes().saturating_add(name.len()).saturating_add(value.len()) > limits::HEAD_BYTES_MAX
    {
        return Err("the request's head would become too long".to_owned());
    }
    let told = |error: InvalidField| error.to_string();
    match edit {
        Edit::Set => fields.set(name, value).map_err(told),
        Edit::Add => fields.add(name, value).map_err(told),
        Edit::Remove => {
            fields.remove(name);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::host_name;

    #[test]
    fn a_host_loses_its_port_and_its_dot_and_an_address_keeps_its_brackets() {
        assert_eq!(host_name(b"a.example:80"), b"a.example");
        assert_eq!(host_name(b"a.example.:80"), b"a.example");
        assert_eq!(host_name(b"[::1]:80"), b"[::1]");
        assert_eq!(host_name(b"[::1]"), b"[::1]");
        assert_eq!(host_name(b""), b"");
    }
}
