//! What the ABI promises, asked through its own functions as a caller in any language would.

mod calls;

use calls::{echo, empty_reply, heard_of, open, request, request_with_room, submit, take, wait_for};
use holdfast::*;

#[test]
fn an_embedded_request_completes_inside_the_call_and_a_small_hit_needs_no_release() {
    let (client, context) = open("holdfast://embedded/inline?node=inline", "").expect("it opens");
    let put = submit(client, &request(HfOp::Put, 1, b"key", b"value"));
    assert_eq!((put.status, put.flags), (HfStatus::Ok as u32, HF_REPLY_APPLIED));
    let mut room = [0_u8; 16];
    let reply = submit(client, &request_with_room(HfOp::Get, b"key", b"", &mut room));
    assert_eq!(
        (reply.status, reply.flags, reply.release),
        (HfStatus::Ok as u32, HF_REPLY_FOUND, 0)
    );
    assert_eq!((reply.data.cast_mut(), reply.data_length), (room.as_mut_ptr(), 5));
    assert_eq!(&room[..5], b"value");
    assert_eq!(reply.version, put.version);
    hf_close(client);
    assert_eq!(wait_for(context, 1), [(0, HfStatus::Closed as u32, Vec::new())]);
}

#[test]
fn a_hit_without_room_is_shared_and_stays_readable_after_the_entry_is_gone() {
    let (client, _) = open("holdfast://embedded/shared?node=shared", "").expect("it opens");
    let value = vec![7_u8; 100_000];
    submit(client, &request(HfOp::Put, 1, b"key", &value));
    let reply = submit(client, &request(HfOp::Get, 2, b"key", b""));
    assert_ne!(reply.release, 0);
    submit(client, &request(HfOp::Delete, 3, b"key", b""));
    hf_close(client);
    assert_eq!(take(&reply), value);
}

#[test]
fn every_deferred_echo_completes_exactly_once_with_its_own_bytes() {
    let (client, context) = open("", "").expect("a client without a node opens");
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            scope.spawn(move || {
                for index in 0..5_000 {
                    let ticket = thread * 5_000 + index + 1;
                    let reply = echo(client, ticket, &ticket.to_le_bytes(), HfEchoMode::Deferred);
                    assert_eq!(reply.status, HfStatus::Pending as u32);
                }
            });
        }
    });
    hf_close(client);
    let mut arrived = wait_for(context, 20_001);
    assert_eq!(arrived.pop(), Some((0, HfStatus::Closed as u32, Vec::new())));
    arrived.sort_unstable();
    for (index, (ticket, status, bytes)) in arrived.into_iter().enumerate() {
        assert_eq!((ticket, status), (index as u64 + 1, HfStatus::Ok as u32));
        assert_eq!(bytes, ticket.to_le_bytes());
    }
}

#[test]
fn a_cancelled_ticket_completes_once_as_cancelled_or_with_its_result() {
    let (client, context) = open("", "").expect("a client without a node opens");
    for ticket in 1..=2_000_u64 {
        let mode = if ticket % 2 == 0 {
            HfEchoMode::OtherThread
        } else {
            HfEchoMode::Hold
        };
        assert_eq!(
            echo(client, ticket, b"held", mode).status,
            HfStatus::Pending as u32
        );
        hf_cancel(client, ticket);
    }
    let arrived = wait_for(context, 2_000);
    let (cancelled, ok) = (HfStatus::Cancelled as u32, HfStatus::Ok as u32);
    assert!(
        arrived
            .iter()
            .all(|(ticket, status, _)| *status == cancelled || (ticket % 2 == 0 && *status == ok))
    );
    let tickets: std::collections::BTreeSet<u64> = arrived.iter().map(|(ticket, ..)| *ticket).collect();
    assert_eq!(tickets.len(), 2_000);
    hf_close(client);
    assert_eq!(wait_for(context, 2_001).len(), 2_001);
}

#[test]
fn closing_fails_what_is_held_and_nothing_follows_the_last_completion() {
    let (client, context) = open("", "").expect("a client without a node opens");
    for ticket in 1..=100 {
        echo(client, ticket, b"", HfEchoMode::Hold);
    }
    assert_eq!(hf_close(client), HfStatus::Ok as u32);
    let arrived = wait_for(context, 101);
    assert!(
        arrived
            .iter()
            .all(|(_, status, _)| *status == HfStatus::Closed as u32)
    );
    assert_eq!(arrived[100].0, 0);
    assert_eq!(hf_close(client), HfStatus::Closed as u32);
    assert_eq!(
        echo(client, 1, b"", HfEchoMode::Deferred).status,
        HfStatus::Closed as u32
    );
}

