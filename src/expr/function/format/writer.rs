//! A number's digits put into the places of a template.

use super::number::Number;
use super::picture::{Anchor, Item, Picture};

/// A number on its way into a template.
struct Writer<'p> {
    picture: &'p Picture,
    number: Number,
    /// Places before the number's first digit.
    blanks: usize,
    anchor: Option<Anchor>,
    brackets: bool,
    sign_written: bool,
    /// The last digit that is to be shown, if zeros at the end are not.
    last: Option<usize>,
    /// Digit places written so far.
    place: usize,
    /// The next of the number's characters.
    next: usize,
    /// Whether a digit was written last.
    within: bool,
    out: String,
}

/// The number as the template has it, with so many places before its first digit.
pub(super) fn show(picture: &Picture, number: Number, blanks: usize) -> String {
    let mut writer = Writer {
        anchor: picture.sign,
        brackets: picture.brackets,
        sign_written: false,
        last: None,
        place: 0,
        next: 0,
        within: false,
        out: String::new(),
        picture,
        number,
        blanks,
    };
    writer.prepare();
    for item in &picture.items {
        writer.item(*item);
    }
    writer.out
}

impl Writer<'_> {
    fn byte(&self, at: usize) -> Option<u8> {
        self.number.digits.as_bytes().get(at).copied()
    }

    fn prepare(&mut self) {
        let picture = self.picture;
        if picture.plus || picture.minus {
            // MI and SG write the sign where they stand.
            self.sign_written = picture.minus;
        } else {
            self.brackets &= self.number.negative || !picture.fill;
            self.sign_written = !self.number.negative && picture.fill && picture.sign.is_none();
            if picture.sign == Some(Anchor::Before) && picture.whole == picture.before_sign {
                self.anchor = Some(Anchor::Behind);
            }
        }
        if picture.fill
            && picture.has_point
            && let Some(point) = self.number.digits.find('.')
        {
            let digits = self.number.digits.as_bytes();
            let mut last = (point + 1..digits.len()).rev().find(|at| digits[*at] != b'0').unwrap_or(point);
            if picture.zero_end > self.blanks {
                last = last.max((digits.len() - 1).min(picture.zero_end - self.blanks));
            }
            self.last = Some(last);
        }
    }

    /// `0.1` in `9.9` is ` .1`.
    fn hides_zero(&self) -> bool {
        !self.picture.has_zero && self.next == 0 && self.byte(0) == Some(b'0') && self.picture.fraction != 0
    }

    fn ends_at_point(&self) -> bool {
        self.last.is_some_and(|last| self.byte(last) == Some(b'.'))
    }

    fn sign(&self) -> char {
        if self.number.negative { '-' } else { '+' }
    }

    fn item(&mut self, item: Item) {
        match item {
            Item::Digit { .. } | Item::Point => {
                if !self.picture.roman {
                    self.digit(item);
                }
            }
            Item::Comma if self.within => self.out.push(','),
            Item::Comma if self.picture.fill => {}
            Item::Comma | Item::Currency => self.out.push(' '),
            Item::Roman { upper } => {
                let digits = &self.number.digits;
                let digits = if upper { digits.clone() } else { digits.to_lowercase() };
                let width = if self.picture.fill { 0 } else { 15 };
                self.out.push_str(&format!("{digits:>width$}"));
            }
            Item::Ordinal { upper } => {
                let counts = !self.picture.roman && !self.number.negative && !self.picture.has_point;
                if counts && !self.number.digits.starts_with('#') {
                    self.out.push_str(&super::template::ordinal_suffix(&self.number.digits, upper));
                }
            }
            Item::Minus | Item::Plus => {
                let shown = if item == Item::Minus { '-' } else { '+' };
                if !self.picture.roman && self.sign() == shown {
                    self.out.push(shown);
                } else if !self.picture.fill {
                    self.out.push(' ');
                }
            }
            Item::PlusMinus => self.out.push(self.sign()),
            Item::Literal(c) => self.out.push(c),
            Item::Sign | Item::Brackets | Item::Shift | Item::Exponent | Item::Fill | Item::Blank | Item::Nothing => {}
        }
    }

    fn write_sign(&mut self) {
        match self.anchor {
            Some(Anchor::Before) => self.out.push(self.sign()),
            Some(Anchor::Behind) => return,
            None if self.brackets => self.out.push(if self.number.negative { '<' } else { ' ' }),
            None if self.number.negative => self.out.push('-'),
            None if !self.picture.fill => self.out.push(' '),
            None => {}
        }
        self.sign_written = true;
    }

    /// A digit's place, or the point's.
    fn digit(&mut self, item: Item) {
        let picture = self.picture;
        self.within = false;
        let at_first_zero = picture.has_zero && picture.zero_start == self.place;
        if !self.sign_written
            && (self.place >= self.blanks || at_first_zero)
            && (!self.hides_zero() || self.ends_at_point())
        {
            self.write_sign();
        }
        if self.place < self.blanks {
            if picture.has_zero && picture.zero_start <= self.place {
                self.out.push('0');
                self.within = true;
            } else if !picture.fill {
                self.out.push(' ');
            }
        } else {
            self.character(item);
            self.next = (self.next + 1).min(self.number.digits.len());
        }
        let spread = usize::from(!self.sign_written_at_start() && self.blanks == 0);
        let count = (picture.fraction + picture.whole + spread).saturating_sub(1);
        let mut end = count + usize::from(self.blanks > 0) + usize::from(picture.has_point);
        if self.last == Some(self.next) {
            end = self.place;
        }
        if self.place + 1 == end {
            if self.sign_written && self.brackets {
                self.out.push(if self.number.negative { '>' } else { ' ' });
            } else if self.anchor == Some(Anchor::Behind) {
                self.out.push(self.sign());
            }
        }
        self.place += 1;
    }

    /// Whether no sign was to be written when the number began.
    fn sign_written_at_start(&self) -> bool {
        let picture = self.picture;
        match picture.plus || picture.minus {
            true => picture.minus,
            false => !self.number.negative && picture.fill && picture.sign.is_none(),
        }
    }

    /// The number's next character, in the place of this item.
    fn character(&mut self, item: Item) {
        match self.byte(self.next) {
            Some(b'.') => {
                if !self.ends_at_point() || self.picture.fill {
                    self.out.push('.');
                }
            }
            _ if self.last.is_some_and(|last| self.next > last) && item != (Item::Digit { zero: true }) => {}
            _ if self.hides_zero() => {
                if !self.picture.fill {
                    self.out.push(' ');
                } else if self.ends_at_point() {
                    self.out.push('0');
                }
            }
            Some(digit) => {
                self.out.push(char::from(digit));
                self.within = true;
            }
            None => self.within = true,
        }
    }
}
