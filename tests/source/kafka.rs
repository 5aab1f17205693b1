//! Source `kafka` against librdkafka's mock cluster (real requests over sockets, nothing kept on disk) and Kafka.

use super::stream::{Running, Seen, at, reads_on};
use crate::support::feed::Feed;
use crate::support::kafka::KafkaServer;
use crate::support::program::ViewSet;
use crate::support::server::free_port;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, DeliveryResult, Producer, ProducerContext};
use rdkafka::{ClientConfig, ClientContext};
use std::cell::Cell;
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tidegate::source::Source;
use tidegate::source::kafka::{Config, Kafka};

enum Broker {
    Mock(MockCluster<'static, DefaultProducerContext>),
    Kafka(Box<KafkaServer>),
}

/// A cluster of one broker with a topic, and a producer.
struct Cluster {
    broker: Broker,
    producer: BaseProducer<Accepted>,
}

/// Sees that the broker takes every message.
struct Accepted;

impl ClientContext for Accepted {}

impl ProducerContext for Accepted {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        result.as_ref().map_err(|(error, _)| error).expect("the broker takes it");
    }
}

/// What a client of Kafka 0.9 has to be told: it cannot be asked for its version.
const OLD: [(&str, &str); 2] = [("api.version.request", "false"), ("broker.version.fallback", "0.9.0.1")];

impl Cluster {
    /// The mock cluster, then Kafka, if it is there.
    fn each(partitions: i32, test: impl Fn(Cluster)) {
        let mock = MockCluster::new(1).expect("a mock cluster");
        mock.create_topic("events", partitions, 1).expect("a topic");
        test(Cluster::new(Broker::Mock(mock), partitions));
        if let Some(cluster) = Cluster::kafka(partitions) {
            eprintln!("on Kafka:");
            test(cluster);
        }
    }

    fn kafka(partitions: i32) -> Option<Cluster> {
        KafkaServer::start(partitions).map(|server| Cluster::new(Broker::Kafka(Box::new(server)), partitions))
    }

    fn new(broker: Broker, partitions: i32) -> Cluster {
        let mut client = ClientConfig::new();
        for (key, value) in broker.settings() {
            client.set(*key, *value);
        }
        let producer: BaseProducer<_> =
            client.set("bootstrap.servers", broker.address()).create_with_context(Accepted).expect("a producer");
        // Kafka makes the topic when it is first asked for it, and may not know itself yet: no answer for the client.
        let leaders = || {
            let metadata = producer.client().fetch_metadata(Some("events"), Duration::from_secs(5)).ok()?;
            let partitions = metadata.topics().first()?.partitions();
            Some(partitions.iter().filter(|partition| partition.leader() >= 0).count())
        };
        let deadline = Instant::now() + Duration::from_secs(30);
        while leaders() != Some(partitions as usize) {
            assert!(Instant::now() < deadline, "the broker makes no topic");
            std::thread::sleep(Duration::from_millis(50));
        }
        Cluster { broker, producer }
    }

    /// The broker with its data, or what `lose` leaves of the segments of its first partition, on this port.
    fn moved(self, port: u16, lose: impl Fn(&[PathBuf])) -> Cluster {
        let Broker::Kafka(mut server) = self.broker else { panic!("a mock stays where it is") };
        server.kill();
        lose(&server.segments());
        server.restart_on(port);
        Cluster::new(Broker::Kafka(server), 1)
    }

    fn kill(&mut self) {
        match &mut self.broker {
            Broker::Mock(mock) => mock.broker_down(1).expect("a broker"),
            Broker::Kafka(server) => server.kill(),
        }
    }

    fn restart(&mut self) {
        match &mut self.broker {
            Broker::Mock(mock) => mock.broker_up(1).expect("a broker"),
            Broker::Kafka(server) => server.restart(),
        }
    }

    fn send(&self, partition: i32, payload: &str) {
        let record = BaseRecord::<(), str>::to("events").partition(partition).payload(payload);
        self.producer.send(record).map_err(|(error, _)| error).expect("there is room");
        self.producer.flush(Duration::from_secs(20)).expect("an answer in time");
    }

    fn events(&self, partition: i32, events: &[(u64, u64)]) {
        for (id, second) in events {
            self.send(partition, &format!("{{\"id\": {id}, \"at\": {}}}", at(*second) / 1_000_000));
        }
    }

    fn source(&self, settings: &str) -> Box<dyn Source> {
        let text = format!(
            "{}schema = {{ id = 'bigint not null', at = 'timestamptz' }}\nevent_time = 'at'\n\
             event_time_unit = 's'\nidle_after = 'never'\n{settings}",
            self.broker.topic()
        );
        let config: Config = toml::from_str(&text).expect("a configuration");
        Box::new(Kafka::new("events", config))
    }
}

impl Broker {
    fn address(&self) -> String {
        match self {
            Broker::Mock(mock) => mock.bootstrap_servers(),
            Broker::Kafka(server) => server.address(),
        }
    }

    fn settings(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            Broker::Mock(_) => &[],
            Broker::Kafka(_) => &OLD,
        }
    }

    /// What a source is told of it.
    fn topic(&self) -> String {
        let settings: Vec<String> = self.settings().iter().map(|(key, value)| format!("'{key}' = '{value}'")).collect();
        format!("brokers = ['{}']\ntopic = 'events'\nsettings = {{ {} }}\n", self.address(), settings.join(", "))
    }
}

fn wait(running: &Running, seen: &mut Seen, second: u64) {
    while seen.frontier < Some(at(second)) {
        running.next(seen);
    }
}

#[test]
fn partitions_are_judged_alone_and_end_under_once() {
    Cluster::each(3, |cluster| {
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
    });
}

