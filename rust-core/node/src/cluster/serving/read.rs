//! Reads: behind a barrier, of the state as it is then.

use bytes::Bytes;
use holdfast_proto::limits::{check_batch, check_key};
use holdfast_proto::session::{
    ItemReader, Operation, ReplyHeader, RequestHeader, ScanCursor, StoreStats, flags, push_item,
};
use holdfast_proto::{Code, Error};
use holdfast_replication::raft::{ProposeError, ReadMode};
use holdfast_state::{
    Change, EntryRef, EntryView, GroupKind, Machine, Moment, Outcome, Query, Read, SLOTS, ScanPosition, Slot,
    Standing, Store, Timestamp, Victims,
};

use super::{Away, Here};
use crate::cluster::duties::{expire_step, of_leader};
use crate::server::answer::{Answer, describe, read_mode};
use crate::server::many::{PAGE_BYTES, of_items, page_limit, reply_too_large, room_for, survey};

impl Here<'_> {
    pub(super) async fn read(&self) -> Result<Answer, Away> {
        self.group.raft().read_barrier(self.mode()).await?;
        let (machine, store) = self.state().await?;
        let asked = self.asked;
        match asked.operation {
            Operation::Get | Operation::Exists => {
                let (key, _) = asked.header.key_and_value(&asked.payload)?;
                self.get(&machine, &store, asked.operation, &asked.header, key)
                    .await
            }
            Operation::GetMany => self.get_many(&machine, &store).await,
            Operation::Count => {
                let now = self.expire_due(&machine, &store).await?;
                let (key, end) = asked.header.key_and_value(&asked.payload)?;
                let count = store.count(now, &asked.header.range(key, end));
                let number = i64::try_from(count).unwrap_or(i64::MAX);
                Ok(ReplyHeader {
                    number,
                    ..ReplyHeader::default()
                }
                .into())
            }
            Operation::Stats => {
                // The whole store's, of which the group has a share.
                let budget = asked.store.settings.max_memory;
                let stats = Some(StoreStats::new(&store.stats(), budget));
                Ok(ReplyHeader {
                    stats,
                    ..ReplyHeader::default()
                }
                .into())
            }
            _ => {
                let now = self.expire_due(&machine, &store).await?;
                self.scan(&machine, now)
            }
        }
    }

    /// One entry, shared with the state.
    pub(super) async fn get(
        &self,
        machine: &Machine,
        store: &Store,
        operation: Operation,
        header: &RequestHeader,
        key: &[u8],
    ) -> Result<Answer, Away> {
        check_key(key)?;
        let (slide, with_value) = read_mode(operation, header);
        let place = store.place(key);
        let raft = self.group.raft();
        loop {
            let read = machine.get(
                store,
                || raft.moment(),
                place,
                key,
                slide,
                |entry: EntryView<'_>| (describe(&entry), with_value.then(|| entry.share())),
            );
            match read.map_err(Error::from)? {
                Read::Hit(found) => return Ok(found.into()),
                Read::Miss => {
                    self.remove_unseen(store, raft.now(), std::iter::once(key))
                        .await?;
                    return Ok(ReplyHeader::default().into());
                }
                // A coordination store's reader sees an entry go when the log says so.
                Read::Due if raft.leads() => drop(self.expire_due(machine, store).await?),
                Read::Due => {
                    self.gone_unled()?;
                    return Ok(ReplyHeader::default().into());
                }
            }
        }
    }

    /// Makes deadlines that have passed true, by the log: the clock of the next leader goes on from the last entry, and would
    /// show what was left out here. The moment to read at: of what is due by then nothing is there any more.
    async fn expire_due(&self, machine: &Machine, store: &Store) -> Result<Timestamp, Away> {
        let raft = self.group.raft();
        let now = raft.now();
        let is_due = || store.next_deadline().is_some_and(|due| due <= now);
        while is_due() {
            if !raft.leads() {
                self.gone_unled()?;
                return Ok(now);
            }
            if !self.expire_step(machine, now).await? {
                break;
            }
        }
        Ok(now)
    }

    /// The moment to go by. In a coordination store an entry goes when the log says so: what is due by then is made to go. A
    /// cache store's is hidden by the clock, and nobody waits for all that is due there.
    pub(super) async fn present(&self, machine: &Machine, store: &Store) -> Result<Timestamp, Away> {
        match self.asked.store.kind() {
            GroupKind::Coordination => self.expire_due(machine, store).await,
            _ => Ok(self.group.raft().now()),
        }
    }

    /// Whether only the leader may answer.
    fn must_lead(&self) -> bool {
        !matches!(self.mode(), ReadMode::Bounded(_) | ReadMode::Local)
    }

    /// A deadline has passed at a replica that does not lead. The leadership may have been lost behind the barrier, and the
    /// next leader's clock may not have come as far yet: only those whom any replica may answer are told that it is gone.
    fn gone_unled(&self) -> Result<(), Away> {
        match self.must_lead() {
            true => Err(self.lost_lead()),
            false => Ok(()),
        }
    }

    /// Another node leads by now, or will.
    fn lost_lead(&self) -> Away {
        let raft = self.group.raft();
        let leader = raft
            .status()
            .leader
            .filter(|(replica, _)| *replica != raft.replica());
        Away::Elsewhere(leader.map(|(_, leader)| leader))
    }

    /// Has a change of a key find what a reader finds now, by the log: what reads have kept alive, or nothing. What is hidden
    /// goes by the command that this gives, ahead of the change.
    pub(super) async fn settle_key(
        &self,
        machine: &Machine,
        store: &Store,
        key: &[u8],
    ) -> Result<Option<Bytes>, Away> {
        let now = self.group.raft().now();
        match store.standing(now, store.place(key), key) {
            Standing::Settled => {}
            Standing::KeptAlive => drop(self.expire_step(machine, now).await?),
            Standing::Due(_) => drop(self.present(machine, store).await?),
            Standing::Hidden(entry) => return Ok(Some(evict(store, &[entry]))),
        }
        Ok(None)
    }

    /// Has keys whose deadline has passed be gone by the log before a reader is told that they are: the clock of the next
    /// leader goes on from the last entry, and would show them again.
    async fn remove_unseen<'k>(
        &self,
        store: &Store,
        now: Timestamp,
        missing: impl Iterator<Item = &'k [u8]>,
    ) -> Result<(), Away> {
        let raft = self.group.raft();
        let unseen: Vec<EntryRef> = missing
            .filter_map(|key| store.standing(now, store.place(key), key).unseen())
            .collect();
        if unseen.is_empty() {
            return Ok(());
        }
        if !raft.leads() {
            return self.gone_unled();
        }
        let removed = raft.propose_all(vec![evict(store, &unseen)])?.await;
        removed.map(drop).map_err(|error| self.asked_again(error))
    }

    async fn expire_step(&self, machine: &Machine, now: Timestamp) -> Result<bool, Away> {
        let step = expire_step(self.group.raft(), machine, now).await;
        step.map_err(|error| self.asked_again(error))
    }

    /// A reader that was to change nothing asks again: what was proposed is done or is still due.
    fn asked_again(&self, error: ProposeError) -> Away {
        match error {
            ProposeError::Unknown => self.lost_lead(),
            error => error.into(),
        }
    }

    async fn get_many(&self, machine: &Machine, store: &Store) -> Result<Answer, Away> {
        let asked = self.asked;
        let (items, bytes) = survey(&asked.header, &asked.payload)?;
        check_batch(bytes)?;
        let now = self.present(machine, store).await?;
        let mut room = room_for(items)?;
        let mut keys = Vec::with_capacity(items);
        let mut reader = ItemReader::new(&asked.payload);
        while let Some((_, key, _)) = reader.next::<RequestHeader>()? {
            check_key(key)?;
            keys.push(key);
        }
        let mut reply = Vec::new();
        let mut fits = true;
        let places = keys.iter().map(|key| (store.place(key), *key));
        let moment = Moment {
            now,
            ..self.group.raft().moment()
        };
        let mut missing = Vec::new();
        let read = machine.get_many(store, moment, places, true, |number, entry| {
            if entry.is_none() {
                missing.push(keys[number]);
            }
            let value = entry.as_ref().map_or(&[][..], |entry| entry.value());
            fits &= value.len() <= room;
            if fits {
                room -= value.len();
                let mut item = entry.as_ref().map(describe).unwrap_or_default();
                item.value_length = value.len() as u32;
                push_item(&mut reply, &item, &[], value);
            }
        });
        read.map_err(Error::from)?;
        self.remove_unseen(store, now, missing.into_iter()).await?;
        if !fits {
            return Err(reply_too_large().into());
        }
        Ok(of_items(items, reply))
    }

    /// A page of the group's part of a store.
    fn scan(&self, machine: &Machine, now: Timestamp) -> Result<Answer, Away> {
        let (asked, class) = (self.asked, self.asked.store.settings.class);
        let header = &asked.header;
        let (key, end) = header.key_and_value(&asked.payload)?;
        let (range, limit) = (header.range(key, end), page_limit(header)?);
        let (keys_only, descending) = (header.has(flags::KEYS_ONLY), header.has(flags::DESCENDING));
        let is_cache = asked.store.kind() == GroupKind::Cache;
        let mut slots: Box<dyn Iterator<Item = u16>> = match (is_cache, descending) {
            (false, _) => Box::new(std::iter::once(0)),
            (true, false) => Box::new(0..SLOTS),
            (true, true) => Box::new((0..SLOTS).rev()),
        };
        let mut after = None;
        let mut slot = slots.next();
        if !header.cursor.is_empty() {
            let cursor = ScanCursor::decode(&header.cursor).filter(|cursor| cursor.class == class);
            let cursor = cursor.ok_or_else(|| {
                Error::new(
                    Code::InvalidCursor,
                    "the cursor is not one of a scan of this store",
                )
            })?;
            while slot.is_some_and(|slot| is_cache && slot != cursor.slot) {
                slot = slots.next();
            }
            after = cursor.after.map(|(hash, key)| ScanPosition {
                hash,
                key: key[..].into(),
            });
        }
        let mut reply = Vec::new();
        let (mut items, mut bytes) = (0, PAGE_BYTES);
        while let Some(current) = slot {
            let query = Query::Scan {
                store: asked.store.id,
                range,
                descending,
                keys_only,
                slot: is_cache.then_some(Slot(current)),
                after: after.as_ref(),
                limit: u32::try_from(limit - items).unwrap_or(u32::MAX),
                byte_limit: bytes as u64,
            };
            let page = match machine.read(now, &query) {
                Outcome::Page(page) => page,
                // Another group has that slot.
                Outcome::Failed(holdfast_state::StateError::WrongSlot { .. }) => Default::default(),
                Outcome::Failed(error) => return Err(Error::from(error).into()),
                other => return Err(Error::new(Code::Internal, format!("{other:?}")).into()),
            };
            for found in &page.entries {
                let entry = &found.entry;
                let value = if keys_only { &[] } else { entry.value() };
                bytes = bytes.saturating_sub(entry.key().len() + value.len());
                items += 1;
                let item = ReplyHeader {
                    flags: flags::FOUND,
                    version: entry.version(),
                    ttl_ms: found.remaining_ms,
                    absolute_unix_ms: entry.absolute_unix_ms(),
                    key_length: entry.key().len() as u32,
                    value_length: value.len() as u32,
                    ..ReplyHeader::default()
                };
                push_item(&mut reply, &item, entry.key(), value);
            }
            after = page.next;
            if after.is_none() {
                slot = slots.next();
            }
            if items >= limit || bytes == 0 || after.is_some() {
                break;
            }
        }
        let mut answer = of_items(items, reply);
        if let Some(slot) = slot {
            let after = after.map(|position| (position.hash, Bytes::copy_from_slice(&position.key)));
            answer.header.cursor = ScanCursor { class, slot, after }.encode();
        }
        Ok(answer)
    }
}

/// Removes entries that are still what they are here.
fn evict(store: &Store, entries: &[EntryRef]) -> Bytes {
    let victims = Victims::from(entries);
    of_leader(store.id(), Change::Evict { victims })
}
