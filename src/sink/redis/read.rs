//! Reading back what a sink keeps: for those who check it, not for those who use it.

use super::super::SinkError;
use super::OwnKeys;
use crate::secret::Secret;
use redis::{Client, RedisError};

/// Keys asked for at once.
const CHUNK: usize = 1_000;

/// Every key of this sink with its JSON. A target out of reach, or one that holds hashes, is an error.
pub fn content(url: &Secret, sink: &str) -> Result<Vec<(String, String)>, SinkError> {
    let failed = |error: RedisError| SinkError::Transient(format!("sink {sink}: Redis: cannot read back: {error}"));
    let url = url.resolve().map_err(SinkError::Config)?;
    let mut connection = Client::open(url).and_then(|client| client.get_connection()).map_err(failed)?;
    let own = OwnKeys::of(sink);
    let keys: Vec<String> = redis::cmd("SMEMBERS").arg(&own.keys).query(&mut connection).map_err(failed)?;
    let mut rows = Vec::with_capacity(keys.len());
    for chunk in keys.chunks(CHUNK) {
        let values: Vec<Option<String>> = redis::cmd("MGET").arg(chunk).query(&mut connection).map_err(failed)?;
        let present = chunk.iter().zip(values).filter_map(|(key, value)| Some((key.clone(), value?)));
        rows.extend(present);
    }
    Ok(rows)
}
