//! Reading the tables as they are at the slot's consistent point: several connections, one exported snapshot, `COPY`.
//!
//! Big tables are read in ranges of pages, so that one table keeps all connections busy. A partitioned table is read leaf by
//! leaf. The order of rows means nothing: every row is told at most once.

use super::connection::within;
use super::copy::{Fields, Lines};
use super::failure::Failure;
use super::session::PATIENCE;
use super::shape::{Encoder, Shape};
use super::silence::while_it_works;
use crate::pg::{Endpoint, quote_identifier, quote_literal};
use crate::value::Row;
use futures_util::StreamExt;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_postgres::Client;

/// Pages read by one `COPY` at most: 128 MiB.
const PAGES_PER_PIECE: i64 = 16 * 1024;
/// What a worker reads before it passes it on.
const ROWS_PER_CHUNK: usize = 8 * 1024;
const BYTES_PER_CHUNK: usize = 1024 * 1024;

/// Some rows of one table: key (empty without one) and row.
#[derive(Debug)]
pub(super) struct Chunk {
    /// The table.
    pub(super) table: usize,
    /// The rows.
    pub(super) rows: Vec<(Row, Row)>,
    /// How many bytes they took on the wire.
    pub(super) bytes: usize,
}

/// A part of a table to be read by one `COPY`.
#[derive(Debug)]
struct Piece {
    table: usize,
    statement: String,
}

/// A snapshot being read.
pub(super) struct Snapshot {
    chunks: mpsc::Receiver<Chunk>,
    workers: JoinSet<Result<(), Failure>>,
}

impl Snapshot {
    /// Starts reading these of the tables under an exported snapshot, over so many connections, which all have it then. `control` is
    /// asked of those that say nothing.
    pub(super) async fn start(
        endpoint: &Endpoint,
        control: &Arc<Client>,
        exported: &str,
        shapes: &[Arc<Shape>],
        tables: &[usize],
        connections: usize,
    ) -> Result<Snapshot, Failure> {
        let first = within(PATIENCE, open(endpoint, exported)).await?;
        let mut pieces = VecDeque::new();
        for table in tables {
            pieces.extend(within(PATIENCE, pieces_of(&first.client, *table, &shapes[*table])).await?);
        }
        let mut readers = vec![first];
        while readers.len() < connections.max(1).min(pieces.len()) {
            match within(PATIENCE, open(endpoint, exported)).await {
                Ok(reader) => readers.push(reader),
                Err(Failure::Lost(reason)) => {
                    tracing::warn!("the snapshot is read over {} connections only: {reason}", readers.len());
                    break;
                }
                Err(failure) => return Err(failure),
            }
        }
        let (out, chunks) = mpsc::channel(2 * readers.len());
        let pieces = Arc::new(Mutex::new(pieces));
        let mut workers = JoinSet::new();
        for reader in readers {
            let (control, pieces, shapes, out) = (control.clone(), pieces.clone(), shapes.to_vec(), out.clone());
            workers.spawn(Worker { reader, control, pieces, shapes, out }.run());
        }
        Ok(Snapshot { chunks, workers })
    }

    /// The next rows; `None` when all tables are read.
    pub(super) async fn next(&mut self) -> Result<Option<Chunk>, Failure> {
        loop {
            tokio::select! {
                biased;
                chunk = self.chunks.recv() => match chunk {
                    Some(chunk) => return Ok(Some(chunk)),
                    None => break,
                },
                Some(ended) = self.workers.join_next() => ended.map_err(died)??,
            }
        }
        while let Some(ended) = self.workers.join_next().await {
            ended.map_err(died)??;
        }
        Ok(None)
    }
}

fn died(error: tokio::task::JoinError) -> Failure {
    Failure::Lost(format!("reading the snapshot ended unexpectedly: {error}"))
}

/// A session that sees the exported snapshot.
struct Reader {
    client: Client,
    /// The server's process.
    process: i32,
}

async fn open(endpoint: &Endpoint, exported: &str) -> Result<Reader, Failure> {
    let client = endpoint.connect().await?;
    relax_transaction_timeout(&client).await?;
    let begin = format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT {}",
        quote_literal(exported)
    );
    client.batch_execute(&begin).await.map_err(|error| match Failure::from(error) {
        Failure::Final(error) => Failure::Lost(format!("the exported snapshot is gone: {error}")),
        failure => failure,
    })?;
    let process = client.query_one("SELECT pg_catalog.pg_backend_pid()", &[]).await?.try_get(0)?;
    Ok(Reader { client, process })
}

