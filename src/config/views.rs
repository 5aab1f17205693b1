//! `[views.NAME]`: what a view set says of a view's rows in time.

use crate::quantity::duration;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use std::time::Duration;

/// When a view's rows are told, and how long they stay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewSettings {
    /// When the rows of windows are told.
    #[serde(default)]
    pub emit: Emit,
    /// How long after they have settled rows stay; for ever if not given.
    #[serde(default, deserialize_with = "retain")]
    pub retain: Option<Duration>,
}

/// When the rows of windows are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Emit {
    /// As they change.
    #[default]
    Changes,
    /// When the window has ended.
    Final,
}

fn retain<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    duration(&text).map(Some).map_err(D::Error::custom)
}
