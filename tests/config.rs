//! Configurations that nobody meant: each is read or refused, and what is refused is shown where it stands.

use crate::support::allocation::{allowance, most_held};
use crate::support::random::{Random, mutate, mutations, seed};
use std::path::Path;
use tidegate::config::parse;

/// Every section, and every way a value is written.
const CONFIG: &str = r#"
[sources.shop]
type = "postgres"
url = { env = "DATABASE_URL" }
tables = ["customers", "sales.orders"]   # the schema is `public` if there is none
create = true

[sources.web]
type = "jsonl"
path = "clicks.jsonl"
follow = true
relation = "clicks"
schema = { id = "bigint not null", "user id" = "numeric(12,2)", at = "timestamptz not null" }
event_time = "at"
lateness = "5s"

[sinks.pages]
type = "jsonl"
view = "product_page"
path = "-"

[sinks.cache]
type = "redis"
url = { file = 'secret' }
view = "sales"
key = "sale:{id}"

[sinks."search index"]
type = "tantivy"
view = "sales"
path = """index"""

[settings]
workers = 2
store = "none"
refresh = "10ms"
in_flight_bytes = "1MiB"
on_error = "skip"
"#;

#[test]
fn mutated_configurations_are_read_or_refused_where_they_stand() {
    let directory = Path::new("shop");
    if let Err(errors) = parse(directory, CONFIG) {
        panic!("{errors:?}");
    }
    // Of single sections most mutations are understood, so that what comes after the syntax is reached too.
    let sections: Vec<&str> = CONFIG.split("\n\n").chain([CONFIG]).collect();
    let mut random = Random::new(seed(15));
    let (mut read, mut refused) = (0, 0);
    for _ in 0..mutations() {
        let section = *random.pick(&sections);
        let text = String::from_utf8_lossy(&mutate(&mut random, section.as_bytes())).into_owned();
        let (parsed, held) = most_held(|| parse(directory, &text));
        assert!(held <= allowance(text.len()), "{held} bytes are held for\n{text}");
        let Err(errors) = parsed else {
            read += 1;
            continue;
        };
        refused += 1;
        assert!(!errors.is_empty(), "refused without a reason:\n{text}");
        for error in errors.iter().map(ToString::to_string) {
            let place = error.strip_prefix("shop/tidegate.toml:").unwrap_or_else(|| panic!("{error}\nof\n{text}"));
            let mut numbers = place.split(':').map(|number| number.parse::<usize>());
            let (Some(Ok(line)), Some(Ok(column))) = (numbers.next(), numbers.next()) else {
                panic!("no place in {error}\nof\n{text}");
            };
            assert!((1..=text.lines().count() + 1).contains(&line) && column >= 1, "{error}\nof\n{text}");
        }
    }
    assert!(read > 0 && refused > 0, "{read} read, {refused} refused");
}
