//! TLS towards the world: rustls, with the machine's own certificate authorities or those that a rule brings.

use super::failed;
use engine::errand::ErrandError;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Certificates that a rule may bring for one request.
const AUTHORITIES_MAX: usize = 1_000;

/// Whom the process trusts; read from the machine once, when it is first needed.
#[derive(Default)]
pub(crate) struct Trust {
    roots: OnceCell<Arc<RootCertStore>>,
    client: OnceCell<Arc<ClientConfig>>,
}

impl Trust {
    /// The settings of a client that trusts whom the machine trusts.
    pub(super) async fn machine(&self) -> Result<Arc<ClientConfig>, ErrandError> {
        let made = self.client.get_or_try_init(|| async {
            let roots = self.machine_roots().await?;
            settings(roots)
        });
        made.await.cloned()
    }

    /// Whom the machine trusts.
    pub(crate) async fn machine_roots(&self) -> Result<Arc<RootCertStore>, ErrandError> {
        let read = self.roots.get_or_try_init(|| async {
            let read = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs);
            let mut roots = RootCertStore::empty();
            // Some machines carry certificates that nothing can be made of; the others do.
            roots.add_parsable_certificates(read.await.map_err(failed)?.certs);
            if roots.is_empty() {
                return Err(failed("this machine has no certificate authorities (ca-certificates)"));
            }
            Ok(Arc::new(roots))
        });
        read.await.cloned()
    }

    /// TLS over a connection to `host`.
    pub(super) async fn client<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        host: &str,
        authorities: Option<&[Vec<u8>]>,
    ) -> Result<TlsStream<S>, ErrandError> {
        let settings = match authorities {
            Some(texts) => brought(texts)?,
            None => self.machine().await?,
        };
        let name = ServerName::try_from(host.to_owned()).map_err(failed)?;
        TlsConnector::from(settings).connect(name, stream).await.map_err(failed)
    }
}

fn brought(texts: &[Vec<u8>]) -> Result<Arc<ClientConfig>, ErrandError> {
    let mut roots = RootCertStore::empty();
    for text in texts {
        for certificate in CertificateDer::pem_slice_iter(text) {
            let certificate = certificate.map_err(|error| failed(format!("a certificate: {error}")))?;
            roots.add(certificate).map_err(|error| failed(format!("a certificate: {error}")))?;
            if roots.len() > AUTHORITIES_MAX {
                return Err(ErrandError::TooMuch(format!("more than {AUTHORITIES_MAX} authorities")));
            }
        }
    }
    if roots.is_empty() {
        return Err(failed("there is no certificate in PEM among the authorities"));
    }
    settings(Arc::new(roots))
}

fn settings(roots: Arc<RootCertStore>) -> Result<Arc<ClientConfig>, ErrandError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().map_err(failed)?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}
