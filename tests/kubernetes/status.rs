//! What people see of what became of their objects: how many sidecars run them, and who refused them and why.

use super::cluster::{condition, field_of};
use super::operator::World;
use super::place::Place;
use super::stream::Stream;
use purser_config::stream::{FromOperator, FromSidecar};
use purser_config::{Fault, Name, Resource};
use serde_json::Value;

#[tokio::test]
async fn programmed_counts_the_sidecars_that_run_a_key_and_says_why_one_refused_it() {
    let world = World::shared().await;
    let place = Place::new(&world, "status").await;
    let [secret, key] = place.key("one", "open");
    let plan = place.plan("open", "models: {allow: ['*']}");
    place.apply(&[plan, secret, key]).await;
    let path = place.ours("apikeys", "one");
    let enforced = |wanted: &'static str| move |key: &Value| key["status"]["enforced"] == wanted;
    let until = async |wanted| {
        let what = format!("it says {wanted}");
        world.cluster.until(&what, &path, enforced(wanted)).await
    };
    let nobody = until("0/0").await;
    assert_eq!(field_of(&nobody, "Programmed", "reason"), "NoSidecars");
    let mut sidecars = place.sidecars(2).await;
    let both = until("2/2").await;
    assert_eq!(condition(&both, "Programmed"), "True");
    drop(sidecars.pop());
    until("1/1").await;

    let token = place.token_of_pod("stubborn").await;
    let mut stream = Stream::open(&world, &token).await.ok().unwrap();
    let FromOperator::Snapshot { version, .. } = stream.hello("stubborn-1").await else {
        unreachable!("hello waits for a snapshot");
    };
    until("1/2").await;
    let resource = Resource::Key(Name::new(&place.namespace, "one"));
    let reason = "its digest is odd".to_owned();
    stream.say(&FromSidecar::Nack {
        version,
        faults: vec![Fault { resource, reason }],
    });
    let refused = |key: &Value| field_of(key, "Programmed", "reason") == "Refused";
    let watching = world.cluster.until("the refusal is told", &path, refused);
    let never = stream.until(|_| false);
    let key = tokio::select! {
        key = watching => key,
        _ = never => unreachable!("nothing is so"),
    };
    let message = field_of(&key, "Programmed", "message");
    assert!(
        message.contains("1 of 2") && message.contains("its digest is odd"),
        "{message}"
    );
    assert_eq!(
        condition(&key, "Accepted"),
        "True",
        "the object itself makes sense"
    );
}
