//! What only the Redis sink has: keys of others, staging, lost data, key templates, uniqueness.

use super::contract::Running;
use super::model::{Model, Random, view};
use super::target::{RedisTarget, Target};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tidegate::sink::SinkError;
use tidegate::sink::redis::{Config, Redis};
use tidegate::sink::runner::{ContentReader, Settings};

#[test]
fn leaves_foreign_keys_alone() {
    let target = RedisTarget::new("json");
    let mut connection = target.server.connection();
    for key in ["product:of somebody else", "other:1"] {
        ::redis::cmd("SET").arg(key).arg("theirs").exec(&mut connection).expect("a write");
    }
    let mut model = Model::new();
    for _ in 0..2 {
        let running = Running::start(target.sink(), Settings::default());
        running.send(model.step(&[(1, Some("a"))]));
        running.send(model.step(&[(1, None)]));
        running.end().expect("nothing fails");
        model = model.restarted();
    }
    assert_eq!(target.keys(), ["product:of somebody else"]);
    let other: String = ::redis::cmd("GET").arg("other:1").query(&mut connection).expect("a value");
    assert_eq!(other, "theirs");
}

/// A key of the sink that somebody else changed or deleted is mended at the next start.
#[test]
fn mends_what_others_did() {
    for value in ["json", "hash"] {
        let target = RedisTarget::new(value);
        let mut model = Model::new();
        let running = Running::start(target.sink(), Settings::default());
        running.send(model.step(&[(1, Some("a")), (2, Some("b")), (3, Some("c"))]));
        running.end().expect("nothing fails");
        let mut connection = target.server.connection();
        ::redis::cmd("DEL").arg("product:1").exec(&mut connection).expect("a write");
        ::redis::cmd("DEL").arg("product:2").exec(&mut connection).expect("a write");
        ::redis::cmd("RPUSH").arg("product:2").arg("x").exec(&mut connection).expect("a write");
        let mut model = model.restarted();
        let running = Running::start(target.sink(), Settings::default());
        running.send(model.step(&[]));
        running.end().expect("nothing fails");
        assert_eq!(target.read().map(|(_, content)| content), Some(model.content()), "{value}");
    }
}

/// How many keys of the view there are, and whether the mark is there.
const SEEN: &str = "return {#redis.call('KEYS', 'product:*'), redis.call('EXISTS', 'tidegate:cache:mark')}";

/// A large load is there as a whole or not at all, and leaves nothing else behind.
#[test]
fn stages_large_loads() {
    const ROWS: i64 = 12_000;
    for value in ["json", "hash"] {
        let target = RedisTarget::new(value);
        // What a staging that was killed leaves behind.
        let mut connection = target.server.connection();
        let left =
            [["RPUSH", "tidegate:cache:staged:puts", "product:1"], ["SET", "tidegate:cache:staged:value:0", "x"]];
        for [command, key, argument] in left {
            ::redis::cmd(command).arg(key).arg(argument).exec(&mut connection).expect("a write");
        }
        let mut model = Model::new();
        let running = Running::start(target.sink(), Settings::default());
        let mut known = (0, 0);
        for (first, name) in [(0, "old"), (ROWS / 2, "new")] {
            let writes: Vec<(i64, Option<&str>)> = (first..ROWS).map(|id| (id, Some(name))).collect();
            running.send(model.step(&writes));
            while running.progress.frontier() != Some(Some(model.frontier())) {
                let seen: (i64, i64) = ::redis::cmd("EVAL").arg(SEEN).arg(0).query(&mut connection).expect("a reading");
                assert!(seen == known || seen == (ROWS, 1), "{value}: {seen:?} can be seen");
                std::thread::sleep(Duration::from_millis(1));
            }
            known = (ROWS, 1);
            assert_eq!(target.read().map(|(_, content)| content), Some(model.content()), "{value}");
        }
        let deletes: Vec<(i64, Option<&str>)> = (100..ROWS).map(|id| (id, None)).collect();
        running.send(model.step(&deletes));
        running.end().expect("nothing fails");
        assert_eq!(target.read().map(|(_, content)| content), Some(model.content()), "{value}");
        let own: Vec<String> = ::redis::cmd("KEYS").arg("tidegate:*").query(&mut connection).expect("keys");
        assert_eq!(own.len(), 2, "{value}: {own:?}");
    }
}

