//! Sources against real files and servers.

mod jsonl;
mod postgres;
