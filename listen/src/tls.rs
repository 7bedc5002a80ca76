//! TLS from a certificate and its key, and the authorities of clients.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file does not hold the expected PEM items.
    #[error("{} has no {what} in PEM format", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// The certificate and key do not match, or are of an unsupported kind.
    #[error("the certificate and the key cannot be used: {0}")]
    Refused(#[from] rustls::Error),
}

/// The TLS configuration from files: the certificates, the endpoint's own first, and its key. With `clients`, a file of
/// authorities, only clients are served that have a certificate of one of them. `protocols` are offered (ALPN).
///
/// # Errors
/// See [`TlsError`].
pub fn tls(
    certificates: &Path,
    key: &Path,
    clients: Option<&Path>,
    protocols: &[&str],
) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = certificates_of(certificates)?;
    let secret = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| without(key, "private key"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let config = match clients {
        None => config.with_no_client_auth(),
        Some(clients) => {
            let mut authorities = RootCertStore::empty();
            for authority in certificates_of(clients)? {
                authorities.add(authority)?;
            }
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider).build();
            config.with_client_cert_verifier(verifier.map_err(|_| without(clients, "authority"))?)
        }
    };
    let mut config = config.with_single_cert(chain, secret)?;
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(Arc::new(config))
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}

fn without(path: &Path, what: &'static str) -> TlsError {
    TlsError::Pem { path: path.to_owned(), what }
}

fn certificates_of(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(path)?).collect();
    chain.ok().filter(|it| !it.is_empty()).ok_or_else(|| without(path, "certificate"))
}
