//! Creating what the sources need where they are: nothing else the engine does writes to a source.

use super::failure::Failure;
use crate::config::{Config, SourceConfig};
use crate::source::postgres::Postgres;

/// Creates what is missing. Returns what was done, a sentence per source or thing made.
pub fn set_up(config: Config) -> Result<Vec<String>, Failure> {
    let mut done = Vec::new();
    for (name, source) in config.sources {
        // What streams are read from is never written to.
        let made = match source {
            SourceConfig::Postgres(config) => Postgres::new(&name, config).setup(),
            _ => Ok(Vec::new()),
        };
        let made = made.map_err(|error| Failure::of_source(&name, &error))?;
        if made.is_empty() {
            done.push(format!("source `{name}`: nothing to do"));
        }
        done.extend(made.into_iter().map(|sentence| format!("source `{name}`: {sentence}")));
    }
    Ok(done)
}
