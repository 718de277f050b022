//! FILTER keys: put in their place what they stand for (RFC 5466 §3.1).

use std::collections::HashMap;

use crate::error::{Error, Parsed};
use crate::grammar::Settings;
use crate::search::{SearchKey, SearchProgram};

impl SearchProgram {
    /// The names that FILTER keys have, as written and in their order, one for each key.
    pub fn filters(&self) -> Vec<&str> {
        let mut names = Vec::new();
        collect(&self.key, &mut names);
        names
    }

    /// The same program with the keys of `criteria`, which are by name in lower case, in the place of each FILTER key.
    /// One whose name is not among them stays. Where it has a charset, that is UTF-8 from now on: FILTER implies it.
    ///
    /// The keys are inserted verbatim, so NOT before a FILTER takes the first of several alone, and OR the first two,
    /// unless there are parentheses. What is inside each other too deeply is refused as the grammar does.
    pub fn filled(
        &self,
        criteria: &HashMap<String, Vec<SearchKey>>,
        settings: Settings,
    ) -> Parsed<Self> {
        let mut keys = match &self.key {
            SearchKey::And(keys) => fill_all(keys, criteria),
            key => fill_all(std::slice::from_ref(key), criteria),
        };
        if keys.iter().any(|key| depth(key) > settings.nesting) {
            let limit = settings.nesting as u64;
            return Err(Error::limit("search keys inside each other", limit, 0));
        }
        let key = match keys.len() {
            1 => keys.remove(0),
            _ => SearchKey::And(keys),
        };
        let charset = self.charset.as_ref().map(|_| "UTF-8".to_owned());
        Ok(Self { charset, key })
    }
}

/// As deep as the nesting that the grammar allowed, as `fill` is; `depth` goes twice as deep at most.
fn collect<'a>(key: &'a SearchKey, names: &mut Vec<&'a str>) {
    match key {
        SearchKey::Filter(name) => names.push(name),
        SearchKey::Not(key) | SearchKey::Fuzzy(key) => collect(key, names),
        SearchKey::Or(left, right) => {
            collect(left, names);
            collect(right, names);
        }
        SearchKey::And(keys) => keys.iter().for_each(|key| collect(key, names)),
        _ => {}
    }
}

/// What one key becomes, and the keys that come to stand beside it.
fn fill(
    key: &SearchKey,
    criteria: &HashMap<String, Vec<SearchKey>>,
) -> (SearchKey, Vec<SearchKey>) {
    match key {
        SearchKey::Filter(name) => {
            match criteria.get(&name.to_ascii_lowercase()).map(Vec::as_slice) {
                Some([first, rest @ ..]) => (first.clone(), rest.to_vec()),
                _ => (key.clone(), Vec::new()),
            }
        }
        SearchKey::Not(key) => {
            let (first, rest) = fill(key, criteria);
            (SearchKey::Not(Box::new(first)), rest)
        }
        SearchKey::Fuzzy(key) => {
            let (first, rest) = fill(key, criteria);
            (SearchKey::Fuzzy(Box::new(first)), rest)
        }
        SearchKey::Or(left, right) => {
            let (first, mut rest) = fill(left, criteria);
            let (right, beside) = fill(right, criteria);
            let second = if rest.is_empty() {
                right
            } else {
                rest.push(right);
                rest.remove(0)
            };
            rest.extend(beside);
            (SearchKey::Or(Box::new(first), Box::new(second)), rest)
        }
        SearchKey::And(keys) => (in_parentheses(fill_all(keys, criteria)), Vec::new()),
        _ => (key.clone(), Vec::new()),
    }
}

/// Keys side by side, in their order.
fn fill_all(keys: &[SearchKey], criteria: &HashMap<String, Vec<SearchKey>>) -> Vec<SearchKey> {
    let mut filled = Vec::with_capacity(keys.len());
    for key in keys {
        let (first, rest) = fill(key, criteria);
        filled.push(first);
        filled.extend(rest);
    }
    filled
}

/// Keys in parentheses, which one key does without unless it holds a FILTER: that may become several.
pub(crate) fn in_parentheses(mut keys: Vec<SearchKey>) -> SearchKey {
    match &keys[..] {
        [key] if !key.any(&|key| matches!(key, SearchKey::Filter(_))) => keys.remove(0),
        _ => SearchKey::And(keys),
    }
}

/// How many parentheses, NOTs, FUZZYs and ORs are around the innermost key.
fn depth(key: &SearchKey) -> usize {
    match key {
        SearchKey::Not(key) | SearchKey::Fuzzy(key) => 1 + depth(key),
        SearchKey::Or(left, right) => 1 + depth(left).max(depth(right)),
        SearchKey::And(keys) => 1 + keys.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
