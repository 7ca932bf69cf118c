//! The client commands against a server, in text and in JSON.

use serde_json::json;

use crate::support::{Serve, holdfast, run, run_with};

#[test]
fn what_is_put_is_got_in_text_and_in_json() {
    let server = Serve::start(&[]);
    let put = server.run(&["put", "product:1", "Laptop"]);
    assert_eq!((put.code, put.text()), (0, "ok"));
    let got = server.run(&["get", "product:1"]);
    assert_eq!((got.code, got.out.as_slice()), (0, &b"Laptop\n"[..]));
    let got = server.run(&["get", "product:1", "--output", "json"]).json();
    assert_eq!(
        (&got["found"], &got["key"], &got["value"], &got["ttl_ms"]),
        (&json!(true), &json!("product:1"), &json!("Laptop"), &json!(null))
    );
    assert!(got["version"].as_i64().unwrap() > 0);
    assert_eq!(server.run(&["exists", "product:1"]).code, 0);
    assert_eq!(
        server.run(&["count", "--output", "json"]).json(),
        json!({"count": 1})
    );
    let stats = server.run(&["stats", "--output", "json"]).json();
    assert_eq!((&stats["entries"], &stats["hits"]), (&json!(1), &json!(3)));
}

#[test]
fn values_are_bytes_from_standard_input_to_standard_output() {
    let server = Serve::start(&[]);
    let value: Vec<u8> = (0..=255).cycle().take(700_000).collect();
    let put = run_with(&mut server.command(&["put", "image", "-"]), &value);
    assert_eq!(put.code, 0, "{put:?}");
    let got = server.run(&["get", "image", "--raw"]);
    assert!(
        got.code == 0 && got.out == value,
        "{} bytes, code {}",
        got.out.len(),
        got.code
    );
    run_with(&mut server.command(&["put", "short", "-"]), &[0, 0xff]);
    let got = server.run(&["get", "short", "--output", "json"]).json();
    assert_eq!(
        (&got["value_base64"], &got["value"]),
        (&json!("AP8="), &json!(null))
    );
}

#[test]
fn scripts_tell_no_from_failure_by_the_exit_code() {
    let server = Serve::start(&[]);
    server.run(&["put", "text", "abc"]);
    for (expected, command) in [
        (1, &["get", "absent"][..]),
        (1, &["exists", "absent"]),
        (1, &["ttl", "absent"]),
        (1, &["delete", "absent"]),
        (1, &["put", "text", "x", "--if-absent"]),
        (1, &["put", "absent", "x", "--if-present"]),
        (1, &["put", "text", "x", "--if-version", "7"]),
        (1, &["get", "text", "--store", "nowhere"]),
        (2, &["get"]),
        (2, &["get", ""]),
        (2, &["put", "k", "v", "--ttl", "soon"]),
        (2, &["get", "k", "--server", "not a host"]),
        (2, &["clear"]),
        (6, &["incr", "text"]),
        (6, &["put", "text", "x", "--class", "cache"]),
    ] {
        let ran = server.run(command);
        assert_eq!(ran.code, expected, "{command:?}: {ran:?}");
        assert!(expected == 1 || !ran.err.is_empty(), "{command:?} says nothing");
    }
}

#[test]
fn an_error_in_json_is_one_object_on_standard_error_and_standard_output_stays_empty() {
    let ran = run(&mut holdfast(&[
        "get",
        "k",
        "--server",
        "127.0.0.1:1",
        "--timeout",
        "300ms",
        "--output",
        "json",
    ]));
    let error: serde_json::Value = serde_json::from_str(&ran.err).unwrap();
    assert_eq!((ran.code, ran.out.len()), (3, 0), "{ran:?}");
    assert_eq!(
        (
            &error["error"]["code"],
            &error["error"]["exit_code"],
            &error["error"]["outcome"]
        ),
        (&json!("Unavailable"), &json!(3), &json!("not-applied"))
    );
}

#[test]
fn conditions_versions_and_deadlines_work_from_a_shell() {
    let server = Serve::start(&["--clock", "manual"]);
    assert_eq!(
        server
            .run(&["put", "lock", "a", "--if-absent", "--ttl", "5m"])
            .code,
        0
    );
    assert_eq!(
        server
            .run(&["put", "lock", "b", "--if-absent", "--ttl", "5m"])
            .code,
        1
    );
    assert_eq!(server.run(&["ttl", "lock"]).text(), "5m");
    assert_eq!(
        server.run(&["ttl", "lock", "--output", "json"]).json()["ttl_ms"],
        json!(300_000)
    );
    let version = server.run(&["get", "lock", "--output", "json"]).json()["version"].to_string();
    let put = server.run(&["put", "lock", "c", "--if-version", &version, "--output", "json"]);
    assert_eq!((put.code, &put.json()["applied"]), (0, &json!(true)));
    assert_eq!(server.run(&["delete", "lock", "--if-version", &version]).code, 1);
    assert_eq!(server.run(&["ttl", "lock"]).text(), "none");
    assert_eq!(server.run(&["incr", "visits", "--by", "5"]).text(), "5");
    assert_eq!(
        server
            .run(&["incr", "visits", "--by", "-2", "--output", "json"])
            .json()["before"],
        json!(5)
    );
}

