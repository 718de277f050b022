//! Text that is like another: FUZZY (RFC 6203).
//!
//! All words of a string are looked for, in any order, without regard to case, diacritics and what surrounds them; a
//! word of at least four letters may differ by one letter that is wrong, missing or too many, or by two exchanged ones.

use unicode_normalization::char::is_combining_mark;

use crate::collation::Collation;
use crate::text::Needle;

/// The score of the whole string as it stands.
pub const EXACT: u8 = 100;
/// Of a word that is there, be it within another one.
const FOUND: u8 = 90;
/// Words of fewer letters are not like others.
const LEAST_LETTERS: usize = 4;
/// Of longer words, and of strings of more words, no like ones are looked for: what a search costs is bounded by the
/// text and this.
const MOST_LETTERS: usize = 64;
const MOST_WORDS: usize = 16;

/// A string looked for.
#[derive(Debug, Clone)]
pub struct Fuzzy {
    whole: Needle,
    words: Vec<Word>,
}

#[derive(Debug, Clone)]
struct Word {
    needle: Needle,
    /// Empty: only the word itself is looked for.
    letters: Vec<char>,
}

/// What has been found so far in the pieces of one text.
#[derive(Debug, Clone)]
pub struct Likeness {
    whole: bool,
    /// Of each word, 0 where it was not found.
    words: Vec<u8>,
}

impl Likeness {
    /// Nothing more can be found.
    pub fn is_exact(&self) -> bool {
        self.whole
    }

    /// 1 to 100, 0 where not all words were found: 100 for the string as it stands, else the mean of its words, which
    /// count 90 each, or with a letter that differs 10 to 71, the more the longer they are.
    pub fn score(&self) -> u8 {
        if self.whole {
            return EXACT;
        }
        if self.words.is_empty() || self.words.contains(&0) {
            return 0;
        }
        let sum: usize = self.words.iter().map(|&score| usize::from(score)).sum();
        (sum / self.words.len()) as u8
    }
}

impl Fuzzy {
    /// text: as the client gave it, in UTF-8.
    pub fn new(text: &str) -> Self {
        let whole = Needle::new(text, Collation::default());
        let plain = without_marks(whole.as_str());
        let mut words: Vec<&str> = words(&plain).collect();
        words.sort_unstable();
        words.dedup();
        let few = words.len() <= MOST_WORDS;
        let words = words.into_iter().map(|word| {
            let letters: Vec<char> = word.chars().collect();
            let alike = few && (LEAST_LETTERS..=MOST_LETTERS).contains(&letters.len());
            Word {
                needle: Needle::new(word, Collation::default()),
                letters: if alike { letters } else { Vec::new() },
            }
        });
        Self {
            whole,
            words: words.collect(),
        }
    }

    /// Before any piece was looked at.
    pub fn start(&self) -> Likeness {
        Likeness {
            whole: false,
            words: vec![0; self.words.len()],
        }
    }

    /// Looks at a piece of text that is folded already.
    pub fn look(&self, folded: &str, found: &mut Likeness) {
        if found.whole || self.whole.is_in(folded) {
            found.whole = true;
            return;
        }
        let plain = if folded.is_ascii() {
            None
        } else {
            Some(without_marks(folded))
        };
        let plain = plain.as_deref().unwrap_or(folded);
        let mut open = Vec::new();
        for (word, score) in self.words.iter().zip(&mut found.words) {
            if *score < FOUND && word.needle.is_in(plain) {
                *score = FOUND;
            } else if *score == 0 && !word.letters.is_empty() {
                open.push((word, score));
            }
        }
        if open.is_empty() {
            return;
        }
        let mut letters = Vec::new();
        for candidate in words(plain) {
            if candidate.len() > 4 * (MOST_LETTERS + 1) {
                continue;
            }
            letters.clear();
            letters.extend(candidate.chars());
            open.retain_mut(|(word, score)| {
                let alike = is_alike(&word.letters, &letters);
                if alike {
                    **score = alike_score(word.letters.len());
                }
                !alike
            });
            if open.is_empty() {
                return;
            }
        }
    }
}

/// Of a word of so many letters that is there but for one: of a short one that says little.
fn alike_score(letters: usize) -> u8 {
    (75 - 260 / letters.max(LEAST_LETTERS)) as u8
}

fn words(plain: &str) -> impl Iterator<Item = &str> {
    plain
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
}

/// Folded text is decomposed, so that diacritics are characters of their own.
fn without_marks(folded: &str) -> String {
    folded
        .chars()
        .filter(|&character| !is_combining_mark(character))
        .collect()
}

