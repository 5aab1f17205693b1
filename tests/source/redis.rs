//! Source `redis` against a real server: restarts, lost entries, several streams.

use super::stream::{Running, Seen, at, reads_on};
use crate::support::feed::Feed;
use crate::support::program::ViewSet;
use crate::support::redis::RedisServer;
use redis::{Connection, Pipeline};
use std::sync::atomic::Ordering::Relaxed;
use tidegate::source::redis::{Config, Redis};
use tidegate::source::{Source, SourceError};

fn source(server: &RedisServer, settings: &str) -> Box<dyn Source> {
    let text = format!(
        "url = '{}'\nschema = {{ id = 'bigint not null', note = 'text', at = 'timestamptz' }}\nevent_time = 'at'\n{settings}",
        server.url()
    );
    let config: Config = toml::from_str(&text).expect("a configuration");
    Box::new(Redis::new("events", config))
}

/// `XADD key * id … at …`.
fn add<'p>(pipe: &'p mut Pipeline, key: &str, id: u64, second: u64) -> &'p mut Pipeline {
    add_as(pipe, key, "*", id, second)
}

fn add_as<'p>(pipe: &'p mut Pipeline, key: &str, entry: &str, id: u64, second: u64) -> &'p mut Pipeline {
    let at = format!("2000-01-01T00:00:{second:02}Z");
    pipe.cmd("XADD").arg(key).arg(entry).arg("id").arg(id).arg("at").arg(at)
}

fn events(connection: &mut Connection, key: &str, events: &[(u64, u64)]) {
    let mut pipe = redis::pipe();
    for (id, second) in events {
        add(pipe.atomic(), key, *id, *second);
    }
    pipe.exec(connection).expect("the server runs");
}

#[test]
fn streams_are_partitions_and_end_under_once() {
    let server = RedisServer::start();
    let mut connection = server.connection();
    events(&mut connection, "a", &[(1, 10), (2, 20), (3, 14)]);
    events(&mut connection, "b", &[(4, 5), (5, 30)]);
    redis::cmd("XADD").arg("b").arg("7-*").arg("at").arg("now").exec(&mut connection).expect_err("below the last id");
    redis::cmd("XADD").arg("b").arg("*").arg("id").arg("x").exec(&mut connection).expect("the server runs");
    let settings = "keys = ['a', 'b', 'none']\nlateness = '5s'";
    let running = Running::start(source(&server, settings), true);
    let progress = running.progress.clone();
    let (seen, result) = running.finish();
    result.unwrap();
    assert!(seen.ended);
    assert_eq!(seen.rows, [(4, at(5)), (1, at(10)), (2, at(20)), (5, at(30))]);
    assert_eq!(seen.late, [(3, at(15))]);
    assert_eq!(seen.errors.len(), 1, "{:?}", seen.errors);
    assert!(seen.errors[0].starts_with("22P02") && seen.errors[0].ends_with(": id=x"), "{:?}", seen.errors);
    assert!(seen.errors[0].contains(" b 1"), "the entry is named: {:?}", seen.errors);
    assert_eq!(progress.reconnects.load(Relaxed), 0);
}

