//! Postgres's catalogue of functions and operators, as far as they take types that are known here: each is here too, with the
//! same type of result, or stands in `missing.txt`.

use super::judge::Judge;
use super::{lines, text};

/// Calls with a null of each type. What implements operators and casts, or reads and writes types, is no function for users.
const CALLS: &str = "
WITH types(name) AS (VALUES ('boolean'), ('smallint'), ('integer'), ('bigint'), ('real'), ('double precision'), ('numeric'),
    ('text'), ('character varying'), ('character'), ('bytea'), ('date'), ('time without time zone'),
    ('timestamp without time zone'), ('timestamp with time zone'), ('interval'), ('uuid'), ('json'), ('jsonb'), ('text[]'),
    ('integer[]'), ('anyelement'), ('anyarray'), ('anycompatible'), ('anycompatiblearray'), ('\"any\"'), ('anynonarray'), ('anyenum')),
  known AS (SELECT name::regtype::oid AS id, 'NULL::' || CASE WHEN name LIKE '%array' AND name <> 'anynonarray' THEN 'integer[]'
    WHEN name = 'anyenum' THEN 'mood' WHEN name LIKE '%any%' THEN 'integer' ELSE name END AS example FROM types),
  functions AS (SELECT p.oid, proname, proargtypes::oid[] AS arguments FROM pg_proc p
    WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND provolatile <> 'v' AND NOT proretset
      AND coalesce(obj_description(p.oid, 'pg_proc'), '') !~ '^implementation of |^I/O|^internal|^join selectivity|support'
      AND proname !~ '^(pg_|bt|has_|hash|gin|in_range|to_reg|query_to|table_to|schema_to|database_to|xml|ts_|d(exp|log|round|trunc))'
      AND proname !~ '(cmp|cmp_date|cmp_timestamp|cmp_timestamptz|hash|hash_extended|subdiff|inc|_sum|len|numeric_[a-z_]+)$'
      AND NOT EXISTS (SELECT FROM pg_cast WHERE castfunc = p.oid)
      AND NOT EXISTS (SELECT FROM pg_aggregate WHERE p.oid IN (aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, aggdeserialfn,
        aggmtransfn, aggminvtransfn, aggmfinalfn)))
SELECT proname || '(' || coalesce((SELECT string_agg(example, ', ' ORDER BY place)
    FROM unnest(arguments) WITH ORDINALITY AS a(id, place) JOIN known USING (id)), '') || ')'
  FROM functions WHERE NOT EXISTS (SELECT FROM unnest(arguments) AS a(id) WHERE id NOT IN (SELECT id FROM known))
UNION
SELECT coalesce('(' || l.example || ') ', '') || oprname || ' (' || r.example || ')' FROM pg_operator
  JOIN known AS r ON r.id = oprright LEFT JOIN known AS l ON l.id = oprleft
  WHERE oprnamespace = 'pg_catalog'::regnamespace AND (oprleft = 0 OR l.id IS NOT NULL)
ORDER BY 1";

/// Calls of what is here with a null for each parameter that has a name, by that name, the last one first.
const NAMED: &str = "
SELECT DISTINCT proname || '(' || (SELECT string_agg(quote_ident(proargnames[place]) || ' => NULL::' || proargtypes[place - 1]::regtype,
    ', ' ORDER BY place DESC) FROM generate_series(1, pronargs) AS p(place)) || ')'
  FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND provolatile <> 'v' AND NOT proretset
    AND provariadic = 0 AND array_length(proargnames, 1) >= pronargs AND pronargs > 0 AND NOT '' = ANY (proargnames)
    AND NOT EXISTS (SELECT FROM unnest(proargtypes) AS t(id) WHERE id::regtype::text ~ '^any|^internal|^record')
    AND obj_description(oid, 'pg_proc') !~ '^implementation of' AND proname !~ '^(pg_|binary_upgrade|satisfies)|_to_xml'
ORDER BY 1";

#[test]
fn parameters_are_called_what_postgres_calls_them() {
    let judge = Judge::new();
    let calls = judge.calls(NAMED);
    assert!(calls.len() >= 14, "only {} calls", calls.len());
    let shown: Vec<String> = judge.differences(&calls).into_iter().map(|(_, difference)| difference).collect();
    assert!(shown.is_empty(), "{} of {} calls\n{}", shown.len(), calls.len(), shown.join("\n"));
}

#[test]
fn what_postgres_has_is_here_or_listed_as_missing() {
    let (judge, missing) = (Judge::new(), text("missing.txt"));
    let calls = judge.calls(CALLS);
    assert!(calls.len() > 500, "only {} calls", calls.len());
    let is_listed =
        |call: &str| lines(&missing).any(|listed| call == listed || call.starts_with(&format!("{listed}(")));
    let differing = judge.differences(&calls);
    // What is a keyword cannot be called as it stands.
    let callable = differing.iter().filter(|(_, difference)| !difference.contains("Postgres Err(\"42601\")"));
    let unlisted = callable.filter(|(call, _)| !is_listed(&calls[*call]));
    let unlisted: Vec<&str> = unlisted.map(|(_, difference)| difference.as_str()).collect();
    let found = |listed: &&str| {
        !differing.iter().any(|(call, _)| calls[*call] == **listed || calls[*call].starts_with(&format!("{listed}(")))
    };
    let stale: Vec<&str> = lines(&missing).filter(found).collect();
    assert!(unlisted.is_empty(), "{} of {} calls\n{}", unlisted.len(), calls.len(), unlisted.join("\n"));
    assert!(stale.is_empty(), "not missing any more: {stale:?}");
}
