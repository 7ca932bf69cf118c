//! A file system of few bytes.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::wait::within;

const LONGEST: std::time::Duration = std::time::Duration::from_secs(20);

/// Where a process that was started through [`SmallDisk::launcher`] finds the file system.
pub const SMALL_DISK: &str = "/mnt";

/// A file system in memory that only processes in its own namespaces see; gone when this is dropped. It needs a system on
/// which any user, or this one, may make namespaces.
pub struct SmallDisk {
    /// Keeps the namespaces, until its input ends.
    holder: Child,
}

impl SmallDisk {
    /// With room for so many bytes, its own bookkeeping among them.
    pub async fn new(bytes: u64) -> SmallDisk {
        let script = "mount -t tmpfs -o size=\"$1\" tmpfs \"$2\" && echo mounted && exec cat";
        let mut holder = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"])
            .args([&bytes.to_string(), SMALL_DISK])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("unshare can be started");
        let mut lines = BufReader::new(holder.stdout.take().expect("it is piped")).lines();
        let line = within(LONGEST, "the small file system", lines.next_line()).await;
        assert_eq!(line.expect("text").as_deref(), Some("mounted"));
        SmallDisk { holder }
    }

    /// The words that a command begins with to see it.
    #[must_use]
    pub fn launcher(&self) -> Vec<String> {
        let holder = self.holder.id().expect("it waits for its input's end");
        let words = ["nsenter", "--target", &holder.to_string(), "--user", "--mount"];
        let words = words.into_iter().chain(["--preserve-credentials", "--"]);
        words.map(str::to_owned).collect()
    }

    /// Gives it more room.
    pub async fn grow_to(&self, bytes: u64) {
        let launcher = self.launcher();
        let options = format!("remount,size={bytes}");
        let status = Command::new(&launcher[0])
            .args(&launcher[1..])
            .args(["mount", "-o", &options, SMALL_DISK])
            .status();
        let status = within(LONGEST, "more room", status)
            .await
            .expect("it can be started");
        assert!(status.success(), "{status}");
    }
}
