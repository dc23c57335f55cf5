//! A quick hash of names, for tables in memory only.
//!
//! Names come from clients, so the hash is seeded per process: nobody outside can choose names
//! that meet in one place. It never reaches a file.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;

const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| RandomState::new().hash_one(SPREAD) | 1)
}

/// Multiplies to 128 bits and folds the halves, so that every bit in reaches every bit out.
pub(super) fn mix(one: u64, two: u64) -> u64 {
    let product = u128::from(one) * u128::from(two);
    (product as u64) ^ ((product >> 64) as u64)
}

/// The hash of a stream's name in this process.
pub(super) fn of_name(name: &str) -> u64 {
    let seed = seed();
    let (words, rest) = name.as_bytes().as_chunks::<8>();
    let mut hash = seed ^ (name.len() as u64).wrapping_mul(SPREAD);
    for word in words {
        hash = mix(hash ^ u64::from_le_bytes(*word), SPREAD ^ seed.rotate_left(17));
    }
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    mix(hash ^ u64::from_le_bytes(last), SPREAD ^ seed.rotate_left(31))
}

/// For maps whose keys are hashes already.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = mix(self.0 ^ u64::from(*byte), SPREAD);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// Builds [`Hashed`].
pub(super) type BuildHashed = std::hash::BuildHasherDefault<Hashed>;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_that_differ_have_hashes_that_differ() {
        let mut seen = HashSet::new();
        for number in 0..100_000 {
            assert!(seen.insert(of_name(&format!("call-{number}"))), "call-{number}");
        }
        for len in 0..40 {
            assert!(seen.insert(of_name(&"\0".repeat(len))), "{len} zeros");
        }
        assert_eq!(of_name("call-1"), of_name("call-1"));
    }
}
