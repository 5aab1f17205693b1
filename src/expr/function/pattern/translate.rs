//! Postgres's "advanced" regular expressions in the syntax of `fancy-regex`. What is no expression there is none here.

use crate::expr::EvalError;

mod bracket;

type Result<X> = std::result::Result<X, EvalError>;

/// Most repetitions that can be asked for.
const MAX_REPETITIONS: u32 = 255;
/// How deep groups may nest.
const MAX_NESTING: usize = 100;

/// A translated expression.
pub(super) struct Translated {
    pub(super) text: String,
    /// Whether the longest of the matches that begin first is meant, or the shortest.
    pub(super) longest: bool,
    /// Whether it has no back references and does not look around.
    pub(super) regular: bool,
    /// Whether the first match found by backtracking may be another than the one that is meant.
    pub(super) ambiguous: bool,
}

fn invalid(what: &str) -> EvalError {
    EvalError::new("2201B", format!("invalid regular expression: {what}"))
}

/// What flags say.
#[derive(Clone, Copy, Default)]
struct Options {
    ignores_case: bool,
    /// Whether `.` and complements match no newline.
    dot_stops: bool,
    /// Whether `^` and `$` match at lines.
    lines: bool,
    expanded: bool,
    literal: bool,
}

impl Options {
    fn read(&mut self, flags: &str) -> Result<()> {
        for flag in flags.chars() {
            match flag {
                'i' => self.ignores_case = true,
                'c' => self.ignores_case = false,
                'n' | 'm' => (self.dot_stops, self.lines) = (true, true),
                'p' => (self.dot_stops, self.lines) = (true, false),
                's' => (self.dot_stops, self.lines) = (false, false),
                'w' => (self.dot_stops, self.lines) = (false, true),
                'x' => self.expanded = true,
                't' => self.expanded = false,
                'q' => self.literal = true,
                'e' | 'g' => {}
                'b' => {
                    let message = "basic regular expressions are not supported yet";
                    return Err(EvalError::new("0A000", message));
                }
                _ => return Err(EvalError::new("22023", format!("invalid regular expression option: \"{flag}\""))),
            }
        }
        Ok(())
    }
}

/// A quantifier's reach.
struct Quantifier {
    text: String,
    /// Whether it takes as much as it can; none for a fixed number.
    greedy: Option<bool>,
}

struct Translator<'p> {
    rest: std::iter::Peekable<std::str::Chars<'p>>,
    out: String,
    options: Options,
    groups: u32,
    depth: usize,
    regular: bool,
    alternatives: bool,
    quantified_group: bool,
    greedy: bool,
    lazy: bool,
}

pub(super) fn translate(pattern: &str, flags: &str) -> Result<Translated> {
    let mut options = Options::default();
    options.read(flags)?;
    let mut pattern = pattern;
    if let Some(directed) = pattern.strip_prefix("***") {
        match directed.chars().next() {
            Some(':') => options.literal = false,
            Some('=') => options.literal = true,
            _ => return Err(invalid("quantifier operand invalid")),
        }
        pattern = &directed[1..];
    }
    // Options within the pattern stand at its beginning, and win.
    let within = pattern.strip_prefix("(?").and_then(|rest| rest.split_once(')'));
    if let Some((letters, after)) = within.filter(|_| !options.literal)
        && letters.starts_with(|c: char| c.is_ascii_lowercase())
    {
        let known = |c: char| "bceimnpqstwx".contains(c);
        if !letters.chars().all(known) {
            return Err(invalid("invalid embedded option"));
        }
        options.read(letters)?;
        pattern = after;
    }
    let case = if options.ignores_case { "(?i)" } else { "" };
    if options.literal {
        let text = format!("{case}{}", fancy_regex::escape(pattern));
        return Ok(Translated { text, longest: true, regular: true, ambiguous: false });
    }
    let mut translator = Translator {
        rest: pattern.chars().peekable(),
        out: case.to_owned(),
        options,
        groups: 0,
        depth: 0,
        regular: true,
        alternatives: false,
        quantified_group: false,
        greedy: false,
        lazy: false,
    };
    let greedy = translator.alternatives()?;
    if translator.rest.peek().is_some() {
        return Err(invalid("parentheses () not balanced"));
    }
    Ok(Translated {
        longest: greedy != Some(false),
        regular: translator.regular,
        ambiguous: translator.alternatives || translator.quantified_group || (translator.greedy && translator.lazy),
        text: translator.out,
    })
}

