//! What is asked of the server, and what its errors mean. The client's own tasks run only while something is asked.

use super::config::Config;
use crate::source::SourceError;
use crate::source::stream::{Failure, Origin};
use async_nats::jetstream::consumer::pull::Batch;
use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy, pull};
use async_nats::jetstream::stream::{ConsumerErrorKind, Stream};
use async_nats::jetstream::{self, ErrorCode, Message};
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, ServerAddr, Subject};
use futures_util::StreamExt;
use std::str::FromStr;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// Bytes of messages that may be read at once.
const BATCH_BYTES: usize = 64 << 20;
const BATCH_MAX: usize = 500;
/// How long an idle connection waits for a message before it looks for a stop.
const WAIT: Duration = Duration::from_millis(100);
const TIMEOUT: Duration = Duration::from_secs(5);
/// A consumer that nobody asks for so long is forgotten by the server.
const INACTIVE: Duration = Duration::from_secs(60);

/// The server, not connected yet.
pub(super) struct Server {
    runtime: Runtime,
    address: ServerAddr,
    token: Option<String>,
}

/// What the server's stream holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// The sequence of the oldest message.
    pub(super) first: u64,
    /// The sequence of the newest one.
    pub(super) last: u64,
}

impl Server {
    pub(super) fn new(config: &Config) -> Result<Server, SourceError> {
        let wrong = |key: &str, what: String| SourceError::Config(format!("{key}: {what}"));
        let url = config.url.resolve().map_err(|error| wrong("url", error))?;
        let address =
            ServerAddr::from_str(&url).map_err(|error| wrong("url", format!("{error}; write nats://host:port")))?;
        let token = config.token.as_ref().map(|token| token.resolve()).transpose();
        let token = token.map_err(|error| wrong("token", error))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| SourceError::Unavailable(format!("no runtime: {error}")))?;
        Ok(Server { runtime, address, token })
    }

    /// How messages call it.
    pub(super) fn label(&self) -> String {
        format!("NATS at {}:{}", self.address.host(), self.address.port())
    }

    /// Makes a new connection, and finds the stream.
    pub(super) fn connect(&self, config: &Config) -> Result<Connection<'_>, Failure> {
        self.runtime.block_on(async {
            let (tell, lost) = watch::channel(false);
            let mut options = ConnectOptions::new().name("tidegate").connection_timeout(TIMEOUT);
            options = options.request_timeout(Some(TIMEOUT)).event_callback(move |event| {
                let tell = tell.clone();
                async move {
                    if matches!(event, Event::Disconnected | Event::Closed) {
                        // Nobody listens once the connection was given up.
                        let _ = tell.send(true);
                    }
                }
            });
            if let Some(token) = &self.token {
                options = options.token(token.clone());
            }
            let client = options.connect(self.address.clone()).await.map_err(|error| match error.kind() {
                ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
                    SourceError::Config(format!("NATS refuses us: {error}; see user, password and token")).into()
                }
                _ => Failure::Lost(error.to_string()),
            })?;
            let stream = jetstream::new(client.clone()).get_stream(&config.jetstream).await;
            let stream = stream.map_err(|error| match error.kind() {
                jetstream::context::GetStreamErrorKind::JetStream(error)
                    if error.error_code() == ErrorCode::STREAM_NOT_FOUND =>
                {
                    let name = &config.jetstream;
                    SourceError::Operator(format!("NATS has no stream {name}; create it (nats stream add {name})"))
                        .into()
                }
                _ => Failure::Lost(error.to_string()),
            })?;
            let payload = client.server_info().max_payload.max(1);
            let count = (BATCH_BYTES / payload).clamp(1, BATCH_MAX);
            Ok(Connection { runtime: &self.runtime, client, stream, lost, count })
        })
    }
}

/// A connection to the server.
pub(super) struct Connection<'s> {
    runtime: &'s Runtime,
    client: Client,
    stream: Stream,
    /// Whether the connection was ever lost.
    lost: watch::Receiver<bool>,
    /// Messages asked for at once.
    pub(super) count: usize,
}

/// A consumer of the stream.
pub(super) type Pull = Consumer<pull::Config>;

