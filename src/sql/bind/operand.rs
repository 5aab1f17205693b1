//! Bound expressions whose type may still be open: a quoted literal takes the type its surroundings ask for.

use crate::expr::{Argument, CastContext, ResolveError, Resolved, Scalar, cast, common_type, read_opaque};
use crate::sql::error::{Bound, Fault};
use crate::value::{Datum, Type, text};

/// A bound expression.
#[derive(Clone, Debug)]
pub(in crate::sql) enum Operand {
    /// An expression of a known type, with its modifier.
    Typed(Scalar, i32),
    /// A quoted literal, or `NULL`.
    Unknown(Option<String>),
}

impl From<ResolveError> for Fault {
    fn from(error: ResolveError) -> Fault {
        let fault = Fault::new(error.code, error.message);
        match error.hint {
            Some(hint) => fault.hint(hint),
            None => fault,
        }
    }
}

/// A fault unless equal values of the type can be told, as grouping does.
pub(in crate::sql) fn groupable(ty: &Type) -> Bound<()> {
    match ty {
        ty if ty.has_equality() => Ok(()),
        Type::Opaque(_) => Err(Fault::unsupported(format!("grouping by values of type {ty} is"))),
        ty => Err(Fault::new("42883", format!("could not identify an equality operator for type {ty}"))),
    }
}

impl Operand {
    pub(in crate::sql) fn new(scalar: Scalar) -> Operand {
        Operand::Typed(scalar, -1)
    }

    pub(in crate::sql) fn literal(value: Datum, ty: Type) -> Operand {
        Operand::new(Scalar::Literal(value, ty))
    }

    /// The expression, unless its type is open.
    pub(in crate::sql) fn typed(&self) -> Option<&Scalar> {
        match self {
            Operand::Typed(scalar, _) => Some(scalar),
            Operand::Unknown(_) => None,
        }
    }

    /// What overload resolution is told.
    pub(in crate::sql) fn argument(&self) -> Argument {
        match self {
            Operand::Typed(scalar, _) => Argument::Known(scalar.ty()),
            Operand::Unknown(_) => Argument::Unknown,
        }
    }

    /// The expression as that type.
    pub(in crate::sql) fn cast(self, ty: &Type, modifier: i32, context: CastContext) -> Bound<Operand> {
        let scalar = match self {
            Operand::Typed(scalar, _) => cast(scalar, ty, modifier, context)?,
            Operand::Unknown(None) => Scalar::Literal(Datum::Null, ty.clone()),
            Operand::Unknown(Some(literal)) => read(&literal, ty, modifier, context)?,
        };
        Ok(Operand::Typed(scalar, modifier))
    }

    /// The expression where exactly that type is expected.
    pub(in crate::sql) fn implicit(self, ty: &Type) -> Bound<Scalar> {
        match self.cast(ty, -1, CastContext::Implicit)? {
            Operand::Typed(scalar, _) => Ok(scalar),
            Operand::Unknown(_) => Err(Fault::new("XX000", "a literal was left without a type")),
        }
    }

    /// The expression where nothing asks for a type: what is still open becomes text.
    pub(in crate::sql) fn settled(self) -> Bound<(Scalar, i32)> {
        match self {
            Operand::Typed(scalar, modifier) => Ok((scalar, modifier)),
            unknown => Ok((unknown.implicit(&Type::Text)?, -1)),
        }
    }

    /// The expression as a condition of `clause`.
    pub(in crate::sql) fn condition(self, clause: &str) -> Bound<Scalar> {
        match self {
            Operand::Typed(scalar, _) if scalar.ty() != Type::Bool => {
                Err(Fault::new("42804", format!("argument of {clause} must be type boolean, not type {}", scalar.ty())))
            }
            operand => operand.implicit(&Type::Bool),
        }
    }
}

/// A quoted literal read by the type's input function. An explicit cast to a length cuts where an input would complain.
fn read(literal: &str, ty: &Type, modifier: i32, context: CastContext) -> Bound<Scalar> {
    let parse = |modifier| text::parse(ty, modifier, literal).map_err(|error| Fault::new(error.code, error.message));
    let element = if let Type::Array(element) = ty { element } else { ty };
    if let Type::Opaque(opaque) = ty {
        let text = read_opaque(opaque, literal).map_err(|error| Fault::new(error.code, error.message))?;
        return Ok(Scalar::Literal(Datum::text(text), ty.clone()));
    }
    match element {
        Type::Varchar | Type::Char if modifier != -1 => {
            Ok(cast(Scalar::Literal(parse(-1)?, ty.clone()), ty, modifier, context)?)
        }
        _ => Ok(Scalar::Literal(parse(modifier)?, ty.clone())),
    }
}

/// A call of what was resolved, its arguments cast to what it takes.
pub(in crate::sql) fn call(resolved: Resolved, operands: Vec<Operand>) -> Bound<Operand> {
    let Resolved { function, arguments: types, result } = resolved;
    let arguments = operands.into_iter().zip(&types).map(|(operand, ty)| operand.implicit(ty));
    Ok(Operand::new(Scalar::Call { function, arguments: arguments.collect::<Bound<_>>()?, ty: result }))
}

/// The operands as the one type they meet in. `construct` names what they belong to.
pub(in crate::sql) fn unified(construct: &str, operands: Vec<Operand>) -> Bound<(Vec<Scalar>, Type)> {
    let arguments: Vec<Argument> = operands.iter().map(Operand::argument).collect();
    let common = common_type(&arguments).map_err(|error| {
        let message = match error.message.strip_prefix("could not convert type") {
            Some(rest) => format!("{construct} could not convert type{rest}"),
            None => format!("{construct} {}", error.message),
        };
        Fault::from(ResolveError { message, ..error })
    })?;
    let scalars = operands.into_iter().map(|operand| operand.implicit(&common));
    Ok((scalars.collect::<Bound<_>>()?, common))
}

/// The modifier that all operands have, if they are of one type.
pub(in crate::sql) fn common_modifier(operands: &[Operand]) -> i32 {
    let known = |operand: &Operand| match operand {
        Operand::Typed(scalar, modifier) => Some((scalar.ty(), *modifier)),
        Operand::Unknown(_) => None,
    };
    match operands.first().and_then(known) {
        Some(first) if operands.iter().all(|operand| known(operand).as_ref() == Some(&first)) => first.1,
        _ => -1,
    }
}

/// The operands' types.
pub(in crate::sql) fn arguments(operands: &[Operand]) -> Vec<Argument> {
    operands.iter().map(Operand::argument).collect()
}
