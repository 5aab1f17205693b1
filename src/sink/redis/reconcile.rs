//! The difference between what the target holds and the view's whole content.

use super::{Form, OwnKeys, Rows, Write};
use crate::resp::Connection;
use crate::value::Row;
use redis::{RedisResult, Value};
use std::collections::{BTreeMap, HashMap, HashSet};

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

/// Every key of this sink that is there, with what it holds as JSON; null is something that cannot be a row.
pub(super) fn content(
    connection: &mut Connection,
    own: &OwnKeys,
    rows: &Rows,
) -> RedisResult<BTreeMap<String, String>> {
    let mut content = BTreeMap::new();
    let mut cursor = 0_u64;
    loop {
        let scan = redis::cmd("SSCAN").arg(&own.keys).arg(cursor).arg("COUNT").arg(PORTION).take();
        let (next, keys): (u64, Vec<String>) = scan.query(connection)?;
        let mut pipeline = redis::pipe();
        pipeline.ignore_errors();
        for key in &keys {
            pipeline.cmd(if rows.form == Form::Json { "GET" } else { "HGETALL" }).arg(key);
        }
        let held: Vec<RedisResult<Value>> = if keys.is_empty() { Vec::new() } else { pipeline.query(connection)? };
        content.extend(keys.into_iter().zip(held).filter_map(|(key, held)| Some((key, shown(rows.form, held)?))));
        cursor = next;
        if cursor == 0 {
            return Ok(content);
        }
    }
}

/// What a key holds as JSON; nothing if it is not there.
fn shown(form: Form, held: RedisResult<Value>) -> Option<String> {
    let null = "null".to_owned();
    let Ok(held) = held else { return Some(null) };
    match form {
        Form::Json => redis::from_redis_value::<Option<String>>(held).unwrap_or(Some(null)),
        Form::Hash => match redis::from_redis_value::<BTreeMap<String, String>>(held) {
            Ok(fields) => (!fields.is_empty()).then(|| serde_json::json!(fields).to_string()),
            Err(_) => Some(null),
        },
    }
}

fn is_same_hash(held: Option<HashMap<String, String>>, expected: Option<Vec<(&str, String)>>) -> bool {
    match (held, expected) {
        (Some(held), Some(expected)) => {
            held.len() == expected.len() && expected.iter().all(|(field, value)| held.get(*field) == Some(value))
        }
        _ => false,
    }
}
