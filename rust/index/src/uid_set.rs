//! Ascending sets of numbers, UIDs or sequence numbers, kept as ranges.

use crate::digits;

/// An ascending set of non-zero numbers: ranges that neither overlap nor touch.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct UidSet {
    ranges: Vec<(u32, u32)>,
    len: u64,
}

impl UidSet {
    /// The empty set.
    pub const fn new() -> Self {
        Self {
            ranges: Vec::new(),
            len: 0,
        }
    }

    /// Ranges in any order, overlapping or reversed as they may be (RFC 9051 §9 `seq-range`: 2:4 and 4:2 are equal).
    pub fn from_ranges(ranges: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let mut sorted: Vec<(u32, u32)> = ranges
            .into_iter()
            .map(|(a, b)| (a.min(b), a.max(b)))
            .collect();
        if !sorted.is_sorted() {
            sorted.sort_unstable();
        }
        let mut set = Self::new();
        for (low, high) in sorted {
            set.extend(low, high);
        }
        set
    }

    /// Adds a range whose low end is not below that of the last range.
    pub(crate) fn extend(&mut self, low: u32, high: u32) {
        if let Some(last) = self.ranges.last_mut() {
            debug_assert!(low >= last.0);
            if low <= last.1.saturating_add(1) {
                if high > last.1 {
                    self.len += u64::from(high - last.1);
                    last.1 = high;
                }
                return;
            }
        }
        self.len += u64::from(high - low) + 1;
        self.ranges.push((low, high));
    }

    /// Adds a number that is not below the last range.
    pub(crate) fn push(&mut self, value: u32) {
        self.extend(value, value);
    }

    /// How many numbers.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The ranges, ends included.
    pub fn ranges(&self) -> &[(u32, u32)] {
        &self.ranges
    }

    /// The lowest number.
    pub fn first(&self) -> Option<u32> {
        self.ranges.first().map(|range| range.0)
    }

    /// The highest number.
    pub fn last(&self) -> Option<u32> {
        self.ranges.last().map(|range| range.1)
    }

    /// The index of the first range that ends at `value` or later.
    fn at_or_after(&self, value: u32) -> usize {
        self.ranges.partition_point(|range| range.1 < value)
    }

    /// Whether `value` is in the set.
    pub fn contains(&self, value: u32) -> bool {
        self.ranges
            .get(self.at_or_after(value))
            .is_some_and(|range| range.0 <= value)
    }

    /// Whether any number from `low` to `high` is in the set.
    pub fn touches(&self, low: u32, high: u32) -> bool {
        self.ranges
            .get(self.at_or_after(low))
            .is_some_and(|range| range.0 <= high)
    }

    /// Those at the positions from `start` up to, not with, `end`, counted from 0.
    pub fn slice(&self, start: u64, end: u64) -> Self {
        let mut set = Self::new();
        let mut before = 0;
        for &(low, high) in &self.ranges {
            let count = u64::from(high - low) + 1;
            let (from, to) = (start.max(before), end.min(before + count));
            if from < to {
                let offset = |position: u64| low + (position - before) as u32;
                set.extend(offset(from), offset(to - 1));
            }
            before += count;
            if before >= end {
                break;
            }
        }
        set
    }

    /// All numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.ranges.iter().flat_map(|&(low, high)| low..=high)
    }

    /// Numbers in either.
    pub fn union(&self, other: &Self) -> Self {
        let (mut left, mut right) = (
            self.ranges.iter().peekable(),
            other.ranges.iter().peekable(),
        );
        let mut set = Self::new();
        loop {
            let next = match (left.peek(), right.peek()) {
                (Some(a), Some(b)) if a.0 <= b.0 => left.next(),
                (_, Some(_)) => right.next(),
                (_, None) => left.next(),
            };
            match next {
                Some(&(low, high)) => set.extend(low, high),
                None => return set,
            }
        }
    }

    /// Numbers in both. Costs the ranges of the smaller set times a search in the larger, plus the answer.
    pub fn intersection(&self, other: &Self) -> Self {
        let (few, many) = if self.ranges.len() <= other.ranges.len() {
            (self, other)
        } else {
            (other, self)
        };
        let mut set = Self::new();
        let mut rest = many.ranges.as_slice();
        for &(low, high) in &few.ranges {
            rest = &rest[rest.partition_point(|range| range.1 < low)..];
            for range in rest.iter().take_while(|range| range.0 <= high) {
                set.extend(range.0.max(low), range.1.min(high));
            }
        }
        set
    }

    /// Numbers of this set that are not in the other.
    pub fn difference(&self, other: &Self) -> Self {
        let mut set = Self::new();
        let mut rest = other.ranges.as_slice();
        for &(low, high) in &self.ranges {
            rest = &rest[rest.partition_point(|range| range.1 < low)..];
            let mut from = Some(low);
            for range in rest.iter().take_while(|range| range.0 <= high) {
                if let Some(start) = from.filter(|&start| range.0 > start) {
                    set.extend(start, range.0 - 1);
                }
                from = range.1.checked_add(1).filter(|&next| next <= high);
            }
            if let Some(start) = from {
                set.extend(start, high);
            }
        }
        set
    }

    /// Appends the wire form, `1:3,5` (RFC 9051 §9 `sequence-set`); nothing for the empty set.
    pub fn write(&self, out: &mut Vec<u8>) {
        for (index, &(low, high)) in self.ranges.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            digits::push(out, u64::from(low));
            if high > low {
                out.push(b':');
                digits::push(out, u64::from(high));
            }
        }
    }

    /// Appends every number by itself, `1 2 3 5` (RFC 3501 §7.2.5 SEARCH response).
    pub fn write_spaced(&self, out: &mut Vec<u8>) {
        for (index, value) in self.iter().enumerate() {
            if index > 0 {
                out.push(b' ');
            }
            digits::push(out, u64::from(value));
        }
    }
}

