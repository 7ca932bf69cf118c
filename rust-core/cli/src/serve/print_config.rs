//! `--print-config`: the settings that would hold, as a file that would give the same.

use holdfast_client::settings::table::Kind;
use serde_json::{Map, Value, json};

use super::effective::{Effective, Held};
use crate::exit::Failure;
use crate::output::Printer;

/// TOML with the origin of each value as a comment; secrets are not shown.
pub(super) fn print(effective: &Effective, printer: &mut Printer) -> Result<(), Failure> {
    if printer.is_json() {
        let settings: Map<String, Value> = effective.iter().map(object).collect();
        return printer.answer(&settings, "");
    }
    let lines: Vec<String> = effective.iter().map(line).collect();
    printer.answer(&(), lines.join("\n"))
}

fn line(held: &Held) -> String {
    let name = held.setting.name;
    let origin = held.origin.place(held.setting);
    let assignment = match &held.text {
        None => format!("# {name} is not given"),
        Some(_) if held.setting.kind == Kind::Secret => format!("# {name} = (hidden)"),
        Some(text) => format!("{name} = {}", toml_value(held.setting.kind, text)),
    };
    format!("{assignment:<44} # {origin}")
}

fn toml_value(kind: Kind, text: &str) -> toml::Value {
    let number = matches!(kind, Kind::Number { .. })
        .then(|| text.parse().ok())
        .flatten();
    match number {
        Some(number) => toml::Value::Integer(number),
        None => toml::Value::String(text.to_owned()),
    }
}

fn object(held: &Held) -> (String, Value) {
    let hidden = held.setting.kind == Kind::Secret && held.text.is_some();
    let value = if hidden {
        Some("(hidden)")
    } else {
        held.text.as_deref()
    };
    (
        held.setting.name.to_owned(),
        json!({"value": value, "origin": held.origin.word()}),
    )
}
