//! What happened to a key that its people should hear of. `apply` and `credit` say it, `status` tells it.

use crate::status::Wanted;
use kube::runtime::events::EventType;
use purser_config::Name;
use purser_crds::{ConditionType, CreditedReason};

/// One Event, and perhaps a condition that stays.
pub(crate) struct News {
    /// To whom.
    pub(crate) key: Name,
    /// Whether a person must do something.
    pub(crate) type_: EventType,
    /// In one word.
    pub(crate) reason: &'static str,
    /// In a sentence.
    pub(crate) note: String,
    /// What the status says of it from now on.
    pub(crate) condition: Option<Wanted>,
}

impl News {
    /// A value was made for a key that had none.
    pub(crate) fn generated(key: &Name, secret: &Name) -> Self {
        let note = format!("a value was made and lies in secret {}", secret.name());
        Self::plain(key, "KeyGenerated", note)
    }

    /// A value was replaced.
    pub(crate) fn rotated(key: &Name, secret: &Name, until: &str) -> Self {
        let note = format!(
            "a new value was made and lies in secret {}; the one before works until {until}",
            secret.name()
        );
        Self::plain(key, "KeyRotated", note)
    }

    fn plain(key: &Name, reason: &'static str, note: String) -> Self {
        News {
            key: key.clone(),
            type_: EventType::Normal,
            reason,
            note,
            condition: None,
        }
    }

    /// An administrator's entry was made, or not.
    pub(crate) fn credited(key: Name, reason: CreditedReason, note: String) -> Self {
        let (type_, status, event) = match reason {
            CreditedReason::Credited | CreditedReason::Renewed => {
                (EventType::Normal, "True", reason.as_str())
            }
            CreditedReason::NotGuarded | CreditedReason::Refused => {
                (EventType::Warning, "False", "CreditRefused")
            }
            CreditedReason::Waiting => (EventType::Warning, "False", "CreditWaits"),
        };
        let condition = Wanted {
            kind: ConditionType::Credited,
            status,
            reason: reason.as_str(),
            message: note.clone(),
        };
        News {
            key,
            type_,
            reason: event,
            note,
            condition: Some(condition),
        }
    }
}
