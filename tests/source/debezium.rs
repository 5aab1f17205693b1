//! Debezium's envelopes as tables, through the program.

use crate::support::feed::Feed;
use crate::support::program::ViewSet;

/// As its Postgres connector writes them; the last update of an order that is not there any more, and one from elsewhere.
const ORDERS: &[&str] = &[
    r#"{"before":null,"after":{"id":1,"customer":7,"total":"10.50","placed":1767225600000000,"day":20454,"doc":"{\"a\": 1}"},"source":{"table":"orders"},"op":"r","ts_ms":1}"#,
    r#"{"before":null,"after":{"id":2,"customer":7,"total":"1","placed":1767225600000001,"day":20455,"doc":null},"op":"c"}"#,
    r#"{"schema":{"type":"struct"},"payload":{"before":null,"after":{"id":3,"customer":8,"total":"2","placed":0,"day":0,"doc":null},"op":"c"}}"#,
    r#"{"before":{"id":2},"after":{"id":2,"customer":8,"total":"1.25","placed":1767225600000001,"day":20455,"doc":null},"op":"u"}"#,
    r#"{"before":{"id":3,"customer":0},"after":null,"op":"d"}"#,
    "null",
    r#"{"before":null,"after":{"id":1,"customer":9,"total":"5","placed":0,"day":0,"doc":"__debezium_unavailable_value"},"op":"u"}"#,
    r#"{"id": 4}"#,
];

fn run(records: &[&str], view: &str) -> (Vec<String>, usize) {
    let config = "[sources.orders]\ntype = 'jsonl'\npath = 'orders.jsonl'\nformat = 'debezium'\nkey = ['id']\n\
                  schema = { id = 'bigint', customer = 'int', total = 'numeric', placed = 'timestamp', day = 'date', doc = 'jsonb' }\n\
                  [sinks.out]\ntype = 'jsonl'\nview = 'shown'\npath = 'out.jsonl'\n\
                  [sinks.errors]\ntype = 'jsonl'\nview = 'orders_errors'\npath = 'errors.jsonl'\n\
                  [settings]\non_error = 'skip'\n";
    let set = ViewSet::new(config, &format!("CREATE VIEW shown AS {view};"));
    set.write("orders.jsonl", &records.join("\n"));
    let (code, _, errors) = set.run(&["run", "--once"], "");
    assert_eq!(code, 0, "{errors}");
    let rows = |name: &str| Feed::read(&set.path().join(name)).at(None);
    (rows("out.jsonl").into_keys().collect(), rows("errors.jsonl").len())
}

#[test]
fn changes_are_the_rows_of_a_table() {
    let (rows, errors) = run(ORDERS, "SELECT * FROM orders");
    let expected = [
        r#"{"id": 1, "day": "2026-01-01", "doc": {"a": 1}, "total": 10.50, "placed": "2026-01-01T00:00:00", "customer": 7}"#,
        r#"{"id": 2, "day": "2026-01-02", "doc": null, "total": 1.25, "placed": "2026-01-01T00:00:00.000001", "customer": 8}"#,
    ];
    assert_eq!((rows, errors), (expected.map(str::to_owned).to_vec(), 2));
    let (rows, _) = run(ORDERS, "SELECT customer, sum(total) AS total FROM orders GROUP BY customer");
    assert_eq!(rows, [r#"{"total": 1.25, "customer": 8}"#, r#"{"total": 10.50, "customer": 7}"#]);
}

#[test]
fn a_truncated_table_is_empty() {
    let records = [ORDERS, &[r#"{"op": "t", "before": null, "after": null}"#, ORDERS[2]]].concat();
    let (rows, _) = run(&records, "SELECT id FROM orders");
    assert_eq!(rows, [r#"{"id": 3}"#]);
}
