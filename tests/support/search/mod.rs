//! A stub of Elasticsearch and OpenSearch: a real HTTP server that takes the requests the sink needs and no others.
//!
//! Neither product can be installed where the tests run, so this stands for both. Requests and answers have the forms
//! of the documentation of Elasticsearch (7.17, 8.x) and OpenSearch (2.x, 3.x). It is stricter than they are: any
//! method, path, parameter, header or line that is not known here is answered by 400 and remembered, and
//! [`SearchServer`] panics over it when it is dropped.
//!
//! What it keeps is what matters to the sink: versions of documents, of deleted ones for as long as `index.gc_deletes`
//! on a clock that tests move, sequence numbers, what is written and what a search sees, mappings that refuse
//! documents. It can fail a request or an item, hold a request back and execute it later, cut connections, answer
//! slowly, forget everything.

pub mod fields;
pub mod grammar;
pub mod store;

use flate2::read::GzDecoder;
use futures_util::stream;
use grammar::{Reply, Request};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use store::Cluster;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

/// Which of the two it says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    Elasticsearch,
    OpenSearch,
}

/// What happens to a bulk request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It is refused: status and seconds of `Retry-After`.
    Refuse(u16, Option<u64>),
    /// The connection is cut before anything is executed.
    CutBefore,
    /// It is executed, and the connection cut amid the answer.
    CutAnswer,
    /// The connection is cut, and it is executed when [`SearchServer::release`] says so.
    Hold,
    /// It takes this long.
    Slow(Duration),
}

/// Why an item of a bulk request fails: status, type, reason.
pub type ItemFault = (u16, &'static str, &'static str);

/// What the server does and has seen.
pub struct State {
    pub product: Product,
    /// What `Authorization` must be.
    pub authorization: Option<String>,
    /// The longest body, uncompressed.
    pub max_body: usize,
    pub cluster: Cluster,
    /// For the bulk requests to come, one each.
    pub faults: VecDeque<Fault>,
    /// After this many more requests of any kind the next one's connection is cut, before it is executed or (true) after.
    pub cut: Option<(usize, bool)>,
    /// By action and id.
    pub item_fault: Option<Box<dyn FnMut(&str, &str) -> Option<ItemFault> + Send>>,
    /// Requests: method and path, whether compressed, and the bytes of the body as it was meant.
    pub seen: Vec<(String, bool, usize)>,
    /// Requests that no server would take.
    pub wrong: Vec<String>,
    held: Vec<Request>,
    under_way: usize,
    /// The most bulk requests at once.
    pub most_under_way: usize,
}

impl State {
    /// Whether this request's connection is cut; if so, whether it is executed all the same.
    fn cut_now(&mut self) -> Option<bool> {
        let (left, executed) = self.cut.take()?;
        if left > 0 {
            self.cut = Some((left - 1, executed));
            return None;
        }
        Some(executed)
    }
}

/// The server. Requests it should not have had are failures of the test.
pub struct SearchServer {
    state: Arc<Mutex<State>>,
    port: u16,
    tls: Option<TlsAcceptor>,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl SearchServer {
    pub fn start(product: Product) -> SearchServer {
        SearchServer::start_with(product, None)
    }

    pub fn start_with(product: Product, tls: Option<TlsAcceptor>) -> SearchServer {
        let state = State {
            product,
            authorization: None,
            max_body: 100 << 20,
            cluster: Cluster::default(),
            faults: VecDeque::new(),
            cut: None,
            item_fault: None,
            seen: Vec::new(),
            wrong: Vec::new(),
            held: Vec::new(),
            under_way: 0,
            most_under_way: 0,
        };
        let mut server = SearchServer { state: Arc::new(Mutex::new(state)), port: 0, tls, running: None };
        server.run();
        server
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails the next bulk requests, one each.
    pub fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state().faults.extend(faults);
    }

    /// Fails items of bulk requests.
    pub fn fail_items(&self, fault: impl FnMut(&str, &str) -> Option<ItemFault> + Send + 'static) {
        self.state().item_fault = Some(Box::new(fault));
    }

    /// Executes the requests that were held, as they were sent.
    pub fn release(&self) -> usize {
        let mut state = self.state();
        let held = std::mem::take(&mut state.held);
        for request in &held {
            let reply = grammar::answer(&mut state, request);
            assert_eq!(reply.status, 200, "{}", reply.body);
        }
        held.len()
    }

    /// Lets time pass, by which what was deleted is forgotten.
    pub fn pass(&self, time: Duration) {
        self.state().cluster.pass(time);
    }

    /// Cuts all connections and takes no more.
    pub fn stop(&mut self) {
        if let Some((closed, thread)) = self.running.take() {
            drop(closed);
            thread.join().expect("the stub does not panic");
        }
    }

    /// Listens, on the port it had before.
    pub fn run(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).expect("a free port");
        self.port = listener.local_addr().expect("a bound socket has an address").port();
        listener.set_nonblocking(true).expect("a socket");
        let (state, tls) = (self.state.clone(), self.tls.clone());
        let (sender, closed) = oneshot::channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
                tokio::select! {
                    () = serve(listener, state, tls) => {}
                    _ = closed => {}
                }
            });
        });
        self.running = Some((sender, thread));
    }
}

