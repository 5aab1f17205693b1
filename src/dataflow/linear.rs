//! Filters and maps fused into one program over encoded rows.
//!
//! A program reads one row, or the two rows of a join as if they were one. Columns that an expression merely copies are copied
//! as bytes; only columns that some predicate or computation reads are decoded, and those of later steps only if the earlier
//! filters let the row pass. Steps run in the order in which they were added, and every fallible expression is evaluated even
//! if its value is not used, so that fusing never changes which rows are errors.

use crate::expr::{EvalError, Scalar};
use crate::value::{Datum, Row, encoding};

/// Filters and maps, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// Columns of the first row; those of the second follow.
    left: usize,
    /// Columns of both rows.
    inputs: usize,
    steps: Vec<Step>,
    /// Constants and computed values, numbered from `inputs` on.
    extra: Vec<Datum>,
    /// Where each current column is found.
    columns: Vec<Place>,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// Goes on only if this is true.
    Filter(Scalar),
    /// Puts a value into a slot.
    Compute(usize, Scalar),
}

#[derive(Clone, Debug, PartialEq)]
enum Place {
    /// A column of the input.
    Input(usize),
    /// A computed value.
    Slot(usize),
    /// A constant, also in a slot.
    Constant(usize),
}

/// Where columns lie in rows that hold others too.
#[derive(Clone, Debug)]
pub struct Places {
    /// The place of each.
    pub places: Vec<usize>,
    /// How many columns the rows have.
    pub width: usize,
}

impl Linear {
    /// The program that passes rows of so many columns as they are.
    pub fn identity(columns: usize) -> Linear {
        Linear::pair(columns, 0)
    }

    /// The program that puts two rows together.
    pub fn pair(left: usize, right: usize) -> Linear {
        let inputs = left + right;
        let columns = (0..inputs).map(Place::Input).collect();
        Linear { left, inputs, steps: Vec::new(), extra: Vec::new(), columns }
    }

    /// Keeps rows for which all predicates, tested in order, are true.
    pub fn filter(&mut self, predicates: &[Scalar]) {
        for predicate in predicates {
            let predicate = self.placed(predicate);
            self.steps.push(Step::Filter(predicate));
        }
    }

    /// Replaces the columns.
    pub fn map(&mut self, expressions: &[Scalar]) {
        let columns = expressions.iter().map(|expression| match expression {
            Scalar::Column(position, _) => self.columns[*position].clone(),
            Scalar::Literal(value, _) => {
                self.extra.push(value.clone());
                Place::Constant(self.inputs + self.extra.len() - 1)
            }
            _ => {
                let expression = self.placed(expression);
                self.extra.push(Datum::Null);
                let slot = self.inputs + self.extra.len() - 1;
                self.steps.push(Step::Compute(slot, expression));
                Place::Slot(slot)
            }
        });
        self.columns = columns.collect();
    }

    /// Puts what is computed of the columns in front of them.
    pub fn prepend(&mut self, expressions: &[Scalar]) {
        let columns = self.columns.clone();
        self.map(expressions);
        self.columns.extend(columns);
    }

    /// Keeps only the first columns.
    pub fn truncate(&mut self, columns: usize) {
        self.columns.truncate(columns);
    }

    /// Appends columns of the input as they came in.
    pub fn append(&mut self, columns: &[usize]) {
        self.columns.extend(columns.iter().map(|column| Place::Input(*column)));
    }

    /// An expression over the current columns as one over slots.
    fn placed(&self, expression: &Scalar) -> Scalar {
        let mut expression = expression.clone();
        expression.map_columns(&mut |position| match &self.columns[position] {
            Place::Input(slot) | Place::Slot(slot) | Place::Constant(slot) => *slot,
        });
        expression
    }

    /// Whether every row comes out as it went in.
    pub fn is_identity(&self) -> bool {
        let unchanged = self.columns.iter().enumerate().all(|(position, place)| *place == Place::Input(position));
        self.steps.is_empty() && unchanged && self.columns.len() == self.inputs
    }

    /// Whether some row may be an error.
    pub fn is_fallible(&self) -> bool {
        self.steps.iter().any(|step| match step {
            Step::Filter(expression) | Step::Compute(_, expression) => expression.is_fallible(),
        })
    }

