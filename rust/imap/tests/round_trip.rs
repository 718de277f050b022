//! What is a command prints to octets that are the same command; the seeds of the fuzz targets are commands.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use lightmail_imap::grammar::{parse, Settings};
use lightmail_imap::limits::Limits;
use proptest::prelude::*;

#[path = "support/print.rs"]
mod print;

fn same_again(octets: &[u8], utf8: bool) -> bool {
    let settings = Settings::new(&Limits::default(), utf8);
    let Ok(command) = parse(octets, settings) else {
        return false;
    };
    let printed = print::print(&command, utf8);
    assert_eq!(
        parse(&printed, settings).as_ref(),
        Ok(&command),
        "{}",
        printed.escape_ascii()
    );
    true
}

fn seeds() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/seeds/command");
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    found.sort();
    found
}

#[test]
fn seeds_print_and_parse_again() {
    let seeds = seeds();
    assert!(seeds.len() > 30);
    for seed in seeds {
        assert!(same_again(&seed, false), "{}", seed.escape_ascii());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Seeds with a few octets changed: most are no commands, those that are print and parse again.
    #[test]
    fn seeds_with_changes(
        which in 0_usize..1000,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        utf8: bool,
    ) {
        let seeds = seeds();
        let mut octets = seeds[which % seeds.len()].clone();
        for (index, octet) in &changes {
            let at = index.index(octets.len());
            octets[at] = *octet;
        }
        let good = same_again(&octets, utf8);
        prop_assert!(good || !changes.is_empty() || utf8);
    }
}
