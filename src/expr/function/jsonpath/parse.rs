//! A path's words to what it says.

use super::lexer::{Token, tokens};
use super::syntax::{Arithmetic, Comparison, Expression, Method, Path, Predicate, Step};
use super::{Result, invalid};
use crate::expr::EvalError;
use crate::expr::function::pattern::Expression as Regex;
use crate::value::json::Json;
use crate::value::numeric::Numeric;

/// How deep parentheses may nest.
const MAX_NESTING: usize = 64;

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    depth: usize,
    /// How many filters, and how many subscripts, one is in.
    filters: usize,
    subscripts: usize,
}

pub(super) fn parse(text: &str) -> Result<Path> {
    let tokens = tokens(text)?;
    if tokens.is_empty() {
        return Err(EvalError::new("22P02", format!("invalid input syntax for type jsonpath: \"{text}\"")));
    }
    let mut parser = Parser { tokens: tokens.into_iter().peekable(), depth: 0, filters: 0, subscripts: 0 };
    let lax = !parser.keyword("strict");
    if lax {
        parser.keyword("lax");
    }
    let expression = parser.disjunction()?;
    match parser.tokens.next() {
        Some(token) => Err(unexpected(Some(&token))),
        None => Ok(Path { lax, expression }),
    }
}

fn unexpected(token: Option<&Token>) -> EvalError {
    match token {
        Some(Token::Sign(sign)) => invalid(&format!("syntax error at or near \"{sign}\"")),
        Some(Token::Word(word) | Token::Text(word) | Token::Variable(word)) => {
            invalid(&format!("syntax error at or near \"{word}\""))
        }
        Some(Token::Number(_)) => invalid("syntax error at or near a number"),
        None => invalid("syntax error at the end"),
    }
}

fn predicate(expression: Expression) -> Result<Predicate> {
    match expression {
        Expression::Predicate(predicate) => Ok(predicate),
        _ => Err(invalid("a condition is expected")),
    }
}

fn value(expression: Expression) -> Result<Box<Expression>> {
    match expression {
        Expression::Predicate(_) => Err(invalid("a condition stands where a value is expected")),
        expression => Ok(Box::new(expression)),
    }
}

impl Parser {
    fn sign(&mut self, sign: &str) -> bool {
        self.tokens.next_if(|token| matches!(token, Token::Sign(known) if *known == sign)).is_some()
    }

