//! A stored body that is whole reads back; one that is damaged is told, and takes no more memory than it may.
//!
//! The first two octets choose the frames' length and where the damage is, the third what it does.

#![no_main]

use libfuzzer_sys::fuzz_target;
use lightmail_frames::{
    decode_all, decode_all_as, encode, encode_as, Encoder, Keyring, Layout, LayoutError, Options,
};

fuzz_target!(|data: &[u8]| {
    let _ = decode_all(data);
    let [size, at, change, raw @ ..] = data else {
        return;
    };
    let options = Options {
        frame_octets: 1024 * (1 + usize::from(*size % 4)),
        ..Options::default()
    };
    let (mut stored, about) = encode(raw, options).expect("memory is there");
    assert_eq!(about.raw_octets, raw.len() as u64);
    assert_eq!(about.stored_octets, stored.len() as u64);
    assert_eq!(decode_all(&stored).as_deref(), Ok(raw));

    let layout = Layout::parse(&stored, about.stored_octets).expect("its own table");
    let half = about.raw_octets / 2;
    let from = half.min(u64::from(*at));
    let plan = layout.read_plan(&(from..half));
    let mut part = Vec::new();
    let read = &stored[plan.start as usize..plan.end as usize];
    layout
        .decode(read, plan.start, &(from..half), &mut part)
        .expect("the frames that the plan names");
    assert_eq!(part, &raw[from as usize..half as usize]);

    // Each frame has a checksum: what still reads is what was stored.
    let place = usize::from(*at) * stored.len() / 256;
    stored[place] ^= *change;
    match decode_all(&stored) {
        Ok(read) => assert_eq!(read, raw),
        Err(LayoutError::Key(_)) => panic!("it is not encrypted"),
        Err(_) => assert_ne!(*change, 0),
    }

    // Of what is encrypted no octet can be another.
    let keyring = Keyring::new(vec![("k".into(), [*size; 32])]);
    let _ = decode_all_as(data, "a/b.k", &keyring);
    let encoder = Encoder::new_as(options, "a/b.k", &keyring).expect("the key is there");
    let (mut stored, _) = encode_as(raw, encoder).expect("memory is there");
    let place = usize::from(*at) * stored.len() / 256;
    stored[place] ^= *change;
    match decode_all_as(&stored, "a/b.k", &keyring) {
        Ok(read) => assert_eq!((read.as_slice(), *change), (raw, 0)),
        Err(_) => assert_ne!(*change, 0),
    }
});
