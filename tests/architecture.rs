//! The layout as a test: which room may name which, and who alone names a crate.
//!
//! The rooms lie along the river and data flows down it, so no two rooms name each other. What is read here is code without
//! comments, texts and `#[cfg(test)]` modules. A failure prints the rule that was broken.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A room, and the rooms it may name besides itself.
const ROOMS: &[(&str, &[&str])] = &[
    ("failpoint", &[]),
    ("finding", &[]),
    ("quantity", &[]),
    ("secret", &[]),
    ("value", &[]),
    ("expr", &["value"]),
    ("plan", &["value", "expr"]),
    ("sql", &["value", "expr", "plan"]),
    ("timeline", &["failpoint", "value"]),
    ("store", &["failpoint", "value", "timeline"]),
    ("pg", &["value", "secret"]),
    ("resp", &[]),
    ("source", &["failpoint", "finding", "value", "timeline", "pg", "resp", "secret", "quantity"]),
    ("dataflow", &["value", "expr", "plan", "timeline"]),
    ("sink", &["failpoint", "value", "timeline", "pg", "resp", "secret", "quantity"]),
    ("config", &["source", "sink", "secret", "quantity"]),
    ("serve", &[]),
    ("demo", &["pg", "sink", "secret", "value", "config", "engine"]),
    ("cli", &["finding", "config", "engine", "serve", "view_set", "demo", "sql", "plan", "value", "store"]),
    ("main", &["cli"]),
    ("engine", EVERY),
    ("view_set", EVERY),
    ("lib", EVERY),
];

const EVERY: &[&str] = &[
    "failpoint",
    "finding",
    "quantity",
    "secret",
    "value",
    "expr",
    "plan",
    "sql",
    "timeline",
    "store",
    "pg",
    "resp",
    "source",
    "dataflow",
    "sink",
    "config",
    "engine",
    "serve",
    "view_set",
    "demo",
    "cli",
];

/// A crate (or a path into one), and the places that alone may name it.
const CRATES: &[(&str, &[&str])] = &[
    ("sqlparser", &["sql"]),
    ("timely", &["dataflow"]),
    ("differential_dataflow", &["dataflow"]),
    ("hashbrown", &["dataflow"]),
    ("tokio_postgres", &["pg", "source/postgres"]),
    ("tokio_postgres_rustls", &["pg", "source/postgres"]),
    ("postgres_protocol", &["pg", "source/postgres"]),
    ("rustls", &["pg", "source/postgres", "sink/opensearch"]),
    ("redis", &["resp", "sink/redis", "source/redis"]),
    ("base64", &["sink/opensearch"]),
    ("flate2", &["source/jsonl", "sink/opensearch"]),
    ("ruzstd", &["source/jsonl"]),
    ("glob", &["source/jsonl"]),
    ("tantivy", &["sink/tantivy"]),
    ("toml", &["config"]),
    ("crc32fast", &["store", "source/postgres"]),
    ("rustix", &["failpoint", "store", "sink/jsonl", "timeline/clock"]),
    ("lz4_flex", &["store"]),
    ("clap", &["cli", "main"]),
    ("indicatif", &["cli"]),
    ("async_nats", &["source/nats"]),
    ("rdkafka", &["source/kafka"]),
    ("hyper", &["source/http", "sink/opensearch"]),
    ("hyper_util", &["source/http", "sink/opensearch"]),
    ("http_body_util", &["source/http", "sink/opensearch"]),
    ("tokio", &["pg", "source/postgres", "source/http", "source/nats", "sink/opensearch", "engine", "view_set"]),
];

/// Module names that say nothing.
const NAMELESS: &[&str] = &["utils", "util", "common", "helpers", "misc", "types_util", "shared"];

/// The longest a file may be without its tests.
const LINES_MAX: usize = 600;

/// A source file.
struct File {
    /// From the repository's root.
    path: PathBuf,
    text: String,
}

impl File {
    /// `source/postgres/decode` of `src/source/postgres/decode.rs`.
    fn place(&self) -> String {
        let below = self.path.strip_prefix("src").unwrap_or(&self.path).with_extension("");
        below.to_string_lossy().trim_end_matches("/mod").to_owned()
    }

