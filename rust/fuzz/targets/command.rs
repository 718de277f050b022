//! Any octets as one command: no panic; what is a command prints to octets that are the same command.

#![no_main]

use libfuzzer_sys::fuzz_target;
use lightmail_imap::grammar::{check_beginning, parse, Settings};
use lightmail_imap::limits::Limits;

#[path = "../../imap/tests/support/print.rs"]
mod print;

fuzz_target!(|data: &[u8]| {
    let utf8 = data.first().is_some_and(|octet| octet.is_ascii_uppercase());
    let settings = Settings::new(&Limits::default(), utf8);
    let _ = check_beginning(data, settings);
    match parse(data, settings) {
        Ok(command) => {
            let printed = print::print(&command, utf8);
            assert_eq!(
                parse(&printed, settings).as_ref(),
                Ok(&command),
                "{}",
                printed.escape_ascii()
            );
        }
        Err(error) => assert!(error.offset <= data.len(), "{error}"),
    }
});
