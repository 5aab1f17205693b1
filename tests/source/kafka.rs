//! Source `kafka` against librdkafka's mock cluster: real requests over sockets, nothing kept on disk.

use super::stream::{Running, Seen, at};
use crate::support::feed::Feed;
use crate::support::program::ViewSet;
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tidegate::source::Source;
use tidegate::source::kafka::{Config, Kafka};

/// A cluster of one broker, and a producer.
struct Cluster {
    mock: MockCluster<'static, DefaultProducerContext>,
    producer: BaseProducer,
}

impl Cluster {
    fn new(partitions: i32) -> Cluster {
        let mock = MockCluster::new(1).expect("a mock cluster");
        mock.create_topic("events", partitions, 1).expect("a topic");
        let producer = ClientConfig::new().set("bootstrap.servers", mock.bootstrap_servers()).create();
        Cluster { mock, producer: producer.expect("a producer") }
    }

    fn send(&self, partition: i32, payload: &str) {
        let record = BaseRecord::<(), str>::to("events").partition(partition).payload(payload);
        self.producer.send(record).map_err(|(error, _)| error).expect("there is room");
        self.producer.flush(Duration::from_secs(20)).expect("the broker takes it");
    }

    fn events(&self, partition: i32, events: &[(u64, u64)]) {
        for (id, second) in events {
            self.send(partition, &format!("{{\"id\": {id}, \"at\": {}}}", at(*second) / 1_000_000));
        }
    }

    fn source(&self, settings: &str) -> Box<dyn Source> {
        let text = format!(
            "brokers = ['{}']\ntopic = 'events'\nschema = {{ id = 'bigint not null', at = 'timestamptz' }}\nevent_time = 'at'\n\
             event_time_unit = 's'\nidle_after = 'never'\n{settings}",
            self.mock.bootstrap_servers()
        );
        let config: Config = toml::from_str(&text).expect("a configuration");
        Box::new(Kafka::new("events", config))
    }
}

fn wait(running: &Running, seen: &mut Seen, second: u64) {
    while seen.frontier < Some(at(second)) {
        running.next(seen);
    }
}

#[test]
fn partitions_are_judged_alone_and_end_under_once() {
    let cluster = Cluster::new(3);
    cluster.events(0, &[(1, 10), (2, 20), (3, 14)]);
    cluster.events(1, &[(4, 5), (5, 30)]);
    cluster.send(1, "no");
    let (seen, result) = Running::start(cluster.source("lateness = '5s'"), true).finish();
    result.unwrap();
    assert!(seen.ended);
    assert_eq!(seen.rows, [(4, at(5)), (1, at(10)), (2, at(20)), (5, at(30))]);
    assert_eq!(seen.late.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [3]);
    assert_eq!(seen.errors.len(), 1, "{:?}", seen.errors);
    assert!(seen.errors[0].starts_with("22P02") && seen.errors[0].ends_with("events/1 2: no"), "{:?}", seen.errors);
    let (seen, result) = Running::start(cluster.source("from = 'end'"), true).finish();
    result.unwrap();
    assert!(seen.ended && seen.rows.is_empty());
}

#[test]
fn a_partition_at_its_end_holds_nobody() {
    let cluster = Cluster::new(2);
    cluster.events(0, &[(1, 10), (2, 20)]);
    let running = Running::start(cluster.source(""), false);
    let mut seen = Seen::default();
    wait(&running, &mut seen, 20);
    assert_eq!(seen.rows, [(1, at(10))]);
    // It goes on where the stream is.
    cluster.events(1, &[(3, 15), (4, 25)]);
    wait(&running, &mut seen, 25);
    assert_eq!((seen.rows, seen.late), (vec![(1, at(10)), (2, at(20))], vec![(3, at(20))]));
    running.stop.request();
    running.finish().1.unwrap();
}

#[test]
fn a_partition_that_is_ahead_waits_for_the_others() {
    let cluster = Cluster::new(2);
    let day = 24 * 3600;
    let send = |partition, ids: std::ops::Range<u64>| {
        for id in ids {
            let payload = format!("{{\"id\": {id}, \"at\": {}}}", at(id + partition as u64 * day) / 1_000_000);
            let record = BaseRecord::<(), str>::to("events").partition(partition).payload(&payload);
            cluster.producer.send(record).map_err(|(error, _)| error).expect("there is room");
        }
        cluster.producer.flush(Duration::from_secs(20)).expect("the broker takes it");
    };
    send(0, 0..20_000);
    send(1, 20_000..40_000);
    let (seen, result) = Running::start(cluster.source("buffer = '512KiB'"), true).finish();
    result.unwrap();
    assert_eq!(seen.rows.len(), 40_000);
    assert!(seen.rows.is_sorted() && seen.late.is_empty());
}

#[test]
fn reading_goes_on_where_it_was_when_the_brokers_are_back() {
    let cluster = Cluster::new(2);
    cluster.events(0, &[(1, 10)]);
    let running = Running::start(cluster.source(""), false);
    let mut seen = Seen::default();
    wait(&running, &mut seen, 10);
    for round in 1..=2 {
        cluster.mock.broker_down(1).expect("a broker");
        while running.progress.reconnects.load(Relaxed) < round {
            std::thread::sleep(Duration::from_millis(10));
        }
        cluster.mock.broker_up(1).expect("a broker");
        cluster.events(0, &[(round + 1, 10 + round)]);
        wait(&running, &mut seen, 10 + round);
    }
    assert_eq!(seen.rows, [(1, at(10)), (2, at(11))]);
    assert!(seen.late.is_empty() && seen.errors.is_empty());
    running.stop.request();
    let (rest, result) = running.finish();
    result.unwrap();
    assert!(rest.rows.is_empty() && !rest.ended);
}

#[test]
fn a_view_over_a_kafka_topic() {
    let cluster = Cluster::new(4);
    for (partition, id, total) in [(0, 1, "1.50"), (3, 2, "7"), (0, 1, "2")] {
        cluster.send(partition, &format!("{{\"id\": {id}, \"total\": {total}}}"));
    }
    let config = format!(
        "[sources.orders]\ntype = 'kafka'\nbrokers = ['{}']\ntopic = 'events'\n\
         schema = {{ id = 'bigint not null', total = 'numeric' }}\n\
         [sinks.out]\ntype = 'jsonl'\nview = 'totals'\npath = 'out.jsonl'\n",
        cluster.mock.bootstrap_servers()
    );
    let set = ViewSet::new(&config, "CREATE VIEW totals AS SELECT id, sum(total) AS total FROM orders GROUP BY id;");
    let (code, _, errors) = set.run(&["run", "--once"], "");
    assert_eq!(code, 0, "{errors}");
    let rows = Feed::read(&set.path().join("out.jsonl")).at(None);
    assert_eq!(rows.keys().collect::<Vec<_>>(), [r#"{"id": 1, "total": 3.50}"#, r#"{"id": 2, "total": 7}"#]);
}
