//! The system's random numbers and clocks, as the simulating thread gets them.
//!
//! The standard library, tokio and the libraries below the nodes draw seeds of hash tables and generators from the
//! system. In this program these calls come here: the simulating thread gets numbers that follow from its seed, and the
//! simulated time; every other thread gets the system's own.

use std::cell::Cell;

use holdfast_system::simulation::Clock;

thread_local! {
    static STATE: Cell<Option<u64>> = const { Cell::new(None) };
    static NOW_NS: Cell<u64> = const { Cell::new(0) };
}

/// From now on this thread's random numbers follow from `seed`.
pub fn seed(seed: u64) {
    STATE.set(Some(seed));
}

/// From now on it is so late on this thread.
pub fn set_now_ns(now_ns: u64) {
    NOW_NS.set(now_ns);
}

/// The next of this thread's numbers (SplitMix64).
fn next(state: u64) -> (u64, u64) {
    let state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut number = state;
    number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (state, number ^ (number >> 31))
}

/// The C library's `getrandom`.
///
/// # Safety
/// As of `getrandom(2)`: `buffer` has room for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(
    buffer: *mut libc::c_void,
    length: libc::size_t,
    flags: libc::c_uint,
) -> libc::ssize_t {
    let Some(mut state) = STATE.get() else {
        // SAFETY: the caller's promise is that of the system call.
        return unsafe { libc::syscall(libc::SYS_getrandom, buffer, length, flags) as libc::ssize_t };
    };
    // SAFETY: the caller says that there are so many bytes.
    let bytes = unsafe { std::slice::from_raw_parts_mut(buffer.cast::<u8>(), length) };
    for chunk in bytes.chunks_mut(8) {
        let number;
        (state, number) = next(state);
        chunk.copy_from_slice(&number.to_le_bytes()[..chunk.len()]);
    }
    STATE.set(Some(state));
    length as libc::ssize_t
}

/// The C library's `clock_gettime`.
///
/// # Safety
/// As of `clock_gettime(2)`: `time` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: libc::clockid_t, time: *mut libc::timespec) -> libc::c_int {
    if STATE.get().is_none() {
        // SAFETY: the caller's promise is that of the system call.
        return unsafe { libc::syscall(libc::SYS_clock_gettime, clock, time) as libc::c_int };
    }
    let mut now_ns = NOW_NS.get();
    if clock == libc::CLOCK_REALTIME {
        now_ns += Clock::current().map_or(0, |clock| clock.wall.as_nanos() as u64);
    }
    // SAFETY: the caller says that it can be written.
    unsafe {
        (*time).tv_sec = (now_ns / 1_000_000_000) as libc::time_t;
        (*time).tv_nsec = (now_ns % 1_000_000_000) as libc::c_long;
    }
    0
}
