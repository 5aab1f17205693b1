//! `to_number`: a number read by a template.

use super::picture::{Anchor, Item, Picture};
use crate::expr::EvalError;
use crate::value::numeric::Numeric;

type Result<X> = std::result::Result<X, EvalError>;

/// A number as far as it has been read.
struct Reader<'t> {
    picture: &'t Picture,
    rest: &'t str,
    sign: Option<char>,
    digits: String,
    whole: usize,
    fraction: usize,
    point: bool,
}

/// The number; null for an empty template.
pub(super) fn to_number(text: &str, template: &str) -> Result<Option<Numeric>> {
    if template.is_empty() {
        return Ok(None);
    }
    let picture = Picture::parse(template)?;
    for (present, name) in [(picture.exponent, "EEEE"), (picture.roman, "RN")] {
        if present {
            return Err(EvalError::new("0A000", format!("\"{name}\" not supported for input")));
        }
    }
    let mut reader = Reader {
        picture: &picture,
        rest: text,
        sign: None,
        digits: String::new(),
        whole: 0,
        fraction: 0,
        point: false,
    };
    for item in &picture.items {
        if reader.rest.is_empty() {
            break;
        }
        reader.item(*item);
    }
    let shown = format!("{}{}", reader.sign.unwrap_or(' '), reader.digits.trim_end_matches('.'));
    let (precision, scale) = (picture.whole + picture.shift + reader.fraction, reader.fraction);
    let number = Numeric::parse(&shown)?.with_modifier(((precision as i32) << 16 | scale as i32) + 4)?;
    if !picture.shifted {
        return Ok(Some(number));
    }
    let factor = Numeric::from(10i64).power(&Numeric::from(-(picture.shift as i64)))?;
    Ok(Some(number.mul(&factor)?))
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn skip(&mut self) {
        let mut rest = self.rest.chars();
        rest.next();
        self.rest = rest.as_str();
    }

    /// Skips up to so many characters that belong to no number.
    fn skip_others(&mut self, count: usize) {
        for _ in 0..count {
            if self.peek().is_some_and(|c| c.is_ascii_digit() || ".,+-".contains(c)) {
                break;
            }
            self.skip();
        }
    }

    fn item(&mut self, item: Item) {
        match item {
            Item::Digit { .. } | Item::Point => {
                self.digit(matches!(item, Item::Digit { .. }));
                self.skip();
            }
            Item::Comma => {
                // Here nothing counts as being within a number.
                if !self.picture.fill && self.peek() == Some(',') {
                    self.skip();
                }
            }
            Item::Currency => self.skip_others(1),
            Item::Ordinal { .. } => {
                if self.sign != Some('-') && !self.picture.has_point {
                    self.skip_others(2);
                }
            }
            Item::Minus | Item::Plus | Item::PlusMinus => {
                let signs = match item {
                    Item::Minus => "-",
                    Item::Plus => "+",
                    _ => "+-",
                };
                match self.peek().filter(|c| signs.contains(*c)) {
                    Some(sign) => {
                        self.sign = Some(sign);
                        self.skip();
                    }
                    None => self.skip_others(1),
                }
            }
            Item::Literal(_) => self.skip(),
            Item::Sign | Item::Brackets | Item::Shift | Item::Fill | Item::Blank | Item::Nothing => {}
            Item::Roman { .. } | Item::Exponent => {}
        }
    }

    /// A sign where one may stand, and a digit or the point, of which the last character stays to be skipped.
    fn digit(&mut self, digit: bool) {
        if self.peek() == Some(' ') {
            self.skip();
        }
        if self.rest.is_empty() {
            return;
        }
        if self.sign.is_none() && digit && self.whole + self.fraction == 0 {
            self.leading_sign();
        }
        let mut read = false;
        match self.peek() {
            None => return,
            Some(c) if c.is_ascii_digit() => {
                if self.point && self.fraction == self.picture.fraction {
                    return;
                }
                self.digits.push(c);
                if self.point {
                    self.fraction += 1
                } else {
                    self.whole += 1
                }
                read = true;
            }
            Some('.') if self.picture.has_point && !self.point => {
                self.digits.push('.');
                (self.point, read) = (true, true);
            }
            Some(_) => {}
        }
        if self.sign.is_none() && self.whole + self.fraction > 0 {
            self.trailing_sign(read);
        }
    }

    fn leading_sign(&mut self) {
        match (self.picture.sign, self.peek()) {
            (Some(Anchor::Behind), _) => {
                // The same signs are looked for, whatever the template says.
                self.plain_sign();
            }
            (Some(Anchor::Before), Some(sign @ ('-' | '+'))) => {
                self.sign = Some(sign);
                self.skip();
            }
            (Some(Anchor::Before), _) => {}
            (None, _) => self.plain_sign(),
        }
    }

    fn plain_sign(&mut self) {
        let sign = match self.peek() {
            Some('-') => '-',
            Some('<') if self.picture.brackets => '-',
            Some('+') => '+',
            _ => return,
        };
        self.sign = Some(sign);
        self.skip();
    }

    /// Behind the last digit: `S` stands there if no digit follows; MI, PL and SG may.
    fn trailing_sign(&mut self, read: bool) {
        if self.picture.sign.is_some() {
            let following = self.rest.chars().nth(1);
            if let (true, Some(sign @ ('-' | '+'))) = (read, following) {
                self.sign = Some(sign);
                self.skip();
            }
        } else if !read && (self.picture.plus || self.picture.minus) {
            self.sign = self.peek().filter(|c| matches!(c, '-' | '+'));
        }
    }
}
