//! The views of a machine that somebody has.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

/// Views of one machine at once; one more gives the oldest up.
pub(crate) const MOST_VIEWS: usize = 8;

/// One open view, as the parts of the machine know it.
#[derive(Debug)]
pub(crate) struct OpenView {
    number: u64,
    /// Bytes that are held for the view, at most.
    bytes: AtomicU64,
    given_up: AtomicBool,
    /// Never given up.
    is_lasting: bool,
    /// Entries looked at under one hold of a lock: each is one that memory has to fetch.
    pub(crate) looks: usize,
}

impl OpenView {
    pub(crate) fn is(&self, other: &OpenView) -> bool {
        self.number == other.number
    }

    pub(crate) fn hold(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn release(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Its parts may be gone then.
    pub(crate) fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Acquire)
    }
}

/// All open views of one machine.
#[derive(Debug, Default)]
pub(crate) struct OpenViews {
    /// Oldest first.
    open: Mutex<Vec<Arc<OpenView>>>,
    last: AtomicU64,
}

impl OpenViews {
    /// A new one; gives the oldest up when there are too many.
    pub(crate) fn open(&self, is_lasting: bool, looks: usize) -> Arc<OpenView> {
        let view = Arc::new(OpenView {
            number: self.last.fetch_add(1, Ordering::Relaxed),
            bytes: AtomicU64::new(0),
            given_up: AtomicBool::new(false),
            is_lasting,
            looks,
        });
        let mut open = self.open.lock();
        let too_many = open.iter().filter(|view| !view.is_lasting).count() >= MOST_VIEWS;
        if too_many
            && !is_lasting
            && let Some(oldest) = open.iter().position(|view| !view.is_lasting)
        {
            open.remove(oldest).given_up.store(true, Ordering::Release);
        }
        open.push(Arc::clone(&view));
        view
    }

    pub(crate) fn close(&self, view: &OpenView) {
        self.open.lock().retain(|open| !open.is(view));
    }

    /// Bytes held for all of them, at most.
    pub(crate) fn bytes(&self) -> u64 {
        self.open.lock().iter().map(|view| view.bytes()).sum()
    }
}
