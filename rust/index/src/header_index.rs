//! Where the fields of a header block are, so that those wanted are found without reading the block again.

use std::ops::Range;

use lightmail_mime::header;

/// Names that clients ask for, in lower case. A field of such a name is found without a look at the block.
const KNOWN: [&str; 74] = [
    "authentication-results",
    "autocrypt",
    "bcc",
    "bimi-indicator",
    "bimi-location",
    "cc",
    "chat-version",
    "comments",
    "content-class",
    "content-description",
    "content-disposition",
    "content-id",
    "content-language",
    "content-location",
    "content-md5",
    "content-transfer-encoding",
    "content-type",
    "date",
    "delivered-to",
    "disposition-notification-to",
    "dkim-signature",
    "expires",
    "followup-to",
    "from",
    "importance",
    "in-reply-to",
    "keywords",
    "lines",
    "list-archive",
    "list-help",
    "list-id",
    "list-owner",
    "list-post",
    "list-subscribe",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "mail-followup-to",
    "message-id",
    "mime-version",
    "newsgroups",
    "organization",
    "precedence",
    "priority",
    "received",
    "references",
    "reply-to",
    "resent-date",
    "resent-from",
    "resent-message-id",
    "resent-to",
    "return-path",
    "return-receipt-to",
    "sender",
    "status",
    "subject",
    "thread-topic",
    "to",
    "user-agent",
    "x-bimi-indicator-hash",
    "x-forwarded-message-id",
    "x-label",
    "x-loop",
    "x-mailer",
    "x-mailing-list",
    "x-msmail-priority",
    "x-original-to",
    "x-priority",
    "x-spam-flag",
    "x-spam-level",
    "x-spam-status",
    "x-status",
    "x-uniform-type-identifier",
    "x-universally-unique-identifier",
    "xref",
];

const HASHES: [u32; KNOWN.len()] = {
    let mut hashes = [0; KNOWN.len()];
    let mut at = 0;
    while at < KNOWN.len() {
        hashes[at] = hash(KNOWN[at].as_bytes());
        at += 1;
    }
    hashes
};

/// What stands for a name: its place in [`KNOWN`], else [`OTHER`] and a hash.
type Tag = u32;
const OTHER: Tag = 1 << 31;

fn tag(name: &[u8]) -> Tag {
    let wanted = hash(name);
    let known = HASHES.iter().position(|hash| *hash == wanted);
    match known.filter(|&at| KNOWN[at].as_bytes().eq_ignore_ascii_case(name)) {
        Some(at) => at as Tag,
        None => wanted | OTHER,
    }
}

