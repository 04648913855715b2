//! The CA and its turns: the one that signs, the one that will, and the one that did, as they lie in their Secret. Part of `certificate`;
//! pure but for the keys that it draws, and must never read a clock.

use super::Failure;
use k8s_openapi::ByteString;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// In seconds.
pub(super) const DAY: u64 = 86_400;
/// How long a CA is good.
pub(super) const CA_LIFE: u64 = 365 * DAY;
const CA_RENEWED: u64 = CA_LIFE - 30 * DAY;
/// After this the next one could not be told a day before it signs: looks are hours apart.
const CA_TOO_LATE: u64 = CA_LIFE - DAY - DAY / 2;

/// A certificate and its key, as PEM, and when they were made (unix seconds).
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) certificate: String,
    pub(super) key: String,
    pub(super) made: u64,
}

/// The CA that signs, the one that will, and the one that did.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Authorities {
    pub(super) current: Pair,
    next: Option<Pair>,
    previous: Option<(String, u64)>,
}

impl Authorities {
    /// A first one, which signs at once.
    pub(super) fn new(now: u64) -> Result<Self, Failure> {
        Ok(Authorities {
            current: new_authority(now)?,
            next: None,
            previous: None,
        })
    }

    /// The next state, if it is time for one.
    pub(super) fn turned(
        &self,
        now: u64,
        make: impl FnOnce() -> Result<Pair, Failure>,
    ) -> Result<Option<Authorities>, Failure> {
        let Authorities {
            current,
            next,
            previous,
        } = self.clone();
        let is_late = |pair: &Pair| now >= pair.made + CA_TOO_LATE;
        match (next, previous) {
            (next, _) if is_late(&current) && next.as_ref().is_none_or(is_late) => {
                Ok(Some(Authorities {
                    current: make()?,
                    next: None,
                    previous: Some((current.certificate, now)),
                }))
            }
            (Some(next), _) if now >= (next.made + DAY).min(current.made + CA_LIFE) => {
                Ok(Some(Authorities {
                    current: next,
                    next: None,
                    previous: Some((current.certificate, now)),
                }))
            }
            (None, Some((_, since))) if now >= since + DAY => Ok(Some(Authorities {
                current,
                next: None,
                previous: None,
            })),
            (None, previous) if now >= current.made + CA_RENEWED => Ok(Some(Authorities {
                current,
                next: Some(make()?),
                previous,
            })),
            _ => Ok(None),
        }
    }

    /// Its certificates as PEM: whoever reads them knows whatever is presented within a day.
    pub(super) fn bundle(&self) -> String {
        let next = self.next.as_ref().map(|next| next.certificate.as_str());
        let previous = self
            .previous
            .as_ref()
            .map(|(certificate, _)| certificate.as_str());
        [Some(self.current.certificate.as_str()), next, previous]
            .into_iter()
            .flatten()
            .collect()
    }

    /// As they lie in their Secret.
    pub(super) fn data(&self) -> BTreeMap<String, ByteString> {
        let mut data = BTreeMap::new();
        let mut put = |name: &str, value: &str| {
            data.insert(name.to_owned(), ByteString(value.as_bytes().to_vec()))
        };
        let pairs = [("ca", Some(&self.current)), ("next", self.next.as_ref())];
        for (name, pair) in pairs
            .into_iter()
            .filter_map(|(name, pair)| Some((name, pair?)))
        {
            put(&format!("{name}.crt"), &pair.certificate);
            put(&format!("{name}.key"), &pair.key);
            put(&format!("{name}.made"), &pair.made.to_string());
        }
        if let Some((certificate, since)) = &self.previous {
            put("previous.crt", certificate);
            put("previous.since", &since.to_string());
        }
        data
    }

    /// The reverse.
    pub(super) fn read(data: &BTreeMap<String, ByteString>) -> Result<Self, Failure> {
        let text = |name: &str| {
            data.get(name)
                .and_then(|value| String::from_utf8(value.0.clone()).ok())
        };
        let number = |name: &str| text(name).and_then(|text| text.trim().parse().ok());
        let next = match (text("next.crt"), text("next.key"), number("next.made")) {
            (Some(certificate), Some(key), Some(made)) => Some(Pair {
                certificate,
                key,
                made,
            }),
            _ => None,
        };
        let current = Pair {
            certificate: text("ca.crt").ok_or(Failure::Broken("ca.crt"))?,
            key: text("ca.key").ok_or(Failure::Broken("ca.key"))?,
            made: number("ca.made").ok_or(Failure::Broken("ca.made"))?,
        };
        Ok(Authorities {
            current,
            next,
            previous: text("previous.crt").zip(number("previous.since")),
        })
    }
}

