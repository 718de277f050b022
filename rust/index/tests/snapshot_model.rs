//! Snapshots against a plain list of rows.

#![allow(clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::sync::Arc;

use lightmail_imap::set::{Bound, SequenceSet};
use lightmail_index::advance::{FlagItems, Telling};
use lightmail_index::flags::{Keywords, DELETED, SEEN};
use lightmail_index::resolve::{Absent, BadSet};
use lightmail_index::row::Row;
use lightmail_index::snapshot::{MailboxState, Snapshot};
use lightmail_index::uid_set::UidSet;
use proptest::prelude::*;

fn pack(row: &Row) -> String {
    format!(
        "{} {} {} {} {} {} {} {} {} {}\n",
        row.uid,
        row.size,
        row.flags as i64,
        row.modseq,
        row.body_id,
        row.internaldate,
        row.internaldate_zone,
        row.savedate,
        row.sent_date,
        row.sent_zone
    )
}

fn state(uid_next: u32, highest_modseq: u64) -> MailboxState {
    MailboxState {
        keywords: Keywords::new(["$Work", "$Home"]),
        uid_next: u64::from(uid_next),
        highest_modseq,
    }
}

fn row(uid: u32, flags: u64, modseq: u64) -> Row {
    Row {
        uid,
        size: u64::from(uid) * 10,
        flags,
        modseq,
        body_id: u64::from(uid) + 1000,
        internaldate: 1_700_000_000 + i64::from(uid),
        internaldate_zone: 60,
        savedate: 1_700_000_100,
        sent_date: 1_600_000_000,
        sent_zone: -300,
    }
}

/// The state of the mailbox as a list.
#[derive(Debug, Clone, Default)]
struct Model {
    rows: BTreeMap<u32, Row>,
    next: u32,
    modseq: u64,
}

impl Model {
    fn seqs(&self) -> Vec<u32> {
        self.rows.keys().copied().collect()
    }
}

/// One step in the life of a mailbox.
#[derive(Debug, Clone)]
enum Step {
    Append {
        count: u32,
        gap: u32,
    },
    /// Flags of every `stride`th message from `start` on.
    Flags {
        start: u32,
        stride: u32,
        flags: u64,
    },
    Expunge {
        start: u32,
        count: u32,
        stride: u32,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (1u32..2500, 0u32..3).prop_map(|(count, gap)| Step::Append { count, gap }),
        (1u32..40, 0u32..2).prop_map(|(count, gap)| Step::Append { count, gap }),
        (1u32..6000, 1u32..900, 0u64..128).prop_map(|(start, stride, flags)| Step::Flags {
            start,
            stride,
            flags
        }),
        (1u32..6000, 1u32..2000, 1u32..4).prop_map(|(start, count, stride)| Step::Expunge {
            start,
            count,
            stride
        }),
    ];
    proptest::collection::vec(step, 1..12)
}

impl Step {
    /// Changes the model and returns what `apply` takes.
    fn take(&self, model: &mut Model) -> (String, UidSet) {
        model.modseq += 1;
        let mut rows = Vec::new();
        let mut expunged = UidSet::new();
        match *self {
            Self::Append { count, gap } => {
                for _ in 0..count {
                    model.next += 1 + gap;
                    rows.push(row(model.next, 0, model.modseq));
                }
            }
            Self::Flags {
                start,
                stride,
                flags,
            } => {
                rows.extend(
                    model
                        .rows
                        .range(start..)
                        .step_by(stride as usize)
                        .map(|(_, old)| Row {
                            flags,
                            modseq: model.modseq,
                            ..*old
                        }),
                );
            }
            Self::Expunge {
                start,
                count,
                stride,
            } => {
                expunged = (start..start + count).step_by(stride as usize).collect();
            }
        }
        for row in &rows {
            model.rows.insert(row.uid, *row);
        }
        model.rows.retain(|uid, _| !expunged.contains(*uid));
        // The order of packed rows is free.
        rows.reverse();
        (rows.iter().map(pack).collect(), expunged)
    }
}

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

fn apply(snapshot: &Snapshot, model: &mut Model, step: &Step) -> Snapshot {
    let (rows, expunged) = step.take(model);
    snapshot
        .apply(
            &[rows.as_bytes()],
            &expunged,
            state(model.next + 1, model.modseq),
        )
        .expect("good rows")
}

