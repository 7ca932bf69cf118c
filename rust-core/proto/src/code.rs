//! The one error table. C#'s `HoldfastErrorCode` has the same names and numbers; a test there compares them with
//! [`Code::all`] across the ABI.

use std::fmt;

/// What a failed request may have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Outcome {
    /// Nothing was changed.
    NotApplied = 0,
    /// The change may or may not have been applied: whoever must know reads the entry again.
    Unknown = 1,
}

// One row for each code: name, number, whether a retry may help, what a failed change has done, one line of docs.
macro_rules! codes {
    ($($name:ident = $number:literal, $transience:ident, $outcome:ident, $doc:literal;)+) => {
        /// Why a request failed. A number is never reused and never changes its meaning; the gaps are for later codes
        /// of the same group (1.. the caller's arguments, 20.. the state refused, 50.. the request's way, 70.. C# alone).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u32)]
        pub enum Code {
            $(#[doc = $doc] $name = $number,)+
        }

        const ALL: &[Code] = &[$(Code::$name),+];

        impl Code {
            /// The name, the same in C#'s `HoldfastErrorCode`.
            pub const fn name(self) -> &'static str {
                match self { $(Code::$name => stringify!($name),)+ }
            }

            /// One sentence for people.
            pub const fn doc(self) -> &'static str {
                match self { $(Code::$name => $doc,)+ }
            }

            /// True if the same request may succeed later without anyone having changed anything.
            pub const fn is_transient(self) -> bool {
                match self { $(Code::$name => codes!(@is_transient $transience),)+ }
            }

            /// What the failed request has done, unless the one who raises the error knows better.
            pub const fn default_outcome(self) -> Outcome {
                match self { $(Code::$name => Outcome::$outcome,)+ }
            }

            /// The code with this number, if this version knows it.
            pub const fn from_number(number: u32) -> Option<Code> {
                match number { $($number => Some(Code::$name),)+ _ => None }
            }
        }
    };
    (@is_transient Transient) => { true };
    (@is_transient Lasting) => { false };
}

codes! {
    InvalidArgument = 1, Lasting, NotApplied, "An argument is outside what the operation accepts.";
    InvalidKey = 2, Lasting, NotApplied, "The key is empty.";
    KeyTooLarge = 3, Lasting, NotApplied, "The key is longer than a key may be.";
    ValueTooLarge = 4, Lasting, NotApplied, "The value is larger than the store accepts.";
    BatchTooLarge = 5, Lasting, NotApplied, "The batch is larger than one request may be.";
    InvalidTtl = 6, Lasting, NotApplied, "The time to live is not between one millisecond and 100 years.";
    InvalidConnectionString = 7, Lasting, NotApplied, "A part of the connection string is malformed.";
    InvalidSetting = 8, Lasting, NotApplied, "A setting is unknown or has a value that it does not accept.";
    Unsupported = 9, Lasting, NotApplied, "This version or topology cannot do what was asked.";

    VersionMismatch = 20, Lasting, NotApplied, "The entry's version is not the expected one.";
    AlreadyExists = 21, Lasting, NotApplied, "The key has an entry already.";
    NotFound = 22, Lasting, NotApplied, "The key has no entry.";
    NotANumber = 23, Lasting, NotApplied, "The value is not the decimal text of a 64-bit integer.";
    CounterOutOfBounds = 24, Lasting, NotApplied, "The counter would leave its bounds or 64 bits.";
    StoreNotFound = 25, Lasting, NotApplied, "The store does not exist and may not be made on first use.";
    StoreConflict = 26, Lasting, NotApplied, "The store exists with settings that contradict the given ones.";
    NodeConflict = 27, Lasting, NotApplied, "The node runs with settings that contradict the given ones.";
    StoreFull = 28, Lasting, NotApplied, "The store's memory budget is used up and the store does not evict.";
    StoreNotReady = 29, Transient, NotApplied, "The store is being made and cannot be used yet.";
    ClockNotManual = 30, Lasting, NotApplied, "The node's clock is not a manual one and cannot be advanced.";
    InvalidCursor = 31, Lasting, NotApplied, "The position to resume a scan from is not one of this scan.";
    ResourceExhausted = 32, Transient, NotApplied, "A bounded queue or table is full.";
    WrongSlot = 33, Transient, NotApplied, "The key's slot is owned by another group.";
    SessionExpired = 34, Lasting, NotApplied, "The session is unknown or has expired.";
    Compacted = 35, Lasting, NotApplied, "The history from the asked revision on is gone.";
    CrossGroup = 36, Lasting, NotApplied, "The keys of one transaction belong to different groups.";
    NodeNotFound = 37, Lasting, NotApplied, "The cluster has no such node.";
    GroupNotFound = 38, Lasting, NotApplied, "The cluster has no such group, or the node has no vote in it.";
    NodeInUse = 39, Lasting, NotApplied, "The node is up, or the only one: it is not removed unless that is insisted on.";

    Unavailable = 50, Transient, NotApplied, "Nobody could serve the request.";
    Timeout = 51, Transient, Unknown, "The request's time ran out.";
    Cancelled = 52, Lasting, Unknown, "The caller cancelled the request.";
    Closed = 53, Lasting, NotApplied, "The client is closed.";
    Internal = 54, Lasting, Unknown, "Holdfast has a defect: the group or client that met it is out of service.";
    Unauthenticated = 55, Lasting, NotApplied, "The server does not accept the client's credential.";
    StorageFailed = 56, Lasting, Unknown, "The data directory cannot be read or written: stores that are kept there take no changes.";

    NativeLibrary = 70, Lasting, NotApplied, "The native library is missing or is not the one of this package.";
    SerializerNotFound = 71, Lasting, NotApplied, "No serializer is known for the value's type.";
    Serialization = 72, Lasting, NotApplied, "The serializer could not write or read the value.";
}

