use std::error::Error;

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

/// Whether TLS is the reason of an error, anywhere down the chain of its sources.
pub fn is_tls_error(error: &(dyn Error + 'static)) -> bool {
    tls_error(error).is_some()
}

/// Whether the reason of an error is that the certificate of the other side does not verify.
pub fn is_certificate_error(error: &(dyn Error + 'static)) -> bool {
    matches!(tls_error(error), Some(rustls::Error::InvalidCertificate(_)))
}

/// Whether that is because the certificate has expired, or is not valid yet by the clock of this machine.
pub fn is_expired_certificate_error(error: &(dyn Error + 'static)) -> bool {
    use rustls::CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
    let Some(rustls::Error::InvalidCertificate(why)) = tls_error(error) else {
        return false;
    };
    matches!(
        why,
        Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. }
    )
}

fn tls_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        // The source of an io::Error is the source of what it wraps: what it wraps has to be asked for.
        let wrapped = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        next = match wrapped {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
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

#[cfg(test)]
mod tests {
    use std::io;

    use super::{is_certificate_error, is_expired_certificate_error, is_tls_error};

    #[test]
    fn finds_tls_behind_what_wraps_it() {
        let tls = || rustls::Error::General("not trusted".to_owned());
        assert!(is_tls_error(&tls()));
        assert!(is_tls_error(&io::Error::other(io::Error::other(tls()))));
        assert!(!is_tls_error(&io::Error::other("connection reset")));
    }

    #[test]
    fn tells_a_certificate_that_does_not_verify_from_a_handshake_that_fails() {
        let unknown = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        assert!(is_certificate_error(&io::Error::other(io::Error::other(unknown))));
        assert!(!is_certificate_error(&rustls::Error::HandshakeNotComplete));
        assert!(!is_certificate_error(&io::Error::other("connection reset")));
    }

    #[test]
    fn tells_a_certificate_out_of_its_time_from_one_of_a_stranger() {
        use rustls::CertificateError::{Expired, NotValidYet, UnknownIssuer};
        let said =
            |why| is_expired_certificate_error(&io::Error::other(rustls::Error::InvalidCertificate(why)));
        assert!(said(Expired) && said(NotValidYet));
        assert!(!said(UnknownIssuer));
        assert!(!is_expired_certificate_error(
            &rustls::Error::HandshakeNotComplete
        ));
    }
}
