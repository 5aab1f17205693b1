//! What the operators of views hold, as `explain` shows it.

use super::{Rel, RelId};
use crate::expr::Scalar;

/// Rows, or what is computed of them, that an operator holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// In which forms: `rows`, `sums`, and so on.
    pub forms: Vec<&'static str>,
    /// Of whose rows.
    pub rel: Rel,
    /// By which key, over their columns; none: all together.
    pub by: Vec<Scalar>,
    /// Which of their columns, if not all of them or not as they are.
    pub columns: Option<Vec<usize>>,
    /// Whether it stands in a recursion's loop, which has its own.
    pub in_loop: bool,
    /// The other views for which the same is held, once for all.
    pub shared_with: Vec<RelId>,
}
