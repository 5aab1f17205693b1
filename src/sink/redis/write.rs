//! Making a delivery visible at once.

use super::{Form, OwnKeys, Rows, Write};
use redis::{Connection, Pipeline, RedisResult};

/// Up to this many keys go into one MULTI/EXEC.
const DIRECT_KEYS: usize = 5_000;
/// And up to about this many bytes of rows.
const DIRECT_BYTES: usize = 4 << 20;
/// Staged writes go in pipelines of this many keys.
const CHUNK: usize = 1_000;

/// Takes staged values and names into their places, with the mark: KEYS = puts, deletes, keys, mark; ARGV = value prefix, mark.
const PUBLISH: &str = "
local function each(list, act)
  local length = redis.call('LLEN', list)
  for from = 0, length - 1, 1000 do
    act(redis.call('LRANGE', list, from, from + 999), from)
  end
end
each(KEYS[1], function(names, from)
  for i, name in ipairs(names) do
    redis.call('RENAME', ARGV[1] .. (from + i - 1), name)
  end
  redis.call('SADD', KEYS[3], unpack(names))
end)
each(KEYS[2], function(names)
  redis.call('UNLINK', unpack(names))
  redis.call('SREM', KEYS[3], unpack(names))
end)
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('SET', KEYS[4], ARGV[2])
";

/// Makes the writes and the mark visible, all or none.
pub(super) fn write(
    connection: &mut Connection,
    own: &OwnKeys,
    rows: &Rows,
    writes: &[Write<'_>],
    mark: &str,
) -> RedisResult<()> {
    let bytes: usize = writes.iter().map(|w| if let Write::Put(_, row) = w { row.memory() } else { 0 }).sum();
    if writes.len() <= DIRECT_KEYS && bytes <= DIRECT_BYTES {
        direct(own, rows, writes, mark).exec(connection)
    } else {
        stage(connection, own, rows, writes)?;
        let keys = [&own.puts, &own.deletes, &own.keys, &own.mark];
        redis::cmd("EVAL").arg(PUBLISH).arg(keys.len()).arg(&keys).arg(&own.value_prefix).arg(mark).exec(connection)
    }
}

/// Everything in one MULTI/EXEC.
fn direct(own: &OwnKeys, rows: &Rows, writes: &[Write<'_>], mark: &str) -> Pipeline {
    let mut pipeline = redis::pipe();
    pipeline.atomic();
    let (mut puts, mut deletes) = (Vec::new(), Vec::new());
    for write in writes {
        match write {
            Write::Put(key, row) => {
                if rows.form == Form::Hash {
                    pipeline.cmd("UNLINK").arg(key).ignore();
                }
                pipeline.add_command(rows.put(key, row)).ignore();
                puts.push(key);
            }
            Write::Delete(key) => deletes.push(key),
        }
    }
    if !puts.is_empty() {
        pipeline.cmd("SADD").arg(&own.keys).arg(&puts).ignore();
    }
    if !deletes.is_empty() {
        pipeline.cmd("UNLINK").arg(&deletes).ignore();
        pipeline.cmd("SREM").arg(&own.keys).arg(&deletes).ignore();
    }
    pipeline.cmd("SET").arg(&own.mark).arg(mark).ignore();
    pipeline
}

/// Writes values under staging keys and the names they are meant for into lists. Names come first, so that what an
/// interrupted staging leaves behind can be found.
fn stage(connection: &mut Connection, own: &OwnKeys, rows: &Rows, writes: &[Write<'_>]) -> RedisResult<()> {
    discard_staged(connection, own)?;
    let mut position = 0;
    for chunk in writes.chunks(CHUNK) {
        let mut pipeline = redis::pipe();
        let puts: Vec<_> =
            chunk.iter().filter_map(|w| if let Write::Put(key, _) = w { Some(key) } else { None }).collect();
        let deletes: Vec<_> =
            chunk.iter().filter_map(|w| if let Write::Delete(key) = w { Some(key) } else { None }).collect();
        if !puts.is_empty() {
            pipeline.cmd("RPUSH").arg(&own.puts).arg(puts).ignore();
        }
        if !deletes.is_empty() {
            pipeline.cmd("RPUSH").arg(&own.deletes).arg(deletes).ignore();
        }
        for write in chunk {
            if let Write::Put(_, row) = write {
                pipeline.add_command(rows.put(&own.value(position), row)).ignore();
                position += 1;
            }
        }
        pipeline.exec(connection)?;
    }
    Ok(())
}

/// Removes what an interrupted staging left behind.
pub(super) fn discard_staged(connection: &mut Connection, own: &OwnKeys) -> RedisResult<()> {
    let staged: usize = redis::cmd("LLEN").arg(&own.puts).query(connection)?;
    for from in (0..staged).step_by(CHUNK) {
        let values: Vec<String> = (from..staged.min(from + CHUNK)).map(|position| own.value(position)).collect();
        redis::cmd("UNLINK").arg(values).exec(connection)?;
    }
    redis::cmd("UNLINK").arg(&own.puts).arg(&own.deletes).exec(connection)
}
