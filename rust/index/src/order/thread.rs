//! THREAD (RFC 5256 §3): ORDEREDSUBJECT, REFERENCES, REFS. No recursion, no walk up a thread: threads may be as deep as
//! mailboxes are long.

use std::collections::HashMap;

use lightmail_imap::command::ThreadAlgorithm;

use super::forest::Forest;
use super::gather::{Entry, Gathered};
use super::keys::{Keys, MessageId, Text};
use crate::digits;
use crate::snapshot::Snapshot;

const NONE: u32 = u32::MAX;

/// Threads of messages: nodes with and without one.
#[derive(Debug, Default)]
struct Threads {
    /// The place of each node's message; NONE: a dummy.
    messages: Vec<u32>,
    children: Vec<Vec<u32>>,
    roots: Vec<u32>,
}

impl Gathered {
    /// `thread-list`s: what stands behind "THREAD " (RFC 5256 §4). numbers: the view for sequence numbers, None for UIDs.
    ///
    /// None: keys are not known yet.
    pub fn thread(
        &self,
        algorithm: ThreadAlgorithm,
        numbers: Option<&Snapshot>,
    ) -> Option<Vec<u8>> {
        let keys = self
            .keys
            .iter()
            .map(Option::as_deref)
            .collect::<Option<Vec<&Keys>>>()?;
        if keys.len() < self.entries.len() {
            return None;
        }
        let threads = match algorithm {
            ThreadAlgorithm::OrderedSubject => ordered_subject(&self.entries, &keys),
            ThreadAlgorithm::References => references(&self.entries, &keys),
            ThreadAlgorithm::Refs => refs(&self.entries, &keys),
        };
        let mut out = Vec::with_capacity(self.entries.len() * 8);
        threads.write(&mut out, |place| {
            let uid = self.entries[place as usize].uid;
            numbers.map_or(uid, |view| view.seq(uid).unwrap_or(0))
        });
        Some(out)
    }
}

/// By base subject, then sent date; the first message of each subject is the parent of the others.
fn ordered_subject(entries: &[Entry], keys: &[&Keys]) -> Threads {
    let mut places: Vec<u32> = (0..entries.len() as u32).collect();
    places.sort_unstable_by(|&left, &right| {
        let subject = |place: u32| keys[place as usize].text(Text::Subject);
        let sent = |place: u32| (entries[place as usize].sent, place);
        subject(left)
            .cmp(subject(right))
            .then_with(|| sent(left).cmp(&sent(right)))
    });
    let mut threads = Threads {
        messages: (0..entries.len() as u32).collect(),
        children: vec![Vec::new(); entries.len()],
        roots: Vec::new(),
    };
    let same = |&left: &u32, &right: &u32| {
        keys[left as usize].text(Text::Subject) == keys[right as usize].text(Text::Subject)
    };
    for thread in places.chunk_by(same) {
        if let Some((&first, others)) = thread.split_first() {
            threads.roots.push(first);
            threads.children[first as usize] = others.to_vec();
        }
    }
    threads
        .roots
        .sort_unstable_by_key(|&root| (entries[root as usize].sent, root));
    threads
}

/// All six steps.
fn references(entries: &[Entry], keys: &[&Keys]) -> Threads {
    let mut threads = linked(keys);
    let sent = |place: u32| entries[place as usize].sent;
    // Step 4, and what step 5 needs of it: dummies know their first child.
    threads.sort_dummies(sent);
    threads.sort_roots(sent);
    merge_subjects(&mut threads, keys);
    threads.sort(sent);
    threads
}

/// REFERENCES without its step 5; threads are in the order of their newest message (draft-ietf-morg-inthread).
fn refs(entries: &[Entry], keys: &[&Keys]) -> Threads {
    let mut threads = linked(keys);
    threads.sort(|place| entries[place as usize].sent);
    let newest = threads.newest(|place| entries[place as usize].sent);
    threads.roots.sort_by_key(|&root| newest[root as usize]);
    threads
}

