//! The one table of settings.

use holdfast_proto::Error;
pub use holdfast_proto::LEAST_MEMORY;

use super::value;

/// What a setting is a setting of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The node that runs in the process; openers who contradict each other get `NodeConflict`.
    Node,
    /// The store; openers who contradict what it was made with get `StoreConflict`.
    Store,
    /// The opener's own client.
    Client,
}

/// What a setting's text looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `64MiB`, `1GB`, `1048576`.
    Bytes {
        /// Smallest accepted.
        least: u64,
        /// Largest accepted.
        most: u64,
    },
    /// `250ms`, `1h 30m`; at least a millisecond.
    Duration {
        /// Longest accepted, in milliseconds.
        most_ms: u64,
        /// Whether `none` is accepted too.
        or_none: bool,
    },
    /// One of these words.
    Enum(&'static [&'static str]),
    /// `on` or `off`; `true` and `false` too, as .NET writes them.
    Bool,
    /// 1 to 128 of the characters `A-Z a-z 0-9 . _ -`.
    Name,
    /// 1 to 128 characters, none a control character.
    Text,
}

/// What holds when a setting is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultValue {
    /// This text.
    Value(&'static str),
    /// Computed, in these words.
    Computed(&'static str),
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// `max-memory`: the name in connection strings, flags and TOML.
    pub name: &'static str,
    /// What it is a setting of.
    pub scope: Scope,
    /// What its text looks like.
    pub kind: Kind,
    /// What holds when it is not given.
    pub default: DefaultValue,
    /// One sentence for people.
    pub doc: &'static str,
}

/// Largest memory budget; far above any machine, and far from overflow in sums.
pub const MOST_MEMORY: u64 = 1 << 50;
/// Longest timeout: what a .NET timer accepts, in whole days.
const MOST_TIMEOUT_MS: u64 = 24 * 24 * 60 * 60 * 1000;
const TIMEOUT: Kind = Kind::Duration {
    most_ms: MOST_TIMEOUT_MS,
    or_none: false,
};

const fn row(
    name: &'static str,
    scope: Scope,
    kind: Kind,
    default: DefaultValue,
    doc: &'static str,
) -> Setting {
    Setting {
        name,
        scope,
        kind,
        default,
        doc,
    }
}

/// Every setting there is.
pub const TABLE: &[Setting] = &[
    row(
        "node",
        Scope::Node,
        Kind::Name,
        DefaultValue::Computed("the node that the whole process shares"),
        "An isolated embedded node of this name, which ends with its last client.",
    ),
    row(
        "clock",
        Scope::Node,
        Kind::Enum(&["system", "manual"]),
        DefaultValue::Value("system"),
        "Where the node's time comes from: the system, or a test that advances it.",
    ),
    row(
        "memory-limit",
        Scope::Node,
        Kind::Bytes {
            least: LEAST_MEMORY,
            most: MOST_MEMORY,
        },
        DefaultValue::Computed("half of the smaller of physical memory and the cgroup's limit"),
        "What the node may use for all its stores.",
    ),
    row(
        "class",
        Scope::Store,
        Kind::Enum(&["coordination", "cache"]),
        DefaultValue::Computed("the client's default-class"),
        "Ordered keys and no eviction, or hashed keys within a memory budget.",
    ),
    row(
        "max-memory",
        Scope::Store,
        Kind::Bytes {
            least: LEAST_MEMORY,
            most: MOST_MEMORY,
        },
        DefaultValue::Computed(
            "cache: the smaller of 256MiB and a tenth of the memory there is; coordination: memory-limit",
        ),
        "Budget of the store: keys, values and overhead. At least 16 times max-value.",
    ),
    row(
        "eviction",
        Scope::Store,
        Kind::Enum(&["s3-fifo", "none"]),
        DefaultValue::Computed("s3-fifo for cache stores, none for coordination stores"),
        "How a full cache store makes room; with none it refuses instead.",
    ),
    row(
        "default-ttl",
        Scope::Store,
        Kind::Duration {
            most_ms: holdfast_state::MAX_TTL_MS,
            or_none: true,
        },
        DefaultValue::Value("none"),
        "Time to live of entries that are put without any expiry.",
    ),
    row(
        "max-value",
        Scope::Store,
        Kind::Bytes {
            least: 1,
            most: holdfast_state::MAX_VALUE as u64,
        },
        DefaultValue::Computed("the smaller of 16MiB and a sixteenth of max-memory"),
        "Largest value that the store accepts.",
    ),
    row(
        "hash-tags",
        Scope::Store,
        Kind::Bool,
        DefaultValue::Value("off"),
        "Keys of a cache store with the same part in braces, {user:1}:cart, lie in the same slot.",
    ),
    row(
        "default-class",
        Scope::Client,
        Kind::Enum(&["coordination", "cache"]),
        DefaultValue::Value("coordination"),
        "Class of a store that this client makes when neither its opener nor the store itself says one.",
    ),
    row(
        "auto-create-stores",
        Scope::Client,
        Kind::Bool,
        DefaultValue::Value("on"),
        "Whether a store that does not exist is made when it is opened.",
    ),
    row(
        "connect-timeout",
        Scope::Client,
        TIMEOUT,
        DefaultValue::Value("10s"),
        "How long connecting may take.",
    ),
    row(
        "timeout",
        Scope::Client,
        TIMEOUT,
        DefaultValue::Value("5s"),
        "How long a call may take that does not say so itself.",
    ),
    row(
        "client-name",
        Scope::Client,
        Kind::Text,
        DefaultValue::Computed("none"),
        "Names the client in logs and on servers.",
    ),
];

impl Setting {
    /// The row of this name, spelled exactly so.
    pub fn find(name: &str) -> Option<&'static Setting> {
        TABLE.iter().find(|setting| setting.name == name)
    }

    /// `MaxMemory`: the name in C# options and JSON.
    pub fn pascal_case(&self) -> String {
        pascal_case(self.name)
    }

    /// `HOLDFAST_MAX_MEMORY`: the name in the environment.
    pub fn environment_name(&self) -> String {
        format!("HOLDFAST_{}", self.name.replace('-', "_").to_ascii_uppercase())
    }

    /// `--max-memory`: the name on a command line.
    pub fn flag(&self) -> String {
        format!("--{}", self.name)
    }

    /// Whether the setting accepts this text, by its kind alone.
    pub fn check(&self, text: &str) -> Result<(), Error> {
        value::check(self, text)
    }
}

