//! What reads the clock: `now()` is the time of the present frontier, and stands in WHERE.

use super::clause::Clause;
use super::expression::{Binder, call_function};
use super::operand::Operand;
use crate::sql::error::{Bound, Fault};
use sqlparser::ast::{Function, FunctionArguments};

impl Binder<'_> {
    /// The call, if it reads the clock.
    pub(super) fn clock_call(&self, name: &str, function: &Function) -> Option<Bound<Operand>> {
        let has_arguments = match &function.args {
            FunctionArguments::None => false,
            FunctionArguments::List(list) => !list.args.is_empty(),
            FunctionArguments::Subquery(_) => true,
        };
        let now = self.clock(name).filter(|_| !has_arguments)?;
        Some(now.map_err(|fault| fault.within(&function.name)))
    }

    /// What this name stands for, if it is one for the time.
    pub(super) fn clock(&self, name: &str) -> Option<Bound<Operand>> {
        match name {
            "now" | "current_timestamp" | "transaction_timestamp" | "statement_timestamp" => {
                Some(match self.clause == Clause::Where {
                    true => call_function("now", Vec::new()),
                    false => Err(Fault::unsupported("now() outside of WHERE is")
                        .hint("In WHERE it can be compared with a time: at > now() - interval '1 hour'.")),
                })
            }
            "localtimestamp" | "clock_timestamp" | "timeofday" | "current_date" | "current_time" | "localtime" => {
                let fault = Fault::unsupported(format!("{name} is"));
                Some(Err(fault.hint("now() can be compared with a time, in WHERE.")))
            }
            _ => None,
        }
    }
}
