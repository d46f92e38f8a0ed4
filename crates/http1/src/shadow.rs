//! Names with `_` where a name that matters has `-`.
//!
//! Gateways to CGI and its kin fold both to one variable, so behind them `Content_Length` is as good as
//! `Content-Length` and `X_Forwarded_For` speaks with our voice. Such fields are not passed on. They are dropped and
//! not refused: to us they mean nothing, nothing hangs on them, and harmless ones are seen in the wild.
#![warn(clippy::indexing_slicing)]

use message::Known;

/// Names that are longer shadow nothing but `X-Forwarded-*`.
const SHADOWED_BYTES_MAX: usize = 24;

/// Whether this name, with `-` for each `_`, is one of framing, of the connection or of forwarding.
#[inline]
pub(crate) fn is_shadow(name: &[u8]) -> bool {
    // Folded as numbers, not searched: the compiler makes vector code of it.
    name.iter().fold(0, |found, &byte| found | u8::from(byte == b'_')) != 0 && shadows(name)
}

#[cold]
fn shadows(name: &[u8]) -> bool {
    let mut folded = [0; SHADOWED_BYTES_MAX];
    for (to, &from) in folded.iter_mut().zip(name) {
        *to = if from == b'_' { b'-' } else { from };
    }
    let folded = folded.get(..name.len()).unwrap_or(&folded);
    let is_named = matches!(
        Known::of(folded),
        Known::ContentLength
            | Known::TransferEncoding
            | Known::KeepAlive
            | Known::XForwardedFor
            | Known::XForwardedProto
            | Known::XForwardedHost
            | Known::XRealIp
            | Known::ProxyConnection
            | Known::ProxyAuthenticate
            | Known::ProxyAuthorization
            | Known::Http2Settings
            | Known::MaxForwards
    );
    (is_named && name.len() <= SHADOWED_BYTES_MAX) || is_forwarded(folded)
}

/// Whether this is one of `X-Forwarded-*`, all of which are ours to write.
#[inline]
pub(crate) fn is_forwarded(name: &[u8]) -> bool {
    name.get(..12).is_some_and(|start| start.eq_ignore_ascii_case(b"x-forwarded-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_fold_to_framing_or_forwarding_are_shadows() {
        for name in [
            "Content_Length",
            "TRANSFER_ENCODING",
            "transfer-encoding_",
            "X_Forwarded_For",
            "X-Forwarded_Proto",
            "x_forwarded_port",
            "X_Forwarded_Anything_That_Is_Very_Long_Indeed",
            "X_Real_IP",
            "Keep_Alive",
            "Proxy_Connection",
            "HTTP2_Settings",
            "Proxy_Authorization",
        ] {
            assert_eq!(is_shadow(name.as_bytes()), name != "transfer-encoding_", "{name}");
        }
        for name in [
            "X_Mine",
            "_",
            "Content-Length",
            "X-Forwarded-For",
            "Content_Type",
            "Proxy_Authorization_Of_Ours",
        ] {
            assert!(!is_shadow(name.as_bytes()), "{name}");
        }
    }
}
