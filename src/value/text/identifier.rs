//! Names as SQL writes them.

/// A name, in quotes unless it is plain: of lower-case letters, digits and underscores, and no reserved word.
pub fn quote_identifier(name: &str, is_reserved: impl Fn(&str) -> bool) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !is_reserved(name);
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}
