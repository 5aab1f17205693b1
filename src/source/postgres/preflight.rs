//! What is checked before anything is read. Every refusal says what is wrong, where, and what to do; all are told at once.

use super::catalog::{self, Entry, Found, Identity};
use super::failure::Failure;
use crate::pg::{quote_identifier, quote_relation};
use crate::source::SourceRelation;
use crate::value::RelationName;
use tokio_postgres::Client;

/// The oldest server this reads: tid range scans and `idle_session_timeout` came with it.
const OLDEST_VERSION: i32 = 140_000;

/// A configured table that can be read.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// What it is here.
    pub(super) relation: SourceRelation,
    /// What it is in Postgres.
    pub(super) entry: Entry,
}

/// Looks the configured tables up and refuses those that cannot be read.
pub(super) async fn tables(client: &Client, names: &[RelationName]) -> Result<Vec<Table>, Failure> {
    if names.is_empty() {
        return Err(Failure::config("tables is empty; name at least one table"));
    }
    check_version(client).await?;
    let Looked { tables, wrong, forbidden } = look(client, names).await?;
    if !wrong.is_empty() {
        return Err(Failure::config(sentences(wrong)));
    }
    if !forbidden.is_empty() {
        return Err(Failure::operator(sentences(forbidden)));
    }
    Ok(tables)
}

/// What there is of the configured tables, and why some cannot be read.
pub(super) struct Looked {
    /// Those that are there.
    pub(super) tables: Vec<Table>,
    /// Mistakes in the configuration.
    pub(super) wrong: Vec<String>,
    /// What an operator has to change.
    pub(super) forbidden: Vec<String>,
}

/// Looks the configured tables up.
pub(super) async fn look(client: &Client, names: &[RelationName]) -> Result<Looked, Failure> {
    let found = catalog::load(client, names).await?;
    let mut known: Option<Vec<RelationName>> = None;
    let (mut tables, mut wrong, mut forbidden) = (Vec::new(), Vec::new(), Vec::new());
    for Found { name, entry } in found {
        let Some(entry) = entry else {
            if known.is_none() {
                known = Some(catalog::all_tables(client).await?);
            }
            wrong.push(missing_table(&name, known.as_deref().unwrap_or_default()));
            continue;
        };
        wrong.extend(wrong_kind(&name, &entry));
        forbidden.extend(forbidden_reads(&name, &entry));
        tables.push(Table { relation: entry.relation(&name), entry });
    }
    wrong.extend(told_twice(&tables));
    Ok(Looked { tables, wrong, forbidden })
}

/// The refusals as one text: a line each if there are several.
fn sentences(refusals: Vec<String>) -> String {
    refusals.join("\n")
}

pub(super) async fn check_version(client: &Client) -> Result<(), Failure> {
    let version = server_version(client).await?;
    if version < OLDEST_VERSION {
        return Err(Failure::operator(format!(
            "the server is Postgres {}; 14 is the oldest supported",
            version / 10_000
        )));
    }
    Ok(())
}

/// `server_version_num`
pub(super) async fn server_version(client: &Client) -> Result<i32, Failure> {
    let row = client.query_one("SELECT current_setting('server_version_num')::int4", &[]).await?;
    Ok(row.try_get(0)?)
}

fn missing_table(name: &RelationName, known: &[RelationName]) -> String {
    let full = format!("{}.{}", name.schema, name.name);
    match nearest(&full, known) {
        Some(near) => format!("there is no table {name}; did you mean \"{near}\"? (names are case-sensitive here)"),
        None => format!("there is no table {name}; check the name and the database"),
    }
}

/// The known table whose name is most like this one, if any is like it at all.
fn nearest<'a>(full: &str, known: &'a [RelationName]) -> Option<&'a RelationName> {
    let wanted = full.to_lowercase();
    let bare = |name: &str| name.rsplit('.').next().unwrap_or(name).to_string();
    let distance = |name: &RelationName| {
        let candidate = format!("{}.{}", name.schema, name.name).to_lowercase();
        let elsewhere = 1 + edit_distance(&bare(&wanted), &name.name.to_lowercase());
        edit_distance(&wanted, &candidate).min(elsewhere)
    };
    let closest = known.iter().map(|name| (distance(name), name)).min_by_key(|(distance, _)| *distance);
    closest.filter(|(distance, _)| *distance <= 1 + bare(full).len() / 3).map(|(_, name)| name)
}

