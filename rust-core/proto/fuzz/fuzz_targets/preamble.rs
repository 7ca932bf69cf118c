//! The first 8 bytes of a peer.
#![no_main]

use holdfast_proto::session::{NEWEST_VERSION, OLDEST_VERSION, Preamble, agreed_version};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some(bytes) = bytes.first_chunk::<{ Preamble::LENGTH }>() else {
        return;
    };
    let Ok(preamble) = Preamble::decode(*bytes) else {
        return;
    };
    assert_eq!(preamble.encode(), *bytes);
    match agreed_version(preamble) {
        Ok(version) => {
            assert!((OLDEST_VERSION..=NEWEST_VERSION).contains(&version));
            assert!((preamble.oldest..=preamble.newest).contains(&version));
        }
        Err(sentence) => assert!(sentence.contains("update")),
    }
});
