//! `list[1]`, `list[1][2]`, `list[2:3]`, and `document['name'][0]`.

use super::expression::{Binder, call_function, operator};
use super::operand::Operand;
use crate::expr::{Argument, CastContext, Scalar};
use crate::sql::error::{Bound, Fault};
use crate::value::{Datum, Type};
use sqlparser::ast::{AccessExpr, Expr, Subscript};

impl Binder<'_> {
    pub(super) fn access(&mut self, root: &Expr, chain: &[AccessExpr]) -> Bound<Operand> {
        if let Expr::Array(_) = root {
            return Err(Fault::syntax("syntax error at or near \"[\"").hint("Write (ARRAY[…])[1]."));
        }
        let subscripts = chain.iter().map(|access| match access {
            AccessExpr::Subscript(subscript) => Ok(subscript),
            AccessExpr::Dot(_) => Err(Fault::unsupported("a field of an expression is")),
        });
        let subscripts: Vec<&Subscript> = subscripts.collect::<Bound<_>>()?;
        let list = self.bind(root)?;
        let slices = subscripts.iter().any(|subscript| matches!(subscript, Subscript::Slice { .. }));
        match list.argument() {
            Argument::Known(Type::Jsonb) if slices => {
                Err(Fault::new("42804", "jsonb subscript does not support slices").within(root))
            }
            Argument::Known(Type::Jsonb) => self.document(list, &subscripts),
            Argument::Known(Type::Array(_)) if slices => self.slice(list, &subscripts),
            Argument::Known(Type::Array(_)) => self.element(list, &subscripts),
            Argument::Known(ty) => {
                let message = format!("cannot subscript type {ty} because it does not support subscripting");
                Err(Fault::new("42804", message).within(root))
            }
            Argument::Unknown => {
                let message = "cannot subscript type unknown because it does not support subscripting";
                Err(Fault::new("42804", message).within(root))
            }
        }
    }

    /// A subscript of an array.
    fn index(&mut self, expr: &Expr) -> Bound<Operand> {
        let index = self.bind(expr)?.cast(&Type::Int4, -1, CastContext::Assignment);
        index.map_err(|fault| match fault.code {
            "42846" => Fault::new("42804", "array subscript must have type integer").within(expr),
            _ => fault.within(expr),
        })
    }

    fn element(&mut self, list: Operand, subscripts: &[&Subscript]) -> Bound<Operand> {
        let mut operands = vec![list.clone()];
        for subscript in subscripts {
            match subscript {
                Subscript::Index { index } => operands.push(self.index(index)?),
                Subscript::Slice { .. } => return Err(Fault::syntax("a slice among subscripts")),
            }
        }
        unless_null(list, call_function("subscript", operands)?)
    }

    /// With a slice among them, a single subscript means all up to it.
    fn slice(&mut self, list: Operand, subscripts: &[&Subscript]) -> Bound<Operand> {
        let number = |value: i32| Operand::literal(Datum::Int4(value), Type::Int4);
        let mut operands = vec![list.clone()];
        for (place, subscript) in subscripts.iter().enumerate() {
            let end = |name: &str, otherwise: i32| {
                let end = call_function(name, vec![list.clone(), number(place as i32 + 1)])?.settled()?.0;
                let otherwise = Scalar::Literal(Datum::Int4(otherwise), Type::Int4);
                Ok::<_, Fault>(Operand::new(Scalar::Coalesce(vec![end, otherwise], Type::Int4)))
            };
            let (lower, upper) = match subscript {
                Subscript::Index { index } => (number(1), self.index(index)?),
                Subscript::Slice { stride: Some(_), .. } => return Err(Fault::syntax("a slice has no stride")),
                Subscript::Slice { lower_bound, upper_bound, stride: None } => (
                    lower_bound.as_ref().map_or_else(|| end("array_lower", 1), |bound| self.index(bound))?,
                    upper_bound.as_ref().map_or_else(|| end("array_upper", 0), |bound| self.index(bound))?,
                ),
            };
            operands.extend([lower, upper]);
        }
        unless_null(list, call_function("slice", operands)?)
    }

    /// A member or element of a document: numbers and names make a path.
    fn document(&mut self, document: Operand, subscripts: &[&Subscript]) -> Bound<Operand> {
        let mut operands = vec![document];
        for subscript in subscripts {
            let Subscript::Index { index } = subscript else { continue };
            let step = self.bind(index)?;
            let fits = |ty: &Type| matches!(ty, Type::Text | Type::Varchar | Type::Int2 | Type::Int4);
            if let Argument::Known(ty) = step.argument()
                && !fits(&ty)
            {
                let message = format!("subscript type {ty} is not supported");
                return Err(Fault::new("42804", message).within(index));
            }
            operands.push(step.cast(&Type::Text, -1, CastContext::Assignment)?);
        }
        call_function("jsonb_extract_path", operands)
    }
}

/// Of a null array Postgres does not look at the subscripts.
fn unless_null(list: Operand, part: Operand) -> Bound<Operand> {
    let Operand::Typed(part, _) = part else { return Ok(part) };
    if !part.is_fallible() {
        return Ok(Operand::new(part));
    }
    let (ty, absent) = (part.ty(), operator("is null", vec![list])?.condition("CASE/WHEN")?);
    let null = Scalar::Literal(Datum::Null, ty.clone());
    Ok(Operand::new(Scalar::Case { branches: vec![(absent, null)], otherwise: Box::new(part), ty }))
}
