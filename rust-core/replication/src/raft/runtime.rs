//! The runtime that openraft runs in: tokio's, with the ticks of all groups of a node at the same moments.
//!
//! openraft gives each group ticks of its own, at a phase drawn at random, five to a heartbeat: a dozen groups wake a node
//! that has nothing to do a thousand times a second, and no two of their heartbeats ever share a packet. With [`Ticks`]
//! all groups of a node wake together, twice to a heartbeat. Nodes keep different phases, so that two followers do not
//! begin their elections in step.

use std::cell::Cell;
use std::fmt;
use std::future::{Future, Ready, ready};
use std::time::Duration;

use futures_util::future::Either;
use openraft::TokioRuntime;
use openraft::async_runtime::{AsyncRuntime, Instant as _};
use tokio::time::Instant;

use super::timing::ClusterTiming;

/// A sleep up to this is none: with it openraft wants to gather what a microsecond brings, and tokio's timer would make
/// a millisecond or two of it, for which followers keep their answers back.
const MOMENT: Duration = Duration::from_micros(10);

tokio::task_local! {
    static TICKING: Ticking;
}

/// What a task of a group knows of its sleeps.
struct Ticking {
    ticks: Ticks,
    /// The last sleep that was none ended here.
    moment: Cell<Option<Instant>>,
}

impl Ticking {
    fn new(ticks: Ticks) -> Ticking {
        Ticking {
            ticks,
            moment: Cell::new(None),
        }
    }
}

/// When the groups of a node look at their timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticks {
    origin: Instant,
    period: Duration,
}

impl Ticks {
    /// Two in each heartbeat. `phase` is any number that other nodes do not have.
    #[must_use]
    pub fn new(timing: ClusterTiming, phase: u128) -> Ticks {
        let period = timing.heartbeat / 2;
        let phase = phase % period.as_micros().max(1);
        let phase = Duration::from_micros(u64::try_from(phase).unwrap_or_default());
        Ticks {
            origin: Instant::now() + phase,
            period,
        }
    }

    /// openraft's heartbeats come at the first tick after this time.
    pub(crate) fn heartbeat(timing: ClusterTiming) -> Duration {
        // A little less than two ticks: the time of the second one is never missed by a moment.
        timing.heartbeat * 7 / 8
    }

    /// The first tick at or after a time.
    #[must_use]
    pub fn at_or_after(&self, time: Instant) -> Instant {
        let since = time.saturating_duration_since(self.origin).as_nanos();
        let ticks = since.div_ceil(self.period.as_nanos().max(1));
        let ticks = u32::try_from(ticks).unwrap_or(u32::MAX);
        self.origin + self.period.saturating_mul(ticks)
    }

    /// Runs what starts a group: all that it spawns has these ticks.
    pub(crate) async fn scope<F: Future>(self, future: F) -> F::Output {
        TICKING.scope(Ticking::new(self), future).await
    }
}

/// tokio with [`Ticks`].
pub(crate) struct Runtime(TokioRuntime);

impl fmt::Debug for Runtime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Runtime")
    }
}

type Tokio = TokioRuntime;

impl AsyncRuntime for Runtime {
    type JoinError = <Tokio as AsyncRuntime>::JoinError;
    type JoinHandle<T: Send + 'static> = <Tokio as AsyncRuntime>::JoinHandle<T>;
    type Sleep = Either<Ready<()>, tokio::time::Sleep>;
    type Instant = <Tokio as AsyncRuntime>::Instant;
    type TimeoutError = <Tokio as AsyncRuntime>::TimeoutError;
    type Timeout<R, T: Future<Output = R> + Send> = <Tokio as AsyncRuntime>::Timeout<R, T>;
    type ThreadLocalRng = <Tokio as AsyncRuntime>::ThreadLocalRng;
    type Mpsc = <Tokio as AsyncRuntime>::Mpsc;
    type Watch = <Tokio as AsyncRuntime>::Watch;
    type Oneshot = <Tokio as AsyncRuntime>::Oneshot;
    type Mutex<T: Send + 'static> = <Tokio as AsyncRuntime>::Mutex<T>;

