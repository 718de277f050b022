//! FETCH against a rendering of one message after the other from its raw octets.

#![allow(clippy::expect_used, clippy::panic, missing_docs)]

mod mails;
mod model;

use std::sync::Arc;

use lightmail_imap::date::{format_date_time, DateTime};
use lightmail_imap::encode;
use lightmail_imap::fetch::{FetchItem, FetchItems, Partial, Section, SectionText};
use lightmail_index::fetch::slot::SlotDecoder;
use lightmail_index::fetch::{FetchOptions, FetchRun, Piece, UnknownEncoding};
use lightmail_index::flags::{Keywords, SEEN};
use lightmail_index::snapshot::{MailboxState, Snapshot};
use lightmail_index::summaries::SummaryCache;
use lightmail_index::uid_set::UidSet;
use lightmail_mime::analyze::{analyze, Limits};
use lightmail_mime::parts::Transfer;
use mails::{bare, fields, nested, Mail};
use model::summary;
use proptest::prelude::*;

const MAILS: u32 = 12;

/// Odd UIDs are nested messages, even ones bare; the body ids of 11 and 12 are those of 1 and 2.
fn mail(uid: u32) -> Mail {
    if uid % 2 == 1 {
        nested()
    } else {
        bare()
    }
}

fn body_id(uid: u32) -> u64 {
    u64::from(if uid > 10 { uid - 10 } else { uid }) + 100
}

fn flags(uid: u32) -> u64 {
    if uid.is_multiple_of(3) {
        SEEN | 1 << 5
    } else {
        0
    }
}

fn internaldate(uid: u32) -> (i64, i16) {
    (
        1_700_000_000 + i64::from(uid) * 40_000,
        if uid.is_multiple_of(4) { -330 } else { 60 },
    )
}

fn view() -> Arc<Snapshot> {
    let rows: String = (1..=MAILS)
        .filter(|uid| *uid != 5)
        .map(|uid| {
            let size = mail(uid).raw.len();
            let (date, zone) = internaldate(uid);
            let saved = if uid == 2 { 0 } else { date + 5 };
            format!(
                "{uid} {size} {} {} {} {date} {zone} {saved} 0 0\n",
                flags(uid),
                uid + 50,
                body_id(uid)
            )
        })
        .collect();
    let state = MailboxState {
        keywords: Keywords::new(["$Work"]),
        uid_next: 13,
        highest_modseq: 70,
    };
    Arc::new(Snapshot::load(&[rows.as_bytes()], state).expect("rows"))
}

fn insert(cache: &mut SummaryCache, uid: u32) {
    cache.insert(body_id(uid), summary(&mail(uid).raw));
}

/// The section of a client's item in one message.
fn known<'a, T>(all: &'a [(Vec<u32>, SectionText, T)], section: &Section) -> Option<&'a T> {
    all.iter()
        .find(|(part, text, _)| *part == section.part && *text == section.text)
        .map(|(.., content)| content)
}

fn clip(content: &[u8], partial: Option<Partial>) -> &[u8] {
    let Some(partial) = partial else {
        return content;
    };
    let start = (partial.start as usize).min(content.len());
    let end = start + (partial.octets as usize).min(content.len() - start);
    &content[start..end]
}

fn dots(part: &[u32]) -> String {
    part.iter()
        .map(u32::to_string)
        .collect::<Vec<_>>()
        .join(".")
}

fn label(section: &Section) -> String {
    let text = match &section.text {
        SectionText::Full => String::new(),
        SectionText::Header => "HEADER".to_owned(),
        SectionText::Text => "TEXT".to_owned(),
        SectionText::Mime => "MIME".to_owned(),
        SectionText::HeaderFields { exclude, names } => {
            let names: Vec<_> = names
                .iter()
                .map(|name| String::from_utf8_lossy(name))
                .collect();
            format!(
                "HEADER.FIELDS{} ({})",
                if *exclude { ".NOT" } else { "" },
                names.join(" ")
            )
        }
    };
    [dots(&section.part), text]
        .into_iter()
        .filter(|piece| !piece.is_empty())
        .collect::<Vec<_>>()
        .join(".")
}

