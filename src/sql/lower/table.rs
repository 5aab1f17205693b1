//! Functions in FROM, and functions that return rows in the select list: a relation whose rows are extended by theirs.

use super::Lowerer;
use super::join::Side;
use super::record::populated;
use super::select::Input;
use super::using::{Pairs, named, shared};
use crate::expr::{Scalar, TableFunction, is_table_function};
use crate::plan::unnest::conjuncts;
use crate::plan::{Expansion, Rel, TableCall};
use crate::sql::bind::clause::Clause;
use crate::sql::bind::expression::{Binder, plain_argument};
use crate::sql::bind::name::{catalog, fold};
use crate::sql::bind::operand::Operand;
use crate::sql::bind::scope::{NUMBER, Scope, ScopeColumn, ScopeTable};
use crate::sql::bind::subquery::{Applied, place_applied};
use crate::sql::bind::table::{place_returned, reads_returned, table_call};
use crate::sql::bind::types;
use crate::sql::error::{Bound, Fault};
use crate::sql::tokens::ROWS_FROM;
use crate::value::{Column, Row, Type};
use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, JoinConstraint,
    ObjectName, TableAlias, TableFactor, Value,
};

/// Functions in FROM, as written: their rows stand beside each other.
pub(super) struct Functions<'f> {
    calls: Vec<Function>,
    ordinality: bool,
    alias: Option<&'f TableAlias>,
}

/// The functions bound over what stands to their left.
pub(super) struct Called {
    expansion: Expansion,
    scope: Scope,
    subqueries: Vec<Applied>,
}

/// What the functions' rows are joined on.
enum Condition<'e> {
    None,
    On(&'e Expr),
    Using(Vec<Ident>),
}

impl<'f> Functions<'f> {
    /// The functions that the table is made by, if it is.
    pub(super) fn of(factor: &'f TableFactor) -> Bound<Option<Functions<'f>>> {
        let (name, args, ordinality, alias) = match factor {
            TableFactor::Table {
                name, args: Some(args), with_ordinality, alias, sample: None, version: None, ..
            } => {
                if args.settings.is_some() {
                    return Err(Fault::unsupported("SETTINGS is").within(name));
                }
                (name, &args.args, *with_ordinality, alias)
            }
            TableFactor::Function { name, args, with_ordinality, alias, .. } => (name, args, *with_ordinality, alias),
            TableFactor::UNNEST { alias, array_exprs, with_offset: false, with_ordinality, .. } => {
                let name = ObjectName::from(vec![Ident::new("unnest")]);
                let call = |array: &Expr| {
                    let argument = FunctionArg::Unnamed(FunctionArgExpr::Expr(array.clone()));
                    function(&name, std::slice::from_ref(&argument))
                };
                let calls = array_exprs.iter().map(call).collect();
                return Ok(Some(Functions { calls, ordinality: *with_ordinality, alias: alias.as_ref() }));
            }
            _ => return Ok(None),
        };
        let calls = match catalog(name)? == ROWS_FROM {
            true => args.iter().map(listed).collect::<Bound<_>>()?,
            false => vec![function(name, args)],
        };
        Ok(Some(Functions { calls, ordinality, alias: alias.as_ref() }))
    }
}

fn function(name: &ObjectName, args: &[FunctionArg]) -> Function {
    let list = FunctionArgumentList { duplicate_treatment: None, args: args.to_vec(), clauses: Vec::new() };
    Function {
        name: name.clone(),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(list),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    }
}

/// A function of ROWS FROM.
fn listed(argument: &FunctionArg) -> Bound<Function> {
    match plain_argument(argument)? {
        Expr::Function(function) => Ok(function.clone()),
        _ => Err(Fault::syntax("a function is expected in ROWS FROM").within(argument)),
    }
}

impl Lowerer<'_> {
    /// A table of functions that stands alone, or reads outer queries only.
    pub(super) fn functions(&mut self, functions: &Functions<'_>) -> Bound<Input> {
        let unit = Input { rel: self.unit(), scope: Scope::default(), outer: true };
        let called = self.called(&unit, functions)?;
        let reads = called.reads_from(0) || !called.subqueries.is_empty();
        let unit = match reads {
            true => unit,
            false => {
                let rel = Rel::Constant { rows: vec![Row::default()], columns: Vec::new() };
                Input { rel, outer: false, ..unit }
            }
        };
        self.expanded(unit, called, Side::Inner, Condition::None)
    }

