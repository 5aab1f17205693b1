//! Random typed expressions out of a grammar, and their reduction to what matters.

use super::lines;
use crate::support::random::Random;
use std::collections::BTreeMap;
use std::fmt;

/// How deep expressions nest.
const DEPTH: u64 = 3;

/// What expressions of each type can be made of.
pub struct Grammar {
    /// Values as SQL, by type.
    leaves: BTreeMap<String, Vec<String>>,
    /// Templates, by type.
    rules: BTreeMap<String, Vec<Rule>>,
}

/// `left(<text>, <integer>)`
struct Rule {
    /// What stands between the operands; one more than those.
    pieces: Vec<String>,
    operands: Vec<String>,
}

/// An expression of a type.
#[derive(Clone)]
pub struct Expression {
    ty: String,
    pieces: Vec<String>,
    operands: Vec<Expression>,
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (piece, operand) in self.pieces.iter().zip(&self.operands) {
            match operand.operands.is_empty() {
                true => write!(f, "{piece}{operand}")?,
                false => write!(f, "{piece}({operand})")?,
            }
        }
        f.write_str(self.pieces.last().map_or("", String::as_str))
    }
}

impl Grammar {
    /// Lines `type of value | value …` and `type: template`, operands in the template as `<type>`.
    pub fn parse(text: &str) -> Grammar {
        let mut grammar = Grammar { leaves: BTreeMap::new(), rules: BTreeMap::new() };
        for line in lines(text) {
            if let Some((ty, values)) = line.split_once(" of ") {
                let values = values.split(" | ").map(|value| match value {
                    "null" => format!("NULL::{ty}"),
                    value => format!("{value}::{ty}"),
                });
                grammar.leaves.entry(ty.into()).or_default().extend(values);
            } else if let Some((ty, template)) = line.split_once(": ") {
                grammar.rules.entry(ty.into()).or_default().push(Rule::parse(template));
            } else {
                panic!("neither values nor a template: {line}");
            }
        }
        let known = |ty: &String| grammar.leaves.contains_key(ty);
        let rules = grammar.rules.values().flatten();
        let unknown = rules.flat_map(|rule| &rule.operands).chain(grammar.rules.keys()).find(|ty| !known(ty));
        assert!(unknown.is_none(), "there are no values of type {unknown:?}");
        grammar
    }

    /// An expression of any type.
    pub fn expression(&self, random: &mut Random) -> Expression {
        let types: Vec<String> = self.rules.keys().cloned().collect();
        let ty: &String = random.pick(&types);
        self.of_type(ty, DEPTH, random)
    }

    fn of_type(&self, ty: &str, depth: u64, random: &mut Random) -> Expression {
        let rules = self.rules.get(ty).filter(|_| depth > 0 && random.below(DEPTH + 1) <= depth);
        let Some(rules) = rules else { return self.leaf(ty, random) };
        let Rule { pieces, operands } = random.pick(rules);
        let operands = operands.iter().map(|ty| self.of_type(ty, depth - 1, random)).collect();
        Expression { ty: ty.to_owned(), pieces: pieces.clone(), operands }
    }

    fn leaf(&self, ty: &str, random: &mut Random) -> Expression {
        let value: &String = random.pick(&self.leaves[ty]);
        leaf(ty, value)
    }

    /// The smallest expression found that still differs; `differing` says which of these do.
    pub fn shrink(&self, whole: &Expression, differing: impl Fn(&[String]) -> Vec<usize>) -> Expression {
        let mut smallest = whole.clone();
        loop {
            let mut candidates = self.smaller(&smallest);
            candidates.sort_by_key(Expression::size);
            let texts: Vec<String> = candidates.iter().map(ToString::to_string).collect();
            match differing(&texts).first() {
                Some(found) => smallest = candidates.swap_remove(*found),
                None => return smallest,
            }
        }
    }

    /// Every part, and the whole with one part replaced by a value.
    fn smaller(&self, expression: &Expression) -> Vec<Expression> {
        let mut found = Vec::new();
        for (position, operand) in expression.operands.iter().enumerate() {
            if operand.operands.is_empty() {
                continue;
            }
            found.push(operand.clone());
            let values = self.leaves[&operand.ty].iter().map(|value| leaf(&operand.ty, value));
            for part in self.smaller(operand).into_iter().filter(|part| part.ty == operand.ty).chain(values) {
                let mut whole = expression.clone();
                whole.operands[position] = part;
                found.push(whole);
            }
        }
        found
    }
}

fn leaf(ty: &str, value: &str) -> Expression {
    Expression { ty: ty.to_owned(), pieces: vec![format!("«{value}»")], operands: Vec::new() }
}

impl Rule {
    fn parse(template: &str) -> Rule {
        let (mut pieces, mut operands) = (vec![String::new()], Vec::new());
        let mut rest = template;
        while let Some(start) = rest.find('<') {
            // A `<` that opens no name is an operator.
            let name = rest[start + 1..].split_once('>').filter(|(name, _)| {
                !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || " []".contains(c))
            });
            let name = name.filter(|(name, _)| !name.starts_with(' '));
            let last = pieces.len() - 1;
            match name {
                Some((name, after)) => {
                    pieces[last].push_str(&rest[..start]);
                    operands.push(name.to_owned());
                    pieces.push(String::new());
                    rest = after;
                }
                None => {
                    pieces[last].push_str(&rest[..=start]);
                    rest = &rest[start + 1..];
                }
            }
        }
        let last = pieces.len() - 1;
        pieces[last].push_str(rest);
        Rule { pieces, operands }
    }
}

impl Expression {
    fn size(&self) -> usize {
        1 + self.operands.iter().map(Expression::size).sum::<usize>()
    }
}
