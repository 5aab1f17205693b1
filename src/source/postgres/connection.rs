//! The replication connection: a session that can create a slot and stream from it.
//!
//! `tokio-postgres` has no replication mode, so the framing is ours, on `postgres-protocol`'s messages. The buffer holds one
//! message and what one read brought besides, so memory is bounded by the longest message. Reads survive being cancelled.

use super::failure::Failure;
use crate::failpoint::reach;
use crate::pg::{Endpoint, TlsMode};
use bytes::{Buf, BytesMut};
use fallible_iterator::FallibleIterator;
use futures_util::FutureExt;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{self, ChannelBinding, ScramSha256};
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;
use rustls::pki_types::ServerName;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::config::Host;
use tokio_rustls::TlsConnector;

/// How much is read at once at most.
const READ_SIZE: usize = 256 * 1024;
/// Postgres's own limit for a message.
const LONGEST_MESSAGE: usize = 1 << 30;
/// How long a server may stay silent while the session is set up, slot creation aside.
const SETUP_TIMEOUT: Duration = Duration::from_secs(30);

trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// A session in replication mode.
pub(super) struct ReplicationConnection {
    transport: Box<dyn Transport>,
    input: BytesMut,
    /// The server's process.
    process: i32,
}

/// One message: its type and content.
pub(super) struct Frame<'a> {
    /// The message's type byte.
    pub(super) tag: u8,
    /// What follows the length.
    pub(super) body: &'a [u8],
}

impl Frame<'_> {
    /// The bytes the frame takes in the buffer.
    pub(super) fn size(&self) -> usize {
        self.body.len() + 5
    }
}

/// A row of a simple query's answer.
pub(super) type TextRow = Vec<Option<String>>;

impl ReplicationConnection {
    /// Connects and authenticates.
    pub(super) async fn open(endpoint: &Endpoint) -> Result<ReplicationConnection, Failure> {
        let transport = connect(endpoint).await?;
        let input = BytesMut::with_capacity(READ_SIZE);
        let mut connection = ReplicationConnection { transport, input, process: 0 };
        within(SETUP_TIMEOUT, connection.start_up(endpoint)).await?;
        Ok(connection)
    }

    async fn start_up(&mut self, endpoint: &Endpoint) -> Result<(), Failure> {
        let config = endpoint.config();
        let parameters = [
            ("user", endpoint.user()),
            ("database", endpoint.database()),
            ("replication", "database"),
            ("client_encoding", "UTF8"),
            ("application_name", config.get_application_name().unwrap_or_default()),
            ("options", config.get_options().unwrap_or_default()),
        ];
        let mut message = BytesMut::new();
        frontend::startup_message(parameters, &mut message)?;
        self.send(&message).await?;
        let password = config.get_password();
        loop {
            match self.message().await? {
                Message::AuthenticationCleartextPassword => self.send_password(needed(password)?).await?,
                Message::AuthenticationMd5Password(body) => {
                    let hash = md5_hash(endpoint.user().as_bytes(), needed(password)?, body.salt());
                    self.send_password(hash.as_bytes()).await?;
                }
                Message::AuthenticationSasl(body) => {
                    let scram = body.mechanisms().any(|mechanism| Ok(mechanism == sasl::SCRAM_SHA_256))?;
                    if !scram {
                        return Err(Failure::config("the server asks for an authentication this client does not have"));
                    }
                    self.authenticate_scram(needed(password)?).await?;
                }
                Message::BackendKeyData(body) => self.process = body.process_id(),
                Message::AuthenticationOk | Message::ParameterStatus(_) => {}
                Message::ReadyForQuery(_) => return Ok(()),
                _ => {
                    return Err(Failure::config(
                        "the server asks for an authentication this client does not have; use scram-sha-256",
                    ));
                }
            }
        }
    }

    async fn send_password(&mut self, password: &[u8]) -> Result<(), Failure> {
        let mut message = BytesMut::new();
        frontend::password_message(password, &mut message)?;
        self.send(&message).await
    }

    async fn authenticate_scram(&mut self, password: &[u8]) -> Result<(), Failure> {
        let mut scram = ScramSha256::new(password, ChannelBinding::unsupported());
        let mut message = BytesMut::new();
        frontend::sasl_initial_response(sasl::SCRAM_SHA_256, scram.message(), &mut message)?;
        self.send(&message).await?;
        let Message::AuthenticationSaslContinue(body) = self.message().await? else { return Err(out_of_step()) };
        scram.update(body.data())?;
        message.clear();
        frontend::sasl_response(scram.message(), &mut message)?;
        self.send(&message).await?;
        let Message::AuthenticationSaslFinal(body) = self.message().await? else { return Err(out_of_step()) };
        Ok(scram.finish(body.data())?)
    }

