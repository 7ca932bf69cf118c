use std::time::Duration;

use holdfast_state::{Eviction, StateError, StoreClass, StoreSettings, StoreSettingsGiven};

use super::table::{DefaultValue, Kind, LEAST_MEMORY, TABLE};
use super::value::Words;
use super::*;
use crate::remote::Reads;

const GIB: u64 = 1 << 30;

fn sample(setting: &Setting) -> &'static str {
    match setting.kind {
        Kind::Bytes { .. } => "1MiB",
        Kind::Duration { .. } => "90s",
        Kind::Enum(words) => words[words.len() - 1],
        Kind::Bool => "on",
        Kind::Name => "node-1",
        Kind::Text => "größe & mehr",
        Kind::Path => "/etc/holdfast/größe.pem",
        Kind::Secret => "hunter2",
        Kind::Address { .. } => "[::1]:0",
        Kind::Freshness => "bounded:90s",
        Kind::Addresses => "host1:7861,host2:7861",
        Kind::Number { .. } => "7",
    }
}

/// What openers may give and is not a secret.
fn shown_rows() -> impl Iterator<Item = &'static Setting> {
    TABLE
        .iter()
        .filter(|setting| setting.scope != Scope::Server && setting.kind != Kind::Secret)
}

fn refusal(name: &str, text: &str) -> String {
    let error = Settings::from_pairs(&[(name, text)]).unwrap_err();
    assert_eq!(error.code, Code::InvalidSetting, "{error}");
    error.message
}

#[test]
fn each_row_of_the_table_has_its_field_and_each_field_its_row() {
    let mut all = Settings::default();
    for setting in shown_rows() {
        let mut settings = Settings::default();
        settings.set(setting.name, sample(setting)).unwrap();
        assert_ne!(settings, Settings::default(), "'{}' sets nothing", setting.name);
        let given = settings.given();
        assert_eq!(given.len(), 1, "'{}' sets {given:?}", setting.name);
        assert_eq!(given[0].0, setting.name);
        all.set(setting.name, sample(setting)).unwrap();
    }
    // `given` destructures the structs, so that no field can be missing in it.
    let given: Vec<&str> = all.given().iter().map(|(name, _)| *name).collect();
    let table: Vec<&str> = shown_rows().map(|setting| setting.name).collect();
    assert_eq!(given, table);
}

#[test]
fn given_settings_are_written_as_text_that_reads_back_as_the_same() {
    let mut all = Settings::default();
    for setting in shown_rows() {
        all.set(setting.name, sample(setting)).unwrap();
    }
    let given = all.given();
    let pairs: Vec<(&str, &str)> = given.iter().map(|(name, text)| (*name, text.as_str())).collect();
    assert_eq!(Settings::from_pairs(&pairs).unwrap(), all);
}

#[test]
fn the_words_of_the_table_are_those_of_the_types() {
    fn words<T: Words>(name: &str) {
        let words: Vec<&str> = T::WORDS.iter().map(|(word, _)| *word).collect();
        assert_eq!(Setting::find(name).unwrap().kind, Kind::Enum(words.leak()));
        assert!(T::WORDS.iter().all(|(word, value)| value.word() == *word));
    }
    words::<Clock>("clock");
    words::<StoreClass>("class");
    words::<Eviction>("eviction");
    words::<StoreClass>("default-class");
}

#[test]
fn a_conflict_speaks_of_classes_and_evictions_in_the_words_of_the_table() {
    for (asked_word, asked) in StoreClass::WORDS {
        for (defined_word, defined) in StoreClass::WORDS.iter().filter(|(_, defined)| defined != asked) {
            let asked = StoreSettingsGiven {
                class: Some(*asked),
                ..StoreSettingsGiven::default()
            };
            let defined = StoreSettings::new(*defined, GIB);
            let error = Error::from(StateError::StoreConflict {
                asked: Box::new(asked),
                defined: Box::new(defined),
            });
            assert!(
                error
                    .message
                    .contains(&format!("class {defined_word}, not {asked_word}")),
                "{error}"
            );
        }
    }
    let asked = StoreSettingsGiven {
        eviction: Some(Eviction::None),
        ..StoreSettingsGiven::default()
    };
    let defined = StoreSettings::new(StoreClass::Cache, GIB);
    let error = Error::from(StateError::StoreConflict {
        asked: Box::new(asked),
        defined: Box::new(defined),
    });
    let (s3_fifo, none) = (Eviction::S3Fifo.word(), Eviction::None.word());
    assert!(
        error.message.contains(&format!("eviction {s3_fifo}, not {none}")),
        "{error}"
    );
}

