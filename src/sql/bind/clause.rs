//! The places at which an expression may stand.

use crate::sql::error::Fault;

/// Where an expression stands: what it may contain, and how errors call the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sql) enum Clause {
    Select,
    Where,
    On,
    GroupBy,
    Having,
    Values,
    Aggregate,
    Filter,
    Limit,
    Offset,
    /// An argument of a window function.
    Window,
    /// PARTITION BY and ORDER BY of a window.
    WindowDefinition,
    /// The offset of a frame of rows.
    Rows,
    Range,
    Groups,
    /// An argument of a function in FROM.
    From,
}

impl Clause {
    pub(super) fn no_aggregates(self) -> Option<&'static str> {
        match self {
            Clause::Select | Clause::Having | Clause::Window | Clause::WindowDefinition => None,
            Clause::Where => Some("aggregate functions are not allowed in WHERE"),
            Clause::On => Some("aggregate functions are not allowed in JOIN conditions"),
            Clause::GroupBy => Some("aggregate functions are not allowed in GROUP BY"),
            Clause::Values => Some("aggregate functions are not allowed in VALUES"),
            Clause::Aggregate => Some("aggregate function calls cannot be nested"),
            Clause::Filter => Some("aggregate functions are not allowed in FILTER"),
            Clause::Limit => Some("aggregate functions are not allowed in LIMIT"),
            Clause::Offset => Some("aggregate functions are not allowed in OFFSET"),
            Clause::Rows => Some("aggregate functions are not allowed in window ROWS"),
            Clause::Range => Some("aggregate functions are not allowed in window RANGE"),
            Clause::Groups => Some("aggregate functions are not allowed in window GROUPS"),
            Clause::From => Some("aggregate functions are not allowed in functions in FROM"),
        }
    }

    /// What is said of a window function there.
    pub(super) fn no_windows(self) -> Option<Fault> {
        let message = match self {
            Clause::Select => return None,
            Clause::Aggregate => {
                return Some(Fault::new("42803", "aggregate function calls cannot contain window function calls"));
            }
            Clause::Where => "window functions are not allowed in WHERE",
            Clause::On => "window functions are not allowed in JOIN conditions",
            Clause::GroupBy => "window functions are not allowed in GROUP BY",
            Clause::Having => "window functions are not allowed in HAVING",
            Clause::Values => "window functions are not allowed in VALUES",
            Clause::Filter => "window functions are not allowed in FILTER",
            Clause::Limit => "window functions are not allowed in LIMIT",
            Clause::Offset => "window functions are not allowed in OFFSET",
            Clause::Window => "window function calls cannot be nested",
            Clause::From => "window functions are not allowed in functions in FROM",
            Clause::WindowDefinition | Clause::Rows | Clause::Range | Clause::Groups => {
                "window functions are not allowed in window definitions"
            }
        };
        Some(Fault::new("42P20", message))
    }
}
