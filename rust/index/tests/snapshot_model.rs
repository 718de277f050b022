//! Snapshots against a plain list of rows.

#![allow(clippy::expect_used, missing_docs)]

mod model;

use lightmail_imap::set::{Bound, SequenceSet};
use lightmail_index::flags::{DELETED, SEEN};
use lightmail_index::resolve::{Absent, BadSet};
use lightmail_index::row::Row;
use lightmail_index::snapshot::Snapshot;
use lightmail_index::uid_set::UidSet;
use model::{apply, pack, row, state, steps, Model, Step};
use proptest::prelude::*;

fn check(snapshot: &Snapshot, model: &Model) -> Result<(), TestCaseError> {
    prop_assert_eq!(snapshot.len() as usize, model.rows.len());
    let all = UidSet::from_ranges([(1, u32::MAX)]);
    prop_assert_eq!(
        snapshot.rows(&all),
        model.rows.values().copied().collect::<Vec<_>>()
    );
    let rows = || model.rows.values();
    prop_assert_eq!(
        snapshot.uids(),
        rows().map(|row| row.uid).collect::<UidSet>()
    );
    prop_assert_eq!(
        snapshot.unseen(),
        rows().filter(|row| row.flags & SEEN == 0).count() as u64
    );
    prop_assert_eq!(
        snapshot.deleted(),
        rows().filter(|row| row.flags & DELETED != 0).count() as u64
    );
    prop_assert_eq!(
        snapshot.size_octets(),
        rows().map(|row| row.size).sum::<u64>()
    );
    let first_unseen = rows()
        .position(|row| row.flags & SEEN == 0)
        .map(|index| index as u32 + 1);
    prop_assert_eq!(snapshot.first_unseen(), first_unseen);
    for from in [1, 17, 3000] {
        let recent = rows().filter(|row| row.uid >= from).count() as u32;
        prop_assert_eq!(snapshot.recent_count(from), recent);
    }
    let within: UidSet = UidSet::from_ranges([(3, 40), (700, 2600), (2800, 2800)]);
    for (bits, without) in [(SEEN, 0), (0, SEEN), (1, 2), (0, 0), (SEEN | DELETED, 1)] {
        let matches = |row: &&Row| row.flags & bits == bits && row.flags & without == 0;
        prop_assert_eq!(
            snapshot.flagged(bits, without, None),
            rows()
                .filter(matches)
                .map(|row| row.uid)
                .collect::<UidSet>()
        );
        prop_assert_eq!(
            snapshot.flagged(bits, without, Some(&within)),
            rows()
                .filter(matches)
                .map(|row| row.uid)
                .filter(|uid| within.contains(*uid))
                .collect::<UidSet>()
        );
    }
    for modseq in [0, 1, 2, 5] {
        let changed = rows().filter(|row| row.modseq > modseq).map(|row| row.uid);
        prop_assert_eq!(
            snapshot.changed_since(modseq, None),
            changed.collect::<UidSet>()
        );
    }
    let most = rows()
        .filter(|row| within.contains(row.uid))
        .map(|row| row.modseq)
        .max();
    prop_assert_eq!(snapshot.max_modseq(&within), most.unwrap_or(0));
    let seqs = model.seqs();
    let numbered = seqs
        .iter()
        .zip(1..)
        .filter(|(uid, _)| within.contains(**uid))
        .map(|(_, seq)| seq);
    prop_assert_eq!(snapshot.seqs(&within), numbered.collect::<UidSet>());
    for uid in [0, 1, 2, 1024, 1025, 2048, 2801, u32::MAX] {
        let seq = seqs
            .iter()
            .position(|other| *other == uid)
            .map(|index| index as u32 + 1);
        prop_assert_eq!(snapshot.seq(uid), seq);
        prop_assert_eq!(snapshot.row(uid), model.rows.get(&uid).copied());
    }
    Ok(())
}

