//! The HTTP side: checks a request, hands its body over, and answers when it was taken.
//!
//! A request's bytes are reserved before its body is read, so that what waits is bounded; without room the client is told to come
//! again.

use super::records::Kind;
use super::replays::KEY_MAX;
use crossbeam_channel::Sender;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use sha2::{Digest, Sha256};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};

/// Connections served at once; further ones wait.
const CONNECTIONS: usize = 256;
/// How long a client may take for the head of a request, and for its body.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// When a client that found no room is to come again, seconds.
const RETRY_AFTER: &str = "1";

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A request on its way to the stream.
pub(super) struct Arrival {
    pub(super) kind: Kind,
    pub(super) body: Bytes,
    /// The idempotency key.
    pub(super) key: Option<String>,
    /// Where the answer is waited for.
    pub(super) answer: oneshot::Sender<Answer>,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It was taken, now or before.
    Taken { taken: Taken, again: bool },
    /// Its body is not what it says it is; nothing was taken.
    Malformed(String),
    /// Too much waits for the watermark already.
    Full,
}

/// What became of the records of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) accepted: usize,
    pub(super) late: usize,
    pub(super) rejected: usize,
}

/// What the server knows.
pub(super) struct Door {
    pub(super) path: String,
    /// The hash of the token: comparing hashes tells nothing of how much of a token was right.
    pub(super) token: Option<[u8; 32]>,
    pub(super) max_body: usize,
    /// A permit per byte that may still wait.
    pub(super) room: Arc<Semaphore>,
    pub(super) arrivals: Sender<Arrival>,
}

/// Serves until `closed` is told or dropped.
pub(super) async fn serve(listener: TcpListener, door: Arc<Door>, closed: oneshot::Receiver<Infallible>) {
    let accept = async {
        let connections = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(permit) = connections.clone().acquire_owned().await else { return };
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of descriptors, say: what is closed meanwhile helps.
                    tracing::warn!("cannot accept a connection: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let door = door.clone();
            tokio::spawn(async move {
                let service = service_fn(|request| door.clone().answer(request));
                let mut server = http1::Builder::new();
                server.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
                if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
                    tracing::debug!("a connection ended: {error}");
                }
                drop(permit);
            });
        }
    };
    tokio::select! {
        () = accept => {}
        _ = closed => {}
    }
}

/// The hash of a token.
pub(super) fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

type Reply = Response<Full<Bytes>>;

impl Door {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Reply, Infallible> {
        Ok(self.take(request).await.unwrap_or_else(|refused| refused))
    }

    async fn take(&self, request: Request<Incoming>) -> Result<Reply, Reply> {
        let (kind, key) = self.check(&request)?;
        let announced = request.body().size_hint().upper();
        let too_large =
            || refuse(StatusCode::PAYLOAD_TOO_LARGE, &format!("a body has at most {} bytes", self.max_body));
        if announced.is_some_and(|bytes| bytes > self.max_body as u64) {
            return Err(too_large());
        }
        // A body of unknown length may be as long as any.
        let reserved = announced.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(self.max_body);
        let permits = u32::try_from(reserved).unwrap_or(u32::MAX);
        let Ok(_room) = self.room.try_acquire_many(permits) else { return Err(full()) };
        let body = Limited::new(request.into_body(), self.max_body).collect();
        let body = match tokio::time::timeout(BODY_TIMEOUT, body).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large()),
            Ok(Err(error)) => {
                return Err(refuse(StatusCode::BAD_REQUEST, &format!("the body cannot be read: {error}")));
            }
            Err(_) => return Err(refuse(StatusCode::REQUEST_TIMEOUT, "the body took too long")),
        };
        let (answer, answered) = oneshot::channel();
        if self.arrivals.try_send(Arrival { kind, body, key, answer }).is_err() {
            return Err(full());
        }
        match answered.await {
            Ok(Answer::Taken { taken, again }) => Ok(taken_reply(taken, again)),
            Ok(Answer::Malformed(message)) => Err(refuse(StatusCode::BAD_REQUEST, &message)),
            Ok(Answer::Full) => Err(full()),
            Err(_) => Err(refuse(StatusCode::SERVICE_UNAVAILABLE, "the stream has ended")),
        }
    }

    /// What can be said before the body is read.
    fn check(&self, request: &Request<Incoming>) -> Result<(Kind, Option<String>), Reply> {
        if request.uri().path() != self.path {
            return Err(refuse(StatusCode::NOT_FOUND, &format!("events go to {}", self.path)));
        }
        if request.method() != Method::POST {
            let reply = refuse(StatusCode::METHOD_NOT_ALLOWED, "events are sent with POST");
            return Err(with(reply, header::ALLOW, "POST"));
        }
        let text = |name: &HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
        if let Some(token) = &self.token {
            let shown = text(&header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
            if shown.is_none_or(|shown| hash(shown.trim()) != *token) {
                let reply = refuse(StatusCode::UNAUTHORIZED, "a bearer token is needed");
                return Err(with(reply, header::WWW_AUTHENTICATE, "Bearer"));
            }
        }
        let unknown = "the Content-Type is to be application/json or application/x-ndjson";
        let kind = text(&header::CONTENT_TYPE).and_then(Kind::of);
        let kind = kind.ok_or_else(|| refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, unknown))?;
        let key = match request.headers().get(IDEMPOTENCY_KEY).map(HeaderValue::to_str) {
            None => None,
            Some(Ok(key)) if !key.is_empty() && key.len() <= KEY_MAX => Some(key.to_owned()),
            Some(_) => {
                let message = format!("an Idempotency-Key has 1 to {KEY_MAX} ASCII characters");
                return Err(refuse(StatusCode::BAD_REQUEST, &message));
            }
        };
        Ok((kind, key))
    }
}

fn taken_reply(taken: Taken, again: bool) -> Reply {
    let Taken { accepted, late, rejected } = taken;
    let body = format!("{{\"accepted\":{accepted},\"late\":{late},\"rejected\":{rejected}}}\n");
    let reply = reply(StatusCode::OK, body);
    if again { with(reply, HeaderName::from_static("idempotent-replayed"), "true") } else { reply }
}

fn full() -> Reply {
    let reply = refuse(StatusCode::TOO_MANY_REQUESTS, "too much is waiting to be taken");
    with(reply, header::RETRY_AFTER, RETRY_AFTER)
}

fn refuse(status: StatusCode, message: &str) -> Reply {
    reply(status, format!("{}\n", serde_json::json!({ "error": message })))
}

fn reply(status: StatusCode, body: String) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(body)));
    *reply.status_mut() = status;
    with(reply, header::CONTENT_TYPE, "application/json")
}

fn with(mut reply: Reply, name: HeaderName, value: &'static str) -> Reply {
    reply.headers_mut().insert(name, HeaderValue::from_static(value));
    reply
}
