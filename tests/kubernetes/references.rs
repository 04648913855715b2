//! Who may let a channel send a Secret: whoever may get it. A channel sends what it names to an address that its writer chose.

use super::cluster::{SOON, Said};
use super::operator::World;
use super::place::Place;
use std::time::Instant;

const REFUSED: &str = "must be allowed to get it";

impl Place {
    /// Applies a channel that names the Secret `provider`, as this user.
    async fn channel_by(&self, user: &str, url: &str, more: &str) -> Said {
        let spec = format!(
            "provider: OpenAICompatible, baseURL: '{url}', credentials: [{{secretRef: {{name: provider}}}}], models: [{{name: m}}]{more}"
        );
        let document = self.object("ProviderChannel", "named", &spec);
        let user = format!("--as={user}");
        let all = [
            "apply",
            "--server-side",
            "--force-conflicts",
            "-f",
            "-",
            &user,
        ];
        self.world.cluster.kubectl(&all, &document).await
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
}
