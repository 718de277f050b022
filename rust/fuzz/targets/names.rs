//! Any octets as a mailbox name in modified UTF-7: one name has one form (RFC 3501 §5.1.3).

#![no_main]

use libfuzzer_sys::fuzz_target;
use lightmail_imap::encode::{mailbox_name, utf7};

fuzz_target!(|data: &[u8]| {
    match utf7::decode(data) {
        Ok(name) => assert_eq!(utf7::encode(&name).as_bytes(), data),
        Err(error) => assert!(error.offset <= data.len()),
    }
    if let Ok(name) = std::str::from_utf8(data) {
        let encoded = utf7::encode(name);
        assert!(encoded.bytes().all(|octet| (0x20..=0x7e).contains(&octet)));
        assert_eq!(utf7::decode(encoded.as_bytes()).as_deref(), Ok(name));
        let mut out = Vec::new();
        mailbox_name(name, false, &mut out);
        assert!(out.is_ascii());
    }
});
