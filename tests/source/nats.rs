//! Source `nats` against a real server: restarts, acknowledgements, lost messages.

use super::stream::{Running, Seen, at, reads_on};
use crate::support::feed::Feed;
use crate::support::nats::NatsServer;
use crate::support::program::ViewSet;
use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::{self, Context, stream};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tidegate::source::nats::{Config, Nats};
use tidegate::source::{Source, SourceError};
use tokio::runtime::Runtime;

/// A client of the test's own.
struct Client {
    runtime: Runtime,
    context: Context,
}

impl Client {
    fn of(server: &NatsServer) -> Client {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let context = runtime.block_on(async {
            let client = async_nats::ConnectOptions::new().retry_on_initial_connect().connect(server.url()).await;
            jetstream::new(client.expect("the server runs"))
        });
        Client { runtime, context }
    }

    /// Makes a stream of the subjects below its name.
    fn create(&self, name: &str, max_messages: i64) {
        let config = stream::Config {
            name: name.into(),
            subjects: vec![format!("{name}.>")],
            max_messages,
            ..stream::Config::default()
        };
        let deadline = Instant::now() + Duration::from_secs(20);
        // JetStream is there a moment after the server.
        while let Err(error) = self.runtime.block_on(self.context.create_stream(config.clone())) {
            assert!(Instant::now() < deadline, "{error}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn publish(&self, subject: &str, payload: String) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let published = self
                .runtime
                .block_on(async { self.context.publish(subject.to_owned(), payload.clone().into()).await?.await });
            match published {
                Ok(_) => return,
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn event(&self, subject: &str, id: u64, second: u64) {
        self.publish(subject, format!("{{\"id\": {id}, \"at\": {}}}", at(second) / 1_000_000));
    }

    /// The sequence up to which a consumer was acknowledged.
    fn acknowledged(&self, stream: &str, consumer: &str) -> u64 {
        self.runtime.block_on(async {
            let stream = self.context.get_stream(stream).await.expect("a stream");
            let mut consumer = stream.get_consumer::<pull::Config>(consumer).await.expect("a consumer");
            consumer.info().await.expect("an answer").ack_floor.stream_sequence
        })
    }
}

fn source(server: &NatsServer, settings: &str) -> Box<dyn Source> {
    let text = format!(
        "url = '{}'\nschema = {{ id = 'bigint not null', at = 'timestamptz' }}\nevent_time = 'at'\nevent_time_unit = 's'\n\
         idle_after = 'never'\n{settings}",
        server.url()
    );
    let config: Config = toml::from_str(&text).expect("a configuration");
    Box::new(Nats::new("events", config))
}

fn wait(running: &Running, seen: &mut Seen, second: u64) {
    while seen.frontier < Some(at(second)) {
        running.next(seen);
    }
}

#[test]
fn a_stream_is_read_by_subject_and_ends_under_once() {
    let server = NatsServer::start();
    let client = Client::of(&server);
    client.create("orders", -1);
    for (subject, id, second) in [("a", 1, 10), ("b", 2, 50), ("a", 3, 20), ("a", 4, 14), ("b", 5, 60)] {
        client.event(&format!("orders.{subject}"), id, second);
    }
    client.publish("orders.a", "no".into());
    client.publish("orders.b", "no".into());
    let settings = "jetstream = 'orders'\nsubject = 'orders.a'\nlateness = '5s'";
    let (seen, result) = Running::start(source(&server, settings), true).finish();
    result.unwrap();
    assert!(seen.ended);
    assert_eq!((seen.rows, seen.late), (vec![(1, at(10)), (3, at(20))], vec![(4, at(15))]));
    assert_eq!(seen.errors.len(), 1, "{:?}", seen.errors);
    assert!(
        seen.errors[0].starts_with("22P02") && seen.errors[0].ends_with("orders 6 orders.a: no"),
        "{:?}",
        seen.errors
    );
    let (seen, _) = Running::start(source(&server, "jetstream = 'orders'\nlateness = '1h'"), true).finish();
    assert_eq!(seen.rows, [(1, at(10)), (4, at(14)), (3, at(20)), (2, at(50)), (5, at(60))]);
    let (seen, _) = Running::start(source(&server, "jetstream = 'orders'\nfrom = 'end'"), true).finish();
    assert!(seen.ended && seen.rows.is_empty());
}

#[test]
fn reading_goes_on_where_it_was_after_a_restart_of_the_server() {
    for durable in ["", "durable = 'tidegate'"] {
        let mut server = NatsServer::start();
        let client = Client::of(&server);
        client.create("orders", -1);
        client.event("orders.a", 1, 10);
        let running = Running::start(source(&server, &format!("jetstream = 'orders'\n{durable}")), false);
        let mut seen = Seen::default();
        wait(&running, &mut seen, 10);
        for round in 1..=2 {
            server.kill();
            server.restart();
            Client::of(&server).event("orders.a", round + 1, 10 + round);
            wait(&running, &mut seen, 10 + round);
        }
        assert_eq!(seen.rows, [(1, at(10)), (2, at(11))]);
        assert!(running.progress.reconnects.load(Relaxed) >= 2);
        server.kill();
        running.stop.request();
        let (rest, result) = running.finish();
        result.unwrap();
        assert!(rest.rows.is_empty() && rest.errors.is_empty() && !rest.ended);
    }
}

#[test]
fn a_restart_goes_on_behind_what_is_stored() {
    for settings in ["", "durable = 'tidegate'", "subject = 'orders.a'"] {
        let server = NatsServer::start();
        let client = Client::of(&server);
        client.create("orders", -1);
        let write = |id: i64| client.event("orders.a", id as u64, 10 + id as u64);
        reads_on(|| source(&server, &format!("jetstream = 'orders'\n{settings}")), write);
    }
}

#[test]
fn a_durable_consumer_is_acknowledged_when_the_event_has_left() {
    let server = NatsServer::start();
    let client = Client::of(&server);
    client.create("orders", -1);
    (1..=5).for_each(|id| client.event("orders.a", id, 10 + id));
    let settings = "jetstream = 'orders'\ndurable = 'tidegate'\nlateness = '2s'";
    let running = Running::start(source(&server, settings), false);
    let mut seen = Seen::default();
    wait(&running, &mut seen, 13);
    assert_eq!(seen.rows, [(1, at(11)), (2, at(12))]);
    // The tick is sent before its events are acknowledged.
    let deadline = Instant::now() + Duration::from_secs(20);
    while client.acknowledged("orders", "tidegate") < 2 {
        assert!(Instant::now() < deadline);
    }
    running.stop.request();
    running.finish().1.unwrap();
    assert_eq!(client.acknowledged("orders", "tidegate"), 2, "events that wait are not acknowledged");
    client.event("orders.a", 6, 16);
    let (seen, result) = Running::start(source(&server, settings), true).finish();
    result.unwrap();
    assert_eq!(seen.rows, (3..=6).map(|id| (id, at(10 + id as u64))).collect::<Vec<_>>());
    assert_eq!(client.acknowledged("orders", "tidegate"), 6);
    let other = Running::start(source(&server, &format!("{settings}\nsubject = 'orders.b'")), true).finish().1;
    assert!(matches!(&other, Err(SourceError::Operator(text)) if text.contains("was made otherwise")), "{other:?}");
}

/// A stream that keeps one message: what of many is not read is told.
#[test]
fn every_message_is_read_or_told() {
    let server = NatsServer::start();
    let client = Client::of(&server);
    client.create("orders", 1);
    client.event("orders.a", 1, 1);
    let running = Running::start(source(&server, "jetstream = 'orders'"), false);
    let mut seen = Seen::default();
    wait(&running, &mut seen, 1);
    client.runtime.block_on(async {
        for id in 2..=60u64 {
            let payload = format!("{{\"id\": {id}, \"at\": {}}}", at(id) / 1_000_000);
            drop(client.context.publish("orders.a", payload.into()).await.expect("it is sent"));
        }
    });
    client.event("orders.a", 61, 61);
    wait(&running, &mut seen, 61);
    let mut told: Vec<u64> = seen.rows.iter().map(|(id, _)| *id as u64).collect();
    let read = told.len();
    for error in &seen.errors {
        let range = error.strip_prefix("02000 messages ").and_then(|rest| rest.split_once(" were deleted"));
        let (from, to) = range.and_then(|(range, _)| range.split_once(" to ")).expect("a range");
        told.extend(from.parse::<u64>().expect("a number")..=to.parse().expect("a number"));
    }
    told.sort_unstable();
    assert_eq!(told, (1..=60).collect::<Vec<_>>(), "{:?}", seen.errors);
    assert!(read < 60, "nothing was deleted unread");
    running.stop.request();
    running.finish().1.unwrap();
}

#[test]
fn what_only_people_can_mend_is_said() {
    let server = NatsServer::start();
    let deadline = Instant::now() + Duration::from_secs(20);
    let text = loop {
        // JetStream is there a moment after the server.
        match Running::start(source(&server, "jetstream = 'none'"), false).finish().1 {
            Err(SourceError::Operator(text)) => break text,
            other => assert!(Instant::now() < deadline, "{other:?}"),
        }
    };
    assert!(text.contains("no stream none; create it"), "{text}");
    let text = "url = 'ftp://h'\njetstream = 'a'\nschema = { a = 'text' }";
    let described = Nats::new("events", toml::from_str(text).expect("a configuration")).describe();
    assert!(matches!(&described, Err(SourceError::Config(text)) if text.contains("nats://host")), "{described:?}");
}

#[test]
fn a_view_over_a_nats_stream() {
    let server = NatsServer::start();
    let client = Client::of(&server);
    client.create("orders", -1);
    for (id, total) in [(1, "1.50"), (2, "7"), (1, "2")] {
        client.publish("orders.new", format!("{{\"id\": {id}, \"total\": {total}}}"));
    }
    let config = format!(
        "[sources.orders]\ntype = 'nats'\nurl = '{}'\njetstream = 'orders'\n\
         schema = {{ id = 'bigint not null', total = 'numeric' }}\n\
         [sinks.out]\ntype = 'jsonl'\nview = 'totals'\npath = 'out.jsonl'\n",
        server.url()
    );
    let set = ViewSet::new(&config, "CREATE VIEW totals AS SELECT id, sum(total) AS total FROM orders GROUP BY id;");
    let (code, _, errors) = set.run(&["run", "--once"], "");
    assert_eq!(code, 0, "{errors}");
    let rows = Feed::read(&set.path().join("out.jsonl")).at(None);
    assert_eq!(rows.keys().collect::<Vec<_>>(), [r#"{"id": 1, "total": 3.50}"#, r#"{"id": 2, "total": 7}"#]);
}
