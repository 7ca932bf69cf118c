//! From a setting's text to its value and back. Errors name the setting, the text and what is accepted.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use bytesize::ByteSize;
use holdfast_proto::{Code, Error, bytes_text};

use super::table::{Kind, Setting, pascal_case};
use crate::limits::escape_key;
use crate::remote::Reads;

/// An enumeration whose words are those of a row of the table, in its order.
pub(super) trait Words: Copy + PartialEq + 'static {
    const WORDS: &'static [(&'static str, Self)];

    fn word(self) -> &'static str {
        let (word, _) = Self::WORDS
            .iter()
            .find(|(_, value)| *value == self)
            .expect("each value has a word: a test sets each word of the table");
        word
    }
}

pub(super) fn bytes(setting: &Setting, text: &str) -> Result<u64, Error> {
    let Kind::Bytes { least, most } = setting.kind else {
        mistyped(setting)
    };
    text.parse::<ByteSize>()
        .ok()
        .map(|size| size.as_u64())
        .filter(|bytes| (least..=most).contains(bytes))
        .ok_or_else(|| refused(setting, text))
}

/// `None` for the word `none`. Fractions of a millisecond round up, so that nothing lives shorter than it was told.
pub(super) fn duration_or_none(setting: &Setting, text: &str) -> Result<Option<Duration>, Error> {
    let Kind::Duration { most_ms, or_none } = setting.kind else {
        mistyped(setting)
    };
    if or_none && text.eq_ignore_ascii_case("none") {
        return Ok(None);
    }
    humantime::parse_duration(text)
        .ok()
        .map(|duration| duration.as_nanos().div_ceil(1_000_000))
        .filter(|ms| (1..=u128::from(most_ms)).contains(ms))
        .map(|ms| Some(Duration::from_millis(ms as u64)))
        .ok_or_else(|| refused(setting, text))
}

pub(super) fn duration(setting: &Setting, text: &str) -> Result<Duration, Error> {
    duration_or_none(setting, text)?.ok_or_else(|| refused(setting, text))
}

/// What comes before the age of reads that may be old.
const BOUNDED: &str = "bounded";
/// Longest age that fits a request.
const MOST_STALENESS_MS: u128 = u32::MAX as u128;

/// `bounded` without an age means nothing: every replica would answer.
pub(super) fn reads(setting: &Setting, text: &str) -> Result<Reads, Error> {
    if setting.kind != Kind::Freshness {
        mistyped(setting)
    }
    if is_word("linearizable", text) {
        return Ok(Reads::Linearizable);
    }
    if is_word("local", text) {
        return Ok(Reads::Local);
    }
    text.split_once(':')
        .filter(|(word, _)| is_word(BOUNDED, word))
        .and_then(|(_, age)| humantime::parse_duration(age).ok())
        .map(|age| age.as_nanos().div_ceil(1_000_000))
        .filter(|ms| (1..=MOST_STALENESS_MS).contains(ms))
        .map(|ms| Reads::Bounded(Duration::from_millis(ms as u64)))
        .ok_or_else(|| refused(setting, text))
}

pub(super) fn reads_text(reads: Reads) -> String {
    match reads {
        Reads::Linearizable => "linearizable".to_owned(),
        Reads::Bounded(age) => format!("{BOUNDED}:{}", duration_text(age)),
        Reads::Local => "local".to_owned(),
    }
}

pub(super) fn word<T: Words>(setting: &Setting, text: &str) -> Result<T, Error> {
    T::WORDS
        .iter()
        .find(|(word, _)| is_word(word, text))
        .map(|(_, value)| *value)
        .ok_or_else(|| refused(setting, text))
}

pub(super) fn switch(setting: &Setting, text: &str) -> Result<bool, Error> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    if is("on") || is("true") {
        Ok(true)
    } else if is("off") || is("false") {
        Ok(false)
    } else {
        Err(refused(setting, text))
    }
}

pub(super) fn text(setting: &Setting, text: &str) -> Result<String, Error> {
    let printable = || !text.chars().any(char::is_control);
    let accepted = match setting.kind {
        Kind::Name => is_name(text),
        Kind::Text => (1..=MOST_CHARACTERS).contains(&text.chars().count()) && printable(),
        Kind::Path | Kind::Secret => (1..=MOST_BYTES).contains(&text.len()) && printable(),
        _ => mistyped(setting),
    };
    if accepted {
        Ok(text.to_owned())
    } else {
        Err(refused(setting, text))
    }
}

pub(super) fn number(setting: &Setting, text: &str) -> Result<u64, Error> {
    let Kind::Number { least, most } = setting.kind else {
        mistyped(setting)
    };
    text.parse()
        .ok()
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| refused(setting, text))
}

/// `None` for the word `off`.
pub(super) fn address(setting: &Setting, text: &str) -> Result<Option<(String, u16)>, Error> {
    let Kind::Address { or_off } = setting.kind else {
        mistyped(setting)
    };
    if or_off && text.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    split(text).map(Some).ok_or_else(|| refused(setting, text))
}

