//! What the Postgres source and sink share.
