//! The stores, and which of their keys lie in which group: each group has a team.

use std::time::Duration;

use holdfast_client::remote::AsyncClient;
use holdfast_client::settings::StoreSettings;
use holdfast_state::{KeyHash, StoreId};
use tokio::time::Instant;

const COORDINATION_GROUPS: u16 = 4;
const CACHE_GROUPS: u16 = 8;
/// Coordination stores are made until each group has one.
const MOST_STORES: usize = 64;
const LONGEST_FORMING: Duration = Duration::from_secs(60);
const TRY_AGAIN: Duration = Duration::from_millis(200);

/// A group's share of a store.
#[derive(Clone, Debug)]
pub struct Team {
    /// What the keys of the history begin with.
    pub name: String,
    store: String,
    id: StoreId,
    /// Of a cache store: the group whose keys are used.
    cache_group: Option<u16>,
    /// In a cluster stores keep their ids, so that a key's group is known for good. A node alone gives ids anew when it
    /// starts anew.
    ids_stay: bool,
}

impl Team {
    /// Whether a key is this team's.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.cache_group
            .is_none_or(|group| self.slot(key) % CACHE_GROUPS == group)
    }

    /// What names the counter of revisions that the key's changes draw from.
    #[must_use]
    pub fn revisions(&self, key: &str) -> u64 {
        match self.cache_group {
            None => u64::from(self.id.0),
            Some(group) if self.ids_stay => 1 << 32 | u64::from(group),
            // No more is known than that a key is in one group.
            Some(_) => KeyHash::of(StoreId(0), false, key.as_bytes()).hash | 1 << 63,
        }
    }

    pub(super) fn open(&self, client: &AsyncClient) -> Result<AsyncClient, String> {
        open(client, &self.store, self.cache_group.is_some())
    }

    fn slot(&self, key: &str) -> u16 {
        KeyHash::of(self.id, false, key.as_bytes()).slot.0
    }
}

fn open(client: &AsyncClient, name: &str, is_cache: bool) -> Result<AsyncClient, String> {
    // Nothing is ever evicted: the checkers know no eviction.
    let settings: &[(&str, &str)] = if is_cache {
        &[("class", "cache"), ("max-memory", "256MiB")]
    } else {
        &[("class", "coordination")]
    };
    let settings = StoreSettings::from_pairs(settings).map_err(|error| error.to_string())?;
    client.store(name, &settings).map_err(|error| error.to_string())
}

/// Makes the stores, and a team for each group.
pub(super) async fn teams(client: &AsyncClient, nodes: usize, caches: bool) -> Result<Vec<Team>, String> {
    let ids_stay = nodes > 1;
    let mut teams = Vec::new();
    let mut covered = vec![false; usize::from(COORDINATION_GROUPS)];
    for number in 0..MOST_STORES {
        let store = format!("chaos-{number}");
        let id = id_of(client, &store, false).await?;
        let group = usize::from(KeyHash::slot_of_store(id).0 % COORDINATION_GROUPS);
        if !std::mem::replace(&mut covered[group], true) {
            teams.push(Team {
                name: format!("{store}/"),
                store,
                id,
                cache_group: None,
                ids_stay,
            });
        }
        if covered.iter().all(|&covered| covered) {
            break;
        }
    }
    if !caches {
        return Ok(teams);
    }
    let store = "chaos-cache".to_owned();
    let id = id_of(client, &store, true).await?;
    teams.extend((0..CACHE_GROUPS).map(|group| Team {
        name: format!("{store}-{group}/"),
        store: store.clone(),
        id,
        cache_group: Some(group),
        ids_stay,
    }));
    Ok(teams)
}

/// The store's number at the nodes, once they serve it.
async fn id_of(client: &AsyncClient, store: &str, is_cache: bool) -> Result<StoreId, String> {
    let end = Instant::now() + LONGEST_FORMING;
    loop {
        let client = open(client, store, is_cache)?;
        match client.ready().await {
            Ok(description) => return Ok(StoreId(description.id)),
            Err(error) if Instant::now() > end => return Err(format!("the store {store}: {error}")),
            Err(_) => tokio::time::sleep(TRY_AGAIN).await,
        }
    }
}
