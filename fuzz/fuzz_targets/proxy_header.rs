//! Any bytes as a PROXY header: no panic, and what is decided does not change with what follows. What it tells is
//! written for a node in both versions, and read back the same.
#![no_main]

use engine::catalog::ProxyHeader;
use libfuzzer_sys::fuzz_target;
use proxy::{Behalf, Told, decode_proxy_header, write_proxy_header};

fuzz_target!(|input: &[u8]| {
    let whole = decode_proxy_header(input);
    let middle = input.len() / 2;
    match decode_proxy_header(&input[..middle]) {
        // As long as it is not whole, nothing is decided.
        Ok(None) => {}
        decided => assert_eq!(decided, whole),
    }
    let Ok(Some((length, told))) = whole else { return };
    assert!(0 < length && length <= input.len());
    assert_eq!(decode_proxy_header(&input[..length]), whole);
    assert_eq!(decode_proxy_header(&input[..length - 1]), Ok(None));

    let behalf = match told {
        Told::Ends(client, local) => Some(Behalf { client, local, connection: 1 }),
        Told::Nothing => None,
    };
    for version in [ProxyHeader::V1, ProxyHeader::V2] {
        let mut out = Vec::new();
        write_proxy_header(version, behalf, &mut out);
        let Ok(Some((length, again))) = decode_proxy_header(&out) else { panic!("{out:?} is not read back") };
        assert_eq!(length, out.len());
        match (told, again) {
            (Told::Nothing, Told::Nothing) => {}
            (Told::Ends(client, local), Told::Ends(client_again, local_again)) => {
                for (end, again) in [(client, client_again), (local, local_again)] {
                    assert_eq!(end.ip().to_canonical(), again.ip().to_canonical());
                    assert_eq!(end.port(), again.port());
                }
            }
            differ => panic!("{differ:?}"),
        }
    }
});
