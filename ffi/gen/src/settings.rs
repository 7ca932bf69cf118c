//! `docs/settings.md`, from the one table of settings.

use holdfast_client::settings::table::{DefaultValue, Kind, Scope, TABLE};
use holdfast_proto::bytes_text;

const HEAD: &str = "# Settings

<!-- Written by ffi/gen; do not edit. -->

Every setting has one name. `max-memory` in a connection string is `MaxMemory` in C# options and in JSON, and
`HOLDFAST_MAX_MEMORY` in the environment of programs that read settings there. Options given in code or configuration win
over the connection string.

```
holdfast://embedded/STORE?class=cache&max-memory=64MiB
```
";

/// The page.
pub(crate) fn page() -> String {
    let mut text = HEAD.to_owned();
    for (scope, title) in [
        (
            Scope::Store,
            "Of a store: fixed when it is made; an opener who contradicts them gets `StoreConflict`",
        ),
        (
            Scope::Node,
            "Of the node in the process; an opener who contradicts them gets `NodeConflict`",
        ),
        (
            Scope::Client,
            "Of a client; `tls-…` and `token` with servers only",
        ),
        (
            Scope::Server,
            "Of a server: only `holdfast serve` takes them, with the node's and `token`, `tls-certificate`, `tls-key`",
        ),
    ] {
        text += &format!(
            "\n## {title}\n\n| name | in C# | accepts | default | meaning |\n|---|---|---|---|---|\n"
        );
        for setting in TABLE.iter().filter(|setting| setting.scope == scope) {
            let default = match setting.default {
                DefaultValue::Value(value) => format!("`{value}`"),
                DefaultValue::Computed(words) => words.to_owned(),
            };
            let (name, pascal, accepts) = (setting.name, setting.pascal_case(), accepts(setting.kind));
            text += &format!(
                "| `{name}` | `{pascal}` | {accepts} | {default} | {} |\n",
                setting.doc
            );
        }
    }
    text
}

fn accepts(kind: Kind) -> String {
    match kind {
        Kind::Bytes { least, most } => {
            format!(
                "`{}` to `{}`; `KiB`, `MiB`, `GiB`, `KB` … or plain bytes",
                bytes_text(least),
                bytes_text(most)
            )
        }
        Kind::Duration { or_none, .. } => {
            format!(
                "`250ms`, `5s`, `1h 30m`{}",
                if or_none { " or `none`" } else { "" }
            )
        }
        Kind::Enum(words) => words
            .iter()
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(" or "),
        Kind::Bool => "`on` or `off`".to_owned(),
        Kind::Name => "1 to 128 of `A-Z a-z 0-9 . _ -`".to_owned(),
        Kind::Text => "1 to 128 characters".to_owned(),
        Kind::Path => "a file's path".to_owned(),
        Kind::Secret => "1 to 4096 bytes".to_owned(),
        Kind::Address { or_off } => format!(
            "`127.0.0.1:7861`, `[::1]:7861`, port 0 for any{}",
            if or_off { ", or `off`" } else { "" }
        ),
        Kind::Freshness => "`linearizable`, `bounded:500ms` or `local`".to_owned(),
        Kind::Addresses => "addresses `host:port` with commas between them".to_owned(),
        Kind::Number { least, most } => format!("{least} to {most}"),
    }
}
