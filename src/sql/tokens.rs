//! Text to tokens, some of them rewritten: what the parser does not know, or would misread, in words that it does.

use super::error::{Bound, Fault};
use super::parse::point;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, TokenizerError, Whitespace};

pub(super) fn tokenize(text: &str) -> Bound<Vec<TokenWithSpan>> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, text)
        .tokenize_with_location()
        .map_err(|TokenizerError { message, location }| Fault::syntax(message).at(point(location)))?;
    let mut tokens = literals(tokens)?;
    trim_sides(&mut tokens);
    rows_from(&mut tokens);
    variadic(&mut tokens);
    versions(&mut tokens);
    exclusions(&mut tokens);
    interval_literals(&symmetric(tokens))
}

/// Leaves spaces out. Quoted literals become one across a line's end, as the standard has it; on one line they are none.
fn literals(spaced: Vec<TokenWithSpan>) -> Bound<Vec<TokenWithSpan>> {
    let (mut tokens, mut newline) = (Vec::<TokenWithSpan>::with_capacity(spaced.len()), false);
    for token in spaced {
        if let Token::Whitespace(space) = token.token {
            newline |= matches!(space, Whitespace::Newline | Whitespace::SingleLineComment { .. });
            continue;
        }
        match (tokens.last_mut().map(|last| &mut last.token), &token.token) {
            (Some(Token::SingleQuotedString(text)), Token::SingleQuotedString(more)) if newline => text.push_str(more),
            (Some(Token::SingleQuotedString(_)), Token::SingleQuotedString(_)) => {
                let message = format!("syntax error at or near \"{token}\"");
                return Err(Fault::syntax(message).at(token.span));
            }
            _ => tokens.push(token),
        }
        newline = false;
    }
    Ok(tokens)
}

fn is(token: &TokenWithSpan, known: Keyword) -> bool {
    matches!(&token.token, Token::Word(word) if word.keyword == known)
}

/// What functions stand in whose rows stand side by side.
pub(super) const ROWS_FROM: &str = "rows\0from";

/// `ROWS FROM (f(a), g(b))` becomes `"rows from"(f(a), g(b))`: the parser does not know it.
fn rows_from(tokens: &mut Vec<TokenWithSpan>) {
    for place in (2..tokens.len()).rev() {
        if is(&tokens[place - 2], Keyword::ROWS)
            && is(&tokens[place - 1], Keyword::FROM)
            && tokens[place].token == Token::LParen
        {
            let from = tokens.remove(place - 1);
            let rows = &mut tokens[place - 2];
            rows.token = Token::make_word(ROWS_FROM, Some('"'));
            rows.span = rows.span.union(&from.span);
        }
    }
}

/// What is called with a table and the time for which it is read.
pub(super) const AS_OF: &str = "as\0of";

/// `t FOR SYSTEM_TIME AS OF s.at` becomes `"as of"(t, s.at)`: the parser does not know it in this dialect.
fn versions(tokens: &mut Vec<TokenWithSpan>) {
    for place in (1..tokens.len()).rev() {
        let said = [Keyword::FOR, Keyword::SYSTEM_TIME, Keyword::AS, Keyword::OF];
        let words = tokens[place..].iter().zip(said).filter(|(token, word)| is(token, *word)).count();
        if words < said.len() {
            continue;
        }
        let (time, end) = (place + words, place + words + dotted(tokens[place + words..].iter()));
        let start = place - dotted(tokens[..place].iter().rev());
        if start == place || end == time {
            continue;
        }
        let span = tokens[place].span.union(&tokens[time - 1].span);
        let at = |token| TokenWithSpan { token, span };
        tokens.insert(end, at(Token::RParen));
        tokens.splice(place..time, [at(Token::Comma)]);
        tokens.splice(start..start, [at(Token::make_word(AS_OF, Some('"'))), at(Token::LParen)]);
    }
}

/// How many tokens make a name with dots.
fn dotted<'t>(tokens: impl Iterator<Item = &'t TokenWithSpan>) -> usize {
    let alternating = tokens.enumerate().take_while(|(place, token)| match token.token {
        Token::Word(_) => place % 2 == 0,
        Token::Period => place % 2 == 1,
        _ => false,
    });
    let count = alternating.count();
    if count % 2 == 0 { count.saturating_sub(1) } else { count }
}

/// The name of an argument that is an array of arguments.
pub(super) const VARIADIC: &str = "variadic\0";

/// `f(VARIADIC a)` becomes `f("variadic" => a)`: the parser does not know it.
fn variadic(tokens: &mut Vec<TokenWithSpan>) {
    for place in (1..tokens.len()).rev() {
        let begins = matches!(tokens[place - 1].token, Token::LParen | Token::Comma);
        if begins && is(&tokens[place], Keyword::VARIADIC) {
            let span = tokens[place].span;
            tokens[place].token = Token::make_word(VARIADIC, Some('"'));
            tokens.insert(place + 1, TokenWithSpan { token: Token::RArrow, span });
        }
    }
}

/// What the name begins with that says, as the first item of PARTITION BY, what a frame leaves out.
pub(super) const EXCLUDE: &str = "exclude\0";

