//! SEARCH against a judgement of one message after the other.

#![allow(clippy::expect_used, clippy::panic, missing_docs)]

mod model;

use std::sync::Arc;

use lightmail_imap::date::days_from_date;
use lightmail_imap::search::{Date, DateField, DateRelation, SearchKey, SearchProgram};
use lightmail_imap::set::{Bound, SequenceSet};
use lightmail_index::flags::{Keywords, SEEN};
use lightmail_index::resolve::BadSet;
use lightmail_index::row::Row;
use lightmail_index::search::{SearchContext, SearchError, SearchRun};
use lightmail_index::snapshot::{MailboxState, Snapshot};
use lightmail_index::summaries::SummaryCache;
use lightmail_index::uid_set::UidSet;
use lightmail_mime::collation::casemap;
use lightmail_mime::fuzzy::Fuzzy;
use model::{pack, summary};
use proptest::prelude::*;

const NOW: i64 = 1_700_100_000;

/// One message, of which it is known what it says.
#[derive(Debug, Clone)]
struct Mail {
    row: Row,
    subject: Option<String>,
    from: Option<String>,
    other: Option<String>,
    body: String,
}

impl Mail {
    fn raw(&self) -> String {
        let mut raw = String::new();
        for (name, value) in [
            ("Subject", &self.subject),
            ("FROM", &self.from),
            ("X-Other", &self.other),
        ] {
            if let Some(value) = value {
                raw += &format!("{name}: {value}\r\n");
            }
        }
        raw + "\r\n" + &self.body
    }

    fn field(&self, name: &[u8]) -> Option<&String> {
        match name {
            b"subject" => self.subject.as_ref(),
            b"From" => self.from.as_ref(),
            b"X-OTHER" => self.other.as_ref(),
            _ => None,
        }
    }

    fn pieces(&self) -> Vec<String> {
        let header = [
            ("subject", &self.subject),
            ("from", &self.from),
            ("x-other", &self.other),
        ];
        let header = header
            .iter()
            .filter_map(|(name, value)| Some(format!("{name}: {}", value.as_ref()?)));
        header.chain([self.body.clone()]).collect()
    }
}

/// Whether the text stands in one of the pieces, or, fuzzily, in all of them together.
fn is_in(pieces: &[&str], text: &[u8], fuzzy: bool) -> bool {
    let text = std::str::from_utf8(text).expect("text");
    if fuzzy && !text.is_empty() {
        let fuzzy = Fuzzy::new(text);
        let mut found = fuzzy.start();
        for piece in pieces {
            fuzzy.look(&casemap(piece), &mut found);
        }
        return found.score() > 0;
    }
    pieces
        .iter()
        .any(|piece| piece.to_lowercase().contains(&text.to_lowercase()))
}

/// The mailbox, all of it in UID order.
struct Model<'a> {
    mails: &'a [Mail],
    saved: UidSet,
    recent_from: u32,
}

fn day(seconds: i64, zone: i16) -> i64 {
    (seconds + i64::from(zone) * 60).div_euclid(86_400)
}

