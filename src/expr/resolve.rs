//! Which overload a call means: Postgres's rules ("Type Conversion" in its manual, `func_select_candidate` in its source).

use super::coercion::{Argument, Category, ResolveError, category, common_type, is_implicit, is_preferred};
use super::function::{Definition, Function, Kind, call_as_cast, overloads};
use crate::value::{OpaqueType, Type};

/// The overload a call means.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The function.
    pub function: Function,
    /// What each argument is to be cast to, implicitly.
    pub arguments: Vec<Type>,
    /// The result's type.
    pub result: Type,
}

/// Finds a function by name. Besides the functions of Postgres's catalogue it knows `nullif`, `greatest` and `least`, and the
/// names of types as one-argument casts.
pub fn resolve_function(name: &str, arguments: &[Argument]) -> Result<Resolved, ResolveError> {
    match name {
        "greatest" | "least" | "array_sort" | "width_bucket" => refuse_opaque(arguments, |_| true)?,
        "array_position" | "array_positions" | "array_remove" | "array_replace" => {
            refuse_opaque(arguments, |opaque| !opaque.is_canonical())?;
        }
        _ => {}
    }
    if let ("greatest" | "least", [_, ..]) = (name, arguments) {
        let common = common_type(arguments)
            .map_err(|error| ResolveError { message: format!("{} {}", name.to_uppercase(), error.message), ..error })?;
        return same_type(name, arguments.len(), common);
    }
    if let ("nullif", [_, _]) = (name, arguments) {
        let operands = resolve_operator("=", arguments)?.arguments;
        let [left, _] = operands.as_slice() else { return Err(not_found("function", name, arguments)) };
        let function = only_overload(name)?;
        return Ok(Resolved { function, result: left.clone(), arguments: operands });
    }
    match (choose(name, overloads(name), arguments)?, arguments) {
        (Some(chosen), _) => specialize(chosen, arguments),
        (None, [argument]) => {
            let from = if let Argument::Known(ty) = argument { Some(ty) } else { None };
            let cast = call_as_cast(name, from).ok_or_else(|| not_found("function", name, arguments))?;
            let (function, takes, result) = cast;
            Ok(Resolved { function, arguments: vec![takes], result })
        }
        (None, _) => Err(not_found("function", name, arguments)),
    }
}

/// Finds a function that is called with `VARIADIC` before its last argument.
pub fn resolve_variadic(name: &str, arguments: &[Argument]) -> Result<Resolved, ResolveError> {
    let fits = |candidate: &&&'static Definition| {
        candidate.variadic && candidate.arguments.len() == arguments.len() && {
            let first = arguments.iter().zip(candidate.arguments).take(arguments.len() - 1);
            first.into_iter().all(|(argument, kind)| accepts(*kind, argument))
        }
    };
    let missing = || not_found("function", name, arguments);
    let candidate = overloads(name).iter().find(fits).ok_or_else(missing)?;
    let Resolved { arguments: mut types, result, .. } = specialize(candidate, arguments)?;
    if let (Some(last), Some(given), Some(kind)) = (types.last_mut(), arguments.last(), candidate.arguments.last()) {
        *last = match (kind.concrete().map(Type::array_of), given) {
            (None, Argument::Known(Type::Array(_))) => last.clone(),
            (None, _) => return Err(ResolveError::new("42804", "VARIADIC argument must be an array")),
            (Some(array), Argument::Known(ty)) if !is_implicit(ty, &array) => return Err(missing()),
            (Some(array), _) => array,
        };
    }
    Ok(Resolved { function: Function::spread(candidate), arguments: types, result })
}

