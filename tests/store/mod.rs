//! The store on a disk that crashes: what was acknowledged is there at the next start, whatever was not synced is lost; and no
//! byte that is not as it was written goes unseen.

mod crash;
mod disk;
mod early;
mod model;
mod newcomers;