impl Model<'_> {
    fn matches(&self, index: usize, key: &SearchKey, fuzzy: bool) -> bool {
        let mail = &self.mails[index];
        let row = &mail.row;
        let recent = row.uid >= self.recent_from;
        match key {
            SearchKey::All => true,
            SearchKey::Filter(_) => panic!("no filters here"),
            SearchKey::Flag { name, set } => {
                let bit = match name.as_str() {
                    "\\Seen" => 3,
                    "\\Deleted" => 2,
                    "$work" => 5,
                    _ => return !set,
                };
                (row.flags >> bit & 1 == 1) == *set
            }
            SearchKey::New => recent && row.flags & SEEN == 0,
            SearchKey::Old => !recent,
            SearchKey::Recent => recent,
            SearchKey::Date {
                field,
                relation,
                date,
            } => {
                let day = match field {
                    DateField::Internal => day(row.internaldate, row.internaldate_zone),
                    DateField::Sent if row.sent_date == 0 => return false,
                    DateField::Sent => day(row.sent_date, row.sent_zone),
                    DateField::Saved => day(row.savedate, 0),
                };
                let wanted = days_from_date(*date);
                match relation {
                    DateRelation::Before => day < wanted,
                    DateRelation::On => day == wanted,
                    DateRelation::Since => day >= wanted,
                }
            }
            SearchKey::Larger(octets) => row.size > *octets,
            SearchKey::Smaller(octets) => row.size < *octets,
            SearchKey::Younger(seconds) => row.internaldate >= NOW - *seconds as i64,
            SearchKey::Older(seconds) => row.internaldate <= NOW - *seconds as i64,
            SearchKey::ModSeq(least) => row.modseq >= *least,
            SearchKey::EmailId(id) => *id == format!("E{}", row.body_id),
            // None of these messages has an id or refers to one.
            SearchKey::ThreadId(_) => false,
            SearchKey::Header { name, text } => mail
                .field(name)
                .is_some_and(|value| is_in(&[value], text, fuzzy)),
            SearchKey::Body(text) => is_in(&[&mail.body], text, fuzzy),
            SearchKey::Text(text) => {
                let pieces = mail.pieces();
                let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
                is_in(&pieces, text, fuzzy)
            }
            SearchKey::Fuzzy(key) => self.matches(index, key, true),
            SearchKey::Sequence(set) => {
                self.named(set, index as u32 + 1, self.mails.len() as u32, row.uid)
            }
            SearchKey::Uid(set) => {
                let last = self.mails.last().map_or(0, |mail| mail.row.uid);
                self.named(set, row.uid, last, row.uid)
            }
            SearchKey::Not(key) => !self.matches(index, key, fuzzy),
            SearchKey::Or(left, right) => {
                self.matches(index, left, fuzzy) || self.matches(index, right, fuzzy)
            }
            SearchKey::And(keys) => keys.iter().all(|key| self.matches(index, key, fuzzy)),
        }
    }

    fn named(&self, set: &SequenceSet, value: u32, largest: u32, uid: u32) -> bool {
        let number = |bound: &Bound| match bound {
            Bound::Number(number) => *number,
            Bound::Largest => largest,
        };
        let (ranges, saved) = set.parts();
        saved && self.saved.contains(uid)
            || ranges.iter().any(|(a, b)| {
                let (a, b) = (number(a), number(b));
                a.min(b) <= value && value <= a.max(b)
            })
    }
}

fn words() -> impl Strategy<Value = String> {
    proptest::sample::subsequence(vec!["Alpha", "beta", "GRÜN", "delta", "ALPHABET"], 0..4)
        .prop_map(|words| words.join(" "))
}

fn mails() -> impl Strategy<Value = Vec<Mail>> {
    let columns = (
        any::<u8>(),
        0u64..6,
        0i64..500_000,
        -800i16..800,
        0i64..400_000,
        any::<bool>(),
    );
    let texts = (
        proptest::option::of(words()),
        proptest::option::of(words()),
        proptest::option::of(words()),
        words(),
    );
    proptest::collection::vec((1u32..4, columns, texts), 0..24).prop_map(|mails| {
        let mut uid = 0;
        let mut all: Vec<Mail> = Vec::new();
        for (gap, (flags, modseq, date, zone, sent, same), (subject, from, other, body)) in mails {
            uid += gap;
            let mut mail = Mail {
                row: Row::default(),
                subject,
                from,
                other,
                body,
            };
            let mut body_id = u64::from(uid) + 500;
            // Some messages share their body with the one before: copies.
            if let Some(before) = all.last().filter(|_| same) {
                body_id = before.row.body_id;
                mail = before.clone();
            }
            mail.row = Row {
                uid,
                size: mail.raw().len() as u64,
                flags: u64::from(flags) & 0b10_1100,
                modseq,
                body_id,
                internaldate: NOW - date,
                internaldate_zone: zone,
                savedate: NOW - date / 2,
                sent_date: if sent < 40_000 { 0 } else { NOW - sent },
                sent_zone: -zone,
            };
            all.push(mail);
        }
        all
    })
}

