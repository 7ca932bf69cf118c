//! What clients do meanwhile: for each group a team of processes that share a few keys, each process one call after the
//! other, each with its outcome in the history.

mod call;
mod keys;
mod stores;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use holdfast_client::remote::{AsyncClient, StateChange};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

use crate::history::{Action, Condition, Line, Outcome, Recorder};
use call::Caller;
use keys::{Keys, Kind};
pub use stores::Team;

/// Processes of a team use connections of different clients.
const SESSIONS: u32 = 6;
const LONGEST_END: Duration = Duration::from_secs(30);
/// Of the reads at the end, when everything is whole.
const LAST_READ: Duration = Duration::from_secs(10);

/// How much.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Processes of each team.
    pub processes: u32,
    /// Of a call.
    pub timeout: Duration,
    /// Between two calls of a process, on average.
    pub pause: Duration,
    /// Of what the processes choose.
    pub seed: u64,
    /// Also in cache stores: they are in memory, so they do not outlive the death of all nodes.
    pub caches: bool,
}

/// A client of its own: its connection, and what it is told.
pub(crate) struct Session {
    number: u32,
    client: AsyncClient,
    states: Mutex<States>,
}

/// What the client is told, and the newest epoch that it was told of.
struct States {
    coming: broadcast::Receiver<StateChange>,
    epoch: Option<i64>,
}

/// Running processes.
pub struct Workload {
    tasks: Vec<JoinHandle<()>>,
    stopping: Arc<AtomicBool>,
    teams: Vec<Arc<Shared>>,
    recorder: Recorder,
}

/// What the processes of a team share.
struct Shared {
    team: Team,
    keys: Mutex<Keys>,
    stopping: Arc<AtomicBool>,
    load: Load,
    callers: Vec<Caller>,
}

impl Workload {
    /// Connects and starts the processes. `connection` is the string of a store.
    ///
    /// # Errors
    /// When the nodes do not serve the stores.
    pub async fn start(
        connection: &(dyn Fn(&str) -> String + Sync),
        nodes: usize,
        load: Load,
        recorder: &Recorder,
    ) -> Result<Workload, String> {
        let mut sessions = Vec::new();
        for number in 0..SESSIONS {
            sessions.push(Arc::new(Session::connect(number, &connection("chaos"))?));
        }
        let stopping = Arc::new(AtomicBool::new(false));
        let mut workload = Workload {
            tasks: Vec::new(),
            stopping: Arc::clone(&stopping),
            teams: Vec::new(),
            recorder: recorder.clone(),
        };
        for (index, team) in stores::teams(&sessions[0].client, nodes, load.caches)
            .await?
            .into_iter()
            .enumerate()
        {
            let first = index as u32 * load.processes;
            let callers = (first..first + load.processes).map(|process| {
                let session = Arc::clone(&sessions[(process % SESSIONS) as usize]);
                let client = team.open(&session.client)?;
                Ok(Caller::new(process, session, client, recorder.clone()))
            });
            let callers = callers.collect::<Result<Vec<Caller>, String>>()?;
            workload.teams.push(Arc::new(Shared {
                keys: Mutex::new(Keys::new(&team)),
                team,
                stopping: Arc::clone(&stopping),
                load,
                callers,
            }));
        }
        for shared in &workload.teams {
            for member in 0..shared.callers.len() {
                workload
                    .tasks
                    .push(tokio::spawn(work(Arc::clone(shared), member)));
            }
        }
        Ok(workload)
    }

    /// Ends the processes, then reads every key that was used.
    pub async fn finish(self) {
        self.stopping.store(true, Ordering::SeqCst);
        for task in self.tasks {
            if tokio::time::timeout(LONGEST_END, task).await.is_err() {
                self.recorder.note(Line::Complaint(format!(
                    "a process did not end within {LONGEST_END:?}"
                )));
                return;
            }
        }
        let reads: Vec<_> = self
            .teams
            .into_iter()
            .map(|shared| tokio::spawn(async move { read_all(&shared).await }))
            .collect();
        for reads in reads {
            if reads.await.is_err() {
                self.recorder.note(Line::Complaint(
                    "reading everything at the end panicked".to_owned(),
                ));
            }
        }
    }
}

