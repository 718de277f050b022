//! Properties: chunks make no difference, nothing panics, nothing is held beyond its limits.

use lightmail_imap::limits::Limits;
use proptest::prelude::*;

use crate::{Peer, Policy, Seen};

/// Small, so that each is met often.
fn limits() -> Limits {
    Limits {
        line_octets: 60,
        command_octets: 120,
        literals: 3,
        message_octets: 40,
        messages: 3,
        nesting: 3,
        set_ranges: 4,
    }
}

/// Pieces of commands, more often right than wrong.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: [&str; 53] = [
        "a1 ",
        "b2 ",
        "NOOP",
        "LOGIN ",
        "UID ",
        "FETCH ",
        "SEARCH ",
        "APPEND ",
        "APPEND x ",
        "LIST ",
        "STORE ",
        "\r\n",
        "\r\n",
        "\r\n",
        "\n",
        "\r",
        " ",
        "(",
        ")",
        "\"",
        "\\",
        "{3}\r\n",
        "{3+}\r\n",
        "~{2+}\r\n",
        "{0}\r\n",
        "{0+}\r\n",
        "{41+}\r\n",
        "{200+}\r\n",
        "{-1+}\r\n",
        "{99999999999999999999+}\r\n",
        "{99999999999999999999}\r\n",
        "abc",
        "\0",
        "\u{e4}",
        "1:*",
        "1,2,3,4,5",
        "FLAGS ",
        "BODY[",
        "]",
        "NOT ",
        "OR ",
        "ALL ",
        "$",
        "UTF8 (~{2+}\r\n",
        "CATENATE (",
        "APPEND x CATENATE (",
        "URL /x/;UID=1",
        "URL ",
        "TEXT {2+}\r\n",
        "\" 7-Feb-1994 22:43:04 -0800\" ",
        "(\\Seen) ",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "&AOQ-",
    ];
    prop::collection::vec(prop::sample::select(&PIECES[..]), 0..40)
        .prop_map(|pieces| pieces.concat().into_bytes())
}

fn run(octets: &[u8], cuts: &[usize], policy: Policy) -> Vec<Seen> {
    let mut peer = Peer::with(limits(), policy);
    let mut rest = octets;
    for cut in cuts {
        let (chunk, after) = rest.split_at((*cut).min(rest.len()));
        peer.feed(chunk);
        rest = after;
        // Besides the last chunk at most one command.
        assert!(peer.decoder.buffered_octets() <= 120 + 2 + 60 + 2);
    }
    peer.feed(rest);
    peer.seen
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn chunks_make_no_difference(octets in pieces(), cuts in prop::collection::vec(0_usize..12, 0..60), accept: bool) {
        let policy = if accept { Policy::Accept } else { Policy::Refuse };
        let whole = run(&octets, &[], policy);
        prop_assert_eq!(&run(&octets, &cuts, policy), &whole);
        prop_assert_eq!(&run(&octets, &vec![1; octets.len()], policy), &whole);
    }

    #[test]
    fn any_octets_at_all(octets in prop::collection::vec(any::<u8>(), 0..300), cuts in prop::collection::vec(0_usize..40, 0..20)) {
        let whole = run(&octets, &[], Policy::Accept);
        prop_assert_eq!(run(&octets, &cuts, Policy::Accept), whole);
    }
}
