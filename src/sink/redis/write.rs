//! Making a delivery visible at once.

use super::{Form, OwnKeys, Rows, Write};
use crate::resp::Connection;
use redis::{ConnectionLike, Pipeline, RedisResult, Value};

/// Up to this many keys go into one MULTI/EXEC.
const DIRECT_KEYS: usize = 5_000;
/// And up to about this many bytes of rows.
const DIRECT_BYTES: usize = 4 << 20;
/// Staged writes go in pipelines of this many keys.
const CHUNK: usize = 1_000;

/// Takes staged values and names into their places: KEYS = puts, deletes, keys; ARGV = value prefix, numbers of puts and of
/// deletes. Nothing is touched unless all that was staged is there: a server may have lost some of it in between.
const PUBLISH: &str = "
local function each(list, act)
  local length = redis.call('LLEN', list)
  for from = 0, length - 1, 1000 do
    act(redis.call('LRANGE', list, from, from + 999), from)
  end
end
local staged = 0
each(KEYS[1], function(names, from)
  local values = {}
  for i = 1, #names do values[i] = ARGV[1] .. (from + i - 1) end
  staged = staged + redis.call('EXISTS', unpack(values))
end)
if staged ~= tonumber(ARGV[2]) or redis.call('LLEN', KEYS[2]) ~= tonumber(ARGV[3]) then
  return redis.error_reply('STAGED is not there any more')
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
";

/// The mark as it is; from here on the next `write` fails if anybody touches it.
pub(super) fn watch(connection: &mut Connection, own: &OwnKeys) -> RedisResult<Option<String>> {
    let mut pipeline = redis::pipe();
    pipeline.cmd("WATCH").arg(&own.mark).ignore().cmd("GET").arg(&own.mark);
    let (mark,) = pipeline.query(connection)?;
    Ok(mark)
}

/// Makes the writes and the mark visible, all or none, and watches the mark anew. Nothing is written, and false returned, if
/// the mark was touched since it was last watched: the data is then not what it was.
pub(super) fn write(
    connection: &mut Connection,
    own: &OwnKeys,
    rows: &Rows,
    writes: &[Write<'_>],
    mark: &str,
) -> RedisResult<bool> {
    let bytes: usize = writes.iter().map(|w| if let Write::Put(_, row) = w { row.memory() } else { 0 }).sum();
    let mut commands = if writes.len() <= DIRECT_KEYS && bytes <= DIRECT_BYTES {
        direct(own, rows, writes)
    } else {
        stage(connection, own, rows, writes)?
    };
    commands.cmd("SET").arg(&own.mark).arg(mark);
    commands.atomic();
    // One round trip for all: what the transaction gives, and the mark as it is watched from now on.
    let mut packed = commands.get_packed_pipeline();
    redis::cmd("WATCH").arg(&own.mark).write_packed_command(&mut packed);
    redis::cmd("GET").arg(&own.mark).write_packed_command(&mut packed);
    let queued = commands.len() + 1;
    let mut replies = connection.req_packed_commands(&packed, queued, 3)?.into_iter().map(Value::extract_error);
    let (written, _, held) = (replies.next().transpose()?, replies.next().transpose()?, replies.next().transpose()?);
    let held: Option<String> = redis::from_redis_value(held.unwrap_or(Value::Nil))?;
    Ok(!matches!(written, None | Some(Value::Nil)) && held.as_deref() == Some(mark))
}

/// The commands that write everything.
fn direct(own: &OwnKeys, rows: &Rows, writes: &[Write<'_>]) -> Pipeline {
    let mut pipeline = redis::pipe();
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
    pipeline
}

/// Writes values under staging keys and the names they are meant for into lists, and returns the command that takes them into
/// their places. Names come first, so that what an interrupted staging leaves behind can be found.
fn stage(connection: &mut Connection, own: &OwnKeys, rows: &Rows, writes: &[Write<'_>]) -> RedisResult<Pipeline> {
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
    let keys = [&own.puts, &own.deletes, &own.keys];
    let mut publish = redis::pipe();
    publish.cmd("EVAL").arg(PUBLISH).arg(keys.len()).arg(&keys);
    publish.arg(&own.value_prefix).arg(position).arg(writes.len() - position);
    Ok(publish)
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