    fn spawn<T>(future: T) -> Self::JoinHandle<T::Output>
    where
        T: Future + Send + 'static,
        T::Output: Send + 'static,
    {
        match TICKING.try_with(|ticking| ticking.ticks) {
            Ok(ticks) => Tokio::spawn(TICKING.scope(Ticking::new(ticks), future)),
            Err(_) => Tokio::spawn(future),
        }
    }

    fn sleep(duration: Duration) -> Self::Sleep {
        Either::Right(tokio::time::sleep(duration))
    }

    fn sleep_until(deadline: Self::Instant) -> Self::Sleep {
        let left = deadline - Self::Instant::now();
        let deadline = Instant::now() + left;
        if left > MOMENT {
            let tick = TICKING.try_with(|ticking| ticking.ticks.at_or_after(deadline));
            return Either::Right(tokio::time::sleep_until(tick.unwrap_or(deadline)));
        }
        // Who waits for the same moment again loops until it is there: where the clock stands still, for good.
        let again = TICKING.try_with(|ticking| ticking.moment.replace(Some(deadline)) == Some(deadline));
        if again == Ok(true) && !left.is_zero() {
            return Either::Right(tokio::time::sleep_until(deadline));
        }
        Either::Left(ready(()))
    }

    fn timeout<R, F: Future<Output = R> + Send>(duration: Duration, future: F) -> Self::Timeout<R, F> {
        Tokio::timeout(duration, future)
    }

    fn timeout_at<R, F: Future<Output = R> + Send>(
        deadline: Self::Instant,
        future: F,
    ) -> Self::Timeout<R, F> {
        Tokio::timeout_at(deadline, future)
    }

    fn is_panic(error: &Self::JoinError) -> bool {
        Tokio::is_panic(error)
    }

    fn thread_rng() -> Self::ThreadLocalRng {
        Tokio::thread_rng()
    }

    fn new(threads: usize) -> Self {
        Runtime(Tokio::new(threads))
    }

    fn block_on<F, T>(&mut self, future: F) -> T
    where
        F: Future<Output = T>,
    {
        self.0.block_on(future)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn tasks_of_one_node_wake_at_the_same_ticks() {
        let began = Instant::now();
        let ticks = Ticks::new(ClusterTiming::DEFAULT, 10_000);
        let period = Duration::from_micros(37_500);
        assert_eq!(ticks.at_or_after(began), began + Duration::from_millis(10));
        let first = began + Duration::from_millis(10) + period;
        assert_eq!(ticks.at_or_after(first), first);
        assert_eq!(ticks.at_or_after(first + Duration::from_nanos(1)), first + period);
        let woken = |after: Duration| async move {
            let deadline = <Runtime as AsyncRuntime>::Instant::now() + after;
            let slept = Runtime::spawn(async move {
                Runtime::sleep_until(deadline).await;
                Instant::now()
            });
            slept.await.expect("no panic")
        };
        let sleeps =
            async { tokio::join!(woken(Duration::from_millis(15)), woken(Duration::from_millis(40))) };
        let (one, other) = ticks.scope(sleeps).await;
        assert_eq!(one, other);
        assert!(
            one >= first && one < first + Duration::from_millis(2),
            "{:?}",
            one - began
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleep_of_a_moment_takes_no_time() {
        let ticks = Ticks::new(ClusterTiming::DEFAULT, 10_000);
        let began = Instant::now();
        let moment = async {
            let deadline = <Runtime as AsyncRuntime>::Instant::now() + Duration::from_micros(1);
            Runtime::sleep_until(deadline).await;
        };
        ticks.scope(moment).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_waits_for_a_moment_ends_on_a_clock_that_stands_still() {
        let ticks = Ticks::new(ClusterTiming::DEFAULT, 10_000);
        let deadline = <Runtime as AsyncRuntime>::Instant::now() + Duration::from_micros(5);
        let waits = async {
            let mut sleeps = 0;
            while <Runtime as AsyncRuntime>::Instant::now() < deadline {
                Runtime::sleep_until(deadline).await;
                sleeps += 1;
            }
            sleeps
        };
        assert_eq!(ticks.scope(waits).await, 2);
    }
}