/// Postgres 17 and later could end a long snapshot; older ones do not know the setting.
async fn relax_transaction_timeout(client: &Client) -> Result<(), Failure> {
    let relax = "SELECT set_config(name, '0', false) FROM pg_catalog.pg_settings WHERE name = 'transaction_timeout'";
    Ok(client.batch_execute(relax).await?)
}

/// The statements that read a table: one per leaf and range of pages.
async fn pieces_of(client: &Client, table: usize, shape: &Shape) -> Result<Vec<Piece>, Failure> {
    let leaves = "
        SELECT n.nspname::text, c.relname::text, pg_catalog.pg_relation_size(c.oid) / current_setting('block_size')::int8
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND (c.oid = $1
            OR c.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree($1::oid::regclass) WHERE isleaf))";
    let mut pieces = Vec::new();
    for row in client.query(leaves, &[&shape.oid]).await? {
        let (schema, name): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let source = format!("{}.{}", quote_identifier(&schema), quote_identifier(&name));
        let statements = statements(&source, shape, row.try_get(2)?);
        pieces.extend(statements.into_iter().map(|statement| Piece { table, statement }));
    }
    Ok(pieces)
}

fn statements(source: &str, shape: &Shape, pages: i64) -> Vec<String> {
    let columns = shape.fields.iter().filter(|field| field.wanted);
    let columns = columns.map(|field| quote_identifier(&field.name)).collect::<Vec<_>>().join(", ");
    let copy = |range: String| format!("COPY (SELECT {columns} FROM ONLY {source}{range}) TO STDOUT");
    if pages <= PAGES_PER_PIECE {
        return vec![copy(String::new())];
    }
    let count = (pages + PAGES_PER_PIECE - 1) / PAGES_PER_PIECE;
    let range = |i: i64| {
        let from = format!(" WHERE ctid >= '({},0)'", i * PAGES_PER_PIECE);
        let below = format!(" AND ctid < '({},0)'", (i + 1) * PAGES_PER_PIECE);
        if i + 1 < count { from + &below } else { from }
    };
    (0..count).map(|i| copy(range(i))).collect()
}

/// One connection at work.
struct Worker {
    reader: Reader,
    control: Arc<Client>,
    pieces: Arc<Mutex<VecDeque<Piece>>>,
    shapes: Vec<Arc<Shape>>,
    out: mpsc::Sender<Chunk>,
}

impl Worker {
    async fn run(self) -> Result<(), Failure> {
        while let Some(piece) = self.next_piece() {
            self.read(&piece).await?;
        }
        Ok(())
    }

    fn next_piece(&self) -> Option<Piece> {
        self.pieces.lock().ok()?.pop_front()
    }

    async fn read(&self, piece: &Piece) -> Result<(), Failure> {
        let shape = &self.shapes[piece.table];
        let mut reading = Reading::new(shape);
        let mut lines = Lines::default();
        let Reader { client, process } = &self.reader;
        let stream = while_it_works(&self.control, *process, client.copy_out(&piece.statement)).await??;
        let mut stream = std::pin::pin!(stream);
        while let Some(bytes) = while_it_works(&self.control, *process, stream.next()).await? {
            let bytes = bytes?;
            lines.feed(&bytes, |line| reading.line(line))?;
            reading.bytes += bytes.len();
            if reading.rows.len() >= ROWS_PER_CHUNK || reading.bytes >= BYTES_PER_CHUNK {
                self.pass_on(piece.table, &mut reading).await?;
            }
        }
        self.pass_on(piece.table, &mut reading).await
    }

    async fn pass_on(&self, table: usize, reading: &mut Reading<'_>) -> Result<(), Failure> {
        let (rows, bytes) = (std::mem::take(&mut reading.rows), std::mem::take(&mut reading.bytes));
        self.out.send(Chunk { table, rows, bytes }).await.map_err(|_| Failure::Closed)
    }
}

/// Lines on their way to rows.
struct Reading<'a> {
    shape: &'a Shape,
    /// See `Fields::new`.
    room: Vec<u8>,
    encoder: Encoder,
    rows: Vec<(Row, Row)>,
    bytes: usize,
}

impl<'a> Reading<'a> {
    fn new(shape: &'a Shape) -> Reading<'a> {
        Reading { shape, room: Vec::new(), encoder: Encoder::default(), rows: Vec::new(), bytes: 0 }
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Failure> {
        self.shape.encode_wanted(Fields::new(line, &mut self.room), &mut self.encoder)?;
        let key = if self.shape.upserts { self.encoder.columns(&self.shape.key) } else { Row::default() };
        self.rows.push((key, self.encoder.row()));
        Ok(())
    }
}
