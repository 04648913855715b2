//! Credits that an administrator adds with an annotation: once, by whom the API server lets, and only while it is there to forbid the rest.

use super::cluster::{Said, field_of};
use super::metered::METERED;
use super::operator::World;
use super::place::Place;
use super::speaker::Speaker;
use purser_config::quota::Verdict;
use purser_config::{Name, Refusal};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

async fn scene(world: &Arc<World>, name: &str, plan: &str) -> Place {
    let place = Place::new(world, name).await;
    let [secret, key] = place.key("one", "plan");
    let plan = place.plan("plan", plan);
    place.apply(&[plan, secret, key]).await;
    place.until_key("one", "True").await;
    // Both may change keys; only the treasurer may credit them.
    for (user, verbs) in [
        ("tenant", "get,patch,update"),
        ("treasurer", "get,patch,credit"),
    ] {
        let role = format!("--verb={verbs}");
        let role = [
            "create",
            "role",
            user,
            &role,
            "--resource=apikeys.purser.dev",
        ];
        place.says(&role).await;
        let (role, who) = (format!("--role={user}"), format!("--user={user}"));
        place
            .says(&["create", "rolebinding", user, &role, &who])
            .await;
    }
    place
}

impl Place {
    /// kubectl in this namespace.
    async fn says(&self, arguments: &[&str]) -> String {
        let namespace = format!("--namespace={}", self.namespace);
        let all = [arguments, &[&namespace]].concat();
        self.world.cluster.says(&all).await
    }

    /// `kubectl annotate` of the key, as this user.
    async fn annotate(&self, user: &str, annotation: &str) -> Said {
        let namespace = format!("--namespace={}", self.namespace);
        let user = format!("--as={user}");
        let all = [
            "annotate",
            "apikey",
            "one",
            annotation,
            &namespace,
            &user,
            "--overwrite",
        ];
        self.world.cluster.kubectl(&all, "").await
    }

    /// The reasons of the Events about an object.
    pub(super) async fn reasons_about(&self, name: &str) -> Vec<String> {
        let path = format!(
            "/apis/events.k8s.io/v1/namespaces/{}/events",
            self.namespace
        );
        let list = self.world.cluster.get(&path).await;
        let about = |event: &&Value| event["regarding"]["name"] == name;
        let events = list["items"].as_array().into_iter().flatten().filter(about);
        let reasons = events.filter_map(|event| event["reason"].as_str());
        reasons.map(str::to_owned).collect()
    }

    /// Waits until the key says this of its credits, and no entry waits any more.
    async fn until_credited(&self, reason: &str, left: &str) -> Value {
        let path = self.ours("apikeys", "one");
        let so = |key: &Value| {
            let annotations = key["metadata"]["annotations"].to_string();
            field_of(key, "Credited", "reason") == reason
                && key["status"]["creditsLeft"] == left
                && !annotations.contains("credit.purser.dev/")
                && !annotations.contains("renew.purser.dev/")
        };
        let what = format!("it says {reason} and {left} left");
        self.world.cluster.until(&what, &path, so).await
    }
}

