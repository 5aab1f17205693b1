//! Sources against real files and servers.

mod http;
mod jsonl;
mod nats;
mod nexmark;
mod postgres;
mod redis;
mod stream;
