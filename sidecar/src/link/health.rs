//! What this process tells the operator of its channels: findings of their lanes as plain troubles. Pure; `session` asks
//! it once a second and sends what changed. It must never tell a credential, only the Secret that it came from.

use crate::circuit::Why;
use crate::lane::{Findings, Lane};
use crate::store::Store;
use purser_config::stream::{Ailment, ChannelHealth, Trouble};
use purser_config::{Channel, Model, Name};
use std::time::Duration;

/// How a channel is found. Says since when and not for how long, so that it stays equal while nothing changes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    channel: Name,
    works: bool,
    troubles: Vec<(Ailment, Option<String>, Duration)>,
}

/// All channels that were called, by name.
pub(super) fn survey(store: &Store, now: Duration) -> Vec<Found> {
    let mut lanes = store.lanes().all();
    lanes.sort_by(|a, b| a.name.cmp(&b.name));
    store.with_channels(|channels| {
        let look = |lane: &std::sync::Arc<Lane>| {
            let channel = channels.get(&lane.name)?;
            found(&lane.name, channel, &lane.findings(now))
        };
        lanes.iter().filter_map(look).collect()
    })
}

fn found(name: &Name, channel: &Channel, findings: &Findings) -> Option<Found> {
    if !findings.used {
        return None;
    }
    let mut troubles = Vec::new();
    if let Some((ailment, since)) = findings.out.and_then(ailing) {
        troubles.push((ailment, None, since));
    }
    let channel_works = troubles.is_empty();
    let mut refused = 0;
    for (credential, out) in channel.credentials.iter().zip(&findings.credentials) {
        if let Some((ailment, since)) = out.and_then(ailing) {
            troubles.push((ailment, Some(credential.from.clone()), since));
            refused += 1;
        }
    }
    let mut unknown = 0;
    for (model, since) in &findings.models_off {
        if let Some(known) = channel.models.iter().find(|one| asked_as(one) == model) {
            troubles.push((Ailment::ModelUnknown, Some(known.name.clone()), *since));
            unknown += channel
                .models
                .iter()
                .filter(|one| asked_as(one) == model)
                .count();
        }
    }
    let some_credential = channel.credentials.is_empty() || refused < channel.credentials.len();
    let some_model = channel.models.is_empty() || unknown < channel.models.len();
    Some(Found {
        channel: name.clone(),
        works: channel_works && some_credential && some_model,
        troubles,
    })
}

/// A pause that the provider asked for is no trouble.
fn ailing((why, since): (Why, Duration)) -> Option<(Ailment, Duration)> {
    let ailment = match why {
        Why::Busy => return None,
        Why::Failing => Ailment::CircuitOpen,
        Why::Disabled => Ailment::AuthFailed,
        Why::Unpaid => Ailment::OutOfMoney,
    };
    Some((ailment, since))
}

fn asked_as(model: &Model) -> &str {
    model.upstream_name.as_deref().unwrap_or(&model.name)
}

impl Found {
    /// As it is sent at `now`.
    pub(super) fn told(&self, now: Duration) -> ChannelHealth {
        let told = |(ailment, about, since): &(Ailment, Option<String>, Duration)| Trouble {
            ailment: *ailment,
            about: about.clone(),
            for_ms: now.saturating_sub(*since).as_millis() as u64,
        };
        ChannelHealth {
            channel: self.channel.clone(),
            works: self.works,
            troubles: self.troubles.iter().map(told).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use purser_config::{Credential, SecretText};

    const S: Duration = Duration::from_secs(1);

    fn judged(findings: Findings) -> Option<ChannelHealth> {
        let mut channel = testing::channel("http://127.0.0.1:1/v1", &["m", "n"]);
        channel.models[1].upstream_name = Some("n-2".into());
        channel.credentials = ["a/apiKey", "b/apiKey"]
            .map(|from| Credential {
                from: from.into(),
                value: SecretText::new("sk"),
            })
            .into();
        let found = found(&Name::new("shop", "one"), &channel, &findings)?;
        Some(found.told(S * 10))
    }

    fn used() -> Findings {
        Findings {
            used: true,
            credentials: vec![None, None],
            ..Findings::default()
        }
    }

    fn about(health: &ChannelHealth) -> Vec<(Ailment, Option<&str>, u64)> {
        let one = |trouble: &Trouble| (trouble.ailment, trouble.for_ms);
        let about = health.troubles.iter().map(|one| one.about.as_deref());
        let ones = health.troubles.iter().map(one);
        ones.zip(about).map(|((a, ms), of)| (a, of, ms)).collect()
    }

    #[test]
    fn a_channel_that_was_never_called_is_not_told_and_one_that_answers_has_no_trouble() {
        assert_eq!(judged(Findings::default()), None);
        let health = judged(used()).unwrap();
        assert!(health.works && health.troubles.is_empty());
    }

    #[test]
    fn one_refused_credential_is_told_and_only_the_last_one_stops_the_channel() {
        let refused = Some((Why::Disabled, S * 4));
        let one = judged(Findings {
            credentials: vec![None, refused],
            ..used()
        })
        .unwrap();
        assert!(one.works);
        assert_eq!(
            about(&one),
            [(Ailment::AuthFailed, Some("b/apiKey"), 6_000)]
        );
        let both = judged(Findings {
            credentials: vec![Some((Why::Unpaid, S)), refused],
            ..used()
        })
        .unwrap();
        assert!(!both.works);
        assert_eq!(both.troubles[0].ailment, Ailment::OutOfMoney);
    }

    #[test]
    fn a_model_is_told_by_the_name_that_people_wrote_and_only_the_last_one_stops_the_channel() {
        let off = |models: &[&str]| Findings {
            models_off: models.iter().map(|&one| (one.to_owned(), S)).collect(),
            ..used()
        };
        let one = judged(off(&["n-2", "forgotten"])).unwrap();
        assert!(one.works);
        assert_eq!(about(&one), [(Ailment::ModelUnknown, Some("n"), 9_000)]);
        assert!(!judged(off(&["m", "n-2"])).unwrap().works);
    }

    #[test]
    fn an_open_circuit_is_trouble_and_a_pause_that_was_asked_for_is_not() {
        let out = |why| Findings {
            out: Some((why, S)),
            ..used()
        };
        let open = judged(out(Why::Failing)).unwrap();
        assert_eq!(
            (open.works, about(&open)),
            (false, vec![(Ailment::CircuitOpen, None, 9_000)])
        );
        assert!(judged(out(Why::Busy)).unwrap().works);
    }
}
