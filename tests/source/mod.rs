//! Sources against real files and servers.

mod http;
mod jsonl;
mod nexmark;
mod postgres;
mod redis;
mod stream;
