//! Keys and values as people and JSON see them. They are bytes: what is not UTF-8 is escaped, or base64 in JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// Puts bytes into a JSON object: as the string `name`, or as `name_base64` when they are not UTF-8.
pub(crate) fn insert_bytes(object: &mut Map<String, Value>, name: &str, bytes: &[u8]) {
    match str::from_utf8(bytes) {
        Ok(text) => object.insert(name.to_owned(), text.into()),
        Err(_) => object.insert(format!("{name}_base64"), STANDARD.encode(bytes).into()),
    };
}

/// Bytes in a line of text: a tab, a line end, a backslash, what does not print and what is not UTF-8 are escaped, so
/// that a line stays a line and a terminal is not commanded.
pub(crate) fn escape(bytes: &[u8]) -> String {
    let mut escaped = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\'' | '"' => escaped.push(character),
                _ => escaped.extend(character.escape_debug()),
            }
        }
        for byte in chunk.invalid() {
            escaped += &format!("\\x{byte:02x}");
        }
    }
    escaped
}

/// `11.8 GiB`: for people, not exact.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let (mut size, mut unit) = (bytes as f64, 0);
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    let digits = if unit == 0 || size >= 100.0 { 0 } else { 1 };
    format!("{size:.digits$} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_text_are_base64_in_json() {
        let mut object = Map::new();
        insert_bytes(&mut object, "key", "größe".as_bytes());
        insert_bytes(&mut object, "value", &[0xff, 0]);
        assert_eq!(
            Value::Object(object),
            serde_json::json!({"key": "größe", "value_base64": "/wA="})
        );
    }

    #[test]
    fn a_line_of_text_stays_one_line_whatever_the_bytes_are() {
        assert_eq!(
            escape(b"a\tb\nc\\d\x1b[2J\xff'"),
            "a\\tb\\nc\\\\d\\u{1b}[2J\\xff'"
        );
    }

    #[test]
    fn sizes_for_people_have_a_unit_and_few_digits() {
        assert_eq!(
            [0, 1_000, 1_536, 12_638_251_008].map(size),
            ["0 B", "1000 B", "1.5 KiB", "11.8 GiB"]
        );
    }
}
