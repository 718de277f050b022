//! UIDBATCHES (RFC 10022): ranges of UIDs that cut a mailbox into batches of equally many messages.

use crate::snapshot::Snapshot;

impl Snapshot {
    /// Batches `first` to `last`, counted from 1 at the greatest UID down, each as (greatest, least) UID.
    ///
    /// Each but the last has `size` messages. Ranges follow each other without a gap, and the last one reaches down to
    /// 1, so that they name all messages of the mailbox. Costs the batches, not the messages.
    pub fn batches(&self, size: u32, first: u32, last: u32) -> Vec<(u32, u32)> {
        let count = u64::from(self.len());
        let size = u64::from(size.max(1));
        let uid_at = |from_end: u64| {
            let position = count.checked_sub(from_end)?;
            let (chunk, index) = self.at(u32::try_from(position).ok()?)?;
            Some(chunk.fixed.uids[index])
        };
        let mut batches = Vec::new();
        let mut number = u64::from(first.max(1));
        while number <= u64::from(last) && (number - 1) * size < count {
            let high = match uid_at((number - 1) * size) {
                // Right below the batch before.
                Some(least_before) => least_before - 1,
                None => self.last_uid().unwrap_or(1),
            };
            let low = if number * size >= count {
                1
            } else {
                uid_at(number * size).unwrap_or(1)
            };
            batches.push((high, low));
            number += 1;
        }
        batches
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::flags::Keywords;
    use crate::row::{tests::pack, Row};
    use crate::snapshot::MailboxState;

    proptest! {
        #[test]
        fn all_messages_in_batches_of_one_size(
            uids in proptest::collection::btree_set(1u32..6000, 0..2500),
            size in 1u32..700,
            (first, more) in (1u32..5, 0u32..5),
        ) {
            let packed: String = uids.iter().map(|&uid| pack(&Row { uid, ..Row::default() })).collect();
            let state = MailboxState { keywords: Keywords::default(), uid_next: 7000, highest_modseq: 1 };
            let view = Snapshot::load(&[packed.as_bytes()], state).unwrap();
            let all = view.batches(size, 1, u32::MAX);
            prop_assert_eq!(all.first().map(|batch| batch.0), uids.last().copied());
            prop_assert_eq!(all.last().map(|batch| batch.1), uids.first().map(|_| 1));
            prop_assert!(all.windows(2).all(|pair| pair[0].1 == pair[1].0 + 1));
            for (index, (high, low)) in all.iter().enumerate() {
                let messages = uids.range(low..=high).count();
                if index + 1 < all.len() {
                    prop_assert_eq!(messages, size as usize);
                } else {
                    prop_assert!((1..=size as usize).contains(&messages));
                }
            }
            let some: Vec<_> = all.iter().copied().skip(first as usize - 1).take(more as usize + 1).collect();
            prop_assert_eq!(view.batches(size, first, first + more), some);
        }
    }
}