impl FromIterator<u32> for UidSet {
    /// Numbers in any order, repeated as they may be.
    fn from_iter<I: IntoIterator<Item = u32>>(values: I) -> Self {
        let mut sorted: Vec<u32> = values.into_iter().collect();
        if !sorted.is_sorted() {
            sorted.sort_unstable();
        }
        let mut set = Self::new();
        for value in sorted {
            set.push(value);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn wire(set: &UidSet) -> String {
        let mut out = Vec::new();
        set.write(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn the_wire_form_joins_neighbours() {
        assert_eq!(wire(&[5, 3, 2, 1, 9, 3].into_iter().collect()), "1:3,5,9");
        assert_eq!(wire(&UidSet::new()), "");
        let mut spaced = Vec::new();
        UidSet::from_ranges([(1, 3), (5, 5)]).write_spaced(&mut spaced);
        assert_eq!(spaced, b"1 2 3 5");
    }

    /// RFC 9051 §9 `sequence-set`: *:4,5:7 in a mailbox of 10 is 4,5,6,7,8,9,10.
    #[test]
    fn ranges_may_be_reversed_and_overlap() {
        assert_eq!(wire(&UidSet::from_ranges([(10, 4), (5, 7)])), "4:10");
    }

    #[test]
    fn the_largest_number_is_a_number() {
        let all = UidSet::from_ranges([(1, u32::MAX)]);
        assert_eq!(all.len(), u64::from(u32::MAX));
        let top: UidSet = [u32::MAX].into_iter().collect();
        assert_eq!(wire(&all.difference(&top)), "1:4294967294");
        assert_eq!(all.intersection(&top), top);
        assert_eq!(all.union(&top), all);
    }

    fn model() -> impl Strategy<Value = BTreeSet<u32>> {
        proptest::collection::btree_set(1u32..60, 0..40)
    }

    fn set(model: &BTreeSet<u32>) -> UidSet {
        model.iter().copied().collect()
    }

    proptest! {
        #[test]
        fn algebra_is_that_of_sets(a in model(), b in model()) {
            let (x, y) = (set(&a), set(&b));
            prop_assert_eq!(x.union(&y), set(&(&a | &b)));
            prop_assert_eq!(x.intersection(&y), set(&(&a & &b)));
            prop_assert_eq!(x.difference(&y), set(&(&a - &b)));
            prop_assert_eq!(x.len(), a.len() as u64);
            prop_assert_eq!(x.first(), a.first().copied());
            prop_assert_eq!(x.last(), a.last().copied());
            prop_assert!(x.iter().eq(a.iter().copied()));
            for value in 1..60 {
                prop_assert_eq!(x.contains(value), a.contains(&value));
                prop_assert_eq!(x.touches(value, value + 3), a.range(value..=value + 3).next().is_some());
            }
            for pair in x.ranges().windows(2) {
                prop_assert!(pair[0].1 + 1 < pair[1].0);
            }
        }

        #[test]
        fn ranges_in_any_order(ranges in proptest::collection::vec((1u32..50, 1u32..50), 0..12)) {
            let numbers: BTreeSet<u32> = ranges.iter().flat_map(|&(a, b)| a.min(b)..=a.max(b)).collect();
            prop_assert_eq!(UidSet::from_ranges(ranges), set(&numbers));
        }
    }
}
