//! Snapshots, FETCH and SEARCH over whole mailboxes of 10,000 messages (1,000,000 where said).

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{criterion_group, criterion_main, Criterion, Throughput};
use lightmail_imap::fetch::{FetchItem, FetchItems, Section, SectionText};
use lightmail_imap::search::{SearchKey, SearchProgram};
use lightmail_imap::set::{Bound, SequenceSet};
use lightmail_index::advance::Telling;
use lightmail_index::fetch::{FetchOptions, FetchRun, Piece};
use lightmail_index::flags::{Keywords, SEEN};
use lightmail_index::search::{SearchContext, SearchRun};
use lightmail_index::snapshot::{MailboxState, Snapshot};
use lightmail_index::summaries::{Summary, SummaryCache};
use lightmail_index::uid_set::UidSet;
use lightmail_mime::analyze::{analyze, Limits};
use lightmail_mime::parts::Parts;

const MESSAGES: u32 = 10_000;

fn state() -> MailboxState {
    MailboxState {
        keywords: Keywords::new(["$Work"]),
        uid_next: 2_000_000,
        highest_modseq: 9_000_000,
    }
}

/// One message in seven is unseen.
fn packed(uids: std::ops::RangeInclusive<u32>) -> String {
    let mut rows = String::new();
    for uid in uids {
        let flags = if uid.is_multiple_of(7) { 0 } else { SEEN };
        let time = 1_700_000_000 + u64::from(uid) * 60;
        writeln!(
            rows,
            "{uid} {} {flags} {} {uid} {time} 60 {time} {time} 60",
            2000 + uid % 9000,
            uid + 5
        )
        .unwrap();
    }
    rows
}

fn snapshot(messages: u32) -> Arc<Snapshot> {
    Arc::new(Snapshot::load(&[packed(1..=messages).as_bytes()], state()).unwrap())
}

fn message(number: u32) -> String {
    format!(
        "Return-Path: <sender{number}@example.org>\r\nReceived: from mx{number}.example.org (mx.example.org [192.0.2.1])\r\n\
        \tby mail.example.net (Postfix) with ESMTPS id 4Q{number}\r\n\tfor <user@example.net>; Mon, 1 Jan 2024 10:00:00 +0000 (UTC)\r\n\
        Received: by smtp.example.org (Postfix, from userid 1000)\r\n\tid {number}; Mon, 1 Jan 2024 09:59:59 +0000 (UTC)\r\n\
        DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=mail;\r\n\tt=1704103199; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n\
        \th=Date:From:To:Subject:List-Id; b=abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl\r\n\t mnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz\r\n\
        Message-ID: <{number}.abcdef@example.org>\r\nDate: Mon, 1 Jan 2024 10:00:00 +0100\r\nFrom: Some Sender <sender{number}@example.org>\r\n\
        To: A User <user@example.net>, Another One <other@example.net>\r\nCc: list@example.org\r\n\
        Subject: {} number {number} of a longer thread about things\r\nIn-Reply-To: <{}.abcdef@example.org>\r\n\
        References: <1.abcdef@example.org> <2.abcdef@example.org>\r\n\t<{}.abcdef@example.org>\r\nMIME-Version: 1.0\r\n\
        User-Agent: Mutt/2.2\r\nList-Id: A list <list.example.org>\r\nList-Unsubscribe: <mailto:leave@example.org>\r\n\
        Content-Type: multipart/mixed; boundary=\"bound{number}\"\r\nX-Spam-Status: No, score=-2.1\r\nX-Mailer: none\r\n\r\n\
        --bound{number}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSome text.\r\n\
        --bound{number}\r\nContent-Type: application/pdf; name=\"a.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\
        Content-Disposition: attachment; filename=\"a.pdf\"\r\n\r\nJVBERi0xLjQK\r\n--bound{number}--\r\n",
        if number.is_multiple_of(50) { "Patch" } else { "Report" },
        number - 1,
        number - 1,
    )
}