/// Levenshtein's distance.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// What is not a table that logical replication carries.
fn wrong_kind(name: &RelationName, entry: &Entry) -> Option<String> {
    let what = match entry.kind {
        'v' => "a view; name the tables under it and write the view as SQL in the view set",
        'm' => "a materialized view; name the tables under it and write the view as SQL in the view set",
        'f' => "a foreign table, whose changes this server does not see; read it from its own server",
        'S' => "a sequence, which is not replicated",
        _ => match entry.persistence {
            'u' => "unlogged, so its changes are not in the WAL; run ALTER TABLE ... SET LOGGED",
            't' => "a temporary table, which is not replicated",
            _ => return None,
        },
    };
    Some(format!("{name} is {what}"))
}

/// Partitions of a table that is read itself: the change feed names changes after one of the two.
fn told_twice(tables: &[Table]) -> Vec<String> {
    let root = |table: &Table| tables.iter().find(|root| table.entry.above.contains(&root.entry.oid));
    let pairs = tables.iter().filter_map(|table| Some((&table.relation.name, &root(table)?.relation.name)));
    pairs
        .map(|(table, root)| {
            format!("tables has both {root} and its partition {table}; leave {table} out and filter {root} in the view")
        })
        .collect()
}

/// What an operator has to grant or change before the table can be read.
fn forbidden_reads(name: &RelationName, entry: &Entry) -> Vec<String> {
    let mut refusals = Vec::new();
    let quoted = quote_relation(name);
    if !entry.may_use_schema {
        refusals.push(format!(
            "no permission to use schema {0}; run GRANT USAGE ON SCHEMA {1} TO <the user in url>",
            name.schema,
            quote_identifier(&name.schema)
        ));
    }
    if !entry.may_select {
        refusals.push(format!("no permission to read {name}; run GRANT SELECT ON {quoted} TO <the user in url>"));
    }
    if entry.row_security {
        refusals.push(format!(
            "row-level security on {name} would hide rows from the snapshot but not from the change feed; \
             connect as a role with BYPASSRLS, or as the table's owner"
        ));
    }
    match entry.identity {
        Identity::Default if entry.primary_key.is_none() => refusals.push(format!(
            "{name} has no primary key, so publishing it would make every UPDATE and DELETE on it fail; add a primary \
             key, or run ALTER TABLE {quoted} REPLICA IDENTITY FULL (or USING INDEX, or NOTHING if it is only inserted into)"
        )),
        Identity::Index if entry.identity_index.is_none() => refusals.push(format!(
            "the index that is {name}'s replica identity is gone; run ALTER TABLE {quoted} REPLICA IDENTITY DEFAULT \
             or name another index"
        )),
        _ => {}
    }
    refusals
}

/// Refuses generated columns that somebody reads, or that identify rows: they are not published.
pub(super) fn generated_columns(table: &Table, reads: impl Fn(usize) -> bool) -> Vec<String> {
    let identifies = |position| table.entry.key().is_some_and(|key| key.contains(&position));
    let columns = table.entry.columns.iter().enumerate().filter(|(_, column)| column.generated);
    let unpublished = columns.filter_map(|(position, column)| match identifies(position) {
        true => Some((column, "let REPLICA IDENTITY USING INDEX name a unique index without it")),
        false => reads(position).then_some((column, "compute it in the view instead")),
    });
    unpublished
        .map(|(column, remedy)| {
            let table = &table.relation.name;
            format!("{table}.{} is a generated column, which the change feed does not carry; {remedy}", column.name)
        })
        .collect()
}

