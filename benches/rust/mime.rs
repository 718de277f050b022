//! Messages to summaries, text for SEARCH, decoders: octets a second.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::hint::black_box;

use criterion::{criterion_group, criterion_main, Criterion, Throughput};
use lightmail_mime::analyze::{analyze, Limits};
use lightmail_mime::collation::Collation;
use lightmail_mime::parts::{Parts, Transfer};
use lightmail_mime::text::{contains, Needle, Scope};
use lightmail_mime::transfer;

const HEADER: &str = "Return-Path: <list-bounces@lists.example.org>\r\n\
    Received: from mx.example.org (mx.example.org [192.0.2.1])\r\n\tby mail.example.net (Postfix) with ESMTPS id 4XyZ\r\n\
    \tfor <joe@example.net>; Mon,  1 Jan 2024 00:00:00 +0000 (UTC)\r\n\
    DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=2024;\r\n\tt=1704067200; bh=0123456789abcdef=;\r\n\
    \th=From:To:Subject:Date; b=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n\
    Date: Mon, 1 Jan 2024 00:00:00 +0000\r\nFrom: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>\r\n\
    To: Joe Public <joe@example.net>, list@lists.example.org\r\nSubject: Re: [list] =?utf-8?b?SGVsbG8gV29ybGQ=?=\r\n\
    Message-ID: <20240101000000.4XyZ@example.org>\r\nReferences: <1@example.net>\r\n <2@example.net>\r\n\
    MIME-Version: 1.0\r\nX-Mailer: bench 1.0\r\n";

const LINE: &str =
    "The quick brown fox jumps over the lazy dog, again and again, until the end.\r\n";

fn text(octets: usize) -> Vec<u8> {
    let head = format!("{HEADER}Content-Type: text/plain; charset=utf-8\r\n\r\n");
    (head + &LINE.repeat(octets / LINE.len())).into_bytes()
}

fn attachments(octets: usize) -> Vec<u8> {
    let head = format!(
        "{HEADER}Content-Type: multipart/mixed; boundary=\"=-b\"\r\n\r\n--=-b\r\n\r\n{LINE}"
    );
    let part = "--=-b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n";
    let line = "JVBERi0xLjQKJcfsj6IKNSAwIG9iago8PC9MZW5ndGggNiAwIFIvRmlsdGVyIC9GbGF0ZURlY29k\r\n";
    format!(
        "{head}{part}{}--=-b--\r\n",
        line.repeat(octets / line.len())
    )
    .into_bytes()
}

fn quoted_printable(octets: usize) -> Vec<u8> {
    let head = format!(
        "{HEADER}Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    );
    let line = "<p style=3D\"margin:0\">Caf=C3=A9 au lait &amp; croissants, s'il vous pla=C3=AEt=\r\n</p>\r\n";
    (head + &line.repeat(octets / line.len())).into_bytes()
}

fn many_parts(parts: usize) -> Vec<u8> {
    let head = format!("{HEADER}Content-Type: multipart/digest; boundary=b\r\n\r\n");
    (head + &format!("--b\r\n\r\n{HEADER}\r\n{LINE}").repeat(parts) + "--b--\r\n").into_bytes()
}

fn summaries(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("analyze");
    let messages = [
        ("text 4 KiB", text(4 << 10)),
        ("text 1 MiB", text(1 << 20)),
        ("base64 10 MiB", attachments(10 << 20)),
        ("quoted-printable 1 MiB", quoted_printable(1 << 20)),
        ("digest of 1,000", many_parts(1000)),
    ];
    for (name, message) in &messages {
        group.throughput(Throughput::Bytes(message.len() as u64));
        group.bench_function(*name, |bencher| {
            bencher.iter(|| analyze(black_box(message), Limits::default()))
        });
    }
    group.finish();
}

fn search(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("contains");
    let needle = Needle::new("zebra", Collation::default());
    for (name, message) in [
        ("text 1 MiB", text(1 << 20)),
        ("quoted-printable 1 MiB", quoted_printable(1 << 20)),
    ] {
        let parts = Parts::decode(&analyze(&message, Limits::default()).parts).unwrap();
        group.throughput(Throughput::Bytes(message.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| contains(&parts, black_box(&message), Scope::Text, &needle));
        });
    }
    group.finish();
}

fn decoders(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for (name, transfer, message) in [
        ("base64 1 MiB", Transfer::Base64, attachments(1 << 20)),
        (
            "quoted-printable 1 MiB",
            Transfer::QuotedPrintable,
            quoted_printable(1 << 20),
        ),
    ] {
        group.throughput(Throughput::Bytes(message.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| transfer::decode(transfer, black_box(&message)))
        });
    }
    group.finish();
}

criterion_group!(benches, summaries, search, decoders);
criterion_main!(benches);
