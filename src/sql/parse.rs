//! Text to syntax trees: the `CREATE VIEW` statements of a file, each with the place it came from.
//!
//! Statements are parsed one by one, so that one mistake does not hide the next. Their size is bounded before they are parsed:
//! the trees are walked, and dropped, recursively.

use super::error::{Bound, Fault};
use super::tokens::tokenize;
use sqlparser::ast::{CreateTableOptions, CreateView, Query, Statement, ViewColumnDef};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan};

/// More tokens than this are not one view; the bound keeps every tree's depth within the stack.
const MAX_TOKENS: usize = 20_000;
/// How deep parentheses, CASE and subqueries may nest.
const MAX_NESTING: usize = 64;

/// A view as written.
#[derive(Debug)]
pub(super) struct Definition {
    pub(super) name: sqlparser::ast::ObjectName,
    pub(super) columns: Vec<sqlparser::ast::Ident>,
    pub(super) query: Box<Query>,
}

/// The definitions of a file, and what is wrong with the rest of it.
pub(super) fn parse(text: &str) -> (Vec<Definition>, Vec<Fault>) {
    let (mut definitions, mut faults) = (Vec::new(), Vec::new());
    let tokens = match tokenize(text) {
        Ok(tokens) => tokens,
        Err(fault) => return (definitions, vec![fault]),
    };
    for statement in tokens.split(|token| token.token == Token::SemiColon) {
        match parse_definition(statement) {
            Ok(definition) => definitions.extend(definition),
            Err(fault) => faults.push(fault),
        }
    }
    (definitions, faults)
}

/// The statements of a file, each with its place, and what is wrong with the rest of it.
pub(super) fn parse_statements(text: &str) -> (Vec<(Span, Statement)>, Vec<Fault>) {
    let (mut statements, mut faults) = (Vec::new(), Vec::new());
    let tokens = match tokenize(text) {
        Ok(tokens) => tokens,
        Err(fault) => return (statements, vec![fault]),
    };
    for tokens in tokens.split(|token| token.token == Token::SemiColon) {
        let Some(first) = tokens.iter().find(|t| t.token != Token::EOF) else { continue };
        match parse_statement(tokens) {
            Ok(statement) => statements.push((first.span, statement)),
            Err(fault) => faults.push(fault),
        }
    }
    (statements, faults)
}

fn parse_statement(tokens: &[TokenWithSpan]) -> Bound<Statement> {
    guarded(tokens, |parser| {
        let statement = parser.parse_statement()?;
        parser.expect_token(&Token::EOF)?;
        Ok(statement)
    })
}

/// One expression and nothing else.
pub(super) fn parse_expression(text: &str) -> Bound<sqlparser::ast::Expr> {
    let tokens = tokenize(text)?;
    guarded(&tokens, |parser| {
        let expression = parser.parse_expr()?;
        parser.expect_token(&Token::EOF)?;
        Ok(expression)
    })
}

/// One query and nothing else.
pub(super) fn parse_query(text: &str) -> Bound<Query> {
    let tokens = tokenize(text)?;
    guarded(&tokens, |parser| {
        let query = parser.parse_query()?;
        parser.expect_token(&Token::EOF)?;
        Ok(*query)
    })
}

/// The character at a place.
pub(super) fn point(location: Location) -> Span {
    Span::new(location, Location::new(location.line, location.column + 1))
}

fn parse_definition(tokens: &[TokenWithSpan]) -> Bound<Option<Definition>> {
    let Some(first) = tokens.iter().find(|t| t.token != Token::EOF) else {
        return Ok(None);
    };
    match parse_statement(tokens)? {
        Statement::CreateView(view) => definition(view).map(Some).map_err(|fault| fault.at(first.span)),
        Statement::Query(_) => Err(Fault::syntax("a query without a view").at(first.span))
            .map_err(|f| f.hint("Every statement of a view file is CREATE VIEW name AS SELECT …;")),
        _ => Err(Fault::syntax("only CREATE VIEW statements are allowed here").at(first.span))
            .map_err(|f| f.hint("Every statement of a view file is CREATE VIEW name AS SELECT …;")),
    }
}

