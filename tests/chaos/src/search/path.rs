//! The search itself: depth first, with a memory of what led nowhere.

use std::collections::HashSet;

use super::Verdict;
use super::events::{Event, Events};
use super::model::{State, Step, apply};
use super::order::Order;

/// Of an attempt that failed, for people.
const SHOWN: usize = 12;

/// Which events are placed, and the key after them.
type Tried = HashSet<(Box<[u64]>, State)>;

/// A choice, and what came with it at no choice.
struct Fork {
    /// Looks that fitted: to place them at once excludes nothing, for they change nothing.
    looked: Vec<u32>,
    candidates: Vec<(u32, State)>,
    next: usize,
    chosen: Option<u32>,
}

/// How far the best attempt came.
#[derive(Default)]
struct Deepest {
    placed: usize,
    state: State,
    last: Vec<u32>,
    waiting: Vec<u32>,
}

pub(super) struct Path<'a> {
    events: &'a Events,
    order: Order,
    placed: Vec<u32>,
    is_placed: Box<[u64]>,
    /// Events with an end that are not placed.
    left: usize,
    deepest: Deepest,
}

impl<'a> Path<'a> {
    pub(super) fn new(events: &'a Events) -> Path<'a> {
        Path {
            events,
            order: Order::of(&events.all),
            placed: Vec::new(),
            is_placed: vec![0; events.all.len().div_ceil(64)].into(),
            left: events.all.iter().filter(|event| event.end_ns.is_some()).count(),
            deepest: Deepest::default(),
        }
    }

    pub(super) fn search(mut self, most_steps: u64) -> Verdict {
        let mut tried = Tried::new();
        let mut forks: Vec<Fork> = Vec::new();
        let mut state = None;
        let mut steps = 0;
        loop {
            let looked = self.look(state);
            if self.left == 0 {
                return Verdict::Linearizable { steps };
            }
            self.note_depth(state);
            let candidates = if tried.insert((self.is_placed.clone(), state)) {
                self.candidates(state)
            } else {
                Vec::new()
            };
            forks.push(Fork {
                looked,
                candidates,
                next: 0,
                chosen: None,
            });
            match self.advance(&mut forks) {
                Some(next) => state = next,
                None => return Verdict::Illegal { text: self.explain() },
            }
            steps += 1;
            if steps > most_steps {
                return Verdict::GaveUp {
                    text: format!("no verdict after {most_steps} placements; {}", self.explain()),
                };
            }
        }
    }

    /// The next choice, of the newest fork that has one left.
    fn advance(&mut self, forks: &mut Vec<Fork>) -> Option<State> {
        loop {
            let fork = forks.last_mut()?;
            if let Some(chosen) = fork.chosen.take() {
                self.take_back(chosen);
            }
            if let Some(&(event, state)) = fork.candidates.get(fork.next) {
                fork.next += 1;
                fork.chosen = Some(event);
                self.place(event);
                return Some(state);
            }
            let fork = forks.pop()?;
            for &event in fork.looked.iter().rev() {
                self.take_back(event);
            }
        }
    }

    /// Places what fits and changes nothing.
    fn look(&mut self, state: State) -> Vec<u32> {
        let mut looked = Vec::new();
        loop {
            let fitting = self.order.candidates().find(|&event| self.is_free(event, state));
            let Some(event) = fitting else {
                return looked;
            };
            self.place(event);
            looked.push(event);
        }
    }

    fn is_free(&self, number: u32, state: State) -> bool {
        let event = self.event(number);
        let changes_nothing = || apply(state, &event.step, number, &self.events.taken) == Some(state);
        match event.step {
            // Once its entry is gone, the deadline will never matter again.
            Step::Expire { set_by } => event.end_ns.is_some() && self.has_placed(set_by) && changes_nothing(),
            ref step => step.only_looks() && changes_nothing(),
        }
    }

    fn candidates(&self, state: State) -> Vec<(u32, State)> {
        let mut candidates: Vec<(u32, State)> = self
            .order
            .candidates()
            .filter_map(|number| {
                let event = self.event(number);
                let after = apply(state, &event.step, number, &self.events.taken)?;
                // What need not happen would be placed for nothing.
                let useless = event.end_ns.is_none() && after == state;
                let too_early = match event.step {
                    Step::Expire { set_by } => !self.has_placed(set_by),
                    _ => event.after.is_some_and(|before| !self.has_placed(before)),
                };
                (!useless && !too_early).then_some((number, after))
            })
            .collect();
        candidates.sort_by_key(|&(number, _)| self.event(number).hint);
        candidates
    }

    fn event(&self, number: u32) -> &'a Event {
        &self.events.all[number as usize]
    }

    fn has_placed(&self, number: u32) -> bool {
        self.is_placed[number as usize / 64] >> (number % 64) & 1 == 1
    }

    fn place(&mut self, number: u32) {
        self.order.take(number);
        self.placed.push(number);
        self.is_placed[number as usize / 64] |= 1 << (number % 64);
        self.left -= usize::from(self.event(number).end_ns.is_some());
    }

    fn take_back(&mut self, number: u32) {
        self.order.put_back(number);
        self.placed.pop();
        self.is_placed[number as usize / 64] &= !(1 << (number % 64));
        self.left += usize::from(self.event(number).end_ns.is_some());
    }

    fn note_depth(&mut self, state: State) {
        if self.placed.len() < self.deepest.placed {
            return;
        }
        self.deepest = Deepest {
            placed: self.placed.len(),
            state,
            last: self.placed[self.placed.len().saturating_sub(SHOWN)..].to_vec(),
            waiting: self.order.candidates().collect(),
        };
    }

    fn explain(&self) -> String {
        let line = |&number: &u32| format!("\n    {}", self.event(number).text);
        let last: String = self.deepest.last.iter().map(line).collect();
        let waiting: String = self.deepest.waiting.iter().map(line).collect();
        format!(
            "of {} events the best attempt placed {}, the last ones:{last}\n  then the key is {:?}, and none of these can \
             come next:{waiting}",
            self.events.all.len(),
            self.deepest.placed,
            self.deepest.state
        )
    }
}
