//! `ssl.*`: whether the client's side is encrypted, and what its handshake showed.

use super::{EVERYWHERE, row};
use crate::host::Host;
use trafficscript::Builtin;

/// Whether the function tells of a handshake, which nobody has made here.
pub(super) fn is_pending(function: &str) -> bool {
    let is_ours = |row: &Builtin<Host>| row.name.eq_ignore_ascii_case(function);
    HANDSHAKE.iter().any(is_ours)
}

pub(super) const ROWS: [Builtin<Host>; 1] = [row!(
    "ssl.isSSL", "Whether the client's connection is encrypted.",
    (), Truth, EVERYWHERE, Reads, "",
    ["ssl.isSSL()" => "0"],
    "1 where the client speaks TLS to this virtual server, 0 otherwise. What stands in front of tidegate and \
     decrypts is not seen here; ask its field, such as X-Forwarded-Proto, with `http.getHeader`.",
    |call| {
        let place = call.place();
        call.host.note_scheme(place);
        i64::from(call.host.connection.is_tls()).into()
    },
)];

const CLIENT: &str = "The empty string on a connection that is not encrypted, and where the client showed no \
                      certificate. TLS is not terminated here yet, so it is always empty; `tidegate check` says so.";
const SERVER: &str = "The empty string on a connection that is not encrypted. TLS is not terminated here yet, so it \
                      is always empty; `tidegate check` says so.";

const CLIENT_DATE: &str = "In seconds since 1970. 0 on a connection that is not encrypted, and where the client showed no \
                           certificate. TLS is not terminated here yet, so it is always 0; `tidegate check` says so.";

/// A getter without arguments, of any stage, that gives a text.
macro_rules! getter {
    ($name:literal, $summary:literal, $rule:literal, $doc:expr) => {
        ::trafficscript::Builtin {
            name: $name,
            summary: $summary,
            params: &[],
            returns: ::trafficscript::Kind::String,
            stages: EVERYWHERE,
            effect: ::trafficscript::Effect::Reads,
            examples: &[::trafficscript::Example { rule: $rule, given: "", gives: "" }],
            doc: $doc,
            call: |_| "".into(),
        }
    };
}

/// A date of the client's certificate, in seconds since 1970; 0 where there is none.
macro_rules! date {
    ($name:literal, $summary:literal, $rule:literal) => {
        ::trafficscript::Builtin {
            returns: ::trafficscript::Kind::Integer,
            examples: &[::trafficscript::Example { rule: $rule, given: "", gives: "0" }],
            call: |_| 0.into(),
            ..getter!($name, $summary, $rule, CLIENT_DATE)
        }
    };
}