fn origin(partial: Option<Partial>) -> String {
    partial.map_or_else(String::new, |partial| format!("<{}>", partial.start))
}

fn literal(name: &str, content: Option<&[u8]>, partial: Option<Partial>, binary: bool) -> Vec<u8> {
    let mut out = format!("{name}{} ", origin(partial)).into_bytes();
    match content.map(|content| clip(content, partial)) {
        None => out.extend(b"NIL"),
        Some(content) => {
            out.extend(
                format!("{}{{{}}}\r\n", if binary { "~" } else { "" }, content.len()).into_bytes(),
            );
            out.extend(content);
        }
    }
    out
}

/// One item of one message; None when it is not known what it is there.
fn naive_item(uid: u32, item: &FetchItem, options: &FetchOptions) -> Option<Vec<u8>> {
    let mail = mail(uid);
    let made = analyze(mail.raw.as_bytes(), Limits::default());
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).expect("ascii");
    let section = |part: &[u32], text: SectionText| Section {
        part: part.to_vec(),
        text,
    };
    let date = |seconds, zone: i16| {
        format_date_time(DateTime {
            seconds,
            zone_minutes: i32::from(zone),
        })
    };
    let content = |wanted: &Section| {
        known(&mail.sections, wanted)
            .map(|content| content.as_ref().map(|content| content.as_bytes().to_vec()))
    };
    let binary = |part: &Vec<u32>| mail.binaries.iter().find(|(known, ..)| known == part);
    Some(match item {
        FetchItem::Flags => {
            let mut names = Vec::new();
            if !options.rev2 && uid >= options.recent_from {
                names.push("\\Recent");
            }
            if flags(uid) != 0 {
                names.extend(["\\Seen", "$Work"]);
            }
            format!("FLAGS ({})", names.join(" ")).into_bytes()
        }
        FetchItem::Uid => format!("UID {uid}").into_bytes(),
        FetchItem::InternalDate => {
            let (seconds, zone) = internaldate(uid);
            format!("INTERNALDATE {}", date(seconds, zone)).into_bytes()
        }
        FetchItem::SaveDate if uid == 2 => b"SAVEDATE NIL".to_vec(),
        FetchItem::SaveDate => {
            format!("SAVEDATE {}", date(internaldate(uid).0 + 5, 0)).into_bytes()
        }
        FetchItem::EmailId => format!("EMAILID (E{})", body_id(uid)).into_bytes(),
        // Which messages belong together is tested beside it.
        FetchItem::ThreadId => return None,
        FetchItem::Preview { .. } => {
            let mut out = b"PREVIEW ".to_vec();
            let utf8 = options.utf8 || options.rev2;
            encode::quoted(made.preview.as_bytes(), utf8, &mut out);
            out
        }
        FetchItem::Rfc822Size => format!("RFC822.SIZE {}", mail.raw.len()).into_bytes(),
        FetchItem::ModSeq => format!("MODSEQ ({})", uid + 50).into_bytes(),
        FetchItem::Envelope => format!("ENVELOPE {}", text(&made.envelope)).into_bytes(),
        FetchItem::BodyStructure => {
            format!("BODYSTRUCTURE {}", text(&made.bodystructure)).into_bytes()
        }
        FetchItem::Body => {
            let body = lightmail_mime::structure::body_from_bodystructure(&made.bodystructure);
            format!("BODY {}", text(&body)).into_bytes()
        }
        FetchItem::BodySection {
            section, partial, ..
        } => literal(
            &format!("BODY[{}]", label(section)),
            content(section)?.as_deref(),
            *partial,
            false,
        ),
        FetchItem::Binary { part, partial, .. } => {
            let (_, content, binary) = binary(part)?;
            let content = content.as_ref().map(String::as_bytes);
            literal(
                &format!("BINARY[{}]", dots(part)),
                content,
                *partial,
                *binary,
            )
        }
        FetchItem::BinarySize { part } => {
            let octets = binary(part)?.1.as_ref().map_or(0, String::len);
            format!("BINARY.SIZE[{}] {octets}", dots(part)).into_bytes()
        }
        FetchItem::Rfc822 { .. } => literal(
            "RFC822",
            content(&section(&[], SectionText::Full))?.as_deref(),
            None,
            false,
        ),
        FetchItem::Rfc822Header => literal(
            "RFC822.HEADER",
            content(&section(&[], SectionText::Header))?.as_deref(),
            None,
            false,
        ),
        FetchItem::Rfc822Text { .. } => literal(
            "RFC822.TEXT",
            content(&section(&[], SectionText::Text))?.as_deref(),
            None,
            false,
        ),
    })
}

