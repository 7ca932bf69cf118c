//! Defects on purpose: each is one that a cluster has had or could have, and the tests must find it.
//!
//! They are built with the feature `mutants` only, which nothing but the tests of the tests asks for, and one of them at a
//! time is chosen by the environment variable `HOLDFAST_MUTANT`. Without the feature [`active`] is `false` and what
//! depends on it is not built.

/// A defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mutant {
    /// A leader reads what it has, and asks nobody whether it still leads.
    ReadWithoutQuorum,
    /// A leader trusts its lease, once a quorum has confirmed it, until it hears of another leader.
    LeaseTooLong,
    /// A leader does not notice that its machine was suspended, and trusts its lease.
    SleepUnnoticed,
    /// What a leader counted while it was frozen or cut off is the cluster's time when it leads again.
    FrozenLeadersClock,
    /// A reader's present is ahead of changes that are stamped and not yet applied.
    ReadsAheadOfChanges,
    /// A change that is repeated is made again.
    NoDedupe,
    /// A client repeats a change of unknown outcome as a new one.
    RetryOfUnknown,
    /// Replicas add the wall clock to an entry's stamp.
    WallClockInApply,
    /// Deleting takes the group's revision back.
    RevisionBackOnDelete,
    /// A snapshot has no outcomes of sessions.
    SnapshotWithoutOutcomes,
    /// The next process of a node gets the replica id of the one before.
    ReusedReplicaId,
    /// A group takes changes of slots that it does not own.
    SlotNotChecked,
    /// A command that this build does not know is left out.
    UnknownCommandSkipped,
    /// A majority of the names is enough to form a cluster.
    FormedByMajority,
    /// Changes are acknowledged before they are on disk.
    AcknowledgedBeforeFsync,
    /// Touches are not logged.
    TouchesNotLogged,
    /// A new leader knows only the reads that the one before has logged.
    ReadsForgotten,
    /// A leader is read before its machine knows that it leads.
    ReadsBeforeItBegins,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Mutant; 18] = [
        Mutant::ReadWithoutQuorum,
        Mutant::LeaseTooLong,
        Mutant::SleepUnnoticed,
        Mutant::FrozenLeadersClock,
        Mutant::ReadsAheadOfChanges,
        Mutant::NoDedupe,
        Mutant::RetryOfUnknown,
        Mutant::WallClockInApply,
        Mutant::RevisionBackOnDelete,
        Mutant::SnapshotWithoutOutcomes,
        Mutant::ReusedReplicaId,
        Mutant::SlotNotChecked,
        Mutant::UnknownCommandSkipped,
        Mutant::FormedByMajority,
        Mutant::AcknowledgedBeforeFsync,
        Mutant::TouchesNotLogged,
        Mutant::ReadsForgotten,
        Mutant::ReadsBeforeItBegins,
    ];

    /// What it is chosen by: `read-without-quorum`.
    #[must_use]
    pub fn name(self) -> String {
        let mut name = String::new();
        for letter in format!("{self:?}").chars() {
            if letter.is_ascii_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.push(letter.to_ascii_lowercase());
        }
        name
    }
}

/// Whether this process has the defect.
#[cfg(feature = "mutants")]
#[must_use]
pub fn active(mutant: Mutant) -> bool {
    static CHOSEN: std::sync::OnceLock<Option<Mutant>> = std::sync::OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| {
        let name = std::env::var("HOLDFAST_MUTANT")
            .ok()
            .filter(|name| !name.is_empty())?;
        let known = Mutant::ALL.into_iter().find(|mutant| mutant.name() == name);
        Some(known.unwrap_or_else(|| panic!("HOLDFAST_MUTANT names no mutant: '{name}'")))
    });
    *chosen == Some(mutant)
}

/// Whether this process has the defect: it was built without any.
#[cfg(not(feature = "mutants"))]
#[inline(always)]
#[must_use]
pub const fn active(_: Mutant) -> bool {
    false
}
