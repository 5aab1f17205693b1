//! The template of a number: its items, and what they say together.

use crate::expr::EvalError;

type Result<X> = std::result::Result<X, EvalError>;

/// One item of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// `9`, or `0`, which shows a zero.
    Digit {
        zero: bool,
    },
    /// `.` and `D`
    Point,
    /// `,` and `G`
    Comma,
    Currency,
    Sign,
    Minus,
    Plus,
    PlusMinus,
    Brackets,
    Roman {
        upper: bool,
    },
    Ordinal {
        upper: bool,
    },
    Shift,
    Exponent,
    Fill,
    Blank,
    /// What means something, but nothing here.
    Nothing,
    Literal(char),
}

/// Longest first among those that share a beginning; in lower case they mean the same.
const WORDS: [(&str, Item); 21] = [
    (",", Item::Comma),
    (".", Item::Point),
    ("0", Item::Digit { zero: true }),
    ("9", Item::Digit { zero: false }),
    ("B", Item::Blank),
    ("C", Item::Nothing),
    ("D", Item::Point),
    ("EEEE", Item::Exponent),
    ("FM", Item::Fill),
    ("G", Item::Comma),
    ("L", Item::Currency),
    ("MI", Item::Minus),
    ("PL", Item::Plus),
    ("PR", Item::Brackets),
    ("RN", Item::Roman { upper: true }),
    ("SG", Item::PlusMinus),
    ("SP", Item::Nothing),
    ("S", Item::Sign),
    ("TH", Item::Ordinal { upper: true }),
    ("V", Item::Shift),
    ("\\\"", Item::Literal('"')),
];

/// The item that a template begins with, and its length.
fn item(template: &str) -> Option<(Item, usize)> {
    if let Some((word, item)) = WORDS.iter().find(|(word, _)| template.starts_with(word)) {
        return Some((*item, word.len()));
    }
    let lower = |word: &str| template.get(..word.len()).is_some_and(|start| start == word.to_ascii_lowercase());
    let (word, item) = WORDS.iter().find(|(word, _)| lower(word))?;
    let item = match item {
        Item::Roman { .. } => Item::Roman { upper: false },
        Item::Ordinal { .. } => Item::Ordinal { upper: false },
        item => *item,
    };
    Some((item, word.len()))
}

/// Where the sign of `S` stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Before,
    Behind,
}

/// A template's items, and what of them concerns the whole number.
#[derive(Default)]
pub(super) struct Picture {
    pub(super) items: Vec<Item>,
    /// Digits before the point.
    pub(super) whole: usize,
    /// Digits behind it.
    pub(super) fraction: usize,
    /// Digits behind `V`.
    pub(super) shift: usize,
    /// The place of the first `0` before the point, among the digits.
    pub(super) zero_start: usize,
    /// How many digits there are up to the last `0`.
    pub(super) zero_end: usize,
    pub(super) sign: Option<Anchor>,
    /// How many digits stand before `S`.
    pub(super) before_sign: usize,
    pub(super) has_zero: bool,
    pub(super) has_point: bool,
    pub(super) fill: bool,
    pub(super) blank: bool,
    pub(super) minus: bool,
    pub(super) plus: bool,
    pub(super) brackets: bool,
    pub(super) roman: bool,
    pub(super) shifted: bool,
    pub(super) exponent: bool,
}

fn wrong(message: &str) -> EvalError {
    EvalError::new("42601", message)
}

impl Picture {
    pub(super) fn parse(template: &str) -> Result<Picture> {
        let mut picture = Picture::default();
        let mut rest = template;
        while let Some(first) = rest.chars().next() {
            if first == '"' {
                let mut quoted = String::new();
                rest = super::template::copy_quoted(&rest[1..], &mut quoted);
                picture.items.extend(quoted.chars().map(Item::Literal));
                continue;
            }
            let (item, length) = item(rest).unwrap_or((Item::Literal(first), first.len_utf8()));
            picture.add(item)?;
            picture.items.push(item);
            rest = &rest[length..];
        }
        Ok(picture)
    }

    fn add(&mut self, item: Item) -> Result<()> {
        let keyword = !matches!(item, Item::Literal(_));
        if keyword && self.exponent && item != Item::Exponent {
            return Err(wrong("\"EEEE\" must be the last pattern used"));
        }
        match item {
            Item::Digit { .. } if self.brackets => return Err(wrong("digits must be ahead of \"PR\"")),
            Item::Digit { zero: false } if self.shifted => self.shift += 1,
            Item::Digit { zero } => {
                if zero && !self.has_zero && !self.has_point {
                    (self.has_zero, self.zero_start) = (true, self.whole);
                }
                if self.has_point {
                    self.fraction += 1
                } else {
                    self.whole += 1
                }
                if zero {
                    self.zero_end = self.whole + self.fraction;
                }
            }
            Item::Point if self.has_point => return Err(wrong("multiple decimal points")),
            Item::Point if self.shifted => return Err(wrong("cannot use \"V\" and decimal point together")),
            Item::Point => self.has_point = true,
            Item::Sign if self.sign.is_some() => return Err(wrong("cannot use \"S\" twice")),
            Item::Sign if self.plus || self.minus || self.brackets => {
                return Err(wrong("cannot use \"S\" and \"PL\"/\"MI\"/\"SG\"/\"PR\" together"));
            }
            Item::Sign => {
                self.sign = Some(if self.has_point { Anchor::Behind } else { Anchor::Before });
                self.before_sign = self.whole;
            }
            Item::Minus | Item::Plus | Item::PlusMinus if self.sign.is_some() => {
                return Err(wrong("cannot use \"S\" and another sign together"));
            }
            Item::Minus => self.minus = true,
            Item::Plus => self.plus = true,
            Item::PlusMinus => (self.minus, self.plus) = (true, true),
            Item::Brackets if self.sign.is_some() || self.plus || self.minus => {
                return Err(wrong("cannot use \"PR\" and \"S\"/\"PL\"/\"MI\"/\"SG\" together"));
            }
            Item::Brackets => self.brackets = true,
            Item::Roman { .. } => self.roman = true,
            Item::Shift if self.has_point => return Err(wrong("cannot use \"V\" and decimal point together")),
            Item::Shift => self.shifted = true,
            Item::Exponent => self.add_exponent()?,
            Item::Fill => self.fill = true,
            Item::Blank => self.blank |= self.whole == 0 && self.fraction == 0 && !self.has_zero,
            Item::Comma | Item::Currency | Item::Ordinal { .. } | Item::Nothing | Item::Literal(_) => {}
        }
        Ok(())
    }

    fn add_exponent(&mut self) -> Result<()> {
        if self.exponent {
            return Err(wrong("cannot use \"EEEE\" twice"));
        }
        let others = [self.blank, self.fill, self.brackets, self.minus, self.plus, self.roman, self.shifted];
        if self.sign.is_some() || others.contains(&true) {
            return Err(wrong("\"EEEE\" is incompatible with other formats"));
        }
        self.exponent = true;
        Ok(())
    }
}
