//! What the ABI promises of clients of servers.

mod calls;
mod conversation;
mod served;

use calls::{Arrival, completion, heard_of, open, open_answered, request, submit, wait_until};
use conversation::{comparable, conversation};
use holdfast::*;
use served::{Served, Silent};

const OK: u32 = HfStatus::Ok as u32;
const PENDING: u32 = HfStatus::Pending as u32;
const CLOSED: u32 = HfStatus::Closed as u32;
const STATE: u32 = HfStatus::State as u32;

/// Submits a request that has to pend, and waits for what becomes of it.
fn ask(client: u64, context: u64, request: &HfRequest) -> Arrival {
    let reply = submit(client, request);
    assert_eq!(
        (reply.ticket, reply.status),
        (request.ticket, PENDING),
        "{}",
        calls::Arrival::of(&reply).text()
    );
    completion(context, request.ticket)
}

/// What became of tickets, without the states in between.
fn completions(arrived: &[Arrival]) -> Vec<&Arrival> {
    arrived.iter().filter(|arrival| arrival.status != STATE).collect()
}

fn is_closed(arrived: &[Arrival]) -> bool {
    arrived
        .iter()
        .any(|arrival| (arrival.ticket, arrival.status) == (0, CLOSED))
}

#[test]
fn every_operation_answers_on_servers_as_in_this_process_and_completes_once() {
    let served = Served::start("same");
    let settings = "max-value=1MiB\nmax-memory=64MiB";
    let (remote, context) = open(&served.text("same"), settings).expect("it opens");
    let text = "holdfast://embedded/same?node=same&clock=manual&memory-limit=1GiB";
    let (embedded, _) = open(text, settings).expect("it opens");
    for (ticket, (name, given)) in (101..).zip(conversation()) {
        let given = HfRequest { ticket, ..given };
        let expected = comparable(Arrival::of(&submit(embedded, &given)));
        let reply = submit(remote, &given);
        let actual = match reply.status {
            PENDING => completion(context, given.ticket),
            // Refused before it is sent.
            _ => Arrival::of(&reply),
        };
        assert!(
            actual.status == HfStatus::Error as u32 || actual.server == 1,
            "{name}: {actual:?}"
        );
        assert_eq!(comparable(actual), expected, "{name}");
    }
    hf_close(embedded);
    hf_close(remote);
    let arrived = wait_until(context, is_closed);
    let mut seen: Vec<u64> = completions(&arrived)
        .iter()
        .map(|arrival| arrival.ticket)
        .collect();
    assert_eq!(seen.pop(), Some(0));
    let all = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), all, "a ticket completed twice");
}

#[test]
fn opening_asks_nobody_and_connecting_says_what_was_opened() {
    let (client, context, answer) =
        open_answered("holdfast://h1,[::1]:1/acme/orders", "connect-timeout=50ms");
    assert_eq!((answer.status, answer.number, answer.previous), (OK, 2, -1));
    assert_eq!(answer.absolute_unix_ms, 0);
    assert_eq!(answer.text(), "acme/orders\n\nh1:7861\n[::1]:1");
    hf_close(client);
    assert_eq!(
        wait_until(context, is_closed).len(),
        1,
        "nothing was ever connected"
    );

    let served = Served::start("opens");
    let (client, context) = open(&served.text("first"), "").expect("it opens");
    let opened = Arrival::of(&submit(
        client,
        &request(HfOp::OpenStore, 1, b"second", b"class=cache\nmax-value=1KiB"),
    ));
    assert_eq!((opened.status, opened.number, opened.previous), (OK, 1, -1));
    assert_eq!(opened.text(), "default/second");
    let mut connect = request(HfOp::Connect, 2, b"", b"");
    connect.store = 1;
    let connected = ask(client, context, &connect);
    assert_eq!(
        (connected.status, connected.number, connected.previous),
        (OK, 1, 1),
        "{}",
        connected.text()
    );
    assert_eq!(
        (connected.absolute_unix_ms, connected.text().as_str()),
        (1024, "default/second")
    );
    let first = ask(client, context, &request(HfOp::Connect, 3, b"", b""));
    assert_eq!((first.number, first.previous, first.server), (0, 0, 1));
    let ping = ask(client, context, &request(HfOp::Ping, 4, b"", b""));
    assert_eq!(ping.text(), format!("{}\nopens", served.address));
    assert!(ping.number > 0);
    // What opening a store is refused for comes with its first request.
    let bad = submit(
        client,
        &request(HfOp::OpenStore, 5, b"second", b"class=coordination"),
    );
    let mut get = request(HfOp::Get, 6, b"key", b"");
    get.store = Arrival::of(&bad).number as u32;
    assert_eq!(ask(client, context, &get).code, 26);
    let mut connect = request(HfOp::Connect, 7, b"", b"");
    connect.store = get.store;
    assert_eq!(ask(client, context, &connect).code, 26);
    let arrived = wait_until(context, |arrived| {
        arrived
            .iter()
            .any(|arrival| arrival.status == STATE && arrival.number == 1)
    });
    let state = arrived
        .iter()
        .find(|arrival| arrival.status == STATE && arrival.number == 1)
        .expect("it is there");
    assert_eq!((state.version, state.flags), (ping.number, 0));
    assert_eq!(state.text(), format!("{}\nopens\n", served.address));
    hf_close(client);
}

