//! Secrets: values a configuration refers to rather than holds.
//!
//! `"text"`, `{ env = "NAME" }` or `{ file = "PATH" }`. A reference is resolved once, when it is used; a secret never shows in
//! `Debug` output, and no text is ever interpolated.

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use std::fmt;
use std::path::{Path, PathBuf};

/// A value given in place or by reference.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The value itself.
    Inline(String),
    /// The environment variable that holds it.
    Env(String),
    /// The file that holds it; one trailing line end is not part of it.
    File(PathBuf),
}

impl Secret {
    /// The value, or a sentence that says what is missing.
    pub fn resolve(&self) -> Result<String, String> {
        match self {
            Secret::Inline(value) => Ok(value.clone()),
            Secret::Env(name) => std::env::var(name).map_err(|error| match error {
                std::env::VarError::NotPresent => {
                    format!("the environment variable {name} is not set; set it before starting")
                }
                std::env::VarError::NotUnicode(_) => format!("the environment variable {name} is not valid UTF-8"),
            }),
            Secret::File(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| format!("cannot read the secret file {}: {error}", path.display()))?;
                let text = text.strip_suffix('\n').unwrap_or(&text);
                Ok(text.strip_suffix('\r').unwrap_or(text).to_string())
            }
        }
    }

    /// The same secret with a relative file path taken from this directory.
    pub fn relative_to(self, directory: &Path) -> Secret {
        match self {
            Secret::File(path) => Secret::File(directory.join(path)),
            other => other,
        }
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Secret {
        Secret::Inline(value.to_string())
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Secret {
        Secret::Inline(value)
    }
}

/// Shows where the value comes from, never the value.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Secret::Inline(_) => f.write_str("Secret(***)"),
            Secret::Env(name) => write!(f, "Secret(env {name})"),
            Secret::File(path) => write!(f, "Secret(file {})", path.display()),
        }
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        deserializer.deserialize_any(SecretVisitor)
    }
}

struct SecretVisitor;

impl<'de> Visitor<'de> for SecretVisitor {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, { env = \"NAME\" } or { file = \"PATH\" }")
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Secret, E> {
        Ok(Secret::Inline(value.to_string()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Secret, A::Error> {
        let secret = match map.next_entry::<String, String>()? {
            Some((kind, name)) if kind == "env" => Secret::Env(name),
            Some((kind, path)) if kind == "file" => Secret::File(path.into()),
            Some((kind, _)) => return Err(de::Error::unknown_field(&kind, &["env", "file"])),
            None => return Err(de::Error::invalid_length(0, &self)),
        };
        match map.next_key::<String>()? {
            None => Ok(secret),
            Some(_) => Err(de::Error::custom("a secret is either { env = \"NAME\" } or { file = \"PATH\" }, not both")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Holder {
        url: Secret,
    }

    fn read(text: &str) -> Result<Secret, String> {
        toml::from_str::<Holder>(&format!("url = {text}")).map(|h| h.url).map_err(|e| e.message().to_string())
    }

    #[test]
    fn forms() {
        assert_eq!(read("'a'"), Ok(Secret::Inline("a".into())));
        assert_eq!(read("{ env = 'A' }"), Ok(Secret::Env("A".into())));
        assert_eq!(read("{ file = 'p' }"), Ok(Secret::File("p".into())));
        for wrong in ["1", "{}", "{ env = 'A', file = 'p' }", "{ environment = 'A' }"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn resolving_says_what_is_missing() {
        let missing = Secret::Env("TIDEGATE_NO_SUCH_VARIABLE".into()).resolve();
        assert!(missing.is_err_and(|e| e.contains("TIDEGATE_NO_SUCH_VARIABLE")));
        let file = std::env::temp_dir().join(format!("tidegate-secret-{}", std::process::id()));
        std::fs::write(&file, "pass word\n").expect("the temporary directory is writable");
        assert_eq!(Secret::File(file.clone()).resolve(), Ok("pass word".into()));
        std::fs::remove_file(file).expect("the file was just written");
    }

    #[test]
    fn never_shown() {
        assert!(!format!("{:?}", Secret::from("hunter2")).contains("hunter2"));
    }
}
