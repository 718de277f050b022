//! UIDs, or sequence numbers, in the order of a SORT.

use crate::digits;
use crate::snapshot::Snapshot;
use crate::uid_set::UidSet;

/// Numbers in an order of their own, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UidList {
    numbers: Vec<u32>,
}

impl UidList {
    /// In this order.
    pub fn new(numbers: Vec<u32>) -> Self {
        Self { numbers }
    }

    /// The numbers.
    pub fn numbers(&self) -> &[u32] {
        &self.numbers
    }

    /// In order of their number.
    pub fn as_set(&self) -> UidSet {
        let mut sorted = self.numbers.clone();
        sorted.sort_unstable();
        sorted.into_iter().collect()
    }

    /// The sequence numbers of these UIDs; those that are not in the view are left out.
    pub fn seqs(&self, view: &Snapshot) -> Self {
        Self {
            numbers: self
                .numbers
                .iter()
                .filter_map(|&uid| view.seq(uid))
                .collect(),
        }
    }

    /// Places `start` up to, not including, `end`.
    pub fn slice(&self, start: usize, end: usize) -> Self {
        let end = end.min(self.numbers.len());
        Self {
            numbers: self.numbers[start.min(end)..end].to_vec(),
        }
    }

    /// Without those of `gone`.
    pub fn without(&self, gone: &UidSet) -> Self {
        let kept = self.numbers.iter().filter(|&&uid| !gone.contains(uid));
        Self {
            numbers: kept.copied().collect(),
        }
    }

    /// `1 2733 4 2731:2732`: those of `uids` with their places from 1, neighbours together, as ADDTO names them: inserted
    /// one after the other they come to stand where they stand here. last_first: as REMOVEFROM names them, so that no
    /// removal moves the next one (RFC 5267 §4.3.3, §4.3.4). view: sequence numbers of it are written, not UIDs.
    pub fn write_places(
        &self,
        uids: &UidSet,
        last_first: bool,
        view: Option<&Snapshot>,
        out: &mut Vec<u8>,
    ) {
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for (place, &uid) in self.numbers.iter().enumerate() {
            if uids.contains(uid) {
                match runs.last_mut() {
                    Some((_, end)) if *end == place => *end += 1,
                    _ => runs.push((place, place + 1)),
                }
            }
        }
        if last_first {
            runs.reverse();
        }
        for (position, (start, end)) in runs.into_iter().enumerate() {
            let run = self.slice(start, end);
            if position > 0 {
                out.push(b' ');
            }
            digits::push(out, start as u64 + 1);
            out.push(b' ');
            view.map_or_else(|| run.clone(), |view| run.seqs(view))
                .write_set(out);
        }
    }

    /// `2 3 6`: as SORT answers (RFC 5256 §4).
    pub fn write_spaced(&self, out: &mut Vec<u8>) {
        for (place, &number) in self.numbers.iter().enumerate() {
            if place > 0 {
                out.push(b' ');
            }
            digits::push(out, u64::from(number));
        }
    }

    /// `23765,23764,23760:23763`: a `sequence-set` in this order; ranges ascend (RFC 5267 §3.2).
    pub fn write_set(&self, out: &mut Vec<u8>) {
        let mut rest = self.numbers.as_slice();
        while let Some(&first) = rest.first() {
            let follows = |&(place, number): &(usize, &u32)| {
                u64::from(*number) == u64::from(first) + place as u64
            };
            let run = rest.iter().enumerate().take_while(follows).count();
            digits::push(out, u64::from(first));
            if run > 1 {
                out.push(if run > 2 { b':' } else { b',' });
                digits::push(out, u64::from(rest[run - 1]));
            }
            rest = &rest[run..];
            if !rest.is_empty() {
                out.push(b',');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(numbers: &[u32]) -> (String, String) {
        let list = UidList::new(numbers.to_vec());
        let (mut spaced, mut set) = (Vec::new(), Vec::new());
        list.write_spaced(&mut spaced);
        list.write_set(&mut set);
        (
            String::from_utf8(spaced).unwrap(),
            String::from_utf8(set).unwrap(),
        )
    }

    #[test]
    fn places_as_they_are_inserted_and_removed() {
        let list = UidList::new(vec![7, 6, 1, 2, 3, 9]);
        let places = |uids: &[u32], last_first| {
            let (mut out, uids) = (Vec::new(), uids.iter().copied().collect());
            list.write_places(&uids, last_first, None, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(places(&[1, 2, 3], false), "3 1:3");
        assert_eq!(places(&[2, 6, 7, 9, 10], false), "1 7,6 4 2 6 9");
        assert_eq!(places(&[2, 6, 7, 9, 10], true), "6 9 4 2 1 7,6");
        assert_eq!(places(&[], true), "");
        let gone = [2, 6, 7].into_iter().collect();
        assert_eq!(list.without(&gone).numbers(), [1, 3, 9]);
    }

    #[test]
    fn both_forms() {
        assert_eq!(written(&[]), (String::new(), String::new()));
        assert_eq!(written(&[7, 6, 1, 2, 3, 9, 10]).0, "7 6 1 2 3 9 10");
        assert_eq!(written(&[7, 6, 1, 2, 3, 9, 10]).1, "7,6,1:3,9,10");
        assert_eq!(
            written(&[u32::MAX - 1, u32::MAX, 1]).1,
            "4294967294,4294967295,1"
        );
        assert_eq!(
            UidList::new(vec![3, 1, 2]).as_set(),
            UidSet::from_ranges([(1, 3)])
        );
        assert_eq!(UidList::new(vec![3, 1, 2]).slice(1, 9).numbers(), [1, 2]);
        assert!(UidList::new(vec![3]).slice(2, 1).numbers().is_empty());
    }
}