fn cache(messages: u32) -> SummaryCache {
    let mut cache = SummaryCache::new(1 << 30);
    for number in 1..=messages {
        let made = analyze(message(number).as_bytes(), Limits::default());
        let summary = Summary::new(
            &made.header,
            &made.envelope,
            &made.bodystructure,
            &made.parts,
            &made.preview,
        )
        .unwrap();
        cache.insert(u64::from(number), summary);
    }
    cache
}

fn all() -> SequenceSet {
    SequenceSet::Ranges(vec![(Bound::Number(1), Bound::Largest)])
}

fn snapshots(c: &mut Criterion) {
    let rows = packed(1..=1_000_000);
    let mut group = c.benchmark_group("snapshot");
    group.sample_size(10);
    group.bench_function("load of 1,000,000 rows", |b| {
        b.iter(|| {
            Snapshot::load(black_box(&[rows.as_bytes()]), state())
                .unwrap()
                .len()
        });
    });
    let large = snapshot(1_000_000);
    let change = packed(500_001..=500_001).replace(" 8 ", " 9 ");
    group.bench_function("a flag changed in 1,000,000", |b| {
        b.iter(|| {
            large
                .apply(black_box(&[change.as_bytes()]), &UidSet::new(), state())
                .unwrap()
                .len()
        });
    });
    let changed = Arc::new(
        large
            .apply(&[change.as_bytes()], &UidSet::new(), state())
            .unwrap(),
    );
    group.bench_function("what to tell of it", |b| {
        let telling = Telling {
            expunge: true,
            uid: true,
            ..Telling::default()
        };
        b.iter(|| large.advance(black_box(&changed), telling).1.len());
    });
    group.finish();

    let view = snapshot(MESSAGES);
    let change = packed(5001..=5001).replace(" 8 ", " 9 ");
    c.bench_function("10k: a flag changed", |b| {
        b.iter(|| {
            view.apply(black_box(&[change.as_bytes()]), &UidSet::new(), state())
                .unwrap()
                .len()
        });
    });
    c.bench_function("10k: resolve 1:*", |b| {
        b.iter(|| view.resolve_uids(black_box(&all()), None).unwrap().len());
    });
    c.bench_function("10k: flagged without Seen", |b| {
        b.iter(|| view.flagged(0, black_box(SEEN), None).len())
    });
}

fn render(
    items: &FetchItems,
    view: &Arc<Snapshot>,
    uids: &Arc<UidSet>,
    cache: &mut SummaryCache,
) -> usize {
    let options = FetchOptions {
        rev2: true,
        ..FetchOptions::default()
    };
    let mut run = FetchRun::new(items, Arc::clone(view), Arc::clone(uids), options);
    let mut octets = 0;
    while !run.done() {
        let missing = run.missing(cache, 500);
        assert!(missing.is_empty());
        for piece in run.render(cache, 500, 131_072).unwrap() {
            if let Piece::Octets(piece) = piece {
                octets += black_box(piece).len();
            }
        }
    }
    octets
}

fn fields(names: &str) -> FetchItem {
    let names = names
        .split(' ')
        .map(|name| name.as_bytes().to_vec())
        .collect();
    FetchItem::BodySection {
        section: Section {
            part: Vec::new(),
            text: SectionText::HeaderFields {
                exclude: false,
                names,
            },
        },
        peek: true,
        partial: None,
    }
}