impl Connection<'_> {
    /// What the stream holds.
    pub(super) fn extent(&mut self) -> Result<Extent, Failure> {
        let info = self.runtime.block_on(self.stream.info()).map_err(lost)?;
        Ok(Extent { first: info.state.first_sequence, last: info.state.last_sequence })
    }

    /// A consumer of our own, from this sequence on.
    pub(super) fn consumer_from(&self, config: &Config, sequence: u64) -> Result<Pull, Failure> {
        self.create(pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: sequence },
            ack_policy: AckPolicy::None,
            filter_subject: config.subject.clone().unwrap_or_default(),
            inactive_threshold: INACTIVE,
            ..pull::Config::default()
        })
    }

    /// The durable consumer of that name, made if there is none, and up to where it was acknowledged.
    ///
    /// What another process was given and did not acknowledge the server would give again, but only after a while and after newer
    /// messages. So where we begin, such a consumer is made anew from where it was acknowledged.
    pub(super) fn durable(&self, config: &Config, name: &str, begins: bool) -> Result<(Pull, u64), Failure> {
        let from = match config.from {
            Origin::Beginning => DeliverPolicy::All,
            Origin::End => DeliverPolicy::New,
        };
        let mut consumer = match self.runtime.block_on(self.stream.get_consumer::<pull::Config>(name)) {
            Ok(consumer) => consumer,
            Err(_) => self.create(durable_config(config, name, from))?,
        };
        let info = self.runtime.block_on(consumer.info()).map_err(lost)?.clone();
        let expected = durable_config(config, name, from);
        if info.config.ack_policy != expected.ack_policy || info.config.filter_subject != expected.filter_subject {
            return Err(SourceError::Operator(format!(
                "the consumer {name} was made otherwise: it is to acknowledge `all` and to have the configured subject; delete \
                 it, or choose another name"
            ))
            .into());
        }
        let acknowledged = info.ack_floor.stream_sequence;
        if begins && info.num_ack_pending > 0 {
            self.runtime.block_on(self.stream.delete_consumer(name)).map_err(lost)?;
            let from = DeliverPolicy::ByStartSequence { start_sequence: acknowledged + 1 };
            consumer = self.create(durable_config(config, name, from))?;
        }
        Ok((consumer, acknowledged))
    }

    fn create(&self, config: pull::Config) -> Result<Pull, Failure> {
        self.runtime.block_on(self.stream.create_consumer(config)).map_err(|error| match error.kind() {
            ConsumerErrorKind::JetStream(said) if said.code() < 500 => {
                SourceError::Operator(format!("NATS refuses the consumer: {error}")).into()
            }
            _ => lost(error),
        })
    }

    /// The next messages that are there.
    pub(super) fn fetch(&mut self, consumer: &Pull) -> Result<Vec<Message>, Failure> {
        let count = self.count;
        self.collect(async { consumer.fetch().max_messages(count).messages().await.map_err(lost) })
    }

    /// The next message, if one comes soon.
    pub(super) fn wait(&mut self, consumer: &Pull) -> Result<Vec<Message>, Failure> {
        self.collect(async { consumer.batch().max_messages(1).expires(WAIT).messages().await.map_err(lost) })
    }

    /// The messages of a batch. A batch that ends because the connection did is no batch: the stream is not at its end.
    fn collect(&mut self, batch: impl Future<Output = Result<Batch, Failure>>) -> Result<Vec<Message>, Failure> {
        let connection_lost = &mut self.lost;
        self.runtime.block_on(async {
            let mut messages = Vec::new();
            let all = async {
                let mut batch = batch.await?;
                while let Some(message) = batch.next().await {
                    messages.push(message.map_err(lost)?);
                }
                Ok(())
            };
            tokio::select! {
                biased;
                _ = connection_lost.wait_for(|lost| *lost) => Err(Failure::Lost("the connection is lost".into())),
                done = tokio::time::timeout(TIMEOUT, all) => {
                    done.unwrap_or_else(|_| Err(Failure::Lost("the server does not answer".into())))
                }
            }?;
            Ok(messages)
        })
    }

    /// Acknowledges everything up to the message that is answered there.
    pub(super) fn acknowledge(&self, reply: Subject) -> Result<(), Failure> {
        self.runtime.block_on(self.client.publish(reply, "+ACK".into())).map_err(lost)
    }

    /// Sees that what was said reaches the server.
    pub(super) fn flush(&self) {
        let flushed = self.runtime.block_on(async { tokio::time::timeout(TIMEOUT, self.client.flush()).await });
        if !matches!(flushed, Ok(Ok(()))) {
            tracing::debug!("NATS: the last acknowledgement may not have arrived");
        }
    }
}

fn durable_config(config: &Config, name: &str, from: DeliverPolicy) -> pull::Config {
    pull::Config {
        durable_name: Some(name.to_owned()),
        deliver_policy: from,
        ack_policy: AckPolicy::All,
        filter_subject: config.subject.clone().unwrap_or_default(),
        // What waits for the watermark is not acknowledged: its number knows no limit but `buffer`.
        max_ack_pending: -1,
        ..pull::Config::default()
    }
}

fn lost(error: impl std::fmt::Display) -> Failure {
    Failure::Lost(error.to_string())
}