#[tokio::test]
async fn credits_are_added_once_by_an_id_and_only_by_who_has_the_verb() {
    let world = World::shared().await;
    // API servers obey a policy soon after it was made, and the operator believes in it a little later.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let place = scene(&world, "credit", METERED).await;
    let id = format!("credit.purser.dev/{}", place.namespace);
    let add = format!("{id}=500.5");
    let forbidden = place.annotate("tenant", &add).await;
    assert!(
        !forbidden.good && forbidden.err.contains("verb credit"),
        "{forbidden:?}"
    );
    let harmless = place.annotate("tenant", "team=search").await;
    assert!(harmless.good, "{harmless:?}");
    let allowed = place.annotate("treasurer", &add).await;
    assert!(allowed.good, "{allowed:?}");
    let key = place.until_credited("Credited", "503.5").await;
    let message = field_of(&key, "Credited", "message");
    assert!(message.contains("500.5 credits were added"), "{message}");
    assert!(
        place
            .reasons_about("one")
            .await
            .contains(&"Credited".to_owned())
    );

    // The same entry again is no second one; another amount under its id is refused, and stays to be seen.
    assert!(place.annotate("treasurer", &add).await.good);
    place.until_credited("Credited", "503.5").await;
    assert!(place.annotate("treasurer", &format!("{id}=7")).await.good);
    let path = place.ours("apikeys", "one");
    let refused = |key: &Value| field_of(key, "Credited", "reason") == "Refused";
    let key = world
        .cluster
        .until("the other amount is refused", &path, refused)
        .await;
    assert_eq!(key["status"]["creditsLeft"], "503.5");
    let removal = format!("{id}-");
    let forbidden = place.annotate("tenant", &removal).await;
    assert!(!forbidden.good, "a tenant removed an administrator's entry");
    assert!(place.annotate("treasurer", &removal).await.good);
    let renew = format!("renew.purser.dev/{}=", place.namespace);
    assert!(place.annotate("treasurer", &renew).await.good);
    place.until_credited("Renewed", "503.5").await;
}

#[tokio::test]
async fn without_the_policy_nothing_is_credited() {
    let world = World::own(&["--usage-status-every=1s"]).await;
    let place = scene(&world, "unguarded", METERED).await;
    let delete = [
        "delete",
        "validatingadmissionpolicybinding",
        "purser-credit",
    ];
    world.cluster.says(&delete).await;
    let add = "credit.purser.dev/gift=500";
    let path = place.ours("apikeys", "one");
    // The API server forgets the policy in its own time.
    while !place.annotate("tenant", add).await.good {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let told = |key: &Value| field_of(key, "Credited", "reason") == "NotGuarded";
    world.cluster.until("it is not acted on", &path, told).await;
    let key = place.until_credited("NotGuarded", "3").await;
    let message = field_of(&key, "Credited", "message");
    assert!(message.contains("credit-policy.yaml"), "{message}");
    assert!(
        place
            .reasons_about("one")
            .await
            .contains(&"CreditRefused".to_owned())
    );
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let policy = format!("{root}/operator/credit-policy.yaml");
    world.cluster.says(&["apply", "-f", &policy]).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(place.annotate("treasurer", add).await.good);
    place.until_credited("Credited", "503").await;
}

#[tokio::test]
async fn a_pass_that_is_over_is_refused_with_its_end_and_works_again_once_renewed() {
    let world = World::shared().await;
    let pass = "validity: {duration: 7s, startsAt: FirstUse}, models: {allow: ['*']}";
    let place = scene(&world, "pass", pass).await;
    let key = Name::new(&place.namespace, "one");
    let mut one = Speaker::new(&place, "one").await;
    let grant = one.ask(&key).await;
    let ends = grant.expires_at_ms.expect("it ends");
    assert!(matches!(grant.verdict, Verdict::Granted { .. }));
    let over = loop {
        match one.ask(&key).await.verdict {
            Verdict::Granted { .. } => tokio::time::sleep(Duration::from_millis(50)).await,
            Verdict::Refused { code, message } => break (unix_ms(), code, message),
            other => panic!("neither granted nor over: {other:?}"),
        }
    };
    assert!((ends..ends + 1_000).contains(&over.0), "within a second");
    assert_eq!(over.1, Refusal::PlanExpired);
    let (plan, moment) = (place.wide("plan"), purser_config::calendar::moment(ends));
    assert!(
        over.2.contains(&plan) && over.2.contains(&moment),
        "{over:?}"
    );
    let renew = format!("renew.purser.dev/{}=", place.namespace);
    assert!(place.annotate("treasurer", &renew).await.good);
    let path = place.ours("apikeys", "one");
    let renewed = |key: &Value| field_of(key, "Credited", "reason") == "Renewed";
    world.cluster.until("it is renewed", &path, renewed).await;
    let grant = one.ask(&key).await;
    assert!(
        matches!(grant.verdict, Verdict::Granted { .. }),
        "{grant:?}"
    );
    assert!(grant.expires_at_ms > Some(ends));
}

fn unix_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_millis() as u64
}