const SERVER_QUERY: &str = "
SELECT current_setting('wal_level'),
    current_setting('max_replication_slots')::int4
        - (SELECT count(*)::int4 FROM pg_catalog.pg_replication_slots WHERE slot_name IS DISTINCT FROM $1::text),
    current_setting('max_wal_senders')::int4 - (SELECT count(*)::int4 FROM pg_catalog.pg_stat_replication),
    r.rolsuper OR r.rolreplication OR EXISTS (SELECT FROM pg_catalog.pg_roles m
        WHERE m.rolname IN ('rds_replication', 'azure_pg_admin', 'cloudsqlsuperuser')
        AND pg_catalog.pg_has_role(current_user, m.oid, 'MEMBER')),
    current_user::text, pg_catalog.pg_is_in_recovery()
FROM pg_catalog.pg_roles r WHERE r.rolname = current_user";

/// Refuses a server that cannot give us a slot, if we do not have this one already. A standby that takes the primary's place while we
/// run is waited for.
pub(super) async fn server(client: &Client, own: Option<&str>, runs: bool) -> Result<(), Failure> {
    let server = Server::read(client, own).await?;
    if server.in_recovery && runs {
        return Err(Failure::Lost("the server is a standby; it is waited for its promotion".into()));
    }
    let refusals = server.refusals();
    if refusals.is_empty() { Ok(()) } else { Err(Failure::operator(sentences(refusals))) }
}

/// What a server and our role in it are able to.
pub(super) struct Server {
    wal_level: String,
    /// The role.
    pub(super) user: String,
    /// Slots that nobody else has.
    pub(super) free_slots: i32,
    /// Connections for replication that nobody has.
    pub(super) free_senders: i32,
    may_replicate: bool,
    in_recovery: bool,
}

impl Server {
    pub(super) async fn read(client: &Client, own: Option<&str>) -> Result<Server, Failure> {
        let row = client.query_one(SERVER_QUERY, &[&own]).await?;
        Ok(Server {
            wal_level: row.try_get(0)?,
            free_slots: row.try_get(1)?,
            free_senders: row.try_get(2)?,
            may_replicate: row.try_get(3)?,
            user: row.try_get(4)?,
            in_recovery: row.try_get(5)?,
        })
    }

    /// Why it cannot give us a slot, or let us read the one we have.
    pub(super) fn refusals(&self) -> Vec<String> {
        let Server { wal_level, user, free_slots, free_senders, may_replicate, in_recovery } = self;
        let mut refusals = Vec::new();
        if wal_level != "logical" {
            refusals.push(format!(
                "wal_level is {wal_level}, but logical is needed; run ALTER SYSTEM SET wal_level = logical and restart \
             Postgres (on RDS and the like set rds.logical_replication or its equivalent)"
            ));
        }
        if *free_slots < 1 {
            refusals.push(
            "no free replication slot; raise max_replication_slots and restart Postgres, or drop a slot nobody uses \
             (see pg_replication_slots)"
                .into(),
        );
        }
        if *free_senders < 1 {
            refusals.push("no free walsender; raise max_wal_senders and restart Postgres".into());
        }
        if !may_replicate {
            refusals.push(format!(
            "role {user} may not replicate; run ALTER ROLE {} REPLICATION (or grant it your provider's replication role)",
            quote_identifier(user)
        ));
        }
        if *in_recovery {
            refusals.push("the server is a standby; connect to the primary".into());
        }
        refusals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested() {
        let known: Vec<RelationName> = [("public", "orders"), ("sales", "Invoices"), ("public", "customers")]
            .map(|(schema, name)| RelationName { schema: schema.into(), name: name.into() })
            .into();
        let nearest = |full: &str| nearest(full, &known).map(ToString::to_string);
        assert_eq!(nearest("public.Orders").as_deref(), Some("orders"));
        assert_eq!(nearest("public.costumers").as_deref(), Some("customers"));
        assert_eq!(nearest("public.invoices").as_deref(), Some("sales.Invoices"));
        assert_eq!(nearest("public.zebra"), None);
    }
}
