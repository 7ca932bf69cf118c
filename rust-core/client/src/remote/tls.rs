//! TLS to a node.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use holdfast_proto::session::ALPN;
use holdfast_proto::{Code, Error};
use holdfast_system::net::TcpStream;
use rustls::client::WebPkiServerVerifier;
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::link::{Failed, passing};
use super::options::TlsOptions;
use crate::connection_string::Endpoint;

/// The handshake. The files are read anew each time.
pub(super) async fn connect(
    options: &TlsOptions,
    endpoint: &Endpoint,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, Failed> {
    let lasting = |error| Failed { error, lasting: true };
    let read = options.clone();
    // The files, and above all the system's store of certificates, take their time.
    let config = holdfast_system::work::spawn_blocking(move || config(&read))
        .await
        .map_err(|failed| passing(format!("the TLS settings could not be read: {failed}")))?
        .map_err(lasting)?;
    let name = options
        .server_name
        .as_deref()
        .unwrap_or(&endpoint.host)
        .to_owned();
    let name = ServerName::try_from(name).map_err(|_| {
        lasting(Error::new(
            Code::InvalidSetting,
            "setting 'tls-server-name' is neither a host name nor an address",
        ))
    })?;
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .map_err(|error| refusal(&error).unwrap_or_else(|| passing(no_handshake(&error))))
}

/// What certificates are at fault for: it stays until somebody changes one, on this side or on the other.
pub(super) fn refusal(error: &io::Error) -> Option<Failed> {
    let error = match inner(error)? {
        rustls::Error::AlertReceived(alert) if names_a_certificate(*alert) => Error::new(
            Code::Unauthenticated,
            format!(
                "the node does not accept this client's certificate, or misses one ({alert:?}): \
                 'tls-certificate' and 'tls-key' name it"
            ),
        ),
        rustls::Error::InvalidCertificate(reason) => {
            let remedy = match reason {
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    "'tls-server-name' says which name it must have"
                }
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    "the node needs a new one"
                }
                _ => "'tls-ca' names the authorities to trust",
            };
            Error::new(
                Code::Unavailable,
                format!("the node's certificate is not trusted ({reason}): {remedy}"),
            )
        }
        _ => return None,
    };
    Some(Failed { error, lasting: true })
}

fn names_a_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            // An authority of the same name signed it with another key.
            | AlertDescription::DecryptError
            | AlertDescription::AccessDenied
    )
}

/// Who does not answer a handshake with one may not speak TLS at all.
fn no_handshake(error: &io::Error) -> String {
    let plain = match inner(error) {
        Some(reason) => matches!(reason, rustls::Error::InvalidMessage(_)),
        None => matches!(
            error.kind(),
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
        ),
    };
    let hint = if plain {
        ": the node may speak without TLS (holdfast:// instead of holdfasts://, no --tls), or this is not its \
         port for sessions (7861)"
    } else {
        ""
    };
    format!("TLS: {error}{hint}")
}

fn inner(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// Why rustls does not show this certificate.
fn not_shown(error: &rustls::Error, certificate: &Path) -> Error {
    match error {
        rustls::Error::InvalidCertificate(reason) => {
            // Only its text tells this from other certificates that cannot be used.
            let remedy = if format!("{reason:?}").contains("UnsupportedCertVersion") {
                "it is not X.509 v3 (openssl makes v1 without extensions: sign it with -extfile or -copy_extensions)"
                    .to_owned()
            } else {
                reason.to_string()
            };
            let shown = certificate.display();
            refused(
                "tls-certificate",
                &format!("names {shown}, which cannot be used: {remedy}"),
            )
        }
        _ => refused("tls-key", &format!("does not go with tls-certificate: {error}")),
    }
}

fn config(options: &TlsOptions) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = Arc::new(roots(options.ca.as_deref())?);
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
        .build()
        .map_err(|error| {
            refused(
                "tls-ca",
                &format!("has no certificate that can sign others: {error}"),
            )
        })?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(Code::Internal, format!("TLS: {error}")))?
        .with_webpki_verifier(verifier);
    let mut config = match (&options.certificate, &options.key) {
        (None, None) => builder.with_no_client_auth(),
        (Some(certificate), Some(key)) => {
            let chain = certificates("tls-certificate", certificate)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| {
                refused(
                    "tls-key",
                    &format!("cannot be read from {}: {error}", key.display()),
                )
            })?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| not_shown(&error, certificate))?
        }
        (Some(_), None) => return Err(refused("tls-key", "is missing: tls-certificate needs it")),
        (None, Some(_)) => return Err(refused("tls-certificate", "is missing: tls-key needs it")),
    };
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

fn roots(ca: Option<&Path>) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(file) => {
            for certificate in certificates("tls-ca", file)? {
                roots.add(certificate).map_err(|error| {
                    refused("tls-ca", &format!("holds a certificate that is none: {error}"))
                })?;
            }
        }
        None => {
            // Single certificates of the system that cannot be read are left out; without any nothing can be trusted.
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                return Err(refused(
                    "tls-ca",
                    "is missing, and the system has no certificates to trust: name a file",
                ));
            }
        }
    }
    Ok(roots)
}

fn certificates(setting: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let shown = file.display();
    let unreadable = |error| refused(setting, &format!("cannot be read from {shown}: {error}"));
    let chain = CertificateDer::pem_file_iter(file)
        .map_err(unreadable)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable)?;
    if chain.is_empty() {
        return Err(refused(
            setting,
            &format!("names {shown}, which holds no certificate"),
        ));
    }
    Ok(chain)
}

#[cold]
fn refused(setting: &str, message: &str) -> Error {
    Error::new(Code::InvalidSetting, format!("setting '{setting}' {message}"))
}
