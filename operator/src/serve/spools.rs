//! What sidecars say of their usage spools, kept short, with the pod that a person finds them by. Pure; `connection` hears it, `census`
//! gathers it, `others` carries it between replicas, `status` tells it.
//!
//! Invariant: what one sidecar says takes bounded memory and one line, whatever it says.

use crate::serve::token::Caller;
use purser_config::stream::SpoolHealth;
use serde::{Deserialize, Serialize};

/// The longest sentence that is kept, in characters: a few paths stand in it.
const LONGEST: usize = 600;

/// A sidecar whose usage spool is not well.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Ailing {
    /// Whose calls it carries: a namespace's, or [`EVERYONE`](crate::serve::scope::EVERYONE)'s.
    pub(crate) audience: String,
    /// Where it runs.
    pub(crate) namespace: String,
    /// Its pod's name and uid; none: its token is bound to none.
    pub(crate) pod: Option<(String, String)>,
    /// Its ServiceAccount.
    pub(crate) service_account: String,
    /// Why it cannot record calls now, and what to do.
    pub(crate) refuses: Option<String>,
    /// Which records of an earlier process were damaged, and what to do.
    pub(crate) damaged: Option<String>,
}

/// What that sidecar said; none: its spool is well.
pub(crate) fn heard(caller: &Caller, told: SpoolHealth) -> Option<Ailing> {
    let SpoolHealth { refuses, damaged } = told;
    if refuses.is_none() && damaged.is_none() {
        return None;
    }
    Some(Ailing {
        audience: caller.audience().to_owned(),
        namespace: caller.namespace.clone(),
        pod: caller.pod_name.clone().zip(caller.pod.clone()),
        service_account: caller.service_account.clone(),
        refuses: refuses.map(plain),
        damaged: damaged.map(plain),
    })
}

fn plain(said: String) -> String {
    let letters = said.chars().filter(|letter| !letter.is_control());
    letters.take(LONGEST).collect()
}

impl Ailing {
    /// What is wrong and what to do, the worse first.
    pub(crate) fn says(&self) -> String {
        let both = [&self.refuses, &self.damaged].into_iter().flatten();
        let both: Vec<&str> = both.map(String::as_str).collect();
        both.join("; ")
    }

    /// Its pod's.
    pub(crate) fn uid(&self) -> Option<&String> {
        self.pod.as_ref().map(|(_, uid)| uid)
    }

    /// As a person finds it.
    pub(crate) fn place(&self) -> String {
        let (namespace, account) = (&self.namespace, &self.service_account);
        match &self.pod {
            Some((pod, _)) => format!("pod {namespace}/{pod}"),
            None => format!("a sidecar of ServiceAccount {namespace}/{account}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller() -> Caller {
        Caller {
            namespace: "shop".into(),
            service_account: "search".into(),
            pod: Some("7f".into()),
            pod_name: Some("web-1".into()),
            gateway: false,
            inquires: false,
        }
    }

    #[test]
    fn a_spool_that_is_well_is_nothing_to_tell() {
        assert_eq!(heard(&caller(), SpoolHealth::default()), None);
    }

    #[test]
    fn what_a_sidecar_says_of_its_spool_is_one_short_line_with_its_pod() {
        let told = SpoolHealth {
            refuses: Some(format!("a\n{}", "ü".repeat(9_000))),
            damaged: Some("b".into()),
        };
        let ailing = heard(&caller(), told).unwrap();
        let says = ailing.says();
        assert!(says.starts_with("aü") && says.ends_with("ü; b") && !says.contains('\n'));
        assert!(says.chars().count() <= LONGEST + 3);
        assert_eq!(ailing.place(), "pod shop/web-1");
        let unbound = Caller {
            pod: None,
            ..caller()
        };
        let damaged = Some("b".into());
        let refuses = None;
        let ailing = heard(&unbound, SpoolHealth { refuses, damaged }).unwrap();
        assert_eq!(ailing.place(), "a sidecar of ServiceAccount shop/search");
    }
}
