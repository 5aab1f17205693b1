//! Random numbers that repeat: every random test prints its seed, and `TIDEGATE_TEST_SEED` runs that seed again.

use std::fmt::Display;
use std::str::FromStr;

/// A small generator (SplitMix64): good enough to scatter, and the same everywhere.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence that belongs to this seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which must not be 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// True `percent` times in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of these.
    pub fn pick<'a, X>(&mut self, choices: &'a [X]) -> &'a X {
        &choices[self.below(choices.len() as u64) as usize]
    }
}

/// The seed of a test: as `TIDEGATE_TEST_SEED` says, else this one. Printed, so that a failure shows it.
pub fn seed(usual: u64) -> u64 {
    let seed = setting("TIDEGATE_TEST_SEED", usual);
    eprintln!("TIDEGATE_TEST_SEED={seed}");
    seed
}

/// How many mutated inputs a decoder must survive: 50,000, and more in `scripts/soak`.
pub fn mutations() -> u64 {
    setting("TIDEGATE_TEST_MUTATIONS", 50_000)
}

/// A number from the environment.
pub fn setting<N: FromStr<Err: Display>>(name: &str, usual: N) -> N {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|e| panic!("{name}={text}: {e}")),
        Err(_) => usual,
    }
}

/// Changes some bytes of an input: flips, cuts, repeats, inserts.
pub fn mutate(random: &mut Random, input: &[u8]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len() as u64 + 1) as usize;
        match random.below(5) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = random.next() as u8,
            2 => bytes.truncate(at),
            3 => bytes.insert(at, random.next() as u8),
            _ => {
                let end = (at + random.below(16) as usize).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                let to = random.below(bytes.len() as u64 + 1) as usize;
                bytes.splice(to..to, piece);
            }
        }
    }
    bytes
}

#[test]
fn a_seed_repeats_its_sequence() {
    let draw = |seed| (0..5).scan(Random::new(seed), |r, _| Some(r.below(1000))).collect::<Vec<_>>();
    assert_eq!(draw(7), draw(7));
    assert_ne!(draw(7), draw(8));
    let mut random = Random::new(seed(1));
    assert!((0..mutations().min(1000)).any(|_| mutate(&mut random, b"{\"a\": 1}") != b"{\"a\": 1}"));
    assert!([1, 2].contains(random.pick(&[1, 2])) && !random.chance(0));
}
