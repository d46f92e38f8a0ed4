//! What a start without a file says to the person who started it.

use crate::site::AUDIO;
use engine::catalog::Guard;
use std::fmt::Write;
use std::net::SocketAddr;

/// What to open and what to try.
pub(super) fn text(address: SocketAddr, guard: Guard, is_sample: bool) -> String {
    let at = if address.ip().is_unspecified() {
        format!("http://127.0.0.1:{}", address.port())
    } else {
        format!("http://{address}")
    };
    let referer = "-H 'Referer: http://news.example/story'";
    let timing = "-o /dev/null -w '%{http_code} after %{time_total} s\\n'";
    let mut text = format!(
        "
Open {at}/ in a browser, or try:

  # a visitor
  curl -i {at}/
  # a visitor who follows a link from a news site
  curl -i {referer} {at}/
  # a crowd of twenty from there at once
  for i in $(seq 20); do curl -s {timing} {referer} {at}/ & done; wait
"
    );
    if is_sample && let Some(audio) = AUDIO.first() {
        let download = "-o /dev/null -w '%{speed_download} bytes/s\\n'";
        // Writing to a string cannot fail.
        let _written = writeln!(
            text,
            "  # an audio file, for a visitor of that crowd (marked, and remembered by address)
  curl -s {download} {at}{audio}"
        );
    }
    text += match guard {
        Guard::Off => "\nThere is no guard: nobody is held up.\n",
        Guard::Observe => {
            "\nThe guard observes: what it would do stands in the log lines on standard output, and nobody is held up.\n\
             Start with --guard enforce to see the crowd wait.\n"
        }
        Guard::Enforce => {
            "\nThe guard is in force. What it does stands in the log lines on standard output.\n"
        }
    };
    text += if is_sample {
        "Behind it is the built-in sample site; to guard your own, start with --to http://host:port. Ctrl-C ends it.\n\n"
    } else {
        "Ctrl-C ends it.\n\n"
    };
    text
}
