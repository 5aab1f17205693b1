//! A connection that says nothing: whether the server still works for it.
//!
//! Reading a table waits for whoever has locked it, and a new slot for open transactions: both may last, and nothing is heard
//! meanwhile. A network, or what stands in between, may swallow the answer as well. So after a while it is asked over another
//! session what became of the server's process.

use super::connection::within;
use super::failure::Failure;
use std::time::Duration;
use tokio_postgres::Client;

/// How long a connection may say nothing before it is asked for.
pub(super) const SILENCE: Duration = Duration::from_secs(30);
/// How long that answer may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Waits for what a process of the server says, for as long as that works on it.
pub(super) async fn while_it_works<X>(
    control: &Client,
    process: i32,
    answer: impl Future<Output = X>,
) -> Result<X, Failure> {
    let mut answer = std::pin::pin!(answer);
    loop {
        match tokio::time::timeout(SILENCE, &mut answer).await {
            Ok(answer) => return Ok(answer),
            Err(_) => must_work(control, process).await?,
        }
    }
}

/// Whether a process of the server works on what it was asked. One that waits for us, or for nothing, has said what we did not hear.
pub(super) async fn must_work(control: &Client, process: i32) -> Result<(), Failure> {
    // Without `track_activities` only what it waits for is known.
    let works = "
        SELECT FROM pg_catalog.pg_stat_activity
        WHERE pid = $1 AND state IN ('active', 'disabled') AND wait_event_type IS DISTINCT FROM 'Client'";
    let look = async { Ok(control.query_opt(works, &[&process]).await?) };
    match within(PATIENCE, look).await? {
        Some(_) => Ok(()),
        None => {
            Err(Failure::Lost(format!("nothing was heard for {} s, and the server has said it", SILENCE.as_secs())))
        }
    }
}