    /// The input columns that are read: of the first row, and of the second, each counted from its own first.
    pub fn reads(&self) -> (Vec<usize>, Vec<usize>) {
        let mut read = vec![false; self.inputs + self.extra.len()];
        for step in self.used_steps() {
            let (Step::Filter(expression) | Step::Compute(_, expression)) = &step;
            expression.columns(&mut |slot| read[slot] = true);
        }
        for place in &self.columns {
            let (Place::Input(slot) | Place::Slot(slot) | Place::Constant(slot)) = place;
            read[*slot] = true;
        }
        let of = |columns: std::ops::Range<usize>| {
            let start = columns.start;
            columns.filter(|column| read[*column]).map(|column| column - start).collect()
        };
        (of(0..self.left), of(self.left..self.inputs))
    }

    /// The same program for rows that hold the columns it reads (`reads`) in other places.
    pub fn over(&self, left: &Places, right: &Places) -> Linear {
        let (left_reads, right_reads) = self.reads();
        let inputs = left.width + right.width;
        let moved = |slot: usize| match slot.checked_sub(self.inputs) {
            Some(extra) => inputs + extra,
            None if slot < self.left => left.places[left_reads.partition_point(|column| *column < slot)],
            None => {
                let column = slot - self.left;
                left.width + right.places[right_reads.partition_point(|other| *other < column)]
            }
        };
        let mut steps = self.used_steps();
        for step in &mut steps {
            match step {
                Step::Filter(expression) => expression.map_columns(&mut |slot| moved(slot)),
                Step::Compute(slot, expression) => {
                    *slot = moved(*slot);
                    expression.map_columns(&mut |slot| moved(slot));
                }
            }
        }
        let place = |place: &Place| match place {
            Place::Input(column) => Place::Input(moved(*column)),
            Place::Slot(slot) => Place::Slot(moved(*slot)),
            Place::Constant(slot) => Place::Constant(moved(*slot)),
        };
        let columns = self.columns.iter().map(place).collect();
        Linear { left: left.width, inputs, steps, extra: self.extra.clone(), columns }
    }

    /// Ready to run.
    pub fn compile(&self) -> Evaluator {
        let mut decoded = vec![false; self.inputs];
        let mut actions = Vec::new();
        for step in self.used_steps() {
            let (Step::Filter(expression) | Step::Compute(_, expression)) = &step;
            expression.columns(&mut |slot| {
                if slot < self.inputs && !std::mem::replace(&mut decoded[slot], true) {
                    actions.push(Action::Decode(slot));
                }
            });
            actions.push(match step {
                Step::Filter(expression) => Action::Filter(expression),
                Step::Compute(slot, expression) => Action::Compute(slot, expression),
            });
        }
        let mut slots = vec![Datum::Null; self.inputs];
        slots.extend(self.extra.iter().cloned());
        let output = self.output();
        let copied = output.iter().filter_map(|piece| match piece {
            Piece::Copy { last, .. } => Some(*last),
            Piece::Slot(_) | Piece::Constant(_) => None,
        });
        let read = decoded.iter().enumerate().filter(|(_, read)| **read).map(|(slot, _)| slot).chain(copied);
        let (mut left_ends, mut right_ends) = (0, 0);
        for column in read {
            if column < self.left {
                left_ends = left_ends.max(column + 1);
            } else {
                right_ends = right_ends.max(column - self.left + 1);
            }
        }
        Evaluator {
            left: self.left,
            left_ends: vec![0; left_ends],
            right_ends: vec![0; right_ends],
            actions,
            output,
            slots,
            row: Vec::new(),
        }
    }

    /// The steps without those that compute what nobody reads and that cannot fail.
    fn used_steps(&self) -> Vec<Step> {
        let mut used = vec![false; self.inputs + self.extra.len()];
        for place in &self.columns {
            if let Place::Slot(slot) = place {
                used[*slot] = true;
            }
        }
        let mut steps: Vec<Step> = Vec::new();
        for step in self.steps.iter().rev() {
            let (Step::Filter(expression) | Step::Compute(_, expression)) = step;
            let needless = matches!(step, Step::Compute(slot, _) if !used[*slot]) && !expression.is_fallible();
            if !needless {
                expression.columns(&mut |slot| used[slot] = true);
                steps.push(step.clone());
            }
        }
        steps.reverse();
        steps
    }