fn split(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| port.parse().ok())??;
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?.to_string(),
        None => Some(host).filter(|host| is_host(host))?.to_owned(),
    };
    Some((host, port))
}

/// Addresses with commas between them; a port of 0 is none that others could ask.
pub(super) fn addresses(setting: &Setting, text: &str) -> Result<Vec<String>, Error> {
    if setting.kind != Kind::Addresses {
        mistyped(setting)
    }
    let one = |part: &str| {
        let (_, port) = split(part)?;
        (port != 0).then(|| part.to_owned())
    };
    text.split(',')
        .map(|part| one(part.trim()))
        .collect::<Option<_>>()
        .ok_or_else(|| refused(setting, text))
}

/// A host's name or its address in version 4.
pub(crate) fn is_host(text: &str) -> bool {
    const MOST_HOST_CHARACTERS: usize = 253;
    let accepted = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let looks_like_ipv4 = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    (1..=MOST_HOST_CHARACTERS).contains(&text.len())
        && text.bytes().all(accepted)
        && (!looks_like_ipv4 || text.parse::<Ipv4Addr>().is_ok())
}

/// Longest path and longest secret.
const MOST_BYTES: usize = 4096;

/// Longest name of a store, tenant or node, and longest free text.
pub(crate) const MOST_CHARACTERS: usize = 128;

/// Whether a text can name a store, a tenant or a node. `.` and `..` cannot: tools that normalise URIs remove them.
pub(crate) fn is_name(text: &str) -> bool {
    let accepted = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=MOST_CHARACTERS).contains(&text.len()) && text.bytes().all(accepted) && text != "." && text != ".."
}

pub(super) fn check(setting: &Setting, given: &str) -> Result<(), Error> {
    match setting.kind {
        Kind::Bytes { .. } => bytes(setting, given).map(drop),
        Kind::Duration { .. } => duration_or_none(setting, given).map(drop),
        Kind::Enum(words) if words.iter().any(|word| is_word(word, given)) => Ok(()),
        Kind::Enum(_) => Err(refused(setting, given)),
        Kind::Bool => switch(setting, given).map(drop),
        Kind::Name | Kind::Text | Kind::Path | Kind::Secret => text(setting, given).map(drop),
        Kind::Address { .. } => address(setting, given).map(drop),
        Kind::Addresses => addresses(setting, given).map(drop),
        Kind::Freshness => reads(setting, given).map(drop),
        Kind::Number { .. } => number(setting, given).map(drop),
    }
}

pub(super) fn duration_text(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

pub(super) fn switch_text(on: bool) -> String {
    if on { "on" } else { "off" }.to_owned()
}

// C# and JSON spell an enumeration's words in Pascal case.
fn is_word(word: &str, text: &str) -> bool {
    text.eq_ignore_ascii_case(word) || text.eq_ignore_ascii_case(&pascal_case(word))
}

#[cold]
fn refused(setting: &Setting, text: &str) -> Error {
    let accepted = match setting.kind {
        Kind::Bytes { least, most } => {
            let (least, most) = (bytes_text(least), bytes_text(most));
            format!("a size from {least} to {most}, such as 512KiB, 64MiB or 1048576")
        }
        Kind::Duration { most_ms, or_none } => {
            let most = duration_text(Duration::from_millis(most_ms));
            let none = if or_none { ", or none" } else { "" };
            format!("a duration from 1ms to {most}, such as 250ms, 5s or 1h 30m{none}")
        }
        Kind::Enum(words) => words.join(" or "),
        Kind::Bool => "on or off".to_owned(),
        Kind::Name => {
            format!("1 to {MOST_CHARACTERS} of the characters A-Z a-z 0-9 . _ - (not only . or ..)")
        }
        Kind::Text => format!("1 to {MOST_CHARACTERS} characters, none of them a control character"),
        Kind::Path => format!("a file's path of at most {MOST_BYTES} bytes, without control characters"),
        Kind::Secret => format!("1 to {MOST_BYTES} bytes, without control characters"),
        Kind::Address { or_off } => {
            let off = if or_off { ", or off" } else { "" };
            format!("an address such as 127.0.0.1:7861, [::1]:7861 or localhost:0{off}")
        }
        Kind::Freshness => "linearizable, local, or bounded with an age, such as bounded:500ms".to_owned(),
        Kind::Addresses => "addresses such as host1:7861,host2:7861,host3:7861".to_owned(),
        Kind::Number { least, most } => format!("a whole number from {least} to {most}"),
    };
    let name = setting.name;
    let shown = match setting.kind {
        Kind::Secret => "not accepted".to_owned(),
        _ => format!("'{}'", escape_key(text.as_bytes())),
    };
    Error::new(
        Code::InvalidSetting,
        format!("setting '{name}' is {shown}: it takes {accepted}"),
    )
}

fn mistyped(setting: &Setting) -> ! {
    unreachable!("'{}' is read as another kind than the table says", setting.name)
}