    /// The server's process that serves it.
    pub(super) fn process(&self) -> i32 {
        self.process
    }

    /// Runs a simple query or replication command that answers with rows. Takes as long as the server needs.
    pub(super) async fn query(&mut self, sql: &str) -> Result<Vec<TextRow>, Failure> {
        self.send_query(sql).await?;
        let mut rows = Vec::new();
        loop {
            match self.message().await? {
                Message::DataRow(body) => {
                    let buffer = body.buffer();
                    let column = |range: Option<std::ops::Range<usize>>| {
                        let bytes = range.and_then(|range| buffer.get(range));
                        Ok(bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
                    };
                    rows.push(body.ranges().map(column).collect()?);
                }
                Message::ReadyForQuery(_) => return Ok(rows),
                _ => {}
            }
        }
    }

    /// Which server this is: its system identifier.
    pub(super) async fn system(&mut self) -> Result<String, Failure> {
        let identity = within(SETUP_TIMEOUT, self.query("IDENTIFY_SYSTEM")).await?;
        let system = identity.into_iter().flatten().next().flatten();
        system.ok_or_else(|| Failure::Lost("the server does not say which it is".into()))
    }

    /// Starts streaming; from here on only frames come.
    pub(super) async fn start_streaming(&mut self, command: &str) -> Result<(), Failure> {
        self.send_query(command).await?;
        let answer = async {
            loop {
                if let Some(frame) = self.frame()? {
                    let (tag, size) = (frame.tag, frame.size());
                    if tag == b'E' {
                        return Err(server_error(frame.body));
                    }
                    self.consume(size);
                    if tag == b'W' {
                        return Ok(());
                    }
                    continue;
                }
                self.fill().await?;
            }
        };
        within(SETUP_TIMEOUT, answer).await
    }

    async fn send_query(&mut self, sql: &str) -> Result<(), Failure> {
        let mut message = BytesMut::new();
        frontend::query(sql, &mut message)?;
        self.send(&message).await
    }

    /// Tells the server how far we are: what was received, and what need not be kept. May ask for an answer.
    pub(super) async fn send_status(&mut self, received: u64, confirmed: u64, answer: bool) -> Result<(), Failure> {
        let mut message = [0; 39];
        message[0] = b'd';
        message[1..5].copy_from_slice(&38u32.to_be_bytes());
        message[5] = b'r';
        message[6..14].copy_from_slice(&received.to_be_bytes());
        message[14..22].copy_from_slice(&confirmed.to_be_bytes());
        message[22..30].copy_from_slice(&confirmed.to_be_bytes());
        message[38] = u8::from(answer);
        reach("status.unsent");
        within(SETUP_TIMEOUT, self.send(&message)).await?;
        reach("status.sent");
        Ok(())
    }

    /// The next whole message in the buffer, which stays there until it is consumed.
    pub(super) fn frame(&self) -> Result<Option<Frame<'_>>, Failure> {
        let Some((header, rest)) = self.input.split_first_chunk::<5>() else { return Ok(None) };
        let [tag, a, b, c, d] = *header;
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if !(4..=LONGEST_MESSAGE).contains(&length) {
            return Err(Failure::Lost(format!("the server sent a message of impossible length {length}")));
        }
        Ok(rest.get(..length - 4).map(|body| Frame { tag, body }))
    }

    /// Removes a message from the buffer.
    pub(super) fn consume(&mut self, size: usize) {
        self.input.advance(size.min(self.input.len()));
    }

    /// Reads more. Nothing is lost when this is cancelled.
    pub(super) async fn fill(&mut self) -> Result<(), Failure> {
        self.input.reserve(READ_SIZE);
        match self.transport.read_buf(&mut self.input).await? {
            0 => Err(Failure::Lost("the server closed the connection".into())),
            _ => Ok(()),
        }
    }

