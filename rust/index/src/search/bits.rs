//! One bit per message of a view, by position from 0.

/// A set of positions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bits {
    words: Vec<u64>,
    len: u32,
}

impl Bits {
    pub fn none(len: u32) -> Self {
        Self {
            words: vec![0; len.div_ceil(64) as usize],
            len,
        }
    }

    pub fn all(len: u32) -> Self {
        let mut bits = Self::none(len);
        bits.set_range(0, len);
        bits
    }

    pub fn len(&self) -> u32 {
        self.len
    }

    pub fn set(&mut self, position: u32) {
        self.words[position as usize / 64] |= 1 << (position % 64);
    }

    pub fn clear(&mut self, position: u32) {
        self.words[position as usize / 64] &= !(1 << (position % 64));
    }

    /// Sets the positions from `start` up to, not with, `end`.
    pub fn set_range(&mut self, start: u32, end: u32) {
        let mut at = start;
        while at < end {
            let bit = at % 64;
            let count = (64 - bit).min(end - at);
            self.words[at as usize / 64] |= (u64::MAX >> (64 - count)) << bit;
            at += count;
        }
    }

    pub fn contains(&self, position: u32) -> bool {
        self.words[position as usize / 64] >> (position % 64) & 1 == 1
    }

    pub fn invert(&mut self) {
        self.words.iter_mut().for_each(|word| *word = !*word);
        if let (Some(last), used @ 1..) = (self.words.last_mut(), self.len % 64) {
            *last &= u64::MAX >> (64 - used);
        }
    }

    /// Keeps what is in both.
    pub fn intersect(&mut self, other: &Self) {
        self.words
            .iter_mut()
            .zip(&other.words)
            .for_each(|(word, other)| *word &= other);
    }

    /// Adds what is in the other.
    pub fn unite(&mut self, other: &Self) {
        self.words
            .iter_mut()
            .zip(&other.words)
            .for_each(|(word, other)| *word |= other);
    }

    /// Positions, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().zip(0u32..).flat_map(|(&word, index)| {
            let mut left = word;
            std::iter::from_fn(move || {
                (left != 0).then(|| {
                    let bit = left.trailing_zeros();
                    left &= left - 1;
                    index * 64 + bit
                })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn bits(len: u32, positions: &BTreeSet<u32>) -> Bits {
        let mut bits = Bits::none(len);
        positions.iter().for_each(|position| bits.set(*position));
        bits
    }

    proptest! {
        #[test]
        fn as_sets_do(
            (len, a, b) in (1u32..200).prop_flat_map(|len| {
                let set = || proptest::collection::btree_set(0..len, 0..64);
                (Just(len), set(), set())
            }),
            (start, end) in (0u32..200, 0u32..200),
        ) {
            let mut both = bits(len, &a);
            both.intersect(&bits(len, &b));
            prop_assert_eq!(both, bits(len, &(&a & &b)));
            let mut either = bits(len, &a);
            either.unite(&bits(len, &b));
            prop_assert_eq!(either, bits(len, &(&a | &b)));
            let mut others = bits(len, &a);
            others.invert();
            prop_assert_eq!(&others, &bits(len, &(0..len).filter(|at| !a.contains(at)).collect()));
            prop_assert!(others.iter().eq((0..len).filter(|at| !a.contains(at))));
            let (start, end) = (start.min(len), end.min(len));
            let mut range = Bits::none(len);
            range.set_range(start, end);
            prop_assert_eq!(range, bits(len, &(start..end).collect()));
            prop_assert_eq!(Bits::all(len), bits(len, &(0..len).collect()));
        }
    }
}
