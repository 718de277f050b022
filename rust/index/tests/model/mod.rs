//! A mailbox as a plain list of rows, and steps in its life.

#![allow(clippy::expect_used, dead_code, missing_docs)]

use std::collections::BTreeMap;

use lightmail_index::flags::Keywords;
use lightmail_index::row::Row;
use lightmail_index::snapshot::{MailboxState, Snapshot};
use lightmail_index::summaries::Summary;
use lightmail_index::uid_set::UidSet;
use lightmail_mime::analyze::{analyze, Limits};
use proptest::prelude::*;

/// What is kept of a message, as it is made when the message comes in.
pub fn summary(raw: &str) -> Summary {
    let made = analyze(raw.as_bytes(), Limits::default());
    Summary::new(
        &made.header,
        &made.envelope,
        &made.bodystructure,
        &made.parts,
        &made.preview,
    )
    .expect("parts")
}

pub fn pack(row: &Row) -> String {
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

pub fn state(uid_next: u32, highest_modseq: u64) -> MailboxState {
    MailboxState {
        keywords: Keywords::new(["$Work", "$Home"]),
        uid_next: u64::from(uid_next),
        highest_modseq,
    }
}

pub fn row(uid: u32, flags: u64, modseq: u64) -> Row {
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
pub struct Model {
    pub rows: BTreeMap<u32, Row>,
    pub next: u32,
    pub modseq: u64,
}

impl Model {
    pub fn seqs(&self) -> Vec<u32> {
        self.rows.keys().copied().collect()
    }
}

/// One step in the life of a mailbox.
#[derive(Debug, Clone)]
pub enum Step {
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

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
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
    pub fn take(&self, model: &mut Model) -> (String, UidSet) {
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

pub fn apply(snapshot: &Snapshot, model: &mut Model, step: &Step) -> Snapshot {
    let (rows, expunged) = step.take(model);
    snapshot
        .apply(
            &[rows.as_bytes()],
            &expunged,
            state(model.next + 1, model.modseq),
        )
        .expect("good rows")
}
