//! The frame of a window: which rows around a row a call sees.

use super::clause::Clause;
use super::expression::{Binder, operator};
use super::operand::Operand;
use super::scope::Scope;
use crate::expr::{CastContext, Scalar, cast};
use crate::plan::{Bound as End, Exclusion, Frame, FrameUnits, SortKey};
use crate::sql::catalog::Catalog;
use crate::sql::error::{Bound, Fault};
use crate::sql::tokens::EXCLUDE;
use crate::value::{Datum, Type};
use sqlparser::ast::{Expr, Ident, WindowFrame, WindowFrameBound, WindowFrameUnits};

/// What a frame leaves out, if an item of PARTITION BY is none but says so.
pub(super) fn exclusion(expr: &Expr) -> Option<Exclusion> {
    let Expr::Identifier(Ident { value, quote_style: Some(_), .. }) = expr else { return None };
    match value.strip_prefix(EXCLUDE)? {
        "CURRENT ROW" => Some(Exclusion::CurrentRow),
        "GROUP" => Some(Exclusion::Group),
        "TIES" => Some(Exclusion::Ties),
        _ => Some(Exclusion::NoOthers),
    }
}

/// Binds a frame of rows in that order.
pub(super) fn bind(catalog: &Catalog, written: &WindowFrame, exclusion: Exclusion, order: &[SortKey]) -> Bound<Frame> {
    let current = WindowFrameBound::CurrentRow;
    let (start, end) = (&written.start_bound, written.end_bound.as_ref().unwrap_or(&current));
    refuse_reversed(start, end, written.end_bound.is_none())?;
    let units = match written.units {
        WindowFrameUnits::Rows => FrameUnits::Rows,
        WindowFrameUnits::Groups => FrameUnits::Groups,
        WindowFrameUnits::Range => FrameUnits::Range,
    };
    if units == FrameUnits::Groups && order.is_empty() {
        return Err(Fault::new("42P20", "GROUPS mode requires an ORDER BY clause"));
    }
    let frame = Framing { catalog, units, order };
    let mut value = None;
    let start = frame.end(start, "starting", &mut value)?;
    let end = frame.end(end, "ending", &mut value)?;
    Ok(Frame { units, start, end, value, exclusion })
}

/// A fault if the frame would end before it starts.
fn refuse_reversed(start: &WindowFrameBound, end: &WindowFrameBound, end_left_out: bool) -> Bound<()> {
    use WindowFrameBound::{CurrentRow, Following, Preceding};
    let message = match (start, end) {
        (Following(None), _) => "frame start cannot be UNBOUNDED FOLLOWING",
        (_, Preceding(None)) => "frame end cannot be UNBOUNDED PRECEDING",
        (Following(_), CurrentRow) if end_left_out => "frame starting from following row cannot end with current row",
        (CurrentRow, Preceding(_)) => "frame starting from current row cannot have preceding rows",
        (Following(_), CurrentRow | Preceding(_)) => "frame starting from following row cannot have preceding rows",
        _ => return Ok(()),
    };
    Err(Fault::new("42P20", message))
}

struct Framing<'a> {
    catalog: &'a Catalog,
    units: FrameUnits,
    order: &'a [SortKey],
}