#[test]
fn a_node_that_lost_its_memory_is_told_of_as_a_changed_epoch() {
    let served = Served::start("epoch");
    let address = served.address;
    let (client, context) = open(&served.text("s"), "").expect("it opens");
    assert_eq!(
        ask(client, context, &request(HfOp::Put, 1, b"key", b"value")).status,
        OK
    );
    drop(served);
    wait_until(context, |arrived| {
        arrived
            .iter()
            .any(|arrival| arrival.status == STATE && arrival.number == 2)
    });
    let _again = Served::start_on("epoch", address);
    let mut get = request(HfOp::Get, 2, b"key", b"");
    get.timeout_ms = 30_000;
    let miss = ask(client, context, &get);
    assert_eq!((miss.status, miss.flags), (OK, 0), "{}", miss.text());
    let states: Vec<(i64, u32)> = wait_until(context, |_| true)
        .iter()
        .filter(|arrival| arrival.status == STATE && arrival.number == 1)
        .map(|arrival| (arrival.number, arrival.flags))
        .collect();
    assert_eq!(states, [(1, 0), (1, HF_REPLY_EPOCH_CHANGED)]);
    hf_close(client);
}

#[test]
fn a_request_to_a_peer_that_says_nothing_ends_by_its_deadline() {
    let silent = Silent::start();
    let (client, context) = open(&silent.text("s"), "timeout=300ms").expect("it opens");
    let get = ask(client, context, &request(HfOp::Get, 1, b"key", b""));
    let mut put = request(HfOp::Put, 2, b"key", b"value");
    put.timeout_ms = 100;
    for ended in [get, ask(client, context, &put)] {
        assert_eq!(ended.status, HfStatus::Error as u32);
        assert!([50, 51].contains(&ended.code), "{}", ended.text());
        assert_eq!(
            ended.flags,
            HF_REPLY_TRANSIENT,
            "nothing was sent: {}",
            ended.text()
        );
        assert!(
            ended.text().contains(&silent.address.to_string()),
            "{}",
            ended.text()
        );
    }
    hf_close(client);
}

#[test]
fn cancelling_and_closing_end_what_pends_exactly_once() {
    let silent = Silent::start();
    let (client, context) = open(&silent.text("s"), "timeout=60s").expect("it opens");
    for ticket in 1..=100 {
        assert_eq!(
            submit(client, &request(HfOp::Get, ticket, b"key", b"")).status,
            PENDING
        );
    }
    for ticket in 1..=50 {
        hf_cancel(client, ticket);
        hf_cancel(client, ticket);
    }
    assert_eq!(completion(context, 50).status, HfStatus::Cancelled as u32);
    assert_eq!(hf_close(client), OK);
    let arrived = wait_until(context, is_closed);
    let ended = completions(&arrived);
    assert_eq!(ended.len(), 101);
    assert_eq!((ended[100].ticket, ended[100].status), (0, CLOSED));
    for arrival in &ended[..100] {
        let expected = if arrival.ticket <= 50 {
            HfStatus::Cancelled as u32
        } else {
            CLOSED
        };
        assert_eq!(arrival.status, expected, "ticket {}", arrival.ticket);
    }
    assert_eq!(
        arrived.last().map(|last| last.status),
        Some(CLOSED),
        "nothing follows the last completion"
    );
    assert_eq!(submit(client, &request(HfOp::Get, 7, b"key", b"")).status, CLOSED);
    assert_eq!(hf_close(client), CLOSED);
}

#[test]
fn a_client_that_closes_leaves_the_others_of_its_connection_alone() {
    let served = Served::start("shared");
    let (first, first_context) = open(&served.text("s"), "").expect("it opens");
    let (second, second_context) = open(&served.text("s"), "").expect("it opens");
    assert_eq!(
        ask(first, first_context, &request(HfOp::Put, 1, b"key", b"value")).status,
        OK
    );
    for ticket in 1..=1_000 {
        assert_eq!(
            submit(second, &request(HfOp::Get, ticket, b"key", b"")).status,
            PENDING
        );
    }
    hf_close(first);
    wait_until(first_context, is_closed);
    for ticket in 1..=1_000 {
        let reply = completion(second_context, ticket);
        assert_eq!((reply.status, reply.data.as_slice()), (OK, &b"value"[..]));
    }
    hf_close(second);
}

#[test]
fn a_silenced_client_of_servers_hears_nothing_more() {
    let silent = Silent::start();
    let (client, context) = open(&silent.text("s"), "timeout=60s\nclient-name=silenced").expect("it opens");
    assert_eq!(hf_silence(context), OK);
    for ticket in 1..=1_000 {
        assert_eq!(
            submit(client, &request(HfOp::Get, ticket, b"key", b"")).status,
            PENDING
        );
    }
    hf_close(client);
    // One of the same connection is told after it.
    let (other, other_context) =
        open(&silent.text("s"), "timeout=60s\nclient-name=silenced").expect("it opens");
    submit(other, &request(HfOp::Get, 1, b"key", b""));
    hf_close(other);
    wait_until(other_context, is_closed);
    assert!(!heard_of(context));
}

#[test]
fn an_echo_is_at_once_or_refused_on_a_client_of_servers() {
    let (client, _) = open("holdfast://127.0.0.1:1/s", "").expect("it opens");
    let inline = calls::echo(client, 1, b"here", HfEchoMode::Inline);
    assert_eq!(calls::take(&inline), b"here");
    let refused = Arrival::of(&calls::echo(client, 2, b"there", HfEchoMode::Deferred));
    assert_eq!((refused.status, refused.code), (HfStatus::Error as u32, 1));
    hf_close(client);
}
