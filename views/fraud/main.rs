//! Card payments in a hurry: a view in Rust beside one in SQL, launched through the same command line.
//!
//! `bursts` has a row for every payment that is more than the fifth of its card within a sliding minute. SQL has no short
//! word for that; here it is a closure over a differential collection. `alerts.sql` joins it with the card holders, and the
//! sink in `tidegate.toml` shows the result.
//!
//! What must hold: the rows depend on event times only, not on the order in which payments arrive.

use serde::{Deserialize, Serialize};
use std::process::ExitCode;
use tidegate::dataflow::prelude::Diff;
use tidegate::view_set::typed::Timestamptz;
use tidegate::{Collection, Inputs, ViewSet, cli};

/// Payments of one card within a minute that are still nothing unusual.
const USUAL: usize = 5;
/// The window, microseconds.
const MINUTE: i64 = 60_000_000;

/// What is read of the stream `payments`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Payment {
    id: i64,
    card: String,
    cents: i64,
    at: Timestamptz,
}

/// A payment that came too soon after too many others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Burst {
    id: i64,
    card: String,
    at: Timestamptz,
    /// Payments of the card in the minute that ends with this one.
    payments: i64,
    /// What they sum to.
    cents: i64,
}

/// A payment as its card's minute sees it: when, which, how much.
type Seen = (i64, i64, i64);

fn bursts<'s>(inputs: &Inputs<'s>) -> Collection<'s, Burst> {
    let payments: Collection<'s, Payment> = inputs.get("payments");
    // A sliding minute that ends in a calendar minute began in it or in the one before: each payment is looked at in both.
    let by_minute = payments.flat_map(|p| {
        let minute = p.at.0.div_euclid(MINUTE);
        [minute, minute + 1].map(|minute| ((p.card.clone(), minute), (p.at.0, p.id, p.cents)))
    });
    let bursts = by_minute.reduce(|(_, minute), seen, output: &mut Vec<(_, Diff)>| {
        output.extend(in_minute(*minute, seen).into_iter().map(|burst| (burst, 1)));
    });
    bursts.map(|((card, _), (at, id, payments, cents))| Burst { id, card, at: Timestamptz(at), payments, cents })
}

/// The bursts that end in this calendar minute, of payments in the order of their times: when, which, how many, how much.
fn in_minute(minute: i64, seen: &[(&Seen, Diff)]) -> Vec<(i64, i64, i64, i64)> {
    let mut first = 0;
    let mut bursts = vec![];
    for (position, ((at, id, _), _)) in seen.iter().enumerate() {
        while seen[first].0.0 <= at - MINUTE {
            first += 1;
        }
        let window = &seen[first..=position];
        if at.div_euclid(MINUTE) == minute && window.len() > USUAL {
            let cents = window.iter().map(|((_, _, cents), _)| cents).sum();
            bursts.push((*at, *id, window.len() as i64, cents));
        }
    }
    bursts
}

fn main() -> ExitCode {
    cli::main_with(|set: ViewSet| set.view("bursts", 1, &["id"], bursts))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition: for every payment, count those of the minute that ends with it.
    fn definition(payments: &[Seen]) -> Vec<(i64, i64, i64, i64)> {
        let burst = |(position, (at, id, _)): (usize, &Seen)| {
            let window: Vec<_> = payments[..=position].iter().filter(|(other, ..)| *other > at - MINUTE).collect();
            let cents = window.iter().map(|(_, _, cents)| cents).sum();
            (window.len() > USUAL).then_some((*at, *id, window.len() as i64, cents))
        };
        payments.iter().enumerate().filter_map(burst).collect()
    }

    #[test]
    fn bursts_are_those_of_the_definition() {
        for step in [3, 7, 11, 13, 29] {
            let mut payments: Vec<Seen> =
                (1..200).map(|id| (id * id * step % 601 * 1_000_000 + MINUTE * 90, id, id)).collect();
            payments.sort();
            let mut found = vec![];
            for minute in 89..103 {
                let seen = payments.iter().filter(|(at, ..)| (minute - 1..=minute).contains(&at.div_euclid(MINUTE)));
                let seen: Vec<(&Seen, Diff)> = seen.map(|payment| (payment, 1)).collect();
                found.extend(in_minute(minute, &seen));
            }
            assert!(!found.is_empty());
            assert_eq!(found, definition(&payments));
        }
    }
}
