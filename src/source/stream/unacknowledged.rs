//! What was read and is not to be acknowledged yet: something of it still waits for the watermark.

use crate::value::Time;
use std::collections::VecDeque;

/// Positions in the order of reading, each with the greatest time of what was read up to there.
#[derive(Debug)]
pub(in crate::source) struct Unacknowledged<P> {
    waiting: VecDeque<(Time, P)>,
}

impl<P> Default for Unacknowledged<P> {
    fn default() -> Self {
        Unacknowledged { waiting: VecDeque::new() }
    }
}

impl<P> Unacknowledged<P> {
    /// Everything up to this position was taken, and nothing of it has a greater time.
    pub(in crate::source) fn push(&mut self, greatest: Time, position: P) {
        match self.waiting.back_mut() {
            Some((last, read)) if *last >= greatest => *read = position,
            _ => self.waiting.push_back((greatest, position)),
        }
    }

    /// The last position up to which everything has left below this frontier.
    pub(in crate::source) fn release(&mut self, frontier: Time) -> Option<P> {
        let left = self.waiting.partition_point(|(greatest, _)| *greatest < frontier);
        self.waiting.drain(..left).last().map(|(_, position)| position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_acknowledged_before_all_up_to_it_has_left() {
        let mut waiting = Unacknowledged::default();
        for (position, greatest) in [(1, 10), (2, 10), (3, 30), (4, 30), (5, 40)] {
            waiting.push(greatest, position);
        }
        assert_eq!(waiting.release(10), None);
        assert_eq!(waiting.release(11), Some(2));
        assert_eq!(waiting.release(11), None);
        assert_eq!(waiting.release(41), Some(5));
        waiting.push(7, 6);
        assert_eq!(waiting.release(8), Some(6));
    }
}
