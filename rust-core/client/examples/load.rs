//! `load serve PORT` serves; `load get|put HOST:PORT IN_FLIGHT VALUE_BYTES SECONDS` asks, and prints operations per
//! second, the median time of one, and the CPU time that this process took for one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use holdfast_client::remote::{ClientOptions, Completed, RemoteClient, RemoteOptions, Sink, StateChange};
use holdfast_client::settings::StoreSettings;
use holdfast_node::clock::ManualClock;
use holdfast_node::log::NoLog;
use holdfast_node::server::{Server, ServerOptions};
use holdfast_node::{Node, NodeOptions};
use holdfast_proto::session::{Operation, RequestHeader};
use parking_lot::{Condvar, Mutex};
use tokio::time::Instant;

/// Gives each completion's caller its turn, as a thread pool would.
struct Callers {
    ready: Mutex<Vec<u64>>,
    wake: Condvar,
    done: AtomicU64,
}

impl Sink for Callers {
    fn completed(&self, batch: &mut Vec<Completed<'_>>) {
        self.done.fetch_add(batch.len() as u64, Ordering::Relaxed);
        let mut ready = self.ready.lock();
        for completed in batch.drain(..) {
            completed.result.expect("the request succeeds");
            ready.push(completed.ticket);
        }
        drop(ready);
        self.wake.notify_one();
    }

    fn state_changed(&self, _: &StateChange) {}

    fn closed(&self) {}
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("serve") => serve(&arguments[1]),
        Some(verb @ ("get" | "put")) => {
            let number = |index: usize| arguments[index].parse::<u64>().expect("a number");
            load(
                verb,
                &arguments[1],
                number(2),
                number(3) as usize,
                Duration::from_secs(number(4)),
            );
        }
        _ => eprintln!("load serve PORT | load get|put HOST:PORT IN_FLIGHT VALUE_BYTES SECONDS"),
    }
}

fn serve(port: &str) {
    let threads = std::env::var("THREADS").map_or(2, |threads| threads.parse().expect("a number"));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let node = Arc::new(Node::start(NodeOptions {
            name: "load".to_owned(),
            clock: Arc::new(ManualClock::default()),
            memory_limit: 1 << 30,
            seed: 7,
            log: Arc::new(NoLog),
        }));
        let options = ServerOptions::new(
            format!("127.0.0.1:{port}").parse().expect("a port"),
            Arc::new(NoLog),
        );
        let _server = Server::start(node, options).await.expect("the server starts");
        std::future::pending::<()>().await;
    });
}

fn load(verb: &str, address: &str, in_flight: u64, value: usize, time: Duration) {
    let (host, port) = address.split_once(':').expect("HOST:PORT");
    let endpoint = holdfast_client::Endpoint {
        host: host.to_owned(),
        port: port.parse().expect("a port"),
    };
    let callers = Arc::new(Callers {
        ready: Mutex::new(Vec::new()),
        wake: Condvar::new(),
        done: AtomicU64::new(0),
    });
    let sink: Arc<dyn Sink> = Arc::clone(&callers) as _;
    let client = RemoteClient::open(
        RemoteOptions::new(vec![endpoint]),
        ClientOptions::default(),
        sink,
        Arc::new(NoLog),
    );
    let client = client.expect("the client opens");
    client
        .open_store("load", &StoreSettings::default())
        .expect("the store's name is valid");
    let value = vec![7; value];
    let keys: Vec<String> = (0..10_000).map(|key| format!("product:{key:08}")).collect();
    let submit = |operation: Operation, ticket: u64, key: &str| {
        let request = RequestHeader {
            operation: operation as i32,
            ..RequestHeader::default()
        };
        let value = if operation == Operation::Put {
            &value[..]
        } else {
            &[]
        };
        client
            .submit(ticket, 0, request, key.as_bytes(), value, None)
            .expect("it is accepted");
    };
    let count = keys
        .len()
        .min(2_000_000_000 / value.len().max(1))
        .min(if value.len() > 10_000 { 100 } else { 10_000 });
    let mut submitted = 0;
    while (callers.done.load(Ordering::Relaxed) as usize) < count {
        while submitted < count && submitted - (callers.done.load(Ordering::Relaxed) as usize) < 64 {
            submit(Operation::Put, submitted as u64, &keys[submitted]);
            submitted += 1;
        }
        std::thread::yield_now();
    }
    callers.ready.lock().clear();
    callers.done.store(0, Ordering::Relaxed);
    let operation = if verb == "put" {
        Operation::Put
    } else {
        Operation::Get
    };
    let (cpu, begin) = (cpu_time(), Instant::now());
    callers.ready.lock().extend(0..in_flight);
    let mut times = Vec::new();
    let mut random = 1_u64;
    let mut turns = Vec::new();
    while begin.elapsed() < time {
        let mut ready = callers.ready.lock();
        while ready.is_empty() {
            callers.wake.wait(&mut ready);
        }
        turns.append(&mut ready);
        drop(ready);
        for ticket in turns.drain(..) {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let key = &keys[(random >> 33) as usize % count];
            let sent = Instant::now();
            submit(operation, ticket, key);
            if in_flight == 1 {
                let mut ready = callers.ready.lock();
                while ready.is_empty() {
                    callers.wake.wait(&mut ready);
                }
                drop(ready);
                times.push(sent.elapsed());
            }
        }
    }
    let (elapsed, done) = (begin.elapsed(), callers.done.load(Ordering::Relaxed));
    let cpu = cpu_time() - cpu;
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    println!(
        "{verb} {in_flight} in flight, {} B: {:.0} op/s, p50 {median:?}, {:.2} us CPU/op (client)",
        value.len(),
        done as f64 / elapsed.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / done as f64
    );
}

/// User and system time of this process.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |index: usize| {
        fields
            .get(index)
            .and_then(|field| field.parse::<u64>().ok())
            .unwrap_or(0)
    };
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}
