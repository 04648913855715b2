//! Who may let a channel send a Secret, or a key take its value from one: whoever may get it. A channel sends what it names to an address
//! that its writer chose, and a key shows the first letters of its value.

use super::cluster::{SOON, Said};
use super::operator::World;
use super::place::Place;
use std::time::Instant;

const REFUSED: &str = "must be allowed to get it";

impl Place {
    /// Applies an object, as this user.
    async fn writes(&self, user: &str, document: &str) -> Said {
        let user = format!("--as={user}");
        let all = [
            "apply",
            "--server-side",
            "--force-conflicts",
            "-f",
            "-",
            &user,
        ];
        self.world.cluster.kubectl(&all, document).await
    }

    /// Applies a channel that names the Secret `provider`, as this user.
    async fn channel_by(&self, user: &str, url: &str, more: &str) -> Said {
        self.channel_of("name: provider", (user, url, more)).await
    }

    /// The same, of a Secret that is named so.
    async fn channel_of(&self, named: &str, (user, url, more): (&str, &str, &str)) -> Said {
        let spec = format!(
            "provider: OpenAICompatible, baseURL: '{url}', credentials: [{{secretRef: {{{named}}}}}], models: [{{name: m}}]{more}"
        );
        let document = self.object("ProviderChannel", "named", &spec);
        self.writes(user, &document).await
    }

    async fn may(&self, user: &str, verbs: &str, what: &[&str]) {
        let namespace = format!("--namespace={}", self.namespace);
        let verbs = format!("--verb={verbs}");
        let name = format!("{user}-{}", what.len());
        let role = ["create", "role", &name, &verbs, &namespace];
        self.world.cluster.says(&[&role[..], what].concat()).await;
        let (role, who) = (format!("--role={name}"), format!("--user={user}"));
        let binding = ["create", "rolebinding", &name, &role, &who, &namespace];
        self.world.cluster.says(&binding).await;
    }
}

#[tokio::test]
async fn who_may_not_get_a_secret_lets_no_channel_send_it_and_turns_none_that_does() {
    let world = World::shared().await;
    let place = Place::new(&world, "references").await;
    let channels = ["--resource=providerchannels.purser.dev"];
    for user in ["channeller", "keeper"] {
        place.may(user, "get,create,patch,update", &channels).await;
    }
    let secret = ["--resource=secrets", "--resource-name=provider"];
    place.may("keeper", "get", &secret).await;
    let there = "https://api.example/v1";

    // API servers obey a new policy within seconds.
    let begun = Instant::now();
    let refused = loop {
        let said = place.channel_by("channeller", there, "").await;
        if !said.good {
            break said.err;
        }
        assert!(begun.elapsed() < SOON, "it was never refused");
        place
            .world
            .cluster
            .delete(&place.ours("providerchannels", "named"))
            .await;
    };
    assert!(refused.contains(REFUSED), "{refused}");
    let said = place.channel_by("keeper", there, "").await;
    assert!(said.good, "{}", said.err);
    // What is named already stays named, and only that.
    let said = place.channel_by("channeller", there, ", priority: 7").await;
    assert!(said.good, "{}", said.err);
    let header = ", headers: [{name: x-team, secretRef: {name: other}}]";
    let said = place.channel_by("channeller", there, header).await;
    assert!(said.err.contains(REFUSED), "{}", said.err);
    let elsewhere = place
        .channel_by("channeller", "https://elsewhere.example/v1", "")
        .await;
    assert!(elsewhere.err.contains(REFUSED), "{}", elsewhere.err);
    let named = "name: provider, key: other";
    let value = place.channel_of(named, ("channeller", there, "")).await;
    assert!(value.err.contains(REFUSED), "{}", value.err);
    for offer in ["from: All", "from: All, via: Sidecar"] {
        let more = format!(", namespaces: {{{offer}}}");
        let offered = place.channel_by("channeller", there, &more).await;
        assert!(offered.err.contains(REFUSED), "{offer}: {}", offered.err);
        let offered = place.channel_by("keeper", there, &more).await;
        assert!(offered.good, "{offer}: {}", offered.err);
    }
}

#[tokio::test]
async fn who_may_not_get_a_secret_makes_no_key_of_its_value() {
    let world = World::shared().await;
    let place = Place::new(&world, "named-by-keys").await;
    let keys = ["--resource=apikeys.purser.dev"];
    for user in ["tenant", "holder"] {
        place.may(user, "get,create,patch,update", &keys).await;
    }
    let secret = ["--resource=secrets", "--resource-name=provider"];
    place.may("holder", "get", &secret).await;
    let key = |more: &str| place.object("ApiKey", "one", &format!("plan: none{more}"));
    let said = place.writes("tenant", &key("")).await;
    assert!(said.good, "its own Secret is nobody's yet: {}", said.err);
    let named = key(", secretName: provider");
    // API servers obey a new policy within seconds.
    let begun = Instant::now();
    let refused = loop {
        let said = place.writes("tenant", &named).await;
        if !said.good {
            break said.err;
        }
        assert!(begun.elapsed() < SOON, "it was never refused");
        assert!(place.writes("tenant", &key("")).await.good);
    };
    assert!(refused.contains(REFUSED), "{refused}");
    let said = place.writes("holder", &named).await;
    assert!(said.good, "{}", said.err);
    let suspended = key(", secretName: provider, suspended: true");
    let said = place.writes("tenant", &suspended).await;
    assert!(said.good, "what is named stays named: {}", said.err);
}
