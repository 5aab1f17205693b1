//! What only search servers have, on the stub (`support/search`): items that fail each by itself, versions, deletes
//! that are forgotten, bulk requests of any size, mappings, and who may write.

use super::contract::Running;
use super::model::{Content, Model, Random, row, view};
use super::target::{SearchTarget, Target};
use crate::support::certificates::Certificates;
use crate::support::search::{Fault, Product, SearchServer};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tidegate::sink::opensearch::{Config, OpenSearch};
use tidegate::sink::runner::{ContentReader, Settings};
use tidegate::sink::{Delivery, KeyedChange, Mark, Owner, Sink, SinkError};
use tidegate::value::{Row, Time};
use tokio_rustls::TlsAcceptor;

/// A setting by which what was deleted is forgotten soon, so that nothing is waited for long.
const SHORT: &str = "settings = { gc_deletes = '1s' }";

/// A delivery of these puts and deletes.
fn delivery(frontier: Time, first: bool, writes: &[(i64, Option<&str>)]) -> Delivery {
    let key = |id: i64| Row::pack(&row(id, "").unpack()[..1]);
    let change = |name: Option<&str>, id| name.map_or(KeyedChange::Delete, |name| KeyedChange::Put(row(id, name)));
    Delivery {
        keyed: writes.iter().map(|(id, name)| (key(*id), change(*name, *id))).collect(),
        changes: Vec::new(),
        frontier: Some(frontier),
        first,
        mark: Mark { frontier: Some(frontier), owner: Owner::Run("r".into()), view: "v".into() },
    }
}

/// What these rows show.
fn content(rows: &[(i64, &str)]) -> Content {
    rows.iter().map(|(id, name)| (*id, super::model::shown(&row(*id, name)))).collect()
}

/// A sink that has been given these rows.
fn begun(target: &SearchTarget, lines: &str, rows: &[(i64, Option<&str>)]) -> Box<dyn Sink> {
    let mut sink = target.sink_with(lines);
    sink.open().expect("the stub answers");
    sink.apply(&delivery(10, true, rows)).expect("the stub takes it");
    sink
}

fn transient(result: Result<(), SinkError>, words: &str) {
    assert!(matches!(&result, Err(SinkError::Transient(text)) if text.contains(words)), "{words}: {result:?}");
}

fn operator<T: std::fmt::Debug>(result: Result<T, SinkError>, words: &str) {
    assert!(matches!(&result, Err(SinkError::Operator(text)) if text.contains(words)), "{words}: {result:?}");
}

#[test]
fn both_products_are_spoken_to() {
    for product in [Product::Elasticsearch, Product::OpenSearch] {
        let target = SearchTarget::of(SearchServer::start(product));
        let mut model = Model::new();
        let running = Running::start(target.sink(), Settings::default());
        running.send(model.step(&[(1, Some("a \"b\"\n{c}")), (2, Some("b")), (3, Some(""))]));
        running.wait(model.frontier());
        running.send(model.step(&[(1, None), (2, Some("c"))]));
        running.wait(model.frontier());
        running.end().expect("nothing fails");
        assert_eq!(target.read(), Some((Some(model.frontier()), model.content())), "{product:?}");
        assert_eq!(target.server.state().cluster.open_scrolls(), 0, "{product:?}");
    }
}

#[test]
fn the_index_is_made_for_the_view() {
    let target = SearchTarget::new();
    begun(
        &target,
        "mapping = { properties = { name = { type = 'text', analyzer = 'english' } } }\n\
         settings = { gc_deletes = '90s' }",
        &[],
    );
    let state = target.server.state();
    let index = &state.cluster.indices["product"];
    assert_eq!(index.settings["index.refresh_interval"], "-1");
    assert_eq!(index.settings["index.gc_deletes"], "90s");
    let fields = json!({
        "id": {"type": "long"},
        "name": {"type": "text", "analyzer": "english"},
        "stock": {"type": "integer"},
    });
    assert_eq!(index.mapping, json!({"dynamic": "strict", "properties": fields}));
    assert_eq!(state.cluster.indices["tidegate-marks"].settings["index.hidden"], "true");
}