    /// A table of functions joined with what stands to its left; the left side back if it has to be joined as any other table is.
    pub(super) fn joined_functions(
        &mut self,
        left: Input,
        functions: &Functions<'_>,
        side: Side,
        constraint: &JoinConstraint,
    ) -> Bound<Result<Input, Input>> {
        let left = self.with_outer(left);
        let called = self.called(&left, functions)?;
        let reads = called.reads_from(self.outer_width()) || !called.subqueries.is_empty();
        let condition = match constraint {
            JoinConstraint::None => Condition::None,
            JoinConstraint::On(condition) if is_true(condition) => Condition::None,
            JoinConstraint::On(condition) => Condition::On(condition),
            JoinConstraint::Using(columns) => Condition::Using(named(columns)?),
            JoinConstraint::Natural => Condition::Using(shared(&left.scope, &called.scope)),
        };
        if !reads && (!matches!(condition, Condition::None) || matches!(side, Side::Right | Side::Full)) {
            return Ok(Err(left));
        }
        if matches!(side, Side::Right | Side::Full) {
            let message = "The combining JOIN type must be INNER or LEFT for a LATERAL reference";
            return Err(Fault::new("42P10", message));
        }
        self.count(1)?;
        self.expanded(left, called, side, condition).map(Ok)
    }

    /// Binds functions over the columns to their left.
    fn called(&mut self, left: &Input, functions: &Functions<'_>) -> Bound<Called> {
        let scope = Scope { outer: self.outer(), ..left.scope.clone() };
        let mut binder = Binder::new(self.catalog, &scope, Clause::From, left.rel.width()).with_queries(self);
        let mut calls = Vec::new();
        for function in &functions.calls {
            calls.push(call(&mut binder, function).map_err(|fault| fault.within(&function.name))?);
        }
        let subqueries = binder.applied;
        let names = self.define(&mut calls, functions)?;
        let scalar = !functions.ordinality && matches!(calls.as_slice(), [call] if call.columns.len() == 1);
        // What aggregates the rows takes them in their order.
        let expansion = Expansion { calls, ordinality: true, ..Expansion::default() };
        let table = ScopeTable { name: names.0, schema: None, key: None, absent: false, scalar };
        let number = (expansion.width() - 1, NUMBER.to_owned());
        let types = expansion.columns();
        let columns = names.1.into_iter().enumerate().chain([number]).map(|(position, name)| {
            let Column { ty, modifier, .. } = types[position].clone();
            ScopeColumn { table: Some(0), merged: name == NUMBER, name, ty, modifier, position }
        });
        let scope = Scope { columns: columns.collect(), tables: vec![table], ..Scope::default() };
        Ok(Called { expansion, scope, subqueries })
    }

    /// The names of the table and its columns; what records consist of is taken from the alias.
    fn define(&self, calls: &mut [TableCall], functions: &Functions<'_>) -> Bound<(String, Vec<String>)> {
        let written = functions.alias.map_or(&[][..], |alias| &alias.columns);
        let is_open = |call: &TableCall| call.columns.is_empty() && call.function.returns_records();
        let records = calls.iter().any(is_open);
        if let Some(typed) = written.iter().find(|column| column.data_type.is_some() && !records) {
            let message = "a column definition list is only allowed for functions returning \"record\"";
            return Err(Fault::syntax(message).at(typed.name.span));
        }
        for call in calls.iter_mut().filter(|call| is_open(call)) {
            let column = |column: &sqlparser::ast::TableAliasColumnDef| {
                let Some(ty) = &column.data_type else { return Err(no_definition().at(column.name.span)) };
                let ty = types::resolve(ty, self.catalog).map_err(|fault| fault.at(column.name.span))?;
                Ok(Column { modifier: ty.modifier, ..Column::new(fold(&column.name), ty.ty, true) })
            };
            call.columns = written.iter().map(column).collect::<Bound<_>>()?;
        }
        if records && (calls.len() > 1 || written.is_empty()) {
            return Err(no_definition());
        }
        let own = calls.first().map_or_else(String::new, |call| call.function.name().to_owned());
        let own = functions.calls.first().map_or(Ok(own), |function| catalog(&function.name))?;
        let table = functions.alias.map_or(own, |alias| fold(&alias.name));
        if let ([call], Some(_)) = (&mut *calls, functions.alias)
            && let [column] = call.columns.as_mut_slice()
            && column.name == catalog(&functions.calls[0].name)?
        {
            column.name.clone_from(&table);
        }
        let mut names: Vec<String> = calls.iter().flat_map(|call| &call.columns).map(|c| c.name.clone()).collect();
        names.extend(functions.ordinality.then(|| "ordinality".to_owned()));
        if let Some(extra) = written.get(names.len()) {
            let message = format!(
                "table \"{table}\" has {} columns available but {} columns specified",
                names.len(),
                written.len()
            );
            return Err(Fault::new("42P10", message).at(extra.name.span));
        }
        names.iter_mut().zip(written).for_each(|(name, column)| *name = fold(&column.name));
        let own = calls.iter_mut().flat_map(|call| {
            // A record's members keep the names they are found by.
            let renamed = !call.function.returns_records();
            call.columns.iter_mut().map(move |column| (column, renamed))
        });
        let renamed = own.zip(&names).filter(|((_, renamed), _)| *renamed);
        renamed.for_each(|((column, _), name)| column.name.clone_from(name));
        Ok((table, names))
    }

