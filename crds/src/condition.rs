//! Condition types and their reasons, as enums so that none can be misspelt. The operator's `status` writes them;
//! `purser-compile` decides `AcceptedReason`. Never holds a message.

/// The `type` of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConditionType {
    /// The object makes sense together with the others.
    Accepted,
    /// Sidecars run this generation.
    Programmed,
    /// The provider answers (ProviderChannel).
    Healthy,
    /// Fields are set whose behaviour this version does not have.
    NotYetEnforced,
    /// The key was moved to another plan (ApiKey).
    PlanChanged,
    /// An administrator's entry was made, or refused (ApiKey).
    Credited,
    /// What the plan limits can be decided and kept (Plan, ApiKey); only there once it could not.
    Enforceable,
    /// Sidecars can record the key's calls (ApiKey); only there while one cannot.
    Recorded,
}

impl ConditionType {
    /// As it is written in `status.conditions[].type`.
    pub fn as_str(self) -> &'static str {
        match self {
            ConditionType::Accepted => "Accepted",
            ConditionType::Programmed => "Programmed",
            ConditionType::Healthy => "Healthy",
            ConditionType::NotYetEnforced => "NotYetEnforced",
            ConditionType::PlanChanged => "PlanChanged",
            ConditionType::Credited => "Credited",
            ConditionType::Enforceable => "Enforceable",
            ConditionType::Recorded => "Recorded",
        }
    }
}

/// The reason of condition `Accepted`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AcceptedReason {
    /// True: nothing is wrong.
    Accepted,
    /// False: a field holds what cannot be obeyed.
    Invalid,
    /// False: the key's plan does not exist.
    PlanNotFound,
    /// False: the key's plan exists and is not accepted itself.
    PlanInvalid,
    /// False: the plan does not admit the key's namespace.
    PlanNotAllowed,
    /// False: the namespace has its full number of keys on this plan.
    TooManyKeys,
    /// False: another, older key has the same value.
    DigestConflict,
    /// False: a Secret that is named does not exist.
    SecretNotFound,
    /// False: a Secret that is named does not hold what it must.
    SecretInvalid,
    /// False: a Secret that is named may not be used as a credential, or not for this host; or it is one, and named as a key's value.
    CredentialNotAllowed,
    /// False: two models of a channel answer to one name.
    DuplicateModel,
}

impl AcceptedReason {
    /// As it is written in `status.conditions[].reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            AcceptedReason::Accepted => "Accepted",
            AcceptedReason::Invalid => "Invalid",
            AcceptedReason::PlanNotFound => "PlanNotFound",
            AcceptedReason::PlanInvalid => "PlanInvalid",
            AcceptedReason::PlanNotAllowed => "PlanNotAllowed",
            AcceptedReason::TooManyKeys => "TooManyKeys",
            AcceptedReason::DigestConflict => "DigestConflict",
            AcceptedReason::SecretNotFound => "SecretNotFound",
            AcceptedReason::SecretInvalid => "SecretInvalid",
            AcceptedReason::CredentialNotAllowed => "CredentialNotAllowed",
            AcceptedReason::DuplicateModel => "DuplicateModel",
        }
    }
}

/// The reason of condition `Programmed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProgrammedReason {
    /// True: every sidecar that should runs this generation.
    Programmed,
    /// False: some do not yet.
    Pending,
    /// False: a sidecar refused it; the message says why.
    Refused,
    /// False: no sidecar is connected.
    NoSidecars,
}

impl ProgrammedReason {
    /// As it is written in `status.conditions[].reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            ProgrammedReason::Programmed => "Programmed",
            ProgrammedReason::Pending => "Pending",
            ProgrammedReason::Refused => "Refused",
            ProgrammedReason::NoSidecars => "NoSidecars",
        }
    }
}

/// The reason of condition `Healthy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HealthyReason {
    /// True: calls succeed.
    Healthy,
    /// Unknown: no connected sidecar has called it.
    NotCalled,
    /// False: calls failed, and for now none is sent.
    CircuitOpen,
    /// False: the provider refuses its credential.
    AuthFailed,
    /// False: its account has no credit left.
    OutOfMoney,
    /// False: the provider knows none of its models.
    ModelUnknown,
}

impl HealthyReason {
    /// As it is written in `status.conditions[].reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            HealthyReason::Healthy => "Healthy",
            HealthyReason::NotCalled => "NotCalled",
            HealthyReason::CircuitOpen => "CircuitOpen",
            HealthyReason::AuthFailed => "AuthFailed",
            HealthyReason::OutOfMoney => "OutOfMoney",
            HealthyReason::ModelUnknown => "ModelUnknown",
        }
    }
}

/// The reason of condition `NotYetEnforced`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NotYetEnforcedReason {
    /// True: the message lists the fields.
    FieldsSet,
    /// False: everything that is set is enforced.
    Enforced,
}

impl NotYetEnforcedReason {
    /// As it is written in `status.conditions[].reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            NotYetEnforcedReason::FieldsSet => "FieldsSet",
            NotYetEnforcedReason::Enforced => "Enforced",
        }
    }
}

/// The reason of condition `PlanChanged`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PlanChangedReason {
    /// True: its plan was another one; the message says which, and what became of its credits.
    PlanChanged,
}

impl PlanChangedReason {
    /// As it is written in `status.conditions[].reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            PlanChangedReason::PlanChanged => "PlanChanged",
        }
    }
}

/// The reason of condition `Credited`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CreditedReason {
    /// True: credits were added or taken.
    Credited,
    /// True: its time on the plan began anew.
    Renewed,
    /// False: nothing guards the annotations, so anybody may have written them.
    NotGuarded,
    /// False: the entry says what cannot be done.
    Refused,
    /// False: the ledger cannot be written now; the entry stays and is tried again.
    Waiting,
}

impl CreditedReason {
    /// As it is written in `status.conditions[].reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            CreditedReason::Credited => "Credited",
            CreditedReason::Renewed => "Renewed",
            CreditedReason::NotGuarded => "NotGuarded",
            CreditedReason::Refused => "Refused",
            CreditedReason::Waiting => "Waiting",
        }
    }
}

/// The reason of condition `Enforceable`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EnforceableReason {
    /// True: it can, again.
    Enforceable,
    /// False: windows of requests and tokens, and concurrent requests, cannot be counted.
    WindowsUnavailable,
    /// False: credits, first uses and usage records cannot be kept.
    LedgerUnavailable,
}

impl EnforceableReason {
    /// As it is written in `status.conditions[].reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            EnforceableReason::Enforceable => "Enforceable",
            EnforceableReason::WindowsUnavailable => "WindowsUnavailable",
            EnforceableReason::LedgerUnavailable => "LedgerUnavailable",
        }
    }
}

/// The reason of condition `Recorded`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordedReason {
    /// False: a sidecar's usage spool is full or cannot be written, so that calls that cost credits are refused there.
    SpoolRefuses,
    /// False: records of an earlier process were damaged, and what was set aside is still there.
    SpoolDamaged,
}

impl RecordedReason {
    /// As it is written in `status.conditions[].reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            RecordedReason::SpoolRefuses => "SpoolRefuses",
            RecordedReason::SpoolDamaged => "SpoolDamaged",
        }
    }
}
