//! TLS configuration from a location.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::files;
use super::sql_error::SqlError;

/// Reads certificates from a PEM file.
///
/// # Errors
/// `Refused`, naming the parameter, if there are none.
fn certificates(
    path: &std::path::Path,
    parameter: &str,
) -> Result<Vec<CertificateDer<'static>>, SqlError> {
    let content = files::read(path, parameter)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&content).collect();
    certificates
        .ok()
        .filter(|certificates| !certificates.is_empty())
        .ok_or_else(|| unusable(parameter))
}

fn unusable(parameter: &str) -> SqlError {
    SqlError::Refused(format!("the file of {parameter} has no usable PEM"))
}

/// TLS for the PostgreSQL driver.
#[cfg(feature = "postgres")]
pub(super) mod postgres {
    use std::sync::Arc;

    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::CryptoProvider;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
    use rustls::server::ParsedCertificate;
    use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

    use super::super::address::{Tls, Verification};
    use super::super::files;
    use super::super::sql_error::SqlError;
    use super::{certificates, unusable};

    /// Creates the client configuration.
    ///
    /// # Errors
    /// `Refused` if a file cannot be used.
    pub fn client_config(tls: &Tls) -> Result<ClientConfig, SqlError> {
        let refused = |error: rustls::Error| SqlError::Refused(format!("TLS: {error}"));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(refused)?;
        let authorities = Arc::new(authorities(tls)?);
        let builder = match tls.verification {
            Verification::Name => builder.with_root_certificates(authorities),
            verification => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(Verifier {
                    provider,
                    authorities,
                    verification,
                }))
            }
        };
        let Some((certificate, key)) = &tls.identity else {
            return Ok(builder.with_no_client_auth());
        };
        let key = files::read_secret(key, "sslkey")?;
        let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| unusable("sslkey"))?;
        let certificates = certificates(certificate, "sslcert")?;
        builder.with_client_auth_cert(certificates, key).map_err(|error| {
            SqlError::Refused(format!("TLS: `sslcert` and `sslkey` cannot be used: {error}"))
        })
    }

    fn authorities(tls: &Tls) -> Result<RootCertStore, SqlError> {
        let mut store = RootCertStore::empty();
        match &tls.authorities {
            None => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(path) => {
                for certificate in certificates(path, "sslrootcert")? {
                    store.add(certificate).map_err(|_| unusable("sslrootcert"))?;
                }
            }
        }
        Ok(store)
    }

    /// Accepts certificates for any name and, depending on the mode, from any authority. The server
    /// must still prove that it has the key.
    #[derive(Debug)]
    struct Verifier {
        provider: Arc<CryptoProvider>,
        authorities: Arc<RootCertStore>,
        verification: Verification,
    }

    impl ServerCertVerifier for Verifier {
        fn verify_server_cert(
            &self,
            certificate: &CertificateDer<'_>,
            intermediates: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            now: UnixTime,
        ) -> Result<ServerCertVerified, rustls::Error> {
            if self.verification != Verification::Nothing {
                rustls::client::verify_server_cert_signed_by_trust_anchor(
                    &ParsedCertificate::try_from(certificate)?,
                    &self.authorities,
                    intermediates,
                    now,
                    self.provider.signature_verification_algorithms.all,
                )?;
            }
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            let algorithms = &self.provider.signature_verification_algorithms;
            rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            let algorithms = &self.provider.signature_verification_algorithms;
            rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.provider.signature_verification_algorithms.supported_schemes()
        }
    }
}

/// Creates the TLS options of the MySQL driver. Files are read here, since the driver would start a
/// thread for it.
///
/// # Errors
/// `Refused` if a file cannot be used.
#[cfg(feature = "mysql")]
pub(super) fn mysql_options(tls: &super::address::Tls) -> Result<mysql_async::SslOpts, SqlError> {
    use mysql_async::{ClientIdentity, SslOpts};

    use super::address::Verification;

    let mut options = SslOpts::default()
        .with_danger_accept_invalid_certs(tls.verification == Verification::Nothing);
    if let Some(path) = &tls.authorities {
        certificates(path, "sslrootcert")?;
        let authorities = files::read(path, "sslrootcert")?.to_vec();
        options =
            options.with_disable_built_in_roots(true).with_root_certs(vec![authorities.into()]);
    }
    if let Some((certificate, key)) = &tls.identity {
        certificates(certificate, "sslcert")?;
        let certificate = files::read(certificate, "sslcert")?.to_vec();
        let key = files::read_secret(key, "sslkey")?;
        rustls::pki_types::PrivateKeyDer::from_pem_slice(&key).map_err(|_| unusable("sslkey"))?;
        let identity = ClientIdentity::new(certificate.into(), key.to_vec().into());
        options = options.with_client_identity(Some(identity));
    }
    Ok(options)
}

/// Returns a name for which the server's certificate is valid, if only the name did not match.
///
/// `with_danger_skip_domain_validation` has no effect in mysql_async 0.37.1, which searches for a
/// text that rustls no longer produces (mysql_async#404). A second handshake, with full
/// verification, succeeds with this name.
#[cfg(feature = "mysql")]
pub(super) fn mysql_certificate_name(error: &mysql_async::Error) -> Option<String> {
    use mysql_async::{IoError, TlsError};
    use rustls::CertificateError::NotValidForNameContext;

    let error = match error {
        mysql_async::Error::Io(IoError::Tls(TlsError::Tls(error))) => error,
        mysql_async::Error::Io(IoError::Io(error)) => error.get_ref()?.downcast_ref()?,
        _ => return None,
    };
    let rustls::Error::InvalidCertificate(NotValidForNameContext { presented, .. }) = error else {
        return None;
    };
    presented.iter().find_map(|name| {
        let dns = name.strip_prefix("DnsName(\"").and_then(|name| name.strip_suffix("\")"));
        let ip = || name.strip_prefix("IpAddress(").and_then(|ip| ip.strip_suffix(')'));
        Some(dns.or_else(ip)?.replace('*', "any"))
    })
}