/// `(… EXCLUDE TIES)` becomes `(PARTITION BY "exclude TIES", …)`: the parser knows no such end of a frame.
fn exclusions(tokens: &mut Vec<TokenWithSpan>) {
    for place in (0..tokens.len()).rev() {
        if !is(&tokens[place], Keyword::EXCLUDE) {
            continue;
        }
        let words = ["CURRENT ROW", "GROUP", "TIES", "NO OTHERS"];
        let Some((words, end)) = words.into_iter().find_map(|words| Some((words, spelled(words, tokens, place + 1)?)))
        else {
            continue;
        };
        let Some(open) = opening(&tokens[..place]) else { continue };
        let span = tokens[place].span.union(&tokens[end - 1].span);
        tokens.drain(place..end);
        let at = |token| TokenWithSpan { token, span };
        let marker = at(Token::make_word(&format!("{EXCLUDE}{words}"), Some('"')));
        let is_name =
            |token: &TokenWithSpan| matches!(&token.token, Token::Word(word) if word.keyword == Keyword::NoKeyword);
        let first = open + 1 + usize::from(is_name(&tokens[open + 1]));
        let (first, added) = match is(&tokens[first], Keyword::PARTITION) {
            true => (first + 2, vec![marker, at(Token::Comma)]),
            false => (first, vec![at(Token::make_keyword("PARTITION")), at(Token::make_keyword("BY")), marker]),
        };
        tokens.splice(first..first, added);
    }
}

/// Where the words end that stand before a closing parenthesis, if they stand there.
fn spelled(words: &str, tokens: &[TokenWithSpan], place: usize) -> Option<usize> {
    let mut rest = tokens[place..].iter();
    let same = |word: &str, token: &TokenWithSpan| matches!(&token.token, Token::Word(found) if found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word));
    let all = words.split(' ').all(|word| rest.next().is_some_and(|token| same(word, token)));
    let end = tokens.len() - rest.len();
    (all && rest.next()?.token == Token::RParen).then_some(end)
}

/// The parenthesis that is still open at the end.
fn opening(tokens: &[TokenWithSpan]) -> Option<usize> {
    let mut depth = 0;
    tokens.iter().rposition(|token| {
        match token.token {
            Token::RParen => depth += 1,
            Token::LParen => depth -= 1,
            _ => {}
        }
        depth < 0
    })
}

/// What the lower end of `BETWEEN SYMMETRIC` is called with: no name that anybody could write.
pub(super) const SYMMETRIC: &str = "between\0symmetric";

/// `between symmetric low and` becomes `between "symmetric"(low) and`: the parser knows no other BETWEEN.
fn symmetric(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let (mut out, mut depth) = (Vec::<TokenWithSpan>::with_capacity(tokens.len()), 0);
    // How deep the lower ends nest that are not yet at their AND.
    let mut open = Vec::new();
    for token in tokens {
        let at = |token, span| TokenWithSpan { token, span };
        match token.token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => depth -= 1,
            _ if is(&token, Keyword::CASE) => depth += 1,
            _ if is(&token, Keyword::END) => depth -= 1,
            _ if is(&token, Keyword::AND) && open.last() == Some(&depth) => {
                open.pop();
                out.push(at(Token::RParen, token.span));
            }
            _ if is(&token, Keyword::SYMMETRIC) && out.last().is_some_and(|last| is(last, Keyword::BETWEEN)) => {
                open.push(depth);
                out.push(at(Token::make_word(SYMMETRIC, Some('"')), token.span));
                out.push(at(Token::LParen, token.span));
                continue;
            }
            _ => {}
        }
        out.push(token);
    }
    out
}

/// `trim(leading from x)` becomes `trim(leading x)`: the parser would take `from` for a column or a function.
fn trim_sides(tokens: &mut Vec<TokenWithSpan>) {
    let mut after_side = false;
    tokens.retain(|token| {
        let dropped = after_side && is(token, Keyword::FROM);
        after_side = [Keyword::LEADING, Keyword::TRAILING, Keyword::BOTH].into_iter().any(|side| is(token, side));
        !dropped
    });
}

/// `interval(3) 'text'` becomes `'text'::interval(3)`: the parser would forget what stands between the word and the text.
fn interval_literals(tokens: &[TokenWithSpan]) -> Bound<Vec<TokenWithSpan>> {
    let is_text =
        |token: &TokenWithSpan| matches!(token.token, Token::SingleQuotedString(_) | Token::EscapedStringLiteral(_));
    let mut out = Vec::with_capacity(tokens.len());
    let mut rest = tokens;
    while let [first, after @ ..] = rest {
        rest = after;
        if !is(first, Keyword::INTERVAL) {
            out.push(first.clone());
            continue;
        }
        let fields = after.iter().take_while(|token| FIELDS.iter().any(|field| is(token, *field))).count();
        match after {
            _ if fields > 0 && after.get(fields).is_some_and(is_text) => {
                return Err(Fault::syntax("an interval's fields stand behind its text").at(after[0].span));
            }
            [open, digits, close, text, more @ ..]
                if (&open.token, &close.token) == (&Token::LParen, &Token::RParen) && is_text(text) =>
            {
                let cast = TokenWithSpan { token: Token::DoubleColon, span: text.span };
                out.extend([text, &cast, first, open, digits, close].map(Clone::clone));
                rest = more;
            }
            _ => out.push(first.clone()),
        }
    }
    Ok(out)
}

/// The words between INTERVAL and a text that belong behind the text.
const FIELDS: [Keyword; 7] =
    [Keyword::YEAR, Keyword::MONTH, Keyword::DAY, Keyword::HOUR, Keyword::MINUTE, Keyword::SECOND, Keyword::TO];