#[test]
fn a_stale_handle_is_closed_even_when_its_slot_is_used_again() {
    let (first, _) = open("", "").expect("a client without a node opens");
    hf_close(first);
    let clients: Vec<u64> = (0..100).map(|_| open("", "").expect("it opens").0).collect();
    assert_eq!(
        submit(first, &request(HfOp::Get, 1, b"key", b"")).status,
        HfStatus::Closed as u32
    );
    assert_eq!(hf_cancel(first, 1), HfStatus::Closed as u32);
    assert!(
        clients
            .iter()
            .all(|&client| client != first && hf_close(client) == HfStatus::Ok as u32)
    );
    assert_eq!(
        submit(0, &request(HfOp::Get, 1, b"key", b"")).status,
        HfStatus::Closed as u32
    );
    assert_eq!(
        submit(u64::MAX, &request(HfOp::Get, 1, b"key", b"")).status,
        HfStatus::Closed as u32
    );
}

#[test]
fn a_panic_is_its_own_status_and_the_client_lives_on() {
    let (client, context) = open("", "").expect("a client without a node opens");
    let reply = echo(client, 1, b"", HfEchoMode::PanicInline);
    assert_eq!(reply.status, HfStatus::Panicked as u32);
    assert_eq!(take(&reply), b"asked to panic in the call");
    echo(client, 2, b"", HfEchoMode::PanicDeferred);
    let arrived = wait_for(context, 1);
    assert_eq!((arrived[0].0, arrived[0].1), (2, HfStatus::Panicked as u32));
    assert_eq!(
        take(&echo(client, 3, b"still here", HfEchoMode::Inline)),
        b"still here"
    );
    hf_close(client);
}

#[test]
fn a_silenced_context_hears_nothing_more() {
    let (client, context) = open("", "").expect("a client without a node opens");
    assert_eq!(hf_silence(context), HfStatus::Ok as u32);
    echo(client, 1, b"unheard", HfEchoMode::Deferred);
    hf_close(client);
    let (other, other_context) = open("", "").expect("a client without a node opens");
    echo(other, 1, b"heard", HfEchoMode::Deferred);
    hf_close(other);
    wait_for(other_context, 2);
    assert!(!heard_of(context));
}

#[test]
fn bad_requests_get_typed_errors_and_change_nothing() {
    let (client, _) = open("holdfast://embedded/bad?node=bad&max-value=1KiB", "").expect("it opens");
    let code = |request: &HfRequest| {
        let reply = submit(client, request);
        let message = String::from_utf8(take(&reply)).expect("messages are UTF-8");
        assert_eq!(reply.status, HfStatus::Error as u32, "{message}");
        assert!(!message.is_empty());
        reply.code
    };
    let mut unknown = request(HfOp::Get, 1, b"key", b"");
    unknown.op = 99;
    assert_eq!(code(&unknown), 1);
    assert_eq!(code(&request(HfOp::Put, 1, b"", b"value")), 2);
    assert_eq!(code(&request(HfOp::Put, 1, &[b'k'; 40_000], b"value")), 3);
    assert_eq!(code(&request(HfOp::Put, 1, b"key", &[7; 2_000])), 4);
    let mut negative = request(HfOp::Put, 1, b"key", b"value");
    negative.ttl_ms = -1;
    assert_eq!(code(&negative), 6);
    let mut endless = request(HfOp::Put, 1, b"key", b"value");
    endless.sliding_ms = i64::MAX;
    assert_eq!(code(&endless), 6);
    let mut elsewhere = request(HfOp::Get, 1, b"key", b"");
    elsewhere.store = 9;
    assert_eq!(code(&elsewhere), 1);
    let mut back = request(HfOp::AdvanceClock, 1, b"", b"");
    back.delta = -1;
    assert_eq!(code(&back), 1);
    assert_eq!(code(&request(HfOp::AdvanceClock, 1, b"", b"")), 30);
    let mut bad_cursor = request(HfOp::Scan, 1, b"", b"");
    (bad_cursor.cursor, bad_cursor.cursor_length) = (b"garbage".as_ptr(), 7);
    assert_eq!(code(&bad_cursor), 31);
    let mut empty_bounds = request(HfOp::Increment, 1, b"key", b"");
    (empty_bounds.minimum, empty_bounds.maximum) = (1, 0);
    assert_eq!(code(&empty_bounds), 1);
    assert_eq!(submit(client, &request(HfOp::Exists, 1, b"key", b"")).flags, 0);
    hf_close(client);
}

