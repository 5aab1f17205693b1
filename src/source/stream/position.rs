//! Where a source goes on in a partition after a restart, as a store keeps it.

use crate::value::Time;
use std::fmt;
use std::str::FromStr;

/// How far a partition was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::source) struct Position {
    /// Two numbers of the source's own.
    pub(in crate::source) at: [u64; 2],
    /// What they count in, if it is not always the same: a file's name.
    pub(in crate::source) within: String,
    /// The partition's watermark.
    pub(super) watermark: Time,
    /// Nothing that was read has a greater time.
    pub(super) greatest: Time,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { at: [first, second], within, watermark, greatest } = self;
        write!(f, "{first} {second} watermark {watermark} greatest {greatest} {within}")
    }
}

impl FromStr for Position {
    type Err = ();

    fn from_str(text: &str) -> Result<Position, ()> {
        let mut words = text.splitn(7, ' ');
        let mut number = || words.next().ok_or(())?.parse().map_err(drop);
        let at = [number()?, number()?];
        let mut named = |name| match words.next() == Some(name) {
            true => words.next().ok_or(())?.parse().map_err(drop),
            false => Err(()),
        };
        let (watermark, greatest) = (named("watermark")?, named("greatest")?);
        Ok(Position { at, watermark, greatest, within: words.next().ok_or(())?.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_back() {
        let position = Position { at: [7, u64::MAX], within: "a b/c 9.csv".into(), watermark: 5, greatest: 6 };
        assert_eq!(position.to_string().parse(), Ok(position));
        assert_eq!(Position::default().to_string().parse(), Ok(Position::default()));
        assert_eq!("7 8 watermark 5".parse::<Position>(), Err(()));
    }
}