/// As certificates tell it.
pub(super) fn moment(unix: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(unix)
}

/// The parts of a CA that leaves are signed with; equal for every CA of ours, so that a stored one need not be parsed.
pub(super) fn ca_params(made: u64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "purser operator CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = moment(made.saturating_sub(3_600)).into();
    params.not_after = moment(made + CA_LIFE).into();
    params
}

/// A new one of that age.
pub(super) fn new_authority(now: u64) -> Result<Pair, Failure> {
    let key = KeyPair::generate()?;
    let certificate = ca_params(now).self_signed(&key)?;
    Ok(Pair {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
        made: now,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{leaf, unix_now};
    use super::*;

    fn pair(name: &str, made: u64) -> Pair {
        Pair {
            certificate: format!("{name}\n"),
            key: String::new(),
            made,
        }
    }

    #[test]
    fn a_new_authority_is_told_a_day_before_it_signs_and_the_old_one_a_day_after() {
        let first = Authorities {
            current: pair("a", 0),
            next: None,
            previous: None,
        };
        let make = || Ok(pair("b", CA_RENEWED));
        assert!(first.turned(CA_RENEWED - 1, make).unwrap().is_none());
        let told = first.turned(CA_RENEWED, make).unwrap().unwrap();
        assert_eq!(
            (told.current.certificate.as_str(), told.bundle().as_str()),
            ("a\n", "a\nb\n")
        );
        assert!(told.turned(CA_RENEWED + DAY - 1, make).unwrap().is_none());
        let signs = told.turned(CA_RENEWED + DAY, make).unwrap().unwrap();
        assert_eq!(
            (signs.current.certificate.as_str(), signs.bundle().as_str()),
            ("b\n", "b\na\n")
        );
        let alone = signs.turned(CA_RENEWED + 2 * DAY, make).unwrap().unwrap();
        assert_eq!(alone.bundle(), "b\n");
    }

    #[test]
    fn an_authority_that_is_over_or_nearly_is_replaced_at_once() {
        let of = |next| Authorities {
            current: pair("a", 0),
            next,
            previous: None,
        };
        for now in [CA_TOO_LATE, CA_LIFE, 3 * CA_LIFE] {
            let turned = of(None)
                .turned(now, || Ok(pair("b", now)))
                .unwrap()
                .unwrap();
            let signs = (turned.current.certificate.as_str(), turned.current.made);
            assert_eq!((signs, turned.bundle().as_str()), (("b\n", now), "b\na\n"));
            let again = turned.turned(now, || Ok(pair("c", now))).unwrap();
            assert!(again.is_none(), "once");
        }
        let told = of(Some(pair("b", CA_LIFE - DAY / 2)));
        let never = || Ok(pair("c", 0));
        assert!(told.turned(CA_LIFE - 1, never).unwrap().is_none());
        let turned = told.turned(CA_LIFE, never).unwrap().unwrap();
        assert_eq!(turned.bundle(), "b\na\n", "the next one is there already");
        let now = 2 * CA_LIFE;
        let turned = told.turned(now, || Ok(pair("c", now))).unwrap().unwrap();
        assert_eq!(turned.bundle(), "c\na\n", "the next one is over, too");
    }

    #[test]
    fn what_is_kept_reads_back_and_a_leaf_can_be_signed_from_it() {
        let kept = Authorities {
            current: new_authority(1_000_000).unwrap(),
            next: None,
            previous: Some(("old".into(), 7)),
        };
        let read = Authorities::read(&kept.data()).unwrap();
        assert!(kept == read);
        let names = ["localhost".into(), "127.0.0.1".into()];
        let leaf = leaf::own(
            &read.current,
            &names,
            (unix_now(), Duration::from_secs(DAY)),
        )
        .unwrap();
        assert_eq!(leaf.cert.len(), 1);
    }
}
