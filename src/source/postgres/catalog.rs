//! The tables as Postgres's catalog has them, and what each means here: columns, identity, key.

use super::failure::Failure;
use crate::pg::types::CatalogTypes;
use crate::source::SourceRelation;
use crate::value::{Column, OpaqueType, RelationName, Schema, Type};
use std::sync::Arc;
use tokio_postgres::{Client, Row};

/// A name in the configuration and what the catalog has under it.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// The name as configured.
    pub(super) name: RelationName,
    /// The table, if there is one of that name.
    pub(super) entry: Option<Entry>,
}

/// A row of `pg_class` with what belongs to it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The table's oid: it stays when the table is renamed.
    pub(super) oid: u32,
    /// `pg_class.relkind`
    pub(super) kind: char,
    /// `pg_class.relpersistence`
    pub(super) persistence: char,
    /// `REPLICA IDENTITY`
    pub(super) identity: Identity,
    /// Columns of the primary key, as positions in `columns`.
    pub(super) primary_key: Option<Vec<usize>>,
    /// Columns of the index that `REPLICA IDENTITY USING INDEX` names.
    pub(super) identity_index: Option<Vec<usize>>,
    /// The partitioned tables that this is a partition of.
    pub(super) above: Vec<u32>,
    /// A partition below whose old rows nothing identifies, as SQL writes its name.
    pub(super) unidentified_leaf: Option<String>,
    /// Estimated number of rows, partitions included.
    pub(super) estimate: u64,
    /// Whether row-level security would hide rows from us.
    pub(super) row_security: bool,
    /// Whether we may read all columns.
    pub(super) may_select: bool,
    /// Whether the table is in a schema we may not use.
    pub(super) may_use_schema: bool,
    /// The columns in order.
    pub(super) columns: Vec<CatalogColumn>,
}

/// What an update or delete tells of the old row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// The primary key, if there is one.
    Default,
    /// The columns of an index.
    Index,
    /// The whole row.
    Full,
    /// Nothing: such tables can only be inserted into.
    Nothing,
}

/// A column as the catalog has it.
#[derive(Clone, Debug)]
pub(super) struct CatalogColumn {
    /// The name.
    pub(super) name: String,
    /// The declared type's oid, a domain's own if it is one.
    pub(super) type_oid: u32,
    /// The declared modifier.
    pub(super) type_modifier: i32,
    /// Whether it is declared not null.
    pub(super) not_null: bool,
    /// Whether it is generated.
    pub(super) generated: bool,
    /// Our type and modifier.
    pub(super) resolved: (Type, i32),
}

const TABLES_QUERY: &str = "
SELECT w.place, c.oid, c.relkind::text, c.relpersistence::text, c.relreplident::text,
    coalesce((SELECT sum(greatest(leaf.reltuples, 0)) FROM pg_catalog.pg_partition_tree(c.oid) p
        JOIN pg_catalog.pg_class leaf ON leaf.oid = p.relid WHERE p.isleaf), greatest(c.reltuples, 0))::float8,
    coalesce(pg_catalog.row_security_active(c.oid), false),
    pg_catalog.has_table_privilege(c.oid, 'SELECT')
        OR NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
            AND NOT a.attisdropped AND NOT pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')),
    pg_catalog.has_schema_privilege(n.oid, 'USAGE'),
    (SELECT i.indkey::int2[] FROM pg_catalog.pg_index i
        WHERE i.indrelid = c.oid AND i.indisprimary AND i.indisvalid AND i.indimmediate),
    (SELECT i.indkey::int2[] FROM pg_catalog.pg_index i
        WHERE i.indrelid = c.oid AND i.indisreplident AND i.indisvalid),
    (SELECT i.indnkeyatts FROM pg_catalog.pg_index i
        WHERE i.indrelid = c.oid AND i.indisprimary AND i.indisvalid AND i.indimmediate),
    (SELECT i.indnkeyatts FROM pg_catalog.pg_index i
        WHERE i.indrelid = c.oid AND i.indisreplident AND i.indisvalid),
    ARRAY(SELECT a.relid::oid FROM pg_catalog.pg_partition_ancestors(c.oid) a WHERE a.relid <> c.oid),
    (SELECT min(p.relid::text) FROM pg_catalog.pg_partition_tree(c.oid) p
        JOIN pg_catalog.pg_class leaf ON leaf.oid = p.relid
        WHERE p.isleaf AND p.level > 0 AND leaf.relreplident IN ('d', 'i')
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = leaf.oid AND i.indisvalid AND i.indimmediate
            AND CASE leaf.relreplident WHEN 'd' THEN i.indisprimary ELSE i.indisreplident END))
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY w(schema, name, place)
JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.name AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
ORDER BY w.place";

const COLUMNS_QUERY: &str = "
SELECT a.attrelid, a.attnum, a.attname::text, a.atttypid, a.atttypmod, pg_catalog.format_type(a.atttypid, a.atttypmod),
    a.attnotnull, a.attgenerated <> ''