    /// Reads more if there is more already; false if not.
    pub(super) fn fill_now(&mut self) -> Result<bool, Failure> {
        match self.fill().now_or_never() {
            Some(result) => result.map(|()| true),
            None => Ok(false),
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.transport.write_all(bytes).await?;
        Ok(self.transport.flush().await?)
    }

    /// The next message that is no notice; a server's error is an error.
    async fn message(&mut self) -> Result<Message, Failure> {
        loop {
            match self.frame()? {
                Some(frame) if frame.tag == b'E' => return Err(server_error(frame.body)),
                Some(frame) if frame.tag == b'N' => {
                    let size = frame.size();
                    self.consume(size);
                }
                Some(_) => {
                    let message = Message::parse(&mut self.input)?;
                    return message.ok_or_else(out_of_step);
                }
                None => self.fill().await?,
            }
        }
    }
}

fn needed(password: Option<&[u8]>) -> Result<&[u8], Failure> {
    password.ok_or_else(|| Failure::config("the server asks for a password, but the connection string has none"))
}

fn out_of_step() -> Failure {
    Failure::Lost("the server's answer makes no sense here".into())
}

/// What an ErrorResponse says.
pub(super) fn server_error(body: &[u8]) -> Failure {
    let (mut code, mut message, mut detail) = ("", String::from("an error without a message"), String::new());
    for field in body.split(|byte| *byte == 0) {
        let Some((kind, text)) = field.split_first() else { continue };
        match kind {
            b'C' => code = std::str::from_utf8(text).unwrap_or_default(),
            b'M' => message = String::from_utf8_lossy(text).into_owned(),
            b'D' => detail = format!("; {}", String::from_utf8_lossy(text)),
            _ => {}
        }
    }
    Failure::server(code, format!("Postgres says: {message} ({code}){detail}"))
}

pub(super) async fn within<X>(limit: Duration, work: impl Future<Output = Result<X, Failure>>) -> Result<X, Failure> {
    match tokio::time::timeout(limit, work).await {
        Ok(result) => result,
        Err(_) => Err(Failure::Lost(format!("no answer from the server within {} s", limit.as_secs()))),
    }
}

/// Connects to the first host that answers, under TLS as asked.
async fn connect(endpoint: &Endpoint) -> Result<Box<dyn Transport>, Failure> {
    let mut last = Failure::config("the connection string names no host");
    for address in addresses(endpoint) {
        match within(SETUP_TIMEOUT, connect_to(endpoint, &address)).await {
            Ok(transport) => return Ok(transport),
            Err(failure) => last = failure,
        }
    }
    Err(last)
}

enum Address {
    /// Where to connect, and the name the certificate must bear.
    Tcp {
        host: String,
        name: String,
        port: u16,
    },
    Unix(PathBuf),
}

fn addresses(endpoint: &Endpoint) -> Vec<Address> {
    let config = endpoint.config();
    let (hosts, numeric, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let port = |i: usize| ports.get(i).or(ports.first()).copied().unwrap_or(5432);
    (0..hosts.len().max(numeric.len()))
        .filter_map(|i| match (hosts.get(i), numeric.get(i)) {
            (Some(Host::Unix(directory)), _) => Some(Address::Unix(directory.join(format!(".s.PGSQL.{}", port(i))))),
            (Some(Host::Tcp(name)), numeric) => {
                let host = numeric.map_or_else(|| name.clone(), ToString::to_string);
                Some(Address::Tcp { host, name: name.clone(), port: port(i) })
            }
            (None, Some(numeric)) => {
                Some(Address::Tcp { host: numeric.to_string(), name: numeric.to_string(), port: port(i) })
            }
            (None, None) => None,
        })
        .collect()
}

async fn connect_to(endpoint: &Endpoint, address: &Address) -> Result<Box<dyn Transport>, Failure> {
    match address {
        Address::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
        Address::Tcp { host, name, port } => {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            stream.set_nodelay(true)?;
            if endpoint.tls().mode == TlsMode::Disable {
                return Ok(Box::new(stream));
            }
            secure(endpoint, stream, name).await
        }
    }
}

/// Asks for TLS and shakes hands.
async fn secure(endpoint: &Endpoint, mut stream: TcpStream, name: &str) -> Result<Box<dyn Transport>, Failure> {
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    stream.write_all(&request).await?;
    match stream.read_u8().await? {
        b'S' => {}
        _ if endpoint.tls().mode == TlsMode::Prefer => return Ok(Box::new(stream)),
        _ => {
            return Err(Failure::config(
                "sslmode asks for TLS, but the server has none; set ssl = on in postgresql.conf",
            ));
        }
    }
    let name = ServerName::try_from(name.to_string())
        .map_err(|_| Failure::config(format!("\"{name}\" cannot stand in a certificate; use a host name")))?;
    let connector = TlsConnector::from(Arc::new(endpoint.tls().client_config()?));
    let secured = connector.connect(name, stream).await.map_err(|error| match error.get_ref() {
        Some(cause) if cause.is::<rustls::Error>() => Failure::config(format!("TLS with the server failed: {cause}")),
        _ => Failure::from(error),
    })?;
    Ok(Box::new(secured))
}
