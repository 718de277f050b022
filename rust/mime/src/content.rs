//! What the Content-* fields of a part say (RFC 2045, RFC 2183, RFC 3282, RFC 2557), and how BODYSTRUCTURE says it.

use std::borrow::Cow;

use crate::header::{unfold, Field};
use crate::params::{self, Params};
use crate::parts::Transfer;
use crate::wire::{nstring, string};

/// The content of one part.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub(crate) kind: Vec<u8>,
    pub(crate) subtype: Vec<u8>,
    pub(crate) params: Params,
    /// A Content-Type was there, and it was one.
    has_type: bool,
    type_read: bool,
    id: Option<Vec<u8>>,
    description: Option<Vec<u8>>,
    encoding: Option<Vec<u8>>,
    md5: Option<Vec<u8>>,
    disposition: Option<(Vec<u8>, Params)>,
    languages: Vec<Vec<u8>>,
    location: Option<Vec<u8>>,
}

impl Content {
    /// The default of RFC 2045 §5.2.
    pub(crate) fn text_plain() -> Self {
        Self {
            kind: b"text".to_vec(),
            subtype: b"plain".to_vec(),
            params: Params::new(),
            has_type: false,
            type_read: false,
            id: None,
            description: None,
            encoding: None,
            md5: None,
            disposition: None,
            languages: Vec::new(),
            location: None,
        }
    }

    /// Takes a field if it is one of those; of several the last counts.
    ///
    /// Of several types the first that is one, or a multipart with its boundary: that is what makes sense of the body.
    pub(crate) fn take(&mut self, field: &Field<'_>) {
        let Some((start, rest)) = field.name.split_at_checked(8) else {
            return;
        };
        if !start.eq_ignore_ascii_case(b"Content-") {
            return;
        }
        let value = || unfold(field.value);
        match rest.to_ascii_lowercase().as_slice() {
            b"type" => self.take_type(&value()),
            b"transfer-encoding" => self.encoding = params::token(&value()),
            b"id" => self.id = Some(value()),
            b"description" => self.description = Some(value()),
            b"md5" => self.md5 = Some(value()),
            b"location" => self.location = Some(value()),
            b"disposition" => {
                self.disposition = params::disposition(&value());
            }
            b"language" => self.languages = params::languages(&value()),
            _ => {}
        }
    }

    fn take_type(&mut self, value: &[u8]) {
        self.has_type = true;
        let Some((kind, subtype, params)) = params::content_type(value) else {
            return;
        };
        let whole =
            kind.eq_ignore_ascii_case(b"multipart") && params::text(&params, "boundary").is_some();
        if !self.type_read || whole && !self.is("multipart") {
            (self.kind, self.subtype, self.params) = (kind, subtype, params);
            self.type_read = true;
        }
    }

    /// Below multipart/digest a part without a type is a message (RFC 2046 §5.1.5).
    pub(crate) fn default_to_message(&mut self) {
        if !self.has_type {
            self.set_type("message", "rfc822");
        }
    }

    /// Another type in place of one that cannot be kept; its parameters go with it.
    pub(crate) fn set_type(&mut self, kind: &str, subtype: &str) {
        self.kind = kind.as_bytes().to_vec();
        self.subtype = subtype.as_bytes().to_vec();
        self.params.clear();
    }

    pub(crate) fn is(&self, kind: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind.as_bytes())
    }

    pub(crate) fn is_subtype(&self, subtype: &str) -> bool {
        self.subtype.eq_ignore_ascii_case(subtype.as_bytes())
    }

    /// message/rfc822, or its internationalized form (RFC 6532 §3.7).
    pub(crate) fn is_message(&self) -> bool {
        self.is("message") && (self.is_subtype("rfc822") || self.is_subtype("global"))
    }

    pub(crate) fn is_attachment(&self) -> bool {
        self.disposition
            .as_ref()
            .is_some_and(|(kind, _)| kind.eq_ignore_ascii_case(b"attachment"))
    }

    /// An empty boundary is one: its lines begin with "--".
    pub(crate) fn boundary(&self) -> Option<Vec<u8>> {
        params::text(&self.params, "boundary").map(Cow::into_owned)
    }

    pub(crate) fn charset(&self) -> String {
        let name = params::text(&self.params, "charset").unwrap_or_default();
        String::from_utf8_lossy(&name).into_owned()
    }

    pub(crate) fn transfer(&self) -> Transfer {
        let Some(name) = &self.encoding else {
            return Transfer::Identity;
        };
        match name.to_ascii_lowercase().as_slice() {
            b"7bit" | b"8bit" | b"binary" => Transfer::Identity,
            b"base64" => Transfer::Base64,
            b"quoted-printable" => Transfer::QuotedPrintable,
            _ => Transfer::Unknown,
        }
    }

    /// `media-subtype body-fld-param`, and what follows them, of a multipart.
    pub(crate) fn multipart_wire(&self) -> (Vec<u8>, Vec<u8>) {
        let mut head = Vec::with_capacity(64);
        string(&self.subtype, &mut head);
        head.push(b' ');
        write_params(&self.params, &mut head);
        (head, self.extension_wire())
    }

    /// `media-type … body-fld-enc`, and the extension data, of any other part.
    pub(crate) fn leaf_wire(&self) -> (Vec<u8>, Vec<u8>) {
        let mut head = Vec::with_capacity(96);
        string(&self.kind, &mut head);
        head.push(b' ');
        string(&self.subtype, &mut head);
        head.push(b' ');
        if self.is("text") && params::get(&self.params, "charset").is_none_or(<[u8]>::is_empty) {
            let mut params = self.params.clone();
            params.retain(|(name, _)| !name.eq_ignore_ascii_case(b"charset"));
            params.push((b"charset".to_vec(), b"us-ascii".to_vec()));
            write_params(&params, &mut head);
        } else {
            write_params(&self.params, &mut head);
        }
        head.push(b' ');
        nstring(self.id.as_deref(), &mut head);
        head.push(b' ');
        nstring(self.description.as_deref(), &mut head);
        head.push(b' ');
        string(self.encoding.as_deref().unwrap_or(b"7bit"), &mut head);
        let mut tail = Vec::with_capacity(32);
        tail.push(b' ');
        nstring(self.md5.as_deref(), &mut tail);
        tail.append(&mut self.extension_wire());
        (head, tail)
    }

    /// ` body-fld-dsp body-fld-lang body-fld-loc`
    fn extension_wire(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16);
        match &self.disposition {
            None => out.extend_from_slice(b" NIL"),
            Some((kind, params)) => {
                out.extend_from_slice(b" (");
                string(kind, &mut out);
                out.push(b' ');
                write_params(params, &mut out);
                out.push(b')');
            }
        }
        out.push(b' ');
        if self.languages.is_empty() {
            out.extend_from_slice(b"NIL");
        } else {
            for (index, tag) in self.languages.iter().enumerate() {
                out.push(if index == 0 { b'(' } else { b' ' });
                string(tag, &mut out);
            }
            out.push(b')');
        }
        out.push(b' ');
        nstring(self.location.as_deref(), &mut out);
        out
    }
}

fn write_params(params: &Params, out: &mut Vec<u8>) {
    if params.is_empty() {
        out.extend_from_slice(b"NIL");
        return;
    }
    for (index, (name, value)) in params.iter().enumerate() {
        out.push(if index == 0 { b'(' } else { b' ' });
        string(name, out);
        out.push(b' ');
        string(value, out);
    }
    out.push(b')');
}
