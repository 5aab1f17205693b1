//! Window function calls: OVER, and the windows it names.
//!
//! A call's result is one more column of the relation the expression is computed over. Which column is known only when the
//! expression is complete: until then it goes by a number beyond all columns.

use super::aggregate::{operands, refuse_unlike};
use super::clause::Clause;
use super::expression::Binder;
use super::frame;
use super::name::fold;
use super::operand::{Operand, arguments, groupable};
use super::sort::sort_keys;
use super::subquery::applied;
use crate::expr::{ResolvedWindow, Scalar, is_aggregate, is_within_group, resolve_window};
use crate::plan::{Exclusion, Frame, SortKey, WindowCall};
use crate::sql::error::{Bound, Fault};
use sqlparser::ast::{
    Expr, Function, FunctionArguments, Ident, NamedWindowDefinition, NamedWindowExpr, OrderByExpr, WindowFrame,
    WindowSpec, WindowType,
};

/// The first number of a call's result; those of subqueries follow.
const FIRST: usize = usize::MAX / 4;

/// Which call's result a column is, if it is one.
pub(in crate::sql) fn windowed(column: usize) -> Option<usize> {
    column.checked_sub(FIRST).filter(|_| applied(column).is_none())
}

/// Whether the expression reads a call's result.
pub(in crate::sql) fn reads_windowed(scalar: &Scalar) -> bool {
    let mut any = false;
    scalar.columns(&mut |column| any |= windowed(column).is_some());
    any
}

/// What rows are divided by, and in what order they are taken.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::sql) struct Window {
    pub(in crate::sql) partition: Vec<Scalar>,
    pub(in crate::sql) order: Vec<SortKey>,
}

/// The calls of a query, each with its window.
#[derive(Default)]
pub(in crate::sql) struct Windows {
    pub(in crate::sql) calls: Vec<(Window, WindowCall)>,
}

impl Windows {
    /// Every expression over the input.
    pub(in crate::sql) fn scalars_mut(&mut self) -> impl Iterator<Item = &mut Scalar> {
        self.calls.iter_mut().flat_map(|(window, call)| {
            let order = window.order.iter_mut().map(|key| &mut key.expression);
            window.partition.iter_mut().chain(order).chain(call.scalars_mut())
        })
    }

    /// As `scalars_mut`.
    pub(in crate::sql) fn scalars(&self) -> impl Iterator<Item = &Scalar> {
        self.calls.iter().flat_map(|(window, call)| {
            let order = window.order.iter().map(|key| &key.expression);
            window.partition.iter().chain(order).chain(call.scalars())
        })
    }
}

/// A window as written, the one it is built on added.
#[derive(Clone, Copy, Default)]
struct Written<'a> {
    partition: &'a [Expr],
    order: &'a [OrderByExpr],
    frame: Option<(&'a WindowFrame, Exclusion)>,
}

impl<'a> Binder<'a> {
    /// A call with OVER.
    pub(super) fn window_call(&mut self, name: &str, function: &Function, over: &WindowType) -> Bound<Operand> {
        if let Some(fault) = self.clause.no_windows() {
            return Err(fault.within(&function.name));
        }
        let FunctionArguments::List(list) = &function.args else {
            return Err(Fault::syntax(format!("{name} needs arguments")).within(&function.name));
        };
        let refused = [
            (list.duplicate_treatment.is_some(), "DISTINCT is not implemented for window functions"),
            (!list.clauses.is_empty(), "aggregate ORDER BY is not implemented for window functions"),
            (
                function.filter.is_some() && !is_aggregate(name),
                "FILTER is not implemented for non-aggregate window functions",
            ),
        ];
        if let Some((_, message)) = refused.into_iter().find(|(refused, _)| *refused) {
            return Err(Fault::new("0A000", message).within(&function.name));
        }
        if is_within_group(name) {
            let message = format!("OVER is not supported for ordered-set aggregate {name}");
            return Err(Fault::new("0A000", message).within(&function.name));
        }
        refuse_unlike(name, function, false).map_err(|fault| fault.within(&function.name))?;
        let outside = std::mem::replace(&mut self.clause, Clause::Window);
        let bound = self.window_parts(name, function, over);
        self.clause = outside;
        let (window, call) = bound?;
        let ty = call.function.result_type();
        let known = self.windows.calls.iter().position(|known| (&known.0, &known.1) == (&window, &call));
        let place = known.unwrap_or_else(|| {
            self.windows.calls.push((window, call));
            self.windows.calls.len() - 1
        });
        Ok(Operand::new(Scalar::Column(FIRST + place, ty)))
    }