    fn room(&self) -> String {
        self.place().split('/').next().unwrap_or_default().to_owned()
    }

    fn is_test(&self) -> bool {
        let stem = self.path.file_stem().unwrap_or_default();
        stem == "tests" || self.path.components().any(|c| c.as_os_str() == "tests")
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(directory: &str) -> Vec<File> {
    let mut found = vec![];
    let mut pending = vec![root().join(directory)];
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(&directory).into_iter().flatten() {
            let path = entry.expect("a readable directory").path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).expect("a readable file");
                let path = path.strip_prefix(root()).expect("found below it").to_owned();
                found.push(File { path, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// The text without comments, string and character contents.
fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut i) = (String::new(), 0);
    while i < bytes.len() {
        let rest = &text[i..];
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(hashes) = raw_string(rest, i.checked_sub(1).map(|before| bytes[before])) {
            let end = format!("\"{}", "#".repeat(hashes));
            let open = hashes + 2;
            rest[open..].find(&end).map_or(rest.len(), |at| open + at + end.len())
        } else if rest.starts_with('"') {
            string_length(rest.as_bytes())
        } else if rest.starts_with("'\\") || (rest.starts_with('\'') && rest.chars().nth(2) == Some('\'')) {
            1 + rest.char_indices().skip(2).find(|(_, c)| *c == '\'').map_or(rest.len() - 1, |(at, _)| at)
        } else {
            0
        };
        if skipped > 0 {
            out.push(' ');
            out.extend(rest[..skipped].chars().filter(|c| *c == '\n'));
            i += skipped;
        } else {
            let next = rest.chars().next().expect("not at the end");
            out.push(next);
            i += next.len_utf8();
        }
    }
    out
}

/// The number of hashes of a raw string that begins here.
fn raw_string(rest: &str, before: Option<u8>) -> Option<usize> {
    let is_name = before.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_') && before != Some(b'b');
    let after = rest.strip_prefix('r').filter(|_| !is_name)?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..].starts_with('"').then_some(hashes)
}

fn string_length(bytes: &[u8]) -> usize {
    let mut i = 1;
    while i < bytes.len() && bytes[i] != b'"' {
        i += if bytes[i] == b'\\' { 2 } else { 1 };
    }
    (i + 1).min(bytes.len())
}

/// Code without its `#[cfg(test)]` items.
fn without_tests(code: &str) -> String {
    let mut out = String::new();
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        out.push_str(&rest[..at]);
        let item = &rest[at..];
        let open = item.find('{').unwrap_or(item.len());
        let semicolon = item.find(';').unwrap_or(item.len());
        let mut end = open.min(semicolon);
        let mut depth = 0;
        for (i, byte) in item.bytes().enumerate().skip(end) {
            end = i + 1;
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        rest = &item[end..];
    }
    out + rest
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn leading_name(text: &str) -> &str {
    &text[..text.find(|c| !is_name(c)).unwrap_or(text.len())]
}

/// The rooms that code names through `crate::` or `tidegate::`.
fn rooms_named(code: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for root in ["crate::", "tidegate::"] {
        for (at, _) in code.match_indices(root) {
            if code[..at].ends_with(is_name) || code[..at].ends_with("::") {
                continue;
            }
            let rest = &code[at + root.len()..];
            match rest.strip_prefix('{') {
                Some(group) => named.extend(group_heads(group)),
                None => drop(named.insert(leading_name(rest).to_owned())),
            }
        }
    }
    named
}

/// The first names of `a::b, c::{d, e}}`, up to the closing brace.
fn group_heads(group: &str) -> Vec<String> {
    let (mut heads, mut depth, mut expected) = (vec![], 1, true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => expected = true,
            _ if depth == 1 && expected && is_name(c) => {
                heads.push(leading_name(&group[at..]).to_owned());
                expected = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    heads
}

/// Whether code names this crate: `use x`, or `x::` where no module of that name was brought in.
fn names_crate(code: &str, name: &str) -> bool {
    let imports = code.split(';').filter(|s| s.contains("use ") || s.contains("mod "));
    let is_module = imports
        .flat_map(|s| s.split("use crate").skip(1).chain(s.split("use super").skip(1)).chain(s.split("mod ").skip(1)))
        .any(|import| import.split(|c| !is_name(c)).any(|word| word == name));
    code.match_indices(name).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + name.len()..]);
        let is_path = after.starts_with("::") && !before.ends_with(is_name) && !before.ends_with("::");
        let is_use = before.ends_with("use ") && (after.starts_with("::") || after.starts_with(';'));
        let is_rooted =
            before.ends_with("use ::") || before.ends_with(" ::") || before.ends_with("(::") || before.ends_with("<::");
        is_use || (is_path && !is_module) || (is_rooted && after.starts_with("::"))
    })
}

fn broken_rules() -> Vec<String> {
    let mut broken = vec![];
    for file in files("src").iter().filter(|f| !f.is_test()) {
        let (path, room) = (file.path.display(), file.room());
        let code = without_tests(&code(&file.text));
        let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            broken.push(format!("{path}: there is no room `{room}`; a new one gets its line in tests/architecture.rs"));
            continue;
        };
        for named in rooms_named(&code).iter().filter(|n| ROOMS.iter().any(|(room, _)| room == n)) {
            if *named != room && !allowed.contains(&named.as_str()) {
                broken.push(format!("{path}: `{room}` may not name `{named}`, only {allowed:?}"));
            }
        }
        for (name, places) in CRATES.iter().filter(|(name, _)| names_crate(&code, name)) {
            let place = file.place();
            if !places.iter().any(|p| place == *p || place.starts_with(&format!("{p}/"))) {
                broken.push(format!("{path}: the crate `{name}` may be named only in {places:?}"));
            }
        }
        if room == "dataflow" && code.contains("async ") {
            broken.push(format!("{path}: there is no `async` in `dataflow`"));
        }
        if code.contains("allow(unsafe_code)") && file.place() != "value/row" {
            broken.push(format!("{path}: `value/row.rs` is the only module with `unsafe` code"));
        }
        let lines = code.trim_end().lines().count();
        if lines > LINES_MAX {
            broken.push(format!("{path}: {lines} lines; over {LINES_MAX} a file holds a second idea"));
        }
    }
    for file in ["src", "tests", "benches", "views"].iter().flat_map(|d| files(d)) {
        let path = file.path.display();
        if !file.text.starts_with("//! ") {
            broken.push(format!("{path}: a file opens with `//!`: what it is, why it is so, what must hold"));
        }
        if file.place().split('/').any(|part| NAMELESS.contains(&part)) {
            broken.push(format!("{path}: a module is named for what it is about, not `utils`"));
        }
    }
    broken
}

