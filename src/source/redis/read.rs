//! What is asked of the server, and what its errors mean.

use super::config::Config;
use super::position::{EntryId, Extent};
use crate::resp::Connection;
use crate::source::SourceError;
use crate::source::stream::Failure;
use redis::{
    Client, ConnectionInfo, ErrorKind, FromRedisValue, IntoConnectionInfo, RedisError, RedisResult, ServerErrorKind,
    Value,
};
use std::collections::HashMap;
use std::time::Duration;

/// Entries of a stream that are read at once.
pub(super) const COUNT: usize = 500;
/// How long an idle connection waits for an entry before it looks for a stop.
const WAIT_MS: usize = 100;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REPLY_TIMEOUT: Duration = Duration::from_secs(20);

/// An entry of a stream.
pub(super) struct Entry {
    pub(super) id: EntryId,
    pub(super) fields: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What one look at the server gave, for each stream that was asked for.
pub(super) struct Batch {
    /// How far the streams went.
    pub(super) extents: Vec<Extent>,
    /// What they had at that moment, `COUNT` entries at most.
    pub(super) entries: Vec<Vec<Entry>>,
}

/// The server.
pub(super) struct Server {
    info: ConnectionInfo,
    keys: Vec<String>,
    connection: Option<Connection>,
}

impl Server {
    /// A server that is not connected yet.
    pub(super) fn new(config: &Config) -> Result<Server, SourceError> {
        let wrong = |key: &str, what: String| SourceError::Config(format!("{key}: {what}"));
        let url = config.url.resolve().map_err(|error| wrong("url", error))?;
        let mut info = url.as_str().into_connection_info().map_err(|error| {
            let detail = error.detail().unwrap_or("not a Redis URL");
            wrong("url", format!("{detail}; write redis://host:port/database"))
        })?;
        if let Some(password) = &config.password {
            let password = password.resolve().map_err(|error| wrong("password", error))?;
            let settings = info.redis_settings().clone().set_password(password);
            info = info.set_redis_settings(settings);
        }
        Ok(Server { info, keys: config.keys.clone(), connection: None })
    }

    /// How messages call it.
    pub(super) fn label(&self) -> String {
        format!("Redis at {}", self.info.addr())
    }

    /// Makes a new connection.
    pub(super) fn connect(&mut self) -> Result<(), Failure> {
        let connect = || {
            let connection = Client::open(self.info.clone())?.get_connection_with_timeout(CONNECT_TIMEOUT)?;
            connection.set_read_timeout(Some(REPLY_TIMEOUT))?;
            connection.set_write_timeout(Some(REPLY_TIMEOUT))?;
            Ok(Connection::new(connection, || ()))
        };
        self.connection = Some(connect().map_err(|error| failure(&error))?);
        Ok(())
    }

    /// How far the streams go.
    pub(super) fn extents(&mut self) -> Result<Vec<Extent>, Failure> {
        let mut pipe = redis::pipe();
        pipe.ignore_errors();
        for key in &self.keys {
            pipe.cmd("XINFO").arg("STREAM").arg(key);
        }
        let answers: Vec<RedisResult<Value>> = pipe.query(self.connection()?).map_err(|error| failure(&error))?;
        answers.into_iter().map(extent).collect()
    }

    /// What the streams have after these entries.
    pub(super) fn read(&mut self, wanted: &[(usize, EntryId)]) -> Result<Batch, Failure> {
        // In one transaction: what was deleted before it was read cannot hide between the two.
        let mut pipe = redis::pipe();
        pipe.atomic().ignore_errors();
        for (index, _) in wanted {
            pipe.cmd("XINFO").arg("STREAM").arg(&self.keys[*index]);
        }
        read_command(pipe.cmd("XREAD").arg("COUNT").arg(COUNT), &self.keys, wanted);
        let mut answers: Vec<RedisResult<Value>> = pipe.query(self.connection()?).map_err(|error| failure(&error))?;
        let read = answers.pop().unwrap_or(Ok(Value::Nil)).map_err(|error| failure(&error))?;
        let extents = answers.into_iter().map(extent).collect::<Result<_, _>>()?;
        let mut by_key = entries(read).map_err(|error| failure(&error))?;
        let entries = wanted.iter().map(|(index, _)| by_key.remove(&self.keys[*index]).unwrap_or_default());
        Ok(Batch { extents, entries: entries.collect() })
    }