#[test]
fn a_scan_streams_every_page_in_order_and_stops_at_its_limit() {
    let server = Serve::start(&[]);
    for index in 0..25 {
        assert_eq!(
            server
                .run(&["put", &format!("k:{index:02}"), &format!("v{index}")])
                .code,
            0
        );
    }
    server.run(&["put", "other", "a\tb\nc"]);
    let scan = server.run(&["scan", "--prefix", "k:", "--page-size", "7", "--keys-only"]);
    let expected: Vec<String> = (0..25).map(|index| format!("k:{index:02}")).collect();
    assert_eq!(scan.text().lines().collect::<Vec<_>>(), expected);
    let scan = server.run(&["scan", "--descending", "--limit", "2", "--output", "json"]);
    let lines: Vec<serde_json::Value> = scan
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(
        (&lines[0]["key"], &lines[0]["value"]),
        (&json!("other"), &json!("a\tb\nc"))
    );
    assert_eq!(
        server.run(&["scan", "--prefix", "other"]).text(),
        "other\ta\\tb\\nc"
    );
}

#[test]
fn many_keys_are_removed_only_when_one_says_yes() {
    let server = Serve::start(&[]);
    for key in ["a:1", "a:2", "b:1"] {
        server.run(&["put", key, "x"]);
    }
    assert_eq!(server.run(&["delete", "--prefix", "a:"]).code, 2);
    assert_eq!(server.run(&["count"]).text(), "3");
    assert_eq!(server.run(&["delete", "--prefix", "a:", "--yes"]).text(), "2");
    assert_eq!(
        server.run(&["clear", "--yes", "--output", "json"]).json(),
        json!({"removed": 1})
    );
}

#[test]
fn stores_are_apart_and_a_connection_string_names_one() {
    let server = Serve::start(&[]);
    let url = format!("holdfast://{}/shop/carts?class=cache", server.listen);
    assert_eq!(server.run(&["put", "k", "cart", "--url", &url]).code, 0);
    assert_eq!(server.run(&["get", "k"]).code, 1);
    assert_eq!(server.run(&["get", "k", "--store", "shop/carts"]).text(), "cart");
    let stores = server.run(&["stores", "--output", "json"]).json();
    let cart = stores["stores"]
        .as_array()
        .unwrap()
        .iter()
        .find(|store| store["name"] == "shop/carts")
        .cloned();
    assert_eq!(cart.expect("it is listed")["class"], "cache");
}

#[test]
fn a_short_benchmark_counts_its_requests_and_shows_latencies() {
    let server = Serve::start(&[]);
    let flags = [
        "--requests",
        "500",
        "--keys",
        "50",
        "--in-flight",
        "8",
        "--connections",
        "2",
        "--read-share",
        "0.5",
    ];
    let ran = run(server.command(&["bench"]).args(flags).args(["--output", "json"]));
    let report = ran.json();
    assert_eq!(
        (ran.code, &report["requests"], &report["errors"]),
        (0, &json!(500), &json!(0)),
        "{ran:?}"
    );
    assert_eq!(report["hits"], report["reads"]);
    assert!(
        report["latency_us"]["percentiles"]["p50"].as_f64().unwrap() > 1.0,
        "{report}"
    );
    let text = run(server.command(&["bench"]).args(flags));
    assert!(
        text.text().contains("p99.9") && text.text().contains('#'),
        "{}",
        text.text()
    );
    let connections = server.run(&["connections", "--output", "json"]).json();
    assert_eq!(connections, json!({"connections": []}));
}

#[test]
fn a_benchmark_with_failed_requests_does_not_end_as_a_clean_one() {
    let server = Serve::start(&["--memory-limit", "64MiB"]);
    let flags = [
        "--requests",
        "40",
        "--in-flight",
        "2",
        "--read-share",
        "0.5",
        "--no-preload",
        "--value-size",
        "16MiB",
    ];
    let ran = run(server.command(&["bench"]).args(flags).args(["--output", "json"]));
    let report = ran.json();
    assert!(
        ran.code == 3 && report["errors"].as_u64() > Some(0) && report["requests"].as_u64() > Some(0),
        "{ran:?}"
    );
}

#[test]
fn a_value_on_standard_input_that_no_store_accepts_is_rejected() {
    let server = Serve::start(&[]);
    let value = vec![b'v'; 16 * 1024 * 1024 + 1];
    let ran = run_with(&mut server.command(&["put", "k", "-"]), &value);
    assert_eq!(ran.code, 6, "{ran:?}");
}