impl Code {
    /// The number, the same on the wire, in the ABI and in C#.
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// Every code, by ascending number.
    pub const fn all() -> &'static [Code] {
        ALL
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_listed_once_by_ascending_number() {
        assert!(
            Code::all()
                .windows(2)
                .all(|pair| pair[0].number() < pair[1].number())
        );
        let known = (0..1_000)
            .filter(|&number| Code::from_number(number).is_some())
            .count();
        assert_eq!(known, Code::all().len());
    }

    #[test]
    fn every_code_is_found_by_its_number_and_has_its_own_name_and_docs() {
        let mut names = std::collections::BTreeSet::new();
        let mut docs = std::collections::BTreeSet::new();
        for &code in Code::all() {
            assert_eq!(Code::from_number(code.number()), Some(code));
            assert_eq!(code.name(), format!("{code:?}"));
            assert!(names.insert(code.name()), "{code} has the name of another code");
            assert!(docs.insert(code.doc()), "{code} has the docs of another code");
            assert!(
                code.doc().ends_with('.') && !code.doc().contains('\n'),
                "{code}'s docs are one sentence"
            );
        }
    }

    #[test]
    fn zero_is_no_code_so_that_it_can_mean_success() {
        assert_eq!(Code::from_number(0), None);
    }

    // Written out a second time on purpose: a number that changed would be a silent break of the wire and of C#.
    #[test]
    fn numbers_names_transience_and_outcomes_are_the_published_ones() {
        let table: Vec<String> = Code::all()
            .iter()
            .map(|code| {
                let transient = if code.is_transient() { " transient" } else { "" };
                let unknown = if code.default_outcome() == Outcome::Unknown {
                    " unknown"
                } else {
                    ""
                };
                format!("{} {}{transient}{unknown}", code.number(), code.name())
            })
            .collect();
        let published = "1 InvalidArgument|2 InvalidKey|3 KeyTooLarge|4 ValueTooLarge|5 BatchTooLarge|6 InvalidTtl|\
            7 InvalidConnectionString|8 InvalidSetting|9 Unsupported|20 VersionMismatch|21 AlreadyExists|22 NotFound|\
            23 NotANumber|24 CounterOutOfBounds|25 StoreNotFound|26 StoreConflict|27 NodeConflict|28 StoreFull|\
            29 StoreNotReady transient|30 ClockNotManual|31 InvalidCursor|32 ResourceExhausted transient|\
            33 WrongSlot transient|34 SessionExpired|35 Compacted|36 CrossGroup|37 NodeNotFound|38 GroupNotFound|39 NodeInUse|50 Unavailable transient|\
            51 Timeout transient unknown|52 Cancelled unknown|53 Closed|54 Internal unknown|55 Unauthenticated|56 StorageFailed unknown|70 NativeLibrary|\
            71 SerializerNotFound|72 Serialization";
        assert_eq!(table.join("|"), published);
    }
}
