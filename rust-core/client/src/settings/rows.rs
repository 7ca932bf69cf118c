//! The rows of the one table of settings.

use super::table::{DefaultValue, Kind, LEAST_MEMORY, Scope, Setting};

/// Largest memory budget; far above any machine, and far from overflow in sums.
pub const MOST_MEMORY: u64 = 1 << 50;
/// Longest timeout: what a .NET timer accepts, in whole days.
const MOST_TIMEOUT_MS: u64 = 24 * 24 * 60 * 60 * 1000;
const TIMEOUT: Kind = Kind::Duration {
    most_ms: MOST_TIMEOUT_MS,
    or_none: false,
};

const REQUEST_MEMORY: Kind = Kind::Bytes {
    least: 1 << 20,
    most: MOST_MEMORY,
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
        "data",
        Scope::Node,
        Kind::Path,
        DefaultValue::Computed("none: everything is in memory"),
        "Directory that coordination stores are kept in: a change is answered when it is on disk. Cache stores stay in memory.",
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
        "read-consistency",
        Scope::Client,
        Kind::Freshness,
        DefaultValue::Value("linearizable"),
        "How fresh reads are that do not say so themselves: linearizable, at most so old, or whatever a replica has.",
    ),
    row(
        "client-name",
        Scope::Client,
        Kind::Text,
        DefaultValue::Computed("none"),
        "Names the client in logs and on servers.",
    ),
    row(
        "tls-ca",
        Scope::Client,
        Kind::Path,
        DefaultValue::Computed("the system's authorities"),
        "PEM file of the authorities that a server's certificate must come from. Needs holdfasts://.",
    ),
    row(
        "tls-certificate",
        Scope::Client,
        Kind::Path,
        DefaultValue::Computed("none"),
        "PEM file of the certificate, and its chain, that this side shows the other.",
    ),
    row(
        "tls-key",
        Scope::Client,
        Kind::Path,
        DefaultValue::Computed("none"),
        "PEM file of the private key of tls-certificate.",
    ),
    row(
        "tls-server-name",
        Scope::Client,
        Kind::Name,
        DefaultValue::Computed("the endpoint's host"),
        "Name that a server's certificate must be for. Needs holdfasts://.",
    ),
    row(
        "token",
        Scope::Client,
        Kind::Secret,
        DefaultValue::Computed("none"),
        "Secret that servers ask of their clients; never shown.",
    ),
    row(
        "listen",
        Scope::Server,
        Kind::Address { or_off: false },
        DefaultValue::Value("127.0.0.1:7861"),
        "Where sessions and gRPC are served.",
    ),
    row(
        "http",
        Scope::Server,
        Kind::Address { or_off: true },
        DefaultValue::Value("127.0.0.1:7862"),
        "Where health, readiness and metrics are served.",
    ),
    row(
        "join",
        Scope::Server,
        Kind::Addresses,
        DefaultValue::Computed("none"),
        "The nodes that form the cluster, this one among them, as they reach each other; the same for each.",
    ),
    row(
        "advertise",
        Scope::Server,
        Kind::Addresses,
        DefaultValue::Computed("the address of listen"),
        "This node's own address in join, where the other nodes and clients reach it.",
    ),
    row(
        "data-dir",
        Scope::Server,
        Kind::Path,
        DefaultValue::Computed("none: everything is in memory"),
        "Directory of this node's own that coordination stores are kept in, at all nodes of a cluster or at none; cache stores stay in memory.",
    ),
    row(
        "zone",
        Scope::Server,
        Kind::Name,
        DefaultValue::Computed("none"),
        "Nodes of one zone may fail together.",
    ),
    row(
        "cluster-secret",
        Scope::Server,
        Kind::Secret,
        DefaultValue::Computed("the token"),
        "Secret that the nodes of a cluster show each other; never shown.",
    ),
    row(
        "cluster-secret-file",
        Scope::Server,
        Kind::Path,
        DefaultValue::Computed("none"),
        "File that holds the cluster-secret, readable for its owner alone; instead of cluster-secret.",
    ),
    row(
        "cluster-timing",
        Scope::Server,
        Kind::Enum(&["default", "wide", "fast"]),
        DefaultValue::Value("default"),
        "Heartbeats and elections: default for a local network, wide for slow ones, fast for quiet machines.",
    ),
    row(
        "insecure",
        Scope::Server,
        Kind::Bool,
        DefaultValue::Value("off"),
        "Listen beyond the loopback addresses without TLS.",
    ),
    row(
        "tls-client-ca",
        Scope::Server,
        Kind::Path,
        DefaultValue::Computed("none"),
        "PEM file of the authorities that a client's certificate, which is then required, must come from.",
    ),
    row(
        "threads",
        Scope::Server,
        Kind::Number { least: 1, most: 1024 },
        DefaultValue::Computed("one a processor"),
        "Threads that serve; fewer where several nodes share the processors.",
    ),
    row(
        "max-connections",
        Scope::Server,
        Kind::Number {
            least: 1,
            most: 1_000_000,
        },
        DefaultValue::Value("10000"),
        "Most connections at once.",
    ),
    row(
        "connection-memory",
        Scope::Server,
        REQUEST_MEMORY,
        DefaultValue::Value("64MiB"),
        "Requests and replies that one connection may have in flight.",
    ),
    row(
        "request-memory",
        Scope::Server,
        REQUEST_MEMORY,
        DefaultValue::Computed("a quarter of memory-limit, at least 64MiB, at most 1GiB"),
        "Requests and replies that all connections together may have in flight.",
    ),
    row(
        "slow-reader-timeout",
        Scope::Server,
        TIMEOUT,
        DefaultValue::Value("10s"),
        "A connection to which nothing could be written for so long is cut.",
    ),
    row(
        "idle-timeout",
        Scope::Server,
        TIMEOUT,
        DefaultValue::Value("15s"),
        "Clients ping before this; a connection that is silent for twice as long is closed.",
    ),
    row(
        "stop-timeout",
        Scope::Server,
        TIMEOUT,
        DefaultValue::Value("5s"),
        "How long a node that stops waits for its clients to go.",
    ),
    row(
        "log-level",
        Scope::Server,
        Kind::Enum(&["error", "warn", "info", "debug", "trace"]),
        DefaultValue::Value("info"),
        "What is logged: this and worse.",
    ),
    row(
        "log-format",
        Scope::Server,
        Kind::Enum(&["text", "json"]),
        DefaultValue::Value("text"),
        "Log lines for people or for programs.",
    ),
];
