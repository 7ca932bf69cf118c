//! TLS of a node's listener: what the PEM files say, and who a peer's certificate says it is.
//!
//! Sessions and gRPC share the port, so both of their ALPN names are offered. With an authority for clients, a client
//! without a certificate of it does not get past the handshake.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use holdfast_proto::session::ALPN;
use holdfast_proto::{Code, Error};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// gRPC's ALPN name.
pub(super) const GRPC_ALPN: &[u8] = b"h2";

/// PEM files of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The node's certificate, and the intermediate ones after it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Authorities of clients; with them every client must show a certificate of one.
    pub client_ca: Option<PathBuf>,
    /// Authorities of the other nodes of a cluster; without it those of clients.
    pub peer_ca: Option<PathBuf>,
}

/// Reads the files.
///
/// # Errors
/// `InvalidSetting` that names the setting, the file and what is wrong with it.
pub(crate) fn server_config(files: &TlsFiles) -> Result<Arc<ServerConfig>, Error> {
    let chain = certificates("tls-certificate", &files.certificate)?;
    let key = private_key(&files.key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| refused("tls-certificate", &files.certificate, &error))?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(
                Arc::new(authorities("tls-client-ca", file)?),
                provider,
            )
            .build()
            .map_err(|error| refused("tls-client-ca", file, &error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|error| {
        let certificate = files.certificate.display();
        refused(
            "tls-key",
            &files.key,
            &format!("it does not go with the certificate '{certificate}': {error}"),
        )
    })?;
    config.alpn_protocols = vec![ALPN.to_vec(), GRPC_ALPN.to_vec()];
    Ok(Arc::new(config))
}

/// What a node of a cluster connects to the others with: it trusts their authorities, and shows its own certificate.
///
/// # Errors
/// `InvalidSetting` that names the setting, the file and what is wrong with it.
#[cfg(feature = "cluster")]
pub(crate) fn peer_config(files: &TlsFiles) -> Result<Arc<rustls::ClientConfig>, Error> {
    let (setting, authority) = match (&files.peer_ca, &files.client_ca) {
        (Some(file), _) => ("tls-ca", file),
        (None, Some(file)) => ("tls-client-ca", file),
        (None, None) => {
            let message = "setting 'tls-ca' is missing: with TLS the nodes of a cluster connect to each other over TLS \
                           too, and must know the authorities of each other's certificates";
            return Err(Error::new(Code::InvalidSetting, message));
        }
    };
    let chain = certificates("tls-certificate", &files.certificate)?;
    let key = private_key(&files.key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refused("tls-certificate", &files.certificate, &error))?
        .with_root_certificates(authorities(setting, authority)?)
        .with_client_auth_cert(chain, key)
        .map_err(|error| refused("tls-key", &files.key, &error))?;
    config.alpn_protocols = vec![GRPC_ALPN.to_vec()];
    Ok(Arc::new(config))
}

/// Who a client says it is with the certificate that it was let in with: the common name of the subject, else the
/// first DNS name, URI or mail address among its alternative names. `None` without one.
#[must_use]
pub(crate) fn peer_name(chain: Option<&[CertificateDer<'_>]>) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(chain?.first()?).ok()?;
    let common_name = certificate
        .subject()
        .iter_common_name()
        .find_map(|name| name.as_str().ok())
        .filter(|name| !name.is_empty());
    if let Some(name) = common_name {
        return Some(name.to_owned());
    }
    let alternatives = certificate.subject_alternative_name().ok().flatten()?;
    alternatives
        .value
        .general_names
        .iter()
        .find_map(|name| match name {
            GeneralName::DNSName(name) | GeneralName::URI(name) | GeneralName::RFC822Name(name) => {
                Some((*name).to_owned())
            }
            _ => None,
        })
}

fn certificates(setting: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found = CertificateDer::pem_slice_iter(&read(setting, file)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| refused(setting, file, &error))?;
    if found.is_empty() {
        return Err(refused(setting, file, &"it holds no certificate in PEM form"));
    }
    Ok(found)
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    PrivateKeyDer::from_pem_slice(&read("tls-key", file)?).map_err(|error| match error {
        pem::Error::NoItemsFound => refused(
            "tls-key",
            file,
            &"it holds no unencrypted private key in PEM form",
        ),
        // Others may quote the line that they stopped at.
        _ => refused("tls-key", file, &"it is not a private key in PEM form"),
    })
}

fn authorities(setting: &str, file: &Path) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(setting, file)? {
        roots
            .add(certificate)
            .map_err(|error| refused(setting, file, &error))?;
    }
    Ok(roots)
}

fn read(setting: &str, file: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(file).map_err(|error| refused(setting, file, &format!("it cannot be read: {error}")))
}

#[cold]
fn refused(setting: &str, file: &Path, problem: &dyn Display) -> Error {
    let file = file.display();
    Error::new(
        Code::InvalidSetting,
        format!("setting '{setting}' is '{file}': {problem}"),
    )
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn file(&self, name: &str, text: &str) -> PathBuf {
            let path = self.0.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        }
    }

    fn folder() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn self_signed(params: CertificateParams) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        (params.self_signed(&key).unwrap(), key)
    }

    fn message(files: &TlsFiles) -> String {
        let error = server_config(files).unwrap_err();
        assert_eq!(error.code, Code::InvalidSetting);
        error.message
    }

    #[test]
    fn both_protocols_of_the_port_are_offered() {
        let folder = folder();
        let (certificate, key) = self_signed(CertificateParams::new(["localhost".to_owned()]).unwrap());
        let certificate = folder.file("node.pem", &certificate.pem());
        let files = TlsFiles {
            client_ca: Some(certificate.clone()),
            peer_ca: None,
            certificate,
            key: folder.file("node.key", &key.serialize_pem()),
        };
        assert_eq!(server_config(&files).unwrap().alpn_protocols, [ALPN, GRPC_ALPN]);
    }

    #[test]
    fn a_bad_file_is_named_with_its_setting_and_what_is_wrong() {
        let folder = folder();
        let (certificate, key) = self_signed(CertificateParams::new(["localhost".to_owned()]).unwrap());
        let other_key = KeyPair::generate().unwrap();
        let good = TlsFiles {
            certificate: folder.file("node.pem", &certificate.pem()),
            key: folder.file("node.key", &key.serialize_pem()),
            client_ca: None,
            peer_ca: None,
        };
        let missing = message(&TlsFiles {
            certificate: folder.0.path().join("none.pem"),
            ..good.clone()
        });
        assert!(
            missing.contains("'tls-certificate'") && missing.contains("none.pem"),
            "{missing}"
        );
        let empty = message(&TlsFiles {
            certificate: folder.file("empty.pem", "nothing here\n"),
            ..good.clone()
        });
        assert!(empty.ends_with("it holds no certificate in PEM form"), "{empty}");
        let swapped = message(&TlsFiles {
            key: good.certificate.clone(),
            ..good.clone()
        });
        assert!(
            swapped.contains("'tls-key'") && swapped.contains("no unencrypted private key"),
            "{swapped}"
        );
        let foreign = message(&TlsFiles {
            key: folder.file("other.key", &other_key.serialize_pem()),
            ..good.clone()
        });
        assert!(foreign.contains("does not go with the certificate"), "{foreign}");
        let no_authority = message(&TlsFiles {
            client_ca: Some(good.key.clone()),
            ..good
        });
        assert!(no_authority.contains("'tls-client-ca'"), "{no_authority}");
    }

    #[test]
    fn a_peer_is_named_by_its_common_name_or_else_by_its_first_alternative_name() {
        let named = |name: Option<&str>| {
            let mut params = CertificateParams::default();
            params.distinguished_name = rcgen::DistinguishedName::new();
            if let Some(name) = name {
                params.distinguished_name.push(DnType::CommonName, name);
            }
            params.subject_alt_names = vec![
                SanType::IpAddress([127, 0, 0, 1].into()),
                SanType::URI("spiffe://shop/web".try_into().unwrap()),
            ];
            let (certificate, _) = self_signed(params);
            peer_name(Some(&[certificate.der().clone()]))
        };
        assert_eq!(named(Some("web-1")).as_deref(), Some("web-1"));
        assert_eq!(named(None).as_deref(), Some("spiffe://shop/web"));
        assert_eq!(peer_name(None), None);
        assert_eq!(peer_name(Some(&[CertificateDer::from(vec![1, 2, 3])])), None);
    }
}
