//! The C header, by cbindgen from the expanded source (the `extern "C"` functions and `repr(C)` exist
//! only there).

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use cbindgen::{Builder, Config, Language};

/// The header of the expanded source, with `docs` by function name (the expanded functions have lost theirs).
pub(crate) fn header(expanded: &Path, docs: &BTreeMap<String, String>) -> Result<String, Box<dyn Error>> {
    let mut config = Config {
        language: Language::C,
        include_guard: Some("HOLDFAST_H".to_owned()),
        header: Some("/* Written by ffi/gen; do not edit. */".to_owned()),
        documentation: true,
        usize_is_size_t: true,
        ..Config::default()
    };
    config.enumeration.prefix_with_name = true;
    // Named by no function's signature, but part of what crosses.
    let named_by_none = [
        "HfOp",
        "HfEchoMode",
        "HfStatus",
        "HfFreshness",
        "HfItem",
        "HfStats",
        "HfLogLine",
    ];
    config.export.include = named_by_none.map(str::to_owned).to_vec();
    config.export.exclude = vec!["ABI_VERSION".to_owned()];
    let bindings = Builder::new().with_src(expanded).with_config(config).generate()?;
    let mut text = Vec::new();
    bindings.write(&mut text);
    let mut documented = String::new();
    for line in String::from_utf8(text)?.lines() {
        let function = line
            .split_once('(')
            .and_then(|(before, _)| before.rsplit([' ', '*']).next());
        if let Some(comment) = function
            .filter(|_| !line.starts_with(' '))
            .and_then(|name| docs.get(name))
        {
            documented.push_str(comment);
        }
        documented.push_str(line);
        documented.push('\n');
    }
    Ok(documented)
}
