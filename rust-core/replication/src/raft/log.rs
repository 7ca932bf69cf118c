//! Where a group's log is kept.

mod gauge;
mod memory;
mod tail;

#[cfg(feature = "disk")]
pub(crate) mod codec;
#[cfg(feature = "disk")]
pub(crate) mod durable;

pub(crate) use gauge::LogGauge;
pub(crate) use memory::MemoryLog;

#[cfg(test)]
mod tests;
