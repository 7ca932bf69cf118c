//! Writes what is generated from the ABI: `ffi/include/holdfast.h`, `ffi/src/abi_version.rs` and
//! `Interop.g.cs` of the C# client; and `docs/settings.md` from the table of settings. With `--check` it writes nothing and fails when one is stale.

mod csharp;
mod expanded;
mod header;
mod settings;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use xxhash_rust::xxh3::xxh3_64;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    if let Some(ended) = expanded::in_place_of_compiler() {
        return Ok(ended);
    }
    let check = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--check") => true,
        Some(other) => return Err(format!("unknown argument {other}; the only one is --check").into()),
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()?;
    let mut bindings = csharp::bindings()?;
    let header = header::header(&expanded::source(&root)?, &csharp::function_docs(&bindings))?;
    bindings += &csharp::numbers(&header)?;
    let hash = xxh3_64(bindings.as_bytes());
    let outputs = [
        (root.join("ffi/include/holdfast.h"), header),
        (root.join("ffi/src/abi_version.rs"), abi_version(hash)),
        (root.join("docs/settings.md"), settings::page()),
        (
            root.join("bindings-csharp/src/Holdfast.Client/Interop/Interop.g.cs"),
            csharp::with_abi_version(&bindings, hash),
        ),
    ];
    let mut stale = false;
    for (path, text) in outputs {
        stale |= settle(&path, &text, check)?;
    }
    if check && stale {
        eprintln!("generated files are stale; run: ffi/cargo run -p holdfast-ffi-gen");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a file when its text changed; with `check` only says so. True when it was not up to date.
fn settle(path: &PathBuf, text: &str, check: bool) -> Result<bool, Box<dyn Error>> {
    if std::fs::read_to_string(path).is_ok_and(|present| present == text) {
        return Ok(false);
    }
    if check {
        eprintln!("stale: {}", path.display());
    } else {
        std::fs::create_dir_all(path.parent().ok_or("a file has a folder")?)?;
        std::fs::write(path, text)?;
        println!("written: {}", path.display());
    }
    Ok(true)
}

fn abi_version(hash: u64) -> String {
    format!(
        "// Written by ffi/gen; do not edit.\n\n\
         /// Hash of the ABI's inventory; the generated C# bindings hold the same number.\n\
         pub const ABI_VERSION: u64 = {hash:#018x};\n"
    )
}