/// Connections are cut and the server is killed at random moments, within small deliveries and within staged ones: what can be
/// seen is one frontier's content at any time, and nothing that was acknowledged is lost.
#[test]
fn cut_at_any_moment() {
    let mut random = Random::seeded(21);
    for value in ["json", "hash"] {
        let mut target = RedisTarget::new(value);
        let mut model = Model::new();
        let running = Running::start(target.sink(), Settings::default());
        running.send(model.step(&[(0, Some("first"))]));
        running.wait(model.frontier());
        let mut connection = target.server.connection();
        for round in 0..24 {
            let rows = if round % 3 == 0 { 6_000 } else { 40 };
            let name = format!("round {round}");
            let writes: Vec<(i64, Option<&str>)> =
                (0..rows).map(|id| (id, (random.below(4) > 0).then_some(name.as_str()))).collect();
            let acknowledged = model.frontier();
            running.send(model.step(&writes));
            std::thread::sleep(Duration::from_micros(random.below(40_000)));
            if round % 4 == 3 {
                target.server.kill();
                target.server.restart();
                connection = target.server.connection();
            } else {
                let mut kill = ::redis::cmd("CLIENT");
                kill.arg("KILL").arg("TYPE").arg("normal").arg("SKIPME").arg("yes");
                kill.exec(&mut connection).expect("a command");
            }
            let (frontier, content) = target.read_by(&mut connection).expect("a mark");
            let frontier = frontier.expect("no end was told");
            assert!(frontier >= acknowledged, "{value}, {round}: {frontier} is before {acknowledged}");
            assert_eq!(Some(content), model.at(frontier), "{value}, {round}");
            running.wait(model.frontier());
        }
        running.end().expect("nothing fails");
        assert_eq!(target.read(), Some((Some(model.frontier()), model.content())), "{value}");
        let own: Vec<String> =
            ::redis::cmd("KEYS").arg("tidegate:*").query(&mut target.server.connection()).expect("keys");
        assert_eq!(own.len(), 2, "{value}: {own:?}");
    }
}

/// How a server loses what it had.
#[derive(Clone, Copy, Debug)]
enum Loss {
    /// It is killed and comes back empty.
    Restart,
    /// Somebody empties it while it runs.
    Flush,
    /// Somebody empties it, and nothing changes in the view afterwards but the frontier.
    FlushWhenQuiet,
    /// Another program writes under the sink's name.
    Usurper,
}

/// A server that lost its data gets the whole content again, or an operator is called.
#[test]
fn notices_lost_data() {
    for loss in [Loss::Restart, Loss::Flush, Loss::FlushWhenQuiet, Loss::Usurper] {
        for readable in [true, false] {
            check_loss(loss, readable);
        }
    }
}