/// What a TLS handshake tells.
pub(super) const HANDSHAKE: [Builtin<Host>; 31] = [
    getter!("ssl.clientCert", "The client's certificate, as PEM.", "ssl.clientCert()", CLIENT),
    getter!(
        "ssl.clientCertAlgorithm",
        "The algorithm that the client's certificate is signed with.",
        "ssl.clientCertAlgorithm()",
        CLIENT
    ),
    getter!(
        "ssl.clientCertChain",
        "The client's certificate and those it was signed by, as PEM.",
        "ssl.clientCertChain()",
        CLIENT
    ),
    getter!(
        "ssl.clientCertCommonName",
        "The common name (CN) in the client's certificate.",
        "ssl.clientCertCommonName()",
        CLIENT
    ),
    date!("ssl.clientCertEndDate", "When the client's certificate expires.", "ssl.clientCertEndDate()"),
    getter!("ssl.clientCertHash", "A hash of the client's certificate.", "ssl.clientCertHash()", CLIENT),
    getter!(
        "ssl.clientCertIssuer",
        "Who issued the client's certificate, as a distinguished name.",
        "ssl.clientCertIssuer()",
        CLIENT
    ),
    getter!(
        "ssl.clientCertPublicKey",
        "The public key of the client's certificate.",
        "ssl.clientCertPublicKey()",
        CLIENT
    ),
    getter!(
        "ssl.clientCertSerial",
        "The serial number of the client's certificate, in hexadecimal.",
        "ssl.clientCertSerial()",
        CLIENT
    ),
    getter!(
        "ssl.clientCertSerialDec",
        "The serial number of the client's certificate, in decimal.",
        "ssl.clientCertSerialDec()",
        CLIENT
    ),
    getter!(
        "ssl.clientCertSHA1",
        "The SHA-1 fingerprint of the client's certificate.",
        "ssl.clientCertSHA1()",
        CLIENT
    ),
    date!(
        "ssl.clientCertStartDate",
        "From when on the client's certificate is valid.",
        "ssl.clientCertStartDate()"
    ),
    getter!(
        "ssl.clientCertStatus",
        "Whether the client showed a certificate, and what became of its check.",
        "ssl.clientCertStatus()",
        CLIENT
    ),
    getter!(
        "ssl.clientCertSubject",
        "Whose certificate the client showed, as a distinguished name.",
        "ssl.clientCertSubject()",
        CLIENT
    ),
    getter!(
        "ssl.clientCertVersion",
        "The X.509 version of the client's certificate.",
        "ssl.clientCertVersion()",
        CLIENT
    ),
    getter!(
        "ssl.clientCipher",
        "The cipher suite and the version of TLS of the client's connection.",
        "ssl.clientCipher()",
        SERVER
    ),
    getter!(
        "ssl.getTLSServerName",
        "The name of the server that the client asked for in its handshake (SNI).",
        "ssl.getTLSServerName()",
        SERVER
    ),
    getter!(
        "ssl.serverCert",
        "Our certificate that the client was shown, as PEM.",
        "ssl.serverCert()",
        SERVER
    ),
    getter!(
        "ssl.serverCertAlgorithm",
        "The algorithm that our certificate is signed with.",
        "ssl.serverCertAlgorithm()",
        SERVER
    ),
    getter!(
        "ssl.serverCertCommonName",
        "The common name (CN) in our certificate.",
        "ssl.serverCertCommonName()",
        SERVER
    ),
    getter!("ssl.serverCertEndDate", "When our certificate expires.", "ssl.serverCertEndDate()", SERVER),
    getter!("ssl.serverCertHash", "A hash of our certificate.", "ssl.serverCertHash()", SERVER),
    getter!(
        "ssl.serverCertIssuer",
        "Who issued our certificate, as a distinguished name.",
        "ssl.serverCertIssuer()",
        SERVER
    ),
    getter!(
        "ssl.serverCertName",
        "The name that our certificate has in the catalog.",
        "ssl.serverCertName()",
        SERVER
    ),
    getter!(
        "ssl.serverCertPublicKey",
        "The public key of our certificate.",
        "ssl.serverCertPublicKey()",
        SERVER
    ),
    getter!(
        "ssl.serverCertSerial",
        "The serial number of our certificate, in hexadecimal.",
        "ssl.serverCertSerial()",
        SERVER
    ),
    getter!(
        "ssl.serverCertSHA1",
        "The SHA-1 fingerprint of our certificate.",
        "ssl.serverCertSHA1()",
        SERVER
    ),
    getter!(
        "ssl.serverCertStartDate",
        "From when on our certificate is valid.",
        "ssl.serverCertStartDate()",
        SERVER
    ),
    getter!(
        "ssl.serverCertSubject",
        "Whose certificate ours is, as a distinguished name.",
        "ssl.serverCertSubject()",
        SERVER
    ),
    getter!(
        "ssl.serverCertVersion",
        "The X.509 version of our certificate.",
        "ssl.serverCertVersion()",
        SERVER
    ),
    getter!(
        "ssl.serverSiteName",
        "The name of the site that the certificate was chosen for.",
        "ssl.serverSiteName()",
        SERVER
    ),
];
