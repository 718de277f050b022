//! The keys of a SEARCH, made ready: what columns decide is decided, texts are decoded and folded.

use lightmail_imap::search::{SearchKey, SearchProgram};
use lightmail_mime::charset::decode_query;
use lightmail_mime::collation::Collation;
use lightmail_mime::fuzzy::{Fuzzy, EXACT};
use lightmail_mime::header;
use lightmail_mime::text::{Needle, Scope};

use super::bits::Bits;
use super::columns;
use super::common::{push_folded, Common, SearchText};
use super::run::SearchContext;
use crate::object_id::body_of;
use crate::resolve::{Absent, BadSet};
use crate::snapshot::Snapshot;
use crate::summaries::Summary;

/// Why a search cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchError {
    /// `NO [BADCHARSET]`: the charset is unknown, or a string is no text in it (RFC 9051 §6.4.4).
    BadCharset,
    /// "$" where nothing is saved.
    BadSet(BadSet),
    /// YOUNGER and OLDER, and nobody said what time it is.
    NoTime,
    /// A FILTER key is left that nothing was put in the place of.
    Filter,
}

impl std::fmt::Display for SearchError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BadCharset => {
                f.write_str("the charset is not known, or a string is no text in it")
            }
            Self::BadSet(problem) => problem.fmt(f),
            Self::Filter => f.write_str("FILTER stands for other keys"),
            Self::NoTime => f.write_str("YOUNGER and OLDER need the time"),
        }
    }
}

impl std::error::Error for SearchError {}

/// A string looked for, folded.
#[derive(Debug)]
pub(super) enum Pattern {
    Plain(Box<Needle>),
    Fuzzy(Box<Fuzzy>),
}

impl Pattern {
    pub fn is_fuzzy(&self) -> bool {
        matches!(self, Self::Fuzzy(_))
    }

    /// How the pieces are folded. What is like a text is found by the default collation, whatever is chosen.
    pub fn collation(&self) -> Collation {
        match self {
            Self::Plain(needle) => needle.collation(),
            Self::Fuzzy(_) => Collation::default(),
        }
    }

    /// How well the pieces, folded already, match: 0 for not at all (RFC 6203 §4).
    fn score<'t>(&self, mut pieces: impl Iterator<Item = &'t str>) -> u8 {
        match self {
            Self::Plain(needle) if pieces.any(|piece| needle.is_in(piece)) => EXACT,
            Self::Plain(_) => 0,
            Self::Fuzzy(fuzzy) => {
                let mut found = fuzzy.start();
                pieces.for_each(|piece| fuzzy.look(piece, &mut found));
                found.score()
            }
        }
    }
}

/// HEADER, FROM, SUBJECT, …
#[derive(Debug)]
pub(super) struct HeaderKey {
    name: Vec<u8>,
    common: Option<Common>,
    /// None: the field exists.
    pattern: Option<Pattern>,
}

impl HeaderKey {
    fn is_fuzzy(&self) -> bool {
        self.pattern.as_ref().is_some_and(Pattern::is_fuzzy)
    }

    /// How well the fields of a header block match; 0: not at all.
    pub fn in_block(&self, block: &[u8]) -> u8 {
        let fields =
            header::fields(block).filter(|field| field.name.eq_ignore_ascii_case(&self.name));
        self.in_values(fields.map(|field| field.value))
    }

    /// In a summary, whose common fields were folded before, by the default collation.
    pub fn in_summary(&self, summary: &Summary, text: &SearchText) -> u8 {
        match (self.common, &self.pattern) {
            (Some(common), None) => exact(text.value(common).is_some()),
            (Some(common), Some(pattern)) if pattern.collation() == Collation::default() => {
                pattern.score(text.value(common).into_iter())
            }
            _ => self.in_values(summary.index().values(summary.header(), &self.name)),
        }
    }

