//! Window calls of a plan.

use crate::expr::{AggregateFunction, Scalar, WindowFunction};

/// One call of a `Window`. Its expressions read the input's columns.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowCall {
    /// The function.
    pub function: WindowFunction,
    /// Its arguments; none for `count(*)`.
    pub arguments: Vec<Scalar>,
    /// Only rows for which this is true count; of aggregates.
    pub filter: Option<Scalar>,
    /// The rows it sees, if it sees a part of the partition.
    pub frame: Frame,
}

/// The rows around a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// How its bounds count.
    pub units: FrameUnits,
    /// Where it begins.
    pub start: Bound,
    /// Where it ends.
    pub end: Bound,
    /// What the values that are bounds are compared with: the row's place in the order.
    pub value: Option<Scalar>,
    /// What between its bounds it does not hold.
    pub exclusion: Exclusion,
}

/// The rows a frame leaves out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exclusion {
    /// None.
    #[default]
    NoOthers,
    /// The row itself.
    CurrentRow,
    /// The row and its peers.
    Group,
    /// The row's peers, but not the row.
    Ties,
}

/// How a frame's bounds count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameUnits {
    /// Rows.
    Rows,
    /// Groups of peers.
    Groups,
    /// Distances between values; the current row stands for its peers.
    Range,
}

/// One end of a frame.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    /// The partition's end on that side.
    Unbounded,
    /// The row, or its peers.
    Current,
    /// So many rows or groups further on, or back.
    Steps(i64),
    /// A value.
    Value(Scalar),
}

impl Default for Frame {
    /// From the partition's first row to the row's last peer.
    fn default() -> Frame {
        Frame {
            units: FrameUnits::Range,
            start: Bound::Unbounded,
            end: Bound::Current,
            value: None,
            exclusion: Exclusion::NoOthers,
        }
    }
}

impl Bound {
    fn value(&self) -> Option<&Scalar> {
        if let Bound::Value(value) = self { Some(value) } else { None }
    }

    fn value_mut(&mut self) -> Option<&mut Scalar> {
        if let Bound::Value(value) = self { Some(value) } else { None }
    }
}

impl WindowCall {
    /// Every expression: the arguments, the filter, what the bounds are compared with, and the bounds.
    pub fn scalars(&self) -> impl Iterator<Item = &Scalar> {
        let Frame { start, end, value, .. } = &self.frame;
        self.arguments.iter().chain(&self.filter).chain(value).chain(start.value()).chain(end.value())
    }

    /// As `scalars`, for rewriting.
    pub fn scalars_mut(&mut self) -> impl Iterator<Item = &mut Scalar> {
        let Frame { start, end, value, .. } = &mut self.frame;
        self.arguments.iter_mut().chain(&mut self.filter).chain(value).chain(start.value_mut()).chain(end.value_mut())
    }

    /// Whether the result depends on which of several peers comes first.
    pub fn tells_peers_apart(&self) -> bool {
        match &self.function {
            WindowFunction::Rank | WindowFunction::DenseRank => false,
            WindowFunction::PercentRank | WindowFunction::CumeDist => false,
            WindowFunction::Aggregate(aggregate) => {
                self.frame.units == FrameUnits::Rows || aggregate.accumulable().is_none()
            }
            WindowFunction::RowNumber | WindowFunction::Ntile => true,
            WindowFunction::Lag(_) | WindowFunction::Lead(_) => true,
            WindowFunction::FirstValue(_) | WindowFunction::LastValue(_) | WindowFunction::NthValue(_) => true,
        }
    }

    /// Whether there may be rows for which the call fails.
    pub fn is_fallible(&self) -> bool {
        let function = match &self.function {
            WindowFunction::Ntile | WindowFunction::NthValue(_) => true,
            WindowFunction::Aggregate(aggregate) => {
                !matches!(aggregate, AggregateFunction::Count | AggregateFunction::Min(_) | AggregateFunction::Max(_))
            }
            WindowFunction::RowNumber | WindowFunction::Rank | WindowFunction::DenseRank => false,
            WindowFunction::PercentRank | WindowFunction::CumeDist => false,
            WindowFunction::Lag(_) | WindowFunction::Lead(_) => false,
            WindowFunction::FirstValue(_) | WindowFunction::LastValue(_) => false,
        };
        function || self.scalars().any(Scalar::is_fallible)
    }
}