fn set() -> impl Strategy<Value = SequenceSet> {
    let bound = || prop_oneof![4 => (1u32..30).prop_map(Bound::Number), 1 => Just(Bound::Largest)];
    prop_oneof![
        4 => proptest::collection::vec((bound(), bound()), 1..3).prop_map(SequenceSet::Ranges),
        1 => Just(SequenceSet::Saved),
        1 => proptest::collection::vec((bound(), bound()), 1..3).prop_map(SequenceSet::RangesAndSaved),
    ]
}

fn key() -> impl Strategy<Value = SearchKey> {
    let text = || {
        proptest::sample::select(vec![
            "",
            "alpha",
            "BET",
            "grün",
            "a b",
            "Subject: al",
            "x-other: ",
            "nowhere",
            "aplha",
            "delta betta",
        ])
        .prop_map(|text| text.as_bytes().to_vec())
    };
    let name = proptest::sample::select(vec!["\\Seen", "\\Deleted", "$work", "$Unknown"])
        .prop_map(str::to_owned);
    let field = proptest::sample::select(vec!["subject", "From", "X-OTHER", "X-None"])
        .prop_map(|name| name.as_bytes().to_vec());
    let date = (12u8..18).prop_map(|day| Date {
        year: 2023,
        month: 11,
        day,
    });
    let leaf = prop_oneof![
        proptest::sample::select(vec![
            SearchKey::All,
            SearchKey::New,
            SearchKey::Old,
            SearchKey::Recent
        ]),
        (name, any::<bool>()).prop_map(|(name, set)| SearchKey::Flag { name, set }),
        (
            proptest::sample::select(vec![DateField::Internal, DateField::Sent, DateField::Saved]),
            proptest::sample::select(vec![
                DateRelation::Before,
                DateRelation::On,
                DateRelation::Since
            ]),
            date,
        )
            .prop_map(|(field, relation, date)| SearchKey::Date {
                field,
                relation,
                date
            }),
        (20u64..80).prop_map(SearchKey::Larger),
        (20u64..80).prop_map(SearchKey::Smaller),
        (1u64..500_000).prop_map(SearchKey::Younger),
        (1u64..500_000).prop_map(SearchKey::Older),
        (0u64..7).prop_map(SearchKey::ModSeq),
        (500u64..540).prop_map(|body_id| SearchKey::EmailId(format!("E{body_id}"))),
        Just(SearchKey::ThreadId("T0".to_owned())),
        set().prop_map(SearchKey::Sequence),
        set().prop_map(SearchKey::Uid),
        (field, text()).prop_map(|(name, text)| SearchKey::Header { name, text }),
        text().prop_map(SearchKey::Body),
        text().prop_map(SearchKey::Text),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|key| SearchKey::Not(Box::new(key))),
            inner
                .clone()
                .prop_map(|key| SearchKey::Fuzzy(Box::new(key))),
            (inner.clone(), inner.clone())
                .prop_map(|(left, right)| SearchKey::Or(Box::new(left), Box::new(right))),
            proptest::collection::vec(inner, 1..4).prop_map(SearchKey::And),
        ]
    })
}

fn view(mails: &[Mail]) -> Arc<Snapshot> {
    let packed: String = mails.iter().map(|mail| pack(&mail.row)).collect();
    let state = MailboxState {
        keywords: Keywords::new(["$Work"]),
        uid_next: 200,
        highest_modseq: 9,
    };
    Arc::new(Snapshot::load(&[packed.as_bytes()], state).expect("rows"))
}

fn raw(mails: &[Mail], body_id: u64) -> String {
    mails
        .iter()
        .find(|mail| mail.row.body_id == body_id)
        .expect("a body of the mailbox")
        .raw()
}

