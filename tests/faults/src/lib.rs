//! What the fault tests are made of: nodes as processes that can be killed, paused and stopped, a proxy that breaks
//! connections, connections that speak any bytes, and ledgers that say what a counter may be after all of that.
//!
//! What this room promises: a test that ends, in whatever way, leaves no process behind; and whatever a test waits for
//! has a deadline whose passing says what was waited for.

mod echo;
mod journal;
mod ledger;
mod load;
mod node_process;
mod process_facts;
mod proxy;
mod raw_session;
mod small_disk;
mod wait;

pub use echo::echo;
pub use journal::Journal;
pub use ledger::{Ended, Ledger};
pub use load::{Load, LoadOptions};
pub use node_process::{NodeProcess, free_port, with_file_limit};
pub use process_facts::{ProcessFacts, raise_descriptor_limit};
pub use proxy::{Behaviour, Cut, Direction, Proxy};
pub use raw_session::{Heard, RawSession, frame_of, hello};
pub use small_disk::{SMALL_DISK, SmallDisk};
pub use wait::{eventually, within};
