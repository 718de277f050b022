//! One SEARCH under way.

use std::collections::{HashSet, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;

use lightmail_imap::search::SearchProgram;
use lightmail_mime::analyze::{analyze, Limits};
use lightmail_mime::collation::Collation;
use lightmail_mime::fuzzy::{Fuzzy, Likeness, EXACT};
use lightmail_mime::parts::Parts;
use lightmail_mime::text::{for_each, Needle, Scope};

use super::bits::Bits;
use super::columns;
use super::common::SearchText;
use super::program::{Compiler, Evidence, HeaderKey, Node, Pattern, SearchError};
use super::scores::Scores;
use crate::header_index::HeaderIndex;
use crate::object_id::thread_id;
use crate::snapshot::Snapshot;
use crate::summaries::{IdMap, Summary, SummaryCache, Together};
use crate::uid_set::UidSet;

/// What a search depends on beside its keys and the mailbox.
#[derive(Debug, Clone, Default)]
pub struct SearchContext {
    /// What "$" stands for.
    pub saved: Option<Arc<UidSet>>,
    /// From this UID on messages are \Recent.
    pub recent_from: u32,
    /// Seconds UTC; only YOUNGER and OLDER ask for it.
    pub now_s: Option<i64>,
    /// Only these are looked at; None: all.
    pub within: Option<Arc<UidSet>>,
    /// How texts are compared (RFC 5255 §4.2).
    pub collation: Collation,
}

/// Decides message by message what the columns leave open.
#[derive(Debug)]
pub struct SearchRun {
    view: Arc<Snapshot>,
    node: Node,
    texts: Vec<(Scope, Pattern)>,
    matches: Bits,
    /// Positions that wait for a summary; those that were looked at in vain come last.
    for_summary: VecDeque<u32>,
    /// Positions that wait for octets; those decided since are among them.
    for_body: Vec<u32>,
    /// Which of them are decided, at least at the front.
    bodies_done: usize,
    /// Of those that wait for octets and are not decided.
    by_body: IdMap<Vec<u32>>,
    /// By position, of messages that match; None: no key is FUZZY.
    scores: Option<Vec<u8>>,
}

impl SearchRun {
    /// Decides all that the columns can decide.
    pub fn new(
        program: &SearchProgram,
        view: Arc<Snapshot>,
        context: &SearchContext,
    ) -> Result<Self, SearchError> {
        let mut compiler = Compiler::new(program, &view, context);
        let node = compiler.program(program)?;
        let texts = compiler.texts;
        let (mut matches, mut open) = match &node {
            // Nothing is open.
            Node::Known(bits) => (bits.clone(), Bits::none(bits.len())),
            _ => node.bounds(view.len()),
        };
        if let Some(within) = &context.within {
            let members = columns::members(&view, &view.existing(within));
            matches.intersect(&members);
            open.intersect(&members);
        }
        let mut closed = matches.clone();
        closed.invert();
        open.intersect(&closed);
        let scores = program.is_fuzzy().then(|| vec![EXACT; view.len() as usize]);
        let mut run = Self {
            view,
            texts,
            matches,
            for_summary: VecDeque::new(),
            for_body: Vec::new(),
            bodies_done: 0,
            by_body: IdMap::default(),
            scores,
            node,
        };
        let open: Vec<u32> = open.iter().collect();
        if run.node.asks_headers() {
            run.for_summary = open.into();
        } else {
            open.into_iter()
                .for_each(|position| run.wait_for_body(position));
        }
        Ok(run)
    }

    fn body_id(&self, position: u32) -> u64 {
        self.view
            .at(position)
            .map_or(0, |(chunk, index)| chunk.fixed.body_ids[index])
    }

    fn wait_for_body(&mut self, position: u32) {
        self.by_body
            .entry(self.body_id(position))
            .or_default()
            .push(position);
        self.for_body.push(position);
    }

    /// Body ids, at most `messages` and each once, of messages that wait for a summary that is not in the cache; fewer
    /// when they may be long.
    pub fn missing_summaries(&self, cache: &SummaryCache, messages: usize) -> Vec<u64> {
        let mut seen = HashSet::new();
        let mut together = Together::default();
        let waiting = self
            .for_summary
            .iter()
            .filter_map(|&position| self.view.at(position));
        waiting
            .map(|(chunk, index)| (chunk.fixed.body_ids[index], chunk.fixed.sizes[index]))
            .filter(|&(id, _)| !cache.contains(id) && seen.insert(id))
            .take(messages)
            .take_while(|&(_, size)| together.takes(size))
            .map(|(id, _)| id)
            .collect()
    }

    /// Decides what the summaries in the cache can decide, of the next `messages` at most.
    pub fn use_summaries(&mut self, cache: &mut SummaryCache, messages: usize) {
        for _ in 0..messages.min(self.for_summary.len()) {
            let Some(position) = self.for_summary.pop_front() else {
                return;
            };
            let body_id = self.body_id(position);
            let Some((summary, text)) = cache.get_text(body_id) else {
                self.for_summary.push_back(position);
                continue;
            };
            let mut evidence = FromSummary {
                body_id,
                summary,
                text,
            };
            match self.node.judge(position, &mut evidence) {
                Some(true) => {
                    self.matches.set(position);
                    note_score(
                        self.scores.as_deref_mut(),
                        &self.node,
                        position,
                        &mut evidence,
                    );
                }
                Some(false) => {}
                None => self.wait_for_body(position),
            }
        }
    }

    /// Bodies, at most `messages` and each once, of messages that wait for their octets, with their sizes.
    pub fn wanted_bodies(&mut self, messages: usize) -> Vec<(u64, u64)> {
        let waits = |run: &Self, position: &u32| run.by_body.contains_key(&run.body_id(*position));
        while self
            .for_body
            .get(self.bodies_done)
            .is_some_and(|position| !waits(self, position))
        {
            self.bodies_done += 1;
        }
        let mut seen = HashSet::new();
        let open = self.for_body[self.bodies_done..]
            .iter()
            .filter(|position| waits(self, position));
        open.filter_map(|&position| self.view.at(position))
            .map(|(chunk, index)| (chunk.fixed.body_ids[index], chunk.fixed.sizes[index]))
            .filter(|(id, _)| seen.insert(*id))
            .take(messages)
            .collect()
    }

    /// Decides the messages that have this body. raw: all of its octets; parts: its part table, when it is known.
    pub fn use_body(&mut self, body_id: u64, raw: &[u8], parts: Option<Parts>) {
        let Some(positions) = self.by_body.remove(&body_id) else {
            return;
        };
        let made = || Parts::decode(&analyze(raw, Limits::default()).parts).ok();
        let Some(parts) = parts.or_else(made) else {
            return;
        };
        let header = &parts.rows()[0].header;
        let header = raw
            .get(header.start as usize..header.end as usize)
            .unwrap_or_default();
        let mut evidence = FromOctets {
            body_id,
            header,
            found: Vec::new(),
        };
        for position in positions {
            let mut verdict = self.node.judge(position, &mut evidence);
            if verdict.is_none() {
                evidence.found = self.found(&parts, raw);
                verdict = self.node.judge(position, &mut evidence);
            }
            if verdict == Some(true) {
                self.matches.set(position);
                note_score(
                    self.scores.as_deref_mut(),
                    &self.node,
                    position,
                    &mut evidence,
                );
            } else {
                self.matches.clear(position);
            }
        }
    }

    /// Which texts are in the message: it is decoded once for all of them that are compared alike.
    fn found(&self, parts: &Parts, raw: &[u8]) -> Vec<u8> {
        let mut found = vec![0; self.texts.len()];
        let ways = [Scope::Text, Scope::Body].map(|scope| Collation::ALL.map(|way| (scope, way)));
        for (wanted, collation) in ways.into_iter().flatten() {
            let texts = self
                .texts
                .iter()
                .enumerate()
                .filter(|(_, (scope, pattern))| {
                    *scope == wanted && pattern.collation() == collation
                });
            let mut open: Vec<(usize, Looking<'_>)> = texts
                .map(|(index, (_, pattern))| (index, Looking::new(pattern)))
                .collect();
            if open.is_empty() {
                continue;
            }
            for_each(parts, raw, wanted, collation, |text| {
                open.retain_mut(|(index, looking)| {
                    found[*index] = looking.look(text);
                    found[*index] < EXACT
                });
                if open.is_empty() {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            });
        }
        found
    }

    /// How well the messages of the result match; None when not all is decided, or no key is FUZZY.
    pub fn scores(&self) -> Option<Scores> {
        let (uids, scores) = (self.result()?, self.scores.as_ref()?);
        let positions = self.matches.iter();
        let scores = positions.map(|position| scores[position as usize]);
        Some(Scores::new(uids, scores.collect()))
    }

    /// How many messages are not decided yet, at most.
    pub fn pending(&self) -> usize {
        self.for_summary.len() + self.for_body.len() - self.bodies_done
    }

    /// All is decided.
    pub fn done(&self) -> bool {
        self.for_summary.is_empty() && self.by_body.is_empty()
    }

    /// UIDs that match; None when not all is decided.
    pub fn result(&self) -> Option<UidSet> {
        self.done()
            .then(|| columns::uids(&self.view, &self.matches))
    }
}

fn note_score(scores: Option<&mut [u8]>, node: &Node, position: u32, evidence: &mut impl Evidence) {
    if let Some(scores) = scores {
        scores[position as usize] = node.score(position, evidence).unwrap_or(EXACT).max(1);
    }
}

/// A text key on its way through a message.
enum Looking<'a> {
    Plain(&'a Needle),
    Fuzzy(&'a Fuzzy, Likeness),
}

impl<'a> Looking<'a> {
    fn new(pattern: &'a Pattern) -> Self {
        match pattern {
            Pattern::Plain(needle) => Self::Plain(needle),
            Pattern::Fuzzy(fuzzy) => Self::Fuzzy(fuzzy, fuzzy.start()),
        }
    }

    /// The score with the next piece of text.
    fn look(&mut self, text: &str) -> u8 {
        match self {
            Self::Plain(needle) if needle.is_in(text) => EXACT,
            Self::Plain(_) => 0,
            Self::Fuzzy(fuzzy, found) => {
                fuzzy.look(text, found);
                found.score()
            }
        }
    }
}

struct FromSummary<'a> {
    body_id: u64,
    summary: &'a Summary,
    text: &'a SearchText,
}

impl Evidence for FromSummary<'_> {
    fn header(&mut self, key: &HeaderKey) -> u8 {
        key.in_summary(self.summary, self.text)
    }

    fn thread(&mut self, id: &str) -> bool {
        thread_id(self.summary.header(), self.summary.index(), self.body_id) == id
    }

    fn text(&mut self, _number: usize) -> Option<u8> {
        None
    }
}

struct FromOctets<'a> {
    body_id: u64,
    header: &'a [u8],
    /// Of each text key; empty: not looked for yet.
    found: Vec<u8>,
}

impl Evidence for FromOctets<'_> {
    fn header(&mut self, key: &HeaderKey) -> u8 {
        key.in_block(self.header)
    }

    fn thread(&mut self, id: &str) -> bool {
        thread_id(self.header, &HeaderIndex::new(self.header), self.body_id) == id
    }

    fn text(&mut self, number: usize) -> Option<u8> {
        self.found.get(number).copied()
    }
}
