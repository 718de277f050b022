//! Encrypted bodies: what comes back, and what does not.

#![allow(clippy::unwrap_used)]

use lightmail_frames::{
    decode_all, decode_all_as, encode, encode_as, key_id, Encoder, KeyError, Keyring, Layout,
    LayoutError, Options,
};
use proptest::collection::vec;
use proptest::prelude::*;

const KEY: &str = "7f/03c9.k1";

fn options() -> Options {
    Options {
        frame_octets: 1024,
        ..Options::default()
    }
}

fn keyring() -> Keyring {
    Keyring::new(vec![("k1".into(), [1; 32]), ("k2".into(), [2; 32])])
}

fn encrypted(raw: &[u8], object_key: &str) -> Vec<u8> {
    let encoder = Encoder::new_as(options(), object_key, &keyring()).unwrap();
    encode_as(raw, encoder).unwrap().0
}

fn corrupt<T>(result: Result<T, LayoutError>) -> bool {
    matches!(result, Err(LayoutError::Corrupt(_)))
}

fn body(octets: usize) -> Vec<u8> {
    (0..octets).map(|at| (at * at / 7) as u8).collect()
}

/// Where the frames begin, and where the table does.
fn places(stored: &[u8]) -> Vec<usize> {
    let layout = Layout::parse_as(stored, stored.len() as u64, KEY, &keyring()).unwrap();
    let frames = layout.raw_octets().div_ceil(1024);
    let mut places: Vec<usize> = (0..frames)
        .map(|at| layout.read_plan(&(at * 1024..at * 1024 + 1)).start as usize)
        .collect();
    places.push(layout.read_plan(&(0..layout.raw_octets())).end as usize);
    places
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_chunking_comes_back(raw in vec(any::<u8>(), 0..5000), cut in 1usize..3000) {
        let mut encoder = Encoder::new_as(options(), KEY, &keyring()).unwrap();
        let mut stored = Vec::new();
        for chunk in raw.chunks(cut) {
            encoder.feed(chunk, &mut stored).unwrap();
        }
        let known = encoder.finish(&mut stored).unwrap();
        prop_assert_eq!(known.stored_octets, stored.len() as u64);
        prop_assert_eq!(known.digest, *blake3::hash(&raw).as_bytes());
        prop_assert_eq!(decode_all_as(&stored, KEY, &keyring()).unwrap(), raw);
    }

    #[test]
    fn ranges_come_from_the_frames_that_cover_them(raw in vec(any::<u8>(), 0..5000), start in 0u64..6000, octets in 0u64..3000) {
        let stored = encrypted(&raw, KEY);
        let layout = Layout::parse_as(&stored, stored.len() as u64, KEY, &keyring()).unwrap();
        let range = start..start + octets;
        let plan = layout.read_plan(&range);
        let mut out = Vec::new();
        layout.decode(&stored[plan.start as usize..plan.end as usize], plan.start, &range, &mut out).unwrap();
        let from = raw.len().min(start as usize);
        prop_assert_eq!(&out, &raw[from..raw.len().min((start + octets) as usize)]);
    }

    #[test]
    fn no_octet_can_be_another(raw in vec(any::<u8>(), 1..3000), at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut stored = encrypted(&raw, KEY);
        let at = at.index(stored.len());
        stored[at] ^= 1 << bit;
        prop_assert!(decode_all_as(&stored, KEY, &keyring()).is_err());
    }

    #[test]
    fn hostile_tables_fail(tail in vec(any::<u8>(), 0..300), frames in any::<u32>(), stored in any::<u64>()) {
        let mut tail = tail;
        tail.extend_from_slice(&frames.to_le_bytes());
        tail.push(0x40);
        tail.extend_from_slice(&0x8F92_EAB1u32.to_le_bytes());
        let _ = Layout::parse_as(&tail, stored, KEY, &keyring());
        prop_assert!(decode_all_as(&tail, KEY, &keyring()).is_err());
    }
}

#[test]
fn nothing_of_the_body_can_be_seen() {
    let raw = b"attack at dawn ".repeat(100);
    let stored = encrypted(&raw, KEY);
    assert!(!stored.windows(6).any(|window| window == b"attack"));
    // Twice the same is not the same twice.
    assert_ne!(stored, encrypted(&raw, KEY));
}

