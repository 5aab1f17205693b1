//! Watching the catalog for what the change feed does not tell: a publication or table dropped, a table taken out of the
//! publication, a key gone; and what is under what was read (`ground`), for which the tables are read again.

use super::connection::within;
use super::failure::Failure;
use super::ground::Ground;
use super::preflight::{self, Table};
use super::publication;
use super::shape::Shape;
use super::slot;
use crate::pg::Endpoint;
use crate::source::{KeptSlot, Progress};
use crate::value::RelationName;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio_postgres::Client;

const INTERVAL: Duration = Duration::from_secs(5);
/// How long a look may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is watched over, as it was before the snapshot.
#[derive(Clone)]
pub(super) struct Watched {
    /// The publication's name.
    pub(super) publication: String,
    /// The tables.
    pub(super) tables: Vec<Table>,
    /// What is read of them.
    pub(super) shapes: Vec<Arc<Shape>>,
    /// What they are read on.
    pub(super) ground: Ground,
    /// The slot that is kept for a store, and where it is told what it holds back.
    pub(super) kept: Option<(String, Arc<Progress>)>,
}

/// Watches until something is found or nobody listens. A session that is lost is opened again: the stream may live longer.
pub(super) async fn run(endpoint: Endpoint, client: Arc<Client>, watched: Watched, found: oneshot::Sender<Failure>) {
    tell_kept(&client, &watched).await;
    let mut client = Some(client);
    while !found.is_closed() {
        tokio::time::sleep(INTERVAL).await;
        match within(PATIENCE, look_over(&endpoint, &mut client, &watched)).await {
            Ok(None) => {}
            Ok(Some(failure)) | Err(failure @ Failure::Final(_)) => {
                let _ = found.send(failure);
                return;
            }
            Err(failure) => {
                tracing::debug!("the catalog could not be looked at, and is looked at again: {failure:?}");
                client = None;
            }
        }
    }
}

async fn look_over(
    endpoint: &Endpoint,
    client: &mut Option<Arc<Client>>,
    watched: &Watched,
) -> Result<Option<Failure>, Failure> {
    let open = match client.take() {
        Some(client) => client,
        None => Arc::new(endpoint.connect().await?),
    };
    tell_kept(&open, watched).await;
    look(&open, watched).await.inspect(|_| *client = Some(open))
}

/// Tells what the kept slot holds back. That the connection is lost is found by `look`.
async fn tell_kept(client: &Client, watched: &Watched) {
    let Some((name, progress)) = &watched.kept else { return };
    if let Ok(held_back_bytes) = slot::held_back(client, name).await {
        progress.keeps(KeptSlot { name: name.clone(), held_back_bytes });
    }
}

/// What there is to be told; an error also if the connection is lost.
async fn look(client: &Client, watched: &Watched) -> Result<Option<Failure>, Failure> {
    let Watched { publication, tables, shapes, ground, kept: _ } = watched;
    let names: Vec<RelationName> = tables.iter().map(|table| table.relation.name.clone()).collect();
    let now = preflight::tables(client, &names).await.map_err(|failure| match failure {
        Failure::Final(error) => Failure::operator(format!("a table was changed: {error}; then restart")),
        failure => failure,
    })?;
    for (before, now) in tables.iter().zip(&now) {
        let name = &before.relation.name;
        if before.entry.oid != now.entry.oid {
            return Err(Failure::operator(format!(
                "table {name} was dropped and created again; restart to take the new one"
            )));
        }
        if before.relation.upserts && key_names(before) != key_names(now) {
            return Err(Failure::operator(format!(
                "the key of {name} was changed; restart to take the new definition"
            )));
        }
    }
    publication::still_carries(client, publication, tables).await?;
    let now = Ground::read(ground.system.clone(), client, publication, shapes).await?;
    Ok(ground.lost(&now).map(|why| Failure::Stale(format!("{why}: the tables are read again"))))
}

fn key_names(table: &Table) -> Option<Vec<&str>> {
    let columns = &table.entry.columns;
    table.entry.key().map(|key| key.iter().map(|position| columns[*position].name.as_str()).collect())
}