/// All responses; None when some item is not known in some message.
fn naive(items: &[FetchItem], uids: &UidSet, options: &FetchOptions) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut messages: Vec<(u32, u32)> = (1..=MAILS).filter(|uid| *uid != 5).zip(1..).collect();
    if options.backwards {
        messages.reverse();
    }
    for (uid, seq) in messages {
        if !uids.contains(uid) {
            continue;
        }
        let mut pieces = Vec::new();
        if options.uid && !items.contains(&FetchItem::Uid) {
            pieces.push(naive_item(uid, &FetchItem::Uid, options)?);
        }
        let seen_now = options
            .flags_for
            .as_ref()
            .is_some_and(|uids| uids.contains(uid));
        if seen_now && !items.contains(&FetchItem::Flags) {
            pieces.push(naive_item(uid, &FetchItem::Flags, options)?);
        }
        if options.modseq && !items.contains(&FetchItem::ModSeq) {
            pieces.push(naive_item(uid, &FetchItem::ModSeq, options)?);
        }
        for item in items {
            pieces.push(naive_item(uid, item, options)?);
        }
        out.extend(format!("* {seq} FETCH (").into_bytes());
        out.extend(pieces.join(&b' '));
        out.extend(b")\r\n");
    }
    Some(out)
}

/// Drives a run as the server does, and fills the slots.
fn run(
    items: &[FetchItem],
    uids: &UidSet,
    options: &FetchOptions,
    window: usize,
    max_octets: usize,
) -> Vec<u8> {
    let items = FetchItems(items.to_vec());
    let mut cache = SummaryCache::new(1 << 20);
    let mut run = FetchRun::new(&items, view(), Arc::new(uids.clone()), options.clone());
    let mut out = Vec::new();
    while !run.done() {
        for id in run.missing(&mut cache, window) {
            insert(&mut cache, (id - 100) as u32);
        }
        assert!(run.missing(&mut cache, window).is_empty());
        for need in run.needs(&mut cache, window) {
            let raw = mail((need.body_id - 100) as u32).raw;
            let octets = &raw.as_bytes()[need.start as usize..][..need.octets as usize];
            run.offer(need, octets.to_vec());
        }
        assert!(run.needs(&mut cache, window).is_empty());
        let pieces = run
            .render(&mut cache, window, max_octets)
            .expect("known encodings");
        assert!(!pieces.is_empty(), "all that was needed is there");
        for piece in pieces {
            match piece {
                Piece::Octets(octets) => out.extend(octets),
                Piece::Slot(slot) => {
                    let raw = mail((slot.body_id - 100) as u32).raw;
                    let raw = &raw.as_bytes()[slot.start as usize..][..slot.raw_octets as usize];
                    let mut decoder = SlotDecoder::new(&slot);
                    let before = out.len();
                    for chunk in raw.chunks(7) {
                        decoder.feed(chunk, &mut out);
                    }
                    decoder.finish(&mut out);
                    assert_eq!((out.len() - before) as u64, slot.octets);
                    if slot.decode == Transfer::Identity {
                        assert_eq!(
                            slot.raw_octets, slot.octets,
                            "only the octets needed are read"
                        );
                    }
                }
            }
        }
    }
    out
}

