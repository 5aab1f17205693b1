//! One `[kind.name]` table: common keys are taken out first, the rest is read by the type that knows it.

use super::error::{ConfigError, Locator, suggestion};
use serde::de::DeserializeOwned;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

/// A named table of the configuration.
pub(super) struct Section<'a, 'i> {
    pub(super) name: String,
    locator: &'a Locator<'a>,
    span: Range<usize>,
    table: DeTable<'i>,
}

/// Reads every table below `[kind]`, going on after an error.
pub(super) fn each<'i>(
    locator: &Locator<'_>,
    kind: Spanned<DeValue<'i>>,
    errors: &mut Vec<ConfigError>,
    mut read: impl FnMut(Section<'_, 'i>) -> Result<(), ConfigError>,
) -> Result<(), ConfigError> {
    let span = kind.span();
    let DeValue::Table(tables) = kind.into_inner() else {
        return Err(locator.at(span, "a table is expected here, one section per name"));
    };
    for (name, value) in tables {
        let span = name.span();
        let result = match value.into_inner() {
            DeValue::Table(table) => read(Section { name: name.into_inner().to_string(), locator, span, table }),
            _ => Err(locator.at(span, format!("`{}` is expected to be a table", name.get_ref()))),
        };
        errors.extend(result.err());
    }
    Ok(())
}

impl<'i> Section<'_, 'i> {
    /// Takes a required text out, with its place.
    pub(super) fn take_text(&mut self, key: &str) -> Result<(String, Range<usize>), ConfigError> {
        let Some(value) = self.table.remove(key) else {
            return Err(self.locator.at(self.span.clone(), format!("`{}` has no `{key}`", self.name)));
        };
        let span = value.span();
        match value.into_inner() {
            DeValue::String(text) => Ok((text.into_owned(), span)),
            _ => Err(self.locator.at(span, format!("`{key}` is expected to be a string"))),
        }
    }

    /// Reads what is left. `taken` are the keys that may stand here but were taken out before.
    pub(super) fn finish<T: DeserializeOwned>(&mut self, taken: &[&str]) -> Result<T, ConfigError> {
        let table = DeValue::Table(std::mem::take(&mut self.table));
        let value = Spanned::new(self.span.clone(), table);
        // What is wrong with keys taken together has no place of its own.
        T::deserialize(ValueDeserializer::from(value)).map_err(|error| match error.span() {
            Some(_) => self.locator.from_toml(&error, taken),
            None => self.locator.at(self.span.clone(), error.message()),
        })
    }

    /// A value that cannot be had.
    #[cfg(not(feature = "kafka"))]
    pub(super) fn refused_value(&self, span: Range<usize>, message: &str) -> ConfigError {
        self.locator.at(span, message)
    }

    /// A value outside a closed list.
    pub(super) fn unknown_value(&self, what: &str, value: &str, span: Range<usize>, known: &[&str]) -> ConfigError {
        self.locator.at(span, format!("unknown {what} `{value}`")).with_hint(suggestion(value, known))
    }
}