/// Whether one edit makes one of the other.
fn is_alike(left: &[char], right: &[char]) -> bool {
    if left.len().abs_diff(right.len()) > 1 {
        return false;
    }
    let same = left.iter().zip(right).take_while(|(a, b)| a == b).count();
    let (left, right) = (&left[same..], &right[same..]);
    match (left, right) {
        ([], _) | (_, []) => true,
        ([a, left @ ..], [b, right @ ..]) if left.len() == right.len() => {
            left == right
                || matches!((left, right), ([c, left @ ..], [d, right @ ..]) if a == d && b == c && left == right)
        }
        (longer, shorter) if longer.len() > shorter.len() => longer[1..] == *shorter,
        (shorter, longer) => longer[1..] == *shorter,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::collation::casemap;

    fn score(wanted: &str, text: &str) -> u8 {
        let fuzzy = Fuzzy::new(wanted);
        let mut found = fuzzy.start();
        fuzzy.look(&casemap(text), &mut found);
        found.score()
    }

    /// RFC 6203 §3, §4.
    #[test]
    fn the_examples_of_the_rfc() {
        assert_eq!(score("IMAP break", "IMAP breaks"), 100);
        assert_eq!(score("IMAP break", "breaking the IMAP"), 90);
        assert_eq!(score("IMAP break", "IMAP is broken"), 0);
        assert_eq!(score("IMAP broke", "broken IMAP"), 90);
        assert_eq!(score("Helo", "Say hello"), 10);
        assert_eq!(score("Helo", "help"), 10);
        assert_eq!(score("Helo", "helo there"), 100);
    }

    #[test]
    fn words() {
        assert_eq!(score("cafe", "Un Caf\u{e9}"), 100);
        assert_eq!(score("Caf\u{e9}", "cafe"), 90);
        assert_eq!(score("caf\u{e9}", "CAFE\u{301}"), 100);
        assert_eq!(score("meeting tomorow", "tomorrow: Meeting"), 64);
        assert_eq!(score("of the", "the leaf of"), 90);
        assert_eq!(score("cat", "car"), 0, "three letters");
        assert_eq!(score("word", "wrod"), 10, "exchanged");
        assert_eq!(score("word", "wodr"), 10, "exchanged at the end");
        assert_eq!(score("word", "ward"), 10);
        assert_eq!(score("word", "wrd"), 10);
        assert_eq!(score("word", "dwrod"), 0, "two edits");
        assert_eq!(score("word", "draw"), 0);
        assert_eq!(score("?!", "what?!"), 100);
        assert_eq!(score("?!", "what? !"), 0);
    }

    #[test]
    fn pieces_together() {
        let fuzzy = Fuzzy::new("alpha beta");
        let mut found = fuzzy.start();
        fuzzy.look("BETA", &mut found);
        assert_eq!(found.score(), 0);
        fuzzy.look("ALPHB", &mut found);
        assert_eq!(found.score(), 56);
        fuzzy.look("ALPHA", &mut found);
        assert_eq!(found.score(), 90);
        fuzzy.look("ALPHA BETA", &mut found);
        assert!(found.is_exact());
    }

    /// Edit distance with transpositions, by dynamic programming.
    fn distance(left: &[char], right: &[char]) -> usize {
        let mut rows: Vec<Vec<usize>> = vec![(0..=right.len()).collect()];
        for i in 1..=left.len() {
            let mut row = vec![i];
            for j in 1..=right.len() {
                let unequal = usize::from(left[i - 1] != right[j - 1]);
                let mut best = (rows[i - 1][j] + 1)
                    .min(row[j - 1] + 1)
                    .min(rows[i - 1][j - 1] + unequal);
                if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                    best = best.min(rows[i - 2][j - 2] + 1);
                }
                row.push(best);
            }
            rows.push(row);
        }
        rows[left.len()][right.len()]
    }

    proptest! {
        #[test]
        fn one_edit_at_most(left in "[ab\u{e9}]{0,6}", right in "[ab\u{e9}]{0,6}") {
            let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
            prop_assert_eq!(is_alike(&left, &right), distance(&left, &right) <= 1);
        }

        #[test]
        fn what_is_found_is_like_it(wanted in "\\PC{0,30}", before in "\\PC{0,30}", after in "\\PC{0,30}") {
            prop_assert_eq!(score(&wanted, &format!("{before}{wanted}{after}")), 100);
            prop_assert!(score(&wanted, &before) <= 100);
        }
    }
}
