//! JSON text to `jsonb`, and the check of `json`, which is kept as written.

use super::Json;
use crate::value::ValueError;
use crate::value::numeric::Numeric;
use std::sync::Arc;

/// Deeper nesting is refused, so that no text can exhaust the stack. Postgres's own limit depends on `max_stack_depth`.
const MAX_DEPTH: usize = 1000;

impl Json {
    /// Postgres's `jsonb` input.
    pub fn parse(input: &str) -> Result<Json, ValueError> {
        Parser { input, at: 0, build: true }.document()
    }

    /// Postgres's `json` input: the syntax alone, without a look at what escapes stand for.
    pub fn validate(input: &str) -> Result<(), ValueError> {
        Parser { input, at: 0, build: false }.document().map(drop)
    }
}

struct Parser<'a> {
    input: &'a str,
    at: usize,
    /// Whether values are wanted; if not, every value is null.
    build: bool,
}

impl Parser<'_> {
    fn document(&mut self) -> Result<Json, ValueError> {
        let value = self.value(0)?;
        self.skip_space();
        if self.at < self.input.len() { Err(self.invalid()) } else { Ok(value) }
    }

    fn invalid(&self) -> ValueError {
        ValueError::new("22P02", "invalid input syntax for type json")
    }

    fn peek(&self) -> Option<u8> {
        self.input.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Steps over this byte after blanks, if it is next.
    fn eat(&mut self, wanted: u8) -> bool {
        self.skip_space();
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, wanted: u8) -> Result<(), ValueError> {
        if self.eat(wanted) { Ok(()) } else { Err(self.invalid()) }
    }

    fn value(&mut self, depth: usize) -> Result<Json, ValueError> {
        if depth > MAX_DEPTH {
            return Err(ValueError::new("54001", "stack depth limit exceeded"));
        }
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Json::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            _ => Err(self.invalid()),
        }
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json, ValueError> {
        let rest = self.input[self.at..].strip_prefix(word).ok_or_else(|| self.invalid())?;
        if rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii()) {
            return Err(self.invalid());
        }
        self.at += word.len();
        Ok(value)
    }

    fn object(&mut self, depth: usize) -> Result<Json, ValueError> {
        self.at += 1;
        let mut members = Vec::new();
        if self.eat(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(self.invalid());
            }
            let name = self.string()?;
            self.expect(b':')?;
            let value = self.value(depth + 1)?;
            if self.build {
                members.push((name, value));
            }
            if self.eat(b'}') {
                return Ok(Json::object(members));
            }
            self.expect(b',')?;
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json, ValueError> {
        self.at += 1;
        let mut items = Vec::new();
        if self.eat(b']') {
            return Ok(Json::Array(items));
        }
        loop {
            let item = self.value(depth + 1)?;
            if self.build {
                items.push(item);
            }
            if self.eat(b']') {
                return Ok(Json::Array(items));
            }
            self.expect(b',')?;
        }
    }

    fn digits(&mut self) -> Result<(), ValueError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(self.invalid()) }
    }

    fn number(&mut self) -> Result<Json, ValueError> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80..)) {
            return Err(self.invalid());
        }
        match self.build {
            true => Numeric::parse(&self.input[start..self.at]).map(Json::Number),
            false => Ok(Json::Null),
        }
    }

    fn string(&mut self) -> Result<Arc<str>, ValueError> {
        self.at += 1;
        let start = self.at;
        let mut unescaped: Option<String> = None;
        loop {
            let run = self.at;
            while !matches!(self.peek(), None | Some(b'"' | b'\\' | ..0x20)) {
                self.at += 1;
            }
            let plain = &self.input[run..self.at];
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(match unescaped {
                        Some(text) => (text + plain).into(),
                        None if self.build => self.input[start..self.at - 1].into(),
                        None => Arc::default(),
                    });
                }
                Some(b'\\') => {
                    let mut text = unescaped.take().unwrap_or_default();
                    text.push_str(plain);
                    self.at += 1;
                    text.push(self.escape()?);
                    unescaped = Some(text);
                }
                _ => return Err(self.invalid()),
            }
        }
    }

    fn escape(&mut self) -> Result<char, ValueError> {
        let letter = self.peek().ok_or_else(|| self.invalid())?;
        self.at += 1;
        Ok(match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\x08',
            b'f' => '\x0C',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(self.invalid()),
        })
    }

    fn unicode(&mut self) -> Result<char, ValueError> {
        let first = self.hex()?;
        if !self.build {
            return Ok(' ');
        }
        let code = match first {
            0 => return Err(ValueError::new("22P05", "unsupported Unicode escape sequence")),
            0xD800..0xDC00 => {
                if !self.input[self.at..].starts_with("\\u") {
                    return Err(self.invalid());
                }
                self.at += 2;
                match self.hex()? {
                    low @ 0xDC00..0xE000 => 0x10000 + ((first - 0xD800) << 10) + (low - 0xDC00),
                    _ => return Err(self.invalid()),
                }
            }
            code => code,
        };
        char::from_u32(code).ok_or_else(|| self.invalid())
    }

    fn hex(&mut self) -> Result<u32, ValueError> {
        let digits = self.input.get(self.at..self.at + 4).ok_or_else(|| self.invalid())?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(self.invalid());
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| self.invalid())
    }
}
