//! SORT and THREAD over 100,000 messages, ten to a thread. `cargo bench -p lightmail-benches --bench order`

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{criterion_group, criterion_main, Criterion, Throughput};
use lightmail_imap::command::{SortCriterion, SortKey, ThreadAlgorithm};
use lightmail_index::flags::Keywords;
use lightmail_index::order::{Gathered, KeyCache, Keys};
use lightmail_index::snapshot::{MailboxState, Snapshot};
use lightmail_mime::collation::Collation;

const MESSAGES: u32 = 100_000;

/// In the order in which lists get them: threads run side by side, fifty at a time.
fn thread_of(uid: u32) -> (u32, u32) {
    let uid = uid - 1;
    (uid / 500 * 50 + uid % 50, uid % 500 / 50)
}

fn header(uid: u32) -> String {
    let (thread, place) = thread_of(uid);
    let mut header = format!(
        "Received: by mx.example.org (Postfix) id {uid}; Mon, 1 Jan 2024 10:00:00 +0000\r\n\
         Message-ID: <{thread}.{place}@example.org>\r\nDate: Mon, 1 Jan 2024 10:00:00 +0000\r\n\
         From: =?utf-8?q?S=C3=A9nder?= {sender} <sender{sender}@example.org>\r\n\
         To: A list <list{list}@example.org>\r\nSubject: {re}[list] On matter {matter} of many\r\n",
        sender = uid.wrapping_mul(2_654_435_761) % 5_000,
        list = uid % 7,
        re = if place > 0 { "Re: " } else { "" },
        matter = thread.wrapping_mul(2_654_435_761) % 1_000_000,
    );
    if place > 0 {
        header.push_str("References:");
        for earlier in place.saturating_sub(4)..place {
            write!(header, " <{thread}.{earlier}@example.org>").unwrap();
        }
        header.push_str("\r\n");
    }
    header + "\r\n"
}

fn view() -> Arc<Snapshot> {
    let mut rows = String::new();
    for uid in 1..=MESSAGES {
        let time = 1_700_000_000 + u64::from(uid) * 60;
        let sent = time - u64::from(uid) * 7_919 % 3_600;
        writeln!(
            rows,
            "{uid} {} 0 {} {uid} {time} 60 {time} {sent} 60",
            2000 + uid % 9000,
            uid + 5
        )
        .unwrap();
    }
    let state = MailboxState {
        keywords: Keywords::new(["$Work"]),
        uid_next: 2_000_000,
        highest_modseq: 9_000_000,
    };
    Arc::new(Snapshot::load(&[rows.as_bytes()], state).unwrap())
}

fn keys(uid: u32) -> Keys {
    Keys::new(header(uid).as_bytes(), Collation::default())
}

fn gathered(view: &Snapshot, cache: &mut KeyCache) -> Gathered {
    let mut run = Gathered::new(view, &view.uids(), true, Collation::default());
    run.use_keys(cache);
    assert!(run.done());
    run
}

fn orders(c: &mut Criterion) {
    let mut group = c.benchmark_group("keys");
    let one = header(777);
    group.throughput(Throughput::Elements(1));
    group.bench_function("of one header", |b| {
        b.iter(|| Keys::new(black_box(one.as_bytes()), Collation::default()));
    });
    group.finish();

    let view = view();
    let mut cache = KeyCache::new(1 << 30);
    for uid in 1..=MESSAGES {
        cache.insert(u64::from(uid), Arc::new(keys(uid)));
    }
    let mut group = c.benchmark_group("100k");
    group.sample_size(10);
    group.throughput(Throughput::Elements(u64::from(MESSAGES)));
    group.bench_function("keys taken from the cache", |b| {
        b.iter(|| gathered(&view, &mut cache).len());
    });
    let run = gathered(&view, &mut cache);
    let by = |key, reverse| SortCriterion { key, reverse };
    let sorts = [
        ("ARRIVAL", vec![by(SortKey::Arrival, false)]),
        ("REVERSE DATE", vec![by(SortKey::Date, true)]),
        ("SUBJECT", vec![by(SortKey::Subject, false)]),
        (
            "FROM REVERSE DATE",
            vec![by(SortKey::From, false), by(SortKey::Date, true)],
        ),
        ("DISPLAYFROM", vec![by(SortKey::DisplayFrom, false)]),
    ];
    for (name, criteria) in sorts {
        group.bench_function(format!("SORT {name}"), |b| {
            b.iter(|| {
                run.sort(black_box(&criteria), None, false)
                    .unwrap()
                    .numbers()
                    .len()
            });
        });
    }
    for algorithm in [
        ThreadAlgorithm::OrderedSubject,
        ThreadAlgorithm::References,
        ThreadAlgorithm::Refs,
    ] {
        group.bench_function(format!("THREAD {}", algorithm.as_str()), |b| {
            b.iter(|| run.thread(black_box(algorithm), Some(&view)).unwrap().len());
        });
    }
    group.finish();
}

criterion_group!(benches, orders);
criterion_main!(benches);