#[test]
fn it_grows_by_a_tag_for_each_frame_and_forty_octets() {
    let raw = body(5000);
    let plain = encode(&raw, options()).unwrap().0;
    assert_eq!(encrypted(&raw, KEY).len(), plain.len() + 5 * 16 + 40);
    assert_eq!(encrypted(b"", KEY).len(), 17 + 40);
    assert_eq!(
        decode_all_as(&encrypted(b"", KEY), KEY, &keyring()).unwrap(),
        b""
    );
}

#[test]
fn frames_cannot_change_places() {
    let stored = encrypted(&body(1024).repeat(3), KEY);
    let places = places(&stored);
    let frame = |at: usize| &stored[places[at]..places[at + 1]];
    let table = &stored[places[3]..];
    assert_eq!(frame(0).len(), frame(1).len());
    let together = |frames: [&[u8]; 3]| [frames.concat().as_slice(), table].concat();
    let read = |stored: Vec<u8>| decode_all_as(&stored, KEY, &keyring());
    assert!(read(together([frame(0), frame(1), frame(2)])).is_ok());
    assert!(corrupt(read(together([frame(1), frame(0), frame(2)]))));
    assert!(corrupt(read(together([frame(0), frame(0), frame(2)]))));
    assert!(corrupt(read(together([frame(0), frame(2), frame(2)]))));
}

#[test]
fn frames_cannot_be_left_out_at_the_end() {
    let stored = encrypted(&body(3000), KEY);
    let places = places(&stored);
    let mut table = stored[places[3]..].to_vec();
    // One entry fewer, and every count as it would be.
    table.drain(8 + 16..8 + 24);
    let length = table.len();
    table[4..8].copy_from_slice(&(length as u32 - 8).to_le_bytes());
    table[length - 9..length - 5].copy_from_slice(&2u32.to_le_bytes());
    let shortened = [&stored[..places[2]], &table].concat();
    assert!(corrupt(Layout::parse_as(
        &shortened,
        shortened.len() as u64,
        KEY,
        &keyring()
    )));
}

#[test]
fn an_object_opens_under_its_own_name_alone() {
    let raw = body(1500);
    let stored = encrypted(&raw, KEY);
    assert!(corrupt(decode_all_as(&stored, "7f/03ca.k1", &keyring())));
    assert_eq!(
        decode_all_as(&stored, "7f/03c9.k2", &keyring()),
        Err(LayoutError::Key(KeyError::Other("k2".into())))
    );
    assert!(
        corrupt(decode_all_as(&stored, "7f/03c9", &keyring())),
        "its name tells no key"
    );
    assert!(corrupt(decode_all(&stored)));
    // What somebody has put there in plain is not what was encrypted.
    let plain = encode(&raw, options()).unwrap().0;
    assert!(corrupt(decode_all_as(&plain, KEY, &keyring())));
    assert_eq!(decode_all_as(&plain, "7f/03c9", &keyring()).unwrap(), raw);
}

#[test]
fn a_frame_of_another_object_is_refused() {
    let raw = body(2000);
    let (one, other) = (encrypted(&raw, KEY), encrypted(&raw, KEY));
    let place = places(&one)[1];
    let mixed = [&other[..place], &one[place..]].concat();
    assert!(
        corrupt(decode_all_as(&mixed, KEY, &keyring())),
        "each has its salt"
    );
}

#[test]
fn a_key_that_is_not_there_is_named() {
    let stored = encrypted(&body(10), KEY);
    let read = |keyring: Keyring| decode_all_as(&stored, KEY, &keyring);
    assert_eq!(
        read(Keyring::none()),
        Err(LayoutError::Key(KeyError::Missing("k1".into())))
    );
    assert_eq!(
        read(Keyring::new(vec![("k1".into(), [9; 32])])),
        Err(LayoutError::Key(KeyError::Other("k1".into())))
    );
    assert!(matches!(
        Encoder::new_as(options(), "7f/03c9.k3", &keyring()),
        Err(KeyError::Missing(_))
    ));
}

#[test]
fn how_long_the_table_is_needs_no_key() {
    let stored = encrypted(&body(3000), KEY);
    let octets = stored.len() as u64;
    assert_eq!(
        Layout::parse(&stored[stored.len() - 9..], octets),
        Err(LayoutError::NeedTail(8 + 3 * 8 + 40 + 9))
    );
}

#[test]
fn the_name_tells_the_key() {
    assert_eq!(key_id("7f/03c9"), None);
    assert_eq!(key_id("7f/03c9.k1"), Some("k1"));
    assert_eq!(key_id("a.b/03c9"), None);
}
