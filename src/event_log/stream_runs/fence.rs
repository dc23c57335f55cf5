//! What a run keeps in memory: where its blocks of keys begin, and which keys they may have.
//!
//! Invariant: a key of the run is never said to be absent. One that is not in the run is said to
//! be present less than once in a hundred times: each block of 64 keys has a Bloom filter of
//! 704 bits with 7 bits set for a key, which gives 0.5 %.

/// Keys of one block.
pub(super) const BLOCK_KEYS: usize = 64;
/// Bytes of a block in the file: first key, offset, length and filter.
pub(super) const FENCE: usize = 16 + 8 + 4 + WORDS * 8;
const WORDS: usize = 11;
const BITS: u64 = WORDS as u64 * 64;
/// Odd numbers without a pattern: the fractions of square roots of the first primes.
const FACTORS: [u64; 7] = [
    0x6a09_e667_f3bc_c909,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
];

pub(super) type Filter = [u64; WORDS];

/// Where a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockPlace {
    pub(super) offset: u64,
    pub(super) len: u32,
}

#[derive(Debug, Default)]
pub(super) struct Fence {
    /// The first key of each block, ascending.
    firsts: Vec<u128>,
    offsets: Vec<u64>,
    lens: Vec<u32>,
    filters: Vec<Filter>,
}

/// The seven bits of a key: word and mask. Blocks are found by the upper half of a key, so its
/// lower half is fresh.
fn bits(key: u128) -> impl Iterator<Item = (usize, u64)> {
    FACTORS.iter().map(move |factor| {
        let mixed = (key as u64).wrapping_mul(*factor) >> 32;
        let bit = (mixed * BITS) >> 32;
        ((bit / 64) as usize, 1 << (bit % 64))
    })
}

/// The filter of the keys of one block.
pub(super) fn filter(keys: impl Iterator<Item = u128>) -> Filter {
    let mut filter = [0; WORDS];
    for (word, mask) in keys.flat_map(bits) {
        if let Some(word) = filter.get_mut(word) {
            *word |= mask;
        }
    }
    filter
}

impl Fence {
    pub(super) fn with_capacity(blocks: usize) -> Self {
        Self {
            firsts: Vec::with_capacity(blocks),
            offsets: Vec::with_capacity(blocks),
            lens: Vec::with_capacity(blocks),
            filters: Vec::with_capacity(blocks),
        }
    }

    /// Gives back memory it does not need.
    pub(super) fn shrink(&mut self) {
        self.firsts.shrink_to_fit();
        self.offsets.shrink_to_fit();
        self.lens.shrink_to_fit();
        self.filters.shrink_to_fit();
    }

    pub(super) fn len(&self) -> usize {
        self.firsts.len()
    }

    /// Adds a block. Says no where its keys do not follow those before.
    pub(super) fn push(&mut self, first: u128, place: BlockPlace, filter: Filter) -> bool {
        if self.firsts.last().is_some_and(|last| *last >= first) {
            return false;
        }
        self.firsts.push(first);
        self.offsets.push(place.offset);
        self.lens.push(place.len);
        self.filters.push(filter);
        true
    }

    pub(super) fn place(&self, block: usize) -> Option<BlockPlace> {
        Some(BlockPlace { offset: *self.offsets.get(block)?, len: *self.lens.get(block)? })
    }

    /// Adds the bytes of a block.
    pub(super) fn encode(&self, block: usize, out: &mut Vec<u8>) {
        let (Some(first), Some(place)) = (self.firsts.get(block), self.place(block)) else {
            return;
        };
        out.extend_from_slice(&first.to_be_bytes());
        out.extend_from_slice(&place.offset.to_le_bytes());
        out.extend_from_slice(&place.len.to_le_bytes());
        for word in self.filters.get(block).into_iter().flatten() {
            out.extend_from_slice(&word.to_le_bytes());
        }
    }

    /// Adds a block from its bytes. Says no where it does not follow.
    pub(super) fn decode(&mut self, bytes: &[u8; FENCE]) -> bool {
        let (first, rest) = bytes.split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
        let (offset, rest) = rest.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
        let (len, rest) = rest.split_first_chunk::<4>().unwrap_or((&[0; 4], &[]));
        let mut filter = [0; WORDS];
        for (word, bytes) in filter.iter_mut().zip(rest.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        let place =
            BlockPlace { offset: u64::from_le_bytes(*offset), len: u32::from_le_bytes(*len) };
        self.push(u128::from_be_bytes(*first), place, filter)
    }

    /// The block that has a key, if any may have it.
    pub(super) fn find(&self, key: u128) -> Option<usize> {
        let block = self.block(key)?;
        let filter = self.filters.get(block)?;
        bits(key)
            .all(|(word, mask)| filter.get(word).is_some_and(|word| word & mask != 0))
            .then_some(block)
    }

    /// The last block that does not begin after a key. Keys are hashes, so it is close to where
    /// it would be if they were evenly spread.
    fn block(&self, key: u128) -> Option<usize> {
        let count = self.firsts.len();
        let starts_by = |block: usize| self.firsts.get(block).is_some_and(|first| *first <= key);
        if !starts_by(0) {
            return None;
        }
        let guess = ((key >> 64) * count as u128) >> 64;
        let guess = usize::try_from(guess).unwrap_or(0);
        let (mut low, mut high) = (0, count);
        let mut step = 8;
        if starts_by(guess) {
            low = guess;
            while let Some(next) = low.checked_add(step).filter(|next| *next < count) {
                if !starts_by(next) {
                    high = next;
                    break;
                }
                low = next;
                step *= 2;
            }
        } else {
            high = guess;
            while let Some(next) = high.checked_sub(step) {
                if starts_by(next) {
                    low = next;
                    break;
                }
                high = next;
                step *= 2;
            }
        }
        let within = self.firsts.get(low..high)?.partition_point(|first| *first <= key);
        (low + within).checked_sub(1)
    }

    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.firsts.capacity() * 16
            + self.offsets.capacity() * 8
            + self.lens.capacity() * 4
            + self.filters.capacity() * WORDS * 8
    }
}
