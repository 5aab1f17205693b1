//! What only the index has: searching, field mappings, other people's directories.

use super::contract::{Running, open};
use super::model::{Model, Random, view};
use super::target::{TantivyTarget, Target};
use std::collections::BTreeMap;
use tidegate::sink::runner::Settings;
use tidegate::sink::tantivy::{Config, Search, Tantivy};
use tidegate::sink::{Sink, SinkError};

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
