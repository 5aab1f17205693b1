//! What only the index has: searching, field mappings, other people's directories.

use super::contract::{Running, open};
use super::model::{Model, Random, row, shown, view};
use super::target::{TantivyTarget, Target};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tantivy::collector::DocSetCollector;
use tantivy::indexer::NoMergePolicy;
use tantivy::query::TermQuery;
use tantivy::schema::IndexRecordOption;
use tantivy::{Index, IndexWriter, TantivyDocument, Term};
use tidegate::sink::runner::Settings;
use tidegate::sink::tantivy::{Config, Search, Tantivy};
use tidegate::sink::{Delivery, KeyedChange, Mark, Owner, Sink, SinkError};
use tidegate::value::{Datum, Row};

#[test]
fn finds_what_is_there() {
    let target = TantivyTarget::new();
    let absent = Search::open(&target.path()).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(absent.starts_with("there is no index in ") && absent.ends_with(" yet"), "{absent}");
    let mut model = Model::new();
    let running = Running::start(target.sink(), Settings::default());
    running.send(model.step(&[(1, Some("red running shoes")), (2, Some("Blue shoes")), (3, Some("red hat"))]));
    running.wait(model.frontier());
    let search = target.search().expect("an index");
    let find = |query: &str| -> Vec<String> {
        let mut keys: Vec<String> = search.search(query, 10).expect("a query").into_iter().map(|hit| hit.key).collect();
        keys.sort();
        keys
    };
    assert_eq!(find("shoes"), ["1", "2"]);
    assert_eq!(find("\"running shoes\""), ["1"]);
    assert_eq!(find("+red -hat"), ["1"]);
    assert_eq!(find("id:[2 TO 3]"), ["2", "3"]);
    assert_eq!(find("nothing"), Vec::<String>::new());
    running.send(model.step(&[(1, None), (2, Some("blue boots"))]));
    running.wait(model.frontier());
    assert_eq!(find("shoes"), Vec::<String>::new());
    assert_eq!(find("blue"), ["2"]);
    assert_eq!(search.rows(), Ok(2));
    assert!(search.search("name:(", 10).is_err());
    running.end().expect("nothing fails");
}

/// Whatever was written, every word finds the rows of the view that have it, and no others.
#[test]
fn finds_what_the_view_has() {
    const WORDS: [&str; 4] = ["ebb", "flood", "neap", "spring"];
    let mut random = Random::seeded(22);
    let target = TantivyTarget::new();
    let mut model = Model::new();
    let running = Running::start(target.sink(), Settings::default());
    for _ in 0..30 {
        let mut name = || {
            let words = (0..random.below(3)).map(|_| WORDS[random.below(4) as usize]);
            words.collect::<Vec<_>>().join(" ")
        };
        let names: Vec<String> = (0..20).map(|_| name()).collect();
        let writes: Vec<(i64, Option<&str>)> = names
            .iter()
            .map(|name| (random.below(50) as i64, (random.below(4) > 0).then_some(name.as_str())))
            .collect();
        running.send(model.step(&writes));
        running.wait(model.frontier());
        let search = target.search().expect("an index");
        for word in WORDS {
            let found = search.search(word, 1_000).expect("a query");
            let found: BTreeMap<String, String> = found.into_iter().map(|hit| (hit.key, hit.row)).collect();
            let rows = model.content().into_iter().filter(|(_, row)| row.contains(word));
            assert_eq!(found, rows.map(|(id, row)| (id.to_string(), row)).collect(), "{word}");
        }
    }
    running.end().expect("nothing fails");
}

#[test]
fn refuses_what_is_configured_wrong() {
    let cases = [
        ("[fields.nam]\ntype = 'text'", "no column nam"),
        ("[fields.name]\ntype = 'i64'", "cannot be indexed as i64"),
        ("[fields.name]\ntype = 'words'", "unknown variant"),
        ("[fields.name]\ntokenizer = 'klingon'", "no tokenizer klingon"),
        ("[fields.id]\ntokenizer = 'default'", "only text has a tokenizer"),
        ("[fields.name]\nstore = true", "unknown field"),
        ("commit_interval = '1 fortnight'", "not a duration"),
        ("key = ['ident']", "no column ident"),
    ];
    for (config, expected) in cases {
        let error = match toml::from_str::<Config>(&format!("view = 'product'\npath = 'index'\n{config}")) {
            Err(error) => error.to_string(),
            Ok(config) => match Tantivy::new("search", config, view(true)) {
                Err(error) => error.to_string(),
                Ok(_) => "accepted".to_string(),
            },
        };
        assert!(error.contains(expected), "{config}\ngives: {error}");
    }
}

