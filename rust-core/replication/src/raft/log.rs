//! Where a group's log is kept.

mod gauge;
mod memory;
mod tail;

#[cfg(feature = "disk")]
pub(crate) mod codec;
#[cfg(feature = "disk")]
pub(crate) mod disk;
#[cfg(feature = "disk")]
mod durable;
#[cfg(feature = "disk")]
mod engine_disk;

pub(crate) use gauge::LogGauge;
pub(crate) use memory::MemoryLog;
