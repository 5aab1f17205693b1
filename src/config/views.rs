//! `[views.NAME]`: what a view set says of a view's rows in time.

use crate::plan::{Emit, Timing};
use crate::quantity::deserialize_duration;
use serde::Deserialize;
use std::time::Duration;

/// As written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    #[serde(default)]
    emit: WrittenEmit,
    retain: Option<Retain>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WrittenEmit {
    #[default]
    Changes,
    Final,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Retain(#[serde(deserialize_with = "deserialize_duration")] Duration);

impl Written {
    /// As meant.
    pub(super) fn timing(self) -> Timing {
        let emit = match self.emit {
            WrittenEmit::Changes => Emit::Changes,
            WrittenEmit::Final => Emit::Final,
        };
        let micros = |Retain(duration)| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Timing { emit, retain: self.retain.map(micros) }
    }
}