/// Finds a function among these overloads: what its arguments are to be cast to, and its result's type.
pub(super) fn resolve_among(
    name: &str,
    all: &[&'static Definition],
    arguments: &[Argument],
) -> Result<(&'static Definition, Vec<Type>, Type), ResolveError> {
    let chosen = choose(name, all, arguments)?.ok_or_else(|| not_found("function", name, arguments))?;
    let Resolved { arguments, result, .. } = specialize(chosen, arguments)?;
    Ok((chosen, arguments, result))
}

fn choose(
    name: &str,
    all: &[&'static Definition],
    arguments: &[Argument],
) -> Result<Option<&'static Definition>, ResolveError> {
    let candidates = matching(all, arguments);
    let exact = candidates.iter().find(|candidate| is_exact(candidate, arguments));
    match (exact, candidates.as_slice()) {
        (Some(exact), _) => Ok(Some(*exact)),
        (None, []) => Ok(None),
        (None, _) => match select(candidates, arguments) {
            Some(chosen) => Ok(Some(chosen)),
            None => Err(not_unique("function", name, arguments)),
        },
    }
}

/// Finds an operator by its symbol (`+`, `~~` for LIKE, `->>`), or by one of the names SQL spells out: `is null`, `is not null`, `is true`,
/// `is not true`, `is false`, `is not false`, `is unknown`, `is not unknown`, `not`, `is distinct from`, `is not distinct from`, and a comparison
/// followed by `any` or `all` (`= any`, `<> all`) with an array on the right.
pub fn resolve_operator(operator: &str, arguments: &[Argument]) -> Result<Resolved, ResolveError> {
    if let "is distinct from" | "is not distinct from" = operator {
        let comparison = resolve_operator("=", arguments)?;
        return Ok(Resolved { function: only_overload(operator)?, ..comparison });
    }
    let symbol = operator.split(' ').next().unwrap_or(operator);
    match symbol {
        "<" | "<=" | ">" | ">=" => refuse_opaque(arguments, |_| true)?,
        "=" | "<>" | "@>" | "<@" | "&&" => refuse_opaque(arguments, |opaque| !opaque.is_canonical())?,
        _ => {}
    }
    let without_text = |argument: &Argument| matches!(argument, Argument::Known(Type::Opaque(o)) if !o.as_text);
    let is_own = matches!(symbol, "=" | "<>" | "<<" | "<<=" | ">>" | ">>=" | "&&" | "is");
    if !is_own && arguments.iter().any(without_text) {
        return Err(not_found("operator", operator, arguments));
    }
    let all = overloads(operator);
    if let Some(assumed) = assume_same(arguments)
        && let Some(exact) = all.iter().find(|candidate| is_exact(candidate, &assumed))
    {
        return specialize(exact, &assumed);
    }
    let candidates = matching(all, arguments);
    if candidates.is_empty() {
        return Err(not_found("operator", operator, arguments));
    }
    match select(candidates, arguments) {
        Some(chosen) => specialize(chosen, arguments),
        None => Err(not_unique("operator", operator, arguments)),
    }
}

/// Values that are kept as text, and arrays of them, are not in the order of that text, nor always equal as it is.
fn refuse_opaque(arguments: &[Argument], refused: impl Fn(&OpaqueType) -> bool) -> Result<(), ResolveError> {
    let opaque = arguments.iter().find_map(|argument| match argument {
        Argument::Known(Type::Opaque(opaque)) => Some(opaque),
        Argument::Known(Type::Array(element)) => match element.as_ref() {
            Type::Opaque(opaque) => Some(opaque),
            _ => None,
        },
        _ => None,
    });
    opaque.filter(|opaque| refused(opaque)).map_or(Ok(()), |opaque| Err(no_operators(opaque)))
}

/// An unknown operand of a binary operator is first taken to be of the other's type.
fn assume_same(arguments: &[Argument]) -> Option<Vec<Argument>> {
    match arguments {
        [Argument::Known(ty), Argument::Unknown] | [Argument::Unknown, Argument::Known(ty)] => {
            Some(vec![Argument::Known(ty.clone()), Argument::Known(ty.clone())])
        }
        _ if arguments.iter().all(|argument| matches!(argument, Argument::Known(_))) => Some(arguments.to_vec()),
        _ => None,
    }
}

fn only_overload(name: &str) -> Result<Function, ResolveError> {
    match overloads(name) {
        [only] => Ok(Function::of(only)),
        _ => Err(not_found("function", name, &[])),
    }
}

fn same_type(name: &str, count: usize, ty: Type) -> Result<Resolved, ResolveError> {
    Ok(Resolved { function: only_overload(name)?, arguments: vec![ty.clone(); count], result: ty })
}

/// The kind expected at a position.
fn kind_at(candidate: &Definition, position: usize) -> Kind {
    candidate.arguments[position.min(candidate.arguments.len() - 1)]
}

fn is_exact(candidate: &Definition, arguments: &[Argument]) -> bool {
    candidate.arguments.len() == arguments.len()
        && candidate.arguments.iter().zip(arguments).all(|(kind, argument)| match (kind.concrete(), argument) {
            (Some(expected), Argument::Known(ty)) => expected == *ty,
            _ => false,
        })
}

/// The candidates that could take the arguments at all.
fn matching(all: &[&'static Definition], arguments: &[Argument]) -> Vec<&'static Definition> {
    let takes = |candidate: &Definition| {
        let declared = candidate.arguments.len();
        let count_fits = arguments.len() == declared || (candidate.variadic && arguments.len() > declared);
        count_fits
            && arguments.iter().enumerate().all(|(position, argument)| accepts(kind_at(candidate, position), argument))
            && Polymorphic::of(candidate, arguments).is_ok()
    };
    all.iter().copied().filter(|candidate| takes(candidate)).collect()
}

fn accepts(kind: Kind, argument: &Argument) -> bool {
    let Argument::Known(ty) = argument else { return true };
    match (kind.concrete(), kind) {
        (Some(expected), _) => is_implicit(ty, &expected),
        (None, Kind::Array | Kind::CommonArray) => matches!(ty, Type::Array(_)),
        (None, Kind::NonArray) => !matches!(ty, Type::Array(_)),
        (None, Kind::Canonical) => matches!(ty, Type::Opaque(opaque) if opaque.is_canonical()),
        (None, Kind::Enum) => matches!(ty, Type::Enum(_)),
        (None, _) => true,
    }
}

/// Postgres's tie-breaking among candidates that all accept the arguments.
fn select(mut candidates: Vec<&'static Definition>, arguments: &[Argument]) -> Option<&'static Definition> {
    keep_most(&mut candidates, |candidate| {
        count_known(candidate, arguments, |expected, ty| expected.as_ref() == Some(ty))
    });
    keep_most(&mut candidates, |candidate| {
        count_known(candidate, arguments, |expected, ty| {
            expected.as_ref().is_some_and(|expected| {
                expected == ty || (is_preferred(expected) && category(expected) == category(ty))
            })
        })
    });
    if candidates.len() > 1 {
        keep_by_category(&mut candidates, arguments);
    }
    if candidates.len() > 1 {
        keep_by_known_type(&mut candidates, arguments);
    }
    match candidates.as_slice() {
        [only] => Some(only),
        _ => None,
    }
}

fn keep_most(candidates: &mut Vec<&'static Definition>, score: impl Fn(&Definition) -> usize) {
    let most = candidates.iter().map(|candidate| score(candidate)).max().unwrap_or(0);
    candidates.retain(|candidate| score(candidate) == most);
}

fn count_known(candidate: &Definition, arguments: &[Argument], fits: impl Fn(&Option<Type>, &Type) -> bool) -> usize {
    let fits_at = |(position, argument): (usize, &Argument)| match argument {
        Argument::Known(ty) => fits(&kind_at(candidate, position).concrete(), ty),
        Argument::Unknown => false,
    };
    arguments.iter().enumerate().filter(|&place| fits_at(place)).count()
}

/// For each unknown argument: string if any candidate takes one there, else the one category all agree on; within it the
/// preferred type if any candidate has it.
fn keep_by_category(candidates: &mut Vec<&'static Definition>, arguments: &[Argument]) {
    let mut kept = candidates.clone();
    for (position, argument) in arguments.iter().enumerate() {
        if *argument != Argument::Unknown {
            continue;
        }
        let types: Vec<Option<Type>> =
            candidates.iter().map(|candidate| kind_at(candidate, position).concrete()).collect();
        let categories: Vec<Option<Category>> = types.iter().map(|ty| ty.as_ref().map(category)).collect();
        let chosen = if categories.contains(&Some(Category::String)) {
            Some(Category::String)
        } else if categories.iter().all(|category| *category == categories[0]) {
            categories[0]
        } else {
            return;
        };
        let fits = |candidate: &Definition| kind_at(candidate, position).concrete().as_ref().map(category) == chosen;
        let preferred =
            |candidate: &Definition| kind_at(candidate, position).concrete().is_some_and(|ty| is_preferred(&ty));
        let has_preferred = candidates.iter().any(|candidate| fits(candidate) && preferred(candidate));
        kept.retain(|candidate| fits(candidate) && (!has_preferred || preferred(candidate)));
    }
    if !kept.is_empty() {
        *candidates = kept;
    }
}

/// If all known arguments are of one type, the unknown ones are taken to be of it too.
fn keep_by_known_type(candidates: &mut Vec<&'static Definition>, arguments: &[Argument]) {
    let mut known = arguments.iter().filter(|argument| **argument != Argument::Unknown);
    let Some(first) = known.next() else { return };
    if !arguments.contains(&Argument::Unknown) || known.any(|argument| argument != first) {
        return;
    }
    let alike = vec![first.clone(); arguments.len()];
    let takes = |candidate: &Definition| {
        (0..arguments.len()).all(|position| accepts(kind_at(candidate, position), first))
            && Polymorphic::of(candidate, &alike).is_ok()
    };
    candidates.retain(|candidate| takes(candidate));
}

/// What the polymorphic kinds of a candidate stand for in one call.
struct Polymorphic {
    element: Option<Type>,
    common: Option<Type>,
}

impl Polymorphic {
    fn of(candidate: &Definition, arguments: &[Argument]) -> Result<Polymorphic, ResolveError> {
        let mut element: Option<Type> = None;
        let mut common = Vec::new();
        for (position, argument) in arguments.iter().enumerate() {
            match (kind_at(candidate, position), argument) {
                (Kind::Element | Kind::Enum | Kind::Canonical | Kind::NonArray, Argument::Known(ty)) => {
                    agree(&mut element, ty)?
                }
                (Kind::Array, Argument::Known(Type::Array(item))) => agree(&mut element, item)?,
                (Kind::Common, argument) => common.push(argument.clone()),
                (Kind::CommonArray, Argument::Known(Type::Array(item))) => {
                    common.push(Argument::Known(item.as_ref().clone()));
                }
                _ => {}
            }
        }
        if element.is_none() && candidate.arguments.iter().any(|kind| matches!(kind, Kind::Enum | Kind::Canonical)) {
            return Err(undetermined());
        }
        let common = if common.is_empty() { None } else { Some(common_type(&common)?) };
        Ok(Polymorphic { element, common })
    }

    fn ty(&self, kind: Kind, argument: Option<&Argument>) -> Result<Type, ResolveError> {
        let ty = match kind {
            Kind::Any => match argument {
                Some(Argument::Known(ty)) => Some(ty.clone()),
                _ => Some(Type::Text),
            },
            Kind::Element | Kind::Enum | Kind::Canonical | Kind::NonArray => self.element.clone(),
            Kind::Array => self.element.clone().map(Type::array_of),
            Kind::Common => self.common.clone(),
            Kind::CommonArray => self.common.clone().map(Type::array_of),
            _ => kind.concrete(),
        };
        ty.ok_or_else(undetermined)
    }
}

/// An open literal says nothing of the type that is asked for.
pub(super) fn undetermined() -> ResolveError {
    ResolveError::new("42804", "could not determine polymorphic type because input has type unknown")
}

fn agree(element: &mut Option<Type>, ty: &Type) -> Result<(), ResolveError> {
    match element {
        Some(known) if known != ty => {
            Err(ResolveError::new("42804", format!("arguments of types {known} and {ty} are not all alike")))
        }
        _ => {
            *element = Some(ty.clone());
            Ok(())
        }
    }
}

fn specialize(candidate: &'static Definition, arguments: &[Argument]) -> Result<Resolved, ResolveError> {
    let polymorphic = Polymorphic::of(candidate, arguments)?;
    let types = arguments.iter().enumerate();
    let types = types.map(|(position, argument)| polymorphic.ty(kind_at(candidate, position), Some(argument)));
    Ok(Resolved {
        arguments: types.collect::<Result<_, _>>()?,
        result: polymorphic.ty(candidate.result, None)?,
        function: Function::of(candidate),
    })
}

/// `name(integer, text)` or `integer + text`.
fn signature(what: &str, name: &str, arguments: &[Argument]) -> String {
    let names: Vec<String> = arguments.iter().map(Argument::name).collect();
    match (what, names.as_slice()) {
        ("operator", [operand]) => format!("{name} {operand}"),
        ("operator", [left, right]) => format!("{left} {name} {right}"),
        _ => format!("{name}({})", names.join(", ")),
    }
}

pub(super) fn not_found(what: &str, name: &str, arguments: &[Argument]) -> ResolveError {
    let opaque = |argument: &&Argument| matches!(argument, Argument::Known(Type::Opaque(_)));
    if let Some(Argument::Known(Type::Opaque(opaque))) = arguments.iter().find(opaque) {
        return no_operators(opaque);
    }
    let signature = signature(what, name, arguments);
    let (message, hint) = match what {
        "operator" => (format!("operator does not exist: {signature}"), "operator"),
        _ => (format!("function {signature} does not exist"), "function"),
    };
    let types = if let (1, "operator") = (arguments.len(), what) { "type" } else { "types" };
    let arguments = if types == "type" { "argument type" } else { "argument types" };
    let casts = if types == "type" { "an explicit type cast" } else { "explicit type casts" };
    let hint = format!("No {hint} matches the given name and {arguments}. You might need to add {casts}.");
    ResolveError { code: "42883", message, hint: Some(hint) }
}

/// Postgres has them, and they mean something.
fn no_operators(OpaqueType { name, as_text, .. }: &OpaqueType) -> ResolveError {
    let hint =
        format!("Cast it to text to work with what Postgres shows, which may compare otherwise than {name} does.");
    let message = format!("operators and functions of type {name} are not supported yet");
    ResolveError { code: "0A000", message, hint: as_text.then_some(hint) }
}

pub(super) fn not_unique(what: &str, name: &str, arguments: &[Argument]) -> ResolveError {
    let signature = signature(what, name, arguments);
    let message = match what {
        "operator" => format!("operator is not unique: {signature}"),
        _ => format!("function {signature} is not unique"),
    };
    let hint = format!("Could not choose a best candidate {what}. You might need to add explicit type casts.");
    ResolveError { code: "42725", message, hint: Some(hint) }
}
