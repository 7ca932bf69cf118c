//! The published vectors: another implementation that gives these routes as this one does.

use holdfast_state::*;

/// (store, hash tags, key, slot, hash)
const VECTORS: [(u32, bool, &[u8], u16, u64); 14] = [
    (0, false, b"", 317, 0x48b2_c926_16fc_193d),
    (1, false, b"a", 883, 0xeeca_542e_bdc7_4773),
    (1, false, b"product:1", 604, 0xd7b3_ce79_17bc_f65c),
    (2, false, b"product:1", 742, 0x7ec8_2c12_8300_5ee6),
    (1, false, b"{user:7}:cart", 951, 0x3a19_490d_0f4f_b3b7),
    (1, true, b"{user:7}:cart", 353, 0x3a19_490d_0f4f_b3b7),
    (1, true, b"x{user:7}y{z}", 353, 0xd15b_95cc_a02d_efc2),
    (1, true, b"{}:cart", 302, 0x6791_c007_be39_752e),
    (1, true, b"{open", 936, 0x782f_74d4_85d9_efa8),
    (9, false, &[0, 255, 10], 190, 0x9c72_0a16_9bb2_dcbe),
    (
        4_000_000_000,
        false,
        "ключ".as_bytes(),
        472,
        0xad69_e06e_a35c_b1d8,
    ),
    (1, false, &[b'x'; 252], 336, 0xf6be_dffd_85c1_4950),
    (1, false, &[b'x'; 253], 815, 0x8a87_508a_d284_ff2f),
    (1, false, &[b'x'; MAX_KEY], 1019, 0x297e_028f_7a42_2bfb),
];

#[test]
fn keys_route_to_the_published_slots() {
    for (store, tags, key, slot, hash) in VECTORS {
        let place = KeyHash::of(StoreId(store), tags, key);
        let name = String::from_utf8_lossy(&key[..key.len().min(40)]);
        assert_eq!(
            (place.slot, place.hash),
            (Slot(slot), hash),
            "store {store}, tags {tags}, {name}"
        );
    }
}

#[test]
fn a_coordination_store_is_one_slot_whatever_the_key() {
    let settings = StoreSettings::new(StoreClass::Coordination, 1 << 20);
    for (store, slot) in [(0, 317), (1, 776), (2, 969), (7, 332), (u32::MAX, 556)] {
        for key in [&b"a"[..], b"b", b"{tag}"] {
            let place = KeyHash::in_store(StoreId(store), &settings, key);
            assert_eq!(place.slot, Slot(slot));
            assert_eq!(place.hash, KeyHash::of(StoreId(store), false, key).hash);
        }
    }
}

#[test]
fn slots_share_the_keys_evenly() {
    let mut counts = vec![0_u32; usize::from(SLOTS)];
    for key in 0..1_024_000_u32 {
        let place = KeyHash::of(StoreId(3), false, format!("key:{key}").as_bytes());
        counts[usize::from(place.slot.0)] += 1;
    }
    assert!(counts.iter().all(|count| (800..1_200).contains(count)));
}
