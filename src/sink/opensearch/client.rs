//! HTTP with the server: one request, one answer, on connections that are kept for a while.
//!
//! It all runs inside `block_on` of the sink's thread, so between deliveries nobody looks at the connections: those
//! that have rested long are not used again, and one that turns out to be gone makes its request a transient failure.

use super::super::SinkError;
use super::Config;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer may take.
const REPLY_TIMEOUT: Duration = Duration::from_secs(60);
/// A connection that has rested longer is not used again.
const REST: Duration = Duration::from_secs(10);
/// The longest answer.
const ANSWER_MAX: usize = 512 << 20;

/// Requests to one server.
pub(super) struct Client {
    host: String,
    port: u16,
    /// As the `Host` header has it.
    authority: HeaderValue,
    /// What stands before every path.
    prefix: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    authorization: Option<HeaderValue>,
    gzip: bool,
    resting: RefCell<Vec<(Instant, SendRequest<Full<Bytes>>)>>,
}

/// What a request carries.
pub(super) enum Content {
    Nothing,
    Json(String),
    /// Lines of a bulk request.
    Lines(Vec<u8>),
}

/// What the server answered, whatever it was.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// When the server wants to be asked again.
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Bytes,
}

/// A connection, encrypted or not.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl Client {
    /// Reads what the configuration refers to; connects to nothing yet.
    pub(super) fn new(config: &Config) -> Result<Client, SinkError> {
        let wrong = |what: &str, text: String| SinkError::Config(format!("{what}: {text}"));
        let url = config.url.resolve().map_err(|error| wrong("url", error))?;
        let form = || wrong("url", "write http://host:port or https://host:port".to_string());
        let url: Uri = url.trim_end_matches('/').parse().map_err(|_| form())?;
        let (Some(scheme), Some(authority)) = (url.scheme_str(), url.authority()) else { return Err(form()) };
        if authority.as_str().contains('@') {
            return Err(wrong("url", "give `user` and `password` by themselves".to_string()));
        }
        if url.query().is_some() || !matches!(scheme, "http" | "https") {
            return Err(form());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_string();
        let tls = match scheme {
            "https" => {
                let name = ServerName::try_from(host.clone()).map_err(|_| form())?;
                Some((connector(config.ca.as_deref())?, name))
            }
            _ => None,
        };
        Ok(Client {
            port: authority.port_u16().unwrap_or(if tls.is_some() { 443 } else { 9200 }),
            authority: HeaderValue::from_str(authority.as_str()).map_err(|_| form())?,
            prefix: url.path().trim_end_matches('/').to_string(),
            host,
            tls,
            authorization: authorization(config)?,
            gzip: config.gzip,
            resting: RefCell::default(),
        })
    }

    /// Sends a request and reads the answer to its end.
    pub(super) async fn send(&self, method: Method, path: &str, content: Content) -> Result<Answer, SinkError> {
        let request = self.request(method, path, content)?;
        match timeout(REPLY_TIMEOUT, self.exchange(request)).await {
            Ok(result) => result.map_err(|error| located(path, error)),
            Err(_) => {
                let text = format!("no answer to {path} within {} s", REPLY_TIMEOUT.as_secs());
                Err(SinkError::Transient(text))
            }
        }
    }

    fn request(&self, method: Method, path: &str, content: Content) -> Result<Request<Full<Bytes>>, SinkError> {
        let mut builder = Request::builder().method(method).uri(format!("{}{path}", self.prefix));
        builder = builder.header(header::HOST, self.authority.clone()).header(header::ACCEPT, "application/json");
        if let Some(authorization) = &self.authorization {
            builder = builder.header(header::AUTHORIZATION, authorization.clone());
        }
        let body = match content {
            Content::Nothing => Vec::new(),
            Content::Json(json) => {
                builder = builder.header(header::CONTENT_TYPE, "application/json");
                json.into_bytes()
            }
            Content::Lines(lines) => {
                builder = builder.header(header::CONTENT_TYPE, "application/x-ndjson");
                if self.gzip {
                    builder = builder.header(header::CONTENT_ENCODING, "gzip");
                    compressed(&lines)?
                } else {
                    lines
                }
            }
        };
        let request = builder.body(Full::new(Bytes::from(body)));
        request.map_err(|error| SinkError::Config(format!("the request {path} cannot be made: {error}")))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, SinkError> {
        let gone = |error: hyper::Error| SinkError::Transient(format!("the connection failed: {error}"));
        let mut connection = match self.rested() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let response = connection.send_request(request).await.map_err(gone)?;
        let (head, body) = response.into_parts();
        let retry_after = head.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let body = Limited::new(body, ANSWER_MAX).collect().await.map_err(|error| {
            let text = match error.is::<LengthLimitError>() {
                true => format!("the answer is longer than {} MiB", ANSWER_MAX >> 20),
                false => format!("the connection failed amid the answer: {error}"),
            };
            SinkError::Transient(text)
        })?;
        if connection.ready().await.is_ok() {
            self.resting.borrow_mut().push((Instant::now(), connection));
        }
        let retry_after = retry_after.map(Duration::from_secs);
        Ok(Answer { status: head.status, retry_after, body: body.to_bytes() })
    }

    /// A connection that has rested only shortly.
    fn rested(&self) -> Option<SendRequest<Full<Bytes>>> {
        let mut resting = self.resting.borrow_mut();
        resting.retain(|(since, connection)| since.elapsed() < REST && !connection.is_closed());
        resting.pop().map(|(_, connection)| connection)
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, SinkError> {
        let Client { host, port, .. } = self;
        let unreachable = |why: String| SinkError::Transient(format!("cannot connect to {host}:{port}: {why}"));
        let connecting = async {
            let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(|e| unreachable(e.to_string()))?;
            // Requests are written whole.
            let _ = stream.set_nodelay(true);
            let stream: Box<dyn Stream> = match &self.tls {
                None => Box::new(stream),
                Some((connector, name)) => {
                    let stream = connector.connect(name.clone(), stream).await;
                    Box::new(
                        stream.map_err(|error| untrusted(&error).unwrap_or_else(|| unreachable(error.to_string())))?,
                    )
                }
            };
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| unreachable(error.to_string()))
        };
        let late = || unreachable(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()));
        let (sender, connection) = timeout(CONNECT_TIMEOUT, connecting).await.map_err(|_| late())??;
        tokio::spawn(async move {
            // Whoever waits for an answer on it is told.
            if let Err(error) = connection.await {
                tracing::debug!("a connection ended: {error}");
            }
        });
        Ok(sender)
    }
}

