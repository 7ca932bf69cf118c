//! A node that stops finishes what it has received and tells its clients to go elsewhere.

use std::time::Duration;

use holdfast_proto::Code;
use holdfast_proto::session::{Operation, StoreClass};

use crate::peer::{PATIENCE, Peer, Served, request, until};

#[test]
fn a_stopping_node_says_goodbye_answers_what_still_comes_and_ends_when_clients_have_gone() {
    let mut served = Served::start();
    let mut peer = Peer::connect(&served, 1);
    let store = peer.open("s", StoreClass::Cache);
    let address = served.address();
    let shared = std::sync::Arc::clone(served.shared());
    let stopping = served.stop(PATIENCE);
    let goodbye = peer.goodbye();
    assert_eq!(
        (goodbye.code, goodbye.reconnect),
        (Code::Unavailable.number(), true)
    );
    assert!(shared.is_stopping() && !stopping.is_finished());
    // What had been sent before the Goodbye was read.
    peer.put(store, b"k", b"v");
    until("nothing is accepted any more", || {
        std::net::TcpStream::connect(address).is_err()
    });
    drop(peer);
    stopping.join().expect("it stops");
    assert_eq!(shared.connection_count(), 0);
}

#[test]
fn all_that_had_come_before_the_stop_is_answered_before_the_goodbye() {
    let mut served = Served::start();
    let mut peer = Peer::connect(&served, 1);
    let store = peer.open("s", StoreClass::Cache);
    let mut all = bytes::BytesMut::new();
    let numbers: Vec<u64> = (0..1_000)
        .map(|_| {
            let (number, bytes) = peer.encode(request(Operation::Get, store), b"k", &[]);
            all.extend_from_slice(&bytes);
            number
        })
        .collect();
    peer.write(&all);
    let stopping = served.stop(PATIENCE);
    for number in numbers {
        peer.wait_past_goodbye(number).ok();
    }
    drop(peer);
    stopping.join().expect("it stops");
}

#[test]
fn clients_that_do_not_go_are_closed_when_the_grace_is_over() {
    let mut served = Served::start();
    let mut peer = Peer::connect(&served, 1);
    let stopping = served.stop(Duration::from_millis(100));
    peer.goodbye();
    peer.assert_closed();
    stopping.join().expect("it stops");
}