#[test]
fn opening_refuses_contradictions_and_unknown_stores_with_their_codes() {
    assert_eq!(open("localhost:6379", "").map_err(|(code, _)| code), Err(7));
    let (first, _) = open("holdfast://embedded/one?node=strict&class=cache", "").expect("it opens");
    let contradicting = open("holdfast://embedded/one?node=strict&class=coordination", "");
    assert_eq!(contradicting.map_err(|(code, _)| code), Err(26));
    let other_clock = open("holdfast://embedded/one?node=strict&clock=manual", "");
    assert_eq!(other_clock.map_err(|(code, _)| code), Err(27));
    let unknown = open("holdfast://embedded/two?node=strict", "auto-create-stores=off");
    assert_eq!(unknown.map_err(|(code, _)| code), Err(25));
    hf_close(first);
}

#[test]
fn checking_refuses_what_opening_would_and_starts_nothing() {
    let check = |text: &str, settings: &str| {
        let mut reply = empty_reply();
        // SAFETY: all pointers are to live locals.
        unsafe {
            hf_check(
                text.as_ptr(),
                text.len() as u32,
                settings.as_ptr(),
                settings.len() as u32,
                &raw mut reply,
            )
        };
        take(&reply);
        reply.code
    };
    assert_eq!(
        check("holdfast://embedded/one?node=checked", "max-memory=64MiB"),
        0
    );
    assert_eq!(check("holdfast://embedded/one", "max-memory=64 potatoes"), 8);
    assert_eq!(check("redis://localhost", ""), 7);
    assert_eq!(check("", ""), 7);
    assert_eq!(check("holdfast://h1,h2/x", ""), 0);
    assert_eq!(check("holdfast://h1,h2/x", "clock=manual"), 8);
    assert_eq!(check("holdfast://embedded/x", "token=secret"), 8);
    let clock = open("holdfast://embedded/one?node=checked&clock=manual", "").expect("no node was started");
    hf_close(clock.0);
}

#[test]
fn an_isolated_node_ends_with_its_last_client() {
    let text = "holdfast://embedded/gone?node=ends";
    let (first, _) = open(text, "").expect("it opens");
    let (second, _) = open(text, "").expect("it opens");
    submit(first, &request(HfOp::Put, 1, b"key", b"value"));
    hf_close(first);
    assert_eq!(
        submit(second, &request(HfOp::Exists, 1, b"key", b"")).flags,
        HF_REPLY_FOUND
    );
    hf_close(second);
    let (third, _) = open(text, "").expect("it opens");
    assert_eq!(submit(third, &request(HfOp::Exists, 1, b"key", b"")).flags, 0);
    hf_close(third);
}

#[test]
fn a_batch_answers_each_item_in_order_and_one_that_fails_does_not_stop_the_others() {
    let (client, _) = open("holdfast://embedded/batch?node=batch", "").expect("it opens");
    let items = [
        request(HfOp::Put, 0, b"a", b"1"),
        request(HfOp::Put, 0, b"", b"no key"),
        request(HfOp::Get, 0, b"a", b""),
        request(HfOp::Scan, 0, b"", b""),
        request(HfOp::Delete, 0, b"a", b""),
    ];
    let mut batch = request(HfOp::Batch, 7, b"", b"");
    batch.payload = items.as_ptr().cast();
    batch.payload_length = items.len() as u32;
    let reply = submit(client, &batch);
    assert_eq!((reply.ticket, reply.items), (7, 5));
    // SAFETY: the data begins with five aligned items and lives until it is taken below.
    let answers = unsafe { std::slice::from_raw_parts(reply.data.cast::<HfItem>(), 5) };
    let codes: Vec<u32> = answers.iter().map(|item| item.code).collect();
    assert_eq!(codes, [0, 2, 0, 1, 0]);
    let (offset, length) = (answers[2].value_offset as usize, answers[2].value_length as usize);
    assert_eq!(&take(&reply)[offset..offset + length], b"1");
    hf_close(client);
}

