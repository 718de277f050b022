//! Any octets as a connection's input: no panic, bounded memory, and chunks make no difference.
//!
//! The first octet chooses the limits and what is done with messages, the second the sizes of the chunks.

#![no_main]

use libfuzzer_sys::fuzz_target;
use lightmail_imap::decoder::{Decoder, Event};
use lightmail_imap::limits::Limits;

const TINY: Limits = Limits {
    line_octets: 60,
    command_octets: 120,
    literals: 3,
    message_octets: 40,
    messages: 3,
    nesting: 3,
    set_ranges: 4,
};

/// What of a connection's input is expected as a line and not as a command: what follows IDLE and AUTHENTICATE.
fn takes_a_line(event: &Event<'_>) -> bool {
    matches!(event, Event::Command(command) if matches!(command.body.name(), "IDLE" | "AUTHENTICATE"))
}

fn run(
    octets: &[u8],
    limits: Limits,
    accept: bool,
    sizes: impl Iterator<Item = usize>,
) -> Vec<String> {
    let mut decoder = Decoder::new(limits);
    let mut seen = Vec::new();
    let mut message = Vec::new();
    let mut rest = octets;
    for size in sizes {
        let (chunk, after) = rest.split_at(size.min(rest.len()));
        rest = after;
        decoder.feed(chunk);
        loop {
            let Some(event) = decoder.next_event() else {
                break;
            };
            let decide = matches!(event, Event::AppendMessage(_) | Event::AppendText { .. });
            let line = takes_a_line(&event);
            match event {
                Event::LiteralData { octets, last } => {
                    message.extend_from_slice(octets);
                    if last {
                        seen.push(format!("{:?}", std::mem::take(&mut message)));
                    }
                }
                other => seen.push(format!("{other:?}")),
            }
            if line {
                decoder.expect_line();
            }
            match (decide, accept) {
                (false, _) => {}
                (true, true) => decoder.accept_literal(),
                (true, false) => decoder.refuse_literal(),
            }
        }
        assert!(decoder.buffered_octets() <= limits.command_octets + limits.line_octets + 4);
        if rest.is_empty() {
            break;
        }
    }
    seen
}

fuzz_target!(|data: &[u8]| {
    let [choice, size, octets @ ..] = data else {
        return;
    };
    let limits = if choice & 1 == 0 {
        TINY
    } else {
        Limits::default()
    };
    let accept = choice & 2 == 0;
    let whole = run(octets, limits, accept, std::iter::once(octets.len()));
    let same = usize::from(*size % 16) + 1;
    assert_eq!(run(octets, limits, accept, std::iter::repeat(same)), whole);
    let mixed = (0_u64..).map(|step| 1 + (step * 7 + u64::from(*size)) as usize % 23);
    assert_eq!(run(octets, limits, accept, mixed), whole);
});
