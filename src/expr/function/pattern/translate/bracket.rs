//! Bracket expressions: `[a-z]`, `[^[:space:]]`.

use super::{Result, Translator, invalid};

/// One item of a bracket expression.
enum Item {
    Character(char),
    Class(&'static str),
}

fn class(name: &str) -> Option<&'static str> {
    Some(match name {
        "alpha" => r"\p{Alphabetic}",
        "alnum" => r"\p{Alphabetic}\p{Nd}",
        "digit" => "0-9",
        "xdigit" => "0-9A-Fa-f",
        "lower" => r"\p{Lowercase}",
        "upper" => r"\p{Uppercase}",
        "space" => r"\s",
        "blank" => r" \t",
        "punct" => r"\p{P}\p{S}",
        "cntrl" => r"\p{Cc}",
        "graph" => r"\p{L}\p{M}\p{N}\p{P}\p{S}",
        "print" => r"\p{L}\p{M}\p{N}\p{P}\p{S} ",
        "word" => r"\w",
        _ => return None,
    })
}

impl Translator<'_> {
    /// A bracket expression, of which the `[` has been read; whether it may be repeated.
    pub(super) fn bracket(&mut self) -> Result<bool> {
        for (whole, edge) in [("[:<:]]", r"\b{start}"), ("[:>:]]", r"\b{end}")] {
            if self.rest.clone().take(whole.len()).eq(whole.chars()) {
                self.rest.by_ref().take(whole.len()).for_each(drop);
                self.out.push_str(edge);
                return Ok(false);
            }
        }
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
            if self.options.dot_stops {
                self.out.push_str(r"\n");
            }
        }
        let mut first = true;
        while first || self.rest.next_if_eq(&']').is_none() {
            let item = self.item()?;
            first = false;
            match item {
                Item::Class(class) => self.out.push_str(class),
                Item::Character(from) => self.range(from)?,
            }
        }
        self.out.push(']');
        Ok(true)
    }

    fn item(&mut self) -> Result<Item> {
        let unbalanced = || invalid("brackets [] not balanced");
        match self.rest.next().ok_or_else(unbalanced)? {
            '[' => match self.rest.peek().copied() {
                Some(kind @ (':' | '.' | '=')) => {
                    self.rest.next();
                    self.named(kind)
                }
                _ => Ok(Item::Character('[')),
            },
            '\\' => match self.rest.peek() {
                Some('d') => self.class_escape("0-9"),
                Some('s') => self.class_escape(r"\s"),
                Some('w') => self.class_escape(r"\w"),
                Some('D') => self.class_escape("[^0-9]"),
                Some('S') => self.class_escape(r"\S"),
                Some('W') => self.class_escape(r"\W"),
                _ => self.character().map(Item::Character),
            },
            c => Ok(Item::Character(c)),
        }
    }

    fn class_escape(&mut self, class: &'static str) -> Result<Item> {
        self.rest.next();
        Ok(Item::Class(class))
    }

    /// `[:alpha:]`, `[.a.]` or `[=a=]`, of which the beginning has been read.
    fn named(&mut self, kind: char) -> Result<Item> {
        let mut name = String::new();
        loop {
            match self.rest.next() {
                Some(c) if c == kind && self.rest.next_if_eq(&']').is_some() => break,
                Some(c) => name.push(c),
                None => return Err(invalid("brackets [] not balanced")),
            }
        }
        let mut characters = name.chars();
        match (kind, characters.next(), characters.next()) {
            (':', ..) => class(&name).map(Item::Class).ok_or_else(|| invalid("invalid character class")),
            (_, Some(only), None) => Ok(Item::Character(only)),
            _ => Err(invalid("invalid collating element")),
        }
    }

    /// A character, or a range that begins with it.
    fn range(&mut self, from: char) -> Result<()> {
        let mut ahead = self.rest.clone();
        let ranges = ahead.next() == Some('-') && ahead.next().is_some_and(|c| c != ']');
        let mut to = from;
        if ranges {
            self.rest.next();
            to = match self.item()? {
                Item::Character(to) if from <= to => to,
                _ => return Err(invalid("invalid character range")),
            };
        }
        self.out.push_str(&format!(r"\x{{{:x}}}-\x{{{:x}}}", u32::from(from), u32::from(to)));
        Ok(())
    }
}
