//! Places in a response that are filled from the body store while it is sent.

use lightmail_mime::parts::Transfer;
use lightmail_mime::transfer::{Decoder, Sink};

/// Octets of a body, `octets` of them on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodySlot {
    /// The message.
    pub uid: u32,
    /// Its body.
    pub body_id: u64,
    /// The first octet to read.
    pub start: u64,
    /// How many to read.
    pub raw_octets: u64,
    /// How many go onto the wire, after `decode` and `skip`.
    pub octets: u64,
    /// What is undone while streaming (BINARY).
    pub decode: Transfer,
    /// Decoded octets that are dropped first (a partial BINARY).
    pub skip: u64,
}

/// Undoes the transfer encoding of a slot, chunk by chunk; gives no more octets than the slot has.
#[derive(Debug)]
pub struct SlotDecoder {
    decoder: Decoder,
    skip: u64,
    left: u64,
}

impl SlotDecoder {
    /// Before the first octet of the slot.
    pub fn new(slot: &BodySlot) -> Self {
        Self {
            decoder: Decoder::new(slot.decode),
            skip: slot.skip,
            left: slot.octets,
        }
    }

    /// Appends what these octets give.
    pub fn feed(&mut self, data: &[u8], out: &mut Vec<u8>) {
        if self.left > 0 {
            let mut window = Window {
                out,
                skip: &mut self.skip,
                left: &mut self.left,
            };
            self.decoder.feed(data, &mut window);
        }
    }

    /// Appends what was held back.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let mut window = Window {
            out,
            skip: &mut self.skip,
            left: &mut self.left,
        };
        self.decoder.finish(&mut window);
    }
}

/// Lets a range of a stream through.
struct Window<'a> {
    out: &'a mut Vec<u8>,
    skip: &'a mut u64,
    left: &'a mut u64,
}

impl Sink for Window<'_> {
    fn put(&mut self, octets: &[u8]) {
        let dropped = (*self.skip).min(octets.len() as u64);
        *self.skip -= dropped;
        let kept = &octets[dropped as usize..];
        let taken = (*self.left).min(kept.len() as u64);
        *self.left -= taken;
        self.out.extend_from_slice(&kept[..taken as usize]);
    }
}

#[cfg(test)]
mod tests {
    use lightmail_mime::transfer::decode;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_window_of_what_decoding_gives(
            raw in "[A-Za-z0-9+/= \r\n]{0,80}",
            cuts in proptest::collection::vec(0usize..80, 0..5),
            quoted in any::<bool>(),
            (skip, octets) in (0u64..60, 0u64..60),
        ) {
            let transfer = if quoted { Transfer::QuotedPrintable } else { Transfer::Base64 };
            let slot = BodySlot {
                uid: 1, body_id: 1, start: 0, raw_octets: raw.len() as u64, octets, decode: transfer, skip,
            };
            let mut decoder = SlotDecoder::new(&slot);
            let mut out = Vec::new();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(raw.len())).collect();
            cuts.extend([0, raw.len()]);
            cuts.sort_unstable();
            for pair in cuts.windows(2) {
                decoder.feed(&raw.as_bytes()[pair[0]..pair[1]], &mut out);
            }
            decoder.finish(&mut out);
            let all = decode(transfer, raw.as_bytes());
            let wanted: Vec<u8> = all.into_iter().skip(skip as usize).take(octets as usize).collect();
            prop_assert_eq!(out, wanted);
        }
    }
}
