//! `[settings]`: how the view set runs.

use super::error::{ConfigError, Locator};
use crate::quantity::{bytes, duration};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeValue, ValueDeserializer};

/// What happens when a view meets a row it cannot compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// The run ends with exit code 65.
    Stop,
    /// The row is left out and shown in `<view>_errors`.
    Skip,
}

/// The settings as meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Worker threads of the dataflow.
    pub workers: usize,
    /// The grid of frontiers that sinks are told; zero: every transaction.
    pub refresh: Duration,
    /// Bytes that may be under way between the sources and the slowest view.
    pub in_flight_bytes: usize,
    /// `None`: stop under `--once`, skip otherwise.
    pub on_error: Option<OnError>,
    /// The directory of the store; `None`: nothing is kept, every start takes a new snapshot and reconciles the targets.
    pub store: Option<PathBuf>,
    /// The most bytes the store may have on disk: beyond it everything is merged that can be, and if that is not enough the run stops.
    pub store_max_bytes: Option<usize>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            workers: 1,
            refresh: Duration::from_millis(10),
            in_flight_bytes: 64 << 20,
            on_error: None,
            store: None,
            store_max_bytes: None,
        }
    }
}

/// The settings as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    workers: Option<Spanned<usize>>,
    store: Option<PathBuf>,
    store_max_bytes: Option<Spanned<String>>,
    refresh: Option<Spanned<String>>,
    in_flight_bytes: Option<Spanned<String>>,
    on_error: Option<OnError>,
}

/// Most workers that are taken seriously.
const WORKERS_MAX: usize = 256;

/// `directory` is where relative paths start.
pub(super) fn read(
    directory: &Path,
    locator: &Locator<'_>,
    value: Spanned<DeValue<'_>>,
) -> Result<Settings, ConfigError> {
    let written =
        Written::deserialize(ValueDeserializer::from(value)).map_err(|error| locator.from_toml(&error, &[]))?;
    let mut settings = Settings { on_error: written.on_error, ..Settings::default() };
    if let Some(workers) = written.workers {
        if !(1..=WORKERS_MAX).contains(workers.get_ref()) {
            return Err(locator.at(workers.span(), format!("`workers` is expected to be 1 to {WORKERS_MAX}")));
        }
        settings.workers = workers.into_inner();
    }
    settings.store = written.store.filter(|store| store != Path::new("none")).map(|store| directory.join(store));
    if let Some(most) = written.store_max_bytes {
        let most = bytes(most.get_ref()).map_err(|message| locator.at(most.span(), message))?;
        settings.store_max_bytes = Some(most);
    }
    if let Some(refresh) = written.refresh {
        settings.refresh = duration(refresh.get_ref()).map_err(|message| locator.at(refresh.span(), message))?;
    }
    if let Some(in_flight) = written.in_flight_bytes {
        settings.in_flight_bytes =
            bytes(in_flight.get_ref()).map_err(|message| locator.at(in_flight.span(), message))?;
    }
    Ok(settings)
}