    fn expect(&mut self, sign: &str) -> Result<()> {
        if self.sign(sign) { Ok(()) } else { Err(unexpected(self.tokens.peek())) }
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let is = |token: &Token| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case(keyword));
        self.tokens.next_if(is).is_some()
    }

    fn nested<X>(&mut self, parse: impl FnOnce(&mut Parser) -> Result<X>) -> Result<X> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return Err(invalid("the path nests too deep"));
        }
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn disjunction(&mut self) -> Result<Expression> {
        let mut left = self.conjunction()?;
        while self.sign("||") {
            let right = predicate(self.conjunction()?)?;
            left = Expression::Predicate(Predicate::Or(Box::new(predicate(left)?), Box::new(right)));
        }
        Ok(left)
    }

    fn conjunction(&mut self) -> Result<Expression> {
        let mut left = self.comparison()?;
        while self.sign("&&") {
            let right = predicate(self.comparison()?)?;
            left = Expression::Predicate(Predicate::And(Box::new(predicate(left)?), Box::new(right)));
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Result<Expression> {
        if self.sign("!") {
            let operand = match self.tokens.peek() {
                Some(Token::Sign("(")) => {
                    self.expect("(")?;
                    let inner = self.nested(|parser| predicate(parser.disjunction()?))?;
                    self.expect(")")?;
                    inner
                }
                Some(Token::Word(word)) if word.eq_ignore_ascii_case("exists") => predicate(self.primary()?)?,
                token => return Err(unexpected(token)),
            };
            return Ok(Expression::Predicate(Predicate::Not(Box::new(operand))));
        }
        let left = self.sum()?;
        let comparisons = [
            ("==", Comparison::Equal),
            ("=", Comparison::Equal),
            ("<>", Comparison::NotEqual),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            ("<", Comparison::Less),
            (">=", Comparison::GreaterOrEqual),
            (">", Comparison::Greater),
        ];
        for (sign, comparison) in comparisons {
            if self.sign(sign) {
                let (left, right) = (value(left)?, value(self.sum()?)?);
                return Ok(Expression::Predicate(Predicate::Compare(comparison, left, right)));
            }
        }
        if self.keyword("starts") {
            if !self.keyword("with") {
                return Err(unexpected(self.tokens.peek()));
            }
            let initial = match self.tokens.next() {
                Some(Token::Text(text)) => Expression::Literal(Json::String(text.into())),
                Some(Token::Variable(name)) => Expression::Variable(name),
                token => return Err(unexpected(token.as_ref())),
            };
            return Ok(Expression::Predicate(Predicate::StartsWith(value(left)?, Box::new(initial))));
        }
        if self.keyword("like_regex") {
            return self.like_regex(left);
        }
        Ok(left)
    }

    fn like_regex(&mut self, left: Expression) -> Result<Expression> {
        let text = |token: Option<Token>| match token {
            Some(Token::Text(text)) => Ok(text),
            token => Err(unexpected(token.as_ref())),
        };
        let pattern = text(self.tokens.next())?;
        let written = if self.keyword("flag") { text(self.tokens.next())? } else { String::new() };
        let has = |flag: char| written.contains(flag);
        if let Some(unknown) = written.chars().find(|flag| !"ismxq".contains(*flag)) {
            return Err(invalid(&format!("unrecognized flag character \"{unknown}\" in LIKE_REGEX predicate")));
        }
        if has('x') && !has('q') {
            let message = "XQuery \"x\" flag (expanded regular expressions) is not implemented";
            return Err(EvalError::new("0A000", message));
        }
        // By default `.` stops at a newline and `^` and `$` do not.
        let lines = match (has('q'), has('s'), has('m')) {
            (true, ..) => "q",
            (_, true, true) => "w",
            (_, true, false) => "s",
            (_, false, true) => "n",
            (_, false, false) => "p",
        };
        let flags = format!("{lines}{}", if has('i') { "i" } else { "" });
        Regex::of(&pattern, &flags)?;
        Ok(Expression::Predicate(Predicate::LikeRegex(value(left)?, pattern, flags)))
    }

    fn sum(&mut self) -> Result<Expression> {
        self.chain(Parser::product, &[("+", Arithmetic::Add), ("-", Arithmetic::Subtract)])
    }

    fn product(&mut self) -> Result<Expression> {
        let operators = [("*", Arithmetic::Multiply), ("/", Arithmetic::Divide), ("%", Arithmetic::Remainder)];
        self.chain(Parser::signed, &operators)
    }

    /// Operands with these operators between them, from the left.
    fn chain(
        &mut self,
        operand: fn(&mut Self) -> Result<Expression>,
        operators: &[(&str, Arithmetic)],
    ) -> Result<Expression> {
        let mut left = operand(self)?;
        while let Some((_, operator)) = operators.iter().find(|(sign, _)| self.sign(sign)) {
            let right = value(operand(self)?)?;
            left = Expression::Arithmetic(*operator, value(left)?, right);
        }
        Ok(left)
    }

    fn signed(&mut self) -> Result<Expression> {
        let minus = self.sign("-");
        if minus || self.sign("+") {
            let operand = self.nested(|parser| value(parser.signed()?))?;
            return Ok(Expression::Sign { minus, operand });
        }
        self.accessed()
    }

    fn accessed(&mut self) -> Result<Expression> {
        let base = self.primary()?;
        let mut steps = Vec::new();
        while let Some(step) = self.step()? {
            steps.push(step);
        }
        Ok(match base {
            base if steps.is_empty() => base,
            Expression::Steps(base, mut before) => {
                before.extend(steps);
                Expression::Steps(base, before)
            }
            base => Expression::Steps(Box::new(base), steps),
        })
    }

    fn primary(&mut self) -> Result<Expression> {
        let token = self.tokens.next();
        Ok(match &token {
            Some(Token::Sign("$")) => Expression::Root,
            Some(Token::Sign("@")) if self.filters == 0 => {
                return Err(invalid("@ is not allowed in root expressions"));
            }
            Some(Token::Sign("@")) => Expression::Current,
            Some(Token::Sign("(")) => {
                let inner = self.nested(Parser::disjunction)?;
                self.expect(")")?;
                if self.keyword("is") {
                    if !self.keyword("unknown") {
                        return Err(unexpected(self.tokens.peek()));
                    }
                    return Ok(Expression::Predicate(Predicate::IsUnknown(Box::new(predicate(inner)?))));
                }
                inner
            }
            Some(Token::Variable(name)) => Expression::Variable(name.clone()),
            Some(Token::Number(number)) => Expression::Literal(Json::Number(number.clone())),
            Some(Token::Text(text)) => Expression::Literal(Json::String(text.as_str().into())),
            Some(Token::Word(word)) => match word.as_str() {
                "null" => Expression::Literal(Json::Null),
                "true" => Expression::Literal(Json::Bool(true)),
                "false" => Expression::Literal(Json::Bool(false)),
                word if word.eq_ignore_ascii_case("last") && self.subscripts > 0 => Expression::Last,
                word if word.eq_ignore_ascii_case("last") => {
                    return Err(invalid("LAST is allowed only in array subscripts"));
                }
                word if word.eq_ignore_ascii_case("exists") => {
                    self.expect("(")?;
                    let inner = self.nested(|parser| value(parser.disjunction()?))?;
                    self.expect(")")?;
                    Expression::Predicate(Predicate::Exists(inner))
                }
                _ => return Err(unexpected(token.as_ref())),
            },
            token => return Err(unexpected(token.as_ref())),
        })
    }

    fn step(&mut self) -> Result<Option<Step>> {
        if self.sign(".") {
            return self.dotted().map(Some);
        }
        if self.sign("[") {
            return self.subscripted().map(Some);
        }
        if self.sign("?") {
            self.expect("(")?;
            self.filters += 1;
            let condition = self.nested(|parser| predicate(parser.disjunction()?))?;
            self.filters -= 1;
            self.expect(")")?;
            return Ok(Some(Step::Filter(condition)));
        }
        Ok(None)
    }

    /// What follows a dot.
    fn dotted(&mut self) -> Result<Step> {
        if self.sign("*") {
            return Ok(Step::Members);
        }
        if self.sign("**") {
            return self.levels();
        }
        let token = self.tokens.next();
        let name = match &token {
            Some(Token::Text(name)) => return Ok(Step::Member(name.clone())),
            Some(Token::Word(name)) => name.clone(),
            token => return Err(unexpected(token.as_ref())),
        };
        if self.tokens.peek() != Some(&Token::Sign("(")) {
            return Ok(Step::Member(name));
        }
        self.expect("(")?;
        let method = match name.to_ascii_lowercase().as_str() {
            "type" => Method::Type,
            "size" => Method::Size,
            "double" => Method::Double,
            "ceiling" => Method::Ceiling,
            "floor" => Method::Floor,
            "abs" => Method::Abs,
            "keyvalue" => Method::KeyValue,
            "boolean" => Method::Boolean,
            "bigint" => Method::BigInt,
            "integer" => Method::Integer,
            "number" => Method::Number,
            "string" => Method::Text,
            "datetime" | "date" | "time" | "time_tz" | "timestamp" | "timestamp_tz" | "decimal" => {
                return Err(EvalError::new("0A000", format!("the jsonpath method .{name}() is not supported yet")));
            }
            _ => return Err(unexpected(token.as_ref())),
        };
        self.expect(")")?;
        Ok(Step::Method(method))
    }

    /// The levels behind `.**`, if they are limited.
    fn levels(&mut self) -> Result<Step> {
        if !self.sign("{") {
            return Ok(Step::Levels { from: Some(0), to: Some(u32::MAX) });
        }
        let from = self.level()?;
        let to = if self.keyword("to") { self.level()? } else { from };
        self.expect("}")?;
        Ok(Step::Levels { from, to })
    }

    fn level(&mut self) -> Result<Option<u32>> {
        if self.keyword("last") {
            return Ok(None);
        }
        match self.tokens.next() {
            Some(Token::Number(number)) if number.scale() == 0 => Ok(Some(number.to_integer("integer")?)),
            token => Err(unexpected(token.as_ref())),
        }
    }

    fn subscripted(&mut self) -> Result<Step> {
        if self.sign("*") {
            self.expect("]")?;
            return Ok(Step::Elements);
        }
        self.subscripts += 1;
        let mut subscripts = Vec::new();
        loop {
            let from = self.nested(|parser| value(parser.sum()?))?;
            let to = if self.keyword("to") { Some(*self.nested(|parser| value(parser.sum()?))?) } else { None };
            subscripts.push((*from, to));
            if !self.sign(",") {
                break;
            }
        }
        self.subscripts -= 1;
        self.expect("]")?;
        Ok(Step::Subscripts(subscripts))
    }
}

/// A number a path speaks of.
pub(super) fn number(value: usize) -> Json {
    Json::Number(Numeric::from(value as i64))
}
