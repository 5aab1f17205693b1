//! SQL to `plan::Rel`, with Postgres's meaning.
