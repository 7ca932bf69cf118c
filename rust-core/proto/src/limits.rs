//! Limits of what callers give (keys, values, batches, deadlines, bounds), checked before anything is sent and again
//! where it arrives. Errors say the limit and the size.

use crate::{Code, Error, bytes_text};
use holdfast_state::{MAX_BATCH, MAX_KEY, MAX_TTL_MS};

/// Most characters of a key in a message.
pub const MOST_KEY_CHARACTERS: usize = 64;

/// A key has 1 byte to 32 KiB.
#[inline]
pub fn check_key(key: &[u8]) -> Result<(), Error> {
    if key.is_empty() || key.len() > MAX_KEY {
        Err(key_refused(key))
    } else {
        Ok(())
    }
}

/// A value has at most the store's `max-value` bytes.
#[inline]
pub fn check_value(key: &[u8], length: usize, max_value: u32) -> Result<(), Error> {
    if length > max_value as usize {
        Err(value_refused(key, length, max_value))
    } else {
        Ok(())
    }
}

/// The keys and values of one batch have at most 16 MiB together.
#[inline]
pub fn check_batch(bytes: usize) -> Result<(), Error> {
    if bytes > MAX_BATCH {
        Err(batch_refused(bytes))
    } else {
        Ok(())
    }
}

/// A time to live or a sliding window is 1 ms to 100 years. `what` names it in the error: `time to live`.
#[inline]
pub fn check_ttl(what: &str, ttl_ms: i64) -> Result<u64, Error> {
    match u64::try_from(ttl_ms) {
        Ok(ttl_ms @ 1..=MAX_TTL_MS) => Ok(ttl_ms),
        _ => Err(ttl_refused(what, ttl_ms)),
    }
}

/// The bounds of an increment leave room for a number.
#[inline]
pub fn check_bounds(key: &[u8], minimum: i64, maximum: i64) -> Result<(), Error> {
    if minimum > maximum {
        Err(bounds_refused(key, minimum, maximum))
    } else {
        Ok(())
    }
}

/// A clock is advanced by 0 ms or more.
pub fn check_clock_step(by_ms: i64) -> Result<u64, Error> {
    u64::try_from(by_ms).map_err(|_| {
        let message = format!("a clock does not go back: advanced by {by_ms} ms");
        Error::new(Code::InvalidArgument, message)
    })
}

/// A key as it may appear in messages: UTF-8 as it is, what does not print and what is not UTF-8 escaped, cut at
/// [`MOST_KEY_CHARACTERS`] characters with an ellipsis after them.
pub fn escape_key(key: &[u8]) -> String {
    let mut escaped = String::new();
    let mut characters = 0;
    for chunk in key.utf8_chunks() {
        let valid = chunk.valid().chars().map(|character| match character {
            '\'' | '"' => character.to_string(),
            _ => character.escape_debug().to_string(),
        });
        let invalid = chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}"));
        for piece in valid.chain(invalid) {
            characters += piece.chars().count();
            if characters > MOST_KEY_CHARACTERS {
                escaped.push('…');
                return escaped;
            }
            escaped.push_str(&piece);
        }
    }
    escaped
}

#[cold]
fn key_refused(key: &[u8]) -> Error {
    let most = bytes_text(MAX_KEY as u64);
    if key.is_empty() {
        return Error::new(
            Code::InvalidKey,
            format!("the key is empty: a key has 1 byte to {most}"),
        );
    }
    let (shown, length) = (escape_key(key), key.len());
    Error::new(
        Code::KeyTooLarge,
        format!("the key '{shown}' has {length} bytes: a key has at most {most}"),
    )
}

#[cold]
fn value_refused(key: &[u8], length: usize, max_value: u32) -> Error {
    let (shown, most) = (escape_key(key), bytes_text(u64::from(max_value)));
    Error::new(
        Code::ValueTooLarge,
        format!(
            "the value of key '{shown}' has {length} bytes: the store accepts at most {most} (max-value)"
        ),
    )
}

#[cold]
fn batch_refused(bytes: usize) -> Error {
    let most = bytes_text(MAX_BATCH as u64);
    Error::new(
        Code::BatchTooLarge,
        format!("the batch has {bytes} bytes of keys and values: at most {most} go in one"),
    )
}

