//! How much memory this process may use, as the system tells: what default budgets are computed from.

use std::fs;

/// What the machine and the process's control group allow, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryFacts {
    /// The machine's memory.
    pub physical: u64,
    /// The control group's limit, where there is one below the machine's memory.
    pub cgroup: Option<u64>,
}

/// What is taken for the machine's memory where the system does not tell.
const UNKNOWN_PHYSICAL: u64 = 4 << 30;

impl MemoryFacts {
    /// Asks the system.
    #[must_use]
    pub fn read() -> Self {
        let physical = fs::read_to_string("/proc/meminfo")
            .ok()
            .and_then(|text| parse_meminfo(&text))
            .unwrap_or(UNKNOWN_PHYSICAL);
        let cgroup = cgroup_limits()
            .into_iter()
            .min()
            .filter(|&limit| limit < physical);
        Self { physical, cgroup }
    }

    /// The smaller of both.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.cgroup
            .map_or(self.physical, |cgroup| cgroup.min(self.physical))
    }
}

/// `MemTotal:       24567890 kB`
fn parse_meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// The limits of this process's group and of every group above it (v2), or the memory controller's (v1).
fn cgroup_limits() -> Vec<u64> {
    let Ok(groups) = fs::read_to_string("/proc/self/cgroup") else {
        return Vec::new();
    };
    let mut limits = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
            continue;
        };
        let (mount, file) = if controllers.is_empty() {
            ("/sys/fs/cgroup", "memory.max")
        } else if controllers.split(',').any(|controller| controller == "memory") {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        } else {
            continue;
        };
        let mut path = path.trim_matches('/');
        loop {
            let folder = if path.is_empty() {
                mount.to_owned()
            } else {
                format!("{mount}/{path}")
            };
            let limit = fs::read_to_string(format!("{folder}/{file}")).ok();
            // "max" (v2) is no number, "no limit" in v1 is a huge one that the caller filters.
            limits.extend(limit.and_then(|text| text.trim().parse::<u64>().ok()));
            let Some(parent) = path.rfind('/') else {
                if path.is_empty() {
                    break;
                }
                path = "";
                continue;
            };
            path = &path[..parent];
        }
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meminfo_is_read_in_kibibytes() {
        assert_eq!(
            parse_meminfo("MemTotal:       24567890 kB\nMemFree: 1 kB\n"),
            Some(24_567_890 * 1024)
        );
        assert_eq!(parse_meminfo("MemFree: 1 kB\n"), None);
    }

    #[test]
    fn the_limit_is_the_smaller_of_machine_and_control_group() {
        assert_eq!(
            MemoryFacts {
                physical: 8,
                cgroup: Some(2)
            }
            .limit(),
            2
        );
        assert_eq!(
            MemoryFacts {
                physical: 8,
                cgroup: None
            }
            .limit(),
            8
        );
        assert!(MemoryFacts::read().limit() > 0);
    }
}
