//! The begins and ends of all events in the order of time, as a list that events can be taken out of and put back into.

use super::events::Event;

/// Begin of event e: 2e + 1, its end: 2e + 2; 0 is the list's own.
pub(super) struct Order {
    next: Vec<u32>,
    previous: Vec<u32>,
    has_end: Vec<bool>,
}

/// A place in the list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Begin(u32),
    End,
}

impl Order {
    pub(super) fn of(events: &[Event]) -> Order {
        // At the same moment begins come before ends: the two may have happened in either order.
        let mut places: Vec<(u64, bool, u32)> = Vec::with_capacity(2 * events.len());
        for (number, event) in events.iter().enumerate() {
            let begin = 2 * number as u32 + 1;
            places.push((event.begin_ns, false, begin));
            if let Some(end_ns) = event.end_ns {
                // An expiry's latest moment may be before its earliest only by the clock's grain.
                places.push((end_ns.max(event.begin_ns), true, begin + 1));
            }
        }
        places.sort_unstable();
        let size = 2 * events.len() + 1;
        let mut order = Order {
            next: vec![0; size],
            previous: vec![0; size],
            has_end: events.iter().map(|event| event.end_ns.is_some()).collect(),
        };
        let mut last = 0;
        for (_, _, place) in places {
            order.next[last as usize] = place;
            order.previous[place as usize] = last;
            last = place;
        }
        order.previous[0] = last;
        order
    }

    /// The events that may come next: all that began before the first end.
    pub(super) fn candidates(&self) -> impl Iterator<Item = u32> + '_ {
        let mut at = 0;
        std::iter::from_fn(move || {
            at = self.next[at as usize];
            match place(at)? {
                Place::Begin(event) => Some(event),
                Place::End => None,
            }
        })
    }

    pub(super) fn take(&mut self, event: u32) {
        let begin = 2 * event + 1;
        self.unlink(begin);
        if self.has_end[event as usize] {
            self.unlink(begin + 1);
        }
    }

    /// Undoes the newest `take` that has not been undone.
    pub(super) fn put_back(&mut self, event: u32) {
        let begin = 2 * event + 1;
        if self.has_end[event as usize] {
            self.link(begin + 1);
        }
        self.link(begin);
    }

    fn unlink(&mut self, place: u32) {
        let (previous, next) = (self.previous[place as usize], self.next[place as usize]);
        self.next[previous as usize] = next;
        self.previous[next as usize] = previous;
    }

    fn link(&mut self, place: u32) {
        let (previous, next) = (self.previous[place as usize], self.next[place as usize]);
        self.next[previous as usize] = place;
        self.previous[next as usize] = place;
    }
}

fn place(at: u32) -> Option<Place> {
    let number = at.checked_sub(1)?;
    Some(if number.is_multiple_of(2) {
        Place::Begin(number / 2)
    } else {
        Place::End
    })
}
