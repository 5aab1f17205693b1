//! One change of a nested document among few and among many: the cost follows the change, not how many documents there are.

use crate::Scale;
use crate::engine::{Engine, Table};
use crate::measure::{Stopwatch, in_child, medians, settle};
use crate::report::{Aim, Report};
use tidegate::value::{Datum, Diff, Row, Type};

/// A product with its category, its variants as a sorted array, and its reviews' statistics.
const VIEW: &str = "CREATE VIEW shown AS
SELECT p.id, jsonb_build_object(
    'name', p.name,
    'category', (SELECT jsonb_build_object('id', c.id, 'name', c.name) FROM categories c WHERE c.id = p.category),
    'variants', (SELECT jsonb_agg(jsonb_build_object('size', v.size, 'stock', v.stock) ORDER BY v.size)
                 FROM variants v WHERE v.product = p.id),
    'reviews', (SELECT jsonb_build_object('count', count(*), 'stars', round(avg(r.stars), 2))
                FROM reviews r WHERE r.product = p.id)) AS document
FROM products p";

/// Of each product.
const VARIANTS: i64 = 4;
const REVIEWS: i64 = 3;
/// Products loaded at once.
const CHUNK: i64 = 10_000;
const CHANGES: i64 = 1000;

/// First load and the merges it leaves, CPU seconds; CPU seconds and wall clock seconds of all changes.
type Figures = [f64; 3];

/// Runs both sizes and reports.
pub fn run(scale: Scale, report: &mut Report) {
    report.section("One change of a nested document (baseline: the same among 10,000 documents)");
    let (few, many) = (10_000, scale.pick(100_000, 1_000_000));
    let runs = scale.pick(1, 3);
    let measured = |documents: i64| -> Figures {
        let run = |_| in_child(&["documents", &documents.to_string()], false);
        medians(&(0..runs).map(run).collect::<Vec<Figures>>())
    };
    let (small, large) = (measured(few), measured(many));
    let each = |figures: &Figures, figure: usize| figures[figure] * 1e6 / CHANGES as f64;
    let among = |what: &str| format!("{what}, among {many} documents");
    report.ratio(&among("CPU µs for a variant's stock"), each(&large, 1), each(&small, 1), Aim::Most(1.5));
    report.ratio(&among("µs on the clock"), each(&large, 2), each(&small, 2), Aim::None);
    let rate = |documents: i64, figures: &Figures| documents as f64 / figures[0];
    report.ratio("first load, documents per CPU second", rate(many, &large), rate(few, &small), Aim::None);
}

/// Measures with this many documents.
pub fn measure(subject: &[String]) -> Figures {
    let [documents] = subject else { panic!("a number of documents") };
    let documents: i64 = documents.parse().expect("a number");
    let table = |name, columns, key| Table { name, columns, key, append_only: false };
    let (int, text) = (Type::Int8, Type::Text);
    let tables = vec![
        table("products", vec![("id", int.clone()), ("name", text.clone()), ("category", int.clone())], vec![0]),
        table("categories", vec![("id", int.clone()), ("name", text)], vec![0]),
        table("variants", vec![("product", int.clone()), ("size", int.clone()), ("stock", int.clone())], vec![0, 1]),
        table("reviews", vec![("id", int.clone()), ("product", int.clone()), ("stars", int)], vec![0]),
    ];
    let mut engine = Engine::start(tables, VIEW);
    let clock = Stopwatch::start();
    for from in (0..documents).step_by(CHUNK as usize) {
        engine.send(load(from, documents.min(from + CHUNK)), true);
    }
    // The first load is over with the first tick that is not part of it.
    engine.send(Vec::new(), false);
    let shown: Diff = engine.catch_up().iter().map(|(_, _, diff)| diff).sum();
    assert_eq!(shown, documents);
    settle();
    let load = clock.cost().cpu;
    let clock = Stopwatch::start();
    for change in 0..CHANGES {
        let product = change * 7919 % documents;
        let variant = |stock| row([product, 1, stock]);
        let stock = product % 50;
        let changes = engine.put(vec![vec![], vec![], vec![(variant(stock), -1), (variant(stock + 1000), 1)], vec![]]);
        assert_eq!(changes.len(), 2, "one document changes");
    }
    let cost = clock.cost();
    [load, cost.cpu, cost.wall]
}

fn row<const N: usize>(values: [i64; N]) -> Row {
    Row::pack(&values.map(Datum::Int8))
}

/// Some products with what belongs to them; the categories with the first.
fn load(from: i64, below: i64) -> Vec<Vec<(Row, Diff)>> {
    let named = |id: i64, rest: &[i64]| {
        let rest = rest.iter().map(|value| Datum::Int8(*value));
        Row::pack(&[Datum::Int8(id), Datum::text(format!("name of {id}"))].into_iter().chain(rest).collect::<Vec<_>>())
    };
    let products = from..below;
    let variant = |product| (0..VARIANTS).map(move |size| row([product, size, product % 50]));
    let review = |product| (0..REVIEWS).map(move |n| row([product * REVIEWS + n, product, 1 + (product + n) % 5]));
    let categories = if from == 0 { 0..100 } else { 0..0 };
    let once = |rows: Vec<Row>| rows.into_iter().map(|row| (row, 1)).collect::<Vec<_>>();
    vec![
        once(products.clone().map(|id| named(id, &[id % 100])).collect()),
        once(categories.map(|id| named(id, &[])).collect()),
        once(products.clone().flat_map(variant).collect()),
        once(products.flat_map(review).collect()),
    ]
}