#[test]
fn every_default_is_a_value_that_its_setting_accepts() {
    for setting in TABLE {
        match setting.default {
            DefaultValue::Value(text) => setting.check(text).unwrap(),
            DefaultValue::Computed(words) => assert!(!words.is_empty()),
        }
        assert!(
            setting.doc.ends_with('.'),
            "the docs of '{}' are a sentence",
            setting.name
        );
    }
    let client = ClientSettings::default();
    assert!(client.auto_create_stores_or_default());
    assert_eq!(client.connect_timeout_or_default(), Duration::from_secs(10));
    assert_eq!(client.timeout_or_default(), Duration::from_secs(5));
    assert_eq!(client.reads_or_default(), Reads::Linearizable);
    assert_eq!(client.default_class_or_default(), StoreClass::Coordination);
    assert_eq!(NodeSettings::default().clock_or_default(), Clock::System);
}

#[test]
fn a_setting_has_one_name_in_every_spelling() {
    let setting = Setting::find("max-memory").unwrap();
    assert_eq!(setting.pascal_case(), "MaxMemory");
    assert_eq!(setting.environment_name(), "HOLDFAST_MAX_MEMORY");
    assert_eq!(setting.flag(), "--max-memory");
    let mut seen = std::collections::BTreeSet::new();
    for setting in TABLE {
        let kebab = setting.name.split('-').all(|word| {
            word.starts_with(|c: char| c.is_ascii_lowercase()) && word.bytes().all(|b| b.is_ascii_lowercase())
        });
        assert!(kebab, "'{}' is not in kebab-case", setting.name);
        assert!(
            seen.insert(setting.name),
            "'{}' is twice in the table",
            setting.name
        );
    }
}

#[test]
fn values_are_read_in_every_form_that_people_write() {
    let of = |name: &str, text: &str| Settings::from_pairs(&[(name, text)]).unwrap();
    for (text, bytes) in [
        ("64MiB", 64 << 20),
        ("64 MiB", 64 << 20),
        ("1GB", 1_000_000_000),
        ("1048576", 1 << 20),
        ("1048576B", 1 << 20),
        ("1.5GiB", 3 * GIB / 2),
        ("16KiB", LEAST_MEMORY),
    ] {
        assert_eq!(
            of("max-memory", text).store.given.max_memory,
            Some(bytes),
            "{text}"
        );
    }
    for (text, ms) in [
        ("5s", 5_000),
        ("250ms", 250),
        ("1h 30m", 5_400_000),
        ("90000ms", 90_000),
        ("1500us", 2),
    ] {
        assert_eq!(
            of("timeout", text).client.timeout,
            Some(Duration::from_millis(ms)),
            "{text}"
        );
    }
    assert_eq!(of("default-ttl", "none").store.given.default_ttl_ms, Some(None));
    assert_eq!(
        of("default-ttl", "5m").store.given.default_ttl_ms,
        Some(Some(300_000))
    );
    for text in ["cache", "Cache", "CACHE"] {
        assert_eq!(of("class", text).store.given.class, Some(StoreClass::Cache));
    }
    for text in ["s3-fifo", "S3Fifo"] {
        assert_eq!(of("eviction", text).store.given.eviction, Some(Eviction::S3Fifo));
    }
    for (text, reads) in [
        ("linearizable", Reads::Linearizable),
        ("Local", Reads::Local),
        ("bounded:250ms", Reads::Bounded(Duration::from_millis(250))),
        ("bounded:1s 500us", Reads::Bounded(Duration::from_millis(1_001))),
    ] {
        assert_eq!(
            of("read-consistency", text).client.read_consistency,
            Some(reads),
            "{text}"
        );
    }
    for (text, on) in [("on", true), ("True", true), ("off", false), ("False", false)] {
        assert_eq!(of("hash-tags", text).store.given.hash_tags, Some(on));
    }
}