fn check_loss(loss: Loss, readable: bool) {
    let mut target = RedisTarget::forgetful("json");
    let model = Arc::new(Mutex::new(Model::new()));
    let step = |writes: &[(i64, Option<&str>)]| model.lock().expect("no panic").step(writes);
    let read = model.clone();
    let content: ContentReader = Box::new(move |at_least| {
        let whole = read.lock().expect("no panic").whole();
        (at_least <= whole.frontier).then_some(whole)
    });
    let running =
        Running::start(target.sink(), Settings { content: readable.then_some(content), ..Settings::default() });
    let first = step(&[(1, Some("a")), (2, Some("b"))]);
    let frontier = first.frontier.unwrap_or_default();
    running.send(first);
    running.wait(frontier);
    match loss {
        Loss::Restart => {
            target.server.kill();
            target.server.restart();
        }
        Loss::Flush | Loss::FlushWhenQuiet => {
            ::redis::cmd("FLUSHALL").exec(&mut target.server.connection()).expect("a write");
        }
        Loss::Usurper => {
            let mark = "{\"frontier\":1,\"run\":\"another\",\"view\":\"another\"}";
            let set = ::redis::cmd("SET").arg("tidegate:cache:mark").arg(mark).take();
            set.exec(&mut target.server.connection()).expect("a write");
        }
    }
    let second = if matches!(loss, Loss::FlushWhenQuiet) { step(&[]) } else { step(&[(3, Some("c"))]) };
    let frontier = second.frontier.unwrap_or_default();
    running.send(second);
    if !readable {
        let result = running.end();
        assert!(matches!(result, Err(SinkError::Operator(_))), "{loss:?}: {result:?}");
        // What was not known to fit was not written.
        assert!(target.keys().is_empty() || matches!(loss, Loss::Usurper), "{loss:?}");
        return;
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while target.read().is_none_or(|(at, _)| at < Some(frontier)) {
        assert!(Instant::now() < deadline, "{loss:?}: {:?}", running.progress.error());
        std::thread::sleep(Duration::from_millis(5));
    }
    let expected = model.lock().expect("no panic").content();
    assert_eq!(target.read().map(|(_, content)| content), Some(expected), "{loss:?}");
    running.send(step(&[(1, None)]));
    running.end().expect("nothing fails");
    let expected = model.lock().expect("no panic").content();
    assert_eq!(target.read().map(|(_, content)| content), Some(expected), "{loss:?}");
}

/// A server that keeps its connections and answers nothing: steps are merged meanwhile, per key.
#[test]
fn waits_for_a_frozen_server() {
    let target = RedisTarget::new("json");
    let mut model = Model::new();
    let running = Running::start(target.sink(), Settings::default());
    running.send(model.step(&[(1, Some("a")), (2, Some("b"))]));
    running.wait(model.frontier());
    let told = model.frontier();
    let frozen = target.server.freeze();
    for n in 0..20_000_i64 {
        let name = if n % 2 == 0 { "even" } else { "odd" };
        running.send(model.step(&[(n % 50, Some(name)), (1000 + n, Some(name)), (1000 + n - 5, None)]));
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    while running.waiting() > 0 {
        assert!(Instant::now() < deadline, "{} steps wait for a frozen target", running.waiting());
        std::thread::sleep(Duration::from_millis(5));
    }
    let bytes = running.progress.pending_bytes.load(Ordering::Relaxed);
    assert!(bytes > 0 && bytes < 50_000, "{bytes} bytes are held");
    assert_eq!(running.progress.frontier(), Some(Some(told)), "a frozen target acknowledges nothing");
    drop(frozen);
    running.wait(model.frontier());
    assert_eq!(target.read(), Some((Some(model.frontier()), model.content())));
    running.end().expect("nothing fails");
}

#[test]
fn a_frozen_server_ends_a_stopped_sink() {
    let target = RedisTarget::new("json");
    let mut model = Model::new();
    let settings = Settings { stop_patience: Duration::from_millis(300), ..Settings::default() };
    let running = Running::start(target.sink(), settings);
    running.send(model.step(&[(1, Some("a"))]));
    running.wait(model.frontier());
    let frozen = target.server.freeze();
    running.send(model.step(&[(2, Some("b"))]));
    let result = running.stop();
    assert!(matches!(&result, Err(SinkError::Transient(text)) if text.contains("not answered")), "{result:?}");
    drop(frozen);
}

#[test]
fn refuses_what_is_configured_wrong() {
    let cases = [
        ("view = 'product'\nurl = 'redis://localhost'\nkey = 'p:{ident}'", "has no column ident"),
        ("view = 'product'\nurl = 'redis://localhost'\nkey = 'p'", "names no column"),
        ("view = 'product'\nurl = 'redis://localhost'\nkey = 'p:{id'", "{ without }"),
        ("view = 'product'\nurl = 'redis://localhost'\nkey = 'p:id}'", "} without {"),
        ("view = 'product'\nurl = 'redis://localhost'\nkey = '{id}{name}'", "separator before {name}"),
        ("view = 'product'\nurl = 'redis://localhost'\nkey = '{id}:{id}'", "column id twice"),
        ("view = 'product'\nurl = 'redis://localhost'\nvalues = 'json'", "unknown field"),
        ("view = 'product'\nurl = 'redis://localhost'\nvalue = 'yaml'", "unknown variant"),
        ("view = 'product'\nurl = 'http://localhost'", "not a Redis URL"),
        ("view = 'product'\nurl = { env = 'TIDEGATE_NO_SUCH' }", "TIDEGATE_NO_SUCH"),
    ];
    for (config, expected) in cases {
        let error = match toml::from_str::<Config>(config) {
            Err(error) => error.to_string(),
            Ok(config) => {
                use tidegate::sink::Sink;
                let opened = Redis::new("cache", config, view(true)).and_then(|mut sink| sink.open());
                opened.expect_err("the configuration is wrong").to_string()
            }
        };
        assert!(error.contains(expected), "{config}\ngives: {error}");
    }
    let unproven = Redis::new(
        "cache",
        toml::from_str("view = 'product'\nurl = 'redis://localhost'").expect("well-formed"),
        view(false),
    );
    assert!(matches!(unproven, Err(SinkError::Config(text)) if text.contains("declare")));
}