/// Nothing is visible before the refresh at the end of a delivery.
#[test]
fn a_delivery_becomes_visible_at_once() {
    let target = SearchTarget::new();
    let mut sink = begun(&target, &format!("bulk_bytes = '1KiB'\nconcurrency = 1\n{SHORT}"), &[(1, Some("a"))]);
    let writes: Vec<(i64, Option<&str>)> = (0..100).map(|id| (id, Some("new"))).collect();
    target.server.fail_items(|_, id| (id == "70").then_some((503, "unavailable_shards_exception", "away")));
    transient(sink.apply(&delivery(20, false, &writes)), "are not taken for now: away");
    assert!(target.server.state().cluster.indices["product"].documents.len() > 50);
    assert_eq!(target.found(), content(&[(1, "a")]));
    let kept = target.kept().expect("a mark");
    assert_eq!((&kept["mark"]["frontier"], &kept["next"]["frontier"]), (&json!(10), &json!(20)));
    // The same process repeats it; another one cannot know what was written.
    assert_eq!(target.sink_with(SHORT).open().expect("the stub answers"), None);
    target.server.fail_items(|_, _| None);
    assert!(sink.open().expect("the stub answers").is_some_and(|mark| mark.contains("\"frontier\":10")));
    sink.apply(&delivery(20, false, &writes)).expect("the stub takes it");
    assert_eq!(target.found().len(), 100);
}

