//! Tokens, TLS and client certificates.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

use crate::support::{Serve, run};

/// An authority and what it signs, in a folder that goes with it.
pub(crate) struct Authority {
    pub(crate) folder: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
    pub(crate) file: PathBuf,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "tests");
        let key = KeyPair::generate().unwrap();
        let file = folder.path().join("ca.pem");
        fs::write(&file, params.self_signed(&key).unwrap().pem()).unwrap();
        Authority {
            folder,
            issuer: Issuer::new(params, key),
            file,
        }
    }

    /// Certificate and key for `names`, as paths.
    fn sign(&self, name: &str, names: &[&str], usage: ExtendedKeyUsagePurpose) -> [String; 2] {
        self.sign_for(name, names, vec![usage])
    }

    /// The same for several uses.
    pub(crate) fn sign_for(
        &self,
        name: &str,
        names: &[&str],
        usages: Vec<ExtendedKeyUsagePurpose>,
    ) -> [String; 2] {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = usages;
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let write = |end: &str, text: String| {
            let path = self.folder.path().join(format!("{name}.{end}"));
            fs::write(&path, text).unwrap();
            text_of(&path)
        };
        [write("pem", certificate.pem()), write("key", key.serialize_pem())]
    }
}

pub(crate) fn text_of(path: &Path) -> String {
    path.to_str().expect("a plain path").to_owned()
}

#[test]
fn over_tls_every_command_works_and_in_the_clear_none_does() {
    let authority = Authority::new();
    let [certificate, key] = authority.sign(
        "node",
        &["localhost", "127.0.0.1"],
        ExtendedKeyUsagePurpose::ServerAuth,
    );
    let server = Serve::start(&["--tls-certificate", &certificate, "--tls-key", &key]);
    let ca = text_of(&authority.file);
    for command in [
        &["put", "k", "v"][..],
        &["get", "k"],
        &["ping"],
        &["health"],
        &["stores"],
    ] {
        let ran = run(server.command(command).args(["--tls-ca", &ca]));
        assert_eq!(ran.code, 0, "{command:?}: {ran:?}");
    }
    // The system's authorities do not know this one, and a stranger's certificate is not taken either.
    for (command, flags) in [
        (&["get", "k"][..], &["--tls"][..]),
        (&["health"], &["--tls"]),
        (&["get", "k"], &[]),
        (&["health"], &[]),
    ] {
        let ran = run(server.command(command).args(flags).args(["--timeout", "1s"]));
        assert_eq!(ran.code, 3, "{command:?} {flags:?}: {ran:?}");
        if command[0] == "get" {
            let why = if flags.is_empty() { "TLS" } else { "'tls-ca'" };
            assert!(ran.err.contains(why), "{flags:?}: {ran:?}");
        }
    }
}

#[test]
fn with_an_authority_for_clients_only_its_certificates_get_in() {
    let authority = Authority::new();
    let [certificate, key] = authority.sign("node", &["localhost"], ExtendedKeyUsagePurpose::ServerAuth);
    let [mine, my_key] = authority.sign("web-1", &[], ExtendedKeyUsagePurpose::ClientAuth);
    let stranger = Authority::new();
    let [foreign, foreign_key] = stranger.sign("web-1", &[], ExtendedKeyUsagePurpose::ClientAuth);
    let ca = text_of(&authority.file);
    let server = Serve::start(&[
        "--tls-certificate",
        &certificate,
        "--tls-key",
        &key,
        "--tls-client-ca",
        &ca,
    ]);
    let ask = |command: &[&str], identity: &[&str]| {
        let trust = [
            "--tls-ca",
            &ca,
            "--tls-server-name",
            "localhost",
            "--timeout",
            "2s",
        ];
        run(server.command(command).args(trust).args(identity)).code
    };
    let identity = ["--tls-certificate", &mine, "--tls-key", &my_key];
    assert_eq!(ask(&["put", "k", "v"], &identity), 0);
    assert_eq!(ask(&["health"], &identity), 0);
    assert_eq!(ask(&["get", "k"], &[]), 5);
    assert_eq!(ask(&["health"], &[]), 3);
    let identity = ["--tls-certificate", &foreign, "--tls-key", &foreign_key];
    assert_eq!(ask(&["get", "k"], &identity), 5);
    assert_eq!(ask(&["health"], &identity), 3);
}

#[test]
fn a_server_with_a_token_answers_only_those_who_bring_it_but_tells_everybody_its_health() {
    let server = Serve::start_with(crate::support::holdfast(&["serve"]).env("HOLDFAST_TOKEN", "open sesame"));
    for command in [&["put", "k", "v"][..], &["node"], &["stores"], &["connections"]] {
        for token in [None, Some("wrong")] {
            let mut asked = server.command(command);
            asked.args(token.map(|token| format!("--token={token}")));
            let ran = run(&mut asked);
            assert_eq!(ran.code, 5, "{command:?} {token:?}: {ran:?}");
            assert!(!ran.err.contains("sesame"), "{ran:?}");
        }
        let ran = run(server.command(command).env("HOLDFAST_TOKEN", "open sesame"));
        assert_eq!(ran.code, 0, "{command:?}: {ran:?}");
    }
    assert_eq!(server.run(&["health"]).code, 0);
    assert_eq!(server.get("/readyz").0, 200);
}

/// A certificate of X.509 version 1, as openssl signs requests without extensions. It is read before its key is.
const VERSION_1: &str = "\
-----BEGIN CERTIFICATE-----
MIIBFjCBvQIUHDTEZYYMdD2pc6Zniydbdl5qGgswCgYIKoZIzj0EAwIwDTELMAkG
A1UEAwwCdjEwIBcNMjYxMTIzMDgzNzU2WhgPMjEyNjEwMzAwODM3NTZaMA0xCzAJ
BgNVBAMMAnYxMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEt+8ReJoWfDs1Dwt+
0HJK6Ue4UNoRB2m2JzYucxF3ABWofyB8t4XCoQKok4MEyW5Y/3oYGit4u3u0ux3e
HzOSiDAKBggqhkjOPQQDAgNIADBFAiEAtttYl3nEMKyARrpPUBMaS89OhsNV28dB
jHemwZFJzHkCIEG/j9U02ZP4ZwH//lKDjAg7lwNfmS/rqiV+y/FrkGIv
-----END CERTIFICATE-----
";

#[test]
fn a_certificate_of_version_1_is_named_with_what_it_has_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| text_of(&folder.path().join(name));
    fs::write(path("v1.pem"), VERSION_1).unwrap();
    fs::write(path("v1.key"), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    let authority = Authority::new();
    let server = Serve::start(&[]);
    let ran = run(server.command(&["get", "k"]).args([
        "--tls-ca",
        &text_of(&authority.file),
        "--tls-certificate",
        &path("v1.pem"),
        "--tls-key",
        &path("v1.key"),
    ]));
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(
        ran.err.contains("'tls-certificate'") && ran.err.contains("X.509 v3"),
        "{ran:?}"
    );
}
