//! The decoder: commands a second, and octets a second through the framer. `cargo bench -p lightmail-imap`

#![allow(missing_docs)]

use std::hint::black_box;

use criterion::{criterion_group, criterion_main, Criterion, Throughput};
use lightmail_imap::decoder::{Decoder, Event};
use lightmail_imap::encode;
use lightmail_imap::limits::Limits;

/// What clients send most, one command each.
const COMMANDS: [(&str, &[u8]); 7] = [
    ("noop", b"a1 NOOP\r\n"),
    ("select", b"a1 SELECT \"INBOX\" (CONDSTORE)\r\n"),
    ("fetch flags", b"a1 UID FETCH 1:500 (UID FLAGS)\r\n"),
    (
        "fetch header fields",
        b"a1 UID FETCH 1:500 (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Bcc Subject Date Message-ID \
          Priority X-Priority References Newsgroups In-Reply-To Content-Type Reply-To)])\r\n",
    ),
    ("store", b"a1 UID STORE 4711 +FLAGS.SILENT (\\Seen)\r\n"),
    ("search", b"a1 UID SEARCH UNSEEN UNDELETED SINCE 1-Feb-1994\r\n"),
    ("login with literals", b"a1 LOGIN {3+}\r\njoe {6+}\r\nsesame\r\n"),
];

/// Takes all events; how many.
fn drain(decoder: &mut Decoder) -> usize {
    let mut count = 0;
    loop {
        match decoder.next_event() {
            None => return count,
            Some(Event::AppendMessage(_)) => {}
            Some(event) => {
                black_box(&event);
                count += 1;
                continue;
            }
        }
        decoder.accept_literal();
        count += 1;
    }
}

fn commands(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("command");
    for (name, octets) in COMMANDS {
        group.throughput(Throughput::Elements(1));
        group.bench_function(name, |bencher| {
            let mut decoder = Decoder::new(Limits::default());
            bencher.iter(|| {
                decoder.feed(black_box(octets));
                drain(&mut decoder)
            });
        });
    }
    group.finish();
}

fn streams(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("framer");
    let pipelined: Vec<u8> = COMMANDS
        .iter()
        .cycle()
        .take(700)
        .flat_map(|(_, octets)| octets.iter().copied())
        .collect();
    for chunk in [1, 1460, 65_536] {
        group.throughput(Throughput::Bytes(pipelined.len() as u64));
        group.bench_function(
            format!("pipelined commands in chunks of {chunk}"),
            |bencher| {
                let mut decoder = Decoder::new(Limits::default());
                bencher.iter(|| {
                    let feed = |octets: &[u8]| {
                        decoder.feed(octets);
                        drain(&mut decoder)
                    };
                    pipelined.chunks(chunk).map(feed).sum::<usize>()
                });
            },
        );
    }
    let mut message = b"a1 APPEND INBOX (\\Seen) {10000000+}\r\n".to_vec();
    message.extend(
        std::iter::repeat_n(b"0123456789abcdef\r\n", 555_556)
            .flatten()
            .take(10_000_000),
    );
    message.extend_from_slice(b"\r\n");
    for chunk in [65_536, 262_144] {
        group.throughput(Throughput::Bytes(message.len() as u64));
        group.bench_function(format!("append of 10 MB in chunks of {chunk}"), |bencher| {
            let mut decoder = Decoder::new(Limits::default());
            bencher.iter(|| {
                let feed = |octets: &[u8]| {
                    decoder.feed(octets);
                    drain(&mut decoder)
                };
                message.chunks(chunk).map(feed).sum::<usize>()
            });
        });
    }
    group.finish();
}

fn encoding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    let name = "Archiv/\u{65e5}\u{672c}\u{8a9e}/2024";
    let wire = encode::utf7::encode(name);
    let mut out = Vec::with_capacity(256);
    group.bench_function("mailbox name", |bencher| {
        bencher.iter(|| {
            out.clear();
            encode::mailbox_name(black_box(name), false, &mut out);
            out.len()
        });
    });
    group.bench_function("decode utf7", |bencher| {
        bencher.iter(|| encode::utf7::decode(black_box(wire.as_bytes())));
    });
    group.finish();
}

criterion_group!(benches, commands, streams, encoding);
criterion_main!(benches);
