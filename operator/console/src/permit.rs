//! What a person's change needs before it goes to the house. Users here were asked for their role by the call; guests, whom the cluster
//! knows, are let do what they might do there themselves. Called by the calls, each of whose changes goes through `Ask::write`; it must
//! never let one of a guest pass unasked.

use crate::answer::Failure;
use crate::ask::Ask;
use crate::house::{Change, Refused, Written, version};
use crate::ids::name_of;
use crate::rights::{self, Right};
use purser_compile::ObjectRef;

impl Ask {
    /// That RBAC lets a guest do this, as it is now; users here were asked for their role.
    ///
    /// # Errors
    /// 403 with what they lack; 503 when nobody can tell.
    pub(crate) async fn may(&self, right: &Right) -> Result<(), Failure> {
        if self.allows(right).await? {
            return Ok(());
        }
        let name = self.person()?.name();
        Err(Failure::new(
            403,
            format!("{name} may not {right}: RBAC does not allow it; have that verb granted there"),
        ))
    }

    /// Whether it does.
    pub(crate) async fn allows(&self, right: &Right) -> Result<bool, Failure> {
        let Some(guest) = &self.person()?.guest else {
            return Ok(true);
        };
        let answer = self.console.house.may(&guest.who, right).await;
        answer.map_err(|error| Failure {
            retry_after: Some(5),
            ..Failure::new(503, error)
        })
    }

    /// Makes a change, where a guest would be let make it at the cluster itself; and tells them no value that they could not read there.
    ///
    /// # Errors
    /// 403 with what they lack, and why the change was not made.
    pub(crate) async fn write(&self, change: Change) -> Result<Written, Failure> {
        let house = &self.console.house;
        let guest = self.person()?.guest.is_some();
        let change = if guest {
            self.asked(change).await?
        } else {
            change
        };
        let mut written = house.write(change).await?;
        if guest && written.value.is_some() {
            let at = written.secret.as_ref();
            let at = at.map_or(("", ""), |secret| (secret.namespace(), secret.name()));
            let get = Right::new("get", "secrets", at);
            // The change is made: where nobody can tell, the value stays where it is.
            if !self.allows(&get).await.unwrap_or(false) {
                written.value = None;
            }
        }
        Ok(written)
    }

    /// The change of a guest who may make it. What they need depends on the channel as it was looked at: so it is made of that one alone.
    async fn asked(&self, mut change: Change) -> Result<Change, Failure> {
        let seen = self.console.house.seen();
        for right in rights::of(&change, &seen) {
            self.may(&right).await?;
        }
        if let Change::Patch {
            of: ObjectRef::ProviderChannel(name),
            version: asked,
            ..
        } = &mut change
        {
            let mut channels = seen.channels.iter();
            let found = channels.find(|one| name_of(&one.metadata) == *name);
            let now = found.map(|found| version(&found.spec));
            if now.is_none() || (asked.is_some() && *asked != now) {
                return Err(Failure::from(Refused::Conflict(format!(
                    "ProviderChannel {name} has changed since it was read; read it again and decide anew"
                ))));
            }
            *asked = now;
        }
        Ok(change)
    }
}