/// Steps 1 to 3: who is whose parent, and dummies only where they hold siblings together.
fn linked(keys: &[&Keys]) -> Threads {
    let mut messages: Vec<u32> = Vec::with_capacity(keys.len());
    let mut parents: Vec<u32> = Vec::with_capacity(keys.len());
    let mut forest = Forest::default();
    let mut by_id: HashMap<MessageId, u32> = HashMap::with_capacity(keys.len());
    let add = |forest: &mut Forest, messages: &mut Vec<u32>, parents: &mut Vec<u32>, place| {
        messages.push(place);
        parents.push(NONE);
        forest.add()
    };
    for (place, keys) in (0u32..).zip(keys) {
        // 1.A: a dummy for each ID that no message has.
        let mut last = NONE;
        for id in &keys.references {
            let node = *by_id
                .entry(*id)
                .or_insert_with(|| add(&mut forest, &mut messages, &mut parents, NONE));
            if last != NONE && parents[node as usize] == NONE && forest.root(last) != node {
                parents[node as usize] = last;
                forest.link(node, last);
            }
            last = node;
        }
        let known = keys.message_id.and_then(|id| by_id.get(&id).copied());
        let node = match known {
            Some(node) if messages[node as usize] == NONE => {
                messages[node as usize] = place;
                node
            }
            // Of several messages with one ID the first has it.
            Some(_) => add(&mut forest, &mut messages, &mut parents, place),
            None => {
                let node = add(&mut forest, &mut messages, &mut parents, place);
                by_id.extend(keys.message_id.map(|id| (id, node)));
                node
            }
        };
        // 1.B
        if parents[node as usize] != NONE {
            forest.cut(node);
            parents[node as usize] = NONE;
        }
        if last != NONE && forest.root(last) != node {
            parents[node as usize] = last;
            forest.link(node, last);
        }
    }
    pruned(messages, &parents)
}

/// Step 3. Each message hangs on the nearest message above it, or on the dummy at the root when there is none.
fn pruned(messages: Vec<u32>, parents: &[u32]) -> Threads {
    let mut below = vec![Vec::new(); messages.len()];
    let mut roots = Vec::new();
    for (node, &parent) in (0u32..).zip(parents) {
        match parent {
            NONE => roots.push(node),
            parent => below[parent as usize].push(node),
        }
    }
    let mut threads = Threads {
        children: vec![Vec::new(); messages.len()],
        messages,
        roots: Vec::new(),
    };
    // Nodes, and on what their children hang.
    let mut open: Vec<(u32, u32)> = roots.iter().map(|&root| (root, root)).collect();
    while let Some((node, holder)) = open.pop() {
        for &child in &below[node as usize] {
            if threads.messages[child as usize] == NONE {
                open.push((child, holder));
            } else {
                threads.children[holder as usize].push(child);
                open.push((child, child));
            }
        }
    }
    for root in roots {
        if threads.messages[root as usize] != NONE {
            threads.roots.push(root);
            continue;
        }
        match threads.children[root as usize].as_slice() {
            [] => {}
            [only] => threads.roots.push(*only),
            _ => threads.roots.push(root),
        }
    }
    threads
}

/// Step 5: threads of one base subject become one.
fn merge_subjects(threads: &mut Threads, keys: &[&Keys]) {
    let dummy = |threads: &Threads, node: u32| threads.messages[node as usize] == NONE;
    let key_of = |threads: &Threads, node: u32| keys[threads.first_message(node) as usize];
    let is_reply =
        |threads: &Threads, node: u32| !dummy(threads, node) && key_of(threads, node).is_reply;
    let roots = std::mem::take(&mut threads.roots);
    let mut table: HashMap<&[u8], u32> = HashMap::new();
    for &root in &roots {
        let subject = key_of(threads, root).text(Text::Subject);
        if subject.is_empty() {
            continue;
        }
        let known = table.entry(subject).or_insert(root);
        let better =
            dummy(threads, root) || (is_reply(threads, *known) && !is_reply(threads, root));
        if !dummy(threads, *known) && better {
            *known = root;
        }
    }
    let mut merged = vec![false; threads.messages.len()];
    let mut made = Vec::new();
    for &root in &roots {
        let subject = key_of(threads, root).text(Text::Subject);
        let Some(known) = table.get_mut(subject).filter(|known| **known != root) else {
            continue;
        };
        merged[root as usize] = true;
        if dummy(threads, *known) && dummy(threads, root) {
            let mut children = std::mem::take(&mut threads.children[root as usize]);
            threads.children[*known as usize].append(&mut children);
        } else if dummy(threads, *known) || (is_reply(threads, root) && !is_reply(threads, *known))
        {
            threads.children[*known as usize].push(root);
        } else {
            merged[*known as usize] = true;
            threads.messages.push(NONE);
            threads.children.push(vec![*known, root]);
            merged.push(false);
            *known = threads.messages.len() as u32 - 1;
            made.push(*known);
        }
    }
    threads.roots = roots
        .into_iter()
        .chain(made)
        .filter(|&root| !merged[root as usize])
        .collect();
}

