//! Any octets as text: charsets, encoded words, parameters, subjects, Message-IDs, dates; no panic, whatever the label.
//!
//! The first line is the charset's name, the rest the octets.

#![no_main]

use libfuzzer_sys::fuzz_target;
use lightmail_mime::parts::Transfer;
use lightmail_mime::transfer::{decode, Counter, Decoder};
use lightmail_mime::{charset, collation, date, message_id, order, params, subject, words};

fuzz_target!(|data: &[u8]| {
    let line = data.iter().position(|octet| *octet == b'\n');
    let (label, octets) = line.map_or((&b""[..], data), |end| (&data[..end], &data[end + 1..]));
    let label = String::from_utf8_lossy(label);
    let text = charset::decode_text(&label, octets);
    charset::decode_labelled(&label, octets);
    // What a search may ask for is what a body may say, read without replacement.
    if let Ok(asked) = charset::decode_query(Some(&label), octets) {
        assert!(
            asked.len() <= octets.len() * 4 + 4,
            "text grows at most fourfold"
        );
    }
    // RFC 5051 §2 maps each character by itself, so what a text contains its folded form contains.
    let middle = text
        .char_indices()
        .nth(text.chars().count() / 2)
        .map_or(0, |(at, _)| at);
    let (begin, end) = text.split_at(middle);
    assert_eq!(
        collation::casemap(begin) + &collation::casemap(end),
        collation::casemap(&text)
    );

    let decoded = words::decode_words(octets);
    let base = subject::base_subject(&decoded);
    assert_eq!(
        subject::base_subject(&base),
        base,
        "RFC 5256 §2.1: repeated until nothing changes"
    );
    for id in message_id::message_ids(octets) {
        assert!(!id.is_empty());
    }
    let _ = date::parse(octets);
    let _ = order::order(octets);
    let _ = params::disposition(octets);
    let _ = params::languages(octets);
    if let Some((_, _, parameters)) = params::content_type(octets) {
        let _ = params::text(&parameters, "name");
        let _ = params::get(&parameters, "charset");
    }

    // Streamed in any chunks, a transfer encoding gives the same octets as at once.
    for transfer in [Transfer::Base64, Transfer::QuotedPrintable] {
        let whole = decode(transfer, octets);
        let mut decoder = Decoder::new(transfer);
        let mut counter = Counter::new(transfer);
        let mut out = Vec::new();
        for chunk in octets.chunks(label.len().max(1)) {
            decoder.feed(chunk, &mut out);
            counter.feed(chunk);
        }
        decoder.finish(&mut out);
        assert_eq!(out, whole);
        assert_eq!(counter.finish(), whole.len() as u64);
    }
});