fn fetches(c: &mut Criterion) {
    let view = snapshot(MESSAGES);
    let uids = Arc::new(view.uids());
    let mut cache = cache(MESSAGES);
    let list = [
        FetchItem::Uid,
        FetchItem::Flags,
        FetchItem::InternalDate,
        FetchItem::Rfc822Size,
    ];
    let with = |more: Vec<FetchItem>| FetchItems(list.iter().cloned().chain(more).collect());
    let thunderbird = "From To Cc Bcc Subject Date Message-ID Priority X-Priority References Newsgroups In-Reply-To \
        Content-Type Reply-To";
    let mutt = "DATE FROM SENDER SUBJECT TO CC MESSAGE-ID REFERENCES CONTENT-TYPE CONTENT-DESCRIPTION IN-REPLY-TO \
        REPLY-TO LINES LIST-POST X-LABEL LIST-SUBSCRIBE LIST-UNSUBSCRIBE X-ORIGINAL-TO";
    let cases = [
        ("UID FLAGS", FetchItems(list[..2].to_vec())),
        ("UID FLAGS INTERNALDATE RFC822.SIZE", with(vec![])),
        (
            "ENVELOPE BODYSTRUCTURE",
            with(vec![FetchItem::Envelope, FetchItem::BodyStructure]),
        ),
        ("BODY", FetchItems(vec![FetchItem::Body])),
        (
            "header fields, Thunderbird's",
            with(vec![fields(thunderbird)]),
        ),
        ("header fields, Mutt's", with(vec![fields(mutt)])),
        ("header fields, one", FetchItems(vec![fields("Subject")])),
    ];
    for (name, items) in cases {
        c.bench_function(&format!("10k: FETCH {name}"), |b| {
            b.iter(|| render(black_box(&items), &view, &uids, &mut cache));
        });
    }
}

fn search(view: &Arc<Snapshot>, cache: &mut SummaryCache, key: &SearchKey) -> u64 {
    let program = SearchProgram {
        charset: None,
        key: key.clone(),
    };
    let mut run = SearchRun::new(&program, Arc::clone(view), &SearchContext::default()).unwrap();
    run.use_summaries(cache, usize::MAX);
    let wanted = run.wanted_bodies(usize::MAX);
    for (id, _) in wanted {
        run.use_body(id, message(id as u32).as_bytes(), None);
    }
    run.result().unwrap().len()
}

fn searches(c: &mut Criterion) {
    let view = snapshot(MESSAGES);
    let mut cache = cache(MESSAGES);
    let header = |name: &str, text: &str| SearchKey::Header {
        name: name.into(),
        text: text.into(),
    };
    let unseen = || SearchKey::Flag {
        name: "\\Seen".to_owned(),
        set: false,
    };
    let cases = [
        ("UNSEEN", unseen()),
        (
            "UNSEEN UNDELETED",
            SearchKey::And(vec![
                unseen(),
                SearchKey::Flag {
                    name: "\\Deleted".to_owned(),
                    set: false,
                },
            ]),
        ),
        ("SUBJECT word", header("Subject", "patch")),
        ("FROM word", header("From", "sender77@")),
        ("HEADER X-Mailer word", header("X-Mailer", "none")),
        ("HEADER References word", header("References", "<77.abcdef")),
    ];
    for (name, key) in cases {
        c.bench_function(&format!("10k: SEARCH {name}"), |b| {
            b.iter(|| search(&view, &mut cache, black_box(&key)))
        });
    }
    // Of 10,000 octets each, mostly text: what a scan of bodies costs.
    let body = format!(
        "{}\r\n{}",
        message(7),
        "Lorem ipsum dolor sit amet, consectetur.\r\n".repeat(200)
    );
    let body = body.replace("--bound7--\r\n", "--bound7\r\n\r\n") + "--bound7--\r\n";
    let mut group = c.benchmark_group("SEARCH");
    group.throughput(Throughput::Bytes(body.len() as u64));
    let program = SearchProgram {
        charset: None,
        key: SearchKey::Text(b"nowhere".to_vec()),
    };
    let one = snapshot(1);
    let parts = Parts::decode(&analyze(body.as_bytes(), Limits::default()).parts).unwrap();
    for (name, parts) in [
        ("TEXT word in one body", Some(parts)),
        ("TEXT word in one body, its parts unknown", None),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut run =
                    SearchRun::new(&program, Arc::clone(&one), &SearchContext::default()).unwrap();
                run.use_body(1, black_box(body.as_bytes()), parts.clone());
                run.result().unwrap().len()
            })
        });
    }
    group.finish();
}

criterion_group!(benches, snapshots, fetches, searches);
criterion_main!(benches);
