//! Which sessions of a group nobody uses any more, as its leader sees it.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// How many times within a session's lifetime they are looked at.
const LOOKS: u32 = 10;

/// Sessions that were not in use when they were last looked at.
#[derive(Debug, Default)]
pub(crate) struct IdleSessions {
    /// What each had done by then, and since when nothing more.
    seen: BTreeMap<u128, (u64, Instant)>,
    next: Option<Instant>,
}

impl IdleSessions {
    /// Whether it is time to look again.
    pub(crate) fn is_time(&mut self, now: Instant, lifetime: Duration) -> bool {
        let due = self.next.is_none_or(|next| next <= now);
        if due {
            self.next = Some(now + lifetime / LOOKS);
        }
        due
    }

    /// Those that have done nothing for a lifetime, of these that are not in use: each with a number that grows when it
    /// does something.
    pub(crate) fn look(&mut self, now: Instant, marks: &[(u128, u64)], lifetime: Duration) -> Vec<u128> {
        let seen = std::mem::take(&mut self.seen);
        for (session, mark) in marks {
            let since = match seen.get(session) {
                Some((before, since)) if before == mark => *since,
                _ => now,
            };
            self.seen.insert(*session, (*mark, since));
        }
        let is_over = |(_, (_, since)): &(&u128, &(u64, Instant))| now - *since >= lifetime;
        self.seen
            .iter()
            .filter(is_over)
            .map(|(session, _)| *session)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: Duration = Duration::from_secs(100);

    #[test]
    fn a_session_that_does_nothing_for_its_lifetime_ends_and_one_that_does_or_comes_back_stays() {
        let mut idle = IdleSessions::default();
        let start = Instant::now();
        assert!(idle.is_time(start, LIFETIME) && !idle.is_time(start, LIFETIME));
        assert!(idle.look(start, &[(1, 5), (2, 7), (3, 0)], LIFETIME).is_empty());
        let later = start + LIFETIME / 2;
        assert!(idle.is_time(later, LIFETIME));
        // 2 has changed something; 3 is connected again, and so not asked about.
        assert!(idle.look(later, &[(1, 5), (2, 8)], LIFETIME).is_empty());
        let later = start + LIFETIME;
        assert_eq!(idle.look(later, &[(1, 5), (2, 8), (3, 0)], LIFETIME), [1]);
        let later = start + LIFETIME * 3 / 2;
        assert_eq!(idle.look(later, &[(2, 8), (3, 0)], LIFETIME), [2]);
    }
}