    fn in_values<'v>(&self, mut values: impl Iterator<Item = &'v [u8]>) -> u8 {
        let collation = self
            .pattern
            .as_ref()
            .map_or_else(Collation::default, Pattern::collation);
        let fold = |value: &[u8]| {
            let mut folded = String::with_capacity(value.len());
            push_folded(value, collation, &mut folded);
            folded
        };
        match &self.pattern {
            None => exact(values.next().is_some()),
            Some(Pattern::Plain(needle)) => exact(values.any(|value| needle.is_in(&fold(value)))),
            Some(Pattern::Fuzzy(fuzzy)) => {
                let mut found = fuzzy.start();
                values.for_each(|value| fuzzy.look(&fold(value), &mut found));
                found.score()
            }
        }
    }
}

fn exact(matches: bool) -> u8 {
    if matches {
        EXACT
    } else {
        0
    }
}

/// The keys; under And and Or the cheaper ones come first, and what columns decide is one node.
#[derive(Debug)]
pub(super) enum Node {
    /// Decided for every message.
    Known(Bits),
    Header(Box<HeaderKey>),
    /// THREADID
    Thread(Box<str>),
    /// BODY or TEXT: the number of a text key.
    Text(usize),
    /// The same, FUZZY.
    FuzzyText(usize),
    Not(Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
}

/// Where the answers to header and text keys come from, as far as they are known.
pub(super) trait Evidence {
    /// How well it matches; 0: not at all.
    fn header(&mut self, key: &HeaderKey) -> u8;
    fn thread(&mut self, id: &str) -> bool;
    /// As `header`.
    fn text(&mut self, number: usize) -> Option<u8>;
}

impl Node {
    /// Whether the message matches; None when the evidence does not say. As deep as the grammar let keys be nested.
    pub fn judge(&self, position: u32, evidence: &mut impl Evidence) -> Option<bool> {
        match self {
            Self::Known(bits) => Some(bits.contains(position)),
            Self::Header(key) => Some(evidence.header(key) > 0),
            Self::Thread(id) => Some(evidence.thread(id)),
            Self::Text(number) | Self::FuzzyText(number) => {
                evidence.text(*number).map(|score| score > 0)
            }
            Self::Not(node) => node.judge(position, evidence).map(|matches| !matches),
            Self::And(nodes) => any(nodes, position, evidence, false),
            Self::Or(nodes) => any(nodes, position, evidence, true),
        }
    }

    /// How well a message that matches does, 1 to 100 (RFC 6203 §4); None: by keys alone that are not FUZZY.
    ///
    /// Keys side by side: the mean of those that are FUZZY. OR: the better one of those that match. NOT has no score.
    /// What the evidence does not say had not to be looked at. As deep as the grammar let keys be nested.
    pub fn score(&self, position: u32, evidence: &mut impl Evidence) -> Option<u8> {
        match self {
            Self::Header(key) if key.is_fuzzy() => Some(evidence.header(key)),
            Self::FuzzyText(number) => evidence.text(*number),
            Self::And(nodes) => {
                let scores = nodes
                    .iter()
                    .filter_map(|node| node.score(position, evidence));
                let (sum, count) = scores.fold((0_usize, 0_usize), |(sum, count), score| {
                    (sum + usize::from(score), count + 1)
                });
                sum.checked_div(count).map(|mean| mean as u8)
            }
            Self::Or(nodes) => {
                let mut best = Some(0);
                for node in nodes {
                    if node.judge(position, evidence) == Some(true) {
                        let score = node.score(position, evidence);
                        best = best.and_then(|best: u8| Some(best.max(score?)));
                    }
                }
                best
            }
            _ => None,
        }
    }

    /// Messages that match for certain, and those that may.
    pub fn bounds(&self, len: u32) -> (Bits, Bits) {
        match self {
            Self::Known(bits) => (bits.clone(), bits.clone()),
            Self::Header(_) | Self::Thread(_) | Self::Text(_) | Self::FuzzyText(_) => {
                (Bits::none(len), Bits::all(len))
            }
            Self::Not(node) => {
                let (mut certain, mut possible) = node.bounds(len);
                certain.invert();
                possible.invert();
                (possible, certain)
            }
            Self::And(nodes) => nodes.iter().map(|node| node.bounds(len)).fold(
                (Bits::all(len), Bits::all(len)),
                |(mut certain, mut possible), (more, may)| {
                    certain.intersect(&more);
                    possible.intersect(&may);
                    (certain, possible)
                },
            ),
            Self::Or(nodes) => nodes.iter().map(|node| node.bounds(len)).fold(
                (Bits::none(len), Bits::none(len)),
                |(mut certain, mut possible), (more, may)| {
                    certain.unite(&more);
                    possible.unite(&may);
                    (certain, possible)
                },
            ),
        }
    }

