//! What a client is told against a client that believes it.

#![allow(clippy::expect_used, clippy::panic, missing_docs)]

mod model;

use std::sync::Arc;

use lightmail_index::advance::{FlagItems, Telling};
use lightmail_index::flags::SEEN;
use lightmail_index::snapshot::Snapshot;
use lightmail_index::uid_set::UidSet;
use model::{apply, steps, Model, Step};
use proptest::prelude::*;

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
                uid_only: false,
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
            let telling = Telling { expunge, uid: true, modseq, vanished, recent_from, rev2, uid_only: false, silent: None };
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
        uid_only: false,
        ..plain
    };
    assert_eq!(
        tell(qresync),
        "* VANISHED 2:3\r\n* 4 EXISTS\r\n* 3 FETCH (UID 5 FLAGS (\\Seen $Work) MODSEQ (3))\r\n"
    );
    let later = Telling {
        expunge: false,
        rev2: true,
        uid_only: false,
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
