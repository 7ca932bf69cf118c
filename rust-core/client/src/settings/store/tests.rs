use super::*;
use crate::settings::NodeSettings;
use holdfast_proto::LEAST_MEMORY;

const GIB: u64 = 1 << 30;
/// The memory of a machine that sets no bounds here.
const AMPLE: u64 = 8 * GIB;

fn store_of(pairs: &[(&str, &str)]) -> StoreSettings {
    StoreSettings::from_pairs(pairs).unwrap()
}

#[test]
fn the_settings_of_a_store_that_is_opened_by_name_are_those_of_stores_only() {
    for (name, text, owner) in [("clock", "manual", "the node"), ("timeout", "1s", "the client")] {
        let error = StoreSettings::from_pairs(&[("class", "cache"), (name, text)]).unwrap_err();
        assert_eq!(error.code, Code::InvalidSetting);
        assert!(
            error.message.contains(name) && error.message.contains(owner),
            "{error}"
        );
    }
}

#[test]
fn a_store_that_is_opened_by_name_may_be_given_a_default_class_of_its_own() {
    let given = store_of(&[("default-class", "cache")]);
    assert_eq!(given.default_class, Some(StoreClass::Cache));
    assert_eq!(given.given, StoreSettingsGiven::default());
    assert_eq!(store_of(&[("class", "cache")]).default_class, None);
}

#[test]
fn a_cache_store_takes_a_tenth_of_the_memory_and_at_most_256_mib_by_default() {
    let max_memory = |available: u64| {
        let resolved = store_of(&[])
            .resolve(StoreClass::Cache, available, available / 2)
            .unwrap();
        assert_eq!(
            resolved,
            holdfast_state::StoreSettings::new(StoreClass::Cache, resolved.max_memory)
        );
        resolved.max_memory
    };
    assert_eq!(max_memory(AMPLE), 256 << 20);
    assert_eq!(max_memory(1_000_000_000), 100_000_000);

    let of_small_node = store_of(&[]).resolve(StoreClass::Cache, AMPLE, 1 << 20).unwrap();
    assert_eq!(
        of_small_node.max_memory,
        1 << 20,
        "never more than the node may use"
    );
}

#[test]
fn a_coordination_store_takes_the_nodes_limit_by_default() {
    let limit = NodeSettings::default().memory_limit_or_default(2 * GIB);
    assert_eq!(limit, GIB);
    let resolved = store_of(&[])
        .resolve(StoreClass::Coordination, 2 * GIB, limit)
        .unwrap();
    assert_eq!((resolved.max_memory, resolved.max_value), (GIB, 16 << 20));
    assert_eq!(resolved.eviction, Eviction::None);
}

#[test]
fn what_was_given_wins_over_every_default() {
    let given = store_of(&[
        ("class", "cache"),
        ("max-memory", "1MiB"),
        ("eviction", "none"),
        ("default-ttl", "5s"),
        ("max-value", "1KiB"),
        ("hash-tags", "on"),
    ]);
    let expected = holdfast_state::StoreSettings {
        class: StoreClass::Cache,
        max_memory: 1 << 20,
        eviction: Eviction::None,
        default_ttl_ms: Some(5_000),
        max_value: 1 << 10,
        hash_tags: true,
    };
    assert_eq!(given.resolve(StoreClass::Coordination, AMPLE, GIB), Ok(expected));

    let small = store_of(&[("max-memory", "1MiB")])
        .resolve(StoreClass::Cache, AMPLE, GIB)
        .unwrap();
    assert_eq!(
        small.max_value,
        1 << 16,
        "max-value is a sixteenth of a small budget"
    );
}

#[test]
fn a_budget_below_16_of_the_largest_values_is_refused() {
    let resolve =
        |pairs: &[(&str, &str)], available| store_of(pairs).resolve(StoreClass::Cache, available, GIB);
    let error = resolve(&[("max-memory", "1MiB"), ("max-value", "65537")], AMPLE).unwrap_err();
    assert_eq!(error.code, Code::InvalidSetting);
    for part in ["'max-memory' is '1MiB'", "max-value of 65537B", "1048592B"] {
        assert!(error.message.contains(part), "'{part}' is missing in: {error}");
    }
    assert!(resolve(&[("max-memory", "1MiB"), ("max-value", "64KiB")], AMPLE).is_ok());

    // 16 × max-value is one byte more than the budget: a budget rounded down to sixteenths would let it pass.
    assert!(resolve(&[("max-memory", "1048575"), ("max-value", "64KiB")], AMPLE).is_err());

    let error = resolve(&[("max-value", "16MiB")], 100 << 20).unwrap_err();
    assert!(
        error.message.contains("'max-memory' is '10MiB' by default"),
        "{error}"
    );
}

#[test]
fn what_a_coordination_store_cannot_do_is_refused_by_name() {
    for (name, text) in [("eviction", "s3-fifo"), ("hash-tags", "on")] {
        let given = store_of(&[(name, text)]);
        let error = given.resolve(StoreClass::Coordination, AMPLE, GIB).unwrap_err();
        assert_eq!(error.code, Code::InvalidSetting);
        assert!(
            error
                .message
                .starts_with(&format!("setting '{name}' is '{text}'")),
            "{error}"
        );
        assert!(given.resolve(StoreClass::Cache, AMPLE, GIB).is_ok());
    }
}

#[test]
fn the_defaults_are_settings_that_a_store_can_keep_on_every_machine() {
    for available in [0, 1, LEAST_MEMORY, 1 << 20, GIB, 1 << 50, u64::MAX] {
        for class in [StoreClass::Coordination, StoreClass::Cache] {
            let limit = NodeSettings::default().memory_limit_or_default(available);
            store_of(&[]).resolve(class, available, limit).unwrap();
        }
    }
}
