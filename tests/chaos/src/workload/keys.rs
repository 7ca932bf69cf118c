//! The keys that a team uses at present. A key is used for a while only: the search's work grows with its operations, and
//! more so with those of unknown outcome.

use super::Team;

/// Most uses of a key. Those that are under way, and the last read, come on top: less than the search takes on.
const MOST_USES: usize = 850;
/// Unknown outcomes of a key after which another is used.
const MOST_UNKNOWN: usize = 8;

/// What is done to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Register,
    Counter,
    /// Its puts have a time to live, most of them.
    Expiring,
}

impl Kind {
    pub(super) const ALL: [Kind; 3] = [Kind::Register, Kind::Counter, Kind::Expiring];
}

struct Current {
    name: String,
    generation: u32,
    uses: usize,
    unknown: usize,
}

/// A key of each kind, and all that there were.
pub(super) struct Keys {
    team: Team,
    current: [Current; Kind::ALL.len()],
    used: Vec<String>,
    /// Of names that were looked at.
    tried: u64,
}

impl Keys {
    pub(super) fn new(team: &Team) -> Keys {
        let none = || Current {
            name: String::new(),
            generation: 0,
            uses: MOST_USES,
            unknown: 0,
        };
        Keys {
            team: team.clone(),
            current: [none(), none(), none()],
            used: Vec::new(),
            tried: 0,
        }
    }

    /// The key of this kind, and whether its entries get a time to live.
    pub(super) fn take(&mut self, kind: Kind) -> (String, bool) {
        let current = &self.current[kind as usize];
        if current.uses >= MOST_USES || current.unknown >= MOST_UNKNOWN {
            self.next(kind);
        }
        let current = &mut self.current[kind as usize];
        current.uses += 1;
        // Every third counter expires too.
        let expires = match kind {
            Kind::Register => false,
            Kind::Counter => current.generation.is_multiple_of(3),
            Kind::Expiring => true,
        };
        (current.name.clone(), expires)
    }

    /// A call of this key has an unknown outcome.
    pub(super) fn unknown(&mut self, kind: Kind, key: &str) {
        let current = &mut self.current[kind as usize];
        current.unknown += usize::from(current.name == key);
    }

    /// Every key there was.
    pub(super) fn used(&self) -> &[String] {
        &self.used
    }

    fn next(&mut self, kind: Kind) {
        let name = loop {
            self.tried += 1;
            let name = format!("{kind:?}.{}", self.tried).to_lowercase();
            if self.team.has(&name) {
                break name;
            }
        };
        self.used.push(name.clone());
        let generation = self.current[kind as usize].generation + 1;
        self.current[kind as usize] = Current {
            name,
            generation,
            uses: 0,
            unknown: 0,
        };
    }
}
