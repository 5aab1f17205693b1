//! Configurations as written against what is made of them.

use super::*;
use std::time::Duration;

const GOOD: &str = r#"
[sources.shop]
type = "postgres"
url = { env = "DATABASE_URL" }
tables = ["customers", "sales.orders"]
create = true

[sources.web]
type = "jsonl"
path = "clicks.jsonl"
follow = true
relation = "clicks"
schema = { id = "bigint not null", at = "timestamptz not null" }
event_time = "at"
lateness = "5s"

[sinks.pages]
type = "jsonl"
view = "product_page"
path = "-"

[settings]
workers = 2
store = "none"
store_max_bytes = "1GiB"
refresh = "0"
in_flight_bytes = "1MiB"
on_error = "skip"
"#;

fn errors(text: &str) -> String {
    let errors = parse(Path::new("shop"), text).expect_err("the configuration is wrong");
    errors.iter().map(|error| format!("{error}\n")).collect()
}

#[test]
fn the_example_of_the_design() {
    let config = parse(Path::new("shop"), GOOD).unwrap_or_else(|errors| panic!("{errors:?}"));
    let names: Vec<&str> = config.sources.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["shop", "web"]);
    let SourceConfig::Jsonl(web) = &config.sources[1].1 else { panic!("web is a jsonl source") };
    assert_eq!(web.path, Path::new("shop/clicks.jsonl"));
    let SinkConfig::Jsonl(pages) = &config.sinks[0].config else { panic!("pages is a jsonl sink") };
    assert_eq!((pages.view.as_str(), pages.path.as_path()), ("product_page", Path::new("-")));
    let settings = Settings {
        workers: 2,
        refresh: Duration::ZERO,
        in_flight_bytes: 1 << 20,
        on_error: Some(OnError::Skip),
        store: None,
        store_max_bytes: Some(1 << 30),
    };
    assert_eq!(config.settings, settings);
}

#[test]
fn unknown_keys_are_located_with_a_suggestion() {
    let written = "[settings]\nworkers = 1\nrefesh = \"0\"\n";
    let shown = "shop/tidegate.toml:3:1: unknown key `refesh`\n  |\n3 | refesh = \"0\"\n  | ^^^^^^\n  help: did you mean `refresh`?\n";
    assert_eq!(errors(written), shown);
    assert!(errors(&GOOD.replace("relation =", "relaton =")).contains("did you mean `relation`?"));
    assert!(errors(&GOOD.replace("view =", "veiw =")).contains("did you mean `view`?"));
    assert!(errors(&GOOD.replace("view = \"product_page\"", "")).contains("missing field `view`"));
    assert!(errors("[source.a]\n").contains("did you mean `sources`?"));
    assert!(errors("[sinks.a]\ntype = 'reddis'\nview = 'v'\n").contains("did you mean `redis`?"));
}

#[test]
fn values_are_checked_where_they_stand() {
    let cases = [
        ("[settings]\nworkers = 0\n", "2:11: `workers` is expected to be 1 to 256"),
        ("[settings]\nrefresh = \"10\"\n", "2:11: `10` is not a length of time"),
        ("[settings]\nin_flight_bytes = \"much\"\n", "2:19: `much` is not a number of bytes"),
        ("[sources]\na = 1\n", "2:1: `a` is expected to be a table"),
        ("[sources.a]\ntype = 1\n", "2:8: `type` is expected to be a string"),
        (
            "[settings]\n[sources.a]\ntype = \"http\"\nlisten = \"0.0.0.0:80\"\nschema = { a = \"text\" }\n",
            "2:10: 0.0.0.0:80 can be reached from elsewhere",
        ),
        ("[sources.a\n", "1:"),
    ];
    for (written, expected) in cases {
        let shown = errors(written);
        assert!(shown.contains(expected), "{written}\n{shown}");
    }
}

#[test]
fn all_errors_are_told_at_once() {
    let shown = errors("[settings]\nworkers = 0\n[sinks.a]\n[sources.b]\n");
    assert_eq!(shown.matches("tidegate.toml:").count(), 3, "{shown}");
}
