//! Whatever races: each accepted ticket completes exactly once, and the last call is the last.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use holdfast_proto::session::{FrameKind, Operation, ReplyHeader};

use super::fake::FakeNode;
use super::recorder::{client, request};

/// Serves everything, badly: replies out of order, connections cut, requests that are never answered.
fn unreliable(node: &FakeNode, stop: &AtomicBool, mut random: fastrand::Rng) {
    while !stop.load(Ordering::Relaxed) {
        let mut peer = node.accept();
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let mut welcome = super::fake::welcome(1, 1);
        welcome.session_resumed = random.bool();
        peer.welcome(&welcome);
        let mut waiting = Vec::new();
        let frames = random.usize(50..3_000);
        for _ in 0..frames {
            let Some(got) = peer.frame() else { break };
            if got.kind != FrameKind::Request {
                continue;
            }
            let header: holdfast_proto::session::RequestHeader = prost::Message::decode(got.header).unwrap();
            if header.operation == Operation::OpenStore as i32 {
                let asked = super::fake::Asked {
                    number: got.number,
                    header,
                    payload: got.payload,
                };
                peer.say_store(&asked, 7);
                continue;
            }
            waiting.push((got.number, got.payload));
            if random.u8(..) < 100 {
                random.shuffle(&mut waiting);
                for (number, payload) in waiting.drain(..) {
                    if random.u8(..) < 250 {
                        peer.reply(number, &ReplyHeader::default(), &payload);
                    }
                }
            }
        }
    }
}

#[test]
fn every_ticket_completes_exactly_once_whatever_threads_cancel_close_or_cut() {
    let node = Arc::new(FakeNode::bind());
    let stop = Arc::new(AtomicBool::new(false));
    let server = {
        let (node, stop) = (Arc::clone(&node), Arc::clone(&stop));
        thread::spawn(move || unreliable(&node, &stop, fastrand::Rng::with_seed(7)))
    };
    for seed in 0..3 {
        let client = Arc::new(client(node.options()));
        let keeper = super::recorder::client(node.options());
        let accepted = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..64_u64)
            .map(|thread| {
                let (client, accepted) = (Arc::clone(&client), Arc::clone(&accepted));
                thread::spawn(move || {
                    let mut random = fastrand::Rng::with_seed(seed * 1_000 + thread);
                    for index in 0..200 {
                        let ticket = thread * 1_000 + index + 1;
                        let operation =
                            [Operation::Get, Operation::Put, Operation::Delete][random.usize(..3)];
                        let value = vec![
                            1;
                            if operation == Operation::Put {
                                random.usize(..2_000)
                            } else {
                                0
                            }
                        ];
                        let timeout = Some(Duration::from_millis(random.u64(1..400)));
                        let key = ticket.to_le_bytes();
                        if client
                            .client
                            .submit(ticket, 0, request(operation), &key, &value, timeout)
                            .is_ok()
                        {
                            accepted.fetch_add(1, Ordering::Relaxed);
                        }
                        match random.u8(..) {
                            0..40 => client.client.cancel(ticket),
                            40..80 => client.client.cancel(thread * 1_000 + random.u64(1..=index + 1)),
                            80..120 => thread::yield_now(),
                            _ => {}
                        }
                        if thread == 63 && index == 150 {
                            client.client.close();
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        client.sink.wait_closed();
        // The recorder objects to a second completion and to one after the last call.
        assert_eq!(
            client.sink.completed_count(),
            accepted.load(Ordering::Relaxed),
            "seed {seed}"
        );
        drop(keeper);
    }
    stop.store(true, Ordering::Relaxed);
    drop(std::net::TcpStream::connect(("127.0.0.1", node.port())));
    // It may be in the middle of a hello that never comes.
    drop(server);
}
