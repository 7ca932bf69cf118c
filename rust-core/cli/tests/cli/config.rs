//! Where `serve` takes its settings from, and what it refuses.

use std::fs;
use std::net::TcpListener;

use serde_json::json;

use crate::support::{Ran, holdfast, run};

fn serve(arguments: &[&str]) -> Ran {
    run(holdfast(&["serve"]).args(arguments))
}

#[test]
fn a_flag_wins_over_the_environment_the_environment_over_the_file_the_file_over_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("holdfast.toml");
    fs::write(
        &file,
        "node = \"of-file\"\nmax-connections = 7\nhttp = \"off\"\ntoken = \"hush-hush\"\n",
    )
    .unwrap();
    let print = |format: &str| {
        let mut command = holdfast(&["serve", "--print-config", "--node", "of-flag", "--output", format]);
        command
            .env("HOLDFAST_CONFIG", &file)
            .env("HOLDFAST_NODE", "of-environment");
        run(command
            .env("HOLDFAST_MAX_CONNECTIONS", "8")
            .env("HOLDFAST_INSECURE", "on"))
    };
    let settings = print("json").json();
    for (name, value, origin) in [
        ("node", "of-flag", "flag"),
        ("max-connections", "8", "environment"),
        ("insecure", "on", "environment"),
        ("http", "off", "file"),
        ("listen", "127.0.0.1:7861", "default"),
        ("token", "(hidden)", "file"),
    ] {
        assert_eq!(
            settings[name],
            json!({"value": value, "origin": origin}),
            "{name}"
        );
    }
    let text = print("text");
    assert_eq!(text.code, 0, "{text:?}");
    assert!(!text.text().contains("hush-hush"), "{text:?}");
    assert!(
        text.text().contains("# environment HOLDFAST_MAX_CONNECTIONS"),
        "{}",
        text.text()
    );
}

#[test]
fn the_printed_configuration_is_a_configuration_file_that_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("again.toml");
    let first = serve(&[
        "--print-config",
        "--memory-limit",
        "1GiB",
        "--stop-timeout",
        "2s",
        "--log-format",
        "json",
    ]);
    fs::write(&file, &first.out).unwrap();
    let second = serve(&["--print-config", "--config", file.to_str().unwrap()]);
    let values = |ran: &Ran| -> Vec<String> {
        let line = |line: &str| line.split('#').next().unwrap_or_default().trim().to_owned();
        ran.text()
            .lines()
            .map(line)
            .filter(|line| !line.is_empty())
            .collect()
    };
    assert_eq!(second.code, 0, "{second:?}");
    assert_eq!(values(&first), values(&second));
    assert!(
        values(&first).contains(&"memory-limit = \"1GiB\"".to_owned()),
        "{first:?}"
    );
}

#[test]
fn what_is_not_accepted_is_named_with_its_place_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let file = |text: &str| {
        let path = folder.path().join("bad.toml");
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    for (ran, expected) in [
        (serve(&["--listen", "7861"]), "(from flag --listen)"),
        (
            serve(&["--max-connections", "0"]),
            "setting 'max-connections' is '0'",
        ),
        (serve(&["--threads", "0"]), "setting 'threads' is '0'"),
        (
            serve(&["--config", "/nowhere/holdfast.toml"]),
            "'/nowhere/holdfast.toml': it cannot be read",
        ),
        (
            serve(&["--config", &file("listn = \"x\"\n")]),
            "did you mean 'listen'",
        ),
        (
            serve(&["--config", &file("a = 1\ntoken = \"hush\n")]),
            "line 2 is not TOML",
        ),
        (
            serve(&["--config", &file("max-memory = \"1GiB\"\n")]),
            "unknown setting 'max-memory'",
        ),
        (
            serve(&["--config", &file("listen = [1]\n")]),
            "setting 'listen' is no text",
        ),
        (serve(&["--tls-key", "node.key"]), "without 'tls-certificate'"),
        (
            serve(&["--tls-key", "/nowhere.key", "--tls-certificate", "/nowhere.pem"]),
            "setting 'tls-certificate' is '/nowhere.pem': it cannot be read",
        ),
        (
            run(holdfast(&["serve"]).env("HOLDFAST_LISTEN", "x")),
            "(from environment HOLDFAST_LISTEN)",
        ),
    ] {
        assert_eq!((ran.code, ran.out.len()), (2, 0), "{expected}: {ran:?}");
        assert!(
            ran.err.contains(expected) && !ran.err.contains("hush"),
            "{expected}: {ran:?}"
        );
        let sentences = ran
            .err
            .lines()
            .filter(|line| line.starts_with("holdfast: "))
            .count();
        assert_eq!(sentences, 1, "{ran:?}");
    }
}

#[test]
fn a_port_in_use_is_said_with_its_address() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = serve(&["--listen", &address, "--http", "off"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(
        ran.err.contains(&address) && ran.err.contains("in use"),
        "{ran:?}"
    );
}

#[test]
fn nothing_is_served_beyond_loopback_in_the_clear_unless_told_so() {
    for flags in [
        ["--listen", "0.0.0.0:0", "--http", "off"],
        ["--listen", "127.0.0.1:0", "--http", "0.0.0.0:0"],
    ] {
        let ran = serve(&flags);
        assert_eq!((ran.code, ran.out.len()), (5, 0), "{ran:?}");
        assert!(
            ran.err.contains("0.0.0.0:0 can be reached") && ran.err.contains("--insecure"),
            "{ran:?}"
        );
    }
    let insecure = crate::support::Serve::start(&["--insecure"]);
    assert_eq!(insecure.run(&["health"]).code, 0);
}

#[test]
fn an_authority_for_clients_without_a_certificate_is_told_what_is_missing() {
    let ran = serve(&["--tls-client-ca", "clients.pem"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(
        ran.err.contains("'tls-certificate'") && ran.err.contains("'tls-key'"),
        "{ran:?}"
    );
}
