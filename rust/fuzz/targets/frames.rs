//! A stored body that is whole reads back; one that is damaged is told, and takes no more memory than it may.
//!
//! The first two octets choose the frames' length and where the damage is, the third what it does.

#![no_main]

use libfuzzer_sys::fuzz_target;
use lightmail_frames::{decode_all, encode, Layout, LayoutError, Options};

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
        Err(LayoutError::Corrupt(_) | LayoutError::NeedTail(_)) => assert_ne!(*change, 0),
    }
});
