//! The C# bindings, by interoptopus, made internal: nothing generated is public API.

use std::collections::BTreeMap;
use std::error::Error;

use interoptopus_csharp::RustLibrary;
use interoptopus_csharp::dispatch::Dispatch;

const FIRST_LINE: &str = "public static partial class Interop {\n";

/// The bindings without the ABI's version (which is the hash of this text).
pub(crate) fn bindings() -> Result<String, Box<dyn Error>> {
    let files = RustLibrary::builder(holdfast::inventory())
        .dll_name("holdfast")
        .dispatch(Dispatch::single_file("Holdfast.Interop"))
        .build()
        .process()?;
    let folder = tempfile::tempdir()?;
    files.write_buffers_to(folder.path())?;
    let text = std::fs::read_to_string(folder.path().join("Interop.cs"))?;
    if !text.contains(FIRST_LINE) {
        return Err("the generator's C# looks different: Interop's first line is not found".into());
    }
    Ok(internal(&text))
}

/// The bindings as they are committed.
pub(crate) fn with_abi_version(bindings: &str, hash: u64) -> String {
    let class = FIRST_LINE.replace("public", "internal");
    let constant = format!("{class}\n    internal const ulong AbiVersion = {hash:#018x};\n");
    bindings.replacen(&class, &constant, 1)
}

/// The functions' comments by name, as C comments.
pub(crate) fn function_docs(bindings: &str) -> BTreeMap<String, String> {
    let mut docs = BTreeMap::new();
    let mut comment = Vec::new();
    for line in bindings.lines().map(str::trim_start) {
        if let Some(text) = line.strip_prefix("///") {
            comment.push(text.to_owned());
        } else if let Some(rest) = line.strip_prefix("[LibraryImport(NativeLib, EntryPoint = \"") {
            let name = rest.split('"').next().unwrap_or_default().to_owned();
            let lines = std::mem::take(&mut comment);
            if !lines.is_empty() {
                let body: String = lines.iter().map(|text| format!(" *{text}\n")).collect();
                docs.insert(name, format!("/**\n{body} */\n"));
            }
        } else {
            comment.clear();
        }
    }
    docs
}

/// The numbers that the bindings leave out, as C# enums: the header's enums and the bits of flags.
pub(crate) fn numbers(header: &str) -> Result<String, Box<dyn Error>> {
    let mut text = String::new();
    for (source, name) in [
        ("HfOp_", "Op"),
        ("HfEchoMode_", "EchoMode"),
        ("HfStatus_", "Status"),
        ("HfFreshness_", "Freshness"),
    ] {
        // `  HfOp_OpenStore = 1,`
        let members: Vec<(String, String)> = header
            .lines()
            .filter_map(|line| {
                line.trim()
                    .strip_prefix(source)?
                    .trim_end_matches(',')
                    .split_once(" = ")
            })
            .map(|(member, number)| (member.to_owned(), number.to_owned()))
            .collect();
        text += &number_enum("", name, &members)?;
    }
    for (source, name) in [("HF_REQUEST_", "RequestFlags"), ("HF_REPLY_", "ReplyFlags")] {
        // `#define HF_REQUEST_IF_PRESENT (1 << 1)`
        let mut members = vec![("None".to_owned(), "0".to_owned())];
        members.extend(
            header
                .lines()
                .filter_map(|line| {
                    line.strip_prefix("#define ")?
                        .strip_prefix(source)?
                        .split_once(' ')
                })
                .map(|(member, bits)| (pascal_case(member), bits.trim_matches(['(', ')']).to_owned())),
        );
        text += &number_enum("[Flags]\n", name, &members)?;
    }
    Ok(text)
}

fn number_enum(attribute: &str, name: &str, members: &[(String, String)]) -> Result<String, Box<dyn Error>> {
    if members.len() < 2 {
        return Err(format!("the header names no numbers for {name}").into());
    }
    let body: String = members
        .iter()
        .map(|(member, number)| format!("    {member} = {number},\n"))
        .collect();
    Ok(format!(
        "\n{attribute}internal enum {name} : uint\n{{\n{body}}}\n"
    ))
}

/// `IF_PRESENT` as `IfPresent`.
fn pascal_case(name: &str) -> String {
    name.split('_')
        .map(|word| word[..1].to_owned() + &word[1..].to_lowercase())
        .collect()
}

/// Types that are public at the top level become internal; the generator's own hash of everything,
/// which changes with its version, goes.
fn internal(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.starts_with("// Hash:") {
            continue;
        }
        let line = line.trim_end();
        let line = match line.strip_prefix("public ") {
            Some(rest) => format!("internal {rest}"),
            None => line.to_owned(),
        };
        if line.is_empty() && lines.last().is_some_and(String::is_empty) {
            continue;
        }
        lines.push(line);
    }
    lines.join("\n") + "\n"
}
