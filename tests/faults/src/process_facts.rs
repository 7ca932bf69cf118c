//! What the operating system says about a process.

use std::fs;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// A process, looked at from outside (`/proc`).
#[derive(Clone, Copy, Debug)]
pub struct ProcessFacts {
    id: u32,
}

impl ProcessFacts {
    /// Of the process of this id.
    #[must_use]
    pub fn of(id: u32) -> ProcessFacts {
        ProcessFacts { id }
    }

    /// Bytes of memory that it has now.
    #[must_use]
    pub fn resident(self) -> u64 {
        self.status_kib("VmRSS:") << 10
    }

    /// The most bytes of memory that it had since [`ProcessFacts::forget_peak`], or ever.
    #[must_use]
    pub fn peak(self) -> u64 {
        self.status_kib("VmHWM:") << 10
    }

    /// Lets [`ProcessFacts::peak`] begin again.
    pub fn forget_peak(self) {
        // 5 is the reset of the peak, see proc_pid_clear_refs(5).
        fs::write(self.path("clear_refs"), "5").expect("clear_refs of an own child");
    }

    /// Processor time that it has used.
    #[must_use]
    pub fn cpu_time(self) -> Duration {
        let stat = self.read("stat");
        // The second field is the name in parentheses, which may hold anything.
        let (_, fields) = stat.rsplit_once(')').expect("the name ends");
        let ticks: u64 = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(|field| field.parse::<u64>().expect("ticks"))
            .sum();
        Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second()).expect("100")
    }

    /// File descriptors that it has open.
    #[must_use]
    pub fn descriptors(self) -> usize {
        fs::read_dir(self.path("fd")).expect("the process lives").count()
    }

    fn status_kib(self, field: &str) -> u64 {
        let status = self.read("status");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(field))
            .unwrap_or_else(|| panic!("process {} has no {field}: it has ended", self.id));
        let number = line.trim().trim_end_matches(" kB");
        number.parse().expect("a number of KiB")
    }

    fn path(self, file: &str) -> String {
        format!("/proc/{}/{file}", self.id)
    }

    fn read(self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap_or_else(|error| panic!("{}: {error}", self.path(file)))
    }
}

/// Lets this process, and those that it starts, have `least` descriptors; false when the system refuses.
#[must_use]
pub fn raise_descriptor_limit(least: u64) -> bool {
    let limits = getrlimit(Resource::Nofile);
    if limits.current.is_none_or(|current| current >= least) {
        return true;
    }
    let maximum = limits.maximum.map(|maximum| maximum.max(least));
    let raised = Rlimit {
        current: Some(least),
        maximum,
    };
    setrlimit(Resource::Nofile, raised).is_ok()
}