    /// How dear it is to ask: nothing, a summary, octets.
    fn cost(&self) -> u8 {
        match self {
            Self::Known(_) => 0,
            Self::Header(_) | Self::Thread(_) => 1,
            Self::Text(_) | Self::FuzzyText(_) => 2,
            Self::Not(node) => node.cost(),
            Self::And(nodes) | Self::Or(nodes) => nodes.iter().map(Self::cost).max().unwrap_or(0),
        }
    }

    /// Whether some header key is left to ask.
    pub fn asks_headers(&self) -> bool {
        match self {
            Self::Known(_) | Self::Text(_) | Self::FuzzyText(_) => false,
            Self::Header(_) | Self::Thread(_) => true,
            Self::Not(node) => node.asks_headers(),
            Self::And(nodes) | Self::Or(nodes) => nodes.iter().any(Self::asks_headers),
        }
    }
}

/// `decisive` as soon as one node says so, its contrary when all nodes say that.
fn any(
    nodes: &[Node],
    position: u32,
    evidence: &mut impl Evidence,
    decisive: bool,
) -> Option<bool> {
    let mut unknown = false;
    for node in nodes {
        match node.judge(position, evidence) {
            Some(answer) if answer == decisive => return Some(decisive),
            Some(_) => {}
            None => unknown = true,
        }
    }
    (!unknown).then_some(!decisive)
}

/// Makes a program ready for one view.
pub(super) struct Compiler<'a> {
    view: &'a Snapshot,
    context: &'a SearchContext,
    charset: Option<&'a str>,
    /// Texts of BODY and TEXT keys.
    pub texts: Vec<(Scope, Pattern)>,
    /// Within FUZZY.
    fuzzy: bool,
}

impl<'a> Compiler<'a> {
    pub fn new(program: &'a SearchProgram, view: &'a Snapshot, context: &'a SearchContext) -> Self {
        Self {
            view,
            context,
            charset: program.charset.as_deref(),
            texts: Vec::new(),
            fuzzy: false,
        }
    }

    /// The text of a key; None when it is empty, and so found everywhere.
    fn pattern(&self, text: &[u8]) -> Result<Option<Pattern>, SearchError> {
        let text = decode_query(self.charset, text).map_err(|_| SearchError::BadCharset)?;
        Ok(match (text.is_empty(), self.fuzzy) {
            (true, _) => None,
            (false, true) => Some(Pattern::Fuzzy(Box::new(Fuzzy::new(&text)))),
            (false, false) => {
                let needle = Needle::new(&text, self.context.collation);
                Some(Pattern::Plain(Box::new(needle)))
            }
        })
    }

    /// An unknown charset is refused even where no text needs it.
    pub fn program(&mut self, program: &SearchProgram) -> Result<Node, SearchError> {
        self.pattern(b"")?;
        self.key(&program.key)
    }

