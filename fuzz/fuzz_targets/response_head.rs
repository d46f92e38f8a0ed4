//! Any bytes as a response head: no panic; what is taken is sound and is read back the same after it was written.
#![no_main]

use http1::{Decoded, Limits, RequestMethod, decode_response, encode};
use libfuzzer_sys::fuzz_target;
use message::{ResponseHead, is_field_value, is_token};

fuzz_target!(|input: &[u8]| {
    let limits = Limits::default();
    for method in [RequestMethod::Other, RequestMethod::Head] {
        let mut head = ResponseHead::default();
        let Ok(Decoded::Complete { consumed, .. }) = decode_response(input, &limits, method, &mut head) else {
            continue;
        };
        for two in input[..consumed].windows(2) {
            assert_eq!(two[0] == b'\r', two[1] == b'\n');
        }
        assert!((100..=999).contains(&head.status()) && is_field_value(head.reason()));
        assert!(head.fields().iter().all(|(name, value, _)| is_token(name) && is_field_value(value)));

        let mut out = Vec::new();
        encode::response_head(&mut out, &head, |_, _, _| true);
        encode::end_head(&mut out);
        let roomy = Limits { head_bytes_max: usize::MAX, ..Limits::default() };
        let mut again = ResponseHead::default();
        let decoded = decode_response(&out, &roomy, method, &mut again);
        assert!(matches!(decoded, Ok(Decoded::Complete { consumed, .. }) if consumed == out.len()));
        assert_eq!((again.status(), again.reason()), (head.status(), head.reason()));
        assert_eq!(again.fields(), head.fields());
    }
});
