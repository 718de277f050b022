//! The stored form: octets a second in and out.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{criterion_group, criterion_main, Criterion, Throughput};
use lightmail_frames::{
    decode_all, decode_all_as, encode, encode_as, Encoder, Keyring, Layout, Options,
};

const FRAME: usize = 131_072;
/// The key of an object that is encrypted.
const NAME: &str = "7f/03c9.k1";

fn options(frame_octets: usize) -> Options {
    Options {
        frame_octets,
        ..Options::default()
    }
}

fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..count).map(|_| next()).collect()
}

/// What an attachment looks like: base64 of noise in lines.
fn base64(octets: usize) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letters = noise(octets)
        .into_iter()
        .map(|octet| ALPHABET[octet as usize & 63]);
    let mut out = Vec::with_capacity(octets + octets / 38);
    for (index, letter) in letters.enumerate() {
        out.push(letter);
        if index % 76 == 75 {
            out.extend_from_slice(b"\r\n");
        }
    }
    out
}

fn text(octets: usize) -> Vec<u8> {
    let mut out = String::new();
    let mut number = 1u32;
    while out.len() < octets {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let _ = write!(
            out,
            "On line {number} of the report the quick brown fox met dog {}.\r\n",
            number % 97
        );
    }
    out.into_bytes()
}

fn frames(criterion: &mut Criterion) {
    let bodies = [
        ("text 4 KiB", text(4 << 10)),
        ("text 1 MiB", text(1 << 20)),
        ("base64 10 MiB", base64(10 << 20)),
        ("noise 10 MiB", noise(10 << 20)),
    ];
    let keyring = Keyring::new(vec![("k1".into(), [7; 32])]);
    let encrypted = |raw: &[u8]| {
        let encoder = Encoder::new_as(options(FRAME), NAME, &keyring).unwrap();
        encode_as(raw, encoder).unwrap().0
    };
    for (name, raw) in &bodies {
        let (stored, known) = encode(raw, options(FRAME)).unwrap();
        println!(
            "{name}: {} of {} octets stored",
            known.stored_octets, known.raw_octets
        );
        let mut group = criterion.benchmark_group(*name);
        group.throughput(Throughput::Bytes(raw.len() as u64));
        group.bench_function("encode", |bencher| {
            bencher.iter(|| encode(black_box(raw), options(FRAME)).unwrap())
        });
        group.bench_function("decode", |bencher| {
            bencher.iter(|| decode_all(black_box(&stored)).unwrap())
        });
        group.bench_function("encode and encrypt", |bencher| {
            bencher.iter(|| encrypted(black_box(raw)))
        });
        let stored = encrypted(raw);
        group.bench_function("decrypt and decode", |bencher| {
            bencher.iter(|| decode_all_as(black_box(&stored), NAME, &keyring).unwrap())
        });
        group.finish();
    }
    let (stored, _) = encode(&bodies[2].1, options(FRAME)).unwrap();
    let layout = Layout::parse(&stored, stored.len() as u64).unwrap();
    let range = 5_000_000..5_016_384;
    let plan = layout.read_plan(&range);
    let covering = &stored[plan.start as usize..plan.end as usize];
    criterion.bench_function("16 KiB of 10 MiB", |bencher| {
        bencher.iter(|| {
            let mut out = Vec::new();
            layout
                .decode(black_box(covering), plan.start, &range, &mut out)
                .unwrap();
            out
        });
    });
}

criterion_group!(benches, frames);
criterion_main!(benches);
