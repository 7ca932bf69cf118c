//! The library's source with its macros expanded, as the compiler sees it.
//!
//! Cargo is told to call this program in place of the compiler for the crates of the workspace, as clippy does, and all
//! of them are checked together, as for lints and tests: so dependencies are not compiled once more for this.

use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use serde_json::Value;

/// Tells this program that it is called in place of the compiler.
const IN_PLACE: &str = "HOLDFAST_EXPANDS";
/// The crate whose expanded source is wanted.
const CRATE: &str = "holdfast";
/// What only that crate is built as; the command line tool has the same name.
const KIND: &str = "cdylib";

/// What to end with when cargo has called this program in place of the compiler, which has done its work then.
pub(crate) fn in_place_of_compiler() -> Option<ExitCode> {
    std::env::var_os(IN_PLACE)?;
    let mut arguments = std::env::args_os().skip(1);
    let compiler = arguments.next()?;
    let arguments: Vec<OsString> = arguments.collect();
    let compiled = Command::new(&compiler).args(&arguments).status();
    let ended = match compiled {
        Ok(status) if status.success() => expand(&compiler, &arguments),
        Ok(_) => return Some(ExitCode::FAILURE),
        Err(error) => Err(error.into()),
    };
    Some(match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", compiler.display());
            ExitCode::FAILURE
        }
    })
}

/// Writes the expanded source beside what the compiler made of it.
fn expand(compiler: &OsStr, arguments: &[OsString]) -> Result<(), Box<dyn Error>> {
    let after = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)
    };
    if after("--crate-name").is_none_or(|name| name != CRATE) || !arguments.iter().any(|it| it == KIND) {
        return Ok(());
    }
    let extra = arguments
        .iter()
        .find_map(|argument| argument.to_str()?.strip_prefix("extra-filename="));
    let (Some(extra), Some(directory)) = (extra, after("--out-dir")) else {
        return Err(format!("{CRATE} is compiled without a name or a directory for it").into());
    };
    let expanded = Command::new(compiler)
        .args(arguments)
        .arg("-Zunpretty=expanded")
        // Expanded source is printed by a compiler of nightly, or by one that is told that it may.
        .env("RUSTC_BOOTSTRAP", "1")
        .stderr(Stdio::inherit())
        .output()?;
    if !expanded.status.success() {
        return Err(format!("no expanded source of {CRATE}").into());
    }
    std::fs::write(path(Path::new(directory), extra), expanded.stdout)?;
    Ok(())
}

fn path(directory: &Path, extra: &str) -> PathBuf {
    directory.join(format!("{CRATE}{extra}.expanded.rs"))
}

/// Where the expanded source of the library lies.
///
/// # Errors
/// The workspace does not compile.
pub(crate) fn source(root: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let (metadata, expanded) = check(root)?;
    if expanded.exists() {
        return Ok(expanded);
    }
    // Cargo knows nothing of this file: the crate is compiled again for it.
    std::fs::remove_file(metadata)?;
    Ok(check(root)?.1)
}

/// Has cargo bring up to date what the compiler, and then this program, make of the library.
fn check(root: &Path) -> Result<(PathBuf, PathBuf), Box<dyn Error>> {
    let checked = Command::new(root.join("ffi/cargo"))
        .args(["check", "--quiet", "--locked", "--workspace", "--lib"])
        // A test among what is checked: features are those of lints and tests.
        .args(["--test", "properties", "--message-format=json-render-diagnostics"])
        .env("RUSTC_WORKSPACE_WRAPPER", std::env::current_exe()?)
        .env(IN_PLACE, "1")
        .stderr(Stdio::inherit())
        .output()?;
    if !checked.status.success() {
        return Err("the workspace does not compile".into());
    }
    for line in String::from_utf8(checked.stdout)?.lines() {
        let message: Value = serde_json::from_str(line)?;
        let kinds = message["target"]["kind"].as_array();
        if !kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == KIND)) {
            continue;
        }
        let metadata = message["filenames"][0].as_str().map(Path::new);
        let made = metadata.and_then(|file| {
            let extra = file
                .file_stem()?
                .to_str()?
                .strip_prefix("lib")?
                .strip_prefix(CRATE)?;
            Some((file.to_owned(), path(file.parent()?, extra)))
        });
        return made.ok_or_else(|| format!("cargo names no file of {CRATE}").into());
    }
    Err(format!("cargo does not name {CRATE}").into())
}
