//! The composition root: start, run, shut down.
