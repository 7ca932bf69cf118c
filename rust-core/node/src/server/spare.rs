//! Buffers that a thread lends to the connection it is serving, so that an idle connection holds none.

use std::cell::RefCell;

use bytes::BytesMut;

/// Most that is read at once.
const READ: usize = 128 * 1024;
/// Room of a fresh buffer for replies.
const WRITE: usize = 16 * 1024;
/// A smaller buffer is not worth keeping, nor is a larger one.
const KEPT: std::ops::RangeInclusive<usize> = 4 * 1024..=512 * 1024;
/// Buffers that a thread keeps.
const MOST: usize = 4;

#[derive(Default)]
struct Spare {
    reading: Option<Box<[u8]>>,
    writing: Vec<BytesMut>,
}

thread_local! {
    static SPARE: RefCell<Spare> = RefCell::default();
}

/// A buffer to read into, to be given back.
pub(crate) fn take_reading() -> Box<[u8]> {
    SPARE
        .with_borrow_mut(|spare| spare.reading.take())
        .unwrap_or_else(|| vec![0; READ].into_boxed_slice())
}

pub(crate) fn give_reading(buffer: Box<[u8]>) {
    SPARE.with_borrow_mut(|spare| spare.reading = Some(buffer));
}

/// An empty buffer for replies.
pub(crate) fn take_writing() -> BytesMut {
    SPARE
        .with_borrow_mut(|spare| spare.writing.pop())
        .unwrap_or_else(|| BytesMut::with_capacity(WRITE))
}

/// Takes an empty buffer back.
pub(crate) fn give_writing(buffer: BytesMut) {
    debug_assert!(buffer.is_empty());
    if KEPT.contains(&buffer.capacity()) {
        SPARE.with_borrow_mut(|spare| {
            if spare.writing.len() < MOST {
                spare.writing.push(buffer);
            }
        });
    }
}