impl Threads {
    /// The place of a node's message, or of a dummy's first child's. Only roots are dummies.
    fn first_message(&self, node: u32) -> u32 {
        match self.messages[node as usize] {
            NONE => self.children[node as usize]
                .first()
                .map_or(0, |&child| self.messages[child as usize]),
            place => place,
        }
    }

    fn sort_dummies(&mut self, date: impl Fn(u32) -> i64) {
        for &root in &self.roots {
            if self.messages[root as usize] == NONE {
                sort_siblings(&self.messages, &mut self.children[root as usize], &date);
            }
        }
    }

    fn sort_roots(&mut self, date: impl Fn(u32) -> i64) {
        let mut roots = std::mem::take(&mut self.roots);
        roots.sort_by_key(|&root| {
            let place = self.first_message(root);
            (date(place), place)
        });
        self.roots = roots;
    }

    /// Step 6: all siblings by date, equal ones in the order of the mailbox.
    fn sort(&mut self, date: impl Fn(u32) -> i64) {
        for siblings in &mut self.children {
            sort_siblings(&self.messages, siblings, &date);
        }
        self.sort_roots(date);
    }

    /// Of each root: the latest date of its messages, and the place of the last message of that date.
    fn newest(&self, date: impl Fn(u32) -> i64) -> Vec<(i64, u32)> {
        let mut newest = vec![(i64::MIN, 0); self.messages.len()];
        for &root in &self.roots {
            let mut open = vec![root];
            while let Some(node) = open.pop() {
                let place = self.messages[node as usize];
                if place != NONE {
                    let found = &mut newest[root as usize];
                    *found = (*found).max((date(place), place));
                }
                open.extend_from_slice(&self.children[node as usize]);
            }
        }
        newest
    }

    /// ```text
    /// thread-list    = "(" (thread-members / thread-nested) ")"
    /// thread-members = nz-number *(SP nz-number) [SP thread-nested]
    /// thread-nested  = 2*thread-list
    /// ```
    fn write(&self, out: &mut Vec<u8>, number: impl Fn(u32) -> u32) {
        /// What is still to be written, the last first.
        enum Step {
            List(u32),
            Close,
        }
        let mut open: Vec<Step> = self
            .roots
            .iter()
            .rev()
            .map(|&root| Step::List(root))
            .collect();
        while let Some(step) = open.pop() {
            let Step::List(mut node) = step else {
                out.push(b')');
                continue;
            };
            out.push(b'(');
            loop {
                let place = self.messages[node as usize];
                if place != NONE {
                    digits::push(out, u64::from(number(place)));
                }
                match (self.children[node as usize].as_slice(), place) {
                    ([], _) => {
                        out.push(b')');
                        break;
                    }
                    ([only], _) => {
                        if place != NONE {
                            out.push(b' ');
                        }
                        node = *only;
                    }
                    (several, _) => {
                        if place != NONE {
                            out.push(b' ');
                        }
                        open.push(Step::Close);
                        open.extend(several.iter().rev().map(|&child| Step::List(child)));
                        break;
                    }
                }
            }
        }
    }
}

fn sort_siblings(messages: &[u32], siblings: &mut [u32], date: impl Fn(u32) -> i64) {
    siblings.sort_unstable_by_key(|&node| {
        let place = messages[node as usize];
        (date(place), place)
    });
}
