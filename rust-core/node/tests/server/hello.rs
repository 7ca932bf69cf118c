//! First words: who is let in, and what the others are told.

use std::time::Duration;

use bytes::BytesMut;
use holdfast_proto::Code;
use holdfast_proto::session::{
    FrameHead, FrameKind, Goodbye, Hello, NEWEST_VERSION, Operation, Preamble, encode_frame,
    hello::Credential, id_bytes, id_of,
};

use crate::peer::{Peer, Served, first_words, hello, hello_bytes, request};

fn refusal(served: &Served, bytes: &[u8]) -> Goodbye {
    let (answer, ..) = first_words(served.address(), bytes);
    answer.expect("an answer").expect_err("a Goodbye")
}

#[test]
fn a_client_that_says_hello_learns_who_the_node_is_and_what_it_takes() {
    let served = Served::start();
    let mut peer = Peer::connect(&served, 1);
    let welcome = peer.welcome.clone();
    assert_eq!(welcome.node, "tested");
    assert_eq!(welcome.epoch, served.node.epoch());
    assert_eq!(id_of(&welcome.incarnation), Some(served.node.incarnation()));
    assert_eq!(id_of(&welcome.cluster_id), Some(served.node.cluster_id()));
    assert_eq!(welcome.dedupe_window, 4096);
    assert_eq!(welcome.idle_timeout_ms, 15_000);
    assert!(!welcome.session_resumed);
    let pong = peer.call(request(Operation::Ping, 0), &[], &[]).ok();
    assert_eq!(
        (pong.header.number, pong.payload),
        (welcome.epoch as i64, b"tested".to_vec())
    );
}

#[test]
fn a_client_of_other_versions_is_told_which_ones_the_node_speaks() {
    let served = Served::start();
    let newer = Preamble {
        oldest: NEWEST_VERSION + 1,
        newest: NEWEST_VERSION + 3,
    };
    let goodbye = refusal(&served, &newer.encode());
    assert_eq!(
        (goodbye.code, goodbye.reconnect),
        (Code::Unsupported.number(), false)
    );
    assert!(goodbye.reason.contains("versions 2 to 4"), "{}", goodbye.reason);
}

#[test]
fn only_a_client_with_the_nodes_token_is_let_in_and_the_token_is_never_repeated() {
    let served = Served::with(|options| options.token = Some("secret".to_owned()));
    let with = |token: &str| Hello {
        credential: Some(Credential::Token(token.to_owned())),
        ..hello(1)
    };
    for refused in [hello(1), with("wrong"), with("secret2"), with("")] {
        let goodbye = refusal(&served, &hello_bytes(&refused));
        assert_eq!(
            (goodbye.code, goodbye.reconnect),
            (Code::Unauthenticated.number(), false)
        );
        assert!(!goodbye.reason.contains("secret") && !goodbye.reason.contains("wrong"));
    }
    Peer::greet(served.address(), &with("secret"));
}

#[test]
fn a_client_of_another_cluster_and_one_whose_session_is_no_id_are_refused() {
    let served = Served::start();
    let other = Hello {
        cluster_id: id_bytes(served.node.cluster_id() ^ 1),
        ..hello(1)
    };
    assert_eq!(
        refusal(&served, &hello_bytes(&other)).code,
        Code::Unavailable.number()
    );
    let odd = Hello {
        session: vec![1, 2, 3].into(),
        ..hello(1)
    };
    assert_eq!(
        refusal(&served, &hello_bytes(&odd)).code,
        Code::InvalidArgument.number()
    );
}

#[test]
fn a_session_that_does_not_begin_with_a_hello_is_refused() {
    let served = Served::start();
    let mut bytes = BytesMut::from(&Preamble::OWN.encode()[..]);
    encode_frame(&mut bytes, FrameHead::new(FrameKind::Ping, 1), &(), &[]);
    let goodbye = refusal(&served, &bytes);
    assert!(
        goodbye.reason.contains("instead of the Hello"),
        "{}",
        goodbye.reason
    );
}

#[test]
fn what_is_neither_a_session_nor_http2_is_closed_without_a_word() {
    let served = Served::start();
    let (answer, ..) = first_words(served.address(), b"GET / HTTP/1.1\r\n\r\n");
    assert!(answer.is_none());
}

#[test]
fn a_client_that_says_nothing_is_let_go_in_time() {
    let served = Served::with(|options| options.limits.hello_timeout = Duration::from_millis(50));
    assert!(first_words(served.address(), b"").0.is_none());
    let goodbye = refusal(&served, &Preamble::OWN.encode());
    assert_eq!((goodbye.code, goodbye.reconnect), (Code::Timeout.number(), true));
}

#[test]
fn a_node_with_as_many_connections_as_it_takes_says_so_and_serves_those_it_has() {
    let served = Served::with(|options| options.limits.max_connections = 1);
    let mut first = Peer::connect(&served, 1);
    // What is written to a connection that was refused may be answered with its reset.
    let goodbye = refusal(&served, b"");
    assert_eq!(
        (goodbye.code, goodbye.reconnect),
        (Code::ResourceExhausted.number(), true)
    );
    first.call(request(Operation::Ping, 0), &[], &[]).ok();
    drop(first);
    served.wait_until("its place is free", |shared| shared.connection_count() == 0);
    Peer::connect(&served, 2);
    assert_eq!(served.shared().totals().connections_refused, 1);
}