#[cold]
fn ttl_refused(what: &str, ttl_ms: i64) -> Error {
    Error::new(
        Code::InvalidTtl,
        format!("the {what} is {ttl_ms} ms: it takes 1 ms to 100 years ({MAX_TTL_MS} ms)"),
    )
}

#[cold]
fn bounds_refused(key: &[u8], minimum: i64, maximum: i64) -> Error {
    let shown = escape_key(key);
    Error::new(
        Code::InvalidArgument,
        format!("the bounds of '{shown}' are empty: minimum {minimum} is above maximum {maximum}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(result: Result<(), Error>) -> Option<Code> {
        result.err().map(|error| error.code)
    }

    #[test]
    fn a_key_has_one_byte_to_32_kib() {
        assert_eq!(code(check_key(b"")), Some(Code::InvalidKey));
        assert_eq!(code(check_key(b"\0")), None);
        assert_eq!(code(check_key(&vec![b'k'; MAX_KEY])), None);
        let error = check_key(&vec![b'k'; MAX_KEY + 1]).unwrap_err();
        assert_eq!(error.code, Code::KeyTooLarge);
        assert!(
            error.message.contains("32769 bytes") && error.message.contains("32KiB"),
            "{error}"
        );
        assert!(error.message.len() < 200, "{error}");
    }

    #[test]
    fn a_value_has_at_most_the_stores_max_value() {
        assert_eq!(code(check_value(b"k", 0, 1024)), None);
        assert_eq!(code(check_value(b"k", 1024, 1024)), None);
        let error = check_value(b"cart:1", 1025, 1024).unwrap_err();
        assert_eq!(error.code, Code::ValueTooLarge);
        for part in ["'cart:1'", "1025 bytes", "1KiB"] {
            assert!(error.message.contains(part), "{part} is missing in: {error}");
        }
    }

    #[test]
    fn a_batch_has_at_most_16_mib() {
        assert_eq!(code(check_batch(16 << 20)), None);
        let error = check_batch((16 << 20) + 1).unwrap_err();
        assert_eq!(error.code, Code::BatchTooLarge);
        assert!(
            error.message.contains("16777217") && error.message.contains("16MiB"),
            "{error}"
        );
    }

    #[test]
    fn a_ttl_is_one_millisecond_to_100_years() {
        assert_eq!(check_ttl("time to live", 1), Ok(1));
        assert_eq!(check_ttl("time to live", MAX_TTL_MS as i64), Ok(MAX_TTL_MS));
        for ttl_ms in [0, -1, i64::MIN, MAX_TTL_MS as i64 + 1, i64::MAX] {
            let error = check_ttl("sliding window", ttl_ms).unwrap_err();
            assert_eq!(error.code, Code::InvalidTtl);
            assert!(
                error.message.contains(&format!("sliding window is {ttl_ms} ms")),
                "{error}"
            );
        }
    }

    #[test]
    fn the_bounds_of_an_increment_leave_room_for_a_number() {
        assert_eq!(code(check_bounds(b"k", 3, 3)), None);
        assert_eq!(code(check_bounds(b"k", i64::MIN, i64::MAX)), None);
        let error = check_bounds(b"stock", 4, 3).unwrap_err();
        assert_eq!(error.code, Code::InvalidArgument);
        assert_eq!(
            error.message,
            "the bounds of 'stock' are empty: minimum 4 is above maximum 3"
        );
    }

    #[test]
    fn a_clock_does_not_go_back() {
        assert_eq!(check_clock_step(0), Ok(0));
        assert_eq!(check_clock_step(i64::MAX), Ok(i64::MAX as u64));
        let error = check_clock_step(-1).unwrap_err();
        assert_eq!(error.code, Code::InvalidArgument);
        assert!(error.message.ends_with("by -1 ms"), "{error}");
    }

    #[test]
    fn keys_in_messages_are_escaped_and_cut_at_64_characters() {
        assert_eq!(escape_key("größe:'a b'".as_bytes()), "größe:'a b'");
        assert_eq!(escape_key(b"a\n\0\xff\xfe"), "a\\n\\0\\xff\\xfe");
        assert_eq!(escape_key("a\u{202e}b".as_bytes()), "a\\u{202e}b");
        assert_eq!(escape_key(&[b'k'; 64]), "k".repeat(64));
        assert_eq!(escape_key(&[b'k'; 65]), "k".repeat(64) + "…");
        assert_eq!(escape_key(&[0xff; 40]), "\\xff".repeat(16) + "…");
    }
}
