//! `ssl.*`: whether the client's side is encrypted, and what its handshake showed.

use super::{EVERYWHERE, row};
use crate::host::Host;
use crate::tls::{Shown, TlsFacts, hex, pem_of};
use md5::{Digest, Md5};
use sha1::Sha1;
use trafficscript::Builtin;

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

const CLIENT: &str = "The empty string on a connection that is not encrypted, and where the client showed no certificate. \
                      Clients are asked for one where the virtual server says so: `tls.client_certificates`.";
const SERVER: &str = "The empty string on a connection that is not encrypted.";
const CLIENT_DATE: &str = "In seconds since 1970. 0 on a connection that is not encrypted, and where the client showed no certificate.";
const HASH: &str = "The MD5 of the certificate, 32 hexadecimal digits in capitals: to tell certificates apart, not to \
                    trust one. The empty string where there is none.";
const STATUS: &str = "`OK`: it showed one, and the authorities of the virtual server vouch for it. `NoClientCert`: it showed \
                      none. A client with any other certificate comes to no request: its handshake fails. The empty string \
                      on a connection that is not encrypted.";
const CIPHER: &str = "Such as `TLS_AES_256_GCM_SHA384, version=TLSv1.3, bits=256`. The empty string on a connection that is \
                      not encrypted.";
const SITE: &str = "The name that the client asked for, where a certificate of ours is for it; the empty string where it was \
                    shown the first one for want of a better, and on a connection that is not encrypted.";

/// A getter without arguments, of any stage, that gives a text.
macro_rules! getter {
    ($name:literal, $summary:literal, $doc:expr, $of:expr) => {
        ::trafficscript::Builtin {
            name: $name,
            summary: $summary,
            params: &[],
            returns: ::trafficscript::Kind::String,
            stages: EVERYWHERE,
            effect: ::trafficscript::Effect::Reads,
            examples: &[::trafficscript::Example { rule: concat!($name, "()"), given: "", gives: "" }],
            doc: $doc,
            call: |call| text(call.host, $of).into(),
        }
    };
}

/// A date of the client's certificate, in seconds since 1970; 0 where there is none.
macro_rules! date {
    ($name:literal, $summary:literal, $of:expr) => {
        ::trafficscript::Builtin {
            name: $name,
            summary: $summary,
            params: &[],
            returns: ::trafficscript::Kind::Integer,
            stages: EVERYWHERE,
            effect: ::trafficscript::Effect::Reads,
            examples: &[::trafficscript::Example { rule: concat!($name, "()"), given: "", gives: "0" }],
            doc: CLIENT_DATE,
            call: |call| {
                let shown =
                    call.host.connection.facts().tls.as_deref().and_then(client).and_then(Shown::parse);
                shown.map_or(0, $of).into()
            },
        }
    };
}

/// What `of` says of the handshake; nothing where there was none.
fn text(host: &Host, of: impl FnOnce(&TlsFacts) -> Option<String>) -> String {
    host.connection.facts().tls.as_deref().and_then(of).unwrap_or_default()
}

/// The client's own certificate, as DER.
fn client(tls: &TlsFacts) -> Option<&[u8]> {
    tls.client_chain.first().map(|der| &**der)
}

/// Ours, as DER.
fn server(tls: &TlsFacts) -> Option<&[u8]> {
    tls.certificate.as_ref().map(|certificate| certificate.first())
}

/// What the client's certificate says of itself.
fn of_client<'t>(tls: &'t TlsFacts, say: impl FnOnce(&Shown<'t>) -> String) -> Option<String> {
    Shown::parse(client(tls)?).map(|shown| say(&shown))
}

/// What ours says of itself.
fn of_server<'t>(tls: &'t TlsFacts, say: impl FnOnce(&Shown<'t>) -> String) -> Option<String> {
    Shown::parse(server(tls)?).map(|shown| say(&shown))
}

fn md5_of(der: &[u8]) -> String {
    hex(&Md5::digest(der), "")
}

fn sha1_of(der: &[u8]) -> String {
    hex(&Sha1::digest(der), ":")
}

fn status(tls: &TlsFacts) -> String {
    if tls.client_chain.is_empty() { "NoClientCert" } else { "OK" }.to_owned()
}

fn cipher(tls: &TlsFacts) -> Option<String> {
    let TlsFacts { cipher_suite, version, cipher_bits, .. } = tls;
    (!cipher_suite.is_empty()).then(|| format!("{cipher_suite}, version={version}, bits={cipher_bits}"))
}

fn site(tls: &TlsFacts) -> Option<String> {
    let name = tls.server_name.as_deref()?;
    tls.certificate.as_ref().filter(|certificate| certificate.is_for(name)).map(|_| name.to_owned())
}

fn chain(tls: &TlsFacts) -> String {
    tls.client_chain.iter().map(|der| pem_of("CERTIFICATE", der)).collect()
}