#[test]
fn a_field_may_hold_the_record() {
    let server = RedisServer::start();
    let mut connection = server.connection();
    let mut xadd = |field: &str, record: &str| {
        redis::cmd("XADD").arg("a").arg("*").arg(field).arg(record).exec(&mut connection).expect("the server runs");
    };
    xadd("event", r#"{"id": 1, "at": "2000-01-01T00:00:10Z"}"#);
    xadd("other", "{}");
    let (seen, result) = Running::start(source(&server, "keys = ['a']\nfield = 'event'"), true).finish();
    result.unwrap();
    assert_eq!(seen.rows, [(1, at(10))]);
    assert!(seen.errors[0].contains("the entry has no field \"event\""), "{:?}", seen.errors);
    let csv = source(&server, "keys = ['a']\nfield = 'other'\nformat = 'csv'");
    assert_eq!(Running::start(csv, true).finish().0.errors.len(), 2);
}

#[test]
fn many_entries_come_in_order_and_the_end_is_where_it_was_at_the_start() {
    let server = RedisServer::forgetful();
    let mut connection = server.connection();
    let all: Vec<(u64, u64)> = (0..2300).map(|id| (id, id / 100)).collect();
    events(&mut connection, "a", &all);
    let (seen, result) = Running::start(source(&server, "keys = ['a']\nbuffer = '1MiB'"), true).finish();
    result.unwrap();
    assert_eq!(seen.rows, all.iter().map(|(id, second)| (*id as i64, at(*second))).collect::<Vec<_>>());
}

#[test]
fn reading_goes_on_where_it_was_after_a_restart_of_the_server() {
    let mut server = RedisServer::start();
    events(&mut server.connection(), "a", &[(1, 10)]);
    let running = Running::start(source(&server, "keys = ['a']\nidle_after = 'never'"), false);
    let mut seen = Seen::default();
    let mut wait = |second: u64| {
        while seen.frontier < Some(at(second)) {
            running.next(&mut seen);
        }
    };
    wait(10);
    for round in 1..=3 {
        server.kill();
        server.restart();
        events(&mut server.connection(), "a", &[(round + 1, 10 + round)]);
        wait(10 + round);
    }
    assert_eq!(seen.rows, [(1, at(10)), (2, at(11)), (3, at(12))]);
    assert!(running.progress.reconnects.load(Relaxed) >= 3);
    server.kill();
    running.stop.request();
    let (rest, result) = running.finish();
    result.unwrap();
    assert!(rest.rows.is_empty() && rest.errors.is_empty() && !rest.ended);
}

#[test]
fn a_restart_goes_on_behind_what_is_stored() {
    let server = RedisServer::start();
    let mut connection = server.connection();
    let write = |id: i64| events(&mut connection, if id % 2 == 0 { "a" } else { "b" }, &[(id as u64, 10 + id as u64)]);
    reads_on(|| source(&server, "keys = ['a', 'b']"), write);
}

#[test]
fn what_was_deleted_unread_and_a_stream_that_begins_anew_are_told() {
    let server = RedisServer::start();
    let mut connection = server.connection();
    let exec = |pipe: &mut Pipeline, connection: &mut Connection| pipe.exec(connection).expect("the server runs");
    exec(add_as(&mut redis::pipe(), "a", "5-0", 1, 10), &mut connection);
    let running = Running::start(source(&server, "keys = ['a']\nidle_after = 'never'"), false);
    let mut seen = Seen::default();
    let mut wait = |second: u64| {
        while seen.frontier < Some(at(second)) {
            running.next(&mut seen);
        }
    };
    wait(10);
    let mut pipe = redis::pipe();
    add_as(add_as(pipe.atomic(), "a", "6-0", 2, 11), "a", "7-0", 3, 12).cmd("XDEL").arg("a").arg("6-0");
    exec(&mut pipe, &mut connection);
    wait(12);
    let mut pipe = redis::pipe();
    add_as(pipe.atomic().cmd("DEL").arg("a"), "a", "1-0", 4, 13);
    exec(&mut pipe, &mut connection);
    wait(13);
    exec(add_as(&mut redis::pipe(), "a", "2-0", 5, 14), &mut connection);
    wait(14);
    assert_eq!(seen.rows, [(1, at(10)), (3, at(12)), (4, at(13))]);
    assert_eq!(seen.errors.len(), 2, "{:?}", seen.errors);
    assert!(seen.errors[0].contains("entries up to 6-0 were deleted before they were read a"), "{:?}", seen.errors);
    assert!(seen.errors[1].contains("read from its new beginning"), "{:?}", seen.errors);
    running.stop.request();
    running.finish().1.unwrap();
}

#[test]
fn reading_may_begin_at_the_end() {
    let server = RedisServer::start();
    let mut connection = server.connection();
    events(&mut connection, "a", &[(1, 10)]);
    let running = Running::start(source(&server, "keys = ['a']\nfrom = 'end'\nidle_after = 'never'"), false);
    // Until it waits for the next entry, nobody knows where it began.
    while server.calls(&["xread"]) < 2 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    events(&mut connection, "a", &[(2, 11), (3, 12)]);
    let mut seen = Seen::default();
    running.next(&mut seen);
    assert_eq!((seen.frontier, seen.rows), (Some(at(12)), vec![(2, at(11))]));
    running.stop.request();
    running.finish().1.unwrap();
    let (seen, result) = Running::start(source(&server, "keys = ['a']\nfrom = 'end'"), true).finish();
    result.unwrap();
    assert!(seen.ended && seen.rows.is_empty());
}

#[test]
fn what_only_people_can_mend_is_said() {
    let server = RedisServer::start();
    redis::cmd("SET").arg("s").arg(1).exec(&mut server.connection()).expect("the server runs");
    let (_, result) = Running::start(source(&server, "keys = ['s']"), false).finish();
    assert!(matches!(&result, Err(SourceError::Operator(text)) if text.contains("is to name streams")), "{result:?}");
    let (_, result) = Running::start(source(&server, "keys = ['s']\npassword = 'wrong'"), false).finish();
    assert!(matches!(&result, Err(SourceError::Config(_))), "{result:?}");
    let text = "url = 'http://h'\nkeys = ['s']\nschema = { a = 'text' }";
    let described = Redis::new("events", toml::from_str(text).expect("a configuration")).describe();
    assert!(matches!(&described, Err(SourceError::Config(text)) if text.contains("redis://host")), "{described:?}");
}

#[test]
fn a_view_over_a_redis_stream() {
    let server = RedisServer::start();
    events(&mut server.connection(), "clicks", &[(1, 10), (2, 11), (1, 12)]);
    let config = format!(
        "[sources.web]\ntype = 'redis'\nurl = '{}'\nkeys = ['clicks']\nrelation = 'clicks'\nevent_time = 'at'\n\
         schema = {{ id = 'bigint not null', at = 'timestamptz' }}\n\
         [sinks.out]\ntype = 'jsonl'\nview = 'counts'\npath = 'out.jsonl'\n",
        server.url()
    );
    let set = ViewSet::new(&config, "CREATE VIEW counts AS SELECT id, count(*) AS n FROM clicks GROUP BY id;");
    let (code, _, errors) = set.run(&["run", "--once"], "");
    assert_eq!(code, 0, "{errors}");
    let rows = Feed::read(&set.path().join("out.jsonl")).at(None);
    assert_eq!(rows.keys().collect::<Vec<_>>(), [r#"{"n": 1, "id": 2}"#, r#"{"n": 2, "id": 1}"#]);
}
