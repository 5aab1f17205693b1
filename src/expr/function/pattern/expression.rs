//! A compiled regular expression, and the matches Postgres would find.
//!
//! Postgres looks for the longest match of those that begin first (or the shortest, if what comes first in the expression is
//! not greedy), whatever the order of alternatives; a backtracking engine takes the first it finds. Where the two may differ
//! an automaton tells where the match ends.

use super::translate::translate;
use crate::expr::EvalError;
use fancy_regex::Regex;
use regex_automata::nfa::thompson::pikevm::{Cache, PikeVM};
use regex_automata::{Anchored, Input, MatchKind};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

type Result<X> = std::result::Result<X, EvalError>;

/// Compiled expressions kept per thread.
const CACHED: usize = 256;

/// Where a match and its groups are, in bytes.
#[derive(Debug)]
pub(in crate::expr::function) struct Match {
    groups: Vec<Option<(usize, usize)>>,
}

impl Match {
    pub(in crate::expr::function) fn start(&self) -> usize {
        self.group(0).map_or(0, |(start, _)| start)
    }

    pub(in crate::expr::function) fn end(&self) -> usize {
        self.group(0).map_or(0, |(_, end)| end)
    }

    /// A group's place; 0 is the whole match.
    pub(in crate::expr::function) fn group(&self, number: usize) -> Option<(usize, usize)> {
        self.groups.get(number).copied().flatten()
    }

    /// How many groups the expression has.
    pub(in crate::expr::function) fn groups(&self) -> usize {
        self.groups.len() - 1
    }
}

/// Tells where a match ends.
struct Extent {
    automaton: PikeVM,
    cache: RefCell<Cache>,
    longest: bool,
    /// The expression up to the end of the text, to find the groups of a match whose end is known.
    whole: Regex,
}

pub(in crate::expr::function) struct Expression {
    regex: Regex,
    extent: Option<Extent>,
}

fn compile(text: &str) -> Result<Regex> {
    Regex::new(text).map_err(|error| EvalError::new("2201B", format!("invalid regular expression: {error}")))
}

/// A search that was given up because it took too many steps.
fn gave_up(error: fancy_regex::Error) -> EvalError {
    EvalError::new("2201B", format!("regular expression failed: {error}"))
}

impl Expression {
    fn new(pattern: &str, flags: &str) -> Result<Expression> {
        let translated = translate(pattern, flags)?;
        let regex = compile(&translated.text)?;
        let needed = translated.ambiguous && translated.regular;
        let extent = if needed { Extent::new(&translated.text, translated.longest)? } else { None };
        Ok(Expression { regex, extent })
    }

    /// The compiled expression; patterns are nearly always constants.
    pub(in crate::expr::function) fn of(pattern: &str, flags: &str) -> Result<Rc<Expression>> {
        thread_local! {
            static CACHE: RefCell<HashMap<(String, String), Rc<Expression>>> = RefCell::new(HashMap::new());
        }
        CACHE.with_borrow_mut(|cache| {
            let key = (pattern.to_owned(), flags.to_owned());
            if let Some(expression) = cache.get(&key) {
                return Ok(expression.clone());
            }
            let expression = Rc::new(Expression::new(pattern, flags)?);
            if cache.len() == CACHED {
                cache.clear();
            }
            cache.insert(key, expression.clone());
            Ok(expression)
        })
    }

    pub(in crate::expr::function) fn is_match(&self, text: &str) -> Result<bool> {
        self.regex.is_match(text).map_err(gave_up)
    }

    /// The first match from a place on.
    pub(in crate::expr::function) fn find(&self, text: &str, from: usize) -> Result<Option<Match>> {
        let Some(found) = self.groups(&self.regex, text, from)? else { return Ok(None) };
        let Some(extent) = &self.extent else { return Ok(Some(found)) };
        let (start, end) = (found.start(), extent.end(text, found.start()).unwrap_or(found.end()));
        if end == found.end() {
            return Ok(Some(found));
        }
        match self.groups(&extent.whole, &text[..end], start)? {
            Some(exact) if exact.start() == start => Ok(Some(exact)),
            // What stands behind the match was looked at: its groups are not to be told.
            _ => {
                let mut groups = vec![None; found.groups.len()];
                groups[0] = Some((start, end));
                Ok(Some(Match { groups }))
            }
        }
    }

    fn groups(&self, regex: &Regex, text: &str, from: usize) -> Result<Option<Match>> {
        let found = regex.captures_from_pos(text, from).map_err(gave_up)?;
        Ok(found.map(|found| {
            let groups = (0..found.len()).map(|number| found.get(number).map(|group| (group.start(), group.end())));
            Match { groups: groups.collect() }
        }))
    }

    /// All matches, one behind the other; an empty one is looked for anew a character further.
    pub(in crate::expr::function) fn find_all<'e>(
        &'e self,
        text: &'e str,
        from: usize,
    ) -> impl Iterator<Item = Result<Match>> + 'e {
        let mut from = Some(from);
        std::iter::from_fn(move || {
            let found = match self.find(text, from?) {
                Ok(found) => found?,
                Err(error) => {
                    from = None;
                    return Some(Err(error));
                }
            };
            from = match found.end() {
                end if end > found.start() => Some(end),
                end => text[end..].chars().next().map(|c| end + c.len_utf8()),
            };
            Some(Ok(found))
        })
    }
}

impl Extent {
    /// None if the expression is beyond an automaton.
    fn new(text: &str, longest: bool) -> Result<Option<Extent>> {
        let config = PikeVM::config().match_kind(MatchKind::All);
        let Ok(automaton) = PikeVM::builder().configure(config).build(text) else { return Ok(None) };
        let cache = RefCell::new(automaton.create_cache());
        Ok(Some(Extent { automaton, cache, longest, whole: compile(&format!(r"(?:{text})\z"))? }))
    }

    /// Where the longest match that begins there ends, or the shortest.
    fn end(&self, text: &str, start: usize) -> Option<usize> {
        let input = Input::new(text).range(start..).anchored(Anchored::Yes).earliest(!self.longest);
        let mut slots = [None, None];
        self.automaton.search_slots(&mut self.cache.borrow_mut(), &input, &mut slots)?;
        slots[1].map(|end| end.get())
    }
}
