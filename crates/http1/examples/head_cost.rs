//! Decodes or encodes one head of 250 bytes a number of times, to count instructions as the difference of two runs:
//!
//! ```text
//! for n in 1000 11000; do valgrind --tool=callgrind --callgrind-out-file=/dev/null \
//!     target/release/examples/head_cost decode $n; done
//! ```

use std::hint::black_box;

use http1::{Limits, RequestMethod, connection_options, decode_request, decode_response, encode};
use message::{RequestHead, ResponseHead};

const REQUEST: &[u8] = b"GET /music/song.mp3?visit=1 HTTP/1.1\r\nHost: www.a.example\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101\r\nAccept: */*\r\n\
    Accept-Encoding: gzip, deflate\r\nReferer: http://www.b.example/page.html\r\n\
    Cookie: mark=0123456789abcdef\r\nX-A: 1\r\n\r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sun, 22 Nov 2026 10:00:00 GMT\r\n\
    Content-Type: application/octet-stream\r\nContent-Length: 1024\r\nConnection: keep-alive\r\n\
    Last-Modified: Sun, 22 Nov 2026 09:00:00 GMT\r\nETag: \"6740-400\"\r\nAccept-Ranges: bytes\r\n\r\n";

fn main() {
    let mut words = std::env::args().skip(1);
    let what = words.next().unwrap_or_default();
    let times: usize = words.next().and_then(|word| word.parse().ok()).unwrap_or(1000);
    let limits = Limits::default();
    let mut request = RequestHead::default();
    let mut response = ResponseHead::default();
    let _ = black_box(decode_request(REQUEST, &limits, &mut request));
    let _ = black_box(decode_response(RESPONSE, &limits, RequestMethod::Other, &mut response));
    let mut out = Vec::with_capacity(1024);
    for _ in 0..times {
        match what.as_str() {
            "decode" => {
                let _ = black_box(decode_request(black_box(REQUEST), &limits, &mut request));
            }
            "decode-response" => {
                let _ = black_box(decode_response(
                    black_box(RESPONSE),
                    &limits,
                    RequestMethod::Other,
                    &mut response,
                ));
            }
            "encode" => {
                out.clear();
                let options = connection_options(request.fields());
                encode::request_head(&mut out, black_box(&request), |name, _, known| {
                    !options.is_hop_by_hop(name, known)
                });
                encode::end_head(&mut out);
                black_box(&out);
            }
            _ => {
                out.clear();
                let options = connection_options(response.fields());
                encode::response_head(&mut out, black_box(&response), |name, _, known| {
                    !options.is_hop_by_hop(name, known)
                });
                encode::end_head(&mut out);
                black_box(&out);
            }
        }
    }
}