FROM pg_catalog.pg_attribute a
WHERE a.attrelid = ANY($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum";

/// Looks these tables up, in their order.
pub(super) async fn load(client: &Client, names: &[RelationName]) -> Result<Vec<Found>, Failure> {
    let schemas: Vec<&str> = names.iter().map(|name| name.schema.as_str()).collect();
    let tables: Vec<&str> = names.iter().map(|name| name.name.as_str()).collect();
    let rows = client.query(TABLES_QUERY, &[&schemas, &tables]).await?;
    let oids = rows.iter().map(|row| row.try_get(1)).collect::<Result<Vec<u32>, _>>()?;
    let columns = client.query(COLUMNS_QUERY, &[&oids]).await?;
    let type_oids = columns.iter().map(|row| row.try_get(3)).collect::<Result<Vec<u32>, _>>()?;
    let types = CatalogTypes::load(client, &type_oids).await?;
    let mut found: Vec<Found> = names.iter().map(|name| Found { name: name.clone(), entry: None }).collect();
    for row in &rows {
        let place: i64 = row.try_get(0)?;
        let entry = read_entry(row, &columns, &types)?;
        if let Some(found) = usize::try_from(place - 1).ok().and_then(|place| found.get_mut(place)) {
            found.entry = Some(entry);
        }
    }
    Ok(found)
}

fn read_entry(row: &Row, all_columns: &[Row], types: &CatalogTypes) -> Result<Entry, tokio_postgres::Error> {
    let oid: u32 = row.try_get(1)?;
    let (mut columns, mut numbers) = (Vec::new(), Vec::new());
    for column in all_columns {
        if column.try_get::<_, u32>(0)? == oid {
            numbers.push(column.try_get::<_, i16>(1)?);
            columns.push(read_column(column, types)?);
        }
    }
    let positions = |index: Option<Vec<i16>>, key_columns: Option<i16>| {
        let index = index?;
        let key = index.iter().take(usize::try_from(key_columns?).ok()?);
        key.map(|number| numbers.iter().position(|n| n == number)).collect::<Option<Vec<usize>>>()
    };
    let estimate: f64 = row.try_get(5)?;
    Ok(Entry {
        oid,
        kind: letter(row.try_get(2)?),
        persistence: letter(row.try_get(3)?),
        identity: match letter(row.try_get(4)?) {
            'i' => Identity::Index,
            'f' => Identity::Full,
            'n' => Identity::Nothing,
            _ => Identity::Default,
        },
        primary_key: positions(row.try_get(9)?, row.try_get(11)?),
        identity_index: positions(row.try_get(10)?, row.try_get(12)?),
        above: row.try_get(13)?,
        unidentified_leaf: row.try_get(14)?,
        estimate: estimate as u64,
        row_security: row.try_get(6)?,
        may_select: row.try_get(7)?,
        may_use_schema: row.try_get(8)?,
        columns,
    })
}

fn read_column(row: &Row, types: &CatalogTypes) -> Result<CatalogColumn, tokio_postgres::Error> {
    let (type_oid, type_modifier, type_name): (u32, i32, String) = (row.try_get(3)?, row.try_get(4)?, row.try_get(5)?);
    let unreadable = |_| (Type::Opaque(Arc::new(OpaqueType { name: type_name, readable: false, as_text: false })), -1);
    Ok(CatalogColumn {
        name: row.try_get(2)?,
        type_oid,
        type_modifier,
        not_null: row.try_get(6)?,
        generated: row.try_get(7)?,
        resolved: types.resolve(type_oid, type_modifier).unwrap_or_else(unreadable),
    })
}

fn letter(text: String) -> char {
    text.chars().next().unwrap_or(' ')
}

impl Entry {
    /// The columns that identify a row in updates and deletes, if any do. With the whole row at hand the primary key serves.
    pub(super) fn key(&self) -> Option<&Vec<usize>> {
        match self.identity {
            Identity::Default | Identity::Full | Identity::Nothing => self.primary_key.as_ref(),
            Identity::Index => self.identity_index.as_ref(),
        }
    }

    /// A generated column among those that tell old rows.
    pub(super) fn generated_identity(&self) -> Option<&str> {
        let whole = self.identity == Identity::Full;
        let told = |position| whole || self.key().is_some_and(|key| key.contains(&position));
        let mut columns = self.columns.iter().enumerate();
        columns.find(|(position, column)| column.generated && told(*position)).map(|(_, column)| column.name.as_str())
    }

    /// Whether the table is partitioned: its rows are its leaves'.
    pub(super) fn is_partitioned(&self) -> bool {
        self.kind == 'p'
    }

    /// The relation this table is.
    pub(super) fn relation(&self, name: &RelationName) -> SourceRelation {
        let columns = self.columns.iter().map(|column| {
            let (ty, modifier) = column.resolved.clone();
            Column { name: column.name.clone(), ty, modifier, nullable: !column.not_null }
        });
        let columns = columns.collect();
        let key = self.key().cloned();
        let upserts = key.is_some();
        SourceRelation { name: name.clone(), schema: Arc::new(Schema::table(columns, key)), upserts }
    }
}

/// The names of all tables, for suggestions.
pub(super) async fn all_tables(client: &Client) -> Result<Vec<RelationName>, Failure> {
    let rows = client
        .query(
            "SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_class c
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' LIMIT 10000",
            &[],
        )
        .await?;
    let mut names = Vec::with_capacity(rows.len());
    for row in rows {
        names.push(RelationName { schema: row.try_get(0)?, name: row.try_get(1)? });
    }
    Ok(names)
}
