//! Classes of octets (RFC 9051 §9).

const ATOM: u8 = 1;
const ASTRING: u8 = 2;
const LIST: u8 = 4;
const TAG: u8 = 8;

/// ```text
/// atom-specials   = "(" / ")" / "{" / SP / CTL / list-wildcards / quoted-specials / resp-specials
/// list-wildcards  = "%" / "*"        quoted-specials = DQUOTE / "\"        resp-specials = "]"
/// ATOM-CHAR       = <any CHAR except atom-specials>
/// ASTRING-CHAR    = ATOM-CHAR / resp-specials
/// list-char       = ATOM-CHAR / list-wildcards / resp-specials
/// tag             = 1*<any ASTRING-CHAR except "+">
/// ```
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut octet = 0x21;
    while octet < 0x7f {
        classes[octet] = match octet as u8 {
            b'(' | b')' | b'{' | b'"' | b'\\' => 0,
            b'%' | b'*' => LIST,
            b']' => ASTRING | LIST | TAG,
            b'+' => ATOM | ASTRING | LIST,
            _ => ATOM | ASTRING | LIST | TAG,
        };
        octet += 1;
    }
    classes
};

const fn has(octet: u8, class: u8) -> bool {
    CLASSES[octet as usize] & class != 0
}

/// ATOM-CHAR
pub const fn is_atom_char(octet: u8) -> bool {
    has(octet, ATOM)
}

/// ASTRING-CHAR
pub const fn is_astring_char(octet: u8) -> bool {
    has(octet, ASTRING)
}

/// list-char
pub const fn is_list_char(octet: u8) -> bool {
    has(octet, LIST)
}

/// A character of a tag.
pub const fn is_tag_char(octet: u8) -> bool {
    has(octet, TAG)
}
