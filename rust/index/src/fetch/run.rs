//! One FETCH command under way.

use std::collections::HashSet;
use std::sync::Arc;

use lightmail_imap::fetch::FetchItems;

use super::plan::{Item, Plan, Source};
use super::render::{Known, Obstacle, Offered, Output, Renderer};
use super::slot::BodySlot;
use crate::dates::DateWriter;
use crate::flags::FlagWriter;
use crate::snapshot::Snapshot;
use crate::summaries::{SummaryCache, Together};
use crate::uid_set::UidSet;
use crate::walk::{Message, Walker};

/// How the responses are to look.
#[derive(Debug, Clone, Default)]
pub struct FetchOptions {
    /// UID FETCH: UID is always in them.
    pub uid: bool,
    /// MODSEQ is.
    pub modseq: bool,
    /// From this UID on messages are \Recent.
    pub recent_from: u32,
    /// IMAP4rev2 knows no \Recent.
    pub rev2: bool,
    /// Messages whose FLAGS are added, as \Seen was just set (RFC 9051 §6.4.5: "SHOULD be included").
    pub flags_for: Option<Arc<UidSet>>,
    /// UTF8=ACCEPT is on.
    pub utf8: bool,
    /// UIDFETCH instead of FETCH (RFC 9586): UID is in them only where it was asked for.
    pub uid_only: bool,
    /// From the last message to the first (RFC 9738 §3.1).
    pub backwards: bool,
}

/// A piece of the responses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Ready to be sent.
    Octets(Vec<u8>),
    /// To be filled from the body store.
    Slot(BodySlot),
}

/// Octets to be read before a message can be rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Need {
    /// Of this body.
    pub body_id: u64,
    /// The first octet.
    pub start: u64,
    /// How many.
    pub octets: u64,
}

/// BINARY of a Content-Transfer-Encoding nobody can undo: `NO [UNKNOWN-CTE]` (RFC 3516 §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownEncoding;

/// Renders the responses, in sequence order, in windows.
#[derive(Debug)]
pub struct FetchRun {
    walker: Walker,
    messages: u64,
    renderer: Renderer,
    offered: Offered,
}

impl FetchRun {
    /// uids: those that are not in the view are passed over.
    pub fn new(
        items: &FetchItems,
        view: Arc<Snapshot>,
        uids: Arc<UidSet>,
        options: FetchOptions,
    ) -> Self {
        let walk = if options.backwards {
            Walker::backwards
        } else {
            Walker::new
        };
        let flags = FlagWriter::new(view.keywords().clone());
        Self {
            messages: uids.len(),
            renderer: Renderer {
                plan: Plan::new(items, options.utf8),
                options,
                flags,
                dates: DateWriter::default(),
            },
            walker: walk(view, uids),
            offered: Offered::new(),
        }
    }

    /// All responses were rendered.
    pub fn done(&self) -> bool {
        self.walker.message().is_none()
    }