/// What an item's failure means, each by itself among others that succeed.
#[test]
fn items_are_sorted() {
    let failures: &[(u16, &'static str, &str)] = &[
        (429, "es_rejected_execution_exception", "transient"),
        (503, "unavailable_shards_exception", "transient"),
        (500, "exception", "transient"),
        (429, "cluster_block_exception", "transient"),
        (403, "cluster_block_exception", "transient"),
        (404, "index_not_found_exception", "transient"),
        (403, "security_exception", "operator"),
        (400, "parse_exception", "operator"),
        (400, "mapper_parsing_exception", "reject"),
        (400, "document_parsing_exception", "reject"),
        (400, "strict_dynamic_mapping_exception", "reject"),
        (400, "illegal_argument_exception", "reject"),
    ];
    for (status, kind, expected) in failures.iter().copied() {
        let target = SearchTarget::new();
        let mut sink = begun(&target, SHORT, &[(1, Some("a")), (2, Some("b"))]);
        target
            .server
            .fail_items(move |action, id| (action == "index" && id == "2").then_some((status, kind, "because")));
        let result = sink.apply(&delivery(20, false, &[(1, Some("c")), (2, Some("d")), (3, Some("e"))]));
        match expected {
            "transient" => transient(result, "because"),
            "operator" => operator(result, "because"),
            _ => {
                result.expect("a row that is refused does not hold up the others");
                // The older row is gone, too: better none than one that is no longer so.
                assert_eq!(target.found(), content(&[(1, "c"), (3, "e")]), "{kind}");
                assert_eq!(sink.rejected(), 1, "{kind}");
                // When the whole content is compared it is tried again.
                target.server.fail_items(|_, _| None);
                sink.apply(&delivery(30, true, &[(1, Some("c")), (2, Some("d")), (3, Some("e"))])).expect("taken");
                assert_eq!(target.found(), content(&[(1, "c"), (2, "d"), (3, "e")]), "{kind}");
            }
        }
    }
}

/// Items that are refused for now are sent again, they alone, before the delivery fails.
#[test]
fn busy_servers_are_asked_again() {
    let target = SearchTarget::new();
    let mut sink = begun(&target, "", &[]);
    let mut left = 3;
    target.server.fail_items(move |_, id| {
        let fails = id == "2" && left > 0;
        left -= i32::from(fails);
        fails.then_some((429, "es_rejected_execution_exception", "queue full"))
    });
    let before = target.written();
    sink.apply(&delivery(20, false, &[(1, Some("a")), (2, Some("b")), (3, Some("c"))])).expect("it is taken at last");
    assert_eq!(target.found(), content(&[(1, "a"), (2, "b"), (3, "c")]));
    assert_eq!(target.written() - before, 3, "what was taken is not sent again");
    // A whole request, and when to come again.
    target.server.fail([Fault::Refuse(429, Some(1)), Fault::Refuse(503, None)]);
    let begin = Instant::now();
    sink.apply(&delivery(30, false, &[(1, None)])).expect("it is taken at last");
    assert!(begin.elapsed() >= Duration::from_secs(1), "the server asked for a second: {:?}", begin.elapsed());
    assert_eq!(target.found(), content(&[(2, "b"), (3, "c")]));
}

/// When the server takes no row at all it is not the rows, and nothing is deleted.
#[test]
fn refusing_every_row_calls_the_operator() {
    let target = SearchTarget::new();
    let rows: Vec<(i64, Option<&str>)> = (0..150).map(|id| (id, Some("a"))).collect();
    let mut sink = begun(&target, "", &rows);
    target
        .server
        .fail_items(|_, _| Some((400, "illegal_argument_exception", "Limit of total fields has been exceeded")));
    let rows: Vec<(i64, Option<&str>)> = (0..150).map(|id| (id, Some("b"))).collect();
    operator(sink.apply(&delivery(20, false, &rows)), "all 150 rows are refused");
    assert_eq!(target.server.state().cluster.indices["product"].documents.len(), 150);
}

#[test]
fn rows_the_mapping_refuses_are_told() {
    let target = SearchTarget::new();
    let mapping = "mapping = { properties = { name = { type = 'long' } } }";
    let mut model = Model::new();
    let running = Running::start(target.sink_with(mapping), Settings::default());
    running.send(model.step(&[(1, Some("10")), (2, Some("ten")), (3, Some("30"))]));
    running.wait(model.frontier());
    running.send(model.step(&[(3, Some("thirty")), (1, Some("11"))]));
    running.wait(model.frontier());
    assert_eq!(target.found(), content(&[(1, "11")]));
    assert_eq!(running.progress.rejected.load(Ordering::Relaxed), 2);
    running.send(model.step(&[(3, Some("31"))]));
    running.wait(model.frontier());
    running.end().expect("nothing fails");
    assert_eq!(target.found(), content(&[(1, "11"), (3, "31")]));
}

#[test]
fn ids_that_are_too_long_are_told() {
    let target = SearchTarget::new();
    let mut sink = target.sink_with("key = ['name']");
    let long = "x".repeat(513);
    let by_name = |frontier, first, names: &[(&str, bool)]| {
        let mut made = delivery(frontier, first, &[]);
        let change = |name, put| if put { KeyedChange::Put(row(1, name)) } else { KeyedChange::Delete };
        made.keyed =
            names.iter().map(|(name, put)| (Row::pack(&row(1, name).unpack()[1..2]), change(name, *put))).collect();
        made
    };
    sink.open().expect("the stub answers");
    sink.apply(&by_name(10, true, &[(&long, true), ("a", true), (&long[..512], true)])).expect("taken");
    assert_eq!(sink.rejected(), 1);
    assert_eq!(target.server.state().cluster.indices["product"].documents.len(), 2);
    sink.apply(&by_name(20, false, &[(&long, false), ("a", false)])).expect("taken");
    assert_eq!(sink.rejected(), 0);
    assert_eq!(target.server.state().cluster.indices["product"].documents.len(), 1);
}

/// Bulk requests the server finds too large are halved, down to the row that is too large by itself.
#[test]
fn too_large_requests_are_halved() {
    let target = SearchTarget::new();
    let mut sink = begun(&target, "", &[(7, Some("old"))]);
    target.server.state().max_body = 3_000;
    let long = "x".repeat(4_000);
    let mut rows: Vec<(i64, Option<&str>)> = (0..200).map(|id| (id, Some("some name or other"))).collect();
    rows[7].1 = Some(&long);
    sink.apply(&delivery(20, false, &rows)).expect("all but one are taken");
    assert_eq!((sink.rejected(), target.found().len(), target.found().get(&7)), (1, 199, None));
    // It is remembered how much is too much.
    let before = target.server.state().seen.len();
    rows.remove(7);
    sink.apply(&delivery(30, false, &rows)).expect("taken");
    let state = target.server.state();
    assert!(state.seen[before..].iter().all(|(_, _, bytes)| *bytes <= 3_000), "{:?}", &state.seen[before..]);
}

#[test]
fn bulks_are_cut_by_bytes_and_sent_side_by_side() {
    let target = SearchTarget::new();
    let mut sink = begun(&target, "bulk_bytes = '2KiB'\nconcurrency = 3", &[]);
    target.server.fail((0..20).map(|_| Fault::Slow(Duration::from_millis(20))));
    let rows: Vec<(i64, Option<&str>)> = (0..500).map(|id| (id, Some("some name or other"))).collect();
    sink.apply(&delivery(20, false, &rows)).expect("taken");
    let state = target.server.state();
    let bulks: Vec<usize> = state.seen.iter().filter(|(what, ..)| what.contains("_bulk")).map(|seen| seen.2).collect();
    assert!(bulks.len() > 20 && bulks.iter().all(|bytes| *bytes < 2_048 + 200), "{bulks:?}");
    assert_eq!(state.most_under_way, 3);
}

#[test]
fn bulks_are_compressed_or_not() {
    for (lines, expected) in [("", true), ("gzip = false", false)] {
        let target = SearchTarget::new();
        begun(&target, lines, &[(1, Some("a"))]);
        let state = target.server.state();
        let bulk = state.seen.iter().find(|(what, ..)| what.contains("_bulk")).expect("a bulk request");
        assert_eq!(bulk.1, expected);
        assert!(state.seen.iter().all(|(what, gzip, _)| !gzip || what.contains("_bulk")));
    }
}

/// Requests of an attempt that was given up arrive after the next attempt's.
#[test]
fn what_arrives_late_overwrites_nothing() {
    let target = SearchTarget::new();
    let mut sink = begun(&target, "", &[(1, Some("a")), (2, Some("a"))]);
    target.server.fail([Fault::Hold]);
    transient(sink.apply(&delivery(20, false, &[(1, Some("b")), (2, Some("b")), (3, Some("b"))])), "connection failed");
    sink.open().expect("the stub answers");
    // The next attempt has merged what happened since.
    let merged = delivery(30, false, &[(1, Some("c")), (2, None), (3, None)]);
    sink.apply(&merged).expect("taken");
    assert_eq!(target.server.release(), 1);
    sink.apply(&delivery(40, false, &[])).expect("taken");
    target.server.state().cluster.indices.get_mut("product").expect("an index").refresh();
    assert_eq!(target.found(), content(&[(1, "c")]));
}

/// How far that goes: a server that executes a request only after it has forgotten what was deleted since brings it
/// back, until the whole content is compared.
#[test]
fn what_is_forgotten_may_come_back() {
    let target = SearchTarget::new();
    let mut sink = begun(&target, "", &[(1, Some("a"))]);
    target.server.fail([Fault::Hold]);
    transient(sink.apply(&delivery(20, false, &[(1, Some("b"))])), "connection failed");
    sink.open().expect("the stub answers");
    sink.apply(&delivery(30, false, &[(1, None)])).expect("taken");
    target.server.pass(Duration::from_secs(61));
    target.server.release();
    sink.apply(&delivery(40, false, &[(2, Some("c"))])).expect("taken");
    assert_eq!(target.found(), content(&[(1, "b"), (2, "c")]));
    sink.apply(&delivery(50, true, &[(2, Some("c"))])).expect("taken");
    assert_eq!(target.found(), content(&[(2, "c")]));
}

/// Comparing leaves equal documents as they are, so it waits until what was interrupted cannot change them any more.
#[test]
fn comparing_waits_for_what_was_interrupted() {
    let target = SearchTarget::new();
    let mut sink = begun(&target, SHORT, &[(1, Some("a"))]);
    target.server.fail([Fault::Hold]);
    transient(sink.apply(&delivery(20, false, &[(1, Some("b"))])), "connection failed");
    // Another process begins with the whole content, in which the row is again what it was.
    let mut sink = target.sink_with(SHORT);
    sink.open().expect("the stub answers");
    let whole = delivery(30, true, &[(1, Some("a"))]);
    transient(sink.apply(&whole), "may still arrive");
    target.server.release();
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        sink.open().expect("the stub answers");
        match sink.apply(&whole) {
            Ok(()) => break,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(target.found(), content(&[(1, "a")]));
}

/// A connection that ends before, within or instead of an answer.
#[test]
fn cut_connections_lose_nothing() {
    for fault in [Fault::CutBefore, Fault::CutAnswer, Fault::Hold] {
        let target = SearchTarget::new();
        let mut model = Model::new();
        let running = Running::start(target.sink(), Settings::default());
        running.send(model.step(&[(1, Some("a")), (2, Some("b"))]));
        running.wait(model.frontier());
        target.server.fail([fault.clone()]);
        running.send(model.step(&[(1, None), (2, Some("c")), (3, Some("d"))]));
        running.wait(model.frontier());
        assert!(running.progress.retries.load(Ordering::Relaxed) > 0, "{fault:?}");
        target.server.release();
        running.send(model.step(&[(4, Some("e"))]));
        running.wait(model.frontier());
        running.end().expect("nothing fails");
        assert_eq!(target.read(), Some((Some(model.frontier()), model.content())), "{fault:?}");
    }
}

/// A second writer takes the first one's place: the first fails before it has written a document.
#[test]
fn one_index_one_writer() {
    let target = SearchTarget::new();
    let mut one = begun(&target, "", &[(1, Some("a"))]);
    let mut two = begun(&target, "", &[(1, Some("b"))]);
    let before = target.written();
    transient(one.apply(&delivery(20, false, &[(1, Some("c"))])), "somebody else writes");
    assert_eq!(target.written(), before);
    two.apply(&delivery(20, false, &[(2, Some("d"))])).expect("it is the writer now");
    assert_eq!(target.found(), content(&[(1, "b"), (2, "d")]));
}

/// What is lost, or written by others.
#[derive(Clone, Copy, Debug)]
enum Loss {
    Everything,
    /// The next bulk request makes the index again, by itself and otherwise.
    Index,
    Mark,
    /// Another document with a version that is far ahead.
    Document,
    /// The same document.
    Usurped,
}

#[test]
fn what_is_lost_is_given_again() {
    for loss in [Loss::Everything, Loss::Index, Loss::Mark, Loss::Usurped, Loss::Document] {
        for readable in [true, false] {
            check_loss(loss, readable);
        }
    }
}

fn check_loss(loss: Loss, readable: bool) {
    let target = SearchTarget::new();
    let model = Arc::new(Mutex::new(Model::new()));
    let step = |writes: &[(i64, Option<&str>)]| model.lock().expect("no panic").step(writes);
    let read = model.clone();
    let content: ContentReader = Box::new(move |at_least| {
        let whole = read.lock().expect("no panic").whole();
        (at_least <= whole.frontier).then_some(whole)
    });
    let settings = Settings { content: readable.then_some(content), ..Settings::default() };
    let running = Running::start(target.sink_with(SHORT), settings);
    let first = step(&[(1, Some("a")), (2, Some("b"))]);
    let frontier = first.frontier.unwrap_or_default();
    running.send(first);
    running.wait(frontier);
    {
        let mut state = target.server.state();
        let usurp = |state: &mut crate::support::search::State, id: &str| {
            use crate::support::search::store::Condition;
            let condition = Condition::Newer { version: 1 << 60, gte: true };
            state.cluster.put("product", id, "{\"id\": 2, \"name\": \"x\", \"stock\": 2}", condition);
        };
        match loss {
            Loss::Everything => state.cluster.forget(),
            Loss::Index => drop(state.cluster.indices.remove("product")),
            Loss::Mark => drop(state.cluster.indices.remove("tidegate-marks")),
            Loss::Usurped => usurp(&mut state, "2"),
            Loss::Document => usurp(&mut state, "77"),
        }
    }
    let second = step(&[(3, Some("c")), (2, Some("d"))]);
    let frontier = second.frontier.unwrap_or_default();
    running.send(second);
    if matches!(loss, Loss::Document) {
        // Nothing tells of a document of somebody else's until the whole content is compared.
        running.wait(frontier);
        running.end().expect("nothing fails");
        assert_eq!(target.server.state().cluster.indices["product"].visible.len(), 4);
        let mut restarted = model.lock().expect("no panic").restarted();
        let running = Running::start(target.sink_with(SHORT), Settings::default());
        running.send(restarted.step(&[(1, Some("e"))]));
        running.wait(restarted.frontier());
        running.end().expect("nothing fails");
        assert_eq!(target.found(), restarted.content());
        return;
    }
    if !readable {
        let result = running.end();
        assert!(matches!(result, Err(SinkError::Operator(_))), "{loss:?}: {result:?}");
        return;
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while target.read().is_none_or(|(at, _)| at < Some(frontier)) {
        assert!(Instant::now() < deadline, "{loss:?}: {:?}", running.progress.error());
        std::thread::sleep(Duration::from_millis(5));
    }
    let expected = || model.lock().expect("no panic").content();
    assert_eq!(target.read().map(|(_, content)| content), Some(expected()), "{loss:?}");
    running.send(step(&[(1, None), (2, Some("f"))]));
    running.end().expect("nothing fails");
    assert_eq!(target.read().map(|(_, content)| content), Some(expected()), "{loss:?}");
}

#[test]
fn who_writes_is_asked() {
    let cases = [
        ("user = 'tide'\npassword = 'hunter2'", "Basic dGlkZTpodW50ZXIy"),
        ("api_key = 'aHVudGVyMg=='", "ApiKey aHVudGVyMg=="),
    ];
    for (lines, expected) in cases {
        let target = SearchTarget::new();
        target.server.state().authorization = Some(expected.to_string());
        begun(&target, lines, &[(1, Some("a"))]);
        assert_eq!(target.found(), content(&[(1, "a")]));
        for lines in ["", "user = 'tide'\npassword = 'wrong'"] {
            let refused = target.sink_with(lines).open();
            assert!(!format!("{refused:?}").contains("wrong"), "{refused:?}");
            operator(refused, "privileges");
        }
    }
}

#[test]
fn tls_trusts_whom_it_was_told_to() {
    let (ours, strangers) = (Certificates::new("DNS:localhost"), Certificates::new("DNS:localhost"));
    let chain = CertificateDer::pem_file_iter(ours.path("server.crt")).expect("our own file");
    let chain = chain.collect::<Result<Vec<_>, _>>().expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(ours.path("server.key")).expect("our own file");
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a key that fits");
    let server = SearchServer::start_with(Product::OpenSearch, Some(TlsAcceptor::from(Arc::new(config))));
    let target = SearchTarget::of(server);
    let port = target.server.port();
    let lines = |host: &str, ca: &str| format!("url = 'https://{host}:{port}'\nca = '{ca}'");
    let (ca, wrong) = (ours.path("ca.crt"), strangers.path("ca.crt"));
    begun(&target, &lines("localhost", &ca.display().to_string()), &[(1, Some("a"))]);
    assert_eq!(target.found(), content(&[(1, "a")]));
    operator(target.sink_with(&lines("localhost", &wrong.display().to_string())).open(), "is not trusted");
    operator(target.sink_with(&lines("127.0.0.1", &ca.display().to_string())).open(), "is not trusted");
    let missing = target.sink_with(&lines("localhost", "/no/such/file")).open();
    assert!(matches!(&missing, Err(SinkError::Config(text)) if text.contains("/no/such/file")), "{missing:?}");
}

/// A mapping that only lacks something is added to, and then all is indexed again; one that contradicts is an
/// operator's business.
#[test]
fn an_index_of_another_mapping() {
    let target = SearchTarget::new();
    let rows = [(1, Some("a")), (2, Some("b"))];
    begun(&target, "", &rows);
    let before = target.written();
    let more = "mapping = { properties = { name = { type = 'text' }, old = { type = 'alias', path = 'name' } } }";
    let mut sink = target.sink_with(more);
    assert_eq!(sink.open().expect("the stub answers"), None, "what is there is not what it would be");
    sink.apply(&delivery(20, true, &rows)).expect("taken");
    assert_eq!(target.written() - before, 2);
    let state = target.server.state();
    assert_eq!(state.cluster.indices["product"].mapping["properties"]["old"]["type"], "alias");
    drop(state);
    let other = "mapping = { properties = { name = { type = 'keyword' } } }";
    operator(target.sink_with(other).open(), "cannot be changed from type [text] to [keyword]");
}

#[test]
fn an_alias_stands_for_its_index() {
    let target = SearchTarget::new();
    {
        let mut state = target.server.state();
        for name in ["blue", "green"] {
            let settings = json!({"refresh_interval": "-1"});
            state.cluster.create(name, &settings, json!({})).expect("an index");
        }
        state.cluster.aliases.insert("product".into(), vec!["blue".into()]);
    }
    let sink = begun(&target, "", &[(1, Some("a"))]);
    assert_eq!(target.server.state().cluster.indices["blue"].documents.len(), 1);
    drop(sink);
    // It is switched over: another index, which has nothing of what was acknowledged.
    target.server.state().cluster.aliases.insert("product".into(), vec!["green".into()]);
    let mut sink = target.sink();
    assert_eq!(sink.open().expect("the stub answers"), None);
    target.server.state().cluster.aliases.insert("product".into(), vec!["green".into(), "blue".into()]);
    operator(sink.open(), "stands for several indexes");
}

#[test]
fn an_index_that_forgets_at_once_is_refused() {
    let target = SearchTarget::new();
    operator(target.sink_with("settings = { 'index.gc_deletes' = '0s' }").open(), "index.gc_deletes");
}

/// Puts and deletes at random, while requests and items fail at random and requests arrive late: in the end the index
/// has what the view has.
#[test]
fn random_failures_change_nothing() {
    let mut random = Random::seeded(31);
    let target = SearchTarget::new();
    let lines = "bulk_bytes = '2KiB'\nconcurrency = 3\nsettings = { gc_deletes = '4s' }\ncommit_interval = '2ms'";
    let model = Arc::new(Mutex::new(Model::new()));
    let read = model.clone();
    let content: ContentReader = Box::new(move |_| Some(read.lock().expect("no panic").whole()));
    let running = Running::start(target.sink_with(lines), Settings { content: Some(content), ..Settings::default() });
    let first = model.lock().expect("no panic").step(&[(1, Some("a"))]);
    let frontier = first.frontier.unwrap_or_default();
    running.send(first);
    running.wait(frontier);
    let mut chance = Random::seeded(32);
    target.server.fail_items(move |_, _| {
        (chance.below(300) == 0).then_some((429, "es_rejected_execution_exception", "queue full"))
    });
    let mut written = 0;
    // Until there was enough of both.
    while written < 10_000 || running.progress.retries.load(Ordering::Relaxed) <= 3 {
        let count = random.below(120);
        written += count;
        let names: Vec<(i64, Option<String>)> = (0..count)
            .map(|_| (random.below(700) as i64, (random.below(3) > 0).then(|| format!("n{}", random.below(50)))))
            .collect();
        let writes: Vec<(i64, Option<&str>)> = names.iter().map(|(id, name)| (*id, name.as_deref())).collect();
        let step = model.lock().expect("no panic").step(&writes);
        running.send(step);
        if random.below(6) == 0 && target.server.state().faults.is_empty() {
            target.server.fail([match random.below(5) {
                0 => Fault::CutBefore,
                1 => Fault::CutAnswer,
                2 => Fault::Hold,
                3 => Fault::Slow(Duration::from_millis(random.below(20))),
                _ => Fault::Refuse(429, None),
            }]);
        }
        if random.below(20) == 0 {
            target.server.release();
        }
        std::thread::sleep(Duration::from_millis(random.below(8)));
    }
    let frontier = model.lock().expect("no panic").frontier();
    running.wait(frontier);
    target.server.release();
    target.server.state().faults.clear();
    let last = model.lock().expect("no panic").step(&[]);
    running.send(last);
    running.end().expect("nothing fails");
    target.server.state().cluster.indices.get_mut("product").expect("an index").refresh();
    assert_eq!(target.found(), model.lock().expect("no panic").content());
}

#[test]
fn refuses_what_is_configured_wrong() {
    let cases = [
        ("index = 'Product'", "upper-case"),
        ("key = ['ident']", "no column ident"),
        ("hosts = ['a']", "unknown field"),
        ("user = 'u'", "go together"),
        ("mapping = { properties = { nam = { type = 'text' } } }", "no column nam"),
        ("mapping = '/no/such/file.json'", "cannot read /no/such/file.json"),
        ("mapping = 7", "a table, or the path"),
        ("settings = { properties = 1 }\nurl2 = ''", "unknown field"),
    ];
    for (lines, expected) in cases {
        let text = format!("view = 'product'\nurl = 'http://localhost'\n{lines}");
        let error = match toml::from_str::<Config>(&text) {
            Err(error) => error.to_string(),
            Ok(config) => match OpenSearch::new("search", config, view(true)) {
                Err(error) => error.to_string(),
                Ok(_) => "accepted".to_string(),
            },
        };
        assert!(error.contains(expected), "{lines}\ngives: {error}");
    }
}