impl Framing<'_> {
    fn end(&self, bound: &WindowFrameBound, which: &str, value: &mut Option<Scalar>) -> Bound<End> {
        let (offset, back) = match bound {
            WindowFrameBound::CurrentRow => return Ok(End::Current),
            WindowFrameBound::Preceding(None) | WindowFrameBound::Following(None) => return Ok(End::Unbounded),
            WindowFrameBound::Preceding(Some(offset)) => (offset, true),
            WindowFrameBound::Following(Some(offset)) => (offset, false),
        };
        let end = match self.units {
            FrameUnits::Rows => self.steps(offset, back, which, Clause::Rows),
            FrameUnits::Groups => self.steps(offset, back, which, Clause::Groups),
            FrameUnits::Range => self.distance(offset, back, which, value),
        };
        end.map_err(|fault| fault.within(offset.as_ref()))
    }

    /// A constant as the type it is to have.
    fn constant(&self, expr: &Expr, clause: Clause, name: &str, ty: &Type) -> Bound<(Datum, Scalar)> {
        let scope = Scope::default();
        let operand = Binder::new(self.catalog, &scope, clause, 0).bind(expr).map_err(|fault| match fault.code {
            "42703" | "42P01" => {
                Fault::new("42P10", format!("argument of {name} must not contain variables")).at(fault.span)
            }
            _ => fault,
        })?;
        let (written, _) = operand.clone().settled()?;
        let scalar = operand.cast(ty, -1, CastContext::Implicit).and_then(Operand::settled);
        let (scalar, _) = scalar.map_err(|fault| match (fault.code, clause) {
            ("42846" | "42804", Clause::Range) => {
                let column = self.order[0].expression.ty();
                let message = format!(
                    "RANGE with offset PRECEDING/FOLLOWING is not supported for column type {column} and offset type {}",
                    written.ty()
                );
                Fault::new("0A000", message).hint("Cast the offset value to an appropriate type.")
            }
            ("42846" | "42804", _) => {
                let message = format!("argument of {name} must be type {ty}, not type {}", written.ty());
                Fault::new("42804", message)
            }
            _ => fault,
        })?;
        let value = scalar.eval(&[]).map_err(|error| Fault::new(error.code, error.message))?;
        Ok((value, scalar))
    }

    fn steps(&self, offset: &Expr, back: bool, which: &str, clause: Clause) -> Bound<End> {
        let name = if clause == Clause::Rows { "ROWS" } else { "GROUPS" };
        match self.constant(offset, clause, name, &Type::Int8)?.0 {
            Datum::Int8(steps) if steps < 0 => {
                Err(Fault::new("22013", format!("frame {which} offset must not be negative")))
            }
            Datum::Int8(steps) => Ok(End::Steps(if back { -steps } else { steps })),
            _ => Err(Fault::new("22004", format!("frame {which} offset must not be null"))),
        }
    }

    /// The values at a distance from the row's own.
    fn distance(&self, offset: &Expr, back: bool, which: &str, value: &mut Option<Scalar>) -> Bound<End> {
        let [key] = self.order else {
            let message = "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column";
            return Err(Fault::new("42P20", message));
        };
        let column = key.expression.ty();
        // Numbers are compared as what does not overflow.
        let (compared, distance) = match &column {
            Type::Int2 | Type::Int4 | Type::Int8 => (Type::Numeric, Type::Int8),
            Type::Numeric => (Type::Numeric, Type::Numeric),
            Type::Float4 | Type::Float8 => (Type::Float8, Type::Float8),
            Type::Date => (Type::Timestamp, Type::Interval),
            Type::Timestamp | Type::Timestamptz | Type::Interval => (column.clone(), Type::Interval),
            column => {
                let message =
                    format!("RANGE with offset PRECEDING/FOLLOWING is not supported for column type {column}");
                return Err(Fault::new("0A000", message));
            }
        };
        let (size, offset) = self.constant(offset, Clause::Range, "RANGE", &distance)?;
        match size {
            Datum::Null => return Err(Fault::new("22004", format!("frame {which} offset must not be null"))),
            size if is_negative(&size) => {
                return Err(Fault::new("22013", "invalid preceding or following size in window function"));
            }
            _ => {}
        }
        let own = cast(key.expression.clone(), &compared, -1, CastContext::Implicit)?;
        let offset = match compared {
            Type::Numeric => cast(offset, &Type::Numeric, -1, CastContext::Implicit)?,
            _ => offset,
        };
        let symbol = if back != key.descending { "-" } else { "+" };
        let (bound, _) = operator(symbol, vec![Operand::new(own.clone()), Operand::new(offset)])?.settled()?;
        *value = Some(own);
        Ok(End::Value(bound))
    }
}

fn is_negative(size: &Datum) -> bool {
    let zero = match size {
        Datum::Int8(_) => Datum::Int8(0),
        Datum::Float8(size) if size.is_nan() => return true,
        Datum::Float8(_) => Datum::Float8(0.0),
        Datum::Numeric(_) => Datum::Numeric(0i64.into()),
        Datum::Interval(size) => return size.span() < 0,
        _ => return false,
    };
    size.sql_cmp(&zero).is_lt()
}
