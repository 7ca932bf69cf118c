//! The same over TLS.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use holdfast_proto::Code;
use holdfast_proto::session::ALPN;
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::PrivateKeyDer;

use super::fake::{FakeNode, Peer};
use super::recorder::client;
use crate::remote::TlsOptions;

struct Certificate {
    _folder: tempfile::TempDir,
    certificate: PathBuf,
    key: PathBuf,
    own: CertifiedKey<KeyPair>,
}

fn certificate(name: &str) -> Certificate {
    let folder = tempfile::tempdir().unwrap();
    let own = generate_simple_self_signed([name.to_owned()]).unwrap();
    let (certificate, key) = (
        folder.path().join("certificate.pem"),
        folder.path().join("key.pem"),
    );
    fs::write(&certificate, own.cert.pem()).unwrap();
    fs::write(&key, own.signing_key.serialize_pem()).unwrap();
    Certificate {
        _folder: folder,
        certificate,
        key,
        own,
    }
}

fn server(own: &Certificate, client: Option<&Certificate>) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let mut roots = RootCertStore::empty();
            roots.add(client.own.cert.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let key = PrivateKeyDer::try_from(own.own.signing_key.serialize_der()).unwrap();
    let mut config = builder
        .with_single_cert(vec![own.own.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![ALPN.to_vec()];
    Arc::new(config)
}

fn accept(node: &FakeNode, config: &Arc<ServerConfig>) -> Peer {
    let stream = node.accept_stream();
    let connection = ServerConnection::new(Arc::clone(config)).unwrap();
    FakeNode::greeted(Box::new(StreamOwned::new(connection, stream)))
}

#[test]
fn requests_go_through_tls_with_certificates_on_both_sides() {
    let (own, theirs) = (certificate("localhost"), certificate("client"));
    let config = server(&own, Some(&theirs));
    let node = FakeNode::bind();
    let mut options = node.options();
    options.tls = Some(TlsOptions {
        ca: Some(own.certificate.clone()),
        certificate: Some(theirs.certificate.clone()),
        key: Some(theirs.key.clone()),
        server_name: Some("localhost".to_owned()),
    });
    let client = client(options);
    let value = vec![7; 900 * 1024];
    client.get(1, b"small");
    let mut peer = accept(&node, &config);
    peer.welcome(&super::fake::welcome(1, 1));
    peer.open_store(7);
    peer.answer();
    assert_eq!(client.done(1).payload(), b"small");
    for ticket in 2..66 {
        client.get(ticket, b"many");
    }
    client.put(66, b"big", &value);
    for asked in peer.requests(64) {
        peer.echo(&asked);
    }
    client.sink.wait_completed(65);
    let mut pieces = 0;
    while let Some(got) = peer.frame() {
        pieces += usize::from(got.kind == holdfast_proto::session::FrameKind::Chunk);
        if got.flags & holdfast_proto::session::FrameHead::LAST != 0 {
            peer.reply(got.number, &holdfast_proto::session::ReplyHeader::default(), &[]);
            break;
        }
    }
    assert!(pieces > 10);
    client.done(66);
}

#[test]
fn a_node_whose_certificate_nobody_signed_is_not_talked_to() {
    let (own, other) = (certificate("localhost"), certificate("localhost"));
    let config = server(&own, None);
    let node = FakeNode::bind();
    let mut options = node.options();
    options.tls = Some(TlsOptions {
        ca: Some(other.certificate.clone()),
        server_name: Some("localhost".to_owned()),
        ..TlsOptions::default()
    });
    let client = client(options);
    client.submit_within(
        1,
        holdfast_proto::session::Operation::Get,
        b"k",
        std::time::Duration::from_millis(300),
    );
    let mut stream = node.accept_stream();
    let mut connection = ServerConnection::new(config).unwrap();
    assert!(connection.complete_io(&mut stream).is_err());
    drop(stream);
    drop(node);
    let error = client.done(1).error().clone();
    assert_eq!(error.code, Code::Unavailable);
}

#[test]
fn files_that_cannot_be_read_fail_calls_at_once_naming_the_setting() {
    let node = FakeNode::bind();
    let mut options = node.options();
    options.tls = Some(TlsOptions {
        ca: Some(PathBuf::from("/nowhere/ca.pem")),
        ..TlsOptions::default()
    });
    let client = client(options);
    client.get(1, b"k");
    let error = client.done(1).error().clone();
    assert_eq!(error.code, Code::InvalidSetting);
    assert!(
        error.message.contains("'tls-ca'") && error.message.contains("/nowhere/ca.pem"),
        "{error}"
    );
}
