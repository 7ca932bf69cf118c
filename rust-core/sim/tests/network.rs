//! What the simulated network and the simulated machines promise to those that are tested on them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use holdfast_sim::machine::Machine;
use holdfast_system::net::{self, TcpStream};
use holdfast_system::simulation::{Death, Link, Network};
use holdfast_system::time::{boottime, monotonic};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const EXACT: u64 = 1_000_000;

struct Pair {
    network: Network,
    machines: [Machine; 2],
    heard: Arc<Mutex<Vec<String>>>,
}

impl Pair {
    /// The second machine listens, and keeps what it hears.
    fn new() -> Pair {
        let network = Network::install(2, 1);
        let mut machines = [0, 1].map(|host| Machine::new(host, EXACT, Duration::ZERO));
        machines.iter_mut().for_each(Machine::begin);
        let mut pair = Pair {
            network,
            machines,
            heard: Arc::default(),
        };
        pair.listen();
        pair
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::new(self.network.ip(1), 7861)
    }

    fn listen(&mut self) {
        let (address, heard) = (self.address(), Arc::clone(&self.heard));
        self.machines[1].spawn(async move {
            let listener = net::listen(address, 0, 0).expect("nothing listens there");
            while let Ok((mut stream, _)) = listener.accept().await {
                let heard = Arc::clone(&heard);
                tokio::spawn(async move {
                    let mut buffer = [0; 64];
                    loop {
                        let said = match stream.read(&mut buffer).await {
                            Ok(0) => "end".to_owned(),
                            Ok(length) => String::from_utf8_lossy(&buffer[..length]).into_owned(),
                            Err(error) => error.kind().to_string(),
                        };
                        heard.lock().unwrap().push(said.clone());
                        if said == "end" || said == "connection reset" {
                            return;
                        }
                    }
                });
            }
        });
        self.pass(1);
    }

    /// The first machine connects and says words, with a pause after each.
    fn say(&mut self, words: &'static [&'static str]) -> tokio::task::JoinHandle<std::io::Result<()>> {
        let address = self.address();
        self.machines[0].spawn(async move {
            let mut stream = TcpStream::connect(address).await?;
            for word in words {
                stream.write_all(word.as_bytes()).await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok(())
        })
    }

    fn pass(&mut self, ms: u64) {
        for _ in 0..ms {
            self.network.tick();
            self.machines.iter_mut().for_each(Machine::step);
        }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    fn cut(&self, cut: bool) {
        let link = self.network.link(0, 1);
        self.network.set_link(0, 1, Link { cut, ..link });
    }
}

#[test]
fn what_meets_a_cut_arrives_in_its_order_once_that_has_healed() {
    let mut pair = Pair::new();
    pair.say(&["one", "two", "three"]);
    pair.pass(10);
    assert_eq!(pair.heard(), ["one"]);
    pair.cut(true);
    pair.pass(200);
    assert_eq!(pair.heard(), ["one"]);
    pair.cut(false);
    pair.pass(10);
    assert_eq!(pair.heard().concat(), "onetwothreeend");
}

#[test]
fn a_process_that_is_killed_resets_its_connections_and_refuses_new_ones() {
    let mut pair = Pair::new();
    let said = pair.say(&["one", "two"]);
    pair.pass(10);
    pair.network.kill(1, Death::Process);
    pair.machines[1].end(());
    pair.pass(60);
    assert!(said.is_finished());
    let error = pair.machines[0].run(said).unwrap().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let refused = pair.say(&[]);
    pair.pass(10);
    let error = pair.machines[0].run(refused).unwrap().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[test]
fn a_machine_without_power_says_nothing_and_knows_no_connection_when_it_is_back() {
    let mut pair = Pair::new();
    let waits = pair.say(&["one", "two", "three", "four", "five"]);
    pair.pass(10);
    pair.network.kill(1, Death::Power);
    pair.machines[1].end(());
    let dials = pair.say(&[]);
    pair.pass(15);
    assert!(!waits.is_finished() && !dials.is_finished());
    pair.network.switch_on(1);
    pair.machines[1].begin();
    pair.listen();
    pair.pass(1_200);
    let error = pair.machines[0].run(waits).unwrap().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(dials.is_finished(), "what dials again finds it");
}

#[test]
fn a_frozen_machines_clock_goes_on_and_a_suspended_ones_stands_still() {
    let mut pair = Pair::new();
    let clocks = |machine: &mut Machine| machine.run(async { (boottime(), monotonic()) });
    let before = clocks(&mut pair.machines[0]);
    pair.machines[0].freeze(true);
    pair.pass(100);
    pair.machines[0].freeze(false);
    pair.pass(1);
    let frozen = clocks(&mut pair.machines[0]);
    assert_eq!((frozen.0 - before.0).as_millis(), 101);
    assert_eq!((frozen.1 - before.1).as_millis(), 101);
    pair.machines[0].suspend(true);
    pair.pass(100);
    pair.machines[0].suspend(false);
    pair.pass(1);
    let suspended = clocks(&mut pair.machines[0]);
    assert_eq!((suspended.0 - frozen.0).as_millis(), 101);
    assert_eq!((suspended.1 - frozen.1).as_millis(), 1);
}

#[test]
fn machines_clocks_run_at_their_own_speed() {
    let mut machine = Machine::new(0, EXACT + EXACT / 100, Duration::ZERO);
    let _network = Network::install(1, 1);
    machine.begin();
    let before = machine.run(async { monotonic() });
    (0..1_000).for_each(|_| machine.step());
    let passed = machine.run(async { monotonic() }) - before;
    assert_eq!(passed.as_millis(), 1_010);
}