    fn key(&mut self, key: &SearchKey) -> Result<Node, SearchError> {
        let view = self.view;
        let recent_from = self.context.recent_from;
        Ok(Node::Known(match key {
            SearchKey::All => Bits::all(view.len()),
            SearchKey::Flag { name, set } => {
                let mut bits = columns::flag(view, view.keywords().mask(name));
                if !set {
                    bits.invert();
                }
                bits
            }
            SearchKey::New => columns::new(view, recent_from),
            SearchKey::Recent => columns::recent(view, recent_from),
            SearchKey::Old => {
                let mut bits = columns::recent(view, recent_from);
                bits.invert();
                bits
            }
            SearchKey::Date {
                field,
                relation,
                date,
            } => columns::date(view, *field, *relation, *date),
            SearchKey::Larger(octets) => columns::larger(view, *octets),
            SearchKey::Smaller(octets) => columns::smaller(view, *octets),
            SearchKey::Younger(seconds) => columns::since_moment(view, self.ago(*seconds)?),
            SearchKey::Older(seconds) => columns::until_moment(view, self.ago(*seconds)?),
            SearchKey::ModSeq(least) => columns::modseq(view, *least),
            SearchKey::Sequence(set) => {
                let uids = view.resolve_seqs(set, self.context.saved.as_deref(), Absent::Skipped);
                columns::members(view, &uids.map_err(SearchError::BadSet)?)
            }
            SearchKey::Uid(set) => {
                let uids = view.resolve_uids(set, self.context.saved.as_deref());
                columns::members(view, &uids.map_err(SearchError::BadSet)?)
            }
            SearchKey::EmailId(id) => match body_of(id) {
                Some(body_id) => columns::body(view, body_id),
                None => Bits::none(view.len()),
            },
            SearchKey::Filter(_) => return Err(SearchError::Filter),
            SearchKey::ThreadId(id) => return Ok(Node::Thread(id.as_str().into())),
            SearchKey::Header { name, text } => {
                let pattern = self.pattern(text)?;
                return Ok(Node::Header(Box::new(HeaderKey {
                    common: Common::named(name),
                    name: name.clone(),
                    pattern,
                })));
            }
            SearchKey::Body(text) => return self.text(Scope::Body, text),
            SearchKey::Text(text) => return self.text(Scope::Text, text),
            SearchKey::Fuzzy(key) => {
                let around = std::mem::replace(&mut self.fuzzy, true);
                let node = self.key(key);
                self.fuzzy = around;
                return node;
            }
            SearchKey::Not(key) => {
                return Ok(match self.key(key)? {
                    Node::Known(mut bits) => {
                        bits.invert();
                        Node::Known(bits)
                    }
                    other => Node::Not(Box::new(other)),
                })
            }
            SearchKey::Or(left, right) => {
                let nodes = vec![self.key(left)?, self.key(right)?];
                return Ok(joined(nodes, Bits::none(view.len()), Bits::unite, Node::Or));
            }
            SearchKey::And(keys) => {
                let nodes = keys
                    .iter()
                    .map(|key| self.key(key))
                    .collect::<Result<_, _>>()?;
                return Ok(joined(
                    nodes,
                    Bits::all(view.len()),
                    Bits::intersect,
                    Node::And,
                ));
            }
        }))
    }

    fn text(&mut self, scope: Scope, text: &[u8]) -> Result<Node, SearchError> {
        Ok(match self.pattern(text)? {
            None => Node::Known(Bits::all(self.view.len())),
            Some(pattern) => {
                let number = self.texts.len();
                let fuzzy = pattern.is_fuzzy();
                self.texts.push((scope, pattern));
                if fuzzy {
                    Node::FuzzyText(number)
                } else {
                    Node::Text(number)
                }
            }
        })
    }

    fn ago(&self, seconds: u64) -> Result<i64, SearchError> {
        let now = self.context.now_s.ok_or(SearchError::NoTime)?;
        Ok(now.saturating_sub(i64::try_from(seconds).unwrap_or(i64::MAX)))
    }
}

/// Nodes under And or Or: those that are known joined into one, which comes first, then the cheaper ones.
fn joined(
    nodes: Vec<Node>,
    start: Bits,
    join: fn(&mut Bits, &Bits),
    make: fn(Vec<Node>) -> Node,
) -> Node {
    let mut known = start;
    let mut rest = Vec::new();
    for node in nodes {
        match node {
            Node::Known(bits) => join(&mut known, &bits),
            other => rest.push(other),
        }
    }
    if rest.is_empty() {
        return Node::Known(known);
    }
    rest.sort_by_key(Node::cost);
    rest.insert(0, Node::Known(known));
    make(rest)
}