fn program(key: SearchKey) -> SearchProgram {
    SearchProgram { charset: None, key }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn as_one_by_one(
        mails in mails(),
        key in key(),
        saved in proptest::collection::btree_set(1u32..60, 0..10),
        recent_from in 1u32..40,
        (window, cache_octets) in (1usize..5, prop_oneof![Just(0usize), Just(1 << 20)]),
    ) {
        let saved: UidSet = saved.into_iter().collect();
        let context =
            SearchContext { saved: Some(Arc::new(saved.clone())), recent_from, now_s: Some(NOW), ..SearchContext::default() };
        let program = program(key);
        let mut run = SearchRun::new(&program, view(&mails), &context).expect("a good program");
        let mut cache = SummaryCache::new(cache_octets);
        loop {
            for _ in 0..mails.len() {
                run.use_summaries(&mut cache, window);
            }
            let missing = run.missing_summaries(&cache, window);
            prop_assert!(missing.len() <= window);
            prop_assert!(missing.is_empty() || program.needs_summary());
            if missing.is_empty() {
                break;
            }
            for id in missing {
                cache.insert(id, summary(&raw(&mails, id)));
            }
        }
        while !run.done() {
            prop_assert_eq!(run.result(), None);
            prop_assert!(program.needs_octets());
            let wanted = run.wanted_bodies(window);
            prop_assert!(!wanted.is_empty() && wanted.len() <= window);
            for (id, octets) in wanted {
                let raw = raw(&mails, id);
                prop_assert_eq!(octets, raw.len() as u64);
                let parts = cache.get(id).and_then(|known| known.parts().ok());
                run.use_body(id, raw.as_bytes(), parts);
            }
        }
        let model = Model { mails: &mails, saved, recent_from };
        let matching = (0..mails.len()).filter(|index| model.matches(*index, &program.key, false));
        let wanted: UidSet = matching.map(|index| mails[index].row.uid).collect();
        prop_assert_eq!(run.scores().is_some(), program.is_fuzzy());
        if let Some(scores) = run.scores() {
            let in_range = |uid| scores.of(uid).is_some_and(|score| (1..=100).contains(&score));
            prop_assert!(wanted.iter().all(in_range));
        }
        prop_assert_eq!(run.result(), Some(wanted));
    }
}

fn mail(uid: u32, subject: &str, body: &str) -> Mail {
    let mut mail = Mail {
        row: Row {
            uid,
            body_id: u64::from(uid),
            ..Row::default()
        },
        subject: Some(subject.to_owned()),
        from: None,
        other: None,
        body: body.to_owned(),
    };
    mail.row.size = mail.raw().len() as u64;
    mail
}

/// Law 5: a body is read only where nothing cheaper decides.
#[test]
fn only_what_is_undecided_is_read() {
    let mails: Vec<Mail> = (1..=10)
        .map(|uid| mail(uid, if uid == 4 { "yes" } else { "no" }, "text"))
        .collect();
    let header = |text: &str| SearchKey::Header {
        name: b"Subject".to_vec(),
        text: text.as_bytes().to_vec(),
    };
    let text = || SearchKey::Body(b"text".to_vec());
    let uids = SearchKey::Uid(SequenceSet::Ranges(vec![(
        Bound::Number(3),
        Bound::Number(5),
    )]));
    let key = SearchKey::And(vec![text(), header("yes"), uids]);
    let mut run =
        SearchRun::new(&program(key), view(&mails), &SearchContext::default()).expect("program");
    let mut cache = SummaryCache::new(1 << 20);
    assert_eq!(run.missing_summaries(&cache, 100), [3, 4, 5]);
    for id in 3..=5 {
        cache.insert(id, summary(&raw(&mails, id)));
    }
    run.use_summaries(&mut cache, usize::MAX);
    assert_eq!(
        run.wanted_bodies(100)
            .iter()
            .map(|wanted| wanted.0)
            .collect::<Vec<_>>(),
        [4]
    );
    run.use_body(4, raw(&mails, 4).as_bytes(), None);
    assert_eq!(run.result(), Some([4].into_iter().collect()));

    // What the first half of an OR says for certain needs no second half.
    let key = SearchKey::Or(Box::new(text()), Box::new(SearchKey::All));
    let run =
        SearchRun::new(&program(key), view(&mails), &SearchContext::default()).expect("program");
    assert_eq!(run.result().map(|found| found.len()), Some(10));
}

