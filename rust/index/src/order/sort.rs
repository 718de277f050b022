//! SORT (RFC 5256 §3, RFC 5957).

use std::cmp::Ordering;

use lightmail_imap::command::{SortCriterion, SortKey};

use super::gather::Gathered;
use super::keys::Text;
use super::list::UidList;
use crate::search::Scores;

/// The values of one criterion, one for each message.
enum Column<'a> {
    Numbers(Vec<i64>),
    /// The first octets of a text as a number, then the text: most differ within the number.
    Texts(Vec<(u64, &'a [u8])>),
}

impl Column<'_> {
    fn compare(&self, left: usize, right: usize) -> Ordering {
        match self {
            Self::Numbers(values) => values[left].cmp(&values[right]),
            Self::Texts(values) => {
                let ((left, left_text), (right, right_text)) = (values[left], values[right]);
                left.cmp(&right).then_with(|| left_text.cmp(right_text))
            }
        }
    }
}

/// Which text a criterion compares; None: what the mailbox knows of its messages.
pub(super) fn text_of(key: SortKey) -> Option<Text> {
    match key {
        SortKey::Arrival | SortKey::Date | SortKey::Relevancy | SortKey::Size => None,
        SortKey::Cc => Some(Text::Cc),
        SortKey::From => Some(Text::From),
        SortKey::Subject => Some(Text::Subject),
        SortKey::To => Some(Text::To),
        SortKey::DisplayFrom => Some(Text::DisplayFrom),
        SortKey::DisplayTo => Some(Text::DisplayTo),
    }
}

impl Gathered {
    /// The UIDs by these criteria, the first of them first; equal messages in the order of the mailbox.
    ///
    /// scores: of each message, where RELEVANCY is among the criteria. descending: the order of texts is the other way
    /// round ("-" before a collation, RFC 4790 §3.3).
    /// None: a criterion needs keys or scores that are not known.
    pub fn sort(
        &self,
        criteria: &[SortCriterion],
        scores: Option<&Scores>,
        descending: bool,
    ) -> Option<UidList> {
        let columns = criteria
            .iter()
            .map(|criterion| {
                let turned = descending && text_of(criterion.key).is_some();
                let column = self.column(criterion.key, scores)?;
                Some((column, criterion.reverse != turned))
            })
            .collect::<Option<Vec<_>>>()?;
        let mut places: Vec<u32> = (0..self.entries.len() as u32).collect();
        places.sort_unstable_by(|&left, &right| {
            for (column, reverse) in &columns {
                let order = column.compare(left as usize, right as usize);
                if order != Ordering::Equal {
                    return if *reverse { order.reverse() } else { order };
                }
            }
            left.cmp(&right)
        });
        let uids = places.iter().map(|&place| self.entries[place as usize].uid);
        Some(UidList::new(uids.collect()))
    }

    fn column(&self, key: SortKey, scores: Option<&Scores>) -> Option<Column<'_>> {
        let entries = self.entries.iter();
        Some(Column::Numbers(match (key, text_of(key)) {
            (_, Some(which)) => {
                if self.keys.len() < self.entries.len() {
                    return None;
                }
                let texts = self.keys.iter().map(|keys| {
                    let text = keys.as_deref()?.text(which);
                    Some((beginning(text), text))
                });
                return Some(Column::Texts(texts.collect::<Option<_>>()?));
            }
            (SortKey::Arrival, _) => entries.map(|entry| entry.arrival).collect(),
            (SortKey::Relevancy, _) => {
                // The best first.
                let score = |uid| Some(-i64::from(scores?.of(uid)?));
                return Some(Column::Numbers(
                    entries
                        .map(|entry| score(entry.uid))
                        .collect::<Option<_>>()?,
                ));
            }
            (SortKey::Size, _) => entries
                .map(|entry| i64::try_from(entry.size).unwrap_or(i64::MAX))
                .collect(),
            _ => entries.map(|entry| entry.sent).collect(),
        }))
    }
}

/// The first eight octets: of texts that begin differently the smaller has the smaller number.
fn beginning(text: &[u8]) -> u64 {
    let mut octets = [0; 8];
    let length = text.len().min(8);
    octets[..length].copy_from_slice(&text[..length]);
    u64::from_be_bytes(octets)
}