#[test]
fn a_value_that_is_not_accepted_is_named_with_its_setting_and_what_is_accepted() {
    for (name, text, accepted) in [
        ("max-memory", "", "64MiB"),
        ("max-memory", "lots", "64MiB"),
        ("max-memory", "-1", "64MiB"),
        ("max-memory", "16383", "from 16KiB"),
        ("max-memory", "1e9", "64MiB"),
        ("max-memory", "99999999EiB", "64MiB"),
        ("max-memory", "64 fortnights", "64MiB"),
        ("max-value", "0", "from 1B to 16MiB"),
        ("max-value", "17MiB", "from 1B to 16MiB"),
        ("memory-limit", "none", "64MiB"),
        ("timeout", "", "250ms, 5s"),
        ("timeout", "5", "250ms, 5s"),
        ("timeout", "0s", "from 1ms to 24days"),
        ("timeout", "-5s", "250ms, 5s"),
        ("timeout", "25days", "24days"),
        ("timeout", "none", "250ms, 5s"),
        ("timeout", "99999999999999999999s", "250ms, 5s"),
        ("default-ttl", "101years", "to 100years"),
        ("default-ttl", "0", "or none"),
        ("class", "queue", "coordination or cache"),
        ("clock", "", "system or manual"),
        ("eviction", "lru", "s3-fifo or none"),
        ("hash-tags", "yes", "on or off"),
        ("node", "", "A-Z a-z 0-9"),
        ("node", "a b", "A-Z a-z 0-9"),
        ("node", "..", "not only . or .."),
        ("client-name", "", "1 to 128 characters"),
        ("client-name", "a\nb", "control character"),
        ("default-class", "loud", "coordination or cache"),
        ("read-consistency", "stale", "bounded:500ms"),
        ("read-consistency", "bounded", "bounded:500ms"),
        ("read-consistency", "bounded:0s", "bounded:500ms"),
        ("read-consistency", "bounded:50days", "bounded:500ms"),
        ("read-consistency", "local:5s", "bounded:500ms"),
    ] {
        let message = refusal(name, text);
        let shown = crate::limits::escape_key(text.as_bytes());
        assert!(
            message.starts_with(&format!("setting '{name}' is '{shown}': ")),
            "{message}"
        );
        assert!(
            message.contains(accepted),
            "'{accepted}' is missing in: {message}"
        );
    }
    assert!(refusal("node", &"n".repeat(129)).len() < 250);
}

#[test]
fn an_unknown_setting_is_answered_with_the_nearest_name_and_never_with_its_value() {
    for (given, nearest) in [
        ("max-memry", "max-memory"),
        ("MaxMemory", "max-memory"),
        ("HOLDFAST_MAX_MEMORY", "max-memory"),
        ("--eviction", "eviction"),
        ("ttl-default", ""),
        ("clas", "class"),
        ("password", ""),
        ("", ""),
    ] {
        let message = refusal(given, "hunter2");
        assert!(!message.contains("hunter2"), "{message}");
        match nearest {
            "" => assert!(message.contains("the settings are node, clock, "), "{message}"),
            _ => assert!(
                message.ends_with(&format!("did you mean '{nearest}'?")),
                "{message}"
            ),
        }
    }
}

#[test]
fn a_setting_given_twice_is_refused() {
    let error =
        Settings::from_pairs(&[("timeout", "1s"), ("clock", "manual"), ("timeout", "1s")]).unwrap_err();
    assert_eq!(
        (error.code, error.message.as_str()),
        (Code::InvalidSetting, "setting 'timeout' is given twice")
    );
}

#[test]
fn only_what_an_opener_gave_contradicts_the_node() {
    let node = |pairs: &[(&str, &str)]| Settings::from_pairs(pairs).unwrap().node;
    assert_eq!(node(&[]).check_against(Clock::Manual, GIB, None), Ok(()));
    assert_eq!(
        node(&[("clock", "manual"), ("memory-limit", "1GiB")]).check_against(Clock::Manual, GIB, None),
        Ok(())
    );
    let contradicting = [("node", "a"), ("clock", "manual"), ("memory-limit", "2GiB")];
    let error = node(&contradicting)
        .check_against(Clock::System, GIB, None)
        .unwrap_err();
    assert_eq!(error.code, Code::NodeConflict);
    assert_eq!(
        error.message,
        "node 'a' runs with clock system, not manual and memory-limit 1GiB, not 2GiB; leave that out, or add \
         node=NAME for a node of your own"
    );
    let error = node(&[("clock", "system")])
        .check_against(Clock::Manual, GIB, None)
        .unwrap_err();
    assert_eq!(
        error.message,
        "the process's shared node runs with clock manual, not system; leave that out, or add node=NAME for \
         a node of your own"
    );
}

