//! A fast hash for tables keyed by rows. Not for keys an adversary chooses against other tables: the state of one view set only.

use crate::value::Row;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

/// Hashes rows.
#[derive(Clone, Copy, Default)]
pub struct RowHasher(u64);

/// A row's hash.
pub fn hash(row: &Row) -> u64 {
    BuildHasherDefault::<RowHasher>::default().hash_one(row)
}

impl Hasher for RowHasher {
    #[inline]
    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word ^ 0x9e37_79b9_7f4a_7c15) * 0xa076_1d64_78bd_642f;
        self.0 = (product as u64) ^ ((product >> 64) as u64);
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_be_bytes(word));
        }
        self.write_u64(bytes.len() as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}
