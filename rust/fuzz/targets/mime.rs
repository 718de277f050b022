//! Any octets as a message: no panic, the same summary however it is cut, and a part table that holds together.
//!
//! The first octet chooses the limits, the second the sizes of the chunks.

#![no_main]

use libfuzzer_sys::fuzz_target;
use lightmail_mime::analyze::{analyze, Analyzer, Limits};
use lightmail_mime::header;
use lightmail_mime::parts::{Parts, TextPart, What};
use lightmail_mime::structure::body_from_bodystructure;
use lightmail_mime::collation::Collation;
use lightmail_mime::text::{contains, Needle, Scope};
use lightmail_mime::transfer;

fuzz_target!(|octets: &[u8]| {
    let [limits, sizes, message @ ..] = octets else {
        return;
    };
    let limits = match limits % 3 {
        0 => Limits { depth: 2, parts: 4, header_octets: 64 },
        1 => Limits { depth: 5, parts: 50, header_octets: 512 },
        _ => Limits::default(),
    };
    let whole = analyze(message, limits);
    let mut analyzer = Analyzer::new(limits);
    for chunk in message.chunks(usize::from(*sizes).max(1)) {
        analyzer.feed(chunk);
    }
    assert_eq!(analyzer.finish(), whole);

    let parts = Parts::decode(&whole.parts).expect("the part table is one");
    assert_eq!(parts.encode(), whole.parts);
    assert_eq!(parts.octets(), message.len() as u64);
    assert_eq!(whole.header, &message[..whole.header.len()]);
    for row in parts.rows() {
        let body = &message[row.body.start as usize..row.body.end as usize];
        assert_eq!(transfer::decode(row.transfer, body).len() as u64, row.decoded_octets);
    }
    for part in parts.text_parts() {
        if let TextPart::Header(range) = part {
            header::unfold(&message[range.start as usize..range.end as usize]);
        }
    }
    for number in 0..4 {
        parts.locate(&[number], What::Header);
        parts.locate(&[1, number], What::Full);
        parts.leaf(&[number, 1]);
    }
    contains(&parts, message, Scope::Text, &Needle::new("é", Collation::default()));

    let body = body_from_bodystructure(&whole.bodystructure);
    assert!(body.starts_with(b"(") && body.ends_with(b")"));
    // The stored form may be damaged anywhere.
    let mut damaged = whole.parts;
    let at = usize::from(*sizes) % damaged.len();
    damaged[at] = damaged[at].wrapping_add(1);
    let _ = Parts::decode(&damaged);
    let _ = Parts::decode(message);
});
