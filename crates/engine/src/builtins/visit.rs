//! How a visitor came to ask: `request.kind`, the referer's parts, and lists of hosts.

use super::{EVERYWHERE, row};
use crate::host::Host;
use trafficscript::{Builtin, Call, Param, Value};
use visit::{Host as NamedHost, Referer};

pub(super) const ROWS: [Builtin<Host>; 4] = [
    row!(
        "request.kind", "How the visitor came to ask: own, link, embed, direct, app, bare or forged.",
        (),
        String, EVERYWHERE, Reads, "GET /story\nHost: site.example\nReferer: http://news.example/",
        ["request.kind()" => "link"],
        "`own`: a page of this site led to it. `link`: somebody followed a link on another site. `embed`: a page of \
         another site shows it as part of itself (hot-linking). `direct`: typed, bookmarked, or opened from outside of \
         a browser. `app`: a feed reader, a podcast app or another player. `bare`: a program that says nothing of that \
         sort, and no page that sent it; crawlers and download tools are here. `forged`: what the request says cannot \
         all be true of a browser.\n\n\
         Judged from Referer, Fetch Metadata (`Sec-Fetch-Site` and its kin, which browsers send over TLS), `Range`, \
         `Accept`, User-Agent and the file that is asked for. What the browser says of who began the request counts \
         for more than the referer, which anyone can write and any page can hide. A host counts as this site's if it \
         shares the registrable domain of the Host or of a name in `hosts`. All of it can be forged: it sorts visitors, \
         and excuses nobody. In replay of a log that lacks the fields of Fetch Metadata it is judged as for a browser \
         that does not send them.",
        |call| kind(call).into(),
    ),
    row!(
        "referer.host", "The host of the page that sent the visitor.",
        (),
        String, EVERYWHERE, Reads, "GET /\nReferer: http://WWW.News.example:8080/front?page=1",
        ["referer.host()" => "www.news.example"],
        "In lower case and A-labels, without user, port and final dot; an address as it is. The empty string where \
         there is no referer, or one that is none.",
        |call| referer(call).host.into_bytes().into(),
    ),
    row!(
        "referer.site", "The registrable domain of the page that sent the visitor.",
        (),
        String, EVERYWHERE, Reads, "GET /\nReferer: http://www.news.co.uk/front",
        ["referer.site()" => "news.co.uk"],
        "By the public suffix list, its private part included: `a.blogspot.com` and `b.blogspot.com` are two sites. So \
         `www.` and the bare name share a context of a class. An address stands for itself, an app for \
         `android-app://name`. The empty string where there is no referer, or one that is none.",
        |call| referer(call).domain.into_bytes().into(),
    ),
    row!(
        "list.hasHost", "Whether a host, or a name that it lies below, stands in a list.",
        (
            Param::any("list", "An array of names, or a text of names with blanks or commas between."),
            Param::string("host", "A host name."),
        ),
        Truth, EVERYWHERE, Pure, "",
        ["list.hasHost( \"example.com news.example\", \"www.news.example\" )" => "1",
         "list.hasHost( [ \"example.com\" ], \"evil-example.com\" )" => "0",
         "list.hasHost( \"localhost\", \"l\" )" => "0"],
        "Whole names only, in letters of either case: `example.com` in the list stands for itself and for \
         `www.example.com`, not for `evil-example.com`; no part of a name passes for it, and the empty text stands in no \
         list. (`string.contains( $list, $host )` takes `l` for a part of `localhost`.)",
        |call| has_host(call).into(),
    ),
];

fn kind(call: &mut Call<'_, Host>) -> &'static str {
    for name in [&b"Referer"[..], b"User-Agent"] {
        if call.host.request.fields().get(name).is_none() {
            let place = call.place();
            call.host.note_absent(place, name);
        }
    }
    call.host.judge_kind().word()
}

fn referer(call: &mut Call<'_, Host>) -> Referer {
    let Some(field) = call.host.request.fields().get(b"Referer") else {
        let place = call.place();
        call.host.note_absent(place, b"Referer");
        return Referer::of(b"");
    };
    Referer::of(field)
}

fn has_host(call: &mut Call<'_, Host>) -> bool {
    let host = call.string(1);
    let Some(host) = NamedHost::of(host.trim_ascii()) else { return false };
    let is_meant = |listed: &[u8]| is_below(&host, listed.trim_ascii());
    match call.argument(0) {
        Some(Value::Array(items)) => items.borrow().iter().any(|item| is_meant(&item.to_text())),
        Some(text) => text.to_text().split(|byte| byte.is_ascii_whitespace() || *byte == b',').any(is_meant),
        None => false,
    }
}

/// Whether the host is the listed one, or below it.
pub(crate) fn is_below(host: &NamedHost, listed: &[u8]) -> bool {
    match (host, NamedHost::of(listed)) {
        (NamedHost::Address(host), Some(NamedHost::Address(listed))) => *host == listed,
        (NamedHost::Name(host), Some(NamedHost::Name(listed))) => host
            .strip_suffix(listed.as_str())
            .is_some_and(|before| before.is_empty() || before.ends_with('.')),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_list_are_compared_whole() {
        for (host, listed, is_in) in [
            ("a.example", "a.example", true),
            ("WWW.a.example.", "A.example", true),
            ("x.y.a.example", "a.example", true),
            ("evil-a.example", "a.example", false),
            ("a.example.evil", "a.example", false),
            ("example", "a.example", false),
            ("a", "a.example", false),
            ("172.16.121.10", "172.16.121.100", false),
            ("172.16.121.10", "172.16.121.10", true),
            ("1.172.16.121.10", "172.16.121.10", false),
            ("[2001:db8::1]", "[2001:DB8:0::1]", true),
            ("a.example", "", false),
        ] {
            let host = NamedHost::of(host.as_bytes());
            let is_below = host.is_some_and(|host| is_below(&host, listed.as_bytes()));
            assert_eq!(is_below, is_in, "{listed}");
        }
    }
}
