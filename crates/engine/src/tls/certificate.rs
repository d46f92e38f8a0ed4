//! A certificate with its key, as files hold them, and what a certificate says of itself.

use crate::catalog::HostPattern;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::fmt::Write;
use std::sync::Arc;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::objects::{oid_registry, oid2sn};
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Name;

/// Certificates in one file, the authorities that vouch for the first one included: a handshake carries them all.
const CHAIN_MAX: usize = 16;
/// Names of one certificate that are looked at.
const NAMES_MAX: usize = 10_000;

/// A certificate that we show, with its key.
#[derive(Debug)]
pub struct Certificate {
    /// As the catalog names its file.
    pub name: Arc<str>,
    /// The chain, our own certificate first, the key, and the staple.
    pub key: Arc<CertifiedKey>,
    /// The names it is for, in lower case.
    pub names: Vec<HostPattern>,
    /// From when on it is valid, in seconds since 1970.
    pub valid_from: i64,
    /// Until when it is valid, in seconds since 1970.
    pub valid_until: i64,
}

/// Why nothing can be made of a file.
#[derive(Debug)]
pub(crate) enum UnusableCertificate {
    /// In the file of the certificate.
    Certificate(String),
    /// In the file of the key.
    Key(String),
    /// Each is good, and they do not belong together.
    Mismatch,
}

impl Certificate {
    /// From PEM: the chain, the key, and the answer of a certificate status server in DER.
    pub(crate) fn read(
        name: Arc<str>,
        chain: &[u8],
        key: &[u8],
        staple: Option<Vec<u8>>,
    ) -> Result<Self, UnusableCertificate> {
        let chain = read_chain(chain).map_err(UnusableCertificate::Certificate)?;
        let (names, (valid_from, valid_until)) = {
            let first = chain.first().map_or(&[][..], |first| first);
            let shown = Shown::parse(first).ok_or_else(|| {
                UnusableCertificate::Certificate("the first certificate is no X.509 certificate".to_owned())
            })?;
            (shown.names(), shown.validity())
        };
        let key = read_key(key).map_err(UnusableCertificate::Key)?;
        let signer = any_supported_type(&key).map_err(|_| {
            let kinds = "RSA (2048 bits or more), ECDSA (P-256, P-384, P-521) and Ed25519 are";
            UnusableCertificate::Key(format!("the key is of no kind that can be used: {kinds}"))
        })?;
        let mut key = CertifiedKey::new(chain, signer);
        match key.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InconsistentKeys(_)) => return Err(UnusableCertificate::Mismatch),
            Err(error) => return Err(UnusableCertificate::Certificate(error.to_string())),
        }
        key.ocsp = staple;
        Ok(Self { name, key: Arc::new(key), names, valid_from, valid_until })
    }

    /// Whether it is for this host name, in lower case. A `*` stands for one label.
    pub fn is_for(&self, host: &str) -> bool {
        self.names.iter().any(|name| match name {
            HostPattern::Exact(name) => **name == *host,
            HostPattern::Below(parent) => {
                host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && *rest == **parent)
            }
        })
    }

    /// Whether it is for the hosts of this pattern; for `*.example.com` those directly below will do.
    pub(crate) fn is_for_pattern(&self, pattern: &HostPattern) -> bool {
        match pattern {
            HostPattern::Exact(name) => self.is_for(name),
            HostPattern::Below(_) => self.names.contains(pattern),
        }
    }

    /// Our own certificate, as DER.
    pub(crate) fn first(&self) -> &[u8] {
        self.key.cert.first().map_or(&[], |first| first)
    }
}

fn read_chain(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut chain = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(text) {
        if chain.len() == CHAIN_MAX {
            return Err(format!("it holds more than {CHAIN_MAX} certificates"));
        }
        chain.push(certificate.map_err(|error| words(&error))?);
    }
    if chain.is_empty() {
        return Err("it holds no certificate in PEM (-----BEGIN CERTIFICATE-----)".to_owned());
    }
    Ok(chain)
}