/// RFC 6203 §4, of keys side by side, beside others, and alternatives.
#[test]
fn scores_of_several_keys() {
    let mails = [
        mail(1, "alphabet soup", "the alphabet"),
        mail(2, "alphabte", "the"),
        mail(5, "nothing", "the alphabet"),
        mail(6, "soup of the alphabet", "no"),
    ];
    let subject = |text: &str| SearchKey::Header {
        name: b"Subject".to_vec(),
        text: text.as_bytes().to_vec(),
    };
    let body = |text: &str| SearchKey::Body(text.as_bytes().to_vec());
    let fuzzy = |key: SearchKey| SearchKey::Fuzzy(Box::new(key));
    let or = |left, right| SearchKey::Or(Box::new(left), Box::new(right));
    let scored = |key: SearchKey| {
        let program = program(key);
        let context = SearchContext::default();
        let mut run = SearchRun::new(&program, view(&mails), &context).expect("a good program");
        let mut cache = SummaryCache::new(1 << 20);
        for mail in &mails {
            cache.insert(mail.row.body_id, summary(&mail.raw()));
        }
        run.use_summaries(&mut cache, usize::MAX);
        for (id, _) in run.wanted_bodies(10) {
            run.use_body(id, raw(&mails, id).as_bytes(), None);
        }
        let scores = run.scores().expect("scores");
        let found = run.result().expect("all decided");
        let found: Vec<_> = found.iter().map(|uid| (uid, scores.of(uid))).collect();
        found
    };
    assert_eq!(
        scored(fuzzy(subject("alphabet soup"))),
        [(1, Some(100)), (6, Some(90))]
    );
    assert_eq!(
        scored(fuzzy(subject("alphabet"))),
        [(1, Some(100)), (2, Some(43)), (6, Some(100))]
    );
    let both = SearchKey::And(vec![fuzzy(subject("alphabet")), fuzzy(body("the"))]);
    assert_eq!(scored(both), [(1, Some(100)), (2, Some(71))]);
    let with_another = SearchKey::And(vec![fuzzy(subject("alphabet")), body("the")]);
    assert_eq!(scored(with_another), [(1, Some(100)), (2, Some(43))]);
    let either = fuzzy(or(subject("alphabet"), body("alphabte")));
    assert_eq!(
        scored(either),
        [(1, Some(100)), (2, Some(43)), (5, Some(43)), (6, Some(100))]
    );
    let sure = or(fuzzy(subject("alphabte")), SearchKey::All);
    assert!(scored(sure).iter().all(|(_, score)| *score == Some(100)));
    let none = fuzzy(SearchKey::Not(Box::new(subject("soup"))));
    assert_eq!(scored(none), [(2, Some(100)), (5, Some(100))]);
}

#[test]
fn what_cannot_be_searched() {
    let mails = [mail(1, "caf\u{e9}", "text")];
    let start = |charset: Option<&str>, key| {
        let program = SearchProgram {
            charset: charset.map(str::to_owned),
            key,
        };
        SearchRun::new(&program, view(&mails), &SearchContext::default()).map(|run| run.done())
    };
    let subject = |text: &[u8]| SearchKey::Header {
        name: b"Subject".to_vec(),
        text: text.to_vec(),
    };
    // RFC 9051 §6.4.4: "If the server does not support the specified [CHARSET], it MUST return a tagged NO response".
    assert_eq!(
        start(Some("x-nobody-knows"), SearchKey::All),
        Err(SearchError::BadCharset)
    );
    assert_eq!(
        start(None, subject(b"caf\xe9")),
        Err(SearchError::BadCharset)
    );
    assert_eq!(
        start(Some("us-ascii"), subject(b"caf\xe9")),
        Err(SearchError::BadCharset)
    );
    assert_eq!(start(Some("ISO-8859-1"), subject(b"caf\xe9")), Ok(false));
    assert_eq!(start(None, SearchKey::Younger(5)), Err(SearchError::NoTime));
    let saved = SearchKey::Uid(SequenceSet::Saved);
    assert_eq!(
        start(None, saved),
        Err(SearchError::BadSet(BadSet::NothingSaved))
    );
    // Clients search an empty mailbox for 1:*; a number that no message has matches nothing.
    let beyond = SearchKey::Sequence(SequenceSet::Ranges(vec![(
        Bound::Number(7),
        Bound::Number(9),
    )]));
    assert_eq!(start(None, beyond), Ok(true));
}