    fn window_parts(&mut self, name: &str, function: &Function, over: &WindowType) -> Bound<(Window, WindowCall)> {
        let operands = operands(name, function, self)?;
        let ResolvedWindow { function: resolved, arguments: types } = resolve_window(name, &arguments(&operands))?;
        let arguments = operands.into_iter().zip(&types).map(|(operand, ty)| operand.implicit(ty));
        let arguments = arguments.collect::<Bound<Vec<Scalar>>>()?;
        self.clause = Clause::Filter;
        let filter = function.filter.as_deref().map(|filter| self.condition(filter, "FILTER")).transpose()?;
        let (window, frame) = self.window(written(self.named_windows, over)?)?;
        let frame = if resolved.is_framed() { frame } else { Frame::default() };
        Ok((window, WindowCall { function: resolved, arguments, filter, frame }))
    }

    /// Takes the windows of the WINDOW clause, and checks them, used or not.
    pub(in crate::sql) fn define_windows(&mut self, named: &'a [NamedWindowDefinition]) -> Bound<()> {
        self.named_windows = named;
        let outside = std::mem::replace(&mut self.clause, Clause::Window);
        for (place, NamedWindowDefinition(ident, definition)) in named.iter().enumerate() {
            if named[..place].iter().any(|earlier| fold(&earlier.0) == fold(ident)) {
                let message = format!("window \"{}\" is already defined", fold(ident));
                return Err(Fault::new("42P20", message).at(ident.span));
            }
            self.window(defined(&named[..place], definition)?)?;
        }
        self.clause = outside;
        Ok(())
    }

    fn window(&mut self, written: Written<'_>) -> Bound<(Window, Frame)> {
        let inside = std::mem::replace(&mut self.clause, Clause::WindowDefinition);
        let mut partition = Vec::with_capacity(written.partition.len());
        for expr in written.partition {
            let (scalar, _) = self.bind(expr)?.settled()?;
            groupable(&scalar.ty()).map_err(|fault| fault.within(expr))?;
            partition.push(scalar);
        }
        let order = sort_keys(self, written.order)?;
        self.clause = inside;
        let frame = match written.frame {
            Some((frame, exclusion)) => frame::bind(self.catalog, frame, exclusion, &order)?,
            None => Frame::default(),
        };
        Ok((Window { partition, order }, frame))
    }
}

fn written<'w>(named: &'w [NamedWindowDefinition], over: &'w WindowType) -> Bound<Written<'w>> {
    match over {
        WindowType::NamedWindow(ident) => window_named(named, ident),
        WindowType::WindowSpec(spec) => specified(named, spec),
    }
}

/// The window of that name.
fn window_named<'w>(named: &'w [NamedWindowDefinition], ident: &Ident) -> Bound<Written<'w>> {
    let name = fold(ident);
    match named.iter().position(|window| fold(&window.0) == name) {
        Some(place) => defined(&named[..place], &named[place].1),
        None => {
            let known: Vec<String> = named.iter().map(|window| fold(&window.0)).collect();
            let fault = Fault::new("42704", format!("window \"{name}\" does not exist")).at(ident.span);
            Err(fault.suggest(&name, known.iter().map(String::as_str)))
        }
    }
}

/// A window that may be built on those defined before it.
fn defined<'w>(before: &'w [NamedWindowDefinition], definition: &'w NamedWindowExpr) -> Bound<Written<'w>> {
    match definition {
        NamedWindowExpr::WindowSpec(spec) => specified(before, spec),
        NamedWindowExpr::NamedWindow(ident) => {
            let message = format!("syntax error at or near \"{}\"", ident.value);
            Err(Fault::syntax(message).hint("Write it in parentheses.").at(ident.span))
        }
    }
}

fn specified<'w>(named: &'w [NamedWindowDefinition], spec: &'w WindowSpec) -> Bound<Written<'w>> {
    let marked = spec.partition_by.split_first().and_then(|(first, rest)| Some((frame::exclusion(first)?, rest)));
    if let (Some(_), None, Some(marker)) = (&marked, &spec.window_frame, spec.partition_by.first()) {
        return Err(Fault::syntax("syntax error at or near \"EXCLUDE\"").hint("It belongs to a frame.").within(marker));
    }
    let (exclusion, partition) = marked.unwrap_or((Exclusion::NoOthers, &spec.partition_by));
    let frame = spec.window_frame.as_ref().map(|frame| (frame, exclusion));
    let own = Written { partition, order: &spec.order_by, frame };
    let Some(ident) = &spec.window_name else { return Ok(own) };
    let base = window_named(named, ident)?;
    let name = fold(ident);
    let fault = |message: String| Err(Fault::new("42P20", message).at(ident.span));
    if !own.partition.is_empty() {
        return fault(format!("cannot override PARTITION BY clause of window \"{name}\""));
    }
    if !own.order.is_empty() && !base.order.is_empty() {
        return fault(format!("cannot override ORDER BY clause of window \"{name}\""));
    }
    if base.frame.is_some() {
        return fault(format!("cannot copy window \"{name}\" because it has a frame clause"));
    }
    let order = if own.order.is_empty() { base.order } else { own.order };
    Ok(Written { partition: base.partition, order, frame: own.frame })
}
