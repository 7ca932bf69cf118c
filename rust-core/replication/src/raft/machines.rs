//! The two machines that groups replicate.

mod data;
mod meta;

pub use data::DataMachine;
pub use meta::MetaGroup;
