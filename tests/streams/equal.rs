//! What gives up settled groups shows at every frontier what holds everything for ever does.

use super::content::{compare, content_before, contents};
use super::run::Views;
use super::shrink::must_hold;
use super::world::World;
use crate::support::random::{Random, seed, setting};

/// Views over streams alone: nothing changes what has settled, so nobody can tell that it was given up.
pub(super) const VIEWS: &[&str] = &[
    "CREATE VIEW v AS SELECT window_start, window_end, key, count(*) AS n, sum(value), min(value), max(value), avg(value)
     FROM a, tumble(at, interval '100 microseconds') GROUP BY window_start, window_end, key",
    "CREATE VIEW v AS SELECT window_end, count(*) AS n, count(DISTINCT value) AS d, string_agg(value::text, ',' ORDER BY id) AS s,
         sum(DISTINCT value) AS sd, max(id::text) AS m
     FROM a, hop(at, interval '40 microseconds', interval '100 microseconds') GROUP BY window_end",
    "CREATE VIEW v AS SELECT date_bin(interval '70 microseconds', at, timestamptz '1970-01-01') AS bin, key, sum(value)
     FROM a WHERE value > 1 GROUP BY 1, 2 HAVING count(*) > 1",
    "CREATE VIEW v AS SELECT date_trunc('milliseconds', at) + interval '1 millisecond' AS until, array_agg(id ORDER BY id) AS ids
     FROM a GROUP BY 1",
    "CREATE VIEW v AS SELECT window_end, value * 1.0 AS form, count(*) AS n
     FROM (SELECT at, value FROM a UNION ALL SELECT at, value / 1.00 FROM b) s, tumble(at, interval '90 microseconds') GROUP BY 1, 2",
    "CREATE VIEW v AS SELECT DISTINCT ON (window_end, key) window_end, key, id, value
     FROM a, tumble(at, interval '200 microseconds') ORDER BY window_end, key, value DESC, id",
    "CREATE VIEW v AS SELECT DISTINCT window_start, value FROM a, tumble(at, interval '50 microseconds')",
    "CREATE VIEW v AS SELECT * FROM (
         SELECT window_end, value, count(*) AS n,
                row_number() OVER (PARTITION BY window_end ORDER BY count(*) DESC, value) AS place
         FROM a, tumble(at, interval '150 microseconds') GROUP BY window_end, value) s WHERE place <= 2",
    "CREATE VIEW v AS SELECT id, window_end, lag(value) OVER (PARTITION BY window_end, key ORDER BY at, id) AS before
     FROM a, tumble(at, interval '120 microseconds')",
    "CREATE VIEW counts AS SELECT window_start, window_end, key, count(*) AS n
     FROM a, tumble(at, interval '50 microseconds') GROUP BY window_start, window_end, key;
     CREATE VIEW v AS SELECT w.window_end, max(n) AS most, sum(n) AS all_of_them
     FROM counts, tumble(counts.window_start, interval '200 microseconds') AS w GROUP BY w.window_end",
    "CREATE VIEW v AS SELECT a.id AS a, b.id AS b, b.value FROM a JOIN b
         ON a.key = b.key AND b.at BETWEEN a.at - interval '30 microseconds' AND a.at + interval '80 microseconds'",
    "CREATE VIEW v AS SELECT a.id AS a, b.id AS b FROM a LEFT JOIN b
         ON a.key = b.key AND b.at > a.at AND b.at < a.at + interval '60 microseconds' AND a.value <> b.value",
    "CREATE VIEW v AS SELECT a.id AS a, b.id AS b FROM a RIGHT JOIN b
         ON a.key = b.key AND a.at >= b.at - interval '40 microseconds' AND a.at <= b.at - interval '10 microseconds'",
    "CREATE VIEW v AS SELECT a.id AS a, b.id AS b FROM a FULL JOIN b ON a.key = b.key AND a.at = b.at",
    "CREATE VIEW v AS SELECT a.id AS a FROM a WHERE EXISTS (SELECT FROM b
         WHERE b.key = a.key AND b.at BETWEEN a.at AND a.at + interval '50 microseconds')",
    "CREATE VIEW v AS SELECT a.id AS a FROM a WHERE NOT EXISTS (SELECT FROM b
         WHERE b.key = a.key AND b.at BETWEEN a.at AND a.at + interval '50 microseconds')",
    "CREATE VIEW v AS SELECT w.window_end, a.key, count(*) AS n FROM a JOIN b
         ON a.key = b.key AND b.at BETWEEN a.at AND a.at + interval '100 microseconds',
         tumble(a.at, interval '300 microseconds') AS w GROUP BY w.window_end, a.key",
    "CREATE VIEW na AS SELECT window_end, key, count(*) AS n FROM a, tumble(at, interval '100 microseconds') GROUP BY 1, 2;
     CREATE VIEW nb AS SELECT window_end, key, count(*) AS n FROM b, tumble(at, interval '100 microseconds') GROUP BY 1, 2;
     CREATE VIEW v AS SELECT key, window_end, na.n AS a, nb.n AS b FROM na FULL JOIN nb USING (key, window_end)",
    "CREATE VIEW best AS SELECT window_end, max(value) AS value
     FROM a, tumble(at, interval '100 microseconds') GROUP BY window_end;
     CREATE VIEW v AS SELECT a.id, best.value FROM a, best
     WHERE a.value = best.value AND a.at >= best.window_end - interval '100 microseconds' AND a.at < best.window_end",
    "CREATE VIEW n AS SELECT window_end, key, count(*) AS n FROM a, tumble(at, interval '150 microseconds') GROUP BY 1, 2;
     CREATE VIEW v AS SELECT n.window_end, n.key, n.n FROM n
     JOIN (SELECT window_end, max(n) AS n FROM n GROUP BY 1) AS most ON n.window_end = most.window_end AND n.n >= most.n",
    "CREATE VIEW n AS SELECT window_end, key, value, count(*) AS n
         FROM a, tumble(at, interval '300 microseconds') GROUP BY 1, 2, 3;
     CREATE VIEW v AS SELECT n.window_end, n.key, n.value, most.n FROM n
     LEFT JOIN (SELECT window_end, value, max(n) FILTER (WHERE key = 1) AS n FROM n GROUP BY 1, 2) AS most
         ON most.window_end = n.window_end AND most.n > n.n AND most.value <= n.value",
    "CREATE VIEW v AS SELECT a.id, max(CASE WHEN b.value > 2 THEN b.value END) AS most FROM a JOIN b
         ON a.key = b.key AND b.at BETWEEN a.at AND a.at + interval '60 microseconds' GROUP BY a.id",
    "CREATE VIEW v AS SELECT a.key, min(CASE WHEN b.value > 4 THEN b.id::text END) AS least FROM a JOIN b
         ON a.value = b.value AND b.at BETWEEN a.at AND a.at + interval '20 microseconds' GROUP BY a.key",
];

#[test]
fn nobody_can_tell_that_it_was_given_up() {
    let seed = seed(1);
    for (number, text) in VIEWS.iter().enumerate() {
        let mut random = Random::new(seed.wrapping_add(1000 * number as u64));
        let (views, all) = (Views::new(text), Views { settled: false, ..Views::new(text) });
        for run in 0..setting("TIDEGATE_TEST_WORLDS", 12) {
            let world = World::random(&mut random, 60);
            must_hold(&format!("seed {seed}, view {number}, world {run}"), world, &views, |world| {
                let held = world.run(1, &all);
                for workers in [1, 2] {
                    for (frontier, got) in contents(&world.run(workers, &views)["v"]) {
                        compare(&content_before(&held["v"], frontier), &got)
                            .map_err(|difference| format!("{workers} workers, at {frontier:?}\n{difference}"))?;
                    }
                }
                Ok(())
            });
        }
    }
}