    /// Calls `each` with the next messages, at most `messages` of them.
    fn ahead(&self, messages: usize, mut each: impl FnMut(Message<'_>)) {
        let mut walker = self.walker.clone();
        for _ in 0..messages {
            let Some(message) = walker.message() else {
                return;
            };
            each(message);
            walker.step();
        }
    }

    /// Body ids among the next messages whose summaries are wanted and not in the cache, each once; not all of them
    /// when they may be long.
    pub fn missing(&self, cache: &mut SummaryCache, messages: usize) -> Vec<u64> {
        let mut missing = Vec::new();
        if self.renderer.plan.needs_summary {
            let mut seen = HashSet::new();
            let mut together = Together::default();
            self.ahead(messages, |message| {
                let id = message.body_id();
                if !cache.look_up(id) && seen.insert(id) && together.takes(message.size()) {
                    missing.push(id);
                }
            });
        }
        missing
    }

    /// Octets to be read and offered before the next messages can be rendered; forgets those offered for others.
    ///
    /// Only fields of the header of a message within a message take any.
    pub fn needs(&mut self, cache: &mut SummaryCache, messages: usize) -> Vec<Need> {
        if !self.renderer.plan.has_inner_fields {
            return Vec::new();
        }
        let none = Offered::new();
        let mut wanted = HashSet::new();
        let mut needs = Vec::new();
        self.ahead(messages, |message| {
            let body_id = message.body_id();
            let Some(summary) = cache.get(body_id) else {
                return;
            };
            let Ok(parts) = summary.parts() else {
                return;
            };
            let known = Known {
                summary: Some(summary),
                parts: Some(parts),
                offered: &none,
            };
            for item in &self.renderer.plan.items {
                let Item::Octets {
                    source: Source::InnerFields { numbers, .. },
                    ..
                } = item
                else {
                    continue;
                };
                if let Err(range) = known.inner_header(body_id, numbers) {
                    let key = (body_id, range.start);
                    if wanted.insert(key) && !self.offered.contains_key(&key) {
                        needs.push(Need {
                            body_id,
                            start: range.start,
                            octets: range.end - range.start,
                        });
                    }
                }
            }
        });
        self.offered.retain(|key, _| wanted.contains(key));
        needs
    }

    /// The octets that [`Self::needs`] asked for.
    pub fn offer(&mut self, need: Need, octets: Vec<u8>) {
        self.offered.insert((need.body_id, need.start), octets);
    }

    /// The next responses: at most `messages` of them, and no more once there are `max_octets`, slots not counted.
    ///
    /// Stops before a message whose summary or octets are missing, and before one whose encoding is unknown; when that
    /// is the first, it is the error.
    pub fn render(
        &mut self,
        cache: &mut SummaryCache,
        messages: usize,
        max_octets: usize,
    ) -> Result<Vec<Piece>, UnknownEncoding> {
        let likely = (self.messages.min(messages as u64) as usize).saturating_mul(64);
        let mut out = Output::with_capacity(likely.min(max_octets).saturating_add(512));
        for index in 0..messages {
            if out.len() >= max_octets && index > 0 {
                break;
            }
            let Some(message) = self.walker.message() else {
                break;
            };
            let Some(known) = known(&self.renderer.plan, &self.offered, message, cache) else {
                break;
            };
            match self.renderer.obstacle(message, &known) {
                Some(Obstacle::UnknownEncoding) if index == 0 => return Err(UnknownEncoding),
                Some(_) => break,
                None => {}
            }
            self.renderer.write(message, &known, &mut out);
            self.walker.step();
        }
        Ok(out.finish())
    }

    /// The sections of the next message by themselves (RFC 4469 §3: the octets that FETCH would answer with).
    pub fn section(&mut self, cache: &mut SummaryCache) -> Contents {
        let Some(message) = self.walker.message() else {
            return Contents::Absent;
        };
        let known = known(&self.renderer.plan, &self.offered, message, cache);
        let Some(known) = known.filter(|known| self.renderer.obstacle(message, known).is_none())
        else {
            return Contents::NotHere;
        };
        self.renderer
            .contents(message, &known)
            .map_or(Contents::Absent, Contents::Pieces)
    }
}

/// What [`FetchRun::section`] finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contents {
    /// The summary of the message, or octets of it, are missing.
    NotHere,
    /// There is no such message, or it has no such section.
    Absent,
    /// All octets, in order.
    Pieces(Vec<Piece>),
}

/// What the plan takes of a message beside its columns; None when its summary is not here.
fn known<'a>(
    plan: &Plan,
    offered: &'a Offered,
    message: Message<'_>,
    cache: &'a mut SummaryCache,
) -> Option<Known<'a>> {
    let mut known = Known {
        summary: None,
        parts: None,
        offered,
    };
    if plan.needs_summary {
        let summary = cache.get(message.body_id())?;
        if plan.needs_parts {
            known.parts = Some(summary.parts().ok()?);
        }
        known.summary = Some(summary);
    }
    Some(known)
}