/// FNV-1a over the name in lower case; a line without a colon has the empty name.
const fn hash(name: &[u8]) -> u32 {
    let mut hash = 0x811c_9dc5u32;
    let mut at = 0;
    while at < name.len() {
        hash = (hash ^ name[at].to_ascii_lowercase() as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    hash
}

/// The fields of one header block.
#[derive(Debug, Clone, Default)]
pub(crate) struct HeaderIndex {
    /// Of each field what stands for its name, and where it ends in the block. Fields follow each other without a gap.
    fields: Box<[(Tag, u32)]>,
}

impl HeaderIndex {
    pub fn new(block: &[u8]) -> Self {
        let mut end = 0;
        let fields = header::fields(block).map(|field| {
            end += field.raw.len() as u32;
            (tag(field.name), end)
        });
        Self {
            fields: fields.collect(),
        }
    }

    /// Reads a little of it.
    pub fn first(&self) -> Option<u32> {
        self.fields.first().map(|field| field.1)
    }

    /// Memory held.
    pub fn octets(&self) -> usize {
        size_of_val(&*self.fields)
    }

    /// The values of the fields of this name, folds included. block: the one the index was made of.
    pub fn values<'a>(&'a self, block: &'a [u8], name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let wanted = tag(name);
        let mut start = 0;
        self.fields.iter().filter_map(move |&(tag, end)| {
            let raw = &block[start..end as usize];
            start = end as usize;
            let field = (tag == wanted)
                .then(|| header::fields(raw).next())
                .flatten()?;
            field.name.eq_ignore_ascii_case(name).then_some(field.value)
        })
    }
}

/// HEADER.FIELDS or HEADER.FIELDS.NOT, prepared once for many messages.
#[derive(Debug, Clone)]
pub(crate) struct FieldNames {
    /// Bit n: the name n of [`KNOWN`].
    known: u128,
    /// In lower case, in order, so that many names and many fields do not multiply.
    others: Vec<(Tag, Vec<u8>)>,
    exclude: bool,
}

impl FieldNames {
    /// No field has the empty name, whatever a client asks for.
    pub fn new(names: &[Vec<u8>], exclude: bool) -> Self {
        let mut known = 0;
        let mut others = Vec::new();
        for name in names.iter().filter(|name| !name.is_empty()) {
            match tag(name) {
                other if other & OTHER != 0 => others.push((other, name.to_ascii_lowercase())),
                at => known |= 1 << at,
            }
        }
        others.sort_unstable();
        others.dedup();
        Self {
            known,
            others,
            exclude,
        }
    }

    /// Appends the fields that pass, as stored, and an empty line. index: of this block.
    pub fn apply(&self, block: &[u8], index: &HeaderIndex, out: &mut Vec<u8>) {
        let begin = out.len();
        // Neighbours that pass are copied at once.
        let mut run = 0..0;
        for &(tag, end) in &index.fields {
            let (start, end) = (run.end, end as usize);
            if self.name(tag, block, start..end) != self.exclude {
                run.end = end;
            } else {
                out.extend_from_slice(&block[run]);
                run = end..end;
            }
        }
        out.extend_from_slice(&block[run]);
        if out.len() > begin && !out.ends_with(b"\n") {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Whether the field at `place` is named.
    fn name(&self, tag: Tag, block: &[u8], place: Range<usize>) -> bool {
        if tag & OTHER == 0 {
            return self.known >> tag & 1 == 1;
        }
        let first = self.others.partition_point(|(other, _)| *other < tag);
        if self
            .others
            .get(first)
            .is_none_or(|(other, _)| *other != tag)
        {
            return false;
        }
        // Many names may have one hash.
        let field = header::fields(&block[place]).next();
        field.is_some_and(|field| {
            let wanted = (tag, field.name.to_ascii_lowercase());
            self.others.binary_search(&wanted).is_ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Field by field, name by name.
    fn naive(block: &[u8], names: &[&[u8]], exclude: bool) -> Vec<u8> {
        let mut out: Vec<u8> = header::fields(block)
            .filter(|field| {
                !field.raw.is_empty()
                    && names
                        .iter()
                        .any(|name| field.name.eq_ignore_ascii_case(name))
                        != exclude
            })
            .flat_map(|field| field.raw.to_vec())
            .collect();
        if !out.is_empty() && !out.ends_with(b"\n") {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        out
    }

    proptest! {
        #[test]
        fn the_same_as_without_an_index(
            block in "((Subject|TO|x-|x-one|From |a:b|:)?(:|: )?[ a-z:]{0,6}(\r\n|\n|\r\n |)){0,8}(\r\n)?[a-z]{0,3}",
            names in proptest::collection::vec(
                prop_oneof![Just("subject"), Just("To"), Just("FROM"), Just("X-"), Just("x-One"), Just("a"), Just("")],
                1..4,
            ),
            exclude in any::<bool>(),
        ) {
            let block = block.as_bytes();
            let names: Vec<Vec<u8>> = names.into_iter().map(|name| name.as_bytes().to_vec()).collect();
            let index = HeaderIndex::new(block);
            let mut indexed = Vec::new();
            let named: Vec<&[u8]> = names.iter().map(Vec::as_slice).filter(|name| !name.is_empty()).collect();
            FieldNames::new(&names, exclude).apply(block, &index, &mut indexed);
            prop_assert_eq!(naive(block, &named, exclude), indexed);
            for name in &names {
                let found: Vec<&[u8]> = index.values(block, name).collect();
                let wanted: Vec<&[u8]> = header::fields(block)
                    .filter(|field| field.name.eq_ignore_ascii_case(name))
                    .map(|field| field.value)
                    .collect();
                prop_assert_eq!(found, wanted);
            }
        }
    }

    /// RFC 9051 §6.4.5.1.
    #[test]
    fn fields_by_name() {
        let filter = |block: &[u8], names: &[&str], exclude| {
            let names: Vec<Vec<u8>> = names.iter().map(|name| name.as_bytes().to_vec()).collect();
            let mut out = Vec::new();
            FieldNames::new(&names, exclude).apply(block, &HeaderIndex::new(block), &mut out);
            String::from_utf8(out).unwrap_or_default()
        };
        let block = b"From: a\r\nX-Long: one\r\n two\r\nno colon\r\nSUBJECT : s\r\nfrom: b\r\n\r\n";
        assert_eq!(
            filter(block, &["FROM", "x-long"], false),
            "From: a\r\nX-Long: one\r\n two\r\nfrom: b\r\n\r\n"
        );
        assert_eq!(filter(block, &["subject"], false), "SUBJECT : s\r\n\r\n");
        assert_eq!(
            filter(block, &["From", "Subject"], true),
            "X-Long: one\r\n two\r\nno colon\r\n\r\n"
        );
        assert_eq!(filter(block, &["Date"], false), "\r\n");
        assert_eq!(filter(block, &[], true).as_bytes(), block);
        // A header that ends without a line break.
        assert_eq!(
            filter(b"Subject: x", &["Subject"], false),
            "Subject: x\r\n\r\n"
        );
    }

    #[test]
    fn names_of_one_hash_are_told_apart() {
        assert_eq!(tag(b"costarring"), tag(b"liquid"));
        let block = b"Costarring: a\r\nLIQUID: b\r\n\r\n";
        let mut out = Vec::new();
        let names = FieldNames::new(&[b"Liquid".to_vec()], false);
        names.apply(block, &HeaderIndex::new(block), &mut out);
        assert_eq!(out, b"LIQUID: b\r\n\r\n");
    }

    #[test]
    fn known_names_are_told_apart() {
        for (at, name) in KNOWN.iter().enumerate() {
            assert_eq!(tag(name.to_uppercase().as_bytes()), at as u32);
        }
        assert_eq!(tag(b"X-Unheard-Of") & OTHER, OTHER);
        assert!(KNOWN.len() <= 128);
    }
}