#[test]
fn a_reply_that_would_be_too_large_is_refused_before_it_is_made() {
    let text = "holdfast://embedded/large?node=large&class=cache&max-memory=256MiB";
    let (client, _) = open(text, "").expect("it opens");
    submit(client, &request(HfOp::Put, 1, b"key", &vec![7; 16 << 20]));
    let many = |op: HfOp, item: HfOp| {
        let items = vec![request(item, 0, b"key", b""); 100_000];
        let mut many = request(op, 7, b"", b"");
        many.payload = items.as_ptr().cast();
        many.payload_length = items.len() as u32;
        submit(client, &many)
    };
    let refused = many(HfOp::GetMany, HfOp::Get);
    assert_eq!((refused.status, refused.code), (HfStatus::Error as u32, 5));
    hf_reply_release(refused.release);
    let reply = many(HfOp::Batch, HfOp::Get);
    assert_eq!((reply.status, reply.items), (HfStatus::Ok as u32, 100_000));
    assert!(reply.data_length < 1 << 30);
    // SAFETY: the data begins with that many aligned items and lives until it is released below.
    let answers = unsafe { std::slice::from_raw_parts(reply.data.cast::<HfItem>(), 100_000) };
    assert_eq!((answers[0].status, answers[0].value_length), (0, 16 << 20));
    assert_eq!(
        (answers[99_999].status, answers[99_999].code),
        (HfStatus::Error as u32, 5)
    );
    hf_reply_release(reply.release);
    hf_close(client);
}

#[test]
fn extreme_numbers_are_refused_or_kept_and_break_nothing() {
    let (client, _) = open("holdfast://embedded/extreme?node=extreme&clock=manual", "").expect("it opens");
    let edges = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];
    let ops = [
        HfOp::Get,
        HfOp::Put,
        HfOp::SetExpiry,
        HfOp::Increment,
        HfOp::Scan,
        HfOp::Count,
        HfOp::Clear,
        HfOp::AdvanceClock,
    ];
    for op in ops {
        for edge in edges {
            for flags in [0, u32::MAX, HF_REQUEST_LENIENT_EXPIRY, HF_REQUEST_IF_VERSION] {
                let mut extreme = request(op, 1, b"number", b"1");
                extreme.flags = flags;
                (extreme.version, extreme.ttl_ms, extreme.sliding_ms) = (edge, edge, edge);
                (extreme.absolute_unix_ms, extreme.delta, extreme.initial) = (edge, edge, edge);
                (extreme.minimum, extreme.maximum) = (i64::MIN, edge);
                let reply = submit(client, &extreme);
                let text = take(&reply);
                assert!(
                    reply.status == HfStatus::Ok as u32 || reply.status == HfStatus::Error as u32,
                    "{op:?} {edge} {flags}: {}",
                    String::from_utf8_lossy(&text)
                );
                assert_ne!(reply.code, 54, "{op:?} {edge} {flags}");
            }
        }
    }
    let put = submit(client, &request(HfOp::Put, 1, b"after", b"value"));
    assert_eq!(put.flags & HF_REPLY_APPLIED, HF_REPLY_APPLIED);
    hf_close(client);
}

#[test]
fn clients_that_open_submit_and_close_at_once_keep_to_their_own_handles() {
    std::thread::scope(|scope| {
        for thread in 0..8_u8 {
            scope.spawn(move || {
                for round in 0..200_u32 {
                    let text = format!("holdfast://embedded/own?node=own-{thread}");
                    let (client, context) = open(&text, "").expect("it opens");
                    let key = round.to_le_bytes();
                    submit(client, &request(HfOp::Put, 1, &key, &[thread; 9]));
                    assert_eq!(
                        take(&submit(client, &request(HfOp::Get, 2, &key, b""))),
                        [thread; 9]
                    );
                    echo(client, 3, &key, HfEchoMode::OtherThread);
                    hf_close(client);
                    let arrived = wait_for(context, 2);
                    assert_eq!(arrived[0].0, 3);
                    assert_eq!(arrived[1], (0, HfStatus::Closed as u32, Vec::new()));
                    let late = submit(client, &request(HfOp::Get, 4, &key, b""));
                    assert_eq!(late.status, HfStatus::Closed as u32);
                }
            });
        }
    });
}