/// A failure of TLS that no attempt mends.
fn untrusted(error: &std::io::Error) -> Option<SinkError> {
    let cause = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    matches!(cause, rustls::Error::InvalidCertificate(_)).then(|| {
        SinkError::Operator(format!("the server is not trusted: {cause}; give its authority's certificate as `ca`"))
    })
}

fn located(path: &str, error: SinkError) -> SinkError {
    let path = path.split('?').next().unwrap_or(path);
    match error {
        SinkError::Transient(text) => SinkError::Transient(format!("{path}: {text}")),
        other => other,
    }
}

fn compressed(lines: &[u8]) -> Result<Vec<u8>, SinkError> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(lines.len() / 4), Compression::fast());
    let compressed = encoder.write_all(lines).and_then(|()| encoder.finish());
    compressed.map_err(|error| SinkError::Transient(format!("cannot compress: {error}")))
}

fn authorization(config: &Config) -> Result<Option<HeaderValue>, SinkError> {
    let wrong = |what: &str, text: &str| SinkError::Config(format!("{what}: {text}"));
    let (what, text) = match (&config.user, &config.password, &config.api_key) {
        (Some(user), Some(password), _) => {
            let password = password.resolve().map_err(|error| wrong("password", &error))?;
            ("password", format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
        }
        (_, _, Some(key)) => {
            ("api_key", format!("ApiKey {}", key.resolve().map_err(|error| wrong("api_key", &error))?))
        }
        _ => return Ok(None),
    };
    let mut value = HeaderValue::from_str(&text).map_err(|_| wrong(what, "it has characters no header can have"))?;
    value.set_sensitive(true);
    Ok(Some(value))
}

fn connector(ca: Option<&Path>) -> Result<TlsConnector, SinkError> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            let wrong = |error: String| SinkError::Config(format!("ca: cannot read {}: {error}", path.display()));
            let certificates = CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
                roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
            }
        }
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    if roots.is_empty() {
        return Err(SinkError::Config("no certificate authority to trust: give one as `ca`".to_string()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| SinkError::Config(format!("TLS cannot be set up: {error}")))?;
    Ok(TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth())))
}

/// A name as a part of a path.
pub(super) fn segment(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte.into()),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> Result<Client, String> {
        let config: Config = toml::from_str(&format!("view = 'v'\n{text}")).expect("well-formed");
        Client::new(&config).map_err(|error| error.to_string())
    }

    #[test]
    fn urls() {
        let plain = client("url = 'http://localhost'").expect("a URL");
        assert_eq!((plain.host.as_str(), plain.port, plain.prefix.as_str()), ("localhost", 9200, ""));
        let path = client("url = 'http://[::1]:1/search/'").expect("a URL");
        assert_eq!((path.host.as_str(), path.port, path.prefix.as_str()), ("::1", 1, "/search"));
        for text in ["localhost:9200", "http://", "ftp://h", "http://h/?a=b", "redis://h"] {
            let error = client(&format!("url = '{text}'")).err().unwrap_or_default();
            assert!(error.contains("write http://host:port"), "{text}: {error}");
        }
        let error = client("url = 'http://u:hunter2@h'").err().unwrap_or_default();
        assert!(error.contains("`user`") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn who_asks() {
        let basic = client("url = 'http://h'\nuser = 'Aladdin'\npassword = 'open sesame'").expect("a client");
        assert_eq!(basic.authorization, Some(HeaderValue::from_static("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")));
        let key = client("url = 'http://h'\napi_key = 'abc='").expect("a client");
        assert_eq!(key.authorization, Some(HeaderValue::from_static("ApiKey abc=")));
        assert!(!format!("{:?}", key.authorization).contains("abc"));
        let error = client("url = 'http://h'\napi_key = \"a\\nb\"").err().unwrap_or_default();
        assert!(error.contains("no header can have"), "{error}");
    }

    #[test]
    fn names_in_paths() {
        assert_eq!(segment("a-b_c.d"), "a-b_c.d");
        assert_eq!(segment("ä%"), "%C3%A4%25");
    }
}