impl Drop for SearchServer {
    fn drop(&mut self) {
        if let Some((closed, thread)) = self.running.take() {
            drop(closed);
            let _ = thread.join();
        }
        if !std::thread::panicking() {
            let wrong = std::mem::take(&mut self.state().wrong);
            assert!(wrong.is_empty(), "requests that no server takes: {wrong:#?}");
        }
    }
}

async fn serve(listener: tokio::net::TcpListener, state: Arc<Mutex<State>>, tls: Option<TlsAcceptor>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (state, tls) = (state.clone(), tls.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(state.clone(), request));
            let server = http1::Builder::new();
            // A client that goes away is no failure of the stub.
            match tls {
                None => drop(server.serve_connection(TokioIo::new(stream), service).await),
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        drop(server.serve_connection(TokioIo::new(stream), service).await);
                    }
                }
            }
        });
    }
}

type Body = BoxBody<Bytes, io::Error>;

/// An error cuts the connection.
async fn answer(state: Arc<Mutex<State>>, request: hyper::Request<Incoming>) -> Result<Response<Body>, io::Error> {
    let lock = || state.lock().unwrap_or_else(PoisonError::into_inner);
    let (head, body) = request.into_parts();
    let mut body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let gzip = head.headers.get(header::CONTENT_ENCODING).is_some_and(|value| value == "gzip");
    if gzip {
        let mut plain = Vec::new();
        GzDecoder::new(&body[..]).read_to_end(&mut plain)?;
        body = plain.into();
    }
    let request = Request { method: head.method, uri: head.uri, headers: head.headers, body };
    let is_bulk = request.uri.path().ends_with("/_bulk");
    let cut = lock().cut_now();
    if let Some(executed) = cut {
        if executed {
            grammar::answer(&mut lock(), &request);
        }
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    let fault = {
        let mut state = lock();
        state.seen.push((format!("{} {}", request.method, request.uri), gzip, request.body.len()));
        if is_bulk {
            state.under_way += 1;
            state.most_under_way = state.most_under_way.max(state.under_way);
        }
        is_bulk.then(|| state.faults.pop_front()).flatten()
    };
    let pause = if let Some(Fault::Slow(time)) = &fault { *time } else { Duration::ZERO };
    if is_bulk {
        // So that others can come in between.
        tokio::time::sleep(pause.max(Duration::from_millis(1))).await;
    }
    let mut state = lock();
    if is_bulk {
        state.under_way -= 1;
    }
    match fault {
        Some(Fault::CutBefore) => Err(io::ErrorKind::ConnectionReset.into()),
        Some(Fault::Hold) => {
            state.held.push(request);
            Err(io::ErrorKind::ConnectionReset.into())
        }
        Some(Fault::Refuse(status, retry_after)) => {
            let mut reply =
                Reply::error(status, "es_rejected_execution_exception", "rejected execution of a bulk request");
            reply.retry_after = retry_after;
            Ok(response(&state, reply, false))
        }
        Some(Fault::CutAnswer) => {
            let reply = grammar::answer(&mut state, &request);
            Ok(response(&state, reply, true))
        }
        Some(Fault::Slow(_)) | None => {
            let reply = grammar::answer(&mut state, &request);
            Ok(response(&state, reply, false))
        }
    }
}

fn response(state: &State, reply: Reply, cut: bool) -> Response<Body> {
    let length = reply.body.len();
    let mut builder = Response::builder().status(StatusCode::from_u16(reply.status).expect("a status"));
    builder =
        builder.header(header::CONTENT_TYPE, "application/json; charset=UTF-8").header(header::CONTENT_LENGTH, length);
    if state.product == Product::Elasticsearch {
        builder = builder.header("X-Elastic-Product", "Elasticsearch");
    }
    if let Some(seconds) = reply.retry_after {
        builder = builder.header(header::RETRY_AFTER, seconds);
    }
    let bytes = Bytes::from(reply.body);
    let body = match cut {
        false => Full::new(bytes).map_err(|never| match never {}).boxed(),
        true => {
            let half = Frame::data(bytes.slice(..length / 2));
            let frames = [Ok(half), Err(io::Error::from(io::ErrorKind::ConnectionReset))];
            StreamBody::new(stream::iter(frames)).boxed()
        }
    };
    builder.body(body).expect("a response")
}
