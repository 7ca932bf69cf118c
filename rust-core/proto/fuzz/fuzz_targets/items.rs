//! Items of a request or reply of many. The first byte says of which.
#![no_main]

use holdfast_proto::session::{Item, ItemReader, ReplyHeader, RequestHeader, push_item};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match bytes.split_first() {
        Some((0, payload)) => read::<RequestHeader>(payload),
        Some((_, payload)) => read::<ReplyHeader>(payload),
        None => {}
    }
});

fn read<H: Item + PartialEq>(payload: &[u8]) {
    let mut items = ItemReader::new(payload);
    let (mut taken, mut again) = (0, Vec::new());
    while let Ok(Some((header, key, value))) = items.next::<H>() {
        taken += key.len() + value.len();
        assert!(taken < payload.len(), "items lie side by side in their payload");
        again.clear();
        push_item(&mut again, &header, key, value);
        let same = ItemReader::new(&again).next::<H>().expect("what was written is read");
        assert!(same == Some((header, key, value)));
    }
}