#[test]
fn refuses_an_index_of_other_fields() {
    let target = TantivyTarget::new();
    target.sink().open().expect("the directory can be made");
    let mut config = target.config();
    config.fields.insert("name".into(), toml::from_str("type = 'string'").expect("well-formed"));
    let mut sink = Tantivy::new("search", config, view(true)).expect("a valid configuration");
    let error = sink.open().expect_err("the index has other fields");
    assert!(matches!(&error, SinkError::Operator(text) if text.contains("say `deploy = \"swap\"`")), "{error}");
}

/// One index, one writer: the second sink waits its turn and says why.
#[test]
fn waits_for_the_lock() {
    let target = TantivyTarget::new();
    let (mut one, mut two) = (target.sink(), target.sink());
    one.open().expect("the directory can be made");
    assert!(matches!(two.open(), Err(SinkError::Transient(_))));
    drop(one);
    open(two.as_mut());
}

/// A run's first change is made although what was there is merged meanwhile. In tantivy 0.27 a writer's first operation has the number of
/// the last commit, by which a merge tells which deletions are in it already.
#[test]
fn a_runs_first_change_is_made() {
    const KEYS: i64 = 30;
    let target = TantivyTarget::new();
    let write = |sink: &mut dyn Sink, names: &[(i64, &str)], frontier| {
        let put = |(id, name): &(i64, &str)| (Row::pack(&[Datum::Int8(*id)]), KeyedChange::Put(row(*id, name)));
        let keyed = names.iter().map(put).collect();
        let mark = Mark { owner: Owner::Store("s".into()), view: "v".into(), frontier: Some(frontier) };
        let delivery = Delivery { keyed, changes: Vec::new(), frontier: Some(frontier), first: false, mark };
        sink.apply(&delivery).expect("a commit");
    };
    let mut sink = target.sink();
    sink.open().expect("an index");
    write(&mut *sink, &(0..KEYS).map(|id| (id, "old")).collect::<Vec<_>>(), 1);
    drop(sink);
    // Three documents a segment, then one of each of them anew, all in one: that has no deletions, and the others those of the last commit.
    let index = Index::open_in_dir(target.path()).expect("an index");
    let key = index.schema().get_field("_key").expect("a key");
    let searcher = index.reader().expect("a reader").searcher();
    let mut writer: IndexWriter = index.writer_with_num_threads(1, 15_000_000).expect("a writer");
    writer.set_merge_policy(Box::new(NoMergePolicy));
    let segments = (0..KEYS).step_by(3).map(|id| (id..id + 3).collect::<Vec<i64>>());
    for ids in segments.chain([(1..KEYS).step_by(3).collect()]) {
        for id in ids {
            let term = Term::from_field_text(key, &id.to_string());
            let found = searcher.search(&TermQuery::new(term.clone(), IndexRecordOption::Basic), &DocSetCollector);
            let address = *found.expect("a search").iter().next().expect("a document");
            writer.delete_term(term);
            writer.add_document(searcher.doc::<TantivyDocument>(address).expect("a document")).expect("added");
        }
        writer.commit().expect("a commit");
    }
    drop((writer, searcher));
    let segments = || index.load_metas().expect("an index").segments.len();
    assert_eq!(segments(), KEYS as usize / 3 + 1);
    let mut sink = target.sink();
    sink.open().expect("an index");
    write(&mut *sink, &[(0, "new")], 2);
    let deadline = Instant::now() + Duration::from_secs(10);
    while segments() > 2 {
        assert!(Instant::now() < deadline, "nothing is merged");
        std::thread::sleep(Duration::from_millis(5));
    }
    let (rows, _) = target.search().and_then(|search| search.content().ok()).expect("an index");
    let of_key: Vec<&str> = rows.iter().filter(|(id, _)| id == "0").map(|(_, row)| row.as_str()).collect();
    assert_eq!((rows.len(), of_key), (KEYS as usize, vec![shown(&row(0, "new")).as_str()]));
}
