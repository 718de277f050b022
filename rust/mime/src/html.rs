//! The words of an HTML text, for previews. No parser: tags go, a few entities are resolved, one pass.

/// Text between the tags; what stands in head, script and style elements is left out.
pub(crate) fn text(html: &str) -> String {
    let mut out = String::with_capacity(html.len() / 4);
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        rest = if rest.starts_with('&') {
            entity(rest, &mut out)
        } else {
            tag(rest, &mut out)
        };
    }
    out.push_str(rest);
    out
}

/// Past the tag at the start, and past the whole element when it holds no words.
fn tag<'a>(rest: &'a str, out: &mut String) -> &'a str {
    if let Some(comment) = rest.strip_prefix("<!--") {
        return comment.find("-->").map_or("", |end| &comment[end + 3..]);
    }
    let name_end = rest[1..]
        .find(|c: char| !c.is_ascii_alphanumeric())
        .map_or(rest.len(), |end| end + 1);
    let name = rest[1..name_end].to_ascii_lowercase();
    let after = rest.find('>').map_or("", |end| &rest[end + 1..]);
    match name.as_str() {
        "script" | "style" | "title" => close(after, &name),
        // Inline elements may end within a word.
        "b" | "i" | "u" | "em" | "strong" | "span" | "font" | "a" => after,
        _ => {
            if !rest.starts_with("</") {
                out.push(' ');
            }
            after
        }
    }
}

/// Past `</name>`, or to the end when it does not come.
fn close<'a>(rest: &'a str, name: &str) -> &'a str {
    let mut from = 0;
    while let Some(at) = rest[from..].find("</") {
        let after = &rest[from + at + 2..];
        if after
            .get(..name.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(name))
        {
            return after.find('>').map_or("", |end| &after[end + 1..]);
        }
        from += at + 2;
    }
    ""
}

/// Past the entity at the start.
fn entity<'a>(rest: &'a str, out: &mut String) -> &'a str {
    let body = &rest[1..];
    let end = body.bytes().take(10).position(|octet| octet == b';');
    let Some(end) = end else {
        out.push('&');
        return body;
    };
    let name = &body[..end];
    let number = name
        .strip_prefix('#')
        .and_then(|digits| match digits.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => digits.parse().ok(),
        });
    let c = match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" | "zwnj" | "shy" => Some(' '),
        _ => number.and_then(char::from_u32),
    };
    match c {
        Some(c) => {
            out.push(c);
            &body[end + 1..]
        }
        None => {
            out.push('&');
            body
        }
    }
}
