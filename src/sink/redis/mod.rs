//! One Redis key per row: its JSON as a string, or its columns as a hash.
//!
//! A delivery becomes visible at once: small ones in one MULTI/EXEC, large ones and first loads staged under keys of the sink's
//! own and then published by one script; the mark goes with them. The mark is watched all the time: a server that lost its data,
//! or was written to by somebody else, takes no delivery, and is given the whole content again. The sink remembers which keys are its own in a set beside the
//! mark, so that it can take away what the view no longer has and never touches anybody else's keys.
//!
//! The sink's own keys begin with `tidegate:<sink>:`; readers of the data need none of them.

mod read;
mod reconcile;
mod write;

pub use read::content;

use super::{Delivery, Difference, KeyTemplate, KeyedChange, Looked, Sink, SinkError, SinkKey, SinkView};
use crate::failpoint::reach;
use crate::resp::Connection;
use crate::secret::Secret;
use crate::value::{Column, Diff, Row, json, text};
use redis::{Client, Cmd, ErrorKind, IntoConnectionInfo, RedisError, ServerErrorKind};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Publishing a first load of millions of rows is one command: it may take a while.
const REPLY_TIMEOUT: Duration = Duration::from_secs(60);

/// The `redis` sink as configured.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The view whose rows are kept.
    pub view: String,
    /// `redis://[user@]host[:port][/database]`, or `unix:///path`.
    pub url: Secret,
    /// The password, if it is not in the URL.
    pub password: Option<Secret>,
    /// How keys read: `product:{id}`. The columns in braces are the view's key. `<view>:{…}` by the proven key if left out.
    pub key: Option<String>,
    /// What a key holds.
    #[serde(default)]
    pub value: Form,
}

/// What a key holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// A string: the row as JSON.
    #[default]
    Json,
    /// A hash: a field per column with the value's text; nulls have no field.
    Hash,
}

impl Config {
    /// The same with relative paths of secrets taken from this directory.
    pub fn relative_to(mut self, directory: &Path) -> Config {
        self.url = self.url.relative_to(directory);
        self.password = self.password.map(|password| password.relative_to(directory));
        self
    }
}

/// Keeps one Redis key per row of a view.
pub struct Redis {
    name: String,
    url: Secret,
    password: Option<Secret>,
    template: KeyTemplate,
    key: SinkKey,
    rows: Rows,
    own: OwnKeys,
    form: String,
    connection: Option<Connection>,
    /// Whether the target ever answered: what it refuses before that is a mistake in the configuration.
    answered: bool,
}

/// How rows read in Redis.
struct Rows {
    columns: Vec<Column>,
    form: Form,
}

/// The names of the sink's own keys.
struct OwnKeys {
    /// The mark, a string.
    mark: String,
    /// The data keys this sink has written, a set.
    keys: String,
    /// Names of staged puts and deletes, two lists.
    puts: String,
    deletes: String,
    /// The staged value at a position of the list of puts.
    value_prefix: String,
}

/// What is to be done with one Redis key.
enum Write<'a> {
    Put(String, &'a Row),
    Delete(String),
}

impl Redis {
    /// A sink that is not connected yet; refuses a key template that does not fit the view.
    pub fn new(name: &str, config: Config, view: SinkView) -> Result<Redis, SinkError> {
        let located = |error| match error {
            SinkError::Config(text) => SinkError::Config(format!("sink {name}: {text}")),
            other => other,
        };
        let template = match config.key {
            Some(template) => template,
            None => default_template(&view).map_err(located)?,
        };
        let (parsed, key) = KeyTemplate::parse(&template, &view).map_err(located)?;
        Ok(Redis {
            name: name.to_string(),
            url: config.url,
            password: config.password,
            template: parsed,
            key,
            rows: Rows { columns: view.schema.columns.clone(), form: config.value },
            own: OwnKeys::of(name),
            form: format!("{template} {:?}", config.value),
            connection: None,
            answered: false,
        })
    }

    fn connect(&self) -> Result<Connection, SinkError> {
        let wrong = |what: String| SinkError::Config(format!("sink {}: {what}", self.name));
        let url = self.url.resolve().map_err(|error| wrong(format!("url: {error}")))?;
        let mut info = url.as_str().into_connection_info().map_err(|error| {
            wrong(format!("url: {}; write redis://host:port/database", error.detail().unwrap_or("not a Redis URL")))
        })?;
        if let Some(password) = &self.password {
            let password = password.resolve().map_err(|error| wrong(format!("password: {error}")))?;
            let settings = info.redis_settings().clone().set_password(password);
            info = info.set_redis_settings(settings);
        }
        let connect = || {
            let connection = Client::open(info)?.get_connection_with_timeout(CONNECT_TIMEOUT)?;
            connection.set_read_timeout(Some(REPLY_TIMEOUT))?;
            connection.set_write_timeout(Some(REPLY_TIMEOUT))?;
            Ok(Connection::new(connection, || reach("redis.sent")))
        };
        connect().map_err(|error| self.error("connect", &error))
    }

    /// Which kind of failure an error of the client or the server is.
    fn error(&self, doing: &str, error: &RedisError) -> SinkError {
        let text = format!("sink {}: Redis: cannot {doing}: {error}", self.name);
        match error.kind() {
            ErrorKind::InvalidClientConfig => SinkError::Config(text),
            ErrorKind::AuthenticationFailed | ErrorKind::Server(ServerErrorKind::NoPerm) if !self.answered => {
                SinkError::Operator(text)
            }
            _ if error.code() == Some("WRONGTYPE") => SinkError::Operator(format!(
                "{text}; a key beginning with tidegate:{}: is not what this sink made it: delete those keys",
                self.name
            )),
            _ => SinkError::Transient(text),
        }
    }

