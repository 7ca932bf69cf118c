//! Operators hear of those who are not let in, and are not flooded with it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use holdfast_node::log::{Level, LogSink};
use holdfast_node::server::{ServerOptions, TlsFiles};
use holdfast_proto::session::Hello;
use holdfast_proto::session::hello::Credential;

use crate::peer::{PATIENCE, Served, first_words, hello, hello_bytes, now, until};

/// Warnings of a server.
#[derive(Default)]
struct Warnings(Mutex<Vec<String>>);

impl LogSink for Warnings {
    fn line(&self, level: Level, message: &str) {
        if level == Level::Warning {
            self.0
                .lock()
                .expect("no test panics in here")
                .push(message.to_owned());
        }
    }
}

impl Warnings {
    fn lines(&self) -> Vec<String> {
        self.0.lock().expect("no test panics in here").clone()
    }

    /// How many refusals the lines tell of.
    fn told(&self) -> u64 {
        self.lines()
            .iter()
            .map(|line| match line.split_once(" (and ") {
                Some((_, rest)) => 1 + rest.split(' ').next().unwrap().parse::<u64>().unwrap(),
                None => 1,
            })
            .sum()
    }
}

fn served(change: impl FnOnce(&mut ServerOptions)) -> (Served, Arc<Warnings>) {
    let warnings = Arc::new(Warnings::default());
    let served = Served::with(|options| {
        options.log = Arc::clone(&warnings) as _;
        change(options);
    });
    (served, warnings)
}

#[test]
fn clients_without_the_token_are_logged_in_a_line_a_second_with_their_number() {
    let (served, warnings) = served(|options| options.token = Some("secret".to_owned()));
    let wrong = Hello {
        credential: Some(Credential::Token("guessed".to_owned())),
        ..hello(1)
    };
    let started = now();
    for _ in 0..50 {
        first_words(served.address(), &hello_bytes(&wrong));
    }
    until("all are told of", || warnings.told() == 50);
    let lines = warnings.lines();
    assert!(
        lines.len() as u64 <= started.elapsed().as_secs() + 1,
        "{} lines in {:?}",
        lines.len(),
        started.elapsed()
    );
    for line in lines {
        assert!(
            line.contains("127.0.0.1:") && line.contains("token is not this node's"),
            "{line}"
        );
        assert!(!line.contains("secret") && !line.contains("guessed"), "{line}");
    }
}

#[test]
fn a_failed_tls_handshake_is_logged_but_not_a_peer_that_says_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("it is written");
        path
    };
    let files = TlsFiles {
        certificate: file("node.pem", certified.cert.pem()),
        key: file("node.key", certified.signing_key.serialize_pem()),
        client_ca: None,
        peer_ca: None,
    };
    let (served, warnings) = served(|options| options.tls = Some(files));
    let connect = || {
        let stream = TcpStream::connect(served.address()).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        stream
    };
    drop(connect());
    let mut plain = connect();
    plain
        .write_all(b"GET / HTTP/1.1\r\n\r\n")
        .expect("it takes the first words");
    // An alert, or a reset: it does not matter how it ends.
    let _ = plain.read_to_end(&mut Vec::new());
    until("it is told of", || !warnings.lines().is_empty());
    let lines = warnings.lines();
    let address = plain.local_addr().expect("an address").to_string();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].contains(&address) && lines[0].contains("the TLS handshake failed: "),
        "{lines:?}"
    );
}
