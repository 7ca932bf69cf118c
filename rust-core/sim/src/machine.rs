//! One simulated machine: a runtime whose clock only this steps, and the machine's clocks.

use std::future::Future;
use std::time::Duration;

use holdfast_system::simulation::Clock;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance, sleep};

const TICK: Duration = Duration::from_millis(1);

/// A machine. Its clocks go on while it has no process.
pub struct Machine {
    host: usize,
    runtime: Option<Runtime>,
    clock: Clock,
    /// Milliseconds of its own that pass in a million.
    rate: u64,
    /// Of a millisecond, in millionths.
    owed: u64,
    /// Milliseconds that have passed while it was frozen, or had no process.
    missed: u64,
    frozen: bool,
    /// Frozen with its clocks but for the one that counts suspended time.
    suspended: bool,
}

impl Machine {
    /// A machine whose clocks run at `rate` millionths, and whose wall clock is `wall` ahead.
    #[must_use]
    pub fn new(host: usize, rate: u64, wall: Duration) -> Machine {
        Machine {
            host,
            runtime: None,
            clock: Clock {
                host,
                started: Instant::now(),
                // A machine has been on for a while.
                monotonic: Duration::from_secs(1_000 + 100 * host as u64),
                suspended: Duration::ZERO,
                wall,
            },
            rate,
            owed: 0,
            missed: 0,
            frozen: false,
            suspended: false,
        }
    }

    /// Its number in the network.
    #[must_use]
    pub fn host(&self) -> usize {
        self.host
    }

    /// Begins a process.
    ///
    /// # Panics
    /// When it has one.
    pub fn begin(&mut self) {
        assert!(self.runtime.is_none(), "machine {} has a process", self.host);
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime without I/O needs nothing of the system");
        // The runtime's timers count whole milliseconds from here on.
        self.clock.started = runtime.block_on(async {
            sleep(TICK).await;
            Instant::now()
        });
        self.clock.monotonic += Duration::from_millis(std::mem::take(&mut self.missed));
        self.frozen = false;
        self.suspended = false;
        self.runtime = Some(runtime);
    }

    /// Ends the process: nothing of it runs any more. `rest` is what belongs to it outside of its tasks.
    pub fn end<T>(&mut self, rest: T) {
        self.inside(|machine| {
            if let Some(runtime) = machine.runtime.take() {
                let elapsed = runtime.block_on(async { Instant::now() }) - machine.clock.started;
                machine.clock.monotonic += elapsed;
                drop(runtime);
            }
            drop(rest);
        });
    }

    /// Whether it has a process.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.runtime.is_some()
    }

    /// Stops everything on it (SIGSTOP), or lets it go on: its clocks have gone on meanwhile.
    pub fn freeze(&mut self, frozen: bool) {
        self.frozen = frozen;
    }

    /// Suspends it, or wakes it up: of its clocks only CLOCK_BOOTTIME and the wall clock have gone on meanwhile.
    pub fn suspend(&mut self, suspended: bool) {
        self.suspended = suspended;
    }

    /// Lets a millisecond pass; a machine whose clocks are fast has a little more.
    pub fn step(&mut self) {
        self.owed += self.rate;
        let own_ms = self.owed / 1_000_000;
        self.owed %= 1_000_000;
        if self.suspended {
            self.clock.suspended += Duration::from_millis(own_ms);
            return;
        }
        if self.frozen || self.runtime.is_none() {
            self.missed += own_ms;
            return;
        }
        if own_ms == 0 {
            return;
        }
        self.inside(|machine| {
            let missed = Duration::from_millis(std::mem::take(&mut machine.missed));
            let runtime = machine.runtime.as_ref().expect("it was there");
            runtime.block_on(async {
                if !missed.is_zero() {
                    advance(missed).await;
                }
                sleep(TICK * own_ms as u32).await;
            });
        });
    }

    /// Starts a task of its process.
    ///
    /// # Panics
    /// Without a process.
    pub fn spawn<T: Send + 'static>(
        &mut self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.inside(|machine| machine.runtime.as_ref().expect("it has a process").spawn(task))
    }

    /// Runs something of its process that waits for nobody else.
    ///
    /// # Panics
    /// Without a process.
    pub fn run<T>(&mut self, what: impl Future<Output = T>) -> T {
        self.inside(|machine| machine.runtime.as_ref().expect("it has a process").block_on(what))
    }

    fn inside<T>(&mut self, act: impl FnOnce(&mut Machine) -> T) -> T {
        let before = Clock::enter(Some(self.clock));
        let result = act(self);
        Clock::enter(before);
        result
    }
}
