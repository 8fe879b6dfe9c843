use reqwest::{Certificate, ClientBuilder, Identity};
use secrecy::ExposeSecret as _;

use super::config::{ClientConfig, Pem};
use super::error::HttpError;

/// Makes ring the process' TLS provider unless there is one already. May be called any number of times.
///
/// [`Client::new`](super::Client::new) calls it. Call it yourself before making TLS connections on another way.
pub fn install_crypto_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // An error means that another thread was faster.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

/// Sets whom to trust and as whom to appear.
pub(super) fn configure(
    builder: ClientBuilder,
    config: &ClientConfig,
    plain: bool,
) -> Result<ClientBuilder, HttpError> {
    let mut builder = builder;
    match &config.ca {
        Some(pem) => {
            let text = read(pem, "ca")?;
            let certificates =
                Certificate::from_pem_bundle(&text).map_err(|_| not_pem("ca", "certificates"))?;
            if certificates.is_empty() {
                return Err(not_pem("ca", "certificates"));
            }
            builder = builder.tls_certs_merge(certificates);
        }
        // Reading the system's certificates takes milliseconds, and an image without any could not reach
        // even a service that needs none.
        None if plain => builder = builder.tls_certs_only([]),
        None => {}
    }
    if let Some(identity) = &config.identity {
        let mut text = read(&identity.certificate, "identity.certificate")?;
        text.push(b'\n');
        text.extend(read(&identity.key, "identity.key")?);
        let identity =
            Identity::from_pem(&text).map_err(|_| not_pem("identity", "certificate with its private key"))?;
        builder = builder.identity(identity);
    }
    Ok(builder)
}

fn read(pem: &Pem, field: &str) -> Result<Vec<u8>, HttpError> {
    match pem {
        Pem::Text(text) => Ok(text.expose_secret().as_bytes().to_vec()),
        Pem::File(path) => std::fs::read(path).map_err(|error| HttpError::InvalidConfig {
            reason: format!("{field}: cannot read {}: {error}", path.display()),
        }),
    }
}

fn not_pem(field: &str, what: &str) -> HttpError {
    HttpError::InvalidConfig {
        reason: format!("{field}: no {what} in PEM"),
    }
}