    /// Waits a little until there is something after these entries.
    pub(super) fn wait(&mut self, wanted: &[(usize, EntryId)]) -> Result<(), Failure> {
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(1).arg("BLOCK").arg(WAIT_MS);
        let mut keys = redis::pipe();
        read_command(keys.add_command(command), &self.keys, wanted);
        keys.exec(self.connection()?).map_err(|error| failure(&error))
    }

    fn connection(&mut self) -> Result<&mut Connection, Failure> {
        self.connection.as_mut().ok_or_else(|| Failure::Lost("not connected".into()))
    }
}

fn read_command(pipe: &mut redis::Pipeline, keys: &[String], wanted: &[(usize, EntryId)]) {
    pipe.arg("STREAMS");
    for (index, _) in wanted {
        pipe.arg(&keys[*index]);
    }
    for (_, read) in wanted {
        pipe.arg(read.to_string());
    }
}

/// What `XINFO STREAM` says; a key that does not exist is a stream without entries.
fn extent(answer: RedisResult<Value>) -> Result<Extent, Failure> {
    let answer = match answer {
        Err(error) if error.detail().is_some_and(|detail| detail.contains("no such key")) => {
            return Ok(Extent::default());
        }
        answer => answer.map_err(|error| failure(&error))?,
    };
    let fields = HashMap::<String, Value>::from_redis_value(answer).map_err(|error| failure(&error.into()))?;
    let id = |name: &str| match fields.get(name) {
        Some(Value::BulkString(text)) => std::str::from_utf8(text).ok()?.parse().ok(),
        Some(Value::SimpleString(text)) => text.parse().ok(),
        _ => None,
    };
    let last =
        id("last-generated-id").ok_or_else(|| Failure::Lost("XINFO STREAM names no last-generated-id".into()))?;
    Ok(Extent { last, deleted: id("max-deleted-entry-id").unwrap_or_default() })
}

type Raw = Vec<(String, Vec<(String, Vec<(Vec<u8>, Vec<u8>)>)>)>;

/// What `XREAD` says, by key.
fn entries(answer: Value) -> RedisResult<HashMap<String, Vec<Entry>>> {
    let streams = Option::<Raw>::from_redis_value(answer)?.unwrap_or_default();
    let entry = |(id, fields): (String, Vec<_>)| match id.parse() {
        Ok(id) => Ok(Entry { id, fields }),
        Err(()) => Err(RedisError::from((ErrorKind::UnexpectedReturnType, "an entry has a strange id", id))),
    };
    let stream =
        |(key, entries): (String, Vec<_>)| Ok((key, entries.into_iter().map(entry).collect::<Result<_, _>>()?));
    streams.into_iter().map(stream).collect()
}

/// Which kind of failure an error of the client or the server is.
fn failure(error: &RedisError) -> Failure {
    let operator = |text: String| SourceError::Operator(text).into();
    match error.kind() {
        ErrorKind::InvalidClientConfig => SourceError::Config(format!("url: {error}")).into(),
        ErrorKind::AuthenticationFailed => SourceError::Config(format!("Redis refuses the password: {error}")).into(),
        ErrorKind::Server(ServerErrorKind::NoPerm) => {
            operator(format!("Redis: {error}; the user needs XREAD, XINFO, MULTI and EXEC, and may read the keys"))
        }
        _ => match error.code() {
            Some("WRONGTYPE") => operator(format!("Redis: {error}; `keys` is to name streams (XADD)")),
            Some("NOAUTH" | "WRONGPASS") => SourceError::Config(format!("Redis: {error}; give a `password`")).into(),
            _ => Failure::Lost(error.to_string()),
        },
    }
}
