//! The configuration file: TOML, with the settings' names.

use std::path::Path;

use holdfast_client::settings::table::{Setting, unknown_among};
use holdfast_proto::{Code, Error};
use toml::Value;

use super::effective::{Given, Origin};
use crate::args::is_serve_setting;

/// Reads the settings of a file.
///
/// # Errors
/// `InvalidSetting` that names the file, and the line or the setting.
pub(super) fn read(path: &Path) -> Result<Vec<Given>, Error> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| refused(path, &format!("it cannot be read: {error}")))?;
    // The parser's own message quotes the line, which may hold the token.
    let table: toml::Table = toml::from_str(&text).map_err(|error: toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = 1 + text.as_bytes()[..start]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count();
        refused(path, &format!("line {line} is not TOML: {}", error.message()))
    })?;
    table
        .iter()
        .map(|(name, value)| {
            let setting = Setting::find(name)
                .filter(|setting| is_serve_setting(setting))
                .ok_or_else(|| refused(path, &unknown_among(name, is_serve_setting)))?;
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Integer(number) => number.to_string(),
                Value::Boolean(on) => on.to_string(),
                _ => {
                    return Err(refused(
                        path,
                        &format!("setting '{name}' is no text, number or boolean"),
                    ));
                }
            };
            Ok(Given {
                setting,
                text,
                origin: Origin::File(path.to_owned()),
            })
        })
        .collect()
}

#[cold]
fn refused(path: &Path, problem: &str) -> Error {
    let message = format!("configuration file '{}': {problem}", path.display());
    Error::new(Code::InvalidSetting, message)
}
