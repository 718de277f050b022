//! The multiparts and messages around the part under way, and the boundary lines that end it (RFC 2046 §5.1.1).

/// No more of a line is looked at.
pub(crate) const MAX_LINE_OCTETS: usize = 128;

/// Longer boundaries are cut, as the servers of the field do (RFC 2046 §5.1.1 allows 70 octets).
const MAX_BOUNDARY_OCTETS: usize = 80;

struct Open {
    /// Index of the part.
    node: usize,
    depth: u32,
    /// None: a message, or a multipart whose last part has ended.
    boundary: Option<Vec<u8>>,
}

/// From the outside in.
#[derive(Default)]
pub(crate) struct Boundaries {
    open: Vec<Open>,
    /// How many of them have a boundary.
    live: usize,
}

impl Boundaries {
    pub(crate) fn open(&mut self, node: usize, depth: u32, boundary: Option<&[u8]>) {
        let boundary =
            boundary.map(|boundary| boundary[..boundary.len().min(MAX_BOUNDARY_OCTETS)].to_vec());
        self.live += usize::from(boundary.is_some());
        self.open.push(Open {
            node,
            depth,
            boundary,
        });
    }

    /// Whether any line can be a boundary.
    pub(crate) fn any(&self) -> bool {
        self.live > 0
    }

    /// Which of them a line belongs to, and whether it is the last boundary ("--" after it).
    ///
    /// The line need only begin with the boundary (RFC 2046 §5.1.1). Where one boundary begins with another the longer
    /// one is meant, and of equal ones the inner.
    pub(crate) fn find(&self, line: &[u8]) -> Option<(usize, bool)> {
        if self.live == 0 {
            return None;
        }
        let text = line.strip_prefix(b"--")?;
        let mut best: Option<(usize, &[u8])> = None;
        for (index, open) in self.open.iter().enumerate() {
            let Some(boundary) = &open.boundary else {
                continue;
            };
            if text.starts_with(boundary)
                && best.is_none_or(|(_, longest)| boundary.len() >= longest.len())
            {
                best = Some((index, boundary));
            }
        }
        best.map(|(index, boundary)| (index, text[boundary.len()..].starts_with(b"--")))
    }

    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// Depth of the innermost.
    pub(crate) fn depth(&self) -> u32 {
        self.open.last().map_or(0, |open| open.depth)
    }

    /// Closes all but the outer `count`; the parts that are closed.
    pub(crate) fn keep(&mut self, count: usize) -> Vec<usize> {
        let closed = self.open.split_off(count.min(self.open.len()));
        self.live -= closed.iter().filter(|open| open.boundary.is_some()).count();
        closed.into_iter().map(|open| open.node).collect()
    }

    /// The innermost has seen its last boundary.
    pub(crate) fn end_last(&mut self) {
        if let Some(open) = self.open.last_mut() {
            if open.boundary.take().is_some() {
                self.live -= 1;
            }
        }
    }

    /// No line is a boundary any more.
    pub(crate) fn end_all(&mut self) {
        for open in &mut self.open {
            open.boundary = None;
        }
        self.live = 0;
    }

    /// The part of this depth.
    pub(crate) fn open_at(&self, depth: u32) -> Option<usize> {
        self.open
            .iter()
            .rev()
            .find(|open| open.depth == depth)
            .map(|open| open.node)
    }
}
