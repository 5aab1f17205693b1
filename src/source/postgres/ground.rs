//! What a slot is read on: whatever changes what the tables hold, or what is told of them, without the change feed telling so.
//!
//! A table that is dropped and created again has another oid. A rewrite that may change values (`ALTER COLUMN … USING`) gives the
//! table another file and leaves its mark on the column, one that is dropped and created again has another number; `TRUNCATE`, `VACUUM FULL` and `CLUSTER` give another file only, and settings
//! of a column only the mark. A table that was taken out of the publication and put back, and a publication that told less for a
//! while, have rows of other transactions in the catalog. A feed by the root tells rows that change wherever they lie, but not that
//! a partition was attached, detached or dropped with the rows in it, nor that one was truncated by itself (Postgres documentation,
//! "Logical Replication", restrictions): for partitions any other file counts.

use super::failure::Failure;
use super::preflight;
use super::shape::Shape;
use crate::value::RelationName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio_postgres::Client;

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ground {
    /// The server's system identifier.
    pub(super) system: String,
    tables: Vec<TableGround>,
    publication: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct TableGround {
    name: String,
    oid: u32,
    /// The file its rows are in; 0 if it is partitioned.
    file: u32,
    /// The columns that are read: of each `number:transaction`, the latter the one that changed its definition last.
    columns: BTreeMap<String, String>,
    /// What the publication has of it.
    published: String,
    /// Its partitions, if it has any, and their files.
    partitions: String,
}

const TABLES_QUERY: &str = "
SELECT c.oid, coalesce(pg_catalog.pg_relation_filenode(c.oid), 0::oid),
    (SELECT coalesce(jsonb_object_agg(r.name, concat_ws(':', a.attnum, a.xmin)), '{}')::text
     FROM unnest($2::oid[], $3::text[]) r(oid, name)
     JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attname = r.name WHERE r.oid = c.oid),
    concat_ws(' ', (SELECT string_agg(concat_ws(':', r.oid, r.xmin), ' ' ORDER BY r.oid)
                    FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid
                    WHERE p.pubname = $4 AND r.prrelid = c.oid){schemas}),
    (SELECT coalesce(string_agg(concat_ws(':', p.relid::oid, pg_catalog.pg_relation_filenode(p.relid)), ' '
                                ORDER BY p.relid::oid), '')
     FROM pg_catalog.pg_partition_tree(c.oid) p WHERE c.relkind = 'p' AND p.isleaf)
FROM pg_catalog.pg_class c WHERE c.oid = ANY ($1::oid[])";

/// From Postgres 15 on whole schemas can be published.
const SCHEMAS: &str = ",
    (SELECT string_agg(concat_ws(':', s.oid, s.xmin), ' ' ORDER BY s.oid)
     FROM pg_catalog.pg_publication_namespace s JOIN pg_catalog.pg_publication p ON p.oid = s.pnpubid
     WHERE p.pubname = $4 AND s.pnnspid = c.relnamespace)";

const PUBLICATION_QUERY: &str =
    "SELECT concat_ws(' ', p.oid, p.xmin) FROM pg_catalog.pg_publication p WHERE p.pubname = $1";

impl Ground {
    /// As it is now on this server, for these tables in this publication.
    pub(super) async fn read(
        system: String,
        client: &Client,
        publication: &str,
        shapes: &[Arc<Shape>],
    ) -> Result<Ground, Failure> {
        let tables = tables(client, publication, shapes).await?;
        let marks = client.query_opt(PUBLICATION_QUERY, &[&publication]).await?;
        let publication = marks.map_or(Ok(String::new()), |marks| marks.try_get(0))?;
        Ok(Ground { system, tables, publication })
    }

    /// Without a table: whatever has happened to it does not count.
    pub(super) fn disregard(&mut self, name: &RelationName) {
        self.tables.retain(|table| table.name != name.to_string());
    }

    /// What has happened to it since, if what was read cannot be gone on from. Of what was not read nothing counts, nor of what is not
    /// read any more.
    pub(super) fn lost(&self, now: &Ground) -> Option<String> {
        let then = |now: &TableGround| self.tables.iter().find(|then| then.name == now.name);
        let lost = now.tables.iter().find_map(|now| then(now)?.lost(now));
        let publication = || "the publication was changed, and may have told less for a while".into();
        lost.or_else(|| (self.publication != now.publication).then(publication))
    }
}

impl TableGround {
    fn lost(&self, now: &TableGround) -> Option<String> {
        let name = &self.name;
        if self.oid != now.oid {
            return Some(format!("{name} was created anew"));
        }
        let columns = self.columns.iter().filter_map(|(column, then)| Some((column, then, now.columns.get(column)?)));
        let number = |mark: &str| mark.split_once(':').map(|(number, _)| number.to_owned());
        if let Some((column, ..)) = columns.clone().find(|(_, then, now)| number(then) != number(now)) {
            return Some(format!("{name}.{column} was created anew"));
        }
        if self.file != now.file && columns.clone().any(|(_, then, now)| then != now) {
            return Some(format!("{name} was rewritten, perhaps with other values"));
        }
        if self.published != now.published {
            return Some(format!("the publication was changed, and may have told less of {name} for a while"));
        }
        (self.partitions != now.partitions).then(|| format!("partitions of {name} came, went or were rewritten"))
    }
}

async fn tables(client: &Client, publication: &str, shapes: &[Arc<Shape>]) -> Result<Vec<TableGround>, Failure> {
    let wanted = |shape: &Arc<Shape>| {
        let fields = shape.fields.iter().filter(|field| field.wanted);
        fields.map(|field| (shape.oid, field.name.clone())).collect::<Vec<_>>()
    };
    let oids: Vec<u32> = shapes.iter().map(|shape| shape.oid).collect();
    let (of, names): (Vec<u32>, Vec<String>) = shapes.iter().flat_map(wanted).unzip();
    let schemas = if preflight::server_version(client).await? >= 150_000 { SCHEMAS } else { "" };
    let query = TABLES_QUERY.replace("{schemas}", schemas);
    let rows = client.query(&query, &[&oids, &of, &names, &publication]).await?;
    let mut tables = Vec::with_capacity(shapes.len());
    for shape in shapes {
        for row in &rows {
            if row.try_get::<_, u32>(0)? == shape.oid {
                let columns: String = row.try_get(2)?;
                tables.push(TableGround {
                    name: shape.name.to_string(),
                    oid: shape.oid,
                    file: row.try_get(1)?,
                    columns: serde_json::from_str(&columns).map_err(|error| Failure::Lost(error.to_string()))?,
                    published: row.try_get(3)?,
                    partitions: row.try_get(4)?,
                });
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
        let ground = |file, columns: &[(&str, &str)], publication: &str| Ground {
            system: "1".into(),
            tables: vec![TableGround {
                name: "t".into(),
                oid: 7,
                file,
                columns: columns.iter().map(|(name, mark)| (name.to_string(), mark.to_string())).collect(),
                published: "9:1".into(),
                partitions: String::new(),
            }],
            publication: publication.into(),
        };
        let then = ground(1, &[("a", "1:10"), ("b", "2:10")], "5 10");
        let lost = |now: Ground| then.lost(&now).unwrap_or_default();
        assert_eq!(lost(then.clone()), "");
        assert_eq!(lost(ground(2, &[("a", "1:10"), ("b", "2:10")], "5 10")), "");
        assert_eq!(lost(ground(1, &[("a", "1:10"), ("b", "2:11")], "5 10")), "");
        assert!(lost(ground(2, &[("a", "1:10"), ("b", "2:11")], "5 10")).contains("t was rewritten"));
        assert!(lost(ground(1, &[("a", "1:10"), ("b", "2:10")], "5 12")).contains("publication"));
        // Dropped and created again it has other values, also in the same file.
        assert!(lost(ground(1, &[("a", "1:10"), ("b", "3:12")], "5 10")).contains("t.b was created anew"));
        // What was not read, or is not any more, is not of importance.
        assert_eq!(lost(ground(2, &[("a", "1:10"), ("c", "3:12")], "5 10")), "");
        assert_eq!(lost(Ground { tables: Vec::new(), ..then.clone() }), "");
        let mut less = then.clone();
        less.disregard(&RelationName::public("t"));
        assert_eq!(less.lost(&ground(2, &[("a", "9:9")], "5 10")), None);
    }
}