    /// The output as few pieces: neighbouring columns of one input row are copied together.
    fn output(&self) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = Vec::new();
        for place in &self.columns {
            match place {
                Place::Input(column) => match pieces.last_mut() {
                    Some(Piece::Copy { last, .. }) if *last + 1 == *column && *column != self.left => *last = *column,
                    _ => pieces.push(Piece::Copy { first: *column, last: *column }),
                },
                Place::Slot(slot) => pieces.push(Piece::Slot(*slot)),
                Place::Constant(slot) => {
                    let row = Row::pack([&self.extra[*slot - self.inputs]]);
                    pieces.push(Piece::Constant(row.with_bytes(|bytes| bytes.into())));
                }
            }
        }
        pieces
    }
}

#[derive(Clone, Debug)]
enum Action {
    /// Decodes an input column into its slot.
    Decode(usize),
    Filter(Scalar),
    Compute(usize, Scalar),
}

#[derive(Clone, Debug)]
enum Piece {
    /// Input columns `first..=last`, of one row.
    Copy { first: usize, last: usize },
    /// A computed value.
    Slot(usize),
    /// A constant, encoded.
    Constant(Box<[u8]>),
}

/// A compiled program with its working memory.
#[derive(Clone, Debug)]
pub struct Evaluator {
    left: usize,
    /// Where the columns of the first row end, as far as they are read.
    left_ends: Vec<usize>,
    /// Likewise of the second.
    right_ends: Vec<usize>,
    actions: Vec<Action>,
    output: Vec<Piece>,
    slots: Vec<Datum>,
    row: Vec<u8>,
}

impl Evaluator {
    /// The encoded columns for a row, or for two; `None` if a filter drops it.
    #[inline]
    pub fn columns(&mut self, left: &[u8], right: &[u8]) -> Result<Option<&[u8]>, EvalError> {
        find_ends(left, &mut self.left_ends);
        find_ends(right, &mut self.right_ends);
        if !self.actions.is_empty() && !self.run(left, right)? {
            return Ok(None);
        }
        self.row.clear();
        for piece in &self.output {
            match piece {
                Piece::Copy { first, last } => {
                    let columns = span(self.left, &self.left_ends, &self.right_ends, left, right, *first, *last);
                    self.row.extend_from_slice(columns);
                }
                Piece::Constant(bytes) => self.row.extend_from_slice(bytes),
                Piece::Slot(slot) => encoding::encode(&self.slots[*slot], &mut self.row),
            }
        }
        Ok(Some(&self.row))
    }

    /// As `columns`, as a row of its own.
    #[inline]
    pub fn row(&mut self, left: &[u8], right: &[u8]) -> Result<Option<Row>, EvalError> {
        Ok(self.columns(left, right)?.map(Row::from_bytes))
    }

    fn run(&mut self, left: &[u8], right: &[u8]) -> Result<bool, EvalError> {
        for action in &self.actions {
            match action {
                Action::Decode(column) => {
                    let bytes = span(self.left, &self.left_ends, &self.right_ends, left, right, *column, *column);
                    self.slots[*column] = encoding::decode(bytes).0;
                }
                Action::Filter(predicate) => {
                    if predicate.eval(&self.slots)? != Datum::Bool(true) {
                        return Ok(false);
                    }
                }
                Action::Compute(slot, expression) => self.slots[*slot] = expression.eval(&self.slots)?,
            }
        }
        Ok(true)
    }
}

#[inline]
fn find_ends(row: &[u8], ends: &mut [usize]) {
    let mut end = 0;
    for slot in ends {
        end += encoding::skip(&row[end..]);
        *slot = end;
    }
}

/// The bytes of columns `first..=last`, which lie in one row.
#[inline]
fn span<'a>(
    split: usize,
    left_ends: &[usize],
    right_ends: &[usize],
    left: &'a [u8],
    right: &'a [u8],
    first: usize,
    last: usize,
) -> &'a [u8] {
    let (row, ends, first, last) =
        if first < split { (left, left_ends, first, last) } else { (right, right_ends, first - split, last - split) };
    let start = if first == 0 { 0 } else { ends[first - 1] };
    &row[start..ends[last]]
}
