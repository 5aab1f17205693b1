//! Sources against real files and servers.

mod debezium;
mod http;
mod jsonl;
#[cfg(feature = "kafka")]
mod kafka;
mod nats;
mod nexmark;
mod postgres;
mod redis;
mod stream;
