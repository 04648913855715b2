//! How a provider's seal travels through a caller that speaks another API: with the name of its origin before it.
//!
//! Called by writers of answers, which show it, and by readers of requests, which get it back. Must never change what was sealed.

use super::{Block, Sealed};
use crate::Dialect;
use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const MARK: &str = "purser:";
/// Of thoughts that nobody but their origin can read ([`Block::Redacted`]).
const HIDDEN: &str = "purser-hidden:";
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const PLAIN: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

impl Sealed {
    /// As a caller of `home`'s API is shown it: its own as it is, another's marked.
    ///
    /// Gemini's signatures are base64, and its SDKs decode them and encode them again, in either alphabet: only what is
    /// encoded once more survives that.
    pub fn shown(&self, home: Dialect) -> String {
        if self.origin == home {
            return self.data.clone();
        }
        self.marked(MARK, home)
    }

    /// The same of redacted thoughts, in an API that does not tell them from others.
    pub fn shown_hidden(&self, home: Dialect) -> String {
        self.marked(HIDDEN, home)
    }

    fn marked(&self, mark: &str, home: Dialect) -> String {
        let marked = format!("{mark}{}:{}", self.origin.as_str(), self.data);
        match home {
            Dialect::Gemini => PLAIN.encode(marked),
            Dialect::OpenAI | Dialect::Anthropic => marked,
        }
    }

    /// Whether what a caller gives back is of another origin than its own API.
    pub(crate) fn is_foreign(home: Dialect, shown: &str) -> bool {
        read(home, shown).0.origin != home || shown.starts_with(HIDDEN)
    }

    /// What such a caller gives back; without a mark it is of `home`'s own.
    pub fn given(home: Dialect, shown: &str) -> Sealed {
        read(home, shown).0
    }

    /// The thoughts that come back with it.
    pub fn thoughts(home: Dialect, text: String, shown: &str) -> Block {
        match read(home, shown) {
            (sealed, true) => Block::Redacted { sealed },
            (sealed, false) => Block::Thinking {
                text,
                sealed: Some(sealed),
            },
        }
    }
}

fn decode(shown: &str) -> Option<String> {
    let bytes = PLAIN.decode(shown).or_else(|_| URL.decode(shown)).ok()?;
    String::from_utf8(bytes).ok()
}

/// And whether it is of redacted thoughts.
fn read(home: Dialect, shown: &str) -> (Sealed, bool) {
    let decoded = (home == Dialect::Gemini).then(|| decode(shown)).flatten();
    let text = decoded.as_deref().unwrap_or(shown);
    let hidden = || Some((marked(HIDDEN, text)?, true));
    let own = || Sealed {
        origin: home,
        data: shown.to_owned(),
    };
    let plain = || marked(MARK, text).map(|sealed| (sealed, false));
    hidden().or_else(plain).unwrap_or_else(|| (own(), false))
}

fn marked(mark: &str, text: &str) -> Option<Sealed> {
    let (origin, data) = text.strip_prefix(mark)?.split_once(':')?;
    let all = [Dialect::OpenAI, Dialect::Anthropic, Dialect::Gemini];
    let origin = all.into_iter().find(|dialect| dialect.as_str() == origin)?;
    let data = data.to_owned();
    Some(Sealed { origin, data })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Dialect; 3] = [Dialect::OpenAI, Dialect::Anthropic, Dialect::Gemini];

    #[test]
    fn every_seal_comes_back_from_every_home_as_it_was() {
        for origin in ALL {
            for data in ["", "EqQBCg+/x==", "purser:gemini:x", "gAAAAAB_-", "ünïcode"] {
                let sealed = Sealed {
                    origin,
                    data: data.into(),
                };
                for home in ALL.into_iter().filter(|home| *home != origin) {
                    assert_eq!(Sealed::given(home, &sealed.shown(home)), sealed);
                }
            }
        }
    }

    #[test]
    fn redacted_thoughts_come_back_as_redacted() {
        let sealed = Sealed {
            origin: Dialect::Anthropic,
            data: "EroBC==".into(),
        };
        for home in [Dialect::OpenAI, Dialect::Gemini] {
            let back = Sealed::thoughts(home, String::new(), &sealed.shown_hidden(home));
            assert!(matches!(back, Block::Redacted { sealed: back } if back == sealed));
            let back = Sealed::thoughts(home, "t".into(), &sealed.shown(home));
            assert!(matches!(back, Block::Thinking { sealed: Some(back), .. } if back == sealed));
        }
    }

    #[test]
    fn a_seal_at_home_is_unmarked() {
        let own = Sealed::given(Dialect::Gemini, "c2lnbg==");
        assert_eq!(own.origin, Dialect::Gemini);
        assert_eq!(own.shown(Dialect::Gemini), "c2lnbg==");
    }

    #[test]
    fn a_seal_survives_googles_sdk_which_encodes_it_anew_in_the_url_alphabet() {
        let sealed = Sealed {
            origin: Dialect::Anthropic,
            data: "Eq+/Q>>>???ü==".into(),
        };
        let bytes = PLAIN.decode(sealed.shown(Dialect::Gemini)).unwrap();
        let again = URL.encode(bytes);
        assert_eq!(Sealed::given(Dialect::Gemini, &again), sealed);
    }
}
