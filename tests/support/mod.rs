//! What the tests stand on: private servers that die with the test process.

pub mod postgres;
pub mod random;
pub mod server;
