//! Connection strings: what is accepted is written as a text that says the same, what is refused is a typed error that
//! shows no credentials.
#![no_main]

use holdfast_client::ConnectionString;
use holdfast_client::connection_string::parse_store_name;
use holdfast_proto::Code;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = parse_store_name(text);
    match ConnectionString::parse(text, &[]) {
        Ok(mut parsed) => {
            let written = parsed.to_string();
            // A secret: it is read, never written.
            parsed.settings.client.token = None;
            let again = ConnectionString::parse(&written, &[])
                .unwrap_or_else(|error| panic!("{text:?} is written as {written:?}: {error}"));
            assert_eq!(again, parsed, "{written}");
        }
        Err(error) => {
            assert!(
                matches!(error.code, Code::InvalidConnectionString | Code::InvalidSetting),
                "{error}"
            );
            assert!(!error.message.is_empty() && error.message.len() < 4_096, "{error}");
        }
    }
});