    fn writes<'a>(&self, keyed: &'a [(Row, KeyedChange)]) -> Vec<Write<'a>> {
        let write = |(key, change): &'a (Row, KeyedChange)| match change {
            KeyedChange::Put(row) => Write::Put(self.template.write(key), row),
            KeyedChange::Delete => Write::Delete(self.template.write(key)),
        };
        keyed.iter().map(write).collect()
    }

    fn write(&mut self, connection: &mut Connection, delivery: &Delivery) -> Result<(), SinkError> {
        let writes = self.writes(&delivery.keyed);
        let writes = if delivery.first {
            reconcile::difference(connection, &self.own, &self.rows, writes)
                .map_err(|error| self.error("read what it holds", &error))?
        } else {
            writes
        };
        let mark = delivery.mark.to_string();
        reach("redis.unsent");
        let written = write::write(connection, &self.own, &self.rows, &writes, &mark);
        if !written.map_err(|error| self.error("write", &error))? {
            let (name, mark) = (&self.name, &self.own.mark);
            return Err(SinkError::Transient(format!("sink {name}: Redis: somebody has changed {mark} meanwhile")));
        }
        reach("redis.written");
        Ok(())
    }
}

impl Sink for Redis {
    fn key(&self) -> Option<&SinkKey> {
        Some(&self.key)
    }

    fn form(&self) -> String {
        self.form.clone()
    }

    fn open(&mut self) -> Result<Option<String>, SinkError> {
        self.connection = None;
        let mut connection = self.connect()?;
        let mut prepare = || {
            let mark = write::watch(&mut connection, &self.own)?;
            write::discard_staged(&mut connection, &self.own)?;
            Ok(mark)
        };
        let mark = prepare().map_err(|error| self.error("read the mark", &error))?;
        self.answered = true;
        self.connection = Some(connection);
        Ok(mark)
    }

    fn look(&mut self) -> Result<Option<Looked>, SinkError> {
        let mark = redis::cmd("GET").arg(&self.own.mark).query(&mut self.connect()?);
        mark.map(|mark| Some(Looked { mark, anew: None, note: None }))
            .map_err(|error| self.error("read the mark", &error))
    }

    fn compare(&mut self, rows: &[(Row, Diff)]) -> Result<Option<Difference>, SinkError> {
        let mut connection = self.connect()?;
        let shown = reconcile::content(&mut connection, &self.own, &self.rows)
            .map_err(|error| self.error("read what it holds", &error))?;
        let wanted = self.key.with_keys(rows).map(|(key, row)| (self.template.write(&key), self.rows.shown(row)));
        Ok(Some(Difference::keyed(&shown, &wanted.collect())))
    }

    fn apply(&mut self, delivery: &Delivery) -> Result<(), SinkError> {
        let Some(mut connection) = self.connection.take() else {
            return Err(SinkError::Transient(format!("sink {}: Redis: not connected", self.name)));
        };
        self.write(&mut connection, delivery)?;
        self.connection = Some(connection);
        Ok(())
    }
}

impl OwnKeys {
    fn of(sink: &str) -> OwnKeys {
        let key = |what| format!("tidegate:{sink}:{what}");
        OwnKeys {
            mark: key("mark"),
            keys: key("keys"),
            puts: key("staged:puts"),
            deletes: key("staged:deletes"),
            value_prefix: key("staged:value:"),
        }
    }

    fn value(&self, position: usize) -> String {
        format!("{}{position}", self.value_prefix)
    }
}

impl Rows {
    /// The row as JSON.
    fn json(&self, row: &Row) -> String {
        let mut out = String::new();
        json::write_row(&self.columns, row, &mut out);
        out
    }

    /// What the row's key holds, as JSON.
    fn shown(&self, row: &Row) -> String {
        match self.form {
            Form::Json => self.json(row),
            Form::Hash => serde_json::json!(self.fields(row).into_iter().collect::<BTreeMap<_, _>>()).to_string(),
        }
    }

    /// The row's columns that are not null, as text.
    fn fields(&self, row: &Row) -> Vec<(&str, String)> {
        let values = row.unpack();
        let fields = self.columns.iter().zip(&values).filter(|(_, value)| !value.is_null());
        fields
            .map(|(column, value)| {
                let mut shown = String::new();
                text::write(value, &mut shown);
                (column.name.as_str(), shown)
            })
            .collect()
    }

    /// The command that makes a key hold the row, where the key holds nothing or, as a string, anything.
    fn put(&self, key: &str, row: &Row) -> Cmd {
        match self.form {
            Form::Json => redis::cmd("SET").arg(key).arg(self.json(row)).take(),
            Form::Hash => {
                let mut command = redis::cmd("HSET");
                command.arg(key);
                for (field, value) in self.fields(row) {
                    command.arg(field).arg(value);
                }
                command
            }
        }
    }
}

/// `<view>:{a}:{b}` for the proven key.
fn default_template(view: &SinkView) -> Result<String, SinkError> {
    let key = SinkKey::of(view, None)?;
    let braced = |&column: &usize| format!("{{{}}}", view.schema.columns[column].name);
    let columns: Vec<String> = key.columns().iter().map(braced).collect();
    let view = view.name.to_string().replace('{', "{{").replace('}', "}}");
    Ok(format!("{view}:{}", columns.join(":")))
}