fn bound(value: u32) -> Bound {
    if value == 0 {
        Bound::Largest
    } else {
        Bound::Number(value)
    }
}

/// What a mail client knows, from untagged responses alone.
#[derive(Debug, Default)]
struct Client {
    messages: Vec<Known>,
    recent: usize,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Known {
    uid: Option<u32>,
    flags: Option<String>,
    modseq: Option<u64>,
}

impl Client {
    fn of(view: &Snapshot, recent_from: u32, rev2: bool) -> Self {
        let lines = view.fetch_flags(
            &view.uids(),
            FlagItems {
                uid: true,
                modseq: true,
                recent_from,
                rev2,
            },
        );
        let mut client = Self {
            messages: vec![Known::default(); view.len() as usize],
            recent: view.recent_count(recent_from) as usize,
        };
        client.hear(&lines);
        client
    }

    fn hear(&mut self, octets: &[u8]) {
        let text = std::str::from_utf8(octets).expect("ascii");
        for line in text.split_terminator("\r\n") {
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            match (words[1], words.get(2).copied()) {
                ("VANISHED", Some(set)) => {
                    let gone: Vec<(u32, u32)> = set
                        .split(',')
                        .map(|range| {
                            let (low, high) = range.split_once(':').unwrap_or((range, range));
                            (low.parse().expect("uid"), high.parse().expect("uid"))
                        })
                        .collect();
                    let gone = UidSet::from_ranges(gone);
                    self.messages
                        .retain(|known| known.uid.is_none_or(|uid| !gone.contains(uid)));
                }
                (number, Some("EXPUNGE")) => {
                    self.messages
                        .remove(number.parse::<usize>().expect("number") - 1);
                }
                (number, Some("EXISTS")) => {
                    let exists = number.parse().expect("number");
                    assert!(
                        exists >= self.messages.len(),
                        "EXISTS never shrinks a mailbox (RFC 9051 §7.4.1)"
                    );
                    self.messages.resize(exists, Known::default());
                }
                (number, Some("RECENT")) => self.recent = number.parse().expect("number"),
                (number, Some("FETCH")) => {
                    let known = &mut self.messages[number.parse::<usize>().expect("number") - 1];
                    let items = words[3]
                        .strip_prefix('(')
                        .and_then(|rest| rest.strip_suffix(')'))
                        .expect("list");
                    known.learn(items);
                }
                _ => panic!("{line}"),
            }
        }
    }
}

impl Known {
    fn learn(&mut self, mut items: &str) {
        while !items.is_empty() {
            let (name, rest) = items.split_once(' ').expect("item");
            let (value, rest) = match rest.strip_prefix('(') {
                Some(list) => list.split_once(')').expect("list"),
                None => rest.split_once(' ').unwrap_or((rest, "")),
            };
            match name {
                "UID" => {
                    let uid = value.parse().expect("uid");
                    assert!(
                        self.uid.is_none_or(|known| known == uid),
                        "a message never changes its UID"
                    );
                    self.uid = Some(uid);
                }
                "FLAGS" => self.flags = Some(value.to_owned()),
                "MODSEQ" => self.modseq = Some(value.parse().expect("modseq")),
                _ => panic!("{name}"),
            }
            items = rest.strip_prefix(' ').unwrap_or(rest);
        }
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

    #[test]
    fn a_client_that_hears_all_knows_the_view(
        steps in steps(),
        moments in proptest::collection::vec((any::<bool>(), 0u8..3), 12),
        (modseq, vanished, rev2) in any::<(bool, bool, bool)>(),
        recent_from in 1u32..3000,
    ) {
        let mut model = Model::default();
        let mut current = Arc::new(Snapshot::empty());
        let mut view = Arc::clone(&current);
        let mut client = Client::of(&view, recent_from, rev2);
        for (step, (expunge, pause)) in steps.iter().zip(moments) {
            current = Arc::new(apply(&current, &mut model, step));
            if pause == 0 {
                continue;
            }
            let telling = Telling { expunge, uid: true, modseq, vanished, recent_from, rev2, silent: None };
            let (next, octets) = view.advance(&current, telling);
            client.hear(&octets);
            if !rev2 {
                prop_assert_eq!(client.recent, next.recent_count(recent_from) as usize);
            }
            prop_assert_eq!(client.messages.len(), next.len() as usize);
            let known = Client::of(&next, recent_from, rev2);
            for (heard, known) in client.messages.iter_mut().zip(known.messages) {
                // Of new messages only the number was told; a client asks for the rest.
                if heard.uid.is_none() {
                    *heard = known.clone();
                }
                prop_assert_eq!(&heard.uid, &known.uid);
                prop_assert_eq!(&heard.flags, &known.flags);
                if modseq {
                    prop_assert_eq!(&heard.modseq, &known.modseq);
                }
            }
            if expunge {
                prop_assert!(Arc::ptr_eq(&next, &current));
            } else {
                prop_assert!(view.uids().difference(&next.uids()).is_empty());
            }
            prop_assert_eq!(next.highest_modseq(), current.highest_modseq());
            view = next;
        }
    }
}

#[test]
fn a_small_change_shares_all_other_chunks() {
    let mut model = Model::default();
    let snapshot = apply(
        &Snapshot::empty(),
        &mut model,
        &Step::Append {
            count: 100_000,
            gap: 0,
        },
    );
    let changed = apply(
        &snapshot,
        &mut model,
        &Step::Flags {
            start: 50_000,
            stride: 100_000,
            flags: SEEN,
        },
    );
    // Shared chunks are compared by identity: the answer is found at once, and is right.
    let telling = Telling {
        uid: true,
        modseq: true,
        ..Telling::default()
    };
    let (view, octets) = Arc::new(snapshot).advance(&Arc::new(changed), telling);
    assert_eq!(
        octets,
        b"* 50000 FETCH (UID 50000 FLAGS (\\Recent \\Seen) MODSEQ (2))\r\n".as_slice()
    );
    assert_eq!(view.unseen(), 99_999);
}

/// RFC 9051 §7.5.1: EXPUNGE; RFC 7162 §3.2.10.2: VANISHED.
#[test]
fn responses_come_in_order() {
    let mut model = Model::default();
    let old = Arc::new(apply(
        &Snapshot::empty(),
        &mut model,
        &Step::Append { count: 5, gap: 0 },
    ));
    let step = |model: &mut Model, snapshot: &Arc<Snapshot>, step: Step| {
        Arc::new(apply(snapshot, model, &step))
    };
    let new = step(
        &mut model,
        &old,
        Step::Expunge {
            start: 2,
            count: 2,
            stride: 1,
        },
    );
    let new = step(
        &mut model,
        &new,
        Step::Flags {
            start: 5,
            stride: 9,
            flags: SEEN | 1 << 5,
        },
    );
    let new = step(&mut model, &new, Step::Append { count: 1, gap: 0 });
    let tell =
        |telling: Telling<'_>| String::from_utf8(old.advance(&new, telling).1).expect("ascii");

    let plain = Telling {
        expunge: true,
        recent_from: 5,
        ..Telling::default()
    };
    assert_eq!(
        tell(plain),
        "* 3 EXPUNGE\r\n* 2 EXPUNGE\r\n* 4 EXISTS\r\n* 2 RECENT\r\n* 3 FETCH (FLAGS (\\Recent \\Seen $Work))\r\n"
    );
    let qresync = Telling {
        vanished: true,
        uid: true,
        modseq: true,
        rev2: true,
        ..plain
    };
    assert_eq!(
        tell(qresync),
        "* VANISHED 2:3\r\n* 4 EXISTS\r\n* 3 FETCH (UID 5 FLAGS (\\Seen $Work) MODSEQ (3))\r\n"
    );
    let later = Telling {
        expunge: false,
        rev2: true,
        ..plain
    };
    assert_eq!(
        tell(later),
        "* 6 EXISTS\r\n* 5 FETCH (FLAGS (\\Seen $Work))\r\n"
    );
    let own: UidSet = [5].into_iter().collect();
    let silent = Telling {
        silent: Some(&own),
        ..later
    };
    assert_eq!(tell(silent), "* 6 EXISTS\r\n");
    // RFC 7162 §3.1.3: .SILENT still tells the MODSEQ.
    let silent = Telling {
        modseq: true,
        uid: true,
        ..silent
    };
    assert_eq!(
        tell(silent),
        "* 6 EXISTS\r\n* 5 FETCH (UID 5 MODSEQ (3))\r\n"
    );
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