/// What a TLS handshake tells.
pub(super) const HANDSHAKE: [Builtin<Host>; 31] = [
    getter!("ssl.clientCert", "The client's certificate, as PEM.", CLIENT, |tls| of_client(tls, Shown::pem)),
    getter!(
        "ssl.clientCertAlgorithm",
        "The algorithm that the client's certificate is signed with.",
        CLIENT,
        |tls| of_client(tls, Shown::algorithm)
    ),
    getter!(
        "ssl.clientCertChain",
        "The client's certificate and those it was signed by, as PEM.",
        CLIENT,
        |tls| Some(chain(tls))
    ),
    getter!("ssl.clientCertCommonName", "The common name (CN) in the client's certificate.", CLIENT, |tls| {
        of_client(tls, Shown::common_name)
    }),
    date!("ssl.clientCertEndDate", "When the client's certificate expires.", |shown| shown.validity().1),
    getter!("ssl.clientCertHash", "A hash of the client's certificate.", HASH, |tls| client(tls).map(md5_of)),
    getter!(
        "ssl.clientCertIssuer",
        "Who issued the client's certificate, as a distinguished name.",
        CLIENT,
        |tls| of_client(tls, Shown::issuer)
    ),
    getter!(
        "ssl.clientCertPublicKey",
        "The public key of the client's certificate, as PEM.",
        CLIENT,
        |tls| of_client(tls, Shown::public_key)
    ),
    getter!(
        "ssl.clientCertSerial",
        "The serial number of the client's certificate, in hexadecimal.",
        CLIENT,
        |tls| of_client(tls, Shown::serial_hex)
    ),
    getter!(
        "ssl.clientCertSerialDec",
        "The serial number of the client's certificate, in decimal.",
        CLIENT,
        |tls| of_client(tls, Shown::serial_decimal)
    ),
    getter!("ssl.clientCertSHA1", "The SHA-1 fingerprint of the client's certificate.", CLIENT, |tls| {
        client(tls).map(sha1_of)
    }),
    date!("ssl.clientCertStartDate", "From when on the client's certificate is valid.", |shown| {
        shown.validity().0
    }),
    getter!(
        "ssl.clientCertStatus",
        "Whether the client showed a certificate, and what became of its check.",
        STATUS,
        |tls| Some(status(tls))
    ),
    getter!(
        "ssl.clientCertSubject",
        "Whose certificate the client showed, as a distinguished name.",
        CLIENT,
        |tls| of_client(tls, Shown::subject)
    ),
    getter!("ssl.clientCertVersion", "The X.509 version of the client's certificate.", CLIENT, |tls| {
        of_client(tls, Shown::version)
    }),
    getter!(
        "ssl.clientCipher",
        "The cipher suite and the version of TLS of the client's connection.",
        CIPHER,
        cipher
    ),
    getter!(
        "ssl.getTLSServerName",
        "The name of the server that the client asked for in its handshake (SNI).",
        SERVER,
        |tls| tls.server_name.as_deref().map(str::to_owned)
    ),
    getter!("ssl.serverCert", "Our certificate that the client was shown, as PEM.", SERVER, |tls| {
        of_server(tls, Shown::pem)
    }),
    getter!("ssl.serverCertAlgorithm", "The algorithm that our certificate is signed with.", SERVER, |tls| {
        of_server(tls, Shown::algorithm)
    }),
    getter!("ssl.serverCertCommonName", "The common name (CN) in our certificate.", SERVER, |tls| {
        of_server(tls, Shown::common_name)
    }),
    getter!("ssl.serverCertEndDate", "When our certificate expires, in seconds since 1970.", SERVER, |tls| {
        of_server(tls, |shown| shown.validity().1.to_string())
    }),
    getter!("ssl.serverCertHash", "A hash of our certificate.", HASH, |tls| server(tls).map(md5_of)),
    getter!("ssl.serverCertIssuer", "Who issued our certificate, as a distinguished name.", SERVER, |tls| {
        of_server(tls, Shown::issuer)
    }),
    getter!("ssl.serverCertName", "The name that our certificate has in the catalog.", SERVER, |tls| {
        tls.certificate.as_ref().map(|certificate| certificate.name.to_string())
    }),
    getter!("ssl.serverCertPublicKey", "The public key of our certificate, as PEM.", SERVER, |tls| {
        of_server(tls, Shown::public_key)
    }),
    getter!("ssl.serverCertSerial", "The serial number of our certificate, in hexadecimal.", SERVER, |tls| {
        of_server(tls, Shown::serial_hex)
    }),
    getter!("ssl.serverCertSHA1", "The SHA-1 fingerprint of our certificate.", SERVER, |tls| {
        server(tls).map(sha1_of)
    }),
    getter!(
        "ssl.serverCertStartDate",
        "From when on our certificate is valid, in seconds since 1970.",
        SERVER,
        |tls| of_server(tls, |shown| shown.validity().0.to_string())
    ),
    getter!("ssl.serverCertSubject", "Whose certificate ours is, as a distinguished name.", SERVER, |tls| {
        of_server(tls, Shown::subject)
    }),
    getter!("ssl.serverCertVersion", "The X.509 version of our certificate.", SERVER, |tls| {
        of_server(tls, Shown::version)
    }),
    getter!("ssl.serverSiteName", "The name of the site that the certificate was chosen for.", SITE, site),
];
