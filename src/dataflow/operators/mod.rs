//! Operators: one file each.

pub mod accumulate;
pub mod advance;
pub mod as_of;
pub mod distinct;
pub mod expand;
pub mod export;
pub mod first;
pub mod fold;
mod fold_each;
pub mod frame;
pub mod hold;
pub mod join;
pub mod linear;
pub mod loop_time;
pub mod min_max;
pub mod reduce;
pub mod rounds;
pub mod set_op;
pub mod settle;
pub mod tally;
pub mod temporal;
pub mod top_k;
pub mod unique;
pub mod upsert;
pub mod waiting;
pub mod watch;
pub mod window;
