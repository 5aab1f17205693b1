//! Random numbers that depend on where they are used only.
//!
//! Every event has a generator of its own, and in it every column one of its own: so an event does not depend on which others
//! were made before it, nor a column on which others are read.

/// The increment of the splitmix generator.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draw(u64);

impl Draw {
    /// The stream of a seed.
    pub(super) fn new(seed: u64) -> Draw {
        Draw(mix(seed ^ STEP))
    }

    /// The stream with that number within this one.
    pub(super) fn part(self, number: u64) -> Draw {
        Draw(mix(self.0 ^ number.wrapping_mul(STEP)))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// A number below `end`, which is not 0.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// A number from 0 to 1, the latter excluded.
    pub(super) fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// One of them.
    pub(super) fn one_of<'x>(&mut self, all: &[&'x str]) -> &'x str {
        all[self.below(all.len() as u64) as usize]
    }
}

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