fn items() -> impl Strategy<Value = Vec<FetchItem>> {
    let partial = || {
        proptest::option::weighted(0.4, (0u64..400, 1u64..400))
            .prop_map(|partial| partial.map(|(start, octets)| Partial { start, octets }))
    };
    let sections: Vec<Section> = nested()
        .sections
        .into_iter()
        .chain(bare().sections)
        .map(|(part, text, _)| Section { part, text })
        .collect();
    let parts: Vec<Vec<u32>> = nested()
        .binaries
        .into_iter()
        .map(|(part, ..)| part)
        .collect();
    let item = prop_oneof![
        proptest::sample::select(vec![
            FetchItem::Flags,
            FetchItem::Uid,
            FetchItem::InternalDate,
            FetchItem::Rfc822Size,
            FetchItem::Envelope,
            FetchItem::Body,
            FetchItem::BodyStructure,
            FetchItem::ModSeq,
            FetchItem::SaveDate,
            FetchItem::EmailId,
            FetchItem::Preview { lazy: false },
            FetchItem::Rfc822 { peek: false },
            FetchItem::Rfc822Header,
            FetchItem::Rfc822Text { peek: true },
        ]),
        (proptest::sample::select(sections), partial()).prop_map(|(section, partial)| {
            FetchItem::BodySection {
                section,
                peek: true,
                partial,
            }
        }),
        (proptest::sample::select(parts.clone()), partial()).prop_map(|(part, partial)| {
            FetchItem::Binary {
                part,
                peek: true,
                partial,
            }
        }),
        proptest::sample::select(parts).prop_map(|part| FetchItem::BinarySize { part }),
    ];
    proptest::collection::vec(item, 1..5)
}

/// Only messages of which it is known what they answer.
fn answerable(items: &[FetchItem], uids: &UidSet, options: &FetchOptions) -> UidSet {
    let knows = |uid: &u32| {
        items
            .iter()
            .all(|item| naive_item(*uid, item, options).is_some())
    };
    uids.iter().filter(knows).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn windows_make_no_difference(
        items in items(),
        uids in proptest::collection::btree_set(1u32..=MAILS + 1, 0..10),
        (uid, modseq, rev2, backwards) in any::<(bool, bool, bool, bool)>(),
        recent_from in 1u32..14,
        seen in proptest::option::of(proptest::collection::btree_set(1u32..=MAILS, 0..10)),
        (window, max_octets) in (1usize..6, 0usize..3000),
    ) {
        let options = FetchOptions {
            uid_only: false,
            backwards,
            uid,
            modseq,
            recent_from,
            rev2,
            flags_for: seen.map(|uids| Arc::new(uids.into_iter().collect())),
            utf8: false,
        };
        let uids = answerable(&items, &uids.into_iter().collect(), &options);
        let wanted = naive(&items, &uids, &options).expect("answerable");
        let found = run(&items, &uids, &options, window, max_octets);
        prop_assert_eq!(String::from_utf8_lossy(&found), String::from_utf8_lossy(&wanted));
    }
}

fn one(item: FetchItem, raw: &str) -> Result<String, UnknownEncoding> {
    let rows = format!("1 {} 0 1 1 0 0 0 0 0\n", raw.len());
    let state = MailboxState {
        keywords: Keywords::default(),
        uid_next: 2,
        highest_modseq: 1,
    };
    let view = Arc::new(Snapshot::load(&[rows.as_bytes()], state).expect("row"));
    let mut cache = SummaryCache::new(1 << 20);
    cache.insert(1, summary(raw));
    let options = FetchOptions {
        rev2: true,
        ..FetchOptions::default()
    };
    let uids = Arc::new(view.uids());
    let mut run = FetchRun::new(&FetchItems(vec![item]), view, uids, options);
    let pieces = run.render(&mut cache, 1, 1000)?;
    Ok(pieces
        .into_iter()
        .map(|piece| match piece {
            Piece::Octets(octets) => String::from_utf8(octets).expect("ascii"),
            Piece::Slot(slot) => format!("[{}+{}]", slot.start, slot.raw_octets),
        })
        .collect())
}

