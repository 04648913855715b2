//! How soon what people change is obeyed by every sidecar. Each time is from the API server's answer to the change until the last
//! of three sidecars obeys it.

use super::operator::World;
use super::place::Place;
use super::pressure::figure;
use super::sidecar::{Sidecar, spread};
use purser_tests::provider::{Behaviour, Provider};
use serde_json::json;
use std::time::{Duration, Instant};

const AT_MOST: Duration = Duration::from_secs(1);

/// Three sidecars, one key on one plan, one channel with two models.
struct Scene {
    place: Place,
    sidecars: Vec<Sidecar>,
    provider: Provider,
}

impl Scene {
    async fn new(name: &str) -> Self {
        let world = World::shared().await;
        let place = Place::new(&world, name).await;
        let provider = Provider::start(Behaviour::healthy()).await.unwrap();
        let [secret, key] = place.key("one", "open");
        let documents = [
            place.plan("open", "models: {allow: [m, other]}"),
            place.channel("live", &provider.url(), "{name: m}, {name: other}"),
            secret,
            key,
        ];
        place.apply(&documents).await;
        let sidecars = place.sidecars(3).await;
        let scene = Scene {
            place,
            sidecars,
            provider,
        };
        scene.until_judged(Instant::now(), 200, "").await;
        scene
    }

    async fn until_judged(&self, since: Instant, status: u16, code: &str) -> Duration {
        let key = self.place.value("one");
        let so =
            async |sidecar: &Sidecar| sidecar.judged("m", &key).await == (status, code.to_owned());
        spread(&self.sidecars, since, so).await
    }

    async fn until_models(&self, since: Instant, models: &[&str]) -> Duration {
        let key = self.place.value("one");
        let so = async |sidecar: &Sidecar| sidecar.models(&key).await == models;
        spread(&self.sidecars, since, so).await
    }
}

fn soon(what: &str, taken: Duration) {
    figure(&format!(
        "{what}: {} ms until the last of 3 sidecars",
        taken.as_millis()
    ));
    assert!(taken < AT_MOST, "{what} took {taken:?}");
}

#[tokio::test]
async fn a_deleted_key_is_refused_by_every_sidecar_within_a_second() {
    let scene = Scene::new("deleted").await;
    let cluster = &scene.place.world.cluster;
    cluster.delete(&scene.place.ours("apikeys", "one")).await;
    let taken = scene
        .until_judged(Instant::now(), 401, "invalid_api_key")
        .await;
    soon("key deleted", taken);
    // Made anew while its Secret is still there, it works anew; then as people delete it.
    let [_, key] = scene.place.key("one", "open");
    scene.place.apply(&[key]).await;
    scene.until_judged(Instant::now(), 200, "").await;
    let delete = ["delete", "apikey", "one", "-n", &scene.place.namespace];
    cluster.says(&delete).await;
    let taken = scene
        .until_judged(Instant::now(), 401, "invalid_api_key")
        .await;
    soon("kubectl delete apikey", taken);
}

#[tokio::test]
async fn suspension_and_a_changed_plan_are_obeyed_within_a_second() {
    let scene = Scene::new("changed").await;
    let cluster = &scene.place.world.cluster;
    let key = scene.place.ours("apikeys", "one");
    let plan = scene.place.plan_path("open");
    cluster
        .change(&key, |key| key["spec"]["suspended"] = json!(true))
        .await;
    let taken = scene
        .until_judged(Instant::now(), 403, "api_key_suspended")
        .await;
    soon("key suspended", taken);
    cluster
        .change(&key, |key| key["spec"]["suspended"] = json!(false))
        .await;
    soon(
        "key resumed",
        scene.until_judged(Instant::now(), 200, "").await,
    );
    cluster
        .change(&plan, |plan| {
            plan["spec"]["models"]["allow"] = json!(["other"])
        })
        .await;
    let taken = scene
        .until_judged(Instant::now(), 404, "model_not_found")
        .await;
    soon("plan's models changed", taken);
    assert_eq!(
        scene.sidecars[0].models(&scene.place.value("one")).await,
        ["other"]
    );
    let limited = json!({"requestsPerMinute": 7});
    cluster
        .change(&plan, |plan| plan["spec"]["limits"] = limited.clone())
        .await;
    let since = Instant::now();
    let value = scene.place.value("one");
    let limit = async |sidecar: &Sidecar| {
        let answer = sidecar.chat("other", &value).await;
        answer.header("x-ratelimit-limit-requests") == Some("7")
    };
    soon(
        "plan's rate set",
        spread(&scene.sidecars, since, limit).await,
    );
}

#[tokio::test]
async fn a_new_channel_shows_its_model_within_a_second_and_takes_it_away_when_it_goes() {
    let scene = Scene::new("channels").await;
    let cluster = &scene.place.world.cluster;
    cluster
        .delete(&scene.place.ours("providerchannels", "live"))
        .await;
    soon(
        "channel deleted",
        scene.until_models(Instant::now(), &[]).await,
    );
    let url = scene.provider.url();
    let channel = json!({"apiVersion": "purser.dev/v1alpha1", "kind": "ProviderChannel",
        "metadata": {"name": "next"},
        "spec": {"provider": "OpenAICompatible", "baseURL": url, "models": [{"name": "other"}]}});
    let path = scene.place.ours("providerchannels", "");
    cluster.create(path.trim_end_matches('/'), &channel).await;
    soon(
        "channel added",
        scene.until_models(Instant::now(), &["other"]).await,
    );
}
