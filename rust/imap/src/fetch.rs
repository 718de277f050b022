//! FETCH items as typed values (RFC 9051 §6.4.5, §9 `fetch-att`).

/// What a section names below its part (RFC 9051 §9 `section-text`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SectionText {
    /// Nothing: the whole message, or the content of the part.
    Full,
    /// `HEADER`
    Header,
    /// `HEADER.FIELDS (…)`, or `HEADER.FIELDS.NOT (…)` when `exclude`; names as written.
    HeaderFields {
        /// HEADER.FIELDS.NOT
        exclude: bool,
        /// Field names as the client wrote them.
        names: Vec<Vec<u8>>,
    },
    /// `TEXT`
    Text,
    /// `MIME`; only below a part number.
    Mime,
}

/// `section`: part numbers, then what of that part.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Section {
    /// Part numbers from the outside in; empty for the message itself.
    pub part: Vec<u32>,
    /// What of it.
    pub text: SectionText,
}

/// `<offset.count>`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Partial {
    /// First octet wanted.
    pub start: u64,
    /// How many at most; never 0.
    pub octets: u64,
}

/// One item of a FETCH.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FetchItem {
    /// `FLAGS`
    Flags,
    /// `UID`
    Uid,
    /// `INTERNALDATE`
    InternalDate,
    /// `RFC822.SIZE`
    Rfc822Size,
    /// `ENVELOPE`
    Envelope,
    /// `BODY` without a section
    Body,
    /// `BODYSTRUCTURE`
    BodyStructure,
    /// `MODSEQ` (RFC 7162 §3.1.4)
    ModSeq,
    /// `SAVEDATE` (RFC 8514)
    SaveDate,
    /// `EMAILID` (RFC 8474 §5.3)
    EmailId,
    /// `THREADID` (RFC 8474 §5.3)
    ThreadId,
    /// `PREVIEW` (RFC 8970)
    Preview {
        /// `(LAZY)`: NIL will do where it would take long.
        lazy: bool,
    },
    /// `BODY[…]<…>` and `BODY.PEEK[…]<…>`
    BodySection {
        /// Which octets.
        section: Section,
        /// Does not set \Seen.
        peek: bool,
        /// A part of them.
        partial: Option<Partial>,
    },
    /// `BINARY[…]<…>` and `BINARY.PEEK[…]<…>` (RFC 3516)
    Binary {
        /// Part numbers; empty for the whole message.
        part: Vec<u32>,
        /// Does not set \Seen.
        peek: bool,
        /// A part of them.
        partial: Option<Partial>,
    },
    /// `BINARY.SIZE[…]`
    BinarySize {
        /// Part numbers.
        part: Vec<u32>,
    },
    /// `RFC822`, equal to BODY[] but for its name in the response; `RFC822.PEEK` is a quirk of Outlook.
    Rfc822 {
        /// Does not set \Seen.
        peek: bool,
    },
    /// `RFC822.HEADER`; never sets \Seen.
    Rfc822Header,
    /// `RFC822.TEXT`; `RFC822.TEXT.PEEK` is a quirk.
    Rfc822Text {
        /// Does not set \Seen.
        peek: bool,
    },
}

/// The items of one FETCH, macros expanded, each once, in the order written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FetchItems(pub Vec<FetchItem>);

impl FetchItem {
    /// Answering it takes the summary of the message: ENVELOPE, structure, header, or where its parts are. The whole
    /// message takes none.
    pub fn needs_summary(&self) -> bool {
        match self {
            Self::BodySection { section, .. } => {
                !(section.part.is_empty() && section.text == SectionText::Full)
            }
            Self::Envelope
            | Self::ThreadId
            | Self::Preview { .. }
            | Self::Body
            | Self::BodyStructure
            | Self::Binary { .. }
            | Self::BinarySize { .. }
            | Self::Rfc822Header
            | Self::Rfc822Text { .. } => true,
            Self::Flags
            | Self::Uid
            | Self::InternalDate
            | Self::Rfc822Size
            | Self::ModSeq
            | Self::SaveDate
            | Self::EmailId
            | Self::Rfc822 { .. } => false,
        }
    }

    /// Answering it takes octets of the body beyond the header of the message.
    pub fn needs_octets(&self) -> bool {
        match self {
            Self::BodySection { section, .. } => {
                !section.part.is_empty()
                    || matches!(section.text, SectionText::Full | SectionText::Text)
            }
            Self::Binary { .. } | Self::Rfc822 { .. } | Self::Rfc822Text { .. } => true,
            _ => false,
        }
    }

    /// It sets \Seen (RFC 9051 §6.4.5; RFC 3501 §6.4.5 for RFC822 and RFC822.TEXT).
    pub fn sets_seen(&self) -> bool {
        match self {
            Self::BodySection { peek, .. }
            | Self::Binary { peek, .. }
            | Self::Rfc822 { peek }
            | Self::Rfc822Text { peek } => !peek,
            _ => false,
        }
    }
}

impl FetchItems {
    /// Some item needs the summary.
    pub fn needs_summary(&self) -> bool {
        self.0.iter().any(FetchItem::needs_summary)
    }

    /// Some item needs octets of the body.
    pub fn needs_octets(&self) -> bool {
        self.0.iter().any(FetchItem::needs_octets)
    }

    /// Some item sets \Seen.
    pub fn sets_seen(&self) -> bool {
        self.0.iter().any(FetchItem::sets_seen)
    }

    /// MODSEQ is among them.
    pub fn wants_modseq(&self) -> bool {
        self.0.contains(&FetchItem::ModSeq)
    }
}
