//! Why a view cannot run for ever.

use crate::plan::RelId;
use std::fmt;

/// Which view, what is wrong with it, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    view: Option<RelId>,
    message: String,
    advice: &'static str,
}

impl Refusal {
    pub(super) fn new(message: impl Into<String>, advice: &'static str) -> Refusal {
        Refusal { view: None, message: message.into(), advice }
    }

    /// Something would hold all of a stream.
    pub(super) fn unbounded(stream: &RelId, holder: &str, advice: &'static str) -> Refusal {
        Refusal::new(format!("{holder} would hold what comes from stream `{stream}` for ever"), advice)
    }

    pub(super) fn of_view(self, view: &RelId) -> Refusal {
        Refusal { view: Some(view.clone()), ..self }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(view) = &self.view {
            write!(f, "view `{view}`: ")?;
        }
        write!(f, "{}\n  {}", self.message, self.advice)
    }
}

/// For what holds rows by groups and knows no time of theirs.
pub(super) const GROUP: &str =
    "Keep its rows for a while only: WHERE at > now() - interval '1 hour', at being the event time.";

/// For streams without an event time.
pub(super) const UNTIMED: &str = "Declare an `event_time` for the stream, and group by a window of it; or keep rows for a while \
     only: WHERE at > now() - interval '1 hour'.";

/// For groups.
pub(super) const WINDOW: &str = "Add the window to the group: FROM …, tumble(at, interval '1 minute') GROUP BY window_end, …; or \
     keep rows for a while only: WHERE at > now() - interval '1 hour'.";

/// For joins with tables.
pub(super) const LOOKUP: &str = "Look the table up as it was at the event: JOIN t FOR SYSTEM_TIME AS OF s.at ON …; or group the \
     joined rows by a window; or keep events for a while only: WHERE at > now() - interval '1 hour'.";

/// For joins of streams.
pub(super) const PAIR: &str = "Bind the times of the two: AND b.at BETWEEN a.at - interval '5 minutes' AND a.at + interval '5 \
     minutes'; or join equal windows of both; or keep events for a while only: WHERE at > now() - interval '1 hour'.";

/// For what reads windows in time.
pub(super) const TIMED: &str = "Group by tumble, hop, session, date_bin or date_trunc of a stream's event time.";

/// For sessions.
pub(super) const SESSION: &str =
    "session(at, gap) takes the event time of a stream whose rows are not taken back, such as by a join with a table.";

/// For lookups.
pub(super) const AS_OF: &str = "Write FOR SYSTEM_TIME AS OF s.at, at being the event time of the stream s.";
