//! Whether a key may call at all: by its standing and its dates, and, where the authority refuses it, by what was told of it since the call
//! began. Part of `Gateway`; it must never ask anybody.

use super::Gateway;
use crate::identity;
use crate::reject::Reject;
use crate::snapshot::Caller;
use purser_config::Standing;

impl Gateway {
    /// Whether the key may call at all.
    pub(super) fn admit(&self, caller: &Caller) -> Result<(), Reject> {
        if let Standing::Refused { code, message } = &caller.standing {
            return Err(Reject::Refused(*code, message.clone()));
        }
        let ends = [caller.expires_at_ms, caller.plan_expires_at_ms];
        if ends == [None, None] {
            return Ok(());
        }
        let now = self.clock.wall_ms();
        match ends.map(|ends| ends.filter(|ends| now >= *ends)) {
            [Some(at), _] => Err(Reject::KeyExpired(at)),
            [_, Some(at)] => Err(Reject::plan_expired(at, &caller.plan_name)),
            _ => Ok(()),
        }
    }

    /// Why a key whose call began may call no more: the authority hears of a suspension or a deletion a moment before this sidecar does, and
    /// knows such a key no more than one that has just begun.
    pub(super) fn refused_since(&self, caller: &Caller) -> Option<Reject> {
        match self.snapshot().ok()?.by_name(&caller.name) {
            Some(caller) => self.admit(caller).err(),
            None => Some(identity::unknown_key()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::clock::Clock;
    use crate::ledger::{Answer, Authority, Memory, Unreachable};
    use crate::reject::Reject;
    use crate::run::gateway;
    use crate::spool::Spool;
    use crate::testing::{channel, configuration, key, plan};
    use purser_config::quota::{Ask, Grant, Reserve, Reserved, Return, Settle};
    use purser_config::stream::Version;
    use purser_config::usage::Batch;
    use purser_config::{Configuration, Name, Refusal, Standing};
    use std::future::ready;
    use std::sync::Arc;

    struct Nobody;

    impl Authority for Nobody {
        fn ask(&self, _: Ask) -> Answer<Grant> {
            Box::pin(ready(Err(Unreachable)))
        }

        fn give_back(&self, _: Return) {}

        fn reserve(&self, _: Reserve) -> Answer<Reserved> {
            Box::pin(ready(Err(Unreachable)))
        }

        fn settle(&self, _: Settle) {}

        fn keep(&self, _: Batch) -> Answer<u64> {
            Box::pin(ready(Err(Unreachable)))
        }
    }

    fn name() -> Name {
        Name::new("shop", "checkout")
    }

    fn with_key(standing: Option<Standing>) -> Configuration {
        let mut configuration = configuration();
        let live = channel("http://127.0.0.1:1/v1", &["m"]);
        configuration
            .plans
            .insert("free".into(), plan(&["*"], &[], 5));
        configuration
            .channels
            .insert(Name::new("shop", "live"), live);
        if let Some(standing) = standing {
            let mut key = key("sk-1", "free", &["shop/live"]);
            key.standing = standing;
            configuration.keys.insert(name(), key);
        }
        configuration
    }

    #[tokio::test]
    async fn a_key_that_was_suspended_or_deleted_meanwhile_is_refused_for_that() {
        let parts = (Arc::new(Memory::default()), Spool::memory(1 << 20));
        let gateway = gateway(Arc::new(Nobody), parts, Clock::start()).unwrap();
        let put = |published_ms, configuration| {
            let version = Version {
                published_ms,
                ..Version::default()
            };
            assert_eq!(gateway.store.put(version, configuration), []);
        };
        put(1, with_key(Some(Standing::Good)));
        let caller = Arc::clone(gateway.store.load().by_name(&name()).unwrap());
        assert!(gateway.refused_since(&caller).is_none());
        let (code, message) = (Refusal::ApiKeySuspended, "suspended".to_owned());
        put(2, with_key(Some(Standing::Refused { code, message })));
        let suspended = gateway.refused_since(&caller);
        assert!(matches!(suspended, Some(Reject::Refused(of, _)) if of == code));
        put(3, with_key(None));
        let deleted = gateway.refused_since(&caller);
        assert!(matches!(deleted, Some(Reject::Unauthenticated(_))));
    }
}
