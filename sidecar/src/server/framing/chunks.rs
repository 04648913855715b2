//! A body of chunks, followed to its end. Called by `framing`. Only what RFC 9112 7.1 writes is taken, without the white
//! space that hyper forgives and without trailers, which `intake` refuses too.

/// The most digits of a chunk's size; more cannot be counted.
const MOST_DIGITS: u8 = 15;

/// Where in a chunked body the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chunks {
    Size { digits: u8, size: u64 },
    Extension(u64),
    SizeFeed(u64),
    Data(u64),
    DataReturn,
    DataFeed,
    LastReturn,
    LastFeed,
    Over,
}

impl Default for Chunks {
    fn default() -> Self {
        Chunks::Size { digits: 0, size: 0 }
    }
}

impl Chunks {
    pub(super) fn are_over(&self) -> bool {
        *self == Chunks::Over
    }

    /// Takes bytes up to the body's end; how many, or how many were good and what is wrong with the next.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<usize, (usize, &'static str)> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at).filter(|_| !self.are_over()) {
            if let Chunks::Data(left) = self {
                let rest = bytes.len() - at;
                let taken = rest.min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= taken as u64;
                at += taken;
                if *left == 0 {
                    *self = Chunks::DataReturn;
                }
                continue;
            }
            *self = self.after(*byte).map_err(|why| (at, why))?;
            at += 1;
        }
        Ok(at)
    }

    /// The place after a byte that is not data.
    fn after(self, byte: u8) -> Result<Chunks, &'static str> {
        Ok(match (self, byte) {
            (Chunks::Size { digits, size }, byte) if byte.is_ascii_hexdigit() => {
                if digits == MOST_DIGITS {
                    return Err("a chunk's size is too long");
                }
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                Chunks::Size {
                    digits: digits + 1,
                    size: size * 16 + u64::from(digit),
                }
            }
            (Chunks::Size { digits: 1.., size }, b'\r') => Chunks::SizeFeed(size),
            (Chunks::Size { digits: 1.., size }, b';') => Chunks::Extension(size),
            (Chunks::Size { .. }, _) => return Err("a chunk's size is no number"),
            (Chunks::Extension(size), b'\t' | b' '..=b'~') => Chunks::Extension(size),
            (Chunks::Extension(size), b'\r') => Chunks::SizeFeed(size),
            (Chunks::SizeFeed(0), b'\n') => Chunks::LastReturn,
            (Chunks::SizeFeed(size), b'\n') => Chunks::Data(size),
            (Chunks::DataReturn, b'\r') => Chunks::DataFeed,
            (Chunks::DataFeed, b'\n') => Chunks::default(),
            (Chunks::LastReturn, b'\r') => Chunks::LastFeed,
            (Chunks::LastReturn, _) => return Err("headers follow its body"),
            (Chunks::LastFeed, b'\n') => Chunks::Over,
            _ => return Err("a chunk does not end where its size says"),
        })
    }
}
