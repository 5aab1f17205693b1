//! What all sources of event streams share: schema, format, event time, lateness, and what becomes of records that are late or
//! cannot be understood. A source only reads: it gives each record to an `Intake`, and says when nothing is left to read.
//!
//! Reading down: `config` and `types` are what is written in the view set; `decode`, `json`, `csv`, `debezium`, `epoch` make a row of a record;
//! `intake` has it judged and seals ticks, `held` counts what waits for the watermark then, and `position` says where to go on; `patience` waits for servers, `unacknowledged` knows
//! what they may forget.

mod config;
mod csv;
mod debezium;
mod decode;
mod epoch;
mod held;
mod intake;
mod json;
mod patience;
mod position;
#[cfg(test)]
mod tests;
mod types;
mod unacknowledged;

pub use config::{Format, KEYS, Origin, Stream};

pub(super) use config::deserialize;
pub(super) use csv::is_open;
pub(super) use intake::{Halt, Intake, Outcome, TICK};
pub(super) use patience::{Failure, Patience};
pub(super) use position::Position;
pub(super) use unacknowledged::Unacknowledged;

use crate::timeline::UpsertKind;
use crate::value::Row;
use decode::Decoder;

/// For fuzzing: reads a record against columns declared as in a configuration, `Ok` with the row, if it tells one, or the error's
/// text.
pub fn decode(columns: &[(&str, &str)], format: Format, record: &[u8]) -> Result<Option<Row>, String> {
    let columns = columns.iter().map(|(name, ty)| types::column(name, ty)).collect::<Result<Vec<_>, _>>()?;
    let mut decoder = Decoder::of_columns(columns, format);
    let row = match format {
        Format::Debezium => decoder.decode_change(record).map(|change| match change?.kind {
            UpsertKind::Put(row) => Some(row),
            UpsertKind::PutPartial(_) | UpsertKind::Delete | UpsertKind::Truncate => None,
        }),
        Format::Json | Format::Csv { .. } => decoder.decode(record).map(|(row, _)| Some(row)),
    };
    row.map_err(|error| error.to_string())
}