fn whole(partial: Option<Partial>) -> FetchItem {
    FetchItem::BodySection {
        section: Section {
            part: vec![],
            text: SectionText::Full,
        },
        peek: true,
        partial,
    }
}

/// RFC 9051 §6.4.5: "BODY[]<0.2048> of a 1500-octet message will return BODY[]<0> with a literal of size 1500"; "If the
/// starting octet is beyond the end of the text, an empty string is returned."
#[test]
fn partials_past_the_end() {
    let raw = format!("A: b\r\n\r\n{}", "x".repeat(1492));
    let partial = |start, octets| Some(Partial { start, octets });
    assert_eq!(
        one(whole(partial(0, 2048)), &raw).as_deref(),
        Ok("* 1 FETCH (BODY[]<0> {1500}\r\n[0+1500])\r\n")
    );
    assert_eq!(
        one(whole(partial(1500, 10)), &raw).as_deref(),
        Ok("* 1 FETCH (BODY[]<1500> {0}\r\n)\r\n")
    );
    assert_eq!(
        one(whole(partial(u64::MAX, u64::MAX)), &raw).as_deref(),
        Ok("* 1 FETCH (BODY[]<18446744073709551615> {0}\r\n)\r\n")
    );
    assert_eq!(
        one(whole(None), &raw).as_deref(),
        Ok("* 1 FETCH (BODY[] {1500}\r\n[0+1500])\r\n")
    );
}

/// RFC 3516 §4.3
#[test]
fn an_unknown_encoding_is_told_after_what_came_before() {
    let raw = "Content-Type: text/plain\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nabc";
    assert_eq!(
        one(FetchItem::BinarySize { part: vec![1] }, raw),
        Err(UnknownEncoding)
    );
    let binary = FetchItem::Binary {
        part: vec![1],
        peek: true,
        partial: None,
    };
    assert_eq!(one(binary.clone(), raw), Err(UnknownEncoding));
    let body = FetchItem::BodySection {
        section: Section {
            part: vec![1],
            text: SectionText::Full,
        },
        peek: true,
        partial: None,
    };
    assert_eq!(
        one(body, raw).as_deref(),
        Ok("* 1 FETCH (BODY[1] {3}\r\n[67+3])\r\n")
    );

    let state = MailboxState {
        keywords: Keywords::default(),
        uid_next: 3,
        highest_modseq: 1,
    };
    let rows = b"1 9 0 1 1 0 0 0 0 0\n2 9 0 1 2 0 0 0 0 0\n";
    let view = Arc::new(Snapshot::load(&[rows], state).expect("rows"));
    let mut cache = SummaryCache::new(1 << 20);
    for (id, raw) in [(1, "A: b\r\n\r\nx"), (2, raw)] {
        cache.insert(id, summary(raw));
    }
    let uids = Arc::new(view.uids());
    let mut run = FetchRun::new(
        &FetchItems(vec![binary]),
        view,
        uids,
        FetchOptions::default(),
    );
    assert_eq!(
        run.render(&mut cache, 10, 1000).map(|pieces| pieces.len()),
        Ok(3)
    );
    assert_eq!(run.render(&mut cache, 10, 1000), Err(UnknownEncoding));
    assert!(!run.done());
}

/// The echo of a field name that is no atom.
#[test]
fn names_are_echoed_as_written() {
    let item = FetchItem::BodySection {
        section: Section {
            part: vec![],
            text: fields(false, &["dAtE", "a b", ""]),
        },
        peek: true,
        partial: None,
    };
    assert_eq!(
        one(item, "Date: x\r\n\r\n").as_deref(),
        Ok("* 1 FETCH (BODY[HEADER.FIELDS (dAtE \"a b\" \"\")] {11}\r\nDate: x\r\n\r\n)\r\n")
    );
}