    /// The rows of the left side, each with the functions' rows that satisfy the condition.
    fn expanded(&mut self, left: Input, called: Called, side: Side, written: Condition<'_>) -> Bound<Input> {
        let Called { mut expansion, scope, subqueries } = called;
        let width = left.rel.width();
        let own = expansion.width();
        let pairs = match &written {
            Condition::Using(idents) => Some(Pairs::of(&left.scope, &scope, width, idents)?),
            Condition::None | Condition::On(_) => None,
        };
        let scope = left.scope.join(scope.or_absent(side == Side::Left), width)?;
        for argument in expansion.scalars_mut() {
            place_applied(argument, &|place| width + place);
        }
        let input = self.with_values(left.rel.clone(), subqueries)?;
        // The values of subqueries stand between the left columns and the functions'.
        let between = input.width() - width;
        let (mut condition, mut applied) = (pairs.as_ref().map(|pairs| pairs.condition.clone()), Vec::new());
        if let Condition::On(written) = written {
            let visible = Scope { outer: self.outer(), ..scope.clone().without_beside() };
            let mut binder = Binder::new(self.catalog, &visible, Clause::On, 0).with_queries(self);
            condition = Some(binder.condition(written, "JOIN/ON")?);
            applied = binder.applied;
        }
        if side == Side::Left && applied.is_empty() {
            let mut on: Vec<Scalar> = condition.take().into_iter().flat_map(conjuncts).collect();
            let moved = |column: usize| if column < width { column } else { column + between };
            on.iter_mut().for_each(|scalar| scalar.map_columns(&mut { moved }));
            expansion.outer = Some(on);
        }
        let columns: Vec<usize> = (0..width).chain(width + between..width + between + own).collect();
        let returned: Vec<Type> = expansion.columns().into_iter().map(|column| column.ty).collect();
        let mut rel = Rel::Expand { input: Box::new(input), expansion }.project(&columns);
        if let Some(condition) = condition {
            rel = self.restricted(rel, condition, applied)?;
            if side == Side::Left {
                let returned = Rel::Constant { rows: Vec::new(), columns: returned };
                rel = self.with_unpaired(side, &left.rel, &returned, rel)?;
            }
        }
        let joined = Input { rel, scope, outer: left.outer };
        match pairs {
            Some(pairs) => pairs.merged(side, joined),
            None => Ok(joined),
        }
    }

    /// The relation with the values of calls behind its columns, those of arguments first; the values are made to read them.
    pub(super) fn with_calls(
        &self,
        mut rel: Rel,
        values: &mut [&mut Scalar],
        mut calls: Vec<(usize, TableCall)>,
    ) -> Rel {
        while !calls.is_empty() {
            let is_ready = |(_, call): &(usize, TableCall)| !call.arguments.iter().any(reads_returned);
            let (ready, waiting): (Vec<_>, Vec<_>) = calls.into_iter().partition(is_ready);
            let width = rel.width();
            let (numbers, calls_now): (Vec<usize>, Vec<TableCall>) = ready.into_iter().unzip();
            let place = |call: usize| numbers.iter().position(|number| *number == call).map(|at| width + at);
            calls = waiting;
            let waiting = calls.iter_mut().flat_map(|(_, call)| &mut call.arguments);
            values
                .iter_mut()
                .map(|value| &mut **value)
                .chain(waiting)
                .for_each(|scalar| place_returned(scalar, &place));
            let expansion = Expansion { calls: calls_now, ..Expansion::default() };
            rel = Rel::Expand { input: Box::new(rel), expansion };
        }
        rel
    }
}

impl Called {
    /// Whether an argument reads a column from a position on.
    fn reads_from(&self, start: usize) -> bool {
        let mut reads = false;
        self.expansion.arguments().for_each(|argument| argument.columns(&mut |column| reads |= column >= start));
        reads
    }
}

fn no_definition() -> Fault {
    Fault::syntax("a column definition list is required for functions returning \"record\"")
        .hint("Write AS t(a integer, b text).")
}

/// One function's call: of one that returns a value, a row of it.
fn call(binder: &mut Binder<'_>, function: &Function) -> Bound<TableCall> {
    let name = catalog(&function.name)?;
    match is_table_function(&name) {
        true => {
            if let Some(call) = populated(binder, &name, function)? {
                return Ok(call);
            }
            let operands = binder.function_arguments(&name, function)?;
            table_call(&name, operands)
        }
        false => {
            let (value, modifier) = binder.bind(&Expr::Function(function.clone())).and_then(Operand::settled)?;
            let column = Column { modifier, ..Column::new(name, value.ty(), true) };
            Ok(TableCall { function: TableFunction::value(), arguments: vec![value], columns: vec![column] })
        }
    }
}

fn is_true(condition: &Expr) -> bool {
    match condition {
        Expr::Nested(inner) => is_true(inner),
        Expr::Value(value) => matches!(value.value, Value::Boolean(true)),
        _ => false,
    }
}
