//! Closed sets of words.

/// A closed set of words of the protocol, with their spelling.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $item:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$item_doc])* $item,)* }

        impl $name {
            /// Its spelling, in upper case.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$item => $text,)* }
            }

            /// None when `word`, in upper case, is none of them.
            pub(crate) fn from_word(word: &[u8]) -> Option<Self> {
                match std::str::from_utf8(word) {
                    $(Ok($text) => Some(Self::$item),)*
                    _ => None,
                }
            }
        }
    };
}

pub(super) use words;
