//! Chunking changes nothing, nothing fails, decoders undo what was encoded.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use lightmail_mime::analyze::{analyze, Analyzer, Limits};
use lightmail_mime::charset::{decode_text, decode_words};
use lightmail_mime::collation::{casemap, Collation};
use lightmail_mime::parts::{Parts, TextPart, Transfer};
use lightmail_mime::structure::body_from_bodystructure;
use lightmail_mime::text::{contains, Needle, Scope};
use lightmail_mime::transfer::{self, Counter, Decoder};
use proptest::collection::vec;
use proptest::prelude::*;

/// Pieces that messages are made of, in any order.
fn mail() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "\r\n", "\n", "\r", "--b\r\n", "--b--\r\n", "--bb\r\n", "--\r\n", "-", "--", " ", "\t", "=", ":", ";", ",",
            "\"", "<", ">", "@", "(", ")", "\\", "'", "*", "%41", "\0", "é", "From: a@b\r\n", "To: g: a@b;, <@r:c@d>\r\n",
            "Subject: Re: [x] =?utf-8?q?=C3=A9?=\r\n", "Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n",
            "Content-Type: multipart/mixed; boundary=b\r\n", "Content-Type: multipart/digest; boundary=\"bb\"\r\n",
            "Content-Type: message/rfc822\r\n", "Content-Type: text/html; charset=utf-8\r\n",
            "Content-Transfer-Encoding: base64\r\n", "Content-Transfer-Encoding: quoted-printable\r\n",
            "Content-Disposition: attachment; filename*0*=utf-8''a%20; filename*1=b\r\n", "SGVsbG8=\r\n", "a=20b=\r\n",
        ]).prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..20),
    ];
    vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

fn fed(octets: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    let mut rest = octets;
    for cut in cuts.iter().cycle() {
        if rest.is_empty() || cuts.is_empty() {
            break;
        }
        let (chunk, after) = rest.split_at((*cut).clamp(1, rest.len()));
        chunks.push(chunk.to_vec());
        rest = after;
    }
    chunks.push(rest.to_vec());
    chunks
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn any_chunking_gives_the_same_summary(message in mail(), cuts in vec(1usize..40, 0..8), small in any::<bool>()) {
        let limits = if small { Limits { depth: 2, parts: 3, header_octets: 80 } } else { Limits::default() };
        let whole = analyze(&message, limits);
        let mut analyzer = Analyzer::new(limits);
        for chunk in fed(&message, &cuts) {
            analyzer.feed(&chunk);
        }
        prop_assert_eq!(analyzer.finish(), whole);
    }

    #[test]
    fn summaries_hold_together(message in mail()) {
        let summary = analyze(&message, Limits::default());
        let parts = Parts::decode(&summary.parts).unwrap();
        prop_assert_eq!(parts.octets(), message.len() as u64);
        prop_assert_eq!(&message[..summary.header.len()], summary.header.as_slice());
        for row in parts.rows() {
            let body = &message[row.body.start as usize..row.body.end as usize];
            prop_assert_eq!(transfer::decode(row.transfer, body).len() as u64, row.decoded_octets);
        }
        for part in parts.text_parts() {
            if let TextPart::Header(range) = part {
                prop_assert!(range.end <= message.len() as u64);
            }
        }
        let body = body_from_bodystructure(&summary.bodystructure);
        prop_assert!(body.starts_with(b"(") && body.ends_with(b")") && body.len() < summary.bodystructure.len());
        contains(&parts, &message, Scope::Text, &Needle::new("é", Collation::default()));
    }

    #[test]
    fn decoders_take_any_chunking(data in mail(), cuts in vec(1usize..9, 0..8)) {
        for transfer in [Transfer::Identity, Transfer::Base64, Transfer::QuotedPrintable] {
            let whole = transfer::decode(transfer, &data);
            let (mut decoder, mut counter, mut out) = (Decoder::new(transfer), Counter::new(transfer), Vec::new());
            for chunk in fed(&data, &cuts) {
                decoder.feed(&chunk, &mut out);
                counter.feed(&chunk);
            }
            decoder.finish(&mut out);
            prop_assert_eq!(&out, &whole);
            prop_assert_eq!(counter.finish(), whole.len() as u64);
        }
    }

    #[test]
    fn base64_round_trip(data in vec(any::<u8>(), 0..400), width in 1usize..20) {
        let encoded = encode_base64(&data);
        let lines = encoded.as_bytes().chunks(width * 4).map(<[u8]>::to_vec).collect::<Vec<_>>().join(b"\r\n".as_slice());
        prop_assert_eq!(transfer::decode(Transfer::Base64, &lines), data);
    }

    #[test]
    fn quoted_printable_round_trip(data in vec(any::<u8>(), 0..200), soft in 1usize..30) {
        let mut encoded = String::new();
        for (index, octet) in data.iter().enumerate() {
            encoded += &format!("={octet:02X}");
            if index % soft == 0 {
                encoded += "= \r\n";
            }
        }
        prop_assert_eq!(transfer::decode(Transfer::QuotedPrintable, encoded.as_bytes()), data);
    }

    #[test]
    fn text_never_fails(octets in vec(any::<u8>(), 0..200), name in "[ -~]{0,20}") {
        decode_text(&name, &octets);
        decode_words(&octets);
        let text = String::from_utf8_lossy(&octets).into_owned();
        prop_assert_eq!(casemap(&text.to_ascii_lowercase()), casemap(&text));
    }
}