fn bound(value: u32) -> Bound {
    if value == 0 {
        Bound::Largest
    } else {
        Bound::Number(value)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn apply_is_what_a_list_does(steps in steps()) {
        let mut model = Model::default();
        let mut snapshot = Snapshot::empty();
        for step in &steps {
            snapshot = apply(&snapshot, &mut model, step);
            check(&snapshot, &model)?;
        }
        // Loaded at once, in any order, it is the same.
        let mut packed: Vec<String> = model.rows.values().map(pack).collect();
        let blocks = |packed: &[String]| {
            let cut = packed.len() / 3;
            [packed[cut..].concat(), packed[..cut].concat()]
        };
        for _ in 0..2 {
            let blocks = blocks(&packed);
            let loaded = Snapshot::load(&[blocks[0].as_bytes(), blocks[1].as_bytes()], state(1, 1)).expect("rows");
            check(&loaded, &model)?;
            packed.reverse();
        }
    }

    #[test]
    fn sets_name_what_a_list_says(
        steps in proptest::collection::vec((1u32..6, 0u32..3), 0..8),
        ranges in proptest::collection::vec((0u32..40, 0u32..40), 1..5),
    ) {
        let mut model = Model::default();
        let mut snapshot = Snapshot::empty();
        for (count, gap) in steps {
            snapshot = apply(&snapshot, &mut model, &Step::Append { count, gap });
        }
        let set = SequenceSet::Ranges(ranges.iter().map(|&(a, b)| (bound(a), bound(b))).collect());
        let uids = model.seqs();
        let last_uid = uids.last().copied().unwrap_or(model.next + 1);
        let named = |value: u32, largest: u32| {
            ranges.iter().any(|&(a, b)| {
                let (a, b) = (if a == 0 { largest } else { a }, if b == 0 { largest } else { b });
                a.min(b) <= value && value <= a.max(b)
            })
        };
        let by_uid: UidSet = uids.iter().copied().filter(|uid| named(*uid, last_uid)).collect();
        prop_assert_eq!(snapshot.resolve_uids(&set, None), Ok(by_uid));

        let exists = uids.len() as u32;
        let by_seq: UidSet = uids.iter().zip(1..).filter(|(_, seq)| named(*seq, exists)).map(|(uid, _)| *uid).collect();
        prop_assert_eq!(snapshot.resolve_seqs(&set, None, Absent::Skipped), Ok(by_seq.clone()));
        let beyond = exists == 0 || ranges.iter().any(|&(a, b)| a > exists || b > exists);
        let strict = if beyond { Err(BadSet::NoSuchMessage) } else { Ok(by_seq) };
        prop_assert_eq!(snapshot.resolve_seqs(&set, None, Absent::Refused), strict);

        let saved: UidSet = [1, 2, 3, 9].into_iter().collect();
        let still: UidSet = saved.iter().filter(|uid| uids.contains(uid)).collect();
        prop_assert_eq!(snapshot.resolve_uids(&SequenceSet::Saved, Some(&saved)), Ok(still));
    }
}

/// RFC 9051 §9 `seq-number`, `seq-range`.
#[test]
fn the_star() {
    let mut model = Model::default();
    let three = apply(
        &Snapshot::empty(),
        &mut model,
        &Step::Append { count: 3, gap: 1 },
    );
    let set = |ranges: &[(u32, u32)]| {
        SequenceSet::Ranges(ranges.iter().map(|&(a, b)| (bound(a), bound(b))).collect())
    };
    let uids = |wanted: &[u32]| Ok(wanted.iter().copied().collect::<UidSet>());
    // "3291:* includes the UID of the last message in the mailbox, even if that value is less than 3291"
    assert_eq!(three.resolve_uids(&set(&[(3291, 0)]), None), uids(&[6]));
    assert_eq!(three.resolve_uids(&set(&[(0, 0)]), None), uids(&[6]));
    assert_eq!(three.resolve_uids(&set(&[(5, 5), (7, 9)]), None), uids(&[]));
    assert_eq!(
        three.resolve_seqs(&set(&[(0, 2)]), None, Absent::Refused),
        uids(&[4, 6])
    );
    assert_eq!(
        three.resolve_seqs(&set(&[(4, 0)]), None, Absent::Refused),
        Err(BadSet::NoSuchMessage)
    );
    assert_eq!(
        three.resolve_seqs(&set(&[(4, 0)]), None, Absent::Skipped),
        uids(&[6])
    );
    let empty = Snapshot::empty();
    assert_eq!(empty.resolve_uids(&set(&[(1, 0)]), None), uids(&[]));
    assert_eq!(
        empty.resolve_seqs(&set(&[(1, 0)]), None, Absent::Refused),
        uids(&[])
    );
    assert_eq!(
        empty.resolve_seqs(&set(&[(0, 0)]), None, Absent::Refused),
        Err(BadSet::NoSuchMessage)
    );
    assert_eq!(
        empty.resolve_seqs(&set(&[(1, 0)]), None, Absent::Skipped),
        uids(&[])
    );
    assert_eq!(
        empty.resolve_seqs(&SequenceSet::Saved, None, Absent::Refused),
        Err(BadSet::NothingSaved)
    );
}

/// The example of RFC 7162 §3.2.5.2: only UIDs divisible by three are present.
#[test]
fn qresync_match_data() {
    let mut model = Model::default();
    let snapshot = apply(
        &Snapshot::empty(),
        &mut model,
        &Step::Append {
            count: 10_003,
            gap: 2,
        },
    );
    let set = |ranges: &[(u32, u32)]| {
        SequenceSet::Ranges(ranges.iter().map(|&(a, b)| (bound(a), bound(b))).collect())
    };
    let seqs = set(&[(5000, 5000), (7500, 7500), (9000, 9000), (9990, 9999)]);
    let mut uids = vec![(15_000, 15_000), (22_500, 22_500), (27_000, 27_000)];
    uids.extend((9990..=9999).map(|seq| (seq * 3, seq * 3)));
    assert_eq!(snapshot.qresync_match(&seqs, &set(&uids)), 29_997);
    uids[1] = (22_501, 22_501);
    assert_eq!(snapshot.qresync_match(&seqs, &set(&uids)), 15_000);
    assert_eq!(snapshot.qresync_match(&seqs, &set(&[(1, u32::MAX)])), 0);
    assert_eq!(
        snapshot.qresync_match(&set(&[(20_000, 20_001)]), &set(&[(60_000, 60_001)])),
        0
    );
    let all = set(&[(1, u32::MAX)]);
    assert_eq!(snapshot.qresync_match(&all, &all), 0);
}

#[test]
fn only_a_row_that_is_none_is_refused() {
    let state = || state(1, 1);
    let bad = Snapshot::load(&[b"", b"1 1 0 1 1 0 0 0 0 0\n2 1 0\n"], state())
        .map(|_| ())
        .expect_err("short row");
    assert_eq!((bad.block, bad.line), (1, 2));
    let twice = [
        pack(&row(7, 0, 1)),
        pack(&row(3, 0, 1)),
        pack(&row(7, SEEN, 2)),
    ]
    .concat();
    let loaded = Snapshot::load(&[twice.as_bytes()], state()).expect("rows");
    assert_eq!(loaded.rows(&loaded.uids()), [row(3, 0, 1), row(7, SEEN, 2)]);
}
