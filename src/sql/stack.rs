//! A stack that fits the longest statement.
//!
//! Syntax trees lean to the left as far as a statement is long, and finding a place in one, or dropping it, recurses. So the
//! work is done on a thread of its own, however small the stack of the thread is that asks for it.

use super::error::Fault;
use std::panic::resume_unwind;
use std::thread;

/// Enough for `MAX_TOKENS` levels without optimisation. Only what is used is ever backed by memory.
const BYTES: usize = 256 << 20;

/// A text of so few bytes makes no tree that any thread's stack could not hold.
const SHORT: usize = 512;

/// Does the work there, unless the text that it is about is short.
pub(super) fn deep<T: Send>(bytes: usize, work: impl FnOnce() -> T + Send) -> Result<T, Fault> {
    if bytes <= SHORT {
        return Ok(work());
    }
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("sql".into()).stack_size(BYTES).spawn_scoped(scope, work);
        match thread.map(thread::ScopedJoinHandle::join) {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(error) => Err(Fault::new("53000", format!("no thread to compile on: {error}"))),
        }
    })
}