fn encode_base64(data: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in data.chunks(3) {
        let bits = group
            .iter()
            .fold(0u32, |bits, octet| bits << 8 | u32::from(*octet))
            << (8 * (3 - group.len()));
        for index in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * index)) as usize & 63];
            out.push(if index <= group.len() {
                letter as char
            } else {
                '='
            });
        }
    }
    out
}

#[test]
fn quoted_printable_by_hand() {
    let cases: &[(&str, &str)] = &[
        ("a=20b=3D", "a b="),
        ("soft=\r\nbreak=  \r\n!", "softbreak!"),
        ("blanks \t\r\nx  \ny", "blanks\r\nx\ny"),
        ("=zz =4 =", "=zz =4 "),
        ("end=", "end"),
        ("a =", "a "),
    ];
    for (encoded, decoded) in cases {
        assert_eq!(
            transfer::decode(Transfer::QuotedPrintable, encoded.as_bytes()),
            decoded.as_bytes(),
            "{encoded}"
        );
    }
}

/// Law 8: hostile shapes take time in proportion to their octets.
#[test]
fn hostile_messages_are_linear() {
    let shapes: Vec<Vec<u8>> = vec![
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
            .iter()
            .copied()
            .chain(b"--b\r\n".repeat(400_000))
            .collect(),
        b"To: "
            .iter()
            .copied()
            .chain(b"a,".repeat(500_000))
            .collect(),
        b"To: "
            .iter()
            .copied()
            .chain(b"<@".repeat(500_000))
            .collect(),
        b"To: "
            .iter()
            .copied()
            .chain(b"(".repeat(1_000_000))
            .collect(),
        b"To: "
            .iter()
            .copied()
            .chain(b"\"\\".repeat(500_000))
            .collect(),
        b"Subject: "
            .iter()
            .copied()
            .chain(b"[a]".repeat(300_000))
            .collect(),
        b"Subject: "
            .iter()
            .copied()
            .chain(b"=?a?q?".repeat(150_000))
            .collect(),
        b"Content-Type: a/b"
            .iter()
            .copied()
            .chain(b";x*0=1".repeat(150_000))
            .collect(),
        b"Content-Type: a/b"
            .iter()
            .copied()
            .chain(b";a=\"".repeat(200_000))
            .collect(),
        b"X: y\r\n".repeat(160_000),
        b"Content-Type: text/html\r\n\r\n"
            .iter()
            .copied()
            .chain(b"<!--".repeat(500_000))
            .collect(),
        b"Content-Type: text/html\r\n\r\n"
            .iter()
            .copied()
            .chain(b"<style".repeat(500_000))
            .collect(),
        b"Content-Type: message/rfc822\r\n\r\n".repeat(60_000),
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n".repeat(40_000),
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
            .iter()
            .copied()
            .chain(b"= ".repeat(1_000_000))
            .collect(),
    ];
    for shape in shapes {
        let begin = std::time::Instant::now();
        analyze(&shape, Limits::default());
        // Generous for a busy machine; quadratic work takes minutes.
        assert!(
            begin.elapsed().as_secs() < 10,
            "{:?}",
            String::from_utf8_lossy(&shape[..60])
        );
    }
}
