//! What a slot is read on: whatever changes what the tables hold, or what is told of them, without the change feed telling so.
//!
//! A table that is dropped and created again has another oid. A rewrite that may change values (`ALTER COLUMN … USING`) gives the
//! table another file and leaves its mark on the column; `TRUNCATE`, `VACUUM FULL` and `CLUSTER` give another file only, and settings
//! of a column only the mark. A table that was taken out of the publication and put back, and a publication that told less for a
//! while, have rows of other transactions in the catalog. A feed by the root tells rows that change wherever they lie, but not that
//! a partition was attached, detached or dropped with the rows in it, nor that one was truncated by itself (Postgres documentation,
//! "Logical Replication", restrictions): for partitions any other file counts.

use super::failure::Failure;
use super::preflight;
use super::shape::Shape;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio_postgres::Client;

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ground {
    /// The server's system identifier.
    pub(super) system: String,
    tables: Vec<TableGround>,
    publication: String,
    partitions: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct TableGround {
    name: String,
    oid: u32,
    /// The file its rows are in; 0 if it is partitioned.
    file: u32,
    /// The columns that are read, each with the transaction that changed its definition last.
    columns: String,
}

const TABLES_QUERY: &str = "
SELECT c.oid, coalesce(pg_catalog.pg_relation_filenode(c.oid), 0::oid),
    (SELECT coalesce(string_agg(concat_ws(':', a.attnum, a.xmin), ' ' ORDER BY a.attnum), '')
     FROM unnest($2::oid[], $3::text[]) r(oid, name)
     JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attname = r.name WHERE r.oid = c.oid)
FROM pg_catalog.pg_class c WHERE c.oid = ANY ($1::oid[])";

const PUBLICATION_QUERY: &str = "
SELECT concat_ws(' ', p.oid, p.xmin, (SELECT string_agg(concat_ws(':', r.oid, r.xmin), ' ' ORDER BY r.oid)
    FROM pg_catalog.pg_publication_rel r WHERE r.prpubid = p.oid AND r.prrelid = ANY ($2::oid[])){schemas})
FROM pg_catalog.pg_publication p WHERE p.pubname = $1";

/// From Postgres 15 on whole schemas can be published.
const SCHEMAS: &str = ",
    (SELECT string_agg(concat_ws(':', s.oid, s.xmin), ' ' ORDER BY s.oid) FROM pg_catalog.pg_publication_namespace s
     WHERE s.pnpubid = p.oid AND s.pnnspid IN (SELECT c.relnamespace FROM pg_catalog.pg_class c WHERE c.oid = ANY ($2::oid[])))";

const PARTITIONS_QUERY: &str = "
SELECT coalesce(string_agg(concat_ws(':', p.relid::oid, pg_catalog.pg_relation_filenode(p.relid)), ' '
                           ORDER BY p.relid::oid), '')
FROM pg_catalog.pg_class c, pg_catalog.pg_partition_tree(c.oid) p
WHERE c.relkind = 'p' AND c.oid = ANY ($1) AND p.isleaf";

impl Ground {
    /// As it is now on this server, for these tables in this publication.
    pub(super) async fn read(
        system: String,
        client: &Client,
        publication: &str,
        shapes: &[Arc<Shape>],
    ) -> Result<Ground, Failure> {
        let oids: Vec<u32> = shapes.iter().map(|shape| shape.oid).collect();
        let schemas = if preflight::server_version(client).await? >= 150_000 { SCHEMAS } else { "" };
        let query = PUBLICATION_QUERY.replace("{schemas}", schemas);
        let marks = client.query_opt(&query, &[&publication, &oids]).await?;
        Ok(Ground {
            system,
            tables: tables(client, shapes, &oids).await?,
            publication: marks.map_or(Ok(String::new()), |marks| marks.try_get(0))?,
            partitions: client.query_one(PARTITIONS_QUERY, &[&oids]).await?.try_get(0)?,
        })
    }

    /// What has happened to it since, if what was read cannot be gone on from.
    pub(super) fn lost(&self, now: &Ground) -> Option<String> {
        let same_tables = self.tables.len() == now.tables.len();
        let mut pairs = self.tables.iter().zip(&now.tables);
        if !same_tables || pairs.clone().any(|(then, now)| (&then.name, then.oid) != (&now.name, now.oid)) {
            return Some("tables were created anew".into());
        }
        if let Some((table, _)) = pairs.find(|(then, now)| then.file != now.file && then.columns != now.columns) {
            return Some(format!("{} was rewritten, perhaps with other values", table.name));
        }
        if self.publication != now.publication {
            return Some("the publication was changed, and may have told less for a while".into());
        }
        (self.partitions != now.partitions).then(|| "partitions came, went or were rewritten".into())
    }
}

async fn tables(client: &Client, shapes: &[Arc<Shape>], oids: &[u32]) -> Result<Vec<TableGround>, Failure> {
    let wanted = |shape: &Arc<Shape>| {
        let fields = shape.fields.iter().filter(|field| field.wanted);
        fields.map(|field| (shape.oid, field.name.clone())).collect::<Vec<_>>()
    };
    let (of, names): (Vec<u32>, Vec<String>) = shapes.iter().flat_map(wanted).unzip();
    let rows = client.query(TABLES_QUERY, &[&oids, &of, &names]).await?;
    let mut tables = Vec::with_capacity(shapes.len());
    for shape in shapes {
        for row in &rows {
            if row.try_get::<_, u32>(0)? == shape.oid {
                let (file, columns) = (row.try_get(1)?, row.try_get(2)?);
                tables.push(TableGround { name: shape.name.to_string(), oid: shape.oid, file, columns });
            }
        }
    }
    Ok(tables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_change_rows_untold_is_lost() {
        let ground = |file, columns: &str, publication: &str| Ground {
            system: "1".into(),
            tables: vec![TableGround { name: "t".into(), oid: 7, file, columns: columns.into() }],
            publication: publication.into(),
            partitions: String::new(),
        };
        let then = ground(1, "1:10 2:10", "5 10");
        assert_eq!(then.lost(&then), None);
        assert_eq!(then.lost(&ground(2, "1:10 2:10", "5 10")), None);
        assert_eq!(then.lost(&ground(1, "1:10 2:11", "5 10")), None);
        assert!(then.lost(&ground(2, "1:10 2:11", "5 10")).is_some_and(|why| why.contains("t was rewritten")));
        assert!(then.lost(&ground(1, "1:10 2:10", "5 12")).is_some_and(|why| why.contains("publication")));
    }
}
