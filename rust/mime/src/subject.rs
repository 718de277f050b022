//! Base subject (RFC 5256 §2.1): a subject without `Re:`, `[list]`, `(fwd)` and the like.

/// A subject without what replies, forwards and lists add to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseSubject {
    /// What is left.
    pub text: String,
    /// A `subj-refwd`, a "(fwd)" or a "[fwd: …]" was taken away: a reply, or forwarded (RFC 5256 §3, REFERENCES).
    pub is_reply: bool,
}

/// subject: decoded, in UTF-8.
pub fn base_subject(subject: &str) -> String {
    extract(subject).text
}

/// [`base_subject`], and whether it was a reply. subject: decoded, in UTF-8.
pub fn extract(subject: &str) -> BaseSubject {
    // Step 1: blanks collapsed.
    let mut collapsed = String::with_capacity(subject.len());
    for word in subject
        .split([' ', '\t', '\r', '\n'])
        .filter(|word| !word.is_empty())
    {
        if !collapsed.is_empty() {
            collapsed.push(' ');
        }
        collapsed.push_str(word);
    }
    let mut rest = collapsed.as_str();
    let mut is_reply = false;
    loop {
        rest = strip_leaders(strip_trailers(rest, &mut is_reply), &mut is_reply);
        // Step 6: "[fwd: subject]".
        match strip_forward(rest) {
            Some(inner) => {
                is_reply = true;
                rest = inner;
            }
            None => {
                let text = rest.to_owned();
                return BaseSubject { text, is_reply };
            }
        }
    }
}

/// Step 2: `subj-trailer = "(fwd)" / WSP`.
fn strip_trailers<'a>(mut subject: &'a str, is_reply: &mut bool) -> &'a str {
    loop {
        subject = subject.trim_end_matches(' ');
        match strip_suffix(subject, "(fwd)") {
            Some(shorter) => {
                *is_reply = true;
                subject = shorter;
            }
            None => return subject,
        }
    }
}

/// Steps 3 to 5: `subj-leader = (*subj-blob subj-refwd) / WSP`, then single blobs where something is left after them.
///
/// A run of blobs is looked at once: either a subj-refwd follows it, or all of it goes but for what must stay.
fn strip_leaders<'a>(mut subject: &'a str, is_reply: &mut bool) -> &'a str {
    loop {
        subject = subject.trim_start_matches(' ');
        let mut last = subject;
        let mut after = subject;
        while let Some(rest) = strip_blob(after) {
            last = after;
            after = rest;
        }
        match strip_refwd(after) {
            Some(rest) => {
                *is_reply = true;
                subject = rest;
            }
            None if after.is_empty() => return last,
            None => return after,
        }
    }
}

/// `subj-blob = "[" *BLOBCHAR "]" *WSP`
fn strip_blob(subject: &str) -> Option<&str> {
    let inner = subject.strip_prefix('[')?;
    let end = inner.find(['[', ']'])?;
    let rest = inner[end..].strip_prefix(']')?;
    Some(rest.trim_start_matches(' '))
}

/// `subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"`
fn strip_refwd(subject: &str) -> Option<&str> {
    let rest = strip_prefix(subject, "re")
        .or_else(|| strip_prefix(subject, "fwd"))
        .or_else(|| strip_prefix(subject, "fw"))?;
    let rest = rest.trim_start_matches(' ');
    let rest = strip_blob(rest).unwrap_or(rest);
    rest.strip_prefix(':')
}

/// `subj-fwd = subj-fwd-hdr subject subj-fwd-trl`, "[fwd:" and "]".
fn strip_forward(subject: &str) -> Option<&str> {
    strip_prefix(subject, "[fwd:")?.strip_suffix(']')
}

fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let start = text.get(..prefix.len())?;
    start
        .eq_ignore_ascii_case(prefix)
        .then(|| &text[prefix.len()..])
}

fn strip_suffix<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let at = text.len().checked_sub(suffix.len())?;
    let end = text.get(at..)?;
    end.eq_ignore_ascii_case(suffix).then(|| &text[..at])
}
