//! Source `http` as its clients see it.

use super::stream::{Running, Seen, at};
use crate::support::feed::Feed;
use crate::support::program::ViewSet;
use crate::support::random::{Random, seed};
use crate::support::server::free_port;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use tidegate::source::http::{Config, Http};
use tidegate::source::{Source, SourceError};

const JSON: (&str, &str) = ("Content-Type", "application/json");
const LINES: (&str, &str) = ("Content-Type", "application/x-ndjson");

/// A server's address, and what is asked of it.
#[derive(Clone, Copy)]
struct Client(SocketAddr);

/// An answer: its status, its head in lower case, its body.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Client {
    /// A connection to a server that may just be starting.
    fn connect(self) -> TcpStream {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            match TcpStream::connect(self.0) {
                Ok(stream) => return stream,
                Err(error) => assert!(Instant::now() < deadline, "nobody listens: {error}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn ask(self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send(&request(method, path, headers, body))
    }

    fn send(self, request: &str) -> Answer {
        exchange(self.connect(), request).unwrap_or_else(|| panic!("no answer to {request}"))
    }

    /// Nothing if there is no server, or it goes meanwhile.
    fn try_send(self, request: &str) -> Option<Answer> {
        exchange(TcpStream::connect(self.0).ok()?, request)
    }

    fn post(self, headers: &[(&str, &str)], body: &str) -> Answer {
        self.ask("POST", "/events", headers, body)
    }
}

fn exchange(mut stream: TcpStream, request: &str) -> Option<Answer> {
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    // A server that refuses a body before it was sent may close at once.
    let _ = stream.read_to_string(&mut answer);
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Some(Answer { status, head: head.to_lowercase(), body: body.trim().to_owned() })
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
}

fn source(settings: &str) -> (Box<dyn Source>, Client) {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let text = format!(
        "listen = '{address}'\nschema = {{ id = 'bigint not null', at = 'timestamptz' }}\nevent_time = 'at'\n\
         event_time_unit = 's'\nidle_after = 'never'\n{settings}"
    );
    let config: Config = toml::from_str(&text).expect("a configuration");
    (Box::new(Http::new("events", config)), Client(address))
}

fn event(id: u64, second: u64) -> String {
    format!("{{\"id\": {id}, \"at\": {}}}", at(second) / 1_000_000)
}

fn seen_until(running: &Running, second: u64) -> Seen {
    let mut seen = Seen::default();
    while seen.frontier < Some(at(second)) {
        running.next(&mut seen);
    }
    seen
}

#[test]
fn objects_arrays_and_lines_are_taken_and_counted() {
    let (source, client) = source("lateness = '5s'");
    let running = Running::start(source, false);
    let answers = [
        client.post(&[JSON], &event(1, 10)),
        client.post(&[JSON], &format!("[{}, {}, {{}}]", event(2, 20), event(3, 14))),
        client.post(&[LINES], &format!("{}\n\nno\n{}\n", event(4, 21), event(5, 31))),
        client.post(&[JSON], "[]"),
    ];
    let counts = [(1, 0, 0), (1, 1, 1), (2, 0, 1), (0, 0, 0)];
    for (answer, (accepted, late, rejected)) in answers.iter().zip(counts) {
        let body = format!("{{\"accepted\":{accepted},\"late\":{late},\"rejected\":{rejected}}}");
        assert_eq!((answer.status, &answer.body), (200, &body));
    }
    let malformed = client.post(&[JSON], "[{}");
    assert_eq!(malformed.status, 400);
    assert!(malformed.body.contains("invalid JSON"), "{malformed:?}");
    let seen = seen_until(&running, 26);
    assert_eq!(seen.rows, [(1, at(10)), (2, at(20)), (4, at(21))]);
    assert_eq!(seen.late, [(3, at(15))]);
    assert!(seen.errors[0].contains("request 2, record 3: {}"), "{:?}", seen.errors);
    assert!(seen.errors[1].contains("request 3, record 2: no"), "{:?}", seen.errors);
    running.stop.request();
    running.finish().1.unwrap();
    assert!(TcpStream::connect(client.0).is_err(), "it listens on");
}

#[test]
fn a_request_sent_again_is_taken_once() {
    let (source, client) = source("");
    let running = Running::start(source, false);
    let key = ("Idempotency-Key", "order-7");
    let first = client.post(&[JSON, key], &event(1, 10));
    let second = client.post(&[JSON, key], &event(1, 10));
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(first.body, second.body);
    assert!(!first.head.contains("idempotent-replayed") && second.head.contains("idempotent-replayed: true"));
    let other = client.post(&[JSON, ("Idempotency-Key", "order-8")], &event(2, 11));
    assert!(!other.head.contains("idempotent-replayed"), "{other:?}");
    assert_eq!(client.post(&[JSON, ("Idempotency-Key", &"x".repeat(256))], "{}").status, 400);
    assert_eq!(seen_until(&running, 11).rows, [(1, at(10))]);
    running.stop.request();
    running.finish().1.unwrap();
}

#[test]
fn what_is_no_post_of_json_is_refused() {
    let (source, client) = source("max_body = '1kB'\npath = '/in'\ntoken = 'secret'");
    let running = Running::start(source, false);
    let bearer = ("Authorization", "Bearer secret");
    let ask = |method, path, headers: &[(&str, &str)], body: &str| client.ask(method, path, headers, body);
    assert_eq!(ask("POST", "/events", &[JSON, bearer], "{}").status, 404);
    let get = ask("GET", "/in", &[bearer], "");
    assert!(get.status == 405 && get.head.contains("allow: post"), "{get:?}");
    for wrong in [vec![JSON], vec![JSON, ("Authorization", "Bearer secre")], vec![JSON, ("Authorization", "secret")]] {
        let refused = ask("POST", "/in", &wrong, "{}");
        assert!(refused.status == 401 && refused.head.contains("www-authenticate: bearer"), "{refused:?}");
    }
    assert_eq!(ask("POST", "/in", &[bearer], "{}").status, 415);
    assert_eq!(ask("POST", "/in", &[bearer, ("Content-Type", "text/plain")], "{}").status, 415);
    assert_eq!(ask("POST", "/in", &[JSON, bearer], &" ".repeat(1001)).status, 413);
    let chunk = " ".repeat(600);
    let chunked = format!(
        "POST /in HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Authorization: Bearer secret\r\nTransfer-Encoding: chunked\r\n\r\n258\r\n{chunk}\r\n258\r\n{chunk}\r\n0\r\n\r\n"
    );
    assert_eq!(client.send(&chunked).status, 413);
    assert_eq!(ask("POST", "/in", &[JSON, bearer], &event(1, 10)).status, 200);
    running.stop.request();
    let (seen, result) = running.finish();
    result.unwrap();
    assert!(seen.errors.is_empty());
}

#[test]
fn clients_are_told_to_come_again_while_the_views_are_behind() {
    let (source, client) = source("max_body = '1000B'\npending = '4000B'");
    let running = Running::start_blocked(source);
    assert_eq!(client.post(&[JSON], &event(1, 10)).status, 200);
    // Its tick is on the way by now, and nobody takes it.
    std::thread::sleep(Duration::from_millis(200));
    let waiting: Vec<_> = (2..6)
        .map(|id| {
            let body = format!("{:<1000}", event(id, 9 + id));
            std::thread::spawn(move || client.post(&[JSON], &body))
        })
        .collect();
    std::thread::sleep(Duration::from_millis(300));
    assert!(waiting.iter().all(|request| !request.is_finished()), "they wait to be taken");
    let refused = client.post(&[JSON], &event(9, 20));
    assert!(refused.status == 429 && refused.head.contains("retry-after: 1"), "{refused:?}");
    let mut seen = Seen::default();
    running.next(&mut seen);
    while waiting.iter().any(|request| !request.is_finished()) || seen.frontier < Some(at(14)) {
        running.next(&mut seen);
    }
    assert!(waiting.into_iter().all(|request| request.join().expect("an answer").status == 200));
    assert_eq!(client.post(&[JSON], &event(9, 20)).status, 200);
    running.stop.request();
    running.finish().1.unwrap();
}

#[test]
fn an_address_in_use_is_said_and_nothing_is_waited_for_under_once() {
    let taken = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = taken.local_addr().expect("it is bound");
    let text = format!("listen = '{address}'\nschema = {{ id = 'bigint' }}");
    let source = || Box::new(Http::new("events", toml::from_str(&text).expect("a configuration")));
    let (_, result) = Running::start(source(), false).finish();
    assert!(matches!(&result, Err(SourceError::Unavailable(text)) if text.contains("cannot listen")), "{result:?}");
    let (seen, result) = Running::start(source(), true).finish();
    result.unwrap();
    assert!(seen.ended);
}

/// With a store what was answered is there after a kill.
#[test]
fn what_was_answered_is_stored() {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let config = format!(
        "[sources.orders]\ntype = 'http'\nlisten = '{address}'\nschema = {{ id = 'bigint not null' }}\n\
         [sinks.out]\ntype = 'jsonl'\nview = 'ids'\npath = 'out.jsonl'\n[settings]\nstore = 'state'\n"
    );
    let set = ViewSet::new(&config, "CREATE VIEW ids AS SELECT id FROM orders;");
    for id in 1..=5 {
        let mut program = set.start(&["run"], "");
        let answer = Client(address).ask("POST", "/orders", &[JSON], &format!("{{\"id\": {id}}}"));
        assert_eq!(answer.status, 200, "{answer:?}\n{}", program.errors());
        // A dropped program is killed.
        program.must_run();
    }
    let mut program = set.start(&["run"], "");
    let told = |id: i64| {
        let lines = std::fs::read_to_string(set.path().join("out.jsonl")).unwrap_or_default();
        lines.matches(&format!("\"diff\":1,\"row\":{{\"id\": {id}}}")).count()
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    while told(5) == 0 {
        program.must_run();
        assert!(Instant::now() < deadline, "{}", program.errors());
        std::thread::sleep(Duration::from_millis(20));
    }
    program.terminate();
    (1..=5).for_each(|id| assert_eq!(told(id), 1, "event {id}"));
}

/// With a store a request that has a key is taken once, whatever is killed before or after its answer, and answered as it was.
#[test]
fn a_request_sent_again_after_a_kill_is_taken_once() {
    const MOMENTS: &[&str] = &["tick.durable", "log.gathered", "log.written", "log.synced"];
    let mut random = Random::new(seed(43));
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let config = format!(
        "[sources.orders]\ntype = 'http'\nlisten = '{address}'\nschema = {{ id = 'bigint not null' }}\n\
         [sinks.out]\ntype = 'jsonl'\nview = 'ids'\npath = 'out.jsonl'\n[settings]\nstore = 'state'\n"
    );
    let set = ViewSet::new(&config, "CREATE VIEW ids AS SELECT id FROM orders;");
    let order = |id: u64| {
        let body = format!("{{\"id\": {}}}\nno\n{{\"id\": {}}}\n", 2 * id, 2 * id + 1);
        request("POST", "/orders", &[LINES, ("Idempotency-Key", &format!("order {id}"))], &body)
    };
    let mut answers = Vec::new();
    let mut killed = 0;
    let mut start = || {
        let moment = format!("{}:{}", MOMENTS[random.below(4) as usize], 2 + random.below(20));
        set.start_until(&["run"], "", &moment)
    };
    let mut program = start();
    while killed < 8 {
        let id = answers.len() as u64;
        match Client(address).try_send(&order(id)) {
            Some(answer) if answer.status == 200 => answers.push(answer.body),
            Some(answer) => assert_eq!(answer.status, 503),
            None => std::thread::sleep(Duration::from_millis(5)),
        }
        if program.ended().is_some() {
            (program, killed) = (start(), killed + 1);
        }
    }
    drop(program);
    let program = set.start(&["run"], "");
    for (id, body) in answers.iter().enumerate() {
        let again = Client(address).send(&order(id as u64));
        assert!(again.head.contains("idempotent-replayed: true") && again.body == *body, "order {id}: {again:?}");
    }
    // The one that was under way may be durable already.
    Client(address).send(&order(answers.len() as u64));
    let last = answers.len() as u64 + 1;
    assert!(!Client(address).send(&order(last)).head.contains("idempotent-replayed"));
    let deadline = Instant::now() + Duration::from_secs(20);
    let rows = || Feed::read(&set.path().join("out.jsonl")).at(None);
    while !rows().contains_key(&format!("{{\"id\": {}}}", 2 * last + 1)) {
        assert!(Instant::now() < deadline, "{:?}\n{}", rows(), program.errors());
    }
    assert_eq!(rows().len() as u64, 2 * last + 2);
    assert!(rows().values().all(|count| *count == 1), "an order is taken twice: {:?}", rows());
    let (code, said, _) = set.run(&["store", "inspect"], "");
    assert!(code == 0 && said.lines().count() < 10 && said.len() < 4_000, "{said}");
    program.terminate();
    // Of another type it cannot go on.
    set.write(
        "tidegate.toml",
        &config.replace(&format!("'http'\nlisten = '{address}'"), "'jsonl'\npath = 'orders.jsonl'"),
    );
    set.write("orders.jsonl", "");
    let (code, _, errors) = set.run(&["run"], "");
    assert!(
        code == 80 && errors.contains("is none of this kind of source") && errors.contains("another name"),
        "{errors}"
    );
}

#[test]
fn a_view_over_what_is_posted() {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let config = format!(
        "[sources.orders]\ntype = 'http'\nlisten = '{address}'\nschema = {{ id = 'bigint not null', total = 'numeric' }}\n\
         [sinks.out]\ntype = 'jsonl'\nview = 'totals'\npath = 'out.jsonl'\n"
    );
    let set = ViewSet::new(&config, "CREATE VIEW totals AS SELECT id, sum(total) AS total FROM orders GROUP BY id;");
    let mut program = set.start(&["run"], "");
    let answer =
        Client(address).ask("POST", "/orders", &[LINES], "{\"id\": 1, \"total\": 1.50}\n{\"id\": 1, \"total\": 2}");
    assert_eq!(answer.status, 200, "{answer:?}");
    let deadline = Instant::now() + Duration::from_secs(20);
    let rows = || Feed::read(&set.path().join("out.jsonl")).at(None);
    while !rows().contains_key(r#"{"id": 1, "total": 3.50}"#) {
        program.must_run();
        assert!(Instant::now() < deadline, "{:?}\n{}", rows(), program.errors());
        std::thread::sleep(Duration::from_millis(20));
    }
    program.terminate();
}
