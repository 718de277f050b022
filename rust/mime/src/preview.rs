//! PREVIEW (RFC 8970): the first words of a message.

use crate::charset::decode_text;
use crate::html;
use crate::parts::Transfer;
use crate::transfer;

/// Characters of a preview (RFC 8970 §3.1 allows 200 at most).
const MAX_CHARS: usize = 200;
/// Raw octets looked at: text speaks at once, HTML begins with styles.
const TEXT_OCTETS: usize = 4096;
const HTML_OCTETS: usize = 32768;

/// The start of one text part, taken while the message is parsed.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    transfer: Transfer,
    charset: String,
    html: bool,
    raw: Vec<u8>,
}

impl Sample {
    pub(crate) fn new(transfer: Transfer, charset: String, html: bool) -> Self {
        Self {
            transfer,
            charset,
            html,
            raw: Vec::new(),
        }
    }

    pub(crate) fn feed(&mut self, data: &[u8]) {
        let limit = if self.html { HTML_OCTETS } else { TEXT_OCTETS };
        let room = limit - self.raw.len();
        self.raw.extend_from_slice(&data[..data.len().min(room)]);
    }

    /// The preview; empty when there is no text.
    pub(crate) fn preview(&self) -> String {
        let decoded = transfer::decode(self.transfer, &self.raw);
        let text = decode_text(&self.charset, &decoded);
        if self.html {
            return collapse(html::text(&text).split_whitespace());
        }
        let own = text
            .lines()
            .take_while(|line| line.trim_end() != "--")
            .filter(|line| !line.starts_with('>'))
            .flat_map(str::split_whitespace);
        let preview = collapse(own);
        if preview.is_empty() {
            collapse(text.split_whitespace())
        } else {
            preview
        }
    }
}

fn collapse<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut out = String::new();
    let mut chars = 0;
    for word in words {
        if chars > 0 && chars < MAX_CHARS {
            out.push(' ');
            chars += 1;
        }
        for c in word
            .chars()
            .filter(|c| !c.is_control() && *c != char::REPLACEMENT_CHARACTER)
        {
            if chars == MAX_CHARS {
                return out.trim_end().to_owned();
            }
            out.push(c);
            chars += 1;
        }
    }
    out
}
