//! The decoder fed with streams: literals, limits, APPEND, hostile input, chunks of every size.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod append;
mod catenate;
mod chunks;
mod framing;
mod hostile;

use lightmail_imap::decoder::{AppendMessage, Decoder, Event};
use lightmail_imap::limits::Limits;
use lightmail_imap::url::Url;

/// An event that owns its octets; the octets of one message are put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    Command(String),
    Continue,
    Message(Box<AppendMessage>),
    Data(Vec<u8>),
    Url(Box<Url>),
    Text(u64),
    MessageEnd,
    AppendEnd(String),
    Line(Vec<u8>),
    Malformed {
        tag: Option<String>,
        text: String,
        limit: bool,
        fatal: bool,
    },
}

/// What a test does where the decoder wants a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    Accept,
    Refuse,
}

pub struct Peer {
    pub decoder: Decoder,
    policy: Policy,
    data: Vec<u8>,
    pub seen: Vec<Seen>,
}

impl Peer {
    pub fn new(limits: Limits) -> Self {
        Self::with(limits, Policy::Accept)
    }

    pub fn with(limits: Limits, policy: Policy) -> Self {
        Self {
            decoder: Decoder::new(limits),
            policy,
            data: Vec::new(),
            seen: Vec::new(),
        }
    }

    /// Feeds and takes all events; those since the last call.
    pub fn feed(&mut self, octets: &[u8]) -> Vec<Seen> {
        let before = self.seen.len();
        self.decoder.feed(octets);
        while let Some(event) = self.decoder.next_event() {
            let seen = match event {
                Event::Command(command) => Seen::Command(format!("{command:?}")),
                Event::Continue => Seen::Continue,
                Event::AppendMessage(message) => Seen::Message(Box::new(message)),
                Event::LiteralData { octets, last } => {
                    self.data.extend_from_slice(octets);
                    if !last {
                        continue;
                    }
                    Seen::Data(std::mem::take(&mut self.data))
                }
                Event::AppendUrl(url) => Seen::Url(Box::new(url)),
                Event::AppendText { octets, .. } => Seen::Text(octets),
                Event::AppendMessageEnd => Seen::MessageEnd,
                Event::AppendEnd(tag) => Seen::AppendEnd(tag.as_str().to_owned()),
                Event::Line(octets) => Seen::Line(octets.to_vec()),
                Event::Malformed(malformed) => Seen::Malformed {
                    tag: malformed.tag.map(|tag| tag.as_str().to_owned()),
                    text: malformed.error.to_string(),
                    limit: malformed.error.is_limit(),
                    fatal: malformed.fatal,
                },
            };
            if matches!(seen, Seen::Message(_) | Seen::Text(_)) {
                match self.policy {
                    Policy::Accept => self.decoder.accept_literal(),
                    Policy::Refuse => self.decoder.refuse_literal(),
                }
            }
            self.seen.push(seen);
        }
        self.seen[before..].to_vec()
    }
}

pub fn events(octets: &[u8]) -> Vec<Seen> {
    Peer::new(Limits::default()).feed(octets)
}

pub fn command(text: &str) -> Seen {
    match &events(format!("{text}\r\n").as_bytes())[..] {
        [command @ Seen::Command(_)] => command.clone(),
        other => panic!("{text}: {other:?}"),
    }
}

pub fn malformed(tag: &str, text: &str) -> Seen {
    Seen::Malformed {
        tag: (!tag.is_empty()).then(|| tag.to_owned()),
        text: text.to_owned(),
        limit: false,
        fatal: false,
    }
}

pub fn too_much(tag: &str, text: &str) -> Seen {
    Seen::Malformed {
        tag: (!tag.is_empty()).then(|| tag.to_owned()),
        text: text.to_owned(),
        limit: true,
        fatal: false,
    }
}
