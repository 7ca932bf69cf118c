//! Which server is asked, and what is said when something else answers there.

use crate::support::{Ran, Serve, holdfast, run};

/// Where nobody listens.
const NOBODY: &str = "127.0.0.1:1";

fn asked(arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    let mut command = holdfast(arguments);
    command.envs(environment.iter().copied());
    run(command.args(["--timeout", "1s"]))
}

#[test]
fn a_flag_says_which_server_is_asked_whatever_the_environment_says() {
    let server = Serve::start(&["--node", "meant"]);
    let url = format!("holdfast://{}", server.listen);
    let nobody = format!("holdfast://{NOBODY}/other");
    for (flags, environment) in [
        (["--server", &server.listen], [("HOLDFAST_URL", nobody.as_str())]),
        (["--url", &url], [("HOLDFAST_SERVER", NOBODY)]),
        (["--url", &url], [("HOLDFAST_URL", nobody.as_str())]),
    ] {
        let ran = asked(&["node", flags[0], flags[1]], &environment);
        assert!(
            ran.code == 0 && ran.text().contains("meant"),
            "{flags:?} {environment:?}: {ran:?}"
        );
    }
}

#[test]
fn the_store_of_a_connection_string_that_is_a_flag_is_the_one_asked() {
    let server = Serve::start(&[]);
    let url = format!("holdfast://{}/carts", server.listen);
    assert_eq!(server.run(&["put", "k", "in carts", "--store", "carts"]).code, 0);
    let ran = asked(&["get", "k", "--url", &url], &[("HOLDFAST_STORE", "other")]);
    assert_eq!((ran.code, ran.text()), (0, "in carts"), "{ran:?}");
}

#[test]
fn flags_that_contradict_each_other_are_not_accepted() {
    for flags in [
        &["--server", NOBODY, "--url", "holdfast://127.0.0.1:1"][..],
        &["--url", "holdfasts://127.0.0.1:1", "--tls=off"],
        &["--tls-ca", "ca.pem", "--tls=off"],
    ] {
        let ran = run(holdfast(&["get", "k"]).args(flags));
        assert_eq!(ran.code, 2, "{flags:?}: {ran:?}");
        assert!(
            ran.err.contains("--url") || ran.err.contains("--tls=off"),
            "{ran:?}"
        );
    }
}

#[test]
fn an_empty_variable_is_none_but_an_empty_token_is_an_error() {
    let server = Serve::start(&[]);
    let empty = [
        "HOLDFAST_URL",
        "HOLDFAST_STORE",
        "HOLDFAST_TIMEOUT",
        "HOLDFAST_TLS",
        "HOLDFAST_TLS_CA",
        "HOLDFAST_TLS_CERTIFICATE",
        "HOLDFAST_TLS_KEY",
        "HOLDFAST_TLS_SERVER_NAME",
        "HOLDFAST_OUTPUT",
    ];
    let ran = run(server
        .command(&["ping", "--count", "1"])
        .envs(empty.map(|name| (name, ""))));
    assert_eq!(ran.code, 0, "{ran:?}");
    let settings = run(holdfast(&["serve", "--print-config"]).env("HOLDFAST_LISTEN", ""));
    assert_eq!(settings.code, 0, "{settings:?}");
    let ran = run(server
        .command(&["ping", "--count", "1"])
        .env("HOLDFAST_TOKEN", ""));
    assert_eq!(ran.code, 2, "{ran:?}");
}

#[test]
fn who_asks_the_http_port_for_a_session_is_told_so() {
    let server = Serve::start(&[]);
    let http = server.http.clone().expect("HTTP is on");
    let ran = asked(&["get", "k", "--server", &http], &[]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.err.contains("'HTTP'") && ran.err.contains("7861"), "{ran:?}");
}

#[test]
fn who_asks_for_tls_where_there_is_none_is_told_so() {
    let server = Serve::start(&[]);
    let ran = asked(&["get", "k", "--server", &server.listen, "--tls"], &[]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.err.contains("without TLS"), "{ran:?}");
}