async fn read_all(shared: &Shared) {
    let keys = shared.keys.lock().expect("no panic under it").used().to_vec();
    let caller = &shared.callers[0];
    for key in keys {
        let outcome = caller.call(&shared.team, &key, Action::Get, LAST_READ).await;
        if let Outcome::NotApplied { code } = outcome {
            let text = format!(
                "{}{key} cannot be read when everything is whole again: {code}",
                shared.team.name
            );
            caller.recorder().note(Line::Complaint(text));
        }
    }
}

/// One process.
async fn work(shared: Arc<Shared>, member: usize) {
    let caller = &shared.callers[member];
    let mut random = fastrand::Rng::with_seed(shared.load.seed ^ u64::from(caller.process() + 1) << 32);
    let mut made = 0_u64;
    // The newest version that this process has seen, and of which key.
    let mut seen: Vec<(String, i64)> = Vec::new();
    let most_pause_us = 2 * shared.load.pause.as_micros() as u64;
    while !shared.stopping.load(Ordering::SeqCst) {
        let kind = Kind::ALL[random.usize(0..Kind::ALL.len())];
        let (key, expires) = shared.keys.lock().expect("no panic under it").take(kind);
        made += 1;
        let version = seen
            .iter()
            .find(|(of, _)| *of == key)
            .map(|&(_, version)| version);
        let value = format!("p{}-{made}", caller.process());
        let action = choose(&mut random, kind, expires, value, version);
        let outcome = caller.call(&shared.team, &key, action, shared.load.timeout).await;
        if matches!(outcome, Outcome::Unknown { .. }) {
            shared.keys.lock().expect("no panic under it").unknown(kind, &key);
        }
        if let Some(version) = version_of(&outcome) {
            seen.retain(|(of, _)| *of != key);
            seen.truncate(Kind::ALL.len());
            seen.insert(0, (key, version));
        }
        tokio::time::sleep(Duration::from_micros(random.u64(0..=most_pause_us))).await;
    }
}

fn version_of(outcome: &Outcome) -> Option<i64> {
    match *outcome {
        Outcome::Applied { version, .. }
        | Outcome::Counted { version, .. }
        | Outcome::Read { version, .. }
        | Outcome::Refused {
            version: Some(version),
        } => Some(version),
        _ => None,
    }
}

fn choose(random: &mut fastrand::Rng, kind: Kind, expires: bool, value: String, seen: Option<i64>) -> Action {
    let ttl_ms = (expires && random.u32(0..5) > 0).then(|| random.u64(20..1_500));
    let of_seen = seen.map_or(Condition::Absent, Condition::Version);
    let roll = random.u32(0..100);
    let condition = match (kind, roll) {
        (_, 0..40) => return Action::Get,
        (Kind::Counter, 40..44) => return delete(Condition::Always),
        (Kind::Counter, _) => {
            let delta = random.i64(1..6);
            return Action::Increment { delta, ttl_ms };
        }
        (_, 40..45) => return delete(Condition::Always),
        (_, 45..48) => return delete(of_seen),
        (_, 48..58) => Condition::Absent,
        (_, 58..63) => Condition::Present,
        (_, 63..80) => of_seen,
        _ => Condition::Always,
    };
    Action::Put {
        value,
        condition,
        ttl_ms,
    }
}

fn delete(condition: Condition) -> Action {
    // A delete that expects nothing would delete nothing.
    let condition = if condition == Condition::Absent {
        Condition::Present
    } else {
        condition
    };
    Action::Delete { condition }
}

impl Session {
    fn connect(number: u32, text: &str) -> Result<Session, String> {
        // A name of its own makes it a connection of its own.
        let name = format!("chaos-{number}");
        let client = AsyncClient::connect_lazily(text, &[("client-name", &name)])
            .map_err(|error| format!("{text}: {error}"))?;
        Ok(Session {
            number,
            states: Mutex::new(States {
                coming: client.states(),
                epoch: None,
            }),
            client,
        })
    }

    /// The newest epoch that the client was told of up to now.
    pub(crate) fn told(&self) -> Option<i64> {
        let mut states = self.states.lock().expect("no panic under it");
        loop {
            match states.coming.try_recv() {
                Ok(change) if change.epoch_changed => states.epoch = i64::try_from(change.epoch).ok(),
                Ok(_) | Err(broadcast::error::TryRecvError::Lagged(_)) => {}
                Err(_) => return states.epoch,
            }
        }
    }

    pub(crate) fn number(&self) -> u32 {
        self.number
    }
}
