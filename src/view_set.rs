//! The library's builder: sources, SQL views, Rust views, sinks.
