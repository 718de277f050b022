//! The keys of a SEARCH, made ready: what columns decide is decided, texts are decoded and folded.

use lightmail_imap::search::{SearchKey, SearchProgram};
use lightmail_mime::charset::decode_query;
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

/// HEADER, FROM, SUBJECT, …
#[derive(Debug)]
pub(super) struct HeaderKey {
    name: Vec<u8>,
    common: Option<Common>,
    /// None: the field exists.
    needle: Option<Needle>,
}

impl HeaderKey {
    /// In a header block.
    pub fn in_block(&self, block: &[u8]) -> bool {
        let mut fields =
            header::fields(block).filter(|field| field.name.eq_ignore_ascii_case(&self.name));
        fields.any(|field| self.in_value(field.value))
    }

    /// In a summary, whose common fields were folded before.
    pub fn in_summary(&self, summary: &Summary, text: &SearchText) -> bool {
        match (self.common, &self.needle) {
            (Some(common), None) => text.value(common).is_some(),
            (Some(common), Some(needle)) => {
                text.value(common).is_some_and(|value| needle.is_in(value))
            }
            (None, _) => {
                let mut values = summary.index().values(summary.header(), &self.name);
                values.any(|value| self.in_value(value))
            }
        }
    }

    fn in_value(&self, value: &[u8]) -> bool {
        self.needle.as_ref().is_none_or(|needle| {
            let mut folded = String::with_capacity(value.len());
            push_folded(value, &mut folded);
            needle.is_in(&folded)
        })
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
    Not(Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
}

/// Where the answers to header and text keys come from, as far as they are known.
pub(super) trait Evidence {
    fn header(&mut self, key: &HeaderKey) -> bool;
    fn thread(&mut self, id: &str) -> bool;
    fn text(&mut self, number: usize) -> Option<bool>;
}

impl Node {
    /// Whether the message matches; None when the evidence does not say. As deep as the grammar let keys be nested.
    pub fn judge(&self, position: u32, evidence: &mut impl Evidence) -> Option<bool> {
        match self {
            Self::Known(bits) => Some(bits.contains(position)),
            Self::Header(key) => Some(evidence.header(key)),
            Self::Thread(id) => Some(evidence.thread(id)),
            Self::Text(number) => evidence.text(*number),
            Self::Not(node) => node.judge(position, evidence).map(|matches| !matches),
            Self::And(nodes) => any(nodes, position, evidence, false),
            Self::Or(nodes) => any(nodes, position, evidence, true),
        }
    }

    /// Messages that match for certain, and those that may.
    pub fn bounds(&self, len: u32) -> (Bits, Bits) {
        match self {
            Self::Known(bits) => (bits.clone(), bits.clone()),
            Self::Header(_) | Self::Thread(_) | Self::Text(_) => (Bits::none(len), Bits::all(len)),
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
            Self::Text(_) => 2,
            Self::Not(node) => node.cost(),
            Self::And(nodes) | Self::Or(nodes) => nodes.iter().map(Self::cost).max().unwrap_or(0),
        }
    }

    /// Whether some header key is left to ask.
    pub fn asks_headers(&self) -> bool {
        match self {
            Self::Known(_) | Self::Text(_) => false,
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
    pub texts: Vec<(Scope, Needle)>,
}

impl<'a> Compiler<'a> {
    pub fn new(program: &'a SearchProgram, view: &'a Snapshot, context: &'a SearchContext) -> Self {
        Self {
            view,
            context,
            charset: program.charset.as_deref(),
            texts: Vec::new(),
        }
    }

    /// The text of a key; None when it is empty, and so found everywhere.
    fn needle(&self, text: &[u8]) -> Result<Option<Needle>, SearchError> {
        let text = decode_query(self.charset, text).map_err(|_| SearchError::BadCharset)?;
        Ok((!text.is_empty()).then(|| Needle::new(&text)))
    }

    /// An unknown charset is refused even where no text needs it.
    pub fn program(&mut self, program: &SearchProgram) -> Result<Node, SearchError> {
        self.needle(b"")?;
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
                let needle = self.needle(text)?;
                return Ok(Node::Header(Box::new(HeaderKey {
                    common: Common::named(name),
                    name: name.clone(),
                    needle,
                })));
            }
            SearchKey::Body(text) => return self.text(Scope::Body, text),
            SearchKey::Text(text) => return self.text(Scope::Text, text),
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
        Ok(match self.needle(text)? {
            None => Node::Known(Bits::all(self.view.len())),
            Some(needle) => {
                self.texts.push((scope, needle));
                Node::Text(self.texts.len() - 1)
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
