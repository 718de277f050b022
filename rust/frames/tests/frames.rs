//! Round trips, ranges, damage, hostile tables.

#![allow(clippy::unwrap_used)]

use lightmail_frames::{decode_all, encode, Encoder, Layout, LayoutError, Options, TAIL_OCTETS};
use proptest::collection::vec;
use proptest::prelude::*;

/// Compressible and incompressible runs side by side.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let run = prop_oneof![
        vec(any::<u8>(), 0..3000),
        (any::<u8>(), 0usize..3000).prop_map(|(octet, count)| vec![octet; count]),
    ];
    vec(run, 0..5).prop_map(|runs| runs.concat())
}

fn options(frame_octets: usize) -> Options {
    Options {
        frame_octets,
        ..Options::default()
    }
}

/// Octets that no compressor makes fewer.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_chunking_comes_back(raw in body(), frame in 1024usize..5000, cut in 1usize..4000) {
        let mut encoder = Encoder::new(options(frame));
        let mut chunked = Vec::new();
        for chunk in raw.chunks(cut) {
            encoder.feed(chunk, &mut chunked).unwrap();
        }
        let stored = encoder.finish(&mut chunked).unwrap();
        let (whole, same) = encode(&raw, options(frame)).unwrap();
        prop_assert_eq!(&chunked, &whole);
        prop_assert_eq!(stored, same);
        prop_assert_eq!(stored.stored_octets, whole.len() as u64);
        prop_assert_eq!(stored.raw_octets, raw.len() as u64);
        prop_assert_eq!(stored.digest, *blake3::hash(&raw).as_bytes());
        prop_assert_eq!(decode_all(&whole).unwrap(), raw);
    }

    #[test]
    fn ranges_come_from_the_frames_that_cover_them(raw in body(), start in 0u64..12_000, octets in 0u64..6000) {
        let (stored, _) = encode(&raw, options(1024)).unwrap();
        let layout = Layout::parse(&stored, stored.len() as u64).unwrap();
        let range = start..start + octets;
        let plan = layout.read_plan(&range);
        let mut out = Vec::new();
        layout.decode(&stored[plan.start as usize..plan.end as usize], plan.start, &range, &mut out).unwrap();
        let from = raw.len().min(start as usize);
        prop_assert_eq!(&out, &raw[from..raw.len().min((start + octets) as usize)]);
    }

    #[test]
    fn a_flipped_bit_never_gives_other_octets(raw in vec(any::<u8>(), 1..4000), at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let (mut stored, _) = encode(&raw, options(1024)).unwrap();
        let at = at.index(stored.len());
        stored[at] ^= 1 << bit;
        if let Ok(decoded) = decode_all(&stored) {
            prop_assert_eq!(decoded, raw);
        }
    }

    #[test]
    fn hostile_tables_fail(tail in vec(any::<u8>(), 0..300), frames in any::<u32>(), stored in any::<u64>()) {
        let mut tail = tail;
        tail.extend_from_slice(&frames.to_le_bytes());
        tail.push(0);
        tail.extend_from_slice(&0x8F92_EAB1u32.to_le_bytes());
        let _ = Layout::parse(&tail, stored);
        prop_assert!(decode_all(&tail).is_err());
    }
}

#[test]
fn a_short_tail_says_how_much_it_needs() {
    let raw = noise(600 * 1024);
    let (stored, _) = encode(&raw, options(1024)).unwrap();
    let octets = stored.len() as u64;
    let tail = &stored[stored.len() - TAIL_OCTETS..];
    let needed = 600 * 8 + 17;
    assert_eq!(
        Layout::parse(tail, octets),
        Err(LayoutError::NeedTail(needed))
    );
    let layout = Layout::parse(&stored[stored.len() - needed as usize..], octets).unwrap();
    assert_eq!(layout.raw_octets(), raw.len() as u64);
    assert_eq!(
        Layout::parse(&[], octets),
        Err(LayoutError::NeedTail(TAIL_OCTETS as u64))
    );
}

#[test]
fn a_tail_covers_sixty_mebibytes() {
    let frames = (60 << 20) / 131_072;
    assert!(frames * 8 + 17 <= TAIL_OCTETS);
}

#[test]
fn damage_is_named() {
    let raw = noise(5000);
    let (stored, _) = encode(&raw, options(1024)).unwrap();
    let octets = stored.len() as u64;
    let corrupt =
        |result: Result<Layout, LayoutError>| matches!(result, Err(LayoutError::Corrupt(_)));
    assert!(
        corrupt(Layout::parse(&stored, octets - 1)),
        "longer than it should be"
    );
    assert!(
        corrupt(Layout::parse(&stored, octets + 1)),
        "frames do not fill it"
    );
    assert!(corrupt(Layout::parse(b"", 0)));
    assert!(corrupt(Layout::parse(
        &stored[..stored.len() - 1],
        octets - 1
    )));
    let layout = Layout::parse(&stored, octets).unwrap();
    let mut out = Vec::new();
    let missing = layout.decode(&stored[..100], 0, &(0..2000), &mut out);
    assert_eq!(missing, Err(LayoutError::Corrupt("octets missing")));
    assert!(layout.decode(&stored, 1, &(0..2000), &mut out).is_err());
}

#[test]
fn what_does_not_compress_costs_little() {
    let raw = noise(1 << 20);
    let (stored, _) = encode(&raw, options(131_072)).unwrap();
    assert!(stored.len() < raw.len() + raw.len() / 1000);
    assert_eq!(decode_all(&stored).unwrap(), raw);
}

/// Frames that gain too little lie in the stored form as they are; others beside them do not.
#[test]
fn frames_that_gain_too_little_are_stored_as_they_are() {
    let letters: Vec<u8> = noise(4096)
        .into_iter()
        .map(|octet| b'A' + (octet & 31))
        .collect();
    let raw = [letters.as_slice(), &[b'x'; 4096], &letters].concat();
    let stored = |min_gain_percent| {
        let options = Options {
            frame_octets: 2048,
            min_gain_percent,
            ..Options::default()
        };
        encode(&raw, options).unwrap().0
    };
    let (shrunk, plain) = (stored(5), stored(50));
    assert!(shrunk.len() < plain.len() && plain.len() < 9000);
    let holds = |stored: &[u8]| {
        stored
            .windows(2048)
            .any(|window| window == &letters[..2048])
    };
    assert!(holds(&plain) && !holds(&shrunk));
    assert_eq!(decode_all(&plain).unwrap(), raw);
}

#[test]
fn nothing_is_a_body_too() {
    let (stored, known) = encode(b"", options(1024)).unwrap();
    assert_eq!((known.raw_octets, known.stored_octets), (0, 17));
    assert_eq!(decode_all(&stored).unwrap(), b"");
    let layout = Layout::parse(&stored, 17).unwrap();
    assert_eq!(layout.read_plan(&(0..10)), 0..0);
}
