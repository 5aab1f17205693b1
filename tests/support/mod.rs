//! What the tests stand on: private servers that die with the test process.

pub mod allocation;
pub mod certificates;
pub mod feed;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod nats;
pub mod postgres;
pub mod program;
pub mod proxy;
pub mod random;
pub mod redis;
pub mod search;
pub mod server;