impl Translator<'_> {
    /// Up to the end or a closing parenthesis; whether it is greedy, if it prefers anything.
    fn alternatives(&mut self) -> Result<Option<bool>> {
        let mut greedy = self.branch()?;
        while self.rest.next_if_eq(&'|').is_some() {
            self.alternatives = true;
            self.out.push('|');
            self.branch()?;
            greedy = Some(true);
        }
        Ok(greedy)
    }

    /// The first part that prefers anything decides for all of them.
    fn branch(&mut self) -> Result<Option<bool>> {
        let mut greedy = None;
        loop {
            self.skip_blanks();
            match self.rest.peek() {
                None | Some('|') => return Ok(greedy),
                Some(')') if self.depth > 0 => return Ok(greedy),
                Some(')') => return Err(invalid("parentheses () not balanced")),
                Some(_) => greedy = greedy.or(self.quantified()?),
            }
        }
    }

    /// In the expanded syntax, blanks and comments mean nothing.
    fn skip_blanks(&mut self) {
        while self.options.expanded {
            match self.rest.peek() {
                Some(c) if c.is_whitespace() => drop(self.rest.next()),
                Some('#') => while self.rest.next().is_some_and(|c| c != '\n') {},
                _ => break,
            }
        }
    }

    fn quantified(&mut self) -> Result<Option<bool>> {
        let start = self.out.len();
        let (inner, may_repeat) = self.atom()?;
        let group = self.out[start..].starts_with('(');
        self.skip_blanks();
        let Some(Quantifier { text, greedy }) = self.quantifier()? else { return Ok(inner) };
        if !may_repeat {
            return Err(invalid("quantifier operand invalid"));
        }
        self.quantified_group |= group;
        match greedy {
            Some(true) => self.greedy = true,
            Some(false) => self.lazy = true,
            None => {}
        }
        self.out.push_str(&text);
        self.skip_blanks();
        if matches!(self.rest.peek(), Some('*' | '+' | '?')) || self.at_bound() {
            return Err(invalid("quantifier operand invalid"));
        }
        Ok(greedy.or(inner))
    }

    /// Whether `{` and a digit follow.
    fn at_bound(&self) -> bool {
        let mut ahead = self.rest.clone();
        ahead.next() == Some('{') && ahead.next().is_some_and(|c| c.is_ascii_digit())
    }

    fn quantifier(&mut self) -> Result<Option<Quantifier>> {
        let (mut text, mut fixed) = (String::new(), false);
        match self.rest.peek().copied() {
            Some('*' | '+' | '?') => text.extend(self.rest.next()),
            Some('{') if self.at_bound() => {
                self.rest.next();
                (text, fixed) = self.bound()?;
            }
            _ => return Ok(None),
        }
        let lazy = self.rest.next_if_eq(&'?').is_some();
        if lazy && !fixed && !text.is_empty() {
            text.push('?');
        }
        Ok(Some(Quantifier { text, greedy: (!fixed).then_some(!lazy) }))
    }

    /// `{m}`, `{m,}` or `{m,n}`, of which the brace has been read; whether it is the first.
    fn bound(&mut self) -> Result<(String, bool)> {
        let mut written = String::new();
        while let Some(c) = self.rest.next_if(|c| c.is_ascii_digit() || *c == ',') {
            written.push(c);
        }
        if self.rest.next() != Some('}') {
            return Err(invalid("invalid repetition count(s)"));
        }
        let (least, most) = written.split_once(',').unwrap_or((&written, &written));
        let number = |digits: &str| if digits.is_empty() { Some(MAX_REPETITIONS) } else { digits.parse().ok() };
        match (number(least), number(most)) {
            // Once is said to prefer something, and changes nothing else.
            (Some(1), Some(1)) => Ok((String::new(), !written.contains(','))),
            (Some(least), Some(most)) if least <= most && most <= MAX_REPETITIONS => {
                Ok((format!("{{{written}}}"), !written.contains(',')))
            }
            _ => Err(invalid("invalid repetition count(s)")),
        }
    }

    /// One atom or constraint: what it prefers, and whether it may be repeated.
    fn atom(&mut self) -> Result<(Option<bool>, bool)> {
        match self.rest.next() {
            Some('(') => return self.group(),
            Some('[') => return self.bracket().map(|may_repeat| (None, may_repeat)),
            Some('\\') => return self.escape().map(|may_repeat| (None, may_repeat)),
            Some('.') => self.out.push_str(if self.options.dot_stops { r"[^\n]" } else { "(?s:.)" }),
            Some('^') => {
                self.out.push_str(if self.options.lines { "(?m:^)" } else { r"\A" });
                return Ok((None, false));
            }
            Some('$') => {
                self.out.push_str(if self.options.lines { "(?m:$)" } else { r"\z" });
                return Ok((None, false));
            }
            Some('*' | '+' | '?') => return Err(invalid("quantifier operand invalid")),
            Some('{') if self.rest.peek().is_some_and(char::is_ascii_digit) => {
                return Err(invalid("quantifier operand invalid"));
            }
            Some(c) => self.literal(c),
            None => {}
        }
        Ok((None, true))
    }

    fn literal(&mut self, c: char) {
        self.out.push_str(&fancy_regex::escape(c.encode_utf8(&mut [0; 4])));
    }

    /// What follows an opening parenthesis, and the closing one.
    fn group(&mut self) -> Result<(Option<bool>, bool)> {
        let mut opening = String::from("(");
        if self.rest.next_if_eq(&'?').is_some() {
            opening.push('?');
            opening.extend(self.rest.next_if_eq(&'<'));
            match self.rest.next() {
                Some('#') if opening == "(?" => {
                    return match self.rest.by_ref().any(|c| c == ')') {
                        true => {
                            self.quantifier()?.map_or(Ok((None, false)), |_| Err(invalid("quantifier operand invalid")))
                        }
                        false => Err(invalid("parentheses () not balanced")),
                    };
                }
                Some(':') if opening == "(?" => opening.push(':'),
                Some(kind @ ('=' | '!')) => opening.push(kind),
                _ => return Err(invalid("quantifier operand invalid")),
            }
        } else {
            self.groups += 1;
        }
        let looks = opening.ends_with(['=', '!']);
        self.regular &= !looks;
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return Err(invalid("regular expression is too complex"));
        }
        self.out.push_str(&opening);
        let greedy = self.alternatives()?;
        if self.rest.next() != Some(')') {
            return Err(invalid("parentheses () not balanced"));
        }
        self.depth -= 1;
        self.out.push(')');
        Ok(if looks { (None, false) } else { (greedy, true) })
    }

    /// What follows a backslash; whether it may be repeated.
    fn escape(&mut self) -> Result<bool> {
        let known = match self.rest.peek() {
            Some('m') => Some((r"\b{start}", false)),
            Some('M') => Some((r"\b{end}", false)),
            Some('y') => Some((r"\b", false)),
            Some('Y') => Some((r"\B", false)),
            Some('A') => Some((r"\A", false)),
            Some('Z') => Some((r"\z", false)),
            Some('d') => Some(("[0-9]", true)),
            Some('D') => Some(("[^0-9]", true)),
            Some('s') => Some((r"\s", true)),
            Some('S') => Some((r"\S", true)),
            Some('w') => Some((r"\w", true)),
            Some('W') => Some((r"\W", true)),
            _ => None,
        };
        if let Some((written, may_repeat)) = known {
            self.rest.next();
            self.out.push_str(written);
            return Ok(may_repeat);
        }
        if let Some(number @ '1'..='9') = self.rest.peek().copied()
            && !self.is_octal()
        {
            self.rest.next();
            if number.to_digit(10).is_none_or(|number| number > self.groups) {
                return Err(invalid("invalid backreference number"));
            }
            self.regular = false;
            self.out.push_str(&format!(r"(?:\{number})"));
            return Ok(true);
        }
        let c = self.character()?;
        self.literal(c);
        Ok(true)
    }

    /// Whether digits follow that are too many for a back reference.
    fn is_octal(&self) -> bool {
        let digits: String = self.rest.clone().take_while(char::is_ascii_digit).collect();
        digits.len() > 1 && digits.parse().is_ok_and(|number: u32| number > self.groups)
    }

    /// The character that an escape stands for.
    fn character(&mut self) -> Result<char> {
        let wrong = || invalid("invalid escape \\ sequence");
        let code = match self.rest.next().ok_or_else(wrong)? {
            'a' => 0x07,
            'b' => 0x08,
            'B' => return Ok('\\'),
            'e' => 0x1B,
            'f' => 0x0C,
            'n' => return Ok('\n'),
            'r' => return Ok('\r'),
            't' => return Ok('\t'),
            'v' => 0x0B,
            'c' => self.rest.next().ok_or_else(wrong)? as u32 & 0x1F,
            'u' => self.number(16, 4, 4).ok_or_else(wrong)?,
            'U' => self.number(16, 8, 8).ok_or_else(wrong)?,
            'x' => self.number(16, 1, usize::MAX).ok_or_else(wrong)?,
            digit @ '0'..='7' => {
                let mut code = u32::from(digit) - u32::from('0');
                for _ in 0..2 {
                    let more = self.rest.next_if(|c| c.is_digit(8)).and_then(|c| c.to_digit(8));
                    code = more.map_or(code, |more| code * 8 + more);
                }
                code
            }
            c if c.is_ascii_alphanumeric() => return Err(wrong()),
            c => return Ok(c),
        };
        char::from_u32(code).ok_or_else(wrong)
    }

    /// A number of so many digits.
    fn number(&mut self, radix: u32, least: usize, most: usize) -> Option<u32> {
        let (mut value, mut digits) = (0u32, 0);
        while digits < most
            && let Some(digit) = self.rest.next_if(|c| c.is_digit(radix)).and_then(|c| c.to_digit(radix))
        {
            value = value.checked_mul(radix)?.checked_add(digit)?;
            digits += 1;
        }
        (digits >= least).then_some(value)
    }
}
