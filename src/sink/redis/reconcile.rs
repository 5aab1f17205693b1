//! The difference between what the target holds and the view's whole content.

use super::connection::Connection;
use super::{Form, OwnKeys, Rows, Write};
use crate::value::Row;
use redis::RedisResult;
use std::collections::{HashMap, HashSet};

/// Keys are read and compared in portions of about this many.
const PORTION: usize = 1_000;

/// The writes that are needed, given puts of the whole content: keys of this sink that the view does not have go, what is
/// equal stays as it is.
pub(super) fn difference<'a>(
    connection: &mut Connection,
    own: &OwnKeys,
    rows: &Rows,
    content: Vec<Write<'a>>,
) -> RedisResult<Vec<Write<'a>>> {
    let mut missing: HashMap<String, &Row> = HashMap::with_capacity(content.len());
    for write in content {
        if let Write::Put(key, row) = write {
            missing.insert(key, row);
        }
    }
    let mut writes = Vec::new();
    let mut equal = HashSet::new();
    let mut cursor = 0_u64;
    loop {
        let scan = redis::cmd("SSCAN").arg(&own.keys).arg(cursor).arg("COUNT").arg(PORTION).take();
        let (next, keys): (u64, Vec<String>) = scan.query(connection)?;
        let (known, stale): (Vec<String>, Vec<String>) =
            keys.into_iter().filter(|key| !equal.contains(key)).partition(|key| missing.contains_key(key));
        writes.extend(stale.into_iter().map(Write::Delete));
        for (key, same) in compare(connection, rows, &known, &missing)? {
            if same {
                missing.remove(&key);
                equal.insert(key);
            }
        }
        cursor = next;
        if cursor == 0 {
            break;
        }
    }
    writes.extend(missing.into_iter().map(|(key, row)| Write::Put(key, row)));
    Ok(writes)
}

/// For each key whether it holds its row.
fn compare(
    connection: &mut Connection,
    rows: &Rows,
    keys: &[String],
    content: &HashMap<String, &Row>,
) -> RedisResult<Vec<(String, bool)>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let same: Vec<bool> = match rows.form {
        Form::Json => {
            // A key of another type reads as absent here.
            let held: Vec<Option<Vec<u8>>> = redis::cmd("MGET").arg(keys).query(connection)?;
            let expected = keys.iter().map(|key| content.get(key).map(|row| rows.json(row).into_bytes()));
            held.into_iter().zip(expected).map(|(held, expected)| held.is_some() && held == expected).collect()
        }
        Form::Hash => {
            let mut pipeline = redis::pipe();
            pipeline.ignore_errors();
            for key in keys {
                pipeline.cmd("HGETALL").arg(key);
            }
            let held: Vec<RedisResult<HashMap<String, String>>> = pipeline.query(connection)?;
            let expected = keys.iter().map(|key| content.get(key).map(|row| rows.fields(row)));
            held.into_iter().zip(expected).map(|(held, expected)| is_same_hash(held.ok(), expected)).collect()
        }
    };
    Ok(keys.iter().cloned().zip(same).collect())
}

fn is_same_hash(held: Option<HashMap<String, String>>, expected: Option<Vec<(&str, String)>>) -> bool {
    match (held, expected) {
        (Some(held), Some(expected)) => {
            held.len() == expected.len() && expected.iter().all(|(field, value)| held.get(*field) == Some(value))
        }
        _ => false,
    }
}