#[test]
fn a_partition_at_its_end_holds_nobody() {
    Cluster::each(2, |cluster| {
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
    });
}

#[test]
fn a_restart_goes_on_behind_what_is_stored() {
    Cluster::each(2, |cluster| {
        let write = |id: i64| cluster.events((id % 2) as i32, &[(id as u64, 10 + id as u64)]);
        reads_on(|| cluster.source(""), write);
    });
}

#[test]
fn a_partition_that_is_ahead_waits_for_the_others() {
    Cluster::each(2, |cluster| {
        let day = 24 * 3600;
        let send = |partition, ids: std::ops::Range<u64>| {
            for id in ids {
                let payload = format!("{{\"id\": {id}, \"at\": {}}}", at(id + partition as u64 * day) / 1_000_000);
                let record = BaseRecord::<(), str>::to("events").partition(partition).payload(&payload);
                cluster.producer.send(record).map_err(|(error, _)| error).expect("there is room");
            }
            cluster.producer.flush(Duration::from_secs(20)).expect("an answer in time");
        };
        send(0, 0..20_000);
        send(1, 20_000..40_000);
        let (seen, result) = Running::start(cluster.source("buffer = '512KiB'"), true).finish();
        result.unwrap();
        assert_eq!(seen.rows.len(), 40_000);
        assert!(seen.rows.is_sorted() && seen.late.is_empty());
    });
}

#[test]
fn reading_goes_on_where_it_was_when_the_brokers_are_back() {
    Cluster::each(2, |mut cluster| {
        cluster.events(0, &[(1, 10)]);
        let running = Running::start(cluster.source(""), false);
        let mut seen = Seen::default();
        wait(&running, &mut seen, 10);
        for round in 1..=2 {
            cluster.kill();
            while running.progress.reconnects.load(Relaxed) < round {
                std::thread::sleep(Duration::from_millis(10));
            }
            cluster.restart();
            cluster.events(0, &[(round + 1, 10 + round)]);
            wait(&running, &mut seen, 10 + round);
        }
        assert_eq!(seen.rows, [(1, at(10)), (2, at(11))]);
        assert!(seen.late.is_empty() && seen.errors.is_empty());
        running.stop.request();
        let (rest, result) = running.finish();
        result.unwrap();
        assert!(rest.rows.is_empty() && !rest.ended);
    });
}

#[test]
fn a_view_over_a_kafka_topic() {
    Cluster::each(4, |cluster| {
        for (partition, id, total) in [(0, 1, "1.50"), (3, 2, "7"), (0, 1, "2")] {
            cluster.send(partition, &format!("{{\"id\": {id}, \"total\": {total}}}"));
        }
        let config = format!(
            "[sources.orders]\ntype = 'kafka'\n{}\
             schema = {{ id = 'bigint not null', total = 'numeric' }}\n\
             [sinks.out]\ntype = 'jsonl'\nview = 'totals'\npath = 'out.jsonl'\n",
            cluster.broker.topic()
        );
        let set =
            ViewSet::new(&config, "CREATE VIEW totals AS SELECT id, sum(total) AS total FROM orders GROUP BY id;");
        let (code, _, errors) = set.run(&["run", "--once"], "");
        assert_eq!(code, 0, "{errors}");
        let rows = Feed::read(&set.path().join("out.jsonl")).at(None);
        assert_eq!(rows.keys().collect::<Vec<_>>(), [r#"{"id": 1, "total": 3.50}"#, r#"{"id": 2, "total": 7}"#]);
    });
}

/// Only Kafka can be made to lose something.
#[test]
fn what_was_deleted_before_it_was_read_is_told() {
    let Some(cluster) = Cluster::kafka(1) else { return };
    cluster.events(0, &[(1, 10)]);
    let Broker::Kafka(server) = &cluster.broker else { panic!("this is Kafka") };
    let (here, elsewhere) = (server.port(), free_port());
    let running = Running::start(cluster.source(""), false);
    let mut seen = Seen::default();
    wait(&running, &mut seen, 10);

    // Messages that the source does not get to see, in some segments.
    let cluster = cluster.moved(elsewhere, |_| ());
    for id in 2..=40 {
        cluster.send(0, &format!("{{\"id\": {id}, \"at\": {}}}{}", at(10 + id) / 1_000_000, " ".repeat(60_000)));
    }
    let oldest = Cell::new(0);
    let cluster = cluster.moved(here, |segments| {
        let (newest, older) = segments.split_last().expect("segments");
        older.iter().for_each(|segment| std::fs::remove_file(segment).expect("our own file"));
        oldest.set(newest.file_stem().unwrap().to_str().unwrap().parse().expect("an offset"));
    });
    cluster.events(0, &[(41, 60)]);
    wait(&running, &mut seen, 60);
    let oldest = oldest.get();
    assert!((2..40).contains(&oldest), "{oldest}");
    let ids: Vec<i64> = seen.rows.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, [1].into_iter().chain(oldest + 1..=40).collect::<Vec<_>>());
    assert!(seen.errors[0].contains(&format!("offsets 1 to {} were deleted", oldest - 1)), "{:?}", seen.errors);

    let cluster = cluster.moved(here, |segments| {
        segments.iter().for_each(|segment| std::fs::remove_file(segment).expect("our own file"));
    });
    cluster.events(0, &[(42, 70)]);
    wait(&running, &mut seen, 70);
    assert_eq!(seen.rows.last(), Some(&(41, at(60))));
    assert!(seen.errors[1].contains("the topic was deleted"), "{:?}", seen.errors);
    running.stop.request();
    running.finish().1.unwrap();
}