#[test]
fn the_rooms_keep_to_their_table() {
    let broken = broken_rules();
    assert!(broken.is_empty(), "{} broken rules:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn no_two_rooms_name_each_other() {
    let single = ROOMS.iter().filter(|(_, allowed)| *allowed != EVERY);
    for (room, allowed) in single.clone() {
        for (other, theirs) in single.clone().filter(|(other, _)| allowed.contains(other)) {
            assert!(!theirs.contains(room), "{room} and {other} name each other");
        }
    }
}

#[test]
fn what_is_named_is_found() {
    let source = r##"
        use crate::{value::{Row, Time}, timeline::Tick};
        use redis::Client; // use toml
        fn f() -> crate::pg::Error { let s = "crate::sql"; let r = r#"crate::plan "x" "#; let c = '"'; tokio::spawn() }
        #[cfg(test)]
        mod tests { use crate::engine; fn g() {} }
        fn h() { mycrate::cli() }
    "##;
    let code = without_tests(&code(source));
    assert_eq!(rooms_named(&code).into_iter().collect::<Vec<_>>(), ["pg", "timeline", "value"]);
    let named = CRATES.iter().map(|(name, _)| *name).filter(|name| names_crate(&code, name));
    assert_eq!(named.collect::<Vec<_>>(), ["redis", "tokio"]);
    assert!(!names_crate("use crate::sink::{jsonl, redis}; fn f(c: redis::Config) {}", "redis"));
}
