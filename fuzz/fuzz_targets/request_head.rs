//! Any bytes as a request head: no panic; what is taken holds only CR LF line ends and sound fields, does not depend
//! on how much follows, and is read back the same after it was written.
#![no_main]

use http1::{Decoded, Limits, decode_request, encode};
use libfuzzer_sys::fuzz_target;
use message::{RequestHead, is_field_value, is_target, is_token};

fuzz_target!(|input: &[u8]| {
    let limits = Limits::default();
    let mut head = RequestHead::default();
    let Ok(Decoded::Complete { consumed, body }) = decode_request(input, &limits, &mut head) else { return };
    for two in input[..consumed].windows(2) {
        assert_eq!(two[0] == b'\r', two[1] == b'\n');
    }
    assert!(is_token(head.method()) && is_target(head.target()));
    assert!(head.fields().iter().all(|(name, value, _)| is_token(name) && is_field_value(value)));

    let mut alone = RequestHead::default();
    let decoded = decode_request(&input[..consumed], &limits, &mut alone);
    assert_eq!(decoded, Ok(Decoded::Complete { consumed, body }));
    assert_eq!(alone, head);
    let cut = decode_request(&input[..consumed - 1], &limits, &mut alone);
    assert_eq!(cut, Ok(Decoded::Partial));

    let mut out = Vec::new();
    encode::request_head(&mut out, &head, |_, _, _| true);
    encode::end_head(&mut out);
    let mut again = RequestHead::default();
    // A head at the very limit may grow by a blank for each field.
    let roomy = Limits { head_bytes_max: usize::MAX, target_bytes_max: usize::MAX, ..Limits::default() };
    match decode_request(&out, &roomy, &mut again) {
        Ok(Decoded::Complete { consumed, body: body_again }) => {
            assert_eq!((consumed, body_again), (out.len(), body));
            assert_eq!(again.fields(), head.fields());
            assert_eq!(again.path(), head.path());
        }
        // Only a head that came as 1.0 may lack what 1.1 demands.
        other => assert!(head.version() == message::Version::Http10, "{other:?}"),
    }
});