#[test]
fn a_node_keeps_its_data_where_its_first_opener_said() {
    let node = |pairs: &[(&str, &str)]| Settings::from_pairs(pairs).unwrap().node;
    let there = Some("/var/lib/shop");
    assert_eq!(node(&[]).check_against(Clock::System, GIB, there), Ok(()));
    let same = [("data", "/var/lib/shop")];
    assert_eq!(node(&same).check_against(Clock::System, GIB, there), Ok(()));
    for (runs_with, says) in [(None, "no data"), (Some("/tmp/shop"), "data /tmp/shop")] {
        let error = node(&same)
            .check_against(Clock::System, GIB, runs_with)
            .unwrap_err();
        assert_eq!(error.code, Code::NodeConflict);
        let wanted = format!("runs with {says}, not /var/lib/shop");
        assert!(error.message.contains(&wanted), "{}", error.message);
    }
}

#[test]
fn lines_of_settings_are_split_at_their_first_equals_sign() {
    let pairs = pairs_of_lines("class=cache\n\nclient-name=a=b\r\n").unwrap();
    assert_eq!(pairs, [("class", "cache"), ("client-name", "a=b")]);
    let error = pairs_of_lines("class=cache\nhunter2\n").unwrap_err();
    assert_eq!(error.code, Code::InvalidSetting);
    assert!(
        error.message.contains("line 2") && !error.message.contains("hunter2"),
        "{error}"
    );
}

#[test]
fn a_servers_settings_are_refused_with_the_place_where_they_belong() {
    for setting in TABLE.iter().filter(|setting| setting.scope == Scope::Server) {
        let message = refusal(setting.name, sample(setting));
        assert!(
            message.contains(setting.name) && message.contains("holdfast serve"),
            "{message}"
        );
        // Nor are they suggested.
        assert!(!refusal("zzzzzz", "1").contains(setting.name));
    }
}

#[test]
fn a_secret_is_never_shown() {
    let settings = Settings::from_pairs(&[("token", "hunter2")]).unwrap();
    assert_eq!(
        settings.client.token.as_ref().map(Secret::expose),
        Some("hunter2")
    );
    assert_eq!(settings.given(), []);
    assert!(!format!("{settings:?}").contains("hunter2"));
    for refused in ["hunter2\n", "", &"hunter2".repeat(1_000)] {
        let message = refusal("token", refused);
        assert!(
            !message.contains("hunter2") && message.contains("4096 bytes"),
            "{message}"
        );
    }
}

#[test]
fn addresses_numbers_and_words_of_servers_are_read_as_people_write_them() {
    let of = |name: &str| Setting::find(name).unwrap();
    for (text, host, port) in [
        ("127.0.0.1:7861", "127.0.0.1", 7861),
        ("[::1]:0", "::1", 0),
        ("localhost:65535", "localhost", 65535),
    ] {
        assert_eq!(of("listen").address(text), Ok(Some((host.to_owned(), port))));
    }
    assert_eq!(of("http").address("off"), Ok(None));
    for text in [
        "",
        "off",
        "h",
        ":1",
        "h:",
        "h:65536",
        "h:+1",
        "::1:1",
        "[::1]",
        "[::g]:1",
        "256.0.0.1:1",
    ] {
        assert!(of("listen").address(text).is_err(), "{text}");
    }
    assert_eq!(of("max-connections").number("10000"), Ok(10_000));
    assert_eq!(of("connection-memory").number("1MiB"), Ok(1 << 20));
    for text in ["", "0", "-1", "1000001", "1KiB"] {
        assert!(of("max-connections").number(text).is_err(), "{text}");
    }
    assert_eq!(of("insecure").switch("on"), Ok(true));
    assert_eq!(
        of("stop-timeout").duration("5s"),
        Ok(Some(Duration::from_secs(5)))
    );
}