fn read_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        pem::Error::NoItemsFound if contains(text, b"ENCRYPTED PRIVATE KEY") => {
            "the key is encrypted, and nobody is there to say the password (openssl pkey -in FILE -out PLAIN)"
                .to_owned()
        }
        pem::Error::NoItemsFound => "it holds no private key in PEM (-----BEGIN PRIVATE KEY-----)".to_owned(),
        other => words(&other),
    })
}

fn contains(text: &[u8], piece: &[u8]) -> bool {
    memchr::memmem::find(text, piece).is_some()
}

fn words(error: &pem::Error) -> String {
    format!("it is no PEM: {error}")
}

/// A certificate that somebody showed, as its owner reads it.
pub(crate) struct Shown<'a> {
    der: &'a [u8],
    parsed: X509Certificate<'a>,
}

impl<'a> Shown<'a> {
    pub(crate) fn parse(der: &'a [u8]) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        Some(Self { der, parsed })
    }

    /// The names of hosts it is for: those of its extension, and without any the common name.
    fn names(&self) -> Vec<HostPattern> {
        let mut names = Vec::new();
        if let Ok(Some(extension)) = self.parsed.subject_alternative_name() {
            for name in extension.value.general_names.iter().take(NAMES_MAX) {
                match name {
                    GeneralName::DNSName(name) => names.push(pattern(name)),
                    GeneralName::IPAddress(bytes) => names.extend(address(bytes)),
                    _ => {}
                }
            }
        }
        names
    }

    /// In seconds since 1970: from, until.
    pub(crate) fn validity(&self) -> (i64, i64) {
        let validity = self.parsed.validity();
        (validity.not_before.timestamp(), validity.not_after.timestamp())
    }

    pub(crate) fn pem(&self) -> String {
        pem_of("CERTIFICATE", self.der)
    }

    pub(crate) fn subject(&self) -> String {
        name_text(self.parsed.subject())
    }

    pub(crate) fn issuer(&self) -> String {
        name_text(self.parsed.issuer())
    }

    pub(crate) fn common_name(&self) -> String {
        let name = self.parsed.subject().iter_common_name().last();
        name.and_then(|name| name.as_str().ok()).unwrap_or_default().to_owned()
    }

    /// The algorithm it is signed with, as OpenSSL names it; one that has no name there by its number.
    pub(crate) fn algorithm(&self) -> String {
        let oid = &self.parsed.signature_algorithm.algorithm;
        oid2sn(oid, oid_registry()).map_or_else(|_| oid.to_id_string(), str::to_owned)
    }

    pub(crate) fn public_key(&self) -> String {
        pem_of("PUBLIC KEY", self.parsed.public_key().raw)
    }

    pub(crate) fn serial_hex(&self) -> String {
        hex(&self.parsed.serial.to_bytes_be(), "")
    }

    pub(crate) fn serial_decimal(&self) -> String {
        self.parsed.serial.to_string()
    }

    /// 1 to 3.
    pub(crate) fn version(&self) -> String {
        (self.parsed.version().0 + 1).to_string()
    }
}

/// As PEM, in lines of 64 characters.
pub(crate) fn pem_of(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    // Writing to a string cannot fail.
    let _infallible = writeln!(pem, "-----END {label}-----");
    pem
}

/// In capitals, as OpenSSL writes them.
pub(crate) fn hex(bytes: &[u8], between: &str) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(between)
}

/// `C=GB, O=Example, CN=alice`, in the order of the certificate.
fn name_text(name: &X509Name<'_>) -> String {
    name.to_string()
}

fn pattern(name: &str) -> HostPattern {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    match name.strip_prefix("*.") {
        Some(parent) => HostPattern::Below(Arc::from(parent)),
        None => HostPattern::Exact(Arc::from(name)),
    }
}

fn address(bytes: &[u8]) -> Option<HostPattern> {
    let address: std::net::IpAddr = match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok()?.into(),
        16 => <[u8; 16]>::try_from(bytes).ok()?.into(),
        _ => return None,
    };
    let text = match address {
        std::net::IpAddr::V4(address) => address.to_string(),
        std::net::IpAddr::V6(address) => format!("[{address}]"),
    };
    Some(HostPattern::Exact(Arc::from(text)))
}