/// Runs the parser on tokens that are not too many, and places its errors.
fn guarded<T>(tokens: &[TokenWithSpan], parse: impl FnOnce(&mut Parser<'_>) -> Result<T, ParserError>) -> Bound<T> {
    let words = || tokens.iter().filter(|t| t.token != Token::EOF);
    let last = words().next_back().map_or(Span::empty(), |token| token.span);
    if words().count() > MAX_TOKENS {
        let first = words().next().map_or(Span::empty(), |token| token.span);
        return Err(Fault::new("54001", format!("the statement has more than {MAX_TOKENS} words")).at(first));
    }
    let mut parser = Parser::new(&PostgreSqlDialect {})
        .with_recursion_limit(MAX_NESTING)
        .with_tokens_with_locations(tokens.to_vec());
    parse(&mut parser).map_err(|error| match error {
        ParserError::RecursionLimitExceeded => {
            Fault::new("54001", format!("the statement nests deeper than {MAX_NESTING} levels")).at(last)
        }
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => syntax_error(&message, last),
    })
}

/// The parser puts the place at the end of its message: taken off there, and the rest put in Postgres's words.
fn syntax_error(message: &str, last: Span) -> Fault {
    let (said, place) = match message.rsplit_once(" at Line: ") {
        Some((said, place)) => (said, place.split_once(", Column: ")),
        None => (message, None),
    };
    let place = place.and_then(|(line, column)| Some(Location::new(line.parse().ok()?, column.parse().ok()?)));
    let (expected, found) = match said.strip_prefix("Expected: ").and_then(|said| said.rsplit_once(", found: ")) {
        Some((expected, found)) => (Some(expected), found),
        None => (None, ""),
    };
    let width = found.chars().count().max(1) as u64;
    let span = match place {
        Some(start) => Span::new(start, Location::new(start.line, start.column + width)),
        None => point(last.end),
    };
    match (expected, found) {
        (Some(expected), "EOF") => {
            Fault::syntax("syntax error at the end of the statement").hint(format!("Expected {expected}.")).at(span)
        }
        (Some(expected), found) => {
            Fault::syntax(format!("syntax error at or near \"{found}\"")).hint(format!("Expected {expected}.")).at(span)
        }
        (None, _) => Fault::syntax(format!("syntax error: {said}")).at(span),
    }
}

fn definition(view: CreateView) -> Bound<Definition> {
    let refused = [
        (view.materialized, "MATERIALIZED (every view here is kept up to date) is"),
        (view.temporary, "a temporary view is"),
        (view.or_alter, "OR ALTER is"),
        (view.if_not_exists, "IF NOT EXISTS is"),
        (view.with_no_schema_binding, "WITH NO SCHEMA BINDING is"),
        (view.secure || view.params.is_some(), "a view option is"),
        (view.options != CreateTableOptions::None, "a view option is"),
        (view.comment.is_some() || view.copy_grants || view.to.is_some(), "a view option is"),
        (!view.cluster_by.is_empty(), "CLUSTER BY is"),
    ];
    if let Some((_, what)) = refused.into_iter().find(|(present, _)| *present) {
        return Err(Fault::unsupported(what).within(&view.name));
    }
    let columns = view.columns.into_iter().map(|ViewColumnDef { name, data_type, options }| {
        match data_type.is_some() || options.is_some() {
            true => Err(Fault::syntax("a view's column list holds names only").at(name.span)),
            false => Ok(name),
        }
    });
    Ok(Definition { columns: columns.collect::<Bound<_>>()?, name: view.name, query: view.query })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_statement_reports_its_own_mistake() {
        let text = "CREATE VIEW a AS SELECT 1;\nCREATE VEW b;\n-- nothing\n;SELECT 1; CREATE VIEW c AS SELECT 2";
        let (definitions, faults) = parse(text);
        assert_eq!(definitions.len(), 2);
        let shown: Vec<String> = faults.into_iter().map(|f| f.locate("v.sql", text).to_string()).collect();
        assert_eq!(shown.len(), 2, "{shown:?}");
        assert!(shown[0].starts_with("v.sql:2:8: syntax error at or near \"VEW\""), "{}", shown[0]);
        assert!(shown[1].starts_with("v.sql:4:2: a query without a view"), "{}", shown[1]);
    }

    #[test]
    fn long_and_deep_statements_are_refused() {
        let long = format!("SELECT {}1", "1 + ".repeat(MAX_TOKENS));
        let deep = format!("CREATE VIEW a AS SELECT {}1", "(".repeat(10_000));
        for text in [long, deep] {
            let (definitions, faults) = parse(&text);
            assert!(definitions.is_empty());
            assert_eq!(faults[0].code, "54001");
        }
    }
}
