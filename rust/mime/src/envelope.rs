//! ENVELOPE (RFC 9051 §7.5.2) from the fields of a message header.

use crate::address::{self, Address};
use crate::header::{unfold, Field};
use crate::wire::{nstring, string};

/// The fields of a message header that ENVELOPE and sorting use, folds undone.
///
/// Of several Date, Subject, Message-ID or In-Reply-To fields the last counts; address lists are joined, as RFC 5322
/// §4.5.3 asks for destinations.
#[derive(Debug, Default, Clone)]
pub(crate) struct Fields {
    pub(crate) date: Option<Vec<u8>>,
    pub(crate) subject: Option<Vec<u8>>,
    pub(crate) message_id: Option<Vec<u8>>,
    in_reply_to: Option<Vec<u8>>,
    /// From, Sender, Reply-To, To, Cc, Bcc
    addresses: [Option<Vec<u8>>; 6],
}

const ADDRESS_FIELDS: [&[u8]; 6] = [b"From", b"Sender", b"Reply-To", b"To", b"Cc", b"Bcc"];
const SENDER: usize = 1;
const REPLY_TO: usize = 2;

impl Fields {
    /// Takes a field if it is one of those.
    pub(crate) fn take(&mut self, field: &Field<'_>) {
        let name = field.name;
        let single = match name.len() {
            4 if name.eq_ignore_ascii_case(b"Date") => &mut self.date,
            7 if name.eq_ignore_ascii_case(b"Subject") => &mut self.subject,
            10 if name.eq_ignore_ascii_case(b"Message-ID") => &mut self.message_id,
            11 if name.eq_ignore_ascii_case(b"In-Reply-To") => &mut self.in_reply_to,
            2..=8 => return self.take_addresses(field),
            _ => return,
        };
        *single = Some(unfold(field.value));
    }

    fn take_addresses(&mut self, field: &Field<'_>) {
        let Some(index) = ADDRESS_FIELDS
            .iter()
            .position(|name| name.eq_ignore_ascii_case(field.name))
        else {
            return;
        };
        let mut value = unfold(field.value);
        match &mut self.addresses[index] {
            Some(list) => {
                list.push(b',');
                list.append(&mut value);
            }
            list => *list = Some(value),
        }
    }

    /// The wire form. addresses_left: how many addresses may still be listed; counted down.
    pub(crate) fn wire(&self, addresses_left: &mut usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        out.push(b'(');
        nstring(self.date.as_deref(), &mut out);
        out.push(b' ');
        nstring(self.subject.as_deref(), &mut out);
        let mut from = Vec::new();
        for (index, value) in self.addresses.iter().enumerate() {
            out.push(b' ');
            let mut list = Vec::new();
            if let Some(value) = value {
                write_list(value, addresses_left, &mut list);
            }
            if index == 0 {
                from.clone_from(&list);
            }
            // RFC 9051 §7.5.2: an absent or empty Sender or Reply-To is set from From.
            if list.is_empty() && matches!(index, SENDER | REPLY_TO) {
                list.clone_from(&from);
            }
            if list.is_empty() {
                out.extend_from_slice(b"NIL");
            } else {
                out.push(b'(');
                out.append(&mut list);
                out.push(b')');
            }
        }
        out.push(b' ');
        nstring(self.in_reply_to.as_deref(), &mut out);
        out.push(b' ');
        nstring(self.message_id.as_deref(), &mut out);
        out.push(b')');
        out
    }
}

fn write_list(value: &[u8], addresses_left: &mut usize, out: &mut Vec<u8>) {
    for address in address::parse(value, *addresses_left) {
        *addresses_left = addresses_left.saturating_sub(1);
        match address {
            Address::Mailbox {
                name,
                route,
                mailbox,
                host,
            } => {
                out.push(b'(');
                nstring(name.as_deref(), out);
                out.push(b' ');
                nstring(route.as_deref(), out);
                out.push(b' ');
                string(&mailbox, out);
                out.push(b' ');
                string(&host, out);
                out.push(b')');
            }
            Address::GroupStart(name) => {
                out.extend_from_slice(b"(NIL NIL ");
                string(&name, out);
                out.extend_from_slice(b" NIL)");
            }
            Address::GroupEnd => out.extend_from_slice(b"(NIL NIL NIL NIL)"),
        }
    }
}
