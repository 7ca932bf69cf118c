use holdfast_state::StoreClass;
use proptest::prelude::*;

use super::*;
use crate::settings::Clock;

fn parse(text: &str) -> ConnectionString {
    ConnectionString::parse(text, &[]).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refusal(text: &str) -> Error {
    match ConnectionString::parse(text, &[]) {
        Ok(parsed) => panic!("{text} is accepted as {parsed:?}"),
        Err(error) => error,
    }
}

fn host(host: &str, port: u16) -> Endpoint {
    Endpoint {
        host: host.to_owned(),
        port,
    }
}

#[test]
fn an_embedded_text_names_its_store_and_settings() {
    let parsed = parse("holdfast://embedded/orders?class=cache&node=n1&clock=manual&max-memory=64MiB");
    assert_eq!(parsed.topology, Topology::Embedded);
    assert_eq!(
        (parsed.tenant.as_str(), parsed.store.as_str()),
        ("default", "orders")
    );
    assert_eq!(parsed.settings.store.given.class, Some(StoreClass::Cache));
    assert_eq!(parsed.settings.store.given.max_memory, Some(64 << 20));
    assert_eq!(parsed.settings.node.node.as_deref(), Some("n1"));
    assert_eq!(parsed.settings.node.clock, Some(Clock::Manual));
    assert_eq!(parsed.settings.client, crate::ClientSettings::default());
}

#[test]
fn an_absent_store_is_default_and_an_absent_tenant_too() {
    for (text, tenant, store) in [
        ("holdfast://embedded", "default", "default"),
        ("holdfast://embedded?clock=manual", "default", "default"),
        ("HOLDFAST://Embedded/a", "default", "a"),
        ("holdfast://embedded/acme/a.b_c-1", "acme", "a.b_c-1"),
        ("holdfast://embedded/%6Frders?", "default", "orders"),
    ] {
        let parsed = parse(text);
        assert_eq!(parsed.topology, Topology::Embedded, "{text}");
        assert_eq!(
            (parsed.tenant.as_str(), parsed.store.as_str()),
            (tenant, store),
            "{text}"
        );
    }
}

#[test]
fn a_text_with_hosts_names_each_with_its_port() {
    let hosts = |text: &str| match parse(text).topology {
        Topology::Hosts { endpoints, tls } => (endpoints, tls),
        Topology::Embedded => panic!("{text} is embedded"),
    };
    assert_eq!(
        hosts("holdfast://h1:7861,H2.example:1/s"),
        (vec![host("h1", 7861), host("h2.example", 1)], false)
    );
    assert_eq!(
        hosts("holdfasts://10.0.0.1/s"),
        (vec![host("10.0.0.1", 7861)], true)
    );
    assert_eq!(
        hosts("holdfast://[::1]:65535,[2001:db8::2]/s"),
        (vec![host("::1", 65535), host("2001:db8::2", 7861)], false)
    );
}

#[test]
fn values_are_percent_decoded() {
    let parsed = parse("holdfast://embedded/s?client-name=a%20b%26%3D%40%23%25+&default-ttl=1h%2030m");
    assert_eq!(parsed.settings.client.client_name.as_deref(), Some("a b&=@#%+"));
    assert_eq!(parsed.settings.store.given.default_ttl_ms, Some(Some(5_400_000)));
}

#[test]
fn explicit_settings_win_over_those_of_the_text() {
    let text = "holdfast://embedded/s?clock=manual&max-memory=1MiB";
    let parsed = ConnectionString::parse(text, &[("max-memory", "2MiB"), ("class", "cache")]).unwrap();
    assert_eq!(parsed.settings.store.given.max_memory, Some(2 << 20));
    assert_eq!(parsed.settings.store.given.class, Some(StoreClass::Cache));
    assert_eq!(parsed.settings.node.clock, Some(Clock::Manual));

    let error = ConnectionString::parse(text, &[("max-memory", "x")]).unwrap_err();
    assert_eq!(error.code, Code::InvalidSetting);
    let error = ConnectionString::parse(text, &[("max-memroy", "1MiB")]).unwrap_err();
    assert_eq!(error.code, Code::InvalidSetting);
    // A text that is wrong stays wrong, also where an explicit setting would win.
    let error = ConnectionString::parse("holdfast://embedded/s?max-memory=x", &[("max-memory", "1MiB")]);
    assert_eq!(error.unwrap_err().code, Code::InvalidSetting);
}

const MALFORMED: &[(&str, &[&str])] = &[
    // The scheme; the message shows both forms.
    (
        "",
        &["empty", "holdfast://embedded/STORE", "holdfast://host:7861/STORE"],
    ),
    (
        "orders",
        &[
            "scheme is missing",
            "holdfast://embedded/STORE",
            "holdfast://host:7861/STORE",
        ],
    ),
    (
        "localhost:7861",
        &[
            "scheme is missing",
            "holdfast://embedded/STORE",
            "holdfast://host:7861/STORE",
        ],
    ),
    ("holdfast:embedded/s", &["scheme is missing"]),
    ("holdfast:/embedded/s", &["scheme is missing"]),
    (" holdfast://embedded/s", &["scheme is missing"]),
    ("://embedded/s", &["scheme is missing"]),
    ("host/s?x=a://b", &["scheme is missing"]),
    (
        "redis://localhost/0",
        &[
            "unknown scheme 'redis'",
            "holdfast://embedded/STORE",
            "holdfast://host:7861/STORE",
        ],
    ),
    // Hosts and ports.
    ("holdfast://", &["host is missing"]),
    ("holdfast:///s", &["host is missing", "embedded"]),
    ("holdfast://?clock=manual", &["host is missing"]),
    ("holdfast://,h2/s", &["host 1 is empty"]),
    ("holdfast://h1,,h2/s", &["host 2 is empty"]),
    ("holdfast://h1,/s", &["host 2 is empty"]),
    ("holdfast://:7861/s", &["host 1 has a port but no name"]),
    (
        "holdfast://h 1/s",
        &["host 1 'h…'", "neither a host name nor an address"],
    ),
    ("holdfast://größe/s", &["host 1 'größe'"]),
    ("holdfast://h%31/s", &["host 1 'h…'"]),
    ("holdfast://256.0.0.1/s", &["host 1 '256.0.0.1'"]),
    ("holdfast://1.2.3/s", &["host 1 '1.2.3'"]),
    (
        "holdfast://h1:/s",
        &["port of host 'h1'", "1 to 65535", "h1:7861"],
    ),
    ("holdfast://h1:0/s", &["port of host 'h1'"]),
    ("holdfast://h1:65536/s", &["port of host 'h1'"]),
    ("holdfast://h1:+1/s", &["port of host 'h1'"]),
    ("holdfast://h1:http/s", &["port of host 'h1'"]),
    (
        "holdfast://::1/s",
        &["host 1 has more than one ':'", "[::1]:7861"],
    ),
    ("holdfast://h1:1:2/s", &["host 1 has more than one ':'"]),
    ("holdfast://[::1/s", &["host 1 is not an IPv6 address"]),
    ("holdfast://[::g]:1/s", &["host 1 is not an IPv6 address"]),
    ("holdfast://h1,[::1]7861/s", &["host 2 is not an IPv6 address"]),
    ("holdfast://[::1]:x/s", &["port of host '::1'"]),
    ("holdfast://embedded:7861/s", &["embedded stands alone"]),
    ("holdfast://embedded,h1/s", &["embedded stands alone"]),
    (
        "holdfasts://embedded/s",
        &["holdfasts is for servers", "holdfast://embedded/STORE"],
    ),
    // The store.
    ("holdfast://embedded/", &["store name is empty", "TENANT/STORE"]),
    ("holdfast://embedded/?clock=manual", &["store name is empty"]),
    ("holdfast://embedded//s", &["tenant is empty"]),
    ("holdfast://embedded/t/", &["store name is empty"]),
    ("holdfast://embedded/a/b/c", &["3 parts", "TENANT/STORE"]),
    ("holdfast://embedded/a%2Fb", &["store name 'a/b'", "1 to 128"]),
    (
        "holdfast://embedded/a b",
        &["store name 'a…'", "A-Z a-z 0-9 . _ -"],
    ),
    ("holdfast://embedded/gr%C3%B6%C3%9Fe", &["store name 'größe'"]),
    ("holdfast://embedded/..", &["store name '..'"]),
    ("holdfast://embedded/t!/s", &["tenant 't!'"]),
    (
        "holdfast://embedded/a%",
        &["store name", "bad percent escape at character 2", "%25"],
    ),
    ("holdfast://embedded/a%4", &["bad percent escape"]),
    ("holdfast://embedded/a%zz", &["bad percent escape"]),
    ("holdfast://embedded/%+1", &["bad percent escape"]),
    ("holdfast://embedded/%FF", &["store name", "not UTF-8"]),
    // Settings.
    (
        "holdfast://embedded/s?max-memry=1MiB",
        &["unknown setting 'max-memry'", "did you mean 'max-memory'"],
    ),
    (
        "holdfast://embedded/s?MaxMemory=1MiB",
        &["unknown setting 'MaxMemory'", "did you mean 'max-memory'"],
    ),
    (
        "holdfast://embedded/s?zzz=1",
        &["unknown setting 'zzz'", "the settings are node, "],
    ),
    ("holdfast://embedded/s?=1", &["unknown setting ''"]),
    (
        "holdfast://embedded/s?clock",
        &["setting 'clock' has no value", "NAME=VALUE"],
    ),
    (
        "holdfast://embedded/s?clock=manual&clock=manual",
        &["setting 'clock' is given twice"],
    ),
    (
        "holdfast://embedded/s?clock=manual&%63lock=system",
        &["setting 'clock' is given twice"],
    ),
    ("holdfast://embedded/s?&clock=manual", &["a setting is empty"]),
    ("holdfast://embedded/s?clock=manual&", &["a setting is empty"]),
    (
        "holdfast://embedded/s?client-name=a%",
        &["value of setting 'client-name'", "bad percent escape"],
    ),
    (
        "holdfast://embedded/s?client-name=%C3",
        &["value of setting 'client-name'", "not UTF-8"],
    ),
    (
        "holdfast://embedded/s?%=a",
        &["name of a setting", "bad percent escape"],
    ),
    // What a URI may have and a connection string may not.
    ("holdfast://embedded/s#part", &["fragment", "%23"]),
    ("holdfast://embedded/s?client-name=a#b", &["fragment", "%23"]),
    ("holdfast://user@embedded/s", &["credentials", "reserved"]),
    (
        "holdfast://user:password@h1/s",
        &["credentials", "reserved", "%40"],
    ),
];

#[test]
fn each_malformed_part_has_its_own_error_that_names_it_and_shows_the_valid_form() {
    for (text, parts) in MALFORMED {
        let error = refusal(text);
        assert_eq!(error.code, Code::InvalidConnectionString, "{text}: {error}");
        assert!(
            error.message.starts_with("connection string: "),
            "{text}: {error}"
        );
        for part in *parts {
            assert!(
                error.message.contains(part),
                "{text}: '{part}' is missing in: {error}"
            );
        }
    }
}

#[test]
fn a_value_that_its_setting_does_not_accept_names_the_setting() {
    let error = refusal("holdfast://embedded/s?max-memory=lots");
    assert_eq!(error.code, Code::InvalidSetting);
    assert!(
        error.message.starts_with("setting 'max-memory' is 'lots'"),
        "{error}"
    );
}

#[test]
fn settings_that_mean_nothing_where_the_store_is_are_refused() {
    for (text, name, why) in [
        ("holdfast://embedded/s?token=hunter2", "token", "for servers"),
        ("holdfast://embedded/s?tls-ca=/a", "tls-ca", "for servers"),
        ("holdfast://h1/s?node=a", "node", "holdfast serve"),
        ("holdfast://h1/s?clock=manual", "clock", "holdfast serve"),
        ("holdfast://h1/s?data=/a", "data", "in this process"),
        (
            "holdfasts://h1/s?memory-limit=1GiB",
            "memory-limit",
            "holdfast serve",
        ),
        ("holdfast://h1/s?tls-ca=/a", "tls-ca", "holdfasts://"),
        (
            "holdfast://h1/s?tls-server-name=a",
            "tls-server-name",
            "holdfasts://",
        ),
        ("holdfasts://h1/s?tls-key=/a", "tls-key", "tls-certificate"),
        (
            "holdfasts://h1/s?tls-certificate=/a",
            "tls-certificate",
            "tls-key",
        ),
        ("holdfasts://h1/s?listen=127.0.0.1:1", "listen", "holdfast serve"),
    ] {
        let error = refusal(text);
        assert_eq!(error.code, Code::InvalidSetting, "{text}: {error}");
        assert!(
            error.message.starts_with(&format!("setting '{name}' ")) && error.message.contains(why),
            "{text}: {error}"
        );
        assert!(!error.message.contains("hunter2"), "{error}");
    }
    // Those of an options object are no different.
    let error = ConnectionString::parse("holdfast://embedded/s", &[("token", "hunter2")]).unwrap_err();
    assert_eq!(error.code, Code::InvalidSetting);
}

#[test]
fn a_client_of_servers_has_files_for_tls_and_a_token_that_is_not_shown() {
    let text = "holdfasts://h1/s?tls-ca=/a&tls-certificate=/b&tls-key=/c&tls-server-name=n&token=hunter2";
    let parsed = parse(text);
    let client = &parsed.settings.client;
    assert_eq!(client.tls_ca.as_deref(), Some("/a"));
    assert_eq!(client.tls_certificate.as_deref(), Some("/b"));
    assert_eq!(client.tls_key.as_deref(), Some("/c"));
    assert_eq!(client.tls_server_name.as_deref(), Some("n"));
    assert_eq!(client.token.as_ref().map(|token| token.expose()), Some("hunter2"));
    assert_eq!(
        parsed.to_string(),
        "holdfasts://h1:7861/s?tls-ca=%2Fa&tls-certificate=%2Fb&tls-key=%2Fc&tls-server-name=n"
    );
    assert!(!format!("{parsed:?}").contains("hunter2"));
}

#[test]
fn names_of_stores_have_at_most_128_characters() {
    let longest = "s".repeat(128);
    assert_eq!(parse(&format!("holdfast://embedded/{longest}")).store, longest);
    let error = refusal(&format!("holdfast://embedded/{longest}s"));
    assert_eq!(error.code, Code::InvalidConnectionString);
    assert!(
        error.message.contains("1 to 128") && error.message.contains('…'),
        "{error}"
    );
}

#[test]
fn a_stores_full_name_is_a_name_or_a_tenant_and_a_name() {
    let names = |tenant: &str, store: &str| Ok((tenant.to_owned(), store.to_owned()));
    assert_eq!(parse_store_name("orders"), names("default", "orders"));
    assert_eq!(parse_store_name("acme/orders"), names("acme", "orders"));
    for full_name in ["", "/", "a/", "/a", "a/b/c", "a b", "a%20b", "."] {
        let error = parse_store_name(full_name).unwrap_err();
        assert_eq!(error.code, Code::InvalidArgument, "{full_name}");
    }
}

#[test]
fn no_message_holds_what_may_be_a_secret() {
    const SECRET: &str = "hunter2";
    for text in [
        "holdfast://user:hunter2@h1/s",
        "holdfast://user:hunter2@embedded/s?max-memory=x",
        "holdfast://:hunter2@h1/s",
        "holdfast://hunter2@h1/s",
        "user:hunter2@h1:7861/s",
        "redis://user:hunter2@h1/0",
        // Passwords with delimiters in them, and without their '@'.
        "holdfast://user:p/hunter2@h1/s",
        "holdfast://user:p?hunter2@h1/s",
        "holdfast://user:p#hunter2@h1/s",
        "holdfast://user:p&hunter2=1@h1/s",
        "holdfast://user:hunter2/s",
        "holdfast://user:hunter2%40h1/s",
        "holdfast://user%3Ahunter2%40h1/s",
        "holdfast://user:1:hunter2/s",
        "holdfast://[hunter2]/s",
        "holdfast://h1/s#hunter2",
        // Other products' forms.
        "h1:7861,password=hunter2",
        "holdfast://h1:7861,password=hunter2/s",
        "holdfast://h1/s;password=hunter2",
        "holdfast://h1/s%3Bpassword=hunter2",
        "holdfast://h1/s,password=hunter2/x",
        "holdfast://h1/s?password=hunter2",
        "holdfast://h1/s?client-name=x&tokn=hunter2",
        "holdfast://h1/s?password:hunter2",
        "password=hunter2://h1/s",
    ] {
        let error = refusal(text);
        assert!(!format!("{error} {error:?}").contains(SECRET), "{text}: {error}");
    }
}

#[test]
fn a_connection_string_is_written_as_text_that_reads_back_as_the_same() {
    for text in [
        "holdfast://embedded/default",
        "holdfast://embedded/acme/orders?class=cache&max-memory=65537B",
        "holdfasts://h1:7861,[::1]:7862/s?timeout=1m%2030s&client-name=a%26b%3D%40%23",
    ] {
        assert_eq!(parse(&parse(text).to_string()), parse(text), "{text}");
    }
    assert_eq!(
        parse("holdfast://embedded").to_string(),
        "holdfast://embedded/default"
    );
    assert_eq!(
        parse("holdfasts://H1,[::1]:7862/acme/s?timeout=1m%2030s&class=Cache").to_string(),
        "holdfasts://h1:7861,[::1]:7862/acme/s?class=cache&timeout=1m%2030s"
    );
}

/// Texts near valid ones: pieces of connection strings in any order.
fn near_texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        proptest::sample::select(vec![
            "holdfast",
            "holdfasts",
            "://",
            ":",
            "/",
            "?",
            "&",
            "=",
            "#",
            "@",
            "%",
            "%41",
            "%zz",
            ",",
            "[",
            "]",
            "::1",
            "embedded",
            "h1",
            "7861",
            "65536",
            "acme",
            "orders",
            "..",
            "clock",
            "manual",
            "max-memory",
            "64MiB",
            "client-name",
            "ö",
            " ",
            "\0",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ];
    (any::<bool>(), proptest::collection::vec(piece, 0..16)).prop_map(|(with_scheme, pieces)| {
        let scheme = if with_scheme { "holdfast://" } else { "" };
        scheme.to_owned() + &pieces.concat()
    })
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in prop_oneof![any::<String>(), near_texts()], name: String, value: String) {
        let _ = ConnectionString::parse(&text, &[(&name, &value)]);
        let _ = parse_store_name(&text);
        let _ = crate::settings::pairs_of_lines(&text);
        for setting in crate::settings::table::TABLE {
            let _ = setting.check(&value);
        }
    }

    #[test]
    fn whatever_parses_is_written_as_text_that_reads_back_as_the_same(text in near_texts(), client_name in "\\PC{1,128}") {
        if let Ok(parsed) = ConnectionString::parse(&text, &[("client-name", &client_name)]) {
            prop_assert_eq!(ConnectionString::parse(&parsed.to_string(), &[]), Ok(parsed));
        }
    }

    #[test]
    fn any_size_and_any_whole_duration_reads_back_from_its_text(bytes in 16_384..=(1_u64 << 50), ms in 1..=24 * 86_400_000_u64) {
        let (size, timeout) = (holdfast_proto::bytes_text(bytes), format!("{ms}ms"));
        let settings = Settings::from_pairs(&[("max-memory", &size), ("timeout", &timeout)]).unwrap();
        prop_assert_eq!(settings.store.given.max_memory, Some(bytes));
        let given = settings.given();
        let pairs: Vec<(&str, &str)> = given.iter().map(|(name, text)| (*name, text.as_str())).collect();
        prop_assert_eq!(Settings::from_pairs(&pairs), Ok(settings));
    }
}