/// `s3-fifo` becomes `S3Fifo`.
pub(super) fn pascal_case(kebab: &str) -> String {
    let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    kebab.split('-').map(capital).collect()
}

/// The message about a name that is not in the table: the nearest one when there is one, otherwise all of them.
pub(crate) fn unknown_name(name: &str) -> String {
    let shown = super::shown_name(name);
    // Compared without case and separators, so that the other spellings (`MaxMemory`, `HOLDFAST_MAX_MEMORY`) are near.
    let folded = |text: &str| -> String {
        let text = text.to_ascii_lowercase();
        let text = text.trim_start_matches("--").trim_start_matches("holdfast_");
        text.chars()
            .filter(|c| !matches!(c, '-' | '_'))
            .take(64)
            .collect()
    };
    let given = folded(name);
    let nearest = TABLE
        .iter()
        .map(|setting| {
            (
                strsim::damerau_levenshtein(&given, &folded(setting.name)),
                setting.name,
            )
        })
        .min()
        .filter(|(distance, nearest)| *distance <= nearest.len() / 3);
    match nearest {
        Some((_, nearest)) => format!("unknown setting '{shown}': did you mean '{nearest}'?"),
        None => {
            let names: Vec<&str> = TABLE.iter().map(|setting| setting.name).collect();
            format!("unknown setting '{shown}': the settings are {}", names.join(", "))
        }
    }
}
