//! Source `postgres` against the installed server and the newest one: what the program tells of a table is what is in it.

mod change;
mod definition;
mod garbage;
mod handover;
mod ingest;
mod name;
mod partition;
mod piece;
mod preflight;
mod secure;
mod value;
